"""The text of an expression, by the places that its syntax tree names."""

from __future__ import annotations

import ast
import re


class SourceText:
    """A text of which parts are shown by their places in the syntax tree; its lines are found once.

    >>> SourceText("q = x + y").part(ast.parse("q = x + y").body[0].value)
    'x + y'
    """

    def __init__(self, text: str) -> None:
        self.lines = [line.encode() for line in re.split(r"\r\n|\r|\n", text)]  # columns count bytes of UTF-8

    def part(self, tree: ast.expr | ast.stmt) -> str:
        """What the user wrote for a part of the tree, in one line."""
        end = tree.end_lineno or tree.lineno
        lines = self.lines[tree.lineno - 1 : end]
        lines[-1] = lines[-1][: tree.end_col_offset]
        lines[0] = lines[0][tree.col_offset :]
        return " ".join(b" ".join(lines).decode().split())
