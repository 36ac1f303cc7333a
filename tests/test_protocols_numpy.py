"""Scenario protocols of the hard cases, second half: import side effects (P12), foreign operands (P18), the methods of ufuncs (P19)."""

from __future__ import annotations

import operator
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import ChainruleError
from chainrule.traced import Traced

SOURCE = Path(cr.__file__).resolve().parents[1]
STEP = 1e-6


def differences(f: Callable[[Any], Any], x: np.ndarray) -> np.ndarray:
    """Central differences of a real function of one real array."""
    result = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        up, down = x.copy(), x.copy()
        up[index] += STEP
        down[index] -= STEP
        result[index] = (f(up) - f(down)) / (2 * STEP)
    return result


def assert_right(f: Callable[[Any], Any], x: np.ndarray) -> None:
    """Value, dtype and gradient of a program agree with NumPy and with differences."""
    value, gradient = cr.value_and_grad(f)(x)
    expected = f(x.copy())
    assert np.shape(value) == np.shape(expected)
    assert np.allclose(value, expected, rtol=1e-13)
    assert np.allclose(gradient, differences(f, x), rtol=1e-6, atol=1e-7)


def assert_right_or_refused(f: Callable[[Any], Any], x: np.ndarray, words: str) -> None:
    try:
        cr.grad(f)(x)
    except TypeError as error:
        if words in str(error):
            return
        raise
    assert_right(f, x)


# -- P12: importing changes nothing ----------------------------------------------------------------------------------------


ENVIRONMENT = """
import locale, signal, sys, threading, warnings
import numpy as np

def state():
    return (
        np.geterr(), np.get_printoptions(), locale.setlocale(locale.LC_ALL), warnings.filters[:],
        [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGFPE)],
        sys.getrecursionlimit(), sys.getswitchinterval(), threading.stack_size(), sys.excepthook is sys.__excepthook__,
        np.float64(5e-324) * 1.0, np.float64(1e-310) * 0.5, np.isnan(np.nan), np.float64(1.0) / np.float64(3.0),
        np.nextafter(1.0, 2.0) - 1.0, np.rint(0.5), np.rint(1.5), np.random.get_state()[1].tolist(),
    )

before = state()
import chainrule as cr
assert state() == before, "import"
assert cr.grad(lambda x: x * x)(1e-310) == 2e-310, "denormal numbers are flushed"
cr.hessian(lambda x: np.sum(x * x / (x - x)))(np.ones(2))
try:
    cr.grad(lambda x: x @ np.ones(3))(np.ones(2))
except ValueError:
    pass
assert state() == before, "use"
found = []
thread = threading.Thread(target=lambda: found.append(state()))
thread.start()
thread.join()
assert found == [before], "another thread"
print("unchanged")
"""


def test_p12_importing_and_using_changes_no_state_of_the_process() -> None:
    variables = {**os.environ, "PYTHONPATH": str(SOURCE)}
    process = subprocess.run(
        [sys.executable, "-c", ENVIRONMENT], capture_output=True, text=True, env=variables, timeout=60, check=False
    )
    assert process.stdout.strip() == "unchanged", process.stderr


def test_p12_the_users_own_warnings_still_show() -> None:
    with pytest.warns(RuntimeWarning, match="divide by zero"):
        cr.grad(lambda x: np.sum(np.log(x)))(np.array([0.0, 1.0]))
    with np.errstate(divide="raise"), pytest.raises(FloatingPointError):
        cr.grad(lambda x: np.sum(np.log(x)))(np.array([0.0, 1.0]))


# -- P18: operands of other libraries and types ----------------------------------------------------------------------------


OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "**": operator.pow,
    "%": operator.mod,
    "<": operator.lt,
    "==": operator.eq,
}
OPERANDS: dict[str, Any] = {
    "np.float64": np.float64(2.0),
    "np.float32": np.float32(2.0),
    "np.int64": np.int64(2),
    "np.bool": np.True_,
    "float": 2.0,
    "int": 2,
    "bool": True,
    "complex": 2.0 + 1.0j,
    "list": [1.0, 2.0],
    "tuple": (1.0, 2.0),
    "array": np.array([1.0, 2.0]),
    "array of integers": np.array([1, 2]),
    "array of float32": np.array([1.0, 2.0], np.float32),
    "0-d array": np.array(2.0),
    "column": np.array([[1.0], [2.0]]),
}
POSSIBLE = [
    (name, sign, left)
    for name in OPERANDS
    for sign in OPERATORS
    for left in (True, False)
    if not (name == "complex" and sign in ("%", "<")) and not (name in ("np.bool", "bool") and sign == "-" and not left)
]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("name", "sign", "left"), POSSIBLE)
def test_p18_plain_operands_on_both_sides(name: str, sign: str, left: bool, dtype: Any) -> None:
    other, combine = OPERANDS[name], OPERATORS[sign]
    plain = np.array([1.5, 2.5], dtype)

    def program(x: Any) -> Any:
        return combine(x, other) if left else combine(other, x)

    try:
        expected = program(plain)
    except TypeError:
        with pytest.raises((TypeError, ChainruleError)):
            cr.vjp(program, plain)
        return
    value, pullback = cr.vjp(program, plain)
    assert isinstance(value, np.ndarray)
    assert value.dtype == expected.dtype
    assert np.array_equal(value, expected)
    if expected.dtype.kind == "b":
        assert np.array_equal(pullback(np.ones(expected.shape, bool))[0], np.zeros(2, dtype))
        return
    gradient = pullback(np.ones(expected.shape, expected.dtype))[0]
    assert gradient.dtype == dtype
    reference = differences(lambda x: np.sum(np.real(program(x))), plain.astype(float))
    assert np.allclose(gradient, reference, rtol=1e-5 if dtype == np.float32 else 1e-6, atol=1e-6)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("sign", ["+", "-", "*", "/", "**"])
def test_p18_scalars_that_are_traced_keep_the_dtype_of_numpy(sign: str, dtype: Any) -> None:
    combine = OPERATORS[sign]
    for other in (np.float32(2.0), np.float64(2.0), 2.0, 2, np.ones(2, np.float32), np.ones(2)):
        scalar = dtype(1.5)
        for program in (lambda t, other=other: combine(t, other), lambda t, other=other: combine(other, t)):
            expected = program(scalar)
            value, pullback = cr.vjp(program, scalar)
            assert value.dtype == expected.dtype
            assert np.array_equal(value, expected)
            assert pullback(np.ones_like(value))[0].dtype == dtype


@pytest.mark.parametrize("sign", OPERATORS)
@pytest.mark.parametrize("left", [True, False])
@pytest.mark.parametrize(
    "other",
    [
        np.ma.array([1.0, 2.0], mask=[False, True]),
        np.ones((2, 2)).view(np.matrix),
        np.array([1.0, None]),
        np.array(["a", "b"]),
        np.array(["2026-01-01"], "datetime64[D]"),
        "text",
        None,
        {"a": 1.0},
        object(),
    ],
    ids=["masked", "matrix", "objects", "texts", "dates", "text", "None", "dict", "object"],
)
@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
def test_p18_operands_without_a_meaning_are_refused(sign: str, left: bool, other: Any) -> None:
    combine = OPERATORS[sign]
    x = cr.variable(np.array([1.5, 2.5]))
    try:
        result = combine(x, other) if left else combine(other, x)
    except TypeError:
        return
    if sign == "%" and isinstance(other, str) and not left:
        return  # Python's own formatting of a text
    assert sign == "==", f"{type(result)} instead of a refusal"
    assert not isinstance(result, Traced)


def test_p18_a_plain_array_takes_a_traced_value_by_augmented_assignment() -> None:
    def f(x: Any) -> Any:
        total = np.zeros(3)
        total += x * x
        total *= 2.0
        total -= x
        total /= 4.0
        return np.sum(total * np.array([1.0, 2.0, 3.0]))

    assert_right(f, np.array([1.0, -2.0, 3.0]))


def test_p18_pandas_columns() -> None:
    pandas = pytest.importorskip("pandas")
    column = pandas.Series([1.0, 2.0])
    x = cr.variable(np.array([1.5, 2.5]))
    for combine in (operator.add, operator.mul, operator.sub):
        for left in (True, False):
            try:
                result = combine(x, column) if left else combine(column, x)
            except TypeError:
                continue
            assert isinstance(result, Traced)
            assert result.dtype == np.float64


# -- P19: the methods of ufuncs, with every keyword ------------------------------------------------------------------------


