"""A loop in Python: one call of the step after the other, on plain values or on traced ones that are not one node."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.arguments import argument_name, function_name, parameter_names
from chainrule.errors import ArgumentError
from chainrule.primitive import functions
from chainrule.scan_rules import stack_rows
from chainrule.scan_step import arrange, check_state, number, split_result
from chainrule.shapes import ArrayType, type_of
from chainrule.traced import Traced, prototype
from chainrule.trees import leaves, leaves_with_paths, rebuild, transform

_NUMBERS = frozenset({np.ndarray, np.float64, np.float32, np.int64, np.int32, np.complex128, np.bool_})


class Kind:
    """The shape and dtype of a leaf, which a later turn must have too.

    >>> Kind(np.ones(3)).shape
    (3,)
    """

    __slots__ = ("dtype", "shape")

    def __init__(self, value: Any) -> None:
        self.shape: tuple[int, ...] = value.shape
        self.dtype: np.dtype[Any] = value.dtype


def kinds_of(tree: Any) -> Any:
    """The containers of a tree around the kinds of its leaves.

    >>> kinds_of({"a": np.ones(3)})["a"].dtype
    dtype('float64')
    """
    return transform(Kind, tree)


def is_plain(tree: Any, kinds: Any) -> bool:
    """Whether a tree has plain numbers of these kinds in the same containers; False may only mean that it is not sure.

    >>> is_plain([np.ones(3)], kinds_of([np.zeros(3)])), is_plain([np.ones(2)], kinds_of([np.zeros(3)]))
    (True, False)
    """
    container = type(tree)
    if container in _NUMBERS:
        return type(kinds) is Kind and tree.shape == kinds.shape and tree.dtype == kinds.dtype
    if container is not type(kinds):
        return False
    if container is tuple or container is list:
        return len(tree) == len(kinds) and all(map(is_plain, tree, kinds))
    if container is dict:
        return list(tree) == list(kinds) and all(map(is_plain, tree.values(), kinds.values()))
    return tree is None


def one_turn(step: Callable[..., Any], state: Any, xs: Any, turn: int, kinds: Any) -> tuple[Any, Any]:
    """The new state, which has these kinds, and the result of one turn. The step may write into what it gets.

    >>> one_turn(lambda s, x: (s + x, None), np.float64(1.0), np.array([2.0]), 0, kinds_of(np.float64(1.0)))
    (np.float64(3.0), None)
    """
    item = xs[turn].copy() if type(xs) is np.ndarray else transform(lambda leaf: leaf[turn].copy(), xs)
    made, result = split_result(step, step(state, item))
    if is_plain(made, kinds):
        return made, result
    before = leaves_with_paths(kinds, argument_name(parameter_names(step), 0))
    return rebuild(made, check_state(step, before, made, turn)), result


class Rows:
    """The results of the turns so far: in arrays of their final size, or in lists once one is traced.

    >>> rows = Rows(max)
    >>> for value in (1.0, 2.0):
    ...     rows.append({"a": value}, 2)
    >>> rows.stacked()
    {'a': array([1., 2.])}
    """

    __slots__ = ("columns", "count", "kinds", "paths", "step", "tree", "types")

    def __init__(self, step: Any) -> None:
        self.step, self.count, self.tree, self.kinds = step, 0, None, None
        self.columns: list[Any] = []
        self.paths: list[str] = []
        self.types: list[ArrayType] = []

    def append(self, result: Any, turns: int) -> None:
        """Add the result of a turn."""
        if self.count == 0:
            self._begin(result, turns)
        if not is_plain(result, self.kinds):
            self._append_checked(result)
        elif type(self.kinds) is Kind:
            self.columns[0][self.count] = result
        else:
            for index, value in enumerate(leaves(result)):
                self.columns[index][self.count] = value
        self.count += 1

    def _begin(self, result: Any, turns: int) -> None:
        given = leaves_with_paths(result, "result")
        values = [number(path, leaf) for path, leaf in given]
        self.paths, self.types = [path for path, _ in given], [type_of(prototype(value)) for value in values]
        self.columns = [
            [] if isinstance(value, Traced) else np.empty((turns, *value.shape), value.dtype) for value in values
        ]
        self.tree = arrange(result, values)
        listed = any(type(column) is list for column in self.columns)
        self.kinds = _Unsure() if listed else kinds_of(self.tree)

    def _append_checked(self, result: Any) -> None:
        given = leaves_with_paths(result, "result")
        if [path for path, _ in given] != self.paths:
            raise ArgumentError(
                f"scan needs results of one kind, and {function_name(self.step)} returned {_listed(self.paths)} in turn 0 and "
                f"{_listed([path for path, _ in given])} in turn {self.count}. Return the same containers in every turn."
            )
        for index, (path, leaf) in enumerate(given):
            column, value = self.columns[index], number(path, leaf)
            if (now := type_of(prototype(value))) != self.types[index]:
                raise ArgumentError(
                    f"scan needs results of one shape and dtype, and {path} of {function_name(self.step)} is {self.types[index]} in "
                    f"turn 0 and {now} in turn {self.count}. Return the same in every turn."
                )
            if type(column) is list:
                column.append(value)
            elif isinstance(value, Traced):
                self.columns[index], self.kinds = [*column[: self.count], value], _Unsure()
            else:
                column[self.count] = value

    def stacked(self, later: Sequence[Any] | None = None) -> Any:
        """The results in the containers of the first; `later` are those of further turns, stacked already."""
        parts = []
        for index, column in enumerate(self.columns):
            part = column[: self.count] if type(column) is not list else stack_rows(column)
            if later is not None:
                part = functions[np.concatenate]([part, later[index]])
            parts.append(part)
        return arrange(self.tree, parts)


class _Unsure:
    """The kinds where some result is traced: each is looked at by itself."""


def _listed(paths: Sequence[str]) -> str:
    return ", ".join(paths) or "nothing"


def no_results(step: Callable[..., Any], state: Any, xs: Any) -> Any:
    """The results of no turn at all: their shapes and dtypes are those of the step on zeros.

    >>> no_results(lambda s, x: (s, x * 2), np.float64(1.0), np.zeros((0, 3))).shape
    (0, 3)
    """
    zeros = transform(lambda leaf: np.zeros(leaf.shape[1:], leaf.dtype)[()], transform(prototype, xs))
    with np.errstate(all="ignore"):
        made, result = split_result(step, step(transform(lambda leaf: np.array(prototype(leaf))[()], state), zeros))
    check_state(step, leaves_with_paths(state, argument_name(parameter_names(step), 0)), made, 0)
    kinds = [prototype(number(path, leaf)) for path, leaf in leaves_with_paths(result, "result")]
    return arrange(result, [np.zeros((0, *kind.shape), kind.dtype) for kind in kinds])
