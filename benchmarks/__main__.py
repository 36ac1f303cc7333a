"""*The command line: which works, which peers, how thorough.*

Exit code 0: measured. 1: a peer's numbers differ or something failed. 2: the call was wrong.
A goal that is not reached is reported, not an error.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks import contest, imports, machine
from benchmarks.contest import ROOT, Pace, WorkerProcess
from benchmarks.page import page
from benchmarks.peers import PEERS
from benchmarks.report import Results, print_tables
from benchmarks.works import WORKS

ALL_WORKS = (*WORKS, "scalars")
MEASURES = ("passes", "dispatch", "reading", "imports")
LENGTHS = (1_000, 2_500, 5_000, 10_000)  # operations of the programs that are derived
QUICK_LENGTHS = (100, 200)


def arguments(command_line: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Time training steps of chainrule and its peers, in turns."
    )
    parser.add_argument("--works", nargs="*", choices=ALL_WORKS, metavar="WORK", help=f"of {', '.join(ALL_WORKS)}")
    parser.add_argument("--peers", nargs="*", choices=tuple(PEERS), metavar="PEER", help=f"of {', '.join(PEERS)}")
    parser.add_argument("--measures", nargs="*", choices=MEASURES, metavar="MEASURE", help=f"of {', '.join(MEASURES)}")
    parser.add_argument("--quick", action="store_true", help="few short rounds, without the large work; writes no page")
    parser.add_argument("--threads", type=int, default=1, help="for every library alike (default: 1)")
    parser.add_argument("--json", type=Path, default=ROOT / "out" / "benchmarks.json", help="where the samples go")
    parser.add_argument("--page", type=Path, default=ROOT / "docs" / "benchmarks.md", help="where the page goes")
    parser.add_argument("--from", dest="source", type=Path, help="write the page from the samples of an earlier run")
    chosen = parser.parse_args(command_line)
    if chosen.threads < 1:
        parser.error("--threads takes 1 or more")
    if chosen.source is not None and not chosen.source.exists():
        parser.error(f"--from: there is no file {chosen.source}")
    return chosen


def measure(chosen: argparse.Namespace, console: Console) -> Results:
    """Everything that the command line asks for."""
    pace = contest.QUICK if chosen.quick else contest.FULL
    works = ALL_WORKS if chosen.works is None else tuple(chosen.works)
    if chosen.quick and chosen.works is None:
        works = tuple(work for work in works if work not in WORKS or not WORKS[work].heavy)
    peers = tuple(PEERS) if chosen.peers is None else tuple(chosen.peers)
    everything = chosen.works is None and chosen.peers is None
    wanted = tuple(chosen.measures) if chosen.measures is not None else MEASURES if everything else ()
    whole = everything and chosen.measures is None and not chosen.quick
    record = {**machine.describe(peers, chosen.threads), "quick": chosen.quick, "whole": whole}
    with console.status("starting") as status:
        entries = contest.run_works(works, peers, pace, chosen.threads, status.update)
        measures = measure_ours(wanted, works, pace, chosen.threads, status.update)
    return Results(record, entries, measures)


def measure_ours(wanted: Sequence[str], works: Sequence[str], pace: Pace, threads: int, say: Any) -> dict[str, Any]:
    """The measurements of chainrule alone; what fails is named in `failed`."""
    options: dict[str, dict[str, Any]] = {
        "passes": {
            "works": [work for work in works if work in WORKS],
            "rounds": pace.rounds,
            "heavy_rounds": pace.heavy_rounds,
            "batch_seconds": pace.batch_seconds,
        },
        "dispatch": {"rounds": pace.rounds, "batch_seconds": pace.batch_seconds / 10},
        "reading": {
            "works": [work for work in works if work in WORKS],
            "rounds": pace.rounds,
            "heavy_rounds": pace.heavy_rounds,
            "batch_seconds": pace.batch_seconds,
            "lengths": QUICK_LENGTHS if pace is contest.QUICK else LENGTHS,
            "repeats": 3,
        },
    }
    results: dict[str, Any] = {}
    failed: dict[str, str] = {}
    for name in wanted:
        say(f"measuring {name}")
        if PEERS["ours"].missing() is not None and name != "imports":
            failed[name] = str(PEERS["ours"].missing())
        elif name == "imports":
            try:
                results[name] = imports.measure(processes=pace.rounds)
            except RuntimeError as error:
                failed[name] = str(error)
        else:
            with WorkerProcess("ours", threads) as worker:
                answer = worker.ask("measure", module=name, options=options[name])
            if answer.pop("ok"):
                results[name] = answer["result"]
            else:
                failed[name] = answer["reason"]
    return {**results, **({"failed": failed} if failed else {})}


def main(command_line: Sequence[str] | None = None) -> int:
    chosen = arguments(command_line)
    console = Console()
    if chosen.source is None:
        results = measure(chosen, console)
        chosen.json.parent.mkdir(parents=True, exist_ok=True)
        chosen.json.write_text(
            json.dumps(results.as_dictionary(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
        )
        print_tables(results, console)
        console.print(f"Samples: {chosen.json}")
    else:
        results = Results.from_dictionary(json.loads(chosen.source.read_text(encoding="utf-8")))
        print_tables(results, console)
    if not results.machine["whole"]:
        console.print("No page: it is written from a whole run only.")
    else:
        chosen.page.parent.mkdir(parents=True, exist_ok=True)
        chosen.page.write_text(page(results), encoding="utf-8")
        console.print(f"Page: {chosen.page}")
    return 1 if "failed" in results.measures or any(entry.bad for entry in results.entries) else 0


if __name__ == "__main__":
    sys.exit(main())
