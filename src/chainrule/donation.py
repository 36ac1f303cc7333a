"""Donated arguments: which results take the memory of which arrays, and that nobody else looks at that memory.

A result takes the arrays of a donated argument where it is nested as the argument is, leaf for leaf with its shapes and dtypes; where
the whole argument does not fit, its parts are tried.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule import trees
from chainrule.call_front import Constant, Input, Output
from chainrule.call_leaves import CallLeaves
from chainrule.capture import NotCompilable, Program
from chainrule.errors import ArgumentError
from chainrule.surroundings import same_value
from chainrule.trees import children


class DonationError(ArgumentError):
    """An argument that is donated cannot be overwritten.

    >>> issubclass(DonationError, ArgumentError)
    True
    """


class Returned:
    """In a result: a part of an argument that is given back as it is, or a value that is always the same.

    >>> Returned("params", (0,)).of({"params": {"W": 5}})
    5
    """

    __slots__ = ("name", "steps", "value")  # no dataclass, which would be a container

    def __init__(self, name: str | None, steps: tuple[int, ...] = (), value: Any = None) -> None:
        self.name = name
        self.steps = steps
        self.value = value

    def of(self, arguments: Mapping[str, Any]) -> Any:
        """The part of these arguments."""
        if self.name is None:
            return self.value
        found = arguments[self.name]
        for step in self.steps:
            found = (children(found) or [])[step][1]
        return found


@dataclass(frozen=True, slots=True)
class Donation:
    """`aliases`: the output that takes the memory of an input; `donated`: all inputs that may be overwritten; `results`: the
    containers of the results with donated containers marked by `Returned`."""

    aliases: dict[int, int]
    donated: frozenset[int]
    results: Any


def donated_names(signature: inspect.Signature, function: str, donate: Any) -> tuple[str, ...]:
    """The names of donated parameters, given by positions or names.

    >>> donated_names(inspect.signature(lambda params, x: None), "step", (0, "x"))
    ('params', 'x')
    """
    given = tuple(donate) if isinstance(donate, tuple | list) else (donate,)
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    names = [name for name, parameter in signature.parameters.items() if parameter.kind not in variadic]
    found = []
    for one in given:
        position = isinstance(one, int) and not isinstance(one, bool) and -len(names) <= one < len(names)
        if not position and one not in names:
            raise ArgumentError(
                f"compile: donate={one!r} names no argument of {function}, which takes {', '.join(names) or 'none'}. "
                "Use one of these names, or a position."
            )
        found.append(names[one] if position else one)
    return tuple(dict.fromkeys(found))


def _inputs_of(tree: Any) -> list[int]:
    parts = children(tree)
    if parts is None:
        return [tree.number] if isinstance(tree, Input) else []
    return [number for _, part in parts for number in _inputs_of(part)]


class _Matching:
    """The search for donated arguments in the results."""

    def __init__(self, program: Program, call: CallLeaves) -> None:
        self.program, self.call = program, call
        self.aliases: dict[int, int] = {}
        self.places: dict[int, Returned] = {}  # by the id of a container of the results
        # An array that is also returned as it came must keep its numbers.
        self.taken = {*program.written.values(), *_inputs_of(program.results)}

    def place(self, name: str, tree: Any, steps: tuple[int, ...]) -> None:
        if not _inputs_of(tree) or self.find(self.program.results, name, tree, steps):
            return
        for number, (_, part) in enumerate(children(tree) or []):
            self.place(name, part, (*steps, number))

    def find(self, results: Any, name: str, tree: Any, steps: tuple[int, ...]) -> bool:
        """Match an argument with the first part of the results that fits."""
        pairs: list[tuple[int, int]] = []
        whole = self.fits(results, tree, pairs)
        if whole is not None and pairs:
            self.aliases.update(pairs)
            self.taken.update(number for _, number in pairs)
            if whole and children(tree) is not None:
                self.places[id(results)] = Returned(name, steps)
            return True
        return any(self.find(part, name, tree, steps) for _, part in children(results) or [])

    def fits(self, result: Any, given: Any, pairs: list[tuple[int, int]]) -> bool | None:
        """Whether a result can take the memory of an argument; False: but the container is made anew; None: not at all."""
        below, above = children(result), children(given)
        if (below is None) != (above is None):
            return None
        if below is None or above is None:
            return self.leaf_fits(result, given, pairs)
        if type(result) is not type(given) or [step for step, _ in below] != [step for step, _ in above]:
            return None
        whole = True
        for (_, one), (_, other) in zip(below, above, strict=True):
            fits = self.fits(one, other, pairs)
            if fits is None:
                return None
            whole = whole and fits
        return whole

    def leaf_fits(self, result: Any, given: Any, pairs: list[tuple[int, int]]) -> bool | None:
        if isinstance(given, Constant):
            return (isinstance(result, Constant) and same_value(result.value, given.value)) or None
        if isinstance(result, Input):
            return result.number == given.number or None
        if not isinstance(result, Output):
            return None
        value, source = self.program.outputs[result.number].value, self.call.inputs[given.number]
        if not isinstance(source, np.ndarray) or not isinstance(value, np.ndarray):
            return False if not isinstance(source, np.ndarray) and not isinstance(value, np.ndarray) else None
        outputs = self.aliases.keys() | {output for output, _ in pairs}
        sources = self.taken | {source for _, source in pairs}  # one array may be in two places of an argument
        used = result.number in outputs or given.number in sources
        if used or value.shape != source.shape or value.dtype != source.dtype:
            return None
        pairs.append((result.number, given.number))
        return True


def match_donated(program: Program, call: CallLeaves, names: Sequence[str]) -> Donation:
    """Which results take the memory of the donated arguments."""
    matching = _Matching(program, call)
    donated: set[int] = set()
    for name in names:
        donated.update(_inputs_of(call.trees[name]))
        matching.place(name, call.trees[name], ())
    return Donation(matching.aliases, frozenset(donated), _mark(matching, program.results))


def _mark(matching: _Matching, tree: Any) -> Any:
    if (returned := matching.places.get(id(tree))) is not None:
        return returned
    parts = children(tree)
    if parts is None:
        return Returned(None, value=tree.value) if isinstance(tree, Constant) else tree
    return trees._rebuild(tree, [_mark(matching, part) for _, part in parts])


def require_own_memory(
    values: list[Any], aliases: Mapping[int, int], donation: Donation, paths: Sequence[str]
) -> list[Any]:
    """The inputs of a call, those copied that share memory with one that will be overwritten; an error where that does not help."""
    values = list(values)
    overwritten = set(aliases.values())
    for number in sorted(overwritten):
        array = values[number]
        own = number in donation.aliases.values()
        if not array.flags.writeable:
            if not own:
                raise NotCompilable("it writes into an array that is read-only", quietly=True)
            raise DonationError(
                f"compile: {paths[number]} is donated and read-only, so no result can take its memory. Pass a copy: {paths[number]}.copy()."
            )
        for other, value in enumerate(values):
            if other == number or not isinstance(value, np.ndarray) or not np.may_share_memory(array, value):
                continue
            if not own:
                raise NotCompilable("arguments that it writes into share their memory", quietly=True)
            if other in overwritten:
                raise DonationError(
                    f"compile: {paths[number]} and {paths[other]} are donated and share their memory, so two results would be written "
                    f"into one array. Pass a copy of one of them: {paths[other]}.copy()."
                )
            values[other] = value.copy()
    return values
