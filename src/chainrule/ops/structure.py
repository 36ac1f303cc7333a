"""Structure: sum and broadcast, reshape, transpose, copy and casts; operations that move numbers, with their transposes.

Sum and broadcast are each other's transpose; so are a reshape and the reshape back, a transposition and its inverse.
What NumPy returns as a view is a view here: a write on one side is seen on the other.
"""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError
from chainrule.notation import call, custom, draw_transpose
from chainrule.numpy_protocol import write_out
from chainrule.primitive import operations, sample, stand_in
from chainrule.shapes import ArrayType, reduced, reduction_axes
from chainrule.trace import primitive
from chainrule.traced import Traced, here, prototype

__all__ = ["sum"]

Shape = tuple[int, ...]


# -- values and element types ------------------------------------------------------------------------------------------


def _holds_traced(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return any(map(_holds_traced, value))
    return isinstance(value, Traced)


def as_value(a: Any) -> Any:
    """An argument of a NumPy function as something with a shape and a dtype: traced values stay, anything else is an array.

    Lists that hold traced values are stacked.

    >>> as_value([1, 2])
    array([1, 2])
    """
    if isinstance(a, (Traced, np.ndarray, np.generic)):
        return a
    if isinstance(a, list | tuple) and _holds_traced(a):
        return operations["array"](a)
    return np.asarray(a)


def _astype(x: Any, *, dtype: Any) -> Any:
    with np.errstate(all="ignore"):
        return x.astype(dtype) if isinstance(x, np.ndarray | np.generic) else np.asarray(x).astype(dtype)[()]


change_type = primitive(
    "astype",
    forward=_astype,
    vjp=(lambda g, y, x, *, dtype: g,),  # the driver casts to the dtype of x
    shape=lambda x, *, dtype: x.retyped(dtype),
    elementwise=True,
    linear=True,
    analytic=False,
    samples=(sample((3, 2), dtype=np.dtype("float64")), sample((), dtype=np.dtype("float64"))),
)

count_type = primitive(
    "astype_of_counts",
    forward=_astype,
    vjp=None,  # to integers or truth values: a step function
    shape=lambda x, *, dtype: x.retyped(dtype),
    elementwise=True,
    notation=call("astype"),
    samples=(sample((3, 2), dtype=np.dtype("int64")), sample((), dtype=np.dtype(bool))),
)


def astype(x: Any, *, dtype: Any) -> Any:
    """The same numbers in another dtype; no gradient passes where they become integers or truth values.

    >>> astype(np.array([1.5, 2.5]), dtype=np.dtype("float32"))
    array([1.5, 2.5], dtype=float32)
    """
    return (change_type if dtype.kind in "fc" else count_type)(x, dtype=dtype)


operations["astype"] = astype


def as_dtype(x: Any, dtype: Any) -> Any:
    """`x` cast to `dtype` where it has another; `None` leaves it.

    >>> as_dtype(np.ones(2), "float32").dtype
    dtype('float32')
    """
    if dtype is None or x.dtype == np.dtype(dtype):
        return x
    return astype(x, dtype=np.dtype(dtype))


@stand_in(np.astype)
def _numpy_astype(x: Any, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Any:
    x = as_value(x)
    return astype(x, dtype=np.dtype(dtype)) if copy or x.dtype != np.dtype(dtype) else x


def cast_in_place(result: Any, target: Any) -> Any:
    """`result` in the shape and dtype of `target`, as an in-place write casts it; NumPy's same-kind rule holds."""
    if result.dtype != target.dtype:
        if not np.can_cast(result.dtype, target.dtype, casting="same_kind"):
            raise ArgumentError(
                f"An in-place write cannot put {result.dtype} numbers into an array of dtype {target.dtype} (in {here()}): they "
                f"would be cut off. Make the array with dtype={result.dtype}, or build a new one."
            )
        result = astype(result, dtype=target.dtype)
    if result.shape != target.shape:
        shape = tuple(target.shape)
        extra = len(result.shape) - len(shape)
        if extra > 0 and all(length == 1 for length in result.shape[:extra]):
            result = reshape(result, shape=tuple(result.shape[extra:]))
        if result.shape != shape:
            if len(result.shape) > len(shape) or np.broadcast_shapes(result.shape, shape) != shape:
                raise ValueError(
                    f"could not broadcast input array from shape {result.shape} into shape {shape}, in {here()}"
                )
            result = broadcast_to(result, shape=shape)
    return _laid_out_as(result, target)


def _laid_out_as(result: Any, target: Any) -> Any:
    """`result` with its numbers in memory as in `target`: an in-place write does not move an array."""
    flags = getattr(prototype(target), "flags", None)
    if flags is None or flags.c_contiguous:
        return laid_out(result, "C")
    return laid_out(result, "F") if flags.f_contiguous else result


operations["cast_in_place"] = cast_in_place


def _copy(x: Any, *, order: Any = "K") -> Any:
    return np.array(x, order=order)


copy = primitive(
    "copy",
    forward=_copy,
    vjp=(lambda g, y, x, *, order="K": g,),
    shape=lambda x, *, order="K": x,
    elementwise=True,
    linear=True,
    samples=(sample((2, 3)), sample(()), sample((2, 3), order="F")),
)


def laid_out(x: Any, order: str) -> Any:
    """`x`, or a copy, with its numbers in memory in the order "C" or "F", so that a later reshape is a view where NumPy's is.

    >>> bool(laid_out(np.ones((2, 3)).T, "C").flags.c_contiguous)
    True
    """
    flag = {"C": "c_contiguous", "F": "f_contiguous"}.get(order)
    plain = prototype(x)
    return (
        x if flag is None or not isinstance(plain, np.ndarray) or getattr(plain.flags, flag) else copy(x, order=order)
    )


def in_order(x: Any, order: str = "K") -> Any:
    """A copy of `x` with its numbers in memory in the order "C" or "F", or as they are ("K").

    >>> bool(in_order(np.ones((2, 3)), "F").flags.f_contiguous)
    True
    """
    return copy(x, order=order) if order in ("C", "F") else copy(x)


operations["laid_out"] = laid_out


# -- sum and broadcast -------------------------------------------------------------------------------------------------


def _sum_type(x: ArrayType, *, axis: Shape, keepdims: bool) -> ArrayType:
    dtype = np.add.reduce(np.zeros(0, x.dtype)).dtype
    return ArrayType(reduced(x.shape, axis, keepdims), dtype)


def _sum(x: Any, *, axis: Shape, keepdims: bool) -> Any:
    return np.add.reduce(x, axis=axis, keepdims=keepdims)


def spread(g: Any, shape: Shape, axis: Shape, keepdims: bool) -> Any:
    """Bring a reduced array back to the full shape.

    >>> spread(np.array([1.0, 2.0]), (2, 3), (1,), keepdims=False)
    array([[1., 1., 1.],
           [2., 2., 2.]])
    """
    if not keepdims and axis and len(axis) < len(shape):
        g = reshape(g, shape=reduced(shape, axis, keepdims=True))
    return broadcast_to(g, shape=shape)


reduce_sum = primitive(
    "sum",
    forward=_sum,
    vjp=(lambda g, y, x, *, axis, keepdims: spread(g, x.shape, axis, keepdims),),
    shape=_sum_type,
    notation=call(r"\sum", "sum"),
    linear=True,
    samples=(
        sample((2, 3), axis=(0,), keepdims=False),
        sample((2, 3, 4), axis=(0, 2), keepdims=True),
        sample((2, 3), axis=(0, 1), keepdims=False),
        sample((2, 0), axis=(1,), keepdims=False),
        sample((), axis=(), keepdims=False),
        sample((2, 3), axis=(), keepdims=False),
    ),
)


def _broadcast(x: Any, *, shape: Shape) -> Any:
    if type(x) is not np.float64 or not shape:
        return np.broadcast_to(x, shape)
    # The cotangent of a sum: the same array as NumPy's, in a fifth of the time.
    spread_out = np.ndarray(shape, np.float64, np.asarray(x), strides=(0,) * len(shape))
    spread_out.flags.writeable = False
    return spread_out


broadcast_to = primitive(
    "broadcast_to",
    forward=lambda x, *, shape: np.broadcast_to(x, shape),
    execute=_broadcast,
    vjp=(lambda g, y, x, *, shape: sum_to(g, x.shape),),
    shape=lambda x, *, shape: x.reshaped(shape),
    linear=True,
    view=True,
    samples=(
        sample((3, 1), shape=(2, 3, 4)),
        sample((), shape=(2, 3)),
        sample((1,), shape=(0,)),
        sample((2,), shape=(2,)),
    ),
)


def sum_to(x: Any, shape: Shape) -> Any:
    """Sum over the axes along which `shape` was broadcast to the shape of `x`: the transpose of broadcasting.

    >>> sum_to(np.ones((2, 3)), (3,))
    array([2., 2., 2.])
    """
    given = x.shape
    if given == shape:
        return x
    lead = len(given) - len(shape)
    ones = tuple(lead + i for i, n in enumerate(shape) if n == 1 and given[lead + i] != 1)
    axis = (*range(lead), *ones)
    if axis:
        x = reduce_sum(x, axis=axis, keepdims=False)
    return x if x.shape == shape else reshape(x, shape=shape)


def match_type(contribution: Any, x: Any) -> Any:
    """A contribution in the shape and dtype of the input that it belongs to: broadcasting undone, real part of a real input's."""
    shape, given = x.shape, contribution.shape
    if given != shape:
        lead = len(given) - len(shape)
        if lead > 0 and given[lead:] == shape and type(contribution) is np.ndarray:
            contribution = np.add.reduce(contribution, axis=tuple(range(lead)) if lead > 1 else 0)  # most often a bias
        elif lead < 0 or any(a == 1 != b for a, b in zip(given[lead:], shape, strict=True)):  # smaller than x somewhere
            contribution = broadcast_to(contribution, shape=np.broadcast_shapes(given, shape))
        contribution = sum_to(contribution, shape)
    if contribution.dtype != x.dtype:
        if contribution.dtype.kind == "c" and x.dtype.kind != "c":
            contribution = operations["real"](contribution)
        if contribution.dtype != x.dtype:
            contribution = astype(contribution, dtype=x.dtype)
    return contribution


@stand_in(np.sum)
def sum(  # noqa: A001 NumPy's name
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = False,
    initial: Any = 0,
    where: Any = True,
) -> Any:
    """Sum of array elements over axes, as `numpy.sum`.

    >>> sum(np.ones((2, 3)), axis=0)
    array([2., 2., 2.])
    """
    a = as_dtype(as_value(a), dtype)
    if where is not True and where is not np._NoValue:
        a = operations["where"](where, a, a.dtype.type(0))
    result = reduce_sum(a, axis=reduction_axes(axis, a.ndim), keepdims=keepdims is True or _flag(keepdims))
    if dtype is not None:
        result = as_dtype(result, dtype)
    if isinstance(initial, Traced) or (initial is not np._NoValue and initial is not None and initial != 0):
        result = result + as_dtype(as_value(initial), result.dtype)
    return result if out is None else write_out(np.sum, result, out)


def _flag(value: Any) -> bool:
    """A keyword such as keepdims, which NumPy's wrappers may pass as "no value"."""
    return value is not np._NoValue and bool(value)


# -- reshape, transpose ------------------------------------------------------------------------------------------------

reshape = primitive(
    "reshape",
    forward=lambda x, *, shape: np.reshape(x, shape),
    execute=lambda x, *, shape: x.reshape(shape),
    vjp=(lambda g, y, x, *, shape: reshape(g, shape=x.shape),),
    shape=lambda x, *, shape: x.reshaped(shape),
    linear=True,
    view=True,
    undo_view=lambda base, written, *, shape: reshape(written, shape=base.shape),
    samples=(
        sample((2, 3), shape=(3, 2)),
        sample((), shape=(1, 1)),
        sample((0, 2), shape=(4, 0)),
        sample((1,), shape=()),
    ),
)


def _write_transpose(texts: list[str], *, axes: Shape) -> str:
    return f"{texts[0]}.T" if axes == tuple(range(len(axes)))[::-1] else f"transpose({texts[0]}, axes={axes})"


def inverse_order(axes: Shape) -> Shape:
    """The order of axes that undoes `axes`.

    >>> inverse_order((2, 0, 1))
    (1, 2, 0)
    """
    result = [0] * len(axes)
    for position, axis in enumerate(axes):
        result[axis] = position
    return tuple(result)


def _transpose(x: Any, *, axes: Shape) -> Any:
    return x.transpose(axes)


transpose_axes = primitive(
    "transpose",
    forward=_transpose,
    vjp=(lambda g, y, x, *, axes: transpose_axes(g, axes=inverse_order(axes)),),
    shape=lambda x, *, axes: x.reshaped(tuple(x.shape[axis] for axis in axes)),
    notation=custom(r"\top", _write_transpose, precedence=40, draw=draw_transpose),
    linear=True,
    view=True,
    undo_view=lambda base, written, *, axes: transpose_axes(written, axes=inverse_order(axes)),
    samples=(
        sample((2, 3), axes=(1, 0)),
        sample((2, 3, 4), axes=(2, 0, 1)),
        sample((0, 2), axes=(1, 0)),
        sample((), axes=()),
    ),
)


def transpose_all(x: Any) -> Any:
    """All axes in reverse order, as `x.T`.

    >>> transpose_all(np.ones((2, 3))).shape
    (3, 2)
    """
    return transpose_axes(x, axes=tuple(range(x.ndim))[::-1])


operations["transpose_all"] = transpose_all


def resolve_shape(shape: Any, size: int) -> Shape:
    """A shape as a tuple of lengths, with one -1 filled in from the number of elements.

    >>> resolve_shape((2, -1), 6), resolve_shape(6, 6)
    ((2, 3), (6,))
    """
    lengths = tuple(operator.index(n) for n in shape) if np.iterable(shape) else (operator.index(shape),)
    if -1 in lengths:
        known = -math.prod(lengths)
        if lengths.count(-1) == 1 and known > 0 and size % known == 0:
            return tuple(size // known if n == -1 else n for n in lengths)
    if math.prod(lengths) != size or any(n < 0 for n in lengths):
        raise ValueError(f"cannot reshape array of size {size} into shape {lengths} (in {here()})")
    return lengths
