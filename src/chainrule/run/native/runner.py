"""What goes through a table of native calls: entry by entry, chunks of an entry shared out among threads, loops of whole tables.

An entry is four words: function, argument block, extent, chunk length. All native functions are `i64 fn(args, begin, end, chunk)`.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import cache
from typing import Any

from chainrule.run.native import modules, pool, pool_text
from chainrule.run.native.modules import Part

STOPPED = 3  # the code of a scan that was told to pause

_RUN = """
define internal i64 @run(ptr %table, i64 %count) nounwind {
start:
  %any = icmp sgt i64 %count, 0
  br i1 %any, label %each, label %fine
each:
  %entry = phi ptr [ %table, %start ], [ %following, %next ]
  %left = phi i64 [ %count, %start ], [ %fewer, %next ]
  %function = load ptr, ptr %entry
  %args_at = getelementptr i64, ptr %entry, i64 1
  %args = load ptr, ptr %args_at
  %extent_at = getelementptr i64, ptr %entry, i64 2
  %extent = load i64, ptr %extent_at
  %chunk_at = getelementptr i64, ptr %entry, i64 3
  %chunk = load i64, ptr %chunk_at
  %whole = icmp sle i64 %extent, %chunk
  br i1 %whole, label %once, label %shared
once:
  %code_once = call i64 %function(ptr %args, i64 0, i64 %extent, i64 0)
  br label %after
shared:
  %code_shared = call i64 @share(ptr %entry)
  br label %after
after:
  %code = phi i64 [ %code_once, %once ], [ %code_shared, %shared ]
  %failed = icmp ne i64 %code, 0
  br i1 %failed, label %stop, label %next
next:
  %following = getelementptr i64, ptr %entry, i64 4
  %fewer = sub i64 %left, 1
  %more = icmp sgt i64 %fewer, 0
  br i1 %more, label %each, label %fine
stop:
  ret i64 %code
fine:
  ret i64 0
}
"""

# Python reads the addresses of what it needs from `@door`.
DOOR = (
    _RUN
    + """
@door = internal constant [2 x ptr] [ptr @run, ptr @state], align 8
define ptr @chainrule_runner() nounwind {
  ret ptr @door
}
"""
)

_WORD = "  %{name}_at = getelementptr i64, ptr %args, i64 {index}\n  %{name} = load {type}, ptr %{name}_at\n"


def _words(**types: str) -> str:
    return "".join(
        _WORD.format(name=name, index=index, type=type_) for index, (name, type_) in enumerate(types.items())
    )


_HEAD = "(ptr %args, i64 %begin, i64 %end, i64 %chunk) nounwind {\nentry:\n"

COPY = Part(
    "chainrule_copy",
    f"define i64 @chainrule_copy{_HEAD}"
    + _words(target="ptr", source="ptr", size="i64")
    + "  call void @llvm.memmove.p0.p0.i64(ptr %target, ptr %source, i64 %size, i1 false)\n  ret i64 0\n}\n",
    frozenset({"declare void @llvm.memmove.p0.p0.i64(ptr, ptr, i64, i1)"}),
)
"""Words: where to, where from, how many bytes."""

FILL = Part(
    "chainrule_fill",
    f"define i64 @chainrule_fill{_HEAD}"
    + _words(target="ptr", size="i64")
    + "  call void @llvm.memset.p0.i64(ptr %target, i8 0, i64 %size, i1 false)\n  ret i64 0\n}\n",
    frozenset({"declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)"}),
)
"""Words: where to, how many bytes become 0."""

SCAN = Part(
    "chainrule_scan",
    f"define i64 @chainrule_scan{_HEAD}"
    + _words(run="ptr", table="ptr", count="i64", turns="i64", pause="i64", counter="ptr", stop="ptr", moves="i64")
    + """  %first = getelementptr i64, ptr %args, i64 8
  %counted = load i64, ptr %counter
  %can_pause = icmp sgt i64 %pause, 0
  %can_stop = icmp ne ptr %stop, null
  %goes_on = or i1 %can_pause, %can_stop
  %from = select i1 %goes_on, i64 %counted, i64 0
  br label %each
each:
  %turn = phi i64 [ %from, %entry ], [ %following, %next ]
  %more = icmp slt i64 %turn, %turns
  br i1 %more, label %look, label %complete
look:
  %has_stop = icmp ne ptr %stop, null
  br i1 %has_stop, label %read, label %compare
read:
  %told = load atomic i64, ptr %stop monotonic, align 8
  %is_told = icmp ne i64 %told, 0
  br i1 %is_told, label %stopped, label %compare
