"""Activation functions of neural networks; `sigmoid` and `tanh` are among the elementwise functions.

Conventions at corners: relu has derivative 0 at 0, leaky_relu and elu that of their left side there.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError
from chainrule.notation import call
from chainrule.ops.choice import keep, where_chosen
from chainrule.ops.elementwise import exp, sigmoid
from chainrule.ops.extremes import greatest
from chainrule.ops.structure import as_value, reshape
from chainrule.ops.trigonometry import tanh
from chainrule.primitive import sample
from chainrule.shapes import ArrayType, inexact, normalise_axis
from chainrule.trace import primitive


def _inexact_type(x: ArrayType, **_: Any) -> ArrayType:
    return x.retyped(inexact(x.dtype))


# -- piecewise ---------------------------------------------------------------------------------------------------------

_relu = primitive(
    "relu",
    forward=lambda x: np.maximum(x, 0),
    vjp=lambda g, y, x: keep(g, x > 0),
    shape=lambda x: x.retyped(np.maximum(np.zeros(0, x.dtype), 0).dtype),
    elementwise=True,
    analytic=False,
    complex_input=False,
    notation=call(r"\operatorname{relu}"),
    domain=(0.1, 2.0),
)


def relu(x: Any) -> Any:
    """max(x, 0), with derivative 0 at 0.

    >>> relu(np.array([-1.0, 0.0, 2.0]))
    array([0., 0., 2.])
    """
    return _relu(as_value(x))


_leaky_relu = primitive(
    "leaky_relu",
    forward=lambda x, *, slope: np.where(x > 0, x, x * slope).astype(inexact(x.dtype), copy=False)[()],
    vjp=lambda g, y, x, *, slope: where_chosen(x > 0, g, g * slope),
    shape=_inexact_type,
    elementwise=True,
    analytic=False,
    complex_input=False,
    notation=call(r"\operatorname{leakyrelu}", "leaky_relu"),
    domain=(0.1, 2.0),
    samples=(sample((2, 3), slope=0.01), sample((), slope=0.2)),
)


def leaky_relu(x: Any, slope: float = 0.01) -> Any:
    """x where it is positive, `slope` times x elsewhere.

    >>> leaky_relu(np.array([-1.0, 2.0]), slope=0.1)
    array([-0.1,  2. ])
    """
    return _leaky_relu(as_value(x), slope=float(slope))


def _elu_forward(x: Any, *, alpha: float, scale: float) -> Any:
    x = np.asarray(x, dtype=inexact(x.dtype))
    return (np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0))) * scale)[()]


_elu = primitive(
    "elu",
    forward=_elu_forward,
    vjp=lambda g, y, x, *, alpha, scale: where_chosen(x > 0, g * scale, g * (y + alpha * scale)),
    shape=_inexact_type,
    elementwise=True,
    analytic=False,
    complex_input=False,
    notation=call(r"\operatorname{elu}"),
    domain=(-2.0, -0.1),
    samples=(sample((2, 3), alpha=1.0, scale=1.0), sample((), alpha=1.5, scale=1.1)),
)


def elu(x: Any, alpha: float = 1.0) -> Any:
    """x where it is positive, alpha (exp(x) - 1) elsewhere.

    >>> elu(np.array([0.0, 2.0]))
    array([0., 2.])
    """
    return _elu(as_value(x), alpha=float(alpha), scale=1.0)


def selu(x: Any) -> Any:
    """The scaled elu of self-normalising networks (Klambauer et al., 2017).

    >>> selu(np.array([0.0, 1.0])).round(6)
    array([0.      , 1.050701])
    """
    return _elu(as_value(x), alpha=1.6732632423543772, scale=1.0507009873554805)


def maxout(x: Any, pool_size: int, axis: int = -1) -> Any:
    """The greatest of each `pool_size` neighbours along an axis, whose length becomes that much smaller; a tie shares evenly.

    >>> maxout(np.array([1.0, 5.0, 3.0, 2.0]), 2)
    array([5., 3.])
    """
    x = as_value(x)
    axis = normalise_axis(axis, x.ndim)
    length = x.shape[axis]
    if pool_size < 1 or length % pool_size:
        raise ArgumentError(
            f"maxout cannot divide the {length} elements of axis {axis} (shape {x.shape}) into groups of {pool_size}. "
            "Choose a pool_size that divides the length of the axis."
        )
    groups = (*x.shape[:axis], length // pool_size, pool_size, *x.shape[axis + 1 :])
    return greatest(reshape(x, shape=groups), axis=(axis + 1,), keepdims=False)


# -- smooth ------------------------------------------------------------------------------------------------------------

_softplus = primitive(
    "softplus",
    forward=lambda x: np.logaddexp(np.asarray(x, inexact(x.dtype)), inexact(x.dtype).type(0)),
    vjp=lambda g, y, x: g * sigmoid(x),
    shape=_inexact_type,
    elementwise=True,
    complex_input=False,
    notation=call(r"\operatorname{softplus}"),
)

_log_sigmoid = primitive(
    "log_sigmoid",
    forward=lambda x: -np.logaddexp(-np.asarray(x, inexact(x.dtype)), inexact(x.dtype).type(0)),
    vjp=lambda g, y, x: g * sigmoid(-x),
    shape=_inexact_type,
    elementwise=True,
    complex_input=False,
    notation=call(r"\log\sigma", "log_sigmoid"),
)


def softplus(x: Any) -> Any:
    """log(1 + exp(x)) without overflow; its derivative is the sigmoid.

    >>> softplus(np.array([-1000.0, 0.0, 1000.0]))
    array([0.00000000e+00, 6.93147181e-01, 1.00000000e+03])
    """
    return _softplus(as_value(x))


def log_sigmoid(x: Any) -> Any:
    """The logarithm of the sigmoid without overflow.

    >>> log_sigmoid(np.array([-1000.0, 0.0]))
    array([-1.00000000e+03, -6.93147181e-01])
    """
    return _log_sigmoid(as_value(x))


def silu(x: Any) -> Any:
    """x sigmoid(x), also called swish.

    >>> silu(np.array([0.0, 1.0])).round(6)
    array([0.      , 0.731059])
    """
    x = as_value(x)
    return x * sigmoid(x)


# -- the normal distribution -------------------------------------------------------------------------------------------

# erfc(z) = t exp(P(2 t - 1) - z * z) with t = 2 / (2 + z), for z >= 0: Chebyshev's interpolation of P at 28 points, computed with 40
# digits and written in powers; together with the exponent in two parts it is within 4.4e-16 of erfc, relatively, up to z = 26.
_COEFFICIENTS = (
    -0.6717940840566923, 0.6726432239776567, 0.04734330684190443, -0.0468956102311753, -0.009872689366389959, 0.008824938557060623,
    0.001758933557799016, -0.002345812500482853, -0.00014624686337800336, 0.000673678795580235, -9.37350311709817e-05,
    -0.0001743029472030762, 7.14010141275703e-05, 3.17451797494374e-05, -3.0187884551394243e-05, 1.3772664134464417e-07,
    8.562623420121286e-06, -2.947986876998259e-06, -1.27231190486887e-06, 1.2500276612569754e-06, -1.6849800720653297e-07,
    -2.495832761719667e-07, 1.5334345920908177e-07, 1.4448658046252676e-09, -3.9171820510271855e-08, 1.1172352263623759e-08,
    4.06088214696972e-09, -1.8902306008944537e-09,
)  # fmt: skip


def _normal_cdf(x: Any) -> Any:
    dtype = inexact(x.dtype)
    if dtype.kind == "c":
        raise TypeError("normal_cdf takes real numbers")
    x = np.asarray(x, dtype=np.float64)
    with np.errstate(under="ignore", over="ignore", invalid="ignore"):
        z = np.minimum(np.abs(x) * math.sqrt(0.5), 40.0)
        t = 2 / (2 + z)
        s = 2 * t - 1
        exponent = np.full_like(s, _COEFFICIENTS[-1])
        for coefficient in _COEFFICIENTS[-2::-1]:
            exponent *= s
            exponent += coefficient
        rounded = np.round(z * 16) / 16
        tail = 0.5 * t * np.exp(-rounded * rounded) * np.exp(exponent - (z - rounded) * (z + rounded))
    return np.where(x > 0, 1 - tail, tail).astype(dtype)[()]


normal_cdf_operation = primitive(
    "normal_cdf",
    forward=_normal_cdf,
    vjp=lambda g, y, x: g * (exp(x * x * -0.5) * (1 / math.sqrt(2 * math.pi))),
    shape=_inexact_type,
    elementwise=True,
    complex_input=False,
    notation=call(r"\Phi", "normal_cdf"),
)


def normal_cdf(x: Any) -> Any:
    """The probability that a standard normal number is at most x, as `scipy.special.ndtr`, without SciPy.

    >>> normal_cdf(np.array([0.0, 1.0])).round(6)
    array([0.5     , 0.841345])
    """
    return normal_cdf_operation(as_value(x))


def gelu(x: Any, approximate: bool = False) -> Any:
    """x times the normal distribution function of x; `approximate=True` is the formula with tanh (Hendrycks and Gimpel, 2016).

    >>> gelu(np.array([0.0, 1.0])).round(6)
    array([0.      , 0.841345])
    """
    x = as_value(x)
    if approximate:
        return 0.5 * x * (1 + tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x)))
    return x * normal_cdf_operation(x)


__all__ = ["elu", "gelu", "leaky_relu", "log_sigmoid", "maxout", "normal_cdf", "relu", "selu", "silu", "softplus"]
