"""`cr.compile`: the user's function in, a function that runs its program out.

The function is traced once for each kind of call (containers, shapes, dtypes, static values), and once more where what its
code decided turns out otherwise; each time a program with guards is kept, a variant. A call takes the variant whose guards
hold. Where no program can do what the function does, the function itself runs: compiling may not help, but never changes a
result.
"""

from __future__ import annotations

import inspect
import sys
import threading
import time
import warnings
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from types import MethodType
from typing import Any, overload

import numpy as np

from chainrule import allocator
from chainrule.arguments import function_name
from chainrule.call_front import Front, Input, Output, Watched
from chainrule.call_leaves import CallLeaves, read_call, signature_of, static_floats
from chainrule.capture import FloatsMatter, NotCompilable, Program, RandomNumbersError, capture
from chainrule.compile_stats import CompileWarning as CompileWarning
from chainrule.compile_stats import Stats
from chainrule.donation import Donation, DonationError, donated_names, match_donated, require_own_memory
from chainrule.errors import ArgumentError
from chainrule.flattening import make_call
from chainrule.guards import ACTIVE, GuardFailed, current_recorder
from chainrule.run.executor import Builder, builder
from chainrule.run.runnable import Runnable
from chainrule.source import is_ours
from chainrule.trees import transform

GUARD_CODE = 2  # the native entry's answer where a guard failed
LARGEST_FAMILY = 16  # variants of one function for one kind of arrays; after that it runs uncompiled
LARGEST_STALE = 3  # variants that are kept though names that they read stand for something else now
LARGEST_TABLE = 256  # kinds of calls that are remembered


@overload
def compile(  # noqa: A001
    f: Callable[..., Any], donate: int | str | Sequence[int | str] = (), executor: str | None = None
) -> Compiled: ...


@overload
def compile(  # noqa: A001
    f: None = None, donate: int | str | Sequence[int | str] = (), executor: str | None = None
) -> Callable[[Callable[..., Any]], Compiled]: ...


def compile(  # noqa: A001 the name of the verb, in a namespace of its own
    f: Callable[..., Any] | None = None, donate: int | str | Sequence[int | str] = (), executor: str | None = None
) -> Compiled | Callable[[Callable[..., Any]], Compiled]:
    """f as a program: traced at the first call of each kind, then run without Python.

    Arrays and NumPy numbers among the arguments are inputs, Python's floats too where everything floating is float64;
    other numbers, texts and objects are static: f is traced again for others. What f's code decides from values (`if`,
    `while`, `int()`) is checked at each call; other decisions are traced as another variant, at most 16. Side effects
    such as `print` happen only while tracing. f may call `grad` and its family inside.

    `donate` names arguments (positions or names) whose arrays the results may overwrite: those results that are nested
    as the argument is, with the same shapes and dtypes, come back as the very arrays that were passed in.
    `.stats()` tells what was compiled. It is a decorator too, bare or as `@cr.compile(donate="w")`.

    >>> import numpy as np, chainrule as cr
    >>> step = cr.compile(lambda w, x: w - 0.1 * cr.grad(lambda w: np.sum((w * x) ** 2))(w), donate="w")
    >>> w = np.array([1.0, 2.0])
    >>> step(w, 1.0) is w, w
    (True, array([0.8, 1.6]))
    """
    if f is None:
        return partial(compile, donate=donate, executor=executor)
    if isinstance(f, Compiled):
        f = f.__wrapped__
    if not callable(f):
        raise ArgumentError(f"compile takes a function and got {f!r}. Write compile(f)(x), not compile(f(x)).")
    return Compiled(f, donate, builder(executor))


_IDLE = Watched(ACTIVE, "recorder", None)  # while somebody traces, calls take the slow way, which asks whether it is us


