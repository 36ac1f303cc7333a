"""Searching and counting: where the greatest element is, whether all hold, how many are not zero.

Their results are steps: they are recorded in the graph, and no gradient passes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.numpy_protocol import write_out
from chainrule.ops.structure import as_value
from chainrule.primitive import operations, sample, stand_in
from chainrule.shapes import ArrayType, normalise_axes, normalise_axis, reduced
from chainrule.trace import primitive

# -- over several axes -------------------------------------------------------------------------------------------------

_SEVERAL = (
    sample((2, 3), axis=(0,), keepdims=False),
    sample((2, 3, 4), axis=(0, 2), keepdims=True),
    sample((2, 3), axis=(0, 1), keepdims=False),
    sample((2, 0), axis=(1,), keepdims=False),
    sample((), axis=(), keepdims=False),
)


def _over_axes(name: str, run: Callable[..., Any], dtype: Any) -> Callable[..., Any]:
    return primitive(
        name,
        forward=run,
        vjp=None,
        shape=lambda x, *, axis, keepdims: ArrayType(reduced(x.shape, axis, keepdims), np.dtype(dtype)),
        samples=_SEVERAL,
    )


def _count(x: Any, *, axis: tuple[int, ...], keepdims: bool) -> Any:
    return np.sum(np.not_equal(x, 0), axis=axis, keepdims=keepdims, dtype=np.intp)


all_of = _over_axes("all", lambda x, *, axis, keepdims: np.logical_and.reduce(x, axis=axis, keepdims=keepdims), bool)
any_of = _over_axes("any", lambda x, *, axis, keepdims: np.logical_or.reduce(x, axis=axis, keepdims=keepdims), bool)
count_of = _over_axes("count_nonzero", _count, np.intp)


@stand_in(np.all)
def all(a: Any, axis: Any = None, out: Any = None, keepdims: Any = False, *, where: Any = True) -> Any:  # noqa: A001 NumPy's name
    """Whether all elements over axes are true, as `numpy.all`.

    >>> all(np.array([1.0, 2.0]))
    np.True_
    """
    a = as_value(a)
    if where is not True:
        a = operations["logical_or"](a, operations["logical_not"](where))
    result = all_of(a, axis=normalise_axes(axis, a.ndim), keepdims=_flag(keepdims))
    return write_out(np.all, result, out)


@stand_in(np.any)
def any(a: Any, axis: Any = None, out: Any = None, keepdims: Any = False, *, where: Any = True) -> Any:  # noqa: A001 NumPy's name
    """Whether any element over axes is true, as `numpy.any`.

    >>> any(np.array([0.0, 2.0]))
    np.True_
    """
    a = as_value(a)
    if where is not True:
        a = operations["logical_and"](a, where)
    result = any_of(a, axis=normalise_axes(axis, a.ndim), keepdims=_flag(keepdims))
    return write_out(np.any, result, out)


@stand_in(np.count_nonzero)
def count_nonzero(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    """The number of elements that are not zero, as `numpy.count_nonzero`.

    >>> count_nonzero(np.array([0.0, 2.0]))
    np.int64(1)
    """
    a = as_value(a)
    return count_of(a, axis=normalise_axes(axis, a.ndim), keepdims=keepdims)


def _flag(keepdims: Any) -> bool:
    return keepdims is not np._NoValue and bool(keepdims)


# -- over one axis or all ----------------------------------------------------------------------------------------------


def _place_type(x: ArrayType, *, axis: int | None, keepdims: bool) -> ArrayType:
    return ArrayType(reduced(x.shape, normalise_axes(axis, x.ndim), keepdims), np.dtype(np.intp))


def _place(function: Callable[..., Any]) -> None:
    """Declare one of the four searches and its stand-in."""
    name = function.__name__
    operation = primitive(
        name,
        forward=function,
        vjp=None,
        shape=_place_type,
        complex_input=not name.startswith("nan"),
        samples=(
            sample((3,), axis=0, keepdims=False),
            sample((2, 3), axis=None, keepdims=False),
            sample((2, 3, 4), axis=1, keepdims=True),
            sample((2, 3), axis=None, keepdims=True),
        ),
    )

    @stand_in(function)
    def search(a: Any, axis: Any = None, out: Any = None, *, keepdims: Any = False) -> Any:
        a = as_value(a)
        axis = normalise_axis(int(axis), a.ndim) if axis is not None and a.ndim else axis
        return write_out(function, operation(a, axis=axis, keepdims=_flag(keepdims)), out)

    search.__name__ = name
    search.__doc__ = f"The index found by `numpy.{name}`; no gradient passes."


for _function in (np.argmax, np.argmin, np.nanargmax, np.nanargmin):
    _place(_function)

__all__ = ["all", "any", "count_nonzero"]
