"""Special functions of `scipy.special`: error functions, gamma and beta functions, and those of information and statistics.

The other families are in `bessel`, `hypergeometric` and `transformations`.
"""

from __future__ import annotations

import math
import operator
import sys
from typing import Any

import numpy as np

from chainrule.ops.choice import clip, maximum, where_chosen
from chainrule.ops.comparison import logical_and
from chainrule.ops.elementwise import exp, log, log1p
from chainrule.ops.power import sqrt
from chainrule.ops.scipy_rules import connect_scipy, special, without_rule
from chainrule.ops.structure import as_dtype, as_value
from chainrule.primitive import operations, sample
from chainrule.shapes import inexact

# -- error functions and the normal distribution -----------------------------------------------------------------------

TWO_OVER_SQRT_PI = 2 / math.sqrt(math.pi)
SQRT_TWO_PI = math.sqrt(2 * math.pi)

erf = special("erf", lambda g, y, x: g * (TWO_OVER_SQRT_PI * exp(-x * x)))
erfc = special("erfc", lambda g, y, x: g * (-TWO_OVER_SQRT_PI * exp(-x * x)))
erfcx = special("erfcx", lambda g, y, x: g * (2 * x * y - TWO_OVER_SQRT_PI))
erfi = special("erfi", lambda g, y, x: g * (TWO_OVER_SQRT_PI * exp(x * x)))
erfinv = special(
    "erfinv",
    lambda g, y, x: g * (exp(y * y) / TWO_OVER_SQRT_PI),
    symbol=r"\operatorname{erf}^{-1}",
    domain=(-0.8, 0.8),
    complex_input=False,
)
erfcinv = special(
    "erfcinv",
    lambda g, y, x: g * (exp(y * y) / -TWO_OVER_SQRT_PI),
    symbol=r"\operatorname{erfc}^{-1}",
    domain=(0.2, 1.8),
    complex_input=False,
)
dawsn = special("dawsn", lambda g, y, x: g * (1 - 2 * x * y), symbol="D")
wofz = special("wofz", lambda g, y, x: g * (TWO_OVER_SQRT_PI * 1j - 2 * x * y), symbol="w")
ndtr = special("ndtr", lambda g, y, x: g * (exp(x * x * -0.5) / SQRT_TWO_PI), symbol=r"\Phi")
log_ndtr = special(
    "log_ndtr", lambda g, y, x: g * (math.sqrt(2 / math.pi) / erfcx(x * -math.sqrt(0.5))), symbol=r"\log\Phi"
)
ndtri = special(
    "ndtri",
    lambda g, y, x: g * (SQRT_TWO_PI * exp(y * y * 0.5)),
    symbol=r"\Phi^{-1}",
    domain=(0.1, 0.9),
    complex_input=False,
)
ndtri_exp = special(
    "ndtri_exp",
    lambda g, y, x: g * (SQRT_TWO_PI * exp(x + y * y * 0.5)),
    symbol=r"\Phi^{-1}\exp",
    domain=(-2.0, -0.1),
    complex_input=False,
)
owens_t = special(
    "owens_t",
    lambda g, y, h, a: g * (exp(h * h * -0.5) * erf(a * h * math.sqrt(0.5)) / (-2 * SQRT_TWO_PI)),
    lambda g, y, h, a: g * (exp(h * h * (1 + a * a) * -0.5) / (2 * math.pi * (1 + a * a))),
    symbol="T",
    complex_input=False,
)

# -- logistic ----------------------------------------------------------------------------------------------------------

expit = special("expit", lambda g, y, x: g * (y * (1 - y)), symbol=r"\sigma", complex_input=False)
log_expit = special("log_expit", lambda g, y, x: g * expit(-x), symbol=r"\log\sigma", complex_input=False)
logit = special("logit", lambda g, y, x: g / (x * (1 - x)), domain=(0.1, 0.9), complex_input=False)

# -- gamma -------------------------------------------------------------------------------------------------------------


_BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510, 43867 / 798, -174611 / 330)


def _complex_polygamma(z: Any, order: int) -> Any:
    """Terms of the series up to a real part of at least 20, and Euler and Maclaurin's formula for the rest."""
    z = np.asarray(z, dtype=np.complex128)
    steps = 20 + int(np.ceil(max(0.0, -z.real.min(initial=0.0))))
    total = np.zeros_like(z)
    for step in range(steps):
        total += math.factorial(order) * (z + step) ** (-order - 1)
    w = z + steps
    total += math.factorial(order - 1) * w**-order + math.factorial(order) / 2 * w ** (-order - 1)
    for j, number in enumerate(_BERNOULLI, start=1):
        total += number * math.factorial(2 * j + order - 1) / math.factorial(2 * j) * w ** (-2 * j - order)
    return (-1) ** (order + 1) * total


