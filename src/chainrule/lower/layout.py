"""Where values lie: a buffer for each computed array, input and constant, and the bytes that an access of one of them is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from chainrule.graph import Node
from chainrule.lower.access import Access, Literal
from chainrule.lower.kernel import TYPE_OF
from chainrule.lower.program import CONSTANT, INPUT, TEMPORARY, Buffer, View


def bytes_of(node: Node) -> int:
    """The bytes of a node's value."""
    value = node.value
    return value.nbytes if isinstance(value, np.ndarray | np.generic) else np.asarray(value).nbytes


def strides_in_order(shape: Sequence[int], size: int) -> tuple[int, ...]:
    """The strides of an array in C order, in bytes; `size` is that of an element.

    >>> strides_in_order((2, 3), 8)
    (24, 8)
    """
    strides, step = [], size
    for length in reversed(shape):
        strides.append(step)
        step *= length
    return tuple(reversed(strides))


class Memory:
    """The buffers of a program."""

    def __init__(self, inputs: Iterable[Node]) -> None:
        self.inputs = {node: Buffer(INPUT, bytes_of(node), index) for index, node in enumerate(inputs)}
        self.buffers: dict[Node, Buffer] = {}
        self._constants: dict[Any, tuple[Any, Buffer]] = {}  # with the value, so that its identity stays its own

    def buffer(self, base: Node) -> Buffer:
        """The memory of a computed array."""
        found = self.inputs.get(base) or self.buffers.get(base)
        if found is None:
            found = self.buffers[base] = Buffer(TEMPORARY, bytes_of(base))
        return found

    def place(self, base: Node, buffer: Buffer) -> None:
        """Let a computed array lie in a buffer of another kind."""
        self.buffers[base] = buffer

    def forget(self, base: Node) -> None:
        """A computed array needs no memory after all."""
        self.buffers.pop(base, None)

    def whole(self, base: Node) -> View:
        """All of a computed array."""
        value = np.asarray(base.value)
        return View(
            self.buffer(base),
            0,
            value.shape,
            strides_in_order(value.shape, value.dtype.itemsize),
            TYPE_OF.get(value.dtype.name, ""),
        )

    def view(self, access: Access) -> View:
        """The bytes of an access."""
        base = access.base
        if isinstance(base, Literal):
            array, buffer = self._constant(base)
        else:
            array, buffer = np.asarray(base.value), self.buffer(base)
        size = array.dtype.itemsize
        strides = tuple(step * size for step in access.steps)
        return View(buffer, access.offset * size, access.shape, strides, TYPE_OF.get(array.dtype.name, ""))

    def _constant(self, literal: Literal) -> tuple[Any, Buffer]:
        value = literal.value
        key = id(value) if isinstance(value, np.ndarray) else (type(value), repr(value))
        found = self._constants.get(key)
        if found is None:
            array = np.array(value, order="C")
            found = self._constants[key] = (array, Buffer(CONSTANT, array.nbytes, value=(value, array)))
        return found
