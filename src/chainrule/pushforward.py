"""Graph and tangents in, tangents out: forward mode, from the same rules as the backward pass.

A linear operation is applied to the tangents; a multilinear one to one tangent at a time; an elementwise rule, fed with
the tangent in the place of `g`, is its own transpose. For every other operation the rule is a linear map of `g`, and
pulling a tangent back through that map gives the tangent of the result: so no operation needs a second definition.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from chainrule.boundary import lift, next_level
from chainrule.differentiate import all_finite, backpropagate
from chainrule.graph import COMPONENT, INPUT, Node, sorted_nodes
from chainrule.ops.guard import silence_untaken
from chainrule.ops.structure import astype, broadcast_to, match_type
from chainrule.source import mark_driver
from chainrule.trace import bind
from chainrule.traced import Traced, open_levels, prototype


@mark_driver
def push_tangents(roots: Iterable[Node], tangents: dict[Node, Any], guard: bool = False) -> dict[Node, Any]:
    """The tangents of all nodes on the way to the roots; a node without an entry has tangent zero."""
    found = dict(tangents)
    for node in sorted_nodes(*roots):
        primitive = node.primitive
        if primitive is INPUT or primitive.vjp is None:
            continue
        if primitive is COMPONENT:
            source = node.inputs[0]
            parts = found.get(source) if source is not None else None
            if parts is not None and parts[node.parameters["index"]] is not None:
                found[node] = parts[node.parameters["index"]]
            continue
        moving = [
            found.get(source) if source is not None and _differentiable(primitive, index) else None
            for index, source in enumerate(node.inputs)
        ]
        if all(tangent is None for tangent in moving):
            continue
        found[node] = _tangent(node, moving, guard)
    return found


def _differentiable(primitive: Any, index: int) -> bool:
    return not isinstance(primitive.vjp, tuple) or primitive.vjp[index] is not None


def _tangent(node: Node, moving: Sequence[Any], guard: bool) -> Any:
    primitive, arguments, parameters = node.primitive, node.arguments, node.parameters
    if primitive.jvp is not None:
        return _fit(primitive.jvp(moving, node.value, *arguments, **parameters), node)
    if primitive.linear:
        filled = [
            tangent if tangent is not None else _still(primitive, index, argument)
            for index, (tangent, argument) in enumerate(zip(moving, arguments, strict=True))
        ]
        return _fit(bind(primitive, *filled, **parameters), node)
    total: Any = None
    if primitive.multilinear or (primitive.elementwise and (primitive.analytic or not _complex(node))):
        for index, tangent in enumerate(moving):
            if tangent is None:
                continue
            if primitive.multilinear:
                replaced = [*arguments[:index], tangent, *arguments[index + 1 :]]
                term = bind(primitive, *replaced, **parameters)
            else:
                rule = primitive.rule(index)
                term = rule(tangent, node.value, *arguments, **parameters) if rule is not None else None
            if term is None:
                continue
            if guard and primitive.elementwise:
                term = silence_untaken(term, broadcast_to(tangent, shape=np.shape(prototype(term))))
            total = term if total is None else total + term
        return _fit(total, node)
    return _transposed(node, moving)


def _complex(node: Node) -> bool:
    return any(np.iscomplexobj(prototype(value)) for value in (node.value, *node.arguments))


def _still(primitive: Any, index: int, argument: Any) -> Any:
    """What stands for an input that does not move: zeros, or itself where it is an index or a condition."""
    if isinstance(primitive.vjp, tuple):
        return argument if primitive.vjp[index] is None else _zeros(argument)
    # A joint rule does not say which inputs are indices: those that are integers.
    return _zeros(argument) if np.result_type(prototype(argument)).kind in "fc" else argument


def _zeros(argument: Any) -> Any:
    plain = prototype(argument)
    return np.zeros(np.shape(plain), np.result_type(plain))


def _fit(tangent: Any, node: Node) -> Any:
    """A tangent in the shape and dtype of the node's value."""
    value = node.value
    if node.primitive.outputs > 1:
        return list(tangent)
    if np.shape(prototype(tangent)) != value.shape:
        tangent = broadcast_to(tangent, shape=value.shape)
    if tangent.dtype != value.dtype:
        tangent = match_type(tangent, value) if value.dtype.kind != "c" else astype(tangent, dtype=value.dtype)
    return tangent


def _transposed(node: Node, moving: Sequence[Any]) -> Any:
    """The tangent by transposing the backward rule, which is linear in `g`."""
    level = next_level()
    several = node.primitive.outputs > 1
    parts = node.value if several else (node.value,)
    seeds = [lift(_zeros(part), None, level) for part in parts]
    g = list(seeds) if several else seeds[0]
    open_levels.add(level)
    try:
        contributions = _contributions(node, moving, g)
    finally:
        open_levels.discard(level)
    ends = []
    for contribution, tangent, argument in zip(contributions, moving, node.arguments, strict=True):
        if contribution is None or tangent is None:
            continue
        matched = match_type(contribution, argument)
        if isinstance(matched, Traced) and matched.level == level:
            ends.append((matched.node, tangent))
    cotangents = backpropagate(ends) if ends else {}
    results = [cotangents.get(seed.node) for seed in seeds]
    filled = [_zeros(part) if result is None else result for result, part in zip(results, parts, strict=True)]
    return filled if several else filled[0]


def _contributions(node: Node, moving: Sequence[Any], g: Any) -> Sequence[Any]:
    """What the backward rules of a node make of `g`, for the inputs that have a tangent."""
    rules, arguments, parameters = node.primitive.vjp, node.arguments, node.parameters
    wanted = tuple(tangent is not None for tangent in moving)
    if isinstance(rules, tuple):
        return [
            rule(g, node.value, *arguments, **parameters) if want and rule is not None else None
            for want, rule in zip(wanted, rules, strict=True)
        ]
    return rules(wanted, g, node.value, *arguments, **parameters) if rules is not None else [None] * len(moving)


def push_forward(roots: Sequence[Node], tangents: dict[Node, Any]) -> list[Any]:
    """The tangents of the roots (None for zero), guarded against 0 times infinity where that is needed."""
    with np.errstate(all="ignore"):
        found = push_tangents(roots, tangents)
        results = [found.get(node) for node in roots]
        if all_finite(results):
            return results
        found = push_tangents(roots, tangents, guard=True)
    return [found.get(node) for node in roots]
