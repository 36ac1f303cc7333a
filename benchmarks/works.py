"""*A name in, the data of one training step out.*

A work is a network's sizes, its starting parameters and one batch, all float64 and the same for every peer.
Its loss is written once, in `losses.py`, for any namespace that speaks NumPy.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

SEED = 1337
CALLS = 20  # of each function in `dispatch.py`


@dataclass(frozen=True)
class Work:
    """One training step: forward, backward and the update of a fully connected network by gradient descent.

    `parameters` alternate weight (inputs × outputs) and bias (outputs), first layer first.
    """

    name: str
    title: str
    kind: str
    sizes: tuple[int, ...]
    batch: int
    learning_rate: float
    heavy: bool = field(default=False)

    def parameters(self) -> list[np.ndarray]:
        """Starting parameters, fresh arrays at every call: a peer may write into its own."""
        generator = np.random.default_rng(SEED)
        parameters: list[np.ndarray] = []
        for inputs, outputs in zip(self.sizes, self.sizes[1:], strict=False):
            if self.kind == "moons":
                parameters.append(generator.uniform(-1.0, 1.0, (inputs, outputs)))
            else:
                parameters.append(generator.normal(size=(inputs, outputs)) / np.sqrt(inputs))
            parameters.append(np.zeros(outputs))
        return parameters

    def data(self) -> tuple[np.ndarray, np.ndarray]:
        """One batch: inputs (batch × features) and targets (batch × outputs; −1 or 1 for the moons)."""
        generator = np.random.default_rng(SEED + 1)
        if self.kind == "moons":
            return moons(self.batch, generator)
        inputs = generator.normal(size=(self.batch, self.sizes[0]))
        targets = generator.normal(size=(self.batch, self.sizes[-1]))
        return inputs, targets


def moons(count: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Two interleaved half circles with noise 0.1, as in micrograd's demo; targets are −1 and 1, one column."""
    half = count // 2
    angle = np.linspace(0.0, np.pi, half)
    outer = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    inner = np.stack([1.0 - np.cos(angle), 0.5 - np.sin(angle)], axis=1)
    inputs = np.concatenate([outer, inner]) + generator.normal(scale=0.1, size=(2 * half, 2))
    targets = np.concatenate([-np.ones((half, 1)), np.ones((half, 1))])
    return inputs, targets


WORKS: dict[str, Work] = {
    work.name: work
    for work in (
        Work("tiny", "batch 32, 2–16–1", "regression", (2, 16, 1), 32, 1e-3),
        Work("digits", "batch 128, 64–128–10", "regression", (64, 128, 10), 128, 1e-3),
        Work("medium", "batch 128, 784–256–128–10", "regression", (784, 256, 128, 10), 128, 1e-3),
        Work("large", "batch 512, 1024–4096–1024–10", "regression", (1024, 4096, 1024, 10), 512, 1e-3, heavy=True),
        Work("moons", "100 samples, 2–16–16–1, ReLU", "moons", (2, 16, 16, 1), 100, 1e-2),
    )
}
