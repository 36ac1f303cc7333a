"""Python out: what `write_python` writes runs without chainrule and gives its bits: the whole registry, random and real programs."""

from __future__ import annotations

import ast
import builtins
import importlib.util
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.special
from hypothesis import HealthCheck, given, settings
from primitive_cases import Case, cases, complex_twin, numbers, refused_inputs, retyped, same
from random_programs import MOSTLY_WRITES, Program, programs

import chainrule as cr
from chainrule.explain.python import constants, write_python
from chainrule.explain.python_text import Names, literal
from chainrule.ops.scipy_rules import connect_scipy
from chainrule.primitive import primitives
from chainrule.trees import leaves

assert scipy.special
connect_scipy()
ROOT = Path(__file__).resolve().parent.parent


def _without_chainrule(name: str, *rest: Any, **keywords: Any) -> Any:
    if name.split(".")[0] == "chainrule":
        raise ImportError("a written program needs no chainrule")
    return __import__(name, *rest, **keywords)


def run(text: str, *args: Any, **keywords: Any) -> tuple[Any, dict[str, Any]]:
    """The program's value and gradients, run where chainrule cannot be imported."""
    space: dict[str, Any] = {
        "__name__": "written",
        "__builtins__": {**vars(builtins), "__import__": _without_chainrule},
    }
    exec(compile(text, "<written program>", "exec"), space)
    return space["value_and_gradients"](*args, **keywords)


