"""Names of a program as a person writes them: `theta1` is θ₁, `y_hat` is ŷ, `W_hh` is W with the letters hh below.

What stands after an underscore, or a number at the end, goes below the line when what stands before it is short or when
it is an index; other names of several words stay as they are spelled. Two names of one program never look the same:
`symbols_of` falls back on the spelling.
"""

# The letters of mathematics are meant here, not the Latin ones that look like them.
# ruff: noqa: RUF001
from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from chainrule.boxes import Accent, Box, Letter, Mark, Numeral, Row, Scripts, Sign, Word, listed

GREEK = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "varepsilon": "ε", "eps": "ε",
    "zeta": "ζ", "eta": "η", "theta": "θ", "vartheta": "ϑ", "iota": "ι", "kappa": "κ", "lambda": "λ", "lam": "λ",
    "lamda": "λ", "lmbda": "λ", "lambd": "λ", "mu": "μ", "nu": "ν", "xi": "ξ", "pi": "π", "rho": "ρ", "sigma": "σ",
    "tau": "τ", "upsilon": "υ", "phi": "φ", "varphi": "φ", "chi": "χ", "psi": "ψ", "omega": "ω",
    "Gamma": "Γ", "Delta": "Δ", "Theta": "Θ", "Lambda": "Λ", "Xi": "Ξ", "Pi": "Π", "Sigma": "Σ", "Upsilon": "Υ",
    "Phi": "Φ", "Psi": "Ψ", "Omega": "Ω", "ell": "ℓ", "hbar": "ℏ",
}  # fmt: skip
ACCENTS = ("hat", "bar", "tilde", "dot", "vec")
COMBINING = {"\u0302": "hat", "\u0304": "bar", "\u0303": "tilde", "\u0307": "dot", "\u20d7": "vec"}
ENGLISH = frozenset({"what", "that", "chat", "ghat", "phat", "rebar", "adot"})  # not w with a hat
PRIMES = {"prime": "′", "prime2": "″", "star": "∗"}
SHORT_WORDS = frozenset({"in", "to", "up", "id", "no", "on", "at", "is", "of"})  # words, not two indices
PATH = re.compile(r"(?P<base>[^\W\d]\w*)(?P<indices>(?:\[\d+\])+)")
ENDING = re.compile(r"(?P<stem>.*?[^\W\d])(?P<digits>\d+)")


def symbol_of(name: str) -> Box:
    """The box for a variable of this name, however strange: what has no form of its own keeps its spelling.

    >>> symbol_of("theta1") == Scripts(Letter("θ"), below=Numeral("1"))
    True
    >>> symbol_of("y_hat"), symbol_of("total_loss")
    (Accent(base=Letter(text='y'), kind='hat'), Letter(text='total_loss'))
    >>> symbol_of("x_in") == Scripts(Letter("x"), below=Word("in"))
    True
    """
    name = unicodedata.normalize("NFC", name)
    path = PATH.fullmatch(name)
    if path is not None:
        indices = [Numeral(index) for index in re.findall(r"\d+", path["indices"])]
        return _with_below(symbol_of(path["base"]), indices)
    if name.startswith("self.") and name[5:].isidentifier():
        return symbol_of(name[5:])
    words = [word for word in name.split("_") if word]
    if not words or not words[0][0].isalpha() or not name.isidentifier():
        return Letter(name)
    return _from_words(words) or Letter(name)


def symbols_of(names: Sequence[str]) -> dict[str, Box]:
    """A box for each name of one program, no two of which look the same.

    A name whose symbol is taken by an earlier name is written as it is spelled.

    >>> boxes = symbols_of(["theta1", "theta_1"])
    >>> boxes["theta_1"]
    Letter(text='theta_1')
    """
    boxes: dict[str, Box] = {}
    taken: set[str] = set()
    for name in names:
        if name in boxes:
            continue
        candidates = [symbol_of(name), Letter(name)]
        while all(_looks(candidate) in taken for candidate in candidates):
            primes = len(candidates) - 1
            candidates.append(Scripts(Letter(name), above=Row((Sign("′", "atom"),) * primes)))
        boxes[name] = next(candidate for candidate in candidates if _looks(candidate) not in taken)
        taken.add(_looks(boxes[name]))
    return boxes


