"""autograd.numpy.random is NumPy's."""

from numpy.random import *
