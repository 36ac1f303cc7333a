"""What crosses the border of a level: constants and inputs on the way in, results on the way out.

Each level of differentiation has a number of its own, higher is further in. What the graph keeps must be safe from the
user's later writes: plain arrays are copied, and traced values of the level below get a handle of their own.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError, ForeignOperandError
from chainrule.graph import INPUT, Node
from chainrule.guards import current_recorder, recorders
from chainrule.source import Place, place_of_call
from chainrule.traced import Traced

next_level = itertools.count(1).__next__


def constant(value: Any) -> Any:
    """A value that is not traced, made safe to keep: arrays are copied, since the user may overwrite them later."""
    kind = type(value)
    if kind is np.ndarray:
        _require_numbers(value.dtype)
        kept = _copied(value)  # read-only ones too: an array that is being differentiated is so only for a while
        if recorders and (recorder := current_recorder()) is not None:
            recorder.note_constant(kept, value)
        return kept
    if kind is float or kind is int or kind is bool or kind is complex or isinstance(value, Traced):
        return value
    if isinstance(value, np.generic):
        _require_numbers(value.dtype)
        return value
    if isinstance(value, list | tuple):
        array = np.array(value)
        _require_numbers(array.dtype)
        return array
    if isinstance(value, np.ndarray) and not isinstance(value, np.ma.MaskedArray | np.matrix):
        return np.array(value)  # memory maps and other views of plain numbers
    advice = "Write np.asarray(...) around it, which says what its numbers are."
    if value is None:
        advice = "Look where it comes from: a function without `return` gives None."
    elif kind is str or kind is bytes:
        advice = "Text has no derivative; convert it to a number first."
    raise ForeignOperandError(
        f"A {kind.__module__}.{kind.__qualname__} cannot take part in a traced computation (in {_line()}). {advice}"
    )


def _copied(value: Any) -> Any:
    """A copy in the same layout; what is repeated along an axis stays repeated, so that a spread number stays one number."""
    if 0 not in value.strides or value.size <= 1:
        return value.copy(order="K")
    thin = value[tuple(slice(0, 1) if stride == 0 else slice(None) for stride in value.strides)]
    return np.broadcast_to(thin.copy(order="K"), value.shape)


def _require_numbers(dtype: np.dtype[Any]) -> None:
    if dtype.kind not in "fciub":
        raise ArgumentError(
            f"An array of dtype {dtype} cannot take part in a traced computation (in {_line()}). "
            "Convert it to numbers first."
        )


def _line() -> str:
    code, offset = place_of_call(3)
    return str(Place(code, offset))


def snapshot(value: Any) -> Any:
    """A handle of its own on a traced value of the level below: what a graph keeps must not follow the user's in-place
    writes.

    >>> snapshot(2.0)
    2.0
    """
    return Traced.of(value.node, value.level) if isinstance(value, Traced) else value


def lift(value: Any, name: str | None, level: int) -> Traced:
    """An input of a trace: a traced value with a fresh input node.

    >>> lift(np.float64(2.0), "x", next_level()).name
    'x'
    """
    return Traced.of(Node.of(INPUT, (), (), {"name": name}, snapshot(value), None, 0), level)


def lower(value: Any, level: int) -> tuple[Any, Node | None]:
    """What a result is at the level below, and its node where it belongs to `level`."""
    if isinstance(value, Traced) and value.level == level:
        node = value.node
        return snapshot(node.value), node
    return value, None
