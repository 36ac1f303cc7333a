"""Documents made by hand that hold every kind of block and box, for the tests of the printers."""

# The letters of mathematics are meant here, not the Latin ones that look like them.
from __future__ import annotations

from chainrule.boxes import (
    Accent,
    Box,
    Fence,
    Fraction,
    Grid,
    Letter,
    Limits,
    Mark,
    Numeral,
    Prose,
    Root,
    Row,
    Scripts,
    Sign,
    Word,
    call_of,
    row,
)
from chainrule.explain.document import Code, Display, Document, Heading, Line, Listing, Paragraph, Table
from chainrule.symbols import symbol_of

PARTIAL = Sign("∂", "atom")
TRANSPOSED = Sign("\u22a4", "atom")
MINUS = Sign("−", "prefix")
SUM = Limits(Sign("Σ", "large"), row(Letter("i"), "=", Numeral("1")), Letter("n"))


def number(value: object) -> Box:
    return Numeral(str(value))


def derivative(of: str, by: str) -> Box:
    return Fraction(Row((PARTIAL, symbol_of(of))), Row((PARTIAL, symbol_of(by))))


X_I, Y_I = symbol_of("x_i"), symbol_of("y_i")
Y_HAT = symbol_of("y_hat")
RESIDUAL = Fence(row(Y_I, "−", Scripts(Y_HAT, below=Letter("i"))))
NABLA_W = Row((Scripts(Sign("∇", "atom"), below=Letter("W")), Letter("J")))
MATRIX = Grid(((number(0.088), number(0.176)), (number(-0.104), number(12)), (number(0), Numeral("1.5e-7"))))
CUT = Grid(
    (
        (number(1), Sign("⋯", "atom"), number(-2)),
        (Sign("⋮", "atom"), Sign("⋱", "atom"), Sign("⋮", "atom")),
        (number(3), Sign("⋯", "atom"), number(4)),
    )
)
LONG_SUM = row(
    *[
        part
        for k in range(1, 13)
        for part in (
            *(["+"] if k > 1 else []),
            Fraction(Row((PARTIAL, symbol_of("loss"))), Row((PARTIAL, symbol_of(f"h{k}")))),
            "·",
            symbol_of(f"w{k}"),
        )
    ]
)

