"""The user's arguments in, traced inputs out; and gradients in the user's containers back.

Which arguments are differentiated (`wrt`), whether they can be, what they are called, and that what goes back to the
user belongs to the user: writeable arrays that share memory with nothing.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from chainrule.boundary import lift, lower, next_level
from chainrule.errors import ArgumentError, GraphError, TracedValueError
from chainrule.graph import Node
from chainrule.primitive import operations
from chainrule.traced import Traced, concrete, open_levels, prototype, require_open
from chainrule.trees import leaves, rebuild, transform_with_paths

Wrt = int | str | Sequence[int | str]


def parameter_names(function: Callable[..., Any]) -> tuple[str, ...]:
    """The names of the positional parameters; a variadic one is repeated by its users.

    >>> parameter_names(lambda x, y: x)
    ('x', 'y')
    """
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return ()
    return tuple(p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD))


def function_name(function: Any) -> str:
    """The name of a function for messages.

    >>> function_name(parameter_names)
    'parameter_names'
    """
    return getattr(function, "__name__", None) or type(function).__name__


def introduce(made: Any, f: Any, name: str, about: str | None) -> Any:
    """A function made from f, with a name, a docstring, and f's signature for `inspect`.

    >>> introduce(lambda *args: args, parameter_names, "made", "About it.").__name__
    'made'
    """
    made.__name__ = made.__qualname__ = name
    made.__doc__ = about
    made.__wrapped__ = f
    return made


def locate(
    verb: str, function: Any, wrt: Wrt, names: tuple[str, ...], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> list[int | str]:
    """Where the arguments of `wrt` are: positions among `args`, names among `kwargs`."""
    several = wrt if isinstance(wrt, tuple | list) else (wrt,)
    return [_locate_one(verb, function, one, names, args, kwargs) for one in several]


def _locate_one(
    verb: str, function: Any, one: Any, names: tuple[str, ...], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> int | str:
    called = function_name(function)
    if isinstance(one, str):
        if one in kwargs:
            return one
        if one in names and names.index(one) < len(args):
            return names.index(one)
        given = ", ".join([*names[: len(args)], *kwargs]) or "no arguments"
        raise ArgumentError(
            f"{verb}: wrt={one!r} names no argument of this call of {called}, which was called with {given}. "
            "Use one of these names, or a position."
        )
    if isinstance(one, bool) or not isinstance(one, int | np.integer):
        raise ArgumentError(
            f"{verb}: wrt must be a position, a name or a tuple of them, and is {one!r}. Write wrt=0 or wrt='x'."
        )
    position = int(one) + len(args) if one < 0 else int(one)
    if 0 <= position < len(args):
        return position
    if 0 <= position < len(names) and names[position] in kwargs:
        return names[position]
    raise ArgumentError(
        f"{verb}: wrt={one} is out of range: {called} was called with {len(args)} positional argument"
        f"{'' if len(args) == 1 else 's'}{' (' + ', '.join(names[: len(args)]) + ')' if names and args else ''}. "
        "Count from 0, or use the argument's name."
    )


def argument_name(names: tuple[str, ...], position: int | str) -> str:
    """What an argument is called: its parameter's name, or its position."""
    if isinstance(position, str):
        return position
    return names[position] if position < len(names) else f"argument {position}"


