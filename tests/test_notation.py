"""`notation.py`: the six words in which operations are written, their precedence, and the notation of every operation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.notation import Notation, call, custom, fraction, infix, power, prefix, show
from chainrule.primitive import primitives


def test_six_words() -> None:
    a, b = ("a", 50), ("b", 50)
    assert infix("+", 10).plain([a, b], {}) == ("a + b", 10)
    assert prefix("-").plain([a], {}) == ("-a", 30)
    assert fraction().plain([a, b], {}) == ("a / b", 20)
    assert power().plain([a, b], {}) == ("a**b", 40)
    assert power("**2").plain([a], {}) == ("a**2", 40)
    assert call(r"\tanh").plain([a], {}) == ("tanh(a)", 50)
    assert call("sum").plain([a], {"axis": (0,), "keepdims": True}) == ("sum(a, axis=(0,), keepdims=True)", 50)
    assert custom("[]", lambda texts, index: f"{texts[0]}[{index}]").plain([a], {"index": 3}) == ("a[3]", 50)


def test_symbols_become_plain_text() -> None:
    assert call(r"\tanh").text == "tanh"
    assert call(r"\operatorname{relu}").text == "relu"
    assert call(r"\sigma", "sigmoid").text == "sigmoid"
    assert infix(r"\odot", 20, "*").text == "*"


@pytest.mark.parametrize(
    ("notation", "operands", "expected"),
    [
        (infix("*", 20), [("a + b", 10), ("c", 50)], "(a + b) * c"),
        (infix("*", 20), [("a", 50), ("b + c", 10)], "a * (b + c)"),
        (infix("-", 10), [("a", 50), ("b - c", 10)], "a - (b - c)"),
        (infix("-", 10), [("a - b", 10), ("c", 50)], "a - b - c"),
        (fraction(), [("a", 50), ("b * c", 20)], "a / (b * c)"),
        (fraction(), [("a / b", 20), ("c", 50)], "a / b / c"),
        (prefix("-"), [("a * b", 20)], "-(a * b)"),
        (prefix("-"), [("a**b", 40)], "-a**b"),
        (power(), [("-a", 30), ("2", 50)], "(-a)**2"),
        (power(), [("a**b", 40), ("c", 50)], "(a**b)**c"),
        (power(), [("a", 50), ("b**c", 40)], "a**b**c"),
        (power("**2"), [("a + b", 10)], "(a + b)**2"),
    ],
)
def test_parentheses_are_where_python_needs_them(
    notation: Notation, operands: list[tuple[str, int]], expected: str
) -> None:
    text, _ = notation.plain(operands, {})
    assert text == expected
    numbers = {"a": 3.0, "b": 2.0, "c": 0.5}
    parts = [eval(operand, {}, numbers) for operand, _ in operands]
    signs: dict[str, Any] = {"*": np.multiply, "-": np.subtract if len(parts) == 2 else np.negative, "/": np.divide}
    meaning = (
        np.power(parts[0], parts[1] if len(parts) == 2 else 2)
        if notation.kind == "power"
        else signs[notation.text](*parts)
    )
    assert eval(text, {}, numbers) == pytest.approx(float(meaning))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (slice(None, 3), ":3"),
        (slice(1, None, -2), "1::-2"),
        (slice(None), ":"),
        ((0, 1), "(0, 1)"),
        ((0,), "(0,)"),
        ((), "()"),
        (None, "None"),
        (Ellipsis, "..."),
        (2.5, "2.5"),
        (np.float64(2.5), "2.5"),
        (np.ones((2, 3), np.float32), "float32[2,3]"),
        ((slice(1, 2), None), "(1:2, None)"),
        ("ij,jk->ik", "ij,jk->ik"),
        (np.dtype("float32"), "float32"),
    ],
)
def test_parameters_as_text(value: Any, text: str) -> None:
    assert show(value) == text


@pytest.mark.parametrize("name", sorted(primitives))
def test_every_operation_can_be_written(name: str) -> None:
    primitive = primitives[name]
    notation = primitive.notation
    assert notation.kind in ("infix", "prefix", "fraction", "power", "fence", "call", "custom")
    assert 0 <= notation.precedence <= 50
    if notation.kind == "custom":
        assert notation.write is not None
        return
    count = len(primitive.vjp) if isinstance(primitive.vjp, tuple) else 2
    text, precedence = notation.plain([(letter, 50) for letter in "abcde"[:count]], {})
    assert precedence == notation.precedence
    assert all(
        letter in text
        for letter in "abcde"[: 1 if notation.kind in ("prefix", "power", "fence") and notation.text else count]
    )
    assert text.count("(") == text.count(")")


def test_a_graph_reads_as_the_program() -> None:
    def f(x: Any, w: Any) -> Any:
        scaled = (x + 1.0) * (x - 1.0) / 2.0
        product = -scaled * w[1:, 0]
        return np.sum(product, axis=0)

    assert str(cr.trace(f, 3.0, np.ones((3, 2)))) == (
        "inputs  x: float64[], w: float64[3,2]\n"
        "%1: float64[] = x + 1.0\n"
        "%2: float64[] = x - 1.0\n"
        "%3: float64[] = %1 * %2\n"
        "scaled: float64[] = %3 / 2.0\n"
        "%4: float64[] = -scaled\n"
        "%5: float64[2] = w[1:, 0]\n"
        "product: float64[2] = %4 * %5\n"
        "%6: float64[] = sum(product, axis=(0,), keepdims=False)\n"
        "outputs %6"
    )
