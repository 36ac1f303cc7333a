"""What the entry does with the arguments, as LLVM text: compare them with the plan, and point the program at them."""

from __future__ import annotations

from chainrule.run.native.numpy_interface import Offsets
from chainrule.run.native.plan_words import (
    BYTES,
    DATA,
    DESCRIPTOR,
    DIMENSIONS,
    DONATED,
    FLAGS,
    INPUT_RECORDS,
    INPUT_WORDS,
    INPUTS,
    KIND,
    ORDER,
    ORDERED,
    OTHER_TYPE,
    PATCH_COUNT,
    PATCHES,
    RANK,
    SIZE,
    TYPE,
    field,
    load,
)


def _fits(offsets: Offsets) -> str:
    """Whether an argument is what the record says; notes where its bytes lie."""
    return f"""
define internal i1 @entry_fits(ptr %record, ptr %argument) {{
  {field("type", "%argument", offsets.type, "ptr")}
  {load("wanted", "%record", TYPE, "ptr")}
  {load("size", "%record", SIZE)}
  %same = icmp eq ptr %type, %wanted
  %array = icmp eq i64 %size, 0
  br i1 %array, label %arrays, label %numbers
numbers:
  {load("other", "%record", OTHER_TYPE, "ptr")}
  %second = icmp eq ptr %type, %other
  %either = or i1 %same, %second
  br i1 %either, label %number, label %no
number:
  %value = getelementptr i8, ptr %argument, i64 {offsets.value}
  br label %yes
arrays:
  br i1 %same, label %rank, label %no
rank:
  {field("nd", "%argument", offsets.rank, "i32")}
  %nd.wide = sext i32 %nd to i64
  {load("nd.wanted", "%record", RANK)}
  %same.rank = icmp eq i64 %nd.wide, %nd.wanted
  {field("set", "%argument", offsets.flags, "i32")}
  {load("flags", "%record", FLAGS)}
  %flags.narrow = trunc i64 %flags to i32
  %kept = and i32 %set, %flags.narrow
  %same.flags = icmp eq i32 %kept, %flags.narrow
  %both = and i1 %same.rank, %same.flags
  br i1 %both, label %dtype, label %no
dtype:
  {field("dtype.given", "%argument", offsets.descriptor, "ptr")}
  {load("dtype.wanted", "%record", DESCRIPTOR, "ptr")}
  %same.dtype = icmp eq ptr %dtype.given, %dtype.wanted
  br i1 %same.dtype, label %shape, label %alike
alike: ; an array that was pickled has a dtype object of its own
  {field("kind", "%dtype.given", offsets.kind, "i64")}
  {load("kind.wanted", "%record", KIND)}
  %same.kind = icmp eq i64 %kind, %kind.wanted
  br i1 %same.kind, label %shape, label %no
shape:
  {field("lengths", "%argument", offsets.dimensions, "ptr")}
  {load("lengths.wanted", "%record", DIMENSIONS, "ptr")}
  br label %axis
axis:
  %number.of = phi i64 [ 0, %shape ], [ %next, %compare ]
  %more = icmp slt i64 %number.of, %nd.wanted
  br i1 %more, label %compare, label %found
compare:
  %length.at = getelementptr i64, ptr %lengths, i64 %number.of
  %length = load i64, ptr %length.at
  %length.wanted.at = getelementptr i64, ptr %lengths.wanted, i64 %number.of
  %length.wanted = load i64, ptr %length.wanted.at
  %next = add i64 %number.of, 1
  %same.length = icmp eq i64 %length, %length.wanted
  br i1 %same.length, label %axis, label %no
found:
  {field("data", "%argument", offsets.data, "ptr")}
  br label %yes
yes:
  %bytes = phi ptr [ %value, %number ], [ %data, %found ]
  %noted = getelementptr i64, ptr %record, i64 {DATA}
  store ptr %bytes, ptr %noted
  ret i1 true
no:
  ret i1 false
}}"""


# Arrays are put in the order of their addresses, by insertion: from call to call that order hardly changes. Then one sweep
# finds whether a donated array starts before another array has ended, or another array before a donated one has.
_APART = f"""
define internal i1 @entry_apart(ptr %order, i64 %count) {{
start:
  br label %sort
sort:
  %index = phi i64 [ 0, %start ], [ %index.next, %place ]
  %unsorted = icmp slt i64 %index, %count
  br i1 %unsorted, label %take, label %sweep
take:
  %taken.at = getelementptr ptr, ptr %order, i64 %index
  %taken = load ptr, ptr %taken.at
  {load("key", "%taken", DATA)}
  br label %search
search:
  %hole = phi i64 [ %index, %take ], [ %left, %shift ]
  %left = sub i64 %hole, 1
  %first = icmp eq i64 %hole, 0
  br i1 %first, label %place, label %look
look:
  %left.at = getelementptr ptr, ptr %order, i64 %left
  %left.record = load ptr, ptr %left.at
  {load("left.key", "%left.record", DATA)}
  %later = icmp ugt i64 %left.key, %key
  br i1 %later, label %shift, label %place
shift:
  %hole.at = getelementptr ptr, ptr %order, i64 %hole
  store ptr %left.record, ptr %hole.at
  br label %search
place:
  %place.at = getelementptr ptr, ptr %order, i64 %hole
  store ptr %taken, ptr %place.at
  %index.next = add i64 %index, 1
  br label %sort
sweep:
  %at = phi i64 [ 0, %sort ], [ %at.next, %clear ]
  %end.all = phi i64 [ 0, %sort ], [ %end.all.next, %clear ]
  %end.donated = phi i64 [ 0, %sort ], [ %end.donated.next, %clear ]
  %more = icmp slt i64 %at, %count
  br i1 %more, label %judge, label %yes
judge:
  %record.at = getelementptr ptr, ptr %order, i64 %at
  %record = load ptr, ptr %record.at
  {load("begin", "%record", DATA)}
  {load("bytes", "%record", BYTES)}
  {load("donated", "%record", DONATED)}
  %is.donated = icmp ne i64 %donated, 0
  %limit = select i1 %is.donated, i64 %end.all, i64 %end.donated
  %overlap = icmp ult i64 %begin, %limit
  br i1 %overlap, label %no, label %clear
clear:
  %end = add i64 %begin, %bytes
  %longer = icmp ugt i64 %end, %end.all
  %end.all.next = select i1 %longer, i64 %end, i64 %end.all
  %longer.donated = icmp ugt i64 %end, %end.donated
  %grows = and i1 %is.donated, %longer.donated
  %end.donated.next = select i1 %grows, i64 %end, i64 %end.donated
  %at.next = add i64 %at, 1
  br label %sweep
yes:
  ret i1 true
no:
  ret i1 false
}}"""

