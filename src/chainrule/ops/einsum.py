"""`einsum`: sums of products written with labels, and their derivatives, which are sums of products again.

Whatever form the user writes (implicit result, ellipsis, lists of numbers), the operation carries one explicit string with a label for
each axis. The contribution of an operand is the same sum with the cotangent in the operand's place and its labels as the result.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.errors import UnsupportedError
from chainrule.notation import call
from chainrule.numpy_protocol import write_out
from chainrule.ops.structure import as_value, astype, laid_out, reshape
from chainrule.primitive import sample, stand_in
from chainrule.shapes import ArrayType, promote
from chainrule.trace import primitive

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
SMALL = 100_000  # products below which planning the order costs more than it saves


# -- the operation -----------------------------------------------------------------------------------------------------


def _labels(subscripts: str) -> tuple[list[str], str]:
    inputs, output = subscripts.split("->")
    return inputs.split(","), output


def _lengths(terms: Sequence[str], shapes: Sequence[tuple[int, ...]]) -> dict[str, int]:
    """The length of each label; a length of 1 gives way to another, as NumPy's einsum has it."""
    lengths: dict[str, int] = {}
    for term, shape in zip(terms, shapes, strict=True):
        for label, length in zip(term, shape, strict=True):
            if lengths.setdefault(label, length) == 1:
                lengths[label] = length
    return lengths


def _einsum_type(*operands: ArrayType, subscripts: str, optimize: Any) -> ArrayType:
    terms, output = _labels(subscripts)
    lengths = _lengths(terms, [operand.shape for operand in operands])
    return ArrayType(tuple(lengths[label] for label in output), promote(*operands))


def _einsum(*operands: Any, subscripts: str, optimize: Any) -> Any:
    return np.einsum(subscripts, *operands, optimize=optimize)


def _plan(terms: Sequence[str], operands: Sequence[Any]) -> bool:
    """Whether NumPy should look for a good order of the products."""
    if len(terms) == 1:
        return False
    return len(terms) > 3 or math.prod(_lengths(terms, [operand.shape for operand in operands]).values()) > SMALL


def _contribution(g: Any, operands: Sequence[Any], terms: Sequence[str], output: str, index: int) -> Any:
    """The cotangent of one operand."""
    mine = terms[index]
    shape = operands[index].shape
    others = [position for position in range(len(terms)) if position != index]
    known = {*output, *(label for position in others for label in terms[position])}
    given = [output, *(terms[position] for position in others)]
    values = [g, *(operands[position] for position in others)]
    target, kept = "", []
    free = iter(label for label in LETTERS if label not in known and label not in mine)
    for axis, label in enumerate(mine):
        if label in mine[:axis]:  # a repeated label reads the diagonal: an identity puts the cotangent back on it
            partner = next(free)
            given.append(label + partner)
            values.append(np.eye(shape[axis], dtype=g.dtype))
            known.add(label)
            label = partner
        elif label not in known and label not in mine[axis + 1 :]:
            kept.append(1)  # summed over in this operand only: the same cotangent everywhere along it
            continue
        target += label
        kept.append(-1)
    result = einsum_operation(*values, subscripts=f"{','.join(given)}->{target}", optimize=_plan(given, values))
    if 1 in kept:
        lengths = iter(result.shape)
        result = reshape(result, shape=tuple(1 if length == 1 else next(lengths) for length in kept))
    return result


def _einsum_rule(wanted: Sequence[bool], g: Any, y: Any, *operands: Any, subscripts: str, optimize: Any) -> list[Any]:
    terms, output = _labels(subscripts)
    return [_contribution(g, operands, terms, output, index) if asked else None for index, asked in enumerate(wanted)]


einsum_operation = primitive(
    "einsum",
    forward=_einsum,
    vjp=_einsum_rule,
    shape=_einsum_type,
    notation=call(r"\operatorname{einsum}", "einsum"),
    multilinear=True,
    samples=(
        sample((2, 3), (3, 4), subscripts="ij,jk->ik", optimize=False),
        sample((3,), (3,), subscripts="i,i->", optimize=False),
        sample((3,), (1,), subscripts="i,i->", optimize=False),
        sample((3, 3), subscripts="ii->", optimize=False),
        sample((3, 3, 2), subscripts="iij->ij", optimize=False),
        sample((2, 2, 2), (2,), subscripts="iii,i->i", optimize=False),
        sample((2, 3), subscripts="ij->j", optimize=False),
        sample((2, 3), subscripts="ij->ji", optimize=False),
        sample((2, 3), (4,), subscripts="ij,k->jk", optimize=False),
        sample((5, 2, 3), (5, 3, 2), (2,), subscripts="bij,bjk,k->bi", optimize=True),
        sample((2, 0), (0, 3), subscripts="ij,jk->ik", optimize=False),
        sample((), (2,), subscripts=",i->i", optimize=False),
    ),
)


