"""One turn of a loop, recorded: what Python reads of it becomes a guard of the loop, and both of its passes one graph."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from chainrule.boundary import lift, lower, next_level
from chainrule.graph import Graph, Node, carries_gradient
from chainrule.guards import Recorder, recording
from chainrule.primitive import operations
from chainrule.scan_loop import Loop
from chainrule.trace import bind, resumed
from chainrule.traced import Traced, open_levels


class TurnsDiffer(Exception):  # noqa: N818 no error of the user's: the turns are traced one by one
    """Python took numbers from a traced turn that would lose their gradient, and may be others in another turn.

    >>> raise TurnsDiffer
    Traceback (most recent call last):
    ...
    chainrule.scan_record.TurnsDiffer
    """


class TurnRecorder(Recorder):
    """The readings of one turn, whose level is differentiated later, unlike that of a program to compile.

    >>> TurnRecorder(next_level(), bind).differentiated
    True
    """

    differentiated = True

    def numbers(self, value: Any) -> Any:
        """The plain numbers of a value through which no gradient flows."""
        if carries_gradient(value.node):
            raise TurnsDiffer
        return super().numbers(value)


@contextmanager
def recorded(level: int) -> Iterator[Recorder]:
    """While one turn is traced at a level: what Python reads of it becomes a guard, since another turn may say otherwise."""
    open_levels.add(level)
    try:
        with recording(TurnRecorder(level, bind), whole=False) as recorder:
            yield recorder
    finally:
        open_levels.discard(level)


@contextmanager
def opened(level: int) -> Iterator[None]:
    """While a differentiation at a level runs; under no_grad too, which the user's code asked for and the rules did not."""
    open_levels.add(level)
    try:
        with resumed():
            yield
    finally:
        open_levels.discard(level)


class TwoLevels:
    """Two levels on one turn of a loop: the inner one is differentiated, the outer one records both passes."""

    __slots__ = ("extra", "inner", "inputs", "level", "recorded", "seen")

    seen: Recorder

    def __init__(self, values: Sequence[Any], extra: Sequence[Any], loop: Loop) -> None:
        self.level, self.inner = next_level(), next_level()
        names = [node.name for node in loop.graph.inputs]
        self.recorded = [lift(v[()], name, self.level) for v, name in zip(values, names, strict=True)]
        self.extra = [self.lift(value[()]) for value in extra]
        self.inputs: list[Any] = list(self.recorded)

    def lift(self, value: Any) -> Traced:
        """A further input of the recorded turn."""
        return lift(value, None, self.level)

    def leaves(self, numbers: Sequence[int]) -> list[Node]:
        """Make these inputs traced at the inner level, and return their nodes there."""
        for number in numbers:
            handle = self.recorded[number]
            self.inputs[number] = lift(handle, handle.name, self.inner)
        return [self.inputs[number].node for number in numbers]

    @contextmanager
    def open(self) -> Iterator[None]:
        """Both levels are open inside, and what the rules read is recorded."""
        with opened(self.inner), recorded(self.level) as seen:
            self.seen = seen
            yield

    def loop(self, inputs: Sequence[Traced], outputs: Sequence[Any], states: int, items: int, stacked: int) -> Loop:
        """The loop whose turn leads from these inputs to these outputs."""
        ends = []
        for output in outputs:
            value, node = lower(output, self.level)
            ends.append(operations["constant_node"](value) if node is None else node)
        guards = [guard.node for guard in self.seen.guards if guard.node is not None]
        graph = Graph.of(tuple(handle.node for handle in inputs), (*ends, *guards))
        return Loop(graph, states, items, stacked, len(guards))
