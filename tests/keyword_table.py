"""Calls of NumPy functions with each of their keywords: one line a function, base call | variant | variant …

A variant is put before the last closing bracket of the call, or where ~ stands. Every floating variable of a call is traced and
differentiated. `changed(a, write)` is a copy of a after a write into it.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def changed(a: Any, write: Any) -> Any:
    """A copy of `a` after a write into it."""
    a = a * 1.0
    write(a)
    return a


_rng = np.random.default_rng(11)


def _spread(shape: tuple[int, ...], low: float, high: float) -> Any:
    """Numbers that are apart from each other and from the halves between integers."""
    size = int(np.prod(shape))
    return (low + (high - low) * (_rng.permutation(size) + 0.37) / size).reshape(shape)


SCOPE: dict[str, Any] = {
    "np": np,
    "changed": changed,
    "u": 0.7,
    "v": 1.3,
    "x": _spread((4,), 0.3, 2.0),
    "y": _spread((4,), -1.5, 1.7),
    "X": _spread((2, 3), 0.3, 2.0),
    "Y": _spread((2, 3), -1.6, 1.4),
    "S": _spread((3, 3), -1.0, 1.0) + 2.0 * np.eye(3),
    "B": _spread((3, 2), -1.0, 1.0),
    "T": _spread((2, 3, 2), -1.2, 1.9),
    "N": np.where(np.array([[True, False, True], [True, True, True]]), _spread((2, 3), 0.3, 2.0), np.nan),
    "z": _spread((4,), 0.3, 2.0) + 1j * _spread((4,), -0.7, 0.9),
    "Z": _spread((2, 4), 0.3, 2.0) + 1j * _spread((2, 4), -0.7, 0.9),
    "M": np.array([[True, False, True], [True, True, False]]),
    "m": np.array([True, False, True, True]),
    "k": np.array([2, 0, 1, 1]),
    "K": np.array([[1, 0, 1], [0, 0, 1]]),
}

TABLE = """
np.all(X > 0.5) | axis=0 | keepdims=True | where=M | axis=(0, 1)
np.any(X > 0.5) | axis=0 | keepdims=True | where=M | axis=(0, 1)
np.amax(X) | axis=0 | axis=(0, 1), keepdims=True | initial=1.0 | where=M, initial=0.0 | axis=1, where=M, initial=-1.0
np.amin(X) | axis=0 | axis=(0, 1), keepdims=True | initial=1.0 | where=M, initial=9.0 | axis=1, where=M, initial=9.0
np.max(X) | axis=0 | axis=-1, keepdims=True | initial=1.0 | initial=u | where=M, initial=0.0
    | axis=1, where=M, initial=-1.0
np.min(X) | axis=0 | axis=-1, keepdims=True | initial=1.0 | initial=u | where=M, initial=9.0
    | axis=1, where=M, initial=9.0
np.angle(z) | deg=True | deg=False
np.append(X, Y) | axis=0 | axis=1 | axis=None
np.apply_along_axis(lambda r, s=1.0: r * r[0] * s, 1, X) | s=2.0
np.apply_over_axes(np.sum, T, [0, 2])
np.arange(2.0, like=x) | step=0.5 | dtype=complex | stop=3.0 | device="cpu"
np.argmax(X) | axis=0 | axis=1, keepdims=True
np.argmin(X) | axis=0 | axis=1, keepdims=True
np.argpartition(X, 1) | axis=0 | kind="introselect" | order=None
np.argsort(X) | axis=0 | kind="stable" | stable=True | order=None | axis=None
np.around(X) | decimals=1
np.round(X) | decimals=1
np.array([1.0, 2.0], like=x) | dtype=complex | copy=True | order="F" | subok=True | ndmin=2 | ndmax=2
np.asarray([1.0, 2.0], like=x) | dtype=complex | order="F" | device="cpu" | copy=True
np.asanyarray([1.0, 2.0], like=x) | dtype=complex | order="F" | device="cpu" | copy=True
np.ascontiguousarray([1.0, 2.0], like=x) | dtype=complex
np.asfortranarray([1.0, 2.0], like=x) | dtype=complex
np.array_split(x, 3) | axis=0
np.astype(X, complex) | copy=False | copy=True | device="cpu"
np.atleast_1d(u, x)
np.atleast_2d(u, x)
np.atleast_3d(u, x, X)
np.average(X) | axis=0 | axis=1, keepdims=True | weights=Y + 3.0 | axis=1, weights=[1.0, 2.0, 3.0] | returned=True
    | axis=0, weights=Y + 3.0, returned=True
