"""sin, cos and tan: one argument in, at most 2 ulp from the truth out, up to the largest number of the format.

x = n · π/2 + r with |r| ≤ π/4. Moderate arguments: π/2 in three parts (Cody and Waite), the products and the second
subtraction with their rounding errors, so that r is rounded once. Large ones, which are rare: the bits of 2/π that
matter for the exponent, times the significand, in integers (Payne and Hanek, 1983); that is a function out of line, called
where the vector holds such an argument.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

from chainrule.run.native import polynomials, rare
from chainrule.run.native.extended import Pair, fast_two_sum, two_product
from chainrule.run.native.instructions import Body, Value

TWO_OVER_PI = 0.6366197723675814
HALF_PI_HIGH = float.fromhex("0x1.921fb54442d18p+0")
HALF_PI_LOW = float.fromhex("0x1.1a62633145c07p-54")
WORDS = 20  # of 64 bits of 2/π, enough for 2**1024, after one of zeros
TABLE = "cr.two_over_pi"
TANGENT_64 = (  # (tan √z / √z − 1) / z up to π/4, error 2**-59.8
    0.3333333333333338,
    0.13333333333325278,
    0.05396825397294754,
    0.021869488398110253,
    0.008863237939740429,
    0.003592100732545547,
    0.0014560463417761123,
    0.000588861924041301,
    0.0002437561421064229,
    8.355673411150815e-05,
    6.720696842439633e-05,
    -2.5591821523933716e-05,
    4.858236903999784e-05,
    -2.4238586417525993e-05,
    9.789300488134589e-06,
)


@dataclass(frozen=True)
class Constants:
    """What sine and cosine need in one format."""

    parts: tuple[float, float, float]  # of π/2
    sine: tuple[float, ...]  # (sin r / r − 1) / r²
    cosine: tuple[float, ...]  # (cos r − 1 + r²/2) / r⁴
    limit: float  # from here on the integers decide
    tiny: float  # below it sin x is x


CONSTANTS = {
    "double": Constants(
        parts=(HALF_PI_HIGH, HALF_PI_LOW, float.fromhex("-0x1.f1976b7ed8fbcp-110")),
        sine=polynomials.SINE_64,
        cosine=polynomials.COSINE_64,
        limit=2.0**40,
        tiny=2.0**-27,
    ),
    "float": Constants(
        parts=(
            float.fromhex("0x1.921fb6p+0"),
            float.fromhex("-0x1.777a5cp-25"),
            float.fromhex("-0x1.ee59dap-50"),
        ),
        sine=polynomials.SINE_32,
        cosine=polynomials.COSINE_32,
        limit=2.0**16,
        tiny=2.0**-13,
    ),
}


def arctangent_of_inverse(n: int, one: int) -> int:
    """one · arctan(1/n) in integers."""
    power = total = one // n
    k = 1
    while power:
        power //= n * n
        k += 2
        total += -(power // k) if k % 4 == 3 else power // k
    return total


def two_over_pi_words() -> tuple[int, ...]:
    """A word of zeros and the first bits of 2/π after the point, from Machin's formula in integers.

    >>> [hex(word) for word in two_over_pi_words()[:2]]
    ['0x0', '0xa2f9836e4e441529']
    """
    bits = 64 * WORDS
    one = 1 << (bits + 128)
    pi = 4 * (4 * arctangent_of_inverse(5, one) - arctangent_of_inverse(239, one))
    fraction = (2 * one << bits) // pi
    return (0, *((fraction >> (64 * (WORDS - 1 - i))) & (2**64 - 1) for i in range(WORDS)))


@functools.cache
def table() -> str:
    """The constant array of the words, as LLVM's text."""
    words = two_over_pi_words()
    # As signed numbers, which is how LLVM reads them back.
    entries = ", ".join(f"i64 {word - 2**64 if word >> 63 else word}" for word in words)
    return f"@{TABLE} = internal unnamed_addr constant [{len(words)} x i64] [{entries}]\n"


def reduce(body: Body, x: Value) -> tuple[Value, Value]:
    """(integer whose two low bits are n mod 4, r) for |x| below the limit."""
    turns, r = reduce_to_pair(body, x)
    return turns, r.high


def reduce_to_pair(body: Body, x: Value) -> tuple[Value, Pair]:
    """The same, with what r loses in rounding."""
    first, second, third = CONSTANTS[body.format.real].parts
    magic = body.format.magic
    shifted = body.fma(x, TWO_OVER_PI, magic)
    n = shifted - magic
    if body.fused:
        rest = body.fma(-n, first, x)  # exact: both are multiples of the last bit, and the difference is small
    else:
        product = two_product(body, n, first)
        rest = (x - product.high) - product.low
    product = two_product(body, n, second)
    difference = fast_two_sum(rest, -product.high)  # exact: the rest is a multiple of the product's last bit
    return body.bits(shifted), fast_two_sum(difference.high, body.fma(-n, third, difference.low - product.low))


