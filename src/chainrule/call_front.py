"""What a call of a compiled function looks like: its containers, and which leaf is which input or output of the program."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


class Input:
    """A leaf that is input number `number` of the program: of an argument, or of a result that is handed through.

    >>> Input(0).number
    0
    """

    __slots__ = ("number",)

    def __init__(self, number: int) -> None:
        self.number = number


class Output:
    """A leaf of a result that is output number `number` of the program, or what `convert` makes of it, where a subclass has one.

    >>> Output(0).number, Output(0).convert
    (0, None)
    """

    __slots__ = ("number",)
    convert: Callable[[Any], Any] | None = None

    def __init__(self, number: int) -> None:
        self.number = number


class Constant:
    """A leaf that is always the same: in an argument, what it must be; in a result, what it is.

    Booleans, numbers and strings are compared by type and value, other objects by identity.

    >>> Constant("relu").value
    'relu'
    """

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


@dataclass(frozen=True, slots=True, eq=False)
class Watched:
    """What must still be the very object `value`: `holder[key]` of a dict (`"item"`), or an attribute (`"attribute"`).

    >>> Watched(globals(), "Watched", Watched).kind
    'item'
    """

    holder: Any
    key: str
    value: Any
    kind: str = "item"


@dataclass(frozen=True, slots=True)
class Front:
    """What a call looks like: the signature, the containers of each argument around `Input` and `Constant` leaves, objects
    that are given to the program besides the arguments (`extra`, by input number), what must not have changed, and inputs that
    must be of exactly one type (`types`, by input number), where the program itself takes several.

    >>> sorted(Front(inspect.signature(lambda x: x), {"x": Input(0)}).arguments)
    ['x']
    """

    signature: inspect.Signature
    arguments: Mapping[str, Any]
    extra: Mapping[int, Any] = dataclasses.field(default_factory=dict)
    watched: Sequence[Watched] = ()
    types: Mapping[int, type] = dataclasses.field(default_factory=dict)
