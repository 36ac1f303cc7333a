"""Every operation of the registry against truths that know nothing of its rule; a new declaration is tested by existing.

Elementwise operations are tried at points of their declared domain, in all broadcast pairings; the others on their declared
samples, and an operation without samples fails. Truths: NumPy's own values and dtypes, differences, the complex step, and forward
mode against reverse mode (`gradient_checker`).
"""

from __future__ import annotations

import itertools
import operator
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import scipy.special  # noqa: F401 connect_scipy() declares rules for the functions of SciPy where it is loaded
from gradient_checker import check, floating
from primitive_cases import (
    PAIRINGS,
    Case,
    cases,
    complex_twin,
    draw,
    dtype_cases,
    is_plain_ufunc,
    natural_kinds,
    numbers,
    of_kind,
    rebuilt_like,
    refused_inputs,
    restricted,
    same,
)

import chainrule as cr
from chainrule.ops.scipy_rules import connect_scipy
from chainrule.primitive import operations, primitives
from chainrule.shapes import broadcast, type_of
from chainrule.trace import primitive
from chainrule.trees import leaves

connect_scipy()
NAMES = sorted(primitives)
CUT_ON_PURPOSE = {"stop_gradient"}
NO_SECOND_DERIVATIVE = {
    "cofactor": "it serves the second derivative of a determinant at a singular matrix; the third is refused by name"
}


@pytest.fixture(autouse=True)
def _numpy_may_complain_about_empty_and_special_arrays() -> Iterator[None]:
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore", RuntimeWarning)
        yield


# -- values, dtypes, shapes --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_forward_is_numpys(name: str) -> None:
    record = primitives[name]
    for case in cases(record):
        for inputs in dtype_cases(case):
            try:
                truth = record.forward(*inputs, **case.parameters)
            except (TypeError, ValueError, np.linalg.LinAlgError):
                with pytest.raises((TypeError, ValueError, np.linalg.LinAlgError)):
                    record.execute(*inputs, **case.parameters)
                continue
            result = record.execute(*inputs, **case.parameters)
            if record.execute is operator.pow and not isinstance(truth, np.ndarray):
                # NumPy's ** of two numbers and its np.power differ in the last bit.
                assert same(result, inputs[0] ** inputs[1])
                np.testing.assert_allclose(result, truth, rtol=4 * np.finfo(np.result_type(truth, np.float16)).eps)
                continue
            for ours, numpys in zip(leaves(result), leaves(truth), strict=True):
                assert same(ours, numpys), f"{Case(record, inputs, case.parameters)}: {ours!r} is not {numpys!r}"


@pytest.mark.parametrize("name", NAMES)
def test_the_shape_rule_gives_the_real_shape_and_dtype(name: str) -> None:
    record = primitives[name]
    for case in cases(record):
        for inputs in dtype_cases(case):
            try:
                result = record.execute(*inputs, **case.parameters)
            except (TypeError, ValueError, np.linalg.LinAlgError):
                continue
            types = [type_of(value) for value in inputs]
            assert record.shape is not None or record.elementwise, f"{name} declares no shape rule"
            declared = record.shape(*types, **case.parameters) if record.shape is not None else broadcast(*types)
            actual = tuple(map(type_of, result)) if record.outputs > 1 else type_of(result)
            assert declared == actual, f"{Case(record, inputs, case.parameters)} is {actual}; the rule says {declared}"


@pytest.mark.parametrize("name", NAMES)
def test_a_traced_graph_is_well_formed_and_has_the_value_of_numpy(name: str) -> None:
    record = primitives[name]
    for case in cases(record):
        moving = numbers(case)
        if not moving:
            continue
        graph = cr.trace(restricted(case, moving), *(case.inputs[index] for index in moving))
        truth = leaves(record.forward(*case.inputs, **case.parameters))
        assert len(graph.outputs) == len(truth)
        for node, numpys in zip(graph.outputs, truth, strict=True):
            assert same(node.value, numpys), str(case)


