"""A recorded program in, what a derivation is written from out: names, blocks, forward values and engine gradients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chainrule.boxes import Box, Fraction, Letter, Scripts, Sign, row
from chainrule.differentiate import backpropagate, is_finite
from chainrule.explain.blocks import Block, Naming, blocks_of, name_nodes, named_nodes, user_names
from chainrule.explain.convert import counts_in
from chainrule.explain.expression import Symbol
from chainrule.explain.local import Writer
from chainrule.explain.pull import pull_block
from chainrule.graph import INPUT, Graph, Node
from chainrule.symbols import symbol_of
from chainrule.traced import concrete

Contributions = dict[tuple[Node, Node], Any]  # (named result, named source) → what flows from one to the other


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be derived: a graph with one output, the inputs asked about, and what arrives from above.

    `above` None stands for 1 at a single number. `names` overrides the program's own names, `boxes` how names are set,
    `constants` says what arrays that stand in the program are called: (node, argument) → name.
    """

    graph: Graph
    wanted: tuple[Node, ...]
    title: str = "f"
    above: Any = None
    names: Mapping[Node, str] | None = None
    boxes: Mapping[Node, Box] | None = None
    constants: Mapping[tuple[Node, int], str] = field(default_factory=dict)
    partial: bool = False  # the program stopped half-way: its last result is no output


@dataclass(frozen=True, slots=True, eq=False)
class Program:
    """Everything about a recorded program that its derivation is written from.

    `gradients` are the engine's own: those that `cr.grad` gives, bit for bit. `flows` are the engine's contributions
    between named values. `arrays` says whether anything is an array, so that gradients are written ∇ and not ∂/∂.
    """

    request: Request
    naming: Naming
    blocks: tuple[Block, ...]
    symbols: dict[Node, Symbol]
    gradient_symbols: dict[Node, Symbol]
    gradients: dict[Node, Any]
    flows: Contributions
    writer: Writer
    counts: dict[int, Symbol]
    arrays: bool
    loss: Box
    upstream: Letter  # what the gradient from above is called: g, unless the program has a g

    @property
    def output(self) -> Node:
        """The result that is differentiated."""
        return self.request.graph.outputs[0]


def prepare(request: Request) -> Program:
    """Run the engine on the graph and give everything a name."""
    graph = request.graph
    names = dict(request.names) if request.names is not None else user_names(graph)
    named = named_nodes(graph, names)
    blocks = tuple(blocks_of(graph, named))
    output_name = None if request.partial else _output_name(request, names)
    naming = name_nodes(graph, named, names, output_name, request.constants.values(), request.boxes)
    ordered = [node for node in graph.nodes if node in named]
    symbols = {node: Symbol(("value", node), naming.boxes[node], concrete(node.value)) for node in ordered}
    output = graph.outputs[0]
    arrays = any(np.ndim(concrete(node.value)) for node in named)
    loss = naming.boxes[output] if request.above is None else _letter_above(naming)
    upstream = Letter(next(letter for letter in ("g", "δ", "γ", "η") if letter not in naming.texts.values()))
    gradients, flows = engine_gradients(request, blocks, named) if request.wanted else ({}, {})
    gradient_symbols = {
        node: Symbol(
            ("gradient", node), gradient_box(loss, naming.boxes[node], arrays and not _is_number(node)), gradients[node]
        )
        for node in ordered
        if node in gradients
    }
    if request.above is not None and output in gradients:
        gradient_symbols[output] = Symbol(("gradient", output), upstream, gradients[output])
    constants = _constant_symbols(request, naming)
    counts = _count_symbols(blocks, naming)
    writer = Writer(symbols, constants, counts)
    return Program(
        request, naming, blocks, symbols, gradient_symbols, gradients, flows, writer, counts, arrays, loss, upstream
    )


def _is_number(node: Node) -> bool:
    """Whether a node is an argument that is one number: its gradient is a partial derivative also among arrays."""
    return node.primitive is INPUT and np.ndim(concrete(node.value)) == 0


def gradient_box(loss: Box, name: Box, arrays: bool) -> Box:
    """∂L/∂x for numbers, ∇ with x below and L behind it where the program has arrays."""
    if arrays:
        return row(Scripts(Sign("∇", "atom"), below=name), loss)
    partial = Sign("∂", "atom")
    return Fraction(row(partial, loss), row(partial, name))


def engine_gradients(
    request: Request, blocks: Sequence[Block], named: set[Node]
) -> tuple[dict[Node, Any], Contributions]:
    """The cotangent of every node, and what flows between named nodes: the engine's own pass, and the same pass observed."""
    output = request.graph.outputs[0]
    plain = concrete(output.value)
    seed = np.ones_like(plain)[()] if request.above is None else np.asarray(request.above, plain.dtype)[()]
    home: dict[Node, Node] = {}
    shared: set[Node] = set()  # results of blocks that have a nameless node in common with another block
    for block in blocks:
        for node in block.inside:
            if node in home:
                shared |= {home[node], block.node}
            home[node] = block.node
    flows: Contributions = {}

    def watch(node: Node, index: int, contribution: Any) -> None:
        source = node.inputs[index]
        if source in named and source is not None and node in home:
            key = (home[node], source)
            flows[key] = contribution if key not in flows else flows[key] + contribution

    with np.errstate(all="ignore"):
        gradients = backpropagate([(output, seed)], keep=True)
        inputs = [gradients[node] for node in request.graph.inputs if node in gradients]
        guard = not all(is_finite(value) for value in inputs)
        if guard:
            gradients = backpropagate([(output, seed)], guard=True, keep=True)
        backpropagate([(output, seed)], guard=guard, observe=watch)
    for block in blocks:
        if block.node in shared and block.node in gradients:
            for source, flow in pull_block(block, gradients[block.node]).items():
                flows[block.node, source] = flow
    return gradients, flows


def _output_name(request: Request, names: Mapping[Node, str]) -> str:
    name = request.title if request.title.isidentifier() else "f"
    return name if name not in names.values() else "result"


def _letter_above(naming: Naming) -> Box:
    """A letter for the loss that lies above the program: L where the program has no L."""
    return Letter(next(letter for letter in ("L", "J", "E", "ℓ") if letter not in naming.texts.values()))


def _constant_symbols(request: Request, naming: Naming) -> dict[tuple[Node, int], Symbol]:
    del naming
    return {
        (node, index): Symbol(("constant", name), symbol_of(name), concrete(node.arguments[index]))
        for (node, index), name in request.constants.items()
    }


def _count_symbols(blocks: Sequence[Block], naming: Naming) -> dict[int, Symbol]:
    """n for the number of elements of a mean; a second number gets m, and so on."""
    found: dict[int, None] = {}
    for block in blocks:
        for count in sorted(counts_in(block.inside)):
            found.setdefault(count)
    free = [letter for letter in ("n", "m", "N", "M", "k") if letter not in naming.texts.values()]
    return {
        count: Symbol(("count", count), Letter(letter), count)
        for count, letter in zip([c for c in found if c > 1], free, strict=False)
    }
