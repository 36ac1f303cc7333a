"""Formulas on several lines of a terminal: matrices stand in their brackets, and what is beside them at mid-height."""

from __future__ import annotations

from dataclasses import dataclass

from chainrule.boxes import Box, Fence, Fraction, Grid, Limits, Mark, Numeral, Root, Row, Scripts
from chainrule.explain.printing.arrange import Gap, bare, every_part, flat, gap, is_infix, scripted
from chainrule.explain.printing.text import columns_of, infix_text, lowered, raised, text_of

PIECES = {
    "(": "⎛⎜⎝", ")": "⎞⎟⎠", "[": "⎡⎢⎣", "]": "⎤⎥⎦", "{": "⎧⎨⎩", "}": "⎫⎬⎭", "|": "│││", "‖": "‖‖‖",
    "⌊": "││⌊", "⌋": "││⌋", "⌈": "⌈││", "⌉": "⌉││",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class TextBlock:
    """Lines of equal width, one of which is the line that neighbours stand on.

    >>> TextBlock.of("x").beside(TextBlock(("1", "2", "3"), 1)).lines
    (' 1', 'x2', ' 3')
    """

    lines: tuple[str, ...]
    baseline: int = 0

    @classmethod
    def of(cls, text: str) -> TextBlock:
        """A block of one line."""
        return cls((text,))

    @property
    def width(self) -> int:
        """Columns of the terminal."""
        return columns_of(self.lines[0]) if self.lines else 0

    @property
    def height(self) -> int:
        """Lines of the terminal."""
        return len(self.lines)

    def beside(self, other: TextBlock) -> TextBlock:
        """The other block on the right of this one, their baselines on one line."""
        above = max(self.baseline, other.baseline)
        below = max(self.height - self.baseline, other.height - other.baseline)
        left, right = self._padded(above, below), other._padded(above, below)
        return TextBlock(tuple(a + b for a, b in zip(left, right, strict=True)), above)

    def _padded(self, above: int, below: int) -> tuple[str, ...]:
        blank = " " * self.width
        return (blank,) * (above - self.baseline) + self.lines + (blank,) * (below - self.height + self.baseline)


def block_of(box: Box) -> TextBlock:
    """The box over as many lines as its matrices need; without a matrix, one line.

    >>> print("\\n".join(block_of(Grid(((Numeral("1"), Numeral("2")), (Numeral("3"), Numeral("-4"))))).lines))
    ⎡1   2⎤
    ⎣3  −4⎦
    """
    if not any(isinstance(part, Grid) for part in every_part(box)):
        return TextBlock.of(text_of(box))
    inner = bare(box)
    match inner:
        case Row():
            return _row(flat(inner))
        case Grid(rows):
            return _grid(rows)
        case Fence(inside, left, right):
            return _fenced(block_of(inside), left, right)
        case Scripts():
            return _scripts(scripted(inner))
        case Fraction(top, bottom):
            return _fraction(block_of(top), block_of(bottom))
        case Limits(sign, _, _) if not any(isinstance(part, Grid) for part in every_part(sign)):
            return TextBlock.of(text_of(box))
        case Root(inside, None):
            return TextBlock.of("√").beside(_fenced(block_of(inside), "(", ")"))
        case Mark(inside, _):
            return block_of(inside)
    return TextBlock.of(text_of(box))


def _row(items: tuple[Box, ...]) -> TextBlock:
    """Neighbours without a matrix are written together, by the printer of lines."""
    block = TextBlock.of("")
    plain: list[Box] = []

    def flush() -> None:
        nonlocal block
        if plain:
            block = block.beside(TextBlock.of(text_of(Row(tuple(plain)))))
            plain.clear()

    for index, item in enumerate(items):
        before = items[index - 1] if index else None
        tall = any(isinstance(part, Grid) for part in every_part(item))
        beside_tall = before is not None and not plain
        if not tall and not (is_infix(item) and (beside_tall or _tall_follows(items, index))):
            if beside_tall and before is not None and gap(before, item) is not Gap.NONE:
                block = block.beside(TextBlock.of(" "))
            quotient = isinstance(bare(item), Fraction) and _tall_follows(items, index)
            plain.append(Fence(item) if quotient else item)
            continue
        flush()
        if is_infix(item):
            after = items[index + 1] if index + 1 < len(items) else None
            block = block.beside(TextBlock.of(infix_text(item, before, after)))
            continue
        if before is not None and gap(before, item) is not Gap.NONE:
            block = block.beside(TextBlock.of(" "))
        block = block.beside(block_of(item))
    flush()
    return block


def _tall_follows(items: tuple[Box, ...], index: int) -> bool:
    after = items[index + 1] if index + 1 < len(items) else None
    return after is not None and any(isinstance(part, Grid) for part in every_part(after))


def _grid(rows: tuple[tuple[Box, ...], ...]) -> TextBlock:
    if not rows:
        return TextBlock.of("[]")
    cells = [[block_of(cell) for cell in row] for row in rows]
    count = max(map(len, cells))
    widths = [max(row[j].width for row in cells if j < len(row)) for j in range(count)]
    lines: list[str] = []
    for boxes, row in zip(rows, cells, strict=True):
        line = TextBlock.of("")
        for j in range(count):
            cell = row[j] if j < len(row) else TextBlock.of("")
            spare = widths[j] - cell.width
            number = j < len(row) and isinstance(bare(boxes[j]), Numeral)
            before = spare if number else spare // 2
            line = line.beside(TextBlock.of("  " * (j > 0) + " " * before)).beside(cell)
            line = line.beside(TextBlock.of(" " * (spare - before)))
        lines.extend(line.lines)
    return _fenced(TextBlock(tuple(lines), (len(lines) - 1) // 2), "[", "]")


def _fenced(block: TextBlock, left: str, right: str) -> TextBlock:
    return _delimiter(left, block).beside(block).beside(_delimiter(right, block))


def _delimiter(character: str, block: TextBlock) -> TextBlock:
    """A delimiter as high as the block."""
    if block.height == 1 or character not in PIECES:
        return TextBlock.of(character)
    upper, middle, lower = PIECES[character]
    between = block.height - 2
    if character in "{}":  # the point stands in the middle
        straight = "⎪" * between
        column = upper + straight[: between // 2] + (middle if between else "") + straight[between // 2 + 1 :] + lower
    else:
        column = upper + middle * between + lower
    return TextBlock(tuple(column), block.baseline)


def _scripts(box: Scripts) -> TextBlock:
    """What is above goes to the first line, what is below to the last."""
    base = block_of(box.base)
    above = "" if box.above is None else raised(text_of(box.above).replace(" ", ""))
    below = "" if box.below is None else lowered(text_of(box.below).replace(" ", ""))
    if base.height == 1:
        return base.beside(TextBlock.of(below + above))
    width = max(columns_of(above), columns_of(below))
    lines = [" " * width] * base.height
    lines[0] = above + " " * (width - columns_of(above))
    lines[-1] = below + " " * (width - columns_of(below))
    return base.beside(TextBlock(tuple(lines), base.baseline))


def _fraction(top: TextBlock, bottom: TextBlock) -> TextBlock:
    width = max(top.width, bottom.width)

    def centred(block: TextBlock) -> tuple[str, ...]:
        before = (width - block.width) // 2
        return tuple(" " * before + line + " " * (width - block.width - before) for line in block.lines)

    return TextBlock((*centred(top), "─" * width, *centred(bottom)), top.height)


def beside_all(blocks: list[TextBlock]) -> TextBlock:
    """Blocks from left to right.

    >>> beside_all([TextBlock.of("x"), TextBlock.of(" = "), TextBlock.of("1")]).lines
    ('x = 1',)
    """
    whole = TextBlock.of("")
    for block in blocks:
        whole = whole.beside(block)
    return whole
