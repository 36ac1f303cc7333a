"""The Jacobian of each named result by each named source: its structure, its matrix where that is small, and its check.

The structure is read from the formula that the rules of the operations wrote. It is then compared with how the block really
changes, which no rule takes part in: column by column where the matrix is small, along random directions where it is large.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np

from chainrule.boxes import Letter
from chainrule.explain.agreement import agree
from chainrule.explain.blocks import Block
from chainrule.explain.checks import COMPLEX_STEP, Check, run_block
from chainrule.explain.combine import chain
from chainrule.explain.composites import parts_of
from chainrule.explain.expression import Expression, Number, Symbol, substitute
from chainrule.explain.linear import PROBES, UnreadableError, has, observed, simplest, structure_of, trailing
from chainrule.explain.program import Program
from chainrule.explain.pull import pull_block
from chainrule.explain.rebuild import rebuild
from chainrule.explain.steps import ForwardStep, Passes
from chainrule.explain.structures import Dense, Structure
from chainrule.graph import COMPONENT, Node
from chainrule.primitive import primitives
from chainrule.traced import concrete

LARGEST = 4096  # entries of a matrix that is computed in full
COLUMNS = 32  # columns that are compared one by one
ROWS = 16  # rows that the engine is asked for one by one
LONGEST_PATH = 12  # Jacobians in a product that is written out
MOST = 30  # Jacobians that are printed
GENTLE = 1e-7  # accuracy of a complex step, relative to the largest element


@dataclass(frozen=True, eq=False)
class Jacobian:
    """∂u/∂x of one result by one of its sources: row i, column j says how element i of u changes with element j of x.

    `structure` is None where the matrix has no simple form and is too large to be written out. Arrays of two or more axes
    are flattened row by row.
    """

    use: ForwardStep
    source: Node
    of: Symbol
    by: Symbol
    structure: Structure | None

    @property
    def shape(self) -> tuple[int, int]:
        """(elements of the result, elements of the source)."""
        return math.prod(self.of.shape), math.prod(self.by.shape)

    @property
    def kind(self) -> str:
        """What a reader calls it: identity, diagonal, ones, kronecker, permutation, selection, zero, or nothing."""
        return "" if self.structure is None else self.structure.kind

    @cached_property
    def pulled(self) -> tuple[Any, Any]:
        """Weights of the result's elements, and what the engine sends back for them: the transposed Jacobian times these.

        Each element has its turn where they are few; else there are a few random weights.
        """
        rows = self.shape[0]
        weights = np.eye(rows) if rows <= ROWS else np.random.default_rng(1).normal(size=(rows, 3))
        dtype = np.asarray(self.of.value).dtype
        sent = [pull(self.use.block, self.source, one.reshape(self.of.shape).astype(dtype)) for one in weights.T]
        return weights, np.stack([np.asarray(one).ravel() for one in sent], axis=1)

    @property
    def value(self) -> Any:
        """The matrix in full, or None where it is large or unknown."""
        return None if self.structure is None or math.prod(self.shape) > LARGEST else self.structure.matrix()


@dataclass(frozen=True, eq=False)
class Path:
    """The Jacobians from an input to the output, the input's first, and their product."""

    source: Node
    steps: tuple[Jacobian, ...]
    product: Structure


@dataclass(frozen=True, eq=False)
class Jacobians:
    """The Jacobians of a derivation in the order of the forward pass, the paths that are a single chain, and what was left out."""

    edges: tuple[Jacobian, ...]
    paths: tuple[Path, ...]
    left_out: int


@np.errstate(all="ignore")
def jacobian_of(program: Program, use: ForwardStep, source: Node) -> Jacobian | None:
    """The Jacobian of a named result by one of the named sources of its line; None where no derivative flows."""
    of, by = use.symbol, program.symbols[source]
    real = all(np.asarray(symbol.value).dtype.kind == "f" for symbol in (of, by))
    if not real or not np.size(of.value) or not np.size(by.value):
        return None
    g = _probe(of, np.random.default_rng(0).normal(size=of.shape))
    formula = program.writer.formulas(use.block, g).contributions[source]
    if formula is None:
        return None
    try:
        structure = structure_of(_counted(formula), g)
        if (structure.rows, structure.columns) != (math.prod(of.shape), math.prod(by.shape)):
            raise UnreadableError("shape")
        if any(isinstance(part, Dense) for part in parts_of(structure)) and not isinstance(structure, Dense):
            raise UnreadableError("numbers")  # numbers between formulas help nobody
    except UnreadableError:
        structure = _unread(formula, g, by)
    return Jacobian(use, source, of, by, structure)


