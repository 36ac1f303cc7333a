"""*chainrule: the gradient of plain NumPy code, nothing rewritten.*"""

from __future__ import annotations

import numpy as np

import chainrule as cr
from benchmarks.losses import loss_of
from benchmarks.works import Work


class Traced:
    """The user's loss in NumPy, its gradient by `cr.value_and_grad`, the update in NumPy."""

    def __init__(self, work: Work) -> None:
        self.work = work
        self.values = work.parameters()
        self.inputs, self.targets = work.data()
        self.value_and_grad = cr.value_and_grad(loss_of(work, np))

    def loss_and_gradients(self) -> tuple[float, list[np.ndarray]]:
        loss, gradients = self.value_and_grad(self.values, self.inputs, self.targets)
        return float(loss), list(gradients)

    def run(self) -> None:
        _, gradients = self.value_and_grad(self.values, self.inputs, self.targets)
        rate = self.work.learning_rate
        for value, gradient in zip(self.values, gradients, strict=True):
            value -= rate * gradient

    def parameters(self) -> list[np.ndarray]:
        return self.values


def build(work: Work) -> Traced:
    return Traced(work)
