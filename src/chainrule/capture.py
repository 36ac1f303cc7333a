"""One call of the user's function in, its program out: a graph with guards, and how its results are put together.

The function runs once on traced inputs. What it reads of its inputs becomes guards; arrays of the user's that it takes from
elsewhere become inputs too; arrays among its arguments that it writes into become results that are written back. What a
program cannot do again without running the function raises `NotCompilable`, and the function then runs as it is.
"""

from __future__ import annotations

import inspect
import random
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chainrule.arguments import call_user, function_name
from chainrule.boundary import lift, next_level
from chainrule.call_front import Constant, Input, Output
from chainrule.call_leaves import CallLeaves
from chainrule.errors import ArgumentError
from chainrule.graph import INPUT, Graph, Node, sorted_nodes
from chainrule.guards import Guard, Recorder, recording
from chainrule.primitive import operations
from chainrule.surroundings import SIMPLE, Surroundings, owner, same_bits, surroundings_of
from chainrule.trace import bind
from chainrule.traced import Traced, open_levels
from chainrule.traced_float import TracedFloat
from chainrule.trees import children, transform_with_paths

NARROW = frozenset("efgFG")  # dtypes with which a Python float and a NumPy one make different results


class NotCompilable(Exception):  # noqa: N818 no error of the user's: the function runs as it is
    """A call that cannot be made into a program; `quietly` where nobody needs to know."""

    def __init__(self, reason: str, quietly: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.quietly = quietly


class RandomNumbersError(ArgumentError):
    """A compiled function draws random numbers, which would be the same ones in every call."""


class FloatsMatter(Exception):  # noqa: N818 a message to the caller
    """The program has numbers of less than double precision: Python's floats must be static values of it."""


class FloatOutput(Output):
    """An output that is a float of Python.

    >>> FloatOutput(1).convert
    <class 'float'>
    """

    __slots__ = ()
    convert = float


class ArrayOutput(Output):
    """An output that is an array without axes, where the program has a number.

    >>> ArrayOutput(1).convert(2.0)
    array(2.)
    """

    __slots__ = ()
    convert = np.array


@dataclass(slots=True)
class Program:
    """A traced call: the graph (its last outputs are the guards), the containers of the results around `Input`, `Output` and
    `Constant` leaves, the arrays from elsewhere that are further inputs, and which output is written into which input."""

    graph: Graph
    guards: list[Guard]
    results: Any
    extra: dict[int, Any]
    written: dict[int, int]
    surroundings: Surroundings
    outputs: list[Node] = field(default_factory=list)

    @property
    def careful(self) -> bool:
        """Whether gradients were not finite, so that the careful pass was recorded: always right, and slower."""
        return not any(guard.careful for guard in self.guards)


def capture(function: Callable[..., Any], signature: inspect.Signature, call: CallLeaves) -> Program:
    """The program of a function for the kind of this call."""
    return _Capture(function, call).run(signature)


class _Capture:
    """The state of one tracing."""

    def __init__(self, function: Callable[..., Any], call: CallLeaves) -> None:
        self.function, self.call = function, call
        self.level = next_level()
        self.recorder = Recorder(self.level, bind)
        self.handles: dict[int, Traced] = {}  # by input number
        self.containers: list[tuple[Any, list[Any], str]] = []
        self.outputs: list[Node] = []
        self.numbers: dict[int, Output] = {}  # outputs by the handle that was returned
        self.keep: list[Any] = []  # handles that are known by their id

    def run(self, signature: inspect.Signature) -> Program:
        call = self.call
        statics = [value for _, value in call.statics if not isinstance(value, SIMPLE)]
        before = surroundings_of(self.function, statics)
        bound = inspect.BoundArguments(signature, {name: self.lifted(name, tree) for name, tree in call.trees.items()})
        starts = [self.handles[number].node for number in range(len(self.handles))]
        states = _random_states(before.generators)
        open_levels.add(self.level)
        try:
            with recording(self.recorder):
                result = call_user("compile", self.function, bound.args, bound.kwargs, ())
                if self.recorder.error is not None:
                    raise NotCompilable(
                        f"it goes on after an error of an operation ({self.recorder.error}), and a program cannot know whether the next "
                        "call has it too; test for the cause instead of catching it"
                    )
                after = surroundings_of(self.function, statics)
                self.after = after
                self.check_containers()
                self.check_keys(result)
                results = transform_with_paths(self.leaf, result, "the result")
                written = self.written(starts)
        finally:
            open_levels.discard(self.level)
        self.check_random(before.generators, states)
        del result, bound
        flags = [guard.node for guard in self.recorder.guards if guard.node is not None]
        nodes = sorted_nodes(*starts, *self.outputs, *flags)
        self.check_nodes(nodes)
        extra, moved = self.take_in_arrays(nodes)
        inputs = tuple(starts) + tuple(node for node, _ in extra)
        ends = [moved.get(node, node) for node in (*self.outputs, *flags)]
        after.settle(array for _, array in extra)
        return Program(
            graph=Graph.of(inputs, tuple(ends)),
            guards=[guard.without_node() for guard in self.recorder.guards],
            results=results,
            extra={len(starts) + number: array for number, (_, array) in enumerate(extra)},
            written=written,
            surroundings=after,
            outputs=ends[: len(self.outputs)],
        )

    # -- inputs -----------------------------------------------------------------------------------------------------
    def lifted(self, name: str, tree: Any) -> Any:
        """An argument with traced leaves."""
        call = self.call
        floats = set(call.floats)

        def lift_leaf(path: str, leaf: Any) -> Any:
            if type(leaf) is Constant:
                return leaf.value
            if leaf.number in self.handles:
                return self.handles[leaf.number]
            value = call.inputs[leaf.number]
            if leaf.number in floats:
                handle: Traced = lift(np.float64(value), path, self.level)
                handle = TracedFloat.of(handle.node, self.level)
            else:
                handle = lift(value, path, self.level)
            self.handles[leaf.number] = handle
            return handle

        built = transform_with_paths(lift_leaf, tree, name)
        self.remember(built, name)
        return built

    def remember(self, tree: Any, path: str) -> None:
        parts = children(tree) if not isinstance(tree, Traced) else None
        if parts is None:
            return
        self.containers.append((tree, parts, path))
        for step, part in parts:
            self.remember(part, path + step)

    def check_containers(self) -> None:
        """The function may write into arrays, but a program cannot change what a dict or list of the caller's holds."""
        for tree, parts, path in self.containers:
            now = children(tree) or []
            if len(now) != len(parts) or any(
                one[0] != other[0] or one[1] is not other[1] for one, other in zip(now, parts, strict=True)
            ):
                raise NotCompilable(
                    f"it changes what its argument {path} holds; write a function that returns a new container instead"
                )

    def check_keys(self, tree: Any) -> None:
        """A number among the keys of the results is no output: its program is for this number alone."""
        if isinstance(tree, dict) and any(isinstance(key, Traced) for key in tree):
            raise FloatsMatter
        for _, part in children(tree) or [] if not isinstance(tree, Traced) else []:
            self.check_keys(part)

    def written(self, starts: Sequence[Node]) -> dict[int, int]:
        """The arrays among the arguments that the function wrote into: output number → input number."""
        found = {}
        for number, start in enumerate(starts):
            handle = self.handles[number]
            if handle.node is not start:
                found[len(self.outputs)] = number
                self.outputs.append(handle.node)
        return found

    # -- results ----------------------------------------------------------------------------------------------------
    def leaf(self, path: str, value: Any) -> Any:
        """A leaf of the result as an `Input`, `Output` or `Constant`."""
        if isinstance(value, Traced):
            return self.output(value, path)
        if isinstance(value, (*SIMPLE, np.generic, np.dtype, type)):
            return Constant(value)
        if id(value) in self.after.objects:
            return Constant(value)
        if type(value) is np.ndarray and value.dtype.kind in "fciub":
            node = operations["constant_node"](value)
            self.outputs.append(node)
            kind = Output if value.ndim else ArrayOutput  # the node of an array without axes has a number
            return kind(len(self.outputs) - 1)
        kind = type(value)
        raise NotCompilable(
            f"{path} is a {kind.__module__}.{kind.__qualname__}, in which traced values could be hidden; return arrays, "
            "numbers, texts, or dicts, lists, tuples and dataclasses of them"
        )

    def output(self, handle: Traced, path: str) -> Any:
        if handle.level != self.level:
            raise NotCompilable(f"{path} is a traced value of another derivative", quietly=True)
        for number, given in self.handles.items():
            if given is handle:
                return Input(number)
        if (known := self.numbers.get(id(handle))) is not None:
            return known
        node = handle.node
        if node.primitive is INPUT or node in self.outputs:  # an array of its own, though the numbers are there already
            whole = isinstance(node.value, np.ndarray)
            copied = operations["copy"](handle, order="K") if whole else operations["stop_gradient"](handle)
            node = copied.node
        kind = FloatOutput if type(handle) is TracedFloat else Output
        return self.enter(node, handle, kind)

    def enter(self, node: Node, handle: Any, kind: type[Output] = Output) -> Output:
        found = self.numbers[id(handle)] = kind(len(self.outputs))
        self.keep.append(handle)
        self.outputs.append(node)
        return found

    # -- what must not be -------------------------------------------------------------------------------------------
    def check_nodes(self, nodes: Sequence[Node]) -> None:
        for node in nodes:
            for source, argument in zip(node.inputs, node.arguments, strict=True):
                if source is None and isinstance(argument, Traced):
                    raise NotCompilable("it takes part in a derivative that is being computed", quietly=True)
            if self.call.floats and any(_is_narrow(value) for value in (node.value, *node.arguments)):
                raise FloatsMatter

    def check_random(self, generators: Sequence[Any], states: list[Any]) -> None:
        """Numbers drawn while tracing would be the same in every call."""
        now = _random_states(generators)
        for position, (one, other) in enumerate(zip(states, now, strict=True)):
            if one != other:
                source = (
                    ("NumPy's global generator", "Python's random module")[position] if position < 2 else "a Generator"
                )
                raise RandomNumbersError(
                    f"compile: {function_name(self.function)} draws random numbers from {source}. A compiled function would use the "
                    "same ones in every call. Draw them outside and pass them as an argument."
                )

    # -- arrays from elsewhere --------------------------------------------------------------------------------------
    def take_in_arrays(self, nodes: list[Node]) -> tuple[list[tuple[Node, Any]], dict[Node, Node]]:
        """Arrays that the user can still reach become inputs: their numbers count when the program runs."""
        live = reachable_arrays(self.recorder.constants)
        inputs: dict[int, tuple[Node, Any]] = {}
        moved: dict[Node, Node] = {}
        if not live:
            return [], moved
        for node in nodes:
            if node.primitive is INPUT:
                continue
            given = [moved.get(source, source) if source is not None else None for source in node.inputs]
            for index, argument in enumerate(node.arguments):
                known = self.recorder.constants.get(id(argument))
                if given[index] is not None or known is None or id(known[1]) not in live:
                    continue
                original = known[1]
                if not same_bits(argument, original):
                    raise NotCompilable(
                        "it writes into an array that is none of its arguments; pass the array, or return a new one"
                    )
                if id(original) not in inputs:
                    entered = Node.of(INPUT, (), (), {"name": self.name_of(original)}, argument)
                    inputs[id(original)] = entered, original
                given[index] = inputs[id(original)][0]
            made = Node.of(
                node.primitive, tuple(given), node.arguments, node.parameters, node.value, node.code, node.offset
            )
            if hasattr(node, "label"):
                made.label = node.label
            moved[node] = made
        return list(inputs.values()), moved

    def name_of(self, array: Any) -> str | None:
        found = self.after.arrays.get(id(array))
        return found[1] if found is not None and found[1].isidentifier() else None


def _is_narrow(value: Any) -> bool:
    if isinstance(value, tuple):
        return any(map(_is_narrow, value))
    dtype = getattr(value, "dtype", None)
    return dtype is not None and dtype.char in NARROW


def _random_states(generators: Sequence[Any]) -> list[Any]:
    states: list[Any] = [np.random.get_state(legacy=False), random.getstate()]  # noqa: NPY002 the user's code may use it
    for generator in generators:
        if isinstance(generator, np.random.Generator):
            states.append(generator.bit_generator.state)
        else:
            states.append(generator.getstate() if isinstance(generator, random.Random) else generator.get_state())
    return list(map(_frozen, states))


def _frozen(state: Any) -> Any:
    """A state of a generator as something that can be compared and does not change."""
    if isinstance(state, dict):
        return [(key, _frozen(value)) for key, value in state.items()]
    return state.tobytes() if isinstance(state, np.ndarray) else state


def _spare_references(constants: dict[int, tuple[Any, Any]]) -> dict[int, int]:
    """For each array that owns the memory of noted ones, by id: the references to it that are not the record's own."""
    roots: dict[int, Any] = {}
    own: dict[int, int] = {}
    shown: set[int] = set()
    array: Any = None
    for _, array in constants.values():
        key = id(owner(array))
        roots[key] = owner(array)
        own.setdefault(key, 0)
        if id(array) == key:
            own[key] += 1
        elif id(array) not in shown:
            own[key] += 1  # the view holds it
            shown.add(id(array))
    array = None
    return {key: sys.getrefcount(roots[key]) - count for key, count in own.items()}


def reachable_arrays(constants: dict[int, tuple[Any, Any]]) -> dict[int, Any]:
    """The arrays among noted ones, by id, that somebody besides the record holds, or whose memory somebody shares.

    >>> here, copy = np.ones(2), np.ones(2)
    >>> list(reachable_arrays({1: (copy, here), 2: (copy, np.ones(3))}).values())
    [array([1., 1.])]
    """
    if not constants:
        return {}
    least = min(_spare_references({0: (None, np.zeros(1))}).values())
    spare = _spare_references(constants)
    found = {}
    for _, array in constants.values():
        root = owner(array)
        if root.base is not None or spare[id(root)] > least:
            found[id(array)] = array
    return found
