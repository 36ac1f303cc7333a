"""The program `chainrule`: arguments in, an exit code out. 0 fine, 1 the verdict is bad, 2 the call was wrong."""

from __future__ import annotations

import argparse
import io
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import chainrule as cr
from chainrule.cli import derive, gallery
from chainrule.errors import ChainruleError

VERBS = (derive, gallery)
STANDARD_LIBRARY = Path(os.__file__).parent

DESCRIPTION = "Exact derivatives of plain NumPy code, and the chain rule behind them."
EPILOGUE = """\
A target is an expression with values, or a function in a file with its inputs:
  chainrule derive "(x + y) * z" x=-2 y=5 z=-4
  chainrule derive "q = W @ x; sum(q**2)" "W=[[0.1,0.5],[-0.3,0.8]]" "x=[0.2,0.4]"
  chainrule derive model.py:loss --inputs data.npz --wrt W1,W2

The worked examples of teaching posts, all of them, as a small site:
  chainrule gallery out/gallery

Exit code: 0 fine, 1 the verdict is bad, 2 the call was wrong.
"""


def parser() -> argparse.ArgumentParser:
    """The arguments of `chainrule` and of its verbs.

    >>> parser().parse_args(["derive", "x**2", "x=3"]).values
    ['x=3']
    """
    top = argparse.ArgumentParser(
        prog="chainrule",
        description=DESCRIPTION,
        epilog=EPILOGUE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    top.add_argument("--version", action="version", version=f"chainrule {cr.__version__}")
    verbs = top.add_subparsers(title="verbs", metavar="VERB", dest="verb", required=True)
    for verb in VERBS:
        verb.add_to(verbs)
    return top


def parse(words: Sequence[str]) -> argparse.Namespace:
    """The arguments, where an expression may begin with a minus sign and values may stand between the options.

    >>> parse(["derive", "-x**2", "--lang", "ko", "x=3"]).target
    '-x**2'
    """
    top = parser()
    # argparse takes a word with a space in front for what it is: no option.
    shielded = [
        f" {word}" if word[:1] == "-" and word[1:2] not in ("-", "") and word != "-h" else word for word in words
    ]
    arguments, left_over = top.parse_known_args(shielded)
    wrong = [word for word in left_over if word.startswith("-") or not hasattr(arguments, "values")]
    if wrong:
        top.error(f"unrecognized arguments: {' '.join(wrong)}")
    if left_over:
        arguments.values = [*arguments.values, *left_over]
    if hasattr(arguments, "target"):
        arguments.target = arguments.target.strip()
    return arguments


def main(words: Sequence[str] | None = None) -> int:
    """Run the command line; the exit code is returned, except that argparse itself exits with 2, and 0 after --help."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that has no θ shows a question mark, not a traceback
    arguments = parse(sys.argv[1:] if words is None else words)
    try:
        return arguments.run(arguments)
    except BrokenPipeError:  # the reader has seen enough: `chainrule derive ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 130
    except (ChainruleError, np.linalg.LinAlgError) as error:
        print(f"chainrule {arguments.verb}: {error}", file=sys.stderr)
        return 2
    except Exception as error:  # the user's own program
        if isinstance(error, AssertionError) or not _from_the_user(error):
            raise
        print(f"chainrule {arguments.verb}: the program stops with an error: {_last_line(error)}", file=sys.stderr)
        return 2


def _from_the_user(error: BaseException) -> bool:
    """Whether the error was raised below a frame that is not chainrule's: the user's program, not ours."""
    return _user_frame(error) is not None


def _user_frame(error: BaseException) -> traceback.FrameSummary | None:
    package = Path(__file__).resolve().parent.parent
    inside = False
    found = None
    for frame in traceback.extract_tb(error.__traceback__):
        ours = package in Path(frame.filename).parents
        inside = inside or ours
        library = "site-packages" in frame.filename or STANDARD_LIBRARY in Path(frame.filename).parents
        if inside and not ours and not library and frame.filename[:1] != "<":
            found = frame
    return found


def _last_line(error: BaseException) -> str:
    frame = _user_frame(error)
    said = f"{type(error).__name__}: {error}".rstrip(": ")
    return said if frame is None else f"{frame.filename}, line {frame.lineno}: {frame.line} — {said}"