np.bincount(k, weights=x) | minlength=7
np.block([[X, Y], [Y, X]])
np.broadcast_arrays(X, u) | subok=True
np.broadcast_to(x, (2, 4)) | subok=True
np.choose(K, [X, Y]) | mode="wrap" | mode="clip" | mode="raise"
np.clip(Y, -0.5, 0.8) | where=M | dtype=np.longdouble | order="F" | casting="unsafe"
np.clip(Y) | min=-0.5 | max=0.8 | min=-0.5, max=0.8 | min=-u | a_min=-0.5, a_max=u | a_min=None, a_max=0.8
np.column_stack([x, y])
np.compress(m, x) | axis=0
np.compress([True, False], X) | axis=1 | axis=0 | axis=None
np.concatenate([X, Y]) | axis=1 | axis=None | dtype=complex | dtype=np.longdouble, casting="unsafe" | casting="no"
np.convolve(x, y[:2]) | mode="same" | mode="valid" | mode="full"
np.copy(X) | order="F" | subok=True
changed(X, lambda a: np.copyto(a, Y~)) | where=M | casting="unsafe"
np.corrcoef(X) | rowvar=False | dtype=np.longdouble | y=Y
np.correlate(x, y[:2]) | mode="same" | mode="full" | mode="valid"
np.count_nonzero(X) | axis=0 | axis=1, keepdims=True
np.cov(X) | y=Y | rowvar=False | bias=True | ddof=0 | fweights=[1, 2, 1] | aweights=[0.5, 1.0, 2.0]
    | dtype=np.longdouble | aweights=Y[0] + 3.0
