"""What Python took from traced values: each truth value, number or array that decided something, as a node to check.

A program is traced with concrete values, so `if`, `while`, `int()` and indices work; the graph holds for other values
only as long as they would have decided the same. A `Recorder` keeps, for one level of tracing, a node for each such
reading, whose value is True as long as the reading would give what it gave. Who runs the graph runs these nodes too.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.graph import Node
from chainrule.notation import call
from chainrule.primitive import Primitive, functions, operations
from chainrule.shapes import ArrayType
from chainrule.source import Place, place_of_call

# The levels whose readings are recorded. Levels are never used twice, so threads do not meet here.
recorders: dict[int, Recorder] = {}
_current = threading.local()
# How many programs are being traced, None where there are none: what runs without asking further looks here.
ACTIVE: dict[str, int | None] = {"recorder": None}
_counting = threading.Lock()


def _count_active(change: int) -> None:
    with _counting:
        ACTIVE["recorder"] = (ACTIVE["recorder"] or 0) + change or None


class GuardFailed(Exception):  # noqa: N818 no error of the user's: the program asks for another variant of itself
    """A reading gave another value than while the program was traced; `number` says which guard, where that is known.

    >>> GuardFailed(2).number
    2
    """

    def __init__(self, number: int | None = None) -> None:
        super().__init__(f"guard {'' if number is None else number} failed")
        self.number = number


@dataclass(frozen=True, slots=True, eq=False)
class Guard:
    """One reading: the node that must be True, what was read, and where the user's code did it.

    `careful` marks the test that gradients are finite: the variant for the other answer is always right, but slower.
    """

    node: Node | None
    reading: str
    place: Place
    careful: bool = False

    def __str__(self) -> str:
        return f"{self.reading} (in {self.place})"

    def without_node(self) -> Guard:
        """The same for messages alone: it does not keep the arrays of the trace."""
        return Guard(None, self.reading, self.place, self.careful)


def _same_bits(x: Any, expected: Any) -> Any:
    return np.bool_(np.ascontiguousarray(x).tobytes() == np.ascontiguousarray(expected).tobytes())


SAME_BITS = Primitive(
    name="same_bits",
    forward=_same_bits,
    execute=_same_bits,
    vjp=None,
    shape=lambda *_: ArrayType((), np.dtype(bool)),
    notation=call("same"),
)


def _all_finite(x: Any) -> Any:
    return np.bool_(np.isfinite(x).all())


# Whether a gradient is finite. It is not all(isfinite(x)) of the user's code, since here it is enough that what the gradient
# is made of is finite: see `lower.finite`.
FINITE_GRADIENT = Primitive(
    name="finite_gradient",
    forward=_all_finite,
    execute=_all_finite,
    vjp=None,
    shape=lambda *_: ArrayType((), np.dtype(bool)),
    notation=call("finite"),
)


class Recorder:
    """The readings of one level of tracing, in the order in which they happened.

    `differentiated`: the level is differentiated later, as a turn of a loop is; then what leaves the differentiation in
    the user's code (`.value`, `no_grad`) must leave it there as well.
    """

    differentiated = False

    def __init__(self, level: int, bind: Callable[..., Any]) -> None:
        self.level = level
        self.guards: list[Guard] = []
        self.constants: dict[int, tuple[Any, Any]] = {}  # id of a kept copy → the copy and the array that was copied
        self.error: str | None = None  # what an operation complained of: whoever catches that has decided by it
        self._bind = bind
        self._seen: set[tuple[Node, str]] = set()

    def truth(self, value: Any) -> bool:
        """The truth of a traced value of this level, as `if` takes it."""
        plain = _plain(value)
        answer = bool(plain)
        if self._is_new(value.node, "truth"):
            flag = value if plain.dtype == bool else operations["not_equal"](value, plain.dtype.type(0))
            flag = functions[np.all](flag) if plain.ndim else flag
            self._add(flag if answer else operations["logical_not"](flag), value, f"was {answer}")
        return answer

    def integer(self, value: Any, convert: Callable[[Any], int]) -> int:
        """The whole number that `convert` (int, operator.index, math.floor and the like) takes from a value."""
        plain = _plain(value)
        answer = convert(plain)
        name = convert.__name__
        if self._is_new(value.node, name):
            whole = value
            if plain.dtype.kind == "f":
                step = {"floor": np.floor, "ceil": np.ceil, "round": np.rint}.get(name, np.trunc)
                whole = operations[step.__name__](value)
            flag = operations["equal"](whole, plain.dtype.type(answer))
            self._add(functions[np.all](flag) if plain.ndim else flag, value, f"was {answer}")
        return answer

    def numbers(self, value: Any) -> Any:
        """The plain numbers of a traced value of this level, all of which were read."""
        plain = _plain(value)
        if self._is_new(value.node, "numbers"):
            if plain.dtype.kind in "iub":
                flag = operations["equal"](value, plain)
                flag = functions[np.all](flag) if plain.ndim else flag
            else:
                flag = self._bind(SAME_BITS, value, plain)
            text = f"was {plain}" if plain.size == 1 else f"had other numbers (shape {plain.shape})"
            self._add(flag, value, text)
        return plain

    def finite(self, value: Any) -> None:
        """A gradient was found to be finite, so that the pass that is careful about infinities was not needed."""
        if self._is_new(value.node, "finite"):
            flag = self._bind(FINITE_GRADIENT, value) if _plain(value).ndim else operations["isfinite"](value)
            self._add(flag, value, "was a finite gradient", careful=True)

    def note_constant(self, kept: Any, original: Any) -> None:
        """Remember of which array of the user's a constant of the graph is a copy."""
        known = self.constants.get(id(original))
        self.constants[id(kept)] = (kept, original if known is None else known[1])

    def _is_new(self, node: Node, kind: str) -> bool:
        key = (node, kind)
        if key in self._seen:
            return False
        self._seen.add(key)
        return True

    def _add(self, flag: Any, value: Any, text: str, careful: bool = False) -> None:
        code, offset = place_of_call(2)
        place = Place(code, offset)
        node = value.node
        name = node.name or f"a value made by {node.primitive.name}"
        self.guards.append(Guard(flag.node, f"{name} {text}", place, careful))


def _plain(value: Any) -> Any:
    """The numbers under a traced value, which nobody else notes."""
    while hasattr(value, "node"):
        value = value.node.value
    return value


def current_recorder() -> Recorder | None:
    """The recorder of the program that this thread is tracing for compilation; None where it traces none.

    >>> current_recorder() is None
    True
    """
    return getattr(_current, "recorder", None)


def note_error(text: str) -> None:
    """An operation stopped with an error while this thread records: another program, if the function goes on after it."""
    if (recorder := current_recorder()) is not None:
        recorder.error = text


@contextmanager
def recording(recorder: Recorder, whole: bool = True) -> Iterator[Recorder]:
    """While a program is traced at the recorder's level; `whole=False` for a part of a program, as a turn of a loop."""
    before = current_recorder()
    recorders[recorder.level] = recorder
    if whole:
        _count_active(1)
        _current.recorder = recorder
    try:
        yield recorder
    finally:
        recorders.pop(recorder.level, None)
        if whole:
            _current.recorder = before
            _count_active(-1)
