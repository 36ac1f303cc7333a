"""Reshaping: NumPy's functions that give the same elements another shape, axis order or direction; written with structure's."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from chainrule.ops.indexing import getitem
from chainrule.ops.structure import (
    as_value,
    broadcast_to,
    copy,
    reshape,
    resolve_shape,
    transpose_all,
    transpose_axes,
)
from chainrule.primitive import operations, stand_in
from chainrule.shapes import normalise_axes, normalise_axis
from chainrule.traced import prototype

__all__: list[str] = []


def is_fortran(a: Any) -> bool:
    """Whether the numbers lie in memory in Fortran order and not in C order.

    >>> is_fortran(np.ones((2, 3)).T)
    True
    """
    plain = prototype(a)
    return isinstance(plain, np.ndarray) and plain.flags.fnc


@stand_in(np.reshape)
def _reshape(a: Any, /, shape: Any, order: str = "C", *, copy: bool | None = None) -> Any:
    a = as_value(a)
    lengths = resolve_shape(shape, a.size)
    if copy is False:
        np.reshape(prototype(a), lengths, order=order, copy=False)  # raises NumPy's error where a copy is needed  # pyright: ignore
    if order == "F" or (order == "A" and is_fortran(a)):
        result = transpose_all(reshape(transpose_all(a), shape=lengths[::-1]))
    elif order in ("C", "A"):
        result = reshape(a, shape=lengths)
    else:
        raise ValueError(f"order must be one of 'C', 'F', 'A' (got {order!r})")
    return _copied(result) if copy else result


_copied = copy


@stand_in(np.ravel)
def _ravel(a: Any, order: str = "C") -> Any:
    a = as_value(a)
    if order == "K":
        strides = np.asarray(prototype(a)).strides
        memory = tuple(sorted(range(a.ndim), key=lambda axis: -abs(strides[axis])))
        result = reshape(transpose_axes(a, axes=memory) if a.ndim > 1 else a, shape=(a.size,))
    else:
        result = _reshape(a, -1 if a.size else (0,), order=order)
    # As in NumPy the result is contiguous, so it is no view of a strided array.
    return result if np.asarray(prototype(result)).flags.c_contiguous else copy(result)


@stand_in(np.transpose)
def _transpose(a: Any, axes: Any = None) -> Any:
    a = as_value(a)
    if axes is None:
        return transpose_all(a)
    axes = axes if np.iterable(axes) else (axes,)
    order = tuple(normalise_axis(operator.index(axis), a.ndim) for axis in axes)
    if sorted(order) != list(range(a.ndim)):
        raise ValueError("axes don't match array" if len(order) != a.ndim else "repeated axis in transpose")
    return transpose_axes(a, axes=order)


@stand_in(np.matrix_transpose, np.linalg.matrix_transpose)
def _matrix_transpose(x: Any, /) -> Any:
    x = as_value(x)
    if x.ndim < 2:
        raise ValueError(f"Input array must be at least 2-dimensional, but it is {x.ndim}")
    return swapaxes(x, -1, -2)


@stand_in(np.swapaxes)
def swapaxes(a: Any, axis1: int, axis2: int) -> Any:
    """Two axes exchanged, as `numpy.swapaxes`.

    >>> swapaxes(np.ones((2, 3, 4)), 0, 2).shape
    (4, 3, 2)
    """
    a = as_value(a)
    first, second = normalise_axis(operator.index(axis1), a.ndim), normalise_axis(operator.index(axis2), a.ndim)
    order = list(range(a.ndim))
    order[first], order[second] = second, first
    return transpose_axes(a, axes=tuple(order))


operations["swapaxes"] = swapaxes


@stand_in(np.moveaxis)
def moveaxis(a: Any, source: Any, destination: Any) -> Any:
    """Axes moved to other positions, as `numpy.moveaxis`.

    >>> moveaxis(np.ones((2, 3, 4)), 0, -1).shape
    (3, 4, 2)
    """
    a = as_value(a)
    origins, targets = normalise_axes(source, a.ndim), normalise_axes(destination, a.ndim)
    if len(origins) != len(targets):
        raise ValueError("`source` and `destination` arguments must have the same number of elements")
    order = [axis for axis in range(a.ndim) if axis not in origins]
    for target, origin in sorted(zip(targets, origins, strict=True)):
        order.insert(target, origin)
    return transpose_axes(a, axes=tuple(order))


@stand_in(np.rollaxis)
def _rollaxis(a: Any, axis: int, start: int = 0) -> Any:
    a = as_value(a)
    axis = normalise_axis(operator.index(axis), a.ndim)
    if not -a.ndim <= start <= a.ndim:
        raise np.exceptions.AxisError(start, a.ndim)
    start = start + a.ndim if start < 0 else start
    return moveaxis(a, axis, start - 1 if axis < start else start)


@stand_in(np.squeeze)
def _squeeze(a: Any, axis: Any = None) -> Any:
    a = as_value(a)
    if axis is None:
        return reshape(a, shape=tuple(n for n in a.shape if n != 1))
    axes = normalise_axes(axis, a.ndim)
    if any(a.shape[i] != 1 for i in axes):
        raise ValueError("cannot select an axis to squeeze out which has size not equal to one")
    return reshape(a, shape=tuple(n for i, n in enumerate(a.shape) if i not in axes))


@stand_in(np.expand_dims)
def expand_dims(a: Any, axis: Any) -> Any:
    """New axes of length one, as `numpy.expand_dims`.

    >>> expand_dims(np.ones(3), 0).shape
    (1, 3)
    """
    a = as_value(a)
    count = len(axis) if isinstance(axis, tuple | list) else 1
    axes = normalise_axes(axis, a.ndim + count)
    lengths = iter(a.shape)
    return reshape(a, shape=tuple(1 if i in axes else next(lengths) for i in range(a.ndim + count)))


@stand_in(np.broadcast_to)
def _broadcast_to(array: Any, shape: Any, subok: bool = False) -> Any:
    lengths = tuple(operator.index(n) for n in shape) if np.iterable(shape) else (operator.index(shape),)
    return broadcast_to(as_value(array), shape=lengths)


@stand_in(np.broadcast_arrays)
def _broadcast_arrays(*args: Any, subok: bool = False) -> Any:
    values = [as_value(a) for a in args]
    shape = np.broadcast_shapes(*(a.shape for a in values))
    return tuple(a if a.shape == shape else broadcast_to(a, shape=shape) for a in values)


def _each(results: list[Any]) -> Any:
    return results[0] if len(results) == 1 else tuple(results)


@stand_in(np.atleast_1d)
def _atleast_1d(*arys: Any) -> Any:
    return _each([a if a.ndim else reshape(a, shape=(1,)) for a in map(as_value, arys)])


@stand_in(np.atleast_2d)
def atleast_2d(*arys: Any) -> Any:
    """Arrays with at least two axes, as `numpy.atleast_2d`.

    >>> atleast_2d(np.ones(3)).shape
    (1, 3)
    """
    return _each([a if a.ndim > 1 else reshape(a, shape=(1, a.size)) for a in map(as_value, arys)])


@stand_in(np.atleast_3d)
def atleast_3d(*arys: Any) -> Any:
    """Arrays with at least three axes, as `numpy.atleast_3d`.

    >>> atleast_3d(np.ones((2, 3))).shape
    (2, 3, 1)
    """
    return _each(
        [
            a if a.ndim > 2 else reshape(a, shape=(*a.shape, 1) if a.ndim == 2 else (1, a.size, 1))
            for a in map(as_value, arys)
        ]
    )


# -- directions --------------------------------------------------------------------------------------------------------


@stand_in(np.flip)
def flip(m: Any, axis: Any = None) -> Any:
    """The order of elements reversed along axes, as `numpy.flip`.

    >>> flip(np.array([1.0, 2.0]))
    array([2., 1.])
    """
    m = as_value(m)
    axes = normalise_axes(axis, m.ndim)
    return getitem(m, tuple(slice(None, None, -1) if i in axes else slice(None) for i in range(m.ndim)))


@stand_in(np.fliplr)
def _fliplr(m: Any) -> Any:
    if as_value(m).ndim < 2:
        raise ValueError("Input must be >= 2-d.")
    return flip(m, 1)


@stand_in(np.flipud)
def _flipud(m: Any) -> Any:
    if as_value(m).ndim < 1:
        raise ValueError("Input must be >= 1-d.")
    return flip(m, 0)


@stand_in(np.rot90)
def _rot90(m: Any, k: int = 1, axes: Any = (0, 1)) -> Any:
    m = as_value(m)
    if len(axes) != 2:
        raise ValueError("len(axes) must be 2.")
    first, second = normalise_axes(tuple(axes), m.ndim)
    k = operator.index(k) % 4
    if k == 0:
        return getitem(m, Ellipsis)
    if k == 2:
        return flip(m, (first, second))
    if k == 1:
        return swapaxes(flip(m, second), first, second)
    return flip(swapaxes(m, first, second), second)
