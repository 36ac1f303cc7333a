"""Cumulative: running sums and products, and the product of many factors, right with zeros among the factors to every order.

A product's derivative with respect to one factor is the product of the others. Where no factor is 0 that is the product divided by the
factor; otherwise it is built from running products and from the linear recurrence y[i] = a[i] y[i-1] + b[i], which never divide.
"""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from chainrule.notation import call
from chainrule.numpy_protocol import write_out
from chainrule.ops import structure
from chainrule.ops.indexing import basic_slice
from chainrule.ops.joining import concatenate
from chainrule.ops.reshaping import flip, moveaxis
from chainrule.ops.selecting import flatten
from chainrule.ops.structure import as_dtype, as_value, reshape, spread
from chainrule.primitive import operations, present, sample, stand_in
from chainrule.shapes import ArrayType, normalise_axis, reduced, reduction_axes
from chainrule.trace import primitive
from chainrule.traced import Traced, undifferentiated

__all__: list[str] = []


def _along(axis: int, start: int | None, stop: int | None) -> tuple[slice, ...]:
    return (*[slice(None)] * axis, slice(start, stop))


def _shift(x: Any, axis: int, first: float) -> Any:
    """The elements moved one place on, with `first` in front."""
    start = np.full((*x.shape[:axis], 1, *x.shape[axis + 1 :]), first, x.dtype)
    return concatenate([start, basic_slice(x, index=_along(axis, None, -1))], axis=axis)


# -- running sums ------------------------------------------------------------------------------------------------------

_RUNNING_SAMPLES = (sample((4,), axis=0), sample((3, 4), axis=1), sample((2, 3, 2), axis=1), sample((2, 0), axis=1))

running_sum = primitive(
    "cumsum",
    forward=lambda x, *, axis: np.cumsum(x, axis=axis),
    vjp=(lambda g, y, x, *, axis: flip(running_sum(flip(g, axis), axis=axis), axis),),
    shape=lambda x, *, axis: ArrayType(x.shape, np.cumsum(np.zeros(0, x.dtype)).dtype),
    notation=call("cumsum"),
    linear=True,
    samples=_RUNNING_SAMPLES,
)


# -- linear recurrence and running products ----------------------------------------------------------------------------


def _recur(a: Any, b: Any, *, axis: int) -> Any:
    result = np.array(b, dtype=np.result_type(a, b))
    values, factors = np.moveaxis(result, axis, 0), np.moveaxis(a, axis, 0)
    for i in range(1, len(values)):
        values[i] += factors[i] * values[i - 1]
    return result


def _back(a: Any, g: Any, axis: int) -> Any:
    """s[i] = g[i] + a[i+1] s[i+1]: the transpose of the recurrence in b."""
    ahead = flip(_shift(flip(a, axis), axis, 0.0), axis)
    return flip(recurrence(flip(ahead, axis), flip(g, axis), axis=axis), axis)


recurrence = primitive(
    "recurrence",
    forward=_recur,
    vjp=(
        lambda g, y, a, b, *, axis: _back(a, g, axis) * _shift(y, axis, 0.0),
        lambda g, y, a, b, *, axis: _back(a, g, axis),
    ),
    shape=lambda a, b, *, axis: ArrayType(b.shape, np.result_type(a.dtype, b.dtype)),
    notation=call("recurrence"),
    samples=(sample((4,), (4,), axis=0), sample((3, 4), (3, 4), axis=1), sample((2, 0), (2, 0), axis=1)),
)


def _divides(x: Any, y: Any) -> bool:
    """Whether products without one factor may be had by division: no zero, no overflow or underflow."""
    plain, product = undifferentiated(x), undifferentiated(y)
    return bool(np.all(plain) and np.all(product) and np.isfinite(product).all())


def _running_product_rule(g: Any, y: Any, x: Any, *, axis: int) -> Any:
    if _divides(x, y):
        return flip(running_sum(flip(g * y, axis), axis=axis), axis) / x
    return _shift(y, axis, 1.0) * _back(x, g, axis)


running_product = primitive(
    "cumprod",
    forward=lambda x, *, axis: np.cumprod(x, axis=axis),
    vjp=(_running_product_rule,),
    shape=lambda x, *, axis: ArrayType(x.shape, np.cumprod(np.zeros(0, x.dtype)).dtype),
    notation=call("cumprod"),
    samples=(*_RUNNING_SAMPLES, sample(make=lambda rng: (np.array([1.5, 0.0, 2.0, 0.0, -1.0]),), axis=0)),
)


# -- product -----------------------------------------------------------------------------------------------------------


def others(x: Any, axis: tuple[int, ...]) -> Any:
    """For each element, the product of the others along the axes; never divides.

    >>> others(np.array([2.0, 0.0, 5.0]), (0,))
    array([ 0., 10.,  0.])
    """
    ndim = len(x.shape)
    front = tuple(range(len(axis)))
    moved = moveaxis(x, axis, front)
    line = reshape(moved, shape=(math.prod(moved.shape[: len(axis)]), *moved.shape[len(axis) :]))
    before = _shift(running_product(line, axis=0), 0, 1.0) if line.shape[0] else line
    after = flip(_shift(running_product(flip(line, 0), axis=0), 0, 1.0), 0) if line.shape[0] else line
    result = moveaxis(reshape(before * after, shape=tuple(moved.shape)), front, axis)
    return result if len(result.shape) == ndim else reshape(result, shape=x.shape)


