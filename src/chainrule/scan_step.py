"""One turn of the user's step in, a `Loop` out: the step is traced once, and what it closes over becomes an input.

The step runs on traced values of a level of its own. Traced values of other levels that it uses are found as constants
of its graph; the graph is then replayed with plain inputs in their place. So the graph of the loop holds plain numbers
only, and gradients reach the captured values as they reach the arguments.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.arguments import argument_name, call_user, function_name, parameter_names
from chainrule.boundary import constant, lift, lower, next_level, snapshot
from chainrule.errors import ArgumentError, OutputError
from chainrule.graph import COMPONENT, INPUT, Graph, Node, sorted_nodes
from chainrule.primitive import operations
from chainrule.scan_loop import Loop
from chainrule.scan_record import TurnsDiffer, recorded
from chainrule.scan_rules import apply_loop
from chainrule.shapes import type_of
from chainrule.trace import bind
from chainrule.traced import Traced, prototype, require_open
from chainrule.trees import leaves, leaves_with_paths, rebuild, transform_with_paths

_building = threading.local()


@contextmanager
def building() -> Iterator[None]:
    """While a turn is recorded: loops inside it show no progress, since they run only to be recorded."""
    before = getattr(_building, "depth", 0)
    _building.depth = before + 1
    try:
        yield
    finally:
        _building.depth = before


def is_building() -> bool:
    """Whether a turn is being recorded.

    >>> is_building()
    False
    """
    return getattr(_building, "depth", 0) > 0


@dataclass(frozen=True, slots=True)
class Turn:
    """A recorded step: the loop, the values that it captured, and the containers of its results."""

    loop: Loop
    captured: list[Any]
    state: Any
    result: Any


def number(path: str, value: Any) -> Any:
    """A leaf of a state, of the items or of a result as a NumPy number or array; an error that names it otherwise.

    >>> number("state", 1.0)
    np.float64(1.0)
    """
    if isinstance(value, Traced):
        require_open(value)
        return snapshot(value)  # a handle of its own, into which the step may write
    if isinstance(value, bool | int | float | complex | np.ndarray | np.generic):
        return constant(np.asarray(value))[()]
    kind = type(value)
    raise ArgumentError(
        f"scan cannot carry {path}: it is a {kind.__module__}.{kind.__qualname__}".replace("builtins.", "")
        + ". Pass numbers, arrays, or containers of them; anything else the step may take from its closure."
    )


def split_result(step: Callable[..., Any], result: Any) -> tuple[Any, Any]:
    """What a step returned as the new state and the result of the turn."""
    if type(result) is not tuple or len(result) != 2:
        what = "None" if result is None else f"a {type(result).__name__}"
        if type(result) is tuple:
            what = f"a tuple of {len(result)}"
        raise OutputError(
            f"scan needs a step that returns a pair (state, result), and {function_name(step)} returned {what}. Write "
            "`return state, None` where there is no result."
        )
    return result


def check_state(step: Callable[..., Any], before: Sequence[tuple[str, Any]], after: Any, turn: int) -> list[Any]:
    """The leaves of a new state, which must have the places, shapes and dtypes of those before; an error names the leaf."""
    name = argument_name(parameter_names(step), 0)
    given = leaves_with_paths(after, name)
    if [path for path, _ in given] != [path for path, _ in before]:
        raise ArgumentError(
            f"scan needs a state that keeps its containers: {function_name(step)} was given {_listed(before)}, and returned "
            f"{_listed(given)} (turn {turn}). Return a state like the one that the step gets."
        )
    found = []
    for (path, old), (_, new) in zip(before, given, strict=True):
        value = number(path, new)
        was, made = type_of(prototype(old)), type_of(prototype(value))
        if was != made:
            advice = f"Start with an array of shape {made.shape}, or reshape the new one."
            if was.shape == made.shape:
                whole = was.dtype.kind in "iub" and made.dtype.kind in "fc"
                advice = f"Cast the new one: .astype(np.{was.dtype.name})."
                if whole:
                    advice = f"Start with {'0.0 instead of 0' if not was.shape else f'an array of {made.dtype.name}'}."
            raise ArgumentError(
                f"scan needs a state that keeps its shapes and dtypes: {path} is {was} before turn {turn} of "
                f"{function_name(step)} and {made} after it. {advice}"
            )
        found.append(value)
    return found


def _listed(pairs: Sequence[tuple[str, Any]]) -> str:
    return ", ".join(path for path, _ in pairs) or "nothing"


def record_turn(step: Callable[..., Any], state: Any, items: Any) -> Turn | None:
    """The step as a loop, traced on one turn's values; None where Python took numbers from it that have a gradient."""
    level, names = next_level(), parameter_names(step)
    lifted: list[Traced] = []

    def enter(path: str, value: Any) -> Traced:
        plain = prototype(number(path, value))
        lifted.append(lift(plain.copy() if isinstance(plain, np.ndarray) else plain, path, level))
        return lifted[-1]

    inner_state = transform_with_paths(enter, state, argument_name(names, 0))
    before = leaves_with_paths(inner_state, argument_name(names, 0))
    inner_items = transform_with_paths(enter, items, argument_name(names, 1))
    inputs = [handle.node for handle in lifted]  # an in-place write of the step gives the handles other nodes
    before = [(path, snapshot(handle)) for path, handle in before]
    try:
        with recorded(level) as seen, building():
            made, result = split_result(step, call_user("scan", step, (inner_state, inner_items), {}, ()))
            ends = check_state(step, before, made, 0)
            rows = [number(path, leaf) for path, leaf in leaves_with_paths(result, "result")]
    except TurnsDiffer:
        return None
    guards = [Traced.of(guard.node, level) for guard in seen.guards if guard.node is not None]
    graph, captured = _closed(inputs, [*ends, *rows, *guards], level)
    loop = Loop(graph, len(before), len(inputs) - len(before), len(rows), len(guards))
    return Turn(loop, captured, made, result)


