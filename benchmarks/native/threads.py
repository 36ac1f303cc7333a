"""*How many threads a library of this process may use.*"""

from __future__ import annotations

import os


def threads_here() -> int:
    """What `OMP_NUM_THREADS` says, or the cores that this process may run on."""
    said = os.environ.get("OMP_NUM_THREADS", "")
    if said.isdigit() and int(said) > 0:
        return int(said)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
