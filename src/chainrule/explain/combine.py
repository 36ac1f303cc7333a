"""Structures of Jacobians put together: products, Kronecker products, sums and multiples, written as a person would leave them."""

from __future__ import annotations

import math

import numpy as np

from chainrule.explain.algebra import (
    ONE,
    ZERO,
    negative,
    number,
    outer_product,
    power,
    product,
    scalars_first,
    total,
)
from chainrule.explain.composites import Added, Chain, Kronecker, Scaled, is_negative
from chainrule.explain.expression import Apply, Expression, Number, Power, Product, same
from chainrule.explain.forms import ones
from chainrule.explain.structures import Diagonal, Identity, Ones, Places, Structure, Vector, Zero


def scaled(factor: Expression, inner: Structure) -> Structure:
    """A number times a structure; the number goes inside a diagonal.

    >>> scaled(number(1), Identity(2)).kind
    'identity'
    """
    if isinstance(inner, Zero) or (isinstance(factor, Number) and factor.number == 0):
        return Zero(inner.rows, inner.columns)
    if same(factor, ONE):
        return inner
    if isinstance(inner, Scaled):
        return scaled(product(factor, inner.factor), inner.inner)
    if isinstance(inner, Diagonal):
        return Diagonal(product(factor, inner.entries), inner.shape)
    return Scaled(factor, inner)


def vector(entries: Expression, shape: tuple[int, ...], across: bool) -> Structure:
    """An array as one column or one row; numbers stand before it, and an array of ones has its own sign.

    >>> vector(number(2), (3,), True).matrix()
    array([[2., 2., 2.]])
    """
    scalars, arrays = _apart(_plain(entries))
    size = math.prod(shape)
    if not arrays:
        plain: Structure = Identity(1) if size == 1 else Ones(1, size) if across else Ones(size, 1)
    else:
        plain = Vector(_spread(product(*arrays), shape), shape, across)
    return scaled(product(*scalars), plain) if scalars else plain


def diagonal(entries: Expression, shape: tuple[int, ...]) -> Structure:
    """A diagonal matrix; equal entries are a multiple of the identity, repeated ones a Kronecker product.

    >>> diagonal(number(2), (3,)).kind
    'identity'
    """
    size = math.prod(shape)
    entries = _plain(entries)
    scalars, arrays = _apart(entries, shorter=True)
    if not arrays:
        return scaled(product(*scalars), Identity(size)) if scalars else Identity(size)
    entries = product(*scalars, *arrays)
    own = entries.shape
    if own == shape:
        return Diagonal(entries, shape)
    while len(own) > 1 and own[0] == 1:
        own = own[1:]
    if own == shape[len(shape) - len(own) :]:
        return kron(Identity(math.prod(shape[: len(shape) - len(own)])), Diagonal(_unreshaped(entries, own), own))
    if len(entries.shape) == len(shape):
        own = entries.shape
        kept = len(own) - next(i for i, length in enumerate(reversed((0, *own))) if length != 1)
        if own[:kept] == shape[:kept]:
            return kron(Diagonal(entries, own), Identity(math.prod(shape[kept:])))
    return Diagonal(_spread(entries, shape), shape)


def _unreshaped(entries: Expression, own: tuple[int, ...]) -> Expression:
    """An array that was only given axes of length 1, without them."""
    if isinstance(entries, Apply) and entries.name == "reshape" and entries.operands[0].shape == own:
        return entries.operands[0]
    return entries


def _plain(entries: Expression) -> Expression:
    """Numbers that were made arrays of one element, as numbers again."""
    if isinstance(entries, Apply) and entries.name == "reshape" and entries.operands[0].shape == ():
        return entries.operands[0]
    if isinstance(entries, Product):
        return product(Number(entries.coefficient), *map(_plain, entries.factors))
    if isinstance(entries, Power):
        return power(_plain(entries.base), entries.exponent)
    return entries


def _apart(entries: Expression, shorter: bool = False) -> tuple[list[Expression], list[Expression]]:
    """The numbers of a product, and its arrays; ones beside something else are no factor.

    `shorter` allows that the shape becomes smaller, for what is spread again.
    """
    if isinstance(entries, Product):
        scalars, arrays = scalars_first(entries)
    else:
        scalars, arrays = ([entries], []) if entries.shape == () else ([], [entries])
    plain = [one for one in arrays if not (isinstance(one, Apply) and one.function is ones)]
    return scalars, plain if not plain or shorter or product(*plain).shape == entries.shape else arrays


