"""Documents as PDF, through the LaTeX that is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from chainrule.errors import ChainruleError
from chainrule.explain.document import Document
from chainrule.explain.printing.document_latex import print_latex

ENGINES = ("lualatex", "xelatex")
SECONDS = 300


class PdfError(ChainruleError, RuntimeError):
    """A PDF was asked for and there is no LaTeX, or LaTeX did not accept the document.

    >>> issubclass(PdfError, RuntimeError)
    True
    """


def write_pdf(document: Document, path: str | os.PathLike[str]) -> Path:
    """Typeset the document and put the PDF in place when it is whole; returns its path.

    Raises PdfError without lualatex and xelatex on the PATH, and with LaTeX's own message when it fails.

    >>> write_pdf.__name__
    'write_pdf'
    """
    engine = next(filter(None, map(shutil.which, ENGINES)), None)
    if engine is None:
        raise PdfError(
            "A PDF is typeset by lualatex or xelatex, and neither is on the PATH. Install one (on Debian and Ubuntu:"
            " apt-get install texlive-luatex texlive-latex-recommended lmodern fonts-noto-cjk), or save as .tex, .html or"
            " .md instead."
        )
    target = Path(path)
    with tempfile.TemporaryDirectory(prefix="chainrule-") as folder:
        source = Path(folder) / "derivation.tex"
        source.write_text(print_latex(document, standalone=True), encoding="utf-8")
        command = [engine, "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", source.name]
        try:
            result = subprocess.run(
                command, cwd=folder, capture_output=True, stdin=subprocess.DEVNULL, timeout=SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            raise PdfError(
                f"{Path(engine).name} did not finish within {SECONDS} seconds. Save as .tex and typeset it by hand."
            ) from None
        made = source.with_suffix(".pdf")
        if result.returncode != 0 or not made.exists():
            raise PdfError(
                f"{Path(engine).name} did not accept the document: {_first_error(result.stdout)} Save as .tex to see the"
                " whole source, or as .html, which needs no LaTeX."
            )
        _put(made, target)
    return target


def _first_error(output: bytes) -> str:
    lines = output.decode("utf-8", "replace").splitlines()
    first = next((number for number, line in enumerate(lines) if line.startswith("!")), None)
    return "it said nothing of use." if first is None else " ".join(lines[first : first + 4])[:400]


def _put(made: Path, target: Path) -> None:
    """Copy beside the target and rename: the temporary folder may be on another file system."""
    handle, beside = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(made.read_bytes())
        os.chmod(beside, 0o644)
        os.replace(beside, target)
    except BaseException:
        os.unlink(beside)
        raise
