"""Loops with a state: a step in, its repetition out, as one operation of the graph.

On plain values it is a plain loop. On traced values the step is traced once, and the loop is one node, whose gradient is
a loop as well: neither the graph nor the time to make it grows with the number of turns.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.arguments import argument_name, function_name, parameter_names
from chainrule.errors import ArgumentError
from chainrule.guards import current_recorder
from chainrule.primitive import functions, operations
from chainrule.scan_loop import Progress, fixed_states, without_states
from chainrule.scan_plain import Rows, is_plain, kinds_of, no_results, one_turn
from chainrule.scan_random import Sources
from chainrule.scan_rules import apply_loop, is_floating
from chainrule.scan_step import Turn, arrange, blocks, is_building, number, record_turn
from chainrule.trace import bind
from chainrule.traced import Traced, prototype, undifferentiated
from chainrule.trees import leaves, leaves_with_paths, transform, transform_with_paths

LARGEST_RECORD = 1 << 28  # bytes of states before each turn up to which all of them are kept
FIRST_TURNS = 2  # turns that are traced by themselves where they go another way, before the rest is tried as one node
CHECKPOINTS = (None, "each", "root")


def scan(
    step: Callable[[Any, Any], tuple[Any, Any]],
    state: Any,
    xs: Any = None,
    length: int | None = None,
    progress: Callable[[int, Any], Any] | None = None,
    every: int = 1,
    checkpoint: str | None = None,
) -> tuple[Any, Any]:
    """The state after the last turn of `state, y = step(state, x)`, and the results y of all turns, stacked.

    x goes through the first axis of the arrays in `xs`; without xs it is None, and `length` says how many turns there
    are. State, x and y may be nested; the state keeps its shapes and dtypes. Traced, the step runs in Python once, and
    gradients flow to the state, to xs and to whatever traced values the step closes over. The backward pass keeps the
    state before each turn (`checkpoint="each"`), or before each of √T blocks, which it computes again (`"root"`; None
    chooses by memory). `progress(turns, state)` is called after every so many turns and at the end, with plain numbers.

    >>> import numpy as np, chainrule as cr
    >>> def decay(rate):
    ...     y, path = cr.scan(lambda y, _: (y - rate * y, y), 1.0, length=3)
    ...     return y
    >>> round(float(decay(0.5)), 6), round(float(cr.grad(decay)(0.5)), 6)
    (0.125, -0.75)
    """
    names = parameter_names(step)
    turns = _turns(step, xs, length, every, checkpoint)
    state = transform_with_paths(number, state, argument_name(names, 0))
    xs = transform(lambda leaf: leaf if isinstance(leaf, Traced) else np.asarray(leaf), xs)
    if not _recording():
        state, xs = transform(undifferentiated, state), transform(undifferentiated, xs)
    show = None if progress is None or is_building() else (_forwards(progress), operator.index(every))
    if turns == 0:
        return state, no_results(step, state, xs)
    rows = Rows(step)
    sources = Sources(step)
    if _is_traced(xs):
        return _as_node(step, state, xs, 0, turns, rows, show, checkpoint)
    kinds = kinds_of(state)
    for turn in range(turns):
        if not is_plain(state, kinds) and _is_traced(state):
            return _as_node(step, state, xs, turn, turns, rows, show, checkpoint)
        before = state if turn else transform(lambda leaf: np.array(leaf)[()], state)
        state, result = one_turn(step, state, xs, turn, kinds)
        if turn == 0 and (_is_traced(state) or _is_traced(result)):
            sources.restore()  # the step closes over traced values: its first turn is made again, as a part of the node
            return _as_node(step, before, xs, turn, turns, rows, show, checkpoint)
        rows.append(result, turns)
        _notify(show, turn, turns, state)
    return state, rows.stacked()


def _forwards(progress: Progress) -> Progress:
    """Progress that never goes back: turns that are run again, as they may be while a loop is recorded, are not shown again."""
    if current_recorder() is not None:
        return progress  # a compiled loop runs again with every call
    furthest = 0

    def show(turns: int, state: Any) -> None:
        nonlocal furthest
        if turns > furthest:
            furthest = turns
            progress(turns, state)

    return show


def _is_traced(tree: Any) -> bool:
    return any(isinstance(leaf, Traced) for leaf in leaves(tree))


def _turns(step: Any, xs: Any, length: int | None, every: Any, checkpoint: Any) -> int:
    """The number of turns; an error where the arguments do not say one."""
    if not callable(step):
        raise ArgumentError(
            f"scan takes a function step(state, x) first, and got {step!r}. Write cr.scan(step, state, xs)."
        )
    if checkpoint not in CHECKPOINTS:
        raise ArgumentError(f"scan: checkpoint must be 'each', 'root' or None, and is {checkpoint!r}.")
    if isinstance(every, bool) or not isinstance(every, int | np.integer) or every < 1:
        raise ArgumentError(f"scan: every must be a number of turns, 1 or more, and is {every!r}.")
    if length is not None and (isinstance(length, bool) or not isinstance(length, int | np.integer) or length < 0):
        raise ArgumentError(f"scan: length must be a number of turns, 0 or more, and is {length!r}. Write length=10.")
    found: dict[int, str] = {}
    for path, leaf in leaves_with_paths(xs, "xs"):
        if isinstance(leaf, list | tuple | str | bytes) or not hasattr(leaf, "__len__") or not np.ndim(prototype(leaf)):
            raise ArgumentError(
                f"scan goes through the first axis of the arrays in xs, and {path} is {_described(leaf)}. Write np.array(...) around a "
                f"list of numbers; what is the same in every turn, {function_name(step)} may take from its closure."
            )
        found.setdefault(len(prototype(leaf)), path)
    if len(found) > 1:
        told = ", ".join(f"{path} has {count}" for count, path in found.items())
        raise ArgumentError(f"scan needs arrays of one length in xs, and {told}. Cut them to the same length.")
    if not found and length is None:
        raise ArgumentError(
            "scan needs xs, whose first axis says how many turns there are, or length. Write length=10 for ten turns."
        )
    turns = next(iter(found)) if found else operator.index(length or 0)
    if length is not None and turns != length:
        raise ArgumentError(
            f"scan: length is {length}, and {found[turns]} has {turns} elements along its first axis. Leave length out."
        )
    return turns


def _described(leaf: Any) -> str:
    if isinstance(leaf, Traced | np.ndarray | np.generic | float | int | complex):
        return f"a number ({prototype(leaf)!r})" if type(prototype(leaf)) is not np.ndarray else "an array without axes"
    return f"a {type(leaf).__name__}"


def _recording() -> bool:
    """Whether operations on traced values are recorded, as they are not under no_grad."""
    from_constant = operations["constant_node"](0.0)
    return isinstance(bind(from_constant.primitive, Traced.of(from_constant, 0)), Traced)


def _notify(show: tuple[Progress, int] | None, turn: int, turns: int, state: Any) -> None:
    if show is not None and ((turn + 1) % show[1] == 0 or turn + 1 == turns):
        show[0](turn + 1, transform(prototype, state))


# -- one node ----------------------------------------------------------------------------------------------------------


def _as_node(
    step: Any, state: Any, xs: Any, turn: int, turns: int, rows: Rows, show: Any, checkpoint: str | None
) -> tuple[Any, Any]:
    """The turns from `turn` on as one node of the graph."""
    kinds = kinds_of(state)
    for _ in range(FIRST_TURNS + 1):
        rest = transform(lambda leaf, turn=turn: leaf[turn:], xs) if turn else xs
        sources = Sources(step)
        made = record_turn(step, state, transform(lambda leaf: prototype(leaf)[0], rest))
        if sources.restore() or made is None:
            break
        outcome = _run(made, leaves(state), leaves(rest), turn, turns, show, checkpoint)
        if outcome is not None:
            states, results = outcome
            stacked = rows.stacked(results) if rows.count else arrange(made.result, results)
            return arrange(made.state, states), stacked
        # Some turn goes another way than this one. Often it is only the first that does, so the rest is tried by itself.
        state, result = one_turn(step, state, xs, turn, kinds)
        rows.append(result, turns)
        _notify(show, turn, turns, state)
        turn += 1
        if turn == turns:
            break
    return _turn_by_turn(step, state, xs, turn, turns, rows, show)


def _turn_by_turn(step: Any, state: Any, xs: Any, turn: int, turns: int, rows: Rows, show: Any) -> tuple[Any, Any]:
    kinds = kinds_of(state)
    for number_of_turn in range(turn, turns):
        state, result = one_turn(step, state, xs, number_of_turn, kinds)
        rows.append(result, turns)
        _notify(show, number_of_turn, turns, state)
    return state, rows.stacked()


def _run(
    turn: Turn, states: list[Any], items: list[Any], first: int, turns: int, show: Any, checkpoint: str | None
) -> tuple[list[Any], list[Any]] | None:
    """The final states and the stacked results; None where a guard of the step did not hold in some turn."""
    # Progress shows every state as it is when the loop runs, so none becomes a captured value there.
    fixed = fixed_states(turn.loop) if show is None else []
    whole = list(states)
    loop = turn.loop
    captured = turn.captured
    if fixed:
        loop = without_states(loop, fixed)
        captured = [*captured, *[states[index] for index in fixed]]
        states = [value for index, value in enumerate(states) if index not in set(fixed)]
    moving = [index for index in range(len(whole)) if index not in set(fixed)]
    length = turns - first

    def complete(values: Sequence[Any]) -> list[Any]:
        everything = list(whole)
        for index, value in zip(moving, values, strict=True):
            everything[index] = value
        return everything

    pace = None
    if show is not None:
        call, every = show
        tell = lambda count, values: call(first + count, arrange(turn.state, list(map(prototype, values))))  # noqa: E731
        # Counted from the first turn of all, so that a loop that began in Python keeps its rhythm.
        pace = _Pace(tell, every, first, length)
    size = sum(prototype(value).nbytes for value in states)
    in_blocks = checkpoint == "root" or (checkpoint is None and size * length > LARGEST_RECORD)
    if in_blocks and length > 3:
        found = _in_blocks(Turn(loop, captured, turn.state, turn.result), states, items, length, pace)
    else:
        found = apply_loop(loop, states, items, captured, length, progress=pace and pace.of(0, 1))
        if loop.guards and not bool(found[-1]):
            found = None
    if found is None:
        return None
    visible = found[: loop.states + loop.stacked]
    visible = [value if is_floating(value) else operations["stop_gradient"](value) for value in visible]
    return complete(visible[: loop.states]), visible[loop.states :]


class _Pace:
    """When to show the progress of a loop that runs in parts: after every so many turns, and after the last."""

    __slots__ = ("before", "every", "length", "tell")

    def __init__(self, tell: Progress, every: int, before: int, length: int) -> None:
        self.tell, self.every, self.before, self.length = tell, every, before, length

    def of(self, start: int, size: int) -> tuple[Progress, int]:
        """The progress of a part that begins after `start` turns, and whose own turns are `size` turns each."""
        if start == 0 and size == 1 and self.before == 0:
            return self.tell, self.every

        def tell(count: int, values: Sequence[Any]) -> None:
            now = start + count * size
            passed = (self.before + now) // self.every > (self.before + now - size) // self.every
            if passed or now == self.length:
                self.tell(now, values)

        return tell, 1


def _in_blocks(turn: Turn, states: list[Any], items: list[Any], length: int, pace: _Pace | None) -> list[Any] | None:
    """The loop as a loop over √length blocks, each a loop: only the states before the blocks are kept."""
    loop, size = turn.loop, math.isqrt(length)
    count = length // size
    full = count * size
    blocked = [item[:full].reshape((count, size, *item.shape[1:])) for item in items]
    outer = blocks(turn, states, [prototype(item)[0] for item in blocked], size)
    found = apply_loop(outer, states, blocked, turn.captured, count, progress=pace and pace.of(0, size))
    if outer.guards and not bool(found[-1]):
        return None
    results = [part.reshape((full, *part.shape[2:])) for part in found[loop.states : loop.states + loop.stacked]]
    if full == length:
        return [*found[: loop.states], *results]
    last, shown = [item[full:] for item in items], pace and pace.of(full, 1)
    rest = apply_loop(loop, found[: loop.states], last, turn.captured, length - full, progress=shown)
    if loop.guards and not bool(rest[-1]):
        return None
    later = rest[loop.states : loop.states + loop.stacked]
    joined = [functions[np.concatenate]([a, b]) for a, b in zip(results, later, strict=True)]
    return [*rest[: loop.states], *joined]
