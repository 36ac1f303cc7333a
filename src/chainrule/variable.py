"""Define-by-run: variables that remember what is computed from them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import float64

from chainrule.arguments import differentiable
from chainrule.differentiate import backpropagate, is_finite
from chainrule.errors import ArgumentError, GraphError, OutputError
from chainrule.graph import INPUT, Node
from chainrule.primitive import operations
from chainrule.source import place_of_call
from chainrule.traced import VARIABLE_LEVEL, Traced, concrete


def variable(value: Any, name: str | None = None) -> Traced:
    """A number or array whose uses are recorded from now on; `.backward()` on a result sets `.grad`.

    The name defaults to the variable that it is assigned to. The value is copied.

    >>> import numpy as np, chainrule as cr
    >>> w = cr.variable(np.array([1.0, 2.0]))
    >>> loss = np.sum(w**2)
    >>> loss.backward()
    >>> w.grad
    array([2., 4.])
    """
    if isinstance(value, Traced):
        raise ArgumentError(
            f"variable() takes plain numbers and got a traced value ({value!r}). Use it as it is, or pass its .value."
        )
    code, offset = place_of_call(2)
    plain = differentiable(
        "variable", name or "its value", np.array(value) if isinstance(value, list | tuple) else value
    )
    plain = plain.copy(order="K") if isinstance(plain, np.ndarray) else plain
    return Traced.of(Node.of(INPUT, (), (), {"name": name}, plain, code, offset), VARIABLE_LEVEL)


def _set_value(handle: Traced, new: Any) -> None:
    """Give a variable new numbers: what was computed from the old ones keeps them."""
    old = handle.node
    if handle.level != VARIABLE_LEVEL or old.primitive is not INPUT:
        raise GraphError(
            f"Only variables can be given a new value, and {handle!r} was computed. Set the variables and compute it again."
        )
    given = np.array(new) if isinstance(new, list | tuple) else concrete(new)
    plain = differentiable("variable", handle.name or "the value", given)
    plain = np.array(plain, dtype=old.value.dtype)
    if plain.shape != old.value.shape:
        raise ArgumentError(
            f"The new value of {handle.name or 'a variable'} has shape {plain.shape}, and the variable has shape "
            f"{old.value.shape}. Make a new variable for another shape."
        )
    node = Node.of(
        INPUT,
        (),
        (),
        old.parameters,  # the same object: it holds the gradient, also of what was computed from the old numbers
        plain if plain.ndim or isinstance(old.value, np.ndarray) else plain[()],
        old.code,
        old.offset,
    )
    handle.node = node


def _backward(handle: Traced, seed: Any = None, free: bool = False) -> None:
    if handle.level != VARIABLE_LEVEL:
        raise GraphError(
            "backward() belongs to values made from cr.variable. Inside a function that grad differentiates, return the value."
        )
    root = handle.node
    value = root.value
    if seed is None:
        if np.size(value) != 1:
            raise OutputError(
                f"backward() needs a single number, and {handle.name or 'this value'} has shape {value.shape}. Reduce it (for "
                "example with .sum()), or give the cotangent: backward(seed)."
            )
        if value.dtype.kind != "f":
            raise OutputError(
                f"backward() needs a real floating value, and {handle.name or 'this value'} is {value.dtype}. Give the "
                "cotangent that you mean: backward(seed)."
            )
        seed = np.ones_like(value)[()] if isinstance(value, np.ndarray) else value.dtype.type(1)
    else:
        seed = np.array(seed, dtype=value.dtype)[()]
        if np.shape(seed) != np.shape(value):
            raise ArgumentError(
                f"The cotangent has shape {np.shape(seed)}, and the value has shape {np.shape(value)}. They must be equal."
            )
        seed = seed.conj() if value.dtype.kind == "c" else seed
    with np.errstate(all="ignore"):
        cotangents = backpropagate([(root, seed)], keep=True)
        if not all(is_finite(g) for node, g in cotangents.items() if node.primitive is INPUT):
            cotangents = backpropagate([(root, seed)], guard=True, keep=True)
    for node, g in cotangents.items():
        if type(g) is float64 and node.primitive is not INPUT:
            node.cotangent = g
            continue
        if type(g) is list:
            continue  # an operation with several results: its components carry the cotangents
        g = np.conj(g) if g.dtype.kind == "c" else g
        if node.primitive is not INPUT:
            node.cotangent = g
            continue
        present = node.grad
        if present is not None:
            g = present + g
        elif isinstance(g, np.ndarray):
            g = g.copy()
        node.grad = np.array(g) if isinstance(node.value, np.ndarray) and not isinstance(g, np.ndarray) else g
    if free:
        for node in list(cotangents):
            node.free()


operations["backward"] = _backward
operations["set_variable"] = _set_value