np.cross(X, Y) | axisa=1 | axisb=1 | axisc=0 | axis=1
np.cumprod(X) | axis=0 | axis=-1 | dtype=complex
np.cumsum(X) | axis=0 | axis=-1 | dtype=complex
np.cumulative_prod(X, axis=1) | include_initial=True | dtype=complex
np.cumulative_sum(X, axis=1) | include_initial=True | dtype=complex
np.delete(X, 1) | axis=0 | axis=1
np.diag(x) | k=1 | k=-1
np.diag(S) | k=1 | k=-2
np.diagflat(X) | k=1
np.diagonal(T) | offset=1 | axis1=1, axis2=2 | offset=-1, axis1=2, axis2=0
np.diff(X) | n=2 | axis=0 | prepend=0.5 | append=u | n=0 | prepend=X[:, :1]
np.dot(X, S)
np.dsplit(T, 2)
np.dstack([X, Y])
np.ediff1d(x) | to_end=u | to_begin=[1.0, 2.0]
np.einsum("ij,kj->ik", X, Y) | optimize=True | optimize="greedy" | dtype=complex | order="F" | casting="safe"
np.empty_like(X~).shape[0] * u | dtype=complex | order="F" | subok=False | shape=(3,) | device="cpu"
np.expand_dims(X, 1)
np.expand_dims(X, axis=(0, 2))
np.expand_dims(X, axis=-1)
np.extract(M, X)
changed(X, lambda a: np.fill_diagonal(a, u~)) | wrap=True
changed(B, lambda a: np.fill_diagonal(a, u~)) | wrap=True
np.fix(Y)
np.flip(X) | axis=0 | axis=(0, 1)
np.fliplr(X)
np.flipud(X)
np.fromfunction(lambda i, j: i + j, (2, 2), like=x) | dtype=complex
np.fromiter([1.0, 2.0], dtype=float, like=x) | count=1
np.full((2, 2), 0.5, like=x) | dtype=complex | order="F" | device="cpu"
np.full_like(X, u) | dtype=complex | order="F" | subok=False | shape=(3,) | device="cpu"
np.geomspace(v, 3.0) | num=4 | num=4, endpoint=False | num=4, dtype=np.longdouble | num=3, axis=0
np.geomspace(x, x + y + 3.0, num=3) | axis=-1 | dtype=complex
np.gradient(X) | axis=0 | edge_order=1 | axis=(0, 1)
np.gradient(S, 0.5) | axis=1 | edge_order=2 | axis=0, edge_order=2
np.gradient(x, [0.0, 1.0, 2.5, 3.0]) | edge_order=2
np.histogram([0.1, 0.2, 0.6], bins=[0.0, 0.5, 1.0], weights=x[:3]) | density=True | density=False
np.histogram([0.1, 0.2, 0.6], weights=x[:3]) | bins=2 | bins=2, range=(0.0, 1.0)
np.hsplit(X, 3)
np.hstack([X, Y]) | dtype=complex | dtype=np.longdouble, casting="unsafe"
np.vstack([X, Y]) | dtype=complex | dtype=np.longdouble, casting="unsafe"
np.i0(x)
np.imag(z)
np.inner(X, Y)
np.insert(X, 1, u) | axis=0 | axis=1
np.interp(u, [0.0, 1.0, 2.0], x[:3]) | left=0.1 | right=v | period=3.0
np.interp(y, [0.0, 0.9, 1.1], x[:3]) | left=u | right=v | left=u, right=v | period=1.37
np.ix_([0, 1], [1, 2])[0] * u
np.kron(X, y)
np.linspace(u, 2.0) | num=4 | num=4, endpoint=False | num=4, retstep=True | num=4, dtype=np.longdouble | num=4, axis=0
    | device="cpu"
np.linspace(x, y, num=3) | axis=-1 | endpoint=False | dtype=complex | retstep=True, axis=1
np.logspace(u, 2.0, num=3) | endpoint=False | base=3.0 | base=v | dtype=np.longdouble
np.logspace(x, y, num=3) | axis=-1 | base=2.0
np.matmul(X, S) | axes=[(0, 1), (0, 1), (1, 0)] | casting="unsafe" | order="F" | dtype=complex | subok=False
    | signature="DD->D" | axis=0 | keepdims=True
np.matvec(X, x[:3]) | axes=[(0, 1), (0,), (0,)] | casting="unsafe" | order="F" | dtype=complex | subok=False
    | signature="DD->D" | axis=0 | keepdims=True
np.vecmat(x[:3], S) | axes=[(0,), (1, 0), (0,)] | casting="unsafe" | order="F" | dtype=complex | subok=False
    | signature="DD->D" | axis=0 | keepdims=True
np.vecdot(X, Y) | axes=[(0,), (0,), ()] | axis=0 | keepdims=True | axis=0, keepdims=True | casting="unsafe"
    | order="F" | dtype=complex | subok=False | signature="DD->D"
