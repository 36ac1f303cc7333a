"""Freed memory is kept for the next gradient, not returned to the system.

A gradient keeps the values of the forward pass until the backward pass has read them, then frees them all: some
megabytes each time. The allocator of glibc hands freed memory back to the system above a threshold, and fetching it
again costs a page fault every 4 KiB: measured, a third of the time of a medium training step. The threshold grows by
itself when a large block is freed, to at most 32 MiB. So one such block is asked for and freed, without ever being
touched; where the allocator is another one, this does nothing.
"""

from __future__ import annotations

import ctypes

import numpy as np

LARGEST_ADAPTIVE_BLOCK = 32 * 2**20  # glibc: DEFAULT_MMAP_THRESHOLD_MAX on 64-bit systems


def settle() -> None:
    """Let the allocator learn that blocks of megabytes come and go.

    >>> settle()
    """
    np.empty(LARGEST_ADAPTIVE_BLOCK - 2**16, np.uint8)  # 64 KiB less, for the allocator's own header and rounding


def give_back() -> None:
    """Hand memory that is free back to the system: after tracing a large program, which will need it no more.

    >>> give_back()
    """
    try:
        trim = ctypes.CDLL(None).malloc_trim  # glibc's
    except (AttributeError, OSError, TypeError):
        return
    trim(0)
