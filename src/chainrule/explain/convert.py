"""Nodes of a graph in, expressions out: which form each operation takes on paper.

The table names the operations that are written as sums, products, powers, transposes or not at all; every other one
stays a function applied to its operands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from chainrule.boxes import Letter
from chainrule.explain import arrays, forms
from chainrule.explain.algebra import negative, number, power, product, quotient, total
from chainrule.explain.arrays import transpose
from chainrule.explain.expression import Apply, Expression, Form, Number, Product, Symbol
from chainrule.graph import INPUT, Node
from chainrule.primitive import primitives
from chainrule.traced import concrete

Conversion = Callable[[Node, tuple[Expression, ...]], Expression]


def _transpose(node: Node, operands: tuple[Expression, ...]) -> Expression:
    axes = node.parameters["axes"]
    if axes == tuple(range(len(axes)))[::-1]:
        return transpose(operands[0])
    return Apply(node.primitive, operands, node.parameters)


def _slice(node: Node, operands: tuple[Expression, ...]) -> Expression:
    (x,) = operands
    index = node.parameters["index"]
    if len(x.shape) == 1:
        if index in ((Ellipsis, None), (slice(None), None)):
            return arrays.reshaped(x, (x.shape[0], 1))
        if index in ((Ellipsis, None, slice(None)), (None, slice(None)), (None, Ellipsis), (None,)):
            return x  # a row: NumPy reads a vector as one
    return Apply(node.primitive, operands, node.parameters)


def _mean(node: Node, operands: tuple[Expression, ...]) -> Expression:
    (x,) = operands
    count = int(np.prod([x.shape[axis] for axis in node.parameters["axis"]], dtype=int))
    return quotient(arrays.summed(x, primitives["sum"], node.parameters), count_term(count))


def count_term(count: int) -> Expression:
    """How many elements a mean was taken over, as the symbol n; 1 is 1.

    >>> count_term(3).value
    3
    """
    return Symbol(("count", count), Letter("n"), count) if count > 1 else number(1)


def counts_in(nodes: Iterable[Node]) -> set[int]:
    """How many elements the means among these nodes were taken over."""
    return {
        int(np.prod([np.shape(node.arguments[0])[axis] for axis in node.parameters["axis"]], dtype=int))
        for node in nodes
        if node.primitive.name == "mean"
    }


CONVERSIONS: dict[str, Conversion] = {
    "add": lambda node, x: total(*x),
    "subtract": lambda node, x: total(x[0], negative(x[1])),
    "negative": lambda node, x: negative(x[0]),
    "positive": lambda node, x: x[0],
    "copy": lambda node, x: x[0],
    "multiply": lambda node, x: product(*x),
    "divide": lambda node, x: quotient(*x),
    "reciprocal": lambda node, x: quotient(number(1), x[0]),
    "square": lambda node, x: power(x[0], number(2)),
    "power": lambda node, x: power(*x),
    "power_ufunc": lambda node, x: power(*x),
    "float_power": lambda node, x: power(*x),
    "matmul": lambda node, x: arrays.matmul(*x),
    "transpose": _transpose,
    "broadcast_to": lambda node, x: arrays.broadcast(x[0], node.parameters["shape"]),
    "reshape": lambda node, x: arrays.reshaped(x[0], node.parameters["shape"]),
    "slice": _slice,
    "sum": lambda node, x: arrays.summed(x[0], node.primitive, node.parameters),
    "mean": _mean,
    "keep": lambda node, x: product(x[0], Apply(forms.indicator, x[1:])),
    "greater_part": lambda node, x: product(x[0], Apply(forms.greater_indicator, x[1:])),
    "where": lambda node, x: arrays.chosen(*x, function=node.primitive),
    "astype": lambda node, x: x[0],
    "share_evenly": lambda node, x: product(
        x[0], Apply(forms.extreme_indicator, (x[1], _unshaped(x[2])), node.parameters)
    ),
    "gather": lambda node, x: _linear(node, x),
    "scatter": lambda node, x: _linear(node, x),
    "embed": lambda node, x: _linear(node, x),
    "exp": lambda node, x: _exponential(node, x),
    "real": lambda node, x: x[0] if np.asarray(x[0].value).dtype.kind != "c" else Apply(node.primitive, x),
}


def constant_term(value: Any) -> Expression:
    """A constant of the program: a number, or a literal array.

    >>> constant_term(2.0)
    2
    """
    plain = concrete(value)
    if np.ndim(plain) == 0 and np.asarray(plain).dtype.kind in "fiub":
        return number(np.asarray(plain)[()] if isinstance(plain, np.ndarray) else plain)
    return literal(plain)


def literal(value: Any) -> Expression:
    """An array of numbers that has no name.

    >>> literal(np.ones(2)).value
    array([1., 1.])
    """
    array = np.asarray(value)
    if array.ndim and array.size > 1 and np.all(array == 1) and array.dtype.kind == "f":
        return Apply(forms.ones, (), {"shape": array.shape})
    return Apply(Form("literal", lambda: array), (), {})


def expression_of(
    root: Node,
    symbols: Mapping[Node, Expression],
    counts: set[int],
    made: dict[Node, Expression],
    tidy: bool = True,
) -> Expression:
    """The expression of a node over the nodes that have symbols; `made` keeps what was built on the way.

    A division by one of `counts` is one by the number of elements of a mean. Without `tidy` every operation stays as it is.
    """
    stack = [root]
    while stack:
        node = stack[-1]
        if node in made:
            stack.pop()
            continue
        if node in symbols:
            made[node] = symbols[node]
            stack.pop()
            continue
        if node.primitive is INPUT:
            made[node] = literal(concrete(node.value))
            stack.pop()
            continue
        missing = [source for source in node.inputs if source is not None and source not in made]
        if missing:
            stack.extend(missing)
            continue
        operands = tuple(
            made[source] if source is not None else constant_term(argument)
            for source, argument in zip(node.inputs, node.arguments, strict=True)
        )
        if node.primitive.name == "divide" and node.inputs[1] is None and type(node.arguments[1]) is int:
            divisor = node.arguments[1]
            operands = (operands[0], count_term(divisor) if divisor in counts else operands[1])
        conversion = CONVERSIONS.get(node.primitive.name) if tidy else None
        made[node] = conversion(node, operands) if conversion else Apply(node.primitive, operands, node.parameters)
        stack.pop()
    return made[root]


def _unshaped(x: Expression) -> Expression:
    """A number without the axes of length 1 that it was given."""
    return x.inner[0] if isinstance(x, Apply) and x.name == "reshape" and x.inner[0].shape == () else x


def _linear(node: Node, operands: tuple[Expression, ...]) -> Expression:
    """An operation that is linear in its first operand: the number before that stands before the whole."""
    first = operands[0]
    if isinstance(first, Product) and first.coefficient != 1:
        rest = product(*first.factors)
        return product(Number(first.coefficient), Apply(node.primitive, (rest, *operands[1:]), node.parameters))
    return Apply(node.primitive, operands, node.parameters)


def _exponential(node: Node, operands: tuple[Expression, ...]) -> Expression:
    (x,) = operands
    if isinstance(x, Apply) and x.name == "log_softmax":
        return Apply(primitives["softmax"], x.inner, x.parameters)
    return Apply(node.primitive, operands, node.parameters)
