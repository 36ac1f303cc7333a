"""Random programs of plain NumPy, as source text: what the engine must differentiate without anybody having thought of it.

`programs()` is a hypothesis strategy. A program is built statement by statement, and each statement is run as it is drawn, so that
values stay bounded, inside the domains of the functions, and away from kinks: comparisons, sorting and choosing keep a margin. The
elementwise functions come from the registry; a new declaration takes part by existing. Every variable that nothing reads goes into
the result, so that no gradient can be lost unseen. A program prints as its source; shrinking makes it short.
"""

from __future__ import annotations

import linecache
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import scipy.special
from hypothesis import strategies as st
from program_forms import (
    ARRANGEMENTS,
    CHOICES,
    JOININGS,
    MASKED_CHOICES,
    OPERATORS,
    ORDERED_CHOICES,
    REDUCTIONS,
    WRITES,
)

import chainrule as cr
from chainrule.ops.scipy_rules import connect_scipy
from chainrule.primitive import primitives, ufuncs

MARGIN = 0.05  # how far from kinks; differences step by less
LARGEST = 20.0  # results beyond it are replaced by something tame
SHAPES = ((), (2,), (3,), (2, 3), (3, 2), (3, 3), (1, 3), (2, 1), (2, 1, 3))
NAMES = (*"abcdefghijklmnopqrstuvw", *(f"a{index}" for index in range(1, 40)))


@dataclass(frozen=True, eq=False)
class Program:
    """The source of a function `program`, and arguments for it. `pure`: it writes into no array."""

    source: str
    arguments: dict[str, Any]
    pure: bool

    def function(self, numpy: Any = np) -> Callable[..., Any]:
        """The program as a function; `numpy` is the module that its `np` means."""
        name = f"<random program {id(self)}>"
        linecache.cache[name] = (len(self.source), None, self.source.splitlines(keepends=True), name)
        space: dict[str, Any] = {"np": numpy, "special": scipy.special}
        exec(compile(self.source, name, "exec"), space)
        return space["program"]

    def __repr__(self) -> str:
        given = "\n".join(
            f"{name} = np.array({np.asarray(value).tolist()!r})" for name, value in self.arguments.items()
        )
        return f"\n{given}\n{self.source}"


@cache
def elementwise() -> tuple[dict[str, tuple[Any, ...]], dict[str, tuple[Any, ...]]]:
    """The functions of one and of two arguments that the registry can differentiate, with the intervals where they are smooth."""
    connect_scipy()
    found: tuple[dict[str, tuple[Any, ...]], ...] = ({}, {})
    for record in primitives.values():
        ufunc = record.forward
        if (
            not isinstance(ufunc, np.ufunc)
            or ufunc.nout != 1
            or ufunc.signature
            or ufunc not in ufuncs
            or record.vjp is None
        ):
            continue
        if not all(rule is not None for rule in record.vjp) if isinstance(record.vjp, tuple) else True:
            continue
        module = next(
            (name for name, m in (("np", np), ("special", scipy.special)) if getattr(m, ufunc.__name__, None) is ufunc),
            "",
        )
        if module and ufunc.nin <= 2 and "dd"[: ufunc.nin] + "->d" in ufunc.types and _differentiable(record):
            domain = [record.domain[min(index, len(record.domain) - 1)] for index in range(ufunc.nin)]
            found[ufunc.nin - 1][f"{module}.{ufunc.__name__}"] = tuple(
                (max(low, -5.0), min(high, 5.0)) for low, high in domain
            )
    return dict(sorted(found[0].items())), dict(sorted(found[1].items()))


def _differentiable(record: Any) -> bool:
    """Whether every argument has a rule (the order of a Bessel function has none)."""
    try:
        inputs = [0.5 * (low + high) for low, high in record.domain]
        inputs += inputs[-1:] * (record.forward.nin - len(inputs))
        _, pullback = cr.vjp(record.forward, *inputs)
        pullback(1.0)
    except cr.errors.UnsupportedError:
        return False
    return True


