"""Structures of Jacobians made of others: multiples, Kronecker products, products and sums. `combine` makes them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import reduce
from typing import Any

import numpy as np

from chainrule.boxes import Box, Letter, Scripts, Sign, row
from chainrule.explain.algebra import ONE, negative, product, split
from chainrule.explain.expression import Expression, same
from chainrule.explain.structures import PERMUTED, SELECTED, Identity, Matrix, Names, Structure, Vector
from chainrule.notation import Operand, fitted


class Scaled(Structure):
    """A number times a matrix.

    >>> from chainrule.explain.algebra import number
    >>> Scaled(number(2), Identity(1)).matrix()
    array([[2.]])
    """

    def __init__(self, factor: Expression, inner: Structure) -> None:
        kind = "" if inner.kind in (PERMUTED, SELECTED) else inner.kind
        super().__init__(inner.rows, inner.columns, kind)
        self.factor, self.inner = factor, inner

    def opposite(self) -> Structure:
        """The same with the other sign; 1 is not written."""
        factor = negative(self.factor)
        return self.inner if same(factor, ONE) else Scaled(factor, self.inner)

    def forward(self, block: Matrix) -> Matrix:
        return self.factor.value * self.inner.forward(block)

    def back(self, block: Matrix) -> Matrix:
        return self.factor.value * self.inner.back(block)

    def operand(self, names: Names, sized: bool = False) -> Operand:
        drawer = names.drawer
        if isinstance(self.inner, Identity) and self.rows == 1:
            return drawer.operand(self.factor, "")
        if isinstance(self.inner, Vector) and not self.inner.across and len(self.inner.entries.shape) == 1:
            return drawer.operand(product(self.factor, self.inner.entries), "")
        if is_negative(self.factor):
            return row(Sign("−", "prefix"), fitted(self.opposite().operand(names, sized), 20)), 10
        lead = fitted(drawer.operand(self.factor, ""), 20)
        return row(lead, fitted(self.inner.operand(names, sized), 20)), 20


class Kronecker(Structure):
    """Every element of one matrix times the whole of another.

    >>> from chainrule.explain.structures import Ones
    >>> Kronecker(Identity(2), Ones(1, 2)).matrix()
    array([[1., 1., 0., 0.],
           [0., 0., 1., 1.]])
    """

    def __init__(self, left: Structure, right: Structure) -> None:
        kinds = {left.kind, right.kind} - {"identity"}
        kept = kinds in ({PERMUTED}, {SELECTED}, {"diagonal"})  # what they stay beside an identity
        kind = kinds.pop() if kept else "kronecker"
        super().__init__(left.rows * right.rows, left.columns * right.columns, kind)
        self.left, self.right = left, right

    def forward(self, block: Matrix) -> Matrix:
        return _both(block, self.left.forward, self.right.forward, self.left.columns, self.right.columns)

    def back(self, block: Matrix) -> Matrix:
        return _both(block, self.left.back, self.right.back, self.left.rows, self.right.rows)

    def operand(self, names: Names, sized: bool = False) -> Operand:
        del sized
        left, right = self.left.operand(names, True), self.right.operand(names, True)
        return row(fitted(left, 21), "⊗", fitted(right, 21)), 18


class Chain(Structure):
    """Matrices multiplied in order.

    >>> from chainrule.explain.structures import Ones
    >>> Chain((Ones(1, 2), Ones(2, 1))).matrix()
    array([[2.]])
    """

    def __init__(self, factors: tuple[Structure, ...]) -> None:
        super().__init__(factors[0].rows, factors[-1].columns)
        self.factors = factors

    def forward(self, block: Matrix) -> Matrix:
        return reduce(lambda inner, factor: factor.forward(inner), reversed(self.factors), block)

    def back(self, block: Matrix) -> Matrix:
        return reduce(lambda inner, factor: factor.back(inner), self.factors, block)

    def operand(self, names: Names, sized: bool = False) -> Operand:
        return beside([fitted(factor.operand(names, sized), 20) for factor in self.factors]), 20


class Added(Structure):
    """Matrices that are added.

    >>> Added((Identity(1), Identity(1))).matrix()
    array([[2.]])
    """

    def __init__(self, terms: tuple[Structure, ...]) -> None:
        super().__init__(terms[0].rows, terms[0].columns)
        self.terms = terms

    def forward(self, block: Matrix) -> Matrix:
        return sum((term.forward(block) for term in self.terms), np.zeros(()))

    def back(self, block: Matrix) -> Matrix:
        return sum((term.back(block) for term in self.terms), np.zeros(()))

    def operand(self, names: Names, sized: bool = False) -> Operand:
        items: list[Box | str] = []
        for term in self.terms:
            minus = isinstance(term, Scaled) and is_negative(term.factor)
            shown = term.opposite() if isinstance(term, Scaled) and minus else term
            box = fitted(shown.operand(names, sized), 11)
            items += [Sign("−", "prefix")] if minus and not items else ["−"] if minus else ["+"] if items else []
            items.append(box)
        return row(*items), 10


def is_negative(factor: Expression) -> bool:
    """Whether a factor is written with a minus.

    >>> is_negative(negative(ONE))
    True
    """
    coefficient = split(factor)[0]
    return not isinstance(coefficient, complex) and coefficient < 0


def parts_of(structure: Structure) -> Iterator[Structure]:
    """A structure and everything that it is made of.

    >>> from chainrule.explain.structures import Ones
    >>> [type(part).__name__ for part in parts_of(Ones(1, 2))]
    ['Ones']
    """
    yield structure
    if isinstance(structure, Scaled):
        inner: tuple[Structure, ...] = (structure.inner,)
    elif isinstance(structure, Kronecker):
        inner = (structure.left, structure.right)
    elif isinstance(structure, Chain):
        inner = structure.factors
    else:
        inner = structure.terms if isinstance(structure, Added) else ()
    for part in inner:
        yield from parts_of(part)


def beside(boxes: Sequence[Box]) -> Box:
    """Matrices multiplied: letters stand beside each other, other things have a dot between them.

    >>> beside([Letter("p"), Letter("q")]) == row(Letter("p"), Letter("q"))
    True
    """
    items: list[Box | str] = []
    for position, box in enumerate(boxes):
        if position and not (_short(boxes[position - 1]) and _short(box)):
            items.append("·")
        items.append(box)
    return row(*items)


def _short(box: Box) -> bool:
    return isinstance(box, Letter | Sign) or (isinstance(box, Scripts) and isinstance(box.base, Letter | Sign))


def _both(block: Matrix, left: Any, right: Any, wide: int, narrow: int) -> Matrix:
    """Two matrices applied to the two parts of a flattened index."""
    count = block.shape[1]
    inner = np.moveaxis(block.reshape(wide, narrow, count), 1, 0).reshape(narrow, wide * count)
    inner = right(inner)
    outer = np.moveaxis(inner.reshape(-1, wide, count), 1, 0)
    return left(outer.reshape(wide, -1)).reshape(-1, count)
