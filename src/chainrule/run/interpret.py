"""Graph and arrays in, arrays out: NumPy, node by node.

This is the definition of what a graph means; every faster way of running one is compared with it. Operations run
through their `execute`, in the order of the nodes, so a graph gives the very numbers that its program gave.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError
from chainrule.graph import INPUT, Graph, Node


def evaluate(graph: Graph, inputs: Sequence[Any]) -> dict[Node, Any]:
    """The value of every node for these inputs; they have the shapes and dtypes that the graph was recorded with.

    >>> import chainrule as cr
    >>> graph = cr.trace(lambda x, y: (x + y) * y, 2.0, 3.0)
    >>> [float(value) for value in evaluate(graph, (1.0, 4.0)).values()]
    [1.0, 4.0, 5.0, 20.0]
    """
    if len(inputs) != len(graph.inputs):
        raise ArgumentError(
            f"The graph has {len(graph.inputs)} inputs and was given {len(inputs)}. Give one array for each."
        )
    values: dict[Node, Any] = {}
    for node, given in zip(graph.inputs, inputs, strict=True):
        array = np.asarray(given)
        if array.shape != np.shape(node.value) or array.dtype != node.value.dtype:
            raise ArgumentError(
                f"The graph was recorded with {node.name or 'an input'} of type {node.type}, and was given "
                f"{array.dtype.name}[{','.join(map(str, array.shape))}]. Trace the function again for other shapes or dtypes."
            )
        values[node] = array if isinstance(node.value, np.ndarray) else array[()]
    for node in graph.nodes:
        if node.primitive is INPUT:
            continue
        arguments = [
            argument if source is None else values[source]
            for source, argument in zip(node.inputs, node.arguments, strict=True)
        ]
        values[node] = node.primitive.execute(*arguments, **node.parameters)
    return values


def interpret(graph: Graph, *inputs: Any) -> Any:
    """The outputs of a graph for these inputs: one value, or a tuple where it has several outputs.

    >>> import chainrule as cr
    >>> float(interpret(cr.trace(lambda x, y: (x + y) * y, 2.0, 3.0), 1.0, 4.0))
    20.0
    """
    values = evaluate(graph, inputs)
    results = tuple(values[node] for node in graph.outputs)
    return results[0] if len(results) == 1 else results
