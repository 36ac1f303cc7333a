"""The sections after the two passes: local Jacobians, path by path, closed forms, and one update."""

from __future__ import annotations

from functools import cached_property

from chainrule.explain.checks import Check
from chainrule.explain.closed import ClosedForms
from chainrule.explain.document import Block
from chainrule.explain.jacobian_section import jacobian_section
from chainrule.explain.jacobians import Jacobians, jacobian_checks, jacobians_of
from chainrule.explain.paths import path_blocks
from chainrule.explain.program import Program
from chainrule.explain.steps import Passes
from chainrule.explain.updates import update_blocks


class Sections:
    """What a derivation says after its two passes, made for a level and a language when asked."""

    def __init__(self, program: Program, passes: Passes, learning_rate: float | None) -> None:
        self.program = program
        self.passes = passes
        self.learning_rate = learning_rate

    @cached_property
    def closed(self) -> ClosedForms:
        """The gradients in closed form."""
        return ClosedForms(self.program, self.passes)

    @cached_property
    def jacobians(self) -> Jacobians:
        """The Jacobian of each line."""
        return jacobians_of(self.program, self.passes)

    def checks(self, level: str) -> tuple[Check, ...]:
        """The comparisons of closed forms with the engine at other points, and of Jacobians with how the program changes."""
        if level in ("summary", "rule"):
            return ()
        return (*self.closed.checks, *jacobian_checks(self.program, self.passes, self.jacobians))

    def blocks(self, level: str, language: str) -> dict[str, tuple[Block, ...]]:
        """The blocks of each section that has any, by its name."""
        program, passes = self.program, self.passes
        if level in ("summary", "rule"):
            return self._updates(level, language)
        found: dict[str, tuple[Block, ...]] = {
            "jacobians": jacobian_section(program, passes, level, language, self.jacobians),
            "paths": path_blocks(program, passes, level),
        }
        found["gradients"] = self.closed.blocks(passes)
        found |= self._updates(level, language)
        return {name: blocks for name, blocks in found.items() if blocks}

    def _updates(self, level: str, language: str) -> dict[str, tuple[Block, ...]]:
        if self.learning_rate is None or not self.passes.ends:
            return {}
        blocks = update_blocks(self.program, self.passes, self.closed, self.learning_rate, level, language)
        return {"updates": blocks}
