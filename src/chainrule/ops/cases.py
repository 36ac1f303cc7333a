"""Cases: select and piecewise, functions that are put together from several by conditions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.ops.choice import where_chosen
from chainrule.ops.comparison import logical_not, logical_or
from chainrule.ops.structure import as_dtype, as_value, broadcast_to
from chainrule.primitive import operations, stand_in
from chainrule.traced import concrete, prototype


def _number_or_array(choice: Any) -> Any:
    return choice if type(choice) in (int, float, complex) else as_value(choice)


@stand_in(np.select)
def select(condlist: Sequence[Any], choicelist: Sequence[Any], default: Any = 0) -> Any:
    """Elements of the first choice whose condition holds, as `numpy.select`; what is not taken has gradient 0.

    >>> x = np.array([-2.0, 0.5, 3.0])
    >>> select([x < 0, x < 1], [-x, x * x], default=1.0)
    array([2.  , 0.25, 1.  ])
    """
    if len(condlist) != len(choicelist):
        raise ValueError("list of cases must be same length as list of conditions")
    if not len(condlist):
        raise ValueError("select with an empty condition list is not possible")
    conditions = [as_value(condition) for condition in condlist]
    for position, condition in enumerate(conditions):
        if condition.dtype != np.bool_:
            raise TypeError(f"invalid entry {position} in condlist: should be boolean ndarray")
    choices = [_number_or_array(choice) for choice in (*choicelist, default)]
    dtype = np.result_type(
        *(concrete(choice) if type(choice) in (int, float, complex) else choice.dtype for choice in choices)
    )
    result = as_dtype(as_value(choices[-1]), dtype)
    for condition, choice in zip(reversed(conditions), reversed(choices[:-1]), strict=True):
        result = where_chosen(condition, as_dtype(as_value(choice), dtype), result)
    return result


@stand_in(np.piecewise)
def piecewise(x: Any, condlist: Any, funclist: Sequence[Any], *args: Any, **kw: Any) -> Any:
    """A function in pieces, each with its condition, as `numpy.piecewise`; a last function more is for all other elements.

    Each function gets only the elements that it is for, so what it does elsewhere does not matter.

    >>> piecewise(np.array([-2.0, 3.0]), [np.array([True, False])], [lambda v: -v, lambda v: v * v])
    array([2., 9.])
    """
    x = as_value(x)
    if np.isscalar(prototype(condlist)) or (x.ndim and not isinstance(prototype(condlist[0]), list | np.ndarray)):
        condlist = [condlist]
    conditions = [_broadcast(as_value(condition), x) for condition in condlist]
    if len(funclist) == len(conditions) + 1:
        covered = conditions[0]
        for condition in conditions[1:]:
            covered = logical_or(covered, condition)
        conditions.append(logical_not(covered))
    elif len(funclist) != len(conditions):
        raise ValueError(
            f"with {len(conditions)} condition(s), either {len(conditions)} or {len(conditions) + 1} functions are expected"
        )
    result: Any = np.zeros(x.shape, x.dtype)
    for condition, function in zip(conditions, funclist, strict=True):
        if not callable(function):
            result = where_chosen(condition, as_dtype(as_value(function), x.dtype), result)
            continue
        chosen = operations["getitem"](x, condition)
        if chosen.size:
            result = operations["setitem"](result, condition, function(chosen, *args, **kw))
    return result


def _broadcast(condition: Any, x: Any) -> Any:
    condition = as_dtype(condition, np.bool_)
    return condition if condition.shape == x.shape else broadcast_to(condition, shape=x.shape)


__all__ = ["piecewise", "select"]
