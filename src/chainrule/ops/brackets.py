"""Brackets: what a user writes between [ and ], as a static pattern and the integer arrays that stand in it.

Slices, numbers, `...` and `newaxis` are static. Index arrays are not: they take the places marked `ARRAY`. A mask stands for the positions
of its true elements.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from types import EllipsisType
from typing import Any

import numpy as np

from chainrule.boxes import Box, Fence, Numeral, Scripts, Sign, Word, listed, row
from chainrule.notation import Operand, fitted, show
from chainrule.traced import Traced, concrete, here, prototype, undifferentiated

__all__: list[str] = []

ARRAY = "array"
Index = tuple[Any, ...]


def _bound(value: Any) -> int | None:
    return None if value is None else operator.index(value)


def _items(index: Any) -> tuple[Any, ...]:
    return index if isinstance(index, tuple) else (index,)


def parse_index(index: Any, shape: tuple[int, ...]) -> tuple[Index, list[Any]]:
    """An index as a static pattern and the integer arrays that stand at its `ARRAY` places.

    >>> parse_index((slice(1, None), [0, 2]), (3, 4))
    ((slice(1, None, None), 'array'), [array([0, 2])])
    """
    pattern: list[Any] = []
    arrays: list[Any] = []
    masked = False
    for item in _items(index):
        if type(item) is int or item is None or isinstance(item, EllipsisType):
            pattern.append(item)
        elif isinstance(item, slice):
            pattern.append(slice(_bound(item.start), _bound(item.stop), _bound(item.step)))
        elif isinstance(item, bool | np.bool_):
            pattern.append(bool(item))
        elif _is_recorded_number(item):
            pattern.append(ARRAY)
            arrays.append(_integer(item))
        elif isinstance(item, np.integer) or (isinstance(item, Traced) and isinstance(prototype(item), np.generic)):
            pattern.append(bool(item) if isinstance(prototype(item), np.bool_) else operator.index(_integer(item)))
        else:
            value = _index_array(item)
            if value.dtype.kind != "b":
                pattern.append(ARRAY)
                arrays.append(value)
            elif value.ndim == 0:
                pattern.append(bool(undifferentiated(value)))
            else:
                masked = True
                pattern.extend([ARRAY] * value.ndim)
                arrays.extend(np.nonzero(undifferentiated(value)))
    if masked:
        _check_masks(_items(index), shape)
    return tuple(pattern), arrays


def _is_recorded_number(item: Any) -> bool:
    """Whether an index is a number that a recorder traces: it stays an argument, so that other numbers need no new program."""
    return isinstance(undifferentiated(item), Traced) and type(prototype(item)) not in (np.ndarray, np.bool_)


def _integer(item: Any) -> Any:
    if prototype(item).dtype.kind not in "iu":
        raise IndexError(
            f"only integers, slices (`:`), ellipsis (`...`), np.newaxis (`None`) and integer or boolean arrays are valid "
            f"indices, and this one is a {prototype(item).dtype} number (in {here()})"
        )
    return item


def _index_array(item: Any) -> Any:
    if isinstance(item, list | tuple):
        item = np.asarray(_plain_nested(item))
        if item.size == 0:
            item = item.astype(np.intp)
    elif not isinstance(item, Traced | np.ndarray):
        item = np.asarray(item)
    if item.dtype.kind not in "iub":
        raise IndexError(
            f"arrays used as indices must be of integer (or boolean) type, and this one is {item.dtype} (in {here()})"
        )
    return item


def _plain_nested(item: Any) -> Any:
    return [_plain_nested(part) for part in item] if isinstance(item, list | tuple) else concrete(item)


def _check_masks(items: tuple[Any, ...], shape: tuple[int, ...]) -> None:
    """NumPy's complaint about a mask of another shape, which the positions of its true elements would not show."""
    widths = []
    for item in items:
        value = prototype(item)
        if value is None or isinstance(value, EllipsisType | bool | np.bool_):
            widths.append(0)
        elif (
            isinstance(value, np.ndarray | list | tuple)
            and (mask := np.asarray(_plain_nested(value))).dtype.kind == "b"
        ):
            widths.append(mask.ndim)
        else:
            widths.append(1)
    axis = 0
    for item, width in zip(items, widths, strict=True):
        value = prototype(item)
        if isinstance(value, EllipsisType):
            axis = len(shape) - sum(widths) + axis
        elif isinstance(value, np.ndarray | list | tuple):
            mask, expected = np.asarray(_plain_nested(value)), shape[axis : axis + width]
            if mask.dtype.kind == "b" and mask.shape != expected:
                raise IndexError(
                    f"boolean index did not match indexed array: the mask has shape {mask.shape}, the axes it stands for have shape "
                    f"{expected} (in {here()})"
                )
        axis += width


