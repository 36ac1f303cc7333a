"""Matrix products: `@` in every dimension case, and the functions of NumPy that are products of vectors and matrices.

`matmul` and `cross` are operations; `dot`, `inner`, `outer`, `tensordot` and the others are written with them, as NumPy writes
them. The rules of `matmul` cost one matrix product a contribution: g bᵀ on the left, aᵀ g on the right. Sums of any other form are
in `ops/einsum.py`.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError, ShapeError
from chainrule.notation import infix
from chainrule.numpy_protocol import write_out
from chainrule.ops.arithmetic import multiply
from chainrule.ops.structure import as_value, astype, reduce_sum, reshape
from chainrule.primitive import functions, operations, sample, stand_in, ufuncs
from chainrule.shapes import ArrayType, normalise_axis, promote
from chainrule.trace import primitive

# -- a @ b -------------------------------------------------------------------------------------------------------------


def _matmul_type(a: ArrayType, b: ArrayType) -> ArrayType:
    if not a.shape or not b.shape:
        raise ValueError("matmul: an operand is a number; @ needs at least one dimension on each side")
    inner = b.shape[0] if b.ndim == 1 else b.shape[-2]
    if a.shape[-1] != inner:
        raise ValueError(f"matmul: {a.shape[-1]} columns of the left operand meet {inner} rows of the right one")
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    rows = () if a.ndim == 1 else (a.shape[-2],)
    columns = () if b.ndim == 1 else (b.shape[-1],)
    return ArrayType((*batch, *rows, *columns), promote(a, b))


def _matmul_left(g: Any, y: Any, a: Any, b: Any) -> Any:
    if b.ndim == 2:
        return g @ b.T if a.ndim > 1 else b @ g
    if b.ndim == 1:
        return g[..., None] * b if a.ndim > 1 else g * b
    return g @ b.mT if a.ndim > 1 else (b @ g[..., None])[..., 0]


def _matmul_right(g: Any, y: Any, a: Any, b: Any) -> Any:
    if a.ndim == 2 and b.ndim <= 2:
        return a.T @ g
    if a.ndim == 1:
        return a[:, None] * g[..., None, :] if b.ndim > 1 else g * a
    if b.ndim <= 2:  # one matrix for the whole batch: one product over all rows
        rows = math.prod(a.shape[:-1])
        stacked = reshape(a, shape=(rows, a.shape[-1]))
        return stacked.T @ reshape(g, shape=(rows, g.shape[-1]) if b.ndim == 2 else (rows,))
    return a.mT @ g


matmul = primitive(
    "matmul",
    forward=np.matmul,
    execute=operator.matmul,
    vjp=(_matmul_left, _matmul_right),
    shape=_matmul_type,
    notation=infix("", 20, "@"),
    multilinear=True,
    samples=(
        sample((2, 3), (3, 4)),
        sample((3,), (3,)),
        sample((2, 3), (3,)),
        sample((3,), (3, 4)),
        sample((5, 2, 3), (3,)),
        sample((3,), (5, 3, 4)),
        sample((5, 2, 3), (3, 4)),
        sample((2, 3), (5, 3, 4)),
        sample((6, 1, 2, 3), (5, 3, 4)),
        sample((2, 0), (0, 3)),
        sample((0, 2, 3), (3, 4)),
        sample((0, 2), (2, 3)),
    ),
)


def _core_last(value: Any, axes: Any, rank: int) -> Any:
    """The axes that a generalised ufunc works on, moved to the end."""
    axes = (axes,) if not isinstance(axes, tuple | list) else tuple(axes)
    if len(axes) != rank:
        raise ArgumentError(f"axes= names {len(axes)} axes of an operand where the function works on {rank}: {axes}.")
    return functions[np.moveaxis](value, axes, tuple(range(-rank, 0))) if rank else value


def _keywords(ufunc: Any, core: Callable[[Any, Any], Any], ranks: tuple[int, int, int]) -> None:
    """Enter the form of a generalised ufunc that takes axes=, and axis= and keepdims= where NumPy does."""
    if ufunc is None:
        return
    name = ufunc.__name__

    def call(x1: Any, x2: Any, axes: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
        x1, x2 = as_value(x1), as_value(x2)
        if (axis is not None or keepdims) and ranks != (1, 1, 0):
            raise TypeError(
                f"{name} does not support {'axis' if axis is not None else 'keepdims'}: only functions of two vectors do"
            )
        if axis is not None:
            if axes is not None:
                raise TypeError("cannot specify both 'axis' and 'axes'")
            axes = [axis, axis, axis if keepdims else ()]
        if axes is None:
            result = core(x1, x2)
            return functions[np.expand_dims](result, -1) if keepdims else result
        axes = list(axes)
        if len(axes) == 2 and not ranks[2]:
            axes.append(axes[0] if keepdims else ())
        if len(axes) != 3:
            raise ValueError("axes should be a list with an entry for all 2 inputs and 1 output")
        if x1.ndim < ranks[0] or x2.ndim < ranks[1]:
            raise ShapeError(
                f"{name} with axes= takes operands of at least {ranks[0]} and {ranks[1]} dimensions, "
                f"not of shapes {x1.shape} and {x2.shape}. Add the missing axis with x[:, None]."
            )
        result = core(_core_last(x1, axes[0], ranks[0]), _core_last(x2, axes[1], ranks[1]))
        if keepdims:
            out = axes[2] if isinstance(axes[2], int) else axes[2][0]
            return functions[np.expand_dims](result, out)
        if not ranks[2]:
            return result
        target = axes[2] if isinstance(axes[2], tuple | list) else (axes[2],)
        return functions[np.moveaxis](result, tuple(range(-ranks[2], 0)), tuple(target))

    functions[ufunc] = call


_keywords(np.matmul, matmul, (2, 2, 2))


# -- vectors and matrices ----------------------------------------------------------------------------------------------


def _conjugate(x: Any) -> Any:
    return operations["conjugate"](x) if x.dtype.kind == "c" else x


def vecdot(x1: Any, x2: Any) -> Any:
    """The product of vectors along the last axis, the first one conjugated, as `numpy.vecdot`.

    >>> vecdot(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([1.0, 1.0]))
    array([3., 7.])
    """
    x1, x2 = as_value(x1), as_value(x2)
    if x1.ndim == x2.ndim == 1:
        return matmul(_conjugate(x1), x2)
    if x1.shape[-1] != x2.shape[-1]:
        raise ShapeError(
            f"vecdot needs vectors of one length along the last axis; the shapes are {x1.shape} and {x2.shape}. "
            "Say axis= if the vectors lie along another axis."
        )
    product = multiply(_conjugate(x1), x2)
    dtype = product.dtype
    total = reduce_sum(product, axis=(product.ndim - 1,), keepdims=False)
    return total if total.dtype == dtype else astype(total, dtype=dtype)


def matvec(x1: Any, x2: Any) -> Any:
    """Matrices times vectors, as `numpy.matvec`: the last two axes of x1, the last axis of x2.

    >>> matvec(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([1.0, 1.0]))
    array([3., 7.])
    """
    x1, x2 = as_value(x1), as_value(x2)
    return matmul(x1, x2) if x2.ndim == 1 else matmul(x1, x2[..., None])[..., 0]


def vecmat(x1: Any, x2: Any) -> Any:
    """Conjugated vectors times matrices, as `numpy.vecmat`: the last axis of x1, the last two axes of x2.

    >>> vecmat(np.array([1.0, 1.0]), np.array([[1.0, 2.0], [3.0, 4.0]]))
    array([4., 6.])
    """
    x1, x2 = _conjugate(as_value(x1)), as_value(x2)
    return matmul(x1, x2) if x1.ndim == 1 else matmul(x1[..., None, :], x2)[..., 0, :]


ufuncs[np.vecdot] = vecdot
_keywords(np.vecdot, vecdot, (1, 1, 0))
_matvec, _vecmat = getattr(np, "matvec", None), getattr(np, "vecmat", None)  # NumPy 2.2 and later
if _matvec is not None and _vecmat is not None:
    ufuncs[_matvec], ufuncs[_vecmat] = matvec, vecmat
    _keywords(_matvec, matvec, (2, 1, 1))
    _keywords(_vecmat, vecmat, (1, 2, 1))


@stand_in(np.linalg.vecdot)
def linalg_vecdot(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    """The product of vectors along an axis, the first one conjugated, as `numpy.linalg.vecdot`.

    >>> linalg_vecdot(np.ones((2, 3)), np.ones((2, 3)), axis=0)
    array([2., 2., 2.])
    """
    return functions[np.vecdot](x1, x2, axis=axis)


@stand_in(np.linalg.matmul)
def linalg_matmul(x1: Any, x2: Any, /) -> Any:
    """The matrix product, as `numpy.linalg.matmul`.

    >>> linalg_matmul(np.array([[1.0, 2.0]]), np.array([[3.0], [4.0]]))
    array([[11.]])
    """
    return matmul(as_value(x1), as_value(x2))


@stand_in(np.dot)
def dot(a: Any, b: Any, out: Any = None) -> Any:
    """The product over the last axis of a and the second to last of b, as `numpy.dot`; a product of numbers for numbers.

    >>> dot(np.array([1.0, 2.0]), np.array([3.0, 4.0]))
    np.float64(11.0)
    """
    a, b = as_value(a), as_value(b)
    if not a.ndim or not b.ndim:
        result = multiply(a, b)
    elif b.ndim <= 2:
        result = matmul(a, b)
    else:
        result = tensordot(a, b, axes=(a.ndim - 1, b.ndim - 2))
    return result if out is None else write_out(np.dot, result, out)


@stand_in(np.vdot)
def vdot(a: Any, b: Any, /) -> Any:
    """The product of all elements, those of a conjugated, as `numpy.vdot`.

    >>> vdot(np.array([1 + 2j]), np.array([3 + 4j]))
    np.complex128(11-2j)
    """
    a, b = as_value(a), as_value(b)
    return matmul(_conjugate(reshape(a, shape=(a.size,))), reshape(b, shape=(b.size,)))


@stand_in(np.inner)
def inner(a: Any, b: Any, /) -> Any:
    """The product over the last axes of both, as `numpy.inner`.

    >>> inner(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([1.0, 1.0]))
    array([3., 7.])
    """
    a, b = as_value(a), as_value(b)
    if not a.ndim or not b.ndim:
        return multiply(a, b)
    if b.ndim <= 2:
        return matmul(a, b.T)
    return tensordot(a, b, axes=(a.ndim - 1, b.ndim - 1))


@stand_in(np.outer)
def outer(a: Any, b: Any, out: Any = None) -> Any:
    """All products of an element of a with an element of b, as `numpy.outer`.

    >>> outer(np.array([1.0, 2.0]), np.array([3.0, 4.0]))
    array([[3., 4.],
           [6., 8.]])
    """
    a, b = as_value(a), as_value(b)
    result = multiply(reshape(a, shape=(a.size, 1)), reshape(b, shape=(1, b.size)))
    return result if out is None else write_out(np.outer, result, out)


@stand_in(np.linalg.outer)
def linalg_outer(x1: Any, x2: Any, /) -> Any:
    """All products of an element of one vector with an element of another, as `numpy.linalg.outer`.

    >>> linalg_outer(np.array([1.0, 2.0]), np.array([3.0, 4.0]))
    array([[3., 4.],
           [6., 8.]])
    """
    x1, x2 = as_value(x1), as_value(x2)
    if x1.ndim != 1 or x2.ndim != 1:
        raise ShapeError(
            f"linalg.outer takes two vectors; the shapes are {x1.shape} and {x2.shape}. np.outer flattens its operands."
        )
    return outer(x1, x2)


def _contracted(a: Any, b: Any, axes: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The axes that `tensordot` sums over, from the front."""
    if isinstance(axes, Sequence) or np.ndim(axes):
        first, second = axes
        first = tuple(first) if np.ndim(first) else (first,)
        second = tuple(second) if np.ndim(second) else (second,)
    else:
        first, second = tuple(range(-int(axes), 0)), tuple(range(int(axes)))
    matching = len(first) == len(second)
    if matching:
        first = tuple(normalise_axis(int(axis), a.ndim) for axis in first)
        second = tuple(normalise_axis(int(axis), b.ndim) for axis in second)
        matching = all(a.shape[i] == b.shape[j] for i, j in zip(first, second, strict=True))
    if not matching:
        raise ShapeError(
            f"tensordot: shape-mismatch for sum: axes {first} of shape {a.shape} do not fit axes {second} of shape "
            f"{b.shape}. Compare the lengths along those axes."
        )
    return first, second


