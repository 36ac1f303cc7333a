"""How a line of a display is laid out in rows: on one row where it fits, else a row for each relation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from chainrule.boxes import Accent, Box, Fence, Fraction, Grid, Limits, Mark, Root, Row, Scripts, Sign
from chainrule.explain.document import Display, Line
from chainrule.explain.printing.arrange import bare, flat, parts_of
from chainrule.explain.printing.text import columns_of, text_of

WIDEST_PAGE = 78.0  # in letters: what a row of a page or a screen holds

RELATION_ROOM = 3.0
LABEL_ROOM = 4.0
INDENT = 2.0  # of a row that goes on with the row before


@dataclass(frozen=True, slots=True)
class DisplayRow:
    """One row of a display: `left` before the alignment, then relations with what follows them.

    A row that goes on with the box of the row before has the relation None. `line` is given on the first row of a line
    only, for its tag and label.

    >>> DisplayRow(None, ((None, Sign("∞", "atom")),), None).line is None
    True
    """

    left: Box | None
    steps: tuple[tuple[str | None, Box], ...]
    line: Line | None


SUMS = {"+", "−", "-"}
PRODUCTS = {"·", "⋅", "×", "⊙"}


def rows_of(line: Line, room: float, width: Callable[[Box], float]) -> tuple[DisplayRow, ...]:
    """The rows of a line in a page with `room`, where `width` measures a box in the same unit.

    >>> from chainrule.boxes import Letter
    >>> long = Line(Letter("y"), (("=", Letter("a")), ("=", Letter("b"))))
    >>> len(rows_of(long, 80, width_of)), len(rows_of(long, 8, width_of))
    (1, 2)
    """
    left = 0.0 if line.left is None else width(line.left)
    widths = [width(box) + RELATION_ROOM for _, box in line.steps]
    if not line.steps:
        return (DisplayRow(line.left, (), line),)
    if left + sum(widths) + label_width(line) <= room:
        return (DisplayRow(line.left, line.steps, line),)
    rows: list[DisplayRow] = []
    for relation, box in line.steps:
        pieces = broken(box, max(room - left - RELATION_ROOM - INDENT, room / 3), width)
        for index, piece in enumerate(pieces):
            first = not rows
            rows.append(
                DisplayRow(
                    line.left if first else None, ((None if index else relation, piece),), line if first else None
                )
            )
    return tuple(rows)


def label_width(line: Line) -> float:
    """About how wide the words at the end of a line are, with the room before them; 0 without words.

    >>> label_width(Line(None, (), label=("line 3",)))
    10.0
    """
    sizes = [float(columns_of(part)) if isinstance(part, str) else width_of(part) for part in line.label]
    return sum(sizes) + LABEL_ROOM if sizes else 0.0


def labels_fit(display: Display, room: float) -> bool:
    """Whether a column of labels fits beside the longest row of the display; False where there are no labels.

    >>> labels_fit(Display(()), 80)
    False
    """
    rows = [row for line in display.lines for row in rows_of(line, room, width_of)]
    labels = [label_width(row.line) for row in rows if row.line is not None and row.line.label]
    left = max((width_of(row.left) for row in rows if row.left is not None), default=0.0)
    right = max((sum(width_of(box) + RELATION_ROOM for _, box in row.steps) for row in rows), default=0.0)
    return bool(labels) and left + right + max(labels) <= room


def broken(box: Box, room: float, width: Callable[[Box], float]) -> list[Box]:
    """A long sum in several boxes, broken before + and −; or a long product, broken before its sign.

    >>> from chainrule.boxes import Letter
    >>> len(broken(Row((Letter("a"), Sign("+"), Letter("b"))), 4, width_of))
    2
    """
    inner = bare(box)
    if width(box) <= room or not isinstance(inner, Row):
        return [box]
    items = flat(inner)
    signs = {item.text for item in items if isinstance(item, Sign) and item.form == "infix"}
    breaks = next((kind for kind in (SUMS, PRODUCTS) if kind & signs), set())
    pieces: list[list[Box]] = [[]]
    for item in items:
        if isinstance(item, Sign) and item.form == "infix" and item.text in breaks and pieces[-1]:
            pieces.append([])
        pieces[-1].append(item)
    if breaks is SUMS:  # a term that is too long for a row of its own is broken as a product
        pieces = [list(part.items) for piece in pieces for part in broken_product(piece, room, width)]
    filled: list[list[Box]] = []
    used = 0.0
    for piece in pieces:
        size = width(Row(tuple(piece))) + 1.0
        if filled and used + size <= room:
            filled[-1].extend(piece)
            used += size
        else:
            filled.append(list(piece))
            used = size
    return [Row(tuple(piece)) for piece in filled]


def broken_product(items: list[Box], room: float, width: Callable[[Box], float]) -> list[Row]:
    """A term of a sum, broken before the signs of its product where it is too long.

    >>> from chainrule.boxes import Letter
    >>> len(broken_product([Letter("a"), Sign("·"), Letter("b")], 2, width_of))
    2
    """
    whole = Row(tuple(items))
    signs = [
        place
        for place, item in enumerate(items)
        if place and isinstance(item, Sign) and item.text in PRODUCTS and not isinstance(items[place - 1], Sign)
    ]
    if width(whole) <= room or not signs:
        return [whole]
    ends = [0, *signs, len(items)]
    return [Row(tuple(items[start:end])) for start, end in pairwise(ends)]


def width_of(box: Box) -> float:
    """About how wide a box is in typeset mathematics, in letters.

    >>> from chainrule.boxes import Letter
    >>> width_of(Fraction(Letter("a"), Letter("abc"))), width_of(Sign("+"))
    (3.5, 2.5)
    """
    match box:
        case Row(items):
            return sum(width_of(item) for item in items)
        case Mark(inside, _) | Accent(inside, _):
            return width_of(inside)
        case Sign(text, "infix"):
            return 1.0 if text in ",;:·" else 2.5
        case Scripts(base, below, above) | Limits(base, below, above):
            scripts = [0.7 * width_of(part) for part in (below, above) if part is not None]
            return width_of(base) + max(scripts, default=0.0)
        case Fraction(top, bottom):
            return max(width_of(top), width_of(bottom)) + 0.5
        case Root() | Fence():
            return sum(width_of(part) for part in parts_of(box)) + 1.0
        case Grid(rows):
            columns = zip(*rows, strict=False)
            return sum(max(width_of(cell) for cell in column) + 2.0 for column in columns) + 1.0
    return float(columns_of(text_of(box)))
