"""The gallery: complete in both languages, whole, well-formed, without strangers, the same every time."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import types
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

import chainrule as cr
import worked
from chainrule.cli import gallery
from chainrule.cli.gallery_html import index_html
from chainrule.cli.gallery_markdown import index_markdown
from chainrule.cli.gallery_pages import page_of, pages_of
from chainrule.cli.gallery_plot import SAMPLES, Curves, curves, svg_of
from chainrule.cli.gallery_words import LANGUAGES, WORDS
from chainrule.cli.main import main
from chainrule.errors import ArgumentError
from chainrule.primitive import operations, primitives
from chainrule.trace import primitive
from worked import FILES, example

ROOT = Path(cr.__file__).parent.parent.parent
ACTIVATIONS = [file for file in FILES if file.startswith("c4_")]
VOID = {"meta", "br", "img", "link", "hr"}

every_page = pytest.mark.parametrize("place", [f"{language}/{file}" for language in LANGUAGES for file in FILES])


def build(folder: Path, seed: str) -> str:
    """`chainrule gallery` in a process of its own, with a seed for the order of sets."""
    result = subprocess.run(
        [sys.executable, "-m", "chainrule", "gallery", str(folder)],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "PYTHONHASHSEED": seed, "PYTHONIOENCODING": "utf-8"},
        capture_output=True, encoding="utf-8", timeout=300, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stderr == ""
    return result.stdout


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The gallery, written beside a file of the user's."""
    folder = tmp_path_factory.mktemp("site") / "out" / "gallery"
    (folder / "en").mkdir(parents=True)
    (folder / "en" / "notes.txt").write_text("mine", encoding="utf-8")
    said = build(folder, "1")
    held, total = re.findall(r"([\d,]+) of ([\d,]+) equalities hold", said)[0]
    assert held == total
    assert f"{len(FILES)} worked examples in 2 languages" in said
    assert said.splitlines()[-1] == str(folder / "index.html")
    return folder


def written(site: Path) -> dict[str, str]:
    """All files of the gallery by their paths."""
    return {
        path.relative_to(site).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted(site.rglob("*"))
        if path.is_file() and path.name != "notes.txt"
    }


# -- complete --------------------------------------------------------------------------------------------------------------


def test_every_example_has_its_pages_in_both_languages(site: Path) -> None:
    wanted = {"index.html", "index.md"}
    for language in LANGUAGES:
        wanted |= {f"{language}/{file}{ending}" for file in (*FILES, "index") for ending in (".html", ".md")}
        wanted |= {f"{language}/{file}.svg" for file in ACTIVATIONS}
    assert set(written(site)) == wanted
    assert len(FILES) == 33


def test_a_file_of_the_user_stays(site: Path) -> None:
    assert (site / "en" / "notes.txt").read_text(encoding="utf-8") == "mine"


def test_the_gallery_is_the_same_every_time(site: Path, tmp_path: Path) -> None:
    build(tmp_path / "again", "2")
    assert written(tmp_path / "again") == written(site)
    before = written(site)
    build(site, "3")  # into the folder that exists
    assert written(site) == before


@every_page
def test_every_page_says_that_all_of_its_equalities_hold(site: Path, place: str) -> None:
    language, _, file = place.partition("/")
    patterns = {"en": r"Verified: (\d+) of (\d+) equalities hold", "ko": r"등식 (\d+)개 가운데 (\d+)개가 성립한다"}
    for ending in (".html", ".md"):
        text = (site / f"{place}{ending}").read_text(encoding="utf-8")
        found = re.findall(patterns[language], text)
        assert len(found) == len(example(file).points)
        assert all(held == total and int(total) > 5 for held, total in found)


@every_page
def test_every_page_has_the_title_the_program_and_what_it_shows(site: Path, place: str) -> None:
    language, _, file = place.partition("/")
    one = example(file)
    text = re.sub(r"\\(.)", r"\1", (site / f"{place}.md").read_text(encoding="utf-8"))
    assert one.title[language] in text
    assert one.about[language].replace(" - ", " − ") in text
    assert f"def {one.program.__name__}(" in text
    page = (site / f"{place}.html").read_text(encoding="utf-8")
    assert f'<html lang="{language}">' in page
    assert f"def {one.program.__name__}(" in page
    number = one.program.__code__.co_firstlineno
    assert f'<span data-line="{number}">def {one.program.__name__}(' in page


def test_helpers_of_a_program_are_shown_with_it(site: Path) -> None:
    page = (site / "en" / "a11_hinge_loss.html").read_text(encoding="utf-8")
    assert page.index("def phi(x)") < page.index("def hinge_loss(")
    first, last = map(int, re.findall(r"Lines (\d+)–(\d+) of examples/worked/a11_hinge_loss.py", page)[0])
    lines = Path(example("a11_hinge_loss").path).read_text(encoding="utf-8").splitlines()
    assert (lines[first - 1], lines[last - 1]) == ("def phi(x):", "    return loss")


