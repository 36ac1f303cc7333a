"""Extremes: the greatest and the smallest element over axes; a tie shares evenly among all elements that attain it."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.boxes import Box, row
from chainrule.notation import Operand, call, custom, fitted
from chainrule.numpy_protocol import write_out
from chainrule.ops.choice import _keep, fmax, fmin, iverson, maximum, minimum, where_chosen
from chainrule.ops.structure import as_dtype, as_value, broadcast_to, reshape
from chainrule.primitive import sample, stand_in
from chainrule.shapes import ArrayType, broadcast, reduced, reduction_axes
from chainrule.trace import primitive
from chainrule.traced import prototype

Axes = tuple[int, ...]


def _share_evenly(g: Any, x: Any, y: Any, *, axis: Axes) -> Any:
    attained = np.equal(x, y)
    if np.count_nonzero(attained) != y.size:  # ties, or NaN
        if y.dtype.kind in "fc" and np.isnan(y).any():
            attained = attained | (np.isnan(x) & np.isnan(y))
        count = np.add.reduce(attained, axis=axis, keepdims=True)
        g = np.divide(g, np.maximum(count, 1)).astype(g.dtype)
    return _keep(g, attained)


def _draw_shared(operands: list[Operand], axis: Axes) -> Box:
    del axis  # it is the one over which the extreme was taken
    return row(fitted(operands[0], 20), "⊙", iverson(row(operands[1][0], "=", operands[2][0])))


# `y` has the reduced axes with length 1; `g` may have them so, or full.
share_evenly = primitive(
    "share_evenly",
    forward=_share_evenly,
    vjp=(lambda h, y, g, x, extreme, *, axis: share_evenly(h, x, extreme, axis=axis), None, None),
    shape=lambda g, x, y, *, axis: broadcast(g, x).retyped(g.dtype),
    elementwise=True,
    linear=True,
    notation=custom("[]", lambda texts, axis: f"{texts[0]} [{texts[1]} = {texts[2]}]", 20, draw=_draw_shared),
    samples=(
        sample(
            make=lambda rng: (rng.normal(size=(2, 1)), x := rng.normal(size=(2, 3)), x.max(1, keepdims=True)), axis=(1,)
        ),
        sample(make=lambda rng: (rng.normal(size=(2, 1)), np.ones((2, 3)), np.ones((2, 1))), axis=(1,)),
    ),
)


def _rule(g: Any, y: Any, x: Any, *, axis: Axes, **_: Any) -> Any:
    shape = reduced(x.shape, axis, keepdims=True)
    if y.shape != shape:
        g, y = reshape(g, shape=shape), reshape(y, shape=shape)
    return share_evenly(g, x, y, axis=axis)


def _reduction(name: str, ufunc: np.ufunc) -> Callable[..., Any]:
    def run(x: Any, *, axis: Axes, keepdims: bool) -> Any:
        return ufunc.reduce(x, axis=axis, keepdims=keepdims)

    def shape(x: ArrayType, *, axis: Axes, keepdims: bool) -> ArrayType:
        return x.reshaped(reduced(x.shape, axis, keepdims))

    return primitive(
        name,
        forward=run,
        vjp=_rule,
        shape=shape,
        notation=call(rf"\{name.removeprefix('nan')}", name),
        analytic=False,
        samples=(
            sample((2, 3), axis=(1,), keepdims=False),
            sample((2, 3, 4), axis=(0, 2), keepdims=True),
            sample((2, 3), axis=(0, 1), keepdims=False),
            sample((0, 3), axis=(1,), keepdims=False),
            sample((), axis=(), keepdims=False),
        ),
    )


greatest = _reduction("max", np.maximum)
smallest = _reduction("min", np.minimum)
greatest_number = _reduction("nanmax", np.fmax)
smallest_number = _reduction("nanmin", np.fmin)


def _lowest(dtype: np.dtype[Any], greatest_wanted: bool) -> Any:
    """What never wins: the fill for elements that `where=` leaves out."""
    if dtype.kind == "b":
        return np.bool_(not greatest_wanted)
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        return dtype.type(limits.min if greatest_wanted else limits.max)
    return dtype.type(-np.inf if greatest_wanted else np.inf)


def _extreme(
    function: Any,
    reduce: Any,
    pair: Any,
    greatest_wanted: bool,
    a: Any,
    axis: Any,
    out: Any,
    keepdims: Any,
    initial: Any,
    where: Any,
) -> Any:
    a = as_value(a)
    axes = reduction_axes(axis, a.ndim)
    given = initial is not np._NoValue and initial is not None
    keep_axes = keepdims is not np._NoValue and bool(keepdims)
    if where is not np._NoValue and where is not True:
        if not given:
            raise ValueError(
                f"reduction operation {function.__name__} does not have an identity, so to use a where mask one has to "
                "specify 'initial'"
            )
        a = where_chosen(where, a, _lowest(a.dtype, greatest_wanted))
    if given:
        initial = as_dtype(as_value(initial), a.dtype)
        if any(a.shape[i] == 0 for i in axes):
            result = broadcast_to(initial, shape=reduced(a.shape, axes, keep_axes))
        else:
            result = pair(reduce(a, axis=axes, keepdims=keep_axes), initial)
    else:
        result = reduce(a, axis=axes, keepdims=keep_axes)
    return write_out(function, result, out)


@stand_in(np.max, np.amax)
def max(  # noqa: A001 NumPy's name
    a: Any,
    axis: Any = None,
    out: Any = None,
    keepdims: Any = False,
    initial: Any = np._NoValue,
    where: Any = True,
) -> Any:
    """The greatest element over axes, as `numpy.max`; a tie shares the gradient evenly.

    >>> max(np.array([[1.0, 5.0], [3.0, 2.0]]), axis=1)
    array([5., 3.])
    """
    return _extreme(np.max, greatest, maximum, True, a, axis, out, keepdims, initial, where)


@stand_in(np.min, np.amin)
def min(  # noqa: A001 NumPy's name
    a: Any,
    axis: Any = None,
    out: Any = None,
    keepdims: Any = False,
    initial: Any = np._NoValue,
    where: Any = True,
) -> Any:
    """The smallest element over axes, as `numpy.min`; a tie shares the gradient evenly.

    >>> min(np.array([[1.0, 5.0], [3.0, 2.0]]), axis=1)
    array([1., 2.])
    """
    return _extreme(np.min, smallest, minimum, False, a, axis, out, keepdims, initial, where)


def _warn_of_nan(result: Any) -> None:
    plain = prototype(result)
    if plain.dtype.kind in "fc" and np.isnan(plain).any():
        warnings.warn("All-NaN slice encountered", RuntimeWarning, stacklevel=5)


@stand_in(np.nanmax)
def nanmax(
    a: Any, axis: Any = None, out: Any = None, keepdims: Any = False, initial: Any = np._NoValue, where: Any = True
) -> Any:
    """The greatest element that is not NaN, as `numpy.nanmax`; NaN elements have gradient 0.

    >>> nanmax(np.array([1.0, np.nan, 3.0]))
    np.float64(3.0)
    """
    result = _extreme(np.nanmax, greatest_number, fmax, True, a, axis, None, keepdims, initial, where)
    _warn_of_nan(result)
    return write_out(np.nanmax, result, out)


@stand_in(np.nanmin)
def nanmin(
    a: Any, axis: Any = None, out: Any = None, keepdims: Any = False, initial: Any = np._NoValue, where: Any = True
) -> Any:
    """The smallest element that is not NaN, as `numpy.nanmin`; NaN elements have gradient 0.

    >>> nanmin(np.array([1.0, np.nan, 3.0]))
    np.float64(1.0)
    """
    result = _extreme(np.nanmin, smallest_number, fmin, False, a, axis, None, keepdims, initial, where)
    _warn_of_nan(result)
    return write_out(np.nanmin, result, out)


__all__ = ["max", "min", "nanmax", "nanmin"]
