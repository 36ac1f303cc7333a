"""The small linker: what it brings into memory, and what it leaves to LLVM's own."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("llvmlite")

from native_parts import adding, called

from chainrule.run.native import engine, image
from chainrule.run.native.modules import Part, load_functions, module_text

needs_image = pytest.mark.skipif(not image.available(), reason="the linker of LLVM is used here")
TESTS = str(Path(__file__).resolve().parent)


@needs_image
def test_memory_is_writable_or_executable_never_both() -> None:
    address = load_functions([adding(30)])["adding30"]
    for line in Path("/proc/self/maps").read_text().splitlines():
        begin, end = (int(number, 16) for number in line.split()[0].split("-"))
        if begin <= address < end:
            assert line.split()[1] == "r-xp"
            return
    pytest.fail("the code is nowhere")


@needs_image
def test_images_survive_being_written_and_read() -> None:
    code = engine.object_code(module_text([adding(40), adding(41)]), engine.target())
    made = image.link(code)
    assert made is not None
    digests = {name: bytes([number]) * 32 for number, name in enumerate(("adding40", "adding41"))}
    again_digests, again = image.unpack(image.pack(digests, made))
    assert (again_digests, again) == (digests, made)
    placed = image.place(made)
    assert placed is not None
    assert called(placed["adding41"], 0.0, 1) == 41.5


REFUSED = {
    "thread": "@x = thread_local global i64 1\ndefine ptr @f() {\n  %p = call ptr @llvm.threadlocal.address.p0(ptr @x)\n  ret ptr %p\n}\n"
    "declare ptr @llvm.threadlocal.address.p0(ptr)\n",
    "start": "@llvm.global_ctors = appending global [1 x { i32, ptr, ptr }] [{ i32, ptr, ptr } { i32 1, ptr @f, ptr null }]\n"
    "declare void @abort()\ndefine void @f() {\n  call void @abort()\n  ret void\n}\n",
    "common": "@x = common global i64 0\ndefine ptr @f() {\n  ret ptr @x\n}\n",
}


@needs_image
@pytest.mark.parametrize("name", REFUSED)
def test_objects_that_the_small_linker_does_not_know_are_refused(name: str) -> None:
    code = engine.object_code(REFUSED[name], engine.target())
    assert image.link(code) is None


@needs_image
def test_objects_for_other_machines_are_refused() -> None:
    code = engine.object_code("define i64 @f() { ret i64 1 }", engine.target("aarch64-unknown-linux-gnu"))
    assert image.link(code) is None
    good = engine.object_code("define i64 @f() { ret i64 1 }", engine.target())
    for length in range(0, len(good), 7):
        image.link(good[:length])  # refused or not, no other error


@needs_image
def test_data_that_is_written_and_addresses_in_tables() -> None:
    part = Part(
        "counting",
        """
@count = internal global i64 0
@start = internal global i64 5
@steps = internal constant [2 x ptr] [ptr @one, ptr @ten]
@cosine = internal constant ptr @cos
define internal i64 @one() noinline {
  ret i64 1
}
define internal i64 @ten() noinline {
  ret i64 10
}
define i64 @counting(i64 %which) {
  %at = getelementptr [2 x ptr], ptr @steps, i64 0, i64 %which
  %step = load ptr, ptr %at
  %more = call i64 %step()
  %before = load volatile i64, ptr @count
  %after = add i64 %before, %more
  store volatile i64 %after, ptr @count
  %start = load volatile i64, ptr @start
  %function = load volatile ptr, ptr @cosine
  %number = call double %function(double 0.0)
  %whole = fptosi double %number to i64
  %sum = add i64 %after, %start
  %all = add i64 %sum, %whole
  ret i64 %all
}
""",
        frozenset({"declare double @cos(double)"}),
    )
    assert image.link(engine.object_code(module_text([part]), engine.target())) is not None
    call = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(load_functions([part])["counting"])
    assert [call(0), call(1), call(0)] == [7, 17, 18]


def test_llvms_own_linker_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAINRULE_CACHE", "off")
    monkeypatch.setattr(image, "available", lambda: False)
    addresses = load_functions([adding(50), adding(51)])
    assert called(addresses["adding51"], 0.0, 1) == 51.5


EXIT = """
import sys, threading
sys.path.insert(0, {tests!r})
from chainrule.run.native import image
image.available = lambda: False
from chainrule.run.native import pool
from native_parts import Step, run
pool.set_threads(3)
def work():
    while True:
        run(*[Step(10_000, 100)] * 100)
threading.Thread(target=work, daemon=True).start()
for _ in range(50):
    step = Step(10_000, 100)
    assert run(step) == 0 and step.is_done()
print("fine")
"""


def test_threads_work_in_code_that_llvm_linked_up_to_the_end() -> None:
    environment = {**os.environ, "CHAINRULE_CACHE": "off"}
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", EXIT.format(tests=TESTS)],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            env=environment,
        )
        assert (done.returncode, done.stdout.strip()) == (0, "fine"), done.stderr
