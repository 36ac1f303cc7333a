"""An array program in, the same program with scalars out: every element its own node, every sum and product written out.

The new graph consists of the same operations, so whatever reads a graph reads it too: it is differentiated, printed and
verified like any other. Its nodes have the lines of the user's code, and the elements of named arrays have names.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.boundary import lift, next_level
from chainrule.boxes import Box
from chainrule.errors import UnsupportedError
from chainrule.explain.axes import AxisClasses, Owner
from chainrule.explain.elements import ElementName, element_bases, element_names, told_apart
from chainrule.explain.expand_rules import COUNTS, LARGEST_DETERMINANT, MOVES, RECIPES, kind_of, moved
from chainrule.explain.scalars import ZERO, Cells, Scalars
from chainrule.graph import COMPONENT, INPUT, Graph, Node
from chainrule.primitive import operations
from chainrule.traced import Traced, open_levels

LIMIT = 2000  # scalar operations of which a derivation is still read by somebody


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Expanded:
    """A program of scalars: its graph, the names of its nodes, and where each element of the array program is in it.

    `graph.inputs` are the elements of the inputs in order, then those of named constants; `graph.outputs` those of the
    outputs. `origins` says for each node that is an element which one it is: the node of the array program, the index.
    """

    graph: Graph
    names: dict[Node, ElementName]
    origins: dict[Node, tuple[Node, tuple[int, ...]]]
    _cells: dict[Node, Any]
    _items: list[Any]

    def element(self, node: Node, index: Sequence[int] = ()) -> Any:
        """The scalar node of one element of an array node; a plain number where nothing was calculated.

        >>> import chainrule as cr
        >>> graph = cr.trace(lambda x: np.sum(x * x), np.array([2.0, 3.0]))
        >>> expand(graph).element(graph.inputs[0], (1,)).value
        np.float64(3.0)
        """
        item = self._items[int(self._cells[node][tuple(index)])]
        return item.node if isinstance(item, Traced) else item

    def elements(self, node: Node) -> list[Any]:
        """All elements of an array node, in the order of its indices."""
        return [self.element(node, index) for index in np.ndindex(self._cells[node].shape)]


def expand(
    graph: Graph,
    names: Mapping[Node, str | Box] | None = None,
    wrt: Collection[Node] | None = None,
    constants: Mapping[tuple[Node, int], str | Box] | None = None,
    limit: int = LIMIT,
) -> Expanded:
    """The program of a graph with scalars in the place of arrays.

    `names` are the names of its nodes (by default the user's own); `wrt` the inputs that a gradient is asked for (by
    default all), which no sample axis belongs to; `constants` names constants by the node that reads them and as which
    argument, whose elements then are inputs. An operation without a scalar form, or more than `limit` scalars, raises
    UnsupportedError.

    >>> import chainrule as cr
    >>> def f(W, x):
    ...     q = W @ x
    ...     return np.sum(q**2)
    >>> print(expand(cr.trace(f, np.ones((1, 2)), np.ones(2))).graph)
    inputs  w_1: float64[], w_2: float64[], x_1: float64[], x_2: float64[]
    %1: float64[] = w_1 * x_1
    %2: float64[] = w_2 * x_2
    q: float64[] = %1 + %2
    %3: float64[] = q**2
    outputs %3
    """
    given = {n: name for n, name in graph.names().items() if n.name is not None} if names is None else dict(names)
    _require_scalar_forms(graph)
    _require_few(graph, limit)
    return _Expansion(graph, _element_names(graph, given, constants or {}, wrt)).run()


# -- what cannot be written out ----------------------------------------------------------------------------------------


def _is_scalar(node: Node) -> bool:
    """Whether an operation takes and gives single numbers only, and so is scalar as it is."""
    results = node.value if node.primitive.outputs > 1 else (node.value,)
    return all(np.ndim(value) == 0 for value in (*node.arguments, *results))


def _kind(node: Node) -> str | None:
    if node.primitive.name == "det" and np.shape(node.arguments[0])[-1] > LARGEST_DETERMINANT:
        return None
    return kind_of(node.primitive) or ("each" if _is_scalar(node) else None)


def _require_scalar_forms(graph: Graph) -> None:
    for node in graph.nodes:
        if node.primitive in (INPUT, COMPONENT) or _kind(node) is not None:
            continue
        shapes = ", ".join(str(np.shape(argument)) for argument in node.arguments)
        raise UnsupportedError(
            f"expand=True cannot write {node.primitive.name} (of shape {shapes}) with scalars, in {node.place}. "
            "Derive without expand=True, which keeps the arrays."
        )


def _count(node: Node) -> int:
    kind = _kind(node)
    if kind == "recipe":
        return COUNTS[node.primitive.name](node)
    results = node.value if node.primitive.outputs > 1 else (node.value,)
    if node.primitive is COMPONENT or (kind != "each" and node.primitive is not INPUT):
        return 0
    return max(int(np.size(value)) for value in results)


def _require_few(graph: Graph, limit: int) -> None:
    """An error before any work is done where a program would become too long to be read."""
    counts = {node: _count(node) for node in graph.nodes}
    total = sum(counts.values())
    if total <= limit:
        return
    by_line: dict[Any, list[Node]] = {}
    for node in graph.nodes:
        by_line.setdefault(node if node.primitive is INPUT else (node.code, node.offset, node.primitive), []).append(
            node
        )
    worst, *others = max(by_line.values(), key=lambda group: sum(counts[node] for node in group))
    most = counts[worst] + sum(counts[node] for node in others)
    if worst.primitive is INPUT:
        what = f"{worst.name or 'an input'} alone has {most:,} elements (shape {np.shape(worst.value)})"
    else:
        shapes = " and ".join(str(np.shape(argument)) for argument in worst.arguments)
        often = f", which runs {1 + len(others):,} times" if others else ""
        what = f"about {most:,} of them for {worst.primitive.name} of shape {shapes}{often}, in {worst.place}"
    inputs = sorted((node for node in graph.inputs if np.size(node.value) > 1), key=lambda node: -np.size(node.value))
    largest = ", ".join(f"{node.name or 'one'} {np.shape(node.value)}" for node in inputs[:3])
    raise UnsupportedError(
        f"expand=True would write about {total:,} scalars, and {limit:,} are the limit: {what}. Derive it for fewer "
        f"samples, fewer steps or smaller layers{f' (the largest inputs are {largest})' if largest else ''}, or without expand=True, "
        "which keeps the arrays."
    )


# -- names -------------------------------------------------------------------------------------------------------------


def _element_names(
    graph: Graph,
    names: Mapping[Node, str | Box],
    constants: Mapping[tuple[Node, int], str | Box],
    wrt: Collection[Node] | None,
) -> dict[Owner, list[ElementName]]:
    """The names of the elements of every named array and constant, in the order of their indices."""
    classes = AxisClasses(graph, wrt)
    named: list[tuple[Owner, str | Box, tuple[int, ...], tuple[bool, ...]]] = []
    for node, base in names.items():
        if node.primitive.outputs == 1:
            named.append((node, base, np.shape(node.value), classes.samples(node)))
    for (node, index), base in constants.items():
        named.append(((node, index), base, np.shape(node.arguments[index]), classes.samples((node, index))))
    # A result with one number for each sample, such as L, keeps its name; the matrix of the data becomes x.
    bases = element_bases(
        (base, shape, not isinstance(owner, Node) or owner.primitive is INPUT or not all(samples))
        for owner, base, shape, samples in named
    )
    found = told_apart([element_names(bases[base], shape, samples) for _, base, shape, samples in named])
    return dict(zip((owner for owner, _, _, _ in named), found, strict=True))


# -- the work ----------------------------------------------------------------------------------------------------------


class _Expansion:
    """The unrolling of one graph, node by node in order."""

    def __init__(self, graph: Graph, names: dict[Owner, list[ElementName]]) -> None:
        self.graph = graph
        self.given = names
        self.names: dict[Node, ElementName] = {}
        self.origins: dict[Node, tuple[Node, tuple[int, ...]]] = {}
        self.scalars = Scalars()
        self.cells: dict[Node, Any] = {}
        self.constants: dict[ElementName, int] = {}
        self.inputs: list[Node] = []
        self.level = next_level()

    def run(self) -> Expanded:
        open_levels.add(self.level)
        try:
            with np.errstate(all="ignore"):
                for node in self.graph.inputs:
                    self._enter(node)
                for node in self.graph.nodes:
                    if node.primitive is not INPUT:
                        self._unroll(node)
        finally:
            open_levels.discard(self.level)
        outputs = [
            item.node if isinstance(item := self.scalars.items[cell], Traced) else operations["constant_node"](item)
            for node in self.graph.outputs
            for cell in np.ravel(self.cells[node]).tolist()
        ]
        unrolled = Graph.of(tuple(self.inputs), tuple(outputs))
        return Expanded(unrolled, self.names, self.origins, self.cells, self.scalars.items)

    def _enter(self, node: Node) -> None:
        """An input's elements as inputs."""
        value = np.asarray(node.value)
        names = self.given.get(node) or element_names(node.name or "", value.shape, (False,) * value.ndim)
        self.cells[node] = self._lifted(value, names)
        self._note(node)

    def _lifted(self, value: Any, names: Sequence[ElementName]) -> Cells:
        found = []
        for index, name in zip(np.ndindex(value.shape), names, strict=True):
            handle = lift(value[index], str(name), self.level)
            self.inputs.append(handle.node)
            found.append(self.scalars.keep(handle))
        return np.array(found, dtype=np.int64).reshape(value.shape)

    def _constant(self, node: Node, index: int) -> Cells:
        """A constant argument: plain numbers, or inputs where it has a name."""
        argument = node.arguments[index]
        names = self.given.get((node, index))
        if names is None:
            return self.scalars.numbers(argument)
        value = np.asarray(argument)
        if names and names[0] not in self.constants:
            for name, cell in zip(names, self._lifted(value, names).reshape(-1).tolist(), strict=True):
                self.constants[name] = cell
                self.names[self.scalars.items[cell].node] = name
        return np.array([self.constants[name] for name in names], dtype=np.int64).reshape(value.shape)

    def _unroll(self, node: Node) -> None:
        self.scalars.place = node
        if node.primitive is COMPONENT:
            source = node.inputs[0]
            self.cells[node] = self.cells[source][node.parameters["index"]] if source is not None else None
        else:
            read = (
                MOVES.get(node.primitive.name) or len(node.arguments) if _kind(node) == "moved" else len(node.arguments)
            )
            given = [
                self._constant(node, index) if source is None else self.cells[source]
                for index, source in enumerate(node.inputs[:read])
            ]
            self.cells[node] = self._written(node, given)
        if node.primitive.outputs == 1:
            self._note(node)

    def _written(self, node: Node, given: list[Cells]) -> Any:
        kind = _kind(node)
        if kind == "moved":
            return moved(node, given)
        calculated = any(not self.scalars.is_number(cell) for cells in given for cell in np.ravel(cells).tolist())
        counted = kind == "recipe" and all(np.asarray(argument).dtype.kind == "b" for argument in node.arguments)
        if kind == "number" or counted or not calculated:
            return self._numbers(node)
        if kind == "recipe":
            return self._verified(node, given, RECIPES[node.primitive.name](self.scalars, node, given))
        return self._each(node, given)

    def _numbers(self, node: Node) -> Any:
        """The values themselves, where no derivative flows."""
        if node.primitive.outputs > 1:
            return tuple(self.scalars.numbers(np.asarray(part)) for part in node.value)
        value = np.asarray(node.value)
        return np.where(value == 0, ZERO, self.scalars.numbers(value))

    def _each(self, node: Node, given: list[Cells]) -> Any:
        """An elementwise operation, for each element."""
        results = node.value if node.primitive.outputs > 1 else (node.value,)
        shape = np.shape(results[0])
        aligned = [np.broadcast_to(cells, shape) for cells in given]
        found = [np.zeros(shape, dtype=np.int64) for _ in results]
        for index in np.ndindex(shape):
            cells = [int(array[index]) for array in aligned]
            if (known := self._without_operation(node, cells)) is not None:
                made = [known]
            elif all(map(self.scalars.is_number, cells)):
                made = [self.scalars.keep(np.asarray(value)[index]) for value in results]
            else:
                made = self.scalars.record(node.primitive, cells, node.parameters)
            for array, cell in zip(found, made, strict=True):
                array[index] = cell
        return tuple(found) if node.primitive.outputs > 1 else found[0]

    def _without_operation(self, node: Node, cells: list[int]) -> int | None:
        """The result where a person would write none: of a cast that changes nothing, a choice that is settled, a zero filled in."""
        name, first = node.primitive.name, cells[0]
        real = not np.iscomplexobj(self.scalars.value(first))
        if name == "positive" or (name in ("real", "conjugate") and real):
            return first
        if name == "astype" and getattr(self.scalars.value(first), "dtype", None) == node.parameters["dtype"]:
            return first
        if name == "where" and self.scalars.is_number(first):
            return cells[1] if self.scalars.items[first] else cells[2]
        if name == "keep" and self.scalars.is_number(cells[1]):
            return first if self.scalars.items[cells[1]] else ZERO
        if name == "add" and ZERO in cells:
            return cells[1] if first == ZERO else first
        if name == "subtract" and ZERO in cells:
            return first if cells[1] == ZERO else self.scalars.apply("negative", cells[1])
        return ZERO if (name == "multiply" and ZERO in cells) or (name == "divide" and first == ZERO) else None

    def _verified(self, node: Node, given: list[Cells], cells: Cells) -> Cells:
        """What a recipe wrote, if it has the values that the array operation has for the same inputs.

        Sums of small whole numbers may run over where NumPy's do not; then the array's values are taken as they are.
        """
        if not cells.size:
            return cells
        inputs = [self.scalars.values(array) for array in given]
        value = np.asarray(node.primitive.execute(*inputs, **node.parameters))
        mine = self.scalars.values(cells)
        if value.dtype.kind not in "fc":
            return cells if np.array_equal(mine, node.value) else self.scalars.numbers(np.asarray(node.value))
        precision = 1e4 * float(np.finfo(value.dtype).eps)
        size = max(float(np.abs(np.where(np.isfinite(array), array, 0)).max(initial=0.0)) for array in (value, *inputs))
        if np.allclose(mine, value, rtol=precision, atol=precision * size, equal_nan=True):
            return cells
        raise UnsupportedError(
            f"expand=True writes {node.primitive.name} with scalars, and their values {mine.reshape(-1)[:3]} are not those "
            f"of the array, {value.reshape(-1)[:3]} (in {node.place}): the numbers are too large, too small or not finite for "
            "the plain formula. Derive without expand=True, which keeps the arrays."
        )

    def _note(self, node: Node) -> None:
        """Remember which elements the scalars are, and name them where the array has a name."""
        names = self.given.get(node)
        shape = self.cells[node].shape
        for number, index in enumerate(np.ndindex(shape)):
            item = self.scalars.items[int(self.cells[node][index])]
            if not isinstance(item, Traced):
                continue
            self.origins.setdefault(item.node, (node, index))
            if names is not None and item.node not in self.names:
                self.names[item.node] = names[number]
                if item.node.primitive is not INPUT:
                    item.node.label = str(names[number])
