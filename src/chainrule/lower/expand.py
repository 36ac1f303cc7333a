"""Composed operations taken apart: softmax, mean, variance and their like become the operations that they are made of, which fuse.

The parts are those that the operation itself runs in NumPy, in the same order, so that both give the same numbers but for the order in
which sums are added up.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.graph import INPUT, Graph, Node
from chainrule.lower import rearranging, windows
from chainrule.lower.contraction import contract
from chainrule.optimise.rewriting import Constant, Operand, is_known, make, operands
from chainrule.primitive import Primitive, primitives
from chainrule.shapes import type_of


class Builder:
    """Makes the nodes that stand in the place of one. Only what depends on no input is computed; the value of any other node has its
    shape and dtype, and zeros that take no memory."""

    def __init__(self, like: Node) -> None:
        self.like = like
        self.made: list[Node] = []

    def __call__(self, name: str, *given: Operand | float, **parameters: Any) -> Any:
        """The node of an operation on other nodes, constants or numbers; a constant where it reads no node."""
        taken = tuple(Constant(one) if isinstance(one, float | int) else one for one in given)
        primitive = primitives[name]
        if all(isinstance(one, Constant) for one in taken):
            return Constant(primitive.execute(*(one.value for one in taken), **parameters))
        node = make(primitive, taken, parameters, _zeros(primitive, taken, parameters), self.like)
        self.made.append(node)
        return node

    def floating(self, x: Operand) -> Operand:
        """x as floating numbers."""
        return x if x.value.dtype.kind == "f" else self("astype", x, dtype=np.dtype(float))

    def truth(self, x: Operand) -> Operand:
        """Where x is not zero."""
        return x if x.value.dtype == np.bool_ else self("not_equal", x, 0)


def _zeros(primitive: Primitive, taken: tuple[Operand, ...], parameters: dict[str, Any]) -> Any:
    """A value of the shape and dtype that an operation gives."""
    assert primitive.shape is not None, "the operations that others are made of declare their shapes"
    found = primitive.shape(*(type_of(one.value) for one in taken), **parameters)
    return np.broadcast_to(np.zeros((), found.dtype), found.shape) if found.shape else found.dtype.type(0)


def _count(x: Operand, axis: tuple[int, ...]) -> int:
    return math.prod(x.value.shape[i] for i in axis)


def _mean(b: Builder, x: Operand, *, axis: tuple[int, ...], keepdims: bool) -> Node:
    x = b.floating(x)
    return b("divide", b("sum", x, axis=axis, keepdims=keepdims), _count(x, axis))


def _variance(b: Builder, x: Operand, *, axis: tuple[int, ...], ddof: float, keepdims: bool) -> Node:
    deviation = b("subtract", x, b("divide", b("sum", x, axis=axis, keepdims=True), _count(x, axis)))
    squares = b("multiply", deviation, deviation)
    return b("divide", b("sum", squares, axis=axis, keepdims=keepdims), max(_count(x, axis) - ddof, 0))


def _deviation(b: Builder, x: Operand, **how: Any) -> Node:
    return b("sqrt", _variance(b, x, **how))


def _largest(b: Builder, x: Operand, axis: tuple[int, ...]) -> Node:
    limit = float(np.finfo(x.value.dtype).max)
    top = b("max", x, axis=axis, keepdims=True)
    return b("minimum", b("maximum", top, -limit), limit)


def _softmax(b: Builder, x: Operand, *, axis: tuple[int, ...]) -> Node:
    x = b.floating(x)
    raised = b("exp", b("subtract", x, _largest(b, x, axis)))
    return b("divide", raised, b("sum", raised, axis=axis, keepdims=True))


def _log_softmax(b: Builder, x: Operand, *, axis: tuple[int, ...]) -> Node:
    x = b.floating(x)
    shifted = b("subtract", x, _largest(b, x, axis))
    return b("subtract", shifted, b("log", b("sum", b("exp", shifted), axis=axis, keepdims=True)))


def _logsumexp(b: Builder, x: Operand, *, axis: tuple[int, ...], keepdims: bool) -> Node:
    x = b.floating(x)
    top = _largest(b, x, axis)
    total = b("add", b("log", b("sum", b("exp", b("subtract", x, top)), axis=axis, keepdims=True)), top)
    if keepdims or not axis:
        return total
    return b("reshape", total, shape=tuple(length for d, length in enumerate(x.value.shape) if d not in axis))


def _share_evenly(b: Builder, g: Operand, x: Operand, y: Operand, *, axis: tuple[int, ...]) -> Node:
    attained = b("logical_or", b("equal", x, y), b("logical_and", b("isnan", x), b("isnan", y)))
    count = b("sum", b("astype", attained, dtype=g.value.dtype), axis=axis, keepdims=True)
    return b("keep", b("divide", g, b("maximum", count, 1)), attained)


def _count_nonzero(b: Builder, x: Operand, *, axis: tuple[int, ...], keepdims: bool) -> Node:
    return b("sum", b("astype_of_counts", b.truth(x), dtype=np.dtype(np.intp)), axis=axis, keepdims=keepdims)


def _truth_of(name: str) -> Callable[..., Node | None]:
    def fold(b: Builder, x: Operand, *, axis: tuple[int, ...], keepdims: bool) -> Node | None:
        if x.value.dtype == np.bool_:
            return None
        return b(name, b.truth(x), axis=axis, keepdims=keepdims)

    return fold


TABLE: dict[str, Callable[..., Node | None]] = {
    "mean": _mean,
    "var": _variance,
    "std": _deviation,
    "softmax": _softmax,
    "log_softmax": _log_softmax,
    "logsumexp": _logsumexp,
    "share_evenly": _share_evenly,
    "count_nonzero": _count_nonzero,
    "all": _truth_of("all"),
    "any": _truth_of("any"),
    "einsum": contract,
    **rearranging.RULES,
    **windows.RULES,
}
KNOWN = ("float64", "float32", "int64", "int32", "bool")


def expand(graph: Graph) -> Graph:
    """The graph with composed operations taken apart; the same graph where there are none.

    >>> import chainrule as cr
    >>> [node.primitive.name for node in expand(cr.trace(lambda x: x.mean(), np.ones(3)))]
    ['input', 'sum', 'divide']
    """
    if not any(node.primitive.name in TABLE for node in graph.nodes):
        return graph
    current: dict[Node, Node] = {}
    nodes: list[Node] = []
    anew = False
    with np.errstate(all="ignore"):
        for node in graph.nodes:
            given = tuple(one if isinstance(one, Constant) else current[one] for one in operands(node))
            parts, found = _parts(node, given)
            if found is None:
                found = node
                if anew and node.primitive is not INPUT:
                    found = make(node.primitive, given, node.parameters, node.value, node)
                parts = [found]
            else:
                anew = True
            nodes.extend(parts)
            current[node] = found
    return Graph(graph.inputs, tuple(current[node] for node in graph.outputs), tuple(nodes))


def _parts(node: Node, given: tuple[Operand, ...]) -> tuple[list[Node], Node | None]:
    """The nodes in the place of one, and the one of them that has its value; None where it stays."""
    rule = TABLE.get(node.primitive.name)
    if rule is None or not is_known(node.primitive) or any(getattr(one.value, "size", 0) == 0 for one in given):
        return [], None
    if any(one.value.dtype.name not in KNOWN for one in given) or not any(isinstance(one, Node) for one in given):
        return [], None
    builder = Builder(node)
    found = rule(builder, *given, **node.parameters)
    if found is None or found.value.dtype != node.value.dtype or np.shape(found.value) != np.shape(node.value):
        return [], None
    return builder.made, found
