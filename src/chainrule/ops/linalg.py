"""Linear algebra with inverses: `inv`, `det`, `slogdet`, `solve` and what NumPy builds from them.

The determinant's derivative is the matrix of cofactors. It is a polynomial in the elements, so it is right for singular matrices
too: there it comes from the singular values, elsewhere from the inverse.
"""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from chainrule.errors import ShapeError
from chainrule.notation import call, power
from chainrule.ops.matrix import matmul
from chainrule.ops.structure import as_value, reduce_sum, reshape
from chainrule.primitive import functions, operations, sample, stand_in
from chainrule.shapes import ArrayType, real_of
from chainrule.trace import primitive
from chainrule.traced import concrete, prototype, undifferentiated

# -- words of this layer -----------------------------------------------------------------------------------------------


def conjugate(x: Any) -> Any:
    """The complex conjugate; a real array as it is.

    >>> conjugate(np.array([1 + 2j]))
    array([1.-2.j])
    """
    return operations["conjugate"](x) if x.dtype.kind == "c" else x


def adjoint(x: Any) -> Any:
    """The conjugate transpose of matrices.

    >>> adjoint(np.array([[1j, 2.0]]))
    array([[0.-1.j],
           [2.-0.j]])
    """
    return conjugate(x.mT)


def precision(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype in which linear algebra runs: whole numbers become float64.

    >>> precision(np.dtype("int8"))
    dtype('float64')
    """
    return dtype if dtype.kind in "fc" else np.dtype(float)


def square_type(a: ArrayType, **_: Any) -> ArrayType:
    """The type of a matrix function: square matrices in, the same shape out."""
    if a.ndim < 2 or a.shape[-1] != a.shape[-2]:
        raise ValueError(f"the matrices must be square, not of shape {a.shape}")
    return a.retyped(precision(a.dtype))


def regular(rng: np.random.Generator, *shape: int) -> np.ndarray[Any, Any]:
    """Random square matrices far from singular, for the tests."""
    return rng.normal(size=shape) + 3.0 * np.eye(shape[-1])


# -- inverse and solution ----------------------------------------------------------------------------------------------


def _inverse_rule(g: Any, y: Any, x: Any) -> Any:
    back = y.mT
    return -(back @ g @ back)


inverse = primitive(
    "inv",
    forward=np.linalg.inv,
    vjp=(_inverse_rule,),
    shape=square_type,
    notation=power("**-1"),
    samples=(
        sample(make=lambda rng: (regular(rng, 3, 3),)),
        sample(make=lambda rng: (regular(rng, 2, 4, 4),)),
        sample(make=lambda rng: (np.zeros((0, 0)),)),
    ),
)


@stand_in(np.linalg.inv)
def inv(a: Any) -> Any:
    """The inverse of square matrices, as `numpy.linalg.inv`.

    >>> inv(np.array([[2.0, 0.0], [0.0, 4.0]]))
    array([[0.5 , 0.  ],
           [0.  , 0.25]])
    """
    return inverse(as_value(a))


def _solve_type(a: ArrayType, b: ArrayType) -> ArrayType:
    square_type(a)
    dtype = np.result_type(precision(a.dtype), precision(b.dtype))
    if b.ndim == 1:
        return ArrayType((*a.shape[:-2], a.shape[-1]), dtype)
    return ArrayType((*np.broadcast_shapes(a.shape[:-2], b.shape[:-2]), a.shape[-1], b.shape[-1]), dtype)


def _solve_right(g: Any, y: Any, a: Any, b: Any) -> Any:
    if b.ndim > 1 or g.ndim == 1:
        return solution(a.mT, g)
    return solution(a.mT, g[..., None])[..., 0]


def _solve_left(g: Any, y: Any, a: Any, b: Any) -> Any:
    back = _solve_right(g, y, a, b)
    return -(back[..., :, None] * y[..., None, :]) if b.ndim == 1 else -(back @ y.mT)


solution = primitive(
    "solve",
    forward=np.linalg.solve,
    vjp=(_solve_left, _solve_right),
    shape=_solve_type,
    notation=call(r"\operatorname{solve}", "solve"),
    samples=(
        sample(make=lambda rng: (regular(rng, 3, 3), rng.normal(size=3))),
        sample(make=lambda rng: (regular(rng, 3, 3), rng.normal(size=(3, 2)))),
        sample(make=lambda rng: (regular(rng, 4, 3, 3), rng.normal(size=3))),
        sample(make=lambda rng: (regular(rng, 4, 1, 3, 3), rng.normal(size=(2, 3, 5)))),
    ),
)


@stand_in(np.linalg.solve)
def solve(a: Any, b: Any) -> Any:
    """The solution x of a x = b, as `numpy.linalg.solve`; b is one vector, or matrices.

    >>> solve(np.array([[2.0, 0.0], [0.0, 4.0]]), np.array([2.0, 2.0]))
    array([1. , 0.5])
    """
    return solution(as_value(a), as_value(b))


# -- determinants ------------------------------------------------------------------------------------------------------

WELL_CONDITIONED = 1e4  # up to this condition number the cofactors are taken from the inverse


def _products_without(values: Any, holes: int) -> Any:
    """Products of singular values with one of them left out (a vector), or two of them (a matrix, zero on its diagonal)."""
    n = values.shape[-1]
    keep = 1.0 - np.eye(n)
    if holes == 1:
        return np.prod(np.where(keep == 1, values[..., None, :], 1.0), axis=-1)
    pair = keep[:, None, :] * keep[None, :, :]
    return np.prod(np.where(pair == 1, values[..., None, None, :], 1.0), axis=-1) * keep


def _cofactor(x: Any) -> Any:
    n = x.shape[-1]
    if n == 0 or x.size == 0:
        return np.zeros(x.shape, precision(x.dtype))
    u, s, vh = np.linalg.svd(x)
    if np.all(s[..., 0] < WELL_CONDITIONED * s[..., -1]):
        return np.linalg.det(x)[..., None, None] * np.linalg.inv(x).mT
    scale = (np.linalg.det(u) * np.linalg.det(vh))[..., None, None]
    return (scale * (u.conj() * _products_without(s, 1)[..., None, :]) @ vh.conj()).astype(
        precision(x.dtype), copy=False
    )


def _cofactor_change(x: Any, g: Any) -> Any:
    """The derivative of the cofactors in direction g (a symmetric map: the second derivative of the determinant)."""
    if x.size == 0:
        return np.zeros(g.shape, np.result_type(precision(x.dtype), precision(g.dtype)))
    u, s, vh = np.linalg.svd(x)
    inner = adjoint(u) @ g @ adjoint(vh)
    products = _products_without(s, 2)
    turned = -products * inner.mT
    diagonal = (products @ np.diagonal(inner, axis1=-2, axis2=-1)[..., None])[..., 0]
    turned = turned + diagonal[..., None] * np.eye(s.shape[-1])
    scale = (np.linalg.det(u) * np.linalg.det(vh))[..., None, None]
    return (scale * u.conj() @ turned @ vh.conj()).astype(
        np.result_type(precision(x.dtype), precision(g.dtype)), copy=False
    )


def _far_from_singular(x: Any) -> bool:
    with np.errstate(all="ignore"):
        return bool(np.all(np.linalg.cond(undifferentiated(x)) < WELL_CONDITIONED)) if prototype(x).size else True


def _change_by_inverse(x: Any, g: Any) -> Any:
    """`_cofactor_change` where x has an inverse: in operations that can be differentiated again."""
    back = inverse(x).mT
    total = reduce_sum(back * g, axis=(g.ndim - 2, g.ndim - 1), keepdims=True)
    return determinant(x)[..., None, None] * (total * back - back @ g.mT @ back)


def _cofactor_rule(g: Any, y: Any, x: Any) -> Any:
    return _change_by_inverse(x, g) if _far_from_singular(x) else cofactor_change(x, g)


def _third_derivative(g: Any, y: Any, x: Any, h: Any) -> Any:
    """The second change of the cofactors, in the directions g and h: a coefficient of a polynomial, from its values on a circle."""
    n = x.shape[-1]
    if n <= 2:
        return 0.0 * g  # the determinant is a polynomial of degree 2
    radius = (np.max(np.abs(undifferentiated(x))) or 1.0) / (np.max(np.abs(undifferentiated(g))) or 1.0)
    total = 0.0
    for root in np.exp(2j * np.pi * np.arange(n) / n):
        total = cofactor_change(x + g * (radius * root), h) * (1 / (n * radius * root)) + total
    return total if x.dtype.kind == "c" or g.dtype.kind == "c" or h.dtype.kind == "c" else operations["real"](total)


cofactor_change = primitive(
    "cofactor_change",
    forward=_cofactor_change,
    vjp=(_third_derivative, lambda g, y, x, h: cofactor_change(x, g)),
    shape=lambda x, h: ArrayType(h.shape, np.result_type(precision(x.dtype), precision(h.dtype))),
    samples=(
        sample(make=lambda rng: (regular(rng, 3, 3), rng.normal(size=(3, 3)))),
        sample(make=lambda rng: (np.outer(rng.normal(size=4), rng.normal(size=4)), rng.normal(size=(4, 4)))),
        sample((2, 2, 2), (2, 2, 2)),
    ),
)

cofactor = primitive(
    "cofactor",
    forward=_cofactor,
    vjp=(_cofactor_rule,),
    shape=square_type,
    notation=call(r"\operatorname{cof}", "cof"),
    samples=(
        sample(make=lambda rng: (regular(rng, 3, 3),)),
        sample(make=lambda rng: (regular(rng, 2, 2, 2),)),
        sample(make=lambda rng: (np.outer(rng.normal(size=3), rng.normal(size=3)),)),
    ),
)

determinant = primitive(
    "det",
    forward=np.linalg.det,
    vjp=(lambda g, y, x: g[..., None, None] * cofactor(x),),
    shape=lambda a: ArrayType(square_type(a).shape[:-2], square_type(a).dtype),
    notation=call(r"\det"),
    samples=(
        sample((3, 3)),
        sample((2, 4, 4)),
        sample((1, 1)),
        sample(make=lambda rng: (np.outer(rng.normal(size=3), rng.normal(size=3)),)),
    ),
)


@stand_in(np.linalg.det)
def det(a: Any) -> Any:
    """The determinant of square matrices, as `numpy.linalg.det`; its gradient is right for singular ones too.

    >>> round(float(det(np.array([[1.0, 2.0], [3.0, 4.0]]))), 12)
    -2.0
    """
    return determinant(as_value(a))


def _slogdet_rule(wanted: Any, g: Any, y: Any, x: Any) -> list[Any]:
    sign_above, log_above = g
    total = log_above
    if sign_above is not None and x.dtype.kind == "c":  # the sign of a real determinant is constant
        turn = operations["imag"](y[0] * sign_above) * 1j
        total = turn if total is None else total + turn
    if total is None:
        return [None]
    singular = undifferentiated(y[0]) == 0
    if np.any(singular):
        if np.any(singular & (undifferentiated(total) != 0)):
            raise np.linalg.LinAlgError(
                f"slogdet: a matrix is singular (shape {x.shape}), where the logarithm of the determinant has no derivative. "
                "Add a small multiple of the identity, or leave that matrix out."
            )
        x = operations["where"](singular[..., None, None], np.eye(x.shape[-1]), x)  # nothing asks for its derivative
    return [total[..., None, None] * inverse(x).mT]


def _slogdet_type(a: ArrayType) -> tuple[ArrayType, ArrayType]:
    result = square_type(a)
    return ArrayType(result.shape[:-2], result.dtype), ArrayType(result.shape[:-2], real_of(result.dtype))


log_determinant = primitive(
    "slogdet",
    forward=np.linalg.slogdet,
    execute=lambda x: tuple(np.linalg.slogdet(x)),
    vjp=_slogdet_rule,
    shape=_slogdet_type,
    outputs=2,
    analytic=False,
    samples=(sample(make=lambda rng: (regular(rng, 3, 3),)), sample(make=lambda rng: (regular(rng, 2, 2, 2),))),
)
SlogdetResult = type(np.linalg.slogdet(np.eye(1)))


@stand_in(np.linalg.slogdet)
def slogdet(a: Any) -> Any:
    """The sign of the determinant and the logarithm of its size, as `numpy.linalg.slogdet`.

    >>> slogdet(np.array([[2.0, 0.0], [0.0, 1.0]])).sign
    np.float64(1.0)
    """
    return SlogdetResult(*log_determinant(as_value(a)))


# -- powers and tensors ------------------------------------------------------------------------------------------------


@stand_in(np.linalg.matrix_power)
def matrix_power(a: Any, n: int) -> Any:
    """Square matrices to a whole power, as `numpy.linalg.matrix_power`; a negative one takes the inverse first.

    >>> matrix_power(np.array([[1.0, 1.0], [0.0, 1.0]]), 3)
    array([[1., 3.],
           [0., 1.]])
    """
    a = as_value(a)
    exponent = operator.index(n)
    if exponent == 0 or a.ndim < 2 or a.shape[-1] != a.shape[-2]:
        return np.linalg.matrix_power(concrete(a), exponent)  # constant, or NumPy's complaint
    if exponent < 0:
        a, exponent = inverse(a), -exponent
    result = None
    while True:
        if exponent & 1:
            result = a if result is None else matmul(result, a)
        exponent >>= 1
        if not exponent:
            return result
        a = matmul(a, a)


@stand_in(np.linalg.tensorinv)
def tensorinv(a: Any, ind: int = 2) -> Any:
    """The inverse for `tensordot(a, b, ind)`, as `numpy.linalg.tensorinv`.

    >>> tensorinv(np.eye(4).reshape(2, 2, 2, 2)).shape
    (2, 2, 2, 2)
    """
    a = as_value(a)
    if ind <= 0:
        raise ValueError("Invalid ind argument.")
    rows, columns = a.shape[:ind], a.shape[ind:]
    inverted = inverse(reshape(a, shape=(math.prod(rows), math.prod(columns))))
    return reshape(inverted, shape=(*columns, *rows))


@stand_in(np.linalg.tensorsolve)
def tensorsolve(a: Any, b: Any, axes: Any = None) -> Any:
    """The tensor x with tensordot(a, x, x.ndim) = b, as `numpy.linalg.tensorsolve`.

    >>> tensorsolve(np.eye(4).reshape(2, 2, 2, 2), np.ones((2, 2)))
    array([[1., 1.],
           [1., 1.]])
    """
    a, b = as_value(a), as_value(b)
    if axes is not None:
        moved = tuple(axis % a.ndim for axis in axes)
        a = functions[np.transpose](a, (*(axis for axis in range(a.ndim) if axis not in moved), *moved))
    shape = a.shape[b.ndim :]
    unknowns = math.prod(shape)
    if a.size != unknowns**2:
        raise ShapeError(
            f"tensorsolve needs as many equations as unknowns; a has shape {a.shape} and b has shape {b.shape}."
        )
    return reshape(solution(reshape(a, shape=(unknowns, unknowns)), reshape(b, shape=(b.size,))), shape=shape)


__all__ = ["det", "inv", "matrix_power", "slogdet", "solve", "tensorinv", "tensorsolve"]
