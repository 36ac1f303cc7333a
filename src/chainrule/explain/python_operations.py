"""An operation and the texts of its operands in, the Python expression out that gives the same bits.

What an operation runs is written: Python's operators, NumPy's functions by their names, and otherwise the function of
chainrule itself, in place where it is one expression and as a helper where it is more. A few structural operations have
a form here that reads better and gives the same bits.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from types import FunctionType
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError
from chainrule.explain.python_helpers import Helpers
from chainrule.explain.python_text import (
    AND,
    ATOM,
    COMPARISON,
    OR,
    POWER,
    PRODUCT,
    SHIFT,
    SUM,
    UNARY,
    XOR,
    Text,
    brackets,
    literal,
    qualified,
)
from chainrule.graph import COMPONENT, Node

_INFIX: dict[Any, tuple[str, int]] = {
    operator.add: ("+", SUM),
    operator.sub: ("-", SUM),
    operator.mul: ("*", PRODUCT),
    operator.truediv: ("/", PRODUCT),
    operator.floordiv: ("//", PRODUCT),
    operator.matmul: ("@", PRODUCT),
    operator.mod: ("%", PRODUCT),
    operator.and_: ("&", AND),
    operator.or_: ("|", OR),
    operator.xor: ("^", XOR),
    operator.lshift: ("<<", SHIFT),
    operator.rshift: (">>", SHIFT),
    operator.lt: ("<", COMPARISON),
    operator.le: ("<=", COMPARISON),
    operator.gt: (">", COMPARISON),
    operator.ge: (">=", COMPARISON),
    operator.eq: ("==", COMPARISON),
    operator.ne: ("!=", COMPARISON),
}
_PREFIX: dict[Any, str] = {operator.neg: "-", operator.pos: "+"}


def write_operation(node: Node, operands: list[Text], helpers: Helpers) -> Text:
    """The operation of a node on these operands, as source text.

    >>> import chainrule as cr
    >>> from chainrule.explain.python_text import Names
    >>> node = cr.trace(lambda x: x.sum(axis=0), np.ones((2, 3))).outputs[0]
    >>> write_operation(node, [Text("x")], Helpers(Names())).source
    'np.sum(x, axis=0)'
    """
    primitive, parameters = node.primitive, node.parameters
    if primitive is COMPONENT:
        return Text(f"{operands[0].fit(ATOM)}[{parameters['index']}]")
    readable = _READABLE.get(primitive.name)
    if readable is not None:
        text = readable(node, operands)
        if text is not None:
            return text
    run: Any = primitive.execute
    if run in _INFIX and len(operands) == 2:
        return _infix(node, operands, *_INFIX[run])
    if run is operator.pow:
        base, exponent = operands[0].fit(POWER + 1), operands[1].fit(UNARY)
        tight = base.replace("_", "").isalnum() and exponent.replace(".", "").isalnum()
        return Text(f"{base}**{exponent}" if tight else f"{base} ** {exponent}", POWER)
    if run in _PREFIX:
        return Text(_PREFIX[run] + operands[0].fit(UNARY), UNARY)
    path = qualified(run)
    if path is not None:
        helpers.use(path.split(".")[0])
        return _called(path, operands, parameters)
    if isinstance(run, FunctionType):
        text = helpers.in_place(run, operands, parameters)
        if text is None:
            text = _called(helpers.function(run, primitive.name.removeprefix("special.")), operands, parameters)
        return text
    raise ArgumentError(
        f"The operation {primitive.name} ({node.place}) cannot be written as Python: it runs {run!r}, which has no source text."
    )


def _called(path: str, operands: list[Text], parameters: dict[str, Any]) -> Text:
    keywords = [f"{name}={literal(value).source}" for name, value in parameters.items()]
    return Text(f"{path}({', '.join([operand.source for operand in operands] + keywords)})")


def _infix(node: Node, operands: list[Text], sign: str, level: int) -> Text:
    left = operands[0].fit(level + 1 if level == COMPARISON else level)
    text = Text(f"{left} {sign} {operands[1].fit(level + 1)}", level)
    if type(node.value) is np.complex128 and any(
        source is None and type(argument) is complex
        for source, argument in zip(node.inputs, node.arguments, strict=True)
    ):
        return Text(f"np.complex128({text.source})")  # Python's complex times NumPy's float is Python's
    return text


# -- forms that read better --------------------------------------------------------------------------------------------


def _axis(node: Node, operand: int = 0) -> list[str]:
    """The axes and keepdims as NumPy's keywords, left out where they are the defaults."""
    axis = node.parameters["axis"]
    ndim = np.ndim(node.arguments[operand])
    texts = []
    if axis != tuple(range(ndim)) or not ndim:
        texts.append(f"axis={axis[0] if len(axis) == 1 else axis}")
    if node.parameters["keepdims"]:
        texts.append("keepdims=True")
    return texts


