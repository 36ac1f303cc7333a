"""LLVM's types and the numbers of IEEE 754: names of vector types, endings of functions' names, constants as text."""

from __future__ import annotations

import functools
import struct
from dataclasses import dataclass

REGISTERS = {
    "f64": "double",
    "f32": "float",
    "i64": "i64",
    "i32": "i32",
    "b1": "i1",
}  # LLVM's types of the kernels' types


@dataclass(frozen=True)
class Format:
    """One floating-point format: LLVM's names and the numbers of IEEE 754 that the algorithms need.

    >>> FORMATS["float"].significand, FORMATS["double"].magic == 1.5 * 2.0**52
    (24, True)
    """

    name: str  # the ending of the functions' names
    real: str  # LLVM's type
    whole: str  # LLVM's integer type of the same width
    width: int
    significand: int  # bits, the hidden one included
    bias: int

    @property
    def stored(self) -> int:
        """Bits of the significand that are stored, which is where the exponent begins."""
        return self.significand - 1

    @property
    def magic(self) -> float:
        """1.5 · 2**stored: adding it rounds to an integer and leaves that in the low bits (Hecker's trick)."""
        return 1.5 * 2.0**self.stored

    @property
    def one(self) -> int:
        """The bits of 1.0."""
        return self.bias << self.stored

    @property
    def sign(self) -> int:
        """The bits of −0.0."""
        return 1 << (self.width - 1)

    @property
    def smallest_normal(self) -> float:
        return 2.0 ** (1 - self.bias)


FORMATS = {
    "float": Format("f32", "float", "i32", 32, 24, 127),
    "double": Format("f64", "double", "i64", 64, 53, 1023),
}


@functools.cache
def taken_apart(type_: str) -> tuple[str, int]:
    """The element's type and the number of lanes of a type, 1 where it is no vector.

    >>> taken_apart("<8 x double>"), taken_apart("i1")
    (('double', 8), ('i1', 1))
    """
    if not type_.startswith("<"):
        return type_, 1
    lanes, element = type_[1:-1].split(" x ")
    return element, int(lanes)


def widened(element: str, lanes: int) -> str:
    """The vector type of so many lanes; the element's own type for one.

    >>> widened("float", 16), widened("i1", 1)
    ('<16 x float>', 'i1')
    """
    return element if lanes == 1 else f"<{lanes} x {element}>"


@functools.cache
def ending(type_: str) -> str:
    """How LLVM ends the names of its functions for a type.

    >>> ending("<8 x double>"), ending("float"), ending("i64")
    ('v8f64', 'f32', 'i64')
    """
    element, lanes = taken_apart(type_)
    name = FORMATS[element].name if element in FORMATS else element
    return name if lanes == 1 else f"v{lanes}{name}"


@functools.cache
def is_real(type_: str) -> bool:
    """Whether the elements are floating-point numbers.

    >>> is_real("<2 x float>"), is_real("i64")
    (True, False)
    """
    return taken_apart(type_)[0] in FORMATS


def literal(type_: str, value: float) -> str:
    """A constant as LLVM reads it; a real one by its bits, a float32 one by the bits of the same number in float64.

    >>> literal("double", 0.5), literal("float", 0.1), literal("i64", -1), literal("<2 x i1>", 1)
    ('0x3FE0000000000000', '0x3FB99999A0000000', '-1', 'splat (i1 1)')
    """
    element, lanes = taken_apart(type_)
    if lanes > 1:
        return f"splat ({element} {literal(element, value)})"
    if type_ == "double":
        return f"0x{struct.unpack('<Q', struct.pack('<d', value))[0]:016X}"
    if type_ == "float":
        return literal("double", struct.unpack("<f", struct.pack("<f", value))[0])
    return str(int(value))
