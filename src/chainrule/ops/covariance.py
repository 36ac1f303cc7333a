"""Covariance and correlation matrices, as matrix products of centred observations."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from chainrule.ops.averages import average
from chainrule.ops.choice import clip
from chainrule.ops.complex_parts import conjugate, imaginary_part, real_part
from chainrule.ops.matrix import matmul
from chainrule.ops.power import sqrt
from chainrule.ops.structure import as_dtype, as_value, reduce_sum, transpose_all
from chainrule.primitive import functions, stand_in
from chainrule.traced import concrete, undifferentiated


def _as_rows(m: Any, rowvar: bool, dtype: Any) -> Any:
    rows = as_dtype(functions[np.atleast_2d](m), dtype)
    return rows if rowvar or m.ndim == 1 else transpose_all(rows)


@stand_in(np.cov)
def cov(
    m: Any,
    y: Any = None,
    rowvar: bool = True,
    bias: bool = False,
    ddof: Any = None,
    fweights: Any = None,
    aweights: Any = None,
    *,
    dtype: Any = None,
) -> Any:
    """The covariance matrix of variables in rows, as `numpy.cov`.

    >>> cov(np.array([[0.0, 1.0, 2.0], [2.0, 1.0, 0.0]]))
    array([[ 1., -1.],
           [-1.,  1.]])
    """
    if ddof is not None and ddof != int(ddof):
        raise ValueError("ddof must be integer")
    m = as_value(m)
    y = None if y is None else as_value(y)
    if m.ndim > 2 or (y is not None and y.ndim > 2):
        raise ValueError(f"{'m' if m.ndim > 2 else 'y'} has more than 2 dimensions")
    if dtype is None:
        dtype = np.result_type(m.dtype, np.float64, *([] if y is None else [y.dtype]))
    rows = _as_rows(m, rowvar, dtype)
    if y is not None:
        rows = functions[np.concatenate]((rows, _as_rows(y, rowvar, dtype)), axis=0)
    if ddof is None:
        ddof = 0 if bias else 1
    weights, balance = _weights(rows.shape[1], fweights, aweights)
    centre, total = average(rows, axis=1, weights=weights, returned=True)
    if weights is None:
        freedom = rows.shape[1] - ddof
    elif ddof == 0:
        freedom = total[0]
    elif aweights is None:
        freedom = total[0] - ddof
    else:
        freedom = total[0] - ddof * reduce_sum(weights * balance, axis=(0,), keepdims=False) / total[0]
    if undifferentiated(freedom) <= 0:
        warnings.warn("Degrees of freedom <= 0 for slice", RuntimeWarning, stacklevel=2)
        freedom = np.float64(0.0)
    centred = rows - centre[:, None]
    weighted = centred if weights is None else centred * weights
    other = transpose_all(weighted)
    product = matmul(centred, conjugate(other) if other.dtype.kind == "c" else other)
    return functions[np.squeeze](product * (1 / as_value(freedom)))


def _weights(length: int, fweights: Any, aweights: Any) -> tuple[Any, Any]:
    """Repetitions times reliabilities, and the reliabilities alone."""
    for name, given in (("fweights", fweights), ("aweights", aweights)):
        if given is None:
            continue
        plain = np.asarray(concrete(given), dtype=float)
        if plain.ndim > 1:
            raise RuntimeError(f"cannot handle multidimensional {name}")
        if plain.shape[0] != length:
            raise RuntimeError(f"incompatible numbers of samples and {name}")
        if np.any(plain < 0):
            raise ValueError(f"{name} cannot be negative")
        if name == "fweights" and np.any(plain != np.around(plain)):
            raise TypeError("fweights must be integer")
    if fweights is not None:
        fweights = as_dtype(as_value(fweights), np.float64)
    if aweights is not None:
        aweights = as_dtype(as_value(aweights), np.float64)
    if fweights is None:
        return aweights, aweights
    return (fweights if aweights is None else fweights * aweights), aweights


@stand_in(np.corrcoef)
def corrcoef(x: Any, y: Any = None, rowvar: bool = True, *, dtype: Any = None) -> Any:
    """The matrix of Pearson's correlation coefficients of variables in rows, as `numpy.corrcoef`.

    >>> corrcoef(np.array([[0.0, 1.0, 2.0], [2.0, 1.0, 0.0]]))
    array([[ 1., -1.],
           [-1.,  1.]])
    """
    matrix = cov(x, y, rowvar, dtype=dtype)
    if matrix.ndim == 0:
        return matrix / matrix
    deviations = sqrt(real_part(functions[np.diagonal](matrix)))
    matrix = matrix / deviations[:, None] / deviations[None, :]
    limited = clip(real_part(matrix), -1.0, 1.0)
    return limited + clip(imaginary_part(matrix), -1.0, 1.0) * 1j if matrix.dtype.kind == "c" else limited


__all__ = ["corrcoef", "cov"]
