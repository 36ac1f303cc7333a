"""Complex parts: real and imaginary part, conjugate, angle; real-linear operations, which are not analytic.

A rule gives the cotangent c for which Re(c dz) is the change of the result times g, so the rule of an analytic operation is
g times its derivative, with no conjugate; the conjugation to the direction of steepest ascent is made once, at the front.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.notation import call
from chainrule.numpy_protocol import write_out
from chainrule.ops.choice import keep, where_chosen
from chainrule.ops.comparison import isnan
from chainrule.ops.structure import as_dtype, as_value
from chainrule.primitive import gradient_free, operations, sample, stand_in
from chainrule.shapes import ArrayType, inexact, real_of
from chainrule.trace import primitive
from chainrule.traced import undifferentiated


def _complex_sample(rng: np.random.Generator) -> tuple[Any]:
    return (rng.normal(size=(2, 3)) + 1j * rng.normal(size=(2, 3)),)


def _real_type(x: ArrayType) -> ArrayType:
    return x.retyped(real_of(x.dtype))


def _is_complex(x: Any) -> bool:
    return x.dtype.kind == "c"


def _real(x: Any) -> Any:
    part: Any = np.asarray(x)
    return part.real if x is part else part.real[()]


def _imag(x: Any) -> Any:
    part: Any = np.asarray(x)
    return part.imag if x is part else part.imag[()]


_PARTS = (sample(make=_complex_sample), sample(make=lambda rng: (rng.normal(size=4),)))

real_part = primitive(
    "real",
    forward=_real,
    vjp=lambda g, y, x: g,
    shape=_real_type,
    elementwise=True,
    linear=True,
    analytic=False,
    view=True,
    undo_view=lambda base, written: written + imaginary_part(base) * 1j if _is_complex(base) else written,
    notation=call(r"\operatorname{Re}", "real"),
    samples=_PARTS,
)

imaginary_part = primitive(
    "imag",
    forward=_imag,
    vjp=lambda g, y, x: g * -1j,  # in this order, since 1j * numpy.float64 is a complex of Python
    shape=_real_type,
    elementwise=True,
    linear=True,
    analytic=False,
    view=True,
    undo_view=lambda base, written: real_part(base) + written * 1j,
    notation=call(r"\operatorname{Im}", "imag"),
    samples=_PARTS,
)

conjugate = primitive(
    "conjugate",
    forward=np.conjugate,
    vjp=lambda g, y, x: conjugate(g),
    linear=True,
    analytic=False,
    notation=call(r"\overline", "conj"),
)

_angle = primitive(
    "angle",
    forward=lambda x: np.angle(x).astype(inexact(real_of(x.dtype)), copy=False),
    vjp=lambda g, y, x: g * -1j / x if _is_complex(x) else keep(g, np.False_),
    shape=lambda x: x.retyped(inexact(real_of(x.dtype))),
    elementwise=True,
    analytic=False,
    notation=call(r"\arg", "angle"),
    domain=(0.2, 2.0),
    samples=_PARTS,
)


@stand_in(np.real)
def real(val: Any) -> Any:
    """The real part, as `numpy.real`; a real array comes back as it is.

    >>> real(np.array([1.0 + 2.0j]))
    array([1.])
    """
    val = as_value(val)
    return real_part(val) if _is_complex(val) else val


@stand_in(np.imag)
def imag(val: Any) -> Any:
    """The imaginary part, as `numpy.imag`.

    >>> imag(np.array([1.0 + 2.0j]))
    array([2.])
    """
    return imaginary_part(as_value(val))


@stand_in(np.angle)
def angle(z: Any, deg: bool = False) -> Any:
    """The angle of complex numbers in radians, or in degrees, as `numpy.angle`.

    >>> angle(1j, deg=True)
    np.float64(90.0)
    """
    radians = _angle(as_value(z))
    return radians * (180 / np.pi) if deg else radians


@stand_in(np.real_if_close)
def real_if_close(a: Any, tol: float = 100) -> Any:
    """The real part where all imaginary parts are close to 0, as `numpy.real_if_close`; else the complex array.

    >>> real_if_close(np.array([2.1 + 4e-15j]), tol=1000)
    array([2.1])
    """
    a = as_value(a)
    if not _is_complex(a):
        return a
    limit = np.finfo(a.dtype).eps * tol if tol > 1 else tol
    return real_part(a) if np.all(np.absolute(undifferentiated(a).imag) < limit) else a


def _finite(x: Any, nan: Any, above: Any, below: Any) -> Any:
    limits = np.finfo(x.dtype)
    x = where_chosen(isnan(x), as_dtype(as_value(nan), x.dtype), x)
    x = where_chosen(x == np.inf, as_dtype(as_value(limits.max if above is None else above), x.dtype), x)
    return where_chosen(x == -np.inf, as_dtype(as_value(limits.min if below is None else below), x.dtype), x)


@stand_in(np.nan_to_num)
def nan_to_num(x: Any, copy: bool = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
    """NaN and infinities replaced by numbers, as `numpy.nan_to_num`; the gradient is 1 at finite elements and 0 at replaced ones.

    >>> nan_to_num(np.array([np.nan, 1.0, -np.inf]), neginf=-9.0)
    array([ 0.,  1., -9.])
    """
    source, x = x, as_value(x)
    if _is_complex(x):
        result = _finite(real_part(x), nan, posinf, neginf) + _finite(imaginary_part(x), nan, posinf, neginf) * 1j
    elif x.dtype.kind == "f":
        result = _finite(x, nan, posinf, neginf)
    else:
        result = operations["positive"](x)
    if result.ndim == 0:
        return result[()]
    if copy:
        return result
    return write_out(np.nan_to_num, result, source)


gradient_free(np.iscomplexobj, np.isrealobj, np.common_type)

__all__ = ["angle", "conjugate", "imag", "nan_to_num", "real", "real_if_close"]
