"""scipy.stats' distributions that autograd differentiates, their densities in plain NumPy."""

from . import beta, chi2, dirichlet, gamma, multivariate_normal, norm, poisson, t
