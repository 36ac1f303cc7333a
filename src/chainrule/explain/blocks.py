"""Which results a derivation has names for, and what is computed between them.

A block is one named result with the nameless operations that lead to it from other named values: most often one line of
the user's program. Named are the inputs, the output, and everything to which the user gave a name. A nameless result gets
a name where a person would give it one: where it is used more than once, where a line would become too long to follow, or
where the user named nothing at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from chainrule.boxes import Box, Numeral, Scripts, Sign, row
from chainrule.graph import COMPONENT, INPUT, Graph, Node
from chainrule.symbols import symbols_of
from chainrule.traced import concrete

LONGEST_LINE = 8  # operations in a nameless term
SMALL_PROGRAM = 12  # up to so many operations everything gets a name where the user named nothing
LETTERS = ("u", "v", "s", "q", "p", "r")

# Operations that are part of how a value is written, and no step of their own.
MARKS = {"negative", "positive", "transpose", "slice", "reshape", "copy", "astype", "broadcast_to", "component"}


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """A named result: its node, the nameless nodes before it in order (itself last), the named nodes that these read, and the
    arrays that stand in it as constants, as (node, argument position)."""

    node: Node
    inside: tuple[Node, ...]
    sources: tuple[Node, ...]
    constants: tuple[tuple[Node, int], ...]


def user_names(graph: Graph) -> dict[Node, str]:
    """The names that the user gave to inputs and results."""
    return {node: name for node in graph.nodes if (name := node.name)}


def named_nodes(graph: Graph, names: Mapping[Node, str]) -> set[Node]:
    """Every node that a derivation names; the module's text says which."""
    named = {node for node in graph.nodes if node.primitive is INPUT}
    named |= {node for node in graph.outputs if _nameable(node)}
    named |= {node for node in names if _nameable(node)}
    uses: dict[Node, int] = dict.fromkeys(graph.nodes, 0)
    for node in graph.nodes:
        for source in node.inputs:
            if source is not None:
                uses[source] += 1
    operations = [node for node in graph.nodes if node.primitive is not INPUT]
    bare = len(operations) <= SMALL_PROGRAM and not any(node in names for node in operations)
    weight: dict[Node, int] = {}
    for node in graph.nodes:
        inner = [source for source in node.inputs if source is not None and source not in named]
        weight[node] = sum((weight[source] for source in inner), 0 if node.primitive.name in MARKS else 1)
        if node in named or not _nameable(node):
            continue
        short = weight[node] == 0
        steps = node.primitive.name not in MARKS and not _scaled_constant(node)
        if (uses[node] > 1 and not short) or weight[node] >= LONGEST_LINE or (bare and steps):
            named.add(node)
    return named


def _nameable(node: Node) -> bool:
    """Whether the result is one array or number with a derivative to speak of; a truth value is written where it is used."""
    return node.primitive.outputs == 1 and np.asarray(concrete(node.value)).dtype.kind in "fc"


def _scaled_constant(node: Node) -> bool:
    """A value times or plus a plain number: no step of its own in a program without names."""
    return any(source is None for source in node.inputs) and node.primitive.name in ("multiply", "add", "subtract")


def blocks_of(graph: Graph, named: set[Node]) -> list[Block]:
    """The blocks in the order of the program.

    Nameless nodes belong to one block only, except the common source of several components of a tuple.
    """
    blocks = []
    for node in graph.nodes:
        if node not in named or node.primitive is INPUT:
            continue
        inside: dict[Node, None] = {}
        sources: dict[Node, None] = {}
        stack = [node]
        while stack:
            here = stack.pop()
            if here in inside:
                continue
            inside[here] = None
            for source in reversed(here.inputs):
                if source is None:
                    continue
                if source in named:
                    continue
                stack.append(source)
        ordered = sorted(inside, key=lambda one: one.order)
        for here in ordered:
            for source in here.inputs:
                if source is not None and source in named:
                    sources.setdefault(source)
        constants = tuple(
            (here, index)
            for here in ordered
            if here.primitive is not COMPONENT
            for index, (source, argument) in enumerate(zip(here.inputs, here.arguments, strict=True))
            if source is None and np.ndim(concrete(argument)) > 0
        )
        blocks.append(Block(node, tuple(ordered), tuple(sources), constants))
    return blocks


