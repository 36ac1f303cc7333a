"""Graphs lowered and run by a back end, compared with the interpreter: what the tests of the lowering and of the native code share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.graph import Graph
from chainrule.lower import lower
from chainrule.lower.expand import expand
from chainrule.optimise import optimise
from chainrule.run.interpret import interpret

# A sum in another order: the bound of a sum of n terms is n · eps · Σ|terms|; the test values are of size 1 and few.
TOLERANCES = {"float64": 2e-13, "float32": 2e-5}


def prepared(graph: Graph) -> Graph:
    """The graph as the compiler lowers it."""
    return optimise(expand(optimise(graph)))


def assert_alike(ours: Sequence[Any], truth: Sequence[Any], what: str = "") -> None:
    """Results of the same types and, within rounding of sums, of the same numbers."""
    assert len(ours) == len(truth)
    for one, other in zip(ours, truth, strict=True):
        assert np.shape(one) == np.shape(other), f"{what}: {np.shape(one)} is not {np.shape(other)}"
        dtype = np.asarray(other).dtype
        assert np.asarray(one).dtype == dtype, f"{what}: {np.asarray(one).dtype} is not {dtype}"
        with np.errstate(all="ignore"):
            bound = TOLERANCES.get(dtype.name)
            if bound is None:
                np.testing.assert_array_equal(one, other, err_msg=what)
                continue
            finite = np.abs(np.where(np.isfinite(other), other, 0))
            np.testing.assert_allclose(
                one, other, rtol=bound, atol=bound * max(1.0, float(finite.max(initial=0))), err_msg=what
            )


def compare(graph: Graph, run: Callable[[Graph, list[Any]], list[Any]], what: str = "") -> None:
    """A graph run by a back end, against the interpreter."""
    inputs = [node.value for node in graph.inputs]
    with np.errstate(all="ignore"):
        try:
            truth = interpret(graph, *inputs)
        except TypeError:
            return  # an operation of SciPy's that takes only some kinds of numbers
    best = prepared(graph)
    ours = run(best, inputs)
    assert_alike(ours, truth if len(graph.outputs) > 1 else (truth,), what)
    for one, node in zip(ours, best.outputs, strict=True):
        assert isinstance(one, np.ndarray) == isinstance(node.value, np.ndarray), what


def everything(operation: str, *_: Any) -> bool:
    """A machine that has every element operation of NumPy's; those of SciPy may take integers and real numbers together."""
    return "." not in operation


def lowered(graph: Graph, **options: Any) -> Any:
    """The program of a graph for a machine that has everything."""
    return lower(graph, everything, **options)