@pytest.mark.parametrize("name", [name for name in NAMES if primitives[name].elementwise])
def test_scalars_of_python_keep_the_dtype_of_their_partner(name: str) -> None:
    record = primitives[name]
    if not isinstance(record.forward, np.ufunc) or record.forward.nin < 2:
        return
    kinds = natural_kinds(record, record.forward.nin)
    numbers = of_kind(draw(np.random.default_rng(1), record, ((3,),) * record.forward.nin), kinds)
    for position, dtype in itertools.product(range(record.forward.nin), ("float32", "float64")):
        for scalar in (1, 1.0, 2, float(numbers[position][0])):
            inputs = [value.astype(dtype) if floating(value) else value for value in numbers]
            if kinds[position] != "f":
                scalar = int(scalar)
            inputs[position] = scalar
            try:
                truth = record.forward(*inputs)
            except TypeError:
                continue
            assert same(record.execute(*inputs), truth), f"{name}{tuple(inputs)}"
            movable = [
                index for index in range(len(inputs)) if index not in refused_inputs(record) and index != position
            ]
            others = [index for index in movable if floating(inputs[index])]
            if not others or record.vjp is None or not floating(truth):
                continue
            case = Case(record, tuple(inputs), {})
            value, pullback = cr.vjp(restricted(case, others), *(inputs[index] for index in others))
            assert same(value, truth)
            assert all(g.dtype == dtype for g in pullback(np.ones_like(truth)))
            spread = Case(record, tuple(np.full(3, v, dtype) if type(v) in (int, float) else v for v in inputs), {})
            try:
                _, pullback_of_arrays = cr.vjp(restricted(spread, others), *(inputs[index] for index in others))
            except TypeError:
                continue  # ldexp and the like: an integer is no floating number for them
            for one, other in zip(pullback(np.ones_like(truth)), pullback_of_arrays(np.ones_like(truth)), strict=True):
                np.testing.assert_allclose(one, other, rtol=1e-5 if dtype == "float32" else 1e-12, atol=1e-7)


# -- derivatives -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_first_and_second_derivative(name: str) -> None:
    record = primitives[name]
    for case in cases(record):
        if not numbers(case):
            continue
        analytic = record.analytic and record.complex_input and record.vjp is not None
        order = 1 if record.vjp is None or name in NO_SECOND_DERIVATIVE else 2
        moving = numbers(case)
        inputs = [case.inputs[index] for index in moving]
        verdict = check(
            restricted(case, moving), *inputs, order=order, analytic=analytic, names=[f"input {i}" for i in moving]
        )
        assert verdict or name in CUT_ON_PURPOSE, f"{case}\n{verdict}"
        if name in CUT_ON_PURPOSE:
            assert all(not np.any(gradient) for gradient in gradients_of(case, moving)[1])


@pytest.mark.parametrize("name", NAMES)
def test_derivatives_at_complex_numbers(name: str) -> None:
    record = primitives[name]
    for case in cases(record):
        twin = complex_twin(case)
        if twin is None:
            continue
        moving = numbers(twin)
        order = 1 if record.vjp is None or name in NO_SECOND_DERIVATIVE else 2
        function = restricted(twin, moving) if record.complex_input or not is_plain_ufunc(record) else record.forward
        try:
            verdict = check(
                function, *(twin.inputs[index] for index in moving), order=order, every_element=record.elementwise
            )
        except (cr.errors.ChainruleError, TypeError) as error:
            refusal = str(error)
            # Of a decomposition, complex numbers leave more undetermined than real ones do (phases, not only signs).
            assert not record.complex_input or record.outputs > 1 or "complex numbers" in refusal, f"{twin}: {refusal}"
            continue
        assert verdict or name in CUT_ON_PURPOSE, f"{twin}\n{verdict}"


