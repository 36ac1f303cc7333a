"""Pseudo-inverse and least squares; their derivatives hold while the rank stays the same."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.notation import power
from chainrule.ops.decompositions import svdvals
from chainrule.ops.linalg import adjoint, conjugate, precision
from chainrule.ops.matrix import matmul
from chainrule.ops.spectra import in_triangle, symmetric
from chainrule.ops.structure import as_value, reduce_sum
from chainrule.primitive import operations, sample, stand_in
from chainrule.shapes import ArrayType
from chainrule.trace import primitive
from chainrule.traced import concrete


def _pseudo_rule(g: Any, y: Any, x: Any, *, rcond: Any, hermitian: bool) -> Any:
    rows, columns = x.shape[-2:]
    if hermitian:
        lower = np.tri(columns)
        x = operations["where"](lower == 1, x, adjoint(x))
    total = -(y.mT @ g @ y.mT)
    left = np.eye(rows, dtype=y.dtype) - x @ y  # what x cannot reach, and what it does not see
    right = np.eye(columns, dtype=y.dtype) - y @ x
    total = total + conjugate(left) @ adjoint(g) @ conjugate(y) @ y.mT
    total = total + y.mT @ conjugate(y) @ adjoint(g) @ conjugate(right)
    return in_triangle(total, upper=False) if hermitian else total


def _pseudo_type(x: ArrayType, **_: Any) -> ArrayType:
    return ArrayType((*x.shape[:-2], x.shape[-1], x.shape[-2]), precision(x.dtype))


pseudo_inverse = primitive(
    "pinv",
    forward=lambda x, *, rcond, hermitian: np.linalg.pinv(x, rcond, hermitian),
    vjp=(_pseudo_rule,),
    shape=_pseudo_type,
    analytic=False,
    notation=power("**+"),
    samples=(
        sample((3, 2), rcond=1e-15, hermitian=False),
        sample((2, 2, 4), rcond=1e-15, hermitian=False),
        sample(make=lambda rng: (symmetric(rng, 3, 3),), rcond=1e-15, hermitian=True),
    ),
)


@stand_in(np.linalg.pinv)
def pinv(a: Any, rcond: Any = None, hermitian: bool = False, *, rtol: Any = np._NoValue) -> Any:
    """The pseudo-inverse of matrices, as `numpy.linalg.pinv`; singular values below the bound count as 0.

    >>> pinv(np.array([[2.0], [0.0]]))
    array([[0.5, 0. ]])
    """
    a = as_value(a)
    if rcond is not None and rtol is not np._NoValue:
        raise ValueError("`rtol` and `rcond` can't be both set.")
    bound = rcond if rcond is not None else 1e-15 if rtol is np._NoValue else rtol
    if bound is None:
        bound = np.finfo(precision(a.dtype)).eps * max(a.shape[-2:])
    return pseudo_inverse(a, rcond=concrete(bound), hermitian=bool(hermitian))


def _bound(rcond: Any, a: Any) -> Any:
    if rcond is None:
        return np.finfo(precision(a.dtype)).eps * max(a.shape)
    return np.finfo(precision(a.dtype)).eps if rcond == -1 else rcond


def _least_left(g: Any, y: Any, a: Any, b: Any, *, rcond: Any) -> Any:
    turned = pseudo_inverse(a, rcond=_bound(rcond, a), hermitian=False)
    if b.ndim == 1:
        g, y, b = g[:, None], y[:, None], b[:, None]
    back = turned.mT @ g
    total = -(back @ y.mT)
    rest = b - a @ y
    total = total + conjugate(rest) @ adjoint(g) @ conjugate(turned) @ turned.mT
    unseen = g - a.mT @ back
    return total + turned.mT @ conjugate(y) @ adjoint(unseen)


def _least_right(g: Any, y: Any, a: Any, b: Any, *, rcond: Any) -> Any:
    return pseudo_inverse(a, rcond=_bound(rcond, a), hermitian=False).mT @ g


def _least_type(a: ArrayType, b: ArrayType, *, rcond: Any) -> ArrayType:
    return ArrayType((a.shape[-1], *b.shape[1:]), np.result_type(precision(a.dtype), precision(b.dtype)))


least_solution = primitive(
    "lstsq",
    forward=lambda a, b, *, rcond: np.linalg.lstsq(a, b, rcond)[0],
    vjp=(_least_left, _least_right),
    shape=_least_type,
    analytic=False,
    samples=(
        sample((4, 2), (4,), rcond=None),
        sample((4, 2), (4, 3), rcond=None),
        sample((2, 4), (2, 3), rcond=None),
    ),
)


@stand_in(np.linalg.lstsq)
def lstsq(a: Any, b: Any, rcond: Any = None) -> tuple[Any, Any, Any, Any]:
    """The least-squares solution of a x = b, as `numpy.linalg.lstsq`: solution, residuals, rank, singular values.

    >>> lstsq(np.array([[1.0], [1.0]]), np.array([1.0, 3.0]))[0]
    array([2.])
    """
    a, b = as_value(a), as_value(b)
    _, residuals, rank, _ = np.linalg.lstsq(concrete(a), concrete(b), rcond)
    solution = least_solution(a, b, rcond=concrete(rcond))
    if residuals.size:
        rest = b - matmul(a, solution)
        squares = rest * conjugate(rest)
        if squares.dtype.kind == "c":
            squares = operations["real"](squares)
        residuals = reduce_sum(squares, axis=(0,), keepdims=b.ndim == 1)
    return solution, residuals, rank, svdvals(a)


__all__ = ["lstsq", "pinv"]
