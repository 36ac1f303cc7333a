"""The entry of a compiled program: what it accepts, what it makes, and that it counts references right; native and in Python."""

from __future__ import annotations

import ctypes
import gc
import pickle
import sys
import threading
import weakref

import numpy as np
import pytest

from chainrule.run.native import engine, entry
from chainrule.run.native.entry_text import entry_functions
from chainrule.run.native.plan_python import python_entry
from chainrule.run.native.plan_words import addresses_text
from chainrule.run.native.plans import InputSpec, OutputSpec, Plan

REAL = np.dtype(np.float64)
# The table of these runs: pairs (address of a word with a source, of a word with a target), whose 8 bytes are copied; a
# first word that is not zero is the code to stop with.
RUNS = """
define i64 @idle(ptr %table, i64 %count) { ret i64 0 }
define i64 @stop(ptr %table, i64 %count) { ret i64 %count }
define i64 @copies(ptr %table, i64 %count) {
start:
  br label %loop
loop:
  %index = phi i64 [ 0, %start ], [ %next, %body ]
  %more = icmp slt i64 %index, %count
  br i1 %more, label %body, label %done
body:
  %place = shl i64 %index, 1
  %at = getelementptr ptr, ptr %table, i64 %place
  %source = load ptr, ptr %at
  %at.target = getelementptr ptr, ptr %at, i64 1
  %target = load ptr, ptr %at.target
  %value = load i64, ptr %source
  store i64 %value, ptr %target
  %next = add i64 %index, 1
  br label %loop
done:
  ret i64 0
}
"""


@pytest.fixture(scope="module")
def run():
    library = engine.load(engine.object_code(RUNS, engine.target()), ("idle", "stop", "copies"))
    yield library.addresses
    assert library.owner  # the code stays as long as its addresses are used


@pytest.fixture(params=["native", "python"])
def make(request):
    if request.param == "python":
        return python_entry
    assert entry.available()
    return entry.make_entry


def accepting(make, run, *specs, outputs=()):
    return make(Plan(specs, outputs, run["idle"], 0, 0))


def array(shape, **options):
    return InputSpec(REAL, shape, **options)


def test_what_is_not_the_array_of_the_plan_is_refused(make, run):
    accepts = accepting(make, run, array((2, 3)))
    good = np.ones((2, 3))
    assert accepts(good) == ()
    unaligned = np.zeros(49, np.uint8)[1:].view(REAL).reshape(2, 3)
    assert not unaligned.flags.aligned
    refused = {
        "dtype": good.astype(np.float32),
        "integers": good.astype(np.int64),
        "bytes": good.astype(">f8"),
        "shape": np.ones((3, 2)),
        "rank": np.ones(6),
        "more axes": np.ones((1, 2, 3)),
        "order": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        "strides": np.ones((2, 6))[:, ::2],
        "reversed": good[::-1],
        "broadcast": np.broadcast_to(1.0, (2, 3)),
        "unaligned": unaligned,
        "subclass": good.view(type("Sub", (np.ndarray,), {})),
        "matrix": np.ma.masked_array(good),
        "list": good.tolist(),
        "number": 1.0,
        "nothing": None,
        "type": np.ndarray,
        "complex": good.astype(complex),
        "objects": good.astype(object),
        "records": np.ones((2, 3), [("a", "f8")]),
        "times": good.astype("m8[s]"),
        "empty": np.ones((2, 0)),
    }
    for reason, value in refused.items():
        assert accepts(value) is None, reason
    assert accepts() is None
    assert accepts(good, good) is None
    assert accepts(good) == ()


def test_an_array_with_a_dtype_object_of_its_own_is_accepted(make, run):
    accepts = accepting(make, run, array((2,)), InputSpec(np.dtype(bool), (2,)))
    real, truth = (pickle.loads(pickle.dumps(value)) for value in (np.ones(2), np.ones(2, bool)))
    assert real.dtype is not REAL
    assert accepts(real, truth) == ()
    assert accepts(truth, real) is None


