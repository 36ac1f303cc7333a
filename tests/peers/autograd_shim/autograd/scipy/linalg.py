"""scipy.linalg's functions that autograd differentiates, in plain NumPy."""

import numpy as np
import scipy.linalg

from ..engine import plain


def solve_sylvester(a, b, q):
    """The X with a X + X b = q, by the Kronecker form (a ⊗ 1 + 1 ⊗ bᵀ) vec X = vec q, X read row by row."""
    rows, columns = np.shape(q)
    system = np.kron(a, np.eye(columns)) + np.kron(np.eye(rows), np.transpose(b))
    return np.reshape(np.linalg.solve(system, np.reshape(q, (-1, 1))), (rows, columns))


def sqrtm(a):
    """The square root of a matrix: SciPy's, and two steps of Newton's method on X² = a from it.

    The steps leave the value where it is and give it its derivatives: k steps are right up to order 2ᵏ - 1.
    """
    root = scipy.linalg.sqrtm(plain(a))
    for _ in range(2):
        root = root + solve_sylvester(root, root, a - root @ root)
    return root


def solve_banded(l_and_u, ab, b):
    """Solve a banded system; `ab` holds the diagonals as rows, the uppermost first."""
    upper, size = l_and_u[1], np.shape(ab)[1]
    matrix = 0.0
    for row in range(np.shape(ab)[0]):
        k = upper - row
        matrix = matrix + np.diag(ab[row, max(k, 0) : size + min(k, 0)], k)
    return np.linalg.solve(matrix, b)
