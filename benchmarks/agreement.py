"""*Two ways to compute one training step in, how far apart their numbers are out.*

Nothing is timed before this check has passed: a benchmark of different numbers is a benchmark of different work.
The reference itself (NumPy by hand) is held against central differences along one random direction.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.peers import Step

TOLERANCE = 1e-8
DIFFERENCE_TOLERANCE = 1e-6
UPDATES = 3


class DisagreementError(Exception):
    """A peer computes other numbers than the reference, so its time says nothing."""


@dataclass(frozen=True)
class Agreement:
    """Largest distance from the reference: loss, gradients, and parameters after three steps."""

    loss: float
    gradients: float
    parameters: float

    @property
    def worst(self) -> float:
        return max(self.loss, self.gradients, self.parameters)


def distance(found: Sequence[np.ndarray], expected: Sequence[np.ndarray]) -> float:
    """Largest absolute difference over the largest expected size (or 1); infinite for another shape, dtype or a NaN."""
    if len(found) != len(expected):
        return float("inf")
    worst = 0.0
    for one, other in zip(found, expected, strict=True):
        array = np.asarray(one)
        if array.shape != other.shape or array.dtype != np.float64 or not np.all(np.isfinite(array)):
            return float("inf")
        scale = max(1.0, float(np.max(np.abs(other), initial=0.0)))
        worst = max(worst, float(np.max(np.abs(array - other), initial=0.0)) / scale)
    return worst


def compare(candidate: Step, reference: Step, updates: int = UPDATES) -> Agreement:
    """Both advance by `updates` steps. Raises `DisagreementError` beyond 10⁻⁸ and names the quantity that differs."""
    loss, gradients = candidate.loss_and_gradients()
    expected_loss, expected_gradients = reference.loss_and_gradients()
    before = [array.copy() for array in reference.parameters()]
    for _ in range(updates):
        candidate.run()
        reference.run()
    expected = reference.parameters()
    if updates and all(np.array_equal(a, b) for a, b in zip(before, expected, strict=True)):
        raise DisagreementError("the reference did not move: its steps update nothing, so there is nothing to compare")
    found = Agreement(
        loss=distance([np.asarray(loss, dtype=np.float64)], [np.asarray(expected_loss)]),
        gradients=distance(gradients, expected_gradients),
        parameters=distance(candidate.parameters(), expected),
    )
    for quantity in ("loss", "gradients", "parameters"):
        apart = getattr(found, quantity)
        if not apart <= TOLERANCE:
            raise DisagreementError(
                f"{quantity}: {apart:.3g} away from the reference, more than {TOLERANCE:g}; not timed"
            )
    return found


def trust(reference: Step, loss: Callable[[list[np.ndarray]], float]) -> None:
    """Raises `DisagreementError` unless the reference's gradients are those of `loss`, to what differences can tell."""
    apart = directional_error(loss, reference)
    if not apart <= DIFFERENCE_TOLERANCE:
        raise DisagreementError(
            f"the reference's own gradients are {apart:.3g} away from central differences; nothing is timed"
        )


def directional_error(loss: Callable[[list[np.ndarray]], float], step: Step, seed: int = 3) -> float:
    """Relative distance of the step's gradients from a central difference of `loss` along a random direction."""
    _, gradients = step.loss_and_gradients()
    parameters = [array.copy() for array in step.parameters()]
    generator = np.random.default_rng(seed)
    direction = [generator.normal(size=array.shape) for array in parameters]
    size = float(np.sqrt(sum(np.sum(np.square(array)) for array in direction)))
    direction = [array / size for array in direction]
    width = 1e-5
    forward = loss([array + width * towards for array, towards in zip(parameters, direction, strict=True)])
    backward = loss([array - width * towards for array, towards in zip(parameters, direction, strict=True)])
    numeric = (forward - backward) / (2.0 * width)
    analytic = float(sum(np.sum(g * d) for g, d in zip(gradients, direction, strict=True)))
    return abs(numeric - analytic) / max(abs(numeric), abs(analytic), 1e-12)
