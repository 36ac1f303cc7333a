"""The normal distribution function: one argument in, at most 2 ulp from the truth out, also where it is tiny.

Φ(−x) = erfc(z) / 2 with z = x / √2; erfc(z) = t · exp(P(s) − z²) with t = 2.5 / (2.5 + z) and s = 2 t − 1. P interpolates
log(erfc(z) / t) + z² at Chebyshev's points, up to where the result vanishes; it was computed in 50 digits and written in powers of s.
An error of the exponent is one of the result, so what its large terms lose in rounding is kept.
"""

from __future__ import annotations

from chainrule.run.native import polynomials
from chainrule.run.native.exponentials import CONSTANTS, LOG2_E, scale
from chainrule.run.native.extended import fast_two_sum, two_product, two_sum
from chainrule.run.native.instructions import Body, Value

ROOT_HALF = float.fromhex("0x1.6a09e667f3bcdp-1"), float.fromhex("-0x1.bdd3413b26456p-55")
SHIFT = 2.5
END_64, END_40 = 39.0, 15.1  # from here on the result is 0; z was fitted up to 27.6 and 10.7
TAIL_64 = (  # error 2**-57.2
    -0.8636680921673191,
    0.7634037549319551,
    0.13925290696454595,
    -0.01798380987800664,
    -0.02378798432209038,
    -0.0019463315874906385,
    0.004720977023887195,
    0.0011575351831714642,
    -0.0010479623241262436,
    -0.0003951967390753644,
    0.0002545211698267764,
    0.00011729591274592861,
    -6.631477207947918e-05,
    -3.1820690732617666e-05,
    1.792200850904692e-05,
    7.851927132473284e-06,
    -4.777795907550736e-06,
    -1.7211231300743402e-06,
    1.1806114684725083e-06,
    3.2371020983149905e-07,
    -2.509034874814295e-07,
    -4.890090362598079e-08,
    4.1061448169500435e-08,
    4.65535924753969e-09,
    -3.955910577362645e-09,
)
TAIL_64_LOW = 5.2136775786658464e-17, 5.0377405244940254e-17  # of the first two, what does not fit in float64
TAIL_40 = (  # error 2**-28.9
    -0.8636680940554853,
    0.7634037645158107,
    0.1392531233196107,
    -0.017984271081206468,
    -0.023791892664570966,
    -0.0019392855470441648,
    0.0047450291034693325,
    0.001111496077182164,
    -0.0011024121408776883,
    -0.0002606339357212744,
    0.0002696101696797237,
    -3.64324622223012e-05,
)


def normal_cdf(body: Body, x: Value) -> Value:
    """The probability that a standard normal number is at most x."""
    if body.format.real == "float":
        return body.convert(_in_float64(body, x), "float")
    known, magic = CONSTANTS["double"], body.format.magic
    size = body.at_most(body.magnitude(x), END_64)
    t, lost = shrunk(body, size)
    s = t + t - 1.0
    product = two_product(body, s, TAIL_64[1])
    near = two_sum(product.high, body.value(TAIL_64[0]))
    slope = body.fma(s, 2.0 * TAIL_64[2], TAIL_64[1]) * 2.0
    rest = body.fma(s * s, body.polynomial(s, TAIL_64[2:]), near.low + product.low)
    rest = rest + body.fma(s, TAIL_64_LOW[1], TAIL_64_LOW[0])
    square = two_product(body, size, size)
    large, small = square.high * -0.5, body.fma(square.low, -0.5, body.fma(lost, body.fma(t, slope, 1.0), rest))
    shifted = body.fma(large + near.high + small, LOG2_E, magic)
    n = shifted - magic
    sum_ = two_sum(body.fma(n, -known.ln2_high, large), near.high)  # n · ln2_high and the difference are exact
    r_low = sum_.low + body.fma(n, -known.ln2_low, small)
    r = sum_.high + r_low
    grown = body.fma(r * r, body.polynomial(r, known.near), (sum_.high - r) + r_low)
    whole = fast_two_sum(body.value(1.0), r)
    half = t * 0.5
    tail = scale(body, body.fma(half, whole.high, half * (whole.low + grown)), body.bits(shifted))
    return body.select(x > 0.0, 1.0 - tail, tail)


def shrunk(body: Body, size: Value) -> tuple[Value, Value]:
    """t = 2.5 / (2.5 + size / √2), and what it lost in rounding, relatively."""
    z = two_product(body, size, ROOT_HALF[0])
    below = two_sum(body.value(SHIFT), z.high)
    t = body.value(SHIFT) / below.high
    product = two_product(body, t, below.high)
    below_low = below.low + body.fma(size, ROOT_HALF[1], z.low)
    return t, (((body.value(SHIFT) - product.high) - product.low) - t * below_low) * (1.0 / SHIFT)


def _in_float64(outer: Body, x: Value) -> Value:
    """The same for float32, with shorter polynomials; the quotient is a first one in float32, made better."""
    body = outer.inside("double")
    size = outer.at_most(outer.magnitude(x), END_40)
    guess = body.convert(outer.value(SHIFT) / outer.fma(size, ROOT_HALF[0], SHIFT), "double")
    size = body.convert(size, "double")
    below = body.fma(size, ROOT_HALF[0] / SHIFT, 1.0)
    t = body.fma(guess, body.fma(-guess, below, 1.0), guess)
    exponent = body.fma(size * size, -0.5, body.polynomial(t + t - 1.0, TAIL_40)) * LOG2_E
    shifted = exponent + body.format.magic
    r = exponent - (shifted - body.format.magic)
    grown = body.fma(r, body.polynomial(r, polynomials.POWER_OF_TWO_40), 1.0) * (t * 0.5)
    tail = grown * body.power_of_two(body.bits(shifted))
    return body.select(body.convert(x, "double") > 0.0, 1.0 - tail, tail)