class _Variant:
    """One program of a function: what it needs, how it runs, and how its results are put together."""

    __slots__ = (
        "_fast", "aliases", "careful", "donation", "front", "guards", "paths", "results", "runnable", "surroundings"
    )  # fmt: skip

    def __init__(
        self, program: Program, call: CallLeaves, signature: inspect.Signature, donated: Sequence[str], build: Builder
    ) -> None:
        self._fast: list[Callable[..., Any] | None] = []
        self.careful = program.careful
        self.guards = tuple(map(str, program.guards))  # their nodes would keep the arrays of the first call
        self.surroundings = program.surroundings
        self.results = program.results
        self.paths = call.paths
        self.donation: Donation = match_donated(program, call, donated)
        self.aliases = {**self.donation.aliases, **program.written}
        self.runnable: Runnable = build(
            program.graph,
            guards=len(program.guards),
            aliases=self.aliases,
            donated=self.donation.donated | set(self.aliases.values()),
        )
        types = {number: type(value) for number, value in enumerate(call.inputs) if type(value) is not np.ndarray}
        self.front = Front(signature, call.trees, program.extra, (*program.surroundings.watched, _IDLE), types)

    def run(self, inputs: list[Any], arguments: dict[str, Any]) -> Any:
        """The function's result for the inputs of a call."""
        values = [np.float64(value) if type(value) is float else value for value in inputs]
        values.extend(self.front.extra.values())
        if self.aliases:
            values = require_own_memory(values, self.aliases, self.donation, self.paths)
        outputs = self.runnable.run(values)

        def leaf(given: Any) -> Any:
            if isinstance(given, Output):
                value = outputs[given.number]
                return value if given.convert is None else given.convert(value)
            return inputs[given.number] if isinstance(given, Input) else given.of(arguments)

        return transform(leaf, self.donation.results)

    def fast(self, general: Callable[..., Any], name: str) -> Callable[..., Any] | None:
        """The function that runs this variant without the general way; None where there is none for it."""
        if not self._fast:
            make_entry = getattr(self.runnable, "entry", None)
            entry = make_entry() if make_entry is not None else None
            made = None
            if entry is not None:
                slow, stopped, donated = partial(general, None), partial(_stopped, general, self), self.donation.aliases
                with suppress(TypeError):  # leaves that only the general way knows
                    made = make_call(self.front, entry, self.results, slow, donated=donated, stopped=stopped, name=name)
                    made = _checked(made, self.surroundings.checks, slow) if self.surroundings.checks else made
            self._fast.append(made)
        return self._fast[0]


def _stopped(general: Callable[..., Any], variant: _Variant, code: int, *args: Any, **kwargs: Any) -> Any:
    """What follows where the fast way stopped: another variant where a guard failed; the same again where an index did."""
    return general(variant if code == GUARD_CODE else None, *args, **kwargs)


def _checked(fast: Callable[..., Any], checks: Sequence[Any], slow: Callable[..., Any]) -> Callable[..., Any]:
    """The fast way, taken where what the function reads in containers and small arrays is what it was."""

    def call(*args: Any, **kwargs: Any) -> Any:
        for check in checks:
            if not check.holds():
                return slow(*args, **kwargs)
        return fast(*args, **kwargs)

    return call


class _Family:
    """All variants for one kind of arrays."""

    __slots__ = ("closed", "failures", "floats_matter", "traced", "variants")

    def __init__(self) -> None:
        self.variants: dict[Any, list[_Variant]] = {}
        self.floats_matter = False
        self.traced = 0
        self.closed: str | None = None  # why the function itself runs where no variant fits
        self.failures: Counter[str] = Counter()


