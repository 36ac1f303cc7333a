"""Nothing false is printed: every derivation holds where the rules are right, and says which line does not where one is wrong."""

from __future__ import annotations

import linecache
import random
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import formula_reader
import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from primitive_cases import Case, cases
from random_programs import Program, programs
from test_hard_cases import BY_NAME, argument, function
from test_worked_derivations import known, lines

import chainrule as cr
from chainrule.errors import ArgumentError, ChainruleError
from chainrule.explain.derivation import Derivation
from chainrule.explain.document import Paragraph
from chainrule.explain.printing.text import text_of
from chainrule.primitive import primitives

# -- no false alarm --------------------------------------------------------------------------------------------------------


def assert_true(one: Derivation, gradients: dict[str, Any]) -> None:
    """Every equality holds, and the gradients are those of the engine, bit for bit."""
    assert one.failures == ()
    assert one.verified[0] == one.verified[1] > 0
    assert one.holds
    for name, gradient in gradients.items():
        if name in one.gradients:
            assert np.asarray(one.gradients[name]).tobytes() == np.asarray(gradient).tobytes(), name


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@settings(
    max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, phases=(Phase.generate,)
)
@given(programs())
def test_random_programs(program: Program) -> None:
    names = tuple(program.arguments)
    gradients = cr.grad(program.function(), names)(*program.arguments.values())
    one = cr.derive(program.function(), *program.arguments.values(), wrt=names)
    assert set(one.gradients) == set(names)
    assert_true(one, dict(zip(names, gradients, strict=True)))
    assert one.text()


def differentiable_cases() -> Iterator[tuple[str, int, Case]]:
    for name, record in sorted(primitives.items()):
        if record.vjp is None or record.outputs != 1:
            continue
        for index, case in enumerate(cases(record)[:2]):
            yield name, index, case


REGISTRY = list(differentiable_cases())


def weighted(case: Case) -> tuple[Callable[..., Any], list[int]] | None:
    """The operation with its result weighted and added up, and which of its inputs it can be differentiated by."""
    moving = [index for index, value in enumerate(case.inputs) if np.asarray(value).dtype.kind == "f"]
    with np.errstate(all="ignore"):
        result = np.asarray(case(*case.inputs))
    if not moving or result.dtype.kind != "f" or not result.size or not np.isfinite(result).all():
        return None
    weights = np.random.default_rng(2).uniform(0.5, 1.5, result.shape)

    def f(*inputs: Any) -> Any:
        return np.sum(weights * case(*inputs))

    return f, moving


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("name", "index", "case"), REGISTRY, ids=[f"{name}-{index}" for name, index, _ in REGISTRY])
def test_the_right_rule_of_every_operation_raises_no_alarm(name: str, index: int, case: Case) -> None:
    program = weighted(case)
    if program is None:
        return
    f, moving = program
    one = cr.derive(f, *case.inputs, wrt=tuple(moving))
    assert one.holds, (str(case), one.failures)
    gradients = cr.grad(f, tuple(moving))(*case.inputs)
    for found, expected in zip(one.gradients.values(), gradients, strict=True):
        assert np.asarray(found).tobytes() == np.asarray(expected).tobytes()


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", [name for name, case in BY_NAME.items() if case["kind"] != "nested"])
def test_hard_cases_at_their_points(name: str) -> None:
    case = BY_NAME[name]
    f = function(case["expression"])
    arguments = [argument(entry) for entry in case["inputs"]]
    positions = tuple(range(len(arguments)))
    if any(np.iscomplexobj(one) for one in arguments):
        with pytest.raises(ArgumentError, match="derive writes real equations"):
            cr.derive(f, *arguments, wrt=positions)
        return
    try:
        gradients = cr.grad(f, positions)(*arguments)
    except ChainruleError as error:
        refusal = type(error)
    else:
        refusal = None
    if refusal is not None:
        try:
            stopped = cr.derive(f, *arguments, wrt=positions)
        except refusal:
            return  # refused by name
        assert stopped.failure is not None  # derived up to the line that is refused
        assert stopped.failure.kind == refusal.__name__
        return
    one = cr.derive(f, *arguments, wrt=positions)
    assert one.failures == (), one.failures
    for found, expected in zip(one.gradients.values(), gradients, strict=True):
        assert np.array_equal(found, expected, equal_nan=True)


def test_a_gradient_that_cancels_to_nothing_is_no_false_alarm() -> None:
    def f(x: Any, y: Any, z: Any) -> Any:
        a = 0.1 * x
        b = 0.2 * x
        c = -0.3 * x
        return a * y + b * y + c * y + z

    one = cr.derive(f, 1.7051514778774224, 1.1, 3.0)
    assert one.failures == ()


# -- planted wrong rules ---------------------------------------------------------------------------------------------------

