"""The statements that random programs are made of, as text: {0} and {1} stand for variables, forms are parted by |."""

from __future__ import annotations


def forms(text: str) -> tuple[str, ...]:
    """The forms of a table; a semicolon parts two lines of one form."""
    return tuple(form.strip().replace(" ; ", "\n") for form in text.strip().split(" | ") if form.strip())


# Operators of Python.
OPERATORS = forms(
    r"""
      {0} + {1} | {0} - {1} | {0} * {1} | {0} / (1.5 + {1} ** 2) | -{0} | {0} * 0.5 | {0} ** 2 | 2.0 - {0}
    | 1.5 / (2 + {0} * {0}) | +{0} - 1 | abs({0} + 25.0) | (3.0 + np.sin({0})) ** {1} | 2.0 ** np.sin({0})
    | np.real((0.5 + 1j * {0}) * np.exp(1j * {1})) | np.abs({0} + 1j * ({1} + 25.0)) | np.angle(25.0 + {0} - 1j * {1})
    | (({0} + 2j) / (1.5 - 0.5j)).imag | np.conj({0} * 1j).imag + {1} | np.divmod({0} + 50.0, 100.0)[1] | np.modf(0.01 * {0} + 0.5)[0]
    | np.nan_to_num({0})
    """
)

# Reductions: {1} is `, axis=…, keepdims=…` or nothing, {2} the same without the comma, {3} the axis alone.
REDUCTIONS = forms(
    r"""
      np.sum({0}{1}) | np.mean({0}{1}) | {0}.sum({2}) | {0}.mean({2}) | np.prod({0}{1}) | np.var({0}{1}) | np.std({0}{1})
    | np.max({0}{1}) | np.min({0}{1}) | {0}.max({2}) | np.ptp({0}{1}) | np.linalg.norm({0}{1}) | np.median({0}{1})
    | np.logaddexp.reduce({0}{3}) | np.add.reduce({0}{1}) | np.average({0}{1}) | np.nansum({0}{1})
    | np.quantile({0}, 0.3{1}) | np.log(np.sum(np.exp({0}){1}))
    """
)

# Elements of an array with 1 axes, moved, chosen, repeated or multiplied with each other.
VECTORS = forms(
    r"""
      {0}[::-1] | {0}[1:] | {0}[0] | {0}[-1:] | {0}[[0, 1, 0]] | {0}[:, None] | {0}[None] | np.cumsum({0})
    | np.tile({0}, 2) | np.repeat({0}, 2) | np.roll({0}, 1) | np.pad({0}, 1) | np.diff({0}) | np.diag({0})
    | np.outer({0}, {0}) | np.convolve({0}, {0}) | np.flip({0}) | np.take({0}, [1, 1, 0])
    | np.broadcast_to({0}, (2, {0}.size)) | {0}[np.array([True] + [False] * ({0}.size - 1))] | np.cumprod({0})
    | np.append({0}, 0.5) | np.interp(0.3, [0.0, 1.0], {0}[:2]) | np.trapezoid({0}) | np.gradient({0}) | np.ediff1d({0})
    | np.abs(np.fft.rfft({0} + 3.0)[:1]) | np.hstack([{0}, {0}]) | np.vander({0}, 3) | {0}.reshape(-1, 1)
    | np.insert({0}, 1, 0.5) | np.split({0}, [1])[1] | np.resize({0}, (2, 2)) | np.triu({0}) | np.delete({0}, 0)
    """
)

# Elements of an array with 2 axes, moved, chosen, repeated or multiplied with each other.
MATRICES = forms(
    r"""
      {0}.T | {0}[0] | {0}[:, 0] | {0}[:, ::-1] | {0}[..., None] | {0}.ravel() | np.reshape({0}, -1)
    | {0}.reshape({0}.shape[::-1]) | {0}[-1, -1] | np.cumsum({0}, axis=1) | np.cumprod({0}, axis=0)
    | np.swapaxes({0}, 0, 1) | np.moveaxis({0}, 0, 1) | np.tril({0}) | np.triu({0}) | np.trace({0}) | np.diagonal({0})
    | np.roll({0}, 1, axis=1) | np.flip({0}, 0) | np.repeat({0}, 2, axis=0) | np.tile({0}, (2, 1))
    | np.pad({0}, ((0, 1), (0, 0))) | np.expand_dims({0}, 1) | np.diff({0}, axis=0) | {0}[[0, 0]] | {0}[[0, -1], [-1, 0]]
    | {0} @ {0}.T | np.einsum('ij,kj->ik', {0}, {0}) | np.einsum('ij->j', {0}) | np.rot90({0})
    | np.take({0}, [0, 0], axis=1) | np.squeeze({0}[:1]) | np.concatenate([{0}, {0}], axis=1) | np.stack([{0}, {0}])
    | np.vstack([{0}, {0}]) | np.ravel({0}, order='F') | {0}.flatten() | np.tensordot({0}, {0}, axes=([0], [0]))
    | np.take_along_axis({0}, np.array([[0]]), axis=1) | np.dot({0}, {0}.T) | np.inner({0}, {0})
    | np.linalg.slogdet(3.0 * np.eye(len({0})) + 0.3 * np.sin({0} @ {0}.T))[1]
    | np.linalg.inv(2.0 * np.eye(len({0})) + {0} @ {0}.T) | np.linalg.det(np.eye(len({0})) + {0} @ {0}.T)
    | np.linalg.solve(2.0 * np.eye(len({0})) + {0} @ {0}.T, {0})
    | np.linalg.cholesky(2.0 * np.eye(len({0})) + {0} @ {0}.T) | np.apply_along_axis(lambda r: r * r[0], 1, {0})
    | np.cov({0})[0, 0]
    """
)

