"""Steps of a lowering in, a program out: results get their places, groups become kernels, memory is planned.

A donated input's memory takes a result where nothing after the writing step reads the old values, and no guard can fail after it;
otherwise the result is made elsewhere and copied at the very end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from chainrule.graph import Graph, Node, sorted_nodes
from chainrule.lower.access import Literal, broadcast
from chainrule.lower.assemble import assemble, move, scatter
from chainrule.lower.collecting import collected
from chainrule.lower.finite import ask_sources
from chainrule.lower.gathering import Scattered
from chainrule.lower.groups import Group
from chainrule.lower.kernel import FIXED, SIZES, Instruction, Kernel, Operand
from chainrule.lower.layout import bytes_of, strides_in_order
from chainrule.lower.lowering import Lowering, Pending, PendingProduct, Supported
from chainrule.lower.memory import plan
from chainrule.lower.pieces import Pieces
from chainrule.lower.program import (
    INPUT,
    OUTPUT,
    TEMPORARY,
    Buffer,
    Call,
    Copy,
    Fill,
    Kind,
    Launch,
    Program,
    Repeat,
    Result,
    Step,
    View,
)
from chainrule.lower.repeating import Repeated, may_stop
from chainrule.lower.running import Running


def lower(
    graph: Graph, supported: Supported, aliases: Mapping[int, int] | None = None, guards: int = 0, inside: bool = False
) -> Program:
    """The program of a graph, whose last `guards` outputs are truth values that must hold.

    `supported(operation, argument types, result type, parameters)` says which element operations the machine has; `aliases` maps outputs
    to the inputs whose memory they may take. `inside`: the graph is one turn of a loop.

    >>> import chainrule as cr
    >>> graph = cr.trace(lambda x: (x * x + 1.0).sum(), np.ones(5))
    >>> [type(step).__name__ for step in lower(graph, lambda *_: True).steps]
    ['Launch']
    """
    graph, numbers = ask_sources(collected(graph), guards)

    def lower_turn(turn: Graph, states: Mapping[int, int], conditions: int) -> Program:
        return lower(turn, supported, states, conditions, inside=True)

    lowering = Lowering(graph, supported, lower_turn, inside)
    count = len(graph.outputs) - len(numbers)
    results, conditions = graph.outputs[:count], graph.outputs[count:]
    donated = dict(aliases or {})
    lowering.late = {results[number] for number in donated}
    waiting = set(conditions)
    # What the guards need comes first: results may take the memory of inputs only after them.
    first = sorted_nodes(*conditions)
    for node in dict.fromkeys((*first, *graph.nodes)):
        lowering.take(node)
        if node in waiting:
            waiting.discard(node)
            if not waiting:
                lowering.border = len(lowering.grouping.steps)
                lowering.grouping.add_step(Guards(tuple(conditions), numbers), ())
    return Finish(lowering, graph, results, donated).program()


class Guards:
    """The place in the list of steps where all guards must hold."""

    def __init__(self, nodes: tuple[Node, ...], numbers: tuple[int, ...]) -> None:
        self.nodes = nodes
        self.numbers = numbers  # of the caller's guards


class Finish:
    """What is decided when all operations have their steps."""

    def __init__(self, lowering: Lowering, graph: Graph, results: Sequence[Node], donated: dict[int, int]) -> None:
        self.lowering = lowering
        self.memory = lowering.memory
        self.graph = graph
        self.results = results
        self.donated = donated
        self.owned = self._own_results()
        self.kept = set(self.owned)
        self.stages = lowering.grouping.steps
        self.made_at = lowering.grouping.made_at
        self.last_stop = max((index for index, stage in enumerate(self.stages) if _may_stop(stage)), default=-1)
        self.read_at: dict[Node, list[int]] = {}
        for index, stage in enumerate(self.stages):
            for base in self._read_by(stage):
                self.read_at.setdefault(base, []).append(index)

    def _own_results(self) -> list[Node]:
        """For each result a computed array of its shape that is nobody else's result."""
        taken: set[Node] = set()
        owned = []
        for node in self.results:
            access = self.lowering.accesses[node]
            base = access.base
            shared = isinstance(base, Literal) or base in self.memory.inputs or base in taken
            if shared or not access.whole or access.shape != np.shape(base.value):
                base = self.lowering.copied(access).base
            assert isinstance(base, Node)
            taken.add(base)
            owned.append(base)
        return owned

    def _read_by(self, stage: object) -> set[Node]:
        """The arrays and inputs that a stage reads from memory."""
        if isinstance(stage, Group):
            return {
                operand.base
                for node in stage.nodes
                for operand, _ in stage.reads[node]
                if isinstance(operand.base, Node) and operand.base not in stage.pattern
            } | {source.base for source, _, _ in stage.gathers.values() if isinstance(source.base, Node)}
        accesses = (
            [self.lowering.accesses[node] for node in stage.nodes]
            if isinstance(stage, Guards)
            else stage.operands
            if isinstance(stage, Pending | PendingProduct | Pieces | Running | Scattered | Repeated)
            else ()
        )
        return {access.base for access in accesses if isinstance(access.base, Node)}

    def program(self) -> Program:
        """The program."""
        final: list[Step] = []
        places: list[Result] = []
        sources = self.graph.inputs
        for number, (node, base) in enumerate(zip(self.results, self.owned, strict=True)):
            dtype = np.asarray(node.value).dtype
            alias = self.donated.get(number)
            is_number = not isinstance(node.value, np.ndarray)
            if alias is None:
                self.memory.place(base, Buffer(OUTPUT, bytes_of(base), number))
                places.append(Result(self.memory.whole(base), dtype, is_number))
            else:
                source = sources[alias]
                if self._in_place(base, source):
                    self.memory.place(base, self.memory.inputs[source])
                else:
                    final.append(Copy(self.memory.whole(base), self.memory.whole(source)))
                places.append(Result(self.memory.whole(source), dtype, is_number, alias))
        self._add_in_place()
        steps = [step for stage in self.stages for step in self._concrete(stage)]
        steps += final
        offsets, arena = plan(steps)
        steps = [step for step in steps if not _moves_nothing(step, offsets)]
        flags = tuple(flag for stage in self.stages if isinstance(stage, Guards) for flag in self._flags(stage))
        return Program(tuple(self.memory.inputs.values()), tuple(steps), tuple(places), offsets, arena, flags)

    def _add_in_place(self) -> None:
        """What a product is added to, and nobody else reads, is made where the sum will stand: so a sum of many products is one array."""
        for index in reversed(range(len(self.stages))):
            stage = self.stages[index]
            if not isinstance(stage, PendingProduct) or stage.target is None or not stage.target.whole:
                continue
            base = stage.target.base
            if (
                isinstance(base, Literal)
                or base in self.memory.inputs
                or base in self.kept
                or self.read_at[base] != [index]
            ):
                continue
            buffer = self.memory.buffer(stage.node)
            if buffer.kind != INPUT:
                self.memory.place(base, buffer)

    def _in_place(self, base: Node, source: Node) -> bool:
        """Whether the result `base` may be written over the input `source`."""
        writer = self.made_at[base]
        # A guard that fails, or an operation of NumPy's that raises, must find the inputs as they were.
        if writer <= max(self.lowering.border, self.last_stop) or any(
            index > writer for index in self.read_at.get(source, ())
        ):
            return False
        stage = self.stages[writer]
        if writer not in self.read_at.get(source, ()):
            return isinstance(stage, Group | PendingProduct | Pieces)
        if isinstance(stage, Pieces):
            start = stage.start
            return start is not None and start.whole and all(one.base is not source for one in stage.read_by_parts)
        if isinstance(stage, PendingProduct):
            target = stage.target
            read = any(
                operand.base is source for operand in (stage.first, stage.second, stage.scale) if operand is not None
            )
            return not read and target is not None and target.whole
        if not isinstance(stage, Group) or base in stage.closed:
            return False
        if any(gathered.base is source for gathered, _, _ in stage.gathers.values()):
            return False
        if any(folded and node not in stage.closed for node, folded in stage.folded.items()):
            return False  # several sweeps: a later one would read what an earlier one has written
        return all(stage.pattern[base]) and all(
            operand.offset == 0 and steps == stage.pattern[base]
            for node in stage.nodes
            for operand, steps in stage.reads[node]
            if operand.base is source
        )

    def _concrete(self, stage: object) -> list[Step]:
        if isinstance(stage, Group):
            outside = {node for node in stage.nodes if node in self.read_at or node in self.kept}
            return list(assemble(stage, outside, self.memory.whole, self.memory.view))
        if isinstance(stage, PendingProduct):
            return self._product(stage)
        if isinstance(stage, Guards):
            return [self._guards(stage)]
        if isinstance(stage, Pieces):
            return self._pieces(stage)
        if isinstance(stage, Running):
            return list(stage.steps(self.memory))
        if isinstance(stage, Scattered):
            return self._scatter(stage)
        if isinstance(stage, Repeated):
            return self._repeat(stage)
        assert isinstance(stage, Pending)
        return [self._call(stage)]

    def _product(self, stage: PendingProduct) -> list[Step]:
        whole = stage.step(self.memory)
        steps: list[Step] = []
        if stage.target is not None:
            before = self.memory.view(stage.target)
            if before.buffer is not whole.result.buffer:
                steps.append(Copy(before, whole.result))
        return [*steps, whole]

    def _pieces(self, stage: Pieces) -> list[Step]:
        whole = self.memory.whole(stage.node)
        steps: list[Step] = []
        if stage.start is not None and not stage.filled:
            before = self.memory.view(stage.start)
            if before.buffer is not whole.buffer:
                steps.append(move(before, whole))
        elif not stage.filled:
            steps.append(Fill(whole.buffer))
        for part in stage.parts:
            target = self.memory.view(part.place)
            value = self.memory.view(broadcast(part.value, target.shape))
            if part.axes:
                axes = self._in_bytes(part.axes, target)
                steps.append(scatter(value, tuple(map(self.memory.view, part.indices)), target, axes, "set"))
            else:
                steps.append(move(value, target))
        return steps

    @staticmethod
    def _in_bytes(axes: tuple[tuple[int, int], ...], target: View) -> tuple[tuple[int, int], ...]:
        return tuple((step * SIZES[target.type], extent) for step, extent in axes)

    def _scatter(self, stage: Scattered) -> list[Step]:
        place = stage.indexed.source
        target = self.memory.view(place)
        if 0 in place.shape:
            return [Fill(target.buffer)]
        value = self.memory.view(broadcast(stage.value, place.shape))
        indices = tuple(self.memory.view(index) for index in stage.indexed.indices)
        return [Fill(target.buffer), scatter(value, indices, target, self._in_bytes(stage.indexed.axes, target))]

    def _repeat(self, stage: Repeated) -> list[Step]:
        """The states copied to where the turns overwrite them, and the repetition."""
        body, view, length = stage.body, self.memory.view, stage.node.parameters["length"]
        first = length - 1 if stage.node.parameters["reverse"] else 0
        steps: list[Step] = []
        fixed, moving, written = [], [], []
        for index, state in enumerate(stage.states):
            before = view(state)
            made = stage.made.get(index)
            buffer = Buffer(TEMPORARY, body.inputs[index].size) if made is None else self.memory.buffer(made)
            place = View(buffer, 0, before.shape, strides_in_order(before.shape, SIZES[before.type]), before.type)
            steps.append(move(before, place))
            fixed.append((body.inputs[index], place))
            written.append(place)
        count = len(stage.states)
        for buffer, item in zip(body.inputs[count:], stage.items, strict=False):
            moving.append(self._moving(buffer, view(item), first))
        for buffer, value in zip(body.inputs[count + len(stage.items) :], stage.captured, strict=True):
            fixed.append((buffer, view(value)))
        for result, index in zip(body.results[count:], stage.stacked, strict=True):
            place = self.memory.whole(stage.made[index])
            moving.append(self._moving(result.view.buffer, place, first))
            written.append(place)
        memory = View(Buffer(TEMPORARY, max(body.arena, 1)), 0, (), (), "b1")
        read = tuple(place for _, place in fixed) + tuple(place for _, place, _ in moving)
        progress = stage.node.parameters.get("progress")
        places = (tuple(fixed), tuple(moving), memory, read, (*written, memory))
        kinds = tuple(Kind.of(value) for value in stage.node.arguments[:count])
        truth = stage.made.get(count + stage.node.parameters["loop"].stacked)
        held = None if truth is None else self.memory.whole(truth)
        if held is not None:
            places = (*places[:-1], (*written, memory, held))
        steps.append(Repeat(body, length, *places, kinds, progress, held))
        return steps

    @staticmethod
    def _moving(buffer: Buffer, stack: View, first: int) -> tuple[Buffer, View, int]:
        stride = stack.strides[0]
        place = View(stack.buffer, stack.offset + first * stride, stack.shape[1:], stack.strides[1:], stack.type)
        return buffer, place, -stride if first else stride

    def _flags(self, stage: Guards) -> list[tuple[View, int]]:
        """Where the truth of each guard stands, and its number."""
        return [
            (self.memory.view(self.lowering.accesses[node]), number)
            for node, number in zip(stage.nodes, stage.numbers, strict=True)
        ]

    def _guards(self, stage: Guards) -> Launch:
        instructions: list[Instruction] = []
        views: list[View] = []
        for node in dict.fromkeys(stage.nodes):
            view = self.memory.view(self.lowering.accesses[node])
            instructions.append(Instruction("load", "b1", operand=len(views)))
            instructions.append(Instruction("require", "", (len(instructions) - 1,)))
            views.append(replace(view, shape=(1,), strides=(0,)))
        kernel = Kernel((1,), tuple(Operand("b1", (FIXED,)) for _ in views), tuple(instructions))
        return Launch(kernel, tuple(views), (1,), 1, frozenset(), {}, ("guards",))

    def _call(self, stage: Pending) -> Call:
        node = stage.node
        arguments = tuple(
            (operand.base.value, None)
            if isinstance(operand.base, Literal)
            else (self.memory.view(operand), Kind.of(argument))
            for operand, argument in zip(stage.operands, node.arguments, strict=True)
        )
        several = node.primitive.outputs > 1
        kinds = tuple(Kind.of(value) for value in (node.value if several else (node.value,)))
        made = tuple(part.parameters["index"] for part in stage.made) if several else (0,)
        results = tuple(self.memory.whole(part) for part in stage.made)
        return Call(node.primitive, node.parameters, arguments, kinds, results, made)


def _may_stop(stage: object) -> bool:
    """Whether a stage may end the run with an error: an operation of NumPy's, or an index outside."""
    if isinstance(stage, Repeated):
        return may_stop(stage.body)
    if isinstance(stage, Pieces):
        return any(part.may_stop for part in stage.parts)
    if isinstance(stage, Group):
        return any(isinstance(index.base, Node) for node in stage.gathers for index, _ in stage.reads[node])
    return isinstance(stage, Pending | Scattered)


def _moves_nothing(step: Step, offsets: Mapping[Buffer, int]) -> bool:
    """Whether a step copies an array to where it is: the memory of an array that is written into may be its copy's."""
    if not isinstance(step, Launch) or [one.operation for one in step.kernel.instructions] != ["load", "store"]:
        return False
    source, target = step.views
    places = [offsets.get(view.buffer) for view in step.views]
    return (
        None not in places
        and places[0] == places[1]
        and (source.offset, source.strides, source.type) == (target.offset, target.strides, target.type)
    )
