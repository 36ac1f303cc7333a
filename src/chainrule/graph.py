"""Nodes and graphs: what a program did, immutable, typed, printable.

A `Node` is one operation that ran: the operation, the nodes it read, the values it read, its parameters, its result and
the place in the user's code. Nodes are created once and never changed. A `Graph` is a function of its input nodes: all
nodes in an order in which each comes after what it reads. Its text form is one line a node, the names being the user's
own.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from types import CodeType
from typing import Any

from chainrule.notation import Notation, call, show
from chainrule.primitive import Primitive
from chainrule.shapes import ArrayType, type_of
from chainrule.source import Place
from chainrule.verify import verify

next_order = itertools.count(1).__next__


class Node:
    """One operation that ran. Not to be changed after creation.

    `inputs[i]` is the node that made argument i, or None where argument i is a constant; `arguments[i]` is its value.
    `value` is the result: an array or number, a tuple of them for operations with several outputs, or (in nested
    differentiation) a traced value of the level below. `order` grows with time, so sorting by it is a topological
    order.

    >>> import chainrule as cr
    >>> [node.primitive.name for node in cr.trace(lambda x: x * x + 1.0, 3.0)]
    ['input', 'multiply', 'add']
    """

    __slots__ = (
        "arguments",
        "code",
        "cotangent",
        "inputs",
        "label",
        "offset",
        "order",
        "parameters",
        "primitive",
        "value",
    )

    primitive: Primitive
    inputs: tuple[Node | None, ...]
    arguments: tuple[Any, ...]
    parameters: dict[str, Any]
    value: Any
    code: CodeType | None
    offset: int
    order: int
    label: str  # set only while a graph is recorded to be read: the name, or "" where the place's is not its own
    cotangent: Any  # set only on what is computed from variables, by backward()

    @classmethod
    def of(
        cls,
        primitive: Primitive,
        inputs: tuple[Node | None, ...],
        arguments: tuple[Any, ...],
        parameters: dict[str, Any],
        value: Any,
        code: CodeType | None = None,
        offset: int = 0,
    ) -> Node:
        """A node. The hottest paths set the fields themselves: a class without `__init__` is made in half the time."""
        node = cls()
        node.primitive = primitive
        node.inputs = inputs
        node.arguments = arguments
        node.parameters = parameters
        node.value = value
        node.code = code
        node.offset = offset
        node.order = next_order()
        return node

    @property
    def place(self) -> Place:
        """Where in the user's code the operation was called."""
        return Place(self.code, self.offset)

    @property
    def name(self) -> str | None:
        """The user's name for the result: the argument's name, or the variable it was assigned to."""
        if self.primitive is INPUT:
            path = self.parameters["name"]
            return leaf_name(path) if path else self.place.name
        label = getattr(self, "label", None)
        return self.place.name if label is None else label or None

    @property
    def grad(self) -> Any:
        """What backward() left here; None before. A variable keeps it in its parameters, which its later values share."""
        return self.parameters.get("grad") if self.primitive is INPUT else getattr(self, "cotangent", None)

    @grad.setter
    def grad(self, new: Any) -> None:
        if self.primitive is INPUT:
            self.parameters["grad"] = new
        else:
            self.cotangent = new

    @property
    def line(self) -> int | None:
        """The line of the user's code."""
        return self.place.line

    @property
    def type(self) -> ArrayType | tuple[ArrayType, ...]:
        """Shape and dtype of the result."""
        if self.primitive.outputs > 1:
            return tuple(type_of(part) for part in self.value)
        return type_of(self.value)

    def free(self) -> None:
        """Let go of what the backward pass would need: the one change that a node knows."""
        if self.primitive is not INPUT:
            self.primitive, self.inputs, self.arguments, self.parameters = FREED, (), (), {}

    def __repr__(self) -> str:
        return f"<node {self.name or '#' + str(self.order)} = {self.primitive.name} {self.type}>"

    def __reduce__(self) -> Any:
        raise TypeError("A node of a graph cannot be pickled or copied: it belongs to the program that was traced.")


def _plain(*_: Any, **__: Any) -> Any:
    raise TypeError("the driver handles input and component nodes itself")


INPUT = Primitive(
    name="input",
    forward=_plain,
    execute=_plain,
    vjp=(),
    shape=None,
    notation=Notation("call", "", "input", 50),
)
COMPONENT = Primitive(
    name="component",
    forward=lambda parts, *, index: parts[index],
    execute=lambda parts, *, index: parts[index],
    vjp=_plain,  # the driver collects the contributions of the components itself
    shape=None,
    notation=call("component"),
    linear=True,
)

FREED = Primitive(
    name="freed",
    forward=_plain,
    execute=_plain,
    vjp=_plain,
    shape=None,
    notation=call("freed"),
)


