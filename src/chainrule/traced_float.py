"""A Python float that is an input of a compiled program: other numbers need no new program.

Among themselves, Python's floats follow Python's rules, where NumPy's differ: a division by zero is an error, a power of
a negative number may be complex, a comparison gives True or False, and results are floats again. What those rules need
to know is read, and becomes a guard. With anything else it is NumPy's float64.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from chainrule.primitive import operations
from chainrule.traced import Traced, concrete


def _arithmetic(name: str, apply: Callable[[Any, Any], Any]) -> tuple[Any, Any]:
    def combine(first: Any, second: Any) -> Any:
        if not _defined(name, first, second):
            return apply(_number(first), _number(second))  # Python's answer: an error, or a complex number
        made = operations[name](first, second)
        return TracedFloat.of(made.node, made.level) if type(made) is Traced else made

    def forward(self: Any, other: Any) -> Any:
        return combine(self, other) if _is_python(other) else getattr(Traced, f"__{apply.__name__}__")(self, other)

    def reflected(self: Any, other: Any) -> Any:
        return combine(other, self) if _is_python(other) else getattr(Traced, f"__r{apply.__name__}__")(self, other)

    return forward, reflected


def _is_python(value: Any) -> bool:
    return type(value) in (TracedFloat, float, int, bool)


def _number(value: Any) -> Any:
    return float(value) if isinstance(value, TracedFloat) else value


def _defined(name: str, first: Any, second: Any) -> bool:
    """Whether NumPy computes what Python does; asking becomes a guard."""
    if name in ("divide", "remainder", "floor_divide"):
        return bool(second != 0)
    if name == "power":
        whole = type(second) is int or (type(second) is float and second.is_integer())
        return bool(first > 0) or (whole and second >= 0)
    return True


def _comparison(name: str) -> Any:
    def compare(self: Any, other: Any) -> Any:
        if _is_python(other):
            return bool(operations[name](self, other))
        return getattr(Traced, {"less": "__lt__", "less_equal": "__le__", "greater": "__gt__"}.get(name, "__ge__"))(
            self, other
        )

    return compare


class TracedFloat(Traced):
    """A traced number that the user's code knows as a Python float.

    >>> import numpy as np
    >>> from chainrule.boundary import lift, next_level
    >>> x = lift(np.float64(2.0), "x", next_level())
    >>> isinstance(TracedFloat.of(x.node, x.level), float), type(TracedFloat.of(x.node, x.level) * 2).__name__
    (True, 'TracedFloat')
    """

    __slots__ = ()

    @property
    def __class__(self) -> type:
        return float

    __add__, __radd__ = _arithmetic("add", operator.add)
    __sub__, __rsub__ = _arithmetic("subtract", operator.sub)
    __mul__, __rmul__ = _arithmetic("multiply", operator.mul)
    __truediv__, __rtruediv__ = _arithmetic("divide", operator.truediv)
    __mod__, __rmod__ = _arithmetic("remainder", operator.mod)
    __floordiv__, __rfloordiv__ = _arithmetic("floor_divide", operator.floordiv)

    def __divmod__(self, other: Any) -> Any:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> Any:
        return other // self, other % self

    __pow__, __rpow__ = _arithmetic("power", operator.pow)
    __lt__, __le__ = _comparison("less"), _comparison("less_equal")
    __gt__, __ge__ = _comparison("greater"), _comparison("greater_equal")

    def __eq__(self, other: Any) -> Any:
        return bool(operations["equal"](self, other)) if _is_python(other) else Traced.__eq__(self, other)

    def __ne__(self, other: Any) -> Any:
        return bool(operations["not_equal"](self, other)) if _is_python(other) else Traced.__ne__(self, other)

    def __hash__(self) -> int:
        return hash(float(self))

    def __neg__(self) -> Any:
        made = operations["negative"](self)
        return TracedFloat.of(made.node, made.level)

    def __pos__(self) -> Any:
        return self

    def __abs__(self) -> Any:
        made = operations["absolute"](self)
        return TracedFloat.of(made.node, made.level)

    def __round__(self, digits: Any = None) -> Any:
        return round(float(self), digits)

    def __repr__(self) -> str:
        return repr(float(concrete(self)))

    def __str__(self) -> str:
        return repr(float(concrete(self)))

    def __format__(self, spec: str) -> str:
        return format(float(concrete(self)), spec)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or not hasattr(float, name):
            raise AttributeError(f"'float' object has no attribute {name!r}")
        return getattr(float(self), name)


__all__ = ["TracedFloat"]
