"""Loops as graphs: what they are made of, what they keep, and that a compiled function runs them for other numbers."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.graph import COMPONENT, INPUT, Graph, Node
from chainrule.primitive import primitives
from chainrule.run.interpret import interpret
from chainrule.scan_rules import SCAN
from chainrule.traced import Traced
from chainrule.trees import leaves

RNG = np.random.default_rng(3)
W, X = 0.4 * RNG.normal(size=(4, 4)), RNG.normal(size=(6, 4))


def network(w: Any, xs: Any) -> Any:
    def step(h: Any, x: Any) -> Any:
        h = np.tanh(w @ h + x)
        return h, h

    return np.sum(cr.scan(step, np.zeros(4), xs)[1] ** 2)


def branching(a: Any, xs: Any) -> Any:
    def step(s: Any, x: Any) -> Any:
        s = s * 0.5 * a if s > 2.0 else s * a + x
        return s, s

    s, rows = cr.scan(step, 1.0, xs)
    return s + np.sum(rows)


def learning(rate: Any, batches: Any) -> Any:
    def step(w: Any, x: Any) -> Any:
        loss, g = cr.value_and_grad(lambda w: np.mean((np.sin(x @ w) - x[:, 0]) ** 2))(w)
        return w - rate * g, loss

    return np.sum(cr.scan(step, np.ones(3), batches)[1])


def picking(w: Any, indices: Any) -> Any:
    def step(state: Any, i: Any) -> Any:
        count, total = state
        return (count + 1, total + w[i] * count), w[i] ** 2

    (_, total), rows = cr.scan(step, (0, 0.0), indices)
    return total + np.sum(rows)


def half_taken(x: Any) -> Any:
    return cr.scan(lambda s, k: (s + np.where(x > k, np.sqrt(np.maximum(x - k, 0.0)), 0.0), None), 0.0, np.arange(4.0))[
        0
    ]


def all_nodes(graph: Graph) -> Iterator[Node]:
    for node in graph:
        yield node
        if node.primitive is SCAN:
            yield from all_nodes(node.parameters["loop"].graph)


PROGRAMS = [
    (cr.grad(network, (0, 1)), [(W, X), (1.3 * W, X[::-1])]),
    (cr.hessian(lambda b: network(W, X + b)), [(X[0],), (X[1],)]),
    (lambda w: cr.jvp(lambda w: network(w, X), (w,), (W,))[1], [(W,), (2.0 * W,)]),
    (cr.grad(learning), [(0.1, RNG.normal(size=(4, 5, 3))), (0.3, RNG.normal(size=(4, 5, 3)))]),
    (cr.grad(picking), [(np.arange(1.0, 4.0), np.array([0, 2, 1, 1])), (np.ones(3), np.array([1, 1, 0, 2]))]),
    (cr.grad(lambda a: cr.scan(lambda s, _: (np.sin(s * a), s), a, length=20, checkpoint="root")[0]), [(0.5,), (0.9,)]),
    (cr.grad(branching), [(a, np.linspace(0, 1, 9)) for a in (1.3, 1.1, 1.3, 0.2)]),
    (cr.grad(half_taken), [(2.5,), (2.0,), (3.3,)]),
]


@pytest.mark.parametrize("executor", ["numpy", None])
@pytest.mark.parametrize("number", range(len(PROGRAMS)))
def test_a_compiled_function_runs_its_loops_for_other_numbers(number: int, executor: str | None) -> None:
    f, calls = PROGRAMS[number]
    compiled = cr.compile(f, executor=executor)
    for arguments in calls:
        for found, expected in zip(leaves(compiled(*arguments)), leaves(f(*arguments)), strict=True):
            assert np.allclose(found, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("number", range(3))
def test_turns_are_made_of_registered_operations_and_run_for_other_inputs(number: int) -> None:
    f, calls = PROGRAMS[number]
    graph = cr.trace(f, *calls[0])
    for node in all_nodes(graph):
        assert node.primitive in (INPUT, COMPONENT, SCAN) or primitives[node.primitive.name] is node.primitive
        assert not any(isinstance(argument, Traced) for argument in node.arguments)
    again = interpret(graph, *calls[1])
    for found, expected in zip(leaves(again), leaves(f(*calls[1])), strict=True):
        assert np.allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("executor", ["numpy", None])
def test_progress_of_a_compiled_loop(executor: str | None) -> None:
    seen: list[Any] = []

    def run(a: Any) -> Any:
        step = lambda s, x: ((np.sin(s[0] * a + x), s[1]), None)  # noqa: E731
        show = lambda turns, state: seen.append((turns, float(state[1])))  # noqa: E731
        return cr.scan(step, (a, a * 2), np.ones(5), progress=show, every=2)[0][0]

    compiled = cr.compile(run, executor=executor)
    for a in (0.5, 0.75):
        seen.clear()
        compiled(a)
        assert seen == [(2, 2 * a), (4, 2 * a), (5, 2 * a)]


# -- what is kept ------------------------------------------------------------------------------------------------------


def scans(f: Any, *arguments: Any) -> list[Node]:
    return [node for node in cr.trace(f, *arguments) if node.primitive is SCAN]


def test_sums_over_turns_are_not_kept_turn_by_turn() -> None:
    forward, backward = scans(cr.grad(network), W, X)
    assert [forward.parameters["loop"].saved, backward.parameters["loop"].saved] == [(1,), (0, None)]
    assert all(part.size < len(X) * W.size for part in backward.value)


def test_what_a_turn_does_not_read_does_not_go_through_it() -> None:
    def run(a: Any) -> Any:
        step = lambda state, x: ((state[0] * a, state[1]), None)  # noqa: E731
        return cr.scan(step, (1.0, np.ones(5) * a), {"unused": np.ones((3, 50))})[0][0]

    (node,) = scans(run, 2.0)
    loop = node.parameters["loop"]
    assert (loop.states, loop.items, loop.captured) == (1, 0, 1)
    assert cr.grad(run)(2.0) == 12.0


def test_a_first_turn_of_its_own_leaves_the_rest_one_node() -> None:
    def run(a: Any) -> Any:
        def step(state: Any, x: Any) -> Any:
            count, s = state
            s = a if count == 0 else s * np.sin(a + x)
            return (count + 1, s), s

        (_, s), rows = cr.scan(step, (0, 0.0), np.arange(50.0), progress=lambda n, _: seen.append(n), every=10)
        return s + np.sum(rows)

    def plain(a: Any) -> Any:
        s = total = a
        for x in np.arange(1.0, 50.0):
            s = s * np.sin(a + x)
            total = total + s
        return s + total

    seen: list[int] = []
    assert len(scans(run, 0.7)) == 1
    assert seen == [10, 20, 30, 40, 50]
    assert np.isclose(cr.grad(run)(0.7), cr.grad(plain)(0.7), rtol=1e-12)


def test_a_loop_leaves_no_reference_cycles() -> None:
    work = [
        lambda: cr.grad(network)(W, X),
        lambda: cr.hessian(lambda b: network(W, X + b))(X[0]),
        lambda: cr.jvp(lambda w: network(w, X), (W,), (W,)),
        lambda: network(W, X),
    ]
    for task in work:
        task()
        gc.collect()
        gc.disable()
        try:
            task()
            assert gc.collect() == 0
        finally:
            gc.enable()


# -- corners -----------------------------------------------------------------------------------------------------------


def test_a_loop_without_a_state() -> None:
    total = lambda a: np.sum(cr.scan(lambda s, x: (None, np.sin(x * a)), None, np.arange(3.0))[1])  # noqa: E731
    assert np.isclose(cr.grad(total)(0.5), np.sum(np.arange(3.0) * np.cos(np.arange(3.0) * 0.5)))


def test_captured_values_and_constants_as_results_and_states() -> None:
    xs = np.arange(3.0)
    as_result = lambda a: np.sum(cr.scan(lambda s, x: (s, (a, 2.0, x)), 0.0, xs)[1][0])  # noqa: E731
    as_state = lambda a: cr.scan(lambda s, x: (a * 1.0, s), 0.0, xs)[0]  # noqa: E731
    bare_state = lambda a: cr.scan(lambda s, x: (a, s * a), 0.0, xs)[1].sum()  # noqa: E731
    constant_state = lambda a: np.sum(cr.scan(lambda s, x: (1.0, s * a), 0.0, xs)[1])  # noqa: E731
    assert cr.grad(as_result)(0.5) == 3.0
    assert cr.grad(as_state)(0.5) == 1.0
    assert cr.grad(bare_state)(0.5) == 2.0  # 0·a + a·a + a·a
    assert cr.grad(constant_state)(0.5) == 2.0


def test_whole_numbers_that_come_out_are_plain_to_python() -> None:
    def run(a: Any) -> Any:
        count, (rows, counts) = cr.scan(lambda s, x: (s + 1, (a * s, s)), 0, length=3)
        return np.sum(rows) + a * float(count) + a * np.asarray(counts).sum()

    assert cr.grad(run)(1.0) == 3.0 + 3.0 + 3.0


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.longdouble, np.complex64, np.complex128])
def test_every_floating_dtype(dtype: Any) -> None:
    def cube(z: Any) -> Any:
        return cr.scan(lambda s, _: (s * z, None), dtype(1), length=3)[0]

    value, tangent = cr.jvp(cube, (dtype(2),), (dtype(1),))
    assert (value, tangent) == (8.0, 12.0)
    assert tangent.dtype == dtype
    _, pullback = cr.vjp(cube, dtype(2))
    (gradient,) = pullback(dtype(1))
    assert gradient == 12.0
    assert gradient.dtype == dtype


def test_the_jacobian_of_stacked_results() -> None:
    def rows(x: Any) -> Any:
        return cr.scan(lambda s, x: (np.sin(s) + x, s * x), 0.0, x)[1]

    def plain(x: Any) -> Any:
        s, out = 0.0, []
        for turn in range(5):
            out.append(s * x[turn])
            s = np.sin(s) + x[turn]
        return np.stack(out)

    point = np.linspace(-1.0, 1.0, 5)
    assert np.allclose(cr.jacobian(rows)(point), cr.jacobian(plain)(point))


def test_a_value_that_escapes_from_the_step_is_named() -> None:
    kept: list[Any] = []

    def step(s: Any, _: Any) -> Any:
        kept.append(s)
        return s * 2.0, None

    with pytest.raises(cr.errors.GraphError, match="escaped"):
        cr.grad(lambda a: cr.scan(step, a, length=3)[0] + kept[-1])(1.0)
