"""Golden files: what was printed when somebody last looked at it. CHAINRULE_WRITE_GOLDEN=1 writes them anew."""

from __future__ import annotations

import os
from pathlib import Path


def assert_golden(path: Path, text: str) -> None:
    """The text is what the file holds; with CHAINRULE_WRITE_GOLDEN=1 the file becomes the text."""
    if os.environ.get("CHAINRULE_WRITE_GOLDEN") == "1":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert path.exists(), f"{path.name} is missing: run the tests once with CHAINRULE_WRITE_GOLDEN=1 and look at it"
    assert text == path.read_text(encoding="utf-8"), (
        f"{path.name}: look at the difference, then CHAINRULE_WRITE_GOLDEN=1"
    )
