"""A derivation in, a document out: which sections there are, and what stands in them at each level."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chainrule.boxes import Box, Sign, row
from chainrule.explain.checks import Check, check_document
from chainrule.explain.document import Block, Code, Display, Document, Heading, Line, Paragraph
from chainrule.explain.expression import Expression
from chainrule.explain.folds import Fold
from chainrule.explain.formula import Drawer
from chainrule.explain.lines import LineWriter
from chainrule.explain.loops import Loops
from chainrule.explain.notes import Note, corners, reasons, sizes, zero_reason
from chainrule.explain.partials import Partials
from chainrule.explain.program import Program
from chainrule.explain.sentences import sentence, text
from chainrule.explain.steps import ForwardStep, Passes, Step
from chainrule.numerals import numeral
from chainrule.symbols import symbol_of

DIGITS = 6
FORWARD = (
    "domain.",
    "corner.outside",
    "corner.boundary",
    "corner.step",
    "corner.stopped",
)  # notes on values; the others are on gradients


@dataclass(frozen=True, slots=True)
class Material:
    """Everything that a document is made from. `sections` are blocks made elsewhere, by name, in the document's language."""

    program: Program
    passes: Passes
    checks: tuple[Check, ...]
    title: str
    source: str = ""
    branches: tuple[tuple[int | None, bool], ...] = ()
    held: tuple[str, ...] = ()
    failure: Any = None  # a `derivation.Failure`
    sections: dict[str, tuple[Block, ...]] = field(default_factory=dict)


