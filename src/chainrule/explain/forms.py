"""Forms that only a reader needs: outer products, indicators, rows of ones and the like, with how each is written."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from chainrule.boxes import Box, Fence, Numeral, Scripts, Sign, row
from chainrule.explain.expression import Form
from chainrule.notation import Notation, call, custom, fitted
from chainrule.ops.choice import iverson


def _written(draw: Callable[..., Box], precedence: int = 50) -> Notation:
    return custom("", lambda texts: ", ".join(texts), precedence, draw)


ones = Form("ones", lambda *, shape: np.ones(shape), _written(lambda operands, *, shape: Sign("𝟏", "atom")))
outer = Form(
    "outer",
    lambda a, b: a[:, None] * b,
    _written(lambda x: row(fitted(x[0], 21), _transposed(fitted(x[1], 41))), 20),
)
column = Form("column", lambda a: a[:, None], _written(lambda x: x[0][0]))
transposed = Form("transposed", np.transpose, _written(lambda x: _transposed(fitted(x[0], 41)), 40))
indicator = Form(
    "indicator",
    lambda mask: np.asarray(mask != 0, np.float64)[()],
    _written(lambda x: iverson(x[0][0])),
    elementwise=True,
)
# 1 where a is greater than b, 1/2 where they are equal, as the convention for ties has it.
greater_indicator = Form(
    "greater_indicator",
    lambda a, b: np.heaviside(np.subtract(a, b), 0.5),
    _written(lambda x: iverson(row(x[0][0], ">", x[1][0]))),
    elementwise=True,
)
# 1 where an element is the extreme over the axes, shared evenly where several attain it.
extreme_indicator = Form(
    "extreme_indicator",
    lambda x, extreme, *, axis: (
        np.equal(x, extreme) / np.maximum(np.sum(np.equal(x, extreme), axis=axis, keepdims=True), 1)
    ),
    _written(lambda x, *, axis: iverson(row(x[0][0], "=", x[1][0]))),
    elementwise=True,
)
spelled_exponential = Form("exp", np.exp, call(r"\exp"), elementwise=True)  # where e is a name of the program
squared_norm = Form("squared_norm", lambda x: np.sum(np.abs(x) ** 2), _written(lambda x: _norm(x[0][0]), 40))


def _transposed(box: Box) -> Box:
    if isinstance(box, Scripts) and box.above is None:
        return Scripts(box.base, below=box.below, above=Sign("⊤", "atom"))
    return Scripts(Fence(box) if isinstance(box, Scripts) else box, above=Sign("⊤", "atom"))


def _norm(box: Box) -> Box:
    return Scripts(Fence(box, "‖", "‖"), above=Numeral("2"))
