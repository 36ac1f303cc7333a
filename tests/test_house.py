"""The house rules as tests: layers, file sizes, documentation, and what `import chainrule` may load."""

from __future__ import annotations

import ast
import doctest
import importlib
import inspect
import io
import re
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import numpy as np
import pytest

import chainrule

SOURCE = Path(chainrule.__file__).resolve().parent
ROOT = SOURCE.parent.parent
FILES = sorted(SOURCE.rglob("*.py"))

# The road of docs/layout.md, from the ground up. A module may import what stands in an earlier row, and in its own row
# what stands before it. `folder.*` means any module of that folder.
# fmt: off
LAYERS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("words", ("errors", "shapes", "boxes", "symbols", "numerals", "notation", "trees", "bytecode", "source")),
    ("record", ("primitive",)),
    ("graph", ("verify", "graph")),
    (
        "trace",
        ("guards", "unwrap", "numpy_protocol", "array_methods", "traced", "traced_float", "boundary", "trace"),
    ),
    (
        "ops: structure",
        (
            "ops.guard", "ops.structure", "ops.flow", "ops.whole", "ops.brackets", "ops.indexing", "ops.reshaping", "ops.joining",
            "ops.filling", "ops.creation", "ops.selecting", "ops.diagonals", "ops.padding", "ops.writing",
            "ops.ordering", "ops.searching", "ops.quantiles", "ops.cumulative",
        ),
    ),
    ("ops: arithmetic", ("ops.arithmetic",)),
    ("ops: choice", ("ops.comparison", "ops.choice", "ops.extremes", "ops.complex_parts")),
    (
        "ops: elementwise",
        (
            "ops.elementwise", "ops.power", "ops.trigonometry", "ops.remainders", "ops.scipy_rules", "ops.entire",
            "ops.special", "ops.bessel", "ops.hypergeometric", "ops.transformations",
        ),
    ),
    ("ops: matrix", ("ops.matrix", "ops.vectors", "ops.einsum")),
    ("ops: linalg", ("ops.linalg", "ops.spectra", "ops.decompositions", "ops.norms", "ops.least_squares")),
    ("ops: convolution", ("ops.convolution", "ops.fft", "ops.numerics", "ops.polynomials")),
    (
        "ops: composed",
        (
            "ops.cases", "ops.scimath", "ops.averages", "ops.covariance", "ops.exponential_sums", "ops.activations",
            "ops.classification", "ops",
        ),
    ),
    ("differentiate", ("differentiate", "pushforward", "replay", "scan_loop", "scan_record", "scan_rules")),
    ("optimise", ("optimise.*", "optimise")),
    ("lower", ("lower.*", "lower")),
    ("run", ("run.interpret", "run.runnable", "run.native.*", "run.native", "run.executor", "run")),
    ("explain", ("explain.*", "explain")),
    ("draw", ("draw.*", "draw")),
    (
        "front",
        (
            "allocator", "handles", "sites", "naming", "arguments", "api", "reading", "custom", "variable",
            "scan_random", "scan_step", "scan_plain", "scan",
            "call_front", "flattening", "call_leaves", "surroundings", "capture", "donation", "compile_stats", "compile",
        ),
    ),
    ("check", ("check.*", "check", "why.*", "why")),
    ("learn", ("learn.*", "learn")),
    ("faces", ("", "cli.*", "cli", "studio.*", "studio", "__main__")),
)
# fmt: on
STRANGERS = {"explain": "run", "draw": "run"}  # layer → layer of which it must know nothing
PUBLIC_FRONT_ONLY = {"learn": {"front", "ops: composed", "learn", "words"}}

# The look-up of a backend by name happens when one is asked for, so that importing chainrule does not load it.
LAZY_IMPORTS: set[tuple[str, str]] = {
    ("reading", "explain.derivation"),
    ("reading", "explain.program"),
    ("run.executor", "run.native.compiled"),
}

HEAVY = ("scipy", "sklearn", "matplotlib", "llvmlite", "rich", "torch", "jax", "pandas", "sympy")


