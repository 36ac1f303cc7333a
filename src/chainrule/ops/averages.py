"""Averages: mean, variance, standard deviation, weighted average, and their forms that leave elements out.

The standard deviation of equal numbers has gradient 0 here: it lies between the one-sided derivatives, and rounding noise in place of
zero deviations must not decide. `where=` and the functions for NaN divide by the number of elements that take part.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.notation import call
from chainrule.numpy_protocol import write_out
from chainrule.ops.choice import absolute, keep, maximum, where_chosen
from chainrule.ops.comparison import bitwise_and, isnan, logical_not
from chainrule.ops.complex_parts import conjugate, real_part
from chainrule.ops.structure import as_dtype, as_value, broadcast_to, reduce_sum, reshape, spread, transpose_axes
from chainrule.primitive import sample, stand_in
from chainrule.shapes import ArrayType, normalise_axes, real_of, reduced, reduction_axes
from chainrule.trace import primitive
from chainrule.traced import prototype, undifferentiated

Axes = tuple[int, ...]
NOT_GIVEN: Any = np._NoValue


def _count(shape: tuple[int, ...], axis: Axes) -> int:
    return math.prod(shape[i] for i in axis)


def _mean_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    return dtype if dtype.kind in "fc" else np.dtype(float)


def _flag(value: Any) -> bool:
    return value is not NOT_GIVEN and bool(value)


# -- the mean ----------------------------------------------------------------------------------------------------------


def _mean(x: Any, *, axis: Axes, keepdims: bool) -> Any:
    kind = x.dtype.kind
    if kind in "fc" and x.dtype.itemsize > 2:
        if len(axis) == x.ndim and not keepdims:
            return np.add.reduce(x, axis=None) / x.size
        return np.add.reduce(x, axis=axis, keepdims=keepdims) / _count(x.shape, axis)
    return np.mean(x, axis=axis, keepdims=keepdims)


mean_over = primitive(
    "mean",
    forward=lambda x, *, axis, keepdims: np.mean(x, axis=axis, keepdims=keepdims),
    execute=_mean,
    vjp=lambda g, y, x, *, axis, keepdims: spread(g / _count(x.shape, axis), x.shape, axis, keepdims),
    shape=lambda x, *, axis, keepdims: ArrayType(reduced(x.shape, axis, keepdims), _mean_dtype(x.dtype)),
    linear=True,
    notation=call(r"\operatorname{mean}"),
    samples=(
        sample((2, 3), axis=(0,), keepdims=False),
        sample((2, 3, 4), axis=(0, 2), keepdims=True),
        sample((2, 3), axis=(0, 1), keepdims=False),
        sample((), axis=(), keepdims=False),
        sample((0, 3), axis=(1,), keepdims=False),
    ),
)


@stand_in(np.mean)
def mean(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = NOT_GIVEN, *, where: Any = NOT_GIVEN
) -> Any:
    """The arithmetic mean over axes, as `numpy.mean`.

    >>> mean(np.array([[1.0, 3.0], [5.0, 7.0]]), axis=0)
    array([3., 5.])
    """
    a = as_dtype(as_value(a), dtype) if dtype is not None else as_value(a)
    axes = normalise_axes(axis, a.ndim)
    if where is NOT_GIVEN or where is True:
        result = mean_over(a, axis=axes, keepdims=_flag(keepdims))
    else:
        result = _mean_of(a, where, axes, _flag(keepdims))
    return write_out(np.mean, result, out)


# -- variance and standard deviation -----------------------------------------------------------------------------------


def _variance(x: Any, *, axis: Axes, ddof: float, keepdims: bool) -> Any:
    if x.dtype.kind != "f" or x.dtype.itemsize == 2:
        return np.var(x, axis=axis, ddof=ddof, keepdims=keepdims)
    deviation = x - np.add.reduce(x, axis=axis, keepdims=True) / _count(x.shape, axis)
    return np.add.reduce(deviation * deviation, axis=axis, keepdims=keepdims) / max(_count(x.shape, axis) - ddof, 0)


def _deviation(x: Any, axis: Axes) -> Any:
    """The conjugate distance from the mean: the derivative of its square is twice this."""
    centred = x - mean_over(x, axis=axis, keepdims=True)
    return conjugate(centred) if x.dtype.kind == "c" else centred


def _full(value: Any, x: Any, axis: Axes) -> Any:
    """A reduced value with its reduced axes back, of length 1."""
    shape = reduced(x.shape, axis, keepdims=True)
    return value if value.shape == shape else reshape(value, shape=shape)


def _variance_rule(g: Any, _: Any, x: Any, *, axis: Axes, ddof: float, **__: Any) -> Any:
    freedom = max(_count(x.shape, axis) - ddof, 0)
    return _full(g * 2 / freedom, x, axis) * _deviation(x, axis)


def _deviation_rule(g: Any, y: Any, x: Any, *, axis: Axes, ddof: float, **__: Any) -> Any:
    freedom = max(_count(x.shape, axis) - ddof, 0)
    g, y = _full(g, x, axis), _full(y, x, axis)
    noise = y <= absolute(mean_over(x, axis=axis, keepdims=True)) * (4 * float(np.finfo(y.dtype).eps))
    share = keep(g / (where_chosen(noise, 1, y) * freedom), logical_not(noise))
    return share * _deviation(x, axis)


def _spread_type(x: ArrayType, *, axis: Axes, keepdims: bool, **_: Any) -> ArrayType:
    return ArrayType(reduced(x.shape, axis, keepdims), real_of(_mean_dtype(x.dtype)))


_SAMPLES = (
    sample((2, 3), axis=(0,), ddof=0, keepdims=False),
    sample((2, 3, 4), axis=(0, 2), ddof=1, keepdims=True),
    sample((2, 3), axis=(0, 1), ddof=0.5, keepdims=False),
    sample((0, 3), axis=(1,), ddof=0, keepdims=False),
    sample(
        make=lambda rng: (rng.normal(size=(2, 3)) + 1j * rng.normal(size=(2, 3)),), axis=(1,), ddof=0, keepdims=False
    ),
)

variance_over = primitive(
    "var",
    forward=lambda x, *, axis, ddof, keepdims: np.var(x, axis=axis, ddof=ddof, keepdims=keepdims),
    execute=_variance,
    vjp=_variance_rule,
    shape=_spread_type,
    analytic=False,
    notation=call(r"\operatorname{var}"),
    samples=_SAMPLES,
)

deviation_over = primitive(
    "std",
    forward=lambda x, *, axis, ddof, keepdims: np.std(x, axis=axis, ddof=ddof, keepdims=keepdims),
    execute=lambda x, *, axis, ddof, keepdims: np.sqrt(_variance(x, axis=axis, ddof=ddof, keepdims=keepdims)),
    vjp=_deviation_rule,
    shape=_spread_type,
    analytic=False,
    notation=call(r"\operatorname{std}"),
    samples=_SAMPLES,
)


def _freedom_lost(ddof: Any, correction: Any) -> Any:
    if correction is NOT_GIVEN:
        return ddof
    if ddof != 0:
        raise ValueError("ddof and correction can't be provided simultaneously.")
    return correction


# The square root with derivative 0 at 0.
_root = primitive(
    "deviation_root",
    forward=np.sqrt,
    vjp=lambda g, y, x: keep(g / (2 * where_chosen(y == 0, 1, y)), y != 0),
    notation=call(r"\sqrt"),
    domain=(0.2, 2.0),
    complex_input=False,
    register_forward=False,
)


@stand_in(np.var)
def var(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    ddof: Any = 0,
    keepdims: Any = NOT_GIVEN,
    *,
    where: Any = NOT_GIVEN,
    mean: Any = NOT_GIVEN,
    correction: Any = NOT_GIVEN,
) -> Any:
    """The variance over axes, as `numpy.var`: the sum of squared deviations divided by the number of elements less `ddof`.

    >>> var(np.array([1.0, 2.0, 4.0]), ddof=1).round(6)
    np.float64(2.333333)
    """
    return write_out(
        np.var, _spread_of(variance_over, a, axis, dtype, _freedom_lost(ddof, correction), keepdims, where, mean), out
    )


@stand_in(np.std)
def std(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    ddof: Any = 0,
    keepdims: Any = NOT_GIVEN,
    *,
    where: Any = NOT_GIVEN,
    mean: Any = NOT_GIVEN,
    correction: Any = NOT_GIVEN,
) -> Any:
    """The standard deviation over axes, as `numpy.std`; its gradient is 0 where all elements are equal.

    >>> std(np.array([1.0, 2.0, 3.0, 4.0])).round(6)
    np.float64(1.118034)
    """
    return write_out(
        np.std, _spread_of(deviation_over, a, axis, dtype, _freedom_lost(ddof, correction), keepdims, where, mean), out
    )


def _spread_of(
    over: Callable[..., Any], a: Any, axis: Any, dtype: Any, ddof: Any, keepdims: Any, where: Any, centre: Any
) -> Any:
    a = as_dtype(as_value(a), dtype)
    axes = normalise_axes(axis, a.ndim)
    everything = where is NOT_GIVEN or where is True
    if everything and centre is NOT_GIVEN:
        return over(a, axis=axes, ddof=ddof, keepdims=_flag(keepdims))
    valid = np.True_ if everything else where
    variance = _variance_of(a, valid, axes, ddof, _flag(keepdims), None if centre is NOT_GIVEN else as_value(centre))
    return variance if over is variance_over else _root(variance)


# -- leaving elements out ----------------------------------------------------------------------------------------------


def _valid_count(valid: Any, shape: tuple[int, ...], axis: Axes, keepdims: bool) -> Any:
    valid = as_value(valid)
    if valid.shape != shape:
        valid = broadcast_to(valid, shape=shape)
    return reduce_sum(valid, axis=axis, keepdims=keepdims)


def _mean_of(a: Any, valid: Any, axis: Axes, keepdims: bool) -> Any:
    """The mean of the elements that are valid."""
    dtype = _mean_dtype(a.dtype)
    kept = where_chosen(valid, a, a.dtype.type(0))
    total = reduce_sum(as_dtype(kept, np.float32 if dtype == np.float16 else dtype), axis=axis, keepdims=keepdims)
    return as_dtype(total / _valid_count(valid, a.shape, axis, keepdims), dtype)


def _variance_of(a: Any, valid: Any, axis: Axes, ddof: Any, keepdims: bool, centre: Any = None) -> Any:
    """The variance of the elements that are valid, around their mean or around a given centre."""
    dtype = _mean_dtype(a.dtype)
    wide = as_dtype(a, np.float32 if dtype == np.float16 else dtype)
    if centre is None:
        centre = _mean_of(wide, valid, axis, True)
    deviation = where_chosen(valid, wide - centre, wide.dtype.type(0))
    squares = real_part(deviation * conjugate(deviation)) if dtype.kind == "c" else deviation * deviation
    count = _valid_count(valid, a.shape, axis, keepdims)
    freedom = maximum(count - ddof, 0)
    return as_dtype(reduce_sum(squares, axis=axis, keepdims=keepdims) / freedom, real_of(dtype))


def _valid(a: Any, where: Any) -> Any:
    valid = logical_not(isnan(a)) if a.dtype.kind in "fc" else np.True_
    return valid if where is NOT_GIVEN or where is True else bitwise_and(valid, where)


def _warn(message: str, result: Any) -> None:
    if np.isnan(prototype(result)).any():
        warnings.warn(message, RuntimeWarning, stacklevel=3)


@stand_in(np.nanmean)
def nanmean(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = NOT_GIVEN, *, where: Any = NOT_GIVEN
) -> Any:
    """The mean of the elements that are not NaN, as `numpy.nanmean`; NaN elements have gradient 0.

    >>> nanmean(np.array([1.0, np.nan, 3.0]))
    np.float64(2.0)
    """
    a = as_dtype(as_value(a), dtype)
    with np.errstate(invalid="ignore", divide="ignore"):
        result = _mean_of(a, _valid(a, where), reduction_axes(axis, a.ndim), _flag(keepdims))
    _warn("Mean of empty slice", result)
    return write_out(np.nanmean, result, out)


def _nan_variance(a: Any, axis: Any, dtype: Any, ddof: Any, keepdims: Any, where: Any, centre: Any) -> Any:
    a = as_dtype(as_value(a), dtype)
    with np.errstate(invalid="ignore", divide="ignore"):
        axes, given = normalise_axes(axis, a.ndim), None if centre is NOT_GIVEN else as_value(centre)
        result = _variance_of(a, _valid(a, where), axes, ddof, _flag(keepdims), given)
    _warn("Degrees of freedom <= 0 for slice.", result)
    return result


@stand_in(np.nanvar)
def nanvar(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    ddof: Any = 0,
    keepdims: Any = NOT_GIVEN,
    *,
    where: Any = NOT_GIVEN,
    mean: Any = NOT_GIVEN,
    correction: Any = NOT_GIVEN,
) -> Any:
    """The variance of the elements that are not NaN, as `numpy.nanvar`; NaN elements have gradient 0.

    >>> nanvar(np.array([1.0, np.nan, 3.0]))
    np.float64(1.0)
    """
    result = _nan_variance(a, axis, dtype, _freedom_lost(ddof, correction), keepdims, where, mean)
    return write_out(np.nanvar, result, out)


@stand_in(np.nanstd)
def nanstd(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    ddof: Any = 0,
    keepdims: Any = NOT_GIVEN,
    *,
    where: Any = NOT_GIVEN,
    mean: Any = NOT_GIVEN,
    correction: Any = NOT_GIVEN,
) -> Any:
    """The standard deviation of the elements that are not NaN, as `numpy.nanstd`; NaN elements have gradient 0.

    >>> nanstd(np.array([1.0, np.nan, 3.0]))
    np.float64(1.0)
    """
    result = _root(_nan_variance(a, axis, dtype, _freedom_lost(ddof, correction), keepdims, where, mean))
    return write_out(np.nanstd, result, out)


# -- the weighted average ----------------------------------------------------------------------------------------------


@stand_in(np.average)
def average(a: Any, axis: Any = None, weights: Any = None, returned: bool = False, *, keepdims: Any = NOT_GIVEN) -> Any:
    """The weighted average over axes, as `numpy.average`, differentiable in the numbers and in the weights.

    >>> average(np.array([1.0, 2.0, 4.0]), weights=np.array([1.0, 1.0, 2.0]))
    np.float64(2.75)
    """
    a = as_value(a)
    axes = normalise_axes(axis, a.ndim)
    kept = _flag(keepdims)
    if weights is None:
        result = mean_over(a, axis=axes, keepdims=kept)
        scale: Any = as_dtype(as_value(_count(a.shape, axes)), result.dtype)
    else:
        weights = as_value(weights)
        dtype = np.result_type(a.dtype, weights.dtype, *(["f8"] if a.dtype.kind in "iub" else []))
        weights = _aligned_weights(a, weights, axis, axes)
        scale = reduce_sum(as_dtype(weights, dtype), axis=axes if weights.ndim == a.ndim else (0,), keepdims=kept)
        if np.any(undifferentiated(scale) == 0):
            raise ZeroDivisionError("Weights sum to zero, can't be normalized")
        result = reduce_sum(as_dtype(a, dtype) * as_dtype(weights, dtype), axis=axes, keepdims=kept) / scale
    if not returned:
        return result
    return result, scale if scale.shape == result.shape else broadcast_to(scale, shape=result.shape)


def _aligned_weights(a: Any, weights: Any, axis: Any, axes: Axes) -> Any:
    """Weights of fewer axes in a shape that broadcasts against `a`."""
    if weights.shape == a.shape:
        return weights
    if axis is None:
        raise TypeError("Axis must be specified when shapes of a and weights differ.")
    given = tuple(axis) if isinstance(axis, tuple | list) else (axis,)
    order = tuple(entry % a.ndim for entry in given)
    if weights.shape != tuple(a.shape[i] for i in order):
        raise ValueError("Shape of weights must be consistent with shape of a along specified axis.")
    weights = transpose_axes(weights, axes=tuple(int(i) for i in np.argsort(order)))
    return broadcast_to(
        reshape(weights, shape=tuple(n if i in axes else 1 for i, n in enumerate(a.shape))), shape=a.shape
    )


__all__ = ["average", "mean", "nanmean", "nanstd", "nanvar", "std", "var"]
