"""A code object and an instruction in; out, where the value of that instruction is stored, and what it was called on.

The value is followed over the stack of Python's machine, through the instructions after the one that made it: copies,
swaps, tuples that are packed and unpacked again, the nearer end of a conditional expression. What else happens to it
(it is an operand, an argument, an element) takes it off the stack, and then it has no name. Only straight-line code is
read, and only a bounded piece of it; where anything is unclear the answer is None.
"""

from __future__ import annotations

import dis
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from types import CodeType
from typing import Any, TypeVar

Result = TypeVar("Result")

REACH = 200  # how many instructions are read in each direction

_NEUTRAL = {
    *("NOP", "CACHE", "RESUME", "EXTENDED_ARG", "KW_NAMES", "COPY_FREE_VARS", "MAKE_CELL", "SETUP_ANNOTATIONS"),
    *("NOT_TAKEN", "DELETE_FAST", "DELETE_NAME", "DELETE_GLOBAL", "DELETE_DEREF"),
}
_ONLY_TAKE = {"POP_TOP", "LIST_APPEND", "SET_ADD", "MAP_ADD", "LIST_EXTEND", "SET_UPDATE", "DICT_UPDATE", "DICT_MERGE"}
_END = {"RETURN_VALUE", "RETURN_CONST", "RETURN_GENERATOR", "YIELD_VALUE", "RERAISE", "RAISE_VARARGS", "SEND"}
_TAKEN_BY_LOAD = {"LOAD_ATTR": 1, "LOAD_METHOD": 1, "LOAD_SPECIAL": 1, "LOAD_SUPER_ATTR": 3}
_TAKEN_BY_LOAD |= {"LOAD_FROM_DICT_OR_GLOBALS": 1, "LOAD_FROM_DICT_OR_DEREF": 1}
_VARIABLES = {"STORE_FAST", "STORE_NAME", "STORE_GLOBAL", "STORE_DEREF", "STORE_FAST_LOAD_FAST"}
_GIVING = ("BINARY_", "UNARY_", "COMPARE_OP", "CALL", "PRECALL", "LOAD_ATTR", "LOAD_METHOD", "FOR_ITER")

Symbol = tuple[Any, ...]
_VALUE: Symbol = ("value",)
_OTHER: Symbol = ("other",)


@dataclass(frozen=True, slots=True)
class Target:
    """Where a value is stored: under a name, either itself or (`whole`) with the container that it was in.

    >>> Target("h").whole
    False
    """

    name: str
    whole: bool = False


def remembered(size: int) -> Callable[[Callable[..., Result]], Callable[..., Result]]:
    """Decorator: what a function finds out about a code object is kept, for up to `size` calls of different arguments.

    A code object is known by its identity. Its hash would be worked out from all of its instructions at each look-up, so that
    a function of n statements took n² steps.

    >>> @remembered(2)
    ... def name_of(code):
    ...     return code.co_name
    >>> name_of(remembered.__code__)
    'remembered'
    """

    def decorate(function: Callable[..., Result]) -> Callable[..., Result]:
        kept: dict[Any, tuple[CodeType, Result]] = {}  # the code object too, so that its identity stays its own

        @wraps(function)
        def look_up(code: CodeType, *rest: Any, **named: Any) -> Result:
            key = (id(code), *rest, *named.items())
            known = kept.get(key)
            if known is None:
                if len(kept) >= size:
                    kept.clear()
                known = kept[key] = (code, function(code, *rest, **named))
            return known[1]

        return look_up

    return decorate


@remembered(4096)
def listing_of(code: CodeType) -> tuple[list[dis.Instruction], list[int]]:
    """The instructions of a code object without their caches, and their offsets.

    >>> listing, offsets = listing_of(listing_of.__wrapped__.__code__)
    >>> listing[1].offset == offsets[1]
    True
    """
    listing = list(dis.get_instructions(code))
    return listing, [instruction.offset for instruction in listing]


