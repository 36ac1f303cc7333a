"""*chainrule on single numbers: the networks and graphs of micrograd, written with `cr.variable`.*"""

from __future__ import annotations

from typing import Any

import numpy as np

import chainrule as cr
from benchmarks.losses import WEIGHT_DECAY
from benchmarks.peers import Step
from benchmarks.scalar_graph import random_graph
from benchmarks.works import Work
from chainrule.ops.activations import relu


class Moons:
    """micrograd's demo with one variable for each weight and bias: the same sums and products, neuron by neuron."""

    def __init__(self, work: Work) -> None:
        self.work = work
        parameters = work.parameters()
        # A layer is a list of neurons, a neuron a list of weights and a bias.
        self.layers = [
            [
                ([cr.variable(float(number)) for number in weight[:, output]], cr.variable(float(bias[output])))
                for output in range(len(bias))
            ]
            for weight, bias in zip(parameters[0::2], parameters[1::2], strict=True)
        ]
        inputs, targets = work.data()
        self.inputs, self.targets = inputs.tolist(), targets[:, 0].tolist()

    def score(self, row: list[float]) -> Any:
        values: list[Any] = row
        for layer in self.layers[:-1]:
            values = [
                relu(sum((weight * value for weight, value in zip(weights, values, strict=True)), bias))
                for weights, bias in layer
            ]
        ((weights, bias),) = self.layers[-1]
        return sum((weight * value for weight, value in zip(weights, values, strict=True)), bias)

    def numbers(self) -> list[Any]:
        return [number for layer in self.layers for weights, bias in layer for number in (*weights, bias)]

    def backward(self) -> Any:
        scores = [self.score(row) for row in self.inputs]
        losses = [relu(1 + -target * score) for target, score in zip(self.targets, scores, strict=True)]
        data_loss = sum(losses) * (1.0 / len(losses))
        decay = WEIGHT_DECAY * sum(number * number for number in self.numbers())
        total = data_loss + decay
        total.backward()
        return total

    def loss_and_gradients(self) -> tuple[float, list[np.ndarray]]:
        total = self.backward()
        found = float(total.value), self.arrays("grad")
        self.renew(0.0)
        return found

    def run(self) -> None:
        self.backward()
        self.renew(self.work.learning_rate)

    def renew(self, rate: float) -> None:
        """Fresh variables, one step further down; fresh ones have no gradient yet."""
        self.layers = [
            [([stepped(weight, rate) for weight in weights], stepped(bias, rate)) for weights, bias in layer]
            for layer in self.layers
        ]

    def parameters(self) -> list[np.ndarray]:
        return self.arrays("value")

    def arrays(self, attribute: str) -> list[np.ndarray]:
        arrays: list[np.ndarray] = []
        for layer in self.layers:
            weights = [[getattr(number, attribute) for number in weights] for weights, _ in layer]
            arrays.append(np.array(weights, dtype=float).T)
            arrays.append(np.array([getattr(bias, attribute) for _, bias in layer], dtype=float))
        return arrays


def stepped(number: Any, rate: float) -> Any:
    return cr.variable(float(number.value - rate * number.grad))


class Scalars:
    """The random graph: forward and backward, with fresh leaves as for micrograd."""

    def __init__(self) -> None:
        self.graph = random_graph()

    def backward(self) -> tuple[Any, list[Any]]:
        leaves = [cr.variable(number) for number in self.graph.leaves]
        result = self.graph.run(leaves, lambda value: value**2, relu)
        result.backward()
        return result, leaves

    def loss_and_gradients(self) -> tuple[float, list[np.ndarray]]:
        result, leaves = self.backward()
        return float(result.value), [np.array([leaf.grad for leaf in leaves], dtype=float)]

    def run(self) -> None:
        self.backward()

    def parameters(self) -> list[np.ndarray]:
        return [np.array(self.graph.leaves)]


def build(work: Work | None) -> Step:
    return Scalars() if work is None else Moons(work)
