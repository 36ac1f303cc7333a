"""The seam: the engine under the shim, in the few functions that everything else is built on.

Values are lists of leaves (numbers and arrays); containers, conventions and operators are built above. Cotangents
follow the engine's own complex convention here.
"""

import numpy as np

import chainrule as cr
from chainrule.traced import Traced


def is_traced(value):
    return isinstance(value, Traced)


def plain(value):
    """The number or array under all levels of tracing."""
    while is_traced(value):
        value = value.value
    return value


def vjp(function, leaves):
    """The list that `function(*leaves)` returns, and the pullback from a list of cotangents to a list of gradients."""
    return cr.vjp(function, *leaves)


def jvp(function, leaves, tangents):
    return cr.jvp(function, tuple(leaves), tuple(tangents))


def custom_vjp(function, rule, inputs):
    """`function(*inputs)`, whose gradient is `rule(g, result, *inputs)`, a tuple with an entry for each input.

    Inside of rules chainrule's cotangents are not conjugated yet, like autograd's.
    """
    return cr.custom_derivative(function, rule)(*inputs)


def checkpoint(function):
    return cr.checkpoint(function)


def record(function, args):
    """The result of a call, and its graph as a function of other arguments, which runs without the Python code."""
    graph = cr.trace(function, *args)

    def run(*values):
        results = dict(zip(graph.inputs, map(np.asarray, values)))
        for node in graph.nodes:
            if node not in results:
                inputs = [
                    given if source is None else results[source] for source, given in zip(node.inputs, node.arguments)
                ]
                results[node] = node.primitive.execute(*inputs, **node.parameters)
        return results[graph.outputs[0]]

    return graph.outputs[0].value, run
