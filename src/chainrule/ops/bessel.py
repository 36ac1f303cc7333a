"""Bessel and Airy functions of `scipy.special`, declared as in `special`.

The derivative is given by the neighbours in the family, the orders one above and one below, so every further derivative exists too.
Only the last argument has a rule; the order has none.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.ops.choice import keep, step_sign
from chainrule.ops.complex_parts import imaginary_part, real_part
from chainrule.ops.scipy_rules import Operation, special, times, total, without_rule
from chainrule.ops.special import POSITIVE

ORDER_AND_POSITIVE = {"domain": ((0.5, 2.5), (0.5, 3.0)), "complex_input": False}


def _half_difference(function: Operation) -> Operation:
    return lambda g, y, v, x: g * (0.5 * (function(v - 1, x) - function(v + 1, x)))


def _half_sum(function: Operation, sign: float = 1) -> Operation:
    return lambda g, y, v, x: g * (0.5 * sign * (function(v - 1, x) + function(v + 1, x)))


def _damped(g: Any, y: Any, x: Any) -> Any:
    """The part of the factor exp(-|Im x|), which is 1 for real numbers."""
    if x.dtype.kind != "c":
        return keep(g * y, np.False_)
    return real_part(g * y) * step_sign(imaginary_part(x)) * 1j


# -- Bessel functions --------------------------------------------------------------------------------------------------

j0 = special("j0", lambda g, y, x: -(g * j1(x)), symbol="J_0", complex_input=False)
j1 = special("j1", lambda g, y, x: g * (0.5 * (j0(x) - jv(2, x))), symbol="J_1", complex_input=False)
jv = special(
    "jv", without_rule("jv", "v"), lambda g, y, v, x: _half_difference(jv)(g, y, v, x), symbol="J", **ORDER_AND_POSITIVE
)
jve = special(
    "jve",
    without_rule("jve", "v"),
    lambda g, y, v, x: _half_difference(jve)(g, y, v, x) + _damped(g, y, x),
    symbol="J",
    analytic=False,
    **ORDER_AND_POSITIVE,
)
y0 = special("y0", lambda g, y, x: -(g * y1(x)), symbol="Y_0", domain=POSITIVE, complex_input=False)
y1 = special("y1", lambda g, y, x: g * (y0(x) - y / x), symbol="Y_1", domain=POSITIVE, complex_input=False)
yn = special(
    "yn", without_rule("yn", "n"), lambda g, y, n, x: _half_difference(yn)(g, y, n, x), symbol="Y", **ORDER_AND_POSITIVE
)
yv = special(
    "yv", without_rule("yv", "v"), lambda g, y, v, x: _half_difference(yv)(g, y, v, x), symbol="Y", **ORDER_AND_POSITIVE
)
yve = special(
    "yve",
    without_rule("yve", "v"),
    lambda g, y, v, x: _half_difference(yve)(g, y, v, x) + _damped(g, y, x),
    symbol="Y",
    analytic=False,
    **ORDER_AND_POSITIVE,
)
hankel1 = special(
    "hankel1",
    without_rule("hankel1", "v"),
    lambda g, y, v, z: _half_difference(hankel1)(g, y, v, z),
    symbol="H^{(1)}",
    **ORDER_AND_POSITIVE,
)
hankel2 = special(
    "hankel2",
    without_rule("hankel2", "v"),
    lambda g, y, v, z: _half_difference(hankel2)(g, y, v, z),
    symbol="H^{(2)}",
    **ORDER_AND_POSITIVE,
)
i0 = special("i0", lambda g, y, x: g * i1(x), symbol="I_0", complex_input=False)
i1 = special("i1", lambda g, y, x: g * (0.5 * (i0(x) + iv(2, x))), symbol="I_1", complex_input=False)
iv = special(
    "iv", without_rule("iv", "v"), lambda g, y, v, x: _half_sum(iv)(g, y, v, x), symbol="I", **ORDER_AND_POSITIVE
)
k0 = special("k0", lambda g, y, x: -(g * k1(x)), symbol="K_0", domain=POSITIVE, complex_input=False)
k1 = special("k1", lambda g, y, x: -(g * (k0(x) + y / x)), symbol="K_1", domain=POSITIVE, complex_input=False)
kn = special(
    "kn", without_rule("kn", "n"), lambda g, y, n, x: _half_sum(kn, -1)(g, y, n, x), symbol="K", **ORDER_AND_POSITIVE
)
kv = special(
    "kv", without_rule("kv", "v"), lambda g, y, v, x: _half_sum(kv, -1)(g, y, v, x), symbol="K", **ORDER_AND_POSITIVE
)

# -- exponentially scaled ----------------------------------------------------------------------------------------------

i0e = special(
    "i0e",
    lambda g, y, x: g * (i1e(x) - step_sign(x) * y),
    symbol=r"e^{-|\cdot|}I_0",
    complex_input=False,
    analytic=False,
)
i1e = special(
    "i1e",
    lambda g, y, x: g * (0.5 * (i0e(x) + ive(2, x)) - step_sign(x) * y),
    symbol=r"e^{-|\cdot|}I_1",
    complex_input=False,
    analytic=False,
)
ive = special(
    "ive",
    without_rule("ive", "v"),
    lambda g, y, v, x: _half_sum(ive)(g, y, v, x) - g * (step_sign(x) * y),
    symbol=r"e^{-|\cdot|}I",
    analytic=False,
    **ORDER_AND_POSITIVE,
)
k0e = special("k0e", lambda g, y, x: g * (y - k1e(x)), symbol="e^xK_0", domain=POSITIVE, complex_input=False)
k1e = special("k1e", lambda g, y, x: g * (y - k0e(x) - y / x), symbol="e^xK_1", domain=POSITIVE, complex_input=False)
kve = special(
    "kve",
    without_rule("kve", "v"),
    lambda g, y, v, x: g * y + _half_sum(kve, -1)(g, y, v, x),
    symbol="e^xK",
    **ORDER_AND_POSITIVE,
)

# -- Airy functions: Ai, Ai', Bi, Bi' ----------------------------------------------------------------------------------


def _airy_rule(wanted: Any, g: Any, y: Any, x: Any) -> list[Any]:
    ai, ai_prime, bi, bi_prime = y
    factors = (ai_prime, x * ai, bi_prime, x * bi)
    return [total([times(part, factor) for part, factor in zip(g, factors, strict=True)])]


airy = special("airy", _airy_rule, joint=True, outputs=4, symbol=r"\operatorname{Ai}", analytic=False)
