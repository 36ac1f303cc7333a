"""Fourier transforms: the one-dimensional ones are operations, the others of `numpy.fft` are chains of them.

A transform is linear, so its derivative is its transpose: `fft` and `ifft` are their own, `rfft` and `irfft` are each other's, up to
the factor 2 of the frequencies that stand for a conjugate pair.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import fft as numpy_fft

from chainrule.errors import ArgumentError, UnsupportedError
from chainrule.notation import call
from chainrule.numpy_protocol import full_name, write_out
from chainrule.ops.structure import as_value
from chainrule.primitive import functions, operations, sample, stand_in
from chainrule.shapes import ArrayType, normalise_axis, real_of
from chainrule.trace import primitive

OPPOSITE = {"backward": "forward", "ortho": "ortho", "forward": "backward"}

# -- one axis ----------------------------------------------------------------------------------------------------------


def _complex_of(dtype: np.dtype[Any]) -> np.dtype[Any]:
    return np.result_type(dtype if dtype.kind in "fc" else np.dtype(float), np.complex64)


def _with_length(x: ArrayType, axis: int, length: int, dtype: Any) -> ArrayType:
    return ArrayType((*x.shape[:axis], length, *x.shape[axis + 1 :]), np.dtype(dtype))


def _fit(x: Any, axis: int, length: int) -> Any:
    """Cut off along an axis, or fill up with zeros: both are the transpose of the other."""
    given = x.shape[axis]
    if given == length:
        return x
    if given > length:
        return x[(slice(None),) * axis + (slice(0, length),)]
    shape = list(x.shape)
    shape[axis] = length - given
    return functions[np.concatenate]([x, np.zeros(shape, x.dtype)], axis=axis)


def _pair_weights(n: int, ndim: int, axis: int, pair: float, dtype: Any) -> Any:
    """1 for the frequencies that stand alone (the first, and the last of an even length) and `pair` for the others."""
    weights = np.full(n // 2 + 1, pair, dtype)
    weights[0] = 1.0
    if n % 2 == 0:
        weights[-1] = 1.0
    return weights.reshape((-1,) + (1,) * (ndim - 1 - axis))


def _transform(name: str) -> Any:
    """`fft` or `ifft`: symmetric, so its own transpose."""
    forward = getattr(numpy_fft, name)

    def rule(g: Any, y: Any, x: Any, *, axis: int, n: int, norm: str) -> Any:
        return _fit(operations[name](g, axis=axis, n=n, norm=norm), axis, x.shape[axis])

    return primitive(
        name,
        forward=forward,
        vjp=(rule,),
        shape=lambda x, *, axis, n, norm: _with_length(x, axis, n, _complex_of(x.dtype)),
        notation=call(rf"\operatorname{{{name}}}", name),
        linear=True,
        samples=(
            sample((4,), axis=0, n=4, norm="backward"),
            sample((3, 5), axis=1, n=5, norm="ortho"),
            sample((3, 2), axis=0, n=5, norm="forward"),
            sample((5, 2), axis=0, n=3, norm="backward"),
        ),
    )


complex_transform = _transform("fft")
complex_inverse = _transform("ifft")


def _rfft_rule(g: Any, y: Any, x: Any, *, axis: int, n: int, norm: str) -> Any:
    weights = _pair_weights(n, g.ndim, axis, 0.5, real_of(g.dtype))
    spread = real_inverse(operations["conjugate"](g * weights), axis=axis, n=n, norm=OPPOSITE[norm])
    return _fit(spread, axis, x.shape[axis])


def _irfft_rule(g: Any, y: Any, x: Any, *, axis: int, n: int, norm: str) -> Any:
    weights = _pair_weights(n, g.ndim, axis, 2.0, g.dtype)
    spread = operations["conjugate"](real_transform(g, axis=axis, n=n, norm=OPPOSITE[norm])) * weights
    return _fit(spread, axis, x.shape[axis])


real_transform = primitive(
    "rfft",
    forward=numpy_fft.rfft,
    vjp=(_rfft_rule,),
    shape=lambda x, *, axis, n, norm: _with_length(x, axis, n // 2 + 1, _complex_of(x.dtype)),
    linear=True,
    analytic=False,
    complex_input=False,
    samples=(
        sample((4,), axis=0, n=4, norm="backward"),
        sample((3, 5), axis=1, n=5, norm="ortho"),
        sample((3, 2), axis=0, n=6, norm="forward"),
        sample((5, 2), axis=0, n=3, norm="backward"),
    ),
)
real_inverse = primitive(
    "irfft",
    forward=numpy_fft.irfft,
    vjp=(_irfft_rule,),
    shape=lambda x, *, axis, n, norm: _with_length(x, axis, n, real_of(x.dtype) if x.dtype.kind in "fc" else float),
    linear=True,
    analytic=False,
    samples=(
        sample((3,), axis=0, n=4, norm="backward"),
        sample((3, 3), axis=1, n=5, norm="ortho"),
        sample((3, 2), axis=0, n=8, norm="forward"),
        sample((5, 2), axis=0, n=3, norm="backward"),
    ),
)


def _direction(norm: Any) -> str:
    if norm is None:
        return "backward"
    if norm not in OPPOSITE:
        raise ValueError(f'Invalid norm value {norm}; should be "backward", "ortho" or "forward".')
    return norm


def _length(n: Any, default: int) -> int:
    length = default if n is None else int(n)
    if length < 1:
        raise ValueError(f"Invalid number of FFT data points ({length}) specified.")
    return length


def _apply(operation: Any, a: Any, n: Any, axis: int, norm: Any, from_half: bool = False) -> Any:
    a = as_value(a)
    axis = normalise_axis(int(axis), a.ndim)
    default = 2 * (a.shape[axis] - 1) if from_half else a.shape[axis]
    return operation(a, axis=axis, n=_length(n, default), norm=_direction(norm))


def _written(function: Any, result: Any, out: Any) -> Any:
    return result if out is None else write_out(function, result, out)


@stand_in(numpy_fft.fft)
def fft(a: Any, n: Any = None, axis: int = -1, norm: Any = None, out: Any = None) -> Any:
    """The discrete Fourier transform along one axis, as `numpy.fft.fft`.

    >>> fft(np.array([1.0, 1.0]))
    array([2.+0.j, 0.+0.j])
    """
    return _written(numpy_fft.fft, _apply(complex_transform, a, n, axis, norm), out)


@stand_in(numpy_fft.ifft)
def ifft(a: Any, n: Any = None, axis: int = -1, norm: Any = None, out: Any = None) -> Any:
    """The inverse transform along one axis, as `numpy.fft.ifft`.

    >>> ifft(np.array([2.0, 0.0]))
    array([1.+0.j, 1.+0.j])
    """
    return _written(numpy_fft.ifft, _apply(complex_inverse, a, n, axis, norm), out)


@stand_in(numpy_fft.rfft)
def rfft(a: Any, n: Any = None, axis: int = -1, norm: Any = None, out: Any = None) -> Any:
    """The transform of real input, its non-negative frequencies, as `numpy.fft.rfft`.

    >>> rfft(np.array([1.0, 1.0]))
    array([2.+0.j, 0.+0.j])
    """
    a = as_value(a)
    if a.dtype.kind == "c":
        raise ArgumentError(
            "numpy.fft.rfft takes real input, and this array is complex. Write np.fft.fft(a), or a.real."
        )
    return _written(numpy_fft.rfft, _apply(real_transform, a, n, axis, norm), out)


@stand_in(numpy_fft.irfft)
def irfft(a: Any, n: Any = None, axis: int = -1, norm: Any = None, out: Any = None) -> Any:
    """The real inverse of `rfft`, as `numpy.fft.irfft`.

    >>> irfft(np.array([2.0, 0.0]))
    array([1., 1.])
    """
    return _written(numpy_fft.irfft, _apply(real_inverse, a, n, axis, norm, from_half=True), out)


def _conjugate(a: Any) -> Any:
    return operations["conjugate"](a) if a.dtype.kind == "c" else a


def _without_out(function: Any, out: Any) -> None:
    """Refuse out= of the functions that take it and leave it as it was: the user believes that it is written."""
    if out is not None:
        raise UnsupportedError(
            f"{full_name(function)} takes out= and NumPy writes nothing into it. Use the result that it returns, without out=."
        )


@stand_in(numpy_fft.hfft)
def hfft(a: Any, n: Any = None, axis: int = -1, norm: Any = None, out: Any = None) -> Any:
    """The transform of a signal with Hermitian symmetry, as `numpy.fft.hfft`: a real spectrum.

    >>> hfft(np.array([1.0, 0.0]))
    array([1., 1.])
    """
    _without_out(numpy_fft.hfft, out)
    return _apply(real_inverse, _conjugate(as_value(a)), n, axis, OPPOSITE[_direction(norm)], from_half=True)


@stand_in(numpy_fft.ihfft)
def ihfft(a: Any, n: Any = None, axis: int = -1, norm: Any = None, out: Any = None) -> Any:
    """The inverse of `hfft`, as `numpy.fft.ihfft`.

    >>> ihfft(np.array([1.0, 1.0]))
    array([1.-0.j, 0.-0.j])
    """
    return _written(numpy_fft.ihfft, _conjugate(rfft(a, n, axis, OPPOSITE[_direction(norm)])), out)


# -- several axes ------------------------------------------------------------------------------------------------------


def _plan(a: Any, s: Any, axes: Any, from_half: bool = False) -> list[tuple[int, int | None]]:
    """The axes and the length of each, as NumPy reads s= and axes=."""
    if s is None:
        lengths: list[Any] = []
        axes = tuple(range(a.ndim)) if axes is None else tuple(axes)
        lengths = [a.shape[axis] for axis in axes]
        if from_half and lengths:
            lengths[-1] = 2 * (a.shape[axes[-1]] - 1)
    else:
        lengths = list(s)
        axes = tuple(range(-len(lengths), 0)) if axes is None else tuple(axes)
        if len(axes) != len(lengths):
            raise ValueError("Shape and axes have different lengths.")
        for position, (axis, length) in enumerate(zip(axes, lengths, strict=True)):
            if length is None or length == -1:
                last = from_half and position == len(axes) - 1
                lengths[position] = 2 * (a.shape[axis] - 1) if last else a.shape[axis]
    return [(int(axis), int(length)) for axis, length in zip(axes, lengths, strict=True)]


def _all_axes(operation: Any, a: Any, s: Any, axes: Any, norm: Any) -> Any:
    a = as_value(a)
    for axis, length in reversed(_plan(a, s, axes)):
        a = _apply(operation, a, length, axis, norm)
    return a


@stand_in(numpy_fft.fftn)
def fftn(a: Any, s: Any = None, axes: Any = None, norm: Any = None, out: Any = None) -> Any:
    """The transform along several axes, as `numpy.fft.fftn`.

    >>> fftn(np.ones((2, 2)))[0, 0]
    np.complex128(4+0j)
    """
    return _written(numpy_fft.fftn, _all_axes(complex_transform, a, s, axes, norm), out)


@stand_in(numpy_fft.ifftn)
def ifftn(a: Any, s: Any = None, axes: Any = None, norm: Any = None, out: Any = None) -> Any:
    """The inverse transform along several axes, as `numpy.fft.ifftn`.

    >>> ifftn(np.ones((2, 2)))[0, 0]
    np.complex128(1+0j)
    """
    return _written(numpy_fft.ifftn, _all_axes(complex_inverse, a, s, axes, norm), out)


@stand_in(numpy_fft.rfftn)
def rfftn(a: Any, s: Any = None, axes: Any = None, norm: Any = None, out: Any = None) -> Any:
    """The transform of real input along several axes, as `numpy.fft.rfftn`.

    >>> rfftn(np.ones((2, 2))).shape
    (2, 2)
    """
    a = as_value(a)
    *others, (last, length) = _plan(a, s, axes)
    a = rfft(a, length, last, norm)
    for axis, length in reversed(others):
        a = _apply(complex_transform, a, length, axis, norm)
    return _written(numpy_fft.rfftn, a, out)


@stand_in(numpy_fft.irfftn)
def irfftn(a: Any, s: Any = None, axes: Any = None, norm: Any = None, out: Any = None) -> Any:
    """The real inverse of `rfftn`, as `numpy.fft.irfftn`.

    >>> irfftn(np.ones((2, 2))).shape
    (2, 2)
    """
    a = as_value(a)
    *others, (last, length) = _plan(a, s, axes, from_half=True)
    for axis, other in others:
        a = _apply(complex_inverse, a, other, axis, norm)
    return _written(numpy_fft.irfftn, irfft(a, length, last, norm), out)


@stand_in(numpy_fft.fft2)
def fft2(a: Any, s: Any = None, axes: Any = (-2, -1), norm: Any = None, out: Any = None) -> Any:
    """The transform along two axes, as `numpy.fft.fft2`.

    >>> fft2(np.ones((2, 2)))[0, 0]
    np.complex128(4+0j)
    """
    return fftn(a, s, axes, norm, out)


@stand_in(numpy_fft.ifft2)
def ifft2(a: Any, s: Any = None, axes: Any = (-2, -1), norm: Any = None, out: Any = None) -> Any:
    """The inverse transform along two axes, as `numpy.fft.ifft2`.

    >>> ifft2(np.ones((2, 2)))[0, 0]
    np.complex128(1+0j)
    """
    _without_out(numpy_fft.ifft2, out)
    return ifftn(a, s, axes, norm)


@stand_in(numpy_fft.rfft2)
def rfft2(a: Any, s: Any = None, axes: Any = (-2, -1), norm: Any = None, out: Any = None) -> Any:
    """The transform of real input along two axes, as `numpy.fft.rfft2`.

    >>> rfft2(np.ones((2, 2))).shape
    (2, 2)
    """
    return rfftn(a, s, axes, norm, out)


@stand_in(numpy_fft.irfft2)
def irfft2(a: Any, s: Any = None, axes: Any = (-2, -1), norm: Any = None, out: Any = None) -> Any:
    """The real inverse of `rfft2`, as `numpy.fft.irfft2`.

    >>> irfft2(np.ones((2, 2))).shape
    (2, 2)
    """
    _without_out(numpy_fft.irfft2, out)
    return irfftn(a, s, axes, norm)


# -- the order of the frequencies --------------------------------------------------------------------------------------


def _half_turn(x: Any, axes: Any, back: bool) -> Any:
    x = as_value(x)
    if axes is None:
        axes = tuple(range(x.ndim))
    axes = axes if isinstance(axes, tuple | list) else (axes,)
    shifts = tuple(-(x.shape[axis] // 2) if back else x.shape[axis] // 2 for axis in axes)
    return functions[np.roll](x, shifts, tuple(axes))


@stand_in(numpy_fft.fftshift)
def fftshift(x: Any, axes: Any = None) -> Any:
    """The frequency 0 moved to the centre, as `numpy.fft.fftshift`.

    >>> fftshift(np.array([0.0, 1.0, -1.0]))
    array([-1.,  0.,  1.])
    """
    return _half_turn(x, axes, back=False)


@stand_in(numpy_fft.ifftshift)
def ifftshift(x: Any, axes: Any = None) -> Any:
    """The inverse of `fftshift`, as `numpy.fft.ifftshift`.

    >>> ifftshift(np.array([-1.0, 0.0, 1.0]))
    array([ 0.,  1., -1.])
    """
    return _half_turn(x, axes, back=True)


__all__ = [
    "fft",
    "fft2",
    "fftn",
    "fftshift",
    "hfft",
    "ifft",
    "ifft2",
    "ifftn",
    "ifftshift",
    "ihfft",
    "irfft",
    "irfft2",
    "irfftn",
    "rfft",
    "rfft2",
    "rfftn",
]
