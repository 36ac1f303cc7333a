"""scipy.special: its ufuncs answer traced values through chainrule; its Python functions are written here."""

import numpy as np
import scipy.special as _scipy
from scipy.special import *

from ..core import defvjp, primitive
from ..engine import plain

polygamma = primitive(_scipy.polygamma)
defvjp(polygamma, lambda y, n, x: lambda g: g * polygamma(n + 1, x), argnums=(1,))


def multigammaln(a, d):
    return d * (d - 1) / 4 * np.log(np.pi) + sum(_scipy.gammaln(a - j / 2) for j in range(d))


def logsumexp(x, axis=None, b=1.0, keepdims=False):
    """log(sum(b·exp(x))), shifted by the largest x."""
    shift = np.max(plain(x), axis=axis, keepdims=True)
    total = shift + np.log(np.sum(b * np.exp(x - shift), axis=axis, keepdims=True))
    return total if keepdims else np.squeeze(total, axis=axis)
