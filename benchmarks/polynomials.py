"""*The approximation problems behind the native mathematics in, the coefficients of `run/native/polynomials.py` out.*

Every polynomial of `chainrule.run.native` is the answer to one line of `PROBLEMS`: which function, on which interval,
under which weight, of which degree. The method is Lawson's weighted least squares on Chebyshev points, in 60 digits;
coefficients are rounded to the format one by one from the lowest, and those that are left are fitted anew each time, so
that they make up for the rounding (the idea of Brisebarre and Chevillard's `fpminimax`, without the lattice).

Run `python -m benchmarks.polynomials` to print all of them; a test regenerates some and compares.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import mpmath
import numpy as np

DIGITS = 60
GRID = 160  # points on which the error is looked at; the polynomials have at most 20 coefficients
ROUNDS = 6  # within some per cent of the best after five


@dataclass(frozen=True)
class Problem:
    """Find the polynomial p of `degree` in z that makes |weight(z) · (function(z) − p(z))| small on the interval."""

    function: Callable[[Any], Any]
    weight: Callable[[Any], Any]
    interval: tuple[Any, Any]
    degree: int
    bits: int  # of the significand of the format: 24 or 53


def grid(low: Any, high: Any) -> list[Any]:
    """Chebyshev points of the interval, none of them its middle or an end where a formula may be 0/0."""
    middle, half = (mpmath.mpf(low) + high) / 2, (mpmath.mpf(high) - low) / 2
    return [middle - half * mpmath.cos(mpmath.pi * (2 * i + 1) / (2 * GRID)) for i in range(GRID)]


def fit(points: list[Any], values: list[Any], weights: list[Any], first: int, count: int) -> list[Any]:
    """Coefficients of z**first … z**(first + count − 1) with the smallest largest weighted error: Lawson's iteration.

    Each round solves a least-squares problem and gives more say to the points where the error is large. Unlike Remez's
    exchange it needs no alternation, which a weight that vanishes inside the interval would spoil.
    """
    columns = [[z**k * weight for z, weight in zip(points, weights, strict=True)] for k in range(first, first + count)]
    target = [value * weight for value, weight in zip(values, weights, strict=True)]
    say = [mpmath.mpf(1) / len(points)] * len(points)
    best: tuple[Any, list[Any]] | None = None
    for _ in range(ROUNDS):
        scaled = [[entry * part for entry, part in zip(column, say, strict=True)] for column in columns]
        matrix, right = mpmath.matrix(count, count), mpmath.matrix(count, 1)
        for i in range(count):
            for j in range(i + 1):
                matrix[i, j] = matrix[j, i] = mpmath.fdot(scaled[i], columns[j])
            right[i] = mpmath.fdot(scaled[i], target)
        solution = mpmath.lu_solve(matrix, right)
        found = [solution[k] for k in range(count)]
        errors = [
            abs(aim - mpmath.fdot(zip(found, row, strict=True)))
            for aim, row in zip(target, zip(*columns, strict=True), strict=True)
        ]
        if best is None or max(errors) < best[0]:
            best = (max(errors), found)
        say = [part * error for part, error in zip(say, errors, strict=True)]
        total = sum(say)
        if not total:
            break
        say = [part / total for part in say]
    assert best is not None
    return best[1]


def rounded(value: Any, bits: int) -> Any:
    """The nearest number with a significand of so many bits, as an mpf."""
    with mpmath.workprec(bits):
        return +value


def solve(problem: Problem) -> tuple[tuple[float, ...], float]:
    """(coefficients, lowest power first, exact in the format; the largest weighted error that is left)."""
    with mpmath.workdps(DIGITS):
        points = grid(*problem.interval)
        values = [problem.function(z) for z in points]
        weights = [problem.weight(z) for z in points]
        coefficients: list[float] = []
        for first in range(problem.degree + 1):
            found = fit(points, values, weights, first, problem.degree + 1 - first)
            coefficient = rounded(found[0], problem.bits)
            values = [value - coefficient * z**first for value, z in zip(values, points, strict=True)]
            coefficients.append(float(coefficient))
        error = max(abs(weight * value) for weight, value in zip(weights, values, strict=True))
    return tuple(coefficients), float(error)


def logarithm_of_ratio(z: Any) -> Any:
    """log((1 + s) / (1 − s)) / s for s = √z: what a logarithm with s = f / (2 + f) has to sum."""
    s = mpmath.sqrt(z)
    return mpmath.log((1 + s) / (1 - s)) / s


def sine(z: Any) -> Any:
    """(sin r / r − 1) / r² for r = √z."""
    r = mpmath.sqrt(z)
    return (mpmath.sin(r) / r - 1) / z


def cosine(z: Any) -> Any:
    """(cos r − 1 + r²/2) / r⁴ for r = √z."""
    return (mpmath.cos(mpmath.sqrt(z)) - 1 + z / 2) / z**2


def error_function(z: Any) -> Any:
    """erf(x) / x − 1 for x = √z."""
    x = mpmath.sqrt(z)
    return mpmath.erf(x) / x - 1


def hyperbolic_tangent(z: Any) -> Any:
    """(tanh x / x − 1) / x² for x = √z."""
    x = mpmath.sqrt(z)
    return (mpmath.tanh(x) / x - 1) / z


with mpmath.workdps(DIGITS):
    HALF_LN2 = (
        mpmath.log(2) / 2 * mpmath.mpf("1.001")
    )  # a little wider than needed: rounding may choose the farther integer
    HALF = mpmath.mpf("0.5005")
    RATIO = ((mpmath.sqrt(2) - 1) / (mpmath.sqrt(2) + 1)) ** 2 * mpmath.mpf("1.001")
    EIGHTH_TURN = (mpmath.pi / 4 + mpmath.mpf("0.002")) ** 2
    TWO_OVER_LN2 = 2 / mpmath.log(2)
    LN2 = mpmath.log(2)


def _exponential(degree: int, bits: int) -> Problem:
    return Problem(lambda r: (mpmath.expm1(r) - r) / r**2, abs, (-HALF_LN2, HALF_LN2), degree, bits)


def _power_of_two(degree: int, bits: int) -> Problem:
    return Problem(lambda r: mpmath.expm1(r * LN2) / r, abs, (-HALF, HALF), degree, bits)


def _logarithm(degree: int, bits: int) -> Problem:
    return Problem(lambda z: (logarithm_of_ratio(z) - 2) / z, lambda z: z / 2, (0, RATIO), degree, bits)


def _logarithm_of_sum(degree: int, bits: int) -> Problem:
    ends = (mpmath.sqrt(0.5) - 1) * mpmath.mpf("1.001"), (mpmath.sqrt(2) - 1) * mpmath.mpf("1.001")
    return Problem(
        lambda f: (mpmath.log(1 + f) - f + f**2 / 2) / f**3, lambda f: f**3 / mpmath.log(1 + f), ends, degree, bits
    )


def _binary_logarithm(degree: int, bits: int) -> Problem:
    return Problem(
        lambda z: (logarithm_of_ratio(z) - 2 - 2 * z / 3) / z**2 * TWO_OVER_LN2 / 2,
        lambda z: z**2 / TWO_OVER_LN2,
        (0, RATIO),
        degree,
        bits,
    )


def _binary_logarithm_short(degree: int, bits: int) -> Problem:
    return Problem(
        lambda z: logarithm_of_ratio(z) * TWO_OVER_LN2 / 2, lambda _: 1 / TWO_OVER_LN2, (0, RATIO), degree, bits
    )


def _sine(degree: int, bits: int) -> Problem:
    return Problem(sine, lambda z: z, (0, EIGHTH_TURN), degree, bits)


def _cosine(degree: int, bits: int) -> Problem:
    return Problem(cosine, lambda z: z**2, (0, EIGHTH_TURN), degree, bits)


def _error_near_zero(degree: int, bits: int) -> Problem:
    return Problem(error_function, lambda _: mpmath.mpf(1), (0, 1), degree, bits)


def _error_far(degree: int, bits: int, end: float) -> Problem:
    return Problem(lambda t: -mpmath.log(mpmath.erfc(t)), mpmath.erfc, (1, end), degree, bits)


def _hyperbolic_tangent(degree: int, bits: int, end: Any) -> Problem:
    return Problem(hyperbolic_tangent, lambda z: z, (0, end), degree, bits)


PROBLEMS: dict[str, Problem] = {
    "EXPONENTIAL_64": _exponential(9, 53),
    "EXPONENTIAL_32": _exponential(4, 24),
    "POWER_OF_TWO_64": _power_of_two(10, 53),
    "POWER_OF_TWO_32": _power_of_two(5, 24),
    "POWER_OF_TWO_40": _power_of_two(6, 53),
    "LOGARITHM_64": _logarithm(6, 53),
    "LOGARITHM_32": _logarithm_of_sum(7, 24),
    "BINARY_LOGARITHM_64": _binary_logarithm(6, 53),
    "BINARY_LOGARITHM_40": _binary_logarithm_short(4, 53),
    "SINE_64": _sine(5, 53),
    "SINE_32": _sine(2, 24),
    "COSINE_64": _cosine(5, 53),
    "COSINE_32": _cosine(2, 24),
    "TANGENT_64": _hyperbolic_tangent(6, 53, (HALF_LN2 * mpmath.mpf("0.75")) ** 2),
    "SHORT_TANGENT_64": _hyperbolic_tangent(5, 53, (HALF_LN2 / 2) ** 2),
    "TANGENT_32": _hyperbolic_tangent(2, 24, (HALF_LN2 * mpmath.mpf("0.75")) ** 2),
    "ERROR_NEAR_64": _error_near_zero(12, 53),
    "ERROR_NEAR_32": _error_near_zero(6, 24),
    "ERROR_FAR_64": _error_far(17, 53, 5.93),
    "ERROR_FAR_32": _error_far(6, 24, 3.93),
}


def main() -> None:
    """Print every set of coefficients as Python, with the logarithm of its error."""
    for name, problem in PROBLEMS.items():
        coefficients, error = solve(problem)
        print(f"{name} = (  # 2**{np.log2(error):.1f}")
        for coefficient in coefficients:
            print(f"    {coefficient!r},")
        print(")", flush=True)


if __name__ == "__main__":
    main()
