"""What one native function does: loops over a space of indices, and instructions on single elements, as data.

A kernel has 1 to `MAX_RANK` loop dimensions; the last is the inner one, along which code is vectorised. Its instructions are a list
in which each refers to earlier ones by position. How often a value is computed follows from what it depends on: what does not vary
along the inner dimension is computed once per row, what varies along none once per call. Sizes, byte strides, pointers and scalar
constants are run-time words (see `words`), so one kernel serves every batch size; only what is in the kernel itself is compiled.

`reduce` folds a value over the inner dimension; its result is a row value and may be used by later instructions, which then run
in a later sweep over the row. `accumulate` folds a value over outer dimensions into memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

MAX_RANK = 5
SIZES = {"f64": 8, "f32": 4, "i64": 8, "i32": 4, "b1": 1}
NUMPY_NAMES = {
    "f64": "float64",
    "f32": "float32",
    "i64": "int64",
    "i32": "int32",
    "b1": "bool",
}  # a bool is a byte 0 or 1
TYPE_OF = {name: type_ for type_, name in NUMPY_NAMES.items()}

FIXED, NEXT, STRIDED = 0, 1, None


@dataclass(frozen=True, slots=True)
class Operand:
    """A piece of memory that a kernel reads or writes.

    `steps` says for each loop dimension how the address moves: `FIXED` (0: not at all), `NEXT` (1: to the neighbouring element; only
    in the last dimension), or `STRIDED` (None: by a byte stride given at run time). `axes` is for gathers and scatters: the number
    of axes that are indexed by values; each has a byte stride and an extent at run time. `partial`: chunks of dimension 0 write
    results of their own, a run-time number of bytes apart.
    """

    type: str
    steps: tuple[int | None, ...]
    axes: int = 0
    partial: bool = False


@dataclass(frozen=True, slots=True)
class Instruction:
    """One step of a kernel. `arguments` are positions of earlier instructions; `operand` the memory it concerns.

    | operation | arguments | what it is |
    |---|---|---|
    | `load` | — | the element of `operand` at the loop's indices |
    | `gather` | one index (i64) for each indexed axis | the element there; negative: from the end; outside: stops, code 1 |
    | `literal` | — | the number `detail` |
    | `index` | — | the loop index of dimension `detail`, as i64 |
    | `reduce` | value | its fold (`detail`: add, multiply, maximum, minimum, and, or) over the inner dimension: a row value |
    | `store` | value | writes it to `operand` (type `""`) |
    | `accumulate` | value | folds it (`detail`) into `operand` over the dimensions in which that is `FIXED`, from the neutral element |
    | `scatter` | value, then one index for each indexed axis | adds the value there, one after the other; `detail` "set" puts it there |
    | `require` | value (b1) | stops with code 2 where it is false |
    | any other | values | the element operation of that name (a primitive's, or `cast`), with `detail` as its parameters |
    """

    operation: str
    type: str
    arguments: tuple[int, ...] = ()
    operand: int = -1
    detail: Any = None


@dataclass(frozen=True)
class Kernel:
    """One native function; equal kernels are one piece of code. `extents[d]` is a number where it is compiled in, else None.

    >>> twice = Kernel(
    ...     (None,),
    ...     (Operand("f64", (NEXT,)), Operand("f64", (NEXT,))),
    ...     (Instruction("load", "f64", operand=0), Instruction("add", "f64", (0, 0)), Instruction("store", "", (1,), operand=1)),
    ... )
    >>> twice.words
    (('pointer', 0), ('pointer', 1), ('extent', 0))
    """

    extents: tuple[int | None, ...]
    operands: tuple[Operand, ...]
    instructions: tuple[Instruction, ...]

    @property
    def rank(self) -> int:
        """The number of loop dimensions."""
        return len(self.extents)

    @cached_property
    def words(self) -> tuple[tuple[Any, ...], ...]:
        """The layout of the argument block, word by word.

        ("pointer", operand) · ("stride", operand, dimension) in bytes · ("axis_stride", operand, axis) in bytes ·
        ("axis_extent", operand, axis) · ("partial", operand) in bytes · ("extent", dimension).
        """
        layout: list[tuple[Any, ...]] = []
        for number, operand in enumerate(self.operands):
            layout.append(("pointer", number))
            layout.extend(("stride", number, d) for d, step in enumerate(operand.steps) if step is STRIDED)
            for axis in range(operand.axes):
                layout.extend((("axis_stride", number, axis), ("axis_extent", number, axis)))
            if operand.partial:
                layout.append(("partial", number))
        layout.extend(("extent", d) for d, extent in enumerate(self.extents) if extent is None)
        return tuple(layout)

    @cached_property
    def place(self) -> dict[tuple[Any, ...], int]:
        """The position of each word."""
        return {word: position for position, word in enumerate(self.words)}

    @cached_property
    def varies(self) -> tuple[frozenset[int], ...]:
        """For each instruction, the loop dimensions along which its value changes.

        >>> Kernel((4, 8), (Operand("f64", (FIXED, NEXT)),), (Instruction("load", "f64", operand=0),)).varies
        (frozenset({1}),)
        """
        found: list[frozenset[int]] = []
        inner = self.rank - 1
        for instruction in self.instructions:
            dims: set[int] = set()
            for argument in instruction.arguments:
                dims |= found[argument]
            if instruction.operation in ("load", "gather"):
                steps = self.operands[instruction.operand].steps
                dims |= {d for d, step in enumerate(steps) if step != FIXED}
            elif instruction.operation == "index":
                dims.add(instruction.detail)
            elif instruction.operation == "reduce":
                dims.discard(inner)
            found.append(frozenset(dims))
        return tuple(found)

    @cached_property
    def phases(self) -> tuple[int, ...]:
        """For each instruction, the first sweep over a row in which it can run: one more than that of each `reduce` it needs."""
        found: list[int] = []
        for instruction in self.instructions:
            phase = 0
            for argument in instruction.arguments:
                after = self.instructions[argument].operation == "reduce"
                phase = max(phase, found[argument] + after)
            found.append(phase)
        return tuple(found)
