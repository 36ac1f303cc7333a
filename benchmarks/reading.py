"""*Nothing but chainrule in, what it costs that a program can be read, and what reading it costs, out.*

Three questions: how much of the recorded forward pass is spent on names and lines, which nobody may ever read; how long a
derivation at summary level takes, and how it grows; how much longer `cr.trace` takes, which looks on for names.
"""

from __future__ import annotations

import gc
import importlib.util
import random
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import chainrule as cr
from benchmarks import timing, variants
from benchmarks.losses import loss_of
from benchmarks.works import SEED, WORKS
from chainrule.arguments import Run, parameter_names

TURN = 4  # operations in one turn of the loop
START = 0.5

Program = Callable[[Any], Any]


def measure(
    works: Sequence[str], rounds: int, heavy_rounds: int, batch_seconds: float, lengths: Sequence[int], repeats: int
) -> dict[str, Any]:
    """`capture`: samples of the forward pass with and without names and lines; `summary`: of derivations by program and
    length; `trace`: of `cr.trace` and the plain recorded pass, by program at the greatest length. All in seconds."""
    variant = variants.load(variants.WITHOUT_NAMES_AND_LINES)
    same, again = variants.load(), variants.load()
    capture = {
        name: capture_of(name, same, variant, again, heavy_rounds if WORKS[name].heavy else rounds, batch_seconds)
        for name in works
        if name in WORKS
    }
    with tempfile.TemporaryDirectory() as folder:
        programs = {length: programs_of(length, Path(folder)) for length in lengths}
        return {
            "capture": capture,
            "summary": summaries(programs, repeats),
            "trace": traces(programs[max(lengths)], heavy_rounds, batch_seconds),
        }


# -- names and lines --------------------------------------------------------------------------------------------------
def capture_of(
    name: str,
    same: Mapping[str, Any],
    variant: Mapping[str, Any],
    again: Mapping[str, Any],
    rounds: int,
    batch_seconds: float,
) -> dict[str, Any]:
    """Samples of the forward pass as `cr.value_and_grad` records it: as it is, without names and lines, as it is again."""
    work = WORKS[name]
    parameters, (inputs, targets) = work.parameters(), work.data()
    loss = loss_of(work, np)

    def of_parameters(values: Any) -> Any:
        return loss(values, inputs, targets)

    require_switched(same, variant, of_parameters, parameters)
    calls = [recording(engine, of_parameters, parameters) for engine in (same, variant, again)]
    recorded, without, control = timing.in_turns(calls, rounds, batch_seconds)
    operations = sum(node.primitive.name != "input" for node in cr.trace(of_parameters, parameters).nodes)
    return {"operations": operations, "recorded": recorded, "without": without, "again": control}


def recording(engine: Mapping[str, Any], loss: Program, parameters: Any) -> Callable[[], object]:
    """The recorded forward pass of a training step by one engine; the names of the parameters are known beforehand, as in
    the function that `cr.value_and_grad` returns."""
    arguments = engine["chainrule.arguments"]
    names, run = arguments.parameter_names(loss), arguments.Run

    def call() -> object:
        with run("value_and_grad", loss, [0], names, (parameters,), {}) as done:
            return done.result

    return call


def require_switched(same: Mapping[str, Any], variant: Mapping[str, Any], loss: Program, parameters: Any) -> None:
    """Raise unless one engine keeps places and the other none, and both compute the same number."""
    results: list[Any] = [recording(engine, loss, parameters)() for engine in (same, variant)]
    if getattr(results[0].node, "code", None) is None or getattr(results[1].node, "code", None) is not None:
        raise RuntimeError("the variant without names and lines still keeps them, or the engine does not")
    if results[0].node.value != results[1].node.value:
        raise RuntimeError("the variant without names and lines computes another loss")


