"""Elementwise functions: exponentials, logarithms, and the functions that are made of them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule.boxes import Accent, Box, Fence, Letter, Numeral, Row, Scripts, Word, row
from chainrule.notation import Notation, Operand, call, custom
from chainrule.ops.choice import keep
from chainrule.shapes import ArrayType, inexact
from chainrule.trace import primitive

LOG_2 = math.log(2)
LOG_10 = math.log(10)

# -- exponentials ------------------------------------------------------------------------------------------------------


def _exponential(base: str) -> Notation:
    return custom(
        f"{base}^",
        lambda texts: f"{base}**({texts[0]})",
        precedence=40,
        draw=lambda operands: Scripts(Numeral(base), above=operands[0][0]),
    )


def _draw_exponential(operands: list[Operand]) -> Box:
    # A power of e where the exponent is a word or two, exp( ) where it would have to be read in small print.
    inside = operands[0][0]
    short = isinstance(inside, Letter | Numeral | Scripts | Accent) or (
        isinstance(inside, Row) and len(inside.items) <= 3
    )
    return Scripts(Letter("e"), above=inside) if short else row(Word("exp"), Fence(inside))


exp = primitive(
    "exp",
    forward=np.exp,
    vjp=lambda g, y, x: g * y,
    notation=custom("exp", lambda texts: f"exp({texts[0]})", draw=_draw_exponential),
)

exp2 = primitive(
    "exp2",
    forward=np.exp2,
    vjp=lambda g, y, x: g * (LOG_2 * y),
    notation=_exponential("2"),
)

expm1 = primitive(
    "expm1",
    forward=np.expm1,
    vjp=lambda g, y, x: g * exp(x),  # y + 1 would lose all digits where x is far below 0
    notation=call(r"\operatorname{expm1}"),
)

# -- logarithms --------------------------------------------------------------------------------------------------------

log = primitive(
    "log",
    forward=np.log,
    vjp=lambda g, y, x: g / x,
    notation=call(r"\log"),
    domain=(0.2, 2.0),
)

log2 = primitive(
    "log2",
    forward=np.log2,
    vjp=lambda g, y, x: g / (LOG_2 * x),
    notation=call(r"\log_2", "log2"),
    domain=(0.2, 2.0),
)

log10 = primitive(
    "log10",
    forward=np.log10,
    vjp=lambda g, y, x: g / (LOG_10 * x),
    notation=call(r"\log_{10}", "log10"),
    domain=(0.2, 2.0),
)

log1p = primitive(
    "log1p",
    forward=np.log1p,
    vjp=lambda g, y, x: g / (1 + x),
    notation=call(r"\operatorname{log1p}"),
    domain=(-0.7, 2.0),
)

# -- the logistic function and the logarithms of sums ------------------------------------------------------------------


def _logistic(x: Any) -> Any:
    if np.asarray(x).dtype.kind not in "fc":
        x = np.asarray(x, dtype=np.float64)
    with np.errstate(over="ignore", under="ignore"):
        return 1 / (1 + np.exp(np.negative(x)))


sigmoid = primitive(
    "sigmoid",
    forward=_logistic,
    vjp=lambda g, y, x: g * (y * (1 - y)),
    shape=lambda x: ArrayType(x.shape, inexact(x.dtype)),
    elementwise=True,
    notation=call(r"\sigma", "sigmoid"),
)
sigmoid.__doc__ = """The logistic function 1 / (1 + e^(-x)), without overflow.

Its derivative is y (1 - y), from the value y of the forward pass.

>>> import chainrule as cr
>>> float(cr.sigmoid(0.0)), float(cr.grad(cr.sigmoid)(0.0))
(0.5, 0.25)
"""

# d log(exp a + exp b) is shared by sigmoid(a - b), which neither overflows nor loses digits; nothing changes where both are -inf.
logaddexp = primitive(
    "logaddexp",
    forward=np.logaddexp,
    vjp=(
        lambda g, y, a, b: keep(g * sigmoid(a - b), y != -np.inf),
        lambda g, y, a, b: keep(g * sigmoid(b - a), y != -np.inf),
    ),
    notation=call(r"\operatorname{logaddexp}"),
    complex_input=False,
)

logaddexp2 = primitive(
    "logaddexp2",
    forward=np.logaddexp2,
    vjp=(
        lambda g, y, a, b: keep(g * sigmoid(LOG_2 * (a - b)), y != -np.inf),
        lambda g, y, a, b: keep(g * sigmoid(LOG_2 * (b - a)), y != -np.inf),
    ),
    notation=call(r"\operatorname{logaddexp2}"),
    complex_input=False,
)

__all__ = ["exp", "exp2", "expm1", "log", "log1p", "log2", "log10", "logaddexp", "logaddexp2", "sigmoid"]