def assert_same_bits(f: Any, *args: Any) -> str:
    """Write f at these arguments (all of them inputs), run it, and compare with the engine; the text."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        graph = cr.trace(f, *args)
        text = write_python(graph, graph.inputs)
        value, found = run(text, *[leaf for arg in args for leaf in leaves(arg)], **constants(graph, graph.inputs))
        expected_value, expected = cr.value_and_grad(f, wrt=tuple(range(len(args))))(*args)
    assert same(value, expected_value), f"value {value!r} instead of {expected_value!r}\n{text}"
    for (name, gradient), right in zip(found.items(), leaves(expected), strict=True):
        assert same(gradient, right), f"d/d{name}: {gradient!r} instead of {right!r}\n{text}"
    assert all(len(line) <= 160 for line in text.splitlines()), text
    return text


# -- every operation ---------------------------------------------------------------------------------------------------


def loss_of(case: Case, positions: list[int]) -> Any:
    """A number made of all results of an operation with weights that are not all the same."""

    def loss(*moving: Any) -> Any:
        inputs = list(case.inputs)
        for position, value in zip(positions, moving, strict=True):
            inputs[position] = value
        results = case(*inputs)
        total = np.float64(0.0)
        for part in results if isinstance(results, tuple) else (results,):
            weights = np.cos(np.arange(np.size(part))).reshape(np.shape(part)) + 1.5
            total = total + np.sum(np.real(part * weights))
        return total

    return loss


# What cannot be written, with the reason; empty.
UNWRITTEN: dict[str, str] = {}


@pytest.mark.parametrize("name", sorted(primitives))
def test_every_operation_gives_the_engines_bits(name: str) -> None:
    if name in UNWRITTEN:
        pytest.skip(UNWRITTEN[name])
    record = primitives[name]
    for case in cases(record):
        positions = [i for i in numbers(case) if i not in refused_inputs(record)]
        if not positions:
            continue
        variants = [case]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            twin = complex_twin(case) if record.complex_input else None
        if twin is not None:
            variants.append(twin)
        if not any(np.iscomplexobj(v) for v in case.inputs):
            single = retyped(case, ("float32",) * sum(np.asarray(v).dtype.kind == "f" for v in case.inputs))
            variants.append(Case(record, single, case.parameters, case.special))
        for variant in variants:
            f = loss_of(variant, positions)
            arguments = [variant.inputs[i] for i in positions]
            try:
                with warnings.catch_warnings(), np.errstate(all="ignore"):
                    warnings.simplefilter("ignore")
                    cr.value_and_grad(f, wrt=tuple(range(len(positions))))(*arguments)
            except (cr.errors.ChainruleError, TypeError):
                assert variant is not case, f"{case} has no gradient"
                continue  # complex numbers or float32 are not for this one
            assert_same_bits(f, *arguments)


# -- random programs ---------------------------------------------------------------------------------------------------


@settings(max_examples=150, suppress_health_check=list(HealthCheck), deadline=None)
@given(programs())
def test_random_programs(program: Program) -> None:
    assert_same_bits(program.function(), *program.arguments.values())


@settings(max_examples=100, suppress_health_check=list(HealthCheck), deadline=None)
@given(programs(statements=12, kinds=MOSTLY_WRITES))
def test_random_programs_that_write_into_arrays(program: Program) -> None:
    assert_same_bits(program.function(), *program.arguments.values())


# -- programs of the posts and of the examples -------------------------------------------------------------------------


def product_graph(x: Any, y: Any, z: Any) -> Any:
    q = x + y
    f = q * z
    loss = (-10.0 - f) ** 2
    return loss


def sigmoid_network(w: Any) -> Any:
    x1, x2, t1, t2 = 0.05, 0.1, 0.01, 0.99
    h1 = cr.sigmoid(w[0] * x1 + w[1] * x2)
    h2 = cr.sigmoid(w[2] * x1 + w[3] * x2)
    o1 = cr.sigmoid(w[4] * h1 + w[5] * h2)
    o2 = cr.sigmoid(w[6] * h1 + w[7] * h2)
    return 0.5 * (t1 - o1) ** 2 + 0.5 * (t2 - o2) ** 2


def norm_of_a_map(W: Any, x: Any) -> Any:
    q = W @ x
    f = np.sum(q**2)
    return f


def regularised(W: Any, v: Any, x: Any, y: Any, lam: Any) -> Any:
    a = W @ x
    h = cr.sigmoid(a)
    yhat = v @ h
    J = (yhat - y) ** 2 + lam * (np.sum(W**2) + np.sum(v**2))
    return J


RNG = np.random.default_rng(7)


def code_lines(text: str) -> list[str]:
    """The lines of the function, without comments."""
    tree = ast.parse(text)
    function = next(
        node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "value_and_gradients"
    )
    return [ast.unparse(node) for node in function.body[1:]]


def test_the_product_graph() -> None:
    text = assert_same_bits(product_graph, -2.0, 5.0, -4.0)
    value, gradients = run(text, -2.0, 5.0, -4.0)
    assert (value, gradients) == (4.0, {"x": 16.0, "y": 16.0, "z": -12.0})
    lines = code_lines(text)
    for wanted in ("q = x + y", "f = q * z", "d_f = -d_t1", "d_q = d_f * z", "d_z = d_f * q", "d_x = d_q", "d_y = d_q"):
        assert wanted in lines, text
    assert "    q = x + y  # scalar, line " in text
    assert "    d_q = d_f * z  # through f = q * z\n" in text


def test_networks_of_the_posts() -> None:
    assert_same_bits(sigmoid_network, np.array([0.15, 0.2, 0.25, 0.3, 0.4, 0.45, 0.5, 0.55]))
    text = assert_same_bits(norm_of_a_map, np.array([[0.1, 0.5], [-0.3, 0.8]]), np.array([0.2, 0.4]))
    assert "d_x = W.T @ d_q" in code_lines(text) or "d_x = d_q @ W" in text
    text = assert_same_bits(regularised, RNG.normal(size=(3, 2)), RNG.normal(size=3), RNG.normal(size=2), 0.5, 0.1)
    assert "d_a = d_h * (h * (1 - h))" in code_lines(text), text


def digits() -> Any:
    specification = importlib.util.spec_from_file_location("digits", ROOT / "examples" / "digits.py")
    assert specification is not None
    assert specification.loader is not None
    sys.path.insert(0, str(ROOT / "examples"))
    try:
        module = importlib.util.module_from_spec(specification)
        sys.modules["digits"] = module
        specification.loader.exec_module(module)
    finally:
        sys.path.remove(str(ROOT / "examples"))
    return module


def test_a_step_of_the_digits_network() -> None:
    module = digits()
    parameters = module.initial_parameters(RNG)
    labels = RNG.integers(0, 10, 128)
    text = assert_same_bits(
        lambda params, images: module.loss(params, images, labels), parameters, RNG.random((128, 64))
    )
    assert "def value_and_gradients(W1, b1, W2, b2, images):" in text
    backward = text[text.index("Backward pass") :]
    assert backward.count("\n") < 40, text


def test_a_written_program_runs_in_a_python_without_chainrule(tmp_path: Path) -> None:
    graph = cr.trace(product_graph, -2.0, 5.0, -4.0)
    file = tmp_path / "written.py"
    file.write_text(write_python(graph, graph.inputs), encoding="utf-8")
    check = (
        f"import runpy, sys\nrunpy.run_path({str(file)!r}, run_name='__main__')\n"
        "assert not [name for name in sys.modules if name.startswith('chainrule')]"
    )
    done = subprocess.run([sys.executable, "-I", "-c", check], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[:4] == ["loss = 4.0", "dloss/dx = 16.0", "dloss/dy = 16.0", "dloss/dz = -12.0"]


# -- sizes -------------------------------------------------------------------------------------------------------------


def test_the_text_grows_linearly() -> None:
    def chain(count: int) -> Any:
        def f(x: Any) -> Any:
            for _ in range(count // 2):
                y = np.sin(x)
                x = y * 1.01
            return x

        return f

    sizes = []
    for count in (1000, 10_000):
        graph = cr.trace(chain(count), 0.3)
        text = write_python(graph, graph.inputs)
        sizes.append(len(text))
    assert sizes[1] < 12 * sizes[0]
    value, found = run(text, 0.3)
    expected = cr.value_and_grad(chain(10_000))(0.3)
    assert same(value, expected[0])
    assert same(found["x"], expected[1])


def test_many_reads_of_single_elements_stay_linear() -> None:
    def f(x: Any) -> Any:
        total = x[0] * 0.5
        for i in range(1, 1000):
            total = total + x[i] * x[i - 1]
        return total

    text = assert_same_bits(f, RNG.normal(size=1000))
    assert "d_x[999] += " in text


def test_large_constants_are_arguments_and_small_ones_are_written() -> None:
    data = RNG.normal(size=2000)
    weights = RNG.normal(size=30)
    text = assert_same_bits(lambda x: np.sum(x * data) * np.sum(x * weights), 1.5)
    assert "def value_and_gradients(x, *, constant_1):" in text
    assert "keyword arguments: constant_1 (2000,)." in " ".join(text.split())
    assert "\nconstant_2 = np.array(\n" in text
    with pytest.raises(TypeError, match="constant_1"):
        run(text, 1.5)


# -- kinds of values and programs --------------------------------------------------------------------------------------


def test_kinds_of_numbers() -> None:
    assert_same_bits(lambda x: np.sum(x * 2.0 + np.float64(1.5)), np.linspace(0, 1, 5, dtype=np.float32))
    assert_same_bits(lambda x: x * np.float32(0.1) + np.float32(3), np.float32(0.7))
    assert_same_bits(lambda z: np.sum(np.abs(z * (1 - 2j)) ** 2) + np.real(1j * z[0]), np.array([0.3 + 1j, -1.0 + 0j]))
    assert_same_bits(lambda z: np.abs(np.exp(1j * z)), 0.4)
    assert_same_bits(lambda x: np.sum(x * 3), np.array(2.0))
    assert_same_bits(lambda x: np.reshape(x * 3, (1, 1)), 2.0)
    assert_same_bits(lambda x: np.sum(x.T @ np.asfortranarray(RNG_MATRIX)), np.asfortranarray(RNG_MATRIX))
    assert_same_bits(lambda x: np.sum(np.tanh(x + BOX.transpose(2, 0, 1))), np.float64(0.3))


RNG_MATRIX = RNG.normal(size=(7, 7))
BOX = RNG.normal(size=(5, 6, 7))


def test_zeros_are_kept_where_a_branch_was_not_taken() -> None:
    f = lambda x, y: np.sum(np.where(x > 0, np.sqrt(x), 0.0) * y)  # noqa: E731
    text = assert_same_bits(f, np.array([0.0, 1.0, 4.0]), np.array([1.0, 2.0, 3.0]))
    assert "zero_where_untaken(" in text
    assert 'with np.errstate(all="ignore"):' in text
    assert "is infinite or not a number" in text
    text = assert_same_bits(lambda x: np.sum(np.log(x)), np.array([0.0, 1.0]))  # an infinity of the user's own
    assert "np.inf" not in text
    assert_same_bits(
        lambda a, x: np.sum(np.where(x > 0, a @ x, 0.0)), np.array([[np.inf, 1.0], [1.0, 1.0]]), np.array([0.0, 1.0])
    )


def test_writes_into_arrays() -> None:
    def f(x: Any, h: Any) -> Any:
        y = np.zeros_like(x)
        y[0] = x[0]
        for i in range(1, len(x)):
            y[i] = y[i - 1] * h + x[i]
        y[1:] *= 2.0
        return np.max(y) + np.sum(y[::2])

    assert_same_bits(f, np.array([0.3, 1.0, 2.0, -1.0]), 0.5)


def test_negative_zeros_and_repeated_indices() -> None:
    assert_same_bits(lambda x: x[0] * -0.0 + x[1] * 2.0, np.array([1.0, 2.0]))
    index = np.array([0, 0, 1, 0])
    assert_same_bits(
        lambda x: np.sum(x[index] * np.array([0.1, 0.2, 0.3, 0.7])) + np.sum(x[index] ** 3), np.array([1.1, 2.0])
    )
    assert_same_bits(lambda x: np.sum(x[:, index] * 0.1) + x[0, 1] + np.sum(x[index[:2], 1:]), RNG.normal(size=(3, 2)))


def test_functions_of_the_users_own_are_written_out() -> None:
    block = cr.checkpoint(lambda x: np.tanh(x) * np.sin(x))
    square = cr.custom_derivative(lambda x: x * x, vjp=lambda g, y, x: g * 2 * x)
    pair = cr.checkpoint(lambda x, y: (x * y, {"s": x + np.exp(y)}))

    def f(x: Any) -> Any:
        b = block(x)
        c = square(b)
        p, q = pair(c, x)
        return np.sum(p) + np.sum(q["s"])

    text = assert_same_bits(f, np.array([0.3, 1.0, 4.0]))
    assert "c = b * b" in code_lines(text)
    assert "d_b = d_c * 2 * b" in code_lines(text)


def test_a_function_that_cannot_be_recorded_is_refused_by_name() -> None:
    def lookup(x: Any) -> Any:
        return float(x) * 2.0

    f = cr.custom_derivative(lookup, vjp=lambda g, y, x: g * 2.0)
    graph = cr.trace(lambda x: f(x) * x, 3.0)
    with pytest.raises(cr.errors.ArgumentError, match="lookup cannot be written as Python: it runs outside chainrule"):
        write_python(graph, graph.inputs)
    f = cr.custom_derivative(lambda x: x * 2.0, vjp=lambda g, y, x: float(g) * 2.0)
    graph = cr.trace(lambda x: f(x) * x, 3.0)
    with pytest.raises(
        cr.errors.ArgumentError, match=r"The vjp of <lambda> cannot be written as Python: it leaves NumPy\. float"
    ):
        write_python(graph, graph.inputs)
    calls = []

    def counting(x: Any) -> Any:
        calls.append(x)
        return x * len(calls)

    f = cr.custom_derivative(counting, vjp=lambda g, y, x: g)
    graph = cr.trace(lambda x: f(x), 3.0)
    with pytest.raises(cr.errors.ArgumentError, match="counting cannot be written as Python: called again"):
        write_python(graph, graph.inputs)


def test_inputs_on_which_nothing_depends() -> None:
    text = assert_same_bits(lambda x, y, z: np.floor(x) + y, 1.5, 2.0, np.ones((2, 3)))
    assert '"z": np.zeros((2, 3))' in text
    assert_same_bits(lambda x: x, 2.0)
    graph = cr.trace(lambda x, y: x * y, 2.0, 3.0)
    text = write_python(graph, graph.inputs[1:])
    assert run(text, 2.0, 3.0)[1] == {"y": 2.0}
    assert "d_x" not in text


def test_gradients_belong_to_the_caller() -> None:
    graph = cr.trace(lambda x, y: np.sum(x + y), np.ones(3), np.ones(3))
    _, found = run(write_python(graph, graph.inputs), np.ones(3), np.ones(3))
    found["x"] += 1.0
    assert np.array_equal(found["y"], np.ones(3))


# -- names -------------------------------------------------------------------------------------------------------------


def test_names_that_python_or_the_program_uses_are_told_apart() -> None:
    def f(np_: Any, d_x: Any, t1: Any, sum: Any) -> Any:  # noqa: A002
        sigmoid = cr.sigmoid(np_ * d_x)
        x = sigmoid + t1 * sum
        x = x * x
        constant_1 = x + 1.0
        return constant_1 * np.sum(np_ * WEIGHTS)

    text = assert_same_bits(f, 0.5, 1.5, 2.0, 3.0)
    assert "def value_and_gradients(np_, d_x, t1, sum_):" in text
    assert "grad_x" in text
    assert "x_2 = x * x" in code_lines(text)


WEIGHTS = RNG.normal(size=25)


def test_names_of_containers_and_given_names() -> None:
    text = assert_same_bits(
        lambda layers: np.sum(layers[0]["W"] * layers[1]["W"]), [{"W": np.ones(2)}, {"W": np.ones(2)}]
    )
    assert "def value_and_gradients(W, W_2):" in text
    text = assert_same_bits(lambda p: p[0] * p[1], [1.0, 2.0])
    assert "def value_and_gradients(p_0, p_1):" in text
    graph = cr.trace(lambda x, y: x * y, 2.0, 3.0)
    text = write_python(graph, graph.inputs, names={graph.inputs[0]: "θ", graph.outputs[0]: "J"}, title='A "title"')
    assert "J = θ * y" in code_lines(text)
    assert "d_θ = d_J * y" in code_lines(text)
    assert text.startswith('"""A "title"')
    assert "#" not in write_python(graph, graph.inputs, comments=False)


