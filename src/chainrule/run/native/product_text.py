"""Writing LLVM's text for loops with carried values and vectors with lanes left out: what the products share."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from chainrule.run.native.formats import ending, taken_apart


def mask_of(lanes: int, valid: int) -> str:
    """The first `valid` lanes, as a constant.

    >>> mask_of(2, 1)
    '<2 x i1> <i1 1, i1 0>'
    """
    flags = ", ".join(f"i1 {int(lane < valid)}" for lane in range(lanes))
    return f"<{lanes} x i1> <{flags}>"


@dataclass
class Loop:
    """A loop being written: its index, the values carried into a turn, and those that the turn hands on (`following`)."""

    index: str
    values: list[str]
    following: list[str] = field(default_factory=list)


class Text:
    """The lines of one function, with fresh names for values and blocks.

    >>> text = Text()
    >>> with text.loop("0", "%n", 2) as loop:
    ...     text.do(f"call void @f(i64 {loop.index})")
    >>> len(text.lines), text.block
    (9, 'b2')
    """

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.block = "entry"
        self.declarations: set[str] = set()
        self._numbers = itertools.count(1)

    def do(self, instruction: str) -> None:
        """An instruction without a result."""
        self.lines.append("  " + instruction)

    def op(self, instruction: str) -> str:
        """The name of the result of an instruction."""
        name = self._name()
        self.lines.append(f"  {name} = {instruction}")
        return name

    def new_block(self) -> str:
        """A label that is not in use."""
        return f"b{next(self._numbers)}"

    def begin(self, label: str) -> None:
        """Whatever comes next stands in the block `label`."""
        self.lines.append(f"{label}:")
        self.block = label

    def whole(self, operation: str, left: str | int, right: str | int) -> str:
        """An operation on 64-bit integers, done here where both are numbers or one changes nothing."""
        if isinstance(left, int) and isinstance(right, int):
            return str({"add": left + right, "sub": left - right, "mul": left * right}[operation])
        if (operation == "add" and right in (0, "0")) or (operation == "mul" and right in (1, "1")):
            return str(left)
        if operation == "add" and left in (0, "0"):
            return str(right)
        return self.op(f"{operation} i64 {left}, {right}")

    def smaller(self, left: str | int, right: str | int) -> str:
        """The smaller of two 64-bit integers."""
        return self.op(f"select i1 {self.op(f'icmp slt i64 {left}, {right}')}, i64 {left}, i64 {right}")

    def moved(self, pointer: str, offset: str | int) -> str:
        """A pointer `offset` bytes on."""
        return pointer if offset in (0, "0") else self.op(f"getelementptr i8, ptr {pointer}, i64 {offset}")

    def load(self, kind: str, place: str, valid: int | str | None = None, align: int = 1) -> str:
        """A vector from memory; lanes that `valid` (a number of first lanes, or a mask) leaves out are not read and become 0."""
        lanes, suffix = taken_apart(kind)[1], ending(kind)
        if valid is None or valid == lanes:
            return self.op(f"load {kind}, ptr {place}, align {align}")
        self.declarations.add(f"declare {kind} @llvm.masked.load.{suffix}.p0(ptr, i32, <{lanes} x i1>, {kind})")
        mask = mask_of(lanes, valid) if isinstance(valid, int) else f"<{lanes} x i1> {valid}"
        arguments = f"ptr {place}, i32 {align}, {mask}, {kind} zeroinitializer"
        return self.op(f"call {kind} @llvm.masked.load.{suffix}.p0({arguments})")

    def store(self, kind: str, value: str, place: str, valid: int | str | None = None, align: int = 1) -> None:
        """Writes a vector; `valid` is how many of its first lanes, or a mask computed at run time."""
        lanes, suffix = taken_apart(kind)[1], ending(kind)
        if valid is None or valid == lanes:
            self.do(f"store {kind} {value}, ptr {place}, align {align}")
            return
        mask = mask_of(lanes, valid) if isinstance(valid, int) else f"<{lanes} x i1> {valid}"
        self.declarations.add(f"declare void @llvm.masked.store.{suffix}.p0({kind}, ptr, i32, <{lanes} x i1>)")
        self.do(f"call void @llvm.masked.store.{suffix}.p0({kind} {value}, ptr {place}, i32 {align}, {mask})")

    def word(self, position: int, type_: str) -> str:
        """One word of the argument block."""
        return self.op(f"load {type_}, ptr {self.moved('%args', 8 * position)}, align 8")

    def fma(self, type_: str, fused: bool, left: str, right: str, total: str) -> str:
        """left · right + total: one instruction where the processor has it, else two."""
        if fused:
            suffix = ending(type_)
            self.declarations.add(f"declare {type_} @llvm.fma.{suffix}({type_}, {type_}, {type_})")
            return self.op(f"call {type_} @llvm.fma.{suffix}({type_} {left}, {type_} {right}, {type_} {total})")
        return self.op(f"fadd {type_} {self.op(f'fmul {type_} {left}, {right}')}, {total}")

    def splat(self, vector: str, real: str, value: str) -> str:
        """A vector with `value` in each lane."""
        first = self.op(f"insertelement {vector} poison, {real} {value}, i64 0")
        return self.op(
            f"shufflevector {vector} {first}, {vector} poison, <{taken_apart(vector)[1]} x i32> zeroinitializer"
        )

    def scaled(self, real: str, factor: str, pointer: str) -> str:
        """`factor` times the number at `pointer`, or alone where that is null."""
        one = self.op(f"alloca {real}, align 8")
        self.do(f"store {real} 1.0, ptr {one}, align 8")
        absent = self.op(f"icmp eq ptr {pointer}, null")
        number = self.op(f"load {real}, ptr {self.op(f'select i1 {absent}, ptr {one}, ptr {pointer}')}, align 1")
        return self.op(f"fmul {real} {factor}, {number}")

    @contextmanager
    def loop(
        self,
        start: str | int,
        stop: str | int,
        step: str | int = 1,
        carried: Sequence[tuple[str, str]] = (),
        sure: bool = False,
    ) -> Iterator[Loop]:
        """A loop of index `start`, `start` + `step` … below `stop`; after it `values` holds what the last turn handed on.

        `carried` gives type and first value of what goes from turn to turn; the body sets `following`. The test comes first only
        once and then at the end of each turn, which is the form that LLVM's code generator does best with; `sure` says that there
        is a first turn.
        """
        before, body, after = self.block, self.new_block(), self.new_block()
        sure = sure or (isinstance(start, int) and isinstance(stop, int) and start < stop)
        more = "true" if sure else self.op(f"icmp slt i64 {start}, {stop}")
        self.do(f"br i1 {more}, label %{body}, label %{after}" if not sure else f"br label %{body}")
        self.begin(body)
        place = len(self.lines)
        inside = [self._name() for _ in carried]
        loop = Loop(self._name(), list(inside))
        yield loop
        following = self.op(f"add i64 {loop.index}, {step}")
        again, latch = self.op(f"icmp slt i64 {following}, {stop}"), self.block
        self.do(f"br i1 {again}, label %{body}, label %{after}")
        phis = [f"  {loop.index} = phi i64 [ {start}, %{before} ], [ {following}, %{latch} ]"]
        for (type_, initial), value, handed in zip(carried, inside, loop.following, strict=True):
            phis.append(f"  {value} = phi {type_} [ {initial}, %{before} ], [ {handed}, %{latch} ]")
        self.lines[place:place] = phis
        self.begin(after)
        if sure:
            loop.values = list(loop.following)
        else:
            loop.values = [
                self.op(f"phi {type_} [ {initial}, %{before} ], [ {handed}, %{latch} ]")
                for (type_, initial), handed in zip(carried, loop.following, strict=True)
            ]

    def _name(self) -> str:
        return f"%v{next(self._numbers)}"

    @contextmanager
    def when(self, condition: str) -> Iterator[None]:
        """What is written inside runs only where the condition holds; it hands nothing on."""
        inside, after = self.new_block(), self.new_block()
        self.do(f"br i1 {condition}, label %{inside}, label %{after}")
        self.begin(inside)
        yield
        self.do(f"br label %{after}")
        self.begin(after)
