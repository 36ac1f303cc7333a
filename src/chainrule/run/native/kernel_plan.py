"""How a kernel becomes code, as data: vector widths, the level at which each value is computed, the sweeps over a row.

Levels are loop dimensions: a value of level `d` is computed once per turn of that loop, of level −1 once per call; those of the
last dimension (`inner`) are computed in vectors, in sweeps over the row. What varies less than the row but needs a `reduce` has
the row's level, `inner − 1`.

An effect (`store`, `accumulate`, `scatter`) happens once per element where its value, an index or its operand varies along the inner
dimension, else once per row.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

from chainrule.lower.kernel import FIXED, NEXT, SIZES, STRIDED, Instruction, Kernel
from chainrule.run.native.engine import Target

WRITERS = ("store", "accumulate", "scatter")
EFFECTS = (*WRITERS, "require")
MAX_PIECES = 4  # a compiled-in row of so many vectors is straight-line code
BLOCK = 64  # so many vectors are added up into one accumulator before it is emptied
CHEAP = frozenset(
    [
        "load",
        "literal",
        "index",
        "store",
        "accumulate",
        "reduce",
        "require",
        "cast",
        "add",
        "subtract",
        "multiply",
        "negative",
        "where",
        "less",
        "less_equal",
        "greater",
        "greater_equal",
        "equal",
        "not_equal",
        "logical_and",
        "logical_or",
        "logical_not",
        "copy",
        "stop_gradient",
        "keep",
        "square",
        "absolute",
        "positive",
    ]
)


@functools.cache
def vector_bits(target: Target) -> int:
    """The bits of the widest vector registers.

    >>> vector_bits(Target("x86_64-unknown-linux-gnu", "x86-64", "+sse2"))
    128
    """
    features = target.features.split(",")
    return 512 if "+avx512f" in features else 256 if "+avx" in features else 128


@functools.cache
def has_masks(target: Target) -> bool:
    """Whether loads and stores of some lanes are single instructions, for elements of every size."""
    return {"+avx512f", "+avx512bw", "+avx512vl"} <= set(target.features.split(","))


@dataclass(frozen=True)
class Piece:
    """A vector of a straight-line row: where it starts, its lanes, and how many of them are inside."""

    start: int
    width: int
    active: int


def moving(kernel: Kernel, number: int) -> frozenset[int]:
    """The loop dimensions along which an operand's address moves."""
    return frozenset(d for d, step in enumerate(kernel.operands[number].steps) if step != FIXED)


@dataclass(frozen=True)
class Plan:
    """The decisions about one kernel for one processor.

    `levels[i]` is where instruction `i` is computed; `pieces` is not empty where rows are straight-line code; `masked` says that
    the rest of a row is one vector with lanes switched off, else it is a loop over single elements.
    """

    kernel: Kernel
    width: int
    unroll: int
    masked: bool
    pieces: tuple[Piece, ...]
    levels: tuple[int, ...]

    @property
    def inner(self) -> int:
        """The dimension along which code is vectorised."""
        return self.kernel.rank - 1

    @property
    def sweeps(self) -> int:
        """The number of sweeps over each row."""
        count = 0
        for number, instruction in enumerate(self.kernel.instructions):
            if instruction.operation == "reduce" or (self.is_inner(number) and instruction.operation in EFFECTS):
                count = max(count, self.kernel.phases[number] + 1)
        return count

    def is_inner(self, number: int) -> bool:
        """Whether an instruction is executed in the sweeps."""
        return self.levels[number] == self.inner

    def roots(self, phase: int) -> list[int]:
        """The instructions for whose sake the sweep exists."""
        return [
            number
            for number, instruction in enumerate(self.kernel.instructions)
            if self.kernel.phases[number] == phase
            and (instruction.operation == "reduce" or (self.is_inner(number) and instruction.operation in EFFECTS))
        ]

    def reloads(self, phase: int) -> dict[int, int]:
        """The values that a sweep reads from where an earlier one has stored them: instruction → operand."""
        if self.pieces:
            return {}
        return _reloads(self, phase)

    def needed(self, phase: int) -> list[int]:
        """The inner instructions of a sweep in order, without the effects."""
        reloads = self.reloads(phase)
        found: set[int] = set()
        pending = [argument for root in self.roots(phase) for argument in self.kernel.instructions[root].arguments]
        while pending:
            number = pending.pop()
            if number not in found and self.is_inner(number):
                found.add(number)
                if number not in reloads:
                    pending.extend(self.kernel.instructions[number].arguments)
        return sorted(found)


def _reloads(plan: Plan, phase: int) -> dict[int, int]:
    kernel, found = plan.kernel, {}
    writers = [(n, each.operand) for n, each in enumerate(kernel.instructions) if each.operation in WRITERS]
    for number, instruction in enumerate(kernel.instructions):
        if instruction.operation != "store" or not plan.is_inner(number) or kernel.phases[number] >= phase:
            continue
        (value,) = instruction.arguments
        same = kernel.instructions[value].type == kernel.operands[instruction.operand].type
        # What this sweep itself writes there comes after its reading, element by element.
        kept = all(
            (kernel.phases[n], n) <= (kernel.phases[number], number) or kernel.phases[n] >= phase
            for n, operand in writers
            if operand == instruction.operand
        )
        if same and kept and kernel.instructions[value].operation != "load":
            found[value] = instruction.operand
    return found


