"""Indexing: reading and writing parts of arrays, by slices (views) and by arrays of integers (copies).

`slice` and `embed` are each other's transpose, so are `gather` and `scatter`. Index arrays are arguments of the operations, so that a
graph shows where they come from; a static `pattern` says where they stand in the brackets (`ARRAY` marks the places). A mask stands for
the positions of its true elements.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError
from chainrule.notation import custom, show
from chainrule.ops.brackets import (
    ARRAY,
    Index,
    draw_brackets,
    draw_embed,
    draw_write,
    fill_pattern,
    parse_index,
    spelled_out,
    write_brackets,
)
from chainrule.ops.structure import as_value, astype, broadcast_to, reshape
from chainrule.primitive import operations, sample
from chainrule.shapes import ArrayType
from chainrule.trace import primitive
from chainrule.traced import Traced, concrete, here, prototype, undifferentiated

__all__ = ["scatter_add"]


def _selected(x: ArrayType, index: Index) -> ArrayType:
    return x.reshaped(np.broadcast_to(np.zeros((), bool), x.shape)[index].shape)


def _selected_type(x: ArrayType, *arrays: ArrayType, pattern: Index) -> ArrayType:
    """The type of a gather: the numbers in the index arrays do not matter, so zeros stand for them (a length of 0 allows none)."""
    wide = tuple(
        max(n, 1) if isinstance(item, str) else n for n, item in zip(x.shape, spelled_out(pattern, x.ndim), strict=True)
    )
    zeros = [np.zeros(a.shape, np.intp) for a in arrays]
    return x.reshaped(np.broadcast_to(np.zeros((), bool), wide)[fill_pattern(pattern, zeros)].shape)


# -- slice and embed ---------------------------------------------------------------------------------------------------


def _slice(x: Any, *, index: Index) -> Any:
    return x[index]


def _embed(g: Any, *, shape: tuple[int, ...], index: Index) -> Any:
    result = np.zeros(shape, g.dtype)
    result[index] = g
    return result


def _add_slice(buffer: Any, g: Any, x: Any, *, index: Index) -> None:
    buffer[index] += g


basic_slice = primitive(
    "slice",
    forward=_slice,
    vjp=(lambda g, y, x, *, index: embed(g, shape=x.shape, index=index),),
    shape=lambda x, *, index: _selected(x, index),
    notation=custom("[]", lambda texts, index: f"{texts[0]}[{write_brackets(index, [])}]", draw=draw_brackets),
    linear=True,
    view=True,
    undo_view=lambda base, written, *, index: write(base, written, pattern=index),
    add_into=_add_slice,
    samples=(
        sample((4, 3), index=(slice(1, 3),)),
        sample((4, 3), index=(1,)),
        sample((5, 3, 2), index=(slice(None, None, -2), Ellipsis, None, 1)),
        sample((3,), index=(2,)),
        sample((3, 2), index=(slice(2, 2),)),
        sample((), index=(None, Ellipsis)),
    ),
)

embed = primitive(
    "embed",
    forward=_embed,
    vjp=(lambda h, y, g, *, shape, index: basic_slice(h, index=index),),
    shape=lambda g, *, shape, index: g.reshaped(shape),
    notation=custom(
        "embed", lambda texts, shape, index: f"embed({texts[0]}, shape={shape}, index={show(index)})", draw=draw_embed
    ),
    linear=True,
    samples=(
        sample((2, 3), shape=(4, 3), index=(slice(1, 3),)),
        sample((), shape=(3,), index=(2,)),
        sample((0, 2), shape=(3, 2), index=(slice(2, 2),)),
    ),
)


# -- gather and scatter ------------------------------------------------------------------------------------------------


def _gather(x: Any, *arrays: Any, pattern: Index) -> Any:
    return x[fill_pattern(pattern, arrays)]


def _scatter(g: Any, *arrays: Any, shape: tuple[int, ...], pattern: Index) -> Any:
    result = np.zeros(shape, g.dtype)
    index = fill_pattern(pattern, arrays)
    if len(arrays) == 1 and index[0] is arrays[0] and g.size > 8 * arrays[0].size and _distinct(arrays[0], shape[0]):
        result[index] = g  # rows, each at most once: several times faster than adding
    else:
        np.add.at(result, index, g)
    return result


def _distinct(indices: Any, length: int) -> bool:
    return len(np.unique(indices % length)) == indices.size


def _gather_rule(wanted: Any, g: Any, y: Any, x: Any, *arrays: Any, pattern: Index) -> list[Any]:
    return [scatter(g, *arrays, shape=x.shape, pattern=pattern) if wanted[0] else None, *[None] * len(arrays)]


def _scatter_rule(wanted: Any, h: Any, y: Any, g: Any, *arrays: Any, shape: Any, pattern: Index) -> list[Any]:
    return [gather(h, *arrays, pattern=pattern) if wanted[0] else None, *[None] * len(arrays)]


def _indices(*arrays: Any) -> Any:
    return lambda shape: lambda rng: (rng.uniform(-2, 2, shape), *(np.array(a) for a in arrays))


def _add_gather(buffer: Any, g: Any, x: Any, *arrays: Any, pattern: Index) -> None:
    np.add.at(buffer, fill_pattern(pattern, [concrete(array) for array in arrays]), g)


gather = primitive(
    "gather",
    forward=_gather,
    vjp=_gather_rule,
    shape=_selected_type,
    notation=custom(
        "[]", lambda texts, pattern: f"{texts[0]}[{write_brackets(pattern, texts[1:])}]", draw=draw_brackets
    ),
    linear=True,
    jvp=lambda tangents, y, x, *arrays, pattern: gather(tangents[0], *arrays, pattern=pattern),
    add_into=_add_gather,
    samples=(
        sample(make=_indices([0, 2, 2, -1])((3, 2)), pattern=(ARRAY,)),
        sample(make=_indices([[0], [1]], [1, 0, 1])((3, 2)), pattern=(ARRAY, ARRAY)),
        sample(make=_indices([1, 0])((3, 4, 2)), pattern=(0, slice(1, 3), ARRAY)),
        sample(make=_indices([1, 0])((3, 4, 2)), pattern=(ARRAY, slice(None), None, 1)),
        sample(make=_indices(np.zeros(0, int))((3, 2)), pattern=(Ellipsis, ARRAY)),
    ),
)

scatter = primitive(
    "scatter",
    forward=_scatter,
    vjp=_scatter_rule,
    shape=lambda g, *arrays, shape, pattern: g.reshaped(shape),
    notation=custom(
        "scatter",
        lambda texts, shape, pattern: f"scatter({', '.join(texts)}, shape={shape}, pattern={show(pattern)})",
        draw=draw_embed,
    ),
    linear=True,
    jvp=lambda tangents, y, g, *arrays, shape, pattern: scatter(tangents[0], *arrays, shape=shape, pattern=pattern),
    samples=(
        sample(make=_indices([0, 2, 2, -1])((4, 2)), shape=(3, 2), pattern=(ARRAY,)),
        sample(make=_indices([[0], [1]], [1, 0, 1])((2, 3)), shape=(3, 2), pattern=(ARRAY, ARRAY)),
        sample(make=_indices([1, 0])((2, 2)), shape=(3, 4, 2), pattern=(0, slice(1, 3), ARRAY)),
    ),
)


# -- writing -----------------------------------------------------------------------------------------------------------


def _write(x: Any, value: Any, *arrays: Any, pattern: Index) -> Any:
    result = np.array(x, order="K")
    result[fill_pattern(pattern, arrays)] = value
    return result


def _write_rule(wanted: Any, g: Any, y: Any, x: Any, value: Any, *arrays: Any, pattern: Index) -> list[Any]:
    below = above = None
    if wanted[0]:
        below = write(g, g.dtype.type(0), *arrays, pattern=pattern)
    if wanted[1]:
        above = _read(g, pattern, arrays)
        if arrays:
            above = operations["where"](_last_writers(x.shape, pattern, arrays), above, g.dtype.type(0))
    return [below, above, *[None] * len(arrays)]


def _write_tangent(tangents: Any, y: Any, x: Any, value: Any, *arrays: Any, pattern: Index) -> Any:
    below, above = tangents[0], tangents[1]
    if below is None:
        below = np.zeros(y.shape, y.dtype)
    return write(below, y.dtype.type(0) if above is None else above, *arrays, pattern=pattern)


def _last_writers(shape: tuple[int, ...], pattern: Index, arrays: Any) -> Any:
    """Which of the selected elements was the last to be written to its place."""
    given = [undifferentiated(a) for a in arrays]
    if any(isinstance(a, Traced) for a in given):  # the same in operations: the program asks again for other indices
        place = _place(shape, pattern, given)
        numbers = np.arange(math.prod(place)).reshape(place)
        owners = write(np.full(shape, -1), numbers, *given, pattern=pattern)
        return operations["equal"](gather(owners, *given, pattern=pattern), numbers)
    return _owners(shape, pattern, *map(concrete, arrays))


def _owners(shape: tuple[int, ...], pattern: Index, *arrays: Any) -> Any:
    index = fill_pattern(pattern, arrays)
    owners = np.full(shape, -1)
    places = owners[index]
    numbers = np.arange(places.size).reshape(places.shape)
    owners[index] = numbers
    return owners[index] == numbers


write = primitive(
    "write",
    forward=_write,
    vjp=_write_rule,
    shape=lambda x, value, *arrays, pattern: x,
    notation=custom(
        r"\leftarrow",
        lambda texts, pattern: f"{texts[0]} with [{write_brackets(pattern, texts[2:])}] = {texts[1]}",
        precedence=0,
        draw=draw_write,
    ),
    linear=True,
    jvp=_write_tangent,
    samples=(
        sample((4, 3), (2, 3), pattern=(slice(1, 3),)),
        sample((4, 3), (), pattern=(Ellipsis, 1)),
        sample((3,), (), pattern=(2,)),
        sample(
            make=lambda rng: (rng.uniform(size=(3, 2)), rng.uniform(size=(4, 2)), np.array([0, 2, 2, -1])),
            pattern=(ARRAY,),
        ),
    ),
)


def _read(x: Any, pattern: Index, arrays: Any) -> Any:
    if not arrays and not any(isinstance(item, bool) for item in pattern):
        return basic_slice(x, index=pattern)
    return gather(x, *arrays, pattern=pattern)


def getitem(x: Any, index: Any) -> Any:
    """`x[index]` as an operation: a view for basic indices, a copy for index arrays and masks.

    >>> getitem(np.array([1.0, 2.0, 3.0]), slice(1, None))
    array([2., 3.])
    """
    if type(index) is int or (
        type(index) is slice and type(index.start) is not Traced and type(index.stop) is not Traced
    ):
        return basic_slice(x, index=(index,))
    pattern, arrays = parse_index(index, x.shape)
    return _read(x, pattern, arrays)


def without_loss(value: Any, dtype: Any) -> Any:
    """A value cast to the dtype of the array it goes into; refused where that would lose the gradient of a traced one.

    >>> without_loss(np.array([1.5]), np.dtype(int))
    array([1])
    """
    if value.dtype == dtype:
        return value
    if not isinstance(value, Traced):
        return np.asarray(value).astype(dtype)
    if value.dtype.kind in "fc" and not np.can_cast(value.dtype, dtype, casting="same_kind"):
        raise ArgumentError(
            f"An in-place write cannot put traced {value.dtype} numbers into an array of dtype {dtype} (in {here()}): they would "
            f"be cut off and their gradient lost. Make the array with dtype={value.dtype}, or build a new one."
        )
    return astype(value, dtype=dtype)


def _fit(value: Any, shape: tuple[int, ...]) -> Any:
    """A value to be written, with surplus leading axes of length one taken away."""
    extra = value.ndim - len(shape)
    if extra > 0 and all(length == 1 for length in value.shape[:extra]):
        return reshape(value, shape=tuple(value.shape[extra:]))
    return value


def _place(shape: tuple[int, ...], pattern: Index, arrays: Any) -> tuple[int, ...]:
    """The shape of what an index selects."""
    return np.broadcast_to(np.zeros((), bool), shape)[fill_pattern(pattern, [prototype(a) for a in arrays])].shape


def setitem(x: Any, index: Any, value: Any) -> Any:
    """The array `x` with `x[index] = value` done on a copy; where an index is repeated, the last value stays.

    >>> setitem(np.zeros(3), 1, 5.0)
    array([0., 5., 0.])
    """
    pattern, arrays = parse_index(index, x.shape)
    value = without_loss(as_value(value), x.dtype)
    return write(x, _fit(value, _place(x.shape, pattern, arrays)) if value.ndim else value, *arrays, pattern=pattern)


def add_at(x: Any, index: Any, value: Any) -> Any:
    """The array `x` with `value` added at `index`, repeated indices adding up: `numpy.add.at` on a copy.

    >>> add_at(np.zeros(3), [1, 1], 5.0)
    array([ 0., 10.,  0.])
    """
    pattern, arrays = parse_index(index, x.shape)
    value = as_value(value)
    place = _place(x.shape, pattern, arrays)
    if value.shape != place:
        value = broadcast_to(_fit(value, place), shape=place)
    if not arrays and not any(isinstance(item, bool) for item in pattern):
        return x + embed(value, shape=x.shape, index=pattern)
    return x + scatter(value, *arrays, shape=x.shape, pattern=pattern)


def scatter_add(x: Any, index: Any, values: Any) -> Any:
    """A copy of `x` with `values` added at `index`; where an index is repeated, the values add up.

    `values` broadcasts to the shape of `x[index]`. Differentiable in `x` and in `values`.

    >>> scatter_add(np.zeros(3), np.array([0, 2, 2]), np.array([1.0, 2.0, 3.0]))
    array([1., 0., 5.])
    """
    return add_at(as_value(x), index, values)


operations["getitem"] = getitem
operations["setitem"] = setitem
operations["add_at"] = add_at
