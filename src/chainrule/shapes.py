"""Shapes and element types in, shapes and element types out; no arrays.

An `ArrayType` is what is known about an array before its numbers: its shape and its dtype. The shape rules of the
operations are written with the functions of this file. Scalars of Python have a weak type, as NumPy 2 promotes them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ArrayType:
    """The shape and the dtype of an array; `weak` marks a scalar of Python, which adapts to its partner's dtype.

    >>> str(ArrayType((2, 3), np.dtype("float32")))
    'float32[2,3]'
    """

    shape: Shape
    dtype: np.dtype[Any]
    weak: bool = False

    def __str__(self) -> str:
        return f"{self.dtype.name}[{','.join(map(str, self.shape))}]"

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        total = 1
        for length in self.shape:
            total *= length
        return total

    def reshaped(self, shape: Shape) -> ArrayType:
        """The same dtype with another shape."""
        return ArrayType(tuple(shape), self.dtype)

    def retyped(self, dtype: Any) -> ArrayType:
        """The same shape with another dtype."""
        return ArrayType(self.shape, np.dtype(dtype))


def type_of(value: Any) -> ArrayType:
    """The `ArrayType` of a number or array.

    >>> str(type_of(np.ones((2, 3))))
    'float64[2,3]'
    """
    if type(value) in (bool, int, float, complex):
        return ArrayType((), np.dtype(type(value)), weak=type(value) is not bool)
    return ArrayType(tuple(value.shape), value.dtype)


def promote(*types: ArrayType) -> np.dtype[Any]:
    """The dtype that NumPy gives to a combination of these types; weak scalars adapt.

    >>> promote(ArrayType((), np.dtype(float), weak=True), ArrayType((3,), np.dtype("float32")))
    dtype('float32')
    """
    return np.result_type(*(t.dtype.type(0).item() if t.weak else t.dtype for t in types))


def inexact(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The floating dtype that NumPy's mathematical functions give for this dtype: integers become float64.

    >>> inexact(np.dtype("int64"))
    dtype('float64')
    """
    return dtype if dtype.kind in "fc" else np.dtype(np.float64)


def real_of(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype of the real part.

    >>> real_of(np.dtype(complex))
    dtype('float64')
    """
    return np.dtype(f"f{dtype.itemsize // 2}") if dtype.kind == "c" else dtype


def broadcast(*types: ArrayType) -> ArrayType:
    """The type of an elementwise combination.

    >>> str(broadcast(ArrayType((3, 1), np.dtype(float)), ArrayType((4,), np.dtype(float))))
    'float64[3,4]'
    """
    return ArrayType(np.broadcast_shapes(*(t.shape for t in types)), promote(*types))


def ufunc_type(ufunc: Any, *types: ArrayType) -> ArrayType:
    """The type that a NumPy ufunc gives: broadcast shapes, and the dtype of the loop that NumPy would choose.

    >>> str(ufunc_type(np.sqrt, ArrayType((3,), np.dtype(int))))
    'float64[3]'
    """
    kinds: list[Any] = [t.dtype.type(0).item().__class__ if t.weak else t.dtype for t in types]
    dtypes = ufunc.resolve_dtypes((*kinds, *[None] * ufunc.nout))
    return ArrayType(np.broadcast_shapes(*(t.shape for t in types)), dtypes[ufunc.nin])


def normalise_axis(axis: int, ndim: int) -> int:
    """The axis counted from the front; out of range raises NumPy's AxisError.

    >>> normalise_axis(-1, 3)
    2
    """
    if not -ndim <= axis < ndim:
        raise np.exceptions.AxisError(axis, ndim)
    return axis % ndim if axis < 0 else axis


def normalise_axes(axis: Any, ndim: int) -> tuple[int, ...]:
    """The axes as a tuple counted from the front: `None` is all of them, a number is one.

    >>> normalise_axes(None, 2), normalise_axes(-1, 2), normalise_axes((0, -1), 3)
    ((0, 1), (1,), (0, 2))
    """
    if axis is None:
        return tuple(range(ndim))
    if not isinstance(axis, tuple | list):
        return (normalise_axis(int(axis), ndim),)
    axes = tuple(normalise_axis(int(a), ndim) for a in axis)
    if len(set(axes)) != len(axes):
        raise ValueError(f"duplicate value in axis {axis}")
    return axes


def reduction_axes(axis: Any, ndim: int) -> tuple[int, ...]:
    """The axes of a ufunc's reduction: NumPy lets a number be reduced along axis 0 and -1, which it does not have.

    >>> reduction_axes(0, 0), reduction_axes(-1, 2)
    ((), (1,))
    """
    return () if ndim == 0 and axis in (0, -1, (0,), (-1,)) else normalise_axes(axis, ndim)


def reduced(shape: Shape, axes: tuple[int, ...], keepdims: bool) -> Shape:
    """The shape after a reduction over `axes`.

    >>> reduced((2, 3, 4), (1,), keepdims=True), reduced((2, 3, 4), (0, 2), keepdims=False)
    ((2, 1, 4), (3,))
    """
    if keepdims:
        return tuple(1 if i in axes else length for i, length in enumerate(shape))
    return tuple(length for i, length in enumerate(shape) if i not in axes)
