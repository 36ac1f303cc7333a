"""What a Jacobian looks like: identity, diagonal, ones, Kronecker product, selection … as data that multiplies and draws itself.

A structure is a matrix that need not be written out: it multiplies columns from either side, so that a large one can be
checked as well. `combine` builds larger ones and leaves out what a person would leave out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chainrule.boxes import Box, Fence, Letter, Numeral, Scripts, Sign, Word, call_of, row
from chainrule.explain.expression import Expression
from chainrule.explain.forms import transposed
from chainrule.explain.formula import Drawer
from chainrule.notation import Operand
from chainrule.numerals import grid_of

Matrix = np.ndarray[Any, Any]
PERMUTED, SELECTED = "permutation", "selection"


@dataclass(frozen=True)
class Names:
    """How the matrices that are no formula are called: the identity, and each permutation and selection by its places.

    >>> Names().identity
    Letter(text='I')
    """

    identity: Box = field(default=Letter("I"))
    places: Mapping[bytes, Box] = field(default_factory=dict)
    drawer: Drawer = field(default_factory=Drawer)


class Structure:
    """A matrix of `rows` × `columns`; `kind` is what a reader calls it."""

    def __init__(self, rows: int, columns: int, kind: str = "") -> None:
        self.rows = rows
        self.columns = columns
        self.kind = kind

    def forward(self, block: Matrix) -> Matrix:
        """The matrix times columns: (columns, k) → (rows, k)."""
        raise NotImplementedError

    def back(self, block: Matrix) -> Matrix:
        """The transposed matrix times columns: (rows, k) → (columns, k)."""
        raise NotImplementedError

    def operand(self, names: Names, sized: bool = False) -> Operand:
        """The formula and its precedence; `sized` puts its size below the name of an identity or of ones."""
        raise NotImplementedError

    def matrix(self) -> Matrix:
        """The matrix, written out."""
        with np.errstate(all="ignore"):
            return self.forward(np.eye(self.columns)) if self.columns <= self.rows else self.back(np.eye(self.rows)).T


class Identity(Structure):
    """The identity matrix.

    >>> Identity(2).matrix()
    array([[1., 0.],
           [0., 1.]])
    """

    def __init__(self, size: int) -> None:
        super().__init__(size, size, "identity")

    def forward(self, block: Matrix) -> Matrix:
        return block

    def back(self, block: Matrix) -> Matrix:
        return block

    def operand(self, names: Names, sized: bool = False) -> Operand:
        if self.rows == 1:
            return Numeral("1"), 50
        return (_sized(names.identity, self.rows) if sized else names.identity), 50


class Zero(Structure):
    """A matrix of zeros.

    >>> Zero(1, 2).matrix()
    array([[0., 0.]])
    """

    def __init__(self, rows: int, columns: int) -> None:
        super().__init__(rows, columns, "zero")

    def forward(self, block: Matrix) -> Matrix:
        return np.zeros((self.rows, block.shape[1]))

    def back(self, block: Matrix) -> Matrix:
        return np.zeros((self.columns, block.shape[1]))

    def operand(self, names: Names, sized: bool = False) -> Operand:
        del names, sized
        return Numeral("0"), 50


class Ones(Structure):
    """A column, a row or a matrix of ones.

    >>> Ones(1, 3).matrix()
    array([[1., 1., 1.]])
    """

    def __init__(self, rows: int, columns: int) -> None:
        super().__init__(rows, columns, "ones" if rows == 1 < columns else "")

    def forward(self, block: Matrix) -> Matrix:
        return np.broadcast_to(block.sum(axis=0), (self.rows, block.shape[1]))

    def back(self, block: Matrix) -> Matrix:
        return np.broadcast_to(block.sum(axis=0), (self.columns, block.shape[1]))

    def operand(self, names: Names, sized: bool = False) -> Operand:
        del names
        one, top = Sign("𝟏", "atom"), Sign("⊤", "atom")
        left = Scripts(one, below=Numeral(str(self.rows))) if sized else one
        right = Scripts(one, below=Numeral(str(self.columns)) if sized else None, above=top)
        if self.columns == 1:
            return left, 50
        return (right, 45) if self.rows == 1 else (row(left, right), 20)


class Diagonal(Structure):
    """The elements of an array on the diagonal of a matrix, row by row.

    >>> from chainrule.boxes import Letter
    >>> from chainrule.explain.expression import Symbol
    >>> Diagonal(Symbol("x", Letter("x"), np.array([2.0, 3.0])), (2,)).matrix()
    array([[2., 0.],
           [0., 3.]])
    """

    def __init__(self, entries: Expression, shape: tuple[int, ...]) -> None:
        super().__init__(math.prod(shape), math.prod(shape), "diagonal")
        self.entries, self.shape = entries, shape

    def forward(self, block: Matrix) -> Matrix:
        return _flat(self.entries, self.shape)[:, None] * block

    def back(self, block: Matrix) -> Matrix:
        return self.forward(block)

    def operand(self, names: Names, sized: bool = False) -> Operand:
        del sized
        return call_of("diag", _column_box(self.entries, names)[0]), 50


class Vector(Structure):
    """The elements of an array as one column, or with `across` as one row.

    >>> from chainrule.boxes import Letter
    >>> from chainrule.explain.expression import Symbol
    >>> Vector(Symbol("x", Letter("x"), np.array([2.0, 3.0])), (2,), True).matrix()
    array([[2., 3.]])
    """

    def __init__(self, entries: Expression, shape: tuple[int, ...], across: bool) -> None:
        super().__init__(*((1, math.prod(shape)) if across else (math.prod(shape), 1)))
        self.entries, self.shape, self.across = entries, shape, across

    def forward(self, block: Matrix) -> Matrix:
        flat = _flat(self.entries, self.shape)
        return flat[None] @ block if self.across else flat[:, None] * block

    def back(self, block: Matrix) -> Matrix:
        return Vector(self.entries, self.shape, not self.across).forward(block)

    def operand(self, names: Names, sized: bool = False) -> Operand:
        del sized
        drawn = _column_box(self.entries, names)
        if self.across and flattened(self.entries):  # vec(A)ᵀ
            inside = names.drawer.operand(self.entries, "")[0]
            return row(Word("vec"), Scripts(Fence(inside), above=Sign("⊤", "atom"))), 40
        return transposed.notation.drawn([drawn], {}) if self.across else drawn


class Entries(Structure):
    """A matrix of the program.

    >>> from chainrule.boxes import Letter
    >>> from chainrule.explain.expression import Symbol
    >>> Entries(Symbol("W", Letter("W"), np.ones((1, 2)))).matrix()
    array([[1., 1.]])
    """

    def __init__(self, entries: Expression) -> None:
        super().__init__(entries.shape[0], entries.shape[1])
        self.entries = entries

    def forward(self, block: Matrix) -> Matrix:
        return np.asarray(self.entries.value) @ block

    def back(self, block: Matrix) -> Matrix:
        return np.asarray(self.entries.value).T @ block

    def operand(self, names: Names, sized: bool = False) -> Operand:
        del sized
        return names.drawer.operand(self.entries, "")


class Dense(Structure):
    """A matrix of numbers that has no formula.

    >>> Dense(np.ones((1, 2))).columns
    2
    """

    def __init__(self, numbers: Matrix) -> None:
        super().__init__(numbers.shape[0], numbers.shape[1])
        self.numbers = numbers

    def forward(self, block: Matrix) -> Matrix:
        return self.numbers @ block

    def back(self, block: Matrix) -> Matrix:
        return self.numbers.T @ block

    def operand(self, names: Names, sized: bool = False) -> Operand:
        del sized
        box, exact = grid_of(self.numbers)
        names.drawer.rounded |= not exact
        return box, 50


class Places(Structure):
    """Row i has a single 1, in column `place[i]`, or none where that is -1: a permutation or a selection.

    >>> Places(np.array([1, 0]), 2).matrix()
    array([[0., 1.],
           [1., 0.]])
    """

    def __init__(self, place: Matrix, columns: int) -> None:
        whole = place.size == columns and np.array_equal(np.sort(place), np.arange(columns))
        super().__init__(place.size, columns, PERMUTED if whole else SELECTED)
        self.place = place

    @property
    def key(self) -> bytes:
        """What tells it from others."""
        return self.place.astype(np.int64).tobytes() + str(self.columns).encode()

    def forward(self, block: Matrix) -> Matrix:
        return np.where((self.place >= 0)[:, None], block[self.place], 0.0)

    def back(self, block: Matrix) -> Matrix:
        collected = np.zeros((self.columns, block.shape[1]))
        taken = self.place >= 0
        np.add.at(collected, self.place[taken], block[taken])
        return collected

    def operand(self, names: Names, sized: bool = False) -> Operand:
        del sized
        return names.places.get(self.key, Letter("P" if self.kind == PERMUTED else "S")), 50


def flattened(entries: Expression) -> bool:
    """Whether an array has to be flattened to be a column.

    >>> from chainrule.explain.algebra import ONE
    >>> flattened(ONE)
    False
    """
    return len(entries.shape) > 1 and math.prod(entries.shape) != entries.shape[0]


def _flat(entries: Expression, shape: tuple[int, ...]) -> Matrix:
    value = np.asarray(entries.value)
    return value.ravel() if value.size == math.prod(shape) else np.broadcast_to(value, shape).ravel()


def _column_box(entries: Expression, names: Names) -> Operand:
    """An array as a column: a vector is one, another array is flattened by vec."""
    drawn = names.drawer.operand(entries, "")
    return (call_of("vec", drawn[0]), 50) if flattened(entries) else drawn


def _sized(box: Box, size: int) -> Box:
    return Scripts(box, below=Numeral(str(size)))
