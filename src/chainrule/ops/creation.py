"""Creation: arrays like a traced one (traced too, so that filling them in place works), ranges with traced ends, grids."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from chainrule.notation import call
from chainrule.numpy_protocol import plain
from chainrule.ops.filling import fillable
from chainrule.ops.indexing import setitem, without_loss, write
from chainrule.ops.joining import array
from chainrule.ops.reshaping import expand_dims, moveaxis
from chainrule.ops.structure import as_dtype, as_value, broadcast_to, in_order, laid_out, reshape
from chainrule.primitive import functions, gradient_free, operations, sample, stand_in
from chainrule.shapes import ArrayType
from chainrule.trace import primitive
from chainrule.traced import Traced, prototype, undifferentiated

__all__: list[str] = []


# -- like another array ------------------------------------------------------------------------------------------------


def _full_like(x: Any, *, fill: Any, dtype: Any, shape: tuple[int, ...]) -> Any:
    return np.full_like(x, fill, dtype=dtype, shape=shape)


constant_like = primitive(
    "full_like",
    forward=_full_like,
    vjp=None,
    shape=lambda x, *, fill, dtype, shape: ArrayType(tuple(shape), np.dtype(dtype)),
    notation=call("full"),
    elementwise=False,
    samples=(
        sample((2, 3), fill=0, dtype=np.dtype(float), shape=(2, 3)),
        sample((2,), fill=1.5, dtype=np.dtype("float32"), shape=(3, 0)),
        sample((), fill=2, dtype=np.dtype(float), shape=()),
    ),
)


def _shape_like(a: Any, shape: Any) -> tuple[int, ...]:
    if shape is None:
        return tuple(a.shape)
    return tuple(operator.index(n) for n in shape) if np.iterable(shape) else (operator.index(shape),)


def _like(a: Any, fill: Any, dtype: Any, shape: Any, order: str) -> Any:
    a = as_value(a)
    kind = np.dtype(dtype) if dtype is not None else a.dtype
    return fillable(laid_out(constant_like(a, fill=fill, dtype=kind, shape=_shape_like(a, shape)), order))


@stand_in(np.zeros_like)
def _zeros_like(
    a: Any, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None, *, device: Any = None
) -> Any:
    return _like(a, 0, dtype, shape, order)


@stand_in(np.empty_like)
def _empty_like(
    prototype: Any, /, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None, *, device: Any = None
) -> Any:
    return _like(prototype, 0, dtype, shape, order)


@stand_in(np.ones_like)
def _ones_like(
    a: Any, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None, *, device: Any = None
) -> Any:
    return _like(a, 1, dtype, shape, order)


@stand_in(np.full_like)
def _numpy_full_like(
    a: Any,
    fill_value: Any,
    dtype: Any = None,
    order: str = "K",
    subok: bool = True,
    shape: Any = None,
    *,
    device: Any = None,
) -> Any:
    if not isinstance(fill_value, Traced) and np.ndim(fill_value) == 0:
        return _like(a, fill_value, dtype, shape, order)
    target = _like(a, 0, dtype, shape, order)
    return fillable(write(target, without_loss(as_value(fill_value), target.dtype), pattern=(Ellipsis,)))


@stand_in(np.copy)
def _copy(a: Any, order: str = "K", subok: bool = False) -> Any:
    return fillable(in_order(as_value(a), order))


# -- functions that take like= -----------------------------------------------------------------------------------------


@stand_in(np.array)
def _array(
    object: Any,  # noqa: A002 NumPy's name
    dtype: Any = None,
    *,
    copy: Any = True,
    order: str = "K",
    subok: bool = False,
    ndmin: int = 0,
    ndmax: int = 0,
) -> Any:
    result = array(object, dtype=dtype) if copy else _asarray(object, dtype)
    missing = ndmin - result.ndim
    return reshape(result, shape=(1,) * missing + tuple(result.shape)) if missing > 0 else result


@stand_in(np.asarray, np.asanyarray)
def _asarray(a: Any, dtype: Any = None, order: Any = None, *, device: Any = None, copy: bool | None = None) -> Any:
    value = as_dtype(as_value(a), dtype)
    return functions[np.copy](value) if copy else value


@stand_in(np.ascontiguousarray)
def _ascontiguousarray(a: Any, dtype: Any = None) -> Any:
    value = as_dtype(as_value(a), dtype)
    if not value.ndim:
        return reshape(value, shape=(1,))
    return value if prototype(value).flags.c_contiguous else in_order(value, "C")


@stand_in(np.asfortranarray)
def _asfortranarray(a: Any, dtype: Any = None) -> Any:
    value = as_dtype(as_value(a), dtype)
    return value if np.asarray(prototype(value)).flags.f_contiguous else in_order(value, "F")


@stand_in(np.require)
def _require(a: Any, dtype: Any = None, requirements: Any = None) -> Any:
    value = as_dtype(as_value(a), dtype)
    flags = np.asarray(prototype(value)).flags
    wanted = {str(name).upper()[0] for name in requirements or ()}
    if "F" in wanted and not flags.f_contiguous:
        return in_order(value, "F")
    missing = ("C" in wanted and not flags.c_contiguous) or ("O" in wanted and not flags.owndata)
    return in_order(value, "C") if missing else value


@stand_in(np.full)
def _full(shape: Any, fill_value: Any, dtype: Any = None, order: str = "C", *, device: Any = None) -> Any:
    value = as_dtype(as_value(fill_value), dtype)
    lengths = tuple(operator.index(n) for n in shape) if np.iterable(shape) else (operator.index(shape),)
    return in_order(broadcast_to(value, shape=lengths), "F" if order == "F" else "C")


@stand_in(np.fromiter)
def _fromiter(iter: Any, dtype: Any, count: int = -1) -> Any:  # noqa: A002 NumPy's name
    items = list(iter)
    return array(items if count < 0 else items[:count], dtype=dtype)


@stand_in(np.fromfunction)
def _fromfunction(function: Any, shape: Any, *, dtype: Any = float, **kwargs: Any) -> Any:
    return np.fromfunction(function, shape, dtype=dtype, **kwargs)


@stand_in(np.arange)
def _arange(*args: Any, dtype: Any = None, device: Any = None, **kwargs: Any) -> Any:
    if any(isinstance(value, Traced) for value in (*args, *kwargs.values())):
        from_lengths = "np.linspace(start, stop, num), or start + step * np.arange(n)"
        for value in (*args, *kwargs.values()):
            if isinstance(value, Traced):
                value._leave_graph("np.arange", from_lengths)
    return np.arange(*plain(args), dtype=dtype, **plain(kwargs))


gradient_free(np.zeros, np.ones, np.empty, np.eye, np.identity, np.tri)


# -- ranges ------------------------------------------------------------------------------------------------------------


def _range_type(dtype: Any, *values: Any) -> np.dtype[Any]:
    if dtype is not None:
        return np.dtype(dtype)
    return np.result_type(*(prototype(value) for value in values), 0.0)


@stand_in(np.linspace)
def linspace(
    start: Any,
    stop: Any,
    num: Any = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: Any = None,
    axis: int = 0,
    *,
    device: Any = None,
) -> Any:
    """Evenly spaced numbers between two ends, as `numpy.linspace`; the ends may be traced.

    >>> linspace(0.0, 1.0, 3)
    array([0. , 0.5, 1. ])
    """
    num = operator.index(num)
    if num < 0:
        raise ValueError(f"Number of samples, {num}, must be non-negative.")
    parts = num - 1 if endpoint else num
    natural = np.result_type(prototype(start), prototype(stop), float(num))
    kind = np.dtype(dtype) if dtype is not None else natural
    start, stop = as_value(start) * 1.0, as_value(stop) * 1.0
    delta = stop - start
    steps = np.arange(0, num, dtype=natural).reshape((-1,) + (1,) * np.ndim(prototype(delta)))
    if parts > 0:
        step = delta / parts
        grid = steps / parts * delta if np.any(undifferentiated(step) == 0) else steps * step
    else:
        step = delta * np.nan
        grid = steps * delta
    grid = grid + start
    if endpoint and num > 1:
        grid = setitem(grid, -1, stop)
    if axis != 0:
        grid = moveaxis(grid, 0, axis)
    if kind.kind in "iu":
        grid = operations["floor"](grid)
    grid = as_dtype(grid, kind)
    return (grid, as_dtype(step, natural)) if retstep else grid


@stand_in(np.logspace)
def logspace(
    start: Any, stop: Any, num: Any = 50, endpoint: bool = True, base: Any = 10.0, dtype: Any = None, axis: int = 0
) -> Any:
    """Powers of a base with evenly spaced exponents, as `numpy.logspace`.

    >>> logspace(0.0, 2.0, 3)
    array([  1.,  10., 100.])
    """
    if np.ndim(prototype(base)):
        ndim = len(np.broadcast_shapes(*(np.shape(prototype(v)) for v in (start, stop, base))))
        start, stop, base = (
            reshape(v, shape=(1,) * (ndim - v.ndim) + tuple(v.shape)) for v in map(as_value, (start, stop, base))
        )
        base = expand_dims(base, axis)
    exponents = linspace(start, stop, num=num, endpoint=endpoint, axis=axis)
    return as_dtype(operations["power"](base, exponents), dtype)


@stand_in(np.geomspace)
def _geomspace(start: Any, stop: Any, num: Any = 50, endpoint: bool = True, dtype: Any = None, axis: int = 0) -> Any:
    start, stop = as_value(start), as_value(stop)
    if np.any(undifferentiated(start) == 0) or np.any(undifferentiated(stop) == 0):
        raise ValueError("Geometric sequence cannot include zero")
    natural = np.result_type(start.dtype, stop.dtype, float(operator.index(num)), np.zeros((), dtype))
    kind = np.dtype(dtype) if dtype is not None else natural
    start, stop = as_dtype(start, natural), as_dtype(stop, natural)
    shape = np.broadcast_shapes(start.shape, stop.shape)
    start, stop = (v if v.shape == shape else broadcast_to(v, shape=shape) for v in (start, stop))
    sign = np.sign(undifferentiated(start))
    ends = [operations["log10"](v / sign) for v in (start, stop)]
    grid = logspace(*ends, num=num, endpoint=endpoint, base=10.0)
    if operator.index(num) > 0:
        grid = setitem(grid, 0, start / sign)
        if operator.index(num) > 1 and endpoint:
            grid = setitem(grid, -1, stop / sign)
    grid = grid * sign
    return as_dtype(moveaxis(grid, 0, axis) if axis != 0 else grid, kind)


@stand_in(np.vander)
def _vander(x: Any, N: Any = None, increasing: bool = False) -> Any:  # noqa: N803 NumPy's name
    x = as_value(x)
    if x.ndim != 1:
        raise ValueError("x must be a one-dimensional array or sequence.")
    count = x.size if N is None else operator.index(N)
    x = reshape(as_dtype(x, np.promote_types(x.dtype, int)), shape=(x.size, 1))
    exponents = np.arange(count) if increasing else np.arange(count)[::-1]
    return (
        operations["power"](x, exponents.astype(x.dtype)) if x.dtype.kind in "fc" else operations["power"](x, exponents)
    )


# -- grids -------------------------------------------------------------------------------------------------------------


@stand_in(np.meshgrid)
def _meshgrid(*xi: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy") -> tuple[Any, ...]:
    if indexing not in ("xy", "ij"):
        raise ValueError("Valid values for `indexing` are 'xy' and 'ij'.")
    values = [as_value(x) for x in xi]
    ndim = len(values)
    places = list(range(ndim))
    if indexing == "xy" and ndim > 1:
        places[0], places[1] = 1, 0
    grids = [
        reshape(v, shape=tuple(v.size if i == place else 1 for i in range(ndim)))
        for v, place in zip(values, places, strict=True)
    ]
    if not sparse:
        shape = np.broadcast_shapes(*(grid.shape for grid in grids))
        grids = [broadcast_to(grid, shape=shape) for grid in grids]
    return tuple(in_order(grid, "C") for grid in grids) if copy else tuple(grids)


@stand_in(np.ix_)
def _ix(*args: Any) -> tuple[Any, ...]:
    result = []
    for position, value in enumerate(map(as_value, args)):
        if value.ndim != 1:
            raise ValueError("Cross index must be 1 dimensional")
        if value.dtype.kind == "b":
            value = np.nonzero(undifferentiated(value))[0]
        result.append(reshape(value, shape=(1,) * position + (value.size,) + (1,) * (len(args) - position - 1)))
    return tuple(result)
