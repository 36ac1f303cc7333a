"""Program in, a table of native calls out: every function compiled or found, every argument block filled with addresses.

Pointers to temporaries and constants are written once. Those to inputs and outputs differ from call to call: for each, `patches` names
the words to write and what to add. Steps that NumPy runs cut the table into pieces.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from chainrule.lower.kernel import Kernel
from chainrule.lower.program import (
    CONSTANT,
    INPUT,
    OUTPUT,
    Buffer,
    Call,
    Copy,
    Fill,
    Launch,
    Product,
    Program,
    Repeat,
    Step,
    View,
)
from chainrule.run.native.engine import Target
from chainrule.run.native.kernels import kernel_text
from chainrule.run.native.modules import Part, Recipe, load_functions
from chainrule.run.native.products import ProductPlan, plan_product
from chainrule.run.native.runner import COPY, FILL, HELD, SCAN, scan_words

ENTRY_WORDS = 4  # function, argument block, extent, chunk
ALIGNMENT = 64


@dataclass(frozen=True, slots=True)
class Address:
    """A buffer of the program itself, and bytes from its start; `moves` are repetitions and how far each of their turns moves it."""

    buffer: Buffer
    offset: int
    moves: tuple[tuple[Repeat, int], ...] = ()


@dataclass(eq=False)
class NativeCall:
    """One entry of a table: its function, the argument block (numbers, and addresses), extent and chunk length.

    A repetition has a table of its own, `inner`, and `moves`: (call in it, position of a word, bytes per turn). Before each turn it
    writes that word from its origin, which is a word of its own block: the one that a call with other arrays patches.
    """

    part: Part | Recipe
    words: list[int | Address]
    extent: int
    chunk: int
    step: Step | None
    inner: list[NativeCall] = field(default_factory=list)
    moves: list[tuple[NativeCall, int, int]] = field(default_factory=list)
    start: int = 0  # of its argument block
    row: int = 0  # of the table, where the inner table begins
    scan: NativeCall | None = None  # the repetition of which this call asks whether its guards held


@dataclass(frozen=True, slots=True, eq=False)
class Paced:
    """A repetition that stops now and then for a call of Python: its place in the table, and where the turns done are counted."""

    row: int
    step: Repeat
    counter: int  # the position of the word


@dataclass(eq=False)
class Bound:
    """A program with its memory and its table, ready to run; one thread at a time.

    `pieces` are ranges of the table, and between them calls of NumPy and repetitions that show their progress.
    `patches[kind, index]` are (address of a word, bytes to add).
    """

    program: Program
    arena: np.ndarray
    words: np.ndarray
    table: np.ndarray
    numbers: np.ndarray  # a place for each input that is a number
    pieces: list[tuple[int, int] | Call | Paced] = field(default_factory=list)
    patches: dict[tuple[str, int], list[tuple[int, int]]] = field(default_factory=dict)
    calls: list[NativeCall] = field(default_factory=list)

    def number_address(self, index: int) -> int:
        """Where an input that is a number is copied to."""
        return self.numbers.ctypes.data + self.numbers.strides[0] * index

    def address(self, buffer: Buffer) -> int:
        """Where a temporary or constant begins."""
        if buffer.kind == CONSTANT:
            return buffer.value[1].ctypes.data
        return self.arena.ctypes.data + self.program.offsets[buffer]


def kernel_name(kernel: Kernel) -> str:
    """The name of a kernel's function: equal kernels have the same."""
    return f"k{hashlib.sha256(repr(kernel).encode()).hexdigest()[:24]}"


