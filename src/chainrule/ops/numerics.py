"""Numerics: differences, gradients on grids, integration, interpolation, phases, counts and functions applied along axes."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from chainrule.errors import UnsupportedError
from chainrule.numpy_protocol import write_out
from chainrule.ops.indexing import ARRAY, getitem, scatter
from chainrule.ops.joining import array, concatenate
from chainrule.ops.reshaping import expand_dims, moveaxis
from chainrule.ops.selecting import flatten, select
from chainrule.ops.structure import as_dtype, as_value, broadcast_to, reduce_sum, reshape
from chainrule.primitive import functions, operations, refuse, stand_in
from chainrule.shapes import normalise_axes, normalise_axis
from chainrule.traced import Traced, concrete, here, prototype, undifferentiated

__all__: list[str] = []


def _along(axis: int, item: Any) -> tuple[Any, ...]:
    return (*[slice(None)] * axis, item)


# -- differences -------------------------------------------------------------------------------------------------------


def _margin(value: Any, a: Any, axis: int) -> Any:
    value = as_value(value)
    return value if value.ndim else broadcast_to(value, shape=(*a.shape[:axis], 1, *a.shape[axis + 1 :]))


@stand_in(np.diff)
def diff(a: Any, n: Any = 1, axis: int = -1, prepend: Any = np._NoValue, append: Any = np._NoValue) -> Any:
    """Differences of neighbours along an axis, as `numpy.diff`.

    >>> diff(np.array([1.0, 4.0, 9.0]))
    array([3., 5.])
    """
    n = operator.index(n)
    if n == 0:
        return a
    if n < 0:
        raise ValueError(f"order must be non-negative but got {n!r}")
    a = as_value(a)
    if a.ndim == 0:
        raise ValueError("diff requires input that is at least one dimensional")
    axis = normalise_axis(operator.index(axis), a.ndim)
    parts = [a]
    if prepend is not np._NoValue:
        parts.insert(0, _margin(prepend, a, axis))
    if append is not np._NoValue:
        parts.append(_margin(append, a, axis))
    a = concatenate(parts, axis=axis) if len(parts) > 1 else a
    for _ in range(n):
        after, before = getitem(a, _along(axis, slice(1, None))), getitem(a, _along(axis, slice(None, -1)))
        a = operations["not_equal"](after, before) if a.dtype.kind == "b" else after - before
    return a


@stand_in(np.ediff1d)
def _ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Any:
    result = diff(flatten(as_value(ary)))
    parts = [result]
    if to_begin is not None:
        parts.insert(0, as_dtype(flatten(as_value(to_begin)), result.dtype))
    if to_end is not None:
        parts.append(as_dtype(flatten(as_value(to_end)), result.dtype))
    return concatenate(parts) if len(parts) > 1 else result


def _spacing(given: Any, f: Any, axis: int) -> Any:
    """The distance between samples: one number, or one for each gap."""
    given = as_value(given)
    if given.ndim == 0:
        return given
    if given.ndim != 1:
        raise ValueError("distances must be either scalars or 1d")
    if given.shape[0] != f.shape[axis]:
        raise ValueError("when 1d, distances must match the length of the corresponding dimension")
    gaps = diff(as_dtype(given, float) if given.dtype.kind in "iu" else given)
    return getitem(gaps, 0) if not isinstance(gaps, Traced) and gaps.size and np.all(gaps == gaps[0]) else gaps


def _slope(f: Any, h: Any, axis: int, edge_order: int) -> Any:
    """The derivative along one axis by second-order differences, first or second order at the ends."""

    def part(start: int | None, stop: int | None) -> Any:
        return getitem(f, _along(axis, slice(start, stop)))

    def line(values: Any) -> Any:
        return reshape(values, shape=tuple(values.size if i == axis else 1 for i in range(f.ndim)))

    uniform = h.ndim == 0
    if uniform:
        middle = (part(2, None) - part(None, -2)) / (2.0 * h)
        first, last = h, h
    else:
        left, right = line(getitem(h, slice(None, -1))), line(getitem(h, slice(1, None)))
        a, b, c = -right / (left * (left + right)), (right - left) / (left * right), left / (right * (left + right))
        middle = a * part(None, -2) + b * part(1, -1) + c * part(2, None)
        first, last = getitem(h, 0), getitem(h, -1)
    if edge_order == 1:
        start = (part(1, 2) - part(0, 1)) / first
        end = (part(-1, None) - part(-2, -1)) / last
    elif uniform:
        start = -1.5 / h * part(0, 1) + 2.0 / h * part(1, 2) + -0.5 / h * part(2, 3)
        end = 0.5 / h * part(-3, -2) + -2.0 / h * part(-2, -1) + 1.5 / h * part(-1, None)
    else:
        one, two = getitem(h, 0), getitem(h, 1)
        start = (
            -(2.0 * one + two) / (one * (one + two)) * part(0, 1)
            + (one + two) / (one * two) * part(1, 2)
            + -one / (two * (one + two)) * part(2, 3)
        )
        one, two = getitem(h, -2), getitem(h, -1)
        end = (
            two / (one * (one + two)) * part(-3, -2)
            + -(two + one) / (one * two) * part(-2, -1)
            + (2.0 * two + one) / (two * (one + two)) * part(-1, None)
        )
    return concatenate([start, middle, end], axis=axis)


@stand_in(np.gradient)
def _gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    f = as_value(f)
    axes = tuple(range(f.ndim)) if axis is None else normalise_axes(axis, f.ndim)
    if not varargs:
        spacings: list[Any] = [np.asarray(1.0)] * len(axes)
    elif len(varargs) == 1 and np.ndim(prototype(varargs[0])) == 0:
        spacings = [as_value(varargs[0])] * len(axes)
    elif len(varargs) == len(axes):
        spacings = [_spacing(given, f, i) for given, i in zip(varargs, axes, strict=True)]
    else:
        raise TypeError("invalid number of arguments")
    if edge_order > 2:
        raise ValueError("'edge_order' greater than 2 not supported")
    if f.dtype.kind in "iub":
        f = as_dtype(f, float)
    for i in axes:
        if f.shape[i] < edge_order + 1:
            raise ValueError(
                "Shape of array too small to calculate a numerical gradient, at least (edge_order + 1) elements are required."
            )
    results = [as_dtype(_slope(f, as_value(h), i, edge_order), f.dtype) for h, i in zip(spacings, axes, strict=True)]
    return results[0] if len(results) == 1 else tuple(results)


@stand_in(np.trapezoid)
def _trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    y = as_value(y)
    axis = normalise_axis(operator.index(axis), y.ndim)
    if x is None:
        step: Any = dx
    else:
        x = as_value(x)
        step = diff(x, axis=0 if x.ndim == 1 else axis)
        if x.ndim == 1:
            step = reshape(step, shape=tuple(step.size if i == axis else 1 for i in range(y.ndim)))
    sums = getitem(y, _along(axis, slice(1, None))) + getitem(y, _along(axis, slice(None, -1)))
    return reduce_sum(step * sums / 2.0, axis=(axis,), keepdims=False)


# -- interpolation and phases ------------------------------------------------------------------------------------------


@stand_in(np.interp)
def interp(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None) -> Any:
    """Linear interpolation between given points, as `numpy.interp`; differentiable in x, xp and fp.

    >>> float(interp(1.5, [1.0, 2.0], [10.0, 20.0]))
    15.0
    """
    x, xp, fp = as_dtype(as_value(x), float), as_dtype(as_value(xp), float), as_value(fp)
    fp = as_dtype(fp, complex if fp.dtype.kind == "c" else float)
    if xp.ndim != 1 or fp.ndim != 1 or xp.shape != fp.shape or not xp.size:
        raise ValueError("fp and xp must be one-dimensional, of the same length and not empty")
    if period is not None:
        if undifferentiated(period) == 0:
            raise ValueError("period must be a non-zero value")
        period = operations["absolute"](period)
        left = right = None
        x, xp = operations["remainder"](x, period), operations["remainder"](xp, period)
        order = np.argsort(undifferentiated(xp))
        xp, fp = select(xp, order, 0), select(fp, order, 0)
        last, first = slice(-1, None), slice(0, 1)
        xp = concatenate([getitem(xp, last) - period, xp, getitem(xp, first) + period])
        fp = concatenate([getitem(fp, last), fp, getitem(fp, first)])
    plain_x, plain_xp = as_value(undifferentiated(x)), as_value(undifferentiated(xp))
    count = plain_xp.size
    start = np.clip(np.searchsorted(plain_xp, plain_x, side="right") - 1, 0, max(count - 2, 0))
    low = select(fp, start, 0)
    if count > 1:
        x_low, x_high, high = select(xp, start, 0), select(xp, start + 1, 0), select(fp, start + 1, 0)
        inside = (high - low) / (x_high - x_low) * (x - x_low) + low
    else:
        inside = low + 0.0 * x
    where = operations["where"]
    below = getitem(fp, 0) if left is None else left
    above = getitem(fp, -1) if right is None else right
    result = where(plain_x < plain_xp[0], below, inside)
    result = where(plain_x > plain_xp[-1], above, result)
    # At the last point NumPy gives fp[-1] itself; the derivative there is that of the last piece.
    return result + np.where(plain_x == plain_xp[-1], undifferentiated(fp)[-1] - undifferentiated(result), 0)


@stand_in(np.unwrap)
def _unwrap(p: Any, discont: Any = None, axis: int = -1, *, period: Any = 2 * np.pi) -> Any:
    p = as_value(p)
    if isinstance(period, Traced):
        period._leave_graph("numpy.unwrap with period=", "the period as a plain number")
    plain = np.asarray(concrete(p))
    step = np.diff(plain, axis=axis)
    period = concrete(period)
    discont = period / 2 if discont is None else concrete(discont)
    dtype = np.result_type(step, period)
    if dtype.kind in "iu":
        high, remainder = divmod(period, 2)
        boundary = remainder == 0
    else:
        high, boundary = period / 2, True
    low = -high
    wrapped = np.mod(step - low, period) + low
    if boundary:
        np.copyto(wrapped, high, where=(wrapped == low) & (step > 0))
    correction = wrapped - step
    np.copyto(correction, 0, where=np.abs(step) < discont)
    axis = normalise_axis(operator.index(axis), p.ndim)
    zero = np.zeros((*plain.shape[:axis], 1, *plain.shape[axis + 1 :]), dtype)
    total = np.concatenate([zero, correction.cumsum(axis)], axis=axis)
    return as_dtype(p, dtype) + total


# -- counting, spread, application -------------------------------------------------------------------------------------


@stand_in(np.bincount)
def _bincount(x: Any, /, weights: Any = None, minlength: int = 0) -> Any:
    places = np.asarray(concrete(as_value(x)))
    if not isinstance(weights, Traced):
        return np.bincount(places, weights, minlength)
    if places.ndim != 1 or weights.shape != places.shape:
        raise ValueError("bincount: x must be one-dimensional, and weights of the same length")
    if places.size and places.min() < 0:
        raise ValueError("'list' argument must have no negative elements")
    length = max(int(places.max()) + 1 if places.size else 0, operator.index(minlength))
    return scatter(as_dtype(weights, float), places.astype(np.intp), shape=(length,), pattern=(ARRAY,))


@stand_in(np.ptp)
def _ptp(a: Any, axis: Any = None, out: Any = None, keepdims: Any = False) -> Any:
    keep = keepdims is not np._NoValue and bool(keepdims)
    result = functions[np.max](a, axis=axis, keepdims=keep) - functions[np.min](a, axis=axis, keepdims=keep)
    return result if out is None else write_out(np.ptp, result, out)


@stand_in(np.apply_along_axis)
def _apply_along_axis(func1d: Any, axis: int, arr: Any, *args: Any, **kwargs: Any) -> Any:
    arr = as_value(arr)
    axis = normalise_axis(operator.index(axis), arr.ndim)
    rest = (*arr.shape[:axis], *arr.shape[axis + 1 :])
    if 0 in rest:
        raise ValueError("Cannot apply_along_axis when any iteration dimensions are 0")
    lines = moveaxis(arr, axis, -1)
    results = [as_value(func1d(getitem(lines, place), *args, **kwargs)) for place in np.ndindex(*rest)]
    shape = tuple(results[0].shape)
    joined = reshape(array(results), shape=(*rest, *shape))
    inner = tuple(range(len(rest), len(rest) + len(shape)))
    return moveaxis(joined, inner, tuple(axis + i for i in range(len(shape))))


@stand_in(np.apply_over_axes)
def _apply_over_axes(func: Any, a: Any, axes: Any) -> Any:
    value = as_value(a)
    ndim = value.ndim
    for axis in (axes,) if np.ndim(axes) == 0 else axes:
        axis = normalise_axis(operator.index(axis), ndim)
        result = as_value(func(value, axis))
        if result.ndim == ndim - 1:
            result = expand_dims(result, axis)
        if result.ndim != ndim:
            raise ValueError("function is not returning an array of the correct shape")
        value = result
    return value


@stand_in(np.histogram)
def _histogram(a: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None) -> Any:  # noqa: A002 NumPy's name
    if isinstance(weights, Traced):
        raise UnsupportedError(
            f"numpy.histogram with weights= is not supported on traced values (in {here()}). Number the bins with np.digitize and "
            "add the weights with np.bincount(numbers, weights=w)."
        )
    return np.histogram(concrete(a), concrete(bins), concrete(range), density, weights)


refuse(
    "Number the bins with np.digitize and add up with np.bincount(numbers, weights=w).", np.histogram2d, np.histogramdd
)
refuse(
    "Write t.value for the plain numbers.",
    np.save,
    np.savez,
    np.savez_compressed,
    np.savetxt,
    np.packbits,
    np.unpackbits,
    np.busday_count,
    np.busday_offset,
)