def _product_rule(g: Any, y: Any, x: Any, *, axis: tuple[int, ...], keepdims: bool) -> Any:
    if not axis:
        return g
    if _divides(x, y):
        return spread(g * y, x.shape, axis, keepdims) / x
    return spread(g, x.shape, axis, keepdims) * others(x, axis)


product = primitive(
    "prod",
    forward=lambda x, *, axis, keepdims: np.multiply.reduce(x, axis=axis, keepdims=keepdims),
    vjp=(_product_rule,),
    shape=lambda x, *, axis, keepdims: ArrayType(
        reduced(x.shape, axis, keepdims), np.multiply.reduce(np.zeros(0, x.dtype)).dtype
    ),
    notation=call(r"\prod", "prod"),
    samples=(
        sample((4,), axis=(0,), keepdims=False),
        sample((2, 3, 2), axis=(0, 2), keepdims=False),
        sample((2, 3), axis=(1,), keepdims=True),
        sample((), axis=(), keepdims=False),
        sample((2, 0), axis=(1,), keepdims=False),
        sample(
            make=lambda rng: (np.array([[0.0, 2.0, 3.0], [0.0, 0.0, 4.0], [1.0, 2.0, -3.0]]),),
            axis=(1,),
            keepdims=False,
        ),
    ),
)


@stand_in(np.prod)
def prod(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = False,
    initial: Any = 1,
    where: Any = True,
) -> Any:
    """Product of array elements over axes, as `numpy.prod`.

    >>> float(prod(np.array([2.0, 3.0])))
    6.0
    """
    a = as_dtype(as_value(a), dtype)
    if where is not True and where is not np._NoValue:
        a = operations["where"](where, a, a.dtype.type(1))
    result = product(a, axis=reduction_axes(axis, a.ndim), keepdims=keepdims is not np._NoValue and bool(keepdims))
    result = as_dtype(result, dtype)
    if isinstance(initial, Traced) or (initial is not np._NoValue and initial is not None and initial != 1):
        result = result * as_dtype(as_value(initial), result.dtype)
    return result if out is None else write_out(np.prod, result, out)


# -- NumPy's functions -------------------------------------------------------------------------------------------------


def _cumulate(function: Any, operation: Any, a: Any, axis: Any, dtype: Any, out: Any) -> Any:
    a = as_dtype(as_value(a), dtype)
    a, axis = (flatten(a), 0) if axis is None else (a, axis)
    a = reshape(a, shape=(1,)) if a.ndim == 0 else a
    result = as_dtype(operation(a, axis=normalise_axis(operator.index(axis), a.ndim)), dtype)
    return result if out is None else write_out(function, result, out)


@stand_in(np.cumsum)
def _cumsum(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    return _cumulate(np.cumsum, running_sum, a, axis, dtype, out)


@stand_in(np.cumprod)
def _cumprod(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    return _cumulate(np.cumprod, running_product, a, axis, dtype, out)


def _cumulative(
    function: Any, operation: Any, x: Any, axis: Any, dtype: Any, out: Any, include_initial: bool, first: int
) -> Any:
    x = as_value(x)
    if x.ndim == 0:
        x = reshape(x, shape=(1,))
    if axis is None:
        if x.ndim > 1:
            raise ValueError("For arrays which have more than one dimension ``axis`` argument is required.")
        axis = 0
    result = _cumulate(function, operation, x, axis, dtype, None)
    if include_initial:
        axis = normalise_axis(operator.index(axis), x.ndim)
        start = np.full((*x.shape[:axis], 1, *x.shape[axis + 1 :]), first, result.dtype)
        result = concatenate([start, result], axis=axis)
    return result if out is None else write_out(function, result, out)


@stand_in(*present("cumulative_sum"))  # NumPy 2.1
def _cumulative_sum(
    x: Any, /, *, axis: Any = None, dtype: Any = None, out: Any = None, include_initial: bool = False
) -> Any:
    return _cumulative(np.cumulative_sum, running_sum, x, axis, dtype, out, include_initial, 0)


@stand_in(*present("cumulative_prod"))  # NumPy 2.1
def _cumulative_prod(
    x: Any, /, *, axis: Any = None, dtype: Any = None, out: Any = None, include_initial: bool = False
) -> Any:
    return _cumulative(np.cumulative_prod, running_product, x, axis, dtype, out, include_initial, 1)


def _without_nan(a: Any, neutral: int) -> Any:
    a = as_value(a)
    missing = np.isnan(undifferentiated(a)) if a.dtype.kind in "fc" else False
    return (
        operations["where"](missing, a.dtype.type(neutral), a) if isinstance(missing, Traced) or np.any(missing) else a
    )


@stand_in(np.nansum)
def _nansum(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = False,
    initial: Any = 0,
    where: Any = True,
) -> Any:
    return structure.sum(_without_nan(a, 0), axis, dtype, out, keepdims, initial, where)


@stand_in(np.nanprod)
def _nanprod(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = False,
    initial: Any = 1,
    where: Any = True,
) -> Any:
    return prod(_without_nan(a, 1), axis, dtype, out, keepdims, initial, where)


@stand_in(np.nancumsum)
def _nancumsum(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    return _cumulate(np.nancumsum, running_sum, _without_nan(a, 0), axis, dtype, out)


@stand_in(np.nancumprod)
def _nancumprod(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    return _cumulate(np.nancumprod, running_product, _without_nan(a, 1), axis, dtype, out)
