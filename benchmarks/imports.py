"""*Nothing in, how long `import chainrule` takes over NumPy out, each time in a fresh process.*"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence

from benchmarks.contest import ROOT, worker_environment

PROGRAM = """
import time
start = time.perf_counter()
import numpy
between = time.perf_counter()
import {module}
print(between - start, time.perf_counter() - between)
"""


def measure(processes: int = 21, module: str = "chainrule") -> dict[str, list[float]]:
    """Seconds to import NumPy, and then the module on top of it; a first process fills caches and does not count.

    Bytecode is cached in a folder of the measurement's own, also where the environment forbids caching: an installed
    package has its bytecode, so compiling is no part of an import.
    """
    with tempfile.TemporaryDirectory() as cache:
        samples = [in_fresh_process(PROGRAM.format(module=module), cache) for _ in range(processes + 1)][1:]
    return {"numpy": [sample[0] for sample in samples], "import": [sample[1] for sample in samples]}


def in_fresh_process(program: str, cache: str) -> Sequence[float]:
    """The numbers that the program prints."""
    environment = worker_environment(os.environ, 1)
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    environment["PYTHONPYCACHEPREFIX"] = cache
    finished = subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if finished.returncode:
        raise RuntimeError(f"the import failed: {finished.stderr.strip().splitlines()[-1]}")
    return [float(number) for number in finished.stdout.split()]
