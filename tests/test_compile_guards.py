"""What Python takes from values in a compiled function: branches, loops, numbers and indices are checked at each call."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import pytest
from compile_truth import CompileWarning, assert_same, compiled_without_warning, numpy_compile

import chainrule as cr

X = np.array([1.0, 2.0, 3.0])
RNG = np.random.default_rng(3)
M = RNG.uniform(0.1, 1.0, (3, 3))


def halve(x: Any) -> Any:
    turns = 0
    while np.sum(x * x) > 1e-3 and turns < 50:
        x, turns = x * 0.5, turns + 1
    return x, turns


def branch(x: Any) -> Any:
    return x * 2 if x.sum() > 0 else x * 3


def masked_write(x: Any) -> Any:
    y = x.copy()
    y[y < 2] = 0
    return y


def filled(x: Any) -> Any:
    out = np.zeros_like(x)
    for index in range(len(x)):
        out[index] = x[index] ** 2
    return out


def filled_plain(x: Any) -> Any:
    out = np.zeros(3)
    for index in range(3):
        out[index] = x[index] ** 2
    return out


def recursive(x: Any) -> Any:
    return x if x < 1.0 else recursive(x / 2.0) + 1.0


def tried(x: Any) -> Any:
    try:
        return np.linalg.inv(x)
    except np.linalg.LinAlgError:
        return x


# what it does, the function, the calls that it must get right, and how many variants that may take
CASES: dict[str, tuple[Any, list[tuple[Any, ...]], int]] = {
    "if": (branch, [(X,), (-X,), (X * 2,), (-X * 2,)], 2),
    "while": (halve, [(X,), (X * 1.01,), (X * 10,), (X * 0,)], 3),
    "recursion": (recursive, [(np.float64(5.0),), (np.float64(6.0),), (np.float64(0.5),)], 2),
    "int": (lambda x: x * int(x.sum()), [(X,), (X + 0.1,), (X * 2,)], 2),
    "floor": (lambda x: (math.floor(x), math.ceil(x), round(x), int(x)), [(np.float64(1.26),), (np.float64(-2.7),)], 2),
    "float": (lambda x: x * math.exp(x[0]), [(X,), (X,), (X + 1,)], 2),
    "item": (lambda x: x.sum().item(), [(X,), (X,), (X + 1,)], 2),
    "range": (lambda x, n: sum(x[i] for i in range(n)), [(X, np.int64(2)), (X * 2, np.int64(2)), (X, np.int64(3))], 2),
    "index": (lambda x, i: x[i] * 2, [(X, np.int64(0)), (X, np.int64(2)), (X, np.int64(-1)), (X, np.int64(7))], 1),
    "index of a row": (lambda x, i: (x[i], x[:, i], x[i, :, None]), [(M, np.int64(0)), (M, np.int64(2))], 1),
    "slice": (lambda x, i: x[i:], [(X, np.int64(0)), (X, np.int64(2))], 2),
    "in": (lambda x: 2.0 in x, [(X,), (X + 0.5,), (X * 2,)], 2),
    "all": (lambda x: np.sqrt(x) if (x > 0).all() else x, [(X,), (-X,), (X,)], 2),
    "mask": (lambda x: x[x > 1.5].sum(), [(X,), (X + 1,), (X * 0,), (X * 1.1,)], 3),
    "write by mask": (masked_write, [(X,), (X + 1,), (X * 0,)], 3),
    "nonzero": (lambda x: np.nonzero(x), [(X,), (X * 0,), (np.array([1.0, 0, 2]),)], 3),
    "where of one": (lambda x: np.where(x > 1.5)[0], [(X,), (X + 1,)], 2),
    "unique": (lambda x: np.unique(x), [(X,), (X * 0,), (X + 1,)], 2),
    "allclose": (lambda x, y: (np.allclose(x, y), np.array_equal(x, y)), [(X, X + 0), (X, X + 1), (X * 2, X * 2)], 2),
    "isclose": (lambda x, y: np.isclose(x, y), [(X, X + 0), (X, X + 1)], 1),
    "text": (lambda x: f"{x.sum():.1f} {x[0]}", [(X,), (X + 1,)], 2),
    "array text": (lambda x: np.array2string(x), [(X,), (X + 1,)], 2),
    "plain array": (filled_plain, [(X,), (X,), (X + 1,)], 2),
    "filling": (filled, [(X,), (X + 1,)], 1),
    "np.array": (lambda x: np.array([x[0], x[1] * 2]), [(X,), (X + 1,)], 2),
    "a table indexed by labels": (lambda y: np.eye(3)[y], [(np.array([0, 1]),), (np.array([2, 1]),)], 2),
    "no rule": (lambda x: np.roots(x), [(X,), (X + 1,)], 1),
    "except": (tried, [(M,), (np.zeros((3, 3)),), (M * 2,)], 1),
    "whole function": (lambda x: np.polyfit(x, x * 2, 1), [(X,), (X + 1,)], 1),
    "sorting": (lambda x: (np.sort(x), np.argsort(x), x.argmax(), x.max()), [(X,), (X[::-1].copy(),)], 1),
    "stop_gradient": (cr.grad(lambda x: np.sum(x * float(cr.stop_gradient(x[0])))), [(X,), (X + 1,)], 2),
    "value": (cr.grad(lambda x: np.sum(x * x.value)), [(X,), (X + 1,)], 1),
    "a branch under grad": (cr.grad(lambda x: np.sum(branch(x))), [(X,), (-X,), (X * 2,)], 2),
    "a loop under hessian": (cr.hessian(lambda x: np.sum(halve(x)[0] ** 3)), [(X,), (X * 10,)], 2),
}


@pytest.mark.parametrize("name", CASES)
def test_what_was_decided_is_checked(name: str) -> None:
    function, calls, variants = CASES[name]
    compiled = compiled_without_warning(function)
    for args in (*calls, *calls[::-1]):
        assert_same(compiled, *args)
    assert compiled.stats().variants <= variants, str(compiled.stats())


GRADIENTS: dict[str, tuple[Any, list[Any]]] = {
    "square root": (lambda x: np.sum(np.where(x > 0, np.sqrt(np.abs(x)), 0.0)), [X, X - 2, X, X - 1, X * 0]),
    "negative square root": (lambda x: np.sum(np.sqrt(x)), [X, X - 1, X, X - 3]),
    "norm": (lambda x: np.linalg.norm(x), [X, X * 0, X, X * 2]),
    "logarithm": (lambda x: np.sum(np.where(x > 1, np.log(x - 1), x)), [X, X + 1, X - 5]),
    "product": (lambda x: (x * np.array([1.0, np.inf, 2.0]))[0] + np.sum(x), [X, X * 2]),
    "matrix product": (lambda x: (x @ np.array([[1.0, np.nan], [2.0, 1.0], [0.0, 1.0]]))[0], [X, X * 0]),
    "overflow": (lambda x: np.sum(np.exp(x)), [X, X * 1000, X]),
    "quotient": (lambda x: np.sum(np.where(x == 0, 0.0, 1.0 / x)), [X, X * 0, X - 1, X]),
    "power": (lambda x: np.sum(x**x), [X, X - 1, X - 2]),
    "cumulative product": (lambda x: np.sum(np.cumprod(x)), [X, X - 1, X * 0]),
}


@pytest.mark.parametrize("name", GRADIENTS)
def test_gradients_that_are_not_finite(name: str) -> None:
    function, points = GRADIENTS[name]
    compiled = compiled_without_warning(cr.value_and_grad(function))
    for x in (*points, *points[::-1]):
        assert_same(compiled, x)


def test_the_careful_variant_comes_last() -> None:
    compiled = compiled_without_warning(cr.grad(lambda x: np.sum(np.where(x > 0, np.sqrt(np.abs(x)), 0.0))))
    for x in (X, X * 0, X, X):
        assert_same(compiled, x)
    (family,) = compiled._families.values()
    (variants,) = family.variants.values()
    assert [variant.careful for variant in variants] == [False, True]


def test_too_many_variants_are_said_once_and_the_function_runs() -> None:
    compiled = numpy_compile(lambda x: x * float(x[0]))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for number in range(30):
            assert np.array_equal(compiled(X + number), (X + number) * (1.0 + number))
    (warning,) = caught
    assert warning.filename == __file__
    assert warning.category is CompileWarning
    for word in ("16 variants", "float(x[0])", "test_compile_guards.py", "uncompiled"):
        assert word in str(warning.message)
    assert compiled.stats().variants == 16
    assert compiled.stats().uncompiled > 0


def test_a_counter_of_python_is_static_and_one_of_numpy_is_not() -> None:
    compiled = numpy_compile(lambda x, n: x * 0.9**n)
    for n in range(16):
        assert np.array_equal(compiled(X, n), X * 0.9**n)
    with pytest.warns(CompileWarning, match=r"\(n\)"):
        compiled(X, 16)
    counted = compiled_without_warning(lambda x, n: x * 0.9**n)
    for n in range(20):
        assert_same(counted, X, np.int64(n))
    assert counted.stats().variants == 1


def test_stats_say_why() -> None:
    compiled = numpy_compile(branch)
    compiled(X)
    compiled(-X)
    stats = compiled.stats()
    assert stats.variants == 2
    assert stats.calls == 2
    assert "x.sum() > 0" in stats.retraces[0]
    assert "2 variants" in str(stats)
    assert stats.kernels > 0


def test_errors_are_those_of_the_function() -> None:
    for function, args in (
        (lambda x: x + np.ones(4), (X,)),
        (lambda x: {}[3], (X,)),
        (lambda a: np.linalg.inv(a), (np.zeros((2, 2)),)),
        (lambda x: undefined(x), (X,)),  # type: ignore[name-defined]  # noqa: F821
        (lambda x, y: x, (X,)),
        (lambda x, i: x[i], (X, np.array([5]))),
        (cr.grad(lambda x: x * 2), (X,)),
        (cr.grad(lambda x: np.sum(x) * float(x[0])), (X,)),
        (cr.grad(lambda n: n * 2.0), (3,)),
    ):
        compiled = numpy_compile(function)
        assert_same(compiled, *args)
        assert_same(compiled, *args)


def test_an_error_appears_where_the_program_meets_it() -> None:
    inverse = compiled_without_warning(lambda a: np.linalg.inv(a))
    for a in (M, np.zeros((3, 3)), M):
        assert_same(inverse, a)


def test_a_function_that_catches_errors_runs_uncompiled_where_it_did() -> None:
    compiled = numpy_compile(tried)
    with pytest.warns(CompileWarning, match="test for the cause"):
        found = compiled(np.zeros((3, 3)))
    assert np.array_equal(found, np.zeros((3, 3)))
    assert np.array_equal(compiled(M), tried(M))


def test_nothing_is_left_behind_by_an_error() -> None:
    compiled = numpy_compile(lambda x: x if x.ndim else {}[0])
    with pytest.raises(KeyError):
        compiled(np.float64(1.0))
    assert np.array_equal(numpy_compile(branch)(X), branch(X))
    assert float(cr.grad(lambda x: x * x)(2.0)) == 4.0
