"""autograd.numpy is NumPy itself, plus the names that exist only in autograd and the lists that NumPy takes apart."""

from importlib import import_module

from numpy import *
from numpy import __version__, abs, fft, max, min, round, sum

from .extras import append, array, c_, int64, make_diagonal, mean, r_, row_stack, std, var, where

# NumPy's star brought its own modules of these names, which a plain import would find first
linalg = import_module(".linalg", __name__)
random = import_module(".random", __name__)
