"""Two values in, whether they are the same up to rounding out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

ACCURACY = {8: 1e-9, 4: 2e-4, 2: 2e-2}  # by the bytes of a number, relative to the largest element
ROUNDING = 1e-13  # what a sum of a few terms of 8 bytes loses, relative to the terms
TINY = 1e-305  # numbers below have fewer digits


def agree(found: Any, expected: Any, scale: Callable[[], float] | None = None) -> bool:
    """Whether two values are the same up to rounding; a NaN agrees with a NaN.

    `scale` gives the size of the terms that were added up, to which rounding is relative where they cancel; it is asked only
    where the values differ. Where the engine has 0 and the formula has 0 times infinity, the branch was not taken: that agrees as well.

    >>> agree(0.1 + 0.2, 0.3), agree(1.0, 2.0)
    (True, False)
    """
    if type(expected) is np.float64 and isinstance(found, float | int):  # most often, and twenty times as fast
        a, b = float(found), float(expected)
        if a == b or abs(a - b) <= ACCURACY[8] * max(abs(a), abs(b)) + TINY or (a != a and (b != b or b == 0)):
            return True
        return scale is not None and abs(a - b) <= ROUNDING * scale()
    expected = np.asarray(expected)
    try:
        found = np.broadcast_to(np.asarray(found), expected.shape)
    except ValueError:
        return False
    if not expected.size:
        return True
    if expected.dtype.kind not in "fc":
        return bool(np.array_equal(found, expected))
    with np.errstate(all="ignore"):
        untaken = np.isnan(found) & (expected == 0)
        same = (found == expected) | (np.isnan(found) & np.isnan(expected)) | untaken
        if same.all():
            return True
        kept = ~same
        if not (np.isfinite(found[kept]).all() and np.isfinite(expected[kept]).all()):
            return False
        size = max(np.abs(found[kept]).max(), np.abs(expected[kept]).max())
        bytes_each = expected.dtype.itemsize // (2 if expected.dtype.kind == "c" else 1)
        furthest = float(np.abs(found[kept] - expected[kept]).max())
        if furthest <= ACCURACY.get(bytes_each, 1e-9) * size + TINY:
            return True
        return scale is not None and furthest <= ROUNDING * 8.0 ** (8 - bytes_each) * scale()
