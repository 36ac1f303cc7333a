"""The operators and methods of arrays, for traced values: each looks its operation up in the registry.

A class without data of its own: `Traced` adds the handle. A method is the NumPy function of the same meaning, so its
keywords are the function's.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from sys import _getframe
from typing import Any

import numpy as np

from chainrule import numpy_protocol
from chainrule.errors import ForeignOperandError
from chainrule.primitive import functions, operations, operators
from chainrule.unwrap import only_recorded, whole_number


def _method(function: Any) -> Callable[..., Any]:
    """A method that is the NumPy function of the same meaning."""

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        return numpy_protocol.call_function(function, (self, *args), kwargs)

    method.__name__ = function.__name__
    method.__doc__ = f"`numpy.{function.__name__}` of the traced array."
    return method


def _binary(name: str) -> tuple[Callable[..., Any], Callable[..., Any]]:
    def forward(self: Any, other: Any) -> Any:
        try:
            return operators[name](self, other, _getframe(1))
        except ForeignOperandError:
            if hasattr(type(other), "__array_ufunc__") and not isinstance(other, np.ndarray):
                return NotImplemented  # such as xarray's arrays, whose own operators take traced values
            raise

    def reflected(self: Any, other: Any) -> Any:
        return operators[name](other, self, _getframe(1))

    return forward, reflected


def _in_place(name: str) -> Callable[..., Any]:
    def write(self: Any, other: Any) -> Any:
        if not isinstance(numpy_protocol.outline(self), np.ndarray):
            return operations[name](self, other)  # a number is immutable: NumPy rebinds the name, and so do we
        result = operations["cast_in_place"](operations[name](self, other), self)
        self.assign(result)
        return self

    return write


class ArrayMethods:
    """Everything that an array can do and that is an operation."""

    __slots__ = ()

    assign: Any
    shape: Any
    dtype: Any
    __setitem__: Any

    # -- operators --------------------------------------------------------------------------------------------------
    __add__, __radd__ = _binary("add")
    __sub__, __rsub__ = _binary("subtract")
    __mul__, __rmul__ = _binary("multiply")
    __truediv__, __rtruediv__ = _binary("divide")
    __pow__, __rpow__ = _binary("power")
    __matmul__, __rmatmul__ = _binary("matmul")
    __mod__, __rmod__ = _binary("remainder")
    __floordiv__, __rfloordiv__ = _binary("floor_divide")
    __and__, __rand__ = _binary("bitwise_and")
    __or__, __ror__ = _binary("bitwise_or")
    __xor__, __rxor__ = _binary("bitwise_xor")
    __lt__ = _binary("less")[0]
    __le__ = _binary("less_equal")[0]
    __gt__ = _binary("greater")[0]
    __ge__ = _binary("greater_equal")[0]
    _equal = _binary("equal")[0]
    _not_equal = _binary("not_equal")[0]
    __iadd__ = _in_place("add")
    __isub__ = _in_place("subtract")
    __imul__ = _in_place("multiply")
    __itruediv__ = _in_place("divide")
    __ipow__ = _in_place("power")
    __imod__ = _in_place("remainder")
    __ifloordiv__ = _in_place("floor_divide")
    __imatmul__ = _in_place("matmul")

    def __eq__(self, other: Any) -> Any:
        return NotImplemented if other is None else self._equal(other)  # `x == None` asks whether x is there

    def __ne__(self, other: Any) -> Any:
        return NotImplemented if other is None else self._not_equal(other)

    def __neg__(self) -> Any:
        return operations["negative"](self)

    def __pos__(self) -> Any:
        return operations["positive"](self)

    def __abs__(self) -> Any:
        return operations["absolute"](self)

    def __invert__(self) -> Any:
        return operations["invert"](self)

    def __divmod__(self, other: Any) -> Any:
        return operations["floor_divide"](self, other), operations["remainder"](self, other)

    def __rdivmod__(self, other: Any) -> Any:
        return operations["floor_divide"](other, self), operations["remainder"](other, self)

    def __floor__(self) -> int:
        return whole_number(self, math.floor)  # steps: their derivative is zero by nature

    def __ceil__(self) -> int:
        return whole_number(self, math.ceil)

    def __trunc__(self) -> int:
        return whole_number(self, math.trunc)

    def __round__(self, digits: int | None = None) -> Any:
        if digits is None and only_recorded(self):
            return whole_number(self, round)  # as NumPy's numbers answer
        return functions[np.round](self, digits or 0)

    # -- methods ----------------------------------------------------------------------------------------------------
    all = _method(np.all)
    any = _method(np.any)
    argmax = _method(np.argmax)
    argmin = _method(np.argmin)
    argpartition = _method(np.argpartition)
    argsort = _method(np.argsort)
    clip = _method(np.clip)
    cumprod = _method(np.cumprod)
    cumsum = _method(np.cumsum)
    diagonal = _method(np.diagonal)
    dot = _method(np.dot)
    max = _method(np.max)
    mean = _method(np.mean)
    min = _method(np.min)
    nonzero = _method(np.nonzero)
    prod = _method(np.prod)
    ravel = _method(np.ravel)
    repeat = _method(np.repeat)
    round = _method(np.round)
    searchsorted = _method(np.searchsorted)
    squeeze = _method(np.squeeze)
    std = _method(np.std)
    sum = _method(np.sum)
    swapaxes = _method(np.swapaxes)
    take = _method(np.take)
    trace = _method(np.trace)
    var = _method(np.var)

    def conj(self) -> Any:
        """Complex conjugate."""
        return operations["conjugate"](self)

    conjugate = conj

    def astype(
        self, dtype: Any, order: str = "K", casting: Any = "unsafe", subok: bool = True, copy: bool = True
    ) -> Any:
        """The same numbers in another dtype; `casting` may forbid it, and there are no subclasses for `subok`."""
        del subok
        if not np.can_cast(self.dtype, dtype, casting=casting):
            raise TypeError(
                f"Cannot cast array data from {self.dtype!r} to {np.dtype(dtype)!r} according to the rule {casting!r}"
            )
        if not copy and self.dtype == dtype and operations["laid_out"](self, order) is self:
            return self
        return operations["laid_out"](operations["astype"](self, dtype=np.dtype(dtype)), order)

    def reshape(self, *shape: Any, **keywords: Any) -> Any:
        """The same elements in another shape."""
        target = shape[0] if len(shape) == 1 else shape
        return numpy_protocol.call_function(np.reshape, (self, target), keywords)

    def transpose(self, *axes: Any) -> Any:
        """The axes in another order."""
        return functions[np.transpose](self, (axes[0] if len(axes) == 1 else axes) or None)

    def copy(self, order: str = "C") -> Any:
        """An array of its own with the same numbers."""
        return functions[np.copy](self, order=order)

    def flatten(self, order: str = "C") -> Any:
        """A one-dimensional copy."""
        return functions[np.copy](functions[np.ravel](self, order=order))

    def choose(self, choices: Any, out: Any = None, mode: str = "raise") -> Any:
        """`numpy.choose` with this array as the index."""
        return functions[np.choose](self, choices, out=out, mode=mode)

    def compress(self, condition: Any, axis: Any = None) -> Any:
        """`numpy.compress` of this array."""
        return functions[np.compress](condition, self, axis=axis)

    def fill(self, item: Any) -> None:
        """`x[...] = item`."""
        self[...] = item

    def sort(self, axis: int = -1) -> None:
        """Sort in place."""
        self.assign(functions[np.sort](self, axis=axis))

    def partition(self, kth: Any, axis: int = -1) -> None:
        """Partition in place."""
        self.assign(functions[np.partition](self, kth, axis=axis))

    def put(self, indices: Any, values: Any) -> None:
        """`x.flat[indices] = values`."""
        flat = operations["setitem"](self.reshape(-1), indices, values)
        self.assign(flat.reshape(self.shape))
