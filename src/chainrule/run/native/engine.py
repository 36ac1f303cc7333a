"""LLVM's text in, machine code out: the smallest wrapper around llvmlite that the native back end needs.

The text is optimised with a few of LLVM's passes, turned into an object file (bytes, which a cache may keep), and
linked into the process. Nothing here allows LLVM to change results: no fast-math, no contraction of the user's arithmetic.
"""

from __future__ import annotations

import ctypes
import functools
import importlib
import itertools
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chainrule.errors import ChainruleError

BASELINE = "x86-64"
AARCH64 = "aarch64-unknown-linux-gnu"
_counter = itertools.count()


class NativeCodeError(ChainruleError, RuntimeError):
    """Native code cannot be made here: llvmlite is missing, or it has no back end for the processor asked for.

    >>> issubclass(NativeCodeError, RuntimeError)
    True
    """


@functools.cache
def binding() -> Any:
    """llvmlite's binding of LLVM, loaded and initialised at the first call; a clear error where it is not installed.

    >>> binding().llvm_version_info[0] >= 15
    True
    """
    try:
        llvm = importlib.import_module("llvmlite.binding")
    except ImportError as error:
        raise NativeCodeError(
            f"Native code needs the package llvmlite, which cannot be loaded here ({error}). Install it with "
            "`pip install llvmlite`, or run without cr.compile: the interpreter gives the same results, slower."
        ) from error
    if llvm.llvm_version_info[0] < 20:  # newer LLVMs need no initialising, and warn
        llvm.initialize()
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    return llvm


@dataclass(frozen=True)
class Target:
    """The processor that code is made for: triple, name of the processor, features as LLVM writes them.

    >>> target(BASELINE).fused, target("aarch64-unknown-linux-gnu").fused
    (False, True)
    """

    triple: str
    cpu: str
    features: str

    @property
    def fused(self) -> bool:
        """Whether the processor has fused multiply-add, so that `llvm.fma` is one instruction."""
        if self.triple.startswith(("aarch64", "arm64")):
            return True
        return "+fma" in self.features.split(",")

    def machine(self) -> Any:
        """llvmlite's target machine; NativeCodeError where LLVM was built without this back end."""
        llvm = binding()
        try:
            known = llvm.Target.from_triple(self.triple)
        except RuntimeError as error:
            raise NativeCodeError(f"This llvmlite cannot make code for {self.triple}: {error}.") from error
        return known.create_target_machine(cpu=self.cpu, features=self.features, opt=3, reloc="pic", codemodel="small")

    @property
    def foreign(self) -> bool:
        """Whether the code cannot run in this process."""
        return self.triple != binding().get_process_triple()


@functools.cache
def target(kind: str = "host") -> Target:
    """The processor of this machine (`"host"`), the oldest of its kind (`"x86-64"`), or that of a triple.

    The environment variable `CHAINRULE_NATIVE_TARGET=x86-64` forces the baseline where "host" is asked for.

    >>> target("aarch64-unknown-linux-gnu").foreign or target().triple.startswith("aarch64")
    True
    """
    llvm = binding()
    triple = llvm.get_process_triple()
    if kind == "host":
        kind = os.environ.get("CHAINRULE_NATIVE_TARGET", "host")
    if kind == "host":
        # 512-bit vectors where the processor has them: LLVM prefers 256 on some, which halves the speed of arithmetic.
        features = llvm.get_host_cpu_features().flatten()
        wide = ",-prefer-256-bit" if triple.startswith("x86_64") else ""
        return Target(triple, llvm.get_host_cpu_name(), features + wide)
    if kind == BASELINE:
        # A x86-64 of 2003: SSE2 and nothing later, whatever this machine has.
        return Target(triple if triple.startswith("x86_64") else "x86_64-unknown-linux-gnu", "x86-64", "+sse2")
    return Target(kind, "", "")


def optimise(text: str, for_target: Target) -> Any:
    """LLVM's module optimised; ValueError with LLVM's words where it is malformed.

    The loops in it are explicit vector code already, so there are only the passes that such code profits from: 2–3 ms a kernel,
    where LLVM's pipeline of level 3 takes 6–25 ms for code that is no faster.
    """
    llvm = binding()
    machine = for_target.machine()
    try:
        module = llvm.parse_assembly(text)
    except RuntimeError as error:
        raise ValueError(f"LLVM does not accept the instructions: {error}") from error
    module.triple = for_target.triple
    module.data_layout = str(machine.target_data)
    module.verify()
    builder = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=2))
    passes = llvm.create_new_module_pass_manager()
    passes.add_always_inliner_pass()
    passes.add_sroa_pass()
    passes.add_instruction_combine_pass()
    passes.add_simplify_cfg_pass()
    passes.add_dead_code_elimination_pass()
    passes.add_global_dead_code_eliminate_pass()
    passes.run(module, builder)
    return module


def object_code(text: str, for_target: Target) -> bytes:
    """The object file of a module's text.

    >>> code = object_code("define i64 @two() { ret i64 2 }", target())
    >>> len(code) > 100
    True
    """
    return for_target.machine().emit_object(optimise(text, for_target))


def assembly(text: str, for_target: Target) -> str:
    """The assembly of a module's text, for reading and for tests of other processors.

    >>> "ret" in assembly("define i64 @two() { ret i64 2 }", target("aarch64-unknown-linux-gnu"))
    True
    """
    return for_target.machine().emit_assembly(optimise(text, for_target))


@dataclass(frozen=True)
class Library:
    """Object code linked into the process; it stays as long as this object lives, and calls after that crash.

    >>> library = load(object_code("define i64 @two() { ret i64 2 }", target()), ("two",))
    >>> ctypes.CFUNCTYPE(ctypes.c_int64)(library.addresses["two"])()
    2
    """

    addresses: Mapping[str, int]
    owner: Any


@functools.cache
def _linker() -> Any:
    return binding().create_lljit_compiler()


def load(code: bytes, names: tuple[str, ...]) -> Library:
    """Link an object file into the process and look up the functions `names`."""
    llvm = binding()
    builder = llvm.JITLibraryBuilder().add_object_img(code).add_current_process()
    for name in names:
        builder.export_symbol(name)
    owner = builder.link(_linker(), f"chainrule{next(_counter)}")
    return Library({name: owner[name] for name in names}, owner)


def function(library: Library, name: str, *types: Any) -> Any:
    """A function without result as a Python callable; ctypes releases the GIL while it runs.

    >>> code = object_code("define void @nothing() { ret void }", target())
    >>> function(load(code, ("nothing",)), "nothing")()
    """
    call = ctypes.CFUNCTYPE(None, *types)(library.addresses[name])
    call.library = library  # type: ignore[attr-defined]  # the code must outlive the callable
    return call
