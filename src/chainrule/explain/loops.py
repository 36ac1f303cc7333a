"""Loops of equal turns in, one turn with an index out: x_t ← sin(x_{t−1}), t = 1, …, 500.

What is compared are the steps of the two passes, not the source: two steps may be turns of one loop when they stand at the same
place of the program, have the same formulas over symbols of the same shapes, and differ only in numbers (of names, of places
in arrays) that move by the same amount from turn to turn. A first or last turn that differs is a line of its own. Every turn is
checked like every other step; a pattern, filled in for a turn, is that turn's line, or the turns are printed one by one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from chainrule.boxes import Box, Letter, Limits, Numeral, Row, Sign, row
from chainrule.explain.document import Line
from chainrule.explain.expression import Expression, Symbol, substitute
from chainrule.explain.folds import Fold
from chainrule.explain.formula import Drawer
from chainrule.explain.patterns import Index, Pattern, Reading, extent, read, refilled
from chainrule.explain.program import Program
from chainrule.explain.runs import Run, find_runs
from chainrule.explain.steps import ForwardStep, Step
from chainrule.explain.turns import Readings
from chainrule.graph import Node
from chainrule.notation import fitted

LEAST = {"numbers": 6, "result": 6}  # turns from which a loop is folded; three at the other levels
TERMS = 3  # equal terms from which a sum is written with Σ
LETTERS = ("t", "τ", "s", "r", "q", "p", "u", "ξ", "ζ", "ψ")

Draw = Callable[..., Line]  # the line of a step by its position; with start=True inputs are number 0 of their series


Written = list[tuple["_Leaf", list[Pattern]]]  # for each line of a turn the patterns of its boxes


class Loops:
    """Finds the loops of one program and writes them; one for all levels and languages."""

    def __init__(self, program: Program) -> None:
        self.program = program
        taken = {sign for box in program.naming.boxes.values() for sign in read(box)[0]}
        self.letters = tuple(Letter(one) for one in LETTERS if one not in taken) or (Letter("turn"),)
        self.zeroth = self._zeroth()
        self._readings = Readings(program, self.zeroth)

    def _zeroth(self) -> dict[Any, Symbol]:
        """Inputs that have the name of a series of results, as number 0 of the series."""
        program = self.program
        series: dict[str, list[Node]] = {}
        for node, (name, _) in program.naming.series.items():
            series.setdefault(name, []).append(node)
        shown = set(program.naming.boxes.values()) if series else set()
        found: dict[Any, Symbol] = {}
        for node in program.request.graph.inputs:
            nodes = series.get(program.naming.texts[node], [])
            if len(nodes) < 2:
                continue
            boxes = [program.naming.boxes[one] for one in nodes[:2]]
            pattern = Pattern.of(lambda turn, boxes=boxes: boxes[turn[0]], (2,))
            if pattern is None or sum(map(bool, pattern.steps[0])) != 1:
                continue
            box = refilled(boxes[0], iter([Numeral("0") if moved else None for moved in pattern.steps[0]]))
            if box not in shown:
                symbol = program.symbols[node]
                found[symbol.key] = Symbol(symbol.key, box, symbol.value)
        return found

    def at_start(self, expression: Expression) -> Expression:
        """The expression with inputs written as number 0 of their series."""
        if not self.zeroth:
            return expression
        return substitute(expression, lambda symbol: self.zeroth.get(symbol.key))

    def starts(self, expression: Expression) -> list[Box]:
        """h₀ = h for each input in an expression that is written as number 0 of its series."""
        found, stack = {}, [expression]
        while stack and self.zeroth:
            term = stack.pop()
            if isinstance(term, Symbol) and term.key in self.zeroth:
                found[term.key] = row(self.zeroth[term.key].box, "=", term.box)
            stack.extend(term.operands)
        return list(found.values())

    # -- lines --------------------------------------------------------------------------------------------------------
    def forward(
        self, steps: Sequence[ForwardStep], draw: Callable[[ForwardStep], Line], level: str
    ) -> Iterator[int | Fold]:
        """The lines of the forward pass in order: positions of steps, and folds. `draw` writes a line without numbers."""

        def line(place: int, start: bool) -> Line:
            step = steps[place]
            if start:
                step = replace(step, formulas=replace(step.formulas, value=self.at_start(step.expression)))
            return draw(step)

        def starts(place: int) -> list[Box]:
            return self.starts(steps[place].expression)

        return self._items(self._readings.both(steps, LEAST.get(level, 3)), line, starts, level)

    def backward(self, steps: Sequence[Step], draw: Callable[[Step], Line], level: str) -> Iterator[int | Fold]:
        """The same for the backward pass. `draw` gets steps without the name g for what the step before has left."""

        def line(place: int, start: bool) -> Line:
            step = replace(steps[place], alias=None)
            if start:
                uses = tuple(replace(one, term=self.at_start(one.term)) for one in step.contributions)
                step = replace(step, total=self.at_start(step.total), contributions=uses)
            return draw(step)

        def starts(place: int) -> list[Box]:
            return self.starts(steps[place].total)

        return self._items(self._readings.both(steps, LEAST.get(level, 3)), line, starts, level)

    def _items(
        self, readings: Sequence[Sequence[Reading]], draw: Draw, starts: Callable[[int], list[Box]], level: str
    ) -> Iterator[int | Fold]:
        for item in _fewest(readings, LEAST.get(level, 3)):
            if isinstance(item, int):
                yield item
                continue
            for start in (False, True) if self.zeroth else (False,):
                written = self._patterns(item, partial(draw, start=start))
                if written is not None:
                    yield self._fold(item, written, draw, starts if start else None)
                    break
            else:
                yield from range(item.start, item.end)

    def _patterns(self, run: Run, draw: Callable[[int], Line]) -> Written | None:
        """For each line of a turn the patterns of its boxes; None where turns are not written alike."""
        found: Written = []
        for leaf in _leaves(run, ()):
            sample = draw(leaf.base)
            drawn: dict[int, Line] = {}

            def line(turn: tuple[int, ...], leaf: _Leaf = leaf, drawn: dict[int, Line] = drawn) -> Line:
                place = leaf.place(turn)
                if place not in drawn:
                    drawn[place] = draw(place)
                return drawn[place]

            patterns = []
            turns = [inner.turns for inner in leaf.runs]
            for position in range(len(_boxes(sample))):
                pattern = Pattern.of(lambda turn, position=position: _box_at(line(turn), position), turns)
                if pattern is None:
                    return None
                patterns.append(pattern)
            if any(_signs(other) != _signs(sample) for other in drawn.values()):
                return None
            found.append((leaf, patterns))
        deepest = max(len(leaf.runs) for leaf, _ in found)
        return found if deepest <= len(self.letters) else None

    def _fold(self, run: Run, written: Written, draw: Draw, starts: Callable[[int], list[Box]] | None) -> Fold:
        marks = [mark for _, patterns in written for mark in _first_mark(patterns, 0)]
        lead = Counter(mark for mark in marks if abs(mark[1]) == 1)
        down = any(step < 0 for _, step in marks)
        first, step = lead.most_common(1)[0][0] if lead else (run.turns, -1) if down else (1, 1)
        outer = Index(self.letters[0], first, step, run.turns)
        lines, places, counters = [], [], []
        said: list[Box] = []
        for leaf, patterns in written:
            indices = [outer]
            for depth, inner in enumerate(leaf.runs[1:], start=1):
                up = all(step > 0 for _, step in _first_mark(patterns, depth))
                indices.append(Index(self.letters[depth], 1 if up else inner.turns, 1 if up else -1, inner.turns))
            sample = draw(leaf.base, start=False)
            boxes = [pattern.box(indices) for pattern in patterns]
            label: list[str | Box] = list(sample.label)
            for index in indices:
                label += [*([" · "] if label else []), extent(index)]
            every = tuple(leaf.places())
            for start in dict.fromkeys([*starts(every[0]), *starts(every[-1])] if starts else ()):
                if start not in said:
                    label += [" · ", start]
                    said.append(start)
            relations = tuple((sign, box) for (sign, _), box in zip(sample.steps, boxes[1:], strict=True))
            lines.append(replace(sample, left=boxes[0], steps=relations, label=tuple(label), tag=None))
            places.append(every)
            counters.append(tuple(indices))
        return Fold(tuple(lines), tuple(places), tuple(counters))

    # -- sums ---------------------------------------------------------------------------------------------------------
    def summed_terms(self, terms: Sequence[Expression]) -> tuple[list[Box], list[Box]] | None:
        """The formulas of terms with Σ, as `summed` does, and what to say of inputs (h₀ = h); None where nothing is alike."""
        if len(terms) < TERMS:
            return None
        started = [self.at_start(term) for term in terms]
        boxes = [Drawer().box(term) for term in terms]
        first = [None if new is old else Drawer().box(new) for new, old in zip(started, terms, strict=True)]
        found = self.summed(boxes, first)
        if found is None:
            return None
        said = [start for place in found[1] for start in self.starts(terms[place])]
        return found[0], list(dict.fromkeys(said))

    def summed(self, boxes: Sequence[Box], first: Sequence[Box | None] = ()) -> tuple[list[Box], list[int]] | None:
        """Terms of a sum with Σ in the place of three or more that are equal up to an index; None where there are none.

        `first[i]` is term i with inputs as number 0 of their series, where that is different; the positions of those that are
        written so come second.
        """
        if len(boxes) < TERMS:
            return None
        plain = list(boxes)
        started = [new or old for new, old in zip(first, boxes, strict=True)] if any(first) else plain
        ways = [[read(box) for box in way] for way in (plain, started)[: 2 if any(first) else 1]]
        items = _fewest(ways, TERMS)
        if all(isinstance(item, int) for item in items):
            return None
        summed: list[Box] = []
        used: list[int] = []
        for item in items:
            if isinstance(item, int):
                summed.append(boxes[item])
                continue
            places = range(item.start, item.end)
            way = next((way for way in (plain, started) if all(leaf.pattern(way) for leaf in _leaves(item, ()))), plain)
            patterns = [pattern for leaf in _leaves(item, ()) if (pattern := leaf.pattern(way)) is not None]
            if any(len(pattern.steps) > len(self.letters) or not all(map(any, pattern.steps)) for pattern in patterns):
                summed.extend(boxes[place] for place in places)  # equal terms, which are no sum over an index
                continue
            used += [place for place in places if way is started and started[place] is not plain[place]]
            marks = [mark for pattern in patterns for mark in _first_mark([pattern], 0) if abs(mark[1]) == 1]
            low, step = marks[0] if marks else (1, 1)
            outer = Index(self.letters[0], low, step, item.turns)
            summed.append(_large(outer, self._inside(item, [outer], way)))
        return summed, used

    def _inside(self, run: Run, indices: list[Index], boxes: Sequence[Box]) -> list[Box]:
        """The terms of one turn, sums of sums among them."""
        terms: list[Box] = []
        for leaf in _leaves(run, ()):
            pattern = leaf.pattern(boxes)
            assert pattern is not None, "it was looked at before"
            inner = [
                Index(self.letters[depth], 1, 1, inside.turns) for depth, inside in enumerate(leaf.runs[1:], start=1)
            ]
            term = pattern.box([*indices, *inner])
            for index in reversed(inner):
                term = _large(index, [term])
            terms.append(term)
        return terms


def _first_mark(patterns: Sequence[Pattern], loop: int) -> list[tuple[int, int]]:
    """The number that says which turn it is: the first that moves, with its step; none where none moves."""
    return [mark for pattern in patterns if (mark := pattern.mark(loop)) is not None][:1]


def _fewest(ways: Sequence[Sequence[Reading]], least: int) -> list[int | Run]:
    """The runs of the reading that leaves the fewest lines, the first of them where several do."""
    found = [find_runs([key for key, _ in way], [numbers for _, numbers in way], least) for way in ways]
    return min(found, key=_count)


def _count(items: Sequence[int | Run]) -> int:
    return sum(_count(item.items) if isinstance(item, Run) else 1 for item in items)


@dataclass(frozen=True, slots=True)
class _Leaf:
    """A line within loops: the position of its first turn, and the loops around it, the outermost first."""

    base: int
    runs: tuple[Run, ...]

    def place(self, turn: Sequence[int]) -> int:
        return self.base + sum(count * run.stride for count, run in zip(turn, self.runs, strict=True))

    def places(self) -> Iterator[int]:
        found = [self.base]
        for run in self.runs:
            found = [place + turn * run.stride for place in found for turn in range(run.turns)]
        return iter(found)

    def pattern(self, boxes: Sequence[Box]) -> Pattern | None:
        return Pattern.of(lambda turn: boxes[self.place(turn)], [run.turns for run in self.runs])


def _leaves(run: Run, around: tuple[Run, ...]) -> Iterator[_Leaf]:
    for item in run.items:
        if isinstance(item, Run):
            yield from _leaves(item, (*around, run))
        else:
            yield _Leaf(item, (*around, run))


def _large(index: Index, terms: Sequence[Box]) -> Box:
    """Σ over an index, with a minus before it where every term has one."""
    low, high = sorted((index.first, index.last))
    sign = Limits(Sign("Σ", "large"), row(index.letter, "=", Numeral(str(low))), Numeral(str(high)))
    negative = all(isinstance(term, Row) and term.items[0] == Sign("−", "prefix") for term in terms)
    if negative:
        terms = [row(*term.items[1:]) for term in terms if isinstance(term, Row)]
    items: list[Box | str] = []
    for term in terms:
        minus = isinstance(term, Row) and term.items[0] == Sign("−", "prefix")
        if items:
            items.append("−" if minus else "+")
        items.append(row(*term.items[1:]) if items and minus and isinstance(term, Row) else term)
    inside = fitted((row(*items), 10 if len(terms) > 1 else 20), 20)
    return row(*([Sign("−", "prefix")] if negative else []), sign, inside)


def _boxes(line: Line) -> list[Box]:
    return [*([] if line.left is None else [line.left]), *(box for _, box in line.steps)]


def _box_at(line: Line, position: int) -> Box:
    boxes = _boxes(line)
    return boxes[position] if position < len(boxes) else Sign("?")


def _signs(line: Line) -> tuple[Any, ...]:
    return tuple(sign for sign, _ in line.steps), line.label
