"""Functions of chainrule in, source text out that runs without chainrule.

What an operation runs is a Python function of a few lines. Its source is looked up, its type hints are left out, and
every global name in it is replaced: NumPy's functions by their public names, constants by their values, and other
functions of chainrule by helpers that are written in turn. A function that is one expression is written in place.
"""

from __future__ import annotations

import ast
import builtins
import re
import sys
import textwrap
from functools import lru_cache, partial
from types import CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError
from chainrule.explain.python_text import ATOM, Names, Text, literal, qualified
from chainrule.primitive import Primitive, operations, primitives

MODULES = {"numpy": "np", "scipy.special": "special", "math": "math", "operator": "operator", "itertools": "itertools"}

run_keep = primitives["keep"].execute

# Names that stand for what is looked up until the name of what is found is put in.
SPECIAL = "scipy_special_module"
OPERATION = "chainrule_operation_"


@lru_cache(maxsize=64)
def _module_tree(filename: str) -> ast.Module:
    with open(filename, encoding="utf-8") as file:
        return ast.parse(file.read())


@lru_cache(maxsize=1024)
def _definition(code: CodeType) -> ast.FunctionDef | ast.Lambda | None:
    """The syntax tree of a function: by name and line, a lambda by where its instructions stand."""
    places = [(a, c, b, d) for a, b, c, d in code.co_positions() if None not in (a, b, c, d)]
    best: tuple[int, int] = (0, 0)
    found = None
    for node in ast.walk(_module_tree(code.co_filename)):
        if isinstance(node, ast.FunctionDef) and node.name == code.co_name:
            if min([node.lineno, *[decorator.lineno for decorator in node.decorator_list]]) == code.co_firstlineno:
                return node
        elif isinstance(node, ast.Lambda) and code.co_name == "<lambda>":
            arguments = [argument.arg for argument in _parameters(node.args)]
            if set(arguments) != set(code.co_varnames[: len(arguments)]):
                continue
            start = (node.body.lineno, node.body.col_offset)
            end = (node.body.end_lineno or 0, node.body.end_col_offset or 0)
            inside = sum((a, c) >= start and (b, d) <= end for a, c, b, d in places)
            size = len(ast.unparse(node))
            if inside and (inside, -size) > best:  # the smallest that holds the most instructions
                best, found = (inside, -size), node
    return found


def _parameters(arguments: ast.arguments) -> list[ast.arg]:
    several = [arguments.vararg] if arguments.vararg else []
    keywords = [arguments.kwarg] if arguments.kwarg else []
    return [*arguments.posonlyargs, *arguments.args, *several, *arguments.kwonlyargs, *keywords]


def definition(function: FunctionType) -> ast.FunctionDef | ast.Lambda:
    """The syntax tree of a function of chainrule; an error where its source is not at hand.

    >>> definition(definition).name
    'definition'
    """
    try:
        found = _definition(function.__code__)
    except OSError as error:
        raise ArgumentError(
            f"The source of {function.__module__}.{function.__name__} cannot be read ({error}), so the program cannot be written as "
            "Python. Install chainrule with its .py files."
        ) from error
    if found is None:
        raise ArgumentError(
            f"The source of {function.__module__}.{function.__name__} was not found in its file, so the program cannot be written as "
            "Python. Install chainrule with its .py files."
        )
    return found


def meanings(function: FunctionType, tree: ast.AST, bound: set[str]) -> dict[str, Any]:
    """What the free names of a function stand for: variables of functions around it, and globals; builtins stay as they
    are."""
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    around = {name: cell.cell_contents for name, cell in cells}
    found: dict[str, Any] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id not in bound:
            if node.id in around:
                found[node.id] = around[node.id]
            elif node.id in function.__globals__:
                found[node.id] = function.__globals__[node.id]
            elif node.id.startswith(OPERATION):
                found[node.id] = operations[node.id.removeprefix(OPERATION)]
            elif node.id == SPECIAL:
                found[node.id] = sys.modules["scipy.special"]
            elif not hasattr(builtins, node.id):
                raise ArgumentError(f"{node.id} in {function.__module__}.{function.__name__} has no value.")
    return found


class _Modules(ast.NodeTransformer):
    """`sys.modules["scipy.special"]` and `operations["name"]`, which look up what is loaded, as names of what they find."""

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        if ast.unparse(node) == "sys.modules['scipy.special']":
            return ast.Name(SPECIAL, ast.Load())
        if isinstance(node.value, ast.Name) and node.value.id == "operations" and isinstance(node.slice, ast.Constant):
            return ast.Name(f"{OPERATION}{node.slice.value}", ast.Load())
        return self.generic_visit(node)


class _Replace(ast.NodeTransformer):
    """Names by expressions, type hints by nothing."""

    def __init__(self, table: dict[str, str]) -> None:
        self.table = table

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if isinstance(node.ctx, ast.Load) and node.id in self.table:
            return ast.parse(self.table[node.id], mode="eval").body
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        self.generic_visit(node)
        if node.value is None:
            return ast.Pass()
        return ast.Assign([node.target], node.value, lineno=node.lineno)


