"""The arguments of a call in; its inputs, what stays the same for all calls of its kind, and a key for that kind out.

Arrays and NumPy numbers are inputs, integers and truth values too. Python's floats are inputs where that gives the same dtypes as
without compilation. Everything else is static: part of the key by type and value, or by identity.
"""

from __future__ import annotations

import array
import enum
import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chainrule.call_front import Constant, Input
from chainrule.shapes import type_of
from chainrule.traced import Traced
from chainrule.trees import children, transform_with_paths

BUFFERS = (bytearray, memoryview, array.array)
BY_VALUE = (bool, int, str, bytes, complex, enum.Enum, np.dtype)
ANY_CALL = inspect.Signature(
    [
        inspect.Parameter("args", inspect.Parameter.VAR_POSITIONAL),
        inspect.Parameter("kwargs", inspect.Parameter.VAR_KEYWORD),
    ]
)


class Same:
    """A key for an object by identity, which keeps the object, so that no other takes its place in memory.

    >>> Same(ANY_CALL) == Same(ANY_CALL), Same([]) == Same([])
    (True, False)
    """

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __hash__(self) -> int:
        return id(self.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and other.value is self.value


@dataclass(slots=True)
class CallLeaves:
    """A call: the containers of each argument around `Input` and `Constant` leaves, the inputs in order with their paths, and
    the key of what is static. `problem` says why it cannot be compiled; `traced` that another trace is going on."""

    trees: dict[str, Any] = field(default_factory=dict)
    inputs: list[Any] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    key: list[Any] = field(default_factory=list)
    shapes: list[Any] = field(default_factory=list)  # the part of the key that static values have no part in
    floats: list[int] = field(default_factory=list)  # numbers of the inputs that are floats of Python
    statics: list[tuple[str, Any]] = field(default_factory=list)
    seen: dict[int, int] = field(default_factory=dict)  # the input number of each array, by its id
    traced: bool = False
    problem: str | None = None


def signature_of(function: Callable[..., Any]) -> inspect.Signature:
    """The signature of a function, or one that takes everything where it tells none.

    >>> str(signature_of(lambda x, y=1: x))
    '(x, y=1)'
    """
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):
        return ANY_CALL


def read_call(arguments: dict[str, Any]) -> CallLeaves:
    """The leaves of a call's arguments by name.

    >>> call = read_call({"params": {"W": np.ones(2)}, "rate": 0.1, "steps": 3})
    >>> call.paths, len(call.inputs), call.statics
    (["params['W']", 'rate'], 2, [('steps', 3)])
    """
    call = CallLeaves()
    for name, tree in arguments.items():
        call.key.append(name)
        _read_structure(tree, call.key)

        def leaf(path: str, value: Any) -> Any:
            return _read_leaf(path, value, call)

        call.trees[name] = transform_with_paths(leaf, tree, name)
    if call.floats and not all(type_of(value).dtype.char in "dD?bBhHiIlLqQ" for value in call.inputs):
        _make_floats_static(call)
    return call


def _read_structure(tree: Any, key: list[Any]) -> None:
    parts = children(tree)
    if parts is None:
        return
    key.append((type(tree), len(parts), tuple((type(name), name) for name in tree) if isinstance(tree, dict) else None))
    for part in tree.values() if isinstance(tree, dict) else [part for _, part in parts]:
        _read_structure(part, key)


def _read_leaf(path: str, value: Any, call: CallLeaves) -> Any:
    kind = type(value)
    if isinstance(value, Traced):
        call.traced = True
        return Constant(value)
    if kind is np.ndarray:
        if value.dtype.kind in "fciub":
            if (number := call.seen.setdefault(id(value), len(call.inputs))) < len(call.inputs):
                call.key.append(("again", number))  # one array in two places is one input
                return Input(number)
            return _enter(path, value, ("array", value.dtype, value.shape, value.strides), call)
        call.problem = f"{path} is an array of dtype {value.dtype}"
        return Constant(value)
    if isinstance(value, np.generic) and value.dtype.kind in "fciub":
        return _enter(path, value, ("number", value.dtype), call)
    if kind is float:
        call.floats.append(len(call.inputs))
        return _enter(path, value, ("float",), call)
    if isinstance(value, BUFFERS) or (
        not isinstance(value, type) and (hasattr(value, "__array__") or hasattr(value, "__array_interface__"))
        and not isinstance(value, np.generic)
    ):  # fmt: skip
        call.problem = (
            f"{path} is a {kind.__module__}.{kind.__qualname__}, whose numbers are not in a plain NumPy array"
        )
        return Constant(value)
    call.statics.append((path, value))
    if path == "self":
        call.shapes.append(Same(value))  # the object of a method: each has variants of its own
    call.key.append((kind, repr(value) if kind is complex else value) if isinstance(value, BY_VALUE) else Same(value))
    return Constant(value)


def _enter(path: str, value: Any, key: Any, call: CallLeaves) -> Input:
    call.key.append(key)
    call.shapes.append(key)
    call.inputs.append(value)
    call.paths.append(path)
    return Input(len(call.inputs) - 1)


def static_floats(call: CallLeaves) -> CallLeaves:
    """The call with Python's floats as static values.

    >>> static_floats(read_call({"x": np.ones(2), "rate": 0.1})).statics
    [('rate', 0.1)]
    """
    if call.floats:
        _make_floats_static(call)
    return call


def _make_floats_static(call: CallLeaves) -> None:
    floats = set(call.floats)
    numbers = iter(range(len(call.inputs)))
    fresh = {old: next(numbers) for old in range(len(call.inputs)) if old not in floats}
    values, paths = call.inputs, call.paths

    def moved(_: str, leaf: Any) -> Any:
        if type(leaf) is not Input:
            return leaf
        return Constant(values[leaf.number]) if leaf.number in floats else Input(fresh[leaf.number])

    call.trees = {name: transform_with_paths(moved, tree, name) for name, tree in call.trees.items()}
    call.statics.extend((paths[number], values[number]) for number in call.floats)
    call.key.append(tuple((float, values[number].hex()) for number in call.floats))
    call.inputs = [value for number, value in enumerate(values) if number not in floats]
    call.paths = [path for number, path in enumerate(paths) if number not in floats]
    call.floats = []
