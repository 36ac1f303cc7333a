"""Writing: NumPy's functions that change an array in place; on a traced array each is an indexed write."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.errors import ArgumentError, TracedValueError
from chainrule.numpy_protocol import full_name, plain
from chainrule.ops.indexing import getitem
from chainrule.ops.selecting import check_along_axis, flatten, select
from chainrule.ops.structure import as_value
from chainrule.primitive import operations, stand_in
from chainrule.traced import Traced, carries_gradient, concrete, here

__all__: list[str] = []


def _onto_plain(function: Any, target: Any, *arguments: Any, **keywords: Any) -> None:
    """A write into a plain array: done with plain values, refused where a gradient would be lost."""
    for value in arguments:
        if isinstance(value, Traced) and carries_gradient(value.node):
            raise TracedValueError(
                f"{full_name(function)} would write traced values into a plain array and lose their gradient (in {here()}). "
                "Make the array with np.zeros_like(t), or write np.where(mask, new, old) for a new one."
            )
    function(target, *plain(tuple(arguments)), **plain(keywords))


def _cycle(values: Any, places: Any) -> Any:
    """The values at the numbered places, starting anew when they run out."""
    return select(flatten(values) if values.ndim else values.reshape(1), places % max(values.size, 1), 0)


@stand_in(np.put)
def _put(a: Any, ind: Any, v: Any, mode: str = "raise") -> None:
    if not isinstance(a, Traced):
        return _onto_plain(np.put, a, ind, v, mode=mode)
    places = np.ravel(np.asarray(concrete(as_value(ind))))
    if mode == "wrap":
        places = places % a.size
    elif mode == "clip":
        places = np.clip(places, 0, a.size - 1)
    elif np.any((places < -a.size) | (places >= a.size)):
        raise IndexError(f"index out of bounds for array with size {a.size} (numpy.put, in {here()})")
    if places.size:
        a[np.unravel_index(places % a.size, a.shape)] = _cycle(as_value(v), np.arange(places.size))
    return None


@stand_in(np.place)
def _place(arr: Any, mask: Any, vals: Any) -> None:
    if not isinstance(arr, Traced):
        return _onto_plain(np.place, arr, mask, vals)
    chosen = np.asarray(concrete(as_value(mask)), bool)
    if chosen.size != arr.size:
        raise ValueError("place: mask and data must be the same size")
    places = np.nonzero(chosen.reshape(-1))[0]
    if places.size:
        values = as_value(vals)
        if not values.size:
            raise ValueError("Cannot insert from an empty array!")
        arr[np.unravel_index(places, arr.shape)] = _cycle(values, np.arange(places.size))
    return None


@stand_in(np.putmask)
def _putmask(a: Any, mask: Any, values: Any) -> None:
    if not isinstance(a, Traced):
        return _onto_plain(np.putmask, a, mask, values)
    chosen = np.asarray(concrete(as_value(mask)), bool)
    if chosen.size != a.size:
        raise ValueError("putmask: mask and data must be the same size")
    places = np.nonzero(chosen.reshape(-1))[0]
    if places.size and as_value(values).size:
        a[np.unravel_index(places, a.shape)] = _cycle(as_value(values), places)
    return None


@stand_in(np.copyto)
def _copyto(dst: Any, src: Any, casting: Any = "same_kind", where: Any = True) -> None:
    if not isinstance(dst, Traced):
        return _onto_plain(np.copyto, dst, src, casting=casting, where=where)
    value = as_value(src)
    weak = type(src) in (int, float, complex) or isinstance(src, bool)
    if not weak and not np.can_cast(value.dtype, dst.dtype, casting=casting):
        raise ArgumentError(
            f"numpy.copyto cannot cast from {value.dtype} to {dst.dtype} with casting={casting!r}, in {here()}. "
            "Convert with astype first."
        )
    dst[...] = value if where is True else operations["where"](where, value, dst)
    return None


@stand_in(np.put_along_axis)
def _put_along_axis(arr: Any, indices: Any, values: Any, axis: Any) -> None:
    if not isinstance(arr, Traced):
        return _onto_plain(np.put_along_axis, arr, indices, values, axis=axis)
    # NumPy itself says where each place is, on an array that numbers the elements.
    _, indices, _ = check_along_axis(arr, indices, axis)
    numbers = np.take_along_axis(np.arange(arr.size).reshape(arr.shape), np.asarray(concrete(indices)), axis=axis)
    arr[np.unravel_index(numbers, arr.shape)] = values
    return None


@stand_in(np.fill_diagonal)
def _fill_diagonal(a: Any, val: Any, wrap: bool = False) -> None:
    if not isinstance(a, Traced):
        return _onto_plain(np.fill_diagonal, a, val, wrap=wrap)
    if a.ndim < 2:
        raise ValueError("array must be at least 2-d")
    if a.ndim > 2 and len(set(a.shape)) > 1:
        raise ValueError("All dimensions of input must be of equal length")
    marks = np.zeros(a.shape, bool)
    np.fill_diagonal(marks, True, wrap=wrap)
    places = np.nonzero(marks)
    count = len(places[0])
    values = as_value(val)
    if count and values.size:
        a[places] = getitem(values, ()) if values.ndim == 0 else _cycle(values, np.arange(count))
    return None
