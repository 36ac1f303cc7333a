"""The front of a compiled function: containers apart, program, containers together; anything else goes the slow way."""

from __future__ import annotations

import collections
import dataclasses
import enum
import gc
import inspect
import weakref
from typing import Any, NamedTuple

import numpy as np
import pytest

from chainrule import trees
from chainrule.flattening import Constant, Front, Input, Output, Watched, make_call


class Point(NamedTuple):
    x: Any
    y: Any


@dataclasses.dataclass
class Layer:
    weight: Any
    bias: Any
    name: str = "layer"


@dataclasses.dataclass(frozen=True)
class Frozen:
    value: Any


class Color(enum.Enum):
    RED = 1
    BLUE = 2


class Words(dict):
    pass


def front_of(*arguments, **more):
    """The front of a function a, b, c … whose arguments have these containers."""
    names = "abcdefgh"[: len(arguments)]
    parameters = [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in names]
    return Front(inspect.Signature(parameters), dict(zip(names, arguments, strict=True)), **more)


def refused(*arguments):
    raise AssertionError(f"the slow way was taken for {arguments}")


def make_flattener(front):
    """What a call of this front hands to its program; None where it takes the slow way."""
    numbers = {leaf.number for leaf in trees.leaves(tuple(front.arguments.values())) if isinstance(leaf, Input)} | set(
        front.extra
    )
    outputs = tuple(Output(number) for number in sorted(numbers))
    return make_call(front, lambda *given: given, outputs, lambda *_, **__: None)


def flatten_one(tree):
    return make_flattener(front_of(tree))


CONTAINERS = {
    "leaf": Input(0),
    "dict": {"W": Input(0), "b": Input(1)},
    "no identifiers": {"'); import os; ('": Input(0), "": Input(1), "def": Input(2), "\n": Input(3), "é": Input(4)},
    "other keys": {1: Input(0), (2, "x"): Input(1), None: Input(2), Color.RED: Input(3), 0.5: Input(4), b"k": Input(5)},
    "ordered": collections.OrderedDict(a=Input(0), b=Input(1)),
    "default": collections.defaultdict(list, a=Input(0)),
    "list": [Input(0), Input(1)],
    "tuple": (Input(0), (Input(1),), ()),
    "named": Point(Input(0), [Input(1)]),
    "dataclass": Layer(Input(0), Input(1), Constant("layer")),
    "frozen": Frozen({"v": Input(0)}),
    "none": {"a": None, "b": Input(0)},
    "empty": {"a": {}, "b": [], "c": (), "d": Input(0)},
    "long": [Input(number) for number in range(300)],
    "deep": {"a": [{"b": (Input(0), {"c": [Input(1), Point(Input(2), Layer(Input(3), None, Constant("")))]})}]},
    "backwards": {"a": Input(1), "b": [Input(0)]},
}


def filled(tree):
    """The same containers with a number of its own for each input, and each constant itself."""
    return trees.transform(lambda leaf: 100.5 + leaf.number if isinstance(leaf, Input) else leaf.value, tree)


@pytest.mark.parametrize("name", CONTAINERS)
def test_leaves_come_in_the_order_of_the_inputs(name):
    tree = CONTAINERS[name]
    count = sum(isinstance(leaf, Input) for leaf in trees.leaves(tree))
    assert flatten_one(tree)(filled(tree)) == tuple(100.5 + number for number in range(count))


@pytest.mark.parametrize("given", CONTAINERS)
def test_other_containers_do_not_fit(given):
    value = filled(CONTAINERS[given])
    for name, tree in CONTAINERS.items():
        if name not in (given, "leaf"):
            assert flatten_one(tree)(value) is None, name


@pytest.mark.parametrize("name", CONTAINERS)
def test_results_are_put_into_equal_containers(name):
    tree = trees.transform(lambda leaf: Output(leaf.number) if isinstance(leaf, Input) else leaf, CONTAINERS[name])
    numbers = tuple(100.5 + number for number in range(300))
    call = make_call(front_of(Input(0)), lambda value: numbers, (tree, None), lambda value: "slow")
    first, nothing = call(1.0)
    assert nothing is None
    assert first == filled(CONTAINERS[name])
    assert type(first) is type(filled(CONTAINERS[name]))
    if isinstance(first, collections.defaultdict):
        assert first.default_factory is list
    second = call(1.0)[0]
    if trees.children(first) and not isinstance(first, tuple):
        assert second is not first  # a container of its own for each call


