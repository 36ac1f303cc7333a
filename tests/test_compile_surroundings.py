"""What a compiled function reads besides its arguments: closures, globals, attributes, containers, random numbers."""

from __future__ import annotations

import random
import types
from functools import partial
from typing import Any

import numpy as np
import pytest
from compile_truth import CompileWarning, compiled_without_warning, numpy_compile

import chainrule as cr

X = np.array([1.0, 2.0, 3.0])
rate = 0.5
table = {"a": np.array([1.0, 2.0, 3.0]), "b": 2.0}
factors = [2.0, 3.0]


def helper(x: Any) -> Any:
    return x * rate


def scaled(x: Any) -> Any:
    return helper(x) + 1.0


def closure(**names: Any) -> tuple[Any, types.SimpleNamespace]:
    """A function that reads a closure, and a handle on what is in it."""
    value = names.popitem()[1]
    handle = types.SimpleNamespace()

    def rebind(new: Any) -> None:
        nonlocal value
        value = new

    def f(x: Any) -> Any:
        return x * value

    handle.rebind, handle.value = rebind, value
    return f, handle


def assert_follows(compiled: Any, *, variants: int | None = None) -> None:
    assert np.array_equal(compiled(X), compiled.__wrapped__(X))
    assert np.array_equal(compiled(X * 2), compiled.__wrapped__(X * 2))
    if variants is not None:
        assert compiled.stats().variants == variants, str(compiled.stats())


def test_an_array_of_the_closure_is_read_anew() -> None:
    f, handle = closure(value=np.array([1.0, 2.0, 3.0]))
    compiled = compiled_without_warning(f)
    assert_follows(compiled, variants=1)
    handle.value[0] = 10.0
    assert_follows(compiled, variants=1)
    handle.rebind(np.array([3.0, 3.0, 3.0]))
    assert_follows(compiled, variants=2)


def test_a_view_of_an_array_of_the_closure() -> None:
    data = np.arange(12.0).reshape(4, 3)
    compiled = compiled_without_warning(lambda x: x @ data.T[:, 1:3])
    assert_follows(compiled, variants=1)
    data *= 3
    assert_follows(compiled, variants=1)


def test_a_number_of_the_closure() -> None:
    f, handle = closure(value=0.1)
    compiled = compiled_without_warning(f)
    assert_follows(compiled, variants=1)
    handle.rebind(0.2)
    assert_follows(compiled, variants=2)
    handle.rebind(0.1)
    assert_follows(compiled, variants=2)
    handle.rebind(float("0.1"))
    assert_follows(compiled, variants=2)
    handle.rebind(np.float64(0.1))
    assert_follows(compiled, variants=3)


