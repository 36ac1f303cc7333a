"""Errors are letters to the user: each class and message, raised once by a program as a user writes it, its whole text compared."""

from __future__ import annotations

import ast
import copy
import math
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import errors
from chainrule.primitive import functions

# What follows a place in a message is the text of the user's line, so the comparison shows that the line is the right one.
PLACE = re.compile(re.escape(__file__) + r", line \d+")


def told(error: BaseException) -> str:
    """The message with this file's path and line numbers taken out."""
    return re.sub(r"node #\d+", "node #N", PLACE.sub("FILE", str(error)))


# -- programs --------------------------------------------------------------------------------------------------------------


def adds_one(h: Any) -> Any:
    h += 1.0
    return h


def scaled(x: Any, factor: Any) -> Any:
    return x * factor


def doubled(x: Any) -> Any:
    return 2.0 * x


def without_return(x: Any) -> None:
    x * x


def differentiate(f: Any, at: Any = 2.0) -> Any:
    return cr.grad(f)(at)


def fills_a_plain_array(x: Any) -> Any:
    result = np.zeros(2)
    result[0] = x[0] * x[1]
    return np.sum(result)


def fills_a_row(x: Any) -> Any:
    result = np.zeros((2, 2))
    result[0] = x
    return np.sum(result)


def adds_to_a_shared_array(x: Any) -> Any:
    total = np.zeros(2)
    history = [total]
    total += x
    return np.sum(total) + np.sum(history[0])


def adds_a_wider_array(x: Any) -> Any:
    total = np.zeros(2)
    total += x
    return np.sum(total)


def adds_at(x: Any) -> Any:
    counts = np.zeros(3)
    np.add.at(counts, [0, 1], x)
    return np.sum(counts)


def multiplies_at(x: Any) -> Any:
    y = x * 1.0
    np.multiply.at(y, [0], 2.0)
    return np.sum(y)


def adds_shapes(x: Any) -> Any:
    bias = x[:, 0]
    return np.sum(x + bias)


def sets_an_item_of_a_number(x: Any) -> Any:
    y = x * x
    y[0] = 1.0
    return y


def writes_another_shape(x: Any) -> Any:
    y = x * x
    y[:2] = np.ones(3)
    return np.sum(y)


def writes_into_a_broadcast(x: Any) -> Any:
    y = np.broadcast_to(x, (2, 3))
    y[0] = 1.0
    return np.sum(y)


def writes_into_integers(x: Any) -> Any:
    counts = np.zeros_like(x, dtype=int)
    counts[0] = x[0]
    return np.sum(counts)


def adds_to_integers(x: Any) -> Any:
    counts = np.zeros(2, int)
    counts += x
    return np.sum(counts)


def writes_complex(x: Any) -> Any:
    y = x * 1.0
    y[0] = 1j * x[0]
    return np.sum(y)


def mixes_levels(x: Any) -> Any:
    kept = x * 1.0

    def inner(z: Any) -> Any:
        kept[0] = z
        return z * z

    return cr.grad(inner)(x[0]) + kept[0]


def use_an_escaped_value() -> Any:
    kept = []

    def f(x: Any) -> Any:
        product = x * x
        kept.append(product)
        return product

    cr.grad(f)(2.0)
    return cr.grad(lambda x: x * kept[0])(3.0)


def overwrite_the_input() -> Any:
    a = np.ones(2)

    def f(x: Any) -> Any:
        y = np.sum(x * x)
        a[0] = 5.0
        return y

    return cr.grad(f)(a)


def set_a_result() -> None:
    w = cr.variable(1.0)
    y = w * 2.0
    y.value = 3.0


def set_another_shape() -> None:
    w = cr.variable(np.ones(2))
    w.value = np.ones(3)


def backward_of_an_array() -> None:
    w = cr.variable(np.ones(2))
    y = w * 2.0
    y.backward()


def backward_of_an_integer() -> None:
    w = cr.variable(np.ones(2))
    position = np.argmax(w)
    position.backward()


def backward_of_complex() -> None:
    w = cr.variable(1.0)
    z = w * 1j
    z.backward()


def backward_with_a_wrong_seed() -> None:
    w = cr.variable(np.ones(2))
    y = w * 2.0
    y.backward(np.ones(3))


def backward_after_free() -> None:
    w = cr.variable(1.0)
    loss = w * w
    loss.backward(free=True)
    loss.backward()


def use_after_free() -> None:
    w = cr.variable(1.0)
    middle = w * w
    loss = middle * 3.0
    loss.backward(free=True)
    again = middle + w
    again.backward()


