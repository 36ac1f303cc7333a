"""Ordering: sort and partition move numbers, so their derivative moves them back; which number went where is zero by nature.

Equal elements keep their order: where there are ties, the derivative of the first goes to the first place.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from chainrule.errors import UnsupportedError
from chainrule.notation import call
from chainrule.ops.selecting import along_axis, flatten
from chainrule.ops.structure import as_value
from chainrule.primitive import gradient_free, present, refuse, sample, stand_in
from chainrule.shapes import ArrayType, normalise_axis
from chainrule.trace import primitive
from chainrule.traced import concrete, here, undifferentiated

__all__: list[str] = []


def _spaced(*shape: int) -> Any:
    """A maker of arrays whose elements are further apart than the steps of a difference quotient."""
    size = int(np.prod(shape))
    return lambda rng: (rng.permutation(size).reshape(shape) / max(size, 1) + 0.01 * rng.uniform(size=shape),)


def _ranks(x: Any, axis: int) -> Any:
    """At each place, the number of the element in sorted order."""
    return np.argsort(np.argsort(x, axis=axis, kind="stable"), axis=axis, kind="stable")


def _sort_rule(g: Any, y: Any, x: Any, *, axis: int) -> Any:
    return along_axis(g, _ranks(undifferentiated(x), axis), axis)


sort_axis = primitive(
    "sort",
    forward=lambda x, *, axis: np.sort(x, axis=axis, kind="stable"),
    vjp=(_sort_rule,),
    shape=lambda x, *, axis: x,
    notation=call("sort"),
    samples=(
        sample(make=_spaced(5), axis=0),
        sample(make=_spaced(3, 4), axis=0),
        sample(make=_spaced(2, 4, 3), axis=1),
        sample((2, 0), axis=1),
    ),
)


def _partition_rule(g: Any, y: Any, x: Any, *, kth: Any, axis: int) -> Any:
    # The place in y of each rank, read at the rank of each element of x.
    order = np.argsort(undifferentiated(y), axis=axis, kind="stable")
    return along_axis(g, np.take_along_axis(order, _ranks(undifferentiated(x), axis), axis), axis)


partition_axis = primitive(
    "partition",
    forward=lambda x, *, kth, axis: np.partition(x, kth, axis=axis),
    vjp=(_partition_rule,),
    shape=lambda x, *, kth, axis: x,
    notation=call("partition"),
    analytic=False,
    samples=(sample(make=_spaced(7), kth=(3,), axis=0), sample(make=_spaced(3, 6), kth=(1, 4), axis=1)),
)

sorting_order = primitive(
    "argsort",
    forward=lambda x, *, axis: np.argsort(x, axis=axis, kind="stable"),
    vjp=None,
    shape=lambda x, *, axis: ArrayType(x.shape, np.dtype(np.intp)),
    notation=call("argsort"),
    elementwise=False,
    samples=(sample(make=_spaced(5), axis=0), sample(make=_spaced(3, 4), axis=0), sample((2, 0), axis=1)),
)

partition_order = primitive(
    "argpartition",
    forward=lambda x, *, kth, axis: np.argpartition(x, kth, axis=axis),
    vjp=None,
    shape=lambda x, *, kth, axis: ArrayType(x.shape, np.dtype(np.intp)),
    notation=call("argpartition"),
    elementwise=False,
    samples=(sample(make=_spaced(7), kth=(3,), axis=0), sample(make=_spaced(3, 6), kth=(1, 4), axis=1)),
)


def _on_axis(a: Any, axis: Any, order: Any, name: str) -> tuple[Any, int]:
    """The array and its axis; None means the flattened array."""
    if order is not None:
        raise UnsupportedError(
            f"numpy.{name} with order={order!r} is for arrays with fields, which cannot be traced (in {here()}). "
            "Leave order out."
        )
    a = as_value(a)
    if axis is None:
        return flatten(a), 0
    return a, normalise_axis(operator.index(axis), a.ndim)


def _kth(kth: Any, length: int) -> tuple[int, ...]:
    places = np.ravel(np.asarray(concrete(as_value(kth))))
    if places.dtype.kind not in "iu":
        raise TypeError("Partition index must be integer")
    if np.any((places < -length) | (places >= length)):
        raise ValueError(f"kth(={places.tolist()}) out of bounds ({length})")
    return tuple(int(k) % length for k in places)


@stand_in(np.sort)
def sort(a: Any, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None) -> Any:
    """A sorted copy along an axis, as `numpy.sort`.

    >>> sort(np.array([3.0, 1.0, 2.0]))
    array([1., 2., 3.])
    """
    a, axis = _on_axis(a, axis, order, "sort")
    return sort_axis(a, axis=axis)


@stand_in(np.argsort)
def _argsort(a: Any, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None) -> Any:
    a, axis = _on_axis(a, axis, order, "argsort")
    return sorting_order(a, axis=axis)


@stand_in(np.partition)
def _partition(a: Any, kth: Any, axis: Any = -1, kind: str = "introselect", order: Any = None) -> Any:
    a, axis = _on_axis(a, axis, order, "partition")
    return partition_axis(a, kth=_kth(kth, a.shape[axis]), axis=axis)


@stand_in(np.argpartition)
def _argpartition(a: Any, kth: Any, axis: Any = -1, kind: str = "introselect", order: Any = None) -> Any:
    a, axis = _on_axis(a, axis, order, "argpartition")
    return partition_order(a, kth=_kth(kth, a.shape[axis]), axis=axis)


refuse(
    "Sort real numbers with np.sort, or choose an order with np.argsort and take the elements by it.", np.sort_complex
)
gradient_free(
    np.lexsort,
    np.searchsorted,
    np.digitize,
    np.argwhere,
    np.flatnonzero,
    np.nonzero,
    np.unique,
    np.unique_all,
    np.unique_counts,
    np.unique_inverse,
    np.unique_values,
    np.isin,
    *present("in1d"),
    np.intersect1d,
    np.setdiff1d,
    np.setxor1d,
    np.union1d,
    np.unravel_index,
    np.ravel_multi_index,
    np.diag_indices_from,
    np.tril_indices_from,
    np.triu_indices_from,
    np.histogram_bin_edges,
)
