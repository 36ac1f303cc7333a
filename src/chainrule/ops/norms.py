"""Norms and what rests on them: `norm`, `vector_norm`, `matrix_norm`, `cond`, `matrix_rank`.

At zero, where a norm has a corner, its derivative is 0, the shortest of all subgradients; so too for singular values that are 0.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule.boxes import Box, Fence, Scripts, Word, row
from chainrule.notation import Operand, custom, show
from chainrule.ops.decompositions import svdvals
from chainrule.ops.linalg import conjugate, inverse, precision
from chainrule.ops.structure import as_value, astype, reduce_sum, reshape
from chainrule.primitive import functions, gradient_free, operations, sample, stand_in
from chainrule.shapes import ArrayType, normalise_axes, normalise_axis, real_of, reduced
from chainrule.trace import primitive
from chainrule.traced import Traced, undifferentiated

# -- vectors -----------------------------------------------------------------------------------------------------------


def _size_type(x: ArrayType, *, order: float, axis: tuple[int, ...], keepdims: bool) -> ArrayType:
    return ArrayType(reduced(x.shape, axis, keepdims), real_of(precision(x.dtype)))


def _size(x: Any, *, order: float, axis: tuple[int, ...], keepdims: bool) -> Any:
    if len(axis) == np.ndim(x) > 1 and order == 2:
        result = np.linalg.norm(x)
        return result.reshape((1,) * x.ndim) if keepdims else result
    if len(axis) == 1:
        return np.linalg.norm(x, order, axis[0], keepdims)
    if not axis:
        return np.abs(np.asarray(x, precision(x.dtype)))[()]
    return np.linalg.vector_norm(x, axis=axis, keepdims=keepdims, ord=order)


def _size_rule(g: Any, y: Any, x: Any, *, order: float, axis: tuple[int, ...], keepdims: bool) -> Any:
    if not keepdims and axis:
        full = reduced(x.shape, axis, True)
        g, y = reshape(g, shape=full), reshape(y, shape=full)
    zero = undifferentiated(y) == 0
    corner = isinstance(zero, Traced) or bool(np.any(zero))
    where = operations["where"]
    whole = where(zero, 1.0, y) if corner else y
    if order == 2:
        ratio = where(zero, 0.0, g / whole) if corner else g / whole
        return ratio * conjugate(x)
    sizes = operations["absolute"](x)
    at_zero = undifferentiated(sizes) == 0
    if isinstance(at_zero, Traced) or np.any(at_zero):
        sizes = where(at_zero, 1.0, sizes)
    slope = g * (sizes / whole) ** (order - 1)
    slope = slope * (conjugate(x) / sizes)  # the direction of each element
    return where(zero | at_zero, 0.0, slope) if corner or np.any(at_zero) else slope


def _write_norm(texts: list[str], **parameters: Any) -> str:
    return f"norm({', '.join([*texts, *(f'{name}={show(value)}' for name, value in parameters.items())])})"


def _draw_norm(operands: list[Operand], *, order: Any = 2, axis: Any = None, keepdims: bool = False) -> Box:
    box: Box = Fence(operands[0][0], "‖", "‖")
    if order != 2:
        box = Scripts(box, below=Word(show(order)))
    return box if axis is None or len(axis) > 1 else row(box, Fence(row(Word("axis"), "=", Word(show(axis[0])))))


size = primitive(
    "vector_norm",
    forward=_size,
    vjp=(_size_rule,),
    shape=_size_type,
    analytic=False,
    notation=custom("norm", _write_norm, draw=_draw_norm),
    samples=(
        sample((3,), order=2, axis=(0,), keepdims=False),
        sample((2, 3), order=2, axis=(0, 1), keepdims=False),
        sample((2, 3, 4), order=2, axis=(0, 2), keepdims=True),
        sample((2, 3), order=3, axis=(1,), keepdims=True),
        sample((2, 3), order=0.5, axis=(1,), keepdims=False),
        sample((2, 3), order=-1.5, axis=(0,), keepdims=False),
    ),
)


def _absolute(x: Any) -> Any:
    x = operations["absolute"](x)
    return x if x.dtype.kind == "f" else astype(x, dtype=np.dtype(float))


def _vector(x: Any, order: Any, axis: tuple[int, ...], keepdims: bool) -> Any:
    """The norm of vectors that may lie along several axes."""
    if order is None or order == 2:
        return size(x, order=2, axis=axis, keepdims=keepdims)
    if isinstance(order, str):
        raise ValueError(f"Invalid norm order '{order}' for vectors")
    if order == math.inf:
        return functions[np.max](_absolute(x), axis=axis, keepdims=keepdims)
    if order == -math.inf:
        return functions[np.min](_absolute(x), axis=axis, keepdims=keepdims)
    if order == 1:
        return reduce_sum(_absolute(x), axis=axis, keepdims=keepdims)
    if order == 0:
        count = (undifferentiated(x) != 0).astype(real_of(precision(x.dtype)))
        return np.sum(count, axis=axis, keepdims=keepdims)
    return size(x, order=order, axis=axis, keepdims=keepdims)


# -- matrices ----------------------------------------------------------------------------------------------------------


def _singular_values(x: Any, axis: tuple[int, int]) -> Any:
    """The singular values of matrices along two axes, without a derivative where they are 0."""
    values = svdvals(functions[np.moveaxis](x, axis, (-2, -1)))
    zero = undifferentiated(values) == 0
    return operations["where"](zero, 0.0, values) if isinstance(zero, Traced) or np.any(zero) else values


def _matrix(x: Any, order: Any, axis: tuple[int, int], keepdims: bool) -> Any:
    rows, columns = axis
    if rows == columns:
        raise ValueError("Duplicate axes given.")
    if order is None or order in ("fro", "f"):
        return size(x, order=2, axis=tuple(sorted(axis)), keepdims=keepdims)
    if order in (2, -2, "nuc"):
        values = _singular_values(x, axis)
        last = values.ndim - 1
        if order == "nuc":
            result = reduce_sum(values, axis=(last,), keepdims=False)
        else:
            result = functions[np.max if order == 2 else np.min](values, axis=(last,))
    elif order in (1, -1, math.inf, -math.inf):
        summed, searched = (rows, columns) if abs(order) == 1 else (columns, rows)
        totals = reduce_sum(_absolute(x), axis=(summed,), keepdims=True)
        result = functions[np.max if order > 0 else np.min](totals, axis=tuple(sorted((summed, searched))))
    else:
        raise ValueError("Invalid norm order for matrices.")
    return reshape(result, shape=reduced(x.shape, axis, True)) if keepdims else result


# -- NumPy's functions -------------------------------------------------------------------------------------------------


@stand_in(np.linalg.norm)
def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:  # noqa: A002 NumPy's name
    """The norm of a vector or matrix, as `numpy.linalg.norm`, for every order; the derivative at zero is 0.

    >>> norm(np.array([3.0, 4.0]))
    np.float64(5.0)
    """
    x = as_value(x)
    if axis is None:
        axes = tuple(range(x.ndim))
        if ord is None:
            return size(x, order=2, axis=axes, keepdims=keepdims)
    elif isinstance(axis, tuple | list):
        axes = tuple(normalise_axis(int(a), x.ndim) for a in axis)
    else:
        axes = (normalise_axis(int(axis), x.ndim),)
    if len(axes) == 1:
        return _vector(x, ord, axes, keepdims)
    if len(axes) == 2:
        return _matrix(x, ord, (axes[0], axes[1]), keepdims)
    raise ValueError("Improper number of dimensions to norm.")


@stand_in(np.linalg.vector_norm)
def vector_norm(x: Any, /, *, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Any:  # noqa: A002 NumPy's name
    """The norm of vectors along any axes, as `numpy.linalg.vector_norm`.

    >>> vector_norm(np.array([[3.0, 0.0], [0.0, 4.0]]))
    np.float64(5.0)
    """
    x = as_value(x)
    return _vector(x, ord, tuple(sorted(normalise_axes(axis, x.ndim))), keepdims)


@stand_in(np.linalg.matrix_norm)
def matrix_norm(x: Any, /, *, keepdims: bool = False, ord: Any = "fro") -> Any:  # noqa: A002 NumPy's name
    """The norm of matrices in the last two axes, as `numpy.linalg.matrix_norm`.

    >>> matrix_norm(np.array([[3.0, 0.0], [0.0, 4.0]]))
    np.float64(5.0)
    """
    x = as_value(x)
    if x.ndim < 2:
        raise ValueError("matrix_norm needs an array of at least two dimensions")
    return _matrix(x, ord, (x.ndim - 2, x.ndim - 1), keepdims)


@stand_in(np.linalg.cond)
def cond(x: Any, p: Any = None) -> Any:
    """The condition number of matrices, as `numpy.linalg.cond`.

    >>> cond(np.array([[2.0, 0.0], [0.0, 1.0]]))
    np.float64(2.0)
    """
    x = as_value(x)
    if x.ndim < 2 or not x.size:
        raise np.linalg.LinAlgError("cond is not defined on empty arrays" if x.ndim >= 2 else "cond takes matrices")
    if p is None or p in (2, -2):
        values = svdvals(x)
        return values[..., -1] / values[..., 0] if p == -2 else values[..., 0] / values[..., -1]
    axes = (x.ndim - 2, x.ndim - 1)
    return _matrix(x, p, axes, False) * _matrix(inverse(x), p, axes, False)


gradient_free(np.linalg.matrix_rank)

__all__ = ["cond", "matrix_norm", "norm", "vector_norm"]