def test_axes_of_length_one_or_zero_may_have_any_stride(make, run):
    accepts = accepting(make, run, array((1, 3)), array((0, 3)), array(()))
    assert accepts(np.ones((5, 3))[::5], np.ones((9, 3))[5:5], np.array(1.0)) == ()
    assert accepts(np.ones((1, 3)), np.ones((0, 3)), np.ones(4)[2:3].reshape(())) == ()
    assert accepts(np.ones((1, 3)), np.ones((0, 3)), np.float64(1.0)) is None


@pytest.mark.parametrize("code", "?bBhHiIlLqQefd")
def test_all_dtypes_as_arrays_and_numbers(make, run, code):
    dtype = np.dtype(code)
    words = np.zeros(2, np.int64)
    specs = (InputSpec(dtype, (3,)), InputSpec(dtype, kind="scalar", patches=((words.ctypes.data, 0),)))
    outputs = (OutputSpec(dtype, (2, 2)), OutputSpec(dtype, (), scalar=True), OutputSpec(dtype, ()))
    accepts = accepting(make, run, *specs, outputs=outputs)
    values = np.array([1, 0, 1], dtype)
    fresh, number, point = accepts(values, values[2])
    assert (fresh.dtype, fresh.shape, fresh.flags.c_contiguous, fresh.flags.owndata) == (dtype, (2, 2), True, True)
    assert type(number) is dtype.type
    assert (type(point), point.shape, point.dtype) == (np.ndarray, (), dtype)
    assert words[:1].view(np.uint8)[: dtype.itemsize].tobytes() == values[2].tobytes()
    assert not words.view(np.uint8)[dtype.itemsize :].any()
    assert accepts(values, values) is None
    assert accepts(values[2], values[2]) is None


def test_which_numbers_are_accepted(make, run):
    half, real, weak = np.float32(0.5), np.float64(0.5), 0.5
    table = {
        InputSpec(REAL, kind="scalar"): (real, weak),
        InputSpec(REAL, kind="number"): (real,),
        InputSpec(REAL, kind="float"): (weak,),
        InputSpec(np.dtype("f4"), kind="scalar"): (half,),
        InputSpec(np.dtype("i8"), kind="scalar"): (np.int64(3),),
        InputSpec(np.dtype(bool), kind="scalar"): (np.True_,),
    }
    sub = type("Sub", (float,), {})(1.0)
    candidates = (half, real, weak, sub, 1, True, np.int64(3), np.int32(3), np.True_, np.array(0.5), "0.5", None, 0.5j)
    for spec, accepted in table.items():
        accepts = accepting(make, run, spec)
        for value in candidates:
            assert accepts(value) == (() if type(value) in map(type, accepted) else None), (spec, value)


def test_pointers_numbers_and_results(make, run):
    words = np.zeros(12, np.int64)
    base = words.ctypes.data
    numbers = np.zeros(1)
    specs = (
        array((3,), patches=((base, 16), (base + 64, 0))),
        InputSpec(REAL, kind="scalar", patches=((numbers.ctypes.data, 0),)),
    )
    words[4] = numbers.ctypes.data
    outputs = (
        OutputSpec(REAL, (2,), patches=((base + 8, 8),)),
        OutputSpec(REAL, (), scalar=True, patches=((base + 40, 0),)),
    )
    words[2:4] = numbers.ctypes.data, base + 80  # the second pair copies the number to a spare word
    call = make(Plan(specs, outputs, run["copies"], base, 3, owner=(words, numbers)))
    given = np.array([1.0, 2.0, 3.0])
    for value in (7.5, np.float64(-0.0)):
        fresh, number = call(given, value)
        assert fresh[1] == 3.0  # the first pair: byte 16 of the input to byte 8 of the result
        assert number == value
        assert np.signbit(number) == np.signbit(value)
        assert words[8] == given.ctypes.data
        assert words[10:11].view(REAL)[0] == value
    first, _ = call(given, 1.0)
    second, _ = call(given, 1.0)
    assert not np.shares_memory(first, second)
    assert first.base is None
    assert first.flags.writeable


def test_donated_arrays_come_back_themselves(make, run):
    outputs = (OutputSpec(REAL, (4,), donated_from=1), OutputSpec(REAL, (4,), donated_from=0))
    call = accepting(make, run, array((4,), donated=True), array((4,), donated=True), array((2,)), outputs=outputs)
    first, second, other = np.ones(4), np.ones(4), np.ones(2)
    answer = call(first, second, other)
    assert answer[0] is second
    assert answer[1] is first
    frozen = np.ones(4)
    frozen.flags.writeable = False
    assert call(frozen, second, other) is None
    assert call(first, first, other) is None
    assert call(first, second, first[1:3]) is None
    assert call(first, second, second[2:]) is None
    frozen = np.ones(2)
    frozen.flags.writeable = False
    assert len(call(first, second, frozen)) == 2


