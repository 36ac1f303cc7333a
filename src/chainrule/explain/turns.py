"""Steps in, what find_runs compares out: a key that the turns of a loop share, and the numbers that may move with the turns.

Nothing is drawn for this: the formulas of steps come from templates, which are read once, and from symbols, which are read once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.explain.expression import Apply, Expression, Number, Product, Sum, Symbol
from chainrule.explain.patterns import Reading, read
from chainrule.explain.program import Program
from chainrule.explain.steps import Contribution, ForwardStep, Step
from chainrule.traced import concrete

MANY = 64  # contributions of a step from which it is no turn of a loop

AnyStep = ForwardStep | Step


def repeated(steps: Sequence[AnyStep], least: int) -> list[bool]:
    """Whether a step stands at a place of the program where so many stand: others are no turns of a loop.

    >>> repeated([], 3)
    []
    """
    spots = [spot_of(step) for step in steps]
    counts = Counter(spots)
    return [counts[spot] >= least for spot in spots]


def spot_of(step: AnyStep) -> tuple[Hashable, ...]:
    """Where in the program a line of the forward pass is, or what a line of the backward pass comes back from."""
    blocks = [step.block] if isinstance(step, ForwardStep) else [one.use.block for one in step.contributions[:MANY]]
    return tuple(part for block in blocks for part in (id(block.node.code), block.node.offset))  # code hashes slowly


class Readings:
    """Reads steps as a key and numbers, as `find_runs` compares them, without drawing them.

    `zeroth` has symbols that are to be read in the place of others.
    """

    def __init__(self, program: Program, zeroth: Mapping[Any, Symbol]) -> None:
        self.program = program
        self.zeroth = zeroth
        self._symbols: dict[Any, tuple[Hashable, tuple[int, ...]]] = {}
        self._starting = False
        self._results = {block.node for block in program.blocks} - {program.output}
        self._terms: dict[int, tuple[Any, Hashable, tuple[int, ...]]] = {}
        self._known: dict[Hashable, int] = {}

    def both(self, steps: Sequence[AnyStep], least: int) -> list[list[Reading]]:
        """The readings of all steps; a second time, where that may differ, with the symbols of `zeroth`.

        Steps that cannot be turns of a loop of so many turns are not read.
        """
        kept = repeated(steps, least)
        plain: list[Reading] = [self._read(step) if ok else (step, ()) for step, ok in zip(steps, kept, strict=True)]
        if not self.zeroth:
            return [plain]
        ordinary, self._symbols, self._starting = self._symbols, {}, True
        started = list(plain)
        for place, step in enumerate(steps):
            if kept[place] and self._starts(step):
                started[place] = self._read(step)
        self._symbols, self._starting = ordinary, False
        return [plain, started]

    def _read(self, step: AnyStep) -> Reading:
        return self.forward(step) if isinstance(step, ForwardStep) else self.backward(step)

    def _starts(self, step: AnyStep) -> bool:
        uses = [step] if isinstance(step, ForwardStep) else [one.use for one in step.contributions[:MANY]]
        return any(("value", source) in self.zeroth for use in uses for source in use.block.sources)

    def forward(self, step: ForwardStep) -> Reading:
        """The reading of a line of the forward pass."""
        signs: list[Hashable] = [spot_of(step)]
        numbers: list[int] = []
        self._add_symbol(step.symbol, signs, numbers)
        self._add_use(step, signs, numbers)
        return tuple(signs), tuple(numbers)

    def backward(self, step: Step) -> Reading:
        """The reading of a line of the backward pass."""
        node = step.node
        signs: list[Hashable] = [spot_of(step), len(step.contributions), _length(step.total)]
        numbers: list[int] = []
        self._add_symbol(step.gradient, signs, numbers)
        if len(step.contributions) > MANY:
            return step, ()
        for one in step.contributions:
            signs.append(one.use.block.sources.index(node))
            self._add_contribution(one, signs, numbers)
        return tuple(signs), tuple(numbers)

    def _add_contribution(self, one: Contribution, signs: list[Hashable], numbers: list[int]) -> None:
        if one.above is None:
            signs.append(None)
        else:
            self._add_symbol(one.above, signs, numbers)
        self._add_symbol(one.use.symbol, signs, numbers)
        self._add_use(one.use, signs, numbers)

    def _add_use(self, step: ForwardStep, signs: list[Hashable], numbers: list[int]) -> None:
        """The formulas of a block, and what they are formulas of."""
        template = step.formulas.template
        _, key, own = self._template(template)
        signs.append(key)
        numbers += own
        for source in step.block.sources:
            self._add_symbol(self.program.symbols[source], signs, numbers)
        for spot in step.block.constants:
            symbol = self.program.writer.constants.get(spot)
            if symbol is not None:
                self._add_symbol(symbol, signs, numbers)
            else:
                node, index = spot
                array = np.asarray(concrete(node.arguments[index]))
                signs.append((array.shape, array.tobytes()))

    def _template(self, template: Any) -> tuple[Any, Hashable, tuple[int, ...]]:
        found = self._terms.get(id(template))
        if found is None:
            signs: list[Hashable] = []
            numbers: list[int] = []
            for term in (template.value, *template.contributions):
                self._add_term(term, signs, numbers)
            key = self._known.setdefault(tuple(signs), len(self._known))
            found = self._terms[id(template)] = (
                template,
                key,
                tuple(numbers),
            )  # kept alive, so that its id stays its own
        return found

    def _add_term(self, root: Expression | None, signs: list[Hashable], numbers: list[int]) -> None:
        stack = [root]
        while stack:
            term = stack.pop()
            if isinstance(term, Symbol):
                signs.append((term.key, term.shape))
            elif isinstance(term, Number):
                _add_number(term.number, signs, numbers)
            elif term is None:
                signs.append(None)
            else:
                signs.append((type(term), len(term.operands)))
                if isinstance(term, Product):
                    _add_number(term.coefficient, signs, numbers)
                elif isinstance(term, Apply):
                    signs.append(term.function)
                    for name, value in term.parameters.items():
                        signs.append(name)
                        _add_parameter(value, signs, numbers)
                stack.extend(reversed(term.operands))

    def _add_symbol(self, symbol: Symbol, signs: list[Hashable], numbers: list[int]) -> None:
        found = self._symbols.get(symbol.key)
        if found is None:
            own, places = self._named(symbol)
            found = self._symbols[symbol.key] = self._known.setdefault((own, symbol.shape), len(self._known)), places
        signs.append(found[0])
        numbers += found[1]

    def _named(self, symbol: Symbol) -> Reading:
        """A symbol's reading; a gradient is read by what it is the gradient of.

        The gradient of an input is an end of the pass: it has the input's own name.
        """
        kind, node = symbol.key if isinstance(symbol.key, tuple) and len(symbol.key) == 2 else ("", None)
        if kind == "gradient" and node in self._results:
            signs: list[Hashable] = [kind, type(symbol.box)]
            numbers: list[int] = []
            self._add_symbol(self.program.symbols[node], signs, numbers)
            return tuple(signs), tuple(numbers)
        return read((self.zeroth.get(symbol.key, symbol) if self._starting else symbol).box)


def _add_number(number: Any, signs: list[Hashable], numbers: list[int]) -> None:
    """A number: it may move where it is a whole number that is neither written in a way of its own nor left out."""
    if not isinstance(number, complex) and number >= 2 and number == int(number) and number < 1e15:
        signs.append(int)
        numbers.append(int(number))
    else:
        signs.append(repr(number))


def _add_parameter(value: Any, signs: list[Hashable], numbers: list[int]) -> None:
    if type(value) is int and value >= 0:
        signs.append(int)
        numbers.append(value)
    elif isinstance(value, tuple | list):
        signs.append((type(value), len(value)))
        for one in value:
            _add_parameter(one, signs, numbers)
    elif isinstance(value, slice):
        signs.append(slice)
        for one in (value.start, value.stop, value.step):
            _add_parameter(one, signs, numbers)
    elif isinstance(value, np.ndarray):
        signs.append((value.shape, value.tobytes()))
    else:
        signs.append(repr(value))


def _length(expression: Expression) -> int:
    """How many terms a sum has; equal terms may have been collected in one turn and not in another."""
    return len(expression.terms) if isinstance(expression, Sum) else 1
