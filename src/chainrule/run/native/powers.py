"""power, cbrt, sqrt, rsqrt: at most 2 ulp from the truth for every number of the format, and C99's special cases.

x**y = 2**(y · log2|x|). In float64 the logarithm is a pair of numbers with 66 bits or more: s = f / (2 + f) with its
error, log2 m = s · (c₀ + c₁ s² + …) with the first two terms in pairs. In float32 everything is done in float64.
"""

from __future__ import annotations

from chainrule.run.native import polynomials
from chainrule.run.native.exponentials import scale
from chainrule.run.native.extended import Pair, fast_two_sum, two_product
from chainrule.run.native.instructions import Body, Value
from chainrule.run.native.logarithms import decompose

INFINITY, NAN = float("inf"), float("nan")
TWO_OVER_LN2 = float.fromhex("0x1.71547652b82fep+1"), float.fromhex("0x1.777d0ffda0d24p-55")
THIRD_OF_IT = float.fromhex("0x1.ec709dc3a03fdp-1"), float.fromhex("0x1.d27f05548af0cp-55")
INVERSE_CUBE_ROOT = (  # from √½/2 to 2 √2, error 2**-7.1
    1.8904062509536743,
    -1.7574405670166016,
    1.2200124263763428,
    -0.4119041860103607,
    0.05238208547234535,
)
CERTAIN = 2.0**66  # an exponent as large as this under- or overflows for every base but ±1


def product(body: Body, a: Pair, b: Pair) -> Pair:
    """The product of two pairs, not normalised: the low part may be some units in the last place of the high one."""
    exact = two_product(body, a.high, b.high)
    return Pair(exact.high, body.fma(a.low, b.high, body.fma(a.high, b.low, exact.low)))


def binary_logarithm(body: Body, magnitude: Value) -> Pair:
    """log2 of |x| in float64 as a pair; only the high part counts where it is infinite."""
    k, m = decompose(body, magnitude)
    k = at_the_ends(body, magnitude, k)
    f = m - 1.0
    below = fast_two_sum(body.value(2.0), f)
    inverse = body.value(1.0) / below.high
    s_high = f * inverse
    exact = two_product(body, s_high, below.high)
    s = Pair(s_high, (((f - exact.high) - exact.low) - s_high * below.low) * inverse)
    square = product(body, s, s)
    rest = square.high * body.polynomial(square.high, polynomials.BINARY_LOGARITHM_64)
    cubic = product(body, square, fast_two_sum(body.value(THIRD_OF_IT[0]), rest + THIRD_OF_IT[1]))
    factor = fast_two_sum(body.value(TWO_OVER_LN2[0]), cubic.high)
    logarithm = product(body, s, Pair(factor.high, factor.low + (cubic.low + TWO_OVER_LN2[1])))
    total = fast_two_sum(k, logarithm.high)
    return Pair(total.high, total.low + logarithm.low)


def at_the_ends(body: Body, size: Value, k: Value) -> Value:
    """The exponent of |x|, −∞, ∞ or NaN where that is 0, ∞ or NaN; then 0, ∞ and NaN as powers come by themselves."""
    k = body.select(body.equal(size, 0.0), -INFINITY, k)
    return body.select(size < INFINITY, k, size)


def with_signs(body: Body, x: Value, y: Value, size: Value, result: Value) -> Value:
    """|x|**y in, x**y out: negative for odd y, NaN for y that is no integer, and 1 for 1**y and x**0 whatever they are."""
    form = body.format
    anchor = 2.0**form.significand  # adding it rounds to an even number, which everything from there on is
    near = body.at_most(body.magnitude(y), anchor)
    rest = near - ((near + anchor) - anchor)  # 0 for even y, ±1 for odd y
    odd = body.equal(body.magnitude(rest), 1.0)
    sign = body.bits(x) & body.select(odd, body.whole(-form.sign), body.whole(0))
    result = body.real(body.bits(result) ^ sign)
    integer = body.either(odd, body.equal(rest, 0.0))
    defined = body.either(integer, body.either(x >= 0.0, body.equal(size, INFINITY)))
    one = body.either(body.equal(x, 1.0), body.equal(y, 0.0))
    return body.select(one, 1.0, body.select(defined, result, NAN))


