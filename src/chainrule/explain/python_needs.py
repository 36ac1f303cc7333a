"""What a program must compute: the nodes of both passes that matter, and how often each is read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any

from chainrule.explain.python_record import Recording, Step
from chainrule.graph import COMPONENT, Graph, Node
from chainrule.traced import Traced


def unseen(roots: Sequence[Node], seen: Collection[Node]) -> list[Node]:
    """The nodes that the roots depend on and that are not among those seen, in order; nothing is looked for behind one seen.

    >>> import chainrule as cr
    >>> graph = cr.trace(lambda x: x * x + 1.0, 3.0)
    >>> [node.primitive.name for node in unseen(graph.outputs, set(graph.inputs))]
    ['multiply', 'add']
    """
    found: set[Node] = set()
    stack = [node for node in roots if node not in seen]
    while stack:
        node = stack.pop()
        if node not in found:
            found.add(node)
            stack += [source for source in node.inputs if source is not None and source not in seen]
    return sorted(found, key=lambda node: node.order)


class Needs:
    """The nodes of the forward pass in order, the steps that lead to a wanted input, and how often each node is read.

    `arrivals` counts the steps to each node, `contributed` the steps that bring the same value; `collected` are the nodes whose
    cotangent is made by several steps or in place.

    >>> import chainrule as cr
    >>> from chainrule.explain.python_record import record_backward
    >>> graph = cr.trace(lambda x: x * x, 3.0)
    >>> needs = Needs(graph, graph.inputs, record_backward(graph, graph.inputs))
    >>> needs.reads[graph.inputs[0]], needs.arrivals[graph.inputs[0]]
    (4, 2)
    """

    def __init__(self, graph: Graph, wanted: Sequence[Node], recording: Recording) -> None:
        self.recording = recording
        self.nodes = self._forward_nodes(graph)
        self.steps = self._needed_steps(wanted)
        self.arrivals = Counter(step.source for step in self.steps)
        self.collected = {step.source for step in self.steps if step.buffer or self.arrivals[step.source] > 1}
        roots = [step.contribution.node for step in self.steps if isinstance(step.contribution, Traced)]
        self.contributed = Counter(roots)
        self.reads = self._count_reads(roots)

    def operands(self, node: Node) -> list[tuple[Node | None, Any]]:
        """What a node reads: the node or None, and the value; a function of the user's own reads what it returns."""
        source = node.inputs[0] if node.primitive is COMPONENT else None
        if source in self.recording.inlined:
            results = [self.recording.inlined[source][node.parameters["index"]]]
        elif node in self.recording.inlined:
            results = self.recording.inlined[node]
        else:
            return list(zip(node.inputs, node.arguments, strict=True))
        return [(value.node, value.node.value) if isinstance(value, Traced) else (None, value) for value in results]

    def is_alias(self, node: Node) -> bool:
        """Whether a node is only another name for what a function of the user's own returned."""
        return node in self.recording.inlined or (
            node.primitive is COMPONENT and node.inputs[0] in self.recording.inlined
        )

    def _forward_nodes(self, graph: Graph) -> list[Node]:
        """The nodes of the graph, and before each function of the user's own what it does."""
        found: list[Node] = []
        seen: set[Node] = set(graph.nodes)
        for node in graph.nodes:
            if node in self.recording.inlined:
                roots = [value.node for value in self.recording.inlined[node] if isinstance(value, Traced)]
                inner = unseen(roots, seen)
                seen.update(inner)
                found += inner
                if node.primitive.outputs > 1:
                    continue
            found.append(node)
        return found

    def _needed_steps(self, wanted: Sequence[Node]) -> list[Step]:
        useful = set(wanted)
        needed: list[Step] = []
        for step in reversed(self.recording.steps):
            source = step.source
            if source in useful or (source.primitive is COMPONENT and source.inputs[0] in useful):
                useful.add(step.node)
                needed.append(step)
        return needed[::-1]

    def _count_reads(self, roots: list[Node]) -> Counter[Node]:
        reads: Counter[Node] = Counter()
        for node in self.nodes:
            reads.update(source for source, _ in self.operands(node) if source is not None)
        seen: set[Node] = set(self.nodes) | {self.recording.seed.node}
        for step in self.steps:
            if (step.before is not None or step.buffer) and isinstance(step.total, Traced):
                seen.add(step.total.node)  # its variable stands for it
        for node in unseen(roots, seen):
            reads.update(source for source in node.inputs if source is not None)
        for step in self.steps:
            if step.buffer:
                reads.update(source for source in step.node.inputs[1:] if source is not None)
                reads[step.contribution.node] += 1
        return reads
