"""A traced value: what the user's code holds while it is being traced.

A `Traced` is a handle on a node of the graph. It behaves like the NumPy array or number it stands for: the operators,
methods and protocols below look the operation up in the registry by name. Nodes never change; an in-place write gives
the handle another node, and handles that are views of it follow. Forcing a traced value into a plain number is an error
where it would lose a gradient.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator
from typing import Any, NoReturn

import numpy as np

from chainrule import numpy_protocol
from chainrule.array_methods import ArrayMethods
from chainrule.errors import ArgumentError, GraphError, TracedValueError, UnsupportedError
from chainrule.graph import INPUT, Node, carries_gradient
from chainrule.guards import recorders
from chainrule.primitive import functions, operations
from chainrule.source import here, library_call, stores_item, user_frame
from chainrule.unwrap import innermost, whole_number


def concrete(value: Any) -> Any:
    """The plain array or number under any number of levels of tracing; a recorder notes that it was read.

    >>> concrete(2.0)
    2.0
    """
    while isinstance(value, Traced):
        if value.level in recorders:
            return recorders[value.level].numbers(value)
        value = value.node.value
    return value


def prototype(value: Any) -> Any:
    """The same for those who ask for its shape, dtype or layout alone, and not for its numbers: nobody notes it.

    >>> prototype(2.0)
    2.0
    """
    while isinstance(value, Traced):
        value = value.node.value
    return value


def undifferentiated(value: Any) -> Any:
    """A value without its differentiations: plain, or traced by a recorder, and then no gradient flows through it.

    >>> undifferentiated(2.0)
    2.0
    """
    value = innermost(value)
    if isinstance(value, Traced) and recorders[value.level].differentiated:
        return operations["stop_gradient"](value)
    return value


def recorder_of(value: Any) -> Any:
    """The recorder of a value that Python is about to read; None where nobody notes it.

    >>> recorder_of(2.0) is None
    True
    """
    return recorders.get(value.level) if recorders and isinstance(value, Traced) else None


VARIABLE_LEVEL = 0

# The differentiations whose function is running; a traced value of any other level has escaped from its own.
open_levels: set[int] = {VARIABLE_LEVEL}


def require_open(value: Any) -> None:
    """Raise where a result is a traced value whose differentiation has ended."""
    if isinstance(value, Traced) and value.level not in open_levels:
        place = value.node.place  # an argument has none
        raise GraphError(
            f"A traced value has escaped: {value.name or 'a value made by ' + value.node.primitive.name}"
            f"{f' ({place})' if place.file is not None else ''} was kept "
            "from a differentiation that has ended, and used in another. Return it from its function, or keep its .value."
        )


class Traced(ArrayMethods):
    """An array or number that is being traced; made by `grad` and its family and by `variable`.

    >>> import chainrule as cr
    >>> x = cr.variable(3.0, name="x")
    >>> x * x
    <traced x * x… = 9.>
    """

    __slots__ = ("level", "node")
    __hash__ = None  # like ndarray: == is elementwise
    __array_priority__ = 1000.0

    node: Node
    level: int

    @classmethod
    def of(cls, node: Node, level: int) -> Traced:
        """A handle on a node of a level."""
        handle = cls()  # without __init__, which would take half of the time
        handle.node = node
        handle.level = level
        return handle

    @property
    def __class__(self) -> type:  # pyright: ignore[reportIncompatibleMethodOverride] a property, as in the language reference
        """The type of the number or array that it stands for: `isinstance(x, np.ndarray)` in the user's code takes the
        branch that it would take without tracing. `type(x)` tells the truth."""
        return type(prototype(self))

    # -- what it is -------------------------------------------------------------------------------------------------
    @property
    def value(self) -> Any:
        """The number or array as it is now, without the graph; an array is a copy. May be set on a variable."""
        plain = undifferentiated(self)
        return plain.copy() if isinstance(plain, np.ndarray) else plain

    @value.setter
    def value(self, new: Any) -> None:
        operations["set_variable"](self, new)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.node.value.shape

    @property
    def ndim(self) -> int:
        return self.node.value.ndim

    @property
    def size(self) -> int:
        return self.node.value.size

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.node.value.dtype

    @property
    def itemsize(self) -> int:
        return self.dtype.itemsize

    @property
    def nbytes(self) -> int:
        return self.size * self.dtype.itemsize

    @property
    def T(self) -> Any:  # noqa: N802 NumPy's name
        return operations["transpose_all"](self)

    @property
    def mT(self) -> Any:  # noqa: N802 NumPy's name
        return operations["swapaxes"](self, -1, -2)

    @property
    def real(self) -> Any:
        return functions[np.real](self)

    @property
    def imag(self) -> Any:
        return functions[np.imag](self)

    @property
    def name(self) -> str | None:
        """The user's name for the value."""
        return self.node.name

    def __repr__(self) -> str:
        name = self.node.name or self.node.primitive.name
        if self.node.name is None and self.node.primitive is not INPUT:
            operands = [(source.name if source is not None else None) or "…" for source in self.node.inputs]
            name = self.node.primitive.notation.plain([(text, 50) for text in operands], {})[0] + "…"
        text = np.array2string(np.asarray(concrete(self)), threshold=6, edgeitems=2, separator=", ")
        return f"<traced {name} = {' '.join(text.split())}>"

    def __format__(self, spec: str) -> str:
        return format(concrete(self), spec)

    def __str__(self) -> str:
        return str(concrete(self))

    # -- NumPy's protocols ------------------------------------------------------------------------------------------
    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method == "__call__" and not kwargs:
            stand_in = numpy_protocol.ufuncs.get(ufunc)
            if stand_in is not None:
                return stand_in(*inputs)
        return numpy_protocol.call_ufunc(ufunc, method, inputs, kwargs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return numpy_protocol.call_function(function, args, kwargs)

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        del copy  # plain numbers of a traced value are always a copy
        called = library_call()
        if called in numpy_protocol.CONVERTING:
            self._leave_graph(f"SciPy's {called}", numpy_protocol.CONVERTING[called])
        self._leave_graph(
            "Converting it to a plain array",
            "np.stack([...]) instead of np.array([...]), "
            "np.zeros_like(t) instead of np.zeros(n) for an array that is filled with traced values, "
            "or cr.stop_gradient(t) if no gradient is wanted",
        )
        return np.array(concrete(self), dtype=dtype)

    def _leave_graph(self, action: str, advice: str) -> None:
        """Raise unless no gradient is lost when the value becomes plain."""
        if self.level in recorders or not carries_gradient(self.node):
            return
        require_open(self)
        if stores_item(user_frame()):
            action = "Writing it into a plain array"
            advice = (
                "np.zeros_like(t) instead of np.zeros(n) for the array, so that it is traced too, build it with np.stack([...]), "
                "or write cr.stop_gradient(t) if no gradient is wanted"
            )
        name = self.node.name
        shown = name if name else f"a value made by {self.node.primitive.name}"
        raise TracedValueError(
            f"{action} would cut {shown} out of the graph and lose its gradient ({self.node.type}, in {here()}). "
            f"Write {advice}."
        )

    def __float__(self) -> float:
        self._leave_graph(
            "float()",
            "the NumPy form (np.exp(t) instead of math.exp(t)), np.zeros_like(t) instead of np.zeros(n) "
            "for an array that is filled with traced values, or cr.stop_gradient(t) if no gradient is wanted",
        )
        return float(concrete(self))

    def __complex__(self) -> complex:
        self._leave_graph("complex()", "the NumPy form, or cr.stop_gradient(t) if no gradient is wanted")
        return complex(concrete(self))

    def item(self, *args: Any) -> Any:
        """The plain number; an error where that would lose a gradient."""
        self._leave_graph(
            ".item()", "the value itself (a 0-d traced value works like a number), or cr.stop_gradient(t)"
        )
        return concrete(self).item(*args)

    def tolist(self) -> Any:
        """The plain nested list; an error where that would lose a gradient."""
        self._leave_graph(".tolist()", "list(t), or cr.stop_gradient(t) if no gradient is wanted")
        return concrete(self).tolist()

    def __bool__(self) -> bool:
        value = innermost(self)
        recorder = recorder_of(value)
        return bool(value) if recorder is None else recorder.truth(value)

    def __int__(self) -> int:
        return whole_number(self, int)  # a step function: its derivative is zero by nature

    def __index__(self) -> int:
        return whole_number(self, operator.index)

    def __len__(self) -> int:
        return len(prototype(self))

    def __iter__(self) -> Iterator[Any]:
        if not self.ndim:
            raise TypeError("iteration over a 0-d array")
        return (self[index] for index in range(len(self)))

    def __contains__(self, item: Any) -> bool:
        return bool(np.any(undifferentiated(self) == undifferentiated(item)))

    def __reduce__(self) -> NoReturn:
        raise ArgumentError(
            f"A traced value ({self!r}) cannot be pickled or copied with the copy module: it belongs to the "
            "program being traced. Use .copy() for an array of its own, or .value for the plain numbers."
        )

    def __copy__(self) -> NoReturn:
        self.__reduce__()

    def __deepcopy__(self, memo: Any) -> NoReturn:
        self.__reduce__()

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)
        advice = ""
        if hasattr(np.ndarray, name):
            advice = f" ndarray.{name} has no derivative rule here; use t.value.{name} for the plain numbers (without gradient)."
        raise AttributeError(f"a traced value has no attribute {name!r}.{advice}")

    # -- in place ---------------------------------------------------------------------------------------------------
    def assign(self, replacement: Traced) -> None:
        """Make this handle stand for another node of the same shape and dtype, as an in-place write does."""
        if replacement.level > self.level:
            raise GraphError(
                f"An in-place write would put a value of an inner differentiation into {self.node.name or 'an array'} of an outer "
                f"one (in {here()}). Make the array inside the inner function, or build a new one."
            )
        before, after = prototype(self), prototype(replacement)
        if before.strides != after.strides and before.ndim > 1 and before.size:
            axes = numpy_protocol.memory_order(before)
            if axes != numpy_protocol.memory_order(after):
                # The order decides which later reshapes are views, so a write does not change it.
                ordered = operations["copy"](operations["transpose"](replacement, axes=axes), order="C")
                replacement = operations["transpose"](ordered, axes=tuple(int(axis) for axis in np.argsort(axes)))
        self.node = replacement.node

    def view(self, *_: Any, **__: Any) -> NoReturn:
        """Refused: another reading of the same bytes is no operation on numbers (np.matrix asks for it)."""
        raise UnsupportedError(
            f"ndarray.view is not supported on traced values (in {here()}): it reads the same bytes as other numbers or as another "
            "class, np.matrix among them. Use astype for another dtype, and @ with plain arrays instead of np.matrix."
        )

    def __setitem__(self, index: Any, item: Any) -> None:
        if not isinstance(prototype(self), np.ndarray):
            raise TypeError(f"{self!r} is a number and does not support item assignment")
        self.assign(operations["setitem"](self, index, item))

    def __getitem__(self, index: Any) -> Any:
        return operations["getitem"](self, index)

    # -- define-by-run ----------------------------------------------------------------------------------------------
    @property
    def grad(self) -> Any:
        """The gradient that backward() left here; None before. Only values made from `variable` have one."""
        return self.node.grad

    @grad.setter
    def grad(self, new: Any) -> None:
        self.node.grad = new

    def backward(self, seed: Any = None, free: bool = False) -> None:
        """Set `.grad` of every value that this one depends on; gradients of variables add up over calls.

        `seed` is the cotangent of this value (default 1, which needs a single number). `free=True` lets go of the
        graph.

        >>> import chainrule as cr
        >>> x = cr.variable(3.0)
        >>> y = x * x
        >>> y.backward()
        >>> float(x.grad)
        6.0
        """
        operations["backward"](self, seed, free)

    def derive(self, **options: Any) -> Any:
        """The derivation of this value from the variables that it was made from; options as in `cr.derive`."""
        return operations["derive"](self, **options)


