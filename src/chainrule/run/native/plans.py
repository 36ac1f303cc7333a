"""What a compiled program takes and gives, and where it runs: the data from which its entry is made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class InputSpec:
    """What one leaf must be. `kind`: `"array"` (exactly `numpy.ndarray`, C-contiguous, aligned), `"scalar"` (a NumPy number of
    this dtype, for float64 also a Python float), `"number"` (a NumPy number only) or `"float"` (a Python float only).

    Before a run, for each patch (address of a word, offset): an array's address plus the offset is written to the word;
    a number's own bytes, as many as its dtype has, are written to address + offset. A donated array must be writeable
    and share no byte with another argument.

    >>> InputSpec(np.dtype("f8"), (3,)).kind
    'array'
    """

    dtype: np.dtype[Any]
    shape: tuple[int, ...] = ()
    kind: str = "array"
    donated: bool = False
    patches: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class OutputSpec:
    """One result: a new array, a NumPy number (`scalar`), or the argument number `donated_from` itself.

    For each patch (address of a word, offset) the address of the result plus the offset is written to the word before a run. A
    number has a place of its own for its bytes, whose address is written once, when the entry is made.

    >>> OutputSpec(np.dtype("f8"), (), scalar=True).donated_from is None
    True
    """

    dtype: np.dtype[Any]
    shape: tuple[int, ...] = ()
    scalar: bool = False
    donated_from: int | None = None
    patches: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class Plan:
    """What an entry does: check the inputs, make the outputs, call the native `i64 run(table, count)`.

    `release_gil` lets other threads of Python work meanwhile; it costs some tens of nanoseconds. `owner` is kept alive as long as
    the entry, which writes to memory that the patches name.

    >>> Plan((), (), 0, 0, 0).release_gil
    False
    """

    inputs: Sequence[InputSpec]
    outputs: Sequence[OutputSpec]
    run_address: int
    table_address: int
    count: int
    release_gil: bool = False
    owner: Any = None


def supported(dtype: np.dtype[Any]) -> bool:
    """Whether values of this dtype can be taken and given: bool, integers and real numbers of at most 8 bytes, in native order.

    >>> supported(np.dtype("f4")), supported(np.dtype(">f4")), supported(np.dtype("c16"))
    (True, False, False)
    """
    return dtype.kind in "biuf" and dtype.itemsize <= 8 and dtype.isnative


def number_types(spec: InputSpec) -> tuple[type, ...]:
    """The types of which an input that is a number may be; none for an array.

    >>> number_types(InputSpec(np.dtype("f8"), kind="scalar"))
    (<class 'numpy.float64'>, <class 'float'>)
    """
    if spec.kind == "array":
        return ()
    if spec.kind == "float":
        return (float,)
    own = spec.dtype.type
    return (own, float) if spec.kind == "scalar" and own is np.float64 else (own,)


def validate(plan: Plan) -> None:
    """ValueError where a plan asks for what no entry can do.

    >>> validate(Plan((InputSpec(np.dtype("c16")),), (), 0, 0, 0))
    Traceback (most recent call last):
    ValueError: A compiled program takes and gives numbers of at most 8 bytes in native byte order, not complex128.
    """
    for spec in (*plan.inputs, *plan.outputs):
        if not supported(spec.dtype):
            raise ValueError(
                f"A compiled program takes and gives numbers of at most 8 bytes in native byte order, not {spec.dtype}."
            )
    for number, spec in enumerate(plan.inputs):
        if spec.kind not in ("array", "scalar", "number", "float"):
            raise ValueError(f"Input {number} is of kind {spec.kind!r}; the kinds are array, scalar, number and float.")
        if spec.kind != "array" and (spec.shape != () or spec.donated):
            raise ValueError(f"Input {number} is a number, which has no shape and cannot be donated.")
        if spec.kind == "float" and spec.dtype != np.float64:
            raise ValueError(f"Input {number} is a Python float, whose dtype is float64, not {spec.dtype}.")
    for number, spec in enumerate(plan.outputs):
        if spec.donated_from is not None:
            given = plan.inputs[spec.donated_from]
            if spec.patches and not given.donated:
                raise ValueError(
                    f"Output {number} is input {spec.donated_from}, which is not donated: nothing may be written there."
                )
            if given.dtype != spec.dtype or given.shape != spec.shape:
                raise ValueError(
                    f"Output {number} of shape {spec.shape} and dtype {spec.dtype} cannot be input {spec.donated_from} of "
                    f"shape {given.shape} and dtype {given.dtype}."
                )
        elif spec.scalar and spec.shape != ():
            raise ValueError(f"Output {number} is a number, which has no shape; got {spec.shape}.")