def _probe(of: Symbol, value: Any) -> Symbol:
    return Symbol(("jacobian", of.key), Letter("g"), np.asarray(value)[()])


def _counted(formula: Expression) -> Expression:
    """The formula with numbers for the counts of means: 1/3 and not 1/n."""

    def plain(symbol: Symbol) -> Expression | None:
        counted = isinstance(symbol.key, tuple) and symbol.key[0] == "count"
        return Number(Fraction(int(symbol.value))) if counted else None

    return rebuild(substitute(formula, plain))


def _unread(formula: Expression, g: Symbol, by: Symbol) -> Structure | None:
    """A formula with no structure: its matrix, by putting each unit vector for g, or None where that is large."""
    if not has(formula, g):
        return None
    size = math.prod(g.shape)

    def run(block: Any) -> Any:
        probe = Symbol(g.key, g.box, np.asarray(block)[()])
        found = substitute(formula, lambda symbol: probe if symbol.key == g.key else None).value
        return np.broadcast_to(np.real(np.asarray(found)), by.shape)

    with np.errstate(all="ignore"):
        try:
            return observed(run, g.shape, "block")
        except UnreadableError:
            if size > PROBES or size * math.prod(by.shape) > LARGEST:
                return None
        matrix = np.stack([np.asarray(run(one.reshape(g.shape)), np.float64).ravel() for one in np.eye(size)])
    try:
        return simplest(matrix, tuple(trailing(by.shape)), "block")
    except UnreadableError:
        return Dense(matrix)


def jacobians_of(program: Program, passes: Passes) -> Jacobians:
    """The Jacobians along which gradients flow to the wanted inputs; none for a program without arrays."""
    if not program.arrays:
        return Jacobians((), (), 0)
    wanted = {(one.use.block.node, step.node) for step in passes.backward for one in step.contributions}
    places = [(use, source) for use in passes.forward for source in use.block.sources]
    places = [(use, source) for use, source in places if (use.block.node, source) in wanted]
    found = [jacobian_of(program, use, source) for use, source in places[:MOST]]
    edges = tuple(one for one in found if one is not None)
    return Jacobians(edges, tuple(_paths(program, passes, edges)), max(len(places) - MOST, 0))


def _paths(program: Program, passes: Passes, edges: tuple[Jacobian, ...]) -> Iterable[Path]:
    known = {(one.use.block.node, one.source): one for one in edges}
    for source in program.request.wanted:
        node, steps = source, []
        while node is not program.output and len(steps) <= LONGEST_PATH:
            step = passes.by_node.get(node)
            if step is None or len(step.contributions) != 1:
                break
            use = step.contributions[0].use
            edge = known.get((use.block.node, node))
            if edge is None:
                break
            steps.append(edge)
            node = use.block.node
        structures = [one.structure for one in reversed(steps) if one.structure is not None]
        if node is program.output and 1 < len(steps) == len(structures) and any(max(one.shape) > 1 for one in steps):
            yield Path(source, tuple(steps), chain(*structures))


@np.errstate(all="ignore")
def pull(block: Block, source: Node, above: Any) -> Any:
    """What the engine sends back from a block to one of its sources for a gradient that arrives at its result."""
    return pull_block(block, above)[source]


# -- checks -------------------------------------------------------------------------------------------------------------
def jacobian_checks(program: Program, passes: Passes, found: Jacobians | None = None) -> list[Check]:
    """Every Jacobian that is printed against the block that it is of, and every product against the engine's gradient."""
    found = found or jacobians_of(program, passes)
    checks = [check_jacobian(program, one) for one in found.edges if one.structure is not None]
    return checks + [check_path(program, path) for path in found.paths]


