"""The native mathematics against mpmath, NumPy's special values and NumPy's own validation set."""

from __future__ import annotations

import csv
import importlib
from pathlib import Path

import numpy as np
import pytest
from benchmarks import polynomials as problems
from ulps import power_points, special_values, spread, worst

from chainrule.lower.kernel import TYPE_OF
from chainrule.run.native import engine, polynomials
from chainrule.run.native.elements import supported
from chainrule.run.native.vector_math import (
    BINARY,
    UNARY,
    compile_binary,
    compile_operation,
    compile_unary,
    loop_text,
    real_type,
)

pytest.importorskip("llvmlite")

DTYPES = (np.float32, np.float64)
ON_X86 = engine.binding().get_process_triple().startswith("x86_64")
KINDS = ("host", engine.BASELINE) if ON_X86 else ("host",)
POINTS = 60_000  # of each of six kinds
DATA = Path(np.__file__).parent / "_core" / "tests" / "data"
LIMIT = 2.0  # ulp


def apply(name: str, *arguments: np.ndarray, kind: str = "host") -> np.ndarray:
    out = np.empty_like(arguments[0])
    (compile_unary if name in UNARY else compile_binary)(name, out.dtype, kind)(out, *arguments)
    return out


def text_of(name: str, dtype: type, target: engine.Target, width: int = 0) -> str:
    type_ = TYPE_OF[np.dtype(dtype).name]
    return loop_text(name, (type_,) * (1 if name in UNARY else 2), type_, target, width)


def numpy_value(name: str, *arguments: np.ndarray) -> np.ndarray:
    """What NumPy (for those that it lacks: their formula) gives, for special values only."""
    with np.errstate(all="ignore"):
        if name == "sigmoid":
            return 1 / (1 + np.exp(-arguments[0]))
        if name == "rsqrt":
            return 1 / np.sqrt(arguments[0])
        if name == "erf":
            return np.copysign(np.where(np.abs(arguments[0]) >= 6, 1, arguments[0]), arguments[0])
        return getattr(np, name)(*arguments)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", UNARY)
