"""*The random scalar graph differentiated by hand on plain floats: the reference of the define-by-run engines.*"""

from __future__ import annotations

import numpy as np

from benchmarks.scalar_graph import evaluate, random_graph
from benchmarks.works import Work


class Reverse:
    """One pass down the list of instructions and one pass up."""

    def __init__(self) -> None:
        self.graph = random_graph()

    def loss(self, parameters: list[np.ndarray]) -> float:
        """The result of the graph at other leaves."""
        return float(self.graph.run(parameters[0].tolist(), lambda value: value * value, lambda value: max(value, 0.0)))

    def loss_and_gradients(self) -> tuple[float, list[np.ndarray]]:
        values = list(self.graph.leaves)
        for operation, left, right in self.graph.instructions:
            values.append(evaluate(operation, values[left], values[right]))
        above = [0.0] * len(values)
        above[-1] = 1.0
        first = len(self.graph.leaves)
        for position in range(len(values) - 1, first - 1, -1):
            operation, left, right = self.graph.instructions[position - first]
            gradient = above[position]
            if operation == "add":
                above[left] += gradient
                above[right] += gradient
            elif operation == "multiply":
                value_left, value_right = values[left], values[right]
                above[left] += gradient * value_right
                above[right] += gradient * value_left
            elif operation == "square":
                above[left] += gradient * 2.0 * values[left]
            else:
                above[left] += gradient * (values[left] > 0.0)
        return values[-1], [np.array(above[:first])]

    def run(self) -> None:
        self.loss_and_gradients()

    def parameters(self) -> list[np.ndarray]:
        return [np.array(self.graph.leaves)]


def build(work: Work | None) -> Reverse:
    if work is not None:
        raise ValueError(f"the scalar reference knows the random graph only, not the work {work.name!r}")
    return Reverse()
