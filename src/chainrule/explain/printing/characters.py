"""The characters of mathematics: what each is called in LaTeX, and which of them exist raised and lowered."""

# The letters of mathematics are meant here, not the Latin ones that look like them.
# ruff: noqa: RUF001
from __future__ import annotations

import unicodedata

GREEK_LATEX = {
    "α": r"\alpha", "β": r"\beta", "γ": r"\gamma", "δ": r"\delta", "ε": r"\varepsilon", "ϵ": r"\epsilon",
    "ζ": r"\zeta", "η": r"\eta", "θ": r"\theta", "ϑ": r"\vartheta", "ι": r"\iota", "κ": r"\kappa", "λ": r"\lambda",
    "μ": r"\mu", "ν": r"\nu", "ξ": r"\xi", "ο": "o", "π": r"\pi", "ρ": r"\rho", "ϱ": r"\varrho", "ς": r"\varsigma",
    "σ": r"\sigma", "τ": r"\tau", "υ": r"\upsilon", "φ": r"\varphi", "ϕ": r"\phi", "χ": r"\chi", "ψ": r"\psi",
    "ω": r"\omega", "Γ": r"\Gamma", "Δ": r"\Delta", "Θ": r"\Theta", "Λ": r"\Lambda", "Ξ": r"\Xi", "Π": r"\Pi",
    "Σ": r"\Sigma", "Υ": r"\Upsilon", "Φ": r"\Phi", "Ψ": r"\Psi", "Ω": r"\Omega", "ℓ": r"\ell", "ℏ": r"\hbar",
    "ℝ": r"\mathbb{R}", "ℂ": r"\mathbb{C}", "ℕ": r"\mathbb{N}", "ℤ": r"\mathbb{Z}", "µ": r"\mu", "𝟏": r"\mathbf{1}",
    "𝟙": r"\mathbf{1}",
}  # fmt: skip

SIGN_LATEX = {
    "mod": r"\bmod",
    "+": "+", "-": "-", "−": "-", "±": r"\pm", "∓": r"\mp", "·": r"\cdot", "⋅": r"\cdot", "×": r"\times",
    "⊙": r"\odot", "⊗": r"\otimes", "⊕": r"\oplus", "⊘": r"\oslash", "∘": r"\circ", "∗": r"\ast", "*": r"\ast",
    "⋆": r"\star", "/": "/", "//": "/\\!\\!/", "÷": r"\div", "%": r"\mathbin{\%}", "=": "=", "≈": r"\approx",
    "≠": r"\neq", "≡": r"\equiv", "≔": r"\mathrel{:=}", ":=": r"\mathrel{:=}", "←": r"\leftarrow", "→": r"\to",
    "↦": r"\mapsto", "⇒": r"\Rightarrow", "⇔": r"\Leftrightarrow", "↑": r"\uparrow", "↓": r"\downarrow",
    "≤": r"\le", "≥": r"\ge", "<": "<", ">": ">", "≪": r"\ll", "≫": r"\gg", "∈": r"\in", "∉": r"\notin",
    "⊂": r"\subset", "⊆": r"\subseteq", "∪": r"\cup", "∩": r"\cap", "∖": r"\setminus", "∧": r"\land", "∨": r"\lor",
    "¬": r"\lnot", "∼": r"\sim", "~": r"\sim", "∝": r"\propto", "⊥": r"\perp", "⊤": r"\top", "∥": r"\parallel",
    "|": r"\mid", ",": ",", ";": ";", ":": ":", ".": ".", "!": "!", "?": "?", "…": r"\ldots", "⋯": r"\cdots",
    "⋮": r"\vdots", "⋱": r"\ddots", "∂": r"\partial", "∇": r"\nabla", "∞": r"\infty", "′": r"\prime",
    "″": r"\prime\prime", "∅": r"\varnothing", "∀": r"\forall", "∃": r"\exists", "†": r"\dagger", "°": r"\circ",
    "∑": r"\sum", "∏": r"\prod", "∫": r"\int", "⌊": r"\lfloor", "⌋": r"\rfloor", "⌈": r"\lceil", "⌉": r"\rceil",
    "@": "@", "&": r"\mathbin{\&}", "√": r"\surd", "⟂": r"\perp", "▽": r"\triangledown", "□": r"\square",
    "✓": r"\checkmark", "↔": r"\leftrightarrow", "≅": r"\cong", "≃": r"\simeq", "d": r"\mathrm{d}", "^": r"\wedge",
    "⟨": r"\langle", "⟩": r"\rangle", "(": "(", ")": ")", "[": "[", "]": "]", "{": r"\lbrace", "}": r"\rbrace",
    "∎": r"\blacksquare", "<<": r"\ll", ">>": r"\gg",
}  # fmt: skip
LARGE_LATEX = {
    "Σ": r"\sum", "∑": r"\sum", "Π": r"\prod", "∏": r"\prod", "∫": r"\int", "⋃": r"\bigcup", "⋂": r"\bigcap",
    "⨁": r"\bigoplus", "⨂": r"\bigotimes",
}  # fmt: skip
LARGE_SIGN = {"Σ": "∑", "Π": "∏"}  # the letters stand for the signs where a sign is meant