class TracedView(Traced):
    """A traced array that shares its memory with another: it follows writes into its base, and writes into it reach the
    base."""

    __slots__ = ("_base", "_parameters", "_primitive", "_seen")

    @classmethod
    def on(cls, base: Traced, node: Node, level: int) -> TracedView:
        """A view of `base`."""
        handle = cls()
        _stored.__set__(handle, node)
        handle.level = level
        handle._base = base
        handle._seen = base.node
        handle._primitive = node.primitive
        handle._parameters = node.parameters
        return handle

    @property
    def node(self) -> Node:  # pyright: ignore[reportIncompatibleVariableOverride] computed where the base was written
        base_node = self._base.node
        if base_node is not self._seen:
            fresh = operations[self._primitive.name](self._base, **self._parameters)
            _stored.__set__(self, _stored.__get__(fresh))
            self._seen = base_node
        return _stored.__get__(self)

    def assign(self, replacement: Traced) -> None:
        undo = self._primitive.undo_view
        if undo is None:
            raise GraphError(
                f"Writing into the result of {self._primitive.name} is not supported on traced arrays (in {here()}). "
                "Write into the array itself, by its index."
            )
        self._base.assign(undo(self._base, replacement, **self._parameters))


_stored: Any = Traced.__dict__["node"]
