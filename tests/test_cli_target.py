"""The target of a command line: expressions are checked and then computed, files are data, and every message helps."""

from __future__ import annotations

import json
import math
import operator
import re
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import chainrule as cr
from chainrule.cli.derive import _names
from chainrule.cli.expression import MOST_CHARACTERS, MOST_NODES, Expression
from chainrule.cli.functions import ALIASES, CONSTANTS, FUNCTIONS, CallError, known
from chainrule.cli.main import main, parse
from chainrule.cli.target import target_of
from chainrule.cli.values import inputs_of, values_of


def computed(text: str, *values: str) -> Any:
    """The value of an expression at these values."""
    target = target_of(text, values)
    return target.function(*target.positional)


def refusal(text: str, *values: str, inputs: Path | None = None) -> str:
    """What the refusal of a call says; the function is called too, since some refusals need its values."""

    def call() -> None:
        target = target_of(text, values, inputs)
        target.function(*target.positional)

    with pytest.raises(CallError) as caught:
        call()
    return str(caught.value)


# -- expressions: what they mean -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "values", "wanted"),
    [
        ("(x + y) * z", ("x=-2", "y=5", "z=-4"), -12.0),
        ("q = x + y; f = q*z; (target - f)**2", ("x=-2", "y=5", "z=-4", "target=-10"), 4.0),
        ("q = x + y\nf = q * 2\nf", ("x=1", "y=2"), 6.0),
        ("  x\n", ("x=1",), 1.0),
        ("L = x**2", ("x=3",), 9.0),
        ("x = x * 2; x = x + 1; x", ("x=3",), 7.0),
        ("-x**2", ("x=3",), -9.0),
        ("+x - -x", ("x=3",), 6.0),
        ("x // 2 + x % 2", ("x=7.5",), 4.5),
        ("2**-x", ("x=2",), 0.25),
        ("x ** 2 ** 3", ("x=2",), 256.0),
        ("x if x > 0 else -x", ("x=-3",), 3.0),
        ("x if x > 0 and x < 2 or x == 5 else 0", ("x=5",), 5.0),
        ("x if not x <= 0 and x != 4 else 0*x", ("x=4",), 0.0),
        ("1/x if x != 0 else x", ("x=0",), 0.0),
        ("a if x > 1 else b if x > 0 else c", ("a=1", "b=2", "c=3", "x=0.5"), 2.0),
        ("sin(pi * x) + e", ("x=1",), math.e),
        ("e * pi * x", ("x=1", "e=2", "pi=3"), 6.0),
        ("np.exp(x) + numpy.exp(x) + math.exp(x) + np.pi", ("x=0",), 3 + math.pi),
        ("np.linalg.norm(x)", ("x=[3, 4]",), 5.0),
        ("sum(W @ x)", ("W=[[0.1,0.5],[-0.3,0.8]]", "x=[0.2,0.4]"), 0.48),
        ("x[0] + x[-1] + sum(x[1:3]) + sum(x[::2])", ("x=[1,2,3,4]",), 14.0),
        ("W[1, 0] + sum(W[:, 1])", ("W=[[1,2],[3,4]]",), 9.0),
        ("sum(W, axis=0)[1] + sum(W, axis=-1)[0] + sum(W, axis=(0, 1))", ("W=[[1,2],[3,4]]",), 19.0),
        ("sum([x, 2*x, 3])", ("x=1",), 6.0),
        ("sum([[x, 1], (2, x)])", ("x=1",), 5.0),
        ("max(x, y, 3) + min(x, y) + max([x, y])", ("x=1", "y=2"), 6.0),
        ("sum(where(x > 0, x / 2, 0))", ("x=[-1, 4]",), 2.0),
        ("sum(maxout(x, pool_size=2)) + cross(x[:3], x[1:])[1]", ("x=[1, 5, 3, 2]",), 8 + 13.0),
        ("sum(concatenate([x, x], axis=0))", ("x=[1, 2]",), 6.0),
        ("ln(x) + asin(0 * x)", ("x=1",), 0.0),
        ("sum(clip(x, 0, 1)) + sum(leaky_relu(x, slope=0.5))", ("x=[-2, 2]",), 2.0),
        ("θ * x_1", ("θ=2", "x_1=3"), 6.0),
        ("lambda_ * x", ("lambda_=2", "x=3"), 6.0),
        ("x + 0x10 + 1_000 + 1e2", ("x=0",), 1116.0),
        ("(x +\n y)", ("x=1", "y=2"), 3.0),
        ("2*3*x", ("x=1",), 6.0),
    ],
)
def test_an_expression_means_what_it_means_in_python(text: str, values: tuple[str, ...], wanted: float) -> None:
    assert computed(text, *values) == pytest.approx(wanted)


NUMBERS = st.one_of(st.integers(-9, 9).map(str), st.floats(0.0, 9.0).map("{:.3f}".format))
LEAVES = st.one_of(st.sampled_from(["x", "y", "z"]), NUMBERS)