FORMULAS: dict[str, Box] = {
    "letter": Letter("x"),
    "greek": symbol_of("theta1"),
    "word in italics": Letter("total_loss"),
    "mixed word": Letter("dθ"),
    "Korean name": symbol_of("손실_1"),
    "product of words": row(Numeral("2"), Letter("loss"), Letter("x")),
    "negative number": row(Letter("x"), "·", Fence(Numeral("-12"))),
    "exponent": row(Letter("x"), "≈", Numeral("-1.25e-7")),
    "power of ten": Numeral("1e6"),
    "square of an exponent": Scripts(Numeral("1.2e-5"), above=Numeral("2")),
    "infinite": row(MINUS, Numeral("∞")),
    "power": Scripts(symbol_of("x_1"), above=Numeral("2")),
    "power of a sum": Scripts(row(Letter("a"), "+", Letter("b")), above=Numeral("2")),
    "power of a power": Scripts(Scripts(Letter("x"), above=Numeral("2")), above=Letter("q")),
    "power of a quotient": Scripts(Fraction(Letter("a"), Letter("b")), above=row(Letter("n"), "+", Numeral("1"))),
    "sample": Scripts(symbol_of("w11"), above=Fence(Letter("i"))),
    "transpose": row(Scripts(Letter("W"), above=TRANSPOSED), Letter("g")),
    "gradient": NABLA_W,
    "derivative": derivative("L", "W_hh"),
    "second derivative": Fraction(
        Row((Scripts(PARTIAL, above=Numeral("2")), Letter("f"))), Row((PARTIAL, Letter("x"), PARTIAL, Letter("y")))
    ),
    "chain": row(derivative("z", "w"), "·", derivative("w", "x")),
    "chain without dots": row(derivative("z", "w"), derivative("w", "x")),
    "mean": row(MINUS, Fraction(Numeral("2"), Letter("n")), SUM, X_I, RESIDUAL),
    "half": row(Fraction(Numeral("1"), Numeral("2")), "·", RESIDUAL),
    "quotient in a quotient": Fraction(Fraction(Letter("a"), Letter("b")), Fraction(Letter("c"), Letter("d"))),
    "quotient of products": Fraction(row(Numeral("2"), Letter("a")), row(Numeral("2"), Letter("b"))),
    "call": row(call_of("tanh", row(Letter("W"), Letter("x"), "+", Letter("b")))),
    "letter call": call_of("σ", Letter("a")),
    "call of a quotient": call_of("exp", row(MINUS, Fraction(Letter("a"), Numeral("2")))),
    "word before a letter": row(Letter("x"), Word("log"), Letter("x")),
    "squared function": row(Scripts(Word("sin"), above=Numeral("2")), Letter("x")),
    "other word": call_of("diag", row(Numeral("2"), Letter("q"))),
    "argmax": Row((Limits(Word("argmax"), Letter("θ")), call_of("f", Letter("θ")))),
    "indicator": row(
        Scripts(Sign("𝟏", "atom"), below=Fence(row(Letter("a"), ">", Letter("b")), "[", "]")), "·", Letter("g")
    ),
    "cases": row(Letter("g"), Prose("if"), Letter("a"), ">", Letter("b")),
    "root": Root(row(Letter("x"), "+", Numeral("1"))),
    "cube root": Root(Letter("x"), Numeral("3")),
    "root squared": Scripts(Root(Letter("x")), above=Numeral("2")),
    "n-th root": Root(Letter("x"), Letter("n")),
    "norm": Scripts(Fence(Letter("W"), "‖", "‖"), below=Letter("F"), above=Numeral("2")),
    "absolute": Fence(Fraction(Letter("x"), Numeral("2")), "|", "|"),
    "braces": Fence(row(Letter("a"), ",", Letter("b")), "{", "}"),
    "floor": Fence(Letter("x"), "⌊", "⌋"),
    "accents": row(*[Accent(Letter("x"), kind) for kind in ("hat", "bar", "tilde", "dot", "vec")]),
    "accent on a word": Accent(Letter("loss"), "hat"),
    "accent on i": Accent(Letter("i"), "hat"),
    "prime": symbol_of("x_prime"),
    "elementwise": row(Letter("g"), "⊙", Fence(row(Numeral("1"), "−", Scripts(Letter("h"), above=Numeral("2"))))),
    "matrix": MATRIX,
    "column": Grid(((number(1),), (number(2),), (number(-3),))),
    "line": Grid(((number(1), number(2)),)),
    "cut matrix": CUT,
    "wide matrix": Grid((tuple(number(k) for k in range(14)),)),
    "matrix times column": row(
        MATRIX, Grid(((Letter("x"),), (symbol_of("y_2"),))), "=", Scripts(CUT, above=TRANSPOSED)
    ),
    "fraction before a matrix": row(Fraction(Numeral("1"), Letter("n")), Fence(MATRIX), "+", Letter("x")),
    "no matrix": Grid(()),
    "empty": Fence(Row(()), "[", "]"),
    "double sum": Row((Limits(Sign("Σ", "large"), Letter("i")), Limits(Sign("Π", "large"), Letter("j")), Letter("x"))),
    "mark": row(Mark(row(Letter("x"), "+", Letter("y")), "n<1>"), "·", Letter("z")),
    "list with dots": row(symbol_of("x1"), ",", Sign("…", "atom"), ",", symbol_of("x_n")),
    "long sum": LONG_SUM,
}


