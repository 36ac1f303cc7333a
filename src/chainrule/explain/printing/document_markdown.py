"""Documents as Markdown: formulas between dollar signs, displays as aligned rows, tables as GitHub writes them."""

from __future__ import annotations

import re
from collections.abc import Iterable

from chainrule.boxes import Box
from chainrule.explain.document import Block, Code, Display, Document, Heading, Listing, Paragraph, Table
from chainrule.explain.printing.characters import printable_lines
from chainrule.explain.printing.display_latex import rows_in_latex
from chainrule.explain.printing.latex import latex_of

SPECIAL = re.compile(r"[\\`*_\[\]|$~]")
AT_START = re.compile(r"^(\s*)([#+\-=]|\d+[.)])", re.MULTILINE)
# Markdown programs that know nothing of formulas drop a backslash before punctuation: commands of letters stay.
PUNCTUATION_COMMANDS = ((r"\\", r"\cr"), (r"\,", r"\thinspace"), (r"\;", r"\thickspace"), (r"\!", r"\negthinspace"))


def print_markdown(document: Document, github: bool = False) -> str:
    """The document as Markdown with `$…$` and `$$…$$`, ending in a newline.

    `github` writes formulas between dollars and backquotes instead, which GitHub alone understands and never garbles:
    between plain dollars GitHub takes the underscore of `total_loss` for a subscript.

    >>> print(print_markdown(Document("f", (Paragraph(("a * b",)),))), end="")
    # f
    <BLANKLINE>
    a \\* b
    """
    blocks: list[Block] = [Heading(document.title, 1)] if document.title else []
    parts = [_block(block, github) for block in (*blocks, *document.blocks)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _block(block: Block, github: bool) -> str:
    match block:
        case Heading(text, depth):
            return f"{'#' * depth} {escaped(text)}"
        case Paragraph():
            return _paragraph(block, github)
        case Display(lines):
            return _display(block, github) if lines else ""
        case Listing(items):
            return "\n".join("- " + _paragraph_text(item, github).replace("\n", "\n  ") for item in items)
        case Code(text, language):
            fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
            return f"{fence}{language}\n{printable_lines(text.rstrip())}\n{fence}"
        case Table(headings, rows):
            return _table(headings, rows, github)


def escaped(text: str) -> str:
    """Words in which Markdown finds nothing to interpret.

    >>> escaped("a_b < c")
    'a\\\\_b &lt; c'
    """
    text = printable_lines(text)
    text = SPECIAL.sub(lambda match: "\\" + match[0], text)
    text = re.sub(r"&(?=#?\w+;)", "&amp;", text).replace("<", "&lt;").replace(">", "&gt;")
    return AT_START.sub(lambda match: f"{match[1]}{_start(match[2])}", text)


def _start(mark: str) -> str:
    return mark[:-1] + "\\" + mark[-1] if len(mark) > 1 else "\\" + mark


def _safe(latex: str, github: bool) -> str:
    latex = latex.replace("<", r"\lt ").replace(">", r"\gt ")  # a < in the text may begin HTML
    if github:
        return latex
    for command, name in PUNCTUATION_COMMANDS:
        latex = latex.replace(command + " ", name + " ").replace(command, name + " ")
    return latex


def _inline(parts: Iterable[str | Box], github: bool) -> str:
    pieces: list[str] = []
    for part in parts:
        if isinstance(part, str):
            pieces.append(escaped(part))
        else:
            latex = _safe(latex_of(part), github)
            pieces.append(f"$`{latex}`$" if github else f"${latex.strip()}$")
    return "".join(pieces)


def _paragraph_text(paragraph: Paragraph, github: bool) -> str:
    text = _inline(paragraph.parts, github)
    return f"⚠ {text}" if paragraph.role == "warning" else text


def _paragraph(paragraph: Paragraph, github: bool) -> str:
    text = _paragraph_text(paragraph, github)
    return text if paragraph.role == "text" else "> " + text.replace("\n", "\n> ")


def _display(display: Display, github: bool) -> str:
    """One `aligned` environment; labels and tags are columns of it, since not every reader knows `\\tag` there."""
    lines: list[str] = []
    for formula, label, tag in rows_in_latex(display):
        ending = (["&&", label] if label else ["&&"]) + (["&&", rf"\text{{({tag})}}"] if tag else [])
        if "&" not in formula:
            formula += " &"
        lines.append(" ".join([formula, *(ending if label or tag else [])]))
    body = "\n".join(f"{line} \\\\" for line in lines[:-1]) + ("\n" if lines[:-1] else "") + lines[-1]
    latex = _safe(f"\\begin{{aligned}}\n{body}\n\\end{{aligned}}", github)
    latex = "\n".join(line.rstrip() for line in latex.split("\n"))
    return f"```math\n{latex}\n```" if github else f"$$\n{latex}\n$$"


def _table(
    headings: tuple[tuple[str | Box, ...], ...],
    rows: tuple[tuple[tuple[str | Box, ...], ...], ...],
    github: bool,
) -> str:
    count = max([len(headings), *(len(row) for row in rows)])

    def line_of(cells: tuple[tuple[str | Box, ...], ...]) -> str:
        written = [_inline(cell, github).replace("\n", " ") for cell in cells]
        return f"| {' | '.join(written + [''] * (count - len(written)))} |"

    return "\n".join([line_of(headings), "|" + " --- |" * count, *map(line_of, rows)]) if count else ""
