"""einsum as transpositions, products of matrices and sums: what BLAS and fused loops can run.

Two operands are contracted as (batch, m, k) @ (batch, k, n), where m and n stand for the letters of one operand only. Without common
letters that vanish, or with nothing left of one operand, it is a broadcast product, and a sum where letters vanish. A letter that an
operand has twice is its diagonal; more than two operands are contracted pair by pair, the pair with the smallest result first.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

from chainrule.optimise.rewriting import Operand

# Elements of a result that its reader finds in a cache; a larger one is made with the longest rows, which are written fastest.
NEAR = 1 << 20
Term = tuple[Any, str]  # an operand and its letters


def contract(b: Callable[..., Any], *given: Operand, subscripts: str, optimize: Any = False) -> Any:
    """The nodes of an einsum, made by the builder `b`; None where it is left to NumPy (numbers that are not floating)."""
    del optimize  # the order is chosen here
    left, _, output = subscripts.partition("->")
    letters = left.split(",")
    if "." in subscripts or len(set(output)) != len(output):
        return None
    if any(one.value.dtype != given[0].value.dtype or one.value.dtype.kind != "f" for one in given):
        return None
    if any(one.value.ndim != len(term) for one, term in zip(given, letters, strict=True)):
        return None
    sizes: dict[str, int] = {}
    for one, term in zip(given, letters, strict=True):
        for letter, size in zip(term, one.value.shape, strict=True):
            sizes[letter] = max(sizes.get(letter, 1), size)
    terms = [_without_ones(b, *_diagonal(b, one, term), sizes) for one, term in zip(given, letters, strict=True)]
    if any(all(letter not in term for _, term in terms) for letter in output):
        return None  # a letter that all operands have with length 1
    terms = [_summed(b, x, term, _needed(terms, (number,), output)) for number, (x, term) in enumerate(terms)]
    while len(terms) > 1:
        pair = min(
            itertools.combinations(range(len(terms)), 2),
            key=lambda pair: _growth(terms, pair, _needed(terms, pair, output), sizes),
        )
        needed = _needed(terms, pair, output)
        first, second = (terms[number] for number in pair)
        together = "".join(dict.fromkeys(first[1] + second[1]))
        kept = output if len(terms) == 2 else "".join(letter for letter in together if letter in needed)
        product = _pair(b, first, second, kept, sizes)
        terms = [(product, kept), *(term for number, term in enumerate(terms) if number not in pair)]
    found = _transposed(b, *terms[0], list(output))
    return b("positive", found) if any(found is one for one in given) else found


def _needed(terms: list[Term], pair: tuple[int, ...], output: str) -> str:
    """The letters that the result has, or an operand that is not of these."""
    return output + "".join(term for number, (_, term) in enumerate(terms) if number not in pair)


def _growth(terms: list[Term], pair: tuple[int, int], needed: str, sizes: dict[str, int]) -> int:
    """How many more elements there are after the contraction of a pair."""
    first, second = (terms[number][1] for number in pair)
    result = math.prod(sizes[letter] for letter in set(first + second) if letter in needed)
    return result - sum(math.prod(sizes[letter] for letter in term) for term in (first, second))


def _diagonal(b: Callable[..., Any], x: Any, term: str) -> Term:
    """x with each letter once."""
    for letter in dict.fromkeys(term):
        while term.count(letter) > 1:
            one, other = [axis for axis, each in enumerate(term) if each == letter][:2]
            x = b("diagonal", x, offset=0, axes=(one, other))
            term = term[:one] + term[one + 1 : other] + term[other + 1 :] + letter
    return x, term


def _without_ones(b: Callable[..., Any], x: Any, term: str, sizes: dict[str, int]) -> Term:
    """x without the axes of length 1 of letters that are longer elsewhere: who multiplies repeats them."""
    kept = [axis for axis, letter in enumerate(term) if x.value.shape[axis] == sizes[letter]]
    shape = [x.value.shape[axis] for axis in kept]
    return _reshaped(b, x, shape), "".join(term[axis] for axis in kept)


def _summed(b: Callable[..., Any], x: Any, term: str, needed: str) -> Term:
    """x summed over the letters that nobody needs."""
    axes = tuple(axis for axis, letter in enumerate(term) if letter not in needed)
    if not axes:
        return x, term
    return b("sum", x, axis=axes, keepdims=False), "".join(letter for letter in term if letter in needed)


def _pair(b: Callable[..., Any], first: Term, second: Term, output: str, sizes: dict[str, int]) -> Any:
    """The contraction of two operands whose letters all are in the other or in the output."""
    stays_near = math.prod(sizes[letter] for letter in output) <= NEAR
    if stays_near and output and output[-1] in first[1] and output[-1] not in second[1]:
        first, second = second, first  # the last axis of the result is a column: who reads the result walks along rows
    x, mine = first
    y, yours = second
    batch = [letter for letter in mine if letter in yours and letter in output]
    inner = [letter for letter in mine if letter in yours and letter not in output]
    rows = [letter for letter in mine if letter not in yours]
    columns = [letter for letter in yours if letter not in mine]
    if not inner or not rows or not columns:
        return _multiplied(b, first, second, output, sizes)
    kept = [sizes[letter] for letter in batch]
    height, depth, width = (math.prod(sizes[letter] for letter in group) for group in (rows, inner, columns))
    x = _reshaped(b, _transposed(b, x, mine, [*batch, *rows, *inner]), [*kept, height, depth])
    y = _reshaped(b, _transposed(b, y, yours, [*batch, *inner, *columns]), [*kept, depth, width])
    letters = [*batch, *rows, *columns]
    product = _reshaped(b, b("matmul", x, y), [sizes[letter] for letter in letters])
    return _transposed(b, product, "".join(letters), list(output))


def _transposed(b: Callable[..., Any], x: Any, term: str, wanted: list[str]) -> Any:
    axes = tuple(term.index(letter) for letter in wanted)
    return x if axes == tuple(range(len(axes))) else b("transpose", x, axes=axes)


def _reshaped(b: Callable[..., Any], x: Any, shape: list[int]) -> Any:
    return x if x.value.shape == tuple(shape) else b("reshape", x, shape=tuple(shape))


def _multiplied(b: Callable[..., Any], x: Term, y: Term, output: str, sizes: dict[str, int]) -> Any:
    """A broadcast product over all letters, summed over those that vanish."""
    letters = [*output, *(letter for letter in x[1] if letter in y[1] and letter not in output)]
    factors = []
    for one, term in (x, y):
        own = [letter for letter in letters if letter in term]
        spread = [sizes[letter] if letter in term else 1 for letter in letters]
        factors.append(_reshaped(b, _transposed(b, one, term, own), spread))
    product = b("multiply", *factors)
    vanishing = tuple(range(len(output), len(letters)))
    return b("sum", product, axis=vanishing, keepdims=False) if vanishing else product
