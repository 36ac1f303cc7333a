"""*One peer in a process of its own: requests as lines of JSON on stdin, answers as lines of JSON on stdout.*

A process each keeps the peers apart (thread pools, two copies of OpenMP, a heap full of another library's objects
for the garbage collector to walk); the parent gives them their turns one at a time, the others wait for a line.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any

from benchmarks import agreement, timing
from benchmarks.peers import PEERS, Step, by_hand, scalars_by_hand
from benchmarks.works import WORKS


class Worker:
    """Holds one peer's step for one work at a time."""

    def __init__(self, peer: str) -> None:
        self.peer = PEERS[peer]
        self.step: Step | None = None

    def prepare(self, work: str, warm_seconds: float) -> dict[str, Any]:
        """Builds the step, checks its numbers against the reference, warms it up."""
        module = importlib.import_module(self.peer.module)
        chosen = WORKS.get(work)
        reference = scalars_by_hand.build(chosen) if chosen is None else by_hand.build(chosen)
        agreement.trust(reference, reference.loss)
        updates = 0 if chosen is None else agreement.UPDATES  # the random graph is differentiated, not trained
        found = agreement.compare(module.build(chosen), reference, updates)
        self.step = step = module.build(chosen)
        start = time.perf_counter()
        step.run()
        first = time.perf_counter() - start
        fastest = timing.warm_up(step.run, warm_seconds)
        return {"first": first, "seconds": fastest, "distance": found.worst}

    def batch(self, count: int, unmeasured: int) -> dict[str, Any]:
        step = self.step
        if step is None:
            raise RuntimeError("a batch was asked for before a work was prepared")
        return {"seconds": timing.time_batch(step.run, count, unmeasured)}

    def release(self) -> dict[str, Any]:
        self.step = None
        return {}

    def measure(self, module: str, options: dict[str, Any]) -> dict[str, Any]:
        """A measurement of chainrule alone, run whole in this process."""
        return {"result": importlib.import_module(f"benchmarks.{module}").measure(**options)}

    actions = ("prepare", "batch", "release", "measure")

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        return answer(self, request)


def answer(worker: Any, request: dict[str, Any]) -> dict[str, Any]:
    """What the worker's action of that name returns, or why there is no answer."""
    try:
        name = request.pop("do")
        if name not in worker.actions:
            raise ValueError(f"a worker does {', '.join(worker.actions)}, not {name!r}")
        return {"ok": True, **getattr(worker, name)(**request)}
    except agreement.DisagreementError as error:
        return {"ok": False, "kind": "disagrees", "reason": str(error)}
    except Exception as error:  # whatever a peer raises becomes a row of the report instead of the end of the run
        traceback.print_exc()
        return {"ok": False, "kind": "failed", "reason": f"{type(error).__name__}: {error}"}


def serve(make: Callable[[], Any]) -> None:
    """Answers until stdin closes. What libraries print goes to stderr, so that it cannot tear a line of JSON."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    worker = make()
    for line in sys.stdin:
        print(json.dumps(answer(worker, json.loads(line))), file=answers, flush=True)


if __name__ == "__main__":
    serve(lambda: Worker(sys.argv[1]))