def fill_pattern(pattern: Index, arrays: Any) -> Index:
    """The index that NumPy takes.

    >>> fill_pattern((0, "array"), [np.array([1])])
    (0, array([1]))
    """
    remaining = iter(arrays)
    return tuple(next(remaining) if isinstance(item, str) else item for item in pattern)


def write_brackets(pattern: Index, texts: list[str]) -> str:
    """The index as text; `texts` are the names of the arrays.

    >>> write_brackets((slice(1, None), "array"), ["i"])
    '1:, i'
    """
    remaining = iter(texts)
    shown = [
        next(remaining, "…") if isinstance(item, str) else "newaxis" if item is None else show(item) for item in pattern
    ]
    return ", ".join(shown) or "()"


def draw_index(pattern: Index, arrays: Sequence[Box]) -> Box:
    """The index as a formula: numbers, `:` for a whole axis, the names of index arrays.

    >>> draw_index((0,), ())
    Numeral(text='0')
    """
    remaining = iter(arrays)
    shown: list[Box] = []
    for item in pattern:
        if isinstance(item, str):
            shown.append(next(remaining, Sign("…", "atom")))
        elif isinstance(item, int | np.integer):
            shown.append(Numeral(str(item)))
        else:
            shown.append(Word("…" if item is Ellipsis else "new" if item is None else show(item)))
    return listed(shown)


def draw_brackets(operands: list[Operand], index: Index | None = None, pattern: Index | None = None) -> Box:
    """A part of an array: single numbers as a subscript (x₀), anything else in brackets.

    >>> from chainrule.boxes import Letter
    >>> draw_brackets([(Letter("x"), 50)], index=(0,)) == Scripts(Letter("x"), below=Numeral("0"))
    True
    """
    places = index if index is not None else pattern
    assert places is not None
    base = fitted(operands[0], 50)
    inside = draw_index(places, [box for box, _ in operands[1:]])
    if all(isinstance(item, int | np.integer) for item in places) and not isinstance(base, Scripts):
        return Scripts(base, below=inside)
    return row(base, Fence(inside, "[", "]"))


def draw_write(operands: list[Operand], pattern: Index) -> Box:
    """An array with some of its elements overwritten.

    >>> from chainrule.boxes import Letter
    >>> draw_write([(Letter("x"), 50), (Letter("y"), 50)], (0,)).items[0]
    Letter(text='x')
    """
    index = draw_index(pattern, [box for box, _ in operands[2:]])
    return row(fitted(operands[0], 50), Fence(row(index, "←", operands[1][0]), "[", "]"))


def draw_embed(operands: list[Operand], shape: Any, index: Index | None = None, pattern: Index | None = None) -> Box:
    """Numbers put at their places in an array of zeros.

    >>> draw_embed([(Numeral("1"), 50)], (3,), index=(0,)).items[0]
    Numeral(text='0')
    """
    del shape
    places = index if index is not None else pattern
    assert places is not None
    spot = draw_index(places, [box for box, _ in operands[1:]])
    return row(Numeral("0"), Fence(row(spot, "←", operands[0][0]), "[", "]"))


def spelled_out(pattern: Index, ndim: int) -> list[Any]:
    """One entry of the pattern for each axis.

    >>> spelled_out((0, Ellipsis), 3)
    [0, slice(None, None, None), slice(None, None, None)]
    """
    entries = [item for item in pattern if item is not None and not isinstance(item, bool)]
    consumed = len([item for item in entries if item is not Ellipsis])
    if Ellipsis not in [item for item in entries if isinstance(item, EllipsisType)]:
        entries.append(Ellipsis)
    result: list[Any] = []
    for item in entries:
        result.extend([slice(None)] * (ndim - consumed) if isinstance(item, EllipsisType) else [item])
    return result