def test_the_error_is_at_most_two_ulp(name: str, dtype: type, kind: str) -> None:
    x = spread(dtype, POINTS)
    largest, point = worst(name, apply(name, x, kind=kind), (x,))
    assert largest <= LIMIT, point


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_the_error_of_power_is_at_most_two_ulp(dtype: type, kind: str) -> None:
    x, y = power_points(dtype, POINTS * 3 // 2)
    largest, point = worst("power", apply("power", x, y, kind=kind), (x, y))
    assert largest <= LIMIT, point


@pytest.mark.nightly
@pytest.mark.parametrize("seed", range(1, 9))
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", [*UNARY, *BINARY])
def test_the_error_is_at_most_two_ulp_on_many_points(name: str, dtype: type, seed: int) -> None:
    arguments = (spread(dtype, 500_000, seed),) if name in UNARY else power_points(dtype, 500_000, seed)
    largest, point = worst(name, apply(name, *arguments), arguments, judged=2000)
    assert largest <= LIMIT, point


@pytest.mark.nightly
@pytest.mark.parametrize("name", UNARY)
def test_every_61st_number_of_float32(name: str) -> None:
    step = 61 << 16
    for first in range(0, 1 << 32, step):
        x = np.arange(first, min(first + step, 1 << 32), 61, dtype=np.uint64).astype(np.uint32).view(np.float32)
        largest, point = worst(name, apply(name, x), (x,), judged=2)
        assert largest <= LIMIT, point


def assert_same(found: np.ndarray, expected: np.ndarray, where: np.ndarray, arguments: tuple[np.ndarray, ...]) -> None:
    """Equal with the sign of zero, or both NaN, at the places `where`."""
    same = ((found == expected) & (np.signbit(found) == np.signbit(expected))) | (np.isnan(found) & np.isnan(expected))
    wrong = np.flatnonzero(where & ~same)
    assert not wrong.size, [(*(a[i] for a in arguments), found[i], expected[i]) for i in wrong[:5].tolist()]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", UNARY)
def test_special_values_are_those_of_numpy(name: str, dtype: type, kind: str) -> None:
    x = special_values(dtype)
    found, expected = apply(name, x, kind=kind), numpy_value(name, x)
    special = ~np.isfinite(expected) | np.isin(np.abs(expected), (0, 1))
    if name in ("sin", "cos", "erf", "tanh", "sigmoid"):  # not where NumPy rounds to 1 what is not
        special &= ~np.isfinite(x) | (np.abs(x) < 1e-30) | (np.abs(x) > 1000) & (name not in ("sin", "cos"))
    if name in ("sigmoid",):  # whose formula overflows where the function is only small
        special &= ~((x < 0) & np.isfinite(x) & (np.abs(x) > 80))
    assert special.sum() >= 4
    assert_same(found, expected, special, (x,))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_special_values_of_power_are_those_of_numpy(dtype: type, kind: str) -> None:
    values = special_values(dtype)
    x, y = (np.ascontiguousarray(grid.ravel()) for grid in np.meshgrid(values, values))
    found, expected = apply("power", x, y, kind=kind), numpy_value("power", x, y)
    special = (
        ~np.isfinite(x) | ~np.isfinite(y) | np.isin(np.abs(x), (0, 1)) | np.isin(y, (0, 1)) | ~np.isfinite(expected)
    )
    assert_same(found, expected, special | (expected == 0), (x, y))


@pytest.mark.parametrize("dtype", DTYPES)
def test_exact_cases_are_exact(dtype: type) -> None:
    integers = np.arange(-20, 21).astype(dtype)
    assert np.array_equal(apply("exp2", integers), np.ldexp(dtype(1), np.arange(-20, 21)))
    assert np.array_equal(apply("log2", apply("exp2", integers)), integers)
    odd = np.array([0.0, -0.0], dtype)
    for name in ("sin", "tanh", "erf", "expm1", "log1p", "sqrt"):
        assert np.array_equal(np.signbit(apply(name, odd)), [False, True]), name
    assert apply("sigmoid", odd).tolist() == [0.5, 0.5]
    assert apply("cos", odd).tolist() == [1, 1]
    base = np.arange(1, 13).astype(dtype)
    assert np.array_equal(apply("power", base, np.full_like(base, 3)), base**3)
    assert np.array_equal(apply("power", -base, np.full_like(base, 2)), base * base)


@pytest.mark.parametrize("dtype", DTYPES)
def test_results_stay_within_the_range_of_the_function(dtype: type) -> None:
    x = spread(dtype, POINTS, seed=3)
    for name in ("sin", "cos", "tanh", "erf"):
        found = apply(name, x)
        assert np.nanmax(np.abs(found)) <= 1, name
    found = apply("sigmoid", x)
    assert np.nanmin(found) >= 0
    assert np.nanmax(found) <= 1


def validation_rows(name: str) -> dict[type, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """dtype → (inputs, expected outputs, allowed ulps) of NumPy's validation set."""
    rows: dict[type, list[tuple[int, int, int]]] = {dtype: [] for dtype in DTYPES}
    with (DATA / f"umath-validation-set-{name}.csv").open(encoding="utf-8") as file:
        lines = [line for line in file if line.startswith("np.")]
    for type_name, given, expected, allowed in csv.reader(lines):
        dtype = np.float32 if type_name == "np.float32" else np.float64
        rows[dtype].append((int(given, 16), int(expected, 16), int(allowed)))
    found = {}
    for dtype, listed in rows.items():
        whole = np.dtype(f"u{np.dtype(dtype).itemsize}")
        columns = list(zip(*listed, strict=True))
        given, expected = (np.array(column, whole).view(dtype) for column in columns[:2])
        found[dtype] = (given, expected, np.array(columns[2]))
    return found


SETS = sorted(path.stem.removeprefix("umath-validation-set-") for path in DATA.glob("umath-validation-set-*.csv"))


def test_numpy_ships_its_validation_set_and_all_of_it_is_native() -> None:
    assert {"arccos", "cbrt", "exp", "expm1", "log", "log1p", "sinh", "tan", "tanh", "sin", "cos"} <= set(SETS)
    assert all(supported(name, (type_,), type_) for name in SETS for type_ in ("f32", "f64"))
    assert sum(x.size for name in SETS for x, _, _ in validation_rows(name).values()) >= 26_610


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", SETS)
def test_numpys_validation_set(name: str, kind: str) -> None:
    for dtype, (x, expected, allowed) in validation_rows(name).items():
        found = np.empty_like(x)
        compile_operation(name, (np.dtype(dtype),), np.dtype(dtype), kind)(found, x)
        whole = np.dtype(f"i{np.dtype(dtype).itemsize}")
        finite = np.isfinite(expected)
        assert_same(found, expected, ~finite, (x,))
        order = [
            np.where(a.view(whole) < 0, -(a.view(whole) & np.iinfo(whole).max), a.view(whole))
            for a in (found, expected)
        ]
        apart = np.abs(order[0] - order[1])
        assert np.all(apart[finite] <= np.minimum(allowed, LIMIT)[finite]), (dtype, x[finite][np.argmax(apart[finite])])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", [*UNARY, *BINARY])
def test_a_value_does_not_depend_on_its_position(name: str, dtype: type) -> None:
    x = np.concatenate([spread(dtype, 40, seed=5), special_values(dtype)])
    arguments = (x,) if name in UNARY else (x, x[::-1].copy())
    whole = apply(name, *arguments)
    for i in range(x.size):
        one = apply(name, *(argument[i : i + 1].copy() for argument in arguments))
        assert np.array_equal(one, whole[i : i + 1], equal_nan=True), (name, x[i], one, whole[i])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["tanh", "sin", "log"])
def test_every_length_and_alignment(name: str, dtype: type) -> None:
    size = np.dtype(dtype).itemsize
    whole = np.abs(spread(dtype, 30, seed=7)[60:])
    expected = apply(name, whole)
    for length in (*range(70), 100, whole.size):
        for offset in (0, 1, 3):
            buffer = np.zeros(offset + length * size + 8, np.uint8)
            out = buffer[offset : offset + length * size].view(dtype)
            source = np.zeros(offset + length * size, np.uint8)[offset:].view(dtype)
            source[:] = whole[:length]
            compile_unary(name, dtype)(out, source)
            assert np.array_equal(out, expected[:length], equal_nan=True)
            assert not buffer[offset + length * size :].any()  # nothing beyond the end was written
            compile_unary(name, dtype)(source, source)  # in place
            assert np.array_equal(source, expected[:length], equal_nan=True)


BOUNDARIES = {
    "exp": [(k + 0.5) * np.log(2) for k in (-20, -1, 0, 1, 50)],
    "expm1": [0.5 * np.log(2), 1.5 * np.log(2), -0.5 * np.log(2), 30.0],
    "log": [np.sqrt(0.5), np.sqrt(2), 1.0, np.sqrt(8), 1e-30],
    "log1p": [np.sqrt(0.5) - 1, np.sqrt(2) - 1, 2.0, 100.0],
    "log2": [np.sqrt(0.5), np.sqrt(2), 1.0],
    "tanh": [0.375 * np.log(2), 0.875 * np.log(2), 1.375 * np.log(2), 0.55, 0.75],
    "sigmoid": [0.5 * np.log(2), -0.5 * np.log(2), -3.0, -700.0],
    "erf": [1.0, -1.0, 0.5],
    "sin": [np.pi / 4, -np.pi / 4, 7 * np.pi / 4],
    "exp2": [0.5, 1.5, -3.5],
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", BOUNDARIES)
def test_functions_rise_across_the_boundaries_of_their_reductions(name: str, dtype: type) -> None:
    whole = np.dtype(f"i{np.dtype(dtype).itemsize}")
    for middle in BOUNDARIES[name]:
        start = np.array([abs(middle)], dtype).view(whole)[0]
        x = (start + 32 * np.arange(-300, 301, dtype=whole)).view(dtype)
        x = np.sort(np.copysign(x, dtype(middle)))
        assert np.all(np.diff(apply(name, x)) >= 0), (name, middle)


@pytest.mark.parametrize("name", [*UNARY, *BINARY])
@pytest.mark.parametrize("dtype", DTYPES)
def test_code_for_aarch64_is_vectorised_and_calls_nothing(name: str, dtype: type) -> None:
    chosen = engine.target(engine.AARCH64)
    try:
        chosen.machine()
    except engine.NativeCodeError as error:
        pytest.skip(str(error))
    text = engine.assembly(text_of(name, dtype, chosen), chosen)  # verified on the way
    lanes = "2d" if dtype is np.float64 or name == "power" else "4s"
    assert f".{lanes}" in text
    calls = [line.split()[1] for line in text.splitlines() if line.strip().startswith("bl\t")]
    assert all(call.startswith("cr.") for call in calls), calls


@pytest.mark.skipif(not ON_X86, reason="looks at x86-64 instructions")
def test_the_baseline_uses_nothing_newer_than_sse2() -> None:
    chosen = engine.target(engine.BASELINE)
    for name in UNARY:
        text = engine.assembly(text_of(name, np.float64, chosen), chosen)
        assert "ymm" not in text
        assert "vfmadd" not in text
        calls = [line.split()[1] for line in text.splitlines() if line.strip().startswith("callq")]
        assert all(call.strip('"').startswith("cr.") for call in calls), (name, calls)


@pytest.mark.parametrize("name", ["EXPONENTIAL_32", "TANGENT_32", "SINE_32", "COSINE_32", "POWER_OF_TWO_40"])
def test_the_coefficients_can_be_made_again(name: str) -> None:
    coefficients, error = problems.solve(problems.PROBLEMS[name])
    assert coefficients == getattr(polynomials, name)
    assert error < 2.0 ** (-26 if name.endswith("32") else -34)


def test_every_set_of_coefficients_has_its_problem() -> None:
    kept = {name for name in vars(polynomials) if name.isupper()}
    assert kept == set(problems.PROBLEMS)


@pytest.mark.parametrize("name", [*UNARY, *BINARY])
@pytest.mark.parametrize("width", [2, 4, 8, 16, 32])
def test_every_width_is_accepted(name: str, width: int) -> None:
    for dtype in DTYPES:
        for kind in (engine.BASELINE, engine.AARCH64):
            text = text_of(name, dtype, engine.target(kind), width)
            engine.binding().parse_assembly(text).verify()


def test_errors_are_letters() -> None:
    with pytest.raises(TypeError, match="float32 and float64, not for int64"):
        real_type(np.int64)
    with pytest.raises(ValueError, match="contiguous arrays of float64, float64 of one shape"):
        compile_unary("exp", np.float64)(np.ones(3), np.ones(4))
    with pytest.raises(ValueError, match="LLVM does not accept"):
        engine.optimise("define nonsense", engine.target())
    with pytest.raises(engine.NativeCodeError, match="cannot make code for no-such"):
        engine.target("no-such-processor").machine()


def test_a_missing_llvmlite_is_a_letter(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ImportError(f"No module named {name!r}")

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(engine.NativeCodeError, match="pip install llvmlite"):
        engine.binding.__wrapped__()


def test_the_environment_forces_the_baseline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAINRULE_NATIVE_TARGET", engine.BASELINE)
    engine.target.cache_clear()
    try:
        assert engine.target().features == "+sse2"
    finally:
        engine.target.cache_clear()