# Elements of an array with 3 axes, moved, chosen, repeated or multiplied with each other.
STACKS = forms(
    r"""
      {0}[0] | {0}[:, 0] | {0}[..., -1] | np.transpose({0}, (2, 0, 1)) | np.sum({0}, axis=(0, 2)) | {0}.reshape(-1)
    | np.squeeze({0}) | np.moveaxis({0}, 0, -1) | np.einsum('ijk->kj', {0}) | np.flip({0})
    """
)

ARRANGEMENTS = {1: VECTORS, 2: MATRICES, 3: STACKS}

# Two arrays into one.
JOININGS = forms(
    r"""
      {0} @ {1} | np.concatenate([{0}, {1}]) | np.stack([{0}, {1}]) | np.dot({0}, {1}) | np.outer({0}, {1})
    | np.inner({0}, {1}) | np.tensordot({0}, {1}, axes=1) | np.matmul({0}, {1}.T) | np.kron({0}, {1})
    | np.hstack([{0}, {1}]) | np.vdot({0}, {1}) | np.stack([{0}, {1}], axis=-1) | np.column_stack([{0}, {1}])
    | np.einsum('i,i->i', {0}, {1}) | np.einsum('ij,j->i', {0}, {1}) | np.append({0}, {1})
    """
)

# Choices by value; no element is near {2}.
CHOICES = forms(
    r"""
      np.where({0} > {2}, {0} * 2.0, {1}) | np.clip({0}, {2}, {2} + 30.0) | np.maximum({0}, {2}) | np.minimum({0}, {2})
    | np.abs({0} - {2}) | np.where({0} > {2}, np.sqrt(np.where({0} > {2}, {0} - {2}, 1.0)), 0.0)
    | np.where({0} < {2}, {1}, 0.5) | ({0} > {2}) * {1} | np.select([{0} > {2}], [{0}], 0.1)
    | np.heaviside({0} - {2}, 0.5) * {1} | np.sign({0} - {2}) + {1}
    """
)

# Choices by order; all elements are apart.
ORDERED_CHOICES = forms(
    r"""
      np.sort({0}) | {0}[np.argsort({0}, axis=0)[0]] | {0}[np.argmax({0}, axis=0)] | np.partition({0}, 0)[..., :1]
    | np.sort({0}, axis=0)[::-1] | np.take_along_axis({0}, np.argsort({0}, axis=-1), axis=-1)
    """
)

# Choices by mask; some element is greater than {2}.
MASKED_CHOICES = forms(
    r"""
      {0}[{0} > {2}] | np.extract({0} > {2}, {0}) | np.compress(({0} > {2}).ravel(), {0}) | {0}[np.nonzero({0} > {2})]
    """
)

# Writes into the array {0} at the index {2}, the last ones through a view.
WRITES = forms(
    r"""
      {0}[{2}] = {1} | {0}[{2}] += {1} | {0}[{2}] *= {1} | {0} += {1} | {0} *= 0.5 + 0.1 * {1} | {0} -= {1}
    | {0} /= 2.5 + {1} | np.multiply({0}, 0.5, out={0}) | {0}[{2}] -= 0.5 * {0}[{2}] | np.add.at({0}, [0, 0], 0.5 * {1})
    | {0}.fill(0.5) | {0}[{0} > 50.0] = 0.0 | {0}.T[...] *= 0.5 | view = {0}[...] ; view *= 0.5
    | view = {0}[:1] ; view[...] = {1} | view = {0}.reshape(-1) ; view[:1] = {1} | view = {0}[::-1].T ; view += {1}
    """
)
