"""A lowered program run in plain NumPy, step by step: what a program means, and the judge of every back end that runs one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from chainrule.lower.kernel import FIXED, NUMPY_NAMES
from chainrule.lower.program import CONSTANT, OUTPUT, Buffer, Call, Copy, Launch, Product, Program, View
from chainrule.lower.program import INPUT as GIVEN
from chainrule.primitive import primitives

UFUNCS = {
    "add": np.add,
    "multiply": np.multiply,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "and": np.logical_and,
    "or": np.logical_or,
}


class GuardError(Exception):
    """A `require` did not hold."""


def neutral(fold: str, dtype: np.dtype[Any]) -> Any:
    """What changes nothing in a fold."""
    if fold in ("add", "or"):
        return dtype.type(0)
    if fold in ("multiply", "and"):
        return dtype.type(1)
    if dtype.kind == "f":
        return dtype.type(-np.inf if fold == "maximum" else np.inf)
    limits = np.iinfo(dtype)
    return dtype.type(limits.min if fold == "maximum" else limits.max)


class Machine:
    """The memory of one run."""

    def __init__(self, program: Program, inputs: list[Any]) -> None:
        self.program = program
        self.arena = np.full(
            program.arena + 64, 0xA5, np.uint8
        )  # garbage, so that reading what was never written shows
        self.inputs = [np.array(value, order="C") for value in inputs]
        self.outputs: dict[Buffer, Any] = {}

    def bytes(self, buffer: Buffer) -> Any:
        if buffer.kind == GIVEN:
            return self.inputs[buffer.index].reshape(-1).view(np.uint8)
        if buffer.kind == CONSTANT:
            return buffer.value[1].reshape(-1).view(np.uint8)
        if buffer.kind == OUTPUT:
            return self.outputs.setdefault(buffer, np.full(buffer.size, 0xA5, np.uint8))
        start = self.program.offsets[buffer]
        return self.arena[start : start + buffer.size]

    def array(self, view: View, dtype: Any = None) -> Any:
        memory = self.bytes(view.buffer)
        kind = np.dtype(dtype or NUMPY_NAMES[view.type])
        if view.buffer.size == 0:
            return np.zeros(view.shape, kind)
        assert 0 <= view.offset < view.buffer.size
        return as_strided(memory[view.offset : view.offset + kind.itemsize].view(kind), view.shape, view.strides)


def run_program(program: Program, inputs: list[Any]) -> list[Any]:
    """The results of a program."""
    machine = Machine(program, inputs)
    with np.errstate(all="ignore"):
        for step in program.steps:
            if isinstance(step, Launch):
                run_launch(machine, step)
            elif isinstance(step, Product):
                run_product(machine, step)
            elif isinstance(step, Copy):
                machine.array(step.target)[...] = machine.array(step.source).reshape(step.target.shape)
            elif isinstance(step, Call):
                run_call(machine, step)
            else:
                machine.bytes(step.buffer)[...] = 0
    results = []
    for result in program.results:
        array = machine.array(result.view, result.dtype).copy()
        results.append(array[()] if result.number else array)
    return results


def run_product(machine: Machine, step: Product) -> None:
    first, second, target = (machine.array(view) for view in (step.first, step.second, step.result))
    change = step.factor * (first @ second)
    if step.scale is not None:
        change = change * machine.array(step.scale)
    target[...] = change if step.keep == 0.0 else target * step.keep + change


def run_call(machine: Machine, step: Call) -> None:
    arguments = []
    for argument, kind in step.arguments:
        if kind is None:
            arguments.append(argument)
        else:
            array = machine.array(argument, kind.dtype)
            arguments.append(array[()] if kind.number else array)
    found = step.primitive.execute(*arguments, **step.parameters)
    parts = found if step.primitive.outputs > 1 else (found,)
    for view, number in zip(step.results, step.made, strict=True):
        machine.array(view, np.asarray(parts[number]).dtype)[...] = parts[number]


def kept_in_order(step: Launch) -> bool:
    """Whether a loop reads what its earlier rows have written, so that its rows must be done in order."""
    written = {step.views[number].buffer: step.views[number].offset for number in step.writes}
    return any(
        written.get(view.buffer, view.offset) != view.offset
        for number, view in enumerate(step.views)
        if number not in step.writes
    )


def run_launch(machine: Machine, step: Launch) -> None:
    if kept_in_order(step):
        for place in np.ndindex(*step.extents[:-1]):
            views = tuple(
                replace(
                    view, offset=view.offset + sum(i * stride for i, stride in zip(place, view.strides, strict=False))
                )
                for view in step.views
            )
            run_chunk(machine, replace(step, views=views, extents=(1,) * len(place) + step.extents[-1:]), 0, 1, 0)
        return
    first = step.extents[0]
    begins = range(0, first, step.chunk) if first > step.chunk else (0,)
    for number, begin in enumerate(begins):
        run_chunk(machine, step, begin, min(begin + step.chunk, first), number)


def run_chunk(machine: Machine, step: Launch, begin: int, end: int, number: int) -> None:
    kernel = step.kernel
    lengths = (end - begin, *step.extents[1:])

    def place(operand: int) -> Any:
        view = step.views[operand]
        shift = number * step.partial[operand] if kernel.operands[operand].partial else 0
        offset = view.offset + shift + begin * view.strides[0]
        for d, (kind, stride) in enumerate(zip(kernel.operands[operand].steps, view.strides, strict=True)):
            assert (kind == FIXED) == (stride == 0), (d, kind, stride)
        return machine.array(View(view.buffer, offset, lengths, view.strides, view.type))

    values: list[Any] = []
    for instruction in kernel.instructions:
        given = [values[argument] for argument in instruction.arguments]
        operation = instruction.operation
        dtype = np.dtype(NUMPY_NAMES[instruction.type]) if instruction.type else None
        if operation == "load":
            value = place(instruction.operand).copy()
        elif operation == "literal":
            value = np.array(instruction.detail, dtype)
        elif operation == "reduce":
            full = np.broadcast_to(given[0], lengths)
            value = UFUNCS[instruction.detail].reduce(
                full, axis=-1, keepdims=True, initial=neutral(instruction.detail, dtype)
            )
        elif operation == "store":
            place(instruction.operand)[...] = given[0]
            value = None
        elif operation == "accumulate":
            over = tuple(d for d, kind in enumerate(kernel.operands[instruction.operand].steps) if kind == FIXED)
            target = place(instruction.operand)
            last = len(lengths) - 1
            full = given[0]
            if full.ndim and full.shape[-1] == 1 and lengths[-1] != 1 and last in over:
                over, full = over[:-1] if over[-1] == last else over, np.broadcast_to(full, (*lengths[:-1], 1))
            else:
                full = np.broadcast_to(full, lengths)
            fold = instruction.detail
            target[...] = UFUNCS[fold].reduce(full, axis=over, keepdims=True, initial=neutral(fold, full.dtype))
            value = None
        elif operation in ("gather", "scatter"):
            value = run_indexed(machine, step, instruction, given, begin, lengths)
        elif operation == "require":
            if not np.all(given[0]):
                raise GuardError
            value = None
        elif operation == "cast":
            value = np.asarray(given[0]).astype(dtype)
        else:
            value = np.asarray(primitives[operation].execute(*given, **dict(instruction.detail or ())))
            assert value.dtype == dtype, (operation, value.dtype, dtype)
        values.append(value)


def run_indexed(
    machine: Machine, step: Launch, instruction: Any, given: list[Any], begin: int, lengths: tuple[int, ...]
) -> Any:
    """A gather or a scatter, element by element."""
    operand = step.kernel.operands[instruction.operand]
    view = step.views[instruction.operand]
    rank = len(lengths)
    memory = machine.bytes(view.buffer)
    scattering = instruction.operation == "scatter"
    kind = np.dtype(NUMPY_NAMES[operand.type])
    indices = [np.broadcast_to(index, lengths) for index in (given[1:] if scattering else given)]
    result = np.zeros(lengths, kind)
    for place in np.ndindex(*lengths):
        at = (
            view.offset
            + begin * view.strides[0]
            + sum(i * stride for i, stride in zip(place, view.strides, strict=False))
        )
        for axis, index in enumerate(indices):
            number, extent = int(index[place]), view.shape[rank + axis]
            assert -extent <= number < extent
            at += number % extent * view.strides[rank + axis]
        element = memory[at : at + kind.itemsize].view(kind)
        if scattering and instruction.detail == "set":
            element[...] = np.broadcast_to(given[0], lengths)[place]
        elif scattering:
            element += np.broadcast_to(given[0], lengths)[place]
        else:
            result[place] = element[0]
    return None if scattering else result
