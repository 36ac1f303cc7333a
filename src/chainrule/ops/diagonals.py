"""Diagonals and triangles: taking a diagonal and putting it back are each other's transpose; a triangle is its own."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from chainrule.notation import call
from chainrule.numpy_protocol import write_out
from chainrule.ops.structure import as_dtype, as_value, broadcast_to, reduce_sum, reshape
from chainrule.primitive import sample, stand_in
from chainrule.shapes import ArrayType, normalise_axis
from chainrule.trace import primitive

__all__: list[str] = []

Shape = tuple[int, ...]


def _diagonal_type(x: ArrayType, *, offset: int, axes: tuple[int, int]) -> ArrayType:
    first, second = axes
    rows = min(x.shape[first] + min(offset, 0), x.shape[second] - max(offset, 0))
    return x.reshaped((*(n for i, n in enumerate(x.shape) if i not in axes), max(rows, 0)))


def _from_diagonal(g: Any, *, shape: Shape, offset: int, axes: tuple[int, int]) -> Any:
    result = np.zeros(shape, g.dtype)
    count = g.shape[-1]
    if count:
        rows, columns = np.arange(count) + max(-offset, 0), np.arange(count) + max(offset, 0)
        np.moveaxis(result, axes, (0, 1))[rows, columns] = np.moveaxis(g, -1, 0)
    return result


diagonal = primitive(
    "diagonal",
    forward=lambda x, *, offset, axes: np.diagonal(x, offset, *axes),
    vjp=(lambda g, y, x, *, offset, axes: from_diagonal(g, shape=x.shape, offset=offset, axes=axes),),
    shape=_diagonal_type,
    notation=call("diagonal"),
    linear=True,
    view=True,  # read-only, as in NumPy: it follows writes into its base and takes none
    samples=(
        sample((3, 4), offset=0, axes=(0, 1)),
        sample((3, 4), offset=2, axes=(1, 0)),
        sample((2, 3, 4), offset=-1, axes=(0, 2)),
        sample((2, 3), offset=5, axes=(0, 1)),
    ),
)

from_diagonal = primitive(
    "from_diagonal",
    forward=_from_diagonal,
    vjp=(lambda h, y, g, *, shape, offset, axes: diagonal(h, offset=offset, axes=axes),),
    shape=lambda g, *, shape, offset, axes: g.reshaped(shape),
    notation=call(r"\operatorname{diag}", "diag"),
    linear=True,
    samples=(
        sample((3,), shape=(3, 4), offset=0, axes=(0, 1)),
        sample((2, 2), shape=(3, 2, 2), offset=-1, axes=(0, 2)),
        sample((0,), shape=(2, 3), offset=5, axes=(0, 1)),
    ),
)


@stand_in(np.diagonal)
def _numpy_diagonal(a: Any, offset: Any = 0, axis1: int = 0, axis2: int = 1) -> Any:
    a = as_value(a)
    if a.ndim < 2:
        raise ValueError("diag requires an array of at least two dimensions")
    axes = normalise_axis(operator.index(axis1), a.ndim), normalise_axis(operator.index(axis2), a.ndim)
    if axes[0] == axes[1]:
        raise ValueError("axis1 and axis2 cannot be the same")
    return diagonal(a, offset=operator.index(offset), axes=axes)


@stand_in(np.linalg.diagonal)
def _linalg_diagonal(x: Any, /, *, offset: Any = 0) -> Any:
    return _numpy_diagonal(x, offset, -2, -1)


@stand_in(np.trace)
def _trace(a: Any, offset: Any = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None, out: Any = None) -> Any:
    result = reduce_sum(
        as_dtype(part := _numpy_diagonal(a, offset, axis1, axis2), dtype), axis=(part.ndim - 1,), keepdims=False
    )
    return result if out is None else write_out(np.trace, result, out)


@stand_in(np.linalg.trace)
def _linalg_trace(x: Any, /, *, offset: Any = 0, dtype: Any = None) -> Any:
    return _trace(x, offset, -2, -1, dtype)


@stand_in(np.diag)
def diag(v: Any, k: Any = 0) -> Any:
    """A diagonal of a matrix, or the matrix with a diagonal, as `numpy.diag`.

    >>> diag(np.array([1.0, 2.0]))
    array([[1., 0.],
           [0., 2.]])
    """
    v, k = as_value(v), operator.index(k)
    if v.ndim == 1:
        size = v.shape[0] + abs(k)
        return from_diagonal(v, shape=(size, size), offset=k, axes=(0, 1))
    if v.ndim != 2:
        raise ValueError("Input must be 1- or 2-d.")
    return diagonal(v, offset=k, axes=(0, 1))


@stand_in(np.diagflat)
def _diagflat(v: Any, k: Any = 0) -> Any:
    v = as_value(v)
    return diag(reshape(v, shape=(v.size,)), k)


# -- triangles ---------------------------------------------------------------------------------------------------------

_TRIANGLE_SAMPLES = (sample((3, 4), k=0), sample((2, 4, 3), k=-1), sample((3, 3), k=1), sample((0, 2), k=0))

lower_triangle = primitive(
    "tril",
    forward=lambda x, *, k: np.tril(x, k),
    vjp=(lambda g, y, x, *, k: lower_triangle(g, k=k),),
    shape=lambda x, *, k: x,
    notation=call("tril"),
    linear=True,
    samples=_TRIANGLE_SAMPLES,
)

upper_triangle = primitive(
    "triu",
    forward=lambda x, *, k: np.triu(x, k),
    vjp=(lambda g, y, x, *, k: upper_triangle(g, k=k),),
    shape=lambda x, *, k: x,
    notation=call("triu"),
    linear=True,
    samples=_TRIANGLE_SAMPLES,
)


def _matrix(m: Any) -> Any:
    m = as_value(m)
    return broadcast_to(m, shape=(m.size, m.size)) if m.ndim == 1 else m


@stand_in(np.tril)
def _tril(m: Any, k: Any = 0) -> Any:
    return lower_triangle(_matrix(m), k=operator.index(k))


@stand_in(np.triu)
def _triu(m: Any, k: Any = 0) -> Any:
    return upper_triangle(_matrix(m), k=operator.index(k))
