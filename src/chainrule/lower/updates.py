"""W − lr · (x.T @ g) found in a graph: a product that adds to its target needs no array for the gradient and no pass over it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.graph import INPUT, Graph, Node
from chainrule.lower.access import Literal


@dataclass(frozen=True, slots=True, eq=False)
class Update:
    """target + factor · scale · product, where `scale` is a number in memory or absent."""

    target: Node
    factor: float
    scale: Node | Literal | None
    product: Node


def find_updates(graph: Graph) -> tuple[dict[Node, Update], set[Node]]:
    """The nodes that are such updates, and the nodes that nobody else needs then.

    >>> import chainrule as cr
    >>> def step(W, x, g):
    ...     return W - 0.1 * (x.T @ g)
    >>> graph = cr.trace(step, np.ones((2, 3)), np.ones((4, 2)), np.ones((4, 3)))
    >>> found, skipped = find_updates(graph)
    >>> len(found), [node.primitive.name for node in graph if node in skipped]
    (1, ['matmul', 'multiply'])
    """
    users = graph.users()
    ends = set(graph.outputs)

    def private(node: Node | None) -> bool:
        return node is not None and node not in ends and len(users[node]) == 1

    updates: dict[Node, Update] = {}
    skipped: set[Node] = set()
    for node in graph.nodes:
        name = node.primitive.name
        if name not in ("subtract", "add") or None in node.inputs:
            continue
        for target, change in (node.inputs, node.inputs[::-1]) if name == "add" else (node.inputs,):
            if target is None or change is None or target is change or not private(change):
                continue
            found = _scaled_product(change, private)
            if found is None:
                continue
            product, scale, through = found
            if not _fits(node, target, product) or target in through:
                continue
            updates[node] = Update(target, -1.0 if name == "subtract" else 1.0, scale, product)
            skipped |= {change, product}
            break
    return updates, skipped


def _scaled_product(change: Node, private: Any) -> tuple[Node, Node | Literal | None, tuple[Node, ...]] | None:
    """(product, number, nodes on the way) where `change` is a product of matrices or a number times one."""
    if change.primitive.name == "matmul":
        return change, None, (change,)
    if change.primitive.name != "multiply":
        return None
    for index in (0, 1):
        product, number = change.inputs[index], change.arguments[1 - index]
        if product is None or product.primitive.name != "matmul" or not private(product):
            continue
        if np.shape(number) != () or isinstance(number, complex | bool):
            continue
        source = change.inputs[1 - index]
        scale = Literal(np.asarray(number, product.value.dtype)) if source is None else source
        if source is not None and number.dtype != product.value.dtype:
            continue
        return product, scale, (change, product)
    return None


def _fits(node: Node, target: Node, product: Node) -> bool:
    """Whether all three are matrices of one shape and type, which BLAS knows."""
    value = node.value
    return (
        isinstance(value, np.ndarray)
        and value.ndim == 2
        and value.dtype.name in ("float64", "float32")
        and all(other.value.shape == value.shape and other.value.dtype == value.dtype for other in (target, product))
        and all(getattr(argument, "ndim", 0) == 2 and argument.dtype == value.dtype for argument in product.arguments)
        and (target.primitive is INPUT or not target.primitive.view)
    )
