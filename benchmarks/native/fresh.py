"""*What happens once in a process: first calls, compilations, peak memory. One task of one library, then the process ends.*

Only what the task needs is imported here: the time from the start of the process is one of the figures.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import works as training
from benchmarks.losses import loss_of
from benchmarks.peers import Step, by_hand

SIZES = tuple(range(16, 336, 16))  # twenty batch sizes
MEMORY_STEPS = 3
Stepper = Callable[[Any, Any, Any], tuple[Any, Any]]


def our_step(work: training.Work) -> Any:
    import chainrule as cr

    value_and_grad = cr.value_and_grad(loss_of(work, np))
    rate = work.learning_rate

    def step(parameters: Any, inputs: Any, targets: Any) -> Any:
        loss, gradients = value_and_grad(parameters, inputs, targets)
        return [value - rate * gradient for value, gradient in zip(parameters, gradients, strict=True)], loss

    return cr.compile(step, donate="parameters")


def jax_step(work: training.Work) -> Any:
    import jax

    jax.config.update("jax_enable_x64", True)
    value_and_grad = jax.value_and_grad(loss_of(work, jax.numpy))
    rate = work.learning_rate

    def step(parameters: Any, inputs: Any, targets: Any) -> Any:
        loss, gradients = value_and_grad(parameters, inputs, targets)
        return [value - rate * gradient for value, gradient in zip(parameters, gradients, strict=True)], loss

    return jax.jit(step, donate_argnums=0)


def peer_step(library: str, work: training.Work) -> Step:
    """A step object of `benchmarks.peers`."""
    if library == "numpy":
        return by_hand.build(work)
    from benchmarks.peers import torch_eager

    return torch_eager.build(work)


class Trainer:
    """One library's training of one work: `run()` does a step and waits for it."""

    def __init__(self, library: str, name: str) -> None:
        work = training.WORKS[name]
        self.library = library
        self.peer: Any = None
        self.losses: Any = None
        if library in ("ours", "jax"):
            self.step = our_step(work) if library == "ours" else jax_step(work)
            self.parameters: Any = work.parameters()
            self.inputs, self.targets = work.data()
            if library == "jax":
                import jax.numpy as jnp

                self.parameters = [jnp.asarray(value) for value in self.parameters]
                self.inputs, self.targets = jnp.asarray(self.inputs), jnp.asarray(self.targets)
        else:
            self.peer = peer_step(library, work)

    def run(self) -> None:
        if self.peer is not None:
            self.peer.run()
            return
        self.parameters, self.losses = self.step(self.parameters, self.inputs, self.targets)
        if self.library == "jax":
            for value in self.parameters:
                value.block_until_ready()

    def present(self) -> list[np.ndarray]:
        return self.peer.parameters() if self.peer is not None else [np.asarray(value) for value in self.parameters]

    def distance(self, name: str, steps: int) -> float:
        """From the parameters after as many steps by hand."""
        from benchmarks.agreement import distance

        reference = by_hand.build(training.WORKS[name])
        for _ in range(steps):
            reference.run()
        return distance(self.present(), reference.parameters())

    def reported(self) -> int | None:
        """Bytes for intermediate values, as the library itself reports them."""
        if self.library == "jax":
            compiled = self.step.lower(self.parameters, self.inputs, self.targets).compile()
            return int(compiled.memory_analysis().temp_size_in_bytes)
        return self.step.stats().arena_bytes if self.library == "ours" else None


def first(library: str, started: float) -> dict[str, Any]:
    """Seconds of the first step of digits, alone and from the start of the process; the second call for comparison."""
    trainer = Trainer(library, "digits")
    begin = time.perf_counter()
    trainer.run()
    end = time.perf_counter()
    trainer.run()
    second = time.perf_counter() - end
    return {"call": end - begin, "process": end - started, "second": second, "distance": trainer.distance("digits", 2)}


def chain(library: str, started: float) -> dict[str, Any]:
    """Seconds of the first gradient of 9,000 elementwise operations."""
    del started
    from benchmarks.agreement import distance
    from benchmarks.native import hand_formulas, problems
    from benchmarks.native.formulas import PLAIN

    x = problems.chain_start()
    call = chain_call(library, PLAIN, problems.CHAIN_TURNS)
    begin = time.perf_counter()
    gradient = call(x)
    seconds = time.perf_counter() - begin
    begin = time.perf_counter()
    call(x)
    second = time.perf_counter() - begin
    expected = hand_formulas.chain(x, problems.CHAIN_TURNS)
    return {"call": seconds, "second": second, "distance": distance([np.asarray(gradient)], [expected])}


