"""Which executor runs a compiled graph, by name: the one interface is `chainrule.run.runnable.Runnable`."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec

from chainrule.errors import ArgumentError
from chainrule.run.runnable import Runnable, build

Builder = Callable[..., Runnable]


NAMES = ("native", "numpy")


def builder(name: str | None = None) -> Builder:
    """The executor of this name; for None the native one where llvmlite is installed, else the one in NumPy.

    >>> builder("numpy") is build
    True
    """
    if name is None:
        name = "native" if find_spec("llvmlite") is not None else "numpy"
    if name not in NAMES:
        raise ArgumentError(f"compile: there is no executor named {name!r}. There are: {', '.join(NAMES)}.")
    if name == "numpy":
        return build
    from chainrule.run.native.compiled import build as build_native  # noqa: PLC0415 loaded when something is to be compiled

    return build_native
