"""What runs a compiled graph: the contract of the executors behind `cr.compile`, and the one that uses NumPy.

An executor takes a graph whose last outputs are guards, truth values that must hold for the graph to be what the user's
function would do, and gives a `Runnable`. It runs the graph on one list of inputs, and writes into donated inputs only
when all guards have held.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from chainrule.graph import COMPONENT, INPUT, Graph, Node
from chainrule.guards import GuardFailed as GuardFailed
from chainrule.primitive import primitives
from chainrule.shapes import type_of


class Runnable(Protocol):
    """A graph made ready to run.

    `run(inputs)` gives the outputs without the guards: arrays of their own, and NumPy numbers; an output with an alias
    is the donated input itself, overwritten. It raises `GuardFailed` where a guard did not hold. `stats` says what was
    made. Several threads may call `run` at once. An executor with a faster way in has a method `entry()`, which answers
    a callable for `flattening.make_call`.

    >>> import chainrule as cr
    >>> runnable: Runnable = build(cr.trace(lambda x, y: (x + y) * y, 2.0, 3.0))
    >>> runnable.run([np.float64(1.0), np.float64(4.0)])
    [np.float64(20.0)]
    """

    stats: dict[str, Any]

    def run(self, inputs: Sequence[Any]) -> list[Any]:
        """The outputs for these inputs."""
        ...


class NumpyRunnable:
    """A graph as a list of NumPy calls on numbered registers."""

    def __init__(self, graph: Graph, guards: int, aliases: Mapping[int, int]) -> None:
        self._aliases = dict(aliases)
        ends = len(graph.outputs) - guards
        checks: dict[Node, int] = {}
        for number, node in enumerate(graph.outputs[ends:]):
            checks.setdefault(node, number)
        place = {node: number for number, node in enumerate(graph.nodes)}
        self._registers: list[Any] = [None] * len(place)
        self._inputs = tuple(place[node] for node in graph.inputs)
        self._outputs = tuple(place[node] for node in graph.outputs[:ends])
        last = {source: place[node] for node in graph for source in node.inputs if source is not None}
        kept = set(graph.outputs[:ends])
        self._steps: list[tuple[Any, ...]] = []
        for node in graph.nodes:
            if node.primitive is INPUT:
                continue
            slots = []
            for source, argument in zip(node.inputs, node.arguments, strict=True):
                if source is None:
                    slots.append(len(self._registers))
                    self._registers.append(argument)
                else:
                    slots.append(place[source])
            done = {source for source in node.inputs if source is not None and last[source] == place[node]} - kept
            freed = tuple(place[source] for source in done)
            expected = None
            if node.primitive is not COMPONENT and primitives.get(node.primitive.name) is not node.primitive:
                expected = _kinds(node.value)  # a Python function's result may be another with other numbers
            step = (
                node.primitive.execute,
                tuple(slots),
                node.parameters,
                place[node],
                freed,
                checks.get(node),
                expected,
            )
            self._steps.append(step)
        self._fixed = {id(value) for value in self._registers if isinstance(value, np.ndarray)}
        self.stats: dict[str, Any] = {"executor": "numpy", "kernels": len(self._steps), "arena bytes": 0}

    def run(self, inputs: Sequence[Any]) -> list[Any]:
        """The outputs for these inputs."""
        registers = self._registers.copy()
        for slot, value in zip(self._inputs, inputs, strict=True):
            registers[slot] = value
        with np.errstate(all="ignore"):
            for execute, slots, parameters, target, freed, check, expected in self._steps:
                value = execute(*[registers[slot] for slot in slots], **parameters)
                if check is not None and not value:
                    raise GuardFailed(check)
                if expected is not None and _kinds(value) != expected:
                    raise GuardFailed
                registers[target] = value
                for slot in freed:
                    registers[slot] = None
        given = {id(value) for value in inputs}
        results: list[Any] = []
        for slot in self._outputs:
            value = registers[slot]
            if isinstance(value, np.ndarray):
                taken = id(value) in given or id(value) in self._fixed
                if taken or value.base is not None or not value.flags.writeable:
                    value = value.copy(order="K")
                given.add(id(value))
            results.append(value)
        for output, source in self._aliases.items():
            np.copyto(inputs[source], results[output])
            results[output] = inputs[source]
        return results


def _kinds(value: Any) -> Any:
    return [type_of(part) for part in value] if isinstance(value, tuple | list) else type_of(np.asarray(value))


def build(
    graph: Graph, guards: int = 0, aliases: Mapping[int, int] | None = None, donated: frozenset[int] = frozenset()
) -> Runnable:
    """The graph made ready to run in NumPy, node by node.

    The last `guards` outputs are 0-d truth values that must be True. `aliases` says which output takes the memory of
    which input, `donated` which inputs may be overwritten.

    >>> import chainrule as cr
    >>> runnable = build(cr.trace(lambda x: (x * 2.0, x > 1.0), np.ones(2).sum()), guards=1)
    >>> runnable.run([np.float64(3.0)])
    [np.float64(6.0)]
    """
    del donated  # nothing is gained by overwriting them early
    return NumpyRunnable(graph, guards, aliases or {})
