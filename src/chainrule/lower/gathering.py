"""Reading, adding and writing by index arrays: how `x[i, 1:, j]` walks x, by NumPy's rules for where the indexed axes go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.graph import Node
from chainrule.lower.access import Access, broadcast


@dataclass(frozen=True, slots=True, eq=False)
class Indexed:
    """An array indexed by values: `source` walks its loop axes (0 along those of the index arrays); `axes` are (step, extent) of
    each indexed axis; `indices` have the shape of the result."""

    source: Access
    axes: tuple[tuple[int, int], ...]
    indices: tuple[Access, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Scattered:
    """node ← zeros, to which `value` is added by index."""

    node: Node
    value: Access
    indexed: Indexed

    @property
    def operands(self) -> tuple[Access, ...]:
        """Everything that it reads."""
        return (self.value, *self.indexed.indices)


def indexed(source: Access, pattern: tuple[Any, ...], arrays: list[Access]) -> Indexed | None:
    """How `source[pattern]` walks the source; None where a truth value stands in the pattern, or no array.

    Beside arrays a number is an index like them. All of them together make the axes of their broadcast shape, which stand where the
    first of them stands if they are neighbours, else in front.
    """
    if not arrays or any(isinstance(item, bool | np.bool_) for item in pattern):
        return None
    named = sum(item is not None and item is not Ellipsis for item in pattern)
    if Ellipsis not in pattern:
        pattern = (*pattern, Ellipsis)
    kept: list[tuple[int, int]] = []  # (length, step) of each axis that slices and None leave
    axes: list[tuple[int, int]] = []
    positions: list[int] = []  # of the arrays and numbers in the pattern
    first = 0  # the axes kept before the first of them
    offset, axis = source.offset, 0
    for position, item in enumerate(pattern):
        if item is None:
            kept.append((1, 0))
        elif item is Ellipsis:
            for _ in range(len(source.shape) - named):
                kept.append((source.shape[axis], source.steps[axis]))
                axis += 1
        elif isinstance(item, slice):
            chosen = range(*item.indices(source.shape[axis]))
            if len(chosen):
                offset += chosen[0] * source.steps[axis]
            kept.append((len(chosen), source.steps[axis] * chosen.step))
            axis += 1
        else:
            first = first if positions else len(kept)
            positions.append(position)
            if isinstance(item, str):
                axes.append((source.steps[axis], source.shape[axis]))
            else:
                offset += int(item) % source.shape[axis] * source.steps[axis]
            axis += 1
    if positions[-1] - positions[0] + 1 != len(positions):
        first = 0
    across = np.broadcast_shapes(*(array.shape for array in arrays))
    before, after = kept[:first], kept[first:]
    shape = (*(length for length, _ in before), *across, *(length for length, _ in after))
    steps = (*(step for _, step in before), *(0,) * len(across), *(step for _, step in after))
    spread = []
    for array in arrays:
        wide = broadcast(array, across)
        spread.append(Access(wide.base, wide.offset, shape, (0,) * len(before) + wide.steps + (0,) * len(after)))
    walked = tuple(0 if length == 1 else step for step, length in zip(steps, shape, strict=True))
    return Indexed(Access(source.base, offset, shape, walked), tuple(axes), tuple(spread))
