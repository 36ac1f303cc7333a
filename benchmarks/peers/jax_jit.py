"""*JAX: the whole step, update included, as one compiled call that donates its parameters.*"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy
import numpy as np

from benchmarks.losses import loss_of
from benchmarks.works import Work

# Without it JAX computes in float32, another piece of work than that of the other peers.
jax.config.update("jax_enable_x64", True)


class Compiled:
    """The step is waited for (`block_until_ready`), since JAX returns before the numbers are there."""

    def __init__(self, work: Work) -> None:
        self.values: Any = tuple(jax.numpy.asarray(value) for value in work.parameters())
        self.inputs, self.targets = (jax.numpy.asarray(array) for array in work.data())
        value_and_grad = jax.value_and_grad(loss_of(work, jax.numpy))
        rate = work.learning_rate

        def step(values: Any, inputs: Any, targets: Any) -> Any:
            loss, gradients = value_and_grad(values, inputs, targets)
            return loss, tuple(value - rate * gradient for value, gradient in zip(values, gradients, strict=True))

        self.value_and_grad = jax.jit(value_and_grad)
        self.step = jax.jit(step, donate_argnums=0)

    def loss_and_gradients(self) -> tuple[float, list[np.ndarray]]:
        loss, gradients = self.value_and_grad(self.values, self.inputs, self.targets)
        return float(loss), [np.asarray(gradient) for gradient in gradients]

    def run(self) -> None:
        loss, self.values = self.step(self.values, self.inputs, self.targets)
        jax.block_until_ready((loss, self.values))

    def parameters(self) -> list[np.ndarray]:
        return [np.asarray(value) for value in self.values]


def build(work: Work) -> Compiled:
    return Compiled(work)
