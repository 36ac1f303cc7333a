"""ADBench's two largest problems, written in plain NumPy: Gaussian mixture fitting and bundle adjustment.

The reference values are ADBench's (MIT licence, Copyright (c) Microsoft Corporation); so is the measure of agreement.
"""

import json
from math import lgamma, log, pi
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr

VECTORS = json.loads((Path(__file__).parent / "data" / "adbench_vectors.json").read_text())
TOLERANCE = 1e-8


def rho(x, y):
    """ADBench's distance of two arrays: |x - y| / max(1, |x| + |y|), the largest."""
    x, y = np.asarray(x), np.asarray(y)
    assert x.shape == y.shape
    return np.max(np.abs(x - y) / np.maximum(1.0, np.abs(x) + np.abs(y)))


# -- Gaussian mixture -------------------------------------------------------------------------------------------------


def logsumexp(x):
    shift = np.max(x, axis=-1, keepdims=True)
    return np.squeeze(shift, -1) + np.log(np.sum(np.exp(x - shift), axis=-1))


def log_wishart_prior(gamma, m, log_diagonals, strict_parts, dimension):
    n = dimension + m + 1
    log_gamma = 0.25 * dimension * (dimension - 1) * log(pi) + sum(lgamma(0.5 * (n - j)) for j in range(dimension))
    constant = n * dimension * (log(gamma) - 0.5 * log(2)) - log_gamma
    squares = np.sum(np.exp(2 * log_diagonals)) + np.sum(strict_parts**2)
    return 0.5 * gamma**2 * squares - m * np.sum(log_diagonals) - len(log_diagonals) * constant


def gmm_objective(alphas, means, icf, x, gamma, m):
    """Log-posterior; `icf` holds the inverse covariance factors: their log-diagonals, then the columns below."""
    count, dimension = x.shape
    log_diagonals, strict_parts = icf[:, :dimension], icf[:, dimension:]
    factors = np.exp(log_diagonals)[:, :, None] * np.eye(dimension)
    columns, rows = np.triu_indices(dimension, 1)
    for k in range(len(alphas)):
        factors[k, rows, columns] = strict_parts[k]
    centred = np.einsum("kij,nkj->nki", factors, x[:, None, :] - means)
    inner = alphas + np.sum(log_diagonals, axis=1) - 0.5 * np.sum(centred**2, axis=2)
    normaliser = -count * dimension * 0.5 * log(2 * pi)
    likelihood = normaliser + np.sum(logsumexp(inner)) - count * logsumexp(alphas)
    return likelihood + log_wishart_prior(gamma, m, log_diagonals, strict_parts, dimension)


def gmm_arguments():
    problem = VECTORS["gmm"]
    arrays = [np.array(problem[name]) for name in ("alphas", "means", "icf", "x")]
    return (*arrays, problem["gamma"], problem["m"])


def test_gmm_objective_is_adbench_s():
    assert rho(gmm_objective(*gmm_arguments()), VECTORS["gmm"]["objective"]) <= TOLERANCE


def test_gmm_gradient_is_adbench_s():
    value, gradients = cr.value_and_grad(gmm_objective, wrt=(0, 1, 2))(*gmm_arguments())
    assert rho(value, VECTORS["gmm"]["objective"]) <= TOLERANCE
    assert rho(np.concatenate([np.ravel(g) for g in gradients]), np.array(VECTORS["gmm"]["gradient"])) <= TOLERANCE


