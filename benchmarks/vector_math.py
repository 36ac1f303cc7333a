"""*The native mathematics and NumPy's side by side in, a table of largest errors and nanoseconds per element out.*

Run `python -m benchmarks.vector_math [n]`. One thread; the two sides take turns within a round, and the ratio is the median
of the rounds' ratios. Errors are over the points of the tests, in units in the last place. For sigmoid and erf, which NumPy
lacks, the other side is SciPy; for rsqrt it is a division by NumPy's square root.
"""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.timing import ratio, spread, time_batch
from chainrule.run.native import engine
from chainrule.run.native.vector_math import BINARY, TYPES, UNARY, _compiled, compile_binary, compile_unary

ROUNDS = 15
RANGES = {
    "log": (0.1, 50.0),
    "log1p": (-0.9, 10.0),
    "log2": (0.1, 50.0),
    "sqrt": (0.0, 10.0),
    "rsqrt": (0.1, 10.0),
    "power": (0.1, 10.0),
}


def other_side(name: str) -> Callable[..., Any]:
    """The function that a NumPy user would call, as `call(*arguments, out=...)`."""
    if name in ("sigmoid", "erf"):
        return getattr(importlib.import_module("scipy.special"), {"sigmoid": "expit"}.get(name, name))
    if name == "rsqrt":
        return lambda x, out: np.divide(1, np.sqrt(x, out=out), out=out)
    return getattr(np, name)


def row(name: str, dtype: Any, size: int) -> str:
    """One line of the table."""
    tests = importlib.import_module("tests.ulps")
    generator = np.random.default_rng(0)
    low, high = RANGES.get(name, (-5.0, 5.0))
    arguments = (generator.uniform(low, high, size).astype(dtype),)
    if name in BINARY:
        arguments += (generator.uniform(-3, 3, size).astype(dtype),)
    out = np.empty_like(arguments[0])
    compile_ = compile_unary if name in UNARY else compile_binary
    _compiled.cache_clear()
    start = time.perf_counter()
    ours = compile_(name, dtype)
    ours(out[:0], *(argument[:0] for argument in arguments))
    compiled = time.perf_counter() - start
    theirs = other_side(name)
    type_ = TYPES[np.dtype(dtype).name]
    loop = _compiled(
        name, (type_,) * len(arguments), type_, "host", 0, None
    )  # without the checks of arrays: they take 3 µs
    addresses = [array.ctypes.data for array in (out, *arguments)]
    count = max(1, 2_000_000 // size)
    mine, other = [], []
    for _ in range(ROUNDS):
        mine.append(time_batch(lambda: loop(*addresses, size), count) / size * 1e9)
        other.append(time_batch(lambda: theirs(*arguments, out=out), count) / size * 1e9)
    points = (tests.spread(dtype, 100_000),) if name in UNARY else tests.power_points(dtype, 150_000)
    found = np.empty_like(points[0])
    compile_(name, dtype)(found, *points)
    error, _ = tests.worst(name, found, points)
    with np.errstate(all="ignore"):
        peer_error, _ = tests.worst(name, theirs(*points, out=np.empty_like(found)), points)
    faster = ratio(other, mine)
    return (
        f"| {name} | {np.dtype(dtype).name} | {error:.2f} | {peer_error:.3g} | {spread(mine).median:.3f} | "
        f"{spread(other).median:.3f} | {faster.median:.2f} | {compiled * 1e3:.0f} |"
    )


def main(size: int) -> None:
    """Print the table for arrays of `size` elements."""
    chosen = engine.target()
    print(f"n = {size}, {chosen.cpu}, one thread")
    print("| function | dtype | max ulp | peer's max ulp | ns | peer's ns | times as fast | compile ms |")
    print("|---|---|---|---|---|---|---|---|")
    for name in (*UNARY, *BINARY):
        for dtype in (np.float32, np.float64):
            print(row(name, dtype, size), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
