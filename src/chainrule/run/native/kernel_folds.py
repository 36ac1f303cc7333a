"""Folding values in registers: neutral elements, one step, the lanes of a vector, and long sums.

A sum keeps `width · unroll` partial sums. After 64 additions to each the lanes are emptied into running totals, whose rounding errors
are collected too (Knuth's two-sum), so that the error of a sum of n real numbers does not grow with n: it is at most
(64 + unroll + log₂(width · unroll) + 4) · ε · Σ|xᵢ|, in the arithmetic of the values' own type; NumPy's pairwise sums have
(16 + log₂(n / 128)) · ε · Σ|xᵢ|. An infinite total stays infinite. All other folds are exact, or of integers.
"""

from __future__ import annotations

import math

from chainrule.run.native.formats import REGISTERS
from chainrule.run.native.instructions import Value, ending, literal, taken_apart, widened
from chainrule.run.native.kernel_text import Writer

LOWEST = {"f64": -math.inf, "f32": -math.inf, "i64": -(2**63), "i32": -(2**31), "b1": 0}
HIGHEST = {"f64": math.inf, "f32": math.inf, "i64": 2**63 - 1, "i32": 2**31 - 1, "b1": 1}
BITS = {"add": "or", "multiply": "and", "maximum": "or", "minimum": "and", "and": "and", "or": "or"}


def neutral(fold: str, type_: str) -> float:
    """The number that changes nothing: what an empty fold gives.

    >>> neutral("maximum", "f32"), neutral("and", "i64"), neutral("multiply", "f64")
    (-inf, -1, 1)
    """
    if fold in ("maximum", "minimum"):
        return LOWEST[type_] if fold == "maximum" else HIGHEST[type_]
    if fold == "and":
        return 1 if type_ == "b1" else -1
    return 1 if fold == "multiply" else 0


def combine(writer: Writer, fold: str, type_: str, a: Value, b: Value) -> Value:
    """One step of a fold; the maximum and minimum of real numbers hand on NaN, as NumPy's."""
    if type_ == "b1":
        return writer.emit(a.type, f"{BITS[fold]} {a!r}, {b.name}")
    real = type_ in ("f64", "f32")
    if fold in ("add", "multiply"):
        word = {"add": "add", "multiply": "mul"}[fold]
        return writer.emit(a.type, f"{'f' * real}{word} {a!r}, {b.name}")
    if fold in ("and", "or"):
        return writer.emit(a.type, f"{fold} {a!r}, {b.name}")
    above, truth = "gt" if fold == "maximum" else "lt", a.truth
    if not real:
        better = writer.emit(truth, f"icmp s{above} {b!r}, {a.name}")
        return writer.emit(a.type, f"select {better!r}, {b!r}, {a!r}")
    # The first two are one instruction, which keeps a NaN of `a`; that of `b` is found beside the chain from step to step.
    better = writer.emit(truth, f"fcmp o{above} {b!r}, {a.name}")
    best = writer.emit(a.type, f"select {better!r}, {b!r}, {a!r}")
    nothing = writer.emit(truth, f"fcmp uno {b!r}, {b.name}")
    return writer.emit(a.type, f"select {nothing!r}, {b!r}, {best!r}")


def tree(writer: Writer, fold: str, type_: str, values: list[Value]) -> Value:
    """The fold of some values, neighbours first."""
    while len(values) > 1:
        pairs = [combine(writer, fold, type_, a, b) for a, b in zip(values[::2], values[1::2], strict=False)]
        values = pairs + values[len(values) - len(values) % 2 :]
    return values[0]


