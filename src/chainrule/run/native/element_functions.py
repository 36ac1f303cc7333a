"""The names of the native mathematics in, what emits each of them: functions of one or two real numbers."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable

from chainrule.run.native import (
    error_function,
    exponentials,
    hyperbolic,
    inverse_trigonometry,
    logarithms,
    normal,
    powers,
    trigonometry,
)
from chainrule.run.native.element_arithmetic import maximum, minimum
from chainrule.run.native.element_casts import nonzero
from chainrule.run.native.formats import taken_apart
from chainrule.run.native.instructions import Body, Value

LOG_2 = math.log(2.0)
LOG2_E = 1.4426950408889634
INFINITY = float("inf")

UNARY: dict[str, Callable[[Body, Value], Value]] = {
    "cos": trigonometry.cos,
    "erf": error_function.erf,
    "exp": exponentials.exp,
    "exp2": exponentials.exp2,
    "expm1": exponentials.expm1,
    "log": logarithms.log,
    "log1p": logarithms.log1p,
    "log2": logarithms.log2,
    "rsqrt": powers.rsqrt,
    "sigmoid": exponentials.sigmoid,
    "sin": trigonometry.sin,
    "sqrt": powers.sqrt,
    "tanh": exponentials.tanh,
}
BINARY: dict[str, Callable[[Body, Value, Value], Value]] = {"power": powers.power}

# -- of one number -----------------------------------------------------------------------------------------------------


def sinc(body: Body, x: Value) -> Value:
    """sin(π x) / (π x), and 1 at 0."""
    z = x * math.pi
    return body.select(nonzero(body, z), trigonometry.sin(body, z) / z, 1.0)


def softplus(body: Body, x: Value) -> Value:
    """log(1 + e**x), as max(x, 0) + log(1 + e**−|x|)."""
    falling = exponentials.exp_of_negative(body, -body.magnitude(x))
    return maximum(body, x, body.value(0.0)) + logarithms.log1p_of_fraction(body, falling)


def log_sigmoid(body: Body, x: Value) -> Value:
    """−log(1 + e**−x)."""
    return -softplus(body, -x)


def leaky_relu(body: Body, x: Value, slope: float) -> Value:
    """x where it is positive, else `slope` times x."""
    return body.select(x > 0.0, x, x * slope)


def elu(body: Body, x: Value, alpha: float, scale: float) -> Value:
    """x where it is positive, else alpha · (e**x − 1), all times `scale`."""
    below = exponentials.expm1(body, minimum(body, x, body.value(0.0))) * alpha
    return body.select(x > 0.0, x, below) * scale


def angle(body: Body, x: Value) -> Value:
    """That of a real number as a complex one: 0 or π, and π for −0."""
    result = body.select(body.bits(x) < 0, math.pi, body.value(0.0))
    return body.select(body.is_nan(x), x, result)


# -- of two numbers ----------------------------------------------------------------------------------------------------


def hypot(body: Body, a: Value, b: Value) -> Value:
    """√(a² + b²), scaled by a power of two so that nothing over- or underflows; ∞ where one side is, whatever the other."""
    form = body.format
    a, b = body.magnitude(a), body.magnitude(b)
    large, small = body.select(a > b, a, b), body.select(a > b, b, a)
    exponent = body.bits(large) >> form.stored
    exponent = body.select(exponent < 1, 1, exponent)
    exponent = body.select(exponent > 2 * form.bias - 1, 2 * form.bias - 1, exponent)
    shrink = body.real((2 * form.bias - exponent) << form.stored)
    x, y = large * shrink, small * shrink
    root = powers.sqrt(body, body.fma(x, x, y * y)) * body.real(exponent << form.stored)
    infinite = body.equal(a, INFINITY) | body.equal(b, INFINITY)
    return body.select(infinite, INFINITY, root)


def logaddexp(body: Body, a: Value, b: Value) -> Value:
    """log(e**a + e**b), from the greater and the difference."""
    falling = exponentials.exp_of_negative(body, -body.magnitude(a - b))
    rest = logarithms.log1p_of_fraction(body, falling)
    return body.select(body.equal(a, b), a + LOG_2, maximum(body, a, b) + rest)


def logaddexp2(body: Body, a: Value, b: Value) -> Value:
    """log2(2**a + 2**b)."""
    falling = exponentials.exp2(body, -body.magnitude(a - b))
    rest = logarithms.log1p_of_fraction(body, falling) * LOG2_E
    return body.select(body.equal(a, b), a + 1.0, maximum(body, a, b) + rest)


def constant(value: Value) -> float | None:
    """The number that a value is, if it is a constant in the text.

    >>> body = Body("double", fused=True, width=4)
    >>> constant(body.value(0.5)), constant(body.argument("x"))
    (0.5, None)
    """
    if value.name.startswith("%"):
        return None
    element = taken_apart(value.type)[0]
    text = value.name.removeprefix(f"splat ({element} ").removesuffix(")")
    if text.startswith("0x"):
        return struct.unpack("<d", struct.pack("<Q", int(text, 16)))[0]
    return float(text) if element not in ("float", "double") else None


def power(body: Body, x: Value, y: Value) -> Value:
    """x**y; for the exponents for which NumPy calls a simpler function that one, and products for 3 and 4."""
    exponent = constant(y)
    if exponent is None or exponent not in (-1.0, 0.0, 0.5, 1.0, 2.0, 3.0, 4.0):
        return powers.power(body, x, y)
    if exponent == -1.0:
        return body.value(1.0) / x
    if exponent == 0.5:
        return powers.sqrt(body, x)
    if exponent in (0.0, 1.0):
        return x if exponent else body.value(1.0)
    square = x * x
    return square if exponent == 2.0 else square * x if exponent == 3.0 else square * square


ONE_ARGUMENT: dict[str, Callable[[Body, Value], Value]] = {
    **UNARY,
    "angle": angle,
    "arccos": inverse_trigonometry.arccos,
    "arccosh": hyperbolic.arccosh,
    "arcsin": inverse_trigonometry.arcsin,
    "arcsinh": hyperbolic.arcsinh,
    "arctan": inverse_trigonometry.arctan,
    "arctanh": hyperbolic.arctanh,
    "cbrt": powers.cbrt,
    "cosh": hyperbolic.cosh,
    "deviation_root": powers.sqrt,
    "expit": exponentials.sigmoid,
    "log10": logarithms.log10,
    "log_sigmoid": log_sigmoid,
    "ndtr": normal.normal_cdf,
    "normal_cdf": normal.normal_cdf,
    "sinc": sinc,
    "sinh": hyperbolic.sinh,
    "softplus": softplus,
    "tan": trigonometry.tan,
}
TWO_ARGUMENTS: dict[str, Callable[[Body, Value, Value], Value]] = {
    "arctan2": inverse_trigonometry.arctan2,
    "float_power": power,
    "hypot": hypot,
    "logaddexp": logaddexp,
    "logaddexp2": logaddexp2,
    "power": power,
    "power_ufunc": power,
}