@pytest.mark.parametrize(("dimension", "components", "count"), [(2, 5, 40), (10, 4, 30), (20, 3, 10)])
def test_gmm_gradient_agrees_with_central_differences_in_larger_mixtures(dimension, components, count):
    rng = np.random.default_rng(dimension)
    alphas, means = rng.normal(size=components), rng.normal(size=(components, dimension))
    icf = 0.3 * rng.normal(size=(components, dimension * (dimension + 1) // 2))
    x = rng.normal(size=(count, dimension))
    gradients = cr.grad(gmm_objective, wrt=(0, 1, 2))(alphas, means, icf, x, 1.0, 0)
    directions = [rng.normal(size=array.shape) for array in (alphas, means, icf)]

    def along(step):
        moved = [array + step * v for array, v in zip((alphas, means, icf), directions, strict=True)]
        return gmm_objective(*moved, x, 1.0, 0)

    h = 1e-4  # the five-point rule: error of order h⁴
    numeric = (8 * (along(h) - along(-h)) - (along(2 * h) - along(-2 * h))) / (12 * h)
    analytic = sum(np.sum(g * v) for g, v in zip(gradients, directions, strict=True))
    assert rho(analytic, numeric) <= 1e-9


# -- bundle adjustment ------------------------------------------------------------------------------------------------


def rotate(rotation, points):
    """Rodrigues' formula, for one rotation vector and one point in each row."""
    angle = np.sqrt(np.sum(rotation**2, axis=1, keepdims=True))
    axis = rotation / angle
    along = np.sum(axis * points, axis=1, keepdims=True) * axis
    return points * np.cos(angle) + np.cross(axis, points) * np.sin(angle) + along * (1 - np.cos(angle))


def project(cameras, points):
    """Cameras with radial distortion: rotation, centre, focal length, principal point, distortion of each."""
    rotation, centre, focal = cameras[:, :3], cameras[:, 3:6], cameras[:, 6:7]
    principal_point, distortion = cameras[:, 7:9], cameras[:, 9:11]
    seen = rotate(rotation, points - centre)
    image = seen[:, :2] / seen[:, 2:]
    radius = np.sum(image**2, axis=1, keepdims=True)
    return image * (1 + distortion[:, :1] * radius + distortion[:, 1:] * radius**2) * focal + principal_point


def ba_objective(cameras, points, weights, features, camera_of, point_of):
    """All residuals: two weighted reprojection errors for each observation, then 1 - weight² for each."""
    errors = weights[:, None] * (project(cameras[camera_of], points[point_of]) - features)
    return np.concatenate([np.ravel(errors), 1 - weights**2])


def ba_arguments():
    problem = VECTORS["ba"]
    count = problem["observations"]
    cameras = np.tile(problem["cam"], (problem["cameras"], 1))
    points = np.tile(problem["X"], (problem["points"], 1))
    features = np.tile(problem["feat"], (count, 1))
    order = np.arange(count)
    weights = np.full(count, problem["w"])
    return cameras, points, weights, features, order % problem["cameras"], order % problem["points"]


def test_ba_residuals_are_adbench_s():
    residuals = ba_objective(*ba_arguments())
    assert rho(residuals, np.array(VECTORS["ba"]["reprojection_error"] + VECTORS["ba"]["weight_error"])) <= TOLERANCE


def test_ba_jacobian_is_adbench_s():
    arguments = ba_arguments()
    cameras, points, weights, _, camera_of, point_of = arguments
    blocks = cr.jacobian(ba_objective, wrt=(0, 1, 2))(*arguments)
    jacobian = np.concatenate([block.reshape(3 * len(weights), -1) for block in blocks], axis=1)
    assert jacobian.shape == (30, 62)

    values, pattern = [], np.zeros(jacobian.shape, dtype=bool)  # ADBench stores the rows' entries one after the other
    weight_columns = cameras.size + points.size
    for observation, (camera, point) in enumerate(zip(camera_of, point_of, strict=True)):
        columns = np.r_[
            11 * camera : 11 * (camera + 1),
            cameras.size + 3 * point : cameras.size + 3 * (point + 1),
            weight_columns + observation,
        ]
        for row in (2 * observation, 2 * observation + 1):
            values.append(jacobian[row, columns])
            pattern[row, columns] = True
    for observation in range(len(weights)):
        row, column = 2 * len(weights) + observation, weight_columns + observation
        values.append(jacobian[row, [column]])
        pattern[row, column] = True

    assert rho(np.concatenate(values), np.array(VECTORS["ba"]["jacobian_values"])) <= TOLERANCE
    assert len(np.concatenate(values)) == 310
    assert not jacobian[~pattern].any()
