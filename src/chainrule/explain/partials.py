"""How a local derivative is written: ∂u/∂x, or ∂⁺u/∂x where x reaches u in other ways as well.

The derivative of one line by one of the values in it holds the others still. Where one of those others depends on x too, that
is not the whole change of u with x, and the sign says so.
"""

from __future__ import annotations

from collections.abc import Sequence

from chainrule.boxes import Box, Fraction, Scripts, Sign, row
from chainrule.explain.expression import Symbol
from chainrule.explain.steps import ForwardStep
from chainrule.graph import Node


class Partials:
    """Writes the local derivatives of a program; `met` tells afterwards whether ∂⁺ was among them."""

    def __init__(self, forward: Sequence[ForwardStep]) -> None:
        self.met = False
        self._immediate = immediate_edges(forward)

    def box(self, use: ForwardStep, x: Symbol, node: Node) -> Box:
        """The derivative of what a line computes by one of the values that it reads."""
        immediate = (use.block.node, node) in self._immediate
        self.met |= immediate
        return derivative_box(use.symbol.box, x.box, immediate)


def immediate_edges(forward: Sequence[ForwardStep]) -> set[tuple[Node, Node]]:
    """The (result, source) pairs of which the source also reaches the result through another source."""
    reached: dict[Node, int] = {}  # for each value a bit for each value that it depends on, itself included
    found: set[tuple[Node, Node]] = set()
    for step in forward:
        sources = step.block.sources
        for source in sources:
            reached.setdefault(source, 1 << len(reached))
        masks = [reached[source] for source in sources]
        union = 0
        for mask in masks:
            union |= mask
        for position, source in enumerate(sources):
            others = 0
            for other, mask in enumerate(masks):
                if other != position:
                    others |= mask
            if others & _bit(masks[position]):
                found.add((step.block.node, source))
        reached[step.block.node] = union | 1 << len(reached)
    return found


def _bit(mask: int) -> int:
    """The highest bit: that of the value itself, which was made after all that it depends on."""
    return 1 << (mask.bit_length() - 1) if mask else 0


def derivative_box(of: Box, by: Box, immediate: bool = False) -> Box:
    """∂u/∂x, or ∂⁺u/∂x for the immediate derivative.

    >>> from chainrule.boxes import Letter
    >>> derivative_box(Letter("u"), Letter("x")).bottom.items[1]
    Letter(text='x')
    """
    partial = Sign("∂", "atom")
    head = Scripts(partial, above=Sign("+", "atom")) if immediate else partial
    return Fraction(row(head, of), row(partial, by))
