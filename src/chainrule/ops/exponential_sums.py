"""Exponentials that are normalised over axes: softmax, log_softmax, logsumexp; none of them overflows."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.errors import UnsupportedError
from chainrule.notation import call
from chainrule.ops.choice import clip_ufunc, where_chosen
from chainrule.ops.elementwise import exp, log
from chainrule.ops.structure import as_dtype, as_value, broadcast_to, reduce_sum, reshape
from chainrule.primitive import sample
from chainrule.shapes import ArrayType, inexact, normalise_axes, reduced
from chainrule.trace import primitive

Axes = tuple[int, ...]

_SAMPLES = (sample((2, 3), axis=(1,)), sample((2, 3, 4), axis=(0, 2)), sample((), axis=()), sample((0, 3), axis=(1,)))
_REDUCTIONS = (
    sample((2, 3), axis=(1,), keepdims=False),
    sample((2, 3, 4), axis=(0, 2), keepdims=True),
    sample((), axis=(), keepdims=False),
    sample((0, 3), axis=(1,), keepdims=False),
)


_LARGEST = {np.dtype(kind): np.finfo(kind).max for kind in ("f2", "f4", "f8")}


def _inexact_type(x: ArrayType, **_: Any) -> ArrayType:
    return x.retyped(inexact(x.dtype))


def _largest(x: Any, axis: Axes) -> Any:
    """The largest element over axes with their dimensions kept, as a finite number: infinity less infinity would be NaN."""
    top = np.maximum.reduce(x, axis=axis, keepdims=True)
    limit = _LARGEST.get(x.dtype) or np.finfo(x.dtype).max
    return clip_ufunc(top, -limit, limit)


def _floating(x: Any) -> Any:
    return x if x.dtype.kind == "f" else np.asarray(x, dtype=inexact(x.dtype))


def _softmax(x: Any, *, axis: Axes) -> Any:
    x = _floating(x)
    raised = np.exp(x - _largest(x, axis))
    return raised / np.add.reduce(raised, axis=axis, keepdims=True)


def _softmax_rule(g: Any, y: Any, _: Any, *, axis: Axes) -> Any:
    weighted = g * y
    return weighted - y * reduce_sum(weighted, axis=axis, keepdims=True)


softmax_over = primitive(
    "softmax",
    forward=_softmax,
    vjp=_softmax_rule,
    shape=_inexact_type,
    complex_input=False,
    notation=call(r"\operatorname{softmax}"),
    samples=_SAMPLES,
)


def _log_softmax(x: Any, *, axis: Axes) -> Any:
    x = _floating(x)
    shifted = x - _largest(x, axis)
    return shifted - np.log(np.add.reduce(np.exp(shifted), axis=axis, keepdims=True))


log_softmax_over = primitive(
    "log_softmax",
    forward=_log_softmax,
    vjp=lambda g, y, x, *, axis: g - exp(y) * reduce_sum(g, axis=axis, keepdims=True),
    shape=_inexact_type,
    complex_input=False,
    notation=call(r"\operatorname{logsoftmax}", "log_softmax"),
    samples=_SAMPLES,
)


def _logsumexp(x: Any, *, axis: Axes, keepdims: bool) -> Any:
    x = _floating(x)
    top = _largest(x, axis)
    with np.errstate(divide="ignore"):
        total = np.log(np.add.reduce(np.exp(x - top), axis=axis, keepdims=True)) + top
    return np.reshape(total, reduced(x.shape, axis, keepdims))[()]


def _logsumexp_rule(g: Any, y: Any, x: Any, *, axis: Axes, **_: Any) -> Any:
    kept = reduced(x.shape, axis, keepdims=True)
    if y.shape != kept:
        g, y = reshape(g, shape=kept), reshape(y, shape=kept)
    return g * exp(x - where_chosen(y == -np.inf, y.dtype.type(0), y))


logsumexp_over = primitive(
    "logsumexp",
    forward=_logsumexp,
    vjp=_logsumexp_rule,
    shape=lambda x, *, axis, keepdims: ArrayType(reduced(x.shape, axis, keepdims), inexact(x.dtype)),
    complex_input=False,
    notation=call(r"\operatorname{logsumexp}"),
    samples=_REDUCTIONS,
)


def softmax(x: Any, axis: Any = None) -> Any:
    """exp(x) divided by its sum over axes (all of them by default), as `scipy.special.softmax`.

    >>> softmax(np.array([1000.0, 1000.0]))
    array([0.5, 0.5])
    """
    x = as_value(x)
    return softmax_over(x, axis=normalise_axes(axis, x.ndim))


def log_softmax(x: Any, axis: Any = None) -> Any:
    """The logarithm of `softmax`, as `scipy.special.log_softmax`; exact also where softmax itself is 0 in floating point.

    >>> log_softmax(np.array([1000.0, 0.0]))
    array([    0., -1000.])
    """
    x = as_value(x)
    return log_softmax_over(x, axis=normalise_axes(axis, x.ndim))


def logsumexp(a: Any, axis: Any = None, b: Any = None, keepdims: bool = False, return_sign: bool = False) -> Any:
    """log(sum(b * exp(a))) over axes (all of them by default), as `scipy.special.logsumexp`; `b` is 1 where it is not given.

    >>> logsumexp(np.array([1000.0, 1000.0])).round(4)
    np.float64(1000.6931)
    """
    a = as_value(a)
    if return_sign:
        raise UnsupportedError(
            "logsumexp does not support return_sign=True. Take the logarithm of the positive and of the negative "
            "terms apart, with b= for the factors."
        )
    if b is None:
        return logsumexp_over(a, axis=normalise_axes(axis, a.ndim), keepdims=keepdims)
    b = as_value(b)
    dtype = np.result_type(inexact(a.dtype), b.dtype)
    shape = np.broadcast_shapes(a.shape, b.shape)
    a, b = as_dtype(a, dtype), as_dtype(b, dtype)
    axes = normalise_axes(axis, len(shape))
    # Relative to the sum of the exponentials alone the weighted sum cannot overflow. What has weight 0 is left out, infinities too.
    a = where_chosen(b == 0, dtype.type(-np.inf), a)
    total = logsumexp_over(broadcast_to(a, shape=shape) if a.shape != shape else a, axis=axes, keepdims=True)
    ratio = reduce_sum(b * exp(a - where_chosen(total == -np.inf, dtype.type(0), total)), axis=axes, keepdims=True)
    result = log(ratio) + total
    return result if keepdims else reshape(result, shape=reduced(shape, axes, keepdims=False))


__all__ = ["log_softmax", "logsumexp", "softmax"]
