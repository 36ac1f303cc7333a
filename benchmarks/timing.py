"""*A callable in, seconds per call out: warm-up, batch sizes, medians, ratios and their spread.*

One sample is the mean of a batch of calls with the garbage collector on, since collecting is part of an engine's cost.
Ratios are taken within a round, where both sides met the same machine, and only then is their median taken.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Spread:
    """Median with the quartiles around it."""

    median: float
    lower: float
    upper: float

    def as_dictionary(self) -> dict[str, float]:
        return {"median": self.median, "lower": self.lower, "upper": self.upper}


def spread(samples: Sequence[float]) -> Spread:
    """Median and quartiles of at least one sample."""
    if not samples:
        raise ValueError("no samples: at least one round has to be timed before a median can be taken")
    lower, median, upper = (float(value) for value in np.percentile(np.asarray(samples, dtype=float), (25, 50, 75)))
    return Spread(median, lower, upper)


def ratio(numerators: Sequence[float], denominators: Sequence[float]) -> Spread:
    """Median of the ratios round by round; both sequences hold one sample per round, in the same order."""
    if len(numerators) != len(denominators):
        raise ValueError(
            f"{len(numerators)} rounds against {len(denominators)}: a ratio needs both sides of each round"
        )
    return spread([above / below for above, below in zip(numerators, denominators, strict=True)])


def time_batch(call: Callable[[], object], count: int, unmeasured: int = 1) -> float:
    """Mean seconds per call over `count` calls, after `unmeasured` calls that wake caches and threads."""
    gc.collect()
    for _ in range(unmeasured):
        call()
    start = time.perf_counter()
    for _ in range(count):
        call()
    return (time.perf_counter() - start) / count


def warm_up(call: Callable[[], object], seconds: float) -> float:
    """Seconds of the fastest call while calling for at least `seconds` (and at least once)."""
    fastest = float("inf")
    end = time.perf_counter() + seconds
    while True:
        start = time.perf_counter()
        call()
        now = time.perf_counter()
        fastest = min(fastest, now - start)
        if now >= end:
            return fastest


def batch_size(seconds_per_call: float, batch_seconds: float) -> int:
    """How many calls fill `batch_seconds`, at least one."""
    return max(1, round(batch_seconds / max(seconds_per_call, 1e-9)))


def in_turns(calls: Sequence[Callable[[], object]], rounds: int, batch_seconds: float) -> list[list[float]]:
    """Samples of each call, taken in turns within this process; the order turns by one in each round."""
    counts = [batch_size(warm_up(call, batch_seconds), batch_seconds) for call in calls]
    samples: list[list[float]] = [[] for _ in calls]
    for turn in range(rounds):
        for offset in range(len(calls)):
            position = (turn + offset) % len(calls)
            samples[position].append(time_batch(calls[position], counts[position]))
    return samples
