"""A small linker for the object files that LLVM makes on x86-64 Linux, so that cached code needs no LLVM (loading it takes 0.1 s).

`link` lays out the sections once and settles every distance between them; what is left are words for absolute addresses: of the image
itself, and of C functions. Such an image is bytes to copy and a few words to write. Memory is writable or executable, never both.
Whatever `link` does not know it refuses, and LLVM's own linker does the work.
"""

from __future__ import annotations

import ctypes
import functools
import platform
import struct
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

PAGE = 4096
_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_SECTION = struct.Struct("<IIQQQQIIQQ")
_SYMBOL = struct.Struct("<IBBHQQ")
_RELOCATION = struct.Struct("<QIIq")
_INTEL = 62  # EM_X86_64
_RELOCATIONS, _ZEROS, _SYMBOLS = 4, 8, 2  # section types: SHT_RELA, SHT_NOBITS, SHT_SYMTAB
_KNOWN_SECTIONS = {1, _ZEROS}  # SHT_PROGBITS, SHT_NOBITS
_KNOWN_NAMES = (".text", ".rodata", ".data", ".bss")  # not those of functions to be called at the start, for one
_WRITE, _ALLOCATE, _EXECUTE, _THREAD = 1, 2, 4, 0x400
_ABSOLUTE, _DISTANCE, _CALL, _DISTANCE_64 = 1, 2, 4, 24
_THROUGH_TABLE = {9, 41, 42}  # GOTPCREL, GOTPCRELX, REX_GOTPCRELX
_STUB = b"\xff\x25"  # jmp *[rip + distance]
_PRIVATE_ANONYMOUS, _READ, _WRITABLE, _EXECUTABLE = 0x22, 1, 2, 4


@dataclass(frozen=True)
class Image:
    """Code and data as they lie in memory: pages of code, pages to read, pages to write (`size` counts zeros at the end as well).

    `inner` are (position, target) of words that hold an address of the image, `outer` (position, name) for C functions.
    """

    contents: bytes
    code: int  # bytes of the first part, whole pages
    constant: int  # and of the second
    size: int
    symbols: Mapping[str, int]
    inner: tuple[tuple[int, int], ...]
    outer: tuple[tuple[int, str], ...]


class _Refused(Exception):  # noqa: N818 no error: the other linker takes over
    """The object file holds what this linker does not know."""


def available() -> bool:
    """Whether this linker is for the machine and system at hand.

    >>> available() in (True, False)
    True
    """
    return sys.platform == "linux" and platform.machine() == "x86_64" and ctypes.sizeof(ctypes.c_void_p) == 8


def link(code: bytes) -> Image | None:
    """The object file as an image, or None where it is not known how.

    >>> link(b"not an object file") is None
    True
    """
    try:
        return _Linker(code).image()
    except (_Refused, struct.error):
        return None


