"""The matrix products of the BLAS that NumPy itself has loaded, as addresses that native code can call.

A second BLAS would bring a second pool of threads and other last bits than NumPy's, so none is ever loaded: the shared object of
NumPy's core is asked for the symbol, and the system's linker finds it in whatever that object depends on.
"""

from __future__ import annotations

import ctypes
import functools
import platform
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np

# How builds of BLAS name `cblas_dgemm`, and whether the name promises 64-bit sizes: NumPy's own wheels, OpenBLAS with a suffix,
# Apple's Accelerate, OpenBLAS with 32-bit sizes from SciPy's wheels, and everybody else (reference, MKL, Debian, conda).
_NAMES = (
    ("scipy_cblas_{}64_", True),
    ("cblas_{}64_", True),
    ("cblas_{}$NEWLAPACK$ILP64", True),
    ("scipy_cblas_{}", False),
    ("cblas_{}", False),
)
_ROUTINES = {"f64": "dgemm", "f32": "sgemm"}
_REAL = {"f64": ctypes.c_double, "f32": ctypes.c_float}
# The processors that OpenBLAS has routines with 512-bit vectors for, by its own names; it does not use them on all that have them.
_WIDE_CORES = ("skylakex", "cooperlake", "sapphirerapids")
ROW_MAJOR, PLAIN, TRANSPOSED = 101, 111, 112


@dataclass(frozen=True)
class Blas:
    """Where the general matrix products lie: `gemm["f64"]` is the address of `cblas_dgemm`, and `limit` the largest size it takes.

    `wide` is False where it is known to leave 512-bit vectors unused.

    >>> blas = find_blas()
    >>> blas is None or sorted(blas.gemm) == ["f32", "f64"]
    True
    """

    gemm: dict[str, int]
    limit: int
    name: str
    wide: bool = True


def _verified(address: int, type_: str) -> bool:
    """Whether a product with both transpositions, odd leading dimensions, alpha and beta comes out right with 64-bit sizes."""
    real = _REAL[type_]
    size = ctypes.c_int64
    flag = ctypes.c_int
    pointer = ctypes.c_void_p
    call = ctypes.CFUNCTYPE(
        None, flag, flag, flag, size, size, size, real, pointer, size, pointer, size, real, pointer, size
    )(address)
    dtype = np.float64 if type_ == "f64" else np.float32
    a = np.arange(1.0, 21.0).astype(dtype).reshape(4, 5)  # op(A) is the transpose of the first 2 columns of 3 rows
    b = np.arange(-3.0, 27.0).astype(dtype).reshape(5, 6)  # op(B) is the transpose of the first 3 columns of 4 rows
    c = np.arange(24.0).astype(dtype).reshape(4, 6)
    expected = c.copy()
    expected[:2, :4] = 2 * (a[:3, :2].T @ b[:4, :3].T) + 3 * c[:2, :4]
    call(ROW_MAJOR, TRANSPOSED, TRANSPOSED, 2, 4, 3, 2.0, a.ctypes.data, 5, b.ctypes.data, 6, 3.0, c.ctypes.data, 6)
    return bool(np.array_equal(c, expected))


def _uses_wide_vectors(core: Any) -> bool:
    """Whether the BLAS may use 512-bit vectors here: OpenBLAS says which processor its routines were chosen for."""
    for prefix in ("scipy_openblas", "openblas"):
        for suffix in ("64_", ""):
            name = getattr(core, f"{prefix}_get_corename{suffix}", None)
            if name is not None:
                name.restype = ctypes.c_char_p
                return (name() or b"").decode().lower() in _WIDE_CORES
    return True


def _core() -> Any:
    """NumPy's core as a shared object; looking a symbol up in it also searches what it was linked with."""
    module = sys.modules.get("numpy._core._multiarray_umath")
    path = getattr(module, "__file__", None)
    return None if path is None else ctypes.CDLL(path)  # loaded long ago: the system gives the same one again


@functools.cache
def find_blas() -> Blas | None:
    """NumPy's own BLAS, tried out with a small product; None where it has none that can be called, and then NumPy is called.

    >>> find_blas() is find_blas()
    True
    """
    if sys.platform == "win32":
        return None  # a symbol look-up there does not search what a library depends on
    try:
        core = _core()
    except OSError:
        return None
    if core is None:
        return None
    packed = sys.platform == "darwin" and platform.machine() == "arm64"
    for name, wide in _NAMES:
        if packed and not wide:
            continue  # arguments on the stack take their own size there, so 64-bit sizes must not meet a 32-bit routine
        found: dict[str, Any] = {
            type_: getattr(core, name.format(routine), None) for type_, routine in _ROUTINES.items()
        }
        if None in found.values():
            continue
        # Elsewhere an argument takes 8 bytes whatever its size, so that 64-bit sizes below 2³¹ suit either kind of routine.
        addresses = {type_: ctypes.cast(routine, ctypes.c_void_p).value or 0 for type_, routine in found.items()}
        if all(_verified(address, type_) for type_, address in addresses.items()):
            return Blas(addresses, 2**63 - 1 if wide else 2**31 - 1, name.format("gemm"), _uses_wide_vectors(core))
    return None
