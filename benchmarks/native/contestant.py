"""*What is timed: a callable, how many steps it does, and its answers for the comparison before.*"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.peers import Step

UPDATES = 3  # steps after which parameters are compared


def nothing() -> None:
    """What most contestants do at the end of a batch."""


@dataclass(frozen=True)
class Contestant:
    """`answers()` is asked once, before anything is timed; None where there is nothing to compare (a copy, bare products).

    `finish` is called at the end of each timed batch, within the time: it waits for what was only begun.
    """

    run: Callable[[], Any]
    answers: Callable[[], Sequence[np.ndarray]] | None
    steps: int = 1
    finish: Callable[[], Any] = nothing


def of_step(step: Step) -> Contestant:
    """A training step of `benchmarks.peers` as a contestant."""
    return Contestant(step.run, lambda: training_answers(step))


def training_answers(step: Step) -> list[np.ndarray]:
    """Loss and gradients at the start, then the parameters after three steps."""
    loss, gradients = step.loss_and_gradients()
    found = [np.asarray(loss, dtype=np.float64), *(np.array(gradient) for gradient in gradients)]
    for _ in range(UPDATES):
        step.run()
    return [*found, *(np.array(value) for value in step.parameters())]
