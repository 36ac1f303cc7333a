"""*One work in, the time of each entry of its native table out: where a compiled step spends its microseconds.*

    python -m benchmarks.profile_step digits
    python -m benchmarks.profile_step digits --scan
    python -m benchmarks.profile_step transformer --grouped --rounds 2000

Entries run in their order, each timed alone and less what an empty run of the table takes, so that caches are as in a
real step; the last line compares their sum with whole runs.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

import chainrule as cr
from benchmarks import works as training
from benchmarks.losses import loss_of
from benchmarks.native import problems
from benchmarks.native.formulas import PLAIN
from chainrule.lower.program import Call, Copy, Fill, Launch, Product, Repeat, Step
from chainrule.run.native.bind import ENTRY_WORDS, NativeCall
from chainrule.run.native.compiled import NativeRunnable
from chainrule.run.native.instance import Instance
from chainrule.run.native.runner import run_table

WORKS = (*training.WORKS, "sum6", "gmm3", "gmm4", "logistic", "lstm", "transformer")
LOSSES: dict[str, Callable[[], tuple[Any, Any]]] = {
    "lstm": lambda: (PLAIN.lstm, problems.lstm()),
    "transformer": lambda: (PLAIN.transformer, problems.transformer()),
    "logistic": lambda: (PLAIN.logistic, (np.zeros(problems.FEATURES), *problems.labelled())),
}


def program_of(name: str, scan: bool = False) -> tuple[Callable[..., Any], tuple[Any, ...], int]:
    """A function, its arguments, and how many of its first results take the memory of its first arguments."""
    if name in training.WORKS:
        work = training.WORKS[name]
        value_and_grad, rate = cr.value_and_grad(loss_of(work, np)), work.learning_rate

        def step(parameters: Any, inputs: Any, targets: Any) -> Any:
            loss, gradients = value_and_grad(parameters, inputs, targets)
            return [value - rate * gradient for value, gradient in zip(parameters, gradients, strict=True)], loss

        parameters = work.parameters()
        if scan:

            def epoch(parameters: Any, inputs: Any, targets: Any) -> Any:
                return cr.scan(lambda values, batch: step(values, *batch), parameters, (inputs, targets))

            return epoch, (parameters, *problems.mini_batches(name)), len(parameters)
        return step, (parameters, *work.data()), len(parameters)
    if name.startswith("sum"):
        return cr.grad(PLAIN.tanh_sum), (problems.numbers(name),), 0
    if name.startswith("gmm"):
        problem = problems.mixture(name)
        return cr.value_and_grad(PLAIN.mixture), (problem.parameters, problem.points), 0
    loss, arguments = LOSSES[name]()
    return cr.value_and_grad(loss), tuple(arguments), 0


def words(step: Step) -> str:
    """What an entry does."""
    if isinstance(step, Launch):
        names = " ".join(step.names) or "kernel"
        return f"{names}  {'×'.join(str(extent) for extent in step.extents)}"
    if isinstance(step, Product):
        form = " ".join(str(view.shape).replace(" ", "") for view in (step.first, step.second))
        return f"product  {form}" + ("  added" if step.keep else "") + ("  scaled" if step.scale is not None else "")
    if isinstance(step, Fill):
        return f"zeros  {step.buffer.size} bytes"
    if isinstance(step, Copy):
        return f"copy  {step.source.shape}"
    if isinstance(step, Repeat):
        return f"repetition  {step.length} turns"
    return f"NumPy: {step.primitive.name}"


class Profile:
    """Samples of each entry, of nothing, and of whole runs, in seconds."""

    def __init__(self, function: Callable[..., Any], arguments: Sequence[Any], aliased: int) -> None:
        self.runnable = NativeRunnable(
            cr.trace(function, *arguments), aliases={number: number for number in range(aliased)}
        )
        self.instance: Instance = self.runnable._instances[0]
        self.values = [np.array(leaf) for leaf in leaves_of(arguments)]
        self.runnable.run(self.values)
        # (words, how it runs)
        self.entries: list[tuple[str, Callable[[], Any]]] = []
        self.outputs = outputs = self.remembered_outputs()  # kept: the entries write into them
        every = self.instance.bound.calls
        inside = {id(inner) for call in every for inner in call.inner}
        outer = [call for call in every if id(call) not in inside]
        for piece in self.instance.bound.pieces:
            if isinstance(piece, Call):
                self.entries.append((words(piece), lambda call=piece: self.instance._call(call, self.values, outputs)))
                continue
            for position in range(piece[0], piece[0] + piece[1]):
                self.enter(outer[position], position, "")

    def enter(self, call: NativeCall, row: int, indent: str) -> None:
        """An entry of the table, and below a repetition those of its own table, one turn of each."""
        address = self.instance.bound.table.ctypes.data + 8 * ENTRY_WORDS * row
        self.entries.append((indent + words(call.step), lambda: run_table(address, 1)))
        for offset, inner in enumerate(call.inner):
            self.enter(inner, call.row + offset, indent + "  one turn: ")

    def remembered_outputs(self) -> dict[int, Any]:
        """Memory for the results, which the argument blocks point to from now on."""
        remembered: dict[int, Any] = {}
        original = self.instance._run_pieces

        def keep(given: list[Any], outputs: dict[int, Any]) -> None:
            remembered.update(outputs)
            self.given = given
            original(given, outputs)

        self.instance._run_pieces = keep  # type: ignore[method-assign]
        try:
            self.instance.run(self.values)
        finally:
            del self.instance._run_pieces
        return remembered

    def measure(self, rounds: int) -> tuple[list[float], float, float]:
        """Median seconds of each entry, of a run of no entry, and of a whole run."""
        clock = time.perf_counter
        samples: list[list[float]] = [[] for _ in self.entries]
        nothing, whole = [], []
        table = self.instance.bound.table.ctypes.data
        with np.errstate(all="ignore"):
            for _ in range(rounds):
                for column, (_, run) in zip(samples, self.entries, strict=True):
                    start = clock()
                    run()
                    column.append(clock() - start)
                start = clock()
                run_table(table, 0)
                nothing.append(clock() - start)
        # Only now: a whole run points the argument blocks to results of its own, which end with it.
        for _ in range(rounds):
            start = clock()
            self.runnable.run(self.values)
            whole.append(clock() - start)
        return [statistics.median(column) for column in samples], statistics.median(nothing), statistics.median(whole)


def grouped(rows: Sequence[tuple[str, str, float]]) -> list[tuple[str, str, float]]:
    """Entries that do the same are one row with their number and their sum; the longest first.

    >>> grouped([("0", "copy", 1.0), ("1", "sum", 3.0), ("2", "copy", 1.0)])
    [('1 ×', 'sum', 3.0), ('2 ×', 'copy', 2.0)]
    """
    sums: dict[str, list[float]] = {}
    for _, text, seconds in rows:
        sums.setdefault(text, []).append(seconds)
    found = [(f"{len(parts)} ×", text, sum(parts)) for text, parts in sums.items()]
    return sorted(found, key=lambda row: -row[2])


def leaves_of(value: Any) -> list[Any]:
    """The arrays of nested lists and tuples, in order."""
    if isinstance(value, list | tuple):
        return [leaf for part in value for leaf in leaves_of(part)]
    return [value]


def main(command_line: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.profile_step", description=__doc__)
    parser.add_argument("work", choices=WORKS)
    parser.add_argument("--scan", action="store_true", help="an epoch of the training step, as one call")
    parser.add_argument("--grouped", action="store_true", help="entries that do the same in one row, the longest first")
    parser.add_argument("--rounds", type=int, default=300)
    chosen = parser.parse_args(command_line)
    profile = Profile(*program_of(chosen.work, chosen.scan))
    medians, nothing, whole = profile.measure(chosen.rounds)
    total = sum(
        max(median - nothing, 0.0)
        for (text, _), median in zip(profile.entries, medians, strict=True)
        if not text.startswith(" ")  # a turn is part of its repetition
    )
    table = Table(title=f"{chosen.work}: {profile.runnable.stats}", title_justify="left")
    for column, justify in (("", "right"), ("entry", "left"), ("µs", "right"), ("%", "right")):
        table.add_column(column, justify=justify)  # type: ignore[arg-type]
    rows = [
        (str(number), text, max(median - nothing, 0.0))
        for number, ((text, _), median) in enumerate(zip(profile.entries, medians, strict=True))
    ]
    for number, text, seconds in grouped(rows) if chosen.grouped else rows:
        table.add_row(number, text, f"{1e6 * seconds:.2f}", f"{100 * seconds / total:.1f}" if total else "—")
    console = Console(width=160)
    console.print(table)
    console.print(
        f"entries together {1e6 * total:.1f} µs; a whole run from Python, general way in: {1e6 * whole:.1f} µs"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