def leaf_name(path: str) -> str:
    """A short name for a leaf: the last key or attribute of its path, with the numbers that follow it.

    >>> leaf_name("params['W1']"), leaf_name("p['b'][0]"), leaf_name("layers[0]"), leaf_name("x")
    ('W1', 'b[0]', 'layers[0]', 'x')
    """
    if path.endswith("]") and not path.endswith("']"):
        start = path.rindex("[")
        rest, number = path[:start], path[start:]
        shorter = leaf_name(rest)
        return shorter + number if shorter != rest or rest.isidentifier() else path
    if path.endswith("']"):
        key = path[path.rindex("['") + 2 : -2]
        return key if key.isidentifier() else path
    if "." in path and path[path.rindex(".") + 1 :].isidentifier():
        return path[path.rindex(".") + 1 :]
    return path


def sorted_nodes(*roots: Node) -> list[Node]:
    """Every node that the roots depend on, in order of creation; without recursion, so depth is no limit."""
    seen = set(roots)
    stack = list(seen)
    while stack:
        for node in stack.pop().inputs:
            if node is not None and node not in seen:
                seen.add(node)
                stack.append(node)
    return sorted(seen, key=_order)


def carries_gradient(node: Node) -> bool:
    """Whether a derivative flows from an input to this node: false after floor, argmax, comparisons, stop_gradient."""
    seen = {node}
    stack = [node]
    while stack:
        node = stack.pop()
        if node.primitive is INPUT:
            return True
        rules = node.primitive.vjp
        if rules is None:
            continue
        for index, source in enumerate(node.inputs):
            if source is None or source in seen or (isinstance(rules, tuple) and rules[index] is None):
                continue
            seen.add(source)
            stack.append(source)
    return False


def _order(node: Node) -> int:
    return node.order


@dataclass(frozen=True, slots=True, eq=False)
class Graph:
    """A function as data: input nodes, all nodes in order, output nodes. Prints as text, verifies, iterates.

    >>> import numpy as np, chainrule as cr
    >>> def f(x, y):
    ...     q = x + y
    ...     return q * x
    >>> print(cr.trace(f, 2.0, 3.0))
    inputs  x: float64[], y: float64[]
    q: float64[] = x + y
    %1: float64[] = q * x
    outputs %1
    """

    inputs: tuple[Node, ...]
    outputs: tuple[Node, ...]
    nodes: tuple[Node, ...]

    def __post_init__(self) -> None:
        self.verify()

    @classmethod
    def of(cls, inputs: tuple[Node, ...], outputs: tuple[Node, ...]) -> Graph:
        """The graph between these inputs and outputs."""
        inner = sorted_nodes(*inputs, *outputs)
        return cls(inputs, outputs, tuple(inner))

    def verify(self) -> None:
        """Raise `GraphError` unless the graph is well-formed."""
        verify(self.inputs, self.outputs, self.nodes, INPUT)

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes)

    def __len__(self) -> int:
        return len(self.nodes)

    def users(self) -> dict[Node, list[tuple[Node, int]]]:
        """For each node, who reads it and as which argument."""
        table: dict[Node, list[tuple[Node, int]]] = {node: [] for node in self.nodes}
        for node in self.nodes:
            for index, source in enumerate(node.inputs):
                if source is not None:
                    table[source].append((node, index))
        return table

    def names(self) -> dict[Node, str]:
        """A distinct name for each node: the user's own where there is one, else %1, %2, …; repeated names get
        primes."""
        given: dict[Node, str] = {}
        used: dict[str, int] = {}
        anonymous = 0
        for node in self.nodes:
            name = node.name
            if name is None:
                anonymous += 1
                given[node] = f"%{anonymous}"
                continue
            times = used.get(name, 0)
            used[name] = times + 1
            given[node] = name if times == 0 else f"{name}'{times if times > 1 else ''}"
        return given

    def text(self) -> str:
        """One line a node: name, type and the operation as it is written."""
        names = self.names()
        lines = [f"inputs  {', '.join(f'{names[node]}: {node.type}' for node in self.inputs)}"]
        for node in self.nodes:
            if node.primitive is INPUT:
                continue
            operands = [
                (names[source], 50) if source is not None else (show(argument), 50)
                for source, argument in zip(node.inputs, node.arguments, strict=True)
            ]
            written, _ = node.primitive.notation.plain(operands, node.parameters)
            kind = node.type
            typed = f"({', '.join(map(str, kind))})" if isinstance(kind, tuple) else str(kind)
            lines.append(f"{names[node]}: {typed} = {written}")
        lines.append(f"outputs {', '.join(names[node] for node in self.outputs)}")
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.text()
