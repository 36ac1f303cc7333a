"""An instruction of the user's code and the frame that runs it in; out, what becomes of the values that arrive there.

Calls differ: `exp(x)` gives what returns, `sum(xs)` gives the last value that returns inside it, `list(map(f, xs))`
something else. So the callable is looked up, where that is possible without running anything of the user's.
"""

from __future__ import annotations

import functools
import inspect
import math
import operator
from dataclasses import dataclass
from types import CodeType, FrameType, ModuleType
from typing import Any

import numpy as np

from chainrule.bytecode import Target, called_path, operation_at, source_call, target
from chainrule.source import NUMPY_DIRECTORY

# Functions in C whose result is what the last call inside them returned: `sum` adds by __add__. They report to a
# profiler; other callables in C (partial, a ufunc) hand on the result of the one call that they make.
_HAND_ON: set[Any] = {sum, abs, round, pow, divmod, getattr, next, functools.reduce, math.prod}
_HAND_ON |= {function for function in vars(operator).values() if inspect.isbuiltin(function)}
SUSPENDING = inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ITERABLE_COROUTINE
_ITERATORS = {map: None, reversed: None, enumerate: 1}  # for whose items a loop calls us; which part of an item it is


@dataclass(frozen=True, slots=True)
class Site:
    """What is known beforehand of an instruction of the user's code.

    >>> Site(Target("y")).target.name
    'y'
    """

    target: Target | None = None  # of its value
    count: int = 0  # into how many variables it unpacks
    pairs: int = 0  # a loop over zip: into how many variables
    calls: bool = False  # whether it is a call
    loops: bool = False  # whether it gets the next item of a loop
    consumes: bool = False  # a call of a class: `list(map(f, x))` makes something else of what f returns


def hands_on(function: Any) -> bool:
    """Whether a function in C returns what the last call inside it returned.

    >>> hands_on(sum), hands_on(max), hands_on(np.add.reduce)
    (True, False, True)
    """
    return function in _HAND_ON or isinstance(getattr(function, "__self__", None), np.ufunc)


def library_name(function: Any) -> str | None:
    """What a function in C is called by a reader; None for those that only fetch something.

    >>> library_name(sum), library_name(next)
    ('sum', None)
    """
    return None if function is next or function is getattr else getattr(function, "__name__", None)


def study(frame: FrameType, code: CodeType, offset: int) -> Site:
    """What becomes of the values that arrive at an instruction.

    >>> import sys
    >>> study(sys._getframe(), (lambda x: x).__code__, 0)
    Site(target=None, count=0, pairs=0, calls=False, loops=False, consumes=False)
    """
    operation = operation_at(code, offset)
    goal = target(code, offset)
    if operation.startswith(("CALL", "PRECALL")):
        consumes = _called_class(frame, called_path(code, offset)) is not None
        return Site(None if consumes else goal, calls=True, consumes=consumes)
    if operation != "FOR_ITER" and not operation.startswith("UNPACK_"):
        return Site(goal)
    path, count = source_call(code, offset)
    loops = operation == "FOR_ITER"
    iterator = _called_class(frame, path)
    pairs = count if iterator is zip and loops else 0
    if iterator in _ITERATORS:
        part = _ITERATORS[iterator]
        goal = goal if part is None else target(code, offset, part, 2)
        goal = None if goal is None or goal.whole else goal
    elif iterator is not None:
        goal, count = None, 0
    return Site(goal, 0 if loops else count, pairs, loops=loops)


def _called_class(frame: FrameType, path: tuple[str, ...] | None) -> type | None:
    """The class that a name stands for, where it is a global name or an attribute of a module."""
    code = frame.f_code
    if path is None or path[0] in code.co_varnames or path[0] in code.co_cellvars or path[0] in code.co_freevars:
        return None
    found = frame.f_globals.get(path[0], frame.f_builtins.get(path[0]))
    for name in path[1:]:
        if not isinstance(found, ModuleType):
            return None
        found = vars(found).get(name)
    return found if isinstance(found, type) else None


def only_looks(frame: FrameType) -> bool:
    """Whether a function of NumPy only collects the arguments in which NumPy looks for __array_function__.

    >>> import sys
    >>> only_looks(sys._getframe())
    False
    """
    code = frame.f_code
    in_c = code.co_filename.startswith(NUMPY_DIRECTORY) and code.co_filename.endswith("multiarray.py")
    return in_c or "dispatcher" in code.co_name or bool(code.co_flags & SUSPENDING)