np.matrix_transpose(T)
np.mean(X) | axis=0 | axis=(0, 1), keepdims=True | dtype=complex | where=M | axis=1, where=M
np.median(X) | axis=0 | axis=1, keepdims=True | overwrite_input=True | axis=(0, 1)
np.meshgrid(x, y) | copy=False | sparse=True | indexing="ij"
np.moveaxis(T, 0, -1)
np.nan_to_num(N) | copy=True | nan=0.5 | nan=u | posinf=1.0 | neginf=-1.0 | copy=False
np.nan_to_num(1.0 / (X - X * M), posinf=3.0) | nan=2.0 | neginf=-2.0
np.nan_to_num(-1.0 / (X - X * M), neginf=u) | posinf=3.0 | nan=2.0
np.nan_to_num(N / (X - X * M), posinf=u, nan=v)
np.nanargmax(N) | axis=0 | axis=1, keepdims=True
np.nanargmin(N) | axis=0 | axis=1, keepdims=True
np.nancumprod(N) | axis=0 | dtype=complex
np.nancumsum(N) | axis=0 | dtype=complex
np.nanmax(N) | axis=0 | axis=1, keepdims=True | initial=1.0 | where=M, initial=0.0
np.nanmin(N) | axis=0 | axis=1, keepdims=True | initial=1.0 | where=M, initial=9.0
np.nanmean(N) | axis=0 | axis=1, keepdims=True | dtype=complex | where=M
np.nanmedian(N) | axis=0 | axis=1, keepdims=True | overwrite_input=True
np.nanpercentile(N, 30.0) | axis=0 | axis=1, keepdims=True | method="lower" | method="median_unbiased"
    | overwrite_input=True | weights=X, method="inverted_cdf"
np.nanprod(N) | axis=0 | axis=1, keepdims=True | initial=2.0 | where=M | dtype=complex
np.nanquantile(N, 0.3) | axis=0 | axis=1, keepdims=True | method="higher" | method="weibull" | overwrite_input=True
    | weights=X, method="inverted_cdf"
np.nanstd(N) | axis=1 | axis=1, keepdims=True | dtype=np.longdouble | ddof=1 | where=~np.isnan(N) | mean=1.0
    | correction=1
np.nansum(N) | axis=0 | axis=1, keepdims=True | initial=2.0 | where=M | dtype=complex
np.nanvar(N) | axis=1 | axis=1, keepdims=True | dtype=np.longdouble | ddof=1 | where=~np.isnan(N) | mean=1.0
    | correction=1
np.ones_like(X) | dtype=complex | order="F" | subok=False | shape=(3,) | device="cpu"
np.zeros_like(X) | dtype=complex | order="F" | subok=False | shape=(3,) | device="cpu"
np.outer(x, y)
np.pad(X, 1) | mode="edge" | mode="reflect" | mode="reflect", reflect_type="odd" | mode="symmetric" | mode="wrap"
    | mode="mean" | mode="maximum" | mode="minimum" | mode="median" | mode="linear_ramp"
    | mode="linear_ramp", end_values=u | constant_values=u | constant_values=(1.0, u) | mode="mean", stat_length=1
    | mode="empty"
np.partition(X, 1) | axis=0 | kind="introselect" | order=None | axis=None
np.percentile(X, 30.0) | axis=0 | axis=1, keepdims=True | method="lower" | method="hazen" | overwrite_input=True
    | weights=Y + 3.0, method="inverted_cdf"
np.quantile(X, [0.3, 0.8]) | axis=0 | axis=1, keepdims=True | method="nearest" | method="midpoint"
    | method="normal_unbiased" | overwrite_input=True | weights=Y + 3.0, method="inverted_cdf"
