"""The beta distribution."""

import numpy as np

from .. import special


def logpdf(x, a, b):
    return (a - 1) * np.log(x) + (b - 1) * np.log1p(-x) - special.betaln(a, b)


def pdf(x, a, b):
    return np.exp(logpdf(x, a, b))


def cdf(x, a, b):
    return special.betainc(a, b, x)
