"""*HIPS autograd: the same loss with `autograd.numpy` for `numpy`.*"""

from __future__ import annotations

import autograd
import autograd.numpy
import numpy as np

from benchmarks.losses import loss_of
from benchmarks.works import Work


class Boxed:
    """`autograd.value_and_grad` over a tuple of parameters, the update in NumPy."""

    def __init__(self, work: Work) -> None:
        self.work = work
        self.values = tuple(work.parameters())
        self.inputs, self.targets = work.data()
        self.value_and_grad = autograd.value_and_grad(loss_of(work, autograd.numpy))

    def loss_and_gradients(self) -> tuple[float, list[np.ndarray]]:
        loss, gradients = self.value_and_grad(self.values, self.inputs, self.targets)
        return float(loss), list(gradients)

    def run(self) -> None:
        _, gradients = self.value_and_grad(self.values, self.inputs, self.targets)
        rate = self.work.learning_rate
        for value, gradient in zip(self.values, gradients, strict=True):
            value -= rate * gradient

    def parameters(self) -> list[np.ndarray]:
        return list(self.values)


def build(work: Work) -> Boxed:
    return Boxed(work)
