"""Displays as rows of LaTeX, for the printers of Markdown and of LaTeX documents."""

from __future__ import annotations

from collections.abc import Iterable

from chainrule.boxes import Box, Sign
from chainrule.explain.document import Display
from chainrule.explain.printing.latex import latex_of, text_in_latex
from chainrule.explain.printing.rows import WIDEST_PAGE, DisplayRow, rows_of, width_of


def rows_in_latex(display: Display, room: float = WIDEST_PAGE) -> list[tuple[str, str, str]]:
    """For each row its formula with `&` before the first relation, its label, and its tag.

    >>> from chainrule.boxes import Letter
    >>> from chainrule.explain.document import Line
    >>> rows_in_latex(Display((Line(Letter("y"), (("=", Letter("x")),), tag="1"),)))
    [('y &= x', '', '1')]
    """
    rows: list[tuple[str, str, str]] = []
    for line in display.lines:
        for row in rows_of(line, room, width_of):
            label = "" if row.line is None else label_in_latex(row.line.label)
            rows.append((_formula(row), label, (row.line.tag or "") if row.line is not None else ""))
    return rows


def _formula(row: DisplayRow) -> str:
    pieces = [] if row.left is None else [latex_of(row.left)]
    for index, (relation, box) in enumerate(row.steps):
        align = "&" if index == 0 else ""
        if relation is None:
            pieces.append(rf"&\qquad {latex_of(box)}")
        else:
            pieces.append(f"{align}{latex_of(Sign(relation))} {latex_of(box)}")
    return " ".join(pieces)


def label_in_latex(label: Iterable[str | Box]) -> str:
    """Words and formulas at the end of a row, in mathematical mode.

    >>> label_in_latex(("line 3",))
    '\\\\text{line 3}'
    """
    return "".join(text_in_latex(part) if isinstance(part, str) else f" {latex_of(part)} " for part in label).strip()
