"""Boxes as text, LaTeX and MathML: every kind of box against golden files, and random boxes against the judges."""

# The letters of mathematics are meant here, not the Latin ones that look like them.
from __future__ import annotations

import random
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from golden import assert_golden
from hypothesis import HealthCheck, Phase, given, settings
from katex_check import katex_errors, katex_folder
from printing_samples import FORMULAS
from random_boxes import BOXES

from chainrule.boxes import Accent, Box, Fence, Fraction, Grid, Letter, Mark, Numeral, Root, Row, Scripts, Sign, row
from chainrule.explain.printing.arrange import every_part, scripted
from chainrule.explain.printing.blocks import block_of
from chainrule.explain.printing.characters import DELIMITERS_LATEX, GREEK_LATEX, LARGE_LATEX, SIGN_LATEX
from chainrule.explain.printing.latex import latex_of, text_in_latex
from chainrule.explain.printing.mathml import elements_of, mathml_of
from chainrule.explain.printing.text import columns_of, text_of

GOLDEN = Path(__file__).parent / "data" / "printing"
MATHML_CORE = {
    "math", "mi", "mn", "mo", "mtext", "mspace", "mrow", "mfrac", "msqrt", "mroot", "msub", "msup", "msubsup", "munder",
    "mover", "munderover", "mtable", "mtr", "mtd",
}  # fmt: skip
CHILDREN = {"mfrac": 2, "mroot": 2, "msub": 2, "msup": 2, "msubsup": 3, "munder": 2, "mover": 2, "munderover": 3}

needs_katex = pytest.mark.skipif(katex_folder()[0] is None, reason=katex_folder()[1] or "KaTeX is there")


def test_every_kind_of_box_is_in_the_samples() -> None:
    kinds = {type(part).__name__ for box in FORMULAS.values() for part in every_part(box)}
    assert kinds == {kind.__name__ for kind in Box.__args__}


def test_text() -> None:
    assert_golden(GOLDEN / "boxes.txt", "".join(f"{name}: {text_of(box)}\n" for name, box in FORMULAS.items()))


def test_blocks_of_text() -> None:
    printed = [
        f"{name}:\n" + "\n".join(line.rstrip() for line in block_of(box).lines) for name, box in FORMULAS.items()
    ]
    assert_golden(GOLDEN / "boxes_in_blocks.txt", "\n\n".join(printed) + "\n")


def test_latex() -> None:
    assert_golden(GOLDEN / "boxes.tex", "".join(f"{latex_of(box)}  % {name}\n" for name, box in FORMULAS.items()))


def test_mathml() -> None:
    assert_golden(
        GOLDEN / "boxes.mathml", "".join(f"<!-- {name} -->{mathml_of(box)}\n" for name, box in FORMULAS.items())
    )


@needs_katex
def test_katex_accepts_every_sample_every_sign_and_every_delimiter() -> None:
    formulas = [latex_of(box) for box in FORMULAS.values()]
    formulas += [latex_of(Sign(sign)) for sign in SIGN_LATEX]
    formulas += [latex_of(Sign(sign, "large")) for sign in LARGE_LATEX]
    formulas += [latex_of(Letter(letter)) for letter in GREEK_LATEX]
    tall = Fraction(Letter("a"), Letter("b"))
    formulas += [latex_of(Fence(box, edge, edge)) for edge in DELIMITERS_LATEX for box in (Letter("x"), tall)]
    formulas.append(text_in_latex("50% × {θ} #_&~^\\ $5 <x> 한글 x² y₁ → ∞ § “q”"))
    assert katex_errors([(latex, display) for latex in formulas for display in (True, False)]) == {}


@needs_katex
def test_katex_refuses_what_is_no_latex() -> None:
    assert list(katex_errors([(r"\frac{1}", True), ("x", True), (r"\theta한", False)])) == [r"\frac{1}", r"\theta한"]


collected: list[Box] = []


@settings(
    max_examples=400, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck), deadline=None
)
@given(BOXES)
def test_random_boxes_are_printed_by_every_printer(box: Box) -> None:
    text = text_of(box)
    assert "\n" not in text
    block = block_of(box)
    assert {columns_of(line) for line in block.lines} == {block.width}
    check_mathml(mathml_of(box))
    latex_of(box)
    collected.append(box)


@needs_katex
def test_katex_accepts_random_boxes() -> None:
    if not collected:  # this test runs without the one above when it is named alone, or in another process
        test_random_boxes_are_printed_by_every_printer()
    formulas = [(latex_of(box), random.Random(number).random() < 0.5) for number, box in enumerate(collected)]
    assert len(formulas) >= 100
    assert katex_errors(formulas) == {}


def check_mathml(text: str) -> None:
    """Well-formed, elements of MathML Core only, each with the children that it has to have."""
    for element in ElementTree.fromstring(text).iter():
        space, _, name = element.tag.rpartition("}")
        assert space == "{http://www.w3.org/1998/Math/MathML"
        assert name in MATHML_CORE
        assert len(element) == CHILDREN.get(name, len(element)), name
        if name in ("mi", "mn", "mo", "mtext"):
            assert len(element) == 0
        assert element.get("mathvariant") in (None, "normal")


