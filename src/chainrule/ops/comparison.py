"""Comparison: elementwise operations whose derivative is zero by nature, because their results are steps.

Comparisons, logic, bits, tests for special numbers, and rounding. They are recorded like all others, so that a graph shows
where a decision came from, and no gradient flows through them.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.boxes import Fence, Fraction
from chainrule.notation import Notation, call, fenced, infix, prefix
from chainrule.numpy_protocol import write_out
from chainrule.primitive import gradient_free, refuse, sample, stand_in
from chainrule.shapes import ArrayType
from chainrule.trace import primitive

Operation = Callable[..., Any]


def _step(
    name: str,
    forward: Any,
    notation: Notation | None = None,
    execute: Any = None,
    domain: tuple[float, float] | tuple[tuple[float, float], ...] = (-2.0, 2.0),
) -> Operation:
    return primitive(name, forward=forward, execute=execute, vjp=None, notation=notation, domain=domain)


# -- comparisons -------------------------------------------------------------------------------------------------------

less = _step("less", np.less, infix("<", 8), operator.lt)
less_equal = _step("less_equal", np.less_equal, infix(r"\le", 8, "<="), operator.le)
greater = _step("greater", np.greater, infix(">", 8), operator.gt)
greater_equal = _step("greater_equal", np.greater_equal, infix(r"\ge", 8, ">="), operator.ge)
equal = _step("equal", np.equal, infix("=", 8, "=="), operator.eq)
not_equal = _step("not_equal", np.not_equal, infix(r"\ne", 8, "!="), operator.ne)

# -- logic and bits ----------------------------------------------------------------------------------------------------

logical_and = _step("logical_and", np.logical_and, infix(r"\wedge", 6, "and"))
logical_or = _step("logical_or", np.logical_or, infix(r"\vee", 5, "or"))
logical_xor = _step("logical_xor", np.logical_xor, infix(r"\oplus", 5, "xor"))
logical_not = _step("logical_not", np.logical_not, prefix(r"\neg ", text="not "))
bitwise_and = _step("bitwise_and", np.bitwise_and, infix(r"\mathbin{\&}", 7, "&"), operator.and_)
bitwise_or = _step("bitwise_or", np.bitwise_or, infix(r"\mathbin{|}", 5, "|"), operator.or_)
bitwise_xor = _step("bitwise_xor", np.bitwise_xor, infix(r"\oplus", 6, "^"), operator.xor)
invert = _step("invert", np.invert, prefix(r"\sim ", text="~"))
left_shift = _step("left_shift", np.left_shift, infix(r"\ll", 9, "<<"))
right_shift = _step("right_shift", np.right_shift, infix(r"\gg", 9, ">>"))
bitwise_count = _step("bitwise_count", np.bitwise_count)
gcd = _step("gcd", np.gcd, call(r"\gcd"))
lcm = _step("lcm", np.lcm, call(r"\operatorname{lcm}"))

# -- tests for special numbers -----------------------------------------------------------------------------------------

isnan = _step("isnan", np.isnan)
isfinite = _step("isfinite", np.isfinite)
isinf = _step("isinf", np.isinf)
signbit = _step("signbit", np.signbit)

gradient_free(
    np.isnat,
    np.isposinf,
    np.isneginf,
    np.iscomplex,
    np.isreal,
    np.isclose,
    np.allclose,
    np.array_equal,
    np.array_equiv,
)

# -- rounding ----------------------------------------------------------------------------------------------------------

floor = _step("floor", np.floor, fenced("⌊", "⌋"), domain=(0.1, 0.9))
ceil = _step("ceil", np.ceil, fenced("⌈", "⌉"), domain=(0.1, 0.9))
trunc = _step("trunc", np.trunc, call(r"\operatorname{trunc}"), domain=(0.1, 0.9))
rint = _step("rint", np.rint, call(r"\operatorname{round}"), domain=(0.6, 1.4))
spacing = _step("spacing", np.spacing, call(r"\operatorname{ulp}"), domain=(1.1, 1.9))
floor_divide = _step(
    "floor_divide",
    np.floor_divide,
    Notation("infix", "//", "//", 20, draw=lambda x: Fence(Fraction(x[0][0], x[1][0]), "⌊", "⌋")),
    operator.floordiv,
    domain=((1.1, 1.9), (0.95, 1.05)),
)


def _rounded_type(function: Any) -> Any:
    def rule(x: ArrayType, **parameters: Any) -> ArrayType:
        return x.retyped(function(np.zeros(1, x.dtype), **parameters).dtype)

    return rule


_round = primitive(
    "round",
    forward=lambda x, *, decimals: np.round(x, decimals),
    vjp=None,
    shape=_rounded_type(np.round),
    elementwise=True,
    notation=call(r"\operatorname{round}"),
    domain=(0.6, 1.4),
    samples=(sample((2, 3), decimals=0), sample((), decimals=1), sample((0, 2), decimals=-1)),
)
_fix = primitive(
    "fix",
    forward=np.fix,
    vjp=None,
    shape=_rounded_type(np.fix),
    elementwise=True,
    notation=call(r"\operatorname{fix}"),
    domain=(0.1, 0.9),
)


@stand_in(np.round, np.around)
def round(a: Any, decimals: int = 0, out: Any = None) -> Any:  # noqa: A001 NumPy's name
    """Round to a number of decimals, as `numpy.round`; the gradient is zero.

    >>> round(np.array([1.26, -0.74]), 1)
    array([ 1.3, -0.7])
    """
    return write_out(np.round, _round(a, decimals=operator.index(decimals)), out)


@stand_in(np.fix)
def fix(x: Any, out: Any = None) -> Any:
    """Round towards zero, as `numpy.fix`; the gradient is zero.

    >>> fix(np.array([1.7, -1.7]))
    array([ 1., -1.])
    """
    return write_out(np.fix, _fix(x), out)


# -- text and dates ----------------------------------------------------------------------------------------------------

TEXT_UFUNCS = [
    "_center", "_expandtabs", "_expandtabs_length", "_ljust", "_lstrip_chars", "_lstrip_whitespace",
    "_partition", "_partition_index", "_replace", "_rjust", "_rpartition", "_rpartition_index", "_rstrip_chars",
    "_rstrip_whitespace", "_slice", "_strip_chars", "_strip_whitespace", "_zfill", "count", "endswith", "find",
    "index", "isalnum", "isalpha", "isdecimal", "isdigit", "islower", "isnumeric", "isspace", "istitle",
    "isupper", "rfind", "rindex", "startswith", "str_len",
]  # fmt: skip

_umath = np._core.umath  # pyright: ignore[reportAttributeAccessIssue] NumPy has no public names for them
refuse(
    "It works on text, which has no gradient; traced values are numbers.",
    *(getattr(_umath, name) for name in TEXT_UFUNCS if hasattr(_umath, name)),
)

__all__ = [
    "bitwise_and",
    "bitwise_count",
    "bitwise_or",
    "bitwise_xor",
    "ceil",
    "equal",
    "fix",
    "floor",
    "floor_divide",
    "gcd",
    "greater",
    "greater_equal",
    "invert",
    "isfinite",
    "isinf",
    "isnan",
    "lcm",
    "left_shift",
    "less",
    "less_equal",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "not_equal",
    "right_shift",
    "rint",
    "round",
    "signbit",
    "spacing",
    "trunc",
]
