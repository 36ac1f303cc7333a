"""A bound program run from Python: pointers written, native pieces and calls of NumPy in turn, results handed out.

This is the general way. A program that is one native piece has a faster one, the entry (see `entry`), with the same results.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.guards import GuardFailed
from chainrule.lower.program import CONSTANT, INPUT, OUTPUT, Call, View
from chainrule.run.native.bind import ENTRY_WORDS, Bound, Paced
from chainrule.run.native.entry import make_entry
from chainrule.run.native.plans import InputSpec, OutputSpec, Plan, supported
from chainrule.run.native.runner import GUARD_FAILED, STOPPED, run_address, run_table


class Instance:
    """A bound program and what Python needs to call it; one thread at a time, which holds `busy`."""

    def __init__(self, bound: Bound, inputs: Sequence[tuple[np.dtype[Any], tuple[int, ...], bool]], long: bool) -> None:
        self.bound = bound
        self.inputs = inputs  # (dtype, shape, whether it is a number)
        self.busy = threading.Lock()
        self.long = long
        self.calls = [piece for piece in bound.pieces if isinstance(piece, Call)]

    # -- the general way -----------------------------------------------------------------------------------------------
    def run(self, values: Sequence[Any]) -> list[Any]:
        """The results; GuardFailed or IndexError where the program stopped."""
        bound = self.bound
        given = [self._fitting(number, value) for number, value in enumerate(values)]
        outputs: dict[int, Any] = {}
        for number, result in enumerate(bound.program.results):
            if result.view.buffer.kind == OUTPUT:
                outputs[number] = np.empty(result.view.shape, result.dtype)
        for (kind, index), patches in bound.patches.items():
            start = (given[index] if kind == INPUT else outputs[index]).ctypes.data
            for address, shift in patches:
                position = (address - bound.words.ctypes.data) // 8
                bound.words[position] = start + shift
        self._run_pieces(given, outputs)
        return [self._result(number, values, given, outputs) for number in range(len(bound.program.results))]

    def _fitting(self, number: int, value: Any) -> Any:
        """An input as the native code reads it: in C order, aligned."""
        dtype, _, is_number = self.inputs[number]
        if is_number:
            place = self.bound.numbers[number].view(np.uint8)[: dtype.itemsize].view(dtype)
            place[0] = value
            return place
        return np.require(value, dtype, ("C", "A"))

    def _run_pieces(self, given: list[Any], outputs: dict[int, Any]) -> None:
        table = self.bound.table.ctypes.data
        with np.errstate(all="ignore"):
            for piece in self.bound.pieces:
                if isinstance(piece, Call):
                    self._call(piece, given, outputs)
                    continue
                if isinstance(piece, Paced):
                    code = self._run_paced(piece, table, given, outputs)
                else:
                    code = run_table(table + 8 * ENTRY_WORDS * piece[0], piece[1])
                if code == GUARD_FAILED:
                    raise GuardFailed(self._broken(given, outputs))
                if code:
                    raise IndexError("an index array holds a number outside of the axis that it indexes")

    def _run_paced(self, piece: Paced, table: int, given: list[Any], outputs: dict[int, Any]) -> int:
        """Run a repetition in parts, and show its progress after each of them."""
        step = piece.step
        call, _ = step.progress
        self.bound.words[piece.counter] = 0  # an earlier run may have ended in the middle
        while True:
            code = run_table(table + 8 * ENTRY_WORDS * piece.row, 1)
            if code not in (0, STOPPED):
                return code
            turns = int(self.bound.words[piece.counter]) if code else step.length
            states = []
            for (_, view), kind in zip(step.fixed, step.states, strict=False):
                array = self._array(view, kind.dtype, given, outputs)
                states.append(array[()] if kind.number else array.copy())
            call(turns, states)
            if code == 0:
                return 0

    def _broken(self, given: list[Any], outputs: dict[int, Any]) -> int | None:
        """The number of a guard that did not hold; None where it was one of a single turn of a loop."""
        for view, number in self.bound.program.guards:
            if not self._array(view, np.dtype(bool), given, outputs).all():
                return number
        return None

    def _call(self, call: Call, given: list[Any], outputs: dict[int, Any]) -> None:
        arguments = []
        for argument, kind in call.arguments:
            if kind is None:
                arguments.append(argument)
                continue
            array = self._array(argument, kind.dtype, given, outputs)
            array.flags.writeable = False
            arguments.append(array[()] if kind.number else array)
        found = call.primitive.execute(*arguments, **call.parameters)
        parts = found if call.primitive.outputs > 1 else (found,)
        for part, kind in zip(parts, call.kinds, strict=True):
            if np.shape(part) != kind.shape or np.asarray(part).dtype != kind.dtype:
                raise GuardFailed  # its result has another form for other numbers
        for view, number in zip(call.results, call.made, strict=True):
            self._array(view, call.kinds[number].dtype, given, outputs)[...] = parts[number]

    def _array(self, view: View, dtype: Any, given: list[Any], outputs: dict[int, Any]) -> Any:
        """The elements of a view as an array."""
        buffer = view.buffer
        if buffer.kind == INPUT:
            memory = given[buffer.index]
        elif buffer.kind == OUTPUT:
            memory = outputs[buffer.index]
        elif buffer.kind == CONSTANT:
            memory = buffer.value[1]
        else:
            start = self.bound.program.offsets[buffer]
            memory = self.bound.arena[start : start + buffer.size]
        if 0 in view.shape:
            return np.empty(view.shape, dtype)
        return np.ndarray(view.shape, dtype, memory.reshape(-1).view(np.uint8).data, view.offset, view.strides)

    def _result(self, number: int, values: Sequence[Any], given: list[Any], outputs: dict[int, Any]) -> Any:
        result = self.bound.program.results[number]
        if result.alias is not None:
            target = values[result.alias]
            if target is not given[result.alias]:
                np.copyto(target, given[result.alias])
            return target
        return outputs[number][()] if result.number else outputs[number]

    # -- the fast way --------------------------------------------------------------------------------------------------
    def entry(self) -> Any:
        """The entry of a program that is one native piece, of types that entries take; None for others."""
        bound, pieces = self.bound, self.bound.pieces
        piece = pieces[0] if pieces else (0, 0)
        if len(pieces) > 1 or not isinstance(piece, tuple):
            return None
        results = bound.program.results
        if not all(supported(dtype) for dtype, _, _ in self.inputs) or not all(
            supported(result.dtype) for result in results
        ):
            return None
        aliased = {result.alias for result in results}
        inputs = []
        for number, (dtype, shape, is_number) in enumerate(self.inputs):
            if is_number:
                place = bound.number_address(number)
                inputs.append(
                    InputSpec(dtype, (), "scalar" if dtype == np.float64 else "number", patches=((place, 0),))
                )
            else:
                patches = tuple(bound.patches.get((INPUT, number), ()))
                inputs.append(InputSpec(dtype, shape, "array", number in aliased, patches))
        outputs = []
        for number, result in enumerate(results):
            patches = tuple(bound.patches.get((OUTPUT, number), ()))
            if result.alias is not None:
                outputs.append(OutputSpec(result.dtype, result.view.shape, donated_from=result.alias))
            else:
                outputs.append(OutputSpec(result.dtype, result.view.shape, result.number, patches=patches))
        table = bound.table.ctypes.data + 8 * ENTRY_WORDS * piece[0]
        return make_entry(Plan(tuple(inputs), tuple(outputs), run_address(), table, piece[1], self.long, self))
