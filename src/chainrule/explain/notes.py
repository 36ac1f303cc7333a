"""What is said beside the formulas: reasons, corners, conditions; as keys with terms, in no language.

The words are in `sentences`. A reason is given once in a document, where it is met first; what depends on the values of the
program (which side of a maximum won, a tie, a kink) is said wherever it happens.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chainrule.boxes import Box
from chainrule.explain.algebra import exact
from chainrule.explain.convert import constant_term, expression_of
from chainrule.explain.expression import Expression, Number, Symbol
from chainrule.explain.program import Program
from chainrule.explain.steps import Contribution, ForwardStep, Step
from chainrule.graph import COMPONENT, Node
from chainrule.primitive import primitives
from chainrule.traced import concrete


@dataclass(frozen=True, slots=True)
class Note:
    """A sentence by its key, and what stands in its gaps: strings, boxes or expressions.

    >>> Note("reason.add").values
    {}
    """

    key: str
    values: dict[str, str | Box | Expression] = field(default_factory=dict)


# Operations whose rule uses the value of the forward pass again.
REUSING = {"sigmoid", "tanh", "exp", "exp2", "sqrt", "softmax"}
# Operations of one array whose reason is said in a sentence of their own.
REASONS = {
    "add", "subtract", "negative", "multiply", "divide", "power", "square", "sum", "mean", "transpose", "reshape", "slice",
    "gather", "broadcast_to", "log", "matmul", "write", "concatenate", "stack",
}  # fmt: skip


def reasons(program: Program, one: Contribution, source: Node) -> Iterator[Note]:
    """Why a contribution has the form that it has, from the operations of the block that read the source."""
    block = one.use.block
    for node in block.inside:
        if node.primitive is not COMPONENT and primitives.get(node.primitive.name) is not node.primitive:
            yield Note("reason.given", {"name": node.primitive.name})
    readers = [node for node in block.inside if source in node.inputs]
    if "sigmoid" in one.use.formulas.recognised:
        yield Note("reason.reuse", {"y": program.symbols[block.node], "name": "sigmoid"})
        readers = [node for node in readers if node.primitive.name != "negative"]
    for node in readers:
        name = node.primitive.name
        if name == "power" and node.inputs[1] is None and np.array_equal(concrete(node.arguments[1]), 2):
            name = "square"
        here = program.symbols[source]
        if name == "matmul":
            yield from _matmul(program, node, source)
        elif name in REUSING and node is block.node:
            yield Note("reason.reuse", {"y": program.symbols[block.node], "name": name})
        elif name == "sum" or name == "mean" or name in REASONS:
            yield Note(f"reason.{name}", {"x": here})
        if node.primitive.elementwise:
            yield from _spread(node, source, here)


def _matmul(program: Program, node: Node, source: Node) -> Iterator[Note]:
    left = node.inputs[0] is source
    a, b = (np.ndim(concrete(argument)) for argument in node.arguments)
    here = program.symbols[source]
    if a == 1 and b == 1:
        yield Note("reason.dot", {"x": here})
    elif left and b == 1:
        yield Note("reason.outer_left", {"x": here})
    elif left:
        yield Note("reason.matmul_left", {"x": here})
    elif a == 1:
        yield Note("reason.outer_right", {"x": here})
    else:
        yield Note("reason.matmul_right", {"x": here})


def _spread(node: Node, source: Node, here: Symbol) -> Iterator[Note]:
    """Where NumPy broadcast the source: the gradient sums over the axes along which it was spread."""
    full, own = np.shape(concrete(node.value)), np.shape(concrete(source.value))
    if full == own:
        return
    lead = len(full) - len(own)
    axes = [*range(lead), *(lead + i for i, n in enumerate(own) if n == 1 and full[lead + i] != 1)]
    if axes and own:
        shown = ", ".join(map(str, axes))
        yield Note("reason.spread", {"x": here, "axes": shown, "own": sizes(own), "full": sizes(full)})
    elif axes:
        yield Note("reason.spread_number", {"x": here, "full": sizes(full)})


def sizes(shape: tuple[int, ...]) -> str:
    """A shape as people write it.

    >>> sizes((2, 3)), sizes((4,)), sizes(())
    ('2 × 3', '4', '1')
    """
    return " × ".join(map(str, shape)) if shape else "1"


# -- corners -----------------------------------------------------------------------------------------------------------


def corners(program: Program, step: ForwardStep) -> Iterator[Note]:
    """What happened at the corners of a block: which side won, ties, kinks, what passes no gradient, where it is defined."""
    for node in step.block.inside:
        find = CORNERS.get(node.primitive.name)
        if find is not None:
            operands = [_operand(program, node, index) for index in range(len(node.inputs))]
            yield from find(node, operands)
        elif node.primitive.vjp is None and node.primitive.name not in COMPARISONS:
            yield Note("corner.step", {"name": node.primitive.notation.text})


COMPARISONS = {
    "less", "less_equal", "greater", "greater_equal", "equal", "not_equal", "logical_and", "logical_or", "logical_not",
    "isnan", "isfinite", "isinf", "astype_of_counts", "argsort", "argmax", "argmin",
}  # fmt: skip


def _operand(program: Program, node: Node, index: int) -> Expression:
    source = node.inputs[index]
    if source is None:
        return constant_term(node.arguments[index])
    return expression_of(source, program.symbols, set(), {})


def _values(node: Node) -> list[Any]:
    return [concrete(argument) for argument in node.arguments]


def _extremes(node: Node, operands: list[Expression]) -> Iterator[Note]:
    a, b = np.broadcast_arrays(*_values(node)[:2])
    greater = node.primitive.name in ("maximum", "fmax")
    first = a > b if greater else a < b
    ties = a == b
    kind = "max" if greater else "min"
    if a.ndim == 0:
        if ties:
            yield Note("corner.tie", {"a": operands[0], "b": operands[1]})
        else:
            won, lost = (operands[0], operands[1]) if first else (operands[1], operands[0])
            yield Note(f"corner.{kind}", {"won": won, "lost": lost})
        return
    values = {"a": operands[0], "b": operands[1], "count": str(int(first.sum())), "size": str(a.size)}
    yield Note(f"corner.{kind}_elements", values)
    if ties.any():
        yield Note("corner.tie_elements", {**values, "count": str(int(ties.sum()))})


def _relu(node: Node, operands: list[Expression]) -> Iterator[Note]:
    x = np.asarray(_values(node)[0])
    name = node.primitive.notation.text
    if x.ndim == 0:
        side = "on" if x > 0 else "off" if name == "relu" else "other"
        yield from _kink(node, operands) if x == 0 else iter([Note(f"corner.relu_{side}", {"x": operands[0]})])
        return
    yield Note("corner.relu_elements", {"x": operands[0], "count": str(int((x > 0).sum())), "size": str(x.size)})
    yield from _kink(node, operands)


def _kink(node: Node, operands: list[Expression]) -> Iterator[Note]:
    """A corner at 0: the slope there is a convention."""
    x = np.asarray(_values(node)[0])
    if not (x == 0).any():
        return
    rule = node.primitive.rule(0)
    zero = np.zeros_like(x[x == 0]).flat[0] if x.ndim else x[()]
    slope = (
        0.0
        if rule is None
        else rule(zero.dtype.type(1), node.primitive.execute(zero, **node.parameters), zero, **node.parameters)
    )
    values = {
        "x": operands[0],
        "name": node.primitive.notation.text.replace("|·|", "abs"),
        "slope": Number(exact(slope)),
    }
    if x.ndim == 0:
        yield Note("corner.kink", values)
    else:
        yield Note("corner.kink_elements", {**values, "count": str(int((x == 0).sum()))})


def _where(node: Node, operands: list[Expression]) -> Iterator[Note]:
    condition = np.asarray(_values(node)[0])
    if condition.ndim == 0:
        yield Note("corner.where_true" if condition else "corner.where_false", {"condition": operands[0]})
        return
    count = str(int(np.count_nonzero(condition)))
    yield Note("corner.where_elements", {"condition": operands[0], "count": count, "size": str(condition.size)})


def _clip(node: Node, operands: list[Expression]) -> Iterator[Note]:
    x, low, high = (np.asarray(value) for value in _values(node))
    inside = (x >= low) & (x <= high)
    if np.ndim(inside) == 0:
        yield Note("corner.clip_inside" if inside else "corner.clip_outside", {"x": operands[0]})
        if x in (low, high):
            yield Note("corner.clip_bound", {"x": operands[0]})
        return
    yield Note(
        "corner.clip", {"x": operands[0], "count": str(int(np.sum(inside))), "size": str(np.size(inside))}
    )  # fmt: skip
    if np.any((x == low) | (x == high)):
        yield Note("corner.clip_bound", {"x": operands[0]})


def _extreme_over(node: Node, operands: list[Expression]) -> Iterator[Note]:
    x, y = np.asarray(_values(node)[0]), np.asarray(concrete(node.value))
    axis = node.parameters["axis"]
    if not node.parameters["keepdims"]:
        y = np.expand_dims(y, axis) if axis else y
    counts = np.sum(x == y, axis=axis)
    if np.any(counts > 1):
        yield Note("corner.tie_over", {"x": operands[0], "count": str(int(np.sum(counts > 1)))})


def _positive(node: Node, operands: list[Expression]) -> Iterator[Note]:
    yield Note("domain.positive", {"x": operands[0]})
    x = np.asarray(_values(node)[0])
    if x.dtype.kind == "c":
        return
    if (x < 0).any():
        yield Note("corner.outside", {"x": operands[0], "name": node.primitive.notation.text})
    elif (x == 0).any():
        yield Note("corner.boundary", {"x": operands[0], "name": node.primitive.notation.text})


def _quotient(node: Node, operands: list[Expression]) -> Iterator[Note]:
    if node.inputs[1] is not None and not _is_spelled_sigmoid(node):
        yield Note("domain.nonzero", {"x": operands[1]})
        if (np.asarray(_values(node)[1]) == 0).any():
            yield Note("corner.boundary", {"x": operands[1], "name": "1/x"})


def _is_spelled_sigmoid(node: Node) -> bool:
    """Whether the divisor cannot be 0: 1 plus an exponential."""
    bottom = node.inputs[1]
    return (
        bottom is not None
        and bottom.primitive.name in ("add", "exp")
        and any(source is not None and source.primitive.name == "exp" for source in (bottom, *bottom.inputs))
    )


def _power(node: Node, operands: list[Expression]) -> Iterator[Note]:
    exponent = operands[1]
    if node.inputs[1] is not None or (isinstance(exponent, Number) and not float(np.real(exponent.value)).is_integer()):
        yield Note("domain.positive", {"x": operands[0]})
    elif isinstance(exponent, Number) and np.real(exponent.value) < 0:
        yield Note("domain.nonzero", {"x": operands[0]})


def _open_unit(node: Node, operands: list[Expression]) -> Iterator[Note]:
    del node
    yield Note("domain.unit", {"x": operands[0]})


def _stopped(node: Node, operands: list[Expression]) -> Iterator[Note]:
    del node
    yield Note("corner.stopped", {"x": operands[0]})


CORNERS = {
    "maximum": _extremes,
    "minimum": _extremes,
    "fmax": _extremes,
    "fmin": _extremes,
    "relu": _relu,
    "leaky_relu": _relu,
    "elu": _relu,
    "absolute": _kink,
    "fabs": _kink,
    "where": _where,
    "clip": _clip,
    "max": _extreme_over,
    "min": _extreme_over,
    "log": _positive,
    "log2": _positive,
    "log10": _positive,
    "sqrt": _positive,
    "divide": _quotient,
    "reciprocal": lambda node, operands: iter([Note("domain.nonzero", {"x": operands[0]})]),
    "power": _power,
    "float_power": _power,
    "arcsin": _open_unit,
    "arccos": _open_unit,
    "arctanh": _open_unit,
    "stop_gradient": _stopped,
}


def zero_reason(program: Program, step: Step) -> Note | None:
    """Why a gradient is exactly 0, where it is 0 for a reason that can be read off the graph."""
    if step.contributions or step.node is program.output:
        return None
    if step.node in _ancestors(program.output):
        return Note("zero.blocked", {"x": step.symbol, "loss": program.symbols[program.output]})
    return Note("zero.independent", {"x": step.symbol, "loss": program.symbols[program.output]})


def _ancestors(node: Node) -> set[Node]:
    seen, stack = {node}, [node]
    while stack:
        for source in stack.pop().inputs:
            if source is not None and source not in seen:
                seen.add(source)
                stack.append(source)
    return seen
