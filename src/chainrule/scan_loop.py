"""A loop as data, and its execution turn by turn in NumPy.

A `Loop` holds one turn as a graph. The inputs of that graph are the state before the turn, the items of the turn (one
slice of each array that the loop goes through) and what stays the same in all turns; its outputs are the state after
the turn, the results of the turn (which are stacked) and truth values that must hold in every turn for the graph to be
what the step would have done. Nothing here knows of derivatives.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chainrule.graph import INPUT, Graph, Node
from chainrule.guards import current_recorder
from chainrule.shapes import ArrayType, type_of

Progress = Callable[[int, Sequence[Any]], Any]


@dataclass(frozen=True, slots=True, eq=False)
class Loop:
    """One turn of a loop: `graph` takes `states` + `items` + captured values to `states` + `stacked` + `guards` outputs.

    `saved` has, for each state, the number among the stacked results of the one that is that state before the turn, or
    None where no derivative depends on it; None as a whole where they are not kept.

    >>> import chainrule as cr
    >>> turn = Loop(cr.trace(lambda total, x: (total + x, total * x), 0.0, 1.0), states=1, items=1, stacked=1)
    >>> turn
    <loop: states 1, items 1, captured 0, stacked 1>
    >>> run_turns(np.float64(0.0), np.array([1.0, 2.0, 3.0]), loop=turn, length=3)
    (np.float64(6.0), array([0., 2., 9.]))
    """

    graph: Graph
    states: int
    items: int
    stacked: int
    guards: int = 0
    saved: tuple[int | None, ...] | None = None
    derived: dict[Any, Any] = field(default_factory=dict)  # what its derivatives recorded, to be used again
    _programs: list[Program] = field(default_factory=list)  # filled by the first execution

    @property
    def captured(self) -> int:
        """The number of inputs that are the same in every turn."""
        return len(self.graph.inputs) - self.states - self.items

    @property
    def program(self) -> Program:
        """The graph in the form in which it runs."""
        if not self._programs:
            self._programs.append(Program(self.graph))
        return self._programs[0]

    def __repr__(self) -> str:
        return f"<loop: states {self.states}, items {self.items}, captured {self.captured}, stacked {self.stacked}>"


class Program:
    """A graph as a list of instructions on numbered registers, for running it many times.

    >>> import chainrule as cr
    >>> program = Program(cr.trace(lambda x, y: (x + y) * y, 2.0, 3.0))
    >>> [float(value) for value in program.run([1.0, 4.0])]
    [20.0]
    """

    __slots__ = ("inputs", "instructions", "outputs", "registers")

    def __init__(self, graph: Graph) -> None:
        place = {node: number for number, node in enumerate(graph.nodes)}
        self.registers: list[Any] = [None] * len(place)
        self.inputs = tuple(place[node] for node in graph.inputs)
        self.outputs = tuple(place[node] for node in graph.outputs)
        last: dict[Node, int] = {source: place[node] for node in graph for source in node.inputs if source is not None}
        kept = set(graph.outputs)
        self.instructions: list[tuple[Callable[..., Any], tuple[int, ...], dict[str, Any], int, tuple[int, ...]]] = []
        for node in graph.nodes:
            if node.primitive is INPUT:
                continue
            slots = []
            for source, argument in zip(node.inputs, node.arguments, strict=True):
                if source is None:
                    slots.append(len(self.registers))
                    self.registers.append(argument)
                else:
                    slots.append(place[source])
            # What nobody reads any more is let go, so that a turn needs no more memory than the step itself.
            done = {source for source in node.inputs if source is not None and last[source] == place[node]} - kept
            freed = tuple(place[source] for source in done)
            self.instructions.append((node.primitive.execute, tuple(slots), node.parameters, place[node], freed))

    def run(self, values: Sequence[Any]) -> list[Any]:
        """The outputs for these inputs."""
        registers = self.registers.copy()
        for slot, value in zip(self.inputs, values, strict=True):
            registers[slot] = value
        for execute, slots, parameters, target, freed in self.instructions:
            registers[target] = execute(*[registers[slot] for slot in slots], **parameters)
            for slot in freed:
                registers[slot] = None
        return [registers[slot] for slot in self.outputs]


def run_turns(
    *inputs: Any, loop: Loop, length: int, reverse: bool = False, progress: tuple[Progress, int] | None = None
) -> tuple[Any, ...]:
    """The final states, the stacked results, and (where the loop has guards) whether all guards held.

    `reverse=True` takes the items from the last to the first, and puts each result where its item was.
    `progress=(call, every)` is called with the number of turns done and the states, after every so many turns and at
    the end.
    """
    if current_recorder() is not None:
        progress = None  # the program is being traced for compilation, and runs after that
    states, items = list(inputs[: loop.states]), inputs[loop.states : loop.states + loop.items]
    captured = inputs[loop.states + loop.items :]
    outputs = loop.graph.outputs
    numbers = [
        (index, node.value.dtype.type) for index, node in enumerate(outputs[: loop.states]) if not node.value.shape
    ]
    results = outputs[loop.states : loop.states + loop.stacked]
    stacks = [np.empty((length, *node.value.shape), node.value.dtype) for node in results]
    run, kept, ends = loop.program.run, loop.states, loop.states + loop.stacked
    held = True
    for count in range(length):
        turn = length - 1 - count if reverse else count
        try:
            found = run([*states, *[item[turn] for item in items], *captured])
        except (ValueError, TypeError, IndexError, ArithmeticError) as error:
            error.add_note(f"This happened in turn {turn} of cr.scan.")
            raise
        if loop.guards and not all(found[ends:]):
            held = False
            for stack in stacks:
                stack[...] = 0  # nobody uses them: the caller goes another way
            break
        states = found[:kept]
        for index, make in numbers:
            states[index] = make(states[index])
        for stack, value in zip(stacks, found[kept:ends], strict=True):
            stack[turn] = value
        if progress is not None and ((count + 1) % progress[1] == 0 or count + 1 == length):
            progress[0](count + 1, states)
    final = tuple(_own(state, inputs) for state in states)
    return (*final, *stacks, np.bool_(held)) if loop.guards else (*final, *stacks)


def _own(value: Any, inputs: Sequence[Any]) -> Any:
    """A final state that shares its memory with no input and no constant of the graph."""
    if not isinstance(value, np.ndarray):
        return value
    shared = value.base is not None or not value.flags.writeable or any(value is given for given in inputs)
    return value.copy() if shared else value


def loop_type(
    *types: ArrayType, loop: Loop, length: int, reverse: bool = False, progress: Any = None
) -> tuple[ArrayType, ...]:
    """The types of what `run_turns` returns."""
    del types, reverse, progress
    made = [type_of(node.value) for node in loop.graph.outputs]
    results = [ArrayType((length, *t.shape), t.dtype) for t in made[loop.states : loop.states + loop.stacked]]
    return (*made[: loop.states], *results, *([ArrayType((), np.dtype(bool))] if loop.guards else []))


def with_states(loop: Loop) -> Loop:
    """The loop that also stacks the states before each turn, as far as its backward pass needs them.

    >>> import chainrule as cr
    >>> turn = Loop(cr.trace(lambda s, x: np.sin(s) + x, 0.0, 1.0), states=1, items=1, stacked=0)
    >>> run_turns(np.float64(0.0), np.array([1.0, 2.0]), loop=with_states(turn), length=2)[1]
    array([0., 1.])
    """
    if loop.saved is not None:
        return loop
    graph, ends = loop.graph, loop.states + loop.stacked
    needed = needed_states(loop)
    places = {index: loop.stacked + position for position, index in enumerate(needed)}
    outputs = (*graph.outputs[:ends], *[graph.inputs[index] for index in needed], *graph.outputs[ends:])
    saved = tuple(places.get(index) for index in range(loop.states))
    whole = Graph(graph.inputs, outputs, graph.nodes)
    return Loop(whole, loop.states, loop.items, loop.stacked + len(needed), loop.guards, saved)


def needed_states(loop: Loop) -> list[int]:
    """The states on whose value a derivative may depend: not those that only linear operations read, as sums over turns.

    >>> import chainrule as cr
    >>> turn = cr.trace(lambda s, total, x: (np.sin(s) + x, total + s), 0.0, 0.0, 1.0)
    >>> needed_states(Loop(turn, states=2, items=1, stacked=0))
    [0]
    """
    states = loop.graph.inputs[: loop.states]
    reached = {node: {index} for index, node in enumerate(states)}
    # Integers may be indices, which also a linear operation takes by value.
    needed = {index for index, node in enumerate(states) if node.value.dtype.kind not in "fc"}
    for node in loop.graph.nodes:
        behind: set[int] = set()
        for source in node.inputs:
            if source is not None and source in reached:
                behind |= reached[source]
        if behind:
            reached[node] = behind
            if not node.primitive.linear:
                needed |= behind
    return sorted(needed)


def used_inputs(loop: Loop) -> list[int]:
    """The inputs that a turn reads or hands on, the states among them in any case."""
    read = {source for node in loop.graph.nodes for source in node.inputs} | set(loop.graph.outputs)
    return [index for index, node in enumerate(loop.graph.inputs) if index < loop.states or node in read]


def with_inputs(loop: Loop, kept: Sequence[int]) -> Loop:
    """The loop with these of its inputs only; the others are read by nothing."""
    graph = loop.graph
    inputs = tuple(graph.inputs[index] for index in kept)
    gone = set(graph.inputs) - set(inputs)
    items = sum(loop.states <= index < loop.states + loop.items for index in kept)
    smaller = Graph(inputs, graph.outputs, tuple(node for node in graph.nodes if node not in gone))
    return Loop(smaller, loop.states, items, loop.stacked, loop.guards, loop.saved)


def fixed_states(loop: Loop) -> list[int]:
    """The states that every turn hands on as they are."""
    pairs = zip(loop.graph.inputs[: loop.states], loop.graph.outputs, strict=False)
    return [index for index, (before, after) in enumerate(pairs) if before is after]


def without_states(loop: Loop, fixed: Sequence[int]) -> Loop:
    """The loop in which the states `fixed`, which no turn changes, are captured values, the last ones."""
    graph = loop.graph
    moving = [index for index in range(loop.states) if index not in set(fixed)]
    inputs = (
        *[graph.inputs[index] for index in moving],
        *graph.inputs[loop.states :],
        *[graph.inputs[index] for index in fixed],
    )
    outputs = (*[graph.outputs[index] for index in moving], *graph.outputs[loop.states :])
    return Loop(Graph(inputs, outputs, graph.nodes), len(moving), loop.items, loop.stacked, loop.guards)
