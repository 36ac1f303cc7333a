"""Joining and splitting: concatenate and its relatives, stacked nested lists, and the splits, which are views."""

from __future__ import annotations

import itertools
import operator
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError
from chainrule.notation import call
from chainrule.numpy_protocol import write_out
from chainrule.ops.indexing import basic_slice, getitem
from chainrule.ops.reshaping import atleast_2d, atleast_3d
from chainrule.ops.structure import as_dtype, as_value, copy, reshape
from chainrule.primitive import operations, present, sample, stand_in
from chainrule.shapes import ArrayType, normalise_axis, promote
from chainrule.trace import primitive
from chainrule.traced import Traced, here, prototype

__all__ = ["array"]


def _concatenate(*arrays: Any, axis: int) -> Any:
    return np.concatenate(arrays, axis=axis)


def _along(axis: int, start: int, stop: int) -> tuple[slice, ...]:
    return (*[slice(None)] * axis, slice(start, stop))


def _concatenate_rule(wanted: Any, g: Any, y: Any, *arrays: Any, axis: int) -> list[Any]:
    ends = list(itertools.accumulate(a.shape[axis] for a in arrays))
    return [
        basic_slice(g, index=_along(axis, end - a.shape[axis], end)) if wants else None
        for a, end, wants in zip(arrays, ends, wanted, strict=True)
    ]


def _concatenate_type(*types: ArrayType, axis: int) -> ArrayType:
    shape = list(types[0].shape)
    shape[axis] = sum(t.shape[axis] for t in types)
    return ArrayType(tuple(shape), promote(*types))


join = primitive(
    "concatenate",
    forward=_concatenate,
    vjp=_concatenate_rule,
    shape=_concatenate_type,
    notation=call("concatenate"),
    linear=True,
    samples=(
        sample((2, 3), (1, 3), axis=0),
        sample((2, 3, 2), (2, 0, 2), (2, 1, 2), axis=1),
        sample((2,), axis=0),
    ),
)


def _stack(*arrays: Any, axis: int) -> Any:
    return np.array(arrays) if axis == 0 else np.stack(arrays, axis=axis)


def _stack_rule(wanted: Any, g: Any, y: Any, *arrays: Any, axis: int) -> list[Any]:
    before = (slice(None),) * axis
    return [basic_slice(g, index=(*before, position)) if wants else None for position, wants in enumerate(wanted)]


def _stack_type(*types: ArrayType, axis: int) -> ArrayType:
    shape = types[0].shape
    return ArrayType((*shape[:axis], len(types), *shape[axis:]), promote(*types))


stack_parts = primitive(
    "stack",
    forward=_stack,
    vjp=_stack_rule,
    shape=_stack_type,
    notation=call("stack"),
    linear=True,
    samples=(
        sample((), (), (), axis=0),
        sample((2, 3), (2, 3), axis=1),
        sample((2, 3), (2, 3), axis=2),
        sample((0,), (0,), axis=0),
    ),
)


def _shape_of(nested: Any) -> tuple[int, ...]:
    """The shape of nested lists and what they hold; ragged ones are an error."""
    if not isinstance(nested, list | tuple):
        return tuple(np.shape(prototype(nested)))
    shapes = [_shape_of(part) for part in nested]
    if any(shape != shapes[0] for shape in shapes):
        position = next(i for i, shape in enumerate(shapes) if shape != shapes[0])
        raise ArgumentError(
            f"array cannot stack parts of different shapes: part 0 has shape {shapes[0]}, part {position} has shape "
            f"{shapes[position]} (in {here()}). Broadcast or pad them to one shape, or join them with np.concatenate."
        )
    return (len(nested), *(shapes[0] if shapes else ()))


def _depth(nested: Any) -> int:
    depth = 0
    while isinstance(nested, list | tuple):
        depth += 1
        if not nested:
            break
        nested = nested[0]
    return depth