def _reduction(name: str) -> Callable[[Node, list[Text]], Text]:
    return lambda node, operands: Text(f"{name}({', '.join([operands[0].source, *_axis(node)])})")


def _mean(node: Node, operands: list[Text]) -> Text | None:
    return _reduction("np.mean")(node, operands) if np.ndim(node.arguments[0]) else None


def _broadcast(node: Node, operands: list[Text]) -> Text:
    return Text(f"np.broadcast_to({operands[0].source}, {literal(node.parameters['shape']).source})")


def _reshape(node: Node, operands: list[Text]) -> Text:
    shape = node.parameters["shape"]
    inner = str(shape) if len(shape) != 1 else str(shape[0])
    return Text(f"{operands[0].fit(ATOM)}.reshape({inner if len(shape) < 2 else inner[1:-1]})")


def _transpose(node: Node, operands: list[Text]) -> Text:
    axes = node.parameters["axes"]
    array = operands[0].fit(ATOM)
    if axes == tuple(range(len(axes)))[::-1]:
        return Text(f"{array}.T")
    return Text(f"{array}.transpose{axes}")


def _slice(node: Node, operands: list[Text]) -> Text:
    if node.parameters["index"] == () and isinstance(node.value, np.generic):
        return operands[0]
    return Text(f"{operands[0].fit(ATOM)}[{brackets(node.parameters['index'], [])}]")


def _gather(node: Node, operands: list[Text]) -> Text:
    pattern = node.parameters["pattern"]
    inside = brackets(pattern, [operand.source for operand in operands[1:]])
    return Text(f"{operands[0].fit(ATOM)}[{inside}]")


def _keep(node: Node, operands: list[Text]) -> Text:
    # The bits of x times the mask: those of x where the mask holds, and of +0 elsewhere.
    text = f"np.where({operands[1].source}, {operands[0].source}, 0.0)"
    return Text(text if np.ndim(node.value) else f"{text}[()]")


def _same(node: Node, operands: list[Text]) -> Text:
    if node.inputs[0] is None:
        return Text(f"np.asarray({operands[0].source})[()]")
    return operands[0]


def _copy(node: Node, operands: list[Text]) -> Text:
    order = node.parameters.get("order", "K")
    return Text(f"np.array({operands[0].source}{'' if order == 'K' else ', order=' + chr(34) + order + chr(34)})")


def _cast(node: Node, operands: list[Text]) -> Text | None:
    if node.inputs[0] is None:
        return None
    dtype = node.parameters["dtype"]
    name = "bool" if dtype.kind == "b" else dtype.name
    array = operands[0].fit(ATOM)
    if np.ndim(node.arguments[0]) == 0:
        if dtype.kind == "c" or (dtype.kind == "f" and np.asarray(node.arguments[0]).dtype.kind != "c"):
            return Text(f"np.{name}({operands[0].source})")
        return Text(f"np.asarray({operands[0].source}).astype(np.{name})[()]")
    return Text(f"{array}.astype(np.{name})")


def _full_like(node: Node, operands: list[Text]) -> Text | None:
    x, settings = node.arguments[0], node.parameters
    if settings["shape"] != np.shape(x) or settings["dtype"] != x.dtype:
        return None
    if type(settings["fill"]) in (int, float) and settings["fill"] in (0, 1) and str(settings["fill"])[0] != "-":
        return Text(f"np.{'ones' if settings['fill'] else 'zeros'}_like({operands[0].source})")
    return Text(f"np.full_like({operands[0].source}, {literal(settings['fill']).source})")


def _embed(node: Node, operands: list[Text]) -> Text | None:
    return operands[0] if node.parameters["shape"] == () == node.parameters["index"] else None


def _stack(node: Node, operands: list[Text]) -> Text:
    parts = ", ".join(operand.source for operand in operands)
    axis = node.parameters["axis"]
    return Text(f"np.array([{parts}])" if axis == 0 else f"np.stack([{parts}], axis={axis})")


def _concatenate(node: Node, operands: list[Text]) -> Text:
    parts = ", ".join(operand.source for operand in operands)
    axis = node.parameters["axis"]
    return Text(f"np.concatenate([{parts}]{f', axis={axis}' if axis else ''})")


_READABLE: dict[str, Callable[[Node, list[Text]], Text | None]] = {
    "sum": _reduction("np.sum"),
    "max": _reduction("np.max"),
    "min": _reduction("np.min"),
    "prod": _reduction("np.prod"),
    "mean": _mean,
    "broadcast_to": _broadcast,
    "reshape": _reshape,
    "transpose": _transpose,
    "slice": _slice,
    "full_like": _full_like,
    "embed": _embed,
    "gather": _gather,
    "keep": _keep,
    "stop_gradient": _same,
    "copy": _copy,
    "astype": _cast,
    "astype_of_counts": _cast,
    "stack": _stack,
    "concatenate": _concatenate,
}
