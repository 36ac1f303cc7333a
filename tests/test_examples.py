"""Each example runs as a newcomer runs it, in a fresh interpreter, and prints what it promises.

`--quick` makes it do less work and `--output` sends its pictures to a temporary folder; the facts checked are the same.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "examples"
PNG_HEADER = b"\x89PNG\r\n\x1a\n"


def run(script: str, folder: Path, *arguments: str) -> str:
    """What an example prints; it must end with exit code 0 and no warning."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT / "src"),
        "PYTHONWARNINGS": "error",
        "COLUMNS": "100",
        "NO_COLOR": "1",
    }
    command = [sys.executable, str(EXAMPLES / script), "--output", str(folder), *arguments]
    result = subprocess.run(
        command, capture_output=True, text=True, env=environment, cwd=folder.parent, timeout=300, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert not result.stderr
    return result.stdout


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that does not exist yet: an example makes it when it needs it."""
    return tmp_path / "out"


def check_picture(path: Path, output: str) -> None:
    """The picture is whole, is alone in its folder with its like, and the example said where it is."""
    assert path.read_bytes().startswith(PNG_HEADER)
    assert path.stat().st_size > 10_000
    assert str(path) in output
    assert not list(path.parent.glob("*.part"))


def cells(output: str, *, start: str) -> list[str]:
    """The cells of the first table row whose first cell is `start`."""
    for line in output.splitlines():
        row = [cell.strip() for cell in re.split(r"[│┃]", line.strip("│┃ "))]
        if row[0] == start:
            return row
    raise AssertionError(f"no row {start!r} in\n{output}")


def test_worked_example_a7(folder: Path) -> None:
    output = run("worked_a7.py", folder)
    rows = {
        "q": ("3", "16"),
        "f": ("-12", "-4"),
        "L": ("4", "1"),
        "x": ("-2", "16"),
        "y": ("5", "16"),
        "z": ("-4", "-12"),
    }
    for name, (value, gradient) in rows.items():
        row = cells(output, start=name)
        assert (value, gradient) == (row[-2], row[-1]), row
    edges = {
        "x → q": ("1", "16", "16"),
        "y → q": ("1", "16", "16"),
        "q → f": ("-4", "-4", "16"),
        "z → f": ("3", "-4", "-12"),
    }
    for edge, expected in edges.items():
        assert tuple(cells(output, start=edge)[-3:]) == expected
    updates = {"x": "-2.16", "y": "4.84", "z": "-3.88"}  # x - 0.01 · dL/dx
    for name, updated in updates.items():
        assert cells(output, start=f"{name} ← {name} − lr·dL/d{name}")[-1] == updated


def test_digits_reaches_its_accuracy_and_draws_its_curves(folder: Path) -> None:
    output = run("digits.py", folder, "--quick")
    reached = re.search(r"Held-out accuracy (\d\.\d+) ", output)
    assert reached
    assert float(reached[1]) >= 0.97
    check_picture(folder / "digits.png", output)


def test_regression_reaches_least_squares(folder: Path) -> None:
    output = run("regression.py", folder, "--quick")
    rows = re.findall(r"(full-batch|mini-batch of 32|stochastic) .* (\d\.\de-\d+) +(\de-\d+) +(.)", output)
    assert [method for method, *_ in rows] == ["full-batch", "mini-batch of 32", "stochastic"] * 2
    for method, distance, allowed, mark in rows:
        assert float(distance) <= float(allowed) <= (1e-6 if method == "full-batch" else 5e-3)
        assert mark == "✓"
    check_picture(folder / "regression.png", output)


def test_the_demo_runs_all_three_and_says_so(folder: Path) -> None:
    output = run("demo.py", folder, "--quick")
    titles = ("1 · Worked example", "2 · Handwritten digits", "3 · Linear regression", "Done in")
    positions = [output.find(title) for title in titles]
    assert -1 not in positions
    assert positions == sorted(positions)
    for picture in ("digits.png", "regression.png"):
        check_picture(folder / picture, output)


def test_an_example_that_falls_short_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLES))
    import digits  # noqa: PLC0415 - the folder of the examples is no package and is on the path only here

    monkeypatch.setattr(digits, "WANTED_ACCURACY", 1.01)
    assert digits.main(["--quick", "--output", str(tmp_path)]) == 1
