"""The elementwise primitives by name in, instructions on kernel types out: what native kernels can compute, and how.

`supported` says whether there is native code for an operation on these types; where there is none, NumPy does the work.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import pi
from typing import Any

from chainrule.run.native import element_arithmetic as arithmetic
from chainrule.run.native import element_functions as functions
from chainrule.run.native.element_casts import cast, nonzero, type_of
from chainrule.run.native.extended import nearest
from chainrule.run.native.formats import FORMATS, REGISTERS
from chainrule.run.native.instructions import Body, Value

REAL, WHOLE, TRUTH = ("f64", "f32"), ("i64", "i32"), ("b1",)
NUMBERS, ALL = (*REAL, *WHOLE), (*REAL, *WHOLE, *TRUTH)
FORMAT = {"f32": "float"}  # of the body in which integers and truth values are emitted it does not matter
# A degree in radians and a radian in degrees: quotients of the format's numbers, as NumPy has them.
DEGREE = {real: nearest(real, nearest(real, pi) / 180.0) for real in FORMATS}
RADIAN = {real: nearest(real, 180.0 / nearest(real, pi)) for real in FORMATS}
MOST_DECIMALS = 22  # 10**22 is the largest power of ten that is exact in float64


@dataclass(frozen=True)
class Element:
    """How one operation is emitted: its arguments have one type, which is one of `types`; the result has it too, or `result`."""

    emit: Callable[..., Value]
    arity: int
    types: Sequence[str]
    result: str = ""
    parameters: bool = False


def _every(
    names: str, arity: int, types: Sequence[str], emit: Callable[..., Value], result: str = ""
) -> dict[str, Element]:
    return {name: Element(emit, arity, types, result) for name in names.split()}


def _comparison(name: str) -> Callable[..., Value]:
    return lambda body, a, b: arithmetic.compare(body, name, a, b)


def _itself(x: Value) -> Value:
    return x


def _plain(operation: Callable[..., Value]) -> Callable[..., Value]:
    """An operation of the values alone."""

    def emit(body: Body, *arguments: Value) -> Value:
        del body
        return operation(*arguments)

    return emit


TABLE: dict[str, Element] = {
    **{name: Element(emit, 1, REAL) for name, emit in functions.ONE_ARGUMENT.items()},
    **{name: Element(emit, 2, REAL) for name, emit in functions.TWO_ARGUMENTS.items()},
    **{name: Element(_comparison(name), 2, ALL, "b1") for name in arithmetic.CONDITIONS},
    **_every("copy stop_gradient real", 1, ALL, _plain(_itself)),
    **_every("positive conjugate", 1, NUMBERS, _plain(_itself)),
    **_every("add", 2, ALL, _plain(arithmetic.add)),
    **_every("subtract", 2, NUMBERS, _plain(operator.sub)),
    **_every("multiply", 2, ALL, _plain(arithmetic.multiply)),
    **_every("divide", 2, REAL, _plain(operator.truediv)),
    **_every("negative", 1, NUMBERS, _plain(arithmetic.negative)),
    **_every("reciprocal", 1, REAL, lambda body, x: body.value(1.0) / x),
    **_every("square", 1, NUMBERS, _plain(lambda x: x * x)),
    **_every("absolute", 1, ALL, arithmetic.absolute),
    **_every("fabs", 1, REAL, arithmetic.absolute),
    **_every("sign unit_phase", 1, NUMBERS, arithmetic.sign),
    **_every("imag", 1, ALL, lambda body, x: body.value(0, x.type)),
    **_every("floor", 1, ALL, arithmetic.floor),
    **_every("ceil", 1, ALL, arithmetic.ceil),
    **_every("trunc", 1, ALL, arithmetic.trunc),
    **_every("fix", 1, NUMBERS, arithmetic.trunc),
    **_every("rint", 1, REAL, arithmetic.rint),
    **_every("floor_divide", 2, NUMBERS, arithmetic.floor_divide),
    **_every("remainder", 2, NUMBERS, arithmetic.remainder),
    **_every("fmod", 2, NUMBERS, arithmetic.fmod),
    **_every("logical_and", 2, ALL, lambda body, a, b: nonzero(body, a) & nonzero(body, b), "b1"),
    **_every("logical_or", 2, ALL, lambda body, a, b: nonzero(body, a) | nonzero(body, b), "b1"),
    **_every("logical_xor", 2, ALL, lambda body, a, b: nonzero(body, a) ^ nonzero(body, b), "b1"),
    **_every("logical_not", 1, ALL, lambda body, x: nonzero(body, x) ^ 1, "b1"),
    **_every("bitwise_and", 2, (*WHOLE, *TRUTH), _plain(operator.and_)),
    **_every("bitwise_or", 2, (*WHOLE, *TRUTH), _plain(operator.or_)),
    **_every("bitwise_xor", 2, (*WHOLE, *TRUTH), _plain(operator.xor)),
    **_every("invert", 1, (*WHOLE, *TRUTH), _plain(arithmetic.inverted)),
    **_every("left_shift", 2, WHOLE, lambda body, a, b: arithmetic.shifted(body, a, b, left=True)),
    **_every("right_shift", 2, WHOLE, lambda body, a, b: arithmetic.shifted(body, a, b, left=False)),
    **_every("isnan", 1, ALL, arithmetic.isnan, "b1"),
    **_every("isinf", 1, ALL, arithmetic.isinf, "b1"),
    **_every("isfinite", 1, ALL, arithmetic.isfinite, "b1"),
    **_every("signbit", 1, REAL, arithmetic.signbit, "b1"),
    **_every("maximum", 2, ALL, arithmetic.maximum),
    **_every("minimum", 2, ALL, arithmetic.minimum),
    **_every("fmax", 2, ALL, arithmetic.fmax),
    **_every("fmin", 2, ALL, arithmetic.fmin),
    **_every("clip", 3, NUMBERS, arithmetic.clip),
    **_every("relu", 1, NUMBERS, lambda body, x: arithmetic.maximum(body, x, body.value(0, x.type))),
    **_every("copysign", 2, REAL, lambda body, a, b: body.with_sign(a, b)),
    **_every("heaviside", 2, REAL, arithmetic.heaviside),
    **_every("greater_part", 3, REAL, arithmetic.greater_part),
    **_every("deg2rad radians", 1, REAL, lambda body, x: x * DEGREE[body.format.real]),
    **_every("rad2deg degrees", 1, REAL, lambda body, x: x * RADIAN[body.format.real]),
    "leaky_relu": Element(functions.leaky_relu, 1, REAL, parameters=True),
    "elu": Element(functions.elu, 1, REAL, parameters=True),
    "round": Element(arithmetic.rounded, 1, NUMBERS, parameters=True),
}
CASTS = ("cast", "astype", "astype_of_counts")


def supported(operation: str, argument_types: Sequence[str], result_type: str, detail: Any = None) -> bool:
    """Whether `apply` has code for a primitive (or `cast`) on these kernel types, with these parameters.

    >>> supported("tanh", ("f32",), "f32"), supported("tanh", ("i64",), "f64"), supported("gcd", ("i64", "i64"), "i64")
    (True, False, False)
    """
    types = tuple(argument_types)
    if result_type not in REGISTERS or any(type_ not in REGISTERS for type_ in types):
        return False
    if operation in CASTS:
        return len(types) == 1
    if operation == "where":
        return types == ("b1", result_type, result_type)
    if operation == "keep":
        return len(types) == 2 and types[0] == result_type
    element = TABLE.get(operation)
    if element is None or len(types) != element.arity or len(set(types)) != 1 or types[0] not in element.types:
        return False
    if result_type != (element.result or types[0]):
        return False
    if operation == "round":
        decimals = _parameters(detail).get("decimals", 0)
        return abs(decimals) <= MOST_DECIMALS if types[0] in REAL else decimals >= 0
    return True


def apply(body: Body, operation: str, type_: str, arguments: Sequence[Value], detail: Any = None) -> Value:
    """Emits one element operation into the body's lines and returns its result, whose kernel type is `type_`.

    Single numbers among the arguments of a wider body are spread over its lanes. `detail` holds the primitive's parameters, as a mapping or
    pairs. KeyError for what `supported` denies.

    >>> body = Body("double", fused=True, width=8)
    >>> apply(body, "square", "f32", [body.argument("x", "<8 x float>")])
    <8 x float> %v1
    """
    arguments = [body.splat(argument) for argument in arguments]
    if operation in CASTS:
        return cast(body, arguments[0], type_)
    if operation == "where":
        return body.select(*arguments)
    if operation == "keep":
        return arithmetic.keep(body, *arguments)
    element = TABLE[operation]
    parameters = _parameters(detail) if element.parameters else {}
    return element.emit(body.inside(FORMAT.get(type_of(arguments[0]), "double")), *arguments, **parameters)


def _parameters(detail: Any) -> Mapping[str, Any]:
    return dict(detail or ())
