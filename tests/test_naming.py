"""Results of the user's own helper functions carry the names that the caller gives them."""

import sys

import numpy as np
import pytest

import chainrule as cr


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def layer(W, x):
    return sigmoid(W @ x)


class Model:
    def __init__(self):
        self.hidden = None

    def forward(self, W, x):
        self.hidden = layer(W, x)
        return self.hidden


def names(f, *arguments):
    return [node.name for node in cr.trace(f, *arguments) if node.inputs and node.name]


W, X = np.array([[0.5, -1.0], [2.0, 0.3]]), np.array([0.4, 0.2])


def test_a_helper_and_a_helper_of_a_helper():
    def f(W, x):
        h = layer(W, x)
        o = sigmoid(np.sum(h))
        return o * o

    assert names(f, W, X) == ["h", "o"]


def test_a_method_an_attribute_and_a_lambda():
    def f(W, x):
        model = Model()
        out = model.forward(W, x)
        square = (lambda t: t * t)(out)
        return np.sum(square)

    assert names(f, W, X) == ["hidden", "square"]


def test_a_name_inside_the_helper_is_kept():
    def helper(x):
        inner = x * x
        return inner

    def f(x):
        outer = helper(x)
        return outer + 1.0

    assert names(f, 2.0) == ["inner"]


def test_the_forward_nodes_of_a_recorded_gradient_are_named_too():
    def f(x):
        h = sigmoid(x)
        return h * h

    assert "h" in names(cr.grad(f), 0.3)


def test_nobody_assigns_it():
    assert names(lambda x: sigmoid(x) * 2.0, 0.3) == []


def test_a_profiler_of_the_user_is_put_back_also_after_an_error():
    def profiler(*_):
        return None

    def broken(x):
        raise KeyError("mine")

    sys.setprofile(profiler)
    try:
        cr.trace(lambda x: x * x, 1.0)
        assert sys.getprofile() is profiler
        with pytest.raises(KeyError, match="mine"):
            cr.trace(broken, 1.0)
        assert sys.getprofile() is profiler
    finally:
        sys.setprofile(None)
