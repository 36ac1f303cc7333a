"""Sums of products written with scalars: matrix products, einsum, convolutions, determinants, and whatever is linear."""

from __future__ import annotations

import numpy as np

from chainrule.explain.scalars import Cells, Scalars
from chainrule.graph import Node

# -- sums of products --------------------------------------------------------------------------------------------------


def _matmul(scalars: Scalars, node: Node, given: list[Cells]) -> Cells:
    left, right = given
    left = left[None, :] if left.ndim == 1 else left
    right = right[:, None] if right.ndim == 1 else right
    batch = np.broadcast_shapes(left.shape[:-2], right.shape[:-2])
    left = np.broadcast_to(left, (*batch, *left.shape[-2:]))
    right = np.broadcast_to(right, (*batch, *right.shape[-2:]))
    result = np.zeros((*batch, left.shape[-2], right.shape[-1]), dtype=np.int64)
    for place in np.ndindex(result.shape):
        *group, i, j = place
        row, column = left[(*group, i)].tolist(), right[(*group, slice(None), j)].tolist()
        result[place] = scalars.total([scalars.product(pair) for pair in zip(row, column, strict=True)])
    return result.reshape(np.shape(node.value))


def einsum_labels(node: Node) -> tuple[list[str], str, dict[str, int]]:
    """The labels of each operand, those of the result, and the length of each label.

    >>> import chainrule as cr
    >>> graph = cr.trace(lambda a: np.einsum("ij,j->i", a, np.ones(3)), np.ones((2, 3)))
    >>> einsum_labels(graph.nodes[-1])
    (['ij', 'j'], 'i', {'i': 2, 'j': 3})
    """
    left, output = node.parameters["subscripts"].split("->")
    terms = left.split(",")
    lengths: dict[str, int] = {}
    for term, argument in zip(terms, node.arguments, strict=True):
        for label, length in zip(term, np.shape(argument), strict=True):
            lengths[label] = max(lengths.get(label, 1), length) if lengths.get(label, 1) and length else 0
    return terms, output, lengths


def _einsum(scalars: Scalars, node: Node, given: list[Cells]) -> Cells:
    terms, output, lengths = einsum_labels(node)
    summed = [label for label in lengths if label not in output]
    result = np.zeros([lengths[label] for label in output], dtype=np.int64)
    for place in np.ndindex(result.shape):
        products = []
        for inner in np.ndindex(*(lengths[label] for label in summed)):
            where = dict(zip([*output, *summed], [*place, *inner], strict=True))
            factors = []
            for term, cells in zip(terms, given, strict=True):
                index = tuple(
                    where[label] if length > 1 else 0 for label, length in zip(term, cells.shape, strict=True)
                )
                factors.append(int(cells[index]))
            products.append(scalars.product(factors))
        result[place] = scalars.total(products)
    return result


def _cross(scalars: Scalars, node: Node, given: list[Cells]) -> Cells:
    a, b = (np.broadcast_to(cells, np.shape(node.value)) for cells in given)
    result = np.zeros(a.shape, dtype=np.int64)
    for place in np.ndindex(a.shape):
        i, j = (place[-1] + 1) % 3, (place[-1] + 2) % 3
        before = place[:-1]
        products = [
            scalars.product([int(a[(*before, left)]), int(b[(*before, right)])]) for left, right in ((i, j), (j, i))
        ]
        result[place] = scalars.combination([1, -1], products)
    return result


def _convolve(scalars: Scalars, node: Node, given: list[Cells]) -> Cells:
    a, b = (cells.tolist() for cells in given)
    whole = [
        scalars.total(scalars.product([a[i], b[k - i]]) for i in range(max(0, k - len(b) + 1), min(k + 1, len(a))))
        for k in range(len(a) + len(b) - 1)
        if node.parameters["mode"] == "full" or min(len(a), len(b)) - 1 <= k < max(len(a), len(b))
    ]
    return np.array(whole, dtype=np.int64)


def _convolve_axes(scalars: Scalars, node: Node, given: list[Cells]) -> Cells:
    a, b = given
    full = node.parameters["mode"] == "full"
    result = np.zeros(np.shape(node.value), dtype=np.int64)
    for p, q, *place in np.ndindex(result.shape):
        products = []
        for d, *back in np.ndindex(b.shape[1:]):
            index = [k - t + (0 if full else n - 1) for k, t, n in zip(place, back, b.shape[2:], strict=True)]
            if all(0 <= i < n for i, n in zip(index, a.shape[2:], strict=True)):
                products.append(scalars.product([int(a[(p, d, *index)]), int(b[(q, d, *back)])]))
        result[(p, q, *place)] = scalars.total(products)
    return result


def _determinant(scalars: Scalars, node: Node, given: list[Cells]) -> Cells:
    matrices = given[0].reshape(-1, *given[0].shape[-2:]).tolist()
    return np.array([_minor(scalars, rows) for rows in matrices], dtype=np.int64).reshape(np.shape(node.value))


def _minor(scalars: Scalars, rows: list[list[int]]) -> int:
    """The determinant of a matrix of cells by its first row."""
    if len(rows) < 2:
        return rows[0][0] if rows else scalars.keep(1.0)
    terms = []
    for column, cell in enumerate(rows[0]):
        inner = _minor(scalars, [row[:column] + row[column + 1 :] for row in rows[1:]])
        terms.append(scalars.product([cell, inner]))
    return scalars.combination([(-1) ** column for column in range(len(terms))], terms)


# -- what is linear, whatever it is ------------------------------------------------------------------------------------


def _linear(scalars: Scalars, node: Node, given: list[Cells]) -> Cells:
    """Sums with the weights that the operation shows on each unit vector."""
    size = given[0].size
    weights = np.zeros((int(np.size(node.value)), size))
    for position in range(size):
        unit = np.zeros(size)
        unit[position] = 1.0
        shaped = unit.reshape(given[0].shape)
        weights[:, position] = np.ravel(node.primitive.execute(shaped, *node.arguments[1:], **node.parameters))
    cells = given[0].reshape(-1).tolist()
    found = [scalars.combination(row, cells) for row in weights.tolist()]
    return np.array(found, dtype=np.int64).reshape(np.shape(node.value))


# -- the table ---------------------------------------------------------------------------------------------------------

PRODUCTS = {
    "matmul": _matmul,
    "einsum": _einsum,
    "cross": _cross,
    "convolve": _convolve,
    "convolve_axes": _convolve_axes,
    "det": _determinant,
    "scatter": _linear,
    "overlapping_sum": _linear,
    "pad": _linear,
    "unpad": _linear,
}
