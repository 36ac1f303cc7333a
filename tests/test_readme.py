"""README.md and README.ko.md: each Python block runs by itself, and the text block after it is what it prints."""

from __future__ import annotations

import contextlib
import io
import linecache
import re
import traceback
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ENGLISH = (ROOT / "README.md").read_text(encoding="utf-8")
KOREAN = (ROOT / "README.ko.md").read_text(encoding="utf-8")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Example:
    """A Python block, and the text block that follows it before the next Python block."""

    code: str
    expected: str


def blocks(text: str) -> list[tuple[str, str]]:
    """(language, content) of each fenced block."""
    return [(match[1], match[2]) for match in FENCE.finditer(text)]


def examples(text: str) -> list[Example]:
    """The Python blocks with what they should print; every one of them has a text block."""
    found = []
    listing = [block for block in blocks(text) if block[0] in ("python", "text")]
    for (language, code), (following, expected) in zip(listing[::2], listing[1::2], strict=True):
        assert (language, following) == ("python", "text")
        found.append(Example(code, expected))
    return found


def printed_by(code: str) -> str:
    """What the block prints when saved as example.py; an uncaught exception adds the last part of its traceback."""
    linecache.cache["example.py"] = (len(code), None, code.splitlines(keepends=True), "example.py")
    output = io.StringIO()
    try:
        with contextlib.redirect_stdout(output):
            exec(compile(code, "example.py", "exec"), {"__name__": "__main__"})
    except Exception as error:
        output.write("".join(traceback.format_exception_only(error)))
    finally:
        del linecache.cache["example.py"]
    return output.getvalue()


@pytest.mark.parametrize("example", examples(ENGLISH), ids=lambda example: example.code.splitlines()[-1][:40])
def test_the_block_prints_what_the_readme_shows(example: Example) -> None:
    assert printed_by(example.code) == example.expected


def test_the_readme_has_a_gradient_a_training_loop_and_an_error() -> None:
    codes = [example.code for example in examples(ENGLISH)]
    assert any("value_and_grad" in code and "for step" not in code for code in codes)
    assert any("for step" in code for code in codes)
    assert any("Error: " in example.expected for example in examples(ENGLISH))


def test_both_languages_show_the_same_blocks() -> None:
    assert blocks(KOREAN) == blocks(ENGLISH)


def outline(text: str) -> list[int]:
    """The levels of the headings, in order."""
    return [len(match[1]) for match in re.finditer(r"^(#+) ", FENCE.sub("", text), re.MULTILINE)]


def test_both_languages_have_the_same_sections_items_and_links() -> None:
    assert outline(KOREAN) == outline(ENGLISH)
    for pattern in (r"^- ", r"\]\((?!README)([^)]+)\)"):
        assert sorted(re.findall(pattern, KOREAN, re.MULTILINE)) == sorted(re.findall(pattern, ENGLISH, re.MULTILINE))


@pytest.mark.parametrize("text", [ENGLISH, KOREAN], ids=["English", "Korean"])
def test_links_lead_to_files_of_the_project(text: str) -> None:
    targets = re.findall(r"\]\(([^)]+)\)", text)
    assert targets
    for target in targets:
        assert (ROOT / target).is_file(), target


def test_the_commands_shown_are_targets_of_the_makefile() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    commands = [line.split()[1] for language, text in blocks(ENGLISH) if language == "sh" for line in text.splitlines()]
    assert commands == ["demo", "test"]
    for command in commands:
        assert re.search(rf"^{command}:", makefile, re.MULTILINE)