def test_several_points_have_headings(site: Path) -> None:
    page = (site / "en" / "a5_max_node.html").read_text(encoding="utf-8")
    headings = re.findall(r"<h2>(Point .*)</h2>", page)
    assert headings == ["Point 1 of 3: a = 3, b = 1", "Point 2 of 3: a = −2, b = 0.5", "Point 3 of 3: a = 1.5, b = 1.5"]


def test_the_languages_differ_and_are_their_own(site: Path) -> None:
    for file in (*FILES, "index"):
        english, korean = ((site / language / f"{file}.html").read_text(encoding="utf-8") for language in LANGUAGES)
        assert english != korean
        assert set(re.findall("[가-힣]+", english)) == {"한국어"}  # the link to the other language
        for heading in re.findall(r"<h[123]>(.*?)</h[123]>", korean):
            words = re.sub(r"<.*?>", "", heading)
            assert re.search("[가-힣]", words), words


def test_the_words_are_complete_in_both_languages() -> None:
    assert set(WORDS) == set(LANGUAGES)
    gaps = {
        language: {key: set(re.findall(r"{(\w+)}", text)) for key, text in words.items()}
        for language, words in WORDS.items()
    }
    assert gaps["en"] == gaps["ko"]


# -- well-formed and alone -------------------------------------------------------------------------------------------------


