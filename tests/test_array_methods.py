"""Operators and methods of traced arrays: the value is NumPy's, the gradient is that of differences."""

import math
import numbers
import operator

import numpy as np
import pytest

import chainrule as cr

MATRIX = np.array([[0.7, -1.3, 2.1], [1.9, 0.4, -0.6]])
POSITIVE = np.abs(MATRIX) + 0.5

METHODS = {
    "clip": lambda a: a.clip(-1.0, 1.5),
    "conj": lambda a: a.conj(),
    "copy": lambda a: a.copy(),
    "cumprod": lambda a: a.cumprod(axis=1),
    "cumsum": lambda a: a.cumsum(axis=0),
    "diagonal": lambda a: a.diagonal(offset=1),
    "dot": lambda a: a.dot(MATRIX.T),
    "flatten": lambda a: a.flatten(),
    "max": lambda a: a.max(axis=0),
    "mean": lambda a: a.mean(axis=1, keepdims=True),
    "min": lambda a: a.min(),
    "prod": lambda a: a.prod(axis=1),
    "ravel": lambda a: a.ravel(order="F"),
    "repeat": lambda a: a.repeat(2, axis=1),
    "reshape": lambda a: a.reshape(3, 2),
    "reshape with a tuple": lambda a: a.reshape((3, -1), order="F"),
    "squeeze": lambda a: a[None].squeeze(0),
    "std": lambda a: a.std(ddof=1),
    "sum": lambda a: a.sum(0),
    "swapaxes": lambda a: a.swapaxes(0, 1),
    "take": lambda a: a.take([0, 2], axis=1),
    "trace": lambda a: a.trace(),
    "transpose": lambda a: a.transpose(1, 0),
    "transpose with a tuple": lambda a: a.transpose((1, 0)),
    "T": lambda a: a.T,
    "var": lambda a: a.var(axis=0),
    "astype": lambda a: a.astype(np.float64),
    "compress": lambda a: a.compress([True, False, True], axis=1),
    "real": lambda a: a.real,
    "abs": abs,
    "negative": operator.neg,
    "positive": operator.pos,
    "add": lambda a: 2.0 + a + MATRIX,
    "subtract": lambda a: 2.0 - a - MATRIX,
    "multiply": lambda a: 2.0 * a * MATRIX,
    "divide": lambda a: 1.0 / a / MATRIX,
    "power": lambda a: a**2 + a**3,
    "matmul": lambda a: MATRIX.T @ a @ MATRIX.T,
    "remainder": lambda a: a % 0.9,
    "divmod": lambda a: divmod(a, 0.9)[1],
    "index": lambda a: a[:, 1] * a[1, ::2].sum() + a[[0, 1], [2, 0]],
    "iteration": lambda a: sum(row * row for row in a),
    "round": lambda a: a * a.round(1),
}


@pytest.mark.parametrize("name", METHODS)
def test_values_and_gradients(name):
    method = METHODS[name]
    plain = method(MATRIX)
    weights = np.cos(np.arange(1.0, 1 + np.size(plain))).reshape(np.shape(plain))
    value, gradient = cr.value_and_grad(lambda a: np.sum(method(a) * weights))(MATRIX)
    assert float(value) == pytest.approx(float(np.sum(plain * weights)), rel=1e-15)
    numeric = np.zeros_like(MATRIX)
    step = 1e-6
    for index in np.ndindex(MATRIX.shape):
        moved = np.zeros_like(MATRIX)
        moved[index] = step
        difference = np.sum(method(MATRIX + moved) * weights) - np.sum(method(MATRIX - moved) * weights)
        numeric[index] = difference / (2 * step)
    np.testing.assert_allclose(gradient, numeric, rtol=1e-7, atol=1e-8)


def test_queries_answer_as_the_plain_array_does():
    def f(a):
        assert (a.shape, a.ndim, a.size, a.dtype, len(a)) == ((2, 3), 2, 6, np.float64, 2)
        assert (a.itemsize, a.nbytes) == (8, 48)
        assert int(a.argmax()) == 2
        assert int(a.argmin()) == 1
        assert a.argsort(axis=1).tolist() == MATRIX.argsort(axis=1).tolist()
        assert [part.tolist() for part in (a > 0).nonzero()] == [part.tolist() for part in (MATRIX > 0).nonzero()]
        assert bool((a > -5).all())
        assert not bool((a > 5).any())
        assert 0.4 in a
        assert 9.0 not in a
        assert int(a[0, 2]) == 2
        assert (math.floor(a[0, 2]), math.ceil(a[0, 2]), math.trunc(a[0, 2])) == (2, 3, 2)
        assert f"{a[0, 0]:.2f}" == "0.70"
        assert str(a[0, 0]) == "0.7"
        return np.sum(a)

    np.testing.assert_array_equal(cr.grad(f)(MATRIX), np.ones((2, 3)))


