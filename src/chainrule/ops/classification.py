"""Every function of NumPy in one of three states: it has a rule, its gradient is zero by nature, or it is refused with advice.

A rule or a stand-in is entered where it is declared. Here stands the rest, and the table of everything for the documentation and the
tests: a function that a newer NumPy adds is in no state, which fails a test.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy._core import overrides, umath  # where NumPy lists its functions

from chainrule.numpy_protocol import full_name
from chainrule.primitive import (
    functions,
    gradient_free,
    operations,
    primitives,
    refuse,
    refused,
    ufuncs,
    zero_by_nature,
)

RULE, ZERO, REFUSED, UNCLASSIFIED = "rule", "zero by nature", "refused", "unclassified"

# -- queries: plain answers about shapes, types, memory and text -------------------------------------------------------

gradient_free(
    np.shape,
    np.ndim,
    np.size,
    np.result_type,
    np.min_scalar_type,
    np.can_cast,
    np.may_share_memory,
    np.shares_memory,
    np.array2string,
    np.array_repr,
    np.array_str,
    np.einsum_path,
)

# With like=t these make plain arrays from what is not traced.
gradient_free(np.frombuffer, np.fromfile, np.fromstring, np.loadtxt, np.genfromtxt)

# -- what has no gradient and no plain answer --------------------------------------------------------------------------

refuse(
    "It works on dates, which have no gradient; write t.value for the plain numbers.",
    np.datetime_as_string,
    np.is_busday,
)
refuse(
    "Structured arrays cannot be traced: keep each field in an array of its own, for example in a dictionary.",
    "numpy.lib.recfunctions",
)
# NumPy loads these modules late, and their functions become overridable only then.
refuse("It works on text, which has no gradient; traced values are numbers.", "numpy.char", "numpy.strings")
refuse("Write the sum with powers, for example np.einsum('i,j,ij->', x**i, y**j, c).", "numpy.polynomial.polynomial")

# Stand-ins whose result is a step function of their arguments: they are recorded in the graph, and no gradient passes.
STEPS = frozenset(
    [
        *("all", "any", "count_nonzero", "argmax", "argmin", "nanargmax", "nanargmin", "argsort", "argpartition"),
        *("round", "around", "fix", "ones_like", "zeros_like", "empty_like"),
    ]
)


def _public(function: Any) -> Any:
    """The function under its public name: NumPy lists some twice, once with and once without like=."""
    if getattr(function, "__module__", None) == "numpy" and function not in ufuncs:
        return getattr(np, function.__name__, function)
    return function


def state_of(function: Any) -> tuple[str, str]:
    """The state of a NumPy function or ufunc, and a note: advice where it is refused.

    >>> state_of(np.tanh)[0], state_of(np.argmax)[0], state_of(np.roots)[0]
    ('rule', 'zero by nature', 'refused')
    """
    found = _states(_public(function))
    return found[0] if found else (UNCLASSIFIED, "")


def _states(function: Any) -> list[tuple[str, str]]:
    """All states in which a function stands; one, if nobody made a mistake."""
    states: list[tuple[str, str]] = []
    is_ufunc = isinstance(function, np.ufunc)
    stand_in = ufuncs.get(function) if is_ufunc else functions.get(function)
    if stand_in is not None:
        record = next(
            (
                primitives[name]
                for name, operation in operations.items()
                if operation is stand_in and name in primitives
            ),
            None,
        )
        step = record.vjp is None if record is not None else function.__name__ in STEPS
        states.append((ZERO, "recorded; no gradient passes") if step else (RULE, ""))
    if function in zero_by_nature:
        states.append((ZERO, "answers with plain values"))
    advice = refused.get(function) or refused.get(getattr(function, "__module__", None))
    if advice is not None:
        states.append((REFUSED, advice))
    return states


def overridable() -> list[Any]:
    """All functions and ufuncs of NumPy that a traced value can meet, as far as NumPy has loaded them.

    >>> np.sum in overridable() and np.add in overridable()
    True
    """
    kinds = {value for value in vars(umath).values() if isinstance(value, np.ufunc)}
    return [*overrides.ARRAY_FUNCTIONS, *kinds]


def classification(callables: Iterable[Any] | None = None) -> list[tuple[str, str, str]]:
    """The name, the state and a note of each function, sorted by name; of all that NumPy has, if none are given.

    >>> classification([np.tanh, np.shape])
    [('numpy.shape', 'zero by nature', 'answers with plain values'), ('numpy.tanh', 'rule', '')]
    """
    table = {
        full_name(function): state_of(function) for function in (overridable() if callables is None else callables)
    }
    return sorted((name, state, note) for name, (state, note) in table.items())


__all__ = ["classification"]