def test_long_lines_are_broken_where_python_allows_it() -> None:
    def f(*parts: Any) -> Any:
        everything = np.concatenate([np.sin(part) * index for index, part in enumerate(parts)])
        return np.sum(everything * np.concatenate(parts))

    text = assert_same_bits(f, *[np.linspace(0.1, 1.0, 3) + index for index in range(12)])
    code = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    assert max(map(len, code)) <= 100, text
    text = assert_same_bits(lambda x: np.sum(x * WEIGHTS) + np.sum(cr.softmax(x)[:3]) * 2, WEIGHTS * 2)
    assert max(len(line) for line in text.splitlines() if '"""' not in line) <= 100, text


def test_a_seed_of_the_callers() -> None:
    graph = cr.trace(lambda x: x * x, np.array([1.0, 2.0]))
    seed = np.array([10.0, 100.0])
    text = write_python(graph, graph.inputs, seed=seed)
    _, pullback = cr.vjp(lambda x: x * x, np.array([1.0, 2.0]))
    assert same(run(text, np.array([1.0, 2.0]))[1]["x"], pullback(seed)[0])


def test_names_and_literals() -> None:
    names = Names()
    assert [names.new(n) for n in ("x", "x", "for", "print", "a.b", "1")] == [
        "x",
        "x_2",
        "for_",
        "print_",
        "a_b",
        "v_1",
    ]
    for value in (
        0.1, -0.0, np.inf, -np.inf, 3, True, None, "a'b\"c", 2 - 1j, complex(-0.0, 1.0), complex(1.0, np.inf), np.float32(0.1),
        np.float16(0.1), np.int8(-3), np.bool_(True), np.complex64(1 + 2j), np.dtype("int32"), (1,), (1, slice(2)), [1.5], {"a": 1},
        np.zeros((0, 3)), np.full(9, -0.0), np.arange(7), np.array(2.5), np.array([[1, 2], [3, 4]], np.int8), np.array([True, False]),
        np.asfortranarray(RNG_MATRIX), BOX[:3, :2, :4].transpose(2, 0, 1).copy(order="K"), np.array([np.nan, np.inf, -0.0]),
        np.array([1 + 2j, complex(0.0, -0.0)], np.complex64),
    ):  # fmt: skip
        made = eval(literal(value).source, {"np": np})
        assert type(made) is type(value)
        if isinstance(value, np.ndarray | np.generic | float | complex):
            assert same(made, value), literal(value)
            assert getattr(made, "strides", ()) == getattr(value, "strides", ()) or not np.size(value)
        else:
            assert made == value
    with pytest.raises(cr.errors.ArgumentError, match=r"builtins\.object has no form as Python source text"):
        literal(object())


