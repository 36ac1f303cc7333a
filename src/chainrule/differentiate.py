"""Graph in, gradients out: the backward pass, and the only place that adds contributions and undoes broadcasting.

The rules of the operations run here, on plain arrays (then this is the fast path) or on traced values of a lower level
(then the backward pass is itself recorded, and can be differentiated, printed and compiled). Nodes are visited against
their order of creation, so there is no recursion.

Where a cotangent is exactly 0, an elementwise contribution is exactly 0, also when the local derivative is infinite or
NaN there: that is what makes branches that `where` or `maximum` did not take harmless. It costs something, so the pass
runs without it first and is repeated with it (`guard=True`) only when a gradient comes out that is not finite.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import isfinite
from operator import attrgetter
from typing import Any

import numpy as np
from numpy import float64, ndarray

from chainrule.errors import GraphError
from chainrule.graph import COMPONENT, FREED, INPUT, Node
from chainrule.ops.guard import silence_multilinear, silence_untaken
from chainrule.ops.structure import match_type
from chainrule.source import mark_driver
from chainrule.traced import Traced, prototype, recorder_of
from chainrule.unwrap import innermost

Observer = Callable[[Node, int, Any], None]


def differentiable_nodes(roots: Iterable[Node]) -> list[Node]:
    """The nodes through which a derivative flows back from the roots, latest first; without recursion."""
    seen = set(roots)
    stack = list(seen)
    while stack:
        node = stack.pop()
        if node.primitive.vjp is not None:
            for source in node.inputs:
                if source is not None and source not in seen:
                    seen.add(source)
                    stack.append(source)
    return sorted(seen, key=_order, reverse=True)


_order = attrgetter("order")


@mark_driver
def backpropagate(
    seeds: Sequence[tuple[Node, Any]], guard: bool = False, observe: Observer | None = None, keep: bool = False
) -> dict[Node, Any]:
    """The cotangents of all input nodes, from the cotangents of some outputs.

    `observe(node, index, contribution)` sees every contribution on its edge; `keep=True` returns the cotangents of all
    nodes. Sums of contributions are made in the order in which they arrive, last use first.
    """
    cotangents: dict[Node, Any] = {}
    for node, seed in seeds:
        present = cotangents.get(node)
        cotangents[node] = seed if present is None else present + seed
    result = cotangents if keep else {}
    take = cotangents.get if keep else cotangents.pop
    plain = not guard and observe is None
    owned: set[Node] = set()  # nodes whose cotangent is a buffer made here, which may be added to in place
    for node in differentiable_nodes(cotangents):
        g = take(node, None)
        if g is None:
            continue
        primitive = node.primitive
        if primitive is INPUT:
            result[node] = g
            continue
        rules = primitive.vjp
        arguments = node.arguments
        if primitive.add_into is not None and plain and _added_in_place(cotangents, owned, node, g):
            continue
        if isinstance(rules, tuple):
            parameters = node.parameters
            if plain and not parameters and len(arguments) == 2:
                # The common case, written out: two inputs, no parameters, nobody watching.
                a, b = arguments
                first, second = node.inputs
                if first is not None and (rule := rules[0]) is not None:
                    contribution = rule(g, node.value, a, b)
                    if (type(contribution) is not float64 or type(a) is not float64) and (
                        contribution.shape != a.shape or contribution.dtype is not a.dtype
                    ):
                        contribution = match_type(contribution, a)
                    present = cotangents.get(first)
                    cotangents[first] = contribution if present is None else present + contribution
                if second is not None and (rule := rules[1]) is not None:
                    contribution = rule(g, node.value, a, b)
                    if (type(contribution) is not float64 or type(b) is not float64) and (
                        contribution.shape != b.shape or contribution.dtype is not b.dtype
                    ):
                        contribution = match_type(contribution, b)
                    present = cotangents.get(second)
                    cotangents[second] = contribution if present is None else present + contribution
                continue
            if plain and len(arguments) == 1:
                # The same for one input.
                source = node.inputs[0]
                if source is not None and (rule := rules[0]) is not None:
                    a = arguments[0]
                    contribution = rule(g, node.value, a, **parameters) if parameters else rule(g, node.value, a)
                    if (type(contribution) is not float64 or type(a) is not float64) and (
                        contribution.shape != a.shape or contribution.dtype is not a.dtype
                    ):
                        contribution = match_type(contribution, a)
                    present = cotangents.get(source)
                    cotangents[source] = contribution if present is None else present + contribution
                continue
            for index, source in enumerate(node.inputs):
                if source is None or (rule := rules[index]) is None:
                    continue
                contribution = rule(g, node.value, *arguments, **parameters)
                argument = arguments[index]
                if guard:
                    contribution = _guarded(contribution, rule, g, node, index)
                if contribution.shape != argument.shape or contribution.dtype is not argument.dtype:
                    contribution = match_type(contribution, argument)
                if observe is not None:
                    observe(node, index, contribution)
                present = cotangents.get(source)
                cotangents[source] = contribution if present is None else present + contribution
        elif primitive is COMPONENT:
            source = node.inputs[0]
            if source is None:
                continue
            parts = cotangents.setdefault(source, [None] * len(arguments[0]))
            position = node.parameters["index"]
            parts[position] = g if parts[position] is None else parts[position] + g
        elif primitive is FREED:
            raise GraphError(
                f"The graph of {node.name or 'a value'} was freed (by backward(free=True), in {node.place}), so no gradient can flow "
                "through it any more. Compute the value again, or call backward() without free=True."
            )
        elif rules is not None:
            wanted = tuple(source is not None for source in node.inputs)
            contributions = rules(wanted, g, node.value, *arguments, **node.parameters)
            for index, source in enumerate(node.inputs):
                contribution = contributions[index]
                if source is None or contribution is None:
                    continue
                if guard:
                    contribution = _guarded(contribution, primitive.rule(index), g, node, index)
                argument = arguments[index]
                if contribution.shape != argument.shape or contribution.dtype != argument.dtype:
                    contribution = match_type(contribution, argument)
                if observe is not None:
                    observe(node, index, contribution)
                present = cotangents.get(source)
                cotangents[source] = contribution if present is None else present + contribution
    return result


def _added_in_place(cotangents: dict[Node, Any], owned: set[Node], node: Node, g: Any) -> bool:
    """Add the contribution of an operation that reads a part of an array to a buffer of ours; False where that is not
    possible.

    So n reads of single elements cost n steps, and not n arrays of n elements.
    """
    source, argument, add_into = node.inputs[0], node.arguments[0], node.primitive.add_into
    if source is None or add_into is None or type(argument) is not ndarray or isinstance(g, Traced):
        return False
    buffer = cotangents.get(source)
    if g.dtype != argument.dtype or isinstance(buffer, Traced):
        return False
    if source not in owned or type(buffer) is not ndarray:
        buffer = np.zeros(argument.shape, argument.dtype) if buffer is None else np.array(buffer)
        owned.add(source)
        cotangents[source] = buffer
    add_into(buffer, g, *node.arguments, **node.parameters)
    return True


def _guarded(contribution: Any, rule: Any, g: Any, node: Node, index: int) -> Any:
    """The contribution with exact zeros where nothing arrives from above."""
    if node.primitive.elementwise:
        return silence_untaken(contribution, g)
    if node.primitive.multilinear:
        return silence_multilinear(contribution, rule, g, node.value, node.arguments, index, node.parameters)
    return contribution


def is_finite(value: Any) -> bool:
    """Whether the numbers under a value, traced or not, are all finite; a recorder notes it where they are.

    >>> is_finite(np.array([1.0, np.inf]))
    False
    """
    return all_finite([value])


def all_finite(values: Iterable[Any]) -> bool:
    """Whether the numbers under all values are finite; None counts as finite. Recorders note it where they are, since
    the careful pass, which follows where they are not, is right in any case.

    >>> all_finite([np.ones(2), None, np.float64(1.0)])
    True
    """
    present = [innermost(value) for value in values if value is not None]
    if not all(_finite(prototype(value)) for value in present):
        return False
    for value in present:
        if (recorder := recorder_of(value)) is not None:
            recorder.finite(value)
    return True


def _finite(plain: Any) -> bool:
    if isinstance(plain, np.ndarray):
        # The sum of squares is finite only if all are, and costs half of asking each; it may overflow where they are.
        return isfinite(np.vdot(plain, plain).real) or bool(np.isfinite(plain).all())
    return bool(np.isfinite(plain))


def pull_back(seeds: Sequence[tuple[Node, Any]], wanted: Sequence[Node]) -> list[Any]:
    """The cotangent of each wanted input node (None where nothing arrives), guarded where that is needed."""
    with np.errstate(all="ignore"):
        cotangents = backpropagate(seeds)
        found = [cotangents.get(node) for node in wanted]
        if all_finite(found):
            return found
        cotangents = backpropagate(seeds, guard=True)
    return [cotangents.get(node) for node in wanted]
