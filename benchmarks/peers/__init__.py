"""*The table of peers: what each is called, what it needs, which works it can do.*

A peer is a module with `build(work) -> Step`; it is imported in its own process only (`worker.py`), so that no peer
pays for another's threads or for the garbage collector's walk over another's objects.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
from dataclasses import dataclass
from typing import Protocol

import numpy as np

ARRAY_WORKS = ("tiny", "digits", "medium", "large", "moons")
SCALAR_WORKS = ("moons", "scalars")


class Step(Protocol):
    """What a peer offers for one work. It starts at the work's parameters and keeps its own."""

    def loss_and_gradients(self) -> tuple[float, list[np.ndarray]]:
        """The loss and one gradient per parameter, at the present parameters, without an update."""
        ...

    def run(self) -> None:
        """One training step: forward, backward, update; returns when the numbers are there."""
        ...

    def parameters(self) -> list[np.ndarray]:
        """The present parameters as NumPy arrays."""
        ...


@dataclass(frozen=True)
class Peer:
    """One row of the table. `module` is looked up by name, in the peer's own process."""

    name: str
    title: str
    package: str
    distribution: str
    works: tuple[str, ...]
    how: str

    @property
    def module(self) -> str:
        return f"benchmarks.peers.{self.name}"

    def missing(self) -> str | None:
        """Why this peer cannot run here, or None."""
        specification = importlib.util.find_spec(self.package)
        if specification is None or specification.origin is None:
            return f"the package {self.distribution} is not installed"
        return None

    def version(self) -> str:
        try:
            return importlib.metadata.version(self.distribution)
        except importlib.metadata.PackageNotFoundError:
            return "from the working tree"


PEERS: dict[str, Peer] = {
    peer.name: peer
    for peer in (
        Peer("ours", "chainrule", "chainrule", "chainrule", ARRAY_WORKS, "`cr.value_and_grad` of plain NumPy code"),
        Peer(
            "ours_scalars", "chainrule, scalars", "chainrule", "chainrule", SCALAR_WORKS,
            "`cr.variable`, one number each, `.backward()`",
        ),
        Peer("by_hand", "NumPy by hand", "numpy", "numpy", ARRAY_WORKS, "backward pass written out by hand"),
        Peer(
            "torch_eager", "PyTorch eager", "torch", "torch", ARRAY_WORKS,
            "`addmm`, `mse_loss`, `autograd.grad`, `_foreach_add_`: the leanest form found",
        ),
        Peer(
            "torch_modules", "PyTorch modules", "torch", "torch", ARRAY_WORKS,
            "`nn.Sequential`, `backward()`, `optim.SGD`: the form of its tutorials",
        ),
        Peer("jax_jit", "JAX jit", "jax", "jax", ARRAY_WORKS, "`jit(value_and_grad)` with the update inside, donated"),
        Peer("with_mygrad", "MyGrad", "mygrad", "mygrad", ARRAY_WORKS, "`backward()`, memory guarding off"),
        Peer("with_autograd", "autograd", "autograd", "autograd", ARRAY_WORKS, "`value_and_grad` over a tuple"),
        Peer(
            "with_micrograd", "micrograd", "micrograd", "micrograd", SCALAR_WORKS,
            "`micrograd.nn.MLP`, one `Value` per number",
        ),
    )
}  # fmt: skip
