"""Which elements an index names: the ranges that it keeps to, and writing there."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.graph import Node
from chainrule.ops.brackets import fill_pattern


def box_of(index: tuple[Any, ...], shape: tuple[int, ...]) -> list[tuple[int, int]] | None:
    """The range of each axis that an index selects from; an index array may select anything. None where a mask stands in the index.

    >>> box_of((1, slice(0, 5, 2), "array"), (3, 9, 4))
    [(1, 2), (0, 5), (0, 4)]
    """
    if any(isinstance(item, bool | np.bool_) for item in index):
        return None
    given = [item for item in index if item is not None]
    rest = [slice(None)] * (len(shape) - sum(item is not Ellipsis for item in given))
    at = next((number for number, item in enumerate(given) if item is Ellipsis), None)
    given = given + rest if at is None else [*given[:at], *rest, *given[at + 1 :]]
    box = []
    for item, length in zip(given, shape, strict=True):
        if isinstance(item, slice):
            chosen = range(*item.indices(length))
            box.append((min(chosen[0], chosen[-1]), max(chosen[0], chosen[-1]) + 1) if len(chosen) else (0, 0))
        elif isinstance(item, str):
            box.append((0, length))
        else:
            place = int(item) % length
            box.append((place, place + 1))
    return box


def fill(array: Any, node: Node, value: Any) -> None:
    """Put a value where an operation writes or embeds one."""
    if "index" in node.parameters:
        array[node.parameters["index"]] = value
    else:
        array[fill_pattern(node.parameters["pattern"], node.arguments[2:])] = value
