"""Equal turns in a sequence, found in time that grows with its length.

Each item has a key, which items that could be turns of one loop share, and a tuple of numbers, which may move by the same
step from turn to turn. A run is a window of items that repeats; windows within windows are found first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from operator import sub

NEXT = 3  # how many of the next items with the same key are tried as the beginning of the next turn


@dataclass(frozen=True, slots=True)
class Run:
    """A window of `items` that is repeated: the position of its first item, how many items of the sequence a turn takes, and
    how many turns there are. An item is a position in the sequence, or a run inside.

    >>> Run(0, 1, 5, (0,)).end
    5
    """

    start: int
    stride: int
    turns: int
    items: tuple[int | Run, ...]

    @property
    def end(self) -> int:
        """The position after the last turn."""
        return self.start + self.stride * self.turns


@dataclass(slots=True)
class _Item:
    """A position or a run, a number for its key, its numbers, and where it begins and ends in the sequence."""

    what: int | Run
    key: int
    numbers: tuple[int, ...]
    start: int
    end: int


def find_runs(keys: Sequence[Hashable], numbers: Sequence[tuple[int, ...]], least: int = 3) -> list[int | Run]:
    """The sequence with its runs of at least `least` turns folded.

    >>> find_runs("abcbcbcd", [(), (1,), (1,), (2,), (2,), (3,), (3,), ()])
    [0, Run(start=1, stride=2, turns=3, items=(1, 2)), 7]
    """
    known: dict[Hashable, int] = {}
    items = [
        _Item(place, known.setdefault(key, len(known)), own, place, place + 1)
        for place, (key, own) in enumerate(zip(keys, numbers, strict=True))
    ]
    while True:
        folded = _round(items, least, known)
        if len(folded) == len(items):
            return [item.what for item in items]
        items = folded


def _round(items: list[_Item], least: int, known: dict[Hashable, int]) -> list[_Item]:
    """The items with runs of single items folded, the shortest windows first."""
    counts = Counter(item.key for item in items)
    places: dict[int, list[int]] = {}
    rank: list[int] = []
    for place, item in enumerate(items):
        if counts[item.key] >= least:
            others = places.setdefault(item.key, [])
            rank.append(len(others))
            others.append(place)
        else:
            rank.append(0)
    candidates: dict[int, list[int]] = {}
    for place, item in enumerate(items):
        if counts[item.key] >= least:
            for later in places[item.key][rank[place] + 1 : rank[place] + 1 + NEXT]:
                candidates.setdefault(later - place, []).append(place)
    found: dict[int, tuple[int, int]] = {}  # where a run begins → its window, its turns
    taken = bytearray(len(items))
    for window in sorted(candidates):
        _search(items, window, candidates[window], least, taken, found)
        if found:
            break  # the windows around it are found in the next round, with this one folded
    folded: list[_Item] = []
    place = 0
    while place < len(items):
        if place in found:
            window, turns = found[place]
            folded.append(_joined(items, place, window, turns, known))
            place += window * turns
        else:
            folded.append(items[place])
            place += 1
    return folded


def _search(
    items: list[_Item], window: int, places: list[int], least: int, taken: bytearray, found: dict[int, tuple[int, int]]
) -> None:
    broken, reach = (
        -1,
        0,
    )  # a position at which the next turn is known to differ, and how far before it a start must lie
    for start in places:
        if taken[start] or start + reach <= broken < start + (least - 1) * window:
            continue
        stop, broken, reach = _matched(items, start, window)
        length = stop - start
        turns = length // window
        if turns < least or any(taken[start:stop]):
            continue
        start = _aligned(items, start, window, length - turns * window)
        found[start] = window, turns
        taken[start : start + window * turns] = b"\1" * (window * turns)


def _matched(items: list[_Item], start: int, window: int) -> tuple[int, int, int]:
    """How far items equal those one window before and move by the same steps; the position that broke it, less a window; and
    how far from the start that position matters: a step is compared with the step before it."""
    place = start
    steps: list[tuple[int, ...]] = []
    while place + window < len(items):
        here, there = items[place], items[place + window]
        if here.key != there.key:
            return place + window, place, 0
        moved = tuple(map(sub, there.numbers, here.numbers))
        if place >= start + window and moved != steps[place - start - window]:
            return place + window, place, window
        steps.append(moved)
        place += 1
    return place + window, place, 0


def _aligned(items: list[_Item], start: int, window: int, room: int) -> int:
    """The beginning among the next few at which the names on the left have the same number: a turn as it is written."""

    def spread(first: int) -> int:
        marks = set()
        for place in range(first, first + window):
            here, there = items[place], items[place + window]
            moving = [own for own, later in zip(here.numbers, there.numbers, strict=True) if own != later]
            marks.update(moving[:1])
        return len(marks)

    if window > 200:
        return start
    return min(range(start, start + room + 1), key=lambda first: (spread(first), first))


def _joined(items: list[_Item], place: int, window: int, turns: int, known: dict[Hashable, int]) -> _Item:
    """A run as one item, whose numbers are those of its first turn."""
    first = items[place : place + window]
    last = items[place + window * turns - 1]
    start, end = first[0].start, last.end
    stride = first[-1].end - start
    numbers = tuple(number for item in first for number in item.numbers)
    later = (number for item in items[place + window : place + 2 * window] for number in item.numbers)
    steps = tuple(map(sub, later, numbers))
    run = Run(start, stride, turns, tuple(item.what for item in first))
    key = turns, steps, tuple(item.key for item in first)
    return _Item(run, known.setdefault(key, len(known)), numbers, start, end)
