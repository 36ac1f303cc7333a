"""Padding and windows: `np.pad` in every mode that has a derivative, and sliding windows with their transpose, the overlapping sum."""

from __future__ import annotations

import itertools
import operator
from typing import Any

import numpy as np

from chainrule.errors import UnsupportedError
from chainrule.notation import call
from chainrule.ops.creation import linspace
from chainrule.ops.indexing import embed, getitem, setitem, without_loss
from chainrule.ops.joining import concatenate
from chainrule.ops.structure import as_dtype, as_value, broadcast_to, copy
from chainrule.primitive import functions, sample, stand_in
from chainrule.shapes import normalise_axes
from chainrule.trace import primitive
from chainrule.traced import Traced, here

__all__: list[str] = []

Widths = tuple[tuple[int, int], ...]


# -- modes that copy or mirror elements --------------------------------------------------------------------------------


def _pad(x: Any, *, widths: Widths, mode: str, odd: bool) -> Any:
    return np.pad(x, widths, mode, **({"reflect_type": "odd"} if odd else {}))  # pyright: ignore[reportCallIssue, reportArgumentType]


def _unpad(g: Any, *, widths: Widths, mode: str, odd: bool) -> Any:
    """Axis by axis, last first: the middle, plus what the margins hold of each element."""
    for axis in reversed(range(len(widths))):
        before, after = widths[axis]
        if not before + after:
            continue
        length = g.shape[axis] - before - after
        parts = np.moveaxis(g, axis, 0)
        unit = np.eye(length, dtype=g.dtype)
        weights = _pad(unit, widths=((before, after), (0, 0)), mode=mode, odd=odd)
        total = parts[before : before + length].copy()
        for margin in (slice(0, before), slice(before + length, None)):
            total += np.tensordot(weights[margin], parts[margin], axes=(0, 0))
        g = np.moveaxis(total, 0, axis)
    return g


pad_mirrored = primitive(
    "pad",
    forward=_pad,
    vjp=(lambda g, y, x, **how: unpad_mirrored(g, **how),),
    shape=lambda x, *, widths, mode, odd: x.reshaped(
        tuple(a + n + b for n, (a, b) in zip(x.shape, widths, strict=True))
    ),
    notation=call("pad"),
    linear=True,
    samples=(
        sample((4,), widths=((2, 3),), mode="edge", odd=False),
        sample((3, 4), widths=((2, 1), (0, 5)), mode="reflect", odd=False),
        sample((3, 4), widths=((2, 1), (4, 5)), mode="symmetric", odd=True),
        sample((3, 2, 2), widths=((4, 1), (0, 0), (1, 2)), mode="wrap", odd=False),
    ),
)

unpad_mirrored = primitive(
    "unpad",
    forward=_unpad,
    vjp=(lambda h, y, g, **how: pad_mirrored(h, **how),),
    shape=lambda g, *, widths, mode, odd: g.reshaped(
        tuple(n - a - b for n, (a, b) in zip(g.shape, widths, strict=True))
    ),
    notation=call("unpad"),
    linear=True,
    samples=(
        sample((9,), widths=((2, 3),), mode="edge", odd=False),
        sample((6, 9), widths=((2, 1), (0, 5)), mode="reflect", odd=True),
    ),
)


# -- the other modes ---------------------------------------------------------------------------------------------------


def _pairs(values: Any, ndim: int, what: str) -> list[tuple[Any, Any]]:
    """One (before, after) pair for each axis from NumPy's short forms: a number, (number,), (before, after) or a list of pairs."""
    if isinstance(values, Traced) and values.ndim == 0:
        return [(values, values)] * ndim
    if isinstance(values, Traced):
        values = list(values)
    if isinstance(values, list | tuple) and any(isinstance(v, Traced) for v in _all_of(values)):
        rows = [
            list(row) if isinstance(row, list | tuple | np.ndarray) or getattr(row, "ndim", 0) else row
            for row in values
        ]
        if all(not isinstance(row, list) for row in rows):
            rows = [rows[0], rows[-1]]
            return [(rows[0], rows[1])] * ndim
        rows = rows * ndim if len(rows) == 1 else rows
        return [(row[0], row[-1]) for row in rows]
    try:
        table = np.broadcast_to(np.asarray(values), (ndim, 2))
    except ValueError as error:
        raise ValueError(f"numpy.pad: {what}={values!r} does not fit an array of {ndim} axes (in {here()})") from error
    return [(table[i, 0].item(), table[i, 1].item()) for i in range(ndim)]


