"""A compiled function's front: one Python function, made for the containers of one call, that hands over the leaves.

Taking nested arguments apart by a general recipe costs microseconds; a function that knows the keys costs a tenth. It is built
as a syntax tree, never as text, so that no key or name of the user's can become code. Where an argument is not nested as
it was, or a static value is another one, the function calls `slow` with the arguments as they came.
"""

from __future__ import annotations

import ast
import collections
import dataclasses
import inspect
import types
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from chainrule import trees
from chainrule.call_front import Constant, Front, Input, Output
from chainrule.call_front import Watched as Watched


def make_call(
    front: Front,
    entry: Callable[..., Any],
    results: Any,
    slow: Callable[..., Any],
    *,
    donated: Mapping[int, int] | None = None,
    stopped: Callable[..., Any] | None = None,
    name: str = "call",
) -> Callable[..., Any]:
    """A function of the same signature that runs the program: takes the arguments apart, calls `entry(*inputs)`, and puts the tuple
    that it answers into `results`, containers around `Output`, `Input` and `Constant` leaves.

    `donated` says which output is which input's array: a container that holds such leaves, and nothing but what the same argument
    held at the same places, is given back itself. Where an argument does not fit, or the entry answers None or NotImplemented, the
    result is that of `slow(*arguments)`; where it answers an int, that of `stopped(answer, *arguments)`, or else of `slow`.

    >>> front = Front(inspect.signature(lambda params, x: None), {"params": {"W": Input(0)}, "x": Input(1)})
    >>> entry = lambda w, x: (w, w * x) if x < 10 else None
    >>> call = make_call(front, entry, ({"W": Output(0)}, Output(1)), lambda *args: "slow", donated={0: 0})
    >>> params = {"W": 2}
    >>> call(params, x=3), call(params, 3)[0] is params, call(params, 10), call([2], 3)
    (({'W': 2}, 6), True, 'slow', 'slow')
    """
    if not callable(entry):
        raise TypeError(f"the entry of a program must be callable, not {entry!r}")
    writer = _Writer(front, None)
    writer.fallback = writer.again(writer.thing("slow", slow))
    writer.take_apart()
    answer = writer.new("answer")
    writer.assign(answer, ast.Call(writer.thing("entry", entry), writer.inputs(), []))
    writer.donated = donated or {}
    finish = ast.Return(writer.build(results))
    used = {node.id for node in ast.walk(finish) if isinstance(node, ast.Name)}
    taken: list[ast.stmt] = [
        ast.Assign([_name(result, ast.Store())], ast.Subscript(_name(answer), ast.Constant(number), ast.Load()))
        for number, result in writer.outputs.items()
        if result in used
    ]
    if not taken:  # something that only a tuple can do
        taken.append(ast.Expr(ast.Call(writer.thing("len", len), [_name(answer)], [])))
    no_tuple = ast.ExceptHandler(writer.thing("TypeError", TypeError), None, [ast.Pass()])
    writer.body.append(ast.Try(taken, [no_tuple], [finish], []))
    if stopped is not None:
        code = _is(writer.type_of(answer), writer.thing("int", int))
        again = writer.again(writer.thing("stopped", stopped), _name(answer))
        writer.body.append(ast.If(code, [ast.Return(again)], []))
    writer.body.append(ast.Return(writer.fallback))
    return writer.function(name)


def _name(name: str, context: ast.expr_context | None = None) -> ast.expr:
    return ast.Name(name, context or ast.Load())


def _is(first: ast.expr, second: ast.expr) -> ast.expr:
    return ast.Compare(first, [ast.Is()], [second])


def _equal(first: ast.expr, second: ast.expr) -> ast.expr:
    return ast.Compare(first, [ast.Eq()], [second])


def _bits(value: Any) -> Any:
    """What tells two floating numbers apart, zeros' signs and NaN included."""
    return np.asarray(value).tobytes()


def _container(template: Any, *parts: Any) -> Any:
    return trees._rebuild(template, list(parts))


