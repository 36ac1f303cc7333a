"""The tests' own judge of derivatives: what the engine says against numbers that know nothing of its rules.

`check(function, *arguments)` compares, for an operation or for a whole program of plain NumPy:

- the gradient of a random projection of the result with central differences, element by element, extrapolated three times
  (Richardson), in long double where the function runs in it;
- the gradient with the complex step, where the function is analytic: exact to the last digits;
- forward mode with reverse mode, by the dot test ⟨vjp(g), t⟩ = ⟨g, jvp(t)⟩;
- one order further: the gradient is itself a function, of the arguments and of the cotangent, and is checked like one.

Complex arguments are differentiated in both directions: the gradient is ∂L/∂a + i ∂L/∂b for z = a + ib, what `cr.grad` returns.
The verdict names the guilty test, argument and element, with both numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import chainrule as cr
from chainrule.trees import leaves

# Central differences at h, h/2, h/4 leave an error of order h⁶; rounding costs about eps/h. In between lies the best step.
STEPS = {np.dtype(np.float64): 2.0**-6, np.dtype(np.longdouble): 2.0**-8}
WIDE = {"f": np.longdouble, "c": np.clongdouble}
# Steps of the complex step. Nothing is subtracted, so the first may be as small as it likes; some of SciPy's functions lose so small an
# imaginary part, and are tried again with the second one and its coarser tolerance.
COMPLEX_STEPS = ((1e-25, 1e-9), (1e-6, 1e-7))


@dataclass(frozen=True, slots=True)
class Finding:
    """One disagreement: which test, at which argument and element, and both numbers."""

    test: str
    argument: str
    element: tuple[int, ...] | None
    engine: Any
    truth: Any

    def __str__(self) -> str:
        place = self.argument + ("" if self.element is None else str(list(self.element)))
        return f"{self.test}: at {place} the engine says {self.engine}, the truth is {self.truth}"


@dataclass(slots=True)
class Verdict:
    """What a check found. True where nothing is wrong; `comparisons` counts the numbers that were compared."""

    findings: list[Finding] = field(default_factory=list)
    comparisons: int = 0
    precision: str = "float64"

    def __bool__(self) -> bool:
        return not self.findings

    def __str__(self) -> str:
        shown = [str(finding) for finding in self.findings[:8]]
        if len(self.findings) > 8:
            shown.append(f"… and {len(self.findings) - 8} more")
        return "\n".join(shown) or f"{self.comparisons} numbers agree"

    def assert_right(self, context: str = "") -> None:
        """Raise AssertionError with everything that is wrong."""
        assert self, f"{context}\n{self}"
        assert self.comparisons, f"{context}: nothing was compared"


def floating(value: Any) -> bool:
    """Whether a value has a derivative: a floating or complex number or array."""
    return isinstance(value, float | complex) or getattr(getattr(value, "dtype", None), "kind", "") in ("f", "c")


def check(
    function: Callable[..., Any],
    *arguments: Any,
    order: int = 2,
    analytic: bool = False,
    tolerance: float = 1e-6,
    seed: int = 0,
    names: Sequence[str] = (),
    every_element: bool = True,
) -> Verdict:
    """Judge the engine's derivatives of `function` at `arguments`, up to `order`.

    Every floating argument is differentiated; others are held. The result may be nested; its floating leaves count.
    `every_element=False` compares along random directions only, and looks for the element when one of them disagrees.
    """
    problem = _Problem(function, arguments, np.random.default_rng(seed), names)
    verdict = Verdict()
    _check(problem, verdict, order, analytic, tolerance, every_element, "")
    return verdict


class _Problem:
    """A function of its floating arguments alone, with a random cotangent for each of its floating results."""

    def __init__(self, function: Callable[..., Any], arguments: Sequence[Any], rng: Any, names: Sequence[str]) -> None:
        self.function = function
        self.arguments = list(arguments)
        self.positions = [index for index, argument in enumerate(arguments) if floating(argument)]
        self.rng = rng
        self.moving = [np.asarray(arguments[index])[()] for index in self.positions]
        given = list(names) or [f"argument {index}" for index in range(len(arguments))]
        self.names = [given[index] for index in self.positions]
        with np.errstate(all="ignore"):
            self.value = self.results(*self.moving)
        self.cotangents = [self.random_like(value) for value in self.value]

    def results(self, *moving: Any) -> tuple[Any, ...]:
        """The floating leaves of the function's result."""
        complete = list(self.arguments)
        for position, argument in zip(self.positions, moving, strict=True):
            complete[position] = argument
        return tuple(leaf for leaf in leaves(self.function(*complete)) if floating(leaf))

    def random_like(self, value: Any) -> Any:
        """Random numbers of the shape and dtype of a value, none of them near 0."""
        shape, dtype = np.shape(value), np.asarray(value).dtype
        numbers = self.rng.uniform(0.5, 1.5, shape) * self.rng.choice([-1.0, 1.0], shape)
        if dtype.kind == "c":
            numbers = numbers + 1j * self.rng.uniform(0.5, 1.5, shape)
        return np.asarray(numbers).astype(dtype)[()]

    def projection(self, *moving: Any) -> Any:
        """Re ⟨cotangents, results⟩ on plain arrays: the number whose differences are the truth."""
        with np.errstate(all="ignore"):
            results = self.results(*moving)
        return sum((inner(c, y) for c, y in zip(self.cotangents, results, strict=True)), start=np.float64(0.0))

    def widened(self) -> _Problem | None:
        """The same problem in long double, or None where the function does not run in it."""
        twin = object.__new__(_Problem)
        twin.function, twin.arguments, twin.positions, twin.names, twin.rng = (
            self.function,
            self.arguments,
            self.positions,
            self.names,
            self.rng,
        )
        if any(np.asarray(argument).dtype not in (np.dtype(float), np.dtype(complex)) for argument in self.moving):
            return None
        twin.moving = [np.asarray(x).astype(WIDE[np.asarray(x).dtype.kind])[()] for x in self.moving]
        twin.cotangents = self.cotangents
        try:
            with np.errstate(all="ignore"):
                twin.value = twin.results(*twin.moving)
        except Exception:
            return None  # many functions know double precision only, and say so in many ways
        kinds = {np.asarray(value).dtype for value in twin.value}
        same = len(twin.value) == len(self.value) and all(
            np.allclose(a, b, rtol=1e-9, atol=1e-9) for a, b in zip(twin.value, self.value, strict=True)
        )
        return twin if same and kinds <= {np.dtype(np.longdouble), np.dtype(np.clongdouble)} else None

    @property
    def step(self) -> Any:
        """The first step of the differences, in the precision of the arguments."""
        kind = np.result_type(np.float64, *(np.asarray(x).real.dtype for x in self.moving))
        return kind.type(STEPS[kind])


