"""Documents as text, Markdown, LaTeX and HTML: golden files in both languages, and what each format demands."""

from __future__ import annotations

import html.parser
import re
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from golden import assert_golden
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from katex_check import katex_errors, katex_folder
from printing_samples import LONG_SUM, sample
from random_boxes import BOXES

from chainrule.boxes import Box, Letter, Numeral
from chainrule.explain.document import Block, Code, Display, Document, Heading, Line, Listing, Paragraph, Table
from chainrule.explain.printing import pdf
from chainrule.explain.printing.document_html import print_html
from chainrule.explain.printing.document_latex import escaped as escaped_latex
from chainrule.explain.printing.document_latex import print_latex
from chainrule.explain.printing.document_markdown import escaped as escaped_markdown
from chainrule.explain.printing.document_markdown import print_markdown
from chainrule.explain.printing.document_text import print_text
from chainrule.explain.printing.html_style import PAGE_STYLE, STYLE
from chainrule.explain.printing.text import columns_of

GOLDEN = Path(__file__).parent / "data" / "printing"
needs_katex = pytest.mark.skipif(katex_folder()[0] is None, reason=katex_folder()[1] or "KaTeX is there")
ANSI = re.compile(r"\x1b\[[\d;]*m")


def test_the_sample_has_every_kind_of_block() -> None:
    kinds = {type(block).__name__ for block in sample("en").blocks}
    assert kinds == {kind.__name__ for kind in Block.__args__}


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize(
    ("ending", "printer"),
    [
        ("txt", print_text),
        ("narrow.txt", lambda document: print_text(document, width=60)),
        ("md", print_markdown),
        ("github.md", lambda document: print_markdown(document, github=True)),
        ("tex", print_latex),
        ("fragment.tex", lambda document: print_latex(document, standalone=False)),
        ("html", print_html),
        ("fragment.html", lambda document: print_html(document, standalone=False)),
    ],
)
def test_the_sample_is_printed_as_it_was(language: str, ending: str, printer: object) -> None:
    text = printer(sample(language))  # type: ignore[operator]
    assert_golden(GOLDEN / f"document.{language}.{ending}", text + ("" if text.endswith("\n") else "\n"))


def only(block: Block) -> Document:
    return Document("", (block,))


# Text


def test_text_fits_its_width() -> None:
    for width in (50, 60, 80, 120):
        for language in ("en", "ko"):
            lines = print_text(sample(language), width).split("\n")
            matrix = [line for line in lines if re.search(r"[⎡⎢⎣]", line)]
            assert all(columns_of(line) <= width for line in lines if line not in matrix), width
            assert not any(line.endswith(" ") for line in lines)


def test_colours_are_codes_around_the_same_text() -> None:
    colored = print_text(sample("en"), color=True)
    assert "\x1b[" in colored
    assert ANSI.sub("", colored) == print_text(sample("en"))
    assert "\x1b" not in print_text(sample("en"))


def test_a_control_character_in_a_name_reaches_no_terminal() -> None:
    assert "\x1b" not in print_text(only(Paragraph((Letter("a\x1b[31mb"), " and \x1b[0m"))))
    assert "\x1b" not in print_text(only(Code("print('\x1b[31m')")))


def test_a_long_line_has_a_row_for_each_relation_and_breaks_its_sums() -> None:
    display = Display((Line(Letter("y"), (("=", LONG_SUM), ("≈", Numeral("3"))), "1"),))
    lines = print_text(only(display), 60).split("\n")
    assert lines[0].startswith("  (1) y = ∂loss/∂h₁ · w₁ + ")
    assert all(line.startswith(" " * 11 + " + ") for line in lines[1:-1])
    assert lines[-1] == "        ≈ 3"


def test_lines_are_aligned_at_their_first_relation() -> None:
    display = Display(
        (Line(Letter("loss"), (("=", Letter("a")), ("=", Letter("b")))), Line(Letter("y"), (("←", Letter("c")),)))
    )
    assert print_text(only(display)) == "  loss = a = b\n     y ← c"


# Markdown


def test_markdown_finds_nothing_to_interpret_in_words() -> None:
    assert escaped_markdown("a_b *c* `d` [e](f) |g| $h$ <i> &amp; ~j~ \\") == (
        r"a\_b \*c\* \`d\` \[e\](f) \|g\| \$h\$ &lt;i&gt; &amp;amp; \~j\~ \\"
    )
    assert [escaped_markdown(text) for text in ("# x", "- x", "+ x", "1. x", "12) x", "x - y")] == [
        r"\# x", r"\- x", r"\+ x", r"1\. x", r"12\) x", "x - y",
    ]  # fmt: skip


