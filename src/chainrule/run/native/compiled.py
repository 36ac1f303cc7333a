"""Graph in, native program out: the executor behind `cr.compile` where llvmlite is there.

Instances of a program (its memory and table) are made as threads need them: a thread that finds all of them at work gets one of its
own, whose code is the same.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Mapping, Sequence
from functools import cache, partial
from typing import Any

import numpy as np

from chainrule.graph import Graph
from chainrule.lower import lower
from chainrule.lower.expand import expand
from chainrule.lower.kernel import SIZES
from chainrule.lower.program import Launch, Product, Program, Repeat
from chainrule.optimise import PASSES, Pass, optimise
from chainrule.run.native import elements, engine
from chainrule.run.native.bind import bind
from chainrule.run.native.instance import Instance
from chainrule.run.native.modules import host_target
from chainrule.run.native.products import ProductPlan, plan_product

LONG = 1 << 16  # elements, or 1/64 of the multiplications, from which on other threads of Python may work meanwhile


@cache
def _multiplies(target: engine.Target, type_: str) -> bool:
    """Whether products of any size have a native function: ours, or a library's."""
    size, step = 1 << 14, SIZES[type_]
    rows = (size * step, step)
    return isinstance(plan_product(type_, (size, size, size), rows, rows, rows, for_target=target), ProductPlan)


def _supported(target: engine.Target, operation: str, taken: tuple[str, ...], result: str, detail: Any) -> bool:
    """Whether native code does an operation in these types."""
    return (
        _multiplies(target, result) if operation == "matmul" else elements.supported(operation, taken, result, detail)
    )


def _work(program: Program) -> int:
    """How much a program does: elements of its loops, and 1/64 of the multiplications of its products."""
    work = 0
    for step in program.steps:
        if isinstance(step, Launch):
            work += math.prod(step.extents)
        elif isinstance(step, Product):
            work += math.prod(step.result.shape) * step.first.shape[-1] // 64
        elif isinstance(step, Repeat):
            work += step.length * _work(step.body)
    return work


class NativeRunnable:
    """A graph as a native program; see `chainrule.run.runnable.Runnable`."""

    def __init__(
        self,
        graph: Graph,
        guards: int = 0,
        aliases: Mapping[int, int] | None = None,
        target: engine.Target | None = None,
        passes: Sequence[Pass] = PASSES,
    ) -> None:
        start = time.perf_counter()
        self._target = target or host_target()
        best = optimise(expand(graph), passes)
        self.program = lower(best, partial(_supported, self._target), aliases, guards)
        self._inputs = [
            (np.asarray(node.value).dtype, np.shape(node.value), not isinstance(node.value, np.ndarray))
            for node in graph.inputs
        ]
        lowered = time.perf_counter()
        self._lock = threading.Lock()
        self._entry: Any = None  # False where there is none
        self._instances: list[Instance] = [self._instance()]
        self.stats: dict[str, Any] = {
            "executor": "native",
            "kernels": len(self.program.kernels),
            "steps": len(self.program.steps),
            "called in NumPy": sorted({call.primitive.name for call in self._instances[0].calls}),
            "arena bytes": self.program.arena,
            "lower ms": (lowered - start) * 1e3,
            "compile ms": (time.perf_counter() - lowered) * 1e3,
        }

    def _instance(self) -> Instance:
        bound = bind(self.program, self._target, [number for _, _, number in self._inputs])
        return Instance(bound, self._inputs, _work(self.program) >= LONG)

    def entry(self) -> Any:
        """The fast way in, with an instance of its own; None where the program has none."""
        with self._lock:
            if self._entry is None:
                instance = self._free()  # and never given back: its memory belongs to the entry
                self._entry = instance.entry() or False
                if self._entry is False:
                    instance.busy.release()
        return self._entry or None

    def run(self, inputs: Sequence[Any]) -> list[Any]:
        """The outputs for these inputs. IndexError where an index array holds a number outside of its axis."""
        instance = self._free()
        try:
            return instance.run(inputs)
        finally:
            instance.busy.release()

    def _free(self) -> Instance:
        """An instance at rest, made busy."""
        for instance in self._instances:
            if instance.busy.acquire(blocking=False):
                return instance
        fresh = self._instance()
        fresh.busy.acquire()
        self._instances.append(fresh)
        return fresh


def build(
    graph: Graph, guards: int = 0, aliases: Mapping[int, int] | None = None, donated: frozenset[int] = frozenset()
) -> NativeRunnable:
    """The graph made ready to run as native code.

    >>> import chainrule as cr
    >>> build(cr.trace(lambda x: (x * 2.0).sum(), np.ones(3))).run([np.ones(3)])
    [np.float64(6.0)]
    """
    del donated  # results take their memory by `aliases`; nothing else is gained
    return NativeRunnable(graph, guards, aliases)
