"""Every NumPy function with a stand-in, with every documented keyword: the right gradient, zero by nature, or an error that names it.

No keyword is ignored in silence. The truth of a call is the same call on plain arrays, by differences. The calls are the lines of
`keyword_table`; further tests here see that no function and no keyword is missing there.
"""

from __future__ import annotations

import contextlib
import inspect
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from gradient_checker import check, floating
from keyword_table import METHODS, SCOPE, TABLE

import chainrule as cr
from chainrule.primitive import functions
from chainrule.traced import concrete
from chainrule.trees import leaves, transform

REFUSALS = (cr.errors.ChainruleError, TypeError, ValueError, NotImplementedError)


@pytest.fixture(autouse=True)
def _numpy_may_complain() -> Iterator[None]:
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        for category in (RuntimeWarning, DeprecationWarning, np.exceptions.ComplexWarning):
            warnings.simplefilter("ignore", category)
        yield


@dataclass(frozen=True)
class Call:
    """One line of the table with one variant: the function, the expression, and the keywords that the variant adds."""

    function: Any
    expression: str
    keywords: tuple[str, ...]

    def variables(self) -> list[str]:
        """The floating variables of the expression: those that are differentiated."""
        words = set(re.findall(r"(?<![\w.])[A-Za-z]\w*(?!\s*=[^=])", self.expression))
        return [name for name, value in SCOPE.items() if name in words and floating(value)]

    def __call__(self, *values: Any) -> Any:
        return eval(
            compile(self.expression, "<call>", "eval"), SCOPE | dict(zip(self.variables(), values, strict=True))
        )

    def on_copies(self, *values: Any) -> Any:
        """The call on copies of plain arrays, since overwrite_input=True and the like destroy what they get."""
        return self(*(value.copy() if type(value) is np.ndarray else value for value in values))


def named(text: str) -> Any:
    """The NumPy function of a dotted name."""
    found: Any = np
    for part in text.split(".")[1:]:
        found = getattr(found, part)
    return found


def lines(table: str) -> Iterator[tuple[str, list[tuple[str, tuple[str, ...]]]]]:
    """Each base call, and the expressions made of it with the keywords that they add."""
    for line in table.strip().replace("\n    | ", " | ").splitlines():
        base, *variants = (part.strip() for part in line.split(" | "))
        made = []
        for variant in dict.fromkeys(["", *variants]):
            before, _, after = base.partition("~") if "~" in base.replace("~np", "") else (base[:-1], "", base[-1:])
            separator = ", " if variant and not before.endswith("(") else ""
            made.append((f"{before}{separator}{variant}{after}", tuple(re.findall(r"(\w+)=(?!=)", variant))))
        yield base, made


def calls() -> list[Call]:
    """All calls of the table."""
    found = []
    for base, made in lines(TABLE):
        names = re.findall(r"np\.[\w.]+(?=\()", base)
        with_stand_in = [name for name in names if named(name) in functions]
        outer = "changed(" not in base and not base.startswith("np.abs(np.linalg")
        function = named(with_stand_in[0 if outer else -1])
        found += [Call(function, expression, keywords) for expression, keywords in made]
    return found