# -- the user's forms --------------------------------------------------------------------------------------------------


def _from_lists(operands: Sequence[Any]) -> tuple[str, list[Any]]:
    """The form einsum(a, [0, 1], b, [1, 2], [0, 2]) as a string and its arrays."""

    def term(labels: Any) -> str:
        return "".join("..." if label is Ellipsis else LETTERS_OF_NUMBERS[label] for label in labels)

    count = len(operands) // 2
    subscripts = ",".join(term(operands[2 * position + 1]) for position in range(count))
    if len(operands) % 2:
        subscripts += "->" + term(operands[-1])
    return subscripts, list(operands[: 2 * count : 2])


LETTERS_OF_NUMBERS = LETTERS[26:] + LETTERS[:26]  # NumPy's order: an implicit result sorts capitals first


def _explicit(subscripts: str, ranks: Sequence[int]) -> str:
    """The string with a label for each axis of each operand: no ellipsis, and the result written out."""
    subscripts = subscripts.replace(" ", "")
    given, arrow, output = subscripts.partition("->")
    terms = given.split(",")
    if len(terms) != len(ranks):
        raise ValueError(f"einsum: {subscripts!r} speaks of {len(terms)} operands, and {len(ranks)} are given")
    if any(character not in LETTERS for character in (given + output).replace("...", "").replace(",", "")):
        raise ValueError(
            f"einsum: invalid subscript in {subscripts!r}; only letters, commas, '->' and '...' can be used"
        )
    hidden = [rank - len(term.replace("...", "")) for term, rank in zip(terms, ranks, strict=True)]
    for term, extra, rank in zip(terms, hidden, ranks, strict=True):
        if extra < 0 or (extra > 0 and "..." not in term) or term.count("...") > 1:
            raise ValueError(f"einsum: the labels {term!r} do not fit an operand with {rank} dimensions")
    most = max((extra for term, extra in zip(terms, hidden, strict=True) if "..." in term), default=0)
    unused = [label for label in reversed(LETTERS) if label not in given and label not in output]
    if len(unused) < most:
        raise UnsupportedError(
            "einsum has no labels left for the axes of the ellipsis: 52 are all. Reshape the operands first."
        )
    rest = "".join(unused[:most][::-1])
    if not arrow:
        named = given.replace("...", "").replace(",", "")
        output = ("..." if "..." in given else "") + "".join(
            sorted(label for label in set(named) if named.count(label) == 1)
        )
    elif "..." in given and "..." not in output and most:
        raise ValueError(
            f"einsum: {subscripts!r} has an ellipsis among the operands and none in the result, which would drop axes"
        )
    written = [
        term.replace("...", rest[most - extra :] if extra else "") for term, extra in zip(terms, hidden, strict=True)
    ]
    return ",".join(written) + "->" + output.replace("...", rest)


@stand_in(np.einsum)
def einsum(
    *operands: Any, out: Any = None, optimize: Any = False, dtype: Any = None, order: str = "K", casting: str = "safe"
) -> Any:
    """A sum of products written with labels, as `numpy.einsum`, in all its forms.

    >>> einsum("ij,j->i", np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([1.0, 1.0]))
    array([3., 7.])
    """
    del casting  # what NumPy would refuse to convert
    if not isinstance(operands[0], str):
        subscripts, arrays = _from_lists(operands)
    else:
        subscripts, arrays = operands[0], list(operands[1:])
    values = [as_value(array) for array in arrays]
    if dtype is not None:
        values = [astype(value, dtype=np.dtype(dtype)) for value in values]
    full = _explicit(subscripts, [value.ndim for value in values])
    if isinstance(optimize, list | tuple):
        optimize = tuple(tuple(step) if isinstance(step, list | tuple) else step for step in optimize)
    result = laid_out(einsum_operation(*values, subscripts=full, optimize=optimize), order)
    return result if out is None else write_out(np.einsum, result, out)


__all__ = ["einsum"]
