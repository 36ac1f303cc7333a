"""*Thirty functions in, what their gradients cost under NumPy's name and under our own out.*

The goal: a user who writes `np.exp(x)` pays no more than 1.1 times what chainrule's own function costs. Our own is the
function that stands in for NumPy's in the registry, called straight, without NumPy's dispatch in between.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

import chainrule as cr
from benchmarks import timing
from benchmarks.works import CALLS
from chainrule.primitive import functions, ufuncs

SIZE = 8
COUNT = 30

# One call each, on traced arrays x and y (8 × 8, between 0.5 and 1.5), in a namespace `n`.
CASES: dict[str, Callable[[Any, Any, Any], Any]] = {
    "add": lambda n, x, y: n.add(x, y),
    "subtract": lambda n, x, y: n.subtract(x, y),
    "multiply": lambda n, x, y: n.multiply(x, y),
    "divide": lambda n, x, y: n.divide(x, y),
    "power": lambda n, x, y: n.power(x, y),
    "negative": lambda n, x, _: n.negative(x),
    "square": lambda n, x, _: n.square(x),
    "sqrt": lambda n, x, _: n.sqrt(x),
    "exp": lambda n, x, _: n.exp(x),
    "log": lambda n, x, _: n.log(x),
    "sin": lambda n, x, _: n.sin(x),
    "cos": lambda n, x, _: n.cos(x),
    "tanh": lambda n, x, _: n.tanh(x),
    "maximum": lambda n, x, y: n.maximum(x, y),
    "minimum": lambda n, x, y: n.minimum(x, y),
    "clip": lambda n, x, _: n.clip(x, 0.7, 1.3),
    "where": lambda n, x, y: n.where(x > y, x, y),
    "matmul": lambda n, x, y: n.matmul(x, y),
    "dot": lambda n, x, y: n.dot(x, y),
    "einsum": lambda n, x, y: n.einsum("ij,jk->ik", x, y),
    "sum": lambda n, x, _: n.sum(x, axis=0),
    "mean": lambda n, x, _: n.mean(x, axis=1),
    "var": lambda n, x, _: n.var(x, axis=0),
    "max": lambda n, x, _: n.max(x, axis=1),
    "cumsum": lambda n, x, _: n.cumsum(x, axis=0),
    "reshape": lambda n, x, _: n.reshape(x, (4, 16)),
    "transpose": lambda n, x, _: n.transpose(x),
    "concatenate": lambda n, x, y: n.concatenate([x, y], axis=1),
    "stack": lambda n, x, y: n.stack([x, y]),
    "roll": lambda n, x, _: n.roll(x, 3, axis=0),
}


def own_namespace() -> SimpleNamespace:
    """Our functions by the names that NumPy gives to them."""
    targets = {name: getattr(np, name) for name in CASES}
    return SimpleNamespace(
        **{name: ufuncs[target] if target in ufuncs else functions[target] for name, target in targets.items()}
    )


def measure(rounds: int, batch_seconds: float) -> dict[str, dict[str, list[float]]]:
    """For each function, samples in seconds of one gradient through NumPy's name and through ours, in turns."""
    if len(CASES) != COUNT:
        raise RuntimeError(f"{len(CASES)} cases instead of {COUNT}")
    own = own_namespace()
    generator = np.random.default_rng(5)
    x, y = generator.uniform(0.5, 1.5, (2, SIZE, SIZE))
    results: dict[str, dict[str, list[float]]] = {}
    for name, case in CASES.items():
        through_numpy = cr.grad(summed(case, np), wrt=(0, 1))
        through_own = cr.grad(summed(case, own), wrt=(0, 1))
        for one, other in zip(through_numpy(x, y), through_own(x, y), strict=True):
            if not np.array_equal(one, other):
                raise RuntimeError(f"np.{name} and our own {name} give different gradients")
        calls = [lambda f=through_numpy: f(x, y), lambda f=through_own: f(x, y)]
        numpy_samples, own_samples = timing.in_turns(calls, rounds, batch_seconds)
        results[name] = {"numpy": numpy_samples, "own": own_samples}
    return results


def summed(case: Callable[[Any, Any, Any], Any], namespace: Any) -> Callable[[Any, Any], Any]:
    """A scalar function that calls the case `CALLS` times and adds up.

    Many calls, so that what a gradient costs in any case does not hide what a call costs; the additions and the sum
    are the same on both sides.
    """

    def function(x: Any, y: Any) -> Any:
        total = case(namespace, x, y)
        for _ in range(CALLS - 1):
            total = total + case(namespace, x, y)
        return total.sum()

    return function
