"""Nodes that may stand in the place of others: same shape, dtype and layout in memory, or none is made."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.graph import Node
from chainrule.optimise.rewriting import Operand, interchangeable, layout, make
from chainrule.primitive import primitives
from chainrule.verify import declared_type


def elementwise_like(name: str, given: tuple[Operand, ...], like: Node) -> Node | None:
    """A node of an elementwise operation that gives the numbers of `like`; None where shape, dtype or layout would differ.

    >>> import chainrule as cr
    >>> node = cr.trace(lambda x: x / 4.0, np.ones(3)).outputs[0]
    >>> elementwise_like("absolute", (node.inputs[0],), node).type == node.type
    True
    """
    node = make(name, given, {}, like.value, like)
    if declared_type(node) != like.type:
        return None
    if not isinstance(like.value, np.ndarray):
        return node
    arrays = [argument for argument in node.arguments if isinstance(argument, np.ndarray) and argument.ndim]
    # Operands that all lie as the result does give a result that lies so. Else NumPy is asked where it would put it.
    if arrays and all(array.shape == like.value.shape and layout(array) == layout(like.value) for array in arrays):
        return node
    with np.errstate(all="ignore"):
        result = primitives[name].execute(*node.arguments)
    return node if interchangeable(result, like.value) else None


def moved_like(name: str, operand: Operand, parameters: dict[str, Any], like: Node) -> Node | None:
    """A node of an operation that only moves numbers, in the place of `like`; None where it would be no view, or lie otherwise.

    >>> import chainrule as cr
    >>> node = cr.trace(lambda x: x.T, np.ones((2, 3))).outputs[0]
    >>> moved_like("transpose", node.inputs[0], {"axes": (1, 0)}, node).type == node.type
    True
    """
    value = primitives[name].execute(operand.value, **parameters)
    if not interchangeable(value, like.value) or not np.may_share_memory(value, operand.value):
        return None  # a second copy would cost more than the view that it replaces
    return make(name, (operand,), parameters, value, like)
