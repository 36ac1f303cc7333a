"""Which axis of an array counts samples, written x⁽¹⁾, and which counts components, written x₁.

Every axis of every array of a program belongs to a class: the axes that run side by side. Elementwise operations join the
axes that are aligned, a matrix product joins the two inner axes, what moves numbers joins the axes along which they move.
A class counts samples if no product is summed over it, if a sum or mean runs over it or the result has it, and if no
variable that the gradient is asked for has it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from chainrule.explain.expand_rules import MOVES, kind_of, moved
from chainrule.graph import COMPONENT, INPUT, Graph, Node

Owner = Node | tuple[Node, int]  # a node, or a constant: the node that reads it and as which argument
Axis = tuple[Owner, int]


class AxisClasses:
    """The classes of the axes of a graph, and which of them count samples.

    >>> import chainrule as cr
    >>> graph = cr.trace(lambda theta, x: np.mean(theta * x), 2.0, np.ones(3))
    >>> AxisClasses(graph, wrt=[graph.inputs[0]]).samples(graph.inputs[1])
    (True,)
    """

    def __init__(self, graph: Graph, wrt: Collection[Node] | None = None) -> None:
        self._parents: dict[Axis, Axis] = {}
        self._contracted: list[Axis] = []
        self._ended: list[Axis] = []
        for node in graph.nodes:
            if node.primitive is not INPUT:
                self._visit(node)
        for node in graph.outputs:
            self._ended += [(node, axis) for axis in range(_ndim(node))]
        held = [(node, axis) for node in (graph.inputs if wrt is None else wrt) for axis in range(_ndim(node))]
        components = {self._root(axis) for axis in (*self._contracted, *held)}
        self._samples = {self._root(axis) for axis in self._ended} - components

    def samples(self, owner: Owner) -> tuple[bool, ...]:
        """For each axis of a node, or of a constant argument, whether it counts samples."""
        value = owner.value if isinstance(owner, Node) else owner[0].arguments[owner[1]]
        return tuple(self._root((owner, axis)) in self._samples for axis in range(np.ndim(value)))

    # -- union-find ----------------------------------------------------------------------------------------------------

    def _root(self, axis: Axis) -> Axis:
        while (parent := self._parents.get(axis, axis)) != axis:
            self._parents[axis] = self._parents.get(parent, parent)
            axis = parent
        return axis

    def _join(self, one: Axis, other: Axis) -> None:
        one, other = self._root(one), self._root(other)
        if one != other:
            self._parents[one] = other

    # -- what each operation joins -------------------------------------------------------------------------------------

    def _visit(self, node: Node) -> None:
        name = node.primitive.name
        owners: list[Owner] = [(node, index) if source is None else source for index, source in enumerate(node.inputs)]
        shapes = [np.shape(argument) for argument in node.arguments]
        kind = kind_of(node.primitive)
        if node.primitive is COMPONENT:
            self._aligned(owners, [np.shape(node.value)], node)
        elif name == "matmul":
            self._matmul(owners, shapes, node)
        elif name == "einsum":
            self._einsum(owners, shapes, node)
        elif kind == "moved":
            self._moved(owners, node)
        elif name in ("convolve", "convolve_axes", "det"):
            self._contracted += [
                (owner, axis) for owner, shape in zip(owners, shapes, strict=True) for axis in range(len(shape))
            ]
        elif "axis" in node.parameters and kind == "recipe" and np.shape(node.value) != shapes[0]:
            self._reduced(owners[0], shapes[0], node)
        elif kind in ("each", "recipe"):
            self._aligned(owners, shapes, node)
            if name in ("softmax", "log_softmax", "cross"):
                axes = node.parameters.get("axis", (-1,))
                self._contracted += [(node, axis % _ndim(node)) for axis in axes]

    def _aligned(self, owners: Sequence[Owner], shapes: Sequence[tuple[int, ...]], node: Node) -> None:
        result = _shape(node)
        for owner, shape in zip(owners, shapes, strict=True):
            shift = len(result) - len(shape)
            for axis, length in enumerate(shape):
                if shift + axis >= 0 and length == result[shift + axis] != 1:
                    self._join((owner, axis), (node, shift + axis))

    def _reduced(self, owner: Owner, shape: tuple[int, ...], node: Node) -> None:
        axes = node.parameters["axis"]
        kept = 0
        for axis in range(len(shape)):
            if axis in axes:
                if node.primitive.name in ("sum", "mean"):
                    self._ended.append((owner, axis))
                elif node.primitive.name in ("logsumexp", "max", "min", "nanmax", "nanmin"):
                    self._contracted.append((owner, axis))  # classes, pieces of a maxout: never samples
                kept += bool(node.parameters.get("keepdims"))
            else:
                self._join((owner, axis), (node, kept))
                kept += 1

    def _matmul(self, owners: Sequence[Owner], shapes: Sequence[tuple[int, ...]], node: Node) -> None:
        (left, right), (a, b) = owners, shapes
        inner = (left, len(a) - 1), (right, max(len(b) - 2, 0))
        self._join(*inner)
        self._contracted += inner
        last = _ndim(node) - 1
        if len(b) > 1:
            self._join((right, len(b) - 1), (node, last))
        if len(a) > 1:
            self._join((left, len(a) - 2), (node, last - (len(b) > 1)))
        batch = _ndim(node) - (len(a) > 1) - (len(b) > 1)
        for owner, shape in ((left, a), (right, b)):
            shift = batch - max(len(shape) - 2, 0)
            for axis in range(len(shape) - 2):
                if shape[axis] == _shape(node)[shift + axis]:
                    self._join((owner, axis), (node, shift + axis))

    def _einsum(self, owners: Sequence[Owner], shapes: Sequence[tuple[int, ...]], node: Node) -> None:
        left, output = node.parameters["subscripts"].split("->")
        terms = left.split(",")
        first: dict[str, Axis] = {}
        for owner, term, shape in zip(owners, terms, shapes, strict=True):
            for axis, label in enumerate(term):
                if shape[axis] != 1:
                    self._join((owner, axis), first.setdefault(label, (owner, axis)))
        for axis, label in enumerate(output):
            if label in first:
                self._join((node, axis), first[label])
        for label, axis in first.items():
            if label not in output:
                alone = sum(label in term for term in terms) == 1
                (self._ended if alone else self._contracted).append(axis)

    def _moved(self, owners: Sequence[Owner], node: Node) -> None:
        """Run on numbered places, the operation shows itself which axis moves along which."""
        count = MOVES[node.primitive.name] or len(owners)
        start, numbered = 1, []
        for argument in node.arguments[:count]:
            size = int(np.size(argument))
            numbered.append(np.arange(start, start + size).reshape(np.shape(argument)))
            start += size
        result = moved(node, numbered)
        start = 1
        for owner, numbers in zip(owners, numbered, strict=False):
            mine = (result >= start) & (result < start + numbers.size)
            places = np.where(mine, result - start, 0)
            coordinates = np.unravel_index(places, numbers.shape) if numbers.ndim and numbers.size else ()
            start += numbers.size
            self._join_moving(owner, node, coordinates, mine)

    def _join_moving(self, owner: Owner, node: Node, coordinates: Sequence[Any], mine: Any) -> None:
        pairs = []
        for axis in range(mine.ndim):
            along = [np.moveaxis(coordinate, axis, 0) for coordinate in coordinates]
            both = np.moveaxis(mine, axis, 0)
            both = both[1:] & both[:-1]
            for source, coordinate in enumerate(along):
                if np.any((coordinate[1:] != coordinate[:-1]) & both) and self._in_step(node, coordinate):
                    pairs.append((source, axis))
                    if node.primitive.name == "gather":
                        break  # in z[np.arange(n), labels] the labels may happen to be 0, 1, 2 … too
        sources, axes = [source for source, _ in pairs], [axis for _, axis in pairs]
        for source, axis in pairs:
            if sources.count(source) == 1 and axes.count(axis) == 1:
                self._join((owner, source), (node, axis))

    def _in_step(self, node: Node, coordinate: Any) -> bool:
        """Whether a coordinate runs along with the first axis; elements looked up by arbitrary numbers do not."""
        if node.primitive.name != "gather":
            return True
        steps = np.arange(len(coordinate)).reshape(-1, *[1] * (coordinate.ndim - 1))
        return bool(np.all(coordinate == steps))


def _shape(node: Node) -> tuple[int, ...]:
    return () if node.primitive.outputs > 1 else np.shape(node.value)


def _ndim(node: Node) -> int:
    return len(_shape(node))