def _closed(inputs: Sequence[Node], ends: Sequence[Any], level: int) -> tuple[Graph, list[Any]]:
    """The graph from the inputs to the ends on plain values, and the traced values of other levels that it reads."""
    found: dict[Node, Any] = {}
    roots = []
    for end in ends:
        _, node = lower(end, level)
        roots.append(node)
        if node is None and isinstance(end, Traced):
            found.setdefault(end.node, snapshot(end))
    nodes = sorted_nodes(*inputs, *[node for node in roots if node is not None])
    for node in nodes:
        if node.primitive is COMPONENT:
            continue
        for source, argument in zip(node.inputs, node.arguments, strict=True):
            if source is None and isinstance(argument, Traced):
                found.setdefault(argument.node, argument)
    plain = next_level()
    fresh = [lift(prototype(node.value), node.name, plain) for node in inputs]
    outside = {node: lift(prototype(value)[()], value.name, plain) for node, value in found.items()}
    values: dict[Node, Any] = dict(zip(inputs, fresh, strict=True))
    with recorded(plain), building():
        for node in nodes:
            if node.primitive is not INPUT:
                values[node] = _again(node, values, outside)
    outputs = []
    for end, root in zip(ends, roots, strict=True):
        value = values[root] if root is not None else outside[end.node] if isinstance(end, Traced) else end
        outputs.append(value.node if isinstance(value, Traced) else operations["constant_node"](value))
    starts = tuple(handle.node for handle in (*fresh, *outside.values()))
    return Graph.of(starts, tuple(outputs)), list(found.values())


def _again(node: Node, values: dict[Node, Any], outside: dict[Node, Any]) -> Any:
    """The result of a node with plain inputs in the place of captured values."""
    if node.primitive is COMPONENT:
        source = node.inputs[0]
        assert source is not None  # a component of a constant is a constant
        return values[source][node.parameters["index"]]
    arguments = []
    for source, argument in zip(node.inputs, node.arguments, strict=True):
        if source is not None:
            arguments.append(values[source])
        else:
            arguments.append(outside[argument.node] if isinstance(argument, Traced) else argument)
    value = bind(node.primitive, *arguments, **node.parameters)
    for part in value if isinstance(value, tuple) else (value,):
        if isinstance(part, Traced):
            part.node.code, part.node.offset = node.code, node.offset
    return value


def blocks(turn: Turn, states: Sequence[Any], items: Sequence[Any], length: int) -> Loop:
    """The loop whose turn is a whole loop of `length` turns: its items are blocks of the items."""
    inner, level = turn.loop, next_level()
    lifted = [lift(prototype(value)[()], None, level) for value in (*states, *items, *turn.captured)]
    begin, rest = lifted[: inner.states], lifted[inner.states :]
    with recorded(level), building():
        made = apply_loop(inner, begin, rest[: inner.items], rest[inner.items :], length)
    ends = made[: inner.states + inner.stacked]
    guards = made[-1:] if inner.guards else []
    graph = Graph.of(tuple(handle.node for handle in lifted), tuple(handle.node for handle in (*ends, *guards)))
    return Loop(graph, inner.states, inner.items, inner.stacked, len(guards))


def arrange(tree: Any, values: Sequence[Any]) -> Any:
    """The containers of a tree around other leaves, with numbers for the leaves whatever they were.

    >>> arrange({"a": 1, "b": None}, [2.0])
    {'a': 2.0, 'b': None}
    """
    return rebuild(tree, list(values)) if leaves(tree) else tree
