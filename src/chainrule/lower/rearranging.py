"""Rules that take apart what chooses, moves or combines elements: triangles, rolls, margins, norms, places of extremes, cross products.

A rule is called with the builder `b` of the nodes, the operands and the parameters of an operation, and gives the node that stands for
its result, or None where NumPy is to be called.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.graph import Node
from chainrule.ops.brackets import ARRAY
from chainrule.optimise.rewriting import Constant, Operand

MOST_RUNS = 8  # pieces of which a padded axis is put together
MOST_NUMBERS = 1 << 20  # elements whose places are listed in the program


def _triangle(keep: Callable[..., Any]) -> Callable[..., Node]:
    def rule(b: Callable[..., Node], x: Operand, *, k: int) -> Node:
        kept = keep(np.ones(x.value.shape[-2:], bool), k)
        return b("where", Constant(kept), x, Constant(x.value.dtype.type(0)))

    return rule


def _roll(b: Callable[..., Any], x: Operand, *, shift: tuple[int, ...], axis: tuple[int, ...]) -> Any:
    found: Any = x
    for amount, d in zip(shift, axis, strict=True):
        length = x.value.shape[d]
        if not amount % length:
            continue
        before = (slice(None),) * d
        border = length - amount % length
        back = b("slice", found, index=(*before, slice(border, None)))
        found = b("concatenate", back, b("slice", found, index=(*before, slice(0, border))), axis=d)
    return b("positive", x) if found is x else found


def _pad(b: Callable[..., Any], x: Operand, *, widths: Any, mode: str, odd: bool) -> Any:
    """Margins that repeat elements: each axis is read at the places that NumPy pads its numbers with."""
    if odd:
        return None
    found: Any = x
    for d, width in enumerate(widths):
        if any(width):
            places: Any = np.pad(np.arange(x.value.shape[d]), width, mode)  # pyright: ignore[reportCallIssue, reportArgumentType] a mode of NumPy's
            runs = _runs(places)
            if len(runs) <= MOST_RUNS:
                parts = [_run(b, found, d, *run) for run in runs]
                found = b("concatenate", *parts, axis=d) if len(parts) > 1 else parts[0]
            else:
                found = b("gather", found, Constant(places), pattern=(*(slice(None),) * d, ARRAY))
    return b("positive", x) if found is x else found


def _runs(places: Any) -> list[tuple[int, int, int]]:
    """(first, step, length) of the pieces of a list of places in which each is one more, one less or the same as the one before."""
    found: list[tuple[int, int, int]] = []
    for place in map(int, places):
        first, step, length = found[-1] if found else (0, 0, 0)
        if length == 1 and abs(place - first) <= 1:
            found[-1] = (first, place - first, 2)
        elif length > 1 and place == first + step * length:
            found[-1] = (first, step, length + 1)
        else:
            found.append((place, 0, 1))
    return found


def _run(b: Callable[..., Any], x: Any, axis: int, first: int, step: int, length: int) -> Any:
    before = (slice(None),) * axis
    if step == 0:
        one = b("slice", x, index=(*before, slice(first, first + 1)))
        shape = (*x.value.shape[:axis], length, *x.value.shape[axis + 1 :])
        return one if length == 1 else b("broadcast_to", one, shape=shape)
    end = first + step * length
    return b("slice", x, index=(*before, slice(first, end if end >= 0 else None, step)))


def _unpad(b: Callable[..., Any], g: Operand, *, widths: Any, mode: str, odd: bool) -> Any:
    if odd:
        return None
    found: Any = g
    for d, width in reversed(list(enumerate(widths))):
        if any(width):
            shape = list(found.value.shape)
            shape[d] -= sum(width)
            places: Any = np.pad(np.arange(shape[d]), width, mode)  # pyright: ignore[reportCallIssue, reportArgumentType] a mode of NumPy's
            pattern = (*(slice(None),) * d, ARRAY)
            found = b("scatter", found, Constant(places), shape=tuple(shape), pattern=pattern)
    return b("positive", g) if found is g else found


def _overlapping_sum(b: Callable[..., Any], g: Operand, *, shape: Any, window: Any, axes: Any) -> Any:
    if g.value.size > MOST_NUMBERS:
        return None
    numbers = np.arange(math.prod(shape)).reshape(shape)
    places = np.ascontiguousarray(np.lib.stride_tricks.sliding_window_view(numbers, window, axes))
    flat = b("scatter", g, Constant(places), shape=(numbers.size,), pattern=(ARRAY,))
    return b("reshape", flat, shape=tuple(shape))


def _norm(b: Callable[..., Any], x: Operand, *, order: float, axis: tuple[int, ...], keepdims: bool) -> Any:
    if not axis or x.value.dtype.kind != "f":
        return None
    how = {"axis": axis, "keepdims": keepdims}
    if order == 2:
        return b("sqrt", b("sum", b("multiply", x, x), **how))
    sizes = b("absolute", x)
    if order in (np.inf, -np.inf):
        return b("max" if order > 0 else "min", sizes, **how)
    if order == 1:
        return b("sum", sizes, **how)
    if order == 0:
        return b("sum", b("astype", b("not_equal", x, 0), dtype=x.value.dtype), **how)
    powers = b("power", sizes, Constant(x.value.dtype.type(order)))
    return b("power", b("sum", powers, **how), Constant(x.value.dtype.type(1) / x.value.dtype.type(order)))


def _place_of(fold: str) -> Callable[..., Any]:
    """argmax and argmin: the lowest number of those elements that are extreme; of NaN, where there is one."""

    def rule(b: Callable[..., Any], x: Operand, *, axis: int | None, keepdims: bool) -> Any:
        if x.value.dtype == np.bool_ or x.value.ndim == 0:
            return None
        if axis is None:
            found = rule(b, b("reshape", x, shape=(x.value.size,)), axis=0, keepdims=False)
            return b("reshape", found, shape=(1,) * x.value.ndim) if keepdims else found
        axis %= x.value.ndim
        attained = b("equal", x, b(fold, x, axis=(axis,), keepdims=True))
        if x.value.dtype.kind == "f":
            attained = b("logical_or", attained, b("isnan", x))
        length = x.value.shape[axis]
        numbers = np.arange(length).reshape([-1 if d == axis else 1 for d in range(x.value.ndim)])
        found = b("where", attained, Constant(numbers), Constant(np.int64(length)))
        return b("min", found, axis=(axis,), keepdims=keepdims)

    return rule


def _without_nan(fold: str, fill: float) -> Callable[..., Any]:
    """nanmax and nanmin: the fold of the other elements; NaN where there are none."""

    def rule(b: Callable[..., Any], x: Operand, *, axis: tuple[int, ...], keepdims: bool) -> Any:
        if x.value.dtype.kind != "f" or not isinstance(axis, tuple):
            return None
        type_ = x.value.dtype.type
        how = {"axis": axis, "keepdims": keepdims}
        missing = b("isnan", x)
        top = b(fold, b("where", missing, Constant(type_(fill)), x), **how)
        return b("where", b("all", missing, **how), Constant(type_(np.nan)), top)

    return rule


def _cross(b: Callable[..., Any], x: Operand, y: Operand) -> Any:
    first = [b("slice", x, index=(Ellipsis, k)) for k in range(3)]
    second = [b("slice", y, index=(Ellipsis, k)) for k in range(3)]
    parts = []
    for k in range(3):
        i, j = (k + 1) % 3, (k + 2) % 3
        here, there = b("multiply", first[i], second[j]), b("multiply", first[j], second[i])
        parts.append(b("subtract", here, there))
    return b("stack", *parts, axis=parts[0].value.ndim)


RULES: dict[str, Callable[..., Any]] = {
    "tril": _triangle(np.tril),
    "triu": _triangle(np.triu),
    "roll": _roll,
    "pad": _pad,
    "unpad": _unpad,
    "overlapping_sum": _overlapping_sum,
    "vector_norm": _norm,
    "argmax": _place_of("max"),
    "argmin": _place_of("min"),
    "nanmax": _without_nan("max", -np.inf),
    "nanmin": _without_nan("min", np.inf),
    "cross": _cross,
}