@stand_in(np.tensordot)
def tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    """The sum of products over chosen axes of a and b, as `numpy.tensordot`.

    >>> tensordot(np.ones((2, 3)), np.ones((3, 4)), axes=1).shape
    (2, 4)
    """
    a, b = as_value(a), as_value(b)
    first, second = _contracted(a, b, axes)
    rows = tuple(axis for axis in range(a.ndim) if axis not in first)
    columns = tuple(axis for axis in range(b.ndim) if axis not in second)
    shape = (*(a.shape[axis] for axis in rows), *(b.shape[axis] for axis in columns))
    length = math.prod(a.shape[axis] for axis in first)
    left = _as_matrix(a, (*rows, *first), (math.prod(a.shape[axis] for axis in rows), length))
    right = _as_matrix(b, (*second, *columns), (length, math.prod(b.shape[axis] for axis in columns)))
    product = matmul(left, right)
    return product if product.shape == shape else reshape(product, shape=shape)


def _as_matrix(x: Any, order: tuple[int, ...], shape: tuple[int, int]) -> Any:
    if order != tuple(range(x.ndim)):
        x = functions[np.transpose](x, order)
    return x if x.shape == shape else reshape(x, shape=shape)


@stand_in(np.linalg.tensordot)
def linalg_tensordot(x1: Any, x2: Any, /, *, axes: Any = 2) -> Any:
    """The sum of products over chosen axes, as `numpy.linalg.tensordot`.

    >>> linalg_tensordot(np.ones((2, 3)), np.ones((3, 4)), axes=1).shape
    (2, 4)
    """
    return tensordot(x1, x2, axes=axes)


@stand_in(np.kron)
def kron(a: Any, b: Any) -> Any:
    """The Kronecker product, as `numpy.kron`: each element of a times all of b.

    >>> kron(np.array([1.0, 10.0]), np.array([1.0, 2.0]))
    array([ 1.,  2., 10., 20.])
    """
    a, b = as_value(a), as_value(b)
    rank = max(a.ndim, b.ndim)
    if not a.ndim or not b.ndim:
        return multiply(a, b)
    first, second = ((1,) * (rank - x.ndim) + tuple(x.shape) for x in (a, b))
    spread = tuple(n for length in first for n in (length, 1))
    inner_shape = tuple(n for length in second for n in (1, length))
    product = multiply(reshape(a, shape=spread), reshape(b, shape=inner_shape))
    return reshape(product, shape=tuple(m * n for m, n in zip(first, second, strict=True)))


__all__ = [
    "dot",
    "inner",
    "kron",
    "linalg_matmul",
    "linalg_outer",
    "linalg_tensordot",
    "linalg_vecdot",
    "matmul",
    "matvec",
    "outer",
    "tensordot",
    "vdot",
    "vecdot",
    "vecmat",
]