def test_a_dict_must_have_the_same_keys_in_the_same_order():
    flatten = flatten_one({"a": Input(0), "b": Input(1)})
    assert flatten({"a": 1, "b": 2}) == (1, 2)
    for other in (
        {"b": 2, "a": 1},
        {"a": 1},
        {"a": 1, "b": 2, "c": 3},
        {"a": 1, "c": 2},
        Words(a=1, b=2),
        [1, 2],
        None,
        {},
    ):
        assert flatten(other) is None
    flatten = flatten_one({1: Input(0), 0: Input(1)})
    assert flatten({1: "x", 0: "y"}) == ("x", "y")
    for other in ({True: "x", 0: "y"}, {1: "x", False: "y"}, {1.0: "x", 0: "y"}, {0: "y", 1: "x"}):
        assert flatten(other) is None


class Sub(str):
    pass


CONSTANTS: list[tuple[Any, tuple[Any, ...], tuple[Any, ...]]] = [
    (True, (True,), (1, 1.0, np.True_, False, None)),
    (1, (1,), (True, 1.0, np.int64(1), 2)),
    (10**30, (10**30,), (1e30, 10**30 + 1)),
    ("relu", ("re" + "lu",), ("tanh", b"relu", Sub("relu"))),
    (b"k", (b"k",), ("k", bytearray(b"k"))),
    (0.5, (0.5, 1 / 2), (0.25, np.float64(0.5), np.nan)),
    (0.0, (0.0,), (-0.0, 0, np.nan)),
    (-0.0, (-0.0,), (0.0,)),
    (float("nan"), (float("nan"),), (0.0, None)),
    (float("inf"), (float("inf"),), (-float("inf"), 1.0)),
    (1j, (1j,), (complex(-0.0, 1), 1, -1j)),
    (np.float32(0.5), (np.float32(0.5),), (0.5, np.float64(0.5), np.float32(0.25))),
    (Color.RED, (Color.RED,), (Color.BLUE, 1)),
    (np.tanh, (np.tanh,), (np.sin, "tanh")),
    (..., (...,), (None,)),
    (int, (int,), (float, 1)),
]


@pytest.mark.parametrize(("value", "same", "other"), CONSTANTS)
def test_static_leaves(value, same, other):
    flatten = flatten_one([Constant(value), Input(0)])
    for one in same:
        assert flatten([one, 5]) == (5,)
    for one in other:
        assert flatten([one, 5]) is None


def test_all_kinds_of_parameters_and_defaults():
    def function(first, /, a, b=0.5, *rest, key, word="relu", **more): ...

    arguments = {
        "first": Input(0),
        "a": {"w": Input(1)},
        "b": Constant(0.5),
        "rest": (Input(2), Input(3)),
        "key": Input(4),
        "word": Constant("relu"),
        "more": {"z": Input(5)},
    }
    front = Front(inspect.signature(function), arguments)
    seen = []

    def slow(*args, **kwargs):
        seen.append((args, kwargs))
        return "slow"

    call = make_call(front, lambda *leaves: leaves, tuple(map(Output, range(6))), slow)
    assert call(0, {"w": 1}, 0.5, 2, 3, key=4, z=5) == (0, 1, 2, 3, 4, 5)
    assert call(0, {"w": 1}, 0.5, 2, 3, key=4, z=5, word="tanh") == "slow"
    assert seen.pop() == ((0, {"w": 1}, 0.5, 2, 3), {"key": 4, "word": "tanh", "z": 5})
    assert call(0, {"w": 1}, key=4) == "slow"
    assert seen.pop() == ((0, {"w": 1}, 0.5), {"key": 4, "word": "relu"})
    with pytest.raises(TypeError, match=r"call\(\) missing 1 required keyword-only argument: 'key'"):
        call(0, {})
    assert inspect.signature(call) == front.signature
    assert make_flattener(front)(0, {"w": 1}, 0.5, 2, 3, key=4, z=5) == (0, 1, 2, 3, 4, 5)


