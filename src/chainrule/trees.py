"""Nested containers in, a flat list of leaves and a recipe out; and back.

Dicts, lists, tuples, named tuples and dataclasses are containers; `None` is an empty one;
everything else is a leaf. The recipe rebuilds the
same containers around other leaves, and the paths say where each leaf sits (`params['W1'][0]`).
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

from numpy import ndarray

from chainrule.errors import ArgumentError


@lru_cache(maxsize=4096, typed=True)
def _key_step(key: Any) -> str:
    return f"[{key!r}]"


# Whether a value is a container depends on its type alone, so `rebuild` asks once for each type.
_leaf_types: set[type] = {ndarray, float}
_INDEX_STEPS = [f"[{index}]" for index in range(256)]


def children(tree: Any) -> list[tuple[str, Any]] | None:
    """The parts of one container with the text that addresses each; None for a leaf.

    >>> children({"a": 1, "b": 2})
    [("['a']", 1), ("['b']", 2)]
    """
    kind = type(tree)
    if kind in _leaf_types:
        return None
    if tree is None:
        return []
    if isinstance(tree, dict):
        return [(_key_step(key), value) for key, value in tree.items()]
    if isinstance(tree, list | tuple):
        if hasattr(tree, "_fields"):
            return [(f".{name}", value) for name, value in zip(tree._fields, tree, strict=True)]  # pyright: ignore[reportAttributeAccessIssue] a named tuple
        if len(tree) < len(_INDEX_STEPS):
            return list(zip(_INDEX_STEPS, tree, strict=False))
        return [(f"[{index}]", value) for index, value in enumerate(tree)]
    if hasattr(kind, "__dataclass_fields__"):
        return [(f".{field.name}", getattr(tree, field.name)) for field in dataclasses.fields(tree)]
    return None


def _rebuild(tree: Any, parts: list[Any]) -> Any:
    if tree is None:
        return None
    if type(tree) is tuple:
        return tuple(parts)
    if type(tree) is list:
        return parts
    if isinstance(tree, dict):
        pairs = zip(tree, parts, strict=True)
        return dict(pairs) if type(tree) is dict else _rebuild_mapping(tree, list(pairs))
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return type(tree)(*parts)
    if isinstance(tree, list | tuple):
        return type(tree)(parts)
    names = [field.name for field in dataclasses.fields(tree)]
    rebuilt = object.__new__(type(tree))
    for name, part in zip(names, parts, strict=True):
        object.__setattr__(rebuilt, name, part)
    return rebuilt


def _rebuild_mapping(tree: Any, pairs: list[tuple[Any, Any]]) -> Any:
    rebuilt = copy.copy(tree)  # keeps what the subclass carries, such as a default factory
    rebuilt.update(pairs)
    return rebuilt


def transform_with_paths(function: Callable[[str, Any], Any], tree: Any, path: str) -> Any:
    """The same containers with `function(path, leaf)` in the place of each leaf.

    >>> transform_with_paths(lambda path, leaf: path, {"w": [1.0, 2.0]}, "p")
    {'w': ["p['w'][0]", "p['w'][1]"]}
    """
    kind = type(tree)
    if kind in _leaf_types:
        return function(path, tree)
    if kind is dict:
        return {key: transform_with_paths(function, part, path + _key_step(key)) for key, part in tree.items()}
    if kind is list or kind is tuple:
        built = [transform_with_paths(function, part, f"{path}[{index}]") for index, part in enumerate(tree)]
        return built if kind is list else tuple(built)
    parts = children(tree)
    if parts is None:
        return function(path, tree)
    return _rebuild(tree, [transform_with_paths(function, part, path + step) for step, part in parts])


def leaves_with_paths(tree: Any, path: str = "") -> list[tuple[str, Any]]:
    """Each leaf with the text that addresses it, in order.

    >>> leaves_with_paths({"w": [1.0, 2.0]}, "p")
    [("p['w'][0]", 1.0), ("p['w'][1]", 2.0)]
    """
    found: list[tuple[str, Any]] = []
    _collect(tree, path, found)
    return found


def _collect(tree: Any, path: str, found: list[tuple[str, Any]]) -> None:
    parts = children(tree)
    if parts is None:
        found.append((path, tree))
        return
    for step, part in parts:
        _collect(part, path + step, found)


def leaves(tree: Any) -> list[Any]:
    """The leaves in order.

    >>> leaves((1, [2, {"a": 3}]))
    [1, 2, 3]
    """
    return [leaf for _, leaf in leaves_with_paths(tree)]


def rebuild(tree: Any, new_leaves: list[Any]) -> Any:
    """The same containers around other leaves.

    >>> rebuild({"a": 1, "b": (2, 3)}, [10, 20, 30])
    {'a': 10, 'b': (20, 30)}
    """
    return _build(tree, iter(new_leaves))


def _build(tree: Any, remaining: Iterator[Any]) -> Any:
    """A function of its own: a recursive closure would be a reference cycle that holds the leaves."""
    kind = type(tree)
    if kind in _leaf_types:
        return next(remaining)
    if kind is list:
        return [_build(part, remaining) for part in tree]
    if kind is tuple:
        return tuple([_build(part, remaining) for part in tree])
    if kind is dict:
        return {key: _build(part, remaining) for key, part in tree.items()}
    parts = children(tree)
    if parts is None:
        _leaf_types.add(kind)
        return next(remaining)
    return _rebuild(tree, [_build(part, remaining) for _, part in parts])


def transform(function: Callable[[Any], Any], tree: Any) -> Any:
    """The same containers with `function` applied to each leaf.

    >>> transform(lambda leaf: leaf + 1, [1, (2,)])
    [2, (3,)]
    """
    parts = children(tree)
    return function(tree) if parts is None else _rebuild(tree, [transform(function, part) for _, part in parts])


def require_same_structure(expected: Any, given: Any, what: str) -> None:
    """Raise `ArgumentError` where two trees differ in their containers.

    >>> require_same_structure([1, 2], [3, 4], "tangents")
    """
    first = [path for path, _ in leaves_with_paths(expected)]
    second = [path for path, _ in leaves_with_paths(given)]
    if first != second:
        raise ArgumentError(
            f"{what} must be nested like the value they belong to: expected leaves at "
            f"{', '.join(path or 'the top' for path in first) or 'no place'}, got leaves at "
            f"{', '.join(path or 'the top' for path in second) or 'no place'}."
        )
