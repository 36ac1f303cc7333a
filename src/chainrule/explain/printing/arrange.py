"""What every printer of boxes has to agree on: which box is a base, what is tall, and what stands beside what.

The printers differ in their characters, never in the parentheses that keep a formula's meaning.
"""

# The letters of mathematics are meant here, not the Latin ones that look like them.
from __future__ import annotations

from collections.abc import Iterator
from enum import Enum

from chainrule.boxes import (
    Accent,
    Box,
    Fence,
    Fraction,
    Grid,
    Letter,
    Limits,
    Mark,
    Numeral,
    Prose,
    Root,
    Row,
    Scripts,
    Sign,
    Word,
)


class Gap(Enum):
    """What stands between two neighbours that no sign separates.

    NONE: they touch (2x, f(x), ∂L). SPACE: text needs a space, typeset mathematics does not (W x). THIN: both need a
    little room, as words do (2 loss).
    """

    NONE = 0
    SPACE = 1
    THIN = 2


def bare(box: Box) -> Box:
    """The box without marks around it, and without a row around it alone.

    >>> bare(Mark(Row((Letter("x"),)), "x"))
    Letter(text='x')
    """
    while True:
        if isinstance(box, Mark):
            box = box.inside
        elif isinstance(box, Row) and len(box.items) == 1:
            box = box.items[0]
        else:
            return box


def flat(row: Row) -> tuple[Box, ...]:
    """The items of a row with the items of rows within it in their places.

    >>> len(flat(Row((Letter("x"), Row((Sign("+"), Letter("y")))))))
    3
    """
    items: list[Box] = []
    for item in row.items:
        items.extend(flat(item) if isinstance(item, Row) else (item,))
    return tuple(items)


def scripted(box: Scripts) -> Scripts:
    """Scripts on a base that can bear them: a sum, a quotient or a power as a base comes in parentheses.

    >>> scripted(Scripts(Scripts(Letter("x"), below=Numeral("1")), above=Numeral("2"))).below
    Numeral(text='1')
    >>> scripted(Scripts(Numeral("-2"), above=Numeral("2"))).base
    Fence(inside=Numeral(text='-2'), left='(', right=')')
    """
    base = bare(box.base)
    if isinstance(base, Scripts):
        if base.above is None and box.below is None:
            inner = scripted(base)
            if inner.above is None:
                return Scripts(inner.base, inner.below, box.above)
        return Scripts(Fence(box.base), box.below, box.above)
    alone = isinstance(base, Letter | Word | Sign | Fence | Accent | Grid | Root)
    if isinstance(base, Numeral):
        alone = base.text.replace(".", "").isdigit()
    return box if alone else Scripts(Fence(box.base), box.below, box.above)


def is_tall(box: Box) -> bool:
    """Whether delimiters around the box have to grow: it holds a fraction, a matrix, a large sign or a root.

    >>> is_tall(Fraction(Numeral("1"), Letter("n"))), is_tall(Scripts(Letter("x"), above=Numeral("2")))
    (True, False)
    """
    match box:
        case Fraction() | Grid() | Limits():
            return True
        case Row(items):
            return any(is_tall(item) for item in items)
        case Mark(inside, _) | Fence(inside, _, _) | Root(inside, _):
            return is_tall(inside)
        case Scripts(base, _, _) | Accent(base, _):
            return is_tall(base)
    return False


def parts_of(box: Box) -> tuple[Box, ...]:
    """The boxes directly inside this one.

    >>> parts_of(Fraction(Numeral("1"), Letter("n")))
    (Numeral(text='1'), Letter(text='n'))
    """
    match box:
        case Row(items):
            return items
        case Scripts(base, below, above) | Limits(base, below, above):
            return tuple(part for part in (base, below, above) if part is not None)
        case Fraction(top, bottom):
            return top, bottom
        case Root(inside, degree):
            return (inside,) if degree is None else (inside, degree)
        case Fence(inside, _, _) | Mark(inside, _):
            return (inside,)
        case Accent(base, _):
            return (base,)
        case Grid(rows):
            return tuple(cell for cells in rows for cell in cells)
    return ()


def every_part(box: Box) -> Iterator[Box]:
    """The box and every box inside it.

    >>> len(list(every_part(Fraction(Numeral("1"), Letter("n")))))
    3
    """
    waiting = [box]
    while waiting:
        part = waiting.pop()
        yield part
        waiting.extend(reversed(parts_of(part)))


def is_infix(box: Box) -> bool:
    """Whether the box is a sign between operands.

    >>> is_infix(Sign("+")), is_infix(Sign("−", "prefix"))
    (True, False)
    """
    box = bare(box)
    return isinstance(box, Sign) and box.form == "infix"


def _edge(box: Box, last: bool) -> Box:
    """The first or last item that stands on the line."""
    box = bare(box)
    while isinstance(box, Row) and box.items:
        box = bare(box.items[-1 if last else 0])
    return box


def gap(before: Box, after: Box) -> Gap:
    """What stands between two neighbours of a row.

    >>> gap(Numeral("2"), Letter("x")), gap(Letter("W"), Letter("x")), gap(Letter("loss"), Letter("x"))
    (<Gap.NONE: 0>, <Gap.SPACE: 1>, <Gap.THIN: 2>)
    """
    left, right = _edge(before, True), _edge(after, False)
    if is_infix(left) or is_infix(right) or isinstance(left, Row) or isinstance(right, Row):
        return Gap.NONE
    if isinstance(left, Prose) or isinstance(right, Prose):
        return Gap.THIN
    if isinstance(left, Sign) and left.form in ("prefix", "atom"):
        return Gap.SPACE if _is_dots(left) or _is_dots(right) else Gap.NONE
    if isinstance(left, Scripts) and isinstance(bare(left.base), Sign):
        return Gap.NONE if left.below is None else Gap.SPACE  # ∂²f, ∇_W J
    if isinstance(right, Sign) and right.text in ("′", "″", "!", "°", "%") and right.form != "prefix":
        return Gap.NONE
    if isinstance(left, Word) or _word_base(left):
        call = bare(right.base) if isinstance(right, Scripts) else right  # vec(P)ᵀ
        return Gap.NONE if isinstance(call, Fence) and call.left in ("(", "[") else Gap.THIN
    if isinstance(right, Fence):
        return Gap.NONE if right.left in ("(", "[") else Gap.SPACE
    if isinstance(right, Word) or _word_base(right) or _is_long(left) or _is_long(right):
        return Gap.THIN
    if isinstance(left, Numeral) and left.text.replace(".", "").lstrip("-").isdigit():
        number = isinstance(right, Numeral | Fraction) or (
            isinstance(right, Scripts) and isinstance(bare(right.base), Numeral)
        )
        if not number and not isinstance(right, Limits | Grid | Sign):
            return Gap.NONE
        return Gap.THIN if isinstance(right, Numeral) else Gap.SPACE
    return Gap.SPACE


def _is_dots(box: Box) -> bool:
    return isinstance(box, Sign) and box.text in ("…", "⋯")


def _is_long(box: Box) -> bool:
    """A word in italics, alone or with scripts."""
    if isinstance(box, Scripts):
        box = bare(box.base)
    return isinstance(box, Letter) and len(box.text) > 1


def _word_base(box: Box) -> bool:
    return isinstance(box, Scripts | Limits) and isinstance(bare(parts_of(box)[0]), Word)