PROGRAMS: dict[str, Callable[[], Any]] = {
    # -- arguments that have no derivative
    "integer_number": lambda: cr.grad(lambda x: x * x)(3),
    "integer_array": lambda: cr.grad(lambda x: np.sum(x))(np.arange(3)),
    "numpy_integer": lambda: cr.grad(lambda x: x * x)(np.int32(3)),
    "boolean_number": lambda: cr.grad(lambda flag: flag * 1.0)(True),
    "boolean_array": lambda: cr.grad(lambda mask: np.sum(mask))(np.array([True, False])),
    "text": lambda: cr.grad(lambda name: 1.0)("adam"),
    "text_in_containers": lambda: cr.grad(lambda p: p["w"] * 2.0)({"w": 1.0, "mode": "train"}),
    "object_array": lambda: cr.grad(lambda x: np.sum(x))(np.array([1.0, None])),
    "text_array": lambda: cr.grad(lambda x: np.sum(x))(np.array(["a"])),
    "date_array": lambda: cr.grad(lambda x: np.sum(x))(np.array(["2026-01-01"], "datetime64[D]")),
    "masked_array": lambda: cr.grad(lambda x: np.sum(x))(np.ma.array([1.0, 2.0], mask=[True, False])),
    "any_object": lambda: cr.grad(lambda x: 1.0)(object()),
    "integer_in_containers": lambda: cr.grad(lambda parameters: parameters["layers"][1]["W"] * 2.0)(
        {"layers": [{"W": 1.0}, {"W": 2}]}
    ),
    "integer_for_vjp": lambda: cr.vjp(lambda x, y: x * y, 1.0, 2),
    "integer_variable": lambda: cr.variable(3, name="w"),
    "text_variable": lambda: cr.variable("3.0"),
    "variable_of_a_variable": lambda: cr.variable(cr.variable(1.0, name="w")),
    "complex_step_argument": lambda: cr.grad(lambda x: x * x)(1 + 2j),
    # -- which argument
    "wrt_position_out_of_range": lambda: cr.grad(scaled, wrt=2)(1.0, 2.0),
    "wrt_negative_out_of_range": lambda: cr.grad(scaled, wrt=-3)(1.0, 2.0),
    "wrt_of_no_arguments": lambda: cr.grad(scaled)(x=1.0),
    "wrt_unknown_name": lambda: cr.grad(scaled, wrt="weights")(1.0, 2.0),
    "wrt_boolean": lambda: cr.grad(scaled, wrt=True)(1.0, 2.0),
    "wrt_float": lambda: cr.grad(scaled, wrt=1.0)(1.0, 2.0),
    "wrt_in_a_tuple": lambda: cr.grad(scaled, wrt=(0, "z"))(1.0, 2.0),
    "not_a_function": lambda: cr.grad(scaled(1.0, 2.0)),
    # -- what the function returns
    "vector_result": lambda: cr.grad(doubled)(np.ones(3)),
    "complex_result": lambda: cr.grad(lambda x: x * 1j)(2.0),
    "integer_result": lambda: cr.grad(lambda x: np.argmax(x))(np.ones(3)),
    "boolean_result": lambda: cr.grad(lambda x: x > 0)(1.0),
    "none_result": lambda: cr.grad(without_return)(1.0),
    "tuple_result": lambda: cr.grad(lambda x: (x * x, x))(1.0),
    "text_result": lambda: cr.grad(lambda x: "done")(1.0),
    "integer_jacobian": lambda: cr.jacobian(lambda x: np.floor(x).astype(int))(np.ones(2)),
    # -- cotangents and tangents
    "cotangent_shape": lambda: cr.vjp(doubled, np.ones(3))[1](np.ones(2)),
    "cotangent_structure": lambda: cr.vjp(lambda x: {"a": x, "b": x}, 1.0)[1]({"a": 1.0}),
    "cotangent_complex": lambda: cr.vjp(doubled, np.ones(3))[1](np.ones(3) * 1j),
    "tangent_shape": lambda: cr.jvp(doubled, (np.ones(3),), (np.ones(2),)),
    "tangent_structure": lambda: cr.jvp(scaled, (1.0, 2.0), (1.0,)),
    "hvp_structure": lambda: cr.hvp(scaled, (1.0, 2.0), (1.0, (2.0,))),
    # -- leaving the graph
    "python_float": lambda: differentiate(lambda x: float(x) * x),
    "python_complex": lambda: differentiate(lambda x: complex(x).real * x),
    "math_exp": lambda: differentiate(lambda x: math.exp(x)),
    "item": lambda: differentiate(lambda x: x.item() * x),
    "tolist": lambda: differentiate(lambda x: sum(x.tolist()), np.ones(2)),
    "np_array_of_traced": lambda: differentiate(lambda x: np.sum(np.array([x[0], x[1]])), np.ones(2)),
    "np_asarray": lambda: differentiate(lambda x: np.sum(np.asarray([x[0], 1.0])), np.ones(2)),
    "item_of_a_plain_array": lambda: differentiate(fills_a_plain_array, np.ones(2)),
    "row_of_a_plain_array": lambda: differentiate(fills_a_row, np.ones(2)),
    "out_of_a_plain_array": lambda: differentiate(lambda x: np.sum(np.multiply(x, x, out=np.zeros(2))), np.ones(2)),
    "reduction_out": lambda: differentiate(lambda x: np.sum(x, axis=0, out=np.zeros(())), np.ones(2)),
    "augmented_with_another_name": lambda: differentiate(adds_to_a_shared_array, np.ones(2)),
    "augmented_with_another_shape": lambda: differentiate(adds_a_wider_array, np.ones((3, 2))),
    "add_at_into_a_plain_array": lambda: differentiate(adds_at, np.ones(2)),
    "assign_to_a_list_of_lists": lambda: differentiate(
        lambda x: np.sum(np.asarray([[x[0], 1.0], [2.0, x[1]]])), np.ones(2)
    ),
    # -- functions and keywords without a rule
    "unsupported_function": lambda: differentiate(lambda x: np.sum(np.roots(x)), np.ones(3)),
    "unsupported_ufunc": lambda: differentiate(lambda x: np.frompyfunc(math.exp, 1, 1)(x)),
    "unsupported_fit": lambda: differentiate(lambda x: np.sum(np.polyfit(x, x, 1)), np.ones(3)),
    "unknown_keyword": lambda: differentiate(lambda x: np.sum(x, colour="red"), np.ones(3)),
    "ufunc_signature": lambda: differentiate(lambda x: np.sum(np.multiply(x, x, signature="dd->d")), np.ones(3)),
    "ufunc_casting": lambda: differentiate(
        lambda x: np.sum(np.multiply(x, x, dtype=np.float32, casting="safe")), np.ones(3)
    ),
    "ufunc_where": lambda: differentiate(lambda x: np.sum(np.multiply(x, x, where=x > 0)), np.ones(3)),
    "reduce_where": lambda: differentiate(lambda x: np.hypot.reduce(x, where=x > 0), np.ones(3)),
    "reduce_axes": lambda: differentiate(lambda x: np.sum(np.hypot.reduce(x, axis=(0, 1))), np.ones((2, 2))),
    "reduce_nothing": lambda: differentiate(lambda x: np.hypot.reduce(x), np.ones(0)),
    "multiply_at": lambda: differentiate(multiplies_at, np.ones(3)),
    "unknown_attribute": lambda: differentiate(lambda x: x.byteswap(), np.ones(3)),
    "no_such_attribute": lambda: differentiate(lambda x: x.weights, np.ones(3)),
    "view_of_the_bytes": lambda: differentiate(lambda x: np.sum(x.view(np.float32)), np.ones(2)),
    # -- shapes and indices
    "shapes": lambda: differentiate(adds_shapes, np.ones((3, 2))),
    "matmul_shapes": lambda: differentiate(lambda x: np.sum(x @ np.ones((3, 2))), np.ones(2)),
    "function_shapes": lambda: differentiate(lambda x: np.sum(np.concatenate([x, np.ones((2, 2))])), np.ones(2)),
    "reshape": lambda: differentiate(lambda x: np.sum(x.reshape(2, 2)), np.ones(3)),
    "index_out_of_range": lambda: differentiate(lambda x: x[5], np.ones(3)),
    "too_many_indices": lambda: differentiate(lambda x: x[0, 0], np.ones(3)),
    "float_index": lambda: differentiate(lambda x: x[1.5], np.ones(3)),
    "mask_of_another_shape": lambda: differentiate(lambda x: np.sum(x[np.array([True, False])]), np.ones(3)),
    "axis_out_of_range": lambda: differentiate(lambda x: np.sum(np.sum(x, axis=2)), np.ones(3)),
    "duplicate_axes": lambda: differentiate(lambda x: np.sum(x, axis=(0, 0)), np.ones((3, 3))),
    "iteration_over_a_number": lambda: differentiate(lambda x: sum(list(x))),
    "item_of_a_number": lambda: differentiate(sets_an_item_of_a_number),
    "write_of_another_shape": lambda: differentiate(writes_another_shape, np.ones(3)),
    "write_into_a_broadcast": lambda: differentiate(writes_into_a_broadcast, np.ones(3)),
    "write_float_into_integers": lambda: differentiate(writes_into_integers, np.ones(2)),
    "add_float_to_integers": lambda: differentiate(adds_to_integers, np.ones(2)),
    "write_complex_into_real": lambda: differentiate(writes_complex, np.ones(2)),
    "singular_matrix": lambda: differentiate(lambda x: np.sum(np.linalg.inv(x)), np.ones((2, 2))),
    "inner_value_into_outer_array": lambda: differentiate(mixes_levels, np.ones(2)),
    "foreign_operand": lambda: differentiate(lambda x: np.sum(x * np.ma.array([1.0, 2.0])), np.ones(2)),
    "none_operand": lambda: differentiate(lambda x: x * None, 2.0),
    "text_operand": lambda: differentiate(lambda x: x * "2", 2.0),
    "object_operand": lambda: differentiate(lambda x: np.sum(x * np.array([1.0, None])), np.ones(2)),
    "dict_operand": lambda: differentiate(lambda x: x * {"a": 1.0}),
    # -- state
    "escaped_value": lambda: use_an_escaped_value(),
    "pickle": lambda: differentiate(lambda x: pickle.dumps(x)),
    "copy_module": lambda: differentiate(lambda x: copy.copy(x) * x),
    "deepcopy": lambda: differentiate(lambda x: copy.deepcopy([x])[0] * x),
    "input_overwritten": lambda: overwrite_the_input(),
    "new_value_of_a_result": lambda: set_a_result(),
    "new_value_of_another_shape": lambda: set_another_shape(),
    "backward_of_an_array": lambda: backward_of_an_array(),
    "backward_of_an_integer": lambda: backward_of_an_integer(),
    "backward_of_complex": lambda: backward_of_complex(),
    "backward_seed_shape": lambda: backward_with_a_wrong_seed(),
    "backward_inside_grad": lambda: differentiate(lambda x: (x * x).backward()),
    "backward_after_free": lambda: backward_after_free(),
    "use_after_free": lambda: use_after_free(),
    "custom_closes_over": lambda: differentiate(lambda x: cr.custom_derivative(lambda y: x * y, lambda g, z, y: g)(x)),
    "custom_wrong_count": lambda: differentiate(lambda x: cr.custom_derivative(np.hypot, lambda g, z, a, b: g)(x, x)),
    "custom_wrong_shape": lambda: differentiate(
        lambda x: np.sum(cr.custom_derivative(np.sin, lambda g, z, a: np.ones(2))(x)), np.ones(3)
    ),
    "custom_writes": lambda: differentiate(
        lambda x: np.sum(cr.custom_derivative(adds_one, lambda g, y, h: g)(2.0 * x)), np.ones(2)
    ),
    "checkpoint_closes_over": lambda: differentiate(lambda x: cr.checkpoint(lambda y: x * y)(x)),
}


