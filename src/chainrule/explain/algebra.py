"""Sums, products and powers in the form in which a person would leave them: the identities, applied while a term is built.

Every identity here is one that a reader takes for granted: numbers are collected, 1 and 0 disappear, scalars leave a matrix
product, a column times a row is an outer product. None changes a value except by rounding, and each derived line is compared
with the engine after them. What would need a reason, such as multiplying out, is not done here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from chainrule.explain.expression import (
    Apply,
    Coefficient,
    Expression,
    Number,
    Power,
    Product,
    Sum,
    Symbol,
    outline,
    same,
)
from chainrule.explain.forms import column, ones, outer

ONE = Number(Fraction(1))
ZERO = Number(Fraction(0))

SMALL_DENOMINATORS = 64


def exact(value: Any) -> Coefficient:
    """A number as a coefficient: whole numbers and simple binary fractions exactly, others as they are.

    >>> exact(0.5), exact(3), exact(0.1)
    (Fraction(1, 2), Fraction(3, 1), 0.1)
    """
    if isinstance(value, Fraction):
        return value
    value = value.item() if isinstance(value, np.generic | np.ndarray) else value
    if isinstance(value, bool | int):
        return Fraction(int(value))
    if isinstance(value, float) and math.isfinite(value) and abs(value) < 1e15:
        scaled = value * SMALL_DENOMINATORS
        if scaled == int(scaled) and (value or math.copysign(1.0, value) > 0):
            return Fraction(int(scaled), SMALL_DENOMINATORS)
    return value


def number(value: Any) -> Number:
    """A number as a term.

    >>> number(2.0)
    2
    """
    return Number(exact(value))


def _times(a: Coefficient, b: Coefficient) -> Coefficient:
    if isinstance(a, Fraction) and isinstance(b, Fraction):
        return a * b
    return exact(_float(a) * _float(b))


def _float(a: Coefficient) -> float | complex:
    return float(a) if isinstance(a, Fraction) else a


def product(*factors: Expression) -> Expression:
    """The product of factors, element by element.

    >>> product(number(2), number(3))
    6
    """
    coefficient: Coefficient = Fraction(1)
    flat: list[Expression] = []
    for factor in factors:
        if isinstance(factor, Number):
            coefficient = _times(coefficient, factor.number)
        elif isinstance(factor, Product):
            coefficient = _times(coefficient, factor.coefficient)
            flat.extend(factor.factors)
        else:
            flat.append(factor)
    if coefficient == 0:
        return ZERO
    flat = _without_ones(_unwrapped(_squared(_joined_columns(flat))))
    if not flat:
        return Number(coefficient)
    if coefficient == 1 and len(flat) == 1:
        return flat[0]
    return Product(coefficient, tuple(flat))


def _without_ones(factors: list[Expression]) -> list[Expression]:
    """Arrays of ones left out where another factor has the full shape."""
    if not any(isinstance(factor, Apply) and factor.function is ones for factor in factors):
        return factors
    kept = [factor for factor in factors if not (isinstance(factor, Apply) and factor.function is ones)]
    full = np.broadcast_shapes(*(factor.shape for factor in factors))
    if kept and np.broadcast_shapes(*(factor.shape for factor in kept)) == full:
        return kept
    largest = max((f for f in factors if f not in kept), key=lambda f: math.prod(f.shape))
    return [*kept, largest] if np.broadcast_shapes(largest.shape, *(f.shape for f in kept)) == full else factors


def _unwrapped(factors: list[Expression]) -> list[Expression]:
    """What NumPy broadcasts by itself is not broadcast by name."""
    wrapped = [
        f
        for f in factors
        if isinstance(f, Apply) and (f.name == "broadcast_to" or (f.name == "reshape" and f.inner[0].shape == ()))
    ]
    if not wrapped or len(factors) == 1:
        return factors
    full = np.broadcast_shapes(*(factor.shape for factor in factors))
    for factor in wrapped:
        plain = [f if f is not factor else factor.inner[0] for f in factors]
        if np.broadcast_shapes(*(f.shape for f in plain)) == full:
            factors = plain
    return factors


def _squared(factors: list[Expression]) -> list[Expression]:
    """The same factor twice is its square, and 1/x twice is 1/x²; nothing is cancelled, since 0/0 is not 1."""
    if len(factors) < 2:
        return factors
    kept: list[Expression] = []
    for factor in factors:
        base, exponent = _raised(factor)
        for place, other in enumerate(kept):
            theirs, power_there = _raised(other)
            if exponent * power_there > 0 and _collects(base) and same(base, theirs):
                together = exponent + power_there
                kept[place] = base if together == 1 else Power(base, Number(together))
                break
        else:
            kept.append(factor)
    return kept


def _raised(factor: Expression) -> tuple[Expression, Fraction]:
    """A factor as a base and a simple exponent."""
    if (
        isinstance(factor, Power)
        and isinstance(factor.exponent, Number)
        and isinstance(factor.exponent.number, Fraction | int)
    ):
        return factor.base, Fraction(factor.exponent.number)
    return factor, Fraction(1)


def _collects(base: Expression) -> bool:
    """Whether a person would write the square of it: a name, or a number that is not an indicator."""
    return isinstance(base, Symbol) or (
        base.shape == () and not (isinstance(base, Apply) and base.name in ("indicator", "greater_indicator"))
    )


def _joined_columns(factors: list[Expression]) -> list[Expression]:
    """A column times a row, both vectors, as an outer product."""
    for position, factor in enumerate(factors):
        if isinstance(factor, Apply) and factor.function is column:
            others = [f for i, f in enumerate(factors) if i != position and f.shape != ()]
            if len(others) == 1 and len(others[0].shape) == 1:
                joined = outer_product(factor.inner[0], others[0])
                return [f for f in factors if f.shape == ()] + [joined]
    return factors


def negative(term: Expression) -> Expression:
    """A term with the other sign.

    >>> negative(number(2))
    -2
    """
    return product(number(-1), term)


def split(term: Expression) -> tuple[Coefficient, tuple[Expression, ...]]:
    """A term as a coefficient and factors.

    >>> split(number(2))
    (Fraction(2, 1), ())
    """
    if isinstance(term, Number):
        return exact(term.number), ()
    if isinstance(term, Product):
        return term.coefficient, term.factors
    return Fraction(1), (term,)


def total(*terms: Expression, collect: bool = False) -> Expression:
    """The sum of terms; `collect` adds terms that differ only in their coefficient.

    >>> total(number(2), number(-2))
    0
    """
    flat: list[Expression] = []
    for term in terms:
        flat.extend(term.terms if isinstance(term, Sum) else (term,))
    constant: Coefficient = Fraction(0)
    kept: dict[int, Expression] = {}
    alike: dict[Any, list[int]] = {}  # the places of terms that may have the same factors
    for place, term in enumerate(flat):
        if isinstance(term, Number):
            constant = _plus(constant, exact(term.number))
            continue
        factors = split(term)[1]
        others = alike.setdefault(outline(factors), []) if collect and len(flat) > 1 else []
        first = next((other for other in others if _equal(split(kept[other])[1], factors)), None)
        if first is None:
            others.append(place)
            kept[place] = term
            continue
        coefficient = _plus(split(kept[first])[0], split(term)[0])
        if coefficient == 0:  # what cancels is left to be seen, and keeps its shape
            kept[place] = term
        else:
            kept[first] = product(Number(coefficient), *factors)
    terms = tuple(kept.values())
    if constant != 0 or not terms:
        # A number stays where the person wrote it: first when it came first.
        leads = bool(flat) and isinstance(flat[0], Number)
        terms = (Number(constant), *terms) if leads else (*terms, Number(constant))
    return terms[0] if len(terms) == 1 else Sum(terms)


def _plus(a: Coefficient, b: Coefficient) -> Coefficient:
    if isinstance(a, Fraction) and isinstance(b, Fraction):
        return a + b
    return exact(_float(a) + _float(b))


def _equal(a: Sequence[Expression], b: Sequence[Expression]) -> bool:
    return len(a) == len(b) and all(map(same, a, b))


def power(base: Expression, exponent: Expression) -> Expression:
    """A power; exponents 0 and 1 disappear, and the inverse of a product is the product of inverses.

    >>> power(number(3), number(1))
    3
    """
    if isinstance(exponent, Number):
        n = exact(exponent.number)
        if n == 1:
            return base
        if n == 0:
            return ONE
        if isinstance(base, Number) and n == -1 and base.number != 0:
            value = exact(base.number)
            return Number(1 / value if isinstance(value, Fraction) else value**-1)
        if isinstance(base, Product) and n == -1 and base.coefficient != 0:
            inverses = (power(factor, exponent) for factor in base.factors)
            return product(power(Number(base.coefficient), exponent), *inverses)
        if isinstance(base, Power) and isinstance(base.exponent, Number) and n == -1:
            inner = exact(base.exponent.number)
            if isinstance(inner, Fraction) and inner.denominator == 1:
                return power(base.base, Number(-inner))
    return Power(base, exponent)


def quotient(a: Expression, b: Expression) -> Expression:
    """A quotient, as a product with an inverse.

    >>> quotient(number(1), number(3)).number
    Fraction(1, 3)
    """
    return product(a, power(b, number(-1)))


def outer_product(a: Expression, b: Expression) -> Expression:
    """A column times a row; numbers stand before it.

    >>> from chainrule.boxes import Letter
    >>> x = Symbol("x", Letter("x"), np.ones(2))
    >>> outer_product(product(number(2), x), x)
    2·outer(<x>, <x>)
    """
    scalars: list[Expression] = []
    parts: list[Expression] = []
    for term in (a, b):
        outside, inside = scalars_first(term) if isinstance(term, Product) else ([], [term])
        scalars += outside if inside else []
        parts.append(product(*inside) if inside else term)
    if all(isinstance(part, Apply) and part.function is ones for part in parts):
        return product(*scalars, Apply(ones, (), {"shape": (*parts[0].shape, *parts[1].shape)}))
    return product(*scalars, Apply(outer, (parts[0], parts[1])))


def scalars_first(term: Product) -> tuple[list[Expression], list[Expression]]:
    """The numbers of a product, and its arrays.

    >>> scalars_first(Product(Fraction(2), (number(3),)))
    ([2, 3], [])
    """
    scalars: list[Expression] = [] if term.coefficient == 1 else [Number(term.coefficient)]
    scalars += [factor for factor in term.factors if factor.shape == ()]
    return scalars, [factor for factor in term.factors if factor.shape != ()]