@pytest.mark.parametrize("name", NAMES)
def test_each_input_alone_and_each_result_alone(name: str) -> None:
    record = primitives[name]
    for case in cases(record):
        moving = numbers(case)
        results = leaves(case(*case.inputs))
        floats = [index for index, result in enumerate(results) if floating(result)]
        if record.vjp is None or not floats or not moving:
            continue
        for index in floats if len(results) > 1 else []:
            verdict = check(
                lambda *inputs, case=case, index=index: case(*inputs)[index], *case.inputs, every_element=False
            )
            assert verdict, f"{case}, result {index} alone\n{verdict}"
        if len(moving) > 1:
            cotangent = rebuilt_like(case(*case.inputs))
            together = cr.vjp(restricted(case, moving), *(case.inputs[index] for index in moving))[1](cotangent)
            for index, expected in zip(moving, together, strict=True):
                (alone,) = cr.vjp(restricted(case, [index]), case.inputs[index])[1](cotangent)
                np.testing.assert_allclose(
                    alone, expected, rtol=1e-12, atol=1e-13, err_msg=f"{case}, input {index} alone"
                )
                tangent = np.ones_like(case.inputs[index])
                _, pushed = cr.jvp(restricted(case, [index]), (case.inputs[index],), (tangent,))
                zeros = [np.zeros_like(case.inputs[other]) for other in moving]
                zeros[moving.index(index)] = tangent
                _, all_pushed = cr.jvp(restricted(case, moving), [case.inputs[i] for i in moving], zeros)
                for one, other in zip(leaves(pushed), leaves(all_pushed), strict=True):
                    np.testing.assert_allclose(
                        one, other, rtol=1e-12, atol=1e-13, err_msg=f"{case}, input {index} alone"
                    )


@pytest.mark.parametrize("name", NAMES)
def test_single_precision_stays_single_and_agrees_with_double(name: str) -> None:
    record = primitives[name]
    for case in cases(record):
        moving = numbers(case)
        if record.vjp is None or not moving:
            continue
        narrow = Case(
            record, tuple(single(value) if floating(value) else value for value in case.inputs), case.parameters
        )
        wide = Case(
            record, tuple(double(value) if floating(value) else value for value in narrow.inputs), case.parameters
        )
        value, pullback = cr.vjp(restricted(narrow, moving), *(narrow.inputs[index] for index in moving))
        wide_value, wide_pullback = cr.vjp(restricted(wide, moving), *(wide.inputs[index] for index in moving))
        gradients = pullback(rebuilt_like(value))
        truths = wide_pullback(rebuilt_like(wide_value))
        for index, gradient, truth in zip(moving, gradients, truths, strict=True):
            assert gradient.dtype == narrow.inputs[index].dtype, str(narrow)
            size = np.max(np.abs(truth), initial=0.1)
            np.testing.assert_allclose(gradient, truth, rtol=2e-3, atol=2e-4 * size, err_msg=str(narrow))
        tangents = [np.ones_like(narrow.inputs[index]) for index in moving]
        result, pushed = cr.jvp(restricted(narrow, moving), [narrow.inputs[index] for index in moving], tangents)
        assert [np.asarray(t).dtype for t in leaves(pushed)] == [np.asarray(r).dtype for r in leaves(result)], str(
            narrow
        )


def single(value: Any) -> Any:
    return np.asarray(value).astype("complex64" if np.iscomplexobj(value) else "float32")[()]


def double(value: Any) -> Any:
    return np.asarray(value).astype("complex128" if np.iscomplexobj(value) else "float64")[()]


@pytest.mark.parametrize("name", [name for name in NAMES if primitives[name].vjp is not None])
def test_a_fault_of_a_thousandth_in_any_rule_would_be_found(name: str) -> None:
    """The tests above are strong enough: with the rule of one input 0.1 % too large, some case of the operation fails."""
    record = primitives[name]
    right = record.vjp
    tried = cases(record)
    positions = {index for case in tried for index in numbers(case)}
    for position in positions:
        moved = [case for case in tried if position in numbers(case)]
        if name in CUT_ON_PURPOSE or not any(_has_gradient(case, position) for case in moved):
            continue
        object.__setattr__(record, "vjp", _scaled(right, position))
        try:
            found = any(not _passes(case) for case in moved)
        finally:
            object.__setattr__(record, "vjp", right)
        assert found, (
            f"a fault of 0.1 % in the rule of input {position} of {name} goes through all its cases: it needs other samples"
        )


def _has_gradient(case: Case, position: int) -> bool:
    moving = numbers(case)
    return bool(np.any(gradients_of(case, moving)[1][moving.index(position)]))


