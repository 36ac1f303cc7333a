"""Integrals, hypergeometric and elliptic functions and orthogonal polynomials of `scipy.special`, declared as in `special`."""

from __future__ import annotations

import math
import sys
from typing import Any

import numpy as np

from chainrule.ops.choice import maximum, where_chosen
from chainrule.ops.elementwise import exp, log
from chainrule.ops.entire import sinc_operation
from chainrule.ops.power import sqrt
from chainrule.ops.scipy_rules import Operation, special, special_stand_in, times, total, without_rule
from chainrule.ops.special import POSITIVE
from chainrule.ops.trigonometry import cos, cosh, sin
from chainrule.primitive import sample
from chainrule.traced import concrete

HALF_PI = math.pi / 2

# -- integrals ---------------------------------------------------------------------------------------------------------

fresnel = special(
    "fresnel",
    lambda wanted, g, y, x: [total([times(g[0], sin(HALF_PI * x * x)), times(g[1], cos(HALF_PI * x * x))])],
    joint=True,
    outputs=2,
    symbol="S, C",
)


sici = special(
    "sici",
    lambda wanted, g, y, x: [total([times(g[0], sinc_operation(x * (1 / math.pi))), times(g[1], cos(x) / x)])],
    joint=True,
    outputs=2,
    symbol=r"\operatorname{Si}, \operatorname{Ci}",
    domain=POSITIVE,
)
# sinh(x) / x = exp(-x) exprel(2 x), which is smooth at 0
shichi = special(
    "shichi",
    lambda wanted, g, y, x: [total([times(g[0], exp(-x) * exprel(2 * x)), times(g[1], cosh(x) / x)])],
    joint=True,
    outputs=2,
    symbol=r"\operatorname{Shi}, \operatorname{Chi}",
    domain=POSITIVE,
)
expi = special("expi", lambda g, y, x: g * (exp(x) / x), symbol=r"\operatorname{Ei}", domain=POSITIVE, analytic=False)
exp1 = special("exp1", lambda g, y, x: -(g * (exp(-x) / x)), symbol="E_1", domain=POSITIVE)


def _expn_rule(g: Any, y: Any, n: Any, x: Any) -> Any:
    return -(g * where_chosen(n >= 1, expn(maximum(n - 1, 0), x), (exp(-x) + y) / x))


expn = special(
    "expn", without_rule("expn", "n"), _expn_rule, symbol="E", domain=((0.5, 2.5), POSITIVE), complex_input=False
)
spence = special("spence", lambda g, y, x: g * (log(x) / (1 - x)), symbol=r"\operatorname{Li}_2", domain=(0.2, 0.8))

# -- hypergeometric and elliptic ---------------------------------------------------------------------------------------

hyp0f1 = special(
    "hyp0f1",
    without_rule("hyp0f1", "v"),
    lambda g, y, v, x: g * (hyp0f1(v + 1, x) / v),
    symbol="{}_0F_1",
    domain=(POSITIVE, (-2.0, 2.0)),
    complex_input=False,
)
hyp1f1 = special(
    "hyp1f1",
    without_rule("hyp1f1", "a"),
    without_rule("hyp1f1", "b"),
    lambda g, y, a, b, x: g * (a / b * hyp1f1(a + 1, b + 1, x)),
    symbol="{}_1F_1",
    domain=(POSITIVE, POSITIVE, (-2.0, 2.0)),
    complex_input=False,
)
hyp2f1 = special(
    "hyp2f1",
    without_rule("hyp2f1", "a"),
    without_rule("hyp2f1", "b"),
    without_rule("hyp2f1", "c"),
    lambda g, y, a, b, c, x: g * (a * b / c * hyp2f1(a + 1, b + 1, c + 1, x)),
    symbol="{}_2F_1",
    domain=(POSITIVE, POSITIVE, POSITIVE, (-0.7, 0.7)),
    complex_input=False,
)
hyperu = special(
    "hyperu",
    without_rule("hyperu", "a"),
    without_rule("hyperu", "b"),
    lambda g, y, a, b, x: -(g * (a * hyperu(a + 1, b + 1, x))),
    symbol="U",
    domain=(POSITIVE, POSITIVE, POSITIVE),
    complex_input=False,
)
exprel = special("exprel", lambda g, y, x: g * (0.5 * hyp1f1(2, 3, x)), complex_input=False)
ellipk = special(
    "ellipk",
    lambda g, y, m: g * (math.pi / 8 * hyp2f1(1.5, 1.5, 2, m)),
    symbol="K",
    domain=(-0.7, 0.7),
    complex_input=False,
)
ellipkm1 = special(
    "ellipkm1",
    lambda g, y, p: g * (-math.pi / 8 * hyp2f1(1.5, 1.5, 2, 1 - p)),
    symbol="K",
    domain=(0.3, 1.7),
    complex_input=False,
)
ellipe = special(
    "ellipe",
    lambda g, y, m: g * (-math.pi / 8 * hyp2f1(0.5, 1.5, 2, m)),
    symbol="E",
    domain=(-0.7, 0.7),
    complex_input=False,
)
ellipkinc = special(
    "ellipkinc",
    lambda g, y, angle, m: g / sqrt(1 - m * (sin(angle) * sin(angle))),
    without_rule("ellipkinc", "m"),
    symbol="F",
    domain=((-2.0, 2.0), (-0.7, 0.7)),
    complex_input=False,
)
ellipeinc = special(
    "ellipeinc",
    lambda g, y, angle, m: g * sqrt(1 - m * (sin(angle) * sin(angle))),
    without_rule("ellipeinc", "m"),
    symbol="E",
    domain=((-2.0, 2.0), (-0.7, 0.7)),
    complex_input=False,
)


