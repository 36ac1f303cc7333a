"""A forward graph in, the steps of its backward pass out, recorded as operations.

The rules run here as they run in `backpropagate`, in the same order and with the same sums, but on traced handles of
the graph's own nodes. So each rule leaves the operations that it does behind, as nodes that read the forward nodes, and
a backward pass can be written down. What was recorded is compared with what `backpropagate` gives, bit for bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chainrule.boundary import next_level
from chainrule.differentiate import backpropagate, differentiable_nodes, is_finite
from chainrule.errors import ArgumentError, GraphError, TracedValueError
from chainrule.graph import COMPONENT, INPUT, Graph, Node
from chainrule.notation import call
from chainrule.ops.guard import silence_multilinear, silence_untaken
from chainrule.ops.structure import match_type
from chainrule.primitive import Primitive, primitives
from chainrule.source import mark_driver
from chainrule.trace import bind
from chainrule.traced import Traced, concrete, open_levels
from chainrule.trees import leaves


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One contribution on its edge: what `node` sends back to `source`, its argument number `index`.

    `before` is the cotangent of the source until then (None for the first contribution) and `total` the cotangent
    afterwards. `buffer` says how an addition in place begins: "zeros", "copy" or "own"; None where a sum is made anew.
    """

    node: Node
    index: int
    source: Node
    contribution: Any
    before: Any
    total: Any
    buffer: str | None = None


@dataclass(slots=True)
class Recording:
    """The backward pass of one graph as steps, with the gradient of each wanted input (None: nothing arrives).

    `inlined` holds, for operations that are Python functions of the user's, the values that they return when recorded.
    `guarded`: the pass that keeps zeros; `noisy`: NumPy found a division by zero, an overflow or the like in it.
    """

    seed: Any
    steps: list[Step]
    gradients: list[Any]
    inlined: dict[Node, list[Any]] = field(default_factory=dict)
    guarded: bool = False
    noisy: bool = False


def _silence(contribution: Any, g: Any) -> Any:
    lost = (np.asarray(g) == 0) & ~np.isfinite(contribution)
    return np.where(lost, 0.0, contribution) if np.any(lost) else contribution


def _plain(*_: Any, **__: Any) -> Any:
    raise TypeError("an addition in place is written by the printer itself")


# Not in the registry: they exist in what is written only.
SILENCE = Primitive(
    name="zero_where_untaken",
    forward=_silence,
    execute=_silence,
    vjp=None,
    shape=None,
    notation=call("zero_where_untaken"),
)
BUFFER = Primitive(name="buffer", forward=_plain, execute=_plain, vjp=None, shape=None, notation=call("buffer"))


def record_backward(graph: Graph, wanted: Sequence[Node], seed: Any = None) -> Recording:
    """The backward pass of a graph with one output, from the cotangent `seed` (default 1, in the output's dtype).

    >>> import chainrule as cr
    >>> graph = cr.trace(lambda x, y: x * y, 2.0, 3.0)
    >>> [step.source.name for step in record_backward(graph, graph.inputs).steps]
    ['x', 'y']
    """
    (end,) = graph.outputs
    if any(isinstance(node.value, Traced) for node in graph.nodes):
        raise ArgumentError(
            "This graph was recorded inside another differentiation, so its values are traced values and cannot be written as "
            "Python. Trace the function on plain arrays, outside grad and its family."
        )
    plain_seed = np.ones(np.shape(end.value), end.value.dtype)[()] if seed is None else seed
    if np.shape(plain_seed) != np.shape(end.value):
        raise ArgumentError(
            f"The seed has shape {np.shape(plain_seed)}, and the output has shape {np.shape(end.value)}. They must be equal."
        )
    with np.errstate(all="ignore"):
        cotangents = backpropagate([(end, plain_seed)])
        truth = [cotangents.get(node) for node in wanted]
        guarded = not all(is_finite(value) for value in truth if value is not None)
        if guarded:
            cotangents = backpropagate([(end, plain_seed)], guard=True)
            truth = [cotangents.get(node) for node in wanted]
    del cotangents

    found: list[str] = []
    level = next_level()
    open_levels.add(level)
    try:
        inlined = {node: _inlined(node, level) for node in graph.nodes if _is_opaque(node)}
        start = Traced.of(Node.of(INPUT, (), (), {"name": None}, plain_seed, None, 0), level)
        with np.errstate(all="call", call=lambda kind, _: found.append(kind)):
            steps, arrived = _walk(graph, start, level, guarded)
    finally:
        open_levels.discard(level)
    gradients = [arrived.get(node) for node in wanted]
    for node, gradient, right in zip(wanted, gradients, truth, strict=True):
        if not _same_bits(concrete(gradient), right):
            raise GraphError(
                f"The backward pass of {node.name or 'an input'} cannot be written as Python: recorded step by step it gives other "
                "bits than the pass that runs. Please report this program, because it should not happen."
            )
    return Recording(start, steps, gradients, inlined, guarded, bool(found))


def _same_bits(a: Any, b: Any) -> bool:
    if a is None or b is None:
        return a is b
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    return a.tobytes() == b.tobytes() or bool(
        np.all((a == b) & (np.signbit(a.real) == np.signbit(b.real)) | (np.isnan(a) & np.isnan(b)))
    )


