"""The worked examples, formula by formula and number by number: what their derivations say against the table's rows."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import formula_reader
import numpy as np
import pytest
from worked_formulas import FORMULAS, SENTENCES

import chainrule as cr
from chainrule.boxes import Box
from chainrule.explain.derivation import Derivation
from chainrule.explain.document import Display, Heading, Line, Paragraph
from chainrule.explain.partials import derivative_box
from chainrule.explain.printing.text import text_of
from worked import FILES, example

POINTS = [(file, index) for file in FILES for index in range(len(example(file).points))]

every_point = pytest.mark.parametrize(("file", "index"), POINTS)


@cache
def derivation(file: str, index: int = 0, lang: str = "en") -> Derivation:
    one = example(file)
    return cr.derive(one.program, *one.points[index].values(), wrt=one.wrt, lang=lang, **one.options)


def lines(one: Derivation) -> list[Line]:
    return [line for block in one.document().blocks if isinstance(block, Display) for line in block.lines]


def plain(text: str) -> str:
    """A formula without its spaces."""
    return re.sub(r"\s", "", text)


def sides(line: Line) -> list[tuple[str, str]]:
    """Each sign of a line with what stands behind it; the left side first, with no sign."""
    left = "" if line.left is None else plain(text_of(line.left))
    return [("", left), *((sign, plain(text_of(box))) for sign, box in line.steps)]


def wanted_sides(formula: str) -> list[tuple[str, str]]:
    """A written formula in the same form; a sign inside brackets belongs to what is inside."""
    found, depth, sign, part = [], 0, "", ""
    for piece in re.split(r"( [=≈←] )", formula):
        if piece.strip() in ("=", "≈", "←") and depth == 0:
            found.append((sign, plain(part)))
            sign, part = piece.strip(), ""
            continue
        depth += piece.count("[") - piece.count("]")
        part += piece
    return [*found, (sign, plain(part))]


def states(line: Line, formula: str) -> bool:
    """Whether a line has the left side of the formula, and its other sides in this order."""
    wanted, found = wanted_sides(formula), sides(line)
    if wanted[0] != found[0]:
        return False
    rest = iter(found[1:])
    return all(any(side == one for one in rest) for side in wanted[1:])


def said(one: Derivation) -> list[str]:
    """The sentences of a document, their formulas as text."""
    return [
        "".join(text_of(part) if isinstance(part, Box) else part for part in block.parts)
        for block in one.document().blocks
        if isinstance(block, Paragraph)
    ]


# -- the rows --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "index", "formula"), [(*point, formula) for point, all_of in FORMULAS.items() for formula in all_of]
)
def test_the_formula_comes_out(file: str, index: int, formula: str) -> None:
    found = lines(derivation(file, index))
    left = wanted_sides(formula)[0]
    candidates = [
        "".join(f" {sign} {side}" for sign, side in sides(line))
        for line in found
        if line.left and sides(line)[0] == left
    ]
    assert any(states(line, formula) for line in found), f"{formula}\nfound:\n" + "\n".join(candidates)


@pytest.mark.parametrize(
    ("file", "index", "words"), [(*point, words) for point, all_of in SENTENCES.items() for words in all_of]
)
def test_the_sentence_is_said_once(file: str, index: int, words: str) -> None:
    found = said(derivation(file, index))
    assert sum(words in one for one in found) == 1, "\n".join(found)


def test_every_row_is_compared() -> None:
    rows = {example(file).number for file, _ in FORMULAS}
    assert rows == {f"A{n}" for n in range(1, 12)} | {f"B{n}" for n in range(1, 12)} | {f"C{n}" for n in range(1, 6)}


def test_a_missing_formula_would_be_noticed() -> None:
    line = next(line for line in lines(derivation("a7_product_graph")) if line.tag == "4")
    assert states(line, "∂L/∂q = ∂L/∂f · z = 16")
    assert not states(line, "∂L/∂q = ∂L/∂f · z = −16")
    assert not states(line, "∂L/∂q = ∂L/∂f · q = 16")
    assert not states(line, "∂L/∂q = 16 = ∂L/∂f · z")
    assert not states(line, "∂L/∂q ≈ 16")
    assert not states(line, "∂L/∂x = 16")


@every_point
def test_every_equality_holds(file: str, index: int) -> None:
    one = derivation(file, index)
    assert one.holds, one.failures
    held, total = one.verified
    assert held == total >= 5


@every_point
def test_the_gradients_are_those_of_the_engine(file: str, index: int) -> None:
    one = example(file)
    values = list(one.points[index].values())
    expected = dict(zip(one.wrt, cr.grad(one.program, one.wrt)(*values), strict=True))
    above = one.options.get("above", 1.0)
    expected = {name: value * above for name, value in expected.items()}
    found = derivation(file, index)
    if one.options.get("expand"):
        flat = np.concatenate([np.ravel(value) for value in expected.values()])
        assert np.allclose(list(found.gradients.values()), flat, rtol=1e-14, atol=0)
        return
    assert set(found.gradients) == set(one.wrt)
    for name, value in expected.items():
        assert np.array_equal(found.gradients[name], value)
        assert np.asarray(found.gradients[name]).dtype == np.asarray(value).dtype


@every_point
def test_english_and_korean_have_the_same_formulas(file: str, index: int) -> None:
    def formulas(one: Derivation) -> list[Any]:
        return [(sides(line), line.tag) for line in lines(one)]

    english, korean = derivation(file, index), derivation(file, index, "ko")
    assert formulas(english) == formulas(korean)
    assert len(said(english)) == len(said(korean))
    assert not any(re.search("[가-힣]", sentence) for sentence in said(english))


# -- what is printed, read back --------------------------------------------------------------------------------------------


def known(one: Derivation) -> dict[str, Any]:
    """The numbers behind the names on the page, from the engine: values, gradients, local derivatives."""
    program = one.program
    found = {
        text_of(symbol.box): symbol.value
        for symbol in (*program.symbols.values(), *program.gradient_symbols.values(), *program.counts.values())
        if np.ndim(symbol.value) == 0
    }
    for step in one.steps:
        for part in step.contributions:
            if part.local is not None:
                found.setdefault(text_of(derivative_box(part.use.symbol.box, step.symbol.box)), part.local.value)
    if one.options.learning_rate is not None:
        found["lr"] = one.options.learning_rate
    return found


SCALAR = ("a1", "a2", "a3", "a4", "a5", "a6", "a7", "a8", "a9", "a10", "b1", "b2", "b4", "b5", "b7", "b8", "c1", "c4")


@pytest.mark.parametrize(("file", "index"), [(f, i) for f, i in POINTS if f.partition("_")[0] in SCALAR])
def test_every_printed_formula_read_by_the_rules_of_school_has_its_value(file: str, index: int) -> None:
    one = derivation(file, index)
    values, count = known(one), 0
    for line in lines(one):
        for (sign, box), value in zip(line.steps, line.values[1:], strict=True):
            found = formula_reader.read(text_of(box), values)
            rounding = 5e-5 if sign == "≈" else 1e-9
            assert abs(found - value) <= rounding * max(abs(found), abs(value)) + 1e-12, (text_of(box), found, value)
            count += 1
    assert count >= 5


# -- what a row asks for beyond formulas -----------------------------------------------------------------------------------


def test_a9_each_branch_has_its_contribution() -> None:
    step = next(step for step in derivation("a9_branching").steps if step.is_input)
    assert [float(part.flow) for part in step.contributions] == [4.0, 3.0]


def test_a10_each_derivative_is_derived_once_and_referred_to() -> None:
    one = derivation("a10_memoisation")
    lefts = [text_of(line.left) for line in lines(one) if line.tag and line.left]
    assert lefts == ["∂z/∂z", "∂z/∂y", "∂z/∂x", "∂z/∂w", "∂z/∂v"]
    tags = {text_of(line.left): line for line in lines(one) if line.tag and line.left}
    label = "".join(map(str, tags["∂z/∂w"].label))
    assert "(2)" in label
    assert "(3)" in label, "w uses both x and y: a reader who is told of one only looks for the other"


@pytest.mark.parametrize("file", ["b3_slope_vectorised", "b6_line_vectorised", "b9_plane_vectorised"])
def test_the_vectorised_views_have_a_jacobian_for_each_node(file: str) -> None:
    one = derivation(file)
    headings = [block.text for block in one.document().blocks if isinstance(block, Heading)]
    assert "Local derivatives" in headings
    text = one.text(200)
    assert "−I" in text  # ∂z₂/∂z₁
    assert re.search(r"diag\(2 ?z₂\)", text)  # ∂L/∂z₂
    assert "𝟏ᵀ" in text  # ∂J/∂L
    assert "3 × 1" in text or file == "b9_plane_vectorised"  # ∂z₁/∂θ


def test_c5_fits_two_pages_at_summary_level() -> None:
    one = derivation("c5_three_layers")
    assert len(one.text(100).splitlines()) <= 2 * 55
    assert [line.tag for line in lines(one) if line.tag] == [str(n) for n in range(1, 10)]


@pytest.mark.parametrize(
    ("file", "index", "names"),
    [
        ("b1_slope_one_sample", 0, {"∂L/∂θ": "−2x(y − θ x)", "θ": "θ + lr·2x(y − θ x)"}),
        ("b4_line_one_sample", 0, {"∂L/∂θ₁": "−2x(y − (θ₁·x + θ₀))", "∂L/∂θ₀": "−2(y − (θ₁·x + θ₀))"}),
        ("a2_square_of_a_sum", 0, {"∂z/∂x": "2(x + y)"}),
        ("a7_product_graph", 0, {"∂L/∂x": "−2(target − (x + y)·z)·z", "∂L/∂z": "−2(target − (x + y)·z)·(x + y)"}),
        ("a8_composition", 0, {"∂out/∂x": "−1/(x²)²·2x"}),
        ("b2_slope_two_samples", 0, {"∂J/∂θ": "−1/2·2x⁽¹⁾(y⁽¹⁾ − θ·x⁽¹⁾) − 1/2·2x⁽²⁾(y⁽²⁾ − θ·x⁽²⁾)"}),
    ],
)
def test_the_closed_form_of_the_table_is_the_one_that_is_printed(file: str, index: int, names: dict[str, str]) -> None:
    """Whatever the order of the factors: the table's formula and ours have the same value, and at other values as well."""
    one = derivation(file, index)
    inputs = {text_of(one.program.symbols[node].box) for node in one.request.graph.inputs} | {"lr"}
    values = {name: value for name, value in known(one).items() if name in inputs}
    spelled: dict[str, list[str]] = {}
    for line in lines(one):
        if line.left is not None:
            spelled.setdefault(text_of(line.left), []).extend(text_of(box) for _, box in line.steps)
    rng = np.random.default_rng(3)
    for left, formula in names.items():
        expected = dict(gradients_and_updates(one))[left]
        assert np.isclose(formula_reader.read(formula, values), expected, rtol=1e-12, atol=1e-15)
        closed = [side for side in spelled[left] if over(side, values)]
        assert closed, spelled[left]
        for _ in range(3):
            moved = {name: value * rng.uniform(0.5, 1.5) for name, value in values.items()}
            for side in closed:
                expected = formula_reader.read(formula, moved)
                assert np.isclose(formula_reader.read(side, moved), expected, rtol=1e-12), side


def gradients_and_updates(one: Derivation) -> list[tuple[str, Any]]:
    found = [(text_of(step.gradient.box), step.value) for step in one.steps]
    rate = one.options.learning_rate or 0.0
    return found + [
        (text_of(step.symbol.box), step.symbol.value - rate * step.value) for step in one.steps if step.is_input
    ]


def over(side: str, values: dict[str, Any]) -> bool:
    """Whether a formula is over these names alone, and over at least one of them: not numbers put in."""
    try:
        formula_reader.read(side, values)
    except formula_reader.UnreadableError:
        return False
    return any(name in side for name in values)
