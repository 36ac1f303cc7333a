"""Selecting: take and its relatives, and repetition; each names elements of its input, so each is a gather or a broadcast."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from chainrule.notation import call
from chainrule.numpy_protocol import write_out
from chainrule.ops.indexing import ARRAY, gather, getitem, without_loss
from chainrule.ops.joining import concatenate, stack
from chainrule.ops.structure import as_dtype, as_value, broadcast_to, copy, laid_out, reshape
from chainrule.primitive import sample, stand_in
from chainrule.shapes import normalise_axes, normalise_axis
from chainrule.trace import primitive
from chainrule.traced import Traced, concrete, undifferentiated

__all__: list[str] = []


def flatten(a: Any) -> Any:
    """The elements in one row.

    >>> flatten(np.ones((2, 3))).shape
    (6,)
    """
    return a if a.ndim == 1 else reshape(a, shape=(a.size,))


def select(a: Any, indices: Any, axis: int) -> Any:
    """The elements of `a` at integer `indices` along one axis, as a copy.

    >>> select(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([1]), 1)
    array([[2.],
           [4.]])
    """
    return laid_out(gather(a, indices, pattern=(*[slice(None)] * axis, ARRAY)), "C")


def _in_range(indices: Any, length: int, mode: str) -> Any:
    """Index numbers as `mode` reads those out of range."""
    if mode == "raise":
        return indices
    plain = undifferentiated(indices)
    if mode == "wrap":
        return plain % length
    if mode == "clip":
        return np.clip(plain, 0, length - 1)
    raise ValueError(f"clipmode must be one of 'clip', 'raise', or 'wrap' (got {mode!r})")


@stand_in(np.take)
def take(a: Any, indices: Any, axis: Any = None, out: Any = None, mode: str = "raise") -> Any:
    """Elements along an axis by their numbers, as `numpy.take`.

    >>> take(np.array([1.0, 2.0, 3.0]), [0, 2])
    array([1., 3.])
    """
    a = as_value(a)
    if axis is None:
        a, axis = flatten(a), 0
    axis = normalise_axis(operator.index(axis), a.ndim)
    indices = as_value(indices)
    recorded = isinstance(undifferentiated(indices), Traced) and indices.dtype.kind in "iu"
    if (indices.ndim == 0 and not recorded) or (indices.size == 0 and indices.dtype.kind == "f"):
        indices = np.asarray(concrete(indices)).astype(np.intp)
    if indices.dtype.kind not in "iu":
        if indices.dtype.kind != "b":
            raise TypeError(
                f"Cannot cast array data from {indices.dtype!r} to dtype('int64') according to the rule 'safe'"
            )
        indices = np.asarray(concrete(indices)).astype(np.intp)
    result = select(a, _in_range(indices, a.shape[axis], mode), axis)
    return result if out is None else write_out(np.take, result, out)


def _grid(shape: tuple[int, ...], axis: int, indices: Any) -> list[Any]:
    """One index array for each axis: the given one along `axis`, counting numbers along the others."""
    ndim = len(shape)
    return [
        indices if i == axis else np.arange(n).reshape(tuple(n if j == i else 1 for j in range(ndim)))
        for i, n in enumerate(shape)
    ]


def along_axis(a: Any, indices: Any, axis: int) -> Any:
    """For each place along the other axes, the elements of `a` at `indices` along `axis`.

    >>> along_axis(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[1], [0]]), 1)
    array([[2.],
           [3.]])
    """
    return gather(a, *_grid(a.shape, axis, indices), pattern=(ARRAY,) * a.ndim)


def check_along_axis(a: Any, indices: Any, axis: Any) -> tuple[Any, Any, int]:
    """The arguments of take_along_axis and put_along_axis, checked as NumPy checks them."""
    indices = as_value(indices)
    if indices.dtype.kind not in "iu":
        raise IndexError("`indices` must be an integer array")
    if axis is None:
        if indices.ndim != 1:
            raise ValueError("when axis=None, `indices` must have a single dimension.")
        return flatten(a), indices, 0
    axis = normalise_axis(operator.index(axis), a.ndim)
    if indices.ndim != a.ndim:
        raise ValueError("`indices` and `arr` must have the same number of dimensions")
    return a, indices, axis


@stand_in(np.take_along_axis)
def take_along_axis(arr: Any, indices: Any, axis: Any = -1) -> Any:
    """Elements at other places along an axis for each place along the others, as `numpy.take_along_axis`.

    >>> take_along_axis(np.array([[3.0, 1.0]]), np.array([[1, 0]]), axis=1)
    array([[1., 3.]])
    """
    return along_axis(*check_along_axis(as_value(arr), indices, axis))


@stand_in(np.choose)
def _choose(a: Any, choices: Any, out: Any = None, mode: str = "raise") -> Any:
    index, options = as_value(a), [as_value(option) for option in choices]
    weak = [
        option if type(option) in (int, float, complex) else value.dtype
        for option, value in zip(choices, options, strict=True)
    ]
    options = [as_dtype(option, np.result_type(*weak)) for option in options]
    shape = np.broadcast_shapes(index.shape, *(option.shape for option in options))
    stacked = stack([option if option.shape == shape else broadcast_to(option, shape=shape) for option in options])
    index = _in_range(index, len(options), mode)
    if mode == "raise" and np.any((undifferentiated(index) < 0) | (undifferentiated(index) >= len(options))):
        raise ValueError("invalid entry in choice array")
    if index.shape != shape or not shape:
        index = broadcast_to(undifferentiated(index), shape=shape)
    result = getitem(along_axis(stacked, index[None], 0), 0) if shape else select(stacked, index, 0)
    return result if out is None else write_out(np.choose, result, out)


@stand_in(np.compress)
def _compress(condition: Any, a: Any, axis: Any = None, out: Any = None) -> Any:
    mask = undifferentiated(as_value(condition))
    if mask.ndim != 1:
        raise ValueError("condition must be a 1-d array")
    return take(a, np.nonzero(mask)[0], axis=axis, out=out)


@stand_in(np.extract)
def _extract(condition: Any, arr: Any) -> Any:
    mask = np.ravel(undifferentiated(as_value(condition)))
    return select(flatten(as_value(arr)), np.nonzero(mask)[0], 0)


@stand_in(np.delete)
def _delete(arr: Any, obj: Any, axis: Any = None) -> Any:
    a = as_value(arr)
    if axis is None:
        a, axis = flatten(a), 0
    axis = normalise_axis(operator.index(axis), a.ndim)
    kept = np.delete(np.arange(a.shape[axis]), obj if isinstance(obj, slice) else concrete(obj))
    return select(a, kept, axis)


@stand_in(np.insert)
def _insert(arr: Any, obj: Any, values: Any, axis: Any = None) -> Any:
    a = as_value(arr)
    if axis is None:
        a, axis = flatten(a), 0
    new = without_loss(as_value(values), a.dtype)
    # NumPy itself says where each number goes, on arrays that number the elements.
    numbers = np.arange(a.size).reshape(a.shape)
    marks = -1 - np.arange(new.size).reshape(new.shape)
    places = np.insert(numbers, obj if isinstance(obj, slice) else concrete(obj), marks, axis=axis)
    both = concatenate([flatten(a), reshape(new, shape=(new.size,))])
    return select(both, np.where(places >= 0, places, a.size - 1 - places), 0)


# -- repetition --------------------------------------------------------------------------------------------------------


def _roll(x: Any, *, shift: tuple[int, ...], axis: tuple[int, ...]) -> Any:
    return np.roll(x, shift, axis)


roll_axes = primitive(
    "roll",
    forward=_roll,
    vjp=(lambda g, y, x, *, shift, axis: roll_axes(g, shift=tuple(-s for s in shift), axis=axis),),
    shape=lambda x, *, shift, axis: x,
    notation=call("roll"),
    linear=True,
    samples=(
        sample((4,), shift=(1,), axis=(0,)),
        sample((3, 4), shift=(-2, 5), axis=(0, 1)),
        sample((0, 2), shift=(1,), axis=(0,)),
    ),
)


@stand_in(np.roll)
def _numpy_roll(a: Any, shift: Any, axis: Any = None) -> Any:
    a = as_value(a)
    if axis is None:
        shifts = np.ravel(np.asarray(concrete(shift)))
        flat = roll_axes(reshape(a, shape=(a.size,)), shift=(int(shifts.sum()),), axis=(0,))
        return reshape(flat, shape=a.shape)
    shifts, axes = np.broadcast_arrays(np.atleast_1d(np.asarray(concrete(shift))), np.atleast_1d(np.asarray(axis)))
    if shifts.ndim > 1:
        raise ValueError("'shift' and 'axis' should be scalars or 1D sequences")
    each = tuple(normalise_axis(int(i), a.ndim) for i in axes)
    return roll_axes(a, shift=tuple(int(s) for s in shifts), axis=each)


@stand_in(np.repeat)
def _repeat(a: Any, repeats: Any, axis: Any = None) -> Any:
    a = as_value(a)
    if axis is None:
        a, axis = reshape(a, shape=(a.size,)), 0
    axis = normalise_axis(operator.index(axis), a.ndim)
    counts = np.asarray(concrete(as_value(repeats)))
    if counts.size == 1 and counts.dtype.kind in "iu" and counts.ndim < 2:
        times = int(counts.reshape(()))
        if times < 0:
            raise ValueError("repeats may not contain negative values.")
        before, after = a.shape[: axis + 1], a.shape[axis + 1 :]
        spread = broadcast_to(reshape(a, shape=(*before, 1, *after)), shape=(*before, times, *after))
        return copy(reshape(spread, shape=(*before[:-1], before[-1] * times, *after)), order="C")
    return select(a, np.repeat(np.arange(a.shape[axis]), counts), axis)


@stand_in(np.tile)
def _tile(A: Any, reps: Any) -> Any:  # noqa: N803 NumPy's name
    a = as_value(A)
    times = tuple(int(r) for r in np.ravel(np.asarray(concrete(as_value(reps)))))
    ndim = max(len(times), a.ndim)
    lengths = (1,) * (ndim - a.ndim) + tuple(a.shape)
    times = (1,) * (ndim - len(times)) + times
    apart = tuple(n for length in lengths for n in (1, length))
    spread = tuple(n for pair in zip(times, lengths, strict=True) for n in pair)
    result = broadcast_to(reshape(a, shape=apart), shape=spread)
    return copy(reshape(result, shape=tuple(t * n for t, n in zip(times, lengths, strict=True))), order="C")


@stand_in(np.resize)
def _resize(a: Any, new_shape: Any) -> Any:
    flat = reshape(as_value(a), shape=(as_value(a).size,))
    shape = (operator.index(new_shape),) if not np.iterable(new_shape) else tuple(operator.index(n) for n in new_shape)
    if any(n < 0 for n in shape):
        raise ValueError("all elements of `new_shape` must be non-negative")
    if flat.size == 0:
        return np.zeros(shape, flat.dtype)
    return select(flat, np.arange(math.prod(shape)).reshape(shape) % flat.size, 0)


@stand_in(np.trim_zeros)
def _trim_zeros(filt: Any, trim: str = "fb", axis: Any = None) -> Any:
    a = as_value(filt)
    ends = trim.lower()
    if ends not in ("fb", "bf", "f", "b"):
        raise ValueError(f"unexpected character(s) in `trim`: {trim!r}")
    axes = normalise_axes(axis, a.ndim)
    places = np.argwhere(concrete(a))
    ranges: list[slice] = []
    for i in range(a.ndim):
        if i not in axes:
            ranges.append(slice(None))
        elif not len(places):
            ranges.append(slice(0, 0))
        else:
            first, last = int(places[:, i].min()), int(places[:, i].max()) + 1
            ranges.append(slice(first if "f" in ends else None, last if "b" in ends else None))
    return getitem(a, tuple(ranges)) if axes else a
