"""An instruction of the user's code in, its file, line, text and the name it assigns out.

While a program is traced only the code object and the offset of the running instruction are kept, because both cost
nothing. Lines and names are worked out when somebody asks. The name comes from the instructions that follow: the one
that stores the result. So it is found without the source text, in lambdas, notebooks and the REPL alike.
"""

from __future__ import annotations

import dis
import linecache
import os
import sys
from bisect import bisect_right
from types import CodeType, FrameType
from typing import Any

import numpy as np

from chainrule.bytecode import remembered, target

PACKAGE_DIRECTORY = os.path.dirname(os.path.abspath(__file__)) + os.sep
NUMPY_DIRECTORY = os.path.dirname(os.path.abspath(np.__file__)) + os.sep

SCIPY_DIRECTORY = os.path.join(os.path.dirname(NUMPY_DIRECTORY.rstrip(os.sep)), "scipy") + os.sep

known_files: dict[str, bool] = {}


def is_ours(filename: str) -> bool:
    """Whether a file belongs to chainrule itself or to NumPy or SciPy, which call us on the user's behalf.

    >>> is_ours(__file__)
    True
    """
    known = known_files.get(filename)
    if known is None:
        known = filename.startswith((PACKAGE_DIRECTORY, NUMPY_DIRECTORY, SCIPY_DIRECTORY))
        known_files[filename] = known
    return known


def user_frame(depth: int = 1) -> FrameType:
    """The innermost frame that is not chainrule's own."""
    frame: FrameType | None = sys._getframe(depth)
    outermost = frame
    ours = known_files
    while frame is not None:
        filename = frame.f_code.co_filename
        if not (ours[filename] if filename in ours else is_ours(filename)):
            return frame
        outermost, frame = frame, frame.f_back
    return outermost


def here() -> str:
    """The user's current line, for messages."""
    frame = user_frame(2)
    return str(Place(frame.f_code, frame.f_lasti))


def stores_item(frame: FrameType) -> bool:
    """Whether the running instruction of a frame is an item assignment such as `a[i] = t`."""
    return dis.opname[frame.f_code.co_code[frame.f_lasti]].startswith("STORE_S")


def library_call() -> str | None:
    """The name of the NumPy or SciPy function that the user called, if one of them is running."""
    frame: FrameType | None = sys._getframe(1)
    name = None
    while frame is not None and is_ours(frame.f_code.co_filename):
        if not frame.f_code.co_filename.startswith(PACKAGE_DIRECTORY):
            name = frame.f_code.co_name
        frame = frame.f_back
    return name


_derived_code: list[CodeType] = []


def mark_driver(function: Any) -> Any:
    """Decorator for the backward driver: nodes recorded by rules that it runs get the place of its local `node`."""
    _derived_code.append(function.__code__)
    return function


def place_of_call(depth: int) -> tuple[CodeType | None, int]:
    """The user's instruction that is running: its code object and offset."""
    return place_of(sys._getframe(depth))


def place_of(frame: FrameType) -> tuple[CodeType | None, int]:
    """The innermost instruction outside chainrule, from a frame outwards."""
    while True:
        code = frame.f_code
        ours = known_files.get(code.co_filename)
        if ours is None:
            ours = is_ours(code.co_filename)
        if not ours:
            return code, frame.f_lasti
        if code in _derived_code and "node" in frame.f_locals:
            node = frame.f_locals["node"]
            return node.code, node.offset if node.offset < 0 else ~node.offset
        if frame.f_back is None:
            return None, 0
        frame = frame.f_back


@remembered(4096)
def _lines(code: CodeType) -> tuple[list[int], list[int]]:
    """The offsets at which lines start, and the lines."""
    starts = [(offset, line) for offset, line in dis.findlinestarts(code) if line]
    return [offset for offset, _ in starts], [line for _, line in starts]


def _line_at(code: CodeType, offset: int) -> int:
    offsets, lines = _lines(code)
    index = bisect_right(offsets, offset) - 1
    return lines[index] if index >= 0 else code.co_firstlineno


class Place:
    """Where an operation was called: a code object and an instruction offset; a negative offset means `derived from`.

    >>> def f(x):
    ...     y = x + 1
    ...     return y
    >>> place = Place(f.__code__, next(i.offset for i in dis.get_instructions(f) if i.opname == "BINARY_OP"))
    >>> place.name
    'y'
    """

    __slots__ = ("_code", "_offset")

    def __init__(self, code: CodeType | None, offset: int) -> None:
        self._code = code
        self._offset = offset

    @property
    def derived(self) -> bool:
        """Whether the operation belongs to the backward pass of what stands there."""
        return self._offset < 0

    @property
    def _key(self) -> int:
        return ~self._offset if self._offset < 0 else self._offset

    @property
    def file(self) -> str | None:
        """The file's name as Python knows it."""
        return None if self._code is None else self._code.co_filename

    @property
    def function(self) -> str | None:
        """The name of the function that holds the line."""
        return None if self._code is None else self._code.co_name

    @property
    def line(self) -> int | None:
        """The line's number, counted from 1."""
        if self._code is None:
            return None
        return _line_at(self._code, self._key)

    @property
    def text(self) -> str:
        """The line itself, stripped; empty where the source is not at hand."""
        if self.file is None or self.line is None:
            return ""
        return linecache.getline(self.file, self.line).strip()

    @property
    def name(self) -> str | None:
        """The variable to which the result of the instruction is assigned, if it is."""
        if self._code is None or self._offset < 0:
            return None
        found = target(self._code, self._offset)
        return None if found is None else found.name

    def __str__(self) -> str:
        if self._code is None:
            return "unknown place"
        text = self.text
        return f"{self.file}, line {self.line}" + (f": {text}" if text else "")
