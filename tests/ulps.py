"""*Values of the native mathematics in, their distance from the truth in units in the last place out.*

The truth for many points at once is NumPy's extended precision (64 bits on x86-64, computed by the C library); the worst of
them and a sample are judged again by mpmath, and where the machine has no wider format, mpmath judges the sample alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np

WIDE = np.finfo(np.longdouble).nmant >= 63
Arrays = tuple[np.ndarray, ...]


def wide_erf(x: np.ndarray) -> np.ndarray:
    """erf by its series of positive terms, 2/√π e**−x² Σ 2ⁿ x²ⁿ⁺¹ / (2n+1)!!, in the dtype of x."""
    size = np.minimum(np.abs(x), x.dtype.type(6.5))
    term, total = size.copy(), size.copy()
    for n in range(1, 170):
        term = term * (2 * size * size / (2 * n + 1))
        total += term
    value = 2 / np.sqrt(x.dtype.type("3.14159265358979323846264338327950288")) * np.exp(-size * size) * total
    return np.copysign(np.where(np.isnan(x), x, value), x)


def wide_sigmoid(x: np.ndarray) -> np.ndarray:
    return np.where(x >= 0, 1 / (1 + np.exp(-np.abs(x))), np.exp(-np.abs(x)) / (1 + np.exp(-np.abs(x))))


WIDE_FORMS: dict[str, Callable[..., np.ndarray]] = {
    "erf": wide_erf,
    "sigmoid": wide_sigmoid,
    "rsqrt": lambda x: 1 / np.sqrt(x),
}
EXACT_FORMS: dict[str, Callable[..., Any]] = {
    "exp2": lambda x: mpmath.mpf(2) ** x,
    "log2": lambda x: mpmath.log(x) / mpmath.log(2),
    "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
    "rsqrt": lambda x: 1 / mpmath.sqrt(x),
    "power": lambda x, y: x**y,
}


def wide(name: str, *arguments: np.ndarray) -> np.ndarray:
    """The function in extended precision."""
    function = WIDE_FORMS.get(name) or getattr(np, name)
    with np.errstate(all="ignore"):
        return function(*(argument.astype(np.longdouble) for argument in arguments))


def distances(found: np.ndarray, true: np.ndarray) -> np.ndarray:
    """|found − true| in units in the last place that `true` has in found's format; ∞ where one is NaN or infinite alone.

    A true value beyond the largest number rounds to infinity, and one below half the smallest to zero.
    """
    limits = np.finfo(found.dtype)
    with np.errstate(all="ignore"):
        expected = true.astype(found.dtype)
        _, exponent = np.frexp(np.abs(np.where(np.isfinite(true), true, 1)))
        unit = np.ldexp(np.longdouble(1), np.maximum(exponent - 1 - limits.nmant, limits.minexp - limits.nmant))
        distance = np.abs(found.astype(np.longdouble) - true) / unit
    distance = np.where(np.isnan(distance) | ~np.isfinite(found), np.inf, distance)
    same = (found == expected) | (np.isnan(found) & np.isnan(expected))
    return np.where(same & ~np.isfinite(found), 0, distance).astype(float)


def exact_distance(name: str, found: Any, arguments: tuple[Any, ...]) -> float:
    """The same for one point by mpmath; 0 where the result is not finite, which the special values' test looks at."""
    limits = np.finfo(found.dtype)
    if not np.isfinite(found) or not all(np.isfinite(argument) for argument in arguments):
        return 0.0
    with mpmath.workprec(1300 if name in ("sin", "cos") else 200):
        function = EXACT_FORMS.get(name) or getattr(mpmath, name)
        true = function(*(mpmath.mpf(float(argument)) for argument in arguments))
        exponent = int(mpmath.floor(mpmath.log(abs(true), 2))) if true else limits.minexp
        unit = mpmath.mpf(2) ** max(exponent - limits.nmant, limits.minexp - limits.nmant)
        return float(abs(mpmath.mpf(float(found)) - true) / unit)


