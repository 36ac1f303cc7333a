"""Decompositions: `cholesky`, `qr`, `svd`, and the least squares that rest on them."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.errors import UnsupportedError
from chainrule.notation import call
from chainrule.ops.linalg import adjoint, conjugate, precision, regular, solution, square_type
from chainrule.ops.spectra import PHASE_IS_FREE, eigh, in_triangle, on_diagonal, reciprocal_gaps
from chainrule.ops.structure import as_value, reduce_sum
from chainrule.primitive import functions, operations, sample, stand_in
from chainrule.shapes import ArrayType, real_of
from chainrule.trace import primitive
from chainrule.traced import concrete, undifferentiated

# -- Cholesky ----------------------------------------------------------------------------------------------------------


def _lower_with_half_diagonal(x: Any) -> Any:
    n = x.shape[-1]
    return x * (np.tri(n, dtype=real_of(x.dtype)) - 0.5 * np.eye(n, dtype=real_of(x.dtype)))


def _cholesky_rule(g: Any, y: Any, x: Any, *, upper: bool) -> Any:
    factor, above = (conjugate(y.mT), conjugate(g.mT)) if upper else (y, g)
    inner = _lower_with_half_diagonal(factor.mT @ above)
    left = solution(factor.mT, inner)
    return in_triangle(solution(adjoint(factor), left.mT).mT, upper)


def _positive_definite(rng: np.random.Generator, *shape: int) -> tuple[np.ndarray[Any, Any]]:
    x = rng.normal(size=shape)
    return (x @ x.mT + 2.0 * np.eye(shape[-1]),)


cholesky_factor = primitive(
    "cholesky",
    forward=lambda x, *, upper: np.linalg.cholesky(x, upper=upper),
    vjp=(_cholesky_rule,),
    shape=square_type,
    analytic=False,
    notation=call(r"\operatorname{chol}", "cholesky"),
    samples=(
        sample(make=lambda rng: _positive_definite(rng, 3, 3), upper=False),
        sample(make=lambda rng: _positive_definite(rng, 2, 4, 4), upper=True),
    ),
)


@stand_in(np.linalg.cholesky)
def cholesky(a: Any, /, *, upper: bool = False) -> Any:
    """The triangular factor L of a = L Lᴴ, as `numpy.linalg.cholesky`.

    Only the lower triangle is read (the upper one with upper=True), and the gradient stands there.

    >>> cholesky(np.array([[4.0, 0.0], [0.0, 9.0]]))
    array([[2., 0.],
           [0., 3.]])
    """
    return cholesky_factor(as_value(a), upper=bool(upper))


# -- QR ----------------------------------------------------------------------------------------------------------------


def _qr_rule(wanted: Any, g: Any, y: Any, x: Any) -> list[Any]:
    q_above, r_above = g
    q, r = y
    rows, columns = x.shape[-2:]
    if q_above is None and r_above is None:
        return [None]
    rest = None
    if rows < columns:  # the right block of r is qᴴ times the right block of x
        if r_above is not None:
            right = r_above[..., rows:]
            rest = conjugate(q) @ right
            through = conjugate(x[..., rows:] @ right.mT)
            q_above = through if q_above is None else q_above + through
            r_above = r_above[..., :rows]
        r = r[..., :rows]
    inner = None
    if r_above is not None:
        inner = r_above @ r.mT
    if q_above is not None:
        part = q.mT @ q_above
        inner = -part if inner is None else inner - part
    n = r.shape[-1]
    upper = inner * np.tri(n, dtype=real_of(x.dtype)).T
    full = upper + adjoint(upper)
    diagonal = upper * np.eye(n, dtype=real_of(x.dtype))
    full = full - (operations["real"](diagonal) if x.dtype.kind == "c" else diagonal)
    total = conjugate(q) @ full
    if q_above is not None:
        total = total + q_above
    left = solution(r, total.mT).mT
    if rows >= columns:
        return [left]
    if rest is None:
        rest = np.zeros((*x.shape[:-2], rows, columns - rows), x.dtype)
    return [functions[np.concatenate]([left, rest], axis=-1)]


def _qr_type(a: ArrayType) -> tuple[ArrayType, ArrayType]:
    *batch, rows, columns = a.shape
    inner = min(rows, columns)
    dtype = precision(a.dtype)
    return ArrayType((*batch, rows, inner), dtype), ArrayType((*batch, inner, columns), dtype)


qr_factors = primitive(
    "qr",
    forward=np.linalg.qr,
    execute=lambda x: tuple(np.linalg.qr(x)),
    vjp=_qr_rule,
    shape=_qr_type,
    outputs=2,
    analytic=False,
    samples=(
        sample((3, 3)),
        sample((4, 2)),
        sample(make=lambda rng: (np.concatenate([regular(rng, 2, 3, 3), rng.normal(size=(2, 3, 2))], axis=-1),)),
    ),
)
QRResult = type(np.linalg.qr(np.eye(1)))


@stand_in(np.linalg.qr)
def qr(a: Any, mode: str = "reduced") -> Any:
    """The factors of a = q r with orthonormal columns in q and r upper triangular, as `numpy.linalg.qr`.

    >>> np.round(np.abs(qr(np.array([[0.0, 2.0], [1.0, 0.0]])).R), 12)
    array([[1., 0.],
           [0., 2.]])
    """
    a = as_value(a)
    if mode not in ("reduced", "complete", "r"):
        raise UnsupportedError(
            f"numpy.linalg.qr with mode={mode!r} is not supported on traced values. "
            "Write mode='reduced', or mode='r' for the triangular factor alone."
        )
    if mode == "complete" and a.shape[-2] > a.shape[-1]:
        raise UnsupportedError(
            f"numpy.linalg.qr with mode='complete' is not supported on traced matrices with more rows than columns "
            f"(shape {a.shape}): the added columns of q are not determined. Write mode='reduced'."
        )
    factors = qr_factors(a)
    return factors[1] if mode == "r" else QRResult(*factors)


# -- singular values ---------------------------------------------------------------------------------------------------


def _skew(x: Any) -> Any:
    return x - adjoint(x)


def _without_complement(above: Any, vectors: Any, count: int) -> tuple[Any, Any]:
    """The cotangent and the vectors of the first `count` columns; the other columns only turn with these."""
    length = vectors.shape[-1]
    if length == count:
        return above, vectors
    first, others = vectors[..., :count], vectors[..., count:]
    if above is None:
        return None, first
    outside = above[..., count:]
    kind = "complex" if vectors.dtype.kind == "c" else "real"
    loose = concrete(_skew(conjugate(others.mT @ outside)))
    if np.max(np.abs(loose), initial=0.0) > 1e-6 * max(1.0, float(np.max(np.abs(concrete(outside)), initial=0.0))):
        raise UnsupportedError(
            f"The gradient of numpy.linalg.svd with full_matrices=True reaches single vectors that the {kind} matrix does not determine "
            f"(the last {length - count} of {length}). Write full_matrices=False, or use them only in forms such as v @ v.T."
        )
    return above[..., :count] - conjugate(others) @ conjugate(outside.mT @ first), first


def _svd_rule(wanted: Any, g: Any, y: Any, x: Any, *, full_matrices: bool) -> list[Any]:
    u_above, s_above, vh_above = g
    s = y[1]
    count = s.shape[-1]
    u_above, u = _without_complement(u_above, y[0], count)
    v_above = None if vh_above is None else conjugate(vh_above.mT)
    v_above, v = _without_complement(v_above, adjoint(y[2]), count)
    inner = None if s_above is None else on_diagonal(s_above)
    terms = []
    if u_above is not None or v_above is not None:
        u_above, v_above = _joint_phase(u_above, v_above, u, v)
        gaps = reciprocal_gaps(s) / (s[..., None, :] + s[..., :, None] + np.eye(count, dtype=s.dtype))
        if u_above is not None:
            projected = u.mT @ u_above
            part = _skew(projected) * gaps * s[..., None, :]
            if x.dtype.kind == "c":
                part = part + _skew(projected) * np.eye(count, dtype=s.dtype) * (0.5 / s[..., None, :])
            inner = part if inner is None else inner + part
            if x.shape[-2] > count:
                terms.append(((u_above - conjugate(u) @ projected) / s[..., None, :]) @ v.mT)
        if v_above is not None:
            projected = v.mT @ v_above
            part = s[..., :, None] * _skew(projected) * gaps
            inner = part if inner is None else inner + part
            if x.shape[-1] > count:
                terms.append(conjugate(u) @ adjoint((v_above - conjugate(v) @ projected) / s[..., None, :]))
    if inner is None:
        return [None]
    total = conjugate(u) @ inner @ v.mT
    for term in terms:
        total = total + term
    return [total]


def _joint_phase(u_above: Any, v_above: Any, u: Any, v: Any) -> tuple[Any, Any]:
    """The cotangents with the free phase of each pair of singular vectors as LAPACK fixes it."""
    if u.dtype.kind != "c" or u.size == 0:
        return u_above, v_above
    pairs = [(above, vectors) for above, vectors in ((u_above, u), (v_above, v)) if above is not None]
    angle = sum(reduce_sum(vectors * above, axis=(vectors.ndim - 2,), keepdims=True) for above, vectors in pairs)
    angle = operations["imag"](angle)
    for vectors in (v, u):
        plain = concrete(vectors)
        is_real = np.all(np.abs(plain.imag) <= 1e3 * np.finfo(plain.dtype).eps, axis=-1, keepdims=True)
        sizes = np.where(is_real, np.abs(plain), 0.0)
        if np.any(sizes.max(axis=-2) < 1e-4):
            continue  # LAPACK makes one row of v or of u real; it is the other one
        mask = (np.arange(plain.shape[-2])[:, None] == sizes.argmax(axis=-2)[..., None, :]).astype(real_of(plain.dtype))
        pivot = reduce_sum(operations["real"](vectors) * mask, axis=(vectors.ndim - 2,), keepdims=True)
        turned = -1j * (mask * (angle / pivot))
        if vectors is v:
            return u_above, turned if v_above is None else v_above + turned
        return turned if u_above is None else u_above + turned, v_above
    size = max(float(np.max(np.abs(concrete(above)), initial=0.0)) for above, _ in pairs)
    if np.max(np.abs(concrete(angle)), initial=0.0) > 1e-6 * size:
        raise UnsupportedError(PHASE_IS_FREE)
    return u_above, v_above  # nothing depends on the phase


def _svd_type(a: ArrayType, *, full_matrices: bool) -> tuple[ArrayType, ArrayType, ArrayType]:
    *batch, rows, columns = a.shape
    inner = min(rows, columns)
    dtype = precision(a.dtype)
    left = ArrayType((*batch, rows, rows if full_matrices else inner), dtype)
    right = ArrayType((*batch, columns if full_matrices else inner, columns), dtype)
    return left, ArrayType((*batch, inner), real_of(dtype)), right


singular_factors = primitive(
    "svd",
    forward=lambda x, *, full_matrices: np.linalg.svd(x, full_matrices=full_matrices),
    execute=lambda x, *, full_matrices: tuple(np.linalg.svd(x, full_matrices=full_matrices)),
    vjp=_svd_rule,
    shape=_svd_type,
    outputs=3,
    analytic=False,
    samples=(
        sample((3, 3), full_matrices=False),
        sample((2, 4, 2), full_matrices=False),
        sample((2, 3), full_matrices=False),
        sample((3, 2), full_matrices=True),
    ),
)
SVDResult = type(np.linalg.svd(np.eye(1)))


@stand_in(np.linalg.svd)
def svd(a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False) -> Any:
    """The factors of a = u diag(s) vh, as `numpy.linalg.svd`.

    >>> svd(np.array([[3.0, 0.0], [0.0, 2.0]])).S
    array([3., 2.])
    """
    a = as_value(a)
    if hermitian:
        values, vectors = eigh(a)
        signs = np.sign(undifferentiated(values))
        sizes = operations["absolute"](values)
        order = np.argsort(undifferentiated(sizes), axis=-1)[..., ::-1].copy()
        take = functions[np.take_along_axis]
        s = take(sizes, order, axis=-1)
        if not compute_uv:
            return s
        u = take(vectors, order[..., None, :], axis=-1)
        ordered = np.take_along_axis(signs, order, axis=-1)
        return SVDResult(u, s, adjoint(u * ordered[..., None, :]))
    if not compute_uv:
        return singular_factors(a, full_matrices=False)[1]
    return SVDResult(*singular_factors(a, full_matrices=bool(full_matrices)))


@stand_in(np.linalg.svdvals)
def svdvals(x: Any, /) -> Any:
    """The singular values in descending order, as `numpy.linalg.svdvals`.

    >>> svdvals(np.array([[3.0, 0.0], [0.0, 2.0]]))
    array([3., 2.])
    """
    return singular_factors(as_value(x), full_matrices=False)[1]


__all__ = ["cholesky", "qr", "svd", "svdvals"]