def _compose(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    signs = st.sampled_from(["+", "-", "*", "/", "//", "%"])
    comparisons = st.sampled_from(["<", "<=", ">", ">=", "==", "!="])
    return st.one_of(
        st.tuples(inner, signs, inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        st.tuples(inner, signs, inner).map(" ".join),  # as precedence has it
        inner.map(lambda t: f"-{t}"),
        inner.map(lambda t: f"({t})**2"),
        st.tuples(inner, inner, comparisons, inner).map(lambda t: f"({t[0]} if {t[1]} {t[2]} {t[3]} else {t[0]} + 1)"),
        st.tuples(inner, inner).map(lambda t: f"max({t[0]}, {t[1]})"),
    )


@given(
    st.recursive(LEAVES, _compose, max_leaves=25), st.tuples(*[st.floats(-4, 4).filter(lambda x: abs(x) > 0.01)] * 3)
)
def test_random_expressions_are_computed_as_python_computes_them(text: str, point: tuple[float, float, float]) -> None:
    values = dict(zip("xyz", point, strict=True))
    floating = re.sub(r"(?<![\w.*])(\d+)(?![\w.])", r"\1.0", text)  # the numbers of an expression are floats
    try:
        wanted = eval(floating, {"max": max}, values)
    except (ZeroDivisionError, OverflowError):
        wanted = None
    expression = Expression.of(text, tuple(values))
    assert set(expression.parameters) <= set(values)
    function = expression.function(tuple(values))
    if wanted is None or not math.isfinite(wanted):
        with pytest.raises(CallError, match="is no finite number"):
            function(**values)
        return
    found = float(function(**values))
    assert found == pytest.approx(wanted, rel=1e-9, abs=1e-12)


def verdict(text: str) -> str:
    """What is said about a text: that it is fine, or the refusal."""
    try:
        Expression.of(text)
    except CallError as error:
        return str(error)
    return "fine"


@given(st.text(max_size=40))
def test_any_text_is_an_expression_or_refused_with_a_message(text: str) -> None:
    assert verdict(text)


@given(st.text(alphabet="xyz12+-*/().,=;: [](){}<>^@%!'\"\\\n\tifelse", max_size=30))
def test_any_text_of_signs_is_an_expression_or_refused_with_a_message(text: str) -> None:
    assert verdict(text)


SQUARES = {"inv", "det", "trace", "solve", "dot", "matmul", "kron", "inner", "outer"}


@pytest.mark.parametrize(
    "name", [name for name in FUNCTIONS if name not in ("where", "clip", "concatenate", "cross", "maxout")]
)
def test_every_known_function_can_be_called_and_differentiated(name: str) -> None:
    count = FUNCTIONS[name].least
    point = np.array([[0.5, 0.25], [0.1, 0.7]]) if name in SQUARES else np.array([0.5, 0.25])
    point = point + 1 if name == "arccosh" else point
    inside = ", ".join(["x"] * count)
    target = target_of(f"sum({name}({inside}))", ["x=1"])
    reference = getattr(np, name, None) or getattr(np.linalg, name, None) or getattr(cr, name)
    assert np.allclose(target.function(point), np.sum(reference(*[point] * count)))
    assert cr.grad(target.function)(point).shape == point.shape


def test_the_signature_has_the_names() -> None:
    function = target_of("x * y + z", ["z=1", "x=2", "y=3"]).function
    assert list(function.__signature__.parameters) == ["z", "x", "y"]
    assert function(z=1.0, x=2.0, y=3.0) == 7.0
    with pytest.raises(TypeError, match="missing"):
        function(1.0)


# -- expressions: names, lines and graphs ----------------------------------------------------------------------------------


def test_assigned_names_are_the_names_of_the_graph() -> None:
    target = target_of("q = x + y; f = q*z; (target - f)**2", ["x=-2", "y=5", "z=-4", "target=-10"])
    graph = cr.trace(target.function, *target.positional)
    assert [node.name for node in graph] == ["x", "y", "z", "target", "q", "f", None, None]
    assert [node.line for node in graph if node.inputs] == [1, 2, 3, 3]
    assert [node.place.text for node in graph if node.inputs][:2] == ["q = x + y", "f = q*z"]
    assert {node.place.file for node in graph if node.inputs} == {"<expression>"}
    assert cr.grad(target.function, (0, 1, 2))(*target.positional) == (16.0, 16.0, -12.0)


def test_only_the_last_operation_of_a_statement_has_its_name() -> None:
    target = target_of("h = sigmoid(w*x + b) if w > 0 else w*x; h**2", ["w=1", "x=2", "b=3"])
    named = [node.name for node in cr.trace(target.function, *target.positional) if node.inputs]
    assert named == [None, None, "h", None]
    target = target_of("h = sigmoid(w*x + b) if w > 0 else w*x; h**2", ["w=-1", "x=2", "b=3"])
    assert [node.name for node in cr.trace(target.function, *target.positional) if node.inputs] == ["h", None]


def test_a_variable_that_holds_the_graph_gives_no_name_to_its_nodes() -> None:
    target = target_of("x * y + x", ["x=1", "y=2"])
    graph = cr.trace(target.function, *target.positional)
    assert [node.name for node in graph] == ["x", "y", None, None]


def test_an_error_while_it_runs_shows_the_line_of_the_expression() -> None:
    target = target_of("q = x + 1; q @ y", ["x=[1,2]", "y=[1,2,3]"])
    with pytest.raises(cr.errors.ShapeError, match=r"<expression>, line 2: q @ y"):
        cr.grad(target.function)(*target.positional)


def test_names_of_variables_may_be_those_of_the_machinery() -> None:
    target = target_of("operation = x * 2; values = operation + 1; options = values**2; options", ["x=1"])
    graph = cr.trace(target.function, *target.positional)
    assert [node.name for node in graph] == ["x", "operation", "values", "options"]
    assert graph.nodes[-1].value == 9.0


def test_source_and_label_are_the_statements() -> None:
    target = target_of("  q = x + y;f = q*q ;  f  ", ["x=1", "y=2"])
    assert target.source == target.label == "q = x + y\nf = q*q\nf"


# -- expressions: what is refused ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "values", "message"),
    [
        ("", (), r"The expression is empty. Write one"),
        ("   \n", (), r"The expression is empty"),
        ("x^2", ("x=1",), r"\^ is no power in Python. Write x\*\*2."),
        ("2x", ("x=1",), r"'2x' has no sign between number and name, at '2x'. Write 2 \* x."),
        ("3.5 x + 1", ("x=1",), r"Write 3.5 \* x."),
        ("x y", ("x=1", "y=1"), r"'x y' has no sign between its two parts, at 'x y'. Write \* for a product: x \* y."),
        ("2(x + 1)", ("x=1",), r"'2\(x \+ 1\)' has no sign before a bracket. Write a product with \*"),
        ("(x+1)(x-1)", ("x=1",), r"'\(x\+1\)\(x-1\)' has no sign before a bracket"),
        ("x(x + 1)", ("x=1",), r"x is a variable, not a function. For a product write x \* \(x \+ 1\)."),
        ("q = x + 1; q(x)", ("x=1",), r"q is a variable, not a function"),
        ("{x}", ("x=1",), r"\{x\}: braces \{ \} have no meaning in an expression. Write \( \) to group"),
        ("{x", ("x=1",), r"Braces \{ \} have no meaning"),
        ("{x: 1}", ("x=1",), r"braces \{ \} have no meaning"),
        ("x.T", ("x=1",), r"x.T: an expression has no attributes. Write transpose\(x\)."),
        ("x.sum()", ("x=1",), r"x.sum\(...\): an expression has no attributes. Write sum\(x\)."),
        ("x.__class__", ("x=1",), r"x.__class__: an expression has no attributes. (Did you mean|Known functions)"),
        ("np.sum", (), r"np.sum: an expression has no attributes. Write sum\(x\)."),
        ("os.system(x)", ("x=1",), r"os.system\(...\): an expression has no attributes"),
        ("np.random.rand(x)", ("x=1",), r"np.random.rand\(...\): an expression has no attributes"),
        ("x[0].real", ("x=[1]",), r"x\[0\].real: an expression has no attributes"),
        ("import os", (), r"'import os': an expression imports nothing; .* FILE.py:FUNCTION."),
        ("from os import path; x", ("x=1",), r"an expression imports nothing"),
        ("__import__('os')", (), r"There is no function __import__"),
        ("eval('1')", (), r"There is no function eval."),
        ("open(x)", ("x=1",), r"There is no function open."),
        ("lambda: 1", (), r"lambda: 1: this is a function of its own \(lambda\), which an expression cannot have"),
        ("[a for a in x]", ("x=1",), r"this is a loop in brackets \(comprehension\)"),
        ("{a for a in x}", ("x=1",), r"this is a loop in braces \(comprehension\)"),
        ("{a: a for a in x}", ("x=1",), r"this is a loop in braces \(comprehension\)"),
        ("sum(a for a in x)", ("x=1",), r"this is a loop \(generator\)"),
        ("(q := x)", ("x=1",), r"this is an assignment inside \(:=\); write it as a statement before"),
        ("f'{x}'", ("x=1",), r"this is text, which"),
        ("exp(*x)", ("x=1",), r"\*x: this is a star before a value"),
        ("[*x]", ("x=1",), r"\*x: this is a star before a value"),
        ("(yield x)", ("x=1",), r"this is yield"),
        ("(await x)", ("x=1",), r"this is await"),
        ("'a'", (), r"'a' is no number. An expression has numbers, names and known functions."),
        ("True", (), r"True is no number"),
        ("None", (), r"None is no number"),
        ("...", (), r"... is no number"),
        ("1j * x", ("x=1",), r"1j is a complex number, and expressions are real"),
        ("sigmiod(x)", ("x=1",), r"There is no function sigmiod. Did you mean sigmoid\? Known functions: abs, add"),
        ("qqqq(x)", ("x=1",), r"There is no function qqqq. Known functions"),
        ("sin", (), r"sin is a function and stands here without a value. Write sin\(x\)."),
        ("sin(x, x)", ("x=1",), r"sin takes 1 value and got 2, in sin\(x, x\)."),
        ("where(x)", ("x=1",), r"where takes 3 values and got 1"),
        ("max()", ("x=1",), r"max takes 1 to 9 values and got 0"),
        ("sum(x, axs=0)", ("x=[1]",), r"sum has no option axs. Its options: axis=, keepdims=."),
        ("sin(x, out=x)", ("x=1",), r"sin has no option out. Its options: none."),
        ("sum(x, **x)", ("x=1",), r"sum has no option \*\*."),
        ("sum(x, axis=y)", ("x=1", "y=1"), r"sum\(axis=...\) takes a plain number, not y."),
        ("concatenate(x)", ("x=[1]",), r"concatenate takes a list. Write concatenate\(\[a, b\]\)."),
        ("x[y]", ("x=[1]", "y=0"), r"\[y\] is no subscript of numbers. Write x\[0\]"),
        ("x[1.5]", ("x=[1]",), r"\[1.5\] is no subscript of numbers"),
        ("x['a']", ("x=[1]",), r"is no subscript of numbers"),
        ("0 < x < 1", ("x=1",), r"0 < x < 1 compares twice. Write both: a < x and x < b."),
        ("x in y", ("x=1", "y=1"), r"x in y is no comparison of numbers"),
        ("x is y", ("x=1", "y=1"), r"x is y is no comparison of numbers"),
        ("x & y", ("x=1", "y=1"), r"x & y works on bits"),
        ("~x", ("x=1",), r"~x works on bits"),
        ("x << 2", ("x=1",), r"x << 2 works on bits"),
        ("[] + x", ("x=1",), r"A list is empty"),
        (
            "sum([x, [x, x]])",
            ("x=1",),
            r"A list has parts of different shapes \(\(\), \(2,\)\). Give each row the same length.",
        ),
        (
            "1 if x > 0 else 2",
            ("x=[1, 2]",),
            r"The condition 'x > 0' is an array of shape \(2,\), .* Write where\(condition, a, b\)",
        ),
        ("x if x > 0 and x < 2 else 0", ("x=[1, 2]",), r"The condition 'x > 0' is an array of shape \(2,\)"),
        ("x + 9**9**9", ("x=1",), r"9 \*\* 3.8742e\+08 is no finite number"),
        ("x + 1/0", ("x=1",), r"1 / 0 is no finite number. Use smaller numbers, and no division by zero."),
        ("x + (-8)**0.5", ("x=1",), r"-8 \*\* 0.5 is no real number"),
        ("x + 1e999", ("x=1",), r"The number 1e999 is too large for a float"),
        (f"x + {10**400}", ("x=1",), r"is too large for a float"),
        (f"x + {'9' * 5000}", ("x=1",), r"A number has too many digits"),
        ("x + 1; x", ("x=1",), r"'x \+ 1' is neither the last statement nor assigned, .* Give it a name: q = x \+ 1."),
        ("x += 1; x", ("x=1",), r"'x \+= 1' changes a name in place. Write it in full, such as x = x \+ 1."),
        ("a, b = x, x; a", ("x=1",), r"'a, b = x, x' assigns something other than one name"),
        ("a = b = x; a", ("x=1",), r"assigns something other than one name"),
        ("x[0] = 1; x", ("x=[1]",), r"assigns something other than one name"),
        ("for i in x: pass", ("x=1",), r"is no statement of an expression"),
        ("def f(): return 1", (), r"is no statement of an expression"),
        ("del x", ("x=1",), r"is no statement of an expression"),
        ("a: int = x; a", ("x=1",), r"is no statement of an expression"),
        ("x − 1", ("x=1",), r"contains '−', at .* Write - instead."),
        ("x × 2", ("x=1",), r"contains '×', at .* Write \* instead."),
        ("x²", ("x=1",), r"contains '²', at 'x²'. Write \*\*2 instead."),
        ("(x", ("x=1",), r"A bracket has no partner: '\(' was never closed"),
        ("x)", ("x=1",), r"A bracket has no partner: unmatched '\)'"),
        ("(x]", ("x=1",), r"A bracket has no partner"),
        ("x +", ("x=1",), r"The expression cannot be read: invalid syntax, at 'x \+'. Write it as in Python"),
        ("x if", ("x=1",), r"The expression cannot be read"),
        ("x\x00", ("x=1",), r"cannot be read|no text"),
        ("x\udc80", ("x=1",), r"contains characters that are no text"),
        ("(" * 300 + "x" + ")" * 300, ("x=1",), r"nested too deeply to be read. Name its parts"),
        ("-" * 50_000 + "x", ("x=1",), r"nested too deeply to be read"),
        ("x" + "**x" * 20_000, ("x=1",), r"nested too deeply to be read"),
        ("x" + "+x" * 20_000, ("x=1",), r"nested too deeply to be read"),
        ("not " * 5_000 + "x", ("x=1",), r"nested too deeply to be read"),
        ("x" * (MOST_CHARACTERS + 1), ("x=1",), r"has 100001 characters, and 100000 are allowed"),
        ("sum([" + "x," * MOST_NODES + "])", ("x=1",), r"has \d+ parts, and 10000 are allowed"),
        ("x + z", ("x=1",), r"z has no value. Add z=1.5 \(your number\) after the expression."),
        ("x + weihgt", ("x=1", "weight=1"), r"weihgt has no value. .*, or is weight meant\?"),
        ("x", ("x=1", "k=2"), r"k has a value and occurs nowhere in the expression, which has x."),
        ("3 + 4", (), r"'3 \+ 4' has no variable to differentiate by"),
    ],
)
def test_what_is_refused_says_what_to_write(text: str, values: tuple[str, ...], message: str) -> None:
    assert re.search(message, refusal(text, *values), re.DOTALL)


def test_a_long_sum_within_the_limits_is_computed() -> None:
    assert computed("x" + "+x" * 2_000, "x=1") == 2001.0


def test_places_in_the_text_count_letters_of_any_script() -> None:
    source = target_of("θθ = 가 + 1; 나 = (θθ *\n 2); 나 ** 2", ["가=1"]).source
    assert source == "θθ = 가 + 1\n나 = (θθ * 2)\n나 ** 2"


def test_a_plain_power_tower_ends_and_small_numbers_stay_whole() -> None:
    graph = cr.trace(target_of("x**(1+1) + 2*3", ["x=3"]).function, 3.0)
    assert "x**2" in graph.text()
    assert "+ 6" in graph.text()


def test_every_alias_and_constant_is_known() -> None:
    assert all(name in FUNCTIONS for name in ALIASES.values())
    assert not set(FUNCTIONS) & set(ALIASES)
    assert known("nothing") is None
    assert set(CONSTANTS) == {"pi", "π", "e"}


# -- values ----------------------------------------------------------------------------------------------------------------


def test_values_are_floats_and_arrays_of_floats() -> None:
    values = values_of(["x=-2", "y=1/4", "z = sqrt(4)", "W=[[1,2],[3,4]]", "v=(1, 2)", "t=-pi"])
    assert values["x"] == -2.0
    assert isinstance(values["x"], float)
    assert (values["y"], values["z"], values["t"]) == (0.25, 2.0, -math.pi)
    assert values["W"].dtype == values["v"].dtype == np.float64
    assert values["W"].tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("5", r"'5' gives no variable a value. Write NAME=VALUE, such as x=-2 or W=\[\[1,2\],\[3,4\]\]."),
        ("=5", r"'=5' gives no variable a value"),
        ("2x=5", r"'2x=5' gives no variable a value"),
        ("x=", r"x= has no value. Write a number, such as x=1.5, without a space before it."),
        ("x=nan", r"x=nan: values are finite numbers. For NaN or infinity use an .npz file."),
        ("x=-inf", r"x=-inf: values are finite numbers"),
        ("x=y", r"x=y: a value is made of numbers, and y is a name."),
        ("x=1e999", r"x=1e999: The number 1e999 is too large"),
        ("x=exp(1000)", r"x=exp\(1000\) is not finite"),
        ("x=log(-1)", r"x=log\(-1\) is not finite"),
        ("x=1/0", r"x=1/0: 1 / 0 is no finite number"),
        ("x=[[1,2],[3]]", r"x=\[\[1,2\],\[3\]\]: A list has parts of different shapes"),
        ("x=[1,'a']", r"'a' is no number"),
        ("x=[1,2][5]", r"x=\[1,2\]\[5\] cannot be calculated: .*out of bounds"),
        ("x=[1,2]@[1,2,3]", r"cannot be calculated"),
        ("x=" + "[" * 70 + "1" + "]" * 70, r"A list makes no array"),
        ("x==3", r"x==3: The expression cannot be read"),
        ("x=os.path", r"x=os.path: os.path: an expression has no attributes"),
    ],
)
def test_a_value_that_is_none_is_refused(word: str, message: str) -> None:
    with pytest.raises(CallError, match=message):
        values_of([word])


