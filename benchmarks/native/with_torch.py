"""*PyTorch's contestants, each in the leanest eager form found, and with its own modules where it has them.*"""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from benchmarks import works as training
from benchmarks.native import problems
from benchmarks.native.contestant import Contestant, of_step
from benchmarks.native.fits import fit, fit_answers
from benchmarks.native.formulas import NORM_EPSILON, mixture_constant
from benchmarks.native.problems import HEADS, PENALTY, PER_LAYER, TIME, WIDTH, WISHART_GAMMA, WISHART_M
from benchmarks.peers import torch_eager, torch_modules


def build(work: str, form: str) -> Contestant:
    """Raises `KeyError` for a form that PyTorch has not."""
    if work in training.WORKS:
        return of_step((torch_modules if form == "modules" else torch_eager).build(training.WORKS[work]))
    return {
        ("sum", ""): tanh_sum,
        ("sum", "copy"): copy,
        ("gmm", ""): mixture_gradient,
        ("gmm", "objective"): mixture_objective,
        ("logistic", ""): logistic,
        ("lstm", ""): lstm_cells,
        ("lstm", "modules"): lstm_module,
        ("transformer", ""): transformer,
        ("overhead", ""): overhead,
    }[work.rstrip("3467"), form](work)


def leaves(arrays: list[np.ndarray]) -> list[torch.Tensor]:
    return [torch.tensor(array, requires_grad=True) for array in arrays]


def of_loss(loss: Any, parameters: list[torch.Tensor]) -> Contestant:
    """Forward and backward, without an update."""

    def run() -> tuple[torch.Tensor, Any]:
        value = loss()
        return value, torch.autograd.grad(value, parameters)

    def answers() -> list[np.ndarray]:
        value, gradients = run()
        return [value.detach().numpy(), *(gradient.numpy() for gradient in gradients)]

    return Contestant(run, answers)


def tanh_sum(name: str) -> Contestant:
    x = torch.tensor(problems.numbers(name), requires_grad=True)

    def run() -> Any:
        return torch.autograd.grad((x.tanh() * x + x.square()).sum(), x)[0]

    return Contestant(run, lambda: [run().numpy()])


def copy(name: str) -> Contestant:
    x = torch.tensor(problems.numbers(name))
    target = torch.empty_like(x)
    return Contestant(lambda: target.copy_(x), None)


class Mixture:
    """ADBench's objective with `einsum`, `logsumexp` and one indexed write."""

    def __init__(self, name: str) -> None:
        problem = problems.mixture(name)
        self.parameters = leaves(problem.parameters)
        self.points = torch.tensor(problem.points)
        count, self.dimension = problem.points.shape
        self.columns, self.rows = torch.triu_indices(self.dimension, self.dimension, 1)
        self.constant = mixture_constant(count, self.dimension, len(problem.alphas))

    def __call__(self) -> torch.Tensor:
        alphas, means, icf = self.parameters
        log_diagonals, strict_parts = icf[:, : self.dimension], icf[:, self.dimension :]
        factors = torch.diag_embed(torch.exp(log_diagonals))
        factors[:, self.rows, self.columns] = strict_parts
        centred = torch.einsum("kij,nkj->nki", factors, self.points[:, None, :] - means)
        inner = alphas + log_diagonals.sum(1) - 0.5 * centred.square().sum(2)
        likelihood = torch.logsumexp(inner, 1).sum() - len(self.points) * torch.logsumexp(alphas, 0)
        squares = torch.exp(2.0 * log_diagonals).sum() + strict_parts.square().sum()
        prior = 0.5 * WISHART_GAMMA**2 * squares - WISHART_M * log_diagonals.sum()
        return likelihood + prior + self.constant


def mixture_gradient(name: str) -> Contestant:
    objective = Mixture(name)
    return of_loss(objective, objective.parameters)


def mixture_objective(name: str) -> Contestant:
    objective = Mixture(name)

    def run() -> torch.Tensor:
        with torch.no_grad():
            return objective()

    return Contestant(run, lambda: [run().numpy()])