X = np.array([[0.7, -1.3, 2.1], [1.9, 0.4, -0.6]])
POSITIVE = np.abs(X) + 0.1
MASK = np.array([[True, False, True], [True, True, False]])
WEIGHTS = np.array([[1.0, -2.0, 3.0], [0.5, 4.0, -1.5]])


def weigh(y: Any) -> Any:
    """A different weight for each element, so that misplaced gradients show."""
    return np.sum(y * np.linspace(1.0, 2.0, y.size).reshape(y.shape))


# Without np.power and np.arctan2: with AVX-512, NumPy's own power.reduce of a contiguous axis skips the elements in the middle.
REDUCIBLE = [
    np.add,
    np.multiply,
    np.maximum,
    np.minimum,
    np.subtract,
    np.divide,
    np.logaddexp,
    np.logaddexp2,
    np.hypot,
    np.fmax,
    np.fmin,
]


@pytest.mark.parametrize("ufunc", REDUCIBLE, ids=lambda ufunc: ufunc.__name__)
@pytest.mark.parametrize("axis", [0, 1, -1, (0,)])
@pytest.mark.parametrize("keepdims", [False, True])
def test_p19_reduce(ufunc: Any, axis: Any, keepdims: bool) -> None:
    assert_right(lambda x: weigh(ufunc.reduce(x, axis=axis, keepdims=keepdims)), POSITIVE)


@pytest.mark.parametrize("ufunc", [np.add, np.multiply, np.maximum, np.minimum], ids=lambda ufunc: ufunc.__name__)
def test_p19_reduce_over_all_axes_with_an_initial_value_and_a_mask(ufunc: Any) -> None:
    assert_right(lambda x: ufunc.reduce(x, axis=None), X)
    assert_right(lambda x: ufunc.reduce(x, axis=(0, 1)), X)
    assert_right(lambda x: ufunc.reduce(x, axis=None, initial=1.5), X)
    assert_right(lambda x: weigh(ufunc.reduce(x, axis=1, initial=0.5, where=MASK)), X)
    assert_right(lambda x: weigh(ufunc.reduce(x, axis=1, initial=0.5, where=MASK, keepdims=True)), X)


def test_p19_reduce_with_dtype() -> None:
    value, gradient = cr.value_and_grad(lambda x: np.add.reduce(x, axis=None, dtype=np.float64))(X.astype(np.float32))
    assert value.dtype == np.float64
    assert gradient.dtype == np.float32
    assert np.array_equal(gradient, np.ones_like(X))


@pytest.mark.parametrize("ufunc", REDUCIBLE, ids=lambda ufunc: ufunc.__name__)
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_p19_accumulate(ufunc: Any, axis: int) -> None:
    assert_right(lambda x: weigh(ufunc.accumulate(x, axis=axis)), POSITIVE)


@pytest.mark.parametrize("ufunc", REDUCIBLE, ids=lambda ufunc: ufunc.__name__)
def test_p19_outer(ufunc: Any) -> None:
    assert_right(lambda x: weigh(ufunc.outer(x, np.array([0.3, 1.7]))), POSITIVE)
    assert_right(lambda x: weigh(ufunc.outer(np.array([0.3, 1.7]), x)), POSITIVE)
    assert_right(lambda x: weigh(ufunc.outer(x[0], x * x)), POSITIVE)


@pytest.mark.parametrize("ufunc", [np.add, np.multiply, np.maximum, np.logaddexp], ids=lambda ufunc: ufunc.__name__)
@pytest.mark.parametrize(("indices", "axis"), [([0, 2], 1), ([0, 1, 2], 1), ([2, 0], -1), ([0], 0), ([1, 0, 1], 0)])
def test_p19_reduceat(ufunc: Any, indices: list[int], axis: int) -> None:
    assert_right(lambda x: weigh(ufunc.reduceat(x, indices, axis=axis)), POSITIVE)


@pytest.mark.parametrize("ufunc", [np.add, np.subtract], ids=lambda ufunc: ufunc.__name__)
def test_p19_at(ufunc: Any) -> None:
    def f(x: Any) -> Any:
        target = x * 2.0
        ufunc.at(target, [0, 1, 1], x[0] * x[0])
        return weigh(target)

    assert_right(f, np.array([[0.7, -1.3, 2.1], [1.9, 0.4, -0.6], [1.0, 2.0, 3.0]]))

    def g(x: Any) -> Any:
        target = x * 1.0
        ufunc.at(target, (np.array([0, 1, 1]), np.array([2, 0, 0])), x[1])
        return weigh(target)

    assert_right(g, X)


