"""What derivations print, judged by readers of the formats: KaTeX for every formula, an XML parser for MathML.

The formulas are those of all worked examples in both languages, and of a program around every operation of the registry.
"""

from __future__ import annotations

import warnings
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator

import pytest
from katex_check import katex_errors, katex_folder
from test_explain_truth import REGISTRY, weighted

import chainrule as cr
from chainrule.boxes import Box
from chainrule.explain.derivation import Derivation
from chainrule.explain.document import Display, Document, Paragraph
from chainrule.explain.printing.latex import latex_of
from chainrule.explain.printing.mathml import mathml_of
from chainrule.explain.printing.text import text_of
from worked import FILES, example


def formulas(document: Document) -> Iterator[Box]:
    """Every formula of a document, in displays and in sentences."""
    for block in document.blocks:
        if isinstance(block, Display):
            for line in block.lines:
                yield from (part for part in line.label if not isinstance(part, str))
                yield from ([] if line.left is None else [line.left])
                yield from (box for _, box in line.steps)
        elif isinstance(block, Paragraph):
            yield from (part for part in block.parts if not isinstance(part, str))


def derivations_of_primitives() -> Iterator[Derivation]:
    """A derivation of a small program around each operation that has a derivative."""
    for _, _, case in REGISTRY:
        program = weighted(case)
        if program is not None:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                yield cr.derive(program[0], *case.inputs, wrt=tuple(program[1]))


@pytest.fixture(scope="module")
def boxes() -> list[Box]:
    """Every formula that is judged here, each once."""
    found: dict[str, Box] = {}
    for file in FILES:
        one = example(file)
        for point in one.points:
            derivation = cr.derive(one.program, *point.values(), wrt=one.wrt, **one.options)
            for language in ("en", "ko"):
                for box in formulas(derivation.document(lang=language)):
                    found.setdefault(repr(box), box)
    count = 0
    for derivation in derivations_of_primitives():
        count += 1
        for box in formulas(derivation.document()):
            found.setdefault(repr(box), box)
    assert count > 90
    assert len(found) > 2000
    return list(found.values())


def test_katex_reads_every_formula_with_strict_errors(boxes: list[Box]) -> None:
    folder, reason = katex_folder()
    if folder is None:
        pytest.skip(reason)
    assert katex_errors([(latex_of(box), True) for box in boxes]) == {}


def test_every_formula_is_well_formed_mathml(boxes: list[Box]) -> None:
    for box in boxes:
        assert ElementTree.fromstring(mathml_of(box)).tag.endswith("math")


def test_every_formula_has_a_text(boxes: list[Box]) -> None:
    assert all(text_of(box).strip() for box in boxes)