def inner(a: Any, b: Any) -> Any:
    """Re ⟨a, b⟩, with a conjugated, over all elements.

    >>> float(inner(np.array([1.0, 2.0]), np.array([3.0, 4.0])))
    11.0
    """
    return np.sum(np.conjugate(a) * b).real


def extrapolated(line: Callable[[Any], Any], step: Any) -> tuple[float, float]:
    """The derivative of a function of one number at 0, and how far to trust it.

    Central differences at three steps, extrapolated (Richardson). Where the extrapolations disagree, the step was too wide for a
    function so steep, or crossed a kink: a smaller one is tried, and the best is returned.

    >>> value, doubt = extrapolated(lambda t: np.sin(t + 1.0), 2.0**-6)
    >>> bool(abs(value - np.cos(1.0)) < 1e-11), bool(doubt < 1e-9)
    (True, True)
    """
    best = (np.nan, np.inf)
    for _ in range(4):
        row: list[Any] = []
        for level in range(3):
            h = step / 2**level
            row.append((line(h) - line(-h)) / (2 * h))
        once = [(4 * row[1] - row[0]) / 3, (4 * row[2] - row[1]) / 3]
        twice = (16 * once[1] - once[0]) / 15
        doubt = float(abs(twice - once[1])) + float(abs(once[1] - once[0])) / 64
        if not np.isfinite(doubt):
            doubt = np.inf
        if doubt < best[1]:
            best = (float(twice), doubt)
        if doubt <= 1e-9 * abs(float(twice)) + 1e-12:
            break
        step = step / 8
    return best


