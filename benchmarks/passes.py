"""*A work in, how much longer its gradient takes than its loss out.*

Forward is the user's loss run by NumPy alone, on plain arrays, without chainrule. Backward is the pullback that
`cr.vjp` returned, called once with 1.0. Whole is `cr.value_and_grad`: recording, forward and backward together.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import chainrule as cr
from benchmarks import timing
from benchmarks.losses import loss_of
from benchmarks.works import WORKS


def measure(works: Sequence[str], rounds: int, heavy_rounds: int, batch_seconds: float) -> dict[str, Any]:
    """For each work, samples in seconds of forward, recording (`cr.vjp`), backward and whole, in turns."""
    return {
        name: one_work(name, heavy_rounds if WORKS[name].heavy else rounds, batch_seconds)
        for name in works
        if name in WORKS
    }


def one_work(name: str, rounds: int, batch_seconds: float) -> dict[str, list[float]]:
    work = WORKS[name]
    parameters, (inputs, targets) = work.parameters(), work.data()
    loss = loss_of(work, np)

    def of_parameters(values: Any) -> Any:
        return loss(values, inputs, targets)

    value_and_grad = cr.value_and_grad(of_parameters)
    forward: Callable[[], object] = lambda: of_parameters(parameters)  # noqa: E731  a name for each timed call
    whole: Callable[[], object] = lambda: value_and_grad(parameters)  # noqa: E731
    counts = [timing.batch_size(timing.warm_up(call, batch_seconds), batch_seconds) for call in (forward, whole)]
    samples: dict[str, list[float]] = {"forward": [], "recording": [], "backward": [], "whole": []}
    for _ in range(rounds):
        samples["forward"].append(timing.time_batch(forward, counts[0]))
        samples["whole"].append(timing.time_batch(whole, counts[1]))
        recording, backward = record_and_pull_back(of_parameters, parameters, counts[1])
        samples["recording"].append(recording)
        samples["backward"].append(backward)
    return samples


def record_and_pull_back(loss: Callable[[Any], Any], parameters: Any, count: int) -> tuple[float, float]:
    """Mean seconds of `cr.vjp` and of the pullback; each pullback is used once, as a training step does."""
    gc.collect()
    recording = backward = 0.0
    for _ in range(count):
        start = time.perf_counter()
        _, pullback = cr.vjp(loss, parameters)
        middle = time.perf_counter()
        pullback(1.0)
        end = time.perf_counter()
        recording += middle - start
        backward += end - middle
    return recording / count, backward / count
