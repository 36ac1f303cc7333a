"""erf: one argument in, at most 2 ulp from the truth out.

Up to 1, x + x · P(x²). Beyond, 1 − e**−Q(|x|), where Q approximates −log erfc (an idea of Juffa's): what it lacks in
relative accuracy does not matter, since the exponential is small against 1. Both sides are computed and one is chosen.
"""

from __future__ import annotations

from chainrule.run.native import polynomials
from chainrule.run.native.exponentials import reduce
from chainrule.run.native.instructions import Body, Value

NEAR = {"double": polynomials.ERROR_NEAR_64, "float": polynomials.ERROR_NEAR_32}
FAR = {"double": polynomials.ERROR_FAR_64, "float": polynomials.ERROR_FAR_32}
END = {"double": 5.93, "float": 3.93}  # from here on erf rounds to 1


def erf(body: Body, x: Value) -> Value:
    """2/√π ∫₀ˣ e**−t² dt."""
    real = body.format.real
    size = body.magnitude(x)
    near = body.fma(x, body.polynomial(x * x, NEAR[real]), x)
    bounded = body.at_most(size, END[real])
    exponent, _, r = reduce(body, -body.polynomial(bounded, FAR[real]))
    remainder = body.fma(
        r * r, body.polynomial(r, polynomials.EXPONENTIAL_64 if real == "double" else polynomials.EXPONENTIAL_32), r
    )
    falling = (remainder + 1.0) * body.power_of_two(exponent)
    far = body.with_sign(1.0 - falling, x)
    return body.select(size < 1.0, near, far)