# -- what they are told ----------------------------------------------------------------------------------------------------


LETTERS: dict[str, tuple[type[Exception], str]] = {
    "integer_number": (
        errors.ArgumentError,
        "grad cannot differentiate with respect to x: it is an integer (int64, shape ()), and integers "
        "have no derivative. Write 3.0 instead of 3, or x.astype(float) for an array.",
    ),
    "integer_array": (
        errors.ArgumentError,
        "grad cannot differentiate with respect to x: it is an integer array (int64, shape (3,)), and "
        "integers have no derivative. Write x.astype(float).",
    ),
    "numpy_integer": (
        errors.ArgumentError,
        "grad cannot differentiate with respect to x: it is an integer (int32, shape ()), and integers "
        "have no derivative. Write 3.0 instead.",
    ),
    "boolean_number": (
        errors.ArgumentError,
        "grad cannot differentiate with respect to flag: it is a boolean (bool, shape ()), and booleans "
        "have no derivative. Write 1.0 instead of True, or x.astype(float) for an array.",
    ),
    "boolean_array": (
        errors.ArgumentError,
        "grad cannot differentiate with respect to mask: it is a boolean array (bool, shape (2,)), and "
        "booleans have no derivative. Write mask.astype(float).",
    ),
    "text": (
        errors.ArgumentError,
        "grad cannot differentiate with respect to name: it is a str, and such values have no derivative. "
        "Leave it out of wrt, or pass numbers, arrays, or containers of them.",
    ),
    "text_in_containers": (
        errors.ArgumentError,
        "grad cannot differentiate with respect to p['mode']: it is a str, and such values have no "
        "derivative. Leave it out of wrt, or pass numbers, arrays, or containers of them.",
    ),
    "object_array": (
        errors.ArgumentError,
        "grad cannot differentiate with respect to x: it is a ndarray of dtype object, and such values "
        "have no derivative. Convert it to an array of float64 first.",
    ),
    "text_array": (
        errors.ArgumentError,
        "grad cannot differentiate with respect to x: it is a ndarray of dtype <U1, and such values have "
        "no derivative. Convert it to an array of float64 first.",
    ),
    "date_array": (
        errors.ArgumentError,
        "grad cannot differentiate with respect to x: it is a ndarray of dtype datetime64[D], and such "
        "values have no derivative. Convert it to an array of float64 first.",
    ),
    "masked_array": (
        errors.ArgumentError,
        "grad cannot differentiate with respect to x: it is a MaskedArray of dtype float64, and such "
        "values have no derivative. Convert it to an array of float64 first.",
    ),
    "any_object": (
        errors.ArgumentError,
        "grad cannot differentiate with respect to x: it is an object, and such values have no derivative. "
        "Leave it out of wrt, or pass numbers, arrays, or containers of them.",
    ),
    "integer_in_containers": (
        errors.ArgumentError,
        "grad cannot differentiate with respect to parameters['layers'][1]['W']: it is an integer (int64, "
        "shape ()), and integers have no derivative. Write 2.0 instead of 2, or x.astype(float) for an "
        "array.",
    ),
    "integer_for_vjp": (
        errors.ArgumentError,
        "vjp cannot differentiate with respect to y: it is an integer (int64, shape ()), and integers have "
        "no derivative. Write 2.0 instead of 2, or x.astype(float) for an array.",
    ),
    "integer_variable": (
        errors.ArgumentError,
        "variable cannot differentiate with respect to w: it is an integer (int64, shape ()), and integers "
        "have no derivative. Write 3.0 instead of 3, or x.astype(float) for an array.",
    ),
    "text_variable": (
        errors.ArgumentError,
        "variable cannot differentiate with respect to its value: it is a str, and such values have no "
        "derivative. Leave it out of wrt, or pass numbers, arrays, or containers of them.",
    ),
    "variable_of_a_variable": (
        errors.ArgumentError,
        "variable() takes plain numbers and got a traced value (<traced w = 1.>). Use it as it is, or pass its .value.",
    ),
    "complex_step_argument": (
        errors.OutputError,
        "grad needs a real result, and <lambda> returned a complex number. Take np.real(...) or "
        "np.abs(...) of it, or use vjp with the cotangent that you mean.",
    ),
    "wrt_position_out_of_range": (
        errors.ArgumentError,
        "grad: wrt=2 is out of range: scaled was called with 2 positional arguments (x, factor). Count "
        "from 0, or use the argument's name.",
    ),
    "wrt_negative_out_of_range": (
        errors.ArgumentError,
        "grad: wrt=-3 is out of range: scaled was called with 2 positional arguments (x, factor). Count "
        "from 0, or use the argument's name.",
    ),
    "wrt_of_no_arguments": (TypeError, "scaled() missing 1 required positional argument: 'factor'"),
    "wrt_unknown_name": (
        errors.ArgumentError,
        "grad: wrt='weights' names no argument of this call of scaled, which was called with x, factor. "
        "Use one of these names, or a position.",
    ),
    "wrt_boolean": (
        errors.ArgumentError,
        "grad: wrt must be a position, a name or a tuple of them, and is True. Write wrt=0 or wrt='x'.",
    ),
    "wrt_float": (
        errors.ArgumentError,
        "grad: wrt must be a position, a name or a tuple of them, and is 1.0. Write wrt=0 or wrt='x'.",
    ),
    "wrt_in_a_tuple": (
        errors.ArgumentError,
        "grad: wrt='z' names no argument of this call of scaled, which was called with x, factor. Use one "
        "of these names, or a position.",
    ),
    "not_a_function": (errors.ArgumentError, "grad takes a function and got 2.0. Write grad(f)(x), not grad(f(x))."),
    "vector_result": (
        errors.OutputError,
        "grad needs a function with one number as result, and doubled returned an array of shape (3,). "
        "Reduce it (for example with .sum() or .mean()), or use jacobian (all derivatives) or "
        "elementwise_grad.",
    ),
    "complex_result": (
        errors.OutputError,
        "grad needs a real result, and <lambda> returned a complex number. Take np.real(...) or "
        "np.abs(...) of it, or use vjp with the cotangent that you mean.",
    ),
    "integer_result": (
        errors.OutputError,
        "grad needs a floating result, and <lambda> returned int64, a step function of its arguments, "
        "whose derivative is 0 or undefined everywhere. Return the quantity before it was rounded or "
        "compared.",
    ),
    "boolean_result": (
        errors.OutputError,
        "grad needs a floating result, and <lambda> returned bool, a step function of its arguments, whose "
        "derivative is 0 or undefined everywhere. Return the quantity before it was rounded or compared.",
    ),
    "none_result": (
        errors.OutputError,
        "grad needs a function with one number as result, and without_return returned None. Is a `return` missing?",
    ),
    "tuple_result": (
        errors.OutputError,
        "grad needs a function with one number as result, and <lambda> returned a tuple. Return the loss "
        "alone, or use vjp, which takes results of any structure.",
    ),
    "text_result": (
        errors.OutputError,
        "grad needs a function with one number as result, and <lambda> returned a str. Return the loss "
        "alone, or use vjp, which takes results of any structure.",
    ),
    "integer_jacobian": (
        errors.OutputError,
        "jacobian needs floating results, and got int64: its derivative is 0 or undefined everywhere.",
    ),
    "cotangent_shape": (
        errors.ArgumentError,
        "The cotangent has shape (2,), and its value has shape (3,). They must be equal.",
    ),
    "cotangent_structure": (
        errors.ArgumentError,
        "cotangents must be nested like the value they belong to: expected leaves at ['a'], ['b'], got "
        "leaves at ['a'].",
    ),
    "cotangent_complex": (
        errors.ArgumentError,
        "The cotangent is complex and its value is real (float64). Take its real part.",
    ),
    "tangent_shape": (
        errors.ArgumentError,
        "The tangent has shape (2,), and its value has shape (3,). They must be equal.",
    ),
    "tangent_structure": (
        errors.ArgumentError,
        "tangents must be nested like the value they belong to: expected leaves at [0], [1], got leaves at [0].",
    ),
    "hvp_structure": (
        errors.ArgumentError,
        "vector must be nested like the value they belong to: expected leaves at [0], [1], got leaves at [0], [1][0].",
    ),
    "python_float": (
        errors.TracedValueError,
        'float() would cut x out of the graph and lose its gradient (float64[], in FILE: "python_float": '
        "lambda: differentiate(lambda x: float(x) * x),). Write the NumPy form (np.exp(t) instead of "
        "math.exp(t)), np.zeros_like(t) instead of np.zeros(n) for an array that is filled with traced "
        "values, or cr.stop_gradient(t) if no gradient is wanted.",
    ),
    "python_complex": (
        errors.TracedValueError,
        "complex() would cut x out of the graph and lose its gradient (float64[], in FILE: "
        '"python_complex": lambda: differentiate(lambda x: complex(x).real * x),). Write the NumPy form, '
        "or cr.stop_gradient(t) if no gradient is wanted.",
    ),
    "math_exp": (
        errors.TracedValueError,
        'float() would cut x out of the graph and lose its gradient (float64[], in FILE: "math_exp": '
        "lambda: differentiate(lambda x: math.exp(x)),). Write the NumPy form (np.exp(t) instead of "
        "math.exp(t)), np.zeros_like(t) instead of np.zeros(n) for an array that is filled with traced "
        "values, or cr.stop_gradient(t) if no gradient is wanted.",
    ),
    "item": (
        errors.TracedValueError,
        '.item() would cut x out of the graph and lose its gradient (float64[], in FILE: "item": lambda: '
        "differentiate(lambda x: x.item() * x),). Write the value itself (a 0-d traced value works like a "
        "number), or cr.stop_gradient(t).",
    ),
    "tolist": (
        errors.TracedValueError,
        '.tolist() would cut x out of the graph and lose its gradient (float64[2], in FILE: "tolist": '
        "lambda: differentiate(lambda x: sum(x.tolist()), np.ones(2)),). Write list(t), or "
        "cr.stop_gradient(t) if no gradient is wanted.",
    ),
    "np_array_of_traced": (
        errors.TracedValueError,
        "Converting it to a plain array would cut a value made by slice out of the graph and lose its "
        'gradient (float64[], in FILE: "np_array_of_traced": lambda: differentiate(lambda x: '
        "np.sum(np.array([x[0], x[1]])), np.ones(2)),). Write np.stack([...]) instead of np.array([...]), "
        "np.zeros_like(t) instead of np.zeros(n) for an array that is filled with traced values, or "
        "cr.stop_gradient(t) if no gradient is wanted.",
    ),
    "np_asarray": (
        errors.TracedValueError,
        "Converting it to a plain array would cut a value made by slice out of the graph and lose its "
        'gradient (float64[], in FILE: "np_asarray": lambda: differentiate(lambda x: '
        "np.sum(np.asarray([x[0], 1.0])), np.ones(2)),). Write np.stack([...]) instead of np.array([...]), "
        "np.zeros_like(t) instead of np.zeros(n) for an array that is filled with traced values, or "
        "cr.stop_gradient(t) if no gradient is wanted.",
    ),
    "item_of_a_plain_array": (
        errors.TracedValueError,
        "Writing it into a plain array would cut a value made by multiply out of the graph and lose its "
        "gradient (float64[], in FILE: result[0] = x[0] * x[1]). Write np.zeros_like(t) instead of "
        "np.zeros(n) for the array, so that it is traced too, build it with np.stack([...]), or write "
        "cr.stop_gradient(t) if no gradient is wanted.",
    ),
    "row_of_a_plain_array": (
        errors.TracedValueError,
        "Writing it into a plain array would cut x out of the graph and lose its gradient (float64[2], in "
        "FILE: result[0] = x). Write np.zeros_like(t) instead of np.zeros(n) for the array, so that it is "
        "traced too, build it with np.stack([...]), or write cr.stop_gradient(t) if no gradient is wanted.",
    ),
    "out_of_a_plain_array": (
        errors.TracedValueError,
        "numpy.multiply with out= would write traced values into a plain array and lose their gradient (in "
        'FILE: "out_of_a_plain_array": lambda: differentiate(lambda x: np.sum(np.multiply(x, x, '
        "out=np.zeros(2))), np.ones(2)),). Use the result that it returns, without out=.",
    ),
    "reduction_out": (
        errors.TracedValueError,
        "numpy.sum with out= would write traced values into a plain array and lose their gradient (in "
        'FILE: "reduction_out": lambda: differentiate(lambda x: np.sum(x, axis=0, out=np.zeros(())), '
        "np.ones(2)),). Use the result that it returns, without out=.",
    ),
    "augmented_with_another_name": (
        errors.TracedValueError,
        "An augmented assignment would put traced values into a plain array that other names still see "
        "(shape (2,), in FILE: total += x): they would keep the old numbers. Write a = a + t instead of a "
        "+= t.",
    ),
    "augmented_with_another_shape": (
        errors.ShapeError,
        "An augmented assignment cannot put a result of shape (3, 2) into an array of shape (2,), in FILE: "
        "total += x. Compare the shapes of the variables on that line.",
    ),
    "add_at_into_a_plain_array": (
        errors.TracedValueError,
        "numpy.add.at would write traced values into a plain array and lose their gradient (in FILE: "
        "np.add.at(counts, [0, 1], x)). Make the target with np.zeros_like(t), or add with cr.scatter_add.",
    ),
    "assign_to_a_list_of_lists": (
        errors.TracedValueError,
        "Converting it to a plain array would cut a value made by slice out of the graph and lose its "
        "gradient (float64[], in FILE: lambda x: np.sum(np.asarray([[x[0], 1.0], [2.0, x[1]]])), "
        "np.ones(2)). Write np.stack([...]) instead of np.array([...]), np.zeros_like(t) instead of "
        "np.zeros(n) for an array that is filled with traced values, or cr.stop_gradient(t) if no gradient "
        "is wanted.",
    ),
    "unsupported_function": (
        errors.UnsupportedError,
        'numpy.roots is not supported on traced values (in FILE: "unsupported_function": lambda: '
        "differentiate(lambda x: np.sum(np.roots(x)), np.ones(3)),). The roots of a polynomial have no "
        "rule here: find them by Newton's method, written as a loop. If no gradient is wanted there, write "
        "cr.stop_gradient(t).value.",
    ),
    "unsupported_ufunc": (
        errors.UnsupportedError,
        'scipy.special.exp (vectorized) is not supported on traced values (in FILE: "unsupported_ufunc": '
        "lambda: differentiate(lambda x: np.frompyfunc(math.exp, 1, 1)(x)),). Write it with operations "
        "that have a rule, or give it one with cr.custom_derivative. If no gradient is wanted there, write "
        "cr.stop_gradient(t).value.",
    ),
    "unsupported_fit": (
        errors.UnsupportedError,
        'numpy.polyfit is not supported on traced values (in FILE: "unsupported_fit": lambda: '
        "differentiate(lambda x: np.sum(np.polyfit(x, x, 1)), np.ones(3)),). Solve the least-squares "
        "problem itself: np.linalg.lstsq(np.vander(x, deg + 1), y). If no gradient is wanted there, write "
        "cr.stop_gradient(t).value.",
    ),
    "unknown_keyword": (TypeError, "sum() got an unexpected keyword argument 'colour'"),
    "ufunc_signature": (
        errors.UnsupportedError,
        "numpy.multiply does not support the keyword signature='dd->d' on traced values (in FILE: "
        '"ufunc_signature": lambda: differentiate(lambda x: np.sum(np.multiply(x, x, signature="dd->d")), '
        "np.ones(3)),). Leave it out, or convert with astype.",
    ),
    "ufunc_casting": (
        errors.ArgumentError,
        "numpy.multiply: cannot cast from float64 to float32 with casting='safe', in FILE: lambda x: "
        'np.sum(np.multiply(x, x, dtype=np.float32, casting="safe")), np.ones(3). Convert with astype '
        "first.",
    ),
    "ufunc_where": (
        errors.UnsupportedError,
        "numpy.multiply with where= leaves the other elements undefined unless out= is given (in FILE: "
        '"ufunc_where": lambda: differentiate(lambda x: np.sum(np.multiply(x, x, where=x > 0)), '
        "np.ones(3)),). Write np.where(condition, new, old), which says what they are.",
    ),
    "reduce_where": (
        errors.UnsupportedError,
        'numpy.hypot.reduce does not support where= on traced values (in FILE: "reduce_where": lambda: '
        "differentiate(lambda x: np.hypot.reduce(x, where=x > 0), np.ones(3)),). Select the elements first.",
    ),
    "reduce_axes": (
        errors.UnsupportedError,
        'numpy.hypot.reduce over several axes is not supported on traced values (in FILE: "reduce_axes": '
        "lambda: differentiate(lambda x: np.sum(np.hypot.reduce(x, axis=(0, 1))), np.ones((2, 2))),). "
        "Reduce one axis after the other.",
    ),
    "reduce_nothing": (ValueError, "zero-size array to reduction operation hypot which has no identity"),
    "multiply_at": (
        errors.UnsupportedError,
        "numpy.multiply.at is not supported on traced values (in FILE: np.multiply.at(y, [0], 2.0)). Only "
        "np.add.at and np.subtract.at are; write the loop with indices otherwise.",
    ),
    "unknown_attribute": (
        AttributeError,
        "a traced value has no attribute 'byteswap'. ndarray.byteswap has no derivative rule here; use "
        "t.value.byteswap for the plain numbers (without gradient).",
    ),
    "no_such_attribute": (AttributeError, "a traced value has no attribute 'weights'."),
    "view_of_the_bytes": (
        errors.UnsupportedError,
        'ndarray.view is not supported on traced values (in FILE: "view_of_the_bytes": lambda: '
        "differentiate(lambda x: np.sum(x.view(np.float32)), np.ones(2)),): it reads the same bytes as "
        "other numbers or as another class, np.matrix among them. Use astype for another dtype, and @ with "
        "plain arrays instead of np.matrix.",
    ),
    "shapes": (
        errors.ShapeError,
        "add cannot combine shapes (3, 2) of x and (3,) of bias, in FILE: return np.sum(x + bias). NumPy "
        "says: operands could not be broadcast together with shapes (3,2) (3,) . Compare the shapes of the "
        "variables on that line.",
    ),
    "matmul_shapes": (
        errors.ShapeError,
        'matmul cannot combine shapes (2,) of x and (3, 2), in FILE: "matmul_shapes": lambda: '
        "differentiate(lambda x: np.sum(x @ np.ones((3, 2))), np.ones(2)),. NumPy says: matmul: Input "
        "operand 1 has a mismatch in its core dimension 0, with gufunc signature (n?,k),(k,m?)->(n?,m?) "
        "(size 3 is different from 2). Compare the shapes of the variables on that line.",
    ),
    "function_shapes": (
        errors.ShapeError,
        'concatenate cannot combine shapes (2,) of x and (2, 2), in FILE: "function_shapes": lambda: '
        "differentiate(lambda x: np.sum(np.concatenate([x, np.ones((2, 2))])), np.ones(2)),. NumPy says: "
        "all the input arrays must have same number of dimensions, but the array at index 0 has 1 "
        "dimension(s) and the array at index 1 has 2 dimension(s). Compare the shapes of the variables on "
        "that line.",
    ),
    "reshape": (
        ValueError,
        'cannot reshape array of size 3 into shape (2, 2) (in FILE: "reshape": lambda: '
        "differentiate(lambda x: np.sum(x.reshape(2, 2)), np.ones(3)),)",
    ),
    "index_out_of_range": (
        IndexError,
        "slice: index 5 is out of bounds for axis 0 with size 3 (shape (3,) of x, in FILE: "
        '"index_out_of_range": lambda: differentiate(lambda x: x[5], np.ones(3)),)',
    ),
    "too_many_indices": (
        IndexError,
        "slice: too many indices for array: array is 1-dimensional, but 2 were indexed (shape (3,) of x, "
        'in FILE: "too_many_indices": lambda: differentiate(lambda x: x[0, 0], np.ones(3)),)',
    ),
    "float_index": (
        IndexError,
        "arrays used as indices must be of integer (or boolean) type, and this one is float64 (in FILE: "
        '"float_index": lambda: differentiate(lambda x: x[1.5], np.ones(3)),)',
    ),
    "mask_of_another_shape": (
        IndexError,
        "boolean index did not match indexed array: the mask has shape (2,), the axes it stands for have "
        'shape (3,) (in FILE: "mask_of_another_shape": lambda: differentiate(lambda x: '
        "np.sum(x[np.array([True, False])]), np.ones(3)),)",
    ),
    "axis_out_of_range": (np.exceptions.AxisError, "axis 2 is out of bounds for array of dimension 1"),
    "duplicate_axes": (ValueError, "duplicate value in axis (0, 0)"),
    "iteration_over_a_number": (TypeError, "iteration over a 0-d array"),
    "item_of_a_number": (TypeError, "<traced y = 4.> is a number and does not support item assignment"),
    "write_of_another_shape": (
        errors.ShapeError,
        "write cannot combine shapes (3,) of y and (3,), in FILE: y[:2] = np.ones(3). NumPy says: could "
        "not broadcast input array from shape (3,) into shape (2,). Compare the shapes of the variables on "
        "that line.",
    ),
    "write_into_a_broadcast": (
        errors.GraphError,
        "Writing into the result of broadcast_to is not supported on traced arrays (in FILE: y[0] = 1.0). "
        "Write into the array itself, by its index.",
    ),
    "write_float_into_integers": (
        errors.ArgumentError,
        "An in-place write cannot put traced float64 numbers into an array of dtype int64 (in FILE: "
        "counts[0] = x[0]): they would be cut off and their gradient lost. Make the array with "
        "dtype=float64, or build a new one.",
    ),
    "add_float_to_integers": (
        errors.ArgumentError,
        "An in-place write cannot put float64 numbers into an array of dtype int64 (in FILE: counts += x): "
        "they would be cut off. Make the array with dtype=float64, or build a new one.",
    ),
    "write_complex_into_real": (
        errors.ArgumentError,
        "An in-place write cannot put traced complex128 numbers into an array of dtype float64 (in FILE: "
        "y[0] = 1j * x[0]): they would be cut off and their gradient lost. Make the array with "
        "dtype=complex128, or build a new one.",
    ),
    "singular_matrix": (
        np.linalg.LinAlgError,
        'inv: Singular matrix ((2, 2) of x, in FILE: "singular_matrix": lambda: differentiate(lambda x: '
        "np.sum(np.linalg.inv(x)), np.ones((2, 2))),)",
    ),
    "inner_value_into_outer_array": (
        errors.GraphError,
        "An in-place write would put a value of an inner differentiation into kept of an outer one (in "
        "FILE: kept[0] = z). Make the array inside the inner function, or build a new one.",
    ),
    "foreign_operand": (
        errors.ForeignOperandError,
        'A numpy.ma.MaskedArray cannot take part in a traced computation (in FILE: "foreign_operand": '
        "lambda: differentiate(lambda x: np.sum(x * np.ma.array([1.0, 2.0])), np.ones(2)),). Write "
        "np.asarray(...) around it, which says what its numbers are.",
    ),
    "none_operand": (
        errors.ForeignOperandError,
        'A builtins.NoneType cannot take part in a traced computation (in FILE: "none_operand": lambda: '
        "differentiate(lambda x: x * None, 2.0),). Look where it comes from: a function without `return` gives None.",
    ),
    "text_operand": (
        errors.ForeignOperandError,
        'A builtins.str cannot take part in a traced computation (in FILE: "text_operand": lambda: '
        'differentiate(lambda x: x * "2", 2.0),). Text has no derivative; convert it to a number first.',
    ),
    "object_operand": (
        errors.ArgumentError,
        'An array of dtype object cannot take part in a traced computation (in FILE: "object_operand": '
        "lambda: differentiate(lambda x: np.sum(x * np.array([1.0, None])), np.ones(2)),). Convert it to "
        "numbers first.",
    ),
    "dict_operand": (
        errors.ForeignOperandError,
        'A builtins.dict cannot take part in a traced computation (in FILE: "dict_operand": lambda: '
        'differentiate(lambda x: x * {"a": 1.0}),). Write np.asarray(...) around it, which says what its '
        "numbers are.",
    ),
    "escaped_value": (
        errors.GraphError,
        "A traced value has escaped: a value made by multiply (FILE: return cr.grad(lambda x: x * "
        "kept[0])(3.0)) was kept from a differentiation that has ended, and used in another. Return it "
        "from its function, or keep its .value.",
    ),
    "pickle": (
        errors.ArgumentError,
        "A traced value (<traced x = 2.>) cannot be pickled or copied with the copy module: it belongs to "
        "the program being traced. Use .copy() for an array of its own, or .value for the plain numbers.",
    ),
    "copy_module": (
        errors.ArgumentError,
        "A traced value (<traced x = 2.>) cannot be pickled or copied with the copy module: it belongs to "
        "the program being traced. Use .copy() for an array of its own, or .value for the plain numbers.",
    ),
    "deepcopy": (
        errors.ArgumentError,
        "A traced value (<traced x = 2.>) cannot be pickled or copied with the copy module: it belongs to "
        "the program being traced. Use .copy() for an array of its own, or .value for the plain numbers.",
    ),
    "input_overwritten": (
        errors.GraphError,
        "f writes into an array that grad is differentiating (NumPy says: assignment destination is "
        "read-only). The backward pass needs its numbers as they were. Write into a copy, or compute a new "
        "array.",
    ),
    "new_value_of_a_result": (
        errors.GraphError,
        "Only variables can be given a new value, and <traced y = 2.> was computed. Set the variables and "
        "compute it again.",
    ),
    "new_value_of_another_shape": (
        errors.ArgumentError,
        "The new value of w has shape (3,), and the variable has shape (2,). Make a new variable for another shape.",
    ),
    "backward_of_an_array": (
        errors.OutputError,
        "backward() needs a single number, and y has shape (2,). Reduce it (for example with .sum()), or "
        "give the cotangent: backward(seed).",
    ),
    "backward_of_an_integer": (
        errors.OutputError,
        "backward() needs a real floating value, and position is int64. Give the cotangent that you mean: "
        "backward(seed).",
    ),
    "backward_of_complex": (
        errors.OutputError,
        "backward() needs a real floating value, and z is complex128. Give the cotangent that you mean: "
        "backward(seed).",
    ),
    "backward_seed_shape": (
        errors.ArgumentError,
        "The cotangent has shape (3,), and the value has shape (2,). They must be equal.",
    ),
    "backward_inside_grad": (
        errors.GraphError,
        "backward() belongs to values made from cr.variable. Inside a function that grad differentiates, "
        "return the value.",
    ),
    "backward_after_free": (
        errors.GraphError,
        "The graph of loss was freed (by backward(free=True), in FILE: loss = w * w), so no gradient can "
        "flow through it any more. Compute the value again, or call backward() without free=True.",
    ),
    "use_after_free": (
        errors.GraphError,
        "The graph of middle was freed (by backward(free=True), in FILE: middle = w * w), so no gradient "
        "can flow through it any more. Compute the value again, or call backward() without free=True.",
    ),
    "custom_closes_over": (
        errors.GraphError,
        "<lambda> (in custom_derivative) uses a traced value that is not among its arguments, so its "
        "gradient would be lost. Pass it as an argument.",
    ),
    "custom_wrong_count": (
        errors.ArgumentError,
        "The vjp of hypot returned 1 gradients for 2 inputs. Return one for each (None where there is none).",
    ),
    "custom_wrong_shape": (
        errors.ArgumentError,
        "The vjp of sin returned shape (2,) for input 0, which has shape (3,). A gradient has the shape of "
        "its variable.",
    ),
    "custom_writes": (
        errors.GraphError,
        "adds_one (in custom_derivative) writes into its argument, whose numbers the backward pass needs "
        "(NumPy says: output array is read-only). Work on a copy of it.",
    ),
    "checkpoint_closes_over": (
        errors.GraphError,
        "<lambda> (in checkpoint) uses a traced value that is not among its arguments, so its gradient "
        "would be lost. Pass it as an argument.",
    ),
}


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_the_whole_message(name: str) -> None:
    kind, text = LETTERS[name]
    with pytest.raises(kind) as caught:
        PROGRAMS[name]()
    assert type(caught.value) is kind
    assert told(caught.value) == text


