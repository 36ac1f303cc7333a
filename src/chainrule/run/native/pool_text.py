"""The LLVM text of the native pool of threads: workers, and `i64 @share(ptr entry)`, which does one step of several chunks with them.

All that they share are the words of `@state`. The calling thread works too; it waits only for chunks that others have begun.
"""

from __future__ import annotations

# The words of the pool's state; those that different threads write stand on cache lines of their own.
WORDS = 128
LIMIT, SPINS = 0, 1  # set from Python
_STARTED, _READY = 2, 3
_ENTRY, _CHUNKS = 8, 9
_NEXT, _FAILED, _ACTIVE, _OPEN, _GENERATION, _SLEEPERS, _BUSY = 16, 24, 32, 40, 48, 56, 64
_MUTEX, _CONDITION, _MASKS = 72, 84, 96  # 96 bytes each, and two masks of 128 bytes for signals

_DECLARATIONS = frozenset(
    {
        "declare i32 @pthread_mutex_init(ptr, ptr)",
        "declare i32 @pthread_mutex_lock(ptr)",
        "declare i32 @pthread_mutex_unlock(ptr)",
        "declare i32 @pthread_cond_init(ptr, ptr)",
        "declare i32 @pthread_cond_wait(ptr, ptr)",
        "declare i32 @pthread_cond_signal(ptr)",
        "declare i32 @pthread_cond_broadcast(ptr)",
        "declare i32 @pthread_create(ptr, ptr, ptr, ptr)",
        "declare i32 @pthread_detach(ptr)",
        "declare i32 @pthread_sigmask(i32, ptr, ptr)",
        "declare i32 @sched_yield()",
        "declare i64 @llvm.umin.i64(i64, i64)",
        "declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)",
    }
)

_LIMITS = frozenset({"declare i64 @llvm.smax.i64(i64, i64)", "declare i64 @llvm.smin.i64(i64, i64)"})

# A step's chunks one after the other, until one fails.
_IN_TURN = """
define internal i64 @in_turn(ptr %entry) nounwind noinline {
start:
  %function = load ptr, ptr %entry
  %args_at = getelementptr i64, ptr %entry, i64 1
  %args = load ptr, ptr %args_at
  %extent_at = getelementptr i64, ptr %entry, i64 2
  %extent = load i64, ptr %extent_at
  %chunk_at = getelementptr i64, ptr %entry, i64 3
  %given = load i64, ptr %chunk_at
  %chunk = call i64 @llvm.smax.i64(i64 %given, i64 1)
  br label %each
each:
  %index = phi i64 [ 0, %start ], [ %following, %next ]
  %begin = phi i64 [ 0, %start ], [ %far, %next ]
  %far = add i64 %begin, %chunk
  %end = call i64 @llvm.smin.i64(i64 %far, i64 %extent)
  %code = call i64 %function(ptr %args, i64 %begin, i64 %end, i64 %index)
  %failed = icmp ne i64 %code, 0
  br i1 %failed, label %done, label %next
next:
  %following = add i64 %index, 1
  %more = icmp slt i64 %far, %extent
  br i1 %more, label %each, label %done
done:
  ret i64 %code
}
"""

# Chunks of the open step as long as there are any. Of two that fail the one that stands first counts, as it would with one thread:
# chunks are taken in order, so whatever stands before a failed one has been taken, and is done.
_WORK = """
define internal void @work() nounwind noinline {
start:
  %entry = load ptr, ptr {ENTRY}
  %chunks = load i64, ptr {CHUNKS}
  %function = load ptr, ptr %entry
  %args_at = getelementptr i64, ptr %entry, i64 1
  %args = load ptr, ptr %args_at
  %extent_at = getelementptr i64, ptr %entry, i64 2
  %extent = load i64, ptr %extent_at
  %chunk_at = getelementptr i64, ptr %entry, i64 3
  %given = load i64, ptr %chunk_at
  %chunk = call i64 @llvm.smax.i64(i64 %given, i64 1)
  br label %take
take:
  %index = atomicrmw add ptr {NEXT}, i64 1 acq_rel
  %some = icmp slt i64 %index, %chunks
  br i1 %some, label %look, label %done
look:
  %failure = load atomic i64, ptr {FAILED} acquire, align 8
  %failed_at = lshr i64 %failure, 8
  %before = icmp ult i64 %index, %failed_at
  br i1 %before, label %do, label %done
do:
  %begin = mul i64 %index, %chunk
  %far = add i64 %begin, %chunk
  %end = call i64 @llvm.smin.i64(i64 %far, i64 %extent)
  %code = call i64 %function(ptr %args, i64 %begin, i64 %end, i64 %index)
  %fine = icmp eq i64 %code, 0
  br i1 %fine, label %take, label %note
note:
  %small = call i64 @llvm.umin.i64(i64 %code, i64 255)
  %high = shl i64 %index, 8
  %word = or i64 %high, %small
  %old = atomicrmw umin ptr {FAILED}, i64 %word acq_rel
  br label %take
done:
  ret void
}
"""

