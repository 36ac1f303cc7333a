"""The documentation: its examples run, its generated page is up to date, and it builds without a warning."""

from __future__ import annotations

import doctest
import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"


def generator() -> ModuleType:
    """docs/generate.py as a module."""
    spec = importlib.util.spec_from_file_location("generate", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["generate"] = module  # where dataclasses look up their annotations
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", ["index.md", "conventions.md", "derivations.md", "compile.md"])
def test_the_examples_of_a_page_run(page: str) -> None:
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    result = doctest.testfile(str(DOCS / page), module_relative=False, optionflags=flags, encoding="utf-8")
    assert result.attempted > 3
    assert result.failed == 0


def rows(page: str) -> dict[str, str]:
    """The table rows of a page by the name in their first cell."""
    lines = [line for line in page.splitlines() if line.startswith("| `")]
    return {line.split("|")[1].strip(): line for line in lines}


def test_the_page_of_operations_is_what_the_registry_says() -> None:
    # Another NumPy may know more or fewer names than the one with which the page was made; what both know must agree.
    kept = rows((DOCS / "operations.md").read_text(encoding="utf-8"))
    made = rows(generator().operations_page())
    common = kept.keys() & made.keys()
    assert len(common) > 400
    stale = [name for name in sorted(common) if kept[name] != made[name]]
    assert not stale, "run `make docs` and commit docs/operations.md"


def test_every_name_of_numpy_is_classified() -> None:
    assert "unclassified" not in {line.split("|")[2].strip() for line in rows(generator().operations_page()).values()}


def test_the_documentation_builds_strictly(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "NO_MKDOCS_2_WARNING": "true"}
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")]
    result = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    assert result.returncode == 0, result.stdout + result.stderr
    for page in ("index", "conventions", "reference", "operations", "benchmarks", "layout"):
        assert (tmp_path / "site" / f"{page}.html").stat().st_size > 1000
