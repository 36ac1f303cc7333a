"""What is compiled into a product by rows: its tiles, its panels, and what stays for run time."""

from __future__ import annotations

from dataclasses import dataclass

BLOCK = 192  # rows of a packed panel; with 32 columns of float64 it takes 48 KiB, and sums of one block lose little to rounding
UNROLLED = 96  # multiplications written one after the other before a loop is made of them
UNROLLED_K = 8  # and steps of k: k may be the size of a batch, and other batches should need no other code


@dataclass(frozen=True)
class RowForm:
    """All that is compiled into a product by rows; equal forms are the same code.

    Columns come in panels of `vectors`: as many full ones as the words say where `full`, then one of `rest` columns. `second`: "d"
    read where it lies, "p" packed, "t" packed from its transpose. `k` is None where it is given at run time. `exact`: the number of
    rows is a multiple of `rows`. `factor`: "one" or "any". `keep`: "none", "all" or "any".
    """

    type: str
    lanes: int
    fused: bool
    full: bool
    rest: int
    k: int | None
    rows: int
    vectors: int
    second: str
    exact: bool
    factor: str
    keep: str
    along: int | str  # what dimension 0 is: "rows", "panels", or a batch of so many dimensions

    @property
    def blocks(self) -> bool:
        """Whether k may be longer than a packed panel, so that the product is done in several blocks of k."""
        return self.second != "d" and self.k is None

    @property
    def name(self) -> str:
        """A name that says all of it."""
        k = "k" if self.k is None else self.k
        n = f"n{self.rest}" if self.full else self.rest
        marks = "".join(mark for mark, on in (("e", self.exact), ("f", self.fused)) if on)
        where = f"batch{self.along}" if isinstance(self.along, int) else self.along
        return (
            f"product_{self.type}x{self.lanes}_{n}x{k}_{self.rows}x{self.vectors}_{self.second}{marks}_"
            f"{self.factor}_{self.keep}_{where}"
        )

    @property
    def words(self) -> tuple[str, ...]:
        """The argument block in words, before those of the batch."""
        found = ["first", "second", "result"]
        if self.factor == "any":
            found += ["factor", "scale"]
        if self.keep == "any":
            found.append("keep")
        if self.along != "rows":
            found.append("m")
        if self.full:
            found.append("full")
        if self.k is None:
            found.append("k")
        # step: from row to row of the second operand, or from column to column where it is transposed
        return (*found, "first.row", "first.column", "second.step", "result.row")


@dataclass(frozen=True)
class Slot:
    """One vector of a panel: its first column, how many lanes it has and how many of them count."""

    column: int
    lanes: int
    valid: int


def slots(columns: int, lanes: int) -> list[Slot]:
    """The vectors that cover `columns` columns; the last is as narrow as a power of two can be.

    >>> slots(10, 8)
    [Slot(column=0, lanes=8, valid=8), Slot(column=8, lanes=2, valid=2)]
    """
    found = [Slot(column, lanes, lanes) for column in range(0, columns - lanes + 1, lanes)]
    rest = columns % lanes
    if rest:
        width = 1 << (rest - 1).bit_length()
        found.append(Slot(columns - rest, width, rest))
    return found