CALLS = calls()


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.expression)
def test_a_call_has_the_right_gradient_or_names_what_it_refuses(call: Call) -> None:
    values = [SCOPE[name] for name in call.variables()]
    try:
        truth = call.on_copies(*values)
    except (TypeError, ValueError) as plain_error:
        with pytest.raises(type(plain_error)):
            cr.vjp(call.on_copies, *values)
        return
    assert values, "nothing in this call is differentiated"
    try:
        verdict = check(call.on_copies, *values, order=1, names=call.variables(), every_element=len(values) == 1)
    except REFUSALS as error:
        refusal = f"{type(error).__name__}: {error}"
        words = re.findall(r"(\w+)=(?!=)", call.expression)
        assert any(f"{word}=" in refusal or f"'{word}'" in refusal for word in words), f"{call.expression}: {refusal}"
        return
    if any(map(floating, leaves(truth))):
        assert verdict.comparisons, call.expression
    assert verdict, f"{call.expression}\n{verdict}"
    traced_values = leaves(cr.vjp(call.on_copies, *values)[0])
    for ours, numpys in zip(traced_values, leaves(truth), strict=True):
        assert np.asarray(ours).dtype == np.asarray(numpys).dtype, (
            f"{call.expression}: {np.asarray(ours).dtype}, NumPy gives {np.asarray(numpys).dtype}"
        )
        np.testing.assert_allclose(ours, numpys, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("expression", [expression for _, made in lines(METHODS) for expression, _ in made])
def test_a_method_of_an_array_has_the_keywords_of_numpy(expression: str) -> None:
    call = Call(None, expression, ())
    values = [SCOPE[name] for name in call.variables()]
    try:
        truth = call.on_copies(*values)
    except Exception:
        with pytest.raises(Exception):  # noqa: B017, PT011 NumPy refuses with many classes; ours may be clearer
            cr.vjp(call.on_copies, *values)
        return
    try:
        verdict = check(call.on_copies, *values, order=1, names=call.variables())
    except (*REFUSALS, AttributeError) as error:
        refusal = str(error)
        keywords = re.findall(r"(\w+)=(?!=)", expression)
        named_keyword = any(f"{word}=" in refusal or f"'{word}'" in refusal for word in keywords)
        method = re.search(r"\.(\w+)", expression)
        assert named_keyword or (method and method[1] in refusal), f"{expression}: {refusal}"
        return
    assert verdict, f"{expression}\n{verdict}"
    for ours, numpys in zip(leaves(cr.vjp(call.on_copies, *values)[0]), leaves(truth), strict=True):
        assert np.asarray(ours).dtype == np.asarray(numpys).dtype


NARROW = {"f": np.float32, "c": np.complex64}


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.expression)
def test_a_call_on_single_precision_has_numpys_dtype_and_a_single_gradient(call: Call) -> None:
    wide = [SCOPE[name] for name in call.variables()]
    values = [np.asarray(value).astype(NARROW[np.asarray(value).dtype.kind])[()] for value in wide]
    try:
        truth = leaves(call.on_copies(*values))
        result, pullback = cr.vjp(call.on_copies, *values)
    except (*REFUSALS, np.linalg.LinAlgError):
        return  # tested above
    for ours, numpys in zip(leaves(result), truth, strict=True):
        assert np.asarray(ours).dtype == np.asarray(numpys).dtype, (
            f"{call.expression}: NumPy gives {np.asarray(numpys).dtype}"
        )
        if floating(numpys):
            np.testing.assert_allclose(ours, numpys, rtol=2e-5, atol=2e-5)
    if not any(map(floating, truth)):
        return
    seeds = transform(lambda leaf: np.ones_like(leaf) if floating(leaf) else leaf, result)
    wide_result, wide_pullback = cr.vjp(call.on_copies, *wide)
    wide_seeds = transform(lambda leaf: np.ones_like(leaf) if floating(leaf) else leaf, wide_result)
    for value, gradient, expected in zip(values, pullback(seeds), wide_pullback(wide_seeds), strict=True):
        assert gradient.dtype == value.dtype, call.expression
        size = float(np.nanmax(np.abs(expected), initial=1.0))
        np.testing.assert_allclose(gradient, expected, rtol=1e-2, atol=2e-3 * size, err_msg=call.expression)


# -- whose memory -------------------------------------------------------------------------------------------------------


def _filled(value: Any, number: float) -> None:
    """Write into an array, where it is one that may be written."""
    if np.ndim(value) and np.size(value):
        with contextlib.suppress(ValueError):  # read-only
            value[...] = number


# After overwrite_input=True, NumPy's manual says to treat the argument as undefined.
WRITABLE = [
    call
    for call in [*CALLS, *(Call(None, expression, ()) for _, made in lines(METHODS) for expression, _ in made)]
    if not any(word in call.expression for word in ("changed(", "like=", "overwrite_input"))
]