@pytest.mark.parametrize("name", FORMULAS)
def test_the_samples_are_mathml_core(name: str) -> None:
    check_mathml(mathml_of(FORMULAS[name], display=True))


def test_a_mark_keeps_its_key_through_every_character() -> None:
    (mark,) = [
        element
        for element in ElementTree.fromstring(mathml_of(Mark(Letter("x"), "a\"<&>'b"))).iter()
        if element.get("class") == "mark"
    ]
    assert mark.get("data-key") == "a\"<&>'b"
    assert text_of(Mark(Letter("x"), "k")) == latex_of(Mark(Letter("x"), "k")) == "x"


def test_words_of_several_letters_are_italic_where_they_are_variables() -> None:
    assert elements_of(Letter("loss")) == '<mi style="font-style:italic">loss</mi>'
    assert elements_of(Letter("x")) == "<mi>x</mi>"


def test_an_unknown_sign_is_refused_with_what_to_do() -> None:
    with pytest.raises(ValueError, match=r"knows no command for the sign '☃' \(U\+2603\)\. Add it to SIGN_LATEX"):
        latex_of(Sign("☃"))


def test_an_unknown_delimiter_is_refused() -> None:
    with pytest.raises(ValueError, match=r"knows no delimiter '<': use one of"):
        latex_of(Fence(Letter("x"), "<", ">"))


@pytest.mark.parametrize("printer", [latex_of, mathml_of])
def test_an_unknown_accent_is_refused(printer: object) -> None:
    with pytest.raises(ValueError, match="knows no accent 'cap': use one of hat, bar, tilde, dot, vec"):
        printer(Accent(Letter("x"), "cap"))  # type: ignore[operator]


@pytest.mark.parametrize(
    ("box", "text"),
    [
        (Fraction(Numeral("1"), row(Numeral("2"), "·", Letter("x"))), "1/(2·x)"),
        (Fraction(Numeral("1"), Numeral("-2")), "1/(−2)"),
        (Fraction(row(Letter("a"), "·", Letter("b")), Letter("c")), "a·b/c"),
        (Fraction(Fraction(Letter("a"), Letter("b")), Letter("c")), "(a/b)/c"),
        (Fraction(Letter("a"), Fraction(Letter("b"), Letter("c"))), "a/(b/c)"),
        (row(Fraction(Numeral("1"), Letter("n")), Letter("x")), "(1/n) x"),
        (row(Letter("a"), "/", Fraction(Letter("b"), Letter("c"))), "a / (b/c)"),
        (row(Letter("a"), "+", Fraction(Letter("b"), Letter("c"))), "a + b/c"),
        (Scripts(Numeral("-2"), above=Numeral("2")), "(−2)²"),
        (Scripts(Letter("e"), above=Fraction(Numeral("1"), Numeral("2"))), "e^(1/2)"),
        (Scripts(Letter("e"), above=Row((Sign("−", "prefix"), Letter("x")))), "e⁻ˣ"),
        (Scripts(Letter("x"), above=row(Numeral("2"), Letter("q"))), "x^(2q)"),
        (Scripts(Letter("W"), below=row(Letter("i"), ",", Letter("j"))), "W_{i,j}"),
        (Root(Row((Numeral("2"), Letter("x")))), "√(2x)"),
        (Root(Letter("x"), Letter("q")), "root[q](x)"),
        (row(Numeral("2"), Fence(row(Letter("x"), "+", Letter("y")))), "2(x + y)"),
        (row(Letter("x"), Letter("y")), "x y"),
        (Scripts(Grid(((Letter("a"),), (Letter("b"),))), above=Sign("⊤", "atom")), "([a, b]ᵀ)ᵀ"),
    ],
)
def test_a_line_of_text_has_the_parentheses_that_its_meaning_needs(box: Box, text: str) -> None:
    assert text_of(box) == text.replace("a / (b/c)", "a/(b/c)")


def test_scripts_upon_scripts_keep_their_order() -> None:
    assert latex_of(Scripts(Scripts(Letter("x"), above=Sign("⊤", "atom")), above=Numeral("2"))) == r"(x^{\top})^{2}"
    assert scripted(Scripts(Scripts(Letter("x"), above=Numeral("2")), below=Numeral("1"))).base == Fence(
        Scripts(Letter("x"), above=Numeral("2"))
    )
    assert text_of(Scripts(Scripts(Letter("x"), below=Letter("i")), above=Numeral("2"))) == "xᵢ²"


def test_a_minus_beside_an_operand_is_no_difference() -> None:
    assert latex_of(Row((Numeral("2"), Numeral("-3")))) == r"2 \, {-3}"
    assert latex_of(row(Numeral("2"), "+", Numeral("-3"))) == "2 + -3"


def test_blocks_stand_on_one_line_with_their_neighbours() -> None:
    matrix = Grid(((Numeral("1"), Numeral("-2")), (Numeral("30"), Numeral("4")), (Numeral("5"), Numeral("6"))))
    lines = block_of(row(Letter("손실"), "=", Fraction(Numeral("1"), Letter("n")), matrix)).lines
    assert lines == (
        "             ⎡ 1  −2⎤",
        "손실 = (1/n) ⎢30   4⎥",
        "             ⎣ 5   6⎦",
    )
    assert {columns_of(line) for line in lines} == {columns_of(lines[0])}
