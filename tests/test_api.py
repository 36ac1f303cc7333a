"""`api.py`: grad and its family, against closed forms, differences and each other."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import OutputError
from chainrule.graph import INPUT, Graph
from chainrule.traced import Traced

A = np.array([[0.7, -1.3, 2.1], [1.9, 0.4, -0.6]])
B = np.array([0.5, -0.25, 1.5])


def loss(a: Any, b: Any) -> Any:
    """∂/∂a = 2ab² + b, ∂/∂b = Σ 2a²b + a, summed over the rows."""
    return np.sum(a**2 * b**2) + np.sum(a * b)


LOSS_A = 2 * A * B**2 + B
LOSS_B = np.sum(2 * A**2 * B + A, axis=0)


# -- grad and value_and_grad -----------------------------------------------------------------------------------------------


def test_wrt_by_position_name_and_several() -> None:
    for wrt in (0, "a", -2, np.int64(0)):
        assert np.allclose(cr.grad(loss, wrt)(A, B), LOSS_A)
    assert np.allclose(cr.grad(loss, 1)(A, B), LOSS_B)
    assert np.allclose(cr.grad(loss, wrt=-1)(A, B), LOSS_B)
    first, second = cr.grad(loss, (0, "b"))(A, B)
    assert np.allclose(first, LOSS_A)
    assert np.allclose(second, LOSS_B)
    (only,) = cr.grad(loss, ("b",))(A, B)
    assert np.allclose(only, LOSS_B)
    swapped = cr.grad(loss, [1, 0])(A, B)
    assert isinstance(swapped, tuple)
    assert np.allclose(swapped[0], LOSS_B)


def test_arguments_by_keyword() -> None:
    assert np.allclose(cr.grad(loss, "b")(a=A, b=B), LOSS_B)
    assert np.allclose(cr.grad(loss, 1)(A, b=B), LOSS_B)
    assert np.allclose(cr.grad(loss, ("a", "b"))(b=B, a=A)[0], LOSS_A)

    def f(x: Any, *, scale: Any = 2.0, **others: Any) -> Any:
        return np.sum(x) * scale * others.get("more", 1.0)

    assert cr.grad(f, "scale")(B, scale=3.0) == pytest.approx(1.75)
    assert cr.grad(f, "more")(B, more=5.0) == pytest.approx(3.5)
    assert np.array_equal(cr.grad(f)(B), [2.0, 2.0, 2.0])


def test_default_and_variadic_arguments() -> None:
    assert cr.grad(lambda *xs: xs[0] * xs[1] * xs[2], (0, 2))(2.0, 3.0, 5.0) == (15.0, 6.0)
    assert cr.grad(lambda x, power=3: x**power)(2.0) == 12.0
    assert cr.grad(lambda x, /, y: x * y, "x")(2.0, 5.0) == 5.0


def test_values_and_their_types() -> None:
    value, gradient = cr.value_and_grad(loss)(A, B)
    assert type(value) is np.float64
    assert value == loss(A, B)
    assert np.allclose(gradient, LOSS_A)
    value, gradient = cr.value_and_grad(lambda x: x * x)(3.0)
    assert (type(value), type(gradient)) == (np.float64, np.float64)
    value, gradient = cr.value_and_grad(lambda x: x * x)(np.float32(3.0))
    assert (type(value), type(gradient)) == (np.float32, np.float32)
    assert isinstance(cr.grad(lambda x: x * x)(np.array(3.0)), np.ndarray)
    assert cr.grad(lambda x: np.sum(x.astype(np.float64)))(np.ones(2, np.float32)).dtype == np.float32


def test_results_of_one_element_keep_the_shape_of_the_argument() -> None:
    assert np.array_equal(cr.grad(lambda x: x)(np.array([3.0])), [1.0])
    assert np.array_equal(cr.grad(lambda x: x * x)(np.array([[3.0]])), [[6.0]])
    assert cr.grad(lambda x: np.array([1.0]) * x)(3.0) == 1.0


def test_a_result_that_does_not_depend_on_the_argument() -> None:
    assert cr.grad(lambda x: 5.0)(2.0) == 0.0
    assert np.array_equal(cr.grad(lambda x, y: np.sum(y))(A, B), np.zeros_like(A))
    assert cr.grad(lambda x: np.float64(3.0))(np.float32(1.0)).dtype == np.float32
    assert np.array_equal(cr.grad(lambda x: np.sum(np.floor(x)))(B), np.zeros(3))


def test_what_a_function_may_return() -> None:
    for returned in ((1.0, 2.0), {"loss": 1.0}, "x", None, [1.0]):
        with pytest.raises(OutputError):
            cr.grad(lambda x, returned=returned: returned)(1.0)


def test_names_signature_and_text_of_a_derivative() -> None:
    derivative = cr.grad(loss)
    assert derivative.__name__ == "grad_loss"
    assert "loss" in (derivative.__doc__ or "")
    assert inspect.signature(derivative) == inspect.signature(loss)
    assert cr.value_and_grad(loss).__name__ == "value_and_grad_loss"
    for verb in (cr.jacobian, cr.hessian, cr.elementwise_grad):
        assert verb(loss).__name__ == f"{verb.__name__}_loss"


class Pair(NamedTuple):
    w: Any
    b: Any


@dataclass
class Model:
    layers: list[Pair]
    scale: float


def test_nested_arguments() -> None:
    model = Model([Pair(A, B), Pair(B, 2.0)], 3.0)

    def f(model: Model) -> Any:
        hidden = np.sum(model.layers[0].w * model.layers[0].b, axis=1)
        return np.sum(hidden) * model.scale + np.sum(model.layers[1].w) * model.layers[1].b

    gradient = cr.grad(f)(model)
    assert type(gradient) is Model
    assert type(gradient.layers[0]) is Pair
    assert np.allclose(gradient.layers[0].w, 3.0 * np.broadcast_to(B, (2, 3)))
    assert np.allclose(gradient.layers[0].b, 3.0 * A.sum(axis=0))
    assert np.allclose(gradient.layers[1].w, 2.0)
    assert gradient.layers[1].b == pytest.approx(B.sum())
    assert gradient.scale == pytest.approx(np.sum(A * B))
    assert model.scale == 3.0


def test_functions_with_state_and_callable_objects() -> None:
    class Scale:
        def __init__(self, factor: float) -> None:
            self.factor = factor

        def __call__(self, x: Any) -> Any:
            return np.sum(x) * self.factor

        def method(self, x: Any) -> Any:
            return np.sum(x * x) * self.factor

    assert np.array_equal(cr.grad(Scale(3.0))(B), [3.0, 3.0, 3.0])
    assert np.allclose(cr.grad(Scale(3.0).method)(B), 6 * B)


def test_control_flow() -> None:
    def f(x: Any) -> Any:
        total = x * 0.0
        for i in range(5):
            if x > i:
                total = total + x * i
                continue
            total = total - x
        while total < 10:
            total = total * x
        return total

    x = 2.5
    steps = (f(x + 1e-6) - f(x - 1e-6)) / 2e-6
    assert cr.grad(f)(x) == pytest.approx(steps, rel=1e-7)


def test_numpy_matrices_lists_and_other_constants_inside() -> None:
    assert np.array_equal(cr.grad(lambda x: np.sum(x * [1.0, 2.0, 3.0]))(B), [1.0, 2.0, 3.0])
    assert np.array_equal(cr.grad(lambda x: np.dot(x, (1.0, 2.0, 3.0)))(B), [1.0, 2.0, 3.0])


# -- complex ---------------------------------------------------------------------------------------------------------------


def test_complex_gradients_are_the_direction_of_ascent() -> None:
    """∂L/∂a + i ∂L/∂b for z = a + ib: PyTorch's convention."""
    z = np.array([1.0 - 2.0j, 0.5 + 0.25j])
    for f in (
        lambda z: np.sum(np.abs(z) ** 2),
        lambda z: np.sum(np.real(z * z * (2 - 1j))),
        lambda z: np.sum(np.imag(np.exp(z))),
        lambda z: np.sum(np.abs(np.sin(z))),
        lambda z: np.real(np.sum(z) * np.conj(z[0])),
    ):
        expected = np.zeros(2, complex)
        for index in range(2):
            for unit in (1.0, 1j):
                step = np.zeros(2, complex)
                step[index] = 1e-6 * unit
                expected[index] += unit * (f(z + step) - f(z - step)) / 2e-6
        gradient = cr.grad(f)(z)
        assert np.allclose(gradient, expected, rtol=1e-7)
        assert f(z - 1e-3 * gradient) < f(z)


