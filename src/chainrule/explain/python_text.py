"""Values and indices in, Python source text out; and which names a program may use.

A text carries its precedence, as Python's grammar ranks operators, so that parentheses stand where they must.
"""

from __future__ import annotations

import builtins
import keyword
import math
import operator
import re
import sys
from types import EllipsisType
from typing import Any, NamedTuple

import numpy as np

from chainrule.errors import ArgumentError
from chainrule.ops.choice import clip_ufunc

COMPARISON, OR, XOR, AND, SHIFT, SUM, PRODUCT, UNARY, POWER, ATOM = range(1, 11)


class Text(NamedTuple):
    """Source text and the precedence of its outermost operator.

    >>> Text("a + b", SUM).fit(PRODUCT)
    '(a + b)'
    """

    source: str
    level: int = ATOM

    def fit(self, level: int) -> str:
        """The text where an operand of at least this precedence is needed."""
        return self.source if self.level >= level else f"({self.source})"


def literal(value: Any) -> Text:
    """A value as source text that gives the same value, dtype and bits; arrays keep their layout in memory.

    >>> literal(-2.0), literal(np.float32(0.1)).source, literal(np.array([1, 2])).source
    (Text(source='-2.0', level=8), 'np.float32(0.1)', 'np.array([1, 2])')
    """
    kind = type(value)
    if kind is float or kind is int or kind is bool or value is None or kind is str:
        return _scalar(value)
    if kind is complex:
        return _complex(value)
    if isinstance(value, np.generic):
        inner = _complex(value.item()) if value.dtype.kind == "c" else _scalar(_exact(value))
        return Text(f"np.{_type_name(value.dtype)}({inner.source})")
    if isinstance(value, np.ndarray):
        return _array(value)
    if isinstance(value, EllipsisType):
        return Text("...")
    if isinstance(value, slice):
        parts = [literal(part).source for part in (value.start, value.stop, value.step)]
        return Text(f"slice({', '.join(parts)})")
    if kind is tuple:
        inner_texts = [literal(part).source for part in value]
        return Text(f"({inner_texts[0]},)" if len(value) == 1 else f"({', '.join(inner_texts)})")
    if kind is list:
        return Text(f"[{', '.join(literal(part).source for part in value)}]")
    if kind is dict:
        return Text(f"{{{', '.join(f'{literal(k).source}: {literal(v).source}' for k, v in value.items())}}}")
    if isinstance(value, np.dtype):
        return Text(f"np.dtype({quoted(value.name)})")
    path = qualified(value)
    if path is not None:
        return Text(path)
    raise ArgumentError(
        f"A {kind.__module__}.{kind.__qualname__} has no form as Python source text ({value!r}), so the program that uses it cannot "
        "be written. Use numbers, arrays, tuples and texts as settings."
    )


def quoted(text: str) -> str:
    """A text in double quotes.

    >>> quoted('a"b')
    '"a\\\\"b"'
    """
    inner = repr(text)
    return inner if inner[0] == '"' else '"' + inner[1:-1].replace("\\'", "'").replace('"', '\\"') + '"'


def _scalar(value: Any) -> Text:
    if isinstance(value, str):
        return Text(quoted(value))
    if isinstance(value, float) and not math.isfinite(value):
        if math.isnan(value):
            return Text("np.nan")
        return Text("np.inf") if value > 0 else Text("-np.inf", UNARY)
    text = repr(value)
    return Text(text, UNARY if text[0] == "-" else ATOM)


def _complex(value: complex) -> Text:
    real, imaginary = value.real, value.imag
    signed_zero = any(part == 0 and math.copysign(1, part) < 0 for part in (real, imaginary))
    if not (math.isfinite(real) and math.isfinite(imaginary)) or signed_zero:
        return Text(f"complex({_scalar(real).source}, {_scalar(imaginary).source})")
    if real == 0:
        return Text(f"{imaginary!r}j", UNARY if imaginary < 0 else ATOM)
    return Text(f"{real!r} {'-' if imaginary < 0 else '+'} {abs(imaginary)!r}j", SUM)


def _exact(value: Any) -> Any:
    return value.item() if not isinstance(value, np.floating) or value.dtype.itemsize > 8 else float(repr_of(value))


def repr_of(value: Any) -> str:
    """The shortest digits that give a floating number of NumPy back in its own dtype.

    >>> repr_of(np.float32(0.1))
    '0.1'
    """
    return str(value) if np.isfinite(value) else repr(float(value))


def _type_name(dtype: np.dtype[Any]) -> str:
    return "bool" if dtype.kind == "b" else dtype.name


