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

    In a checkout it is the folder `examples/worked`, so that an edit shows at once; a wheel brings it as `chainrule_worked`.
    Raises `CallError` where it is neither.

    >>> worked_examples().FILES[0]
    'a1_shopping'
    """
    loaded = sys.modules.get(PACKAGE)
    if loaded is not None:
        return loaded
    folder = checkout / "examples" / "worked"
    if not (folder / "__init__.py").is_file():
        if importlib.util.find_spec(PACKAGE) is None:
            raise CallError(
                "The worked examples are not installed. Install chainrule from its wheel, or run this in a checkout."
            )
        return importlib.import_module(PACKAGE)
    spec = importlib.util.spec_from_file_location(
        PACKAGE, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[PACKAGE] = module
    spec.loader.exec_module(module)
    return module
