"""Which native function does a matrix product, and what its argument block holds: the plan that the binder fills in.

result ← factor · scale · first @ second + keep · result, in float64 or float32, over leading batch dimensions. Operands may be
transposed or have longer rows than the product needs; whatever else they are, the lowering copies them first.
"""

from __future__ import annotations

from dataclasses import dataclass

from chainrule.run.native.blas import TRANSPOSED, Blas, find_blas
from chainrule.run.native.blas_products import blas_part
from chainrule.run.native.engine import Target
from chainrule.run.native.modules import Part, Recipe, host_target
from chainrule.run.native.product_geometry import (
    Geometry,
    Word,
    batch_words,
    leading_dimension,
    merged,
    number_bits,
)
from chainrule.run.native.small_products import CHUNK_WORK, small_product

THREADED_WORK = 1 << 21  # multiplications from which on a BLAS shares out a product among threads of its own


@dataclass(frozen=True)
class ProductPlan:
    """A native function and the layout of its argument block; dimension 0 is the batch, rows, or panels of columns.

    Ranges must begin at multiples of `chunk` and end at such or at `extent`: tiles of rows are not cut. `part` is None where the
    result has no elements, and then there is nothing to run.
    """

    part: Part | Recipe | None
    words: tuple[Word, ...]
    extent: int
    chunk: int


@dataclass(frozen=True)
class CopyFirst:
    """No native function takes these operands as they lie: `operands` must be copied to C order, and planned again."""

    operands: tuple[str, ...]


def _through_blas(geometry: Geometry, blas: Blas | None) -> ProductPlan | CopyFirst | None:
    forms = {
        "first": leading_dimension(geometry.m, geometry.k, geometry.first, geometry.size),
        "second": leading_dimension(geometry.k, geometry.n, geometry.second, geometry.size),
    }
    wrong = tuple(geometry.names[role == "second"] for role, form in forms.items() if form is None)
    if wrong:
        return CopyFirst(tuple(sorted(wrong)))
    target_form = leading_dimension(geometry.m, geometry.n, geometry.result, geometry.size)
    if target_form is None or target_form[0] == TRANSPOSED:
        return CopyFirst(("result",))
    if blas is None or max(geometry.m, geometry.n, geometry.k) > blas.limit:
        return None
    first, second = forms["first"], forms["second"]
    assert first is not None
    assert second is not None
    words: list[Word] = [
        blas.gemm[geometry.type],
        *geometry.names,
        "result",
        "scale" if geometry.scaled else 0,
        number_bits(geometry.factor, geometry.type),
        number_bits(geometry.keep, geometry.type),
        *(geometry.m, geometry.n, geometry.k),
        *(first[0], second[0], first[1], second[1], target_form[1]),
    ]
    words.extend(batch_words(geometry))
    chunk = max(1, geometry.count)
    if geometry.work < THREADED_WORK:
        chunk = max(1, min(chunk, CHUNK_WORK // max(geometry.work, 1)))
    return ProductPlan(blas_part(geometry.type, len(geometry.batch)), tuple(words), geometry.count, chunk)


def plan_product(
    type_: str,
    sizes: tuple[int, int, int],
    first: tuple[int, ...],
    second: tuple[int, ...],
    result: tuple[int, ...],
    *,
    batch: tuple[int, ...] = (),
    factor: float = 1.0,
    scaled: bool = False,
    keep: float = 0.0,
    for_target: Target | None = None,
    blas: Blas | None = None,
) -> ProductPlan | CopyFirst | None:
    """How to run (m, k) @ (k, n) with these byte strides; None where neither BLAS nor our loops do it, so that NumPy must.

    `sizes` is (m, n, k); strides have the batch dimensions first (0 where an operand is the same throughout), then rows and
    columns. `scaled`: the product is also multiplied by a number of the same type, which lies in memory. `keep` = 0 never reads
    the result. The words of a plan are the block from its first word on: a role stands for that operand's address.

    >>> plan = plan_product("f64", (32, 2, 16), (128, 8), (16, 8), (16, 8))
    >>> plan.extent, plan.words[:3]
    (32, ('first', 'second', 'result'))
    """
    first, second = ((0,) * (len(batch) + 2 - len(strides)) + strides for strides in (first, second))
    geometry = merged(Geometry(type_, *sizes, batch, first, second, result, factor, scaled, keep))
    if geometry.m == 0 or geometry.n == 0 or geometry.count == 0:
        return ProductPlan(None, (), 0, 1)
    for_target = for_target or host_target()
    blas = blas or find_blas()
    found = small_product(geometry, for_target, blas)
    if found is not None:
        return ProductPlan(*found)
    form = leading_dimension(geometry.m, geometry.n, geometry.result, geometry.size)
    if form is not None and form[0] == TRANSPOSED:
        geometry = geometry.turned()
    return _through_blas(geometry, blas)