def test_real_arguments_of_complex_programs() -> None:
    gradient = cr.grad(lambda x: np.sum(np.abs(np.exp(1j * x) + x)))(B)
    assert gradient.dtype == np.float64
    expected = [
        (np.abs(np.exp(1j * (b + 1e-6)) + b + 1e-6) - np.abs(np.exp(1j * (b - 1e-6)) + b - 1e-6)) / 2e-6 for b in B
    ]
    assert np.allclose(gradient, expected, rtol=1e-7)


def test_complex_jacobian_of_a_holomorphic_function() -> None:
    z = np.array([1.0 - 2.0j, 0.5 + 0.25j])
    assert np.allclose(cr.jacobian(lambda z: z**2 * (1 + 1j))(z), np.diag(2 * z * (1 + 1j)))
    assert np.allclose(cr.jvp(np.exp, (z,), (np.ones(2) * 1j,))[1], 1j * np.exp(z))


# -- vjp and jvp -----------------------------------------------------------------------------------------------------------


def outputs(x: Any, y: Any) -> dict[str, Any]:
    return {"product": x * y, "sums": [np.sum(x), np.sum(y)], "constant": 3.0}


def test_vjp_of_nested_results() -> None:
    value, pullback = cr.vjp(outputs, A, B)
    assert np.allclose(value["product"], A * B)
    assert value["constant"] == 3.0
    gradients = pullback({"product": np.ones((2, 3)), "sums": [10.0, 0.0], "constant": 1.0})
    assert np.allclose(gradients[0], B + 10.0)
    assert np.allclose(gradients[1], A.sum(axis=0))
    again = pullback({"product": np.zeros((2, 3)), "sums": [0.0, 1.0], "constant": 0.0})
    assert np.array_equal(again[0], np.zeros_like(A))
    assert np.array_equal(again[1], np.ones(3))


