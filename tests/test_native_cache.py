"""Native code from one process to the next: what is used again, and what never is."""

from __future__ import annotations

import ctypes
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

pytest.importorskip("llvmlite")

from native_parts import HELPER, adding, called

from chainrule.run.native import cache, engine, image, modules
from chainrule.run.native.modules import Part, Recipe, load_functions

SCRIPT = """
import ctypes, sys, time
sys.path.insert(0, {tests!r})
from chainrule.run.native import runner
from chainrule.run.native.modules import load_functions
from native_parts import adding
parts = [adding(number) for number in {numbers!r}]
start = time.perf_counter()
addresses = load_functions(parts)
runner.run_address()
elapsed = time.perf_counter() - start
for number, part in zip({numbers!r}, parts):
    call = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double, ctypes.c_int64)(addresses[part.name])
    assert call(0.0, 0) == number and call(0.0, 1) == number + 0.5
print("llvmlite.binding" in sys.modules, f"{{1e3 * elapsed:.2f}}")
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache."""
    monkeypatch.setenv("CHAINRULE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def started(folder: Path, numbers: list[int], **environment: str) -> subprocess.Popen[str]:
    script = SCRIPT.format(tests=str(Path(__file__).resolve().parent), numbers=numbers)
    return subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "CHAINRULE_CACHE": str(folder), **environment},
    )


def used_llvm(process: subprocess.Popen[str]) -> bool:
    """Whether a process, which must come to a good end, had to compile."""
    out, error = process.communicate(timeout=60)
    assert process.returncode == 0, error
    return out.split()[0] == "True"


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_parts_are_found_again_in_one_process() -> None:
    first = load_functions([adding(1), adding(2)])
    second = load_functions([adding(2), adding(3)])
    assert second["adding2"] == first["adding2"]
    assert called(first["adding1"], 0.0, 0) == 1.0
    assert called(second["adding3"], 0.0, 1) == 3.5


def test_equal_names_of_different_things_are_kept_apart() -> None:
    one = Part(
        "one", "@number = internal constant i64 1\ndefine i64 @one() {\n  %x = load i64, ptr @number\n  ret i64 %x\n}\n"
    )
    two = Part(
        "two", "@number = internal constant i64 2\ndefine i64 @two() {\n  %x = load i64, ptr @number\n  ret i64 %x\n}\n"
    )
    found = load_functions([one, two])
    assert [ctypes.CFUNCTYPE(ctypes.c_int64)(found[name])() for name in ("one", "two")] == [1, 2]
    helper = {"cr.third": HELPER["cr.third"].replace("3.0", "5.0")}
    other = Part("adding4", adding(4).text, adding(4).declarations, helper)
    found = load_functions([adding(5), other])
    assert called(found["adding5"], 3.0, 0) != called(found["adding4"], 3.0, 0) + 1.0
    with pytest.raises(ValueError, match="Two different parts have the name adding4"):
        load_functions([adding(4), other])


def test_a_recipe_is_followed_once(folder: Path) -> None:
    made: list[int] = []

    def make(number: int) -> Part:
        made.append(number)
        return adding(number)

    def recipe(number: int, key: str) -> Recipe:
        return Recipe(f"adding{number}", key, lambda: make(number))

    first = load_functions([recipe(60, "one"), recipe(61, "one")])
    assert called(first["adding61"], 0.0, 0) == 61.0
    assert load_functions([recipe(61, "one")]) == {"adding61": first["adding61"]}
    assert made == [60, 61]
    assert called(load_functions([recipe(61, "another")])["adding61"], 0.0, 0) == 61.0
    assert made == [60, 61, 61]
    assert len(files(folder)) >= 3
    with pytest.raises(ValueError, match="adding63 defines no function of this name"):
        load_functions([Part("adding63", adding(64).text)])


def test_a_text_that_llvm_does_not_accept_is_an_error() -> None:
    with pytest.raises(ValueError, match="LLVM does not accept the instructions"):
        load_functions([Part("wrong", "define i64 @wrong() { ret double 1.0 }")])


def test_another_processor_is_an_error() -> None:
    other = "aarch64" if modules.host_target().triple.startswith("x86_64") else "x86_64"
    with pytest.raises(engine.NativeCodeError, match="cannot run on this machine"):
        load_functions([adding(1)], engine.target(f"{other}-unknown-linux-gnu"))


needs_image = pytest.mark.skipif(not image.available(), reason="the linker of LLVM is used here")


@needs_image
def test_a_second_process_does_not_load_llvm(folder: Path) -> None:
    assert used_llvm(started(folder, list(range(12))))
    assert not used_llvm(started(folder, list(range(12))))
    assert not used_llvm(started(folder, [5, 3]))
    assert used_llvm(started(folder, [5, 20]))
    assert not used_llvm(started(folder, [20, 1]))
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in files(folder))
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@needs_image
def test_the_baseline_processor_has_code_of_its_own(folder: Path) -> None:
    assert used_llvm(started(folder, [1], CHAINRULE_NATIVE_TARGET="host"))  # whatever the suite itself is run for
    assert used_llvm(started(folder, [1], CHAINRULE_NATIVE_TARGET="x86-64"))
    assert not used_llvm(started(folder, [1], CHAINRULE_NATIVE_TARGET="x86-64"))