class Balance(HTMLParser):
    """Fails on a tag that closes what is not open; collects links."""

    def __init__(self, place: str) -> None:
        super().__init__()
        self.place, self.open, self.links = place, [], []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        assert tag != "script", self.place
        names = [name for name, _ in attributes]
        assert not any(name.startswith("on") or name == "src" for name in names), (self.place, names)
        self.links += [value for name, value in attributes if name == "href"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open, (self.place, tag)
        assert self.open.pop() == tag, (self.place, tag)


def pages(site: Path, ending: str) -> Iterator[tuple[str, str]]:
    """The files with an ending and their text."""
    return ((place, text) for place, text in written(site).items() if place.endswith(ending))


def test_html_is_well_formed_and_its_links_resolve(site: Path) -> None:
    reached = {"index.html"}
    for place, text in pages(site, ".html"):
        parser = Balance(place)
        parser.feed(text)
        parser.close()
        assert not parser.open, (place, parser.open)
        for link in parser.links:
            assert link is not None
            target = (site / place).parent / link
            assert target.is_file(), (place, link)
            reached.add(target.resolve().relative_to(site.resolve()).as_posix())
    assert reached == {place for place, _ in pages(site, ".html")}


def test_links_of_markdown_resolve(site: Path) -> None:
    reached = {"index.md"}
    for place, text in pages(site, ".md"):
        for link in re.findall(r"\]\(([^()\s]+)\)", text):
            target = (site / place).parent / link
            assert target.is_file(), (place, link)
            reached.add(target.resolve().relative_to(site.resolve()).as_posix())
    assert reached == {place for place, _ in written(site).items() if place.endswith((".md", ".svg"))}


def test_mathml_and_svg_are_well_formed(site: Path) -> None:
    for place, text in pages(site, ".html"):
        formulas = re.findall(r"<math.*?</math>", text, re.DOTALL)
        assert formulas or place.endswith("index.html")
        for formula in formulas:
            ElementTree.fromstring(formula)
        for drawing in re.findall(r"<svg.*?</svg>", text, re.DOTALL):
            ElementTree.fromstring(drawing)
    for _, text in pages(site, ".svg"):
        ElementTree.fromstring(text)


def test_nothing_asks_the_network(site: Path) -> None:
    namespaces = ("http://www.w3.org/1998/Math/MathML", "http://www.w3.org/2000/svg")
    for place, text in written(site).items():
        for namespace in namespaces:
            text = text.replace(f'xmlns="{namespace}"', "")
        assert not re.search(r"https?:|//[\w-]+\.\w|@import|url\(|<script|javascript:", text), place


# -- plots -----------------------------------------------------------------------------------------------------------------

SIGMOID = {"sigmoid": lambda a: 1 / (1 + np.exp(-a)), "tanh": np.tanh, "relu": lambda a: np.maximum(a, 0)}


@pytest.mark.parametrize("file", ACTIVATIONS)
def test_every_activation_has_its_plot(site: Path, file: str) -> None:
    page = page_of(example(file), "en")
    plot = page.plot
    assert isinstance(plot, Curves)
    assert len(plot.points) == len(example(file).points)
    text = (site / "ko" / f"{file}.html").read_text(encoding="utf-8")
    assert text.count('class="activation-plot"') == 1
    assert f"h({plot.variable})" in text
    if page.file.removeprefix("c4_") in SIGMOID:
        assert np.allclose(plot.value, SIGMOID[page.file.removeprefix("c4_")](plot.x))
    differences = np.diff(plot.value) / np.diff(plot.x)  # the slope between two samples lies between theirs
    low, high = np.minimum(plot.slope[1:], plot.slope[:-1]), np.maximum(plot.slope[1:], plot.slope[:-1])
    assert np.all((low - 1e-4 <= differences) & (differences <= high + 1e-4))


def test_pages_without_an_activation_have_no_plot() -> None:
    assert page_of(example("a7_product_graph"), "en").plot is None


def test_a_curve_is_broken_where_it_jumps() -> None:
    drawn = ElementTree.fromstring(svg_of(curves(example("c4_relu").program, example("c4_relu").points, "a")))
    value, slope, *_ = [path.get("d", "") for path in drawn.iter() if path.tag.endswith("path")]
    assert value.count("M") == 1
    assert slope.count("M") == 2
    assert value.count("L") + 1 == slope.count("L") + 2 == SAMPLES


def test_the_marked_points_lie_on_the_curves() -> None:
    drawn = curves(lambda a: a**3, [{"a": 2.0}, {"a": -1.0}], "a")
    assert drawn.points == ((2.0, 8.0, 12.0), (-1.0, -1.0, 3.0))
    circles = [one for one in ElementTree.fromstring(svg_of(drawn)).iter() if one.tag.endswith("circle")]
    heights = [float(circle.get("cy", "nan")) for circle in circles]
    assert np.argsort(heights).tolist() == [1, 0, 3, 2]  # 12 above 8 above 3 above −1: downwards the y of SVG grows


# -- when something is wrong -----------------------------------------------------------------------------------------------


@pytest.fixture
def wrong_square() -> Iterator[Any]:
    """An operation with half of its true slope, taken out of the registry afterwards."""
    yield primitive("planted_square", lambda a: a * a, lambda g, y, a: g * a)
    del primitives["planted_square"], operations["planted_square"]


def test_a_derivation_that_does_not_hold_gives_exit_code_1(
    wrong_square: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    real = example("a3_add_node")

    def square(a):
        z = wrong_square(a)
        return z

    planted = worked.Example("a3_add_node", "A3", real.title, real.about, square, ({"a": 3.0},), ("a",), {}, real.path)
    fake = types.ModuleType("worked_here")
    fake.FILES, fake.example = ("a3_add_node",), lambda file: planted  # type: ignore[attr-defined]
    monkeypatch.setattr(gallery, "worked_examples", lambda: fake)
    assert main(["gallery", str(tmp_path)]) == 1
    said = capsys.readouterr()
    assert re.search(r"en/a3_add_node: \d+ of \d+ hold\. ", said.err)
    assert "does NOT hold" in (tmp_path / "en" / "a3_add_node.html").read_text(encoding="utf-8")


def test_an_example_whose_package_is_missing_is_left_out_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "worked.c5_three_layers", raising=False)
    monkeypatch.setitem(sys.modules, "sklearn", None)
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    few = types.ModuleType("worked")
    few.__file__ = worked.__file__
    few.FILES, few.example = ("c4_maxout", "c5_three_layers"), example  # type: ignore[attr-defined]
    found, missing = pages_of(few, "en")
    assert [page.file for page in found] == ["c4_maxout"]
    line = "C5  A three-layer network on handwritten digits: left out, because scikit-learn is not installed."
    for index in (index_html("en", found, missing), index_markdown("en", found, missing)):
        assert line in index
        assert "c5_three_layers" not in index
    assert "scikit-learn 패키지가 설치되어 있지 않아 뺐다" in index_html("ko", *pages_of(few, "ko"))


def test_a_folder_that_is_a_file_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    assert main(["gallery", str(tmp_path / "file")]) == 2
    assert (
        capsys.readouterr().err == f"chainrule gallery: {tmp_path / 'file'} is a file. Name a folder for the gallery.\n"
    )
    small = gallery.Site({"en/index.html": "x"}, (), ())
    with pytest.raises(ArgumentError, match=r"cannot be a folder: .*is a file\. Name another folder"):
        gallery.write_site(small, tmp_path / "file" / "inside")
    assert (tmp_path / "file").read_text(encoding="utf-8") == "x"


def test_a_folder_that_cannot_be_written_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refused(path: Path, text: str) -> Path:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(gallery, "write_whole", refused)
    with pytest.raises(ArgumentError, match=r"cannot be written: Permission denied\. Name a folder of your own\."):
        gallery.write_site(gallery.Site({"index.html": "x"}, (), ()), tmp_path / "new")


# -- in the main job -------------------------------------------------------------------------------------------------------


def test_the_examples_of_the_main_job_write_and_say_where(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "PYTHONIOENCODING": "utf-8", "NO_COLOR": "1"}
    command = [sys.executable, str(ROOT / "examples" / "digits_derivation.py"), "--output", str(tmp_path / "out")]
    result = subprocess.run(command, env=environment, capture_output=True, encoding="utf-8", timeout=300, check=False)
    assert (result.returncode, result.stderr) == (0, "")
    held, total = re.findall(r"(\d+) of (\d+) equalities hold", result.stdout)[0]
    assert held == total
    for ending in ("html", "md"):
        path = tmp_path / "out" / f"digits_derivation.{ending}"
        assert str(path) in result.stdout
        assert f"{held} of {total} equalities hold" in path.read_text(encoding="utf-8")