def test_globals_are_followed_into_helpers(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = compiled_without_warning(scaled)
    assert_follows(compiled, variants=1)
    monkeypatch.setitem(globals(), "rate", 0.25)
    assert_follows(compiled, variants=2)
    monkeypatch.setitem(globals(), "helper", lambda x: x * 7.0)
    assert_follows(compiled, variants=3)


def test_items_of_dicts_and_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = compiled_without_warning(lambda x: x * table["a"] * table["b"] * factors[1])
    assert_follows(compiled, variants=1)
    table["a"][0] = 5.0
    assert_follows(compiled, variants=1)
    monkeypatch.setitem(table, "a", np.array([2.0, 2.0, 2.0]))
    assert_follows(compiled, variants=2)
    monkeypatch.setitem(table, "b", 3.0)
    assert_follows(compiled, variants=3)
    factors[1] = 4.0
    assert_follows(compiled, variants=4)
    factors.append(1.0)
    assert_follows(compiled)


def test_attributes() -> None:
    class Layer:
        scale = 2.0

        def __init__(self) -> None:
            self.weight = np.array([1.0, 2.0, 3.0])
            self.inner = types.SimpleNamespace(bias=0.5)
            self.seen = 0

        def __call__(self, x: Any) -> Any:
            return x * self.weight * self.scale + self.inner.bias

    layers = [Layer(), Layer()]

    def network(x: Any) -> Any:
        for layer in layers:
            x = layer(x)
        return x

    compiled = compiled_without_warning(network)
    assert_follows(compiled, variants=1)
    layers[0].weight *= 2.0
    assert_follows(compiled, variants=1)
    layers[1].seen += 1
    assert_follows(compiled, variants=1)
    layers[1].weight = X * 3
    assert_follows(compiled, variants=2)
    layers[0].inner.bias = 1.5
    assert_follows(compiled, variants=3)
    Layer.scale = 5.0
    assert_follows(compiled, variants=4)
    layers.append(Layer())
    assert_follows(compiled, variants=5)


def test_slots_properties_and_modules() -> None:
    class Slotted:
        __slots__ = ("weight",)

        @property
        def doubled(self) -> Any:
            return self.weight * bias

    bias = 2.0
    module = types.ModuleType("settings")
    module.rate = 0.5  # type: ignore[attr-defined]
    module.__file__ = "settings.py"
    one = Slotted()
    one.weight = 3.0
    compiled = compiled_without_warning(lambda x: x * one.doubled * module.rate)
    assert_follows(compiled, variants=1)
    one.weight = 4.0
    assert_follows(compiled, variants=2)
    bias = 5.0
    assert_follows(compiled, variants=3)
    module.rate = 0.25  # type: ignore[attr-defined]
    assert_follows(compiled, variants=4)


def test_small_arrays_that_are_read_outside_of_the_program() -> None:
    data = np.array([1.0, 2.0, 3.0])
    compiled = compiled_without_warning(lambda x: x * data.mean())
    assert_follows(compiled, variants=1)
    data[0] = 10.0
    assert_follows(compiled, variants=2)


def test_defaults_and_partial_functions() -> None:
    weight = np.array([1.0, 2.0, 3.0])

    def f(x: Any, w: Any = weight, *, more: Any = 2.0) -> Any:
        return x * w * more

    for function in (f, partial(f, w=weight), partial(f, more=3.0)):
        compiled = compiled_without_warning(function)
        assert np.array_equal(compiled(X), function(X))
        weight[0] += 4.0
        assert np.array_equal(compiled(X), function(X))


def test_arrays_made_inside_are_constants() -> None:
    def f(x: Any) -> Any:
        mask = np.zeros(3)
        y = x + mask
        mask[0] = 1.0
        return y + mask * x

    compiled = compiled_without_warning(f)
    assert_follows(compiled, variants=1)
    (family,) = compiled._families.values()
    ((variant,),) = family.variants.values()
    assert not variant.front.extra


def test_an_array_of_the_closure_that_is_written_runs_uncompiled() -> None:
    state = np.zeros(3)

    def f(x: Any) -> Any:
        y = x + state
        state[:] += 1.0
        return y

    compiled = numpy_compile(f)
    with pytest.warns(CompileWarning, match="none of its arguments"):
        first = compiled(X)
    again = compiled(X)
    assert np.array_equal(again - first, np.ones(3))


GENERATOR = np.random.default_rng(0)


class Dropout:
    def __init__(self) -> None:
        self.generator = np.random.default_rng(1)

    def __call__(self, x: Any) -> Any:
        return x * self.generator.uniform(size=x.shape)


@pytest.mark.parametrize(
    ("function", "source"),
    [
        (lambda x: x * np.random.rand(3), "NumPy's global generator"),  # noqa: NPY002
        (lambda x: x * random.random(), "Python's random module"),
        (lambda x: x * GENERATOR.normal(size=3), "a Generator"),
        (Dropout(), "a Generator"),
        (cr.grad(lambda x: np.sum(x * GENERATOR.normal(size=3))), "a Generator"),
    ],
)
def test_random_numbers_are_refused(function: Any, source: str) -> None:
    compiled = numpy_compile(function)
    for _ in range(2):
        with pytest.raises(cr.errors.ArgumentError, match=source) as caught:
            compiled(X)
        assert "pass them as an argument" in str(caught.value)


def test_a_generator_as_argument_is_refused_and_a_seed_is_not() -> None:
    compiled = numpy_compile(lambda x, generator: x * generator.normal(size=3))
    with pytest.raises(cr.errors.ArgumentError, match="a Generator"):
        compiled(X, np.random.default_rng(0))
    seeded = compiled_without_warning(lambda x: x * np.random.default_rng(0).normal(size=3))
    assert_follows(seeded, variants=1)


def test_side_effects_happen_while_tracing() -> None:
    seen: list[int] = []

    def f(x: Any) -> Any:
        seen.append(1)
        return x * 2

    compiled = numpy_compile(f)
    compiled(X)
    assert seen == [1]
