"""Compiled functions are the functions: results, containers, dtypes, arguments, threads, methods, derivatives."""

from __future__ import annotations

import collections
import dataclasses
import gc
import threading
import weakref
from typing import Any

import numpy as np
import pytest
import scipy.special
from compile_truth import CompileWarning, assert_same, compiled_without_warning, numpy_compile

import chainrule as cr

X = np.array([1.0, 2.0, 3.0])
RNG = np.random.default_rng(3)
M = RNG.uniform(0.1, 1.0, (3, 3))
Pair = collections.namedtuple("Pair", "a b")


@dataclasses.dataclass
class Layer:
    weight: Any
    count: int


def add_in_place(x: Any, y: Any) -> Any:
    x += y
    x[0] = 5
    return x


def double_in_place(x: Any) -> Any:
    x *= 2
    return x.sum()


def lower_in_place(p: Any) -> Any:
    p["w"] -= 1
    return p


def twice(x: Any) -> Any:
    y = x * 2
    return y, y


def through_a_view(x: Any) -> Any:
    row = x[1]
    row *= 2
    return x.sum(axis=0)


def pullback(x: Any, g: Any) -> Any:
    y, back = cr.vjp(np.sin, x)
    return y, back(g)


def unrecorded(x: Any) -> Any:
    with cr.no_grad():
        y = x * 2
    return y


exponential = cr.custom_derivative(lambda x: np.array([float(np.exp(v)) for v in x]), vjp=lambda g, y, x: g * y)

