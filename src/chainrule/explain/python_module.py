"""The statements of both passes as the text of a module: imports, helpers, one function, and a run on small inputs."""

from __future__ import annotations

import re
import textwrap
from typing import Any

import numpy as np

from chainrule.explain.python_passes import Passes, Statement
from chainrule.explain.python_text import literal
from chainrule.graph import Graph, Node

WIDTH = 100  # the longest line
SHOWN_INPUTS = 40  # the most numbers in the inputs of the run at the end


def write_module(passes: Passes, graph: Graph, title: str, comments: bool) -> str:
    """The whole module.

    >>> import chainrule as cr
    >>> from chainrule.explain.python_record import record_backward
    >>> graph = cr.trace(lambda x: x * x, 2.0)
    >>> passes = Passes(graph, graph.inputs, {}, record_backward(graph, graph.inputs))
    >>> print(write_module(passes, graph, "A square.", comments=True).splitlines()[0])
    \"\"\"A square.
    """
    names = [passes.name_of(node) for node in graph.inputs]
    function = _function(passes, graph, names, comments)
    helpers = passes.helpers.sources
    imports = sorted(f"import {name}" for name in passes.helpers.imports if name != "special")
    libraries = ["import numpy as np", *(["from scipy import special"] if "special" in passes.helpers.imports else [])]
    written = {**passes.helpers.constants, **passes.constants.written}
    constants = [_wrapped(f"{name} = {text}", 0) for name, text in written.items()]
    blocks = [_heading(passes, title), "\n\n".join(["\n".join(part) for part in (imports, libraries) if part])]
    if constants:
        blocks.append("\n".join(constants))
    text = "\n\n".join(blocks)
    text += "".join(f"\n\n\n{part}" for part in (*helpers, function)) + "\n"
    example = _example(passes, graph, names)
    return text + (f"\n\n{example}\n" if example else "")


def _heading(passes: Passes, title: str) -> str:
    about = [
        "Written by chainrule from a recorded run: the forward pass line by line, then the chain rule from the result back "
        "to the inputs. It needs NumPy only and gives the same numbers as chainrule, bit for bit: for the recorded inputs, and "
        "for others of the same shapes that take the same branches and come in the same order where they are sorted."
    ]
    if passes.constants.large:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in passes.constants.large.items())
        about.append(f"Arrays of the program that are too large to be written here are keyword arguments: {shapes}.")
    if "special" in passes.helpers.imports:
        about[0] = about[0].replace("NumPy only", "NumPy and SciPy only")
    if passes.recording.guarded:
        about.append(
            "A derivative is infinite or not a number at the recorded inputs; where nothing arrives from above, it counts as 0."
        )
    paragraphs = ["\n".join(textwrap.wrap(paragraph, WIDTH)) for paragraph in about]
    escaped = title.replace("\\", "\\\\").replace('"""', "'''")
    return '"""' + "\n\n".join([escaped, *paragraphs]) + '\n"""'


def _function(passes: Passes, graph: Graph, names: list[str], comments: bool) -> str:
    large = list(passes.constants.large)
    parameters = names + (["*", *large] if large else [])
    lines = [_wrapped(f"def value_and_gradients({', '.join(parameters)}):", 0)]
    result = passes.variable(passes.end)
    about = f"{result}, and its derivatives by {', '.join(name for name, _ in passes.gradients) or 'nothing'}."
    if len(about) > WIDTH - 10:
        about = f"{result}, and its derivatives by {len(passes.gradients)} arguments."
    lines.append(f'    """{about}"""')
    for name, node in zip(names, graph.inputs, strict=True):
        lines += _line(Statement(f"{name} = {_converted(name, node)}", _shape(node)), 4, comments)
    if passes.forward:
        lines += ["", *(["    # Forward pass"] if comments else [])]
        for statement in passes.forward:
            lines += _line(statement, 4, comments)
    if passes.backward:
        lines.append("")
        if comments:
            sample = passes.gradient_name(passes.end)
            prefix = sample.removesuffix(result) if sample.endswith(result) else "d_"
            lines.append(f"    # Backward pass: {prefix}name stands for ∂{result}/∂name")
        indent = 4
        if passes.recording.noisy:
            lines.append('    with np.errstate(all="ignore"):')
            indent = 8
        for statement in passes.backward:
            lines += _line(statement, indent, comments)
    gradients = ", ".join(f'"{name}": {text}' for name, text in passes.gradients)
    last = f"    return {result}, {{{gradients}}}"
    if len(last) > WIDTH:
        rows = [f'        "{name}": {text},' for name, text in passes.gradients]
        last = "\n".join([f"    return {result}, {{", *rows, "    }"])
    return "\n".join([*lines, "", last] if not comments or passes.backward else [*lines, last])