# -- derivations ------------------------------------------------------------------------------------------------------
def programs_of(length: int, folder: Path) -> dict[str, Program]:
    """Three programs of so many operations: a loop, a chain of sines, and as many distinct statements."""

    def loop(x: Any) -> Any:
        for _ in range(length // TURN):
            x = np.sin(x) * 0.5 + x - 0.1
        return x

    def sines(x: Any) -> Any:
        for _ in range(length):
            x = np.sin(x)
        return x

    programs: dict[str, Program] = {"loop": loop, "sines": sines, "statements": statements(length, folder)}
    for name, program in programs.items():
        recorded = cr.trace(program, START)
        operations = sum(node.primitive.name != "input" for node in recorded.nodes)
        if operations != length:
            raise RuntimeError(f"the program {name} has {operations} operations instead of {length}")
    return programs


def statements(length: int, folder: Path) -> Program:
    """A function of so many statements, each one operation on the last value and an earlier one, from a file of its own."""
    path = folder / f"statements_{length}.py"
    path.write_text(statements_text(length), encoding="utf-8")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise RuntimeError(f"{path} cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.program


def statements_text(length: int) -> str:
    """The source of the program; the same for the same length."""
    generator = random.Random(SEED)
    lines = ["import numpy as np", "", "", "def program(x):"]
    names = ["x"]
    for position in range(length):
        last, earlier, factor = names[-1], generator.choice(names[-20:]), generator.randint(2, 9)
        forms = (
            f"np.sin({last})",
            f"np.cos({last})",
            f"np.tanh({last})",
            f"{last} * 0.{factor}",
            f"{last} + 0.{factor}",
            f"{last} * {earlier}",
            f"{last} - {earlier}",
        )
        # Differences of a value with itself are 0, and so would be all that follows.
        form = generator.choice(forms if earlier != last else forms[:5])
        names.append(f"t{position}")
        lines.append(f"    {names[-1]} = {form}")
    return "\n".join([*lines, f"    return {names[-1]}", ""])


def summaries(programs: Mapping[int, Mapping[str, Program]], repeats: int) -> dict[str, list[dict[str, Any]]]:
    """For each program, by length: seconds of `cr.derive` at summary level with its text, the text's bytes and the number
    of equalities evaluated. The lengths take turns."""
    found: dict[str, dict[int, dict[str, Any]]] = {}
    summary(lambda x: x * x)  # the reader is loaded on first use
    for _ in range(repeats):
        for length, of_length in programs.items():
            for name, program in of_length.items():
                seconds, size, checked = summary(program)
                entry = found.setdefault(name, {}).setdefault(length, {"operations": length, "seconds": []})
                entry["seconds"].append(seconds)
                entry["bytes"], entry["checked"] = size, checked
    return {name: list(entries.values()) for name, entries in found.items()}


def summary(program: Program) -> tuple[float, int, int]:
    gc.collect()
    start = time.perf_counter()
    derivation = cr.derive(program, START, level="summary")
    text = derivation.text()
    seconds = time.perf_counter() - start
    held, evaluated = derivation.verified
    if held != evaluated:
        raise RuntimeError(f"{evaluated - held} of {evaluated} equalities of a derivation do not hold")
    return seconds, len(text.encode("utf-8")), evaluated


# -- looking on -------------------------------------------------------------------------------------------------------
def traces(programs: Mapping[str, Program], rounds: int, batch_seconds: float) -> dict[str, dict[str, list[float]]]:
    """Samples of `cr.trace` and of the plain recorded forward pass of the same program, in turns."""
    results: dict[str, dict[str, list[float]]] = {}
    for name, program in programs.items():
        traced, recorded = timing.in_turns(
            [lambda f=program: cr.trace(f, START), lambda f=program: plain(f)], rounds, batch_seconds
        )
        results[name] = {"traced": traced, "recorded": recorded}
    return results


def plain(program: Program) -> object:
    with Run("vjp", program, [0], parameter_names(program), (START,), {}, own=True) as done:
        return done.result