class _Linker:
    """One object file on its way to an image."""

    def __init__(self, code: bytes) -> None:
        self.code = code
        header = _HEADER.unpack_from(code)
        if not (code.startswith(b"\x7fELF\x02\x01") and header[1] == 1 and header[2] == _INTEL):
            raise _Refused("no relocatable object of x86-64")
        start, size, count = header[6], header[11], header[12]
        if size != _SECTION.size or not count:
            raise _Refused("section headers of another size")
        self.sections = [_SECTION.unpack_from(code, start + size * index) for index in range(count)]
        strings = self.sections[header[13]]
        self.names = [self._string(strings[4] + section[0]) for section in self.sections]
        self.places: dict[int, int] = {}
        self.slots: dict[Any, int] = {}  # where the addresses of symbols stand
        self.inner: list[tuple[int, int]] = []
        self.outer: list[tuple[int, str]] = []

    def _string(self, start: int) -> str:
        return self.code[start : self.code.index(b"\0", start)].decode()

    def image(self) -> Image:
        symbols = self._symbols()
        relocations = [each for index in range(len(self.sections)) for each in self._relocations_of(index)]
        indirect = {kind_symbol[1] for _, *kind_symbol, _ in relocations if kind_symbol[0] in _THROUGH_TABLE}
        called = {symbol for _, kind, symbol, _ in relocations if kind == _CALL and not symbols[symbol][1]}
        parts: tuple[list[int], list[int], list[int]] = ([], [], [])
        for index, section in enumerate(self.sections):
            if self._is_kept(index):
                flags = section[2]
                read = not flags & _WRITE or self.names[index].startswith(".data.rel.ro")
                parts[0 if flags & _EXECUTE else 1 if read else 2].append(index)
        zeros_last = sorted(parts[2], key=lambda index: self.sections[index][1] == _ZEROS)
        code = self._lay_out(parts[0], 0)
        stubs = {symbol: code + 8 * number for number, symbol in enumerate(sorted(called))}
        code = _pages(code + 8 * len(stubs))
        table = self._lay_out(parts[1], code)
        table += -table % 8
        self.slots = {symbol: table + 8 * number for number, symbol in enumerate(sorted(called | indirect))}
        constant = _pages(table + 8 * len(self.slots))
        size = _pages(self._lay_out(zeros_last, constant))
        memory = bytearray(size)
        for index, place in self.places.items():
            _, kind, _, _, offset, length, *_ = self.sections[index]
            if kind != _ZEROS:
                memory[place : place + length] = self.code[offset : offset + length]
        for symbol, place in stubs.items():
            memory[place : place + 6] = _STUB + struct.pack("<i", self.slots[symbol] - (place + 6))
        for symbol, slot in self.slots.items():
            self._address(slot, symbols[symbol], 0)
        for place, kind, symbol, addend in relocations:
            self._relocate(memory, place, kind, symbol, addend, symbols, stubs)
        exported = {
            name: self._position(entry) for name, defined, entry, binding in symbols if defined and binding and name
        }
        contents = bytes(memory).rstrip(b"\0")
        return Image(contents, code, constant - code, size, exported, tuple(self.inner), tuple(self.outer))

    def _is_kept(self, index: int) -> bool:
        _, kind, flags, *_ = self.sections[index]
        if not flags & _ALLOCATE or self.names[index] == ".eh_frame":
            return False  # nothing throws, so nobody unwinds
        known = kind in _KNOWN_SECTIONS and self.names[index].startswith(_KNOWN_NAMES)
        if not known or flags & _THREAD:
            raise _Refused(f"section {self.names[index]}")
        return True

    def _symbols(self) -> list[tuple[str, bool, Any, int]]:
        """(name, whether it is defined here, its entry, binding) of each symbol; binding 0 is local."""
        tables = [section for section in self.sections if section[1] == _SYMBOLS]
        if len(tables) != 1:
            raise _Refused("not one table of symbols")
        _, _, _, _, offset, length, strings, _, _, _ = tables[0]
        base = self.sections[strings][4]
        found = []
        for place in range(offset, offset + length, _SYMBOL.size):
            entry = _SYMBOL.unpack_from(self.code, place)
            name, section, kind = self._string(base + entry[0]), entry[3], entry[1] & 15
            if (
                kind in (6, 10) or 0xFF00 <= section < 0xFFF1 or section > 0xFFF1
            ):  # of threads, chosen at run time, common
                raise _Refused(f"symbol {name}")
            found.append((name, 0 < section < 0xFF00, entry, entry[1] >> 4))
        return found

    def _relocations_of(self, index: int) -> list[tuple[Any, int, int, int]]:
        _, kind, _, _, offset, length, _, applied, _, _ = self.sections[index]
        if kind == 9:  # SHT_REL, which x86-64 does not use
            raise _Refused("relocations without addends")
        if kind != _RELOCATIONS or not self._is_kept(applied):
            return []
        found = []
        for place in range(offset, offset + length, _RELOCATION.size):
            position, type_, symbol, addend = _RELOCATION.unpack_from(self.code, place)
            found.append(((applied, position), type_, symbol, addend))
        return found

    def _lay_out(self, indices: list[int], place: int) -> int:
        for index in indices:
            alignment = max(self.sections[index][8], 1)
            if alignment > PAGE:
                raise _Refused("alignment beyond a page")
            place += -place % alignment
            self.places[index] = place
            place += self.sections[index][5]
        return place

    def _position(self, entry: Any) -> int:
        if entry[3] not in self.places:
            raise _Refused("a symbol in a section that is left out")
        return self.places[entry[3]] + entry[4]

    def _address(self, place: int, symbol: tuple[str, bool, Any, int], addend: int) -> None:
        """The word at `place` is to hold the address of the symbol."""
        name, defined, entry, _ = symbol
        if defined:
            self.inner.append((place, self._position(entry) + addend))
        elif name and not addend:
            self.outer.append((place, name))
        else:
            raise _Refused(f"an address inside of {name}")

    def _relocate(
        self, memory: bytearray, at: Any, kind: int, symbol: int, addend: int, symbols: list[Any], stubs: dict[int, int]
    ) -> None:
        place = self.places[at[0]] + at[1]
        _, defined, entry, _ = symbols[symbol]
        if kind == _ABSOLUTE:
            self._address(place, symbols[symbol], addend)
            return
        if kind in _THROUGH_TABLE:
            target = self.slots[symbol]
        elif defined and kind in (_DISTANCE, _CALL, _DISTANCE_64):
            target = self._position(entry)
        elif kind == _CALL:
            target = stubs[symbol]
        else:
            raise _Refused(f"relocation {kind}")
        form = "<q" if kind == _DISTANCE_64 else "<i"
        struct.pack_into(form, memory, place, target + addend - place)


