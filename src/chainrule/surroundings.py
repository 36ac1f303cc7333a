"""What a function reads besides its arguments: the names in its code, and what they hold, so that a change is noticed.

From the function's globals, closure and defaults the walk follows the names that occur in code: variables, attributes of
objects and modules, items of containers, and on into the functions that it meets. What a compiled program took for granted is
compared at each call: objects by identity, numbers and texts by value, small containers and arrays by what they hold.
"""

from __future__ import annotations

import random
import sys
import sysconfig
import types
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from chainrule.call_front import Watched
from chainrule.source import is_ours

NOT_CALLED = ("__init__", "__new__", "__repr__", "__str__", "__init_subclass__", "__post_init__")
LARGEST_COMPARED = 1 << 16  # bytes of an array up to which its numbers are compared at each call
LARGEST_WALK = 20_000  # things that are looked at, so that a huge data structure costs no more than a moment
LARGEST_CONTAINER = 256  # items that are compared at each call; larger containers are compared by identity alone
SIMPLE = (bool, int, float, complex, str, bytes, type(None))
_LIBRARIES = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")} - {None})


def _is_library(filename: str | None) -> bool:
    return filename is None or filename.startswith(("<frozen", *_LIBRARIES)) or is_ours(filename)


@dataclass(frozen=True, slots=True, eq=False)
class Numbers:
    """An array whose numbers must be what they were."""

    array: Any
    copy: Any
    name: str

    def holds(self) -> bool:
        """Whether they still are."""
        return same_bits(self.array, self.copy)


def owner(array: Any) -> Any:
    """The array that owns the memory of an array, as far as NumPy knows.

    >>> base = np.ones(3)
    >>> owner(base[1:]) is base
    True
    """
    while type(array.base) is np.ndarray:
        array = array.base
    return array


def same_bits(one: Any, other: Any) -> bool:
    """Whether two arrays of one shape and dtype hold the same bits.

    >>> same_bits(np.array([0.0, np.nan]), np.array([0.0, np.nan])), same_bits(np.array([0.0]), np.array([-0.0]))
    (True, False)
    """
    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    if one.size == 0:
        return True
    return one.tobytes() == other.tobytes() if one.nbytes <= LARGEST_COMPARED else _equal_bytes(one, other)


def _equal_bytes(one: Any, other: Any) -> bool:
    first, second = (np.ascontiguousarray(array).reshape(-1).view(np.uint8) for array in (one, other))
    return bool(np.array_equal(first, second))


def same_value(one: Any, other: Any) -> bool:
    """Whether two values are one object, or equal numbers or texts of one type.

    >>> same_value(0.1 + 0.2, 0.3), same_value([], [])
    (False, False)
    """
    if one is other:
        return True
    if type(one) is not type(other):
        return False
    if type(one) is float or type(one) is complex:
        return repr(one) == repr(other)
    if isinstance(one, SIMPLE):
        return one == other
    return isinstance(one, np.generic) and one.dtype == other.dtype and one.tobytes() == other.tobytes()


@dataclass(frozen=True, slots=True, eq=False)
class Contents:
    """What a list, set or dict of the surroundings held."""

    holder: Any
    held: list[Any]
    name: str

    def holds(self) -> bool:
        """Whether it still holds that."""
        now = _contents(self.holder)
        return len(now) == len(self.held) and all(map(same_value, now, self.held))


def _contents(holder: Any) -> list[Any]:
    return [*holder, *holder.values()] if isinstance(holder, dict) else list(holder)


class Surroundings:
    """What a function was found to read: `watched` names, and slower checks of lists and of the numbers of arrays."""

    def __init__(self) -> None:
        self.watched: list[Watched] = []
        self.names: list[str] = []  # how each watched thing is called in messages
        self.checks: list[Contents | Numbers] = []
        self.arrays: dict[int, tuple[Any, str]] = {}
        self.objects: dict[int, Any] = {}
        self.generators: list[Any] = []

    def change(self) -> str | None:
        """The name of something that is not what it was; None where all is."""
        for watched, name in zip(self.watched, self.names, strict=True):
            if not same_value(_current(watched), watched.value):
                return name
        for check in self.checks:
            if not check.holds():
                return check.name
        return None

    def settle(self, used: Iterable[Any]) -> None:
        """From now on compare the numbers of small arrays too, but of those whose memory is an input of the program; and keep
        nothing that is not compared."""
        live = {id(owner(array)) for array in used}
        for array, name in self.arrays.values():
            if id(owner(array)) not in live and array.dtype.kind in "fciub" and array.nbytes <= LARGEST_COMPARED:
                self.checks.append(Numbers(array, array.copy(order="K"), name))
        self.arrays, self.objects, self.generators = {}, {}, []


def _current(watched: Watched) -> Any:
    if watched.kind == "item":
        return watched.holder.get(watched.key, _MISSING)
    return getattr(watched.holder, watched.key, _MISSING)


_MISSING = object()
_SLOT = types.MemberDescriptorType


def surroundings_of(function: Any, others: Iterable[Any] = ()) -> Surroundings:
    """What a function reads besides its arguments; `others` are objects among the arguments.

    >>> rate = 0.1
    >>> [watched.key for watched in surroundings_of(lambda x: x * rate).watched]
    ['rate']
    """
    return _Walk().run(function, others)


