"""A group of operations in, a kernel and its launch out: neighbouring dimensions merged, types made equal, folds split.

Where every operand walks two neighbouring dimensions as one, they become one; so most loops have one or two dimensions. A fold over the
last dimension is a `reduce`; over others an `accumulate` into memory, of which each chunk of the loop writes a copy of its own that a
second kernel adds up in order.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from chainrule.graph import Node
from chainrule.lower.access import Access, Literal
from chainrule.lower.groups import FOLDS, Group
from chainrule.lower.kernel import FIXED, NEXT, SIZES, STRIDED, Instruction, Kernel, Operand
from chainrule.lower.program import TEMPORARY, Buffer, Launch, View
from chainrule.lower.types import DEAR, kernel_type, loop_types

COMPILED_LENGTH = 64  # inner loops up to this length are compiled for it; longer ones take their length at run time
CHUNK = 32768  # elements of a chunk; whole loops of fewer than four chunks are done by one thread
MOST_CHUNKS = 64
PLAIN_NUMBERS = (
    -1.0,
    0.0,
    0.5,
    1.0,
    2.0,
    3.0,
    4.0,
)  # compiled in; others are read from memory, so that code can be shared

Locate = Callable[[Access], View]  # the bytes of an access: its buffer, offset and strides


@dataclass(eq=False)
class Draft:
    """A kernel in the making: operands by what they address, instructions by what they compute."""

    lengths: tuple[int, ...]
    operands: list[tuple[Operand, View, tuple[int, ...]]] = field(
        default_factory=list
    )  # with byte strides along the loop
    instructions: list[Instruction] = field(default_factory=list)
    known: dict[Any, int] = field(default_factory=dict)
    writes: set[int] = field(default_factory=set)
    partial: dict[int, int] = field(default_factory=dict)
    axes: dict[int, tuple[tuple[int, int], ...]] = field(default_factory=dict)

    def emit(self, instruction: Instruction) -> int:
        """The position of an instruction, which is shared where it is there already."""
        position = self.known.get(instruction)
        if position is None or instruction.type == "":
            position = len(self.instructions)
            self.instructions.append(instruction)
            self.known[instruction] = position
        return position

    def operand(
        self, view: View, strides: tuple[int, ...], partial: bool = False, axes: tuple[tuple[int, int], ...] = ()
    ) -> int:
        """The number of an operand that starts at a view and moves by these byte strides along the loop.

        `axes` are the byte stride and extent of each axis that is indexed by values.
        """
        size, last = SIZES[view.type], len(strides) - 1
        steps = tuple(
            FIXED if stride == 0 else NEXT if d == last and stride == size else STRIDED
            for d, stride in enumerate(strides)
        )
        self.operands.append((Operand(view.type, steps, len(axes), partial), view, strides))
        if axes:
            self.axes[len(self.operands) - 1] = axes
        return len(self.operands) - 1

    def load(self, view: View, strides: tuple[int, ...]) -> int:
        """The element of a view at the loop's indices."""
        key = (view.buffer, view.offset, strides, view.type)
        if key not in self.known:
            self.known[key] = self.operand(view, strides)
        return self.emit(Instruction("load", view.type, operand=self.known[key]))

    def cast(self, value: int, type_: str) -> int:
        """A value in another type."""
        return value if self.instructions[value].type == type_ else self.emit(Instruction("cast", type_, (value,)))

    def store(self, value: int, view: View, strides: tuple[int, ...]) -> None:
        """Write a value to memory."""
        number = self.operand(view, strides)
        self.writes.add(number)
        self.emit(Instruction("store", "", (value,), number))


