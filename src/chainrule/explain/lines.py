"""Steps in, lines of formulas out: rule, rule with names, numbers in, result.

How much of a line is shown is the level. A line says = while the numbers on it are exact as printed, and ≈ from where they are
rounded.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial, reduce
from typing import Any

import numpy as np

from chainrule.boxes import Box, Scripts, Sign, row
from chainrule.explain.algebra import ONE
from chainrule.explain.document import Line
from chainrule.explain.expression import Apply, Expression, Number, Sum, Symbol, size_of_terms
from chainrule.explain.formula import Drawer
from chainrule.explain.loops import Loops
from chainrule.explain.notes import sizes
from chainrule.explain.partials import Partials
from chainrule.explain.program import Program
from chainrule.explain.sentences import text
from chainrule.explain.steps import Contribution, ForwardStep, Step, chain_product, magnitude, settled_total, with_alias
from chainrule.graph import Node
from chainrule.notation import fitted
from chainrule.numerals import is_negative

MOST_BRANCHES = 6  # uses of a value whose contributions are shown as numbers, one by one
LONG_SUM = 6  # terms from which a sum of the program is looked at for terms that are alike
NUMBERS_IN = 4  # elements of an array that stands as numbers in the middle of a line
LEVELS = ("summary", "rule", "names", "numbers", "result")

Relation = tuple[str, Box, Any]  # a sign, what stands behind it, and its value


class LineWriter:
    """Writes the lines of one derivation at one level and in one language."""

    def __init__(
        self,
        program: Program,
        level: str,
        language: str,
        numbers: Mapping[Node, int] | None = None,
        loops: Loops | None = None,
        partials: Partials | None = None,
    ) -> None:
        self.program = program
        self.partials = partials or Partials(())
        self.loops = loops or Loops(program)
        self.tags: dict[int, str] = {}  # the numbers of lines that stand for several steps, by the numbers of the steps
        self._starts: list[Box] = []  # which inputs the line writes as number 0 of a series
        self.numbers = numbers or {}
        self.positions = {node: place for place, node in enumerate(program.symbols)}
        self.level = level
        self.language = language
        self.depth = {"summary": 2, "rule": 1, "names": 2, "numbers": 3, "result": 4}[level]

    # -- forward ----------------------------------------------------------------------------------------------------
    def forward(self, step: ForwardStep) -> Line:
        """A line of the forward pass: name ← formula = numbers = value."""
        steps: list[Relation] = [("←", self._formula(step), step.expression.value)]
        if self.level != "summary" and self.level != "rule":
            if self.depth >= 3 and fits_numbers(step.expression):
                self._numbers(steps, step.expression, step.expression.value)
            if self.depth >= 4:
                self.result(steps, step.value)
        label = self._label(step.block.node, step.value, forward=True)
        scale = partial(size_of_terms, step.expression)
        anchor = self.anchor(step.block.node)
        return line_of(step.symbol.box, step.value, steps, label=label, anchor=anchor, scale=scale)

    def _formula(self, step: ForwardStep) -> Box:
        """What a line computes; a long sum of terms that are equal up to an index is written with Σ."""
        terms = step.expression.operands if isinstance(step.expression, Sum) else ()
        folded = self.loops.summed([Drawer().box(term) for term in terms]) if len(terms) >= LONG_SUM else None
        return Drawer().box(step.expression) if folded is None else plus(folded[0])

    def anchor(self, node: Any) -> str:
        """What names a node in links."""
        return f"v{self.positions[node]}"

    def _label(self, node: Any, value: Any, uses: Sequence[int] = (), forward: bool = False) -> tuple[Any, ...]:
        parts: list[Any] = []
        if np.ndim(value):
            parts.append(text(self.language, "label.shape", shape=sizes(np.shape(value))))
        if forward and self.level not in ("summary", "rule") and node.line is not None:
            parts.append(text(self.language, "label.line", line=node.line))
        if uses:
            numbers = ", ".join(in_ranges(uses, self.tags))
            parts.append(text(self.language, "label.uses", numbers=numbers))
        return (" · ".join(parts),) if parts else ()

    def _numbers(self, steps: list[Relation], expression: Expression, value: Any) -> None:
        """The formula with numbers in the place of names."""
        drawer = Drawer(numbers=True)
        box = drawer.box(expression)
        add(steps, "≈" if drawer.rounded else "=", box, value)

    def result(self, steps: list[Relation], value: Any) -> None:
        """The value at the end of a line, where it is small enough to be written out."""
        drawer = Drawer()
        box = drawer.value(value)
        if box is not None:
            add(steps, "≈" if drawer.rounded else "=", box, value)

    # -- backward ---------------------------------------------------------------------------------------------------
    def backward(self, step: Step, uses: Sequence[int]) -> Line:
        """A line of the backward pass, numbered."""
        numbers = self.far_uses(step, uses)
        self._starts.clear()
        scalar = all(one.local is not None for one in step.contributions) and not self.program.arrays
        steps = self._scalar(step) if scalar else self._array(step)
        left = step.gradient.box
        if self.program.arrays and not step.is_input:
            left, steps = self.program.upstream, [("←", step.gradient.box, step.gradient.value), *steps]
        label = self._label(step.node, step.value, numbers if self.level != "summary" else ())
        for start in self._starts:
            label = (*label, *([" · "] if label else []), start)
        anchor = f"g{self.positions[step.node]}"
        return line_of(
            left, step.value, steps, tag=str(step.number), label=label, anchor=anchor, scale=partial(magnitude, step)
        )

    def far_uses(self, step: Step, uses: Sequence[int]) -> list[int]:
        """The steps that a reader has to look up: not the line before, and not what is called g."""
        uses = [number for number in uses if number]
        if self.program.arrays:
            return [number for number in uses if step.alias is None or number != self._number_of(step.alias, step)]
        return uses

    def _number_of(self, alias: Symbol, step: Step) -> int | None:
        for one in step.contributions:
            if one.above is alias:
                return self.numbers.get(one.use.block.node)
        return None

    def _scalar(self, step: Step) -> list[Relation]:
        steps: list[Relation] = []
        if not step.contributions:
            self.result(steps, step.value)
            return steps
        if self.level != "summary" and any(one.above is not None for one in step.contributions):
            add(steps, "=", self._terms(step, self.generic), flowed(step))
        if self.depth >= 2 or not steps:
            if self.level == "summary":
                add(steps, "=", self._total(step), settled_total(step))
            else:
                add(steps, "=", self._terms(step, lambda one, _: self.named(one)), chained(step))
        if self.depth >= 3 and len(step.contributions) <= MOST_BRANCHES:
            drawer = Drawer(numbers=True)
            box = plus(self.named(one, drawer) for one in step.contributions)
            add(steps, "≈" if drawer.rounded else "=", box, chained(step))
        if self.depth >= 4:
            self._branches(steps, step)
            self.result(steps, step.value)
        return steps

    def _terms(self, step: Step, draw: Callable[[Contribution, Step], Box]) -> Box:
        """The contributions as a sum, those that are equal up to an index with Σ."""
        bare = replace(step, alias=None)
        folded = self.loops.summed([draw(one, bare) for one in step.contributions])
        return plus([draw(one, step) for one in step.contributions] if folded is None else folded[0])

    def _total(self, step: Step) -> Box:
        """The sum of the contributions as it is written, those that are equal up to an index with Σ."""
        folded = self.loops.summed_terms(step.total.operands) if isinstance(step.total, Sum) else None
        if folded is None:
            return Drawer().box(
                with_alias(step.total, step.alias if self.program.arrays else None, self.program.upstream)
            )
        self._starts += [start for start in folded[1] if start not in self._starts]
        return plus(folded[0])

    def _branches(self, steps: list[Relation], step: Step) -> None:
        """What each use contributes, as numbers, where there are several."""
        if not 1 < len(step.contributions) <= MOST_BRANCHES or np.size(step.value) > NUMBERS_IN:
            return
        drawer = Drawer()
        boxes = [drawer.value(one.flow) for one in step.contributions]
        shown = [
            fitted((box, 10 if is_negative(box) and place else 50), 20)
            for place, box in enumerate(boxes)
            if box is not None
        ]
        if len(shown) == len(boxes):
            add(steps, "≈" if drawer.rounded else "=", plus(shown), flowed(step))

    def generic(self, one: Contribution, step: Step) -> Box:
        """∂L/∂u · ∂u/∂x, in symbols."""
        local = self.partials.box(one.use, step.symbol, step.node)
        return local if one.above is None else row(one.above.box, "·", local)

    def named(self, one: Contribution, drawer: Drawer | None = None) -> Box:
        """∂L/∂u times the local derivative as the rule of the operation writes it."""
        drawer = drawer or Drawer()
        local = one.local if one.local is not None else ONE
        if one.above is None:
            return drawer.box(local)
        above = fitted(drawer.operand(one.above, ""), 20)
        return row(above, "·", fitted(drawer.operand(local, ""), 20))

    def _array(self, step: Step) -> list[Relation]:
        steps: list[Relation] = []
        if not step.contributions:
            self.result(steps, step.value)
            return steps
        if self.level != "summary" and any(one.above is not None for one in step.contributions):
            add(steps, "=", self._terms(step, self.jacobian_form), flowed(step))
        total = with_alias(step.total, step.alias, self.program.upstream)
        if self.depth >= 2 or not steps:
            add(steps, "=", self._total(step), settled_total(step))
        if self.depth >= 3 and fits_numbers(total):
            self._numbers(steps, total, settled_total(step))
        if self.depth >= 4:
            self._branches(steps, step)
            self.result(steps, step.value)
        return steps

    def jacobian_form(self, one: Contribution, step: Step) -> Box:
        """A contribution before the rule is put in: g ⊙ σ'(a) for a function of each element, else (∂u/∂x)ᵀ g."""
        above = None if one.above is None else with_alias(one.above, step.alias, self.program.upstream)
        use = one.use.expression
        head = prime(use, step.symbol)
        upstream = None if above is None else Drawer().box(above)
        if head is not None:
            return head if upstream is None else row(upstream, "⊙" if step.symbol.shape else "·", head)
        local = self.partials.box(one.use, step.symbol, step.node)
        if above is None:
            return Scripts(_fenced(local), above=Sign("⊤", "atom")) if step.symbol.shape else local
        assert upstream is not None
        if one.use.symbol.shape == () and step.symbol.shape == ():
            return row(upstream, "·", local)
        from_above = fitted(Drawer().operand(above, ""), 20)
        return row(Scripts(_fenced(local), above=Sign("⊤", "atom")), from_above)