def module_name(path: Path) -> str:
    """`ops/choice.py` → `ops.choice`; a package's `__init__` has the package's name; the root's name is empty."""
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in FILES}
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in MODULES.items()}


def place(module: str) -> tuple[int, int]:
    """(row, position) of a module in LAYERS; exact names win over patterns."""
    for match in (str.__eq__, fnmatch):
        for row, (_, members) in enumerate(LAYERS):
            for position, member in enumerate(members):
                if match(module, member):
                    return row, position
    raise AssertionError(f"{module or 'chainrule'} stands in no layer of tests/test_house.py and docs/layout.md")


def imported_modules(statement: ast.AST) -> set[str]:
    """The modules of chainrule that an import statement names, relative to the package."""
    found: set[str] = set()
    if isinstance(statement, ast.Import):
        found = {alias.name for alias in statement.names}
    elif isinstance(statement, ast.ImportFrom):
        assert statement.level == 0, f"line {statement.lineno}: a relative import; write it in full"
        base = statement.module or ""
        for alias in statement.names:
            longer = f"{base}.{alias.name}"
            found.add(longer if longer.removeprefix("chainrule.") in MODULES else base)
    return {name.removeprefix("chainrule").removeprefix(".") for name in found if name.split(".")[0] == "chainrule"}


def imports(module: str) -> set[str]:
    """Every module of chainrule that this one names anywhere, type-checking blocks and functions included."""
    return {name for statement in ast.walk(TREES[module]) for name in imported_modules(statement)}


@pytest.mark.parametrize("module", MODULES)
def test_every_module_stands_in_one_layer(module: str) -> None:
    place(module)


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_down_only(module: str) -> None:
    row, position = place(module)
    layer = LAYERS[row][0]
    for target in sorted(imports(module) - {module}):
        target_row, target_position = place(target)
        same_pattern = (target_row, target_position) == (row, position)
        assert (target_row, target_position) < (row, position) or same_pattern, (
            f"{module} ({layer}) imports {target} ({LAYERS[target_row][0]}), which stands above it"
        )
        assert STRANGERS.get(layer) != LAYERS[target_row][0], f"{module} ({layer}) must not know {target}"
        if layer in PUBLIC_FRONT_ONLY:
            assert LAYERS[target_row][0] in PUBLIC_FRONT_ONLY[layer], (
                f"{module} must use the public front, not {target}"
            )


def test_there_is_no_import_cycle() -> None:
    waiting = {module: imports(module) - {module} for module in MODULES}
    while ready := [module for module, needs in waiting.items() if not needs]:
        for module in ready:
            del waiting[module]
        for needs in waiting.values():
            needs.difference_update(ready)
    assert not waiting, f"import cycle through {', '.join(sorted(waiting))}"


def test_the_layer_table_names_no_module_that_is_gone() -> None:
    built = ("optimise", "lower", "run", "explain", "draw", "check", "why", "learn", "cli", "studio")  # later stages
    for _, members in LAYERS:
        for member in members:
            if "*" not in member and member.split(".")[0] not in built and member != "__main__":
                assert member in MODULES, f"{member} stands in the layer table and not in src/chainrule"


@pytest.mark.parametrize("module", MODULES)
def test_no_import_of_ours_inside_a_function(module: str) -> None:
    for function in ast.walk(TREES[module]):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            for statement in ast.walk(function):
                for target in imported_modules(statement):
                    assert (module, target) in LAZY_IMPORTS, (
                        f"{module}, line {statement.lineno}: imports {target} in a function"
                    )


@pytest.mark.parametrize("module", MODULES)
def test_a_file_holds_one_subject(module: str) -> None:
    lines = len(MODULES[module].read_text(encoding="utf-8").splitlines())
    assert lines <= 400, f"{MODULES[module].name} has {lines} lines: which two subjects is it?"


@pytest.mark.parametrize("module", MODULES)
def test_a_module_says_what_it_is(module: str) -> None:
    assert ast.get_docstring(TREES[module]), f"{module or 'chainrule'} has no docstring"


def public_names() -> list[str]:
    """The names that `chainrule/__init__.py` exports, written `import x as x`."""
    found = [
        alias.name
        for statement in TREES[""].body
        if isinstance(statement, ast.ImportFrom)
        for alias in statement.names
        if alias.asname == alias.name
    ]
    assert found
    return found


