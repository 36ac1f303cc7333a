"""*Samples in, every bound that was set with its figure and an honest verdict out.*

The bounds are those of the project's plan. Where a bound names a peer that has several forms, the fastest of them counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks import timing
from benchmarks.goals import Goal
from benchmarks.timing import Spread

DISTURBANCE = 0.25  # cores at work for others
TORCH, JAX = ("torch", "torch:modules"), ("jax", "jax:awaited")


@dataclass(frozen=True)
class Bound:
    """`above` over the fastest of `below` is to be at most `most`; with `largest`, over the slowest of several floors."""

    work: str
    above: str
    below: tuple[str, ...]
    most: float
    words: str
    floors: tuple[tuple[str, ...], ...] = ()
    threads: tuple[str, ...] = ("default",)


def bounds() -> list[Bound]:
    """In the order of the page."""
    ahead = 1.0
    found = [
        Bound("tiny", "ours", JAX, 1 / 8, "one call per step, over JAX jit"),
        Bound("tiny", "ours", TORCH, 1 / 100, "one call per step, over PyTorch"),
        Bound("tiny", "ours:scan", ("jax:scan",), 1 / 4, "inside `scan`, over JAX scan"),
    ]
    for work, of_products, of_torch, of_scan in (("digits", 1.25, 1 / 6, 0.7), ("medium", 1.15, 1 / 2, 0.7)):
        for form, words in (("ours", "one call per step"), ("ours:scan", "inside `scan`")):
            found += [
                Bound(work, form, ("numpy:products",), of_products, f"{words}, over its matrix products alone"),
                Bound(work, form, TORCH, of_torch, f"{words}, over PyTorch"),
                Bound(work, form, ("jax:scan",), of_scan, f"{words}, over JAX scan"),
            ]
    found += [
        Bound("large", "ours", ("numpy:products",), 1.05, "one call per step, over its matrix products alone"),
        Bound("large", "ours", TORCH, ahead, "one call per step, over PyTorch"),
        Bound("large", "ours", (*JAX, "jax:scan"), ahead, "one call per step, over JAX"),
    ]
    for work in ("sum6", "sum7"):
        found += [
            Bound(work, "ours", ("jax",), 1 / 3, "over JAX"),
            Bound(
                work, "ours", (), 1.3, "over a copy of the same bytes, or over the arithmetic, whichever takes longer",
                floors=(("numpy:copy", "torch:copy"), ("numpy:floor",)),
            ),
        ]  # fmt: skip
    found.append(Bound("moons", "ours", ("micrograd",), 1e-4, "over micrograd"))
    for work in ("gmm3", "gmm4"):
        found += [
            Bound(work, "ours", ("ours:objective",), 3.0, "gradient over the objective, both compiled"),
            Bound(work, "ours", ("numpy:objective",), 3.0, "gradient over the objective in NumPy"),
            Bound(work, "ours", ("jax",), ahead, "gradient over JAX's"),
            Bound(work, "ours", ("torch",), ahead, "gradient over PyTorch's"),
        ]
    found.append(
        Bound(
            "logistic",
            "ours",
            ("numpy",),
            1.05,
            "the fit, over the fit with a gradient by hand",
        )
    )
    for work, of_jax in (("lstm", ("jax", "jax:scan")), ("transformer", ("jax",))):
        found += [
            Bound(work, "ours", TORCH, ahead, "over PyTorch eager"),
            Bound(work, "ours", of_jax, ahead, "over JAX jit"),
        ]
    return found


def judge(measured: Mapping[str, Any], threads: str = "default") -> list[Goal]:
    """All bounds with that many threads."""
    works = measured["timed"].get(threads, {})
    goals = []
    for bound in bounds():
        words = f"{bound.work}: {bound.words}" + remark(works, bound.work)
        goals.append(Goal(words, figure(contestants_of(works, bound.work), bound), bound.most))
    overhead = samples_of(contestants_of(works, "overhead"), "ours")
    spread = timing.spread([1e6 * sample for sample in overhead]) if overhead else None
    return [*goals, Goal("overhead: a call with eight arrays" + remark(works, "overhead"), spread, 3.0, unit="µs")]


def remark(works: Mapping[str, Any], work: str) -> str:
    """Whether others used the machine when the work began: then even ratios say little, above all with several threads."""
    return ", machine busy" if (works.get(work, {}).get("others") or 0.0) > DISTURBANCE else ""


def contestants_of(works: Mapping[str, Any], work: str) -> Mapping[str, Any]:
    return works.get(work, {}).get("contestants", {})


def samples_of(results: Mapping[str, Any], contestant: str) -> Sequence[float]:
    return results.get(contestant, {}).get("samples", [])


def fastest(results: Mapping[str, Any], contestants: Sequence[str]) -> str | None:
    """The contestant with the smallest median, of those that were timed."""
    timed = [name for name in contestants if samples_of(results, name)]
    return min(timed, key=lambda name: timing.spread(samples_of(results, name)).median) if timed else None


def figure(results: Mapping[str, Any], bound: Bound) -> Spread | None:
    """Round by round; None where one side was not timed."""
    above = samples_of(results, bound.above)
    sides = [fastest(results, floor) for floor in bound.floors] if bound.floors else [fastest(results, bound.below)]
    timed = [samples_of(results, side) for side in sides if side is not None]
    if not above or len(timed) != len(sides):
        return None
    below = max(timed, key=lambda samples: timing.spread(samples).median)
    return timing.ratio(above, below)


def column(fresh: Mapping[str, Any], task: str, name: str, key: str) -> list[Any]:
    return [answer[key] for answer in fresh.get(task, {}).get("answers", {}).get(name, [])]


def of_medians(above: Sequence[float], below: Sequence[float]) -> Spread | None:
    """Each sample over the median of the other side, which may have been measured once only."""
    if not above or not below or timing.spread(below).median <= 0:
        return None
    return timing.ratio(above, [timing.spread(below).median] * len(above))


def fresh_goals(fresh: Mapping[str, Any]) -> list[Goal]:
    """What fresh processes tell: first calls, compilations, peak memory."""
    calls = {name: column(fresh, "first", name, "call") for name in ("ours", "jax", "ours, cached")}
    chains = {name: column(fresh, "chain", name, "call") for name in ("ours", "jax")}
    compilations = column(fresh, "batches", "ours", "compilations")
    goals = [
        Goal("first call of the digits step, over JAX's", of_medians(calls["ours"], calls["jax"]), 1 / 3),
        Goal("first call of the digits step", milliseconds(calls["ours"]), 100.0, unit="ms"),
        Goal("first call of the digits step in a second process", milliseconds(calls["ours, cached"]), 20.0, unit="ms"),
        Goal("first gradient of a chain of 9,000 operations, over JAX's", of_medians(chains["ours"], chains["jax"]), 1 / 10),
        Goal("first gradient of a chain of 9,000 operations", timing.spread(chains["ours"]) if chains["ours"] else None, 5.0, unit="s"),
        Goal("compilations for 20 batch sizes", timing.spread(compilations) if compilations else None, 1.0),
    ]  # fmt: skip
    for key, words in (
        ("steady", "peak memory of the steps after the first"),
        ("growth", "peak memory, first call included"),
    ):
        for work in ("digits", "medium", "large"):
            for library, title in (("torch", "PyTorch's"), ("jax", "JAX's")):
                ours, theirs = (column(fresh, "memory", f"{name} {work}", key) for name in ("ours", library))
                goals.append(Goal(f"{work}: {words}, over {title}", of_medians(ours, theirs), 1.0))
    return goals


def milliseconds(samples: Sequence[float]) -> Spread | None:
    return timing.spread([1e3 * sample for sample in samples]) if samples else None
