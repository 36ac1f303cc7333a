"""Student's t distribution."""

import numpy as np

from .. import special


def logpdf(x, df, loc=0.0, scale=1.0):
    z = (x - loc) / scale
    constant = special.gammaln(0.5 * (df + 1)) - special.gammaln(0.5 * df) - 0.5 * np.log(np.pi * df)
    return constant - np.log(scale) - 0.5 * (df + 1) * np.log1p(z**2 / df)


def pdf(x, df, loc=0.0, scale=1.0):
    return np.exp(logpdf(x, df, loc, scale))


def cdf(x, df, loc=0.0, scale=1.0):
    return special.stdtr(df, (x - loc) / scale)


def logcdf(x, df, loc=0.0, scale=1.0):
    return np.log(cdf(x, df, loc, scale))