np.quantile(X, 0.5 * u) | axis=1
np.piecewise(x, [x > 1.0], [lambda t: t * 2, lambda t: t * t])
np.piecewise(x, [x > 1.0], [lambda t, s=1.0: t * s, 0.5]) | s=2.0
changed(X, lambda a: np.place(a, M, [0.5, 1.5]))
changed(X, lambda a: np.place(a, M, y))
np.poly(x[:2])
np.polyadd(x, y)
np.polyder(x) | m=2
np.polydiv(x, y[:2] + 2.0)
np.polyint(x) | m=2 | k=1.0 | m=2, k=[1.0, 2.0]
np.polymul(x, y)
np.polysub(x, y)
np.polyval(x, y)
np.prod(X) | axis=0 | axis=(0, 1), keepdims=True | initial=2.0 | initial=u | where=M | dtype=complex | axis=1, where=M
np.ptp(X) | axis=0 | axis=1, keepdims=True
changed(X, lambda a: np.put(a, [0, 4], [u, v]~)) | mode="wrap" | mode="clip"
changed(X, lambda a: np.put_along_axis(a, K[:1], u, 0))
changed(X, lambda a: np.put_along_axis(a, K[:, :1], Y[:, :1], axis=1))
changed(X, lambda a: np.putmask(a, M, Y))
np.ravel(X) | order="F" | order="K"
np.real(z)
np.real_if_close(z + 0j) | tol=1000
np.repeat(X, 2) | axis=0 | axis=1
np.repeat(x, [1, 2, 0, 1]) | axis=0
np.require([1.0, 2.0], like=x) | dtype=complex | requirements=["C"]
np.reshape(X, (3, 2)) | order="F" | copy=True | copy=False
np.resize(x, (2, 3))
np.roll(X, 1) | axis=0 | axis=1
np.roll(X, (1, 2)) | axis=(0, 1)
np.rollaxis(T, 2) | start=1
np.rot90(X) | k=2 | axes=(1, 0) | k=-1
np.select([X > 1.0, Y > 0.0], [X, Y]) | default=0.5 | default=u
np.sinc(y)
np.sort(X) | axis=0 | axis=None | kind="stable" | stable=True | order=None
np.split(x, 2) | axis=0
np.split(X, [1]) | axis=1
np.squeeze(X[None]) | axis=0
np.stack([X, Y]) | axis=1 | axis=-1 | dtype=complex | dtype=np.longdouble, casting="unsafe"
np.std(X) | axis=0 | axis=(0, 1), keepdims=True | ddof=1 | correction=1 | dtype=np.longdouble | where=M | mean=1.0
    | axis=1, mean=np.mean(X, axis=1, keepdims=True) | axis=1, where=M
np.var(X) | axis=0 | axis=(0, 1), keepdims=True | ddof=1 | correction=1 | dtype=np.longdouble | where=M | mean=1.0
    | mean=u | axis=1, mean=np.mean(X, axis=1, keepdims=True) | axis=1, where=M
np.var(z) | ddof=1 | axis=0, keepdims=True
np.sum(X) | axis=0 | axis=(0, 1), keepdims=True | initial=2.0 | initial=u | where=M | dtype=complex | axis=1, where=M
    | axis=1, where=M, initial=3.0, keepdims=True