@pytest.mark.parametrize("call", WRITABLE, ids=lambda call: call.expression)
def test_a_result_shares_memory_exactly_where_numpys_does(call: Call) -> None:
    """A later write into an argument is seen in the result if and only if NumPy shows it there, and the other way round."""
    values = [SCOPE[name] for name in call.variables()]

    def written_argument(*given: Any) -> Any:
        own = [value * 1.0 for value in given]
        result = call(*own)
        for array in own:
            _filled(array, 0.25)
        return [leaf * 1.0 for leaf in leaves(result) if floating(leaf)]

    def written_result(*given: Any) -> Any:
        own = [value * 1.0 for value in given]
        for leaf in leaves(call(*own)):
            if floating(leaf):
                _filled(leaf, 0.25)
        return own

    for program in (written_argument, written_result):
        try:
            truth = program(*values)
        except Exception:
            continue  # NumPy refuses the call itself, which is tested above
        try:
            ours = cr.vjp(program, *values)[0]
        except (*REFUSALS, AttributeError):
            continue  # refused is never wrong
        for one, other in zip(ours, truth, strict=True):
            np.testing.assert_allclose(
                one, other, rtol=1e-12, atol=1e-13, err_msg=f"{program.__name__}: {call.expression}"
            )


@pytest.mark.parametrize("call", WRITABLE, ids=lambda call: call.expression)
@pytest.mark.parametrize("rows", [slice(None), slice(1)], ids=["all rows", "one row"])
def test_a_result_lies_in_memory_as_numpys_does(call: Call, rows: slice) -> None:
    """Whether a later reshape is a view or a copy depends on it, and so where a write through it goes."""
    given = {name: value[rows] if np.ndim(value) == 2 and name in "XYNMKZ" else value for name, value in SCOPE.items()}
    found: list[Any] = []

    def program(*values: Any) -> float:
        found[:] = leaves(eval(call.expression, given | dict(zip(call.variables(), values, strict=True))))
        return 0.0

    values = [given[name] for name in call.variables()]
    try:
        program(*values)
        truth = list(found)
        cr.vjp(program, *values)
    except Exception:
        return  # tested above, or too small for one row
    for ours, numpys in zip(map(concrete, found), truth, strict=True):
        if type(numpys) is np.ndarray and numpys.ndim > 1 and numpys.size > 1:
            expected = (numpys.flags.c_contiguous, numpys.flags.f_contiguous)
            assert (ours.flags.c_contiguous, ours.flags.f_contiguous) == expected, (
                f"{call.expression}: {ours.strides}, NumPy: {numpys.strides}"
            )


# -- out= ---------------------------------------------------------------------------------------------------------------


def with_out() -> list[Call]:
    """The base calls of all functions that take out= and give one floating array."""
    found = []
    for call in CALLS:
        if (
            not call.keywords
            and "out" in parameters(call.function)
            and "changed(" not in call.expression
            and call.expression.endswith(")")
        ):
            result = call(*(SCOPE[name] for name in call.variables()))
            if floating(result):
                found.append(call)
    return found