def test_every_class_is_raised() -> None:
    classes = {
        item for item in vars(errors).values() if isinstance(item, type) and issubclass(item, errors.ChainruleError)
    }
    assert classes - {errors.ChainruleError} == {
        kind for kind, _ in LETTERS.values() if issubclass(kind, errors.ChainruleError)
    }


@pytest.mark.parametrize(
    ("kind", "builtin"),
    [
        (errors.ArgumentError, TypeError),
        (errors.OutputError, TypeError),
        (errors.TracedValueError, TypeError),
        (errors.UnsupportedError, NotImplementedError),
        (errors.ShapeError, ValueError),
        (errors.GraphError, RuntimeError),
    ],
)
def test_an_error_is_also_the_builtin_one_that_a_user_of_numpy_expects(
    kind: type[Exception], builtin: type[Exception]
) -> None:
    assert issubclass(kind, builtin)
    assert issubclass(kind, errors.ChainruleError)
    assert "\n" not in str(kind("x"))


CORE = ("api", "arguments", "custom", "differentiate", "numpy_protocol", "trace", "traced", "trees", "variable")


def messages(module: str) -> list[tuple[int, list[str]]]:
    """The line of each `raise SomeError(...)` of a module, and the fixed parts of its message."""
    path = Path(cr.__file__).with_name(f"{module}.py")
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            parts = [
                part.value
                for part in ast.walk(node.exc)
                if isinstance(part, ast.Constant) and isinstance(part.value, str)
            ]
            long = [part.strip() for part in parts if len(part.strip()) >= 15]
            if long:
                found.append((node.lineno, long))
    return found