def _spread(entries: Expression, shape: tuple[int, ...]) -> Expression:
    return entries if entries.shape == shape else product(entries, Apply(ones, (), {"shape": shape}))


def kron(left: Structure, right: Structure) -> Structure:
    """A Kronecker product; numbers stand before it, 1 is no factor, identities join.

    >>> kron(Identity(2), Identity(3)).rows
    6
    """
    if isinstance(left, Zero) or isinstance(right, Zero):
        return Zero(left.rows * right.rows, left.columns * right.columns)
    for one, other, first in ((left, right, True), (right, left, False)):
        if isinstance(one, Scaled):
            return scaled(one.factor, kron(one.inner, other) if first else kron(other, one.inner))
    if left.rows == left.columns == 1 and isinstance(left, Identity):
        return right
    if right.rows == right.columns == 1 and isinstance(right, Identity):
        return left
    if isinstance(left, Identity) and isinstance(right, Identity):
        return Identity(left.rows * right.rows)
    if isinstance(left, Ones) and isinstance(right, Ones):
        return Ones(left.rows * right.rows, left.columns * right.columns)
    if isinstance(right, Kronecker) and type(left) is type(right.left) and isinstance(left, Identity | Ones):
        return kron(kron(left, right.left), right.right)
    return Kronecker(left, right)


def chain(*factors: Structure) -> Structure:
    """A product of matrices; numbers stand before it, identities are left out, neighbours that close up do.

    >>> chain(Ones(1, 2), Ones(2, 1)).matrix()
    array([[2.]])
    """
    scalars: list[Expression] = []
    kept: list[Structure] = []
    waiting = list(reversed(factors))
    rows, columns = factors[0].rows, factors[-1].columns
    while waiting:
        factor = waiting.pop()
        if isinstance(factor, Chain):
            waiting.extend(reversed(factor.factors))
        elif isinstance(factor, Scaled):
            scalars.append(factor.factor)
            waiting.append(factor.inner)
        elif isinstance(factor, Zero):
            return Zero(rows, columns)
        elif isinstance(factor, Identity):
            continue
        elif kept and (joined := _joined(kept[-1], factor)) is not None:
            kept.pop()
            waiting.append(joined)
        else:
            kept.append(factor)
    if len(kept) > 1:
        for place, factor in enumerate(kept):
            if isinstance(factor, Diagonal) and is_negative(factor.entries):  # a minus stands before the product
                kept[place] = Diagonal(negative(factor.entries), factor.shape)
                scalars.append(number(-1))
    plain = Identity(rows) if not kept else kept[0] if len(kept) == 1 else Chain(tuple(kept))
    return scaled(product(*scalars), plain) if scalars else plain


def _joined(left: Structure, right: Structure) -> Structure | None:
    """Two neighbours of a product as one, where that is shorter."""
    if isinstance(left, Ones) and isinstance(right, Ones) and (left.rows == 1 or right.columns == 1):
        plain = Identity(1) if left.rows == right.columns == 1 else Ones(left.rows, right.columns)
        return scaled(number(left.columns), plain)
    if isinstance(left, Diagonal) and isinstance(right, Diagonal) and left.shape == right.shape:
        return diagonal(product(left.entries, right.entries), left.shape)
    if isinstance(left, Diagonal) and right.columns == 1:
        if isinstance(right, Ones):
            return vector(left.entries, left.shape, False)
        if isinstance(right, Vector) and right.shape == left.shape:
            return vector(product(left.entries, right.entries), left.shape, False)
    if isinstance(right, Diagonal) and left.rows == 1:
        if isinstance(left, Ones):
            return vector(right.entries, right.shape, True)
        if isinstance(left, Vector) and left.shape == right.shape:
            return vector(product(left.entries, right.entries), right.shape, True)
    if isinstance(left, Vector) and isinstance(right, Kronecker) and left.across and len(left.shape) == 1:
        a, b = right.left, right.right  # pᵀ(I ⊗ xᵀ) holds the elements of p xᵀ
        if isinstance(a, Identity) and isinstance(b, Vector) and b.across and len(b.shape) == 1:
            return vector(outer_product(left.entries, b.entries), (*left.shape, *b.shape), True)
        if isinstance(b, Identity) and isinstance(a, Vector) and a.across and len(a.shape) == 1:
            return vector(outer_product(a.entries, left.entries), (*a.shape, *left.shape), True)
    if isinstance(left, Places) and isinstance(right, Places):
        place = np.where(left.place >= 0, right.place[left.place], -1)
        return places(place, right.columns)
    if not (isinstance(left, Kronecker) and isinstance(right, Kronecker)):
        return None
    if left.left.columns != right.left.rows or left.right.columns != right.right.rows:
        return None
    return kron(chain(left.left, right.left), chain(left.right, right.right))


