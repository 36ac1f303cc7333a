"""*NumPy alone: value and gradients of the larger functions, written out by hand. They are the references of all others.*"""

from __future__ import annotations

from math import sqrt

import numpy as np

from benchmarks.native.formulas import GELU_CUBIC, GELU_SCALE, NORM_EPSILON, PLAIN, mixture_constant
from benchmarks.native.problems import CHAIN_STEP, HEADS, PENALTY, PER_LAYER, WIDTH, WISHART_GAMMA, WISHART_M, Mixture

Answer = tuple[float, list[np.ndarray]]


def tanh_sum(x: np.ndarray) -> np.ndarray:
    """The gradient alone, with few temporary arrays."""
    values = np.tanh(x)
    gradient = values * values
    np.subtract(1.0, gradient, out=gradient)
    gradient *= x
    gradient += values
    gradient += 2.0 * x
    return gradient


def chain(x: np.ndarray, turns: int) -> np.ndarray:
    before = []
    for _ in range(turns):
        before.append(x)
        x = x + CHAIN_STEP * np.sin(x)
    gradient = np.ones_like(x)
    for value in reversed(before):
        gradient *= 1.0 + CHAIN_STEP * np.cos(value)
    return gradient


def logistic(weights: np.ndarray, inputs: np.ndarray, labels: np.ndarray) -> tuple[float, np.ndarray]:
    margins = labels * (inputs @ weights)
    powers = np.exp(-np.abs(margins))  # at most 1: neither the loss nor its slope overflows
    value = np.mean(np.log1p(powers) - np.minimum(margins, 0.0)) + 0.5 * PENALTY * (weights @ weights)
    pull = np.where(margins < 0.0, 1.0, powers)
    pull /= 1.0 + powers
    pull *= labels
    pull /= -len(labels)
    return value, pull @ inputs + PENALTY * weights


def mixture(problem: Mixture) -> Answer:
    alphas, means, icf, points = problem.alphas, problem.means, problem.icf, problem.points
    count, dimension = points.shape
    log_diagonals, strict_parts = icf[:, :dimension], icf[:, dimension:]
    factors = PLAIN.tools.factors(log_diagonals, strict_parts)
    columns, rows = np.triu_indices(dimension, 1)
    # One matrix product for each component: points × dimension by dimension × dimension.
    differences = points[None, :, :] - means[:, None, :]
    centred = differences @ factors.transpose(0, 2, 1)
    inner = alphas[:, None] + log_diagonals.sum(axis=1)[:, None] - 0.5 * np.square(centred).sum(axis=2)
    largest = inner.max(axis=0)
    powers = np.exp(inner - largest)
    totals = powers.sum(axis=0)
    of_alphas = np.exp(alphas - alphas.max())
    log_alphas = alphas.max() + np.log(of_alphas.sum())
    squares = np.exp(2.0 * log_diagonals)
    prior = 0.5 * WISHART_GAMMA**2 * (squares.sum() + np.square(strict_parts).sum()) - WISHART_M * log_diagonals.sum()
    constant = mixture_constant(count, dimension, len(alphas))
    value = np.sum(largest + np.log(totals)) - count * log_alphas + prior + constant

    shares = powers / totals
    each = shares.sum(axis=1)
    above = centred * -shares[:, :, None]
    to_means = -(above.sum(axis=1)[:, None, :] @ factors)[:, 0, :]
    to_factors = above.transpose(0, 2, 1) @ differences
    diagonal = np.arange(dimension)
    to_logs = to_factors[:, diagonal, diagonal] * np.exp(log_diagonals) + each[:, None]
    to_logs += WISHART_GAMMA**2 * squares - WISHART_M
    to_strict = to_factors[:, rows, columns] + WISHART_GAMMA**2 * strict_parts
    to_alphas = each - count * of_alphas / of_alphas.sum()
    return float(value), [to_alphas, to_means, np.concatenate([to_logs, to_strict], axis=1)]


def lstm(parameters: list[np.ndarray], inputs: np.ndarray, targets: np.ndarray) -> Answer:
    from_input, from_state, bias = parameters
    turns, batch, _ = inputs.shape
    given = inputs @ from_input + bias
    hidden, cell = np.zeros((batch, WIDTH)), np.zeros((batch, WIDTH))
    kept = []
    for turn in range(turns):
        gates = given[turn] + hidden @ from_state
        opened = 1.0 / (1.0 + np.exp(-gates))
        candidate = np.tanh(gates[:, 2 * WIDTH : 3 * WIDTH])
        enter, forget, leave = opened[:, :WIDTH], opened[:, WIDTH : 2 * WIDTH], opened[:, 3 * WIDTH :]
        before_hidden, before_cell = hidden, cell
        cell = forget * cell + enter * candidate
        squashed = np.tanh(cell)
        hidden = leave * squashed
        kept.append((before_hidden, before_cell, enter, forget, candidate, leave, squashed))
    difference = hidden - targets
    to_hidden, to_cell = difference * (2.0 / difference.size), np.zeros_like(cell)
    to_gates = np.empty((turns, batch, 4 * WIDTH))
    to_state = np.zeros_like(from_state)
    for turn in range(turns - 1, -1, -1):
        before_hidden, before_cell, enter, forget, candidate, leave, squashed = kept[turn]
        to_cell = to_cell + to_hidden * leave * (1.0 - squashed * squashed)
        above = to_gates[turn]
        above[:, :WIDTH] = to_cell * candidate * enter * (1.0 - enter)
        above[:, WIDTH : 2 * WIDTH] = to_cell * before_cell * forget * (1.0 - forget)
        above[:, 2 * WIDTH : 3 * WIDTH] = to_cell * enter * (1.0 - candidate * candidate)
        above[:, 3 * WIDTH :] = to_hidden * squashed * leave * (1.0 - leave)
        to_state += before_hidden.T @ above
        to_hidden, to_cell = above @ from_state.T, to_cell * forget
    flat = to_gates.reshape(turns * batch, 4 * WIDTH)
    gradients = [inputs.reshape(turns * batch, WIDTH).T @ flat, to_state, flat.sum(axis=0)]
    return float(np.mean(difference * difference)), gradients


