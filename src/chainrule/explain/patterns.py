"""Formulas with indices in the place of numbers that move from turn to turn: h₁, h₂, h₃ are h_t.

A pattern is made from formulas that were drawn. Each whole number in them is a place; the number of a place must be the same in
each turn, or change by the same step. Put back for a turn, the numbers give that turn's formula again: `Pattern.matches`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, fields
from functools import cache
from itertools import product
from operator import sub
from typing import Any

from chainrule.boxes import Box, Fence, Limits, Numeral, Row, Scripts, Sign, row

WHOLE = re.compile(r"-?\d{1,15}")

Reading = tuple[Hashable, tuple[int, ...]]  # what stands there but for whole numbers, and these


@cache
def fields_of(kind: type) -> tuple[str, ...]:
    """The names of the fields of a kind of box, in order.

    >>> fields_of(Scripts)
    ('base', 'below', 'above')
    """
    return tuple(field.name for field in fields(kind))


def read(box: Box) -> tuple[tuple[Hashable, ...], tuple[int, ...]]:
    """A formula as its signs in order with the whole numbers taken out, and the numbers.

    >>> from chainrule.boxes import Letter
    >>> read(Scripts(Letter("x"), below=Numeral("3")))[1]
    (3,)
    """
    signs: list[Hashable] = []
    numbers: list[int] = []
    stack: list[Any] = [box]
    while stack:
        part = stack.pop()
        if part is None or isinstance(part, str):
            signs.append(part)
        elif isinstance(part, tuple):
            signs.append(len(part))
            stack.extend(reversed(part))
        elif isinstance(part, Numeral) and WHOLE.fullmatch(part.text):
            signs.append(Numeral)
            numbers.append(int(part.text))
        else:
            signs.append(type(part))
            stack.extend(getattr(part, name) for name in reversed(fields_of(type(part))))
    return tuple(signs), tuple(numbers)


def refilled(box: Box, fill: Iterator[Box | None]) -> Box:
    """The formula with other boxes for its whole numbers, in the order of `read`; None keeps a number.

    >>> refilled(Numeral("3"), iter([Numeral("4")]))
    Numeral(text='4')
    """
    return _refilled(box, fill, True)


def _refilled(part: Any, fill: Iterator[Box | None], bare: bool) -> Any:
    if part is None or isinstance(part, str):
        return part
    if isinstance(part, tuple):
        return tuple(_refilled(one, fill, bare) for one in part)
    if isinstance(part, Numeral):
        new = next(fill) if WHOLE.fullmatch(part.text) else None
        if new is None:
            return part
        return new if bare or not isinstance(new, Row) else Fence(new)
    if isinstance(part, Row):
        inside = (
            _refilled(item, fill, bare and _stands_alone(part.items, place)) for place, item in enumerate(part.items)
        )
        return row(*list(inside))
    inner = [_refilled(getattr(part, name), fill, _is_bare(part, name)) for name in fields_of(type(part))]
    return type(part)(*inner)


def _is_bare(part: Any, name: str) -> bool:
    """Whether a sum that stands there needs no parentheses."""
    return (
        (isinstance(part, Scripts) and name != "base") or isinstance(part, Fence | Limits) or name in ("top", "bottom")
    )


def _stands_alone(items: Sequence[Box], place: int) -> bool:
    around = [items[other] for other in (place - 1, place + 1) if 0 <= other < len(items)]
    return all(isinstance(one, Sign) and one.text in (",", "=", "[", "]") for one in around)


@dataclass(frozen=True, slots=True)
class Index:
    """A counter of turns: its letter, its value in the first turn, and 1 or -1 for up or down.

    >>> from chainrule.boxes import Letter
    >>> Index(Letter("t"), 1, 1, 5).last
    5
    """

    letter: Box
    first: int
    step: int
    turns: int

    @property
    def last(self) -> int:
        """The value in the last turn."""
        return self.first + self.step * (self.turns - 1)


def linear(constant: int, terms: Sequence[tuple[int, Box]]) -> Box:
    """A constant plus multiples of indices, as one writes it: t − 1, 2t, 5 − t.

    >>> from chainrule.boxes import Letter
    >>> linear(-1, [(1, Letter("t"))]) == row(Letter("t"), "−", Numeral("1"))
    True
    """
    parts: list[tuple[int, Box | None]] = [term for term in terms if term[0]]
    parts.sort(key=lambda part: part[0] < 0)
    if constant or not parts:
        parts.insert(len(parts) if not parts or constant < 0 or parts[0][0] > 0 else 0, (constant, None))
    items: list[Box | str] = []
    for factor, letter in parts:
        size = abs(factor)
        if items:
            items.append("−" if factor < 0 else "+")
        elif factor < 0:
            items.append(Sign("−", "prefix"))
        if letter is None or size != 1:
            items.append(Numeral(str(size)))
        if letter is not None:
            items.append(letter)
    return row(*items)


@dataclass(frozen=True, slots=True, eq=False)
class Pattern:
    """A formula of the first turn, the numbers in it, and by how much they move: one row of steps for each loop around it."""

    sample: Box
    signs: tuple[Hashable, ...]
    numbers: tuple[int, ...]
    steps: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, draw: Callable[[tuple[int, ...]], Box], turns: Sequence[int]) -> Pattern | None:
        """The pattern of the formulas that `draw` gives for turns counted from 0, the outer loop first; None if there is none."""
        origin = (0,) * len(turns)
        sample = draw(origin)
        signs, numbers = read(sample)
        steps = []
        for loop in range(len(turns)):
            next_signs, next_numbers = read(draw(tuple(int(other == loop) for other in range(len(turns)))))
            if next_signs != signs:
                return None
            steps.append(tuple(map(sub, next_numbers, numbers)))
        pattern = cls(sample, signs, numbers, tuple(steps))
        tried = product(*(sorted({0, min(2, count - 1), count - 1}) for count in turns))
        return pattern if all(pattern.matches(draw(turn), turn) for turn in tried) else None

    def numbers_in(self, turn: Sequence[int]) -> tuple[int, ...]:
        """The numbers of a turn."""
        found = list(self.numbers)
        for steps, count in zip(self.steps, turn, strict=True):
            found = [number + count * step for number, step in zip(found, steps, strict=True)]
        return tuple(found)

    def matches(self, box: Box, turn: Sequence[int]) -> bool:
        """Whether the formula of a turn is this pattern with that turn's numbers, those that move not being negative."""
        signs, numbers = read(box)
        if signs != self.signs or numbers != self.numbers_in(turn):
            return False
        return all(number >= 0 or not any(steps) for number, *steps in zip(numbers, *self.steps, strict=True))

    def mark(self, loop: int) -> tuple[int, int] | None:
        """The first number that moves with a loop, and its step."""
        return next(((n, step) for n, step in zip(self.numbers, self.steps[loop], strict=True) if step), None)

    def box(self, indices: Sequence[Index]) -> Box:
        """The formula with indices, one for each loop."""
        fill: list[Box | None] = []
        for place, number in enumerate(self.numbers):
            constant, terms = number, []
            for index, steps in zip(indices, self.steps, strict=True):
                factor = steps[place] * index.step
                constant -= factor * index.first
                terms.append((factor, index.letter))
            moves = any(factor for factor, _ in terms)
            fill.append(linear(constant, terms) if moves else None)
        return refilled(self.sample, iter(fill))


def extent(index: Index) -> Box:
    """How an index runs, as in t = 1, …, 5.

    >>> from chainrule.boxes import Letter
    >>> len(extent(Index(Letter("t"), 1, 1, 5)).items)
    7
    """
    first, last = Numeral(str(index.first)), Numeral(str(index.last))
    dots: list[Box | str] = [",", Sign("…", "atom")] if index.turns > 3 else []
    middle: list[Box | str] = [",", Numeral(str(index.first + index.step))] if index.turns == 3 else dots
    return row(index.letter, "=", first, *middle, ",", last)
