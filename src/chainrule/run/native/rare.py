"""Arguments that need a long computation and hardly occur: the vectorised loop calls for them, and only for them.

A branch would keep LLVM from vectorising a loop. A call whose function has vector forms does not: the scalar function
returns `fast` unless its argument is one of the rare ones, and its vector forms (LLVM's "vector function ABI") look
whether any lane holds one, which is one comparison and one jump; if so they go through the lanes.
"""

from __future__ import annotations

from collections.abc import Iterable

from chainrule.run.native.instructions import ATTRIBUTES, Format, literal

WIDTHS = {"float": (2, 4, 8, 16, 32), "double": (2, 4, 8, 16, 32)}

SCALAR = """
define internal {real} @{name}.rare({real} %x, {real} %fast) noinline {attributes} {{
  %size = call {real} @llvm.fabs.{form}({real} %x)
  %rare = fcmp oge {real} %size, {limit}
  br i1 %rare, label %slow, label %done
slow:
{slow}
  ret {real} %result
done:
  ret {real} %fast
}}
"""

VECTOR = """
define internal <{n} x {real}> @{name}.rare.{n}(<{n} x {real}> %x, <{n} x {real}> %fast) alwaysinline {attributes} {{
  %size = call <{n} x {real}> @llvm.fabs.v{n}{form}(<{n} x {real}> %x)
  %rare = fcmp oge <{n} x {real}> %size, splat ({real} {limit})
  %any = call i1 @llvm.vector.reduce.or.v{n}i1(<{n} x i1> %rare)
  br i1 %any, label %slow, label %done
slow:
  %result = call <{n} x {real}> @{name}.lanes.{n}(<{n} x {real}> %x, <{n} x {real}> %fast)
  ret <{n} x {real}> %result
done:
  ret <{n} x {real}> %fast
}}

define internal <{n} x {real}> @{name}.lanes.{n}(<{n} x {real}> %x, <{n} x {real}> %fast) noinline cold {attributes} {{
entry:
  br label %each
each:
  %i = phi i32 [ 0, %entry ], [ %next, %each ]
  %before = phi <{n} x {real}> [ %fast, %entry ], [ %after, %each ]
  %lane = extractelement <{n} x {real}> %x, i32 %i
  %quick = extractelement <{n} x {real}> %fast, i32 %i
  %one = call {real} @{name}.rare({real} %lane, {real} %quick)
  %after = insertelement <{n} x {real}> %before, {real} %one, i32 %i
  %next = add nuw nsw i32 %i, 1
  %last = icmp eq i32 %next, {n}
  br i1 %last, label %done, label %each
done:
  ret <{n} x {real}> %after
}}
"""


def call_attributes(name: str, real: str) -> str:
    """What a call of the scalar function says about its vector forms.

    >>> call_attributes("cr.sin.f64", "double").split(",")[0].split()[-1]
    '"vector-function-abi-variant"="_ZGV_LLVM_N2vv_cr.sin.f64.rare(cr.sin.f64.rare.2)'
    """
    forms = ",".join(f"_ZGV_LLVM_N{n}vv_{name}.rare({name}.rare.{n})" for n in WIDTHS[real])
    return f'{ATTRIBUTES} "vector-function-abi-variant"="{forms}"'


def vector_names(name: str, real: str) -> tuple[str, ...]:
    """The vector forms; nothing refers to them before the vectoriser runs, so they must be listed as used."""
    return tuple(f"{name}.rare.{n}" for n in WIDTHS[real])


def definitions(name: str, form: Format, limit: float, slow: str) -> str:
    """The scalar function and its vector forms; `slow` is the name of the function that takes and returns float64."""
    if form.real == "float":
        lines = (
            "  %wide = fpext float %x to double",
            f"  %exact = call double @{slow}(double %wide)",
            "  %result = fptrunc double %exact to float",
        )
    else:
        lines = (f"  %result = call double @{slow}(double %x)",)
    known = {
        "real": form.real,
        "form": form.name,
        "name": name,
        "limit": literal(form.real, limit),
        "attributes": ATTRIBUTES,
    }
    scalar = SCALAR.format(slow="\n".join(lines), **known)
    return scalar + "".join(VECTOR.format(n=n, **known) for n in WIDTHS[form.real])


def declarations(form: Format) -> Iterable[str]:
    """LLVM's own functions that the definitions call."""
    yield f"declare {form.real} @llvm.fabs.{form.name}({form.real})"
    for n in WIDTHS[form.real]:
        vector = f"<{n} x {form.real}>"
        yield f"declare {vector} @llvm.fabs.v{n}{form.name}({vector})"
        yield f"declare i1 @llvm.vector.reduce.or.v{n}i1(<{n} x i1>)"
