"""Memory of large results, kept for the next call when their arrays are gone.

The system takes back a freed block of many megabytes and clears each page that it hands out again: measured, an array of 80 MB
costs 8 ms in this way, twice what copying into it costs. So results from `LARGE` bytes on get their memory from an allocator of NumPy's own
kind (a handler of `PyDataMem_SetHandler`), which keeps freed blocks, at most `limit()` bytes, and hands them out for
results of about the same size. Arrays know their handler, so this concerns no other array of the user's.
"""

from __future__ import annotations

import ctypes
import functools
import os
from typing import Any

LARGE = 2**20
HUGE_PAGES = 2**22  # from here on the system is asked for huge pages, as NumPy asks
_MOST = 2**28
_SLOTS = 16
# Words of the allocator's memory; pairs (data, capacity) of kept blocks follow.
_LOCK, _MALLOC, _FREE, _SET, _COPY, _ADVISE, _KEPT, _LIMIT, _NEXT, _FIRST = range(10)
NAMES = ("memory_new", "memory_zeros", "memory_resize", "memory_free")
_MARGIN = 128  # room for the header (address and capacity of the block, 16 bytes) and for aligning to 64


def _word(name: str, number: int, type_: str = "ptr") -> str:
    return f"%{name}.at = getelementptr i64, ptr %memory, i64 {number}\n  %{name} = load {type_}, ptr %{name}.at"


