"""Both passes as statements: which values get a name, what is nested in what, and what is said beside it.

A forward value has a line of its own where the user named it, where it is read more than once (by the backward pass
too), or where the line would get too long; otherwise it stands inside the line that reads it. Each contribution of the
backward pass is one line for the variable it goes to; a second one is added to the first, as the engine does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.explain.python_constants import Constants
from chainrule.explain.python_helpers import Helpers
from chainrule.explain.python_needs import Needs, unseen
from chainrule.explain.python_operations import write_operation
from chainrule.explain.python_record import Recording, Step
from chainrule.explain.python_text import ATOM, SUM, Names, Text, brackets
from chainrule.graph import INPUT, Graph, Node
from chainrule.traced import Traced, concrete

NESTED = 64  # the longest expression that is built of several operations
SHOWN = 44  # the longest formula in a comment


@dataclass(frozen=True, slots=True)
class Statement:
    """A line of the program, and what is said beside it.

    >>> Statement("q = x + y", "line 2").comment
    'line 2'
    """

    code: str
    comment: str = ""


class Passes:
    """The statements of both passes of a graph, and what they need: names, constants, helpers.

    >>> import chainrule as cr
    >>> from chainrule.explain.python_record import record_backward
    >>> graph = cr.trace(lambda x, y: x * y, 2.0, 3.0)
    >>> passes = Passes(graph, graph.inputs, {}, record_backward(graph, graph.inputs))
    >>> [statement.code for statement in passes.backward]
    ['d_value = np.float64(1.0)', 'd_x = d_value * y', 'd_y = d_value * x']
    """

    def __init__(self, graph: Graph, wanted: Sequence[Node], names: Mapping[Node, str], recording: Recording) -> None:
        self.graph = graph
        self.wanted = wanted
        self.recording = recording
        self.names = Names()
        self.constants = Constants(self.names)
        self.helpers = Helpers(self.names)
        self.forward: list[Statement] = []
        self.backward: list[Statement] = []
        self._target = self.forward
        self._texts: dict[Node, Text] = {}
        self._own: dict[Node, str] = {}  # nodes with a line of their own, and its variable
        self._said: dict[Node, str] = {}  # the line, for comments on what reads from it
        self._gradients: dict[Node, str] = {}  # the variables of the backward pass
        self._nested: dict[Node, Step] = {}  # contributions without a line of their own, and where they go
        self._temporaries = 0
        self._needs = needs = Needs(graph, wanted, recording)
        self._given = {node: name for node in needs.nodes if (name := names.get(node) or node.name)}
        (self.end,) = graph.outputs
        self._given.setdefault(self.end, "value")
        self._identifiers = {node: self.names.new(name) for node, name in self._given.items()}
        self._gradient_prefix = self.names.free("d_", "grad_", "gradient_of_")
        self._temporary_prefix = next(
            start for start in ("t", "step", "step_") if not self._numbered(start) or start == "step_"
        )
        for node in needs.nodes:
            self._write_forward(node)
        self._target = self.backward
        self._write_backward()

    def _numbered(self, prefix: str) -> bool:
        return any(name.startswith(prefix) and name[len(prefix) :].isdigit() for name in self.names.taken)

    # -- expressions -----------------------------------------------------------------------------------------------

    def _operand(self, source: Node | None, value: Any, partners: list[Any]) -> Text:
        if source is not None:
            return self._texts[source]
        if type(value) is np.float64 and any(
            type(other) is not float and getattr(other, "dtype", None) in (np.float64, np.complex128)
            for other in partners
        ):
            value = float(value)  # beside a float64 array a number of Python gives the same
        return self.constants.text(value)

    def _compose(self, node: Node) -> Text:
        """The expression of a node; what is nested in it gets a line of its own where it would be too long."""
        while True:
            operands = self._needs.operands(node)
            infix = node.primitive.name in ("add", "subtract", "multiply", "divide")
            texts = [
                self._operand(source, value, [other for s, other in operands if s is not None] if infix else [])
                for source, value in operands
            ]
            if self._needs.is_alias(node):
                return texts[0]
            text = write_operation(node, texts, self.helpers)
            nested = [
                (len(operand.source), -index)
                for index, ((source, _), operand) in enumerate(zip(operands, texts, strict=True))
                if source is not None and source not in self._own and len(operand.source) > 12
            ]
            if len(text.source) <= NESTED or not nested:
                return text
            longest = -max(nested)[1]
            source = operands[longest][0]
            assert source is not None
            self._bind_temporary(source, texts[longest])

    def _bind(self, node: Node, name: str, text: Text, comment: str) -> None:
        """Give a node a line of its own."""
        self._target.append(Statement(f"{name} = {text.source}", comment))
        self._texts[node] = Text(name, ATOM)
        self._own[node] = name
        self._said[node] = f"{name} = {text.source}"

    def _bind_temporary(self, node: Node, text: Text) -> None:
        name = self._identifiers[node] = self._temporary()
        if self._target is self.forward:
            self._bind(node, name, text, _type(node))
        else:
            step = self._nested.get(node)
            inner = self._texts[step.source].source if step is not None and step.source in self._texts else ""
            self._bind(node, name, text, f"the derivative by {inner}" if inner and len(inner) <= SHOWN else "")

    def _temporary(self) -> str:
        self._temporaries += 1
        return self.names.new(f"{self._temporary_prefix}{self._temporaries}")

    def _written_before(self, node: Node) -> Text:
        """The expression of a node of the backward pass; what it reads and is not written yet is written before."""
        for inner in unseen([node], self._texts):
            text = self._compose(inner)
            if inner is node:
                return text
            if self._needs.reads[inner] > 1 and not _simple(text):
                self._bind_temporary(inner, text)
            else:
                self._texts[inner] = text
        return self._texts[node]

    # -- the forward pass ------------------------------------------------------------------------------------------

    def _write_forward(self, node: Node) -> None:
        if node.primitive is INPUT:
            name = self._identifiers.get(node) or self.names.new("x")
            self._identifiers[node] = self._own[node] = name
            self._texts[node] = Text(name, ATOM)
            return
        text = self._compose(node)
        name = self._identifiers.get(node)
        once = self._needs.reads[node] <= 1 and node.primitive.outputs == 1 and node not in self._needs.collected
        if name is None and (_simple(text) or once):
            self._texts[node] = text
            return
        if name is None:
            name = self._identifiers[node] = self._temporary()
        self._bind(node, name, text, _type(node))

    def name_of(self, node: Node) -> str:
        """The variable of an input."""
        return self._own[node]

    def variable(self, node: Node) -> str:
        """The text that stands for a forward value."""
        return self._texts[node].source

    # -- the backward pass -----------------------------------------------------------------------------------------

    def gradient_name(self, node: Node) -> str:
        """The variable for the derivative by a node."""
        if node not in self._gradients:
            base = self._own.get(node) or self._texts[node].source
            self._gradients[node] = self.names.new(self._gradient_prefix + base.replace("]", "").replace("[", "_"))
        return self._gradients[node]

    def _write_backward(self) -> None:
        seed = self.recording.seed
        needed = bool(self._needs.steps) or self.end in self.wanted
        if needed:
            self._bind(
                seed.node, self.gradient_name(self.end), self.constants.text(seed.node.value), self._about_seed()
            )
        for step in self._needs.steps:
            if self._needs.arrivals[step.source] == 1 and isinstance(step.contribution, Traced):
                self._nested.setdefault(step.contribution.node, step)
            self._write_step(step)
        self.gradients = [
            (self._own[node], self._handed_over(node, gradient))
            for node, gradient in zip(self.wanted, self.recording.gradients, strict=True)
        ]

    def _about_seed(self) -> str:
        name = self.variable(self.end)
        return f"∂{name}/∂{name}" if np.all(self.recording.seed.node.value == 1) else "as given"

    def _write_step(self, step: Step) -> None:
        comment = f"{'also ' if step.before is not None else ''}through {self._source_of(step)}"
        if step.buffer:
            self._write_in_place(step, comment)
            return
        value = step.contribution
        node = value.node if isinstance(value, Traced) else None
        alone = self._needs.arrivals[step.source] == 1
        if alone and step.source not in self._own:
            return  # it is nested in what reads it
        if node is None:
            text = self.constants.text(value)
        elif node in self._texts:
            text = self._texts[node]
        else:
            text = self._written_before(node)
            if not alone and (self._needs.reads[node] or self._needs.contributed[node] > 1):
                self._bind_temporary(node, text)
                text = self._texts[node]
        if alone:
            if node is not None and node in self._texts and step.source not in self._given:
                return  # a value without a name of its own gets what has a name already
            self._target.append(Statement(f"{self.gradient_name(step.source)} = {text.source}", comment))
            if node is not None and node not in self._texts:
                self._texts[node] = Text(self.gradient_name(step.source), ATOM)
                self._own[node] = self.gradient_name(step.source)
            return
        name = self.gradient_name(step.source)
        if step.before is not None:
            text = Text(f"{name} + {text.fit(SUM + 1)}", SUM)
        self._target.append(Statement(f"{name} = {text.source}", comment))
        if step.before is not None and isinstance(step.total, Traced):
            self._texts[step.total.node] = Text(name, ATOM)
            self._own[step.total.node] = name

    def _write_in_place(self, step: Step, comment: str) -> None:
        name = self.gradient_name(step.source)
        array = step.node.arguments[0]
        if step.buffer == "zeros":
            dtype = "" if array.dtype == np.float64 else f", np.{array.dtype.name}"
            shape = array.shape[0] if array.ndim == 1 else array.shape
            self._target.append(Statement(f"{name} = np.zeros({shape}{dtype})", "filled below"))
        elif step.buffer == "copy":
            self._target.append(Statement(f"{name} = np.array({name})", "a copy, to be added to"))
        self._texts[step.total.node] = Text(name, ATOM)
        self._own[step.total.node] = name
        g = step.contribution.node
        if g not in self._texts:
            self._texts[g] = self._written_before(g)
        added = self._texts[g].source
        arrays = [
            self._operand(source, value, []).source
            for source, value in zip(step.node.inputs[1:], step.node.arguments[1:], strict=True)
        ]
        if "pattern" in step.node.parameters:
            pattern = step.node.parameters["pattern"]
            index = arrays[0] if pattern == ("array",) else _index(pattern, arrays)
            self._target.append(Statement(f"np.add.at({name}, {index}, {added})", comment))
        else:
            self._target.append(Statement(f"{name}[{brackets(step.node.parameters['index'], [])}] += {added}", comment))

    def _source_of(self, step: Step) -> str:
        """The formula through which a step goes."""
        if step.node in self._said:
            text = self._said[step.node]
        elif step.node in self._texts:
            text = self._texts[step.node].source
        else:
            text = f"{step.node.primitive.name}(…)"  # a function of the user's own with several results
        if len(text) <= SHOWN:
            return text
        line = step.node.line
        return (self._own.get(step.node) or "line") + (f", line {line}" if line is not None else "")

    def _handed_over(self, node: Node, gradient: Any) -> str:
        """The gradient as it is returned: an array of its own, conjugated where it is complex."""
        if gradient is None:
            return self.constants.text(np.zeros_like(node.value)[()]).source
        inner = gradient.node if isinstance(gradient, Traced) else None
        if inner is self.recording.seed.node or self._needs.arrivals[node]:
            text = self.gradient_name(node)
        else:
            text = self.constants.text(gradient).source
        plain = concrete(gradient)
        if plain.dtype.kind == "c":
            return f"np.conjugate({text})"
        if isinstance(node.value, np.ndarray) and (
            not isinstance(plain, np.ndarray)
            or plain.base is not None
            or not plain.flags.writeable
            or any(other is not node and concrete(g) is plain for other, g in self._others(node))
        ):
            return f"np.array({text})"
        return text

    def _others(self, node: Node) -> list[tuple[Node, Any]]:
        return [pair for pair in zip(self.wanted, self.recording.gradients, strict=True) if pair[0] is not node]


def _index(pattern: tuple[Any, ...], arrays: list[str]) -> str:
    """An index as an expression outside brackets."""
    remaining = iter(arrays)
    parts = []
    for item in pattern:
        if isinstance(item, str):
            parts.append(next(remaining))
        else:
            parts.append("None" if item is None else "..." if item is Ellipsis else repr(item).replace(", None)", ")"))
    return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"


def _simple(text: Text) -> bool:
    """Whether a text may be repeated instead of named: a name, or a part of one by its number."""
    return text.source.replace("[", "").replace("]", "").isidentifier() and text.level == ATOM


def _type(node: Node) -> str:
    """Shape, dtype where it is not float64, and the line of the user's code."""
    if node.primitive.outputs > 1:
        said = ""
    else:
        plain = np.asarray(node.value)
        said = str(plain.shape) if plain.ndim else "scalar"
        said += "" if plain.dtype == np.float64 else f" {plain.dtype.name}"
    line = node.line
    return said if line is None else f"{said}, line {line}".removeprefix(", ")
