"""Arithmetic: the operations of the operators + - * / and unary minus."""

from __future__ import annotations

import operator

import numpy as np

from chainrule.notation import fraction, infix, prefix
from chainrule.trace import primitive

add = primitive(
    "add",
    forward=np.add,
    execute=operator.add,
    vjp=(lambda g, y, a, b: g, lambda g, y, a, b: g),
    notation=infix("+", 10),
    linear=True,
)

subtract = primitive(
    "subtract",
    forward=np.subtract,
    execute=operator.sub,
    vjp=(lambda g, y, a, b: g, lambda g, y, a, b: -g),
    notation=infix("-", 10),
    linear=True,
)

multiply = primitive(
    "multiply",
    forward=np.multiply,
    execute=operator.mul,
    vjp=(lambda g, y, a, b: g * b, lambda g, y, a, b: g * a),
    notation=infix(r"\odot", 20, "*"),
    multilinear=True,
)

divide = primitive(
    "divide",
    forward=np.divide,
    execute=operator.truediv,
    vjp=(lambda g, y, a, b: g / b, lambda g, y, a, b: -g * y / b),
    notation=fraction(),
    domain=((-2.0, 2.0), (0.5, 2.5)),
)

negative = primitive(
    "negative",
    forward=np.negative,
    execute=operator.neg,
    vjp=(lambda g, y, x: -g,),
    notation=prefix("-"),
    linear=True,
)

positive = primitive(
    "positive",
    forward=np.positive,
    execute=operator.pos,
    vjp=(lambda g, y, x: g,),
    notation=prefix("+"),
    linear=True,
)

__all__ = ["add", "divide", "multiply", "negative", "positive", "subtract"]
