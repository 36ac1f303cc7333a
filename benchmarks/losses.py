"""*A namespace that speaks NumPy in, the loss of a work as a plain function out.*

One text serves NumPy, chainrule, autograd, MyGrad and JAX, so no peer computes something easier than another.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks.works import Work

WEIGHT_DECAY = 1e-4


def regression_loss(np: Any, parameters: Any, inputs: Any, targets: Any) -> Any:
    """Mean squared error of a network with tanh between its layers and a linear last one."""
    hidden = inputs
    for position in range(0, len(parameters) - 2, 2):
        hidden = np.tanh(hidden @ parameters[position] + parameters[position + 1])
    outputs = hidden @ parameters[-2] + parameters[-1]
    return np.mean(np.square(outputs - targets))


def moons_loss(np: Any, parameters: Any, inputs: Any, targets: Any) -> Any:
    """Mean max-margin loss of a ReLU network plus 10⁻⁴ times the sum of its squared parameters (micrograd's demo)."""
    hidden = inputs
    for position in range(0, len(parameters) - 2, 2):
        hidden = np.maximum(hidden @ parameters[position] + parameters[position + 1], 0.0)
    scores = hidden @ parameters[-2] + parameters[-1]
    data_loss = np.mean(np.maximum(1.0 - targets * scores, 0.0))
    decay = 0.0
    for parameter in parameters:
        decay = decay + np.sum(np.square(parameter))
    return data_loss + WEIGHT_DECAY * decay


def loss_of(work: Work, namespace: Any) -> Callable[[Any, Any, Any], Any]:
    """The work's loss as `loss(parameters, inputs, targets)`, with the operations of `namespace`."""
    chosen = moons_loss if work.kind == "moons" else regression_loss

    def loss(parameters: Any, inputs: Any, targets: Any) -> Any:
        return chosen(namespace, parameters, inputs, targets)

    return loss
