"""The shape of a matrix product as numbers: sizes and byte strides, simplified, and how BLAS would see each operand."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace

from chainrule.lower.kernel import SIZES
from chainrule.run.native.blas import PLAIN, TRANSPOSED

Word = str | int  # the role of a pointer ("first", "second", "result", "scale"), or the 64 bits of a number


@dataclass(frozen=True)
class Geometry:
    """One product as numbers: `strides` in bytes by role, rows and columns last, batch dimensions before them.

    `names` says which of the caller's operands each role is: products that write columns are turned over (Cᵀ = Bᵀ Aᵀ).
    """

    type: str
    m: int
    n: int
    k: int
    batch: tuple[int, ...]
    first: tuple[int, ...]
    second: tuple[int, ...]
    result: tuple[int, ...]
    factor: float = 1.0
    scaled: bool = False
    keep: float = 0.0
    names: tuple[str, str] = ("first", "second")

    @property
    def size(self) -> int:
        """Bytes of an element."""
        return SIZES[self.type]

    @property
    def work(self) -> int:
        """Multiplications of one product of the batch."""
        return self.m * self.n * self.k

    @property
    def count(self) -> int:
        """Products in the batch."""
        return math.prod(self.batch)

    def turned(self) -> Geometry:
        """The same product as resultᵀ ← secondᵀ @ firstᵀ.

        >>> Geometry("f64", 2, 3, 4, (), (32, 8), (24, 8), (8, 16)).turned().result
        (16, 8)
        """
        return replace(
            self,
            m=self.n,
            n=self.m,
            first=_swapped(self.second),
            second=_swapped(self.first),
            result=_swapped(self.result),
            names=(self.names[1], self.names[0]),
        )


def _swapped(strides: tuple[int, ...]) -> tuple[int, ...]:
    return (*strides[:-2], strides[-1], strides[-2])


def number_bits(value: float, type_: str) -> int:
    """The bits of a number of kernel type "f64" or "f32", as they stand in a word.

    >>> hex(number_bits(1.0, "f64")), hex(number_bits(1.0, "f32"))
    ('0x3ff0000000000000', '0x3f800000')
    """
    if type_ == "f32":
        return struct.unpack("<I", struct.pack("<f", value))[0]
    return struct.unpack("<q", struct.pack("<d", value))[0]


def merged(geometry: Geometry) -> Geometry:
    """Batch dimensions of extent 1 dropped, neighbours that are walked as one merged, and a batch of rows made into rows.

    Rows: (…, m, k) @ (k, n) with the same second operand throughout is one product of more rows.
    """
    operands = [geometry.first, geometry.second, geometry.result]
    extents: list[int] = []
    walks: list[tuple[int, ...]] = []
    for axis, extent in enumerate(geometry.batch):
        if extent == 1:
            continue
        walk = tuple(strides[axis] for strides in operands)
        if walks and walks[-1] == tuple(stride * extent for stride in walk):
            extents[-1] *= extent
            walks[-1] = walk
        else:
            extents.append(extent)
            walks.append(walk)
    m = geometry.m
    if walks:
        first, second, result = walks[-1]
        rows_a, rows_c = geometry.first[-2] * m, geometry.result[-2] * m
        together = geometry.size in (first, geometry.first[-1])  # else only our own loops could read it
        if second == 0 and ((m == 1 and together) or (first == rows_a and result == rows_c)):
            row_strides = (first, result) if m == 1 else (geometry.first[-2], geometry.result[-2])
            return merged(
                replace(
                    geometry,
                    m=m * extents.pop(),
                    batch=tuple(extents),
                    first=(*(walk[0] for walk in walks[:-1]), row_strides[0], geometry.first[-1]),
                    second=(*(walk[1] for walk in walks[:-1]), *geometry.second[-2:]),
                    result=(*(walk[2] for walk in walks[:-1]), row_strides[1], geometry.result[-1]),
                )
            )
    kept = [tuple(walk[number] for walk in walks) + operands[number][-2:] for number in range(3)]
    return replace(geometry, batch=tuple(extents), first=kept[0], second=kept[1], result=kept[2])


def leading_dimension(rows: int, columns: int, strides: Sequence[int], size: int) -> tuple[int, int] | None:
    """How BLAS sees a matrix: (PLAIN or TRANSPOSED, leading dimension in elements), or None where it cannot."""
    if rows == 0 or columns == 0:
        return PLAIN, max(columns, 1)
    down, across = strides[-2:]
    if (across == size or columns <= 1) and down % size == 0:
        leading = down // size if rows > 1 else columns
        if leading >= max(columns, 1):
            return PLAIN, leading
    if (down == size or rows <= 1) and across % size == 0:
        leading = across // size if columns > 1 else rows
        if leading >= max(rows, 1):
            return TRANSPOSED, leading
    return None


def batch_words(geometry: Geometry) -> list[Word]:
    """The words of the batch: for each dimension its extent, and the byte strides of the three operands."""
    words: list[Word] = []
    for axis, extent in enumerate(geometry.batch):
        words.extend((extent, geometry.first[axis], geometry.second[axis], geometry.result[axis]))
    return words