@pytest.mark.parametrize("module", CORE)
def test_every_message_of_the_core_is_among_them(module: str) -> None:
    told_texts = [*(text for _, text in LETTERS.values()), UNSUPPORTED_KEYWORD]
    missing = [
        (line, parts)
        for line, parts in messages(module)
        if not any(all(part in text for part in parts) for text in told_texts)
    ]
    assert not missing, f"no program of this file shows these messages of {module}.py: {missing}"


UNSUPPORTED_KEYWORD = (
    "numpy.sum does not support the keyword initial=1.0 on traced values (in FILE: "
    "cr.grad(lambda x: np.sum(x, initial=1.0))(np.ones(2))). Leave it out, or write its effect with other operations."
)


def test_a_keyword_that_a_stand_in_does_not_take(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(functions, np.sum, lambda a, axis=None: a)  # all stand-ins of ours take all keywords
    with pytest.raises(errors.UnsupportedError) as caught:
        cr.grad(lambda x: np.sum(x, initial=1.0))(np.ones(2))
    assert told(caught.value) == UNSUPPORTED_KEYWORD


def test_no_message_survives_in_an_error_about_an_error() -> None:
    """NumPy wraps our refusal of `a[i] = t` into a ValueError of its own; the user sees ours."""
    with pytest.raises(errors.TracedValueError) as caught:
        cr.grad(fills_a_row)(np.ones(2))
    assert caught.value.__cause__ is None