def _converted(name: str, node: Node) -> str:
    dtype = np.asarray(node.value).dtype.name
    return f"np.asarray({name}, dtype=np.{dtype})" if isinstance(node.value, np.ndarray) else f"np.{dtype}({name})"


def _shape(node: Node) -> str:
    return str(node.value.shape) if isinstance(node.value, np.ndarray) else ""


def _line(statement: Statement, indent: int, comments: bool) -> list[str]:
    """A statement with its comment beside it, or above where the line would be too long."""
    space = " " * indent
    code = _wrapped(space + statement.code, indent)
    if not comments or not statement.comment:
        return [code]
    if "\n" not in code and len(code) + 4 + len(statement.comment) <= WIDTH:
        return [f"{code}  # {statement.comment}"]
    return [f"{space}# {statement.comment}", code]


def _wrapped(code: str, indent: int) -> str:
    """A line that is too long, broken inside its outermost brackets: one part a line, or as many as fit within a part."""
    if len(code) <= WIDTH or any(" " in text for text in re.findall(r'"(?:[^"\\]|\\.)*"', code)):
        return code
    space = " " * indent
    tail = ":" if code.endswith(":") else ""
    body = code.removesuffix(tail).strip()
    opening = _outermost(body)
    if opening is None:
        head, _, value = body.partition(" = ")
        if not value:
            return code
        before, inner, after = f"{head} = (", value, ")"
        parts = [inner]
    else:
        before, inner, after = body[: opening + 1], body[opening + 1 : -1], body[-1]
        parts = _parts(inner)
    room = WIDTH - indent - 4
    if len(inner) <= room:
        lines = [inner]
    elif len(parts) == 1 or (before.endswith("[") and not inner.startswith("[")):
        lines = textwrap.wrap(inner, room, break_long_words=False, break_on_hyphens=False)
    else:
        lines = [
            line
            for part in parts
            for line in textwrap.wrap(f"{part},", room, break_long_words=False, break_on_hyphens=False)
        ]
    return "\n".join([space + before, *(f"{space}    {line}" for line in lines), space + after + tail])


def _outermost(body: str) -> int | None:
    """Where the bracket opens that closes with the last character; None where the text ends in none."""
    depth = 0
    for place in range(len(body) - 1, -1, -1):
        depth += (body[place] in ")]}") - (body[place] in "([{")
        if depth == 0:
            # An operation before the bracket needs parentheses around it all.
            head = body[:place].split(" = ", 1)[-1]
            return place if body[place] in "([{" and " " not in head.removeprefix("def ") else None
    return None


def _parts(inner: str) -> list[str]:
    """The parts between commas that stand in no brackets and in no text."""
    parts, depth, start = [], 0, 0
    bare = re.sub(r'"(?:[^"\\]|\\.)*"', lambda text: "_" * len(text[0]), inner)
    for place, sign in enumerate(bare):
        depth += (sign in "([{") - (sign in ")]}")
        if sign == "," and depth == 0:
            parts.append(inner[start:place].strip())
            start = place + 1
    return [*parts, inner[start:].strip()] if inner[start:].strip() else parts


def _example(passes: Passes, graph: Graph, names: list[str]) -> str:
    """A run on the recorded inputs, where they are small."""
    values = [node.value for node in graph.inputs]
    if passes.constants.large or not values or sum(np.size(value) for value in values) > SHOWN_INPUTS:
        return ""
    given = [f"{name}={_given(value)}" for name, value in zip(names, values, strict=True)]
    call = f"    value, gradients = value_and_gradients({', '.join(given)})"
    result = passes.variable(passes.end)
    return "\n".join(
        [
            'if __name__ == "__main__":',
            _wrapped(call, 4),
            f'    print("{result} =", value)',
            "    for name, gradient in gradients.items():",
            f'        print(f"d{result}/d{{name}} =", gradient, sep="\\n" if gradient.ndim > 1 else " ")',
        ]
    )


def _given(value: Any) -> str:
    plain = float(value) if type(value) is np.float64 else value
    return literal(plain).source
