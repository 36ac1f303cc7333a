"""What the command line names, found: an expression with values, or a function in a file with its inputs."""

from __future__ import annotations

import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from chainrule.cli.expression import Expression
from chainrule.cli.functions import CallError, closest
from chainrule.cli.values import inputs_of, values_of


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """A function and the arguments to call it with, in the order of its parameters.

    `label` is what to call it in a heading, `source` its text: the statements of an expression, the function of a file.

    >>> target = target_of("(x + y) * z", ["x=-2", "y=5", "z=-4"])
    >>> target.function(**target.arguments)
    -12.0
    """

    function: Callable[..., Any]
    arguments: Mapping[str, Any]
    label: str
    source: str

    @property
    def positional(self) -> tuple[Any, ...]:
        """The arguments as they are passed.

        >>> target_of("x / y", ["y=2", "x=3"]).positional
        (2.0, 3.0)
        """
        return tuple(self.arguments.values())


def target_of(text: str, values: Sequence[str] = (), inputs: Path | None = None) -> Target:
    """The target of a call: `text` is an expression or `FILE.py:FUNCTION`; what `values` say goes before `inputs`.

    Raises `CallError` (exit code 2) where the text, a value or a file cannot be used, and says what to write instead.

    >>> list(target_of("w = x + y; w**2", ["x=1", "y=2"]).arguments)
    ['x', 'y']
    """
    given = inputs_of(inputs) if inputs is not None else {}
    given |= values_of(values)
    file, colon, name = text.rpartition(":")
    if colon and file.strip().lower().endswith(".py"):
        return _in_file(Path(file.strip()), name.strip(), given)
    if text.strip().lower().endswith(".py"):
        path = Path(text.strip())
        names = ", ".join(_functions(_module(path))) if path.is_file() else "FUNCTION"
        raise CallError(f"{path} is a file. Name the function in it: {path}:NAME, with one of {names}.")
    return _expression(text, given)


# -- expressions -------------------------------------------------------------------------------------------------------


def _expression(text: str, given: Mapping[str, Any]) -> Target:
    expression = Expression.of(text, tuple(given))
    if not expression.parameters:
        raise CallError(f'{_short(text)} has no variable to differentiate by. Use names: "x**2" x=3.')
    for name in expression.parameters:
        if name not in given:
            near = closest(name, [one for one in given if one not in expression.parameters])
            guess = f", or is {near} meant?" if near else "."
            raise CallError(f"{name} has no value. Add {name}=1.5 (your number) after the expression{guess}")
    for name in given:
        if name not in expression.parameters:
            occurring = ", ".join(expression.parameters) or "no variables"
            raise CallError(f"{name} has a value and occurs nowhere in the expression, which has {occurring}.")
    arguments = {name: _floating(name, value) for name, value in given.items()}
    return Target(expression.function(tuple(arguments)), arguments, expression.source, expression.source)


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:37] + "...")


def _floating(name: str, value: Any) -> Any:
    if isinstance(value, dict | bool | np.bool_):
        raise CallError(f"{name} is no number or array. In an expression each name is one of the two.")
    if np.asarray(value).dtype.kind == "c":
        raise CallError(f"{name} is complex, and expressions are real. For complex programs use FILE.py:FUNCTION.")
    if np.asarray(value).dtype.kind in "iub":
        return np.asarray(value, dtype=float)[()]
    return value


# -- files -------------------------------------------------------------------------------------------------------------


def _in_file(path: Path, name: str, given: dict[str, Any]) -> Target:
    module = _module(path)
    present = _functions(module)
    if name not in present:
        near = closest(name, present)
        guess = f" Did you mean {near}?" if near else ""
        listed = ", ".join(present) or "none"
        if "." in name:
            raise CallError(
                f"{name} is no function at the top of {path}. Write a function that calls it, and name that."
            )
        if hasattr(module, name):
            raise CallError(
                f"{name} in {path} is no function: it is of type {type(getattr(module, name)).__name__}. Functions: {listed}."
            )
        raise CallError(f"There is no function {name or '(no name)'} in {path}.{guess} Functions: {listed}.")
    function = getattr(module, name)
    arguments = _bound(function, f"{path}:{name}", given)
    try:
        source = inspect.getsource(function)
    except (OSError, TypeError):
        source = ""
    return Target(function, arguments, name, source)


