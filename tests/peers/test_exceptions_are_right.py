"""What autograd's suite expects to be refused and chainrule does: it does it right."""

import numpy as np

import chainrule as cr


def slope(function, x, direction, h=1e-5):
    return (function(x + h * direction) - function(x - h * direction)) / (2 * h)


def test_rfftn_over_an_odd_length():
    rng = np.random.default_rng(0)
    x, direction = rng.normal(size=(2, 5, 5, 5))
    weights = rng.normal(size=(5, 5, 3)) + 1j * rng.normal(size=(5, 5, 3))

    def loss(x):
        return np.sum(np.real(weights * np.fft.rfftn(x)))

    np.testing.assert_allclose(np.sum(cr.grad(loss)(x) * direction), slope(loss, x, direction), rtol=1e-8)


def test_assignment_into_a_traced_array():
    def loss(a, b):
        c = a * 1.0
        c[1] = b
        return np.sum(c**3)

    by_a, by_b = cr.grad(loss, wrt=(0, 1))(np.array([1.0, 2.0, 3.0]), 4.0)
    np.testing.assert_array_equal(by_a, [3.0, 0.0, 27.0])
    assert by_b == 48.0
