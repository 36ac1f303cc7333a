"""The scalars of an expansion: one cell for each number, recorded operations on cells, sums and products of cells.

A cell is a whole number that stands for a traced scalar or for a plain number; arrays of cells have the shapes of the
program's arrays. So what moves numbers about (a transpose, a slice) runs on arrays of cells as it is, and records nothing.
Cell 0 is the zero that such an operation fills in.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from chainrule.graph import Node
from chainrule.primitive import Primitive, primitives
from chainrule.trace import bind
from chainrule.traced import Traced

ZERO = 0
Cells = np.ndarray[Any, np.dtype[np.int64]]


class Scalars:
    """All cells of an expansion; `place` is the array operation that is being unrolled, whose line new nodes get.

    >>> scalars = Scalars()
    >>> scalars.is_number(ZERO), len(scalars.items)
    (True, 1)
    """

    def __init__(self) -> None:
        self.items: list[Any] = [np.float64(0.0)]
        self.place: Node | None = None

    # -- cells ---------------------------------------------------------------------------------------------------------

    def keep(self, item: Any) -> int:
        """A new cell for a traced scalar or a number.

        >>> Scalars().keep(2.0)
        1
        """
        self.items.append(item)
        return len(self.items) - 1

    def numbers(self, value: Any) -> Cells:
        """Cells for a number (kept as it is: a number of Python stays one) or for the numbers of an array.

        >>> Scalars().numbers(np.array([[5.0, 6.0]]))
        array([[1, 2]])
        """
        if not isinstance(value, np.ndarray):
            return np.asarray(self.keep(value))
        flat = value.reshape(-1)
        return np.array([self.keep(flat[i]) for i in range(flat.size)], dtype=np.int64).reshape(value.shape)

    def is_number(self, cell: int) -> bool:
        """Whether a cell is a plain number: nothing that a derivative could go through.

        >>> Scalars().is_number(ZERO)
        True
        """
        return not isinstance(self.items[cell], Traced)

    def value(self, cell: int) -> Any:
        """The number in a cell.

        >>> float(Scalars().value(ZERO))
        0.0
        """
        item = self.items[cell]
        return item.node.value if isinstance(item, Traced) else item

    def values(self, cells: Cells) -> Any:
        """The numbers in an array of cells, as an array.

        >>> Scalars().values(np.array([0, 0]))
        array([0., 0.])
        """
        return np.array([self.value(cell) for cell in cells.reshape(-1).tolist()]).reshape(cells.shape)

    # -- operations ----------------------------------------------------------------------------------------------------

    def record(self, record: Primitive, cells: Sequence[int], parameters: dict[str, Any]) -> list[int]:
        """Run an operation on cells; one cell for each result. Plain numbers give plain numbers."""
        found = bind(record, *(self.items[cell] for cell in cells), **parameters)
        parts = found if isinstance(found, tuple) else (found,)
        for part in parts:
            self._place(part)
        return [self.keep(part) for part in parts]

    def _place(self, part: Any) -> None:
        """Give a new node the line of the array operation, but not its name: that belongs to named elements only."""
        if not isinstance(part, Traced) or self.place is None:
            return
        offset = self.place.offset
        for node in (
            part.node,
            *(source for source in part.node.inputs if source is not None and part.node.primitive.name == "component"),
        ):
            node.code, node.offset = self.place.code, offset if offset < 0 else ~offset

    def apply(self, name: str, *cells: int, **parameters: Any) -> int:
        """The result of the operation `name`.

        >>> scalars = Scalars()
        >>> scalars.value(scalars.apply("add", scalars.keep(2.0), scalars.keep(3.0)))
        5.0
        """
        return self.record(primitives[name], cells, parameters)[0]

    def with_number(self, name: str, cell: int, number: Any) -> int:
        """The result of a two-sided operation with a number on the right: a division by n, a square."""
        return self.apply(name, cell, self.keep(number))

    # -- sums and products, as a person writes them ----------------------------------------------------------------------

    def total(self, cells: Iterable[int]) -> int:
        """The sum from left to right, without terms that are the number 0.

        >>> scalars = Scalars()
        >>> scalars.value(scalars.total([scalars.keep(2.0), ZERO, scalars.keep(3.0)]))
        5.0
        """
        terms = [cell for cell in cells if not (self.is_number(cell) and self.items[cell] == 0)]
        if not terms:
            return ZERO
        result = terms[0]
        for term in terms[1:]:
            result = self.apply("add", result, term)
        return result

    def product(self, cells: Iterable[int]) -> int:
        """The product from left to right, without factors that are the number 1; 0 where a factor is the number 0.

        >>> scalars = Scalars()
        >>> scalars.product([scalars.keep(2.0), ZERO])
        0
        """
        factors = []
        for cell in cells:
            if self.is_number(cell):
                if self.items[cell] == 0:
                    return ZERO
                if self.items[cell] == 1:
                    continue
            factors.append(cell)
        if not factors:
            return self.keep(1.0)
        result = factors[0]
        for factor in factors[1:]:
            result = self.apply("multiply", result, factor)
        return result

    def combination(self, weights: Iterable[float], cells: Iterable[int]) -> int:
        """The sum of weights times cells: weight 0 is left out, 1 and −1 are written as a term added or taken away.

        >>> scalars = Scalars()
        >>> scalars.value(scalars.combination([1.0, -1.0], [scalars.keep(5.0), scalars.keep(3.0)]))
        2.0
        """
        result: int | None = None
        for weight, cell in zip(weights, cells, strict=True):
            if weight == 0 or (self.is_number(cell) and self.items[cell] == 0):
                continue
            factor = int(weight) if weight == int(weight) else float(weight)
            if weight == -1 and result is not None:
                result = self.apply("subtract", result, cell)
                continue
            if weight == -1:
                term = self.apply("negative", cell)
            else:
                term = cell if weight == 1 else self.apply("multiply", self.keep(factor), cell)
            result = term if result is None else self.apply("add", result, term)
        return ZERO if result is None else result