def test_names_of_parameters_do_not_collide():
    names = ["_part1", "_entry2", "__answer3", "type", "len", "dict", "tuple", "int", "TypeError"]
    parameters = [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in names]
    front = Front(inspect.Signature(parameters), {name: [Input(number)] for number, name in enumerate(names)})
    call = make_call(front, lambda *leaves: leaves, tuple(map(Output, range(9))), lambda *args: "slow", stopped=refused)
    assert call(*([number] for number in range(9))) == tuple(range(9))
    assert call(*range(9)) == "slow"


def test_what_the_entry_answers_decides():
    calls = []

    def slow(*args):
        calls.append(("slow", *args))
        return "slow"

    def stopped(code, *args):
        calls.append(("stopped", code, *args))
        return "stopped"

    front = front_of({"w": Input(0)}, Input(1))
    fast = make_call(front, lambda w, answer: answer, [Output(1), Output(0)], slow, stopped=stopped)
    plain = make_call(front, lambda w, answer: answer, [Output(1), Output(0)], slow)
    nothing = make_call(front, lambda w, answer: answer, None, slow)
    params = {"w": 1}
    assert fast(params, (3, 4)) == [4, 3]
    assert nothing(params, (3, 4)) is None
    assert calls == []
    for call in (fast, plain, nothing):
        for answer in (None, NotImplemented):
            assert call(params, answer) == "slow"
            assert calls.pop() == ("slow", params, answer)
    assert fast(params, 2) == "stopped"
    assert calls.pop() == ("stopped", 2, params, 2)
    assert plain(params, 2) == "slow"
    assert nothing(params, 1) == "slow"
    calls.clear()


def test_errors_come_through_without_traces_of_the_fast_way():
    def slow(value):
        raise ValueError("the user's own")

    call = make_call(front_of(Input(0)), lambda value: None, Output(0), slow)
    with pytest.raises(ValueError, match="own") as caught:
        call(1)
    assert caught.value.__context__ is None

    def entry(value):
        raise MemoryError

    with pytest.raises(MemoryError):
        make_call(front_of(Input(0)), entry, Output(0), slow)(1)


def test_containers_of_donated_arrays_come_back_themselves():
    params = {"layers": [{"W": Input(0), "b": Input(1)}, {"W": Input(2), "b": Input(3)}], "name": Constant("n")}
    front = front_of(params, Input(4))
    updated = {"layers": [{"W": Output(0), "b": Output(1)}, {"W": Output(2), "b": Output(3)}], "name": Constant("n")}
    values = {"layers": [{"W": 0, "b": 1}, {"W": 2, "b": 3}], "name": "n"}

    def entry(*leaves):
        return (*leaves[:4], "loss")

    call = make_call(front, entry, (updated, Output(4)), lambda *args: "slow", donated={0: 0, 1: 1, 2: 2, 3: 3})
    same, loss = call(values, 9)
    assert same is values
    assert loss == "loss"
    # One leaf is another array: its own containers are new, the others are not.
    part = make_call(front, entry, (updated, Output(4)), lambda *args: "slow", donated={0: 0, 1: 1, 2: 2})
    same, _ = part(values, 9)
    assert same == values
    assert same is not values
    assert same["layers"] is not values["layers"]
    assert same["layers"][0] is values["layers"][0]
    assert same["layers"][1] is not values["layers"][1]
    # Exchanged places, another constant, another key: never the argument itself.
    for other, aliases in (
        ({**updated, "name": Constant("m")}, {0: 0, 1: 1, 2: 2, 3: 3}),
        ({"layers": updated["layers"], "other": Constant("n")}, {0: 0, 1: 1, 2: 2, 3: 3}),
        (updated, {0: 2, 1: 3, 2: 0, 3: 1}),
    ):
        made = make_call(front, entry, other, lambda *args: "slow", donated=aliases)(values, 9)
        assert made is not values
    # What is not donated is put into new containers.
    fresh = make_call(front, entry, updated, lambda *args: "slow")(values, 9)
    assert fresh == values
    assert fresh["layers"][0] is not values["layers"][0]


