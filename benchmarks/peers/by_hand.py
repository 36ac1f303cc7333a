"""*NumPy alone: the backward pass written out by hand. It is the reference every other peer is compared with.*"""

from __future__ import annotations

import numpy as np

from benchmarks.losses import WEIGHT_DECAY, loss_of
from benchmarks.works import Work


class HandWritten:
    """Forward, backward and update of one network, each line as a careful person would write it."""

    def __init__(self, work: Work) -> None:
        self.work = work
        self.values = work.parameters()
        self.inputs, self.targets = work.data()
        self.gradients = self.moons if work.kind == "moons" else self.regression

    def regression(self) -> tuple[float, list[np.ndarray]]:
        values, gradients = self.values, [np.empty(0)] * len(self.values)
        layers = [self.inputs]
        for position in range(0, len(values) - 2, 2):
            layers.append(np.tanh(layers[-1] @ values[position] + values[position + 1]))
        difference = layers[-1] @ values[-2] + values[-1] - self.targets
        loss = np.mean(np.square(difference))
        above = difference * (2.0 / difference.size)
        for position in range(len(values) - 2, -1, -2):
            below = layers[position // 2]
            gradients[position] = below.T @ above
            gradients[position + 1] = above.sum(axis=0)
            if position:
                above = (above @ values[position].T) * (1.0 - below * below)
        return float(loss), gradients

    def moons(self) -> tuple[float, list[np.ndarray]]:
        values, gradients = self.values, [np.empty(0)] * len(self.values)
        layers = [self.inputs]
        for position in range(0, len(values) - 2, 2):
            layers.append(np.maximum(layers[-1] @ values[position] + values[position + 1], 0.0))
        margin = 1.0 - self.targets * (layers[-1] @ values[-2] + values[-1])
        decay = sum(np.sum(np.square(value)) for value in values)
        loss = np.mean(np.maximum(margin, 0.0)) + WEIGHT_DECAY * decay
        above = (margin > 0.0) * self.targets * (-1.0 / margin.size)
        for position in range(len(values) - 2, -1, -2):
            below = layers[position // 2]
            gradients[position] = below.T @ above + (2.0 * WEIGHT_DECAY) * values[position]
            gradients[position + 1] = above.sum(axis=0) + (2.0 * WEIGHT_DECAY) * values[position + 1]
            if position:
                above = (above @ values[position].T) * (below > 0.0)
        return float(loss), gradients

    def loss(self, parameters: list[np.ndarray]) -> float:
        """The loss as every peer has it, at other parameters."""
        return float(loss_of(self.work, np)(parameters, self.inputs, self.targets))

    def loss_and_gradients(self) -> tuple[float, list[np.ndarray]]:
        return self.gradients()

    def run(self) -> None:
        _, gradients = self.gradients()
        rate = self.work.learning_rate
        for value, gradient in zip(self.values, gradients, strict=True):
            gradient *= rate  # in place: the gradient is not needed afterwards
            value -= gradient

    def parameters(self) -> list[np.ndarray]:
        return self.values


def build(work: Work) -> HandWritten:
    return HandWritten(work)
