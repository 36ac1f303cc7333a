"""`chainrule derive` from end to end: what it prints, what it writes, its exit codes, and its letters to the user."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from chainrule.cli import derive
from chainrule.cli.main import main

SOURCE = Path(cr.__file__).parent.parent
PRODUCT = ("(x + y) * z", "x=-2", "y=5", "z=-4")
MODEL = """
import numpy as np
from chainrule.trace import primitive

def loss(W, x, t, rate=0.1):
    h = np.tanh(W @ x)
    return np.sum((h - t) ** 2) + rate * np.sum(W**2)

def broken(x):
    y = x * 2
    return y[5]

wrong_square = primitive("planted_in_a_file", lambda x: x * x, lambda g, y, x: g * x)

def planted(x):
    y = wrong_square(x)
    return y
"""


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A file with programs, and inputs beside it in both forms."""
    (tmp_path / "model.py").write_text(MODEL, encoding="utf-8")
    inputs = {"W": [[0.1, 0.2], [0.3, 0.4]], "x": [1.0, 2.0], "t": [0.0, 1.0]}
    (tmp_path / "inputs.json").write_text(json.dumps(inputs), encoding="utf-8")
    np.savez(tmp_path / "inputs.npz", **{name: np.array(value) for name, value in inputs.items()})
    return tmp_path / "model.py"


def shell(*words: str | Path, **environment: str) -> tuple[int, str, str]:
    """`python -m chainrule …` in a process of its own: exit code, output, errors."""
    clean = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "NO_COLOR")}
    result = subprocess.run(
        [sys.executable, "-m", "chainrule", *map(str, words)],
        env={**clean, "PYTHONPATH": str(SOURCE), "PYTHONIOENCODING": "utf-8", **environment},
        capture_output=True, encoding="utf-8", check=False, timeout=120,
    )  # fmt: skip
    return result.returncode, result.stdout, result.stderr


def said(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, str, str]:
    """The same in this process, which is faster."""
    code = main([str(word) for word in words])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def without_anchors(text: str) -> str:
    """The text of a page without the marks that number its formulas, which count on from page to page."""
    return re.sub(r' data-anchor="\w+"', "", text.rstrip())


def verified(text: str) -> tuple[int, int]:
    """(equalities that hold, equalities in total), as an English derivation says it."""
    held, total = re.findall(r"Verified: (\d+) of (\d+)", text)[-1]
    return int(held), int(total)


# -- what it prints --------------------------------------------------------------------------------------------------------


def test_an_expression_from_end_to_end() -> None:
    code, out, err = shell("derive", *PRODUCT)
    assert (code, err) == (0, "")
    held, total = verified(out)
    assert held == total > 20
    assert "(−2 + 5)" in out or "−2 + 5 = 3" in out
    assert re.search(r"∂f/∂x = .* = −4", out)
    assert re.search(r"∂f/∂z = .* = 3", out)
    assert "\x1b" not in out


def test_arrays_in_korean() -> None:
    code, out, err = shell("derive", "q = W @ x; sum(q**2)", "W=[[0.1,0.5],[-0.3,0.8]]", "x=[0.2,0.4]", "--lang", "ko")
    assert (code, err) == (0, "")
    assert "순전파" in out
    assert "역전파" in out
    assert "0.088" in out
    assert "Forward pass" not in out


@pytest.mark.parametrize("inputs", ["inputs.json", "inputs.npz"])
def test_a_function_in_a_file(model: Path, inputs: str) -> None:
    code, out, err = shell("derive", f"{model}:loss", "--inputs", model.parent / inputs, "--wrt", "W,x")
    assert (code, err) == (0, "")
    assert "def loss(W, x, t, rate=0.1):" in out
    assert "∇_W" in out
    held, total = verified(out)
    assert held == total