class _Walk:
    """Follows names until nothing new is found: names that later code reads count for objects met before."""

    def __init__(self) -> None:
        self.found = Surroundings()
        self.names: set[str] = set()
        self.queue: list[tuple[Any, str]] = []
        self.holders: list[tuple[Any, str]] = []  # objects of which the attributes that are named count
        self.taken: set[tuple[int, Any]] = set()
        self.kinds: set[type] = set()

    def run(self, function: Any, others: Iterable[Any]) -> Surroundings:
        self.queue.append((function, getattr(function, "__name__", "the function")))
        self.queue.extend((other, "an argument") for other in others)
        while self.queue:
            while self.queue and len(self.found.objects) < LARGEST_WALK:
                value, name = self.queue.pop()
                self.look(value, name)
            self.queue.clear()
            for holder, name in self.holders:
                self.attributes(holder, name)
        return self.found

    def look(self, value: Any, name: str) -> None:
        if isinstance(value, (*SIMPLE, np.generic, np.dtype, np.ufunc)) or id(value) in self.found.objects:
            return
        self.found.objects[id(value)] = value  # kept, so that the id stays its own
        if isinstance(value, np.ndarray):
            self.found.arrays[id(value)] = (value, name)
        elif isinstance(value, np.random.Generator | np.random.RandomState | random.Random):
            self.found.generators.append(value)
        elif isinstance(value, types.FunctionType):
            self.function(value)
        elif isinstance(value, property | staticmethod | classmethod):
            self.queue.append((value.fget if isinstance(value, property) else value.__func__, name))
        elif isinstance(value, types.MethodType):
            self.queue.extend([(value.__func__, name), (value.__self__, name)])
        elif isinstance(value, dict | list | tuple | set):
            if len(value) > LARGEST_CONTAINER:
                return
            if not isinstance(value, tuple):
                self.found.checks.append(Contents(value, _contents(value), name))
            pairs = list(value.items()) if isinstance(value, dict) else list(enumerate(value))
            self.queue.extend((part, f"{name}[{key!r}]") for key, part in pairs)
        elif isinstance(value, types.ModuleType):
            if not _is_library(getattr(value, "__file__", None)):
                self.holders.append((value, name))
        elif isinstance(value, type):
            self.members(value, name)
        else:
            self.members(type(value), name)
            if wrapped := getattr(value, "__wrapped__", None):
                self.queue.append((wrapped, name))
            for part in (getattr(value, "func", None), getattr(value, "args", None), getattr(value, "keywords", None)):
                if type(value).__module__ == "functools" and part is not None:
                    self.queue.append((part, name))
            if not is_ours(_file_of(type(value)) or ""):
                self.holders.append((value, name))

    def function(self, function: types.FunctionType) -> None:
        code = function.__code__
        if wrapped := getattr(function, "__wrapped__", None):
            self.queue.append((wrapped, function.__name__))
        for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
            try:
                value = cell.cell_contents
            except ValueError:
                continue  # not filled yet
            self.watch(cell, "cell_contents", value, "attribute", name)
        self.queue.extend((default, function.__name__) for default in function.__defaults__ or ())
        self.queue.extend((default, function.__name__) for default in (function.__kwdefaults__ or {}).values())
        if _is_library(code.co_filename):
            return
        codes = [code]
        while codes:
            inner = codes.pop()
            self.names.update(inner.co_names)
            codes.extend(constant for constant in inner.co_consts if isinstance(constant, types.CodeType))
            for name in inner.co_names:
                if name in function.__globals__:
                    self.watch(function.__globals__, name, function.__globals__[name], "item", name)

    def members(self, kind: type, name: str) -> None:
        """The functions of a class, whose names count too."""
        if kind in self.kinds or _is_library(_file_of(kind)):
            return
        self.kinds.add(kind)
        for base in kind.__mro__:
            self.holders.append((base, name))  # of its attributes those count that are named
            for key, member in vars(base).items():
                if key.startswith("__") and key not in NOT_CALLED and isinstance(member, types.FunctionType):
                    self.queue.append((member, name))  # Python calls it without naming it

    def attributes(self, holder: Any, name: str) -> None:
        held = getattr(holder, "__dict__", {})
        for key in self.names & held.keys():
            self.watch(holder, key, held[key], "attribute", f"{name}.{key}")
        for key in self.names & _slots(type(holder)):
            if hasattr(holder, key):
                self.watch(holder, key, getattr(holder, key), "attribute", f"{name}.{key}")

    def watch(self, holder: Any, key: Any, value: Any, kind: str, name: str) -> None:
        if (id(holder), key) in self.taken:
            return
        self.taken.add((id(holder), key))
        self.queue.append((value, name))
        if _is_settled(value) or (kind == "attribute" and getattr(holder, key, None) is not value):
            return  # the latter is a descriptor that answers with something else each time
        self.found.watched.append(Watched(holder, key, value, kind))
        self.found.names.append(name)


@lru_cache(maxsize=1024)
def _slots(kind: type) -> frozenset[str]:
    found = (key for base in kind.__mro__ for key, value in vars(base).items() if type(value) is _SLOT)
    return frozenset(found)


def _is_settled(value: Any) -> bool:
    """Whether a name stands for something of a library, which nobody rebinds: it is not asked about at each call."""
    if isinstance(value, types.ModuleType):
        return _is_library(getattr(value, "__file__", None))
    if isinstance(value, types.FunctionType):
        return _is_library(value.__code__.co_filename)
    return isinstance(value, types.BuiltinFunctionType | np.ufunc) or (
        isinstance(value, type) and _is_library(_file_of(value))
    )


def _file_of(kind: type) -> str | None:
    module = sys.modules.get(kind.__module__)
    return "" if kind.__module__ == "__main__" else getattr(module, "__file__", None)
