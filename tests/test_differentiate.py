"""The backward driver: contributions on edges, sums in a fixed order, exact zeros, reads of parts in place."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.differentiate import backpropagate, differentiable_nodes, pull_back


def traced_program(function, *arguments):
    graph = cr.trace(function, *arguments)
    return graph, graph.outputs[0]


def test_contributions_on_the_edges_add_up_to_the_gradient():
    def f(x):
        first = np.sin(x)
        second = x * first
        return np.sum(first + second * x)

    x = np.array([0.3, -1.2, 2.0])
    graph, end = traced_program(f, x)
    seen = {}
    cotangents = backpropagate(
        [(end, np.float64(1.0))],
        observe=lambda node, index, contribution: seen.setdefault(node.inputs[index], []).append(contribution),
    )
    source = graph.inputs[0]
    assert len(seen[source]) == 3  # sin, and the two products that read x
    total = seen[source][0]
    for contribution in seen[source][1:]:
        total = total + contribution
    np.testing.assert_array_equal(total, cotangents[source])  # bit for bit: in the driver's own order
    np.testing.assert_array_equal(cotangents[source], cr.grad(f)(x))


def test_both_edges_of_a_square_carry_their_own_contribution():
    graph, end = traced_program(lambda x: x * x, 3.0)
    seen = []
    backpropagate([(end, np.float64(1.0))], observe=lambda node, index, value: seen.append((index, float(value))))
    assert seen == [(0, 3.0), (1, 3.0)]
    assert graph.inputs[0] is end.inputs[0]


def test_every_node_keeps_its_cotangent_when_asked():
    def f(x, y, z):
        q = x + y
        return q * z

    graph, end = traced_program(f, -2.0, 5.0, -4.0)
    cotangents = backpropagate([(end, np.float64(1.0))], keep=True)
    names = graph.names()
    assert {names[node]: float(g) for node, g in cotangents.items()} == {
        "%1": 1.0,
        "q": -4.0,
        "x": -4.0,
        "y": -4.0,
        "z": 3.0,
    }


def test_nothing_behind_a_gradient_free_operation_is_visited():
    graph, end = traced_program(lambda x: x * np.floor(np.exp(x)), 1.5)
    visited = {node.primitive.name for node in differentiable_nodes([end])}
    assert visited == {"multiply", "floor", "input"}
    assert pull_back([(end, np.float64(1.0))], graph.inputs) == [4.0]


@pytest.mark.parametrize(
    ("f", "x", "expected"),
    [
        (lambda x: np.sum(np.where(x > 0, np.sqrt(x), 0.0)), [0.0, 4.0], [0.0, 0.25]),
        (lambda x: np.sum(np.where(x > 0, np.log(x), x)), [0.0, 2.0], [1.0, 0.5]),
        (lambda x: np.sum(np.where(x > 0, x * np.log(x), 0.0)), [0.0, 1.0], [0.0, 1.0]),
        (lambda x: np.sum(np.where(x != 0, np.sin(x) / x, 1.0)), [0.0, np.pi], [0.0, -1 / np.pi]),
        (lambda x: np.sum(np.maximum(np.sqrt(np.abs(x)), 1.0)), [0.0, 4.0], [0.0, 0.25]),
        (lambda x: np.sum(np.clip(1 / x, -3.0, 3.0)), [0.0, 1.0], [0.0, -1.0]),
        (lambda x: np.sum(np.where(x < 700, x, np.exp(x))), [1.0, 800.0], [1.0, np.inf]),
    ],
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_branch_that_was_not_taken_contributes_exactly_zero(f, x, expected):
    np.testing.assert_allclose(cr.grad(f)(np.array(x)), expected, rtol=1e-13)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_masked_rows_of_a_product_do_not_poison_the_other_factor():
    mask = np.array([[True], [False]])
    rows = np.array([[1.0, 2.0], [np.nan, np.inf]])
    weights = np.array([[0.5, -1.0, 2.0], [1.0, 3.0, 0.0]])

    def f(w):
        return np.sum(np.where(mask, rows @ w, 0.0))

    np.testing.assert_allclose(cr.grad(f)(weights), np.array([[1.0] * 3, [2.0] * 3]))


def test_a_nan_of_the_users_own_values_still_shows():
    gradient = cr.grad(lambda x: np.sum(x * x))(np.array([np.nan, 3.0]))
    np.testing.assert_array_equal(gradient, [np.nan, 6.0])


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_second_derivatives_through_the_guard():
    def f(x):
        return np.where(x > 0, x**3 * np.sqrt(x), -(x**2))

    assert cr.grad(cr.grad(f))(-2.0) == -2.0
    assert cr.grad(cr.grad(f))(4.0) == pytest.approx(3.5 * 2.5 * 4.0**1.5)
    assert cr.grad(cr.grad(f))(0.0) == -2.0


def test_reads_of_parts_are_added_in_place_and_never_into_somebody_elses_array():
    x = np.arange(1.0, 5.0)

    def f(x):
        return np.sum(x * x) + x[1] * x[2] + np.sum(x[1:] * 10.0) + np.sum(x[[0, 0]] * 100.0)

    expected = 2 * x
    expected[1] += x[2]
    expected[2] += x[1]
    expected[1:] += 10.0
    expected[0] += 200.0
    np.testing.assert_allclose(cr.grad(f)(x), expected)
    value, pullback = cr.vjp(lambda x: x[1:] + x[:-1], x)
    cotangent = np.ones(3)
    np.testing.assert_allclose(pullback(cotangent)[0], [1, 2, 2, 1])
    np.testing.assert_array_equal(cotangent, np.ones(3))
    np.testing.assert_allclose(value, x[1:] + x[:-1])


def test_a_cotangent_shared_by_two_inputs_is_not_changed_by_a_read_of_one():
    def f(a, b):
        total = a + b  # the same array of cotangents goes to a and to b
        return np.sum(total * 2.0) + a[0]

    first, second = cr.grad(f, wrt=(0, 1))(np.zeros(2), np.zeros(2))
    np.testing.assert_array_equal(first, [3.0, 2.0])
    np.testing.assert_array_equal(second, [2.0, 2.0])


def test_dtypes_of_mixed_precision_follow_each_input():
    single, double = np.ones(3, np.float32), np.ones(3)
    first, second = cr.grad(lambda a, b: np.sum(a * b), wrt=(0, 1))(single, double)
    assert (first.dtype, second.dtype) == (np.float32, np.float64)


def test_a_freed_graph_names_the_variable():
    x = cr.variable(2.0)
    y = x * x
    y.backward(free=True)
    with pytest.raises(cr.errors.GraphError, match="The graph of y was freed"):
        (y * 3.0).backward()
