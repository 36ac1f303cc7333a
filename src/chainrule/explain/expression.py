"""Typed expressions: what stands on either side of an equals sign, each with the value it has in the program.

A symbol carries the value of what it names, so every expression can be evaluated where it stands, and a derivation can
check its own lines. Sums and products are flat, numbers come first in a product, and a quotient is a product with a
negative power: one form for everything that is written in one way. Everything else is a function applied to operands:
an operation of the engine, or one of the few forms below that only a reader needs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from operator import add, mul
from typing import Any

import numpy as np

from chainrule.boxes import Box
from chainrule.notation import Notation, call

HEADLESS = call("")
Coefficient = Fraction | float | complex


class Expression:
    """A term with a value; the value is computed once, when somebody asks."""

    __slots__ = ("_value",)

    @property
    def value(self) -> Any:
        """What the term is in the program: a number or an array."""
        try:
            return self._value
        except AttributeError:
            self._value = self._evaluate()
            return self._value

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the value."""
        return np.shape(self.value)

    @property
    def operands(self) -> tuple[Expression, ...]:
        """The terms that this one is made of."""
        return ()

    def _evaluate(self) -> Any:
        raise NotImplementedError

    def rebuilt(self, operands: tuple[Expression, ...]) -> Expression:
        """The same kind of term on other operands."""
        del operands
        return self


class Symbol(Expression):
    """A name for a value of the program; two symbols are the same when their keys are.

    >>> from chainrule.boxes import Letter
    >>> Symbol("x", Letter("x"), 3.0).value
    3.0
    """

    __slots__ = ("box", "key")

    def __init__(self, key: Any, box: Box, value: Any) -> None:
        self.key = key
        self.box = box
        self._value = value

    def __repr__(self) -> str:
        return f"<{self.key}>"


class Number(Expression):
    """A number of the program or of a rule.

    >>> Number(2).value
    2
    """

    __slots__ = ("number",)

    def __init__(self, number: Coefficient | int) -> None:
        self.number = number

    def _evaluate(self) -> Any:
        return plain_number(self.number)

    def __repr__(self) -> str:
        return str(self.number)


class Sum(Expression):
    """Terms that are added; a term that is subtracted is a product with a negative coefficient.

    >>> Sum((Number(1), Number(2))).value
    3
    """

    __slots__ = ("terms",)

    def __init__(self, terms: tuple[Expression, ...]) -> None:
        self.terms = terms

    @property
    def operands(self) -> tuple[Expression, ...]:
        return self.terms

    def _evaluate(self) -> Any:
        return reduce(add, (term.value for term in self.terms))

    def rebuilt(self, operands: tuple[Expression, ...]) -> Expression:
        return Sum(operands)

    def __repr__(self) -> str:
        return f"({' + '.join(map(repr, self.terms))})"


class Product(Expression):
    """A coefficient and factors that are multiplied element by element, as NumPy broadcasts them.

    >>> Product(Fraction(2), (Number(3),)).value
    6
    """

    __slots__ = ("coefficient", "factors")

    def __init__(self, coefficient: Coefficient, factors: tuple[Expression, ...]) -> None:
        self.coefficient = coefficient
        self.factors = factors

    @property
    def operands(self) -> tuple[Expression, ...]:
        return self.factors

    def _evaluate(self) -> Any:
        value = reduce(mul, (factor.value for factor in self.factors))
        if self.coefficient != 1:
            value = plain_number(self.coefficient) * value
        for factor in self.factors:
            if isinstance(factor, Apply) and factor.name.endswith("indicator"):
                value = np.where(factor.value == 0, 0.0, value)[()]  # what was not taken is 0, also times infinity
        return value

    def rebuilt(self, operands: tuple[Expression, ...]) -> Expression:
        return Product(self.coefficient, operands)

    def __repr__(self) -> str:
        return f"{self.coefficient}·{'·'.join(map(repr, self.factors))}"


class Power(Expression):
    """A base with an exponent; -1 makes the denominator of a quotient.

    >>> Power(Number(3), Number(2)).value
    9
    """

    __slots__ = ("base", "exponent")

    def __init__(self, base: Expression, exponent: Expression) -> None:
        self.base = base
        self.exponent = exponent

    @property
    def operands(self) -> tuple[Expression, ...]:
        return (self.base, self.exponent)

    def _evaluate(self) -> Any:
        base, exponent = self.base.value, self.exponent.value
        if type(base) is float and not isinstance(exponent, int):
            base = np.float64(base)  # NaN and no complex number where there is no real power, as in NumPy
        if isinstance(exponent, int) and exponent < 0:
            return (
                1 / np.float64(base) if isinstance(base, int | float) and exponent == -1 else _inverse(base, exponent)
            )
        return base**exponent

    def rebuilt(self, operands: tuple[Expression, ...]) -> Expression:
        return Power(operands[0], operands[1])

    def __repr__(self) -> str:
        return f"{self.base!r}^{self.exponent!r}"


def _inverse(base: Any, exponent: int) -> Any:
    positive = base ** (-exponent) if exponent != -1 else base
    return 1 / (np.float64(positive) if isinstance(positive, int | float) else positive)


@dataclass(frozen=True, slots=True, eq=False)
class Form:
    """A function that only a reader needs: its name, how it is evaluated and how it is written.

    >>> Form("half", lambda x: x / 2).evaluate(4)
    2.0
    """

    name: str
    evaluate: Callable[..., Any]
    notation: Notation = HEADLESS
    elementwise: bool = False