def _check(
    problem: _Problem, verdict: Verdict, order: int, analytic: bool, tolerance: float, every: bool, before: str
) -> None:
    """All tests of one order, and the next order on the gradient as a function."""
    if not problem.moving or not problem.value:
        return
    value, pullback = cr.vjp(problem.results, *problem.moving)
    for index, (engine, truth) in enumerate(zip(value, problem.value, strict=True)):
        verdict.comparisons += 1
        if not _same_number(engine, truth):
            verdict.findings.append(Finding(f"{before}value", f"result {index}", None, engine, truth))
    gradients = pullback(tuple(problem.cotangents))
    if not _well_formed(gradients, problem, verdict, before):
        return
    truth = problem.widened() or problem
    verdict.precision = "long double" if truth is not problem else "float64"
    _forward_mode(problem, gradients, verdict, before)
    if every:
        _elements(truth, gradients, verdict, tolerance, f"{before}derivative by differences")
    else:
        _directions(truth, gradients, verdict, tolerance, f"{before}derivative by differences")
    if analytic:
        _complex_step(problem, gradients, verdict, before)
    if order > 1:
        count = len(problem.moving)

        def gradient(*both: Any) -> Any:
            return cr.vjp(problem.results, *both[:count])[1](tuple(both[count:]))

        names = [*problem.names, *(f"cotangent {index}" for index in range(len(problem.cotangents)))]
        further = _Problem(gradient, [*problem.moving, *problem.cotangents], problem.rng, names)
        _check(
            further,
            verdict,
            order - 1,
            False,
            tolerance,
            False,
            f"{before}second " if not before else f"{before}further ",
        )


def _same_number(engine: Any, truth: Any) -> bool:
    """Equal but for the order of additions: a traced program may add the same numbers in another order than a plain one."""
    engine, truth = np.asarray(engine), np.asarray(truth)
    if engine.dtype != truth.dtype or engine.shape != truth.shape:
        return False
    size = np.max(np.abs(truth), initial=0.0, where=np.isfinite(truth))
    return bool(
        np.allclose(engine, truth, rtol=0.0, atol=64 * max(np.finfo(truth.dtype).eps, 2e-16) * size, equal_nan=True)
    )


def _well_formed(gradients: Sequence[Any], problem: _Problem, verdict: Verdict, before: str) -> bool:
    """Whether each gradient has the shape and dtype of its argument."""
    fine = True
    for name, gradient, argument in zip(problem.names, gradients, problem.moving, strict=True):
        verdict.comparisons += 1
        is_like = np.shape(gradient) == np.shape(argument) and np.asarray(gradient).dtype == np.asarray(argument).dtype
        if not is_like:
            engine, truth = (f"{np.asarray(x).dtype}{list(np.shape(x))}" for x in (gradient, argument))
            verdict.findings.append(Finding(f"{before}gradient's type", name, None, engine, truth))
            fine = False
    return fine


def _forward_mode(problem: _Problem, gradients: Sequence[Any], verdict: Verdict, before: str) -> None:
    """The dot test: forward and reverse mode are each other's transpose."""
    tangents = [problem.random_like(argument) for argument in problem.moving]
    value, pushed = cr.jvp(problem.results, problem.moving, tangents)
    with np.errstate(all="ignore"):
        forward = sum(inner(c, t) for c, t in zip(problem.cotangents, pushed, strict=True))
        reverse = sum(inner(g, t) for g, t in zip(gradients, tangents, strict=True))
        size = sum(np.sum(np.abs(g) * np.abs(t)) for g, t in zip(gradients, tangents, strict=True))
        size += sum(np.sum(np.abs(c) * np.abs(t)) for c, t in zip(problem.cotangents, pushed, strict=True))
    verdict.comparisons += 1
    epsilon = max((np.finfo(np.asarray(x).dtype).eps for x in problem.moving), default=0.0)
    if not abs(forward - reverse) <= 1e5 * epsilon * size + 1e-13:
        verdict.findings.append(
            Finding(f"{before}forward mode against reverse mode", "a random direction", None, forward, reverse)
        )
    for index, (tangent, result) in enumerate(zip(pushed, value, strict=True)):
        if np.shape(tangent) != np.shape(result) or np.asarray(tangent).dtype != np.asarray(result).dtype:
            engine, truth = (f"{np.asarray(x).dtype}{list(np.shape(x))}" for x in (tangent, result))
            verdict.findings.append(Finding(f"{before}tangent's type", f"result {index}", None, engine, truth))