def test_the_program_of_an_expression_is_not_ours(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = said(capsys, "derive", "q = x + y; q**2", "x=1", "y=2")
    assert code == 0
    assert "signature" not in out
    assert "expression" not in out


@pytest.mark.parametrize(("text", "values", "name"), [("x**2", ["x=1"], "f"), ("f**2", ["f=1"], "F")])
def test_a_result_without_a_name_gets_a_short_one(
    capsys: pytest.CaptureFixture[str], text: str, values: list[str], name: str
) -> None:
    code, out, _ = said(capsys, "derive", text, *values)
    assert code == 0
    assert f"∂{name}/∂" in out


@pytest.mark.parametrize("level", derive.LEVELS)
def test_every_level_is_one_that_the_library_knows(capsys: pytest.CaptureFixture[str], level: str) -> None:
    code, out, _ = said(capsys, "derive", *PRODUCT, "--level", level)
    assert code == 0
    held, total = verified(out)
    assert held == total


def test_a_summary_is_shorter_than_the_result(capsys: pytest.CaptureFixture[str]) -> None:
    lengths = [len(said(capsys, "derive", *PRODUCT, "--level", level)[1]) for level in ("summary", "result")]
    assert lengths[0] < lengths[1]


def test_expand_writes_the_elements(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("derive", "sum((W @ x)**2)", "W=[[0.1,0.5],[-0.3,0.8]]", "x=[0.2,0.4]")
    plain, expanded = said(capsys, *words)[1], said(capsys, *words, "--expand")[1]
    assert "∇_W" in plain
    assert "∇_W" not in expanded
    assert "∂f/∂x₁" in expanded


def test_a_learning_rate_adds_a_step(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = said(capsys, "derive", "x**2", "x=3", "--lr", "0.1")
    assert code == 0
    assert "x ← x − lr" in out
    assert "2.4" in out


def test_what_arrives_from_above_scales_the_gradient(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("derive", "W @ x", "W=[[1,2],[3,4]]", "x=[1,1]")
    ones, halves = said(capsys, *words)[1], said(capsys, *words, "--above", "-0.5")[1]
    assert ones != halves
    assert "−0.5" in halves
    assert said(capsys, *words, "--above", "1")[1] == ones


FORMS = {
    "markdown": (".md", "# "),
    "latex": (".tex", r"\documentclass"),
    "html": (".html", "<!DOCTYPE html>"),
    "text": (".txt", "Derivation"),
    "python": (".py", '"""'),
}


@pytest.mark.parametrize("form", FORMS)
def test_formats_and_files(
    form: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    ending, start = FORMS[form]
    code, out, _ = said(capsys, "derive", *PRODUCT, "--format", form)
    assert code == 0
    assert out.startswith(start)
    target = tmp_path / f"x{ending}"
    code, printed, _ = said(capsys, "derive", *PRODUCT, "--output", target)
    assert (code, printed) == (0, f"{target}\n")
    assert without_anchors(target.read_text(encoding="utf-8")) == without_anchors(out)
    assert [path.name for path in tmp_path.iterdir()] == [target.name]


def test_mathml_is_a_format_too(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = said(capsys, "derive", *PRODUCT, "--format", "mathml")
    assert code == 0
    assert out.startswith("<math")
    assert out.count("<math") == out.count("</math>") > 5


# -- the terminal ----------------------------------------------------------------------------------------------------------


def test_colours_only_on_a_terminal_that_wants_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[" not in said(capsys, "derive", *PRODUCT)[1]
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert "\x1b[" in said(capsys, "derive", *PRODUCT)[1]
    assert "\x1b[" not in said(capsys, "derive", *PRODUCT, "--no-color")[1]
    assert "\x1b[" not in said(capsys, "derive", *PRODUCT, "--format", "markdown")[1]
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[" not in said(capsys, "derive", *PRODUCT)[1]


def test_sentences_fit_the_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for columns in (50, 80):
        monkeypatch.setenv("COLUMNS", str(columns))
        lines = said(capsys, "derive", *PRODUCT)[1].splitlines()
        sentences = [line for line in lines if "=" not in line and "←" not in line]
        assert columns - 15 < max(map(len, sentences)) <= columns


def test_a_reader_who_leaves_early_is_no_error() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "chainrule", "derive", *PRODUCT],
        env={**os.environ, "PYTHONPATH": str(SOURCE)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    process.stdout.close()
    _, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (0, b"")


def test_control_c_stops_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cr, "derive", interrupted)
    assert said(capsys, "derive", *PRODUCT) == (130, "", "Stopped.\n")


# -- verdicts and wrong calls ----------------------------------------------------------------------------------------------


def test_a_program_that_raises_is_derived_up_to_there(model: Path) -> None:
    code, out, err = shell("derive", f"{model}:broken", "x=3")
    assert (code, err) == (1, "")
    assert "IndexError" in out
    assert "return y[5]" in out
    assert re.search(r"y ← .*6", out)


def test_a_wrong_rule_is_found_and_the_exit_code_says_so(model: Path) -> None:
    code, out, err = shell("derive", f"{model}:planted", "x=3")
    assert (code, err) == (1, "")
    assert "does NOT hold" in out
    held, total = verified(out)
    assert held < total


def test_a_value_outside_the_domain_is_no_warning_of_numpy() -> None:
    _, out, err = shell("derive", "log(x - 5)", "x=3")
    assert err == ""
    assert "NaN" in out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ("x**2", "x=3", "--output", "x.doc"),
            r"--output x.doc: what should be written\? Let the name end in one of \.txt",
        ),
        (("x**2", "x=3", "--wrt", "y"), r"--wrt y: there is no such variable. Variables: x."),
        (("x > 1", "x=3"), r"derive needs a floating result, and f returned bool"),
        (("W @ x", "W=[[1,2],[3,4]]", "x=[1,2,3]"), r"matmul cannot combine shapes \(2, 2\) of W and \(3,\) of x"),
        (("x.T", "x=3"), r"T"),
        (("__import__('os')", "x=3"), r"__import__"),
        (("x + y", "x=3"), r"y has no value. Add y=1.5"),
        (("nothing.py:f", "x=3"), r"nothing.py"),
    ],
)
def test_a_wrong_call_is_a_letter(words: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = said(capsys, "derive", *words)
    assert (code, out) == (2, "")
    assert err.startswith("chainrule derive: ")
    assert re.search(message, err)
    assert "Traceback" not in err


def test_a_file_that_cannot_be_written_is_said(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    target = tmp_path / "no" / "such" / "x.md"
    code, out, err = said(capsys, "derive", *PRODUCT, "--output", target)
    assert (code, out) == (2, "")
    assert err == f"chainrule derive: {target} cannot be written: No such file or directory.\n"


@pytest.mark.parametrize("option", ["--lr", "--above"])
@pytest.mark.parametrize("number", ["fast", "nan", "inf"])
def test_numbers_are_finite(option: str, number: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["derive", *PRODUCT, option, number])
    assert stopped.value.code == 2
    assert f"'{number}' is no finite number. Write one, such as 0.1." in capsys.readouterr().err
