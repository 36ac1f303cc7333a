"""The function that Python calls, as LLVM text: check the arguments, point the program at them, make the results, run.

One function serves all compiled programs: what it must know of one is in its *plan*, an array of 64-bit words that Python wrote (see
`entry.py`) and that the function gets as its `self`. Addresses of Python's and NumPy's own functions are words of the plan as
well, so the machine code refers to nothing outside and can be kept on disk.
"""

from __future__ import annotations

from chainrule.run.native.entry_checks import check_text
from chainrule.run.native.numpy_interface import Offsets
from chainrule.run.native.plan_words import (
    ARRAY,
    COUNT,
    DATA,
    FRESH,
    FUNCTION,
    GIVEN,
    HANDLER,
    INPUT_RECORDS,
    INPUT_WORDS,
    INPUTS,
    NONE,
    NUMBER,
    OUTPUT_RECORDS,
    OUTPUT_WORDS,
    OUTPUTS,
    RELEASE,
    RESULT_DESCRIPTOR,
    RESULT_DIMENSIONS,
    RESULT_PATCH_COUNT,
    RESULT_PATCHES,
    RESULT_RANK,
    RUN,
    RUNNING,
    SOURCE,
    TABLE,
    VALUE,
    WAY,
    field,
    functions_of,
    load,
)


def _results(offsets: Offsets) -> str:
    """The tuple of results: new arrays, and arguments that come back. Numbers are put in after the run."""
    return f"""
define internal ptr @entry_prepare(ptr %plan, ptr %arguments) {{
start:
  {load("count", "%plan", OUTPUTS)}
  {load("records", "%plan", OUTPUT_RECORDS, "ptr")}
  {load("inputs", "%plan", INPUT_RECORDS, "ptr")}
  {load("array", "%plan", ARRAY, "ptr")}
  {load("new.array", "%plan", FUNCTION["new_array"], "ptr")}
  {load("new.tuple", "%plan", FUNCTION["new_tuple"], "ptr")}
  {load("set.item", "%plan", FUNCTION["set_item"], "ptr")}
  {load("increment", "%plan", FUNCTION["increment"], "ptr")}
  {load("decrement", "%plan", FUNCTION["decrement"], "ptr")}
  %results = call ptr %new.tuple(i64 %count)
  %none = icmp eq ptr %results, null
  br i1 %none, label %fail, label %loop
loop:
  %index = phi i64 [ 0, %start ], [ %next, %after ]
  %more = icmp slt i64 %index, %count
  br i1 %more, label %one, label %done
one:
  %position = mul i64 %index, {OUTPUT_WORDS}
  %record = getelementptr i64, ptr %records, i64 %position
  {load("way", "%record", WAY)}
  switch i64 %way, label %after [ i64 {FRESH}, label %fresh
                                  i64 {GIVEN}, label %given ]
fresh:
  {load("dtype", "%record", RESULT_DESCRIPTOR, "ptr")}
  {load("rank", "%record", RESULT_RANK)}
  {load("lengths", "%record", RESULT_DIMENSIONS, "ptr")}
  %rank.narrow = trunc i64 %rank to i32
  call void %increment(ptr %dtype) ; NumPy's function takes this reference over, also where it fails
  %made = call ptr %new.array(ptr %array, ptr %dtype, i32 %rank.narrow, ptr %lengths, ptr null, ptr null, i32 0, ptr null)
  %missing = icmp eq ptr %made, null
  br i1 %missing, label %drop, label %made.data
made.data:
  {field("made.bytes", "%made", offsets.data, "ptr")}
  br label %put
given:
  {load("source", "%record", SOURCE)}
  %given.at = getelementptr ptr, ptr %arguments, i64 %source
  %back = load ptr, ptr %given.at
  call void %increment(ptr %back)
  %input.position = mul i64 %source, {INPUT_WORDS}
  %input = getelementptr i64, ptr %inputs, i64 %input.position
  {load("given.bytes", "%input", DATA, "ptr")}
  br label %put
put:
  %object = phi ptr [ %made, %made.data ], [ %back, %given ]
  %bytes = phi ptr [ %made.bytes, %made.data ], [ %given.bytes, %given ]
  {load("patches", "%record", RESULT_PATCHES, "ptr")}
  {load("patch.count", "%record", RESULT_PATCH_COUNT)}
  call void @entry_point(ptr %patches, i64 %patch.count, ptr %bytes)
  %status = call i32 %set.item(ptr %results, i64 %index, ptr %object)
  %bad = icmp ne i32 %status, 0
  br i1 %bad, label %drop, label %after
after:
  %next = add i64 %index, 1
  br label %loop
drop:
  call void %decrement(ptr %results)
  br label %fail
fail:
  ret ptr null
done:
  ret ptr %results
}}"""


# Large results come from an allocator of their own, which is NumPy's current one only while they are made.
_RESULTS = f"""
define internal ptr @entry_results(ptr %plan, ptr %arguments) {{
  {load("handler", "%plan", HANDLER, "ptr")}
  %usual = icmp eq ptr %handler, null
  br i1 %usual, label %plain, label %change
plain:
  %simple = call ptr @entry_prepare(ptr %plan, ptr %arguments)
  ret ptr %simple
change:
  {load("set.handler", "%plan", FUNCTION["set_handler"], "ptr")}
  {load("decrement", "%plan", FUNCTION["decrement"], "ptr")}
  %old = call ptr %set.handler(ptr %handler)
  %fails = icmp eq ptr %old, null
  br i1 %fails, label %no, label %make
make:
  %made = call ptr @entry_prepare(ptr %plan, ptr %arguments)
  %own = call ptr %set.handler(ptr %old)
  call void %decrement(ptr %old)
  %kept = icmp eq ptr %own, null
  br i1 %kept, label %drop, label %back
back:
  call void %decrement(ptr %own)
  ret ptr %made
drop:
  %nothing = icmp eq ptr %made, null
  br i1 %nothing, label %no, label %free
free:
  call void %decrement(ptr %made)
  br label %no
no:
  ret ptr null
}}"""