def _fenced(box: Box) -> Box:
    return fitted((box, 0), 50)


def prime(use: Expression, x: Symbol) -> Box | None:
    """f'(x) where the use is a named function of x alone, element by element."""
    if not isinstance(use, Apply) or len(use.operands) != 1 or not use.function.elementwise:
        return None
    operand = use.operands[0]
    if not isinstance(operand, Symbol) or operand.key != x.key or use.function.notation.kind != "call":
        return None
    drawn = use.function.notation.drawn([(x.box, 50)], use.parameters)[0]
    head, *rest = drawn.items if hasattr(drawn, "items") else (drawn,)
    return row(Scripts(head, above=Sign("′", "atom")), *rest)


def plus(boxes: Any) -> Box:
    """Boxes with plus signs between them."""
    items: list[Box | str] = []
    for box in boxes:
        if items and getattr(box, "items", None) and box.items[0] == Sign("−", "prefix"):
            items.extend(["−", row(*box.items[1:])])
            continue
        if items:
            items.append("+")
        items.append(box)
    return row(*items)


def add(steps: list[Relation], sign: str, box: Box, value: Any) -> None:
    """One more relation, unless it would repeat what stands there already.

    >>> from chainrule.boxes import Letter
    >>> steps = [("=", Letter("x"), 1.0)]
    >>> add(steps, "=", Letter("x"), 1.0)
    >>> len(steps)
    1
    """
    if not steps or steps[-1][1] != box:
        steps.append((sign, box, value))


