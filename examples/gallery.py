"""All worked examples, derived and written as a small site: OUT/gallery/index.html, in English and Korean."""

from __future__ import annotations

import sys

from chainrule.cli.main import main as chainrule
from output import parse_arguments


def main(arguments: list[str] | None = None) -> int:
    """Write the gallery as `chainrule gallery` does, and say where; 1 when an equality does not hold."""
    options = parse_arguments(__doc__ or "", arguments)
    return chainrule(["gallery", str(options.output / "gallery")])


if __name__ == "__main__":
    sys.exit(main())
