"""Common subexpressions: what is computed twice is computed once.

Two nodes are the same when they run the same operation with equal parameters on the same nodes and on equal constants.
A graph is made of values that nobody writes into, so the second node's readers can read the first one. Functions of the
user's own (`custom_derivative`, `checkpoint`) are not shared: nothing says that they give the same result twice.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Hashable
from typing import Any

import numpy as np

from chainrule.graph import COMPONENT, Graph, Node
from chainrule.optimise.rewriting import Operand, is_known, layout, rewrite

# Bit for bit the same with their operands exchanged, for all values but the bits inside a NaN.
COMMUTATIVE = frozenset({"add", "multiply", "equal", "not_equal", "logical_and", "logical_or", "logical_xor"})
SHORT = 64  # bytes up to which a constant is its own key; a longer one is known by its digest


def share(graph: Graph) -> Graph:
    """The graph in which equal nodes are one node, the first of them.

    >>> import chainrule as cr
    >>> print(share(cr.trace(lambda x, y: (x + y) * (y + x), 1.0, 2.0)))
    inputs  x: float64[], y: float64[]
    %1: float64[] = x + y
    %2: float64[] = %1 * %1
    outputs %2
    """
    first: dict[Hashable, Node] = {}
    digests: dict[int, tuple[Any, Hashable]] = {}  # by identity, with the array, so that the identity stays its own

    def step(node: Node) -> Operand | None:
        if node.primitive is not COMPONENT and not is_known(node.primitive):
            return None
        return first.setdefault(_key(node, digests), node)

    return rewrite(graph, step)


def _key(node: Node, digests: dict[int, tuple[Any, Hashable]]) -> Hashable:
    parts: list[Hashable] = [
        _constant_key(argument, digests) if source is None else (source.order,)
        for source, argument in zip(node.inputs, node.arguments, strict=True)
    ]
    place: Hashable = None
    if node.primitive.name in COMMUTATIVE and len(parts) == 2 and getattr(node.value, "dtype", None) is not None:
        # Exchanged operands may lie otherwise in memory, and so may the result.
        place = layout(node.value)
        parts = [frozenset(parts)] if parts[0] != parts[1] else [parts[0]]
    return node.primitive, tuple(parts), place, parameter_key(node.parameters)


def _constant_key(value: Any, digests: dict[int, tuple[Any, Hashable]]) -> Hashable:
    if not isinstance(value, np.ndarray) or value.nbytes <= SHORT:
        return parameter_key(value)
    known = digests.get(id(value))
    if known is None:
        known = digests[id(value)] = (value, parameter_key(value))
    return known[1]


def parameter_key(value: Any) -> Hashable:
    """A key that is equal for equal parameters and constants only: 0.0 is not -0.0, and 1 is not 1.0 or True.

    >>> parameter_key({"axis": (0,)}) == parameter_key({"axis": (0,)}), parameter_key(0.0) == parameter_key(-0.0)
    (True, False)
    """
    kind = type(value)
    if kind is np.ndarray:
        content: Hashable = value.tobytes()
        if value.nbytes > SHORT:
            content = hashlib.blake2b(content, digest_size=20).digest()  # pyright: ignore[reportArgumentType] bytes
        return "array", value.dtype.str, value.shape, layout(value), content
    if isinstance(value, np.generic):
        return kind, value.dtype.str, value.tobytes()
    if kind is float:
        return kind, struct.pack("<d", value)
    if kind is complex:
        return kind, struct.pack("<dd", value.real, value.imag)
    if kind in (int, bool, str, bytes, type(None), type(Ellipsis)) or isinstance(value, np.dtype | type):
        return kind, value
    if kind is tuple or kind is list:
        return kind, tuple(map(parameter_key, value))
    if kind is slice:
        return kind, parameter_key((value.start, value.stop, value.step))
    if kind is dict:
        return kind, frozenset((parameter_key(name), parameter_key(part)) for name, part in value.items())
    return "identity", id(value)  # the nodes keep it alive, so no other object has the same
