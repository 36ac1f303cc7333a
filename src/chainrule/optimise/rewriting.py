"""What the passes share: a graph walked once from its inputs to its outputs, each node kept, replaced or dropped.

A pass says for one node what stands in its place: another node, a `Constant`, or nothing new. `rewrite` does the rest. It keeps
the order of the program, the places and names in the user's code, the inputs, and the number and order of the outputs; an output
that has become a constant stays a node. Nodes before the first change are the old ones, and a graph in which nothing changes is
returned as it came. There is no recursion, and the time is linear in the number of nodes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.errors import GraphError
from chainrule.graph import INPUT, Graph, Node
from chainrule.primitive import Primitive, operations, primitives
from chainrule.trace import NO_PARAMETERS


@dataclass(frozen=True, slots=True, eq=False)
class Constant:
    """A value that depends on no input of the graph: what stands in the place of a node whose result is known.

    >>> Constant(2.0).value
    2.0
    """

    value: Any


Operand = Node | Constant
Step = Callable[[Node], Operand | None]


def operands(node: Node) -> tuple[Operand, ...]:
    """What a node reads: nodes, and constants as `Constant`.

    >>> import chainrule as cr
    >>> [type(operand).__name__ for operand in operands(cr.trace(lambda x: x + 1.0, 2.0).outputs[0])]
    ['Node', 'Constant']
    """
    return tuple(
        Constant(argument) if source is None else source
        for source, argument in zip(node.inputs, node.arguments, strict=True)
    )


def make(
    primitive: Primitive | str, given: tuple[Operand, ...], parameters: dict[str, Any], value: Any, like: Node
) -> Node:
    """A node that stands in the place of `like`: with its place in the user's code, and its name.

    >>> import chainrule as cr
    >>> product = cr.trace(lambda x: x * 2.0, 3.0).outputs[0]
    >>> make("add", (product.inputs[0], product.inputs[0]), {}, product.value, product).primitive.name
    'add'
    """
    node = Node.of(
        primitives[primitive] if isinstance(primitive, str) else primitive,
        tuple(None if isinstance(operand, Constant) else operand for operand in given),
        tuple(operand.value for operand in given),
        parameters or NO_PARAMETERS,
        value,
        like.code,
        like.offset,
    )
    return _labelled(node, like)


def _labelled(node: Node, like: Node) -> Node:
    label = getattr(like, "label", None)
    if label is not None:
        node.label = label
    return node


def is_known(primitive: Primitive) -> bool:
    """Whether an operation is one of the registry: the same result each time. A function of the user's may not be.

    >>> is_known(primitives["add"])
    True
    """
    return primitives.get(primitive.name) is primitive


def layout(value: Any) -> Any:
    """How a value lies in memory: its strides, without those along which there is only one element.

    NumPy adds up in the order of memory, so a sum of the same numbers in another layout may differ in its last digit.

    >>> layout(np.ones((2, 3))), layout(np.ones((2, 3)).T), layout(np.ones((1, 3)))
    ((24, 8), (8, 24), (None, 8))
    """
    if not isinstance(value, np.ndarray):
        return None
    if value.size == 0:
        return ()
    return tuple(None if length == 1 else stride for length, stride in zip(value.shape, value.strides, strict=True))


def is_plain(value: Any) -> bool:
    """Whether a value is an array or number of NumPy's, and not a traced one.

    >>> is_plain(np.ones(2)), is_plain((1.0, 2.0))
    (True, False)
    """
    return isinstance(value, np.ndarray | np.generic)


def interchangeable(one: Any, other: Any) -> bool:
    """Whether two values have one shape, dtype and layout, so that who reads them sees no difference but in the numbers.

    >>> interchangeable(np.ones(2), np.zeros(2)), interchangeable(np.ones(2), np.ones(2, "float32"))
    (True, False)
    """
    return (
        is_plain(one)
        and is_plain(other)
        and isinstance(one, np.ndarray) == isinstance(other, np.ndarray)
        and one.shape == other.shape
        and one.dtype == other.dtype
        and layout(one) == layout(other)
    )


def rewrite(graph: Graph, step: Step) -> Graph:
    """The graph in which every node is what `step` makes of it; `None` from `step` keeps the node.

    `step` sees each node after those that it reads, reading what they have become. It may return a node that was there
    before, a `Constant`, or one new node that reads nodes which were there before.

    >>> import chainrule as cr
    >>> graph = cr.trace(lambda x: -(x * 2.0), 3.0)
    >>> print(rewrite(graph, lambda node: node.inputs[0] if node.primitive.name == "negative" else None))
    inputs  x: float64[]
    %1: float64[] = x * 2.0
    outputs %1
    """
    current: dict[Node, Operand] = {}
    nodes: list[Node] = []
    present: set[Node] = set()
    ends = set(graph.outputs)
    final: dict[Node, Node] = {}
    anew = False  # a node has been made: all that follow are made anew, so that they come after it in order
    changed = False
    for node in graph.nodes:
        if node.primitive is INPUT:
            nodes.append(node)
            present.add(node)
            current[node] = final[node] = node
            continue
        here = _renewed(node, current, anew)
        found = step(here)
        if found is None:
            found = here
        if isinstance(found, Constant):
            current[node] = found
            if node not in ends:
                changed = True
                continue
            # Whoever reads the node reads the constant; the output itself is a node that holds it.
            kept = here if is_constant_node(here) else _labelled(_constant_node(found, node), node)
        else:
            current[node] = kept = found
        final[node] = kept
        if kept is not node:
            changed = True
        if kept not in present:
            anew = anew or kept is not node
            nodes.append(kept)
            present.add(kept)
    if not changed:
        return graph
    return Graph(graph.inputs, tuple(final[node] for node in graph.outputs), tuple(nodes))


def is_constant_node(node: Node) -> bool:
    """Whether a node only holds a constant, so that an output can be one.

    >>> is_constant_node(operations["constant_node"](2.0))
    True
    """
    return node.primitive.name == "stop_gradient" and node.inputs == (None,)


def _constant_node(constant: Constant, like: Node) -> Node:
    node = operations["constant_node"](constant.value)
    node.code, node.offset = like.code, like.offset
    return node


def _renewed(node: Node, current: dict[Node, Operand], anew: bool) -> Node:
    """The node, or one like it that reads what its sources have become."""
    moved = anew
    fresh: list[Operand] = []
    for source, argument in zip(node.inputs, node.arguments, strict=True):
        if source is None:
            fresh.append(Constant(argument))
            continue
        found = current.get(source)
        if found is None:
            raise GraphError(
                f"The graph cannot be rewritten: node {node.name or '#' + str(node.order)} ({node.primitive.name}, {node.place}) "
                "stands before a node that it reads. Build graphs with Graph.of, which puts the nodes in order."
            )
        moved = moved or found is not source
        fresh.append(found)
    return make(node.primitive, tuple(fresh), node.parameters, node.value, node) if moved else node