class Apply(Expression):
    """A function on operands: an operation of the engine (`Primitive`) or a `Form`, with its parameters.

    >>> float(Apply(Form("half", lambda x: x / 2), (Number(4),)).value)
    2.0
    """

    __slots__ = ("function", "inner", "parameters")

    def __init__(
        self, function: Any, operands: tuple[Expression, ...], parameters: dict[str, Any] | None = None
    ) -> None:
        self.function = function
        self.inner = operands
        self.parameters = parameters or {}

    @property
    def operands(self) -> tuple[Expression, ...]:
        return self.inner

    @property
    def name(self) -> str:
        """The function's name."""
        return self.function.name

    def _evaluate(self) -> Any:
        function = self.function
        values = [_as_numpy(operand.value) for operand in self.inner]
        if values and isinstance(values[0], np.integer) and not isinstance(function, Form):
            values[0] = np.float64(values[0])  # a number of a rule, such as the 1 at the top, stands for a value
        if (
            values
            and getattr(values[0], "ndim", 1) == 0
            and not isinstance(function, Form)
            and function.name == "slice"
        ):
            return values[0]  # a number that stands for an array of equal elements; so does any part of it
        run = function.evaluate if isinstance(function, Form) else function.execute
        return run(*values, **self.parameters)

    def rebuilt(self, operands: tuple[Expression, ...]) -> Expression:
        return Apply(self.function, operands, self.parameters)

    def __repr__(self) -> str:
        return f"{self.name}({', '.join(map(repr, self.inner))})"


def _as_numpy(value: Any) -> Any:
    """A number of Python as one that has a shape and methods, as operations expect."""
    return np.asarray(value)[()] if type(value) is int or type(value) is float else value


def size_of_terms(expression: Expression) -> float:
    """How large the terms are whose sum an expression is, in the largest element: what rounding is relative to.

    >>> size_of_terms(Sum((Number(3), Number(-3))))
    6.0
    """
    if isinstance(expression, Sum):
        return float(sum(size_of_terms(term) for term in expression.terms))
    if isinstance(expression, Product):
        scale = float(abs(plain_number(expression.coefficient)))
        return scale * float(np.prod([size_of_terms(factor) for factor in expression.factors]))
    if (
        isinstance(expression, Apply)
        and len(expression.inner) == 1
        and expression.name in ("sum", "transposed", "column")
    ):
        (inner,) = expression.inner
        return size_of_terms(inner) * max(1.0, inner.value.size / max(np.size(expression.value), 1))
    value = np.asarray(expression.value)
    return float(np.max(np.abs(value), initial=0.0)) if value.dtype.kind in "fciu" else 1.0


def plain_number(number: Coefficient | int) -> Any:
    """A number as Python counts with it: a whole fraction as an int, another one as a float.

    >>> plain_number(Fraction(4, 2)), plain_number(Fraction(1, 4))
    (2, 0.25)
    """
    if isinstance(number, Fraction):
        return number.numerator if number.denominator == 1 else number.numerator / number.denominator
    return number


def same(a: Expression, b: Expression) -> bool:
    """Whether two expressions are written alike.

    >>> same(Number(2), Number(2)), same(Number(2), Number(3))
    (True, False)
    """
    stack = [(a, b)]
    while stack:
        a, b = stack.pop()
        if a is b:
            continue
        if type(a) is not type(b):
            return False
        if isinstance(a, Symbol) and isinstance(b, Symbol):
            if a.key != b.key:
                return False
            continue
        if isinstance(a, Number) and isinstance(b, Number):
            if a.number != b.number:
                return False
            continue
        if isinstance(a, Product) and isinstance(b, Product) and a.coefficient != b.coefficient:
            return False
        if isinstance(a, Apply) and isinstance(b, Apply) and not _same_function(a, b):
            return False
        left, right = a.operands, b.operands
        if len(left) != len(right):
            return False
        stack.extend(zip(left, right, strict=True))
    return True


def outline(terms: tuple[Expression, ...]) -> tuple[Any, ...]:
    """Something to look up terms by: equal for terms that are the same, mostly different for others.

    >>> outline((Number(2),)) == outline((Number(2),))
    True
    """
    parts: list[Any] = []
    stack = list(terms)
    while stack:
        term = stack.pop()
        parts.append(term.key if isinstance(term, Symbol) else term.name if isinstance(term, Apply) else type(term))
        stack.extend(term.operands)
    return tuple(parts)


def _same_function(a: Apply, b: Apply) -> bool:
    if a.function is not b.function:
        return False
    return a.parameters is b.parameters or repr(a.parameters) == repr(b.parameters)


def substitute(expression: Expression, replace: Callable[[Symbol], Expression | None]) -> Expression:
    """The expression with other terms for its symbols; `replace` returns None for those that stay.

    >>> from chainrule.boxes import Letter
    >>> substitute(Symbol("x", Letter("x"), 3.0), lambda symbol: Number(4)).value
    4
    """
    if isinstance(expression, Symbol):
        return replace(expression) or expression
    operands = expression.operands
    if not operands:
        return expression
    changed = tuple(substitute(operand, replace) for operand in operands)
    if all(new is old for new, old in zip(changed, operands, strict=True)):
        return expression
    return expression.rebuilt(changed)


def symbols_in(expression: Expression) -> list[Symbol]:
    """The symbols of an expression in reading order, each once.

    >>> symbols_in(Sum((Number(1), Number(2))))
    []
    """
    found: dict[Any, Symbol] = {}
    stack = [expression]
    while stack:
        term = stack.pop()
        if isinstance(term, Symbol):
            found.setdefault(term.key, term)
        stack.extend(reversed(term.operands))
    return list(found.values())


def size(expression: Expression) -> int:
    """How many signs and names the expression is made of.

    >>> size(Sum((Number(1), Number(2))))
    3
    """
    count, stack = 0, [expression]
    while stack:
        term = stack.pop()
        count += 1
        stack.extend(term.operands)
    return count
