"""Boxes as LaTeX that plain LaTeX with amsmath and amssymb, KaTeX and MathJax all accept.

No `|`, `<`, `>`, `*` and `\\{` stand in the output: the commands for them survive Markdown, tables and HTML. Words are
`\\mathop{\\mathrm{…}}`, because GitHub refuses `\\operatorname`.
"""

from __future__ import annotations

import itertools
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
from chainrule.explain.printing.arrange import Gap, bare, flat, gap, is_infix, is_tall, scripted
from chainrule.explain.printing.characters import (
    ACCENT_LATEX,
    DELIMITERS_LATEX,
    GREEK_LATEX,
    LARGE_LATEX,
    SIGN_LATEX,
    WORDS_LATEX,
    printable,
)

MOST_COLUMNS = 10  # of amsmath's bmatrix

TEXT_ESCAPES = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%", "_": r"\_",
    "^": r"\textasciicircum{}", "~": r"\textasciitilde{}", "§": r"\S{}", "<": r"\textless{}", ">": r"\textgreater{}",
}  # fmt: skip


def latex_of(box: Box) -> str:
    """LaTeX for mathematical mode, without dollar signs.

    Raises ValueError for a sign or an accent that has no command in `characters`.

    >>> latex_of(Fraction(Numeral("1"), Letter("n")))
    '\\\\frac{1}{n}'
    >>> latex_of(Row((Letter("loss"), Sign("="), Word("tanh"), Fence(Letter("θ")))))
    '\\\\mathit{loss} = \\\\tanh(\\\\theta)'
    """
    match box:
        case Letter(text):
            return _letter(printable(text))
        case Word(text):
            return _word(printable(text))
        case Numeral(text):
            return _number(text)
        case Sign(text, form):
            return _sign(text, form)
        case Prose(text):
            return text_in_latex(text)
        case Row():
            return _row(flat(box))
        case Scripts():
            return _scripts(scripted(box))
        case Limits(sign, below, above):
            return _limits(sign, below, above)
        case Fraction(top, bottom):
            return rf"\frac{{{latex_of(top)}}}{{{latex_of(bottom)}}}"
        case Root(inside, degree):
            index = "" if degree is None else f"[{{{latex_of(degree)}}}]"
            return rf"\sqrt{index}{{{latex_of(inside)}}}"
        case Fence(inside, left, right):
            return _fence(inside, left, right)
        case Accent(base, kind):
            return _accent(base, kind)
        case Grid(rows):
            return _grid(rows)
        case Mark(inside, _):
            return latex_of(inside)


def text_in_latex(text: str) -> str:
    """Words inside a formula, escaped: `\\text{…}`.

    >>> text_in_latex("50% of y_1")
    '\\\\text{50\\\\% of y\\\\_1}'
    """
    pieces: list[str] = []
    for is_sign, run in itertools.groupby(printable(text), key=lambda character: _command(character) is not None):
        characters = list(run)
        if is_sign:
            pieces.extend(f"{{{_command(character)}}}" for character in characters)
        else:
            pieces.append(rf"\text{{{''.join(TEXT_ESCAPES.get(c, c) for c in characters)}}}")
    return "".join(pieces) if pieces else "{}"


def _command(character: str) -> str | None:
    """The mathematical command for a character that text fonts may lack; None for a letter of text."""
    if character.isascii():
        return None
    return GREEK_LATEX.get(character) or SIGN_LATEX.get(character) or _scripts_character(character)


def _scripts_character(character: str) -> str | None:
    """x² and x₁ typed as characters, as in the shape of a sentence."""
    kind, _, plain = unicodedata.decomposition(character).partition(" ")
    if kind not in ("<super>", "<sub>"):
        return None
    inner = chr(int(plain, 16)) if " " not in plain else ""
    written = SIGN_LATEX.get(inner) or GREEK_LATEX.get(inner) or inner
    return f"{{}}{'^' if kind == '<super>' else '_'}{{{written}}}" if inner else None


def _letter(text: str) -> str:
    if len(text) == 1 and (text in GREEK_LATEX or (text.isascii() and text.isalpha())):
        return GREEK_LATEX.get(text, text)
    pieces: list[str] = []
    for plain, run in itertools.groupby(text, key=_is_mathematical):
        word = "".join(run)
        if plain:
            inner = "".join(
                "\\_" if c == "_" else GREEK_LATEX[c] + (" " if GREEK_LATEX[c][-1].isalpha() else "")
                if c in GREEK_LATEX else c
                for c in word
            )  # fmt: skip
            pieces.append(rf"\mathit{{{inner.rstrip()}}}")
        else:
            escaped = "".join(TEXT_ESCAPES.get(c, c) for c in word)
            pieces.append(rf"\text{{{escaped}}}")
    return pieces[0] if len(pieces) == 1 else f"{{{''.join(pieces)}}}"


def _is_mathematical(character: str) -> bool:
    """Whether a character of a name exists in mathematical italics."""
    return character in GREEK_LATEX or character == "_" or (character.isascii() and character.isalnum())


def _word(text: str) -> str:
    if text in WORDS_LATEX:
        return f"\\{text}"
    if all(_is_mathematical(c) or c in "-." for c in text):
        inner = "".join("\\_" if c == "_" else r"\text{-}" if c == "-" else GREEK_LATEX.get(c, c) for c in text)
        return rf"\mathrm{{{inner}}}" if len(text) == 1 else rf"\mathop{{\mathrm{{{inner}}}}}"
    return rf"\mathop{{{text_in_latex(text)}}}"


