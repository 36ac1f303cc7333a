"""Whole graphs as native code against the interpreter: every operation, its gradient, random programs, dtypes, layouts, threads."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from lowered_programs import assert_alike, compare
from primitive_cases import cases, numbers, restricted
from random_programs import Program, programs
from test_lower import gradient_graph, total
from test_random_programs import NIGHTLY

import chainrule as cr
from chainrule.errors import ChainruleError
from chainrule.graph import Graph
from chainrule.guards import GuardFailed
from chainrule.optimise import PASSES, optimise
from chainrule.primitive import primitives
from chainrule.replay import differentiate
from chainrule.run.interpret import interpret
from chainrule.run.native import engine, modules
from chainrule.run.native.compiled import NativeRunnable
from chainrule.run.native.pool import set_threads, threads

pytestmark = pytest.mark.filterwarnings("ignore")


def run(graph: Graph, inputs: list[Any]) -> list[Any]:
    return NativeRunnable(graph).run(inputs)


def run_on_the_oldest(graph: Graph, inputs: list[Any]) -> list[Any]:
    return NativeRunnable(graph, target=engine.target(engine.BASELINE)).run(inputs)


@pytest.mark.parametrize("name", sorted(primitives))
def test_every_operation_and_its_gradient(name: str) -> None:
    for case in cases(primitives[name]):
        moving = numbers(case)
        if not moving:
            continue
        function = restricted(case, moving)
        arguments = tuple(case.inputs[index] for index in moving)
        compare(cr.trace(function, *arguments), run, str(case))
        if primitives[name].outputs == 1:
            try:
                graph = differentiate(cr.trace(total(function), *arguments))
            except ChainruleError:
                continue
            compare(graph, run, f"gradient of {case}")


@settings(max_examples=1000)
@given(programs())
def test_random_programs(program: Program) -> None:
    compare(gradient_graph(program), run)


@settings(max_examples=100)
@given(programs())
def test_random_programs_on_a_processor_without_features(program: Program) -> None:
    compare(gradient_graph(program), run_on_the_oldest)


@pytest.mark.nightly
@settings(max_examples=10 * NIGHTLY, parent=settings.get_profile("nightly"))
@given(programs())
def test_many_random_programs(program: Program) -> None:
    compare(gradient_graph(program), run)


@settings(max_examples=50)
@given(programs())
def test_every_pass_can_be_left_out(program: Program) -> None:
    graph = gradient_graph(program)
    for left_out in PASSES:
        passes = [stage for stage in PASSES if stage is not left_out]
        compare(
            graph, lambda best, inputs, passes=passes: NativeRunnable(best, passes=passes).run(inputs), left_out.name
        )


def softmax_loss(x: Any, w: Any) -> Any:
    scores = x @ w
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return -np.mean(np.log((powers / powers.sum(axis=1, keepdims=True))[:, 0]))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("rows", [1, 2, 7, 64, 65, 200])
def test_sizes_and_dtypes(rows: int, dtype: str) -> None:
    rng = np.random.default_rng(rows)
    x, w = rng.normal(size=(rows, 9)).astype(dtype), rng.normal(size=(9, 5)).astype(dtype)
    compare(cr.trace(cr.value_and_grad(softmax_loss, (0, 1)), x, w), run)


LAYOUTS = {
    "transposed": lambda x: np.asfortranarray(x),
    "every other": lambda x: np.repeat(x, 2, axis=1)[:, ::2],
    "backwards": lambda x: x[::-1].copy()[::-1],
    "broadcast": lambda x: np.broadcast_to(x[:1], x.shape),
    "unaligned": lambda x: _unaligned(x),
    "read-only": lambda x: _read_only(x),
    "big-endian": lambda x: x.astype(">f8"),
}


def _unaligned(x: Any) -> Any:
    memory = np.zeros(x.nbytes + 1, np.uint8)
    view = memory[1:].view(x.dtype).reshape(x.shape)
    view[...] = x
    return view


def _read_only(x: Any) -> Any:
    x = x.copy()
    x.flags.writeable = False
    return x


@pytest.mark.parametrize("layout", LAYOUTS)
def test_inputs_in_any_layout(layout: str) -> None:
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(6, 9)), rng.normal(size=(9, 5))
    runnable = NativeRunnable(cr.trace(cr.value_and_grad(softmax_loss, (0, 1)), x, w))
    odd = LAYOUTS[layout](x)
    assert_alike(runnable.run([odd, w]), _flat(cr.value_and_grad(softmax_loss, (0, 1))(odd.astype(float), w)))


def _flat(found: Any) -> Sequence[Any]:
    value, gradients = found
    return [value, *gradients]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_nan_and_infinity_go_where_they_go_in_numpy(bad: float) -> None:
    rng = np.random.default_rng(0)
    graph = cr.trace(cr.value_and_grad(softmax_loss, (0, 1)), rng.normal(size=(6, 9)), rng.normal(size=(9, 5)))
    for place in ((0, 0), (5, 8)):
        inputs = [np.array(node.value) for node in graph.inputs]
        inputs[0][place] = bad
        with np.errstate(all="ignore"):
            truth = interpret(graph, *inputs)
            assert_alike(NativeRunnable(graph).run(inputs), truth)


def test_results_do_not_depend_on_the_number_of_threads() -> None:
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(4000, 90)), rng.normal(size=(90, 20))
    graph = cr.trace(
        cr.value_and_grad(lambda x, w: np.sum(np.tanh(x * 2.0)) + softmax_loss(np.sin(x), w), (0, 1)), x, w
    )
    runnable = NativeRunnable(graph)
    before = threads()
    try:
        found = []
        for count in (1, 2, 3):
            set_threads(count)
            found.append(runnable.run([x, w]))
    finally:
        set_threads(before)
    for other in found[1:]:
        for one, two in zip(found[0], other, strict=True):
            np.testing.assert_array_equal(one, two)


def test_several_threads_of_python_at_once() -> None:
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(60, 9)), rng.normal(size=(9, 5))
    call = cr.compile(cr.value_and_grad(softmax_loss, (0, 1)))
    truth = _flat(call(x, w))
    wrong: list[Any] = []

    def work(scale: float) -> None:
        mine = _flat(call(x * scale, w))
        for _ in range(200):
            for one, two in zip(mine, _flat(call(x * scale, w)), strict=True):
                if not np.array_equal(one, two):
                    wrong.append(scale)

    crowd = [threading.Thread(target=work, args=(1.0 + number,)) for number in range(6)]
    for one in crowd:
        one.start()
    for one in crowd:
        one.join()
    assert not wrong
    assert_alike(_flat(call(x, w)), truth)


def test_a_guard_that_fails_leaves_donated_arrays_alone() -> None:
    def step(w: Any, x: Any) -> Any:
        return w - 0.1 * (x.T @ x), np.isfinite(w).all()

    w, x = np.ones((3, 3)), np.ones((4, 3))
    graph = cr.trace(step, w, x)
    runnable = NativeRunnable(graph, guards=1, aliases={0: 0})
    w[1, 2] = np.nan
    kept = w.copy()
    with pytest.raises(GuardFailed) as caught:
        runnable.run([w, x])
    assert caught.value.number == 0
    np.testing.assert_array_equal(w, kept)
    w[1, 2] = 1.0
    (result,) = runnable.run([w, x])
    assert result is w
    np.testing.assert_allclose(w, 1.0 - 0.4)


def test_an_index_outside_is_numpys_error_and_leaves_donated_arrays_alone() -> None:
    def step(w: Any, i: Any) -> Any:
        return w - 0.1 * w[i].sum()

    w = np.arange(5.0)
    call = cr.compile(step, donate="w")
    call(w, np.array([0, 4]))
    kept = w.copy()
    for _ in range(3):
        with pytest.raises(IndexError, match="out of bounds"):
            call(w, np.array([0, 5]))
    np.testing.assert_array_equal(w, kept)


def test_other_sizes_need_no_new_code() -> None:
    call = cr.compile(cr.value_and_grad(softmax_loss, (0, 1)))
    rng = np.random.default_rng(0)
    w = rng.normal(size=(9, 5))
    call(rng.normal(size=(100, 9)), w)
    known = len(modules._addresses)
    for rows in range(101, 121):
        x = rng.normal(size=(rows, 9))
        assert_alike(_flat(call(x, w)), _flat(cr.value_and_grad(softmax_loss, (0, 1))(x, w)))
    assert len(modules._addresses) == known


def test_a_long_chain_is_a_few_kernels() -> None:
    def chain(x: Any) -> Any:
        for _ in range(1000):
            x = x + 0.001 * np.sin(x)
        return np.sum(x)

    graph = optimise(cr.trace(cr.grad(chain), np.linspace(0.1, 1.0, 50)))
    runnable = NativeRunnable(graph)
    assert len(runnable.program.kernels) <= 8
    inputs = [node.value for node in graph.inputs]
    assert_alike(runnable.run(inputs), [interpret(graph, *inputs)])
