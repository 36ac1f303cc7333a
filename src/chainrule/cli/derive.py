"""`chainrule derive`: the derivation of a target, on the terminal or into a file."""

from __future__ import annotations

import argparse
import math
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np

import chainrule as cr
from chainrule.cli.functions import CallError
from chainrule.cli.target import target_of

FORMATS = ("text", "markdown", "latex", "mathml", "html", "python")
LEVELS = ("summary", "rule", "names", "numbers", "result")
ENDINGS = (".txt", ".md", ".tex", ".html", ".htm", ".py", ".pdf")
NARROWEST, WIDEST = 40, 140


def add_to(verbs: Any) -> None:
    """Add the verb and its options to the parser."""
    verb = verbs.add_parser(
        "derive",
        help="write the derivation by the chain rule, every line of it checked",
        description="Write the derivation of a program by the chain rule, in its own names, and check every line.",
        allow_abbrev=False,
    )
    verb.add_argument("target", metavar="TARGET", help="an expression such as '(x + y) * z', or FILE.py:FUNCTION")
    verb.add_argument("values", metavar="NAME=VALUE", nargs="*", help="a value: x=-2, W=[[0.1,0.5],[-0.3,0.8]]")
    verb.add_argument("--inputs", type=Path, metavar="FILE", help="values from a .json or .npz file")
    verb.add_argument("--wrt", metavar="NAMES", help="by which variables, parted by commas (default: all)")
    verb.add_argument("--level", choices=LEVELS, default="result", help="how much is written (default: %(default)s)")
    verb.add_argument("--lang", choices=("en", "ko"), default="en", help="language of the sentences (default: en)")
    verb.add_argument("--expand", action="store_true", help="small arrays element by element")
    verb.add_argument("--lr", type=_finite, metavar="NUMBER", help="end with a step of gradient descent at this rate")
    verb.add_argument(
        "--above",
        type=_finite,
        metavar="NUMBER",
        help="what arrives from above at each element of the result (default: 1)",
    )
    verb.add_argument("--format", choices=FORMATS, default="text", help="what is printed (default: text)")
    verb.add_argument(
        "--output", type=Path, metavar="PATH", help="write a file, by its ending: .txt .md .tex .html .py .pdf"
    )
    verb.add_argument("--no-color", action="store_true", help="no colours on the terminal")
    verb.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Derive and print or write; 1 where an equality of the derivation does not hold, or where the program raised."""
    if arguments.output is not None:
        _check_ending(arguments.output)
    target = target_of(arguments.target, arguments.values, arguments.inputs)
    options: dict[str, Any] = {
        "wrt": _names(arguments.wrt, tuple(target.arguments)),
        "expand": arguments.expand,
        "lang": arguments.lang,
        "level": arguments.level,
        "lr": arguments.lr,
    }
    with np.errstate(all="ignore"):  # a NaN stands in the derivation, where it says more than a warning does
        above = arguments.above
        if above is not None:
            above = np.full(np.shape(target.function(*target.positional)), above)
        derivation = cr.derive(target.function, *target.positional, **options, above=above)
    if arguments.output is not None:
        try:
            derivation.save(arguments.output)
        except OSError as error:
            raise CallError(f"{arguments.output} cannot be written: {error.strerror or error}.") from None
        print(arguments.output)
    else:
        print(_written(derivation, arguments).rstrip("\n"))
        sys.stdout.flush()  # so that a reader who has gone is noticed here, and not when Python ends
    return 0 if derivation.holds else 1


def _written(derivation: Any, arguments: argparse.Namespace) -> str:
    if arguments.format != "text":
        return getattr(derivation, arguments.format)()
    return derivation.text(width=_width(), color=_colours(arguments))


def _width() -> int:
    """The width of the terminal, or of COLUMNS; 100 where the text goes into a pipe or a file."""
    columns = shutil.get_terminal_size((100, 24)).columns if sys.stdout.isatty() or "COLUMNS" in os.environ else 100
    return min(max(columns, NARROWEST), WIDEST)


def _finite(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise argparse.ArgumentTypeError(f"{text.strip()!r} is no finite number. Write one, such as 0.1.")
    return number


def _check_ending(path: Path) -> None:
    if path.suffix.lower() not in ENDINGS:
        raise CallError(f"--output {path}: what should be written? Let the name end in one of {', '.join(ENDINGS)}.")


def _names(wrt: str | None, known: tuple[str, ...]) -> tuple[str, ...] | None:
    """The names after --wrt; an error that lists the variables where one is none of them.

    >>> _names("x, y", ("x", "y", "z"))
    ('x', 'y')
    """
    if wrt is None:
        return None
    names = tuple(name.strip() for name in wrt.split(",") if name.strip())
    if not names:
        raise CallError(f"--wrt names no variable. Variables: {', '.join(known)}.")
    for name in names:
        if name not in known:
            raise CallError(f"--wrt {name}: there is no such variable. Variables: {', '.join(known)}.")
    return names


def _colours(arguments: argparse.Namespace) -> bool:
    return not arguments.no_color and "NO_COLOR" not in os.environ and sys.stdout.isatty()