def near_zero(body: Body, turns: Value, r: Value) -> Value:
    """The sine of turns · π/2 + r: of the two polynomials the one that the low bit asks for, signed by the next."""
    known, form = CONSTANTS[body.format.real], body.format
    z = r * r
    sine = body.fma(r * z, body.polynomial(z, known.sine), r)
    half = z * 0.5
    large = fast_two_sum(body.value(1.0), -half)
    cosine = large.high + body.fma(z * z, body.polynomial(z, known.cosine), large.low)
    chosen = body.select(body.equal(turns & 1, 0), sine, cosine)
    return body.real(body.bits(chosen) ^ ((turns & 2) << (form.width - 2)))


def sine_or_cosine(body: Body, x: Value, name: str) -> Value:
    """sin for "sin", cos for "cos", which is the sine a quarter turn on."""
    known = CONSTANTS[body.format.real]
    turns, r = reduce(body, x)
    result = near_zero(body, turns + 1 if name == "cos" else turns, r)
    if name == "sin":  # also for the sign of zero
        result = body.select(body.magnitude(x) < known.tiny, x, result)
    return rare.replaced(body, f"cr.{name}.{body.format.name}", x, known.limit, result, define_huge(body, name), x)


def sin(body: Body, x: Value) -> Value:
    """The sine."""
    return sine_or_cosine(body, x, "sin")


def cos(body: Body, x: Value) -> Value:
    """The cosine."""
    return sine_or_cosine(body, x, "cos")


def tan(body: Body, x: Value) -> Value:
    """The tangent: of r, or −1 by it after odd quarter turns; the C library's for huge arguments."""
    if body.format.real == "float":
        wide = body.inside("double")
        return body.convert(tan(wide, wide.convert(x, "double")), "float")
    known = CONSTANTS["double"]
    turns, r = reduce_to_pair(body, x)
    z = r.high * r.high
    tail = body.fma(r.high * z, body.polynomial(z, TANGENT_64), body.fma(r.low, z, r.low))
    t = fast_two_sum(r.high, tail)
    inverse = body.value(-1.0) / t.high
    product = two_product(body, inverse, t.high)
    rest = (product.high + 1.0) + (product.low + inverse * t.low)
    result = body.select(body.equal(turns & 1, 0), t.high, body.fma(inverse, rest, inverse))
    result = body.select(body.magnitude(x) < known.tiny, x, result)
    return rare.replaced(body, "cr.tan", x, known.limit, result, body.external("tan", 1), x)


def define_huge(body: Body, name: str) -> str:
    """The name of the function for huge arguments, which joins those that the body needs."""
    slow = f"cr.{name}.huge"
    if slow not in body.functions:
        other = Body("double", body.fused)
        other.result(huge(other, other.argument("x"), name))
        body.functions[TABLE] = table()
        body.functions[slow] = other.text(slow, "noinline cold")
        body.declarations.update(other.declarations)
    return slow


def huge(body: Body, x: Value, name: str) -> Value:
    """The sine or cosine in float64 of any |x| ≥ 1 by Payne and Hanek's reduction; NaN for ∞."""
    bits = body.bits(x)
    exponent = (bits >> 52) & 0x7FF
    significand = (bits & (2**52 - 1)) | 2**52
    # The window begins where a bit of 2/π times the significand's last bit weighs 2 quarter turns; see the padding.
    start = exponent + (62 - 1075)
    words = [_word(body, (start >> 6) + i) for i in range(4)]
    shift = start & 63
    window = [body.intrinsic("llvm.fshl", words[i], words[i + 1], shift) for i in range(3)]
    wide = [body.emit("i128", f"zext {part!r} to i128") for part in (significand, *window)]
    product = ((wide[0] * wide[1]) << 64) + wide[0] * wide[2] + ((wide[0] * wide[3]) >> 64)  # turns · 2**128 / 4
    turns = body.emit("i64", f"trunc {(product + 2**125) >> 126!r} to i64")
    fraction = product << 2
    negative = fraction < 0
    absolute = body.select(negative, 0 - fraction, fraction)
    zeros = body.emit("i128", f"call i128 @llvm.ctlz.i128({absolute!r}, i1 false)")
    body.declarations.add("declare i128 @llvm.ctlz.i128(i128, i1)")
    normal = absolute << zeros
    scale = body.real((1023 - body.emit("i64", f"trunc {zeros!r} to i64")) << 52)
    pieces = []
    for down, unit in ((75, 2.0**-53), (22, 2.0**-106)):
        whole = body.emit("i64", f"trunc {(normal >> down) & (2**53 - 1)!r} to i64")
        pieces.append(body.emit("double", f"sitofp {whole!r} to double") * unit)
    high = two_product(body, pieces[0], HALF_PI_HIGH)
    r = high.high + (high.low + (pieces[0] * HALF_PI_LOW + pieces[1] * HALF_PI_HIGH))
    r = r * scale
    turns = body.select(bits < 0, 0 - turns, turns)
    r = body.select(body.differ(negative, bits < 0), -r, r)
    result = near_zero(body, turns + 1 if name == "cos" else turns, r)
    return body.select(body.equal(exponent, 0x7FF), float("nan"), result)


def _word(body: Body, index: Value) -> Value:
    bounded = body.select(index > WORDS, WORDS, index)  # for ∞, whose result is not used
    place = body.emit("ptr", f"getelementptr i64, ptr @{TABLE}, {bounded!r}")
    return body.emit("i64", f"load i64, {place!r}, align 8")