def added(*terms: Structure) -> Structure:
    """A sum of matrices; terms of one kind are added inside.

    >>> added(Identity(2), Identity(2)).matrix()
    array([[2., 0.],
           [0., 2.]])
    """
    kept: list[Structure] = []
    for term in terms:
        for one in term.terms if isinstance(term, Added) else (term,):
            if isinstance(one, Zero):
                continue
            for place, other in enumerate(kept):
                if (joined := _summed(other, one)) is not None:
                    kept[place] = joined
                    break
            else:
                kept.append(one)
    kept = [one for one in kept if not isinstance(one, Zero)]
    if not kept:
        return Zero(terms[0].rows, terms[0].columns)
    return kept[0] if len(kept) == 1 else Added(tuple(kept))


def _summed(left: Structure, right: Structure) -> Structure | None:
    first, a = (left.factor, left.inner) if isinstance(left, Scaled) else (ONE, left)
    second, b = (right.factor, right.inner) if isinstance(right, Scaled) else (ONE, right)
    if isinstance(a, Identity) and isinstance(b, Identity):
        return scaled(total(first, second, collect=True), a)
    if isinstance(a, Ones) and isinstance(b, Ones):
        return scaled(total(first, second, collect=True), a)
    if isinstance(a, Diagonal) and isinstance(b, Diagonal) and a.shape == b.shape:
        return diagonal(total(a.entries, b.entries, collect=True), a.shape)
    if isinstance(a, Diagonal | Identity) and isinstance(b, Diagonal | Identity):
        plain, other, factor, first_is_plain = (a, b, first, True) if isinstance(a, Identity) else (b, a, second, False)
        assert isinstance(other, Diagonal)
        del plain
        terms = (factor, other.entries) if first_is_plain else (other.entries, factor)
        return diagonal(total(*terms, collect=True), other.shape)
    if isinstance(a, Vector) and isinstance(b, Vector) and a.across == b.across and a.shape == b.shape:
        return vector(total(product(first, a.entries), product(second, b.entries), collect=True), a.shape, a.across)
    return None


def places(place: np.ndarray, columns: int, widths: tuple[int, ...] = ()) -> Structure:
    """A matrix that has a single 1 in a row; rows of an array that move as a whole leave an identity on the right.

    `widths` are the numbers of elements that may move together.

    >>> places(np.array([0, 1]), 2).kind
    'identity'
    """
    if place.size == columns and np.array_equal(place, np.arange(columns)):
        return Identity(columns)
    for width in sorted(set(widths), reverse=True):
        if 1 < width < columns and columns % width == 0 and place.size % width == 0:
            whole = place.reshape(-1, width)
            first = whole[:, 0]
            together = np.where(first[:, None] >= 0, first[:, None] + np.arange(width), -1)
            if np.array_equal(whole, together) and not np.any(first[first >= 0] % width):
                return kron(places(np.where(first >= 0, first // width, -1), columns // width), Identity(width))
    for width in sorted(set(widths)):
        count = columns // width
        if 1 < width < columns and columns % width == 0 and place.size % count == 0:
            each = place.reshape(count, -1)
            inner = each[0]
            shifted = np.where(inner >= 0, inner + np.arange(count)[:, None] * width, -1)
            if each.shape[1] and inner.max() < width and np.array_equal(each, shifted):
                return kron(Identity(count), places(inner, width))
    return Places(place, columns)


def zero(rows: int, columns: int) -> Structure:
    """A structure of zeros, as the sum of nothing.

    >>> zero(1, 1).matrix()
    array([[0.]])
    """
    return scaled(ZERO, Ones(rows, columns))
