"""`trees.py`: nested containers to leaves and back."""

from __future__ import annotations

from collections import OrderedDict, defaultdict, namedtuple
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import ArgumentError
from chainrule.trees import children, leaves, leaves_with_paths, rebuild, require_same_structure, transform


class Pair(NamedTuple):
    first: Any
    second: Any


Old = namedtuple("Old", ["a", "b"])


@dataclass
class Layer:
    weight: Any
    bias: Any = None


@dataclass(frozen=True)
class Frozen:
    layers: list[Any] = field(default_factory=list)
    scale: Any = 1.0


@dataclass(slots=True)
class Slotted:
    value: Any


@dataclass
class Checked:
    value: float
    doubled: float = field(init=False)

    def __post_init__(self) -> None:
        if not isinstance(self.value, float):
            raise TypeError("only numbers")
        self.doubled = 2 * self.value


NESTED: list[Any] = [
    1.0,
    [],
    {},
    (),
    None,
    [1.0, (2.0, {"a": 3.0, "b": [4.0]})],
    {"w": np.ones(2), 1: "text", (2, 3): None},
    Pair(1.0, [2.0]),
    Old(1.0, {"x": 2.0}),
    Layer(1.0, (2.0, 3.0)),
    Frozen([Layer(1.0), Layer(2.0)], 3.0),
    Slotted([1.0]),
    OrderedDict(b=1.0, a=2.0),
    defaultdict(list, {"a": [1.0]}),
]


@pytest.mark.parametrize("tree", NESTED, ids=lambda tree: type(tree).__name__)
def test_leaves_and_rebuild_are_inverse(tree: Any) -> None:
    flat = leaves(tree)
    again = rebuild(tree, flat)
    assert type(again) is type(tree)
    assert leaves(again) == flat or all(a is b for a, b in zip(leaves(again), flat, strict=True))
    assert [path for path, _ in leaves_with_paths(again, "p")] == [path for path, _ in leaves_with_paths(tree, "p")]
    assert again is not tree or not flat or children(tree) is None


def test_paths_read_as_python() -> None:
    tree = {"layers": [Layer(1.0, 2.0), Pair(3.0, (4.0,))], 7: 5.0}
    found = dict(leaves_with_paths(tree, "p"))
    assert list(found) == [
        "p['layers'][0].weight",
        "p['layers'][0].bias",
        "p['layers'][1].first",
        "p['layers'][1].second[0]",
        "p[7]",
    ]
    for path, leaf in found.items():
        assert eval(path, {"p": tree}) == leaf


def test_order_is_the_order_of_the_container() -> None:
    assert leaves({"b": 1, "a": 2}) == [1, 2]
    assert leaves([3, {"z": 4}, (5,)]) == [3, 4, 5]


def test_none_is_an_empty_container_and_arrays_are_leaves() -> None:
    assert leaves([None, 1.0, None]) == [1.0]
    assert rebuild([None, 1.0], [2.0]) == [None, 2.0]
    array = np.ones((2, 2))
    assert leaves(array)[0] is array
    assert leaves("text") == ["text"]
    assert leaves(Layer) == [Layer]  # the class is a leaf, its objects are containers


def test_transform() -> None:
    assert transform(lambda leaf: leaf * 2, {"a": [1, (2,)], "b": Pair(3, None)}) == {
        "a": [2, (4,)],
        "b": Pair(6, None),
    }


def test_a_default_factory_survives() -> None:
    again = rebuild(defaultdict(list, {"a": 1.0}), [2.0])
    assert again["a"] == 2.0
    assert again["new"] == []


def test_a_dataclass_is_rebuilt_without_its_constructor() -> None:
    rebuilt = rebuild(Checked(1.5), ["anything", "else"])
    assert (rebuilt.value, rebuilt.doubled) == ("anything", "else")
    assert rebuild(Frozen([1.0], 2.0), [3.0, 4.0]) == Frozen([3.0], 4.0)


def test_rebuilding_leaves_the_original_alone() -> None:
    tree = {"a": [1.0], "b": OrderedDict(c=2.0)}
    rebuild(tree, [10.0, 20.0])
    assert tree == {"a": [1.0], "b": OrderedDict(c=2.0)}


def test_depth_of_a_thousand() -> None:
    tree: Any = 1.0
    for _ in range(200):
        tree = [tree]
    assert leaves(tree) == [1.0]
    assert leaves(rebuild(tree, [2.0])) == [2.0]


def test_structures_that_differ() -> None:
    require_same_structure({"a": 1, "b": (2,)}, {"a": 3, "b": (4,)}, "tangents")
    with pytest.raises(ArgumentError) as caught:
        require_same_structure({"w": 1.0, "b": [2.0, 3.0]}, {"w": 1.0, "c": [2.0, 3.0]}, "tangents")
    assert str(caught.value) == (
        "tangents must be nested like the value they belong to: expected leaves at ['w'], ['b'][0], ['b'][1], "
        "got leaves at ['w'], ['c'][0], ['c'][1]."
    )
    with pytest.raises(ArgumentError) as caught:
        require_same_structure(1.0, [], "cotangents")
    assert str(caught.value) == (
        "cotangents must be nested like the value they belong to: expected leaves at the top, got leaves at no place."
    )


@pytest.mark.parametrize(
    "parameters",
    [
        {"w": np.ones(3), "b": 2.0},
        [np.ones(3), 2.0],
        (np.ones(3), 2.0),
        Pair(np.ones(3), 2.0),
        Layer(np.ones(3), 2.0),
        Frozen([np.ones(3)], 2.0),
        OrderedDict(w=np.ones(3), b=2.0),
        {"layers": [Layer(np.ones(3), None), Layer(2.0, None)]},
    ],
    ids=lambda tree: type(tree).__name__,
)
def test_gradients_come_in_the_containers_of_the_argument(parameters: Any) -> None:
    def loss(parameters: Any) -> Any:
        w, b = leaves(parameters)
        return np.sum(w * w) * b

    gradient = cr.grad(loss)(parameters)
    assert type(gradient) is type(parameters)
    dw, db = leaves(gradient)
    assert np.array_equal(dw, [4.0, 4.0, 4.0])
    assert db == 3.0
    assert [path for path, _ in leaves_with_paths(gradient)] == [path for path, _ in leaves_with_paths(parameters)]
