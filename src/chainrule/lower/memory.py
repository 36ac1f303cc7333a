"""Steps in, places in one arena out: memory is used again as soon as nobody reads it any more, in place where that is safe."""

from __future__ import annotations

from collections.abc import Sequence

from chainrule.lower.program import TEMPORARY, Buffer, Launch, Step, reads, writes

ALIGNMENT = 64  # bytes: a cache line, and the widest vector


def plan(steps: Sequence[Step]) -> tuple[dict[Buffer, int], int]:
    """(place of each temporary buffer in the arena, bytes of the arena).

    Best fit by order of the steps, linear but for the search among the free pieces.
    """
    last: dict[Buffer, int] = {}
    for index, step in enumerate(steps):
        for view in (*reads(step), *writes(step)):
            last[view.buffer] = index
    ending: dict[int, list[Buffer]] = {}
    for buffer, index in last.items():
        ending.setdefault(index, []).append(buffer)
    arena = Arena()
    for index, step in enumerate(steps):
        handed_on: set[Buffer] = set()
        for view in (*writes(step), *reads(step)):
            buffer = view.buffer
            if buffer.kind != TEMPORARY or buffer in arena.places:
                continue
            donor = _donor(step, buffer, last, index, arena.places, handed_on) if isinstance(step, Launch) else None
            if donor is not None:
                handed_on.add(donor)
                arena.hand_on(donor, buffer)
            else:
                arena.take(buffer)
        for buffer in ending.get(index, ()):
            if buffer in arena.places and buffer not in handed_on:
                arena.give_back(buffer)
    return arena.places, arena.size


def _donor(
    step: Launch, buffer: Buffer, last: dict[Buffer, int], index: int, places: dict[Buffer, int], handed_on: set[Buffer]
) -> Buffer | None:
    """A buffer that is read for the last time here, at the same indices at which `buffer` is written."""
    if max(step.kernel.phases, default=0) > 0:
        return None  # a later sweep would read what an earlier one has overwritten
    targets = [number for number in step.writes if step.views[number].buffer is buffer]
    if len(targets) != 1 or step.kernel.operands[targets[0]].partial:
        return None
    target = step.views[targets[0]]
    if target.offset or any(
        instruction.operand == targets[0] and instruction.operation != "store"
        for instruction in step.kernel.instructions
    ):
        return None
    for number, view in enumerate(step.views):
        donor = view.buffer
        if (
            number not in step.writes
            and donor.kind == TEMPORARY
            and donor not in handed_on
            and last[donor] == index
            and donor.size == buffer.size
            and donor in places
            and all(
                other.offset == 0 and other.strides == target.strides and other.type == target.type
                for other in step.views
                if other.buffer is donor
            )
        ):
            return donor
    return None


class Arena:
    """Pieces of memory, taken and given back."""

    def __init__(self) -> None:
        self.places: dict[Buffer, int] = {}
        self.size = 0
        self._held: dict[Buffer, int] = {}
        self._free: list[tuple[int, int]] = []  # (start, length), by start

    def take(self, buffer: Buffer) -> None:
        """A place for a buffer: the smallest free piece that holds it, else at the end."""
        length = max(-(-buffer.size // ALIGNMENT), 1) * ALIGNMENT
        fitting = [(piece[1], number) for number, piece in enumerate(self._free) if piece[1] >= length]
        if fitting:
            number = min(fitting)[1]
            start, room = self._free.pop(number)
            if room > length:
                self._free.insert(number, (start + length, room - length))
        elif self._free and sum(self._free[-1]) == self.size:
            start = self._free.pop()[0]  # the free end grows
            self.size = start + length
        else:
            start = self.size
            self.size += length
        self.places[buffer] = start
        self._held[buffer] = length

    def hand_on(self, donor: Buffer, buffer: Buffer) -> None:
        """The place of one buffer becomes that of another."""
        self.places[buffer] = self.places[donor]
        self._held[buffer] = self._held.pop(donor)

    def give_back(self, buffer: Buffer) -> None:
        """A buffer is read no more."""
        length = self._held.pop(buffer, 0)
        if not length:
            return
        start = self.places[buffer]
        low = 0
        while low < len(self._free) and self._free[low][0] < start:
            low += 1
        self._free.insert(low, (start, length))
        if low + 1 < len(self._free) and start + length == self._free[low + 1][0]:
            self._free[low : low + 2] = [(start, length + self._free[low + 1][1])]
        if low and sum(self._free[low - 1]) == self._free[low][0]:
            before = self._free[low - 1]
            self._free[low - 1 : low + 1] = [(before[0], before[1] + self._free[low][1])]
