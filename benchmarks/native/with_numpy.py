"""*NumPy's contestants: by hand, and the floors (products, copies, arithmetic) below which nobody gets.*"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from benchmarks import works as training
from benchmarks.native import hand_formulas, problems
from benchmarks.native.contestant import Contestant, of_step
from benchmarks.native.fits import fit, fit_answers
from benchmarks.native.formulas import PLAIN
from benchmarks.native.threads import threads_here
from benchmarks.peers import by_hand


def build(work: str, form: str) -> Contestant:
    """Raises `KeyError` for a form that NumPy has not."""
    if work in training.WORKS:
        return products(work) if form == "products" else of_step(by_hand.build(training.WORKS[work]))
    return {
        ("sum", ""): tanh_sum,
        ("sum", "copy"): copy,
        ("sum", "copied"): copied,
        ("sum", "floor"): floor,
        ("gmm", ""): mixture,
        ("gmm", "objective"): mixture_objective,
        ("logistic", ""): logistic,
        ("lstm", ""): lstm,
        ("transformer", ""): transformer,
        ("overhead", ""): overhead,
    }[work.rstrip("3467"), form](work)


def products(name: str) -> Contestant:
    """The products of one training step and nothing else, into arrays that are there already."""
    work = training.WORKS[name]
    weights = work.parameters()[::2]
    hidden = [work.data()[0]]
    generator = np.random.default_rng(1)
    for weight in weights:
        hidden.append(np.tanh(hidden[-1] @ weight))
    pairs: list[tuple[np.ndarray, np.ndarray]] = []
    for position, weight in enumerate(weights):
        pairs.append((hidden[position], weight))
    for position in range(len(weights) - 1, -1, -1):
        above = generator.normal(size=hidden[position + 1].shape)
        pairs.append((hidden[position].T, above))
        if position:
            pairs.append((above, weights[position].T))
    ready = [(left, right, left @ right) for left, right in pairs]

    def run() -> None:
        for left, right, result in ready:
            np.matmul(left, right, out=result)

    return Contestant(run, None)


def epoch_answers(name: str) -> list[np.ndarray]:
    """Parameters after an epoch, and the loss of each turn."""
    step = by_hand.build(training.WORKS[name])
    losses = []
    for step.inputs, step.targets in zip(*problems.mini_batches(name), strict=True):
        losses.append(step.loss_and_gradients()[0])
        step.run()
    return [*step.parameters(), np.asarray(losses)]


def tanh_sum(name: str) -> Contestant:
    x = problems.numbers(name)
    return Contestant(lambda: hand_formulas.tanh_sum(x), lambda: [hand_formulas.tanh_sum(x)])


def copy(name: str) -> Contestant:
    x = problems.numbers(name)
    target = np.empty_like(x)
    return Contestant(lambda: np.copyto(target, x), None)


def copied(name: str) -> Contestant:
    x = problems.numbers(name)
    return Contestant(x.copy, None)


def floor(name: str) -> Contestant:
    """The tanh of as many numbers, of arrays that stay in the cache, as if the threads shared the work evenly."""
    x = problems.numbers(name)[: problems.CACHED]
    target = np.empty_like(x)
    turns = problems.NUMBERS[name] // (problems.CACHED * threads_here())

    def run() -> None:
        for _ in range(turns):
            np.tanh(x, out=target)

    return Contestant(run, None)


def flat(answer: tuple[float, list[np.ndarray]]) -> list[np.ndarray]:
    value, gradients = answer
    return [np.asarray(value, dtype=np.float64), *gradients]


def mixture(name: str) -> Contestant:
    problem = problems.mixture(name)
    return Contestant(lambda: hand_formulas.mixture(problem), lambda: flat(hand_formulas.mixture(problem)))


def mixture_objective(name: str) -> Contestant:
    """The user's function itself, in plain NumPy."""
    problem = problems.mixture(name)
    return Contestant(
        lambda: PLAIN.mixture(problem.parameters, problem.points),
        lambda: [np.asarray(PLAIN.mixture(problem.parameters, problem.points))],
    )


def logistic(_: str) -> Contestant:
    inputs, labels = problems.labelled()

    def value_and_gradient(weights: np.ndarray) -> tuple[float, np.ndarray]:
        return hand_formulas.logistic(weights, inputs, labels)

    return Contestant(lambda: fit(value_and_gradient), lambda: fit_answers(value_and_gradient))


def lstm(_: str) -> Contestant:
    problem = problems.lstm()
    return Contestant(lambda: hand_formulas.lstm(*problem), lambda: flat(hand_formulas.lstm(*problem)))


def transformer(_: str) -> Contestant:
    problem = problems.transformer()
    return Contestant(lambda: hand_formulas.transformer(*problem), lambda: flat(hand_formulas.transformer(*problem)))


def overhead(_: str) -> Contestant:
    arrays = problems.eight()
    return Contestant(partial(add_up, *arrays), lambda: [add_up(*arrays)])


def add_up(a: Any, b: Any, c: Any, d: Any, e: Any, f: Any, g: Any, h: Any) -> Any:
    """Next to nothing, of eight arrays."""
    return a + b + c + d + e + f + g + h


def reference(work: str, form: str) -> list[np.ndarray] | None:
    """What the answers of a contestant are compared with."""
    if form == "scan" and work in problems.TURNS:
        return epoch_answers(work)
    contestant = build(work, form if form == "objective" else "")
    answers: Callable[[], Any] | None = contestant.answers
    return None if answers is None else list(answers())


def directional_error(work: str) -> float:
    """Relative distance of the hand-written gradients of a work from a central difference of its plain formula."""
    if work not in DIFFERENTIATED:
        return 0.0
    formula, parameters = DIFFERENTIATED[work]()
    gradients = (reference(work, "") or [])[-len(parameters) :]
    generator = np.random.default_rng(3)
    direction = [generator.normal(size=array.shape) for array in parameters]
    size = np.sqrt(sum(np.sum(np.square(array)) for array in direction))
    width = 1e-4
    ahead, behind = (
        formula([array + sign * width / size * towards for array, towards in zip(parameters, direction, strict=True)])
        for sign in (1.0, -1.0)
    )
    numeric = (ahead - behind) / (2.0 * width)
    analytic = sum(np.sum(g * d) for g, d in zip(gradients, direction, strict=True)) / size
    return float(abs(numeric - analytic) / max(abs(numeric), abs(analytic), 1e-12))


Problem = tuple[Callable[[list[np.ndarray]], Any], list[np.ndarray]]


def of_mixture() -> Problem:
    problem = problems.mixture("gmm3")
    return lambda parameters: PLAIN.mixture(parameters, problem.points), problem.parameters


def of_lstm() -> Problem:
    parameters, inputs, targets = problems.lstm()
    return lambda changed: PLAIN.lstm(changed, inputs, targets), parameters


def of_transformer() -> Problem:
    parameters, inputs, targets = problems.transformer()
    return lambda changed: PLAIN.transformer(changed, inputs, targets), parameters


def of_tanh_sum() -> Problem:
    return lambda changed: PLAIN.tanh_sum(changed[0]), [problems.numbers("sum6")]


DIFFERENTIATED: dict[str, Callable[[], Problem]] = {
    "gmm3": of_mixture,
    "lstm": of_lstm,
    "transformer": of_transformer,
    "sum6": of_tanh_sum,
}
