"""Functions with a derivative of the user's own, and functions whose inner values are computed twice to save memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.api import vjp as pull_through
from chainrule.arguments import function_name, introduce
from chainrule.errors import ArgumentError, GraphError
from chainrule.notation import call
from chainrule.primitive import Primitive
from chainrule.shapes import type_of
from chainrule.trace import bind
from chainrule.traced import Traced, prototype, recorder_of
from chainrule.trees import leaves, rebuild, transform

SEVERAL = 2  # any number above 1 marks a tuple result; how long it is, the result itself says


def _opaque(name: str, run: Callable[..., Any], joint: Callable[..., Any], outputs: int = 1) -> Primitive:
    """An unregistered primitive around a Python function that runs on plain values."""
    return Primitive(
        name=name, forward=run, execute=run, vjp=joint, shape=None, notation=call(name), outputs=outputs, analytic=False
    )


def custom_derivative(f: Callable[..., Any], vjp: Callable[..., Any]) -> Callable[..., Any]:
    """f with a backward rule of yours: `vjp(g, y, *inputs, **keywords)` returns the gradient of each input (None for no
    gradient).

    f runs on plain arrays, so it may call anything (compiled code, SciPy's solvers). The rule is written in NumPy on
    whatever it gets, so that it can be differentiated again; a single input may return its gradient bare. Shapes are
    checked when the rule runs.

    >>> import numpy as np, chainrule as cr
    >>> square = cr.custom_derivative(lambda x: x * x, vjp=lambda g, y, x: g * 2 * x)
    >>> float(cr.grad(square)(3.0))
    6.0
    """
    name = function_name(f)

    def execute(*inputs: Any, **keywords: Any) -> Any:
        result = _call(name, "custom_derivative", f, inputs, keywords)
        if isinstance(result, Traced):
            raise GraphError(
                f"{name} (in custom_derivative) uses a traced value that is not among its arguments, so its gradient would be "
                "lost. Pass it as an argument."
            )
        result = np.asarray(result)
        return result.copy() if result.ndim else result[()]

    def joint(wanted: tuple[bool, ...], g: Any, y: Any, *inputs: Any, **keywords: Any) -> list[Any]:
        given = _call(f"The vjp of {name}", "custom_derivative", vjp, (g, y, *inputs), keywords)
        given = list(given) if isinstance(given, tuple | list) else [given]
        if len(given) != len(inputs):
            raise ArgumentError(
                f"The vjp of {name} returned {len(given)} gradients for {len(inputs)} inputs. Return one for each "
                "(None where there is none)."
            )
        checked = []
        for position, (contribution, value) in enumerate(zip(given, inputs, strict=True)):
            if contribution is None or not wanted[position]:
                checked.append(None)
                continue
            if not isinstance(contribution, Traced):
                contribution = np.array(contribution)[()]
            if np.shape(prototype(contribution)) != np.shape(prototype(value)):
                raise ArgumentError(
                    f"The vjp of {name} returned shape {np.shape(prototype(contribution))} for input {position}, which has "
                    f"shape {np.shape(prototype(value))}. A gradient has the shape of its variable."
                )
            checked.append(contribution)
        return checked

    record = _opaque(name, execute, joint)

    def wrapped(*inputs: Any, **keywords: Any) -> Any:
        return bind(record, *inputs, **keywords)

    return introduce(wrapped, f, name, f.__doc__)


def checkpoint(f: Callable[..., Any]) -> Callable[..., Any]:
    """f without its inner values: they are computed again in the backward pass, which costs time and saves memory.

    Arguments and results may be nested. Traced values that f uses must be among its arguments.

    >>> import numpy as np, chainrule as cr
    >>> block = cr.checkpoint(lambda x: np.sin(np.sin(x)))
    >>> bool(np.isclose(cr.grad(block)(1.0), np.cos(np.sin(1.0)) * np.cos(1.0)))
    True
    """
    name = function_name(f)

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        everything = leaves(args)
        places = [place for place, leaf in enumerate(everything) if isinstance(leaf, _NUMBERS)]
        flat = [everything[place] for place in places]
        shape: list[Any] = []

        def apply(*values: Any) -> Any:
            complete = list(everything)  # with texts and other settings where they were
            for place, value in zip(places, values, strict=True):
                complete[place] = value
            return _call(name, "checkpoint", f, rebuild(args, complete), kwargs)

        def execute(*values: Any) -> Any:
            result = apply(*values)
            parts = leaves(result)
            if any(recorder_of(part) is not None for part in parts):
                shape[:] = [result]
                return tuple(parts)
            if any(isinstance(part, Traced) for part in parts):
                raise GraphError(
                    f"{name} (in checkpoint) uses a traced value that is not among its arguments, so its gradient would be lost. "
                    "Pass it as an argument."
                )
            shape[:] = [result]
            plain = [np.array(part)[()] for part in parts]
            return tuple(plain)

        def joint(wanted: tuple[bool, ...], g: Any, y: Any, *values: Any) -> list[Any]:
            moving = [position for position, want in enumerate(wanted) if want]

            def of_moving(*inner: Any) -> Any:
                complete = list(values)
                for position, value in zip(moving, inner, strict=True):
                    complete[position] = value
                return leaves(apply(*complete))

            _, pullback = pull_through(of_moving, *[values[position] for position in moving])
            filled = [
                np.zeros(np.shape(prototype(p)), type_of(prototype(p)).dtype)[()] if c is None else c
                for c, p in zip(g, y, strict=True)
            ]
            # Rules are written without conjugation, the pullback with it.
            found = pullback([_conjugated(c) for c in filled])
            answers: list[Any] = [None] * len(values)
            for position, gradient in zip(moving, found, strict=True):
                answers[position] = _conjugated(gradient)
            return answers

        if not any(isinstance(leaf, Traced) for leaf in flat):
            return f(*args, **kwargs)
        execute.inlined = True  # pyright: ignore[reportFunctionMemberAccess] recorders record f's operations: see `bind`
        outcome = bind(_opaque(name, execute, joint, outputs=SEVERAL), *flat)
        return rebuild(shape[0], list(outcome))

    return introduce(wrapped, f, name, f.__doc__)


_NUMBERS = (Traced, np.ndarray, np.generic, float, int, complex)


def _call(name: str, verb: str, function: Any, values: Any, keywords: dict[str, Any]) -> Any:
    """Call the user's function on arrays that it cannot overwrite, because the graph keeps them."""
    try:
        return function(*transform(_locked, tuple(values)), **keywords)
    except ValueError as error:
        if "read-only" not in str(error):
            raise
        raise GraphError(
            f"{name} (in {verb}) writes into its argument, whose numbers the backward pass needs (NumPy says: {error}). "
            "Work on a copy of it."
        ) from error


def _locked(value: Any) -> Any:
    if isinstance(value, Traced) or not isinstance(value, np.ndarray):  # a traced array says that it is an array
        return value
    view = value.view()
    view.flags.writeable = False
    return view


def _conjugated(value: Any) -> Any:
    return value.conj() if value.dtype.kind == "c" else value
