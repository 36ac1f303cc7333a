"""Arguments that need a long computation and hardly occur: looked for with one comparison and one jump in a vector.

Where a lane holds such an argument, a function out of line goes through the lanes, which takes a hundred times as long.
"""

from __future__ import annotations

from chainrule.run.native.formats import ending, literal
from chainrule.run.native.instructions import ATTRIBUTES, Body, Value

SCALAR = """
define internal {real} @{name}.rare({scalars}) alwaysinline {attributes} {{
  %size = call {real} @llvm.fabs.{form}({real} %test)
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
define internal <{n} x {real}> @{name}.rare.{n}({vectors}) alwaysinline {attributes} {{
  %size = call <{n} x {real}> @llvm.fabs.v{n}{form}(<{n} x {real}> %test)
  %rare = fcmp oge <{n} x {real}> %size, splat ({real} {limit})
  %any = call i1 @llvm.vector.reduce.or.v{n}i1(<{n} x i1> %rare)
  br i1 %any, label %slow, label %done
slow:
  %result = call <{n} x {real}> @{name}.lanes.{n}({vectors})
  ret <{n} x {real}> %result
done:
  ret <{n} x {real}> %fast
}}

define internal <{n} x {real}> @{name}.lanes.{n}({vectors}) noinline cold {attributes} {{
entry:
  br label %each
each:
  %i = phi i32 [ 0, %entry ], [ %next, %each ]
  %before = phi <{n} x {real}> [ %fast, %entry ], [ %after, %each ]
{lanes}
  %one = call {real} @{name}.rare({lane_values})
  %after = insertelement <{n} x {real}> %before, {real} %one, i32 %i
  %next = add nuw nsw i32 %i, 1
  %last = icmp eq i32 %next, {n}
  br i1 %last, label %done, label %each
done:
  ret <{n} x {real}> %after
}}
"""


def replaced(body: Body, name: str, test: Value, limit: float, fast: Value, slow: str, *arguments: Value) -> Value:
    """`fast`, and where |test| ≥ limit what `slow` gives for the arguments: a function of single float64 numbers.

    >>> body = Body("double", fused=True, width=8)
    >>> x = body.argument("x")
    >>> replaced(body, "cr.f", x, 1e9, x, "cr.slow", x).type, sorted(body.functions)
    ('<8 x double>', ['cr.f.rare', 'cr.f.rare.8'])
    """
    form, n = body.format, body.width
    real = form.real
    names = ["test", "fast", *(f"x{k}" for k in range(len(arguments)))]
    if real == "float":
        wide = [f"  %wide{k} = fpext float %x{k} to double" for k in range(len(arguments))]
        values = ", ".join(f"double %wide{k}" for k in range(len(arguments)))
        lines = (*wide, f"  %exact = call double @{slow}({values})", "  %result = fptrunc double %exact to float")
    else:
        values = ", ".join(f"double %x{k}" for k in range(len(arguments)))
        lines = (f"  %result = call double @{slow}({values})",)
    known = {
        "n": n,
        "real": real,
        "form": form.name,
        "name": name,
        "limit": literal(real, limit),
        "attributes": ATTRIBUTES,
        "scalars": ", ".join(f"{real} %{each}" for each in names),
        "vectors": ", ".join(f"<{n} x {real}> %{each}" for each in names),
        "lanes": "\n".join(f"  %lane.{each} = extractelement <{n} x {real}> %{each}, i32 %i" for each in names),
        "lane_values": ", ".join(f"{real} %lane.{each}" for each in names),
        "slow": "\n".join(lines),
    }
    body.functions[f"{name}.rare"] = SCALAR.format(**known)
    body.declarations.add(f"declare {real} @llvm.fabs.{form.name}({real})")
    if n == 1:
        return body.call(body.type, f"{name}.rare", test, fast, *arguments)
    body.functions[f"{name}.rare.{n}"] = VECTOR.format(**known)
    body.declarations.add(f"declare {body.type} @llvm.fabs.{ending(body.type)}({body.type})")
    body.declarations.add(f"declare i1 @llvm.vector.reduce.or.v{n}i1(<{n} x i1>)")
    return body.call(body.type, f"{name}.rare.{n}", test, fast, *arguments)