# A worker, for ever: look out for a new generation, else sleep; then take part in the step that is open. It says that it is active
# before it looks whether one is open, and the owner closes before it looks who is active: so one of the two sees the other.
_WORKER = """
define internal ptr @worker(ptr %number) nounwind {
start:
  %mine = ptrtoint ptr %number to i64
  br label %poll
poll:
  %seen = phi i64 [ -1, %start ], [ %now, %leave ], [ %now, %closed ], [ %now, %awake ]
  %limit = load atomic i64, ptr {LIMIT} monotonic, align 8
  %wanted = icmp slt i64 %mine, %limit
  %given = load atomic i64, ptr {SPINS} monotonic, align 8
  %spins = select i1 %wanted, i64 %given, i64 0
  br label %spin
spin:
  %turn = phi i64 [ 0, %poll ], [ %turned, %pause ]
  %spun = load atomic i64, ptr {GENERATION} acquire, align 8
  %fresh = icmp ne i64 %spun, %seen
  br i1 %fresh, label %enter, label %patience
patience:
  %tired = icmp sge i64 %turn, %spins
  br i1 %tired, label %sleep, label %pause
pause:
  {PAUSE}
  %turned = add i64 %turn, 1
  br label %spin
sleep:
  %locked = call i32 @pthread_mutex_lock(ptr {MUTEX})
  %sleepers = atomicrmw add ptr {SLEEPERS}, i64 1 seq_cst
  br label %check
check:
  %slept = load atomic i64, ptr {GENERATION} seq_cst, align 8
  %changed = icmp ne i64 %slept, %seen
  br i1 %changed, label %awaken, label %wait
wait:
  %waited = call i32 @pthread_cond_wait(ptr {CONDITION}, ptr {MUTEX})
  br label %check
awaken:
  %left = atomicrmw sub ptr {SLEEPERS}, i64 1 seq_cst
  %unlocked = call i32 @pthread_mutex_unlock(ptr {MUTEX})
  br label %enter
enter:
  %now = phi i64 [ %spun, %spin ], [ %slept, %awaken ]
  %limit_now = load atomic i64, ptr {LIMIT} monotonic, align 8
  %wanted_now = icmp slt i64 %mine, %limit_now
  br i1 %wanted_now, label %join, label %awake
awake:
  br label %poll
join:
  %others = atomicrmw add ptr {ACTIVE}, i64 1 seq_cst
  %open = load atomic i64, ptr {OPEN} seq_cst, align 8
  %is_open = icmp ne i64 %open, 0
  br i1 %is_open, label %take_part, label %closed
closed:
  %gone = atomicrmw sub ptr {ACTIVE}, i64 1 seq_cst
  br label %poll
take_part:
  call void @work()
  br label %leave
leave:
  %went = atomicrmw sub ptr {ACTIVE}, i64 1 seq_cst
  br label %poll
}
"""