def merged(group: Group, stored: list[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """The dimensions of a group's domain that are walked as one, in order."""
    walks = [steps for reads in group.reads.values() for _, steps in reads] + stored
    walks.extend(group.pattern.values())
    walks.extend(steps for _, steps, _ in group.gathers.values())
    runs: list[tuple[int, ...]] = []
    for d, length in enumerate(group.domain):
        if (
            runs
            and all(steps[runs[-1][-1]] == steps[d] * length for steps in walks)
            and all((d in folded) == (runs[-1][-1] in folded) for folded in group.folded.values() if folded)
        ):
            runs[-1] = (*runs[-1], d)
        else:
            runs.append((d,))
    return runs


def assemble(group: Group, outside: set[Node], buffer_of: Callable[[Node], View], locate: Locate) -> list[Launch]:
    """The launches of a group: its kernel, and those that add up the partial results of its chunks.

    `outside` are the nodes whose values are needed after the group; `buffer_of` gives the memory of a node's value, `locate` that of an
    access.
    """
    runs = merged(group, [])
    lengths = tuple(math.prod(group.domain[d] for d in run) for run in runs) or (1,)
    chunk, chunks = chunks_of(lengths)
    draft = Draft(lengths)
    values: dict[Node, int] = {}
    combine: list[tuple[View, View, str, int]] = []

    def walk(steps: tuple[int, ...], size: int) -> tuple[int, ...]:
        return tuple(steps[run[-1]] * size for run in runs) or (0,)

    def read(operand: Access, steps: tuple[int, ...]) -> int:
        if isinstance(operand.base, Node) and operand.base in values:
            return values[operand.base]
        if isinstance(operand.base, Literal) and (number := _plain(operand)) is not None:
            return draft.emit(Instruction("literal", kernel_type(operand.base.value) or "f64", detail=number))
        view = locate(operand)
        size = SIZES[view.type]
        # An input may lie in memory in any way that the plan allows: the view's strides count, not the steps.
        return draft.load(view, walk(steps, size))

    for node in group.nodes:
        reads = [read(operand, steps) for operand, steps in group.reads[node]]
        folded = group.folded[node]
        if node.primitive.name in FOLDS:
            values[node] = value = _fold_value(draft, node, reads[0])
            if folded:
                fold = FOLDS[node.primitive.name]
                type_ = draft.instructions[value].type
                over = {number for number, run in enumerate(runs) if run[0] in folded}
                last = len(runs) - 1
                if last in over and group.domain:
                    value = draft.emit(Instruction("reduce", type_, (value,), detail=fold))
                    over.discard(last)
                    if not over and len(runs) == 1 and chunks > 1:
                        over.add(last)
                if over:
                    target = buffer_of(node)
                    strides = walk(group.pattern[node], SIZES[type_])
                    partial = 0 in over
                    place = target
                    if partial and chunks > 1:
                        place = replace(target, buffer=Buffer(TEMPORARY, target.buffer.size * chunks), offset=0)
                        combine.append((place, target, fold, chunks))
                    number = draft.operand(place, strides, partial)
                    draft.writes.add(number)
                    if partial:
                        draft.partial[number] = max(target.buffer.size, SIZES[type_])
                    draft.emit(Instruction("accumulate", "", (value,), number, fold))
                    continue
                values[node] = value
        elif node in group.gathers:
            source, steps, axes = group.gathers[node]
            view = locate(source)
            size = SIZES[view.type]
            number = draft.operand(view, walk(steps, size), axes=tuple((step * size, extent) for step, extent in axes))
            indices = tuple(draft.cast(index, "i64") for index in reads)
            values[node] = draft.emit(Instruction("gather", view.type, indices, number))
        else:
            values[node] = _element(draft, node, reads)
        if node in outside:
            target = buffer_of(node)
            draft.store(values[node], target, walk(group.pattern[node], SIZES[target.type]))
    _keep_dear(draft, chunks)
    whole = launch(draft, lengths, chunk, tuple(node.primitive.name for node in group.nodes))
    return [whole, *itertools.chain.from_iterable(_combine(*one) for one in combine)]


def launch(draft: Draft, lengths: tuple[int, ...], chunk: int, names: tuple[str, ...]) -> Launch:
    """The launch of a finished draft: `chunk` rows of the first dimension at a time; `names` are those of its operations."""
    inner = lengths[-1]
    compiled = inner if inner <= COMPILED_LENGTH else None
    extents = (*(None for _ in lengths[:-1]), compiled)
    kernel = Kernel(extents, tuple(operand for operand, _, _ in draft.operands), _effects_last(draft.instructions))
    views = []
    for number, (_, view, strides) in enumerate(draft.operands):
        axes = draft.axes.get(number, ())
        shape = lengths + tuple(extent for _, extent in axes)
        views.append(replace(view, shape=shape, strides=strides + tuple(step for step, _ in axes)))
    return Launch(kernel, tuple(views), lengths, chunk, frozenset(draft.writes), dict(draft.partial), names)


def _effects_last(instructions: list[Instruction]) -> tuple[Instruction, ...]:
    """The instructions with those that write at the end: what is written may be the memory of what is read at the same indices."""
    order = sorted(range(len(instructions)), key=lambda position: instructions[position].type == "")
    place = {before: after for after, before in enumerate(order)}
    moved = []
    for position in order:
        one = instructions[position]
        arguments = tuple(place[argument] for argument in one.arguments)
        same = arguments == one.arguments
        moved.append(one if same else Instruction(one.operation, one.type, arguments, one.operand, one.detail))
    return tuple(moved)


def chunks_of(lengths: tuple[int, ...]) -> tuple[int, int]:
    """The length of a chunk of the first dimension, and the number of chunks: a function of sizes only."""
    total, first = math.prod(lengths), lengths[0]
    if total < 4 * CHUNK or first == 1:
        return first, 1
    row = max(1, total // first)
    chunk = max(1, CHUNK // row, -(-first // MOST_CHUNKS))
    if len(lengths) == 1:
        chunk = -(-chunk // 64) * 64  # whole vectors, and whole cache lines
    return chunk, -(-first // chunk)


def _plain(operand: Access) -> float | bool | int | None:
    """The number that an operand is everywhere, where it may be compiled in."""
    value = operand.base.value
    if np.ndim(value) or isinstance(value, complex) or kernel_type(value) is None:
        return None
    number = float(value)
    if number not in PLAIN_NUMBERS or (number == 0.0 and math.copysign(1.0, number) < 0.0):
        return None  # a kernel with -0.0 would be equal to the same one with 0.0
    return value.item() if hasattr(value, "item") else value


def _fold_value(draft: Draft, node: Node, value: int) -> int:
    """What is folded: in the type of the result, which for the sum of truth values is an integer."""
    return draft.cast(value, kernel_type(node.value) or "f64")


def _element(draft: Draft, node: Node, reads: list[int]) -> int:
    types = loop_types(node)
    assert types is not None, "operations without types in kernels are called, not lowered"
    taken, result = types
    arguments = tuple(_converted(draft, value, type_) for value, type_ in zip(reads, taken, strict=True))
    if node.primitive.name in ("astype", "astype_of_counts"):
        return draft.cast(arguments[0], result)
    detail = tuple(sorted(node.parameters.items())) or None
    return draft.emit(Instruction(node.primitive.name, result, arguments, detail=detail))


def _converted(draft: Draft, value: int, type_: str) -> int:
    """A value in another type; a literal simply is one of the other type."""
    instruction = draft.instructions[value]
    if instruction.operation == "literal" and instruction.type != type_:
        number = instruction.detail
        kind = float if type_ in ("f64", "f32") else bool if type_ == "b1" else int
        return draft.emit(Instruction("literal", type_, detail=kind(number)))
    return draft.cast(value, type_)


def _keep_dear(draft: Draft, chunks: int) -> None:
    """Values that are dear to compute and needed in a later sweep of a row are kept in memory of one row."""
    lengths = draft.lengths
    inner = len(lengths) - 1
    probe = Kernel(lengths, tuple(operand for operand, _, _ in draft.operands), tuple(draft.instructions))
    phases, varies = probe.phases, probe.varies
    if max(phases, default=0) == 0:
        return
    stored = {instruction.arguments[0] for instruction in draft.instructions if instruction.operation == "store"}
    needed_late = {
        argument
        for position, instruction in enumerate(draft.instructions)
        for argument in instruction.arguments
        if inner in varies[argument] and phases[argument] < phases[position]
    }
    for position in sorted(needed_late):
        if position in stored or not _is_dear(draft, position, phases, varies, inner):
            continue
        type_ = draft.instructions[position].type
        row = SIZES[type_] * lengths[inner]
        buffer = Buffer(TEMPORARY, row * max(chunks, 1))
        view = View(buffer, 0, lengths, (0,) * inner + (SIZES[type_],), type_)
        number = draft.operand(view, view.strides, partial=True)
        draft.writes.add(number)
        draft.partial[number] = row
        draft.emit(Instruction("store", "", (position,), number))


def _is_dear(
    draft: Draft, position: int, phases: tuple[int, ...], varies: tuple[frozenset[int], ...], inner: int
) -> bool:
    waiting, seen = [position], {position}
    while waiting:
        instruction = draft.instructions[waiting.pop()]
        if instruction.operation in DEAR:
            return True
        for argument in instruction.arguments:
            if argument not in seen and inner in varies[argument] and phases[argument] <= phases[position]:
                seen.add(argument)
                waiting.append(argument)
    return False


def scatter(
    value: View, indices: tuple[View, ...], target: View, axes: tuple[tuple[int, int], ...], how: str | None = None
) -> Launch:
    """A launch that adds values, one after the other, to the elements of a target that index arrays name; `axes` in bytes.

    With `how` "set" the values take the place of what was there. All views have one shape.
    """
    lengths = tuple(length for length in target.shape if length != 1) or (1,)
    draft = Draft(lengths)
    places = tuple(draft.cast(draft.load(index, _moving(index)), "i64") for index in indices)
    given = draft.cast(draft.load(value, _moving(value)), target.type)
    number = draft.operand(target, _moving(target), axes=axes)
    draft.writes.add(number)
    draft.emit(Instruction("scatter", "", (given, *places), number, how))
    return launch(draft, lengths, lengths[0], ())


def _moving(view: View) -> tuple[int, ...]:
    """The strides of a view along its axes of more than one element."""
    return tuple(stride for length, stride in zip(view.shape, view.strides, strict=True) if length != 1) or (0,)


def move(source: View, target: View) -> Launch:
    """A launch that copies one view to another of its shape, converting where the types differ."""
    rows: list[list[int]] = []  # [length, stride of the source, stride of the target] of each dimension
    for length, here, there in zip(target.shape, source.strides, target.strides, strict=True):
        if length == 1:
            continue
        if rows and rows[-1][1] == here * length and rows[-1][2] == there * length:
            rows[-1] = [rows[-1][0] * length, here, there]
        else:
            rows.append([length, here, there])
    rows = rows or [[1, 0, 0]]
    lengths = tuple(row[0] for row in rows)
    draft = Draft(lengths)
    value = draft.cast(draft.load(source, tuple(row[1] for row in rows)), target.type)
    draft.store(value, target, tuple(row[2] for row in rows))
    return launch(draft, lengths, chunks_of(lengths)[0], ())


def _combine(partial: View, target: View, fold: str, chunks: int) -> list[Launch]:
    """The fold of the chunks' results, in the order of the chunks."""
    size = SIZES[target.type]
    count = target.buffer.size // size
    step = max(target.buffer.size, size)
    draft = Draft((chunks, count))
    value = draft.load(replace(partial, shape=(chunks, count), strides=(step, size)), (step, size if count > 1 else 0))
    number = draft.operand(target, (0, size if count > 1 else 0))
    draft.writes.add(number)
    draft.emit(Instruction("accumulate", "", (value,), number, fold))
    return [launch(draft, (chunks, count), chunks, ())]
