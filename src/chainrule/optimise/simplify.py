"""Algebraic simplification: the identities of the table, applied wherever they fit."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from chainrule.graph import Graph, Node
from chainrule.optimise.identities import IDENTITIES, Identity
from chainrule.optimise.patterns import Found, Operation, match, may_match
from chainrule.optimise.replacing import elementwise_like
from chainrule.optimise.rewriting import Constant, Operand, interchangeable, is_known, is_plain, rewrite


def simplify(graph: Graph, identities: Iterable[Identity] = IDENTITIES) -> Graph:
    """The graph with each node replaced by something simpler, where an identity says that it has the same value.

    >>> import numpy as np, chainrule as cr
    >>> print(simplify(cr.trace(lambda x, y: (x / 1.0) * y / 4.0, 1.0, np.ones((2, 2)))))
    inputs  x: float64[], y: float64[2,2]
    %1: float64[2,2] = x * y
    %2: float64[2,2] = %1 * 0.25
    outputs %2

    What nobody reads any more is left for `prune`.
    """
    table = Table(tuple(identities))

    def step(node: Node) -> Operand | None:
        found: Operand = node
        # Each identity takes away an operation or brings it nearer to a form that no identity changes, so this ends.
        while isinstance(found, Node) and (more := _simpler(found, table)) is not None:
            fresh = isinstance(more, Node) and more.order > found.order
            found = more
            if not fresh:
                break  # it was there before, and is as simple as it gets
        return None if found is node else found

    return rewrite(graph, step)


class Table:
    """Identities by the operation that they begin with, and by what its operands are made by: most of them fail there already."""

    def __init__(self, identities: tuple[Identity, ...]) -> None:
        self._lines = _by_operation(identities)
        self._fitting: dict[tuple[str | None, ...], list[tuple[Operation, Identity]]] = {}

    def lines(self, node: Node) -> list[tuple[Operation, Identity]]:
        """The lines that may fit a node."""
        name = node.primitive.name
        every = self._lines.get(name)
        if every is None:
            return []
        key = (name, *[None if source is None else source.primitive.name for source in node.inputs])
        found = self._fitting.get(key)
        if found is None:
            found = self._fitting[key] = [line for line in every if may_match(line[0], node)]
        return found


@cache
def _by_operation(identities: tuple[Identity, ...]) -> dict[str, list[tuple[Operation, Identity]]]:
    table: dict[str, list[tuple[Operation, Identity]]] = {}
    for identity in identities:
        for pattern in identity.patterns:
            table.setdefault(pattern.name, []).append((pattern, identity))
    return table


def _simpler(node: Node, table: Table) -> Operand | None:
    lines = table.lines(node)
    if not lines or not is_known(node.primitive) or not is_plain(node.value):
        return None
    for pattern, identity in lines:
        if node.value.dtype.kind not in identity.kinds:
            continue
        found = match(pattern, node)
        if found is None or not all(_fits(operand, identity) for operand in found.values()):
            continue
        result = _replacement(node, identity, found)
        if result is not None:
            return result
    return None


def _fits(operand: Operand, identity: Identity) -> bool:
    if isinstance(operand, Constant):
        return is_plain(operand.value) or type(operand.value) in (int, float, bool)
    return is_plain(operand.value) and operand.value.dtype.kind in identity.kinds


def _replacement(node: Node, identity: Identity, found: Found) -> Operand | None:
    becomes = identity.becomes
    if isinstance(becomes, Operation):
        return elementwise_like(becomes.name, tuple(found[str(letter)] for letter in becomes.parts), node)
    result = found[becomes] if isinstance(becomes, str) else becomes(node, found)
    if result is None or not interchangeable(result.value, node.value):
        return None
    return result
