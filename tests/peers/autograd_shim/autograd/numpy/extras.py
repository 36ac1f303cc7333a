"""What autograd.numpy has beyond NumPy: traced values inside of lists, and its own names."""

import numpy as np

from .. import pytrees
from ..engine import is_traced, plain


def _has_traced(value):
    return isinstance(value, (list, tuple)) and any(map(is_traced, pytrees.leaves(value)))


def array(value, *args, **kwargs):
    """numpy.array, which may hold traced elements: it is the one function that NumPy lets no engine answer."""
    if _has_traced(value):
        return np.stack([array(element) for element in value])
    return np.copy(value) if is_traced(value) else np.array(value, *args, **kwargs)


def _of_lists(function):
    def on_arrays(*args, **kwargs):
        return function(*(array(arg) if _has_traced(arg) else arg for arg in args), **kwargs)

    on_arrays.__name__ = function.__name__
    return on_arrays


mean, std, var, append = map(_of_lists, (np.mean, np.std, np.var, np.append))


def where(condition, *args, **kwargs):
    """numpy.where with autograd's keywords, and with its result type for Python values."""
    if not args and not kwargs:
        return np.where(condition)
    x = args[0] if args else kwargs["x"]
    y = args[1] if len(args) > 1 else kwargs["y"]
    if isinstance(condition, bool) and isinstance(x, (int, float, list)) and isinstance(y, (int, float, list)):
        return x if condition else y
    return np.where(condition, x, y)


def make_diagonal(D, offset=0, axis1=0, axis2=1):
    """Diagonal matrices with the vectors along the last axis on their diagonals."""
    if (offset, axis1, axis2) != (0, -1, -2):
        raise NotImplementedError("only offset=0, axis1=-1, axis2=-2")
    return D[..., None] * np.eye(D.shape[-1])


row_stack = np.vstack


class int64(np.int64):
    """numpy.int64, which also takes traced values: rounding towards zero has no gradient, so the result is plain."""

    def __new__(cls, value=0):
        return np.int64(plain(value))


def _parts(index):
    return index if isinstance(index, tuple) else (index,)


class _Rows:
    def __getitem__(self, index):
        return np.concatenate(
            [np.r_[part] if isinstance(part, slice) else np.atleast_1d(part) for part in _parts(index)]
        )


class _Columns:
    def __getitem__(self, index):
        return np.concatenate([part[:, None] if np.ndim(part) == 1 else part for part in _parts(index)], axis=-1)


r_ = _Rows()
c_ = _Columns()
