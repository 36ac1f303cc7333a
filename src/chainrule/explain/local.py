"""One block in, its formulas out: what it computes, and what each of its sources receives.

The rules of the operations run here, on symbols: the block is replayed on traced inputs of two levels, the inner one is pulled
back, the outer one records what the rules did, and that record is the formula. So what is read is what runs. Blocks that are
alike share one record: a loop of ten thousand turns is derived once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np

from chainrule.boundary import lift, next_level
from chainrule.boxes import Letter
from chainrule.differentiate import backpropagate
from chainrule.explain.agreement import agree
from chainrule.explain.algebra import ONE, product
from chainrule.explain.blocks import Block
from chainrule.explain.convert import counts_in, expression_of, literal
from chainrule.explain.expression import Apply, Expression, Number, Symbol, size_of_terms, substitute
from chainrule.explain.forms import spelled_exponential
from chainrule.explain.rebuild import rebuild
from chainrule.graph import COMPONENT, Node
from chainrule.primitive import primitives
from chainrule.trace import bind
from chainrule.traced import Traced, concrete, open_levels


@dataclass(frozen=True, slots=True, eq=False)
class Formulas:
    """What a block computes, and for each source what it receives: over symbols for the sources, the result and `g`.

    `contributions[source]` is None where no derivative flows. `recognised` holds (name, argument) of functions that were
    spelled out in the program and are written by their name. `template` is the same for blocks that are alike.
    """

    value: Expression
    contributions: dict[Node, Expression | None]
    recognised: tuple[str, ...]
    template: Any


class Writer:
    """Writes the formulas of blocks; keeps what it derived for the next block that is alike.

    `symbols` has a symbol for every named node, `constants` one for some of the arrays that are constants.
    """

    def __init__(
        self,
        symbols: Mapping[Node, Symbol],
        constants: Mapping[tuple[Node, int], Symbol],
        counts: Mapping[int, Symbol] | None = None,
    ) -> None:
        self.symbols = symbols
        self.constants = constants
        self.counts = counts or {}
        self._templates: dict[Any, _Template] = {}
        self._has_e = any(symbol.box == Letter("e") for symbol in (*symbols.values(), *constants.values()))
        self._families: dict[Any, tuple[_Template, tuple[Any, ...]]] = {}

    def formulas(self, block: Block, gradient: Expression) -> Formulas:
        """The formulas of a block, with `gradient` for what arrives from above."""
        key, places = _signature(block)
        template = self._templates.get((key, places))
        if template is None:
            known = self._families.get(key)
            if known is None:
                template = _derive(block)
                self._families[key] = template, places
            else:
                template = _moved(known[0], dict(zip(known[1], places, strict=True)))
            self._templates[key, places] = template
        terms: dict[Any, Expression] = {"g": gradient, "y": self.symbols[block.node]}
        terms.update({("s", position): self.symbols[source] for position, source in enumerate(block.sources)})
        for position, (node, index) in enumerate(block.constants):
            given = self.constants.get((node, index))
            terms["c", position] = given if given is not None else literal(concrete(node.arguments[index]))

        terms.update({("count", count): symbol for count, symbol in self.counts.items()})

        def fill(expression: Expression) -> Expression:
            filled = substitute(expression, lambda symbol: terms.get(symbol.key) or _plain_count(symbol))
            return _spelled(filled) if self._has_e else filled

        contributions = {
            source: None
            if formula is None
            else rebuild(fill(formula))
            if isinstance(gradient, Number)
            else fill(formula)
            for source, formula in zip(block.sources, template.contributions, strict=True)
        }
        return Formulas(fill(template.value), contributions, template.recognised, template)


def _spelled(expression: Expression) -> Expression:
    """Exponentials as exp( ): in a program with a variable e, a power of e would be read as one of the variable."""
    operands = tuple(_spelled(operand) for operand in expression.operands)
    if isinstance(expression, Apply) and expression.function is primitives["exp"]:
        return Apply(spelled_exponential, operands)
    return expression.rebuilt(operands) if operands else expression


def _plain_count(symbol: Symbol) -> Expression | None:
    """A number of elements that has no letter in this document."""
    return Number(Fraction(symbol.value)) if isinstance(symbol.key, tuple) and symbol.key[0] == "count" else None


@dataclass(frozen=True, slots=True, eq=False)
class _Template:
    value: Expression
    contributions: tuple[Expression | None, ...]
    recognised: tuple[str, ...]
    family: Any = None  # the same for templates that differ only in which elements of arrays they read


def _moved(template: _Template, places: Mapping[Any, Any]) -> _Template:
    """A template that reads other elements: a loop over an array is derived once."""
    return _Template(
        _with_places(template.value, places),
        tuple(None if term is None else _with_places(term, places) for term in template.contributions),
        template.recognised,
        template.family,
    )


def _with_places(term: Expression, places: Mapping[Any, Any]) -> Expression:
    operands = tuple(_with_places(operand, places) for operand in term.operands)
    index = term.parameters.get("index") if isinstance(term, Apply) else None
    if (
        isinstance(term, Apply)
        and isinstance(index, tuple)
        and all(type(one) is int for one in index)
        and index in places
    ):
        return Apply(term.function, operands, {**term.parameters, "index": places[index]})
    if all(new is old for new, old in zip(operands, term.operands, strict=True)):
        return term
    return term.rebuilt(operands)


def _signature(block: Block) -> tuple[Any, tuple[Any, ...]]:
    """What two blocks must have in common to have the same formulas, and which single elements of arrays they read."""
    read: dict[Any, int] = {}
    place = {node: ("n", position) for position, node in enumerate(block.inside)}
    place.update({node: ("s", position) for position, node in enumerate(block.sources)})
    arrays = {spot: ("c", position) for position, spot in enumerate(block.constants)}
    parts = []
    for node in block.inside:
        reads = tuple(
            place[source] if source is not None else arrays.get((node, index)) or _constant_key(argument)
            for index, (source, argument) in enumerate(zip(node.inputs, node.arguments, strict=True))
        )
        index = node.parameters.get("index") if node.primitive.name == "slice" else None
        if isinstance(index, tuple) and index and all(type(one) is int and one >= 0 for one in index):
            settings: Any = len(index), read.setdefault(index, len(read))
        else:
            settings = repr(node.parameters) if node.parameters else ""
        parts.append((id(node.primitive), settings, reads))
    kinds = tuple((np.shape(concrete(s.value)), concrete(s.value).dtype.char) for s in block.sources)
    sizes = tuple(np.shape(concrete(node.arguments[index])) for node, index in block.constants)
    return (tuple(parts), kinds, sizes), tuple(read)


def _constant_key(argument: Any) -> Any:
    plain = concrete(argument)
    return type(plain).__name__, repr(plain)


def _derive(block: Block) -> _Template:
    recording, pulling = next_level(), next_level()
    open_levels.update((recording, pulling))
    try:
        recorded = [lift(concrete(source.value), None, recording) for source in block.sources]
        lifted = [lift(handle, None, pulling) for handle in recorded]
        arrays = {
            (node, index): lift(np.asarray(concrete(node.arguments[index])), None, recording)
            for node, index in block.constants
        }
        above = lift(np.ones_like(concrete(block.node.value))[()], None, recording)
        result, recognised = _replay(block, dict(zip(block.sources, lifted, strict=True)), arrays)
        symbols: dict[Node, Expression] = {
            handle.node: Symbol(("s", position), Letter("x"), concrete(block.sources[position].value))
            for position, handle in enumerate(recorded)
        }
        for position, handle in enumerate(arrays.values()):
            symbols[handle.node] = Symbol(("c", position), Letter("c"), concrete(handle))
        value, end = (
            (result.node.value, result.node)
            if isinstance(result, Traced) and result.level == pulling
            else (result, None)
        )
        counts = counts_in(block.inside)
        formula = _formula(value, recording, symbols, counts, collect=False)
        contributions: list[Expression | None] = [None] * len(lifted)
        if end is not None:
            symbols[above.node] = Symbol("g", Letter("g"), concrete(above))
            if isinstance(value, Traced) and value.node not in symbols:
                symbols[value.node] = Symbol("y", Letter("y"), concrete(value))
            with np.errstate(all="ignore"):
                cotangents = backpropagate([(end, above)])
            for position, handle in enumerate(lifted):
                found = cotangents.get(handle.node)
                if found is not None:
                    contributions[position] = _formula(found, recording, symbols, counts)
    finally:
        open_levels.difference_update((recording, pulling))
    return _Template(formula, tuple(contributions), recognised, object())


def _formula(
    value: Any, level: int, symbols: Mapping[Node, Expression], counts: set[int], collect: bool = True
) -> Expression:
    if isinstance(value, Traced) and value.level == level:
        try:
            tidy = rebuild(expression_of(value.node, symbols, counts, {}), collect)
            if agree(tidy.value, concrete(value), partial(size_of_terms, tidy)):
                return tidy
        except (ArithmeticError, IndexError, TypeError, ValueError):
            pass  # an identity that does not hold for these shapes: what the rule did is written as it stands
        return expression_of(value.node, symbols, set(), {}, tidy=False)
    plain = concrete(value)
    return literal(plain) if np.ndim(plain) else product(Number(_item(plain)))


def _item(plain: Any) -> Any:
    return plain.item() if isinstance(plain, np.generic | np.ndarray) else plain


def _replay(
    block: Block, given: dict[Node, Any], arrays: Mapping[tuple[Node, int], Any]
) -> tuple[Any, tuple[str, ...]]:
    """The block on other inputs; what spells out a known function is run as that function."""
    values = dict(given)
    inside = set(block.inside)
    recognised: list[str] = []
    for node in block.inside:
        if node.primitive is COMPONENT:
            source = node.inputs[0]
            values[node] = values[source][node.parameters["index"]] if source is not None else node.value
            continue
        argument = _argument_of_sigmoid(node, inside)
        if argument is not None and argument in values:
            recognised.append("sigmoid")
            values[node] = bind(primitives["sigmoid"], values[argument])
            continue
        arguments = [
            values[source] if source is not None else arrays.get((node, index), argument)
            for index, (source, argument) in enumerate(zip(node.inputs, node.arguments, strict=True))
        ]
        values[node] = bind(node.primitive, *arguments, **node.parameters)
    return values[block.node], tuple(dict.fromkeys(recognised))


def _argument_of_sigmoid(node: Node, inside: set[Node]) -> Node | None:
    """a where the nodes spell 1 / (1 + exp(-a))."""
    if node.primitive.name != "divide" or node.inputs[0] is not None or not _is_one(node.arguments[0]):
        return None
    bottom = node.inputs[1]
    if bottom is None or bottom not in inside or bottom.primitive.name != "add":
        return None
    one = next((i for i in (0, 1) if bottom.inputs[i] is None and _is_one(bottom.arguments[i])), None)
    if one is None:
        return None
    power = bottom.inputs[1 - one]
    if power is None or power not in inside or power.primitive.name != "exp":
        return None
    minus = power.inputs[0]
    if minus is None or minus not in inside or minus.primitive.name != "negative":
        return None
    return minus.inputs[0]


def _is_one(value: Any) -> bool:
    plain = concrete(value)
    return np.ndim(plain) == 0 and bool(plain == 1)


def without(expression: Expression, symbol: Symbol) -> Expression:
    """The expression, linear in a symbol, with 1 in the symbol's place.

    >>> from fractions import Fraction
    >>> from chainrule.explain.expression import Product
    >>> g, x = Symbol("g", Letter("g"), 2.0), Symbol("x", Letter("x"), 3.0)
    >>> without(Product(Fraction(2), (g, x)), g).value
    6.0
    """
    return rebuild(substitute(expression, lambda one: ONE if one.key == symbol.key else None))
