"""The names of the native mathematics in, LLVM functions of one element out, which its loop vectoriser widens."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.run.native import engine, error_function, exponentials, logarithms, powers, rare, trigonometry
from chainrule.run.native.instructions import FORMATS, Body, Value

UNARY: dict[str, Callable[[Body, Value], Value]] = {
    "cos": trigonometry.cos,
    "erf": error_function.erf,
    "exp": exponentials.exp,
    "exp2": exponentials.exp2,
    "expm1": exponentials.expm1,
    "log": logarithms.log,
    "log1p": logarithms.log1p,
    "log2": logarithms.log2,
    "rsqrt": powers.rsqrt,
    "sigmoid": exponentials.sigmoid,
    "sin": trigonometry.sin,
    "sqrt": powers.sqrt,
    "tanh": exponentials.tanh,
}
BINARY: dict[str, Callable[[Body, Value, Value], Value]] = {"power": powers.power}
HUGE = ("cos", "sin")  # large arguments go to a function of their own
REALS = {"float32": "float", "float64": "double"}


@dataclass(frozen=True)
class Definitions:
    """LLVM text of functions and constants by name, the declarations that they need, and the names to keep alive."""

    parts: Mapping[str, str]
    declarations: frozenset[str]
    used: tuple[str, ...]

    @property
    def text(self) -> str:
        """Everything as text, to be put in front of a module's own functions; only once in a module.

        >>> "define internal double @cr.exp.f64" in declare_math([("exp", float)], engine.target()).text
        True
        """
        kept = ", ".join(f"ptr @{name}" for name in self.used)
        array = f"[{len(self.used)} x ptr] [{kept}]"
        keep = [f'@llvm.compiler.used = appending global {array}, section "llvm.metadata"\n'] if self.used else []
        return "\n".join([*sorted(self.declarations), "", *self.parts.values(), *keep])


def real_type(dtype: Any) -> str:
    """LLVM's name of a dtype that has native mathematics; TypeError for the others.

    >>> real_type(np.float64)
    'double'
    """
    name = np.dtype(dtype).name
    if name not in REALS:
        raise TypeError(f"Native mathematics exists for float32 and float64, not for {name}: call NumPy there.")
    return REALS[name]


def symbol(name: str, dtype: Any) -> str:
    """The name of a function in LLVM's text: it takes and returns one element.

    >>> symbol("tanh", np.float32)
    'cr.tanh.f32'
    """
    return f"cr.{name}.{FORMATS[real_type(dtype)].name}"


@functools.cache
def _definition(name: str, real: str, fused: bool) -> Definitions:
    body = Body(real, fused)
    function = f"cr.{name}.{body.format.name}"
    x = body.argument("x")
    body.result(UNARY[name](body, x) if name in UNARY else BINARY[name](body, x, body.argument("y")))
    parts = {function: body.text(function)}
    if name not in HUGE:
        return Definitions(parts, frozenset(body.declarations), ())
    slow = Body("double", fused)
    slow.result(trigonometry.huge(slow, slow.argument("x"), name))
    parts[trigonometry.TABLE] = trigonometry.table()
    parts[f"cr.{name}.huge"] = slow.text(f"cr.{name}.huge", "noinline cold")
    limit = trigonometry.CONSTANTS[real].limit
    parts[f"{function}.rare"] = rare.definitions(function, body.format, limit, f"cr.{name}.huge")
    declarations = frozenset((*body.declarations, *slow.declarations, *rare.declarations(body.format)))
    return Definitions(parts, declarations, rare.vector_names(function, real))


def declare_math(functions: Iterable[tuple[str, Any]], for_target: engine.Target) -> Definitions:
    """The functions (name, dtype) of one element, which `symbol` names, as LLVM text for a processor.

    They are branch-free and always inlined, so that the loop vectoriser widens a loop around them; a value does not
    depend on where in the loop it is computed. NaN, infinities and signed zeros are NumPy's.

    >>> sorted(declare_math([("exp", np.float32), ("log", np.float64)], engine.target()).parts)
    ['cr.exp.f32', 'cr.log.f64']
    """
    parts: dict[str, str] = {}
    declarations: set[str] = set()
    used: list[str] = []
    for name, dtype in dict.fromkeys((name, np.dtype(dtype)) for name, dtype in functions):
        found = _definition(name, real_type(dtype), for_target.fused)
        parts.update(found.parts)
        declarations.update(found.declarations)
        used.extend(found.used)
    return Definitions(parts, frozenset(declarations), tuple(used))


LOOP = """
define void @loop(ptr %out, {pointers}, i64 %size) nounwind {{
entry:
  %empty = icmp eq i64 %size, 0
  br i1 %empty, label %done, label %each
each:
  %i = phi i64 [ 0, %entry ], [ %next, %each ]
{loads}
  %result = call {real} @{symbol}({values})
  %target = getelementptr {real}, ptr %out, i64 %i
  store {real} %result, ptr %target, align 1, !llvm.access.group !0
  %next = add nuw i64 %i, 1
  %last = icmp eq i64 %next, %size
  br i1 %last, label %done, label %each, !llvm.loop !1
done:
  ret void
}}
!0 = distinct !{{}}
!1 = distinct !{{!1, !2, !3}}
!2 = !{{!"llvm.loop.parallel_accesses", !0}}
!3 = !{{!"llvm.loop.interleave.count", i32 {interleave}}}
"""


def loop_text(name: str, dtype: Any, for_target: engine.Target) -> str:
    """A module with the function `loop(out, x[, y], size)` over contiguous arrays; `out` may be one of the inputs."""
    real = real_type(dtype)
    definitions = declare_math([(name, dtype)], for_target)
    letters = ("x",) if name in UNARY else ("x", "y")
    loads = "\n".join(
        f"  %{x}.at = getelementptr {real}, ptr %{x}, i64 %i\n"
        f"  %{x}.value = load {real}, ptr %{x}.at, align 1, !llvm.access.group !0"
        for x in letters
    )
    loop = LOOP.format(
        pointers=", ".join(f"ptr %{x}" for x in letters),
        loads=loads,
        real=real,
        symbol=symbol(name, dtype),
        # Four vectors under way hide the latency of the polynomials; float32's power has no registers for so many.
        interleave=2 if (name, real) == ("power", "float") else 4,
        values=", ".join(f"{real} %{x}.value" for x in letters),
    )
    return definitions.text + loop


@functools.cache
def _compiled(name: str, dtype: Any, kind: str) -> Any:
    chosen = engine.target(kind)
    library = engine.load(engine.object_code(loop_text(name, dtype, chosen), chosen), ("loop",))
    pointers = [ctypes.c_void_p] * (2 if name in UNARY else 3)
    return engine.function(library, "loop", *pointers, ctypes.c_int64)


def _check(name: str, dtype: np.dtype[Any], *arrays: np.ndarray) -> None:
    for array in arrays:
        if array.dtype != dtype or array.shape != arrays[0].shape or not array.flags.c_contiguous:
            raise ValueError(
                f"{name} was compiled for contiguous arrays of {dtype} of one shape, and was called with "
                f"{', '.join(f'{each.dtype} {each.shape}' for each in arrays)}. Pass copies made by np.ascontiguousarray."
            )


def compile_unary(name: str, dtype: Any, kind: str = "host") -> Callable[[np.ndarray, np.ndarray], None]:
    """A function of one argument as `call(out, x)` over contiguous arrays of one dtype and shape; `out` may be `x`.

    >>> x = np.linspace(-1, 1, 5)
    >>> compile_unary("tanh", x.dtype)(x, x)
    >>> x.round(4).tolist()
    [-0.7616, -0.4621, 0.0, 0.4621, 0.7616]
    """
    dtype = np.dtype(dtype)
    loop = _compiled(name, dtype, kind)

    def call(out: np.ndarray, x: np.ndarray) -> None:
        _check(name, dtype, out, x)
        loop(out.ctypes.data, x.ctypes.data, x.size)

    return call


def compile_binary(name: str, dtype: Any, kind: str = "host") -> Callable[[np.ndarray, np.ndarray, np.ndarray], None]:
    """A function of two arguments as `call(out, x, y)` over contiguous arrays of one dtype and shape.

    >>> x = np.array([4.0, 9.0, 2.0])
    >>> compile_binary("power", x.dtype)(x, x, np.array([0.5, 0.5, -1.0]))
    >>> x.tolist()
    [2.0, 3.0, 0.5]
    """
    dtype = np.dtype(dtype)
    loop = _compiled(name, dtype, kind)

    def call(out: np.ndarray, x: np.ndarray, y: np.ndarray) -> None:
        _check(name, dtype, out, x, y)
        loop(out.ctypes.data, x.ctypes.data, y.ctypes.data, x.size)

    return call