@dataclass
class _Builder:
    """The program so far: its lines, and the values of its variables."""

    draw: Callable[[Any], Any]
    scope: dict[str, Any]
    inputs: list[str]
    lines: list[str] = field(default_factory=list)
    unread: set[str] = field(default_factory=set)
    pure: bool = True

    def pick(self, *choices: Any) -> Any:
        return self.draw(st.sampled_from(choices))

    def variables(self, suits: Callable[[Any], bool] = lambda value: True) -> list[str]:
        return [name for name, value in self.scope.items() if name not in ("np", "special") and suits(value)]

    def variable(self, suits: Callable[[Any], bool] = lambda value: True) -> str | None:
        """A variable whose value suits, the newest ones first for shrinking to be simple."""
        names = self.variables(suits)
        return self.draw(st.sampled_from(names[::-1])) if names else None

    def value(self, text: str) -> Any:
        """What an expression is now."""
        with np.errstate(all="ignore"):
            return eval(compile(text, "<expression>", "eval"), dict(self.scope))

    def read(self, *names: str | None) -> None:
        self.unread.difference_update(name for name in names if name)

    def new(self) -> str:
        return next(name for name in NAMES if name not in self.scope)

    def assign(self, *lines: str, target: str, reads: tuple[str | None, ...]) -> bool:
        """Run statements that set a fresh variable, and keep them if what they give is tame."""
        scope = dict(self.scope)
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("error")
            try:
                exec(compile("\n".join(lines), "<statement>", "exec"), scope)
            except RuntimeWarning:
                return False  # a variance of one number, and the like
        if not _tame(scope[target]):
            return False
        self.scope = {name: scope[name] for name in (*self.scope, target)}  # without the counters of loops
        self.lines += lines
        self.read(*reads)
        self.unread.add(target)
        return True


def _tame(value: Any) -> bool:
    value = np.asarray(value)
    return (
        value.dtype.kind == "f"
        and 0 < value.size <= 24
        and bool(np.all(np.isfinite(value)))
        and float(np.max(np.abs(value))) < LARGEST
    )


def _apart(value: Any) -> bool:
    """Whether all elements differ by more than the margin."""
    return np.size(value) < 2 or float(np.min(np.diff(np.sort(np.ravel(value))))) > MARGIN


def _ndim(*numbers: int) -> Callable[[Any], bool]:
    return lambda value: np.ndim(value) in numbers


def _array(value: Any) -> bool:
    return np.ndim(value) > 0


def _squeezed(builder: _Builder, name: str, interval: tuple[float, float]) -> str:
    """The variable, or an expression of it that lies inside the interval, where the function is smooth."""
    low, high = interval
    room = 0.06 * (high - low)
    if np.all(builder.scope[name] > low + room) and np.all(builder.scope[name] < high - room):
        return name
    half = round(0.42 * (high - low), 6)
    return f"{round((low + high) / 2, 6)} + {half} * np.sin({name})"


def _one(builder: _Builder) -> bool:
    """A function of one variable from the registry."""
    functions = elementwise()[0]
    function, name = builder.pick(*functions), builder.variable()
    target = builder.new()
    return builder.assign(
        f"{target} = {function}({_squeezed(builder, name, functions[function][0])})", target=target, reads=(name,)
    )


def _two(builder: _Builder) -> bool:
    """A function of two variables from the registry."""
    functions = elementwise()[1]
    function, first = builder.pick(*functions), builder.variable()
    second = builder.variable(lambda value: _broadcasts(value, builder.scope[first]))
    texts = [
        _squeezed(builder, name, domain) for name, domain in zip((first, second), functions[function], strict=True)
    ]
    a, b = (builder.value(text) for text in texts)
    if (
        function.endswith(("maximum", "minimum", "fmax", "fmin", "hypot", "fmod", "remainder"))
        and np.min(np.abs(a - b)) < MARGIN
    ):
        return False
    target = builder.new()
    return builder.assign(f"{target} = {function}({texts[0]}, {texts[1]})", target=target, reads=(first, second))


def _broadcasts(a: Any, b: Any) -> bool:
    try:
        return bool(np.prod(np.broadcast_shapes(np.shape(a), np.shape(b))) <= 24)
    except ValueError:
        return False


def _operator(builder: _Builder) -> bool:
    """An operator of Python, between variables and numbers."""
    first = builder.variable()
    second = builder.variable(lambda value: _broadcasts(value, builder.scope[first]))
    remainder = np.all(np.abs(np.mod(builder.scope[first], 7.0) - 3.5) < 3.5 - MARGIN)
    form = builder.pick(*OPERATORS, *(("{0} % 7.0",) if remainder else ()))
    target = builder.new()
    return builder.assign(
        f"{target} = {form.format(first, second)}", target=target, reads=(first, second if "{1}" in form else None)
    )


