"""What a well-formed graph is, as a list of rules.

Each rule looks at one node and returns what is wrong with it, or nothing. A graph is checked when it is made and
between stages, so a bad transformation is found where it happened.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from chainrule.errors import GraphError
from chainrule.shapes import ArrayType, broadcast, type_of


def _arity(node: Any) -> str | None:
    if len(node.inputs) != len(node.arguments):
        return f"has {len(node.inputs)} inputs but {len(node.arguments)} arguments"
    return None


def _order(node: Any) -> str | None:
    for source in node.inputs:
        if source is not None and source.order >= node.order:
            return f"reads node #{source.order}, which comes after it"
    return None


def _argument_types(node: Any) -> str | None:
    for index, (source, argument) in enumerate(zip(node.inputs, node.arguments, strict=True)):
        if source is None or source.primitive.outputs > 1:
            continue
        made, read = type_of(source.value), type_of(argument)
        if made != read:
            return f"reads {read} as argument {index}, where {made} was made"
    return None


def _result_type(node: Any) -> str | None:
    expected = declared_type(node)
    if expected is None:
        return None
    actual = node.type
    if actual != expected:
        return f"has the type {_written(actual)}, where its shape rule gives {_written(expected)}"
    return None


def _steps(node: Any) -> str | None:
    if node.primitive.vjp is None or node.primitive.outputs > 1 or type_of(node.value).dtype.kind in "fc":
        return None
    for index, (source, argument) in enumerate(zip(node.inputs, node.arguments, strict=True)):
        if source is None or source.primitive.outputs > 1 or node.primitive.rule(index) is None:
            continue
        if type_of(argument).dtype.kind in "fc":
            return f"makes {type_of(node.value)} of floating numbers, a step function, and has a derivative rule"
    return None


def _written(kind: Any) -> str:
    return f"({', '.join(map(str, kind))})" if isinstance(kind, tuple) else str(kind)


def declared_type(node: Any) -> ArrayType | tuple[ArrayType, ...] | None:
    """The type that the operation's shape rule gives for the node's arguments; None for inputs."""
    primitive = node.primitive
    if primitive.name == "input":
        return None
    if primitive.name == "component":
        return type_of(node.arguments[0][node.parameters["index"]])
    types = [type_of(argument) for argument in node.arguments]
    if primitive.shape is None:
        return broadcast(*types) if primitive.elementwise else None
    return primitive.shape(*types, **node.parameters)


RULES: tuple[Callable[[Any], str | None], ...] = (_arity, _order, _argument_types, _result_type, _steps)


def verify(inputs: Sequence[Any], outputs: Sequence[Any], nodes: Sequence[Any], input_primitive: Any) -> None:
    """Raise `GraphError` at the first node that breaks a rule.

    >>> import chainrule as cr
    >>> cr.trace(lambda x: x * x, 2.0).verify()
    """
    position = {node: index for index, node in enumerate(nodes)}
    for node in (*inputs, *outputs):
        if node not in position:
            raise GraphError(f"The graph is not well-formed: {node!r} is an input or output but not among its nodes.")
    given = set(inputs)
    for node in nodes:
        if node.primitive is input_primitive and node not in given:
            raise GraphError(f"The graph is not well-formed: {node!r} is read but is no input of the graph.")
        for rule in RULES:
            problem = rule(node)
            if problem:
                raise GraphError(
                    f"The graph is not well-formed: node {node.name or '#' + str(node.order)} "
                    f"({node.primitive.name}, {node.place}) {problem}."
                )