def test_arguments_handed_through():
    front = front_of([Input(0)], Input(1))
    call = make_call(
        front, lambda *leaves: (7,), {"x": Input(0), "t": Input(1), "y": Output(0), "c": Constant(4)}, refused
    )
    value = object()
    assert call([value], 5) == {"x": value, "t": 5, "y": 7, "c": 4}


def test_one_array_in_two_places_is_one_input():
    flatten = make_flattener(front_of([Input(0), Input(0)], Input(1)))
    array = np.ones(2)
    assert flatten([array, array], 2)[0] is array
    assert flatten([array, np.ones(2)], 2) is None


def test_arrays_and_names_outside_of_the_arguments():
    table = np.arange(3.0)
    namespace = {"rate": table}
    holder = Layer(table, None)
    watched = (Watched(namespace, "rate", table), Watched(holder, "weight", table, "attribute"))
    flatten = make_flattener(front_of(Input(0), extra={1: table}, watched=watched))
    assert flatten(5) == (5, table)
    namespace["rate"] = np.arange(3.0)
    assert flatten(5) is None
    namespace["rate"] = table
    assert flatten(5) == (5, table)
    holder.weight = None
    assert flatten(5) is None
    holder.weight = table
    del namespace["rate"]
    assert flatten(5) is None


def test_inputs_of_exactly_one_type_and_results_that_are_converted():
    class FloatOutput(Output):
        convert = float

    front = front_of([Input(0)], types={0: float})
    call = make_call(front, lambda value: (np.float64(value),), [FloatOutput(0), Output(0)], lambda value: "slow")
    assert [type(part) for part in call([1.5])] == [float, np.float64]
    assert call([np.float64(1.5)]) == "slow"
    donated = make_call(front, lambda value: (value,), [FloatOutput(0)], refused, donated={0: 0})
    given = [1.5]
    assert donated(given) == given
    assert donated(given) is not given


def test_a_leaf_of_no_kind_is_an_error():
    with pytest.raises(TypeError, match="not float"):
        make_flattener(front_of({"a": 1.0}))


def test_nothing_is_kept_alive():
    table = np.ones(3)
    gone = weakref.ref(table)
    call = make_call(front_of(Input(0), extra={1: table}), lambda *leaves: leaves, Output(1), lambda *args: None)
    assert call(1) is table
    gc.disable()
    try:
        del call, table
        assert gone() is None
    finally:
        gc.enable()


def random_tree(generator, count, depth=0):
    """Random containers; `count` is a list whose length says how many inputs there are so far."""
    choice = int(generator.integers(9))
    if depth > 3 or choice < 2:
        count.append(None)
        return Input(len(count) - 1)
    if choice == 2:
        return None
    if choice == 3:
        return Constant(("s", 3, True, 2.5)[generator.integers(4)])
    parts = [random_tree(generator, count, depth + 1) for _ in range(generator.integers(4))]
    if choice == 4:
        return parts
    if choice == 5:
        return tuple(parts)
    if choice == 6 and len(parts) == 2:
        return Point(*parts)
    if choice == 7 and len(parts) == 2:
        return Layer(*parts, Constant("layer"))
    return {f"k{number}": part for number, part in enumerate(parts)}


def test_random_trees_there_and_back():
    generator = np.random.default_rng(5)
    for _ in range(150):
        count: list[None] = []
        arguments = [random_tree(generator, count) for _ in range(3)]
        front = front_of(*arguments)
        values = [filled(tree) for tree in arguments]
        leaves = tuple(100.5 + number for number in range(len(count)))
        assert make_flattener(front)(*values) == leaves
        outputs = trees.transform(
            lambda leaf: Output(leaf.number) if isinstance(leaf, Input) else leaf, tuple(arguments)
        )
        call = make_call(front, lambda *given: given, outputs, refused)
        assert call(*values) == tuple(values)
        kept = make_call(
            front, lambda *given: given, outputs, refused, donated={number: number for number in range(len(count))}
        )
        answer = kept(*values)
        for tree, given, back in zip(arguments, values, answer, strict=True):
            assert given == back
            if any(isinstance(leaf, Input) for leaf in trees.leaves(tree)):
                assert given is back
