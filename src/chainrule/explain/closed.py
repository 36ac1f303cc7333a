"""Steps in, gradients in closed form out: with the steps substituted into each other, down to the arguments.

Two forms at most: over the named values of the forward pass, and over the arguments alone. Forms that grow too long are not
made. Each is compared with the engine, and the second one also at other points, before it is shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from chainrule.boundary import lift, lower, next_level
from chainrule.differentiate import pull_back
from chainrule.explain.agreement import agree
from chainrule.explain.checks import Check
from chainrule.explain.document import Block, Display, Line
from chainrule.explain.expression import Expression, Symbol, size, size_of_terms, substitute
from chainrule.explain.formula import Drawer
from chainrule.explain.lines import Relation, add, line_of
from chainrule.explain.program import Program
from chainrule.explain.rebuild import rebuild
from chainrule.explain.simplify import simplest
from chainrule.explain.steps import Passes, Step, magnitude
from chainrule.graph import INPUT, Node
from chainrule.replay import replay
from chainrule.traced import concrete, open_levels

LONGEST = 48  # signs and names of a form that is still read at one glance
SHORT = 8  # values between the arguments and the result, up to which their gradients get a closed form too
POINTS = 2  # other points at which a closed form is compared with the engine


class ClosedForms:
    """The closed forms of the gradients of a program's arguments; those that differ from the lines of the pass itself.

    `forms[node]` are one or two expressions, the shorter way first; `checks` are their comparisons at other points.
    """

    def __init__(self, program: Program, passes: Passes) -> None:
        self.program = program
        self.forms: dict[Node, tuple[Expression, ...]] = {}
        self.checks: list[Check] = []
        values = _over_arguments(passes)
        gradients = _over_values(passes)
        elsewhere: list[tuple[dict[Node, Any], dict[Node, Any]]] | None = None
        for step in self._shown(passes):
            if not step.contributions:
                continue
            first = gradients.get(step.node)
            if first is None:
                continue
            forms = [first] if not _alike(first, step.total) else []
            second = _within(first, values)
            if second is not None:
                second = simplest(second)
                if elsewhere is None:
                    elsewhere = _other_points(program)
                if self._holds_elsewhere(step, second, elsewhere) and not _alike(second, first):
                    forms.append(second)
            if forms and all(agree(form.value, step.value, partial(_largest, step, (form,))) for form in forms):
                self.forms[step.node] = tuple(forms)

    def _shown(self, passes: Passes) -> list[Step]:
        """The steps that get a closed form: the arguments, and in short programs of numbers what lies between as well."""
        inner = [step for step in passes.backward if not step.is_input]
        short = not self.program.arrays and len(inner) <= SHORT
        return [*(inner if short else ()), *passes.ends]

    def _holds_elsewhere(self, step: Step, form: Expression, points: list[Any]) -> bool:
        name = self.program.naming.texts[step.node]
        for inputs, gradients in points:
            moved = substitute(form, lambda symbol, at=inputs: _moved(symbol, at))
            expected = gradients.get(step.node)
            if expected is None:  # not the gradient of an argument
                continue
            check = Check(
                "closed",
                name,
                agree(moved.value, expected, partial(size_of_terms, moved)),
                expected,
                moved.value,
                step.number,
            )
            if not check.holds:
                return False  # another branch of the program was met there: the form is not shown
            self.checks.append(check)
        return True

    def lines(self, passes: Passes) -> list[Line]:
        """A line for each argument that has a closed form."""
        lines = []
        for step in self._shown(passes):
            if step.node in self.forms:
                steps: list[Relation] = []
                for form in self.forms[step.node]:
                    add(steps, "=", Drawer().box(form), form.value)
                scale = partial(_largest, step, self.forms[step.node])
                lines.append(line_of(step.gradient.box, step.value, steps, scale=scale))
        return lines

    def blocks(self, passes: Passes) -> tuple[Block, ...]:
        """The section of closed forms; empty where there is none."""
        lines = self.lines(passes)
        return (Display(tuple(lines)),) if lines else ()


def _largest(step: Step, forms: tuple[Expression, ...]) -> float:
    return max(magnitude(step), *map(size_of_terms, forms))


def _alike(a: Expression, b: Expression) -> bool:
    return Drawer().box(a) == Drawer().box(b)


def _over_values(passes: Passes) -> dict[Node, Expression | None]:
    """Each gradient over the values of the forward pass: the gradients in it replaced by theirs."""
    found: dict[Node, Expression | None] = {}
    known: dict[Any, Expression | None] = {}
    for step in passes.backward:
        form = _within(step.total, known)
        found[step.node] = form
        if step.contributions:
            known[step.gradient.key] = form
    return found


def _over_arguments(passes: Passes) -> dict[Any, Expression | None]:
    """Each value of the forward pass over the arguments alone."""
    known: dict[Any, Expression | None] = {}
    for step in passes.forward:
        known[step.symbol.key] = _within(step.expression, known)
    return known


def _within(expression: Expression, known: Mapping[Any, Expression | None]) -> Expression | None:
    """The expression with what is known in the place of its symbols; None where that grows too long."""
    length = size(expression)
    stack = [expression]
    while stack:
        term = stack.pop()
        if isinstance(term, Symbol) and term.key in known:
            replacement = known[term.key]
            if replacement is None:
                return None
            length += size(replacement)
        stack.extend(term.operands)
    if length > 3 * LONGEST:
        return None
    form = rebuild(substitute(expression, lambda symbol: known.get(symbol.key)))
    return form if size(form) <= LONGEST else None


def _moved(symbol: Symbol, inputs: Mapping[Node, Any]) -> Expression | None:
    key = symbol.key
    if isinstance(key, tuple) and key[0] == "value" and key[1] in inputs:
        return Symbol(key, symbol.box, inputs[key[1]])
    return None


def _other_points(program: Program) -> list[tuple[dict[Node, Any], dict[Node, Any]]]:
    """Inputs near the program's own, and the engine's gradients there."""
    generator = np.random.default_rng(1)
    points = []
    for _ in range(POINTS):
        inputs: dict[Node, Any] = {}
        for node in program.request.graph.inputs:
            value = concrete(node.value)
            noise = 1 + 0.1 * generator.uniform(0.5, 1.0, np.shape(value))
            inputs[node] = np.asarray(value * noise, value.dtype)[()]
        try:
            points.append((inputs, gradients_at(program, inputs)))
        except (ValueError, ArithmeticError, np.linalg.LinAlgError):
            continue
    return points


def gradients_at(program: Program, inputs: Mapping[Node, Any]) -> dict[Node, Any]:
    """The engine's gradients of the same operations at other inputs."""
    graph = program.request.graph
    level = next_level()
    lifted = [lift(inputs[node], None, level) for node in graph.inputs]
    open_levels.add(level)
    try:
        (result,) = replay(graph, lifted)
        value, end = lower(result, level)
        plain = concrete(value)
        above = program.request.above
        seed = np.ones_like(plain)[()] if above is None else np.asarray(above, plain.dtype)[()]
        nodes = [handle.node for handle in lifted]
        found = pull_back([(end, seed)], nodes) if end is not None else [None] * len(nodes)
    finally:
        open_levels.discard(level)
    return {node: np.zeros_like(inputs[node]) if g is None else g for node, g in zip(graph.inputs, found, strict=True)}


def value_at(program: Program, inputs: Mapping[Node, Any]) -> Any:
    """The result of the same operations at other inputs."""
    graph = program.request.graph
    (result,) = replay(graph, [inputs[node] for node in graph.inputs if node.primitive is INPUT])
    return concrete(result)
