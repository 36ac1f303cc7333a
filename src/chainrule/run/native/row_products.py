"""Matrix products by our own loops as whole native functions: batches, blocks of k, panels of columns, and their packing.

The panel is read where it lies, or packed first (turned over if the operand is transposed) into memory of the function's own,
`BLOCK` rows at a time. What is done with a panel is in `panel_products`.
"""

from __future__ import annotations

import functools

from chainrule.run.native.blas_products import batch_lines
from chainrule.run.native.modules import Part, Recipe
from chainrule.run.native.panel_products import PanelWriter
from chainrule.run.native.row_form import BLOCK, RowForm, Slot, slots


@functools.cache
def row_part(form: RowForm) -> Recipe:
    """The function of a form, whose text is written where its code is not there yet."""
    return Recipe(form.name, repr(form), lambda: RowWriter(form).part())


class RowWriter(PanelWriter):
    """Writes the function of one `RowForm`."""

    def part(self) -> Part:
        """The function's text."""
        form, text = self.form, self.text
        types = {
            "first": "ptr",
            "second": "ptr",
            "result": "ptr",
            "scale": "ptr",
            "factor": self.real,
            "keep": self.real,
        }
        for position, word in enumerate(form.words):
            self.value[word] = text.word(position, types.get(word, "i64"))
        if form.k is not None:
            self.value["k"] = str(form.k)
        if form.factor == "any":
            self.value["factor"] = text.scaled(self.real, self.value["factor"], self.value["scale"])
        if form.k is not None:
            self.spill = text.op(f"alloca {self.real}, i64 {form.rows * form.vectors * form.lanes}, align 64")
        if form.second != "d":
            width = self.panel if form.full else sum(slot.lanes for slot in slots(form.rest, form.lanes))
            count = width * (BLOCK if form.k is None else max(1, form.k))
            self.scratch = text.op(f"alloca {self.real}, i64 {count}, align 64")
        if form.along == "rows":
            self.product("%begin", "%end")
        elif form.along == "panels":
            self.product("0", self.value["m"])
        else:
            with text.loop("%begin", "%end") as loop:
                for role in ("first", "second", "result"):
                    text.do(f"%{role} = getelementptr i8, ptr {self.value[role]}, i64 0")
                text.do(f"%index = add i64 {loop.index}, 0")
                text.lines.extend(batch_lines(int(form.along), len(form.words)))
                self.value.update(first="%a", second="%b", result="%c")
                self.product("0", self.value["m"])
        text.do("ret i64 0")
        body = "\n".join(text.lines)
        arguments = "ptr %args, i64 %begin, i64 %end, i64 %chunk"
        # A panel takes many pages of the stack: they are touched one by one, so that a stack too short is noticed.
        attributes = 'nounwind "probe-stack"="inline-asm"'
        whole = f"define i64 @{form.name}({arguments}) {attributes} {{\nentry:\n{body}\n}}\n"
        return Part(form.name, whole, frozenset(text.declarations), self.functions, frozenset())

    def product(self, begin: str, end: str) -> None:
        """The rows [begin, end) of one product, in blocks of k where panels are packed."""
        if self.form.blocks:
            with self.text.loop(0, self.value["k"], BLOCK) as loop:
                length = self.text.smaller(self.text.whole("sub", self.value["k"], loop.index), BLOCK)
                self.panels(begin, end, loop.index, length)
        else:
            self.panels(begin, end, "0", self.value["k"])

    def panels(self, begin: str, end: str, start: str, length: str) -> None:
        """The share of `length` steps of k from `start`: full panels in a loop, then the panel with the rest of the columns."""
        form, text = self.form, self.text
        width = self.panel * self.size
        offset = text.whole("mul", self.value.get("full", "0"), width) if form.full else "0"
        if form.along == "panels":
            last = text.smaller(text.whole("mul", "%end", width), offset)
            with text.loop(text.whole("mul", "%begin", width), last, width) as loop:
                self.columns(begin, end, start, length, loop.index, slots(self.panel, form.lanes))
            if form.rest:
                with text.when(text.op(f"icmp sgt i64 %end, {self.value['full']}")):
                    self.columns(begin, end, start, length, offset, slots(form.rest, form.lanes))
            return
        if form.full:
            with text.loop(0, offset, width) as loop:
                self.columns(begin, end, start, length, loop.index, slots(self.panel, form.lanes))
        if form.rest:
            self.columns(begin, end, start, length, offset, slots(form.rest, form.lanes))

    def columns(self, begin: str, end: str, start: str, length: str, offset: str, panel: list[Slot]) -> None:
        """One panel, whose columns begin `offset` bytes into a row; packed first, unless it is read where it lies."""
        form, text = self.form, self.text
        result = text.moved(self.value["result"], offset)
        first = text.moved(self.value["first"], text.whole("mul", start, self.value["first.column"]))
        if form.second == "d":
            second = text.moved(self.value["second"], offset)
            self.rows(begin, end, first, second, result, panel, start, self.value["second.step"], length)
            return
        step = self.value["second.step"]
        width = sum(slot.lanes for slot in panel) * self.size
        if form.second == "p":
            source = text.moved(text.moved(self.value["second"], offset), text.whole("mul", start, step))
            with text.loop(0, length) as loop:
                here = text.moved(source, text.whole("mul", loop.index, step))
                there = text.moved(self.scratch, text.whole("mul", loop.index, width))
                for slot in panel:
                    kind = self.type_of(slot)
                    value = text.load(kind, text.moved(here, slot.column * self.size), slot.valid)
                    text.store(kind, value, text.moved(there, slot.column * self.size), align=self.size)
        else:
            skipped = text.whole("mul", start, self.size)
            columns = "0" if offset == "0" else text.op(f"sdiv exact i64 {offset}, {self.size}")
            source = text.moved(text.moved(self.value["second"], text.whole("mul", columns, step)), skipped)
            self.turn(source, length, width, panel)
        self.rows(begin, end, first, self.scratch, result, panel, start, str(width), length)

    def turn(self, source: str, length: str, width: int, panel: list[Slot]) -> None:
        """Packs a panel from the transpose: column j of the panel lies in row j of the source."""
        equal = [slot for slot in panel if slot.valid == self.form.lanes]
        if len(equal) > 1:
            with self.text.loop(0, len(equal)) as loop:
                self.turn_slot(source, length, width, equal[0], loop.index)
            panel = [slot for slot in panel if slot not in equal]
        for slot in panel:
            self.turn_slot(source, length, width, slot, None)

    def turn_slot(self, source: str, length: str, width: int, slot: Slot, number: str | None) -> None:
        """Packs one vector's columns, of vector `number` where that varies: squares of elements, then what is left of k."""
        text, step, size, lanes, kind = self.text, self.value["second.step"], self.size, slot.lanes, self.type_of(slot)
        column = slot.column if number is None else text.whole("mul", number, lanes)
        base = text.moved(source, text.whole("mul", column, step))
        target = text.moved(self.scratch, text.whole("mul", column, size))
        starts = [text.moved(base, text.whole("mul", lane, step)) for lane in range(slot.valid)]
        whole = text.op(f"and i64 {length}, {-lanes}")
        with text.loop(0, whole, lanes) as loop:
            offset = text.whole("mul", loop.index, size)
            rows = [text.load(kind, text.moved(start, offset)) for start in starts]
            rows += ["zeroinitializer"] * (lanes - slot.valid)
            there = text.moved(target, text.whole("mul", loop.index, width))
            for place, value in enumerate(self.transposed(rows, kind, lanes)):
                text.store(kind, value, text.moved(there, place * width), align=size)
        with text.loop(whole, length) as loop:
            offset = text.whole("mul", loop.index, size)
            value = "zeroinitializer"
            for lane, start in enumerate(starts):
                element = text.op(f"load {self.real}, ptr {text.moved(start, offset)}, align 1")
                value = text.op(f"insertelement {kind} {value}, {self.real} {element}, i64 {lane}")
            text.store(kind, value, text.moved(target, text.whole("mul", loop.index, width)), align=size)

    def transposed(self, rows: list[str], kind: str, lanes: int) -> list[str]:
        """A square of `lanes` vectors turned over, in log₂ stages that exchange ever longer runs of lanes."""
        run = 1
        while run < lanes:
            low = [lane if not lane & run else lanes + lane - run for lane in range(lanes)]
            high = [lane + run if not lane & run else lanes + lane for lane in range(lanes)]
            masks = ["<" + ", ".join(f"i32 {lane}" for lane in mask) + ">" for mask in (low, high)]
            following = list(rows)
            for number in range(lanes):
                if not number & run:
                    pair = f"{kind} {rows[number]}, {kind} {rows[number + run]}"
                    following[number] = self.text.op(f"shufflevector {pair}, <{lanes} x i32> {masks[0]}")
                    following[number + run] = self.text.op(f"shufflevector {pair}, <{lanes} x i32> {masks[1]}")
            rows = following
            run *= 2
        return rows
