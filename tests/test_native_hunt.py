"""Programs that native code once got wrong: what is overwritten while somebody still reads it, and what is asked of infinities."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from compile_truth import difference

import chainrule as cr
from chainrule.graph import Graph
from chainrule.lower.finite import ask_sources

RNG = np.random.default_rng(0)


def check(f: Callable[..., Any], *calls: tuple[Any, ...], donate: Any = (), tolerance: float = 1e-12) -> None:
    """Every call, three times in turn, gives what f itself does but for rounding; an error is f's own, and changes no argument."""
    compiled = cr.compile(f, donate=donate)
    for number, given in enumerate(calls * 3):
        mine, theirs = copy.deepcopy((given, given))
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            try:
                truth = f(*theirs)
            except IndexError as error:
                with pytest.raises(type(error)):
                    compiled(*mine)
                assert difference(mine, given) is None
                continue
            assert difference(compiled(*mine), truth, tolerance=tolerance) is None, f"call {number}"


def test_what_is_indexed_is_not_overwritten_meanwhile() -> None:
    w, order = RNG.normal(size=1000), RNG.permutation(1000)
    check(lambda w, i: w[i] * 2.0, (w, order), donate="w")
    check(lambda w, i: w[i] * 2.0 + w, (w.reshape(50, 20), RNG.permutation(50)), donate="w")


def test_an_index_outside_is_found_before_anything_is_overwritten() -> None:
    w, u, order = RNG.normal(size=1000), RNG.normal(size=1000), RNG.permutation(1000)
    outside = order.copy()
    outside[900] = 5000
    check(lambda w, u, i: w * 2.0 + u[i], (w, u, order), (w, u, outside), donate="w")
    check(lambda w, u, i: (w * 2.0, u[i] + 1.0), (w, u, order), (w, u, outside), donate="w")


def signed(test: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *given: given[0] * 1.0 if test(*given) else given[0] * -1.0


@pytest.mark.parametrize(
    "test",
    [
        lambda x, w: np.isfinite(x @ w).all(),
        lambda x, w: not np.isfinite(x @ w).all(),
        lambda x, w: np.all(np.isfinite(x.sum(axis=0))),
        lambda x, w: np.isfinite(x[:1]).all(),
    ],
)
def test_whether_a_product_or_sum_is_finite_is_asked_as_it_stands_there(test: Callable[..., Any]) -> None:
    x, w = RNG.normal(size=(3, 3)), RNG.normal(size=(3, 3))
    partly = x.copy()
    partly[2, 2] = np.nan
    for calls in ([(x, w), (x * 1e200, w * 1e200), (np.full((3, 3), 1e308), w), (partly, w)], [(partly, w), (x, w)]):
        check(signed(test), *calls)


def test_a_gradient_is_asked_by_its_factors_once_each() -> None:
    def squared_often(x: Any) -> Any:
        for _ in range(60):
            x = x @ x
        return x

    def f(x: Any) -> Any:
        return cr.grad(lambda w: np.sum(w * squared_often(x)))(np.ones((2, 2)))

    check(f, (np.eye(2) * 0.99,), (np.eye(2),))


def test_a_gradient_beside_infinities_is_asked_where_it_is_finite() -> None:
    def f(w: Any, x: Any) -> Any:
        return w - 0.1 * cr.grad(lambda w: np.sum(w * x[:2]))(w)

    w, x = RNG.normal(size=2), np.array([1.0, 2.0, np.inf])
    compiled = cr.compile(f)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(3):
            assert difference(compiled(w, x), f(w, x), tolerance=1e-12) is None


def test_a_gradient_needs_no_memory_where_it_is_added_to_its_parameter() -> None:
    def step(w: Any, x: Any) -> Any:
        return w - 0.1 * cr.grad(lambda w: np.sum((x @ w) ** 2))(w)

    compiled = cr.compile(step, donate="w")
    w, x = RNG.normal(size=(30, 40)), RNG.normal(size=(5, 30))
    for _ in range(3):
        compiled(w, x)
    assert compiled.stats().variants == 1
    for bad in (np.nan, np.inf):
        broken = x.copy()
        broken[0, 0] = bad
        check(step, (w, x), (w, broken), donate="w")


def stopped_by_index(s: Any, i: Any) -> Any:
    return cr.scan(lambda s, k: (s + s[k], s[k]), s, i)


def stopped_by_guard(s: Any, xs: Any) -> Any:
    return cr.scan(lambda s, x: (s * 0.5 + x if np.isfinite(x).all() else s, s.sum()), s, xs)


def stopped_inside(s: Any, i: Any) -> Any:
    def outer(s: Any, row: Any) -> Any:
        return cr.scan(lambda s, k: (s * 0.5 + s[k], s[k]), s, row)

    return cr.scan(outer, s, i)


@pytest.mark.parametrize("donate", [(), "s"])
def test_a_loop_that_was_stopped_begins_anew(donate: Any) -> None:
    s = RNG.normal(size=5)
    good, bad = np.array([0, 1, -1, 4]), np.array([0, 1, -1, 7])
    check(stopped_by_index, (s, good), (s, bad), donate=donate)
    check(stopped_inside, (s, np.stack([good, good])), (s, np.stack([good, bad])), donate=donate)
    xs = RNG.normal(size=(9, 5))
    broken = xs.copy()
    broken[5] = np.nan
    check(stopped_by_guard, (s, xs), (s, broken), donate=donate)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: (np.maximum(x, x.mean()), x),
        lambda x: (x * 2.0, [x, x + 1.0]),
        lambda x: {"new": np.exp(x), "old": x},
    ],
)
def test_a_donated_array_that_is_returned_as_it_came_keeps_its_numbers(f: Callable[..., Any]) -> None:
    check(f, (RNG.normal(size=700),), donate="x")


