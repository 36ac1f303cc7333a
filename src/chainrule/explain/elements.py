"""What the elements of the program's arrays are called: w₁₁, x⁽²⁾, x₁⁽²⁾.

A name is a record of its parts, and printers write it as they can. Indices count from 1. Samples stand above in
parentheses, components below; an axis of length 1 has no index, so an array of one element keeps its plain name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

import numpy as np

from chainrule.boxes import Box, Letter

GREEK_CAPITALS = ("Gamma", "Delta", "Theta", "Lambda", "Xi", "Pi", "Sigma", "Upsilon", "Phi", "Psi", "Omega")
_LETTERS = "A-Z\N{GREEK CAPITAL LETTER ALPHA}-\N{GREEK CAPITAL LETTER OMEGA}"
_MATRIX = re.compile(rf"([{_LETTERS}]|{'|'.join(GREEK_CAPITALS)})(?![A-Za-z])")


@dataclass(frozen=True, slots=True)
class ElementName:
    """The name of one element: of which array, with which indices below and above.

    `commas` stand between indices that could run together; `brackets` are written where x₁ is already something else.

    >>> print(ElementName("x", (1,), (2,)), ElementName("w", (1, 2)), ElementName("w", (1, 12), commas=True))
    x_1^(2) w_12 w_1,12
    """

    base: str | Box
    subscripts: tuple[int, ...] = ()
    superscripts: tuple[int, ...] = ()
    commas: bool = False
    brackets: bool = False

    def __str__(self) -> str:
        base = self.base if isinstance(self.base, str) else _letters(self.base)
        above = ",".join(map(str, self.superscripts))
        if self.brackets:
            below = f"[{','.join(map(str, self.subscripts))}]" if self.subscripts else ""
        else:
            below = "_" + ("," if self.commas else "").join(map(str, self.subscripts)) if self.subscripts else ""
        return base + below + (f"^({above})" if above else "")

    @property
    def look(self) -> tuple[str, ...]:
        """What a reader sees: names that differ only in how they are made up look the same, as x1 and element 1 of x.

        >>> ElementName("x1").look == ElementName("x", (1,)).look
        True
        """
        base = (self.base if isinstance(self.base, str) else _letters(self.base)).replace("_", "")
        stem = base.rstrip("0123456789")
        groups = [base[len(stem) :]] if stem != base else []
        if self.subscripts and not self.brackets:
            groups.append(("," if self.commas else "").join(map(str, self.subscripts)))
        elif self.brackets:
            groups.append(f"[{self.subscripts}]")
        return (stem, ",".join(groups), *map(str, self.superscripts))


def _letters(box: Any) -> str:
    """The letters of a box, one after the other."""
    if isinstance(box, str):
        return box
    if isinstance(box, tuple):
        return "".join(map(_letters, box))
    if not is_dataclass(box):
        return ""
    return "".join(_letters(getattr(box, part.name)) for part in fields(box) if part.name not in ("form", "kind"))


def small(base: str | Box) -> str | Box:
    """The name of a matrix's elements: a capital letter becomes small, W1 → w1; words stay.

    >>> small("W1"), small("Theta"), small("Weights"), small("X_train")
    ('w1', 'theta', 'Weights', 'x_train')
    """
    if not isinstance(base, str):
        return Letter(base.text.lower()) if isinstance(base, Letter) and len(base.text) == 1 else base
    found = _MATRIX.match(base)
    return base if found is None else base[: found.end()].lower() + base[found.end() :]


def element_names(base: str | Box, shape: Sequence[int], samples: Sequence[bool]) -> list[ElementName]:
    """The names of all elements of an array, in the order of its memory.

    >>> [str(name) for name in element_names("x", (2, 2), (True, False))]
    ['x_1^(1)', 'x_2^(1)', 'x_1^(2)', 'x_2^(2)']
    """
    shown = [axis for axis, length in enumerate(shape) if length != 1]
    below = [axis for axis in shown if not samples[axis]]
    above = [axis for axis in shown if samples[axis]]
    crowded = len(below) > 1 and any(shape[axis] > 9 for axis in below)
    return [
        ElementName(base, tuple(place[axis] + 1 for axis in below), tuple(place[axis] + 1 for axis in above), crowded)
        for place in np.ndindex(*shape)
    ]


def element_bases(given: Iterable[tuple[str | Box, tuple[int, ...], bool]]) -> dict[str | Box, str | Box]:
    """For each array (its name, its shape, whether its name may become small) what its elements are called.

    A matrix W has elements w, unless something else of the program would have that name.

    >>> element_bases([("W", (2, 2), True), ("x", (2,), True)])
    {'W': 'w', 'x': 'x'}
    >>> element_bases([("W", (2, 2), True), ("w", (), True)])
    {'W': 'W', 'w': 'w'}
    """
    arrays = list(given)
    taken = {base for base, _, _ in arrays}
    found: dict[str | Box, str | Box] = {}
    for base, shape, may_change in arrays:
        lower = small(base)
        matrix = len(shape) > 1 and any(length > 1 for length in shape)
        found[base] = lower if matrix and may_change and lower not in taken else base
    return found


def told_apart(arrays: Sequence[list[ElementName]]) -> list[list[ElementName]]:
    """The names of the elements of several arrays, with brackets for the arrays of which an element looks like something else.

    >>> [[str(name) for name in names] for names in told_apart([element_names("x", (2,), (False,)), [ElementName("x1")]])]
    [['x[1]', 'x[2]'], ['x1']]
    """
    seen: dict[tuple[str, ...], set[Any]] = {}
    for names in arrays:
        for name in names:
            seen.setdefault(name.look, set()).add((name.base, name.subscripts))
    return [
        [replace(name, brackets=True) for name in names]
        if any(name.subscripts and len(seen[name.look]) > 1 for name in names)
        else names
        for names in arrays
    ]