@np.errstate(all="ignore")
def check_jacobian(program: Program, jacobian: Jacobian) -> Check:
    """One Jacobian against what the engine sends back for the gradient above, and against how the block changes."""
    structure, texts = jacobian.structure, program.naming.texts
    assert structure is not None
    node = jacobian.use.block.node
    line = f"∂{texts[node]}/∂{texts[jacobian.source]}"
    above = np.asarray(program.gradients[node])
    sent = pull(jacobian.use.block, jacobian.source, above)
    received = structure.back(above.reshape(-1, 1)).reshape(np.shape(sent))
    if not agree(received, sent):
        return Check("jacobian", line, False, sent, received, detail="engine")
    directions = np.asarray(_directions(jacobian))
    claimed = structure.forward(directions.T).T
    if np.isfinite(claimed).all():
        scale = float(np.abs(claimed).max())
        for direction, slope in zip(directions, claimed, strict=True):
            wrong = _differs(jacobian, direction, slope, scale)
            if wrong is not None:
                return Check("jacobian", line, False, wrong, slope, detail="slope")
    return Check("jacobian", line, True)


@np.errstate(all="ignore")
def check_path(program: Program, path: Path) -> Check:
    """A product of Jacobians against the gradient that the engine computed: its transpose, times what arrives from above."""
    expected = program.gradients[path.source]
    with np.errstate(all="ignore"):
        above = np.asarray(program.gradients[program.output]).reshape(-1, 1)
        found = path.product.back(above).reshape(np.shape(expected))
    line = f"∂{program.naming.texts[program.output]}/∂{program.naming.texts[path.source]}"
    return Check("jacobian", line, agree(found, expected), expected, found, detail="product")


def _directions(jacobian: Jacobian) -> Any:
    """Each element of the source in its turn where that is little work, else three random directions."""
    rows, columns = jacobian.shape
    work = sum(np.size(concrete(node.value)) for node in jacobian.use.block.inside if node.primitive.outputs == 1)
    if columns <= COLUMNS and rows * columns <= LARGEST and work <= LARGEST:
        return np.eye(columns)
    return np.random.default_rng(0).normal(size=(3, columns))


def _differs(jacobian: Jacobian, direction: Any, claimed: Any, scale: float) -> Any:
    """How the block really changes along a direction where that is not what is claimed; None where it is, or nobody can say.

    A complex step is exact, but some operations lose the imaginary part on the way: what it denies, differences may grant.
    """
    block, source = jacobian.use.block, jacobian.source
    if any(n.primitive is not COMPONENT and primitives.get(n.primitive.name) is not n.primitive for n in block.inside):
        return None  # a derivative that the program itself gives
    stored = concrete(source.value)
    point = np.asarray(stored, np.float64)
    along = direction.reshape(point.shape)
    result = np.asarray(jacobian.of.value, np.float64)
    with np.errstate(all="ignore"):
        noise = 1e-15 + 1e-13 * float(np.abs(result).max()) / max(float(np.abs(point).max()), 1e-3)
        if stored.dtype.itemsize == 8:
            smooth = _complex_slope(block, source, point, along)
            if smooth is not None and np.abs(smooth - claimed).max() <= GENTLE * scale + noise:
                return None
        wide = stored.dtype.itemsize == 8
        h = (1e-6 if wide else 1e-2) * max(float(np.abs(point).max()), 1.0)
        base, right, left = (
            np.asarray(run_block(block, {source: (point + step * along)[()]}), np.float64).ravel()
            for step in (0, h, -h)
        )
        right, left = (right - base) / h, (base - left) / h
        if not (np.isfinite(right).all() and np.isfinite(left).all()):
            return None
        sizes = float(np.abs(right).max()), float(np.abs(left).max()), scale
        slack = (2e-4 if wide else 5e-2) * max(sizes) + noise * 1e4
        lowest, highest = np.minimum(left, right) - slack, np.maximum(left, right) + slack
    return None if np.all((lowest <= claimed) & (claimed <= highest)) else (left + right) / 2


def _complex_slope(block: Block, source: Node, point: Any, along: Any) -> Any:
    """The change of the block along a direction by complex step; None where an operation does not take complex numbers."""
    if not all(node.primitive.analytic and node.primitive.complex_input for node in block.inside):
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("error", np.exceptions.ComplexWarning)
        try:
            moved = np.asarray(run_block(block, {source: (point + 1j * COMPLEX_STEP * along)[()]}))
        except (TypeError, ValueError, np.exceptions.ComplexWarning):
            return None
    slope = np.imag(moved).ravel() / COMPLEX_STEP
    return slope if np.isfinite(slope).all() else None
