"""`numpy_protocol.py`: NumPy's calls meet traced values; nothing is passed on silently. (The ufunc methods: test_protocols_numpy.py.)"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import TracedValueError, UnsupportedError
from chainrule.numpy_protocol import ACCUMULATIONS, REDUCTIONS, call_function, full_name, is_traced, plain
from chainrule.primitive import functions, refused, ufuncs, zero_by_nature
from chainrule.traced import Traced

X = np.array([[0.7, -1.3, 2.1], [1.9, 0.4, -0.6]])


def test_names_of_numpys_callables() -> None:
    assert full_name(np.exp) == "numpy.exp"
    assert full_name(np.sum) == "numpy.sum"
    assert full_name(np.linalg.inv) == "numpy.linalg.inv"
    assert full_name(np.fft.fft) == "numpy.fft.fft"


def test_plain_values_under_any_containers() -> None:
    x = cr.variable(2.0)
    assert is_traced(x)
    assert not is_traced(2.0)
    assert not is_traced(X)
    stripped = plain({"a": [x, (x * 3.0, "text")], "b": None})
    assert stripped == {"a": [2.0, (6.0, "text")], "b": None}
    assert plain(x) == 2.0


def test_a_function_is_in_one_state_only() -> None:
    assert not set(functions) & set(zero_by_nature)
    assert not set(functions) & set(refused)
    assert not set(zero_by_nature) & set(refused)
    assert not set(ufuncs) & (set(zero_by_nature) | set(refused))
    assert set(REDUCTIONS.values()) <= set(functions)
    assert set(ACCUMULATIONS.values()) <= set(functions)


def test_functions_without_gradient_answer_with_plain_values() -> None:
    x = cr.variable(X)
    assert np.shape(x) == (2, 3)
    assert np.ndim(x) == 2
    assert np.size(x) == 6
    assert np.result_type(x, np.float32) == np.float64
    assert np.iscomplexobj(x) is False
    assert np.array_equal(x, X) is True
    assert np.allclose(x, X) is True
    assert [list(index) for index in np.nonzero(x > 0)] == [[0, 0, 1, 1], [0, 2, 0, 1]]
    assert not isinstance(np.shape(x), Traced)


def test_refusals_name_the_function_the_line_and_the_way_out() -> None:
    with pytest.raises(UnsupportedError) as caught:
        cr.grad(lambda x: np.sum(np.polyfit(x, x, 1)))(np.ones(3))
    message = str(caught.value)
    assert message.startswith("numpy.polyfit is not supported on traced values (in ")
    assert "np.polyfit(x, x, 1)" in message
    assert "lstsq" in message
    assert message.endswith("If no gradient is wanted there, write cr.stop_gradient(t).value.")


def test_an_unclassified_function_is_refused() -> None:
    def new_in_numpy(a: Any) -> Any:
        return a

    with pytest.raises(UnsupportedError, match="It is not classified yet"):
        call_function(new_in_numpy, (cr.variable(1.0),), {})


def test_the_way_out_that_messages_show_works() -> None:
    def f(x: Any) -> Any:
        roots = np.roots(cr.stop_gradient(x).value)
        return np.sum(x) * np.real(roots[0])

    assert np.allclose(cr.grad(f)(np.array([1.0, -3.0, 2.0])), 2.0)


def test_wrong_calls_fail_as_in_numpy() -> None:
    x = cr.variable(X)
    for call in (
        lambda: np.sum(x, colour="red"),
        lambda: np.sum(),
        lambda: np.reshape(x),
        lambda: np.add(x),
        lambda: np.exp(x, x, x, x),
    ):
        with pytest.raises(TypeError):
            call()


# -- out= and augmented assignment on plain arrays ---------------------------------------------------------------------------


def test_augmented_assignment_on_a_plain_array_that_only_one_name_knows() -> None:
    def f(x: Any) -> Any:
        total = np.zeros(3)
        for row in x:
            total += row * row
        total -= 1.0
        total *= x[0]
        return np.sum(total)

    total = (X**2).sum(axis=0) - 1.0
    expected = 2 * X * X[0] + np.array([total, np.zeros(3)])
    assert np.allclose(cr.grad(f)(X), expected)


def test_every_augmented_operator() -> None:
    def f(x: Any) -> Any:
        a = np.full(3, 5.0)
        a += x
        b = np.full(3, 5.0)
        b -= x
        c = np.full(3, 5.0)
        c *= x
        d = np.full(3, 5.0)
        d /= x
        e = np.full(3, 5.0)
        e **= x
        g = np.full(3, 5.0)
        g %= x
        return np.sum(a + b + c + d + e + g)

    x = np.array([0.7, 1.3, 2.1])
    expected = [(f(x + 1e-6 * unit) - f(x - 1e-6 * unit)) / 2e-6 for unit in np.eye(3)]
    assert np.allclose(cr.grad(f)(x), expected, rtol=1e-6)


def test_the_matrix_product_in_place_is_right_or_refused() -> None:
    def f(x: Any) -> Any:
        h = np.eye(3)
        h @= np.outer(x, x)
        return np.sum(h)

    try:
        gradient = cr.grad(f)(X[0])
    except TracedValueError:
        return  # refused is right as well
    assert np.allclose(gradient, 2 * X[0].sum())


class Holder:
    total: Any = None


def test_augmented_assignment_of_an_attribute_and_an_item() -> None:
    def f(x: Any) -> Any:
        holder = Holder()
        holder.total = np.zeros(3)
        table = {"total": np.zeros(3)}
        try:
            holder.total += x * x
            table["total"] += x * x
        except TracedValueError:
            return np.sum(x * x) * 2.0  # refused is right as well
        return np.sum(holder.total) + np.sum(table["total"])

    assert np.allclose(cr.grad(f)(X[0]), 4 * X[0])


def test_a_shared_plain_array_is_refused_and_unchanged() -> None:
    shared = np.zeros(3)

    def f(x: Any) -> Any:
        local = shared
        local += x
        return np.sum(local)

    with pytest.raises(TracedValueError, match="other names still see"):
        cr.grad(f)(X[0])
    assert np.array_equal(shared, np.zeros(3))


def test_a_global_plain_array_is_refused() -> None:
    space: dict[str, Any] = {"np": np}
    exec("total = np.zeros(3)\ndef f(x):\n    global total\n    total += x\n    return np.sum(total)", space)
    alias = space["total"]
    with pytest.raises(TracedValueError):
        cr.grad(space["f"])(X[0])
    assert np.array_equal(alias, np.zeros(3))


def test_out_of_a_plain_array_is_refused_and_the_array_unchanged() -> None:
    target = np.zeros(3)
    for call in (
        lambda x: np.multiply(x, x, out=target),
        lambda x: np.multiply(x, x, target),
        lambda x: np.sum(np.stack([x, x]), axis=0, out=target),
        lambda x: np.cumsum(x, out=target),
        lambda x: np.clip(x, 0.0, 1.0, out=target),
        lambda x: np.matmul(np.eye(3), x, out=target),
        lambda x: np.add.accumulate(x, out=target),
        lambda x: np.concatenate([x[:1], x[1:]], out=target),
    ):
        with pytest.raises(TypeError) as caught:
            cr.grad(lambda x, call=call: np.sum(call(x)))(X[0])
        assert "out" in str(caught.value)
        assert np.array_equal(target, np.zeros(3))


def test_out_of_a_traced_array_takes_the_result() -> None:
    def f(x: Any) -> Any:
        y = np.zeros_like(x)
        np.multiply(x, 2.0, out=y)
        np.add(y, x, out=y[...])
        np.sin(x[0], out=y[0])
        np.broadcast_to(y, y.shape)
        np.maximum(x[:1], 0.5, out=y[1:])
        return np.sum(y * X)

    expected = np.zeros_like(X)
    expected[0] = np.cos(X[0]) * X[0] + (X[0] > 0.5) * X[1]
    assert np.allclose(cr.grad(f)(X), expected)


def test_comparisons_and_truth_values() -> None:
    x = cr.variable(X)
    assert ((x > 0).value == (X > 0)).all()
    assert bool(x[0, 0] > 0.5)
    assert np.any(x > 2).value
    assert not np.all(x > 2).value
    assert (x == X).value.all()
    assert 0.7 in x
    with pytest.raises(ValueError, match="truth value"):
        bool(x > 0)


def test_array_priority_over_plain_arrays_in_every_position() -> None:
    x = cr.variable(X)
    for result in (
        X + x,
        X @ x.T,
        np.multiply(X, x),
        np.where(X > 0, X, x),
        np.concatenate([X, x]),
        np.stack([X, x]),
        np.float64(2) * x,
    ):
        assert isinstance(result, Traced)
