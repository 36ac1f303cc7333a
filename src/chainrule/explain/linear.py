"""A formula that is linear in g in, the Jacobian's structure out.

What a source receives is the transposed Jacobian times g. Read from g outwards, each operation multiplies by one more matrix,
so the transposes of these matrices, in the same order, are the Jacobian. Nothing here knows a derivative: the formula that is
read is the one that the rules of the operations wrote.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np

from chainrule.explain.algebra import ONE, negative, product, total
from chainrule.explain.arrays import transpose
from chainrule.explain.combine import added, chain, diagonal, kron, places, scaled, vector, zero
from chainrule.explain.expression import Apply, Expression, Number, Product, Sum, Symbol, symbols_in
from chainrule.explain.forms import indicator
from chainrule.explain.structures import Dense, Entries, Identity, Ones, Structure

PROBES = 128  # elements of g up to which an operation is asked about each of them
SMALL = 36  # entries of a matrix of numbers that may stand inside a formula


class UnreadableError(Exception):
    """A formula that has no structure to be read; the message says at which operation.

    >>> str(UnreadableError("cumsum"))
    'cumsum'
    """


def structure_of(formula: Expression, g: Symbol) -> Structure:
    """The Jacobian whose transpose times g is the formula, arrays flattened row by row. Raises UnreadableError.

    >>> from chainrule.boxes import Letter
    >>> g, x = Symbol("g", Letter("g"), np.ones(2)), Symbol("x", Letter("x"), np.array([2.0, 3.0]))
    >>> structure_of(product(g, x), g).kind
    'diagonal'
    """
    if np.iscomplexobj(formula.value):
        raise UnreadableError("complex")  # of which only the real part comes back
    if isinstance(formula, Symbol) and formula.key == g.key:
        return Identity(math.prod(g.shape))
    if isinstance(formula, Sum):
        return added(
            *(chain(structure_of(term, g), spread(term.shape, formula.shape)) for term in _carrying(formula, g))
        )
    if isinstance(formula, Product):
        return _product(formula, g)
    if isinstance(formula, Apply):
        reader = READERS.get(formula.name, _moved)
        return reader(formula, g)
    if _is_zero(formula):
        return zero(math.prod(g.shape), math.prod(formula.shape))
    raise UnreadableError(type(formula).__name__)


def has(formula: Expression, g: Symbol) -> bool:
    """Whether a formula speaks of g.

    >>> from chainrule.boxes import Letter
    >>> has(ONE, Symbol("g", Letter("g"), 1.0))
    False
    """
    return any(symbol.key == g.key for symbol in symbols_in(formula))


def _is_zero(term: Expression) -> bool:
    return not np.any(np.asarray(term.value))


def _carrying(formula: Sum, g: Symbol) -> list[Expression]:
    """The terms of a sum; each must have g as a factor."""
    terms = [term for term in formula.terms if has(term, g)]
    if any(term not in terms and not _is_zero(term) for term in formula.terms):
        raise UnreadableError("sum")
    return terms


def _product(formula: Product, g: Symbol) -> Structure:
    carriers = [factor for factor in formula.factors if has(factor, g)]
    if len(carriers) != 1:
        raise UnreadableError("product")
    (carrier,) = carriers
    others = product(Number(formula.coefficient), *(factor for factor in formula.factors if factor is not carrier))
    inner = structure_of(carrier, g)
    if others.shape == ():
        return scaled(others, inner)
    shape = formula.shape
    if math.prod(carrier.shape) == 1:
        return chain(inner, vector(others, shape, True))
    return chain(inner, spread(carrier.shape, shape), diagonal(others, shape))


def spread(small: tuple[int, ...], large: tuple[int, ...]) -> Structure:
    """The transpose of spreading an array over a larger shape: a row of ones for each axis that is new.

    >>> spread((2,), (3, 2)).rows
    2
    """
    padded = (1,) * (len(large) - len(small)) + small
    factors = (Identity(n) if n == m else Ones(1, m) for n, m in zip(padded, large, strict=True))
    return _krons(factors)


def _krons(factors: Any) -> Structure:
    return reduce(kron, factors, Identity(1))


# -- one reader for each form of an operation -----------------------------------------------------------------------
def _broadcast(formula: Apply, g: Symbol) -> Structure:
    (x,) = formula.operands
    return chain(structure_of(x, g), spread(x.shape, formula.shape))


def _sum(formula: Apply, g: Symbol) -> Structure:
    (x,) = formula.operands
    axes = {axis % max(len(x.shape), 1) for axis in formula.parameters["axis"]}
    factors = (Ones(n, 1) if axis in axes and n > 1 else Identity(n) for axis, n in enumerate(x.shape))
    return chain(structure_of(x, g), _krons(factors))


def _matmul(formula: Apply, g: Symbol) -> Structure:
    a, b = formula.operands
    if has(a, g) and has(b, g):
        raise UnreadableError("matmul")
    if has(b, g):
        if len(a.shape) > 2 or len(b.shape) > 2:
            raise UnreadableError("matmul")
        width = b.shape[1] if len(b.shape) == 2 else 1
        left = vector(a, a.shape, False) if len(a.shape) == 1 else _entries(transpose(a))
        return chain(structure_of(b, g), kron(left, Identity(width)))
    if len(b.shape) > 2:
        raise UnreadableError("matmul")
    height = math.prod(a.shape[:-1])
    right = vector(b, b.shape, False) if len(b.shape) == 1 else _entries(b)
    return chain(structure_of(a, g), kron(Identity(height), right))


def _outer(formula: Apply, g: Symbol) -> Structure:
    a, b = formula.operands
    if has(a, g) and has(b, g):
        raise UnreadableError("outer")
    if has(a, g):
        return chain(structure_of(a, g), kron(Identity(a.shape[0]), vector(b, b.shape, True)))
    return chain(structure_of(b, g), kron(vector(a, a.shape, True), Identity(b.shape[0])))


def _entries(matrix: Expression) -> Structure:
    """A matrix of the program, with its numbers before it; one column or row of it is a vector."""
    if isinstance(matrix, Product):
        numbers = [factor for factor in matrix.factors if factor.shape == ()]
        arrays = [factor for factor in matrix.factors if factor.shape != ()]
        if arrays and (numbers or matrix.coefficient != 1):
            return scaled(product(Number(matrix.coefficient), *numbers), Entries(product(*arrays)))
    return Entries(matrix)


def _where(formula: Apply, g: Symbol) -> Structure:
    condition, a, b = formula.operands
    if has(condition, g):
        raise UnreadableError("where")
    holds = Apply(indicator, (condition,))
    terms: list[Structure] = []
    for branch, mask in ((a, holds), (b, total(ONE, negative(holds)))):
        if has(branch, g):
            masked = diagonal(mask, formula.shape)
            terms.append(chain(structure_of(branch, g), spread(branch.shape, formula.shape), masked))
        elif not _is_zero(branch):
            raise UnreadableError("where")
    return added(*terms)


def _moved(formula: Apply, g: Symbol) -> Structure:
    """An operation that is known by what it does alone: it moves elements, or is a small matrix of numbers."""
    carriers = [position for position, operand in enumerate(formula.operands) if has(operand, g)]
    if len(carriers) != 1:
        if not carriers and _is_zero(formula):
            return zero(math.prod(g.shape), math.prod(formula.shape))
        raise UnreadableError(formula.name)
    carrier = formula.operands[carriers[0]]

    def run(block: Any) -> Any:
        operands = list(formula.operands)
        operands[carriers[0]] = Symbol("probe", g.box, block)
        return np.asarray(formula.rebuilt(tuple(operands)).value)

    return chain(structure_of(carrier, g), observed(run, carrier.shape, formula.name))


def observed(run: Callable[[Any], Any], shape: tuple[int, ...], name: str) -> Structure:
    """The transposed matrix of a linear map, found by asking it; UnreadableError where it is none, or neither simple nor small.

    >>> observed(lambda block: block[::-1], (3,), "flip").kind
    'permutation'
    """
    size = math.prod(shape)
    if not size:
        raise UnreadableError(name)
    codes = np.asarray(run(np.arange(1.0, size + 1).reshape(shape)))
    probe = np.random.default_rng(0).normal(size=shape)
    seen = np.asarray(run(probe))
    widths = (*trailing(codes.shape),)
    if np.all(codes == np.round(codes)) and codes.size and codes.min() >= 0 and codes.max() <= size:
        origin = codes.ravel().astype(np.int64) - 1
        taken = origin[origin >= 0]
        moved = np.where(origin >= 0, probe.ravel()[origin], 0.0)
        if np.array_equal(moved, seen.ravel()) and np.unique(taken).size == taken.size:
            place = np.full(size, -1)
            place[taken] = np.flatnonzero(origin >= 0)
            return places(place, codes.size, widths)
    if size > PROBES or size * codes.size > PROBES * PROBES:
        raise UnreadableError(name)
    matrix = np.stack([np.asarray(run(one.reshape(shape)), np.float64).ravel() for one in np.eye(size)])
    if not np.allclose(probe.ravel() @ matrix, seen.ravel(), rtol=1e-6, atol=1e-9):
        raise UnreadableError(name)
    return simplest(matrix, widths, name)


def simplest(matrix: np.ndarray[Any, Any], widths: tuple[int, ...], name: str) -> Structure:
    """A matrix of numbers as a selection where it is one; UnreadableError where it is not and is large."""
    if not matrix.any():
        return zero(*matrix.shape)
    if np.isin(matrix, (0.0, 1.0)).all() and (matrix.sum(axis=1) <= 1).all():
        place = np.where(matrix.any(axis=1), matrix.argmax(axis=1), -1)
        return places(place, matrix.shape[1], widths)
    if matrix.size > SMALL:
        raise UnreadableError(name)
    return Dense(matrix)


def trailing(shape: tuple[int, ...]) -> list[int]:
    """How many elements lie together along the last axes.

    >>> trailing((2, 3, 4))
    [4, 12]
    """
    return [math.prod(shape[position:]) for position in range(len(shape) - 1, 0, -1)]


READERS: dict[str, Callable[[Apply, Symbol], Structure]] = {
    "broadcast_to": _broadcast,
    "sum": _sum,
    "matmul": _matmul,
    "outer": _outer,
    "where": _where,
}
