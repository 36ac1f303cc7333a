"""Where a kernel's operands are: addresses, loads, stores, gathers and scatters of vectors, whole or masked.

Every access is of single elements as far as alignment goes (`align 1`): arrays may begin at any byte.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from chainrule.lower.kernel import FIXED, NEXT, SIZES, STRIDED, Instruction, Kernel
from chainrule.run.native.instructions import Value, ending, taken_apart, widened
from chainrule.run.native.kernel_folds import combine
from chainrule.run.native.kernel_text import MEMORY, Writer

OUTSIDE, REFUSED = 1, 2  # why a kernel stops the run: an index out of bounds, a condition that does not hold


class Memory:
    """The operands of one kernel; `rows` are their addresses at the loop indices that have been entered."""

    def __init__(self, writer: Writer, kernel: Kernel) -> None:
        self.writer, self.kernel = writer, kernel
        self.words: dict[tuple, Value] = {}
        for place, word in enumerate(kernel.words):
            pointer = writer.emit("ptr", f"getelementptr i64, ptr %args, i64 {place}")
            type_ = "ptr" if word[0] == "pointer" else "i64"
            self.words[word] = writer.emit(type_, f"load {type_}, {pointer!r}")
        self.rows = [self.words["pointer", number] for number in range(len(kernel.operands))]
        chunk = writer.value("i64", "%chunk")
        for number, operand in enumerate(kernel.operands):
            if operand.partial:
                self.rows[number] = writer.offset(
                    self.rows[number], writer.multiply(chunk, self.words["partial", number])
                )
        self.code = writer.slot("i64")
        writer.put(self.code, writer.whole(0))

    def extent(self, dimension: int) -> Value:
        compiled = self.kernel.extents[dimension]
        return self.words["extent", dimension] if compiled is None else self.writer.whole(compiled)

    @contextmanager
    def inside(self, dimension: int, index: Value, only: int | None = None) -> Iterator[None]:
        """The addresses at an index of an outer dimension (of one operand: `only`)."""
        before = list(self.rows)
        for number, operand in enumerate(self.kernel.operands):
            if operand.steps[dimension] is STRIDED and only in (None, number):
                moved = self.writer.multiply(index, self.words["stride", number, dimension])
                self.rows[number] = self.writer.offset(self.rows[number], moved)
        yield
        self.rows = before

    def at(self, number: int, base: Value, index: Value) -> Value:
        """The address of the element at an inner index."""
        step = self.kernel.operands[number].steps[-1]
        if step == FIXED or index.name == "0":
            return base
        if step == NEXT:
            return self.writer.emit(
                "ptr", f"getelementptr {MEMORY[self.kernel.operands[number].type]}, {base!r}, {index!r}"
            )
        stride = self.words["stride", number, self.kernel.rank - 1]
        return self.writer.offset(base, self.writer.multiply(index, stride))

    # Single values and vectors of neighbours.

    def read(self, pointer: Value, type_: str, width: int = 1, mask: Value | None = None) -> Value:
        """Neighbouring elements; 1 in lanes that are masked, with which every operation is harmless."""
        writer, memory = self.writer, widened(MEMORY[type_], width)
        if mask is None:
            value = writer.emit(memory, f"load {memory}, {pointer!r}, align 1")
        else:
            name = f"llvm.masked.load.{ending(memory)}.p0"
            writer.body.declarations.add(f"declare {memory} @{name}(ptr, i32, {mask.type}, {memory})")
            other = writer.value(memory, f"splat ({MEMORY[type_]} {'1' if type_[0] in 'ib' else '1.0'})")
            value = writer.emit(memory, f"call {memory} @{name}({pointer!r}, i32 1, {mask!r}, {other!r})")
        return self._from_memory(value, type_)

    def _from_memory(self, value: Value, type_: str) -> Value:
        if type_ != "b1":
            return value
        return self.writer.emit(
            value.truth, f"icmp ne {value!r}, zeroinitializer" if "x" in value.type else f"icmp ne {value!r}, 0"
        )

    def write(self, pointer: Value, type_: str, value: Value, mask: Value | None = None) -> None:
        """Neighbouring elements from a vector; lanes that are masked are not touched."""
        writer = self.writer
        if type_ == "b1":
            _, width = taken_apart(value.type)
            value = writer.emit(widened("i8", width), f"zext {value!r} to {widened('i8', width)}")
        if mask is None:
            writer.line(f"store {value!r}, {pointer!r}, align 1")
            return
        name = f"llvm.masked.store.{ending(value.type)}.p0"
        writer.body.declarations.add(f"declare void @{name}({value.type}, ptr, i32, {mask.type})")
        writer.line(f"call void @{name}({value!r}, {pointer!r}, i32 1, {mask!r})")

    def load(self, number: int, base: Value, index: Value, width: int, mask: Value | None) -> Value:
        """The elements of an operand from an inner index on."""
        operand = self.kernel.operands[number]
        if operand.steps[-1] == FIXED:
            return self.writer.splat(self.read(base, operand.type), width)
        if operand.steps[-1] == NEXT:
            return self.read(self.at(number, base, index), operand.type, width, mask)
        lanes = [self.read(pointer, operand.type) for pointer in self._addresses(number, base, index, width)]
        return self.writer.gathered(lanes)

    def store(self, number: int, base: Value, index: Value, value: Value, mask: Value | None) -> None:
        """The vector to the elements from an inner index on."""
        operand = self.kernel.operands[number]
        _, width = taken_apart(value.type)
        if operand.steps[-1] is not STRIDED:
            self.write(self.at(number, base, index), operand.type, value, mask)
            return
        for lane, pointer in enumerate(self._addresses(number, base, index, width)):
            self.write(pointer, operand.type, self.writer.lane(value, lane))

    def _addresses(self, number: int, base: Value, index: Value, width: int) -> Iterator[Value]:
        for lane in range(width):
            yield self.at(number, base, self.writer.add(index, self.writer.whole(lane)))

    def fold_into(self, number: int, fold: str, base: Value, index: Value, value: Value, mask: Value | None) -> None:
        """Fold a vector into the memory at the elements from an inner index on; `set` overwrites them."""
        if fold == "set":
            self.store(number, base, index, value, mask)
            return
        _, width = taken_apart(value.type)
        old = self.load(number, base, index, width, mask)
        self.store(number, base, index, combine(self.writer, fold, self.kernel.operands[number].type, old, value), mask)

    # Indices that are values.

    def fail(self, condition: Value, code: int) -> None:
        """The run stops with a code once this call is over, if the condition holds in any lane; the largest code wins."""
        writer = self.writer
        if condition.type != "i1":
            name = f"llvm.vector.reduce.or.{ending(condition.type)}"
            writer.body.declarations.add(f"declare i1 @{name}({condition.type})")
            condition = writer.emit("i1", f"call i1 @{name}({condition!r})")
        old = writer.get(self.code, "i64")
        larger = writer.compare("ult", old, writer.whole(code))
        both = writer.emit("i1", f"and {larger!r}, {condition.name}")
        writer.put(self.code, writer.emit("i64", f"select {both!r}, i64 {code}, {old!r}"))

    def _wrapped(self, number: int, axis: int, index: Value) -> tuple[Value, Value]:
        """An index with negative ones counted from the end, and whether it is one of the axis."""
        writer = self.writer
        _, width = taken_apart(index.type)
        extent = writer.splat(self.words["axis_extent", number, axis], width)
        negative = writer.compare("slt", index, writer.value(index.type, "zeroinitializer" if width > 1 else "0"))
        behind = writer.add(index, extent)
        index = writer.emit(index.type, f"select {negative!r}, {behind!r}, {index!r}")
        return index, writer.compare("ult", index, extent)

    def row_base(self, number: int, indices: list[Value | None]) -> Value:
        """The address of an indexed operand as far as the row's own indices say; an index outside ends the call at once."""
        writer, base = self.writer, self.rows[number]
        for axis, index in enumerate(indices):
            if index is None:
                continue
            index, known = self._wrapped(number, axis, index)
            fine, wrong = writer.label(), writer.label()
            writer.branch(known, fine, wrong)
            writer.start(wrong)
            writer.line(f"ret i64 {OUTSIDE}")
            writer.start(fine)
            base = writer.offset(base, writer.multiply(index, self.words["axis_stride", number, axis]))
        return base

    def _targets(
        self, number: int, base: Value, indices: list[Value | None], index: Value, width: int, mask: Value | None
    ) -> tuple[Value, Value]:
        """The addresses that a vector of indices means, and in which lanes there is something; fails where there is nothing."""
        writer, operand = self.writer, self.kernel.operands[number]
        type_ = widened("i64", width)
        total = writer.value(type_, "zeroinitializer" if width > 1 else "0")
        known: Value | None = None
        if operand.steps[-1] != FIXED:
            places = writer.add(writer.splat(index, width), writer.lanes(width))
            step = writer.whole(SIZES[operand.type])
            if operand.steps[-1] is STRIDED:
                step = self.words["stride", number, self.kernel.rank - 1]
            total = writer.multiply(places, writer.splat(step, width))
        for axis, each in enumerate(indices):
            if each is None:
                continue
            each, inside = self._wrapped(number, axis, each)
            known = inside if known is None else writer.emit(inside.type, f"and {known!r}, {inside.name}")
            stride = writer.splat(self.words["axis_stride", number, axis], width)
            total = writer.emit(type_, f"add {total!r}, {writer.multiply(each, stride).name}")
        assert known is not None
        bad = writer.emit(known.type, f"xor {known!r}, {'splat (i1 true)' if width > 1 else 'true'}")
        if mask is not None:
            bad = writer.emit(bad.type, f"and {bad!r}, {mask.name}")
            known = writer.emit(known.type, f"and {known!r}, {mask.name}")
        self.fail(bad, OUTSIDE)
        pointers = writer.emit(widened("ptr", width), f"getelementptr i8, {base!r}, {total!r}")
        dummy = writer.splat(writer.dummy(MEMORY[operand.type]), width)
        return writer.emit(pointers.type, f"select {known!r}, {pointers!r}, {dummy!r}"), known

    def gather(
        self, each: Instruction, base: Value, indices: list[Value | None], index: Value, width: int, mask: Value | None
    ) -> Value:
        """The elements that vectors of indices mean; `base` has the row's own indices in it already."""
        if all(one is None for one in indices):
            return self.load(each.operand, base, index, width, mask)
        pointers, _ = self._targets(each.operand, base, indices, index, width, mask)
        if width == 1:
            return self.read(pointers, each.type)
        memory = widened(MEMORY[each.type], width)
        name = f"llvm.masked.gather.{ending(memory)}.v{width}p0"
        self.writer.body.declarations.add(f"declare {memory} @{name}(<{width} x ptr>, i32, <{width} x i1>, {memory})")
        every = f"<{width} x i1> splat (i1 true)"
        found = self.writer.emit(memory, f"call {memory} @{name}({pointers!r}, i32 1, {every}, {memory} poison)")
        return self._from_memory(found, each.type)

    def scatter(
        self,
        each: Instruction,
        base: Value,
        indices: list[Value | None],
        index: Value,
        value: Value,
        mask: Value | None,
    ) -> None:
        """Add the lanes to the elements that the indices mean, or put them there, one after the other."""
        fold = each.detail or "add"
        operand = self.kernel.operands[each.operand]
        _, width = taken_apart(value.type)
        if all(one is None for one in indices) and operand.steps[-1] != FIXED:
            self.fold_into(each.operand, fold, base, index, value, mask)
            return
        pointers = None
        if any(one is not None for one in indices):
            pointers, _ = self._targets(each.operand, base, indices, index, width, mask)
        for lane in range(width):
            pointer = base if pointers is None else self.writer.lane(pointers, lane)
            given = self.writer.lane(value, lane)
            if fold != "set":
                given = combine(self.writer, fold, operand.type, self.read(pointer, operand.type), given)
            self.write(pointer, operand.type, given)