def test_vjp_takes_plain_numbers_and_casts_them() -> None:
    _, pullback = cr.vjp(lambda x: x * 2.0, np.float32(3.0))
    gradient = pullback(1)[0]
    assert gradient == 2.0
    assert gradient.dtype == np.float32
    _, pullback = cr.vjp(lambda x: x * 2.0, B)
    assert np.array_equal(pullback(np.array([1, 2, 3]))[0], [2.0, 4.0, 6.0])


def test_vjp_of_a_result_that_is_an_argument_or_constant() -> None:
    assert cr.vjp(lambda x: x, 3.0)[1](5.0) == (5.0,)
    assert cr.vjp(lambda x: 7.0, 3.0)[1](5.0) == (0.0,)
    _, pullback = cr.vjp(lambda x: (x, x), B)
    assert np.array_equal(pullback((np.ones(3), np.ones(3)))[0], [2.0, 2.0, 2.0])


def test_jvp_agrees_with_differences_and_vjp() -> None:
    def f(x: Any, y: Any) -> Any:
        return {"a": np.tanh(x @ y), "b": np.sum(x**3) * y[0]}

    direction = (np.cos(A), np.sin(B))
    value, tangent = cr.jvp(f, (A, B), direction)
    up, down = (f(A + s * 1e-6 * direction[0], B + s * 1e-6 * direction[1]) for s in (1, -1))
    for key in ("a", "b"):
        assert np.allclose(tangent[key], (up[key] - down[key]) / 2e-6, rtol=1e-7)
    cotangent = {"a": np.array([0.3, -0.7]), "b": 1.5}
    gradients = cr.vjp(f, A, B)[1](cotangent)
    left = np.sum(cotangent["a"] * tangent["a"]) + cotangent["b"] * tangent["b"]
    assert left == pytest.approx(np.sum(gradients[0] * direction[0]) + np.sum(gradients[1] * direction[1]))
    assert np.allclose(value["a"], np.tanh(A @ B))


def test_jvp_of_constants_and_nested_arguments() -> None:
    _, tangent = cr.jvp(
        lambda p: (p["x"] * 2.0, 5.0, p["y"][0]), ({"x": 1.0, "y": [3.0]},), ({"x": 10.0, "y": [100.0]},)
    )
    assert (float(tangent[0]), float(tangent[1]), float(tangent[2])) == (20.0, 0.0, 100.0)


