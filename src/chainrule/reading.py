"""The user's function in, its derivation out: `cr.derive`, and `.derive()` of variables.

Thin: the function is traced, with everything that is known of its names, and handed to `explain`, which is loaded on first use.
"""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.arguments import Run, Wrt, function_name, locate, parameter_names
from chainrule.errors import ArgumentError, GraphError, OutputError
from chainrule.graph import INPUT, Graph, Node, sorted_nodes
from chainrule.naming import Recording
from chainrule.primitive import operations
from chainrule.traced import VARIABLE_LEVEL, Traced, concrete, prototype
from chainrule.trees import leaves

if TYPE_CHECKING:
    from chainrule.explain.derivation import Derivation

LONGEST_SOURCE = 60  # lines of a function that is printed before its derivation


def derive(
    f: Callable[..., Any],
    *args: Any,
    wrt: Wrt | None = None,
    expand: bool = False,
    lang: str = "en",
    level: str = "result",
    lr: float | None = None,
    above: Any = None,
) -> Derivation:
    """The chain-rule derivation of f at these arguments, in f's own names, every equality evaluated.

    `wrt` says whose gradients are derived (a position, a name or a tuple of them; by default every floating argument).
    `level` is "summary", "rule", "names", "numbers" or "result"; `lang` "en" or "ko"; `expand=True` unrolls small arrays to
    their elements; `lr` adds a step of gradient descent. `above` is what arrives from above at a result that is not a loss
    (an array of its shape; 1 at each element when f returns an array). A program that raises half-way is derived up to there.

    >>> import chainrule as cr
    >>> def f(x, y, z):
    ...     q = x + y
    ...     return q * z
    >>> derivation = cr.derive(f, -2.0, 5.0, -4.0)
    >>> derivation.holds, float(derivation.gradients["z"])
    (True, 3.0)
    >>> print(derivation.steps[1])
    (2) ∂f/∂z = q
    """
    if not callable(f):
        raise ArgumentError(f"derive takes a function and got {f!r}. Write derive(f, x), not derive(f(x)).")
    names = _argument_names(f, len(args))
    _require_real(f, args, names)
    _require_rate(lr)
    places = [place for place, argument in enumerate(args) if _has_numbers(argument)]
    asked: list[Any] = [place for place, argument in enumerate(args) if _has_numbers(argument, any)]
    if wrt is not None:
        asked = locate("derive", f, wrt, names, args, {})
    if not asked:
        raise ArgumentError(
            f"derive found no floating argument to differentiate {function_name(f)} by: it was called with "
            f"{', '.join(type(argument).__name__ for argument in args) or 'no arguments'}. Write 2.0 instead of 2, "
            "or x.astype(float) for an array."
        )
    everything = [*asked, *(place for place in places if place not in asked)]
    recording = Recording()
    run: Run | None = None
    try:
        with recording:
            run = Run("derive", f, everything, names, args, {}, own=True)
    except Exception:
        stopped = _until_failure(f, args, names, recording, level, lang)
        if stopped is None:
            raise  # before anything was computed
        return stopped
    count = sum(length for _, length in run.groups[: len(asked)])
    inputs = tuple(sorted(run.nodes, key=lambda node: node.order))
    graph = Graph.of(inputs, (_result(f, run),))
    wanted = tuple(node for node in inputs if node in set(run.nodes[:count]))
    return _derivation(
        graph,
        wanted,
        _title(f),
        above,
        expand,
        level,
        lang,
        lr,
        _source(f),
        recording,
        _constants(graph, f, args, names),
        _integers(args, names),
    )


def _argument_names(f: Any, count: int) -> tuple[str, ...]:
    """What the arguments of a call are called; those of `*xs` are xs[0], xs[1], …"""
    names = parameter_names(f)
    try:
        parameters = inspect.signature(f).parameters.values()
    except (TypeError, ValueError):
        return names
    rest = next((parameter.name for parameter in parameters if parameter.kind is parameter.VAR_POSITIONAL), None)
    return names if rest is None else (*names, *(f"{rest}[{place}]" for place in range(count - len(names))))


def _require_real(f: Any, args: tuple[Any, ...], names: tuple[str, ...]) -> None:
    """Raise where an argument is complex: the lines of a derivation are real equations."""
    for place, argument in enumerate(args):
        for leaf in leaves(argument):
            if (
                isinstance(leaf, complex | np.complexfloating)
                or getattr(getattr(leaf, "dtype", None), "kind", "") == "c"
            ):
                name = names[place] if place < len(names) else f"argument {place}"
                raise ArgumentError(
                    f"derive writes real equations, and {name} of {function_name(f)} is complex. Give its real and imaginary parts as "
                    "two arguments, and put them together inside; cr.grad takes complex arguments as they are."
                )


