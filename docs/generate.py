"""The registry and the docstrings in, two pages of the documentation out.

NumPy makes a function overridable when its module is loaded, so the modules that it loads late are imported here.

`python docs/generate.py` writes `docs/operations.md`, which is kept in the repository. `mkdocs build` calls `on_files`
and so adds the page `reference.md`, which is not.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.char
import numpy.polynomial
import numpy.strings
import scipy.special
from numpy.testing.overrides import get_overridable_numpy_array_functions, get_overridable_numpy_ufuncs

import chainrule as cr
from chainrule.ops.classification import REFUSED, RULE, ZERO, classification
from chainrule.ops.scipy_rules import connect_scipy
from chainrule.primitive import ufuncs

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files

OPERATIONS = Path(__file__).with_name("operations.md")
MEANING = {
    RULE: "has a derivative, or is made of operations that have one",
    ZERO: "a step function, or an answer about shapes and types: no gradient passes",
    REFUSED: "raises `UnsupportedError` with the advice beside it",
}


@dataclass(frozen=True)
class Row:
    """A NumPy or SciPy callable: its name, its class, and the note beside it."""

    name: str
    kind: str
    note: str


def rows(callables: set[Any]) -> list[Row]:
    """One row for each callable, by name; the private ones of NumPy come last."""
    found = [Row(*entry) for entry in classification(callables)]
    return sorted(found, key=lambda row: (row.name.startswith("numpy._"), row.name))


def table(listing: list[Row]) -> Iterator[str]:
    """The rows as a Markdown table."""
    yield "| name | class | note |"
    yield "|---|---|---|"
    for row in listing:
        yield f"| `{row.name}` | {row.kind} | {row.note.replace('|', chr(92) + '|')} |"


def counts(listing: list[Row]) -> str:
    """`96 rule, 31 zero by nature` and so on."""
    kinds = [row.kind for row in listing]
    return ", ".join(f"{kinds.count(kind)} {kind}" for kind in MEANING if kind in kinds)


def scipy_ufuncs() -> set[Any]:
    """The ufuncs of `scipy.special` that have rules; they are connected once SciPy is loaded."""
    connect_scipy()
    return {ufunc for ufunc in ufuncs if ufunc in vars(scipy.special).values()} - get_overridable_numpy_ufuncs()


def operations_page() -> str:
    """Every ufunc and every overridable function of the NumPy that runs, with its class."""
    numpy_ufuncs = rows(get_overridable_numpy_ufuncs())
    numpy_functions = rows(get_overridable_numpy_array_functions())
    of_scipy = rows(scipy_ufuncs())
    lines = [
        "# Operations",
        "",
        "What happens when a NumPy function meets a traced value. "
        f"Made by `make docs` from the registry, with NumPy {np.__version__}.",
        "",
        *(f"- **{kind}**: {meaning}." for kind, meaning in MEANING.items()),
        "",
        f"## The {len(numpy_ufuncs)} ufuncs: {counts(numpy_ufuncs)}",
        "",
        *table(numpy_ufuncs),
        "",
        f"## The {len(numpy_functions)} overridable functions: {counts(numpy_functions)}",
        "",
        *table(numpy_functions),
        "",
        f"## Of SciPy's ufuncs: {counts(of_scipy)}",
        "",
        "Every other ufunc of SciPy is refused by name; `cr.custom_derivative` gives it a rule.",
        "",
        *table(of_scipy),
        "",
    ]
    return "\n".join(lines)


def reference_page() -> str:
    """Every public name with its signature and its docstring, examples included."""
    lines = ["# Reference", "", "Made from the docstrings; each example runs in the tests.", ""]
    for name, thing in sorted(vars(cr).items()):
        if name.startswith("_") or inspect.ismodule(thing) or not callable(thing):
            continue
        lines += [f"## `{name}{signature(thing)}`", "", *fenced_examples(inspect.getdoc(thing) or ""), ""]
    return "\n".join(lines)


def signature(thing: Callable[..., Any]) -> str:
    """`(f, wrt=0)`, without annotations; empty where Python knows none."""
    try:
        found = inspect.signature(thing)
    except (TypeError, ValueError):
        return ""
    plain = [parameter.replace(annotation=inspect.Parameter.empty) for parameter in found.parameters.values()]
    text = str(inspect.Signature(plain))
    return re.sub(r"<[^>]*>", "…", text)


def fenced_examples(docstring: str) -> Iterator[str]:
    """The docstring as Markdown, its `>>>` blocks in fences."""
    inside = False
    for line in docstring.split("\n"):
        begins, ends = line.startswith(">>>") and not inside, inside and not line.strip()
        if begins:
            yield "```python"
            inside = True
        elif ends:
            yield "```"
            inside = False
        yield line
    if inside:
        yield "```"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Hook of mkdocs: adds the generated reference."""
    from mkdocs.structure.files import File  # noqa: PLC0415 - the documentation's own tool, absent from the tests' needs

    files.append(File.generated(config, "reference.md", content=reference_page()))
    return files


def main() -> None:
    """Write the page that is kept in the repository."""
    OPERATIONS.write_text(operations_page(), encoding="utf-8")


if __name__ == "__main__":
    main()