def sample(language: str) -> Document:
    """A document with every block; the words are Korean or English, the formulas the same."""
    ko = language == "ko"
    return Document(
        "두 층 신경망의 유도: J를 W로 미분" if ko else "Derivation of J with respect to W <2 layers>",
        (
            Paragraph(
                (
                    "순전파의 결과 " if ko else "The forward pass gives ",
                    Y_HAT,
                    " 을 손실 " if ko else " and the loss ",
                    Letter("J"),
                    "에 넣고, 연쇄법칙으로 뒤에서부터 미분한다. 한 번 유도한 국소 미분은 번호로 가리킨다."
                    if ko
                    else "; the chain rule then runs backwards. Each derivative is derived once, numbered and referred to"
                    " afterwards (50% of a_b, $5, \\x, *not bold*).",
                )
            ),
            Heading("순전파" if ko else "Forward pass", 2),
            Display(
                (
                    Line(
                        Letter("a"), (("←", row(Letter("W"), Letter("x"))),), "1", ("2×1, ", "3행" if ko else "line 3")
                    ),
                    Line(Letter("h"), (("←", call_of("σ", Letter("a"))),), "2", (Fence(Letter("a"), "‖", "‖"), " ≤ 1")),
                    Line(
                        Y_HAT,
                        (
                            ("←", row(Scripts(Letter("v"), above=TRANSPOSED), Letter("h"))),
                            ("=", row(number(0.5), "·", Numeral("2"), "+", Numeral("1"), "·", Fence(number(-3)))),
                            ("=", number(-2)),
                        ),
                        "3",
                        anchor="y_hat",
                    ),
                )
            ),
            Heading("역전파" if ko else "Backward pass", 2),
            Heading("가중치" if ko else "The weights", 3),
            Display(
                (
                    Line(
                        derivative("J", "a"),
                        (
                            ("=", row(MINUS, Fraction(Numeral("2"), Letter("n")), SUM, X_I, RESIDUAL)),
                            ("=", row(derivative("J", "h"), "·", derivative("h", "a"))),
                            (
                                "=",
                                row(
                                    Letter("g"),
                                    "⊙",
                                    Fence(row(Numeral("1"), "−", Scripts(Letter("h"), above=Numeral("2")))),
                                ),
                            ),
                            ("≈", Numeral("-0.666667")),
                        ),
                        "4",
                        ("(2) 의 국소 미분" if ko else "by (2), the same shape",),
                    ),
                    Line(
                        NABLA_W,
                        (
                            (
                                "=",
                                row(
                                    Letter("g"),
                                    Scripts(Letter("x"), above=TRANSPOSED),
                                    "+",
                                    Numeral("2"),
                                    Letter("λ"),
                                    Letter("W"),
                                ),
                            ),
                            ("≈", MATRIX),
                        ),
                        "5",
                        ("3×2",),
                    ),
                    Line(None, (("=", row(CUT, Grid(((number(1),), (number(2),), (number(3),))))),)),
                    Line(derivative("loss", "x_in"), (("=", LONG_SUM),), "6"),
                    Line(row(Root(Letter("x"), Numeral("3")), Accent(Letter("y"), "bar")), (), "7"),
                )
            ),
            Paragraph(
                (
                    "동점: " if ko else "A tie: ",
                    row(Letter("a"), "=", Letter("b")),
                    ", 절반씩 나눈다." if ko else " gives each side half.",
                ),
                "warning",
            ),
            Paragraph(
                (
                    "전치가 필요한 이유는 모양 때문이다."
                    if ko
                    else "The transpose is there because of the shapes: 2×1 times 1×3.",
                ),
                "note",
            ),
            Listing(
                (
                    Paragraph((Letter("x"), " 는 입력이다" if ko else " is the input")),
                    Paragraph((symbol_of("total_loss"), " 는 손실이다" if ko else " is the loss, θ → ∞")),
                )
            ),
            Code("def f(W, x):\n    a = W @ x  # " + ("가중합" if ko else "weighted θ"), "python"),
            Table(
                (("이름" if ko else "name",), ("모양 | 값" if ko else "shape | value",), ("식" if ko else "formula",)),
                (
                    ((Letter("W"),), ("(3, 2)",), (Fence(Letter("W"), "‖", "‖"),)),
                    ((Letter("x"),), ("(2,)",), (derivative("J", "x"),)),
                    (
                        ("손실" if ko else "loss",),
                        ("()",),
                        (call_of("max", Numeral("0"), row(Numeral("1"), "−", Letter("m"))),),
                    ),
                ),
            ),
            Paragraph(("끝." if ko else "The end.",)),
        ),
        language,
    )
