"""`scan_rules.py`: the derivatives of loops, against unrolled loops, closed forms, differences and the complex step."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from gradient_checker import check

import chainrule as cr
from chainrule.scan_rules import SCAN, apply_loop
from chainrule.trees import leaves

RNG = np.random.default_rng(7)
CHECKPOINTS = ["each", "root"]


def unrolled(step: Any, state: Any, xs: Any, length: int) -> tuple[Any, Any]:
    """The same loop in Python: every turn is traced by itself."""
    rows = []
    for turn in range(length):
        state, row = step(state, None if xs is None else xs[turn])
        rows.append(row)
    return state, np.stack(rows)


def agree(first: Any, second: Any, tolerance: float = 1e-10) -> None:
    pairs = list(zip(leaves(first), leaves(second), strict=True))
    assert pairs
    for a, b in pairs:
        assert np.shape(a) == np.shape(b)
        assert np.allclose(a, b, rtol=tolerance, atol=tolerance * 10)


# -- recurrent network -------------------------------------------------------------------------------------------------

WEIGHTS = {"W": 0.4 * RNG.normal(size=(4, 4)), "U": RNG.normal(size=(4, 3)), "b": RNG.normal(size=4)}
SERIES = RNG.normal(size=(17, 3))


def network(loop: Callable[..., Any], weights: Any, series: Any, start: Any) -> Any:
    def step(h: Any, x: Any) -> Any:
        h = np.tanh(weights["W"] @ h + weights["U"] @ x + weights["b"])
        return h, h[:2] * x[1:]

    h, rows = loop(step, start, series)
    return np.sum(rows**2) + np.sum(np.sin(h))


def by_scan(checkpoint: str | None) -> Callable[..., Any]:
    return lambda step, state, xs: cr.scan(step, state, xs, checkpoint=checkpoint)


def by_hand(step: Any, state: Any, xs: Any) -> Any:
    return unrolled(step, state, xs, len(xs))


@pytest.mark.parametrize("checkpoint", CHECKPOINTS)
def test_gradients_of_a_recurrent_network(checkpoint: str) -> None:
    gradients = [
        cr.grad(lambda w, x, h, loop=loop: network(loop, w, x, h), (0, 1, 2))(WEIGHTS, SERIES, np.zeros(4))
        for loop in (by_scan(checkpoint), by_hand)
    ]
    agree(*gradients)


@pytest.mark.parametrize("checkpoint", CHECKPOINTS)
def test_second_and_third_derivatives(checkpoint: str) -> None:
    def of_bias(loop: Any) -> Any:
        return lambda b: network(loop, {**WEIGHTS, "b": b}, SERIES[:9], np.zeros(4))

    bias = WEIGHTS["b"]
    first, second = of_bias(by_scan(checkpoint)), of_bias(by_hand)
    agree(cr.hessian(first)(bias), cr.hessian(second)(bias))
    along = lambda f: lambda t: f(bias * t)  # noqa: E731
    third = lambda f: cr.grad(cr.grad(cr.grad(along(f))))(0.7)  # noqa: E731
    agree(third(first), third(second), 1e-9)


@pytest.mark.parametrize("checkpoint", CHECKPOINTS)
def test_forward_mode_and_its_mixtures(checkpoint: str) -> None:
    direction = {name: RNG.normal(size=value.shape) for name, value in WEIGHTS.items()}

    def of_weights(loop: Any) -> Any:
        return lambda w: network(loop, w, SERIES[:10], np.zeros(4))

    first, second = of_weights(by_scan(checkpoint)), of_weights(by_hand)
    agree(cr.jvp(first, (WEIGHTS,), (direction,)), cr.jvp(second, (WEIGHTS,), (direction,)))
    slope = lambda f: lambda w: cr.jvp(f, (w,), (direction,))[1]  # noqa: E731
    agree(cr.grad(slope(first))(WEIGHTS), cr.grad(slope(second))(WEIGHTS), 1e-9)
    agree(cr.jvp(cr.grad(first), (WEIGHTS,), (direction,)), cr.jvp(cr.grad(second), (WEIGHTS,), (direction,)), 1e-9)
    agree(cr.jvp(slope(first), (WEIGHTS,), (direction,)), cr.jvp(slope(second), (WEIGHTS,), (direction,)), 1e-9)


@pytest.mark.parametrize("checkpoint", CHECKPOINTS)
def test_against_differences_and_the_complex_step(checkpoint: str) -> None:
    def run(w: Any, x: Any) -> Any:
        def step(state: Any, item: Any) -> Any:
            h, total = state
            h = np.sin(w @ h) + item * total
            return (h, total * 0.9 + h[0] * w[0, 1]), h * total

        (h, total), rows = cr.scan(step, (x[0], 1.0 * x[0, 0]), x, checkpoint=checkpoint)
        return np.sum(rows) + total * h[1]

    check(run, 0.5 * RNG.normal(size=(2, 2)), RNG.normal(size=(5, 2))).assert_right()


def test_complex_states() -> None:
    def run(z: Any) -> Any:
        return np.sum(np.abs(cr.scan(lambda s, x: (s * z + x, s), z * 0.5, np.array([1.0, 2.0j, -0.5]))[1]) ** 2)

    def plain(z: Any) -> Any:
        step = lambda s, x: (s * z + x, s)  # noqa: E731
        return np.sum(np.abs(unrolled(step, z * 0.5, np.array([1.0, 2.0j, -0.5]), 3)[1]) ** 2)

    agree(cr.grad(run)(0.3 + 0.4j), cr.grad(plain)(0.3 + 0.4j))


# -- physics and closed forms ------------------------------------------------------------------------------------------


def test_a_leapfrog_integrator() -> None:
    h, turns = 0.01, 100

    def end(x: Any, stiffness: Any) -> Any:
        def step(state: Any, _: Any) -> Any:
            q, p = state
            p = p - 0.5 * h * stiffness * q
            q = q + h * p
            p = p - 0.5 * h * stiffness * q
            return (q, p), 0.5 * p**2 + 0.5 * stiffness * q**2

        return cr.scan(step, (x, 0.0), length=turns)[0][0]

    t = h * turns  # q(t) = x cos(√k t), with an error of order h²
    assert np.isclose(end(1.5, 2.0), 1.5 * np.cos(np.sqrt(2.0) * t), atol=1e-4)
    along_x, along_k = cr.grad(end, (0, 1))(1.5, 2.0)
    assert np.isclose(along_x, np.cos(np.sqrt(2.0) * t), atol=1e-4)
    assert np.isclose(along_k, -1.5 * np.sin(np.sqrt(2.0) * t) * t / (2 * np.sqrt(2.0)), atol=1e-4)


def test_a_power_in_closed_form() -> None:
    power = lambda x: cr.scan(lambda s, _: (s * x, None), 1.0, length=7)[0]  # noqa: E731
    derivative, expected = power, 1.0
    for order in range(4):
        assert np.isclose(derivative(1.3), expected * 1.3 ** (7 - order), rtol=1e-13)
        derivative, expected = cr.grad(derivative), expected * (7 - order)


@pytest.mark.parametrize("checkpoint", ["each", "root"])
def test_the_gradient_of_an_epoch_by_its_learning_rate(checkpoint: str) -> None:
    batches, targets = RNG.normal(size=(6, 8, 3)), RNG.normal(size=(6, 8))

    def loss(w: Any, x: Any, y: Any) -> Any:
        return np.mean((np.tanh(x @ w) - y) ** 2)

    def train(rate: Any, decay: Any, loop: Any) -> Any:
        def step(state: Any, batch: Any) -> Any:
            w, speed = state
            value, g = cr.value_and_grad(loss)(w, *batch)
            speed = decay * speed - rate * g
            return (w + speed, speed), value

        (w, _), losses = loop(step, (np.ones(3), np.zeros(3)))
        return np.sum(losses) + np.sum(w**2)

    def scanned(step: Any, state: Any) -> Any:
        return cr.scan(step, state, (batches, targets), checkpoint=checkpoint)

    def plain(step: Any, state: Any) -> Any:
        return unrolled(step, state, list(zip(batches, targets, strict=True)), 6)

    results = [cr.value_and_grad(train, (0, 1))(0.3, 0.8, loop) for loop in (scanned, plain)]
    agree(*results)
    step = 1e-5
    difference = (train(0.3 + step, 0.8, plain) - train(0.3 - step, 0.8, plain)) / (2 * step)
    assert np.isclose(results[0][1][0], difference, rtol=1e-7)
    second = [cr.grad(cr.grad(train))(0.3, 0.8, loop) for loop in (scanned, plain)]
    agree(second[0], second[1], 1e-9)


def test_loops_inside_loops() -> None:
    grid = RNG.normal(size=(3, 4))

    def run(a: Any, grid: Any) -> Any:
        def outer(s: Any, row: Any) -> Any:
            def inner(t: Any, x: Any) -> Any:
                return np.sin(t * a + x + s), t * s

            t, ts = cr.scan(inner, s, row)
            return t, np.sum(ts)

        s, sums = cr.scan(outer, 0.1 * a, grid)
        return s + np.sum(sums)

    def plain(a: Any, grid: Any) -> Any:
        s, total = 0.1 * a, 0.0
        for row in grid:
            t = s
            for x in row:
                t, total = np.sin(t * a + x + s), total + t * s
            s = t
        return s + total

    agree(cr.grad(run, (0, 1))(0.7, grid), cr.grad(plain, (0, 1))(0.7, grid))
    agree(cr.grad(cr.grad(run))(0.7, grid), cr.grad(cr.grad(plain))(0.7, grid))
    agree(cr.jvp(run, (0.7, grid), (1.0, grid)), cr.jvp(plain, (0.7, grid), (1.0, grid)))
    along = lambda f: cr.jvp(cr.grad(f, (0, 1)), (0.7, grid), (1.0, grid))  # noqa: E731
    agree(along(run), along(plain))


def test_a_derivative_inside_the_step() -> None:
    def newton(a: Any) -> Any:
        f = lambda x: x**3 - a  # noqa: E731
        return cr.scan(lambda x, _: (x - f(x) / cr.grad(f)(x), None), 1.0 * a, length=12)[0]

    assert np.isclose(newton(5.0), 5.0 ** (1 / 3))
    assert np.isclose(cr.grad(newton)(5.0), 5.0 ** (-2 / 3) / 3)
    assert np.isclose(cr.grad(cr.grad(newton))(5.0), -2 / 9 * 5.0 ** (-5 / 3))


def test_custom_derivatives_and_checkpoints_inside_the_step() -> None:
    square = cr.custom_derivative(lambda x: x * x, vjp=lambda g, y, x: g * 2 * x)
    block = cr.checkpoint(lambda s, a: np.sin(s) * a)

    def run(a: Any) -> Any:
        return cr.scan(lambda s, x: (block(square(s) * 0.3, a) + x, s), a, np.linspace(0, 1, 5))[0]

    def plain(a: Any) -> Any:
        s = a
        for x in np.linspace(0, 1, 5):
            s = np.sin(s * s * 0.3) * a + x
        return s

    agree(cr.grad(run)(0.8), cr.grad(plain)(0.8))
    agree(cr.grad(cr.grad(run))(0.8), cr.grad(cr.grad(plain))(0.8))


# -- exact zeros, guards, fixed and unused states ----------------------------------------------------------------------


def test_branches_that_were_not_taken_stay_harmless() -> None:
    def run(x: Any) -> Any:
        step = lambda s, k: (s + np.where(x > k, np.sqrt(np.where(x > k, x - k, 0.0)), 0.0), None)  # noqa: E731
        return cr.scan(step, 0.0, np.arange(4.0))[0]

    expected = 0.5 / np.sqrt(2.0) + 0.5
    assert np.isclose(cr.grad(run)(2.0), expected)
    assert np.isclose(cr.jvp(run, (2.0,), (1.0,))[1], expected)
    assert np.isclose(cr.grad(cr.grad(run))(2.0), -0.25 * 2.0**-1.5 - 0.25)


def test_a_gradient_that_is_infinite_stays_so() -> None:
    assert np.isinf(cr.grad(lambda x: cr.scan(lambda s, _: (s + np.sqrt(x), None), 0.0, length=3)[0])(0.0))


def detached(how: str, s: Any) -> Any:
    """sin(s), through which no gradient flows."""
    if how == "no_grad":
        with cr.no_grad():
            return np.sin(s)
    return np.sin(s.value if how == "value" and hasattr(s, "value") else cr.stop_gradient(s))


@pytest.mark.parametrize("how", ["no_grad", "value", "stop_gradient"])
def test_what_no_gradient_shall_pass(how: str) -> None:
    def run(a: Any) -> Any:
        return cr.scan(lambda s, x: (s * a + x * detached(how, s), None), a, np.arange(1.0, 4.0))[0]

    def plain(a: Any) -> Any:
        s = a
        for x in np.arange(1.0, 4.0):
            s = s * a + x * cr.stop_gradient(np.sin(s))
        return s

    agree(cr.value_and_grad(run)(1.3), cr.value_and_grad(plain)(1.3))
    agree(cr.jvp(run, (1.3,), (1.0,)), cr.jvp(plain, (1.3,), (1.0,)))


def test_a_pullback_under_no_grad() -> None:
    v = cr.variable(1.3)
    state, _ = cr.scan(lambda s, _: (np.sin(s) * v, None), v, length=4)
    with cr.no_grad():
        state.backward()
    expected = cr.grad(lambda v: unrolled(lambda s, _: (np.sin(s) * v, s), v, None, 4)[0])(1.3)
    agree(v.grad, expected)


def test_states_that_never_change_and_results_that_nobody_reads() -> None:
    def run(table: Any, x: Any) -> Any:
        def step(state: Any, i: Any) -> Any:
            table, total, unused = state
            return (table, total + table[i] * x, unused + 1.0), table[::-1]

        (table, total, _), _ = cr.scan(step, (table, 0.0, 0.0), np.array([0, 1, 1]))
        return total**2 + table[0]

    table, x = np.array([1.0, 2.0]), 0.5
    total = 2.5
    agree(cr.grad(run, (0, 1))(table, x), (np.array([2 * total * x + 1, 2 * 2 * total * x]), 2 * total * 5.0))


def test_the_forward_pass_again_where_the_states_were_not_kept() -> None:
    made = cr.trace(lambda s: cr.scan(lambda s, x: (np.sin(s) * x, None), s, np.ones(4) * 1.1)[0], 0.4)
    node = next(node for node in made if node.primitive is SCAN)
    loop = node.parameters["loop"]
    kept = cr.grad(lambda s: apply_loop(loop, [s], [np.ones(4) * 1.1], [], 4)[0])(0.4)
    bare = type(loop)(type(loop.graph).of(loop.graph.inputs, loop.graph.outputs[:1]), 1, 1, 0)
    vjp = SCAN.vjp
    assert callable(vjp)
    (again, _) = vjp((True, False), [np.float64(1.0)], (np.float64(0.0),), 0.4 * np.float64(1), np.ones(4) * 1.1,
                     loop=bare, length=4, reverse=False)  # fmt: skip
    agree(kept, again)


@pytest.mark.parametrize("checkpoint", CHECKPOINTS)
@pytest.mark.parametrize("length", [1, 2, 3, 4, 5, 16, 17, 24])
def test_every_length_in_blocks(length: int, checkpoint: str) -> None:
    xs = np.linspace(0.5, 1.5, length)

    def run(a: Any, xs: Any) -> Any:
        s, rows = cr.scan(lambda s, x: (s * x + a, s * a), a, xs, checkpoint=checkpoint)
        return s + np.sum(rows * np.arange(length))

    def plain(a: Any, xs: Any) -> Any:
        s, rows = unrolled(lambda s, x: (s * x + a, s * a), a, xs, length)
        return s + np.sum(rows * np.arange(length))

    agree(cr.value_and_grad(run, (0, 1))(0.3, xs), cr.value_and_grad(plain, (0, 1))(0.3, xs))


@pytest.mark.parametrize("guarded", [False, True])
def test_turn_by_turn_where_the_turns_of_a_rule_differ(monkeypatch: pytest.MonkeyPatch, guarded: bool) -> None:
    def run(w: Any, xs: Any) -> Any:
        step = lambda s, x: (np.sin(s @ w) + x, np.where(guarded & (x < 0), np.sqrt(x - x), s * w[0]))  # noqa: E731
        s, rows = cr.scan(step, 0.5 * w[0], xs)
        return np.sum(s * rows)

    arguments = 0.4 * RNG.normal(size=(2, 2)), np.array([[1.0, 0.5], [0.2, 0.1], [-0.5, 1.0], [0.3, 0.3]])
    # At a difference of equal values the root has an infinite slope, which no gradient reaches where x ≥ 0.
    xs = arguments[1] if not guarded else np.abs(arguments[1])
    results = []
    for differ in (False, True):
        if differ:
            monkeypatch.setattr("chainrule.scan_rules._checked", lambda derive: None)
        gradients = cr.grad(run, (0, 1))(arguments[0], xs)
        results.append((gradients, cr.jvp(run, (arguments[0], xs), gradients), cr.hessian(run)(arguments[0], xs)))
    assert all(np.isfinite(leaf).all() for leaf in leaves(results[0]))
    agree(*results)


# -- size --------------------------------------------------------------------------------------------------------------


def peak(f: Callable[[], Any]) -> int:
    tracemalloc.start()
    try:
        f()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_hundred_thousand_turns() -> None:
    turns = 100_000

    def run(k: Any) -> Any:
        return cr.scan(lambda s, _: (s - k * s / turns, None), 1.0, length=turns)[0]

    assert np.isclose(cr.grad(run)(1.0), -((1 - 1 / turns) ** (turns - 1)))


def test_memory_is_linear_in_the_turns_and_in_their_root_with_blocks() -> None:
    width = 1000

    def gradient(turns: int, checkpoint: str) -> Callable[[], Any]:
        def run(k: Any) -> Any:
            return np.sum(
                cr.scan(lambda s, _: (np.sin(k * s), None), np.ones(width), length=turns, checkpoint=checkpoint)[0]
            )

        return lambda: cr.grad(run)(1.0)

    state = 8 * width
    assert peak(gradient(400, "each")) < 400 * state * 1.5 + 400_000
    assert peak(gradient(400, "root")) < 4 * 20 * state * 1.5 + 400_000
