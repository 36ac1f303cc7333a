"""*Results in, the same tables for the terminal and for `docs/benchmarks.md` out.*

The layout is fixed and holds nothing but the results, so that the difference of two pages is a difference of numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks import goals, timing
from benchmarks.contest import Entry
from benchmarks.goals import Goal
from benchmarks.machine import busy
from benchmarks.peers import PEERS
from benchmarks.scalar_graph import OPERATIONS
from benchmarks.timing import Spread
from benchmarks.works import CALLS, WORKS


@dataclass(frozen=True)
class Results:
    """One run: where, what, how long."""

    machine: dict[str, Any]
    entries: list[Entry]
    measures: dict[str, Any]

    @property
    def goals(self) -> list[Goal]:
        return goals.judge(self.entries, self.measures)

    def as_dictionary(self) -> dict[str, Any]:
        return {
            "machine": self.machine,
            "entries": [vars(entry) for entry in self.entries],
            "measures": self.measures,
            "goals": [goal.as_dictionary() for goal in self.goals],
        }

    @classmethod
    def from_dictionary(cls, record: Mapping[str, Any]) -> Results:
        return cls(record["machine"], [Entry(**entry) for entry in record["entries"]], record["measures"])


@dataclass(frozen=True)
class Grid:
    """A table before it is drawn: a title, a sentence, column names and rows of text."""

    title: str
    sentence: str
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]


def markdown(grid: Grid) -> str:
    """One table with its heading and its sentence."""
    lines = [f"## {grid.title}", "", grid.sentence, ""]
    lines.append("| " + " | ".join(column or " " for column in grid.columns) + " |")
    lines.append("|---" + "|---:" * (len(grid.columns) - 1) + "|")
    lines += ["| " + " | ".join(row) + " |" for row in grid.rows]
    return "\n".join(lines) + "\n"


def microseconds(seconds: float) -> str:
    """Three significant digits or whole microseconds, thousands set apart by a narrow space."""
    value = seconds * 1e6
    digits = 2 if value < 10 else 1 if value < 100 else 0
    return f"{value:,.{digits}f}".replace(",", "\u202f")


def number(value: float) -> str:
    """A ratio with two digits after the point, fewer from 100 on.

    >>> number(2.345), number(1234.5)
    ('2.35', '1234')
    """
    return f"{value:.2f}" if abs(value) < 100 else f"{value:.0f}"


def with_quartiles(figure: Spread, suffix: str = "") -> str:
    """The median with its quartiles, as in `1.20 (1.18–1.25)`."""
    return f"{number(figure.median)}{suffix} ({number(figure.lower)}–{number(figure.upper)})"


def time_grid(entries: Sequence[Entry]) -> Grid:
    """Peers down, works across, median microseconds of one training step."""
    works = [name for name in WORKS if any(entry.work == name for entry in entries)]
    cells = {(entry.peer, entry.work): entry for entry in entries}
    rows: list[tuple[str, ...]] = []
    for peer in PEERS:
        if not any((peer, work) in cells for work in works):
            continue
        row = [PEERS[peer].title]
        for work in works:
            entry = cells.get((peer, work))
            row.append("—" if entry is None else cell(entry))
        rows.append(tuple(row))
    return Grid("Training steps", "Microseconds of one step, median.", ("", *works), rows)


def cell(entry: Entry) -> str:
    return microseconds(timing.spread(entry.samples).median) if entry.samples else entry.status


def ratio_grid(entries: Sequence[Entry]) -> Grid:
    """Peers down, works across: the peer's time over chainrule's."""
    works = [name for name in WORKS if any(entry.work == name and entry.peer == "ours" for entry in entries)]
    rows: list[tuple[str, ...]] = []
    for peer in PEERS:
        ratios = [goals.between(entries, work, peer, "ours") for work in works]
        if peer != "ours" and any(ratios):
            rows.append((PEERS[peer].title, *("—" if ratio is None else with_quartiles(ratio) for ratio in ratios)))
    sentence = "The peer's time over chainrule's, round by round: median (quartiles). Above 1, chainrule is faster."
    return Grid("Against chainrule", sentence, ("", *works), rows)


def scalar_grid(entries: Sequence[Entry]) -> Grid:
    """Nanoseconds per operation of the random scalar graph."""
    rows = []
    for entry in entries:
        if entry.work == "scalars":
            figure = f"{timing.spread(entry.samples).median / OPERATIONS * 1e9:.0f}" if entry.samples else entry.status
            ratio = goals.between(entries, "scalars", entry.peer, "with_micrograd")
            rows.append((PEERS[entry.peer].title, figure, "—" if ratio is None else with_quartiles(ratio)))
    sentence = (
        f"The same random graph of {OPERATIONS} operations on single numbers (add, multiply, square, ReLU), "
        "forward and backward, per operation."
    )
    return Grid("Scalar define-by-run", sentence, ("", "ns per operation", "over micrograd"), rows)


def passes_grid(passes: Mapping[str, Mapping[str, Sequence[float]]]) -> Grid:
    """What the backward pass costs against the plain forward pass."""
    rows = [
        (
            work,
            *(
                microseconds(timing.spread(samples[part]).median)
                for part in ("forward", "recording", "backward", "whole")
            ),
            with_quartiles(timing.ratio(samples["backward"], samples["forward"])),
            with_quartiles(timing.ratio(samples["whole"], samples["forward"])),
        )
        for work, samples in passes.items()
    ]
    sentence = (
        "Microseconds. Forward: the user's loss by NumPy alone, on plain arrays. Recording: `cr.vjp`, which runs the "
        "loss and keeps its graph. Backward: the pullback that `cr.vjp` returned, called with 1.0. Whole: "
        "`cr.value_and_grad`. The goal is judged twice: over the recorded forward pass, which is what a step runs, and "
        "over NumPy's own, which records nothing."
    )
    columns = ("", "forward", "recording", "backward", "whole", "backward / forward", "whole / forward")
    return Grid("Backward and forward", sentence, columns, rows)


def dispatch_grid(cases: Mapping[str, Mapping[str, Sequence[float]]]) -> Grid:
    """Each function under NumPy's name and under ours."""
    rows = [
        (
            name,
            microseconds(timing.spread(case["numpy"]).median),
            microseconds(timing.spread(case["own"]).median),
            with_quartiles(timing.ratio(case["numpy"], case["own"])),
        )
        for name, case in cases.items()
    ]
    if cases:
        through_numpy, through_own = (
            microseconds(sum(timing.spread(case[side]).median for case in cases.values())) for side in ("numpy", "own")
        )
        rows.append(("all together", through_numpy, through_own, with_quartiles(goals.dispatch_ratio(cases))))
    sentence = (
        f"Microseconds of one gradient (`cr.grad`) of a function that calls the named one {CALLS} times on 8 × 8 arrays "
        "and adds up, first through NumPy's name, then through chainrule's function straight."
    )
    return Grid(
        "NumPy's functions and our own", sentence, ("", "NumPy's name", "our own", "NumPy's name / our own"), rows
    )


