"""Native functions by hand, for the tests of what loads and runs them."""

from __future__ import annotations

import ctypes

import numpy as np

from chainrule.run.native import runner
from chainrule.run.native.modules import Part, load_functions

HELPER = {
    "cr.third": "define internal double @cr.third(double %x) noinline {\n  %y = fdiv double %x, 3.0\n  ret double %y\n}\n"
}


def adding(number: int) -> Part:
    """A part whose function gives tan(x) / 3 plus a number; it calls a helper and the C library, and reads a table."""
    name = f"adding{number}"
    text = f"""
@table{number} = internal constant [4 x double] [double {number}.0, double {number}.5, double 7.0, double 8.0]
define double @{name}(double %x, i64 %i) {{
  %t = call double @tan(double %x)
  %y = call double @cr.third(double %t)
  %at = getelementptr [4 x double], ptr @table{number}, i64 0, i64 %i
  %number = load double, ptr %at
  %z = fadd double %y, %number
  ret double %z
}}
"""
    return Part(name, text, frozenset({"declare double @tan(double)"}), HELPER, frozenset({"tan"}))


def called(address: int, x: float, index: int) -> float:
    return ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double, ctypes.c_int64)(address)(x, index)


# y[i] = x[i] · 2 / 3 + 1, and the sum of a chunk to sums[chunk]; the code is 0 except where a chunk holds a bad number (NaN).
AXPY = Part(
    "axpy",
    """define i64 @axpy(ptr %args, i64 %begin, i64 %end, i64 %chunk) nounwind {
entry:
  %x = load ptr, ptr %args
  %y_at = getelementptr i64, ptr %args, i64 1
  %y = load ptr, ptr %y_at
  %sums_at = getelementptr i64, ptr %args, i64 2
  %sums = load ptr, ptr %sums_at
  br label %check
check:
  %i = phi i64 [ %begin, %entry ], [ %next, %loop ]
  %sum = phi double [ 0.0, %entry ], [ %added, %loop ]
  %more = icmp slt i64 %i, %end
  br i1 %more, label %loop, label %done
loop:
  %from = getelementptr double, ptr %x, i64 %i
  %value = load double, ptr %from
  %twice = fmul double %value, 2.0
  %third = fdiv double %twice, 3.0
  %result = fadd double %third, 1.0
  %to = getelementptr double, ptr %y, i64 %i
  store double %result, ptr %to
  %added = fadd double %sum, %result
  %next = add i64 %i, 1
  br label %check
done:
  %place = getelementptr double, ptr %sums, i64 %chunk
  store double %sum, ptr %place
  %bad = fcmp uno double %sum, %sum
  %number = add i64 %chunk, 10
  %code = select i1 %bad, i64 %number, i64 0
  ret i64 %code
}
""",
)


class Step:
    """One entry of a table, on random numbers."""

    def __init__(self, size: int, chunk: int) -> None:
        self.x = np.random.default_rng(size).normal(size=size)
        self.y = np.zeros(size)
        self.sums = np.zeros(max(1, -(-size // chunk)))
        self.words = np.array([self.x.ctypes.data, self.y.ctypes.data, self.sums.ctypes.data], np.int64)
        self.entry = [load_functions([AXPY])["axpy"], self.words.ctypes.data, size, chunk]

    def is_done(self) -> bool:
        return np.array_equal(self.y, self.x * 2 / 3 + 1)


def run(*steps: Step) -> int:
    table = np.array([step.entry for step in steps], np.int64).reshape(-1, 4)
    return runner.run_table(table.ctypes.data, len(table))
