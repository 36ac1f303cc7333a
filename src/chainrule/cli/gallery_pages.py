"""Worked examples in, pages out: what stands on each page of the gallery, before it is HTML or Markdown."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

import chainrule as cr
from chainrule.boxes import Box, Fence, Row, Sign, listed
from chainrule.cli.gallery_plot import Curves, curves
from chainrule.cli.gallery_words import LANGUAGES, word
from chainrule.explain.document import Block, Code, Heading, Paragraph
from chainrule.explain.printing.text import text_of
from chainrule.numerals import grid_of, numeral
from chainrule.symbols import symbols_of

LONGEST_VECTOR = 6
LARGEST_MATRIX = 9
PLOTTED = {"sigmoid": "a", "tanh": "a", "relu": "a", "leaky_relu": "a", "elu": "a", "maxout": "x"}


@dataclass(frozen=True, slots=True)
class Part:
    """The derivation at one point: its heading where there are several points, its blocks, its equalities."""

    heading: str
    blocks: tuple[Block, ...]
    held: int
    total: int
    wrong: tuple[str, ...] = ()  # what does not hold, in words


@dataclass(frozen=True, slots=True, eq=False)
class Page:
    """One example in one language."""

    language: str
    file: str
    number: str
    title: str
    about: str
    code: tuple[tuple[int, str], ...]  # functions, each with the line of its file that it begins on
    source: str  # the name of the file
    call: str
    at: tuple[Paragraph, ...]
    plot: Curves | None
    parts: tuple[Part, ...]

    @property
    def group(self) -> str:
        """The letter of its table: A scalar graphs, B linear regression, C networks."""
        return self.number[0]

    @property
    def place(self) -> str:
        """Where the program stands, in words: the file and its lines."""
        first, (begin, text) = self.code[0][0], self.code[-1]
        return word(self.language, "source", first=first, last=begin + text.count("\n"), file=self.source)


@dataclass(frozen=True, slots=True)
class Missing:
    """An example that needs a package which is not installed."""

    heading: str
    package: str


def pages_of(worked: ModuleType, language: str) -> tuple[tuple[Page, ...], tuple[Missing, ...]]:
    """A page for each worked example in one language, and the examples that cannot run for want of a package."""
    pages: list[Page] = []
    missing: list[Missing] = []
    for file in worked.FILES:
        try:
            example = worked.example(file)
        except ModuleNotFoundError as error:
            package = (error.name or "").partition(".")[0]
            if package in ("chainrule", worked.__name__, ""):
                raise
            missing.append(Missing(_titled_without_import(worked, file, language), PACKAGES.get(package, package)))
        else:
            pages.append(page_of(example, language))
    return tuple(pages), tuple(missing)


PACKAGES = {"sklearn": "scikit-learn"}


def _titled_without_import(worked: ModuleType, file: str, language: str) -> str:
    """The number and title of an example, read from its file."""
    path = Path(worked.__file__ or "").parent / f"{file}.py"
    for statement in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(statement, ast.Assign) and getattr(statement.targets[0], "id", "") == "TITLE":
            return f"{file.partition('_')[0].upper()}  {ast.literal_eval(statement.value)[language]}"
    return file


def page_of(example: Any, language: str) -> Page:
    """The page of one worked example (`Example` in examples/worked), its derivations made in this language."""
    points = example.points
    headings = [
        word(language, "point", number=index, count=len(points), values=_values_text(point))
        for index, point in enumerate(points, start=1)
    ]
    several = len(points) > 1
    return Page(
        language=language,
        file=example.file,
        number=example.number,
        title=example.title[language],
        about=example.about[language].replace(" - ", " − "),
        code=_code(example.program),
        source=example.path.name,
        call=_call(example),
        at=() if several else (_values_paragraph(points[0], language),),
        plot=_plot(example),
        parts=tuple(
            _part(example, point, language, heading if several else "")
            for point, heading in zip(points, headings, strict=True)
        ),
    )


def _part(example: Any, point: Mapping[str, Any], language: str, heading: str) -> Part:
    derivation = cr.derive(example.program, *point.values(), wrt=example.wrt, lang=language, **example.options)
    blocks = derivation.document().blocks
    if isinstance(blocks[0], Heading) and isinstance(blocks[1], Code):  # the page shows the program once
        blocks = blocks[2:]
    if heading:
        blocks = tuple(
            replace(block, depth=block.depth + 1) if isinstance(block, Heading) else block for block in blocks
        )
    held, total = derivation.verified
    wrong = tuple(str(check) for check in derivation.failures)
    return Part(heading, blocks, held, total, wrong)


def _plot(example: Any) -> Curves | None:
    name = example.program.__name__
    if not example.file.startswith("c4_") or name not in PLOTTED:
        return None
    return curves(example.program, example.points, PLOTTED[name])


# -- code --------------------------------------------------------------------------------------------------------------


def _code(program: Callable[..., Any]) -> tuple[tuple[int, str], ...]:
    """The program and the functions of its file that it calls, in the order of the file."""
    code: Any = getattr(program, "__code__", None)
    found = {program}
    for name in code.co_names:
        thing = getattr(program, "__globals__", {}).get(name)
        if inspect.isfunction(thing) and thing.__module__ == program.__module__:
            found.add(thing)
    functions = sorted(found, key=lambda function: function.__code__.co_firstlineno)
    return tuple((function.__code__.co_firstlineno, inspect.getsource(function).rstrip()) for function in functions)


def _call(example: Any) -> str:
    wrt = ", ".join(f'"{name}"' for name in example.wrt)
    options = [f"wrt={wrt}" if len(example.wrt) == 1 else f"wrt=({wrt})"]
    options += [
        f'{name}="{value}"' if isinstance(value, str) else f"{name}={value}" for name, value in example.options.items()
    ]
    return f"cr.derive({', '.join([example.program.__name__, *example.points[0], *options])})"


# -- values ------------------------------------------------------------------------------------------------------------


def _values(point: Mapping[str, Any]) -> Iterable[tuple[Box, Any]]:
    symbols = symbols_of(list(point))
    return ((symbols[name], value) for name, value in point.items())


def _equation(symbol: Box, value: Any) -> Box | None:
    """`w = (0.5, −0.25)`, a small matrix as a matrix; None for what is too large to be written in a line."""
    array = np.asarray(value)
    if array.ndim == 2 and array.size <= LARGEST_MATRIX:
        return Row((symbol, Sign("="), grid_of(array)[0]))
    if array.ndim > 1 or array.size > LONGEST_VECTOR:
        return None
    number = numeral(array[()])[0] if array.ndim == 0 else Fence(listed(numeral(one)[0] for one in array))
    return Row((symbol, Sign("="), number))


def _values_text(point: Mapping[str, Any]) -> str:
    equations = (_equation(symbol, value) for symbol, value in _values(point))
    return ", ".join(text_of(equation) for equation in equations if equation is not None)


def _values_paragraph(point: Mapping[str, Any], language: str) -> Paragraph:
    """The point in a sentence; of large arrays the shapes."""
    parts: list[str | Box] = [word(language, "at")]
    for index, (symbol, value) in enumerate(_values(point)):
        equation = _equation(symbol, value)
        if index:
            parts.append(", ")
        if equation is not None:
            parts.append(equation)
            continue
        before, after = word(language, "shape", name="\0", shape=" × ".join(map(str, np.shape(value)))).split("\0")
        parts += [part for part in (before, symbol, after) if part]
    return Paragraph(tuple(parts))


def languages() -> tuple[str, ...]:
    """The languages of the gallery.

    >>> languages()
    ('en', 'ko')
    """
    return tuple(LANGUAGES)