MEMORY_TEXT = f"""
define internal void @memory_lock(ptr %memory) {{
start:
  br label %try
try:
  %was = atomicrmw xchg ptr %memory, i64 1 acquire
  %busy = icmp ne i64 %was, 0
  br i1 %busy, label %try, label %done
done:
  ret void
}}

define internal void @memory_drop(ptr %memory, ptr %slot) {{
  %data = load ptr, ptr %slot
  %empty = icmp eq ptr %data, null
  br i1 %empty, label %done, label %free
free:
  {_word("kept", _KEPT, "i64")}
  %capacity.at = getelementptr i64, ptr %slot, i64 1
  %capacity = load i64, ptr %capacity.at
  %less = sub i64 %kept, %capacity
  store i64 %less, ptr %kept.at
  store ptr null, ptr %slot
  {_word("function", _FREE)}
  %block.at = getelementptr i8, ptr %data, i64 -16
  %block = load ptr, ptr %block.at
  call void %function(ptr %block)
  br label %done
done:
  ret void
}}

define internal ptr @memory_fresh(ptr %memory, i64 %size) {{
  {_word("function", _MALLOC)}
  %whole = add i64 %size, {_MARGIN}
  %block = call ptr %function(i64 %whole)
  %none = icmp eq ptr %block, null
  br i1 %none, label %fail, label %align
align:
  %address = ptrtoint ptr %block to i64
  %after = add i64 %address, {_MARGIN}
  %aligned = and i64 %after, -64
  %data = inttoptr i64 %aligned to ptr
  %block.at = getelementptr i8, ptr %data, i64 -16
  store ptr %block, ptr %block.at
  %capacity.at = getelementptr i8, ptr %data, i64 -8
  store i64 %size, ptr %capacity.at
  {_word("advise", _ADVISE)}
  %silent = icmp eq ptr %advise, null
  %small = icmp ult i64 %size, {HUGE_PAGES}
  %skip = or i1 %silent, %small
  br i1 %skip, label %done, label %huge
huge:
  %page.after = add i64 %aligned, 4095
  %page = and i64 %page.after, -4096
  %page.pointer = inttoptr i64 %page to ptr
  %length = sub i64 %size, 4096
  %ignored = call i32 %advise(ptr %page.pointer, i64 %length, i32 14) ; MADV_HUGEPAGE
  br label %done
done:
  ret ptr %data
fail:
  ret ptr null
}}

define internal ptr @memory_new(ptr %memory, i64 %size) {{
start:
  %slots = getelementptr i64, ptr %memory, i64 {_FIRST}
  %large = icmp uge i64 %size, {LARGE}
  br i1 %large, label %search, label %make
search:
  call void @memory_lock(ptr %memory)
  %slack = lshr i64 %size, 3
  %most = add i64 %size, %slack
  {_word("next.slot", _NEXT, "i64")}
  br label %loop
loop:
  %index = phi i64 [ 0, %search ], [ %next, %other ]
  %more = icmp ult i64 %index, {_SLOTS}
  br i1 %more, label %look, label %missing
look: ; the block freed last comes first: its bytes may still be in the processor's cache
  %before = xor i64 %index, -1
  %wanted = add i64 %next.slot, %before
  %number.of = and i64 %wanted, {_SLOTS - 1}
  %position = shl i64 %number.of, 1
  %slot = getelementptr i64, ptr %slots, i64 %position
  %data = load ptr, ptr %slot
  %capacity.at = getelementptr i64, ptr %slot, i64 1
  %capacity = load i64, ptr %capacity.at
  %filled = icmp ne ptr %data, null
  %enough = icmp uge i64 %capacity, %size
  %close = icmp ule i64 %capacity, %most
  %both = and i1 %enough, %close
  %good = and i1 %filled, %both
  br i1 %good, label %found, label %other
other:
  %next = add i64 %index, 1
  br label %loop
found:
  store ptr null, ptr %slot
  {_word("kept", _KEPT, "i64")}
  %less = sub i64 %kept, %capacity
  store i64 %less, ptr %kept.at
  store atomic i64 0, ptr %memory release, align 8
  ret ptr %data
missing:
  store atomic i64 0, ptr %memory release, align 8
  br label %make
make:
  %made = call ptr @memory_fresh(ptr %memory, i64 %size)
  %none = icmp eq ptr %made, null
  br i1 %none, label %clear, label %done
clear: ; what is kept goes back to the system, and the system is asked once more
  call void @memory_lock(ptr %memory)
  br label %drop
drop:
  %number = phi i64 [ 0, %clear ], [ %number.next, %drop ]
  %place = shl i64 %number, 1
  %victim = getelementptr i64, ptr %slots, i64 %place
  call void @memory_drop(ptr %memory, ptr %victim)
  %number.next = add i64 %number, 1
  %left = icmp ult i64 %number.next, {_SLOTS}
  br i1 %left, label %drop, label %again
again:
  store atomic i64 0, ptr %memory release, align 8
  %last = call ptr @memory_fresh(ptr %memory, i64 %size)
  ret ptr %last
done:
  ret ptr %made
}}

define internal void @memory_free(ptr %memory, ptr %data, i64 %size) {{
  %nothing = icmp eq ptr %data, null
  br i1 %nothing, label %done, label %weigh
weigh:
  %capacity.at = getelementptr i8, ptr %data, i64 -8
  %capacity = load i64, ptr %capacity.at
  {_word("limit", _LIMIT, "i64")}
  %small = icmp ult i64 %capacity, {LARGE}
  %huge = icmp ugt i64 %capacity, %limit
  %back = or i1 %small, %huge
  br i1 %back, label %release, label %keep
release:
  {_word("function", _FREE)}
  %block.at = getelementptr i8, ptr %data, i64 -16
  %block = load ptr, ptr %block.at
  call void %function(ptr %block)
  br label %done
keep: ; the slots are a ring: the oldest blocks go until there is room
  call void @memory_lock(ptr %memory)
  %slots = getelementptr i64, ptr %memory, i64 {_FIRST}
  {_word("next", _NEXT, "i64")}
  %place = shl i64 %next, 1
  %slot = getelementptr i64, ptr %slots, i64 %place
  call void @memory_drop(ptr %memory, ptr %slot)
  br label %room
room:
  %turn = phi i64 [ 1, %keep ], [ %turn.next, %evict ]
  {_word("kept", _KEPT, "i64")}
  %sum = add i64 %kept, %capacity
  %over = icmp ugt i64 %sum, %limit
  br i1 %over, label %evict, label %put
evict:
  %victim.sum = add i64 %next, %turn
  %victim.number = and i64 %victim.sum, {_SLOTS - 1}
  %victim.place = shl i64 %victim.number, 1
  %victim = getelementptr i64, ptr %slots, i64 %victim.place
  call void @memory_drop(ptr %memory, ptr %victim)
  %turn.next = add i64 %turn, 1
  br label %room
put:
  store ptr %data, ptr %slot
  %slot.capacity = getelementptr i64, ptr %slot, i64 1
  store i64 %capacity, ptr %slot.capacity
  store i64 %sum, ptr %kept.at
  %following = add i64 %next, 1
  %wrapped = and i64 %following, {_SLOTS - 1}
  store i64 %wrapped, ptr %next.at
  store atomic i64 0, ptr %memory release, align 8
  br label %done
done:
  ret void
}}

define internal ptr @memory_zeros(ptr %memory, i64 %count, i64 %each) {{
  %size = mul i64 %count, %each
  %data = call ptr @memory_new(ptr %memory, i64 %size)
  %none = icmp eq ptr %data, null
  br i1 %none, label %done, label %clear
clear:
  {_word("set", _SET)}
  %ignored = call ptr %set(ptr %data, i32 0, i64 %size)
  br label %done
done:
  ret ptr %data
}}

define internal ptr @memory_resize(ptr %memory, ptr %old, i64 %size) {{
  %data = call ptr @memory_new(ptr %memory, i64 %size)
  %none = icmp eq ptr %data, null
  %first = icmp eq ptr %old, null
  %plain = or i1 %none, %first
  br i1 %plain, label %done, label %copy
copy:
  %capacity.at = getelementptr i8, ptr %old, i64 -8
  %capacity = load i64, ptr %capacity.at
  %shrinks = icmp ult i64 %size, %capacity
  %bytes = select i1 %shrinks, i64 %size, i64 %capacity
  {_word("move", _COPY)}
  %ignored = call ptr %move(ptr %data, ptr %old, i64 %bytes)
  call void @memory_free(ptr %memory, ptr %old, i64 %capacity)
  br label %done
done:
  ret ptr %data
}}
"""