def _module(path: Path) -> ModuleType:
    """The user's own file, run as Python runs a module that is imported; its errors are shown with their own line."""
    if not path.is_file():
        raise CallError(f"There is no file {path}. Check the folder and the spelling.")
    folder = str(path.resolve().parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)  # so that the file can import its neighbours, as when it is run as a script
    name = (
        path.stem
        if path.stem not in sys.modules and path.stem.isidentifier()
        else f"target_{abs(hash(folder))}_{path.stem}"
    )
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise CallError(f"{path} cannot be loaded as Python. Give it the ending .py.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # where dataclasses look for the module of their class
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        sys.modules.pop(name, None)
        raise CallError(f"{path} stops with an error while it is loaded: {own_line(error, path)}") from error
    return module


def own_line(error: BaseException, path: Path) -> str:
    """The line of a file that raised, with its text and the error; for a syntax error the line that cannot be read.

    >>> own_line(ValueError("no"), Path("f.py"))
    'ValueError: no'
    """
    said = f"{type(error).__name__}: {error}".rstrip(": ")
    if isinstance(error, SyntaxError):
        text = f": {error.text.strip()}" if error.text else ""
        return f"{error.filename}, line {error.lineno}{text} — {type(error).__name__}: {error.msg}"
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename[:1] != "<" and Path(frame.filename).resolve() == path.resolve()]
    return f"{path}, line {own[-1].lineno}: {own[-1].line} — {said}" if own else said


def _functions(module: ModuleType) -> list[str]:
    """The functions of a file: what it defines or assigns, not what it imports, unless it imports all it has."""
    callables = {name: thing for name, thing in vars(module).items() if callable(thing) and not name.startswith("__")}
    own = [
        name for name, thing in callables.items() if getattr(thing, "__module__", module.__name__) == module.__name__
    ]
    return sorted(own or callables)


def _bound(function: Callable[..., Any], label: str, given: dict[str, Any]) -> dict[str, Any]:
    """The values in the order of the function's parameters."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        raise CallError(f"{label} does not tell its parameters. Write a function around it: def f(x): ...") from None
    called = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    names = [p.name for p in called]
    for p in parameters:
        if p.kind is p.KEYWORD_ONLY and (p.name in given or p.default is p.empty):
            raise CallError(f"{label} takes {p.name} by keyword only. Let it be positional: remove the * before it.")
    for name in given:
        if name not in names:
            near = closest(name, names)
            guess = f" Did you mean {near}?" if near else ""
            raise CallError(f"{label} has no parameter {name}.{guess} Its parameters: {', '.join(names) or 'none'}.")
    last = max((index for index, p in enumerate(called) if p.name in given or p.default is p.empty), default=-1)
    arguments: dict[str, Any] = {}
    for p in called[: last + 1]:
        if p.name in given:
            arguments[p.name] = _as_annotated(label, p, given[p.name])
        elif p.default is not p.empty:
            arguments[p.name] = p.default
        else:
            raise CallError(
                f"{label} needs a value for {p.name}. Add {p.name}=1.5 (your number), or put it into --inputs FILE."
            )
    return arguments


def _as_annotated(label: str, parameter: inspect.Parameter, value: Any) -> Any:
    """A whole number where the function says `int` or has one as default; the value as it is elsewhere."""
    whole = parameter.annotation in (int, "int") or type(parameter.default) is int
    if not whole or not isinstance(value, float):
        return value
    if parameter.annotation not in (int, "int"):
        return int(value) if value.is_integer() else value
    if not value.is_integer():
        raise CallError(f"{label} takes a whole number as {parameter.name}, and {parameter.name}={value:g} is none.")
    return int(value)
