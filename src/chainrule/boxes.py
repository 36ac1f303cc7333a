"""What a formula looks like, as data: a dozen kinds of boxes, which every printer of mathematics knows.

An operation says once how it is drawn, in boxes; text, LaTeX and MathML are printers of boxes and know no operation. A
letter or sign is the Unicode character itself (`θ`, `⊙`, `Σ`): a printer that needs a command for it has a table.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Letter:
    """A variable: one letter is set in italics, several letters as one word.

    >>> Letter("θ")
    Letter(text='θ')
    """

    text: str


@dataclass(frozen=True, slots=True)
class Word:
    """An upright name, such as that of a function: tanh, max, diag.

    >>> Word("tanh").text
    'tanh'
    """

    text: str


@dataclass(frozen=True, slots=True)
class Numeral:
    """A number as it is to be read: `0.5`, `-12`, `1.2e-5`; the minus is ASCII, printers set it as a minus sign.

    >>> Numeral("-12").text
    '-12'
    """

    text: str


@dataclass(frozen=True, slots=True)
class Sign:
    """A sign: + − · ⊙ × = ≈ ← ∂ ∇ Σ … ; `form` says whether it stands between operands, before one, or is an atom.

    >>> Sign("⊙").form
    'infix'
    """

    text: str
    form: str = "infix"  # "infix", "prefix" (a sign of one operand), "atom" (∂, ∇, …, ⊤), "large" (Σ, ∏)


@dataclass(frozen=True, slots=True)
class Prose:
    """Words of a language inside a formula: "if", "for".

    >>> Prose("if").text
    'if'
    """

    text: str


@dataclass(frozen=True, slots=True)
class Row:
    """Boxes beside each other.

    >>> Row((Letter("x"), Sign("+"), Letter("y"))).items[1].text
    '+'
    """

    items: tuple[Box, ...]


@dataclass(frozen=True, slots=True)
class Scripts:
    """A base with something below and above on its right: x₁, x², w₁⁽²⁾.

    >>> Scripts(Letter("x"), below=Numeral("1")).above is None
    True
    """

    base: Box
    below: Box | None = None
    above: Box | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """A large sign with bounds below and above it: the sum from i = 1 to n.

    >>> Limits(Sign("Σ", "large"), Letter("i"), None).above is None
    True
    """

    sign: Box
    below: Box | None = None
    above: Box | None = None


@dataclass(frozen=True, slots=True)
class Fraction:
    """A quotient with a bar.

    >>> Fraction(Numeral("1"), Letter("n")).top
    Numeral(text='1')
    """

    top: Box
    bottom: Box


@dataclass(frozen=True, slots=True)
class Root:
    """A square root, or a root of another degree.

    >>> Root(Letter("x")).degree is None
    True
    """

    inside: Box
    degree: Box | None = None


@dataclass(frozen=True, slots=True)
class Fence:
    """A box between delimiters that grow with it: ( ), [ ], { }, | |, ‖ ‖.

    >>> Fence(Letter("x"), "‖", "‖").left
    '‖'
    """

    inside: Box
    left: str = "("
    right: str = ")"


@dataclass(frozen=True, slots=True)
class Accent:
    """A letter under a hat, a bar, a tilde, a dot or an arrow.

    >>> Accent(Letter("y"), "hat").kind
    'hat'
    """

    base: Box
    kind: str  # "hat", "bar", "tilde", "dot", "vec"


@dataclass(frozen=True, slots=True)
class Grid:
    """A matrix: rows of cells between square brackets. `cut` cells are printed as dots by whoever makes the grid.

    >>> len(Grid(((Numeral("1"),), (Numeral("2"),))).rows)
    2
    """

    rows: tuple[tuple[Box, ...], ...]


@dataclass(frozen=True, slots=True)
class Mark:
    """A part of a formula that a reader can point at: `key` joins it with what it stands for in a picture or a line.

    >>> Mark(Letter("x"), "x").key
    'x'
    """

    inside: Box
    key: str


Box = Letter | Word | Numeral | Sign | Prose | Row | Scripts | Limits | Fraction | Root | Fence | Accent | Grid | Mark


def row(*items: Box | str) -> Box:
    """Boxes beside each other; a string is a sign between operands. One box alone stays itself.

    >>> row(Letter("x"), "+", Letter("y")) == Row((Letter("x"), Sign("+"), Letter("y")))
    True
    """
    boxes: list[Box] = []
    for item in items:
        box = Sign(item) if isinstance(item, str) else item
        boxes.extend(box.items if isinstance(box, Row) else (box,))
    return boxes[0] if len(boxes) == 1 else Row(tuple(boxes))


def listed(items: Iterable[Box]) -> Box:
    """Boxes with commas between them.

    >>> listed([Letter("x"), Letter("y")]) == Row((Letter("x"), Sign(","), Letter("y")))
    True
    """
    boxes: list[Box | str] = []
    for item in items:
        if boxes:
            boxes.append(",")
        boxes.append(item)
    return row(*boxes)


def call_of(name: str, *operands: Box) -> Box:
    """A function with its operands in parentheses; a one-letter name is a letter (σ), a longer one is upright.

    >>> call_of("tanh", Letter("x")) == Row((Word("tanh"), Fence(Letter("x"))))
    True
    """
    head = Letter(name) if len(name) == 1 else Word(name)
    return Row((head, Fence(listed(operands))))
