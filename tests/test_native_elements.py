"""The element operations of native kernels against the primitives that they stand for, and against the truth."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
import pytest
from ulps import distances, power_points, special_values, spread

from chainrule.lower.kernel import NUMPY_NAMES, SIZES, TYPE_OF
from chainrule.primitive import primitives
from chainrule.run.native import elements, engine
from chainrule.run.native.element_arithmetic import CONDITIONS
from chainrule.run.native.element_functions import BINARY, ONE_ARGUMENT, TWO_ARGUMENTS, UNARY
from chainrule.run.native.formats import REGISTERS
from chainrule.run.native.instructions import Body
from chainrule.run.native.vector_math import compile_operation, loop_text

pytest.importorskip("llvmlite")

DTYPES = {type_: np.dtype(name) for type_, name in NUMPY_NAMES.items()}
REALS = ("f32", "f64")
ON_X86 = engine.binding().get_process_triple().startswith("x86_64")
KINDS = ("host", engine.BASELINE) if ON_X86 else ("host",)
WIDTHS = {"host": (0, 1), engine.BASELINE: (0,)}  # 0: vectors of two registers, and single numbers at the end
ROUNDED = {*ONE_ARGUMENT, *TWO_ARGUMENTS, "elu"}  # judged by their distance from the truth
EXACT = sorted(set(elements.TABLE) - ROUNDED)
EITHER_ZERO = (
    "fmax",
    "fmin",
    "clip",
)  # of which NumPy itself takes one zero or the other, depending on the place in the array
PARAMETERS: dict[str, tuple[dict[str, Any], ...]] = {
    "leaky_relu": ({"slope": 0.01}, {"slope": 0.2}),
    "round": ({"decimals": 0}, {"decimals": 1}, {"decimals": 3}),
}
CASES = [(name, type_) for name in EXACT for type_ in elements.TABLE[name].types]


def values(type_: str) -> np.ndarray:
    """Special numbers of a type."""
    if type_ in REALS:
        return special_values(DTYPES[type_])
    if type_ == "b1":
        return np.array([False, True])
    limits = np.iinfo(DTYPES[type_])
    edges = [limits.min, limits.min + 1, limits.max, limits.max - 1]
    return np.array([0, 1, 2, 3, 5, 7, 31, 32, 63, 64, 1000, -1, -2, -3, -7, -64, *edges], DTYPES[type_])


def inputs(type_: str, arity: int) -> tuple[np.ndarray, ...]:
    """Every combination of special numbers (of some, for three arguments), and random ones."""
    special = values(type_)
    special = special[:: 1 + (arity == 3) * special.size // 20]
    grids = np.meshgrid(*[special] * arity)
    generator = np.random.default_rng(arity)
    if type_ in REALS:
        random = [generator.permutation(spread(DTYPES[type_], 500, seed=k)) for k in range(arity)]
    elif type_ == "b1":
        random = [generator.random(300) > 0.5 for _ in range(arity)]
    else:
        random = [generator.integers(-50, 50, 700).astype(DTYPES[type_]) for _ in range(arity)]
    return tuple(np.concatenate([grid.ravel(), more]) for grid, more in zip(grids, random, strict=True))


def run(
    name: str, arguments: tuple[np.ndarray, ...], result: Any, kind: str, width: int = 0, **parameters: Any
) -> np.ndarray:
    out = np.empty(arguments[0].shape, result)
    detail = tuple(sorted(parameters.items())) or None
    compile_operation(name, tuple(a.dtype for a in arguments), result, kind, width, detail)(out, *arguments)
    return out


def assert_same(found: np.ndarray, expected: np.ndarray, arguments: tuple[np.ndarray, ...], signs: bool = True) -> None:
    """Equal, or both NaN; also in the sign of zero unless that does not count."""
    assert found.dtype == expected.dtype
    same = found == expected
    if found.dtype.kind == "f":
        if signs:
            same &= np.signbit(found) == np.signbit(expected)
        same |= np.isnan(found) & np.isnan(expected)
    wrong = np.flatnonzero(~same)
    assert not wrong.size, [(*(a[i] for a in arguments), found[i], expected[i]) for i in wrong[:5].tolist()]


def execute(name: str, arguments: tuple[np.ndarray, ...], **parameters: Any) -> Any:
    with np.errstate(all="ignore"):
        return np.asarray(primitives[name].execute(*arguments, **parameters))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("name", "type_"), CASES)
def test_exact_operations_give_the_bits_of_the_primitive(name: str, type_: str, kind: str) -> None:
    element = elements.TABLE[name]
    arguments = inputs(type_, element.arity)
    for parameters in PARAMETERS.get(name, ({},)):
        if (
            name == "greater_part"
        ):  # a tie anywhere halves all of g and adds it to itself, which rounds the smallest numbers
            arguments = (np.where(np.abs(arguments[0]) < 1e-30, 1, arguments[0]).astype(DTYPES[type_]), *arguments[1:])
        expected = execute(name, arguments, **parameters)
        assert elements.supported(name, (type_,) * element.arity, TYPE_OF[expected.dtype.name], parameters)
        for width in WIDTHS[kind]:
            found = run(name, arguments, expected.dtype, kind, width, **parameters)
            assert_same(found, expected, arguments, signs=name not in EITHER_ZERO)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("source", REGISTERS)
@pytest.mark.parametrize("target", REGISTERS)
def test_casts_are_those_of_numpy(source: str, target: str, kind: str) -> None:
    if not ON_X86 and source in REALS and target in ("i64", "i32"):
        pytest.skip("NumPy converts numbers that do not fit in another way here")
    (x,) = inputs(source, 1)
    if source in REALS:
        edges = [2.0**31, 2.0**31 - 1, -(2.0**31), -(2.0**31) - 0.5, -(2.0**31) - 1, 2.0**63, -(2.0**63), 9.3e18, 3e9]
        x = np.concatenate([x, np.array([*edges, 0.7, -0.7], x.dtype)])
    expected = execute("astype", (x,), dtype=DTYPES[target])
    for width in WIDTHS[kind]:
        assert_same(run("cast", (x,), DTYPES[target], kind, width), expected, (x,))
    assert elements.supported("astype", (source,), target, (("dtype", DTYPES[target]),))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("type_", REGISTERS)
def test_where_and_keep_choose_without_computing(type_: str, kind: str) -> None:
    a, b = inputs(type_, 2)
    condition = np.random.default_rng(0).random(a.size) > 0.5
    for width in WIDTHS[kind]:
        assert_same(run("where", (condition, a, b), a.dtype, kind, width), np.where(condition, a, b), (condition, a, b))
        assert_same(run("keep", (a, condition), a.dtype, kind, width), execute("keep", (a, condition)), (a, condition))
        kept = execute("keep", (a, b))
        assert_same(run("keep", (a, b), a.dtype, kind, width), kept, (a, b))


@pytest.mark.parametrize("type_", REALS)
def test_clip_keeps_zero_as_numpy_does_with_single_bounds(type_: str) -> None:
    x = np.array([-0.0, 0.0], DTYPES[type_])
    for low, high in ((0.0, 1.0), (-0.0, 1.0), (-1.0, 0.0), (-1.0, -0.0)):
        bounds = [np.full_like(x, bound) for bound in (low, high)]
        expected = execute("clip", (x, x.dtype.type(low), x.dtype.type(high)))
        assert_same(run("clip", (x, *bounds), x.dtype, "host"), expected, (x, *bounds))


# -- functions that are rounded ----------------------------------------------------------------------------------------

WIDER = {
    "softplus": lambda x: np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))),
    "log_sigmoid": lambda x: -np.maximum(-x, 0) - np.log1p(np.exp(-np.abs(x))),
    "elu": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
    "angle": lambda x: np.where(np.isnan(x), x, np.where(np.signbit(x), np.longdouble("3.14159265358979323846"), 0)),
    "deviation_root": np.sqrt,
}
NOT_HERE = {
    *UNARY,
    *BINARY,
    "expit",
    "ndtr",
    "normal_cdf",
    "sinc",
    "power",
    "power_ufunc",
    "float_power",
    "logaddexp",
    "logaddexp2",
}
JUDGED = sorted(ROUNDED - NOT_HERE)


def judged_points(name: str, dtype: Any) -> tuple[np.ndarray, ...]:
    x = np.concatenate([special_values(dtype), spread(dtype, 3000)])
    if name not in ("hypot", "arctan2"):
        return (x,)
    special = np.meshgrid(*[special_values(dtype)] * 2)
    return tuple(
        np.concatenate([grid.ravel(), np.random.default_rng(k).permutation(x)]) for k, grid in enumerate(special)
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("type_", REALS)
@pytest.mark.parametrize("name", JUDGED)
def test_functions_are_within_two_ulp_of_the_truth(name: str, type_: str, kind: str) -> None:
    arguments = judged_points(name, DTYPES[type_])
    parameters = {"alpha": 1.0, "scale": 1.0} if name == "elu" else {}
    with np.errstate(all="ignore"):
        true = (WIDER.get(name) or getattr(np, name))(*(argument.astype(np.longdouble) for argument in arguments))
    expected = execute(name, arguments, **parameters)
    for width in WIDTHS[kind]:
        found = run(name, arguments, expected.dtype, kind, width, **parameters)
        distance = distances(found, true)
        i = int(np.argmax(distance))
        assert distance[i] <= 2, (*(argument[i] for argument in arguments), found[i], true[i])
        special = ~np.isfinite(expected) | (expected == 0)
        assert_same(found[special], expected[special], tuple(argument[special] for argument in arguments))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("type_", REALS)
def test_the_normal_distribution_is_within_two_ulp_of_the_truth(type_: str, kind: str) -> None:
    dtype = DTYPES[type_]
    limits = np.finfo(dtype)
    x = np.random.default_rng(0).uniform(-39 if type_ == "f64" else -14.5, 9, 1500).astype(dtype)
    found = run("normal_cdf", (x,), dtype, kind)
    for argument, result in zip(x.tolist(), found.tolist(), strict=True):
        with mpmath.workprec(150):
            true = mpmath.ncdf(mpmath.mpf(argument))
            exponent = max(int(mpmath.floor(mpmath.log(true, 2))), limits.minexp)
            assert abs(mpmath.mpf(result) - true) <= 2 * mpmath.mpf(2) ** (exponent - limits.nmant), argument
    x = np.array([-np.inf, np.inf, np.nan, 0.0, -0.0, -1e30, 1e30, -50.0], dtype)
    for width in WIDTHS[kind]:
        assert_same(run("normal_cdf", (x,), dtype, kind, width), execute("normal_cdf", (x,)), (x,))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("type_", REALS)
@pytest.mark.parametrize("name", ["logaddexp", "logaddexp2", "sinc"])
def test_functions_with_cancellation_are_close_to_the_primitive(name: str, type_: str, kind: str) -> None:
    """Where two numbers cancel, or near a zero beside an integer, the distance is in ulps of what goes in."""
    dtype = DTYPES[type_]
    a, b = judged_points("hypot", dtype)
    arguments = (a, b) if name != "sinc" else (a,)
    expected = execute(name, arguments)
    scale = np.maximum(np.abs(expected), 1 if name != "sinc" else 0)
    for width in WIDTHS[kind]:
        found = run(name, arguments, dtype, kind, width)
        finite = np.isfinite(expected)
        with np.errstate(over="ignore"):
            distance = np.abs(found[finite] - expected[finite]) / np.spacing(scale[finite])
        assert distance.max() <= 4
        assert_same(found[~finite], expected[~finite], tuple(argument[~finite] for argument in arguments))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("type_", REALS)
@pytest.mark.parametrize("name", ["power", "power_ufunc", "float_power"])
def test_powers_are_close_to_the_primitive(name: str, type_: str, kind: str) -> None:
    x, y = power_points(DTYPES[type_], 300)
    with np.errstate(all="ignore"):
        expected = execute(name, (x, y)).astype(x.dtype)
    found = run(name, (x, y), x.dtype, kind)
    finite = np.isfinite(expected)
    assert_same(found[~finite], expected[~finite], (x[~finite], y[~finite]))
    found, expected = found[finite], expected[finite]
    assert np.all(np.abs(found - expected) <= 3 * np.spacing(np.abs(expected)))


@pytest.mark.parametrize("type_", REALS)
@pytest.mark.parametrize("exponent", [-1, 0, 0.5, 1, 2, 3, 4])
def test_powers_with_plain_exponents_are_simpler_operations(exponent: float, type_: str) -> None:
    element = REGISTERS[type_]
    body = Body("double", fused=True, width=4)
    x = body.argument("x", f"<4 x {element}>")
    result = elements.apply(body, "power", type_, [x, body.at_width(1).value(exponent, element)])
    assert result.type == x.type
    assert len(body.lines) <= 2
    (numbers,) = inputs(type_, 1)
    simple = {-1: "reciprocal", 0.5: "sqrt", 1: "positive", 2: "square"}
    if exponent in simple:
        expected = execute("power", (numbers, exponent))
        assert_same(run(simple[exponent], (numbers,), numbers.dtype, "host"), expected, (numbers,))


# -- the table ---------------------------------------------------------------------------------------------------------

BY_NUMPY = {"astype", "astype_of_counts", "where", "keep"}  # not in the table: types of their own
CALLED = {
    "bitwise_count",
    "gcd",
    "i0",
    "i0_derivative",
    "lcm",
    "ldexp",
    "nextafter",
    "share_evenly",
    "sinc_derivative",
    "spacing",
}


def test_every_elementwise_primitive_is_native_or_known_to_be_called() -> None:
    known = {*elements.TABLE, *BY_NUMPY, *CALLED}
    of_numpy = {name for name, each in primitives.items() if each.elementwise and hasattr(np, name)}
    assert not of_numpy - known
    assert not any(elements.supported(name, ("f64",), "f64") for name in CALLED)


def test_types_that_do_not_fit_are_refused() -> None:
    assert not elements.supported("tanh", ("i64",), "f64")
    assert not elements.supported("add", ("f64", "f32"), "f64")
    assert not elements.supported("add", ("f64",), "f64")
    assert not elements.supported("add", ("c128", "c128"), "c128")
    assert not elements.supported("power", ("i64", "i64"), "i64")
    assert not elements.supported("subtract", ("b1", "b1"), "b1")
    assert not elements.supported("round", ("i64",), "i64", (("decimals", -2),))
    assert not elements.supported("round", ("f64",), "f64", (("decimals", 300),))
    assert not elements.supported("where", ("f64", "f64", "f64"), "f64")
    assert elements.supported("round", ("f64",), "f64", {"decimals": -2})


ALL_CASES = [(name, type_) for name, element in elements.TABLE.items() for type_ in element.types]


def text_of(name: str, type_: str, target: engine.Target, width: int = 0) -> str:
    element = elements.TABLE[name]
    detail = {"elu": {"alpha": 1.0, "scale": 1.0}, "leaky_relu": {"slope": 0.1}, "round": {"decimals": 1}}.get(name)
    return loop_text(name, (type_,) * element.arity, element.result or type_, target, width, detail)


@pytest.mark.parametrize("kind", [engine.BASELINE, engine.AARCH64])
@pytest.mark.parametrize("width", [1, 4, 32])
def test_every_operation_is_accepted_at_every_width(width: int, kind: str) -> None:
    for name, type_ in ALL_CASES:
        engine.binding().parse_assembly(text_of(name, type_, engine.target(kind), width)).verify()


@pytest.mark.parametrize("kind", [engine.BASELINE, engine.AARCH64])
@pytest.mark.parametrize("part", range(3))
def test_code_for_other_processors_calls_only_what_it_says(part: int, kind: str) -> None:
    chosen = engine.target(kind)
    try:
        chosen.machine()
    except engine.NativeCodeError as error:
        pytest.skip(str(error))
    for name, type_ in ALL_CASES[part::3]:
        text = engine.assembly(text_of(name, type_, chosen), chosen)
        called = {
            words[1].strip('"').split("@")[0]
            for words in map(str.split, text.splitlines())
            if words[:1] in (["bl"], ["callq"])
        }
        assert all(each.startswith("cr.") or each in ("fmod", "tan") for each in called), (name, type_, called)


def test_names_of_the_c_library_are_told() -> None:
    body = Body("double", fused=False, width=4)
    elements.apply(body, "tan", "f64", [body.argument("x")])
    elements.apply(body, "remainder", "f32", [body.argument("y", "<4 x float>")] * 2)
    assert body.externals == {"tan", "fmod"}


def test_single_numbers_and_vectors_in_one_stream() -> None:
    body = Body("double", fused=True)
    wide = body.at_width(4)
    row = elements.apply(body, "exp", "f64", [body.argument("x")])
    inner = elements.apply(wide, "multiply", "f64", [wide.argument("y"), row])
    assert (row.type, inner.type) == ("double", "<4 x double>")
    assert wide.lines is body.lines
    names = [line.split(" = ")[0] for line in body.lines]
    assert len(set(names)) == len(names)


def test_conditions_and_sizes_cover_the_kernel_types() -> None:
    assert set(SIZES) == set(REGISTERS) == set(DTYPES)
    assert set(CONDITIONS) <= set(elements.TABLE)