def _passes(case: Case) -> bool:
    moving = numbers(case)
    order = 1 if case.record.add_into is None else 2  # at first order, the driver adds into a buffer without the rule
    return bool(
        check(restricted(case, moving), *(case.inputs[index] for index in moving), order=order, every_element=False)
    )


def _scaled(rules: Any, position: int) -> Any:
    """Rules of which one is 0.1 % too large."""
    if not isinstance(rules, tuple):

        def joint(wanted: Any, g: Any, y: Any, *inputs: Any, **parameters: Any) -> Any:
            contributions = list(rules(wanted, g, y, *inputs, **parameters))
            if contributions[position] is not None:
                contributions[position] = contributions[position] * 1.001
            return contributions

        return joint
    wrong = list(rules)
    wrong[position] = lambda g, y, *inputs, **parameters: rules[position](g, y, *inputs, **parameters) * 1.001
    return tuple(wrong)


# -- memory ------------------------------------------------------------------------------------------------------------


def _strided(x: Any) -> Any:
    wide = np.full(tuple(2 * n for n in x.shape), 7, x.dtype)
    wide[tuple(slice(None, None, 2) for _ in x.shape)] = x
    return wide[tuple(slice(None, None, 2) for _ in x.shape)]


def _reversed(x: Any) -> Any:
    turn = tuple(slice(None, None, -1) for _ in x.shape)
    return x[turn].copy()[turn]


def _read_only(x: Any) -> Any:
    x = x.copy()
    x.flags.writeable = False
    return x


LAYOUTS: dict[str, Callable[[Any], Any]] = {
    "Fortran-ordered": lambda x: np.array(x, order="F"),
    "strided": _strided,
    "reversed": _reversed,
    "read-only": _read_only,
    "0-d array or transposed": lambda x: x.T.copy().T,
}


@pytest.mark.parametrize("name", NAMES)
def test_the_memory_layout_changes_nothing(name: str) -> None:
    record = primitives[name]
    for case in cases(record):
        moving = numbers(case)
        if not moving or record.vjp is None or not any(map(floating, leaves(case(*case.inputs)))):
            continue
        value, truths = gradients_of(case, moving)
        for layout, arrange in LAYOUTS.items():
            inputs = tuple(arrange(np.asarray(value)) for value in case.inputs)
            other_value, gradients = gradients_of(Case(record, inputs, case.parameters), moving)
            for one, other in zip(leaves(value), leaves(other_value), strict=True):
                np.testing.assert_allclose(other, one, rtol=1e-12, atol=1e-13, err_msg=f"{case}, {layout}")
            for truth, gradient in zip(truths, gradients, strict=True):
                np.testing.assert_allclose(gradient, truth, rtol=1e-10, atol=1e-12, err_msg=f"{case}, {layout}")
            for before, after in zip(case.inputs, inputs, strict=True):
                assert np.array_equal(before, after), f"{case} wrote into its {layout} input"


@pytest.mark.parametrize("name", NAMES)
def test_an_input_of_stride_0_is_like_its_copy(name: str) -> None:
    record = primitives[name]
    for case in cases(record):
        moving = [index for index in numbers(case) if np.ndim(case.inputs[index]) and np.size(case.inputs[index])]
        if not record.elementwise or record.vjp is None or not moving or not floating(case(*case.inputs)):
            continue
        flat = list(case.inputs)
        for index in moving:
            value = np.asarray(flat[index])
            flat[index] = np.broadcast_to(value.reshape(-1)[0], value.shape)
        copied = [np.array(value)[()] for value in flat]
        value, gradients = gradients_of(Case(record, tuple(flat), case.parameters), moving)
        same_value, truths = gradients_of(Case(record, tuple(copied), case.parameters), moving)
        np.testing.assert_allclose(value, same_value, rtol=1e-13, err_msg=str(case))
        for gradient, truth in zip(gradients, truths, strict=True):
            np.testing.assert_allclose(gradient, truth, rtol=1e-12, err_msg=str(case))
            assert gradient.flags.writeable


def gradients_of(case: Case, moving: list[int]) -> tuple[Any, tuple[Any, ...]]:
    """The value and the gradients of a case for a fixed cotangent."""
    value, pullback = cr.vjp(restricted(case, moving), *(case.inputs[index] for index in moving))
    return value, pullback(rebuilt_like(value))