def parameters(function: Any) -> dict[str, inspect.Parameter]:
    try:
        return dict(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return {}


@pytest.mark.parametrize("call", with_out(), ids=lambda call: call.expression)
def test_out_reaches_a_traced_array_and_refuses_a_plain_one(call: Call) -> None:
    names = call.variables()
    values = [SCOPE[name] for name in names]
    with np.errstate(all="ignore"):
        result = np.asarray(call(*values))
    into = Call(call.function, f"{call.expression[:-1]}, out=OUT)", ("out",))

    def filled(*given: Any) -> Any:
        # A traced array of the right shape, that holds other numbers before.
        target = np.full(result.shape, 3.0, result.dtype) + 0.0 * np.sum(given[0])
        scope = SCOPE | dict(zip(names, given, strict=True)) | {"OUT": target}
        returned.append(eval(compile(into.expression, "<call>", "eval"), scope))
        assert returned[-1] is target or type(target) is np.ndarray
        return target * 2.0

    returned: list[Any] = []
    if result.ndim:
        if np.array_equal(filled(*values), 6.0 * np.ones(result.shape)) and not np.any(result == 3.0):
            with pytest.raises(
                cr.errors.ChainruleError, match="out="
            ):  # NumPy itself takes out= here and does nothing with it
                cr.vjp(filled, *values)
            return
        verdict = check(filled, *values, order=1, names=names)
        assert verdict, f"{into.expression}\n{verdict}"
        np.testing.assert_allclose(cr.vjp(filled, *values)[0], 2.0 * result, rtol=1e-12)
    plain = np.empty(result.shape, result.dtype)
    with pytest.raises(cr.errors.ChainruleError, match="out="):
        cr.vjp(
            lambda *given: eval(into.expression, SCOPE | dict(zip(names, given, strict=True)) | {"OUT": plain}), *values
        )


# -- nothing is missing --------------------------------------------------------------------------------------------------


def test_every_function_with_a_stand_in_is_in_the_table() -> None:
    missing = {function for function in functions if function not in {call.function for call in CALLS}}
    assert not missing, sorted(f"{f.__module__}.{f.__name__}" for f in missing)


@pytest.mark.parametrize(
    "function",
    sorted(functions, key=lambda f: (f.__module__ or "", f.__name__)),
    ids=lambda f: f"{f.__module__}.{f.__name__}",
)
def test_every_keyword_of_a_function_is_tried(function: Any) -> None:
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    keywords = {
        name for name, p in parameters(function).items() if p.kind in kinds and p.default is not inspect.Parameter.empty
    }
    tried: set[str] = set()
    for call in CALLS:
        if call.function is function:
            tried.update(re.findall(r"(\w+)=(?!=)", call.expression))
    if any(call.function is function for call in with_out()) or not any(
        floating(leaf) for call in CALLS if call.function is function for leaf in leaves(_plain(call))
    ):
        tried.add("out")
    assert not keywords - tried, (
        f"{function.__name__} is never called with {sorted(keywords - tried)}: add it to tests/keyword_table.py"
    )


def _plain(call: Call) -> Any:
    try:
        return call.on_copies(*(SCOPE[name] for name in call.variables()))
    except Exception:
        return None


@pytest.mark.parametrize(
    "function",
    sorted(functions, key=lambda f: (f.__module__ or "", f.__name__)),
    ids=lambda f: f"{f.__module__}.{f.__name__}",
)
def test_a_keyword_that_the_stand_in_does_not_know_is_refused_by_name(function: Any) -> None:
    """Also those that a later NumPy may add: an unknown keyword cannot slip through."""
    theirs = parameters(function)
    ours = parameters(functions[function])
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    takes_any = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in ours.values())
    for name, parameter in theirs.items():
        if parameter.kind in kinds and not takes_any and name not in ours and not isinstance(function, np.ufunc):
            call = next(call for call in CALLS if call.function is function and not call.keywords)
            if f"{name}=" in call.expression:
                continue  # tried in every line of the table
            expression = f"{call.expression[:-1]}, {name}={'None' if parameter.default is inspect.Parameter.empty else 'DEFAULT'})"
            values = [SCOPE[n] for n in call.variables()]
            with pytest.raises(cr.errors.UnsupportedError, match=rf"\b{name}="):
                cr.vjp(
                    lambda *given, e=expression, c=call, p=parameter: eval(
                        e, SCOPE | dict(zip(c.variables(), given, strict=True)) | {"DEFAULT": p.default}
                    ),
                    *values,
                )


def test_positional_arguments_mean_the_same_in_stand_in_and_function() -> None:
    """A stand-in with its parameters in another order would take axis for dtype."""
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    for function, stand_in in functions.items():
        if isinstance(function, np.ufunc):
            continue
        theirs = [p for p in parameters(function).values() if p.kind in kinds]
        ours = [p for p in parameters(stand_in).values() if p.kind in kinds]
        optional = [
            p.name
            for p in theirs
            if p.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD and p.default is not inspect.Parameter.empty
        ]
        positions = {p.name: index for index, p in enumerate(ours)}
        has_variable = any(p.kind is inspect.Parameter.VAR_POSITIONAL for p in parameters(stand_in).values())
        for name in optional:
            expected = [p.name for p in theirs].index(name)
            if name in positions:
                assert positions[name] == expected, (
                    f"{function.__name__}: {name} is argument {positions[name]}, in NumPy {expected}"
                )
            else:
                assert has_variable or name not in parameters(stand_in), (
                    f"{function.__name__}: {name} cannot be given by position"
                )