def _number(text: str) -> str:
    mantissa, _, exponent = text.partition("e")
    sign, digits = ("-", mantissa[1:]) if mantissa.startswith("-") else ("", mantissa)
    digits = {"∞": r"\infty", "NaN": r"\mathrm{NaN}"}.get(digits, digits)
    if exponent:
        power = f"10^{{{exponent.removeprefix('+')}}}"
        digits = power if digits == "1" else rf"{digits} \cdot {power}"
    return sign + digits


def _sign(text: str, form: str) -> str:
    table = LARGE_LATEX if form == "large" else SIGN_LATEX
    command = table.get(text) or SIGN_LATEX.get(text) or GREEK_LATEX.get(text)
    if command is None:
        raise ValueError(
            f"The LaTeX printer knows no command for the sign {text!r} (U+{ord(text[:1] or ' '):04X}). Add it to SIGN_LATEX"
            " in chainrule/explain/printing/characters.py, or use a Letter or a Word."
        )
    return command


def _row(items: tuple[Box, ...]) -> str:
    pieces: list[str] = []
    for index, item in enumerate(items):
        before = items[index - 1] if index else None
        written = latex_of(item)
        if before is not None and not is_infix(before) and written.startswith("-") and not is_infix(item):
            written = f"{{{written}}}"  # a minus beside an operand would be read as a difference
        if before is not None:
            joined = gap(before, item)
            near_word = isinstance(bare(before), Word) or isinstance(bare(item), Word)
            if isinstance(bare(before), Prose) or isinstance(bare(item), Prose):
                pieces.append(" " if is_infix(before) or is_infix(item) else r" \; ")
            elif joined is Gap.THIN and not near_word:
                pieces.append(r" \, ")
            else:
                apart = joined is not Gap.NONE or is_infix(before) or is_infix(item)
                pieces.append(" " * (apart or (_runs_on(pieces[-1]) and written[:1].isalpha())))
        pieces.append(written)
    text = "".join(pieces)
    for comma in (",", ";"):
        text = text.replace(f" {comma} ", f"{comma} ")
    return text


def _runs_on(text: str) -> bool:
    """Whether the text ends with a command, which a letter behind it would lengthen."""
    return text[-1:].isalpha() and "\\" in text and text[text.rindex("\\") + 1 :].isalpha()


def _scripts(box: Scripts) -> str:
    base = latex_of(box.base)
    inner = bare(box.base)
    tall = isinstance(inner, Fence) and is_tall(inner)
    single = (
        isinstance(inner, Letter | Sign | Word | Numeral | Fence | Grid | Accent | Root)
        and not base.startswith("{")
        and not tall
    )
    written = base if single else f"{{{base}}}"
    below = "" if box.below is None else f"_{{{_script(box.below)}}}"
    above = "" if box.above is None else f"^{{{_script(box.above)}}}"
    return written + below + above


def _script(box: Box) -> str:
    """A word as a script is no operator: it is applied to nothing."""
    written = latex_of(box)
    if isinstance(bare(box), Word):
        name = written.removeprefix("\\")
        if name in WORDS_LATEX:
            return rf"\mathrm{{{name}}}"
        if written.startswith(r"\mathop{"):
            return written.removeprefix(r"\mathop{").removesuffix("}")
    return written


def _limits(sign: Box, below: Box | None, above: Box | None) -> str:
    inner = bare(sign)
    written = latex_of(sign)
    if not (isinstance(inner, Word) or (isinstance(inner, Sign) and inner.form == "large")):
        written = rf"\mathop{{{written}}}"
    lower = "" if below is None else f"_{{{latex_of(below)}}}"
    upper = "" if above is None else f"^{{{latex_of(above)}}}"
    return rf"{written}\limits{lower}{upper}" if isinstance(inner, Word) else f"{written}{lower}{upper}"


def _fence(inside: Box, left: str, right: str) -> str:
    try:
        opening, closing = DELIMITERS_LATEX[left][0], DELIMITERS_LATEX[right][1]
    except KeyError as unknown:
        raise ValueError(
            f"The LaTeX printer knows no delimiter {unknown.args[0]!r}: use one of {' '.join(DELIMITERS_LATEX)}."
        ) from None
    body = latex_of(inside)
    if is_tall(inside):
        return rf"\mathopen{{}}\left{opening or '.'} {body} \right{closing or '.'}\mathclose{{}}"
    opening += " " if opening[:1] == "\\" and body[:1].isalpha() else ""
    closing = " " + closing if closing[:1] == "\\" and _runs_on(body) else closing
    return f"{opening}{body}{closing}"


def _accent(base: Box, kind: str) -> str:
    if kind not in ACCENT_LATEX:
        raise ValueError(f"The LaTeX printer knows no accent {kind!r}: use one of {', '.join(ACCENT_LATEX)}.")
    inner = bare(base)
    single = isinstance(inner, Letter) and len(inner.text) == 1
    dotless = {"i": r"\imath", "j": r"\jmath"}.get(inner.text) if isinstance(inner, Letter) else None
    return f"{ACCENT_LATEX[kind][0 if single else 1]}{{{dotless or latex_of(base)}}}"


def _grid(rows: tuple[tuple[Box, ...], ...]) -> str:
    if not rows:
        return r"[\,]"
    lines = r" \\ ".join(" & ".join(latex_of(cell) for cell in cells) for cells in rows)
    columns = max(map(len, rows))
    if columns <= MOST_COLUMNS:
        return rf"\begin{{bmatrix}} {lines} \end{{bmatrix}}"
    return rf"\left[\begin{{array}}{{{'c' * columns}}} {lines} \end{{array}}\right]"
