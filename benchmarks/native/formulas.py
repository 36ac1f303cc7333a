"""*The functions that are differentiated, in plain NumPy; a peer with NumPy's names brings its own tools for the rest.*"""

from __future__ import annotations

from dataclasses import dataclass
from math import lgamma, log, pi, sqrt
from typing import Any

import numpy

from benchmarks.native.problems import CHAIN_STEP, HEADS, PENALTY, PER_LAYER, WIDTH, WISHART_GAMMA, WISHART_M

GELU_SCALE, GELU_CUBIC = sqrt(2.0 / pi), 0.044715
NORM_EPSILON = 1e-5


class PlainTools:
    """What a user of NumPy writes where other libraries have a function."""

    np: Any = numpy

    def sigmoid(self, x: Any) -> Any:
        return 1.0 / (1.0 + numpy.exp(-x))

    def softmax(self, x: Any) -> Any:
        powers = numpy.exp(x - numpy.max(x, axis=-1, keepdims=True))
        return powers / numpy.sum(powers, axis=-1, keepdims=True)

    def gelu(self, x: Any) -> Any:
        return 0.5 * x * (1.0 + numpy.tanh(GELU_SCALE * (x + GELU_CUBIC * x * x * x)))

    def logsumexp(self, x: Any) -> Any:
        shift = numpy.max(x, axis=-1, keepdims=True)
        return numpy.squeeze(shift, -1) + numpy.log(numpy.sum(numpy.exp(x - shift), axis=-1))

    def factors(self, log_diagonals: Any, strict_parts: Any) -> Any:
        """Triangular matrices from their log-diagonals and the columns below."""
        dimension = log_diagonals.shape[1]
        factors = numpy.exp(log_diagonals)[:, :, None] * numpy.eye(dimension)
        columns, rows = numpy.triu_indices(dimension, 1)
        for k in range(len(log_diagonals)):
            factors[k, rows, columns] = strict_parts[k]
        return factors


@dataclass(frozen=True)
class Formulas:
    """The functions of all works with one library's tools."""

    tools: Any

    def tanh_sum(self, x: Any) -> Any:
        np = self.tools.np
        return np.sum(np.tanh(x) * x + x**2)

    def chain(self, x: Any, turns: int) -> Any:
        """Three elementwise operations a turn, and a sum at the end."""
        np = self.tools.np
        for _ in range(turns):
            x = x + CHAIN_STEP * np.sin(x)
        return np.sum(x)

    def mixture(self, parameters: Any, points: Any) -> Any:
        """ADBench's log-posterior of a Gaussian mixture with a Wishart prior."""
        np, tools = self.tools.np, self.tools
        alphas, means, icf = parameters
        count, dimension = points.shape
        log_diagonals, strict_parts = icf[:, :dimension], icf[:, dimension:]
        factors = tools.factors(log_diagonals, strict_parts)
        centred = np.einsum("kij,nkj->nki", factors, points[:, None, :] - means)
        inner = alphas + np.sum(log_diagonals, axis=1) - 0.5 * np.sum(centred**2, axis=2)
        likelihood = np.sum(tools.logsumexp(inner)) - count * tools.logsumexp(alphas)
        squares = np.sum(np.exp(2.0 * log_diagonals)) + np.sum(strict_parts**2)
        prior = 0.5 * WISHART_GAMMA**2 * squares - WISHART_M * np.sum(log_diagonals)
        return likelihood + prior + mixture_constant(count, dimension, len(alphas))

    def logistic(self, weights: Any, inputs: Any, labels: Any) -> Any:
        np = self.tools.np
        return np.mean(np.logaddexp(0.0, -labels * (inputs @ weights))) + 0.5 * PENALTY * np.sum(weights**2)

    def lstm_turn(self, parameters: Any, state: Any, x: Any) -> Any:
        np, sigmoid = self.tools.np, self.tools.sigmoid
        from_input, from_state, bias = parameters
        hidden, cell = state
        gates = x @ from_input + hidden @ from_state + bias
        enter, forget = sigmoid(gates[:, :WIDTH]), sigmoid(gates[:, WIDTH : 2 * WIDTH])
        candidate, leave = np.tanh(gates[:, 2 * WIDTH : 3 * WIDTH]), sigmoid(gates[:, 3 * WIDTH :])
        cell = forget * cell + enter * candidate
        return leave * np.tanh(cell), cell

    def lstm(self, parameters: Any, inputs: Any, targets: Any) -> Any:
        np = self.tools.np
        state = (np.zeros(targets.shape), np.zeros(targets.shape))
        for turn in range(len(inputs)):
            state = self.lstm_turn(parameters, state, inputs[turn])
        return np.mean((state[0] - targets) ** 2)

    def norm(self, x: Any, gain: Any, shift: Any) -> Any:
        np = self.tools.np
        centred = x - np.mean(x, axis=-1, keepdims=True)
        variance = np.mean(centred * centred, axis=-1, keepdims=True)
        return centred / np.sqrt(variance + NORM_EPSILON) * gain + shift

    def transformer(self, parameters: Any, inputs: Any, targets: Any) -> Any:
        hidden = inputs
        for start in range(0, len(parameters), PER_LAYER):
            hidden = self.layer(parameters[start : start + PER_LAYER], hidden)
        return self.tools.np.mean((hidden - targets) ** 2)

    def layer(self, parameters: Any, hidden: Any) -> Any:
        tools = self.tools
        gain, shift, mix, mix_bias, out, out_bias, gain_2, shift_2, up, up_bias, down, down_bias = parameters
        batch, tokens, width = hidden.shape
        mixed = self.norm(hidden, gain, shift) @ mix + mix_bias
        queries, keys, values = (
            mixed[:, :, part * width : (part + 1) * width]
            .reshape(batch, tokens, HEADS, width // HEADS)
            .transpose(0, 2, 1, 3)
            for part in range(3)
        )
        weights = tools.softmax((queries @ keys.transpose(0, 1, 3, 2)) * (1.0 / sqrt(width // HEADS)))
        attended = (weights @ values).transpose(0, 2, 1, 3).reshape(batch, tokens, width)
        hidden = hidden + attended @ out + out_bias
        return hidden + tools.gelu(self.norm(hidden, gain_2, shift_2) @ up + up_bias) @ down + down_bias


def mixture_constant(count: int, dimension: int, components: int) -> float:
    """The part of ADBench's objective that no parameter changes."""
    n = dimension + WISHART_M + 1
    log_gamma = 0.25 * dimension * (dimension - 1) * log(pi) + sum(lgamma(0.5 * (n - j)) for j in range(dimension))
    wishart = n * dimension * (log(WISHART_GAMMA) - 0.5 * log(2.0)) - log_gamma
    return -count * dimension * 0.5 * log(2.0 * pi) - components * wishart


PLAIN = Formulas(PlainTools())
