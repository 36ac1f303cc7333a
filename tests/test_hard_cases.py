"""The 119 hard cases of `tests/data/hard_cases.json`: corner values that break gradient libraries, each by the file's own pass rule."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import ChainruleError

CASES = json.loads((Path(__file__).parent / "data" / "hard_cases.json").read_text(encoding="utf-8"))["cases"]
BY_NAME = {case["id"]: case for case in CASES}

# The ambitious cases that do not pass, with the reason. An entry that starts to pass fails its test: take it out then.
AMBITIOUS_FAILURES: dict[str, str] = {}


def numbers(written: Any, dtype: str = "float64") -> np.ndarray:
    """An array from JSON, in which nan and inf are strings and a complex number is [real, imaginary]."""
    if np.dtype(dtype).kind == "c":
        pairs = np.array(written, float)
        return (pairs[..., 0] + 1j * pairs[..., 1]).astype(dtype)
    return np.array(written, dtype=object).astype(float).astype(dtype)


def lay_out(array: np.ndarray, layout: str) -> np.ndarray:
    """The same numbers in the memory layout that a case asks for."""
    if layout == "F":
        return np.asfortranarray(array)
    if layout == "stride0":
        repeated = np.broadcast_to(array[:1], array.shape)
        assert np.array_equal(repeated, array)
        return repeated
    if layout == "bigendian":
        swapped = array.astype(array.dtype.newbyteorder(">"))
        swapped.flags.writeable = False
        return swapped
    assert layout == "C"
    return np.ascontiguousarray(array) if array.ndim else array


def argument(entry: dict[str, Any]) -> Any:
    array = numbers(entry["value"], entry["dtype"]).reshape(entry["shape"])
    array = lay_out(array, entry["layout"])
    if entry["layout"] == "F":
        assert array.flags.f_contiguous
    if entry["layout"] == "stride0":
        assert 0 in array.strides
    return array if array.ndim else array[()]


def function(expression: str) -> Any:
    """The case's program, as a user would have written it at the top of a file."""
    space: dict[str, Any] = {"np": np}
    exec(compile(textwrap.dedent(expression), "<hard case>", "exec"), space)
    return space["f"]


def derivatives(case: dict[str, Any]) -> tuple[Any, ...]:
    """What chainrule says, one entry for each expected one."""
    f = function(case["expression"])
    arguments = [argument(entry) for entry in case["inputs"]]
    if case["kind"] == "nested":
        return (cr.grad(lambda x: f(x, cr.grad))(*arguments),)
    if case["order"] == "hess":
        return (cr.hessian(f)(*arguments),)
    derivative = f
    for _ in range(case["order"] - 1):
        derivative = cr.grad(derivative)
    return cr.grad(derivative, tuple(range(len(arguments))))(*arguments)


def agrees(found: Any, expected: np.ndarray, case: dict[str, Any]) -> bool:
    """The file's pass rule: |found − expected| ≤ atol + rtol·|expected| elementwise; NaN equals NaN; shape and kind match."""
    found = np.asarray(found)
    if found.shape != expected.shape or found.dtype.kind != expected.dtype.kind:
        return False
    same = (found == expected) | (np.isnan(found) & np.isnan(expected))
    with np.errstate(invalid="ignore"):
        close = np.abs(found - expected) <= case["atol"] + case["rtol"] * np.abs(expected)
    return bool(np.all(same | (close & np.isfinite(expected))))


def arrays(values: list[Any], case: dict[str, Any]) -> list[np.ndarray]:
    """Expected derivatives as arrays; the derivative by a complex argument is complex."""
    kinds = [np.dtype(entry["dtype"]).kind for entry in case["inputs"]]
    return [
        numbers(value, "complex128" if kind == "c" else "float64") for value, kind in zip(values, kinds, strict=True)
    ]


def verdict(case: dict[str, Any], found: tuple[Any, ...]) -> str | None:
    """Nothing where the case passes, else what is wrong."""
    alternatives = [case["expected"], *(case["accept_also"] or [])]
    right = any(
        all(agrees(f, e, case) for f, e in zip(found, arrays(alternative, case), strict=True))
        for alternative in alternatives
    )
    if not right and case["accept_interval"]:
        low, high = (numbers(bound) for bound in case["accept_interval"])
        middle = np.asarray(found[0])
        slack = case["atol"] + case["rtol"] * np.abs(middle)
        right = middle.shape == low.shape and bool(np.all((middle >= low - slack) & (middle <= high + slack)))
    if not right:
        return f"got {found}, expected {case['expected']} ({case['why']})"
    if case["expected_dtype"] and [str(np.asarray(f).dtype) for f in found] != case["expected_dtype"]:
        return f"got dtypes {[str(np.asarray(f).dtype) for f in found]}, expected {case['expected_dtype']}"
    return None


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", BY_NAME)
def test_hard_case(name: str) -> None:
    case = BY_NAME[name]
    if case["kind"] == "value_or_raise":
        try:
            found = derivatives(case)
        except ChainruleError:
            return  # refused by name: never a wrong number
    else:
        found = derivatives(case)
    problem = verdict(case, found)
    if name in AMBITIOUS_FAILURES:
        assert problem is not None, f"{name} passes now: take it out of AMBITIOUS_FAILURES"
        pytest.xfail(AMBITIOUS_FAILURES[name])
    assert problem is None, problem


def test_enough_of_the_ambitious_cases_pass() -> None:
    ambitious = {case["id"] for case in CASES if case["level"] == "ambitious"}
    assert len(CASES) == 119
    assert set(AMBITIOUS_FAILURES) <= ambitious  # a `must` or `convention` case has no excuse
    assert len(AMBITIOUS_FAILURES) <= 0.2 * len(ambitious)


@pytest.mark.parametrize("wrong", [1.0 + 1e-9, np.nan, np.inf, -1.0])
def test_the_pass_rule_rejects_wrong_numbers(wrong: float) -> None:
    case = BY_NAME["where_sqrt_inactive"]
    assert verdict(case, (np.array([1.0, 1.0]),)) is None
    assert verdict(case, (np.array([1.0, wrong]),)) is not None
    assert verdict(case, (np.array([1.0, 1.0, 1.0]),)) is not None
    assert verdict(case, (np.array([1.0 + 0j, 1.0]),)) is not None
    infinite = BY_NAME["sqrt_at_zero"]
    assert verdict(infinite, (np.float64(np.inf),)) is None
    assert verdict(infinite, (np.float64(1.0),)) is not None
    single = BY_NAME["float32_stays"]
    assert verdict(single, (np.array([2.0, 4.0, 6.0]),)) is not None  # right numbers in the wrong dtype
