"""Running sums and products, and linear recurrences: loops whose rows are done in order, each reading what the one before has written."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from chainrule.graph import Node
from chainrule.lower.access import Access
from chainrule.lower.assemble import Draft, chunks_of, launch, move
from chainrule.lower.kernel import MAX_RANK, Instruction
from chainrule.lower.layout import Memory
from chainrule.lower.program import Launch, View
from chainrule.lower.types import kernel_type

RUNNING = {"cumsum": "add", "cumprod": "multiply", "recurrence": "add"}


@dataclass(frozen=True, slots=True, eq=False)
class Running:
    """node[t] ← node[t − 1] (times `factor[t]`) combined with `value[t]`, along `axis`."""

    node: Node
    value: Access
    factor: Access | None
    axis: int

    @property
    def operands(self) -> tuple[Access, ...]:
        """Everything that it reads."""
        return (self.value,) if self.factor is None else (self.value, self.factor)

    def steps(self, memory: Memory) -> list[Launch]:
        """The first elements copied, and the loop over the others."""
        result, value = memory.whole(self.node), memory.view(self.value)
        steps = [move(_part(value, self.axis, 0, 1), _part(result, self.axis, 0, 1))]
        length = result.shape[self.axis]
        if length == 1:
            return steps
        target = _part(result, self.axis, 1, length)
        before = _part(result, self.axis, 0, length - 1)
        views = [target, before, _part(value, self.axis, 1, length)]
        if self.factor is not None:
            views.append(_part(memory.view(self.factor), self.axis, 1, length))
        outer, inner = (_merged(views, axes) for axes in self._other_axes())
        rows = (length - 1, tuple(view.strides[self.axis] for view in views))
        # What runs in order must not be the innermost dimension, which is done several elements at a time.
        dims = [*outer, rows, *(inner or [(1, (0,) * len(views))])]
        lengths = tuple(size for size, _ in dims)
        draft = Draft(lengths)
        walks = [tuple(strides[number] for _, strides in dims) for number in range(len(views))]
        loaded = [
            draft.cast(draft.load(view, walk), result.type) for view, walk in zip(views[1:], walks[1:], strict=True)
        ]
        total, given = loaded[:2]
        if self.factor is not None:
            total = draft.emit(Instruction("multiply", result.type, (loaded[2], total)))
            total, given = given, total
        combined = draft.emit(Instruction(RUNNING[self.node.primitive.name], result.type, (total, given)))
        draft.store(combined, target, walks[0])
        return [
            *steps,
            launch(draft, lengths, chunks_of(lengths)[0] if outer else lengths[0], (self.node.primitive.name,)),
        ]

    def _other_axes(self) -> tuple[range, range]:
        return range(self.axis), range(self.axis + 1, np.ndim(self.node.value))


def running(node: Node, operands: list[Access]) -> Running | None:
    """The loop of a running operation; None where kernels do not know its types, or it has too many axes."""
    kinds = {kernel_type(operand.base.value) for operand in operands}
    if None in kinds or kernel_type(node.value) in (None, "b1") or np.ndim(node.value) >= MAX_RANK:
        return None
    factor = operands[0] if node.primitive.name == "recurrence" else None
    axis = node.parameters["axis"] % np.ndim(node.value)
    shapes = {operand.shape for operand in operands}
    return Running(node, operands[-1], factor, axis) if shapes == {np.shape(node.value)} else None


def _part(view: View, axis: int, start: int, stop: int) -> View:
    """The elements from start to stop along an axis."""
    shape = (*view.shape[:axis], stop - start, *view.shape[axis + 1 :])
    return replace(view, offset=view.offset + start * view.strides[axis], shape=shape)


def _merged(views: list[View], axes: range) -> list[tuple[int, tuple[int, ...]]]:
    """(length, stride of each view) of axes that are walked as one where all views allow it; without axes of length 1."""
    found: list[tuple[int, tuple[int, ...]]] = []
    for axis in axes:
        length, strides = views[0].shape[axis], tuple(view.strides[axis] for view in views)
        if length == 1:
            continue
        if found and all(above == own * length for above, own in zip(found[-1][1], strides, strict=True)):
            found[-1] = (found[-1][0] * length, strides)
        else:
            found.append((length, strides))
    return found
