"""Unrolling to scalars: the same values and gradients as the array program, for every operation that has a scalar form."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest
import scipy.special  # noqa: F401 connect_scipy() declares rules for the functions of SciPy where it is loaded
from gradient_checker import floating
from hypothesis import HealthCheck, given, settings
from primitive_cases import Case, cases, complex_twin, numbers, rebuilt_like
from random_programs import MOSTLY_WRITES, Program, programs

import chainrule as cr
from chainrule.boxes import Letter, Numeral, Scripts
from chainrule.explain.axes import AxisClasses
from chainrule.explain.elements import ElementName
from chainrule.explain.expand import Expanded, expand
from chainrule.explain.expand_rules import kind_of
from chainrule.graph import Graph, Node
from chainrule.ops.scipy_rules import connect_scipy
from chainrule.primitive import primitives
from chainrule.replay import differentiate
from chainrule.traced import open_levels
from chainrule.trees import leaves

connect_scipy()
NAMES = sorted(primitives)

# Every operation stands in one of these lists, or is elementwise.
WITHOUT_SCALAR_FORM = {
    "cholesky", "cofactor", "cofactor_change", "eig", "eigh", "fft", "ifft", "inv", "irfft", "lstsq", "pinv", "qr", "rfft",
    "slogdet", "solve", "svd",
}  # fmt: skip
ONLY_NUMBERS = {
    "all", "any", "argmax", "argmin", "argpartition", "argsort", "count_nonzero", "full_like", "nanargmax", "nanargmin",
}  # fmt: skip
MOVING = {
    "broadcast_to", "concatenate", "copy", "diagonal", "embed", "from_diagonal", "gather", "reshape", "roll", "slice",
    "sliding_windows", "stack", "transpose", "tril", "triu", "write", "write_rows",
}  # fmt: skip
WRITTEN_OUT = {
    "convolve", "convolve_axes", "cross", "cumprod", "cumsum", "det", "einsum", "log_softmax", "logsumexp", "matmul", "max",
    "mean", "min", "nanmax", "nanmin", "overlapping_sum", "pad", "partition", "prod", "recurrence", "scatter",
    "share_evenly", "softmax", "sort", "std", "sum", "unpad", "var", "vector_norm",
}  # fmt: skip


@pytest.fixture(autouse=True)
def _numpy_may_complain_about_empty_and_special_arrays() -> Iterator[None]:
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore", RuntimeWarning)
        yield


def lines(expanded: Expanded) -> list[str]:
    return str(expanded.graph).splitlines()


def names(expanded: Expanded, node: Node) -> list[str]:
    return [str(expanded.names[element]) for element in expanded.elements(node)]


def by_name(graph: Graph, name: str) -> Node:
    return next(node for node in graph.nodes if node.name == name)


def gradients(expanded: Expanded, graph: Graph) -> list[Any]:
    """The gradient of each input of the array program, from the differentiated scalar graph."""
    found = dict(zip(expanded.graph.inputs, differentiate(expanded.graph).outputs, strict=True))
    return [
        np.array([found[element].value for element in expanded.elements(node)]).reshape(np.shape(node.value))
        for node in graph.inputs
    ]


def require_same(f: Callable[..., Any], *inputs: Any, hint: str = "", rtol: float = 1e-12) -> Expanded:
    graph = cr.trace(f, *inputs)
    expanded = expand(graph, limit=100_000)
    assert all(np.ndim(node.value) == 0 for node in expanded.graph.nodes if node.primitive.outputs == 1), hint
    (result,) = expanded.graph.outputs
    truth = graph.outputs[0].value
    np.testing.assert_allclose(result.value, truth, rtol=rtol, atol=1e-13, err_msg=hint)
    expected = differentiate(graph).outputs
    for gradient, node in zip(gradients(expanded, graph), expected, strict=True):
        size = np.max(np.abs(node.value), initial=0.1)
        np.testing.assert_allclose(gradient, node.value, rtol=rtol, atol=rtol * size, err_msg=hint)
    return expanded


# -- every operation ---------------------------------------------------------------------------------------------------


def test_every_operation_is_classified() -> None:
    kinds = {name: kind_of(primitives[name]) for name in NAMES if name not in ("input", "component")}
    assert {name for name, kind in kinds.items() if kind is None} == WITHOUT_SCALAR_FORM
    assert {name for name, kind in kinds.items() if kind == "number"} == ONLY_NUMBERS
    assert {name for name, kind in kinds.items() if kind == "moved"} == MOVING
    assert {name for name, kind in kinds.items() if kind == "recipe"} == WRITTEN_OUT
    for name, kind in kinds.items():
        record = primitives[name]
        if kind == "each":
            assert record.elementwise or isinstance(record.forward, np.ufunc), name


def weighted(case: Case, moving: list[int]) -> Callable[..., Any]:
    """One number of all results of an operation: the sum of their products with numbers that differ."""

    def function(*given: Any) -> Any:
        inputs = list(case.inputs)
        for position, value in zip(moving, given, strict=True):
            inputs[position] = value
        total: Any = 0.0
        for result in leaves(case(*inputs)):
            if floating(result.value if hasattr(result, "node") else result):
                total = total + np.sum(np.real(result * rebuilt_like(np.asarray(result.value))))
        return total

    return function


@pytest.mark.parametrize("name", [name for name in NAMES if kind_of(primitives[name]) in ("each", "moved", "recipe")])
def test_scalars_have_the_values_and_gradients_of_the_array(name: str) -> None:
    record = primitives[name]
    tried = 0
    for case in cases(record):
        for twin in (case, complex_twin(case)):
            if twin is None or record.vjp is None or not (moving := numbers(twin)):
                continue
            if name == "det" and np.shape(twin.inputs[0])[-1] > 3:
                continue
            function = weighted(twin, moving)
            given = [twin.inputs[position] for position in moving]
            if np.iscomplexobj(given[0]) and not complex_is_taken(function, given):
                continue
            if not isinstance(cr.trace(function, *given).outputs[0].value, np.floating):
                continue
            require_same(function, *given, hint=str(twin))
            tried += 1
    assert tried or record.vjp is None or name in ("frexp", "nothing")


def complex_is_taken(function: Callable[..., Any], given: list[Any]) -> bool:
    try:
        differentiate(cr.trace(function, *given))
    except (cr.errors.ChainruleError, TypeError):
        return False
    return True


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(programs(statements=12))
def test_random_programs_have_the_same_gradients(program: Program) -> None:
    _check_program(program)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(programs(statements=12, kinds=MOSTLY_WRITES))
def test_random_programs_that_write_into_arrays_have_the_same_gradients(program: Program) -> None:
    _check_program(program)


def _check_program(program: Program) -> None:
    graph = cr.trace(program.function(), *program.arguments.values())
    without = {node.primitive.name for node in graph.nodes} & WITHOUT_SCALAR_FORM
    with pytest.raises(cr.errors.UnsupportedError, match="cannot write") if without else nullcontext():
        require_same(program.function(), *program.arguments.values(), hint=str(program), rtol=1e-9)


# -- the worked examples -----------------------------------------------------------------------------------------------


def test_b2_two_samples() -> None:
    def f(theta: Any, x: Any, y: Any) -> Any:
        z1 = theta * x
        z2 = y - z1
        L = z2**2
        J = np.mean(L)
        return J

    graph = cr.trace(f, 1.5, np.array([1.0, 2.0]), np.array([2.0, 3.0]))
    expanded = expand(graph, wrt=graph.inputs[:1])
    assert [line.replace(": float64[]", "") for line in lines(expanded)] == [
        "inputs  theta, x^(1), x^(2), y^(1), y^(2)",
        "z1^(1) = theta * x^(1)",
        "z1^(2) = theta * x^(2)",
        "z2^(1) = y^(1) - z1^(1)",
        "z2^(2) = y^(2) - z1^(2)",
        "L^(1) = z2^(1)**2",
        "L^(2) = z2^(2)**2",
        "%1 = L^(1) + L^(2)",
        "J = %1 / 2",
        "outputs J",
    ]
    assert expanded.names[expanded.element(by_name(graph, "z2"), (1,))] == ElementName("z2", (), (2,))


def test_b3_three_samples_of_the_same_model() -> None:
    graph = cr.trace(lambda theta, x, y: np.mean((y - theta * x) ** 2), 1.5, np.arange(3.0), np.ones(3))
    expanded = expand(graph, wrt=graph.inputs[:1])
    assert names(expanded, graph.inputs[1]) == ["x^(1)", "x^(2)", "x^(3)"]
    assert expanded.graph.outputs[0].primitive.name == "divide"
    assert expanded.graph.outputs[0].arguments[1] == 3
    assert type(expanded.graph.outputs[0].arguments[1]) is int


def test_b5_two_parameters() -> None:
    def f(theta1: Any, theta0: Any, x: Any, y: Any) -> Any:
        z1 = theta1 * x
        z2 = z1 + theta0
        return np.mean((y - z2) ** 2)

    graph = cr.trace(f, 1.5, 0.5, np.array([1.0, 2.0]), np.array([2.0, 3.0]))
    expanded = expand(graph, wrt=graph.inputs[:2])
    assert lines(expanded)[0].replace(": float64[]", "") == "inputs  theta1, theta0, x^(1), x^(2), y^(1), y^(2)"
    assert names(expanded, by_name(graph, "z2")) == ["z2^(1)", "z2^(2)"]


def test_b8_vectorised_samples_above_and_features_below() -> None:
    def f(theta: Any, X: Any, y: Any) -> Any:
        z = X @ theta
        return np.mean((y - z) ** 2)

    graph = cr.trace(f, np.array([1.0, 2.0]), np.ones((2, 2)), np.array([2.0, 3.0]))
    expanded = expand(graph, wrt=graph.inputs[:1])
    assert names(expanded, graph.inputs[0]) == ["theta_1", "theta_2"]
    assert names(expanded, graph.inputs[1]) == ["x_1^(1)", "x_2^(1)", "x_1^(2)", "x_2^(2)"]
    assert names(expanded, by_name(graph, "z")) == ["z^(1)", "z^(2)"]


def test_c1_with_matrices_becomes_the_scalar_lines() -> None:
    def f(W: Any, V: Any, x: Any, t: Any) -> Any:
        h = cr.sigmoid(W @ x)
        o = cr.sigmoid(V @ h)
        E = 0.5 * np.sum((t - o) ** 2)
        return E

    rng = np.random.default_rng(0)
    W, V, x, t = rng.normal(size=(2, 2)), rng.normal(size=(2, 2)), rng.normal(size=2), rng.normal(size=2)
    expanded = require_same(f, W, V, x, t)
    graph = cr.trace(f, W, V, x, t)
    expanded = expand(graph, wrt=graph.inputs[:2])
    assert [line.replace(": float64[]", "") for line in lines(expanded)[1:8]] == [
        "%1 = w_11 * x_1",
        "%2 = w_12 * x_2",
        "%3 = %1 + %2",
        "%4 = w_21 * x_1",
        "%5 = w_22 * x_2",
        "%6 = %4 + %5",
        "h_1 = sigmoid(%3)",
    ]
    o1, o2 = (np.asarray(by_name(graph, "o").value)[i] for i in (0, 1))
    h = np.asarray(by_name(graph, "h").value)
    by_w, by_v, *_ = gradients(expanded, graph)
    assert by_v[0, 0] == pytest.approx(-(t[0] - o1) * o1 * (1 - o1) * h[0], rel=1e-14)
    through = -(t[0] - o1) * o1 * (1 - o1) * V[0, 0] - (t[1] - o2) * o2 * (1 - o2) * V[1, 0]
    assert by_w[0, 0] == pytest.approx(through * h[0] * (1 - h[0]) * x[0], rel=1e-14)


def test_c2_norm_of_a_linear_map() -> None:
    def f(W: Any, x: Any) -> Any:
        q = W @ x
        return np.sum(q**2)

    graph = cr.trace(f, np.array([[0.1, 0.5], [-0.3, 0.8]]), np.array([0.2, 0.4]))
    expanded = expand(graph)
    assert names(expanded, by_name(graph, "q")) == ["q_1", "q_2"]
    assert [node.value for node in expanded.elements(by_name(graph, "q"))] == pytest.approx([0.22, 0.26])
    by_w, by_x = gradients(expanded, graph)
    np.testing.assert_allclose(by_w, [[0.088, 0.176], [0.104, 0.208]])
    np.testing.assert_allclose(by_x, [-0.112, 0.636])


def test_a_batch_through_a_network() -> None:
    def f(X: Any, W1: Any, b1: Any, W2: Any, b2: Any, y: Any) -> Any:
        a = X @ W1 + b1
        h = np.tanh(a)
        out = h @ W2 + b2
        return np.mean((out[:, 0] - y) ** 2)

    rng = np.random.default_rng(1)
    shapes = ((2, 2), (2, 3), (3,), (3, 1), (1,), (2,))
    given = [rng.normal(size=shape) for shape in shapes]
    require_same(f, *given)
    graph = cr.trace(f, *given)
    expanded = expand(graph, wrt=graph.inputs[1:5])
    assert names(expanded, graph.inputs[0]) == ["x_1^(1)", "x_2^(1)", "x_1^(2)", "x_2^(2)"]
    assert names(expanded, graph.inputs[1])[:4] == ["w1_11", "w1_12", "w1_13", "w1_21"]
    assert names(expanded, graph.inputs[2]) == ["b1_1", "b1_2", "b1_3"]
    assert names(expanded, graph.inputs[4]) == ["b2"]
    assert names(expanded, graph.inputs[5]) == ["y^(1)", "y^(2)"]
    assert names(expanded, by_name(graph, "h"))[:3] == ["h_1^(1)", "h_2^(1)", "h_3^(1)"]


def test_a_classifier_that_looks_up_its_labels() -> None:
    def f(W: Any, X: Any, labels: Any) -> Any:
        z = X @ W
        p = z - cr.logsumexp(z, axis=1, keepdims=True)
        chosen = p[np.arange(2), labels]
        return -np.mean(chosen)

    for labels in (np.array([0, 1]), np.array([1, 1])):
        graph = cr.trace(f, np.eye(2), np.ones((2, 2)), labels)
        expanded = expand(graph, wrt=graph.inputs[:1])
        assert names(expanded, graph.inputs[1]) == ["x_1^(1)", "x_2^(1)", "x_1^(2)", "x_2^(2)"]
        assert names(expanded, by_name(graph, "p"))[0] == "p_1^(1)"


# -- which axes count samples ------------------------------------------------------------------------------------------


def axes(f: Callable[..., Any], *inputs: Any, wrt: int = 1) -> list[tuple[bool, ...]]:
    graph = cr.trace(f, *inputs)
    classes = AxisClasses(graph, graph.inputs[:wrt])
    return [classes.samples(node) for node in graph.inputs]


X, TALL = np.ones((4, 3)), np.ones((3, 4))


@pytest.mark.parametrize(
    ("f", "data"),
    [
        (lambda w, x: np.mean(x @ w), X),
        (lambda w, x: np.sum(np.tanh(w @ x.T)), X),
        (lambda w, x: np.mean(np.einsum("ij,j->i", x, w)), X),
        (lambda w, x: np.mean(np.concatenate([x, x]) @ w), X),
        (lambda w, x: np.mean(x[::-1] @ w), X),
        (lambda w, x: np.mean(x.reshape(4, 1, 3)[:, 0] @ w), X),
        (lambda w, x: np.mean(x @ w.reshape(3, 1)), X),
        (lambda w, x: np.mean(np.sort(x @ w)), X),
        (lambda w, x: np.max(x, axis=1).mean() + np.sum(w * 0.0), X),
        (lambda w, x: np.mean(np.stack([x[:, 0], x[:, 1]], axis=1) @ w[:2]), X),
    ],
)
def test_rows_of_the_data_count_samples(f: Callable[..., Any], data: Any) -> None:
    _, (rows, columns) = axes(f, np.ones(3), data)
    assert not columns
    assert rows


def test_what_counts_no_samples() -> None:
    assert axes(lambda w, x: w @ x, np.ones(3), np.ones(3)) == [(False,), (False,)]
    assert axes(lambda w, x: np.sum(w * x), np.ones(3), np.ones(3)) == [(False,), (False,)]
    assert axes(lambda w, x: np.sum(cr.softmax(w * x)), 1.0, np.ones(3)) == [(), (False,)]
    assert axes(lambda w, x: np.sum(w * np.convolve(x, x)), 1.0, np.ones(3)) == [(), (False,)]
    assert axes(lambda w, x: np.mean(w * x, axis=0)[1], 1.0, X) == [(), (True, False)]
    assert axes(lambda w, x: w * x, 1.0, np.ones(3)) == [(), (True,)]
    assert axes(lambda w, x: w * (np.sum(x) + np.sum(X @ x)), 1.0, np.ones(3)) == [(), (False,)]


def test_all_inputs_are_asked_for_unless_wrt_says_which() -> None:
    graph = cr.trace(lambda w, x: np.mean(w * x), 1.0, np.ones(2))
    assert names(expand(graph), graph.inputs[1]) == ["x_1", "x_2"]
    assert names(expand(graph, wrt=[]), graph.inputs[1]) == ["x^(1)", "x^(2)"]


# -- names -------------------------------------------------------------------------------------------------------------


def test_a_matrix_keeps_its_capital_where_the_small_letter_is_taken() -> None:
    graph = cr.trace(lambda W, w: np.sum(W @ w), np.ones((1, 2)), np.ones(2))
    assert names(expand(graph), graph.inputs[0]) == ["W_1", "W_2"]


def test_names_that_would_look_the_same_are_told_apart() -> None:
    graph = cr.trace(lambda w, w1, w12: np.sum(w) * w1 * w12, np.ones(2), 1.0, 2.0)
    expanded = expand(graph)
    assert names(expanded, graph.inputs[0]) == ["w[1]", "w[2]"]
    assert names(expanded, graph.inputs[1]) == ["w1"]
    graph = cr.trace(lambda W, w12: np.sum(W) * w12, np.ones((2, 2)), 1.0)
    assert names(expand(graph), graph.inputs[0])[:2] == ["w[1,1]", "w[1,2]"]


def test_a_column_of_losses_keeps_its_capital() -> None:
    def f(theta: Any, X: Any, Y: Any) -> Any:
        L = (Y - X @ theta) ** 2
        return np.mean(L)

    graph = cr.trace(f, np.ones((2, 1)), np.ones((2, 2)), np.ones((2, 1)))
    expanded = expand(graph, wrt=graph.inputs[:1])
    assert names(expanded, by_name(graph, "L")) == ["L^(1)", "L^(2)"]
    assert names(expanded, graph.inputs[2]) == ["y^(1)", "y^(2)"]
    assert names(expanded, graph.inputs[1])[1] == "x_2^(1)"


def test_many_columns_have_commas() -> None:
    graph = cr.trace(lambda W: np.sum(W), np.ones((2, 11)))
    assert names(expand(graph), graph.inputs[0])[-1] == "w_2,11"
    graph = cr.trace(lambda v: np.sum(v), np.ones(11))
    assert names(expand(graph), graph.inputs[0])[-1] == "v_11"


def test_one_element_and_numbers_keep_the_plain_name() -> None:
    graph = cr.trace(lambda a, B: np.sum(a * B), np.ones(1), np.ones((1, 1)))
    assert [names(expand(graph), node) for node in graph.inputs] == [["a"], ["B"]]


def test_given_names_and_boxes() -> None:
    graph = cr.trace(lambda x: np.sum(x), np.ones(2))
    base = Scripts(Letter("θ"), Numeral("0"))
    expanded = expand(graph, names={graph.inputs[0]: base})
    assert [expanded.names[node] for node in expanded.graph.inputs] == [
        ElementName(base, (1,)),
        ElementName(base, (2,)),
    ]
    assert str(expanded.names[expanded.graph.inputs[0]]) == "θ0_1"
    assert not expand(graph, names={}).names


def test_a_constant_with_a_name_has_elements_with_names() -> None:
    data = np.array([1.0, 2.0])
    graph = cr.trace(lambda w: np.mean((w * data) * data), 3.0)
    readers = [(node, index) for node in graph.nodes for index, source in enumerate(node.inputs) if source is None]
    expanded = expand(graph, wrt=graph.inputs, constants=dict.fromkeys(readers, "data"))
    assert [str(expanded.names[node]) for node in expanded.graph.inputs] == ["w", "data^(1)", "data^(2)"]
    assert lines(expanded)[1] == "%1: float64[] = w * data^(1)"
    plain = expand(graph)
    assert len(plain.graph.inputs) == 1
    assert lines(plain)[1] == "%1: float64[] = w * 1.0"


def test_named_whole_numbers_are_inputs_too() -> None:
    data = np.array([1, 2])
    graph = cr.trace(lambda w: np.mean(w * data), 3.0)
    reader = next((node, 1) for node in graph.nodes if node.primitive.name == "multiply")
    expanded = expand(graph, wrt=graph.inputs, constants={reader: "data"})
    assert lines(expanded)[0] == "inputs  w: float64[], data^(1): int64[], data^(2): int64[]"
    assert differentiate(expanded.graph).outputs[0].value == 1.5


def test_moved_elements_keep_the_name_that_they_have() -> None:
    def f(x: Any) -> Any:
        turned = x[::-1]
        doubled = 2 * turned
        return np.sum(doubled * np.array([1.0, 2.0]))

    graph = cr.trace(f, np.array([1.0, 2.0]))
    expanded = expand(graph)
    assert expanded.element(by_name(graph, "turned"), (0,)) is expanded.graph.inputs[1]
    assert lines(expanded)[1] == "doubled_1: float64[] = 2 * x_2"
    assert expanded.origins[expanded.graph.inputs[1]] == (graph.inputs[0], (1,))


def test_nodes_have_the_line_of_the_array_operation() -> None:
    def f(W: Any, x: Any) -> Any:
        q = W @ x
        return np.sum(q**2)

    graph = cr.trace(f, np.ones((2, 2)), np.ones(2))
    expanded = expand(graph)
    q = by_name(graph, "q")
    for node in expanded.graph.nodes[6:12]:
        assert node.line == q.line
        assert node.place.text == "q = W @ x"
    assert expanded.graph.nodes[6].name is None


# -- what a person would write -----------------------------------------------------------------------------------------


def written(f: Callable[..., Any], *inputs: Any) -> list[str]:
    return [line.split(" = ")[1] for line in lines(require_same(f, *inputs))[1:-1]]


def test_zeros_and_ones_are_not_written() -> None:
    constant = np.array([[1.0, 0.0], [2.0, 1.0]])
    x = np.array([3.0, 4.0])
    assert written(lambda x: np.sum(constant @ x), x) == ["2.0 * x_1", "%1 + x_2", "x_1 + %2"]
    assert written(lambda W: np.sum(np.tril(W) * 2.0), constant)[:2] == ["w_11 * 2.0", "w_21 * 2.0"]
    assert written(lambda x: np.sum(np.diag(x) @ x), x) == ["x_1 * x_1", "x_2 * x_2", "%1 + %2"]
    assert written(lambda x: np.mean(x[:1]) * x[1], x) == ["x_1 * x_2"]
    assert written(lambda x: +x[0] * x[1].real, x) == ["x_1 * x_2"]

    def filled(x: Any) -> Any:
        out = np.zeros_like(x)
        out[1] = x[0] * x[1]
        out += x
        return out.sum()

    assert written(filled, x) == ["x_1 * x_2", "out'_2 + x_2", "x_1 + out'2_2"]


def test_what_is_used_twice_is_written_once() -> None:
    lines_of_softmax = written(lambda x: np.sum(cr.softmax(x) * np.array([1.0, 2.0])), np.array([1.0, 2.0]))
    assert lines_of_softmax[:5] == ["exp(x_1)", "exp(x_2)", "%1 + %2", "%1 / %3", "%2 / %3"]


def test_conditions_stay_visible() -> None:
    text = written(lambda x: np.sum(np.where(x > 1, x**2, 0.0)), np.array([0.5, 2.0]))
    assert text[0] == "x_1 > 1"
    assert "where(%1, %3, 0.0)" in text


def test_ties_share_as_in_the_array_program() -> None:
    for values in ([1.0, 2, 2, 2, 0], [2.0, 2], [1.0, 1, 1, 1], [3.0, 1, 3, 2], [0.1] * 3):
        x = np.array(values)
        require_same(lambda x: np.max(x) ** 2 + np.sum(np.min(x[:, None] * x, axis=0)), x)
        require_same(lambda x: np.sum(np.sort(x) * np.arange(len(x))), x)
    require_same(lambda x: np.nanmax(x) * np.nanmin(x), np.array([1.0, np.nan, 3.0, 3.0]))


def test_corners_and_large_numbers() -> None:
    require_same(lambda x: np.linalg.norm(x) + np.sum(x), np.zeros(2))
    require_same(lambda x: np.std(x) + np.sum(x), np.full(3, 0.1))
    require_same(lambda x: cr.logsumexp(x), np.array([1000.0, 1001.0]))
    require_same(lambda x: cr.logsumexp(x), np.array([-1000.0, -1001.0]))
    require_same(lambda x: np.sum(cr.softmax(x) ** 2), np.array([1000.0, 1001.0]))
    require_same(lambda x: np.sum(np.where(x > 0, np.sqrt(x), 0.0)), np.array([0.0, 4.0]))
    require_same(lambda x: np.prod(x), np.array([0.0, 2.0, 0.0]))
    require_same(lambda x: np.sum(np.maximum(x, 0.0) + np.abs(x)), np.array([0.0, -1.0, 2.0]))


def test_whole_numbers_and_masks_are_data() -> None:
    counts = np.array([1, 2, 3])
    graph = cr.trace(lambda x, n: np.sum(x * n) / np.sum(n > 1) + np.mean(n), np.ones(3), counts)
    expanded = expand(graph)
    assert expanded.graph.outputs[0].value == graph.outputs[0].value == 5.0
    narrow = cr.trace(lambda x, n: x * np.sum(n), 1.0, np.array([100, 100], np.int8))
    assert expand(narrow).graph.outputs[0].value == 200.0


def test_single_precision_stays_single() -> None:
    graph = cr.trace(lambda x: np.mean(cr.softmax(x @ x.T)), np.ones((2, 2), np.float32))
    assert {node.type.dtype.name for node in expand(graph).graph.nodes} == {"float32"}  # pyright: ignore


def test_an_output_of_several_elements_and_one_that_is_a_number() -> None:
    graph = cr.trace(lambda x: 2 * x, np.array([1.0, 2.0]))
    assert [node.value for node in expand(graph).graph.outputs] == [2.0, 4.0]
    graph = cr.trace(lambda x: np.sum(np.zeros_like(x)), np.array([1.0, 2.0]))
    assert [node.value for node in expand(graph).graph.outputs] == [0.0]


def test_a_gradient_inside_a_program_is_unrolled_too() -> None:
    def energy(x: Any) -> Any:
        return np.sum(np.tanh(x) ** 2) + np.max(x) * np.prod(x) + np.mean(x[np.array([0, 0, 1])])

    x = np.array([0.5, -1.0, 2.0])
    require_same(lambda x: np.sum(cr.grad(energy)(x) ** 2), x)
    graph = cr.trace(energy, x)
    (gradient,) = differentiate(graph).outputs
    unrolled = expand(differentiate(graph)).graph.outputs
    np.testing.assert_allclose([node.value for node in unrolled], gradient.value, rtol=1e-13)


def test_a_scalar_function_of_the_user_is_scalar_already() -> None:
    square = cr.custom_derivative(lambda x: x * x, vjp=lambda g, y, x: g * 2 * x)
    require_same(lambda x: square(x[0]) * x[1], np.array([3.0, 2.0]))


def test_the_second_expansion_of_a_graph_is_equal_and_leaves_it_alone() -> None:
    graph = cr.trace(lambda x: np.sum(x**2), np.array([3.0, 2.0]))
    before = str(graph)
    assert str(expand(graph).graph) == str(expand(graph).graph)
    assert str(graph) == before
    again = expand(expand(graph).graph)
    assert len(again.graph) == len(expand(graph).graph)


# -- letters to the user -----------------------------------------------------------------------------------------------


def test_an_operation_without_a_scalar_form_is_named_with_its_line() -> None:
    graph = cr.trace(lambda A: np.sum(np.linalg.inv(A)), np.eye(3))
    with pytest.raises(
        cr.errors.UnsupportedError,
        match=r"cannot write inv \(of shape \(3, 3\)\) with scalars, in .*line \d+.*Derive without expand=True",
    ):
        expand(graph)
    with pytest.raises(cr.errors.UnsupportedError, match="cannot write det"):
        expand(cr.trace(lambda A: np.linalg.det(A), np.eye(4)))
    product = cr.custom_derivative(lambda x: np.sum(x), vjp=lambda g, y, x: g * np.ones(2))
    with pytest.raises(cr.errors.UnsupportedError, match="cannot write <lambda>"):
        expand(cr.trace(lambda x: product(x), np.ones(2)))


def test_a_function_of_the_user_with_the_name_of_an_operation_is_not_that_operation() -> None:
    def sum(x: Any) -> Any:  # noqa: A001 the point of the test
        return x[0]

    mine = cr.custom_derivative(sum, vjp=lambda g, y, x: g * np.array([1.0, 0.0]))
    with pytest.raises(cr.errors.UnsupportedError, match="cannot write sum"):
        expand(cr.trace(lambda x: mine(x), np.ones(2)))


def test_a_program_that_is_too_long_says_how_long_and_what_to_shrink() -> None:
    graph = cr.trace(lambda X, W: np.mean(np.tanh(X @ W)), np.ones((128, 64)), np.ones((64, 32)))
    with pytest.raises(cr.errors.UnsupportedError) as caught:
        expand(graph)
    text = str(caught.value)
    assert "would write about 538,624 scalars, and 2,000 are the limit: about 520,192 of them" in text
    assert "for matmul of shape (128, 64) and (64, 32), in " in text
    assert "the largest inputs are X (128, 64), W (64, 32)" in text
    with pytest.raises(cr.errors.UnsupportedError, match=r"x alone has 5,000 elements \(shape \(5000,\)\)"):
        expand(cr.trace(lambda x: x[0], np.ones(5000)))
    assert len(expand(cr.trace(lambda x: np.sum(x), np.ones(1200)), limit=3000).graph) == 2399


def test_a_long_loop_is_told_by_its_line() -> None:
    def f(x: Any) -> Any:
        for _ in range(1500):
            x = np.tanh(x)
        return np.sum(x)

    with pytest.raises(
        cr.errors.UnsupportedError, match=r"3,000 of them for tanh of shape \(2,\), which runs 1,500 times, in"
    ):
        expand(cr.trace(f, np.ones(2)))


def test_the_announced_number_of_scalars_is_near() -> None:
    rng = np.random.default_rng(0)

    def f(X: Any, W: Any, b: Any) -> Any:
        z = X @ W + b
        p = cr.softmax(z, axis=1)
        return (
            np.mean(np.sum((p - np.var(z, axis=0)) ** 2, axis=1)) + np.linalg.norm(b) + np.max(b) + np.sum(np.cumsum(b))
        )

    graph = cr.trace(f, rng.normal(size=(5, 4)), rng.normal(size=(4, 3)), rng.normal(size=3))
    made = len(expand(graph).graph)
    with pytest.raises(cr.errors.UnsupportedError) as caught:
        expand(graph, limit=1)
    announced = int(str(caught.value).split("about ")[1].split(" ")[0].replace(",", ""))
    assert abs(announced - made) <= 0.1 * made


def test_numbers_for_which_the_plain_formula_does_not_hold_are_refused() -> None:
    constant = np.array([[0.0, 1.0]])
    graph = cr.trace(lambda x: np.sum(constant @ x), np.array([np.inf, 1.0]))
    with pytest.raises(
        cr.errors.UnsupportedError, match=r"matmul with scalars, and their values \[1.\] are not those .* \[nan\]"
    ):
        expand(graph)


def test_nothing_is_left_open_after_an_error() -> None:
    before = set(open_levels)
    with pytest.raises(cr.errors.UnsupportedError):
        expand(cr.trace(lambda A: np.sum(np.linalg.inv(A)), np.eye(2)))
    expand(cr.trace(lambda x: np.sum(x), np.ones(2)))
    assert open_levels == before
