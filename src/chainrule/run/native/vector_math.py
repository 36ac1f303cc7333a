"""One element operation in, a compiled loop over contiguous arrays out: how the native mathematics is tested and measured."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.lower.kernel import SIZES, TYPE_OF
from chainrule.run.native import engine
from chainrule.run.native.element_functions import BINARY, UNARY
from chainrule.run.native.elements import apply
from chainrule.run.native.formats import REGISTERS
from chainrule.run.native.instructions import Body, Value

LOOP = """
define void @loop(ptr %out, {pointers}, i64 %size) nounwind {{
entry:
  %wide.end = and i64 %size, -{step}
  %none = icmp eq i64 %wide.end, 0
  br i1 %none, label %rest, label %wide
wide:
  %i{step} = phi i64 [ 0, %entry ], [ %wide.next, %wide ]
{wide}
  %wide.next = add nuw i64 %i{step}, {step}
  %wide.last = icmp eq i64 %wide.next, %wide.end
  br i1 %wide.last, label %rest, label %wide
rest:
  %finished = icmp eq i64 %wide.end, %size
  br i1 %finished, label %done, label %each
each:
  {single} = phi i64 [ %wide.end, %rest ], [ %next, %each ]
{each}
  %next = add nuw i64 {single}, 1
  %last = icmp eq i64 %next, %size
  br i1 %last, label %done, label %each, !llvm.loop !1
done:
  ret void
}}
!1 = distinct !{{!1, !2, !3}}
!2 = !{{!"llvm.loop.vectorize.width", i32 1}}
!3 = !{{!"llvm.loop.unroll.disable"}}
"""


def real_type(dtype: Any) -> str:
    """LLVM's name of a dtype that has native mathematics; TypeError for the others.

    >>> real_type(np.float64)
    'double'
    """
    name = np.dtype(dtype).name
    if TYPE_OF.get(name) not in ("f32", "f64"):
        raise TypeError(f"Native mathematics exists for float32 and float64, not for {name}: call NumPy there.")
    return REGISTERS[TYPE_OF[name]]


def register_bytes(for_target: engine.Target) -> int:
    """The length of the processor's vector registers.

    >>> register_bytes(engine.target(engine.AARCH64))
    16
    """
    features = for_target.features.split(",")
    if "+avx512f" in features:
        return 64
    return 32 if "+avx2" in features else 16


def loop_text(
    operation: str, types: tuple[str, ...], result: str, for_target: engine.Target, width: int = 0, detail: Any = None
) -> str:
    """A module with the function `loop(out, x0, …, size)` over contiguous arrays; `out` may be one of the inputs.

    Types are those of kernels. Without a width the vectors fill two registers, whose chains of operations run side by side.
    """
    width = width or 2 * register_bytes(for_target) // max(
        map(SIZES.__getitem__, (*(t for t in types if t != "b1"), result, "f32"))
    )
    body = Body("double", for_target.fused, width)

    def turn(part: Body) -> str:
        arguments = [_load(part, type_, f"%x{k}") for k, type_ in enumerate(types)]
        _store(part, result, apply(part, operation, result, arguments, detail))
        text = "\n".join(part.lines)
        part.lines.clear()
        return text

    loop = LOOP.format(
        pointers=", ".join(f"ptr %x{k}" for k in range(len(types))),
        step=width,
        single="%i1" if width > 1 else "%unused",
        wide=turn(body),
        each=turn(body.at_width(1)) if width > 1 else "",
    )
    return "\n".join([*sorted(body.declarations), "", *body.functions.values(), loop])


def _place(body: Body, element: str, pointer: str) -> Value:
    return body.emit("ptr", f"getelementptr {element}, ptr {pointer}, i64 %i{body.width}")


def _load(body: Body, type_: str, pointer: str) -> Value:
    element = "i8" if type_ == "b1" else REGISTERS[type_]
    whole = body.typed(element)
    value = body.emit(whole, f"load {whole}, {_place(body, element, pointer)!r}, align 1")
    return value if type_ != "b1" else body.emit(body.typed("i1"), f"trunc {value!r} to {body.typed('i1')}")


def _store(body: Body, type_: str, value: Value) -> None:
    element = REGISTERS[type_]
    if type_ == "b1":
        element = "i8"
        value = body.emit(body.typed("i8"), f"zext {value!r} to {body.typed('i8')}")
    body.lines.append(f"  store {value!r}, {_place(body, element, '%out')!r}, align 1")


@functools.cache
def _compiled(operation: str, types: tuple[str, ...], result: str, kind: str, width: int, detail: Any) -> Any:
    chosen = engine.target(kind)
    text = loop_text(operation, types, result, chosen, width, detail)
    library = engine.load(engine.object_code(text, chosen), ("loop",))
    return engine.function(library, "loop", *[ctypes.c_void_p] * (len(types) + 1), ctypes.c_int64)


def compile_operation(
    operation: str,
    dtypes: tuple[Any, ...],
    result: Any,
    kind: str = "host",
    width: int = 0,
    detail: tuple[tuple[str, Any], ...] | None = None,
) -> Callable[..., None]:
    """An element operation as `call(out, *arguments)` over contiguous arrays of these dtypes and one shape.

    >>> out = np.empty(3, bool)
    >>> compile_operation("less", (float, float), bool)(out, np.array([1.0, 2.0, 3.0]), np.array([2.0, 2.0, 2.0]))
    >>> out.tolist()
    [True, False, False]
    """
    expected = tuple(np.dtype(dtype) for dtype in (result, *dtypes))
    names = tuple(TYPE_OF[dtype.name] for dtype in expected)
    loop = _compiled(operation, names[1:], names[0], kind, width, detail)

    def call(*arrays: np.ndarray) -> None:
        for array, dtype in zip(arrays, expected, strict=True):
            if array.dtype != dtype or array.shape != arrays[0].shape or not array.flags.c_contiguous:
                raise ValueError(
                    f"{operation} was compiled for contiguous arrays of {', '.join(map(str, expected))} of one shape, and was called "
                    f"with {', '.join(f'{each.dtype} {each.shape}' for each in arrays)}. Pass copies made by np.ascontiguousarray."
                )
        loop(*(array.ctypes.data for array in arrays), arrays[0].size)

    return call


def compile_unary(name: str, dtype: Any, kind: str = "host") -> Callable[[np.ndarray, np.ndarray], None]:
    """A function of one real argument as `call(out, x)` over contiguous arrays of one dtype and shape; `out` may be `x`.

    >>> x = np.linspace(-1, 1, 5)
    >>> compile_unary("tanh", x.dtype)(x, x)
    >>> x.round(4).tolist()
    [-0.7616, -0.4621, 0.0, 0.4621, 0.7616]
    """
    real_type(dtype)
    return compile_operation(name, (dtype,), dtype, kind)


def compile_binary(name: str, dtype: Any, kind: str = "host") -> Callable[[np.ndarray, np.ndarray, np.ndarray], None]:
    """A function of two real arguments as `call(out, x, y)` over contiguous arrays of one dtype and shape.

    >>> x = np.array([4.0, 9.0, 2.0])
    >>> compile_binary("power", x.dtype)(x, x, np.array([0.5, 0.5, -1.0]))
    >>> x.tolist()
    [2.0, 3.0, 0.5]
    """
    real_type(dtype)
    return compile_operation(name, (dtype, dtype), dtype, kind)


__all__ = [
    "BINARY",
    "UNARY",
    "compile_binary",
    "compile_operation",
    "compile_unary",
    "loop_text",
    "real_type",
    "register_bytes",
]