def _all_of(values: Any) -> list[Any]:
    return [leaf for v in values for leaf in (_all_of(v) if isinstance(v, list | tuple) else [v])]


def _widths(pad_width: Any, ndim: int) -> Widths:
    if isinstance(pad_width, dict):
        table: list[Any] = [(0, 0)] * ndim
        for axis, width in pad_width.items():
            table[axis] = (width, width) if not np.iterable(width) else tuple(width)
        pad_width = table
    pairs = _pairs(pad_width, ndim, "pad_width")
    if any(not isinstance(w, int) for pair in pairs for w in pair):
        raise TypeError("`pad_width` must be of integral type.")
    if any(w < 0 for pair in pairs for w in pair):
        raise ValueError("index can't contain negative values")
    return tuple((int(a), int(b)) for a, b in pairs)


def _constant(x: Any, widths: Widths, pairs: list[tuple[Any, Any]]) -> Any:
    shape = tuple(a + n + b for n, (a, b) in zip(x.shape, widths, strict=True))
    middle = tuple(slice(a, a + n) for n, (a, _) in zip(x.shape, widths, strict=True))
    result = embed(x, shape=shape, index=middle)
    for axis, ((before, after), (low, high)) in enumerate(zip(widths, pairs, strict=True)):
        ahead = (slice(None),) * axis
        for width, value, place in ((before, low, slice(0, before)), (after, high, slice(shape[axis] - after, None))):
            if width and (isinstance(value, Traced) or value != 0):
                result = setitem(result, (*ahead, place), without_loss(as_value(value), x.dtype))
    return result


def _statistic(x: Any, widths: Widths, function: Any, lengths: list[tuple[Any, Any]]) -> Any:
    for axis, ((before, after), (first, last)) in enumerate(zip(widths, lengths, strict=True)):
        size, ahead = x.shape[axis], (slice(None),) * axis
        counts = [size if count is None else min(operator.index(count), size) for count in (first, last)]
        if 0 in counts and size and function in (np.max, np.min):
            raise ValueError("stat_length of 0 yields no value for padding")
        parts = [x]
        for width, chunk, place in ((before, slice(0, counts[0]), 0), (after, slice(size - counts[1], size), 1)):
            if width:
                value = as_dtype(functions[function](getitem(x, (*ahead, chunk)), axis=axis, keepdims=True), x.dtype)
                spread = broadcast_to(value, shape=(*x.shape[:axis], width, *x.shape[axis + 1 :]))
                parts = [spread, *parts] if place == 0 else [*parts, spread]
        x = concatenate(parts, axis=axis) if len(parts) > 1 else x
    return x


def _ramp(x: Any, widths: Widths, ends: list[tuple[Any, Any]]) -> Any:
    for axis, ((before, after), (low, high)) in enumerate(zip(widths, ends, strict=True)):
        ahead = (slice(None),) * axis
        parts = [x]
        if before:
            parts.insert(0, linspace(low, getitem(x, (*ahead, 0)), before, endpoint=False, axis=axis, dtype=x.dtype))
        if after:
            ramp = linspace(high, getitem(x, (*ahead, -1)), after, endpoint=False, axis=axis, dtype=x.dtype)
            parts.append(getitem(ramp, (*ahead, slice(None, None, -1))))
        x = concatenate(parts, axis=axis) if len(parts) > 1 else x
    return x


_STATISTICS = {"maximum": np.max, "minimum": np.min, "mean": np.mean, "median": np.median}
_KEYWORDS = {
    "constant": {"constant_values"},
    "linear_ramp": {"end_values"},
    "reflect": {"reflect_type"},
    "symmetric": {"reflect_type"},
    "edge": set(),
    "wrap": set(),
    **{mode: {"stat_length"} for mode in _STATISTICS},
}