@pytest.mark.parametrize("name", NAMES)
def test_results_and_gradients_belong_to_the_user(name: str) -> None:
    record = primitives[name]
    for case in cases(record):
        moving = numbers(case)
        if not moving or record.vjp is None:
            continue
        inputs = [np.array(case.inputs[index]) for index in moving]
        value, pullback = cr.vjp(restricted(case, moving), *inputs)
        cotangent = rebuilt_like(value)
        kept = [np.array(c) for c in leaves(cotangent)]
        truths = [np.array(g) for g in pullback(cotangent)]
        for array in inputs:
            array[...] = -7.0
        for array in leaves(value):
            if isinstance(array, np.ndarray):
                assert array.flags.writeable, f"{case}: the result is read-only"
                array[...] = 1
        gradients = pullback(cotangent)
        for one, other in itertools.combinations(gradients, 2):
            assert not np.shares_memory(one, other), f"{case}: two gradients share their memory"
        for gradient, truth in zip(gradients, truths, strict=True):
            assert np.array_equal(gradient, truth, equal_nan=True), (
                f"{case}: overwriting inputs and results changed the gradient"
            )
            for given in (*leaves(cotangent), *inputs, *leaves(value)):
                assert not np.shares_memory(gradient, given), f"{case}: a gradient shares memory with what the user has"
            if isinstance(gradient, np.ndarray):
                gradient[...] = np.nan
        for one, other in zip(leaves(cotangent), kept, strict=True):
            assert np.array_equal(one, other), f"{case}: the pullback wrote into the cotangent"
        for gradient, truth in zip(pullback(cotangent), truths, strict=True):
            assert np.array_equal(gradient, truth, equal_nan=True), (
                f"{case}: overwriting gradients changed the next ones"
            )


# -- a new declaration is tested by existing -----------------------------------------------------------------------------


@pytest.fixture
def registry() -> Iterator[None]:
    before = set(primitives)
    yield
    for name in set(primitives) - before:
        del primitives[name], operations[name]


def test_a_new_elementwise_operation_is_tested_without_further_code(registry: None) -> None:
    new: Any = primitive("new_quotient", lambda a, b: a / (1 + b * b), (
        lambda g, y, a, b: g / (1 + b * b),
        lambda g, y, a, b: -2 * g * y * b / (1 + b * b),
    ))  # fmt: skip
    assert new is operations["new_quotient"]
    assert len(cases(primitives["new_quotient"])) == len(PAIRINGS[2])
    test_first_and_second_derivative("new_quotient")
    test_each_input_alone_and_each_result_alone("new_quotient")
    test_derivatives_at_complex_numbers("new_quotient")


def test_a_new_operation_with_a_wrong_rule_fails(registry: None) -> None:
    primitive("new_quotient", lambda a, b: a / (1 + b * b), (
        lambda g, y, a, b: g / (1 + b * b),
        lambda g, y, a, b: -2.002 * g * y * b / (1 + b * b),
    ))  # fmt: skip
    with pytest.raises(
        AssertionError, match=r"new_quotient\(float64\[2,3\], float64\[2,3\]\)\n *derivative by .*input 1"
    ):
        test_first_and_second_derivative("new_quotient")


def test_a_new_operation_with_a_wrong_shape_rule_fails(registry: None) -> None:
    primitive("new_cast", lambda a: a.astype(np.float32), lambda g, y, a: g)
    with pytest.raises(AssertionError, match=r"is float32\[2,3\]; the rule says bool\[2,3\]"):
        test_the_shape_rule_gives_the_real_shape_and_dtype("new_cast")


def test_a_new_operation_without_samples_fails(registry: None) -> None:
    primitive("new_flip", lambda x: x[::-1], lambda g, y, x: g[::-1], shape=lambda x: x)
    with pytest.raises(AssertionError, match="new_flip is not elementwise and declares no samples"):
        test_first_and_second_derivative("new_flip")


def test_the_registry_is_not_small() -> None:
    with_rules = [name for name in NAMES if primitives[name].vjp is not None]
    assert len(with_rules) >= 100
    assert len(NAMES) > len(with_rules)