class Compiled:
    """A compiled function; made by `compile`. Calls, methods and keywords work as for the function itself.

    >>> import chainrule as cr
    >>> cr.compile(lambda x: x + 1.0)
    <compiled <lambda>: 0 variants, 0 calls>
    """

    def __init__(self, f: Callable[..., Any], donate: Any, build: Builder) -> None:
        self.__wrapped__ = f
        self.__name__ = self.__qualname__ = function_name(f)
        self.__doc__ = getattr(f, "__doc__", None)
        self.__module__ = getattr(f, "__module__", __name__)
        self._signature = signature_of(f)
        self._donate = donated_names(self._signature, self.__name__, donate)
        self._build = build
        self._families: OrderedDict[Any, _Family] = OrderedDict()
        self._lock = threading.RLock()
        self._stats = Stats(self.__name__)
        self._call: Callable[..., Any] = partial(self._general, None)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._call(*args, **kwargs)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else MethodType(self, instance)

    def __repr__(self) -> str:
        return f"<compiled {self.__name__}: {self._stats.summary()}>"

    def stats(self) -> Stats:
        """What was compiled: variants, calls, why it was traced again, milliseconds; prints as text."""
        return self._stats

    def _general(self, failed: _Variant | None, /, *args: Any, **kwargs: Any) -> Any:
        """A call of any kind: the variants of its kind are tried, but for one that failed already, and a new one is traced where
        none fits."""
        f = self.__wrapped__
        if current_recorder() is not None:
            return f(*args, **kwargs)  # part of another compiled function
        try:
            bound = self._signature.bind(*args, **kwargs)
        except TypeError:
            return f(*args, **kwargs)  # Python's own complaint
        bound.apply_defaults()
        call = read_call(bound.arguments)
        if call.traced:
            return f(*args, **kwargs)
        self._stats.calls += 1
        if call.problem is not None:
            return self._uncompiled(call.problem, args, kwargs)
        with self._lock:
            family = self._family((tuple(call.shapes), len(bound.arguments)))
        for _ in range(2):
            if family.floats_matter:
                call = static_floats(call)
            try:
                return self._run(family, call, bound.arguments, args, kwargs, failed)
            except FloatsMatter:
                family.floats_matter = True
        raise AssertionError("static floats do not matter")

    def _family(self, key: Any) -> _Family:
        family = self._families.get(key)
        if family is None:
            family = self._families[key] = _Family()
            if len(self._families) > LARGEST_TABLE:
                self._families.popitem(last=False)
        else:
            self._families.move_to_end(key)
        return family

    def _run(
        self,
        family: _Family,
        call: CallLeaves,
        arguments: dict[str, Any],
        args: Any,
        kwargs: Any,
        failed: _Variant | None,
    ) -> Any:
        key = tuple(call.key)
        with self._lock:
            variants = family.variants.get(key, [])
            tried = variants[:1] if family.closed is not None else list(variants)
        reason = None
        for variant in tried:
            if variant is failed:
                reason = _told(variant.guards, None)
                family.failures[reason] += 1
                continue
            changed = variant.surroundings.change()
            if changed is not None:
                reason = f"{changed} is not what it was"
                family.failures[f"{changed}, which it reads besides its arguments, has changed"] += 1
                continue
            try:
                result = variant.run(call.inputs, arguments)
            except GuardFailed as failure:
                reason = _told(variant.guards, failure.number)
                family.failures[reason] += 1
                continue
            except DonationError:
                raise
            except Exception as error:
                return self._instead(error, args, kwargs)
            self._prefer(variants, variant)
            return result
        if reason is None and family.variants:
            reason = _static_difference(call)
            family.failures[reason] += 1
        return self._anew(family, key, call, arguments, args, kwargs, reason)

    def _prefer(self, variants: list[_Variant], variant: _Variant) -> None:
        """The variant that fitted is tried first the next time; one that is careful about infinities comes last."""
        with self._lock:
            if variant not in variants:
                return  # another thread has let go of it
            if not variant.careful:
                variants.remove(variant)
                variants.insert(0, variant)
            first = variants[0] is variant
        if first:
            self._call = variant.fast(self._general, self.__name__) or partial(self._general, None)

    def _anew(
        self,
        family: _Family,
        key: Any,
        call: CallLeaves,
        arguments: dict[str, Any],
        args: Any,
        kwargs: Any,
        reason: str | None,
    ) -> Any:
        """Trace the function for this call and run the new variant; or run the function itself."""
        if family.closed is None and family.traced >= LARGEST_FAMILY:
            worst, times = family.failures.most_common(1)[0]
            family.closed = f"it would need more than {LARGEST_FAMILY} variants: {worst} ({times} times)"
        if family.closed is not None:
            return self._uncompiled(family.closed, args, kwargs)
        start = time.perf_counter()
        try:
            program = capture(self.__wrapped__, self._signature, call)
        except (FloatsMatter, RandomNumbersError):
            raise
        except NotCompilable as problem:
            if problem.quietly:
                return self.__wrapped__(*args, **kwargs)
            family.closed = problem.reason
            return self._uncompiled(problem.reason, args, kwargs)
        except Exception as error:
            result = self.__wrapped__(*args, **kwargs)
            family.closed = f"tracing it stopped with {type(error).__name__}: {error}"
            self._warn(family.closed)
            self._stats.uncompiled += 1
            return result
        traced = time.perf_counter()
        try:
            variant = _Variant(program, call, self._signature, self._donate, self._build)
        except Exception as error:
            self._warn(
                f"the executor stopped with {type(error).__name__}: {error} (please report it), and NumPy runs its program"
            )
            variant = _Variant(program, call, self._signature, self._donate, builder("numpy"))
        self._stats.add(traced - start, time.perf_counter() - traced, variant.runnable.stats, reason)
        del program
        allocator.give_back()
        with self._lock:
            family.traced += 1
            variants = family.variants.setdefault(key, [])
            stale = [one for one in variants if one.surroundings.change() is not None]
            for one in stale[LARGEST_STALE:]:
                variants.remove(one)  # it keeps what its function read, which may be large
            variants.insert(len(variants) if variant.careful else 0, variant)
        try:
            return variant.run(call.inputs, arguments)
        except DonationError:
            raise
        except Exception as error:
            return self._instead(error, args, kwargs)

    def _instead(self, error: Exception, args: Any, kwargs: Any) -> Any:
        """The function itself, where its program stopped with an error: mostly it has the same one, with its own words."""
        result = self.__wrapped__(*args, **kwargs)
        self._stats.uncompiled += 1
        # A new variant fails where rounding differs on the edge of a decision; the other errors may be such as f catches.
        if not isinstance(error, NotCompilable | GuardFailed | ValueError | IndexError | ArithmeticError):
            self._warn(f"its program stopped with {type(error).__name__}: {error}")
        return result

    def _uncompiled(self, reason: str, args: Any, kwargs: Any) -> Any:
        self._warn(reason)
        self._stats.uncompiled += 1
        return self.__wrapped__(*args, **kwargs)

    def _warn(self, reason: str) -> None:
        """Say once why the function runs uncompiled."""
        if reason not in self._stats.reasons:
            self._stats.reasons.append(reason)
            frame, level = sys._getframe(), 1
            while frame.f_back is not None and is_ours(frame.f_code.co_filename):
                frame, level = frame.f_back, level + 1
            warnings.warn(f"{self.__name__} runs uncompiled: {reason}. {ADVICE}", CompileWarning, stacklevel=level)


ADVICE = (
    "Results are right, and calls slower. Decide inside NumPy (np.where) what changes from call to call, pass counters as "
    "np.int64 and tables that are indexed as arguments, and take values out (float(), .item()) after the call."
)


def _told(guards: Sequence[str], number: int | None) -> str:
    if number is None or number >= len(guards):
        return "something that its code decided was decided otherwise"
    return guards[number]


def _static_difference(call: CallLeaves) -> str:
    names = ", ".join(path for path, _ in call.statics[:3])
    return f"static arguments have other values ({names})" if names else "the containers of the arguments are others"
