"""Matrices and other arrays in the form in which a person would write them: products, transposes, sums, shapes.

The same kind of identities as in `algebra`: numbers stand before a matrix product, a sum or a transpose; what is transposed twice
is not transposed; shapes that NumPy brings about by itself are not spelled out.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule.explain.algebra import number, outer_product, product, scalars_first, split
from chainrule.explain.expression import Apply, Coefficient, Expression, Number, Power, Product, Symbol, same
from chainrule.explain.forms import column, ones, outer, squared_norm, transposed
from chainrule.primitive import primitives


def transpose(term: Expression) -> Expression:
    """The transpose of a matrix; nothing changes for vectors and numbers.

    >>> transpose(number(2))
    2
    """
    if len(term.shape) < 2:
        return term
    if isinstance(term, Apply) and term.function is transposed:
        return term.inner[0]
    if isinstance(term, Apply) and term.function is outer:
        return Apply(outer, (term.inner[1], term.inner[0]))
    if isinstance(term, Product):
        scalars, arrays = scalars_first(term)
        if scalars:
            return product(*scalars, transpose(product(*arrays)))
    return Apply(transposed, (term,))


def broadcast(term: Expression, shape: tuple[int, ...]) -> Expression:
    """A term spread over a larger shape: a number times ones, a column times a row of ones.

    >>> broadcast(number(2), (3,))
    2·ones()
    """
    if term.shape == shape:
        return term
    if term.shape == ():
        return product(term, Apply(ones, (), {"shape": shape}))
    if isinstance(term, Product):
        outside, inside = scalars_first(term)
        if outside:
            return product(*outside, broadcast(product(*inside), shape))
    if len(shape) == 2 and isinstance(term, Apply) and term.function is column:
        return outer_product(term.inner[0], Apply(ones, (), {"shape": shape[1:]}))
    return Apply(primitives["broadcast_to"], (term,), {"shape": shape})


def reshaped(term: Expression, shape: tuple[int, ...]) -> Expression:
    """A term in another shape; a vector in a column is a column.

    >>> reshaped(number(2), ())
    2
    """
    if term.shape == shape:
        return term
    if len(term.shape) == 1 and shape == (term.shape[0], 1):
        if isinstance(term, Product):
            outside, inside = scalars_first(term)
            return product(*outside, Apply(column, (product(*inside),)))
        return Apply(column, (term,))
    return Apply(primitives["reshape"], (term,), {"shape": shape})


def matmul(a: Expression, b: Expression) -> Expression:
    """A matrix product; numbers stand before it, and a row of two outer products closes up.

    >>> from chainrule.boxes import Letter
    >>> from chainrule.explain.expression import Symbol
    >>> matmul(Symbol("W", Letter("W"), np.eye(2)), Symbol("x", Letter("x"), np.ones(2))).value
    array([1., 1.])
    """
    if any(isinstance(term, Number) and term.number == 0 for term in (a, b)):
        return number(0)
    scalars: list[Expression] = []
    parts: list[Expression] = []
    for term in (a, b):
        if isinstance(term, Product):
            outside, inside = scalars_first(term)
            if outside and inside:
                scalars += outside
                parts.append(product(*inside))
                continue
        parts.append(term)
    joined = Apply(primitives["matmul"], (parts[0], parts[1]))
    return product(*scalars, joined) if scalars else joined


def summed(term: Expression, function: Any, parameters: dict[str, Any]) -> Expression:
    """The sum over axes; numbers stand before it, and the sum of squares of an array is its squared norm."""
    if isinstance(term, Product):
        outside, inside = scalars_first(term)
        if outside and inside:
            return product(*outside, summed(product(*inside), function, parameters))
    everything = len(parameters["axis"]) == len(term.shape) and not parameters["keepdims"]
    if everything and isinstance(term, Apply) and term.name == "sum" and not term.parameters["keepdims"]:
        inner = term.inner[0]  # the sum of sums
        return summed(inner, function, {"axis": tuple(range(len(inner.shape))), "keepdims": False})
    if everything and isinstance(term, Apply) and term.function is ones:
        return number(math.prod(term.shape))
    if everything and term.shape and isinstance(term, Power) and _is_two(term.exponent):
        real = np.asarray(term.base.value).dtype.kind == "f"
        return Apply(squared_norm, (term.base,)) if real else Apply(function, (term,), parameters)
    return Apply(function, (term,), parameters)


def _is_two(exponent: Expression) -> bool:
    return isinstance(exponent, Number) and exponent.number == 2


def _is_gradient(factor: Expression) -> bool:
    return isinstance(factor, Symbol) and (factor.key == "g" or factor.key[0] == "gradient")


def chosen(condition: Expression, a: Expression, b: Expression, function: Any) -> Expression:
    """`a` where the condition holds and `b` elsewhere; a gradient that both have as a factor stands before it."""
    (first, left), (second, right) = split(a), split(b)
    common = [factor for factor in left if _is_gradient(factor) and any(same(factor, other) for other in right)]
    if not common:
        return Apply(function, (condition, a, b))

    def rest(coefficient: Coefficient, factors: tuple[Expression, ...]) -> Expression:
        waiting = list(common)
        kept: list[Expression] = []
        for factor in factors:
            found = next((c for c in waiting if same(c, factor)), None)
            if found is None:
                kept.append(factor)
            else:
                waiting.remove(found)
        return product(Number(coefficient), *kept)

    return product(*common, chosen(condition, rest(first, left), rest(second, right), function))
