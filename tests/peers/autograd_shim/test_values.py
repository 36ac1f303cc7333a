"""What the shim writes in NumPy in SciPy's place has SciPy's values. Runs where the shim stands in autograd's place."""

import autograd.scipy.stats as stats
import numpy as np
import pytest
import scipy.integrate
import scipy.linalg
import scipy.special
import scipy.stats
from autograd.scipy import integrate, linalg, special

RNG = np.random.default_rng(0)
INSIDE, SHAPE, LARGE = RNG.uniform(0.2, 0.8, 4), RNG.uniform(1, 3, 4), RNG.uniform(2.5, 3, 4)
MATRIX, OTHER, THIRD = RNG.normal(size=(3, 3, 3))
COVARIANCE = MATRIX @ MATRIX.T + np.eye(3)


def agree(ours, theirs):
    np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("name", "functions", "arguments"),
    [
        ("chi2", "pdf cdf logpdf", (INSIDE, SHAPE)),
        ("beta", "pdf cdf logpdf", (INSIDE, SHAPE, LARGE)),
        ("gamma", "pdf cdf logpdf", (INSIDE, SHAPE)),
        ("norm", "pdf cdf logpdf logcdf sf logsf", (INSIDE, SHAPE, LARGE)),
        ("t", "pdf cdf logpdf logcdf", (INSIDE, LARGE, SHAPE, LARGE)),
        ("poisson", "pmf cdf logpmf", (np.arange(4.0), SHAPE)),
        ("dirichlet", "pdf logpdf", (INSIDE / INSIDE.sum(), SHAPE)),
        ("multivariate_normal", "pdf logpdf", (THIRD, SHAPE[:3], COVARIANCE)),
        ("multivariate_normal", "entropy", (SHAPE[:3], COVARIANCE)),
        ("multivariate_normal", "pdf logpdf", (np.array([0.3, 0.2, 0.0]), np.zeros(3), np.diag([1.0, 1.0, 0.0]), True)),
    ],
)
def test_distributions(name, functions, arguments):
    for function in functions.split():
        agree(
            getattr(getattr(stats, name), function)(*arguments),
            getattr(getattr(scipy.stats, name), function)(*arguments),
        )


def test_special():
    agree(special.multigammaln(4.5, 3), scipy.special.multigammaln(4.5, 3))
    agree(special.logsumexp(MATRIX, axis=1, b=2.0), scipy.special.logsumexp(MATRIX, axis=1, b=2.0))


def test_linalg():
    agree(linalg.solve_sylvester(MATRIX, OTHER, THIRD), scipy.linalg.solve_sylvester(MATRIX, OTHER, THIRD))
    agree(linalg.sqrtm(COVARIANCE), scipy.linalg.sqrtm(COVARIANCE))
    agree(linalg.solve_banded((1, 1), MATRIX, SHAPE[:3]), scipy.linalg.solve_banded((1, 1), MATRIX, SHAPE[:3]))


def test_odeint():
    def slope(y, t, a, b):
        return -np.sqrt(t) - y + a - np.mean((y + b) ** 2)

    times = np.linspace(0.1, 0.2, 4)
    exact = scipy.integrate.odeint(slope, MATRIX[0], times, (OTHER[0], THIRD[0]), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(integrate.odeint(slope, MATRIX[0], times, (OTHER[0], THIRD[0])), exact, atol=1e-9)
