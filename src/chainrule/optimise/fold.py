"""Constant folding: a node that reads constants only has a known result, and its readers get that.

The result was computed once, while the graph was recorded, and is kept. A result that needs much more memory than what
it is made of is left to be computed when the graph runs.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule.graph import COMPONENT, Graph, Node
from chainrule.optimise.rewriting import Constant, is_known, is_plain, rewrite

LARGEST_GROWTH = 1 << 20  # bytes that a folded result may need more than its sources


def stored_bytes(value: Any) -> int:
    """The memory that a value needs: a number broadcast over an array needs that of the number.

    >>> stored_bytes(np.ones(4)), stored_bytes(np.broadcast_to(1.0, (1000,))), stored_bytes(2.0)
    (32, 8, 8)
    """
    if isinstance(value, tuple):
        return sum(map(stored_bytes, value))
    if not isinstance(value, np.ndarray):
        return int(getattr(value, "nbytes", 8))
    lengths = (length for length, stride in zip(value.shape, value.strides, strict=True) if stride)
    return value.itemsize * math.prod(lengths)


def fold(graph: Graph) -> Graph:
    """The graph with what depends on no input computed.

    >>> import chainrule as cr
    >>> from chainrule.primitive import operations, primitives
    >>> nine = operations["constant_node"](9.0)
    >>> root = Node.of(primitives["sqrt"], (nine,), (nine.value,), {}, np.float64(3.0))
    >>> print(fold(Graph.of((), (root,))).outputs[0].value)
    3.0

    An operation that reads an input, and whose result does not depend on it (`full_like`), is a line of the table of
    identities.
    """
    return rewrite(graph, _folded)


def _folded(node: Node) -> Constant | None:
    if any(source is not None for source in node.inputs):
        return None
    if node.primitive is not COMPONENT and not is_known(node.primitive):
        return None
    parts = node.value if isinstance(node.value, tuple) else (node.value,)
    if not all(map(is_plain, parts)):
        return None
    if stored_bytes(node.value) > sum(map(stored_bytes, node.arguments)) + LARGEST_GROWTH:
        return None
    return Constant(node.value)
