"""Polynomials: NumPy's functions on arrays of coefficients, highest power first; written with sums, products and convolution."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from chainrule.ops.indexing import getitem
from chainrule.ops.joining import array, concatenate
from chainrule.ops.structure import as_value, reshape
from chainrule.primitive import functions, refuse, stand_in
from chainrule.traced import concrete, undifferentiated

__all__: list[str] = []


def _coefficients(p: Any) -> Any:
    p = as_value(p)
    return p if p.ndim else reshape(p, shape=(1,))


@stand_in(np.polyval)
def polyval(p: Any, x: Any) -> Any:
    """The value of a polynomial by Horner's rule, as `numpy.polyval`.

    >>> float(polyval(np.array([1.0, 2.0, 3.0]), 2.0))
    11.0
    """
    p, x = _coefficients(p), as_value(x)
    if not p.shape[0]:
        return x * 0
    y = x * 0 + getitem(p, 0)
    for i in range(1, p.shape[0]):
        y = y * x + getitem(p, i)
    return y


def _aligned(a1: Any, a2: Any) -> tuple[Any, Any]:
    first, second = _coefficients(a1), _coefficients(a2)
    gap = first.shape[0] - second.shape[0]
    if gap > 0:
        second = concatenate([np.zeros(gap, second.dtype), second])
    elif gap < 0:
        first = concatenate([np.zeros(-gap, first.dtype), first])
    return first, second


@stand_in(np.polyadd)
def _polyadd(a1: Any, a2: Any) -> Any:
    first, second = _aligned(a1, a2)
    return first + second


@stand_in(np.polysub)
def _polysub(a1: Any, a2: Any) -> Any:
    first, second = _aligned(a1, a2)
    return first - second


@stand_in(np.polymul)
def _polymul(a1: Any, a2: Any) -> Any:
    return functions[np.convolve](_coefficients(a1), _coefficients(a2))


@stand_in(np.polyder)
def polyder(p: Any, m: Any = 1) -> Any:
    """The coefficients of a derivative, as `numpy.polyder`.

    >>> polyder(np.array([1.0, 2.0, 3.0]))
    array([2., 2.])
    """
    p, times = _coefficients(p), operator.index(m)
    if times < 0:
        raise ValueError("Order of derivative must be positive (see polyint)")
    for _ in range(times):
        degree = p.shape[0] - 1
        p = getitem(p, slice(None, -1)) * np.arange(degree, 0, -1)
    return p


@stand_in(np.polyint)
def polyint(p: Any, m: Any = 1, k: Any = None) -> Any:
    """The coefficients of an antiderivative with integration constants `k`, as `numpy.polyint`.

    >>> polyint(np.array([2.0, 2.0]))
    array([1., 2., 0.])
    """
    p, times = _coefficients(p), operator.index(m)
    if times < 0:
        raise ValueError("Order of integral must be positive (see polyder)")
    constants = np.zeros(max(times, 1)) if k is None else _coefficients(k)
    if constants.shape[0] == 1 and times > 1:
        constants = constants * np.ones(times)
    if constants.shape[0] < times:
        raise ValueError("k must be a scalar or a rank-1 array of length 1 or >m.")
    for i in range(times):
        p = concatenate([p / np.arange(p.shape[0], 0, -1), getitem(constants, slice(i, i + 1))])
    return p


@stand_in(np.poly)
def _poly(seq_of_zeros: Any) -> Any:
    zeros = _coefficients(seq_of_zeros)
    if zeros.ndim == 2 and zeros.shape[0] == zeros.shape[1] and zeros.shape[0]:
        zeros = functions[np.linalg.eigvals](zeros)
    elif zeros.ndim != 1:
        raise ValueError("input must be 1d or non-empty square 2d array.")
    result: Any = np.ones(1, zeros.dtype)
    for i in range(zeros.shape[0]):
        factor = concatenate([np.ones(1, zeros.dtype), -getitem(zeros, slice(i, i + 1))])
        result = functions[np.convolve](result, factor)
    plain = undifferentiated(zeros)
    paired = plain.dtype.kind == "c" and np.all(np.sort(plain) == np.sort(plain.conj()))
    return functions[np.real](result) if paired else result


@stand_in(np.polydiv)
def _polydiv(u: Any, v: Any) -> Any:
    u, v = _coefficients(u) + 0.0, _coefficients(v) + 0.0
    high, low = u.shape[0] - 1, v.shape[0] - 1
    if high < low:
        return np.zeros(1, np.result_type(u.dtype, v.dtype)), _without_leading_zeros(u)
    scale = 1.0 / getitem(v, 0)
    quotient, rest = [], u
    for k in range(high - low + 1):
        factor = scale * getitem(rest, k)
        quotient.append(factor)
        end = k + low + 1
        rest = concatenate(
            [getitem(rest, slice(None, k)), getitem(rest, slice(k, end)) - factor * v, getitem(rest, slice(end, None))]
        )
    return array(quotient), _without_leading_zeros(rest)


def _without_leading_zeros(rest: Any) -> Any:
    plain = np.asarray(concrete(rest))
    start = 0
    while start < plain.size - 1 and np.allclose(plain[start], 0, rtol=1e-14):
        start += 1
    return getitem(rest, slice(start, None))


refuse("Solve the least-squares problem itself: np.linalg.lstsq(np.vander(x, deg + 1), y).", np.polyfit)
refuse("The roots of a polynomial have no rule here: find them by Newton's method, written as a loop.", np.roots)