@mark_driver
def _walk(graph: Graph, start: Traced, level: int, guard: bool) -> tuple[list[Step], dict[Node, Any]]:
    """`backpropagate`, on handles: what the fast paths there do for plain arrays is done here in one way for all."""
    parts_of: dict[tuple[Node, int], Node] = {}
    for node in graph.nodes:
        if node.primitive is COMPONENT and node.inputs[0] is not None:
            parts_of[node.inputs[0], node.parameters["index"]] = node

    def handle(node: Node) -> Any:
        if node.primitive.outputs == 1:
            return Traced.of(node, level)
        made = []
        for index, part in enumerate(node.value):
            if (node, index) not in parts_of:
                parts_of[node, index] = Node.of(
                    COMPONENT, (node,), (node.value,), {"index": index}, part, node.code, node.offset
                )
            made.append(Traced.of(parts_of[node, index], level))
        return tuple(made)

    steps: list[Step] = []
    arrived: dict[Node, Any] = {}
    owned: set[Node] = set()
    (end,) = graph.outputs
    cotangents: dict[Node, Any] = {end: start}
    for node in differentiable_nodes([end]):
        g = cotangents.pop(node, None)
        if g is None:
            continue
        primitive = node.primitive
        if primitive is INPUT:
            arrived[node] = g
            continue
        if primitive is COMPONENT:
            source = node.inputs[0]
            if source is not None:
                parts = cotangents.setdefault(source, [None] * len(node.arguments[0]))
                position = node.parameters["index"]
                parts[position] = g if parts[position] is None else parts[position] + g
            continue
        rules = primitive.vjp
        if rules is None:
            continue
        if primitive.add_into is not None and not guard:
            step = _in_place(node, g, cotangents, owned, level)
            if step is not None:
                steps.append(step)
                continue
        arguments = [
            argument if source is None else handle(source)
            for source, argument in zip(node.inputs, node.arguments, strict=True)
        ]
        y = handle(node)
        joint = None
        if not isinstance(rules, tuple):
            wanted = tuple(source is not None for source in node.inputs)
            try:
                joint = rules(wanted, g, y, *arguments, **node.parameters)
            except TracedValueError as error:
                if not _is_opaque(node):
                    raise
                raise ArgumentError(
                    f"The vjp of {primitive.name} cannot be written as Python: it leaves NumPy. {error}"
                ) from error
        for index, source in enumerate(node.inputs):
            if source is None or (isinstance(rules, tuple) and rules[index] is None):
                continue
            rule: Any = primitive.rule(index)
            contribution = rule(g, y, *arguments, **node.parameters) if joint is None else joint[index]
            if contribution is None:
                continue
            if guard:
                contribution = _guarded(contribution, rule, g, y, arguments, node, index)
            argument = node.arguments[index]
            if contribution.shape != argument.shape or contribution.dtype != argument.dtype:
                contribution = match_type(contribution, argument)
            before = cotangents.get(source)
            total = cotangents[source] = contribution if before is None else before + contribution
            steps.append(Step(node, index, source, contribution, before, total))
    return steps, arrived


def _in_place(node: Node, g: Any, cotangents: dict[Node, Any], owned: set[Node], level: int) -> Step | None:
    """The addition to a buffer that the engine makes for reads of parts of an array; None where it does not."""
    source, argument, add_into = node.inputs[0], node.arguments[0], node.primitive.add_into
    if source is None or add_into is None or type(argument) is not np.ndarray or g.dtype != argument.dtype:
        return None
    before = cotangents.get(source)
    target = concrete(before)
    how = "own"
    if source not in owned or type(target) is not np.ndarray:
        how = "zeros" if before is None else "copy"
        target = np.zeros(argument.shape, argument.dtype) if before is None else np.array(target)
        owned.add(source)
        cotangents[source] = Traced.of(Node.of(BUFFER, (), (), {}, target), level)
    add_into(target, concrete(g), *node.arguments, **node.parameters)
    return Step(node, 0, source, g, before, cotangents[source], how)


def _guarded(contribution: Any, rule: Any, g: Any, y: Any, arguments: list[Any], node: Node, index: int) -> Any:
    if node.primitive.elementwise:
        plain = concrete(contribution)
        if silence_untaken(plain, concrete(g)) is plain:
            return contribution
        return bind(SILENCE, contribution, g)
    if node.primitive.multilinear:
        return silence_multilinear(contribution, rule, g, y, tuple(arguments), index, node.parameters)
    return contribution


# -- functions of the user's own ---------------------------------------------------------------------------------------


def _is_opaque(node: Node) -> bool:
    primitive = node.primitive
    return primitive not in (INPUT, COMPONENT) and primitives.get(primitive.name) is not primitive


def _inlined(node: Node, level: int) -> list[Any]:
    """What a user's function inside `checkpoint` or `custom_derivative` does, recorded: one value for each result."""
    execute: Any = node.primitive.execute
    cells = zip(execute.__code__.co_freevars, execute.__closure__ or (), strict=True)
    inner = {name: cell.cell_contents for name, cell in cells}
    function: Any = inner.get("apply") or inner.get("f")
    arguments = [
        argument if source is None else Traced.of(source, level)
        for source, argument in zip(node.inputs, node.arguments, strict=True)
    ]
    name = node.primitive.name
    try:
        results = leaves(function(*arguments, **node.parameters))
    except Exception as error:
        raise ArgumentError(
            f"{name} cannot be written as Python: it runs outside chainrule (inside checkpoint or custom_derivative), and recording "
            f"it failed with {type(error).__name__}: {error}. Write it in NumPy functions that chainrule knows."
        ) from error
    expected = list(node.value) if node.primitive.outputs > 1 else [node.value]
    if len(results) != len(expected) or not all(
        _same_bits(concrete(a), b) for a, b in zip(results, expected, strict=True)
    ):
        raise ArgumentError(
            f"{name} cannot be written as Python: called again, it gives other numbers (inside checkpoint or custom_derivative). "
            "Make it depend on its arguments alone."
        )
    return results
