"""Powers and roots: power, float_power, square, sqrt, cbrt, reciprocal, hypot.

`x ** n` with a plain number n has the derivative n x ** (n - 1), which is exact at x = 0 for every order: the exponents 0, 1, 2, 3 end in
a constant and then in 0. The derivative with respect to the exponent is x ** n log x, and 0 at x = 0 where n is not negative.
"""

from __future__ import annotations

import operator
from functools import partial
from typing import Any

import numpy as np

from chainrule.notation import call
from chainrule.notation import power as power_notation
from chainrule.ops.choice import keep, where_chosen
from chainrule.ops.comparison import logical_and
from chainrule.ops.structure import astype
from chainrule.primitive import operations, stand_in
from chainrule.shapes import ufunc_type
from chainrule.trace import primitive
from chainrule.traced import Traced, prototype


def _number(exponent: Any) -> Any:
    """A plain exponent as a number with which Python can count, or None where it is an array or traced."""
    if type(exponent) is int or type(exponent) is float:
        return exponent
    if isinstance(exponent, Traced) or getattr(exponent, "shape", ()) != ():
        return None
    if isinstance(exponent, np.integer | np.bool_ | bool):
        return int(exponent)
    return exponent


def _base_rule(g: Any, y: Any, x: Any, exponent: Any) -> Any:
    number = _number(exponent)
    if number is not None:
        return _fixed_power(g, y, x, number)
    if exponent.dtype.kind in "bu":
        exponent = astype(exponent, dtype=np.dtype(np.int64))
    # Where the exponent and the base are 0 the derivative is 0, not 0 times 0 ** -1.
    lowered = where_chosen(logical_and(x == 0, exponent == 0), 1, exponent - 1)
    return g * (exponent * power(x, lowered))


def _fixed_power(g: Any, y: Any, x: Any, number: Any) -> Any:
    if number == 2:
        return g * (2 * x)
    if number == 1:
        return g
    if number == 0:
        return keep(g, np.False_)
    if number == 0.5:
        return g * 0.5 / y
    if number == -1:
        return -(g * y * y)
    return g * (number * power(x, number - 1))


def _exponent_rule(g: Any, y: Any, x: Any, _: Any) -> Any:
    if not hasattr(x, "dtype"):
        return g * (y * operations["log"](x)) if x else keep(g * y, np.False_)
    return g * (y * operations["log"](where_chosen(x == 0, 1, x)))


# The operator ** and numpy.power give the same numbers for arrays, and differ in the last digit for some single numbers, for which
# the operator is many times faster. So there are two operations; every rule uses the operator.
power = primitive(
    "power",
    forward=operator.pow,
    vjp=(_base_rule, _exponent_rule),
    shape=partial(ufunc_type, np.power),
    elementwise=True,
    notation=power_notation(),
    domain=((0.3, 2.0), (-2.0, 2.0)),
)

power_ufunc = primitive(
    "power_ufunc",
    forward=np.power,
    vjp=(_base_rule, _exponent_rule),
    notation=power_notation(),
    domain=((0.3, 2.0), (-2.0, 2.0)),
    register_forward=False,
)


@stand_in(np.power)
def _numpy_power(x1: Any, x2: Any, /) -> Any:
    if isinstance(prototype(x1), np.ndarray) or isinstance(prototype(x2), np.ndarray):
        return power(x1, x2)
    return power_ufunc(x1, x2)


float_power = primitive(
    "float_power",
    forward=np.float_power,
    vjp=(_base_rule, _exponent_rule),
    notation=power_notation(),
    domain=((0.3, 2.0), (-2.0, 2.0)),
)

square = primitive(
    "square",
    forward=np.square,
    vjp=lambda g, y, x: g * (2 * x),
    notation=power_notation("**2"),
)

sqrt = primitive(
    "sqrt",
    forward=np.sqrt,
    vjp=lambda g, y, x: g / (2 * y),
    notation=call(r"\sqrt"),
    domain=(0.2, 2.0),
)

cbrt = primitive(
    "cbrt",
    forward=np.cbrt,
    vjp=lambda g, y, x: g / (3 * (y * y)),
    notation=call(r"\sqrt[3]", "cbrt"),
    domain=(0.2, 2.0),
    complex_input=False,
)

reciprocal = primitive(
    "reciprocal",
    forward=np.reciprocal,
    vjp=lambda g, y, x: -(g * y * y),
    notation=power_notation("**-1"),
    domain=(0.3, 2.0),
)

# The quotients are at most 1, so nothing overflows; at the origin both are 0, as for a norm.
hypot = primitive(
    "hypot",
    forward=np.hypot,
    vjp=(
        lambda g, y, a, b: g * (a / where_chosen(y == 0, 1, y)),
        lambda g, y, a, b: g * (b / where_chosen(y == 0, 1, y)),
    ),
    notation=call(r"\operatorname{hypot}"),
    domain=((0.3, 2.0), (0.3, 2.0)),
    complex_input=False,
)

__all__ = ["cbrt", "float_power", "hypot", "power", "reciprocal", "sqrt", "square"]
