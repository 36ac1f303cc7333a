"""Vector spaces of numbers, arrays and containers of them, in autograd's terms."""

import numpy

from . import pytrees
from .engine import plain


class VSpace:
    """The space in which a value lives: containers, shapes, dtypes; and the operations of that space."""

    def __init__(self, value):
        self._tree = pytrees.transform(_Leaf, value)

    @property
    def _leaves(self):
        return pytrees.leaves(self._tree)

    @property
    def size(self):
        return sum(leaf.size for leaf in self._leaves)

    @property
    def shape(self):
        return self._tree.shape if isinstance(self._tree, _Leaf) else self._tree

    @property
    def iscomplex(self):
        return isinstance(self._tree, _Leaf) and self._tree.iscomplex

    def __eq__(self, other):
        return isinstance(other, VSpace) and self._tree == other._tree

    __hash__ = None

    def __repr__(self):
        return f"VSpace({self._tree})"

    def zeros(self):
        return pytrees.transform(lambda leaf: numpy.zeros(leaf.shape, leaf.dtype), self._tree)

    def ones(self):
        return pytrees.transform(
            lambda leaf: numpy.full(leaf.shape, 1 + 1j if leaf.iscomplex else 1, leaf.dtype), self._tree
        )

    def randn(self):
        return pytrees.transform(_Leaf.randn, self._tree)

    def standard_basis(self):
        for position, leaf in enumerate(self._leaves):
            for index in numpy.ndindex(*leaf.shape):
                for unit in (1.0, 1.0j) if leaf.iscomplex else (1.0,):
                    basis = [numpy.zeros(other.shape, other.dtype) for other in self._leaves]
                    basis[position][index] = unit
                    yield pytrees.rebuild(self._tree, basis)

    def add(self, x, y):
        return pytrees.transform(lambda a, b: a + b, x, y)

    def scalar_mul(self, x, factor):
        return pytrees.transform(lambda a: a * factor, x)

    def inner_prod(self, x, y):
        products = [
            leaf.inner_prod(a, b) for leaf, a, b in zip(self._leaves, pytrees.leaves(x), pytrees.leaves(y), strict=True)
        ]
        return sum(products[1:], products[0]) if products else 0.0

    def covector(self, x):
        return pytrees.transform(_covector, x)


class _Leaf:
    """One number or array: its shape and dtype."""

    def __init__(self, value):
        value = plain(value)
        dtype = getattr(value, "dtype", None) or {float: numpy.dtype(float), complex: numpy.dtype(complex)}.get(
            type(value)
        )
        if dtype is None or dtype.kind not in "fc":
            raise TypeError(
                f"Can't find vector space for value {value} of type {type(value)}: not a floating-point number"
            )
        self.shape = numpy.shape(value)
        self.dtype = dtype

    @property
    def size(self):
        return int(numpy.prod(self.shape)) * (2 if self.iscomplex else 1)

    @property
    def iscomplex(self):
        return self.dtype.kind == "c"

    def __eq__(self, other):
        return isinstance(other, _Leaf) and (self.shape, self.dtype) == (other.shape, other.dtype)

    __hash__ = None

    def __repr__(self):
        return f"{self.dtype}{list(self.shape)}"

    def randn(self):
        draw = numpy.asarray(numpy.random.randn(*self.shape))
        if self.iscomplex:
            draw = draw + 1j * numpy.random.randn(*self.shape)
        return numpy.asarray(draw, self.dtype)

    def inner_prod(self, x, y):
        x = numpy.reshape(numpy.conj(x), -1) if self.iscomplex else numpy.reshape(x, -1)
        product = numpy.dot(x, numpy.reshape(y, -1))
        return numpy.real(product) if self.iscomplex else product


def _covector(value):
    return (
        numpy.conj(value)
        if plain(value).dtype.kind == "c"
        else value
        if hasattr(value, "dtype")
        else numpy.asarray(value)
    )


def vspace(value):
    return VSpace(value)