def test_the_public_surface_is_there() -> None:
    derivatives = {"grad", "value_and_grad", "vjp", "jvp", "jacobian", "hessian", "hvp", "elementwise_grad"}
    around = {"trace", "Graph", "stop_gradient", "custom_derivative", "checkpoint", "variable", "no_grad"}
    assert not (derivatives | around) - set(public_names())
    assert len(set(public_names())) == len(public_names())


@pytest.mark.parametrize("name", public_names())
def test_a_public_name_is_documented_with_an_example(name: str) -> None:
    thing = getattr(chainrule, name)
    text = inspect.getdoc(thing) or ""
    assert text.strip(), f"chainrule.{name} has no docstring"
    if not inspect.ismodule(thing):
        assert ">>>" in text, f"the docstring of chainrule.{name} has no example"


@pytest.mark.parametrize("name", public_names())
def test_the_example_of_a_public_name_runs_by_itself(name: str) -> None:
    thing = getattr(chainrule, name)
    module = importlib.import_module(getattr(thing, "__module__", "chainrule"))
    known = {} if inspect.ismodule(thing) else {"np": np, **vars(module)}
    test = doctest.DocTestParser().get_doctest(inspect.getdoc(thing) or "", dict(known), name, None, None)
    output = io.StringIO()
    doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE).run(test, out=output.write)
    assert not output.getvalue()


def test_importing_chainrule_loads_no_heavy_module() -> None:
    program = "import sys, chainrule; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = set(result.stdout.split())
    assert "numpy" in loaded
    assert not loaded & set(HEAVY)


@pytest.mark.parametrize("module", MODULES)
def test_nothing_evaluates_text_or_unpickles(module: str) -> None:
    for node in ast.walk(TREES[module]):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in {"eval", "exec", "__import__"}, f"{module}, line {node.lineno}: {node.func.id}"
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = (
                {alias.name.split(".")[0] for alias in node.names} if isinstance(node, ast.Import) else {node.module}
            )
            assert not names & {"pickle", "cPickle", "dill", "cloudpickle", "marshal", "shelve"}, f"{module}: {names}"


def tracked_texts() -> list[Path]:
    """The project's own text files, wherever they lie."""
    folders = ("src", "tests", "examples", "docs", "benchmarks", ".ci")
    suffixes = {".py", ".md", ".toml", ".yml", ".yaml", ".json", ".txt", ""}
    files = [path for folder in folders if (ROOT / folder).is_dir() for path in (ROOT / folder).rglob("*")]
    files += list(ROOT.iterdir())
    files = [path for path in files if path.is_file() and path.suffix in suffixes]
    return [path for path in files if not re.search(r"__pycache__|/\.(?!ci/)\w+/", f"/{path.relative_to(ROOT)}")]


def test_no_file_names_a_place_on_a_machine() -> None:
    # Written in two halves, so that this file does not match itself.
    places = ("/ho" + "me/", "/ro" + "ot/", "/Us" + "ers/", "/wo" + "rk/", "/op" + "t/", "C:" + "\\")
    pattern = re.compile(r"(?<![\w.\]])(?:" + "|".join(map(re.escape, places)) + ")")
    found = [
        f"{path.relative_to(ROOT)}, line {number}: {line.strip()[:80]}"
        for path in tracked_texts()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if pattern.search(line)
    ]
    assert not found, "\n".join(found)


def test_the_layer_table_is_the_one_in_the_documentation() -> None:
    page = (ROOT / "docs" / "layout.md").read_text(encoding="utf-8")
    for name in MODULES:
        last = name.split(".")[-1]
        if name not in ("", "__main__"):
            assert f"`{last}`" in page or f"`{last}/`" in page, f"docs/layout.md does not name {name}"


def test_every_module_can_be_imported_on_its_own() -> None:
    # The package is loaded already; this finds a module that `import chainrule` does not reach and that is broken.
    for name in MODULES:
        if name != "__main__":
            importlib.import_module(f"chainrule.{name}".rstrip("."))