X, Y, V, M = (
    np.array([0.5, 1.5, -0.7]),
    np.array([2.0, -1.0, 0.3]),
    np.array([1.0, 2.0]),
    np.array([[1.0, 2.0], [3.0, -1.0]]),
)


def changed(rules: Any, place: int, wrong: Callable[..., Any]) -> Any:
    return tuple(wrong(rule) if index == place else rule for index, rule in enumerate(rules))


def sign(rule: Any) -> Any:
    return lambda g, y, *x, **p: -rule(g, y, *x, **p)


def factor(rule: Any) -> Any:
    return lambda g, y, *x, **p: rule(g, y, *x, **p) * 2.0


def hair(rule: Any) -> Any:
    return lambda g, y, *x, **p: rule(g, y, *x, **p) * 1.001


def unity(rule: Any) -> Any:
    return lambda g, y, *x, **p: g * 1.0


def squared(rule: Any) -> Any:
    return lambda g, y, *x, **p: rule(g, y, *x, **p) * y


PLANTED: list[tuple[str, int, Callable[..., Any], Callable[..., Any], tuple[Any, ...]]] = [
    ("multiply", 0, sign, lambda a, b: a * b, (2.0, 3.0)),
    ("multiply", 0, lambda rule: lambda g, y, a, b: g * a, lambda a, b: a * b, (2.0, 3.0)),  # the inputs swapped
    ("divide", 1, factor, lambda a, b: a / b, (2.0, 3.0)),
    ("subtract", 1, sign, lambda a, b: a - b, (2.0, 3.0)),
    ("tanh", 0, hair, lambda a: np.tanh(a), (0.4,)),
    ("exp", 0, unity, lambda a: np.exp(a), (0.4,)),
    ("log", 0, squared, lambda a: np.log(a), (0.4,)),
    ("sqrt", 0, factor, lambda a: np.sqrt(a), (0.4,)),
    ("sigmoid", 0, lambda rule: lambda g, y, a: g * y * (1 + y), lambda a: cr.sigmoid(a), (0.4,)),
    ("sin", 0, sign, lambda a: np.sin(a), (0.4,)),
    ("maximum", 0, factor, lambda a, b: np.maximum(a, b), (3.0, 2.0)),
    ("absolute", 0, sign, lambda a: np.abs(a), (-3.0,)),
    ("sum", 0, factor, lambda a: np.sum(a * a), (X,)),
    ("mean", 0, lambda rule: lambda g, y, x, **p: rule(g, y, x, **p) * x.size, lambda a: np.mean(a * a), (X,)),
    ("matmul", 0, sign, lambda a, b: np.sum((a @ b) ** 2), (M, V)),
    (
        "matmul",
        1,
        lambda rule: lambda g, y, a, b, **p: a @ g,
        lambda a, b: np.sum((a @ b) ** 2),
        (M, V),
    ),  # not transposed
    ("cumsum", 0, lambda rule: lambda g, y, x, **p: g * 1.0, lambda a: np.sum(np.cumsum(a) ** 2), (X,)),
    ("square", 0, factor, lambda a: np.square(a), (3.0,)),
]


@pytest.fixture
def planted(request: pytest.FixtureRequest) -> Iterator[tuple[str, Callable[..., Any], tuple[Any, ...]]]:
    name, place, wrong, f, arguments = PLANTED[request.param]
    record = primitives[name]
    right = record.vjp
    object.__setattr__(record, "vjp", changed(right, place, wrong))
    yield name, f, arguments
    object.__setattr__(record, "vjp", right)


@pytest.mark.parametrize(
    "planted", range(len(PLANTED)), indirect=True, ids=[f"{row[0]}-{index}" for index, row in enumerate(PLANTED)]
)
@pytest.mark.parametrize("lang", ["en", "ko"])
def test_a_wrong_rule_is_found_and_its_line_is_said(
    planted: tuple[str, Callable[..., Any], tuple[Any, ...]], lang: str
) -> None:
    name, f, arguments = planted
    one = cr.derive(f, *arguments, lang=lang)
    assert not one.holds
    held, total = one.verified
    assert held < total
    wrong = [check for check in one.failures if check.kind == "rule"]
    assert wrong
    assert all(name in check.detail.split(", ") for check in wrong)
    numbers = {step.number for step in one.steps}
    text = " ".join(one.text().split())
    for check in wrong:
        assert check.number in numbers
        said = {
            "en": f"Line ({check.number}) does NOT hold: the derivative rule of {check.detail} is not how the value really changes.",
            "ko": f"({check.number}) 줄은 성립하지 않는다: {check.detail}의 미분 규칙이 값의 실제 변화와 다르다.",
        }[lang]
        assert said in text
    warned = [block for block in one.document().blocks if isinstance(block, Paragraph) and block.role == "warning"]
    assert len(warned) == len(one.failures)
    assert f"{held}" in text
    assert f"{total}" in text


