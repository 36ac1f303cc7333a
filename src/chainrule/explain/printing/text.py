"""Boxes as one line of Unicode text, for terminals and source comments.

Scripts are raised and lowered characters where Unicode has them all, and `_{…}` and `^(…)` where not. A quotient is
written with a slash, and gets the parentheses that a slash needs.
"""

from __future__ import annotations

import unicodedata

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
from chainrule.explain.printing.arrange import Gap, bare, flat, gap, is_infix, scripted
from chainrule.explain.printing.characters import ACCENT_COMBINING, SUBSCRIPTS, SUPERSCRIPTS, printable

TIGHT_AFTER = frozenset(",;:")  # signs with room on the right only
TIGHT = frozenset("/^")  # signs without room


def text_of(box: Box) -> str:
    """One line of Unicode text.

    >>> text_of(Row((Numeral("2"), Scripts(Letter("x"), below=Numeral("1")), Sign("+"), Letter("y"))))
    '2x₁ + y'
    >>> text_of(Fraction(Row((Letter("a"), Sign("+"), Letter("b"))), Letter("n")))
    '(a + b)/n'
    >>> text_of(Grid(((Numeral("1"),), (Numeral("2"),))))
    '[1, 2]ᵀ'
    """
    return unicodedata.normalize("NFC", _write(box, False))


def columns_of(text: str) -> int:
    """How many columns of a terminal the text takes: Hangul takes two, combining accents none.

    >>> columns_of("ŷ = 손실"), columns_of("x\u0302")
    (8, 1)
    """
    wide = sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
    return wide - sum(1 for c in text if unicodedata.combining(c))


def _write(box: Box, tight: bool) -> str:
    match box:
        case Letter(text) | Word(text) | Prose(text):
            return printable(text)
        case Sign(text):
            return "−" if text == "-" else text
        case Numeral(text):
            return _number(text)
        case Row():
            return _row(flat(box), tight)
        case Scripts():
            return _scripts(scripted(box))
        case Limits(sign, below, above):
            return _limits(sign, below, above)
        case Fraction(top, bottom):
            return f"{_operand(top, 1, tight)}/{_operand(bottom, 2, tight)}"
        case Root(inside, degree):
            return _root(inside, degree)
        case Fence(inside, left, right):
            return f"{left}{_write(inside, tight)}{right}"
        case Accent(base, kind):
            return _accent(_write(base, tight), kind)
        case Grid(rows):
            return _grid(rows)
        case Mark(inside, _):
            return _write(inside, tight)


def _number(text: str) -> str:
    mantissa, _, exponent = text.replace("-", "−").partition("e")
    if not exponent:
        return mantissa
    power = "10" + "".join(SUPERSCRIPTS[digit] for digit in exponent.removeprefix("+"))
    return {"1": power, "−1": "−" + power}.get(mantissa, f"{mantissa}·{power}")


def grade(box: Box) -> int:
    """How closely a box holds together: 2 as one thing, 1 as a product, 0 as a sum or a relation.

    >>> grade(Letter("x")), grade(Row((Letter("x"), Sign("+"), Letter("y"))))
    (2, 0)
    """
    box = bare(box)
    match box:
        case Fraction():
            return 1
        case Limits() | Prose():
            return 0
        case Numeral(text):
            return 1 if "e" in text or text.startswith("-") else 2
        case Row():
            items = tuple(bare(item) for item in flat(box))
            if not items:
                return 2
            signs = [item.text for item in items if isinstance(item, Sign) and item.form == "infix"]
            if signs:
                return 1 if set(signs) <= {"·", "⋅", "×"} and min(map(grade, items)) > 0 else 0
            if any(isinstance(item, Limits | Prose) or _is_large(item) for item in items):
                return 0
            if _is_call(items) or _is_differential(items):
                return 2
            return 1
    return 2


def _is_large(box: Box) -> bool:
    return isinstance(box, Sign) and box.form == "large"


def _is_call(items: tuple[Box, ...]) -> bool:
    """A function's name with its operands in parentheses, or a matrix's element: f(x), x[i]."""
    if len(items) != 2 or not isinstance(items[1], Fence):
        return False
    head = bare(items[0].base) if isinstance(items[0], Scripts | Accent) else items[0]
    return isinstance(head, Letter | Word)


def _is_differential(items: tuple[Box, ...]) -> bool:
    """∂L, ∂²f, ∂x∂y, ∇f: signs of differentiation, each before one operand."""

    def is_sign(box: Box) -> bool:
        box = bare(box.base) if isinstance(box, Scripts) else box
        return isinstance(box, Sign) and box.form == "atom" and box.text in ("∂", "∇", "d")

    return is_sign(items[0]) and all(is_sign(items[k]) or is_sign(items[k - 1]) for k in range(1, len(items)))


def _operand(box: Box, lowest: int, tight: bool) -> str:
    inner = bare(box)
    fits = grade(inner) >= lowest and not (lowest == 1 and isinstance(inner, Fraction))
    return _write(box, tight) if fits else f"({_write(box, tight)})"


def _row(items: tuple[Box, ...], tight: bool) -> str:
    pieces: list[str] = []
    close = bool(items) and _is_differential(tuple(bare(item) for item in items))  # ∂x∂y
    for index, item in enumerate(items):
        before = items[index - 1] if index else None
        after = items[index + 1] if index + 1 < len(items) else None
        if is_infix(item):
            pieces.append(_infix(item, before, after, tight))
            continue
        if before is not None and gap(before, item) is not Gap.NONE and (not close or isinstance(before, Scripts)):
            pieces.append(" ")
        written = _write(item, tight)
        if isinstance(bare(item), Fraction) and _needs_fence(before, after):
            written = f"({written})"
        pieces.append(written)
    return "".join(pieces)