def _reduction(builder: _Builder) -> bool:
    """A reduction over all axes or one."""
    form, name = builder.pick(*REDUCTIONS), builder.variable(_array)
    if name is None:
        return False
    axis = builder.pick(None, *range(-1, np.ndim(builder.scope[name])))
    along = (
        ""
        if axis is None
        else f"axis={axis}" + (", keepdims=True" if builder.pick(False, True) and "average" not in form else "")
    )
    value = builder.scope[name]
    if any(word in form for word in ("max", "min", "ptp", "median", "quantile")) and not _apart(value):
        return False
    if any(word in form for word in ("std", "norm")) and float(np.min(np.std(value, axis=axis))) < 0.1:
        return False
    text = form.format(name, ", " + along if along else "", along, f", axis={axis}" if axis is not None else "")
    target = builder.new()
    return builder.assign(f"{target} = {text}", target=target, reads=(name,))


def _arrangement(builder: _Builder) -> bool:
    """An array's elements moved, chosen, repeated or multiplied with each other."""
    name = builder.variable(_ndim(1, 2, 3))
    if name is None:
        return False
    form = builder.pick(*ARRANGEMENTS[np.ndim(builder.scope[name])])
    target = builder.new()
    try:
        return builder.assign(f"{target} = {form.format(name)}", target=target, reads=(name,))
    except (ValueError, IndexError, np.linalg.LinAlgError):
        return False  # the array is too short for it


def _joining(builder: _Builder) -> bool:
    """Two arrays into one: matrix products of every kind, concatenation, stacking."""
    form, first, second = builder.pick(*JOININGS), builder.variable(), builder.variable()
    target = builder.new()
    try:
        return builder.assign(f"{target} = {form.format(first, second)}", target=target, reads=(first, second))
    except (ValueError, IndexError, TypeError, AttributeError):
        return False  # the shapes do not fit


def _choice(builder: _Builder) -> bool:
    """A choice by value: where, clip, maximum with a number, sort, a mask; all with a margin."""
    first = builder.variable()
    second = builder.variable(lambda value: _broadcasts(value, builder.scope[first]))
    value = builder.scope[first]
    bound = builder.pick(0.0, 0.3, -0.7)
    choices = list(CHOICES)
    if np.all(np.abs(np.mod(value - bound, 1.0) - 0.5) < 0.5 - MARGIN):
        choices.append("np.floor({0} - {2} + 100.0) * 0.01 + {1}")
    if _array(value) and _apart(value):
        choices += ORDERED_CHOICES
    if np.any(np.asarray(value) > bound) and _array(value):
        choices += MASKED_CHOICES
    if np.min(np.abs(value - bound)) < MARGIN:
        return False
    form = builder.pick(*choices)
    target = builder.new()
    return builder.assign(
        f"{target} = {form.format(first, second, bound)}",
        target=target,
        reads=(first, second if "{1}" in form else None),
    )


def _control_flow(builder: _Builder) -> bool:
    """A branch or a loop of Python."""
    name = builder.variable()
    shape = np.shape(builder.scope[name])
    other = builder.variable(
        lambda value: _broadcasts(value, np.ones(shape)) and np.broadcast_shapes(np.shape(value), shape) == shape
    )
    target = builder.new()
    kind = builder.pick("if", "for", "while", "comprehension")
    if kind == "if":
        bound = builder.pick(0.0, 0.4, -0.8)
        if abs(float(np.sum(builder.scope[name])) - bound) < MARGIN:
            return False
        lines = [
            f"if np.sum({name}) > {bound}:",
            f"    {target} = np.sin({name})",
            "else:",
            f"    {target} = {name} * {other}",
        ]
    elif kind == "for":
        times = builder.pick(1, 2, 4)
        lines = [f"{target} = {name}", f"for _ in range({times}):", f"    {target} = np.tanh({target} * 0.9 + {other})"]
    elif kind == "while":
        size = float(np.max(np.abs(builder.scope[name])))
        if size == 0 or abs(np.log2(size) - round(np.log2(size))) < MARGIN or not _apart(np.abs(builder.scope[name])):
            return False
        lines = [f"{target} = {name}", f"while np.max(np.abs({target})) > 0.5:", f"    {target} = {target} * 0.5"]
    else:
        if not _array(builder.scope[name]):
            return False
        lines = [f"{target} = np.stack([part * {other}.sum() for part in {name}])"]
    return builder.assign(*lines, target=target, reads=(name, other))


