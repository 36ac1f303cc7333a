"""`shapes.py`: types of arrays without their numbers, against NumPy itself."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from chainrule.errors import ChainruleError
from chainrule.shapes import (
    ArrayType,
    broadcast,
    inexact,
    normalise_axes,
    normalise_axis,
    promote,
    real_of,
    reduced,
    type_of,
    ufunc_type,
)

DTYPES = ["bool", "int8", "int64", "uint32", "float16", "float32", "float64", "complex64", "complex128"]
VALUES: list[Any] = [
    2.0,
    2,
    True,
    1j,
    np.float32(2.0),
    np.int64(3),
    np.ones(3),
    np.ones((2, 1), np.float32),
    np.array(2.0),
    np.ones((2, 3), complex),
    np.ones((0, 3)),
    np.arange(3),
]


def test_types_as_text() -> None:
    assert str(ArrayType((2, 3), np.dtype("float32"))) == "float32[2,3]"
    assert str(ArrayType((), np.dtype(bool))) == "bool[]"
    assert str(type_of(np.ones((0, 2)))) == "float64[0,2]"
    assert str(type_of(1j)) == "complex128[]"


def test_parts_of_a_type() -> None:
    kind = ArrayType((2, 0, 3), np.dtype("float32"))
    assert (kind.ndim, kind.size) == (3, 0)
    assert ArrayType((), np.dtype(float)).size == 1
    assert kind.reshaped((5,)) == ArrayType((5,), np.dtype("float32"))
    assert kind.retyped("int64") == ArrayType((2, 0, 3), np.dtype("int64"))
    assert kind.reshaped([5]).shape == (5,)  # pyright: ignore[reportArgumentType] a list becomes a tuple


def test_only_pythons_own_numbers_are_weak() -> None:
    weak = {repr(value): type_of(value).weak for value in (2.0, 2, 1j, True, np.float64(2.0), np.array(2.0))}
    assert list(weak.values()) == [True, True, True, False, False, False]


@pytest.mark.parametrize(("first", "second"), list(itertools.product(range(len(VALUES)), repeat=2)))
def test_broadcasting_and_promotion_are_numpys(first: int, second: int) -> None:
    a, b = VALUES[first], VALUES[second]
    try:
        expected = np.multiply(a, b)
    except ValueError:
        with pytest.raises(ValueError, match="shape mismatch"):
            broadcast(type_of(a), type_of(b))
        return
    found = broadcast(type_of(a), type_of(b))
    assert found.shape == np.shape(expected)
    assert found.dtype == np.asarray(expected).dtype


@pytest.mark.parametrize("ufunc", [np.add, np.divide, np.power, np.arctan2, np.less, np.logaddexp, np.copysign])
@pytest.mark.parametrize(("first", "second"), list(itertools.product(range(len(VALUES)), repeat=2)))
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_types_of_binary_ufuncs_are_numpys(ufunc: Any, first: int, second: int) -> None:
    a, b = VALUES[first], VALUES[second]
    try:
        expected = np.asarray(ufunc(a, b))
    except (TypeError, ValueError) as error:
        with pytest.raises(type(error)):
            ufunc_type(ufunc, type_of(a), type_of(b))
        return
    found = ufunc_type(ufunc, type_of(a), type_of(b))
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)


@pytest.mark.parametrize("ufunc", [np.sqrt, np.exp, np.negative, np.isnan, np.floor, np.absolute, np.conjugate])
@pytest.mark.parametrize("dtype", DTYPES)
def test_types_of_unary_ufuncs_are_numpys(ufunc: Any, dtype: str) -> None:
    x = np.ones((2, 1), dtype)
    try:
        expected = ufunc(x)
    except TypeError:
        with pytest.raises(TypeError):
            ufunc_type(ufunc, type_of(x))
        return
    assert ufunc_type(ufunc, type_of(x)) == ArrayType((2, 1), expected.dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_inexact_and_real(dtype: str) -> None:
    x = np.ones(1, dtype)
    assert inexact(x.dtype) == np.mean(x).dtype  # an integer becomes float64
    assert real_of(x.dtype) == np.real(x).dtype


def test_shapes_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="shape mismatch"):
        broadcast(type_of(np.ones(2)), type_of(np.ones(3)))


@pytest.mark.parametrize(("axis", "ndim"), [(0, 1), (-1, 3), (2, 3), (-3, 3)])
def test_axes_count_from_the_front(axis: int, ndim: int) -> None:
    assert normalise_axis(axis, ndim) == range(ndim)[axis]


@pytest.mark.parametrize(("axis", "ndim"), [(1, 1), (-2, 1), (0, 0)])
def test_axes_out_of_range(axis: int, ndim: int) -> None:
    with pytest.raises(np.exceptions.AxisError):
        normalise_axis(axis, ndim)
    with pytest.raises(np.exceptions.AxisError):
        normalise_axes((axis,), ndim)


def test_axes_of_reductions() -> None:
    assert normalise_axes(None, 3) == (0, 1, 2)
    assert normalise_axes(None, 0) == ()
    assert normalise_axes((), 2) == ()
    assert normalise_axes((-1, 0), 3) == (2, 0)
    assert normalise_axes(np.int64(-1), 2) == (1,)
    with pytest.raises(ValueError, match="duplicate value in axis"):
        normalise_axes((0, -2), 2)


@pytest.mark.parametrize("axis", [None, 0, 1, -1, (0, 2), (), (0, 1, 2)])
@pytest.mark.parametrize("keepdims", [False, True])
def test_shapes_after_reductions_are_numpys(axis: Any, keepdims: bool) -> None:
    x = np.ones((2, 0, 4))
    expected = np.sum(x, axis=axis, keepdims=keepdims).shape
    assert reduced(x.shape, normalise_axes(axis, 3), keepdims) == expected


def test_promotion_of_weak_scalars() -> None:
    single = ArrayType((3,), np.dtype("float32"))
    assert promote(single, type_of(2.0)) == np.float32
    assert promote(single, type_of(np.float64(2.0))) == np.float64
    assert promote(ArrayType((3,), np.dtype("int64")), type_of(2.0)) == np.float64
    assert promote(single, type_of(1j)) == np.complex64
    assert not issubclass(ValueError, ChainruleError)
