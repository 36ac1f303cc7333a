"""log, log1p, log2, log10: one argument in, at most 2 ulp from the truth out, for every number of the format.

x = 2**k · (1 + f) with 1 + f between √½ and √2; log(1 + f) = f − (f²/2 − s · (f²/2 + R(s²))) with s = f / (2 + f), as in
Sun's fdlibm (Ng, 1993), in float32 f − f²/2 + f³ · P(f), as in Moshier's Cephes; k · log 2 in two parts.
"""

from __future__ import annotations

from dataclasses import dataclass

from chainrule.run.native import polynomials
from chainrule.run.native.exponentials import CONSTANTS
from chainrule.run.native.extended import two_product, two_sum
from chainrule.run.native.instructions import Body, Value

HALF_ROOT = {"double": 0x3FE6A09E667F3BCD, "float": 0x3F3504F3}  # the bits of √½
INFINITY, NAN = float("inf"), float("nan")


@dataclass(frozen=True)
class Base:
    """1 / log b in two parts."""

    scale_high: float
    scale_low: float
    two_high: float = 1.0  # log b of 2 in two parts, the first with so many zeros at the end that k times it is exact
    two_low: float = 0.0


BASE_2 = {
    "double": Base(float.fromhex("0x1.71547652b82fep+0"), float.fromhex("0x1.777d0ffda0d24p-56")),
    "float": Base(float.fromhex("0x1.715476p+0"), float.fromhex("0x1.4ae0c0p-26")),
}
BASE_10 = {
    "double": Base(
        float.fromhex("0x1.bcb7b1526e50ep-2"),
        float.fromhex("0x1.95355baaafad3p-57"),
        float.fromhex("0x1.34413509f7800p-2"),
        float.fromhex("0x1.fef311f12b358p-46"),
    ),
    "float": Base(
        float.fromhex("0x1.bcb7b20000000p-2"),
        float.fromhex("-0x1.5b235e0000000p-27"),
        float.fromhex("0x1.3440000000000p-2"),
        float.fromhex("0x1.3509f80000000p-18"),
    ),
}


def decompose(body: Body, x: Value, subnormal: bool = True) -> tuple[Value, Value]:
    """(k, m): x = 2**k · m with m between √½ and √2, for positive finite x; for subnormal ones only if said."""
    form = body.format
    small = x < form.smallest_normal
    lifted = body.bits(body.select(small, x * 2.0 ** (form.significand + 1), x) if subnormal else x)
    moved = lifted + (form.one - HALF_ROOT[form.real])
    m = body.real((moved & ((1 << form.stored) - 1)) + HALF_ROOT[form.real])
    # The exponent becomes a real number without a conversion, which SSE2 and AVX2 lack for 64 bits.
    anchor = 2.0**form.stored
    biased = body.real((moved >> form.stored) | ((form.bias + form.stored) << form.stored))
    offset = body.value(anchor + form.bias)
    if subnormal:
        offset = body.select(small, anchor + form.bias + form.significand + 1, offset)
    return biased - offset, m


def correction(body: Body, f: Value) -> Value:
    """log(1 + f) − f."""
    if body.format.real == "float":  # short enough to do without the division
        square = f * f
        return body.fma(square * f, body.polynomial(f, polynomials.LOGARITHM_32), square * -0.5)
    s = f / (f + 2.0)
    z = s * s
    half_square = f * f * 0.5
    return s * body.fma(z, body.polynomial(z, polynomials.LOGARITHM_64), half_square) - half_square


def with_edges(body: Body, x: Value, k: Value) -> Value:
    """The exponent where x is positive and finite; −∞ at 0, NaN below, ∞ at ∞: what is added to it does not change that.

    Choosing here and not at the end takes the choice out of the chain of operations that the result waits for.
    """
    inside = body.select(x > 0.0, k, body.select(body.equal(x, 0.0), -INFINITY, NAN))
    return body.select(x < INFINITY, inside, x)


def add_exponent(body: Body, k: Value, f: Value) -> Value:
    """k · log 2 + log(1 + f)."""
    known = CONSTANTS[body.format.real]
    return body.fma(k, known.ln2_high, f + body.fma(k, known.ln2_low, correction(body, f)))


def log(body: Body, x: Value) -> Value:
    """The natural logarithm."""
    k, m = decompose(body, x)
    return add_exponent(body, with_edges(body, x, k), m - 1.0)


def log1p(body: Body, x: Value, low: Value | None = None) -> Value:
    """log(1 + x + low), accurate near 0: the rounding error of 1 + x joins f, and so does the small number `low`."""
    form = body.format
    whole = two_sum(body.value(1.0), x)
    rest = whole.low if low is None else whole.low + low
    k, m = decompose(body, whole.high, subnormal=False)
    exponent = body.bits(whole.high) - body.bits(m)  # k in the place of the exponent
    scale = body.real(body.whole(form.one) - exponent)
    lost = body.select(k < float(form.bias), rest * scale, 0.0)  # 2**−1024 is not normal, and the loss is nothing
    result = add_exponent(body, with_edges(body, whole.high, k), (m - 1.0) + lost)
    return body.with_sign(result, x)  # for −0


def log1p_of_fraction(body: Body, x: Value) -> Value:
    """log(1 + x) for x between 0 and 1, where 1 + x is 1 + f or 2 · (1 + f) at once."""
    upper = x > 0.41421356237309503
    f = body.select(upper, (x - 1.0) * 0.5, x)
    return add_exponent(body, body.select(upper, 1.0, body.value(0.0)), f)


def log2(body: Body, x: Value) -> Value:
    """The logarithm to base 2, exact for powers of 2: f · log2(e) as an exact product, the small rest rounded."""
    base = BASE_2[body.format.real]
    k, m = decompose(body, x)
    f = m - 1.0
    large = two_product(body, f, base.scale_high)
    small = body.fma(correction(body, f), base.scale_high, body.fma(f, base.scale_low, large.low))
    return with_edges(body, x, k) + (large.high + small)


def log10(body: Body, x: Value) -> Value:
    """The logarithm to base 10; k · log10(2) in two parts, the first of which k multiplies exactly."""
    base = BASE_10[body.format.real]
    k, m = decompose(body, x)
    k = with_edges(body, x, k)
    f = m - 1.0
    large = two_product(body, f, base.scale_high)
    small = body.fma(correction(body, f), base.scale_high, body.fma(f, base.scale_low, large.low))
    total = two_sum(k * base.two_high, large.high)
    return total.high + body.select(
        body.magnitude(total.high) < INFINITY, total.low + body.fma(k, base.two_low, small), 0.0
    )