def _looks(box: Box) -> str:
    """What an eye takes in of a symbol: two symbols that look alike give the same string."""
    match box:
        case Letter(text) | Word(text) | Numeral(text):
            return unicodedata.normalize("NFC", text)
        case Sign(text):
            return text
        case Scripts(base, below, above):
            under = "" if below is None else "_" + _looks(below)
            return _looks(base) + under + ("" if above is None else "^" + _looks(above))
        case Accent(base, kind):
            marks = {name: mark for mark, name in COMBINING.items()}
            return unicodedata.normalize("NFC", _looks(base) + marks[kind])
        case Row(items):
            return "".join(map(_looks, items))
        case Mark(inside, _):
            return _looks(inside)
    raise ValueError(f"a name is made of letters, numbers, accents and scripts, not of {type(box).__name__}")


def _from_words(words: list[str]) -> Box | None:
    """The box for the words between underscores, or None where the spelling reads best."""
    base, below = _base(words[0])
    rest = words[1:]
    letter = _single(base)
    above: Box | None = None
    if not letter:  # a word: only an index at its end goes below
        indices = []
        while rest and _is_index(rest[-1]):
            indices.insert(0, _index(rest.pop()))
        if rest:
            stem, digits = (
                _base("_".join([words[0], *rest])) if not below else (Letter("_".join([words[0], *rest])), [])
            )
            return _with_below(stem, digits + indices)
        return _with_below(base, below + indices)
    for word in rest:
        if word in ACCENTS and not isinstance(base, Accent):
            base = Accent(base, word)
        elif word in PRIMES and above is None:
            above = Sign(PRIMES[word], "atom")
        elif word in ACCENTS or word in PRIMES or len(word) > 10:
            return None
        else:
            below = [*below, *_below(word)]
    if len(below) > 3:
        return None
    scripted = _with_below(base, below)
    if above is None:
        return scripted
    return (
        Scripts(scripted.base, scripted.below, above) if isinstance(scripted, Scripts) else Scripts(base, None, above)
    )


def _base(word: str) -> tuple[Box, list[Box]]:
    """The first word of a name: its letter or word, and the digits at its end."""
    ending = ENDING.fullmatch(word)
    stem, digits = (ending["stem"], ending["digits"]) if ending else (word, "")
    below: list[Box] = [Numeral(digits)] if digits else []
    if stem in GREEK:
        return Letter(GREEK[stem]), below
    for kind in ACCENTS:
        inner = stem.removesuffix(kind)
        if inner != stem and (len(inner) == 1 or inner in GREEK) and word not in ENGLISH:
            return Accent(Letter(GREEK.get(inner, inner)), kind), below
    if stem.startswith("d") and stem[1:] in GREEK and stem not in GREEK:
        return Letter("d" + GREEK[stem[1:]]), below  # dtheta, the name that people give a gradient
    plain = unicodedata.normalize("NFD", stem)
    if len(plain) == 2 and plain[1] in COMBINING:
        return Accent(Letter(plain[0]), COMBINING[plain[1]]), below
    if any(character.isdigit() for character in stem):
        return Letter(word), []  # x2y: a number in the middle is no index
    return Letter(stem), below


def _single(box: Box) -> bool:
    """Whether a base is one letter, accented or not, so that a word may stand below it."""
    return isinstance(box, Accent) or (isinstance(box, Letter) and len(box.text) == 1)


def _is_index(word: str) -> bool:
    return word.isdigit() or len(word) == 1


def _index(word: str) -> Box:
    return Numeral(word) if word.isdigit() else Letter(word)


def _below(word: str) -> list[Box]:
    """What a word looks like below the line: an index, a Greek letter, two indices (hh), or upright words (in, new)."""
    if _is_index(word):
        return [_index(word)]
    if word in GREEK and word != "in":
        return [Letter(GREEK[word])]
    ending = ENDING.fullmatch(word)
    if ending:
        return [*_below(ending["stem"]), Numeral(ending["digits"])]
    if len(word) == 2 and word.isascii() and word.islower() and word not in SHORT_WORDS:
        return [Letter(word)]
    return [Word(word)]


def _with_below(base: Box, below: list[Box] | list[Numeral]) -> Box:
    if not below:
        return base
    if isinstance(base, Scripts):
        before = [] if base.below is None else [base.below]
        return Scripts(base.base, listed([*before, *below]), base.above)
    return Scripts(base, below=listed(below))
