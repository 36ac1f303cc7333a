"""Text of the command line in, a function of its names out, without running the text as Python.

The text is parsed, each piece of its syntax tree is looked up in a table of what is allowed, and what is allowed becomes
a list of steps for a stack: no attribute, no import, no call but known functions, and no depth that recursion would feel.
When the steps run, each operation is called from a frame that belongs to the expression: it has a line, and it stores the
result under the name on the left of `=`. So graphs, errors and derivations show the names and lines of the expression
as they do for a function in a file.
"""

from __future__ import annotations

import ast
import linecache
import re
import textwrap
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from inspect import Parameter, Signature
from types import CodeType, FunctionType
from typing import Any

import numpy as np

from chainrule.cli.functions import CONSTANTS, CallError
from chainrule.cli.steps import Step, steps_of
from chainrule.cli.text import SourceText

FILENAME = "<expression>"
MOST_NODES = 10_000
MOST_CHARACTERS = 100_000


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement: the name it assigns (None for a bare result), its steps, its line counted from 1, its text."""

    name: str | None
    steps: tuple[Step, ...]
    line: int
    text: str


@dataclass(frozen=True, slots=True)
class Expression:
    """A checked expression: its statements, and the names that need a value, in order of appearance.

    >>> expression = Expression.of("q = x + y; q * z")
    >>> expression.parameters
    ('x', 'y', 'z')
    >>> expression.function()(x=-2.0, y=5.0, z=-4.0)
    -12.0
    """

    text: str
    statements: tuple[Statement, ...]
    parameters: tuple[str, ...]

    @classmethod
    def of(cls, text: str, given: Sequence[str] = ()) -> Expression:
        """The expression in a text of one or more statements, parted by `;` or new lines.

        The last statement is the result, those before it assign names. Names among `given` have values, so that `e` or
        `pi` may be variables; otherwise they are the constants. Raises `CallError` with what to write instead.
        """
        text = textwrap.dedent(text).strip()
        tree = _parse(text)
        source = SourceText(text)
        statements: list[Statement] = []
        parameters: dict[str, None] = {}
        assigned: set[str] = set()
        constants = {name: value for name, value in CONSTANTS.items() if name not in given}
        for line, statement in enumerate(tree.body, start=1):
            last = line == len(tree.body)
            name, value = _assignment(statement, source, last)
            steps, read = steps_of(value, source, constants, assigned | set(given))
            parameters |= {one: None for one in read if one not in assigned}
            if name is not None:
                assigned.add(name)
            statements.append(Statement(name, steps, line, source.part(statement)))
        return cls(text, tuple(statements), tuple(parameters))

    def function(self, parameters: Sequence[str] | None = None) -> Callable[..., Any]:
        """The expression as a function with these parameters (default: the names that need a value).

        >>> Expression.of("x / y").function(("y", "x"))(2.0, 6.0)
        3.0
        """
        names = tuple(self.parameters if parameters is None else parameters)
        frames = [(statement, *_frames(statement)) for statement in self.statements]
        source = self.source
        lines = source.splitlines(keepends=True)
        signature = Signature([Parameter(name, Parameter.POSITIONAL_OR_KEYWORD) for name in names])
        taken = {*names, *(statement.name for statement in self.statements)}

        def run(*args: Any, **kwargs: Any) -> Any:
            values = dict(signature.bind(*args, **kwargs).arguments)
            linecache.cache[FILENAME] = (len(source), None, lines, FILENAME)
            result: Any = None
            for statement, inner, outer in frames:
                result = _run(statement.steps, values, inner, outer)
                if statement.name is not None:
                    values[statement.name] = result
            return result

        run.__name__ = run.__qualname__ = next(name for name in ("f", "F", "result", "the_result") if name not in taken)
        run.__doc__ = source
        run.__signature__ = signature
        run.__dict__["__wrapped__"] = frames[0][1]  # so that nobody who asks for the program's text is shown this file
        return run

    @property
    def source(self) -> str:
        """The statements, one a line.

        >>> print(Expression.of("q = x + y;   q**2").source)
        q = x + y
        q**2
        """
        return "\n".join(statement.text for statement in self.statements)


# -- running -----------------------------------------------------------------------------------------------------------


def _inner(operation: Callable[..., Any], values: list[Any], options: Mapping[str, Any]) -> Any:
    return operation(*values, **options)


def _outer(operation: Callable[..., Any], values: list[Any], options: Mapping[str, Any]) -> Any:
    result = operation(*values, **options)
    return result  # noqa: RET504 the variable is what this function is for: it is renamed below


def _frames(statement: Statement) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Who calls an operation inside the statement, and who calls the last one, whose result has the statement's name.

    Both are the functions above with the file, the line and the variable of the expression written over theirs: places
    (`source.Place`) are read from the code object of the caller.
    """

    def placed(code: CodeType, **changes: Any) -> Callable[..., Any]:
        first = statement.line - 1  # the body is one line below the `def`
        placed = code.replace(co_filename=FILENAME, co_name=FILENAME, co_firstlineno=first, **changes)
        return FunctionType(placed, {})

    inner = placed(_inner.__code__)
    if statement.name is None:
        return inner, inner
    *others, _ = _outer.__code__.co_varnames
    return inner, placed(_outer.__code__, co_varnames=(*others, statement.name))