def worst(name: str, found: np.ndarray, arguments: Arrays, judged: int = 200) -> tuple[float, str]:
    """(largest distance, the point): the `judged` worst and as many others are looked at by mpmath too."""
    generator = np.random.default_rng(1)
    sample = generator.integers(0, found.size, judged)
    if WIDE:
        distance = distances(found, wide(name, *arguments))
        order = np.argsort(distance)
        largest = float(distance[order[-1]])
        point = int(order[-1])
        sample = np.concatenate([sample, order[-judged:]])
    else:
        largest, point = 0.0, 0
        sample = np.concatenate([sample, generator.integers(0, found.size, 20 * judged)])
    for i in sample.tolist():
        exact = exact_distance(name, found[i], tuple(argument[i] for argument in arguments))
        if exact > largest:
            largest, point = exact, i
    inputs = ", ".join(repr(argument[point]) for argument in arguments)
    return largest, f"{name}({inputs}) = {found[point]!r}: {largest:.3f} ulp"


def spread(dtype: Any, count: int, seed: int = 0) -> np.ndarray:
    """Points of a format: every bit pattern equally likely, log-spaced, dense near 0, near 1 and where exp is finite."""
    generator = np.random.default_rng(seed)
    limits = np.finfo(dtype)
    whole = np.dtype(f"u{np.dtype(dtype).itemsize}")
    patterns = generator.integers(0, np.iinfo(whole).max, count, dtype=whole, endpoint=True).view(dtype)
    size = np.exp2(generator.uniform(limits.minexp - limits.nmant, limits.maxexp, count).astype(np.float64) * 0.999)
    with np.errstate(all="ignore"):
        logarithmic = (size * generator.choice([-1.0, 1.0], count)).astype(dtype)
    near_one = (1 + generator.standard_normal(count) * 10 ** generator.uniform(-8, -1, count)).astype(dtype)
    largest = float(np.log(limits.max))
    return np.concatenate(
        [
            patterns,
            logarithmic,
            near_one,
            generator.uniform(-2, 2, count).astype(dtype),
            generator.uniform(-30, 30, count).astype(dtype),
            generator.uniform(-1.1 * largest, 1.1 * largest, count).astype(dtype),
        ]
    )


def power_points(dtype: type, count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Bases over the whole range and near 1, exponents up to over- and underflow; negative bases with integers."""
    generator = np.random.default_rng(seed)
    limits = np.finfo(dtype)
    bases = [
        np.exp2(generator.uniform(limits.minexp - limits.nmant, limits.maxexp * 0.999, count)),
        np.abs(1 + generator.standard_normal(count) * 10 ** generator.uniform(-15, -0.5, count)),
        generator.uniform(0, 10, count),
    ]
    reach = limits.maxexp + limits.nmant + 30
    with np.errstate(all="ignore"):
        base = np.concatenate(bases).astype(dtype)
        exponent = (generator.uniform(-reach, reach, base.size) / np.log2(base.astype(np.longdouble))).astype(dtype)
        exponent = np.where(np.isfinite(exponent), exponent, 3).astype(dtype)
    negative = (-generator.uniform(0, 10, count)).astype(dtype)
    integers = generator.integers(-40, 40, count).astype(dtype)
    return np.concatenate([base, negative]), np.concatenate([exponent, integers])


def special_values(dtype: Any) -> np.ndarray:
    """Zeros, ones, infinities, NaN, the ends of the format, and numbers where a result is exact."""
    limits = np.finfo(dtype)
    values = [0, 1, 2, 3, 4, 5, 7, 10, 20, 0.25, 0.5, 1.5, 100, 1e10, 1e30, np.inf, 1 / 3, np.pi, np.pi / 2]
    edges = [limits.tiny, limits.smallest_subnormal, limits.max, 1 + limits.eps, 1 - limits.epsneg]
    whole = [2.0**k + d for k in (22, 23, 24, 51, 52, 53) for d in (-1, 0, 1)]
    with np.errstate(over="ignore"):
        positive = np.array([*values, *edges, *whole, np.log(limits.max), 710.0, 746.0, 89.0, 104.0], dtype)
    return np.concatenate([positive, -positive, np.array([np.nan], dtype)])
