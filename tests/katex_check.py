"""KaTeX as the judge of LaTeX: many formulas in one run of node."""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

FOLDER = Path(__file__).with_name("katex")


@functools.cache
def katex_folder() -> tuple[Path | None, str]:
    """The folder whose node_modules holds KaTeX, or None and the reason why there is none.

    It is looked for where CHAINRULE_KATEX says, then in .venv/katex, then beside the script.
    """
    if shutil.which("node") is None:
        return None, "node is not installed"
    for folder in (os.environ.get("CHAINRULE_KATEX"), FOLDER.parent.parent / ".venv" / "katex", FOLDER):
        if folder and (Path(folder) / "node_modules" / "katex").is_dir():
            return Path(folder), ""
    return (
        None,
        "KaTeX is not installed: mkdir -p .venv/katex; cp tests/katex/package.json .venv/katex; npm i --prefix .venv/katex",
    )


def katex_errors(formulas: Sequence[tuple[str, bool]]) -> dict[str, str]:
    """KaTeX's message for each formula (LaTeX, in display or not) that it refuses with strict errors."""
    folder, reason = katex_folder()
    assert folder is not None, reason
    lines = "".join(json.dumps({"latex": latex, "display": display}) + "\n" for latex, display in formulas)
    result = subprocess.run(
        ["node", str(FOLDER / "check.mjs")],
        input=lines,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=True,
        env={**os.environ, "CHAINRULE_KATEX": str(folder)},
    )
    messages = [json.loads(line) for line in result.stdout.splitlines()]
    assert len(messages) == len(formulas)
    return {latex: message for (latex, _), message in zip(formulas, messages, strict=True) if message is not None}
