"""Which operations run in one loop: each joins the loop of what it reads where the same indices are walked, else it opens one.

A group walks one space of indices, its `domain`, which has no axes of length 1. A value in it varies along some of the domain's
dimensions; what is folded over the last one is a row value, which later operations of the group may use again, as softmax does. Groups
and all other steps stand in a list; an operation may join a group only if everything that it reads comes from earlier steps or is
computed in the group itself, so no cycle can arise, and the time is linear in the number of operations.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from chainrule.graph import Node
from chainrule.lower.access import Access, Literal, broadcast, natural
from chainrule.lower.gathering import Indexed

MOST_NODES = 96  # of a group: longer chains are cut, so that compile time stays linear, and alike pieces are one kernel
MOST_OPERANDS = 40
LOOK_BACK = 6  # groups of the same domain that are tried
LONG_ROW = 131071  # a single row of more elements is folded in chunks, and its fold is no row value

FOLDS = {"sum": "add", "prod": "multiply", "max": "maximum", "min": "minimum", "all": "and", "any": "or"}


@dataclass(eq=False, slots=True)
class Group:
    """Operations that run in one loop over `domain`.

    `pattern[node]` are the steps of its value along the domain's dimensions, 0 where it does not vary; `reads[node]` the accesses of
    its operands, one for each argument, along the domain; `folded[node]` the dimensions over which it is a fold.
    `gathers[node]` is the array that is indexed by values, with its steps along the domain, and step and extent of each indexed axis.
    """

    domain: tuple[int, ...]
    nodes: list[Node] = field(default_factory=list)
    pattern: dict[Node, tuple[int, ...]] = field(default_factory=dict)
    reads: dict[Node, tuple[tuple[Access, tuple[int, ...]], ...]] = field(default_factory=dict)
    folded: dict[Node, tuple[int, ...]] = field(default_factory=dict)
    closed: set[Node] = field(default_factory=set)  # folds whose value is there only after the loop
    external: set[object] = field(default_factory=set)
    gathers: dict[Node, tuple[Access, tuple[int, ...], tuple[tuple[int, int], ...]]] = field(default_factory=dict)


def without_ones(shape: Sequence[int]) -> tuple[int, ...]:
    """A shape without its axes of length 1.

    >>> without_ones((1, 3, 1, 2))
    (3, 2)
    """
    return tuple(length for length in shape if length != 1)


class Grouping:
    """The growing list of steps: groups, and opaque steps of other kinds."""

    def __init__(self) -> None:
        self.steps: list[Group | object] = []
        self.made_at: dict[Node, int] = {}
        self._by_domain: dict[tuple[int, ...], list[int]] = {}

    def add_step(self, step: object, results: Sequence[Node]) -> None:
        """A step that is no group; it comes after everything there is."""
        for node in results:
            self.made_at[node] = len(self.steps)
        self.steps.append(step)

    def earliest(self, accesses: Sequence[Access]) -> int:
        """The last step that makes one of these; −1 where they are all there from the start."""
        return max((self.made_at.get(one.base, -1) for one in accesses if isinstance(one.base, Node)), default=-1)

    def add_element(self, node: Node, operands: Sequence[Access], after: int = -1) -> None:
        """An elementwise operation, in a step that comes after `after`."""
        shape = np.shape(node.value)
        spread = [broadcast(operand, shape) for operand in operands]
        self._place(node, spread, shape, (), after)

    def add_gather(self, node: Node, found: Indexed) -> None:
        """A gather: the indices are walked like operands, the array is read as a whole."""
        self._place(node, list(found.indices), np.shape(node.value), (), self.earliest([found.source]), found)

    def add_fold(self, node: Node, operand: Access, axes: tuple[int, ...]) -> None:
        """A fold of an operand over some of its axes."""
        self._place(node, [operand], operand.shape, axes, -1)

    def _place(
        self,
        node: Node,
        operands: list[Access],
        shape: tuple[int, ...],
        axes: tuple[int, ...],
        after: int,
        found: Indexed | None = None,
    ) -> None:
        low = max(self.earliest(operands), after)
        domain = without_ones(shape)
        candidates: list[int] = []
        if low >= 0 and isinstance(self.steps[low], Group):
            candidates.append(low)
        candidates.extend(index for index in reversed(self._by_domain.get(domain, ())[-LOOK_BACK:]) if index > low)
        for index in candidates:
            group = self.steps[index]
            assert isinstance(group, Group)
            if self._join(group, index, node, operands, shape, axes, found):
                return
        group = Group(domain)
        self._by_domain.setdefault(domain, []).append(len(self.steps))
        self.steps.append(group)
        joined = self._join(group, len(self.steps) - 1, node, operands, shape, axes, found)
        assert joined, "an empty group takes any operation"

    def _join(
        self,
        group: Group,
        index: int,
        node: Node,
        operands: list[Access],
        shape: tuple[int, ...],
        axes: tuple[int, ...],
        found: Indexed | None,
    ) -> bool:
        if len(group.nodes) >= MOST_NODES or (found is not None and found.source.base in group.pattern):
            return False
        inside = [operand for operand in operands if isinstance(operand.base, Node) and operand.base in group.pattern]
        if any(operand.base in group.closed for operand in inside):
            return False
        dims = _dimensions(group, shape, inside)
        if dims is None:
            return False
        reads = []
        for operand in operands:
            steps = _along(operand, dims, len(group.domain))
            if (
                isinstance(operand.base, Node)
                and operand.base in group.pattern
                and (operand.offset != 0 or steps != group.pattern[operand.base])
            ):
                return False
            reads.append((operand, steps))
        fresh = {_key(operand, steps) for operand, steps in reads if operand.base not in group.pattern} - group.external
        if group.nodes and len(group.external) + len(fresh) > MOST_OPERANDS:
            return False
        folded = tuple(sorted(dims[axis] for axis in axes if dims[axis] is not None))  # pyright: ignore[reportArgumentType] None is left out
        result = _result_pattern(node, dims, axes, len(group.domain))
        if folded:
            last = len(group.domain) - 1
            long = len(group.domain) == 1 and group.domain[0] > LONG_ROW
            varying = [d for d, axis_dim in enumerate(dims) if axis_dim is not None]
            if len(varying) != len(group.domain):
                return False  # a fold of a row value: its group is another
            if folded != (last,) or long:
                group.closed.add(node)
        if found is not None:
            group.gathers[node] = (found.source, _along(found.source, dims, len(group.domain)), found.axes)
        group.nodes.append(node)
        group.pattern[node] = result
        group.reads[node] = tuple(reads)
        group.folded[node] = folded
        group.external |= fresh
        self.made_at[node] = index
        return True


def _key(operand: Access, steps: tuple[int, ...]) -> object:
    base = operand.base
    return (id(base.value) if isinstance(base, Literal) else base, operand.offset, steps)


def _dimensions(group: Group, shape: tuple[int, ...], inside: list[Access]) -> list[int | None] | None:
    """For each axis of a shape the dimension of the group's domain that it walks (None for length 1); None where it does not fit."""
    lengths = without_ones(shape)
    if lengths == group.domain:
        chosen = list(range(len(group.domain)))
    else:
        along = {d for operand in inside for d, step in enumerate(group.pattern[operand.base]) if step}  # pyright: ignore[reportArgumentType] inside holds nodes
        chosen = sorted(along)
        if not inside or tuple(group.domain[d] for d in chosen) != lengths:
            return None
    following = iter(chosen)
    return [None if length == 1 else next(following) for length in shape]


def _along(operand: Access, dims: list[int | None], rank: int) -> tuple[int, ...]:
    """The steps of an access, whose axes walk `dims`, along all dimensions of the domain."""
    steps = [0] * rank
    for step, d in zip(operand.steps, dims, strict=True):
        if d is not None:
            steps[d] = step
    return tuple(steps)


def _result_pattern(node: Node, dims: list[int | None], axes: tuple[int, ...], rank: int) -> tuple[int, ...]:
    """How a result, which lies in C order, is walked along the domain."""
    shape = np.shape(node.value)
    kept = [d for axis, d in enumerate(dims) if d is not None and axis not in axes]
    own = [step for step, length in zip(natural(shape), shape, strict=True) if length != 1]
    pattern = [0] * rank
    for d, step in zip(kept, own, strict=True):
        pattern[d] = step
    return tuple(pattern)


def elements(group: Group) -> int:
    """How many turns the loop of a group takes."""
    return math.prod(group.domain)
