"""A small language of patterns: which shapes of a graph an identity applies to, and what it puts in their place.

A pattern is an operation with operands: further patterns, a letter (any operand; the same letter twice means the same operand), or
a test on a constant. `match` finds the operands that the letters stand for. Operations that NumPy computes alike with their operands
exchanged match both ways.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.graph import Node
from chainrule.optimise.rewriting import Constant, Operand, is_plain, operands
from chainrule.optimise.share import parameter_key

EXCHANGEABLE = frozenset({"add", "multiply"})
FEW = 4096  # constants of more elements are not searched for being one number throughout


@dataclass(frozen=True, slots=True)
class Fixed:
    """A constant that passes a test, under a letter. `test(value, node)`: the node is the one that reads it.

    >>> Fixed("c", lambda value, node: value == 2).letter
    'c'
    """

    letter: str
    test: Callable[[Any, Node], bool]


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation by name, with a pattern for each operand.

    >>> Operation("negative", ("x",)).name
    'negative'
    """

    name: str
    parts: tuple[Operation | Fixed | str, ...]


Part = Operation | Fixed | str
Found = dict[str, Operand]


def on(name: str, *parts: Part) -> Operation:
    """An `Operation` written shortly.

    >>> on("negative", "x").parts
    ('x',)
    """
    return Operation(name, parts)


def same_operand(one: Operand, other: Operand) -> bool:
    """Whether two operands are one node, or equal constants.

    >>> same_operand(Constant(1.0), Constant(2.0))
    False
    """
    if isinstance(one, Constant) and isinstance(other, Constant):
        return one.value is other.value or parameter_key(one.value) == parameter_key(other.value)
    return one is other


def match(pattern: Operation, node: Node) -> Found | None:
    """What the letters of a pattern stand for at a node; None where it does not match.

    >>> import chainrule as cr
    >>> node = cr.trace(lambda x: -(-x), 2.0).outputs[0]
    >>> [found.name for found in match(on("negative", on("negative", "x")), node).values()]
    ['x']
    """
    if node.primitive.name != pattern.name or len(node.arguments) != len(pattern.parts):
        return None
    found = _matched(pattern.parts, operands(node), node) if _possible(pattern.parts, node.inputs) else None
    if found is None and pattern.name in EXCHANGEABLE and _possible(pattern.parts, node.inputs[::-1]):
        found = _matched(pattern.parts, operands(node)[::-1], node)
    return found


def may_match(pattern: Operation, node: Node) -> bool:
    """Whether a pattern can match a node, as far as the operations that it reads and its constants' places tell.

    >>> import chainrule as cr
    >>> node = cr.trace(lambda x: -(x * 2.0), 2.0).outputs[0]
    >>> may_match(on("negative", on("negative", "x")), node), may_match(on("negative", on("multiply", "x", "y")), node)
    (False, True)
    """
    if node.primitive.name != pattern.name or len(node.arguments) != len(pattern.parts):
        return False
    exchanged = pattern.name in EXCHANGEABLE and _possible(pattern.parts, node.inputs[::-1])
    return exchanged or _possible(pattern.parts, node.inputs)


def _possible(parts: tuple[Part, ...], sources: tuple[Node | None, ...]) -> bool:
    """Whether constants stand where constants must, and the right operations where operations must: most nodes fail here."""
    for part, source in zip(parts, sources, strict=True):
        if type(part) is str:
            continue
        if type(part) is Fixed:
            if source is not None:
                return False
        elif type(part) is Operation and (source is None or source.primitive.name != part.name):
            return False
    return True