class Flattening:
    """Turns the steps of a program, and those of its repetitions, into calls."""

    def __init__(self, program: Program, target: Target) -> None:
        self.program = program
        self.target = target
        self.parts: dict[Kernel, Recipe] = {}

    def calls(self) -> list[NativeCall | Call]:
        """The calls of the program, in order."""
        return [
            step if isinstance(step, Call) else self.call(step, lambda view: Address(view.buffer, view.offset))
            for step in self.program.steps
        ]

    def call(self, step: Step, locate: Callable[[View], Address]) -> NativeCall:
        """One step as a call; `locate` says where its views lie."""
        if isinstance(step, Repeat):
            return self.repeat(step, locate)
        part, words, extent, chunk = self.function(step)
        block = [locate(word) if isinstance(word, View) else word for word in words]
        return NativeCall(part, block, extent, chunk, step)

    def function(self, step: Step) -> tuple[Part | Recipe, Sequence[int | View], int, int]:
        """The function of a step, its argument block, extent and chunk length."""
        if isinstance(step, Launch):
            part = self.parts.get(step.kernel)
            if part is None:
                name = kernel_name(step.kernel)
                make = partial(kernel_text, step.kernel, name, self.target)
                part = self.parts[step.kernel] = Recipe(name, repr(step.kernel), make)
            return part, _launch_words(step), step.extents[0], max(step.chunk, 1)
        if isinstance(step, Product):
            return _product(step, self.target)
        if isinstance(step, Copy):
            return COPY, (step.target, step.source, step.source.buffer.size), 1, 1
        assert isinstance(step, Fill)
        return FILL, (View(step.buffer, 0, (), (), "b1"), step.buffer.size), 1, 1

    def repeat(self, step: Repeat, locate: Callable[[View], Address]) -> NativeCall:
        """A repetition: a call of the runner's `scan` on a table of its own."""
        body = step.body
        places = {buffer: locate(view) for buffer, view in step.fixed}
        for buffer, view, stride in step.moving:
            start = locate(view)
            places[buffer] = Address(start.buffer, start.offset, (*start.moves, (step, stride)))
        memory = locate(step.memory)

        def inside(view: View) -> Address:
            if view.buffer.kind == CONSTANT:
                return Address(view.buffer, view.offset)
            if view.buffer in places:
                start, shift = places[view.buffer], view.offset
            else:
                start, shift = memory, body.offsets[view.buffer] + view.offset
            return Address(start.buffer, start.offset + shift, start.moves)

        inner = [self.call(one, inside) for one in body.steps if not isinstance(one, Call)]
        scan = NativeCall(SCAN, [], 1, 1, step, inner)
        if step.held is None:
            return scan
        return NativeCall(HELD, [0, 0, 0, locate(step.held)], 1, 1, None, scan=scan)


def _launch_words(step: Launch) -> tuple[int | View, ...]:
    words: list[int | View] = []
    for kind, number, *rest in step.kernel.words:
        if kind == "pointer":
            words.append(step.views[number])
        elif kind == "stride":
            words.append(step.views[number].strides[rest[0]])
        elif kind == "axis_stride":
            words.append(step.views[number].strides[step.kernel.rank + rest[0]])
        elif kind == "axis_extent":
            words.append(step.views[number].shape[step.kernel.rank + rest[0]])
        elif kind == "partial":
            words.append(step.partial.get(number, 0))
        else:
            words.append(step.extents[number])
    return tuple(words)


def _product(step: Product, target: Target) -> tuple[Part | Recipe, Sequence[int | View], int, int]:
    first, second, result = step.first, step.second, step.result
    plan = plan_product(
        result.type,
        (result.shape[-2], result.shape[-1], first.shape[-1]),
        first.strides,
        second.strides,
        result.strides,
        batch=result.shape[:-2],
        factor=step.factor,
        scaled=step.scale is not None,
        keep=step.keep,
        for_target=target,
    )
    assert isinstance(plan, ProductPlan), (
        "the lowering takes products only where there is a BLAS, and copies what it cannot read"
    )
    assert plan.part is not None, "a product without elements is called in NumPy"
    roles = {"first": first, "second": second, "result": result, "scale": step.scale}
    words: list[Any] = [roles[word] if isinstance(word, str) else word for word in plan.words]
    return plan.part, words, plan.extent, plan.chunk


