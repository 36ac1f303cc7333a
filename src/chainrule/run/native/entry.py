"""A compiled program as a function that Python calls at the cost of a built-in: `make_entry(plan)`.

The function takes the leaves of the arguments by position. It answers the tuple of results; `None` where an argument is not what
the plan says (number of leaves, type, dtype, shape, layout, or memory shared with a donated array); an int, the program's code,
where the run stopped; and `NotImplemented` where the same plan is running just now, in another thread.
"""

from __future__ import annotations

import ctypes
import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.run.native import plan_words
from chainrule.run.native.engine import NativeCodeError
from chainrule.run.native.entry_text import entry_functions
from chainrule.run.native.modules import Part, load_functions
from chainrule.run.native.numpy_interface import ALIGNED, C_CONTIGUOUS, WRITEABLE, Interface, interface, word_at
from chainrule.run.native.plan_python import python_entry
from chainrule.run.native.plans import InputSpec, OutputSpec, Plan, number_types, validate
from chainrule.run.native.result_memory import LARGE, MEMORY_TEXT, make_handler
from chainrule.run.native.result_memory import NAMES as MEMORY_NAMES

_FAST_CALL = 0x0080  # Python's METH_FASTCALL: (self, pointer to the arguments, their number)


class _MethodDefinition(ctypes.Structure):
    """Python's PyMethodDef."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("function", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    )


class PlanArray(np.ndarray):
    """The words of a plan, and what must live as long as they do. It is the `self` of an entry.

    >>> PlanArray.holding(np.zeros(2, np.int64), "owner").owner
    'owner'
    """

    owner: Any

    @classmethod
    def holding(cls, words: np.ndarray, owner: Any) -> PlanArray:
        """The same words, with an owner."""
        held = words.view(cls)
        held.owner = owner
        return held


def available() -> bool:
    """Whether entries are native code here; otherwise `make_entry` gives a function in Python, the same and slower.

    >>> available() in (True, False)
    True
    """
    return _native() is not None


def make_entry(plan: Plan) -> Callable[..., Any]:
    """The function `entry(*leaves)` of a plan; this module's text says what it answers. ValueError where the plan asks for what
    cannot be. The memory that the plan's addresses name must live as long as the entry: hold it by `plan.owner`.

    >>> run = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p, ctypes.c_int64)(lambda table, count: 0)
    >>> double, address = np.dtype("f8"), ctypes.cast(run, ctypes.c_void_p).value
    >>> entry = make_entry(Plan((InputSpec(double, (2,)),), (OutputSpec(double, (2,), donated_from=0),), address, 0, 0))
    >>> entry(np.ones(2)), entry(np.ones(3))
    ((array([1., 1.]),), None)
    """
    validate(plan)
    native = _native()
    return python_entry(plan) if native is None else _make(plan, *native)


def _addresses(name: str, functions: dict[str, str], wanted: Sequence[str]) -> dict[str, int]:
    """Where functions of native code lie; `name` is the name of the part that they make together."""
    part = Part(name, plan_words.addresses_text(name, wanted), functions=functions)
    words = (ctypes.c_int64 * len(wanted))()
    write = ctypes.PYFUNCTYPE(ctypes.c_int64, ctypes.c_void_p, *[ctypes.c_int64] * 3)(load_functions([part])[name])
    write(ctypes.addressof(words), 0, 0, 0)
    return dict(zip(wanted, words, strict=True))


@functools.cache
def _native() -> tuple[Interface, _MethodDefinition] | None:
    """What makes native entries; None where the machine code or this Python's objects are not what they must be."""
    found = interface()
    if found is None:
        return None
    try:
        addresses = _addresses("entry_addresses", entry_functions(found.offsets), ["entry_call"])
    except NativeCodeError:
        return None
    doc = b"chainrule_entry(*leaves)\n--\n\nRun a compiled program on the leaves of its arguments."
    definition = _MethodDefinition(b"chainrule_entry", addresses["entry_call"], _FAST_CALL, doc)
    return (found, definition) if _works(found, definition) else None


@functools.cache
def _handler() -> Any:
    """The allocator of large results; None where it cannot be made."""
    return make_handler(_addresses("memory_addresses", plan_words.functions_of(MEMORY_TEXT), MEMORY_NAMES))


def _make(plan: Plan, found: Interface, definition: _MethodDefinition) -> Callable[..., Any]:
    make = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p, ctypes.c_void_p)(
        ("PyCMethod_New", ctypes.pythonapi)
    )
    return make(
        ctypes.addressof(definition), PlanArray.holding(_write(plan, found), (plan.owner, definition)), None, None
    )


def _works(found: Interface, definition: _MethodDefinition) -> bool:
    """Whether the machine code gives what it must for one array and one number, as the last check before it is used."""
    words = np.zeros(2, np.int64)
    array, real = np.arange(6.0).reshape(2, 3), np.dtype(np.float64)
    idle = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p, ctypes.c_int64)(lambda _table, _count: 0)
    run = ctypes.cast(idle, ctypes.c_void_p).value or 0
    inputs = (
        InputSpec(real, (2, 3), patches=((words.ctypes.data, 8),)),
        InputSpec(real, kind="scalar", patches=((words.ctypes.data + 8, 0),)),
    )
    outputs = (OutputSpec(real, (2, 3), donated_from=0), OutputSpec(real, (), scalar=True), OutputSpec(real, (4, 0)))
    entry = _make(Plan(inputs, outputs, run, 0, 0), found, definition)
    answer = entry(array, 1.5)
    return (
        entry(array, 1) is None
        and type(answer) is tuple
        and answer[0] is array
        and type(answer[1]) is np.float64
        and answer[2].shape == (4, 0)
        and int(words[0]) == array.ctypes.data + 8
        and float(words[1:].view(np.float64)[0]) == 1.5
    )


