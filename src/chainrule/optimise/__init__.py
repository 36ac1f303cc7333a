"""Graph in, graph out, with the same values and fewer operations: an ordered tuple of passes.

Each pass is a function from a graph to a graph. Outputs keep their bits, dtypes and shapes, and nodes that stay keep their names and
places in the user's code. The bits are those of the interpreter, on inputs that lie in memory as the recorded ones do: NumPy adds up
in the order of memory, so a sum over an input in another layout may differ in its last digit, as it does in NumPy. The sign of a NaN
that arithmetic made is not kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from chainrule.errors import GraphError
from chainrule.graph import Graph
from chainrule.optimise.fold import fold
from chainrule.optimise.prune import prune
from chainrule.optimise.share import share
from chainrule.optimise.simplify import simplify

ROUNDS = (
    16  # one pass may make room for another; after so many rounds the rest is left as it is, so the time stays linear
)


@dataclass(frozen=True, slots=True)
class Pass:
    """One stage of the optimisation: its name, and what it does to a graph.

    >>> [stage.name for stage in PASSES]
    ['fold', 'simplify', 'share', 'prune']
    """

    name: str
    run: Callable[[Graph], Graph]


PASSES: tuple[Pass, ...] = (
    Pass("fold", fold),
    Pass("simplify", simplify),
    Pass("share", share),
    Pass("prune", prune),
)


def optimise(graph: Graph, passes: Sequence[Pass] = PASSES, watch: Callable[[str, Graph], None] | None = None) -> Graph:
    """The graph after all passes, repeated until none of them changes anything; the same graph where none did.

    `watch(name, graph)` is called after each pass that changed the graph, for example to print it. Every graph between
    two passes is verified; a pass that breaks it is named in a `GraphError`.

    >>> import numpy as np, chainrule as cr
    >>> def f(x):
    ...     u = 1.0 * x.T.T
    ...     return u * u + (x * x) / 2.0
    >>> print(optimise(cr.trace(f, np.ones(3))))
    inputs  x: float64[3]
    %1: float64[3] = x * x
    %2: float64[3] = %1 * 0.5
    %3: float64[3] = %1 + %2
    outputs %3
    """
    for _ in range(ROUNDS):
        before = graph
        for stage in passes:
            graph = _checked(stage, graph, watch)
        if graph is before:
            break
    return graph


def _checked(stage: Pass, graph: Graph, watch: Callable[[str, Graph], None] | None) -> Graph:
    try:
        result = stage.run(graph)  # a graph verifies itself when it is made
        if result is graph:
            return graph
    except GraphError as error:
        raise GraphError(_blame(stage, str(error))) from error
    if result.inputs != graph.inputs:
        raise GraphError(_blame(stage, "The inputs of the graph are not the ones that it had."))
    before, after = ([str(node.type) for node in one.outputs] for one in (graph, result))
    if before != after:
        raise GraphError(_blame(stage, f"The outputs were {', '.join(before)} and are {', '.join(after)}."))
    if watch is not None:
        watch(stage.name, result)
    return result


def _blame(stage: Pass, problem: str) -> str:
    others = f"passes=[stage for stage in PASSES if stage.name != {stage.name!r}]"
    return (
        f"The pass {stage.name} broke the graph. {problem} Leave it out with optimise(graph, {others}) and report it."
    )


__all__ = ["PASSES", "Pass", "fold", "optimise", "prune", "share", "simplify"]
