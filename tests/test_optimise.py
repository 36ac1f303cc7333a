"""The passes on graphs: the same bits as before, fewer nodes, and every line of the table of identities on special values."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import scipy.special  # noqa: F401 connect_scipy() declares rules for the functions of SciPy where it is loaded
from hypothesis import HealthCheck, given, settings
from primitive_cases import cases, numbers, restricted, same
from random_programs import MOSTLY_WRITES, Program, programs

import chainrule as cr
from chainrule.errors import ChainruleError, GraphError
from chainrule.graph import INPUT, Graph, Node
from chainrule.ops.scipy_rules import connect_scipy
from chainrule.optimise import PASSES, Pass, fold, optimise, prune, share, simplify
from chainrule.optimise.fold import LARGEST_GROWTH
from chainrule.optimise.identities import IDENTITIES, Identity
from chainrule.optimise.share import parameter_key
from chainrule.primitive import operations, primitives
from chainrule.replay import differentiate
from chainrule.run import interpret

connect_scipy()
NIGHTLY = int(os.environ.get("CHAINRULE_NIGHTLY_PROGRAMS", "10000")) // 4


@pytest.fixture(autouse=True)
def _numpy_may_complain_about_special_numbers() -> Iterator[None]:
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore", RuntimeWarning)
        yield


def operations_of(graph: Graph) -> tuple[str, ...]:
    return tuple(node.primitive.name for node in graph if node.primitive is not INPUT)


def results(graph: Graph, arguments: Any) -> tuple[Any, ...]:
    found = interpret(graph, *arguments)
    return found if len(graph.outputs) > 1 else (found,)


def assert_equal_graphs(before: Graph, after: Graph, *many: Any) -> None:
    """The same interface, and for all these arguments the same bits, in the same layout where that can be seen."""
    after.verify()
    assert after.inputs == before.inputs
    assert [str(node.type) for node in after.outputs] == [str(node.type) for node in before.outputs]
    assert len(after) <= len(before)
    for arguments in many:
        for one, other in zip(results(before, arguments), results(after, arguments), strict=True):
            assert same(one, other), f"{one!r} became {other!r}\n{before}\n\n{after}"


def assert_optimised_well(graph: Graph, arguments: Any) -> Graph:
    best = optimise(graph)
    assert_equal_graphs(graph, best, arguments)
    assert optimise(best) is best, f"a second run changes\n{best}\ninto\n{optimise(best)}"
    assert str(best).startswith("inputs")
    for left_out in PASSES:
        without = optimise(graph, [stage for stage in PASSES if stage is not left_out])
        assert_equal_graphs(graph, without, arguments)
        alone = optimise(graph, [left_out])
        assert_equal_graphs(graph, alone, arguments)
    return best


# -- the table of identities -------------------------------------------------------------------------------------------

SPECIAL = (np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -1.5, "smallest", "largest")


def special(dtype: str, shape: tuple[int, ...], turn: int) -> Any:
    """Special numbers, in another order for each turn: two arguments meet in all pairs."""
    limits = np.finfo(dtype)
    named = {"smallest": limits.smallest_subnormal, "largest": limits.max}
    values = np.array([named.get(value, value) for value in SPECIAL], dtype)
    return np.resize(np.roll(values, turn), shape)[()] if shape else values[turn % len(values)]


def instances() -> list[Any]:
    return [
        pytest.param(identity, dtype, shape, id=f"{identity.name}-{dtype}-{shape}".replace(" ", "_"))
        for identity in IDENTITIES
        for dtype in ("float16", "float32", "float64")
        for shape in identity.shapes
    ]


@pytest.mark.parametrize(("identity", "dtype", "shape"), instances())
def test_an_identity_applies_and_keeps_every_bit(identity: Identity, dtype: str, shape: tuple[int, ...]) -> None:
    count = identity.example.__code__.co_argcount
    rows = [tuple(special(dtype, shape, turn * (position + 1)) for position in range(count)) for turn in range(9)]
    graph = cr.trace(identity.example, *rows[1])
    after = prune(simplify(graph, [identity]))
    assert str(graph) != str(after)
    assert operations_of(after) == identity.left
    assert_equal_graphs(graph, after, *rows)
    for node in after.outputs:
        assert node.value.dtype == graph.outputs[0].value.dtype
    assert_optimised_well(graph, rows[3])


@pytest.mark.parametrize("identity", IDENTITIES, ids=lambda identity: identity.name.replace(" ", "_"))
def test_every_line_has_a_pattern_and_a_name_of_its_own(identity: Identity) -> None:
    assert identity.patterns
    assert all(pattern.name in primitives for pattern in identity.patterns)
    assert [line.name for line in IDENTITIES].count(identity.name) == 1


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x + 0.0,
        lambda x: 0.0 - x,
        lambda x: x - (-0.0),
        lambda x: x * 0.0,
        lambda x: x / 3.0,
        lambda x: x / x,
        lambda x: x - x,
        lambda x: x**3,
        lambda x: x**2.5,
        lambda x: x / 2.0**-1074,
        lambda x: (x * 3.0) * 5.0,
        lambda x: (x * 0.5) * 0.5,
        lambda x: np.sum(x, axis=()),
        lambda x: x * np.array([1.0, 1.0, 1.0, 2.0]),
        lambda x: np.where(x > 0, x, 2.0),
        lambda x: x[::-1],
        lambda x: x[1:],
        lambda x: cr.stop_gradient(x),
    ],
)
def test_what_is_no_identity_is_left_alone(function: Callable[..., Any]) -> None:
    graph = cr.trace(function, np.array([1.0, -0.0, np.nan, np.inf]))
    assert simplify(graph) is graph
    assert optimise(graph) is graph


def test_a_simplification_does_not_change_a_dtype_or_a_shape() -> None:
    single = np.ones(3, "float32")
    for function in (
        lambda x: x * np.float64(1.0),
        lambda x: x * np.ones((2, 3), "float32"),
        lambda x: x - np.zeros((2, 1), "float32"),
        lambda x: (x * np.float32(4)) / np.full((2, 3), 3.0),
    ):
        graph = cr.trace(function, single)
        best = assert_optimised_well(graph, (single,))
        assert best.outputs[0] is not best.inputs[0]


def test_single_numbers_keep_the_power_function_of_the_c_library() -> None:
    # NumPy squares arrays, and calls pow for numbers: these may differ in the last bit.
    graph = cr.trace(lambda x: x**2, 1.1)
    assert operations_of(optimise(graph)) == ("power",)


def test_unsigned_numbers_wrap_as_before() -> None:
    a, b = np.array([1.0, 2.0]), np.array([3.5, 4.5])
    graph = cr.trace(lambda a, b: a + (-operations["astype"](b, dtype=np.dtype(np.uint8))), a, b)
    best = assert_optimised_well(graph, (a, b))
    assert operations_of(best) == ("astype_of_counts", "negative", "add")
    assert interpret(best, a, b).tolist() == [254.0, 254.0]


def test_an_overflow_on_the_way_stays() -> None:
    x = np.array([1e30, 1e-30], "float32")
    graph = cr.trace(lambda x: (x * np.float32(2.0**60)) * np.float64(2.0**60), x)
    best = assert_optimised_well(graph, (x,))
    assert np.isinf(interpret(best, x)[0])


def test_a_copy_in_another_layout_stays_a_copy() -> None:
    x = np.random.default_rng(0).normal(size=(7, 300))
    graph = cr.trace(lambda x: np.sum(np.copy(x, order="F")) + np.sum(x[:, ::2] * 1.0), x)
    best = assert_optimised_well(graph, (x,))
    assert {"copy", "multiply"} <= set(operations_of(best))


# -- the passes --------------------------------------------------------------------------------------------------------


def test_constants_are_folded_through_operations_with_several_results() -> None:
    def f(x: Any) -> Any:
        values, vectors = np.linalg.eigh(np.full_like(x, 2.0))
        return x @ vectors * values

    x = np.arange(4.0).reshape(2, 2)
    best = assert_optimised_well(cr.trace(f, x), (x,))
    assert operations_of(best) == ("matmul", "multiply")


def test_a_huge_constant_is_not_folded() -> None:
    size = LARGEST_GROWTH // 8 + 2
    graph = cr.trace(lambda x: np.full_like(x[0], 2.0, shape=(size,)) * x[1], np.ones(2))
    best = assert_optimised_well(graph, (np.ones(2),))
    assert "full_like" in operations_of(best)
    small = cr.trace(lambda x: np.full_like(x[0], 2.0, shape=(size - 2,)) * x[1], np.ones(2))
    assert "full_like" not in operations_of(optimise(small))


def test_fold_computes_what_reads_constants_only() -> None:
    x = cr.trace(lambda x: x + 1.0, 2.0)
    three = operations["constant_node"](3.0)
    root = Node.of(primitives["sqrt"], (three,), (three.value,), {}, np.sqrt(three.value))
    total = Node.of(
        primitives["add"], (x.outputs[0], root), (x.outputs[0].value, root.value), {}, np.float64(3.0 + root.value)
    )
    graph = Graph.of(x.inputs, (total, root))
    after = fold(graph)
    assert operations_of(after) == ("add", "stop_gradient", "add")
    assert_equal_graphs(graph, after, (2.0,), (7.0,))
    assert fold(after) is after


def test_outputs_that_become_inputs_or_constants_or_equal_stay_outputs() -> None:
    def f(x: Any, y: Any) -> Any:
        return x * 1.0, np.zeros_like(y), y + x, x + y, np.zeros_like(y), y.T.T

    arguments = (np.ones((2, 2)), np.full((2, 2), 3.0))
    graph = cr.trace(f, *arguments)
    best = assert_optimised_well(graph, arguments)
    x, y = best.inputs
    assert best.outputs[0] is x
    assert best.outputs[5] is y
    assert best.outputs[2] is best.outputs[3]
    assert best.outputs[1] is best.outputs[4]
    assert operations_of(best) == ("stop_gradient", "add")


def test_equal_nodes_are_shared_and_others_are_not() -> None:
    def f(x: Any) -> Any:
        return np.sum(x * 0.0 + x * -0.0 + x[1:3].sum() + x[1:3].sum() + x[1:2].sum() + np.sum(x, axis=0) + np.sum(x))

    graph = cr.trace(f, np.arange(4.0))
    names = operations_of(share(graph))
    assert names.count("multiply") == 2  # 0.0 is not -0.0
    assert names.count("slice") == 2
    assert names.count("sum") == 4
    assert_optimised_well(graph, (np.array([1.0, -np.inf, np.nan, 0.0]),))


def test_equal_arrays_are_one_constant_and_others_are_not() -> None:
    big = np.arange(1000.0)
    other = big.copy()
    other[999] = -1.0
    graph = cr.trace(lambda x: (x * big + x * big.copy()) + x * other, np.ones(1000))
    assert operations_of(share(graph)).count("multiply") == 2


def test_the_functions_of_a_user_are_not_shared() -> None:
    calls = []

    def f(x: Any) -> Any:
        calls.append(1)
        return x * len(calls)

    noisy = cr.custom_derivative(f, lambda g, y, x: g)
    graph = cr.trace(lambda x: noisy(x) + noisy(x), 2.0)
    assert len(share(graph)) == len(graph)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, 1.0),
        (1, True),
        (0.0, -0.0),
        (np.float32(1), np.float64(1)),
        (np.zeros(3), np.zeros((3, 1))),
        (np.zeros(3), -np.zeros(3)),
        (slice(1, 2), slice(1, 3)),
        ((1,), [1]),
        (None, Ellipsis),
        ({"a": 1}, {"a": 2}),
        (np.ones((3, 50)), np.ones((50, 3)).T),
        (1j, complex(-0.0, 1)),
    ],
)
def test_keys_differ_where_values_do(one: Any, other: Any) -> None:
    assert parameter_key(one) != parameter_key(other)
    assert parameter_key(one) == parameter_key(one)


def test_dead_nodes_go_and_inputs_stay() -> None:
    graph = cr.trace(lambda x, y: (x * y, np.sin(x), np.linalg.slogdet(y)[1]), 2.0, np.eye(2))
    dead = Graph(graph.inputs, graph.outputs[1:2], graph.nodes)
    after = prune(dead)
    assert operations_of(after) == ("sin",)
    assert after.inputs == graph.inputs
    assert prune(after) is after
    part = prune(Graph(graph.inputs, graph.outputs[2:], graph.nodes))
    assert operations_of(part) == ("slogdet", "component")


def test_names_and_places_of_what_stays_are_kept() -> None:
    def f(x: Any, y: Any) -> Any:
        product = 1.0 * x * y
        quotient = product / 4.0
        again = x * y
        return np.tanh(quotient) + again

    graph = cr.trace(f, np.ones(2), np.ones(2))
    best = optimise(graph)
    assert [node.name for node in best] == ["x", "y", "product", "quotient", None, None]
    lines = {node.name: node.line for node in graph}
    assert all(node.line == lines[node.name] for node in best if node.name)
    assert "quotient: float64[2] = product * 0.25" in str(best)


def test_labels_are_kept() -> None:
    graph = cr.trace(lambda x: np.sin(np.negative(-x)) / 2.0, 1.0)
    for node in graph:
        node.label = f"n{node.primitive.name}"
    assert [node.name for node in optimise(graph)][1:] == ["nsin", "ndivide"]


def test_views_of_a_copy_do_not_become_copies() -> None:
    x = np.arange(6.0).reshape(2, 3)
    graph = cr.trace(lambda x: (x.T.reshape(6), x.T.reshape(6).reshape(6, 1)), x)
    best = assert_optimised_well(graph, (x,))
    assert operations_of(best) == ("transpose", "reshape", "reshape")
    assert best.outputs[1].inputs == (best.outputs[0],)


def test_a_graph_without_outputs_and_one_of_inputs_only() -> None:
    graph = cr.trace(lambda x, y: (y, x), 1.0, np.ones(2))
    assert optimise(graph) is graph
    empty = Graph(graph.inputs, (), graph.nodes)
    assert optimise(empty) is empty


def test_inputs_in_other_layouts_give_the_same_numbers() -> None:
    rng = np.random.default_rng(0)
    graph = cr.trace(lambda x: np.tanh(x.T.T * 1.0) / 4.0 + (x * x + x**2), rng.normal(size=(5, 6)))
    best = optimise(graph)
    wide = rng.normal(size=(10, 12))
    assert_equal_graphs(graph, best, (wide[::2, ::2],), (np.asfortranarray(wide[:5, :6]),), (wide[4::-1, :6],))


def test_watch_sees_each_pass_that_changed_something() -> None:
    seen: list[tuple[str, str]] = []
    graph = cr.trace(lambda x: x.T.T * 1.0 + np.zeros_like(x) * 2.0, np.ones((2, 3)))
    best = optimise(graph, watch=lambda name, stage: seen.append((name, str(stage))))
    assert [name for name, _ in seen][:2] == ["simplify", "prune"]
    assert seen[-1][1] == str(best)
    assert optimise(best, watch=lambda name, stage: pytest.fail("nothing changes")) is best


def test_a_pass_that_breaks_the_graph_is_named() -> None:
    graph = cr.trace(lambda x, y: x * y, 2.0, np.ones(3))
    x, y = graph.inputs

    def forgetful(graph: Graph) -> Graph:
        return Graph(graph.inputs, graph.outputs, graph.nodes[:-1])

    with pytest.raises(
        GraphError, match=r"^The pass forgetful broke the graph\. The graph is not well-formed: .*among its nodes"
    ):
        optimise(graph, [Pass("forgetful", forgetful)])
    with pytest.raises(GraphError, match=r"The pass swap broke the graph\. The inputs of the graph are not"):
        optimise(graph, [Pass("swap", lambda graph: Graph((y, x), graph.outputs, graph.nodes))])
    with pytest.raises(
        GraphError,
        match=r"The pass shorten broke the graph\. The outputs were float64\[3\] and are float64\[\]\. Leave it out",
    ):
        optimise(graph, [Pass("shorten", lambda graph: Graph(graph.inputs, (x,), graph.nodes))])


def test_a_graph_out_of_order_is_refused() -> None:
    graph = cr.trace(lambda x: np.sin(np.cos(x)), 2.0)
    jumbled = Graph(graph.inputs, graph.outputs, (graph.nodes[0], graph.nodes[2], graph.nodes[1]))
    with pytest.raises(
        GraphError, match=r"The pass fold broke the graph\. The graph cannot be rewritten: .* Graph\.of"
    ):
        optimise(jumbled)


def test_a_long_chain_takes_linear_time_and_no_recursion() -> None:
    def chain(x: Any, length: int) -> Any:
        for _ in range(length):
            x = np.negative(-(x * 1.0)) / 2.0 + x
        return x

    def seconds(length: int) -> tuple[float, Graph]:
        graph = cr.trace(lambda x: chain(x, length), np.ones(2))
        start = time.perf_counter()
        best = optimise(graph)
        return time.perf_counter() - start, best

    short, _ = seconds(2000)
    long, best = seconds(20000)  # 100,000 nodes
    assert len(best) == 1 + 2 * 20000
    assert long < 30 * max(short, 0.05)
    assert long < 30


# -- programs ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(primitives))
def test_every_operation_survives(name: str) -> None:
    for case in cases(primitives[name]):
        moving = numbers(case)
        if not moving:
            continue
        arguments = tuple(case.inputs[index] for index in moving)
        function = restricted(case, moving)
        assert_optimised_well(cr.trace(function, *arguments), arguments)
        if primitives[name].outputs == 1:

            def total(*given: Any, function: Callable[..., Any] = function) -> Any:
                result = function(*given)
                return np.sum(np.real(result * (1.0 - 0.5j) if np.iscomplexobj(result) else result) * 1.5)

            try:
                backward = differentiate(cr.trace(total, *arguments))
            except ChainruleError:
                continue  # no derivative, or of a result that is no number
            assert_optimised_well(backward, arguments)


def assert_keeps_its_bits(program: Program) -> None:
    arguments = [np.asarray(value)[()] for value in program.arguments.values()]
    graph = cr.trace(program.function(), *arguments)
    backward = differentiate(graph)
    for one in (graph, backward):
        best = assert_optimised_well(one, arguments)
        assert {node.name for node in best} <= {node.name for node in one}
    from_best = differentiate(optimise(graph))
    for one, other in zip(results(backward, arguments), results(from_best, arguments), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)


@settings(max_examples=120, suppress_health_check=list(HealthCheck))
@given(programs())
def test_random_programs_and_their_gradients_keep_their_bits(program: Program) -> None:
    assert_keeps_its_bits(program)


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(programs(statements=14, kinds=MOSTLY_WRITES))
def test_random_programs_that_write_keep_their_bits(program: Program) -> None:
    assert_keeps_its_bits(program)


@pytest.mark.nightly
@settings(max_examples=NIGHTLY, parent=settings.get_profile("nightly"))
@given(programs(statements=18))
def test_many_random_programs_keep_their_bits(program: Program) -> None:
    assert_keeps_its_bits(program)


def digits_gradient() -> tuple[Graph, tuple[Any, ...]]:
    """The loss of examples/digits.py, written out, with its gradient."""
    rng = np.random.default_rng(0)
    images, labels = rng.random((16, 64)), np.arange(16) % 10

    def loss(W1: Any, b1: Any, W2: Any, b2: Any) -> Any:
        hidden = np.tanh(images @ W1 + b1)
        z = hidden @ W2 + b2
        z = z - np.max(z, axis=1, keepdims=True)
        log_probabilities = z - np.log(np.sum(np.exp(z), axis=1, keepdims=True))
        return -np.mean(log_probabilities[np.arange(len(labels)), labels])

    arguments = (rng.normal(size=(64, 64)), np.zeros(64), rng.normal(size=(64, 10)), np.zeros(10))
    return differentiate(cr.trace(loss, *arguments)), arguments


def test_the_gradient_of_the_digits_network_gets_shorter() -> None:
    graph, arguments = digits_gradient()
    best = assert_optimised_well(graph, arguments)
    assert len(best) < len(graph)
    assert "broadcast_to" not in operations_of(best)
