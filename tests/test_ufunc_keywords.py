"""Every keyword of ufuncs and of their methods: where out dtype casting order subok axis keepdims initial signature."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from gradient_checker import check

import chainrule as cr
from chainrule.primitive import primitives, ufuncs


@pytest.fixture(autouse=True)
def _numpy_may_complain() -> Iterator[None]:
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        for category in (RuntimeWarning, DeprecationWarning, np.exceptions.ComplexWarning):
            warnings.simplefilter("ignore", category)
        yield


UFUNCS = sorted(
    (
        u
        for u in ufuncs
        if isinstance(u, np.ufunc)
        and getattr(np, u.__name__, None) is u
        and u.signature is None
        and u.nout == 1
        and u.nin <= 2
    ),
    key=lambda u: u.__name__,
)
SMOOTH = [
    u for u in UFUNCS
    if any(p.forward is u and p.vjp is not None for p in primitives.values()) and "d" * u.nin + "->d" in u.types
]  # fmt: skip


def ufunc_inputs(ufunc: Any) -> list[Any]:
    """Numbers inside the declared domain, apart from each other."""
    record = next(p for p in primitives.values() if p.forward is ufunc)
    domains = [record.domain[min(index, len(record.domain) - 1)] for index in range(ufunc.nin)]
    fractions = [np.array([[0.15, 0.52, 0.83], [0.71, 0.34, 0.22]]), np.array([[0.63, 0.27, 0.44], [0.18, 0.88, 0.57]])]
    return [low + (high - low) * part for (low, high), part in zip(domains, fractions, strict=False)]


MASK = np.array([[True, False, True], [False, True, True]])


@pytest.mark.parametrize("ufunc", SMOOTH, ids=lambda u: u.__name__)
def test_ufunc_where_and_out(ufunc: Any) -> None:
    inputs = ufunc_inputs(ufunc)
    check(lambda *a: ufunc(*a, out=a[0] * 0.5), *inputs, order=1).assert_right("out=")
    check(lambda *a: ufunc(*a, out=(a[0] * 0.5,), where=MASK), *inputs, order=1).assert_right("out= and where=")
    check(lambda *a: ufunc(*a, a[0] * 0.5), *inputs, order=1).assert_right("out by position")
    with pytest.raises(cr.errors.ChainruleError, match="where="):
        cr.vjp(lambda *a: ufunc(*a, where=MASK), *inputs)
    with pytest.raises(cr.errors.ChainruleError, match="out="):
        cr.vjp(lambda *a: ufunc(*a, out=np.empty((2, 3))), *inputs)


@pytest.mark.parametrize(
    "keywords",
    [
        {"dtype": np.longdouble},
        {"dtype": "d", "casting": "safe"},
        {"casting": "unsafe"},
        {"order": "F"},
        {"subok": False},
        {"where": True},
        {"out": None},
    ],
    ids=str,
)
@pytest.mark.parametrize("ufunc", SMOOTH, ids=lambda u: u.__name__)
def test_ufunc_keywords_that_change_no_number(ufunc: Any, keywords: dict[str, Any]) -> None:
    inputs = ufunc_inputs(ufunc)
    if keywords.get("dtype") is np.longdouble and "g" * ufunc.nin + "->g" not in ufunc.types:
        return
    check(lambda *a: ufunc(*a, **keywords), *inputs, order=1).assert_right(str(keywords))
    assert cr.vjp(lambda *a: ufunc(*a, **keywords), *inputs)[0].dtype == ufunc(*inputs, **keywords).dtype


@pytest.mark.parametrize("ufunc", SMOOTH, ids=lambda u: u.__name__)
def test_ufunc_keywords_that_are_refused(ufunc: Any) -> None:
    inputs = ufunc_inputs(ufunc)
    with pytest.raises(cr.errors.UnsupportedError, match="signature="):
        cr.vjp(lambda *a: ufunc(*a, signature="d" * ufunc.nin + "->d"), *inputs)
    with pytest.raises((cr.errors.ChainruleError, TypeError), match=r"dtype|cast"):
        cr.vjp(lambda *a: ufunc(*a, dtype="i8", casting="same_kind"), *inputs)
    with pytest.raises((cr.errors.ChainruleError, TypeError), match=r"axis|keepdims"):
        cr.vjp(lambda *a: ufunc(*a, axis=0), *inputs)


# Not power and arctan2: with AVX-512, NumPy 2.4 folds them wrongly along a contiguous axis (0.45, 1.32, 0.83 give 0.45 ** 0.83).
FOLDS = [
    np.add,
    np.multiply,
    np.subtract,
    np.divide,
    np.maximum,
    np.minimum,
    np.fmax,
    np.hypot,
    np.logaddexp,
    np.float_power,
]
UFUNC_METHODS: dict[str, Callable[..., Any]] = {
    "reduce": lambda f, x: f.reduce(x),
    "reduce axis=1": lambda f, x: f.reduce(x, axis=1),
    "reduce axis=(0,)": lambda f, x: f.reduce(x, axis=(0,)),
    "reduce axis=None": lambda f, x: f.reduce(x, axis=None),
    "reduce axis=(0, 1)": lambda f, x: f.reduce(x, axis=(0, 1)),
    "reduce keepdims=True": lambda f, x: f.reduce(x, axis=1, keepdims=True),
    "reduce initial=1.5": lambda f, x: f.reduce(x, axis=0, initial=1.5),
    "reduce where=": lambda f, x: f.reduce(x, axis=0, where=MASK, initial=1.2),
    "reduce dtype=": lambda f, x: f.reduce(x, dtype=np.longdouble),
    "reduce out=": lambda f, x: f.reduce(x, axis=0, out=x[0] * 0.5),
    "accumulate": lambda f, x: f.accumulate(x),
    "accumulate axis=1": lambda f, x: f.accumulate(x, axis=1),
    "accumulate dtype=": lambda f, x: f.accumulate(x, dtype=np.longdouble),
    "accumulate out=": lambda f, x: f.accumulate(x, out=x * 0.5),
    "outer": lambda f, x: f.outer(x[0], x[1]),
    "outer out=": lambda f, x: f.outer(x[0], x[1], out=np.zeros((3, 3)) + 0.0 * np.sum(x)),
    "outer dtype=": lambda f, x: f.outer(x[0], x[1], dtype=np.longdouble),
    "reduceat": lambda f, x: f.reduceat(x, [0, 2, 1], axis=1),
    "reduceat dtype=": lambda f, x: f.reduceat(x, [0, 2], axis=1, dtype=np.longdouble),
    "reduceat out=": lambda f, x: f.reduceat(x, [0, 2], axis=1, out=x[:, :2] * 0.5),
}


@pytest.mark.parametrize("method", UFUNC_METHODS)
@pytest.mark.parametrize("ufunc", FOLDS, ids=lambda u: u.__name__)
def test_methods_of_ufuncs_and_their_keywords(ufunc: Any, method: str) -> None:
    x = np.array([[0.45, 1.32, 0.83], [1.11, 0.64, 1.52]])
    try:
        truth = UFUNC_METHODS[method](ufunc, x)
    except (ValueError, TypeError):
        with pytest.raises((ValueError, TypeError, cr.errors.ChainruleError)):
            cr.vjp(lambda x: UFUNC_METHODS[method](ufunc, x), x)
        return
    try:
        verdict = check(lambda x: UFUNC_METHODS[method](ufunc, x), x, order=1)
    except cr.errors.UnsupportedError as error:
        refusal = str(error)
        assert ("where=" in refusal and "where" in method) or ("several axes" in refusal and "axis" in method), refusal
        return
    verdict.assert_right(method)
    value = cr.vjp(lambda x: UFUNC_METHODS[method](ufunc, x), x)[0]
    assert value.dtype == truth.dtype
    np.testing.assert_allclose(value, truth, rtol=1e-13)


@pytest.mark.parametrize(
    "ufunc", [np.add, np.subtract, np.multiply, np.negative, np.exp, np.maximum], ids=lambda u: u.__name__
)
def test_ufunc_at_adds_every_time_or_is_refused(ufunc: Any) -> None:
    def program(x: Any, y: Any) -> Any:
        x = x * 1.0
        ufunc.at(x, [0, 2, 0], y) if ufunc.nin == 2 else ufunc.at(x, [0, 2, 0])
        return x * x

    x, y = np.array([0.5, 1.5, 2.5]), np.array([0.3, 0.7, 1.1])
    if ufunc in (np.add, np.subtract):
        check(program, x, y).assert_right()
    else:
        try:
            check(program, x, y).assert_right()
        except cr.errors.UnsupportedError as error:
            refusal = str(error)
            assert f"numpy.{ufunc.__name__}.at" in refusal
