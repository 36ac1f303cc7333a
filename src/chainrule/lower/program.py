"""A program as data: pieces of memory, and the steps that read and write them, in order.

Nothing here knows LLVM or the machine. A step is a kernel launched on operands, a matrix product, a call of NumPy for an operation that
has no native form, or a guard that must hold before what comes after it may run.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chainrule.lower.kernel import Kernel
from chainrule.primitive import Primitive

INPUT, CONSTANT, TEMPORARY, OUTPUT = "input", "constant", "temporary", "output"


class Buffer:
    """A piece of memory of `size` bytes: an input's or output's (`index`), a constant's (`value`), or the program's own.

    >>> Buffer(TEMPORARY, 80)
    <temporary of 80 bytes>
    """

    __slots__ = ("index", "kind", "size", "value")

    def __init__(self, kind: str, size: int, index: int = -1, value: Any = None) -> None:
        self.kind = kind
        self.size = size
        self.index = index
        self.value = value

    def __repr__(self) -> str:
        return f"<{self.kind} of {self.size} bytes>"


@dataclass(frozen=True, slots=True)
class View:
    """Elements in a buffer: where the first lies, and the shape; offset and strides are in bytes.

    >>> View(Buffer(TEMPORARY, 80), 0, (10,), (8,), "f64").shape
    (10,)
    """

    buffer: Buffer
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    type: str


@dataclass(frozen=True, eq=False, slots=True)
class Launch:
    """A kernel on operands. `extents` are its loop lengths; dimension 0 is done `chunk` at a time; `partial` are bytes between the
    results of chunks. `writes` says which operands are written (some are read as well: `accumulates` only after they were set)."""

    kernel: Kernel
    views: tuple[
        View, ...
    ]  # shape and strides follow the loop dimensions; for gathers those of the indexed axes after them
    extents: tuple[int, ...]
    chunk: int
    writes: frozenset[int]
    partial: dict[int, int] = field(default_factory=dict)
    names: tuple[str, ...] = ()  # of the operations, for whoever reads the program


@dataclass(frozen=True, eq=False, slots=True)
class Product:
    """result ← factor · scale · first @ second + keep · result, over leading batch dimensions; `scale` is a number in memory."""

    first: View
    second: View
    result: View
    factor: float = 1.0
    scale: View | None = None
    keep: float = 0.0


@dataclass(frozen=True, eq=False, slots=True)
class Fill:
    """Every byte of a buffer becomes 0."""

    buffer: Buffer


@dataclass(frozen=True, eq=False, slots=True)
class Copy:
    """The bytes of one contiguous view go to another of the same size."""

    source: View
    target: View


@dataclass(frozen=True, slots=True)
class Kind:
    """What a value of NumPy's is without its numbers: shape, dtype, and whether it is a number instead of an array.

    >>> Kind.of(np.float64(2.0))
    Kind(shape=(), dtype=dtype('float64'), number=True)
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    number: bool

    @classmethod
    def of(cls, value: Any) -> Kind:
        """The kind of a value."""
        return cls(np.shape(value), np.asarray(value).dtype, not isinstance(value, np.ndarray))


@dataclass(frozen=True, eq=False, slots=True)
class Call:
    """NumPy runs an operation. `arguments` are views, with the kinds that they are given as, or plain values (kind None);
    `kinds` are those of all its outputs, and `results` views for the outputs number `made`."""

    primitive: Primitive
    parameters: dict[str, Any]
    arguments: tuple[tuple[View | Any, Kind | None], ...]
    kinds: tuple[Kind, ...]
    results: tuple[View, ...]
    made: tuple[int, ...] = (0,)


@dataclass(frozen=True, eq=False, slots=True)
class Repeat:
    """`body` runs `length` times. `fixed` says where its inputs lie that stay in place (its states, and what is the same in all turns);
    `moving` where the first turn finds its items and puts its results, and how many bytes further the next one does; `memory` is
    the place of its temporaries. `progress` is (a function of the turns done and the states, after how many turns it is called).
    `held` is where it is written whether all guards of the turns held; without it one that does not hold stops the program."""

    body: Program
    length: int
    fixed: tuple[tuple[Buffer, View], ...]
    moving: tuple[tuple[Buffer, View, int], ...]
    memory: View
    read: tuple[View, ...]
    written: tuple[View, ...]
    states: tuple[Kind, ...]
    progress: Any = None
    held: View | None = None


Step = Launch | Product | Fill | Copy | Call | Repeat


@dataclass(frozen=True, eq=False, slots=True)
class Result:
    """An output of the program: its place, and whether it is a NumPy number instead of an array."""

    view: View
    dtype: Any
    number: bool
    alias: int | None = None  # the number of the donated input whose memory it takes


@dataclass(frozen=True, eq=False, slots=True)
class Program:
    """What a graph became: buffers of the inputs, steps, results; `offsets` places the temporaries in one arena of `arena` bytes.

    `guards` are where the truth of each guard stands when the program stops at one, and which of the caller's guards it is.
    """

    inputs: tuple[Buffer, ...]
    steps: tuple[Step, ...]
    results: tuple[Result, ...]
    offsets: dict[Buffer, int]
    arena: int
    guards: tuple[tuple[View, int], ...] = ()

    @property
    def kernels(self) -> tuple[Kernel, ...]:
        """The distinct kernels, in order of first use."""
        found: dict[Kernel, None] = {}
        for step in self.steps:
            if isinstance(step, Launch):
                found[step.kernel] = None
            elif isinstance(step, Repeat):
                found.update(dict.fromkeys(step.body.kernels))
        return tuple(found)


def reads(step: Step) -> list[View]:
    """The views that a step reads."""
    if isinstance(step, Launch):
        return [view for number, view in enumerate(step.views) if number not in step.writes]
    if isinstance(step, Product):
        found = [step.first, step.second]
        if step.scale is not None:
            found.append(step.scale)
        if step.keep != 0.0:
            found.append(step.result)
        return found
    if isinstance(step, Copy):
        return [step.source]
    if isinstance(step, Repeat):
        return list(step.read)
    if isinstance(step, Call):
        return [argument for argument, kind in step.arguments if kind is not None]
    return []


def writes(step: Step) -> list[View]:
    """The views that a step writes."""
    if isinstance(step, Launch):
        return [step.views[number] for number in sorted(step.writes)]
    if isinstance(step, Product):
        return [step.result]
    if isinstance(step, Copy):
        return [step.target]
    if isinstance(step, Repeat):
        return list(step.written)
    if isinstance(step, Call):
        return list(step.results)
    return [View(step.buffer, 0, (step.buffer.size,), (1,), "b1")]
