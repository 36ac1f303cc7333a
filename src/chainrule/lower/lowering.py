"""Graph in, program out: each operation becomes part of a loop, a matrix product, a movement in memory, or a call of NumPy.

Operations are taken in the order of the graph. What only moves elements costs nothing: it changes how others read. What runs element by
element, and folds, go into groups. Everything that has no native form is called in NumPy, so every graph can be lowered.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.graph import COMPONENT, INPUT, Graph, Node
from chainrule.lower.access import MOVING, Access, Literal, is_in_order, known, moved, whole
from chainrule.lower.gathering import Scattered, indexed
from chainrule.lower.groups import FOLDS, Grouping, without_ones
from chainrule.lower.kernel import MAX_RANK, SIZES
from chainrule.lower.layout import Memory, strides_in_order
from chainrule.lower.matrix import as_matrix, readable, spread
from chainrule.lower.pieces import (
    Part,
    Pieces,
    embedded,
    find_sums,
    find_writes,
    is_basic,
    joined,
    on_diagonal,
    parts_of,
    sum_pieces,
    written,
)
from chainrule.lower.program import Product, View
from chainrule.lower.repeating import Repeated, turn_of
from chainrule.lower.running import RUNNING, running
from chainrule.lower.types import kernel_type, loop_types
from chainrule.lower.updates import Update, find_updates
from chainrule.primitive import primitives


@dataclass(frozen=True, slots=True, eq=False)
class PendingProduct:
    """node ← first @ second, or node ← target + factor · scale · first @ second."""

    node: Node
    first: Access
    second: Access
    target: Access | None = None
    factor: float = 1.0
    scale: Access | None = None

    @property
    def operands(self) -> tuple[Access, ...]:
        """Everything that it reads."""
        return tuple(one for one in (self.first, self.second, self.target, self.scale) if one is not None)

    def step(self, memory: Memory) -> Product:
        """The product on its places in memory, with all batch dimensions; it adds to its result where there is a target."""
        first, second = as_matrix(memory.view(self.first), True), as_matrix(memory.view(self.second), False)
        batch = np.broadcast_shapes(first.shape[:-2], second.shape[:-2])
        shape = (*batch, first.shape[-2], second.shape[-1])
        whole = memory.whole(self.node)
        result = View(whole.buffer, 0, shape, strides_in_order(shape, SIZES[first.type]), first.type)
        scale = None if self.scale is None else memory.view(self.scale)
        keep = 0.0 if self.target is None else 1.0
        return Product(spread(first, batch), spread(second, batch), result, self.factor, scale, keep)


@dataclass(frozen=True, slots=True, eq=False)
class Pending:
    """An operation that NumPy runs: what it reads, and the nodes of its results (the components, where there are several)."""

    node: Node
    operands: tuple[Access, ...]
    made: tuple[Node, ...]


Supported = Callable[[str, tuple[str, ...], str, Any], bool]
SAME = ("stop_gradient", "copy")  # the same numbers; graphs never write, so nothing need be copied
PUT_TOGETHER = ("embed", "concatenate", "stack", "from_diagonal")
INDEXING = ("gather", "scatter")
MOST_AXES = MAX_RANK


class Lowering:
    """Takes the operations of a graph one after the other; what becomes of them stands in `grouping`, `accesses` and `memory`."""

    def __init__(self, graph: Graph, supported: Supported, lower: Callable[..., Any], inside: bool) -> None:
        self.supported = supported
        self.lower = lower  # for the turns of loops
        self.inside = inside
        self.memory = Memory(graph.inputs)
        self.grouping = Grouping()
        self.accesses: dict[Node, Access] = {}
        # A machine without a library for large products calls NumPy for all of them.
        self.multiplying = tuple(type_ for type_ in ("f64", "f32") if supported("matmul", (type_, type_), type_, None))
        self.updates, self.skipped = find_updates(graph) if len(self.multiplying) == 2 else ({}, set())
        self.sums, summed = find_sums(graph)
        self.writes, earlier = find_writes(graph)
        self.skipped |= summed | earlier
        self.late: set[Node] = set()  # operations that must come after the step `border`
        self.border = -1
        self.components: dict[Node, list[Node]] = {}
        for node in graph.nodes:
            if node.primitive is COMPONENT and (source := node.inputs[0]) is not None:
                self.components.setdefault(source, []).append(node)

    # -- one operation after the other ---------------------------------------------------------------------------------
    def take(self, node: Node) -> None:
        """Lower one operation."""
        name = node.primitive.name
        if node.primitive is INPUT:
            self.accesses[node] = whole(node)
            return
        if node in self.skipped:
            return
        if node in self.sums:
            self._put_together(sum_pieces(node, [(part, self._operand(part, 0)) for part in self.sums[node]]))
            return
        if node in self.writes:
            self._put_together(self._written(self.writes[node]))
            return
        if node in self.updates:
            self._update(node, self.updates[node])
            return
        if node.primitive is COMPONENT:
            return  # made by the call of its source
        if name == "scan" and self._repeats(node):
            return
        if node.primitive.outputs > 1 or np.size(node.value) == 0 or kernel_type(node.value) is None:
            self._call(node)
            return
        if name in MOVING:
            self.accesses[node] = self._moved(node)
        elif name in SAME and kernel_type(node.arguments[0]) == kernel_type(node.value):
            self.accesses[node] = self._operand(node, 0)
        elif (
            (name in FOLDS and self._folds(node))
            or (node.primitive.elementwise and self._maps(node))
            or (name == "matmul" and self._multiplies(node))
            or (name in RUNNING and self._runs(node))
        ):
            self.accesses[node] = whole(node)
        elif not (name in PUT_TOGETHER and self._made_of_pieces(node)) and not (
            name in INDEXING and self._indexes(node)
        ):
            self._call(node)

    def _operand(self, node: Node, index: int) -> Access:
        source = node.inputs[index]
        return known(node.arguments[index]) if source is None else self.accesses[source]

    def _operands(self, node: Node) -> list[Access]:
        return [self._operand(node, index) for index in range(len(node.inputs))]

    def _moved(self, node: Node) -> Access:
        source = self._operand(node, 0)
        found = moved(node, source)
        if found is None:
            found = moved(node, self.copied(source))
        assert found is not None, "an array in C order can always be reshaped"
        return found

    def copied(self, access: Access) -> Access:
        """The same elements in an array of their own, in C order."""
        value = np.broadcast_to(np.zeros((), np.asarray(access.base.value).dtype), access.shape)
        source = access.base if isinstance(access.base, Node) else None
        node = Node.of(primitives["copy"], (source,), (access.base.value,), {}, value)
        if kernel_type(value) is None:
            self.grouping.add_step(Pending(node, (access,), (node,)), [node])  # of a type that only NumPy knows
        else:
            self.grouping.add_element(node, [access])
        return whole(node)

    def _maps(self, node: Node) -> bool:
        if len(without_ones(np.shape(node.value))) > MOST_AXES:
            return False
        types = loop_types(node)
        if types is None:
            return False
        taken, result = types
        name = "cast" if node.primitive.name in ("astype", "astype_of_counts") else node.primitive.name
        operands = self._operands(node)
        if any(kernel_type(operand.base.value) is None for operand in operands):
            return False
        detail = tuple(sorted(node.parameters.items())) or None
        if name != "cast" and not self.supported(name, taken, result, detail):
            return False
        self.grouping.add_element(node, operands, self.border if node in self.late else -1)
        return True

    def _folds(self, node: Node) -> bool:
        operand = self._operand(node, 0)
        if (
            0 in operand.shape
            or kernel_type(operand.base.value) is None
            or len(without_ones(operand.shape)) > MOST_AXES
        ):
            return False
        type_ = kernel_type(node.value)
        if FOLDS[node.primitive.name] in ("maximum", "minimum") and type_ == "b1":
            return False
        axes = node.parameters.get("axis")
        if not isinstance(axes, tuple):
            return False
        rank = len(operand.shape)
        self.grouping.add_fold(node, operand, tuple(axis % rank for axis in axes) if rank else ())
        return True

    def _made_of_pieces(self, node: Node) -> bool:
        """Whether an operation puts an array together from others, of types that kernels know."""
        operands = self._operands(node)
        if any(kernel_type(operand.base.value) is None for operand in operands) or np.ndim(node.value) > MOST_AXES:
            return False
        name = node.primitive.name
        if name == "embed" and not is_basic(node.parameters["index"]):
            return False
        make = {"embed": lambda: embedded(node, operands[0]), "from_diagonal": lambda: on_diagonal(node, operands[0])}
        self._put_together(make.get(name, lambda: joined(node, operands))())
        return True

    def _written(self, chain: list[Node]) -> Pieces:
        """A chain of writes as the array that is there in the end."""
        parts: list[Part] = []
        for node in chain:
            values = (self._operand(node, index) for index in range(1, len(node.inputs)))
            found = parts_of(chain[-1], node, [whole(node), *values])
            assert found is not None, "only writes that kernels know are chained"
            parts += found
        return written(chain[-1], parts, self._operand(chain[0], 0))

    def _repeats(self, node: Node) -> bool:
        """Whether a loop can be repeated natively."""
        shows_progress = node.parameters.get("progress") is not None
        if node.parameters["length"] == 0 or (shows_progress and self.inside):
            return False  # Python is called between the turns of the outermost loop only
        made = {part.parameters["index"]: part for part in self.components.get(node, [])}
        found = turn_of(node, made, self.lower)
        if found is None:
            return False
        body, stacked = found
        loop = node.parameters["loop"]
        operands = self._operands(node)
        ends = loop.states + loop.items
        items = tuple(
            one if is_in_order(one.shape[1:], one.steps[1:]) else self.copied(one)
            for one in operands[loop.states : ends]
        )
        captured = tuple(one if is_in_order(one.shape, one.steps) else self.copied(one) for one in operands[ends:])
        for part in made.values():
            self.accesses[part] = whole(part)
        repeated = Repeated(node, body, tuple(operands[: loop.states]), items, captured, made, stacked)
        self.grouping.add_step(repeated, list(made.values()))
        return True

    def _indexes(self, node: Node) -> bool:
        """Whether an operation reads or adds by index arrays in a way that kernels know."""
        operand, *arrays = self._operands(node)
        kinds = [kernel_type(array.base.value) for array in arrays]
        if kernel_type(operand.base.value) is None or any(kind not in ("i64", "i32") for kind in kinds):
            return False
        pattern = node.parameters["pattern"]
        found = indexed(operand if node.primitive.name == "gather" else whole(node), pattern, arrays)
        if found is None or len(without_ones(found.source.shape)) > MOST_AXES:
            return False
        if node.primitive.name == "gather":
            self.grouping.add_gather(node, found)
        else:
            self.grouping.add_step(Scattered(node, operand, found), [node])
        self.accesses[node] = whole(node)
        return True

    def _runs(self, node: Node) -> bool:
        """Whether kernels know a running sum, product or recurrence."""
        found = running(node, self._operands(node))
        if found is not None:
            self.grouping.add_step(found, [node])
        return found is not None

    def _put_together(self, pieces: Pieces) -> None:
        self.grouping.add_step(pieces, [pieces.node])
        self.accesses[pieces.node] = whole(pieces.node)

    def _multiplies(self, node: Node) -> bool:
        if kernel_type(node.value) not in self.multiplying:
            return False
        if any(getattr(argument, "dtype", None) != node.value.dtype for argument in node.arguments):
            return False
        product = PendingProduct(
            node, self._readable(self._operand(node, 0), True), self._readable(self._operand(node, 1), False)
        )
        self.grouping.add_step(product, [node])
        return True

    def _readable(self, access: Access, first: bool) -> Access:
        """An operand of a product as it lies, or a copy of it where it cannot be read so."""
        return access if readable(as_matrix(self.memory.view(access), first)) else self.copied(access)

    def _update(self, node: Node, update: Update) -> None:
        """target ± scale · first @ second as one product that adds to the target."""
        product = update.product
        operands = [self._readable(self._operand(product, index), index == 0) for index in (0, 1)]
        scale = update.scale
        number = None if scale is None else whole(scale) if isinstance(scale, Literal) else self.accesses[scale]
        pending = PendingProduct(node, operands[0], operands[1], self.accesses[update.target], update.factor, number)
        self.grouping.add_step(pending, [node])
        self.accesses[node] = whole(node)

    def _call(self, node: Node) -> None:
        made = self.components.get(node, []) if node.primitive.outputs > 1 else [node]
        self.grouping.add_step(Pending(node, tuple(self._operands(node)), tuple(made)), made)
        for part in made:
            self.accesses[part] = whole(part)
