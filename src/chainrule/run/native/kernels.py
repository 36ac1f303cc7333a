"""A kernel as data in, the LLVM text of one native function out, as explicit vector code.

The function is `i64 name(ptr args, i64 begin, i64 end, i64 chunk)`: `args` holds the words of `Kernel.words`, dimension 0 runs from
`begin` to `end` (whatever its extent is), and the result is 0, or a code that stops the run: 1 for an index out of bounds, 2 for a
`require` that does not hold.

Rows are done in a main loop of several vectors a turn and a loop for the rest: vectors with lanes switched off where the
processor has such, else single vectors and then single elements. No element's value depends on where in the row it stands. Short
rows of a compiled-in length are straight-line code.

An `accumulate` whose value and operand do not vary along the inner dimension folds once per row. An operand that is written may be
the memory of one that is read at the same indices, except for the pairs of `kernel_plan.conflicts`.
"""

from __future__ import annotations

from chainrule.lower.kernel import FIXED, STRIDED, Instruction, Kernel
from chainrule.run.native import elements
from chainrule.run.native.engine import Target
from chainrule.run.native.instructions import Value
from chainrule.run.native.kernel_folds import Fold, neutral
from chainrule.run.native.kernel_memory import REFUSED, Memory
from chainrule.run.native.kernel_plan import BLOCK, EFFECTS, Piece, moving, plan
from chainrule.run.native.kernel_text import Writer
from chainrule.run.native.modules import Part

Row = dict[int, Value]


