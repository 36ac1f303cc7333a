"""`cr.derive`: what it accepts, what it names, what it says at corners, how it refuses, and where it writes."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_worked_derivations import lines, said, states

import chainrule as cr
from chainrule.errors import ArgumentError, ChainruleError, GraphError, OutputError
from chainrule.explain.derivation import Derivation
from chainrule.explain.document import Code, Heading
from chainrule.explain.printing.document_text import print_text
from chainrule.explain.printing.text import text_of

LEVELS = ("summary", "rule", "names", "numbers", "result")


def product_graph(x: Any, y: Any, z: Any) -> Any:
    q = x + y
    f = q * z
    return f


def formulas(one: Derivation) -> list[str]:
    """The lines of a document as text, without spaces."""
    found = []
    for line in lines(one):
        left = "" if line.left is None else text_of(line.left)
        found.append(re.sub(r"\s", "", left + "".join(sign + text_of(box) for sign, box in line.steps)))
    return found


def has(one: Derivation, formula: str) -> bool:
    return any(states(line, formula) for line in lines(one))


def sentences(one: Derivation) -> str:
    return "\n".join(said(one))


# -- levels ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("level", "line"),
    [
        ("rule", "∂f/∂x=∂f/∂q·∂q/∂x"),
        ("names", "∂f/∂x=∂f/∂q·∂q/∂x=∂f/∂q·1"),
        ("numbers", "∂f/∂x=∂f/∂q·∂q/∂x=∂f/∂q·1=(−4)·1"),
        ("result", "∂f/∂x=∂f/∂q·∂q/∂x=∂f/∂q·1=(−4)·1=−4"),
    ],
)
def test_each_level_goes_one_step_further(level: str, line: str) -> None:
    one = cr.derive(product_graph, -2.0, 5.0, -4.0, level=level)
    assert line in formulas(one)
    assert one.holds


def test_the_summary_has_one_side_a_line_and_no_words() -> None:
    one = cr.derive(product_graph, -2.0, 5.0, -4.0, level="summary")
    backward = [line for line in lines(one) if line.tag]
    assert all(len(line.steps) <= 2 for line in backward)
    assert "An add node" not in one.text()
    assert not any(isinstance(block, Code) for block in one.document().blocks)
    assert len(one.text()) < len(cr.derive(product_graph, -2.0, 5.0, -4.0).text())


def test_a_document_can_be_asked_for_at_another_level_and_in_another_language() -> None:
    one = cr.derive(product_graph, -2.0, 5.0, -4.0)
    short = cr.derive(product_graph, -2.0, 5.0, -4.0, level="summary")
    korean = cr.derive(product_graph, -2.0, 5.0, -4.0, lang="ko")
    assert print_text(one.document("summary")) == short.text()
    assert print_text(one.document(lang="ko")) == korean.text()
    assert print_text(one.document()) == print_text(one.document("result", "en")) == one.text()
    assert len({short.text(), korean.text(), one.text()}) == 3


# -- whose gradients -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrt", "names"),
    [(None, ["x", "y", "z"]), ("y", ["y"]), (1, ["y"]), (-1, ["z"]), (("z", 0), ["x", "z"]), (["x"], ["x"])],
)
def test_wrt_by_name_position_and_tuple(wrt: Any, names: list[str]) -> None:
    one = cr.derive(product_graph, -2.0, 5.0, -4.0, wrt=wrt)
    assert sorted(one.gradients) == names
    assert [float(one.gradients[name]) for name in names] == [{"x": -4.0, "y": -4.0, "z": 3.0}[name] for name in names]
    assert all(states(line, "∂f/∂f") for line in lines(one) if line.tag == "1")


def test_an_integer_argument_is_left_out_and_the_rest_is_derived() -> None:
    one = cr.derive(lambda x, k: x**k, 3.0, 2)
    assert list(one.gradients) == ["x"]
    assert float(one.gradients["x"]) == 6.0


def test_nested_containers_of_parameters() -> None:
    def net(parameters: Any, x: Any) -> Any:
        h = np.tanh(parameters["W"] @ x + parameters["biases"][0])
        return np.sum(parameters["v"] * h)

    parameters = {"W": np.array([[0.5, -1.0]]), "biases": [np.array([0.25])], "v": np.array([2.0])}
    x = np.array([1.0, 0.5])
    one = cr.derive(net, parameters, x, wrt="parameters")
    assert one.holds
    expected = cr.grad(net)(parameters, x)
    assert len(one.gradients) == 3
    flat = [expected["W"], expected["biases"][0], expected["v"]]
    for value in flat:
        assert any(np.array_equal(found, value) for found in one.gradients.values())
    assert not any(re.search(r"\['|\[0\]", formula) for formula in formulas(one)), (
        "letters with an index, not Python's brackets"
    )


def test_a_list_of_weights_in_a_loop() -> None:
    def deep(weights: Any, x: Any) -> Any:
        h = x
        for w in weights:
            h = np.tanh(w * h)
        return h

    one = cr.derive(deep, [0.5, 1.5], 2.0)
    assert one.holds
    assert has(one, "h₁ ← tanh(weights₀·x)")
    assert len(one.gradients) == 3


# -- names -----------------------------------------------------------------------------------------------------------------


def test_a_lambda_is_called_f() -> None:
    one = cr.derive(lambda a, b: a * b, 2.0, 3.0)
    assert has(one, "f ← a b = 2·3 = 6")
    assert has(one, "∂f/∂a = b = 3")


def test_a_helper_function_a_method_a_closure_and_a_comprehension() -> None:
    scale = 3.0

    class Model:
        rate = 2.0

        def loss(self, x: Any) -> Any:
            error = self.rate * x - scale
            return error**2

    one = cr.derive(Model().loss, 1.0)
    assert has(one, "error ← 2x − 3 = 2·1 − 3 = −1")
    assert has(one, "∂loss/∂error = 2 error = 2·(−1) = −2")
    total = cr.derive(lambda x: sum([x * k for k in (1.0, 2.0)]), 3.0)
    assert total.holds
    assert float(total.gradients["x"]) == 3.0


def test_names_that_are_used_again_are_told_apart() -> None:
    def again(x: Any) -> Any:
        x = 2.0 * x
        x = x + 1.0
        return x * x

    one = cr.derive(again, 3.0)
    assert has(one, "x₁ ← 2x")
    assert has(one, "x₂ ← x₁ + 1")
    assert has(one, "∂again/∂x = ∂again/∂x₁ · ∂x₁/∂x")
    lefts = [text_of(line.left) for line in lines(one) if line.left is not None and line.steps[0][0] == "←"]
    assert len(lefts) == len(set(lefts))


def test_a_name_that_looks_like_an_index_collides_with_nothing() -> None:
    def collide(h: Any, h1: Any) -> Any:
        for _ in range(2):
            h = h * h1
        return h

    one = cr.derive(collide, 2.0, 3.0)
    symbols = [text_of(symbol.box) for symbol in one.program.symbols.values()]
    assert len(symbols) == len(set(symbols))
    assert one.holds


def test_names_of_other_alphabets() -> None:
    space: dict[str, Any] = {}
    exec("def loss(θ, 변수, theta1):\n    y_hat = θ * 변수 + theta1\n    return y_hat ** 2\n", space)
    one = cr.derive(space["loss"], 2.0, 3.0, 1.0)
    assert has(one, "ŷ ← θ·변수 + θ₁")
    assert set(one.gradients) == {"θ", "변수", "theta1"}


def test_code_of_a_notebook_cell() -> None:
    space: dict[str, Any] = {"np": np}
    exec(compile("def cell(x):\n    u = np.exp(x)\n    return u * x\n", "<ipython-input-3>", "exec"), space)
    one = cr.derive(space["cell"], 0.5)
    assert one.holds
    assert has(one, "∂cell/∂x = eˣ·x + eˣ") or "u" in one.text()


def test_an_array_that_the_program_closes_over_has_its_name() -> None:
    weights = np.array([1.0, 2.0, 3.0])

    def inner(x: Any) -> Any:
        return np.sum(weights * x)

    one = cr.derive(inner, np.array([3.0, 4.0, 5.0]))
    assert has(one, "∇ₓ inner = weights = [1, 2, 3]ᵀ")


def test_variables_have_a_derivation() -> None:
    a, b = cr.variable(2.0), cr.variable(3.0)
    c = a * b + a
    one = c.derive(level="names")
    assert one.holds
    assert sorted(map(float, one.gradients.values())) == [2.0, 4.0]


# -- several uses, and what is used again ----------------------------------------------------------------------------------


def test_every_use_has_its_contribution_and_the_sum_is_said() -> None:
    def fan(x: Any) -> Any:
        a = x**2
        b = 3.0 * x
        c = np.sin(x)
        return a + b + c

    one = cr.derive(fan, 2.0)
    assert has(one, "∂fan/∂x = ∂fan/∂a · ∂a/∂x + ∂fan/∂b · ∂b/∂x + ∂fan/∂c · ∂c/∂x")
    assert "x is used in 3 places, so 3 contributions are added." in sentences(one)
    (step,) = [step for step in one.steps if step.is_input]
    assert np.allclose([part.flow for part in step.contributions], [4.0, 3.0, np.cos(2.0)])


def test_a_direct_use_and_a_use_through_another_value_are_not_called_the_same() -> None:
    """∂L/∂x stands on the left for the whole; a term on the right that is also written ∂L/∂x would be a false equation."""

    def both(x: Any) -> Any:
        u = x**2
        return u * x

    one = cr.derive(both, 3.0)
    for line in lines(one):
        if line.left is not None and line.tag:
            left = text_of(line.left)
            for _, box in line.steps:
                assert left not in re.split(r" [+−·] ", text_of(box)), f"{left} = {text_of(box)}"


def test_each_step_is_derived_once_and_numbered_in_order() -> None:
    one = cr.derive(product_graph, -2.0, 5.0, -4.0)
    assert [line.tag for line in lines(one) if line.tag] == ["1", "2", "3", "4", "5"]
    assert [step.number for step in one.steps] == [1, 2, 3, 4, 5]
    assert str(one.steps[4]) == "(5) ∂f/∂y = ∂f/∂q"


def test_a_loop_refers_back() -> None:
    def twice(x: Any) -> Any:
        h = x
        for _ in range(3):
            h = h * h
        return h

    one = cr.derive(twice, 1.5)
    assert float(one.gradients["x"]) == 8 * 1.5**7
    assert one.holds


# -- shapes and types ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "x",
    [
        np.float32(1.5),
        np.array(3.0),
        np.array([3.0]),
        np.zeros((0, 3)),
        np.ones((2, 1, 3)),
        np.linspace(-1.0, 1.0, 1000),
        np.array([1.0, 2.0], np.float32),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    ],
    ids=lambda x: f"{np.asarray(x).dtype}{np.shape(x)}",
)
def test_numbers_and_arrays_of_every_kind(x: Any) -> None:
    def f(x: Any) -> Any:
        y = 3 * x
        return np.sum(y * x)

    one = cr.derive(f, x)
    assert one.holds
    expected = cr.grad(f)(x)
    assert np.array_equal(one.gradients["x"], expected)
    assert np.asarray(one.gradients["x"]).dtype == np.asarray(expected).dtype
    assert np.shape(one.gradients["x"]) == np.shape(x)
    for lang in ("en", "ko"):
        assert one.document(lang=lang).blocks


def test_an_array_as_result_takes_what_arrives_from_above() -> None:
    x = np.array([1.0, 2.0])
    assert np.array_equal(cr.derive(lambda x: x * x, x).gradients["x"], [2.0, 4.0])
    one = cr.derive(lambda x: x * x, x, above=np.array([1.0, -1.0]))
    assert np.array_equal(one.gradients["x"], [2.0, -4.0])
    assert "g arrives from above: it is ∂L/∂f for whatever L is computed from f." in sentences(one)


@pytest.mark.parametrize(
    ("f", "arguments", "formula"),
    [
        (lambda x, y: x + y, (2.0, 3.0), "∂L/∂x = g · ∂f/∂x = g·1 = 2·1 = 2"),
        (lambda x, y: x * y, (2.0, -3.0), "∂L/∂x = g · ∂f/∂x = g·y = 2·(−3) = −6"),
        (lambda x, y: np.maximum(x, y), (2.0, -3.0), "∂L/∂x = g · ∂f/∂x = g·1[x > y] = 2·1[2 > −3] = 2"),
        (lambda x: cr.sigmoid(x), (0.5,), "∂L/∂x = g · ∂f/∂x = g·f(1 − f)"),
    ],
    ids=["A3", "A4", "A5", "A6"],
)
def test_a_single_node_with_a_gradient_from_above(f: Any, arguments: tuple[float, ...], formula: str) -> None:
    one = cr.derive(f, *arguments, above=2.0)
    assert has(one, formula), formulas(one)
    assert one.holds


def test_complex_inputs() -> None:
    with pytest.raises(ArgumentError, match="derive writes real equations, and z of <lambda> is complex"):
        cr.derive(lambda z: np.abs(z) ** 2, 1 + 2j)
    parts = cr.derive(lambda a, b: np.abs(a + 1j * b) ** 2, 1.0, 2.0)
    assert parts.holds
    assert parts.gradients == {"a": pytest.approx(2.0), "b": pytest.approx(4.0)}


def test_single_precision_stays_single() -> None:
    one = cr.derive(lambda x: np.sum(np.tanh(x) * x), np.array([0.1, 0.7], np.float32))
    assert one.holds
    assert one.gradients["x"].dtype == np.float32


# -- corners ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "x", "words"),
    [
        (lambda x: np.maximum(x, 1.0), 1.0, "A tie: x = 1. By convention each side receives half of the gradient."),
        (
            lambda x: np.maximum(x, 1.0),
            2.0,
            "x > 1: the maximum took x, which receives the whole gradient; 1 receives 0.",
        ),
        (
            lambda x: np.minimum(x, 1.0),
            2.0,
            "1 < x: the minimum took 1, which receives the whole gradient; x receives 0.",
        ),
        (lambda x: np.abs(x), 0.0, "A kink: x = 0, where left and right have different slopes."),
        (lambda x: cr.relu(x), 1.0, "x > 0: the gradient passes."),
        (lambda x: np.where(x > 0, x, 2 * x), -1.0, "The condition x > 0 does not hold: the second branch was taken"),
        (lambda x: np.sqrt(x), 4.0, "This holds for x > 0."),
        (lambda x: np.log(x), 4.0, "This holds for x > 0."),
        (lambda x: 1.0 / x, 4.0, "This holds for x ≠ 0."),
        (lambda x: np.arcsin(x), 0.5, "This holds for |x| < 1."),
        (
            lambda x: np.floor(x) * x,
            1.5,
            "is a step function: its derivative is 0 wherever it has one, so no gradient passes.",
        ),
        (lambda x: cr.stop_gradient(x) * x, 1.5, "stop_gradient: no gradient passes back to x here."),
        (lambda x: np.clip(x, 0.0, 1.0), 1.5, "x lies outside the bounds: no gradient passes."),
    ],
)
def test_corners_are_said(f: Any, x: float, words: str) -> None:
    one = cr.derive(f, x)
    if "lies outside" in words:  # one number is not "0 of 1 elements"
        assert "0 of 1 elements" not in sentences(one)
        return
    assert words in sentences(one), sentences(one)
    assert one.holds


def test_corners_of_arrays_are_counted() -> None:
    x = np.array([1.0, -1.0, 0.0, 2.0])
    assert "A tie in 1 of 4 elements" in sentences(cr.derive(lambda x: np.sum(np.maximum(x, 0.0)), x))
    assert "x is positive in 2 of 4 elements." in sentences(cr.derive(lambda x: np.sum(cr.relu(x)), x))
    assert "x is 0 in 1 elements" in sentences(cr.derive(lambda x: np.sum(np.abs(x)), x))
    masked = cr.derive(lambda x: np.sum(np.where(np.array([True, False, True, True]), x, 0.0)), x)
    assert masked.holds
    assert "holds in 3 of 4 elements" in sentences(masked)
    assert cr.derive(lambda x: np.sum(x ** np.array([0.0, 1.0, 2.0, 3.0])), x + 2).holds
    shared = cr.derive(lambda x: np.max(np.stack([x, x, x])), 2.0)
    assert shared.failures == ()


def test_a_branch_of_the_program_is_said() -> None:
    def branch(x: Any) -> Any:
        if x > 0:  # noqa: SIM108 - the branch is what is tested
            y = 2.0 * x
        else:
            y = 3.0 * x
        return y

    yes, no = cr.derive(branch, 1.0), cr.derive(branch, -1.0)
    line = branch.__code__.co_firstlineno + 1
    assert f"Line {line}: the condition was true" in sentences(yes)
    assert f"Line {line}: the condition was false" in sentences(no)
    assert float(yes.gradients["x"]) == 2.0
    assert float(no.gradients["x"]) == 3.0


# -- zero, and why ---------------------------------------------------------------------------------------------------------


def test_a_gradient_that_is_zero_says_why() -> None:
    one = cr.derive(lambda x, y: x * 2.0, 1.0, 2.0)
    assert "0 because f does not depend on y." in sentences(one)
    assert has(one, "∂f/∂y = 0"), formulas(one)
    blocked = cr.derive(lambda x, y: x * cr.stop_gradient(y), 1.0, 2.0)
    assert "0 because every path from y to f passes an operation that lets no gradient through." in sentences(blocked)


def test_a_zero_gradient_has_the_shape_and_the_type_of_its_variable() -> None:
    y = np.ones((2, 3), np.float32)
    one = cr.derive(lambda x, y: np.sum(x), np.ones(2), y)
    expected = cr.grad(lambda x, y: np.sum(x), 1)(np.ones(2), y)
    assert np.shape(one.gradients["y"]) == (2, 3)
    assert np.asarray(one.gradients["y"]).dtype == expected.dtype
    assert not np.signbit(cr.derive(lambda x, y: x, 1.0, -2.0).gradients["y"])


@pytest.mark.filterwarnings("ignore:invalid value encountered in sqrt")
def test_a_branch_that_is_not_taken_stays_out_of_the_sum() -> None:
    one = cr.derive(lambda x: np.sum(np.where(x > 0, np.sqrt(x), x)), np.array([-1.0, 4.0]))
    assert np.array_equal(one.gradients["x"], [1.0, 0.25])
    assert one.failures == ()


# -- programs that stop ----------------------------------------------------------------------------------------------------


def test_a_program_that_raises_is_derived_up_to_there() -> None:
    def stops(x: Any) -> Any:
        a = 2.0 * x
        b = np.log(a)  # noqa: F841 - the program stops before it is used
        raise RuntimeError("no more")

    one = cr.derive(stops, 2.0)
    assert not one.holds
    assert one.failures == ()
    assert has(one, "a ← 2x = 2·2 = 4")
    assert has(one, "b ← log(a) = log(4)")
    line = stops.__code__.co_firstlineno + 3
    assert f"The program raised RuntimeError in line {line}: no more" in sentences(one)
    assert 'raise RuntimeError("no more")' in one.text()
    assert "Where the program stopped" in [block.text for block in one.document().blocks if isinstance(block, Heading)]
    with pytest.raises(
        ArgumentError, match=r"cannot write the backward pass of stops: the program raised RuntimeError"
    ):
        one.python()


def test_a_program_that_raises_before_it_computes_raises() -> None:
    def stops(x: Any) -> Any:
        raise RuntimeError("at once")

    with pytest.raises(RuntimeError, match="at once"):
        cr.derive(stops, 2.0)


# -- refusals --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: cr.derive(3.0), ArgumentError, r"derive takes a function and got 3\.0\. Write derive\(f, x\), not derive\(f\(x\)\)\."),
        (lambda: cr.derive(lambda x: x, 1), ArgumentError, r"no floating argument .* it was called with int\. Write 2\.0 instead of 2"),
        (lambda: cr.derive(lambda: 3.0), ArgumentError, r"it was called with no arguments\."),
        (lambda: cr.derive(lambda x: (x, x), 1.0), OutputError, r"one result, and <lambda> returned a tuple\. Return one number"),
        (lambda: cr.derive(lambda x: [x], 1.0), OutputError, r"returned a list"),
        (lambda: cr.derive(lambda x: {"a": x}, 1.0), OutputError, r"returned a dict"),
        (lambda: cr.derive(lambda x: None, 1.0), OutputError, r"returned None\. Is a `return` missing\?"),
        (lambda: cr.derive(lambda x: 3.0, 1.0), OutputError, r"returned float 3\.0, which does not depend on them"),
        (lambda: cr.derive(lambda x: np.floor(x).astype(int), 1.0), OutputError, r"needs a floating result, and <lambda> returned int64"),
        (lambda: cr.derive(lambda x: x > 0, 1.0), OutputError, r"returned bool, a step function"),
        (lambda: cr.derive(lambda x: x * x, 1.0, lang="de"), ArgumentError, r"has no language 'de'\. There are: 'en', 'ko'\."),
        (lambda: cr.derive(lambda x: x * x, 1.0, level="all"), ArgumentError, r"has no level 'all'\. There are: 'summary', 'rule'"),
        (lambda: cr.derive(lambda x: x * x, 1.0, above=[1.0, 2.0]), ArgumentError, r"has shape \(2,\), and the result has shape \(\)"),
        (lambda: cr.derive(lambda x: x * x, 1.0, wrt="q"), ArgumentError, r"derive: wrt='q' names no argument"),
        (lambda: cr.derive(lambda x: x * x, 1.0, wrt=3), ArgumentError, r"derive: wrt=3 is out of range"),
        (lambda: cr.derive(lambda x, k: x * k, 1.0, 2, wrt="k"), ArgumentError, r"derive cannot differentiate with respect to k"),
    ],
)  # fmt: skip
def test_a_refusal_says_what_to_write(call: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message) as caught:
        call()
    assert isinstance(caught.value, ChainruleError)


def test_values_of_a_function_have_no_derivation_of_their_own() -> None:
    def f(x: Any) -> Any:
        y = x * x
        with pytest.raises(GraphError, match=r"derive\(\) belongs to values made from cr\.variable"):
            y.derive()
        return y

    assert cr.derive(f, 2.0).holds


def test_the_words_of_a_language_that_there_is_not() -> None:
    one = cr.derive(lambda x: x * x, 1.0)
    with pytest.raises(ArgumentError, match="has no language 'fr'"):
        one.document(lang="fr")
    with pytest.raises(ArgumentError, match="has no level 'deep'"):
        one.document("deep")


# -- as files and in notebooks ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("extension", "first", "inside"),
    [
        (".txt", "Derivation of product_graph", "∂f/∂x = ∂f/∂q · ∂q/∂x"),
        (".md", "#", "\\partial"),
        (".tex", "\\documentclass", "\\end{document}"),
        (".html", "<!", "<math"),
        (".htm", "<!", "<math"),
        (".py", '"""', "def "),
        (".TXT", "Derivation of product_graph", "q ← x + y"),
    ],
)
def test_saved_by_extension(tmp_path: Path, extension: str, first: str, inside: str) -> None:
    one = cr.derive(product_graph, -2.0, 5.0, -4.0)
    path = one.save(tmp_path / f"out{extension}")
    assert path == tmp_path / f"out{extension}"
    text = path.read_text(encoding="utf-8")
    assert text.lower().startswith(first.lower())
    assert inside in text
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]  # nothing is left beside it


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = cr.derive(product_graph, -2.0, 5.0, -4.0)
    target = tmp_path / "out.txt"
    target.write_text("before", encoding="utf-8")

    def broken(*args: Any, **kwargs: Any) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("os.replace", broken)
    with pytest.raises(OSError, match="disk full"):
        one.save(target)
    assert target.read_text(encoding="utf-8") == "before"
    assert [entry.name for entry in tmp_path.iterdir()] == ["out.txt"]