def array(nested: Any, dtype: Any = None) -> Any:
    """An array from nested lists that hold traced and plain values, as `np.array` makes it from plain ones.

    The parts need one shape; the cost is linear in the number of elements.

    >>> array([[1.0, 2.0], [3.0, 4.0]])
    array([[1., 2.],
           [3., 4.]])
    """
    if not isinstance(nested, list | tuple):
        return as_dtype(copy(as_value(nested)), dtype)
    shape = _shape_of(nested)
    parts: list[Any] = [nested]
    for _ in range(_depth(nested)):
        parts = [part for inner in parts for part in inner]
    if not any(isinstance(part, Traced) for part in parts):
        return np.array(nested, dtype=dtype)
    values = [as_value(part) for part in parts]
    kind = np.result_type(*(value.dtype for value in values))
    stacked = stack_parts(*(as_dtype(value, kind) for value in values), axis=0)
    return as_dtype(stacked if stacked.shape == shape else reshape(stacked, shape=shape), dtype)


operations["array"] = array


def _joined(function: Any, arrays: Any, axis: int, out: Any, dtype: Any, casting: Any, operation: Any = join) -> Any:
    values = [as_value(a) for a in arrays]
    if not values:
        raise ValueError("need at least one array to concatenate")
    target = np.dtype(dtype) if dtype is not None else None
    common = target or np.result_type(*(value.dtype for value in values))
    if target is not None:
        for value in values:
            if not np.can_cast(value.dtype, target, casting=casting or "same_kind"):
                raise TypeError(
                    f"Cannot cast array data from {value.dtype!r} to {target!r} according to the rule '{casting}'"
                )
    axis = axis if operation is stack_parts else normalise_axis(operator.index(axis), values[0].ndim)
    result = operation(*(as_dtype(value, common) for value in values), axis=axis)
    return result if out is None else write_out(function, result, out)


def _parts(arrays: Any) -> list[Any]:
    """The arrays of a sequence; an array is the sequence of its rows."""
    if isinstance(arrays, Traced | np.ndarray):
        return [arrays[i] for i in range(len(arrays))]
    return list(arrays)


@stand_in(np.concatenate)
def concatenate(
    arrays: Any, /, axis: Any = 0, out: Any = None, *, dtype: Any = None, casting: Any = "same_kind"
) -> Any:
    """Arrays joined along an existing axis, as `numpy.concatenate`.

    >>> concatenate([np.ones(2), np.zeros(1)])
    array([1., 1., 0.])
    """
    parts = _parts(arrays)
    if axis is None:
        parts, axis = [reshape(v, shape=(v.size,)) for v in map(as_value, parts)], 0
    return _joined(np.concatenate, parts, axis, out, dtype, casting)


@stand_in(np.stack)
def stack(arrays: Any, axis: int = 0, out: Any = None, *, dtype: Any = None, casting: Any = "same_kind") -> Any:
    """Arrays joined along a new axis, as `numpy.stack`.

    >>> stack([np.ones(2), np.zeros(2)], axis=1).shape
    (2, 2)
    """
    parts = _parts(arrays)
    values = [as_value(a) for a in parts]
    if not values:
        raise ValueError("need at least one array to stack")
    if any(v.shape != values[0].shape for v in values):
        raise ValueError(
            f"all input arrays must have the same shape, these have {', '.join(str(v.shape) for v in values)} (in {here()})"
        )
    axis = normalise_axis(operator.index(axis), values[0].ndim + 1)
    return _joined(np.stack, parts, axis, out, dtype, casting, stack_parts)


@stand_in(np.vstack)
def _vstack(tup: Any, *, dtype: Any = None, casting: Any = "same_kind") -> Any:
    return _joined(np.vstack, [atleast_2d(a) for a in _parts(tup)], 0, None, dtype, casting)


@stand_in(np.hstack)
def _hstack(tup: Any, *, dtype: Any = None, casting: Any = "same_kind") -> Any:
    values = [v if v.ndim else reshape(v, shape=(1,)) for v in map(as_value, _parts(tup))]
    return _joined(np.hstack, values, 0 if values and values[0].ndim == 1 else 1, None, dtype, casting)


@stand_in(np.dstack)
def _dstack(tup: Any) -> Any:
    return _joined(np.dstack, [atleast_3d(a) for a in _parts(tup)], 2, None, None, None)


