"""exp, exp2, expm1, tanh, sigmoid: one argument in, at most 2 ulp from the truth out, for every number of the format.

x = n · log 2 + r with |r| ≤ log 2 / 2 by Cody and Waite's two-part constant (*Software Manual for the Elementary
Functions*, 1980); e**r by a polynomial; 2**n by arithmetic on the exponent, in two factors where the result may be
subnormal, so that it is rounded once. Tang's tables (1989) are not used: a gather costs more than the longer polynomial.

tanh, and sigmoid in float64: e**2r = (1 + t) / (1 − t) with t = tanh r, an odd function, whose polynomial has half the terms.
"""

from __future__ import annotations

from dataclasses import dataclass

from chainrule.run.native import polynomials
from chainrule.run.native.extended import Pair, fast_two_sum
from chainrule.run.native.instructions import Body, Value

LOG2_E = 1.4426950408889634
HALF_LN2 = 0.34657359027997264
HALF_TANGENT = tuple(  # of tanh(r / 2): (tanh(r / 2) − r / 2) / r³
    coefficient / 8.0 / 4.0**power for power, coefficient in enumerate(polynomials.SHORT_TANGENT_64)
)


@dataclass(frozen=True)
class Constants:
    """What the exponentials need in one format."""

    ln2_high: float  # with so many zeros at the end that n · ln2_high is exact
    ln2_low: float
    near: tuple[float, ...]  # (e**r − 1 − r) / r²
    binary: tuple[float, ...]  # (2**r − 1) / r
    tangent: tuple[float, ...]  # (tanh r / r − 1) / r²
    underflow: float  # from here down e**x is 0
    overflow: float  # from here up it is infinite
    binary_underflow: float
    saturated: float  # from here up tanh is 1, and expm1 of its negative −1
    tiny: float  # below it expm1(x) is x


CONSTANTS = {
    "double": Constants(
        ln2_high=float.fromhex("0x1.62e42fefa3800p-1"),
        ln2_low=float.fromhex("0x1.ef35793c76730p-45"),
        near=polynomials.EXPONENTIAL_64,
        binary=polynomials.POWER_OF_TWO_64,
        tangent=polynomials.TANGENT_64,
        underflow=-746.0,
        overflow=710.0,
        binary_underflow=-1080.0,
        saturated=20.0,
        tiny=2.0**-54,
    ),
    "float": Constants(
        ln2_high=float.fromhex("0x1.62e400p-1"),
        ln2_low=float.fromhex("0x1.7f7d1cp-20"),
        near=polynomials.EXPONENTIAL_32,
        binary=polynomials.POWER_OF_TWO_32,
        tangent=polynomials.TANGENT_32,
        underflow=-104.0,
        overflow=89.0,
        binary_underflow=-152.0,
        saturated=10.0,
        tiny=2.0**-25,
    ),
}


def constants(body: Body) -> Constants:
    """Those of the body's format."""
    return CONSTANTS[body.format.real]


def reduce(body: Body, x: Value) -> tuple[Value, Value, Value]:
    """(bits whose low ones are n, n, r): x = n · log 2 + r, where |n| fits in the exponent."""
    known, magic = constants(body), body.format.magic
    shifted = body.fma(x, LOG2_E, magic)
    n = shifted - magic
    r = body.fma(n, -known.ln2_low, body.fma(n, -known.ln2_high, x))
    return body.bits(shifted), n, r


def scale(body: Body, value: Value, exponent: Value) -> Value:
    """value · 2**n for the n in the low bits of `exponent`, rounded once also where the result is subnormal."""
    half = exponent >> 1
    return value * body.power_of_two(half) * body.power_of_two(exponent - half)


def exponential_of_bounded(body: Body, x: Value) -> Value:
    """e**x for x between `underflow` and `overflow`; NaN for NaN."""
    exponent, _, r = reduce(body, x)
    grown = body.fma(r * r, body.polynomial(r, constants(body).near), r) + 1.0
    return scale(body, grown, exponent)


def exp(body: Body, x: Value) -> Value:
    """e**x."""
    known = constants(body)
    return exponential_of_bounded(body, body.at_most(body.at_least(x, known.underflow), known.overflow))


def exp_of_negative(body: Body, x: Value) -> Value:
    """e**x for x ≤ 0."""
    return exponential_of_bounded(body, body.at_least(x, constants(body).underflow))


