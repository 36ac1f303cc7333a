"""*What was measured in, tables for the terminal and for the page out.*"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks import timing
from benchmarks.goals import Goal
from benchmarks.native import judge
from benchmarks.native.works import FRESH, TITLES, WORKS
from benchmarks.report import Grid, microseconds, number, with_quartiles


def grids(measured: Mapping[str, Any]) -> list[Grid]:
    """All tables that have rows: the bounds, the times by number of threads, and the fresh processes."""
    tables: list[Grid] = []
    for threads in measured["timed"]:
        fresh = judge.fresh_goals(measured["fresh"]) if threads == "default" else []
        tables.append(bound_grid(threads, [*judge.judge(measured, threads), *fresh]))
    tables += [time_grid(threads, results) for threads, results in measured["timed"].items()]
    tables += [
        first_grid(measured["fresh"]),
        chain_grid(measured["fresh"]),
        memory_grid(measured["fresh"]),
        batch_grid(measured["fresh"]),
    ]
    return [table for table in tables if table.rows]


def heading(name: str, threads: str) -> str:
    return (
        name if threads == "default" else f"{name}, {'one thread' if threads == '1' else threads + ' threads'} for all"
    )


def bound_grid(threads: str, goals: Sequence[Goal]) -> Grid:
    """Each bound with its figure and verdict; what was not measured is left out."""
    rows = [
        (goal.claim, f"≤ {fraction(goal.bound)} {goal.unit}".rstrip(), amount(goal), goal.verdict)
        for goal in goals
        if goal.figure is not None
    ]
    sentence = (
        "Ratios within a round, judged by the median; quartiles in brackets. Of a peer's forms the fastest counts: PyTorch as lean "
        "calls or as modules, JAX awaited at each call or at the end."
    )
    return Grid(heading("Native code: bounds", threads), sentence, ("", "bound", "measured", "verdict"), rows)


def amount(goal: Goal) -> str:
    if goal.figure is None:
        return "—"
    if goal.unit or goal.figure.median >= 0.1 or goal.figure.lower <= 0.0:
        return with_quartiles(goal.figure, f" {goal.unit}".rstrip())
    return f"1/{1.0 / goal.figure.median:.0f} (1/{1.0 / goal.figure.upper:.0f}–1/{1.0 / goal.figure.lower:.0f})"


def fraction(bound: float) -> str:
    """A bound below a half as one part of a whole.

    >>> fraction(0.125), fraction(0.7), fraction(1.25)
    ('1/8', '0.7', '1.25')
    """
    return f"1/{1.0 / bound:.0f}" if bound <= 0.5 else f"{bound:g}"


def time_grid(threads: str, results: Mapping[str, Mapping[str, Any]]) -> Grid:
    """One row for each work and contestant: the time, and how many times ours."""
    rows: list[tuple[str, ...]] = []
    for work in results:
        contestants = judge.contestants_of(results, work)
        ours = judge.samples_of(contestants, "ours")
        for name, result in contestants.items():
            samples = result["samples"]
            ratio = with_quartiles(timing.ratio(samples, ours)) if samples and ours and name != "ours" else "—"
            time = microseconds(timing.spread(samples).median) if samples else "—"
            rows.append((WORKS[work].title, title(work, name), time, ratio))
    sentence = (
        "Microseconds of one step, gradient, fit or call, median; within an epoch by `scan` of one of its steps. Over ours: the "
        "contestant's time over that of chainrule called once per step, round by round. "
        + ("Each library has as many threads as it takes of itself." if threads == "default" else "")
    ).strip()
    return Grid(heading("Native code: times", threads), sentence, ("work", "contestant", "µs", "over ours"), rows)


def title(work: str, contestant: str) -> str:
    if work == "lstm" and contestant == "torch:modules":
        return "PyTorch `nn.LSTM`"
    return TITLES[contestant]


def library_title(name: str) -> str:
    library, _, rest = name.partition(",")
    return TITLES[library] + (f",{rest}" if rest else "")


def first_grid(fresh: Mapping[str, Any]) -> Grid:
    rows = [
        (library_title(name), *(spread_of(answers, key, 1e3) for key in ("call", "process", "second")))
        for name, answers in answers_of(fresh, "first").items()
    ]
    sentence = (
        "Milliseconds, each in fresh processes. First call: from the call to its result, imports not counted (but what a library "
        "imports during the call). Process: from the start of the process, imports included. Cached: a second process, which finds "
        "on the disk what the first one compiled; JAX with its persistent cache."
    )
    return Grid(
        "Native code: first call of the digits step", sentence, ("", "first call", "process", "second call"), rows
    )


def chain_grid(fresh: Mapping[str, Any]) -> Grid:
    rows = [
        (library_title(name), *(spread_of(answers, key, 1.0) for key in ("call", "second")), str(len(answers)))
        for name, answers in answers_of(fresh, "chain").items()
    ]
    sentence = (
        "Seconds of the gradient of 3,000 turns of `x = x + 0.001 * np.sin(x)` on 1,000 numbers, in fresh processes."
    )
    return Grid(f"Native code: {FRESH['chain']}", sentence, ("", "first call", "second call", "processes"), rows)


def memory_grid(fresh: Mapping[str, Any]) -> Grid:
    rows = []
    for name, answers in answers_of(fresh, "memory").items():
        library, _, work = name.partition(" ")
        reported = answers[0]["reported"]
        rows.append(
            (
                work,
                TITLES[library],
                spread_of(answers, "growth", 1e-6),
                spread_of(answers, "steady", 1e-6),
                "—" if reported is None else number(reported * 1e-6),
            )
        )
    rows.sort(key=lambda row: ("digits", "medium", "large").index(row[0]))
    sentence = (
        "Megabytes (10⁶ bytes) by which the resident memory of a fresh process grows at most, from the moment before the first step, "
        "with parameters and data made, in a process that has trained the tiny work: in the first step, where tracing and "
        "compiling count, and in the three after it. Reported: the library's own figure for intermediate values."
    )
    return Grid(
        "Native code: peak memory", sentence, ("work", "", "first call included", "steps after it", "reported"), rows
    )


def batch_grid(fresh: Mapping[str, Any]) -> Grid:
    rows = []
    for name, answers in answers_of(fresh, "batches").items():
        totals = timing.spread([1e3 * sum(answer["seconds"]) for answer in answers])
        rows.append((library_title(name), with_quartiles(totals), str(answers[0]["compilations"])))
    sentence = "Milliseconds of the first steps with 20 batch sizes (16, 32 … 320) of the digits work, all together, in one fresh process."
    return Grid("Native code: 20 batch sizes", sentence, ("", "ms", "compilations"), rows)


def answers_of(fresh: Mapping[str, Any], task: str) -> Mapping[str, list[dict[str, Any]]]:
    return fresh.get(task, {}).get("answers", {})


def spread_of(answers: Sequence[Mapping[str, float]], key: str, scale: float) -> str:
    return with_quartiles(timing.spread([scale * answer[key] for answer in answers]))


def remarks(measured: Mapping[str, Any]) -> list[str]:
    """What was not measured, and why."""
    sentences = [f"{TITLES[library]} was left out: {reason}." for library, reason in measured["absent"].items()]
    for threads, works in measured["timed"].items():
        for work in works:
            for name, result in judge.contestants_of(works, work).items():
                if "failed" in result:
                    sentences.append(
                        f"{TITLES[name]} on {work} (threads: {threads}) was not timed: {result['failed'].rstrip('.')}."
                    )
    for task, found in measured["fresh"].items():
        sentences += [f"{name} in {FRESH[task]}: {reason.rstrip('.')}." for name, reason in found["failed"].items()]
    load = measured.get("load")
    if load:
        sentences.append(
            f"Load of the machine before and after the native works: {load[0]:.2f} and {load[-1]:.2f} (1-minute averages)."
        )
    return sentences


def failed(measured: Mapping[str, Any]) -> bool:
    """Whether a contestant that is there did not get through."""
    timed = any(
        "failed" in result
        for works in measured["timed"].values()
        for work in works
        for result in judge.contestants_of(works, work).values()
    )
    return timed or any(found["failed"] for found in measured["fresh"].values())
