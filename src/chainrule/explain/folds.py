"""A loop on the page: its lines, which steps they stand for, and what is said about them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from chainrule.boxes import Box, Mark, Prose, Row
from chainrule.explain.document import Line, Paragraph
from chainrule.explain.patterns import Index, Pattern, read
from chainrule.explain.steps import Step

NOTES = 4  # notes of a loop whose turns have different ones


@dataclass(frozen=True, slots=True)
class Fold:
    """Lines that stand for all turns of a loop, and for each line the positions of the steps that it stands for.

    `indices` are those of each line, the outer loop first.
    """

    lines: tuple[Line, ...]
    places: tuple[tuple[int, ...], ...]
    indices: tuple[tuple[Index, ...], ...]

    def tagged(self, steps: Sequence[Step]) -> tuple[Line, ...]:
        """The lines of a backward pass, the first with the numbers of all the steps."""
        first, *others = self.lines
        return (replace(first, tag=next(iter(self.tags(steps).values()))), *others)

    def tags(self, steps: Sequence[Step]) -> dict[int, str]:
        """The number of the lines, for the number of each step that they stand for."""
        numbers = [steps[place].number for places in self.places for place in places]
        return dict.fromkeys(numbers, f"{min(numbers)}–{max(numbers)}")

    def notes(self, say: Callable[[int], list[Paragraph]]) -> list[Paragraph]:
        """What is said at the steps of a loop, once where it is the same up to the index; else what is said first."""
        said: list[Paragraph] = []
        for places, indices in zip(self.places, self.indices, strict=True):
            turns = [say(place) for place in places]
            found = _together(turns, indices[0]) if len(indices) == 1 else None
            if found is not None:
                said += found
                continue
            first: dict[object, Paragraph] = {}
            for turn in turns:
                for one in turn:
                    first.setdefault(read(_as_box(one))[0], one)
            different = list(first.values())
            said += different[:NOTES]
            if len(different) > NOTES:
                said.append(Paragraph(("…",), "note"))
        return said


def _together(turns: Sequence[Sequence[Paragraph]], index: Index) -> list[Paragraph] | None:
    """What is said in all turns, with an index; None where turns say different things."""
    if any(len(turn) != len(turns[0]) for turn in turns):
        return None
    said = []
    for paragraphs in zip(*turns, strict=True):
        found = _common(paragraphs, (index,)) or _after_first(paragraphs, index)
        if found is None:
            return None
        said.append(found)
    return said


def _as_box(paragraph: Paragraph) -> Box:
    return Row(tuple(Prose(part) if isinstance(part, str) else part for part in paragraph.parts))


def _after_first(paragraphs: Sequence[Paragraph], index: Index) -> Paragraph | None:
    """The paragraph of all turns where the first is about an input and says it in the same words."""
    first, second = ([part for part in paragraph.parts if isinstance(part, str)] for paragraph in paragraphs[:2])
    later = Index(index.letter, index.first + index.step, index.step, index.turns - 1)
    return _common(paragraphs[1:], (later,)) if first == second else None


def _common(paragraphs: Sequence[Paragraph], indices: Sequence[Index]) -> Paragraph | None:
    """One paragraph for all turns; None where they differ in more than numbers that move."""
    boxes = [Mark(_as_box(paragraph), "") for paragraph in paragraphs]
    pattern = Pattern.of(lambda turn: boxes[turn[0]], [len(boxes)])
    if pattern is None or not all(pattern.matches(box, (turn,)) for turn, box in enumerate(boxes)):
        return None
    parts: list[str | Box] = []
    offset = 0
    for part in paragraphs[0].parts:
        if isinstance(part, str):
            parts.append(part)
            continue
        signs, numbers = read(part)
        here = slice(offset, offset + len(numbers))
        steps = tuple(step[here] for step in pattern.steps)
        parts.append(Pattern(part, signs, pattern.numbers[here], steps).box(indices))
        offset += len(numbers)
    return replace(paragraphs[0], parts=tuple(parts))
