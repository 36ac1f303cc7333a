"""What a derivation consists of on the page: headings, sentences with formulas in them, displays, code and tables.

A document is data. Text, Markdown, LaTeX and HTML are printers of it, and print the formulas through the printers of
boxes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chainrule.boxes import Box


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading of depth 1 (the title) to 3.

    >>> Heading("Forward pass", 2).depth
    2
    """

    text: str
    depth: int = 2


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A sentence or more: strings, and boxes where a formula stands in the line. `role` "note" is set back a little,
    "warning" stands out.

    >>> Paragraph(("a tie at ",)).role
    'text'
    """

    parts: tuple[str | Box, ...]
    role: str = "text"


@dataclass(frozen=True, slots=True)
class Line:
    """A chain of relations: `left = a = b = c`; one row of a display, broken before the relations where it is long.

    `relation` is "=", "≈" or "←". `tag` is the line's number, without parentheses; `label` are words at the end of the
    line, such as shapes or "line 12". `anchor` names what the line defines (see `boxes.Mark`). `values` are the values of
    the left side and of each side after it, by which the line is checked; a line of words alone has none. `scale` gives the
    size of the terms of a sum on it, to which rounding is relative.

    >>> Line(None, ()).tag is None
    True
    """

    left: Box | None
    steps: tuple[tuple[str, Box], ...]
    tag: str | None = None
    label: tuple[str | Box, ...] = ()
    anchor: str | None = None
    values: tuple[Any, ...] = ()
    scale: Callable[[], float] | None = None


@dataclass(frozen=True, slots=True)
class Display:
    """Lines of formulas, aligned at their first relation.

    >>> Display(()).lines
    ()
    """

    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Listing:
    """Items below each other, each a paragraph.

    >>> Listing(()).items
    ()
    """

    items: tuple[Paragraph, ...]


@dataclass(frozen=True, slots=True)
class Code:
    """Program text, as it is.

    >>> Code("y = x + 1").language
    'python'
    """

    text: str
    language: str = "python"


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells; a cell is a tuple of strings and boxes, like a paragraph's parts.

    >>> Table((("name",),), ()).rows
    ()
    """

    headings: tuple[tuple[str | Box, ...], ...]
    rows: tuple[tuple[tuple[str | Box, ...], ...], ...]


Block = Heading | Paragraph | Display | Listing | Code | Table


@dataclass(frozen=True, slots=True)
class Document:
    """A title, blocks in order, and the language of its words.

    >>> Document("f", (), "en").language
    'en'
    """

    title: str
    blocks: tuple[Block, ...]
    language: str = "en"