DELIMITERS_LATEX = {
    "(": ("(", "("), ")": (")", ")"), "[": ("[", "["), "]": ("]", "]"),
    "{": (r"\lbrace", r"\lbrace"), "}": (r"\rbrace", r"\rbrace"), "⟨": (r"\langle", r"\langle"),
    "⟩": (r"\rangle", r"\rangle"), "⌊": (r"\lfloor", r"\lfloor"), "⌋": (r"\rfloor", r"\rfloor"),
    "⌈": (r"\lceil", r"\lceil"), "⌉": (r"\rceil", r"\rceil"), "|": (r"\lvert", r"\rvert"), "‖": (r"\lVert", r"\rVert"),
    "": ("", ""),
}  # fmt: skip

WORDS_LATEX = frozenset(
    {
        "arccos", "arcsin", "arctan", "arg", "cos", "cosh", "cot", "coth", "csc", "deg", "det", "dim", "exp", "gcd",
        "hom", "inf", "ker", "lg", "lim", "ln", "log", "max", "min", "sec", "sin", "sinh", "sup", "tan", "tanh",
    }
)  # fmt: skip

ACCENT_LATEX = {
    "hat": (r"\hat", r"\widehat"), "bar": (r"\bar", r"\overline"), "tilde": (r"\tilde", r"\widetilde"),
    "dot": (r"\dot", r"\dot"), "vec": (r"\vec", r"\overrightarrow"),
}  # fmt: skip
ACCENT_COMBINING = {"hat": "\u0302", "bar": "\u0304", "tilde": "\u0303", "dot": "\u0307", "vec": "\u20d7"}
ACCENT_MATHML = {"hat": "ˆ", "bar": "‾", "tilde": "˜", "dot": "˙", "vec": "→"}

SUPERSCRIPTS = dict(
    zip(
        "0123456789+−-=()abcdefghijklmnoprstuvwxyzABDEGHIJKLMNOPRTUVWβγδθφχ⊤′″∗*",
        "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁼⁽⁾ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻᴬᴮᴰᴱᴳᴴᴵᴶᴷᴸᴹᴺᴼᴾᴿᵀᵁⱽᵂᵝᵞᵟᶿᵠᵡᵀ′″**",
        strict=True,
    )
)
SUBSCRIPTS = dict(zip("0123456789+−-=()aehijklmnoprstuvxβγρφχ", "₀₁₂₃₄₅₆₇₈₉₊₋₋₌₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓᵦᵧᵨᵩᵪ", strict=True))


HARMFUL_KINDS = frozenset({"Cc", "Cs", "Cn", "Zl", "Zp"})  # control characters, halves of pairs, unassigned, line ends
HARMFUL = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")  # which turn the direction of a line


def printable(text: str) -> str:
    """The text with `?` for control characters, which XML, TeX and terminals must not be given.

    >>> printable("a\\x1b[31m")
    'a?[31m'
    """
    return text if text.isprintable() else "".join("?" if _is_harmful(c) else c for c in text)


def printable_lines(text: str) -> str:
    """The same for text on several lines: ends of lines stay, and a tab is four spaces.

    >>> printable_lines("a\\n\\tb\\x00")
    'a\\n    b?'
    """
    return "\n".join(map(printable, text.replace("\r\n", "\n").replace("\t", "    ").split("\n")))


def _is_harmful(character: str) -> bool:
    return unicodedata.category(character) in HARMFUL_KINDS or character in HARMFUL
