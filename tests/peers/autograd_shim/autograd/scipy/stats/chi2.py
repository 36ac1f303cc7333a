"""The chi-squared distribution: a gamma distribution of twice the variable."""

import numpy as np

from . import gamma


def logpdf(x, df):
    return gamma.logpdf(x / 2, df / 2) - np.log(2)


def pdf(x, df):
    return np.exp(logpdf(x, df))


def cdf(x, df):
    return gamma.cdf(x / 2, df / 2)
