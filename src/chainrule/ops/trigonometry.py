"""Trigonometric and hyperbolic functions, their inverses, and conversions of angles."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule.notation import call
from chainrule.ops.power import hypot, sqrt
from chainrule.trace import primitive

RADIANS_PER_DEGREE = math.pi / 180
DEGREES_PER_RADIAN = 180 / math.pi

# -- trigonometric -----------------------------------------------------------------------------------------------------

sin = primitive("sin", forward=np.sin, vjp=lambda g, y, x: g * cos(x), notation=call(r"\sin"))
cos = primitive("cos", forward=np.cos, vjp=lambda g, y, x: -(g * sin(x)), notation=call(r"\cos"))
tan = primitive("tan", forward=np.tan, vjp=lambda g, y, x: g * (1 + y * y), notation=call(r"\tan"), domain=(-1.2, 1.2))


def _other_side(x: Any) -> Any:
    """The square root of 1 - x², on the side of the branch cut on which arcsin and arccos are.

    (1 - x)(1 + x) keeps the digits that 1 - x * x loses near the ends; -(x - 1) keeps the sign of a zero imaginary part, which 1 - x loses.
    """
    if x.dtype.kind == "c":
        return sqrt(-(x - 1)) * sqrt(x - (-1))
    return sqrt((1 - x) * (1 + x))


arcsin = primitive(
    "arcsin",
    forward=np.arcsin,
    vjp=lambda g, y, x: g / _other_side(x),
    notation=call(r"\arcsin"),
    domain=(-0.8, 0.8),
)

arccos = primitive(
    "arccos",
    forward=np.arccos,
    vjp=lambda g, y, x: -g / _other_side(x),
    notation=call(r"\arccos"),
    domain=(-0.8, 0.8),
)

arctan = primitive("arctan", forward=np.arctan, vjp=lambda g, y, x: g / (1 + x * x), notation=call(r"\arctan"))

# Dividing twice by the radius, where x / (x * x + y * y) would overflow or vanish.
arctan2 = primitive(
    "arctan2",
    forward=np.arctan2,
    vjp=(
        lambda g, y, a, b: g * (b / (r := hypot(a, b)) / r),
        lambda g, y, a, b: -(g * (a / (r := hypot(a, b)) / r)),
    ),
    notation=call(r"\operatorname{atan2}", "arctan2"),
    domain=((0.3, 2.0), (0.3, 2.0)),
    complex_input=False,
)

# -- hyperbolic --------------------------------------------------------------------------------------------------------

sinh = primitive("sinh", forward=np.sinh, vjp=lambda g, y, x: g * cosh(x), notation=call(r"\sinh"))
cosh = primitive("cosh", forward=np.cosh, vjp=lambda g, y, x: g * sinh(x), notation=call(r"\cosh"))
tanh = primitive("tanh", forward=np.tanh, vjp=lambda g, y, x: g * (1 - y * y), notation=call(r"\tanh"))
arcsinh = primitive(
    "arcsinh",
    forward=np.arcsinh,
    vjp=lambda g, y, x: g / sqrt(x * x + 1),
    notation=call(r"\operatorname{arsinh}", "arcsinh"),
)
arccosh = primitive(
    "arccosh",
    forward=np.arccosh,
    vjp=lambda g, y, x: g / (sqrt(x - 1) * sqrt(x + 1)),
    notation=call(r"\operatorname{arcosh}", "arccosh"),
    domain=(1.3, 3.0),
)
arctanh = primitive(
    "arctanh",
    forward=np.arctanh,
    vjp=lambda g, y, x: g / ((1 - x) * (1 + x)),
    notation=call(r"\operatorname{artanh}", "arctanh"),
    domain=(-0.8, 0.8),
)

# -- degrees and radians -----------------------------------------------------------------------------------------------

deg2rad, radians = (
    primitive(
        function.__name__,
        forward=function,
        vjp=lambda g, y, x: g * RADIANS_PER_DEGREE,
        linear=True,
        complex_input=False,
    )
    for function in (np.deg2rad, np.radians)
)
rad2deg, degrees = (
    primitive(
        function.__name__,
        forward=function,
        vjp=lambda g, y, x: g * DEGREES_PER_RADIAN,
        linear=True,
        complex_input=False,
    )
    for function in (np.rad2deg, np.degrees)
)

__all__ = [
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctan2",
    "arctanh",
    "cos",
    "cosh",
    "deg2rad",
    "degrees",
    "rad2deg",
    "radians",
    "sin",
    "sinh",
    "tan",
    "tanh",
]