# Workers up to the limit. They block the signals that Python's main thread waits for, and keep those of their own faults.
_GROW = """
define internal void @grow(i64 %limit) nounwind noinline {
start:
  %thread = alloca ptr
  %ready = load i64, ptr {READY}
  %is_ready = icmp ne i64 %ready, 0
  br i1 %is_ready, label %mask, label %prepare
prepare:
  %m = call i32 @pthread_mutex_init(ptr {MUTEX}, ptr null)
  %c = call i32 @pthread_cond_init(ptr {CONDITION}, ptr null)
  store i64 1, ptr {READY}
  br label %mask
mask:
  call void @llvm.memset.p0.i64(ptr {MASKS}, i8 -1, i64 128, i1 false)
  store i32 {SIGNALS}, ptr {MASKS}
  %blocked = call i32 @pthread_sigmask(i32 {BLOCK}, ptr {MASKS}, ptr {OLD_MASKS})
  br label %each
each:
  %started = load i64, ptr {STARTED}
  %number = add i64 %started, 1
  %enough = icmp sge i64 %number, %limit
  br i1 %enough, label %done, label %create
create:
  %as_pointer = inttoptr i64 %number to ptr
  %error = call i32 @pthread_create(ptr %thread, ptr null, ptr @worker, ptr %as_pointer)
  %failed = icmp ne i32 %error, 0
  br i1 %failed, label %fewer, label %created
created:
  %handle = load ptr, ptr %thread
  %detached = call i32 @pthread_detach(ptr %handle)
  store i64 %number, ptr {STARTED}
  br label %each
fewer:
  store atomic i64 %number, ptr {LIMIT} monotonic, align 8
  br label %done
done:
  %unblocked = call i32 @pthread_sigmask(i32 {SET}, ptr {OLD_MASKS}, ptr null)
  ret void
}
"""

# A step of several chunks.
_SHARE = """
define internal i64 @share(ptr %entry) nounwind noinline {
start:
  %limit = load atomic i64, ptr {LIMIT} monotonic, align 8
  %alone = icmp sle i64 %limit, 1
  br i1 %alone, label %in_turn, label %reserve
reserve:
  %exchanged = cmpxchg ptr {BUSY}, i64 0, i64 1 acquire monotonic
  %mine = extractvalue { i64, i1 } %exchanged, 1
  br i1 %mine, label %publish, label %in_turn
in_turn:
  %code_in_turn = call i64 @in_turn(ptr %entry)
  ret i64 %code_in_turn
publish:
  %extent_at = getelementptr i64, ptr %entry, i64 2
  %extent = load i64, ptr %extent_at
  %chunk_at = getelementptr i64, ptr %entry, i64 3
  %given = load i64, ptr %chunk_at
  %chunk = call i64 @llvm.smax.i64(i64 %given, i64 1)
  %less = sub i64 %extent, 1
  %full = udiv i64 %less, %chunk
  %chunks = add i64 %full, 1
  store ptr %entry, ptr {ENTRY}
  store i64 %chunks, ptr {CHUNKS}
  store atomic i64 0, ptr {NEXT} monotonic, align 8
  store atomic i64 -1, ptr {FAILED} monotonic, align 8
  store atomic i64 1, ptr {OPEN} seq_cst, align 8
  %generation = atomicrmw add ptr {GENERATION}, i64 1 seq_cst
  %started = load i64, ptr {STARTED}
  %number = add i64 %started, 1
  %enough = icmp sge i64 %number, %limit
  br i1 %enough, label %look, label %grow
grow:
  call void @grow(i64 %limit)
  br label %look
look:
  %sleepers = load atomic i64, ptr {SLEEPERS} seq_cst, align 8
  %all_awake = icmp eq i64 %sleepers, 0
  br i1 %all_awake, label %begin, label %wake
wake:
  %locked = call i32 @pthread_mutex_lock(ptr {MUTEX})
  %all_wanted = icmp sle i64 %number, %limit
  br i1 %all_wanted, label %some, label %everybody
some:
  %wished = call i64 @llvm.smin.i64(i64 %full, i64 %sleepers)
  br label %signal
signal:
  %left = phi i64 [ %wished, %some ], [ %fewer, %signal ]
  %signalled = call i32 @pthread_cond_signal(ptr {CONDITION})
  %fewer = sub i64 %left, 1
  %more = icmp sgt i64 %fewer, 0
  br i1 %more, label %signal, label %woken
everybody:
  %told = call i32 @pthread_cond_broadcast(ptr {CONDITION})
  br label %woken
woken:
  %unlocked = call i32 @pthread_mutex_unlock(ptr {MUTEX})
  br label %begin
begin:
  call void @work()
  store atomic i64 0, ptr {OPEN} seq_cst, align 8
  br label %await
await:
  %turn = phi i64 [ 0, %begin ], [ %turned, %again ]
  %active = load atomic i64, ptr {ACTIVE} seq_cst, align 8
  %finished = icmp eq i64 %active, 0
  br i1 %finished, label %done, label %patience
patience:
  {PAUSE}
  %turned = add i64 %turn, 1
  %long = icmp sgt i64 %turned, 4096
  br i1 %long, label %yield, label %again
yield:
  %yielded = call i32 @sched_yield()
  br label %again
again:
  br label %await
done:
  %failure = load atomic i64, ptr {FAILED} acquire, align 8
  %fine = icmp eq i64 %failure, -1
  %last = and i64 %failure, 255
  %code = select i1 %fine, i64 0, i64 %last
  store atomic i64 0, ptr {BUSY} release, align 8
  ret i64 %code
}
"""

