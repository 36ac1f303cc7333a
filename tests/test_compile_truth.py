"""Compiled programs against the functions themselves, bit for bit: the hard cases, random programs, NumPy's functions."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.lib.recfunctions
import pytest
from compile_truth import assert_same, compiled_without_warning, numpy_compile, outcome
from hypothesis import given, settings
from random_programs import MOSTLY_WRITES, Program, programs
from test_hard_cases import BY_NAME, argument, function

import chainrule as cr
from chainrule.numpy_protocol import full_name
from chainrule.ops.classification import overridable
from worked import FILES, example

NIGHTLY = int(os.environ.get("CHAINRULE_NIGHTLY_PROGRAMS", "10000"))


def derivative(case: dict[str, Any], f: Callable[..., Any], count: int) -> Callable[..., Any]:
    if case["kind"] == "nested":
        return cr.grad(lambda x: f(x, cr.grad))
    if case["order"] == "hess":
        return cr.hessian(f)
    for _ in range(case["order"] - 1):
        f = cr.grad(f)
    return cr.grad(f, tuple(range(count)))


@pytest.mark.parametrize("name", BY_NAME)
def test_hard_cases(name: str) -> None:
    case = BY_NAME[name]
    f = function(case["expression"])
    given_ = [argument(entry) for entry in case["inputs"]]
    moved = [(value * 1.5 + 0.25).astype(value.dtype) for value in given_]
    gradient = numpy_compile(derivative(case, f, len(given_)))
    value = numpy_compile(f if case["kind"] != "nested" else gradient.__wrapped__)
    for compiled in (value, gradient):
        for arguments in (given_, moved, given_):
            assert_same(compiled, *arguments)
        assert compiled.stats().variants <= 3


@pytest.mark.parametrize("file", FILES)
def test_worked_examples(file: str) -> None:
    one = example(file)
    for called in (one.program, cr.value_and_grad(one.program, one.wrt)):
        compiled = compiled_without_warning(called)
        for point in one.points:
            assert_same(compiled, **point)
            assert_same(compiled, *[perturbed(value, np.random.default_rng(0)) for value in point.values()])
            assert_same(compiled, *point.values())


def perturbed(value: Any, rng: Any) -> Any:
    value = np.asarray(value)
    return (value + rng.normal(size=value.shape) * 0.3).astype(value.dtype)[()]


def assert_compiles(program: Program) -> None:
    """Traced at one point, the program is right at others too, and one variant serves them all."""
    rng = np.random.default_rng(1)
    f, given_ = program.function(), list(program.arguments.values())
    for called in (f, cr.value_and_grad(f, tuple(range(len(given_))))):
        compiled = compiled_without_warning(called)
        for arguments in (given_, [perturbed(value, rng) for value in given_], given_):
            assert_same(compiled, *arguments, tolerance=1e-11)  # np.add.at adds up in another order


@settings(max_examples=100)
@given(programs())
def test_random_programs(program: Program) -> None:
    assert_compiles(program)


@settings(max_examples=60)
@given(programs(statements=12, kinds=MOSTLY_WRITES))
def test_random_programs_that_write_into_arrays(program: Program) -> None:
    assert_compiles(program)


@pytest.mark.nightly
@settings(max_examples=NIGHTLY // 2, parent=settings.get_profile("nightly"))
@given(programs(statements=14, kinds=MOSTLY_WRITES))
def test_many_random_programs(program: Program) -> None:
    assert_compiles(program)


RNG = np.random.default_rng(0)
V, M = RNG.uniform(0.1, 0.9, 6), RNG.uniform(0.1, 0.9, (3, 3))
I, B = np.array([2, 0, 1]), np.array([True, False, True])  # noqa: E741
ARGUMENTS: list[tuple[Any, ...]] = [
    (V,), (M,), (np.float64(0.4),), (I,), (B,), (V, V[::-1].copy()), (M, M.T.copy()), (np.float64(0.4), np.float64(0.7)),
    (V, np.float64(0.4)), (M, V[:3].copy()), (I, I[::-1].copy()), (M, 2), (V, 2), (M, 1), (M, 0, 1), (V, I), (M, I),
    ([V, V * 2],), ([M, M],), (V, 0.25), (B, V[:3].copy(), V[3:].copy()), (I, 3), (V > 0.5, V), (V, V > 0.5),
]  # fmt: skip
# Functions of which the stand-in differs from NumPy in dtype or in number against array, with or without compilation.
KNOWN = {"numpy.polyval", "numpy.poly", "numpy.roll", "numpy.empty_like", "numpy.require", "numpy.i0"}
KNOWN |= {"numpy.broadcast_arrays", "numpy.real_if_close", "numpy.fft.fftn", "numpy.fft.ifftn"}


def shrunk(value: Any) -> Any:
    return value * 0.9 if isinstance(value, np.ndarray | np.generic) and value.dtype.kind == "f" else value


@pytest.mark.parametrize("arguments", ARGUMENTS, ids=lambda given: ",".join(str(np.shape(value)) for value in given))
@pytest.mark.filterwarnings("ignore")
def test_every_function_of_numpy(arguments: tuple[Any, ...]) -> None:
    tried = 0
    for called in overridable():
        name = full_name(called)
        if name in KNOWN or called.__name__.startswith("save"):
            continue
        if outcome(called, arguments, {})[0] == "error":
            continue
        compiled = numpy_compile(lambda *given, called=called: called(*given))
        for values in (arguments, tuple(map(shrunk, arguments))):
            try:
                assert_same(compiled, *values, tolerance=1e-9)
            except AssertionError as error:
                raise AssertionError(f"{name}: {error}") from error
        tried += 1
    assert tried > 5