def logistic(_: str) -> Contestant:
    inputs, labels = (torch.tensor(array) for array in problems.labelled())

    def value_and_gradient(weights: np.ndarray) -> tuple[float, np.ndarray]:
        variable = torch.from_numpy(weights).requires_grad_()
        value = functional.softplus(-labels * (inputs @ variable)).mean() + 0.5 * PENALTY * variable.square().sum()
        (gradient,) = torch.autograd.grad(value, variable)
        return value.item(), gradient.numpy()

    return Contestant(lambda: fit(value_and_gradient), lambda: fit_answers(value_and_gradient))


def lstm_cells(_: str) -> Contestant:
    """Turn by turn; the inputs' products of all turns are one."""
    arrays, *data = problems.lstm()
    parameters = leaves(arrays)
    inputs, targets = (torch.tensor(array) for array in data)

    def loss() -> torch.Tensor:
        from_input, from_state, bias = parameters
        given = torch.addmm(bias, inputs.view(-1, WIDTH), from_input).view(TIME, -1, 4 * WIDTH)
        hidden = cell = torch.zeros_like(targets)
        for turn in given.unbind():
            enter, forget, candidate, leave = torch.addmm(turn, hidden, from_state).chunk(4, 1)
            cell = torch.sigmoid(forget) * cell + torch.sigmoid(enter) * torch.tanh(candidate)
            hidden = torch.sigmoid(leave) * torch.tanh(cell)
        return functional.mse_loss(hidden, targets)

    return of_loss(loss, parameters)


def lstm_module(_: str) -> Contestant:
    """`nn.LSTM`; it has two biases, the second of which is zero and gets no gradient."""
    (from_input, from_state, bias), *data = problems.lstm()
    inputs, targets = (torch.tensor(array) for array in data)
    network = torch.nn.LSTM(WIDTH, WIDTH, dtype=torch.float64)
    network.bias_hh_l0.requires_grad_(False)
    parameters = [network.weight_ih_l0, network.weight_hh_l0, network.bias_ih_l0]
    with torch.no_grad():
        network.bias_hh_l0.zero_()
        for tensor, value in zip(parameters, (from_input.T, from_state.T, bias), strict=True):
            tensor.copy_(torch.tensor(value))

    def run() -> tuple[torch.Tensor, Any]:
        value = functional.mse_loss(network(inputs)[0][-1], targets)
        return value, torch.autograd.grad(value, parameters)

    def answers() -> list[np.ndarray]:
        value, (to_input, to_state, to_bias) = run()
        return [value.detach().numpy(), to_input.numpy().T, to_state.numpy().T, to_bias.numpy()]

    return Contestant(run, answers)


def transformer(_: str) -> Contestant:
    arrays, *data = problems.transformer()
    parameters = leaves(arrays)
    inputs, targets = (torch.tensor(array) for array in data)

    def loss() -> torch.Tensor:
        hidden = inputs
        for start in range(0, len(parameters), PER_LAYER):
            hidden = layer(parameters[start : start + PER_LAYER], hidden)
        return functional.mse_loss(hidden, targets)

    return of_loss(loss, parameters)


def layer(parameters: list[torch.Tensor], hidden: torch.Tensor) -> torch.Tensor:
    gain, shift, mix, mix_bias, out, out_bias, gain_2, shift_2, up, up_bias, down, down_bias = parameters
    batch, tokens, width = hidden.shape
    normed = functional.layer_norm(hidden, (width,), gain, shift, NORM_EPSILON)
    mixed = torch.addmm(mix_bias, normed.view(-1, width), mix)
    queries, keys, values = mixed.view(batch, tokens, 3, HEADS, width // HEADS).permute(2, 0, 3, 1, 4).unbind()
    attended = functional.scaled_dot_product_attention(queries, keys, values, scale=1.0 / sqrt(width // HEADS))
    rows = attended.transpose(1, 2).reshape(-1, width)
    middle = hidden.view(-1, width) + torch.addmm(out_bias, rows, out)
    normed = functional.layer_norm(middle, (width,), gain_2, shift_2, NORM_EPSILON)
    active = functional.gelu(torch.addmm(up_bias, normed, up), approximate="tanh")
    return (middle + torch.addmm(down_bias, active, down)).view(batch, tokens, width)


def overhead(_: str) -> Contestant:
    a, b, c, d, e, f, g, h = (torch.tensor(array) for array in problems.eight())
    return Contestant(lambda: a + b + c + d + e + f + g + h, lambda: [(a + b + c + d + e + f + g + h).numpy()])
