"""Products of a matrix and a vector whose rows lie together: vectors run along k, and are added up at the end.

Several rows are done at once. Their sums are folded together, halves onto halves, which turns one vector for each row into one
vector with a lane for each row.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

from chainrule.run.native.blas_products import batch_lines
from chainrule.run.native.formats import REGISTERS
from chainrule.run.native.modules import Part, Recipe
from chainrule.run.native.product_text import Text


@dataclass(frozen=True)
class DotForm:
    """All that is compiled into a matrix–vector product: `tail` is k modulo `lanes`; whatever scales comes at run time."""

    type: str
    lanes: int
    fused: bool
    rows: int
    tail: int
    levels: int | None

    @property
    def name(self) -> str:
        """A name that says all of it."""
        where = "rows" if self.levels is None else f"batch{self.levels}"
        fused = "f" if self.fused else ""
        return f"product_dot_{self.type}x{self.lanes}_{self.rows}t{self.tail}{fused}_{where}"

    @property
    def words(self) -> tuple[str, ...]:
        """The argument block in words, before those of the batch."""
        found = ["first", "second", "result", "factor", "scale", "keep"]
        if self.levels is not None:
            found.append("m")
        return (*found, "k", "first.row")


@functools.cache
def dot_part(form: DotForm) -> Recipe:
    """The function of a form, whose text is written where its code is not there yet."""
    return Recipe(form.name, repr(form), lambda: DotWriter(form).part())


class DotWriter:
    """Writes the function of one `DotForm`."""

    def __init__(self, form: DotForm) -> None:
        self.form = form
        self.text = Text()
        self.real = REGISTERS[form.type]
        self.size = 8 if form.type == "f64" else 4
        self.kind = f"<{form.lanes} x {self.real}>"
        self.sums = f"<{form.rows} x {self.real}>"
        self.splits = max(1, 8 // form.rows)  # sums for each row: eight at once hide the latency of a multiplication
        self.value: dict[str, str] = {}

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
        self.value["factor"] = text.scaled(self.real, self.value["factor"], self.value["scale"])
        if form.levels is None:
            self.product("%begin", "%end")
        else:
            with text.loop("%begin", "%end") as loop:
                for role in ("first", "second", "result"):
                    text.do(f"%{role} = getelementptr i8, ptr {self.value[role]}, i64 0")
                text.do(f"%index = add i64 {loop.index}, 0")
                text.lines.extend(batch_lines(form.levels, len(form.words)))
                self.value.update(first="%a", second="%b", result="%c")
                self.product("0", self.value["m"])
        text.do("ret i64 0")
        body = "\n".join(text.lines)
        arguments = "ptr %args, i64 %begin, i64 %end, i64 %chunk"
        whole = f"define i64 @{form.name}({arguments}) nounwind {{\nentry:\n{body}\n}}\n"
        return Part(form.name, whole, frozenset(text.declarations), {}, frozenset())

    def product(self, begin: str, end: str) -> None:
        """The rows [begin, end): tiles of `form.rows`; the last one may have fewer and reads its last row several times."""
        form, text = self.form, self.text
        with text.loop(begin, end, form.rows) as loop:
            left = text.smaller(text.op(f"sub i64 {end}, {loop.index}"), form.rows)
            last = text.op(f"sub i64 {left}, 1")
            first = text.moved(self.value["first"], text.whole("mul", loop.index, self.value["first.row"]))
            starts = [first]
            for number in range(1, form.rows):
                which = text.smaller(number, last)
                starts.append(text.moved(first, text.whole("mul", which, self.value["first.row"])))
            sums = self.folded(self.totals(starts))
            self.finish(text.moved(self.value["result"], text.whole("mul", loop.index, self.size)), sums, left)

    def totals(self, starts: list[str]) -> list[str]:
        """One vector of partial sums for each row."""
        form, text, lanes = self.form, self.text, self.form.lanes
        rows = len(starts)
        whole = text.op(f"sub i64 {self.value['k']}, {form.tail}") if form.tail else self.value["k"]
        totals = ["zeroinitializer"] * (rows * self.splits)
        begun = "0"
        if self.splits > 1:
            begun = text.op(f"and i64 {whole}, {-lanes * self.splits}")
            with text.loop(0, begun, lanes * self.splits, [(self.kind, total) for total in totals]) as loop:
                totals = list(loop.values)
                for split in range(self.splits):
                    self.multiply(totals, split * rows, starts, text.whole("add", loop.index, split * lanes), None)
                loop.following = totals
            totals = loop.values
        with text.loop(begun, whole, lanes, [(self.kind, total) for total in totals[:rows]]) as loop:
            now = list(loop.values)
            self.multiply(now, 0, starts, loop.index, None)
            loop.following = now
        totals = loop.values + totals[rows:]
        if form.tail:
            self.multiply(totals, 0, starts, whole, form.tail)
        for number in range(rows, len(totals)):
            totals[number % rows] = text.op(f"fadd {self.kind} {totals[number % rows]}, {totals[number]}")
        return totals[:rows]

    def multiply(self, totals: list[str], base: int, starts: list[str], p: str, valid: int | None) -> None:
        """A vector of each row times the same of the second operand, added to `totals` from `base` on."""
        text = self.text
        offset = text.whole("mul", p, self.size)
        second = text.load(self.kind, text.moved(self.value["second"], offset), valid)
        for number, start in enumerate(starts):
            row = text.load(self.kind, text.moved(start, offset), valid)
            totals[base + number] = text.fma(self.kind, self.form.fused, row, second, totals[base + number])

    def folded(self, totals: list[str]) -> str:
        """The sum of each vector, as one vector with a lane for each."""
        lanes, run = self.form.lanes, self.form.lanes
        while len(totals) > 1:
            run //= 2
            low = [lane for group in range(0, lanes, 2 * run) for lane in range(group, group + run)]
            totals = [
                self.halves(totals[number], totals[number + 1], low, run, lanes) for number in range(0, len(totals), 2)
            ]
        total = totals[0]
        while run > 1:
            run //= 2
            low = [lane for group in range(0, lanes, 2 * run) for lane in range(group, group + run)]
            total = self.halves(total, None, low, run, lanes)
            lanes //= 2
        return total

    def halves(self, left: str, right: str | None, low: list[int], run: int, lanes: int) -> str:
        """Lanes `low` plus those `run` further on, of one vector or of two side by side."""
        lower = low + ([lane + lanes for lane in low] if right is not None else [])
        kind = f"<{lanes} x {self.real}>"
        parts = []
        for shift in (0, run):
            mask = ", ".join(f"i32 {lane + shift}" for lane in lower)
            other = "poison" if right is None else right
            parts.append(self.text.op(f"shufflevector {kind} {left}, {kind} {other}, <{len(lower)} x i32> <{mask}>"))
        return self.text.op(f"fadd <{len(lower)} x {self.real}> {parts[0]}, {parts[1]}")

    def finish(self, place: str, sums: str, left: str) -> None:
        """Writes `left` results: times factor, plus what is kept of the old ones."""
        text, kind, rows = self.text, self.sums, self.form.rows
        sums = text.op(f"fmul {kind} {sums}, {text.splat(kind, self.real, self.value['factor'])}")
        numbers = ", ".join(f"i64 {lane}" for lane in range(rows))
        present = text.op(f"icmp slt <{rows} x i64> <{numbers}>, {text.splat(f'<{rows} x i64>', 'i64', left)}")
        wanted = text.op(f"fcmp une {self.real} {self.value['keep']}, 0.0")
        read = text.op(f"and <{rows} x i1> {present}, {text.splat(f'<{rows} x i1>', 'i1', wanted)}")
        before = text.load(kind, place, read)  # lanes that are not wanted are not read: an old NaN must not get in
        sums = text.fma(kind, self.form.fused, before, text.splat(kind, self.real, self.value["keep"]), sums)
        text.store(kind, sums, place, present)
