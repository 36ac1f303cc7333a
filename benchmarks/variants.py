"""*Edits of chainrule's source text in, a second engine in the same process out.*

A variant is the whole package loaded once more under its own name, with a few statements replaced while it is loaded; the
package that is already there stays what it was. So two engines that differ in nothing else can take turns in one process,
and the product needs no switch for the benchmark.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import CodeType, ModuleType
from typing import Any

PACKAGE = "chainrule"


@dataclass(frozen=True)
class Edit:
    """`before` stands exactly `count` times in the source of `module`; each becomes `after`."""

    module: str
    before: str
    after: str
    count: int


# What keeps, for each operation, the place in the user's code from which its line and its name are read.
# And the path that each leaf of an argument is called by, such as parameters[0].
WITHOUT_NAMES_AND_LINES = (
    Edit("chainrule.trace", "code, offset = place_of(_getframe(1))", "code, offset = None, 0", 2),
    Edit("chainrule.trace", "code, offset = place_of(_getframe(2))", "code, offset = None, 0", 1),
    Edit(
        "chainrule.trace",
        "        code = frame.f_code\n"
        "        if known_files.get(code.co_filename) is False:\n"
        "            offset = frame.f_lasti\n"
        "        else:\n"
        "            code, offset = place_of(frame)\n",
        "",
        1,
    ),
    Edit("chainrule.trace", "                code, offset = None, 0\n", "", 1),
    Edit("chainrule.trace", "                node.code = code\n                node.offset = offset\n", "", 1),
    Edit("chainrule.trace", "        node.code = code\n        node.offset = offset\n", "", 1),
    Edit("chainrule.trace", "return combine(a, b, _getframe(1))", "return combine(a, b, None)", 1),
    Edit("chainrule.array_methods", "self, other, _getframe(1))", "self, other, None)", 1),
    Edit("chainrule.array_methods", "other, self, _getframe(1))", "other, self, None)", 1),
    Edit("chainrule.graph", "        node.code = code\n        node.offset = offset\n", "", 1),
    Edit("chainrule.trees", 'transform_with_paths(function, part, f"{path}[{index}]")', "transform_with_paths(function, part, path)", 1),
)  # fmt: skip


def edited(module: str, source: str, edits: Sequence[Edit]) -> str:
    """The source with the edits of this module made, one after the other; an error where the text is not as expected."""
    for edit in edits:
        if edit.module == module:
            found = source.count(edit.before)
            if found != edit.count:
                raise RuntimeError(
                    f"{module} has {edit.before.strip()!r} {found} times instead of {edit.count}: bring the edits in "
                    "benchmarks/variants.py up to date"
                )
            source = source.replace(edit.before, edit.after)
    return source


class EditingLoader(SourceFileLoader):
    """Compiles a module from its edited source; no bytecode is read or written."""

    def __init__(self, fullname: str, path: str, edits: Sequence[Edit]) -> None:
        super().__init__(fullname, path)
        self.edits = edits

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        source = self.get_data(path).decode("utf-8")
        return self.source_to_code(edited(fullname, source, self.edits).encode("utf-8"), path)


class EditingFinder(MetaPathFinder):
    """Finds chainrule's modules where they are, and has them loaded with the edits."""

    def __init__(self, edits: Sequence[Edit]) -> None:
        self.edits = edits

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not is_ours(fullname):
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.origin is not None:
            spec.loader = EditingLoader(fullname, spec.origin, self.edits)
        return spec


def is_ours(module: str) -> bool:
    return module == PACKAGE or module.startswith(PACKAGE + ".")


def load(edits: Sequence[Edit] = ()) -> Mapping[str, Any]:
    """The modules of a fresh chainrule with the edits made, by name; without edits, the same engine once more."""
    kept = {name: sys.modules.pop(name) for name in list(sys.modules) if is_ours(name)}
    finder = EditingFinder(edits)
    sys.meta_path.insert(0, finder)
    try:
        importlib.import_module(PACKAGE)
        loaded = {name: module for name, module in sys.modules.items() if is_ours(name)}
    finally:
        sys.meta_path.remove(finder)
        for name in [name for name in sys.modules if is_ours(name)]:
            del sys.modules[name]
        sys.modules.update(kept)
    missing = {edit.module for edit in edits} - loaded.keys()
    if missing:
        raise RuntimeError(f"{', '.join(sorted(missing))} was not loaded, so its edits were not made")
    return loaded
