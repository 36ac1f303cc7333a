"""Donated arguments: results come back in the very arrays, containers included, and nobody else sees wrong numbers."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from compile_truth import compiled_without_warning, difference, numpy_compile

import chainrule as cr

RNG = np.random.default_rng(0)
X, T = RNG.normal(size=(5, 3)), RNG.normal(size=(5, 1))


def parameters() -> dict[str, Any]:
    rng = np.random.default_rng(1)
    return {"W1": rng.normal(size=(3, 4)), "b1": np.zeros(4), "W2": rng.normal(size=(4, 1))}


def loss(params: Any, x: Any, t: Any) -> Any:
    return np.mean((np.tanh(x @ params["W1"] + params["b1"]) @ params["W2"] - t) ** 2)


def step(params: Any, x: Any, t: Any, rate: float = 0.1) -> Any:
    value, gradient = cr.value_and_grad(loss)(params, x, t)
    return {key: params[key] - rate * gradient[key] for key in params}, value


def copied(tree: dict[str, Any]) -> dict[str, Any]:
    return {key: value.copy() for key, value in tree.items()}


@pytest.mark.parametrize("donate", [0, "params", (0,), ["params"], -4])
def test_parameters_come_back_in_their_arrays_and_container(donate: Any) -> None:
    compiled = compiled_without_warning(step, donate=donate)
    params = parameters()
    arrays = dict(params)
    expected = parameters()
    for rate in (0.1, 0.1, 0.2):
        expected, value = step(expected, X, T, rate)
        returned, found = compiled(params, X, T, rate)
        assert returned is params
        assert all(params[key] is arrays[key] for key in params)
        assert difference((params, found), (expected, value)) is None
    assert compiled.stats().variants == 1


def test_without_donation_nothing_is_overwritten() -> None:
    compiled = compiled_without_warning(step)
    params = parameters()
    returned, _ = compiled(params, X, T)
    assert returned is not params
    assert difference(params, parameters()) is None
    assert all(returned[key] is not params[key] for key in params)


@dataclasses.dataclass
class State:
    params: Any
    momentum: Any
    steps: int


def test_a_state_whose_parts_come_back_apart() -> None:
    def update(state: State, x: Any) -> Any:
        momentum = 0.9 * state.momentum + x
        return state.params - momentum, {"m": momentum}, x.sum()

    compiled = compiled_without_warning(update, donate="state")
    state = State(np.zeros(3), np.ones(3), 5)
    params, momentum, _ = compiled(state, X[0])
    assert params is state.params
    assert momentum["m"] is state.momentum
    assert np.array_equal(momentum["m"], 0.9 + X[0])
    assert np.array_equal(params, -(0.9 + X[0]))


def test_a_dataclass_comes_back_itself() -> None:
    compiled = compiled_without_warning(lambda s: State(s.params * 2, s.momentum + 1, s.steps), donate=0)
    state = State(np.ones(3), np.ones(2), 5)
    assert compiled(state) is state
    assert np.array_equal(state.params, [2, 2, 2])
    assert np.array_equal(state.momentum, [2, 2])


def test_numbers_make_the_container_anew_and_arrays_stay() -> None:
    compiled = compiled_without_warning(lambda p: {"w": p["w"] * 2, "n": p["n"] + 1}, donate=0)
    params = {"w": np.ones(3), "n": np.float64(1.0)}
    returned = compiled(params)
    assert returned["w"] is params["w"]
    assert returned["n"] == 2.0
    assert params["n"] == 1.0


def test_several_arguments_of_one_kind() -> None:
    compiled = compiled_without_warning(lambda a, b, x: (a + x, b * x, x.sum()), donate=("a", "b"))
    a, b = np.ones(3), np.full(3, 2.0)
    first, second, _ = compiled(a, b, X[0])
    assert first is a
    assert second is b
    assert np.array_equal(a, 1 + X[0])
    assert np.array_equal(b, 2 * X[0])


def test_a_swap() -> None:
    compiled = compiled_without_warning(lambda a, b: (b * 1.0, a * 1.0), donate=(0, 1))
    a, b = np.ones(3), np.full(3, 2.0)
    first, second = compiled(a, b)
    assert np.array_equal(first, [2, 2, 2])
    assert np.array_equal(second, [1, 1, 1])
    assert {id(first), id(second)} == {id(a), id(b)}
    handed = compiled_without_warning(lambda a, b: (b, a), donate=(0, 1))
    a, b = np.ones(3), np.full(3, 2.0)
    assert handed(a, b)[0] is b


def test_what_does_not_fit_is_not_taken() -> None:
    compiled = compiled_without_warning(lambda w: (w.sum(), w[:2] * 2, w.astype(np.float32)), donate=0)
    w = np.ones(3)
    compiled(w)
    assert np.array_equal(w, np.ones(3))


def test_results_that_show_the_donated_memory_are_copies() -> None:
    compiled = compiled_without_warning(lambda w: (w * 2, w.T, w[0]), donate=0)
    w = np.arange(6.0).reshape(2, 3)
    before = w.copy()
    double, turned, row = compiled(w)
    assert double is w
    assert np.array_equal(double, before * 2)
    assert np.array_equal(turned, before.T)
    assert np.array_equal(row, before[0])


def test_another_argument_in_the_same_memory_is_read_as_it_was() -> None:
    compiled = compiled_without_warning(lambda w, x: (w + 1.0, w * x, x * 2), donate=0)
    w = np.arange(4.0)
    before = w.copy()
    new, product, double = compiled(w, w)
    assert new is w
    assert np.array_equal(new, before + 1)
    assert np.array_equal(product, before * before)
    assert np.array_equal(double, before * 2)
    shared = np.arange(5.0)
    new, product, _ = compiled(shared[:4], shared[1:])
    assert np.array_equal(product, np.arange(4.0) * np.arange(1.0, 5.0))
    assert np.array_equal(new, np.arange(1.0, 5.0))


def test_memory_donated_twice_is_an_error() -> None:
    compiled = numpy_compile(lambda a, b: (a + 1, b + 2), donate=(0, 1))
    w = np.ones(4)
    with pytest.raises(cr.errors.ArgumentError, match=r"a and b are donated and share their memory.*b\.copy\(\)"):
        compiled(w[:3], w[1:])
    assert np.array_equal(w, np.ones(4))


def test_one_array_donated_in_two_places_is_taken_once() -> None:
    compiled = compiled_without_warning(lambda a, b: (a + 1, b + 2), donate=(0, 1))
    w = np.ones(3)
    first, second = compiled(w, w)
    assert first is w
    assert np.array_equal(first, [2, 2, 2])
    assert np.array_equal(second, [3, 3, 3])


def test_a_read_only_array_is_an_error() -> None:
    compiled = numpy_compile(step, donate=0)
    params = parameters()
    params["W1"].flags.writeable = False
    with pytest.raises(cr.errors.ArgumentError, match=r"params\['W1'\] is donated and read-only"):
        compiled(params, X, T)


@pytest.mark.parametrize(
    ("donate", "told"), [("weights", "donate='weights'"), (4, "donate=4"), (True, "donate=True"), ((0, "z"), "'z'")]
)
def test_names_that_are_none(donate: Any, told: str) -> None:
    with pytest.raises(cr.errors.ArgumentError, match=told) as caught:
        numpy_compile(step, donate=donate)
    assert "params, x, t, rate" in str(caught.value)


def test_a_failed_guard_leaves_the_arrays_alone() -> None:
    compiled = compiled_without_warning(lambda w, x: w * 2 if x.sum() > 0 else w * 3, donate=0)
    w = np.ones(3)
    assert compiled(w, np.ones(2)) is w
    assert compiled(w, -np.ones(2)) is w
    assert np.array_equal(w, [6, 6, 6])


def test_arrays_from_elsewhere_that_are_donated_as_well() -> None:
    w = np.ones(3)
    compiled = compiled_without_warning(lambda a: (a + w, a * w), donate=0)
    assert np.array_equal(compiled(np.ones(3))[0], [2, 2, 2])
    total, product = compiled(w)
    assert np.array_equal(total, [2, 2, 2])
    assert np.array_equal(product, [1, 1, 1])
