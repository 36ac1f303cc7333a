"""Many small reads and writes at places that are known beforehand, as one: chains of writes, and sums of embedded parts.

A loop that fills an array part by part, and its gradient, are long chains of operations on a few elements each. Where all of them take
their elements from one array at constant places, one gather does the same, in the loop of whoever reads the result. A read from an
array in which only other places were written since reads the array as it was before, so that nobody needs the states in between.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule.graph import INPUT, Graph, Node
from chainrule.lower.access import MOVING
from chainrule.lower.expand import Builder
from chainrule.lower.kernel import TYPE_OF
from chainrule.lower.places import box_of, fill
from chainrule.ops.brackets import ARRAY
from chainrule.optimise.rewriting import Constant, Operand, is_known, make, operands, rewrite

FEWEST = 3  # links of a chain, below which its operations stay as they are
MOST_ELEMENTS = 4096  # of the result for each link: a longer one is better written in part
MOST_NUMBERS = 1 << 20  # elements of the array that all of them come from
FURTHEST = 256  # writes that a read is tried on


def collected(graph: Graph) -> Graph:
    """The graph with chains of writes, and of additions of embedded parts, at constant places as one operation each.

    >>> import chainrule as cr
    >>> def diagonals(x):
    ...     filled = np.zeros_like(x, shape=(4, 4))
    ...     for k in range(4):
    ...         filled[np.array([k]), k] = x[k]
    ...     return filled
    >>> [node.primitive.name for node in collected(cr.trace(diagonals, np.ones(4)))]
    ['input', 'full_like', 'reshape', 'gather', 'where']
    """
    names = {node.primitive.name for node in graph.nodes}
    if "write" in names and names & {"gather", "slice"}:
        boxes: dict[Node, Any] = {}
        graph = rewrite(graph, lambda node: _before_writes(node, boxes))
    return _Collector(graph).graph() if names & {"write", "embed"} else graph


def _before_writes(node: Node, boxes: dict[Node, Any]) -> Node | None:
    """A read from the array as it was before the writes to other places."""
    source = node.inputs[0] if node.inputs else None
    if source is None or source.primitive.name != "write" or node.primitive.name not in ("gather", "slice"):
        return None
    mine = _box(node, source, boxes)
    found: Operand = source
    for _ in range(FURTHEST):
        if not isinstance(found, Node) or found.primitive.name != "write" or mine is None:
            break
        theirs = _box(found, found, boxes)
        if theirs is None or not any(a[1] <= b[0] or b[1] <= a[0] for a, b in zip(mine, theirs, strict=True)):
            break
        found = operands(found)[0]
    if found is source or isinstance(found, Constant):
        return None
    return make(node.primitive, (found, *operands(node)[1:]), node.parameters, node.value, node)


def _box(node: Node, array: Node, boxes: dict[Node, Any]) -> list[tuple[int, int]] | None:
    if node not in boxes:
        boxes[node] = box_of(node.parameters.get("pattern", node.parameters.get("index", ())), np.shape(array.value))
    return boxes[node]


class _Collector:
    """One walk over a graph: chains are replaced where they end."""

    def __init__(self, given: Graph) -> None:
        self.given = given
        self.users = given.users()
        self.ends = set(given.outputs)
        self.known: dict[Node, tuple[Node, Any]] = {}

    def graph(self) -> Graph:
        """The new graph; the old one where there is nothing to collect."""
        current: dict[Node, Node] = {}
        nodes: list[Node] = []
        anew = False
        with np.errstate(all="ignore"):
            for node in self.given.nodes:
                parts, found = self._parts(node, current)
                if found is None:
                    found = node
                    if anew and node.primitive is not INPUT:
                        given = tuple(one if isinstance(one, Constant) else current[one] for one in operands(node))
                        found = make(node.primitive, given, node.parameters, node.value, node)
                    parts = [found]
                else:
                    anew = True
                nodes.extend(parts)
                current[node] = found
        if not anew:
            return self.given
        return Graph.of(self.given.inputs, tuple(current[node] for node in self.given.outputs))

    def _parts(self, node: Node, current: dict[Node, Node]) -> tuple[list[Node], Node | None]:
        """The nodes in the place of a chain that ends with this one, the last of them first named; None where there is none."""
        chain = self._writes(node) if node.primitive.name == "write" else self._sums(node)
        if not len(chain) >= FEWEST or np.size(node.value) > MOST_ELEMENTS * len(chain):
            return [], None
        return self._joined(node, chain, current)

    def _private(self, node: Node | None) -> bool:
        return node is not None and node not in self.ends and len(self.users[node]) == 1

    # -- chains ----------------------------------------------------------------------------------------------------------
    def _writes(self, node: Node) -> list[tuple[Node, Operand, Operand]]:
        """The links (node, what was there before, what is written) of a chain of writes that ends here, first to last."""
        if self._private(node) and self.users[node][0][1] == 0 and _is_link(self.users[node][0][0]):
            return []  # the chain goes on
        chain = []
        link: Operand = node
        while isinstance(link, Node) and _is_link(link) and (link is node or self._private(link)):
            before, value = operands(link)[:2]
            chain.append((link, before, value))
            link = before
        return chain[::-1]

    def _sums(self, node: Node) -> list[tuple[Node, Operand, Operand]]:
        """The links of a chain of additions of embedded parts that ends here."""
        if self._split(node) is None or (self._private(node) and self._split(self.users[node][0][0]) is not None):
            return []
        chain = []
        link: Operand = node
        while isinstance(link, Node) and (link is node or self._private(link)):
            found = self._split(link)
            if found is None:
                break
            part, before = found
            chain.append((part, before, operands(part)[0]))
            link = before
        return chain[::-1]

    def _split(self, node: Node) -> tuple[Node, Operand] | None:
        """(embedded part, the other summand) of an addition."""
        if node.primitive.name != "add":
            return None
        for index in (1, 0):
            part, other = node.inputs[index], operands(node)[1 - index]
            if part is None or part.primitive.name != "embed" or not self._private(part):
                continue
            if other.value is not None and np.shape(other.value) == np.shape(node.value) and _is_static(part):
                return part, other
        return None

    # -- what stands in their place ------------------------------------------------------------------------------------
    def _joined(
        self, node: Node, chain: list[tuple[Node, Operand, Operand]], current: dict[Node, Node]
    ) -> tuple[list[Node], Node | None]:
        adding = node.primitive.name == "add"
        roots: set[Node] = set()
        origin = np.full(np.shape(node.value), -1)
        constants = np.zeros(np.shape(node.value), node.value.dtype)
        dtype = node.value.dtype
        for link, _, value in chain:
            found = None if isinstance(value, Constant) else self._numbers(value)
            numbers: Any = -2
            if isinstance(value, Constant):
                fill(constants, link, value.value)
            elif found is None or found[0].value.dtype != dtype:
                return [], None
            else:
                roots.add(found[0])
                numbers = found[1]
            before = origin.copy() if adding else None
            fill(origin, link, numbers)
            if before is not None and np.any((before != -1) & (before != origin)):
                return [], None  # parts that overlap
        if len(roots) > 1 or any(before.value.dtype != dtype for _, before, _ in chain):
            return [], None
        start = chain[0][1]
        b = Builder(node)
        result: Operand = Constant(constants)
        if roots:
            (root,) = roots
            flat = b("reshape", current[root], shape=(math.prod(np.shape(root.value)),))
            result = b("gather", flat, Constant(np.maximum(origin, 0)), pattern=(ARRAY,))
            if np.any(origin == -2):
                result = b("where", Constant(origin == -2), Constant(constants), result)
        elif not np.any(constants):
            result = Constant(dtype.type(0))
        untouched = origin == -1
        base = start if isinstance(start, Constant) else current[start]
        if adding:
            if np.any(untouched):
                result = b("where", Constant(untouched), Constant(dtype.type(0)), result)
            found_last = b("add", base, result)
        elif np.any(untouched):
            found_last = b("where", Constant(untouched), base, result)
        elif isinstance(result, Constant):
            return [], None
        else:
            found_last = result
        assert isinstance(found_last, Node)
        return b.made, found_last

    def _numbers(self, node: Node) -> tuple[Node, Any] | None:
        """(array, which of its elements) where a value is only elements of another array, at constant places."""
        way = [node]
        while way[-1] not in self.known and (source := _moved_from(way[-1])) is not None:
            way.append(source)
        root = way[-1]
        if root not in self.known:
            size = np.size(root.value)
            if size > MOST_NUMBERS:
                return None
            self.known[root] = (root, np.arange(size).reshape(np.shape(root.value)))
        for one in reversed(way[:-1]):
            origin, numbers = self.known[_moved_from(one)]  # pyright: ignore[reportArgumentType] all on the way have a source
            self.known[one] = (origin, one.primitive.execute(numbers, *one.arguments[1:], **one.parameters))
        return self.known[node]


def _moved_from(node: Node) -> Node | None:
    """What a value is rearranged from, at constant places."""
    name = node.primitive.name
    if name in MOVING or (name == "gather" and all(source is None for source in node.inputs[1:])):
        return node.inputs[0]
    return None


def _is_static(node: Node) -> bool:
    """Whether a part is written or embedded at constant places, in types that kernels know."""
    index = node.parameters.get("pattern", node.parameters.get("index", ()))
    return (
        is_known(node.primitive)
        and all(source is None for source in node.inputs[2:])
        and not any(isinstance(item, bool) for item in index)
        and getattr(node.value, "dtype", np.dtype(object)).name in TYPE_OF
        and np.ndim(node.value) > 0
    )


def _is_link(node: Node) -> bool:
    return node.primitive.name == "write" and _is_static(node)
