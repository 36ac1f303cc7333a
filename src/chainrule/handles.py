"""Traced values seen from outside: their nodes as they are, without bringing a view up to date or recording anything."""

from __future__ import annotations

from collections.abc import Iterator
from types import FrameType
from typing import Any

from chainrule.graph import INPUT, Node
from chainrule.traced import Traced

_CONTAINERS = (list, tuple, dict)
_stored: Any = Traced.__dict__["node"]


def is_handle(value: Any) -> bool:
    """Whether a value is traced, of whichever kind.

    >>> is_handle(1.0)
    False
    """
    return issubclass(type(value), Traced)


def is_container(value: Any) -> bool:
    """Whether a value is a list, tuple or dict; a traced value says that it is an array, so its type is asked.

    >>> is_container([1.0])
    True
    """
    return issubclass(type(value), _CONTAINERS)


def node_of(handle: Any) -> Any:
    """The node of a handle as it is; None for a row that nobody has read yet.

    >>> import chainrule as cr
    >>> float(node_of(cr.variable(3.0)).value)
    3.0
    """
    try:
        return _stored.__get__(handle)
    except AttributeError:
        return None


def handles_of(frame: FrameType) -> Iterator[Any]:
    """The traced values that a function holds in its variables, also in tuples of arguments.

    >>> import sys
    >>> list(handles_of(sys._getframe()))
    []
    """
    for value in list(frame.f_locals.values()):
        for part in value if type(value) is tuple else (value,):
            if is_handle(part):
                yield part


def order_of(node: Node) -> int:
    """The place of a node in time.

    >>> import chainrule as cr
    >>> order_of(cr.variable(1.0).node) < order_of(cr.variable(1.0).node)
    True
    """
    return node.order


def inner_nodes(node: Node, seen: set[Node]) -> Iterator[Node]:
    """What one instruction of the user's recorded on the way to its result, except what was seen, which grows.

    >>> import numpy as np, chainrule as cr
    >>> x = cr.variable(np.array([1.0, 3.0]))
    >>> y = np.ptp(x)
    >>> [inner.primitive.name for inner in inner_nodes(y.node, {y.node})]
    ['max', 'min']
    """
    stack = [node]
    while stack:
        for source in stack.pop().inputs:
            if source is None or source in seen or source.primitive is INPUT:
                continue
            if source.code is node.code and source.offset == node.offset:
                seen.add(source)
                stack.append(source)
                yield source
