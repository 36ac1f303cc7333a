"""Matrix products through NumPy's BLAS as native functions: the text of the wrapper that takes its arguments from memory."""

from __future__ import annotations

import functools

from chainrule.run.native.formats import REGISTERS
from chainrule.run.native.modules import Part

FIXED_WORDS = 15  # the words before those of the batch; see `blas_part`
_ZERO = "chainrule_product_times_zero"

# BLAS leaves the product out where alpha is 0; NumPy's 0 · (A @ B) is NaN where the product is not finite. Sums of the absolute
# values tell whether that can be: where both are finite numbers with a finite product, every element of A @ B is finite.
_TIMES_ZERO = """\
define internal {real} @{name}_sum(ptr %from, i64 %rows, i64 %columns, i64 %row, i64 %column) nounwind {{
entry:
  br label %outer
outer:
  %i = phi i64 [ 0, %entry ], [ %i.next, %done ]
  %total.i = phi {real} [ 0.0, %entry ], [ %total.j, %done ]
  %more.i = icmp slt i64 %i, %rows
  br i1 %more.i, label %start, label %exit
start:
  %offset = mul i64 %i, %row
  %base = getelementptr {real}, ptr %from, i64 %offset
  br label %inner
inner:
  %j = phi i64 [ 0, %start ], [ %j.next, %add ]
  %total.j = phi {real} [ %total.i, %start ], [ %total, %add ]
  %more.j = icmp slt i64 %j, %columns
  br i1 %more.j, label %add, label %done
add:
  %offset.j = mul i64 %j, %column
  %place = getelementptr {real}, ptr %base, i64 %offset.j
  %value = load {real}, ptr %place, align 1
  %size = call {real} @llvm.fabs.{type}({real} %value)
  %total = fadd {real} %total.j, %size
  %j.next = add i64 %j, 1
  br label %inner
done:
  %i.next = add i64 %i, 1
  br label %outer
exit:
  ret {real} %total.i
}}
define internal i1 @{name}(ptr %a, ptr %b, ptr %c, i64 %m, i64 %n, i64 %k, i64 %ar, i64 %ac, i64 %br, i64 %bc, i64 %ldc, \
{real} %alpha, {real} %beta) nounwind noinline {{
entry:
  %size.a = call {real} @{name}_sum(ptr %a, i64 %m, i64 %k, i64 %ar, i64 %ac)
  %size.b = call {real} @{name}_sum(ptr %b, i64 %k, i64 %n, i64 %br, i64 %bc)
  %bound = fmul {real} %size.a, %size.b
  %finite = fcmp one {real} %bound, 0x7FF0000000000000
  br i1 %finite, label %leave, label %rows
leave:
  ret i1 false
rows:
  %i = phi i64 [ 0, %entry ], [ %i.next, %row.done ]
  %more.i = icmp slt i64 %i, %m
  br i1 %more.i, label %row, label %exit
row:
  %i.a = mul i64 %i, %ar
  %row.a = getelementptr {real}, ptr %a, i64 %i.a
  %i.c = mul i64 %i, %ldc
  %row.c = getelementptr {real}, ptr %c, i64 %i.c
  br label %columns
columns:
  %j = phi i64 [ 0, %row ], [ %j.next, %store ]
  %more.j = icmp slt i64 %j, %n
  br i1 %more.j, label %column, label %row.done
column:
  %j.b = mul i64 %j, %bc
  %column.b = getelementptr {real}, ptr %b, i64 %j.b
  %place.c = getelementptr {real}, ptr %row.c, i64 %j
  br label %inner
inner:
  %p = phi i64 [ 0, %column ], [ %p.next, %step ]
  %sum = phi {real} [ 0.0, %column ], [ %sum.next, %step ]
  %more.p = icmp slt i64 %p, %k
  br i1 %more.p, label %step, label %last
step:
  %p.a = mul i64 %p, %ac
  %place.a = getelementptr {real}, ptr %row.a, i64 %p.a
  %value.a = load {real}, ptr %place.a, align 1
  %p.b = mul i64 %p, %br
  %place.b = getelementptr {real}, ptr %column.b, i64 %p.b
  %value.b = load {real}, ptr %place.b, align 1
  %both = fmul {real} %value.a, %value.b
  %sum.next = fadd {real} %sum, %both
  %p.next = add i64 %p, 1
  br label %inner
last:
  %scaled = fmul {real} %sum, %alpha
  %fresh = fcmp oeq {real} %beta, 0.0
  br i1 %fresh, label %store, label %kept
kept:
  %before = load {real}, ptr %place.c, align 1
  %part = fmul {real} %before, %beta
  %whole = fadd {real} %part, %scaled
  br label %store
store:
  %result = phi {real} [ %scaled, %last ], [ %whole, %kept ]
  store {real} %result, ptr %place.c, align 1
  %j.next = add i64 %j, 1
  br label %columns
row.done:
  %i.next = add i64 %i, 1
  br label %rows
exit:
  ret i1 true
}}
"""

