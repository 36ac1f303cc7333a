"""`trace.py`: how operations on traced values become nodes, at the right level, with safe constants."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.boundary import constant, lift, lower, next_level
from chainrule.errors import ArgumentError, ForeignOperandError, GraphError, ShapeError
from chainrule.graph import COMPONENT, INPUT, Graph
from chainrule.primitive import operations, primitives
from chainrule.source import place_of_call
from chainrule.trace import bind, primitive
from chainrule.traced import VARIABLE_LEVEL, Traced, TracedView, concrete

X = np.array([[0.7, -1.3, 2.1], [1.9, 0.4, -0.6]])


def made(f: Any, *args: Any) -> list[str]:
    return [node.primitive.name for node in cr.trace(f, *args) if node.primitive is not INPUT]


# -- bind --------------------------------------------------------------------------------------------------------------------


def test_plain_arguments_run_and_record_nothing() -> None:
    assert bind(primitives["add"], 1.0, 2.0) == 3.0
    assert not isinstance(operations["multiply"](X, 2.0), Traced)
    assert np.array_equal(operations["sum"](X, axis=(0,), keepdims=False), X.sum(axis=0))


def test_traced_arguments_make_nodes() -> None:
    x = lift(X, "x", 3)
    y = bind(primitives["multiply"], x, 2.0)
    assert isinstance(y, Traced)
    assert y.level == 3
    assert y.node.inputs == (x.node, None)
    assert y.node.arguments[0] is x.node.value
    assert np.array_equal(y.node.value, 2 * X)
    assert lower(y, 3) == (y.node.value, y.node) or lower(y, 3)[1] is y.node
    assert lower(y, 4)[0] is y


def test_every_spelling_of_an_operation_gives_the_same_node() -> None:
    spellings = {
        "add": (lambda x: x + 1.0, lambda x: 1.0 + x, lambda x: np.add(x, 1.0), lambda x: operations["add"](x, 1.0)),
        "negative": (lambda x: -x, lambda x: np.negative(x)),
        "matmul": (lambda x: x @ X.T, lambda x: np.matmul(x, X.T)),
        "sum": (lambda x: x.sum(), lambda x: np.sum(x), lambda x: np.add.reduce(x, axis=None)),
        "transpose": (lambda x: x.T, lambda x: np.transpose(x), lambda x: x.transpose()),
    }
    for programs in spellings.values():
        names = {tuple(made(f, X)) for f in programs}
        assert len(names) == 1
        assert len(names.pop()) == 1


def test_python_functions_on_traced_values() -> None:
    assert cr.grad(lambda x: abs(x) * 2.0)(-3.0) == -2.0
    assert cr.grad(lambda x: divmod(x, 2.0)[1] * x)(3.5) == 1.5 + 3.5
    assert cr.grad(lambda x: pow(x, 3))(2.0) == 12.0
    assert cr.grad(lambda x: sum([x, x * x, 1.0]))(3.0) == 7.0
    assert cr.grad(lambda x: max(x, 1.0) + min(x, 1.0))(3.0) == 1.0
    assert cr.grad(lambda x: round(x, 1) + x)(1.26) == 1.0
    assert np.array_equal(cr.grad(lambda x: sum(row @ row for row in x))(X), 2 * X)
    assert cr.grad(lambda x: x * int(x) + x * len([x]))(3.7) == 4.0


def test_several_results_become_components() -> None:
    nodes = list(cr.trace(lambda x: np.modf(x)[1] + np.modf(x)[0], X))
    assert [node.primitive for node in nodes].count(COMPONENT) == 2
    assert all(node.inputs[0].primitive.outputs == 2 for node in nodes if node.primitive is COMPONENT)


def test_views_are_views_and_copies_are_not() -> None:
    x = lift(X.copy(), "x", next_level())
    for view in (x[0], x.T, x.reshape(-1), x[..., None], np.swapaxes(x, 0, 1)):
        assert isinstance(view, TracedView)
    for copied in (x[[0]], x.copy(), x.T.reshape(-1), x + 0.0, x.flatten()):
        assert not isinstance(copied, TracedView)


# -- levels --------------------------------------------------------------------------------------------------------------------


def test_levels_are_never_used_twice() -> None:
    first = [next_level() for _ in range(3)]
    assert first == sorted(set(first))
    assert first[0] > VARIABLE_LEVEL


def test_an_operation_belongs_to_the_innermost_level() -> None:
    outer, inner = lift(np.float64(2.0), "a", 5), lift(np.float64(3.0), "b", 6)
    product = bind(primitives["multiply"], outer, inner)
    assert product.level == 6
    below = product.node.value
    assert isinstance(below, Traced)
    assert below.level == 5
    assert concrete(product) == 6.0
    assert product.node.inputs == (None, inner.node)


def test_levels_of_threads_do_not_meet() -> None:
    seen: list[int] = []

    def work() -> None:
        for _ in range(200):
            cr.grad(lambda x: seen.append(x.level) or x * x)(1.0)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == len(set(seen)) == 800


def test_a_value_that_escaped_is_refused() -> None:
    kept: list[Any] = []

    def f(x: Any) -> Any:
        kept.append(x * x)
        return kept[-1]

    cr.grad(f)(2.0)
    for use in (lambda x: x * kept[0], lambda x: kept[0], lambda x: x * float(kept[0])):
        with pytest.raises(GraphError, match="A traced value has escaped"):
            cr.grad(use)(3.0)
    assert float(kept[0].value) == 4.0


# -- constants -----------------------------------------------------------------------------------------------------------------


def test_constants_are_safe_to_keep() -> None:
    array = np.ones(3)
    kept = constant(array)
    assert kept is not array
    array[0] = 5.0
    assert np.array_equal(kept, np.ones(3))
    fortran = np.asfortranarray(X)
    assert constant(fortran).flags.f_contiguous
    fixed = np.ones(3)
    fixed.flags.writeable = False
    assert not np.shares_memory(constant(fixed), fixed)  # it may become writeable again
    assert constant(2.0) == 2.0
    assert constant(np.float32(2.0)).dtype == np.float32
    assert np.array_equal(constant([1.0, 2.0]), [1.0, 2.0])
    assert type(constant(np.ones(2).view(type("Sub", (np.ndarray,), {})))) is np.ndarray


@pytest.mark.parametrize(
    "value",
    ["a", None, {1.0}, object(), np.ma.array([1.0]), np.datetime64("2026-01-01")],
    ids=lambda value: type(value).__name__,
)
def test_what_is_no_constant(value: Any) -> None:
    with pytest.raises((ForeignOperandError, ArgumentError)):
        bind(primitives["add"], lift(X, "x", next_level()), value)


def test_pythons_own_complex_numbers_become_numpys() -> None:
    value = (1j * lift(np.float64(2.0), "x", next_level())).node.value
    assert type(value) is np.complex128
    assert cr.grad(lambda x: np.abs(3j + x * (1 + 2j)))(1.5) == pytest.approx(
        (abs(3j + 1.500001 * (1 + 2j)) - abs(3j + 1.499999 * (1 + 2j))) / 2e-6
    )


# -- errors carry the user's words -------------------------------------------------------------------------------------------


def test_shapes_that_do_not_fit() -> None:
    def f(x: Any) -> Any:
        weights = x[0]
        return x.T + weights

    with pytest.raises(ShapeError) as caught:
        cr.trace(f, X)
    assert "add cannot combine shapes (3, 2) and (3,) of weights" in str(caught.value)
    assert "return x.T + weights" in str(caught.value)
    assert isinstance(caught.value.__cause__, ValueError)


def test_types_that_do_not_fit() -> None:
    with pytest.raises(ArgumentError, match="cannot take these arguments"):
        cr.grad(lambda x: np.sum(np.floor(x * 1j)))(X)


# -- declarations ----------------------------------------------------------------------------------------------------------------


def test_a_declaration_enters_the_registry_once() -> None:
    with pytest.raises(ValueError, match="an operation named tanh exists already"):
        primitive("tanh", forward=np.tanh, vjp=(lambda g, y, x: g,))


def test_rules_fit_the_number_of_inputs() -> None:
    for name, record in primitives.items():
        if record.elementwise and not record.samples and isinstance(record.vjp, tuple):
            assert len(record.domain) in (1, len(record.vjp)), name


def test_lift_and_lower() -> None:
    x = lift(X, "x", 9)
    assert (x.name, x.level, x.node.primitive) == ("x", 9, INPUT)
    assert lower(3.0, 9) == (3.0, None)
    assert place_of_call(1)[0] is test_lift_and_lower.__code__


def test_graphs_of_everything_verify() -> None:
    def f(x: Any) -> Any:
        y = np.tanh(x @ X.T)
        y[0] += np.sum(x)
        return np.concatenate([y.ravel(), np.sort(x, axis=None)])[::2]

    program = cr.trace(f, X)
    assert isinstance(program, Graph)
    program.verify()
