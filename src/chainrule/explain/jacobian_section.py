"""The Jacobians of a derivation as a section: a line for each, and their product along each path that is a single chain."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from chainrule.boxes import Box, Letter, Numeral, Scripts, Sign, Word, listed, row
from chainrule.explain.composites import Added, Chain, Kronecker, Scaled, parts_of
from chainrule.explain.document import Block, Display, Line, Paragraph
from chainrule.explain.jacobians import Jacobian, Jacobians, Path, jacobians_of
from chainrule.explain.notes import sizes
from chainrule.explain.partials import derivative_box
from chainrule.explain.program import Program
from chainrule.explain.sentences import sentence, text
from chainrule.explain.steps import Passes
from chainrule.explain.structures import (
    PERMUTED,
    SELECTED,
    Dense,
    Diagonal,
    Identity,
    Names,
    Ones,
    Places,
    Structure,
    Vector,
    flattened,
)
from chainrule.notation import fitted
from chainrule.numerals import grid_of

ENTRIES, ROWS, COLUMNS = 36, 12, 8  # of a matrix that is written out
LABELLED = ("identity", "diagonal", "ones", "kronecker", "permutation", "selection")


@np.errstate(all="ignore")
def jacobian_section(
    program: Program, passes: Passes, level: str, language: str, found: Jacobians | None = None
) -> tuple[Block, ...]:
    """The section's blocks; nothing at the levels that have no room for it and for programs without arrays."""
    if level in ("summary", "rule") or not program.arrays:
        return ()
    found = found or jacobians_of(program, passes)
    if not any(max(one.shape) > 1 for one in found.edges):
        return ()
    return tuple(_Section(program, found, level, language).blocks())


class _Section:
    def __init__(self, program: Program, found: Jacobians, level: str, language: str) -> None:
        self.program, self.found, self.level, self.language = program, found, level, language
        structures = [one.structure for one in found.edges if one.structure is not None]
        structures += [path.product for path in found.paths]
        self.parts = [part for structure in structures for part in parts_of(structure)]
        used = set(program.naming.texts.values())
        self.identity: Box = Letter("I") if "I" not in used else Word("Id")
        self.places = _named_places(self.parts, used)

    def names(self) -> Names:
        """Fresh names, whose drawer has rounded nothing yet."""
        return Names(self.identity, self.places)

    def blocks(self) -> Iterator[Block]:
        """A sentence, the lines, what the signs mean, and the products."""
        yield self._paragraph("jacobian.intro", "text")
        yield Display(tuple(self.line(one) for one in self.found.edges))
        if self.found.left_out:
            yield self._paragraph("jacobian.more", count=str(self.found.left_out))
        said = [paragraph.parts for paragraph in self._explanations()]
        if said:
            yield Paragraph(tuple(part for parts in said for part in (*parts, " "))[:-1], "note")
        if self.found.paths:
            yield self._paragraph("jacobian.product", "text")
            yield Display(tuple(self.product(path) for path in self.found.paths))
            if self.program.request.above is None and self.program.symbols[self.program.output].shape == ():
                yield self._paragraph("jacobian.transpose")

    def _paragraph(self, key: str, role: str = "note", **values: Any) -> Paragraph:
        return Paragraph(sentence(self.language, key, values), role)

    def _explanations(self) -> Iterator[Paragraph]:
        edges, parts = self.found.edges, self.parts
        if any(len(symbol.shape) > 1 for one in edges for symbol in (one.of, one.by)):
            yield self._paragraph("jacobian.flat")
        if any(isinstance(part, Vector | Diagonal) and flattened(part.entries) for part in parts):
            yield self._paragraph("jacobian.vec")
        if any(isinstance(part, Ones) for part in parts):
            yield self._paragraph("jacobian.ones")
        if any(isinstance(part, Identity) and part.rows > 1 for part in parts):
            yield self._paragraph("jacobian.identity", I=self.identity)
        if any(isinstance(part, Kronecker) for part in parts):
            yield self._paragraph("jacobian.kronecker")
        moved = {part.key: part for part in parts if isinstance(part, Places)}
        for kind in (PERMUTED, SELECTED):
            boxes = [self.places[key] for key, part in moved.items() if part.kind == kind]
            if boxes:
                yield self._paragraph(f"jacobian.{kind}", matrices=listed(boxes))

    # -- lines ------------------------------------------------------------------------------------------------------
    def line(self, one: Jacobian) -> Line:
        """∂u/∂x = structure = numbers, with its shape and what it is."""
        left, structure = derivative_box(one.of.box, one.by.box), one.structure
        label = sizes(one.shape)
        if structure is None or (isinstance(structure, Dense) and not written_out(structure)):
            return Line(row(left, "∈", _space(one.shape)), ())
        if one.kind in LABELLED and max(one.shape) > 1 and not isinstance(structure, Identity):
            label += f" · {text(self.language, f'structure.{one.kind}')}"
        weights, pulled = one.pulled
        steps = _Steps()
        self._formula(steps, structure, structure.back(weights))
        self._numbers(steps, structure, structure.back(weights))
        return steps.line(left, pulled, label)

    def product(self, path: Path) -> Line:
        """∂J/∂x = the chain = the structures of its Jacobians = their product = numbers."""
        names, steps = self.names(), _Steps()
        ordered = list(reversed(path.steps))
        above = np.asarray(self.program.gradients[self.program.output]).reshape(-1, 1)
        structures = [one.structure for one in ordered if one.structure is not None]
        through = Chain(tuple(structures)).back(above)
        steps.add("=", dotted([derivative_box(one.of.box, one.by.box) for one in ordered]), through)
        if not any(isinstance(one, Dense) for one in structures):
            first, *rest = structures
            boxes = [fitted(first.operand(names), 20 if isinstance(first, Added) else 10)]
            boxes += [fitted(structure.operand(names), 20) for structure in rest]
            steps.add("≈" if names.drawer.rounded else "=", dotted(boxes), through)
            if length(path.product) < sum(map(length, structures)):
                self._formula(steps, path.product, path.product.back(above))
        self._numbers(steps, path.product, path.product.back(above))
        left = derivative_box(ordered[0].of.box, path.steps[0].by.box)
        expected = np.asarray(self.program.gradients[path.source]).reshape(-1, 1)
        return steps.line(left, expected, sizes((path.product.rows, path.product.columns)))

    def _formula(self, steps: _Steps, structure: Structure, value: Any) -> None:
        names = self.names()
        box = structure.operand(names)[0]
        steps.add("≈" if names.drawer.rounded else "=", box, value)

    def _numbers(self, steps: _Steps, structure: Structure, value: Any) -> None:
        if self.level == "names" or not written_out(structure) or isinstance(structure, Dense):
            return
        matrix = structure.matrix()
        if np.isfinite(matrix).all():
            box, exact = grid_of(matrix[0, 0] if matrix.size == 1 else matrix)
            steps.add("=" if exact else "≈", box, value)