def test_markdown_formulas_hold_nothing_that_markdown_or_a_table_takes() -> None:
    text = print_markdown(sample("en"))
    formulas = re.findall(r"\$\$(.*?)\$\$", text, re.DOTALL) + re.findall(r"(?<![\\$])\$([^$\n]+)\$", text)
    assert len(formulas) > 8
    for formula in formulas:
        assert not re.search(r"[|<>*]|\\operatorname|\\[,;!\\{}]", formula), formula


def test_code_with_backquotes_keeps_its_fence() -> None:
    assert print_markdown(only(Code("```\nx\n```"))) == "````python\n```\nx\n```\n````\n"


@needs_katex
@pytest.mark.parametrize("language", ["en", "ko"])
def test_katex_accepts_what_stands_in_markdown_and_latex(language: str) -> None:
    markdown = print_markdown(sample(language))
    displays = re.findall(r"\$\$(.*?)\$\$", markdown, re.DOTALL)
    inline = re.findall(r"(?<![\\$])\$([^$\n]+)\$", re.sub(r"\$\$.*?\$\$", "", markdown, flags=re.DOTALL))
    latex = print_latex(sample(language), standalone=False)
    aligned = re.findall(r"\\begin\{align.*?\\end\{align\w*\*\}", latex, re.DOTALL)
    assert (len(displays), len(aligned)) == (2, 2)
    assert len(inline) >= 8
    assert katex_errors([(text, True) for text in displays + aligned] + [(text, False) for text in inline]) == {}


# LaTeX


def test_latex_escapes_words_and_sets_signs_as_mathematics() -> None:
    assert escaped_latex(r"50% of a_b {x} #1 & $2 ~ ^ \ <") == (
        r"50\% of a\_b \{x\} \#1 \& \$2 \textasciitilde{} \textasciicircum{} \textbackslash{} \textless{}"
    )
    assert escaped_latex("θ → ∞") == r"$\theta$ $\to$ $\infty$"


def test_a_fragment_is_the_body_of_the_document() -> None:
    for language in ("en", "ko"):
        assert print_latex(sample(language), standalone=False).strip() in print_latex(sample(language))


def test_hangul_in_a_name_brings_its_font_into_an_english_document() -> None:
    assert "Noto Serif CJK KR" not in print_latex(sample("en"))
    assert "Noto Serif CJK KR" in print_latex(only(Paragraph((Letter("손실"),))))


def test_verbatim_is_not_ended_by_code() -> None:
    latex = print_latex(only(Code(r"x = '\end{verbatim}'")), standalone=False)
    assert latex.count(r"\end{verbatim}") == 1


ENGINES = [engine for engine in pdf.ENGINES if shutil.which(engine)]


@pytest.mark.skipif(not ENGINES, reason="no LaTeX is installed: neither lualatex nor xelatex is on the PATH")
@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_standalone_document_compiles(language: str, tmp_path: Path) -> None:
    target = pdf.write_pdf(sample(language), tmp_path / "out.pdf")
    assert target.read_bytes().startswith(b"%PDF")
    assert [path.name for path in tmp_path.iterdir()] == ["out.pdf"]


def test_without_latex_a_pdf_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(pdf.PdfError, match=r"neither is on the PATH\. Install one .*apt-get install texlive-luatex"):
        pdf.write_pdf(sample("en"), tmp_path / "out.pdf")
    assert not list(tmp_path.iterdir())


def engine_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    engine = folder / "lualatex"
    engine.write_text(f"#!/bin/sh\n{program}\n", encoding="utf-8")
    engine.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def test_an_error_of_latex_is_told_and_nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine_that(tmp_path, monkeypatch, "echo '! Undefined control sequence.'; echo 'l.5 \\\\nope'; exit 1")
    with pytest.raises(
        pdf.PdfError, match=r"lualatex did not accept the document: ! Undefined control sequence\. l\.5"
    ):
        pdf.write_pdf(sample("en"), tmp_path / "out.pdf")
    assert [path.name for path in tmp_path.iterdir()] == ["bin"]


def test_a_latex_that_hangs_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine_that(tmp_path, monkeypatch, "exec sleep 60")
    monkeypatch.setattr(pdf, "SECONDS", 0.2)
    with pytest.raises(pdf.PdfError, match=r"lualatex did not finish within 0\.2 seconds"):
        pdf.write_pdf(sample("en"), tmp_path / "out.pdf")


def test_an_older_pdf_stays_when_the_new_one_cannot_be_put_in_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine_that(tmp_path, monkeypatch, "echo '%PDF-1.5 new' > derivation.pdf")
    target = tmp_path / "out.pdf"
    target.write_text("old", encoding="utf-8")

    def refuse(*paths: object) -> None:
        raise OSError("disk full")

    with monkeypatch.context() as patched:
        patched.setattr("os.replace", refuse)
        with pytest.raises(OSError, match="disk full"):
            pdf.write_pdf(sample("en"), target)
    assert target.read_text(encoding="utf-8") == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bin", "out.pdf"]
    pdf.write_pdf(sample("en"), target)
    assert target.read_text(encoding="utf-8") == "%PDF-1.5 new\n"


