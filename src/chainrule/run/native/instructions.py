"""Arithmetic written with Python's operators in, LLVM instructions as text out.

A `Body` collects the instructions of one function; a `Value` is the result of one of them. Everything is branch-free
scalar code, which LLVM's loop vectoriser widens to the vectors of the machine.

>>> body = Body("double", fused=True)
>>> x = body.argument("x")
>>> body.result(x * x + 1.0)
>>> print(body.text("square_and_one"))
define internal double @square_and_one(double %x) alwaysinline nounwind willreturn memory(none) {
  %v1 = fmul double %x, %x
  %v2 = fadd double %v1, 0x3FF0000000000000
  ret double %v2
}
<BLANKLINE>
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Sequence
from dataclasses import dataclass

ATTRIBUTES = "nounwind willreturn memory(none)"


@dataclass(frozen=True)
class Format:
    """One floating-point format: LLVM's names and the numbers of IEEE 754 that the algorithms need.

    >>> FORMATS["float"].significand, FORMATS["double"].magic == 1.5 * 2.0**52
    (24, True)
    """

    name: str  # the ending of the functions' names
    real: str  # LLVM's type
    whole: str  # LLVM's integer type of the same width
    width: int
    significand: int  # bits, the hidden one included
    bias: int

    @property
    def stored(self) -> int:
        """Bits of the significand that are stored, which is where the exponent begins."""
        return self.significand - 1

    @property
    def magic(self) -> float:
        """1.5 · 2**stored: adding it rounds to an integer and leaves that in the low bits (Hecker's trick)."""
        return 1.5 * 2.0**self.stored

    @property
    def one(self) -> int:
        """The bits of 1.0."""
        return self.bias << self.stored

    @property
    def sign(self) -> int:
        """The bits of −0.0."""
        return 1 << (self.width - 1)

    @property
    def smallest_normal(self) -> float:
        return 2.0 ** (1 - self.bias)


FORMATS = {
    "float": Format("f32", "float", "i32", 32, 24, 127),
    "double": Format("f64", "double", "i64", 64, 53, 1023),
}
INTEGER_OPERATIONS = {"add": "add", "sub": "sub", "mul": "mul"}
REAL_OPERATIONS = {"add": "fadd", "sub": "fsub", "mul": "fmul", "div": "fdiv"}


def literal(type_: str, value: float) -> str:
    """A constant as LLVM reads it; a real one by its bits, a float32 one by the bits of the same number in float64.

    >>> literal("double", 0.5), literal("float", 0.1), literal("i64", -1)
    ('0x3FE0000000000000', '0x3FB99999A0000000', '-1')
    """
    if type_ == "double":
        return f"0x{struct.unpack('<Q', struct.pack('<d', value))[0]:016X}"
    if type_ == "float":
        return literal("double", struct.unpack("<f", struct.pack("<f", value))[0])
    return str(int(value))


class Value:
    """The result of one instruction; the operators `+ − * / & | ^ << >> < <= > >=` emit the next one.

    `>>` shifts zeros in; comparisons are false where one side is NaN. Numbers become constants of the same type.

    >>> body = Body("double", fused=False)
    >>> x = body.argument("x")
    >>> (x < 1.0).type, (body.bits(x) >> 52).type
    ('i1', 'i64')
    """

    __slots__ = ("body", "name", "type")

    def __init__(self, body: Body, type_: str, name: str) -> None:
        self.body = body
        self.type = type_
        self.name = name

    def __repr__(self) -> str:
        return f"{self.type} {self.name}"

    def _with(self, operation: str, other: Value | float, swapped: bool = False) -> Value:
        right = self.body.value(other, self.type)
        names = f"{right.name}, {self.name}" if swapped else f"{self.name}, {right.name}"
        known = REAL_OPERATIONS if self.type in FORMATS else INTEGER_OPERATIONS
        return self.body.emit(self.type, f"{known.get(operation, operation)} {self.type} {names}")

    def _compare(self, condition: str, other: Value | float) -> Value:
        kind, condition = ("fcmp", "o" + condition) if self.type in FORMATS else ("icmp", "s" + condition)
        return self.body.emit(
            "i1", f"{kind} {condition} {self.type} {self.name}, {self.body.value(other, self.type).name}"
        )

    def __add__(self, other: Value | float) -> Value:
        return self._with("add", other)

    def __radd__(self, other: float) -> Value:
        return self._with("add", other, swapped=True)

    def __sub__(self, other: Value | float) -> Value:
        return self._with("sub", other)

    def __rsub__(self, other: float) -> Value:
        return self._with("sub", other, swapped=True)

    def __mul__(self, other: Value | float) -> Value:
        return self._with("mul", other)

    def __rmul__(self, other: float) -> Value:
        return self._with("mul", other, swapped=True)

    def __truediv__(self, other: Value | float) -> Value:
        return self._with("div", other)

    def __rtruediv__(self, other: float) -> Value:
        return self._with("div", other, swapped=True)

    def __neg__(self) -> Value:
        return self.body.emit(self.type, f"fneg {self.type} {self.name}")

    def __and__(self, other: Value | int) -> Value:
        return self._with("and", other)

    def __or__(self, other: Value | int) -> Value:
        return self._with("or", other)

    def __xor__(self, other: Value | int) -> Value:
        return self._with("xor", other)

    def __lshift__(self, other: Value | int) -> Value:
        return self._with("shl", other)

    def __rshift__(self, other: Value | int) -> Value:
        return self._with("lshr", other)

    def __lt__(self, other: Value | float) -> Value:
        return self._compare("lt", other)

    def __le__(self, other: Value | float) -> Value:
        return self._compare("le", other)

    def __gt__(self, other: Value | float) -> Value:
        return self._compare("gt", other)

    def __ge__(self, other: Value | float) -> Value:
        return self._compare("ge", other)


class Body:
    """The instructions of one function in the format `real`; `fused` says that the machine has fused multiply-add.

    >>> body = Body("float", fused=False)
    >>> x = body.argument("x")
    >>> body.result(body.fma(x, x, 1.0))
    >>> "fma" in body.text("f")
    False
    """

    def __init__(self, real: str, fused: bool) -> None:
        self.format = FORMATS[real]
        self.fused = fused
        self.lines: list[str] = []
        self.arguments: list[Value] = []
        self.declarations: set[str] = set()
        self.counter = itertools.count(1)

    def emit(self, type_: str, text: str) -> Value:
        """The result of the instruction `text`."""
        name = f"%v{next(self.counter)}"
        self.lines.append(f"  {name} = {text}")
        return Value(self, type_, name)

    def inside(self, real: str) -> Body:
        """The same instructions continued in another format."""
        other = Body(real, self.fused)
        other.lines, other.declarations, other.counter = self.lines, self.declarations, self.counter
        return other

    def argument(self, name: str, type_: str = "") -> Value:
        """The next argument of the function."""
        self.arguments.append(Value(self, type_ or self.format.real, f"%{name}"))
        return self.arguments[-1]

    def result(self, value: Value) -> None:
        """End the function with this value."""
        self.lines.append(f"  ret {value.type} {value.name}")
        self.returned = value.type

    def text(self, name: str, attributes: str = "alwaysinline") -> str:
        """The function's definition, visible in its own module only."""
        arguments = ", ".join(map(repr, self.arguments))
        head = f"define internal {self.returned} @{name}({arguments}) {attributes} {ATTRIBUTES} {{"
        return "\n".join([head, *self.lines, "}", ""])

    def value(self, value: Value | float, type_: str = "") -> Value:
        """A number as a constant of the type; a value as it is."""
        if isinstance(value, Value):
            return value
        type_ = type_ or self.format.real
        return Value(self, type_, literal(type_, value))

    def call(self, type_: str, name: str, *arguments: Value, attributes: str = "") -> Value:
        """The result of a call of another function of the same module."""
        return self.emit(type_, f"call {type_} @{name}({', '.join(map(repr, arguments))}) {attributes}".rstrip())

    def intrinsic(self, name: str, *arguments: Value) -> Value:
        """The result of one of LLVM's own functions, such as `llvm.sqrt`."""
        type_ = arguments[0].type
        full = f"{name}.{FORMATS[type_].name if type_ in FORMATS else type_}"
        self.declarations.add(f"declare {type_} @{full}({', '.join([type_] * len(arguments))})")
        return self.call(type_, full, *arguments)

    def fma(self, a: Value, b: Value | float, c: Value | float) -> Value:
        """a · b + c, rounded once where the machine can and twice where it cannot: for polynomials only."""
        if self.fused:
            return self.intrinsic("llvm.fma", a, self.value(b, a.type), self.value(c, a.type))
        return a * b + c

    def polynomial(self, z: Value, coefficients: Sequence[float]) -> Value:
        """Σ coefficients[k] · z**k: pairs by Horner's rule, and those with powers of z² (Estrin), for a shorter chain."""
        if len(coefficients) <= 3:
            total: Value | float = coefficients[-1]
            for coefficient in reversed(coefficients[:-1]):
                total = self.fma(z, total, coefficient)
            return self.value(total, z.type)
        square = z * z
        terms = [self.fma(z, b, a) for a, b in zip(coefficients[::2], coefficients[1::2], strict=False)]
        if len(coefficients) % 2:
            terms.append(self.value(coefficients[-1], z.type))
        total = terms[-1]
        for term in reversed(terms[:-1]):
            total = self.fma(square, total, term)
        return total

    def select(self, condition: Value, yes: Value | float, no: Value | float) -> Value:
        """`yes` where the condition holds, else `no`; at least one of the two is a value."""
        type_ = yes.type if isinstance(yes, Value) else no.type if isinstance(no, Value) else self.format.real
        yes, no = self.value(yes, type_), self.value(no, type_)
        return self.emit(type_, f"select i1 {condition.name}, {yes!r}, {no!r}")

    def both(self, first: Value, second: Value) -> Value:
        """Logical and, with both sides computed."""
        return self.emit("i1", f"and i1 {first.name}, {second.name}")

    def either(self, first: Value, second: Value) -> Value:
        """Logical or, with both sides computed."""
        return self.emit("i1", f"or i1 {first.name}, {second.name}")

    def differ(self, first: Value, second: Value) -> Value:
        """Exclusive or of two truth values."""
        return self.emit("i1", f"xor i1 {first.name}, {second.name}")

    def equal(self, a: Value, b: Value | float) -> Value:
        """a = b; false where one of them is NaN."""
        right = self.value(b, a.type).name
        return self.emit("i1", f"{'fcmp oeq' if a.type in FORMATS else 'icmp eq'} {a.type} {a.name}, {right}")

    def is_nan(self, a: Value) -> Value:
        return self.emit("i1", f"fcmp uno {a.type} {a.name}, {a.name}")

    def bits(self, value: Value) -> Value:
        """The bits of a real number as an integer."""
        whole = FORMATS[value.type].whole
        return self.emit(whole, f"bitcast {value!r} to {whole}")

    def real(self, bits: Value) -> Value:
        """The real number of these bits."""
        real = "double" if bits.type == "i64" else "float"
        return self.emit(real, f"bitcast {bits!r} to {real}")

    def magnitude(self, x: Value) -> Value:
        return self.intrinsic("llvm.fabs", x)

    def with_sign(self, magnitude: Value, sign: Value) -> Value:
        return self.intrinsic("llvm.copysign", magnitude, sign)

    def at_least(self, x: Value, bound: float) -> Value:
        """max(x, bound), and NaN for NaN."""
        return self.select(x < bound, bound, x)

    def at_most(self, x: Value, bound: float) -> Value:
        """min(x, bound), and NaN for NaN."""
        return self.select(x > bound, bound, x)

    def power_of_two(self, exponent: Value) -> Value:
        """2**n for an integer whose low bits are n, from −bias + 1 to bias."""
        form = self.format
        return self.real((exponent << form.stored) + form.one)

    def convert(self, value: Value, type_: str) -> Value:
        """The same number in the other format; from double to float it is rounded."""
        return self.emit(type_, f"{'fpext' if type_ == 'double' else 'fptrunc'} {value!r} to {type_}")
