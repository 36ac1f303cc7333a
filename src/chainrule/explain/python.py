"""A forward graph in, a Python module out: both passes as plain NumPy, one commented line a step, the user's names.

The backward pass that is written is the one that runs: the rules of the operations, recorded (`python_record`). The
module needs NumPy alone (SciPy where the program does) and gives the value and the gradients bit for bit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError
from chainrule.explain.python_module import write_module
from chainrule.explain.python_passes import Passes
from chainrule.explain.python_record import record_backward
from chainrule.graph import Graph, Node
from chainrule.shapes import type_of


def write_python(
    graph: Graph,
    wanted: Sequence[Node],
    names: Mapping[Node, str] | None = None,
    seed: Any = None,
    title: str = "The value and the gradients of a function.",
    comments: bool = True,
) -> str:
    """The text of a Python module with one function, `value_and_gradients`, that runs both passes without chainrule.

    `graph` has one output of one number (or `seed` is its cotangent), `wanted` are those of its inputs whose gradients
    are returned, by name. `names` gives nodes other names than the user's; `comments=False` leaves the comments out.
    The program takes the branches that the recorded run took. Arrays of more than 1,000 elements that are no inputs
    become keyword arguments, which `constants` gives. `ArgumentError` names an operation that cannot be written.

    >>> import chainrule as cr
    >>> graph = cr.trace(lambda x, y: x * y, 2.0, 3.0)
    >>> lines = write_python(graph, graph.inputs, comments=False).splitlines()
    >>> print("\\n".join(line for line in lines if "d_x" in line or "d_y" in line))
        d_x = d_value * y
        d_y = d_value * x
        return value, {"x": d_x, "y": d_y}
    """
    passes = _passes(graph, wanted, names, seed)
    return write_module(passes, graph, title, comments)


def constants(
    graph: Graph, wanted: Sequence[Node], names: Mapping[Node, str] | None = None, seed: Any = None
) -> dict[str, Any]:
    """The large constants of the program that `write_python` writes for the same arguments: its keyword arguments.

    >>> import numpy as np, chainrule as cr
    >>> data = np.linspace(0.0, 1.0, 2000)
    >>> graph = cr.trace(lambda x: np.sum(x * data), 2.0)
    >>> {name: array.shape for name, array in constants(graph, graph.inputs).items()}
    {'constant_1': (2000,)}
    """
    return dict(_passes(graph, wanted, names, seed).constants.large)


def _passes(graph: Graph, wanted: Sequence[Node], names: Mapping[Node, str] | None, seed: Any) -> Passes:
    if len(graph.outputs) != 1:
        raise ArgumentError(
            f"write_python needs a graph with one output, and this one has {len(graph.outputs)}. Return the loss alone."
        )
    (end,) = graph.outputs
    if type_of(end.value).dtype.kind not in "fc":
        raise ArgumentError(
            f"write_python needs a floating result, and this one is {end.type}, a step function, whose derivative is 0. Return the "
            "quantity before it was rounded or compared."
        )
    if seed is None and np.size(end.value) != 1:
        raise ArgumentError(
            f"write_python needs one number as the output, and this one is {end.type}. Reduce it, for example with .sum(), or give "
            "its cotangent as seed."
        )
    strangers = [node for node in wanted if node not in graph.inputs]
    if strangers:
        raise ArgumentError(
            f"{strangers[0]!r} is no input of the graph, so the program cannot return its gradient. Choose among graph.inputs."
        )
    if seed is not None:
        seed = np.asarray(seed, type_of(end.value).dtype)[()]
    return Passes(graph, wanted, names or {}, record_backward(graph, wanted, seed))
