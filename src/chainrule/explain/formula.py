"""Expressions in, boxes out: how a term is set, with signs, parentheses, fractions and indices.

Numbers can stand for the symbols ("numbers in"): then a negative number inside a product or power is in parentheses. What was
rounded on the way is remembered, so that a line can say ≈ where = would not be true.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction as Rational
from typing import Any

import numpy as np

from chainrule.boxes import (
    Box,
    Fence,
    Fraction,
    Letter,
    Limits,
    Numeral,
    Prose,
    Root,
    Row,
    Scripts,
    Sign,
    Word,
    row,
)
from chainrule.explain.expression import Apply, Expression, Number, Power, Product, Sum, Symbol, plain_number
from chainrule.explain.forms import greater_indicator
from chainrule.explain.juxtaposition import sign_between
from chainrule.notation import Operand, fitted
from chainrule.numerals import grid_of, numeral
from chainrule.ops.choice import iverson

SMALL_ARRAY = 12  # elements of an array that is written out
INDICES = "ijkl"
MATRIX_PRODUCTS = ("matmul", "outer")
OPPOSITE = {"greater": "≤", "greater_equal": "<", "less": "≥", "less_equal": ">", "equal": "≠", "not_equal": "="}
LARGE: dict[str, Box] = {
    "sum": Sign("Σ", "large"),
    "prod": Sign("∏", "large"),
    "max": Word("max"),
    "min": Word("min"),
}


class Drawer:
    """Draws expressions; `numbers` puts values in the place of symbols; `rounded` tells afterwards whether a value was rounded.

    >>> from chainrule.boxes import Letter
    >>> Drawer().box(Symbol("x", Letter("x"), 2.0))
    Letter(text='x')
    """

    def __init__(self, numbers: bool = False) -> None:
        self.numbers = numbers
        self.rounded = False

    def box(self, expression: Expression) -> Box:
        """The formula of an expression."""
        return self.operand(expression, "")[0]

    def operand(self, expression: Expression, index: str) -> Operand:
        """The formula and its precedence; `index` has a letter for each axis where elements are meant."""
        if isinstance(expression, Symbol):
            return self._symbol(expression, index)
        if isinstance(expression, Number):
            return self._number(expression.number)
        if isinstance(expression, Sum):
            return self._sum(expression, index)
        if isinstance(expression, Product):
            return self._product(expression, index)
        if isinstance(expression, Power):
            return self._power(expression, index)
        assert isinstance(expression, Apply)
        return self._apply(expression, index)

    def value(self, value: Any) -> Box | None:
        """A value as numbers, or None where it is too large to be written out."""
        if np.size(value) > SMALL_ARRAY or np.ndim(value) > 2:
            return None
        if np.ndim(value) == 0:
            box, exact = numeral(value)
        else:
            box, exact = grid_of(np.asarray(value))
        self.rounded |= not exact
        return box

    # -- leaves -----------------------------------------------------------------------------------------------------
    def _symbol(self, symbol: Symbol, index: str) -> Operand:
        if self.numbers and not index:
            box = self.value(symbol.value)
            if box is not None:
                return box, _level_of_number(box)
        return indexed(symbol.box, symbol.shape, index), 50

    def _number(self, number: Any) -> Operand:
        if isinstance(number, Rational) and _ratio(number)[1] != 1:
            fraction = Fraction(Numeral(str(abs(number.numerator))), Numeral(str(number.denominator)))
            return (row(Sign("−", "prefix"), fraction), 10) if number < 0 else (fraction, 45)
        value = plain_number(number)
        box, exact = numeral(value)
        if not exact and not self.numbers:  # a constant of the program: all its digits
            box, exact = next(
                (found for digits in (9, 12, 15, 16, 17) if (found := numeral(value, digits))[1]), (box, exact)
            )
        self.rounded |= not exact
        return box, _level_of_number(box)

    # -- sums and products ------------------------------------------------------------------------------------------
    def _sum(self, expression: Sum, index: str) -> Operand:
        items: list[Box | str] = []
        for term in expression.terms:
            sign, positive = _sign_apart(term)
            box, level = self.operand(positive, index)
            box = fitted((box, level), 11 if items or sign < 0 else 10)
            if items:
                items.append("−" if sign < 0 else "+")
            elif sign < 0:
                items.append(Sign("−", "prefix"))
            items.append(box)
        return row(*items), 10

    def _product(self, expression: Product, index: str) -> Operand:
        coefficient = expression.coefficient
        negative = not isinstance(coefficient, complex) and coefficient < 0
        size = -coefficient if negative else coefficient
        above = [f for f in expression.factors if not _is_inverse(f)]
        below = [_inverted(f) for f in expression.factors if _is_inverse(f)]
        top, bottom = _ratio(size)
        counts = [f for f in below if isinstance(f, Symbol) and isinstance(f.key, tuple) and f.key[0] == "count"]
        small = len(counts) == len(below)
        if bottom == 1 and not below:
            parts = ([] if top == 1 else [Number(top)]) + above
            box = self._joined(parts, index)
            if negative and len(parts) == 1:
                box = fitted(self.operand(parts[0], index), 11)  # −(t − o), not −t − o
        elif small and above:
            lead = Fraction(self._joined([Number(top)], index), self._joined(_numbers(bottom) + below, index))
            box = row(lead, self._joined(above, index, after=lead))
        else:
            upper = _numbers(top) + above or [Number(Rational(1))]
            whole = self._joined(upper, index)
            if negative and _starts_negative(whole):
                whole = Fence(whole)
            box = Fraction(whole, self._joined(_numbers(bottom) + below, index, below=True))
        if negative:
            return row(Sign("−", "prefix"), box), 10
        return box, 20

    def _joined(self, factors: Sequence[Expression], index: str, after: Box | None = None, below: bool = False) -> Box:
        """Factors beside each other, with the sign between them that a person would write, or none.

        `below` a fraction stroke a(b + c) has its sign: behind a slash it would be read as a function of b + c.
        """
        items: list[Box | str] = []
        previous, wide, counted = after, False, False
        several = len(factors) > 1 or after is not None
        for factor in factors:
            box, level = self.operand(factor, index)
            if several and not (level == 15 and factor is factors[-1]):  # a sum at the end needs no parentheses
                # 2 q xᵀ: numbers before a matrix product stand outside it whichever way it is read.
                closed = isinstance(factor, Apply) and (
                    wide or factor is not factors[-1] or factor.name not in MATRIX_PRODUCTS
                )
                box = fitted((box, level), 21 if closed else 20)
            array = factor.shape != () and not index
            if previous is not None:
                counts = self.numbers and _all_numbers(factor)
                sign = (
                    "⊙" if array and wide else "·" if counts and counted else sign_between(previous, box, bool(index))
                )
                counted = counts
                if sign or (below and isinstance(box, Fence)):
                    items.append(sign or "·")
            items.append(box)
            if previous is None:
                counted = self.numbers and _all_numbers(factor)
            previous, wide = box, wide or array
        return row(*items)

    def _power(self, expression: Power, index: str) -> Operand:
        exponent = expression.exponent
        if isinstance(exponent, Number) and not isinstance(exponent.number, complex):
            if exponent.number == Rational(1, 2):
                return Root(self.operand(expression.base, index)[0]), 50
            if exponent.number < 0:
                inverse = _inverted(expression)
                return Fraction(Numeral("1"), self.operand(inverse, index)[0]), 45
        base = self.operand(expression.base, index)
        above = self.operand(exponent, "" if exponent.shape == () else index)[0]
        if isinstance(base[0], Scripts) and base[0].above is None:
            return Scripts(base[0].base, below=base[0].below, above=above), 40
        if isinstance(expression.base, Apply) and expression.base.name not in ("matmul", "sum"):
            return Scripts(fitted(base, 50), above=above), 40
        return Scripts(fitted(base, 50), above=above), 40

    # -- functions --------------------------------------------------------------------------------------------------
    def _apply(self, expression: Apply, index: str) -> Operand:
        name = expression.name
        if name in LARGE and "axis" in expression.parameters:
            return self._summation(expression, index)
        if name == "literal":
            return self._literal(expression.value), 50
        if index and not _elementwise(expression):
            box = fitted(self.operand(expression, ""), 50)
            return indexed(box, expression.shape, index), 50
        operands = [self.operand(operand, index) for operand in expression.operands]
        if expression.function is greater_indicator and np.any(expression.value == 0.5):
            tie = row(Fraction(Numeral("1"), Numeral("2")), "·", iverson(row(operands[0][0], "=", operands[1][0])))
            return row(expression.function.notation.drawn(operands, {})[0], "+", tie), 10
        if name == "logical_not" and isinstance(expression.operands[0], Apply):
            turned = OPPOSITE.get(expression.operands[0].name)
            if turned is not None:
                a, b = (self.operand(operand, index)[0] for operand in expression.operands[0].operands)
                return row(a, turned, b), 5
        if name == "column":
            return operands[0]  # with its precedence: a sum stays a sum
        if name == "matmul":
            left = expression.operands[0]
            first = fitted(operands[0], 21 if isinstance(left, Product) else 20)
            second = fitted(operands[1], 21)
            if len(left.shape) == 1:
                first = _with_top(fitted(operands[0], 50))
            return row(first, *(["·"] if _numeric(first) and _numeric(second) else []), second), 20
        if name == "extreme_indicator" and np.any((expression.value != 0) & (expression.value != 1)):
            one = expression.function.notation.drawn(operands, expression.parameters)[0]
            return Fraction(one, row(Limits(Sign("Σ", "large")), one)), 45  # a tie
        if name == "squared_norm":
            box = expression.function.notation.drawn(operands, {})[0]
            if len(expression.operands[0].shape) > 1 and isinstance(box, Scripts):
                box = Scripts(box.base, below=Letter("F"), above=box.above)
            return box, 40
        parameters = expression.parameters
        named = expression.function.notation.kind == "call"
        if named and "axis" in parameters and expression.operands and len(expression.operands[0].shape) == 1:
            parameters = {key: value for key, value in parameters.items() if key != "axis"}  # there is only one
        return expression.function.notation.drawn(operands, parameters)

    def _literal(self, value: Any) -> Box:
        if np.ndim(value) == 1 and np.size(value) > 1 and np.array_equal(value, np.arange(np.size(value))):
            return row(Numeral("0"), Sign("…", "atom"), Numeral(str(np.size(value) - 1)))
        box = self.value(value)
        if box is not None:
            return box
        sizes = " × ".join(map(str, np.shape(value)))
        return Scripts(Letter("C"), below=Prose(sizes))

    def _summation(self, expression: Apply, index: str) -> Operand:
        (term,) = expression.operands
        axes = expression.parameters["axis"]
        rank = len(term.shape)
        if rank > 2 or not axes:
            box = Fence(self.operand(term, "")[0])
            below = Word(" ".join(("axis", ", ".join(map(str, axes)))))
            return row(Limits(LARGE[expression.name], below), box), 15
        letters = INDICES[:rank]
        if index and not expression.parameters["keepdims"]:  # the letters outside are those of the axes that stay
            outside = iter(index[-(rank - len(axes)) :] if rank > len(axes) else "")
            fresh = iter(letter for letter in INDICES if letter not in index)
            letters = "".join(next(fresh) if axis in axes else next(outside) for axis in range(rank))
        elif index:
            fresh = iter(letter for letter in INDICES if letter not in index)
            letters = "".join(next(fresh) if axis in axes else index[axis - rank] for axis in range(rank))
        bound = Letter("".join(letters[axis] for axis in axes))
        if len(axes) < rank and not index:
            letters = "".join(letters[axis] if axis in axes else ":" for axis in range(rank))
        inside = fitted(self.operand(term, letters), 20)
        return row(Limits(LARGE[expression.name], bound), inside), 15


def indexed(box: Box, shape: tuple[int, ...], index: str) -> Box:
    """An array's name with the letters of its element; a number stays as it is, and so does an axis of length 1.

    >>> indexed(Letter("x"), (3,), "i") == Scripts(Letter("x"), below=Letter("i"))
    True
    """
    if not index or not shape:
        return box
    letters = [letter for letter, length in zip(index[-len(shape) :], shape[-len(index) :], strict=True) if length != 1]
    if not letters:
        return box
    below = Letter("".join(letters))
    if isinstance(box, Scripts):
        joined = below if box.below is None else row(box.below, ",", below)
        return Scripts(box.base, below=joined, above=box.above)
    return Scripts(box, below=below)


def _elementwise(expression: Apply) -> bool:
    return bool(expression.function.elementwise) or expression.name == "column"


def _sign_apart(term: Expression) -> tuple[int, Expression]:
    """A term as a sign and a term that does not begin with a minus."""
    if isinstance(term, Product) and not isinstance(term.coefficient, complex) and term.coefficient < 0:
        if term.coefficient == -1 and len(term.factors) == 1:
            return -1, term.factors[0]
        return -1, Product(-term.coefficient, term.factors)
    if isinstance(term, Number) and not isinstance(term.number, complex) and term.number < 0:
        return -1, Number(-term.number)
    return 1, term


def _is_inverse(factor: Expression) -> bool:
    return (
        isinstance(factor, Power)
        and isinstance(factor.exponent, Number)
        and not isinstance(factor.exponent.number, complex)
        and factor.exponent.number < 0
    )


def _inverted(factor: Expression) -> Expression:
    assert isinstance(factor, Power)
    assert isinstance(factor.exponent, Number)
    exponent = -factor.exponent.number
    return factor.base if exponent == 1 else Power(factor.base, Number(exponent))


def _ratio(number: Any) -> tuple[Any, Any]:
    """Numerator and denominator of a coefficient; a short decimal stays one."""
    if (
        isinstance(number, Rational)
        and number.denominator != 1
        and (number == Rational(1, 2) or not _short_decimal(number))
    ):
        return Rational(number.numerator), Rational(number.denominator)
    return number, Rational(1)


def _short_decimal(number: Rational) -> bool:
    """Whether a fraction is written as a decimal: its denominator is a power of two, so it may have been one in the program."""
    return abs(number.numerator) != 1 and number.denominator in (2, 4, 8) and abs(number) < 1000


def _all_numbers(factor: Expression) -> bool:
    """Whether a factor is printed as one number when numbers stand for names."""
    return isinstance(factor, Number) or (isinstance(factor, Symbol) and factor.shape == ())


def _numbers(number: Any) -> list[Expression]:
    return [] if number == 1 else [Number(number)]


def _level_of_number(box: Box) -> int:
    if isinstance(box, Numeral):
        return 10 if box.text.startswith("-") else 50
    return 50 if not isinstance(box, Row) else 10  # a complex number is a sum


def _numeric(box: Box) -> bool:
    return isinstance(box, Numeral)


def _with_top(box: Box) -> Box:
    top = Sign("⊤", "atom")
    if isinstance(box, Scripts) and box.above is None:
        return Scripts(box.base, below=box.below, above=top)
    return Scripts(Fence(box) if isinstance(box, Scripts) else box, above=top)


def _starts_negative(box: Box) -> bool:
    """Whether the first thing that is read is a minus."""
    first = box.items[0] if isinstance(box, Row) and box.items else box
    return first == Sign("−", "prefix") or (isinstance(first, Numeral) and first.text.startswith("-"))
