"""autograd.numpy.linalg is NumPy's, plus what autograd's tests take from its inside."""

import numpy as _numpy
from numpy.linalg import *


def norm(x, *args, **kwargs):
    return _numpy.linalg.norm(_numpy.stack(x) if isinstance(x, (list, tuple)) else x, *args, **kwargs)


def T(x):
    return _numpy.swapaxes(x, -1, -2)


def _dot(a, b):
    return _numpy.einsum("...ij,...jk->...ik", a, b)