# -- what cannot be written --------------------------------------------------------------------------------------------


def test_errors_say_what_to_do() -> None:
    two = cr.trace(lambda x: (x, x * x), 2.0)
    with pytest.raises(cr.errors.ArgumentError, match="one output, and this one has 2"):
        write_python(two, two.inputs)
    array = cr.trace(lambda x: x * x, np.ones(3))
    with pytest.raises(cr.errors.ArgumentError, match=r"one number as the output.*Reduce it"):
        write_python(array, array.inputs)
    with pytest.raises(cr.errors.ArgumentError, match=r"The seed has shape \(2,\), and the output has shape \(3,\)"):
        write_python(array, array.inputs, seed=np.ones(2))
    step = cr.trace(lambda x: x > 1, 2.0)
    with pytest.raises(cr.errors.ArgumentError, match="a step function, whose derivative is 0"):
        write_python(step, step.inputs)
    with pytest.raises(cr.errors.ArgumentError, match="is no input of the graph"):
        write_python(cr.trace(lambda x: x * x, 2.0), two.inputs)

    def inside(x: Any) -> Any:
        graph = cr.trace(lambda y: y * y, x)
        write_python(graph, graph.inputs)
        return x

    with pytest.raises(cr.errors.ArgumentError, match="recorded inside another differentiation"):
        cr.grad(inside)(2.0)
