"""Operations along the axes of an array, written with scalars: sums, means, products, extremes, softmax, norms, sorting.

An operation along an axis does the same with each line of numbers, so a recipe says what it does with one line.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from chainrule.explain.scalars import ZERO, Cells, Scalars
from chainrule.graph import Node

Recipe = Callable[[Scalars, Node, list[Cells]], Cells]

# -- lines of an array -------------------------------------------------------------------------------------------------


def lines(cells: Cells, axis: Sequence[int]) -> list[list[int]]:
    """The cells along some axes, one list for each place in the other axes.

    >>> lines(np.array([[1, 2], [3, 4]]), (0,))
    [[1, 3], [2, 4]]
    """
    kept = [a for a in range(cells.ndim) if a not in axis]
    length = math.prod(cells.shape[a] for a in axis)
    count = math.prod(cells.shape[a] for a in kept)
    return cells.transpose(*kept, *axis).reshape(count, length).tolist()


def reduced_by(combine: Callable[[Scalars, Node, list[int]], int]) -> Recipe:
    """The recipe of an operation that makes one number of the cells along `axis`."""

    def recipe(scalars: Scalars, node: Node, given: list[Cells]) -> Cells:
        found = [combine(scalars, node, line) for line in lines(given[0], node.parameters["axis"])]
        return np.array(found, dtype=np.int64).reshape(np.shape(node.value))

    return recipe


def along(combine: Callable[[Scalars, Node, list[list[int]]], list[int]]) -> Recipe:
    """The recipe of an operation that makes as many numbers of the cells along `axis` as there are."""

    def recipe(scalars: Scalars, node: Node, given: list[Cells]) -> Cells:
        axis = node.parameters["axis"]
        axes = axis if isinstance(axis, tuple) else (axis,)
        result = np.zeros(given[0].shape, dtype=np.int64)
        places = lines(np.arange(result.size).reshape(result.shape), axes)
        for place, *rows in zip(places, *(lines(cells, axes) for cells in given), strict=True):
            result.reshape(-1)[place] = combine(scalars, node, rows)
        return result

    return recipe


# -- sums, means, spreads ----------------------------------------------------------------------------------------------


def _sum(scalars: Scalars, _: Node, line: list[int]) -> int:
    return scalars.total(line)


def _mean_of(scalars: Scalars, line: list[int]) -> int:
    return line[0] if len(line) == 1 else scalars.with_number("divide", scalars.total(line), len(line))


def _mean(scalars: Scalars, _: Node, line: list[int]) -> int:
    return _mean_of(scalars, line)


def _variance(scalars: Scalars, node: Node, line: list[int]) -> int:
    middle = _mean_of(scalars, line)
    squares = []
    for cell in line:
        away = scalars.apply("subtract", cell, middle)
        if np.iscomplexobj(scalars.value(away)):
            squares.append(scalars.apply("real", scalars.apply("multiply", away, scalars.apply("conjugate", away))))
        else:
            squares.append(scalars.with_number("power", away, 2))
    return scalars.with_number("divide", scalars.total(squares), max(len(line) - node.parameters["ddof"], 0))


def _deviation(scalars: Scalars, node: Node, line: list[int]) -> int:
    values = np.array([scalars.value(cell) for cell in line])
    if np.abs(values - values[0]).max() <= 4 * np.finfo(np.real(values).dtype).eps * np.abs(values[0]):
        return ZERO  # equal numbers: the engine's gradient is 0 there, and rounding noise must not decide
    return scalars.apply("sqrt", _variance(scalars, node, line))


# -- products ----------------------------------------------------------------------------------------------------------


def _prod(scalars: Scalars, _: Node, line: list[int]) -> int:
    return scalars.product(line)


def _running(step: Callable[[Scalars, int, int], int]) -> Callable[[Scalars, Node, list[list[int]]], list[int]]:
    def combine(scalars: Scalars, _: Node, rows: list[list[int]]) -> list[int]:
        result: list[int] = []
        for cell in rows[0]:
            result.append(step(scalars, result[-1], cell) if result else cell)
        return result

    return combine


def _recurrence(scalars: Scalars, _: Node, rows: list[list[int]]) -> list[int]:
    result: list[int] = []
    for factor, start in zip(*rows, strict=True):
        result.append(scalars.total([start, scalars.product([factor, result[-1]])]) if result else start)
    return result


# -- extremes ----------------------------------------------------------------------------------------------------------


def _extreme(pair: str, skip_missing: bool) -> Callable[[Scalars, Node, list[int]], int]:
    """Comparisons from left to right. Of three or more equal winners each has its share, which pairs would not give."""

    def combine(scalars: Scalars, _: Node, line: list[int]) -> int:
        values = np.array([scalars.value(cell) for cell in line])
        missing = np.isnan(values)
        if missing.any() and not (skip_missing and not missing.all()):
            return _mean_of(scalars, [cell for cell, nan in zip(line, missing, strict=True) if nan])
        rest = [cell for cell, nan in zip(line, missing, strict=True) if not nan]
        top = (np.max if pair == "maximum" else np.min)(values[~missing])
        winners = [cell for cell in rest if scalars.value(cell) == top]
        if len(winners) > 2:
            rest = [_mean_of(scalars, winners), *(cell for cell in rest if cell not in winners)]
        result = rest[0]
        for cell in rest[1:]:
            result = scalars.apply(pair, result, cell)
        return result

    return combine


def _share_evenly(scalars: Scalars, node: Node, given: list[Cells]) -> Cells:
    x, top = (np.asarray(argument) for argument in node.arguments[1:])
    attained = (x == top) | (np.isnan(x) & np.isnan(top))
    count = np.add.reduce(attained, axis=node.parameters["axis"], keepdims=True)
    shape = np.shape(node.value)
    g_cells, shares, taken = (np.broadcast_to(array, shape) for array in (given[0], count, attained))
    result = np.zeros(shape, dtype=np.int64)
    for place in np.ndindex(shape):
        if taken[place]:
            share, cell = int(shares[place]), int(g_cells[place])
            result[place] = cell if share == 1 else scalars.with_number("divide", cell, share)
    return result


# -- exponentials that are normalised ----------------------------------------------------------------------------------

LARGEST_EXPONENT = 600.0  # exp() of more is near the end of float64; then a constant is taken from every exponent


def _raised(scalars: Scalars, line: list[int]) -> tuple[list[int], float]:
    """exp of each cell, and the constant that was taken from the exponents: 0 unless exp would overflow or vanish."""
    top = max((float(scalars.value(cell)) for cell in line), default=0.0)
    narrow = any(getattr(scalars.value(cell), "dtype", np.dtype(float)).itemsize < 8 for cell in line)
    limit = LARGEST_EXPONENT / (8 if narrow else 1)
    shift = float(np.clip(top, -1e300, 1e300)) if abs(top) > limit else 0.0
    moved_line = [scalars.with_number("subtract", cell, shift) for cell in line] if shift else line
    return [scalars.apply("exp", cell) for cell in moved_line], shift


def _softmax(scalars: Scalars, _: Node, rows: list[list[int]]) -> list[int]:
    raised, _shift = _raised(scalars, rows[0])
    total = scalars.total(raised)
    return [scalars.apply("divide", cell, total) for cell in raised]


def _log_of_sum(scalars: Scalars, line: list[int]) -> int:
    raised, shift = _raised(scalars, line)
    result = scalars.apply("log", scalars.total(raised))
    return scalars.with_number("add", result, shift) if shift else result


def _logsumexp(scalars: Scalars, _: Node, line: list[int]) -> int:
    return line[0] if len(line) == 1 else _log_of_sum(scalars, line)


def _log_softmax(scalars: Scalars, _: Node, rows: list[list[int]]) -> list[int]:
    total = _log_of_sum(scalars, rows[0])
    return [scalars.apply("subtract", cell, total) for cell in rows[0]]


# -- norms -------------------------------------------------------------------------------------------------------------


def _norm(scalars: Scalars, node: Node, line: list[int]) -> int:
    order = node.parameters["order"]
    if not node.parameters["axis"]:
        return scalars.apply("absolute", line[0])
    values = np.array([scalars.value(cell) for cell in line])
    if not np.any(values):
        return ZERO  # the engine's gradient at the corner is 0
    if order == 2 and not np.iscomplexobj(values):
        return scalars.apply("sqrt", scalars.total(scalars.with_number("power", cell, 2) for cell in line))
    exponent = int(order) if order == int(order) else float(order)
    # At an element 0 the engine's derivative is 0; its power would have an infinite one below order 1.
    sizes = [scalars.apply("absolute", cell) for cell, value in zip(line, values, strict=True) if value or order < 0]
    powers = [scalars.with_number("power", size, exponent) for size in sizes]
    return scalars.with_number("power", scalars.total(powers), 1 / order)


# -- order -------------------------------------------------------------------------------------------------------------


def _sort(scalars: Scalars, _: Node, rows: list[list[int]]) -> list[int]:
    line = rows[0]
    return [line[i] for i in np.argsort(np.array([scalars.value(cell) for cell in line]), kind="stable")]


def _partition(scalars: Scalars, node: Node, rows: list[list[int]]) -> list[int]:
    values = np.array([scalars.value(cell) for cell in rows[0]])
    order = np.argsort(np.partition(values, node.parameters["kth"]), kind="stable")  # where each rank is put
    result = [ZERO] * len(order)
    for place, cell in zip(order, _sort(scalars, node, rows), strict=True):
        result[place] = cell
    return result


# -- the table ---------------------------------------------------------------------------------------------------------

LINES: dict[str, Recipe] = {
    "sum": reduced_by(_sum),
    "mean": reduced_by(_mean),
    "var": reduced_by(_variance),
    "std": reduced_by(_deviation),
    "prod": reduced_by(_prod),
    "max": reduced_by(_extreme("maximum", skip_missing=False)),
    "min": reduced_by(_extreme("minimum", skip_missing=False)),
    "nanmax": reduced_by(_extreme("maximum", skip_missing=True)),
    "nanmin": reduced_by(_extreme("minimum", skip_missing=True)),
    "logsumexp": reduced_by(_logsumexp),
    "vector_norm": reduced_by(_norm),
    "softmax": along(_softmax),
    "log_softmax": along(_log_softmax),
    "cumsum": along(_running(lambda scalars, before, cell: scalars.total([before, cell]))),
    "cumprod": along(_running(lambda scalars, before, cell: scalars.product([before, cell]))),
    "recurrence": along(_recurrence),
    "sort": along(_sort),
    "partition": along(_partition),
    "share_evenly": _share_evenly,
}
