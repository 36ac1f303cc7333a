"""Flat vectors from containers, and back; graphs that are recorded once and run again."""

from functools import partial

import numpy

from . import engine, pytrees


def _sorted(tree):
    """The same tree with the keys of its dicts in order, as autograd flattens them."""
    if isinstance(tree, dict):
        return {key: _sorted(tree[key]) for key in sorted(tree)}
    return type(tree)(map(_sorted, tree)) if isinstance(tree, (list, tuple)) else tree


def flatten(value):
    """All numbers of a nested value as one vector, and the function that undoes it."""
    tree = _sorted(value)
    leaves = pytrees.leaves(tree)
    shapes = [numpy.shape(leaf) for leaf in leaves]
    vector = numpy.concatenate([numpy.reshape(leaf, -1) for leaf in leaves]) if leaves else numpy.zeros(0)

    def unflatten(flat):
        start, parts = 0, []
        for shape in shapes:
            stop = start + int(numpy.prod(shape))
            parts.append(numpy.reshape(flat[start:stop], shape))
            start = stop
        return pytrees.rebuild(tree, parts)

    return vector, unflatten


def const_graph(fun, *args, **kwargs):
    """`fun` recorded at its first call; later calls run the graph without running the Python code."""
    recorded = []

    def run(*rest):
        if recorded:
            return recorded[0](*rest)
        value, graph = engine.record(partial(fun, *args, **kwargs), rest)
        recorded.append(graph)
        return value

    return run