compare:
  %done = sub i64 %turn, %from
  %enough = icmp sge i64 %done, %pause
  %pauses = icmp sgt i64 %pause, 0
  %rests = and i1 %enough, %pauses
  br i1 %rests, label %stopped, label %set
set:
  %any = icmp sgt i64 %moves, 0
  br i1 %any, label %move, label %do
move:
  %index = phi i64 [ 0, %set ], [ %index_next, %move ]
  %triple = phi ptr [ %first, %set ], [ %triple_next, %move ]
  %word = load ptr, ptr %triple
  %origin_at = getelementptr i64, ptr %triple, i64 1
  %origin = load i64, ptr %origin_at
  %stride_at = getelementptr i64, ptr %triple, i64 2
  %stride = load i64, ptr %stride_at
  %shift = mul i64 %turn, %stride
  %value = add i64 %origin, %shift
  store i64 %value, ptr %word
  %index_next = add i64 %index, 1
  %triple_next = getelementptr i64, ptr %triple, i64 3
  %again = icmp slt i64 %index_next, %moves
  br i1 %again, label %move, label %do
do:
  %code = call i64 %run(ptr %table, i64 %count)
  %failed = icmp ne i64 %code, 0
  br i1 %failed, label %failure, label %next
next:
  %following = add i64 %turn, 1
  store i64 %following, ptr %counter
  br label %each
failure:
  ret i64 %code
stopped:
  ret i64 3
complete:
  store i64 0, ptr %counter
  ret i64 0
}
""",
)
"""A table that is run again and again; see `scan_words`."""

GUARD_FAILED = 2  # the code of a guard that does not hold

HELD = Part(
    "chainrule_held",
    f"define i64 @chainrule_held{_HEAD}"
    + _words(scan="ptr", block="ptr", counter="ptr", held="ptr")
    + """  %code = call i64 %scan(ptr %block, i64 0, i64 1, i64 0)
  %broken = icmp eq i64 %code, """
    + f"{GUARD_FAILED}\n"
    + """  br i1 %broken, label %differ, label %other
differ:
  store i64 0, ptr %counter
  store i8 0, ptr %held
  ret i64 0
other:
  store i8 1, ptr %held
  ret i64 %code
}
""",
)
"""A scan of which the program asks whether its guards held. Words: SCAN's address, its block, its counter, where the answer goes."""


def scan_words(
    table: int,
    count: int,
    turns: int,
    counter: int,
    moves: Sequence[tuple[int, int, int]],
    pause: int = 0,
    stop: int = 0,
) -> list[int]:
    """The argument block of SCAN: run `count` entries of the table at this address `turns` times.

    Before turn t, for each move (address of a word, origin, stride), origin + t · stride is written to the word; so a call that gives new
    arrays writes their addresses to the origins, which are words 9, 12, 15 … of the block. The word at `counter` says how many
    turns are complete. A code other than 0 stops the scan, and the counter names the turn. After `pause` turns (0: never), or when
    the word at `stop` (0: none) is not 0, the code is STOPPED, and running it again goes on. At the end the counter becomes 0 for the next
    time; after a stop for good write 0 there. With neither `pause` nor `stop` it always starts from the first turn.

    >>> scan_words(4096, 2, 10, 8192, [(1024, 0, 8)])[1:]
    [4096, 2, 10, 0, 8192, 0, 1, 1024, 0, 8]
    """
    return [
        run_address(),
        table,
        count,
        turns,
        pause,
        counter,
        stop,
        len(moves),
        *(word for move in moves for word in move),
    ]


@cache
def _runner() -> tuple[int, Any]:
    target = modules.host_target()
    part = Part("chainrule_runner", pool_text.text(target.triple) + DOOR, pool_text.declarations(target.triple))
    door = ctypes.CFUNCTYPE(ctypes.c_void_p)(modules.load_functions([part], target)[part.name])()
    run, state = (ctypes.c_uint64 * 2).from_address(door)
    pool.attach(state)
    return run, ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p, ctypes.c_int64)(run)


def run_address() -> int:
    """The address of the native `i64 run(ptr table, i64 count)`: 0, or the code of the entry that stopped it.

    >>> run_address() > 0
    True
    """
    return _runner()[0]


def run_table(table: int, count: int) -> int:
    """Run so many entries of the table at this address, without Python's lock; 0, or the code of the entry that stopped it.

    >>> run_table(0, 0)
    0
    """
    return _runner()[1](table, count)