def test_two_values_for_a_name_are_refused() -> None:
    assert refusal("x", "x=1", "x=2") == "x has two values. Write x=... once."


# -- data files ------------------------------------------------------------------------------------------------------------


def test_inputs_from_npz_and_json(tmp_path: Path) -> None:
    W, x = np.array([[0.1, 0.5], [-0.3, 0.8]]), np.array([0.2, 0.4])
    np.savez(tmp_path / "data.npz", W=W, x=x, s=np.float64(2.0))
    (tmp_path / "data.json").write_text(json.dumps({"W": W.tolist(), "x": x.tolist(), "s": 2}), encoding="utf-8")
    for name in ("data.npz", "data.json"):
        target = target_of("s * sum((W @ x)**2)", [], tmp_path / name)
        assert target.function(*target.positional) == pytest.approx(0.232)
        assert list(target.arguments) == ["W", "x", "s"]
    target = target_of("s * sum((W @ x)**2)", ["s=1"], tmp_path / "data.json")  # the command line goes before the file
    assert target.function(*target.positional) == pytest.approx(0.116)


def test_an_npz_keeps_its_dtypes_and_its_nan(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", a=np.array([1, 2]), b=np.array([1.0, np.nan], np.float32), c=np.array([True]))
    found = inputs_of(tmp_path / "d.npz")
    assert {name: value.dtype.name for name, value in found.items()} == {"a": "int64", "b": "float32", "c": "bool"}
    assert np.isnan(found["b"][1])
    assert target_of("sum(a)", [], _saved(tmp_path, a=np.array([1, 2]))).arguments["a"].dtype == np.float64


def _saved(folder: Path, **arrays: Any) -> Path:
    np.savez(folder / "saved.npz", **arrays)
    return folder / "saved.npz"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("d.txt", b"x", r"is neither a .json nor an .npz file"),
        ("d.npz", b"no zip", r"is no .npz file \(it is not a zip archive\). Write it with numpy.savez"),
        ("d.json", b"{", r"d.json, line 1: this is not JSON"),
        ("d.json", b'{"x": 1,\n "y": }', r"d.json, line 2: this is not JSON"),
        ("d.json", b"[1, 2]", r"is no JSON object. Write"),
        ("d.json", b'{"x": NaN}', r"contains NaN, which is no number in JSON. Use an .npz file"),
        ("d.json", b'{"x": -Infinity}', r"contains -Infinity"),
        ("d.json", b'{"x": 1e999}', r"x in .*d.json is too large for a float"),
        ("d.json", b'{"x": 1' + b"0" * 400 + b"}", r"x in .*d.json is too large for a float"),
        ("d.json", b'{"x": 1' + b"0" * 5000 + b"}", r"contains a number with too many digits"),
        ("d.json", b'{"x": [[1, 2], [3]]}', r"x in .*d.json is ragged: its rows differ in length"),
        ("d.json", b'{"x": [1, [3]]}', r"x in .*d.json is ragged"),
        ("d.json", b'{"x": [[1], 3]}', r"x in .*d.json is ragged"),
        ("d.json", b'{"x": [1, "a"]}', r'x in .*d.json contains "a", which is no number'),
        ("d.json", b'{"x": [1, null]}', r"contains null, which is no number"),
        ("d.json", b'{"x": [1, true]}', r"contains true, which is no number"),
        ("d.json", b'{"x": [1, {"a": 1}]}', r"which is no number"),
        ("d.json", b'{"x": null}', r"x in .*d.json is null. Values are numbers"),
        ("d.json", b'{"x": "text"}', r"x in .*d.json is text"),
        ("d.json", b'{"x": 1, "x": 2}', r"gives x two values. Keep one."),
        ("d.json", b'{"x": ' + b"[" * 5000 + b"]" * 5000 + b"}", r"is nested too deeply"),
        ("d.json", b'{"x": ' + b"[" * 100 + b"1" + b"]" * 100 + b"}", r"x in .* is nested too deeply"),
        ("d.json", b'{"x": ' + b'{"a": ' * 100 + b"1" + b"}" * 101, r"is nested too deeply"),
        ("d.json", b"\xff\xfe{}", r"is not text in UTF-8"),
    ],
)
def test_a_file_that_is_no_data_is_refused(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    assert re.search(message, refusal("x", inputs=tmp_path / name))


def test_an_empty_list_and_a_byte_order_mark_are_read(tmp_path: Path) -> None:
    (tmp_path / "d.json").write_text('\ufeff{"x": [], "y": [[], []]}', encoding="utf-8")
    found = inputs_of(tmp_path / "d.json")
    assert (found["x"].shape, found["y"].shape) == ((0,), (2, 0))


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    assert re.search(r"There is no file .*none.npz. Check the folder", refusal("x", inputs=tmp_path / "none.npz"))
    assert re.search(r"There is no file .*none.json", refusal("x", inputs=tmp_path / "none.json"))
    (tmp_path / "folder.json").mkdir()
    assert re.search(r"folder.json cannot be read", refusal("x", inputs=tmp_path / "folder.json"))


class Trap:
    """An object whose unpickling would leave a trace."""

    def __reduce__(self) -> Any:
        return (sys.setswitchinterval, (0.5,))


def test_no_pickle_is_opened(tmp_path: Path) -> None:
    path = _saved(tmp_path, x=np.array([Trap()], dtype=object))
    before = sys.getswitchinterval()
    assert re.search(
        r"x in .* is an array of Python objects, which is not read: such files can run code", refusal("x", inputs=path)
    )
    assert sys.getswitchinterval() == before


def test_an_npz_with_something_else_inside_is_refused(tmp_path: Path) -> None:
    assert re.search(
        r"t in .* has dtype <U1, which is no number", refusal("t", inputs=_saved(tmp_path, t=np.array(["a"])))
    )
    with zipfile.ZipFile(tmp_path / "z.npz", "w") as archive:
        archive.writestr("x", b"no array")
    assert re.search(r"x in .*z.npz is no NumPy array", refusal("x", inputs=tmp_path / "z.npz"))
    with zipfile.ZipFile(tmp_path / "y.npz", "w") as archive:
        archive.writestr("x.npy", b"\x93NUMPY\x01\x00")
    assert re.search(r"x in .*y.npz is damaged", refusal("x", inputs=tmp_path / "y.npz"))
    whole = _saved(tmp_path, x=np.arange(100.0)).read_bytes()
    broken = whole[:200] + bytes([whole[200] ^ 255]) + whole[201:]
    (tmp_path / "b.npz").write_bytes(broken)
    assert re.search(r"b.npz is damaged", refusal("x", inputs=tmp_path / "b.npz"))


def test_an_expression_takes_numbers_and_arrays_only(tmp_path: Path) -> None:
    (tmp_path / "d.json").write_text('{"x": {"a": 1}}', encoding="utf-8")
    assert refusal("x", inputs=tmp_path / "d.json").startswith("x is no number or array")
    assert "x is complex" in refusal("x", inputs=_saved(tmp_path, x=np.array([1j])))


# -- functions in files ----------------------------------------------------------------------------------------------------


PROGRAM = """
import numpy as np
from neighbour_of_the_model import scale

constant = 3

def loss(W, x, target=1.0, power: int = 2):
    q = W @ x
    return np.sum((scale(q) - target) ** power)

def steps(x, n: int):
    for _ in range(n):
        x = x * x
    return x

def nested(params, x):
    return params["a"] * x

def by_keyword(x, *, y):
    return x * y

def variadic(*xs):
    return sum(xs)

triple = lambda x: 3 * x
"""


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The path of a file with functions."""
    (tmp_path / "model.py").write_text(PROGRAM, encoding="utf-8")
    (tmp_path / "neighbour_of_the_model.py").write_text("def scale(q):\n    return 2 * q\n", encoding="utf-8")
    monkeypatch.setattr(sys, "path", list(sys.path))
    for name in ("model", "neighbour_of_the_model"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return str(tmp_path / "model.py")


def test_a_function_in_a_file(model: str) -> None:
    target = target_of(f"{model}:loss", ["W=[[1,2],[3,4]]", "x=[1,1]"])
    assert list(target.arguments) == ["W", "x"]
    assert target.function(*target.positional) == 25.0 + 169.0
    assert target.label == "loss"
    assert target.source.startswith("def loss(W, x")
    graph = cr.trace(target.function, *target.positional)
    assert "q" in [node.name for node in graph]
    assert computed(f"{model}:triple", "x=2") == 6.0
    assert computed(f"{model}:variadic") == 0


def test_whole_numbers_stay_whole_where_the_function_says_so(model: str) -> None:
    assert computed(f"{model}:steps", "x=2", "n=3") == 256.0
    assert target_of(f"{model}:steps", ["x=2", "n=3"]).arguments["n"] == 3
    assert isinstance(target_of(f"{model}:steps", ["x=2", "n=3"]).arguments["n"], int)
    assert re.search(
        r"model.py:steps takes a whole number as n, and n=2.5 is none.", refusal(f"{model}:steps", "x=2", "n=2.5")
    )


def test_defaults_are_kept_and_a_gap_is_filled(model: str) -> None:
    target = target_of(f"{model}:loss", ["W=[[1,2],[3,4]]", "x=[1,1]", "power=1"])
    assert list(target.arguments.items())[2:] == [("target", 1.0), ("power", 1)]


def test_objects_of_json_are_dicts_for_a_function(model: str, tmp_path: Path) -> None:
    (tmp_path / "d.json").write_text('{"params": {"a": 3}, "x": 2}', encoding="utf-8")
    target = target_of(f"{model}:nested", [], tmp_path / "d.json")
    assert target.function(*target.positional) == 6.0


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        (
            "los",
            (),
            r"There is no function los in .*model.py. Did you mean loss\? Functions: by_keyword, loss, nested, steps",
        ),
        ("", (), r"There is no function \(no name\) in"),
        ("constant", (), r"constant in .*model.py is no function: it is of type int. Functions: "),
        ("loss.__call__", (), r"loss.__call__ is no function at the top of .*model.py"),
        ("loss", ("W=[1]",), r"model.py:loss needs a value for x. Add x=1.5"),
        (
            "loss",
            ("W=[1]", "x=[1]", "traget=2"),
            r"has no parameter traget. Did you mean target\? Its parameters: W, x, target",
        ),
        ("by_keyword", ("x=1", "y=2"), r"takes y by keyword only. Let it be positional: remove the \* before it."),
    ],
)
def test_a_wrong_name_in_a_file_is_refused(model: str, name: str, values: tuple[str, ...], message: str) -> None:
    assert re.search(message, refusal(f"{model}:{name}", *values))


def test_a_file_without_a_function_named_lists_them(model: str) -> None:
    assert re.search(
        r"is a file. Name the function in it: .*model.py:NAME, with one of by_keyword, loss", refusal(model)
    )
    assert re.search(r"There is no file none.py", refusal("none.py:f"))
    assert refusal("none.py").endswith("none.py:NAME, with one of FUNCTION.")


def test_errors_in_the_users_file_are_shown_with_their_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    path = tmp_path / "broken.py"
    path.write_text("x = 1\ny = x / 0\n", encoding="utf-8")
    said = refusal(f"{path}:f")
    assert re.search(
        r"broken.py stops with an error while it is loaded: .*broken.py, line 2: y = x / 0 — ZeroDivisionError", said
    )
    assert "broken" not in sys.modules
    path.write_text("def f(:\n", encoding="utf-8")
    assert re.search(r"broken.py, line 1: def f\(: — SyntaxError: invalid syntax", refusal(f"{path}:f"))
    path.write_text("import sys\nsys.exit(3)\n", encoding="utf-8")
    assert re.search(r"line 2: sys.exit\(3\) — SystemExit: 3", refusal(f"{path}:f"))
    path.write_text("import no_such_package_anywhere\n", encoding="utf-8")
    assert re.search(r"line 1: import no_such_package_anywhere — ModuleNotFoundError", refusal(f"{path}:f"))


def test_a_file_with_the_name_of_a_module_does_not_replace_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "json.py").write_text("def f(x):\n    return x + 1\n", encoding="utf-8")
    target = target_of(f"{tmp_path / 'json.py'}:f", ["x=1"])
    assert target.function(*target.positional) == 2.0
    assert sys.modules["json"] is json


# -- the parser ------------------------------------------------------------------------------------------------------------


def test_an_expression_may_begin_with_a_minus_and_values_stand_anywhere() -> None:
    arguments = parse(["derive", "-x**2 + y", "x=3", "--lang", "ko", "y=-2", "--lr", "-0.5", "--expand"])
    assert (arguments.target, arguments.values) == ("-x**2 + y", ["x=3", "y=-2"])
    assert (arguments.lang, arguments.lr, arguments.expand) == ("ko", -0.5, True)
    assert parse(["derive", "-x", "x=3"]).target == "-x"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "the following arguments are required: VERB"),
        (["nothing"], "invalid choice: 'nothing'"),
        (["derive"], "the following arguments are required: TARGET"),
        (["derive", "x", "x=1", "--nothing"], "unrecognized arguments: --nothing"),
        (["derive", "x", "x=1", "--lang", "fr"], "invalid choice: 'fr'"),
        (["derive", "x", "x=1", "--lr", "much"], "'much' is no finite number. Write one, such as 0.1."),
    ],
)
def test_a_wrong_call_exits_with_2(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(("word", "message"), [("--help", "exit code|Exit code"), ("--version", cr.__version__)])
def test_help_and_version(word: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([word])
    assert caught.value.code == 0
    assert re.search(message, capsys.readouterr().out)


def test_a_refusal_exits_with_2_and_says_it_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["derive", "x^2", "x=1"]) == 2
    captured = capsys.readouterr()
    assert captured.err == "chainrule derive: ^ is no power in Python. Write x**2.\n"
    assert captured.out == ""


def test_wrt_names_variables() -> None:
    assert _names(None, ("x",)) is None
    assert _names("x,y", ("x", "y")) == ("x", "y")
    with pytest.raises(CallError, match=r"--wrt q: there is no such variable. Variables: x, y."):
        _names("q", ("x", "y"))
    with pytest.raises(CallError, match=r"--wrt names no variable. Variables: x, y."):
        _names(" , ", ("x", "y"))


class Stand:
    """What `cr.derive` returns, reduced to what the verb uses of it."""

    def __init__(self, value: float, options: dict[str, Any]) -> None:
        self.value, self.options = value, options
        self.holds = value > 0

    def text(self, width: int = 100, color: bool = False) -> str:
        return f"text {self.value:g} {self.options['wrt']} {color}\n"

    def markdown(self) -> str:
        return "markdown"

    latex = mathml = html = python = markdown

    def save(self, path: Path) -> None:
        path.write_text(self.text(), encoding="utf-8")


@pytest.fixture
def verb(monkeypatch: pytest.MonkeyPatch) -> None:
    """The verb `derive` over a derivation that only runs the program."""
    monkeypatch.setattr(cr, "derive", lambda f, *args, **options: Stand(f(*args), options), raising=False)


@pytest.mark.usefixtures("verb")
def test_the_exit_code_is_the_verdict(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["derive", "x*y", "x=2", "y=3", "--wrt", "y"]) == 0
    assert capsys.readouterr().out == "text 6 ('y',) False\n"
    assert main(["derive", "x*y", "x=-2", "y=3", "--format", "latex"]) == 1
    assert capsys.readouterr().out == "markdown\n"
    assert main(["derive", "x*y", "x=2", "y=3", "--output", str(tmp_path / "d.txt")]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'd.txt'}\n"
    assert (tmp_path / "d.txt").read_text(encoding="utf-8") == "text 6 None False\n"


@pytest.mark.usefixtures("verb")
def test_an_error_of_the_users_program_is_shown_with_its_line(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path(model).write_text("def f(x):\n    y = {}\n    return y[x]\n", encoding="utf-8")
    assert main(["derive", f"{model}:f", "x=2"]) == 2
    said = capsys.readouterr().err
    assert said == f"chainrule derive: the program stops with an error: {model}, line 3: return y[x] — KeyError: 2.0\n"


@pytest.mark.usefixtures("verb")
def test_an_error_of_our_own_is_not_taken_for_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chainrule.cli.derive.target_of", operator.itemgetter("nothing"))
    with pytest.raises(TypeError, match="itemgetter expected 1 argument"):
        main(["derive", "x", "x=2"])