class Norm:
    """Layer normalisation of rows, forward and backward."""

    def __init__(self, x: np.ndarray, gain: np.ndarray, shift: np.ndarray) -> None:
        centred = x - x.mean(axis=1, keepdims=True)
        self.scale = 1.0 / np.sqrt(np.mean(centred * centred, axis=1, keepdims=True) + NORM_EPSILON)
        self.normed = centred * self.scale
        self.gain = gain
        self.result = self.normed * gain + shift

    def back(self, above: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        scaled = above * self.gain
        along = np.mean(scaled * self.normed, axis=1, keepdims=True)
        to_x = (scaled - scaled.mean(axis=1, keepdims=True) - self.normed * along) * self.scale
        return to_x, np.sum(above * self.normed, axis=0), above.sum(axis=0)


class Layer:
    """One transformer layer on rows (batch · tokens × width)."""

    def __init__(self, parameters: list[np.ndarray], x: np.ndarray, batch: int) -> None:
        gain, shift, self.mix, mix_bias, self.out, out_bias, gain_2, shift_2, self.up, up_bias, self.down, down_bias = (
            parameters
        )
        self.batch, self.tokens = batch, len(x) // batch
        self.root = 1.0 / sqrt(WIDTH // HEADS)
        self.first = Norm(x, gain, shift)
        mixed = self.first.result @ self.mix + mix_bias
        split = mixed.reshape(batch, self.tokens, 3, HEADS, WIDTH // HEADS).transpose(2, 0, 3, 1, 4)
        self.queries, self.keys, self.values = split
        scores = (self.queries @ self.keys.transpose(0, 1, 3, 2)) * self.root
        powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
        self.weights = powers / powers.sum(axis=-1, keepdims=True)
        self.attended = (self.weights @ self.values).transpose(0, 2, 1, 3).reshape(len(x), WIDTH)
        middle = x + self.attended @ self.out + out_bias
        self.second = Norm(middle, gain_2, shift_2)
        self.wide = self.second.result @ self.up + up_bias
        self.bent = np.tanh(GELU_SCALE * (self.wide + GELU_CUBIC * self.wide * self.wide * self.wide))
        self.active = 0.5 * self.wide * (1.0 + self.bent)
        self.result = middle + self.active @ self.down + down_bias

    def back(self, above: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
        to_active = above @ self.down.T
        slope = GELU_SCALE * (1.0 + 3.0 * GELU_CUBIC * self.wide * self.wide)
        to_wide = to_active * (0.5 * (1.0 + self.bent) + 0.5 * self.wide * (1.0 - self.bent * self.bent) * slope)
        to_second, to_gain_2, to_shift_2 = self.second.back(to_wide @ self.up.T)
        to_middle = above + to_second
        shape = (self.batch, self.tokens, HEADS, WIDTH // HEADS)
        to_attended = (to_middle @ self.out.T).reshape(shape).transpose(0, 2, 1, 3)
        to_weights = to_attended @ self.values.transpose(0, 1, 3, 2)
        to_scores = self.weights * (to_weights - np.sum(to_weights * self.weights, axis=-1, keepdims=True)) * self.root
        parts = (
            to_scores @ self.keys,
            to_scores.transpose(0, 1, 3, 2) @ self.queries,
            self.weights.transpose(0, 1, 3, 2) @ to_attended,
        )
        to_mixed = np.stack(parts).transpose(1, 3, 0, 2, 4).reshape(len(above), 3 * WIDTH)
        to_first, to_gain, to_shift = self.first.back(to_mixed @ self.mix.T)
        gradients = [
            to_gain, to_shift,
            self.first.result.T @ to_mixed, to_mixed.sum(axis=0),
            self.attended.T @ to_middle, to_middle.sum(axis=0),
            to_gain_2, to_shift_2,
            self.second.result.T @ to_wide, to_wide.sum(axis=0),
            self.active.T @ above, above.sum(axis=0),
        ]  # fmt: skip
        return to_middle + to_first, gradients


def transformer(parameters: list[np.ndarray], inputs: np.ndarray, targets: np.ndarray) -> Answer:
    hidden = inputs.reshape(-1, WIDTH)
    layers = []
    for start in range(0, len(parameters), PER_LAYER):
        layers.append(Layer(parameters[start : start + PER_LAYER], hidden, len(inputs)))
        hidden = layers[-1].result
    difference = hidden - targets.reshape(-1, WIDTH)
    above = difference * (2.0 / difference.size)
    gradients: list[np.ndarray] = []
    for layer in reversed(layers):
        above, found = layer.back(above)
        gradients = found + gradients
    return float(np.mean(difference * difference)), gradients
