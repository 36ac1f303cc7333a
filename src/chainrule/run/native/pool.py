"""Threads that share out the chunks of one step, in native code: no Python runs in them.

Which part of a step is a chunk depends on its sizes only, so results do not depend on how many threads there are. A thread that finds
the pool at work for another one does all its chunks itself. Idle workers look for work for some microseconds, then they sleep.
"""

from __future__ import annotations

import ctypes
import os
from contextlib import suppress
from typing import Any

from chainrule.run.native.pool_text import LIMIT, SPINS, WORDS

MOST = 1024  # threads
_SPINS = 1000  # turns of looking for work, some 20 to 50 µs

_asked: list[int] = []  # what `set_threads` was told
_states: list[Any] = []


def threads() -> int:
    """How many threads work on one step at most, the calling one included: the processors of this process, or what the
    environment variable `CHAINRULE_THREADS` or `OMP_NUM_THREADS` says, or `set_threads`.

    >>> threads() >= 1
    True
    """
    if _asked:
        return _asked[0]
    for name in ("CHAINRULE_THREADS", "OMP_NUM_THREADS"):
        said = os.environ.get(name, "").split(",")[0].strip()
        if said.isdecimal() and int(said) > 0:
            return min(int(said), MOST)
    return min(_processors(), MOST)


def _processors() -> int:
    """The processors that this process may use; the quota of a container (Linux, control groups 2) counts."""
    found = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with suppress(OSError, ValueError), open("/sys/fs/cgroup/cpu.max", encoding="ascii") as file:
        quota, period = file.read().split()
        if quota.isdecimal():
            found = min(found, -(-int(quota) // int(period)))
    return max(found, 1)


def set_threads(count: int) -> None:
    """Let so many threads work on one step at most, the calling one included; results do not depend on it.

    >>> before = threads()
    >>> set_threads(1)
    >>> threads()
    1
    >>> set_threads(before)
    """
    if not 1 <= count <= MOST:
        raise ValueError(
            f"A step can be done by 1 to {MOST} threads, not by {count}. Write set_threads(1) for none but your own."
        )
    _asked[:] = [int(count)]
    _configure()


def attach(state: int) -> None:
    """Take the native pool, whose state begins at this address, under control."""
    _states[:] = [(ctypes.c_int64 * WORDS).from_address(state)]
    _configure()


def _configure() -> None:
    for state in _states:
        count = threads()
        state[LIMIT] = count
        state[SPINS] = (
            _SPINS if count <= _processors() else 0
        )  # with fewer processors than threads waiting must not cost any


def _start_anew() -> None:
    """In the child of a fork there are no workers, and nobody holds a lock."""
    for state in _states:
        ctypes.memset(state, 0, ctypes.sizeof(state))
    _configure()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_anew)
