"""Texts of native functions in, their addresses out: compiled once per process, and once per machine where a cache is kept.

All functions that are missing are compiled together, as one module of LLVM: helpers that several of them use are there once.
(llvmlite lets one thread at a time into LLVM, so two modules on two threads would take as long as one.)
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import re
import struct
import sys
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache as cache_result
from functools import cached_property
from typing import Any

from chainrule.run.native import cache, engine, image
from chainrule.run.native.engine import NativeCodeError, Target

_NAME = re.compile(r"@([\w.$]+)")
_DEFINED = re.compile(r"^(?:define [^@\n]*)?@([\w.$]+)", re.MULTILINE)
_NUMBERED = re.compile(r"^(?:!\d|attributes #)", re.MULTILINE)


@dataclass(frozen=True)
class Part:
    """One native function as LLVM text, `name`, with what it needs: declarations, helpers and constants by name, C functions.

    >>> Part("two", "define i64 @two() { ret i64 2 }").functions
    {}
    """

    name: str
    text: str
    declarations: frozenset[str] = frozenset()
    functions: Mapping[str, str] = field(default_factory=dict, hash=False)
    externals: frozenset[str] = frozenset()

    @cached_property
    def digest(self) -> bytes:
        """32 bytes that tell this part from others: its text, with all that it needs."""
        found = hashlib.sha256()
        for piece in (self.name, self.text, *sorted(self.declarations), "", *_sorted(self.functions)):
            found.update(b"%d\n" % len(piece))
            found.update(piece.encode())
        return found.digest()


def _sorted(functions: Mapping[str, str]) -> Iterable[str]:
    for name in sorted(functions):
        yield name
        yield functions[name]


@dataclass(frozen=True)
class Recipe:
    """A part whose text is made only where its code is not there yet: `key` says all that the text depends on, besides the target
    and the sources of `run/native` and `lower`.

    >>> recipe = Recipe("two", "the number 2", lambda: Part("two", "define i64 @two() { ret i64 2 }"))
    >>> load_functions([recipe])["two"] > 0
    True
    """

    name: str
    key: str
    make: Callable[[], Part] = field(compare=False)

    @cached_property
    def digest(self) -> bytes:
        """32 bytes that tell this recipe from others."""
        return hashlib.sha256(f"recipe {self.name}\n{self.key}".encode()).digest()


_addresses: dict[tuple[Target, bytes], int] = {}
_lock = threading.RLock()


def _renew_lock() -> None:
    """In the child of a fork the thread that held the lock is gone."""
    global _lock
    _lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)


def host_target() -> Target:
    """This machine's processor, as `engine.target()`, without loading LLVM where the cache remembers it.

    >>> host_target() == engine.target()
    True
    """
    kind = os.environ.get("CHAINRULE_NATIVE_TARGET", "host")
    if kind not in _hosts:
        place = cache.folder(("processor", f"asked for {kind}", *_makers()))
        lines = (cache.read(place, "target") or b"").decode().split("\n")
        if len(lines) == 3:
            _hosts[kind] = Target(*lines)
        else:
            found = _hosts[kind] = engine.target(kind)
            cache.write(place, "target", "\n".join((found.triple, found.cpu, found.features)).encode())
    return _hosts[kind]


_hosts: dict[str, Target] = {}


@cache_result
def _makers() -> tuple[str, ...]:
    """What the machine code depends on besides its text and its target: the versions of all that makes it."""
    here = os.path.dirname(__file__)
    files = []
    for folder in (here, os.path.join(here, "..", "..", "lower")):
        with suppress(OSError):  # in an archive: the version must do
            files += [
                (each.name, each.stat().st_mtime_ns, each.stat().st_size)
                for each in os.scandir(folder)
                if each.is_file()
            ]
    sources = hashlib.sha256(repr(sorted(files)).encode())
    version = getattr(sys.modules.get("chainrule"), "__version__", "")
    return f"chainrule {version}", f"sources {sources.hexdigest()}", f"llvmlite {cache.package_version('llvmlite')}"


def load_functions(parts: Sequence[Part | Recipe], target: Target | None = None) -> dict[str, int]:
    """The address of each part's function, by name; the code stays in memory as long as the process lives.

    ValueError where two different parts have one name or LLVM does not accept a text; NativeCodeError where there is no llvmlite,
    or the target is another processor.

    >>> address = load_functions([Part("two", "define i64 @two() { ret i64 2 }")])["two"]
    >>> ctypes.CFUNCTYPE(ctypes.c_int64)(address)()
    2
    """
    chosen = target or host_target()
    named: dict[str, Part | Recipe] = {}
    for part in parts:
        if named.setdefault(part.name, part).digest != part.digest:
            raise ValueError(f"Two different parts have the name {part.name}; names tell functions apart.")
    with _lock:
        missing = [part for part in named.values() if (chosen, part.digest) not in _addresses]
        if missing:
            _load(missing, chosen)
        return {name: _addresses[chosen, part.digest] for name, part in named.items()}


def _load(missing: Sequence[Part | Recipe], target: Target) -> None:
    if target.triple.split("-")[0] not in (
        platform.machine(),
        {"AMD64": "x86_64", "arm64": "aarch64"}.get(platform.machine()),
    ):
        raise NativeCodeError(
            f"Code for {target.triple} cannot run on this machine, whose processor is {platform.machine()}. Leave the target "
            "out to get code for this one."
        )
    folder = cache.folder(
        ("code", *_makers(), f"triple {target.triple}", f"cpu {target.cpu}", f"features {target.features}")
    )
    for part in missing:
        if (target, part.digest) not in _addresses:  # else it came with the file of an earlier one
            _remembered(cache.read(folder, part.digest.hex()), target)
    absent = {part.name: part for part in missing if (target, part.digest) not in _addresses}
    for group in _groups(part.make() if isinstance(part, Recipe) else part for part in absent.values()):
        code = engine.object_code(module_text(group), target)
        digests = {part.name: absent[part.name].digest for part in group}
        linked = image.link(code) if image.available() else None
        if linked is not None and _place(linked, digests, target):
            kept: image.Image | bytes = linked
        else:
            kept = code
            _place(code, digests, target)
        first, *others = (digest.hex() for digest in digests.values())
        cache.write(folder, first, image.pack(digests, kept), others)


def _remembered(payload: bytes | None, target: Target) -> None:
    """Bring code from the cache into memory; nothing where it is of no use."""
    if payload is not None:
        with suppress(ValueError, struct.error, RuntimeError):  # no code, or not to be linked here
            digests, code = image.unpack(payload)
            _place(code, digests, target)


def _place(code: image.Image | bytes, digests: Mapping[str, bytes], target: Target) -> bool:
    """Bring code into memory and note where its functions are; False where the system does not let an image in."""
    if isinstance(code, image.Image):
        placed = image.place(code)
        if placed is None:
            return False
    else:
        library = engine.load(code, tuple(digests))
        _keep(library)
        placed = dict(library.addresses)
    for name, digest in digests.items():
        _addresses[target, digest] = placed[name]
    return True


def _keep(owner: Any) -> None:
    """Never let go of an object, not even when the interpreter ends: threads of the pool may still be in its code."""
    for each in (owner, engine._linker()):
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(each))


def _groups(parts: Iterable[Part]) -> list[list[Part]]:
    """The parts in groups that fit in one module: what has the same name in two of them is the same."""
    groups: list[tuple[list[Part], dict[str, str]]] = []
    for part in parts:
        needs = _names(part)
        for group, names in groups:
            if all(names.get(name, text) == text for name, text in needs.items()):
                group.append(part)
                names.update(needs)
                break
        else:
            groups.append(([part], needs))
    return [group for group, _ in groups]


def _names(part: Part) -> dict[str, str]:
    """Every name that stands in a module with this part, with what it is there."""
    names = dict.fromkeys(_DEFINED.findall(part.text), part.text)
    if part.name not in names:
        raise ValueError(f"The text of the part {part.name} defines no function of this name.")
    if _NUMBERED.search(part.text):
        names["!"] = part.text  # numbers instead of names: one such part in a module
    for line in part.declarations:
        found = _NAME.search(line)
        names[found.group(1) if found else line] = line
    return {**names, **part.functions}


def module_text(parts: Sequence[Part]) -> str:
    """The text of one module with all the parts in it, and each helper once.

    >>> print(module_text([Part("two", "define i64 @two() { ret i64 2 }", frozenset({"declare double @tan(double)"}))]))
    declare double @tan(double)
    define i64 @two() { ret i64 2 }
    """
    declarations = sorted({line for part in parts for line in part.declarations})
    functions = {name: text for part in parts for name, text in part.functions.items()}
    return "\n".join([*declarations, *functions.values(), *(part.text for part in parts)])
