"""Documents as LaTeX: a fragment to put into one's own text, or a whole document that compiles by itself."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

from chainrule.boxes import Box
from chainrule.explain.document import Block, Code, Display, Document, Heading, Listing, Paragraph, Table
from chainrule.explain.printing.characters import GREEK_LATEX, SIGN_LATEX, printable_lines
from chainrule.explain.printing.display_latex import rows_in_latex
from chainrule.explain.printing.latex import TEXT_ESCAPES, latex_of
from chainrule.explain.printing.rows import WIDEST_PAGE, labels_fit

HEADINGS = {1: "section*", 2: "subsection*", 3: "subsubsection*"}

PREAMBLE = r"""\documentclass[11pt,a4paper]{article}
% Compile with lualatex or xelatex. amsmath, amssymb, fontspec and geometry are all that a fragment of it needs.
\usepackage[margin=22mm]{geometry}
\usepackage{amsmath,amssymb}
\usepackage[no-math]{fontspec}
"""
ENGLISH_FONTS = r"""\IfFontExistsTF{DejaVu Sans Mono}{\setmonofont[Scale=0.82]{DejaVu Sans Mono}}{}
"""
CJK_FONTS = r"""% The first of these fonts that is installed sets the text; each has Latin letters and Hangul.
\newif\iffound
\def\tryfont#1{\iffound\else\IfFontExistsTF{#1}{\setmainfont{#1}\foundtrue}{}\fi}
\tryfont{Noto Serif CJK KR}\tryfont{Noto Serif KR}\tryfont{NanumMyeongjo}\tryfont{AppleMyungjo}\tryfont{Batang}
\tryfont{UnBatang}\tryfont{Noto Sans CJK KR}\tryfont{NanumGothic}\tryfont{Malgun Gothic}
\iffound\else\PackageError{fontspec}{No font with Hangul}{Install Noto Serif CJK KR or NanumMyeongjo.}\fi
\IfFontExistsTF{Noto Sans Mono CJK KR}{\setmonofont[Scale=0.85]{Noto Sans Mono CJK KR}}{}
\ifdefined\XeTeXlinebreaklocale\XeTeXlinebreaklocale "ko"\fi
\linespread{1.25}
"""
LAYOUT = r"""\setlength{\parindent}{0pt}
\setlength{\parskip}{6pt plus 2pt}
\setlength{\emergencystretch}{3em}
\setlength{\fboxsep}{6pt}
\allowdisplaybreaks
\pagestyle{plain}
"""


def print_latex(document: Document, standalone: bool = True) -> str:
    """The document as LaTeX, ending in a newline.

    A standalone document compiles with lualatex or xelatex, and in Korean (or with Hangul in a name) needs one of the
    usual Korean fonts. A fragment needs amsmath and amssymb, and the fonts of the text around it.

    >>> print_latex(Document("f", (Paragraph(("50%",)),)), standalone=False)
    '\\\\section*{f}\\n\\n50\\\\%\\n'
    """
    blocks: list[Block] = [Heading(document.title, 1)] if document.title else []
    parts = [_block(block) for block in (*blocks, *document.blocks)]
    body = "\n\n".join(part for part in parts if part) + "\n"
    if not standalone:
        return body
    fonts = CJK_FONTS if document.language == "ko" or _has_cjk(body) else ENGLISH_FONTS
    return f"{PREAMBLE}{fonts}{LAYOUT}\\begin{{document}}\n\n{body}\n\\end{{document}}\n"


def _has_cjk(text: str) -> bool:
    return any("\u1100" <= c <= "\u11ff" or "\u2e80" <= c <= "\ud7ff" or "\uf900" <= c <= "\ufaff" for c in text)


def _block(block: Block) -> str:
    match block:
        case Heading(text, depth):
            return rf"\{HEADINGS.get(depth, 'paragraph*')}{{{escaped(text)}}}"
        case Paragraph():
            return _paragraph(block)
        case Display(lines):
            return _display(block) if lines else ""
        case Listing(items):
            body = "\n".join(rf"\item {_inline(item.parts)}" for item in items)
            return f"\\begin{{itemize}}\n{body}\n\\end{{itemize}}" if items else ""
        case Code(text, _):
            return _code(text)
        case Table(headings, rows):
            return _table(headings, rows)


def escaped(text: str) -> str:
    """Words in which TeX finds no command; the signs of mathematics, which text fonts may lack, become formulas.

    >>> escaped("θ_1 → 50%")
    '$\\\\theta$\\\\_1 $\\\\to$ 50\\\\%'
    """
    pieces: list[str] = []
    for is_sign, run in itertools.groupby(printable_lines(text), key=_is_mathematical):
        characters = list(run)
        if is_sign:
            pieces.append(f"${' '.join(GREEK_LATEX.get(c) or SIGN_LATEX[c] for c in characters)}$")
        else:
            pieces.append("".join(TEXT_ESCAPES.get(c, c) for c in characters))
    return "".join(pieces)


def _is_mathematical(character: str) -> bool:
    return not character.isascii() and character not in "·…°†" and (character in GREEK_LATEX or character in SIGN_LATEX)


def _inline(parts: Iterable[str | Box]) -> str:
    return "".join(escaped(part) if isinstance(part, str) else f"${latex_of(part)}$" for part in parts)


def _paragraph(paragraph: Paragraph) -> str:
    text = _inline(paragraph.parts)
    if paragraph.role == "note":
        return f"\\begin{{quote}}\\small\n{text}\n\\end{{quote}}"
    if paragraph.role == "warning":
        return f"\\noindent\\fbox{{\\parbox{{\\dimexpr\\linewidth-2\\fboxsep-2\\fboxrule}}{{\\textbf{{!}} {text}}}}}"
    return text


def _display(display: Display) -> str:
    """Rows aligned at the first relation; labels stand in a column where they fit, and the lines' own numbers are tags."""
    rows: list[str] = []
    in_column = labels_fit(display, WIDEST_PAGE)
    for formula, label, tag in rows_in_latex(display):
        if "&" not in formula:
            formula += " &"
        ending = (rf" &\qquad& {label}" if in_column else rf" \qquad {label}") if label else ""
        rows.append(formula + ending + (rf" \tag{{{escaped(tag)}}}" if tag else ""))
    body = " \\\\\n".join(rows)
    environment = ("alignat*", "{2}") if in_column else ("align*", "")
    return f"\\begin{{{environment[0]}}}{environment[1]}\n{body}\n\\end{{{environment[0]}}}"


def _code(text: str) -> str:
    """Lines as they are; what would end the environment is the one thing that cannot stand in it."""
    lines = printable_lines(text.rstrip("\n")).replace("\\end{verbatim}", "\\end {verbatim}")
    return f"{{\\small\n\\begin{{verbatim}}\n{lines}\n\\end{{verbatim}}}}"


def _table(headings: tuple[tuple[str | Box, ...], ...], rows: tuple[tuple[tuple[str | Box, ...], ...], ...]) -> str:
    count = max([len(headings), *(len(row) for row in rows)])
    if not count:
        return ""

    def line_of(cells: tuple[tuple[str | Box, ...], ...]) -> str:
        written = [_inline(cell) for cell in cells]
        return " & ".join(written + [""] * (count - len(written))) + r" \\"

    body = "\n".join([line_of(headings), r"\hline", *map(line_of, rows)])
    return f"\\begin{{center}}\n\\begin{{tabular}}{{{'l' * count}}}\n{body}\n\\end{{tabular}}\n\\end{{center}}"