def exp2(body: Body, x: Value) -> Value:
    """2**x, exact where x is an integer."""
    known, magic = constants(body), body.format.magic
    x = body.at_most(body.at_least(x, known.binary_underflow), body.format.bias + 1.0)
    shifted = x + magic
    r = x - (shifted - magic)
    return scale(body, body.fma(r, body.polynomial(r, known.binary), 1.0), body.bits(shifted))


def scaled_expm1(body: Body, r: Value, power: Value, one: float, correction: Value | None = None) -> Pair:
    """power · e**(r + correction) − one, accurate near 0, before the last addition: a large part and a small one."""
    tail = body.polynomial(r, constants(body).near) * (r * r)
    if correction is not None:
        tail = tail + correction
    parts = fast_two_sum(power - one, power * r)
    return Pair(parts.high, body.fma(power, tail, parts.low))


def expm1(body: Body, x: Value) -> Value:
    """e**x − 1; computed in halves, since 2**1024 is too large, and x itself where it is tiny."""
    known, magic = constants(body), body.format.magic
    bounded = body.at_most(body.at_least(x, -2.0 * known.saturated), known.overflow)
    shifted = body.fma(bounded, LOG2_E, magic)
    n = shifted - magic
    first = body.fma(n, -known.ln2_high, bounded)
    r = body.fma(n, -known.ln2_low, first)
    correction = body.fma(n, -known.ln2_low, first - r)
    half_power = body.power_of_two(body.bits(shifted) - 1)
    half = scaled_expm1(body, r, half_power, 0.5, correction)
    return body.select(body.magnitude(x) < known.tiny, x, (half.high + half.low) * 2.0)


def tanh(body: Body, x: Value) -> Value:
    """N / (N + 2 − 2 t) with N = 2**n · (1 + t) − (1 − t), where t = tanh r and x = n · log 2 / 2 + r.

    r is between −1/4 and 3/4 of log 2 / 2, which keeps N from cancelling. The error of N comes into both sides of the fraction
    and hardly matters where that is near 1.
    """
    known, form = constants(body), body.format
    bounded = body.at_most(body.magnitude(x), known.saturated)
    halves = form.magic / 2.0  # adding it rounds to halves, which the next line rounds down
    bits = body.bits(body.fma(bounded, 2.0 * LOG2_E, halves)) & -2
    n = body.real(bits) - halves
    # Without fused multiply-add the product must be exact, with it one constant is near enough.
    high, low = (HALF_LN2, 0.0) if body.fused else (0.5 * known.ln2_high, 0.5 * known.ln2_low)
    r = body.fma(n, -high, bounded)
    if low:
        r = r - n * low
    z = r * r
    t = body.fma(r * z, body.polynomial(z, known.tangent), r)
    power = body.real((bits << (form.stored - 1)) + form.one)
    above = body.fma(t, power + 1.0, power - 1.0)
    return body.with_sign(above / (above + body.fma(t, -2.0, 2.0)), x)


def sigmoid(body: Body, x: Value) -> Value:
    """1 / (1 + e**−x), as e**x / (1 + e**x) for negative x, so that the small results are accurate to the last bits."""
    if body.format.real == "double":
        return long_sigmoid(body, x)
    falling = exp_of_negative(body, -body.magnitude(x))
    below = fast_two_sum(body.value(1.0), falling)
    ratio = body.select(x < 0.0, falling, 1.0) / below.high
    return body.fma(-ratio, below.low, ratio)  # for what 1 + e**x lost, divided by 1 instead of by 1 to 2


def long_sigmoid(body: Body, x: Value) -> Value:
    """v · (1 − t) / (1 + t + v · (1 − t)) with v = 2**−n, t = tanh(r / 2), |x| = n · log 2 + r; 1 minus it for x ≥ 0.

    It is computed as v − v · M / (M + 1 − t), where the roundings of the fraction are small against 1.
    """
    known, form = constants(body), body.format
    size = body.at_most(body.magnitude(x), -known.underflow)
    exponent, _, r = reduce(body, size)
    z = r * r
    t = body.fma(r * z, body.polynomial(z, HALF_TANGENT), r * 0.5)
    # From 700 on v is 2**64 times too large, which the fraction does not notice, and the result is made smaller at the end.
    tiny = size > 700.0
    raised = body.select(tiny, body.whole(form.one + (64 << form.stored)), body.whole(form.one))
    v = body.real(raised - (exponent << form.stored))
    missing = body.fma(t, 2.0 - v, v)
    below = missing / (missing + (1.0 - t))
    falling = body.fma(-below, v, v)
    falling = body.select(tiny, falling * 2.0**-64, falling)
    return body.select(x < 0.0, falling, 1.0 - falling)
