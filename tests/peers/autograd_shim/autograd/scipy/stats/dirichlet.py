"""The Dirichlet distribution."""

import numpy as np
import scipy.stats

from .. import special

rvs = scipy.stats.dirichlet.rvs


def logpdf(x, alpha):
    return np.sum((alpha - 1) * np.log(x)) + special.gammaln(np.sum(alpha)) - np.sum(special.gammaln(alpha))


def pdf(x, alpha):
    return np.exp(logpdf(x, alpha))