def differentiable(verb: str, path: str, value: Any) -> Any:
    """A leaf as a floating or complex value; an error that names it otherwise."""
    kind = type(value)
    if kind is float:
        return np.float64(value)
    if kind is complex:
        return np.complex128(value)
    if isinstance(value, np.ndarray | np.generic | Traced):
        # np.ma is a module that NumPy loads when it is named for the first time: only subclasses of arrays are asked.
        usual = kind is np.ndarray or not issubclass(kind, np.ndarray)
        if value.dtype.kind in "fc" and (usual or not isinstance(value, np.ma.MaskedArray | np.matrix)):
            return np.asarray(value) if kind is not np.ndarray and issubclass(kind, np.ndarray) else value
        if value.dtype.kind in "iub":
            sort, advice = ("a boolean", "booleans") if value.dtype.kind == "b" else ("an integer", "integers")
            example = "x.astype(float)" if value.ndim else f"{float(concrete(value))!r}"
            raise ArgumentError(
                _undifferentiable(
                    verb,
                    path,
                    f"{sort}{' array' if value.ndim else ''} ({value.dtype}, shape {value.shape})",
                    advice,
                    f"Write {path}.astype(float)" if value.ndim else f"Write {example} instead.",
                )
            )
        raise ArgumentError(
            _undifferentiable(
                verb,
                path,
                f"{_with_article(kind.__name__)} of dtype {value.dtype}",
                "such values",
                "Convert it to an array of float64 first.",
            )
        )
    if kind is bool or kind is int:
        sort, plural = ("a boolean", "booleans") if kind is bool else ("an integer", "integers")
        dtype = "bool" if kind is bool else "int64"
        raise ArgumentError(
            _undifferentiable(
                verb,
                path,
                f"{sort} ({dtype}, shape ())",
                plural,
                f"Write {float(value)!r} instead of {value!r}, or x.astype(float) for an array.",
            )
        )
    raise ArgumentError(
        _undifferentiable(
            verb,
            path,
            _with_article(f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins.")),
            "such values",
            "Leave it out of wrt, or pass numbers, arrays, or containers of them.",
        )
    )


def _with_article(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def _undifferentiable(verb: str, path: str, sort: str, plural: str, advice: str) -> str:
    advice = advice if advice.endswith(".") else advice + "."
    return (
        f"{verb} cannot differentiate with respect to {path}: it is {sort}, and {plural} have no derivative. {advice}"
    )


def lift_argument(verb: str, name: str, tree: Any, level: int, locked: list[Any] | None) -> tuple[Any, list[Traced]]:
    """An argument with each leaf traced, and the traced leaves, which nobody can overwrite while the graph needs them.

    With a list `locked`, arrays are made read-only and entered there, for `unlock` after the pass: that costs nothing.
    Without it they are copied, for pullbacks that outlive the call.
    """
    lifted: list[Traced] = []
    append = lifted.append

    def lift_leaf(path: str, value: Any) -> Traced:
        if type(value) is not np.ndarray or value.dtype.kind != "f":
            value = differentiable(verb, path, value)
        if type(value) is np.ndarray:
            if locked is None or value.base is not None:
                value = value.copy(order="K")
            elif (flags := value.flags).writeable:
                flags.writeable = False
                locked.append(value)
        leaf = lift(value, path, level)
        append(leaf)
        return leaf

    return transform_with_paths(lift_leaf, tree, name), lifted


def unlock(locked: list[Any]) -> None:
    """Make arrays writeable again that `lift_argument` locked."""
    for array in locked:
        array.flags.writeable = True


def hand_over(values: Iterable[Any], nodes: Sequence[Node], taken: Iterable[Any] = ()) -> list[Any]:
    """Gradients as the user's own: zeros where nothing arrived, copies where memory is shared, the container of the
    input."""
    seen = {id(value) for value in taken}
    results: list[Any] = []
    for value, node in zip(values, nodes, strict=True):
        original = node.value
        if type(value) is type(original) is np.ndarray:
            if value.base is not None or id(value) in seen or not value.flags.writeable:
                value = value.copy()
            seen.add(id(value))
            results.append(value)
            continue
        original = prototype(original)
        if value is None:
            value = np.zeros(original.shape, original.dtype)
            value = value if isinstance(original, np.ndarray) else value[()]
        elif not isinstance(value, Traced):
            if isinstance(original, np.ndarray) and not isinstance(value, np.ndarray):
                value = np.array(value)
            elif isinstance(value, np.ndarray):
                flags = value.flags
                if value.base is not None or not flags.writeable or not flags.owndata or id(value) in seen:
                    value = value.copy()
                if not isinstance(original, np.ndarray):
                    value = value[()]
        else:
            require_open(value)
            if isinstance(original, np.ndarray) != isinstance(value, np.ndarray):
                # An array without axes, or a number, as the input is: a program that is recorded gives what this is.
                value = operations["copy"](value) if isinstance(original, np.ndarray) else value[()]
        seen.add(id(value))
        results.append(value)
    return results


def call_user(
    verb: str, function: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any], locked: Sequence[Any]
) -> Any:
    """Call the user's function; NumPy's wrapping of our error about a lost gradient is taken off again."""
    try:
        return function(*args, **kwargs)
    except (ValueError, TypeError) as error:
        cause = error.__cause__
        if isinstance(cause, TracedValueError) and not isinstance(error, TracedValueError):
            raise cause from None
        if locked and "read-only" in str(error):
            raise GraphError(
                f"{function_name(function)} writes into an array that {verb} is differentiating (NumPy says: {error}). The backward pass "
                "needs its numbers as they were. Write into a copy, or compute a new array."
            ) from error
        raise


class Run:
    """One traced call: the lifted inputs, what the function returned, and its nodes at this level."""

    __slots__ = ("groups", "leaves", "level", "locked", "nodes", "result")

    def __init__(
        self,
        verb: str,
        function: Any,
        places: list[int | str],
        names: tuple[str, ...],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        own: bool = False,
    ) -> None:
        self.level = next_level()
        self.locked: list[Any] = []
        self.groups: list[tuple[Any, int]] = []
        self.leaves: list[Traced] = []
        given: list[Any] = list(args)
        named = dict(kwargs) if kwargs else kwargs
        open_levels.add(self.level)
        try:
            for place in places:
                tree = named[place] if isinstance(place, str) else given[place]
                name = argument_name(names, place)
                lifted, traced = lift_argument(verb, name, tree, self.level, None if own else self.locked)
                if isinstance(place, str):
                    named[place] = lifted
                else:
                    given[place] = lifted
                self.groups.append(
                    (lifted, len(traced))
                )  # the lifted one: a pullback must not keep the caller's arrays alive
                self.leaves.extend(traced)
            self.nodes = [leaf.node for leaf in self.leaves]
            self.result = call_user(verb, function, given, named, self.locked)
        except BaseException:
            unlock(self.locked)
            raise
        finally:
            open_levels.discard(self.level)

    def __enter__(self) -> Run:
        return self

    def __exit__(self, *_: object) -> None:
        unlock(self.locked)

    def outputs(self) -> tuple[list[Any], list[Node | None]]:
        """The leaves of the result at the level below, and their nodes."""
        values, nodes = [], []
        for leaf in leaves(self.result):
            value, node = lower(leaf, self.level)
            require_open(value)
            values.append(value)
            nodes.append(node)
        return values, nodes

    def arrange(self, gradients: Sequence[Any]) -> list[Any]:
        """Flat gradients in the containers of the arguments, one for each argument of `wrt`."""
        arranged, start = [], 0
        for tree, count in self.groups:
            arranged.append(rebuild(tree, list(gradients[start : start + count])))
            start += count
        return arranged
