"""Products of three-dimensional vectors, and chains of matrix products."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.errors import ShapeError
from chainrule.notation import infix
from chainrule.numpy_protocol import write_out
from chainrule.ops.matrix import matmul
from chainrule.ops.structure import as_value, reshape
from chainrule.primitive import functions, sample, stand_in
from chainrule.shapes import ArrayType, broadcast
from chainrule.trace import primitive

# -- the cross product -------------------------------------------------------------------------------------------------


def _cross_type(a: ArrayType, b: ArrayType) -> ArrayType:
    if a.shape[-1:] != (3,) or b.shape[-1:] != (3,):
        raise ValueError(f"cross: the vectors have {a.shape[-1:]} and {b.shape[-1:]} elements; both need 3")
    return broadcast(a, b)


cross_operation = primitive(
    "cross",
    forward=np.linalg.cross,
    vjp=(lambda g, y, a, b: cross_operation(b, g), lambda g, y, a, b: cross_operation(g, a)),
    shape=_cross_type,
    notation=infix(r"\times", 20, "×"),
    multilinear=True,
    samples=(sample((3,), (3,)), sample((2, 3), (3,)), sample((4, 1, 3), (2, 3)), sample((0, 3), (3,))),
)


def _with_three(x: Any) -> Any:
    """A vector of the plane as a vector of space."""
    if x.shape[-1] == 3:
        return x
    return functions[np.concatenate]([x, np.zeros((*x.shape[:-1], 1), x.dtype)], axis=-1)


@stand_in(np.cross)
def cross(a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None) -> Any:
    """The cross product of vectors, as `numpy.cross`; vectors of length 2 lie in the plane.

    >>> cross(np.array([1.0, 0.0, 0.0]), np.array([0.0, 1.0, 0.0]))
    array([0., 0., 1.])
    """
    if axis is not None:
        axisa, axisb, axisc = axis, axis, axis
    a, b = as_value(a), as_value(b)
    if not a.ndim or not b.ndim:
        raise ShapeError(f"cross takes vectors; the shapes are {a.shape} and {b.shape}. Numbers are multiplied with *.")
    a = functions[np.moveaxis](a, axisa, -1) if a.ndim > 1 else a
    b = functions[np.moveaxis](b, axisb, -1) if b.ndim > 1 else b
    if a.shape[-1] not in (2, 3) or b.shape[-1] not in (2, 3):
        raise ShapeError(
            f"cross takes vectors of length 2 or 3 along its axes; the lengths are {a.shape[-1]} and {b.shape[-1]}."
        )
    if a.shape[-1] == b.shape[-1] == 2:
        return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
    result = cross_operation(_with_three(a), _with_three(b))
    return functions[np.moveaxis](result, -1, axisc) if result.ndim > 1 else result


@stand_in(np.linalg.cross)
def linalg_cross(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    """The cross product of vectors of length 3, as `numpy.linalg.cross`.

    >>> linalg_cross(np.array([1.0, 0.0, 0.0]), np.array([0.0, 1.0, 0.0]))
    array([0., 0., 1.])
    """
    x1, x2 = as_value(x1), as_value(x2)
    if x1.shape[axis] != 3 or x2.shape[axis] != 3:
        raise ShapeError(
            f"linalg.cross takes vectors of length 3 along axis {axis}; the shapes are {x1.shape} and {x2.shape}."
        )
    return cross(x1, x2, axis=axis)


# -- chains of products ------------------------------------------------------------------------------------------------


def _best_splits(lengths: Sequence[int]) -> dict[tuple[int, int], int]:
    """Where to split each sub-chain of matrices so that the fewest numbers are multiplied; matrix i is lengths[i] × lengths[i + 1]."""
    count = len(lengths) - 1
    cost = {(i, i): 0 for i in range(count)}
    split: dict[tuple[int, int], int] = {}
    for width in range(1, count):
        for i in range(count - width):
            j = i + width
            price = {k: cost[i, k] + cost[k + 1, j] + lengths[i] * lengths[k + 1] * lengths[j + 1] for k in range(i, j)}
            split[i, j] = min(price, key=lambda k: price[k])
            cost[i, j] = price[split[i, j]]
    return split


@stand_in(np.linalg.multi_dot)
def multi_dot(arrays: Sequence[Any], *, out: Any = None) -> Any:
    """The product of a chain of matrices in the cheapest order, as `numpy.linalg.multi_dot`; the ends may be vectors.

    >>> multi_dot([np.ones((2, 3)), np.ones((3, 4)), np.ones(4)])
    array([12., 12.])
    """
    chain = [as_value(array) for array in arrays]
    if len(chain) < 2:
        raise ValueError("Expecting at least two arrays.")
    starts_flat, ends_flat = chain[0].ndim == 1, chain[-1].ndim == 1
    if starts_flat:
        chain[0] = reshape(chain[0], shape=(1, chain[0].size))
    if ends_flat:
        chain[-1] = reshape(chain[-1], shape=(chain[-1].size, 1))
    for matrix in chain:
        if matrix.ndim != 2:
            raise np.linalg.LinAlgError(f"{matrix.ndim}-dimensional array given. Array must be two-dimensional")
    split = _best_splits([chain[0].shape[0], *(matrix.shape[1] for matrix in chain)])

    def product(i: int, j: int) -> Any:
        return chain[i] if i == j else matmul(product(i, split[i, j]), product(split[i, j] + 1, j))

    result = product(0, len(chain) - 1)
    if starts_flat and ends_flat:
        result = result[0, 0]
    elif starts_flat or ends_flat:
        result = reshape(result, shape=(result.size,))
    return result if out is None else write_out(np.linalg.multi_dot, result, out)


__all__ = ["cross", "linalg_cross", "multi_dot"]
