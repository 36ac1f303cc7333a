"""The multivariate normal distribution, also on a subspace (singular covariance)."""

import numpy as np


def logpdf(x, mean, cov, allow_singular=False):
    difference = x - mean
    if allow_singular:
        eigenvalues = np.linalg.eigvalsh(cov)
        eigenvalues = eigenvalues[eigenvalues > 1e-10 * np.max(eigenvalues)]
        rank, log_determinant = len(eigenvalues), np.sum(np.log(eigenvalues))
        scaled = difference @ np.linalg.pinv(cov)
    else:
        rank, log_determinant = np.shape(mean)[-1], np.linalg.slogdet(cov)[1]
        scaled = difference @ np.linalg.inv(cov)
    return -0.5 * (rank * np.log(2 * np.pi) + log_determinant + np.sum(difference * scaled, axis=-1))


def pdf(x, mean, cov, allow_singular=False):
    return np.exp(logpdf(x, mean, cov, allow_singular))


def entropy(mean, cov):
    return 0.5 * (np.shape(mean)[-1] * np.log(2 * np.pi * np.e) + np.linalg.slogdet(cov)[1])
