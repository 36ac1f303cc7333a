"""Traced values in, what is under them out; for the files below the class, which know a traced value by its protocol."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chainrule.guards import recorders
from chainrule.trees import leaves, transform


def is_traced(value: Any) -> bool:
    """Whether a value is traced (recognised by its protocol, since this layer is below the class)."""
    return hasattr(type(value), "_leave_graph")


def plain(tree: Any) -> Any:
    """The plain values of traced ones, in any containers; a recorder notes that they were read."""

    def strip(value: Any) -> Any:
        while is_traced(value):
            if value.level in recorders:
                return recorders[value.level].numbers(value)
            value = value.node.value
        return value

    return transform(strip, tree)


def innermost(value: Any) -> Any:
    """What a recorder notes of a value that Python reads: its handle at the recorder's level; the plain value without one.

    >>> innermost(2.0)
    2.0
    """
    while is_traced(value) and value.level not in recorders:
        value = value.node.value
    return value


def whole_number(value: Any, convert: Callable[[Any], int]) -> int:
    """What `math.floor` and its like take from a traced number; a recorder notes it."""
    while is_traced(value):
        if value.level in recorders:
            return recorders[value.level].integer(value, convert)
        value = value.node.value
    return convert(value)


def outline(tree: Any) -> Any:
    """The same for those who ask for shapes, dtypes and layouts alone, and not for numbers: nobody notes it."""

    def strip(value: Any) -> Any:
        while is_traced(value):
            value = value.node.value
        return value

    return transform(strip, tree)


def recorded(tree: Any) -> Any:
    """Values without their differentiations, where some of them are traced by a recorder; None where none is."""
    found = False

    def strip(value: Any) -> Any:
        nonlocal found
        while is_traced(value):
            if value.level in recorders:
                found = True
                return value
            value = value.node.value
        return value

    stripped = transform(strip, tree)
    return stripped if found else None


def only_recorded(tree: Any) -> bool:
    """Whether nothing in the containers is being differentiated: what is traced belongs to a recorder."""
    return bool(recorders) and all(leaf.level in recorders for leaf in leaves(tree) if is_traced(leaf))