def line_of(left: Box, value: Any, steps: Sequence[Relation], **fields: Any) -> Line:
    """A line from its relations, with the values that check it.

    >>> from chainrule.boxes import Letter
    >>> line_of(Letter("x"), 1.0, [("=", Letter("y"), 1.0)]).values
    (1.0, 1.0)
    """
    return Line(
        left, tuple((sign, box) for sign, box, _ in steps), values=(value, *(found for _, _, found in steps)), **fields
    )


def flowed(step: Step) -> Any:
    """The sum of what the engine sent back along each use."""
    return reduce(operator.add, (one.flow for one in step.contributions))


def chained(step: Step) -> Any:
    """The sum of the products of what arrives from above and the local derivatives."""
    return reduce(operator.add, (chain_product(one).value for one in step.contributions))


def in_ranges(numbers: Sequence[int], tags: Mapping[int, str]) -> list[str]:
    """Numbers of steps as they are referred to: by the line that stands for them, and three or more in a row as a range.

    >>> in_ranges([1, 2, 3, 4, 7, 9], {7: "5–7"})
    ['(1)–(4)', '(5–7)', '(9)']
    """
    found: dict[str, None] = {}
    row_of: list[int] = []

    def close() -> None:
        ends = [row_of[0], row_of[-1]] if len(row_of) > 2 else []
        found.update(dict.fromkeys(["–".join(f"({end})" for end in ends)] if ends else [f"({one})" for one in row_of]))
        row_of.clear()

    for number in numbers:
        if row_of and (number in tags or number != row_of[-1] + 1):
            close()
        if number in tags:
            found[f"({tags[number]})"] = None
        else:
            row_of.append(number)
    close()
    return list(found)


def fits_numbers(expression: Expression) -> bool:
    """Whether a line with numbers in the place of names can be read: few numbers, and all of them known."""
    count, stack = 0, [expression]
    while stack:
        term = stack.pop()
        if isinstance(term, Symbol):
            if np.size(term.value) > NUMBERS_IN or np.ndim(term.value) > 2:
                return False
            count += int(np.size(term.value))
        elif isinstance(term, Apply) and "axis" in term.parameters:
            return False  # a sum with an index has no elements to put numbers for
        stack.extend(term.operands)
    return count <= 4 * NUMBERS_IN and not isinstance(expression, Symbol | Number)
