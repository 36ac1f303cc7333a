"""*A seed in, a random program on single numbers out: the same list of operations for each define-by-run engine.*

Only the four operations that micrograd has as primitives are drawn (add, multiply, square, ReLU), so an operation
is one node in either engine. Values stay between 0.01 and 3 in size, and the graph is shallow, because micrograd
recurses once per level.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

LEAVES = 50
OPERATIONS = 10_000


@dataclass(frozen=True)
class ScalarGraph:
    """`instructions` are (operation, left, right): positions in the list of values so far; unary ones repeat left."""

    leaves: tuple[float, ...]
    instructions: tuple[tuple[str, int, int], ...]

    def __len__(self) -> int:
        return len(self.instructions)

    def run(self, leaves: Sequence[Any], square: Callable[[Any], Any], relu: Callable[[Any], Any]) -> Any:
        """The result of the program on any kind of number that adds and multiplies."""
        values = list(leaves)
        append = values.append
        for operation, left, right in self.instructions:
            if operation == "add":
                append(values[left] + values[right])
            elif operation == "multiply":
                append(values[left] * values[right])
            elif operation == "square":
                append(square(values[left]))
            else:
                append(relu(values[left]))
        return values[-1]


def random_graph(operations: int = OPERATIONS, leaves: int = LEAVES, seed: int = 7) -> ScalarGraph:
    """A program of exactly `operations` operations whose result depends on every value that it makes."""
    generator = np.random.default_rng(seed)
    values = [float(value) for value in generator.uniform(-1.5, 1.5, leaves)]
    start = tuple(values)
    instructions: list[tuple[str, int, int]] = []
    unread = set(range(leaves))
    # The unread values are added up pairwise at the end: one addition less than there are unread values.
    while len(instructions) + len(unread) - 1 < operations:
        left, right = (int(position) for position in generator.integers(0, len(values), 2))
        operation = ("add", "multiply", "square", "relu")[int(generator.choice(4, p=(0.4, 0.4, 0.1, 0.1)))]
        if operation in ("square", "relu"):
            right = left
        value = evaluate(operation, values[left], values[right])
        unread_after = (unread - {left, right}) | {len(values)}
        if not 0.01 <= abs(value) <= 3.0 or len(instructions) + len(unread_after) > operations:
            continue
        instructions.append((operation, left, right))
        unread = unread_after
        values.append(value)
    layer = sorted(unread)
    while len(layer) > 1:
        following = layer[len(layer) // 2 * 2 :]
        for left, right in zip(layer[0::2], layer[1::2], strict=False):
            instructions.append(("add", left, right))
            following.append(len(values))
            values.append(values[left] + values[right])
        layer = following
    return ScalarGraph(start, tuple(instructions))


def evaluate(operation: str, left: float, right: float) -> float:
    if operation == "add":
        return left + right
    if operation == "multiply":
        return left * right
    if operation == "square":
        return left * left
    return max(left, 0.0)
