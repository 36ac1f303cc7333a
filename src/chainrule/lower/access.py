"""Which element of which computed array a value stands for: operations that only move elements become strides.

Every computed array is thought of as lying in C order, and an `Access` says how a value's elements lie in it, in steps of elements, as
NumPy's strides do in bytes. A transposition, slice, broadcast or reshape of an access is another access of the same array, where NumPy
could return a view; only a reshape of elements that do not lie evenly needs a copy.
"""

from __future__ import annotations

import inspect
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from chainrule.graph import Node

_RESHAPE_KNOWS_COPY = "copy" in inspect.signature(np.reshape).parameters
MOVING = ("reshape", "transpose", "slice", "broadcast_to", "diagonal", "sliding_windows")


@dataclass(frozen=True, slots=True, eq=False)
class Literal:
    """A value that is known when the program is made."""

    value: Any


@dataclass(frozen=True, slots=True)
class Access:
    """Elements of a computed array (or of a `Literal`): number of the first, shape, and steps between elements."""

    base: Node | Literal
    offset: int
    shape: tuple[int, ...]
    steps: tuple[int, ...]

    @property
    def whole(self) -> bool:
        """Whether it is the array itself, or a reshape of it: all elements in C order."""
        return (
            self.offset == 0 and self.steps == natural(self.shape) and math.prod(self.shape) == np.size(self.base.value)
        )


def natural(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The steps of an array in C order; 0 along axes of one element, along which nobody steps.

    >>> natural((2, 1, 3))
    (3, 0, 1)
    """
    steps, step = [], 1
    for length in reversed(shape):
        steps.append(step if length != 1 else 0)
        step *= length
    return tuple(reversed(steps))


def is_in_order(shape: tuple[int, ...], steps: tuple[int, ...]) -> bool:
    """Whether elements lie in C order without gaps; steps along axes of one element do not count.

    >>> is_in_order((2, 3), (3, 1)), is_in_order((2, 3), (1, 2)), is_in_order((1, 3), (7, 1))
    (True, False, True)
    """
    return all(length == 1 or step == wanted for length, step, wanted in zip(shape, steps, natural(shape), strict=True))


def whole(base: Node | Literal) -> Access:
    """A computed array itself."""
    shape = np.shape(base.value)
    return Access(base, 0, shape, natural(shape))


def known(value: Any) -> Access:
    """A value that is known when the program is made; one number that is spread over an array stays one number.

    >>> known(np.broadcast_to(2.0, (3, 4))).steps, known(np.ones((3, 4))).steps
    ((0, 0), (4, 1))
    """
    if (
        isinstance(value, np.ndarray)
        and value.size > 1
        and all(stride == 0 or length == 1 for stride, length in zip(value.strides, value.shape, strict=True))
    ):
        return Access(Literal(value[(0,) * value.ndim]), 0, value.shape, (0,) * value.ndim)
    return whole(Literal(value))


def moved(node: Node, source: Access) -> Access | None:
    """The access that a moving operation makes of another; None where that needs a copy.

    >>> import numpy as np, chainrule as cr
    >>> node = cr.trace(lambda x: x.T[1], np.ones((2, 3))).outputs[0]
    >>> transposed = moved(node.inputs[0], whole(node.inputs[0].inputs[0]))
    >>> moved(node, transposed).offset, moved(node, transposed).steps
    (1, (3,))
    """
    # NumPy itself works the strides out, on memory that nobody reads: one byte that looks like the array.
    memory = np.zeros(1, np.int8)
    stand_in = as_strided(memory, source.shape, source.steps)
    start = memory.__array_interface__["data"][0]
    if node.primitive.name == "reshape":
        view = _reshaped(stand_in, node.parameters["shape"])
        if view is None:
            return None
    elif node.primitive.name == "slice":
        index = node.parameters["index"]
        plain = index if any(item is Ellipsis for item in index) else (*index, Ellipsis)  # a view also of one element
        view = stand_in[plain]
    else:
        view = node.primitive.execute(stand_in, **node.parameters)
    shift = view.__array_interface__["data"][0] - start
    steps = tuple(step if length != 1 else 0 for step, length in zip(view.strides, view.shape, strict=True))
    return Access(source.base, source.offset + shift, view.shape, steps)


def _reshaped(view: Any, shape: tuple[int, ...]) -> Any:
    """A reshape that never copies, since there is nothing to be read; None where elements do not lie evenly."""
    try:
        if _RESHAPE_KNOWS_COPY:
            return np.reshape(view, shape, copy=False)  # since NumPy 2.1
        fresh = view.view()
        fresh.shape = shape
    except (AttributeError, ValueError):
        return None
    return fresh


def broadcast(access: Access, shape: tuple[int, ...]) -> Access:
    """The access repeated to a larger shape by NumPy's rule.

    >>> broadcast(whole(Literal(np.ones(3))), (2, 3)).steps
    (0, 1)
    """
    if access.shape == shape:
        return access
    extra = len(shape) - len(access.shape)
    steps = tuple(
        step if length == wanted else 0
        for step, length, wanted in zip(access.steps, access.shape, shape[extra:], strict=True)
    )
    return Access(access.base, access.offset, shape, (0,) * extra + steps)
