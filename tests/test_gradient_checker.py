"""The judge is judged: planted wrong rules must be found, with their place; healthy functions must pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from gradient_checker import check

import chainrule as cr
from chainrule.notation import call
from chainrule.primitive import Primitive, operations
from chainrule.shapes import ArrayType
from chainrule.trace import bind
from chainrule.traced import concrete

RNG = np.random.default_rng(7)
X = RNG.uniform(0.5, 1.5, (2, 3))
Y = RNG.uniform(0.5, 1.5, (3,))


def planted(name: str, forward: Callable[..., Any], *rules: Any, **options: Any) -> Callable[..., Any]:
    """An operation that is in no registry."""
    options = {"elementwise": True, "shape": None} | options
    record = Primitive(name=name, forward=forward, execute=forward, vjp=rules, notation=call(name), **options)

    def operation(*inputs: Any, **parameters: Any) -> Any:
        return bind(record, *inputs, **parameters)

    return operation


def sine(rule: Callable[..., Any]) -> Callable[..., Any]:
    return planted("sine", np.sin, rule)


cosine = planted("cosine", np.cos, lambda g, y, x: -g * sine_healthy(x))
sine_healthy = sine(lambda g, y, x: g * cosine(x))
cosine_wrong_sign = planted("cosine", np.cos, lambda g, y, x: g * sine_healthy(x))


def matrix_type(a: ArrayType, b: ArrayType) -> ArrayType:
    return ArrayType((a.shape[0], b.shape[1]), a.dtype)


def product(left: Any, right: Any) -> Callable[..., Any]:
    return planted("product", np.matmul, left, right, elementwise=False, shape=matrix_type, multilinear=True)


def total(rule: Any, shape: Any = None) -> Callable[..., Any]:
    return planted(
        "total",
        lambda x: np.sum(x, axis=0),
        rule,
        elementwise=False,
        shape=shape or (lambda x: x.reshaped(x.shape[1:])),
    )


def spread(rule: Any) -> Callable[..., Any]:
    """(3,) → (2, 3): the transpose is a sum, which is easily forgotten."""
    return planted(
        "spread", lambda x: np.stack([x, x]), rule, elementwise=False, shape=lambda x: x.reshaped((2, *x.shape))
    )


WRONG: dict[str, tuple[Callable[..., Any], tuple[Any, ...], str]] = {
    "wrong by 0.1 %": (sine(lambda g, y, x: g * cosine(x) * 1.001), (X,), "argument 0"),
    "wrong by 0.01 %": (sine(lambda g, y, x: g * cosine(x) * 1.0001), (X,), "argument 0"),
    "wrong sign": (sine(lambda g, y, x: -g * cosine(x)), (X,), "argument 0"),
    "zero": (sine(lambda g, y, x: 0.0 * g * cosine(x)), (X,), "argument 0"),
    "not multiplied by g": (sine(lambda g, y, x: cosine(x)), (X,), "argument 0"),
    "missing factor": (planted("cube", lambda x: x * x * x, lambda g, y, x: g * x * x), (X,), "argument 0"),
    "swapped arguments": (
        planted("ratio", lambda a, b: a / b, lambda g, y, a, b: g / a, lambda g, y, a, b: -g * y / b),
        (X, Y),
        "argument 0",
    ),
    "second argument forgotten": (
        planted("ratio", lambda a, b: a / b, lambda g, y, a, b: g / b, None),
        (X, Y),
        "argument 1",
    ),
    "transposed": (
        product(lambda g, y, a, b: g @ b, lambda g, y, a, b: a.T @ g),
        (RNG.normal(size=(3, 3)), RNG.normal(size=(3, 3))),
        "argument 0",
    ),
    "forgotten broadcast sum": (spread(lambda g, y, x: g[0]), (Y,), "argument 0"),
    "mean instead of sum": (spread(lambda g, y, x: (g[0] + g[1]) * 0.5), (Y,), "argument 0"),
    "wrong element": (total(lambda g, y, x: operations["stack"](g[::-1], g, axis=0)), (X,), "argument 0"),
    "second order only: rule cut out of the graph": (
        sine(lambda g, y, x: g * np.cos(concrete(x))),
        (X,),
        "argument 0",
    ),
    "second order only: wrong rule inside a right one": (
        sine(lambda g, y, x: g * cosine_wrong_sign(x)),
        (X,),
        "argument 0",
    ),
    "second order only: cotangent cut out of the graph": (
        sine(lambda g, y, x: concrete(g) * cosine(x)),
        (X,),
        "cotangent 0",
    ),
    "conjugated twice": (
        planted("square", lambda z: z * z, lambda g, y, z: g * 2 * z.conj()),
        (X + 1j * X[::-1],),
        "argument 0",
    ),
    "wrong forward mode": (
        planted("square", lambda x: x * x, lambda g, y, x: 2 * g * x, jvp=lambda t, y, x: t[0] * x),
        (X,),
        "a random direction",
    ),
}


@pytest.mark.parametrize("fault", WRONG)
def test_a_planted_fault_is_found_where_it_is(fault: str) -> None:
    function, arguments, place = WRONG[fault]
    verdict = check(function, *arguments)
    assert not verdict, f"{fault} was not found"
    assert place in {finding.argument for finding in verdict.findings}
    orders = {finding.test.startswith("second") for finding in verdict.findings}
    assert orders == {True} if fault.startswith("second order only") else False in orders


def test_a_fault_in_one_element_is_found_at_that_element() -> None:
    def rule(g: Any, y: Any, x: Any) -> Any:
        factor = np.ones((2, 3))
        factor[1, 2] = 1.001
        return g * cosine(x) * factor

    verdict = check(sine(rule), X, order=1)
    assert {finding.element for finding in verdict.findings if finding.element is not None} == {(1, 2)}
    finding = verdict.findings[-1]
    assert abs(finding.engine / finding.truth - 1.001) < 1e-8
    assert "argument 0[1, 2]" in str(verdict)


def test_a_fault_in_one_element_of_the_second_derivative_is_found_at_that_element() -> None:
    def rule(g: Any, y: Any, x: Any) -> Any:
        mask = np.zeros((2, 3), bool)
        mask[0, 1] = True
        return g * operations["where"](mask, cosine_wrong_sign(x), cosine(x))

    verdict = check(sine(rule), X)
    assert {finding.element for finding in verdict.findings if finding.element is not None} == {(0, 1)}


def test_a_fault_deep_in_a_program_is_found() -> None:
    wrong = sine(lambda g, y, x: g * cosine(x) * 1.001)

    def program(x: Any, y: Any) -> Any:
        hidden = np.multiply(x, y)
        for _ in range(3):
            hidden = hidden * 0.5 + x
        return np.add(wrong(hidden), y)

    assert not check(program, X, Y)


def test_the_second_derivative_of_a_function_without_one_is_no_reason_to_object_to_the_first() -> None:
    cut = sine(lambda g, y, x: g * np.cos(concrete(x)))
    assert check(cut, X, order=1)
    assert not check(cut, X, order=2)


def test_differences_across_a_kink_prove_nothing_and_are_reported() -> None:
    verdict = check(
        planted("absolute", np.abs, lambda g, y, x: g * np.sign(concrete(x))), np.array([1e-9, 1.0]), order=1
    )
    assert not verdict


def test_a_wrong_value_is_found() -> None:
    calls: list[int] = []

    def restless(x: Any) -> Any:
        calls.append(1)
        return x * (len(calls) % 2)

    assert "value" in {finding.test for finding in check(restless, X, order=1).findings}


@pytest.mark.parametrize("change", [lambda g: g.astype(np.float32), lambda g: g[0], lambda g: g + 0j])
def test_a_gradient_of_another_shape_or_dtype_is_found(
    change: Callable[[Any], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    right = cr.vjp

    def wrong(*arguments: Any) -> Any:
        value, pullback = right(*arguments)
        return value, lambda cotangent: tuple(change(gradient) for gradient in pullback(cotangent))

    monkeypatch.setattr(cr, "vjp", wrong)
    assert "gradient's type" in {finding.test for finding in check(sine_healthy, X, order=1).findings}


HEALTHY: dict[str, tuple[Callable[..., Any], tuple[Any, ...], bool]] = {
    "sine": (sine_healthy, (X,), True),
    "sine of a number": (sine_healthy, (1.2,), True),
    "sine of an empty array": (sine_healthy, (np.zeros((0, 3)),), True),
    "ratio": (
        planted("ratio", lambda a, b: a / b, lambda g, y, a, b: g / b, lambda g, y, a, b: -g * y / b),
        (X, Y),
        True,
    ),
    "product": (
        product(lambda g, y, a, b: g @ b.T, lambda g, y, a, b: a.T @ g),
        (RNG.normal(size=(2, 3)), RNG.normal(size=(3, 4))),
        True,
    ),
    "spread": (spread(lambda g, y, x: g[0] + g[1]), (Y,), True),
    "total": (total(lambda g, y, x: operations["stack"](g, g, axis=0)), (X,), True),
    "complex square": (planted("square", lambda z: z * z, lambda g, y, z: 2 * g * z), (X + 1j * X[::-1],), False),
    "steep": (lambda x: 1 / (x * x * x * x), (np.array([0.05, 0.1, 3.0]),), True),
    "large": (lambda x: x * x * 1e8, (np.array([0.05, 0.1, 3.0]),), True),
    "small": (lambda x: x * x * 1e-8, (np.array([0.05, 0.1, 3.0]),), True),
    "several results": (lambda x, y: (x * y, {"half": y * 0.5, "step": x > 1}), (X, Y), True),
    "an integer argument is held": (lambda x, n: x * n, (X, np.array([1, 2, 3])), True),
    "near a kink": (lambda x: operations["where"](concrete(x) > 0, x, -x), (np.array([1e-3, -0.7]),), False),
}


@pytest.mark.parametrize("name", HEALTHY)
def test_a_healthy_function_passes(name: str) -> None:
    function, arguments, analytic = HEALTHY[name]
    check(function, *arguments, analytic=analytic, order=3).assert_right(name)


@pytest.mark.parametrize("seed", range(25))
def test_no_false_alarm_whatever_the_cotangents(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(-2.0, 2.0, (2, 3)), rng.uniform(0.5, 2.5, (3,))
    check(lambda x, y: sine_healthy(x / y) * y + (x @ y)[:, None], x, y, analytic=True, seed=seed).assert_right()


def test_long_double_is_used_where_the_function_runs_in_it() -> None:
    assert check(lambda x: x * x, X).precision == "long double"
    assert check(lambda x: x * np.float64(2.0) + np.ones(3) * x, X, order=1).precision == "long double"
    assert check(lambda x: operations["astype"](x, dtype=np.dtype(float)) * 2.0, X, order=1).precision == "float64"


def test_the_verdict_counts_and_refuses_to_praise_an_empty_check() -> None:
    verdict = check(sine_healthy, X)
    assert verdict.comparisons > 12
    assert str(verdict) == f"{verdict.comparisons} numbers agree"
    with pytest.raises(AssertionError, match="nothing was compared"):
        check(lambda n: n, 3).assert_right()
