"""Everything that `make demo` shows, in order: a worked example, digits, linear regression, derivations."""

from __future__ import annotations

import sys
import time

from rich.console import Console

import digits
import digits_derivation
import gallery
import regression
import worked_a7

STAGES = (
    ("Worked example: the graph of f = (x + y)·z", worked_a7.main),
    ("Handwritten digits: a network in plain NumPy", digits.main),
    ("Linear regression: three ways down to least squares", regression.main),
    ("The chain rule through the digits network, derived and checked", digits_derivation.main),
    ("All worked examples as a site, in English and Korean", gallery.main),
)


def main(arguments: list[str] | None = None) -> int:
    """Run the stages with the same arguments; 1 when one of them fell short of what it promises."""
    console = Console()
    started = time.perf_counter()
    failed = []
    for number, (title, stage) in enumerate(STAGES, start=1):
        console.print()
        console.rule(f"[bold]{number} · {title}", align="left", style="dim")
        if stage(arguments):
            failed.append(title)
    console.print()
    console.print(f"Done in {time.perf_counter() - started:.1f} s.", highlight=False)
    for title in failed:
        console.print(f"[red]Fell short:[/red] {title}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