def _array(value: Any) -> Text:
    order = sorted(range(value.ndim), key=lambda axis: -abs(value.strides[axis]) if value.shape[axis] > 1 else -np.inf)
    if value.ndim > 1 and value.size and not value.flags.c_contiguous and order != list(range(value.ndim)):
        back = tuple(int(axis) for axis in np.argsort(order))
        base = _array(np.ascontiguousarray(value.transpose(order)))
        return Text(f"{base.source}.T" if back == tuple(range(value.ndim))[::-1] else f"{base.source}.transpose{back}")
    plain_type = value.dtype.name in ("float64", "int64", "bool", "complex128")
    dtype = "" if value.dtype.name == "float64" else f", np.{_type_name(value.dtype)}"
    if value.size == 0:
        return Text(f"np.zeros({value.shape}{dtype})")
    flat = value.ravel()
    if value.size > 2 and flat[0].tobytes() * value.size == flat.tobytes():
        shape = repr(value.shape[0] if value.ndim == 1 else value.shape)
        if flat[0].tobytes() == bytes(value.itemsize):
            return Text(f"np.zeros({shape}{dtype})")
        if flat[0] == 1 and value.dtype.kind != "b":
            return Text(f"np.ones({shape}{dtype})")
        return Text(f"np.full({shape}, {_element(flat[0]).source}{dtype})")
    if value.ndim == 1 and value.dtype == np.int64 and value.size > 2 and np.array_equal(flat, np.arange(flat.size)):
        return Text(f"np.arange({value.size})")
    nested = _nested(value)
    return Text(f"np.array({nested}{'' if plain_type else dtype})")


def _element(value: Any) -> Text:
    return _complex(value.item()) if value.dtype.kind == "c" else _scalar(_exact(value))


def _nested(value: Any) -> str:
    if value.ndim == 0:
        return _element(value[()]).source
    return f"[{', '.join(_nested(part) for part in value)}]" if value.ndim > 1 else _row(value)


def _row(value: Any) -> str:
    return f"[{', '.join(_element(part).source for part in value)}]"


def brackets(pattern: tuple[Any, ...], arrays: list[str]) -> str:
    """What stands between [ and ]; texts in the pattern mark the places of index arrays.

    >>> brackets((slice(1, None), None, "array"), ["i"])
    '1:, np.newaxis, i'
    """
    remaining = iter(arrays)
    shown = []
    for item in pattern:
        if isinstance(item, str):
            shown.append(next(remaining))
        elif isinstance(item, slice):
            ends = ["" if part is None else str(part) for part in (item.start, item.stop)]
            shown.append(":".join(ends) + ("" if item.step is None else f":{item.step}"))
        else:
            shown.append("np.newaxis" if item is None else literal(item).source)
    return ", ".join(shown) or "()"


def qualified(value: Any) -> str | None:
    """Where a function or class of NumPy, SciPy or the standard library is found, as source text; None where nowhere.

    >>> qualified(np.linalg.inv), qualified(np.tanh)
    ('np.linalg.inv', 'np.tanh')
    """
    name = getattr(value, "__name__", None)
    if value is clip_ufunc:
        return "np.clip"
    if not isinstance(name, str):
        return None
    for module, path in (
        (np, "np."),
        (np.linalg, "np.linalg."),
        (np.fft, "np.fft."),
        (math, "math."),
        (operator, "operator."),
        (sys.modules.get("scipy.special"), "special."),
        (sys.modules.get("scipy.special._ufuncs"), "special._ufuncs."),
        (builtins, ""),
    ):
        if module is not None and getattr(module, name, None) is value:
            return path + name
    return None


class Names:
    """Names of a program's variables, each given once.

    >>> names = Names()
    >>> names.new("x"), names.new("x"), names.new("lambda"), names.new("layers[0]")
    ('x', 'x_2', 'lambda_', 'layers_0')
    """

    RESERVED = ("np", "special", "math", "operator", "itertools", "value_and_gradients")

    def __init__(self) -> None:
        self.taken: set[str] = {*keyword.kwlist, *keyword.softkwlist, *dir(builtins), *self.RESERVED}
        self._counts: dict[str, int] = {}

    def new(self, wanted: str) -> str:
        """The wanted name as an identifier, with a number where another variable has it already."""
        base = re.sub(r"\W+", "_", wanted).strip("_") if not wanted.isidentifier() else wanted
        base = base if base.isidentifier() else f"v_{base}".rstrip("_")
        if base in self.taken and base not in self._counts:
            base += "_"
        name, count = base, self._counts.get(base, 1)
        while name in self.taken:
            count += 1
            name = f"{base}_{count}"
        self._counts[base] = count
        self.taken.add(name)
        return name

    def free(self, *candidates: str) -> str:
        """The first of these beginnings with which no name begins."""
        return next(
            (start for start in candidates if not any(name.startswith(start) for name in self.taken)), candidates[-1]
        )
