"""arcsin, arccos, arctan, arctan2: at most 2 ulp from the truth out.

arctan(a/b) for 0 ≤ a ≤ b: from a/b > tan π/8 on it is π/4 + arctan((a − b) / (a + b)), so that the polynomial reaches up to tan π/8
only; what the quotient loses in rounding is kept. arcsin: a polynomial up to 1/2, beyond π/2 − 2 arcsin √((1 − x)/2), with what the
root loses. The polynomials are made as those of `polynomials` are: (f(√z)/√z − 1)/z under the weight z.
"""

from __future__ import annotations

from dataclasses import dataclass

from chainrule.run.native.extended import Pair, fast_two_sum, quotient, two_product, two_sum
from chainrule.run.native.instructions import Body, Value

ARCTANGENT_64 = (  # error 2**-54.7
    -0.33333333333330206,
    0.19999999999101606,
    -0.14285714196273977,
    0.11111106693428985,
    -0.090907832992719,
    0.07690080219046368,
    -0.06641219847035648,
    0.0569303094357101,
    -0.043604505788033335,
    0.021275690515741425,
)
ARCTANGENT_32 = (  # error 2**-30.5
    -0.33333316445350647,
    0.1999853253364563,
    -0.14244511723518372,
    0.10600187629461288,
    -0.06092788651585579,
)
ARCSINE_64 = (  # error 2**-59.8
    0.16666666666666763,
    0.07499999999970185,
    0.04464285717516947,
    0.030381942682048666,
    0.022372215689628626,
    0.017351599758742682,
    0.013980963698431695,
    0.011397768638804562,
    0.010786521444193141,
    0.0036832186683718954,
    0.02176277605817886,
    -0.021075926699434075,
    0.03267585733488195,
)
ARCSINE_32 = (  # error 2**-27.6
    0.16666753590106964,
    0.07495253533124924,
    0.04547576606273651,
    0.024153685197234154,
    0.042208872735500336,
)


@dataclass(frozen=True)
class Constants:
    """What the inverse functions need in one format."""

    quarter_high: float  # π/4, with three zeros at the end, so that up to 4 times it is exact
    quarter_low: float
    arctangent: tuple[float, ...]
    arcsine: tuple[float, ...]


CONSTANTS = {
    "double": Constants(
        float.fromhex("0x1.921fb54442d18p-1"), float.fromhex("0x1.1a62633145c07p-55"), ARCTANGENT_64, ARCSINE_64
    ),
    "float": Constants(
        float.fromhex("0x1.921fb00000000p-1"), float.fromhex("0x1.5110b40000000p-23"), ARCTANGENT_32, ARCSINE_32
    ),
}
TANGENT_OF_EIGHTH = 0.41421356237309503  # of π/8
INFINITY = float("inf")


def turned(body: Body, a: Value, b: Value, base: Value, minus: Value) -> Value:
    """base · π/4 + arctan(a / b), or minus it where `minus` holds, for 0 ≤ a ≤ b and b > 0; `base` is 0, 2 or 4."""
    known = CONSTANTS[body.format.real]
    upper = a > b * TANGENT_OF_EIGHTH
    difference, total = two_sum(a, -b), two_sum(a, b)
    above = Pair(body.select(upper, difference.high, a), body.select(upper, difference.low, 0.0))
    below = Pair(body.select(upper, total.high, b), body.select(upper, total.low, 0.0))
    ratio = quotient(body, above, below)
    z = ratio.high * ratio.high
    tail = body.fma(ratio.high * z, body.polynomial(z, known.arctangent), ratio.low - ratio.low * z)
    quarters = base + body.select(upper, body.select(minus, -1.0, body.value(1.0)), 0.0)
    near, tail = body.select(minus, -ratio.high, ratio.high), body.select(minus, -tail, tail)
    result = fast_two_sum(quarters * known.quarter_high, near)
    return result.high + (result.low + body.fma(quarters, known.quarter_low, tail))


def arctan(body: Body, x: Value) -> Value:
    """The angle between −π/2 and π/2 with this tangent."""
    size = body.at_most(body.magnitude(x), 2.0 ** (body.format.significand + 7))  # from there on it rounds to π/2
    steep = size > 1.0
    a, b = body.select(steep, 1.0, size), body.select(steep, size, 1.0)
    return body.with_sign(turned(body, a, b, body.select(steep, 2.0, body.value(0.0)), steep), x)


def arctan2(body: Body, y: Value, x: Value) -> Value:
    """The angle of the point (x, y); both are scaled, so that neither the quotient nor its rest over- or underflows on the way."""
    bias = body.format.bias
    height, width = body.magnitude(y), body.magnitude(x)
    steep, back = height > width, body.bits(x) < 0
    a, b = body.select(steep, width, height), body.select(steep, height, width)
    endless = body.equal(b, INFINITY)
    a = body.select(endless, body.select(body.equal(a, INFINITY), 1.0, a * 0.0), a)
    b = body.select(endless | body.equal(b, 0.0), 1.0, b)
    unit = 2.0 ** (bias * 9 // 16)
    large = body.select(b > 2.0 ** (bias * 7 // 8), 1.0 / unit, body.value(1.0))
    scale = body.select(b < 2.0 ** (bias * 3 // 10), unit, large)
    base = body.select(steep, 2.0, body.select(back, 4.0, body.value(0.0)))
    return body.with_sign(turned(body, a * scale, b * scale, base, body.differ(steep, back)), y)


def _halved(body: Body, size: Value) -> tuple[Value, Value, Value]:
    """(whether |x| > 1/2, s, t): arcsin of s is s + t, where s is |x| or the root of (1 − |x|)/2."""
    far = size > 0.5
    z = body.select(far, (1.0 - size) * 0.5, size * size)
    root = body.intrinsic("llvm.sqrt", z)
    square = two_product(body, root, root)
    lost = ((z - square.high) - square.low) / body.select(body.equal(root, 0.0), 1.0, root + root)
    s = body.select(far, root, size)
    return far, s, body.fma(s * z, body.polynomial(z, CONSTANTS[body.format.real].arcsine), body.select(far, lost, 0.0))


def arcsin(body: Body, x: Value) -> Value:
    """The angle between −π/2 and π/2 with this sine; NaN beyond ±1."""
    known = CONSTANTS[body.format.real]
    far, s, t = _halved(body, body.magnitude(x))
    turn = fast_two_sum(body.value(2.0 * known.quarter_high), s * -2.0)
    beyond = turn.high + (turn.low + body.fma(t, -2.0, 2.0 * known.quarter_low))
    return body.with_sign(body.select(far, beyond, s + t), x)


def arccos(body: Body, x: Value) -> Value:
    """The angle between 0 and π with this cosine; NaN beyond ±1: k · π/2 − f · arcsin s with f = ±1 or ±2."""
    known = CONSTANTS[body.format.real]
    far, s, t = _halved(body, body.magnitude(x))
    back = x < 0.0
    quarters = body.select(far, body.select(back, 4.0, body.value(0.0)), 2.0)
    factor = body.select(far, body.select(back, -2.0, body.value(2.0)), body.select(back, 1.0, body.value(-1.0)))
    turn = fast_two_sum(quarters * known.quarter_high, s * factor)
    return turn.high + (turn.low + body.fma(t, factor, quarters * known.quarter_low))
