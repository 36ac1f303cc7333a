"""*The machine and the installed packages in, a record that says where the numbers come from out.*"""

from __future__ import annotations

import datetime
import os
import platform
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers import PEERS

BUSY_LOAD = 0.5


def describe(peers: Iterable[str], threads: int) -> dict[str, Any]:
    """Processor, cores, versions, threads, load and date."""
    packages = {PEERS[name].distribution: PEERS[name].version() for name in peers if PEERS[name].missing() is None}
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return {
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "processor": processor(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "packages": dict(sorted(packages.items())),
        "blas": f"{blas.get('name', 'unknown')} {blas.get('version', '')}".strip(),
        "threads": threads,
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
    }


def processor() -> str:
    """The processor's model as the system names it."""
    listing = Path("/proc/cpuinfo")
    if listing.exists():
        for line in listing.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def busy(record: dict[str, Any]) -> bool:
    """Whether other work was running when the measurement began."""
    return record["load"] is not None and record["load"] > BUSY_LOAD


def others(seconds: float = 0.3) -> float | None:
    """How many cores are at work while this process sleeps for a moment; None where the system does not tell."""
    before = busy_ticks()
    if before is None:
        return None
    time.sleep(seconds)
    after = busy_ticks() or before
    return max(0, after - before) / os.sysconf("SC_CLK_TCK") / seconds


def busy_ticks() -> int | None:
    """Ticks of all processors that were not idle, from Linux's /proc/stat."""
    listing = Path("/proc/stat")
    if not listing.exists():
        return None
    numbers = [int(number) for number in listing.read_text(encoding="ascii").splitlines()[0].split()[1:]]
    return sum(numbers[:8]) - numbers[3] - numbers[4]  # without idle and waiting for input or output
