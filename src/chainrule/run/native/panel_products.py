"""One panel of a matrix product: tiles of rows × vectors held in registers.

Each turn of the innermost loop loads a row of the panel, spreads one element of each row of the first operand over a vector, and
multiplies and adds. Every element of the result is summed in the same order wherever its tile lies, so that chunks of rows give the
same bits as the whole.
"""

from __future__ import annotations

from collections.abc import Sequence

from chainrule.run.native.formats import REGISTERS
from chainrule.run.native.product_text import Text, mask_of
from chainrule.run.native.row_form import RowForm, Slot


class PanelWriter:
    """Writes what is done with a panel of a product of form `form`."""

    def __init__(self, form: RowForm) -> None:
        self.form = form
        self.text = Text()
        self.real = REGISTERS[form.type]
        self.size = 8 if form.type == "f64" else 4
        self.value: dict[str, str] = {}
        self.panel = form.vectors * form.lanes  # columns of a full panel
        self.functions: dict[str, str] = {}
        self.shared = False  # whether what is written now serves all forms with such a panel

    def type_of(self, slot: Slot) -> str:
        """LLVM's type of a vector."""
        return f"<{slot.lanes} x {self.real}>"

    def rows(
        self,
        begin: str,
        end: str,
        first: str,
        second: str,
        result: str,
        panel: list[Slot],
        start: str,
        step: str,
        length: str,
    ) -> None:
        """All rows of one panel: written here if k is compiled in, else a call of the function for such panels."""
        if self.form.k is not None:
            self.tiles(begin, end, first, second, result, panel, start, step, length)
            return
        name = self.panel_function(panel)
        pointers = f"ptr {first}, ptr {second}, ptr {result}"
        sizes = ", ".join(f"i64 {value}" for value in (begin, end, start, step, length))
        strides = ", ".join(f"i64 {self.value[word]}" for word in ("first.row", "first.column", "result.row"))
        scaling = f"{self.real} {self.value['factor']}, {self.real} {self.value['keep']}"
        self.text.do(f"call void @{name}({pointers}, {sizes}, {strides}, {scaling})")

    def panel_function(self, panel: list[Slot]) -> str:
        """The name of the function that does the rows of such a panel; several parts of a module share it."""
        form = self.form
        columns = sum(slot.valid for slot in panel)
        marks = "".join(mark for mark, on in (("e", form.exact), ("f", form.fused)) if on)
        name = f"panel_{form.type}x{form.lanes}_{columns}_{form.rows}{marks}"
        if name in self.functions:
            return name
        outside = self.text, self.value
        self.text, self.shared = Text(), True
        words = ("first.row", "first.column", "result.row", "factor", "keep")
        self.value = {word: f"%{word}" for word in words}
        self.spill = self.text.op(f"alloca {self.real}, i64 {form.rows * form.vectors * form.lanes}, align 64")
        self.tiles("%begin", "%end", "%first", "%second", "%result", panel, "%start", "%step", "%length")
        self.text.do("ret void")
        sizes = ", ".join(f"i64 %{word}" for word in ("begin", "end", "start", "step", "length", *words[:3]))
        arguments = f"ptr %first, ptr %second, ptr %result, {sizes}, {self.real} %factor, {self.real} %keep"
        body = "\n".join(self.text.lines)
        self.functions[name] = f"define internal void @{name}({arguments}) nounwind noinline {{\nentry:\n{body}\n}}\n"
        outside[0].declarations |= self.text.declarations
        (self.text, self.value), self.shared = outside, False
        return name

    def tiles(
        self,
        begin: str,
        end: str,
        first: str,
        second: str,
        result: str,
        panel: list[Slot],
        start: str,
        step: str,
        length: str,
    ) -> None:
        """All rows of one panel: tiles of `form.rows`, then a tile that computes the last row more than once."""
        form, text = self.form, self.text
        count = text.whole("sub", end, begin)
        whole = count if form.exact else text.op(f"sub i64 {end}, {text.op(f'urem i64 {count}, {form.rows}')}")
        stop = end if form.exact else whole
        with text.loop(begin, stop, form.rows) as loop:
            self.tile(loop.index, None, first, second, result, panel, start, step, length)
        if not form.exact:
            with text.when(text.op(f"icmp slt i64 {whole}, {end}")):
                left = text.op(f"sub i64 {end}, {whole}")
                self.tile(whole, left, first, second, result, panel, start, step, length)

    def tile(
        self,
        row: str,
        left: str | None,
        first: str,
        second: str,
        result: str,
        panel: list[Slot],
        start: str,
        step: str,
        length: str,
    ) -> None:
        """`form.rows` rows of a panel from row `row` on; `left` is how many of them exist, where that may be fewer."""
        form, text = self.form, self.text
        first = text.moved(first, text.whole("mul", row, self.value["first.row"]))
        starts = [first]
        last = None if left is None else text.op(f"sub i64 {left}, 1")
        for number in range(1, form.rows):
            which = str(number) if last is None else text.smaller(number, last)
            starts.append(text.moved(first, text.whole("mul", which, self.value["first.row"])))
        zero = [(self.type_of(slot), "zeroinitializer") for _ in range(form.rows) for slot in panel]
        written = form.rows * len(panel)
        splits = max(1, 8 // written)  # sums for each element: eight at once hide the latency of a multiplication
        if form.k is not None:
            totals = ["zeroinitializer"] * (written * splits)
            for p in range(form.k):
                self.multiply(totals, p % splits, str(p), starts, second, panel, step)
        else:
            carried = zero * splits
            totals = [value for _, value in carried]
            tail = "0"
            if splits > 1:
                tail = text.op(f"and i64 {length}, {-splits}")
                with text.loop(0, tail, splits, carried) as loop:
                    totals = list(loop.values)
                    for split in range(splits):
                        self.multiply(totals, split, text.whole("add", loop.index, split), starts, second, panel, step)
                    loop.following = totals
                totals = loop.values
            begun = [(kind, total) for (kind, _), total in zip(zero, totals, strict=False)]
            # Run-time k is at least 1: with 0 it would have been compiled in.
            with text.loop(tail, length, 1, begun, sure=splits == 1) as loop:
                now = list(loop.values)
                self.multiply(now, 0, loop.index, starts, second, panel, step)
                loop.following = now
            totals = loop.values + totals[written:]
        for split in range(1, splits):
            for number in range(written):
                kind = zero[number][0]
                totals[number] = text.op(f"fadd {kind} {totals[number]}, {totals[split * written + number]}")
        result = text.moved(result, text.whole("mul", row, self.value["result.row"]))
        lines = [totals[number * len(panel) : (number + 1) * len(panel)] for number in range(form.rows)]
        if left is not None:
            self.written(result, left, panel, lines, start)
        elif not (self.shared or "any" in (form.factor, form.keep)):
            self.stored(result, panel, lines)
        else:
            plain, general, after = text.new_block(), text.new_block(), text.new_block()
            text.do(f"br i1 {self.is_plain(start)}, label %{plain}, label %{general}")
            text.begin(plain)
            self.stored(result, panel, lines)
            text.do(f"br label %{after}")
            text.begin(general)
            self.written(result, str(form.rows), panel, lines, start)
            text.do(f"br label %{after}")
            text.begin(after)

    def is_plain(self, start: str) -> str:
        """Whether the product is the result as it is: nothing scales it, and nothing old is kept."""
        text, known = self.text, []
        if self.form.factor == "any":
            known.append(text.op(f"fcmp oeq {self.real} {self.value['factor']}, 1.0"))
        if self.form.keep == "any":
            known.append(text.op(f"fcmp oeq {self.real} {self.value['keep']}, 0.0"))
        if self.shared:
            known.append(text.op(f"icmp eq i64 {start}, 0"))
        both = known[0]
        for other in known[1:]:
            both = text.op(f"and i1 {both}, {other}")
        return both

    def stored(self, result: str, panel: list[Slot], lines: list[list[str]]) -> None:
        """Writes a tile as it is."""
        for number, totals in enumerate(lines):
            place = self.text.moved(result, self.text.whole("mul", number, self.value["result.row"]))
            for slot, total in zip(panel, totals, strict=True):
                self.finish(self.text.moved(place, slot.column * self.size), slot, total, None)

    def written(self, result: str, count: str, panel: list[Slot], lines: list[list[str]], start: str) -> None:
        """Writes `count` rows of a tile, scaled and added to the old ones: a loop, which makes little code of what runs seldom."""
        text = self.text
        width = sum(slot.lanes for slot in panel) * self.size
        for number, totals in enumerate(lines):
            for slot, total in zip(panel, totals, strict=True):
                text.store(self.type_of(slot), total, text.moved(self.spill, number * width + slot.column * self.size))
        with text.loop("0", count, sure=True) as loop:
            place = text.moved(result, text.whole("mul", loop.index, self.value["result.row"]))
            source = text.moved(self.spill, text.whole("mul", loop.index, width))
            for slot in panel:
                total = text.load(self.type_of(slot), text.moved(source, slot.column * self.size))
                self.finish(text.moved(place, slot.column * self.size), slot, total, start)

    def multiply(
        self, totals: list[str], split: int, p: str, starts: Sequence[str], second: str, panel: list[Slot], step: str
    ) -> None:
        """One step of the innermost loop: row `p` of the panel times column `p` of the tile, added to `totals`."""
        text, packed = self.text, self.form.second != "d" and not self.shared
        here = text.moved(second, text.whole("mul", p, step))
        vectors = [
            text.load(
                self.type_of(slot),
                text.moved(here, slot.column * self.size),
                None if packed else slot.valid,
                self.size if packed else 1,
            )
            for slot in panel
        ]
        offset = text.whole("mul", p, self.value["first.column"])
        base = split * len(starts) * len(panel)
        for number, start in enumerate(starts):
            element = text.op(f"load {self.real}, ptr {text.moved(start, offset)}, align 1")
            spread: dict[int, str] = {}
            for which, slot in enumerate(panel):
                kind = self.type_of(slot)
                if slot.lanes not in spread:
                    spread[slot.lanes] = text.splat(kind, self.real, element)
                at = base + number * len(panel) + which
                totals[at] = text.fma(kind, self.form.fused, spread[slot.lanes], vectors[which], totals[at])

    def finish(self, place: str, slot: Slot, total: str, start: str | None) -> None:
        """Writes a vector of the result: times factor, plus what is kept of the old one."""
        form, text, kind = self.form, self.text, self.type_of(slot)
        if form.factor == "any" and start is not None:
            total = text.op(f"fmul {kind} {total}, {text.splat(kind, self.real, self.value['factor'])}")
        if form.keep == "all":
            total = text.op(f"fadd {kind} {total}, {text.load(kind, place, slot.valid)}")
        elif start is not None:
            total = self.kept(total, place, slot, start)
        text.store(kind, total, place, slot.valid)

    def kept(self, total: str, place: str, slot: Slot, start: str) -> str:
        """`total` + keep · old result, which is not read where keep is 0; later blocks of k add to the earlier ones."""
        form, text, kind = self.form, self.text, self.type_of(slot)
        keep = self.value.get("keep", "0.0")
        if self.shared:
            keep = text.op(f"select i1 {text.op(f'icmp sgt i64 {start}, 0')}, {self.real} 1.0, {self.real} {keep}")
        wanted = text.op(f"fcmp une {self.real} {keep}, 0.0")
        flags = f"<{slot.lanes} x i1>"
        lanes = text.splat(flags, "i1", wanted)
        if slot.valid < slot.lanes:
            lanes = text.op(f"and {mask_of(slot.lanes, slot.valid)}, {lanes}")
        before = text.load(kind, place, lanes)
        return text.fma(kind, form.fused, before, text.splat(kind, self.real, keep), total)
