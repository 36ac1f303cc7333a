"""*chainrule's contestants: plain NumPy code, its gradient, and `cr.compile` around both.*"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

import chainrule as cr
from benchmarks import works as training
from benchmarks.losses import loss_of
from benchmarks.native import problems
from benchmarks.native.contestant import UPDATES, Contestant
from benchmarks.native.fits import fit, fit_answers
from benchmarks.native.formulas import PLAIN


def build(work: str, form: str) -> Contestant:
    """Raises `KeyError` for a form that there is not."""
    if work in training.WORKS:
        return epoch(work) if form == "scan" else training_step(work)
    return {
        ("sum", ""): tanh_sum,
        ("gmm", ""): mixture,
        ("gmm", "objective"): mixture_objective,
        ("logistic", ""): logistic,
        ("lstm", ""): lstm,
        ("transformer", ""): transformer,
        ("overhead", ""): overhead,
    }[work.rstrip("3467"), form](work)


class Step:
    """One training step, or an epoch of them, compiled whole; the parameters are given away and come back."""

    def __init__(self, name: str) -> None:
        work = training.WORKS[name]
        self.parameters = work.parameters()
        self.inputs, self.targets = work.data()
        self.losses: Any = None
        value_and_grad = cr.value_and_grad(loss_of(work, np))
        rate = work.learning_rate

        def step(parameters: Any, inputs: Any, targets: Any) -> Any:
            loss, gradients = value_and_grad(parameters, inputs, targets)
            return [value - rate * gradient for value, gradient in zip(parameters, gradients, strict=True)], loss

        def epoch(parameters: Any, inputs: Any, targets: Any) -> Any:
            return cr.scan(lambda values, batch: step(values, *batch), parameters, (inputs, targets))

        self.step: Any = cr.compile(step, donate="parameters")
        self.epoch: Any = cr.compile(epoch, donate="parameters")
        self.gradients: Any = cr.compile(value_and_grad)

    def run(self) -> None:
        self.parameters, self.losses = self.step(self.parameters, self.inputs, self.targets)

    def answers(self) -> list[np.ndarray]:
        loss, gradients = self.gradients(self.parameters, self.inputs, self.targets)
        found = [np.asarray(loss), *(np.array(gradient) for gradient in gradients)]
        for _ in range(UPDATES):
            self.run()
        return [*found, *(np.array(value) for value in self.parameters)]

    def run_epoch(self) -> None:
        self.parameters, self.losses = self.epoch(self.parameters, self.inputs, self.targets)

    def epoch_answers(self) -> list[np.ndarray]:
        self.run_epoch()
        return [*(np.array(value) for value in self.parameters), np.array(self.losses)]


def training_step(name: str) -> Contestant:
    step = Step(name)
    return Contestant(step.run, step.answers)


def epoch(name: str) -> Contestant:
    step = Step(name)
    step.inputs, step.targets = problems.mini_batches(name)
    return Contestant(step.run_epoch, step.epoch_answers, problems.TURNS[name])


def tanh_sum(name: str) -> Contestant:
    x = problems.numbers(name)
    gradient = cr.compile(cr.grad(PLAIN.tanh_sum))
    return Contestant(lambda: gradient(x), lambda: [gradient(x)])


def of_loss(loss: Any, *arguments: Any) -> Contestant:
    call = cr.compile(cr.value_and_grad(loss))

    def answers() -> list[np.ndarray]:
        value, gradients = call(*arguments)
        return [np.asarray(value), *gradients]

    return Contestant(lambda: call(*arguments), answers)


def mixture(name: str) -> Contestant:
    problem = problems.mixture(name)
    return of_loss(PLAIN.mixture, problem.parameters, problem.points)


def mixture_objective(name: str) -> Contestant:
    problem = problems.mixture(name)
    call = cr.compile(PLAIN.mixture)
    parameters, points = problem.parameters, problem.points
    return Contestant(lambda: call(parameters, points), lambda: [np.asarray(call(parameters, points))])


def logistic(_: str) -> Contestant:
    inputs, labels = problems.labelled()
    call = cr.compile(cr.value_and_grad(PLAIN.logistic))

    def value_and_gradient(weights: np.ndarray) -> Any:
        return call(weights, inputs, labels)

    return Contestant(lambda: fit(value_and_gradient), lambda: fit_answers(value_and_gradient))


def lstm(_: str) -> Contestant:
    return of_loss(PLAIN.lstm, *problems.lstm())


def transformer(_: str) -> Contestant:
    return of_loss(PLAIN.transformer, *problems.transformer())


def add_up(a: Any, b: Any, c: Any, d: Any, e: Any, f: Any, g: Any, h: Any) -> Any:
    return a + b + c + d + e + f + g + h


def overhead(_: str) -> Contestant:
    arrays = problems.eight()
    call = cr.compile(add_up)
    return Contestant(partial(call, *arrays), lambda: [call(*arrays)])