@pytest.mark.parametrize("index", range(len(PLANTED)), ids=[f"{row[0]}-{index}" for index, row in enumerate(PLANTED)])
def test_the_same_programs_hold_with_the_right_rules(index: int) -> None:
    *_, f, arguments = PLANTED[index]
    one = cr.derive(f, *arguments)
    assert one.holds
    assert "NOT" not in one.text()


def test_only_the_step_with_the_wrong_rule_is_blamed() -> None:
    def f(x: Any, y: Any) -> Any:
        a = x * y
        b = np.tanh(a)
        c = b + x
        return c * c

    record = primitives["tanh"]
    right = record.vjp
    object.__setattr__(record, "vjp", changed(right, 0, sign))
    try:
        one = cr.derive(f, 0.3, 0.8)
    finally:
        object.__setattr__(record, "vjp", right)
    blamed = {check.line for check in one.failures}
    assert blamed == {"a"}  # tanh is how b changes with a, and that is the line of ∂f/∂a
    (number,) = {check.number for check in one.failures}
    assert text_of(one.steps[number - 1].gradient.box) == "∂f/∂a"


# -- what is printed, read by the rules of school --------------------------------------------------------------------------


def written(rng: random.Random, names: list[str], depth: int) -> str:
    """An expression of numbers, as source."""
    if depth == 0 or rng.random() < 0.15:
        return rng.choice(names) if rng.random() < 0.8 else rng.choice(["2", "3.0", "0.5", "-1.5", "4", "10", "0.1"])

    def part() -> str:
        return written(rng, names, depth - 1)

    kind = rng.randrange(11)
    if kind < 7:
        return f"({part()} {'++--**/'[kind]} {part()})"
    if kind == 7:
        return f"(-{part()})"
    if kind == 8:
        return f"({part()}) ** {rng.choice(['2', '3', '-1', '-2'])}"
    if kind == 9:
        return f"{rng.choice(['np.sin', 'np.cos', 'np.tanh', 'np.abs', 'cr.sigmoid'])}({part()})"
    return f"np.{rng.choice(['maximum', 'minimum'])}({part()}, {part()})"


def scalar_program(seed: int) -> tuple[str, list[float]]:
    rng = random.Random(seed)
    names, body = ["x", "y", "z"], []
    for target in ["a", "b", "u", "L"][-rng.randrange(1, 5) :]:
        body.append(f"    {target} = {written(rng, names, rng.randrange(1, 4))}")
        names.append(target)
    return "def program(x, y, z):\n" + "\n".join(body) + "\n    return L\n", [rng.uniform(-2, 2) for _ in range(3)]


def tame(one: Derivation) -> bool:
    """Numbers that survive rounding to six digits."""
    sizes = [
        abs(float(symbol.value)) for symbol in (*one.program.symbols.values(), *one.program.gradient_symbols.values())
    ]
    return all(size == 0 or 1e-2 < size < 1e2 for size in sizes) and "σ" not in one.text()


@pytest.mark.parametrize("first", range(0, 600, 100))
def test_what_is_printed_is_what_is_meant(first: int) -> None:
    """Random programs of numbers: each side of each line, read without knowing how it was made, has the line's value."""
    read = wrong = programs_read = 0
    found: list[str] = []
    for seed in range(first, first + 100):
        source, arguments = scalar_program(seed)
        name = f"<scalar program {seed}>"
        linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
        space: dict[str, Any] = {"np": np, "cr": cr}
        exec(compile(source, name, "exec"), space)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                with np.errstate(
                    divide="raise", invalid="raise", over="raise"
                ):  # programs that divide by 0 are skipped
                    space["program"](*map(np.float64, arguments))
                one = cr.derive(space["program"], *arguments)
            except (ChainruleError, ArithmeticError, ValueError):
                continue  # integers to negative powers, or a result that does not depend on the arguments
        assert one.holds, (source, arguments, one.failures)
        programs_read += 1
        values, exact = known(one), tame(one)
        for line in lines(one):
            for (sign, box), value in zip(line.steps, line.values[1:], strict=True):
                if sign == "≈" and not exact:
                    continue
                try:
                    number = formula_reader.read(text_of(box), values)
                except (formula_reader.UnreadableError, ArithmeticError):
                    continue
                read += 1
                relative, least = (
                    (1e-2, 1e-3) if sign == "≈" else (1e-9, 1e-9)
                )  # what six digits leave where terms cancel
                if abs(number - value) > relative * max(abs(number), abs(value)) + least:
                    wrong += 1
                    found.append(
                        f"{arguments}\n{source}{text_of(line.left) if line.left else ''} {sign} {text_of(box)}: {number}, not {value}"
                    )
    assert programs_read > 40
    assert read > 500
    assert not wrong, f"{wrong} of {read}:\n" + "\n".join(found[:5])
