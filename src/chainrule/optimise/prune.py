"""Dead code: nodes from which no output can be reached are left out; the inputs stay, as the arguments of the function."""

from __future__ import annotations

from chainrule.graph import INPUT, Graph, Node


def prune(graph: Graph) -> Graph:
    """The graph without the nodes that no output needs.

    >>> import chainrule as cr
    >>> from chainrule.graph import Graph
    >>> graph = cr.trace(lambda x, y: (x * y, x + y), 1.0, 2.0)
    >>> print(prune(Graph(graph.inputs, graph.outputs[1:], graph.nodes)))
    inputs  x: float64[], y: float64[]
    %1: float64[] = x + y
    outputs %1
    """
    needed: set[Node] = set(graph.outputs)
    waiting = list(needed)
    while waiting:
        for source in waiting.pop().inputs:
            if source is not None and source not in needed:
                needed.add(source)
                waiting.append(source)
    kept = tuple(node for node in graph.nodes if node in needed or node.primitive is INPUT)
    return graph if len(kept) == len(graph.nodes) else Graph(graph.inputs, graph.outputs, kept)