class _Handler(ctypes.Structure):
    """NumPy's PyDataMem_Handler, with its allocator."""

    _fields_ = (
        ("name", ctypes.c_char * 127),
        ("version", ctypes.c_uint8),
        ("memory", ctypes.c_void_p),
        ("new", ctypes.c_void_p),
        ("zeros", ctypes.c_void_p),
        ("resize", ctypes.c_void_p),
        ("free", ctypes.c_void_p),
    )


@functools.cache
def _memory() -> Any:
    """The allocator's words; None where the system's functions are not to be had. They are never freed: the last arrays of a
    process are freed when Python's modules are gone already."""
    words = (ctypes.c_int64 * (_FIRST + 2 * _SLOTS))()
    try:
        system = ctypes.CDLL(None)
        for place, name in ((_MALLOC, "malloc"), (_FREE, "free"), (_SET, "memset"), (_COPY, "memcpy")):
            words[place] = ctypes.cast(getattr(system, name), ctypes.c_void_p).value or 0
    except (OSError, AttributeError, TypeError):
        return None
    if os.name == "posix" and os.uname().sysname == "Linux":
        words[_ADVISE] = ctypes.cast(system.madvise, ctypes.c_void_p).value or 0
    words[_LIMIT] = limit()
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(words))
    return words


@functools.cache
def limit() -> int:
    """How many bytes are kept at most: 256 MiB, or a sixteenth of the machine's memory where that is less.

    >>> 0 < limit() <= 2**28
    True
    """
    try:
        return min(_MOST, os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 16)
    except (AttributeError, ValueError, OSError):
        return _MOST


def kept_bytes() -> int:
    """How many bytes are kept just now for results to come.

    >>> 0 <= kept_bytes() <= limit()
    True
    """
    words = _memory()
    return 0 if words is None else words[_KEPT]


def make_handler(addresses: dict[str, int]) -> Any:
    """A handler for NumPy, a capsule, of the functions at these addresses; None where the system's functions are not to be had.

    >>> make_handler(dict.fromkeys(NAMES, 0)) is not None or _memory() is None
    True
    """
    words = _memory()
    if words is None:
        return None
    handler = _Handler(b"chainrule", 1, ctypes.addressof(words), *(addresses[name] for name in NAMES))
    name = ctypes.create_string_buffer(b"mem_handler")
    for lasting in (handler, name):  # arrays refer to them as long as the process lives
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(lasting))
    make = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)(
        ("PyCapsule_New", ctypes.pythonapi)
    )
    return make(ctypes.addressof(handler), ctypes.addressof(name), None)