def _matched(parts: tuple[Part, ...], given: tuple[Operand, ...], reader: Node) -> Found | None:
    found: Found = {}
    for part, operand in zip(parts, given, strict=True):
        if isinstance(part, str):
            more: Found | None = {part: operand}
        elif isinstance(part, Fixed):
            fits = isinstance(operand, Constant) and part.test(operand.value, reader)
            more = {part.letter: operand} if fits else None
        else:  # patterns are two or three operations deep, so this does not depend on the size of the graph
            more = None if isinstance(operand, Constant) else match(part, operand)
        if more is None or any(
            letter in found and not same_operand(found[letter], value) for letter, value in more.items()
        ):
            return None
        found |= more
    return found


# -- constants ---------------------------------------------------------------------------------------------------------


def uniform(value: Any) -> Any:
    """The number that a constant is in all its elements, in its dtype; None where they differ or are too many to look at.

    >>> uniform(np.ones((2, 3))), uniform(np.broadcast_to(2.0, (10**6,))), uniform(np.array([0.0, -0.0])), uniform(3)
    (np.float64(1.0), np.float64(2.0), None, 3)
    """
    if not isinstance(value, np.ndarray):
        return value if is_plain(value) or type(value) in (int, float, bool) else None
    if value.size == 0:
        return None
    thin = value[tuple(slice(0, 1) if stride == 0 else slice(None) for stride in value.strides)]
    if thin.size > FEW:
        return None
    first = thin[(0,) * thin.ndim]
    if thin.size > 1 and thin.tobytes() != first.tobytes() * thin.size:
        return None
    return first


def is_number(number: float) -> Callable[[Any, Node], bool]:
    """The test for a constant that is this number everywhere; 0.0 and -0.0 are two numbers for floating dtypes.

    >>> import chainrule as cr
    >>> node = cr.trace(lambda x: x * 1.0, 2.0).outputs[0]
    >>> is_number(1.0)(np.ones(3), node), is_number(-0.0)(0.0, node)
    (True, False)
    """

    def test(value: Any, _: Node) -> bool:
        element = uniform(value)
        if element is None or np.asarray(element).dtype.kind not in "fiu" or element != number:
            return False
        if number != 0:
            return True
        return bool(np.signbit(element)) == bool(np.signbit(number))

    return test


def is_power_of_two(value: Any, node: Node) -> bool:
    """Whether a number, in the dtype of the reader's result, is ± a power of two whose inverse is a number of that dtype.

    >>> import chainrule as cr
    >>> node = cr.trace(lambda x: x / 4.0, 2.0).outputs[0]
    >>> is_power_of_two(4.0, node), is_power_of_two(3.0, node), is_power_of_two(2.0**-1074, node)
    (True, False, False)
    """
    number = in_dtype_of(node, value)
    if number is None:
        return False
    with np.errstate(all="ignore"):
        inverse = number.dtype.type(1) / number
    return bool(
        np.isfinite(number) and np.isfinite(inverse) and inverse != 0 and abs(np.frexp(number)[0]) == 0.5
        and abs(np.frexp(inverse)[0]) == 0.5
    )  # fmt: skip


def is_doubling(value: Any, node: Node) -> bool:
    """Whether a number, in the dtype of the reader's result, is a power of two from 1 up: a product with it is exact or overflows.

    >>> import chainrule as cr
    >>> node = cr.trace(lambda x: x * 4.0, 2.0).outputs[0]
    >>> is_doubling(4.0, node), is_doubling(0.5, node)
    (True, False)
    """
    number = in_dtype_of(node, value)
    return number is not None and bool(np.isfinite(number) and number >= 1 and np.frexp(number)[0] == 0.5)


def in_dtype_of(node: Node, value: Any) -> Any:
    """A uniform constant as a number of the dtype in which the node computes; None where that is no real floating number.

    >>> import chainrule as cr
    >>> in_dtype_of(cr.trace(lambda x: x / 4.0, 2.0).outputs[0], 4)
    np.float64(4.0)
    """
    element = uniform(value)
    dtype = node.value.dtype
    if element is None or dtype.kind != "f" or np.asarray(element).dtype.kind not in "fiu":
        return None
    with np.errstate(all="ignore"):
        return dtype.type(element)
