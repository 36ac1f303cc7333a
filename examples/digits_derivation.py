"""One step of the digits network, derived: the chain rule through its loss in a dozen lines, each of them checked.

The loss is the one that `digits.py` trains with, on its first mini-batch of 16 images. Writes the derivation at summary
level as `digits_derivation.html` and `digits_derivation.md`.
"""

from __future__ import annotations

import sys

import numpy as np
from rich.console import Console

import chainrule as cr
import digits
from output import parse_arguments


def main(arguments: list[str] | None = None) -> int:
    """Derive, write both files and say where they are; 1 when an equality does not hold."""
    options = parse_arguments(__doc__ or "", arguments)
    console = Console()
    images, labels, _, _ = digits.load()
    parameters = digits.initial_parameters(np.random.default_rng(0))
    derivation = cr.derive(digits.loss, parameters, images[:16], labels[:16], wrt=0, level="summary", lr=0.1)
    options.output.mkdir(parents=True, exist_ok=True)
    written = [derivation.save(options.output / f"digits_derivation.{ending}") for ending in ("html", "md")]
    held, total = derivation.verified
    console.print(f"{len(derivation.steps)} steps, {held} of {total} equalities hold.", highlight=False)
    for path in written:
        console.print(f"The derivation: {path}", highlight=False, soft_wrap=True)
    return 0 if derivation.holds else 1


if __name__ == "__main__":
    sys.exit(main())
