"""*Works and peers in, samples of each in turns out.*

Each peer lives in its own process (`worker.py`). In each round every peer runs one batch, the order turns by one from
round to round, and nobody runs while another does.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import timing
from benchmarks.peers import PEERS
from benchmarks.works import WORKS

ROOT = Path(__file__).resolve().parent.parent
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "CHAINRULE_THREADS",
)


@dataclass(frozen=True)
class Pace:
    """How long to measure: rounds, fewer of them for a heavy work, and the seconds that a batch of steps fills."""

    rounds: int
    heavy_rounds: int
    batch_seconds: float
    warm_seconds: float


FULL = Pace(rounds=21, heavy_rounds=9, batch_seconds=0.05, warm_seconds=0.3)
QUICK = Pace(rounds=3, heavy_rounds=1, batch_seconds=0.005, warm_seconds=0.01)


@dataclass
class Entry:
    """One peer on one work: its samples in seconds per step, or the reason why there are none."""

    work: str
    peer: str
    samples: list[float] = field(default_factory=list)
    first: float | None = None
    distance: float | None = None
    status: str = "timed"
    reason: str = ""

    @property
    def bad(self) -> bool:
        """Whether something is wrong, as opposed to not installed."""
        return self.status in ("disagrees", "failed")


class WorkerProcess:
    """The parent's end of one worker."""

    def __init__(self, peer: str, threads: int | None, module: str = "benchmarks.worker", **variables: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", module, peer],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            cwd=ROOT,
            env={**worker_environment(os.environ, threads), **variables},
        )

    def ask(self, action: str, **details: Any) -> dict[str, Any]:
        """The worker's answer; a worker that died answers with `ok` False."""
        if self.process.stdin is None or self.process.stdout is None:
            raise RuntimeError("the worker was started without pipes")
        try:
            print(json.dumps({"do": action, **details}), file=self.process.stdin, flush=True)
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            code = self.process.wait()
            return {"ok": False, "kind": "failed", "reason": f"its process ended with exit code {code}"}
        return json.loads(line)

    def close(self) -> None:
        if self.process.stdin is not None:
            self.process.stdin.close()
        if self.process.stdout is not None:
            self.process.stdout.close()
        self.process.wait()

    def __enter__(self) -> WorkerProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def worker_environment(inherited: Mapping[str, str], threads: int | None) -> dict[str, str]:
    """The parent's environment, the same thread count for every library, JAX on the processor as all others.

    With None each library has the threads that it takes of itself, whatever the parent's environment says.
    """
    environment = dict(inherited)
    source = str(ROOT / "src")
    known = [part for part in environment.get("PYTHONPATH", "").split(os.pathsep) if part]
    environment["PYTHONPATH"] = os.pathsep.join([*known, *([] if source in known else [source])])
    environment["JAX_PLATFORMS"] = "cpu"
    if threads is None:
        for name in THREAD_VARIABLES:
            environment.pop(name, None)
    else:
        environment.update(dict.fromkeys(THREAD_VARIABLES, str(threads)))
    if threads == 1:
        flags = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
        environment["XLA_FLAGS"] = f"{environment.get('XLA_FLAGS', '')} {flags}".strip()
    return environment


def hold(
    work: str, workers: Mapping[str, WorkerProcess], pace: Pace, say: Callable[[str], None] = lambda _: None
) -> list[Entry]:
    """One work: every worker prepares it and is checked, then those that agree are timed in turns."""
    entries = {peer: Entry(work, peer) for peer in workers}
    counts: dict[str, int] = {}
    for peer, worker in workers.items():
        say(f"{work}: checking {PEERS[peer].title}")
        answer = worker.ask("prepare", work=work, warm_seconds=pace.warm_seconds)
        entry = entries[peer]
        if answer["ok"]:
            entry.first, entry.distance = answer["first"], answer["distance"]
            counts[peer] = timing.batch_size(answer["seconds"], pace.batch_seconds)
        else:
            entry.status, entry.reason = answer["kind"], answer["reason"]
    rounds = pace.heavy_rounds if work in WORKS and WORKS[work].heavy else pace.rounds
    for turn in range(rounds):
        say(f"{work}: round {turn + 1} of {rounds}")
        for peer in order(list(counts), turn):
            # A batch of one is a long step, for which caches and threads wake within the step itself.
            unmeasured = 0 if counts[peer] == 1 else 1 + counts[peer] // 10
            answer = workers[peer].ask("batch", count=counts[peer], unmeasured=unmeasured)
            if answer["ok"]:
                entries[peer].samples.append(answer["seconds"])
            else:
                entries[peer].status, entries[peer].reason = answer["kind"], answer["reason"]
                entries[peer].samples.clear()
                del counts[peer]
    for peer in counts:
        workers[peer].ask("release")
    return list(entries.values())


def order(peers: Sequence[str], turn: int) -> list[str]:
    """The peers, beginning with another one in each round."""
    start = turn % len(peers) if peers else 0
    return [*peers[start:], *peers[:start]]


def run_works(
    works: Sequence[str], peers: Sequence[str], pace: Pace, threads: int, say: Callable[[str], None] = lambda _: None
) -> list[Entry]:
    """All works with all peers that know them and are installed; the others are named with the reason."""
    entries: list[Entry] = []
    with contextlib.ExitStack() as stack:
        workers: dict[str, WorkerProcess] = {}
        for name in peers:
            reason = PEERS[name].missing()
            if reason is None:
                workers[name] = stack.enter_context(WorkerProcess(name, threads))
            else:
                entries += [
                    Entry(work, name, status="skipped", reason=reason) for work in PEERS[name].works if work in works
                ]
        for work in works:
            fit = {name: worker for name, worker in workers.items() if work in PEERS[name].works}
            entries += hold(work, fit, pace, say)
    return entries
