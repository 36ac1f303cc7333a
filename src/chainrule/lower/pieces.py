"""Arrays put together from others: concatenation, stacking, a slice's gradient in zeros, a write into a part, sums of such parts.

All of them are one thing: a result, of which some elements are given by parts. Parts that fill the result leave nothing else to do;
otherwise it starts as zeros, or as a copy of the array that is written into.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from chainrule.graph import Graph, Node
from chainrule.lower.access import Access, Literal, natural, whole
from chainrule.lower.gathering import indexed
from chainrule.lower.kernel import MAX_RANK
from chainrule.lower.types import kernel_type


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """What is written into a result: the values, and the elements of the result that they go to, as an access of its shape."""

    value: Access
    place: Access
    axes: tuple[tuple[int, int], ...] = ()  # where index arrays say the place: (step, extent) of each indexed axis
    indices: tuple[Access, ...] = ()  # of the shape of the place

    @property
    def operands(self) -> tuple[Access, ...]:
        """Everything that it reads."""
        return (self.value, *self.indices)

    @property
    def may_stop(self) -> bool:
        """Whether an index that is not known yet may be one outside."""
        return any(isinstance(index.base, Node) for index in self.indices)


@dataclass(frozen=True, slots=True, eq=False)
class Pieces:
    """node ← start (zeros where None), then each part written to its place, in order."""

    node: Node
    parts: tuple[Part, ...]
    start: Access | None
    filled: bool  # whether the parts leave no element out

    @property
    def operands(self) -> tuple[Access, ...]:
        """Everything that it reads."""
        return (*([] if self.start is None else [self.start]), *self.read_by_parts)

    @property
    def read_by_parts(self) -> tuple[Access, ...]:
        """What the parts read."""
        return tuple(operand for part in self.parts for operand in part.operands)


def place_of(node: Node, index: tuple[object, ...]) -> Access:
    """The elements `node[index]` of a computed array, for a basic index."""
    shape = np.shape(node.value)
    numbers = np.lib.stride_tricks.as_strided(np.zeros(1, np.int8), shape, natural(shape))
    plain = index if any(item is Ellipsis for item in index) else (*index, Ellipsis)
    part = numbers[plain]  # type: ignore[index]
    shift = part.__array_interface__["data"][0] - numbers.__array_interface__["data"][0]
    steps = tuple(step if length != 1 else 0 for step, length in zip(part.strides, part.shape, strict=True))
    return Access(node, shift, part.shape, steps)


def joined(node: Node, operands: list[Access]) -> Pieces:
    """Arrays one after the other along an axis: `concatenate`, and `stack` along a new one."""
    axis = node.parameters["axis"]
    stacked = node.primitive.name == "stack"
    axis %= np.ndim(node.value)
    parts, start = [], 0
    for operand in operands:
        length = 1 if stacked else operand.shape[axis]
        index = (*(slice(None),) * axis, start if stacked else slice(start, start + length))
        if 0 not in operand.shape:
            parts.append(Part(operand, place_of(node, index)))
        start += length
    return Pieces(node, tuple(parts), None, True)


def embedded(node: Node, operand: Access) -> Pieces:
    """A part of an array of zeros: the gradient of a slice."""
    place = place_of(node, node.parameters["index"])
    return Pieces(node, (Part(operand, place),), None, math.prod(place.shape) == np.size(node.value))


def on_diagonal(node: Node, operand: Access) -> Pieces:
    """Zeros with values on a diagonal: the gradient of `diagonal`."""
    offset, axes = node.parameters["offset"], node.parameters["axes"]
    steps = natural(np.shape(node.value))
    stand_in = np.lib.stride_tricks.as_strided(np.zeros(1, np.int8), np.shape(node.value), steps)
    part = np.diagonal(stand_in, offset, *axes)
    shift = part.__array_interface__["data"][0] - stand_in.__array_interface__["data"][0]
    moving = tuple(step if length != 1 else 0 for step, length in zip(part.strides, part.shape, strict=True))
    parts = (Part(operand, Access(node, shift, part.shape, moving)),) if 0 not in part.shape else ()
    return Pieces(node, parts, None, False)


def is_basic(pattern: tuple[object, ...]) -> bool:
    """Whether an index selects by numbers, slices, None and Ellipsis only."""
    return all(
        isinstance(item, int | slice | np.integer) or item is None or item is Ellipsis for item in pattern
    ) and not any(isinstance(item, bool) for item in pattern)


def find_sums(graph: Graph) -> tuple[dict[Node, list[Node]], set[Node]]:
    """Sums of embedded parts that do not overlap: (for each last addition its parts, the nodes that nobody else needs then).

    >>> import chainrule as cr
    >>> graph = cr.trace(cr.grad(lambda x: (x[:2] * x[2:]).sum()), np.ones(4))
    >>> found, _ = find_sums(graph)
    >>> [len(parts) for parts in found.values()]
    [2]
    """
    users = graph.users()
    ends = set(graph.outputs)
    leaves: dict[Node, list[Node]] = {}
    for node in graph.nodes:
        name = node.primitive.name
        if name == "embed" and is_basic(node.parameters["index"]):
            leaves[node] = [node]
        elif name == "add" and None not in node.inputs:
            first, second = node.inputs
            if first is second or first not in leaves or second not in leaves:
                continue
            if any(one in ends or len(users[one]) != 1 for one in (first, second)):
                continue
            together = leaves[first] + leaves[second]
            if len(together) <= 64 and _apart([part.parameters["index"] for part in together], np.shape(node.value)):
                leaves[node] = together
    inner = {one for node in leaves if node.primitive.name == "add" for one in node.inputs if one is not None}
    sums = {node: parts for node, parts in leaves.items() if node.primitive.name == "add" and node not in inner}
    skipped: set[Node] = set()
    for node in sums:
        waiting = [one for one in node.inputs if one is not None]
        while waiting:
            one = waiting.pop()
            skipped.add(one)
            if one.primitive.name == "add":
                waiting.extend(below for below in one.inputs if below is not None)
    return sums, skipped


def _apart(indices: list[tuple[object, ...]], shape: tuple[int, ...]) -> bool:
    """Whether no element is selected by two of the indices: they are boxes, and differ along one axis."""
    boxes = [_box(index, shape) for index in indices]
    if any(box is None for box in boxes):
        return False
    known = [box for box in boxes if box is not None]
    return all(
        any(a[1] <= b[0] or b[1] <= a[0] for a, b in zip(one, other, strict=True))
        for number, one in enumerate(known)
        for other in known[:number]
    )


def _box(index: tuple[object, ...], shape: tuple[int, ...]) -> list[tuple[int, int]] | None:
    """The range of each axis that an index selects from."""
    if any(item is None for item in index):
        return None
    given = [item for item in index if item is not Ellipsis]
    if Ellipsis in index:
        at = index.index(Ellipsis)
        given = [*index[:at], *[slice(None)] * (len(shape) - len(given)), *index[at + 1 :]]
    given += [slice(None)] * (len(shape) - len(given))
    box = []
    for item, length in zip(given, shape, strict=True):
        if isinstance(item, slice):
            chosen = range(*item.indices(length))
            box.append((min(chosen), max(chosen) + 1) if len(chosen) else (0, 0))
        else:
            place = int(item) % length  # type: ignore[call-overload]
            box.append((place, place + 1))
    return box


def sum_pieces(node: Node, parts: list[tuple[Node, Access]]) -> Pieces:
    """The result of such a sum, from its embedded parts and what they embed."""
    found = tuple(
        Part(value, place_of(node, part.parameters["index"])) for part, value in parts if 0 not in value.shape
    )
    covered = sum(math.prod(part.place.shape) for part in found)
    return Pieces(node, found, None, covered == np.size(node.value))


def find_writes(graph: Graph) -> tuple[dict[Node, list[Node]], set[Node]]:
    """Chains of writes whose results in between nobody else reads: (for each last write all of them, the nodes not needed then).

    >>> import chainrule as cr
    >>> def f(x, i):
    ...     y = x * 2.0
    ...     y[i], y[0] = 3.0, 4.0
    ...     return y
    >>> found, skipped = find_writes(cr.trace(f, np.ones(4), np.array([1, 2])))
    >>> [len(chain) for chain in found.values()], len(skipped)
    ([2], 1)
    """
    users = graph.users()
    ends = set(graph.outputs)
    chains: dict[Node, list[Node]] = {}
    skipped: set[Node] = set()
    for node in graph.nodes:
        if not _writes_part(node):
            continue
        before = node.inputs[0]
        chain = [node]
        if before is not None and before in chains and before not in ends and len(users[before]) == 1:
            chain = chains.pop(before)
            chain.append(node)
            skipped.add(before)
        chains[node] = chain
    return chains, skipped


def _writes_part(node: Node) -> bool:
    """Whether kernels know how to do a write."""
    name = node.primitive.name
    if name not in ("write", "write_rows"):
        return False
    type_ = kernel_type(node.value)
    if type_ is None or not 0 < np.ndim(node.value) <= MAX_RANK:
        return False
    if np.size(node.value) == 0 or any(kernel_type(one) != type_ for one in node.arguments[:1]):
        return False
    written = node.arguments[1:] if name == "write_rows" else node.arguments[1:2]
    if any(kernel_type(one) != type_ for one in written):
        return False
    stand_ins = [whole(Literal(argument)) for argument in node.arguments]
    found = parts_of(node, node, stand_ins)
    return found is not None and all(len(part.place.shape) <= MAX_RANK for part in found)


def parts_of(whole_: Node, node: Node, operands: list[Access]) -> list[Part] | None:
    """What a write puts into the array `whole_`; None where kernels do not know the index."""
    if node.primitive.name == "write_rows":
        places = [place_of(whole_, place) for place in node.parameters["places"]]
        return [Part(value, place) for value, place in zip(operands[1:], places, strict=True) if 0 not in place.shape]
    pattern, arrays = node.parameters["pattern"], operands[2:]
    if not arrays:
        return [Part(operands[1], place_of(whole_, pattern))] if is_basic(pattern) else None
    if any(kernel_type(array.base.value) not in ("i64", "i32") for array in arrays):
        return None
    found = indexed(whole(whole_), pattern, arrays)
    return None if found is None else [Part(operands[1], found.source, found.axes, found.indices)]


def written(node: Node, parts: list[Part], start: Access) -> Pieces:
    """A copy of an array with parts overwritten, one after the other."""
    kept = tuple(part for part in parts if 0 not in part.place.shape)
    filled = any(not part.axes and math.prod(part.place.shape) == np.size(node.value) for part in kept)
    return Pieces(node, kept, start, filled)
