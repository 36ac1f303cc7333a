"""Formulas of numbers read back from their text, as a person reads them, and evaluated: what is printed against what is meant.

The reader knows nothing of expressions and boxes. It takes the text of a formula and the values of the names in it, and
works out what stands there by the rules of school: powers before products, products before sums, a minus before a product
counts for the product. So a pair of parentheses that is missing on paper gives another number.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

SUPERSCRIPTS = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁻ᵃᵇᵗˣʸᶻᵘᵛʷ", "0123456789−abtxyzuvw", strict=True))
NUMBER = re.compile(r"\d+(?:\.\d+)?")
FUNCTIONS: dict[str, Callable[..., float]] = {
    "σ": lambda a: 1 / (1 + math.exp(-a)),
    "tanh": math.tanh,
    "exp": math.exp,
    "log": math.log,
    "sin": math.sin,
    "cos": math.cos,
    "tan": math.tan,
    "cosh": math.cosh,
    "sinh": math.sinh,
    "relu": lambda a: max(a, 0.0),
    "sgn": lambda a: float((a > 0) - (a < 0)),
    "max": max,
    "min": min,
    "where": lambda condition, a, b: a if condition else b,
}
WORDS = re.compile("|".join(sorted(FUNCTIONS, key=len, reverse=True)))
RELATIONS: dict[str, Callable[[float, float], bool]] = {
    ">": lambda a, b: a > b,
    "<": lambda a, b: a < b,
    "≥": lambda a, b: a >= b,
    "≤": lambda a, b: a <= b,
    "=": lambda a, b: a == b,
    "≠": lambda a, b: a != b,
}


class UnreadableError(Exception):
    """A formula with something in it that the reader does not know: it says nothing about the formula."""


def read(text: str, values: Mapping[str, Any]) -> float:
    """The number that a formula stands for.

    >>> read("−2(t − o)·z²", {"t": 1.0, "o": 3.0, "z": 2.0})
    16.0
    >>> read("1[a > b] + 1/2 · a", {"a": 2.0, "b": 1.0})
    2.0
    """
    reader = _Reader(text, values)
    value = reader.sum()
    if reader.rest:
        raise UnreadableError(f"{reader.rest!r} is left of {text!r}")
    return float(value)


class _Reader:
    def __init__(self, text: str, values: Mapping[str, Any]) -> None:
        self.text = text
        self.at = 0
        self.values = values
        self.names = sorted(values, key=len, reverse=True)
        self.bars = 0

    @property
    def rest(self) -> str:
        return self.text[self.at :].lstrip()

    def take(self, sign: str) -> bool:
        while self.text[self.at : self.at + 1] == " ":
            self.at += 1
        if self.text.startswith(sign, self.at):
            self.at += len(sign)
            return True
        return False

    def need(self, sign: str) -> None:
        if not self.take(sign):
            raise UnreadableError(f"{sign!r} was expected before {self.rest!r} in {self.text!r}")

    def sum(self) -> float:
        value = -self.product() if self.take("−") else self.product()
        while True:
            if self.take("+"):
                value += self.product()
            elif self.take("−"):
                value -= self.product()
            else:
                return value

    def product(self) -> float:
        if self.rest.startswith("−"):
            raise UnreadableError(f"two signs meet in {self.text!r}")
        value = self.power()
        while True:
            if self.take("·") or self.take("⊙"):
                value *= self.power()
            elif self.take("/"):
                value /= self.power()
            elif self.rest and (self.rest[0].isalnum() or self.rest[0] in ("(√∂" if self.bars else "(√∂|")):
                value *= self.power()
            else:
                return value

    def power(self) -> float:
        value = self.atom()
        if self.take("^("):
            exponent = self.sum()
            self.need(")")
            return value**exponent
        raised = ""
        while self.text[self.at : self.at + 1] in SUPERSCRIPTS and self.at < len(self.text):
            raised += SUPERSCRIPTS[self.text[self.at]]
            self.at += 1
        if raised:
            return value ** _Reader(raised, self.values).sum()
        return value

    def atom(self) -> float:
        if self.take("("):
            value = self.sum()
            self.need(")")
            return value
        if self.take("√("):
            value = self.sum()
            self.need(")")
            return math.sqrt(value)
        if self.take("|"):
            self.bars += 1
            value = self.sum()
            self.need("|")
            self.bars -= 1
            return abs(value)
        if self.take("√"):
            return math.sqrt(self.atom())
        if self.take("1["):
            value = float(self.condition())
            self.need("]")
            return value
        word = WORDS.match(self.text, self.at)
        for name in self.names:
            if (word is None or len(name) > len(word.group())) and self.take(name):
                return float(self.values[name])
        found = NUMBER.match(self.text, self.at)
        if found:
            self.at = found.end()
            return float(found.group())
        if word:
            self.at = word.end()
            return self.call(word.group())
        if self.take("e"):
            return math.e
        raise UnreadableError(f"{self.rest!r} in {self.text!r}")

    def condition(self) -> bool:
        if self.take("¬("):
            value = self.condition()
            self.need(")")
            return not value
        left = self.sum()
        for sign, holds in RELATIONS.items():
            if self.take(sign):
                return holds(left, self.sum())
        raise UnreadableError(f"no relation in {self.text!r}")

    def call(self, name: str) -> float:
        squared = self.take("²")
        self.need("(")
        arguments: list[Any] = [self.condition() if name == "where" else self.sum()]
        while self.take(","):
            arguments.append(self.sum())
        self.need(")")
        value = FUNCTIONS[name](*arguments)
        return value**2 if squared else value
