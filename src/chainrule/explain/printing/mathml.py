"""Boxes as presentation MathML, of which only MathML Core is used: what browsers draw without a script."""

from __future__ import annotations

from html import escape

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
from chainrule.explain.printing.arrange import Gap, bare, flat, gap, is_tall, scripted
from chainrule.explain.printing.characters import ACCENT_MATHML, LARGE_SIGN, printable

NAMESPACE = "http://www.w3.org/1998/Math/MathML"
THIN_SPACE = '<mspace width="0.1667em"/>'
WIDE_SPACE = '<mspace width="0.2778em"/>'


def mathml_of(box: Box, display: bool = False) -> str:
    """A `<math>` element; `display` sets sums and fractions in their large form.

    >>> mathml_of(Letter("x"))
    '<math xmlns="http://www.w3.org/1998/Math/MathML"><mi>x</mi></math>'
    """
    style = ' displaystyle="true"' if display else ""
    return f'<math xmlns="{NAMESPACE}"{style}>{elements_of(box)}</math>'


def elements_of(box: Box) -> str:
    """What stands inside the `<math>` element.

    >>> elements_of(Fraction(Numeral("1"), Letter("n")))
    '<mfrac><mn>1</mn><mi>n</mi></mfrac>'
    >>> elements_of(Mark(Letter("x"), "node-1"))
    '<mrow class="mark" data-key="node-1"><mi>x</mi></mrow>'
    """
    match box:
        case Letter(text):
            style = ' style="font-style:italic"' if len(text) > 1 else ""
            return f"<mi{style}>{_text(text)}</mi>"
        case Word(text):
            return f'<mi mathvariant="normal">{_text(text)}</mi>' if len(text) == 1 else f"<mi>{_text(text)}</mi>"
        case Prose(text):
            return f"<mtext>{_text(text)}</mtext>"
        case Numeral(text):
            return _number(text)
        case Sign(text, form):
            return _sign(text, form)
        case Row():
            return _row(flat(box))
        case Scripts():
            return _scripts(scripted(box))
        case Limits(sign, below, above):
            return _pile("munder", "mover", "munderover", elements_of(sign), below, above)
        case Fraction(top, bottom):
            return f"<mfrac>{elements_of(top)}{elements_of(bottom)}</mfrac>"
        case Root(inside, None):
            return f"<msqrt>{elements_of(inside)}</msqrt>"
        case Root(inside, degree) if degree is not None:
            return f"<mroot>{elements_of(inside)}{elements_of(degree)}</mroot>"
        case Fence(inside, left, right):
            grows = is_tall(inside)
            opening, closing = _delimiter(left, "prefix", grows), _delimiter(right, "postfix", grows)
            return f"<mrow>{opening}{elements_of(inside)}{closing}</mrow>"
        case Accent(base, kind):
            return _accent(base, kind)
        case Grid(rows):
            return _grid(rows)
        case Mark(inside, key):
            return f'<mrow class="mark" data-key="{escape(printable(key))}">{elements_of(inside)}</mrow>'
    raise TypeError(f"{type(box).__name__} is no box")


def _text(text: str) -> str:
    """Escaped, and without characters that XML forbids; spaces at the ends are kept, which MathML would drop."""
    text = printable(text)
    inner = text.strip(" ")
    head, tail = len(text) - len(text.lstrip(" ")), len(text) - len(text.rstrip(" "))
    return escape("\u00a0" * head + inner + "\u00a0" * (tail if inner else 0))


def _number(text: str) -> str:
    sign = '<mo form="prefix">−</mo>' if text.startswith("-") else ""
    mantissa, _, exponent = text.removeprefix("-").partition("e")
    number = f"<mn>{_text(mantissa)}</mn>" if mantissa != "∞" else '<mi mathvariant="normal">∞</mi>'
    if exponent:
        power = f"<msup><mn>10</mn>{_number(exponent.removeprefix('+'))}</msup>"
        number = power if mantissa == "1" else f"{number}<mo>·</mo>{power}"
    return f"<mrow>{sign}{number}</mrow>" if sign or exponent else number


def _sign(text: str, form: str) -> str:
    shown = _text("−" if text == "-" else text)
    if form == "atom":
        return f'<mi mathvariant="normal">{shown}</mi>' if len(text) == 1 else f"<mi>{shown}</mi>"
    if form == "large":
        return f"<mo>{_text(LARGE_SIGN.get(text, text))}</mo>"
    stretch = ' stretchy="false"' if text in "|←→↔⇒⇔↑↓↦‖∥" else ""
    return f'<mo form="{"prefix" if form == "prefix" else "infix"}"{stretch}>{shown}</mo>'


def _delimiter(character: str, form: str, grows: bool = True) -> str:
    size = "true" if grows else "false"
    return f'<mo form="{form}" stretchy="{size}" lspace="0" rspace="0">{_text(character)}</mo>' if character else ""


def _row(items: tuple[Box, ...]) -> str:
    pieces: list[str] = []
    for index, item in enumerate(items):
        if index:
            before = items[index - 1]
            if isinstance(bare(before), Prose) or isinstance(bare(item), Prose):
                pieces.append(WIDE_SPACE)
            elif gap(before, item) is Gap.THIN:
                pieces.append(THIN_SPACE)
        pieces.append(elements_of(item))
    return f"<mrow>{''.join(pieces)}</mrow>"


def _pile(lower: str, upper: str, both: str, base: str, below: Box | None, above: Box | None) -> str:
    if below is not None and above is not None:
        return f"<{both}>{base}{elements_of(below)}{elements_of(above)}</{both}>"
    if below is not None:
        return f"<{lower}>{base}{elements_of(below)}</{lower}>"
    return f"<{upper}>{base}{elements_of(above)}</{upper}>" if above is not None else base


def _scripts(box: Scripts) -> str:
    return _pile("msub", "msup", "msubsup", elements_of(box.base), box.below, box.above)


def _accent(base: Box, kind: str) -> str:
    if kind not in ACCENT_MATHML:
        raise ValueError(f"The MathML printer knows no accent {kind!r}: use one of {', '.join(ACCENT_MATHML)}.")
    inner = bare(base)
    single = isinstance(inner, Letter) and len(inner.text) == 1
    stretch = ' stretchy="false"' if single else ""
    return f'<mover accent="true">{elements_of(base)}<mo{stretch}>{ACCENT_MATHML[kind]}</mo></mover>'


def _grid(rows: tuple[tuple[Box, ...], ...]) -> str:
    body = "".join("<mtr>" + "".join(f"<mtd>{elements_of(cell)}</mtd>" for cell in cells) + "</mtr>" for cells in rows)
    return f"<mrow>{_delimiter('[', 'prefix')}<mtable>{body}</mtable>{_delimiter(']', 'postfix')}</mrow>"
