"""*PyTorch without compiling, in the form of its tutorials: modules, `backward()`, `optim.SGD`.*"""

from __future__ import annotations

import numpy as np
import torch

from benchmarks.losses import WEIGHT_DECAY
from benchmarks.works import Work


class Modules:
    """`nn.Linear` keeps weights as outputs × inputs, so the weights are turned on the way in and out."""

    def __init__(self, work: Work) -> None:
        self.work = work
        self.inputs, self.targets = (torch.tensor(array) for array in work.data())
        activation = torch.nn.ReLU if work.kind == "moons" else torch.nn.Tanh
        layers: list[torch.nn.Module] = []
        for inputs, outputs in zip(work.sizes, work.sizes[1:], strict=False):
            layers += [torch.nn.Linear(inputs, outputs, dtype=torch.float64), activation()]
        self.network = torch.nn.Sequential(*layers[:-1])
        with torch.no_grad():
            for tensor, value in zip(self.network.parameters(), work.parameters(), strict=True):
                tensor.copy_(torch.tensor(value.T))
        self.optimiser = torch.optim.SGD(self.network.parameters(), lr=work.learning_rate)
        self.mean_squared_error = torch.nn.MSELoss()

    def loss(self) -> torch.Tensor:
        outputs = self.network(self.inputs)
        if self.work.kind != "moons":
            return self.mean_squared_error(outputs, self.targets)
        decay = sum(value.square().sum() for value in self.network.parameters())
        return torch.relu(1.0 - self.targets * outputs).mean() + WEIGHT_DECAY * decay

    def loss_and_gradients(self) -> tuple[float, list[np.ndarray]]:
        self.optimiser.zero_grad()
        loss = self.loss()
        loss.backward()
        return loss.item(), [value.grad.numpy().T for value in self.network.parameters() if value.grad is not None]

    def run(self) -> None:
        self.optimiser.zero_grad()
        self.loss().backward()
        self.optimiser.step()

    def parameters(self) -> list[np.ndarray]:
        return [value.detach().numpy().T for value in self.network.parameters()]


def build(work: Work) -> Modules:
    return Modules(work)
