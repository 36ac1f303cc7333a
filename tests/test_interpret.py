"""The interpreter: what a graph means, node by node, and the executors that give it."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.run import builder, evaluate, interpret
from chainrule.source import Place


def program(params, x):
    hidden = np.maximum(x @ params["W"], 0.0)
    u, s, vh = np.linalg.svd(hidden.T @ hidden)
    rows = hidden[[0, 2, 2]]
    total = np.zeros_like(hidden)
    total[1:] += rows[:1]
    return np.sum(total) + np.sum(s) * u[0, 0] * vh[0, 0], rows


ARGUMENTS = ({"W": np.array([[0.5, -1.0], [2.0, 0.3]])}, np.array([[1.0, 2.0], [0.4, -0.7], [1.1, 0.2]]))


def test_a_graph_gives_the_very_numbers_of_its_program():
    graph = cr.trace(program, *ARGUMENTS)
    loss, rows = interpret(graph, ARGUMENTS[0]["W"], ARGUMENTS[1])
    expected_loss, expected_rows = program(*ARGUMENTS)
    assert loss == expected_loss
    np.testing.assert_array_equal(rows, expected_rows)


def test_every_node_has_the_value_that_was_recorded():
    graph = cr.trace(program, *ARGUMENTS)
    values = evaluate(graph, (ARGUMENTS[0]["W"], ARGUMENTS[1]))
    assert list(values) == list(graph.nodes)
    for node, value in values.items():
        if node.primitive.outputs == 1:
            np.testing.assert_array_equal(value, node.value, err_msg=str(node))


def test_the_recorded_backward_pass_is_a_program_as_well():
    def f(x):
        return np.sum(np.exp(x) / (1.0 + x * x))

    x, other = np.array([0.1, 0.9]), np.array([-1.5, 2.5])
    graph = cr.trace(cr.grad(f), x)
    np.testing.assert_array_equal(interpret(graph, x), cr.grad(f)(x))
    np.testing.assert_allclose(interpret(graph, other), cr.grad(f)(other), rtol=1e-15)


def test_other_shapes_and_counts_are_refused():
    graph = cr.trace(lambda x, y: x * y, np.ones(3), 2.0)
    with pytest.raises(
        cr.errors.ArgumentError, match="The graph has 2 inputs and was given 1. Give one array for each."
    ):
        interpret(graph, np.ones(3))
    message = r"recorded with x of type float64\[3\], and was given float64\[4\]. Trace the function again"
    with pytest.raises(cr.errors.ArgumentError, match=message):
        interpret(graph, np.ones(4), 2.0)
    with pytest.raises(cr.errors.ArgumentError, match=r"was given float32\[3\]"):
        interpret(graph, np.ones(3, np.float32), 2.0)


def test_executors_by_name():
    graph = cr.trace(lambda x: x * x, 3.0)
    for name in (None, "numpy", "native"):
        assert builder(name)(graph).run([np.float64(5.0)]) == [25.0]
    with pytest.raises(cr.errors.ArgumentError, match="no executor named 'magic'. There are: native, numpy."):
        builder("magic")


def test_a_place_without_code_says_so():
    assert str(Place(None, 0)) == "unknown place"