def _require_rate(lr: Any) -> None:
    """Raise where the learning rate is no finite real number."""
    real = isinstance(lr, int | float | np.integer | np.floating) and not isinstance(lr, bool)
    if lr is not None and not (real and np.isfinite(lr)):
        raise ArgumentError(
            f"derive: lr is the learning rate of one step, a finite number, and is {lr!r}. Write lr=0.1."
        )


def _has_numbers(tree: Any, quantifier: Callable[[Any], bool] = all) -> bool:
    """Whether all leaves of an argument, or any, are floating numbers."""
    flat = leaves(tree)
    return bool(flat) and quantifier(
        isinstance(leaf, float | complex) or getattr(getattr(leaf, "dtype", None), "kind", "") in ("f", "c")
        for leaf in flat
    )


def _integers(args: tuple[Any, ...], names: tuple[str, ...]) -> tuple[str, ...]:
    """The arguments that are single integers: constants of the program, which a reader may have meant as variables."""
    whole = [place for place, one in enumerate(args) if isinstance(one, int | np.integer) and not isinstance(one, bool)]
    return tuple(names[place] for place in whole if place < len(names))


def _result(f: Any, run: Run) -> Node:
    """The one result of the program; an error that says what it was instead."""
    called = function_name(f)
    result = run.result
    if isinstance(result, list | tuple | dict):
        raise OutputError(
            f"derive needs a function with one result, and {called} returned a {type(result).__name__}. "
            "Return one number or array, and derive each of the others on its own."
        )
    if result is None:
        raise OutputError(
            f"derive needs a function with one result, and {called} returned None. Is a `return` missing?"
        )
    if not isinstance(result, Traced) or result.level != run.level:
        raise OutputError(
            f"derive needs a result that is computed from the arguments, and {called} returned {type(prototype(result)).__name__} "
            f"{concrete(result)!r:.40}, which does not depend on them. Return what you want to differentiate."
        )
    if prototype(result).dtype.kind not in "fc":
        raise OutputError(
            f"derive needs a floating result, and {called} returned {prototype(result).dtype}, a step function of its arguments, "
            "whose derivative is 0 or undefined everywhere. Return the quantity before it was rounded or compared."
        )
    return result.node


def _derivation(
    graph: Graph,
    wanted: tuple[Node, ...],
    title: str,
    above: Any,
    expand: bool,
    level: str,
    lang: str,
    lr: float | None,
    source: str,
    recording: Recording | None,
    constants: dict[tuple[Node, int], str],
    held: tuple[str, ...] = (),
) -> Derivation:
    from chainrule.explain.derivation import Derivation, Options  # noqa: PLC0415 the reader is loaded when somebody reads
    from chainrule.explain.program import Request  # noqa: PLC0415 the reader is loaded when somebody reads

    shape = np.shape(prototype(graph.outputs[0].value))
    if above is None and shape != ():
        above = np.ones(shape)
    if above is not None and np.asarray(above).dtype.kind not in "fiub":
        raise ArgumentError(
            f"derive: what arrives from above is a real number or array of the result's shape {shape}, and is {above!r:.60}. "
            "Give numbers, for example above=1.0."
        )
    if above is not None and np.shape(above) != shape:
        raise ArgumentError(
            f"derive: what arrives from above has shape {np.shape(above)}, and the result has shape {shape}. They must be equal."
        )
    options = Options(lang, level, lr, source, held, _branches(recording))
    request = Request(graph, wanted, title, above, _names(graph, recording), constants=constants)
    return Derivation.expanded(request, options) if expand else Derivation(request, options)