np.swapaxes(T, 0, 2)
np.take(X, [1, 1, 0]) | axis=1 | axis=0, mode="wrap" | mode="clip"
np.take_along_axis(X, K, 0)
np.take_along_axis(X, K) | axis=1 | axis=-1
np.tensordot(X, Y) | axes=2 | axes=([1], [1]) | axes=((0, 1), (0, 1))
np.tile(X, (2, 1))
np.trace(T) | offset=1 | axis1=1, axis2=2 | dtype=complex
np.transpose(T) | axes=(1, 2, 0) | axes=None
np.trapezoid(X) | x=[0.0, 0.5, 2.0] | dx=0.5 | dx=u | axis=0
np.trapezoid(x) | x=y
np.tril(S) | k=1 | k=-1
np.triu(S) | k=1 | k=-1
np.trim_zeros(np.concatenate([[0.0], x, [0.0]])) | trim="f" | trim="b" | axis=0
np.unstack(X) | axis=1
np.unwrap(x * 4.0) | discont=3.5 | period=3.0 | axis=0
np.unwrap(X * 4.0) | axis=0
np.vander(x) | N=3 | increasing=True | N=2, increasing=True
np.vdot(X, Y)
np.vdot(z, z * 2j)
np.vsplit(X, 2)
np.where(M, X, Y)
np.fft.fft(x) | n=3 | n=6 | axis=0 | norm="ortho" | norm="forward" | norm="backward"
np.fft.fft(z) | n=3 | axis=-1 | norm="ortho"
np.fft.fft2(X) | s=(2, 2) | axes=(1, 0) | norm="ortho" | norm="forward"
np.fft.fftn(T) | s=(2, 2), axes=(0, 1) | axes=(0, 2) | norm="ortho" | norm="forward"
np.fft.fftshift(X) | axes=0 | axes=(0, 1)
np.fft.ifftshift(X) | axes=0 | axes=(0, 1)
np.fft.hfft(z) | n=5 | axis=0 | norm="ortho" | norm="forward"
np.fft.ifft(z) | n=3 | n=6 | axis=0 | norm="ortho" | norm="forward"
np.fft.ifft2(X) | s=(2, 2) | axes=(1, 0) | norm="ortho"
np.fft.ifftn(T) | s=(2, 2), axes=(0, 1) | axes=(0, 2) | norm="ortho"
np.fft.ihfft(x) | n=3 | n=6 | axis=0 | norm="ortho" | norm="forward"
np.fft.irfft(z) | n=5 | n=4 | axis=0 | norm="ortho" | norm="forward"
np.fft.irfft2(Z) | s=(2, 5) | axes=(1, 0) | norm="ortho"
np.fft.irfftn(Z) | s=(2, 5), axes=(0, 1) | axes=(0, 1) | norm="ortho"
np.fft.rfft(x) | n=3 | n=6 | axis=0 | norm="ortho" | norm="forward"
np.fft.rfft2(X) | s=(2, 2) | axes=(1, 0) | norm="ortho"
np.fft.rfftn(T) | s=(2, 2), axes=(0, 1) | axes=(0, 2) | norm="ortho"
np.lib.scimath.arccos(y)
np.lib.scimath.arcsin(y)
np.lib.scimath.arctanh(y)
np.lib.scimath.log(y)
np.lib.scimath.log10(y)
np.lib.scimath.log2(y)
np.lib.scimath.logn(2.0, y)
np.lib.scimath.power(y, 1.5)
np.lib.scimath.sqrt(y)
np.lib.stride_tricks.sliding_window_view(x, 2) | axis=0 | subok=True | writeable=False | writeable=True
np.linalg.cholesky(S @ S.T + np.eye(3)) | upper=True | upper=False
np.linalg.cond(S) | p=2 | p="fro" | p=1 | p=np.inf | p=-2
np.linalg.cross(X, Y) | axis=1
np.linalg.det(S)
np.linalg.diagonal(T) | offset=1
np.abs(np.linalg.eig(S)[0])
np.linalg.eigh(S + S.T~)[0] | UPLO="U" | UPLO="L"
np.abs(np.linalg.eigvals(S))
np.linalg.eigvalsh(S + S.T) | UPLO="U" | UPLO="L"
np.linalg.inv(S)
np.linalg.lstsq(B, x[:3]~)[0] | rcond=None | rcond=1e-12 | rcond=-1
np.linalg.matmul(X, S)
np.linalg.matrix_norm(X) | ord=1 | ord=2 | ord="nuc" | keepdims=True
np.linalg.matrix_power(S, 3)
np.linalg.matrix_transpose(T)
np.linalg.multi_dot([X, S, B])
np.linalg.norm(X) | ord="fro" | ord=2 | ord=-2 | ord="nuc" | ord=1 | ord=np.inf | ord=-1 | axis=0 | axis=1, ord=3
    | axis=1, ord=np.inf | axis=(0, 1), keepdims=True | axis=0, keepdims=True, ord=1
