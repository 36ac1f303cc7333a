"""Names for results of the user's own helper functions.

`h = sigmoid(a)` names the last operation inside `sigmoid` only in the caller. While a graph is recorded to be read,
every return of a traced value is therefore looked at, and the name that the caller gives it is kept. Gradients alone do
not pay for this.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from chainrule.source import Place, is_ours
from chainrule.traced import Traced


@contextmanager
def names_of_results() -> Iterator[None]:
    """While this is open, a value that a function returns gets the name of the variable that the caller assigns it to.

    >>> import chainrule as cr
    >>> def square(x):
    ...     return x * x
    >>> def f(x):
    ...     area = square(x)
    ...     return area + 1.0
    >>> [node.name for node in cr.trace(f, 3.0)]
    ['x', 'area', None]
    """
    before = sys.getprofile()
    sys.setprofile(_look)
    try:
        yield
    finally:
        sys.setprofile(before)


def _look(frame: FrameType, event: str, result: Any) -> None:
    if event != "return" or not isinstance(result, Traced) or is_ours(frame.f_code.co_filename):
        return
    if frame.f_code.co_flags & inspect.CO_GENERATOR:
        return  # a yield looks like a return
    caller = frame.f_back
    if caller is None or is_ours(caller.f_code.co_filename):
        return
    name = Place(caller.f_code, caller.f_lasti).name
    while name is not None and isinstance(result, Traced):  # at each level of differentiation
        if result.node.name is None:
            result.node.label = name
        result = result.node.value
