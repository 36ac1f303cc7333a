"""The text of one native function under construction: variables, labels, loops, constants and vectors of them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from chainrule.run.native.formats import REGISTERS
from chainrule.run.native.instructions import Body, Value, literal, taken_apart, widened

MEMORY = {**REGISTERS, "b1": "i8"}


def constant(type_: str, value: Any) -> str:
    """A number of a kernel's type as LLVM reads it.

    >>> constant("f32", 0.1), constant("b1", True)
    ('0x3FB99999A0000000', '1')
    """
    if type_ == "f32":
        with np.errstate(over="ignore"):  # what is too large for float32 is infinite there, as in NumPy's arrays
            value = float(np.float32(value))
    return literal(REGISTERS[type_], value)


class Writer:
    """The instructions of one function: `body.lines`, with its variables (`slots`), which LLVM turns into registers."""

    def __init__(self, fused: bool) -> None:
        self.body = Body("double", fused)
        self.slots: list[str] = []
        self.numbers = itertools.count()
        self.dummies: dict[str, Value] = {}

    def at(self, width: int) -> Body:
        """The body for vectors of so many lanes."""
        return self.body.at_width(width)

    def line(self, text: str) -> None:
        self.body.lines.append(f"  {text}")

    def emit(self, type_: str, text: str) -> Value:
        """The result of an instruction."""
        return self.at(taken_apart(type_)[1]).emit(type_, text)

    def value(self, type_: str, name: str | int) -> Value:
        """A constant or a name that exists already."""
        return Value(self.at(taken_apart(type_)[1]), type_, str(name))

    def splat(self, value: Value, width: int) -> Value:
        """The number in every lane."""
        return self.at(width).splat(value)

    def literal(self, type_: str, number: Any, width: int) -> Value:
        """A constant in every lane."""
        element = REGISTERS[type_]
        text = constant(type_, number)
        return self.value(widened(element, width), text if width == 1 else f"splat ({element} {text})")

    # Integers that count and measure.

    def whole(self, value: int) -> Value:
        """A constant of type i64."""
        return self.value("i64", value)

    def add(self, a: Value, b: Value) -> Value:
        if b.name == "0":
            return a
        return b if a.name == "0" else self.emit(a.type, f"add {a!r}, {b.name}")

    def multiply(self, a: Value, b: Value) -> Value:
        return self.emit(a.type, f"mul {a!r}, {b.name}")

    def offset(self, pointer: Value, bytes_: Value) -> Value:
        """The address so many bytes further."""
        if bytes_.name == "0":
            return pointer
        return self.emit("ptr", f"getelementptr i8, {pointer!r}, {bytes_!r}")

    def lanes(self, width: int) -> Value:
        """0, 1, 2 … as i64."""
        if width == 1:
            return self.whole(0)
        return self.value(f"<{width} x i64>", "<" + ", ".join(f"i64 {lane}" for lane in range(width)) + ">")

    def lane(self, vector: Value, lane: int) -> Value:
        element, width = taken_apart(vector.type)
        return vector if width == 1 else self.emit(element, f"extractelement {vector!r}, i64 {lane}")

    def gathered(self, lanes: list[Value]) -> Value:
        """A vector of single values."""
        if len(lanes) == 1:
            return lanes[0]
        type_ = widened(lanes[0].type, len(lanes))
        vector = self.value(type_, "poison")
        for place, lane in enumerate(lanes):
            vector = self.emit(type_, f"insertelement {vector!r}, {lane!r}, i64 {place}")
        return vector

    # Variables.

    def slot(self, type_: str) -> Value:
        """A variable of the function, named by its address."""
        name = f"%s{next(self.numbers)}"
        self.slots.append(f"  {name} = alloca {type_}")
        return self.value("ptr", name)

    def put(self, slot: Value, value: Value) -> None:
        self.line(f"store {value!r}, {slot!r}")

    def get(self, slot: Value, type_: str) -> Value:
        return self.emit(type_, f"load {type_}, {slot!r}")

    def dummy(self, type_: str) -> Value:
        """Memory for lanes that must read or write nothing; 0 at first."""
        if type_ not in self.dummies:
            self.dummies[type_] = self.slot(type_)
            self.slots.append(f"  store {type_} {literal(type_, 0)}, {self.dummies[type_]!r}")
        return self.dummies[type_]

    # Control flow.

    def label(self) -> str:
        return f"l{next(self.numbers)}"

    def place(self, label: str) -> None:
        """The block of this name begins here, and the one before runs into it."""
        self.line(f"br label %{label}")
        self.start(label)

    def start(self, label: str) -> None:
        """The block of this name begins here."""
        self.body.lines.append(f"{label}:")

    def branch(self, condition: Value, yes: str, no: str) -> None:
        self.line(f"br {condition!r}, label %{yes}, label %{no}")

    def compare(self, condition: str, a: Value, b: Value) -> Value:
        return self.emit(widened("i1", taken_apart(a.type)[1]), f"icmp {condition} {a!r}, {b.name}")

    @contextmanager
    def when(self, condition: Value) -> Iterator[None]:
        """What is written inside runs where the condition holds."""
        yes, after = self.label(), self.label()
        self.branch(condition, yes, after)
        self.start(yes)
        yield
        self.place(after)

    @contextmanager
    def counting(self, counter: Value, stop: Value, step: int = 1, partial: bool = False) -> Iterator[Value]:
        """A loop that goes on from what `counter` holds while a whole step fits before `stop`; `partial`: while anything does."""
        last = stop if partial or step == 1 else self.emit("i64", f"sub {stop!r}, {step - 1}")
        begin = self.get(counter, "i64")
        body, after = self.label(), self.label()
        self.branch(self.compare("slt", begin, last), body, after)
        self.start(body)
        index = self.get(counter, "i64")
        # An index that LLVM sees through makes it weigh all ways to form the addresses (loop strength reduction), which takes up to
        # half of the time of making code and gains nothing here. `expect` hides the index and costs no instruction.
        self.body.declarations.add("declare i64 @llvm.expect.i64(i64, i64)")
        yield self.emit("i64", f"call i64 @llvm.expect.i64({index!r}, i64 0)")
        following = self.add(index, self.whole(step))
        self.put(counter, following)
        self.branch(self.compare("slt", following, last), body, after)
        self.start(after)

    def repeat(self, begin: Value, stop: Value, inside: Callable[[Value], None]) -> None:
        """A loop over the whole numbers from `begin` to before `stop`; for just one no loop."""
        if begin.name.isdigit() and stop.name.isdigit() and int(stop.name) == int(begin.name) + 1:
            inside(begin)
            return
        counter = self.slot("i64")
        self.put(counter, begin)
        with self.counting(counter, stop) as index:
            inside(index)