def test_jvp_of_branches_that_are_not_taken() -> None:
    x, ones = np.array([0.0, 4.0]), np.ones(2)
    with np.errstate(all="ignore"):
        assert cr.jvp(lambda x: np.sum(np.where(x > 0, np.sqrt(x), 0.0)), (x,), (ones,))[1] == 0.25
        assert cr.jvp(lambda x: np.sum(np.where(x > 0, np.log(x), x)), (x,), (ones,))[1] == 1.25
        assert cr.jvp(lambda x: np.sum(np.sqrt(x)), (x,), (np.array([0.0, 1.0]),))[1] == 0.25  # 0 times infinity is 0
        assert (
            cr.jvp(lambda x: np.sqrt(x[0]) * 1.0, (x,), (ones,))[1] == np.inf
        )  # a derivative that is infinite still shows


# -- jacobian, hessian, hvp ------------------------------------------------------------------------------------------------


def test_jacobians_have_the_shape_of_result_times_argument() -> None:
    jacobian = cr.jacobian(lambda a: np.sum(a * B, axis=1))(A)
    assert jacobian.shape == (2, 2, 3)
    expected = np.zeros((2, 2, 3))
    expected[0, 0], expected[1, 1] = B, B
    assert np.allclose(jacobian, expected)
    assert np.array_equal(cr.jacobian(lambda x: x * 3.0)(2.0), 3.0)
    assert cr.jacobian(lambda x: np.zeros(0) * x)(2.0).shape == (0,)
    assert np.array_equal(cr.jacobian(lambda x: np.ones(2))(B), np.zeros((2, 3)))


def test_jacobians_of_nested_results_and_several_arguments() -> None:
    found = cr.jacobian(outputs, ("x", "y"))(A, B)
    assert found["product"][0].shape == (2, 3, 2, 3)
    assert found["product"][1].shape == (2, 3, 3)
    assert np.array_equal(found["sums"][0][0], np.ones((2, 3)))
    assert np.array_equal(found["constant"][1], np.zeros(3))


def test_hessians_are_symmetric_and_right() -> None:
    def f(x: Any) -> Any:
        return np.sum(np.exp(x) * np.roll(x, 1)) + np.prod(x)

    hessian = cr.hessian(f)(B)
    assert hessian.shape == (3, 3)
    assert np.allclose(hessian, hessian.T)
    gradient = cr.grad(f)
    for column, unit in enumerate(np.eye(3)):
        assert np.allclose(
            hessian[:, column], (gradient(B + 1e-6 * unit) - gradient(B - 1e-6 * unit)) / 2e-6, rtol=1e-6, atol=1e-8
        )


def test_hvp_is_the_hessian_times_the_vector() -> None:
    def f(x: Any) -> Any:
        return np.sum(np.sin(x) * x[::-1]) * np.sum(x)

    vector = np.array([1.0, -2.0, 0.5])
    assert np.allclose(cr.hvp(f, B, vector), cr.hessian(f)(B) @ vector)
    first, second = cr.hvp(loss, (A, B), (np.zeros_like(A), vector))
    assert np.allclose(first, 4 * A * B * vector + vector)
    assert np.allclose(second, np.sum(2 * A**2 * vector, axis=0))


def test_hvp_of_nested_arguments() -> None:
    found = cr.hvp(lambda p: p["x"] ** 2 * p["y"], ({"x": 3.0, "y": 5.0},), ({"x": 1.0, "y": 0.0},))
    assert (float(found[0]["x"]), float(found[0]["y"])) == (10.0, 6.0)


def test_third_and_fourth_derivatives() -> None:
    def f(x: Any) -> Any:
        return np.sin(x) * x**3

    derivative = f
    x, s, c = 2.0, np.sin(2.0), np.cos(2.0)
    for expected in (
        3 * x**2 * s + x**3 * c,
        6 * x * s + 6 * x**2 * c - x**3 * s,
        6 * s + 18 * x * c - 9 * x**2 * s - x**3 * c,
        24 * c - 36 * x * s - 12 * x**2 * c + x**3 * s,
    ):
        derivative = cr.grad(derivative)
        assert derivative(x) == pytest.approx(expected)