def capture_grid(capture: Mapping[str, Mapping[str, Any]]) -> Grid:
    """What names and lines add to the recorded forward pass."""
    rows = [
        (
            work,
            str(samples["operations"]),
            *(microseconds(timing.spread(samples[part]).median) for part in ("recorded", "without")),
            with_quartiles(goals.added_percent(samples["recorded"], samples["without"]), " %"),
            with_quartiles(goals.added_percent(samples["again"], samples["recorded"]), " %"),
            nanoseconds_each(samples),
        )
        for work, samples in capture.items()
    ]
    sentence = (
        "Microseconds of the forward pass that `cr.value_and_grad` records, as it is, and by the same engine loaded a second "
        "time with the statements cut out of its source that keep, for each operation, the place in the user's code (from "
        "which line and name are read when somebody asks), and for each part of an argument its path. The two take turns in "
        "one process; the control is a third copy, as it is, against the first: what no difference looks like."
    )
    columns = ("", "operations", "recorded", "without", "added", "control", "ns per operation")
    return Grid("Names and lines", sentence, columns, rows)


def nanoseconds_each(samples: Mapping[str, Any]) -> str:
    """What names and lines cost for each operation; a dash where the difference drowns in the quartiles of the pass."""
    differences = [
        (recorded - without) / samples["operations"] * 1e9
        for recorded, without in zip(samples["recorded"], samples["without"], strict=True)
    ]
    figure = timing.spread(differences)
    return f"{figure.median:.0f}" if figure.lower > 0 else "—"


def summary_grid(summary: Mapping[str, Sequence[Mapping[str, Any]]]) -> Grid:
    """How long derivations take, and how they grow."""
    rows: list[tuple[str, ...]] = []
    for program, entries in summary.items():
        first = min(entries, key=lambda entry: entry["operations"])
        for entry in entries:
            seconds = timing.spread(entry["seconds"]).median
            growth = (seconds / entry["operations"]) / (timing.spread(first["seconds"]).median / first["operations"])
            rows.append(
                (
                    program,
                    str(entry["operations"]),
                    f"{seconds:.3f}",
                    f"{seconds / entry['operations'] * 1e6:.0f}",
                    number(growth),
                    str(entry["bytes"]),
                    str(entry["checked"]),
                )
            )
    sentence = (
        'Seconds of `cr.derive(f, 0.5, level="summary")` and its `.text()`, median of three; growth is the time per operation '
        "over that of the shortest program. Loop: four operations a turn. Sines: one a turn. Statements: as many distinct "
        "statements, each one operation on the last value and an earlier one. Checked: the equalities that were evaluated."
    )
    columns = ("", "operations", "seconds", "µs per operation", "growth", "bytes of text", "checked")
    return Grid("Derivations", sentence, columns, rows)


