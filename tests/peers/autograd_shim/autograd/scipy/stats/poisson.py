"""The Poisson distribution."""

import numpy as np

from .. import special


def logpmf(k, mu):
    return k * np.log(mu) - mu - special.gammaln(k + 1)


def pmf(k, mu):
    return np.exp(logpmf(k, mu))


def cdf(k, mu):
    return special.gammaincc(k + 1, mu)