def index_at(code: CodeType, offset: int) -> int:
    """The number of the instruction at an offset, which may lie in the instruction's caches.

    >>> index_at(index_at.__code__, 0)
    0
    """
    return max(bisect_right(listing_of(code)[1], offset) - 1, 0)


def operation_at(code: CodeType, offset: int) -> str:
    """The name of the instruction at an offset, as `dis` writes it.

    >>> operation_at((lambda x: x).__code__, 0)
    'RESUME'
    """
    return listing_of(code)[0][index_at(code, offset)].opname


@remembered(65536)
def target(code: CodeType, offset: int, item: int | None = None, length: int | None = None) -> Target | None:
    """Where the value of the instruction at an offset is stored; None where it is not, or nobody can tell.

    With `item` it is asked where this item of the value goes (an index, of `length` items in all): into a variable of
    its own where the value is unpacked, or with the whole value into one.

    >>> def f(a, b):
    ...     p, q = a + b, a * b
    ...     return p, q
    >>> [target(f.__code__, i.offset).name for i in dis.get_instructions(f) if i.opname == "BINARY_OP"]
    ['p', 'q']
    """
    listing, _ = listing_of(code)
    index = index_at(code, offset)
    first = listing[index]
    value: Symbol = _VALUE if item is None else ("part", item, length)
    stack: list[Symbol] = []
    if first.opname.startswith("UNPACK_"):
        _unpack(stack, first, value)
    elif first.opname == "BEFORE_WITH":
        stack += [_OTHER, value]
    elif first.opname.startswith(_GIVING):
        stack.append(value)
    if first.opname == "PRECALL":
        index += 1  # Python 3.11 makes a call in one of two instructions
    return _follow(listing, index + 1, stack)


def _follow(listing: list[dis.Instruction], index: int, stack: list[Symbol]) -> Target | None:
    for _ in range(REACH):
        if index >= len(listing) or not any(map(_holds, stack)):
            return None
        instruction = listing[index]
        name = instruction.opname
        index += 1
        if name == "JUMP_FORWARD":
            index = next(i for i in range(index, len(listing)) if listing[i].offset >= instruction.argval)
        elif name == "JUMP_IF_FALSE_OR_POP" or name == "JUMP_IF_TRUE_OR_POP":
            if _holds(_pop(stack)):
                return None  # `a or b`: which of them it is shows only when it runs
        elif name in _VARIABLES or name == "STORE_FAST_STORE_FAST":
            names = instruction.argval if isinstance(instruction.argval, tuple) else (instruction.argval,)
            for variable in names if name == "STORE_FAST_STORE_FAST" else names[:1]:
                taken = _pop(stack)
                if taken[0] in ("value", "part"):
                    return Target(variable, taken[0] == "part")
            if name == "STORE_FAST_LOAD_FAST":
                stack.append(_OTHER)
        elif name == "STORE_ATTR":
            _pop(stack)
            taken = _pop(stack)
            if taken[0] in ("value", "part"):
                return Target(instruction.argval, taken[0] == "part")
        elif name == "STORE_SUBSCR":
            key = _pop(stack)
            _pop(stack)
            taken = _pop(stack)
            if taken[0] in ("value", "part"):
                if key[0] == "below":
                    key = ("constant", _constant_below(listing, index - 1, 0))
                known = key[0] == "constant" and isinstance(key[1], str) and key[1].isidentifier()
                return Target(key[1], taken[0] == "part") if known else None
        elif not _step(stack, instruction):
            return None
    return None


