"""In which types an operation computes: NumPy's promotion, in the types that kernels know."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.graph import Node
from chainrule.lower.kernel import TYPE_OF

# Operations that take longer than reading their result from memory again.
# fmt: off
DEAR = frozenset((
    "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "tanh", "sigmoid", "sin", "cos", "tan", "power",
    "power_ufunc", "float_power", "normal_cdf", "softplus", "log_sigmoid", "logaddexp", "logaddexp2", "arcsin",
    "arccos", "arctan", "arctan2", "sinh", "cosh", "arcsinh", "arccosh", "arctanh", "cbrt", "hypot", "elu", "divide",
    "sqrt", "sinc",
))
# fmt: on


_TYPES = {np.dtype(name): type_ for name, type_ in TYPE_OF.items()}  # in this machine's order of bytes


def kernel_type(value: Any) -> str | None:
    """The type in kernels of a value; None where they know none.

    >>> kernel_type(np.float32(1.0)), kernel_type(np.ones(2, complex))
    ('f32', None)
    """
    dtype = getattr(value, "dtype", None)
    return _TYPES.get(np.asarray(value).dtype if dtype is None else dtype)


def loop_types(node: Node) -> tuple[tuple[str, ...], str] | None:
    """The types in which an elementwise operation takes its arguments and gives its result; None where kernels know one of them not.

    >>> import chainrule as cr
    >>> loop_types(cr.trace(lambda x: x * 2.0, np.ones(3, "float32")).outputs[0])
    (('f32', 'f32'), 'f32')
    """
    result = kernel_type(node.value)
    if result is None:
        return None
    name, forward = node.primitive.name, node.primitive.forward
    if name == "where":
        return ("b1", result, result), result
    if name == "keep":
        second = kernel_type(node.arguments[1])
        return None if second is None else ((result, second), result)
    if name == "greater_part":
        compared = {kernel_type(argument) for argument in node.arguments[1:] if type(argument) not in (int, float)}
        return ((result, result, result), result) if compared == {result} else None
    if name in ("astype", "astype_of_counts"):
        source = kernel_type(node.arguments[0])
        return None if source is None else ((source,), result)
    if isinstance(forward, np.ufunc) and forward.nout == 1:
        try:
            found = forward.resolve_dtypes((*map(_promoted, node.arguments), None))
        except TypeError:
            return None
        if found[-1] != node.value.dtype:
            return None
        taken = tuple(_TYPES.get(dtype) for dtype in found[:-1])
    else:
        kinds = [
            kernel_type(argument)
            for argument, source in zip(node.arguments, node.inputs, strict=True)
            if source is not None
        ]
        common = result if result != "b1" else kinds[0] if len(set(kinds)) == 1 else None
        taken = (common,) * len(node.arguments)
    return None if None in taken else (taken, result)  # pyright: ignore[reportReturnType] no None is left


def _promoted(argument: Any) -> Any:
    """How an argument takes part in promotion: Python's numbers are weak."""
    kind = type(argument)
    return kind if kind is float or kind is int else np.bool_ if kind is bool else argument.dtype
