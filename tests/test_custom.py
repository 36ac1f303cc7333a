"""`custom.py`: derivatives of the user's own, and inner values that are computed twice."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import ArgumentError, GraphError
from chainrule.graph import INPUT

X = np.array([0.3, -1.2, 2.0])


def logistic(a: Any) -> Any:
    """Computed in a way that cannot be traced."""
    return np.array([1.0 / (1.0 + np.exp(-float(element))) for element in np.ravel(a)]).reshape(np.shape(a))


sigmoid = cr.custom_derivative(logistic, vjp=lambda g, y, a: g * y * (1 - y))


# -- custom_derivative -----------------------------------------------------------------------------------------------------


def test_the_rule_is_used() -> None:
    s = logistic(X)
    assert np.allclose(sigmoid(X), s)
    assert np.allclose(cr.grad(lambda x: np.sum(sigmoid(x)))(X), s * (1 - s))
    assert np.allclose(
        cr.grad(lambda x: np.sum(sigmoid(2.0 * x) ** 2))(X), 4 * logistic(2 * X) ** 2 * (1 - logistic(2 * X))
    )


def test_higher_derivatives_and_forward_mode_come_from_the_rule() -> None:
    s = logistic(X)
    second = cr.elementwise_grad(cr.elementwise_grad(sigmoid))(X)
    assert np.allclose(second, s * (1 - s) * (1 - 2 * s))
    direction = np.array([1.0, 2.0, 3.0])
    assert np.allclose(cr.jvp(sigmoid, (X,), (direction,))[1], s * (1 - s) * direction)
    assert np.allclose(cr.hessian(lambda x: np.sum(sigmoid(x)))(X), np.diag(second))
    assert np.allclose(cr.jacobian(sigmoid)(X), np.diag(s * (1 - s)))


def test_several_inputs_and_inputs_without_gradient() -> None:
    scaled = cr.custom_derivative(lambda x, n: x * n, vjp=lambda g, y, x, n: (g * n, None))
    assert np.array_equal(cr.grad(lambda x: np.sum(scaled(x, 3.0)))(X), [3.0, 3.0, 3.0])
    assert np.array_equal(cr.grad(lambda n: np.sum(scaled(X, n)))(3.0), 0.0)
    product = cr.custom_derivative(lambda a, b: a @ b, vjp=lambda g, y, a, b: [g * b, g * a])
    first, second = cr.grad(lambda a, b: product(a, b), (0, 1))(X, X * 2)
    assert np.allclose(first, 2 * X)
    assert np.allclose(second, X)


def test_keywords_are_settings() -> None:
    power = cr.custom_derivative(lambda x, *, n: x**n, vjp=lambda g, y, x, *, n: g * n * x ** (n - 1))
    assert np.allclose(cr.grad(lambda x: np.sum(power(x, n=3)))(X), 3 * X**2)
    assert np.allclose(cr.hessian(lambda x: np.sum(power(x, n=3)))(X), np.diag(6 * X))


def test_complex_values_without_conjugation() -> None:
    square = cr.custom_derivative(lambda z: z * z, vjp=lambda g, y, z: g * 2 * z)
    z = np.array([1.0 + 2.0j, 0.5])
    assert np.allclose(cr.grad(lambda z: np.abs(np.sum(square(z))))(z), cr.grad(lambda z: np.abs(np.sum(z * z)))(z))


def test_a_rule_that_is_wrong_on_purpose_shows_that_it_is_used() -> None:
    clipped = cr.custom_derivative(lambda x: x * 1.0, vjp=lambda g, y, x: np.clip(g, -1.0, 1.0))
    assert np.array_equal(cr.grad(lambda x: np.sum(clipped(x) * np.array([0.5, 5.0, -5.0])))(X), [0.5, 1.0, -1.0])


def test_the_result_is_its_own() -> None:
    identity = cr.custom_derivative(lambda x: x, vjp=lambda g, y, x: g)
    value, pullback = cr.vjp(identity, X)
    value[:] = 7.0
    assert np.array_equal(pullback(np.ones(3))[0], np.ones(3))
    assert identity(X) is not X


def test_names_and_places() -> None:
    assert sigmoid.__name__ == "logistic"
    assert sigmoid.__doc__ == logistic.__doc__
    assert inspect.signature(sigmoid) == inspect.signature(logistic)

    def f(x: Any) -> Any:
        hidden = sigmoid(x)
        return np.sum(hidden)

    node = next(node for node in cr.trace(f, X) if node.primitive.name == "logistic")
    assert (node.name, node.place.text) == ("hidden", "hidden = sigmoid(x)")


def test_what_goes_wrong() -> None:
    with pytest.raises(ArgumentError, match="returned 1 gradients for 2 inputs"):
        cr.grad(lambda x: cr.custom_derivative(np.hypot, lambda g, y, a, b: g)(x, x))(1.0)
    with pytest.raises(ArgumentError, match=r"returned shape \(2,\) for input 0, which has shape \(3,\)"):
        cr.grad(lambda x: np.sum(cr.custom_derivative(np.sin, lambda g, y, a: np.ones(2))(x)))(X)
    with pytest.raises(GraphError, match="not among its arguments"):
        cr.grad(lambda x: cr.custom_derivative(lambda y: x * y, lambda g, z, y: g)(x))(1.0)
    with pytest.raises(ZeroDivisionError):
        cr.grad(cr.custom_derivative(lambda x: 1 / 0, lambda g, y, x: g))(1.0)
    with pytest.raises(ValueError, match="mine"):
        cr.grad(cr.custom_derivative(_raises, lambda g, y, x: g))(1.0)


def _raises(x: Any) -> Any:
    raise ValueError("mine")


def _writes(h: Any) -> Any:
    h += 1.0
    return h * h


@pytest.mark.parametrize("wrap", [cr.checkpoint, lambda f: cr.custom_derivative(f, lambda g, y, h: g * 2 * (h + 1))])
def test_a_function_that_writes_into_its_argument_is_refused(wrap: Any) -> None:
    with pytest.raises(GraphError, match="writes into its argument"):
        cr.grad(lambda x: np.sum(wrap(_writes)(x * 2.0)))(X)


def test_a_rule_that_writes_into_the_cotangent_is_refused() -> None:
    def rule(g: Any, y: Any, x: Any) -> Any:
        g *= 2.0
        return g

    doubled = cr.custom_derivative(np.positive, rule)
    with pytest.raises(GraphError, match=r"The vjp of positive .* writes into its argument"):
        cr.grad(lambda x: np.sum((doubled(x) + x) * X))(X)


# -- checkpoint --------------------------------------------------------------------------------------------------------------


def block(x: Any, w: Any) -> Any:
    h = np.tanh(x * w)
    return h * h + x


def test_a_checkpoint_changes_no_number() -> None:
    w = np.array([1.5, -0.5, 0.25])

    def f(x: Any, w: Any, block: Any = block) -> Any:
        for _ in range(3):
            x = block(x, w)
        return np.sum(x)

    def g(x: Any, w: Any) -> Any:
        return f(x, w, cr.checkpoint(block))

    assert f(X, w) == g(X, w)
    for wrt in (0, 1):
        assert np.array_equal(cr.grad(f, wrt)(X, w), cr.grad(g, wrt)(X, w))
        assert np.allclose(cr.hessian(f, wrt)(X, w), cr.hessian(g, wrt)(X, w), rtol=1e-12, atol=1e-14)
    assert np.allclose(cr.jvp(f, (X, w), (w, X))[1], cr.jvp(g, (X, w), (w, X))[1])


def test_a_checkpoint_keeps_no_inner_values() -> None:
    def f(x: Any, inner: Any) -> Any:
        return np.sum(inner(x))

    def chain(x: Any) -> Any:
        for _ in range(50):
            x = np.sin(x)
        return x

    whole, short = (cr.trace(lambda x, g=g: f(x, g), X) for g in (chain, cr.checkpoint(chain)))
    assert len(whole) == 52
    assert len(short) <= 4
    assert short.inputs[0].primitive is INPUT
    assert np.array_equal(cr.grad(lambda x: f(x, cr.checkpoint(chain)))(X), cr.grad(lambda x: f(x, chain))(X))


def test_a_checkpoint_runs_its_function_twice() -> None:
    calls = []

    def counted(x: Any) -> Any:
        calls.append(1)
        return np.sin(x)

    cr.grad(lambda x: np.sum(cr.checkpoint(counted)(x)))(X)
    assert len(calls) == 2
    assert cr.checkpoint(counted)(1.0) == np.sin(1.0)
    assert len(calls) == 3


def test_nested_arguments_results_and_settings() -> None:
    def layer(parameters: Any, x: Any, mode: str, power: int = 2) -> Any:
        assert mode == "train"
        h = parameters["w"] * x + parameters["b"][0]
        return {"h": h**power, "parts": (np.sum(h), [h[0]])}

    def f(parameters: Any, layer: Any = layer) -> Any:
        out = layer(parameters, X, "train", power=3)
        return np.sum(out["h"]) * out["parts"][0] + out["parts"][1][0]

    parameters = {"w": np.array([1.0, 2.0, 3.0]), "b": [0.5]}
    plain = cr.grad(f)(parameters)
    kept = cr.grad(lambda parameters: f(parameters, cr.checkpoint(layer)))(parameters)
    assert np.allclose(plain["w"], kept["w"])
    assert plain["b"][0] == pytest.approx(kept["b"][0])


def test_checkpoints_in_checkpoints_and_complex_values() -> None:
    inner = cr.checkpoint(np.sin)
    outer = cr.checkpoint(lambda x: inner(inner(x) * 2.0))
    assert np.allclose(cr.elementwise_grad(outer)(X), np.cos(2 * np.sin(X)) * 2 * np.cos(X))
    z = np.array([1.0 + 2.0j, 0.5])
    assert np.allclose(
        cr.grad(lambda z: np.abs(np.sum(cr.checkpoint(np.exp)(z))))(z), cr.grad(lambda z: np.abs(np.sum(np.exp(z))))(z)
    )


def test_a_checkpoint_that_closes_over_a_traced_value_is_refused() -> None:
    with pytest.raises(GraphError, match="in checkpoint"):
        cr.grad(lambda x: cr.checkpoint(lambda y: x * y)(x))(1.0)
    with pytest.raises(GraphError, match="in checkpoint"):
        cr.grad(lambda x: cr.checkpoint(lambda y, z=None: z * y)(x, z=x))(1.0)


def test_whole_numbers_and_indices_pass_through() -> None:
    assert np.allclose(cr.grad(lambda x: np.sum(cr.checkpoint(lambda x, n: x**n)(x, 3)))(X), 3 * X**2)
    assert np.array_equal(
        cr.grad(lambda x: np.sum(cr.checkpoint(lambda x, i: x[i])(x, np.array([0, 0]))))(X), [2.0, 0.0, 0.0]
    )


def test_errors_of_the_user_pass_through_unchanged() -> None:
    with pytest.raises(ValueError, match=r"^mine$"):
        cr.grad(cr.checkpoint(_raises))(1.0)
