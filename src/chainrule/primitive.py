"""The record of an operation, and the registry of all of them; this file calls nothing.

One `Primitive` says everything about an operation: how it runs, its derivative, its shape rule, how it is written,
where it is smooth, and samples on which the tests try it. The derivative takes two forms:

- a tuple with one rule for each array input, `rule(g, y, *inputs, **parameters)`, `None` where no derivative exists;
- a joint rule for operations with any number of inputs, `rule(wanted, g, y, *inputs, **parameters)`, which returns one
  contribution (or `None`) for each input; `wanted` says which of them anybody asks for.

`vjp=None` as a whole: the derivative is zero by nature (comparisons, floor, argmax). Rules are written in chainrule
operations and NumPy operators, never in `np.` functions, and leave broadcasting and adding to the driver.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chainrule.notation import Notation

Rule = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Sample:
    """Inputs on which the tests try an operation: shapes (drawn from the domain) or a maker of arrays, and parameters.

    `make(rng)` returns the tuple of input arrays, for inputs that must be special (positive definite, sorted, indices).

    >>> Sample(((2, 3),), {"axis": (0,)}).parameters
    {'axis': (0,)}
    """

    shapes: tuple[tuple[int, ...], ...] = ()
    parameters: dict[str, Any] = field(default_factory=dict)
    make: Callable[[Any], tuple[Any, ...]] | None = None


def sample(*shapes: tuple[int, ...], make: Callable[[Any], tuple[Any, ...]] | None = None, **parameters: Any) -> Sample:
    """A `Sample` written shortly.

    >>> sample((2, 3), axis=(0,)).shapes
    ((2, 3),)
    """
    return Sample(shapes, parameters, make)


@dataclass(frozen=True, slots=True, eq=False)
class Primitive:
    """One operation; see the module's text for the rules' signatures.

    `forward` is NumPy's function, the key by which `np.tanh(traced)` finds the operation. `execute` runs it (default:
    `forward`), in a faster or narrower form. `elementwise` operations broadcast, and their rule at g = 1 is the local
    derivative. `linear` ones are linear in all inputs together. `view` ones may share memory with their first input.
    `outputs` > 1 means a tuple result. `domain` holds an open interval (low, high) for each input, where the operation
    is smooth. `analytic`: holds for complex input with the same rule, so that complex step applies. `real_only`: no
    complex input. `jvp(tangents, y, *inputs, **parameters)` replaces the forward-mode rule that chainrule works out by
    itself. `undo_view(base, written, **parameters)` is the base after a write into the view. `add_into(buffer, g,
    *inputs, **parameters)` adds the contribution to the first input in place: an operation that reads a small part of a
    large array costs only that part.
    """

    name: str
    forward: Callable[..., Any]
    execute: Callable[..., Any]
    vjp: tuple[Rule | None, ...] | Rule | None
    shape: Callable[..., Any] | None
    notation: Notation
    domain: tuple[tuple[float, float], ...] = ((-2.0, 2.0),)
    elementwise: bool = False
    linear: bool = False
    multilinear: bool = False
    view: bool = False
    outputs: int = 1
    analytic: bool = True
    complex_input: bool = True
    jvp: Rule | None = None
    samples: tuple[Sample, ...] = ()
    undo_view: Callable[..., Any] | None = None
    add_into: Callable[..., None] | None = None

    def __repr__(self) -> str:
        return f"<primitive {self.name}>"

    def rule(self, index: int) -> Rule | None:
        """The rule of one input in the one-input form; None where no derivative exists."""
        if self.vjp is None:
            return None
        if isinstance(self.vjp, tuple):
            return self.vjp[index] if index < len(self.vjp) else None
        joint = self.vjp

        def one(g: Any, y: Any, *inputs: Any, **parameters: Any) -> Any:
            wanted = tuple(position == index for position in range(len(inputs)))
            return joint(wanted, g, y, *inputs, **parameters)[index]

        return one


# The registry: every operation by name, and what stands in for which NumPy or SciPy callable.
primitives: dict[str, Primitive] = {}
operations: dict[str, Callable[..., Any]] = {}
operators: dict[str, Callable[..., Any]] = {}  # two inputs and the caller's frame: the form that Python's operators use
ufuncs: dict[Any, Callable[..., Any]] = {}
functions: dict[Any, Callable[..., Any]] = {}
zero_by_nature: set[Any] = set()
refused: dict[Any, str] = {}


def register(primitive: Primitive, operation: Callable[..., Any]) -> None:
    """Enter an operation under its name.

    >>> "add" in primitives
    True
    """
    if primitive.name in primitives:
        raise ValueError(f"an operation named {primitive.name} exists already")
    primitives[primitive.name] = primitive
    operations[primitive.name] = operation


def present(name: str) -> tuple[Any, ...]:
    """A function that not every NumPy has, as a tuple for `stand_in` and its like; empty where this one lacks it.

    >>> present("no_such_function")
    ()
    """
    return (getattr(np, name),) if hasattr(np, name) else ()


def stand_in(*targets: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorator: this function answers when one of `targets` (NumPy functions, ufuncs) meets a traced value."""

    def enter(function: Callable[..., Any]) -> Callable[..., Any]:
        for target in targets:
            table = ufuncs if hasattr(target, "nin") else functions
            if target in table:
                raise ValueError(f"{target} has a stand-in already")
            table[target] = function
        return function

    return enter


def refuse(advice: str, *targets: Any) -> None:
    """These callables are refused by name on traced values, with `advice` on what to write instead."""
    for target in targets:
        refused[target] = advice


def gradient_free(*targets: Any) -> None:
    """These callables answer with plain values: their gradient is zero by nature and their result is no number to
    trace."""
    zero_by_nature.update(targets)


def names(items: Iterable[Any]) -> list[str]:
    """Readable names of callables, sorted.

    >>> import numpy as np
    >>> names([np.sum, np.linalg.inv])
    ['numpy.linalg.inv', 'numpy.sum']
    """
    return sorted(f"{getattr(item, '__module__', None) or 'numpy'}.{item.__name__}" for item in items)
