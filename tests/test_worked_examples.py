"""The worked examples of the teaching posts, A1–A11, B1–B11, C1–C5: from programs of ten lines or fewer, every number and formula."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_digits

import chainrule as cr
from chainrule.differentiate import backpropagate
from chainrule.graph import Graph

POINTS = np.random.default_rng(20).uniform(-2.0, 2.0, (5, 8))


class Passes:
    """Both passes through a program: the value and the gradient of every named node, and the contribution on every edge."""

    def __init__(self, f: Callable[..., Any], *arguments: Any) -> None:
        self.graph: Graph = cr.trace(f, *arguments)
        self.names = self.graph.names()
        self.edges: dict[tuple[str, str, int], Any] = {}
        (output,) = self.graph.outputs
        found = backpropagate([(output, np.ones_like(output.value)[()])], observe=self._observe, keep=True)
        self.gradients = {self.names[node]: g for node, g in found.items()}
        self.values = {self.names[node]: node.value for node in self.graph}
        self.gradients.setdefault(self.names[output], np.float64(1.0))

    def _observe(self, node: Any, index: int, contribution: Any) -> None:
        key = (self.names[node], self.names[node.inputs[index]])
        self.edges[*key, sum(1 for known in self.edges if known[:2] == key)] = contribution

    def edge(self, user: str, source: str) -> Any:
        """The contribution to `source` from `user`; the sum where `user` reads it twice."""
        return sum(value for key, value in self.edges.items() if key[:2] == (user, source))

    def local(self, user: str, source: str) -> Any:
        """The local derivative at a node: its contribution divided by what came from above."""
        return self.edge(user, source) / self.gradients[user]


def assert_short(*programs: Callable[..., Any]) -> None:
    """The body of each program is ten lines or fewer."""
    for program in programs:
        body = ast.parse(textwrap.dedent(inspect.getsource(program))).body[0]
        assert isinstance(body, ast.FunctionDef)
        assert (body.end_lineno or 0) - body.body[0].lineno + 1 <= 10


def sigmoid(a: Any) -> Any:
    return 1.0 / (1.0 + np.exp(-a))


# -- A: scalar graphs ------------------------------------------------------------------------------------------------------


def shopping(apple: Any, apple_count: Any, orange: Any, orange_count: Any, tax: Any) -> Any:
    apples = apple * apple_count
    oranges = orange * orange_count
    fruit = apples + oranges
    total = fruit * tax
    return total


def test_a1_shopping() -> None:
    assert_short(shopping)
    p = Passes(shopping, 100.0, 2.0, 150.0, 3.0, 1.1)
    assert [p.values[name] for name in ("apples", "oranges", "fruit", "total")] == pytest.approx([200, 450, 650, 715])
    wanted = {"apple": 2.2, "apple_count": 110, "orange": 3.3, "orange_count": 165, "tax": 650}
    assert {name: p.gradients[name] for name in wanted} == pytest.approx(wanted)
    assert {name: p.gradients[name] for name in ("fruit", "apples", "oranges")} == pytest.approx(
        {"fruit": 1.1, "apples": 1.1, "oranges": 1.1}
    )
    gradients = cr.grad(shopping, (0, 1, 2, 3, 4))(100.0, 2.0, 150.0, 3.0, 1.1)
    assert gradients == pytest.approx(tuple(wanted.values()))


@pytest.mark.parametrize("point", POINTS)
def test_a2_square_of_a_sum(point: Any) -> None:
    def square(x: Any, y: Any) -> Any:
        w = x + y
        z = w**2
        return z

    x, y = point[:2]
    p = Passes(square, x, y)
    assert p.local("z", "w") == pytest.approx(2 * (x + y))
    assert (p.local("w", "x"), p.local("w", "y")) == (1.0, 1.0)
    assert p.gradients["x"] == pytest.approx(2 * (x + y))
    assert p.gradients["y"] == pytest.approx(2 * (x + y))


@pytest.mark.parametrize("point", POINTS)
def test_a3_add_node_passes_the_gradient_on(point: Any) -> None:
    x, y, g = point[:3]
    _, pullback = cr.vjp(lambda x, y: x + y, x, y)
    assert pullback(g) == (g, g)


@pytest.mark.parametrize("point", POINTS)
def test_a4_multiply_node_multiplies_by_the_other_input(point: Any) -> None:
    x, y, g = point[:3]
    _, pullback = cr.vjp(lambda x, y: x * y, x, y)
    assert pullback(g) == (g * y, g * x)


@pytest.mark.parametrize("point", POINTS)
def test_a5_max_node(point: Any) -> None:
    a, b, g = point[:3]
    for f in (np.maximum, max, lambda a, b: np.max(np.stack([a, b]))):
        _, pullback = cr.vjp(f, a, b)
        assert pullback(g) == (g * (a > b), g * (a < b))


def test_a5_a_tie_gives_each_side_half() -> None:
    assert cr.vjp(np.maximum, 1.5, 1.5)[1](3.0) == (1.5, 1.5)


@pytest.mark.parametrize("point", POINTS)
def test_a6_sigmoid_node(point: Any) -> None:
    a, g = point[:2]
    s, pullback = cr.vjp(sigmoid, a)
    assert s == pytest.approx(1 / (1 + np.exp(-a)))
    assert pullback(g)[0] == pytest.approx(g * s * (1 - s))


def product_graph(x: Any, y: Any, z: Any, target: Any = -10.0) -> Any:
    q = x + y
    f = q * z
    L = (target - f) ** 2
    return L


def test_a7_the_product_graph() -> None:
    assert_short(product_graph)
    p = Passes(product_graph, -2.0, 5.0, -4.0)
    assert (p.values["q"], p.values["f"], p.values["L"]) == (3.0, -12.0, 4.0)
    wanted = {"f": -4.0, "q": 16.0, "x": 16.0, "y": 16.0, "z": -12.0}
    assert {name: p.gradients[name] for name in wanted} == wanted
    assert (p.local("f", "q"), p.local("f", "z"), p.local("q", "x"), p.local("q", "y")) == (-4.0, 3.0, 1.0, 1.0)
    assert cr.grad(product_graph, (0, 1, 2))(-2.0, 5.0, -4.0) == (16.0, 16.0, -12.0)


@pytest.mark.parametrize("point", POINTS)
def test_a7_the_formulas_and_the_update(point: Any) -> None:
    x, y, z, target = point[:4]
    p = Passes(product_graph, x, y, z, target)
    df = -2 * (target - (x + y) * z)
    wanted = {"f": df, "q": df * z, "x": df * z, "y": df * z, "z": df * (x + y), "target": -df}
    assert {name: p.gradients[name] for name in wanted} == pytest.approx(wanted)
    lr = 1e-4
    value, (dx, dy, dz) = cr.value_and_grad(product_graph, ("x", "y", "z"))(x, y, z, target=target)
    assert product_graph(x - lr * dx, y - lr * dy, z - lr * dz, target) < value


@pytest.mark.parametrize("point", POINTS)
def test_a8_composition(point: Any) -> None:
    def composed(x: Any) -> Any:
        mid = np.sin(x)
        out = np.exp(mid)
        return out

    p = Passes(composed, point[0])
    assert p.gradients["mid"] == pytest.approx(np.exp(np.sin(point[0])))
    assert p.local("mid", "x") == pytest.approx(np.cos(point[0]))
    assert p.gradients["x"] == pytest.approx(p.local("out", "mid") * p.local("mid", "x"))


@pytest.mark.parametrize("point", POINTS)
def test_a9_branching(point: Any) -> None:
    def branching(mid: Any) -> Any:
        out1 = np.sin(mid)
        out2 = mid * 3.0
        out = out1 + out2
        return out

    p = Passes(branching, point[0])
    assert p.edge("out1", "mid") == pytest.approx(np.cos(point[0]))
    assert p.edge("out2", "mid") == 3.0
    assert p.gradients["mid"] == pytest.approx(p.edge("out1", "mid") + p.edge("out2", "mid"))


@pytest.mark.parametrize("point", POINTS)
def test_a10_memoisation(point: Any) -> None:
    def diamond(v: Any) -> Any:
        w = v * v
        x = np.sin(w)
        y = w * 5.0
        z = x * y
        return z

    p = Passes(diamond, point[0])
    assert p.gradients["w"] == pytest.approx(
        p.local("y", "w") * p.gradients["y"] + p.local("x", "w") * p.gradients["x"]
    )
    assert p.gradients["v"] == pytest.approx(p.local("w", "v") * p.gradients["w"])
    w = point[0] ** 2
    assert p.gradients["v"] == pytest.approx((5 * np.sin(w) + 5 * w * np.cos(w)) * 2 * point[0])
    assert sorted(p.gradients) == ["v", "w", "x", "y", "z"]  # each ∂z/∂· once
    assert len(p.edges) == 6  # v is read twice by its square


@pytest.mark.parametrize("margin_sign", [1, -1])
@pytest.mark.parametrize("point", POINTS)
def test_a11_hinge_loss(point: Any, margin_sign: int) -> None:
    def hinge(w: Any, phi: Any, y: Any) -> Any:
        margin = np.dot(w, phi) * y
        loss = max(0.0, 1.0 - margin)
        return loss

    w, phi = point[:3], point[3:6]
    y = float(margin_sign * np.sign(w @ phi)) / abs(w @ phi) * (2.0 if margin_sign > 0 else 1.0)  # margins 2 and −1
    margin = w @ phi * y
    assert margin == pytest.approx(2.0 if margin_sign > 0 else -1.0)
    assert np.allclose(cr.grad(hinge)(w, phi, y), -1.0 * (margin < 1) * phi * y)
    vectorised = cr.grad(lambda w: np.maximum(0.0, 1.0 - np.dot(w, phi) * y))(w)
    assert np.allclose(vectorised, -1.0 * (margin < 1) * phi * y)


# -- B: linear regression --------------------------------------------------------------------------------------------------


MODELS: dict[str, Callable[[Any, Any], Any]] = {
    "θx": lambda theta, x: theta[0] * x[0],
    "θ1·x + θ0": lambda theta, x: theta[1] * x[0] + theta[0],
    "θ2·x2 + θ1·x1 + θ0": lambda theta, x: theta[2] * x[1] + theta[1] * x[0] + theta[0],
}


def features(model: str, x: np.ndarray) -> np.ndarray:
    """∂z1/∂θ of one sample, from the formula."""
    return {"θx": x[:1], "θ1·x + θ0": np.array([1.0, x[0]]), "θ2·x2 + θ1·x1 + θ0": np.array([1.0, x[0], x[1]])}[model]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("point", POINTS)
def test_b1_b4_b7_one_sample(model: str, point: Any) -> None:
    def one_sample(theta: Any, x: Any, y: Any) -> Any:
        z1 = MODELS[model](theta, x)
        z2 = y - z1
        L = z2**2
        return L

    x, y, theta = point[:2], point[2], point[3 : 3 + len(features(model, point[:2]))]
    p = Passes(one_sample, theta, x, y)
    z1 = theta @ features(model, x)
    assert p.values["L"] == pytest.approx((y - z1) ** 2)
    assert p.gradients["z2"] == pytest.approx(2 * (y - z1))
    (into_z1,) = [
        value / p.gradients["z2"] for (user, source, _), value in p.edges.items() if user == "z2" and source != "y"
    ]
    assert into_z1 == -1.0
    assert p.gradients["theta"] == pytest.approx(-2 * (y - z1) * features(model, x))
    lr = 0.01
    updated = theta - lr * cr.grad(one_sample)(theta, x, y)
    assert updated == pytest.approx(theta + lr * 2 * features(model, x) * (y - z1))


def test_b1_the_gradient_at_the_prediction() -> None:
    def one_sample(theta: Any, x: Any, y: Any) -> Any:
        z1 = theta * x
        z2 = y - z1
        L = z2**2
        return L

    theta, x, y = 0.5, 3.0, 2.0
    p = Passes(one_sample, theta, x, y)
    assert p.gradients["z1"] == -2 * (y - theta * x) == -1.0
    assert p.gradients["theta"] == -2 * x * (y - theta * x) == -3.0


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("point", POINTS)
def test_b2_b5_b8_two_samples(model: str, point: Any) -> None:
    def two_samples(theta: Any, xs: Any, ys: Any) -> Any:
        z2_1 = ys[0] - MODELS[model](theta, xs[0])
        z2_2 = ys[1] - MODELS[model](theta, xs[1])
        J = 0.5 * (z2_1**2 + z2_2**2)
        return J

    xs, ys = point[:4].reshape(2, 2), point[4:6]
    theta = np.linspace(-1.0, 1.5, len(features(model, xs[0])))
    p = Passes(two_samples, theta, xs, ys)
    residuals = [y - theta @ features(model, x) for x, y in zip(xs, ys, strict=True)]
    assert p.values["J"] == pytest.approx(0.5 * (residuals[0] ** 2 + residuals[1] ** 2))
    assert p.gradients["z2_1"] == pytest.approx(0.5 * 2 * residuals[0])
    assert p.gradients["z2_2"] == pytest.approx(0.5 * 2 * residuals[1])
    terms = [-0.5 * 2 * features(model, x) * residual for x, residual in zip(xs, residuals, strict=True)]
    assert p.gradients["theta"] == pytest.approx(terms[0] + terms[1])
    for position in (0, 1):  # each sample's term on its own: the other cotangent is silent
        seeds = [
            (node, g)
            for node, name in p.names.items()
            if name == f"z2_{position + 1}" and (g := p.gradients[name]) is not None
        ]
        assert backpropagate(seeds)[p.graph.inputs[0]] == pytest.approx(terms[position])


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("point", POINTS)
def test_b3_b6_b9_vectorised_the_jacobian_of_each_node(model: str, point: Any) -> None:
    xs, ys = point[:6].reshape(3, 2), point[5:8]
    design = np.stack([features(model, x) for x in xs])
    theta = np.linspace(-1.0, 1.5, design.shape[1])
    z1 = design @ theta
    z2 = ys - z1
    steps: list[tuple[Callable[[Any], Any], Any, np.ndarray]] = [
        (lambda theta: design @ theta, theta, design),
        (lambda z1: ys - z1, z1, -np.eye(3)),
        (lambda z2: z2**2, z2, np.diag(2 * z2)),
        (lambda L: np.mean(L), z2**2, np.full(3, 1 / 3)),
    ]
    product = np.eye(design.shape[1])
    for step, at, expected in steps:
        found = cr.jacobian(step)(at)
        assert found.shape == expected.shape
        assert np.allclose(found, expected, rtol=1e-12, atol=1e-15)
        product = found @ product
    gradient = cr.grad(lambda theta: np.mean((ys - design @ theta) ** 2))(theta)
    assert np.allclose(product, gradient)
    assert np.allclose(gradient, -2 / 3 * design.T @ z2)


@pytest.mark.parametrize("point", POINTS)
def test_b10_mean_squared_error_by_formula(point: Any) -> None:
    def loss(a: Any, b: Any, x: Any, y: Any) -> Any:
        predicted = a * x + b
        return np.mean((y - predicted) ** 2)

    (a, b), x, y = point[:2], point[2:5], point[5:8]
    residual = y - (a * x + b)
    da, db = cr.grad(loss, (0, 1))(a, b, x, y)
    assert da == pytest.approx(-(2 / 3) * np.sum(x * residual))
    assert db == pytest.approx(-(2 / 3) * np.sum(residual))


@pytest.mark.parametrize("columns", [1, 2])
@pytest.mark.parametrize("batch", ["full", "mini", "one"])
def test_b11_gradient_descent_reaches_the_least_squares_solution(columns: int, batch: str) -> None:
    data = load_diabetes()
    x, y = data.data[:, [2, 8][:columns]], data.target / 100.0
    x = np.column_stack([np.ones(len(x)), x / x.std(axis=0)])
    best = np.linalg.lstsq(x, y, rcond=None)[0]

    gradient = cr.grad(lambda theta, x, y: np.mean((y - x @ theta) ** 2))
    rng = np.random.default_rng(0)
    theta, size = np.zeros(columns + 1), {"full": len(x), "mini": 64, "one": 1}[batch]
    epochs = {"full": 150, "mini": 60, "one": 12}[batch]
    for epoch in range(epochs):
        rate = 0.3 if batch == "full" else (0.2 if batch == "mini" else 0.02) / (1 + 0.5 * epoch)
        order = rng.permutation(len(x)) if batch != "full" else np.arange(len(x))
        for start in range(0, len(x), size):
            rows = order[start : start + size]
            theta = theta - rate * gradient(theta, x[rows], y[rows])
    distance = np.linalg.norm(theta - best) / np.linalg.norm(best)
    assert distance < {"full": 1e-9, "mini": 0.02, "one": 0.05}[batch]


# -- C: networks -----------------------------------------------------------------------------------------------------------


def network(
    w1: Any, w2: Any, w3: Any, w4: Any, w5: Any, w6: Any, w7: Any, w8: Any, x1: Any, x2: Any, t1: Any, t2: Any
) -> Any:
    h1 = 1 / (1 + np.exp(-(w1 * x1 + w2 * x2)))
    h2 = 1 / (1 + np.exp(-(w3 * x1 + w4 * x2)))
    o1 = 1 / (1 + np.exp(-(w5 * h1 + w6 * h2)))
    o2 = 1 / (1 + np.exp(-(w7 * h1 + w8 * h2)))
    E1 = 0.5 * (t1 - o1) ** 2
    E2 = 0.5 * (t2 - o2) ** 2
    E = E1 + E2
    return E


@pytest.mark.parametrize("point", POINTS)
def test_c1_sigmoid_network_all_eight_partials(point: Any) -> None:
    assert_short(network)
    w = point
    (x1, x2), (t1, t2) = (0.35, 0.9), (0.5, 0.1)
    h1, h2 = sigmoid(w[0] * x1 + w[1] * x2), sigmoid(w[2] * x1 + w[3] * x2)
    o1, o2 = sigmoid(w[4] * h1 + w[5] * h2), sigmoid(w[6] * h1 + w[7] * h2)
    d1, d2 = -(t1 - o1) * o1 * (1 - o1), -(t2 - o2) * o2 * (1 - o2)
    dh1, dh2 = d1 * w[4] + d2 * w[6], d1 * w[5] + d2 * w[7]
    expected = [
        dh1 * h1 * (1 - h1) * x1,
        dh1 * h1 * (1 - h1) * x2,
        dh2 * h2 * (1 - h2) * x1,
        dh2 * h2 * (1 - h2) * x2,
        d1 * h1,
        d1 * h2,
        d2 * h1,
        d2 * h2,
    ]
    arguments = (*w, x1, x2, t1, t2)
    gradients = cr.grad(network, tuple(range(8)))(*arguments)
    assert gradients == pytest.approx(expected, rel=1e-12)

    p = Passes(network, *arguments)
    assert p.gradients["h1"] == pytest.approx(dh1)
    assert {p.values[name] == pytest.approx(value) for name, value in (("h1", h1), ("o2", o2))} == {True}
    updated = [weight - 0.5 * g for weight, g in zip(w, gradients, strict=True)]
    assert network(*updated, x1, x2, t1, t2) < network(*arguments)


@pytest.mark.parametrize("point", POINTS)
def test_c1_the_same_network_with_matrices(point: Any) -> None:
    def with_matrices(W1: Any, W2: Any, x: Any, t: Any) -> Any:
        h = sigmoid(W1 @ x)
        o = sigmoid(W2 @ h)
        E = np.sum(0.5 * (t - o) ** 2)
        return E

    x, t = np.array([0.35, 0.9]), np.array([0.5, 0.1])
    W1, W2 = point[:4].reshape(2, 2), point[4:].reshape(2, 2)
    scalars = cr.grad(network, tuple(range(8)))(*point, *x, *t)
    first, second = cr.grad(with_matrices, (0, 1))(W1, W2, x, t)
    assert [*first.ravel(), *second.ravel()] == pytest.approx(list(scalars), rel=1e-12)


def test_c2_norm_of_a_linear_map() -> None:
    def norm(W: Any, x: Any) -> Any:
        q = W @ x
        f = np.sum(q**2)
        return f

    W, x = np.array([[0.1, 0.5], [-0.3, 0.8]]), np.array([0.2, 0.4])
    p = Passes(norm, W, x)
    assert p.values["q"] == pytest.approx(np.array([0.22, 0.26]))
    assert p.values["f"] == pytest.approx(0.116)
    assert p.gradients["q"] == pytest.approx(2 * p.values["q"])
    assert p.gradients["W"] == pytest.approx(np.array([[0.088, 0.176], [0.104, 0.208]]))
    assert p.gradients["x"] == pytest.approx(np.array([-0.112, 0.636]))
    dW, dx = cr.grad(norm, ("W", "x"))(W, x)
    assert np.allclose(dW, 2 * np.outer(W @ x, x), rtol=1e-14)
    assert np.allclose(dx, 2 * W.T @ (W @ x), rtol=1e-14)
    assert all(p.gradients[name].shape == np.shape(p.values[name]) for name in ("W", "x", "q"))


@pytest.mark.parametrize("point", POINTS)
def test_c3_feed_forward_network_with_l2(point: Any) -> None:
    def objective(W: Any, v: Any, x: Any, y: Any, lam: Any) -> Any:
        a = W @ x
        h = 1 / (1 + np.exp(-a))
        yhat = v @ h
        loss = (yhat - y) ** 2 + lam * (np.sum(W**2) + np.sum(v**2))
        return loss

    assert_short(objective)
    W, v, x, y, lam = point[:4].reshape(2, 2), point[4:6], point[6:8], 0.7, 0.1
    p = Passes(objective, W, v, x, y, lam)
    h = sigmoid(W @ x)
    g = 2 * (v @ h - y)
    assert p.gradients["yhat"] == pytest.approx(g)
    assert p.gradients["v"] == pytest.approx(g * h + 2 * lam * v)
    assert p.gradients["h"] == pytest.approx(g * v)
    through_sigmoid = g * v * h * (1 - h)
    assert p.gradients["a"] == pytest.approx(through_sigmoid)
    assert p.gradients["W"] == pytest.approx(np.outer(through_sigmoid, x) + 2 * lam * W)


def elu(x: Any) -> Any:
    return np.where(x > 0, x, np.exp(np.minimum(x, 0.0)) - 1.0)


ACTIVATIONS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any], Callable[[Any], Any]]] = {
    "sigmoid": (sigmoid, lambda x: 1 / (1 + np.exp(-x)), lambda x: np.exp(-x) / (1 + np.exp(-x)) ** 2),
    "tanh": (np.tanh, np.tanh, lambda x: 1 - np.tanh(x) ** 2),
    "ReLU": (lambda x: np.maximum(x, 0.0), lambda x: x * (x > 0), lambda x: 1.0 * (x > 0)),
    "leaky ReLU": (
        lambda x: np.where(x > 0, x, 0.01 * x),
        lambda x: np.where(x > 0, x, 0.01 * x),
        lambda x: np.where(x > 0, 1, 0.01),
    ),
    "ELU": (elu, lambda x: np.where(x > 0, x, np.expm1(x)), lambda x: np.where(x > 0, 1.0, np.exp(x))),
    "maxout": (
        lambda x: np.max(np.stack([0.5 * x, -x, 2.0 * x - 1.0]), axis=0),
        lambda x: np.maximum(np.maximum(0.5 * x, -x), 2 * x - 1),
        lambda x: np.where(x < 0, -1.0, np.where(x < 2 / 3, 0.5, 2.0)),
    ),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_c4_activations(name: str) -> None:
    f, value, derivative = ACTIVATIONS[name]
    x = np.array([-3.0, -1.2, -0.1, 0.2, 0.5, 0.9, 2.5])
    assert np.allclose(f(x), value(x), rtol=1e-14)
    assert np.allclose(cr.elementwise_grad(f)(x), derivative(x), rtol=1e-13)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_c5_deeper_networks_learn_real_data(name: str) -> None:
    activation = ACTIVATIONS[name][0]
    digits = load_digits()
    x, labels = digits.data[:900] / 16.0, np.eye(10)[digits.target[:900]]

    def loss(weights: Any, x: Any, labels: Any) -> Any:
        hidden = x
        for weight in weights[:-1]:
            hidden = activation(hidden @ weight)
        scores = hidden @ weights[-1]
        shifted = scores - np.max(scores, axis=1, keepdims=True)
        return np.mean(np.log(np.sum(np.exp(shifted), axis=1)) - np.sum(shifted * labels, axis=1))

    rng = np.random.default_rng(3)
    weights = [rng.normal(size=shape) * np.sqrt(2.0 / shape[0]) for shape in ((64, 32), (32, 24), (24, 10))]
    first = loss(weights, x, labels)
    step = cr.grad(loss)
    rate = 1.0 if name == "sigmoid" else 0.15
    for _ in range(20 if name == "sigmoid" else 5):
        for rows in np.split(rng.permutation(900), 20):
            gradients = step(weights, x[rows], labels[rows])
            weights = [weight - rate * g for weight, g in zip(weights, gradients, strict=True)]
    assert loss(weights, x, labels) < 0.5 * first