def test_mixed_modes() -> None:
    def f(x: Any) -> Any:
        return np.sum(np.tanh(x) ** 2 * np.arange(3.0))

    vector = np.array([1.0, 2.0, 3.0])
    reverse_over_reverse = cr.hvp(f, B, vector)
    forward_over_reverse = cr.jvp(cr.grad(f), (B,), (vector,))[1]
    reverse_over_forward = cr.grad(lambda x: cr.jvp(f, (x,), (vector,))[1])(B)
    assert np.allclose(reverse_over_reverse, forward_over_reverse)
    assert np.allclose(reverse_over_reverse, reverse_over_forward)


def test_nested_differentiation_does_not_confuse_levels() -> None:
    assert cr.grad(lambda x: x * cr.grad(lambda y: x + y)(1.0))(1.0) == 1.0
    assert cr.grad(lambda x: cr.grad(lambda y: x**2 * y**3)(2.0))(3.0) == 72.0
    assert cr.grad(lambda x: x * cr.jvp(lambda y: x * y, (2.0,), (1.0,))[1])(3.0) == 6.0
    inner = cr.grad(lambda x: cr.vjp(lambda y: x * y * y, x)[1](1.0)[0])(3.0)  # x · 2x, differentiated
    assert inner == 12.0


def test_parameters_of_an_inner_problem_carry_their_gradient() -> None:
    def solve(a: Any) -> Any:
        x = 1.0
        for _ in range(20):
            residual, slope = cr.value_and_grad(lambda x: x * x - a)(x)
            x = x - residual / slope
        return x

    assert cr.grad(solve)(4.0) == pytest.approx(0.25)


# -- elementwise_grad, stop_gradient, trace --------------------------------------------------------------------------------


def test_elementwise_grad() -> None:
    assert np.allclose(cr.elementwise_grad(np.tanh)(A), 1 - np.tanh(A) ** 2)
    assert np.allclose(cr.elementwise_grad(cr.elementwise_grad(np.sin))(A), -np.sin(A))
    assert cr.elementwise_grad(lambda x: x**3)(2.0) == 12.0
    first, second = cr.elementwise_grad(lambda x, y: x * y, (0, 1))(A, B)
    assert np.allclose(first, np.broadcast_to(B, (2, 3)))
    assert np.allclose(second, A.sum(axis=0))
    assert np.array_equal(cr.elementwise_grad(lambda x: np.ones(3))(B), np.zeros(3))


def test_stop_gradient() -> None:
    assert cr.grad(lambda x: x * cr.stop_gradient(x * x))(3.0) == 9.0
    assert np.array_equal(cr.stop_gradient(B), B)
    assert cr.stop_gradient({"a": 1.0, "b": [None, "x"]}) == {"a": 1.0, "b": [None, "x"]}
    assert cr.hessian(lambda x: np.sum(x * cr.stop_gradient(x)))(B).tolist() == np.zeros((3, 3)).tolist()
    assert cr.jvp(lambda x: cr.stop_gradient(x) * x, (3.0,), (1.0,))[1] == 3.0
    assert float(cr.grad(lambda x: x * float(cr.stop_gradient(x)))(3.0)) == 3.0


def test_trace_gives_a_graph() -> None:
    graph = cr.trace(loss, A, B)
    assert isinstance(graph, Graph)
    assert [node.name for node in graph.inputs] == ["a", "b"]
    assert graph.outputs[0].value == loss(A, B)
    named = cr.trace(lambda x, count, mode="fast": x * count, 2.0, 3, mode="slow")
    assert [node.name for node in named.inputs] == ["x"]  # only what is floating can be an input
    nested = cr.trace(lambda p: p["w"] * p["b"], {"w": B, "b": 2.0})
    assert len(nested.inputs) == 2
    assert all(node.primitive is INPUT for node in nested.inputs)
    assert not isinstance(graph.outputs[0].value, Traced)


def test_the_backward_pass_is_a_graph_of_the_same_operations() -> None:
    graph = cr.trace(cr.grad(loss), A, B)
    graph.verify()
    assert np.allclose(graph.outputs[0].value, LOSS_A)
