"""Callable in, Graph out: how operations on traced values become nodes.

`bind` is the one way in which an operation meets its arguments. Plain arguments: it runs. Traced arguments: it runs on
their values and a node is recorded. Differentiations nest: each has a level, higher is further in; an operation belongs
to the highest level among its arguments, and its value is what the level below computes. Levels are numbers that are
never used twice, so threads and exceptions need no clean-up and there is no global state to corrupt. Level 0 holds
define-by-run variables.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from sys import _getframe
from types import FrameType
from typing import Any

import numpy as np
from numpy import float64, ndarray

from chainrule.boundary import constant, snapshot
from chainrule.errors import ArgumentError, ChainruleError, ShapeError
from chainrule.graph import COMPONENT, Node, next_order
from chainrule.guards import note_error, recorders
from chainrule.notation import Notation, call
from chainrule.primitive import Primitive, Rule, Sample, operators, primitives, register, ufuncs
from chainrule.shapes import ufunc_type
from chainrule.source import Place, known_files, place_of, place_of_call
from chainrule.traced import Traced, TracedView, prototype, undifferentiated

NO_PARAMETERS: dict[str, Any] = {}  # shared by all nodes without parameters; nobody writes into it

_suspensions = 0
_counting = threading.Lock()  # += on a global is not atomic
_suspended = threading.local()


@contextmanager
def no_grad() -> Iterator[None]:
    """Nothing is recorded inside: operations on traced values and variables give plain values.

    >>> import chainrule as cr
    >>> x = cr.variable(3.0)
    >>> with cr.no_grad():
    ...     y = x * x
    >>> float(y)
    9.0
    """
    global _suspensions
    with _counting:
        _suspensions += 1
    _suspended.depth = getattr(_suspended, "depth", 0) + 1
    try:
        yield
    finally:
        _suspended.depth -= 1
        with _counting:
            _suspensions -= 1


@contextmanager
def resumed() -> Iterator[None]:
    """Operations are recorded inside, also under no_grad: for rules that record what they compute.

    >>> from chainrule.variable import variable
    >>> with no_grad(), resumed():
    ...     type(variable(3.0) * 2.0).__name__
    'Traced'
    """
    depth = getattr(_suspended, "depth", 0)
    _suspended.depth = 0
    try:
        yield
    finally:
        _suspended.depth = depth


def bind(primitive: Primitive, *arguments: Any, **parameters: Any) -> Any:
    """Run an operation on its arguments, and record it where an argument is traced.

    >>> from chainrule.primitive import primitives
    >>> bind(primitives["add"], 1.0, 2.0)
    3.0
    """
    if len(arguments) == 1 and not _suspensions:
        result = _bind_one(primitive, arguments[0], parameters)
        if result is not None:
            return result
    level = -1
    for argument in arguments:
        if isinstance(argument, Traced) and argument.level > level:
            level = argument.level
    if level < 0:
        result = primitive.execute(*arguments, **parameters)
        return np.complex128(result) if type(result) is complex else result  # as below, for 1j * np.float64(2.0)
    if _suspensions and level not in recorders and getattr(_suspended, "depth", 0):
        return bind(primitive, *map(undifferentiated, arguments), **parameters)
    if _suspensions and primitive.name != "stop_gradient" and getattr(_suspended, "depth", 0):
        # Recorded, but no gradient flows where the level is differentiated.
        arguments = tuple(map(undifferentiated, arguments))
    if level in recorders and getattr(primitive.execute, "inlined", False):
        # A Python function of the user's, whose operations are recorded.
        return primitive.execute(*arguments, **parameters)

    inputs: list[Node | None] = []
    values: list[Any] = []
    nested = False
    for argument in arguments:
        if isinstance(argument, Traced):
            if argument.level == level:
                node = argument.node
                inputs.append(node)
                value = node.value
                nested = nested or isinstance(value, Traced)
            else:
                inputs.append(None)
                value = snapshot(argument)
                nested = True
        else:
            inputs.append(None)
            kind = type(argument)
            value = argument if kind is float or kind is int else constant(argument)
        values.append(value)
    try:
        result: Any = bind(primitive, *values, **parameters) if nested else primitive.execute(*values, **parameters)
    except ChainruleError:
        raise
    except Exception as error:
        if recorders:
            note_error(f"{primitive.name}: {error}")
        known = isinstance(error, ValueError | TypeError | IndexError)
        if not known or primitives.get(primitive.name) is not primitive:
            raise  # the user's own function inside checkpoint or custom_derivative: the error is the user's too
        raise _explain(error, primitive, inputs, values) from error
    if type(result) is complex:
        result = np.complex128(result)  # Python's own arithmetic, as of 1j * np.float64(2.0), gives no NumPy number

    code, offset = place_of(_getframe(1))
    node = Node.of(primitive, tuple(inputs), tuple(values), parameters, result, code, offset)
    if primitive.outputs > 1:
        return tuple(
            Traced.of(Node.of(COMPONENT, (node,), (result,), {"index": index}, part, code, offset), level)
            for index, part in enumerate(result)
        )
    if primitive.view and _shares(prototype(result), prototype(values[0])) and inputs[0] is not None:
        return TracedView.on(arguments[0], node, level)
    return Traced.of(node, level)


def _bind_one(primitive: Primitive, x: Any, parameters: dict[str, Any]) -> Any:
    """`bind` for one input in the common case, a plain value under one level of tracing; None in every other case."""
    if type(x) is not Traced or primitive.outputs > 1 or primitive.view:
        return None
    source = x.node
    argument = source.value
    kind = type(argument)
    if kind is not ndarray and kind is not float64:
        return None
    try:
        value = primitive.execute(argument, **parameters)
    except (ValueError, TypeError, IndexError):
        return None  # the general way raises it again, with the user's names
    code, offset = place_of(_getframe(2))
    return Traced.of(Node.of(primitive, (source,), (argument,), parameters, value, code, offset), x.level)


def _unary(record: Primitive) -> Callable[..., Any]:
    """`bind` for one input without parameters, with the common case first: a plain value under one level of tracing."""
    execute = record.execute

    def apply(x: Any) -> Any:
        if type(x) is Traced and not _suspensions:
            source = x.node
            argument = source.value
            kind = type(argument)
            if kind is ndarray or kind is float64:
                try:
                    value = execute(argument)
                except (ValueError, TypeError):
                    return bind(record, x)  # raises again, with the user's names
                code, offset = place_of(_getframe(1))
                node = Node()
                node.primitive = record
                node.inputs = (source,)
                node.arguments = (argument,)
                node.parameters = NO_PARAMETERS
                node.value = value
                node.code = code
                node.offset = offset
                node.order = next_order()
                handle = Traced()
                handle.node = node
                handle.level = x.level
                return handle
        return bind(record, x)

    return apply


def _binary(record: Primitive) -> Callable[..., Any]:
    """`bind` for two inputs without parameters, with the common case first: plain values under one level of tracing."""
    execute = record.execute

    def combine(a: Any, b: Any, frame: FrameType) -> Any:
        if _suspensions:
            return bind(record, a, b)
        kind_a, kind_b = type(a), type(b)
        if kind_a is Traced:
            level = a.level
            node_a = a.node
            value_a = node_a.value
            if kind_b is Traced:
                if b.level != level:
                    return bind(record, a, b)
                node_b = b.node
                value_b = node_b.value
                kind_b = type(value_b)
                if kind_b is not float64 and kind_b is not ndarray:
                    return bind(record, a, b)
            elif kind_b is float or kind_b is int:
                node_b, value_b = None, b
            elif kind_b is ndarray:
                node_b, value_b = None, constant(b)
            else:
                return bind(record, a, b)
            kind_a = type(value_a)
            if kind_a is not float64 and kind_a is not ndarray:
                return bind(record, a, b)
        elif kind_b is Traced and (kind_a is float or kind_a is int or kind_a is ndarray):
            level = b.level
            node_a, value_a = None, constant(a) if kind_a is ndarray else a
            node_b = b.node
            value_b = node_b.value
            kind_b = type(value_b)
            if kind_b is not float64 and kind_b is not ndarray:
                return bind(record, a, b)
        else:
            return bind(record, a, b)
        try:
            value = execute(value_a, value_b)
        except (ValueError, TypeError):
            return bind(record, a, b)  # raises again, with the user's names
        code = frame.f_code
        if known_files.get(code.co_filename) is False:
            offset = frame.f_lasti
        else:
            code, offset = place_of(frame)
        node = Node()
        node.primitive = record
        node.inputs = (node_a, node_b)
        node.arguments = (value_a, value_b)
        node.parameters = NO_PARAMETERS
        node.value = value
        node.code = code
        node.offset = offset
        node.order = next_order()
        handle = Traced()
        handle.node = node
        handle.level = level
        return handle

    def apply(a: Any, b: Any) -> Any:
        return combine(a, b, _getframe(1))

    operators[record.name] = combine
    return apply


def _shares(result: Any, source: Any) -> bool:
    """Whether NumPy returned a view of `source` and not a copy."""
    if not isinstance(result, np.ndarray) or not isinstance(source, np.ndarray):
        return False
    base = result.base
    if result is source or base is source or (source.base is not None and base is source.base):
        return True
    # A view made from strides holds its source through an object of NumPy's own.
    return base is not None and type(base) is not ndarray and np.may_share_memory(result, source)


def _explain(error: Exception, primitive: Primitive, inputs: list[Node | None], values: list[Any]) -> Exception:
    """NumPy's complaint with the user's variables, their shapes and the line."""
    shown = []
    for node, value in zip(inputs, values, strict=True):
        name = node.name if node is not None else None
        shape = np.shape(prototype(value))
        shown.append(f"{shape}" + (f" of {name}" if name else ""))
    code, offset = place_of_call(3)
    message = (
        f"{primitive.name} cannot {'combine shapes' if len(shown) > 1 else 'take the shape'} {' and '.join(shown)}, "
        f"in {Place(code, offset)}. NumPy says: {error}. Compare the shapes of the variables on that line."
    )
    if isinstance(error, np.linalg.LinAlgError):
        return np.linalg.LinAlgError(f"{primitive.name}: {error} ({', '.join(shown)}, in {Place(code, offset)})")
    if isinstance(error, IndexError):
        return IndexError(f"{primitive.name}: {error} (shape {shown[0]}, in {Place(code, offset)})")
    if isinstance(error, TypeError):
        return ArgumentError(
            f"{primitive.name} cannot take these arguments, in {Place(code, offset)}. NumPy says: {error}."
        )
    return ShapeError(message)


def _specialised(record: Primitive) -> Callable[..., Any] | None:
    """The fast form of an operation without parameters on one or two inputs."""
    without_parameters = (record.elementwise and not record.samples) or record.forward is np.matmul
    if not without_parameters or record.outputs > 1 or record.view or callable(record.vjp):
        return None
    inputs = getattr(record.forward, "nin", len(record.vjp or ()))
    return _unary(record) if inputs == 1 else _binary(record) if inputs == 2 else None


def primitive(
    name: str,
    forward: Callable[..., Any],
    vjp: tuple[Rule | None, ...] | Rule | None,
    *,
    notation: Notation | None = None,
    execute: Callable[..., Any] | None = None,
    shape: Callable[..., Any] | None = None,
    domain: tuple[float, float] | tuple[tuple[float, float], ...] = (-2.0, 2.0),
    elementwise: bool | None = None,
    linear: bool = False,
    multilinear: bool = False,
    view: bool = False,
    outputs: int = 1,
    analytic: bool = True,
    complex_input: bool = True,
    jvp: Rule | None = None,
    samples: tuple[Sample, ...] = (),
    undo_view: Callable[..., Any] | None = None,
    add_into: Callable[..., None] | None = None,
    register_forward: bool = True,
) -> Callable[..., Any]:
    """Declare an operation: one record, entered in the registry; returns the function that applies it.

    An operation without a shape rule is elementwise: it broadcasts, with NumPy's promotion. A single rule instead of a
    tuple stands for a one-input operation when `vjp` takes (g, y, x); joint rules are marked by their first parameter
    `wanted`.

    >>> import numpy as np
    >>> from chainrule.primitive import primitives
    >>> primitives["tanh"].elementwise
    True
    """
    if vjp is not None and not isinstance(vjp, tuple) and vjp.__code__.co_varnames[0] != "wanted":
        vjp = (vjp,)
    intervals = domain if isinstance(domain[0], tuple) else (domain,)
    rule = partial(ufunc_type, forward) if shape is None and hasattr(forward, "resolve_dtypes") else shape
    record = Primitive(
        name=name,
        forward=forward,
        execute=execute or forward,
        vjp=vjp,
        shape=rule,
        notation=notation or call(name),
        domain=intervals,  # pyright: ignore[reportArgumentType] normalised above
        elementwise=shape is None if elementwise is None else elementwise,
        linear=linear,
        multilinear=multilinear,
        view=view,
        outputs=outputs,
        analytic=analytic,
        complex_input=complex_input,
        jvp=jvp,
        samples=samples,
        undo_view=undo_view,
        add_into=add_into,
    )
    operation: Any = _specialised(record) or partial(bind, record)
    operation.__doc__ = f"The operation `{name}`."
    register(record, operation)
    if register_forward and hasattr(forward, "nin"):
        ufuncs[forward] = operation
    return operation