def chain_call(library: str, plain: Any, turns: int) -> Callable[[np.ndarray], Any]:
    if library == "ours":
        import chainrule as cr

        return cr.compile(cr.grad(lambda x: plain.chain(x, turns)))
    if library == "jax":
        import jax

        from benchmarks.native.with_jax import FORMULAS

        compiled = jax.jit(jax.grad(lambda x: FORMULAS.chain(x, turns)))
        return lambda x: compiled(x).block_until_ready()
    import torch

    from benchmarks.native.problems import CHAIN_STEP

    def gradient(x: np.ndarray) -> Any:
        variable = torch.tensor(x, requires_grad=True)
        value = variable
        for _ in range(turns):
            value = value + CHAIN_STEP * torch.sin(value)
        return torch.autograd.grad(value.sum(), variable)[0].numpy()

    return gradient


def memory(library: str, started: float, name: str) -> dict[str, Any]:
    """Bytes by which resident memory grows at most: in the first step, which may compile, and in the three after it.

    Both from the moment before the first step, with parameters and data made; the library has trained the tiny work before.
    """
    del started
    small = Trainer(library, "tiny")
    for _ in range(MEMORY_STEPS):
        small.run()
    trainer = Trainer(library, name)
    before = resident("VmRSS")
    forget_peak()
    trainer.run()
    growth = resident("VmHWM") - before
    forget_peak()
    for _ in range(MEMORY_STEPS):
        trainer.run()
    steady = resident("VmHWM") - before
    return {
        "growth": max(growth, steady),
        "steady": steady,
        "reported": trainer.reported(),
        "distance": trainer.distance(name, 1 + MEMORY_STEPS),
    }


def forget_peak() -> None:
    """From now on the peak of resident memory is counted anew."""
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError as error:
        raise RuntimeError(f"this system does not let the peak of memory be counted anew: {error}") from error


def resident(which: str) -> int:
    """Bytes of `VmRSS` (now) or `VmHWM` (the most so far)."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(which + ":"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"/proc/self/status has no line {which}: memory is measured on Linux only")


def batches(library: str, started: float) -> dict[str, Any]:
    """Seconds of the first step with each of twenty batch sizes, and for how many of them something was compiled."""
    del started
    work = training.WORKS["digits"]
    trainer = Trainer(library, "digits")
    seconds = []
    made = [compiled_so_far(trainer)]
    for size in SIZES:
        inputs, targets = of_batch(work, size)
        if library == "torch":
            import torch

            trainer.peer.inputs, trainer.peer.targets = torch.tensor(inputs), torch.tensor(targets)
        else:
            trainer.inputs, trainer.targets = inputs, targets
        begin = time.perf_counter()
        trainer.run()
        seconds.append(time.perf_counter() - begin)
        made.append(compiled_so_far(trainer))
    reference = by_hand.build(work)
    for size in SIZES:
        reference.inputs, reference.targets = of_batch(work, size)
        reference.run()
    from benchmarks.agreement import distance

    return {
        "seconds": seconds,
        "compilations": sum(after > before for before, after in pairwise(made)),
        "distance": distance(trainer.present(), reference.parameters()),
    }


def compiled_so_far(trainer: Trainer) -> int:
    """How many programs JAX has compiled, or how many pieces of machine code chainrule has put on the disk."""
    if trainer.library == "jax":
        return trainer.step._cache_size()
    folder = os.environ.get("CHAINRULE_CACHE")
    if trainer.library != "ours" or folder is None:
        return 0
    return sum(path.is_file() for path in Path(folder).rglob("*"))


def of_batch(work: training.Work, size: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(size)
    return generator.normal(size=(size, work.sizes[0])), generator.normal(size=(size, work.sizes[-1]))


TASKS: dict[str, Callable[..., dict[str, Any]]] = {"first": first, "chain": chain, "memory": memory, "batches": batches}


if __name__ == "__main__":
    task, library, started = sys.argv[1], sys.argv[2], float(sys.argv[3])
    print(json.dumps(TASKS[task](library, started, *sys.argv[4:])), flush=True)
