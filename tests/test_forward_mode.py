"""Forward mode: jvp on programs and operations, against differences and reverse mode; and mixed with reverse mode in any order."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from gradient_checker import check, extrapolated, inner

import chainrule as cr

RNG = np.random.default_rng(5)
X = RNG.uniform(0.4, 1.6, (3, 4))
W = RNG.uniform(-1.0, 1.0, (4, 2))
B = RNG.uniform(-1.0, 1.0, 2)
S = RNG.uniform(-1.0, 1.0, (3, 3)) + 3.0 * np.eye(3)
V = RNG.uniform(-1.0, 1.0, 5)


def layer(x: Any, w: Any, b: Any) -> Any:
    return np.tanh(x @ w + b)


def branches(x: Any) -> Any:
    total = 0.0
    for row in x:
        total = total + np.sum(np.sin(row)) if np.sum(row) > 3.0 else total * np.prod(row) + row[0]
    return total


def writes(x: Any) -> Any:
    y = x * 2.0
    y[1] *= x[0]
    y[:, 0] = np.sum(x, axis=1)
    view = y.T
    view[2] = 0.5
    return y @ y.T


def choices(x: Any) -> Any:
    return np.where(x > 1.0, np.sqrt(x), x**3) + np.maximum(x, 0.9) * np.sort(x, axis=1) + np.clip(x, 0.5, 1.2)


def symmetric(a: Any) -> Any:
    return a + np.swapaxes(a, -1, -2)


PROGRAMS: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "layer": (layer, (X, W, B)),
    "branches": (branches, (X,)),
    "writes": (writes, (X,)),
    "choices": (choices, (X,)),
    "softmax cross-entropy": (
        lambda x: -np.sum(np.log(np.exp(x) / np.sum(np.exp(x), axis=1, keepdims=True))[:, 1]),
        (X,),
    ),
    "several results": (lambda x, b: {"sum": np.sum(x), "rest": [x[0], np.outer(b, b)]}, (X, B)),
    "nested arguments": (lambda p: p["w"][0] @ p["w"][1] + p["b"], ({"w": [X, W], "b": B},)),
    "reductions": (lambda x: np.std(x, axis=0) * np.max(x, axis=0) + np.median(x, axis=0) * np.linalg.norm(x), (X,)),
    "indices": (
        lambda x: np.concatenate([x[[2, 0, 0]], x[::-1]])[x[:, 0].argsort()[0] :, np.array([True, False, True, True])],
        (X,),
    ),
    "cumulative": (lambda x: np.cumprod(x, axis=1) + np.cumsum(x, axis=0) - np.roll(x, 1), (X,)),
    "einsum": (lambda x, w: np.einsum("ij,jk,ij->k", x, w, x), (X, W)),
    "convolution and fft": (lambda v: np.abs(np.fft.rfft(np.convolve(v, v))), (V,)),
    "a constant": (lambda x: (np.ones(2), x * 0.0), (X,)),
    "eigh": (lambda a: np.linalg.eigh(symmetric(a)), (S,)),
    "eigvalsh": (lambda a: np.linalg.eigvalsh(symmetric(a)), (S,)),
    "svd": (lambda a: np.linalg.svd(a, full_matrices=False), (X,)),
    "qr": (np.linalg.qr, (X.T,)),
    "slogdet": (np.linalg.slogdet, (S,)),
    "inv, det, solve": (lambda a, b: (np.linalg.inv(a), np.linalg.det(a), np.linalg.solve(a, b)), (S, X)),
    "cholesky": (lambda a: np.linalg.cholesky(a @ a.T + np.eye(3)), (S,)),
    "pinv and lstsq": (lambda a, b: (np.linalg.pinv(a), np.linalg.lstsq(a, b)[0]), (X.T, V[:4])),
    "modf and frexp": (lambda x: (np.modf(x), np.frexp(x)[0], np.divmod(x, 0.3)), (X,)),
    "a stack of matrices": (lambda a: np.linalg.eigh(symmetric(np.stack([a, a @ a * 0.1]))), (S,)),
    "custom_derivative": (
        lambda x: cr.custom_derivative(lambda t: np.asarray(t) ** 3, vjp=lambda g, y, t: g * 3 * t * t)(x),
        (X,),
    ),
    "checkpoint": (lambda x: cr.checkpoint(lambda t: np.sin(t) * t)(x), (X,)),
}


def total(tree: Any, weights: Any) -> Any:
    """Re ⟨weights, tree⟩ over all leaves."""
    return sum(inner(w, t) for w, t in zip(cr.trees.leaves(weights), cr.trees.leaves(tree), strict=True))


def like(tree: Any, seed: int) -> Any:
    """Random numbers in the containers of `tree`."""
    rng = np.random.default_rng(seed)
    return cr.trees.transform(
        lambda leaf: np.asarray(rng.uniform(0.5, 1.5, np.shape(leaf))).astype(np.asarray(leaf).dtype)[()], tree
    )


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_tangent_is_the_derivative_along_a_line(name: str) -> None:
    program, arguments = PROGRAMS[name]
    tangents = like(arguments, 1)
    value, tangent = cr.jvp(program, arguments, tangents)
    plain = program(*arguments)
    weights = like(plain, 2)

    def line(t: Any) -> Any:
        moved = [cr.trees.rebuild(a, [x + t * d for x, d in zip(cr.trees.leaves(a), cr.trees.leaves(d), strict=True)])
                 for a, d in zip(arguments, tangents, strict=True)]  # fmt: skip
        return total(program(*moved), weights)

    expected, doubt = extrapolated(line, 2.0**-8)
    assert doubt < 1e-6
    assert abs(total(tangent, weights) - expected) <= 1e-7 * max(1.0, abs(expected)) + 2 * doubt
    for ours, numpys in zip(cr.trees.leaves(value), cr.trees.leaves(plain), strict=True):
        np.testing.assert_allclose(ours, numpys, rtol=1e-13)
    for t, v in zip(cr.trees.leaves(tangent), cr.trees.leaves(value), strict=True):
        assert np.shape(t) == np.shape(v)
        assert np.asarray(t).dtype == np.asarray(v).dtype


@pytest.mark.parametrize("name", PROGRAMS)
def test_forward_and_reverse_mode_are_transposes(name: str) -> None:
    program, arguments = PROGRAMS[name]
    tangents = like(arguments, 3)
    value, tangent = cr.jvp(program, arguments, tangents)
    weights = like(value, 4)
    gradients = cr.vjp(program, *arguments)[1](weights)
    np.testing.assert_allclose(total(tangent, weights), total(gradients, tangents), rtol=1e-10, atol=1e-12)


def loss(x: Any) -> Any:
    return np.sum(np.log1p(np.exp(x[0] * x[1:]))) + np.prod(x) + np.sum(np.where(x > 0, x**3, x**2))


POINT = np.array([0.7, -0.4, 1.1, 0.6])
DIRECTION = np.array([0.3, 1.0, -0.5, 0.8])


def test_hvp_is_hessian_times_vector() -> None:
    hessian = cr.hessian(loss)(POINT)
    np.testing.assert_allclose(hessian, hessian.T, rtol=1e-13)
    np.testing.assert_allclose(cr.hvp(loss, POINT, DIRECTION), hessian @ DIRECTION, rtol=1e-12)
    np.testing.assert_allclose(cr.hvp(loss, (POINT,), (DIRECTION,))[0], hessian @ DIRECTION, rtol=1e-12)


def test_hvp_of_several_arguments() -> None:
    def f(x: Any, w: Any) -> Any:
        return np.sum(np.tanh(x @ w) ** 2)

    x, w = X[:2], W
    blocks = cr.hessian(f, (0, 1))(x, w)
    dx, dw = like((x, w), 6)
    product = cr.hvp(f, (x, w), (dx, dw))
    for row, ours in enumerate(product):
        expected = sum(np.tensordot(blocks[row][column], d, axes=2) for column, d in enumerate((dx, dw)))
        np.testing.assert_allclose(ours, expected, rtol=1e-11, atol=1e-13)


def test_every_mixture_of_modes_gives_the_same_second_derivative() -> None:
    expected = cr.hessian(loss)(POINT) @ DIRECTION
    forward_over_reverse = cr.jvp(cr.grad(loss), (POINT,), (DIRECTION,))[1]
    reverse_over_forward = cr.grad(lambda x: cr.jvp(loss, (x,), (DIRECTION,))[1])(POINT)
    reverse_over_reverse = cr.grad(lambda x: np.sum(cr.grad(loss)(x) * DIRECTION))(POINT)
    for product in (forward_over_reverse, reverse_over_forward, reverse_over_reverse):
        np.testing.assert_allclose(product, expected, rtol=1e-12)
    forward_over_forward = cr.jvp(lambda x: cr.jvp(loss, (x,), (DIRECTION,))[1], (POINT,), (DIRECTION,))[1]
    np.testing.assert_allclose(forward_over_forward, DIRECTION @ expected, rtol=1e-12)


@pytest.mark.parametrize("modes", list(itertools.product("fr", repeat=3)), ids="".join)
def test_third_derivatives_in_every_mixture_of_modes(modes: tuple[str, ...]) -> None:
    def derivative(f: Callable[..., Any], mode: str) -> Callable[..., Any]:
        return cr.grad(f) if mode == "r" else lambda x: cr.jvp(f, (x,), (1.0,))[1]

    def f(x: Any) -> Any:
        return np.exp(np.sin(x)) * x**3 / (1.0 + x * x)

    g: Any = f
    for mode in modes:
        g = derivative(g, mode)
    h: Any = cr.grad(cr.grad(cr.grad(f)))
    assert abs(g(0.8) - h(0.8)) < 1e-11
    second = cr.grad(cr.grad(f))
    expected, doubt = extrapolated(lambda t: second(0.8 + t), 2.0**-6)
    assert abs(g(0.8) - expected) < 1e-8 + doubt


DIFFERENTIATED_AGAIN = ("layer", "branches", "writes", "choices", "eigh", "svd", "qr", "slogdet", "inv, det, solve", "cholesky",
                        "reductions", "convolution and fft")  # fmt: skip


@pytest.mark.parametrize("name", DIFFERENTIATED_AGAIN)
def test_jvp_can_be_differentiated_by_either_mode(name: str) -> None:
    program, arguments = PROGRAMS[name]
    tangents = [like(argument, 8) for argument in arguments]

    def pushed(*moving: Any) -> Any:
        return cr.jvp(program, moving, tangents)[1]

    check(pushed, *arguments, order=1, every_element=False).assert_right(name)


def test_jvp_of_grad_of_jvp_stays_apart_from_the_outer_tangents() -> None:
    """Perturbation confusion: each differentiation has its own tangents."""

    def inner_derivative(x: Any) -> Any:
        return cr.jvp(lambda y: x * y, (1.0,), (1.0,))[1]

    assert cr.jvp(lambda x: x * inner_derivative(x), (3.0,), (1.0,))[1] == 6.0
    assert cr.grad(lambda x: x * inner_derivative(x))(3.0) == 6.0
    assert cr.jvp(lambda x: x * cr.grad(lambda y: x + y * x)(1.0), (3.0,), (1.0,))[1] == 6.0


def test_a_traced_tangent_keeps_its_own_derivative() -> None:
    """The tangent may depend on the point: both contributions arrive."""

    def along_itself(x: Any) -> Any:
        return cr.jvp(lambda y: y**3, (x,), (x * x,))[1]  # 3x²·x² = 3x⁴

    np.testing.assert_allclose(cr.grad(along_itself)(1.3), 12 * 1.3**3, rtol=1e-13)


def test_what_a_tangent_of_zero_passes_through_stays_zero() -> None:
    """A branch that was not taken gives 0, also where its derivative is infinite."""

    def safe(x: Any) -> Any:
        return np.where(x > 0, np.sqrt(np.where(x > 0, x, 0.0)), 0.0)

    x = np.array([0.0, 4.0])
    assert cr.jvp(safe, (x,), (np.ones(2),))[1].tolist() == [0.0, 0.25]
    assert cr.jvp(np.sqrt, (x,), (np.array([0.0, 1.0]),))[1].tolist() == [0.0, 0.25]
    assert np.isinf(cr.jvp(np.sqrt, (x,), (np.ones(2),))[1][0])


def test_complex_tangents_move_both_parts() -> None:
    z = np.array([0.5 + 1.0j, -0.3 + 0.2j])
    t = np.array([1.0 - 2.0j, 0.7j])
    np.testing.assert_allclose(cr.jvp(np.exp, (z,), (t,))[1], np.exp(z) * t, rtol=1e-14)
    np.testing.assert_allclose(cr.jvp(np.conj, (z,), (t,))[1], np.conj(t), rtol=1e-14)
    np.testing.assert_allclose(cr.jvp(np.abs, (z,), (t,))[1], np.real(np.conj(z) * t) / np.abs(z), rtol=1e-14)
    np.testing.assert_allclose(cr.jvp(np.angle, (z,), (t,))[1], np.imag(np.conj(z) * t) / np.abs(z) ** 2, rtol=1e-14)
    np.testing.assert_allclose(cr.jvp(np.real, (z,), (t,))[1], t.real, rtol=1e-14)
    np.testing.assert_allclose(cr.jvp(np.imag, (z,), (t,))[1], t.imag, rtol=1e-14)


def test_single_precision_stays_single() -> None:
    x, w, b = (a.astype(np.float32) for a in (X, W, B))
    value, tangent = cr.jvp(layer, (x, w, b), (x, w, b))
    assert value.dtype == tangent.dtype == np.float32


def test_the_tangent_is_the_users_own() -> None:
    x, t = np.ones(3), np.array([1.0, 2.0, 3.0])
    for f in (lambda x: x, lambda x: x[1:], lambda x: (x, x), lambda x: np.broadcast_to(x, (2, 3))):
        _, tangent = cr.jvp(f, (x,), (t,))
        for leaf in cr.trees.leaves(tangent):
            assert leaf.flags.writeable
            leaf[...] = -1.0
        assert t.tolist() == [1.0, 2.0, 3.0]


@pytest.mark.parametrize(
    ("tangents", "words"),
    [
        ((np.ones(4),), ["shape (4,)", "shape (3,)"]),
        ((np.ones(3) * 1j,), ["complex", "real"]),
        (([np.ones(3)],), ["tangents", "nested"]),
        ((), ["tangents", "nested"]),
    ],
)
def test_tangents_that_do_not_fit_are_refused_in_words(tangents: tuple[Any, ...], words: list[str]) -> None:
    with pytest.raises(cr.errors.ArgumentError) as caught:
        cr.jvp(np.sin, (np.ones(3),), tangents)
    for word in words:
        assert word in str(caught.value)


def test_integer_results_have_tangent_zero() -> None:
    value, tangent = cr.jvp(lambda x: (np.argmax(x), np.floor(x), np.sin(x)), (POINT,), (DIRECTION,))
    assert value[0] == 2
    assert not np.any(tangent[0])
    assert not np.any(tangent[1])
    np.testing.assert_allclose(tangent[2], np.cos(POINT) * DIRECTION, rtol=1e-14)
