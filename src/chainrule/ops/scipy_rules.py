"""SciPy's ufuncs: how rules for `scipy.special` are declared, and how they are connected when SciPy is first met.

`import chainrule` does not load SciPy. A declaration becomes an operation named `special.<name>` when a traced value meets a ufunc
that nobody knows, since SciPy is loaded by then.
"""

from __future__ import annotations

import math
import sys
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from chainrule.errors import UnsupportedError
from chainrule.notation import call
from chainrule.numpy_protocol import ufunc_loaders
from chainrule.ops.remainders import outputs_type
from chainrule.primitive import operations, sample, ufuncs
from chainrule.shapes import ufunc_type
from chainrule.trace import primitive

Operation = Callable[..., Any]

_declared: dict[str, dict[str, Any]] = {}
_stand_ins: dict[str, Operation] = {}
_lock = threading.Lock()


def special(name: str, *vjp: Any, symbol: str | None = None, joint: bool = False, **properties: Any) -> Operation:
    """Declare the rules of the ufunc `scipy.special.<name>`, one for each input or a joint one; returns the function that applies it.

    >>> callable(special.__call__)
    True
    """
    shown = name.strip("_")
    rules = vjp[0] if joint else vjp or None
    _declared[name] = {"vjp": rules, "notation": call(symbol or rf"\operatorname{{{shown}}}", shown), **properties}

    def apply(*inputs: Any, **parameters: Any) -> Any:
        return operations[f"special.{name}"](*inputs, **parameters)

    return apply


def special_stand_in(name: str) -> Callable[[Operation], Operation]:
    """Decorator: this function answers for the ufunc `scipy.special._ufuncs.<name>`, which a function of SciPy calls.

    >>> callable(special_stand_in("_lambertw"))
    True
    """

    def enter(function: Operation) -> Operation:
        _stand_ins[name] = function
        return function

    return enter


def connect_scipy() -> None:
    """Enter the declared rules under SciPy's ufuncs, if `scipy.special` is loaded; called when a ufunc is met that is not known.

    >>> connect_scipy()
    """
    module = sys.modules.get("scipy.special")
    if module is None:
        return
    with _lock:
        while _declared:
            name, properties = _declared.popitem()
            ufunc = getattr(module._ufuncs, name, None)
            if "forward" not in properties:
                if ufunc is None:
                    continue  # an older SciPy
                properties |= _completed(ufunc, properties)
            operation = primitive(f"special.{name}", **properties)
            if ufunc is not None:
                ufuncs[ufunc] = operation
        while _stand_ins:
            name, function = _stand_ins.popitem()
            ufuncs[getattr(module._ufuncs, name)] = function


def _completed(ufunc: Any, properties: dict[str, Any]) -> dict[str, Any]:
    """What a declaration gets from its ufunc: how it runs, and where that is not enough for the tests, its shape rule and samples."""
    if properties.get("outputs", 1) > 1:
        return {"forward": ufunc, "shape": outputs_type(ufunc), "samples": (sample((2, 3)), sample(()), sample((0, 2)))}
    rules = properties["vjp"] or ()
    refused = [getattr(rule, "refuses", False) for rule in rules]
    if not any(refused):
        return {"forward": ufunc}

    def run(*inputs: Any) -> Any:
        return ufunc(*inputs)

    def maker(shapes: tuple[tuple[int, ...], ...]) -> Callable[[Any], tuple[Any, ...]]:
        def make(rng: np.random.Generator) -> tuple[Any, ...]:
            return tuple(
                rng.integers(math.ceil(low), math.floor(high) + 1, shape) if whole else rng.uniform(low, high, shape)
                for shape, whole, (low, high) in zip(shapes, refused, properties["domain"], strict=True)
            )

        return make

    count = len(rules)
    pairings = (((2, 3),) * count, ((3, 1), *((4,),) * (count - 1)), ((),) * count)
    return {
        "forward": run,
        "shape": partial(ufunc_type, ufunc),
        "elementwise": True,
        "samples": tuple(sample(make=maker(shapes)) for shapes in pairings),
    }


ufunc_loaders.append(connect_scipy)


def without_rule(function: str, argument: str) -> Operation:
    """The rule of an argument, such as the order of a Bessel function, that has a derivative but no rule here: an error.

    >>> without_rule("jv", "v")(1.0, 1.0)
    Traceback (most recent call last):
    ...
    chainrule.errors.UnsupportedError: scipy.special.jv has no derivative rule for its argument v. Make it a plain number with \
cr.stop_gradient(v), or give the function a rule with cr.custom_derivative.
    """

    def rule(*_: Any, **__: Any) -> Any:
        raise UnsupportedError(
            f"scipy.special.{function} has no derivative rule for its argument {argument}. Make it a plain number with "
            f"cr.stop_gradient({argument}), or give the function a rule with cr.custom_derivative."
        )

    rule.refuses = True  # pyright: ignore[reportFunctionMemberAccess] a mark for the samples of the tests
    return rule


def total(terms: list[Any]) -> Any:
    """The sum of the terms that are not None, or None."""
    present = [term for term in terms if term is not None]
    total = present[0] if present else None
    for term in present[1:]:
        total = total + term
    return total


def times(g: Any, factor: Any) -> Any:
    return None if g is None else g * factor
