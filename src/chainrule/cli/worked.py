"""The worked examples, wherever they lie: installed beside chainrule, or in `examples/worked` of a checkout."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from chainrule.cli.functions import CallError

PACKAGE = "chainrule_worked"  # not inside chainrule: code in there is taken for chainrule's own, and gets no names
CHECKOUT = Path(__file__).resolve().parents[3]


def worked_examples(checkout: Path = CHECKOUT) -> ModuleType:
    """The package of worked examples: `FILES` in order, and `example(file)` for one of them.

    A wheel brings it as `chainrule_worked`; in a checkout it is read from the folder `examples/worked`. Raises
    `CallError` where it is neither.

    >>> worked_examples().FILES[0]
    'a1_shopping'
    """
    if PACKAGE in sys.modules:
        return sys.modules[PACKAGE]
    if importlib.util.find_spec(PACKAGE) is not None:
        return importlib.import_module(PACKAGE)
    folder = checkout / "examples" / "worked"
    spec = importlib.util.spec_from_file_location(
        PACKAGE, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    if not (folder / "__init__.py").is_file() or spec is None or spec.loader is None:
        raise CallError(
            "The worked examples are not installed. Install chainrule from its wheel, or run this in a checkout."
        )
    module = importlib.util.module_from_spec(spec)
    sys.modules[PACKAGE] = module
    spec.loader.exec_module(module)
    return module
