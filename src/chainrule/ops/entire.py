"""Entire functions of NumPy that are no ufuncs: sinc and the Bessel function I0, with all their derivatives.

Their derivatives are removable singularities or integrals that NumPy does not offer. Each has one more operation here, with the order of
the derivative as a parameter, whose own derivative is the next order: exact at 0 and near it, for every order.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule.notation import call
from chainrule.ops.structure import as_value
from chainrule.primitive import sample, stand_in
from chainrule.shapes import ArrayType, inexact
from chainrule.trace import primitive


def _inexact_type(x: ArrayType, **_: Any) -> ArrayType:
    return x.retyped(inexact(x.dtype))


# -- sinc --------------------------------------------------------------------------------------------------------------

_TERMS = 24


def _sinc(x: Any) -> Any:
    return np.sinc(x).astype(inexact(x.dtype), copy=False)


def _sinc_derivative(x: Any, *, order: int) -> Any:
    """The derivative of sin(z)/z at z = pi x: near 0 by its series, far from 0 by z S(n) + n S(n - 1) = sin(n)(z)."""
    wide = np.complex128 if x.dtype.kind == "c" else np.float64
    z = np.pi * np.asarray(x, dtype=wide)
    near = np.abs(z) < order + 1
    small = np.where(near, z, 0)
    series = np.zeros_like(z)
    square = small * small
    first = (order + 1) // 2
    for k in range(first + _TERMS, first - 1, -1):
        series = series * square + (-1) ** k / (math.factorial(2 * k - order) * (2 * k + 1))
    if 2 * first > order:
        series = series * small
    large = np.where(near, 1, z)
    sine, cosine = np.sin(large), np.cos(large)
    cycle = (sine, cosine, -sine, -cosine)
    far = sine / large
    for n in range(1, order + 1):
        far = (cycle[n % 4] - n * far) / large
    return (np.where(near, series, far) * np.pi**order).astype(inexact(x.dtype))[()]


sinc_derivative = primitive(
    "sinc_derivative",
    forward=_sinc_derivative,
    vjp=lambda g, y, x, *, order: g * sinc_derivative(x, order=order + 1),
    shape=_inexact_type,
    elementwise=True,
    notation=call(r"\operatorname{sinc}", "sinc_derivative"),
    samples=(sample((5,), order=1), sample((2, 3), order=4), sample((), order=2), sample((0,), order=1)),
)

sinc_operation = primitive(
    "sinc",
    forward=_sinc,
    vjp=lambda g, y, x: g * sinc_derivative(x, order=1),
    shape=_inexact_type,
    elementwise=True,
    notation=call(r"\operatorname{sinc}"),
)


@stand_in(np.sinc)
def sinc(x: Any) -> Any:
    """sin(pi x) / (pi x), as `numpy.sinc`; all derivatives are exact at 0 and near it.

    >>> sinc(np.array([0.0, 0.5, 1.0])).round(6)
    array([1.     , 0.63662, 0.     ])
    """
    return sinc_operation(as_value(x))


# -- the Bessel function I0 --------------------------------------------------------------------------------------------


def _i0_derivative(x: Any, *, order: int) -> Any:
    """The mean of cos(t)**n exp(x cos(t)) over a circle, by the midpoint rule, which is exact to rounding with enough points.

    The points t and pi - t are taken together: their sum is a hyperbolic sine or cosine, which loses no digits near 0.
    """
    if x.dtype.kind == "c":
        raise TypeError("i0 takes real numbers")
    wide = np.asarray(x, dtype=np.float64)
    points = 16 if not wide.size or np.abs(wide).max() < 20 else 64
    cosines = np.cos((np.arange(points) + 0.5) * (np.pi / 2 / points))
    fold = np.sinh if order % 2 else np.cosh
    total = np.zeros_like(wide)
    with np.errstate(over="ignore"):
        for cosine in cosines:
            total = total + cosine**order * fold(wide * cosine)
    return (total / points).astype(inexact(x.dtype))[()]


i0_derivative = primitive(
    "i0_derivative",
    forward=_i0_derivative,
    vjp=lambda g, y, x, *, order: g * i0_derivative(x, order=order + 1),
    shape=_inexact_type,
    elementwise=True,
    complex_input=False,
    notation=call(r"I_0", "i0_derivative"),
    samples=(sample((5,), order=1), sample((2, 3), order=2), sample((), order=3), sample((0,), order=1)),
)

i0_operation = primitive(
    "i0",
    forward=lambda x: np.i0(x)[()],
    vjp=lambda g, y, x: g * i0_derivative(x, order=1),
    shape=_inexact_type,
    elementwise=True,
    complex_input=False,
    notation=call("I_0", "i0"),
)


@stand_in(np.i0)
def i0(x: Any) -> Any:
    """The modified Bessel function of the first kind of order 0, as `numpy.i0`.

    >>> i0(np.array([0.0, 1.0])).round(6)
    array([1.      , 1.266066])
    """
    return i0_operation(as_value(x))


__all__ = ["i0", "sinc"]
