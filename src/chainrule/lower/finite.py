"""Guards that gradients are finite, asked of what the gradients are made of.

A gradient x.T @ g has a contribution 0 · ∞ only if x or g is not finite, so asking those two is enough for the guard's purpose, and the
gradient itself need not exist in memory: it can be added to its parameter by the product that makes it. A sum or a rearrangement of
elements is asked of its elements. Nothing that the careful backward pass would change is missed; a sum of finite numbers that overflows
is the same in both passes.
"""

from __future__ import annotations

import numpy as np

from chainrule.graph import Graph, Node
from chainrule.guards import FINITE_GRADIENT
from chainrule.lower.access import MOVING
from chainrule.lower.expand import Builder

THROUGH = (*MOVING, "sum", "negative", "copy", "stop_gradient", "positive")


def ask_sources(graph: Graph, guards: int) -> tuple[Graph, tuple[int, ...]]:
    """The graph with such guards in the place of the last `guards` outputs, and for each the number of one that it stands for."""
    count = len(graph.outputs) - guards
    asked: dict[Node, Node] = {}
    flags: dict[Node, int] = {}
    for number, flag in enumerate(graph.outputs[count:]):
        value = _asked_for(flag)
        for source in [] if value is None else _sources(value):
            if source not in asked:
                builder = Builder(flag)
                finite = builder("isfinite", source)
                asked[source] = builder("all", finite, axis=tuple(range(np.ndim(source.value))), keepdims=False)
            flags.setdefault(asked[source], number)
        if value is None:
            flags.setdefault(flag, number)
    outputs = (*graph.outputs[:count], *flags)
    if outputs == graph.outputs:
        return graph, tuple(range(guards))
    return Graph.of(graph.inputs, outputs), tuple(flags.values())


def _asked_for(flag: Node) -> Node | None:
    """y, where a guard asks whether the gradient y is finite; what the user's code asks is asked as it stands there."""
    return flag.inputs[0] if flag.primitive is FINITE_GRADIENT else None


def _sources(value: Node) -> list[Node]:
    """What a gradient is made of, back to where elements are computed one by one."""
    found: dict[Node, None] = {}
    seen: set[Node] = set()
    waiting = [value]
    while waiting:
        node = waiting.pop()
        if node in seen:
            continue
        seen.add(node)
        constants = [argument for argument, source in zip(node.arguments, node.inputs, strict=True) if source is None]
        through = node.primitive.name == "matmul" or node.primitive.name in THROUGH
        if not through or not all(source is None or np.isfinite(source.value).all() for source in node.inputs):
            found[node] = None  # also where a slice leaves out what is infinite: asking that would never hold
        elif node.primitive.name == "matmul" and all(np.isfinite(constant).all() for constant in constants):
            waiting.extend(source for source in node.inputs if source is not None)
        elif node.primitive.name in THROUGH and node.inputs[0] is not None:
            waiting.append(node.inputs[0])
        else:
            found[node] = None
    return list(found)
