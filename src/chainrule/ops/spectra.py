"""Eigenvalues and eigenvectors: `eigh`, `eig` and their forms without vectors.

NumPy's `eigh` (and `cholesky`) read one triangle of the matrix only, so the gradient stands in that triangle; write
`(a + a.T) / 2` for the gradient with respect to a symmetric matrix. Where eigenvalues coincide, their sum and other symmetric
functions have a derivative and the single vectors have none: a gradient through the vectors is NaN there.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.errors import UnsupportedError
from chainrule.notation import call
from chainrule.ops.linalg import adjoint, conjugate, regular, solution, square_type
from chainrule.ops.structure import as_value, reduce_sum
from chainrule.primitive import operations, sample, stand_in
from chainrule.shapes import ArrayType, real_of
from chainrule.trace import primitive
from chainrule.traced import undifferentiated

PHASE_IS_FREE = (
    "The phase of a complex eigenvector or singular vector is not determined here, so a gradient through it does not exist. "
    "Use what does not depend on the phase, such as np.abs(v) or v * v.conj()."
)

# -- words of this layer -----------------------------------------------------------------------------------------------


def on_diagonal(vector: Any) -> Any:
    """Diagonal matrices.

    >>> on_diagonal(np.array([1.0, 2.0]))
    array([[1., 0.],
           [0., 2.]])
    """
    return vector[..., None, :] * np.eye(vector.shape[-1], dtype=real_of(vector.dtype))


def diagonal_of(matrix: Any) -> Any:
    """The diagonals of square matrices.

    >>> diagonal_of(np.array([[1.0, 2.0], [3.0, 4.0]]))
    array([1., 4.])
    """
    return reduce_sum(
        matrix * np.eye(matrix.shape[-1], dtype=real_of(matrix.dtype)), axis=(matrix.ndim - 1,), keepdims=False
    )


def in_triangle(contribution: Any, upper: bool) -> Any:
    """The cotangent of the triangle that a function of Hermitian matrices reads, from that of the whole matrix.

    >>> in_triangle(np.ones((2, 2)), upper=False)
    array([[1., 0.],
           [2., 1.]])
    """
    n = contribution.shape[-1]
    dtype = real_of(contribution.dtype)
    triangle = np.tri(n, k=-1, dtype=dtype)
    folded = (contribution + adjoint(contribution)) * (triangle.T if upper else triangle)
    diagonal = contribution * np.eye(n, dtype=dtype)
    return folded + (operations["real"](diagonal) if contribution.dtype.kind == "c" else diagonal)


def reciprocal_gaps(values: Any) -> Any:
    """1 / (v_j - v_i) off the diagonal, and 0 on it; NaN where two values coincide.

    >>> reciprocal_gaps(np.array([1.0, 3.0]))
    array([[ 0. ,  0.5],
           [-0.5,  0. ]])
    """
    n = values.shape[-1]
    unit = np.eye(n, dtype=real_of(values.dtype))
    gaps = values[..., None, :] - values[..., :, None]
    coincident = (undifferentiated(gaps) == 0) & (unit == 0)
    if np.any(coincident):
        gaps = gaps + np.where(coincident, np.nan, 0.0).astype(unit.dtype)
    return (1.0 - unit) / (gaps + unit)


def symmetric(rng: np.random.Generator, *shape: int) -> np.ndarray[Any, Any]:
    """Random symmetric matrices with well separated eigenvalues, for the tests."""
    x = rng.normal(size=shape)
    return (x + x.mT) / 4 + np.diag(np.arange(1.0, shape[-1] + 1) * 2)


def fixed_phase(g: Any, vectors: Any) -> Any:
    """The cotangent of complex vectors whose free phase LAPACK fixes by making one element of each real.

    The phase turns with the other elements; its part of the cotangent goes to the real element's imaginary part.
    """
    if vectors.dtype.kind != "c" or vectors.size == 0:
        return g
    plain = undifferentiated(vectors)
    sizes = np.where(plain.imag == 0, np.abs(plain), -1.0)
    largest = sizes.argmax(axis=-2)[..., None, :]
    chosen = np.arange(plain.shape[-2])[:, None] == largest
    if np.any(sizes.max(axis=-2) <= 0):
        raise UnsupportedError(PHASE_IS_FREE)
    mask = chosen.astype(real_of(vectors.dtype))
    pivot = reduce_sum(operations["real"](vectors) * mask, axis=(vectors.ndim - 2,), keepdims=True)
    turned = operations["imag"](reduce_sum(vectors * g, axis=(vectors.ndim - 2,), keepdims=True))
    return g - 1j * (mask * (turned / pivot))


# -- Hermitian matrices ------------------------------------------------------------------------------------------------


def _eigh_rule(wanted: Any, g: Any, y: Any, x: Any, *, upper: bool) -> list[Any]:
    values_above, vectors_above = g
    values, vectors = y
    inner = None
    if vectors_above is not None:
        above = fixed_phase(vectors_above, vectors)
        inner = (vectors.mT @ above) * reciprocal_gaps(values)
    if values_above is not None:
        diagonal = on_diagonal(values_above)
        inner = diagonal if inner is None else inner + diagonal
    if inner is None:
        return [None]
    return [in_triangle(conjugate(vectors) @ inner @ vectors.mT, upper)]


def _eigh_type(a: ArrayType, *, upper: bool) -> tuple[ArrayType, ArrayType]:
    result = square_type(a)
    return ArrayType(result.shape[:-1], real_of(result.dtype)), result


def _eigh(x: Any, *, upper: bool) -> Any:
    return tuple(np.linalg.eigh(x, "U" if upper else "L"))


hermitian_spectrum = primitive(
    "eigh",
    forward=_eigh,
    vjp=_eigh_rule,
    shape=_eigh_type,
    outputs=2,
    analytic=False,
    notation=call(r"\operatorname{eigh}", "eigh"),
    samples=(
        sample(make=lambda rng: (symmetric(rng, 3, 3),), upper=False),
        sample(make=lambda rng: (symmetric(rng, 2, 4, 4),), upper=True),
    ),
)
EighResult = type(np.linalg.eigh(np.eye(1)))


def _is_upper(letter: str) -> bool:
    if letter.upper() not in ("L", "U"):
        raise ValueError("UPLO argument must be 'L' or 'U'")
    return letter.upper() == "U"


@stand_in(np.linalg.eigh)
def eigh(a: Any, UPLO: str = "L") -> Any:  # noqa: N803 NumPy's name
    """Eigenvalues and eigenvectors of symmetric or Hermitian matrices, as `numpy.linalg.eigh`.

    Only the triangle named by UPLO is read, and the gradient stands there.

    >>> eigh(np.array([[2.0, 0.0], [0.0, 1.0]])).eigenvalues
    array([1., 2.])
    """
    return EighResult(*hermitian_spectrum(as_value(a), upper=_is_upper(UPLO)))


@stand_in(np.linalg.eigvalsh)
def eigvalsh(a: Any, UPLO: str = "L") -> Any:  # noqa: N803 NumPy's name
    """Eigenvalues of symmetric or Hermitian matrices, as `numpy.linalg.eigvalsh`.

    >>> eigvalsh(np.array([[2.0, 0.0], [0.0, 1.0]]))
    array([1., 2.])
    """
    return hermitian_spectrum(as_value(a), upper=_is_upper(UPLO))[0]


# -- general matrices --------------------------------------------------------------------------------------------------


def _eig_rule(wanted: Any, g: Any, y: Any, x: Any) -> list[Any]:
    values_above, vectors_above = g
    values, vectors = y
    inner = None
    if vectors_above is not None:
        above = fixed_phase(vectors_above, vectors)
        projected = vectors.mT @ above
        stretch = diagonal_of(projected)  # the vectors have length 1: no change along themselves
        if stretch.dtype.kind == "c":
            stretch = operations["real"](stretch)
        inner = (projected - vectors.mT @ (conjugate(vectors) * stretch[..., None, :])) * reciprocal_gaps(values)
    if values_above is not None:
        diagonal = on_diagonal(values_above)
        inner = diagonal if inner is None else inner + diagonal
    if inner is None:
        return [None]
    return [solution(vectors.mT, inner @ vectors.mT)]


def _complex_eig(x: Any) -> Any:
    values, vectors = np.linalg.eig(x)
    dtype = np.result_type(vectors.dtype, np.complex64)
    return values.astype(dtype, copy=False), vectors.astype(dtype, copy=False)


def _eig_type(a: ArrayType) -> tuple[ArrayType, ArrayType]:
    result = square_type(a)
    dtype = np.result_type(result.dtype, np.complex64)
    return ArrayType(result.shape[:-1], dtype), result.retyped(dtype)


spectrum = primitive(
    "eig",
    forward=_complex_eig,
    vjp=_eig_rule,
    shape=_eig_type,
    outputs=2,
    analytic=False,
    notation=call(r"\operatorname{eig}", "eig"),
    samples=(
        sample(make=lambda rng: (symmetric(rng, 3, 3) + 0.1 * regular(rng, 3, 3),)),
        sample(make=lambda rng: (rng.normal(size=(2, 3, 3)),)),
    ),
)
EigResult = type(np.linalg.eig(np.eye(1)))


def _as_numpy_gives_it(a: Any) -> tuple[Any, Any]:
    """Values and vectors, real ones where the matrix is real and has no complex eigenvalue."""
    a = as_value(a)
    values, vectors = spectrum(a)
    if a.dtype.kind == "c" or np.any(undifferentiated(values).imag != 0):
        return values, vectors
    return operations["real"](values), operations["real"](vectors)


@stand_in(np.linalg.eig)
def eig(a: Any) -> Any:
    """Eigenvalues and eigenvectors of square matrices, as `numpy.linalg.eig`; complex where they are.

    >>> eig(np.array([[2.0, 1.0], [0.0, 1.0]])).eigenvalues
    array([2., 1.])
    """
    return EigResult(*_as_numpy_gives_it(a))


@stand_in(np.linalg.eigvals)
def eigvals(a: Any) -> Any:
    """Eigenvalues of square matrices, as `numpy.linalg.eigvals`.

    >>> eigvals(np.array([[2.0, 1.0], [0.0, 1.0]]))
    array([2., 1.])
    """
    return _as_numpy_gives_it(a)[0]


__all__ = ["eig", "eigh", "eigvals", "eigvalsh"]
