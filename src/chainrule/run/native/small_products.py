"""Which of our own loops does a matrix product, and with which tiles; None where BLAS should do it."""

from __future__ import annotations

import math
from collections.abc import Mapping

from chainrule.run.native.blas import Blas
from chainrule.run.native.dot_products import DotForm, dot_part
from chainrule.run.native.engine import Target
from chainrule.run.native.modules import Recipe
from chainrule.run.native.product_geometry import Geometry, Word, batch_words, number_bits
from chainrule.run.native.row_form import UNROLLED, UNROLLED_K, RowForm
from chainrule.run.native.row_products import row_part

CHUNK_WORK = 1 << 18  # multiplications that a chunk should have, or waking a thread costs more than it brings
PACKED_CHUNK = 64  # rows of a chunk, at least, where panels are packed
PACKED_ROWS = 32  # a panel is packed if so many rows use it
PACKED_BYTES = 1 << 14  # and the operand does not fit the first cache


def vector_bytes(for_target: Target) -> int:
    """The width of the processor's vectors.

    >>> from chainrule.run.native.engine import target
    >>> vector_bytes(target("x86-64"))
    16
    """
    features = for_target.features.split(",")
    if "+avx512f" in features:
        return 64
    return 32 if "+avx" in features else 16


def many_registers(for_target: Target) -> bool:
    """Whether there are 32 vector registers instead of 16."""
    return "+avx512f" in for_target.features.split(",") or not for_target.triple.startswith("x86_64")


