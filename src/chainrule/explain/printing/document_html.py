"""Documents as HTML with MathML: one file without scripts and without a request to anywhere."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from chainrule.boxes import Box, Row, Sign
from chainrule.explain.document import Block, Code, Display, Document, Heading, Listing, Paragraph, Table
from chainrule.explain.printing.characters import printable_lines
from chainrule.explain.printing.html_style import PAGE_STYLE, STYLE
from chainrule.explain.printing.mathml import mathml_of
from chainrule.explain.printing.rows import DisplayRow, labels_fit, rows_of, width_of

WIDEST_COLUMN = 70.0  # in letters: the measure of the page below


def print_html(document: Document, standalone: bool = True) -> str:
    """The document as HTML: a page, or an element to put into one (such as a notebook's cell) with its style inside.

    >>> page = print_html(Document("f", (Paragraph(("x < y",)),), "ko"))
    >>> page.startswith('<!DOCTYPE html>\\n<html lang="ko">'), "x &lt; y" in page, "<script" in page
    (True, True, False)
    """
    blocks: list[Block] = [Heading(document.title, 1)] if document.title else []
    body = "\n".join(_block(block) for block in (*blocks, *document.blocks))
    language = escape(document.language)
    if not standalone:
        return f'<div class="chainrule-derivation" lang="{language}">\n<style>\n{STYLE}</style>\n{body}\n</div>\n'
    return (
        f'<!DOCTYPE html>\n<html lang="{language}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{_words(document.title)}</title>\n<style>\n{PAGE_STYLE}{STYLE}</style>\n</head>\n"
        f'<body>\n<main class="chainrule-derivation">\n{body}\n</main>\n</body>\n</html>\n'
    )


def _block(block: Block) -> str:
    match block:
        case Heading(text, depth):
            return f"<h{depth}>{_words(text)}</h{depth}>"
        case Paragraph():
            role = "" if block.role == "text" else f' class="{escape(block.role)}"'
            return f"<p{role}>{_inline(block.parts)}</p>"
        case Display():
            return _display(block)
        case Listing(items):
            return "<ul>\n" + "\n".join(_item(item) for item in items) + "\n</ul>"
        case Code(text, language):
            return f'<pre><code class="language-{escape(language)}">{_words(text.rstrip())}</code></pre>'
        case Table(headings, rows):
            return _table(headings, rows)


def _words(text: str) -> str:
    return escape(printable_lines(text), quote=False)


def _inline(parts: Iterable[str | Box]) -> str:
    return "".join(_words(part) if isinstance(part, str) else mathml_of(part) for part in parts)


def _item(item: Paragraph) -> str:
    role = "" if item.role == "text" else f' class="{escape(item.role)}"'
    return f"<li{role}>{_inline(item.parts)}</li>"


def _display(display: Display) -> str:
    """A grid of four columns: what stands before the relation, the rest, the label, the number.

    Labels that find no room in a column of their own stand behind their formulas.
    """
    in_column = labels_fit(display, WIDEST_COLUMN)
    rows = [_row(row, in_column) for line in display.lines for row in rows_of(line, WIDEST_COLUMN, width_of)]
    return '<div class="display"><div class="lines">\n' + "\n".join(rows) + "\n</div></div>" if rows else ""


def _row(row: DisplayRow, in_column: bool) -> str:
    left = "" if row.left is None else mathml_of(row.left, display=True)
    steps = [box if relation is None else Row((Sign(relation), box)) for relation, box in row.steps]
    # A narrow page breaks between them, at a space of no width: the relation brings its own.
    right = "&#8203;".join(mathml_of(step, display=True) for step in steps)
    goes_on = " more" if row.steps and row.steps[0][0] is None else ""
    anchor, label, tag = "", "", ""
    if row.line is not None:
        anchor = f' data-anchor="{escape(row.line.anchor)}"' if row.line.anchor else ""
        label = _inline(row.line.label)
        tag = f"({_words(row.line.tag)})" if row.line.tag else ""
    if label and not in_column:
        right, label = f'{right} <span class="label">{label}</span>', ""
    start = " first" if row.line is not None else ""
    return (
        f'<div class="row{start}"{anchor}><div class="left">{left}</div><div class="right{goes_on}">{right}</div>'
        f'<div class="label">{label}</div><div class="tag">{tag}</div></div>'
    )


def _table(headings: tuple[tuple[str | Box, ...], ...], rows: tuple[tuple[tuple[str | Box, ...], ...], ...]) -> str:
    head = "".join(f"<th>{_inline(cell)}</th>" for cell in headings)
    body = "\n".join("<tr>" + "".join(f"<td>{_inline(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return (
        f'<div class="wide"><table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table></div>'
        if headings or rows
        else ""
    )
