"""Constants of a program: small ones where they are used, larger ones by a name, and large ones as arguments."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.explain.python_text import ATOM, Names, Text, literal

INLINE = 40  # the longest text of an array that stands where it is used
WRITTEN = 1000  # the most elements of an array that is written out


class Constants:
    """The constant arrays of a program, each written once.

    >>> constants = Constants(Names())
    >>> constants.text(np.array([1.0, 2.0])).source, constants.text(np.linspace(0.0, 1.0, 2000)).source
    ('np.array([1.0, 2.0])', 'constant_1')
    >>> list(constants.large)
    ['constant_1']
    """

    def __init__(self, names: Names) -> None:
        self.names = names
        self.known: dict[Any, str] = {}
        self.written: dict[str, str] = {}
        self.large: dict[str, Any] = {}

    def text(self, value: Any) -> Text:
        """The text that stands for a constant."""
        if not isinstance(value, np.ndarray) or value.size <= 1:
            return literal(value)
        text = literal(value) if value.size <= WRITTEN or _short(value) else None
        if text is not None and len(text.source) <= INLINE:
            return text
        key = (value.dtype, value.shape, value.strides, value.tobytes())
        if key not in self.known:
            name = self.known[key] = self.names.new(f"constant_{len(self.known) + 1}")
            if text is None:
                self.large[name] = value
            else:
                self.written[name] = text.source
        return Text(self.known[key], ATOM)


def _short(value: Any) -> bool:
    """Whether a large array is one number repeated, or 0, 1, 2 …, so that its text is short."""
    flat = value.ravel()
    if value.ndim == 1 and value.dtype == np.int64 and flat[-1] == value.size - 1:
        return bool(np.array_equal(flat, np.arange(value.size)))
    return bool(flat[0] == flat[-1]) and flat[0].tobytes() * value.size == flat.tobytes()
