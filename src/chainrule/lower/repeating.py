"""A loop of the graph as a program that is repeated: one turn is lowered, and its inputs and outputs move through the stacks.

States stay in one place, which each turn overwrites; items and stacked results are slices at addresses that move from turn to turn;
what is captured stays where it is. A turn that NumPy must help with is not repeated natively: then the whole loop is called.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chainrule.graph import Graph, Node
from chainrule.lower.access import Access
from chainrule.lower.expand import expand
from chainrule.lower.program import Call, Launch, Program, Repeat
from chainrule.optimise import optimise

STOPPING = ("require", "gather", "scatter")  # instructions that may end a run


@dataclass(frozen=True, slots=True, eq=False)
class Repeated:
    """A loop that is to be repeated: its turn, the accesses of its inputs, and the nodes of its outputs that somebody reads."""

    node: Node
    body: Program
    states: tuple[Access, ...]
    items: tuple[Access, ...]
    captured: tuple[Access, ...]
    made: dict[int, Node]
    stacked: tuple[
        int, ...
    ]  # which outputs of the loop are stacked by the body, in the order of its outputs after the states

    @property
    def operands(self) -> tuple[Access, ...]:
        """Everything that it reads."""
        return (*self.states, *self.items, *self.captured)


def turn_of(node: Node, made: dict[int, Node], lower: Callable[..., Program]) -> tuple[Program, tuple[int, ...]] | None:
    """One turn of a loop as a program, with only those stacked results that somebody reads; None where NumPy must take part."""
    loop: Any = node.parameters["loop"]
    outputs = loop.graph.outputs
    stacked = tuple(index for index in range(loop.states, loop.states + loop.stacked) if index in made)
    guards = outputs[loop.states + loop.stacked :]
    kept = (*outputs[: loop.states], *(outputs[index] for index in stacked), *guards)
    body = optimise(expand(optimise(Graph.of(loop.graph.inputs, kept))))
    program = lower(body, {index: index for index in range(loop.states)}, len(guards))
    return None if needs_numpy(program) else (program, stacked)


def needs_numpy(program: Program) -> bool:
    """Whether a program calls NumPy anywhere."""
    return any(
        isinstance(step, Call) or (isinstance(step, Repeat) and needs_numpy(step.body)) for step in program.steps
    )


def may_stop(program: Program) -> bool:
    """Whether a program may end before its end: by a guard or an index outside."""
    return any(
        (isinstance(step, Repeat) and may_stop(step.body))
        or (isinstance(step, Launch) and any(one.operation in STOPPING for one in step.kernel.instructions))
        for step in program.steps
    )
