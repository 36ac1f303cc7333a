"""*Samples in, each goal with its figure and an honest verdict out.*

A goal is judged by the median, whatever it says; a goal that could not be measured is neither reached nor missed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks import timing
from benchmarks.contest import Entry
from benchmarks.timing import Spread
from benchmarks.works import WORKS

LONGEST = 10_000  # operations of the derivation that a goal speaks of


@dataclass(frozen=True)
class Goal:
    """One claim: `figure` (None: not measured) is to be at most or at least `bound`."""

    claim: str
    figure: Spread | None
    bound: float
    at_most: bool = True
    unit: str = ""

    @property
    def verdict(self) -> str:
        if self.figure is None:
            return "not measured"
        within = self.figure.median <= self.bound if self.at_most else self.figure.median >= self.bound
        return "reached" if within else "not reached"

    def as_dictionary(self) -> dict[str, Any]:
        return {
            "claim": self.claim,
            "figure": None if self.figure is None else self.figure.as_dictionary(),
            "bound": self.bound,
            "at_most": self.at_most,
            "unit": self.unit,
            "verdict": self.verdict,
        }


def between(entries: Sequence[Entry], work: str, above: str, below: str) -> Spread | None:
    """Ratio of two peers' times on one work, round by round; None where one of them was not timed."""
    samples = {entry.peer: entry.samples for entry in entries if entry.work == work and entry.samples}
    if above not in samples or below not in samples:
        return None
    return timing.ratio(samples[above], samples[below])


def judge(entries: Sequence[Entry], measures: Mapping[str, Any]) -> list[Goal]:
    """All goals, in the order of the page."""
    goals: list[Goal] = []
    for work in ("tiny", "digits"):
        for peer, form in (("torch_eager", "leanest form"), ("torch_modules", "modules and optimiser")):
            goals.append(Goal(f"{work}: time over PyTorch eager's ({form})", between(entries, work, "ours", peer), 1.0))
    for work in ("tiny", "digits"):
        goals.append(
            Goal(
                f"{work}: autograd's time over ours",
                between(entries, work, "with_autograd", "ours"),
                3.0,
                at_most=False,
            )
        )
    goals.append(
        Goal(
            "scalar define-by-run, random graph: time per operation over micrograd's",
            between(entries, "scalars", "ours_scalars", "with_micrograd"),
            1.0,
        )
    )
    goals.append(
        Goal(
            "scalar define-by-run, moons step: time over micrograd's",
            between(entries, "moons", "ours_scalars", "with_micrograd"),
            1.0,
        )
    )
    goals.append(
        Goal("plain NumPy functions: time over our own functions'", measured(measures, "dispatch", dispatch_ratio), 1.1)
    )
    for work in WORKS:
        passes = measures.get("passes", {}).get(work)
        for forward, meaning in (("recording", "the recorded forward pass"), ("forward", "plain NumPy's forward pass")):
            figure = None if passes is None else timing.ratio(passes["backward"], passes[forward])
            goals.append(Goal(f"{work}: backward pass over {meaning}", figure, 3.0))
    goals += reading_goals(measures.get("reading", {}))
    goals.append(
        Goal("`import chainrule` over NumPy", measured(measures, "imports", import_milliseconds), 60.0, unit="ms")
    )
    return goals


def reading_goals(reading: Mapping[str, Any]) -> list[Goal]:
    """What names and lines add to the recorded forward pass, and how long a long derivation takes."""
    goals: list[Goal] = []
    for work in WORKS:
        samples = reading.get("capture", {}).get(work)
        figure = None if samples is None else added_percent(samples["recorded"], samples["without"])
        goals.append(
            Goal(f"{work}: names and lines over the recorded forward pass without them", figure, 3.0, unit="%")
        )
    for program in ("loop", "sines", "statements"):
        lengths = {entry["operations"]: entry["seconds"] for entry in reading.get("summary", {}).get(program, ())}
        figure = timing.spread(lengths[LONGEST]) if LONGEST in lengths else None
        goals.append(Goal(f"{program}: derivation of {LONGEST} operations at summary level", figure, 2.0, unit="s"))
    return goals


def added_percent(above: Sequence[float], below: Sequence[float]) -> Spread:
    """By how many per cent the first exceeds the second, round by round."""
    figure = timing.ratio(above, below)
    return Spread(*(100.0 * (value - 1.0) for value in (figure.median, figure.lower, figure.upper)))


def measured(measures: Mapping[str, Any], name: str, figure: Callable[[Any], Spread]) -> Spread | None:
    return figure(measures[name]) if name in measures else None


def dispatch_ratio(cases: Mapping[str, Mapping[str, Sequence[float]]]) -> Spread:
    """Sum over all functions through NumPy's names, over the sum through our own, round by round."""
    numpy_totals = [sum(turn) for turn in zip(*(case["numpy"] for case in cases.values()), strict=True)]
    own_totals = [sum(turn) for turn in zip(*(case["own"] for case in cases.values()), strict=True)]
    return timing.ratio(numpy_totals, own_totals)


def import_milliseconds(samples: Mapping[str, Sequence[float]]) -> Spread:
    return timing.spread([1e3 * sample for sample in samples["import"]])
