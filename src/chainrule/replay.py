"""Graph in, the graph of its gradient out.

The graph runs again, node by node, on traced inputs of two levels: the inner one is pulled back, the outer one records
both passes. So the result is a graph of the same operations, with the same inputs, and can be differentiated in turn.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.boundary import lift, lower, next_level
from chainrule.differentiate import pull_back
from chainrule.errors import OutputError
from chainrule.graph import COMPONENT, INPUT, Graph, Node
from chainrule.primitive import operations
from chainrule.trace import bind
from chainrule.traced import Traced, concrete, open_levels, prototype


def replay(graph: Graph, inputs: Sequence[Any]) -> list[Any]:
    """The outputs of a graph on other inputs, traced ones too; nodes that are recorded keep the places of the
    graph's."""
    values: dict[Node, Any] = dict(zip(graph.inputs, inputs, strict=True))
    for node in graph.nodes:
        if node.primitive is INPUT:
            continue
        if node.primitive is COMPONENT:
            source = node.inputs[0]
            values[node] = values[source][node.parameters["index"]] if source is not None else node.value
            continue
        arguments = [
            argument if source is None else values[source]
            for source, argument in zip(node.inputs, node.arguments, strict=True)
        ]
        values[node] = bind(node.primitive, *arguments, **node.parameters)
        _keep_place(values[node], node)
    return [values[node] for node in graph.outputs]


def _keep_place(value: Any, node: Node) -> None:
    if isinstance(value, tuple):
        for part in value:
            _keep_place(part, node)
        return
    while isinstance(value, Traced):
        value.node.code, value.node.offset = node.code, node.offset
        if (label := getattr(node, "label", None)) is not None:
            value.node.label = label
        value = value.node.value


def differentiate(graph: Graph) -> Graph:
    """The graph of the gradient: the same inputs, and as outputs the cotangent of each when the output's is 1.

    >>> import chainrule as cr
    >>> print(differentiate(cr.trace(lambda x, y: x * y, 2.0, 3.0)))
    inputs  x: float64[], y: float64[]
    %1: float64[] = 1.0 * y
    %2: float64[] = 1.0 * x
    outputs %1, %2
    """
    if len(graph.outputs) != 1 or np.size(prototype(graph.outputs[0].value)) != 1:
        raise OutputError(
            "differentiate needs a graph with one number as output. Reduce the result, for example with .sum()."
        )
    recording, pulling = next_level(), next_level()
    recorded = [lift(node.value, node.name, recording) for node in graph.inputs]
    lifted = [lift(handle, handle.name, pulling) for handle in recorded]
    open_levels.update((recording, pulling))
    try:
        (result,) = replay(graph, lifted)
        value, end = lower(result, pulling)
        one = np.ones(np.shape(prototype(value)), prototype(value).dtype)[()]
        found = pull_back([(end, one)], [leaf.node for leaf in lifted]) if end is not None else [None] * len(lifted)
    finally:
        open_levels.difference_update((recording, pulling))
    ends = []
    for gradient, leaf in zip(found, recorded, strict=True):
        plain = np.zeros_like(leaf.node.value) if gradient is None else gradient
        _, node = lower(plain, recording)
        ends.append(node if node is not None else operations["constant_node"](concrete(plain)))
    return Graph.of(tuple(leaf.node for leaf in recorded), tuple(ends))