class _Writer:
    """The body of one function, statement after statement, and the objects that it names."""

    def __init__(self, front: Front, fallback: ast.expr | None) -> None:
        self.front = front
        self.fallback = fallback
        self.body: list[ast.stmt] = []
        self.namespace: dict[str, Any] = {"__builtins__": {}}
        self.known: dict[int, str] = {}  # objects by identity, so that each is named once
        self.containers: dict[Any, str] = {}  # a container of the arguments by what it holds → the variable
        self.leaves: dict[int, str] = {}
        self.outputs: dict[int, str] = {}
        self.donated: Mapping[int, int] = {}
        self.prefix = "_"
        while any(name.startswith(self.prefix) for name in front.signature.parameters):
            self.prefix += "_"
        self.count = 0

    def new(self, purpose: str) -> str:
        self.count += 1
        return f"{self.prefix}{purpose}{self.count}"

    def thing(self, purpose: str, value: Any) -> ast.expr:
        """An expression for an object: itself where syntax has it, otherwise a name."""
        if value is None or type(value) in (bool, int, str, bytes):
            return ast.Constant(value)
        name = self.known.get(id(value))
        if name is None:
            name = self.known[id(value)] = self.new(purpose)
            self.namespace[name] = value
        return _name(name)

    def object(self, purpose: str, value: Any) -> ast.expr:
        """An expression for an object that is compared by identity, which Python does not want of literals."""
        if value is None or type(value) is bool:
            return ast.Constant(value)
        name = self.new(purpose)
        self.namespace[name] = value
        return _name(name)

    def assign(self, name: str, value: ast.expr) -> None:
        self.body.append(ast.Assign([_name(name, ast.Store())], value))

    def require(self, *conditions: ast.expr) -> None:
        test = conditions[0] if len(conditions) == 1 else ast.BoolOp(ast.And(), list(conditions))
        self.body.append(ast.If(ast.UnaryOp(ast.Not(), test), [ast.Return(self.fallback)], []))

    def type_of(self, name: str) -> ast.expr:
        return ast.Call(self.thing("type", type), [_name(name)], [])

    def again(self, function: ast.expr, *first: ast.expr) -> ast.expr:
        """A call of another function with the arguments as they came."""
        arguments, keywords = list(first), []
        for name, parameter in self.front.signature.parameters.items():
            if parameter.kind is parameter.VAR_POSITIONAL:
                arguments.append(ast.Starred(_name(name), ast.Load()))
            elif parameter.kind is parameter.VAR_KEYWORD:
                keywords.append(ast.keyword(None, _name(name)))
            elif parameter.kind is parameter.KEYWORD_ONLY:
                keywords.append(ast.keyword(name, _name(name)))
            else:
                arguments.append(_name(name))
        return ast.Call(function, arguments, keywords)

    def inputs(self) -> list[ast.expr]:
        """The program's inputs in order."""
        return [self.input(number) for number in range(len(self.leaves) + len(self.front.extra))]

    def input(self, number: int) -> ast.expr:
        extra = self.front.extra
        return self.thing("extra", extra[number]) if number in extra else _name(self.leaves[number])

    def take_apart(self) -> None:
        for watched in self.front.watched:
            holder, key = self.thing("holder", watched.holder), ast.Constant(watched.key)
            if watched.kind == "item":
                found: ast.expr = ast.Call(ast.Attribute(holder, "get", ast.Load()), [key], [])
            else:
                found = ast.Call(self.thing("getattr", getattr), [holder, key, ast.Constant(None)], [])
            self.require(_is(found, self.object("expected", watched.value)))
        for name in self.front.signature.parameters:
            self.take(name, self.front.arguments[name])

    def take(self, name: str, tree: Any) -> Any:
        """Check one argument, or a part of one, and name its leaves; gives what tells this container from others."""
        if isinstance(tree, Input):
            if tree.number in self.front.types:
                self.require(_is(self.type_of(name), self.thing("kind", self.front.types[tree.number])))
            first = self.leaves.setdefault(tree.number, name)
            if first != name:  # one array in two places is one input, as long as it is one array
                self.require(_is(_name(name), _name(first)))
        elif isinstance(tree, Constant):
            self.require(*self.same(name, tree.value))
        elif tree is None:
            self.require(_is(_name(name), ast.Constant(None)))
        else:
            parts = self.parts(name, tree)
            key = self.key(tree, [self.take(part, child) for part, child in parts])
            self.containers.setdefault(key, name)
            return key
        return self.leaf_key(tree)

    def parts(self, name: str, tree: Any) -> list[tuple[str, Any]]:
        """Check a container and name its parts."""
        kind = type(tree)
        children = [child for _, child in _children(tree)]
        names = [self.new("part") for _ in children]
        conditions = [_is(self.type_of(name), self.thing("container", kind))]
        listed = ast.Tuple([ast.Starred(_name(name), ast.Load())], ast.Load())
        values: list[ast.expr] | ast.expr
        if isinstance(tree, dict):
            keys = tuple(tree)
            conditions.append(_equal(listed, ast.Tuple([self.thing("key", key) for key in keys], ast.Load())))
            if any(type(key) is not str for key in keys):  # 1, 1.0 and True are equal
                types: list[ast.expr] = [
                    _is(ast.Call(self.thing("type", type), [ast.Subscript(listed, ast.Constant(number), ast.Load())], []),
                        self.thing("kind", type(key)))
                    for number, key in enumerate(keys)
                ]  # fmt: skip
                conditions.extend(types)
            if kind is dict:
                values = [ast.Subscript(_name(name), self.thing("key", key), ast.Load()) for key in keys]
            else:
                values = ast.Call(ast.Attribute(_name(name), "values", ast.Load()), [], [])
        elif isinstance(tree, list | tuple):
            if not hasattr(kind, "_fields"):
                conditions.append(_equal(ast.Call(self.thing("len", len), [_name(name)], []), ast.Constant(len(tree))))
            values = _name(name)
        else:
            values = [ast.Attribute(_name(name), field.name, ast.Load()) for field in dataclasses.fields(tree)]
        self.require(*conditions)
        if isinstance(values, list):
            for part, value in zip(names, values, strict=True):
                self.assign(part, value)
        elif names:
            self.body.append(ast.Assign([ast.Tuple([_name(part, ast.Store()) for part in names], ast.Store())], values))
        return list(zip(names, children, strict=True))

    def same(self, name: str, value: Any) -> list[ast.expr]:
        """Conditions under which a static leaf is what it was."""
        kind = type(value)
        if kind is bool:
            return [_is(_name(name), ast.Constant(value))]
        if kind in (int, str, bytes):
            return [_is(self.type_of(name), self.thing("kind", kind)), _equal(_name(name), ast.Constant(value))]
        if kind in (float, complex) or isinstance(value, np.generic):
            conditions = [_is(self.type_of(name), self.thing("kind", kind))]
            if kind is float and value != 0 and value == value:
                return [*conditions, _equal(_name(name), ast.Constant(float(value)))]
            bits = ast.Call(self.thing("bits", _bits), [_name(name)], [])
            return [*conditions, _equal(bits, ast.Constant(_bits(value)))]
        return [_is(_name(name), self.object("expected", value))]

    def leaf_key(self, leaf: Any) -> Any:
        if isinstance(leaf, Constant):
            value = leaf.value
            return ("constant", type(value), value if type(value) in (bool, int, str, bytes) else id(value))
        if isinstance(leaf, Output):
            given = self.donated.get(leaf.number)
            return ("output", leaf.number) if given is None else ("input", given)
        return ("input", leaf.number) if isinstance(leaf, Input) else ("constant", type(leaf), leaf)

    def key(self, tree: Any, parts: list[Any]) -> Any:
        keys = tuple((type(key), key) for key in tree) if isinstance(tree, dict) else ()
        return (type(tree), keys, tuple(parts))

    def build(self, tree: Any) -> ast.expr:
        """The expression of a result."""
        return self.built(tree)[0]

    def built(self, tree: Any) -> tuple[ast.expr, Any, bool]:
        """The expression, what tells the container from others, and whether it holds donated arrays."""
        kind = type(tree)
        if isinstance(tree, Output):
            result = _name(self.outputs.setdefault(tree.number, f"{self.prefix}result_{tree.number}"))
            if tree.convert is not None:
                return ast.Call(self.thing("convert", tree.convert), [result], []), ("converted", tree.number), False
            return result, self.leaf_key(tree), tree.number in self.donated
        if isinstance(tree, Input):
            return self.input(tree.number), self.leaf_key(tree), False
        if isinstance(tree, Constant):
            return self.thing("value", tree.value), self.leaf_key(tree), False
        if tree is None:
            return ast.Constant(None), self.leaf_key(None), False
        children = _children(tree)
        parts = [self.built(child) for _, child in children]
        key, holds = self.key(tree, [part[1] for part in parts]), any(part[2] for part in parts)
        if holds and key in self.containers:
            return _name(self.containers[key]), key, True
        expressions = [part[0] for part in parts]
        if kind is dict:
            return ast.Dict([self.thing("key", part) for part in tree], expressions), key, holds
        if kind is list:
            return ast.List(expressions, ast.Load()), key, holds
        if kind is tuple:
            return ast.Tuple(expressions, ast.Load()), key, holds
        made = ast.Call(self.thing("container", _container), [self.thing("template", tree), *expressions], [])
        return made, key, holds

    def function(self, name: str) -> Callable[..., Any]:
        """The finished function."""
        kinds: dict[Any, list[ast.arg]] = collections.defaultdict(list)
        for parameter in self.front.signature.parameters.values():
            kinds[parameter.kind].append(ast.arg(parameter.name))
        parameter = inspect.Parameter
        arguments = ast.arguments(
            posonlyargs=kinds[parameter.POSITIONAL_ONLY],
            args=kinds[parameter.POSITIONAL_OR_KEYWORD],
            vararg=next(iter(kinds[parameter.VAR_POSITIONAL]), None),
            kwonlyargs=kinds[parameter.KEYWORD_ONLY],
            kw_defaults=[None] * len(kinds[parameter.KEYWORD_ONLY]),
            kwarg=next(iter(kinds[parameter.VAR_KEYWORD]), None),
            defaults=[],
        )
        definition = ast.FunctionDef(name=name, args=arguments, body=self.body, decorator_list=[])
        module = ast.fix_missing_locations(ast.Module([definition], []))
        whole = compile(module, f"<chainrule {name}>", "exec")
        code = next(part for part in whole.co_consts if isinstance(part, types.CodeType))
        made = types.FunctionType(code, self.namespace, name)
        defaults = [entry for entry in self.front.signature.parameters.values() if entry.default is not entry.empty]
        made.__defaults__ = tuple(entry.default for entry in defaults if entry.kind is not entry.KEYWORD_ONLY) or None
        made.__kwdefaults__ = {
            entry.name: entry.default for entry in defaults if entry.kind is entry.KEYWORD_ONLY
        } or None
        return made


def _children(tree: Any) -> list[tuple[str, Any]]:
    """The parts of a container; TypeError where it is a leaf of no kind that is known here."""
    found = trees.children(tree)
    if found is None:
        raise TypeError(f"a leaf must be an Input, an Output or a Constant, not {type(tree).__name__}")
    return found