class _Words:
    """64-bit words in the order of writing; some are the address of another word, which is known when all are there."""

    def __init__(self, count: int) -> None:
        self.values = [0] * count
        self.internal: list[int] = []

    def add(self, values: Sequence[int]) -> int:
        """Where the values begin."""
        place = len(self.values)
        self.values.extend(values)
        return place

    def refer(self, word: int, place: int) -> None:
        """The word becomes the address of the word at `place`."""
        self.values[word] = place
        self.internal.append(word)

    def array(self) -> np.ndarray:
        found = np.array(self.values, np.int64)
        found[self.internal] = found[self.internal] * 8 + found.ctypes.data
        return found


def _write(plan: Plan, found: Interface) -> np.ndarray:
    """The words that the native entry reads; `plan_words` says which is which."""
    words = _Words(plan_words.PLAN_WORDS)
    head = words.values
    head[plan_words.INPUTS], head[plan_words.OUTPUTS] = len(plan.inputs), len(plan.outputs)
    head[plan_words.RUN], head[plan_words.TABLE], head[plan_words.COUNT] = (
        plan.run_address,
        plan.table_address,
        plan.count,
    )
    head[plan_words.RELEASE] = int(plan.release_gil)
    head[plan_words.NONE], head[plan_words.RUNNING], head[plan_words.ARRAY] = map(
        id, (None, NotImplemented, np.ndarray)
    )
    for name, place in plan_words.FUNCTION.items():
        head[place] = found.functions[name]
    if any(spec.donated_from is None and _size(spec) >= LARGE for spec in plan.outputs):
        handler = _handler()
        head[plan_words.HANDLER] = 0 if handler is None else id(handler)
    inputs = words.add([0] * (plan_words.INPUT_WORDS * len(plan.inputs)))
    outputs = words.add([0] * (plan_words.OUTPUT_WORDS * len(plan.outputs)))
    words.refer(plan_words.INPUT_RECORDS, inputs)
    words.refer(plan_words.OUTPUT_RECORDS, outputs)
    ordered: list[int] = []
    for number, spec in enumerate(plan.inputs):
        record = inputs + number * plan_words.INPUT_WORDS
        if _write_input(words, record, spec, found):
            ordered.append(record)
    if any(spec.donated for spec in plan.inputs):
        order = words.add([0] * len(ordered))
        words.refer(plan_words.ORDER, order)
        head[plan_words.ORDERED] = len(ordered)
        for place, record in enumerate(ordered):
            words.refer(order + place, record)
    for number, spec in enumerate(plan.outputs):
        _write_output(words, outputs + number * plan_words.OUTPUT_WORDS, spec)
    array = words.array()
    for number, spec in enumerate(plan.outputs):
        if spec.scalar and spec.donated_from is None:
            value = array.ctypes.data + 8 * (outputs + number * plan_words.OUTPUT_WORDS + plan_words.VALUE)
            for address, offset in spec.patches:
                ctypes.c_int64.from_address(address).value = value + offset
    return array


def _descriptor(dtype: np.dtype[Any]) -> int:
    """The address of NumPy's own object of a dtype, which lives for ever."""
    return id(np.dtype(dtype.char))


def _size(spec: InputSpec | OutputSpec) -> int:
    return spec.dtype.itemsize * math.prod(spec.shape)


def _write_input(words: _Words, record: int, spec: InputSpec, found: Interface) -> bool:
    """Whether it is an array that has bytes."""
    values = words.values
    patches = words.add([word for patch in spec.patches for word in patch])
    words.refer(record + plan_words.PATCHES, patches)
    values[record + plan_words.PATCH_COUNT] = len(spec.patches)
    if spec.kind != "array":
        types = number_types(spec)
        values[record + plan_words.SIZE] = spec.dtype.itemsize
        values[record + plan_words.TYPE], values[record + plan_words.OTHER_TYPE] = id(types[0]), id(types[-1])
        return False
    size = _size(spec)
    descriptor = _descriptor(spec.dtype)
    values[record + plan_words.TYPE] = id(np.ndarray)
    values[record + plan_words.DESCRIPTOR] = descriptor
    values[record + plan_words.KIND] = word_at(descriptor + found.offsets.kind)
    values[record + plan_words.RANK] = len(spec.shape)
    words.refer(record + plan_words.DIMENSIONS, words.add(spec.shape))
    values[record + plan_words.FLAGS] = C_CONTIGUOUS | ALIGNED | (WRITEABLE if spec.donated else 0)
    values[record + plan_words.BYTES] = size
    values[record + plan_words.DONATED] = int(spec.donated)
    return size > 0


def _write_output(words: _Words, record: int, spec: OutputSpec) -> None:
    values = words.values
    values[record + plan_words.RESULT_DESCRIPTOR] = _descriptor(spec.dtype)
    if spec.donated_from is not None:
        values[record + plan_words.WAY] = plan_words.GIVEN
        values[record + plan_words.SOURCE] = spec.donated_from
    elif spec.scalar:
        values[record + plan_words.WAY] = plan_words.NUMBER
        return
    else:
        values[record + plan_words.WAY] = plan_words.FRESH
        values[record + plan_words.RESULT_RANK] = len(spec.shape)
        words.refer(record + plan_words.RESULT_DIMENSIONS, words.add(spec.shape))
    words.refer(record + plan_words.RESULT_PATCHES, words.add([word for patch in spec.patches for word in patch]))
    values[record + plan_words.RESULT_PATCH_COUNT] = len(spec.patches)
