"""Numbers of one kernel type in, of another out, as NumPy's `astype` converts them."""

from __future__ import annotations

from chainrule.run.native.formats import REGISTERS, is_real, taken_apart
from chainrule.run.native.instructions import Body, Value

TYPE_OF = {element: type_ for type_, element in REGISTERS.items()}
BITS = {"i64": 64, "i32": 32}


def type_of(value: Value) -> str:
    """The kernel type of a value.

    >>> type_of(Body("float", fused=False, width=8).argument("x"))
    'f32'
    """
    return TYPE_OF[taken_apart(value.type)[0]]


def nonzero(body: Body, value: Value) -> Value:
    """Where a number is not 0; NaN is not."""
    if type_of(value) == "b1":
        return value
    comparison = "fcmp une" if is_real(value.type) else "icmp ne"
    return body.emit(value.truth, f"{comparison} {value.type} {value.name}, {body.value(0, value.type).name}")


def cast(body: Body, value: Value, type_: str) -> Value:
    """The value in the kernel type; real numbers that fit in no integer become the smallest one, as on x86-64.

    >>> body = Body("double", fused=False, width=2)
    >>> cast(body, body.argument("x", "<2 x i1>"), "f64")
    <2 x double> %v1
    """
    source, element = type_of(value), REGISTERS[type_]
    if source == type_:
        return value
    if type_ == "b1":
        return nonzero(body, value)
    target = body.typed(element)
    if is_real(element):
        if source in ("f64", "f32"):
            return body.convert(value, element)
        instruction = "uitofp" if source == "b1" else "sitofp"
        return body.emit(target, f"{instruction} {value!r} to {target}")
    if source in ("f64", "f32"):
        limit = 2.0 ** (BITS[element] - 1)
        # Of float64 what is cut off to the smallest int32 is one too; in the other pairs −limit is the last number above −limit − 1.
        inside = (value > -limit - 1.0 if (source, type_) == ("f64", "i32") else value >= -limit) & (value < limit)
        return body.select(inside, body.emit(target, f"fptosi {value!r} to {target}"), -int(limit))
    instruction = "zext" if source == "b1" else "sext" if source == "i32" else "trunc"
    return body.emit(target, f"{instruction} {value!r} to {target}")
