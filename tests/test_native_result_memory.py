"""Memory of large results: taken again when its array is gone, never while anything refers to it, and bounded."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import threading

import numpy as np
import pytest

from chainrule.run.native import engine, entry, result_memory
from chainrule.run.native.plans import InputSpec, OutputSpec, Plan
from chainrule.run.native.result_memory import LARGE

REAL = np.dtype(np.float64)
COUNT = LARGE // 8
POINT = InputSpec(REAL, ())

pytestmark = pytest.mark.skipif(not entry.available(), reason="the entry is not native here")


@pytest.fixture(scope="module")
def idle():
    library = engine.load(
        engine.object_code("define i64 @idle(ptr %t, i64 %n) { ret i64 0 }", engine.target()), ("idle",)
    )
    yield library.addresses["idle"]
    assert library.owner


def making(idle, *shapes):
    call = entry.make_entry(Plan((POINT,), tuple(OutputSpec(REAL, shape) for shape in shapes), idle, 0, 0))
    point = np.array(1.0)
    return lambda: call(point)


def handler(array):
    return np._core.multiarray.get_handler_name(array)


def test_only_large_results_have_memory_of_their_own_kind(idle):
    assert handler(making(idle, (COUNT - 1,))()[0]) == "default_allocator"
    large, small = making(idle, (2, COUNT), (3,))()
    assert (handler(large), large.flags.owndata, large.base, large.ctypes.data % 64) == ("chainrule", True, None, 0)
    assert small.shape == (3,)
    assert handler(np.empty(2 * COUNT)) == "default_allocator"
    assert handler(large.copy()) == "default_allocator"


def test_memory_is_used_again_when_nobody_refers_to_it(idle):
    make = making(idle, (COUNT + 100,))
    first = make()[0]
    address = first.ctypes.data
    first[:] = 1.0
    view = first[10:20]
    second = make()[0]
    assert second.ctypes.data != address
    second[:] = 2.0
    del first
    assert make()[0].ctypes.data != address
    assert (view == 1.0).all()
    del view
    kept = result_memory.kept_bytes()
    assert kept >= LARGE
    addresses = {make()[0].ctypes.data for _ in range(50)}
    assert len(addresses) == 1
    assert (second == 2.0).all()


def test_what_is_kept_is_bounded(idle):
    most = result_memory.limit()
    make = making(idle, (3 * COUNT,))
    results = [make()[0] for _ in range(most // (3 * LARGE) + 40)]
    assert len({result.ctypes.data for result in results}) == len(results)
    for number, result in enumerate(results):
        result[0] = result[-1] = number
    assert all(result[0] == result[-1] == number for number, result in enumerate(results))
    results.clear()
    assert 0 < result_memory.kept_bytes() <= most
    generator = np.random.default_rng(1)
    makers = [making(idle, (int(size),)) for size in generator.integers(COUNT // 2, 12 * COUNT, 40)]
    alive = []
    for _ in range(400):
        alive.append(makers[generator.integers(40)]()[0])
        alive[-1][::512] = len(alive)
        if len(alive) > 12:
            alive.pop(generator.integers(12))
        assert 0 <= result_memory.kept_bytes() <= most
    spans = sorted((array.ctypes.data, array.ctypes.data + array.nbytes) for array in alive)
    assert all(first[1] <= second[0] for first, second in itertools.pairwise(spans))


def test_resizing(idle):
    make = making(idle, (COUNT,))
    for size in (10, COUNT - 1, COUNT, 2 * COUNT, 0):
        result = make()[0]
        result[:] = np.arange(COUNT)
        result.resize(size, refcheck=False)
        kept = min(size, COUNT)
        assert (result[:kept] == np.arange(kept)).all()
        assert not result[kept:].any()


def test_threads(idle):
    make = making(idle, (COUNT,), (COUNT + 64,))
    wrong = []

    def work(number):
        for _ in range(300):
            answer = make()
            if answer is NotImplemented:
                continue
            for array in answer:
                array[:: COUNT // 8] = number
            if not all((array[:: COUNT // 8] == number).all() for array in answer):
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_too_much_is_an_error_and_leaves_the_allocator_as_it_was(idle):
    make = making(idle, (COUNT,), (2**50,))
    for _ in range(3):
        with pytest.raises(MemoryError):
            make()
    assert handler(np.empty(3)) == "default_allocator"
    assert handler(making(idle, (COUNT,))()[0]) == "chainrule"


def test_arrays_that_outlive_everything_else():
    """The last arrays of a process are freed when modules are gone; that must not crash."""
    code = """
import builtins, sys
import numpy as np
from chainrule.run.native import engine, entry
from chainrule.run.native.plans import InputSpec, OutputSpec, Plan
library = engine.load(engine.object_code("define i64 @idle(ptr %t, i64 %n) { ret i64 0 }", engine.target()), ("idle",))
real = np.dtype(float)
make = entry.make_entry(Plan((InputSpec(real, ()),), (OutputSpec(real, (2**18,)),), library.addresses["idle"], 0, 0))
point = np.array(1.0)
builtins.kept = [make(point)[0] for _ in range(4)]
sys.last = [make(point)[0], make]
cycle = [make(point)[0]]
cycle.append(cycle)
print(np._core.multiarray.get_handler_name(cycle[0]))
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=60)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "chainrule", "")
