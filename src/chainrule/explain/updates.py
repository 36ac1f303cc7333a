"""One step of gradient descent on paper: x ← x − lr · ∂L/∂x, with numbers, and what it does to the loss."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from chainrule.boxes import Box, Letter, Sign, row
from chainrule.explain.algebra import negative, product, total
from chainrule.explain.closed import ClosedForms, value_at
from chainrule.explain.document import Block, Display, Paragraph
from chainrule.explain.expression import Expression, Symbol, size_of_terms
from chainrule.explain.formula import Drawer
from chainrule.explain.lines import Relation, add, fits_numbers, line_of
from chainrule.explain.program import Program
from chainrule.explain.sentences import sentence
from chainrule.explain.steps import Passes
from chainrule.graph import Node
from chainrule.numerals import numeral


def update_blocks(
    program: Program, passes: Passes, closed: ClosedForms, rate: float, level: str, language: str
) -> tuple[Block, ...]:
    """The section: the rate, a line for each argument, and the loss before and after."""
    lr = Symbol(("rate",), Letter("lr"), rate)
    lines = []
    moved: dict[Node, Any] = {node: program.symbols[node].value for node in program.request.graph.inputs}
    for step in passes.ends:
        rule = total(step.symbol, negative(product(lr, step.gradient)))
        after = np.asarray(step.symbol.value - rate * step.value, np.asarray(step.symbol.value).dtype)[()]
        moved[step.node] = after
        steps: list[Relation] = [("←", _written(step.symbol, lr, step.gradient), rule.value)]
        if level not in ("summary", "rule"):
            for form in closed.forms.get(step.node, ())[-1:]:
                spelled = total(step.symbol, negative(product(lr, form)))
                add(steps, "=", Drawer().box(spelled), spelled.value)
        if level in ("numbers", "result") and fits_numbers(rule):
            drawer = Drawer(numbers=True)
            numbers = drawer.box(rule)
            add(steps, "≈" if drawer.rounded else "=", numbers, rule.value)
        if level not in ("summary", "rule"):
            drawer = Drawer()
            box = drawer.value(after)
            if box is not None:
                add(steps, "≈" if drawer.rounded else "=", box, after)
        lines.append(line_of(step.symbol.box, after, steps, scale=partial(size_of_terms, rule)))
    blocks: list[Block] = [
        Paragraph(sentence(language, "updates", {"lr": quantity(rate)})),
        Display(tuple(lines)),
    ]
    before = program.symbols[program.output].value
    if np.ndim(before) == 0:
        with np.errstate(all="ignore"):
            reached = value_at(program, moved)
        values = {"loss": program.naming.boxes[program.output], "before": quantity(before), "after": quantity(reached)}
        blocks.append(Paragraph(sentence(language, "updates.effect", values), "note"))
    return tuple(blocks)


def quantity(value: Any) -> Box:
    """A number in a sentence, with ≈ before it where it is rounded.

    >>> quantity(0.5)
    Numeral(text='0.5')
    """
    box, exact = numeral(value)
    return box if exact else row(Sign("≈", "prefix"), box)


def _written(x: Symbol, lr: Symbol, gradient: Symbol) -> Any:
    rule: Expression = total(x, negative(product(lr, gradient)))
    return Drawer().box(rule)