def _in_place(builder: _Builder) -> bool:
    """A write into an array of the program's own, perhaps through a view, perhaps seen by other names."""
    given = [builder.scope[name] for name in builder.inputs]

    def own(value: Any) -> bool:
        return (
            isinstance(value, np.ndarray)
            and value.ndim > 0
            and value.flags.writeable
            and not any(np.shares_memory(value, x) for x in given)
        )

    if not builder.variables(own) or builder.pick(False, False, True):
        name, fresh = builder.variable(_array), builder.new()
        form = builder.pick("{0}.copy()", "np.zeros_like({0})", "{0} * 1.0", "np.full_like({0}, 0.25)")
        if name is None or not builder.assign(f"{fresh} = {form.format(name)}", target=fresh, reads=(name,)):
            return False
    target = builder.variable(own)
    value = builder.scope[target]
    source = builder.variable(lambda other: np.ndim(other) <= 1 and np.size(other) in (1, value.shape[-1]))
    text = f"np.sin({source})" if source is not None else "0.25"
    index = builder.pick(
        "0", "-1", "...", ":", "::2", "..., 0" if source is None or np.ndim(builder.scope[source]) == 0 else "0"
    )
    lines = builder.pick(*WRITES).format(target, text, index).split("\n")
    # A copy of everything that shares memory, in case the write does not come out tame; NumPy keeps the sharing itself.
    backup = {name: np.array(v) for name, v in builder.scope.items() if isinstance(v, np.ndarray)}
    scope = dict(builder.scope)
    try:
        with np.errstate(all="ignore"):
            exec(compile("\n".join(lines), "<statement>", "exec"), scope)
        fine = all(_tame(scope[name]) for name in builder.variables())
    except (ValueError, IndexError, TypeError):
        fine = False
    if not fine:
        for name, values in backup.items():
            if builder.scope[name].flags.writeable:
                builder.scope[name][...] = values
        return False
    builder.lines += lines
    builder.pure = False
    builder.read(source if source is not None and any(source in line for line in lines) else None)
    builder.unread.add(target)
    return True


STATEMENTS: tuple[Callable[[_Builder], bool], ...] = (
    _operator,
    _one,
    _two,
    _reduction,
    _arrangement,
    _joining,
    _choice,
    _control_flow,
    _in_place,
    _in_place,
)


MOSTLY_WRITES = (
    _in_place,
    _in_place,
    _in_place,
    _arrangement,
    _arrangement,
    _operator,
    _choice,
    _joining,
    _control_flow,
)
PURE = tuple(kind for kind in STATEMENTS if kind is not _in_place)


@st.composite
def programs(draw: Any, statements: int = 9, kinds: tuple[Callable[[_Builder], bool], ...] = STATEMENTS) -> Program:
    """Programs of up to so many statements of these kinds."""
    rng = np.random.default_rng(draw(st.integers(0, 9999)))
    shapes = draw(st.lists(st.sampled_from(SHAPES), min_size=1, max_size=3))
    arguments = {
        name: np.round(rng.uniform(-1.6, 1.6, shape), 2)[()] for name, shape in zip("xyz", shapes, strict=False)
    }
    builder = _Builder(draw, {"np": np, "special": scipy.special, **arguments}, list(arguments), unread=set(arguments))
    for _ in range(statements):
        draw(st.sampled_from(kinds))(builder)
        if (
            draw(st.integers(0, statements)) == 0
        ):  # asked after each statement, so that shrinking can cut out any of them
            break
    result = (
        " + ".join(f"np.sum(np.sin({name}))" for name in sorted(builder.unread)) or f"np.sum({builder.inputs[0]} * 0.5)"
    )
    body = "\n".join(f"    {line}" for line in [*builder.lines, f"return {result}"])
    return Program(f"def program({', '.join(arguments)}):\n{body}\n", arguments, builder.pure)
