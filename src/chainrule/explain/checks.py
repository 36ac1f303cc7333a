"""Every equals sign, evaluated: what a line says against what the engine computed, and each rule against differences.

A rule could be wrong in the same way in the engine and on paper, since both are the same rule. So each local derivative is also
compared with how the block really changes: along one direction, by complex step where the operations allow it, by central
differences elsewhere. At a kink the rule may lie anywhere between the slopes from left and right.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from chainrule.explain.agreement import agree
from chainrule.explain.blocks import Block
from chainrule.explain.document import Display, Document, Line
from chainrule.explain.expression import size_of_terms
from chainrule.explain.printing.text import text_of
from chainrule.explain.program import Program
from chainrule.explain.steps import Contribution, ForwardStep, Passes, Step, chain_product, magnitude, settled_total
from chainrule.graph import COMPONENT, Node
from chainrule.primitive import primitives
from chainrule.traced import concrete

OFTEN = 20  # how often the rule of blocks that are alike is compared with differences
COMPLEX_STEP = 1e-30


@dataclass(frozen=True, slots=True)
class Check:
    """One equality: which line it stands in, what kind it is, whether it holds, and by how much not.

    `kind` is the sign in the document (=, ≈, ←), or "value" (a forward line), "flow" (one contribution against the engine's),
    "gradient" (a step's sum), "rule" (a local derivative against differences), "closed" (a closed form at other points),
    "jacobian". `line` is the name on the left of the line, set where a sign of the document does not hold and for the passes;
    `number` is the number of the step.

    >>> Check("value", "q", True).holds
    True
    """

    kind: str
    line: str
    holds: bool
    expected: Any = None
    found: Any = None
    number: int | None = None
    detail: str = ""


def check_document(document: Document) -> list[Check]:
    """Each relation sign of a document: what stands behind it against what stands on the left."""
    checks = []
    for block in document.blocks:
        if isinstance(block, Display):
            for line in block.lines:
                checks += _check_line(line)
    return checks


def _check_line(line: Line) -> Iterable[Check]:
    number = int(line.tag) if line.tag is not None and line.tag.isdigit() else None
    if len(line.values) != len(line.steps) + 1:
        yield from (Check("unchecked", _left(line), False, number=number) for _ in line.steps)
        return
    left, *rest = line.values
    for (sign, _), found in zip(line.steps, rest, strict=True):
        holds = agree(found, left, line.scale)
        yield Check(sign, "" if holds else _left(line), holds, left, found, number)


def _left(line: Line) -> str:
    return "" if line.left is None else text_of(line.left)


def check_passes(program: Program, passes: Passes) -> list[Check]:
    """The checks of both passes, in the order of the lines."""
    checks = [check_value(program, step) for step in passes.forward]
    tested: dict[Any, int] = {}
    for step in passes.backward:
        checks.extend(_check_step(program, step, tested))
    return checks


def check_value(program: Program, step: ForwardStep) -> Check:
    """A line of the forward pass against the value in the engine."""
    found = step.expression.value
    holds = agree(found, step.value, partial(size_of_terms, step.expression))
    return Check("value", program.naming.texts[step.block.node], holds, step.value, found)


def _check_step(program: Program, step: Step, tested: dict[Any, int]) -> Iterable[Check]:
    name = program.naming.texts[step.node]
    for one in step.contributions:
        found = chain_product(one).value
        holds = agree(found, one.flow, partial(size_of_terms, one.term))
        yield Check("flow", name, holds, one.flow, found, step.number)
        key = (one.use.formulas.template.family, one.use.block.sources.index(step.node))
        tested[key] = tested.get(key, 0) + 1
        if tested[key] <= OFTEN:
            yield _check_rule(program, one, step)
    found = settled_total(step)
    yield Check("gradient", name, agree(found, step.value, partial(magnitude, step)), step.value, found, step.number)


def _check_rule(program: Program, one: Contribution, step: Step) -> Check:
    block = one.use.block
    name = program.naming.texts[step.node]
    g = program.gradients[block.node]
    verdict = rule_holds(block, step.node, g, one.flow)
    detail = ", ".join(dict.fromkeys(node.primitive.name for node in block.inside))
    return Check("rule", name, verdict is not False, number=step.number, detail=detail)


def rule_holds(block: Block, source: Node, g: Any, flow: Any) -> bool | None:
    """Whether a contribution is how the block really changes with a source; None where that cannot be asked.

    It cannot be asked of a derivative that the program itself gives, nor at values that are not finite.
    """
    for node in block.inside:
        if node.primitive is not COMPONENT and primitives.get(node.primitive.name) is not node.primitive:
            return None
    point = concrete(source.value)
    finite = all(map(_finite, (point, g, flow, concrete(block.node.value))))
    kinds = {concrete(node.value).dtype.kind for node in (block.node, source)} | {np.asarray(g).dtype.kind}
    if kinds != {"f"} or not np.size(point) or not finite:
        return None
    wide = np.asarray(point, np.float64)
    direction = np.random.default_rng(0).normal(size=np.shape(point)) if point.ndim else 1.0
    expected = np.asarray(flow * direction, np.float64)
    claimed = float(np.sum(expected))
    scale = float(np.sum(np.abs(expected)))
    with np.errstate(all="ignore"):
        smooth = _complex_slope(block, source, wide, direction, g)
        if smooth is not None and abs(smooth[0] - claimed) <= 1e-7 * max(smooth[1], scale) + 1e-300:
            return True  # else the operation may not be made for complex numbers: differences decide
        return _between_slopes(block, source, wide, direction, g, claimed, scale)


def _finite(value: Any) -> bool:
    return bool(np.isfinite(value).all())


def _complex_slope(block: Block, source: Node, point: Any, direction: Any, g: Any) -> tuple[float, float] | None:
    """The change of the block along a direction, weighted with g, and its scale; None where complex step does not apply."""
    if not all(node.primitive.analytic and node.primitive.complex_input for node in block.inside):
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", np.exceptions.ComplexWarning)  # part of the change would be lost
            moved = run_block(block, {source: (point + 1j * COMPLEX_STEP * direction)[()]})
    except (TypeError, ValueError, np.exceptions.ComplexWarning):
        return None
    change = np.imag(np.asarray(moved)) / COMPLEX_STEP * g
    return (float(np.sum(change)), float(np.sum(np.abs(change)))) if _finite(change) else None


def _between_slopes(
    block: Block, source: Node, point: Any, direction: Any, g: Any, claimed: float, scale: float
) -> bool | None:
    width = max(float(np.abs(point).max()), 1.0)
    bytes_each = concrete(source.value).dtype.itemsize
    base = np.asarray(run_block(block, {source: point[()]}), np.float64)
    for size in (1e-6, 1e-4) if bytes_each == 8 else (1e-3, 1e-2):
        h = size * width
        right = (np.asarray(run_block(block, {source: (point + h * direction)[()]}), np.float64) - base) / h * g
        left = (base - np.asarray(run_block(block, {source: (point - h * direction)[()]}), np.float64)) / h * g
        if not (_finite(right) and _finite(left)):
            return None
        lowest, highest = np.minimum(left, right).sum(), np.maximum(left, right).sum()
        total = max(scale, float(np.abs(right).sum()), float(np.abs(left).sum()))
        slack = (2e-4 if bytes_each == 8 else 5e-2) * total + 1e-12
        if lowest - slack <= claimed <= highest + slack:
            return True
    return False


def run_block(block: Block, given: dict[Node, Any]) -> Any:
    """What the block computes for other values of its sources; what stops gradients keeps the value that it had."""
    values: dict[Node, Any] = {source: concrete(source.value) for source in block.sources}
    values.update(given)
    for node in block.inside:
        if node.primitive is COMPONENT:
            origin = node.inputs[0]
            values[node] = values[origin][node.parameters["index"]] if origin is not None else concrete(node.value)
        elif node.primitive.vjp is None or node.primitive.name == "stop_gradient":
            values[node] = concrete(node.value)
        else:
            arguments = [
                values[origin] if origin is not None else concrete(argument)
                for origin, argument in zip(node.inputs, node.arguments, strict=True)
            ]
            values[node] = node.primitive.execute(*arguments, **node.parameters)
    return values[block.node]