# HTML


class Reader(html.parser.HTMLParser):
    """Checks that elements are closed in order, and collects them with their attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("standalone", [True, False])
def test_html_is_well_formed_without_scripts_and_without_the_network(language: str, standalone: bool) -> None:
    page = print_html(sample(language), standalone)
    reader = Reader()
    reader.feed(page)
    reader.close()
    assert not reader.open
    names = {name for name, _ in reader.elements}
    assert not names & {"script", "link", "img", "iframe", "object", "embed", "base", "form"}
    for _, attributes in reader.elements:
        assert not any(name.startswith("on") or name in ("src", "href", "srcset", "action") for name in attributes)
    assert not re.search(r"url\(|@import", page)
    assert set(re.findall(r"https?://[^\"' ]+", page)) == {"http://www.w3.org/1998/Math/MathML"}
    assert ("html" in names) == standalone
    assert f'lang="{language}"' in page


def test_html_escapes_what_people_write() -> None:
    page = print_html(
        Document("<b>", (Heading("a<b", 2), Paragraph(("x < y & z", Letter("<i>"))), Code("if a < b: '</pre>'"))),
        standalone=False,
    )
    reader = Reader()
    reader.feed(page)
    assert {"b", "i"}.isdisjoint(name for name, _ in reader.elements)
    assert "if a < b: '</pre>'" in "".join(reader.text)


def test_lines_keep_their_anchors() -> None:
    page = print_html(sample("en"))
    assert page.count('data-anchor="y_hat"') == 1


def test_the_style_touches_nothing_outside_a_derivation() -> None:
    bare = re.sub(r"@(media|page)[^{]*\{", "", re.sub(r"\{[^{}]*\}", ";", re.sub(r"@page \{[^}]*\}", "", STYLE)))
    selectors = [part.strip() for rule in re.split(r"[;{}]", bare) for part in rule.split(",") if part.strip()]
    assert selectors
    assert all(selector.startswith(".chainrule-derivation") for selector in selectors), selectors
    for words in ("prefers-color-scheme: dark", "@media print", "max-width"):
        assert words in PAGE_STYLE + STYLE


# All of them


CELLS = st.lists(st.text(max_size=12) | BOXES, max_size=3).map(tuple)
PARAGRAPHS = st.builds(Paragraph, CELLS, st.sampled_from(["text", "note", "warning"]))
STEPS = st.lists(st.tuples(st.sampled_from(["=", "≈", "←"]), BOXES), max_size=3).map(tuple)
LINES = st.builds(Line, st.none() | BOXES, STEPS, st.none() | st.sampled_from(["1", "2a"]), CELLS)
BLOCKS: st.SearchStrategy[Block] = st.one_of(
    st.builds(Heading, st.text(max_size=12), st.integers(1, 3)),
    PARAGRAPHS,
    st.builds(Display, st.lists(LINES, max_size=3).map(tuple)),
    st.builds(Listing, st.lists(PARAGRAPHS, max_size=3).map(tuple)),
    st.builds(Code, st.text(max_size=20)),
    st.builds(
        Table,
        st.lists(CELLS, max_size=3).map(tuple),
        st.lists(st.lists(CELLS, max_size=3).map(tuple), max_size=3).map(tuple),
    ),
)


@settings(max_examples=150, suppress_health_check=list(HealthCheck), deadline=None)
@given(
    st.builds(Document, st.text(max_size=10), st.lists(BLOCKS, max_size=4).map(tuple), st.sampled_from(["en", "ko"]))
)
def test_any_document_is_printed_by_every_printer(document: Document) -> None:
    print_text(document, 60, color=True)
    print_markdown(document)
    print_latex(document)
    page = print_html(document)
    reader = Reader()
    reader.feed(page)
    assert not reader.open
    for formula in re.findall(r"<math.*?</math>", page):
        ElementTree.fromstring(formula)


def test_the_samples_of_both_languages_have_the_same_formulas() -> None:
    def formulas(language: str) -> list[Box]:
        return [
            box
            for block in sample(language).blocks
            if isinstance(block, Display)
            for line in block.lines
            for _, box in line.steps
        ]

    assert formulas("en") == formulas("ko")


def test_the_compiled_page_shows_every_character(tmp_path: Path) -> None:
    if "xelatex" not in ENGINES:
        pytest.skip("xelatex is not installed")
    source = tmp_path / "d.tex"
    source.write_text(print_latex(sample("ko")), encoding="utf-8")
    command = ["xelatex", "-interaction=nonstopmode", "-halt-on-error", source.name]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    log = (tmp_path / "d.log").read_text(encoding="utf-8", errors="replace")
    assert "Missing character" not in log
    assert "Overfull" not in log
