"""The operands of matrix products: which can be read where they lie, vectors as matrices, stacks repeated."""

from __future__ import annotations

from chainrule.lower.kernel import SIZES
from chainrule.lower.program import View


def readable(view: View) -> bool:
    """Whether a product can read a matrix (the last two axes) where it lies: rows or columns must be contiguous, without overlap."""
    size = SIZES[view.type]
    rows, columns = view.shape[-2:]
    down, right = view.strides[-2:]
    row_major = (columns == 1 or right == size) and (rows == 1 or down >= size * columns)
    column_major = (rows == 1 or down == size) and (columns == 1 or right >= size * rows)
    return view.offset >= 0 and (row_major or column_major)


def as_matrix(view: View, first: bool) -> View:
    """A vector as a row (on the left of a product) or as a column (on the right)."""
    if len(view.shape) > 1:
        return view
    length, stride = *view.shape, *view.strides
    size = SIZES[view.type] * max(length, 1)
    if first:
        return View(view.buffer, view.offset, (1, length), (size, stride), view.type)
    return View(view.buffer, view.offset, (length, 1), (stride, SIZES[view.type]), view.type)


def spread(view: View, batch: tuple[int, ...]) -> View:
    """A stack of matrices repeated to a larger batch shape."""
    own = view.shape[:-2]
    extra = len(batch) - len(own)
    strides = tuple(
        0 if length == 1 and wanted != 1 else stride
        for length, stride, wanted in zip(own, view.strides, batch[extra:], strict=False)
    )
    return View(
        view.buffer, view.offset, (*batch, *view.shape[-2:]), (0,) * extra + strides + view.strides[-2:], view.type
    )
