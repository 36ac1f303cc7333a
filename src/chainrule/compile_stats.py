"""What a compiled function has done so far, for people: numbers, and why it was traced again."""

from __future__ import annotations

from typing import Any


class CompileWarning(UserWarning):
    """A compiled function runs uncompiled: right, but slower; the text says why, and what to write instead.

    >>> issubclass(CompileWarning, UserWarning)
    True
    """


class Stats:
    """Counts of a compiled function; the fields may be read, and it prints as text.

    `calls` counts those in the general way; calls through the native entry are not counted. Times are in milliseconds.

    >>> print(Stats("step"))
    step: 0 variants, 0 calls
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.calls = 0
        self.uncompiled = 0
        self.trace_ms: list[float] = []
        self.compile_ms: list[float] = []
        self.retraces: list[str] = []
        self.reasons: list[str] = []
        self.executors: list[dict[str, Any]] = []

    @property
    def variants(self) -> int:
        """How many programs were made."""
        return len(self.executors)

    @property
    def kernels(self) -> int:
        """The kernels (or NumPy calls) of all programs."""
        return sum(made.get("kernels", 0) for made in self.executors)

    @property
    def arena_bytes(self) -> int:
        """The memory for inner values of the largest program, in bytes."""
        return max((made.get("arena bytes", 0) for made in self.executors), default=0)

    def add(self, tracing: float, compiling: float, made: dict[str, Any], reason: str | None) -> None:
        """Enter a new variant; times in seconds, and why it was needed where others are there."""
        self.trace_ms.append(1e3 * tracing)
        self.compile_ms.append(1e3 * compiling)
        self.executors.append(made)
        if reason is not None:
            self.retraces.append(reason)

    def summary(self) -> str:
        """One line."""
        return f"{self.variants} variant{'' if self.variants == 1 else 's'}, {self.calls} calls"

    def __str__(self) -> str:
        lines = [f"{self.name}: {self.summary()}"]
        for number, made in enumerate(self.executors):
            told = ", ".join(f"{key} {value}" for key, value in made.items())
            times = f"traced in {self.trace_ms[number]:.1f} ms, compiled in {self.compile_ms[number]:.1f} ms"
            lines.append(f"  variant {number + 1}: {times}; {told}")
        lines.extend(f"  traced again: {reason}" for reason in self.retraces)
        if self.uncompiled:
            lines.append(f"  {self.uncompiled} calls uncompiled: {'; '.join(self.reasons)}")
        return "\n".join(lines)

    __repr__ = __str__