@stand_in(np.pad)
def _numpy_pad(array: Any, pad_width: Any, mode: Any = "constant", **kwargs: Any) -> Any:
    x = as_value(array)
    widths = _widths(pad_width, x.ndim)
    if callable(mode) or mode == "empty":
        raise UnsupportedError(
            f"numpy.pad with mode={'a function' if callable(mode) else repr(mode)} is not supported on traced values (in {here()}): "
            "what it puts into the margins has no derivative. Write mode='constant', or np.concatenate with your own margins."
        )
    if mode not in _KEYWORDS:
        raise ValueError(f"mode {mode!r} is not supported")
    unknown = set(kwargs) - _KEYWORDS[mode]
    if unknown:
        raise ValueError(f"unsupported keyword arguments for mode {mode!r}: {unknown}")
    if mode == "constant":
        return _constant(x, widths, _pairs(kwargs.get("constant_values", 0), x.ndim, "constant_values"))
    if not any(map(any, widths)):
        return copy(x)
    if mode == "linear_ramp":
        return _ramp(x, widths, _pairs(kwargs.get("end_values", 0), x.ndim, "end_values"))
    if mode in _STATISTICS:
        length = kwargs.get("stat_length")
        lengths = [(None, None)] * x.ndim if length is None else _pairs(length, x.ndim, "stat_length")
        return _statistic(x, widths, _STATISTICS[mode], lengths)
    if kwargs.get("reflect_type", "even") not in ("even", "odd"):
        raise ValueError(f"unsupported reflect_type {kwargs['reflect_type']!r}; write 'even' or 'odd'")
    return pad_mirrored(x, widths=widths, mode=mode, odd=kwargs.get("reflect_type") == "odd")


# -- sliding windows ---------------------------------------------------------------------------------------------------


def _windows(x: Any, *, window: tuple[int, ...], axes: tuple[int, ...]) -> Any:
    return np.lib.stride_tricks.sliding_window_view(x, window, axes)


def _overlap(g: Any, *, shape: tuple[int, ...], window: tuple[int, ...], axes: tuple[int, ...]) -> Any:
    result = np.zeros(shape, g.dtype)
    for place in itertools.product(*map(range, window)):
        region = [slice(None)] * len(shape)
        for axis, start in zip(axes, place, strict=True):
            old = region[axis].start or 0
            region[axis] = slice(old + start, None)
        trimmed = tuple(slice(r.start, (r.start or 0) + n) for r, n in zip(region, g.shape, strict=False))
        result[trimmed] += g[(..., *place)]
    return result


sliding_windows = primitive(
    "sliding_windows",
    forward=_windows,
    vjp=(lambda g, y, x, *, window, axes: overlapping_sum(g, shape=x.shape, window=window, axes=axes),),
    shape=lambda x, *, window, axes: x.reshaped(
        _windows(np.broadcast_to(np.zeros(()), x.shape), window=window, axes=axes).shape
    ),
    notation=call("windows"),
    linear=True,
    view=True,
    samples=(
        sample((5,), window=(3,), axes=(0,)),
        sample((4, 5), window=(2, 3), axes=(1, 0)),
        sample((6, 2), window=(2, 3), axes=(0, 0)),
    ),
)

overlapping_sum = primitive(
    "overlapping_sum",
    forward=_overlap,
    vjp=(lambda h, y, g, *, shape, window, axes: sliding_windows(h, window=window, axes=axes),),
    shape=lambda g, *, shape, window, axes: g.reshaped(shape),
    linear=True,
    samples=(
        sample((3, 3), shape=(5,), window=(3,), axes=(0,)),
        sample((2, 4, 2, 3), shape=(4, 5), window=(2, 3), axes=(1, 0)),
    ),
)


@stand_in(np.lib.stride_tricks.sliding_window_view)
def _sliding_window_view(
    x: Any, window_shape: Any, axis: Any = None, *, subok: bool = False, writeable: bool = False
) -> Any:
    if writeable:
        raise UnsupportedError(
            f"sliding_window_view with writeable=True is not supported on traced values (in {here()}). "
            "Write into the array itself."
        )
    x = as_value(x)
    window = (
        tuple(operator.index(n) for n in window_shape) if np.iterable(window_shape) else (operator.index(window_shape),)
    )
    axes = (
        tuple(range(x.ndim))
        if axis is None
        else tuple(normalise_axes(i, x.ndim)[0] for i in (axis if np.iterable(axis) else (axis,)))
    )
    return sliding_windows(x, window=window, axes=axes)
