"""The cases of the other files about `cr.compile`, through the native executor: same decisions, numbers within rounding."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
from compile_truth import assert_same, compiled_without_warning
from test_compile import CASES
from test_compile_donate import T, X, parameters, step
from test_compile_guards import CASES as DECISIONS
from test_compile_guards import GRADIENTS

import chainrule as cr

pytest.importorskip("llvmlite")
ROUNDING = 1e-12  # relative: sums are added up in another order, functions differ by 2 ulp


@pytest.mark.parametrize("name", CASES)
def test_a_compiled_function_is_the_function(name: str) -> None:
    function, calls = CASES[name]
    compiled = compiled_without_warning(function, executor="native")
    for args in (*calls, *calls):
        assert_same(compiled, *args, tolerance=ROUNDING)
    assert compiled.stats().variants == 1


@pytest.mark.parametrize("name", DECISIONS)
def test_what_was_decided_is_checked(name: str) -> None:
    function, calls, variants = DECISIONS[name]
    compiled = compiled_without_warning(function, executor="native")
    for args in (*calls, *calls[::-1], *calls):
        assert_same(compiled, *args, tolerance=ROUNDING)
    assert compiled.stats().variants <= variants


@pytest.mark.parametrize("name", GRADIENTS)
def test_gradients_that_are_not_finite(name: str) -> None:
    function, points = GRADIENTS[name]
    compiled = compiled_without_warning(cr.value_and_grad(function), executor="native")
    for x in (*points, *points[::-1]):
        assert_same(compiled, x, tolerance=ROUNDING)


def test_the_fast_way_in_and_the_general_one_agree() -> None:
    compiled = compiled_without_warning(step, donate=0, executor="native")
    params, expected = parameters(), parameters()
    arrays = dict(params)
    for turn in range(20):
        rate = 0.1 + 0.01 * turn
        expected, value = step(expected, X, T, rate)
        returned, found = compiled(params, X, T, rate) if turn % 2 else compiled(params, x=X, t=T, rate=rate)
        assert returned is params
        assert all(params[key] is arrays[key] for key in params)
        assert np.isclose(found, value, rtol=1e-9)
    assert compiled._call.__name__ == "step"  # made for this kind of call
    other: dict[str, Any] = parameters()
    other["W1"] = np.asfortranarray(other["W1"])
    assert np.isclose(compiled(other, X, T, 0.1)[1], step(parameters(), X, T, 0.1)[1])
    assert compiled.stats().variants == 2


def test_the_last_variant_that_fitted_has_the_fast_way() -> None:
    compiled = compiled_without_warning(lambda x: x * 2 if x.sum() > 0 else x * 3, executor="native")
    x = np.ones(3)
    for sign in (1, 1, 1, -1, -1, -1, 1, -1, 1, 1):
        assert np.array_equal(compiled(sign * x), (2 if sign > 0 else 3) * sign * x)
    calls = compiled.stats().calls
    compiled(x)
    assert compiled.stats().calls == calls
    assert compiled.stats().variants == 2


def test_an_index_outside_is_numpys_error() -> None:
    compiled = compiled_without_warning(lambda x, i: x[i], executor="native")
    x = np.arange(3.0)
    for index in (0, 2, -1, 1):
        assert compiled(x, np.array([index])) == x[index]
    with pytest.raises(IndexError, match="out of bounds"):
        compiled(x, np.array([3]))
    assert compiled(x, np.array([2])) == 2.0


def test_threads_may_call_at_once() -> None:
    compiled = compiled_without_warning(cr.value_and_grad(lambda x: np.sum(np.tanh(x) * x)), executor="native")
    points = [np.linspace(-1.0, seed, 100) for seed in range(6)]
    expected = [compiled.__wrapped__(x) for x in points]
    problems: list[int] = []

    def work(seed: int) -> None:
        for _ in range(200):
            value, gradient = compiled(points[seed])
            if not (np.isclose(value, expected[seed][0]) and np.allclose(gradient, expected[seed][1])):
                problems.append(seed)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not problems
    assert compiled.stats().variants <= 6  # threads may trace the same program at the same time


SETTINGS = {"factor": 2.0}


def test_containers_are_checked_on_the_fast_way() -> None:
    compiled = compiled_without_warning(lambda x: x * SETTINGS["factor"], executor="native")
    x = np.ones(2)
    for factor in (2.0, 2.0, 2.0, 3.0, 3.0, 3.0, 2.0):
        SETTINGS["factor"] = factor
        assert np.array_equal(compiled(x), x * factor)
    assert compiled.stats().variants == 2


def test_names_are_watched_on_the_fast_way() -> None:
    weight, factor = np.array([1.0, 2.0]), 3.0
    compiled = compiled_without_warning(lambda x: x * weight * factor, executor="native")
    x = np.ones(2)
    for _ in range(3):
        assert np.array_equal(compiled(x), [3.0, 6.0])
    weight[0] = 5.0
    assert np.array_equal(compiled(x), [15.0, 6.0])
    factor = 1.0
    assert np.array_equal(compiled(x), [5.0, 2.0])
    weight = np.array([0.0, 1.0])
    assert np.array_equal(compiled(x), [0.0, 1.0])
