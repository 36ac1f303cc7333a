"""Where Python and NumPy keep what native code must read, and the addresses of what it must call.

Offsets follow from the size of an object's header and NumPy's stable structure `PyArrayObject_fields`; the functions come from
`ctypes.pythonapi` and from NumPy's table of C functions, whose order is part of NumPy's ABI. All of it is verified on
known objects before it is used, and `interface()` is None where something differs.
"""

from __future__ import annotations

import ctypes
import functools
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np

C_CONTIGUOUS, ALIGNED, WRITEABLE = 0x1, 0x100, 0x400
# Positions in NumPy's table of C functions (numpy/__multiarray_api.h), the same in all versions 2.x.
_VERSION, _ARRAY_TYPE, _SCALAR, _NEW_FROM_DESCR, _SET_HANDLER = 0, 2, 60, 94, 304
_ABI_VERSION = 0x2000000
_PYTHON_FUNCTIONS = {
    "new_tuple": "PyTuple_New",
    "set_item": "PyTuple_SetItem",
    "increment": "Py_IncRef",
    "decrement": "Py_DecRef",
    "save_thread": "PyEval_SaveThread",
    "restore_thread": "PyEval_RestoreThread",
    "new_integer": "PyLong_FromLongLong",
}


@dataclass(frozen=True)
class Offsets:
    """Bytes from the start of an object to what is read there; `value` is a NumPy number's (and a Python float's) own.

    >>> Offsets.of(16).flags
    64
    """

    type: int
    data: int
    rank: int
    dimensions: int
    descriptor: int
    flags: int
    value: int
    kind: int  # in a dtype: kind, character, byte order and type number, 8 bytes

    @classmethod
    def of(cls, header: int) -> Offsets:
        """The offsets where an object's header has `header` bytes; the type pointer is its last word."""
        return cls(
            type=header - 8,
            data=header,
            rank=header + 8,
            dimensions=header + 16,
            descriptor=header + 40,
            flags=header + 48,
            value=header,
            kind=header + 8,
        )


@dataclass(frozen=True)
class Interface:
    """Offsets, and addresses of functions by name (`new_array`, `new_number`, `new_tuple` …).

    >>> found = interface()
    >>> found is None or "new_array" in found.functions
    True
    """

    offsets: Offsets
    functions: dict[str, int]


def word_at(address: int) -> int:
    """The 64-bit integer at an address.

    >>> value = ctypes.c_int64(7)
    >>> word_at(ctypes.addressof(value))
    7
    """
    return ctypes.c_int64.from_address(address).value


@functools.cache
def interface() -> Interface | None:
    """What native code needs to know of this Python and this NumPy; None where it cannot be verified.

    >>> interface() is interface()
    True
    """
    if ctypes.sizeof(ctypes.c_void_p) != 8 or sys.byteorder != "little":
        return None
    offsets = Offsets.of(object.__basicsize__)
    if not (_arrays_match(offsets) and _numbers_match(offsets)):
        return None
    functions = _functions()
    return None if functions is None else Interface(offsets, functions)


def _arrays_match(offsets: Offsets) -> bool:
    base = np.arange(60, dtype=np.float32).reshape(3, 4, 5)
    frozen = np.ones((2, 0), np.int64)
    frozen.flags.writeable = False
    shifted = np.zeros(17, np.uint8)[1:].view(np.float64)
    for array in (base, base[:, ::2], base.T, frozen, shifted, np.array(1.5), np.ones(3, bool)):
        start = id(array)
        seen = (
            word_at(start + offsets.type),
            word_at(start + offsets.data),
            ctypes.c_int32.from_address(start + offsets.rank).value,
            word_at(start + offsets.descriptor),
            ctypes.c_int32.from_address(start + offsets.flags).value,
        )
        if seen != (id(np.ndarray), array.ctypes.data, array.ndim, id(array.dtype), array.flags.num):
            return False
        # Only now that its neighbours are where they should be is the pointer to the dimensions followed.
        dimensions = word_at(start + offsets.dimensions)
        if tuple(word_at(dimensions + 8 * axis) for axis in range(array.ndim)) != array.shape:
            return False
        kind = ctypes.string_at(id(array.dtype) + offsets.kind, 8)
        order = array.dtype.byteorder
        if kind[:3] != (array.dtype.kind + array.dtype.char + order).encode() or kind[4:] != array.dtype.num.to_bytes(
            4, "little"
        ):
            return False
    flagged = base.flags.num, base.T.flags.num, frozen.flags.num
    wanted = C_CONTIGUOUS | ALIGNED | WRITEABLE
    return flagged[0] & wanted == wanted and not flagged[1] & C_CONTIGUOUS and not flagged[2] & WRITEABLE


def _numbers_match(offsets: Offsets) -> bool:
    for number in (1.5, *(dtype.type(37) for dtype in map(np.dtype, "dfeqihbQIHB?"))):
        array = np.asarray(number)
        start = id(number)
        if word_at(start + offsets.type) != id(type(number)):
            return False
        if ctypes.string_at(start + offsets.value, array.itemsize) != array.tobytes():
            return False
    return True


def _functions() -> dict[str, int] | None:
    """The addresses by name; None where NumPy's table is not what it should be."""
    python = ctypes.pythonapi
    functions = {
        name: ctypes.cast(getattr(python, symbol), ctypes.c_void_p).value for name, symbol in _PYTHON_FUNCTIONS.items()
    }
    capsule = getattr(np._core._multiarray_umath, "_ARRAY_API", None)  # type: ignore[attr-defined]
    if capsule is None:
        return None
    pointer = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(("PyCapsule_GetPointer", python))
    table = pointer(capsule, None)
    if not table or word_at(table + 8 * _ARRAY_TYPE) != id(np.ndarray):
        return None
    if ctypes.PYFUNCTYPE(ctypes.c_uint)(word_at(table + 8 * _VERSION))() != _ABI_VERSION:
        return None
    functions["new_array"] = word_at(table + 8 * _NEW_FROM_DESCR)
    functions["set_handler"] = word_at(table + 8 * _SET_HANDLER)
    functions["new_number"] = word_at(table + 8 * _SCALAR)
    found: dict[str, Any] = {name: address for name, address in functions.items() if address}
    return found if len(found) == len(functions) and _makes_numbers(found["new_number"]) else None


def _makes_numbers(address: int) -> bool:
    """Whether NumPy's function makes a number from memory, as a last check of the table's order."""
    value = np.array([2.5])
    make = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p)(address)
    made = make(value.ctypes.data, value.dtype, None)
    return type(made) is np.float64 and made == 2.5
