"""How each array operation is written with scalars: what only moves numbers, and recipes for what calculates with them.

Elementwise operations need no entry: they run on each element. An operation that stands in none of the tables cannot be
unrolled, and `expand` says so by name. Each recipe says beforehand about how many scalar operations it writes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.explain.expand_lines import LINES, Recipe
from chainrule.explain.expand_products import PRODUCTS, einsum_labels
from chainrule.explain.scalars import Cells
from chainrule.graph import Node
from chainrule.primitive import Primitive, primitives

Count = Callable[[Node], int]

# -- what moves numbers ------------------------------------------------------------------------------------------------

# How many of the arguments are moved; the others (index arrays) say where to. 0: all of them.
MOVES: dict[str, int] = {
    "broadcast_to": 1, "reshape": 1, "transpose": 1, "slice": 1, "embed": 1, "gather": 1, "write": 2, "concatenate": 0,
    "stack": 0, "write_rows": 0, "roll": 1, "diagonal": 1, "from_diagonal": 1, "tril": 1, "triu": 1, "sliding_windows": 1,
    "copy": 1,
}  # fmt: skip


def moved(node: Node, arrays: Sequence[Any]) -> Cells:
    """The operation of a node run on arrays of whole numbers in the place of what it moves; 0 where it fills in zeros.

    >>> import chainrule as cr
    >>> node = cr.trace(lambda x: x.T, np.ones((2, 2))).nodes[-1]
    >>> moved(node, [np.array([[1, 2], [3, 4]])])
    array([[1, 3],
           [2, 4]])
    """
    count = MOVES[node.primitive.name] or len(arrays)
    others = [np.asarray(argument) if np.ndim(argument) else argument for argument in node.arguments[count:]]
    return np.asarray(node.primitive.execute(*arrays[:count], *others, **node.parameters))


# -- how many ---------------------------------------------------------------------------------------------------------


def _size(value: Any) -> int:
    return int(np.size(value))


def _per_element(times: int) -> Count:
    return lambda node: times * _size(node.arguments[0])


def _fewer(node: Node) -> int:
    return max(_size(node.arguments[0]) - _size(node.value), 0)


def _count_matmul(node: Node) -> int:
    return _size(node.value) * max(2 * np.shape(node.arguments[0])[-1] - 1, 0)


def _count_einsum(node: Node) -> int:
    terms, _, lengths = einsum_labels(node)
    return len(terms) * math.prod(lengths.values())


def _count_grid(node: Node) -> int:
    return 2 * _size(node.value) * math.prod(np.shape(node.arguments[1])[1:])


COUNTS: dict[str, Count] = {
    "sum": _fewer,
    "mean": lambda node: _fewer(node) + _size(node.value),
    "var": _per_element(4),
    "std": _per_element(4),
    "prod": _fewer,
    "max": _fewer,
    "min": _fewer,
    "nanmax": _fewer,
    "nanmin": _fewer,
    "logsumexp": _per_element(2),
    "vector_norm": _per_element(2),
    "softmax": _per_element(3),
    "log_softmax": _per_element(3),
    "cumsum": _per_element(1),
    "cumprod": _per_element(1),
    "recurrence": _per_element(2),
    "sort": _per_element(0),
    "partition": _per_element(0),
    "matmul": _count_matmul,
    "einsum": _count_einsum,
    "cross": lambda node: 3 * _size(node.value),
    "convolve": lambda node: 2 * _size(node.arguments[0]) * _size(node.arguments[1]),
    "convolve_axes": _count_grid,
    "det": lambda node: 14 * _size(node.value),
    "share_evenly": lambda node: _size(node.value),
    "scatter": _fewer,
    "overlapping_sum": _fewer,
    "pad": _per_element(1),
    "unpad": _fewer,
}

RECIPES: dict[str, Recipe] = LINES | PRODUCTS

LARGEST_DETERMINANT = 3


def kind_of(record: Primitive) -> str | None:
    """How an operation is written with scalars: "moved", "recipe", "each" element by itself, "number" where no derivative
    flows, None where it cannot be.

    >>> kind_of(primitives["transpose"]), kind_of(primitives["tanh"]), kind_of(primitives["inv"])
    ('moved', 'each', None)
    """
    if primitives.get(record.name) is not record:
        return None  # a function of the user, whatever its name
    if record.name in RECIPES:
        return "recipe"
    if record.name in MOVES:
        return "moved"
    if record.elementwise or (isinstance(record.forward, np.ufunc) and record.forward.signature is None):
        return "each"
    return "number" if record.vjp is None else None
