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

from benchmarks import contest, imports, machine, report
from benchmarks.contest import ROOT, Pace, WorkerProcess
from benchmarks.native import measure as native
from benchmarks.native import plot, section, tables
from benchmarks.native.works import FRESH, LIBRARIES
from benchmarks.native.works import WORKS as NATIVE_WORKS
from benchmarks.page import page
from benchmarks.peers import PEERS
from benchmarks.report import Results, print_tables
from benchmarks.works import WORKS

ALL_WORKS = tuple(dict.fromkeys((*WORKS, "scalars", *NATIVE_WORKS, *FRESH)))
MEASURES = ("passes", "dispatch", "reading", "imports", "native")
LENGTHS = (1_000, 2_500, 5_000, 10_000)  # operations of the programs that are derived
QUICK_LENGTHS = (100, 200)


def arguments(command_line: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Time chainrule and its peers, in turns.")
    for option, known in (
        ("works", ALL_WORKS),
        ("peers", tuple(PEERS)),
        ("measures", MEASURES),
        ("libraries", tuple(LIBRARIES)),
    ):
        what = "of the native works, " if option == "libraries" else ""
        parser.add_argument(f"--{option}", nargs="*", metavar=option.upper(), help=f"{what}of {', '.join(known)}")
    parser.add_argument("--quick", action="store_true", help="few short rounds, without the large work; writes no page")
    parser.add_argument("--skip-slow", action="store_true", help="without JAX's chain of 9,000 operations (a minute)")
    parser.add_argument(
        "--threads", type=int, default=1, help="for every library alike (default: 1); native works choose"
    )
    parser.add_argument("--json", type=Path, help="where the samples go (default: a file in out/)")
    parser.add_argument("--page", type=Path, default=ROOT / "docs" / "benchmarks.md", help="where the page goes")
    parser.add_argument("--from", dest="source", type=Path, help="write the page from the samples of an earlier run")
    chosen = parser.parse_args(command_line)
    for option, known in (
        ("works", ALL_WORKS),
        ("peers", tuple(PEERS)),
        ("measures", MEASURES),
        ("libraries", tuple(LIBRARIES)),
    ):
        names = getattr(chosen, option)
        if names is not None:
            names = [name for part in names for name in part.split(",") if name]  # `a b` and `a,b` alike
            for name in names:
                if name not in known:
                    parser.error(f"--{option} takes {', '.join(known)}, not {name!r}")
            setattr(chosen, option, names)
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
        works = tuple(work for work in works if not (work in WORKS and WORKS[work].heavy))
    native_only = chosen.measures == ["native"]
    peers = tuple(chosen.peers) if chosen.peers is not None else () if native_only else tuple(PEERS)
    everything = chosen.works is None and chosen.peers is None
    wanted = tuple(chosen.measures) if chosen.measures is not None else MEASURES if everything else ()
    complete = not (chosen.quick or chosen.skip_slow or chosen.libraries is not None)
    whole = everything and chosen.measures is None and complete
    native_whole = "native" in wanted and chosen.works is None and complete
    record = {
        **machine.describe(PEERS if native_only else peers, chosen.threads),
        "quick": chosen.quick,
        "whole": whole,
        "native_whole": native_whole,
    }
    with console.status("starting") as status:
        entries = contest.run_works(
            [work for work in works if work in (*WORKS, "scalars")], peers, pace, chosen.threads, status.update
        )
        ours = [name for name in wanted if name != "native"]
        measures = measure_ours(ours, works, pace, chosen.threads, status.update)
        if "native" in wanted:
            # First as many threads as each library takes of itself, then one for everybody.
            measures["native"] = native.measure(
                works,
                pace,
                status.update,
                threads=(None,) if chosen.quick else (None, 1),
                slow=not (chosen.quick or chosen.skip_slow),
                libraries=tuple(LIBRARIES) if chosen.libraries is None else tuple(chosen.libraries),
            )
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


def show(results: Results, console: Console) -> None:
    print_tables(results, console)
    measured = results.measures.get("native")
    if measured is not None:
        report.print_grids(tables.grids(measured), console)
        report.print_remarks(tables.remarks(measured), console)


def write_page(results: Results, path: Path) -> bool:
    """The whole page from a whole run, its part about native code from a whole run of that; False where neither was."""
    machine_record = results.machine
    text = (
        page(results)
        if machine_record["whole"]
        else path.read_text(encoding="utf-8")
        if path.exists()
        else "# Benchmarks\n"
    )
    native_whole = machine_record.get("native_whole", False)
    if native_whole:
        picture = plot.draw(results.measures["native"], path.with_name(section.PICTURE))
        text = section.put_into(text, section.section(results.measures["native"], machine_record, picture))
    if not (machine_record["whole"] or native_whole):
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return True


def main(command_line: Sequence[str] | None = None) -> int:
    chosen = arguments(command_line)
    console = Console()
    if chosen.source is None:
        results = measure(chosen, console)
        name = "native.json" if chosen.measures == ["native"] else "benchmarks.json"
        samples = chosen.json if chosen.json is not None else ROOT / "out" / name
        samples.parent.mkdir(parents=True, exist_ok=True)
        samples.write_text(json.dumps(results.as_dictionary(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        show(results, console)
        console.print(f"Samples: {samples}")
    else:
        results = Results.from_dictionary(json.loads(chosen.source.read_text(encoding="utf-8")))
        show(results, console)
    if write_page(results, chosen.page):
        console.print(f"Page: {chosen.page}")
    else:
        console.print("No page: it is written from a whole run only.")
    failed = "native" in results.measures and tables.failed(results.measures["native"])
    return 1 if failed or "failed" in results.measures or any(entry.bad for entry in results.entries) else 0


if __name__ == "__main__":
    sys.exit(main())
