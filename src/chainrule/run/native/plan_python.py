"""The entry in Python: what the native one does, said plainly, and used where native code cannot read Python's objects."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.run.native.plans import InputSpec, Plan, number_types


def python_entry(plan: Plan) -> Callable[..., Any]:
    """The function `entry(*leaves)` of a plan: the tuple of results, None, an int or NotImplemented, as `entry.make_entry` says.

    >>> from chainrule.run.native.plans import OutputSpec
    >>> run = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p, ctypes.c_int64)(lambda table, count: 0)
    >>> double, address = np.dtype("f8"), ctypes.cast(run, ctypes.c_void_p).value
    >>> entry = python_entry(Plan((InputSpec(double, (2,)),), (OutputSpec(double, (2,), donated_from=0),), address, 0, 0))
    >>> entry(np.ones(2)), entry(np.ones(3))
    ((array([1., 1.]),), None)
    """
    library = ctypes.CFUNCTYPE if plan.release_gil else ctypes.PYFUNCTYPE
    run = library(ctypes.c_int64, ctypes.c_void_p, ctypes.c_int64)(plan.run_address)
    numbers = np.zeros(len(plan.outputs), np.int64)
    for number, spec in enumerate(plan.outputs):
        if spec.scalar and spec.donated_from is None:
            _point(spec.patches, numbers.ctypes.data + 8 * number)
    lock = threading.Lock()

    def entry(*leaves: Any) -> Any:
        if len(leaves) != len(plan.inputs):
            return None
        if not lock.acquire(blocking=False):
            return NotImplemented
        try:
            if not all(map(_fits, plan.inputs, leaves)) or _shares_memory(plan, leaves):
                return None
            for spec, leaf in zip(plan.inputs, leaves, strict=True):
                if spec.kind == "array":
                    _point(spec.patches, leaf.ctypes.data)
                else:
                    value = np.asarray(leaf)
                    for address, offset in spec.patches:
                        ctypes.memmove(address + offset, value.ctypes.data, value.itemsize)
            results: list[Any] = []
            for spec in plan.outputs:
                if spec.donated_from is None and spec.scalar:
                    results.append(None)
                    continue
                array = np.empty(spec.shape, spec.dtype) if spec.donated_from is None else leaves[spec.donated_from]
                if spec.patches:
                    _point(spec.patches, array.ctypes.data)
                results.append(array)
            code = run(plan.table_address, plan.count)
            if code:
                return code
            for number, spec in enumerate(plan.outputs):
                if spec.donated_from is None and spec.scalar:
                    results[number] = numbers[number : number + 1].view(spec.dtype)[0]
            return tuple(results)
        finally:
            lock.release()

    entry.keeps = plan  # type: ignore[attr-defined]  # the plan's owner lives as long as the entry
    return entry


def _fits(spec: InputSpec, leaf: Any) -> bool:
    if spec.kind != "array":
        return type(leaf) in number_types(spec)
    if type(leaf) is not np.ndarray or leaf.dtype != spec.dtype or leaf.dtype.num != spec.dtype.num:
        return False
    flags = leaf.flags
    return leaf.shape == spec.shape and flags.c_contiguous and flags.aligned and (flags.writeable or not spec.donated)


def _shares_memory(plan: Plan, leaves: tuple[Any, ...]) -> bool:
    """Whether a donated array shares bytes with another argument."""
    spans = [
        (leaf.ctypes.data, leaf.ctypes.data + leaf.nbytes, spec.donated)
        for spec, leaf in zip(plan.inputs, leaves, strict=True)
        if spec.kind == "array" and leaf.nbytes
    ]
    return any(
        first < other_last and other_first < last
        for number, (first, last, donated) in enumerate(spans)
        if donated
        for other, (other_first, other_last, _) in enumerate(spans)
        if other != number
    )


def _point(patches: tuple[tuple[int, int], ...], data: int) -> None:
    for address, offset in patches:
        ctypes.c_int64.from_address(address).value = data + offset
