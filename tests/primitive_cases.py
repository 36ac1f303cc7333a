"""What the operations of the registry are tried on: points of their domains in all broadcast pairings, or their declared samples."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from gradient_checker import floating

import chainrule as cr
from chainrule.primitive import Primitive, operations
from chainrule.shapes import type_of
from chainrule.trees import leaves

PAIRINGS: dict[int, list[tuple[tuple[int, ...], ...]]] = {
    1: [((2, 3),), ((),), ((0, 2),)],
    2: [
        ((2, 3), (2, 3)),
        ((3, 1), (4,)),
        ((), (2, 3)),
        ((2, 3), ()),
        ((1,), (2,)),
        ((2, 1, 3), (2, 1)),
        ((), ()),
        ((0, 2), (2,)),
        ((1,), (0,)),
    ],
    3: [((2, 3), (2, 3), (2, 3)), ((3, 1), (4,), ()), ((), (1, 3), (2, 1)), ((), (), ()), ((0, 2), (2,), ())],
    4: [((2, 3), (2, 3), (2, 3), (2, 3)), ((3, 1), (2,), (), (1, 2)), ((), (), (), ()), ((0, 2), (2,), (), (1, 1))],
}
DTYPES = ("bool", "int8", "int64", "uint8", "float16", "float32", "float64", "complex64", "complex128")


@dataclass(frozen=True)
class Case:
    """One operation with inputs and parameters; calling it with other inputs runs the operation on them."""

    record: Primitive
    inputs: tuple[Any, ...]
    parameters: dict[str, Any]
    special: bool = False  # the inputs were made by the declaration, such as indices, or a matrix and its eigenvalues

    def __call__(self, *inputs: Any) -> Any:
        return operations[self.record.name](*inputs, **self.parameters)

    def __str__(self) -> str:
        types = ", ".join(str(type_of(value)) for value in self.inputs)
        return f"{self.record.name}({types}{', ' if self.parameters else ''}{self.parameters or ''})"


def draw(rng: np.random.Generator, record: Primitive, shapes: tuple[tuple[int, ...], ...]) -> list[Any]:
    """Numbers of the declared domain, all of them apart from each other, so that no difference crosses a tie."""
    domains = [record.domain[min(index, len(record.domain) - 1)] for index in range(len(shapes))]
    sizes = [int(np.prod(shape, dtype=int)) for shape in shapes]
    strata = rng.permutation(sum(sizes))
    values, start = [], 0
    for (low, high), shape, size in zip(domains, shapes, sizes, strict=True):
        low, high = max(low, -1e3), min(high, 1e3)
        part = (strata[start : start + size] + rng.uniform(0.3, 0.7, size)) / max(sum(sizes), 1)
        values.append((low + (high - low) * (0.05 + 0.9 * part)).reshape(shape)[()])
        start += size
    return values


def is_plain_ufunc(record: Primitive) -> bool:
    """Whether NumPy broadcasts for this operation: a ufunc without core dimensions (matmul has some)."""
    return isinstance(record.forward, np.ufunc) and record.forward.signature is None


def arity(record: Primitive) -> int:
    """How many inputs an elementwise operation takes."""
    if isinstance(record.forward, np.ufunc):
        return record.forward.nin
    return len(record.vjp) if isinstance(record.vjp, tuple) else len(record.domain)


def of_kind(values: list[Any], kinds: tuple[str, ...]) -> tuple[Any, ...]:
    """The same shapes with integers (1, 2, 3 …) or truth values in the place of numbers, where the kinds say so."""
    changed = []
    for value, kind in zip(values, kinds, strict=True):
        counted = np.arange(1, np.size(value) + 1).reshape(np.shape(value)) % 5
        changed.append({"f": value, "i": counted[()], "b": (counted % 2 == 0)[()]}[kind])
    return tuple(changed)


def natural_kinds(record: Primitive, count: int) -> tuple[str, ...]:
    """Floating inputs where the operation takes them; integers or truth values where it does not (gcd, ldexp, bitwise_and)."""
    choices = sorted(itertools.product("fib", repeat=count), key=lambda kinds: (count - kinds.count("f"), kinds))
    for kinds in choices:
        try:
            record.forward(*of_kind(draw(np.random.default_rng(0), record, ((2,),) * count), kinds))
        except TypeError:
            continue
        return kinds
    raise AssertionError(f"{record.name} takes neither floating numbers nor integers")


def cases(record: Primitive) -> list[Case]:
    """What an operation is tried on: its samples, and all broadcast pairings where it is elementwise."""
    rng = np.random.default_rng(sum(map(ord, record.name)))
    found = []
    for sample in record.samples:
        inputs = sample.make(rng) if sample.make is not None else draw(rng, record, sample.shapes)
        found.append(Case(record, tuple(inputs), sample.parameters, sample.make is not None))
    if is_plain_ufunc(record) or (record.elementwise and not found):
        count = arity(record)
        kinds = natural_kinds(record, count)
        found += [Case(record, of_kind(draw(rng, record, shapes), kinds), {}) for shapes in PAIRINGS[count]]
    assert found, (
        f"{record.name} is not elementwise and declares no samples: add samples=(sample(shape, …, parameter=…), …) to its "
        "declaration, so that it can be tested"
    )
    return found


def numbers(case: Case) -> list[int]:
    """The positions of the floating inputs that may be moved: all, but for steps at which a sample was placed on purpose."""
    rules = case.record.vjp
    return [
        index
        for index, value in enumerate(case.inputs)
        if floating(value)
        and not (case.special and isinstance(rules, tuple) and rules[index] is None)
        and index not in refused_inputs(case.record)
    ]


@cache
def refused_inputs(record: Primitive) -> frozenset[int]:
    """The inputs that have a derivative and no rule, such as the order of a Bessel function: an error that names them."""
    refused = set()
    case = cases(record)[0]
    for index, value in enumerate(case.inputs):
        if record.vjp is not None and floating(value):
            try:
                _, pullback = cr.vjp(restricted(case, [index]), value)
                pullback(rebuilt_like(case(*case.inputs)))
            except cr.errors.UnsupportedError as error:
                if "no derivative rule for its argument" not in str(error):
                    raise
                refused.add(index)
    return frozenset(refused)


def same(a: Any, b: Any) -> bool:
    """Bit for bit the same numbers, in the same shape and dtype; any NaN is like any other."""
    a, b = np.asarray(a), np.asarray(b)
    if a.dtype != b.dtype or a.shape != b.shape:
        return False
    if a.tobytes() == b.tobytes():
        return True
    return bool(np.all((a == b) & (np.signbit(a.real) == np.signbit(b.real)) | (np.isnan(a) & np.isnan(b))))


def retyped(case: Case, dtypes: tuple[str, ...]) -> tuple[Any, ...]:
    """The floating inputs of a case in other dtypes."""
    fresh, remaining = [], iter(dtypes)
    for value in case.inputs:
        fresh.append(np.asarray(value).astype(next(remaining))[()] if floating(value) else value)
    return tuple(fresh)


def dtype_cases(case: Case) -> Iterator[tuple[Any, ...]]:
    """The inputs of a case in every dtype, and where there are two or more, in mixed ones."""
    count = sum(map(floating, case.inputs))
    if any(np.iscomplexobj(value) for value in case.inputs):
        yield case.inputs
        return
    for dtype in DTYPES:
        yield retyped(case, (dtype,) * count)
    if count > 1:
        for mixed in (("float32", "float64"), ("int64", "float32"), ("float64", "complex64"), ("int8", "uint8")):
            yield retyped(case, mixed + mixed[:1] * (count - 2))
            yield retyped(case, mixed[::-1] + mixed[:1] * (count - 2))


def complex_twin(case: Case) -> Case | None:
    """The case at complex numbers, or None where NumPy has no such thing, or where its inputs are special."""
    if (
        not numbers(case)
        or (case.special and not case.record.elementwise)
        or any(np.iscomplexobj(value) for value in case.inputs)
    ):
        return None
    rng = np.random.default_rng(3)
    inputs = list(case.inputs)
    for index in numbers(case):
        inputs[index] = (inputs[index] + 1j * rng.uniform(0.2, 0.6, np.shape(inputs[index])))[()]
    try:
        results = case.record.forward(*inputs, **case.parameters)
    except (TypeError, ValueError):
        return None
    return (
        Case(case.record, tuple(inputs), case.parameters, case.special) if any(map(floating, leaves(results))) else None
    )


def restricted(case: Case, positions: list[int]) -> Callable[..., Any]:
    """The operation as a function of some of its inputs."""

    def function(*moving: Any) -> Any:
        inputs = list(case.inputs)
        for position, value in zip(positions, moving, strict=True):
            inputs[position] = value
        return case(*inputs)

    return function


def rebuilt_like(result: Any) -> Any:
    """A cotangent for a result, of numbers that are not all the same."""

    def one(value: Any) -> Any:
        return (np.cos(np.arange(np.size(value))).reshape(np.shape(value)) + 1.5).astype(np.asarray(value).dtype)[()]

    return tuple(map(one, result)) if isinstance(result, tuple) else one(result)