def _pages(size: int) -> int:
    return size + -size % PAGE


# Into memory.


@functools.cache
def _system() -> Any:
    system = ctypes.CDLL(None)
    system.mmap.restype = ctypes.c_void_p
    system.mmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long)
    system.mprotect.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    system.munmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t)
    return system


def _libraries() -> Iterator[Any]:
    yield _system()
    yield ctypes.PyDLL(None, handle=ctypes.pythonapi._handle)
    yield ctypes.CDLL("libm.so.6")
    yield ctypes.CDLL("libpthread.so.0")


@functools.cache
def c_function(name: str) -> int | None:
    """The address of a function of the C library, its mathematics, or Python, which are in memory already.

    >>> c_function("tan") is not None, c_function("no_such_function") is None
    (True, True)
    """
    with suppress(OSError):  # other C libraries have all in one file
        for library in _libraries():
            with suppress(AttributeError):
                return ctypes.cast(getattr(library, name), ctypes.c_void_p).value
    return None


def place(image: Image) -> dict[str, int] | None:
    """The image in memory, for as long as the process lives, and the addresses of its symbols; None where the system refuses.

    >>> place(Image(bytes(8), PAGE, 0, PAGE, {"nothing": 0}, (), ((0, "no_such_function"),))) is None
    True
    """
    needed: list[tuple[int, int]] = []
    for position, name in image.outer:
        address = c_function(name)
        if address is None:
            return None
        needed.append((position, address))
    if not available():
        return None
    system = _system()
    start = system.mmap(None, image.size, _READ | _WRITABLE, _PRIVATE_ANONYMOUS, -1, 0)
    if start in (None, ctypes.c_void_p(-1).value):
        return None
    ctypes.memmove(start, image.contents, len(image.contents))
    for position, address in (*needed, *((position, start + target) for position, target in image.inner)):
        ctypes.c_uint64.from_address(start + position).value = address
    ends = ((start, image.code, _READ | _EXECUTABLE), (start + image.code, image.constant, _READ))
    if any(size and system.mprotect(begin, size, rights) for begin, size, rights in ends):
        system.munmap(start, image.size)
        return None
    return {name: start + position for name, position in image.symbols.items()}


# As bytes in a file.

_COUNTS = struct.Struct("<7Q")


def pack(digests: Mapping[str, bytes], code: Image | bytes) -> bytes:
    """Code with the digests of its functions, as bytes; what `unpack` reads.

    >>> unpack(pack({"two": bytes(32)}, b"an object file"))
    ({'two': b'\\x00...'}, b'an object file')
    """
    names = "\n".join(digests).encode()
    front = struct.pack("<QQ", len(digests), len(names)) + b"".join(digests.values()) + names
    if isinstance(code, bytes):
        return b"object\0\0" + front + code
    listed = "\n".join((*code.symbols, *(name for _, name in code.outer))).encode()
    counts = (len(listed), len(code.symbols), len(code.inner), len(code.outer), code.code, code.constant, code.size)
    words = (*code.symbols.values(), *(word for pair in code.inner for word in pair), *(word for word, _ in code.outer))
    numbers = struct.pack(f"<{len(words)}Q", *words)
    return b"image\0\0\0" + front + _COUNTS.pack(*counts) + numbers + listed + code.contents


def unpack(payload: bytes) -> tuple[dict[str, bytes], Image | bytes]:
    """The digests and the code that `pack` was given; ValueError or struct.error for other bytes."""
    kind = payload[:8]
    count, length = struct.unpack_from("<QQ", payload, 8)
    at = 24 + 32 * count
    names = payload[at : at + length].decode().split("\n") if count else []
    digests = {name: payload[24 + 32 * index : 56 + 32 * index] for index, name in enumerate(names)}
    at += length
    if kind == b"object\0\0":
        return digests, payload[at:]
    if kind != b"image\0\0\0":
        raise ValueError("These bytes are no native code of chainrule.")
    listed, symbols, inner, outer, code, constant, size = _COUNTS.unpack_from(payload, at)
    at += _COUNTS.size
    words = struct.unpack_from(f"<{symbols + 2 * inner + outer}Q", payload, at)
    at += 8 * len(words)
    spelled = payload[at : at + listed].decode().split("\n")
    pairs = words[symbols : symbols + 2 * inner]
    image = Image(
        payload[at + listed :],
        code,
        constant,
        size,
        dict(zip(spelled[:symbols], words, strict=False)),
        tuple(zip(pairs[::2], pairs[1::2], strict=True)),
        tuple(zip(words[symbols + 2 * inner :], spelled[symbols:], strict=False)),
    )
    return digests, image
