"""*A value-and-gradient function in, the weights that SciPy's L-BFGS finds with it out.*"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.optimize import minimize

from benchmarks.native.problems import FEATURES, ITERATIONS

# Tolerances of zero: every contestant does the same number of iterations.
OPTIONS = {"maxiter": ITERATIONS, "ftol": 0.0, "gtol": 0.0}


def fit(value_and_gradient: Callable[[np.ndarray], tuple[Any, Any]]) -> Any:
    return minimize(value_and_gradient, np.zeros(FEATURES), jac=True, method="L-BFGS-B", options=OPTIONS)


def fit_answers(value_and_gradient: Callable[[np.ndarray], tuple[Any, Any]]) -> list[np.ndarray]:
    """Value and gradient at a point, where the fit ends, and how many evaluations it took: the same for everybody."""
    value, gradient = value_and_gradient(np.linspace(-1.0, 1.0, FEATURES))
    found = fit(value_and_gradient)
    return [np.asarray(value, dtype=np.float64), np.array(gradient), found.x, np.asarray(float(found.nfev))]
