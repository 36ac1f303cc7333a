"""The two passes as data: what each line computes, and each derivative derived once, in the order in which gradients flow.

A step belongs to one named value. Its contributions are what comes back from each place where the value is used; their sum is
the gradient. A step knows the number of the step that derived what it uses, so nothing is derived twice.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np

from chainrule.boxes import Letter
from chainrule.explain.algebra import ONE, ZERO, product, total
from chainrule.explain.blocks import Block
from chainrule.explain.expression import Expression, Symbol, size_of_terms, substitute
from chainrule.explain.formula import Drawer
from chainrule.explain.local import Formulas, without
from chainrule.explain.printing.text import text_of
from chainrule.explain.program import Program, gradient_box
from chainrule.graph import INPUT, Node
from chainrule.traced import concrete

G = Letter("g")


@dataclass(frozen=True, slots=True, eq=False)
class ForwardStep:
    """A line of the forward pass: the name, what it is computed from, and its value in the engine."""

    block: Block
    symbol: Symbol
    formulas: Formulas
    value: Any

    @property
    def expression(self) -> Expression:
        """What stands to the right of the arrow."""
        return self.formulas.value


@dataclass(frozen=True, slots=True, eq=False)
class Contribution:
    """What comes back from one use of a value.

    `use` is the forward step that uses it. `above` is the symbol of the gradient there, None where that is 1. `local` is the
    derivative of the use by the value, where both are numbers. `term` is the whole contribution.
    """

    use: ForwardStep
    above: Symbol | None
    local: Expression | None
    term: Expression
    flow: Any  # the engine's contribution


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """The gradient at one named value: its number, its symbol, what it is made of, and its value in the engine.

    `alias` is the gradient that is called g while this step is read: the one that the step before has left.
    """

    number: int
    node: Node
    symbol: Symbol
    gradient: Symbol
    contributions: tuple[Contribution, ...]
    total: Expression
    value: Any
    alias: Symbol | None

    def __str__(self) -> str:
        left = text_of(self.gradient.box)
        sides = [text_of(Drawer().box(self.total))]
        return f"({self.number}) {left} = {' = '.join(sides)}"

    @property
    def is_input(self) -> bool:
        """Whether this is the gradient of an argument: an end of the pass."""
        return self.node.primitive is INPUT


@dataclass(frozen=True, slots=True, eq=False)
class Passes:
    """Both passes, and the steps by node."""

    forward: tuple[ForwardStep, ...]
    backward: tuple[Step, ...]
    by_node: dict[Node, Step]

    @property
    def ends(self) -> tuple[Step, ...]:
        """The gradients of the arguments, in the order of the arguments."""
        ends = [step for step in self.backward if step.is_input]
        return tuple(sorted(ends, key=lambda step: step.node.order))


def passes_of(program: Program) -> Passes:
    """The two passes of a program."""
    symbols, gradients = program.symbols, program.gradient_symbols
    given = program.request.above is not None
    forward: list[ForwardStep] = []
    for block in program.blocks:
        above = ONE if block.node is program.output and not given else gradients.get(block.node, ZERO)
        formulas = program.writer.formulas(block, above)
        symbol = symbols[block.node]
        forward.append(ForwardStep(block, symbol, formulas, symbol.value))
    steps = _backward(program, forward)
    return Passes(tuple(forward), tuple(steps), {step.node: step for step in steps})


def _reaching(program: Program) -> set[Node]:
    """The named values that lie between the wanted inputs and the output, the inputs included."""
    reached = set(program.request.wanted)
    for block in program.blocks:
        if any(source in reached for source in block.sources):
            reached.add(block.node)
    return reached


def _backward(program: Program, forward: list[ForwardStep]) -> list[Step]:
    wanted = set(program.request.wanted)
    reached = _reaching(program)
    open_uses: dict[Node, int] = {}
    for step in forward:
        if step.block.node in program.gradients:
            for source in step.block.sources:
                if source in reached:
                    open_uses[source] = open_uses.get(source, 0) + 1
    waiting: dict[Node, list[Contribution]] = {}
    steps: list[Step] = []
    # The gradient of the output is 1, or g: no line of its own unless everything is a number.
    first = 0 if program.arrays or program.request.above is not None else 1
    latest: Symbol | None = None

    def emit(node: Node) -> None:
        nonlocal latest
        contributions = tuple(reversed(waiting.pop(node, ())))  # in the order in which the program uses the value
        gradient = program.gradient_symbols.get(node) or _zero_symbol(program, node)
        summed = total(*(one.term for one in contributions), collect=True) if contributions else ZERO
        alias = latest if latest is not None and any(c.above is latest for c in contributions) else None
        if node is program.output:
            summed, alias = (gradient if program.request.above is not None else ONE), None
        steps.append(
            Step(
                len(steps) + first, node, program.symbols[node], gradient, contributions, summed,
                program.gradients.get(node, gradient.value), alias,
            )
        )  # fmt: skip
        if node.primitive is not INPUT:
            latest = gradient

    for use in reversed(forward):
        node = use.block.node
        if node not in reached or node not in program.gradients:
            continue
        emit(node)
        is_one = node is program.output and program.request.above is None
        above = None if is_one else program.gradient_symbols[node]
        ready = []
        for source in use.block.sources:
            if source not in reached:
                continue
            term = use.formulas.contributions[source]
            if term is not None:
                scalars = (above is None or above.shape == ()) and program.symbols[source].shape == ()
                scalars = scalars and not _is_complex(node) and not _is_complex(source)
                local = (term if above is None else without(term, above)) if scalars else None
                flow = program.flows.get((node, source))
                waiting.setdefault(source, []).append(Contribution(use, above, local, term, flow))
            open_uses[source] -= 1
            if not open_uses[source] and source in wanted:
                ready.append(source)
        for source in ready:
            emit(source)
    for node in program.request.graph.inputs:
        if node in wanted and all(step.node is not node for step in steps):
            emit(node)
    return steps


def _is_complex(node: Node) -> bool:
    """Whether a value is complex: what comes back from it is then the real part of a product, and has no factor."""
    return concrete(node.value).dtype.kind == "c"


def _zero_symbol(program: Program, node: Node) -> Symbol:
    symbol = program.symbols[node]
    box = gradient_box(program.loss, symbol.box, program.arrays and symbol.shape != ())
    return Symbol(("gradient", node), box, np.zeros_like(symbol.value)[()])


def with_alias(expression: Expression, alias: Symbol | None, letter: Letter = G) -> Expression:
    """The expression with g for the gradient that the step before has left.

    >>> with_alias(ONE, None) is ONE
    True
    """
    if alias is None:
        return expression
    g = Symbol(alias.key, letter, alias.value)
    return substitute(expression, lambda symbol: g if symbol.key == alias.key else None)


def magnitude(step: Step) -> float:
    """The size of the terms whose sum a gradient is, to which rounding is relative."""
    return max(size_of_terms(step.total), sum(size_of_terms(one.term) for one in step.contributions))


def settled_total(step: Step) -> Any:
    """The value of the sum as it is written, where 0 times infinity is the 0 of a branch that was not taken."""
    found = step.total.value
    if not step.contributions or not np.isnan(found).any():
        return found
    parts = [
        np.where(np.isnan(one.term.value) & (np.asarray(one.flow) == 0), 0.0, one.term.value)
        for one in step.contributions
    ]
    return reduce(operator.add, parts)


def chain_product(contribution: Contribution) -> Expression:
    """∂L/∂u times the local derivative, as one term."""
    if contribution.local is None or contribution.above is None:
        return contribution.term
    return product(contribution.above, contribution.local)
