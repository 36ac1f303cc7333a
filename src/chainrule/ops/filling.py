"""Filling arrays in loops: writes of single elements or rows are gathered, and become one operation when the array is read whole.

`out[i] = t` makes a new version of `out`: with a copy at each step, a loop over n elements would cost n² time and memory. An array
made by `zeros_like`, `copy` and their relatives therefore keeps what was written at integer indices, and answers reads of the same
places, until somebody asks for more. What the user sees, views included, is what NumPy does.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.errors import GraphError
from chainrule.graph import Node
from chainrule.notation import call
from chainrule.ops.indexing import basic_slice, getitem, setitem, without_loss
from chainrule.ops.structure import as_value, broadcast_to, copy, reshape
from chainrule.primitive import operations, sample
from chainrule.trace import primitive
from chainrule.traced import Traced, prototype

Place = tuple[int, ...]


def _write_rows(x: Any, *values: Any, places: tuple[Place, ...]) -> Any:
    result = np.array(x, order="K")
    for value, place in zip(values, places, strict=True):
        result[place] = value
    return result


def _write_rows_rule(wanted: Any, g: Any, y: Any, x: Any, *values: Any, places: tuple[Place, ...]) -> list[Any]:
    below = None
    if wanted[0]:
        written = np.zeros(g.shape, bool)
        for place in places:
            written[place] = True
        below = operations["where"](written, g.dtype.type(0), g)
    return [
        below,
        *(basic_slice(g, index=place) if wants else None for wants, place in zip(wanted[1:], places, strict=True)),
    ]


write_rows = primitive(
    "write_rows",
    forward=_write_rows,
    vjp=_write_rows_rule,
    shape=lambda x, *values, places: x,
    notation=call(r"\leftarrow", "filled"),
    linear=True,
    samples=(
        sample((3,), (), (), places=((0,), (2,))),
        sample((3, 2), (2,), (2,), places=((2,), (0,))),
        sample((2, 2, 2), (2,), places=((1, 0),)),
    ),
)

_stored: Any = Traced.__dict__["node"]


class TracedBuffer(Traced):
    """A traced array that is being filled; `pending` holds what was written since the node was made.

    All pending places have the same number of indices, so no two of them overlap.
    """

    __slots__ = ("_depth", "pending")

    pending: dict[Place, Traced]
    _depth: int

    @classmethod
    def of(cls, node: Node, level: int) -> TracedBuffer:
        """A handle on a fresh array."""
        handle = cls()
        _stored.__set__(handle, node)
        handle.level = level
        handle.pending = {}
        handle._depth = 0
        return handle

    @property
    def node(self) -> Node:  # pyright: ignore[reportIncompatibleVariableOverride] computed where writes are pending
        if self.pending:
            places, values = tuple(self.pending), tuple(self.pending.values())
            self.pending.clear()
            filled = write_rows(Traced.of(_stored.__get__(self), self.level), *values, places=places)
            _stored.__set__(self, filled.node)
        return _stored.__get__(self)

    def assign(self, replacement: Traced) -> None:
        """Make this handle stand for another node, as an in-place write of the whole array does."""
        if replacement.level > self.level:
            raise GraphError(
                "An in-place write would put a value of an inner differentiation into an array of an outer one. "
                "Make the array inside the inner function, or build a new one."
            )
        node = replacement.node
        self.pending.clear()
        _stored.__set__(self, node)

    # What is known without the pending writes.
    @property
    def shape(self) -> tuple[int, ...]:
        return _stored.__get__(self).value.shape

    @property
    def ndim(self) -> int:
        return _stored.__get__(self).value.ndim

    @property
    def size(self) -> int:
        return _stored.__get__(self).value.size

    @property
    def dtype(self) -> np.dtype[Any]:
        return _stored.__get__(self).value.dtype

    def __len__(self) -> int:
        return len(prototype(_stored.__get__(self).value))

    def _place(self, index: Any) -> Place | None:
        """An index as whole numbers from the front, if it names one element or row by numbers alone."""
        items = index if type(index) is tuple else (index,)
        shape = self.shape
        if not items or len(items) > len(shape):
            return None
        if len(items) < len(shape) and not prototype(_stored.__get__(self).value).flags.c_contiguous:
            return None
        place = []
        for item, length in zip(items, shape, strict=False):
            if type(item) is not int and not isinstance(item, np.integer):
                return None
            number = int(item)
            if not -length <= number < length:
                return None  # the ordinary way reports it
            place.append(number % length)
        return tuple(place)

    def _fits(self, place: Place | None) -> bool:
        return place is not None and (not self.pending or len(place) == self._depth)

    def __setitem__(self, index: Any, item: Any) -> None:
        place = self._place(index)
        if place is not None and self._fits(place) and isinstance(item, Traced) and item.level == self.level:
            shape = self.shape[len(place) :]
            value = without_loss(as_value(item), self.dtype)
            extra = value.ndim - len(shape)
            if extra > 0 and all(n == 1 for n in value.shape[:extra]):
                value = reshape(value, shape=tuple(value.shape[extra:]))
            if value.shape != shape and value.ndim <= len(shape) and np.broadcast_shapes(value.shape, shape) == shape:
                value = broadcast_to(value, shape=shape)
            if shape and not prototype(value).flags.c_contiguous:
                value = copy(
                    value, order="C"
                )  # in memory a row of the array, so that reshaping it is a view where NumPy gives one
            if value.shape == shape:
                self._depth = len(place)
                # A handle of its own: the user may go on writing into the array that was assigned.
                self.pending[place] = Traced.of(value.node, self.level)
                return
        self.assign(setitem(self, index, item))

    def __getitem__(self, index: Any) -> Any:
        place = self._place(index) if self.pending else None
        if place is None or not self._fits(place):
            return getitem(self, index)
        if len(place) < self.ndim:
            return TracedRow.on(self, place)
        value = self.pending.get(place)
        return basic_slice(Traced.of(_stored.__get__(self), self.level), index=place) if value is None else value[()]


class TracedRow(Traced):
    """A row of an array that is being filled: it follows writes into the array, and writes into it reach the array."""

    __slots__ = ("_base", "_place", "_seen")

    _base: TracedBuffer
    _place: Place
    _seen: Node | None

    @classmethod
    def on(cls, base: TracedBuffer, place: Place) -> TracedRow:
        """The row of `base` at a place."""
        handle = cls()
        handle.level = base.level
        handle._base = base
        handle._place = place
        handle._seen = None
        return handle

    @property
    def node(self) -> Node:  # pyright: ignore[reportIncompatibleVariableOverride] computed where the base was written
        value = self._base.pending.get(self._place)
        if value is not None:
            return value.node
        whole = _stored.__get__(self._base)
        if whole is not self._seen:
            _stored.__set__(self, basic_slice(Traced.of(whole, self.level), index=self._place).node)
            self._seen = whole
        return _stored.__get__(self)

    def assign(self, replacement: Traced) -> None:
        """Write the row into the array."""
        self._base[self._place] = replacement


def fillable(result: Any) -> Any:
    """A fresh traced array, made ready to be filled; anything else as it is.

    >>> fillable(np.zeros(2))
    array([0., 0.])
    """
    if type(result) is Traced and isinstance(prototype(result), np.ndarray):
        return TracedBuffer.of(result.node, result.level)
    return result
