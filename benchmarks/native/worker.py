"""*One library in a process of its own, with all its contestants for one work at a time.*

Requests come as lines of JSON on stdin, answers go as lines of JSON to stdout, as in `benchmarks.worker`.
"""

from __future__ import annotations

import gc
import importlib
import sys
import time
from typing import Any

from benchmarks import agreement, timing
from benchmarks.native import with_numpy
from benchmarks.native.contestant import Contestant
from benchmarks.worker import serve

MODULES = {
    "ours": "benchmarks.native.ours",
    "numpy": "benchmarks.native.with_numpy",
    "torch": "benchmarks.native.with_torch",
    "jax": "benchmarks.native.with_jax",
    "micrograd": "benchmarks.native.with_micrograd",
}


class Worker:
    """Holds the contestants of one library, by form."""

    def __init__(self, library: str) -> None:
        self.module = importlib.import_module(MODULES[library])
        self.contestants: dict[str, Contestant] = {}

    def prepare(self, work: str, form: str, warm_seconds: float) -> dict[str, Any]:
        """Builds a contestant, compares its answers with NumPy's by hand, and warms it up."""
        start = time.perf_counter()
        contestant: Contestant = self.module.build(work, form)
        distance = check(contestant, work, form)
        ready = time.perf_counter() - start
        fastest = timing.warm_up(lambda: batch(contestant, 1), warm_seconds) / contestant.steps
        self.contestants[form] = contestant
        return {"seconds": fastest, "distance": distance, "steps": contestant.steps, "ready": ready}

    def batch(self, form: str, count: int, unmeasured: int) -> dict[str, Any]:
        """Mean seconds of a step."""
        contestant = self.contestants[form]
        gc.collect()
        batch(contestant, unmeasured)
        start = time.perf_counter()
        batch(contestant, count)
        return {"seconds": (time.perf_counter() - start) / (count * contestant.steps)}

    def release(self) -> dict[str, Any]:
        self.contestants.clear()
        gc.collect()
        return {}

    actions = ("prepare", "batch", "release")


def batch(contestant: Contestant, count: int) -> None:
    run = contestant.run
    for _ in range(count):
        run()
    contestant.finish()


def check(contestant: Contestant, work: str, form: str) -> float | None:
    """How far the answers are from the reference, None where there is nothing to compare.

    Raises `DisagreementError` where they are not the same numbers.
    """
    if contestant.answers is None:
        return None
    expected = with_numpy.reference(work, form)
    if expected is None:
        return None
    found = list(contestant.answers())
    apart = agreement.distance(found, expected)
    if not apart <= agreement.TOLERANCE:
        raise agreement.DisagreementError(
            f"{apart:.3g} away from the reference, more than {agreement.TOLERANCE:g}; not timed"
        )
    if work in with_numpy.DIFFERENTIATED and contestant.run is not None and form == "":
        error = with_numpy.directional_error(work)
        if not error <= agreement.DIFFERENCE_TOLERANCE:
            raise agreement.DisagreementError(
                f"the reference is {error:.3g} away from central differences; nothing is timed"
            )
    return apart


if __name__ == "__main__":
    serve(lambda: Worker(sys.argv[1]))