def _level(kernel: Kernel, number: int, instruction: Instruction) -> int:
    inner = kernel.rank - 1
    dims = set(kernel.varies[number])
    if instruction.operation in WRITERS:
        dims |= moving(kernel, instruction.operand)
        if inner in dims and instruction.operation == "store" and inner not in moving(kernel, instruction.operand):
            raise ValueError(
                f"Instruction {number} stores a value that varies along the inner dimension to operand {instruction.operand}, "
                "which stays where it is there: reduce the value first, or use accumulate."
            )
    if instruction.operation == "reduce":
        return inner - 1
    if inner in dims:
        return inner
    if instruction.operation in ("accumulate", "scatter") or kernel.phases[number] > 0:
        return inner - 1
    return max(dims, default=-1)


def _lanewise(kernel: Kernel, instruction: Instruction) -> bool:
    """Whether an inner instruction goes through memory lane by lane, which a mask would not help."""
    inner = kernel.rank - 1
    if instruction.operation == "scatter":
        indices = instruction.arguments[1:]
        return any(inner in kernel.varies[i] for i in indices) or kernel.operands[instruction.operand].steps[-1] != NEXT
    if instruction.operation in ("load", "store", "accumulate"):
        return kernel.operands[instruction.operand].steps[-1] is STRIDED
    return False


def _pieces(extent: int, width: int, masked: bool) -> tuple[Piece, ...]:
    """The vectors of a short row: full ones, then what remains in one narrower vector, masked where it has no power of two."""
    found = [Piece(start, width, width) for start in range(0, extent - width + 1, width)]
    start = len(found) * width
    while start < extent:
        rest = extent - start
        lanes = 1 << (rest.bit_length() - 1)
        if masked and lanes != rest:
            lanes *= 2
        found.append(Piece(start, lanes, min(lanes, rest)))
        start += lanes
    return tuple(found)


@functools.lru_cache(maxsize=256)
def plan(kernel: Kernel, target: Target) -> Plan:
    """The decisions about a kernel.

    >>> from chainrule.lower.kernel import Operand
    >>> load, twice = Instruction("load", "f64", operand=0), Instruction("add", "f64", (0, 0))
    >>> operands = (Operand("f64", (None, 1)), Operand("f64", (None, 1)))
    >>> store = Instruction("store", "", (1,), operand=1)
    >>> plan(Kernel((None, 6), operands, (load, twice, store)), Target("", "", "+avx2,+avx")).pieces
    (Piece(start=0, width=4, active=4), Piece(start=4, width=2, active=2))
    """
    instructions = kernel.instructions
    inner = kernel.rank - 1
    levels = tuple(_level(kernel, number, each) for number, each in enumerate(instructions))
    types = {each.type for number, each in enumerate(instructions) if levels[number] == inner and each.type}
    types |= {
        instructions[each.arguments[0]].type for each in instructions if each.operation in ("reduce", "accumulate")
    }
    largest = max((SIZES[type_] for type_ in types if type_ != "b1"), default=4)
    lanewise = any(levels[n] == inner and _lanewise(kernel, each) for n, each in enumerate(instructions))
    masked = has_masks(target) and not lanewise
    width = vector_bits(target) // (8 * largest)
    extent = kernel.extents[inner] if inner > 0 else None
    pieces: tuple[Piece, ...] = ()
    if extent is not None and extent > 0:
        width = min(width, 1 << (extent - 1).bit_length())
        pieces = _pieces(extent, width, masked)
        if len(pieces) > MAX_PIECES:
            pieces = ()
    weight = sum(1 if each.operation in CHEAP else 12 for n, each in enumerate(instructions) if levels[n] == inner)
    unroll = 1 if lanewise or weight > 12 else 2 if weight > 4 else 4
    if weight > 12 and not lanewise and not pieces and vector_bits(target) == 512:
        width *= 2  # two registers side by side hide the latency of long chains, where there are registers enough
    return Plan(kernel, width, unroll, masked, pieces, levels)


def conflicts(kernel: Kernel) -> frozenset[tuple[int, int]]:
    """Pairs (written operand, read operand) that must not be the same memory: the reading comes in a later sweep than the writing.

    Any other operand that is written may be the memory of one that is read at the same indices.

    >>> conflicts(Kernel((4,), (), ()))
    frozenset()
    """
    chosen = plan(kernel, Target("", "", ""))
    chosen = Plan(kernel, chosen.width, 1, False, (), chosen.levels)
    written = [
        (kernel.phases[number], each.operand)
        for number, each in enumerate(kernel.instructions)
        if each.operation in WRITERS
    ]
    found: set[tuple[int, int]] = set()
    for phase in range(chosen.sweeps):
        reloads = chosen.reloads(phase)
        for number in chosen.needed(phase):
            each = kernel.instructions[number]
            if each.operation in ("load", "gather") and number not in reloads:
                found |= {(operand, each.operand) for earlier, operand in written if earlier < phase}
    return frozenset(found)