def test_p19_at_of_other_ufuncs_is_right_or_refused() -> None:
    for ufunc in (np.multiply, np.maximum, np.divide):

        def f(x: Any, ufunc: Any = ufunc) -> Any:
            target = x * 1.0
            ufunc.at(target, [0, 0], np.array([2.0, 5.0]))
            return weigh(target)

        assert_right_or_refused(f, np.array([0.7, 1.3]), f"{ufunc.__name__}.at")

    def negate(x: Any) -> Any:
        target = x * 1.0
        np.negative.at(target, [0])
        return weigh(target)

    assert_right_or_refused(negate, np.array([0.7, 1.3]), "negative.at")


CALLS: dict[str, Callable[[Any], Any]] = {
    "where and out": lambda x: np.multiply(x, x, where=MASK, out=np.zeros_like(x)),
    "where true": lambda x: np.multiply(x, x, where=True),
    "dtype": lambda x: np.multiply(x, x, dtype=np.float64),
    "casting": lambda x: np.multiply(x, 3.0, casting="safe"),
    "order": lambda x: np.multiply(x, x, order="F"),
    "subok": lambda x: np.multiply(x, x, subok=False),
    "out none": lambda x: np.multiply(x, x, None),
    "out tuple": lambda x: np.multiply(x, x, out=(None,)),
    "out traced": lambda x: np.multiply(x, x, out=np.zeros_like(x)),
    "out traced by position": lambda x: np.multiply(x, x, np.zeros_like(x)),
    "two results": lambda x: np.modf(x)[0],
    "out of two results": lambda x: np.modf(x, out=(np.zeros_like(x), None))[0],
}


@pytest.mark.parametrize("name", CALLS)
def test_p19_call_with_keywords(name: str) -> None:
    assert_right(lambda x: weigh(CALLS[name](x)), X)


def test_p19_out_is_the_result() -> None:
    def f(x: Any) -> Any:
        buffer = np.zeros_like(x)
        result = np.add(x, x * x, out=buffer)
        assert result is buffer or not isinstance(x, Traced)
        np.multiply(buffer, x, out=buffer)
        np.sqrt(buffer, out=buffer, where=np.array([True, False, True]))
        return weigh(buffer)

    assert_right(f, POSITIVE)


@pytest.mark.parametrize(
    ("words", "program"),
    [
        ("out=", lambda x: np.multiply(x, x, out=np.zeros(3))),
        ("out=", lambda x: np.add.reduce(np.stack([x, x]), axis=0, out=np.zeros(3))),
        ("out=", lambda x: np.add.accumulate(x, out=np.zeros(3))),
        ("out=", lambda x: np.add.outer(x, x, out=np.zeros((3, 3)))),
        ("out=", lambda x: np.add.reduceat(x, [0, 1], out=np.zeros(2))),
        ("where=", lambda x: np.multiply(x, x, where=np.array([True, False, True]))),
        ("casting", lambda x: np.multiply(x, x, dtype=np.float32, casting="safe")),
        ("signature", lambda x: np.multiply(x, x, signature="ff->f")),
        ("numpy.add.at", lambda x: np.add.at(np.zeros(3), [0, 0, 1], x)),
        ("where=", lambda x: np.subtract.reduce(x, where=np.array([True, False, True]))),
        ("axes", lambda x: np.logaddexp.reduce(np.stack([x, x]), axis=(0, 1))),
    ],
)
def test_p19_what_would_lose_a_gradient_is_refused(words: str, program: Callable[[Any], Any]) -> None:
    with pytest.raises(TypeError) as caught:
        cr.grad(lambda x: np.sum(program(x)))(np.array([0.7, 1.3, 2.1]))
    assert words in str(caught.value)
    assert "line" in str(caught.value)


def test_p19_reductions_of_nothing() -> None:
    assert np.array_equal(cr.grad(lambda x: np.add.reduce(x) + 1.0)(np.ones(0)), np.ones(0))
    with pytest.raises(ValueError, match="no identity"):
        cr.grad(lambda x: np.logaddexp.reduce(x) * 1.0 + np.maximum.reduce(x))(np.ones(0))