class Composer:
    """Composes the document of one derivation."""

    def __init__(self, material: Material, level: str, language: str) -> None:
        self.material = material
        self.level = level
        self.language = language
        numbers = {step.node: step.number for step in material.passes.backward}
        self.loops = Loops(material.program)
        self.partials = Partials(material.passes.forward if level != "summary" else ())
        self.lines = LineWriter(material.program, level, language, numbers, self.loops, self.partials)
        plain = "names" if level in ("numbers", "result") else level
        self.turns = LineWriter(
            material.program, plain, language, numbers, self.loops, self.partials
        )  # lines of loops have no numbers
        self.said: set[Any] = set()
        self.turned: set[Any] = set()
        self.checks = material.checks

    def document(self) -> Document:
        """The whole document."""
        material = self.material
        blocks: list[Block] = []
        if material.source and self.level not in ("summary", "rule"):
            blocks += [self._heading("program"), Code(material.source)]
        blocks += [self._heading("forward"), *self._forward()]
        blocks += self._failure()
        if material.passes.backward:
            blocks += [self._heading("backward"), *self._backward()]
        for name in ("jacobians", "paths", "gradients", "updates"):
            if material.sections.get(name):
                blocks += [self._heading(name), *material.sections[name]]
        title = text(self.language, "title", name=material.title)
        self.checks = (*material.checks, *check_document(Document(title, tuple(blocks), self.language)))
        blocks += self._verdict()
        return Document(title, tuple(blocks), self.language)

    def _heading(self, name: str) -> Heading:
        return Heading(text(self.language, f"heading.{name}"))

    def paragraph(self, note: Note, role: str = "note") -> Paragraph:
        """A note as a paragraph, its expressions drawn."""
        values = {
            name: Drawer().box(value) if isinstance(value, Expression) else value for name, value in note.values.items()
        }
        return Paragraph(sentence(self.language, note.key, values), role)

    # -- forward ----------------------------------------------------------------------------------------------------
    def _forward(self) -> Iterator[Block]:
        program = self.material.program
        lines: list[Line] = []
        pending: list[Paragraph] = []

        def flush() -> Iterator[Block]:
            if lines:
                yield Display(tuple(lines))
                lines.clear()
            yield from pending
            pending.clear()

        steps = self.material.passes.forward
        for item in self.loops.forward(steps, self.turns.forward, self.level):
            lines += item.lines if isinstance(item, Fold) else [self.lines.forward(steps[item])]
            if self.level in ("summary", "rule"):
                continue
            if isinstance(item, Fold):
                pending += item.notes(lambda place: self._corners(steps[place]))
            else:
                pending += self._corners(steps[item])
            if pending:
                yield from flush()
        yield from flush()
        if self.level != "summary":
            for name in self.material.held:
                yield self.paragraph(Note("held", {"x": symbol_of(name)}))
            for line, taken in dict.fromkeys(self.material.branches):
                key = "corner.branch_true" if taken else "corner.branch_false"
                yield self.paragraph(Note(key, {"line": str(line)}))
        for count, symbol in program.counts.items():
            yield Paragraph(
                sentence(self.language, "count", {"letter": symbol.box, "value": str(count)}), "note"
            )  # fmt: skip

    def _corners(self, step: ForwardStep) -> list[Paragraph]:
        """What is to be said about a line of the forward pass."""
        said = self._once(Note("reason.sigmoid")) if "sigmoid" in step.formulas.recognised else []
        notes = [note for note in corners(self.material.program, step) if note.key.startswith(FORWARD)]
        domain = [note for note in notes if note.key.startswith("domain.")]
        said += [self.paragraph(note) for note in notes if note not in domain]
        return [*said, self._domain(domain)] if domain else said

    def _failure(self) -> list[Block]:
        failure = self.material.failure
        if failure is None:
            return []
        values = {"error": failure.kind, "line": str(failure.line), "message": failure.message}
        key = "failure.nowhere" if failure.line is None else "failure"
        said = Paragraph(sentence(self.language, key, values), "warning")
        return [self._heading("failure"), said, *([Code(failure.text)] if failure.text else [])]

    def _domain(self, notes: Sequence[Note]) -> Paragraph:
        parts: list[str | Box] = []
        seen: set[Any] = set()
        for note in notes:
            paragraph = self.paragraph(note)
            key = repr(paragraph.parts)
            if key in seen:
                continue
            seen.add(key)
            if parts:
                parts.append(", ")
            parts.extend(paragraph.parts)
        whole = sentence(self.language, "domain", {"conditions": None})
        joined: list[str | Box] = []
        for part in whole:
            joined.extend(parts if part is None else [part])
        return Paragraph(tuple(joined), "note")

    def _once(self, note: Note) -> list[Paragraph]:
        """The note the first time that it is to be said, nothing later."""
        if note.key in self.said:
            return []
        self.said.add(note.key)
        return [self.paragraph(note)]

    # -- backward ---------------------------------------------------------------------------------------------------
    def _backward(self) -> Iterator[Block]:
        program, passes = self.material.program, self.material.passes
        output = program.output
        if self.level != "summary":
            yield self.paragraph(Note("intro.chain", {"loss": program.loss}), "text")
        if program.request.above is not None:
            gradient = program.gradient_symbols.get(output)
            if gradient is not None:
                name = program.naming.boxes[output]
                local = row(Sign("∂", "atom"), program.loss, Sign("/", "infix"), Sign("∂", "atom"), name)
                yield self.paragraph(
                    Note(
                        "intro.above", {"g": program.upstream, "gradient": local, "loss": program.loss, "output": name}
                    ),
                    "text",
                )
        elif program.arrays:
            yield self.paragraph(Note("start", {"gradient": passes.by_node[output].gradient.box}), "text")
        if program.arrays and self.level != "summary" and any(step.alias is not None for step in passes.backward):
            yield self.paragraph(Note("intro.g", {"g": program.upstream}), "text")
        lines: list[Line] = []
        silent = program.arrays or program.request.above is not None
        steps = [step for step in passes.backward if step.node is not output or not silent]
        for item in self.loops.backward(steps, lambda step: self.turns.backward(step, ()), self.level):
            if isinstance(item, Fold):
                lines += item.tagged(steps)
                self.lines.tags.update(item.tags(steps))
                said = (
                    []
                    if self.level in ("summary", "rule")
                    else item.notes(lambda place: list(self._said(steps[place])))
                )
            else:
                step = steps[item]
                lines.append(self.lines.backward(step, self._uses(step)))
                said = [] if self.level in ("summary", "rule") else list(self._said(step))
            if said:
                yield Display(tuple(lines))
                lines = []
                yield from said
        if lines:
            yield Display(tuple(lines))
        if self.partials.met:
            yield self.paragraph(Note("intro.immediate"))

    def _uses(self, step: Step) -> list[int]:
        """The numbers of the steps whose results this one uses."""
        by_node = self.material.passes.by_node
        found = [by_node[one.use.block.node].number for one in step.contributions if one.above is not None]
        return sorted(set(found))

    def _said(self, step: Step) -> Iterator[Paragraph]:
        program = self.material.program
        zero = zero_reason(program, step)
        if zero is not None:
            yield self.paragraph(zero)
        if step.is_input and step.symbol.shape:
            yield from self._once(Note("reason.shape"))
        if len(step.contributions) > 1:
            yield self.paragraph(
                Note("reason.branches", {"x": step.symbol, "count": str(len(step.contributions))})
            )  # fmt: skip
        for one in step.contributions:
            if one.use.block.node not in self.turned:  # which side of a corner the values took, once for each line
                self.turned.add(one.use.block.node)
                notes = corners(program, one.use)
                yield from (self.paragraph(note) for note in notes if not note.key.startswith(FORWARD))
        for one in step.contributions:
            for note in reasons(program, one, step.node):
                yield from self._once(note)

    # -- the end ----------------------------------------------------------------------------------------------------
    def _verdict(self) -> Iterator[Block]:
        checks = self.checks
        for check in checks:
            if not check.holds:
                yield self._wrong(check)
        held = sum(check.holds for check in checks)
        rounded = any(check.kind == "≈" for check in checks)
        words = [text(self.language, "verified", held=held, total=len(checks))]
        words += [text(self.language, "verified.rounding", digits=DIGITS)] if rounded else []
        yield Paragraph((" ".join(words),), "note")

    def _wrong(self, check: Check) -> Paragraph:
        if check.kind == "rule":
            what = text(self.language, "wrong.rule", detail=check.detail)
        else:
            what = text(self.language, "wrong.value", found=shown(check.found), expected=shown(check.expected))
        line = check.line if check.number is None else f"({check.number})"
        return Paragraph((text(self.language, "wrong", line=line, what=what),), "warning")


def shown(value: Any) -> str:
    """A value as short text.

    >>> shown(0.1), shown(np.ones((2, 3)))
    ('0.1', 'an array of shape 2 × 3')
    """
    if np.ndim(value):
        return f"an array of shape {sizes(np.shape(value))}"
    box, _ = numeral(value)
    return getattr(box, "text", str(value))