def _bare(arguments: ast.arguments) -> ast.arguments:
    for argument in _parameters(arguments):
        argument.annotation = None
    return arguments


def _primitive_of(value: Any) -> Primitive | None:
    """The operation that a function applies, if it is one that `primitive` made."""
    if isinstance(value, partial) and value.args and isinstance(value.args[0], Primitive):
        return value.args[0]
    if not isinstance(value, FunctionType) or value.__module__ != "chainrule.trace":
        return None
    cells = value.__closure__ or ()
    around = [cell.cell_contents for cell in cells]
    for inner in [value for value in around if isinstance(value, FunctionType)]:  # two inputs: a function in a function
        around += [cell.cell_contents for cell in inner.__closure__ or ()]
    return next((value for value in around if isinstance(value, Primitive)), None)


class Helpers:
    """The functions that a program needs besides NumPy, written once each, and the modules that it imports.

    >>> from chainrule.primitive import primitives
    >>> helpers = Helpers(Names())
    >>> helpers.function(primitives["sigmoid"].execute, "sigmoid")
    'sigmoid'
    >>> print(helpers.sources[0].splitlines()[0])
    def sigmoid(x):
    """

    def __init__(self, names: Names) -> None:
        self.names = names
        self.known: dict[Any, str] = {}
        self.constants: dict[str, str] = {}
        self._named: dict[tuple[str, str], str] = {}
        self.sources: list[str] = []
        self.imports: set[str] = set()

    def function(self, function: FunctionType, name: str, about: str = "") -> str:
        """The helper's name in the program; its source is written when it is first asked for."""
        key = (function.__code__, tuple(map(id, (cell.cell_contents for cell in function.__closure__ or ()))))
        if key in self.known:
            return self.known[key]
        wanted = name.strip("_")
        written = self.known[key] = self.names.new(f"{wanted}_operation" if wanted in self.names.taken else wanted)
        if function is run_keep:
            # The engine multiplies the bits by the mask, which is faster; these are the same bits.
            self.sources.append(
                f'def {written}(x, mask):\n    """x where the mask holds and 0 elsewhere."""\n'
                "    return np.where(mask, x, x.dtype.type(0))[()]"
            )
            return written
        tree = definition(function)
        # A copy, since the tree of the file is kept.
        tree = _Modules().visit(ast.parse(textwrap.dedent(ast.unparse(tree))).body[0])
        if isinstance(tree, ast.Expr):
            assert isinstance(tree.value, ast.Lambda)
            made = ast.parse("def f(): pass").body[0]
            assert isinstance(made, ast.FunctionDef)
            made.args, made.body = tree.value.args, [ast.Return(tree.value.body)]
            tree = made
        assert isinstance(tree, ast.FunctionDef)
        tree.name, tree.decorator_list, tree.returns = written, [], None
        tree.args = _bare(tree.args)
        documented = ast.get_docstring(tree)
        if documented is not None:
            tree.body = tree.body[1:]
        bound = {argument.arg for argument in _parameters(tree.args)}
        bound |= {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        for inner in ast.walk(tree):
            if isinstance(inner, ast.AnnAssign):
                inner.annotation = ast.Constant(None)
        table = {free: self._meaning(value, free, function) for free, value in meanings(function, tree, bound).items()}
        about = about or (documented or "").split("\n\n")[0]
        if about:
            tree.body.insert(0, ast.Expr(ast.Constant(about)))
        tree = _Replace(table).visit(tree)
        self.sources.append(_tidy(ast.unparse(ast.fix_missing_locations(tree))))
        return written

    def _meaning(self, value: Any, name: str, function: FunctionType) -> str:
        if isinstance(value, ModuleType):
            known = MODULES.get(value.__name__)
            if known is None:
                raise ArgumentError(self._refusal(function, name))
            self.use(known)
            return known
        primitive = _primitive_of(value)
        if primitive is not None:  # on plain arrays an operation is what it runs
            value = primitive.execute
        path = qualified(value)
        if path is not None:
            self.use(path.split(".")[0])
            return path
        if isinstance(value, FunctionType) and value.__module__.startswith("chainrule."):
            if value.__module__ in ("chainrule.trace", "chainrule.traced"):
                raise ArgumentError(self._refusal(function, name))
            return self.function(value, value.__name__)
        if isinstance(value, int | float | complex | str | tuple | dict | list | np.dtype | np.generic | np.ndarray):
            text = literal(value).source
            if len(text) <= 24:
                return text
            if (name, text) not in self._named:
                self._named[name, text] = self.names.new(name.strip("_"))
                self.constants[self._named[name, text]] = text
            return self._named[name, text]
        raise ArgumentError(self._refusal(function, name))

    @staticmethod
    def _refusal(function: FunctionType, name: str) -> str:
        return (
            f"{function.__module__}.{function.__name__} uses {name}, which belongs to chainrule's tracing and has no form as plain "
            "NumPy, so the program that runs it cannot be written as Python."
        )

    def use(self, module: str) -> None:
        """Note that the program imports a module."""
        if module in MODULES.values() and module != "np":
            self.imports.add(module)

    def in_place(
        self, function: FunctionType, operands: list[Text], parameters: dict[str, Any], most: int = 80
    ) -> Text | None:
        """A function that is one expression, with its operands put in; None where that would not read well."""
        tree = definition(function)
        if isinstance(tree, ast.FunctionDef):
            if len(tree.body) != 1 or not isinstance(tree.body[0], ast.Return) or tree.body[0].value is None:
                return None
            body = tree.body[0].value
        else:
            body = tree.body
        given = _given(tree.args, operands, parameters)
        if given is None:
            return None
        if any(isinstance(node, ast.NamedExpr | ast.comprehension | ast.Lambda | ast.IfExp) for node in ast.walk(body)):
            return None
        uses: dict[str, int] = {}
        for node in ast.walk(body):
            if isinstance(node, ast.Name):
                uses[node.id] = uses.get(node.id, 0) + 1
        if any(
            uses.get(name, 0) > 1 and not re.fullmatch(r"\w+", text.source)
            for name, text in given.items()
            if isinstance(text, Text)
        ):
            return None
        body = _Modules().visit(ast.parse(ast.unparse(body), mode="eval").body)
        free = meanings(function, body, set(given))
        if any(isinstance(value, FunctionType) and qualified(value) is None for value in free.values()):
            return None
        table = {name: self._meaning(value, name, function) for name, value in free.items()}
        text = _Printer(table, given).print(body)
        return text if len(text.source) <= most + sum(len(operand.source) for operand in operands) else None


def _given(arguments: ast.arguments, operands: list[Text], parameters: dict[str, Any]) -> dict[str, Any] | None:
    """The text of each parameter; a list of texts for a variadic one."""
    positional = [argument.arg for argument in (*arguments.posonlyargs, *arguments.args)]
    if arguments.kwarg is not None or (arguments.vararg is None and len(operands) != len(positional)):
        return None
    given: dict[str, Any] = dict(zip(positional, operands, strict=False))
    if arguments.vararg is not None:
        given[arguments.vararg.arg] = operands[len(positional) :]
    for keyword, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        if keyword.arg in parameters:
            given[keyword.arg] = literal(parameters[keyword.arg])
        elif isinstance(default, ast.Constant):
            given[keyword.arg] = literal(default.value)
        else:
            return None
    return given


class _Printer(ast.NodeTransformer):
    """An expression with texts in the place of names: placeholders go through `ast.unparse`, then the texts go in."""

    def __init__(self, table: dict[str, str], given: dict[str, Any]) -> None:
        self.table = table
        self.given = given
        self.texts: dict[str, str] = {}

    def print(self, body: ast.expr) -> Text:
        if isinstance(body, ast.Name) and isinstance(self.given.get(body.id), Text):
            return self.given[body.id]
        made = self.visit(body)
        source = ast.unparse(ast.fix_missing_locations(made)).replace("'", '"')
        source = re.sub(r"_operand\d+_", lambda match: self.texts[match[0]], source)
        atomic = isinstance(made, ast.Call | ast.Attribute | ast.Subscript | ast.Name)
        return Text(source, ATOM if atomic else 0)

    def _placeholder(self, text: str) -> ast.Name:
        name = f"_operand{len(self.texts)}_"
        self.texts[name] = text
        return ast.Name(name, ast.Load())

    def visit_Name(self, node: ast.Name) -> ast.AST:
        given = self.given.get(node.id)
        if isinstance(given, Text):
            return self._placeholder(given.fit(ATOM))
        if isinstance(given, list):
            comma = "," if len(given) == 1 else ""
            return self._placeholder(f"({', '.join(text.source for text in given)}{comma})")
        return ast.parse(self.table[node.id], mode="eval").body if node.id in self.table else node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        node.func = self.visit(node.func)
        node.args = [made for argument in node.args for made in self._arguments(argument)]
        for keyword in node.keywords:
            keyword.value = self._argument(keyword.value)
        return node

    def _arguments(self, node: ast.expr) -> list[Any]:
        several = (
            self.given.get(node.value.id)
            if isinstance(node, ast.Starred) and isinstance(node.value, ast.Name)
            else None
        )
        if not isinstance(several, list):
            return [self._argument(node)]
        return [self._placeholder(text.source) for text in several]

    def _argument(self, node: ast.expr) -> Any:
        given = self.given.get(node.id) if isinstance(node, ast.Name) else None
        return self._placeholder(given.source) if isinstance(given, Text) else self.visit(node)


def _tidy(source: str) -> str:
    """Double quotes, as the rest of the program has them, and powers without spaces around a name and a number."""
    source = re.sub(r"'([^'\"\n\\]*)'", r'"\1"', source)
    return re.sub(r"(?<=\w) \*\* (?=\w)", "**", source)
