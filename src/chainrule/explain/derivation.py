"""The derivation of a program: its passes, its checks, and itself on paper in any form."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError
from chainrule.explain.checks import Check, check_passes
from chainrule.explain.compose import Composer, Material
from chainrule.explain.document import Display, Document
from chainrule.explain.lines import LEVELS
from chainrule.explain.printing.document_html import print_html
from chainrule.explain.printing.document_latex import print_latex
from chainrule.explain.printing.document_markdown import print_markdown
from chainrule.explain.printing.document_text import print_text
from chainrule.explain.printing.mathml import mathml_of
from chainrule.explain.printing.pdf import write_pdf
from chainrule.explain.program import Program, Request, prepare
from chainrule.explain.python import write_python
from chainrule.explain.scalar_request import scalar_request
from chainrule.explain.sections import Sections
from chainrule.explain.sentences import LANGUAGES
from chainrule.explain.steps import Passes, Step, passes_of
from chainrule.explain.writing import write_whole


@dataclass(frozen=True)
class Options:
    """How a derivation is written: language, level, the learning rate of the update that is shown (None: no update), the
    program's text, and which of its branches were taken.

    >>> Options().level
    'result'
    """

    language: str = "en"
    level: str = "result"
    learning_rate: float | None = None
    source: str = ""
    held: tuple[str, ...] = ()  # integer arguments, which nobody can differentiate by
    branches: tuple[tuple[int | None, bool], ...] = ()  # the lines of the program's conditions, and whether they held

    def __post_init__(self) -> None:
        if self.language not in LANGUAGES:
            raise ArgumentError(
                f"derive has no language {self.language!r}. There are: {', '.join(repr(one) for one in LANGUAGES)}."
            )
        if self.level not in LEVELS:
            raise ArgumentError(
                f"derive has no level {self.level!r}. There are: {', '.join(repr(one) for one in LEVELS)}."
            )


@dataclass(frozen=True)
class Failure:
    """Where and why a program stopped half-way.

    >>> Failure("ValueError", "no", 3, "x = y").line
    3
    """

    kind: str
    message: str
    line: int | None
    text: str


@contextmanager
def undisturbed() -> Iterator[None]:
    """NumPy's warnings are off, since NaN and infinities are compared like numbers, and the garbage collector rests: a derivation
    is many small objects that all stay, and looking through them again and again takes a third of the time.

    >>> with undisturbed():
    ...     gc.isenabled()
    False
    """
    running = gc.isenabled()
    gc.disable()
    try:
        with np.errstate(all="ignore"):
            yield
    finally:
        if running:
            gc.enable()


class Derivation:
    """The chain-rule derivation of a program, every equality of which was evaluated when it was made.

    Made by `cr.derive`. `verified` is (equalities that hold, equalities in total). It prints itself as text, Markdown, LaTeX,
    HTML with MathML, or a Python program, and shows itself in notebooks.

    >>> import chainrule as cr
    >>> derivation = cr.derive(lambda x, y: x * y, 2.0, 3.0)
    >>> derivation.verified[0] == derivation.verified[1]
    True
    """

    def __init__(self, request: Request, options: Options, failure: Failure | None = None) -> None:
        self.request = request
        self.options = options
        self.failure = failure
        self.written: Request | None = None
        with undisturbed():
            self.program: Program = prepare(request)
            self.passes: Passes = passes_of(self.program)
            self.sections = Sections(self.program, self.passes, options.learning_rate)
            self._checks = tuple(check_passes(self.program, self.passes))
            self._document, self.checks = self._composed(options)

    @classmethod
    def expanded(cls, request: Request, options: Options) -> Derivation:
        """The derivation of the same program with its arrays unrolled to their elements."""
        derivation = cls(scalar_request(request), options)
        derivation.written = request  # a program with arrays is written as one
        return derivation

    # -- what was derived -------------------------------------------------------------------------------------------
    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps of the backward pass in order, each with its number, symbol, contributions, total and value."""
        return self.passes.backward

    @property
    def verified(self) -> tuple[int, int]:
        """How many equalities hold, and how many there are."""
        return sum(check.holds for check in self.checks), len(self.checks)

    @property
    def holds(self) -> bool:
        """Whether every equality holds, of a program that ran to its end."""
        return self.failure is None and all(check.holds for check in self.checks)

    @property
    def failures(self) -> tuple[Check, ...]:
        """The equalities that do not hold, each with its line."""
        return tuple(check for check in self.checks if not check.holds)

    @property
    def value(self) -> Any:
        """The result of the program."""
        return self.program.symbols[self.program.output].value

    @property
    def gradients(self) -> Mapping[str, Any]:
        """The engine's gradient of each input that was asked about, by its name."""
        texts = self.program.naming.texts
        return {texts[step.node]: step.value for step in self.passes.ends}

    # -- on paper ---------------------------------------------------------------------------------------------------
    def document(self, level: str | None = None, lang: str | None = None) -> Document:
        """The document at a level and in a language; those of the derivation where none is given."""
        with undisturbed():
            return self._composed(
                replace(self.options, level=level or self.options.level, language=lang or self.options.language)
            )[0]

    def _composed(self, options: Options) -> tuple[Document, tuple[Check, ...]]:
        """A document and all its checks, which its last lines report."""
        material = Material(
            self.program,
            self.passes,
            (*self._checks, *self.sections.checks(options.level)),
            self.request.title,
            options.source,
            options.branches,
            options.held,
            self.failure,
            sections=self.sections.blocks(options.level, options.language),
        )
        composer = Composer(material, options.level, options.language)
        return composer.document(), composer.checks

    def text(self, width: int = 100, color: bool = False) -> str:
        """Plain text with Unicode mathematics, for terminals; `color` adds ANSI colours."""
        return print_text(self._document, width, color)

    def markdown(self) -> str:
        """Markdown with formulas between dollar signs."""
        return print_markdown(self._document)

    def latex(self, standalone: bool = True) -> str:
        """LaTeX: a document that compiles, or with `standalone=False` a fragment to be included."""
        return print_latex(self._document, standalone)

    def html(self, standalone: bool = True) -> str:
        """HTML with MathML, without script: a page, or with `standalone=False` a fragment."""
        return print_html(self._document, standalone)

    def mathml(self) -> str:
        """The formulas alone as MathML, one `math` element for each left side and each right side of a line."""
        boxes = [
            box
            for block in self._document.blocks
            if isinstance(block, Display)
            for line in block.lines
            for box in (*([line.left] if line.left is not None else []), *(box for _, box in line.steps))
        ]
        return "\n".join(mathml_of(box) for box in boxes)

    def python(self) -> str:
        """A Python program with both passes in plain NumPy, one commented line a step, that runs without chainrule."""
        if self.failure is not None:
            raise ArgumentError(
                f"python() cannot write the backward pass of {self.request.title}: the program raised {self.failure.kind} in line "
                f"{self.failure.line}. Mend it first."
            )
        request = self.written or self.request
        title = f"The value and the gradients of {request.title}."
        return write_python(request.graph, request.wanted, seed=request.above, title=title)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the derivation to a file, in the form that its extension says: .txt .md .tex .html .py .pdf.

        The file appears whole or not at all. A PDF needs a LaTeX on this machine.
        """
        target = Path(path)
        writers = {
            ".txt": self.text,
            ".md": self.markdown,
            ".tex": self.latex,
            ".html": self.html,
            ".htm": self.html,
            ".py": self.python,
        }
        suffix = target.suffix.lower()
        if suffix == ".pdf":
            return write_pdf(self._document, target)
        if suffix not in writers:
            raise ArgumentError(
                f"save cannot tell from {target.name!r} what to write. Give the file one of the extensions "
                f"{', '.join([*writers, '.pdf'])}."
            )
        return write_whole(target, writers[suffix]())

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        held, total = self.verified
        return f"<derivation of {self.request.title}: {len(self.steps)} steps, {held} of {total} equalities hold>"

    def _repr_markdown_(self) -> str:
        return self.markdown()

    def _repr_latex_(self) -> str:
        return self.latex(standalone=False)

    def _repr_html_(self) -> str:
        return self.html(standalone=False)
