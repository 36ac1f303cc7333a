"""Sums and products with their rounding errors: two numbers of one format hold twice as many digits.

Methods: Møller and Knuth's two-sum, Dekker's fast two-sum and product, Veltkamp's splitting where there is no fused
multiply-add (Dekker, "A floating-point technique for extending the available precision", 1971).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from chainrule.run.native.instructions import Body, Value


@dataclass(frozen=True)
class Pair:
    """The unevaluated sum of a number and a much smaller one."""

    high: Value
    low: Value


def nearest(real: str, value: float) -> float:
    """A float64 number rounded to the format."""
    return value if real == "double" else struct.unpack("<f", struct.pack("<f", value))[0]


def two_sum(a: Value, b: Value) -> Pair:
    """a + b exactly."""
    total = a + b
    back = total - a
    return Pair(total, (a - (total - back)) + (b - back))


def fast_two_sum(a: Value, b: Value) -> Pair:
    """a + b exactly, where |a| ≥ |b| or a = 0."""
    total = a + b
    return Pair(total, b - (total - a))


def split(body: Body, a: Value | float) -> tuple[Value, Value]:
    """Veltkamp's halves of a number, whose products with other halves are exact."""
    factor = 2.0 ** ((body.format.significand + 1) // 2) + 1.0
    if not isinstance(a, Value):
        real = body.format.real
        large = nearest(real, a * factor)
        high = nearest(real, large - nearest(real, large - a))
        return body.value(high), body.value(nearest(real, a - high))
    large = a * factor
    high = large - (large - a)
    return high, a - high


def two_product(body: Body, a: Value, b: Value | float) -> Pair:
    """a · b exactly, where nothing overflows and the error is not subnormal."""
    product = a * b
    if body.fused:
        return Pair(product, body.fma(a, b, -product))
    (a_high, a_low), (b_high, b_low) = split(body, a), split(body, b)
    error = ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low
    return Pair(product, error)


def quotient(body: Body, a: Pair, b: Pair) -> Pair:
    """a / b, and what that lost."""
    inverse = body.value(1.0) / b.high
    ratio = a.high * inverse
    product = two_product(body, ratio, b.high)
    rest = ((a.high - product.high) - product.low) + (a.low - ratio * b.low)
    return Pair(ratio, rest * inverse)
