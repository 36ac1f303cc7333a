"""The functions and constants that an expression on the command line may use, by name."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import reduce
from types import MappingProxyType
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError
from chainrule.ops.activations import elu, gelu, leaky_relu, log_sigmoid, maxout, normal_cdf, relu, selu, silu, softplus
from chainrule.ops.elementwise import sigmoid
from chainrule.ops.exponential_sums import log_softmax, logsumexp, softmax


class CallError(ArgumentError):
    """The command line asks for something that cannot be done: exit code 2. The message says what to write instead.

    >>> issubclass(CallError, ArgumentError)
    True
    """


@dataclass(frozen=True, slots=True)
class Known:
    """A function, how many values it takes (from `least` to `most`), and the options it takes by keyword."""

    function: Callable[..., Any]
    least: int = 1
    most: int = 1
    keywords: frozenset[str] = frozenset()


def _greatest(*values: Any) -> Any:
    """`max` of several values, with NumPy's shapes and the tie of `np.maximum`; of plain numbers a plain number."""
    return max(values) if _plain(values) else reduce(np.maximum, values)


def _least(*values: Any) -> Any:
    return min(values) if _plain(values) else reduce(np.minimum, values)


def _plain(values: tuple[Any, ...]) -> bool:
    return all(type(value) in (int, float) for value in values)


def _extreme(several: Callable[..., Any], one: Callable[..., Any]) -> Callable[..., Any]:
    def choose(*values: Any, **keywords: Any) -> Any:
        return several(*values) if len(values) > 1 else one(*values, **keywords)

    return choose


def _transpose(value: Any) -> Any:
    return np.transpose(value)


ONE = (
    "exp exp2 expm1 log log2 log10 log1p sqrt cbrt square abs sign sin cos tan arcsin arccos arctan sinh cosh tanh "
    "arcsinh arccosh arctanh negative reciprocal floor ceil rint"
)
TWO = (
    "arctan2 hypot maximum minimum power add subtract multiply divide logaddexp dot matmul inner outer vdot kron cross"
)
ALONG_AXES = "sum mean prod var std"
REDUCTION = frozenset({"axis", "keepdims"})

FUNCTIONS: Mapping[str, Known] = MappingProxyType(
    {name: Known(getattr(np, name)) for name in ONE.split()}
    | {name: Known(getattr(np, name), 2, 2) for name in TWO.split()}
    | {name: Known(getattr(np, name), keywords=REDUCTION) for name in ALONG_AXES.split()}
    | {
        "cumsum": Known(np.cumsum, keywords=frozenset({"axis"})),
        "trace": Known(np.trace),
        "diag": Known(np.diag),
        "transpose": Known(_transpose),
        "norm": Known(np.linalg.norm, keywords=frozenset({"ord", "axis", "keepdims"})),
        "inv": Known(np.linalg.inv),
        "det": Known(np.linalg.det),
        "solve": Known(np.linalg.solve, 2, 2),
        "where": Known(np.where, 3, 3),
        "clip": Known(np.clip, 3, 3),
        "concatenate": Known(np.concatenate, keywords=frozenset({"axis"})),
        "max": Known(_extreme(_greatest, np.max), 1, 9, REDUCTION),
        "min": Known(_extreme(_least, np.min), 1, 9, REDUCTION),
        "sigmoid": Known(sigmoid),
        "relu": Known(relu),
        "leaky_relu": Known(leaky_relu, keywords=frozenset({"slope"})),
        "elu": Known(elu, keywords=frozenset({"alpha"})),
        "selu": Known(selu),
        "gelu": Known(gelu),
        "silu": Known(silu),
        "softplus": Known(softplus),
        "log_sigmoid": Known(log_sigmoid),
        "normal_cdf": Known(normal_cdf),
        "maxout": Known(maxout, keywords=frozenset({"pool_size", "axis"})),
        "softmax": Known(softmax, keywords=frozenset({"axis"})),
        "log_softmax": Known(log_softmax, keywords=frozenset({"axis"})),
        "logsumexp": Known(logsumexp, keywords=frozenset({"axis", "keepdims"})),
    }
)
ALIASES: Mapping[str, str] = MappingProxyType(
    {
        "amax": "max",
        "amin": "min",
        "asin": "arcsin",
        "acos": "arccos",
        "atan": "arctan",
        "atan2": "arctan2",
        "asinh": "arcsinh",
        "acosh": "arccosh",
        "atanh": "arctanh",
        "absolute": "abs",
        "ln": "log",
        "pow": "power",
        "average": "mean",
        "ReLU": "relu",
        "logistic": "sigmoid",
    }
)
CONSTANTS: Mapping[str, float] = MappingProxyType({"pi": math.pi, "π": math.pi, "e": math.e})


def known(name: str) -> Known | None:
    """The function of a name, with the usual second names (`ln` for `log`); None where there is none.

    >>> known("ln").function is np.log
    True
    """
    return FUNCTIONS.get(ALIASES.get(name, name))


def closest(name: str, among: list[str] | None = None) -> str | None:
    """The known name that a mistyped one is nearest to, if one is near.

    >>> closest("sigmiod")
    'sigmoid'
    """
    found = difflib.get_close_matches(name, among if among is not None else [*FUNCTIONS, *ALIASES], n=1, cutoff=0.6)
    return found[0] if found else None