def _shifted(problem: _Problem, directions: Sequence[Any]) -> Callable[[Any], Any]:
    """The projection along a line through the arguments."""

    def line(t: Any) -> Any:
        return problem.projection(
            *(x if d is None else x + t * d for x, d in zip(problem.moving, directions, strict=True))
        )

    return line


def _unit(argument: Any, element: tuple[int, ...], factor: Any) -> Any:
    direction = np.zeros(np.shape(argument), np.asarray(argument).dtype)
    direction[element] = factor
    return direction[()]


def _elements(truth: _Problem, gradients: Sequence[Any], verdict: Verdict, tolerance: float, test: str) -> None:
    """Every element of every gradient against differences."""
    for index, (argument, gradient) in enumerate(zip(truth.moving, gradients, strict=True)):
        for element in np.ndindex(np.shape(argument)):
            factors = (1.0, 1j) if np.asarray(argument).dtype.kind == "c" else (1.0,)
            numbers = []
            for factor in factors:
                directions = [None] * len(truth.moving)
                directions[index] = _unit(argument, element, factor)
                numbers.append(extrapolated(_shifted(truth, directions), truth.step))
            expected = sum(number * factor for (number, _), factor in zip(numbers, factors, strict=True))
            doubt = sum(doubt for _, doubt in numbers)
            _compare(
                verdict, test, truth.names[index], element, np.asarray(gradient)[element], expected, doubt, tolerance
            )


def _directions(truth: _Problem, gradients: Sequence[Any], verdict: Verdict, tolerance: float, test: str) -> None:
    """Two random directions; if one of them disagrees, every element, to find the guilty one."""
    if not any(np.size(argument) for argument in truth.moving):
        return
    for _ in range(2):
        directions = [truth.random_like(argument) for argument in truth.moving]
        expected, doubt = extrapolated(_shifted(truth, directions), truth.step)
        engine = sum(inner(g, d) for g, d in zip(gradients, directions, strict=True))
        trial = Verdict()
        _compare(trial, test, "a random direction", None, engine, expected, doubt, tolerance)
        verdict.comparisons += trial.comparisons
        if trial.findings:
            known = len(verdict.findings)
            _elements(truth, gradients, verdict, tolerance, test)
            if len(verdict.findings) == known:
                verdict.findings.extend(trial.findings)
            return


def _complex_step(problem: _Problem, gradients: Sequence[Any], verdict: Verdict, before: str) -> None:
    """Every element against Im L(x + ih) / h, which has no rounding error to speak of."""
    if any(np.asarray(x).dtype != np.float64 for x in (*problem.moving, *problem.value)):
        return
    for index, (argument, gradient) in enumerate(zip(problem.moving, gradients, strict=True)):
        for element in np.ndindex(np.shape(argument)):
            for step, tolerance in COMPLEX_STEPS:
                moved = [np.asarray(x).astype(complex)[()] for x in problem.moving]
                moved[index] = moved[index] + _unit(moved[index], element, 1j * step)
                with np.errstate(all="ignore"):
                    results = problem.results(*moved)
                    expected = sum(np.sum(c * y).imag for c, y in zip(problem.cotangents, results, strict=True)) / step
                trial = Verdict()
                test = f"{before}derivative by the complex step"
                _compare(
                    trial, test, problem.names[index], element, np.asarray(gradient)[element], expected, 0.0, tolerance
                )
                if trial:
                    break
            verdict.comparisons += 1
            verdict.findings.extend(trial.findings)


def _compare(
    verdict: Verdict,
    test: str,
    name: str,
    element: tuple[int, ...] | None,
    engine: Any,
    expected: Any,
    doubt: float,
    tolerance: float,
) -> None:
    """Enter one comparison; numbers that cannot be trusted are a finding too, since they prove nothing."""
    verdict.comparisons += 1
    size = max(abs(expected), abs(engine), 1e-3)
    if not doubt <= 1e-4 * size:
        verdict.findings.append(
            Finding(f"{test} (the differences do not settle, ±{doubt:.1g})", name, element, engine, expected)
        )
    elif not abs(engine - expected) <= tolerance * size + 2 * doubt:
        verdict.findings.append(Finding(test, name, element, engine, expected))
