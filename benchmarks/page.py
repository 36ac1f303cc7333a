"""*Results in, the text of `docs/benchmarks.md` out.*"""

from __future__ import annotations

import math

from benchmarks.agreement import TOLERANCE
from benchmarks.peers import PEERS
from benchmarks.report import Results, grids, markdown, remarks
from benchmarks.works import WORKS

SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")

HEAD = """\
# Benchmarks

What chainrule claims about its cost, measured. This page is written by `python -m benchmarks`; edit nothing here.

```sh
make bench                                    # installs the peers, measures everything, writes this page
python -m benchmarks --works tiny moons       # some of it, on the terminal only
python -m benchmarks --quick                  # a few seconds: does it run, do the numbers agree?
python -m benchmarks --from out/benchmarks.json   # this page again from the samples of the last run
```
"""

METHOD = """\
## How it is measured

- **The same numbers first.** Loss, gradients and the parameters after three steps of each peer are compared with
  NumPy by hand; beyond {tolerance} the peer is not timed and the run ends with exit code 1. The hand-written
  gradients are themselves compared with central differences. Float64 everywhere (`jax_enable_x64` for JAX).
- **In turns.** Each peer has a process of its own. In each round each runs one batch of steps while the others wait;
  the order turns from round to round. A sample is the mean of a batch, with the garbage collector on. Ratios are
  taken within a round; the tables show medians, with quartiles in brackets.
- **The same threads.** {threads} for every library (`--threads` changes it).
- **Warm.** Compiling and first calls are not in these figures; the JSON file has the first step of each peer apart.
- **A step** is forward, backward and the update of all parameters by gradient descent, on one batch that stays.
"""


def machine_section(results: Results) -> str:
    machine = results.machine
    versions = ", ".join(f"{name} {version}" for name, version in machine["packages"].items())
    return (
        "## Where\n\n"
        f"- {machine['date']}, {machine['system']}, {machine['processor']}, {machine['cores']} cores\n"
        f"- Python {machine['python']}, {versions}\n"
        f"- NumPy's BLAS: {machine['blas']}, {thread_words(machine['threads'])}\n"
    )


def thread_words(threads: int) -> str:
    return "one thread" if threads == 1 else f"{threads} threads"


def works_section() -> str:
    lines = ["## What", ""]
    lines += [f"- **{work.name}**: {work.title}; {loss_words(work.kind)}" for work in WORKS.values()]
    lines += [""]
    lines += [f"- **{peer.title}**: {peer.how}" for peer in PEERS.values()]
    return "\n".join(lines) + "\n"


def loss_words(kind: str) -> str:
    if kind == "moons":
        return "max-margin loss and weight decay, the step of micrograd's demo"
    return "tanh between the layers, mean squared error"


def page(results: Results) -> str:
    """The whole page; the same results give the same text."""
    sections = [HEAD]
    told = remarks(results)
    if told:
        sections.append("\n".join(f"- {sentence}" for sentence in told) + "\n")
    sections += [markdown(grid) for grid in grids(results)]
    sections += [machine_section(results), works_section()]
    sections.append(
        METHOD.format(
            tolerance=f"10{str(round(math.log10(TOLERANCE))).translate(SUPERSCRIPTS)}",
            threads=thread_words(results.machine["threads"]).capitalize(),
        )
    )
    return "\n".join(sections)
