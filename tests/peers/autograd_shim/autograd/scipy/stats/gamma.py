"""The gamma distribution."""

import numpy as np

from .. import special


def logpdf(x, a):
    return (a - 1) * np.log(x) - x - special.gammaln(a)


def pdf(x, a):
    return np.exp(logpdf(x, a))


def cdf(x, a):
    return special.gammainc(a, x)
