"""How an operation is written: six words, with precedence.

Notation is data: a graph prints it as text here, and every other printer (LaTeX, MathML) reads the same record.
Precedences: 0 none, 10 sum, 20 product, 30 prefix, 40 power, 50 call or atom.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Notation:
    """One way of writing an operation: the kind of writing, its symbol (LaTeX), its plain text, its precedence."""

    kind: str
    symbol: str
    text: str
    precedence: int
    write: Callable[..., str] | None = None

    def plain(self, operands: list[tuple[str, int]], parameters: dict[str, Any]) -> tuple[str, int]:
        """The operation as plain text over operands that are (text, precedence); returns the same pair.

        >>> infix("+", 10).plain([("a", 50), ("b c", 20)], {})
        ('a + b c', 10)
        """
        level = self.precedence

        def fit(index: int, lowest: int) -> str:
            text, precedence = operands[index]
            return f"({text})" if precedence < lowest else text

        if self.kind == "custom" and self.write is not None:
            return self.write([text for text, _ in operands], **parameters), level
        if self.kind == "infix" and len(operands) == 2:
            return f"{fit(0, level)} {self.text} {fit(1, level + 1)}", level
        if self.kind == "fraction":
            return f"{fit(0, level)} / {fit(1, level + 1)}", level
        if self.kind == "prefix":
            return f"{self.text}{fit(0, level)}", level
        if self.kind == "power":
            return f"{fit(0, level + 1)}{self.text or '**' + fit(1, level)}", level
        extra = [f"{name}={show(value)}" for name, value in parameters.items()]
        return f"{self.text}({', '.join([text for text, _ in operands] + extra)})", 50


def show(value: Any) -> str:
    """A parameter as short text: arrays by their type, slices as they are written.

    >>> show(slice(None, 3)), show((0, 1)), show(None)
    (':3', '(0, 1)', 'None')
    """
    if isinstance(value, slice):
        parts = ["" if part is None else str(part) for part in (value.start, value.stop)]
        return ":".join(parts) + ("" if value.step is None else f":{value.step}")
    if isinstance(value, tuple):
        inner = ", ".join(show(item) for item in value)
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    if value is Ellipsis:
        return "..."
    if hasattr(value, "shape") and getattr(value, "shape", ()) != ():
        return f"{value.dtype.name}[{','.join(map(str, value.shape))}]"
    return str(value)


def call(symbol: str, text: str | None = None) -> Notation:
    """A named function: `call(r"\\tanh")` is written tanh(x).

    >>> call(r"\\tanh").text
    'tanh'
    """
    plain = symbol.removeprefix("\\operatorname{").removesuffix("}").removeprefix("\\")
    return Notation("call", symbol, text or plain, 50)


def infix(symbol: str, precedence: int, text: str | None = None) -> Notation:
    """A sign between two operands: `infix("+", 10)`.

    >>> infix(r"\\odot", 20, "*").text
    '*'
    """
    return Notation("infix", symbol, text or symbol, precedence)


def prefix(symbol: str, precedence: int = 30, text: str | None = None) -> Notation:
    """A sign before one operand: `prefix("-")`.

    >>> prefix("-").plain([("a + b", 10)], {})
    ('-(a + b)', 30)
    """
    return Notation("prefix", symbol, text or symbol, precedence)


def fraction() -> Notation:
    """A quotient.

    >>> fraction().plain([("a", 50), ("b", 50)], {})
    ('a / b', 20)
    """
    return Notation("fraction", "/", "/", 20)


def power(exponent: str = "") -> Notation:
    """A power; `exponent` when it is fixed, as in a square or a transpose.

    >>> power("**2").plain([("x", 50)], {})
    ('x**2', 40)
    """
    return Notation("power", exponent, exponent, 40)


def custom(symbol: str, write: Callable[..., str], precedence: int = 50) -> Notation:
    """Written by a function of the operands' texts and the parameters.

    >>> custom("[]", lambda texts, index: f"{texts[0]}[{index}]").plain([("x", 50)], {"index": 3})
    ('x[3]', 50)
    """
    return Notation("custom", symbol, symbol, precedence, write)
