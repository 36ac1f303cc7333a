"""*JAX's contestants: everything jitted, parameters donated, a whole epoch by `lax.scan`.*

JAX returns before the numbers are there. The plain form waits once, at the end of a batch of calls, as a training loop
that does not look at its losses may; the form `awaited` waits at each call.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks import works as training
from benchmarks.losses import loss_of
from benchmarks.native import problems
from benchmarks.native.contestant import Contestant, of_step
from benchmarks.native.fits import fit, fit_answers
from benchmarks.native.formulas import Formulas
from benchmarks.peers import jax_jit

jax.config.update("jax_enable_x64", True)


class Tools:
    """The functions of JAX for what NumPy has none."""

    np = jnp
    sigmoid = staticmethod(jax.nn.sigmoid)
    logsumexp = staticmethod(lambda x: jax.nn.logsumexp(x, axis=-1))
    softmax = staticmethod(lambda x: jax.nn.softmax(x, axis=-1))
    gelu = staticmethod(lambda x: jax.nn.gelu(x, approximate=True))

    @staticmethod
    def factors(log_diagonals: Any, strict_parts: Any) -> Any:
        dimension = log_diagonals.shape[1]
        columns, rows = np.triu_indices(dimension, 1)
        return (jnp.exp(log_diagonals)[:, :, None] * jnp.eye(dimension)).at[:, rows, columns].set(strict_parts)


FORMULAS = Formulas(Tools())


def build(work: str, form: str) -> Contestant:
    """Raises `KeyError` for a form that JAX has not."""
    if work in training.WORKS:
        return training_step(work, form)
    return {
        ("sum", ""): tanh_sum,
        ("gmm", ""): mixture,
        ("gmm", "objective"): mixture_objective,
        ("logistic", ""): logistic,
        ("lstm", ""): lstm,
        ("lstm", "scan"): lstm_scan,
        ("transformer", ""): transformer,
        ("overhead", ""): overhead,
        ("overhead", "awaited"): overhead_awaited,
    }[work.rstrip("3467"), form](work)


class Last:
    """Calls a function and keeps its last result, to be waited for at the end of a batch."""

    def __init__(self, call: Callable[[], Any]) -> None:
        self.call = call
        self.result: Any = None

    def __call__(self) -> None:
        self.result = self.call()

    def wait(self) -> None:
        jax.block_until_ready(self.result)


def later(call: Callable[[], Any], flatten: Callable[[Any], list[Any]] = jax.tree.leaves) -> Contestant:
    last = Last(call)
    return Contestant(last, lambda: [np.asarray(leaf) for leaf in flatten(call())], finish=last.wait)


def training_step(name: str, form: str) -> Contestant:
    if form == "scan":
        return epoch(name)
    step = jax_jit.build(training.WORKS[name])
    awaited = of_step(step)
    if form == "awaited":
        return awaited

    def run() -> None:
        _, step.values = step.step(step.values, step.inputs, step.targets)

    return Contestant(run, awaited.answers, finish=lambda: jax.block_until_ready(step.values))


class Epoch:
    """A pass over all mini-batches as one compiled call."""

    def __init__(self, name: str) -> None:
        work = training.WORKS[name]
        self.values: Any = tuple(jnp.asarray(value) for value in work.parameters())
        self.inputs, self.targets = (jnp.asarray(array) for array in problems.mini_batches(name))
        value_and_grad = jax.value_and_grad(loss_of(work, jnp))
        rate = work.learning_rate

        def step(values: Any, batch: Any) -> Any:
            loss, gradients = value_and_grad(values, *batch)
            return tuple(value - rate * gradient for value, gradient in zip(values, gradients, strict=True)), loss

        self.epoch = jax.jit(lambda values, data: jax.lax.scan(step, values, data), donate_argnums=0)
        self.losses: Any = None

    def run(self) -> None:
        self.values, self.losses = self.epoch(self.values, (self.inputs, self.targets))

    def answers(self) -> list[np.ndarray]:
        self.run()
        return [*(np.asarray(value) for value in self.values), np.asarray(self.losses)]

    def wait(self) -> None:
        jax.block_until_ready((self.values, self.losses))


def epoch(name: str) -> Contestant:
    whole = Epoch(name)
    return Contestant(whole.run, whole.answers, problems.TURNS[name], whole.wait)


def tanh_sum(name: str) -> Contestant:
    x = jnp.asarray(problems.numbers(name))
    gradient = jax.jit(jax.grad(FORMULAS.tanh_sum))
    return later(lambda: gradient(x))


def mixture(name: str) -> Contestant:
    problem = problems.mixture(name)
    parameters, points = [jnp.asarray(array) for array in problem.parameters], jnp.asarray(problem.points)
    call = jax.jit(jax.value_and_grad(FORMULAS.mixture))
    return later(lambda: call(parameters, points))


def mixture_objective(name: str) -> Contestant:
    problem = problems.mixture(name)
    parameters, points = [jnp.asarray(array) for array in problem.parameters], jnp.asarray(problem.points)
    call = jax.jit(FORMULAS.mixture)
    return later(lambda: call(parameters, points))


def logistic(_: str) -> Contestant:
    inputs, labels = (jnp.asarray(array) for array in problems.labelled())
    call = jax.jit(jax.value_and_grad(FORMULAS.logistic))

    def value_and_gradient(weights: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = call(weights, inputs, labels)
        return float(value), np.asarray(gradient)

    return Contestant(lambda: fit(value_and_gradient), lambda: fit_answers(value_and_gradient))


def of_loss(loss: Callable[..., Any], problem: Any) -> Contestant:
    parameters, inputs, targets = jax.tree.map(jnp.asarray, problem)
    call = jax.jit(jax.value_and_grad(loss))
    return later(lambda: call(parameters, inputs, targets))


def lstm(_: str) -> Contestant:
    return of_loss(FORMULAS.lstm, problems.lstm())


def lstm_scan(_: str) -> Contestant:
    def loss(parameters: Any, inputs: Any, targets: Any) -> Any:
        start = (jnp.zeros_like(targets), jnp.zeros_like(targets))
        (hidden, _), _ = jax.lax.scan(lambda state, x: (FORMULAS.lstm_turn(parameters, state, x), None), start, inputs)
        return jnp.mean((hidden - targets) ** 2)

    return of_loss(loss, problems.lstm())


def transformer(_: str) -> Contestant:
    return of_loss(FORMULAS.transformer, problems.transformer())


def add_up(a: Any, b: Any, c: Any, d: Any, e: Any, f: Any, g: Any, h: Any) -> Any:
    return a + b + c + d + e + f + g + h


def overhead(_: str) -> Contestant:
    arrays = [jnp.asarray(array) for array in problems.eight()]
    call = jax.jit(add_up)
    return Contestant(
        partial(call, *arrays), lambda: [np.asarray(call(*arrays))], finish=lambda: call(*arrays).block_until_ready()
    )


def overhead_awaited(_: str) -> Contestant:
    arrays = [jnp.asarray(array) for array in problems.eight()]
    call = jax.jit(add_up)
    return Contestant(lambda: call(*arrays).block_until_ready(), lambda: [np.asarray(call(*arrays))])
