"""Random numbers that a step draws: noticed, and the generators set back, so that each turn can draw its own."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np


class Sources:
    """The random generators that a function can reach by name, with their states from before.

    >>> rng = np.random.default_rng(0)
    >>> sources = Sources(lambda: rng.normal())
    >>> number = rng.normal()
    >>> sources.restore(), bool(rng.normal() == number)
    (True, True)
    """

    __slots__ = ("before", "generators", "legacy")

    def __init__(self, function: Callable[..., Any]) -> None:
        self.generators = _generators(function)
        self.before = [generator.bit_generator.state for generator in self.generators]
        self.legacy: Any = np.random.get_state(legacy=False)  # noqa: NPY002 the user's step may draw from it

    def restore(self) -> bool:
        """Set the generators back, and say whether any of them was used."""
        used = False
        for generator, state in zip(self.generators, self.before, strict=True):
            if repr(generator.bit_generator.state) != repr(state):
                generator.bit_generator.state = state
                used = True
        if not _same(np.random.get_state(legacy=False), self.legacy):  # noqa: NPY002
            np.random.set_state(self.legacy)  # noqa: NPY002
            used = True
        return used


def _same(a: Any, b: Any) -> bool:
    first, second = a["state"], b["state"]
    return (
        first["pos"] == second["pos"]
        and np.array_equal(first["key"], second["key"])
        and a["has_gauss"] == b["has_gauss"]
    )


def _generators(function: Callable[..., Any]) -> list[np.random.Generator]:
    """The generators in the closure, the defaults and the globals that the function's code names."""
    plain = getattr(function, "__func__", function)
    code = getattr(plain, "__code__", None)
    reached: list[Any] = [getattr(function, "__self__", None)]
    for cell in getattr(plain, "__closure__", None) or ():
        try:
            reached.append(cell.cell_contents)
        except ValueError:  # a cell that nobody has filled yet
            continue
    reached.extend(getattr(plain, "__defaults__", None) or ())
    if code is not None:
        reached.extend(plain.__globals__.get(name) for name in code.co_names)
    found: dict[int, np.random.Generator] = {}
    for value in reached:
        for part in (
            (value, *vars(value).values()) if hasattr(value, "__dict__") and not _is_module(value) else (value,)
        ):
            if isinstance(part, np.random.Generator):
                found[id(part)] = part
    return list(found.values())


def _is_module(value: Any) -> bool:
    return isinstance(value, ModuleType | type)