def test_one_array_in_two_places_of_a_donated_container_takes_one_result() -> None:
    def f(p: Any, x: Any) -> Any:
        return {"a": p["a"] - x, "b": p["b"] * x}, p["a"].sum()

    w, v, x = RNG.normal(size=(3, 4))
    compiled = cr.compile(f, donate="p")
    for a, b in 3 * ((w, w), (w, v), (v, v)):
        truth = f({"a": a, "b": b}, x)
        a, b = (a.copy(), b.copy()) if a is not b else 2 * (a.copy(),)
        assert difference(compiled({"a": a, "b": b}, x), truth, tolerance=1e-12) is None


@pytest.mark.parametrize("dtype", ["uint8", "int16", "float16", "complex64", ">f8"])
def test_types_that_only_numpy_knows_in_several_results(dtype: str) -> None:
    x = RNG.integers(0, 100, size=(3, 4)).astype(dtype)
    check(lambda x: (x + x, x + x, (x + x).T, (x + x)[0]), (x,))
    check(lambda x: (x + x, (x + x)[::-1]), (x,), donate="x")


def test_other_types_of_arrays_without_axes_stay_arrays() -> None:
    check(lambda x: (x.astype("float32"), x + 1.0, x.astype("int64")), (np.array(2.5),))
    check(lambda x: (x.astype("float32"), x + 1.0), (np.float64(2.5),))


def test_the_two_zeros_are_two_numbers() -> None:
    x = np.array([-0.0, 0.0, 1.0, -1.0])
    check(lambda x: (x * 0.0, x * -0.0), (x,), tolerance=0.0)
    check(lambda x: (np.copysign(x, 0.0), np.copysign(x, -0.0)), (x,), tolerance=0.0)
    check(
        lambda x, y: np.concatenate([np.where(x > 5.0, x, 0.0), np.where(y > 5.0, y, -0.0)]),
        (x, x + 0.5),
        tolerance=0.0,
    )


def test_the_same_condition_of_the_user_and_of_a_gradient() -> None:
    def graph_of(f: Callable[..., Any]) -> Graph:
        return cr.trace(f, np.ones((2, 2)), np.ones((2, 2)))

    graph = graph_of(lambda x, w: (x + w, np.isfinite(x @ w).all()))
    asked, numbers = ask_sources(graph, 1)
    assert asked is graph
    assert numbers == (0,)