def _step(stack: list[Symbol], instruction: dis.Instruction) -> bool:
    """What an instruction that stores nothing does to the stack; False where that is not known."""
    name, count = instruction.opname, instruction.arg or 0
    if name == "SWAP":
        _deepen(stack, count)
        stack[-1], stack[-count] = stack[-count], stack[-1]
    elif name == "COPY":
        _deepen(stack, count)
        stack.append(stack[-count])
    elif name == "BUILD_TUPLE" and count:
        _deepen(stack, count)
        stack[-count:] = [("tuple", *stack[-count:])]
    elif name.startswith("UNPACK_"):
        _unpack(stack, instruction, _pop(stack))
    elif name == "BINARY_SUBSCR" or (name == "BINARY_OP" and instruction.argrepr == "[]"):
        key, container = _pop(stack), _pop(stack)
        chosen = container[0] == "part" and key[0] == "constant" and _same_item(key[1], container[1], container[2])
        stack.append(_VALUE if chosen else _OTHER)
    elif name in ("LOAD_CONST", "LOAD_SMALL_INT"):
        stack.append(("constant", instruction.argval))
    else:
        known = effect(instruction)
        if known is None:
            return False
        pops, pushes = known
        for _ in range(pops):
            _pop(stack)
        stack.extend([_OTHER] * pushes)
    return True


def effect(instruction: dis.Instruction) -> tuple[int, int] | None:
    """How many values an instruction takes from the stack and how many it puts there, where it goes on with the next
    one; None for the end of straight-line code and for what is not known.

    >>> [effect(i) for i in dis.get_instructions(lambda x: -x) if i.opname == "UNARY_NEGATIVE"]
    [(1, 1)]
    """
    name = instruction.opname
    if name in _NEUTRAL:
        return 0, 0
    if name in _END or name == "FOR_ITER" or (name.startswith("JUMP") and not name.startswith("JUMP_IF")):
        return None
    change = dis.stack_effect(instruction.opcode, instruction.arg, jump=False)
    if name.startswith("LOAD_"):
        pops = _TAKEN_BY_LOAD.get(name, 0)
        return pops, change + pops
    if name == "STORE_FAST_LOAD_FAST":
        return 1, 1
    if name in _ONLY_TAKE or name.startswith(("STORE_", "DELETE_")) or "JUMP" in name:
        return -change, 0
    if name == "SWAP":
        return 0, 0
    if name == "COPY" or name == "PUSH_NULL":
        return 0, 1
    if name.startswith("UNPACK_"):
        return 1, change + 1
    return (1 - change, 1) if change <= (0 if "BUILD_" not in name else 1) else None


def _holds(symbol: Symbol) -> bool:
    return symbol[0] in ("value", "part") or (symbol[0] == "tuple" and any(map(_holds, symbol[1:])))


def _pop(stack: list[Symbol]) -> Symbol:
    return stack.pop() if stack else ("below",)


def _deepen(stack: list[Symbol], depth: int) -> None:
    """Make what lay on the stack before the value visible."""
    while len(stack) < depth:
        stack.insert(0, ("below",))


def _unpack(stack: list[Symbol], instruction: dis.Instruction, symbol: Symbol) -> None:
    """The parts of a value that is unpacked, the first on top."""
    count = instruction.arg or 0
    if instruction.opname == "UNPACK_SEQUENCE":
        before, after = count, None
    else:
        before, after = count & 0xFF, count >> 8
    parts = [_OTHER] * (before + (0 if after is None else 1 + after))
    if symbol[0] == "part":
        item, length = symbol[1], symbol[2]
        if 0 <= item < before:
            parts[item] = _VALUE
        elif after and length is not None and item >= length - after:
            parts[before + 1 + item - (length - after)] = _VALUE
    elif symbol[0] == "tuple" and after is None and len(symbol) - 1 == count:
        parts = list(symbol[1:])
    stack.extend(reversed(parts))


def _same_item(key: Any, item: int, length: int | None) -> bool:
    return type(key) is int and (key == item or (length is not None and key + length == item))


# -- what lay on the stack before -------------------------------------------------------------------------------------


def _producer(listing: list[dis.Instruction], index: int, depth: int) -> tuple[int, int] | None:
    """Which instruction put the value on the stack that lies at a depth before instruction `index`, and as its
    how-manieth."""
    height, slot = 0, -1 - depth
    for place in range(index - 1, max(index - 1 - REACH, -1), -1):
        instruction = listing[place]
        known = effect(instruction)
        if known is None or "JUMP" in instruction.opname or listing[place + 1].is_jump_target:
            return None  # there is another way to come here, with another value
        pops, pushes = known
        count = instruction.arg or 0
        if instruction.opname == "SWAP":
            pair = (height - 1, height - count)
            slot = pair[1] if slot == pair[0] else pair[0] if slot == pair[1] else slot
        elif instruction.opname == "COPY" and slot == height - 1:
            slot = height - 1 - count
        start = height - pushes
        if start <= slot < height:
            return place, slot - start
        height = start + pops
    return None


