"""Convolution with autograd's extra arguments, in plain NumPy."""

import numpy as np


def _selector(length_a, length_b, mode):
    """The tensor that is 1 where index a + index b = index out, cropped as `mode` says."""
    out = {
        "full": range(length_a + length_b - 1),
        "same": range((length_b - 1) // 2, (length_b - 1) // 2 + length_a),
        "valid": range(min(length_a, length_b) - 1, max(length_a, length_b)),
    }[mode]
    a, b = np.ogrid[:length_a, :length_b]
    return (np.add(a, b)[..., None] == np.array(out)).astype(float)


def convolve(A, B, axes=None, dot_axes=((), ()), mode="full"):
    """Convolve along pairs of `axes`, contract pairs of `dot_axes`; remaining: the rest of A, of B, the convolved."""
    axes = axes or (range(A.ndim), range(A.ndim))
    fresh = iter(range(1000))
    names_a = [next(fresh) for _ in range(A.ndim)]
    names_b = [next(fresh) for _ in range(B.ndim)]
    for a, b in zip(*dot_axes):
        names_b[b] = names_a[a]
    rest_a = [name for axis, name in enumerate(names_a) if axis not in [*axes[0], *dot_axes[0]]]
    rest_b = [name for axis, name in enumerate(names_b) if axis not in [*axes[1], *dot_axes[1]]]
    windows, names, convolved = B, list(names_b), []
    for a, b in zip(*axes):
        selector = _selector(A.shape[a], B.shape[b], mode)
        out = next(fresh)
        after = [name for name in names if name != names_b[b]] + [names_a[a], out]
        windows = np.einsum(windows, names, selector, [names_a[a], names_b[b], out], after)
        names, convolved = after, [*convolved, out]
    return np.einsum(A, names_a, windows, names, rest_a + rest_b + convolved)