_POINT = """
define internal void @entry_point(ptr %patches, i64 %count, ptr %data) {
start:
  br label %loop
loop:
  %index = phi i64 [ 0, %start ], [ %next, %patch ]
  %more = icmp slt i64 %index, %count
  br i1 %more, label %patch, label %done
patch:
  %double = shl i64 %index, 1
  %word.at = getelementptr i64, ptr %patches, i64 %double
  %word = load ptr, ptr %word.at
  %offset.at = getelementptr i64, ptr %word.at, i64 1
  %offset = load i64, ptr %offset.at
  %pointer = getelementptr i8, ptr %data, i64 %offset
  store ptr %pointer, ptr %word
  %next = add i64 %index, 1
  br label %loop
done:
  ret void
}

define internal void @entry_copy(ptr %patches, i64 %count, ptr %data, i64 %size) {
start:
  br label %loop
loop:
  %index = phi i64 [ 0, %start ], [ %next, %after ]
  %more = icmp slt i64 %index, %count
  br i1 %more, label %patch, label %done
patch:
  %double = shl i64 %index, 1
  %word.at = getelementptr i64, ptr %patches, i64 %double
  %word = load ptr, ptr %word.at
  %offset.at = getelementptr i64, ptr %word.at, i64 1
  %offset = load i64, ptr %offset.at
  %target = getelementptr i8, ptr %word, i64 %offset
  switch i64 %size, label %eight [ i64 1, label %one
                                   i64 2, label %two
                                   i64 4, label %four ]
one:
  %v1 = load i8, ptr %data
  store i8 %v1, ptr %target
  br label %after
two:
  %v2 = load i16, ptr %data, align 1
  store i16 %v2, ptr %target, align 1
  br label %after
four:
  %v4 = load i32, ptr %data, align 1
  store i32 %v4, ptr %target, align 1
  br label %after
eight:
  %v8 = load i64, ptr %data, align 1
  store i64 %v8, ptr %target, align 1
  br label %after
after:
  %next = add i64 %index, 1
  br label %loop
done:
  ret void
}"""

_INPUTS = f"""
define internal i1 @entry_take(ptr %plan, ptr %arguments) {{
start:
  {load("count", "%plan", INPUTS)}
  {load("records", "%plan", INPUT_RECORDS, "ptr")}
  br label %check
check:
  %index = phi i64 [ 0, %start ], [ %next, %good ]
  %more = icmp slt i64 %index, %count
  br i1 %more, label %one, label %checked
one:
  %position = mul i64 %index, {INPUT_WORDS}
  %record = getelementptr i64, ptr %records, i64 %position
  %argument.at = getelementptr ptr, ptr %arguments, i64 %index
  %argument = load ptr, ptr %argument.at
  %good.one = call i1 @entry_fits(ptr %record, ptr %argument)
  br i1 %good.one, label %good, label %no
good:
  %next = add i64 %index, 1
  br label %check
checked:
  {load("order", "%plan", ORDER, "ptr")}
  {load("ordered", "%plan", ORDERED)}
  %free = call i1 @entry_apart(ptr %order, i64 %ordered)
  br i1 %free, label %loop, label %no
loop:
  %k = phi i64 [ 0, %checked ], [ %k.next, %after ]
  %k.more = icmp slt i64 %k, %count
  br i1 %k.more, label %each, label %yes
each:
  %k.position = mul i64 %k, {INPUT_WORDS}
  %input = getelementptr i64, ptr %records, i64 %k.position
  {load("size", "%input", SIZE)}
  {load("data", "%input", DATA, "ptr")}
  {load("patches", "%input", PATCHES, "ptr")}
  {load("patch.count", "%input", PATCH_COUNT)}
  %array = icmp eq i64 %size, 0
  br i1 %array, label %pointed, label %copied
pointed:
  call void @entry_point(ptr %patches, i64 %patch.count, ptr %data)
  br label %after
copied:
  call void @entry_copy(ptr %patches, i64 %patch.count, ptr %data, i64 %size)
  br label %after
after:
  %k.next = add i64 %k, 1
  br label %loop
yes:
  ret i1 true
no:
  ret i1 false
}}"""


def check_text(offsets: Offsets) -> str:
    """`i1 entry_take(ptr plan, ptr arguments)`: whether all arguments fit, and none that is donated shares memory; then the program
    is pointed at them. `void entry_point(ptr patches, i64 count, ptr data)` does that for one array.

    >>> "@entry_take(" in check_text(Offsets.of(16))
    True
    """
    return "\n".join((_fits(offsets), _APART, _POINT, _INPUTS))
