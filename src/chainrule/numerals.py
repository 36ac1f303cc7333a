"""Numbers as they are read: the one rule of rounding, and arrays of numbers as matrices.

The rule: six significant digits, trailing zeros dropped; integers of integer type up to 15 digits in full; a power of
ten outside 0.0001 … 1,000,000. Whether the printed number is the number itself is always told to the caller, who writes
`=` or `≈`.
"""

# The letters of mathematics are meant here, not the Latin ones that look like them.
from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np

from chainrule.boxes import Box, Fence, Grid, Numeral, Row, Scripts, Sign, Word, listed

LONGEST_INTEGER = 15  # digits of an integer that are printed in full
LONGEST_COLUMN = 4  # entries of a vector that is written as a column
DOTS_ACROSS, DOTS_DOWN, DOTS_ALONG = Sign("⋯", "atom"), Sign("⋮", "atom"), Sign("⋱", "atom")


def numeral(value: Any, digits: int = 6) -> tuple[Box, bool]:
    """A number as a box, and whether the printed decimal is the number itself.

    The printed decimal, read again in the number's own type (float32 too), either gives the number or does not: 0.1 is
    itself, 1/3 is not. Zero has no sign. Complex numbers are a row with an upright i, True and False are words.

    >>> numeral(0.1), numeral(2 / 3)
    ((Numeral(text='0.1'), True), (Numeral(text='0.666667'), False))
    >>> numeral(-1.25e-7), numeral(715.0), numeral(1e6)
    ((Numeral(text='-1.25e-7'), True), (Numeral(text='715'), True), (Numeral(text='1e6'), True))
    """
    if isinstance(value, np.ndarray):
        if value.shape != ():
            raise ValueError(f"numeral writes one number and was given an array of shape {value.shape}: use grid_of.")
        value = value[()]
    if isinstance(value, bool | np.bool_):
        return Word(str(bool(value))), True
    if isinstance(value, complex) or np.iscomplexobj(value):
        return _complex(value.real, value.imag, digits)
    text, exact = decimal_of(value, digits)
    return Numeral(text), exact


def decimal_of(value: Any, digits: int = 6) -> tuple[str, bool]:
    """A real number in the writing of `Numeral`, and whether it is exact.

    >>> decimal_of(float("inf")), decimal_of(-0.0), decimal_of(123456789), decimal_of(123456789.0)
    (('∞', True), ('0', True), ('123456789', True), ('1.23457e8', False))
    """
    if isinstance(value, int | np.integer):
        number = int(value)
        if len(str(abs(number))) <= LONGEST_INTEGER:
            return str(number), True
        text = _shortened(f"{Decimal(number):.{digits - 1}e}")
        return text, Decimal(text) == number
    if np.isnan(value):
        return "NaN", True
    if np.isinf(value):
        return ("∞" if value > 0 else "-∞"), True
    if value == 0:
        return "0", True
    if type(value) is np.longdouble and np.finfo(np.longdouble).nmant > np.finfo(float).nmant:
        scientific = np.format_float_scientific(value, precision=digits - 1, unique=False)
    else:
        scientific = f"{float(value):.{digits - 1}e}"
    text = _shortened(scientific)
    own_type = type(value) if isinstance(value, np.floating) else float
    return text, bool(own_type(text) == value)


def _shortened(scientific: str) -> str:
    """`-1.25000e-07` → `-1.25e-7`, and plain decimals between 0.0001 and a million."""
    mantissa, _, exponent = scientific.partition("e")
    power = int(exponent)
    if -4 <= power < 6:
        plain = f"{Decimal(scientific):f}"
        return plain.rstrip("0").rstrip(".") if "." in plain else plain
    mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
    return f"{mantissa}e{power}"


def _complex(real_part: Any, imaginary_part: Any, digits: int) -> tuple[Box, bool]:
    (real, real_exact), (imaginary, imaginary_exact) = decimal_of(real_part, digits), decimal_of(imaginary_part, digits)
    unit = Word("i")
    exact = real_exact and imaginary_exact
    size = imaginary.removeprefix("-")
    part = unit if size == "1" else Row((Numeral(size), unit))
    if real == "0" and imaginary != "0":
        if imaginary.startswith("-"):
            return Row((Sign("−", "prefix"), *(part.items if isinstance(part, Row) else (part,)))), exact
        return part, exact
    if imaginary == "0":
        return Numeral(real), exact
    sign = Sign("−" if imaginary.startswith("-") else "+")
    return Row((Numeral(real), sign, *(part.items if isinstance(part, Row) else (part,)))), exact


def is_negative(box: Box) -> bool:
    """Whether a box of `numeral` needs parentheses as a factor: it starts with a minus or is a sum.

    >>> is_negative(Numeral("-2")), is_negative(Numeral("2"))
    (True, False)
    """
    if isinstance(box, Row):
        return len(box.items) > 2 or any(is_negative(item) or item == Sign("−", "prefix") for item in box.items[:1])
    return isinstance(box, Numeral) and box.text.startswith("-")


def grid_of(array: Any, digits: int = 6, limit: int = 36) -> tuple[Box, bool]:
    """An array of numbers as a box, and whether every printed entry is exact.

    A number stays a number. A vector is a column, or the transpose of a row when it has more than four entries. A
    matrix has its rows and columns. Arrays of three or more axes are lists of such matrices. Beyond `limit` entries
    the middle is left out: three first entries of an axis, dots, the last one.

    >>> grid_of([1.0, 2.0])[0] == Grid(((Numeral("1"),), (Numeral("2"),)))
    True
    >>> grid_of([[0.5, 1 / 3]])
    (Grid(rows=((Numeral(text='0.5'), Numeral(text='0.333333')),)), False)
    """
    values = np.asarray(array)
    exact = True

    def entry(value: Any) -> Box:
        nonlocal exact
        box, itself = numeral(value, digits)
        exact = exact and itself
        return box

    box = _grid(values, entry, values.size > limit)
    return box, exact


def _grid(values: np.ndarray[Any, Any], entry: Any, cut: bool) -> Box:
    if values.ndim == 0:
        return entry(values[()])
    if values.size == 0:
        return Fence(Row(()), "[", "]")
    if values.ndim == 1:
        kept = _kept(len(values), cut)
        if len(kept) <= LONGEST_COLUMN and None not in kept:
            return Grid(tuple((entry(values[index]),) for index in kept if index is not None))
        line = tuple(DOTS_ACROSS if index is None else entry(values[index]) for index in kept)
        return Scripts(Grid((line,)), above=Sign("⊤", "atom"))
    if values.ndim == 2:
        rows, columns = _kept(values.shape[0], cut), _kept(values.shape[1], cut)
        return Grid(tuple(tuple(_cell(values, i, j, entry) for j in columns) for i in rows))
    parts = [DOTS_ACROSS if index is None else _grid(values[index], entry, cut) for index in _kept(len(values), cut)]
    return Fence(listed(parts), "[", "]")


def _cell(values: np.ndarray[Any, Any], i: int | None, j: int | None, entry: Any) -> Box:
    if i is None:
        return DOTS_ALONG if j is None else DOTS_DOWN
    return DOTS_ACROSS if j is None else entry(values[i, j])


def _kept(length: int, cut: bool) -> list[int | None]:
    """The indices of an axis that are shown; None stands for dots."""
    if not cut or length <= 5:
        return list(range(length))
    return [0, 1, 2, None, length - 1]
