"""The operation `scan` and its derivatives: the derivative of a loop is a loop.

The backward pass goes through the turns the other way. Its turn computes the step again from the state that was saved
before it, and pulls back the cotangents of the state and of the results; cotangents of captured values add up in its
state, those of the items are stacked. Its graph is recorded once, by replaying the step's graph on traced values of two
levels, so it is made of the same operations, can be differentiated in turn, and runs like any other loop. Where a
derivative comes out that is not finite, the loop is made again with the guard against 0 times infinity. Where a rule
would take another way in another turn, the turns are gone through one by one, which is always right and slower.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.boundary import lift, lower, next_level
from chainrule.differentiate import all_finite, backpropagate
from chainrule.notation import call
from chainrule.primitive import Primitive, operations
from chainrule.pushforward import push_tangents
from chainrule.replay import replay
from chainrule.scan_loop import Loop, Progress, loop_type, run_turns, used_inputs, with_inputs, with_states
from chainrule.scan_record import TurnsDiffer, TwoLevels, opened
from chainrule.trace import bind
from chainrule.traced import Traced, prototype

SEVERAL = 2  # any number above 1 marks a tuple result; how long it is, the loop says


def apply_loop(
    loop: Loop,
    states: Sequence[Any],
    items: Sequence[Any],
    captured: Sequence[Any],
    length: int,
    reverse: bool = False,
    progress: tuple[Progress, int] | None = None,
) -> list[Any]:
    """The outputs of a loop on values that may be traced; then the states before each turn are kept as well.

    >>> import chainrule as cr
    >>> turn = Loop(cr.trace(lambda total, x: total + x, 0.0, 1.0), states=1, items=1, stacked=0)
    >>> apply_loop(turn, [np.float64(0.0)], [np.array([1.0, 2.0])], [], 2)
    [np.float64(3.0)]
    """
    values = [*states, *items, *captured]
    if len(kept := used_inputs(loop)) < len(values):
        loop, values = with_inputs(loop, kept), [values[index] for index in kept]
    if any(isinstance(value, Traced) for value in values):
        loop = with_states(loop)
    parameters: dict[str, Any] = {"loop": loop, "length": length, "reverse": reverse}
    if progress is not None:
        parameters["progress"] = progress
    return list(bind(SCAN, *values, **parameters))


class _Parts:
    """The inputs and outputs of one `scan` by what they are."""

    __slots__ = ("captured", "items", "length", "loop", "results", "reverse", "states")

    def __init__(self, y: Sequence[Any], inputs: Sequence[Any], loop: Loop, length: int, reverse: bool) -> None:
        self.loop, self.length, self.reverse = loop, length, reverse
        self.states = list(inputs[: loop.states])
        self.items = list(inputs[loop.states : loop.states + loop.items])
        self.captured = list(inputs[loop.states + loop.items :])
        self.results = list(y)

    def saved(self) -> list[Any]:
        """The states before each turn, stacked; by another forward pass where the first did not keep them."""
        loop, results = self.loop, self.results
        if loop.saved is None:
            loop = with_states(loop)
            values = (*self.states, *self.items, *self.captured)
            results = bind(SCAN, *values, loop=loop, length=self.length, reverse=self.reverse)
        assert loop.saved is not None  # with_states has set it
        return [
            _anything(state, self.length) if number is None else results[loop.states + number]
            for state, number in zip(self.states, loop.saved, strict=True)
        ]

    def at(self, turn: int, saved: Sequence[Any]) -> list[Any]:
        """The inputs of the step in one turn."""
        return [*[state[turn] for state in saved], *[item[turn] for item in self.items], *self.captured]

    def sample(self, turn: int, saved: Sequence[Any], further: Sequence[Any] = ()) -> list[Any]:
        """The same as plain numbers, for recording the step on them, with what one turn has of further stacks."""
        plain = [prototype(value)[turn] for value in (*saved, *self.items)]
        return [*plain, *map(prototype, self.captured), *[prototype(value)[turn] for value in further]]

    def turns(self, backwards: bool) -> range:
        """The turns in the order in which they ran, or against it."""
        up = range(self.length)
        return up[::-1] if self.reverse != backwards else up

    def floating(self) -> list[int]:
        """The states that have a derivative."""
        return [index for index, value in enumerate(self.states) if is_floating(value)]


def is_floating(value: Any) -> bool:
    """Whether a number or array is floating or complex, so that it has a derivative.

    >>> is_floating(np.ones(2)), is_floating(np.int64(3))
    (True, False)
    """
    return prototype(value).dtype.kind in "fc"


def _anything(state: Any, length: int) -> Any:
    """A stand-in for the saved states on whose numbers no derivative depends: one zero, wherever one looks."""
    plain = prototype(state)
    return np.broadcast_to(plain.dtype.type(0), (length, *plain.shape))


def _zeros(value: Any) -> Any:
    plain = prototype(value)
    return np.zeros(plain.shape, plain.dtype)[()]


def _checked(derive: Callable[[bool], list[Any] | None]) -> list[Any] | None:
    """What a derived loop gives, guarded against 0 times infinity where that is needed; None where its turns differ."""
    try:
        found = derive(False)
        return found if found is None or all_finite(found) else derive(True)
    except TurnsDiffer:
        return None


# -- the backward pass -------------------------------------------------------------------------------------------------


def _pull(
    wanted: Sequence[bool],
    g: Sequence[Any],
    y: Sequence[Any],
    *inputs: Any,
    loop: Loop,
    length: int,
    reverse: bool,
    progress: Any = None,
) -> list[Any]:
    del progress  # the forward pass has shown it
    parts = _Parts(y, inputs, loop, length, reverse)
    needed = [want and is_floating(value) for want, value in zip(wanted, inputs, strict=True)]
    if length == 0:
        return [g[index] if index < loop.states and want else None for index, want in enumerate(needed)]
    saved = parts.saved()
    found = _checked(lambda guard: _pull_as_loop(parts, saved, g, needed, guard))
    if found is None:
        found = _pull_by_turns(parts, saved, g, needed)
    return [value if want else None for value, want in zip(found, needed, strict=True)]


def _pull_as_loop(
    parts: _Parts, saved: Sequence[Any], g: Sequence[Any], needed: Sequence[bool], guard: bool
) -> list[Any] | None:
    """The cotangents of the inputs by a loop the other way; None where a turn would go another way than the first."""
    loop, moving = parts.loop, parts.floating()
    given = [number for number in range(loop.stacked) if g[loop.states + number] is not None]
    start = loop.states + loop.items
    items = [index for index in range(loop.items) if needed[loop.states + index]]
    captured = [index for index in range(len(parts.captured)) if needed[start + index]]
    ends = [_zeros(parts.states[index]) if g[index] is None else g[index] for index in moving]
    above = [g[loop.states + number] for number in given]
    key = "pull", tuple(given), tuple(items), tuple(captured), guard
    made, touched, reached = loop.derived.get(key) or _backward_turn(parts, saved, ends, above, key)
    if not made.guards:  # else what was read of the first turn may not hold for other numbers
        loop.derived[key] = made, touched, reached
    begin = [*ends, *[_zeros(parts.captured[index]) for index in captured]]
    outcome = apply_loop(
        made, begin, [*saved, *parts.items, *above], parts.captured, parts.length, reverse=not parts.reverse
    )
    if made.guards and not bool(outcome[-1]):
        return None
    found: list[Any] = [None] * len(needed)
    for position, index in enumerate(moving):
        found[index] = outcome[position]
    for position, index in enumerate(captured):
        if touched[position]:
            found[start + index] = outcome[len(moving) + position]
    for position, index in enumerate(reached):
        found[loop.states + index] = outcome[made.states + position]
    return found


def _backward_turn(
    parts: _Parts, saved: Sequence[Any], ends: Sequence[Any], above: Sequence[Any], key: tuple[Any, ...]
) -> tuple[Loop, list[bool], list[int]]:
    """The loop of the backward pass, which captured values get a cotangent at all, and which items."""
    loop, moving = parts.loop, parts.floating()
    start = loop.states + loop.items
    _, given, items, captured, guard = key
    first = parts.turns(backwards=True)[0]
    values = parts.sample(first, saved, above)
    count = len(loop.graph.inputs)
    back = TwoLevels(values[:count], [*map(prototype, ends), *values[count:]], loop)
    with back.open():
        leaves = back.leaves([*moving, *[loop.states + i for i in items], *[start + i for i in captured]])
        sums = [back.lift(_zeros(parts.captured[index])) for index in captured]
        results = replay(loop.graph, back.inputs)
        numbers = [*moving, *[loop.states + number for number in given]]
        seeds = []
        for index, cotangent in zip(numbers, back.extra, strict=True):
            _, node = lower(results[index], back.inner)
            if node is not None and is_floating(results[index]):
                seeds.append((node, cotangent))
        with np.errstate(all="ignore"):
            cotangents = backpropagate(seeds, guard)
        arrived = [cotangents.get(leaf) for leaf in leaves]
        of_states, of_items = arrived[: len(moving)], arrived[len(moving) : len(moving) + len(items)]
        of_captured = arrived[len(moving) + len(items) :]
        totals = [total if value is None else total + value for total, value in zip(sums, of_captured, strict=True)]
        reached = [index for index, value in zip(items, of_items, strict=True) if value is not None]
        outputs = [
            *[_zeros(parts.states[index]) if v is None else v for index, v in zip(moving, of_states, strict=True)],
            *totals,
            *[value for value in of_items if value is not None],
        ]
        around = [*back.recorded[:start], *back.extra[len(moving) :]]
        ordered = [*back.extra[: len(moving)], *sums, *around, *back.recorded[start:]]
        made = back.loop(ordered, outputs, len(moving) + len(sums), len(around), len(reached))
    return made, [value is not None for value in of_captured], reached


def _pull_by_turns(parts: _Parts, saved: Sequence[Any], g: Sequence[Any], needed: Sequence[bool]) -> list[Any]:
    """The cotangents of the inputs, turn by turn and guarded."""
    loop, start = parts.loop, parts.loop.states + parts.loop.items
    total: list[Any] = [g[index] for index in range(loop.states)] + [None] * (len(needed) - loop.states)
    rows: dict[int, list[Any]] = {index: [] for index in range(loop.states, start) if needed[index]}
    for turn in parts.turns(backwards=True):
        level = next_level()
        with opened(level):
            lifted = [lift(value, None, level) for value in parts.at(turn, saved)]
            seeds = []
            for index, result in enumerate(replay(loop.graph, lifted)[: loop.states + loop.stacked]):
                above = g[index][turn] if index >= loop.states and g[index] is not None else None
                cotangent = total[index] if index < loop.states else above
                _, node = lower(result, level)
                if node is not None and cotangent is not None and is_floating(result):
                    seeds.append((node, cotangent))
        with np.errstate(all="ignore"):
            cotangents = backpropagate(seeds, guard=True)
        for index, leaf in enumerate(lifted):
            value = cotangents.get(leaf.node)
            if index < loop.states:
                total[index] = value
            elif index in rows:
                rows[index].append(_zeros(leaf.node.value) if value is None else value)
            elif index >= start and value is not None:
                total[index] = value if total[index] is None else total[index] + value
    for index, found in rows.items():
        total[index] = stack_rows(found if parts.reverse else found[::-1])
    return total


def stack_rows(rows: Sequence[Any]) -> Any:
    """Values of one shape, traced or not, as an array with a new first axis.

    >>> stack_rows([np.float64(1.0), np.float64(2.0)])
    array([1., 2.])
    """
    return operations["array"](list(rows)) if any(isinstance(row, Traced) for row in rows) else np.stack(rows)


# -- the forward tangent -----------------------------------------------------------------------------------------------


def _push(
    moving: Sequence[Any], y: Sequence[Any], *inputs: Any, loop: Loop, length: int, reverse: bool, progress: Any = None
) -> list[Any]:
    del progress
    parts = _Parts(y, inputs, loop, length, reverse)
    tangents = [tangent if is_floating(value) else None for tangent, value in zip(moving, inputs, strict=True)]
    if length == 0:
        return [*tangents[: loop.states], *[None] * (len(y) - loop.states)]
    saved = parts.saved()
    found = _checked(lambda guard: _push_as_loop(parts, saved, tangents, guard))
    return _push_by_turns(parts, saved, tangents) if found is None else found


def _push_as_loop(parts: _Parts, saved: Sequence[Any], tangents: Sequence[Any], guard: bool) -> list[Any] | None:
    loop, moving = parts.loop, parts.floating()
    start = loop.states + loop.items
    items = [index for index in range(loop.states, start) if tangents[index] is not None]
    captured = [index for index in range(start, len(tangents)) if tangents[index] is not None]
    begin = [_zeros(parts.states[index]) if tangents[index] is None else tangents[index] for index in moving]
    given = [tangents[index] for index in (*items, *captured)]
    key = "push", tuple(items), tuple(captured), guard
    made, reached = loop.derived.get(key) or _forward_turn(parts, saved, begin, given, key)
    if not made.guards:
        loop.derived[key] = made, reached
    stacks = [*saved, *parts.items, *given[: len(items)]]
    fixed = [*parts.captured, *given[len(items) :]]
    outcome = apply_loop(made, begin, stacks, fixed, parts.length, reverse=parts.reverse)
    if made.guards and not bool(outcome[-1]):
        return None
    found: list[Any] = [None] * len(parts.results)
    for position, index in enumerate((*moving, *reached)):
        found[index] = outcome[position]
    return found


def _forward_turn(
    parts: _Parts, saved: Sequence[Any], begin: Sequence[Any], given: Sequence[Any], key: tuple[Any, ...]
) -> tuple[Loop, list[int]]:
    """The loop of the tangents, and which outputs have one at all."""
    loop, moving = parts.loop, parts.floating()
    start = loop.states + loop.items
    _, items, captured, guard = key
    first = parts.turns(backwards=False)[0]
    values = parts.sample(first, saved, given[: len(items)])
    count = len(loop.graph.inputs)
    samples = [*begin, *values[count:], *given[len(items) :]]
    ahead = TwoLevels(values[:count], list(map(prototype, samples)), loop)
    with ahead.open():
        leaves = ahead.leaves([*moving, *items, *captured])
        results = replay(loop.graph, ahead.inputs)[: loop.states + loop.stacked]
        nodes = [lower(result, ahead.inner)[1] if is_floating(result) else None for result in results]
        with np.errstate(all="ignore"):
            roots = [node for node in nodes if node is not None]
            pushed = push_tangents(roots, dict(zip(leaves, ahead.extra, strict=True)), guard)
        arrived = [None if node is None else pushed.get(node) for node in nodes]
        reached = [index for index in range(loop.states, len(arrived)) if arrived[index] is not None]
        outputs = [
            *[_zeros(parts.states[index]) if arrived[index] is None else arrived[index] for index in moving],
            *[arrived[index] for index in reached],
        ]
        split = len(moving) + len(items)
        around = [*ahead.recorded[:start], *ahead.extra[len(moving) : split]]
        ordered = [*ahead.extra[: len(moving)], *around, *ahead.recorded[start:], *ahead.extra[split:]]
        made = ahead.loop(ordered, outputs, len(moving), len(around), len(reached))
    return made, reached


def _push_by_turns(parts: _Parts, saved: Sequence[Any], tangents: Sequence[Any]) -> list[Any]:
    loop, start = parts.loop, parts.loop.states + parts.loop.items
    now = list(tangents[: loop.states])
    rows: list[list[Any]] = [[] for _ in range(loop.stacked)]
    for turn in parts.turns(backwards=False):
        level = next_level()
        with opened(level):
            lifted = [lift(value, None, level) for value in parts.at(turn, saved)]
            results = replay(loop.graph, lifted)[: loop.states + loop.stacked]
        slices = [None if tangent is None else tangent[turn] for tangent in tangents[loop.states : start]]
        pairs = zip(lifted, [*now, *slices, *tangents[start:]], strict=True)
        nodes = [lower(result, level)[1] if is_floating(result) else None for result in results]
        with np.errstate(all="ignore"):
            roots = [node for node in nodes if node is not None]
            pushed = push_tangents(roots, {leaf.node: t for leaf, t in pairs if t is not None}, guard=True)
        arrived = [None if node is None else pushed.get(node) for node in nodes]
        now = arrived[: loop.states]
        for row, tangent, result in zip(rows, arrived[loop.states :], results[loop.states :], strict=True):
            row.append(_zeros(result) if tangent is None else tangent)
    stacked = [stack_rows(row if not parts.reverse else row[::-1]) for row in rows]
    rest = [None] * (len(parts.results) - len(now) - len(stacked))
    return [*now, *stacked, *rest]


SCAN = Primitive(
    name="scan",
    forward=run_turns,
    execute=run_turns,
    vjp=_pull,
    shape=loop_type,
    notation=call("scan"),
    outputs=SEVERAL,
    jvp=_push,
)
