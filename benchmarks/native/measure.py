"""*Works in, samples of all contestants in turns out, and what fresh processes tell.*"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from benchmarks import agreement, machine, timing
from benchmarks.contest import ROOT, Pace, WorkerProcess, order, worker_environment
from benchmarks.native.works import FRESH, LIBRARIES, WORKS, Work
from benchmarks.peers import PEERS

FRESH_ROUNDS = 5
MEMORY_WORKS = ("digits", "medium", "large")
SETTLING = 0.4  # seconds
SLOW_CHAIN = "jax"  # nearly a minute: once only
Say = Callable[[str], None]


def measure(
    works: Sequence[str], pace: Pace, say: Say, *, threads: Sequence[int | None], slow: bool, libraries: Sequence[str]
) -> dict[str, Any]:
    """`timed`: by threads ("default" or a number) and work: cores that others used, and the contestants. `fresh`: by task and library.

    The contestants of `libraries` take part; a library that is not installed is a reason, and so is whatever fails.
    """
    here = [library for library in libraries if installed(library)]
    absent = {library: "not installed" for library in libraries if library not in here}
    before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as cache:
        timed = {
            "default" if count is None else str(count): run_works(works, here, pace, count, cache, say)
            for count in threads
        }
    rounds = 1 if pace.rounds < FRESH_ROUNDS else FRESH_ROUNDS
    fresh = {task: run_fresh(task, here, rounds, slow, say) for task in FRESH if task in works}
    return {"timed": timed, "fresh": fresh, "absent": absent, "load": [before, os.getloadavg()[0]]}


def installed(library: str) -> bool:
    package = LIBRARIES[library]
    return all(peer.missing() is None for peer in PEERS.values() if peer.package == package)


def run_works(
    works: Sequence[str], libraries: Sequence[str], pace: Pace, threads: int | None, cache: str, say: Say
) -> dict[str, dict[str, Any]]:
    """By work."""
    with contextlib.ExitStack() as stack:
        workers = {
            library: stack.enter_context(
                WorkerProcess(library, threads, "benchmarks.native.worker", CHAINRULE_CACHE=cache)
            )
            for library in libraries
        }
        results = {}
        for name in works:
            if name in WORKS:
                time.sleep(SETTLING)  # until threads that wait for more work of the last one have gone to sleep
                before = machine.others()
                results[name] = {"others": before, "contestants": hold(WORKS[name], workers, pace, say)}
        return results


def hold(work: Work, workers: dict[str, WorkerProcess], pace: Pace, say: Say) -> dict[str, Any]:
    """One work: all contestants are built and compared, then those that agree are timed in turns."""
    results: dict[str, Any] = {}
    counts: dict[str, int] = {}
    for contestant in work.contestants:
        library, _, form = contestant.partition(":")
        if library not in workers:
            continue
        say(f"{work.name}: checking {contestant}")
        answer = workers[library].ask("prepare", work=work.name, form=form, warm_seconds=pace.warm_seconds)
        if answer["ok"]:
            results[contestant] = {"samples": [], "distance": answer["distance"], "ready": answer["ready"]}
            counts[contestant] = timing.batch_size(answer["seconds"] * answer["steps"], pace.batch_seconds)
        else:
            results[contestant] = {"samples": [], "failed": answer["reason"]}
    for turn in range(pace.heavy_rounds if work.heavy else pace.rounds):
        say(f"{work.name}: round {turn + 1}")
        for contestant in order(list(counts), turn):
            library, _, form = contestant.partition(":")
            unmeasured = 0 if counts[contestant] == 1 else 1 + counts[contestant] // 10
            answer = workers[library].ask("batch", form=form, count=counts[contestant], unmeasured=unmeasured)
            if answer["ok"]:
                results[contestant]["samples"].append(answer["seconds"])
            else:
                results[contestant] = {"samples": [], "failed": answer["reason"]}
                del counts[contestant]
    for worker in workers.values():
        worker.ask("release")
    return results


def run_fresh(task: str, libraries: Sequence[str], rounds: int, slow: bool, say: Say) -> dict[str, Any]:
    """Every round runs each library once, in a fresh process each; what fails once is a reason and not run again."""
    results: dict[str, Any] = {}
    failed: dict[str, str] = {}
    for turn in range(rounds):
        say(f"{task}: round {turn + 1} of {rounds}")
        for name, answer in fresh_round(task, libraries, turn, slow, failed):
            results.setdefault(name, []).append(answer)
    return {"answers": results, "failed": failed}


def fresh_round(
    task: str, libraries: Sequence[str], turn: int, slow: bool, failed: dict[str, str]
) -> Iterator[tuple[str, dict[str, Any]]]:
    entrants = {
        "first": ("ours", "jax", "torch", "numpy"),
        "chain": ("ours", "jax", "torch"),
        "batches": ("ours", "jax", "torch"),
    }
    for library in entrants.get(task, ("ours", "jax", "torch", "numpy")):
        if library not in libraries or (task == "chain" and library == SLOW_CHAIN and (turn or not slow)):
            continue
        with tempfile.TemporaryDirectory() as cache:
            # The second process finds in the cache what the first has compiled.
            runs = [(library, ())]
            if task == "first" and library in ("ours", "jax"):
                runs.append((f"{library}, cached", ()))
            elif task == "memory":
                runs = [(f"{library} {work}", (work,)) for work in MEMORY_WORKS]
            for name, options in runs:
                if name in failed:
                    continue
                try:
                    yield name, in_fresh_process(task, library, options, cache)
                except RuntimeError as error:
                    failed[name] = str(error)


def in_fresh_process(task: str, library: str, options: Sequence[str], cache: str) -> dict[str, Any]:
    """What the task prints; raises `RuntimeError` where it fails or its numbers are not the reference's."""
    environment = worker_environment(os.environ, None)
    environment |= {
        "CHAINRULE_CACHE": cache,
        "JAX_COMPILATION_CACHE_DIR": cache,
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    }
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    started = time.perf_counter()
    finished = subprocess.run(
        [sys.executable, "-m", "benchmarks.native.fresh", task, library, repr(started), *options],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if finished.returncode:
        lines = finished.stderr.strip().splitlines() or [f"exit code {finished.returncode}"]
        raise RuntimeError(lines[-1])
    answer = json.loads(finished.stdout.strip().splitlines()[-1])
    if not answer["distance"] <= agreement.TOLERANCE:
        raise RuntimeError(f"{answer['distance']:.3g} away from the reference; no figure")
    return answer