@dataclass(frozen=True, slots=True)
class Naming:
    """What each named node is called: its formula, and its text as an identifier."""

    boxes: dict[Node, Box]
    texts: dict[Node, str]
    series: dict[Node, tuple[str, int]]  # the name and the number of a result whose name is given again and again


def name_nodes(
    graph: Graph,
    named: set[Node],
    names: Mapping[Node, str],
    output_name: str | None,
    taken: Iterable[str] = (),
    boxes: Mapping[Node, Box] | None = None,
) -> Naming:
    """A formula for each named node, all different.

    A name that the program gives several times is numbered in the order of time; the input of that name keeps it plain.
    `taken` are names that are used for something else. `boxes` are formulas already decided.
    """
    used = set(taken) | set(names.values())
    ordered = [node for node in graph.nodes if node in named]
    texts: dict[Node, str] = {}
    letter = next((one for one in LETTERS if not any(_starts(name, one) for name in used)), "u")
    nameless = [node for node in ordered if node not in names and (output_name is None or node not in graph.outputs)]
    count = 0
    for node in ordered:
        if node in names:
            texts[node] = names[node]
        elif output_name is not None and node in graph.outputs and len(graph.outputs) == 1:
            texts[node] = output_name if output_name not in used else _free(output_name, used)
        else:
            count += 1
            texts[node] = letter if len(nameless) == 1 else f"{letter}{count}"
        used.add(texts[node])
    times: dict[str, list[Node]] = {}
    for node in ordered:
        times.setdefault(texts[node], []).append(node)
    base = symbols_of([*dict.fromkeys([*taken, *texts.values()])])
    given: dict[Node, Box] = {}
    series: dict[Node, tuple[str, int]] = {}
    for text, nodes in times.items():
        results = [node for node in nodes if node.primitive is not INPUT]
        inputs = len(nodes) - len(results)
        subscript = not isinstance(base[text], Scripts) and not any(
            _numbered(other, text) and other.strip("_0") != text for other in times
        )
        given.update(dict.fromkeys(nodes, base[text]))
        if len(nodes) == 1:
            continue
        for position, node in enumerate(results, start=1):
            series[node] = (text, position)
            box = base[text]
            if inputs and len(results) == 1 and not isinstance(box, Scripts):
                given[node] = Scripts(box, above=Sign("′", "atom"))
            else:
                given[node] = indexed_name(box, Numeral(str(position)), subscript)
    if boxes:
        given.update({node: box for node, box in boxes.items() if node in given})
    return Naming(given, texts, series)


def indexed_name(box: Box, index: Box, subscript: bool) -> Box:
    """A name with the number of its turn, as a subscript, or in brackets above where it has a subscript already.

    >>> from chainrule.boxes import Letter
    >>> indexed_name(Letter("h"), Numeral("2"), True) == Scripts(Letter("h"), below=Numeral("2"))
    True
    """
    if subscript:
        return Scripts(box, below=index)
    bracketed = row(Sign("[", "atom"), index, Sign("]", "atom"))
    if isinstance(box, Scripts) and box.above is None:
        return Scripts(box.base, below=box.below, above=bracketed)
    return Scripts(box, above=bracketed)


def _starts(name: str, letter: str) -> bool:
    return name == letter or (name.startswith(letter) and name[1:].strip("_").isdigit())


def _numbered(name: str, base: str) -> bool:
    return name != base and name.startswith(base) and name[len(base) :].strip("_").isdigit()


def _free(name: str, used: set[str]) -> str:
    return next(one for one in (f"{name}_out", *(f"{name}_out{n}" for n in range(2, 99))) if one not in used)
