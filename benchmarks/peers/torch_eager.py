"""*PyTorch without compiling, in the leanest form found: fused products, one call for the update.*"""

from __future__ import annotations

import numpy as np
import torch

from benchmarks.losses import WEIGHT_DECAY
from benchmarks.works import Work


class Eager:
    """Functional form. Measured faster than `backward()` with a loop over parameters, and than `optim.SGD`."""

    def __init__(self, work: Work) -> None:
        self.work = work
        self.values = [torch.tensor(value, requires_grad=True) for value in work.parameters()]
        self.inputs, self.targets = (torch.tensor(array) for array in work.data())
        self.loss = self.moons if work.kind == "moons" else self.regression

    def regression(self) -> torch.Tensor:
        values, hidden = self.values, self.inputs
        for position in range(0, len(values) - 2, 2):
            hidden = torch.tanh(torch.addmm(values[position + 1], hidden, values[position]))
        outputs = torch.addmm(values[-1], hidden, values[-2])
        return torch.nn.functional.mse_loss(outputs, self.targets)

    def moons(self) -> torch.Tensor:
        values, hidden = self.values, self.inputs
        for position in range(0, len(values) - 2, 2):
            hidden = torch.relu(torch.addmm(values[position + 1], hidden, values[position]))
        scores = torch.addmm(values[-1], hidden, values[-2])
        decay = sum(value.square().sum() for value in values)
        return torch.relu(1.0 - self.targets * scores).mean() + WEIGHT_DECAY * decay

    def loss_and_gradients(self) -> tuple[float, list[np.ndarray]]:
        loss = self.loss()
        return loss.item(), [gradient.numpy() for gradient in torch.autograd.grad(loss, self.values)]

    def run(self) -> None:
        gradients = torch.autograd.grad(self.loss(), self.values)
        with torch.no_grad():
            torch._foreach_add_(self.values, gradients, alpha=-self.work.learning_rate)

    def parameters(self) -> list[np.ndarray]:
        return [value.detach().numpy() for value in self.values]


def build(work: Work) -> Eager:
    return Eager(work)