_NUMBERS = f"""
define internal i1 @entry_numbers(ptr %plan, ptr %results) {{
start:
  {load("count", "%plan", OUTPUTS)}
  {load("records", "%plan", OUTPUT_RECORDS, "ptr")}
  {load("new.number", "%plan", FUNCTION["new_number"], "ptr")}
  {load("set.item", "%plan", FUNCTION["set_item"], "ptr")}
  br label %loop
loop:
  %index = phi i64 [ 0, %start ], [ %next, %after ]
  %more = icmp slt i64 %index, %count
  br i1 %more, label %one, label %yes
one:
  %position = mul i64 %index, {OUTPUT_WORDS}
  %record = getelementptr i64, ptr %records, i64 %position
  {load("way", "%record", WAY)}
  %number = icmp eq i64 %way, {NUMBER}
  br i1 %number, label %make, label %after
make:
  {load("dtype", "%record", RESULT_DESCRIPTOR, "ptr")}
  %value = getelementptr i64, ptr %record, i64 {VALUE}
  %made = call ptr %new.number(ptr %value, ptr %dtype, ptr null)
  %missing = icmp eq ptr %made, null
  br i1 %missing, label %no, label %put
put:
  %status = call i32 %set.item(ptr %results, i64 %index, ptr %made)
  %bad = icmp ne i32 %status, 0
  br i1 %bad, label %no, label %after
after:
  %next = add i64 %index, 1
  br label %loop
yes:
  ret i1 true
no:
  ret i1 false
}}"""


def _entry(offsets: Offsets) -> str:
    return f"""
define internal ptr @entry_call(ptr %self, ptr %arguments, i64 %given) {{
  {field("plan", "%self", offsets.data, "ptr")}
  {load("expected", "%plan", INPUTS)}
  {load("none", "%plan", NONE, "ptr")}
  {load("increment", "%plan", FUNCTION["increment"], "ptr")}
  {load("decrement", "%plan", FUNCTION["decrement"], "ptr")}
  %enough = icmp eq i64 %given, %expected
  br i1 %enough, label %enter, label %unfit
enter:
  %was = atomicrmw xchg ptr %plan, i64 1 acquire
  %busy = icmp ne i64 %was, 0
  br i1 %busy, label %running, label %check
running:
  {load("other", "%plan", RUNNING, "ptr")}
  call void %increment(ptr %other)
  ret ptr %other
check:
  %fit = call i1 @entry_take(ptr %plan, ptr %arguments)
  br i1 %fit, label %make, label %unfit.leave
unfit.leave:
  store atomic i64 0, ptr %plan release, align 8
  br label %unfit
unfit:
  call void %increment(ptr %none)
  ret ptr %none
make:
  %results = call ptr @entry_results(ptr %plan, ptr %arguments)
  %failed = icmp eq ptr %results, null
  br i1 %failed, label %leave, label %start
start:
  {load("run", "%plan", RUN, "ptr")}
  {load("table", "%plan", TABLE, "ptr")}
  {load("count", "%plan", COUNT)}
  {load("release", "%plan", RELEASE)}
  %keeps = icmp eq i64 %release, 0
  br i1 %keeps, label %short, label %long
short:
  %code.short = call i64 %run(ptr %table, i64 %count)
  br label %ran
long:
  {load("save", "%plan", FUNCTION["save_thread"], "ptr")}
  {load("restore", "%plan", FUNCTION["restore_thread"], "ptr")}
  %thread = call ptr %save()
  %code.long = call i64 %run(ptr %table, i64 %count)
  call void %restore(ptr %thread)
  br label %ran
ran:
  %code = phi i64 [ %code.short, %short ], [ %code.long, %long ]
  %fine = icmp eq i64 %code, 0
  br i1 %fine, label %finish, label %stopped
stopped:
  store atomic i64 0, ptr %plan release, align 8
  call void %decrement(ptr %results)
  {load("new.integer", "%plan", FUNCTION["new_integer"], "ptr")}
  %answer = call ptr %new.integer(i64 %code)
  ret ptr %answer
finish:
  %whole = call i1 @entry_numbers(ptr %plan, ptr %results)
  store atomic i64 0, ptr %plan release, align 8
  br i1 %whole, label %done, label %drop
done:
  ret ptr %results
drop:
  call void %decrement(ptr %results)
  ret ptr null
leave:
  store atomic i64 0, ptr %plan release, align 8
  ret ptr null
}}"""


def entry_functions(offsets: Offsets) -> dict[str, str]:
    """The functions of the entry by name. `ptr entry_call(ptr self, ptr arguments, i64 given)` is what Python calls, by its convention
    METH_FASTCALL.

    >>> "entry_call" in entry_functions(Offsets.of(16))
    True
    """
    return functions_of("\n".join((check_text(offsets), _results(offsets), _RESULTS, _NUMBERS, _entry(offsets))))
