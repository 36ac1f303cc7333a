"""Convolution: `numpy.convolve` and `numpy.correlate` of vectors, and `convolve` over any axes with sums over others.

A convolution in full and one of the valid part are each other's transpose, with the kernel turned round.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError, ShapeError
from chainrule.notation import infix
from chainrule.ops.structure import as_value, reshape
from chainrule.primitive import functions, operations, sample, stand_in
from chainrule.shapes import ArrayType, normalise_axis, promote
from chainrule.trace import primitive

# -- two vectors -------------------------------------------------------------------------------------------------------


def _line_type(a: ArrayType, b: ArrayType, *, mode: str) -> ArrayType:
    length = a.shape[0] + b.shape[0] - 1 if mode == "full" else a.shape[0] - b.shape[0] + 1
    return ArrayType((length,), promote(a, b))


def _line_left(g: Any, y: Any, a: Any, b: Any, *, mode: str) -> Any:
    if mode == "full":
        return line(g, b[::-1], mode="valid")
    return line(g, b[::-1], mode="full")


def _line_right(g: Any, y: Any, a: Any, b: Any, *, mode: str) -> Any:
    if mode == "full":
        return line(g, a[::-1], mode="valid")
    return line(a, g[::-1], mode="valid")[::-1]


line = primitive(
    "convolve",
    forward=lambda a, b, *, mode: np.convolve(a, b, mode),
    vjp=(_line_left, _line_right),
    shape=_line_type,
    notation=infix("*", 20, "∗"),
    multilinear=True,
    samples=(sample((4,), (3,), mode="full"), sample((2,), (5,), mode="full"), sample((5,), (2,), mode="valid")),
)


def _vectors(name: str, a: Any, v: Any) -> tuple[Any, Any]:
    a, v = (reshape(x, shape=(1,)) if not x.ndim else x for x in (as_value(a), as_value(v)))
    if a.ndim != 1 or v.ndim != 1:
        raise ShapeError(
            f"numpy.{name} takes two vectors; the shapes are {a.shape} and {v.shape}. "
            "cr.convolve(a, b, axes=...) works on arrays of more dimensions."
        )
    if not a.size or not v.size:
        raise ValueError(f"{'a' if not a.size else 'v'} cannot be empty")
    return a, v


def _mode(mode: Any) -> str:
    if mode not in ("full", "same", "valid"):
        raise ArgumentError(f"mode is 'full', 'same' or 'valid', not {mode!r}.")
    return mode


@stand_in(np.convolve)
def numpy_convolve(a: Any, v: Any, mode: str = "full") -> Any:
    """The convolution of two vectors, as `numpy.convolve`.

    >>> numpy_convolve(np.array([1.0, 2.0]), np.array([1.0, 1.0]))
    array([1., 3., 2.])
    """
    a, v = _vectors("convolve", a, v)
    if v.size > a.size:
        a, v = v, a
    if _mode(mode) != "same":
        return line(a, v, mode=mode)
    start = (v.size - 1) // 2
    return line(a, v, mode="full")[start : start + a.size]


@stand_in(np.correlate)
def correlate(a: Any, v: Any, mode: str = "valid") -> Any:
    """The correlation of two vectors, the second one conjugated, as `numpy.correlate`.

    >>> correlate(np.array([1.0, 2.0, 3.0]), np.array([0.0, 1.0]))
    array([2., 3.])
    """
    a, v = _vectors("correlate", a, v)
    swapped = v.size > a.size
    turned = (operations["conjugate"](v) if v.dtype.kind == "c" else v)[::-1]
    if _mode(mode) == "valid" and swapped:
        return line(turned, a, mode="valid")
    if mode != "same":
        return line(a, turned, mode=mode)
    length, margin = max(a.size, v.size), (min(a.size, v.size) - 1) // 2
    start = a.size + v.size - 1 - margin - length if swapped else margin
    return line(a, turned, mode="full")[start : start + length]


# -- many arrays along many axes ---------------------------------------------------------------------------------------
# The operation works on a of shape (P, D, *S) and b of shape (Q, D, *T) and gives (P, Q, *Y): D is summed over.


def _grid_type(a: ArrayType, b: ArrayType, *, mode: str) -> ArrayType:
    sign = 1 if mode == "full" else -1
    lengths = (m + sign * (n - 1) for m, n in zip(a.shape[2:], b.shape[2:], strict=True))
    return ArrayType((a.shape[0], b.shape[0], *lengths), promote(a, b))


def _grid(a: Any, b: Any, *, mode: str) -> Any:
    rank = a.ndim - 2
    if mode == "full":
        a = np.pad(a, [(0, 0), (0, 0), *((length - 1, length - 1) for length in b.shape[2:])])
    spatial = tuple(range(2, a.ndim))
    windows = np.lib.stride_tricks.sliding_window_view(a, b.shape[2:], spatial) if rank else a
    kernel = np.flip(b, spatial)
    inner = tuple(range(2 + rank, 2 + 2 * rank))
    product = np.tensordot(windows, kernel, ((1, *inner), (1, *spatial)))
    return np.ascontiguousarray(np.moveaxis(product, -1, 1))


def _turned(x: Any, flip: bool, swap: bool) -> Any:
    """The spatial axes reversed, the two leading axes exchanged."""
    if flip:
        x = x[(slice(None), slice(None), *(slice(None, None, -1),) * (x.ndim - 2))]
    return functions[np.swapaxes](x, 0, 1) if swap else x


def _grid_left(g: Any, y: Any, a: Any, b: Any, *, mode: str) -> Any:
    return grid(g, _turned(b, flip=True, swap=True), mode="valid" if mode == "full" else "full")


def _grid_right(g: Any, y: Any, a: Any, b: Any, *, mode: str) -> Any:
    if mode == "full":
        return grid(_turned(g, flip=False, swap=True), _turned(a, flip=True, swap=True), mode="valid")
    found = grid(_turned(a, flip=False, swap=True), _turned(g, flip=True, swap=True), mode="valid")
    return _turned(found, flip=True, swap=True)


grid = primitive(
    "convolve_axes",
    forward=_grid,
    vjp=(_grid_left, _grid_right),
    shape=_grid_type,
    notation=infix("*", 20, "∗"),
    multilinear=True,
    samples=(
        sample((2, 3, 5), (4, 3, 2), mode="valid"),
        sample((2, 3, 2), (4, 3, 5), mode="full"),
        sample((2, 1, 5, 4), (1, 1, 3, 2), mode="valid"),
        sample((1, 2, 3, 2), (2, 2, 2, 2), mode="full"),
    ),
)


def _axis_lists(a: Any, b: Any, axes: Any, dot_axes: Any) -> tuple[tuple[int, ...], ...]:
    summed = [
        tuple(normalise_axis(int(axis), x.ndim) for axis in given) for x, given in zip((a, b), dot_axes, strict=True)
    ]
    if axes is None:
        chosen = [
            tuple(axis for axis in range(x.ndim) if axis not in without)
            for x, without in zip((a, b), summed, strict=True)
        ]
    else:
        chosen = [
            tuple(normalise_axis(int(axis), x.ndim) for axis in given) for x, given in zip((a, b), axes, strict=True)
        ]
    if len(chosen[0]) != len(chosen[1]) or len(summed[0]) != len(summed[1]):
        raise ShapeError(
            f"convolve needs as many axes of a as of b: axes {chosen[0]} and {chosen[1]}, "
            f"dot_axes {summed[0]} and {summed[1]}."
        )
    if any(a.shape[i] != b.shape[j] for i, j in zip(*summed, strict=True)):
        raise ShapeError(
            f"convolve sums over axes of unequal length: dot_axes {summed[0]} of shape {a.shape} and {summed[1]} of "
            f"shape {b.shape}."
        )
    return chosen[0], chosen[1], summed[0], summed[1]


def convolve(a: Any, b: Any, mode: str = "full", axes: Any = None, dot_axes: Sequence[Sequence[int]] = ((), ())) -> Any:
    """The convolution of arrays along pairs of axes, summed over other pairs; the axes that remain are combined in all pairs.

    `axes` and `dot_axes` are (axes of a, axes of b); without `axes` all that `dot_axes` does not name. The result has the remaining axes
    of a, those of b, then the convolved ones. mode: 'full', 'valid' (b inside a), 'same' (the size of a). With images of shape (batch,
    channel, height, width) and filters of shape (filter, channel, height, width), a layer of a convolutional network is

    >>> convolve(np.ones((5, 3, 8, 8)), np.ones((4, 3, 3, 3)), "valid", axes=((2, 3), (2, 3)), dot_axes=((1,), (1,))).shape
    (5, 4, 6, 6)
    """
    a, b = as_value(a), as_value(b)
    first, second, first_summed, second_summed = _axis_lists(a, b, axes, dot_axes)
    rows = tuple(axis for axis in range(a.ndim) if axis not in (*first, *first_summed))
    columns = tuple(axis for axis in range(b.ndim) if axis not in (*second, *second_summed))
    left, right = (x.shape for x in (a, b))
    a = _arranged(a, rows, first_summed, first)
    b = _arranged(b, columns, second_summed, second)
    lengths, kernel = a.shape[2:], b.shape[2:]
    if _mode(mode) == "valid" and any(m < n for m, n in zip(lengths, kernel, strict=True)):
        raise ShapeError(
            f"convolve with mode='valid' needs a to be at least as long as b along the convolved axes; they are {lengths} "
            f"and {kernel}. Exchange the operands, or write mode='full'."
        )
    result = grid(a, b, mode="valid" if mode == "valid" else "full")
    if mode == "same":
        middle = (slice((n - 1) // 2, (n - 1) // 2 + m) for m, n in zip(lengths, kernel, strict=True))
        result = result[(slice(None), slice(None), *middle)]
    return reshape(
        result, shape=(*(left[axis] for axis in rows), *(right[axis] for axis in columns), *result.shape[2:])
    )


def _arranged(x: Any, kept: tuple[int, ...], summed: tuple[int, ...], spatial: tuple[int, ...]) -> Any:
    shape = x.shape
    order = (*kept, *summed, *spatial)
    if order != tuple(range(x.ndim)):
        x = functions[np.transpose](x, order)
    return reshape(
        x,
        shape=(
            math.prod(shape[axis] for axis in kept),
            math.prod(shape[axis] for axis in summed),
            *(shape[axis] for axis in spatial),
        ),
    )


__all__ = ["convolve", "correlate"]