def horizontal(writer: Writer, fold: str, type_: str, vector: Value) -> Value:
    """The fold of a vector's lanes: one half onto the other until one lane is left."""
    element, width = taken_apart(vector.type)
    if type_ == "b1" and width > 1:
        name = f"llvm.vector.reduce.{BITS[fold]}.{ending(vector.type)}"
        writer.body.declarations.add(f"declare i1 @{name}({vector.type})")
        return writer.emit("i1", f"call i1 @{name}({vector!r})")
    while width > 1:
        width //= 2
        halves = []
        for start in (0, width):
            lanes = ", ".join(f"i32 {lane}" for lane in range(start, start + width))
            shuffled = f"shufflevector {vector!r}, {vector.type} poison, <{width} x i32> <{lanes}>"
            if width == 1:
                halves.append(writer.lane(vector, start))
            else:
                halves.append(writer.emit(widened(element, width), shuffled))
        vector = combine(writer, fold, type_, *halves)
    return vector


class Fold:
    """A running fold in registers: partial results by (width, place), and totals of them where it is a long sum of real numbers.

    `once`: every place is written just once between `reset` and `finish`, so that no neutral element is needed.
    """

    def __init__(
        self, writer: Writer, fold: str, type_: str, places: list[tuple[int, int]], long: bool, once: bool
    ) -> None:
        self.writer, self.fold, self.type, self.once = writer, fold, type_, once
        self.long = long and fold == "add" and type_ in ("f64", "f32")
        self.element = REGISTERS[type_]
        self.slots = {place: writer.slot(widened(self.element, place[0])) for place in places}
        self.widths = sorted({width for width, _ in places}, reverse=True)
        self.totals = {
            width: (writer.slot(widened(self.element, width)), writer.slot(widened(self.element, width)))
            for width in self.widths
            if self.long
        }

    def _neutral(self, width: int) -> Value:
        return self.writer.literal(self.type, neutral(self.fold, self.type), width)

    def _empty(self) -> None:
        if not self.once:
            for (width, _), slot in self.slots.items():
                self.writer.put(slot, self._neutral(width))

    def reset(self) -> None:
        """Start again from nothing."""
        self._empty()
        for width, pair in self.totals.items():
            for slot in pair:
                self.writer.put(slot, self._neutral(width))

    def add(self, value: Value, place: tuple[int, int], mask: Value | None) -> None:
        """Fold one vector in; lanes that the mask switches off count as the neutral element."""
        writer, slot = self.writer, self.slots[place]
        if mask is not None:
            value = writer.emit(value.type, f"select {mask!r}, {value!r}, {self._neutral(place[0])!r}")
        if not self.once:
            value = combine(writer, self.fold, self.type, writer.get(slot, value.type), value)
        writer.put(slot, value)

    def held(self, place: tuple[int, int]) -> Value:
        """What one place holds, lane by lane."""
        return self.writer.get(self.slots[place], widened(self.element, place[0]))

    def _partial(self, width: int) -> Value:
        values = [self.held(place) for place in self.slots if place[0] == width]
        return tree(self.writer, self.fold, self.type, values)

    def flush(self) -> None:
        """Move what the places hold into the totals, with the rounding error of doing so."""
        writer = self.writer
        for width, (high_slot, low_slot) in self.totals.items():
            type_ = widened(self.element, width)
            old, new, low = writer.get(high_slot, type_), self._partial(width), writer.get(low_slot, type_)
            high = old + new
            part = high - old
            low = low + ((old - (high - part)) + (new - part))
            zero = writer.value(type_, literal(type_, 0.0))
            finite = writer.emit(low.truth, f"fcmp oeq {low - low!r}, {zero.name}")
            writer.put(high_slot, high)
            writer.put(low_slot, writer.emit(type_, f"select {finite!r}, {low!r}, {zero!r}"))
        if self.totals:
            self._empty()

    def finish(self) -> Value:
        """The result, a single number."""
        found: list[Value] = []
        for width in self.widths:
            value = self._partial(width)
            if self.long:
                high, low = (self.writer.get(slot, value.type) for slot in self.totals[width])
                value = high + (low + value)
            found.append(horizontal(self.writer, self.fold, self.type, value))
        result = found[0]
        for value in found[1:]:
            result = combine(self.writer, self.fold, self.type, result, value)
        return result
