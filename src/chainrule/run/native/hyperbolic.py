"""sinh, cosh and the inverse functions: one argument in, at most 2 ulp from the truth out.

sinh and cosh come from e**|x| / 2, sinh of smaller numbers from (e**|x| − 1) / 2, and below 1 from its series; the inverse functions
from log(1 + y) with a y of two parts.
"""

from __future__ import annotations

import math

from chainrule.run.native.exponentials import CONSTANTS, constants, reduce, scale, scaled_expm1
from chainrule.run.native.extended import Pair, fast_two_sum, quotient, two_product, two_sum
from chainrule.run.native.instructions import Body, Value
from chainrule.run.native.logarithms import log1p

LOG_2 = 0.6931471805599453

# 1/3!, 1/5!, …: what is left out is below 2**-56 (2**-29 in float32) of sinh x for |x| < 1.
SERIES = {
    "double": tuple(1.0 / math.factorial(n) for n in range(3, 20, 2)),
    "float": tuple(1.0 / math.factorial(n) for n in range(3, 12, 2)),
}


def half_exponential(body: Body, x: Value) -> tuple[Value, Value, Value]:
    """(e**|x| / 2, bits whose low ones are n, r) with |x| = n · log 2 + r; infinite only where sinh and cosh are."""
    known = constants(body)
    exponent, _, r = reduce(body, body.at_most(body.magnitude(x), known.overflow + 1.0))
    grown = body.fma(r * r, body.polynomial(r, known.near), r) + 1.0
    return scale(body, grown, exponent - 1), exponent, r


def cosh(body: Body, x: Value) -> Value:
    """(e**x + e**−x) / 2."""
    half, _, _ = half_exponential(body, x)
    return half + body.value(0.25) / half


def sinh(body: Body, x: Value) -> Value:
    """(e**x − e**−x) / 2 = h + h / (2 h + 1) with h = (e**x − 1) / 2, of |x|; below 1 the series x + x³/3! + x⁵/5! + …."""
    known = constants(body)
    size = body.magnitude(x)
    far, exponent, r = half_exponential(body, x)
    parts = scaled_expm1(body, r, body.power_of_two(exponent - 1), 0.5)
    h = fast_two_sum(parts.high, parts.low)
    middle = h.high + (h.high / (h.high + h.high + 1.0) + h.low)
    z = size * size
    near = body.fma(size * z, body.polynomial(z, SERIES[body.format.real]), size)
    result = body.select(size < 1.0, near, body.select(size < known.saturated, middle, far))
    return body.with_sign(result, x)


def arcsinh(body: Body, x: Value) -> Value:
    """log(|x| + √(x² + 1)) with the sign of x: y = |x| + x² / (1 + √(x² + 1)); log |x| + log 2 where x² may overflow."""
    size = body.magnitude(x)
    large = size > 2.0 ** (body.format.bias // 2 - 1)
    square = size * size
    y = two_sum(size, square / (body.intrinsic("llvm.sqrt", square + 1.0) + 1.0))
    result = log1p(body, body.select(large, size, y.high), body.select(large, 0.0, y.low))
    return body.with_sign(body.select(large, result + LOG_2, result), x)


def arccosh(body: Body, x: Value) -> Value:
    """log(x + √(x² − 1)): y = t + √(t² + 2 t) with t = x − 1; NaN below 1."""
    large = x > 2.0 ** (body.format.bias // 2 - 1)
    t = x - 1.0
    square = body.fma(t, t, t + t)
    root = body.intrinsic("llvm.sqrt", square)
    again = two_product(body, root, root)
    lost = ((square - again.high) - again.low) / body.select(body.equal(root, 0.0), 1.0, root + root)
    y = two_sum(t, root)
    result = log1p(body, body.select(large, x, y.high), body.select(large, 0.0, y.low + lost))
    return body.select(x < 1.0, float("nan"), body.select(large, result + LOG_2, result))


def arctanh(body: Body, x: Value) -> Value:
    """log((1 + x) / (1 − x)) / 2: y = 2 |x| / (1 − |x|); NaN beyond ±1."""
    size = body.magnitude(x)
    y = quotient(body, Pair(size + size, body.value(0.0)), two_sum(body.value(1.0), -size))
    small = size < CONSTANTS[body.format.real].tiny  # whose square is nothing against 1
    return body.with_sign(body.select(small, size, log1p(body, y.high, y.low) * 0.5), x)