def test_in_place_methods():
    def f(a):
        b = a * 1.0
        b.sort(axis=1)
        c = b * 2.0
        c.fill(3.0)
        d = a * a
        d.put([0, 4], a[0, :2] * 5.0)
        return np.sum(b * np.array([1.0, 10.0, 100.0])) + np.sum(c) + np.sum(d)

    expected = np.array([[10.0, 1.0, 100.0], [100.0, 10.0, 1.0]]) + 2 * MATRIX
    expected[0, 0] += 5.0 - 2 * MATRIX[0, 0]
    expected[0, 1] += 5.0
    expected[1, 1] -= 2 * MATRIX[1, 1]
    np.testing.assert_allclose(cr.grad(f)(MATRIX), expected)


def test_an_attribute_that_is_not_there_says_what_to_use():
    with pytest.raises(
        AttributeError,
        match=r"no attribute 'tobytes'. ndarray.tobytes has no derivative rule here; use t.value.tobytes",
    ):
        cr.grad(lambda a: a.tobytes())(MATRIX)
    with pytest.raises(AttributeError, match="a traced value has no attribute 'colour'"):
        cr.grad(lambda a: a.colour)(MATRIX)


def test_every_method_of_an_array_is_there_or_refused_by_name():
    missing = []

    def f(a):
        for name in dir(np.ndarray):
            if name.startswith("_"):
                continue
            if not hasattr(a, name):
                with pytest.raises(AttributeError, match=f"no attribute '{name}'"):
                    getattr(a, name)
                missing.append(name)
        return np.sum(a)

    cr.grad(f)(POSITIVE)
    assert sorted(missing) == sorted(
        [
            "base",
            "byteswap",
            "ctypes",
            "data",
            "device",
            "dump",
            "dumps",
            "flags",
            "flat",
            "getfield",
            "resize",
            "setfield",
            "setflags",
            "strides",
            "to_device",
            "tobytes",
            "tofile",
        ]
    )


def test_isinstance_takes_the_branch_that_the_plain_value_would_take():
    def f(x):
        if isinstance(x, (float, np.floating)):
            return x * 2.0
        return np.sum(x * 3.0) if isinstance(x, np.ndarray) else x * 100.0

    assert cr.grad(f)(1.0) == 2.0
    np.testing.assert_array_equal(cr.grad(f)(np.ones(2)), [3.0, 3.0])
    assert cr.grad(lambda x: x * 5.0 if np.isscalar(x) else x)(1.0) == 5.0
    assert cr.grad(lambda x: x * 5.0 if isinstance(x, numbers.Real) else x)(1.0) == 5.0


def test_text_is_that_of_the_number():
    shown = []
    cr.grad(lambda x: (shown.extend([str(x), f"{x}", f"{x:.2f}", repr(x)]), x * x)[1])(3.0)
    assert shown == ["3.0", "3.0", "3.00", "<traced x = 3.>"]


@pytest.mark.parametrize("dtype", [int, np.int32, bool, np.uint8])
def test_no_gradient_passes_a_conversion_to_integers(dtype):
    def f(x):
        return np.sum(x.astype(dtype) * 3.0 + x * x)

    x = np.array([2.5, 1.0])
    np.testing.assert_array_equal(cr.grad(f)(x), 2 * x)
    np.testing.assert_array_equal(cr.grad(lambda x: np.sum(x, dtype=dtype) * 3.0)(x), [0.0, 0.0])
    assert cr.jvp(f, (x,), (np.ones(2),))[1] == 7.0
    cr.trace(f, x).verify()


def test_comparing_with_none_asks_whether_the_value_is_there():
    def f(x):
        assert (x == None) is False  # noqa: E711 what users write
        assert x != None  # noqa: E711 what users write
        return np.sum(x * x)

    np.testing.assert_array_equal(cr.grad(f)(np.ones(2)), [2.0, 2.0])
