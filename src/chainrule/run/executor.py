"""Graph in, callable on arrays out: the one interface of everything that runs a graph, by name."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from chainrule.errors import ArgumentError
from chainrule.graph import Graph
from chainrule.run.interpret import interpret


class Executor(Protocol):
    """What takes a graph and gives a function of its inputs.

    >>> import chainrule as cr
    >>> run: Executor = executor("numpy")
    >>> float(run(cr.trace(lambda x: x * x, 3.0))(4.0))
    16.0
    """

    def __call__(self, graph: Graph) -> Callable[..., Any]: ...


def _interpreter(graph: Graph) -> Callable[..., Any]:
    return partial(interpret, graph)


EXECUTORS: dict[str, Executor] = {"numpy": _interpreter}


def executor(name: str = "numpy") -> Executor:
    """The executor of this name.

    >>> executor("numpy") is EXECUTORS["numpy"]
    True
    """
    if name not in EXECUTORS:
        raise ArgumentError(f"There is no executor named {name!r}. There are: {', '.join(sorted(EXECUTORS))}.")
    return EXECUTORS[name]
