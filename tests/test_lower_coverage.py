"""Operations that once were calls of NumPy in the middle of a program: that they are native, and that they do what NumPy does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from lowered_programs import compare, lowered, prepared
from program_reference import run_program

import chainrule as cr
from chainrule.graph import Graph
from chainrule.lower.collecting import collected
from chainrule.lower.program import Call, Launch
from chainrule.run.native.compiled import NativeRunnable

pytestmark = pytest.mark.filterwarnings("ignore")


def run(graph: Graph, inputs: list[Any]) -> list[Any]:
    return run_program(lowered(graph), inputs)


def run_natively(graph: Graph, inputs: list[Any]) -> list[Any]:
    return NativeRunnable(graph).run(inputs)


def called(graph: Graph) -> list[str]:
    """The operations of a graph that NumPy runs."""
    steps = lowered(prepared(graph)).steps
    return [step.primitive.name for step in steps if isinstance(step, Call)]


def captured(f: Callable[..., Any], *arguments: Any) -> Graph:
    """The graph that `compile` makes, without its guards: arrays of integers are inputs of it too."""
    call = cr.compile(f)
    build, seen = call._build, []

    def watch(graph: Graph, *rest: Any, guards: int = 0, **options: Any) -> Any:
        seen.append(Graph.of(graph.inputs, graph.outputs[: len(graph.outputs) - guards]))
        return build(graph, *rest, guards=guards, **options)

    call._build = watch
    call(*arguments)
    return seen[0]


def check(f: Callable[..., Any], *arguments: Any, gradient: bool = True) -> None:
    """f and its gradient are native, and right in the reference and in native code."""
    graphs = [captured(f, *arguments)]
    if gradient:
        weigh = np.cos(np.arange(np.size(f(*arguments)))).reshape(np.shape(f(*arguments)))
        graphs.append(captured(cr.value_and_grad(lambda *given: np.sum(np.tanh(f(*given)) * weigh)), *arguments))
    for graph in graphs:
        assert called(graph) == []
        compare(graph, run)
        compare(graph, run_natively)


def numbers(*shape: int) -> Any:
    return np.random.default_rng(sum(shape)).normal(size=shape)


ROWS, COLUMNS = np.array([0, 2, 2, -1]), np.array([1, 0, -3, 1])
INDICES = {
    "rows": ((5, 3), (ROWS,)),
    "elements": ((5, 3), (ROWS, COLUMNS)),
    "columns": ((2, 5), (slice(None), ROWS)),
    "number and array": ((3, 5, 2), (1, ROWS)),
    "array and number": ((5, 3, 2), (ROWS, -1)),
    "number, slice, array": ((3, 4, 5), (0, slice(1, 3), ROWS)),
    "slice between": ((5, 4, 3), (ROWS, slice(None, None, -2), COLUMNS)),
    "new axis between": ((5, 3), (ROWS, None, COLUMNS)),
    "new axis in front": ((5, 3), (None, ROWS, COLUMNS)),
    "ellipsis between": ((5, 2, 2, 3), (ROWS, Ellipsis, COLUMNS)),
    "empty ellipsis between": ((5, 3), (ROWS, Ellipsis, COLUMNS)),
    "ellipsis, number, array": ((2, 2, 3, 5), (Ellipsis, 2, ROWS)),
    "a table of rows": ((5, 3), (np.array([[0, 1], [4, -1]]),)),
    "outer": ((5, 3), np.ix_([0, 4, 1], [2, 0])),
    "one row": ((5, 3), (np.array([3]),)),
    "a mask": ((4, 3), (np.array([True, False, True, True]),)),
}


@pytest.mark.parametrize("known", [True, False], ids=["constant", "argument"])
@pytest.mark.parametrize("name", INDICES)
def test_reading_and_adding_by_index_arrays(name: str, known: bool) -> None:
    shape, index = INDICES[name]
    x = numbers(*shape)
    np.testing.assert_array_equal(NativeRunnable(cr.trace(lambda x: x[index], x)).run([x])[0], x[index])
    check(*_with_index(lambda x, index: x[index] * 2.0, index, known, x))


@pytest.mark.parametrize("known", [True, False], ids=["constant", "argument"])
@pytest.mark.parametrize("name", INDICES)
def test_writing_by_index_arrays(name: str, known: bool) -> None:
    shape, index = INDICES[name]
    x = numbers(*shape)

    def write(x: Any, index: Any) -> Any:
        y = np.sin(x)
        y[index] = x[index] ** 2
        return y

    def write_number(x: Any, index: Any) -> Any:
        y = x + 1.0
        y[index] = 3.0
        return y

    # The gradient asks in NumPy which of several writes to one place was the last, unless the places are known.
    check(*_with_index(write, index, known, x), gradient=known)
    check(*_with_index(write_number, index, known, x))
    graph = cr.trace(*_with_index(write, index, known, x))
    inputs = [node.value for node in graph.inputs]
    np.testing.assert_allclose(NativeRunnable(graph).run(inputs)[0], write(x.copy(), index), rtol=1e-15)


def _with_index(f: Any, index: tuple[Any, ...], known: bool, x: Any) -> tuple[Any, ...]:
    """f of x and of an index whose arrays of integers are known to the program, or arguments of it."""
    places = [place for place, item in enumerate(index) if isinstance(item, np.ndarray) and item.dtype != bool]
    if known or not places:
        return lambda x: f(x, index), x

    def of_arrays(x: Any, *arrays: Any) -> Any:
        given = list(index)
        for place, array in zip(places, arrays, strict=True):
            given[place] = array
        return f(x, tuple(given))

    return of_arrays, x, *(index[place] for place in places)


def fill_triangles(x: Any, y: Any) -> Any:
    out = np.exp(x)[:, :, None] * np.eye(4)
    columns, rows = np.triu_indices(4, 1)
    for k in range(len(x)):
        out[k, rows, columns] = y[k]
    return out


def test_a_loop_that_fills_triangles_is_one_gather() -> None:
    check(fill_triangles, numbers(5, 4), numbers(5, 6))
    graph = prepared(cr.trace(cr.grad(lambda x, y: np.sum(np.sin(fill_triangles(x, y)))), numbers(5, 4), numbers(5, 6)))
    names = [node.primitive.name for node in collected(graph).nodes]
    assert names.count("gather") <= 2
    assert "write" not in names


def test_writes_at_the_same_places_keep_the_last() -> None:
    def f(x: Any, y: Any) -> Any:
        out = x * 1.0
        for k in range(4):
            out[np.array([k, k, 0])] = y[k : k + 3]
        out[:2] = out[1:3] * out[2]
        return out

    check(f, numbers(5), numbers(8))


def test_a_chain_of_writes_copies_once() -> None:
    def f(x: Any, i: Any, v: Any) -> Any:
        out = x.copy()
        for k in range(5):
            out[i + k] = v * k
            out[k] = v[0]
        return out

    graph = cr.trace(f, numbers(50), np.array([3, 9]), numbers(2))
    steps = lowered(prepared(graph)).steps
    assert sum(isinstance(step, Launch) and step.extents == (50,) for step in steps) == 1
    check(f, numbers(50), np.array([3, 9]), numbers(2), gradient=False)


def test_a_donated_array_is_written_in_place() -> None:
    def f(x: Any, v: Any) -> Any:
        x[3:5] = v
        return x

    (step,) = lowered(prepared(cr.trace(f, numbers(50), numbers(2))), aliases={0: 0}).steps
    assert isinstance(step, Launch)
    assert step.extents == (2,)


def test_an_index_outside_is_numpys_error() -> None:
    def f(x: Any, i: Any) -> Any:
        x = x * 2.0
        x[i] = 1.0
        return x

    call = cr.compile(f, donate="x")
    call(numbers(4), np.array([1]))
    x = numbers(4)
    kept = x.copy()
    with pytest.raises(IndexError, match="out of bounds"):
        call(x, np.array([4]))
    np.testing.assert_array_equal(x, kept)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("shape", [(4, 3, 5), (7, 1, 1), (1, 1, 9), (3, 1, 2), (2, 70, 3)])
def test_running_sums_and_products(shape: tuple[int, ...], axis: int) -> None:
    check(lambda x: np.cumsum(x, axis=axis), numbers(*shape))
    check(lambda x: np.cumsum(x.T[::-1], axis=axis), numbers(*shape))
    check(lambda x: np.cumprod(np.sin(x), axis=axis), numbers(*shape) + 3.0)
    compare(cr.trace(lambda x: np.cumsum(x > 0, axis=axis), numbers(*shape)), run_natively)


def test_a_long_running_sum_adds_in_numpys_order() -> None:
    for x in (numbers(1000), numbers(40, 1000), numbers(1000, 40), numbers(3, 700, 100)):
        for axis in range(x.ndim):
            found = NativeRunnable(cr.trace(lambda x, axis=axis: np.cumsum(x, axis=axis), x)).run([x])[0]
            np.testing.assert_array_equal(found, np.cumsum(x, axis=axis))


def test_zeros_among_factors() -> None:
    x = np.array([[1.5, 0.0, 2.0, 0.0, -1.0], [1.0, 2.0, 3.0, 0.5, 0.0]])
    check(lambda x: np.cumprod(x, axis=1), x)
    check(lambda x: np.prod(x, axis=1), x)


REARRANGED: dict[str, Callable[..., Any]] = {
    "tril": lambda x: np.tril(x, -1),
    "triu": lambda x: np.triu(x[0], 1),
    "diagonal": lambda x: np.diagonal(x, 1, 0, 2),
    "diag": lambda x: np.diag(x[0, 0], -2),
    "roll": lambda x: np.roll(x, (1, -7), (0, 2)),
    "roll by nothing": lambda x: np.roll(x, 4, 1),
    "pad": lambda x: np.pad(x, ((1, 2), (0, 0), (3, 0))),
    "pad edge": lambda x: np.pad(x, 2, mode="edge"),
    "pad reflect": lambda x: np.pad(x, ((0, 0), (5, 1), (1, 2)), mode="reflect"),
    "pad wrap": lambda x: np.pad(x, ((0, 4), (0, 0), (1, 2)), mode="wrap"),
    "norm 1": lambda x: np.linalg.norm(x, 1, axis=1),
    "norm inf": lambda x: np.linalg.norm(x, np.inf, axis=2),
    "norm -inf": lambda x: np.linalg.norm(x, -np.inf, axis=0, keepdims=True),
    "norm 3": lambda x: np.linalg.norm(x, 3, axis=2),
    "norm 0": lambda x: np.linalg.norm(x, 0, axis=2) * x[0, 0, 0],
    "nanmax": lambda x: np.nanmax(np.where(x > 0, np.nan, x), axis=1),
    "nanmin": lambda x: np.nanmin(np.where(x > 0.2, np.nan, x), axis=(0, 2)),
    "cross": lambda x: np.cross(x[..., :3], x[0, 0, 1:4]),
    "windows": lambda x: np.lib.stride_tricks.sliding_window_view(x, (2, 3), (0, 2)).sum(axis=(3, 4)),
    "rows in a loop": lambda x: rows_in_a_loop(x),
}


def rows_in_a_loop(x: Any) -> Any:
    out = np.zeros_like(x)
    for k in range(len(x)):
        out[k] = x[k] * (np.sum(out[k - 1]) if k else 1.0)
    return out


@pytest.mark.parametrize("name", REARRANGED)
def test_rearrangements(name: str) -> None:
    check(REARRANGED[name], numbers(3, 4, 5))


@pytest.mark.parametrize("axis", [0, 1, None])
def test_places_of_extremes(axis: int | None) -> None:
    x = numbers(6, 7)
    whole = np.arange(42).reshape(6, 7) % 5
    odd = x.copy()
    odd[1, 2] = odd[4, 2] = np.nan
    odd[3] = np.inf
    for value in (x, whole, odd, np.full((6, 7), -np.inf), np.zeros((6, 7), "float32")):
        for f in (np.argmax, np.argmin):
            graph = cr.trace(lambda x, f=f: f(x, axis=axis), value)
            assert called(graph) == []
            inputs = [node.value for node in graph.inputs]
            np.testing.assert_array_equal(NativeRunnable(graph).run(inputs)[0], f(value, axis=axis))


EINSUMS = {
    "three": ("ij,jk,k->i", (4, 3), (3, 5), (5,)),
    "four": ("ij,jk,kl,li->", (4, 3), (3, 5), (5, 2), (2, 4)),
    "quadratic": ("ni,ij,nj->n", (6, 3), (3, 3), (6, 3)),
    "batched": ("bij,bjk,k->bi", (2, 3, 4), (2, 4, 5), (5,)),
    "trace": ("ii->", (4, 4)),
    "diagonal": ("iji->ji", (3, 2, 3)),
    "diagonal and product": ("iij,j->i", (3, 3, 2), (2,)),
    "thrice": ("iii,i->i", (3, 3, 3), (3,)),
    "ellipsis": ("...ij,...jk->...ik", (2, 1, 3, 4), (5, 4, 2)),
    "outer": ("i,j,k->kij", (2,), (3,), (4,)),
    "length one": ("ij,ij->ij", (1, 3), (4, 3)),
    "vanishing alone": ("ij,k->i", (2, 3), (4,)),
    "number": (",i->i", (), (3,)),
}


@pytest.mark.parametrize("name", EINSUMS)
def test_einsum(name: str) -> None:
    subscripts, *shapes = EINSUMS[name]
    check(lambda *given: np.einsum(subscripts, *given), *(numbers(*shape) for shape in shapes))


def test_infinity_stays_where_einsum_has_it() -> None:
    x = numbers(3, 3)
    x[1, 2] = np.inf
    graph = cr.trace(lambda x: np.einsum("ii->i", x), x)
    np.testing.assert_array_equal(NativeRunnable(graph).run([x])[0], np.diagonal(x))


@pytest.mark.parametrize("mode", ["full", "same", "valid"])
@pytest.mark.parametrize("lengths", [(6, 3), (3, 6), (4, 4), (7, 1)])
def test_convolutions_of_vectors(lengths: tuple[int, int], mode: Any) -> None:
    check(lambda x, y: np.convolve(x, y, mode), *(numbers(length) for length in lengths))
    check(lambda x, y: np.correlate(x, y, mode), *(numbers(length) for length in lengths))


def test_infinity_stays_inside_a_convolution() -> None:
    x, y = numbers(6), np.array([1.0, np.inf, 2.0])
    found = NativeRunnable(cr.trace(np.convolve, x, y)).run([x, y])[0]
    np.testing.assert_array_equal(found, np.convolve(x, y))


def test_convolutions_of_channels() -> None:
    def layer(x: Any, w: Any) -> Any:
        return np.maximum(cr.convolve(x, w, axes=((2, 3), (2, 3)), dot_axes=((1,), (1,)), mode="valid"), 0.0)

    check(layer, numbers(2, 3, 7, 6), numbers(4, 3, 3, 2))
    check(lambda x, w: cr.convolve(x, w, axes=((1,), (0,)), mode="full"), numbers(3, 7), numbers(4))


def test_writes_inside_a_loop_of_turns() -> None:
    places = np.array([3, 1, 3, 0])

    def f(x: Any, v: Any) -> Any:
        def turn(filled: Any, item: Any) -> Any:
            place, value = item
            filled = filled.copy()
            filled[place] = value * filled[place - 1]
            return filled, np.sum(filled)

        return cr.scan(turn, x, (places, v))[1]

    check(f, numbers(5), numbers(4), gradient=False)


def test_the_smaller_of_a_number_and_zero_has_a_native_gradient() -> None:
    check(lambda x: np.maximum(x, 0) + np.clip(x, -1, 1), numbers(4, 3))
