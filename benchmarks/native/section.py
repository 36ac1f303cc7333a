"""*What was measured in, the part of `docs/benchmarks.md` about native code out.*"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.native import tables
from benchmarks.report import markdown

BEGIN, END = "<!-- native code: begin -->", "<!-- native code: end -->"
PICTURE = "benchmarks.svg"

HEAD = """\
## Native code against the peers

`cr.compile` and `cr.scan` on the works that were set as bounds, all contestants in one run:
`python -m benchmarks --measures native` writes this part (`--works tiny,digits` measures some of it on the terminal, `--quick`
tries whether it runs, `--skip-slow` leaves JAX's chain out, which takes it about a minute).
"""

METHOD = """\
How: every contestant computes in float64, and its numbers are compared with NumPy's by hand before it is timed (beyond 10⁻⁸ it
is not); the hand-written gradients are themselves held against central differences. Each library has a process of its own; in each
round each contestant runs one batch of calls while the others wait, and the order turns. JAX's parameters are donated and its
loops are `lax.scan`; it is waited for once at the end of a batch, or at each call in the form that says so. PyTorch runs eagerly,
in the leanest form found and with its modules. The chainrule side is the plain NumPy function in `cr.compile`.

With several threads two libraries of threads in one process, such as NumPy's and SciPy's own OpenBLAS in the fit by L-BFGS, wait for
each other, and everybody's threads wait for other programs of the machine; the tables with one thread are free of that.
Only JAX has no switch for one thread that works (XLA's flags are set, and its products took two cores all the same): in those tables it
is measured with all cores, against one thread of everybody else.
"""


def section(measured: Mapping[str, Any], machine: Mapping[str, Any], picture: bool) -> str:
    """The part with its marks, from BEGIN to END; the same results give the same text."""
    parts = [BEGIN, HEAD]
    if picture:
        parts.append(f"![Times of the peers over those of chainrule]({PICTURE})\n")
    told = [
        f"{machine['date']}, {machine['system']}, {machine['processor']}, {machine['cores']} cores.",
        *tables.remarks(measured),
    ]
    parts.append("\n".join(f"- {sentence}" for sentence in told) + "\n")
    parts += [markdown(grid) for grid in tables.grids(measured)]
    return "\n".join([*parts, METHOD, END])


def put_into(page: str, new: str) -> str:
    """The page with its part about native code replaced, or with the part at its end.

    >>> put_into("# Page\\n", f"{BEGIN}\\nnew\\n{END}").count("new")
    1
    """
    if BEGIN in page and END in page:
        before, _, rest = page.partition(BEGIN)
        _, _, after = rest.partition(END)
        return before + new + after
    return page.rstrip("\n") + "\n\n" + new + "\n"
