"""Parts of numbers: remainders, signs, mantissas, steps and neighbours; linear between the places where they jump."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.notation import call, infix
from chainrule.ops.choice import keep, step_sign
from chainrule.ops.comparison import floor_divide, rint
from chainrule.primitive import gradient_free, sample, stand_in
from chainrule.shapes import ArrayType
from chainrule.trace import primitive

# -- remainders --------------------------------------------------------------------------------------------------------

remainder = primitive(
    "remainder",
    forward=np.remainder,
    vjp=(lambda g, y, a, b: g, lambda g, y, a, b: -(g * floor_divide(a, b))),
    notation=infix(r"\bmod", 20, "%"),
    domain=((1.1, 1.9), (0.96, 1.04)),
    analytic=False,
    complex_input=False,
)

fmod = primitive(
    "fmod",
    forward=np.fmod,
    vjp=(lambda g, y, a, b: g, lambda g, y, a, b: -(g * rint((a - y) / b))),
    notation=call(r"\operatorname{fmod}"),
    domain=((1.1, 1.9), (0.96, 1.04)),
    analytic=False,
    complex_input=False,
)


@stand_in(np.divmod)
def divmod(x1: Any, x2: Any, /) -> tuple[Any, Any]:  # noqa: A001 NumPy's name
    """Quotient rounded down and remainder, as `numpy.divmod`; only the remainder has a gradient.

    >>> divmod(np.array([7.5]), 2.0)
    (array([3.]), array([1.5]))
    """
    return floor_divide(x1, x2), remainder(x1, x2)


# -- signs and neighbours ----------------------------------------------------------------------------------------------

copysign = primitive(
    "copysign",
    forward=np.copysign,
    vjp=(lambda g, y, a, b: g * (step_sign(a) * copysign(1.0, b)), lambda g, y, a, b: keep(g, np.False_)),
    notation=call(r"\operatorname{copysign}"),
    domain=((0.2, 2.0), (-2.0, -0.2)),
    analytic=False,
    complex_input=False,
)

nextafter = primitive(
    "nextafter",
    forward=np.nextafter,
    vjp=(lambda g, y, a, b: g, lambda g, y, a, b: keep(g, np.False_)),
    notation=call(r"\operatorname{nextafter}"),
    domain=((0.2, 0.9), (1.1, 2.0)),
    analytic=False,
    complex_input=False,
)

heaviside = primitive(
    "heaviside",
    forward=np.heaviside,
    vjp=(lambda g, y, x, at_zero: keep(g, np.False_), lambda g, y, x, at_zero: keep(g, x == 0)),
    notation=call(r"H", "heaviside"),
    domain=((0.2, 2.0), (-2.0, 2.0)),
    analytic=False,
    complex_input=False,
)

# -- mantissa and exponent, fraction and whole -------------------------------------------------------------------------


def outputs_type(ufunc: Any) -> Any:
    """The shape rule of a one-input ufunc with several outputs.

    >>> [str(part) for part in outputs_type(np.frexp)(ArrayType((3,), np.dtype(float)))]
    ['float64[3]', 'int32[3]']
    """

    def rule(x: ArrayType) -> tuple[ArrayType, ...]:
        dtypes = ufunc.resolve_dtypes((x.dtype, *[None] * ufunc.nout))
        return tuple(ArrayType(x.shape, dtype) for dtype in dtypes[1:])

    return rule


_PAIRS = (sample((2, 3)), sample(()), sample((0, 2)))

ldexp = primitive(
    "ldexp",
    forward=np.ldexp,
    vjp=(lambda g, y, x, exponent: ldexp(g, exponent), None),
    linear=True,
    notation=call(r"\operatorname{ldexp}"),
    complex_input=False,
)

frexp = primitive(
    "frexp",
    forward=np.frexp,
    vjp=lambda wanted, g, y, x: [None if g[0] is None else ldexp(g[0], -y[1])],
    shape=outputs_type(np.frexp),
    outputs=2,
    notation=call(r"\operatorname{frexp}"),
    domain=(1.1, 1.9),
    analytic=False,
    complex_input=False,
    samples=_PAIRS,
)

modf = primitive(
    "modf",
    forward=np.modf,
    vjp=lambda wanted, g, y, x: [g[0]],
    shape=outputs_type(np.modf),
    outputs=2,
    notation=call(r"\operatorname{modf}"),
    domain=(0.1, 0.9),
    analytic=False,
    complex_input=False,
    samples=_PAIRS,
)

gradient_free(np._core.umath._ones_like)  # pyright: ignore[reportAttributeAccessIssue] a ufunc without a public name

__all__ = ["copysign", "divmod", "fmod", "frexp", "heaviside", "ldexp", "modf", "nextafter", "remainder"]
