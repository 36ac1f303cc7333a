"""A syntax tree in, steps for a stack out; whatever is not in the tables here is refused with what to write instead."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

import numpy as np

from chainrule.cli.functions import ALIASES, CONSTANTS, FUNCTIONS, CallError, closest, known
from chainrule.cli.text import SourceText
from chainrule.ops.joining import array
from chainrule.traced import Traced

EXACT = 2.0**53  # up to here every integer is a float


@dataclass(frozen=True, slots=True)
class Step:
    """One move on the stack.

    `push` puts the payload there, `load` the value of the name in the payload; `apply` calls the payload with the topmost
    `count` values. `jump` goes on at step number `count`; `unless`, `and` and `or` look at the topmost value first and
    jump if it is false (`or`: true), and `and` and `or` leave it on the stack then.
    """

    kind: str
    payload: Any = None
    count: int = 0
    options: Mapping[str, Any] = field(default_factory=dict)
    outermost: bool = False


def _arithmetic(sign: str, operation: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """An operation that on two plain numbers works as with floats, so that 9**9**9 ends, and stays whole where it can."""

    def calculate(a: Any, b: Any) -> Any:
        if type(a) not in (int, float) or type(b) not in (int, float):
            return operation(a, b)
        try:
            result = operation(float(a), float(b))
        except (OverflowError, ZeroDivisionError):
            result = math.nan
        if isinstance(result, complex):
            raise CallError(f"{a:g} {sign} {b:g} is no real number. Give the base a positive value.")
        if not math.isfinite(result):
            raise CallError(f"{a:g} {sign} {b:g} is no finite number. Use smaller numbers, and no division by zero.")
        whole = type(a) is int and type(b) is int and sign != "/" and float(result).is_integer() and abs(result) < EXACT
        return int(result) if whole else result

    return calculate


BINARY: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: _arithmetic("+", operator.add),
    ast.Sub: _arithmetic("-", operator.sub),
    ast.Mult: _arithmetic("*", operator.mul),
    ast.Div: _arithmetic("/", operator.truediv),
    ast.FloorDiv: _arithmetic("//", operator.floordiv),
    ast.Mod: _arithmetic("%", operator.mod),
    ast.Pow: _arithmetic("**", operator.pow),
    ast.MatMult: operator.matmul,
}
UNARY: Mapping[type[ast.unaryop], Callable[[Any], Any]] = {
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Not: operator.not_,
}
COMPARISON: Mapping[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}


def _list(*parts: Any) -> Any:
    """A list of values as an array."""
    shapes = {np.shape(part) if not isinstance(part, Traced) else part.shape for part in parts}
    if len(shapes) > 1:
        raise CallError(
            f"A list has parts of different shapes ({', '.join(map(str, sorted(shapes)))}). Give each row the same length."
        )
    if any(isinstance(part, Traced) for part in parts):
        return array(list(parts))
    try:
        return np.array(parts, dtype=float)
    except ValueError as error:
        raise CallError(f"A list makes no array: {error}. Nest lists as deep as the array has axes.") from None


REFUSED: Mapping[type[ast.AST], str] = {
    ast.Lambda: "a function of its own (lambda)",
    ast.ListComp: "a loop in brackets (comprehension)",
    ast.SetComp: "a loop in braces (comprehension)",
    ast.DictComp: "a loop in braces (comprehension)",
    ast.GeneratorExp: "a loop (generator)",
    ast.Await: "await",
    ast.Yield: "yield",
    ast.NamedExpr: "an assignment inside (:=); write it as a statement before: q = ...; then use q",
    ast.JoinedStr: "text",
    ast.Starred: "a star before a value",
}


class Compiler:
    """The work list that turns a tree into steps; a tree may be as deep as the parser lets it be."""

    def __init__(self, text: SourceText, constants: Mapping[str, float], variables: set[str]) -> None:
        self.text = text
        self.constants = constants
        self.variables = variables
        self.steps: list[Step] = []
        self.read: dict[str, None] = {}
        self.work: list[Callable[[], None]] = []
        self.visitors: Mapping[type[ast.expr], Callable[[Any, bool], None]] = {
            ast.Constant: self.constant,
            ast.Name: self.name,
            ast.BinOp: self.binary,
            ast.UnaryOp: self.unary,
            ast.Compare: self.comparison,
            ast.BoolOp: self.junction,
            ast.IfExp: self.choice,
            ast.Call: self.call,
            ast.List: self.listing,
            ast.Tuple: self.listing,
            ast.Subscript: self.subscript,
            ast.Attribute: self.attribute,
        }

    def compile(self, tree: ast.expr) -> None:
        """All steps of a tree, first what is computed first."""
        self.work.append(self.visit(tree, True))
        while self.work:
            self.work.pop()()

    def visit(self, tree: ast.expr, outermost: bool = False) -> Callable[[], None]:
        """The job of compiling a part; `outermost` where its value is the value of the statement."""

        def job() -> None:
            visitor = self.visitors.get(type(tree))
            if visitor is None:
                self.refuse(tree)
            visitor(tree, outermost)

        return job

    def then(self, *jobs: Callable[[], None]) -> None:
        """Do these jobs next, in this order."""
        self.work.extend(reversed(jobs))

    def emit(self, step: Step) -> Callable[[], None]:
        """The job of adding a step."""
        return lambda: self.steps.append(step)

    def branch(self, kind: str, payload: Any = None) -> tuple[Callable[[], None], Callable[[], None]]:
        """The jobs of adding a jump, and of letting it lead to where the second job is done."""
        place: list[int] = []

        def leave() -> None:
            place.append(len(self.steps))
            self.steps.append(Step(kind, payload))

        def arrive() -> None:
            self.steps[place[0]] = Step(kind, payload, len(self.steps))

        return leave, arrive

    # -- what is allowed -----------------------------------------------------------------------------------------------

    def constant(self, tree: ast.Constant, _: bool) -> None:
        value = tree.value
        if isinstance(value, complex):
            raise CallError(f"{self.written(tree)} is a complex number, and expressions are real. Leave the j away.")
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise CallError(f"{self.written(tree)} is no number. An expression has numbers, names and known functions.")
        if isinstance(value, int) and value >= EXACT:
            value = float(value) if value.bit_length() < 1024 else math.inf
        if not math.isfinite(value):
            raise CallError(f"The number {self.written(tree)} is too large for a float. The largest is 1.8e308.")
        self.steps.append(Step("push", value))

    def name(self, tree: ast.Name, _: bool) -> None:
        if tree.id in self.variables or tree.id not in self.constants:
            if tree.id in FUNCTIONS and tree.id not in self.variables:
                raise CallError(f"{tree.id} is a function and stands here without a value. Write {tree.id}(x).")
            self.read[tree.id] = None
            self.steps.append(Step("load", tree.id))
        else:
            self.steps.append(Step("push", self.constants[tree.id]))

    def binary(self, tree: ast.BinOp, outermost: bool) -> None:
        operation = BINARY.get(type(tree.op))
        if operation is None:
            if isinstance(tree.op, ast.BitXor):
                left, right = self.written(tree.left), self.written(tree.right)
                raise CallError(f"^ is no power in Python. Write {left}**{right}.")
            raise CallError(f"{self.written(tree)} works on bits. An expression has + - * / // % ** and @.")
        step = Step("apply", operation, 2, outermost=outermost)
        self.then(self.visit(tree.left), self.visit(tree.right), self.emit(step))

    def unary(self, tree: ast.UnaryOp, outermost: bool) -> None:
        operation = UNARY.get(type(tree.op))
        if operation is None:
            raise CallError(f"{self.written(tree)} works on bits. An expression has + - * / // % ** and @.")
        self.then(self.visit(tree.operand), self.emit(Step("apply", operation, 1, outermost=outermost)))

    def comparison(self, tree: ast.Compare, outermost: bool) -> None:
        if len(tree.ops) > 1:
            raise CallError(f"{self.written(tree)} compares twice. Write both: a < x and x < b.")
        operation = COMPARISON.get(type(tree.ops[0]))
        if operation is None:
            raise CallError(f"{self.written(tree)} is no comparison of numbers. Write < <= > >= == or !=.")
        step = Step("apply", operation, 2, outermost=outermost)
        self.then(self.visit(tree.left), self.visit(tree.comparators[0]), self.emit(step))

    def junction(self, tree: ast.BoolOp, _: bool) -> None:
        kind = "and" if isinstance(tree.op, ast.And) else "or"
        jobs: list[Callable[[], None]] = []
        ends: list[Callable[[], None]] = []
        for value in tree.values[:-1]:
            leave, arrive = self.branch(kind, self.written(value))
            jobs += [self.visit(value), leave]
            ends.append(arrive)
        self.then(*jobs, self.visit(tree.values[-1]), *ends)

    def choice(self, tree: ast.IfExp, outermost: bool) -> None:
        leave, arrive = self.branch("unless", self.written(tree.test))
        skip, end = self.branch("jump")
        taken, other = self.visit(tree.body, outermost), self.visit(tree.orelse, outermost)
        self.then(self.visit(tree.test), leave, taken, skip, arrive, other, end)

    def listing(self, tree: ast.List | ast.Tuple, outermost: bool) -> None:
        if not tree.elts:
            raise CallError("A list is empty. Give it numbers, such as [1, 2].")
        step = Step("apply", _list, len(tree.elts), outermost=outermost)
        self.then(*(self.visit(part) for part in tree.elts), self.emit(step))

    def subscript(self, tree: ast.Subscript, outermost: bool) -> None:
        index = Step("push", self.index(tree.slice))
        step = Step("apply", operator.getitem, 2, outermost=outermost)
        self.then(self.visit(tree.value), self.emit(index), self.emit(step))

    def call(self, tree: ast.Call, outermost: bool) -> None:
        name = self.called(tree)
        record = known(name)
        if record is None:
            self.unknown_function(name, tree)
        if any(isinstance(argument, ast.Starred) for argument in tree.args):
            self.refuse(next(argument for argument in tree.args if isinstance(argument, ast.Starred)))
        count = len(tree.args)
        if not record.least <= count <= record.most:
            takes = str(record.least) if record.least == record.most else f"{record.least} to {record.most}"
            values = "value" if takes == "1" else "values"
            raise CallError(f"{name} takes {takes} {values} and got {count}, in {self.written(tree)}.")
        options: dict[str, Any] = {}
        for keyword in tree.keywords:
            if keyword.arg is None or keyword.arg not in record.keywords:
                allowed = ", ".join(f"{option}=" for option in sorted(record.keywords)) or "none"
                raise CallError(f"{name} has no option {keyword.arg or '**'}. Its options: {allowed}.")
            options[keyword.arg] = self.literal(keyword.value, f"{name}({keyword.arg}=...)")
        parts, function = tree.args, record.function
        if function is np.concatenate:
            if not isinstance(parts[0], ast.List | ast.Tuple):
                raise CallError("concatenate takes a list. Write concatenate([a, b]).")
            parts, function = parts[0].elts, _joined
        step = Step("apply", function, len(parts), options, outermost)
        self.then(*(self.visit(argument) for argument in parts), self.emit(step))

    def attribute(self, tree: ast.Attribute, _: bool) -> None:
        if isinstance(tree.value, ast.Name) and tree.value.id in ("np", "numpy", "math") and tree.attr in CONSTANTS:
            self.steps.append(Step("push", CONSTANTS[tree.attr]))
            return
        self.refuse_attribute(tree)

    # -- its pieces ----------------------------------------------------------------------------------------------------

    def called(self, call: ast.Call) -> str:
        """The name of the function in a call: bare, or after `np.`; an error for anything else that is called."""
        function = call.func
        if isinstance(function, ast.Name):
            return function.id
        if isinstance(function, ast.Attribute):
            path = self.written(function).split(".")
            if path[0] in ("np", "numpy", "math", "cr", "chainrule") and path[1:-1] in ([], ["linalg"]):
                return path[-1]
            self.refuse_attribute(function, called=True)
        raise CallError(f"{self.written(call)!r} has no sign before a bracket. Write a product with *: 2 * (x + 1).")

    def unknown_function(self, name: str, tree: ast.Call) -> NoReturn:
        """There is no such function: perhaps a product was meant, perhaps another name."""
        if name in self.variables:
            inside = ", ".join(self.written(argument) for argument in tree.args)
            raise CallError(f"{name} is a variable, not a function. For a product write {name} * ({inside}).")
        near = closest(name)
        guess = f" Did you mean {ALIASES.get(near, near)}?" if near else ""
        raise CallError(
            f"There is no function {name}.{guess} Known functions: {', '.join(sorted(FUNCTIONS))}. "
            "A function of your own goes into a file: FILE.py:FUNCTION."
        )

    def index(self, tree: ast.expr) -> Any:
        """A subscript: whole numbers, slices of them, or several of these."""
        if isinstance(tree, ast.Tuple):
            return tuple(self.index(part) for part in tree.elts if not isinstance(part, ast.Tuple))
        if isinstance(tree, ast.Slice):
            return slice(*(None if part is None else self.index(part) for part in (tree.lower, tree.upper, tree.step)))
        sign, number = (
            (-1, tree.operand) if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.USub) else (1, tree)
        )
        if isinstance(number, ast.Constant) and type(number.value) is int:
            return sign * number.value
        raise CallError(f"[{self.written(tree)}] is no subscript of numbers. Write x[0], x[-1], x[1:3] or W[0, 1].")

    def literal(self, tree: ast.expr, where: str) -> Any:
        """The value of an option: a number, a truth value, or a tuple of whole numbers."""
        if isinstance(tree, ast.Constant) and type(tree.value) in (int, float, bool, type(None)):
            return tree.value
        match tree:
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as number)):
                return -number
        if isinstance(tree, ast.Tuple) and all(isinstance(part, ast.Constant) for part in tree.elts):
            return tuple(part.value for part in tree.elts if isinstance(part, ast.Constant))
        raise CallError(f"{where} takes a plain number, not {self.written(tree)}.")

    # -- what is refused -----------------------------------------------------------------------------------------------

    def refuse_attribute(self, tree: ast.Attribute, called: bool = False) -> NoReturn:
        """No attribute is looked up on anything; the function that does the same is named where there is one."""
        written, owner = self.written(tree), self.written(tree.value)
        if tree.attr == "T":
            advice = f"Write transpose({owner})."
        elif known(tree.attr) is not None:
            advice = f"Write {ALIASES.get(tree.attr, tree.attr)}({owner if owner not in ('np', 'numpy') else 'x'})."
        elif near := closest(tree.attr):
            advice = f"Did you mean the function {ALIASES.get(near, near)}?"
        else:
            advice = "Known functions are there by name: exp, sin, sum, ..."
        raise CallError(f"{written}{'(...)' if called else ''}: an expression has no attributes. {advice}")

    def refuse(self, tree: ast.expr) -> NoReturn:
        """Not in the table of what is allowed."""
        written = self.written(tree)
        if isinstance(tree, ast.Set | ast.Dict):
            raise CallError(
                f"{written}: braces {{ }} have no meaning in an expression. Write ( ) to group, [ ] for arrays and subscripts."
            )
        kind = REFUSED.get(type(tree), "something that is not arithmetic")
        raise CallError(
            f"{written}: this is {kind}, which an expression cannot have. Put the program into a file and name it: FILE.py:FUNCTION."
        )

    def written(self, tree: ast.expr) -> str:
        """A part as the user wrote it, shortened."""
        text = self.text.part(tree)
        return text if len(text) <= 60 else text[:57] + "..."


def _joined(*parts: Any, **options: Any) -> Any:
    return np.concatenate(parts, **options)


def steps_of(
    tree: ast.expr, text: SourceText, constants: Mapping[str, float], variables: set[str]
) -> tuple[tuple[Step, ...], tuple[str, ...]]:
    """The steps of an expression, and the names it reads in order of appearance.

    >>> steps, names = steps_of(ast.parse("x + 1").body[0].value, SourceText("x + 1"), {}, set())
    >>> [step.kind for step in steps], names
    (['load', 'push', 'apply'], ('x',))
    """
    compiler = Compiler(text, constants, variables)
    compiler.compile(tree)
    return tuple(compiler.steps), tuple(compiler.read)
