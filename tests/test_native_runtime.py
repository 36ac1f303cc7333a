"""The native runner: tables, chunks on several threads, loops of tables; every result is the same for any number of threads."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

pytest.importorskip("llvmlite")

from native_parts import Step, run

from chainrule.run.native import pool, pool_text, runner
from chainrule.run.native.engine import assembly, target
from chainrule.run.native.modules import Part, load_functions, module_text


@pytest.fixture(autouse=True)
def _same_number_of_threads() -> Iterator[None]:
    before = pool.threads()
    yield
    pool.set_threads(before)


def test_entries_run_in_order_and_a_code_stops() -> None:
    steps = [Step(10, 100), Step(0, 100), Step(7, 7)]
    assert run(*steps) == 0
    assert all(step.is_done() for step in steps)
    assert steps[1].sums[0] == 0.0  # an empty entry is called once: what it accumulates becomes its neutral element
    steps = [Step(10, 100), Step(10, 100), Step(10, 100)]
    steps[1].x[3] = np.nan
    assert run(*steps) == 10
    assert steps[0].is_done()
    assert not steps[2].y.any()


@pytest.mark.parametrize("count", [1, 2, 3, 8])
@pytest.mark.parametrize(("size", "chunk"), [(2, 1), (100_003, 1000), (64, 63), (64, 64), (1000, 1)])
def test_results_do_not_depend_on_the_number_of_threads(count: int, size: int, chunk: int) -> None:
    pool.set_threads(1)
    expected = Step(size, chunk)
    assert run(expected) == 0
    pool.set_threads(count)
    for _ in range(20):
        step = Step(size, chunk)
        assert run(step) == 0
        assert step.is_done()
        np.testing.assert_array_equal(step.sums, expected.sums)


@pytest.mark.parametrize("count", [1, 2, 4])
def test_the_first_chunk_that_fails_gives_the_code(count: int) -> None:
    pool.set_threads(count)
    for turn in range(50):
        step = Step(100 + turn, 3)
        step.x[[40, 70]] = np.nan
        assert run(step) == 10 + 40 // 3


def test_a_chunk_of_no_length_is_one_element() -> None:
    pool.set_threads(2)
    step = Step(5, 1)
    step.entry[3] = 0
    assert run(step) == 0
    assert step.is_done()


def test_several_threads_of_python_at_once() -> None:
    pool.set_threads(2)
    failures: list[Any] = []

    def work(seed: int) -> None:
        for turn in range(100):
            step = Step(5000 + 10 * seed + turn, 100)
            if run(step, step) or not step.is_done():
                failures.append((seed, turn))

    workers = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for worker in workers:
        worker.start()
    for turn in range(200):
        pool.set_threads(1 + turn % 3)
    for worker in workers:
        worker.join()
    assert not failures


def test_threads_are_what_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "_asked", [])
    monkeypatch.setenv("OMP_NUM_THREADS", "3,2")
    monkeypatch.delenv("CHAINRULE_THREADS", raising=False)
    assert pool.threads() == 3
    monkeypatch.setenv("CHAINRULE_THREADS", "5")
    assert pool.threads() == 5
    monkeypatch.setenv("CHAINRULE_THREADS", "many")
    assert pool.threads() == 3
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert 1 <= pool.threads() <= (os.cpu_count() or 1)
    pool.set_threads(7)
    assert pool.threads() == 7
    with pytest.raises(ValueError, match="1 to 1024 threads, not by 0"):
        pool.set_threads(0)


def test_copy_and_fill() -> None:
    addresses = load_functions([runner.COPY, runner.FILL])
    source, result = np.arange(5.0), np.ones(7)
    copy = np.array([result.ctypes.data, source.ctypes.data, 40], np.int64)
    fill = np.array([result.ctypes.data + 8, 16], np.int64)
    entries = ((addresses["chainrule_copy"], copy), (addresses["chainrule_fill"], fill))
    table = np.array([[address, words.ctypes.data, 1, 1] for address, words in entries], np.int64)
    assert runner.run_table(table.ctypes.data, 2) == 0
    np.testing.assert_array_equal(result, [0, 0, 0, 3, 4, 1, 1])


class Scan:
    """A scan whose turn t does row t: y[t] = x[t] · 2 / 3 + 1."""

    def __init__(self, turns: int, pause: int = 0) -> None:
        self.step = Step(8, 3)
        self.x = np.random.default_rng(turns).normal(size=(turns, 8))
        self.y, self.sums = np.zeros((turns, 8)), np.zeros((turns, 3))
        self.counter, self.stop = np.zeros(1, np.int64), np.zeros(1, np.int64)
        self.inner = np.array([self.step.entry], np.int64)
        words = self.step.words.ctypes.data
        arrays = (self.x, self.y, self.sums)
        moves = [(words + 8 * place, array.ctypes.data, array.strides[0]) for place, array in enumerate(arrays)]
        block = runner.scan_words(
            self.inner.ctypes.data, 1, turns, self.counter.ctypes.data, moves, pause, self.stop.ctypes.data
        )
        self.block = np.array(block, np.int64)
        self.outer = np.array(
            [[load_functions([runner.SCAN])[runner.SCAN.name], self.block.ctypes.data, 1, 1]], np.int64
        )

    def run(self) -> int:
        return runner.run_table(self.outer.ctypes.data, 1)

    def rows_done(self) -> int:
        return int((self.y == self.x * 2 / 3 + 1).all(axis=1).sum())


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("turns", [0, 1, 100])
def test_a_scan_runs_its_table_turn_by_turn(turns: int, threads: int) -> None:
    pool.set_threads(threads)
    scan = Scan(turns)
    for _ in range(2):  # the second time it starts anew
        scan.y[...] = 0
        assert scan.run() == 0
        assert scan.rows_done() == turns
        assert scan.counter[0] == 0


def test_a_scan_pauses_and_goes_on() -> None:
    scan = Scan(10, pause=4)
    found = []
    while (code := scan.run()) == runner.STOPPED:
        found.append((int(scan.counter[0]), scan.rows_done()))
    assert code == 0
    assert found == [(4, 4), (8, 8)]
    assert scan.rows_done() == 10


def test_a_scan_is_told_to_stop() -> None:
    scan = Scan(10)
    scan.stop[0] = 1
    assert scan.run() == runner.STOPPED
    assert scan.counter[0] == 0
    scan.stop[0] = 0
    assert scan.run() == 0
    assert scan.rows_done() == 10


def test_a_scan_says_in_which_turn_it_failed() -> None:
    scan = Scan(10)
    scan.x[6, 0] = np.nan
    assert scan.run() == 10
    assert scan.counter[0] == 6
    assert scan.rows_done() == 6
    scan.counter[0] = 0
    scan.x[6, 0] = 1.0
    assert scan.run() == 0
    assert scan.rows_done() == 10


TESTS = os.path.dirname(os.path.abspath(__file__))

FORK = """
import os, sys
sys.path.insert(0, {tests!r})
from chainrule.run.native import pool
from native_parts import Step, run
pool.set_threads(2)
assert run(Step(10_000, 100)) == 0
for turn in range(20):
    child = os.fork()
    step = Step(10_000, 100)
    good = run(step) == 0 and step.is_done()
    if child == 0:
        grandchild = os.fork()
        step = Step(10_000, 100)
        good = good and run(step) == 0 and step.is_done()
        if grandchild == 0:
            os._exit(0 if good else 1)
        os._exit(0 if good and os.waitstatus_to_exitcode(os.waitpid(grandchild, 0)[1]) == 0 else 1)
    assert good
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
print("fine")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_after_a_fork_parent_and_child_have_threads_of_their_own() -> None:
    script = FORK.format(tests=TESTS)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout.strip()) == (0, "fine"), done.stderr


EXIT = """
import sys, threading
sys.path.insert(0, {tests!r})
from chainrule.run.native import pool
from native_parts import Step, run
pool.set_threads(4)
def work():
    while True:
        run(*[Step(10_000, 100)] * 100)
for _ in range(2):
    threading.Thread(target=work, daemon=True).start()
assert run(Step(10_000, 100)) == 0
print("fine")
"""


def test_the_interpreter_ends_while_threads_are_at_work() -> None:
    script = EXIT.format(tests=TESTS)
    for _ in range(3):
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60)
        assert (done.returncode, done.stdout.strip()) == (0, "fine"), done.stderr


@pytest.mark.parametrize("triple", ["aarch64-unknown-linux-gnu", "x86_64-unknown-linux-gnu", "x86_64-pc-windows-msvc"])
def test_the_pool_is_code_for_other_systems(triple: str) -> None:
    part = Part("pool", pool_text.text(triple) + runner.DOOR, pool_text.declarations(triple))
    text = assembly(module_text([part]), target(triple))
    assert ("pthread_create" in text) == ("linux" in triple)