def test_memory_next_to_a_donated_array_is_not_shared(make, run):
    memory = np.zeros(40)
    call = accepting(make, run, array((4,)), array((8,), donated=True), array((4,)), array((0,)), array((4,)))
    middle = memory[8:16]
    assert call(memory[4:8], middle, memory[16:20], memory[10:10], memory[4:8]) == ()
    assert call(memory[16:20], middle, memory[4:8], memory[8:8], memory[30:34]) == ()
    for start in (5, 6, 8, 10, 12, 15):
        part = memory[start : start + 4]
        assert call(part, middle, memory[20:24], memory[:0], memory[30:34]) is None
        assert call(memory[20:24], middle, part, memory[:0], memory[30:34]) is None
        assert call(memory[30:34], middle, memory[:4], memory[:0], part) is None
    assert call(memory[:4], middle, memory[1:5], memory[:0], memory[2:6]) == ()  # those may share among themselves


def test_many_arrays_in_every_order(make, run):
    generator = np.random.default_rng(3)
    memory = np.zeros(400)
    donated = [number % 3 == 0 for number in range(40)]
    call = accepting(make, run, *(array((4,), donated=flag) for flag in donated))
    for turn in range(60):
        starts = 8 * generator.permutation(40)
        if turn % 2:
            starts[generator.integers(40)] = starts[generator.integers(40)] + generator.integers(-3, 4)
        starts = np.clip(starts, 0, 396)
        parts = [memory[start : start + 4] for start in starts]
        shares = any(
            donated[i] and i != j and abs(int(starts[i]) - int(starts[j])) < 4 for i in range(40) for j in range(40)
        )
        assert call(*parts) == (None if shares else ()), turn


def test_a_stopped_run_answers_its_code(make, run):
    outputs = (OutputSpec(REAL, (4,)), OutputSpec(REAL, (), scalar=True))
    for code in (1, 2, 300):
        call = make(Plan((array((2,)),), outputs, run["stop"], 0, code))
        assert call(np.ones(2)) == code
        assert call(np.ones(2)) == code


@pytest.mark.parametrize("release", [False, True])
def test_references_are_counted(make, run, release):
    outputs = (
        OutputSpec(REAL, (4,), donated_from=0),
        OutputSpec(REAL, (3, 3)),
        OutputSpec(REAL, (), scalar=True),
        OutputSpec(np.dtype("i8"), (0, 2)),
    )
    specs = (array((4,), donated=True), InputSpec(REAL, kind="scalar"))
    works = make(Plan(specs, outputs, run["idle"], 0, 0, release))
    stops = make(Plan(specs, outputs, run["stop"], 0, 700, release))
    given, number, wrong = np.ones(4), 1.5, np.ones(5)
    watched = (given, number, wrong, REAL, np.dtype("i8"), None, NotImplemented, np.ndarray)
    before = [sys.getrefcount(thing) for thing in watched]
    for _ in range(20_000):
        works(given, number)
        works(wrong, number)
        works(given)
        works(given, given)
        stops(given, number)
    after = [sys.getrefcount(thing) for thing in watched]
    assert max(abs(new - old) for new, old in zip(after, before, strict=True)) < 100
    count = sys.getrefcount(given)
    answer = works(given, number)
    assert sys.getrefcount(given) == count + 1
    plain = (given, np.ones((3, 3)), np.float64(number), np.ones((0, 2)))
    assert [sys.getrefcount(part) for part in answer[1:]] == [sys.getrefcount(part) for part in plain[1:]]


def test_results_and_plans_are_freed(run):
    class Owner:
        pass

    owner = Owner()
    call = entry.make_entry(Plan((array((2,)),), (OutputSpec(REAL, (5,)),), run["idle"], 0, 0, owner=owner))
    gone = weakref.ref(owner)
    del owner
    result = call(np.ones(2))[0]
    freed = weakref.ref(result)
    del result
    assert freed() is None
    assert gone() is not None
    del call
    gc.collect()
    assert gone() is None