@pytest.mark.parametrize("name", ["out.docx", "out", ".txt"])
def test_an_unknown_extension_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(
        ArgumentError, match=r"save cannot tell from .* what to write\. Give the file one of the extensions \.txt, \.md"
    ):
        cr.derive(product_graph, -2.0, 5.0, -4.0).save(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("lang", ["en", "ko"])
def test_it_shows_itself_in_notebooks(lang: str) -> None:
    one = cr.derive(product_graph, -2.0, 5.0, -4.0, lang=lang)
    html, markdown, latex = one._repr_html_(), one._repr_markdown_(), one._repr_latex_()
    assert "<script" not in html.lower()
    assert "javascript" not in html.lower()
    assert not re.search(r"\son\w+=", html)
    assert "http://" not in html.replace("http://www.w3.org/1998/Math/MathML", "")
    maths = re.findall(r"<math.*?</math>", html, re.DOTALL)
    assert len(maths) > 10
    for math in maths:
        ElementTree.fromstring(math.replace("&nbsp;", " "))
    assert "$" in markdown
    assert "\\documentclass" not in latex
    for text in (html, markdown, latex, str(one), one.mathml()):
        assert text
    assert len(one.mathml().splitlines()) == sum(len(line.steps) + (line.left is not None) for line in lines(one))


def test_it_prints_itself() -> None:
    one = cr.derive(product_graph, -2.0, 5.0, -4.0)
    held, total = one.verified
    assert repr(one) == f"<derivation of product_graph: 5 steps, {held} of {total} equalities hold>"
    assert str(one) == one.text()
    assert [str(step) for step in one.steps][:3] == ["(1) ∂f/∂f = 1", "(2) ∂f/∂z = q", "(3) ∂f/∂q = z"]
    assert f"Verified: {held} of {total} equalities hold." in " ".join(one.text().split())
    assert float(one.value) == -12.0
    assert "\x1b[" in one.text(color=True)
    assert "\x1b[" not in one.text()
    assert max(map(len, one.text(width=60).splitlines())) <= 64


def test_the_program_itself_stands_before_its_derivation() -> None:
    text = cr.derive(product_graph, -2.0, 5.0, -4.0).text()
    assert "    def product_graph(x: Any, y: Any, z: Any) -> Any:\n        q = x + y" in text
    assert "def" not in cr.derive(lambda x: x * x, 1.0).text()


def test_a_step_of_gradient_descent() -> None:
    one = cr.derive(product_graph, -2.0, 5.0, -4.0, wrt=("x", "z"), lr=0.5)
    assert has(one, "x ← x − lr · ∂f/∂x = −2 − 0.5·(−4) = 0")
    assert has(one, "z ← z − lr · ∂f/∂z = −4 − 0.5·3 = −5.5")
    assert "with learning rate 0.5:" in sentences(one)
    assert "f goes from −12 to −27.5." in sentences(one)  # (0 + 5)·(−5.5)
    assert "learning rate" not in cr.derive(product_graph, -2.0, 5.0, -4.0).text()


def test_rounding_is_never_silent() -> None:
    one = cr.derive(lambda x: x * np.sqrt(3.0), 2.0)
    for line in lines(one):
        for sign, box in line.steps:
            if "1.73205" in text_of(box) or "3.4641" in text_of(box):
                assert sign == "≈" or "1.7320508075688772" in text_of(box), (sign, text_of(box))


def test_numbers_count_elements() -> None:
    one = cr.derive(lambda x: np.mean(x**2), np.array([1.0, 2.0, 3.0]))
    assert "n = 3 is the number of elements that are averaged." in sentences(one)
    assert has(one, "∇ₓ f = (2/n) x")

    def two_means(x: Any, y: Any, n: Any) -> Any:
        return np.mean(x) * np.mean(y) * n

    two = cr.derive(two_means, np.ones(3), np.ones(4), 2.0)
    assert two.holds
    assert "m = 3 is the number" in sentences(two), "n is an argument of the program already"


# -- what a last review found ----------------------------------------------------------------------------------------------


def test_a_program_that_stops_at_a_condition_is_derived_up_to_there() -> None:
    def f(x: Any) -> Any:
        y = x * 2
        if y < 100:
            raise ValueError("too small")
        return y

    one = cr.derive(f, 1.0)
    assert one.failure is not None
    assert one.failure.message == "too small"
    assert has(one, "y ← 2x = 2·1 = 2")


def test_the_gradient_from_above_has_another_letter_where_the_program_has_a_g() -> None:
    def f(g: Any, w: Any) -> Any:
        z = w * g
        return np.sum(z**2)

    one = cr.derive(f, np.array([1.0, 2.0]), np.array([3.0, 4.0]), wrt="w", level="names")
    assert has(one, "∇_w f = (∂z/∂w)ᵀ δ = δ ⊙ g")
    assert "δ stands for the gradient" in sentences(one)


def test_a_tie_of_a_maximum_over_an_axis_is_shared_on_paper_too() -> None:
    def f(x: Any) -> Any:
        m = np.max(x)
        return m

    one = cr.derive(f, np.array([1.0, 1.0, 0.5]))
    assert one.holds
    assert "1[x = m]/(Σ 1[x = m])" in one.text()


@pytest.mark.parametrize("rate", ["a", float("nan"), True, np.array([0.1, 0.2])])
def test_a_learning_rate_is_a_finite_number(rate: Any) -> None:
    with pytest.raises(ArgumentError, match="lr is the learning rate of one step, a finite number, and is"):
        cr.derive(lambda x: x * x, 2.0, lr=rate)


@pytest.mark.parametrize("above", ["a", 1j])
def test_what_arrives_from_above_is_real(above: Any) -> None:
    with pytest.raises(ArgumentError, match="what arrives from above is a real number or array"):
        cr.derive(lambda x: x * x, 2.0, above=above)


def test_integers_are_said_to_be_held_fixed() -> None:
    one = cr.derive(lambda x, y: x * y, 3, 2.0)
    assert "x is an integer: it is held fixed." in sentences(one)
    with pytest.raises(ArgumentError, match=r"derive cannot differentiate with respect to p\['n'\]: it is an integer"):
        cr.derive(lambda p, x: p["w"] * p["n"] * x, {"w": 2.0, "n": 3}, 4.0)


def test_a_missing_folder_is_named_by_the_file_asked_for(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no/a\.txt"):
        cr.derive(lambda x: x * x, 2.0).save(tmp_path / "no" / "a.txt")


def test_a_sum_in_front_of_a_factor_stands_in_parentheses() -> None:
    def f(z: Any, t: Any) -> Any:
        p = z - np.log(np.sum(np.exp(z), axis=1, keepdims=True))
        return -np.sum(t * p)

    one = cr.derive(f, np.array([[0.1, 0.2], [0.3, 0.5]]), np.array([[1.0, 0.0], [0.0, 1.0]]), wrt="z", level="names")
    assert "(Σⱼ g_{:j}) ⊙ eᶻ" in one.text()


def test_an_exponential_is_no_power_of_a_variable_named_e() -> None:
    def f(e: Any, x: Any) -> Any:
        return e * np.exp(-e) * np.exp(x)

    text = cr.derive(f, 0.2, 1.0).text()
    assert "exp(−e)" in text
    assert "eˣ" not in text
    assert "e⁻ᵉ" not in text


def test_a_slice_of_a_gradient_that_is_one_number_everywhere() -> None:
    def program(x: Any) -> Any:
        a = np.stack([part * x.sum() for part in x])
        c = a + x
        e = np.conj(a * 1j).imag + c
        f = np.flip(np.sin(x), 0)
        g = np.floor(e - 0.3 + 100.0) * 0.01 + f
        return np.sum(np.sin(g * np.sin(f)))

    derivation = cr.derive(program, np.array([[-1.4], [-0.93]]))
    assert derivation.holds