def bind(program: Program, target: Target, numbers: Sequence[bool]) -> Bound:
    """A program in memory of its own. `numbers[i]` says that input i is a number, which is copied, and not an array."""
    calls = Flattening(program, target).calls()
    outer = [call for call in calls if isinstance(call, NativeCall)]
    every = list(_nested(outer))
    places = _places(every)
    addresses = load_functions(list({call.part.name: call.part for call in every}.values()), target)
    size = 0
    for call in every:
        call.start = size
        size += len(call.words)
    row = len(outer)
    for call in every:
        call.row = row
        row += len(call.inner)
    words = np.zeros(max(size, 1), np.int64)
    table = np.zeros((max(row, 1), ENTRY_WORDS), np.int64)
    memory = np.empty(program.arena + ALIGNMENT, np.uint8)
    arena = memory[-memory.ctypes.data % ALIGNMENT :]
    bound = Bound(program, arena, words, table, np.zeros((max(len(program.inputs), 1), 2), np.int64))
    base, table_at = words.ctypes.data, table.ctypes.data

    def at(place: Place) -> int:
        return base + 8 * (place[0].start + place[1])

    for first, group in ((0, outer), *((call.row, call.inner) for call in every)):
        for index, call in enumerate(group, first):
            table[index] = (addresses[call.part.name], base + 8 * call.start, call.extent, call.chunk)
    for call in every:
        if isinstance(call.step, Repeat):
            moves = [(at((one, position)), 0, stride) for one, position, stride in call.moves]
            inner_at = table_at + 8 * ENTRY_WORDS * call.row
            counter = at((call, len(call.words) - 1))
            pause = call.step.progress[1] if call.step.progress else 0
            block = scan_words(inner_at, len(call.inner), call.step.length, counter, moves, pause)
            assert len(block) == len(call.words) - 1
            call.words[: len(block)] = block
        if (scan := call.scan) is not None:
            call.words[:3] = [addresses[SCAN.name], base + 8 * scan.start, at((scan, len(scan.words) - 1))]
        words[call.start : call.start + len(call.words)] = [
            0 if isinstance(word, Address) else _signed(word) for word in call.words
        ]
    for place, word in places:
        if word.buffer.kind == INPUT and numbers[word.buffer.index]:
            words[place[0].start + place[1]] = bound.number_address(word.buffer.index) + word.offset
        elif word.buffer.kind in (INPUT, OUTPUT):
            bound.patches.setdefault((word.buffer.kind, word.buffer.index), []).append((at(place), word.offset))
        else:
            words[place[0].start + place[1]] = bound.address(word.buffer) + word.offset
    bound.calls = every
    done = 0
    for call in calls:
        last = bound.pieces[-1] if bound.pieces else None
        if isinstance(call, Call):
            bound.pieces.append(call)
            continue
        scan = call.scan or call
        if isinstance(scan.step, Repeat) and scan.step.progress is not None:
            bound.pieces.append(Paced(done, scan.step, scan.start + len(scan.words) - 1))
        elif isinstance(last, tuple):
            bound.pieces[-1] = (last[0], last[1] + 1)
        else:
            bound.pieces.append((done, 1))
        done += 1
    return bound


Place = tuple[NativeCall, int]  # a word of an argument block
SCAN_HEAD = 8  # words of the argument block of a repetition before its moves, which have three words each


def _places(calls: Sequence[NativeCall]) -> list[tuple[Place, Address]]:
    """The words that hold addresses. What moves in a repetition stands in its origin, from which it writes the word itself."""
    repeats = {call.step: call for call in calls if isinstance(call.step, Repeat)}
    found: list[tuple[Place, Address]] = []
    for call in calls:
        for position, word in enumerate(call.words):
            if not isinstance(word, Address):
                continue
            place = (call, position)
            for step, stride in reversed(
                word.moves
            ):  # the innermost repetition writes the word, each outer one the origin of an inner
                repeat = repeats[step]
                origin = SCAN_HEAD + 3 * len(repeat.moves) + 1
                repeat.moves.append((*place, stride))
                place = (repeat, origin)
            found.append((place, word))
    for repeat in repeats.values():
        repeat.words = [0] * (SCAN_HEAD + 3 * len(repeat.moves) + 1)  # and the counter of turns
    return found


def _nested(calls: Sequence[NativeCall]) -> Iterator[NativeCall]:
    """The calls of a table, and those of the tables in it."""
    for call in calls:
        yield call
        if call.scan is not None:
            yield from _nested([call.scan])
        yield from _nested(call.inner)


def _signed(word: int) -> Any:
    """64 bits as the signed number that they are in an array of int64."""
    return word - (1 << 64) if word >= 1 << 63 else word
