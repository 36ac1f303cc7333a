"""Quantiles: a sorted array read at a position that may lie between two elements; median, percentile and their NaN-free relatives.

A quantile is linear in the elements that it reads. With the continuous methods the position moves with q, so q has a derivative too;
the other methods are steps in q.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule.errors import UnsupportedError
from chainrule.numpy_protocol import full_name, write_out
from chainrule.ops.indexing import ARRAY, gather, getitem
from chainrule.ops.ordering import sort_axis
from chainrule.ops.reshaping import moveaxis
from chainrule.ops.selecting import select
from chainrule.ops.structure import as_dtype, as_value, laid_out, reshape
from chainrule.primitive import operations, stand_in
from chainrule.shapes import normalise_axes, reduced
from chainrule.traced import Traced, concrete, here, prototype, undifferentiated

__all__: list[str] = []

# The position of quantile q among n sorted elements is n q + α + q (1 - α - β) - 1 (Hyndman and Fan 1996).
_CONTINUOUS = {
    "linear": (1.0, 1.0),
    "interpolated_inverted_cdf": (0.0, 1.0),
    "hazen": (0.5, 0.5),
    "weibull": (0.0, 0.0),
    "median_unbiased": (1 / 3.0, 1 / 3.0),
    "normal_unbiased": (3 / 8.0, 3 / 8.0),
}
# These give an element, and so the dtype of the array.
_ELEMENT = ("inverted_cdf", "closest_observation", "lower", "higher", "nearest")
_DISCRETE = (*_ELEMENT, "averaged_inverted_cdf", "midpoint")


def _sorted_first(a: Any, axis: Any) -> tuple[Any, tuple[int, ...], tuple[int, ...]]:
    """The sorted elements along a first axis; the reduced axes, and the shape with them kept as ones."""
    axes = normalise_axes(axis, a.ndim)
    kept = reduced(a.shape, axes, keepdims=True)
    moved = moveaxis(a, axes, tuple(range(len(axes)))) if axes else a
    rest = reduced(a.shape, axes, keepdims=False)
    count = math.prod(a.shape[i] for i in axes)
    return sort_axis(reshape(moved, shape=(count, *rest)), axis=0), axes, kept


def _read(elements: Any, places: Any, counts: Any) -> Any:
    """The elements at whole-numbered places along the first axis; with `counts`, each column has places of its own."""
    if counts is None:
        return select(elements, places, 0)
    rest = elements.shape[1:]
    grid = [np.arange(n).reshape((-1,) + (1,) * (len(rest) - i - 1)) for i, n in enumerate(rest)]
    return gather(elements, places, *grid, pattern=(ARRAY,) * elements.ndim)


def _steps(n: Any, q: Any, method: Any) -> Any:
    """The positions of the discrete methods, which NumPy itself gives on the numbers 0 … n - 1."""
    if np.ndim(n) == 0:
        return np.quantile(np.arange(max(int(n), 1), dtype=float), q, method=method)
    shape = np.broadcast_shapes(np.shape(q), np.shape(n))
    result = np.zeros(shape)
    q, n = np.broadcast_to(q, shape), np.broadcast_to(n, shape)
    for count in np.unique(n):
        chosen = n == count
        result[chosen] = np.quantile(np.arange(max(int(count), 1), dtype=float), q[chosen], method=method)
    return result


def _between(low: Any, high: Any, weight: Any) -> Any:
    """Linear interpolation, from the nearer end as NumPy does it."""
    difference = high - low
    return operations["where"](
        undifferentiated(weight) >= 0.5, high - difference * (1 - weight), low + difference * weight
    )


def _quantile(
    function: Any, a: Any, q: Any, axis: Any, method: str, keepdims: bool, skip_nan: bool, out: Any, weights: Any
) -> Any:
    if weights is not None:
        return _weighted(function, a, q, axis, method, keepdims, out, weights)
    if method not in _CONTINUOUS and method not in _DISCRETE:
        raise ValueError(f"{method!r} is not a valid method. Use one of: {', '.join((*_CONTINUOUS, *_DISCRETE))}")
    if a.dtype.kind == "c":
        raise TypeError("a must be an array of real numbers")
    if np.any((undifferentiated(q) < 0) | (undifferentiated(q) > 1)):
        raise ValueError(
            "Quantiles must be in the range [0, 1]"
            if "quantile" in function.__name__
            else "Percentiles must be in the range [0, 100]"
        )
    elements, _, kept = _sorted_first(a, axis)
    length, rest = elements.shape[0], tuple(elements.shape[1:])
    missing = np.isnan(undifferentiated(elements)) if a.dtype.kind == "f" else np.zeros(elements.shape, bool)
    if length == 0:
        raise IndexError(f"{full_name(function)} of an empty array (in {here()})")
    counts = length - missing.sum(axis=0) if skip_nan and missing.any() else None
    n: Any = length if counts is None else np.maximum(counts, 1)
    shape_q, dtype = q.shape, a.dtype if method in _ELEMENT else np.result_type(a.dtype, q.dtype)
    if counts is not None:
        q = reshape(q, shape=(*shape_q, *(1,) * len(rest)))
    if method in _CONTINUOUS:
        alpha, beta = _CONTINUOUS[method]
        position = (n - 1) * q if method == "linear" else n * q + (alpha + q * (1 - alpha - beta)) - 1
    else:
        position = _steps(n, np.asarray(concrete(q)), method)
        position = position.astype(prototype(q).dtype) if prototype(q).dtype.kind == "f" else position
    plain = as_value(undifferentiated(position))
    inside = (plain >= 0) & (plain < n - 1)
    start = np.where(inside, np.floor(plain), np.where(plain < 0, 0, n - 1)).astype(np.intp)
    start, last = np.broadcast_to(start, plain.shape), np.broadcast_to(n - 1, plain.shape)
    low, high = _read(elements, start, counts), _read(elements, np.minimum(start + 1, last), counts)
    weight = operations["where"](inside, position - start.astype(plain.dtype), plain.dtype.type(0))
    if counts is None:
        weight = reshape(weight, shape=(*shape_q, *(1,) * len(rest)))
    result = as_dtype(_between(low, high, weight), dtype)
    if missing.any() and not skip_nan:
        last_element = getitem(elements, -1)
        result = operations["where"](missing[-1], last_element, result)
    return _finish(function, result, shape_q, kept, keepdims, out)


def _finish(
    function: Any, result: Any, shape_q: tuple[int, ...], kept: tuple[int, ...], keepdims: bool, out: Any
) -> Any:
    result = laid_out(result, "C")
    if keepdims:
        result = reshape(result, shape=(*shape_q, *kept))
    elif result.ndim == 0 and isinstance(prototype(result), np.ndarray):
        result = result[()]
    return result if out is None else write_out(function, result, out)


def _weighted(function: Any, a: Any, q: Any, axis: Any, method: Any, keepdims: bool, out: Any, weights: Any) -> Any:
    """With weights a quantile is one of the elements: NumPy says its value, and the first element of that value is read."""
    plain_q, plain_weights = np.asarray(concrete(q)), np.asarray(concrete(as_value(weights)))
    if function in (np.percentile, np.nanpercentile):
        function_on = np.quantile if function is np.percentile else np.nanquantile
    else:
        function_on = function
    values = np.asarray(function_on(concrete(a), plain_q, axis=axis, method=method, weights=plain_weights))
    axes = normalise_axes(axis, a.ndim)
    rest, kept = reduced(a.shape, axes, keepdims=False), reduced(a.shape, axes, keepdims=True)
    moved = reshape(
        moveaxis(a, axes, tuple(range(len(axes)))), shape=(-1 if not a.size else a.size // math.prod(rest), *rest)
    )
    matches = np.asarray(concrete(moved)).reshape((-1,) + (1,) * plain_q.ndim + rest) == values
    if not matches.any(axis=0).all():
        raise UnsupportedError(
            f"{full_name(function)} with weights= met NaN on traced values (in {here()}). Select the elements first."
        )
    result = _read(moved, matches.argmax(axis=0), counts=plain_q)
    return _finish(function, result, plain_q.shape, kept, keepdims, out)


def _level(a: Any, q: Any, scale: float) -> Any:
    """q as an array; a number of Python takes the dtype of a, as in NumPy."""
    if isinstance(q, Traced):
        return q / scale if scale != 1 else q
    if type(q) in (int, float) and a.dtype.kind == "f":
        return np.true_divide(np.asarray(q, a.dtype), a.dtype.type(scale)) if scale != 1 else np.asarray(q, a.dtype)
    return np.true_divide(np.asarray(q), scale) if scale != 1 else np.asarray(q)


def _define(function: Any, scale: float, skip_nan: bool) -> Any:
    def quantile(
        a: Any,
        q: Any,
        axis: Any = None,
        out: Any = None,
        overwrite_input: bool = False,
        method: str = "linear",
        keepdims: Any = False,
        *,
        weights: Any = None,
        interpolation: Any = None,
    ) -> Any:
        a = as_value(a)
        keep = keepdims is not np._NoValue and bool(keepdims)
        return _quantile(
            function, a, as_value(_level(a, q, scale)), axis, interpolation or method, keep, skip_nan, out, weights
        )

    return stand_in(function)(quantile)


_define(np.quantile, 1, skip_nan=False)
_define(np.percentile, 100, skip_nan=False)
_define(np.nanquantile, 1, skip_nan=True)
_define(np.nanpercentile, 100, skip_nan=True)


def _median(function: Any, a: Any, axis: Any, out: Any, keepdims: Any, skip_nan: bool) -> Any:
    a = as_value(a)
    if a.dtype.kind in "iub":
        a = as_dtype(a, float)
    elements, _, kept = _sorted_first(a, axis)
    length = elements.shape[0]
    if not length:
        result = reshape(elements.sum(axis=0) * np.nan, shape=tuple(elements.shape[1:]))
        return _finish(function, result, (), kept, keepdims is not np._NoValue and bool(keepdims), out)
    missing = np.isnan(undifferentiated(elements))
    if skip_nan and missing.any():
        counts = np.maximum(length - missing.sum(axis=0), 1)
        low, high = _read(elements, (counts - 1) // 2, counts), _read(elements, counts // 2, counts)
        result = (low + high) / 2
    else:
        result = getitem(elements, length // 2)
        if length % 2 == 0:
            result = (getitem(elements, length // 2 - 1) + result) / 2
        if missing.any():
            result = operations["where"](missing[-1], getitem(elements, -1), result)
    return _finish(function, result, (), kept, keepdims is not np._NoValue and bool(keepdims), out)


@stand_in(np.median)
def median(a: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False, keepdims: Any = False) -> Any:
    """The middle of the sorted elements, as `numpy.median`.

    >>> float(median(np.array([3.0, 1.0, 2.0, 10.0])))
    2.5
    """
    return _median(np.median, a, axis, out, keepdims, skip_nan=False)


@stand_in(np.nanmedian)
def _nanmedian(a: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False, keepdims: Any = False) -> Any:
    return _median(np.nanmedian, a, axis, out, keepdims, skip_nan=True)