def _run(steps: tuple[Step, ...], values: Mapping[str, Any], inner: Any, outer: Any) -> Any:
    """The steps on a stack; a jump goes to the step with that number."""
    stack: list[Any] = []
    position = 0
    while position < len(steps):
        step = steps[position]
        position += 1
        if step.kind == "push":
            stack.append(step.payload)
        elif step.kind == "load":
            stack.append(values[step.payload])
        elif step.kind == "apply":
            start = len(stack) - step.count
            stack[start:] = [(outer if step.outermost else inner)(step.payload, stack[start:], step.options)]
        elif step.kind == "jump":
            position = step.count
        else:
            leaves = _truth(stack[-1], step) == (step.kind == "or")
            if leaves:
                position = step.count
            if not leaves or step.kind == "unless":
                stack.pop()
    (result,) = stack
    return result


def _truth(value: Any, step: Step) -> bool:
    try:
        return bool(value)
    except ValueError:
        raise CallError(
            f"The condition {step.payload!r} is an array of shape {np.shape(value)}, which is neither true nor false as a whole. "
            "Write where(condition, a, b), which chooses element by element."
        ) from None


# -- parsing -----------------------------------------------------------------------------------------------------------


def _parse(text: str) -> ast.Module:
    """The syntax tree of a text, or an error that says what the text should have been."""
    if not text:
        raise CallError('The expression is empty. Write one, such as "(x + y) * z" x=-2 y=5 z=-4.')
    if len(text) > MOST_CHARACTERS:
        raise CallError(
            f"The expression has {len(text)} characters, and {MOST_CHARACTERS} are allowed. Put the program into a file and "
            "name it: FILE.py:FUNCTION."
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about spellings that the table of what is allowed refuses anyway
            tree = ast.parse(text)
    except (RecursionError, MemoryError):
        raise CallError(
            "The expression is nested too deeply to be read. Name its parts: a = ...; b = ...; a + b."
        ) from None
    except SyntaxError as error:
        raise CallError(_advice(text, error)) from None
    except ValueError:  # null bytes, and bytes of the shell that are no text
        raise CallError("The expression contains characters that are no text. Type it again.") from None
    size = sum(isinstance(node, ast.expr | ast.stmt) for node in ast.walk(tree))
    if size > MOST_NODES:
        raise CallError(
            f"The expression has {size} parts, and {MOST_NODES} are allowed. Put the program into a file and name it: "
            "FILE.py:FUNCTION."
        )
    return tree


SIGNS = {
    "×": "*",
    "·": "*",
    "⋅": "*",
    "∗": "*",
    "−": "-",
    "–": "-",
    "÷": "/",
    "²": "**2",
    "³": "**3",
    "√": "sqrt()",
}
NUMBER_THEN_NAME = re.compile(r"(?<![\w.])(\d+(?:\.\d*)?|\.\d+)\s*((?!(?:if|else|and|or|not|in|is)\b)[^\W\d_]\w*)")
WORD = r"(?!(?:if|else|and|or|not|in|is|for|lambda)\b)[^\W\d]\w*"
NEIGHBOURS = re.compile(rf"\b({WORD})[ \t]+({WORD}|\d[\w.]*)")


def _advice(text: str, error: SyntaxError) -> str:
    """What to write instead of a text that cannot be parsed."""
    shown = _shown(text, error)
    for sign, written in SIGNS.items():
        if sign in text:
            return f"The expression contains {sign!r}{shown}. Write {written} instead."
    if any(brace in text for brace in "{}"):
        return "Braces { } have no meaning in an expression. Write ( ) to group, [ ] for arrays and subscripts."
    if match := NUMBER_THEN_NAME.search(text):
        return f"{match[0]!r} has no sign between number and name{shown}. Write {match[1]} * {match[2]}."
    if match := NEIGHBOURS.search(text):
        return f"{match[0]!r} has no sign between its two parts{shown}. Write * for a product: {match[1]} * {match[2]}."
    message = error.msg or "invalid syntax"
    if "too many nested" in message:
        return "The expression is nested too deeply to be read. Name its parts: a = ...; b = ...; a + b."
    if "unmatched" in message or "never closed" in message or "does not match" in message:
        return f"A bracket has no partner: {message}{shown}. Count the brackets."
    if "integer string conversion" in message:
        return "A number has too many digits. Write it with an exponent, such as 1e300."
    return f"The expression cannot be read: {message}{shown}. Write it as in Python, with * for a product and ** for a power."


def _shown(text: str, error: SyntaxError) -> str:
    lines = text.splitlines()
    number = (error.lineno or 1) - 1
    if not 0 <= number < len(lines) or not error.offset:
        return ""
    line, column = lines[number], error.offset - 1
    return f", at {line[max(0, column - 10) : column + 10].strip()!r}"


def _assignment(statement: ast.stmt, text: SourceText, last: bool) -> tuple[str | None, ast.expr]:
    """The name and the value of a statement."""
    written = text.part(statement)[:60]
    if isinstance(statement, ast.Expr):
        if not last:
            raise CallError(
                f"{written!r} is neither the last statement nor assigned, so its value would go nowhere. Give it a name: "
                f"q = {written}."
            )
        return None, statement.value
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1 and isinstance(statement.targets[0], ast.Name):
        return statement.targets[0].id, statement.value
    if isinstance(statement, ast.AugAssign) and isinstance(statement.target, ast.Name):
        name = statement.target.id
        raise CallError(f"{written!r} changes a name in place. Write it in full, such as {name} = {name} + 1.")
    if isinstance(statement, ast.Import | ast.ImportFrom):
        raise CallError(
            f"{written!r}: an expression imports nothing; known functions are there by name (exp, sin, sum, ...). For a "
            "program with imports write a file and name it: FILE.py:FUNCTION."
        )
    if isinstance(statement, ast.Assign):
        raise CallError(f"{written!r} assigns something other than one name. Write one assignment for each name.")
    raise CallError(
        f"{written!r} is no statement of an expression, which has assignments such as q = x + y and ends in a result. Put "
        "longer programs into a file and name it: FILE.py:FUNCTION."
    )