@stand_in(np.column_stack)
def _column_stack(tup: Any) -> Any:
    columns = [reshape(v, shape=(v.size, 1)) if v.ndim < 2 else v for v in map(as_value, _parts(tup))]
    return _joined(np.column_stack, columns, 1, None, None, None)


def _block(nested: Any, depth: int, ndim: int) -> Any:
    if depth == 0:
        value = as_value(nested)
        return reshape(value, shape=(1,) * (ndim - value.ndim) + tuple(value.shape))
    return concatenate([_block(part, depth - 1, ndim) for part in nested], axis=-depth)


def _largest_ndim(nested: Any) -> int:
    return max(map(_largest_ndim, nested)) if isinstance(nested, list) else as_value(nested).ndim


def _check_depths(nested: Any) -> int:
    if not isinstance(nested, list):
        return 0
    depths = {_check_depths(part) for part in nested}
    if not depths:
        raise ValueError("List at arrays cannot be empty")
    if len(depths) > 1:
        raise ValueError("List depths are mismatched in the argument of block")
    return 1 + depths.pop()


@stand_in(np.block)
def _numpy_block(arrays: Any) -> Any:
    depth = _check_depths(arrays)
    result = _block(arrays, depth, max(depth, _largest_ndim(arrays)))
    return copy(result) if depth == 0 else result


@stand_in(np.append)
def _append(arr: Any, values: Any, axis: Any = None) -> Any:
    return concatenate((as_value(arr), as_value(values)), axis=axis)


# -- splits ------------------------------------------------------------------------------------------------------------


@stand_in(np.array_split)
def _array_split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    value = as_value(ary)
    axis = normalise_axis(operator.index(axis), value.ndim)
    length = value.shape[axis]
    if np.ndim(prototype(indices_or_sections)):
        cuts = [operator.index(i) for i in indices_or_sections]
    else:
        sections = operator.index(indices_or_sections)
        if sections <= 0:
            raise ValueError("number sections must be larger than 0.")
        each, extra = divmod(length, sections)
        cuts = list(itertools.accumulate([each + 1] * extra + [each] * (sections - extra)))[:-1]
    edges = [0, *cuts, length]
    return [getitem(value, _along(axis, start, stop)) for start, stop in itertools.pairwise(edges)]


@stand_in(np.split)
def split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    """An array cut along an axis into views, as `numpy.split`.

    >>> [part.shape for part in split(np.ones(6), 3)]
    [(2,), (2,), (2,)]
    """
    value = as_value(ary)
    if not np.ndim(prototype(indices_or_sections)):
        length = value.shape[normalise_axis(operator.index(axis), value.ndim)]
        if length % operator.index(indices_or_sections):
            raise ValueError("array split does not result in an equal division")
    return _array_split(value, indices_or_sections, axis)


@stand_in(np.hsplit)
def _hsplit(ary: Any, indices_or_sections: Any) -> list[Any]:
    value = as_value(ary)
    if value.ndim == 0:
        raise ValueError("hsplit only works on arrays of 1 or more dimensions")
    return split(value, indices_or_sections, 1 if value.ndim > 1 else 0)


@stand_in(np.vsplit)
def _vsplit(ary: Any, indices_or_sections: Any) -> list[Any]:
    value = as_value(ary)
    if value.ndim < 2:
        raise ValueError("vsplit only works on arrays of 2 or more dimensions")
    return split(value, indices_or_sections, 0)


@stand_in(np.dsplit)
def _dsplit(ary: Any, indices_or_sections: Any) -> list[Any]:
    value = as_value(ary)
    if value.ndim < 3:
        raise ValueError("dsplit only works on arrays of 3 or more dimensions")
    return split(value, indices_or_sections, 2)


@stand_in(*present("unstack"))  # NumPy 2.1
def _unstack(x: Any, /, *, axis: int = 0) -> Any:
    value = as_value(x)
    if value.ndim == 0:
        raise ValueError("Input array must be at least 1-d.")
    axis = normalise_axis(operator.index(axis), value.ndim)
    return tuple(getitem(value, (*[slice(None)] * axis, i)) for i in range(value.shape[axis]))