_WRAPPER = """\
define i64 @{name}(ptr %args, i64 %begin, i64 %end, i64 %chunk) nounwind {{
entry:
{words}
  %scaled = icmp ne ptr %scale, null
  br i1 %scaled, label %read, label %ready
read:
  %number = load {real}, ptr %scale, align 1
  %times = fmul {real} %number, %factor
  br label %ready
ready:
  %alpha = phi {real} [ %factor, %entry ], [ %times, %read ]
  %ta = trunc i64 %transposed.a to i32
  %tb = trunc i64 %transposed.b to i32
  %some.rows = icmp sgt i64 %m, 0
  %some.columns = icmp sgt i64 %n, 0
  %some = and i1 %some.rows, %some.columns
  br i1 %some, label %loop, label %exit
loop:
  %index = phi i64 [ %begin, %ready ], [ %index.next, %next ]
  %more = icmp slt i64 %index, %end
  br i1 %more, label %body, label %exit
body:
{batch}
  %zero = fcmp oeq {real} %alpha, 0.0
  br i1 %zero, label %check, label %product
check:
  %plain.a = icmp eq i64 %transposed.a, 111
  %ar = select i1 %plain.a, i64 %lda, i64 1
  %ac = select i1 %plain.a, i64 1, i64 %lda
  %plain.b = icmp eq i64 %transposed.b, 111
  %br = select i1 %plain.b, i64 %ldb, i64 1
  %bc = select i1 %plain.b, i64 1, i64 %ldb
  %handled = call i1 @{zero}(ptr %a, ptr %b, ptr %c, i64 %m, i64 %n, i64 %k, i64 %ar, i64 %ac, i64 %br, i64 %bc, i64 %ldc, \
{real} %alpha, {real} %beta)
  br i1 %handled, label %next, label %product
product:
  call void %gemm(i32 101, i32 %ta, i32 %tb, i64 %m, i64 %n, i64 %k, {real} %alpha, ptr %a, i64 %lda, ptr %b, i64 %ldb, \
{real} %beta, ptr %c, i64 %ldc)
  br label %next
next:
  %index.next = add i64 %index, 1
  br label %loop
exit:
  ret i64 0
}}
"""


def word(name: str, type_: str, position: int) -> str:
    """The instructions that read one word of the argument block.

    >>> word("m", "i64", 7)
    '  %m.word = getelementptr i64, ptr %args, i64 7\\n  %m = load i64, ptr %m.word, align 8'
    """
    return f"  %{name}.word = getelementptr i64, ptr %args, i64 {position}\n  %{name} = load {type_}, ptr %{name}.word, align 8"


def batch_lines(levels: int, position: int) -> list[str]:
    """Instructions that turn the flat `%index` of a batch into the pointers `%a %b %c`, from the bases `%first %second %result`.

    From `position` on, the argument block has four words a level: its extent, and the byte strides of the three operands.
    """
    lines = []
    rest = "%index"
    offsets: dict[str, str] = {}
    for level in reversed(range(levels)):
        here = position + 4 * level
        lines += [word(f"{role}.stride{level}", "i64", here + 1 + number) for number, role in enumerate("abc")]
        if level:
            lines.append(word(f"extent{level}", "i64", here))
            lines.append(f"  %rest{level} = udiv i64 {rest}, %extent{level}")
            lines.append(f"  %at{level} = urem i64 {rest}, %extent{level}")
            turn, rest = f"%at{level}", f"%rest{level}"
        else:
            turn = rest
        for role in "abc":
            lines.append(f"  %{role}.move{level} = mul i64 {turn}, %{role}.stride{level}")
            if role in offsets:
                lines.append(f"  %{role}.sum{level} = add i64 {offsets[role]}, %{role}.move{level}")
                offsets[role] = f"%{role}.sum{level}"
            else:
                offsets[role] = f"%{role}.move{level}"
    for role, base in zip("abc", ("first", "second", "result"), strict=True):
        lines.append(f"  %{role} = getelementptr i8, ptr %{base}, i64 {offsets.get(role, '0')}")
    return lines


@functools.cache
def blas_part(type_: str, levels: int) -> Part:
    """The wrapper around `cblas_dgemm` or `cblas_sgemm` for a batch of `levels` dimensions; one serves all sizes.

    Its words: the address of gemm; pointers to first, second, result, and to the number that scales (or 0); the bits of factor
    and keep; m, n, k; 111 or 112 (transposed) for first and second; the leading dimensions in elements; then for each level of
    the batch its extent and three byte strides. [begin, end) is a range of the batch, flattened; without one it is [0, 1).

    >>> blas_part("f64", 0).name
    'product_blas_f64_0'
    """
    name, real = f"product_blas_{type_}_{levels}", REGISTERS[type_]
    zero = f"{_ZERO}_{type_}"
    pointers = ("gemm", "first", "second", "result", "scale")
    sizes = ("m", "n", "k", "transposed.a", "transposed.b", "lda", "ldb", "ldc")
    lines = [word(title, "ptr", position) for position, title in enumerate(pointers)]
    lines += [word("factor", real, 5), word("beta", real, 6)]
    lines += [word(title, "i64", 7 + position) for position, title in enumerate(sizes)]
    text = _WRAPPER.format(
        name=name, real=real, zero=zero, words="\n".join(lines), batch="\n".join(batch_lines(levels, FIXED_WORDS))
    )
    return Part(
        name,
        text,
        frozenset({f"declare {real} @llvm.fabs.{type_}({real})"}),
        {zero: _TIMES_ZERO.format(name=zero, real=real, type=type_)},
        frozenset(),
    )