def _run_lambertw(z: Any, *, branch: int, tolerance: float) -> Any:
    return sys.modules["scipy.special"]._ufuncs._lambertw(z, branch, tolerance)


lambertw = special(
    "lambertw",
    lambda g, y, z, *, branch, tolerance: g * (exp(-y) / (1 + y)),
    forward=_run_lambertw,
    shape=lambda z, *, branch, tolerance: z.retyped(np.complex128),
    elementwise=True,
    symbol="W",
    domain=(0.1, 2.0),
    samples=(sample((2, 3), branch=0, tolerance=1e-8), sample((), branch=-1, tolerance=1e-8)),
)


@special_stand_in("_lambertw")
def _numpy_lambertw(z: Any, k: Any, tol: Any) -> Any:
    return lambertw(z, branch=int(np.asarray(concrete(k))), tolerance=float(tol))


wrightomega = special("wrightomega", lambda g, y, z: g * (y / (1 + y)), symbol=r"\omega")

# -- orthogonal polynomials; the degree is a plain integer -------------------------------------------------------------

_DEGREE = {"domain": ((2.0, 3.0), (-0.9, 0.9)), "complex_input": False, "analytic": False}


def _polynomial(name: str, symbol: str, derivative: Operation) -> Operation:
    return special(name, without_rule(name, "n"), lambda g, y, n, x: g * derivative(n, x), symbol=symbol, **_DEGREE)


eval_jacobi = special(
    "eval_jacobi",
    *(without_rule("eval_jacobi", argument) for argument in ("n", "alpha", "beta")),
    lambda g, y, n, a, b, x: g * (0.5 * (n + a + b + 1) * eval_jacobi(n - 1, a + 1, b + 1, x)),
    symbol="P",
    domain=((2.0, 3.0), POSITIVE, POSITIVE, (-0.9, 0.9)),
    complex_input=False,
)
eval_gegenbauer = special(
    "eval_gegenbauer",
    without_rule("eval_gegenbauer", "n"),
    without_rule("eval_gegenbauer", "alpha"),
    lambda g, y, n, a, x: g * (2 * a * eval_gegenbauer(n - 1, a + 1, x)),
    symbol="C",
    domain=((2.0, 3.0), POSITIVE, (-0.9, 0.9)),
    complex_input=False,
)
eval_genlaguerre = special(
    "eval_genlaguerre",
    without_rule("eval_genlaguerre", "n"),
    without_rule("eval_genlaguerre", "alpha"),
    lambda g, y, n, a, x: -(g * eval_genlaguerre(n - 1, a + 1, x)),
    symbol="L",
    domain=((2.0, 3.0), POSITIVE, (-0.9, 0.9)),
    complex_input=False,
)
eval_legendre = _polynomial("eval_legendre", "P", lambda n, x: 0.5 * (n + 1) * eval_jacobi(n - 1, 1, 1, x))
eval_chebyt = _polynomial("eval_chebyt", "T", lambda n, x: n * eval_chebyu(n - 1, x))
eval_chebyu = _polynomial("eval_chebyu", "U", lambda n, x: 2 * eval_gegenbauer(n - 1, 2, x))
eval_laguerre = _polynomial("eval_laguerre", "L", lambda n, x: -eval_genlaguerre(n - 1, 1, x))
eval_hermite = _polynomial("eval_hermite", "H", lambda n, x: 2 * n * eval_hermite(maximum(n - 1, 0), x))
eval_hermitenorm = _polynomial(
    "eval_hermitenorm", r"\mathit{He}", lambda n, x: n * eval_hermitenorm(maximum(n - 1, 0), x)
)