def power(body: Body, x: Value, y: Value) -> Value:
    """x**y, with the special cases of C99 (F.10.4.4), which are NumPy's."""
    size = body.magnitude(x)
    if body.format.real == "float":
        return with_signs(body, x, y, size, _power_in_float64(body, size, y))
    bounded = body.at_most(body.at_least(y, -CERTAIN), CERTAIN)
    logarithm = binary_logarithm(body, size)
    high = two_product(body, bounded, logarithm.high)
    low = body.fma(bounded, logarithm.low, high.low)
    low = body.select(body.magnitude(high.high) < 2000.0, low, 0.0)
    within = body.at_most(body.at_least(high.high, -1080.0), 1024.5)
    magic = body.format.magic
    shifted = within + magic
    r = (within - (shifted - magic)) + low
    result = scale(body, body.fma(r, body.polynomial(r, polynomials.POWER_OF_TWO_64), 1.0), body.bits(shifted))
    return with_signs(body, x, y, size, result)


def _power_in_float64(outer: Body, size: Value, y: Value) -> Value:
    """|x|**y for float32: a logarithm of 37 bits and a short polynomial in float64, rounded once at the end.

    What float32 can do exactly (k, f, the bounds of y) or well enough (a first 1 / (2 + f)) it does, on twice the lanes.
    """
    body = outer.inside("double")
    k, m = decompose(outer, size)
    k = at_the_ends(outer, size, k)
    f = m - 1.0
    near, f = body.convert(outer.value(1.0) / (f + 2.0), "double"), body.convert(f, "double")
    guess = f * near
    s = body.fma(body.fma(-guess, f + 2.0, f), near, guess)
    logarithm = body.fma(s, body.polynomial(s * s, polynomials.BINARY_LOGARITHM_40), body.convert(k, "double"))
    finite = outer.at_most(outer.at_least(y, -CERTAIN), CERTAIN)
    within = body.at_most(body.at_least(body.convert(finite, "double") * logarithm, -200.0), 200.0)
    magic = body.format.magic
    shifted = within + magic
    r = within - (shifted - magic)
    result = body.fma(r, body.polynomial(r, polynomials.POWER_OF_TWO_40), 1.0) * body.power_of_two(body.bits(shifted))
    return body.convert(result, "float")


def cbrt(body: Body, x: Value) -> Value:
    """The cube root of 2**(3 n) · m: m**(−1/3) by a polynomial and steps of third order, then one of Newton's with the rest kept."""
    size = body.magnitude(x)
    k, m = decompose(body, size)
    shifted = body.fma(k, 1.0 / 3.0, body.format.magic)
    n = shifted - body.format.magic
    left = k - n * 3.0
    m = m * body.select(left > 0.5, 2.0, body.select(left < -0.5, 0.5, body.value(1.0)))
    inverse = body.polynomial(m, INVERSE_CUBE_ROOT)
    for _ in range(1 if body.format.real == "float" else 2):
        miss = 1.0 - m * inverse * inverse * inverse
        inverse = body.fma(inverse * miss, body.fma(miss, 2.0 / 9.0, 1.0 / 3.0), inverse)
    square_of_inverse = inverse * inverse
    root = m * square_of_inverse
    square = two_product(body, root, root)
    cube = two_product(body, square.high, root)
    excess = (cube.high - m) + body.fma(square.low, root, cube.low)
    root = body.fma(excess, square_of_inverse * (-1.0 / 3.0), root) * body.power_of_two(body.bits(shifted))
    special = body.either(body.equal(x, 0.0), body.equal(size, INFINITY))
    return body.select(body.either(special, body.is_nan(x)), x, body.with_sign(root, x))


def sqrt(body: Body, x: Value) -> Value:
    """The square root, correctly rounded by the machine."""
    return body.intrinsic("llvm.sqrt", x)


def rsqrt(body: Body, x: Value) -> Value:
    """1 / √x, both correctly rounded: at most 1 ulp; ∞ at 0, −∞ at −0."""
    return body.value(1.0) / sqrt(body, x)