def _polygamma(x: Any, *, order: int) -> Any:
    if x.dtype.kind == "c":
        return _complex_polygamma(x, order).astype(x.dtype)[()]
    return np.asarray(sys.modules["scipy.special"].polygamma(order, x)).astype(x.dtype)[()]


POSITIVE = (0.4, 3.0)

polygamma_of = special(
    "polygamma",
    lambda g, y, x, *, order: g * polygamma_of(x, order=order + 1),
    symbol=r"\psi",
    forward=_polygamma,
    shape=lambda x, *, order: x,
    elementwise=True,
    domain=POSITIVE,
    samples=(sample((3,), order=1), sample((2, 2), order=2)),
)


def polygamma(n: int, x: Any) -> Any:
    """The n-th derivative of the digamma function, as `scipy.special.polygamma`, which takes no traced values itself.

    It needs SciPy, like all functions of this file.

    >>> import scipy.special
    >>> round(float(polygamma(1, 1.0)), 6)
    1.644934
    """
    connect_scipy()
    x = as_value(x)
    x = as_dtype(x, inexact(x.dtype))
    return polygamma_of(x, order=operator.index(n)) if n else psi(x)


psi = special("psi", lambda g, y, x: g * polygamma_of(x, order=1), symbol=r"\psi", domain=POSITIVE)
gamma = special("gamma", lambda g, y, x: g * (y * psi(x)), symbol=r"\Gamma", domain=POSITIVE)
gammaln = special("gammaln", lambda g, y, x: g * psi(x), symbol=r"\log\Gamma", domain=POSITIVE, complex_input=False)
loggamma = special("loggamma", lambda g, y, x: g * psi(x), symbol=r"\log\Gamma", domain=POSITIVE)
rgamma = special("rgamma", lambda g, y, x: -(g * (y * psi(x))), symbol=r"1/\Gamma", domain=POSITIVE)
poch = special(
    "poch",
    lambda g, y, z, m: g * (y * (psi(z + m) - psi(z))),
    lambda g, y, z, m: g * (y * psi(z + m)),
    domain=(POSITIVE, POSITIVE),
    complex_input=False,
)
binom = special(
    "binom",
    lambda g, y, n, k: g * (y * (psi(n + 1) - psi(n - k + 1))),
    lambda g, y, n, k: g * (y * (psi(n - k + 1) - psi(k + 1))),
    domain=((4.2, 5.8), (0.4, 3.0)),
    complex_input=False,
)
zeta = special(
    "_zeta",
    without_rule("zeta", "x"),
    lambda g, y, x, q: g * (-x * zeta(x + 1, q)),
    symbol=r"\zeta",
    domain=((2.0, 4.0), POSITIVE),
    complex_input=False,
)
beta = special(
    "beta",
    lambda g, y, a, b: g * (y * (psi(a) - psi(a + b))),
    lambda g, y, a, b: g * (y * (psi(b) - psi(a + b))),
    symbol=r"\mathrm{B}",
    domain=(POSITIVE, POSITIVE),
    complex_input=False,
)
betaln = special(
    "betaln",
    lambda g, y, a, b: g * (psi(a) - psi(a + b)),
    lambda g, y, a, b: g * (psi(b) - psi(a + b)),
    symbol=r"\log\mathrm{B}",
    domain=(POSITIVE, POSITIVE),
    complex_input=False,
)

# -- incomplete gamma and beta -----------------------------------------------------------------------------------------


def _gamma_density(a: Any, x: Any) -> Any:
    return exp(xlogy(a - 1, x) - x - gammaln(a))


def _beta_density(a: Any, b: Any, x: Any) -> Any:
    return exp(xlogy(a - 1, x) + xlog1py(b - 1, -x) - betaln(a, b))


_TWO_POSITIVE = {"domain": (POSITIVE, (0.5, 2.0)), "complex_input": False}
_TWO_INVERSE = {"domain": (POSITIVE, (0.1, 0.9)), "complex_input": False}
_BETA = {"domain": (POSITIVE, POSITIVE, (0.1, 0.9)), "complex_input": False}

