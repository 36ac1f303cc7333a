"""Graph to graph: replaying, and the gradient as a graph of the same operations."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.replay import differentiate, replay
from chainrule.run import interpret


def network(W, b, x):
    hidden = np.tanh(W @ x + b)
    scores = np.where(hidden > 0, hidden, np.exp(hidden))
    return np.sum(scores[1:] * scores[:-1]) + np.linalg.eigh(W @ W.T)[0][0]


ARGUMENTS = (np.array([[0.3, -1.2], [0.7, 0.5], [-0.4, 2.0]])[:2], np.array([0.1, -0.2]), np.array([1.0, -0.5]))


def test_the_gradient_of_a_graph_is_a_graph_with_the_same_inputs():
    graph = cr.trace(network, *ARGUMENTS)
    backward = differentiate(graph)
    backward.verify()
    assert [node.name for node in backward.inputs] == ["W", "b", "x"]
    gradients = cr.grad(network, wrt=(0, 1, 2))(*ARGUMENTS)
    for computed, expected in zip(interpret(backward, *ARGUMENTS), gradients, strict=True):
        np.testing.assert_array_equal(computed, expected)


def test_it_holds_at_other_inputs_of_the_same_branch():
    graph = differentiate(cr.trace(lambda x, y: np.sum(np.sin(x * y) / y), np.ones(3), np.ones(3)))
    x, y = np.array([0.5, -1.0, 2.0]), np.array([1.5, 0.3, -2.0])
    first, second = interpret(graph, x, y)
    np.testing.assert_allclose(first, np.cos(x * y), rtol=1e-14)
    np.testing.assert_allclose(second, x * np.cos(x * y) / y - np.sin(x * y) / y**2, rtol=1e-13)


def test_it_can_be_differentiated_again():
    graph = cr.trace(lambda x: x**3 * np.exp(x), 0.7)
    x, e = 0.7, np.exp(0.7)
    second = differentiate(differentiate(graph))
    assert float(interpret(second, x)) == pytest.approx((x**3 + 6 * x**2 + 6 * x) * e, rel=1e-13)


def test_forward_nodes_keep_their_names_and_lines_and_backward_ones_the_lines():
    def f(x):
        q = x * x
        return np.sin(q)

    graph = cr.trace(f, 2.0)
    backward = differentiate(graph)
    lines = {node.line for node in graph if node.inputs}
    assert {node.line for node in backward if node.inputs} == lines
    assert "q" in [node.name for node in backward]


def test_replay_runs_on_plain_and_on_traced_inputs():
    graph = cr.trace(network, *ARGUMENTS)
    (plain,) = replay(graph, ARGUMENTS)
    assert float(plain) == float(network(*ARGUMENTS))
    np.testing.assert_array_equal(
        cr.grad(lambda b: replay(graph, (ARGUMENTS[0], b, ARGUMENTS[2]))[0])(ARGUMENTS[1]),
        cr.grad(network, wrt="b")(*ARGUMENTS),
    )


def test_an_input_that_does_not_matter_gets_zeros():
    graph = differentiate(cr.trace(lambda x, y: x * 2.0, 3.0, np.ones(2)))
    first, second = interpret(graph, 3.0, np.ones(2))
    assert float(first) == 2.0
    np.testing.assert_array_equal(second, np.zeros(2))


def test_a_graph_without_a_single_number_is_refused():
    with pytest.raises(cr.errors.OutputError, match="differentiate needs a graph with one number as output"):
        differentiate(cr.trace(lambda x: x * 2.0, np.ones(3)))
