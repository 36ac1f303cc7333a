"""Square roots, logarithms, powers and inverse functions that turn complex outside their real domain: `numpy.lib.scimath`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.ops.elementwise import log, log2, log10
from chainrule.ops.power import power, sqrt
from chainrule.ops.structure import as_dtype, as_value
from chainrule.ops.trigonometry import arccos, arcsin, arctanh
from chainrule.primitive import stand_in
from chainrule.traced import undifferentiated

_SINGLE = (np.float16, np.float32, np.int8, np.int16, np.uint8, np.uint16)


def _complex_where(x: Any, outside: Callable[[Any], Any]) -> Any:
    """`x` as complex numbers if any of them is outside the real domain."""
    x = as_value(x)
    if x.dtype.kind == "c" or not np.any(outside(undifferentiated(x))):
        return x
    return as_dtype(x, np.complex64 if x.dtype.type in _SINGLE else np.complex128)


def _negative(x: Any) -> Any:
    return x < 0


def _beyond_one(x: Any) -> Any:
    return np.abs(x) > 1


def _declare(target: Any, operation: Callable[..., Any], outside: Callable[[Any], Any]) -> Callable[[Any], Any]:
    @stand_in(target)
    def function(x: Any) -> Any:
        return operation(_complex_where(x, outside))

    function.__name__ = target.__name__
    function.__doc__ = f"`numpy.lib.scimath.{target.__name__}`: complex where a number is outside the real domain."
    return function


complex_sqrt = _declare(np.lib.scimath.sqrt, sqrt, _negative)
complex_log = _declare(np.lib.scimath.log, log, _negative)
complex_log2 = _declare(np.lib.scimath.log2, log2, _negative)
complex_log10 = _declare(np.lib.scimath.log10, log10, _negative)
complex_arccos = _declare(np.lib.scimath.arccos, arccos, _beyond_one)
complex_arcsin = _declare(np.lib.scimath.arcsin, arcsin, _beyond_one)
complex_arctanh = _declare(np.lib.scimath.arctanh, arctanh, _beyond_one)


@stand_in(np.lib.scimath.logn)
def complex_logn(n: Any, x: Any) -> Any:
    """`numpy.lib.scimath.logn`: the logarithm of x to the base n.

    >>> complex_logn(2, np.array([4.0, 8.0]))
    array([2., 3.])
    """
    return log(_complex_where(x, _negative)) / log(_complex_where(n, _negative))


@stand_in(np.lib.scimath.power)
def complex_power(x: Any, p: Any) -> Any:
    """`numpy.lib.scimath.power`: complex where a base is negative, floating where an integer exponent is negative.

    >>> complex_power(np.array([2.0, 4.0]), 2)
    array([ 4., 16.])
    """
    p = as_value(p)
    if p.dtype.kind == "i" and np.any(undifferentiated(p) < 0):
        p = as_dtype(p, np.float64)
    return power(_complex_where(x, _negative), p)


__all__ = [
    "complex_arccos",
    "complex_arcsin",
    "complex_arctanh",
    "complex_log",
    "complex_log2",
    "complex_log10",
    "complex_logn",
    "complex_power",
    "complex_sqrt",
]
