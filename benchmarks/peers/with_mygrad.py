"""*MyGrad: the same loss with `mygrad` for `numpy`, memory guarding off as its manual advises for speed.*"""

from __future__ import annotations

import mygrad
import numpy as np

from benchmarks.losses import loss_of
from benchmarks.works import Work


class Tensors:
    """Parameters are tensors; `backward()` leaves the gradients in them; the update writes their data."""

    def __init__(self, work: Work) -> None:
        mygrad.turn_memory_guarding_off()
        self.work = work
        self.values = [mygrad.tensor(value) for value in work.parameters()]
        self.inputs, self.targets = work.data()
        self.loss = loss_of(work, mygrad)

    def loss_and_gradients(self) -> tuple[float, list[np.ndarray]]:
        loss = self.loss(self.values, self.inputs, self.targets)
        loss.backward()
        return float(loss.data), [np.asarray(value.grad) for value in self.values]

    def run(self) -> None:
        self.loss(self.values, self.inputs, self.targets).backward()
        rate = self.work.learning_rate
        for value in self.values:
            value.data -= rate * value.grad

    def parameters(self) -> list[np.ndarray]:
        return [value.data for value in self.values]


def build(work: Work) -> Tensors:
    return Tensors(work)