class _Steps:
    """The relations of a line as they are collected, each with the value that checks it."""

    def __init__(self) -> None:
        self.relations: list[tuple[str, Box]] = []
        self.values: list[Any] = []

    def add(self, relation: str, box: Box, value: Any) -> None:
        """One more relation, unless it repeats what stands there already."""
        if not self.relations or self.relations[-1][1] != box:
            self.relations.append((relation, box))
            self.values.append(value)

    def line(self, left: Box, value: Any, label: str) -> Line:
        """The line, with the value of its left side."""
        return Line(left, tuple(self.relations), label=(label,), values=(value, *self.values))


def written_out(structure: Structure) -> bool:
    """Whether a matrix is small enough to be written out in numbers.

    >>> written_out(Ones(1, 3)), written_out(Ones(1, 100))
    (True, False)
    """
    rows, columns = structure.rows, structure.columns
    return rows * columns <= ENTRIES and rows <= ROWS and columns <= COLUMNS


def length(structure: Structure) -> int:
    """How many matrices and numbers a structure is a product of.

    >>> length(Ones(1, 2))
    1
    """
    if isinstance(structure, Scaled):
        return 1 + length(structure.inner) if structure.rows * structure.columns > 1 else 1
    return sum(map(length, structure.factors)) if isinstance(structure, Chain) else 1


def dotted(boxes: list[Box]) -> Box:
    """Factors with a dot between them.

    >>> dotted([Letter("a"), Letter("b")]) == row(Letter("a"), "·", Letter("b"))
    True
    """
    items: list[Box | str] = []
    for box in boxes:
        items += ["·", box] if items else [box]
    return row(*items)


def _named_places(parts: list[Structure], used: set[str]) -> dict[bytes, Box]:
    """P for permutations and S for selections, numbered where there are several; other letters where these are taken."""
    named: dict[bytes, Box] = {}
    for letters, permuted in ((("P", "Π", "Q"), True), (("S", "E", "R"), False)):
        free = [one for one in letters if not any(name.startswith(one) for name in used)]
        letter = Letter((free or ["Ω"])[0])
        keys = list(dict.fromkeys(p.key for p in parts if isinstance(p, Places) and (p.kind == PERMUTED) == permuted))
        for position, key in enumerate(keys, start=1):
            named[key] = letter if len(keys) == 1 else Scripts(letter, below=Numeral(str(position)))
    return named


def _space(shape: tuple[int, int]) -> Box:
    """The space of all matrices of a shape."""
    sides = [Numeral(str(side)) for side in shape]
    return Scripts(Sign("ℝ", "atom"), above=row(sides[0], "×", sides[1]))
