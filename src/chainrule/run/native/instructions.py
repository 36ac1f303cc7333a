"""Arithmetic written with Python's operators in, LLVM instructions as text out.

A `Body` collects the instructions of one function; a `Value` is the result of one of them. With `width=8` each value is a
vector of 8 numbers, and every instruction works on all of them; the text is otherwise that of single numbers.

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
>>> body = Body("double", fused=True, width=4)
>>> body.argument("x") + 1.0
<4 x double> %v1
>>> body.lines
['  %v1 = fadd <4 x double> %x, splat (double 0x3FF0000000000000)']
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from chainrule.run.native.formats import FORMATS, ending, is_real, literal, taken_apart, widened

ATTRIBUTES = "nounwind willreturn memory(none)"


INTEGER_OPERATIONS = {"add": "add", "sub": "sub", "mul": "mul"}
REAL_OPERATIONS = {"add": "fadd", "sub": "fsub", "mul": "fmul", "div": "fdiv"}


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
        known = REAL_OPERATIONS if is_real(self.type) else INTEGER_OPERATIONS
        return self.body.emit(self.type, f"{known.get(operation, operation)} {self.type} {names}")

    def _compare(self, condition: str, other: Value | float) -> Value:
        kind, condition = ("fcmp", "o" + condition) if is_real(self.type) else ("icmp", "s" + condition)
        right = self.body.value(other, self.type).name
        return self.body.emit(self.truth, f"{kind} {condition} {self.type} {self.name}, {right}")

    @property
    def truth(self) -> str:
        """The type of a comparison of such values."""
        return widened("i1", taken_apart(self.type)[1])

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

    `width` is the number of lanes of its values. Beside the instructions it collects what they refer to: `declarations` of
    LLVM's own functions, `functions` and constants out of line (name → text), and `externals`, the names of functions of the
    C library, which the loader must find.

    >>> body = Body("float", fused=False)
    >>> x = body.argument("x")
    >>> body.result(body.fma(x, x, 1.0))
    >>> "fma" in body.text("f")
    False
    """

    def __init__(self, real: str, fused: bool, width: int = 1) -> None:
        self.format = FORMATS[real]
        self.fused = fused
        self.width = width
        self.lines: list[str] = []
        self.arguments: list[Value] = []
        self.declarations: set[str] = set()
        self.functions: dict[str, str] = {}
        self.externals: set[str] = set()
        self.counter = itertools.count(1)

    def typed(self, element: str) -> str:
        """The type of this body's values with such elements."""
        return widened(element, self.width)

    @property
    def type(self) -> str:
        """The type of this body's real values."""
        return widened(self.format.real, self.width)

    def emit(self, type_: str, text: str) -> Value:
        """The result of the instruction `text`."""
        name = f"%v{next(self.counter)}"
        self.lines.append(f"  {name} = {text}")
        return Value(self, type_, name)

    def _continued(self, real: str, width: int) -> Body:
        if real == self.format.real and width == self.width:
            return self
        other = Body(real, self.fused, width)
        other.lines, other.counter, other.externals = self.lines, self.counter, self.externals
        other.declarations, other.functions = self.declarations, self.functions
        return other

    def inside(self, real: str) -> Body:
        """The same instructions continued in another format."""
        return self._continued(real, self.width)

    def at_width(self, width: int) -> Body:
        """The same instructions continued with another number of lanes.

        >>> body = Body("double", fused=True)
        >>> wide = body.at_width(8)
        >>> (wide.splat(body.argument("x")) + 1.0).type, len(body.lines)
        ('<8 x double>', 3)
        """
        return self._continued(self.format.real, width)

    def splat(self, value: Value) -> Value:
        """A single number in all lanes; a vector as it is."""
        if self.width == 1 or taken_apart(value.type)[1] == self.width:
            return value
        type_ = self.typed(value.type)
        if not value.name.startswith("%"):  # a constant stays one
            return Value(self, type_, f"splat ({value!r})")
        first = self.emit(type_, f"insertelement {type_} poison, {value!r}, i64 0")
        return self.emit(
            type_, f"shufflevector {type_} {first.name}, {type_} poison, <{self.width} x i32> zeroinitializer"
        )

    def argument(self, name: str, type_: str = "") -> Value:
        """The next argument of the function."""
        self.arguments.append(Value(self, type_ or self.type, f"%{name}"))
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
        type_ = type_ or self.type
        return Value(self, type_, literal(type_, value))

    def whole(self, value: int) -> Value:
        """An integer constant as wide as the real numbers."""
        return self.value(value, self.typed(self.format.whole))

    def call(self, type_: str, name: str, *arguments: Value, attributes: str = "") -> Value:
        """The result of a call of another function of the same module."""
        return self.emit(type_, f"call {type_} @{name}({', '.join(map(repr, arguments))}) {attributes}".rstrip())

    def external(self, name: str, arity: int) -> str:
        """The name of a function of float64 numbers of the C library, which the body's text may then call."""
        self.externals.add(name)
        self.declarations.add(f"declare double @{name}({', '.join(['double'] * arity)}) {ATTRIBUTES}")
        return name

    def intrinsic(self, name: str, *arguments: Value) -> Value:
        """The result of one of LLVM's own functions, such as `llvm.sqrt`."""
        type_ = arguments[0].type
        full = f"{name}.{ending(type_)}"
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
        """`yes` where the condition holds, else `no`; numbers become constants of the other's type."""
        type_ = yes.type if isinstance(yes, Value) else no.type if isinstance(no, Value) else self.type
        yes, no = self.value(yes, type_), self.value(no, type_)
        return self.emit(type_, f"select {condition!r}, {yes!r}, {no!r}")

    def both(self, first: Value, second: Value) -> Value:
        """Logical and, with both sides computed."""
        return first & second

    def either(self, first: Value, second: Value) -> Value:
        """Logical or, with both sides computed."""
        return first | second

    def differ(self, first: Value, second: Value) -> Value:
        """Exclusive or of two truth values."""
        return first ^ second

    def equal(self, a: Value, b: Value | float) -> Value:
        """a = b; false where one of them is NaN."""
        right = self.value(b, a.type).name
        return self.emit(a.truth, f"{'fcmp oeq' if is_real(a.type) else 'icmp eq'} {a.type} {a.name}, {right}")

    def is_nan(self, a: Value) -> Value:
        return self.emit(a.truth, f"fcmp uno {a.type} {a.name}, {a.name}")

    def bits(self, value: Value) -> Value:
        """The bits of a real number as an integer."""
        element, lanes = taken_apart(value.type)
        whole = widened(FORMATS[element].whole, lanes)
        return self.emit(whole, f"bitcast {value!r} to {whole}")

    def real(self, bits: Value) -> Value:
        """The real number of these bits."""
        element, lanes = taken_apart(bits.type)
        real = widened("double" if element == "i64" else "float", lanes)
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

    def convert(self, value: Value, real: str) -> Value:
        """The same number in the other format; from double to float it is rounded."""
        type_ = widened(real, taken_apart(value.type)[1])
        return self.emit(type_, f"{'fpext' if real == 'double' else 'fptrunc'} {value!r} to {type_}")