def tile_sizes(m: int, n: int, lanes: int, many: bool) -> tuple[int, int]:
    """Rows and vectors of a tile; `many`: 32 registers for vectors instead of 16.

    About 16 sums (8 with few registers) hide the latency of a multiplication; tiles of 4 rows fit most batches without a rest.

    >>> tile_sizes(128, 128, 8, True), tile_sizes(128, 10, 8, True), tile_sizes(10, 10, 8, True)
    ((4, 4), (8, 2), (10, 2))
    """
    vectors = -(-n // lanes)
    wide = min(vectors, 4 if many else 2 if vectors in (2, 4) else 3)
    usual = 4 if wide > 2 or not many else 8
    if m <= usual:
        return max(m, 1), wide
    if m % usual == 0 or m > 4 * usual:
        return usual, wide
    most = min(usual + 2, (24 if many else 12) // wide)
    return min(range(max(1, usual // 2), most + 1), key=lambda rows: (-(-m // rows) * (rows + 1), -rows)), wide


def most_work(geometry: Geometry, for_target: Target, blas: Blas) -> float:
    """Multiplications up to which our loops are faster than BLAS, as measured on one processor with each width of vectors."""
    if not for_target.fused:
        return 1 << 12
    if vector_bytes(for_target) == 64 and not blas.wide:
        return math.inf
    return 1 << (22 if min(geometry.m, geometry.n) <= 16 else 18)


def small_product(
    geometry: Geometry, for_target: Target, blas: Blas | None
) -> tuple[Recipe, tuple[Word, ...], int, int] | None:
    """Function, words, extent and chunk of a product by our own loops; None where they do not fit, or BLAS is faster."""
    if blas is not None and geometry.work > most_work(geometry, for_target, blas):
        return None
    size = geometry.size
    columns = geometry.n == 1 and (geometry.result[-2] == size or geometry.m == 1)
    if (geometry.n > 1 and geometry.result[-1] != size) or (
        columns and geometry.m > 1 and geometry.first[-2] == size and geometry.first[-1] != size
    ):
        geometry = geometry.turned()
    if geometry.n > 1 and geometry.result[-1] != size:
        return None
    if (
        geometry.n == 1
        and (geometry.result[-2] == size or geometry.m == 1)
        and (geometry.first[-1] == size or geometry.k <= 1)
        and (geometry.second[-2] == size or geometry.k <= 1)
    ):
        return _by_dots(geometry, for_target)
    return _by_rows(geometry, for_target)


def _by_dots(geometry: Geometry, for_target: Target) -> tuple[Recipe, tuple[Word, ...], int, int] | None:
    wide = max(1, vector_bytes(for_target) // geometry.size)
    lanes = max(2, min(wide, _power_of_two(geometry.k)))
    rows = min(8, lanes, _power_of_two(geometry.m))
    form = DotForm(
        geometry.type,
        lanes,
        for_target.fused,
        rows,
        geometry.k % lanes,
        len(geometry.batch) if geometry.batch else None,
    )
    return _assembled(dot_part(form), form.words, geometry, rows)


def _by_rows(geometry: Geometry, for_target: Target) -> tuple[Recipe, tuple[Word, ...], int, int] | None:
    size, m, n, k = geometry.size, geometry.m, geometry.n, geometry.k
    lanes = min(max(1, vector_bytes(for_target) // size), _power_of_two(n))
    rows, vectors = tile_sizes(m, n, lanes, many_registers(for_target))
    panel = vectors * lanes
    full = n > panel
    unrolled = k <= UNROLLED_K and rows * min(vectors, -(-n // lanes)) * k <= UNROLLED
    if geometry.second[-1] == size or n == 1:
        second, step = "d", geometry.second[-2]
        if m >= PACKED_ROWS and k * n * size > PACKED_BYTES:
            second = "p"
    elif geometry.second[-2] == size or k <= 1:
        second, step = "t", geometry.second[-1]
    else:
        return None
    # Wide results are shared out by panels, each of which is packed once; tall ones by rows.
    wide = n >= 4 * panel and m <= 8 * n
    along: int | str = len(geometry.batch) or ("panels" if wide else "rows")
    form = RowForm(
        geometry.type,
        lanes,
        for_target.fused,
        full,
        n % panel if full else n,
        k if unrolled else None,
        rows,
        vectors,
        second,
        m % rows == 0,
        "one" if unrolled and geometry.factor == 1.0 and not geometry.scaled else "any",
        {0.0: "none", 1.0: "all"}.get(geometry.keep, "any") if unrolled else "any",
        along,
    )
    plan = _assembled(row_part(form), form.words, geometry, rows, {"full": n // panel, "second.step": step})
    if along == "rows" and second != "d":  # what is packed is packed again for each chunk
        return *plan[:3], -(-max(plan[3], PACKED_CHUNK) // rows) * rows
    if along == "panels":
        panels = -(-n // panel)
        return *plan[:2], panels, -(-panels // max(1, min(panels, geometry.work // CHUNK_WORK)))
    return plan


def _power_of_two(count: int) -> int:
    """The smallest power of two that is not below `count`."""
    return 1 << max(count - 1, 0).bit_length()


def _assembled(
    part: Recipe, names: tuple[str, ...], geometry: Geometry, rows: int, more: Mapping[str, Word] | None = None
) -> tuple[Recipe, tuple[Word, ...], int, int]:
    """The words' values, and how long chunks are: multiples of `rows` rows, or so many products of the batch."""
    values: dict[str, Word] = {
        "first": geometry.names[0],
        "second": geometry.names[1],
        "result": "result",
        "scale": "scale" if geometry.scaled else 0,
        "factor": number_bits(geometry.factor, geometry.type),
        "keep": number_bits(geometry.keep, geometry.type),
        "m": geometry.m,
        "k": geometry.k,
        "first.row": geometry.first[-2],
        "first.column": geometry.first[-1],
        "result.row": geometry.result[-2],
        **(more or {}),
    }
    words = (*(values[name] for name in names), *batch_words(geometry))
    work = max(geometry.work, 1)
    if geometry.batch:
        return part, words, geometry.count, max(1, CHUNK_WORK // work)
    chunk = -(-geometry.m // max(1, min(work // CHUNK_WORK, max(16, geometry.m // 128))))
    return part, words, geometry.m, -(-chunk // rows) * rows