np.linalg.norm(x) | ord=1 | ord=2 | ord=3.5 | ord=-1 | ord=0 | ord=np.inf | ord=-np.inf
np.linalg.outer(x, y)
np.linalg.pinv(B) | rcond=1e-10 | rtol=1e-10 | rcond=None
np.linalg.pinv(S + S.T) | hermitian=True
np.linalg.qr(S) | mode="reduced" | mode="complete" | mode="r" | mode="raw"
np.linalg.slogdet(S)
np.linalg.solve(S, x[:3])
np.linalg.svd(B~)[1] | full_matrices=False | full_matrices=True | hermitian=False
np.linalg.svd(X) | compute_uv=False
np.linalg.svd(S + S.T) | hermitian=True, compute_uv=False
np.linalg.svdvals(X)
np.linalg.tensordot(X, Y) | axes=([1], [1])
np.linalg.tensorinv(np.reshape(S, (3, 3)), ind=1)
np.linalg.tensorinv(np.reshape(np.kron(np.eye(2), S), (2, 3, 6))) | ind=2
np.linalg.tensorsolve(np.reshape(S, (3, 3)), x[:3]) | axes=None | axes=(0,)
np.linalg.trace(T) | offset=1 | dtype=complex
np.linalg.vecdot(X, Y) | axis=0
np.linalg.vector_norm(X) | axis=0 | keepdims=True | ord=1 | ord=3 | axis=1, keepdims=True, ord=np.inf
"""

METHODS = """
X.all() | axis=0 | keepdims=True | where=M
X.any() | axis=0 | keepdims=True | where=M
X.argmax() | axis=0 | axis=1, keepdims=True
X.argmin() | axis=0 | axis=1, keepdims=True
X.argpartition(1) | axis=0 | kind="introselect"
X.argsort() | axis=0 | kind="stable" | stable=True
X.astype(complex) | order="F" | casting="unsafe" | casting="no" | subok=False | copy=False
Y.clip(-0.5, 0.8) | dtype=np.longdouble
Y.clip() | min=-0.5 | max=u | min=-0.5, max=u
X.compress([True, False], axis=0)
z.conj()
z.conjugate()
X.copy() | order="F"
X.cumprod() | axis=0 | dtype=complex
X.cumsum() | axis=0 | dtype=complex
T.diagonal() | offset=1 | axis1=1, axis2=2
X.dot(S)
changed(X, lambda a: a.fill(u))
X.flatten() | order="F" | order="K"
X.max() | axis=0 | axis=1, keepdims=True | initial=u | where=M, initial=0.0
X.min() | axis=0 | axis=1, keepdims=True | initial=u | where=M, initial=9.0
X.mean() | axis=0 | axis=(0, 1), keepdims=True | dtype=complex | where=M
X.nonzero()
changed(X, lambda a: a.partition(1~)) | axis=0 | kind="introselect" | order=None
X.prod() | axis=0 | axis=(0, 1), keepdims=True | initial=u | where=M | dtype=complex
changed(X, lambda a: a.put([0, 4], [u, v]~)) | mode="wrap"
X.ravel() | order="F"
X.repeat(2) | axis=0
X.reshape(3, 2) | order="F" | copy=True
X.reshape((3, 2)) | order="F"
changed(x, lambda a: a.resize(2, 2))
X.round() | decimals=1
changed(X, lambda a: a.setfield(0.5, float))
X[0].searchsorted(1.0) | side="right"
changed(X, lambda a: a.sort(~)) | axis=0 | kind="stable" | stable=True | order=None
X[None].squeeze() | axis=0
X.std() | axis=0 | axis=(0, 1), keepdims=True | ddof=1 | dtype=np.longdouble | where=M | mean=1.0
X.var() | axis=0 | axis=(0, 1), keepdims=True | ddof=1 | dtype=np.longdouble | where=M | mean=u
X.sum() | axis=0 | axis=(0, 1), keepdims=True | initial=u | where=M | dtype=complex
T.swapaxes(0, 2)
X.take([1, 1, 0]) | axis=1 | mode="wrap"
T.trace() | offset=1 | axis1=1, axis2=2 | dtype=complex
T.transpose()
T.transpose(1, 2, 0)
X.view()
X.T
X.T @ X
z.real
z.imag
X.real
X[0]
X[::-1, 1:]
X[:, None]
X[[0, 1]]
X[M]
X[...]
X[()]
T[0, ..., 1]
T.mT
z.real + z.imag
X.flat[2]
"""
