"""The product graph of teaching posts, worked by the engine: values, local derivatives, gradients, one update.

q = x + y, f = q·z, L = (target − f)² at x = −2, y = 5, z = −4, target = −10. Every number in the tables is read from
the graph that the engine recorded while `program` ran.
"""

from __future__ import annotations

import inspect
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass

from rich import box
from rich.console import Console
from rich.table import Table

import chainrule as cr
from output import parse_arguments

POINT = {"x": -2.0, "y": 5.0, "z": -4.0, "target": -10.0}
LEARNED = ("x", "y", "z")
LEARNING_RATE = 0.01


def program(x, y, z, target):
    q = x + y
    f = q * z
    L = (target - f) ** 2
    return L


@dataclass(frozen=True)
class Edge:
    """From a value to the value made of it: what goes forward, the local derivative, and what comes back from above."""

    source: str
    target: str
    value: float
    local: float
    above: float

    @property
    def contribution(self) -> float:
        """The chain rule: what arrives from above times the local derivative."""
        return self.above * self.local


def edges(graph: cr.Graph) -> Iterator[Edge]:
    """The edges in the order of the program; a rule of the engine, asked with 1 from above, is the local derivative."""
    names = graph.names()
    for node in graph:
        for index, source in enumerate(node.inputs):
            rule = node.primitive.rule(index)
            if source is not None and rule is not None:
                local = float(rule(1.0, node.value, *node.arguments, **node.parameters))
                yield Edge(names[source], names[node], float(source.value), local, float(node.grad))


def table(title: str, *headings: str) -> Table:
    """An empty table: names on the left, numbers on the right."""
    result = Table(title=title, title_justify="left", box=box.ROUNDED)
    for heading in headings:
        result.add_column(heading, justify="left" if heading in ("name", "operation", "edge", "update") else "right")
    return result


def values_table(graph: cr.Graph, loss: str) -> Table:
    """A row for each value: where it was made, what it is, and the gradient of the loss by it."""
    result = table("Forward and back", "name", "operation", "line", "value", f"d{loss}/d·")
    written = dict(line.split(": ", 1) for line in graph.text().splitlines()[1:-1])
    names = graph.names()
    for node in graph:
        operation = written[names[node]].split(" = ", 1)[1] if node.inputs else "input"
        line = str(node.line) if node.inputs else ""
        result.add_row(names[node], operation, line, f"{float(node.value):g}", f"{float(node.grad):g}")
    return result


def edges_table(graph: cr.Graph) -> Table:
    """A row for each edge: the value on it, the local derivative, the gradient from above, and their product."""
    result = table("Along the edges", "edge", "value", "local derivative", "from above", "contribution")
    for edge in edges(graph):
        numbers = (edge.value, edge.local, edge.above, edge.contribution)
        result.add_row(f"{edge.source} → {edge.target}", *(f"{number:g}" for number in numbers))
    return result


def main(arguments: list[str] | None = None) -> int:
    """Print the program, the two passes, and a step of gradient descent with the loss before and after it."""
    parse_arguments(__doc__ or "", arguments)
    console = Console()
    console.print(textwrap.indent(inspect.getsource(program).rstrip(), "    "), style="cyan", highlight=False)
    console.print()

    variables = {name: cr.variable(value, name=name) for name, value in POINT.items()}
    loss = program(**variables)
    loss.backward()
    graph = cr.Graph.of(tuple(variable.node for variable in variables.values()), (loss.node,))
    console.print(values_table(graph, loss.name))
    console.print(edges_table(graph))

    updates = table(f"One step, lr = {LEARNING_RATE:g}", "update", "before", f"d{loss.name}/d·", "after")
    updated = dict(POINT)
    for name in LEARNED:
        gradient = float(variables[name].grad)
        updated[name] = POINT[name] - LEARNING_RATE * gradient
        rule = f"{name} ← {name} − lr·d{loss.name}/d{name}"
        updates.add_row(rule, f"{POINT[name]:g}", f"{gradient:g}", f"{updated[name]:g}")
    console.print(updates)
    before, after = program(**POINT), program(**updated)
    console.print(f"{loss.name} falls from {before:g} to {after:g}.", highlight=False)
    return 0 if after < before else 1


if __name__ == "__main__":
    sys.exit(main())
