"""Where the examples write: one folder, each file there whole or not at all."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def parse_arguments(description: str, arguments: list[str] | None = None) -> argparse.Namespace:
    """The options of every example: `--output FOLDER` (default `out`), and `--quick` for less work."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument(
        "--output", type=Path, default=Path("out"), metavar="FOLDER", help="where files go (default: out)"
    )
    parser.add_argument("--quick", action="store_true", help="less work, so a rougher result")
    return parser.parse_args(arguments)


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A place to write beside `path`, moved onto it at the end, so that a reader never meets half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield unfinished
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)
