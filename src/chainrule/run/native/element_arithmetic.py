"""Arithmetic, rounding, remainders, bits and choices of numbers, bit for bit as NumPy has them on contiguous arrays.

Each function takes the body in the format of its numbers and values of one type, and emits the instructions.
"""

from __future__ import annotations

from chainrule.run.native import rare
from chainrule.run.native.element_casts import nonzero, type_of
from chainrule.run.native.extended import two_product
from chainrule.run.native.formats import is_real
from chainrule.run.native.instructions import Body, Value

INFINITY, NAN = float("inf"), float("nan")

# -- arithmetic --------------------------------------------------------------------------------------------------------


def add(a: Value, b: Value) -> Value:
    """a + b; of truth values, whether one holds."""
    return a | b if type_of(a) == "b1" else a + b


def multiply(a: Value, b: Value) -> Value:
    """a · b; of truth values, whether both hold."""
    return a & b if type_of(a) == "b1" else a * b


def negative(x: Value) -> Value:
    """−x."""
    return -x if is_real(x.type) else 0 - x


def absolute(body: Body, x: Value) -> Value:
    """|x|; the smallest integer stays."""
    if type_of(x) == "b1":
        return x
    return body.magnitude(x) if is_real(x.type) else body.select(x < 0, 0 - x, x)


def sign(body: Body, x: Value) -> Value:
    """−1, 0, 1 or NaN; 0 for −0."""
    rest = body.select(body.equal(x, 0), 0, x) if is_real(x.type) else body.value(0, x.type)
    return body.select(x > 0, 1, body.select(x < 0, -1, rest))


# -- rounding ----------------------------------------------------------------------------------------------------------


def rint(body: Body, x: Value) -> Value:
    """The nearest integer, halves to the even one. Without SSE4.1 adding 2**52 rounds, and numbers from there on are integers."""
    if body.fused:
        return body.intrinsic("llvm.rint", x)
    size, anchor = body.magnitude(x), 2.0**body.format.stored
    return body.select(size < anchor, body.with_sign((size + anchor) - anchor, x), x)


def floor(body: Body, x: Value) -> Value:
    """The integer below."""
    if not is_real(x.type):
        return x
    if body.fused:
        return body.intrinsic("llvm.floor", x)
    near = rint(body, x)
    return body.select(near > x, near - 1.0, near)


def ceil(body: Body, x: Value) -> Value:
    """The integer above; −0 between −1 and 0."""
    if not is_real(x.type):
        return x
    if body.fused:
        return body.intrinsic("llvm.ceil", x)
    near = rint(body, x)
    return body.with_sign(body.select(near < x, near + 1.0, near), x)


def trunc(body: Body, x: Value) -> Value:
    """The integer towards 0, with the sign of x."""
    if not is_real(x.type):
        return x
    if body.fused:
        return body.intrinsic("llvm.trunc", x)
    return body.with_sign(floor(body, body.magnitude(x)), x)


def rounded(body: Body, x: Value, decimals: int) -> Value:
    """`numpy.round`: scaled, rounded, scaled back."""
    if not is_real(x.type):
        return x
    if decimals == 0:
        return rint(body, x)
    unit = 10.0 ** abs(decimals)
    return rint(body, x * unit) / unit if decimals > 0 else rint(body, x / unit) * unit


# -- division with remainder -------------------------------------------------------------------------------------------


def _safe_divisor(body: Body, a: Value, b: Value) -> Value:
    """b, or 1 where the machine cannot divide: by 0, and the smallest integer by −1."""
    smallest = -(1 << (63 if type_of(a) == "i64" else 31))
    overflow = body.equal(a, smallest) & body.equal(b, -1)
    return body.select(body.equal(b, 0) | overflow, 1, b)


def _divided(body: Body, a: Value, b: Value) -> tuple[Value, Value]:
    """Quotient and remainder of integers, both towards 0; by 0 the remainder is 0."""
    safe = _safe_divisor(body, a, b)
    quotient = body.emit(a.type, f"sdiv {a!r}, {safe.name}")
    return quotient, a - quotient * safe


def _opposite(body: Body, rest: Value, b: Value) -> Value:
    """Whether a remainder is not 0 and has another sign than the divisor."""
    return nonzero(body, rest) & ((rest < 0) ^ (b < 0))


def floor_divide(body: Body, a: Value, b: Value) -> Value:
    """a // b, NumPy's way: 0 for integers divided by 0."""
    if not is_real(a.type):
        quotient, rest = _divided(body, a, b)
        lowered = body.select(_opposite(body, rest, b), quotient - 1, quotient)
        return body.select(body.equal(b, 0), 0, lowered)
    rest = real_fmod(body, a, b)
    quotient = (a - rest) / b
    quotient = body.select(_opposite(body, rest, b), quotient - 1.0, quotient)
    below = floor(body, quotient)
    below = body.select(quotient - below > 0.5, below + 1.0, below)
    ratio = a / b
    result = body.select(nonzero(body, quotient), below, body.with_sign(body.value(0.0), ratio))
    return body.select(body.equal(b, 0.0), ratio, result)


def remainder(body: Body, a: Value, b: Value) -> Value:
    """a % b with the sign of b; 0 for integers divided by 0."""
    if not is_real(a.type):
        _, rest = _divided(body, a, b)
        return body.select(_opposite(body, rest, b), rest + b, rest)
    rest = real_fmod(body, a, b)
    moved = body.select(_opposite(body, rest, b), rest + b, rest)
    result = body.select(nonzero(body, rest), moved, body.with_sign(body.value(0.0), b))
    return body.select(body.equal(b, 0.0), rest, result)


def fmod(body: Body, a: Value, b: Value) -> Value:
    """The remainder with the sign of a; 0 for integers divided by 0."""
    return real_fmod(body, a, b) if is_real(a.type) else _divided(body, a, b)[1]