def _until_failure(
    f: Any, args: tuple[Any, ...], names: tuple[str, ...], recording: Recording, level: str, lang: str
) -> Derivation | None:
    """The derivation of what a program had computed when it raised; None where that was nothing."""
    from chainrule.explain.derivation import Derivation, Failure, Options  # noqa: PLC0415 the reader is loaded when somebody reads
    from chainrule.explain.program import Request  # noqa: PLC0415 the reader is loaded when somebody reads

    nodes = [node for node in sorted_nodes(*recording.results) if _is_floating(node)] if recording.results else []
    used = {source for node in nodes for source in node.inputs if source is not None}
    ends = tuple(node for node in nodes if node not in used and node.primitive is not INPUT)
    if not ends:
        return None
    graph = Graph.of(tuple(node for node in nodes if node.primitive is INPUT), ends)
    error, place = recording.failure, recording.place
    failure = Failure(type(error).__name__, str(error), place.line if place else None, place.text if place else "")
    known = _constants(graph, f, args, names)
    request = Request(graph, (), _title(f), None, _names(graph, recording), constants=known, partial=True)
    return Derivation(request, Options(lang, level, None, _source(f), branches=_branches(recording)), failure)


def _is_floating(node: Node) -> bool:
    """Whether a result is one floating array or number: what a line of a derivation can be written for."""
    return node.primitive.outputs == 1 and concrete(node.value).dtype.kind in "fc"


def _names(graph: Graph, recording: Recording | None) -> dict[Node, str] | None:
    """The user's names for the nodes of a graph; None where nobody looked on while it was recorded."""
    if recording is None:
        return None
    given = {node: node.name for node in graph.inputs} | recording.results
    return {node: name for node in graph.nodes if (name := given.get(node))}


def _branches(recording: Recording | None) -> tuple[tuple[int | None, bool], ...]:
    """The lines of the program's conditions, and whether they held."""
    return tuple((branch.place.line, branch.taken) for branch in recording.branches) if recording else ()


def _title(f: Any) -> str:
    name = function_name(f)
    return name if name.isidentifier() else "f"


def _source(f: Any) -> str:
    """The text of a function that was defined with `def`; empty where it is not at hand."""
    try:
        text = textwrap.dedent(inspect.getsource(inspect.unwrap(f)))
    except (OSError, TypeError, IndentationError):
        return ""
    lines = text.rstrip().splitlines()
    head = next((line for line in lines if not line.startswith("@")), "")
    return "\n".join(lines) if head.startswith("def ") and len(lines) <= LONGEST_SOURCE else ""


def _constants(graph: Graph, f: Any, args: tuple[Any, ...], names: tuple[str, ...]) -> dict[tuple[Node, int], str]:
    """Names of arrays that stand in the program as constants: arguments, closed-over and global arrays with the same numbers."""
    known: dict[tuple[Any, ...], list[tuple[str, Any]]] = {}
    for name, array in _named_arrays(f, args, names):
        known.setdefault((array.shape, array.dtype), []).append((name, array))
    found: dict[tuple[Node, int], str] = {}
    if not known:
        return found
    for node in graph.nodes:
        for index, (source, argument) in enumerate(zip(node.inputs, node.arguments, strict=True)):
            if source is None and isinstance(argument, np.ndarray):
                for name, array in known.get((argument.shape, argument.dtype), ()):
                    if np.array_equal(array, argument, equal_nan=array.dtype.kind in "fc"):
                        found[node, index] = name
                        break
    return found


def _named_arrays(f: Any, args: tuple[Any, ...], names: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    for place, argument in enumerate(args):
        if isinstance(argument, np.ndarray) and place < len(names):
            yield names[place], argument
    function = inspect.unwrap(f) if callable(f) else f
    code = getattr(function, "__code__", None)
    for name, cell in zip(getattr(code, "co_freevars", ()), getattr(function, "__closure__", None) or (), strict=False):
        try:
            content = cell.cell_contents
        except ValueError:
            continue
        if isinstance(content, np.ndarray):
            yield name, content
    globals_here = getattr(function, "__globals__", {})
    for name in getattr(code, "co_names", ()):
        if isinstance(globals_here.get(name), np.ndarray):
            yield name, globals_here[name]


def _derive_variable(
    handle: Traced,
    expand: bool = False,
    lang: str = "en",
    level: str = "result",
    lr: float | None = None,
    above: Any = None,
) -> Derivation:
    """The derivation of a value made from variables."""
    if handle.level != VARIABLE_LEVEL:
        raise GraphError("derive() belongs to values made from cr.variable. For a function, write cr.derive(f, x).")
    nodes = sorted_nodes(handle.node)
    inputs = tuple(node for node in nodes if node.primitive is INPUT)
    graph = Graph.of(inputs, (handle.node,))
    title = handle.name if handle.name and handle.name.isidentifier() else "f"
    return _derivation(graph, inputs, title, above, expand, level, lang, lr, "", None, {})


operations["derive"] = _derive_variable
