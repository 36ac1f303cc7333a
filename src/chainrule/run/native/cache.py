"""Files that remember compiled code from one process to the next: `~/.cache/chainrule/native`, or what `CHAINRULE_CACHE` says.

A file is used only if its folder and itself belong to this user, nobody else may write to them, its head is exactly the one expected
(versions, processor), and the SHA-256 of its contents fits. Anything else is as good as absent: never an error, never executed.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import stat
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import Any

FORMAT = 1
LIMIT = 256 << 20  # bytes; beyond this the files unused for longest go
_DAY = 86_400.0
_DIGITS = 64  # of a SHA-256 in hexadecimal
_UNFINISHED = ".part"
_FOLDER_NAME = re.compile(r"[0-9a-f]{32}")
_FILE_NAME = re.compile(r"[0-9a-f]{64}|target|[\w-]+\.part")


@dataclass(frozen=True)
class Folder:
    """Where files of one kind lie, and the head that each must have; `path` is None where nothing is kept."""

    path: str | None
    head: bytes


def root() -> str | None:
    """The folder of all files, or None where the user wants none or has no home. `CHAINRULE_CACHE=off` or a path overrides it.

    >>> root() is None or root().startswith("/") or sys.platform == "win32"
    True
    """
    said = os.environ.get("CHAINRULE_CACHE", "")
    if said.lower() in ("off", "0", "no"):
        return None
    if said:
        return os.path.abspath(said)
    base = os.environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(base):
        home = os.path.expanduser("~")
        base = os.path.join(home, ".cache") if os.path.isdir(home) else ""
    return os.path.join(base, "chainrule", "native") if base else None


def folder(conditions: Sequence[str]) -> Folder:
    """The folder for what holds under these conditions only; this processor is always one of them.

    >>> folder(("version 1",)).head == folder(("version 1",)).head != folder(("version 2",)).head
    True
    """
    lines = (f"chainrule native cache {FORMAT}", *conditions, *processor())
    head = "".join(f"{line}\n" for line in lines).encode()
    base = root()
    name = hashlib.sha256(head).hexdigest()[:32]
    return Folder(os.path.join(base, name) if base else None, head)


@cache
def processor() -> tuple[str, ...]:
    """What tells this kind of processor from others, known without LLVM.

    >>> processor() == processor()
    True
    """
    lines = [sys.platform, *_numpy_features()]
    with suppress(OSError):
        descriptor = os.open("/proc/cpuinfo", os.O_RDONLY)
        try:
            first = os.read(descriptor, 1 << 14).split(b"\n\n")[0].decode(errors="replace")
        finally:
            os.close(descriptor)
        wanted = (
            "vendor_id",
            "cpu family",
            "model",
            "stepping",
            "flags",
            "Features",
            "CPU implementer",
            "CPU part",
            "CPU variant",
        )
        lines += [
            " ".join(line.split()) for line in first.split("\n") if line.split("\t")[0].split(":")[0].strip() in wanted
        ]
    return tuple(lines)


def _numpy_features() -> list[str]:
    """The features that NumPy found at its own start."""
    module = sys.modules.get("numpy._core._multiarray_umath")
    found: Any = getattr(module, "__cpu_features__", {})
    return ["numpy " + " ".join(sorted(name for name, there in found.items() if there))]


@cache
def package_version(name: str) -> str:
    """The version of an installed package, without loading it; "" where it is not installed.

    >>> package_version("no_such_package")
    ''
    """
    found = importlib.util.find_spec(name)
    if found is None or not found.origin:
        return ""
    base = os.path.dirname(found.origin)
    try:
        with open(os.path.join(base, "_version.py"), "rb") as file:
            return hashlib.sha256(file.read()).hexdigest()
    except OSError:
        return f"{os.path.getsize(found.origin)} {os.path.getmtime(found.origin)}"


def _is_private(state: os.stat_result, is_kind: Any) -> bool:
    """Of the right kind, this user's own, and nobody else may write to it."""
    if not is_kind(state.st_mode):
        return False
    if not hasattr(os, "getuid"):
        return True
    return state.st_uid == os.getuid() and not state.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def read(place: Folder, name: str) -> bytes | None:
    """The contents of a file, or None where there is none that can be trusted."""
    if place.path is None:
        return None
    path = os.path.join(place.path, name)
    try:
        if not all(_is_private(os.stat(each), stat.S_ISDIR) for each in (os.path.dirname(place.path), place.path)):
            return None
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0))
        with os.fdopen(descriptor, "rb", buffering=0) as file:
            state = os.fstat(descriptor)
            if not _is_private(state, stat.S_ISREG):
                return None
            data = file.read() or b""
    except OSError:
        return None
    start = len(place.head) + _DIGITS + 1
    if len(data) < start or not data.startswith(place.head):
        return None
    payload = data[start:]
    if hashlib.sha256(payload).hexdigest().encode() + b"\n" != data[len(place.head) : start]:
        return None
    if abs(time.time() - state.st_mtime) > _DAY:
        with suppress(OSError):
            os.utime(path)  # it is in use
    return payload


