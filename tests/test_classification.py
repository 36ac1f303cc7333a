"""Every function of NumPy is classified once: it has a rule, its gradient is zero by nature, or it is refused with advice."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.testing.overrides
import pytest

import chainrule as cr
from chainrule import numpy_protocol, primitive
from chainrule.boundary import lift, next_level
from chainrule.ops import classification
from chainrule.ops.classification import REFUSED, RULE, UNCLASSIFIED, ZERO, state_of

FUNCTIONS = numpy.testing.overrides.get_overridable_numpy_array_functions()
UFUNCS = numpy.testing.overrides.get_overridable_numpy_ufuncs()
EVERYTHING = sorted(FUNCTIONS | UFUNCS, key=lambda f: (numpy_protocol.full_name(f), id(f)))
NAMES = [numpy_protocol.full_name(f) for f in EVERYTHING]
X = np.array([[1.5, -0.5, 2.0], [0.25, 3.0, -1.0]])
WHOLE = np.array([3, 1, 2])
LINE = np.array([0.3, -2.0, 1.1])


def traced(value: Any) -> Any:
    return lift(np.asarray(value), "t", next_level())


def test_the_list_is_numpys_whole_list() -> None:
    assert len(UFUNCS) >= 127
    assert len(FUNCTIONS) >= 302
    listed = {id(f) for f in classification.overridable()}
    assert all(id(f) in listed for f in EVERYTHING)


@pytest.mark.parametrize("function", EVERYTHING, ids=NAMES)
def test_each_function_is_classified_exactly_once(function: Any) -> None:
    states = classification._states(classification._public(function))
    assert len(states) == 1, (
        f"{numpy_protocol.full_name(function)} is in the states {states}; give it one in ops/classification.py"
    )


def test_a_function_of_a_newer_numpy_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def brand_new(x: Any) -> Any:
        return x

    brand_new.__module__ = "numpy"
    monkeypatch.setattr(np, "brand_new", brand_new, raising=False)
    monkeypatch.setitem(primitive.functions, np.sum, primitive.functions[np.sum])
    assert state_of(brand_new) == (UNCLASSIFIED, "")
    assert not classification._states(brand_new)
    with pytest.raises(
        cr.errors.UnsupportedError, match=r"numpy\.brand_new is not supported on traced values .* not classified yet"
    ):
        numpy_protocol.call_function(brand_new, (traced(X),), {})


def test_a_function_classified_twice_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(primitive.refused, np.sum, "advice")
    assert len(classification._states(np.sum)) == 2


def test_two_hundred_functions_have_rules() -> None:
    counts = Counter(state for _, state, _ in classification.classification(FUNCTIONS | UFUNCS))
    assert counts[RULE] >= 200
    assert counts[UNCLASSIFIED] == 0
    assert set(counts) == {RULE, ZERO, REFUSED}


def test_the_table_is_sorted_and_names_each_function_once() -> None:
    table = classification.classification()
    names = [name for name, _, _ in table]
    assert names == sorted(set(names))
    assert all(note for _, state, note in table if state != RULE)


@pytest.mark.parametrize("function", [f for f in EVERYTHING if state_of(f)[0] == REFUSED], ids=numpy_protocol.full_name)
def test_refused_functions_name_themselves_and_say_what_to_write(function: Any) -> None:
    t = traced(X)
    with pytest.raises(cr.errors.UnsupportedError) as caught:
        t.__array_ufunc__(function, "__call__", *(t,) * function.nin) if isinstance(function, np.ufunc) else (
            t.__array_function__(function, (type(t),), (t,), {})
        )
    message = str(caught.value)
    assert message.startswith(f"{numpy_protocol.full_name(function)} is not supported on traced values")
    assert state_of(function)[1] in message
    assert "not classified" not in message


# What each gradient-free function is tried on: a call with one value that the test traces. The default is f(x).
CALLS: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "allclose": (lambda t: np.allclose(t, X), X),
    "argpartition": (lambda t: np.argpartition(t, 1), X),
    "array_equal": (lambda t: np.array_equal(t, X), X),
    "array_equiv": (lambda t: np.array_equiv(t, X[:1]), X),
    "can_cast": (lambda t: np.can_cast(t.dtype, np.float32), X),
    "common_type": (lambda t: np.common_type(t, X.astype(np.float32)), X),
    "diag_indices_from": (np.diag_indices_from, X[:, :2]),
    "digitize": (lambda t: np.digitize(t, np.array([0.0, 1.0])), LINE),
    "einsum_path": (lambda t: np.einsum_path("ij,jk->ik", t, X.T)[1], X),
    "empty": (lambda t: np.empty(2, like=t).shape, X),
    "eye": (lambda t: np.eye(2, like=t), X),
    "frombuffer": (lambda t: np.frombuffer(b"\x00" * 16, like=t), X),
    "fromfile": (lambda t: np.fromfile(_zeros_file(), like=t), X),
    "fromiter": (lambda t: np.fromiter(range(3), float, like=t), X),
    "fromstring": (lambda t: np.fromstring("1 2", sep=" ", like=t), X),
    "genfromtxt": (lambda t: np.genfromtxt(io.StringIO("1 2"), like=t), X),
    "identity": (lambda t: np.identity(2, like=t), X),
    "intersect1d": (lambda t: np.intersect1d(t, [1.1, 5.0]), LINE),
    "histogram_bin_edges": (lambda t: np.histogram_bin_edges(t, 3), LINE),
    "isclose": (lambda t: np.isclose(t, X), X),
    "isin": (lambda t: np.isin(t, [1.5]), X),
    "lexsort": (lambda t: np.lexsort((t, X[0])), LINE),
    "loadtxt": (lambda t: np.loadtxt(io.StringIO("1 2"), like=t), X),
    "may_share_memory": (lambda t: np.may_share_memory(t, X), X.copy()),
    "ones": (lambda t: np.ones(2, like=t), X),
    "ravel_multi_index": (lambda t: np.ravel_multi_index((t, np.array([0, 1, 0])), (4, 4)), WHOLE),
    "searchsorted": (lambda t: np.searchsorted(np.array([0.0, 1.0]), t), LINE),
    "setdiff1d": (lambda t: np.setdiff1d(t, [1.1]), LINE),
    "setxor1d": (lambda t: np.setxor1d(t, [1.1]), LINE),
    "shares_memory": (lambda t: np.shares_memory(t, X), X.copy()),
    "tri": (lambda t: np.tri(2, like=t), X),
    "union1d": (lambda t: np.union1d(t, [1.1]), LINE),
    "unravel_index": (lambda t: np.unravel_index(t, (2, 2)), WHOLE),
    "zeros": (lambda t: np.zeros(2, like=t), X),
    "empty_like": (lambda t: np.empty_like(t).shape, X),
    "_ones_like": (np._core.umath._ones_like, X),  # pyright: ignore[reportAttributeAccessIssue] a ufunc without a public name
}
_written: list[str] = []


def _zeros_file() -> str:
    return _written[0]


@pytest.fixture(autouse=True, scope="module")
def _file(tmp_path_factory: pytest.TempPathFactory) -> Any:
    path = tmp_path_factory.mktemp("plain") / "zeros.bin"
    np.zeros(2).tofile(path)
    _written.append(str(path))
    yield
    _written.clear()


def _call(function: Any) -> tuple[Callable[[Any], Any], Any]:
    name = function.__name__
    if name in CALLS:
        return CALLS[name]
    if not isinstance(function, np.ufunc):
        public = classification._public(function)
        return public, X
    whole = "d->" not in "".join(kind[-4:] for kind in function.types) and not any(
        kind.startswith("d") for kind in function.types
    )
    value = WHOLE if whole else X
    return (lambda t: function(t, np.ones_like(value))) if function.nin == 2 else function, value


ZEROS = [f for f in EVERYTHING if state_of(f)[0] == ZERO and f is not np.isnat]  # dates are never traced


@pytest.mark.parametrize("function", ZEROS, ids=numpy_protocol.full_name)
def test_gradient_free_functions_give_numpys_own_answer(function: Any) -> None:
    call, value = _call(function)
    expected = call(value)
    found = numpy_protocol.plain(call(traced(value)))
    assert type(found) is type(expected) or np.asarray(found).dtype == np.asarray(expected).dtype
    if isinstance(expected, tuple):
        assert len(found) == len(expected)
        pairs = list(zip(found, expected, strict=True))
    else:
        pairs = [(found, expected)]
    for mine, numpys in pairs:
        np.testing.assert_array_equal(np.asarray(mine), np.asarray(numpys))


ON_NUMBERS = [f for f in ZEROS if f.__name__ not in CALLS and _call(f)[1].dtype.kind == "f"]


@pytest.mark.parametrize("function", ON_NUMBERS, ids=numpy_protocol.full_name)
def test_no_gradient_passes_through_gradient_free_functions(function: Any) -> None:
    call, value = _call(function)

    def loss(x: Any) -> Any:
        step = call(x)
        parts = [part for part in (step if isinstance(step, tuple | list) else (step,)) if hasattr(part, "dtype")]
        return np.sum(x * 2.0) + 0.0 * sum((np.sum(part) for part in parts if part.dtype.kind in "fiub"), 0.0)

    np.testing.assert_array_equal(cr.grad(loss)(value), np.full(value.shape, 2.0))