gammainc = special(
    "gammainc", without_rule("gammainc", "a"), lambda g, y, a, x: g * _gamma_density(a, x), symbol="P", **_TWO_POSITIVE
)
gammaincc = special(
    "gammaincc",
    without_rule("gammaincc", "a"),
    lambda g, y, a, x: -(g * _gamma_density(a, x)),
    symbol="Q",
    **_TWO_POSITIVE,
)
gammaincinv = special(
    "gammaincinv",
    without_rule("gammaincinv", "a"),
    lambda g, y, a, p: g / _gamma_density(a, y),
    symbol="P^{-1}",
    **_TWO_INVERSE,
)
gammainccinv = special(
    "gammainccinv",
    without_rule("gammainccinv", "a"),
    lambda g, y, a, p: -g / _gamma_density(a, y),
    symbol="Q^{-1}",
    **_TWO_INVERSE,
)
betainc = special(
    "betainc",
    without_rule("betainc", "a"),
    without_rule("betainc", "b"),
    lambda g, y, a, b, x: g * _beta_density(a, b, x),
    symbol="I",
    **_BETA,
)
betaincc = special(
    "betaincc",
    without_rule("betaincc", "a"),
    without_rule("betaincc", "b"),
    lambda g, y, a, b, x: -(g * _beta_density(a, b, x)),
    symbol="1-I",
    **_BETA,
)
betaincinv = special(
    "betaincinv",
    without_rule("betaincinv", "a"),
    without_rule("betaincinv", "b"),
    lambda g, y, a, b, p: g / _beta_density(a, b, y),
    symbol="I^{-1}",
    **_BETA,
)
gammasgn = special("gammasgn", symbol=r"\operatorname{sgn}\Gamma", domain=POSITIVE, complex_input=False)
chdtr = special(
    "chdtr",
    without_rule("chdtr", "v"),
    lambda g, y, v, x: g * (0.5 * _gamma_density(0.5 * v, 0.5 * x)),
    **_TWO_POSITIVE,
)
chdtrc = special(
    "chdtrc",
    without_rule("chdtrc", "v"),
    lambda g, y, v, x: g * (-0.5 * _gamma_density(0.5 * v, 0.5 * x)),
    **_TWO_POSITIVE,
)


def _student_density(df: Any, t: Any) -> Any:
    return exp(-betaln(0.5 * df, 0.5) - 0.5 * (df + 1) * log1p(t * t / df)) / sqrt(df)


stdtr = special(
    "stdtr",
    without_rule("stdtr", "df"),
    lambda g, y, df, t: g * _student_density(df, t),
    domain=(POSITIVE, (-2.0, 2.0)),
    complex_input=False,
)
stdtrit = special(
    "stdtrit", without_rule("stdtrit", "df"), lambda g, y, df, p: g / _student_density(df, y), **_TWO_INVERSE
)

# -- information -------------------------------------------------------------------------------------------------------


def _both_zero(x: Any, y: Any) -> Any:
    return logical_and(x == 0, y <= 0)


# x log y is 0 where x is 0, and its derivatives are 0 where both are: no 0 times infinity.
xlogy = special(
    "xlogy",
    lambda g, r, x, y: g * log(where_chosen(_both_zero(x, y), 1, y)),
    lambda g, r, x, y: g * (x / where_chosen(_both_zero(x, y), 1, y)),
    domain=((-2.0, 2.0), (0.3, 2.0)),
    complex_input=False,
)
xlog1py = special(
    "xlog1py",
    lambda g, r, x, y: g * log1p(where_chosen(_both_zero(x, 1 + y), 0, y)),
    lambda g, r, x, y: g * (x / (1 + where_chosen(_both_zero(x, 1 + y), 0, y))),
    domain=((-2.0, 2.0), (-0.6, 2.0)),
    complex_input=False,
)
entr = special("entr", lambda g, y, x: -(g * (1 + log(x))), symbol="H", domain=(0.2, 2.0), complex_input=False)
rel_entr = special(
    "rel_entr",
    lambda g, r, x, y: g * (log(x / y) + 1),
    lambda g, r, x, y: -(g * (x / y)),
    domain=((0.3, 2.0), (0.3, 2.0)),
    complex_input=False,
)
kl_div = special(
    "kl_div",
    lambda g, r, x, y: g * log(x / y),
    lambda g, r, x, y: g * (1 - x / y),
    domain=((0.3, 2.0), (0.3, 2.0)),
    complex_input=False,
)
huber = special(
    "huber",
    lambda g, y, delta, r: g * maximum(operations["absolute"](r) - delta, 0),
    lambda g, y, delta, r: g * clip(r, -delta, delta),
    domain=((0.3, 0.5), (0.6, 2.0)),
    complex_input=False,
    analytic=False,
)


def _root(delta: Any, r: Any) -> Any:
    return sqrt(1 + (r / delta) * (r / delta))


pseudo_huber = special(
    "pseudo_huber",
    lambda g, y, delta, r: g * (2 * delta * (_root(delta, r) - 1) - r * r / (delta * _root(delta, r))),
    lambda g, y, delta, r: g * (r / _root(delta, r)),
    domain=((0.5, 2.0), (-2.0, 2.0)),
    complex_input=False,
)


__all__ = ["polygamma"]
