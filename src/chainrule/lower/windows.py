"""Convolutions as sums over windows: products of matrices for arrays of many channels, fused loops for vectors."""

from __future__ import annotations

from collections.abc import Callable
from string import ascii_letters
from typing import Any

import numpy as np

from chainrule.lower.contraction import contract
from chainrule.optimise.rewriting import Constant, Operand

WIDEST = 64  # the shorter vector of a convolution in full; longer ones are better added up row by row, as NumPy does


def convolve_vectors(b: Callable[..., Any], x: Operand, y: Operand, *, mode: str) -> Any:
    """The nodes of numpy.convolve: of each window of the longer vector, the sum of its products with the other one, turned round."""
    if x.value.dtype != y.value.dtype or x.value.dtype.kind != "f":
        return None
    if x.value.size < y.value.size:
        x, y = y, x
    length, width = x.value.size, y.value.size
    turned = b("slice", y, index=(slice(None, None, -1),))
    if mode == "valid":
        return contract(b, _windows(b, x, (width,), (0,)), turned, subscripts="ij,j->i")
    if width > WIDEST:
        return None
    margin = width - 1
    padded = b("embed", x, shape=(length + 2 * margin,), index=(slice(margin, margin + length),))
    products = b("multiply", _windows(b, padded, (width,), (0,)), turned)
    places = np.arange(length + margin)[:, None] + np.arange(width)
    inside = (places >= margin) & (places < margin + length)  # nothing is added outside, not even 0 · ∞
    return b("sum", b("where", Constant(inside), products, Constant(x.value.dtype.type(0))), axis=(1,), keepdims=False)


def convolve_channels(b: Callable[..., Any], x: Operand, y: Operand, *, mode: str) -> Any:
    """The nodes of a convolution of (P, D, *S) with (Q, D, *T) to (P, Q, *Y): windows as the rows of a matrix."""
    rank = x.value.ndim - 2
    spatial = tuple(range(2, 2 + rank))
    widths = y.value.shape[2:]
    if mode == "full":
        before = (slice(None), slice(None))
        lengths = x.value.shape[2:]
        index = (*before, *(slice(width - 1, width - 1 + n) for width, n in zip(widths, lengths, strict=True)))
        padded = tuple(n + 2 * (width - 1) for width, n in zip(widths, lengths, strict=True))
        x = b("embed", x, shape=(*x.value.shape[:2], *padded), index=index)
    windows = _windows(b, x, widths, spatial) if rank else x
    turned = b("slice", y, index=(slice(None), slice(None), *(slice(None, None, -1),) * rank))
    letters = iter(ascii_letters)
    p, d, q = (next(letters) for _ in range(3))
    outer, inner = ("".join(next(letters) for _ in range(rank)) for _ in range(2))
    return contract(b, windows, turned, subscripts=f"{p}{d}{outer}{inner},{q}{d}{inner}->{p}{q}{outer}")


def _windows(b: Callable[..., Any], x: Operand, widths: tuple[int, ...], axes: tuple[int, ...]) -> Any:
    return b("sliding_windows", x, window=widths, axes=axes)


RULES: dict[str, Callable[..., Any]] = {"convolve": convolve_vectors, "convolve_axes": convolve_channels}
