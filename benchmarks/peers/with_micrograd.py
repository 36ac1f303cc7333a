"""*micrograd: its own `nn.MLP` on the moons, its own `Value` on the random scalar graph.*"""

from __future__ import annotations

import numpy as np
from micrograd.engine import Value
from micrograd.nn import MLP

from benchmarks.losses import WEIGHT_DECAY
from benchmarks.peers import Step
from benchmarks.scalar_graph import random_graph
from benchmarks.works import Work


class Moons:
    """The step of micrograd's demo notebook, line by line, on all 100 samples."""

    def __init__(self, work: Work) -> None:
        self.work = work
        self.network = MLP(work.sizes[0], list(work.sizes[1:]))
        parameters = work.parameters()
        for layer, weight, bias in zip(self.network.layers, parameters[0::2], parameters[1::2], strict=True):
            for output, neuron in enumerate(layer.neurons):
                neuron.w = [Value(float(number)) for number in weight[:, output]]
                neuron.b = Value(float(bias[output]))
        inputs, targets = work.data()
        self.inputs, self.targets = inputs.tolist(), targets[:, 0].tolist()

    def backward(self) -> Value:
        scores = [self.network(row) for row in self.inputs]
        losses = [(1 + -target * score).relu() for target, score in zip(self.targets, scores, strict=True)]
        data_loss = sum(losses) * (1.0 / len(losses))
        decay = WEIGHT_DECAY * sum(parameter * parameter for parameter in self.network.parameters())
        total = data_loss + decay
        self.network.zero_grad()
        total.backward()
        return total

    def loss_and_gradients(self) -> tuple[float, list[np.ndarray]]:
        return float(self.backward().data), self.arrays("grad")

    def run(self) -> None:
        self.backward()
        for parameter in self.network.parameters():
            parameter.data -= self.work.learning_rate * parameter.grad

    def parameters(self) -> list[np.ndarray]:
        return self.arrays("data")

    def arrays(self, attribute: str) -> list[np.ndarray]:
        arrays: list[np.ndarray] = []
        for layer in self.network.layers:
            weights = [[getattr(number, attribute) for number in neuron.w] for neuron in layer.neurons]
            arrays.append(np.array(weights, dtype=float).T)
            arrays.append(np.array([getattr(neuron.b, attribute) for neuron in layer.neurons], dtype=float))
        return arrays


class Scalars:
    """The random graph: forward and backward; the leaves are made anew each time, as the engine asks."""

    def __init__(self) -> None:
        self.graph = random_graph()

    def backward(self) -> tuple[Value, list[Value]]:
        leaves = [Value(number) for number in self.graph.leaves]
        result = self.graph.run(leaves, lambda value: value**2, lambda value: value.relu())
        result.backward()
        return result, leaves

    def loss_and_gradients(self) -> tuple[float, list[np.ndarray]]:
        result, leaves = self.backward()
        return float(result.data), [np.array([leaf.grad for leaf in leaves], dtype=float)]

    def run(self) -> None:
        self.backward()

    def parameters(self) -> list[np.ndarray]:
        return [np.array(self.graph.leaves)]


def build(work: Work | None) -> Step:
    return Scalars() if work is None else Moons(work)