def test_memory_that_cannot_be_had_is_an_error(make, run):
    outputs = (OutputSpec(REAL, (3,)), OutputSpec(REAL, (2**50,)), OutputSpec(REAL, (), scalar=True))
    call = accepting(make, run, array((2,)), outputs=outputs)
    for _ in range(3):
        with pytest.raises(MemoryError):
            call(np.ones(2))


@pytest.mark.parametrize("release", [False, True])
def test_a_running_plan_is_not_entered_again(make, release):
    entered, answers = threading.Event(), []
    leave = threading.Event()

    def wait(_table, _count):
        answers.append(call(np.ones(2)))
        entered.set()
        leave.wait(10)
        return 0

    callback = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p, ctypes.c_int64)(wait)
    address = ctypes.cast(callback, ctypes.c_void_p).value
    call = make(Plan((array((2,)),), (OutputSpec(REAL, (3,)),), address, 0, 0, release, callback))
    results = []
    thread = threading.Thread(target=lambda: results.append(call(np.ones(2))))
    thread.start()
    assert entered.wait(10)
    answers.append(call(np.ones(2)))
    leave.set()
    thread.join()
    assert answers == [NotImplemented, NotImplemented]
    assert results[0][0].shape == (3,)
    assert call(np.ones(2))[0].shape == (3,)


@pytest.mark.parametrize("release", [False, True])
def test_several_threads(make, run, release):
    words = np.zeros(6, np.int64)
    spare = np.zeros(1)
    words[:4] = 0, 0, spare.ctypes.data, spare.ctypes.data
    base = words.ctypes.data
    specs, outputs = (array((1,), patches=((base, 0),)),), (OutputSpec(REAL, (1,), patches=((base + 8, 0),)),)
    call = make(Plan(specs, outputs, run["copies"], base, 2, release, (words, spare)))
    wrong, done = [], []

    def work(number):
        given = np.array([float(number)])
        for _ in range(3000):
            answer = call(given)
            if answer is NotImplemented:
                continue
            done.append(number)
            if answer[0][0] != number:
                wrong.append(answer)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert len(done) >= 3000


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        (Plan((InputSpec(np.dtype(">f8")),), (), 0, 0, 0), "native byte order"),
        (Plan((), (OutputSpec(np.dtype("c16")),), 0, 0, 0), "complex128"),
        (Plan((InputSpec(REAL, kind="list"),), (), 0, 0, 0), "'list'"),
        (Plan((InputSpec(REAL, (2,), "scalar"),), (), 0, 0, 0), "no shape"),
        (Plan((InputSpec(REAL, kind="scalar", donated=True),), (), 0, 0, 0), "cannot be donated"),
        (Plan((InputSpec(np.dtype("f4"), kind="float"),), (), 0, 0, 0), "float32"),
        (Plan((array((2,)),), (OutputSpec(REAL, (2,), donated_from=0, patches=((8, 0),)),), 0, 0, 0), "not donated"),
        (Plan((array((2,)),), (OutputSpec(REAL, (3,), donated_from=0),), 0, 0, 0), "cannot be input 0"),
        (Plan((), (OutputSpec(REAL, (3,), scalar=True),), 0, 0, 0), "no shape"),
    ],
)
def test_plans_that_cannot_be(plan, words):
    with pytest.raises(ValueError, match=words):
        entry.make_entry(plan)


def test_without_an_interface_the_entry_is_python(monkeypatch, run):
    monkeypatch.setattr(entry, "interface", lambda: None)
    entry._native.cache_clear()
    try:
        assert not entry.available()
        call = entry.make_entry(Plan((array((2,)),), (OutputSpec(REAL, (3,)),), run["idle"], 0, 0))
        assert call(np.ones(2))[0].shape == (3,)
        assert call(np.ones(3)) is None
    finally:
        entry._native.cache_clear()


def test_other_processors(run):
    text = "\n".join((*entry_functions(entry.interface().offsets).values(), addresses_text("where", ["entry_call"])))
    assert engine.object_code(text, engine.target(engine.BASELINE))
    assert "where:" in engine.assembly(text, engine.target(engine.AARCH64))