# what it is, the function, and calls of it that one variant must serve for each kind of arguments
CASES: dict[str, tuple[Any, list[tuple[Any, ...]]]] = {
    "in place": (add_in_place, [(X, X * 2), (X, X * 3)]),
    "in place, unseen": (double_in_place, [(X,), (X * 3,)]),
    "in place in a dict": (lower_in_place, [({"w": X},), ({"w": X * 2},)]),
    "in place through a view": (through_a_view, [(M,), (M * 2,)]),
    "handed through": (lambda x, y, s: (x, y, s, x, [x, {"a": y}], None), [(X, X * 2, "hi")]),
    "twice": (twice, [(X,), (X * 2,)]),
    "constants": (lambda x: (np.zeros(3), 3, "s", np.float32(2), x * 2, None, (), {}), [(X,), (X * 2,)]),
    "views": (lambda x: (x.T, x[1:], x.reshape(-1)), [(M,), (M * 2,)]),
    "labels": (lambda z, y: -np.mean(z[np.arange(len(y)), y]), [(M, np.array([0, 1, 2])), (M, np.array([2, 2, 1]))]),
    "one-hot": (lambda y: (y[:, None] == np.arange(3)) * 1.0, [(np.array([0, 2]),), (np.array([1, 1]),)]),
    "truth values": (lambda m, x: np.where(m, x, 0), [(X > 1, X), (X > 2, X)]),
    "integers": (lambda a: (a * 2, a / 2, a.sum(), a // 2), [(np.array([1, 2, 3]),), (np.array([4, 5, 6]),)]),
    "complex": (lambda z: (z * 1j, np.abs(z), z.real), [(X + 1j,), (X * 2j,)]),
    "list": (lambda xs: sum(xs), [([X, X * 2],), ([X, X + 1],)]),
    "named tuple": (lambda p: Pair(p.b, p.a * 2), [(Pair(X, X * 2),)]),
    "dataclass": (lambda p: Layer(p.weight * p.count, p.count), [(Layer(X, 2),), (Layer(X + 1, 2),)]),
    "variadic": (lambda *xs: sum(xs), [(X, X + 1), (X, X * 2)]),
    "empty": (lambda x: x * 2 + np.sum(x), [(np.zeros((0, 3)),)]),
    "no axes": (lambda x: (x * 2, x, x + np.float64(1)), [(np.array(2.0),), (np.array(3.0),)]),
    "constants without axes": (lambda x: (np.array(2.0), np.zeros(()), x * 2), [(X,), (X + 1,)]),
    "unused arguments": (cr.grad(lambda x, y, z: np.sum(x), (0, 1, 2)), [(X, np.array(1.0), np.float64(2.0))]),
    "numbers": (lambda x, n: (x * 2, x, n + 1), [(np.float32(2.0), np.int8(1)), (np.float32(3.0), np.int8(2))]),
    "float32": (lambda x: (x * 2, x * np.float32(2), x.mean()), [(X.astype("f4"),), (X.astype("f4") * 2,)]),
    "float16": (lambda x: x * 2, [(X.astype("f2"),)]),
    "another byte order": (lambda x: x * 2, [(X.astype(">f8"),)]),
    "columns": (lambda x: (x * 2, x.sum(axis=0)), [(M.T,), (M.T * 2,)]),
    "steps": (lambda x: x * 2, [(np.arange(8.0)[::2],), (np.arange(8.0)[1::2],)]),
    "isinstance": (lambda x: x * 2 if isinstance(x, np.ndarray) else -x, [(X,)]),
    "SciPy": (lambda x: scipy.special.expit(x) + scipy.special.gammaln(x), [(X,), (X + 1,)]),
    "no_grad": (unrecorded, [(X,), (X * 2,)]),
    "gradient": (cr.grad(lambda x, y: np.sum(np.tanh(x) * y)), [(X, M[0]), (X * 2, M[1])]),
    "two gradients": (cr.value_and_grad(lambda x, y: np.sum(np.tanh(x) * y), (0, 1)), [(X, M[0]), (X * 2, M[1])]),
    "gradient of labels": (
        cr.grad(lambda w, y: -np.mean(cr.log_softmax(w, axis=1)[np.arange(len(y)), y])),
        [(M, np.array([0, 1, 2])), (M, np.array([2, 2, 1]))],
    ),
    "jvp": (lambda x, v: cr.jvp(np.sin, (x,), (v,)), [(X, X + 1), (X * 2, X)]),
    "vjp": (pullback, [(X, X + 1), (X * 2, X)]),
    "jacobian": (cr.jacobian(lambda x: np.outer(x, x)), [(X,), (X * 3,)]),
    "hessian": (cr.hessian(lambda x: np.sum(x**3)), [(X,), (X * 2,)]),
    "hvp": (lambda x, v: cr.hvp(lambda x: np.sum(x**3), x, v), [(X, X + 1), (X * 2, X)]),
    "number": (cr.grad(lambda x: x**3), [(np.float64(2.0),), (np.float64(3.0),)]),
    "checkpoint": (cr.grad(lambda x: cr.checkpoint(lambda z: np.sum(np.sin(z) * z))(x)), [(X,), (X * 2,)]),
    "custom_derivative": (cr.grad(lambda x: np.sum(exponential(x))), [(X,), (X * 2,)]),
    "compile inside": (lambda x: numpy_compile(lambda y: y * 2)(x) + 1, [(X,), (X * 2,)]),
    "determinant": (cr.grad(lambda a: np.linalg.det(a)), [(M,), (M + 1,)]),
    "singular values": (cr.grad(lambda a: np.sum(np.linalg.svd(a, compute_uv=False))), [(M,), (M * 2,)]),
    "quantiles": (lambda x: (np.median(x), np.quantile(x, 0.3)), [(X,), (X[::-1].copy() + 1,)]),
    "interpolation": (lambda x: np.interp(x, [0.0, 1, 2, 5], [1.0, 2, 0, 3]), [(X,), (X + 0.5,)]),
}


@pytest.mark.parametrize("name", CASES)
def test_a_compiled_function_is_the_function(name: str) -> None:
    function, calls = CASES[name]
    compiled = compiled_without_warning(function)
    for args in (*calls, *calls):
        assert_same(compiled, *args)
    assert compiled.stats().variants == 1, str(compiled.stats())


def test_floats_of_python_are_inputs_where_all_is_double() -> None:
    def f(x: Any, rate: float) -> Any:
        return (
            x * rate,
            rate * 2,
            rate,
            rate > 0.5,
            -rate,
            rate**2,
            1 / rate,
            abs(rate),
            2.0 - rate,
            rate // 0.3,
            rate % 0.3,
        )

    compiled = compiled_without_warning(f)
    for rate in (0.1, 0.2, 0.3, 0.7, 0.4):
        assert_same(compiled, X, rate)
    assert compiled.stats().variants <= 3  # by rate > 0.5 and by the sign of what is raised to a power


@pytest.mark.parametrize("rate", [0.1, -0.5, 0.0, np.inf, np.nan, -4.0])
def test_floats_of_python_follow_their_own_rules(rate: float) -> None:
    for f in (
        lambda x, r: x * (1 / r),
        lambda x, r: r**0.5,
        lambda x, r: r**-1,
        lambda x, r: 2**r,
        lambda x, r: (r == 0.1, r != 0.1, r <= 0.1, r and 1),
        lambda x, r: (r.is_integer(), f"{r:.2f}", str(r), repr(r)),
        lambda x, r: {r: x},
        lambda x, r: divmod(7.0, r),
    ):
        compiled = numpy_compile(f)
        for first in (0.25, rate, 4.0):
            assert_same(compiled, X, first)


def test_floats_of_python_are_static_among_lower_precision() -> None:
    compiled = compiled_without_warning(lambda x, rate: x * rate)
    for rate in (0.1, 0.2):
        assert_same(compiled, X.astype("f4"), rate)
    assert compiled.stats().variants == 2
    inside = compiled_without_warning(lambda x, rate: x.astype(np.float32) * rate)
    for rate in (0.1, 0.2):
        assert_same(inside, X, rate)
    numbered = compiled_without_warning(lambda x, rate: x * rate)
    for rate in (0.1, 0.2):
        assert_same(numbered, X.astype("f4"), np.float32(rate))
    assert numbered.stats().variants == 1


def test_keywords_and_defaults() -> None:
    def f(x: Any, y: Any = 2.0, *, scale: Any = X, **more: Any) -> Any:
        return x * y * scale * more.get("z", 1.0)

    compiled = compiled_without_warning(f)
    assert_same(compiled, X)
    assert_same(compiled, X, 3.0)
    assert_same(compiled, x=X, y=4.0)
    assert_same(compiled, X, scale=X * 2, z=X)
    assert compiled.stats().variants == 2


class Model:
    def __init__(self) -> None:
        self.weight = np.array([1.0, 2.0, 3.0])
        self.rate = 0.5

    @numpy_compile
    def run(self, x: Any) -> Any:
        return x * self.weight * self.rate


def test_methods() -> None:
    one, other = Model(), Model()
    other.weight = X * 10
    assert np.array_equal(one.run(X), X * X * 0.5)
    assert np.array_equal(other.run(X), X * X * 5)
    one.weight[0] = 7.0
    assert np.array_equal(one.run(X), X * one.weight * 0.5)
    one.weight = X * 3
    assert np.array_equal(one.run(X), X * X * 1.5)
    one.rate = 1.0
    assert np.array_equal(one.run(X), X * X * 3)
    assert Model.run is not one.run
    for scale in range(40):  # as many objects as one likes
        model = Model()
        model.weight = X * scale
        assert np.array_equal(model.run(X), X * X * scale * 0.5)


def test_results_are_the_callers_own() -> None:
    compiled = compiled_without_warning(lambda x: (x * 2, np.zeros(3), x.T, x))
    first = compiled(X)
    assert first[3] is X
    for part in first[:3]:
        assert part.flags.owndata
        assert part.flags.writeable
        part[:] = -1
    assert_same(compiled, X)
    assert np.array_equal(X, [1.0, 2.0, 3.0])


def test_derivatives_of_compiled_functions() -> None:
    def f(x: Any) -> Any:
        return np.sum(x**3)

    compiled = numpy_compile(f)
    compiled(X)
    assert np.array_equal(cr.grad(compiled)(X), cr.grad(f)(X))
    assert np.array_equal(cr.hessian(compiled)(X), cr.hessian(f)(X))
    assert np.array_equal(cr.jvp(compiled, (X,), (X,))[1], cr.jvp(f, (X,), (X,))[1])
    x = cr.variable(X)
    compiled(x).backward()
    assert np.array_equal(x.grad, 3 * X**2)


def test_a_traced_value_from_outside() -> None:
    def outer(w: Any) -> Any:
        return np.sum(numpy_compile(lambda x: x * w)(X))

    assert np.array_equal(cr.grad(outer)(X * 2), X)


def test_what_is_no_array_runs_uncompiled() -> None:
    for value in (np.ma.array([1.0, 2.0]), np.array([1, "a"], object), memoryview(b"ab")):
        compiled = numpy_compile(lambda x: x)
        with pytest.warns(CompileWarning, match="x is"):
            assert compiled(value) is value


def test_containers_that_are_changed_run_uncompiled() -> None:
    def f(p: Any) -> Any:
        p["w"] = p["w"] * 2
        return p

    compiled = numpy_compile(f)
    params = {"w": X}
    with pytest.warns(CompileWarning, match="new container"):
        assert compiled(params) is params
    assert np.array_equal(params["w"], X * 2)


def test_hidden_results_run_uncompiled() -> None:
    class Box:
        def __init__(self, value: Any) -> None:
            self.value = value

    compiled = numpy_compile(lambda x: Box(x * 2))
    with pytest.warns(CompileWarning, match="hidden"):
        assert np.array_equal(compiled(X).value, X * 2)


def test_aliases_among_arguments_that_are_written() -> None:
    compiled = compiled_without_warning(add_in_place)
    assert_same(compiled, X, X * 2)
    x = X.copy()
    expected = add_in_place(*(lambda y: (y, y))(X.copy()))
    assert np.array_equal(compiled(x, x), expected)
    assert np.array_equal(x, expected)
    fixed = X.copy()
    fixed.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        compiled(fixed, X)


def test_one_array_in_two_places() -> None:
    def f(x: Any, y: Any) -> Any:
        x += 1
        return x * 2 if x is y else x + y

    compiled = compiled_without_warning(f)
    for _ in range(2):
        x = X.copy()
        assert np.array_equal(compiled(x, x), (X + 1) * 2)
        assert np.array_equal(x, X + 1)
        assert_same(compiled, X, X + 5)
    assert compiled.stats().variants == 2


def test_shapes_and_dtypes_are_variants_of_their_own() -> None:
    compiled = compiled_without_warning(lambda x: x * 2)
    for x in (X, X[:2], X.astype("f4"), M, M.T, X.astype(int), X > 1):
        assert_same(compiled, x)
        assert_same(compiled, x)
    assert compiled.stats().variants == 7


def test_threads_may_call_at_once() -> None:
    def f(x: Any) -> Any:
        return x * 2 if x.sum() > 0 else x * 3

    compiled = numpy_compile(cr.value_and_grad(lambda x: np.sum(f(x) ** 2)))
    problems: list[str] = []

    def work(seed: int) -> None:
        rng = np.random.default_rng(seed)
        for _ in range(50):
            x = rng.normal(size=rng.integers(1, 4))
            value, gradient = compiled(x)
            factor = 2 if x.sum() > 0 else 3
            if not np.allclose(gradient, 2 * factor**2 * x) or not np.isclose(value, np.sum((factor * x) ** 2)):
                problems.append(f"{x}")

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not problems


def test_the_arrays_of_the_first_call_are_not_kept() -> None:
    compiled = numpy_compile(lambda x: np.sum(np.tanh(x) * x) if x[0] > 0.5 else x)
    x = np.ones(1000)
    gone = weakref.ref(x)
    compiled(x)
    del x
    gc.collect()
    assert gone() is None


def test_what_is_no_function() -> None:
    with pytest.raises(cr.errors.ArgumentError, match=r"compile\(f\)\(x\)"):
        cr.compile(3.0)  # type: ignore[arg-type]
    with pytest.raises(cr.errors.ArgumentError, match="no executor"):
        cr.compile(lambda x: x, executor="none")
    compiled = numpy_compile(lambda x: x)
    assert numpy_compile(compiled).__wrapped__ is compiled.__wrapped__


def test_it_is_a_decorator_with_options_too() -> None:
    @cr.compile(donate="state")
    def grow(state: Any, rate: float) -> Any:
        return state * rate

    state = np.ones(3)
    assert grow(state, 2.0) is state
    assert state.tolist() == [2.0, 2.0, 2.0]
