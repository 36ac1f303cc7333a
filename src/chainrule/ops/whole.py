"""Functions without a rule inside programs that are recorded: the whole function is one operation, run as it is.

NumPy functions that answer with plain values, because no gradient passes (`nonzero`, `isclose`, `lexsort`), would put
the answer for one argument into a program that is to run on others. So the call itself is kept. What its result is like
must not change: where a count or a shape depends on the numbers, another one asks for another program.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.guards import GuardFailed, note_error
from chainrule.notation import call
from chainrule.primitive import Primitive, operations
from chainrule.shapes import type_of
from chainrule.trace import bind
from chainrule.traced import Traced, prototype, recorder_of
from chainrule.trees import leaves, rebuild
from chainrule.unwrap import plain

SEVERAL = 2  # any number above 1 marks a tuple result; how long it is, the result itself says


def whole_function(function: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> Any:
    """The result of a function as a recorded operation of the traced values among its arguments.

    Numbers of Python among the results (as of `np.allclose`) are read, and become guards.

    >>> whole_function(np.isclose, (1.0, 1.0), {})
    np.True_
    """
    given = (args, kwargs)
    everything = leaves(given)
    places = [
        place for place, leaf in enumerate(everything) if isinstance(leaf, Traced) and recorder_of(leaf) is not None
    ]
    seen: list[Any] = []  # the result of the first call: its containers, and what kinds its parts are

    def run(*values: Any) -> Any:
        complete = list(everything)
        for place, value in zip(places, values, strict=True):
            complete[place] = _read_only(value)  # a function that writes into an argument is no operation
        own_args, own_kwargs = rebuild(given, complete)
        result = function(*own_args, **own_kwargs)
        parts = [part.copy() if isinstance(part, np.ndarray) else np.asarray(part)[()] for part in leaves(result)]
        if not seen:
            seen.append((result, [type_of(part) for part in parts]))
        elif [type_of(part) for part in parts] != seen[0][1]:
            raise GuardFailed
        return parts[0] if len(parts) == 1 else tuple(parts)

    if not places:
        return function(*args, **kwargs)
    values = [everything[place] for place in places]
    try:
        probe = leaves(run(*map(prototype, values)))  # the operation reads their numbers again whenever it runs
    except Exception as error:
        note_error(f"{getattr(function, '__name__', 'function')}: {error}")
        raise
    if any(part.dtype.kind not in "fciub" for part in probe):
        own_args, own_kwargs = plain(given)  # a text, say: what was read becomes a guard
        return function(*own_args, **own_kwargs)
    name = getattr(function, "__name__", "function")
    record = Primitive(
        name=name,
        forward=run,
        execute=run,
        vjp=None,
        shape=None,
        notation=call(name),
        outputs=1 if len(probe) == 1 else SEVERAL,
        analytic=False,
    )
    made = bind(record, *values)
    answers = [_as_python(part, was) for part, was in zip(leaves(made), leaves(seen[0][0]), strict=True)]
    return rebuild(seen[0][0], answers)


def _read_only(value: Any) -> Any:
    """The same array, into which nobody can write."""
    if not isinstance(value, np.ndarray):
        return value
    view = value.view()
    view.flags.writeable = False
    return view


def _as_python(part: Any, was: Any) -> Any:
    """A part of the result as the function gave it: a truth value or number of Python, if it was one."""
    if type(was) is bool:
        return bool(part)
    if type(was) is int:
        return int(part)
    if type(was) is float:
        return float(part)
    return part


operations["whole_function"] = whole_function