def trace_grid(traces: Mapping[str, Mapping[str, Sequence[float]]]) -> Grid:
    """What looking on costs."""
    rows = [
        (
            program,
            *(microseconds(timing.spread(samples[part]).median) for part in ("recorded", "traced")),
            with_quartiles(timing.ratio(samples["traced"], samples["recorded"])),
        )
        for program, samples in traces.items()
    ]
    sentence = (
        "Microseconds. Recorded: the forward pass as a gradient records it. Traced: `cr.trace` of the same program, the "
        "longest of the table above, which looks at each call and return for the names of results, and makes the graph."
    )
    return Grid("Looking on", sentence, ("", "recorded", "traced", "traced / recorded"), rows)


def import_grid(samples: Mapping[str, Sequence[float]]) -> Grid:
    """What the import costs."""
    rows = [
        (label, with_quartiles(timing.spread([1e3 * sample for sample in samples[key]]), " ms"))
        for label, key in (("import numpy", "numpy"), ("then import chainrule", "import"))
    ]
    return Grid(
        "Import",
        f"Each in {len(samples['import'])} fresh processes, bytecode cached.",
        ("", "median (quartiles)"),
        rows,
    )


def goal_grid(judged: Iterable[Goal]) -> Grid:
    """The claims and what became of them."""
    rows = []
    for goal in judged:
        figure = "—" if goal.figure is None else with_quartiles(goal.figure, f" {goal.unit}".rstrip())
        bound = f"{'≤' if goal.at_most else '≥'} {goal.bound:g} {goal.unit}".rstrip()
        rows.append((goal.claim, bound, figure, goal.verdict))
    sentence = "Judged by the median; quartiles in brackets."
    return Grid("Goals", sentence, ("claim", "goal", "measured", "verdict"), rows)


def grids(results: Results) -> list[Grid]:
    """All tables of a run that have rows, goals first."""
    measures = results.measures
    tables = [
        goal_grid(goal for goal in results.goals if goal.figure is not None or results.machine["whole"]),
        time_grid(results.entries),
        ratio_grid(results.entries),
        passes_grid(measures.get("passes", {})),
        scalar_grid(results.entries),
        dispatch_grid(measures.get("dispatch", {})),
        capture_grid(measures.get("reading", {}).get("capture", {})),
        summary_grid(measures.get("reading", {}).get("summary", {})),
        trace_grid(measures.get("reading", {}).get("trace", {})),
    ]
    if "imports" in measures:
        tables.append(import_grid(measures["imports"]))
    return [table for table in tables if table.rows]


def remarks(results: Results) -> list[str]:
    """What is missing from the tables, and why."""
    sentences = [
        f"{PEERS[peer].title} was left out: {reason}."
        for peer, reason in {entry.peer: entry.reason for entry in results.entries if entry.status == "skipped"}.items()
    ]
    sentences += [
        f"{PEERS[entry.peer].title} on {entry.work} {entry.status}: {entry.reason.rstrip('.')}."
        for entry in results.entries
        if entry.bad
    ]
    sentences += [
        f"The measurement of {name} failed: {reason.rstrip('.')}."
        for name, reason in results.measures.get("failed", {}).items()
    ]
    if busy(results.machine):
        sentences.append(
            f"Other work was running (load {results.machine['load']:.2f} at the start): compare ratios, not times."
        )
    return sentences


def print_tables(results: Results, console: Console) -> None:
    """The whole report on the terminal."""
    print_grids(grids(results), console)
    print_remarks(remarks(results), console)


def print_grids(tables: Iterable[Grid], console: Console) -> None:
    for grid in tables:
        table = Table(title=grid.title, caption=grid.sentence, title_justify="left", caption_justify="left")
        for position, column in enumerate(grid.columns):
            table.add_column(column, justify="right" if position else "left")
        for row in grid.rows:
            table.add_row(*row, style="red" if "not reached" in row else None)
        console.print(table)


def print_remarks(sentences: Iterable[str], console: Console) -> None:
    for sentence in sentences:
        console.print(sentence, style="yellow")
