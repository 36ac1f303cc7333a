"""Documents as text for a terminal: wrapped to its width, with Unicode formulas, and colours where they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from chainrule.boxes import Box
from chainrule.explain.document import Block, Code, Display, Document, Heading, Line, Listing, Paragraph, Table
from chainrule.explain.printing.blocks import TextBlock, beside_all, block_of
from chainrule.explain.printing.characters import printable_lines
from chainrule.explain.printing.rows import DisplayRow, rows_of
from chainrule.explain.printing.text import columns_of, text_of

STYLES = {"title": "1;36", "heading": "1", "note": "2", "warning": "33", "tag": "2", "label": "2;36", "code": "32"}
MARGIN = 2
LABEL_GAP = 3
HARD_SPACE = "\u00a0"
LONGEST_UNBROKEN = 40  # columns of a formula that is never broken in a paragraph


def print_text(document: Document, width: int = 100, color: bool = False) -> str:
    """The document as Unicode text of at most `width` columns; `color` adds ANSI codes.

    A formula too wide for a row is broken before its signs; a matrix or a line of code is never broken and may stick out.

    >>> print(print_text(Document("f", (Paragraph(("a line",)),))))
    f
    ═
    <BLANKLINE>
    a line
    """
    blocks: list[Block] = [Heading(document.title, 1)] if document.title else []
    parts = ["\n".join(_block(block, max(width, 24), color)) for block in (*blocks, *document.blocks)]
    return "\n\n".join(part for part in parts if part)


def _styled(text: str, style: str, color: bool) -> str:
    return f"\x1b[{STYLES[style]}m{text}\x1b[0m" if color and text.strip() and style in STYLES else text


def _block(block: Block, width: int, color: bool) -> list[str]:
    match block:
        case Heading(text, depth):
            style = "title" if depth == 1 else "heading"
            lines = _wrapped(printable_lines(text), width)
            rule = {1: "═", 2: "─"}.get(depth)
            under = [rule * max(map(columns_of, lines))] if rule and lines else []
            return [_styled(line, style, color) for line in lines + under]
        case Paragraph():
            return _paragraph(block, width, color)
        case Display(lines):
            return _display(lines, width, color)
        case Listing(items):
            return [line for item in items for line in _item(item, width, color)]
        case Code(text, _):
            return [_styled("    " + line, "code", color) for line in printable_lines(text.rstrip("\n")).split("\n")]
        case Table(headings, rows):
            return _table(headings, rows, width, color)


def _inline(parts: Iterable[str | Box]) -> str:
    """Words and formulas in one string; short formulas have hard spaces."""
    pieces: list[str] = []
    for part in parts:
        if isinstance(part, str):
            pieces.append(printable_lines(part))
        else:
            formula = text_of(part)
            short = columns_of(formula) <= LONGEST_UNBROKEN
            pieces.append(formula.replace(" ", HARD_SPACE) if short else formula)
    return "".join(pieces)


def _wrapped(text: str, width: int, first: str = "", later: str = "") -> list[str]:
    """Lines of at most `width` columns, broken at spaces."""
    lines: list[str] = []
    for paragraph in text.split("\n"):
        line = first if not lines else later
        empty = True
        for word in paragraph.split(" "):
            if not empty and columns_of(line) + 1 + columns_of(word) > width:
                lines.append(line)
                line, empty = later, True
            line += word if empty else f" {word}"
            empty = False
        lines.append(line)
    return [line.replace(HARD_SPACE, " ").rstrip() for line in lines]


def _paragraph(paragraph: Paragraph, width: int, color: bool) -> list[str]:
    text = _inline(paragraph.parts)
    if paragraph.role == "note":
        lines = _wrapped(text, width, "  ", "  ")
    elif paragraph.role == "warning":
        lines = _wrapped(text, width, "! ", "  ")
    else:
        lines = _wrapped(text, width)
    return [_styled(line, paragraph.role, color) for line in lines]


def _item(item: Paragraph, width: int, color: bool) -> list[str]:
    bullet = "! " if item.role == "warning" else "• "
    return [_styled(line, item.role, color) for line in _wrapped(_inline(item.parts), width, bullet, "  ")]


def _display(lines: tuple[Line, ...], width: int, color: bool) -> list[str]:
    """Rows aligned at their first relation; tags stand in the margin on the left, labels on the right."""
    tags = [f"({line.tag}) " if line.tag else "" for line in lines]
    margin = MARGIN + max((columns_of(tag) for tag in tags), default=0)
    laid_out: dict[
        int, tuple[Box, TextBlock]
    ] = {}  # every box is measured more than once, and kept so that its id is its own

    def block(box: Box) -> TextBlock:
        known = laid_out.get(id(box))
        if known is None:
            known = laid_out[id(box)] = box, block_of(box)
        return known[1]

    widths = [block(line.left).width if line.left is not None and line.steps else 0 for line in lines]
    aligned = min(max(widths, default=0), width // 3)
    rows = [
        row
        for line, own in zip(lines, widths, strict=True)
        for row in rows_of(line, width - margin - max(aligned - own, 0), lambda box: float(block(box).width))
    ]
    bodies = [_body(row, aligned, block) for row in rows]
    column = max((body.width for body, row in zip(bodies, rows, strict=True) if row.line and row.line.label), default=0)
    written: list[str] = []
    for row, body in zip(rows, bodies, strict=True):
        tag = f"({row.line.tag})" if row.line is not None and row.line.tag else ""
        label = _inline(row.line.label).replace(HARD_SPACE, " ") if row.line is not None else ""
        room = width - margin - LABEL_GAP - columns_of(label)
        start = column if column <= room else body.width
        if written and body.height > 1:
            written.append("")
        for index, line in enumerate(body.lines):
            on_baseline = index == body.baseline
            head = " " * MARGIN + _styled(tag, "tag", color) if on_baseline and tag else ""
            text = head + " " * (margin - (MARGIN + columns_of(tag) if head else 0)) + line
            if on_baseline and label and start <= room:
                text += " " * (start - body.width + LABEL_GAP) + _styled(label, "label", color)
            written.append(text.rstrip())
        if label and start > room:
            before = " " * (margin + aligned + LABEL_GAP)
            written.extend(_styled(line, "label", color) for line in _wrapped(label, width, before, before))
        if body.height > 1 and row is not rows[-1]:
            written.append("")
    return [line for index, line in enumerate(written) if line or (index and written[index - 1])]


def _body(row: DisplayRow, aligned: int, block: Callable[[Box], TextBlock]) -> TextBlock:
    left = TextBlock.of("") if row.left is None else block(row.left)
    pieces = [TextBlock.of(" " * max(aligned - left.width, 0)) if row.steps else TextBlock.of(""), left]
    for index, (relation, box) in enumerate(row.steps):
        if relation is None:
            pieces.append(TextBlock.of("     "))
        elif index == 0 and aligned == 0:
            pieces.append(TextBlock.of(f"{relation} "))
        else:
            pieces.append(TextBlock.of(f" {relation} "))
        pieces.append(block(box))
    return beside_all(pieces)


def _table(
    headings: tuple[tuple[str | Box, ...], ...],
    rows: tuple[tuple[tuple[str | Box, ...], ...], ...],
    width: int,
    color: bool,
) -> list[str]:
    head = [_inline(cell) for cell in headings]
    body = [[_inline(cell) for cell in row] for row in rows]
    count = max(len(head), *(len(row) for row in body)) if body else len(head)
    everything = [cells + [""] * (count - len(cells)) for cells in [head, *body]]
    widths = [max(columns_of(cells[j]) for cells in everything) for j in range(count)]
    while sum(widths) + 2 * (count - 1) > width and max(widths) > 8:
        widths[widths.index(max(widths))] -= 1

    def line_of(cells: list[str]) -> list[str]:
        wrapped = [_wrapped(cell, widths[j]) for j, cell in enumerate(cells)]
        height = max(map(len, wrapped))
        padded = [cell + [""] * (height - len(cell)) for cell in wrapped]
        return [
            "  ".join(cell[k] + " " * (widths[j] - columns_of(cell[k])) for j, cell in enumerate(padded)).rstrip()
            for k in range(height)
        ]

    if not count:
        return []
    ruled = ["  ".join("─" * size for size in widths)]
    return [
        *(_styled(line, "heading", color) for line in line_of(everything[0])),
        *ruled,
        *(line for cells in everything[1:] for line in line_of(cells)),
    ]
