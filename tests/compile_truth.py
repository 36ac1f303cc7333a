"""Compiled functions against the functions themselves: same results, bit for bit, types and containers included; same errors."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

import chainrule as cr
from chainrule.compile import Compiled, CompileWarning
from chainrule.trees import children


def difference(found: Any, expected: Any, path: str = "result", tolerance: float = 0.0) -> str | None:
    """What tells two results apart: types, containers, dtypes, shapes, bits (all NaN are equal); None where nothing does."""
    if type(found) is not type(expected):
        return f"{path}: {type(found)} {found!r}, and not {type(expected)} {expected!r}"
    below, wanted = children(found), children(expected)
    if wanted is not None and below is not None:
        if [step for step, _ in below] != [step for step, _ in wanted]:
            return f"{path}: other containers"
        pairs = zip(below, wanted, strict=True)
        return next((d for (s, a), (_, b) in pairs if (d := difference(a, b, path + s, tolerance)) is not None), None)
    if isinstance(expected, np.ndarray | np.generic):
        if found.dtype != expected.dtype or found.shape != expected.shape:
            return f"{path}: {found.dtype}{found.shape}, and not {expected.dtype}{expected.shape}"
        same = found == expected
        if found.dtype.kind == "f":
            same &= np.signbit(found) == np.signbit(expected)
        same |= (found != found) & (expected != expected)
        if tolerance and expected.dtype.kind in "fc":
            same |= np.isclose(found, expected, rtol=tolerance, atol=tolerance)
        return None if np.all(same) else f"{path}: {found!r}, and not {expected!r}"
    same = found == expected or (isinstance(expected, float) and found != found and expected != expected)
    return None if same else f"{path}: {found!r}, and not {expected!r}"


def outcome(function: Callable[..., Any], args: Any, kwargs: Any) -> tuple[str, Any, Any]:
    """What a call does: its result or its error, and what became of its arguments."""
    args, kwargs = copy.deepcopy((args, kwargs))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = function(*args, **kwargs)
    except Exception as error:
        return "error", (type(error), str(error)), None
    return "result", result, (args, kwargs)


def assert_same(compiled: Compiled, *args: Any, tolerance: float = 0.0, **kwargs: Any) -> None:
    """A compiled function does what the function does."""
    found, expected = outcome(compiled, args, kwargs), outcome(compiled.__wrapped__, args, kwargs)
    assert found[0] == expected[0], f"{found}\n{expected}"
    if found[0] == "error":
        assert found[1] == expected[1]
        return
    told = difference(found[1], expected[1], tolerance=tolerance)
    assert told is None, told
    told = difference(found[2], expected[2], "the arguments afterwards", tolerance)
    assert told is None, told


def numpy_compile(function: Any, **options: Any) -> Compiled:
    """`cr.compile` with the executor that gives NumPy's own bits."""
    return cr.compile(function, executor="numpy", **options)


def compiled_without_warning(function: Callable[..., Any], **options: Any) -> Compiled:
    """A compiled function which fails where it would run uncompiled."""
    made = cr.compile(function, **{"executor": "numpy", **options})

    def refuse(reason: str) -> None:
        raise AssertionError(f"runs uncompiled: {reason}")

    made._warn = refuse  # type: ignore[method-assign]
    return made


__all__ = ["CompileWarning", "assert_same", "compiled_without_warning", "difference", "numpy_compile", "outcome"]