DAMAGES = {
    "half": lambda data: data[: len(data) // 2],
    "only the head": lambda data: data[:-8],
    "start": lambda data: data[:10],
    "empty": lambda data: b"",
    "another bit": lambda data: data[:-1] + bytes([data[-1] ^ 1]),
    "another head": lambda data: data.replace(b"chainrule native cache", b"chainrule native cAche", 1),
    "another version": lambda data: data.replace(b"\nversion 1", b"\nversion 2", 1),
    "more": lambda data: data + b"\0",
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_files_and_those_of_other_versions_are_not_used(folder: Path, damage: str) -> None:
    place = cache.folder(("version 1",))
    assert cache.write(place, "a" * 64, b"contents")
    path = files(folder)[0]
    path.write_bytes(DAMAGES[damage](path.read_bytes()))
    assert cache.read(place, "a" * 64) is None
    assert cache.write(place, "a" * 64, b"contents")
    assert cache.read(place, "a" * 64) == b"contents"


@needs_image
def test_a_process_that_finds_damaged_files_compiles(folder: Path) -> None:
    assert used_llvm(started(folder, [1, 2]))
    for path in files(folder):
        data = path.read_bytes()
        path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    assert used_llvm(started(folder, [1, 2]))
    assert not used_llvm(started(folder, [1, 2]))


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="files have no owners here")
def test_what_others_may_write_is_not_used(folder: Path) -> None:
    place = cache.folder(("test",))
    assert cache.write(place, "a" * 64, b"contents")
    file = files(folder)[0]
    for path, mode in ((folder, 0o700), (file.parent, 0o700), (file, 0o600)):
        for more in (0o002, 0o020):
            path.chmod(mode | more)
            assert cache.read(place, "a" * 64) is None
            path.chmod(mode)
            assert cache.read(place, "a" * 64) == b"contents"


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="files have no owners here")
def test_what_others_own_is_not_used(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = cache.folder(("test",))
    assert cache.write(place, "a" * 64, b"contents")
    assert cache.read(place, "a" * 64) == b"contents"
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    assert cache.read(place, "a" * 64) is None
    assert not cache.write(place, "b" * 64, b"contents")
    assert len(files(folder)) == 1


def test_a_link_in_place_of_a_file_is_not_followed(folder: Path) -> None:
    place = cache.folder(("test",))
    assert cache.write(place, "a" * 64, b"contents")
    path = files(folder)[0]
    path.rename(path.with_name("c" * 64))
    path.symlink_to(path.with_name("c" * 64))
    assert cache.read(place, "c" * 64) == b"contents"
    assert cache.read(place, "a" * 64) is None


def test_without_a_place_nothing_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file"
    file.write_text("no folder")
    for said in ("off", str(file), str(file / "below")):
        monkeypatch.setenv("CHAINRULE_CACHE", said)
        place = cache.folder(("test",))
        assert not cache.write(place, "a" * 64, b"contents")
        assert cache.read(place, "a" * 64) is None
    monkeypatch.delenv("CHAINRULE_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "own"))
    assert cache.root() == str(tmp_path / "own" / "chainrule" / "native")
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache.root() == str(tmp_path / ".cache" / "chainrule" / "native")


def test_a_home_that_is_missing_or_no_folder_is_no_error(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHAINRULE_CACHE", "")
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    monkeypatch.setenv("HOME", str(tmp_path / "missing"))
    assert cache.root() is None
    assert not cache.write(cache.folder(("test",)), "a" * 64, b"contents")
    folder.write_text("no folder")
    assert used_llvm(started(folder, [1], HOME=str(folder)))


def test_two_processes_write_at_once(folder: Path) -> None:
    processes = [started(folder, [*range(6)]) for _ in range(2)] + [started(folder, [*range(3, 9)]) for _ in range(2)]
    assert all(used_llvm(process) in (True, False) for process in processes)
    assert not [path for path in files(folder) if path.suffix == ".part"]
    if image.available():
        assert not used_llvm(started(folder, [*range(9)]))


def test_several_threads_write_and_read_the_same_names(folder: Path) -> None:
    del folder
    place = cache.folder(("test",))
    wrong: list[object] = []

    def work(number: int) -> None:
        for _ in range(30):
            cache.write(place, "a" * 64, bytes([number]) * 1000, ["b" * 64, "c" * 64])
            for name in "abc":
                found = cache.read(place, name * 64)
                if found is None or len(set(found)) != 1 or len(found) != 1000:
                    wrong.append(found)

    workers = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong


def test_the_oldest_files_make_room(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = cache.folder(("test",))
    kept = folder / "photos"
    kept.mkdir(parents=True, mode=0o700)
    folder.chmod(0o700)
    (kept / "a").write_bytes(bytes(100_000))
    monkeypatch.setattr(cache, "LIMIT", 60_000)
    for number in range(10):
        name = f"{number:064x}"
        assert cache.write(place, name, bytes(10_000), [f"{number + 100:064x}"])
        for path in files(folder):
            if path.name == name:
                os.utime(path, (number + 1e9, number + 1e9))
    found = [number for number in range(10) if cache.read(place, f"{number:064x}") is not None]
    assert found == list(range(10 - len(found), 10))
    assert 2 <= len(found) <= 6
    assert [number for number in range(10) if cache.read(place, f"{number + 100:064x}") is not None] == found
    assert (kept / "a").exists()
