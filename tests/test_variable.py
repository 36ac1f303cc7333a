"""`variable.py`: define-by-run variables, and the protocol of calling backward again (P16)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import ArgumentError, GraphError, OutputError
from chainrule.traced import Traced


def test_gradients_of_a_small_program() -> None:
    x, y, z = cr.variable(-2.0), cr.variable(5.0), cr.variable(-4.0)
    q = x + y
    f = q * z
    f.backward()
    assert (x.grad, y.grad, z.grad, q.grad, f.grad) == (-4.0, -4.0, 3.0, -4.0, 1.0)


def test_arrays_and_numpy_functions() -> None:
    w = cr.variable(np.array([[0.1, 0.5], [-0.3, 0.8]]))
    x = np.array([0.2, 0.4])
    loss = np.sum((w @ x) ** 2)
    loss.backward()
    assert np.allclose(w.grad, 2 * np.outer(w.value @ x, x))
    assert w.grad.shape == w.shape


def test_values_come_as_they_went_in() -> None:
    assert type(cr.variable(2.0).value) is np.float64
    assert cr.variable(np.float32(2.0)).dtype == np.float32
    assert cr.variable([1.0, 2.0]).shape == (2,)
    assert cr.variable(((1.0, 2.0), (3.0, 4.0))).shape == (2, 2)
    assert cr.variable(np.array(2.0)).value.shape == ()
    assert cr.variable(1j).dtype == np.complex128
    single = cr.variable(np.ones(2, np.float32))
    np.sum(single * 2.0).backward()
    assert single.grad.dtype == np.float32


def test_the_value_is_a_copy() -> None:
    a = np.ones(2)
    x = cr.variable(a)
    a[:] = 5.0
    shown = x.value
    shown[:] = 7.0
    assert np.array_equal(x.value, [1.0, 1.0])


def test_names() -> None:
    weight = cr.variable(1.0)
    assert weight.name == "weight"
    assert cr.variable(1.0, name="bias").name == "bias"
    layer: dict[str, Any] = {}
    layer["scale"] = cr.variable(2.0)
    assert layer["scale"].name == "scale"
    assert [cr.variable(1.0)][0].name is None
    assert repr(weight) == "<traced weight = 1.>"


def test_no_gradient_before_backward() -> None:
    x = cr.variable(1.0)
    y = x * x
    assert x.grad is None
    assert y.grad is None


def test_variables_that_do_not_matter_have_no_gradient() -> None:
    x, unused = cr.variable(2.0), cr.variable(3.0)
    other = unused * 2.0
    (x * x).backward()
    assert unused.grad is None
    assert other.grad is None


# -- P16: backward again -----------------------------------------------------------------------------------------------------


def test_p16_backward_twice_adds_up_exactly() -> None:
    x = cr.variable(np.array([1.0, 2.0]))
    y = x * x
    loss = np.sum(y)
    loss.backward()
    first = x.grad.copy()
    loss.backward()
    assert np.array_equal(x.grad, 2 * first)
    assert np.array_equal(y.grad, [1.0, 1.0])  # of the last pass: only variables add up


def test_p16_gradients_of_two_losses_add_up_and_are_reset() -> None:
    x = cr.variable(3.0)
    (x * x).backward()
    (x * 5.0).backward()
    assert x.grad == 11.0
    x.grad = None
    (x * 5.0).backward()
    assert x.grad == 5.0


def test_p16_a_freed_graph() -> None:
    x = cr.variable(3.0)
    middle = x * x
    loss = middle * 2.0
    loss.backward(free=True)
    assert x.grad == 12.0
    for late in (loss, middle, middle + x):
        with pytest.raises(GraphError, match="was freed"):
            late.backward()
    assert x.grad == 12.0
    (x * x).backward()  # the variable itself goes on
    assert x.grad == 18.0
    assert loss.value == 18.0  # and so do the numbers


def test_p16_a_result_that_is_no_single_number() -> None:
    x = cr.variable(np.ones(3))
    y = x * 2.0
    with pytest.raises(OutputError, match="needs a single number, and y has shape"):
        y.backward()
    y.backward(np.array([1.0, 10.0, 100.0]))
    assert np.array_equal(x.grad, [2.0, 20.0, 200.0])
    one = cr.variable(np.ones((1, 1)))
    (one * 3.0).backward()
    assert np.array_equal(one.grad, [[3.0]])


def test_p16_backward_of_a_variable_itself() -> None:
    x = cr.variable(3.0)
    x.backward()
    assert x.grad == 1.0
    x.backward(2.0)
    assert x.grad == 3.0


def test_p16_branches_and_repeated_use() -> None:
    x = cr.variable(2.0)
    y = x * x
    z = y + y * x + x
    z.backward()
    assert x.grad == 2 * 2.0 + 3 * 4.0 + 1


def test_complex_variables_follow_the_convention_of_grad() -> None:
    start = np.array([1.0 + 2.0j, -0.5j])
    x = cr.variable(start)
    np.sum(np.abs(x) ** 2).backward()
    assert np.allclose(x.grad, 2 * start)
    assert np.allclose(x.grad, cr.grad(lambda x: np.sum(np.abs(x) ** 2))(start))
    z = cr.variable(1.0 + 2.0j)
    (z * 3j).backward(1.0)
    assert np.allclose(z.grad, cr.vjp(lambda z: z * 3j, 1.0 + 2.0j)[1](1.0)[0])


def test_untaken_branches_stay_zero() -> None:
    x = cr.variable(np.array([0.0, 4.0]))
    with np.errstate(all="ignore"):
        np.sum(np.where(x > 0, np.sqrt(x), 0.0)).backward()
    assert np.array_equal(x.grad, [0.0, 0.25])


def test_a_gradient_of_several_results_of_one_operation() -> None:
    x = cr.variable(np.array([1.25, -2.5]))
    fraction, whole = np.modf(x)
    np.sum(fraction * whole).backward()
    assert np.array_equal(x.grad, [1.0, -2.0])


# -- training --------------------------------------------------------------------------------------------------------------


def test_setting_a_value() -> None:
    w = cr.variable(np.array([4.0, -2.0]))
    for _ in range(200):
        w.grad = None
        loss = np.sum((w - np.array([1.0, 3.0])) ** 2)
        loss.backward()
        w.value = w.value - 0.1 * w.grad
    assert np.allclose(w.value, [1.0, 3.0])
    assert w.name == "w"


def test_what_was_computed_keeps_the_old_numbers() -> None:
    w = cr.variable(2.0)
    y = w * w
    w.value = 10.0
    assert y.value == 4.0
    y.backward()
    assert w.grad == 4.0  # at the old number
    (w * w).backward()
    assert w.grad == 24.0
    assert w.value == 10.0


def test_values_of_another_shape_or_of_results() -> None:
    w = cr.variable(np.ones(2))
    with pytest.raises(ArgumentError, match="has shape"):
        w.value = np.ones(3)
    with pytest.raises(ArgumentError):
        w.value = np.array(["a", "b"])
    y = w * 2.0
    with pytest.raises(GraphError, match="Only variables"):
        y.value = np.ones(2)
    w.value = [5.0, 6.0]
    assert np.array_equal(w.value, [5.0, 6.0])
    assert w.dtype == np.float64


def test_a_value_in_the_dtype_of_the_variable() -> None:
    w = cr.variable(np.ones(2, np.float32))
    w.value = np.array([1.5, 2.5])
    assert w.dtype == np.float32


# -- with the other verbs --------------------------------------------------------------------------------------------------


def test_no_grad() -> None:
    x = cr.variable(np.ones(2))
    with cr.no_grad():
        y = np.sum(x * 2.0)
        with cr.no_grad():
            assert not isinstance(x + 1.0, Traced)
        assert not isinstance(x + 1.0, Traced)
        assert not isinstance(np.tanh(x), Traced)
        assert not isinstance(x[0], Traced)
    assert not isinstance(y, Traced)
    assert y == 4.0
    assert isinstance(x * 2.0, Traced)


def test_no_grad_ends_with_an_error() -> None:
    x = cr.variable(1.0)
    with pytest.raises(RuntimeError, match="inside"), cr.no_grad():
        raise RuntimeError("inside")
    assert isinstance(x * 2.0, Traced)


def test_stop_gradient() -> None:
    x = cr.variable(3.0)
    (x * cr.stop_gradient(x)).backward()
    assert x.grad == 3.0
    assert float(cr.stop_gradient(x)) == 3.0


def test_grad_inside_a_define_by_run_program() -> None:
    w = cr.variable(3.0)
    slope = cr.grad(lambda x: w * x * x)(2.0)  # 2 w x
    slope.backward()
    assert slope.value == 12.0
    assert w.grad == 4.0


def test_grad_with_respect_to_a_variable() -> None:
    w = cr.variable(3.0)
    slope = cr.grad(lambda x: x * x * x)(w)  # 3 w²
    slope.backward()
    assert (slope.value, w.grad) == (27.0, 18.0)


def test_custom_derivatives_and_checkpoints() -> None:
    x = cr.variable(np.array([0.3, 0.4]))
    np.sum(cr.custom_derivative(np.sin, lambda g, y, x: g * 10.0)(x)).backward()
    assert np.array_equal(x.grad, [10.0, 10.0])
    x.grad = None
    np.sum(cr.checkpoint(np.sin)(x)).backward()
    assert np.allclose(x.grad, np.cos([0.3, 0.4]))


def test_backward_inside_another_differentiation_is_refused() -> None:
    with pytest.raises(GraphError, match="belongs to values made from"):
        cr.grad(lambda x: (x * x).backward())(1.0)


def test_text_forms() -> None:
    x = cr.variable(3.0)
    y = x * x
    assert repr(y) == "<traced y = 9.>"
    shown = [repr(x * y)]
    assert shown == ["<traced x * y… = 27.>"]
    assert f"{x:.2f}" == "3.00"
    assert f"{x}" == "3.0"
    assert str(x) == "3.0"