def write(place: Folder, name: str, payload: bytes, others: Sequence[str] = ()) -> bool:
    """Keep contents under a name, and under other names as well; whether that was possible."""
    if place.path is None:
        return False
    data = place.head + hashlib.sha256(payload).hexdigest().encode() + b"\n" + payload
    base = os.path.dirname(place.path)
    try:
        for each in (base, place.path):
            os.makedirs(each, 0o700, exist_ok=True)
            if not _is_private(os.stat(each), stat.S_ISDIR):
                return False
        _tidy(base, len(data))
        first = os.path.join(place.path, name)
        _put(data, first)
        for other in others:
            _name(first, os.path.join(place.path, other), data)
    except OSError:
        return False  # no room, or not ours to write
    return True


def _put(data: bytes, path: str) -> None:
    """A file, complete or not at all."""
    descriptor, temporary = tempfile.mkstemp(_UNFINISHED, "", os.path.dirname(path))  # for this user only
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        os.replace(temporary, path)
    except OSError:
        with suppress(OSError):
            os.unlink(temporary)
        raise


def _name(first: str, path: str, data: bytes) -> None:
    """A second name of the file `first`, or a copy where the file system has no such names."""
    temporary = f"{path}{os.getpid()}{_UNFINISHED}"
    try:
        os.link(first, temporary)
    except (OSError, NotImplementedError, AttributeError):
        _put(data, path)
        return
    try:
        os.replace(temporary, path)
    finally:
        with suppress(OSError):
            os.unlink(temporary)  # which is still there if `path` was a name of the same file


def _tidy(base: str, needed: int) -> None:
    """Remove what was unused for longest until there is room for so many bytes, and what writers that died left behind.

    Only files with names as this module makes them are touched: the folder may be one that holds other things.
    """
    files: dict[tuple[int, int], tuple[float, int, list[str]]] = {}
    for group in os.scandir(base):
        if not (_FOLDER_NAME.fullmatch(group.name) and group.is_dir(follow_symlinks=False)):
            continue
        for each in os.scandir(group.path):
            if not _FILE_NAME.fullmatch(each.name):
                continue
            with suppress(OSError):
                state = each.stat(follow_symlinks=False)
                if each.name.endswith(_UNFINISHED):
                    if time.time() - state.st_mtime > _DAY:
                        os.unlink(each.path)
                    continue
                files.setdefault((state.st_dev, each.inode()), (state.st_mtime, state.st_size, []))[2].append(each.path)
    total = needed + sum(size for _, size, _ in files.values())
    for _, size, paths in sorted(files.values()):
        if total <= LIMIT:
            break
        for path in paths:
            with suppress(OSError):
                os.unlink(path)
        total -= size
