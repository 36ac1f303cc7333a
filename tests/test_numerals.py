"""The rule of rounding: what is printed, and whether it is said to be exact."""

from __future__ import annotations

import math
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from chainrule.boxes import Box, Fence, Grid, Letter, Numeral, Row, Scripts, Sign, Word
from chainrule.explain.printing.blocks import block_of
from chainrule.explain.printing.text import text_of
from chainrule.numerals import decimal_of, grid_of, is_negative, numeral


@pytest.mark.parametrize(
    ("value", "text", "exact"),
    [
        (0.1, "0.1", True), (2 / 3, "0.666667", False), (715.0, "715", True), (-12, "-12", True), (0, "0", True),
        (-0.0, "0", True), (1e-4, "0.0001", True), (9.9999e-5, "9.9999e-5", True), (1e-5, "1e-5", True),
        (999999.0, "999999", True), (999999.5, "1e6", False), (1e6, "1e6", True), (1234567.0, "1.23457e6", False),
        (1234567, "1234567", True), (10**14, "100000000000000", True), (10**15, "1e15", True),
        (123456789012345678, "1.23457e17", False), (-1.25e-7, "-1.25e-7", True), (math.inf, "∞", True),
        (-math.inf, "-∞", True), (math.nan, "NaN", True), (0.1 + 0.2, "0.3", False), (100.0, "100", True),
        (5e-324, "4.94066e-324", True), (1.7976931348623157e308, "1.79769e308", False),
        (np.float32(0.1), "0.1", True), (np.float32(1) / np.float32(3), "0.333333", False),
        (np.float32(0.333333), "0.333333", True), (np.float16(0.1), "0.0999756", True), (np.int8(-7), "-7", True),
        (np.uint64(2**64 - 1), "1.84467e19", False), (np.array(2.5), "2.5", True), (np.longdouble("0.1"), "0.1", True),
        (10**400, "1e400", True),
    ],
)  # fmt: skip
def test_the_rule_of_rounding(value: object, text: str, exact: bool) -> None:
    assert numeral(value) == (Numeral(text), exact)


def test_digits_are_at_the_callers_choice() -> None:
    assert numeral(2 / 3, 3) == (Numeral("0.667"), False)
    assert numeral(1234.0, 2) == (Numeral("1200"), False)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1 + 2j, "1 + 2i"),
        (1 - 1j, "1 − i"),
        (-2j, "−2i"),
        (1j, "i"),
        (3 + 0j, "3"),
        (np.complex64(0.1 - 0.5j), "0.1 − 0.5i"),
    ],
)
def test_complex_numbers_are_rows(value: complex, text: str) -> None:
    box, exact = numeral(value)
    assert text_of(box).replace("2 i", "2i").replace("5 i", "5i") == text
    assert exact


def test_truth_values_are_words() -> None:
    assert numeral(True) == (Word("True"), True)
    assert numeral(np.False_) == (Word("False"), True)


def test_an_array_is_sent_to_the_printer_of_arrays() -> None:
    with pytest.raises(ValueError, match=r"was given an array of shape \(2,\): use grid_of"):
        numeral(np.ones(2))


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_the_printed_number_is_within_half_a_unit_of_its_last_digit(value: float) -> None:
    text, exact = decimal_of(value)
    assert exact == (float(text) == value)
    if value:
        unit = Decimal(10) ** (Decimal(f"{value:.5e}").adjusted() - 5)
        assert abs(Decimal(text) - Decimal(value)) <= unit / 2
    assert len(text.partition("e")[0].replace(".", "").strip("-0")) <= 6


@given(hnp.from_dtype(np.dtype(np.float32), allow_nan=False, allow_infinity=False))
def test_single_precision_is_judged_in_its_own_type(value: np.float32) -> None:
    text, exact = decimal_of(value)
    with np.errstate(over="ignore"):  # rounding up the largest number leaves the type
        assert exact == bool(np.float32(text) == value)


@given(st.integers())
def test_whole_numbers_are_exact_or_say_that_they_are_not(value: int) -> None:
    text, exact = decimal_of(value)
    assert exact == (Decimal(text) == value)


def test_negative_numbers_and_sums_need_parentheses_in_a_product() -> None:
    assert is_negative(numeral(-2.0)[0])
    assert is_negative(numeral(1 + 2j)[0])
    assert is_negative(numeral(-2j)[0])
    assert not is_negative(numeral(2j)[0])
    assert not is_negative(Letter("x"))


def entries(box: Box) -> list[str]:
    assert isinstance(box, Grid)
    return [text_of(cell) for row in box.rows for cell in row]


def test_small_arrays_are_written_out() -> None:
    assert grid_of(2.5) == (Numeral("2.5"), True)
    column, exact = grid_of(np.array([1.0, 2 / 3]))
    assert isinstance(column, Grid)
    assert [len(row) for row in column.rows] == [1, 1]
    assert not exact
    matrix, exact = grid_of(np.array([[0.088, 0.176], [0.104, 0.208]]))
    assert entries(matrix) == ["0.088", "0.176", "0.104", "0.208"]
    assert exact


def test_a_long_vector_is_the_transpose_of_a_row() -> None:
    box, _ = grid_of(np.arange(5))
    assert box == Scripts(Grid((tuple(Numeral(str(k)) for k in range(5)),)), above=Sign("\u22a4", "atom"))
    assert text_of(box) == "[0, 1, 2, 3, 4]ᵀ"


def test_arrays_beyond_the_limit_lose_their_middle() -> None:
    assert text_of(grid_of(np.arange(100))[0]) == "[0, 1, 2, ⋯, 99]ᵀ"
    matrix, _ = grid_of(np.arange(100).reshape(10, 10))
    assert entries(matrix)[:5] == ["0", "1", "2", "⋯", "9"]
    assert entries(matrix)[15:20] == ["⋮", "⋮", "⋮", "⋱", "⋮"]
    assert entries(matrix)[-1] == "99"
    assert len(entries(grid_of(np.zeros((100, 3)))[0])) == 15
    assert grid_of(np.arange(36).reshape(6, 6))[0] == grid_of(np.arange(36).reshape(6, 6), limit=36)[0]
    assert "⋯" not in text_of(grid_of(np.arange(36).reshape(6, 6))[0])


def test_more_axes_are_lists_of_matrices_and_empty_arrays_are_empty_brackets() -> None:
    box, _ = grid_of(np.arange(8).reshape(2, 2, 2))
    assert isinstance(box, Fence)
    assert text_of(box) == "[[[0, 1], [2, 3]], [[4, 5], [6, 7]]]"
    assert len(block_of(box).lines) == 2
    assert grid_of(np.zeros((0, 3))) == (Fence(Row(()), "[", "]"), True)
    assert "⋯" in text_of(grid_of(np.zeros((20, 2, 2)))[0])


def test_arrays_of_truth_values_and_complex_numbers() -> None:
    assert text_of(grid_of(np.array([True, False]))[0]) == "[True, False]ᵀ"
    assert text_of(grid_of(np.array([[1j, -1.0]]))[0]) == "[i, −1]"