def infix_text(item: Box, before: Box | None, after: Box | None) -> str:
    """A sign between operands with the room around it; a centred dot is close to operands that are one thing each.

    >>> infix_text(Sign("+"), Letter("x"), Letter("y")), infix_text(Sign("·"), Letter("x"), Letter("y"))
    (' + ', '·')
    """
    return _infix(item, before, after, False)


def _infix(item: Box, before: Box | None, after: Box | None, tight: bool) -> str:
    sign = _write(item, tight)
    if sign in TIGHT_AFTER:
        return sign if after is None or tight else f"{sign} "
    operands = [bare(neighbour) for neighbour in (before, after) if neighbour is not None and not is_infix(neighbour)]
    whole = all(isinstance(operand, Letter | Numeral | Scripts | Accent | Fence) for operand in operands)
    if tight or sign in TIGHT or (sign in "·⋅" and len(operands) == 2 and whole):
        return sign
    return ("" if before is None else " ") + sign + ("" if after is None else " ")


def _needs_fence(before: Box | None, after: Box | None) -> bool:
    """Whether a quotient in a row would be read together with a neighbour that no sign separates from it."""

    def touches(neighbour: Box | None) -> bool:
        return neighbour is not None and not is_infix(neighbour) and not isinstance(bare(neighbour), Prose)

    if after is not None and touches(after) and not _is_mark_of_end(after):
        return True
    if before is None:
        return False
    inner = bare(before)
    divides = isinstance(inner, Sign) and inner.text in ("/", "//", "÷", "%")
    return divides or (touches(before) and isinstance(inner, Fraction | Word | Scripts | Limits) and _bears(inner))


def _bears(box: Box) -> bool:
    """A fraction, or a function's name, before a quotient."""
    return isinstance(box, Fraction | Word) or isinstance(bare(getattr(box, "base", Letter(""))), Word)


def _is_mark_of_end(box: Box) -> bool:
    inner = bare(box)
    return isinstance(inner, Sign) and inner.text in ("⋯", "…")


def raised(text: str) -> str:
    """Characters above the line, or `^…` where one of them does not exist there.

    >>> raised("(i)"), raised("1/2"), raised("q")
    ('⁽ⁱ⁾', '^(1/2)', '^q')
    """
    if text and all(character in SUPERSCRIPTS for character in text):
        return "".join(SUPERSCRIPTS[character] for character in text)
    return f"^{text}" if len(text) == 1 or (text[:1] == "(" and text[-1:] == ")") else f"^({text})"


def lowered(text: str) -> str:
    """Characters below the line, or `_…` where one of them does not exist there.

    >>> lowered("12"), lowered("hh"), lowered("W"), lowered("1,2")
    ('₁₂', 'ₕₕ', '_W', '_{1,2}')
    """
    if text and all(character in SUBSCRIPTS for character in text):
        return "".join(SUBSCRIPTS[character] for character in text)
    return f"_{text}" if text.isalnum() else f"_{{{text}}}"


def _scripts(box: Scripts) -> str:
    base = _write(box.base, False)
    if isinstance(bare(box.base), Root):
        base = f"({base})"
    if base.endswith("ᵀ"):  # a column within the line is written as the transpose of a row
        base = f"({base})"
    below = "" if box.below is None else lowered(_write(box.below, True))
    above = "" if box.above is None else raised(_write(box.above, True))
    return base + below + above


def _limits(sign: Box, below: Box | None, above: Box | None) -> str:
    lower = "" if below is None else _write(below, True)
    upper = "" if above is None else _write(above, True)
    if lower and not upper:
        return _write(sign, True) + (lowered(lower) if len(lower) == 1 else f"_{{{lower}}}")
    return _write(sign, True) + (f"_{{{lower}}}" if lower else "") + (f"^{{{upper}}}" if upper else "")


def _root(inside: Box, degree: Box | None) -> str:
    body = _write(inside, False)
    single = isinstance(bare(inside), Letter | Fence | Accent) or (
        isinstance(bare(inside), Numeral) and grade(inside) == 2
    )
    head = "" if degree is None else _write(degree, True)
    if head and not all(character in SUPERSCRIPTS for character in head):
        return f"root[{head}]({body})"
    radical = {"3": "∛", "4": "∜"}.get(head, "".join(SUPERSCRIPTS[character] for character in head) + "√")
    return radical + (body if single else f"({body})")


def _accent(base: str, kind: str) -> str:
    composed = unicodedata.normalize("NFC", base)
    return composed + ACCENT_COMBINING[kind] if len(composed) == 1 else f"{kind}({base})"


def _grid(rows: tuple[tuple[Box, ...], ...]) -> str:
    if rows and all(len(cells) == 1 for cells in rows) and len(rows) > 1:
        return f"[{', '.join(_write(cells[0], False) for cells in rows)}]ᵀ".replace("⋮", "⋯")
    lines = [f"[{', '.join(_write(cell, False) for cell in cells)}]" for cells in rows]
    return lines[0] if len(lines) == 1 else f"[{', '.join(lines)}]"
