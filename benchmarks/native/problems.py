"""*A name in, the same float64 data for every contestant out.*"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks import works as training

TURNS = {"tiny": 200, "digits": 64, "medium": 16, "large": 2}  # mini-batches in the epoch that is one call

DIMENSION, COMPONENTS = 10, 25
POINTS = {"gmm3": 1_000, "gmm4": 10_000}
WISHART_GAMMA, WISHART_M = 1.0, 0

SAMPLES, FEATURES, PENALTY, ITERATIONS = 10_000, 50, 1e-3, 8

BATCH, WIDTH, TIME = 16, 64, 10
TOKENS, HEADS, LAYERS = 16, 4, 2
PER_LAYER = 12  # arrays of one transformer layer

NUMBERS = {"sum6": 10**6, "sum7": 10**7}
CACHED = 1_000  # numbers of an array that stays in the first-level cache

CHAIN_TURNS, CHAIN_NUMBERS = 3_000, 1_000  # three operations a turn
CHAIN_STEP = 1e-3  # so small that the gradient neither vanishes nor explodes

EIGHT, SMALL = 8, 4


@dataclass(frozen=True)
class Mixture:
    """A Gaussian mixture as ADBench states it: the parameters, then the points."""

    alphas: np.ndarray
    means: np.ndarray
    icf: np.ndarray
    points: np.ndarray

    @property
    def parameters(self) -> list[np.ndarray]:
        return [self.alphas, self.means, self.icf]


def mini_batches(name: str) -> tuple[np.ndarray, np.ndarray]:
    """An epoch: inputs (turns × batch × features) and targets; its first batch is the one of the single step."""
    work = training.WORKS[name]
    inputs, targets = work.data()
    generator = np.random.default_rng(training.SEED + 2)
    turns = TURNS[name]
    all_inputs, all_targets = np.empty((turns, *inputs.shape)), np.empty((turns, *targets.shape))
    for turn in range(turns):
        order = generator.permutation(work.batch) if turn else np.arange(work.batch)
        all_inputs[turn], all_targets[turn] = inputs[order] * (1.0 + 0.01 * turn), targets[order]
    return all_inputs, all_targets


def numbers(name: str) -> np.ndarray:
    return np.random.default_rng(11).normal(size=NUMBERS[name])


def mixture(name: str) -> Mixture:
    generator = np.random.default_rng(12)
    entries = DIMENSION * (DIMENSION + 1) // 2
    return Mixture(
        generator.normal(size=COMPONENTS),
        generator.normal(size=(COMPONENTS, DIMENSION)),
        0.3 * generator.normal(size=(COMPONENTS, entries)),
        generator.normal(size=(POINTS[name], DIMENSION)),
    )


def labelled() -> tuple[np.ndarray, np.ndarray]:
    """Inputs, and labels −1 and 1 that a noisy plane divides."""
    generator = np.random.default_rng(13)
    inputs = generator.normal(size=(SAMPLES, FEATURES))
    plane = generator.normal(size=FEATURES)
    return inputs, np.where(inputs @ plane + 3.0 * generator.normal(size=SAMPLES) > 0.0, 1.0, -1.0)


def lstm() -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    """Parameters (input weights, state weights, bias; gates in the order i, f, g, o), inputs (time first), targets."""
    generator = np.random.default_rng(14)
    scale = 1.0 / np.sqrt(WIDTH)
    parameters = [
        scale * generator.normal(size=shape) for shape in ((WIDTH, 4 * WIDTH), (WIDTH, 4 * WIDTH), (4 * WIDTH,))
    ]
    return parameters, generator.normal(size=(TIME, BATCH, WIDTH)), generator.normal(size=(BATCH, WIDTH))


def transformer() -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    """Twelve arrays a layer: norm, query-key-value, out, norm, up, down, each with its second array; inputs; targets."""
    generator = np.random.default_rng(15)
    parameters: list[np.ndarray] = []
    for _ in range(LAYERS):
        for inputs, outputs in (
            (0, WIDTH),
            (WIDTH, 3 * WIDTH),
            (WIDTH, WIDTH),
            (0, WIDTH),
            (WIDTH, 4 * WIDTH),
            (4 * WIDTH, WIDTH),
        ):
            if inputs:
                parameters.append(generator.normal(size=(inputs, outputs)) / np.sqrt(inputs))
            else:
                parameters.append(1.0 + 0.1 * generator.normal(size=outputs))
            parameters.append(0.1 * generator.normal(size=outputs))
    shape = (BATCH, TOKENS, WIDTH)
    return parameters, generator.normal(size=shape), generator.normal(size=shape)


def chain_start() -> np.ndarray:
    return np.random.default_rng(16).normal(size=CHAIN_NUMBERS)


def eight() -> list[np.ndarray]:
    generator = np.random.default_rng(17)
    return [generator.normal(size=SMALL) for _ in range(EIGHT)]