_ALONE = (
    "define internal i64 @share(ptr %entry) nounwind {\n  %code = call i64 @in_turn(ptr %entry)\n  ret i64 %code\n}\n"
)
_STATE = f"@state = internal global [{WORDS} x i64] zeroinitializer, align 64\n"
_PAUSES = {  # what a thread that waits should do for some nanoseconds
    "x86_64": "call void @llvm.x86.sse2.pause()",
    "aarch64": "call void @llvm.aarch64.isb(i32 15)",
    "arm64": "call void @llvm.aarch64.isb(i32 15)",
}


def text(triple: str) -> str:
    """The LLVM text of `i64 @share(ptr entry)`, for a system with POSIX threads; without them it does the chunks in turn.

    >>> "pthread" in text("x86_64-unknown-linux-gnu"), "pthread" in text("x86_64-pc-windows-msvc")
    (True, False)
    """
    if not has_threads(triple):
        return _STATE + _IN_TURN + _ALONE
    pause = _PAUSES.get(triple.split("-")[0], "")
    apple = "apple" in triple
    faults = (4, 5, 6, 7 if not apple else 10, 8, 11)  # signals that a thread's own instructions raise
    texts = {
        "PAUSE": pause,
        "SIGNALS": str(~sum(1 << signal - 1 for signal in faults)),
        "BLOCK": "1" if apple else "0",
        "SET": "3" if apple else "2",
        "OLD_MASKS": f"getelementptr (i64, ptr @state, i64 {_MASKS + 16})",
    }
    places = {
        "LIMIT": LIMIT, "SPINS": SPINS, "STARTED": _STARTED, "READY": _READY, "ENTRY": _ENTRY, "CHUNKS": _CHUNKS,
        "NEXT": _NEXT, "FAILED": _FAILED, "ACTIVE": _ACTIVE, "OPEN": _OPEN, "GENERATION": _GENERATION,
        "SLEEPERS": _SLEEPERS, "BUSY": _BUSY, "MUTEX": _MUTEX, "CONDITION": _CONDITION, "MASKS": _MASKS,
    }  # fmt: skip
    texts.update({name: f"getelementptr (i64, ptr @state, i64 {place})" for name, place in places.items()})
    written = _WORK + _WORKER + _GROW + _SHARE
    for name, value in texts.items():
        written = written.replace(f"{{{name}}}", value)
    return _STATE + _IN_TURN + written


def declarations(triple: str) -> frozenset[str]:
    """What `text` declares.

    >>> any("pause" in line for line in declarations("x86_64-unknown-linux-gnu"))
    True
    """
    if not has_threads(triple):
        return _LIMITS
    pause = _PAUSES.get(triple.split("-")[0], "")
    return _LIMITS | _DECLARATIONS | {pause.replace("call", "declare").replace("i32 15", "i32")} - {""}


def has_threads(triple: str) -> bool:
    """Whether the system has POSIX threads.

    >>> has_threads("aarch64-apple-darwin")
    True
    """
    return "windows" not in triple
