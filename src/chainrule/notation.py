"""How an operation is written: eight words, with precedence.

Notation is data, in the declaration of the operation. A graph prints it as program text (`plain`); formulas are drawn from it
in boxes (`drawn`), which every printer of mathematics reads. Precedences: 0 none, 5 relation, 10 sum, 20 product, 30 prefix,
40 power, 50 call or atom.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chainrule.boxes import Accent, Box, Fence, Fraction, Letter, Numeral, Root, Scripts, Sign, Word, listed, row

Operand = tuple[Box, int]  # a box and its precedence


@dataclass(frozen=True, slots=True)
class Notation:
    """One way of writing an operation: the kind of writing, its symbol (LaTeX), its plain text, its precedence."""

    kind: str
    symbol: str
    text: str
    precedence: int
    write: Callable[..., str] | None = None
    draw: Callable[..., Box] | None = None

    def plain(self, operands: list[tuple[str, int]], parameters: dict[str, Any]) -> tuple[str, int]:
        """The operation as plain text over operands that are (text, precedence); returns the same pair.

        >>> infix("+", 10).plain([("a", 50), ("b c", 20)], {})
        ('a + b c', 10)
        """
        level = self.precedence

        def fit(index: int, lowest: int) -> str:
            text, precedence = operands[index]
            return f"({text})" if precedence < lowest else text

        if self.kind == "custom" and self.write is not None:
            return self.write([text for text, _ in operands], **parameters), level
        if self.kind == "infix" and len(operands) == 2:
            return f"{fit(0, level)} {self.text} {fit(1, level + 1)}", level
        if self.kind == "fraction":
            return f"{fit(0, level)} / {fit(1, level + 1)}", level
        if self.kind == "prefix":
            return f"{self.text}{fit(0, level)}", level
        if self.kind == "power":
            return f"{fit(0, level + 1)}{self.text or '**' + fit(1, level)}", level
        if self.kind == "fence":
            return self.text.replace("·", operands[0][0]), 50
        extra = [f"{name}={show(value)}" for name, value in parameters.items()]
        return f"{self.text}({', '.join([text for text, _ in operands] + extra)})", 50

    def drawn(self, operands: list[Operand], parameters: dict[str, Any]) -> Operand:
        """The operation as a formula over operands that are (box, precedence); returns the same pair.

        >>> infix("+", 10).drawn([(Letter("a"), 50), (Letter("b"), 50)], {})[0] == row(Letter("a"), "+", Letter("b"))
        True
        """
        level = self.precedence

        def fit(index: int, lowest: int) -> Box:
            return fitted(operands[index], lowest)

        if self.draw is not None:
            return self.draw(operands, **parameters), level
        if self.kind == "infix" and len(operands) == 2:
            sign = SIGNS.get(self.symbol, self.symbol)
            return (
                row(fit(0, level), sign, fit(1, level + 1)) if sign else row(fit(0, level), fit(1, level + 1))
            ), level
        if self.kind == "fraction":
            return Fraction(operands[0][0], operands[1][0]), 45
        if self.kind == "prefix":
            return row(Sign(SIGNS.get(self.symbol.strip(), self.symbol.strip()), "prefix"), fit(0, level)), level
        if self.kind == "fence":
            left, right = self.text.split("·")
            return Fence(operands[0][0], left, right), 50
        if self.kind == "power":
            exponent = operands[1][0] if len(operands) > 1 else _exponent(self.text)
            return Scripts(fit(0, level + 1), above=exponent), level
        if self.symbol.startswith("\\sqrt"):
            degree = self.symbol[6:-1]
            return Root(operands[0][0], Numeral(degree) if degree else None), 50
        if self.symbol == "\\overline":
            return Accent(operands[0][0], "bar"), 50
        extra = [
            _setting(name, value) for name, value in parameters.items() if name not in SILENT and value is not None
        ]
        return row(head(self.symbol), Fence(listed([*(box for box, _ in operands), *extra]))), 50


# Parameters that say how numbers are stored and not what they are; what a formula means does not need them.
SILENT = {"keepdims", "shape", "dtype", "order", "pattern"}

# LaTeX's names of the signs that operations are declared with, and the signs.
SIGNS = {
    r"\odot": "⊙",
    r"\times": "×",
    r"\bmod": "mod",
    r"\le": "≤",
    r"\ge": "≥",
    r"\ne": "≠",
    r"\wedge": "∧",
    r"\vee": "∨",
    r"\oplus": "⊕",
    r"\neg": "¬",
    r"\sim": "∼",
    r"\ll": "≪",
    r"\gg": "≫",
    r"\mathbin{\&}": "&",
    r"\mathbin{|}": "|",
    "*": "∗",
    "-": "−",
}
LETTERS = {r"\sigma": "σ", r"\Phi": "Φ", r"\Gamma": "Γ", r"\psi": "ψ"}


def fitted(operand: Operand, lowest: int) -> Box:
    """A box in parentheses where its precedence is below `lowest`.

    >>> fitted((Letter("x"), 10), 20) == Fence(Letter("x"))
    True
    """
    box, precedence = operand
    return Fence(box) if precedence < lowest else box


def head(symbol: str) -> Box:
    r"""The name of a function as a box, from its LaTeX symbol.

    >>> head(r"\tanh"), head(r"\sigma"), head(r"\operatorname{relu}")
    (Word(text='tanh'), Letter(text='σ'), Word(text='relu'))
    """
    if symbol in LETTERS:
        return Letter(LETTERS[symbol])
    if "_" in symbol and not symbol.startswith("\\operatorname"):
        name, _, below = symbol.partition("_")
        below = below.strip("{}")
        return Scripts(head(name), below=Numeral(below) if below.isdigit() else Word(below))
    name = symbol.removeprefix("\\operatorname{").removesuffix("}").removeprefix("\\")
    return Letter(name) if len(name) == 1 else Word(name)


def _exponent(text: str) -> Box:
    exponent = text.removeprefix("**")
    return Numeral(exponent) if exponent.lstrip("-").isdigit() else Sign(exponent, "atom")


def _setting(name: str, value: Any) -> Box:
    single = isinstance(value, tuple) and len(value) == 1
    return row(Word(name), "=", Word(show(value[0] if single else value)))


def show(value: Any) -> str:
    """A parameter as short text: arrays by their type, slices as they are written.

    >>> show(slice(None, 3)), show((0, 1)), show(None)
    (':3', '(0, 1)', 'None')
    """
    if isinstance(value, slice):
        parts = ["" if part is None else str(part) for part in (value.start, value.stop)]
        return ":".join(parts) + ("" if value.step is None else f":{value.step}")
    if isinstance(value, tuple):
        inner = ", ".join(show(item) for item in value)
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    if value is Ellipsis:
        return "..."
    if hasattr(value, "shape") and getattr(value, "shape", ()) != ():
        return f"{value.dtype.name}[{','.join(map(str, value.shape))}]"
    return str(value)


def draw_transpose(operands: list[Operand], *, axes: tuple[int, ...]) -> Box:
    """A transpose: a raised ⊤ where all axes turn round, else the function with the order of the axes.

    >>> draw_transpose([(Letter("x"), 50)], axes=(1, 0)) == Scripts(Letter("x"), above=Sign("⊤", "atom"))
    True
    """
    if axes == tuple(range(len(axes)))[::-1]:
        return Scripts(fitted(operands[0], 41), above=Sign("⊤", "atom"))
    return row(Scripts(Word("transpose"), below=listed(Numeral(str(axis)) for axis in axes)), Fence(operands[0][0]))


def call(symbol: str, text: str | None = None) -> Notation:
    """A named function: `call(r"\\tanh")` is written tanh(x).

    >>> call(r"\\tanh").text
    'tanh'
    """
    plain = symbol.removeprefix("\\operatorname{").removesuffix("}").removeprefix("\\")
    return Notation("call", symbol, text or plain, 50)


def infix(symbol: str, precedence: int, text: str | None = None) -> Notation:
    """A sign between two operands: `infix("+", 10)`.

    >>> infix(r"\\odot", 20, "*").text
    '*'
    """
    return Notation("infix", symbol, text or symbol, precedence)


def prefix(symbol: str, precedence: int = 30, text: str | None = None) -> Notation:
    """A sign before one operand: `prefix("-")`.

    >>> prefix("-").plain([("a + b", 10)], {})
    ('-(a + b)', 30)
    """
    return Notation("prefix", symbol, text or symbol, precedence)


def fraction() -> Notation:
    """A quotient.

    >>> fraction().plain([("a", 50), ("b", 50)], {})
    ('a / b', 20)
    """
    return Notation("fraction", "/", "/", 20)


def power(exponent: str = "") -> Notation:
    """A power; `exponent` when it is fixed, as in a square or a transpose.

    >>> power("**2").plain([("x", 50)], {})
    ('x**2', 40)
    """
    return Notation("power", exponent, exponent, 40)


def fenced(left: str, right: str) -> Notation:
    """Between two delimiters: `fenced("|", "|")` is written |x|.

    >>> fenced("⌊", "⌋").plain([("x", 50)], {})
    ('⌊x⌋', 50)
    """
    return Notation("fence", left + right, f"{left}·{right}", 50)


def custom(
    symbol: str, write: Callable[..., str], precedence: int = 50, draw: Callable[..., Box] | None = None
) -> Notation:
    """Written by functions: `write` takes the operands' texts and the parameters, `draw` the operands (box, precedence).

    >>> custom("[]", lambda texts, index: f"{texts[0]}[{index}]").plain([("x", 50)], {"index": 3})
    ('x[3]', 50)
    """
    return Notation("custom", symbol, symbol, precedence, write, draw)