def real_fmod(body: Body, a: Value, b: Value) -> Value:
    """The exact remainder of |a| by |b| from the rounded quotient, which is at most one too large; with the sign of a.

    A quotient of 2**53 and more is none that a number holds exactly: the C library counts it down, as it does where a product of halves
    of numbers may overflow or vanish.
    """
    if body.format.real == "float":
        wide = body.inside("double")
        return wide.convert(real_fmod(wide, body.convert(a, "double"), body.convert(b, "double")), "float")
    size, unit = body.magnitude(a), body.magnitude(b)
    ratio = size / unit
    times = trunc(body, ratio)
    if body.fused:
        rest = body.fma(-times, unit, size)
        test = ratio
    else:
        product = two_product(body, times, unit)
        rest = (size - product.high) - product.low
        test = body.select(body.both(size < 2.0**900, unit > 2.0**-900), ratio, INFINITY)
    rest = body.select(rest < 0.0, rest + unit, rest)
    rest = body.with_sign(body.select(size < unit, size, rest), a)
    return rare.replaced(body, "cr.fmod", test, 2.0**53, rest, body.external("fmod", 2), a, b)


# -- comparisons and truth ---------------------------------------------------------------------------------------------

CONDITIONS = {
    "less": ("olt", "slt", "ult"),
    "less_equal": ("ole", "sle", "ule"),
    "greater": ("ogt", "sgt", "ugt"),
    "greater_equal": ("oge", "sge", "uge"),
    "equal": ("oeq", "eq", "eq"),
    "not_equal": ("une", "ne", "ne"),
}


def compare(body: Body, name: str, a: Value, b: Value) -> Value:
    """A comparison of real numbers, integers or truth values; with NaN only `not_equal` holds."""
    real, whole, truth = CONDITIONS[name]
    condition = f"fcmp {real}" if is_real(a.type) else f"icmp {truth if type_of(a) == 'b1' else whole}"
    return body.emit(a.truth, f"{condition} {a!r}, {b.name}")


def false(body: Body) -> Value:
    """False in all lanes."""
    return body.value(0, body.typed("i1"))


def inverted(x: Value) -> Value:
    """Every bit the other way round; of a truth value, its opposite."""
    return x ^ (1 if type_of(x) == "b1" else -1)


def isnan(body: Body, x: Value) -> Value:
    return body.is_nan(x) if is_real(x.type) else false(body)


def isinf(body: Body, x: Value) -> Value:
    return body.equal(body.magnitude(x), float("inf")) if is_real(x.type) else false(body)


def isfinite(body: Body, x: Value) -> Value:
    return body.magnitude(x) < float("inf") if is_real(x.type) else inverted(false(body))


def signbit(body: Body, x: Value) -> Value:
    return body.bits(x) < 0


def shifted(body: Body, a: Value, b: Value, left: bool) -> Value:
    """a << b or a >> b; by a count that is negative or not below the width everything is shifted out."""
    width = 64 if type_of(a) == "i64" else 32
    known = body.emit(a.truth, f"icmp ult {b!r}, {body.value(width, b.type).name}")
    count = body.select(known, b, 0)
    moved = body.emit(a.type, f"{'shl' if left else 'ashr'} {a!r}, {count.name}")
    return body.select(known, moved, 0 if left else body.select(a < 0, -1, body.value(0, a.type)))


# -- choice ------------------------------------------------------------------------------------------------------------


def maximum(body: Body, a: Value, b: Value) -> Value:
    """The greater one, NaN where one is NaN, and the second of two zeros."""
    if type_of(a) == "b1":
        return a | b
    greater = body.select(a > b, a, b)
    return body.select(body.is_nan(a), a, greater) if is_real(a.type) else greater


def minimum(body: Body, a: Value, b: Value) -> Value:
    """The smaller one, NaN where one is NaN, and the second of two zeros."""
    if type_of(a) == "b1":
        return a & b
    smaller = body.select(a < b, a, b)
    return body.select(body.is_nan(a), a, smaller) if is_real(a.type) else smaller


def fmax(body: Body, a: Value, b: Value) -> Value:
    """The greater one; the other where one is NaN."""
    if not is_real(a.type):
        return maximum(body, a, b)
    return body.select(body.is_nan(b), a, body.select(a > b, a, b))


def fmin(body: Body, a: Value, b: Value) -> Value:
    """The smaller one; the other where one is NaN."""
    if not is_real(a.type):
        return minimum(body, a, b)
    return body.select(body.is_nan(b), a, body.select(a < b, a, b))


def clip(body: Body, x: Value, low: Value, high: Value) -> Value:
    """x within bounds; the upper one where they cross, NaN where one of the three is."""
    result = body.select(x < low, low, x)
    result = body.select(result > high, high, result)
    if not is_real(x.type):
        return result
    unknown = body.emit(x.truth, f"fcmp uno {low!r}, {high.name}")
    return body.select(unknown, NAN, result)


def keep(body: Body, x: Value, mask: Value) -> Value:
    """x where the mask holds, else exactly 0."""
    return body.select(nonzero(body, mask), x, 0)


def greater_part(body: Body, g: Value, a: Value, b: Value) -> Value:
    """g where a is greater than b, half of it where they are equal, 0 where b is greater."""
    shared = body.select(body.equal(a, b), g * 0.5 + 0.0, g)
    return body.select(compare(body, "less", a, b), 0.0, shared)


def heaviside(body: Body, x: Value, at_zero: Value) -> Value:
    """0 below 0, 1 above, `at_zero` at 0."""
    beside = body.select(x < 0.0, 0.0, body.select(body.is_nan(x), x, 1.0))
    return body.select(body.equal(x, 0.0), at_zero, beside)
