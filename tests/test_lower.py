"""The lowering against the interpreter: programs are run in NumPy by tests/program_reference.py, so no native code takes part."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from lowered_programs import compare, lowered, prepared
from primitive_cases import cases, numbers, restricted
from program_reference import run_program
from random_programs import Program, programs

import chainrule as cr
from chainrule.errors import ChainruleError
from chainrule.graph import Graph
from chainrule.lower.program import Call, Copy, Launch, Product, Step
from chainrule.primitive import primitives
from chainrule.replay import differentiate


def run(graph: Graph, inputs: list[Any]) -> list[Any]:
    return run_program(lowered(graph), inputs)


def total(function: Any) -> Any:
    """A number made of all results of a function."""
    return lambda *given: np.sum(np.real(function(*given)) * 1.5)


@pytest.mark.parametrize("name", sorted(primitives))
@pytest.mark.filterwarnings("ignore")
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


def gradient_graph(program: Program) -> Graph:
    """The graph of a random program and all its gradients."""
    arguments = program.arguments
    function = program.function()
    names = tuple(arguments)
    return cr.trace(
        cr.value_and_grad(lambda *given: np.sum(function(*given)), tuple(range(len(names)))), *arguments.values()
    )


@settings(max_examples=150)
@given(programs())
@pytest.mark.filterwarnings("ignore")
def test_random_programs(program: Program) -> None:
    compare(gradient_graph(program), run)


def steps_of(f: Any, *arguments: Any, **options: Any) -> list[Step]:
    return list(lowered(prepared(cr.trace(f, *arguments)), **options).steps)


def kinds(steps: list[Step]) -> list[str]:
    return [type(step).__name__ for step in steps]


def test_an_elementwise_chain_with_its_sum_is_one_loop() -> None:
    assert kinds(steps_of(lambda x: np.sum(np.tanh(x) * x + x**2), np.ones((40, 50)))) == ["Launch"]


def test_softmax_is_one_loop_of_three_sweeps() -> None:
    def softmax(x: Any) -> Any:
        e = np.exp(x - x.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)

    (step,) = steps_of(softmax, np.random.default_rng(0).normal(size=(20, 30)))
    assert isinstance(step, Launch)
    assert max(step.kernel.phases) == 2


def test_transposed_operands_of_a_product_are_read_where_they_lie() -> None:
    steps = steps_of(lambda x, g: x.T @ g, np.ones((4, 2)), np.ones((4, 3)))
    assert kinds(steps) == ["Product"]


def test_an_update_by_a_product_has_no_gradient_array() -> None:
    def step(W: Any, x: Any, g: Any, lr: Any) -> Any:
        return W - lr * (x.T @ g)

    arguments = np.ones((2, 3)), np.ones((4, 2)), np.ones((4, 3)), 0.1
    (update,) = steps_of(step, *arguments, aliases={0: 0})
    assert isinstance(update, Product)
    assert (update.factor, update.keep) == (-1.0, 1.0)
    assert kinds(steps_of(step, *arguments)) == ["Copy", "Product"]


def test_a_donated_input_that_is_read_later_is_overwritten_at_the_end_only() -> None:
    def f(W: Any, x: Any) -> Any:
        new = W * 2.0
        return new, x @ W.T, W[::-1].copy()

    rng = np.random.default_rng(0)
    W, x = rng.normal(size=(3, 3)), rng.normal(size=(2, 3))
    program = lowered(cr.trace(f, W, x), aliases={0: 0})
    assert isinstance(program.steps[-1], Copy)
    results = run_program(program, [W, x])
    for ours, truth in zip(results, f(W, x), strict=True):
        np.testing.assert_allclose(ours, truth)


def test_what_kernels_do_not_know_is_called() -> None:
    steps = steps_of(lambda x: np.linalg.inv(x + 1.0) * 2.0, np.eye(3))
    assert kinds(steps) == ["Launch", "Call", "Launch"]
    assert isinstance(steps[1], Call)


def test_memory_is_used_again() -> None:
    def chain(x: Any) -> Any:
        for _ in range(200):
            x = np.linalg.inv(x)  # nothing fuses
        return x

    program = lowered(cr.trace(chain, np.eye(16)))
    assert program.arena <= 3 * 16 * 16 * 8


def test_partial_results_do_not_depend_on_threads_but_on_sizes() -> None:
    x = np.random.default_rng(0).normal(size=(500, 700))
    first, second = steps_of(lambda x: np.sum(x * x), x)
    assert isinstance(first, Launch)
    assert isinstance(second, Launch)
    assert first.extents[0] > first.chunk
    compare(cr.trace(lambda x: np.sum(x * x, axis=0), x), run)
    compare(cr.trace(lambda x: np.max(x), x), run)
