"""Choice: operations that take one of several numbers; the only places where corner conventions are needed.

The conventions, once for the whole package:

- a tie of `maximum`, `minimum`, `fmax`, `fmin` gives each side half; a tie in `max`, `min` over axes shares evenly;
- `abs`, `sign`, `relu` have derivative 0 at 0;
- `clip` has derivative 1 at its bounds (and the bounds 0 there);
- what was not taken gets exactly 0, also when the cotangent from above is infinite.

The last one is why the rules use `keep` and not a product with a mask, which would meet 0 times infinity.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.boxes import Box, Fence, Numeral, row
from chainrule.notation import Operand, call, custom, fenced, fitted
from chainrule.numpy_protocol import outline, write_out
from chainrule.ops.comparison import isnan, logical_not, logical_or
from chainrule.primitive import operations, sample, stand_in
from chainrule.shapes import ArrayType, broadcast
from chainrule.trace import primitive
from chainrule.traced import Traced, undifferentiated

# -- keep and where ----------------------------------------------------------------------------------------------------

_BITS = {np.dtype(f"f{size}"): np.dtype(f"i{size}") for size in (2, 4, 8)}


def _keep(x: Any, mask: Any) -> Any:
    # Integer arithmetic on the bits of the numbers: as fast as a product with the mask, and 0 where the mask is false even for
    # infinities and NaN. NumPy's `where` takes three to five times as long, because it branches for each element.
    if type(mask) is bool or mask.dtype != np.bool_:
        mask = np.not_equal(mask, 0)
    bits = _BITS.get(x.dtype)
    if bits is None:
        return np.where(mask, x, x.dtype.type(0))
    return np.multiply(x.view(bits), mask).view(x.dtype)


def iverson(condition: Box) -> Box:
    """1 with a condition in brackets: 1 where it holds, else 0.

    >>> iverson(Numeral("1")) == row(Numeral("1"), Fence(Numeral("1"), "[", "]"))
    True
    """
    return row(Numeral("1"), Fence(condition, "[", "]"))


def _draw_kept(operands: list[Operand]) -> Box:
    return row(fitted(operands[0], 20), "·", iverson(operands[1][0]))


def _draw_greater_part(operands: list[Operand]) -> Box:
    return row(fitted(operands[0], 20), "·", iverson(row(operands[1][0], ">", operands[2][0])))


def _masks(rng: np.random.Generator) -> tuple[Any, Any]:
    return rng.normal(size=(3, 4)), rng.random((3, 4)) > 0.5


_keep_operation = primitive(
    "keep",
    forward=_keep,
    vjp=(lambda g, y, x, mask: keep(g, mask), None),
    shape=lambda x, mask: broadcast(x, mask).retyped(x.dtype),
    elementwise=True,
    notation=custom("[]", lambda texts: f"{texts[0]} [{texts[1]}]", 20, draw=_draw_kept),
    linear=True,
    samples=(sample(make=_masks), sample(make=lambda rng: (rng.normal(size=(2, 3)), np.array([True, False, True])))),
)


def keep(x: Any, mask: Any) -> Any:
    """`x` where the mask holds and exactly 0 elsewhere, also in the place of infinities and NaN.

    >>> keep(np.array([1.0, np.inf]), np.array([True, False]))
    array([1., 0.])
    """
    if type(x) is np.ndarray and type(mask) is np.ndarray:
        return _keep(x, mask)
    return _keep_operation(x, mask)


def _where_type(condition: ArrayType, x: ArrayType, y: ArrayType) -> ArrayType:
    chosen = broadcast(x, y)
    return chosen.reshaped(np.broadcast_shapes(condition.shape, chosen.shape))


where_chosen = primitive(
    "where",
    forward=lambda condition, x, y: np.where(condition, x, y),
    vjp=(
        None,
        lambda g, y, condition, a, b: keep(g, condition),
        lambda g, y, condition, a, b: keep(g, logical_not(condition)),
    ),
    shape=_where_type,
    elementwise=True,
    notation=call(r"\operatorname{where}"),
    linear=True,
    samples=(
        sample(make=lambda rng: (rng.random((3, 4)) > 0.5, rng.normal(size=(3, 4)), rng.normal(size=4))),
        sample(make=lambda rng: (np.array([[True], [False]]), rng.normal(size=3), rng.normal(size=()))),
        sample(make=lambda rng: (np.zeros((0, 2), bool), rng.normal(size=2), rng.normal(size=(1, 1)))),
    ),
)


@stand_in(np.where)
def where(condition: Any, x: Any = None, y: Any = None, /) -> Any:
    """Elements of `x` where the condition holds and of `y` elsewhere, as `numpy.where`; what is not taken has gradient 0.

    With the condition alone it gives the indices at which the condition holds, which have no gradient.

    >>> where(np.array([True, False]), np.array([1.0, 2.0]), 0.0)
    array([1., 0.])
    """
    if x is None and y is None:
        return np.nonzero(undifferentiated(condition))
    if x is None or y is None:
        raise ValueError("either both or neither of x and y should be given")
    return where_chosen(condition, x, y)


# -- the greater and the smaller of two --------------------------------------------------------------------------------


def _greater_part(g: Any, a: Any, b: Any) -> Any:
    kept = _keep(g, np.logical_not(np.less(a, b)))
    if np.count_nonzero(np.equal(a, b)):
        half = g * g.dtype.type(0.5)
        return _keep(half, np.logical_not(np.less(a, b))) + _keep(half, np.logical_not(np.less_equal(a, b)))
    return kept


_greater_part_operation = primitive(
    "greater_part",
    forward=_greater_part,
    vjp=(lambda h, y, g, a, b: greater_part(h, a, b), None, None),
    shape=lambda g, a, b: broadcast(g, a, b).retyped(g.dtype),
    elementwise=True,
    notation=custom("[]", lambda texts: f"{texts[0]} [{texts[1]} > {texts[2]}]", 20, draw=_draw_greater_part),
    linear=True,
    samples=(sample(make=lambda rng: (rng.normal(size=(2, 3)), rng.normal(size=(2, 3)), np.zeros(3))),),
)


def greater_part(g: Any, a: Any, b: Any) -> Any:
    """`g` where a is greater than b, half of it where they are equal, exactly 0 where b is greater.

    >>> greater_part(np.array([2.0, 2.0, 2.0]), np.array([1.0, 0.0, -1.0]), 0.0)
    array([2., 1., 0.])
    """
    if type(g) is np.ndarray and not isinstance(a, Traced) and not isinstance(b, Traced):
        return _greater_part(g, a, b)
    return _greater_part_operation(g, a, b)


maximum = primitive(
    "maximum",
    forward=np.maximum,
    vjp=(lambda g, y, a, b: greater_part(g, a, b), lambda g, y, a, b: greater_part(g, b, a)),
    notation=call(r"\max", "maximum"),
    domain=((-2.0, -0.1), (0.1, 2.0)),
    analytic=False,
)

minimum = primitive(
    "minimum",
    forward=np.minimum,
    vjp=(lambda g, y, a, b: greater_part(g, b, a), lambda g, y, a, b: greater_part(g, a, b)),
    notation=call(r"\min", "minimum"),
    domain=((-2.0, -0.1), (0.1, 2.0)),
    analytic=False,
)

# Where one side is NaN the other is taken. NaN is in no order with anything, so greater_part gives g to both there.
fmax = primitive(
    "fmax",
    forward=np.fmax,
    vjp=(
        lambda g, y, a, b: keep(greater_part(g, a, b), logical_not(isnan(a))),
        lambda g, y, a, b: keep(greater_part(g, b, a), logical_not(isnan(b))),
    ),
    notation=call(r"\max", "fmax"),
    domain=((-2.0, -0.1), (0.1, 2.0)),
    analytic=False,
)

fmin = primitive(
    "fmin",
    forward=np.fmin,
    vjp=(
        lambda g, y, a, b: keep(greater_part(g, b, a), logical_not(isnan(a))),
        lambda g, y, a, b: keep(greater_part(g, a, b), logical_not(isnan(b))),
    ),
    notation=call(r"\min", "fmin"),
    domain=((-2.0, -0.1), (0.1, 2.0)),
    analytic=False,
)

# -- absolute value and sign -------------------------------------------------------------------------------------------


def _is_complex(x: Any) -> bool:
    return x.dtype.kind == "c"


def _real_sign(x: Any) -> Any:
    if _is_complex(x):
        raise TypeError("the sign of a complex number is no step: unit_phase is the operation for it")
    return np.sign(x)


step_sign = primitive(
    "sign",
    forward=_real_sign,
    vjp=None,
    shape=lambda x: x,
    elementwise=True,
    complex_input=False,
    notation=call(r"\operatorname{sgn}", "sign"),
    domain=(0.2, 2.0),
    register_forward=False,
)

# A complex number divided by its length. It moves only with the part of the change that is at a right angle to it.
unit_phase = primitive(
    "unit_phase",
    forward=np.sign,
    vjp=lambda g, y, x: keep(operations["imag"](g * y) * 1j * operations["conjugate"](y) / absolute(x), x != 0),
    notation=call(r"\operatorname{sgn}", "sign"),
    domain=(0.2, 2.0),
    analytic=False,
    register_forward=False,
)


@stand_in(np.sign)
def sign(x: Any, /) -> Any:
    """The sign of a number, or `x / |x|` of a complex one, as `numpy.sign`; 0 at 0.

    >>> sign(np.array([-2.0, 0.0, 3.0]))
    array([-1.,  0.,  1.])
    """
    if not hasattr(x, "dtype"):
        x = np.asarray(x)
    return unit_phase(x) if _is_complex(x) else step_sign(x)


absolute = primitive(
    "absolute",
    forward=np.absolute,
    vjp=lambda g, y, x: g * (operations["conjugate"](unit_phase(x)) if _is_complex(x) else step_sign(x)),
    notation=fenced("|", "|"),
    domain=(0.2, 2.0),
    analytic=False,
)

fabs = primitive(
    "fabs",
    forward=np.fabs,
    vjp=lambda g, y, x: g * step_sign(x),
    notation=fenced("|", "|"),
    domain=(0.2, 2.0),
    analytic=False,
    complex_input=False,
)

# -- clip --------------------------------------------------------------------------------------------------------------

clip_ufunc = np._core.umath.clip  # pyright: ignore[reportAttributeAccessIssue] it has no public name; ndarray.clip calls it

clipped = primitive(
    "clip",
    forward=clip_ufunc,
    vjp=(
        lambda g, y, x, low, high: keep(g, (x >= low) & (x <= high)),
        lambda g, y, x, low, high: keep(g, (x < low) & (low <= high)),
        lambda g, y, x, low, high: keep(g, logical_or(x > high, low > high)),
    ),
    notation=call(r"\operatorname{clip}"),
    domain=((-0.9, 0.9), (-2.0, -1.0), (1.0, 2.0)),
    analytic=False,
    complex_input=False,
)


@stand_in(np.clip)
def clip(
    a: Any,
    a_min: Any = np._NoValue,
    a_max: Any = np._NoValue,
    out: Any = None,
    *,
    min: Any = np._NoValue,  # noqa: A002 NumPy's name
    max: Any = np._NoValue,  # noqa: A002 NumPy's name
    **keywords: Any,
) -> Any:
    """Values limited to an interval, as `numpy.clip`; derivative 1 inside and at the bounds, 0 outside, where the bound has it.

    >>> clip(np.array([-1.0, 0.5, 2.0]), 0.0, 1.0)
    array([0. , 0.5, 1. ])
    """
    if (min is not np._NoValue or max is not np._NoValue) and (a_min is not np._NoValue or a_max is not np._NoValue):
        raise ValueError("Passing `min` or `max` keyword argument when `a_min` and `a_max` are provided is forbidden.")
    low = min if min is not np._NoValue else a_min
    high = max if max is not np._NoValue else a_max
    low = None if low is np._NoValue else low
    high = None if high is np._NoValue else high
    if keywords:
        return clip_ufunc(a, _or_infinite(low, -np.inf), _or_infinite(high, np.inf), out=out, **keywords)
    if low is None and high is None:
        return write_out(np.clip, operations["positive"](a), out)
    if np.result_type(outline(a)).kind in "fc":
        result = clipped(a, _or_infinite(low, -np.inf), _or_infinite(high, np.inf))
    elif low is None:
        result = minimum(a, high)
    elif high is None:
        result = maximum(a, low)
    else:
        result = clipped(a, low, high)
    return write_out(np.clip, result, out)


def _or_infinite(bound: Any, infinity: float) -> Any:
    return infinity if bound is None else bound


__all__ = ["absolute", "clip", "fabs", "fmax", "fmin", "keep", "maximum", "minimum", "sign", "where"]