class KernelWriter:
    """The text of one kernel under construction."""

    def __init__(self, kernel: Kernel, target: Target) -> None:
        self.kernel, self.plan = kernel, plan(kernel, target)
        self.writer = Writer(target.fused)
        self.memory = Memory(self.writer, kernel)
        self.indices: dict[int, Value] = {}  # of the outer loops
        self.known: Row = {}  # values of the levels outside the sweeps
        self.splats: dict[tuple[int, int], Value] = {}
        self.bases: dict[int, Value] = {}
        self.pieces: list[Row] = []  # of a straight-line row: what its vectors have computed
        self.folds: dict[int, Fold] = {}
        self.homes: dict[int, int] = {}
        self.begun: set[int] = set()  # accumulations that go through memory
        for number, each in enumerate(kernel.instructions):
            if each.operation in ("reduce", "accumulate"):
                self._fold(number, each)

    # What is folded where.

    def _fold(self, number: int, each: Instruction) -> None:
        chosen, row = self.plan, self.plan.inner - 1
        type_ = self.kernel.instructions[each.arguments[0]].type
        home, columns = row, False
        if each.operation == "accumulate":
            dims = moving(self.kernel, each.operand)
            outer = dims - {chosen.inner}
            home = max(outer, default=-1)
            columns = chosen.inner in dims
            if outer != set(range(home + 1)) or (columns and (home == row or not chosen.pieces)):
                self.begun.add(number)
            if columns and (home == row or not chosen.pieces):
                return
        inner = each.operation == "reduce" or chosen.is_inner(number)
        places = self._places() if inner else [(1, 0)]
        once = home == row and (bool(chosen.pieces) or not inner)
        long = not once and not columns and (home < row or (inner and self._is_long()))
        self.folds[number] = Fold(self.writer, each.detail, type_, places, long, once)
        self.homes[number] = home

    def _places(self) -> list[tuple[int, int]]:
        chosen = self.plan
        if chosen.pieces:
            return [(piece.width, place) for place, piece in enumerate(chosen.pieces)]
        vectors = [(chosen.width, place) for place in range(chosen.unroll)]
        return vectors if chosen.masked or chosen.width == 1 else [*vectors, (1, 0)]

    @property
    def _block(self) -> int:
        return BLOCK * self.plan.width * self.plan.unroll

    def _is_long(self) -> bool:
        extent = self.kernel.extents[-1] if self.plan.inner else None
        return extent is None or extent > self._block

    # The loops around the rows.

    def text(self, name: str) -> Part:
        """The whole function."""
        for number in sorted(self.begun):
            self._begin(number, 0)
        self._nest(-1)
        self.writer.line(f"ret i64 {self.writer.get(self.memory.code, 'i64').name}")
        body = self.writer.body
        head = f"define i64 @{name}(ptr %args, i64 %begin, i64 %end, i64 %chunk) nounwind {{\nentry:"
        text = "\n".join([head, *self.writer.slots, *body.lines, "}", ""])
        return Part(name, text, frozenset(body.declarations), dict(body.functions), frozenset(body.externals))

    def _range(self, dimension: int) -> tuple[Value, Value]:
        if dimension == 0:
            return self.writer.value("i64", "%begin"), self.writer.value("i64", "%end")
        return self.writer.whole(0), self.memory.extent(dimension)

    def _begin(self, number: int, dimension: int) -> None:
        """Set the memory of an accumulation to the neutral element, over the operand's own dimensions."""
        each = self.kernel.instructions[number]
        operand = self.kernel.operands[each.operand]
        value = neutral(each.detail, operand.type)
        if dimension == self.plan.inner:
            if operand.steps[-1] == FIXED:
                self.memory.write(
                    self.memory.rows[each.operand], operand.type, self.writer.literal(operand.type, value, 1)
                )
                return

            def clear(index: Value, width: int, mask: Value | None, place: int) -> None:  # noqa: ARG001 the sweeps' signature
                base = self.memory.rows[each.operand]
                self.memory.store(each.operand, base, index, self.writer.literal(operand.type, value, width), mask)

            self._loops(1, operand.steps[-1] is not STRIDED and self.plan.masked, clear)
            return

        def inside(index: Value) -> None:
            with self.memory.inside(dimension, index, only=each.operand):
                self._begin(number, dimension + 1)

        if operand.steps[dimension] == FIXED:
            self._begin(number, dimension + 1)
        else:
            self.writer.repeat(*self._range(dimension), inside)

    def _nest(self, level: int) -> None:
        """What is done in one turn of the loop over dimension `level`; −1: in the call."""
        here = [number for number, home in self.homes.items() if home == level and not self._is_reduce(number)]
        for number in here:
            self.folds[number].reset()
        self._scalars(level, 0)
        if level == self.plan.inner - 1:
            self._row()
        else:

            def inside(index: Value) -> None:
                self.indices[level + 1] = index
                with self.memory.inside(level + 1, index):
                    self._nest(level + 1)

            self.writer.repeat(*self._range(level + 1), inside)
        for number in here:
            self._deposit(number)

    def _is_reduce(self, number: int) -> bool:
        return self.kernel.instructions[number].operation == "reduce"

    def _deposit(self, number: int) -> None:
        """Write what an accumulation has folded in registers: one number, or a number for each place of a short row."""
        each, fold = self.kernel.instructions[number], self.folds[number]
        base = self.memory.rows[each.operand]
        found: list[tuple[int, Value, Value | None]] = []
        if self.kernel.operands[each.operand].steps[-1] == FIXED:
            found.append((0, fold.finish(), None))
        else:
            for place, piece in enumerate(self.plan.pieces):
                found.append((piece.start, fold.held((piece.width, place)), self._mask(piece)))
        for start, value, mask in found:
            if number in self.begun:
                self.memory.fold_into(each.operand, each.detail, base, self.writer.whole(start), value, mask)
            else:
                self.memory.store(each.operand, base, self.writer.whole(start), value, mask)

    def _row(self) -> None:
        kernel, chosen = self.kernel, self.plan
        self.pieces = [{} for _ in chosen.pieces]
        for phase in range(max((*kernel.phases, chosen.sweeps - 1), default=0) + 1):
            if phase:
                self._scalars(chosen.inner - 1, phase)
            roots = chosen.roots(phase)
            if not roots:
                continue
            reduced = [number for number in roots if self._is_reduce(number)]
            for number in reduced:
                self.folds[number].reset()
            self._sweep(phase, roots)
            for number in roots:
                if number in self.folds and self.homes[number] < chosen.inner - 1:
                    self.folds[number].flush()
            for number in reduced:
                self.known[number] = self.folds[number].finish()

    # Values outside the sweeps.

    def _scalars(self, level: int, phase: int) -> None:
        for number, each in enumerate(self.kernel.instructions):
            if self.plan.levels[number] != level or self.plan.is_inner(number) or each.operation == "reduce":
                continue
            if self.kernel.phases[number] != phase:
                continue
            if each.operation in EFFECTS:
                self._scalar_effect(number, each)
            else:
                self.known[number] = self._scalar(each)

    def _scalar(self, each: Instruction) -> Value:
        zero = self.writer.whole(0)
        if each.operation == "literal":
            return self.writer.literal(each.type, each.detail, 1)
        if each.operation == "index":
            return self.indices[each.detail]
        if each.operation == "load":
            return self.memory.load(each.operand, self.memory.rows[each.operand], zero, 1, None)
        arguments: list[Value] = [self.known[argument] for argument in each.arguments]
        if each.operation == "gather":
            return self.memory.load(each.operand, self.memory.row_base(each.operand, [*arguments]), zero, 1, None)
        return elements.apply(self.writer.at(1), each.operation, each.type, arguments, each.detail)

    def _scalar_effect(self, number: int, each: Instruction) -> None:
        values: list[Value] = [self.known[argument] for argument in each.arguments]
        base, zero = self.memory.rows[each.operand], self.writer.whole(0)
        if each.operation == "store":
            self.memory.store(each.operand, base, zero, values[0], None)
        elif each.operation == "require":
            self.memory.fail(self.writer.emit("i1", f"xor {values[0]!r}, true"), REFUSED)
        elif each.operation == "scatter":
            base = self.memory.row_base(each.operand, [*values[1:]])
            self.memory.fold_into(each.operand, each.detail or "add", base, zero, values[0], None)
        else:
            self.folds[number].add(values[0], (1, 0), None)
            if self.homes[number] < self.plan.inner - 1:
                self.folds[number].flush()

    # The sweeps over a row.

    def _sweep(self, phase: int, roots: list[int]) -> None:
        chosen = self.plan
        needed, reloads = chosen.needed(phase), chosen.reloads(phase)
        self.splats, self.bases = {}, {}
        for number in [*needed, *roots]:
            each = self.kernel.instructions[number]
            if number in reloads:
                continue
            if each.operation in ("gather", "scatter"):
                self.bases[number] = self.memory.row_base(each.operand, self._fixed(each))
            for argument in each.arguments:
                if not chosen.is_inner(argument) and not chosen.pieces:
                    self._splat(argument, chosen.width)

        def turn(index: Value, width: int, mask: Value | None, place: int, row: Row | None = None) -> None:
            row = {} if row is None else row
            for number in needed:
                if number not in row:
                    row[number] = self._inner(number, row, index, width, mask, reloads.get(number))
            for number in roots:
                self._effect(number, row, index, width, mask, place)

        if chosen.pieces:
            for place, piece in enumerate(chosen.pieces):
                turn(self.writer.whole(piece.start), piece.width, self._mask(piece), place, self.pieces[place])
            return
        folds = [self.folds[number] for number in roots if number in self.folds and self.folds[number].long]
        self._loops(chosen.unroll, chosen.masked, turn, folds if self._is_long() else [])

    def _mask(self, piece: Piece) -> Value | None:
        if piece.active == piece.width:
            return None
        lanes = ", ".join(f"i1 {int(lane < piece.active)}" for lane in range(piece.width))
        return self.writer.value(f"<{piece.width} x i1>", f"<{lanes}>")

    def _loops(self, unroll: int, masked: bool, turn, folds: list[Fold] | None = None) -> None:
        """The loops over a row: `turn(index, width, mask, place)` writes the code of one vector."""
        writer, width = self.writer, self.plan.width
        begin, stop = self._range(self.plan.inner)
        counter = writer.slot("i64")
        writer.put(counter, begin)
        step = width * unroll

        def main(limit: Value) -> None:
            with writer.counting(counter, limit, step) as index:
                for place in range(unroll):
                    turn(writer.add(index, writer.whole(width * place)), width, None, place)

        if folds:
            again, further, after = writer.label(), writer.label(), writer.label()
            writer.place(again)
            far = writer.add(writer.get(counter, "i64"), writer.whole(self._block))
            nearer = writer.compare("slt", far, stop)
            main(writer.emit("i64", f"select {nearer!r}, {far!r}, {stop!r}"))
            end = writer.add(writer.get(counter, "i64"), writer.whole(step))
            writer.branch(writer.compare("sle", end, stop), further, after)
            writer.start(further)
            for fold in folds:
                fold.flush()
            writer.line(f"br label %{again}")
            writer.start(after)
        else:
            main(stop)
        if masked and width > 1:
            with writer.counting(counter, stop, width, partial=True) as index:
                rest = writer.emit("i32", f"trunc {writer.emit('i64', f'sub {stop!r}, {index.name}')!r} to i32")
                lanes = ", ".join(f"i32 {lane}" for lane in range(width))
                places = writer.value(f"<{width} x i32>", f"<{lanes}>")
                turn(index, width, writer.compare("slt", places, writer.splat(rest, width)), 0)
            return
        if unroll > 1:
            with writer.counting(counter, stop, width) as index:
                turn(index, width, None, 0)
        if width > 1:
            with writer.counting(counter, stop) as index:
                turn(index, 1, None, 0)

    def _splat(self, number: int, width: int) -> Value:
        each = self.kernel.instructions[number]
        if each.operation == "literal":
            return self.writer.literal(each.type, each.detail, width)
        if width == 1:
            return self.known[number]
        if (number, width) not in self.splats:
            self.splats[number, width] = self.writer.splat(self.known[number], width)
        return self.splats[number, width]

    def _value(self, number: int, row: Row, width: int) -> Value:
        return row[number] if self.plan.is_inner(number) else self._splat(number, width)

    def _fixed(self, each: Instruction) -> list[Value | None]:
        """The indices of a gather or scatter that are the same along the row."""
        numbers = each.arguments[each.operation == "scatter" :]
        return [None if self.plan.is_inner(number) else self.known[number] for number in numbers]

    def _varying(self, each: Instruction, row: Row) -> list[Value | None]:
        """The indices of a gather or scatter that vary along the row."""
        numbers = each.arguments[each.operation == "scatter" :]
        return [row[number] if self.plan.is_inner(number) else None for number in numbers]

    def _inner(self, number: int, row: Row, index: Value, width: int, mask: Value | None, reload: int | None) -> Value:
        each, memory = self.kernel.instructions[number], self.memory
        if reload is not None:
            return memory.load(reload, memory.rows[reload], index, width, mask)
        if each.operation == "load":
            return memory.load(each.operand, memory.rows[each.operand], index, width, mask)
        if each.operation == "index":
            return self.writer.add(self.writer.splat(index, width), self.writer.lanes(width))
        if each.operation == "gather":
            return memory.gather(each, self.bases[number], self._varying(each, row), index, width, mask)
        arguments = [self._value(argument, row, width) for argument in each.arguments]
        return elements.apply(self.writer.at(width), each.operation, each.type, arguments, each.detail)

    def _effect(self, number: int, row: Row, index: Value, width: int, mask: Value | None, place: int) -> None:
        each, memory = self.kernel.instructions[number], self.memory
        value = self._value(each.arguments[0], row, width)
        if each.operation == "store":
            memory.store(each.operand, memory.rows[each.operand], index, value, mask)
        elif each.operation == "scatter":
            memory.scatter(each, self.bases[number], self._varying(each, row), index, value, mask)
        elif each.operation == "require":
            wrong = self.writer.emit(value.type, f"xor {value!r}, {'splat (i1 true)' if width > 1 else 'true'}")
            memory.fail(self.writer.emit(value.type, f"and {wrong!r}, {mask.name}") if mask else wrong, REFUSED)
        elif number in self.folds:
            self.folds[number].add(value, (width, place), mask)
        else:
            memory.fold_into(each.operand, each.detail, memory.rows[each.operand], index, value, mask)


def kernel_text(kernel: Kernel, name: str, target: Target) -> Part:
    """The function `name` that does what the kernel says, for a processor.

    >>> from chainrule.lower.kernel import Operand
    >>> from chainrule.run.native.engine import target
    >>> load, store = Instruction("load", "f64", operand=0), Instruction("store", "", (0,), operand=1)
    >>> copy = Kernel((None,), (Operand("f64", (1,)), Operand("f64", (1,))), (load, store))
    >>> "define i64 @copy(ptr %args, i64 %begin" in kernel_text(copy, "copy", target("x86-64")).text
    True
    """
    return KernelWriter(kernel, target).text(name)