def _constant_below(listing: list[dis.Instruction], index: int, depth: int) -> Any:
    found = _producer(listing, index, depth)
    return listing[found[0]].argval if found and listing[found[0]].opname == "LOAD_CONST" else None


def _path(listing: list[dis.Instruction], index: int, depth: int) -> tuple[str, ...] | None:
    """The variable and attributes by which the value at a depth was loaded: `self.a` gives ("self", "a")."""
    found = _producer(listing, index, depth)
    if found is None:
        return None
    place, position = found
    instruction = listing[place]
    name, value = instruction.opname, instruction.argval
    if name in ("LOAD_ATTR", "LOAD_METHOD"):
        owner = _path(listing, place, 0)
        return None if owner is None else (*owner, value)
    if name.startswith(("LOAD_FAST", "LOAD_NAME", "LOAD_GLOBAL", "LOAD_DEREF")):
        return (value[position] if isinstance(value, tuple) else value,)
    return _path(listing, index, depth + 1) if name == "PUSH_NULL" else None


@remembered(65536)
def written_path(code: CodeType, offset: int) -> tuple[str, ...] | None:
    """The variable, with attributes, into whose items the instruction at an offset writes: `self.a[i] = t` gives
    ("self", "a").

    >>> def f(a, i):
    ...     a[i] = 0
    >>> [written_path(f.__code__, i.offset) for i in dis.get_instructions(f) if i.opname == "STORE_SUBSCR"]
    [('a',)]
    """
    listing, _ = listing_of(code)
    index = index_at(code, offset)
    depth = {"STORE_SUBSCR": 1, "STORE_SLICE": 2}.get(listing[index].opname)
    return None if depth is None else _path(listing, index, depth)


@remembered(65536)
def called_path(code: CodeType, offset: int) -> tuple[str, ...] | None:
    """The variable, with attributes, that the instruction at an offset calls: `np.exp(x)` gives ("np", "exp").

    >>> [called_path(f.__code__, i.offset) for f in [lambda x: abs(x)] for i in dis.get_instructions(f) if i.opname == "CALL"]
    [('abs',)]
    """
    listing, _ = listing_of(code)
    index = index_at(code, offset)
    if listing[index].opname == "CALL" and listing[index - 1].opname == "PRECALL":
        index -= 1
    name, count = listing[index].opname, listing[index].arg or 0
    if name not in ("PRECALL", "CALL", "CALL_KW"):
        return None
    return _path(listing, index, count + (name == "CALL_KW"))


def source_call(code: CodeType, offset: int) -> tuple[tuple[str, ...] | None, int]:
    """For an instruction that unpacks or loops: what was called for that over which it does, and into how many
    variables it unpacks (0 where that is no fixed number).

    >>> def f(x, y):
    ...     for a, b in zip(x, y):
    ...         print(a, b)
    >>> [source_call(f.__code__, i.offset) for i in dis.get_instructions(f) if i.opname == "FOR_ITER"]
    [(('zip',), 2)]
    """
    listing, _ = listing_of(code)
    index = index_at(code, offset)
    unpacking = listing[index + (listing[index].opname == "FOR_ITER")]
    count = (unpacking.arg or 0) if unpacking.opname == "UNPACK_SEQUENCE" else 0
    before = index - (listing[index].opname == "FOR_ITER")  # the loop jumps to its FOR_ITER
    while before > 0 and not listing[before].is_jump_target and not listing[before].opname.startswith("CALL"):
        before -= 1
        if listing[before].opname not in ("GET_ITER", *_NEUTRAL):
            break
    called = listing[before].opname.startswith("CALL")
    return called_path(code, listing[before].offset) if called else None, count
