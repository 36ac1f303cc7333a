"""Path by path: for each argument, every way that it reaches the result, as a product of local derivatives.

For programs of numbers, while the paths can be counted on the fingers; the sum over the paths is the gradient.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from functools import partial, reduce
from typing import Any

import numpy as np

from chainrule.boxes import Box, Numeral, row
from chainrule.explain.document import Block, Display, Line
from chainrule.explain.expression import Expression, size_of_terms
from chainrule.explain.formula import Drawer
from chainrule.explain.lines import Relation, add, line_of, plus
from chainrule.explain.partials import Partials
from chainrule.explain.program import Program
from chainrule.explain.steps import Contribution, Passes, Step, magnitude
from chainrule.graph import Node
from chainrule.notation import fitted

MOST_PATHS = 24
LONGEST_PATH = 10

Path = tuple[tuple[Step, Contribution], ...]  # from the argument to the result


def paths_of(program: Program, passes: Passes) -> dict[Node, list[Path]]:
    """The paths of each argument that was asked about; empty where there are too many, or where arrays take part."""
    if program.arrays or any(one.local is None for step in passes.backward for one in step.contributions):
        return {}
    count = _counts(program, passes)
    inputs = [step for step in passes.ends if step.contributions]
    if sum(count.get(step.node, 0) for step in inputs) > MOST_PATHS:
        return {}
    found: dict[Node, list[Path]] = {}
    for step in inputs:
        finished: list[Path] = []
        open_paths: list[Path] = [((step, one),) for one in step.contributions]
        while open_paths:
            path = open_paths.pop(0)
            target = path[-1][1].use.block.node
            following = passes.by_node[target].contributions
            if target is program.output or not following:
                finished.append(path)
                continue
            if len(path) > LONGEST_PATH:
                return {}
            open_paths[:0] = [(*path, (passes.by_node[target], one)) for one in following]
        found[step.node] = finished
    return {} if all(len(path) < 2 for paths in found.values() for path in paths) else found


def _counts(program: Program, passes: Passes) -> dict[Node, int]:
    counts: dict[Node, int] = {program.output: 1}
    for step in passes.backward:
        if step.contributions:
            counts[step.node] = sum(counts.get(one.use.block.node, 1) for one in step.contributions)
    return counts


def path_lines(program: Program, passes: Passes, level: str) -> list[Line]:
    """A line for each argument: the sum over its paths in symbols, with the local derivatives, in numbers."""
    lines = []
    partials = Partials(passes.forward)
    for node, paths in paths_of(program, passes).items():
        step = passes.by_node[node]
        if all(len(path) < 2 for path in paths):
            continue
        value = reduce(operator.add, (_value(program, path) for path in paths))
        steps: list[Relation] = []
        add(steps, "=", plus(_symbols(program, path, partials) for path in paths), value)
        if level != "rule":
            add(steps, "=", plus(_product(_factors(program, path), Drawer()) for path in paths), value)
        if level in ("numbers", "result"):
            drawer = Drawer(numbers=True)
            box = plus(_product(_factors(program, path), drawer) for path in paths)
            add(steps, "≈" if drawer.rounded else "=", box, value)
        if level == "result":
            drawer = Drawer()
            box = drawer.value(step.value)
            assert box is not None
            add(steps, "≈" if drawer.rounded else "=", box, step.value)
        lines.append(line_of(step.gradient.box, step.value, steps, scale=partial(_size, program, step, paths)))
    return lines


def path_blocks(program: Program, passes: Passes, level: str) -> tuple[Block, ...]:
    """The section; empty where there is nothing to show."""
    if level == "summary":
        return ()
    lines = path_lines(program, passes, level)
    return (Display(tuple(lines)),) if lines else ()


def _factors(program: Program, path: Path) -> list[Expression]:
    """The local derivatives from the result back to the argument, with what arrives from above first."""
    locals_back = [one.local for _, one in reversed(path) if one.local is not None]
    if program.request.above is not None:
        return [program.gradient_symbols[program.output], *locals_back]
    return locals_back


def _value(program: Program, path: Path) -> Any:
    return reduce(operator.mul, (factor.value for factor in _factors(program, path)))


def _size(program: Program, step: Step, paths: list[Path]) -> float:
    return magnitude(step) + sum(
        float(np.prod([size_of_terms(factor) for factor in _factors(program, path)])) for path in paths
    )


def _symbols(program: Program, path: Path, partials: Partials) -> Box:
    items: list[Box | str] = []
    if program.request.above is not None:
        items.append(program.gradient_symbols[program.output].box)
    for step, one in reversed(path):
        if items:
            items.append("·")
        items.append(partials.box(one.use, step.symbol, step.node))
    return row(*items)


def _product(factors: Sequence[Expression], drawer: Drawer) -> Box:
    items: list[Box | str] = []
    for factor in factors:
        box = fitted(drawer.operand(factor, ""), 20 if len(factors) > 1 else 0)
        if items:
            items.append("·")
        items.append(box)
    return row(*items) if items else Numeral("1")
