"""The files of examples/worked: every row of the table is there, short, and has the values and gradients of its formulas."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from worked import FILES, Example, example
from worked import b11_gradient_descent as trees
from worked import c5_three_layers as digits

FOLDER = Path(trees.__file__).parent
TABLE = [f"A{n}" for n in range(1, 12)] + [f"B{n}" for n in range(1, 12)] + [f"C{n}" for n in range(1, 6)]
ACTIVATIONS = {"sigmoid", "tanh", "relu", "leaky_relu", "elu", "maxout"}

every_file = pytest.mark.parametrize("file", FILES)
every_point = pytest.mark.parametrize(
    ("file", "index"), [(file, index) for file in FILES for index in range(len(example(file).points))]
)


def functions(file: str) -> list[ast.FunctionDef]:
    """The functions at the top of a file."""
    tree = ast.parse((FOLDER / f"{file}.py").read_text(encoding="utf-8"))
    return [statement for statement in tree.body if isinstance(statement, ast.FunctionDef)]


# -- the form of the files -------------------------------------------------------------------------------------------------


def test_every_row_of_the_table_has_a_file() -> None:
    numbers = [example(file).number for file in FILES]
    assert list(dict.fromkeys(numbers)) == TABLE
    assert {file.removeprefix("c4_") for file in FILES if file.startswith("c4_")} == ACTIVATIONS
    assert numbers.count("C1") == 2  # in scalars and with matrices


def test_every_file_is_in_the_list() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.py") if path.stem != "__init__") == sorted(FILES)


@every_file
def test_the_program_has_ten_lines_or_fewer(file: str) -> None:
    name = example(file).program.__name__
    assert name == file.partition("_")[2]
    helpers_of_training = {"start", "train", "accuracy", "descend"}
    body = [f for f in functions(file) if f.name not in helpers_of_training]
    lines = sum((f.end_lineno or 0) - f.body[0].lineno + 1 for f in body)
    assert name in {f.name for f in body}
    assert lines <= 10


@every_file
def test_the_titles_are_there_in_both_languages(file: str) -> None:
    title = example(file).title
    assert set(title) == {"en", "ko"}
    assert re.search("[a-z]", title["en"])
    assert not re.search("[가-힣]", title["en"])
    assert re.search("[가-힣]", title["ko"])


def test_no_two_files_have_the_same_title() -> None:
    for language in ("en", "ko"):
        assert len({example(file).title[language] for file in FILES}) == len(FILES)


@every_point
def test_a_point_gives_each_argument_a_value(file: str, index: int) -> None:
    one = example(file)
    names = one.program.__code__.co_varnames[: one.program.__code__.co_argcount]
    assert tuple(one.points[index]) == names
    assert set(one.wrt) <= set(names)
    assert set(one.options) <= {"above", "expand", "lr", "level"}
    values = one.points[index].values()
    assert all(isinstance(value, float) or value.dtype == np.float64 for value in values)


# -- the formulas, by hand -------------------------------------------------------------------------------------------------

# Each function takes the arguments of the program and returns its value and the gradients, from the table's formulas.
Formula = Callable[..., tuple[Any, dict[str, Any]]]


def s(a: Any) -> Any:
    return 1 / (1 + np.exp(-a))


def shopping(apple: float, apple_count: float, orange: float, orange_count: float, tax: float) -> Any:
    fruit = apple * apple_count + orange * orange_count
    return fruit * tax, {
        "apple": tax * apple_count,
        "apple_count": tax * apple,
        "orange": tax * orange_count,
        "orange_count": tax * orange,
        "tax": fruit,
    }


def max_node(a: float, b: float) -> Any:
    tie = 0.5 * (a == b)
    return max(a, b), {"a": (a > b) + tie, "b": (a < b) + tie}


def product_graph(x: float, y: float, z: float, target: float) -> Any:
    df = -2 * (target - (x + y) * z)
    return (target - (x + y) * z) ** 2, {"x": df * z, "y": df * z, "z": df * (x + y)}


def hinge(w: Any, x: Any, y: float) -> Any:
    margin = (w[0] * x[0] ** 2 + w[1] * x[1] ** 2) * y
    return max(0.0, 1 - margin), {"w": -1.0 * (margin < 1) * x**2 * y}


def slope(theta: float, x: Any, y: Any) -> Any:
    return np.mean((y - theta * x) ** 2), {"theta": np.mean(-2 * x * (y - theta * x))}


def line(theta0: float, theta1: float, x: Any, y: Any) -> Any:
    error = y - (theta1 * x + theta0)
    return np.mean(error**2), {"theta0": np.mean(-2 * error), "theta1": np.mean(-2 * x * error)}


def plane(theta0: float, theta1: float, theta2: float, x1: Any, x2: Any, y: Any) -> Any:
    error = y - (theta2 * x2 + theta1 * x1 + theta0)
    slopes = {"theta0": -2 * error, "theta1": -2 * x1 * error, "theta2": -2 * x2 * error}
    return np.mean(error**2), {name: np.mean(value) for name, value in slopes.items()}


def rows(theta: Any, X: Any, y: Any) -> Any:
    total, gradient = 0.0, np.zeros(len(theta))
    for row, wanted in zip(X, y, strict=True):
        error = wanted - sum(row * theta)
        total += error**2 / len(y)
        gradient += -2 * error * row / len(y)
    return total, {"theta": gradient}


def mean_squared_error(a: float, b: float, x: Any, y: Any) -> Any:
    residuals = [yi - (a * xi + b) for xi, yi in zip(x, y, strict=True)]
    n = len(x)
    by_a = -2 / n * sum(xi * r for xi, r in zip(x, residuals, strict=True))
    return sum(r * r for r in residuals) / n, {"a": by_a, "b": -2 / n * sum(residuals)}


def network(
    w1: Any, w2: Any, w3: Any, w4: Any, w5: Any, w6: Any, w7: Any, w8: Any, x1: Any, x2: Any, t1: Any, t2: Any
) -> Any:
    h1, h2 = s(w1 * x1 + w2 * x2), s(w3 * x1 + w4 * x2)
    o1, o2 = s(w5 * h1 + w6 * h2), s(w7 * h1 + w8 * h2)
    d1, d2 = -(t1 - o1) * o1 * (1 - o1), -(t2 - o2) * o2 * (1 - o2)
    e1 = (d1 * w5 + d2 * w7) * h1 * (1 - h1)
    e2 = (d1 * w6 + d2 * w8) * h2 * (1 - h2)
    gradients = [e1 * x1, e1 * x2, e2 * x1, e2 * x2, d1 * h1, d1 * h2, d2 * h1, d2 * h2]
    value = 0.5 * (t1 - o1) ** 2 + 0.5 * (t2 - o2) ** 2
    return value, {f"w{n}": g for n, g in enumerate(gradients, start=1)}


def network_matrices(W1: Any, W2: Any, x: Any, t: Any) -> Any:
    value, scalars = network(*W1.ravel(), *W2.ravel(), *x, *t)
    first, second = list(scalars.values())[:4], list(scalars.values())[4:]
    return value, {"W1": np.reshape(first, (2, 2)), "W2": np.reshape(second, (2, 2))}


def linear_map(W: Any, x: Any) -> Any:
    q = W @ x
    return float(q @ q), {"W": 2 * np.outer(q, x), "x": 2 * W.T @ q}


def with_l2(W: Any, v: Any, x: Any, y: float, lam: float) -> Any:
    h = s(W @ x)
    g = 2 * (v @ h - y)
    value = (v @ h - y) ** 2 + lam * (np.linalg.norm(W) ** 2 + np.linalg.norm(v) ** 2)
    return value, {"W": np.outer(g * v * h * (1 - h), x) + 2 * lam * W, "v": g * h + 2 * lam * v}


def maxout(w1: float, b1: float, w2: float, b2: float, x: float) -> Any:
    first, second = w1 * x + b1, w2 * x + b2
    won = 1.0 * (first > second)
    return max(first, second), {"w1": won * x, "b1": won, "w2": (1 - won) * x, "b2": 1 - won, "x": w1 if won else w2}


def three_layers(W1: Any, b1: Any, W2: Any, b2: Any, W3: Any, b3: Any, X: Any, T: Any) -> Any:
    h1 = np.tanh(X @ W1 + b1)
    a2 = h1 @ W2 + b2
    h2 = a2 * (a2 > 0)
    e = np.exp(h2 @ W3 + b3)
    p = e / e.sum(axis=1, keepdims=True)
    d3 = (p - T) / len(X)
    d2 = d3 @ W3.T * (a2 > 0)
    d1 = d2 @ W2.T * (1 - h1**2)
    gradients = {"W1": X.T @ d1, "b1": d1.sum(0), "W2": h1.T @ d2, "b2": d2.sum(0), "W3": h2.T @ d3, "b3": d3.sum(0)}
    return -np.sum(T * np.log(p)) / len(X), gradients


FORMULAS: dict[str, Formula] = {
    "a1_shopping": shopping,
    "a2_square_of_a_sum": lambda x, y: ((x + y) ** 2, {"x": 2 * (x + y), "y": 2 * (x + y)}),
    "a3_add_node": lambda x, y: (x + y, {"x": 1.0, "y": 1.0}),
    "a4_multiply_node": lambda x, y: (x * y, {"x": y, "y": x}),
    "a5_max_node": max_node,
    "a6_sigmoid_node": lambda a: (s(a), {"a": s(a) * (1 - s(a))}),
    "a7_product_graph": product_graph,
    "a8_composition": lambda x: (1 / x**2, {"x": -1 / x**4 * 2 * x}),
    "a9_branching": lambda mid: (mid**2 + 3 * mid, {"mid": 2 * mid + 3}),
    "a10_memoisation": lambda v: (3 * v**6, {"v": 18 * v**5}),
    "a11_hinge_loss": hinge,
    "b1_slope_one_sample": slope,
    "b2_slope_two_samples": slope,
    "b3_slope_vectorised": slope,
    "b4_line_one_sample": line,
    "b5_line_two_samples": line,
    "b6_line_vectorised": line,
    "b7_plane_one_sample": plane,
    "b8_plane_two_samples": plane,
    "b9_plane_vectorised": rows,
    "b10_mean_squared_error": mean_squared_error,
    "b11_gradient_descent": rows,
    "c1_sigmoid_network": network,
    "c1_sigmoid_network_matrices": network_matrices,
    "c2_norm_of_a_linear_map": linear_map,
    "c3_network_with_l2": with_l2,
    "c4_sigmoid": lambda a: (s(a), {"a": s(a) * (1 - s(a))}),
    "c4_tanh": lambda a: (np.tanh(a), {"a": 1 / np.cosh(a) ** 2}),
    "c4_relu": lambda a: (max(a, 0.0), {"a": float(a > 0)}),
    "c4_leaky_relu": lambda a: (a if a > 0 else 0.1 * a, {"a": 1.0 if a > 0 else 0.1}),
    "c4_elu": lambda a: (a if a > 0 else np.exp(a) - 1, {"a": 1.0 if a > 0 else np.exp(a)}),
    "c4_maxout": maxout,
    "c5_three_layers": three_layers,
}


@every_point
def test_values_and_gradients_are_those_of_the_formulas(file: str, index: int) -> None:
    one = example(file)
    point = one.points[index]
    value, gradients = FORMULAS[file](**point)
    assert set(gradients) == set(one.wrt)
    found, slopes = cr.value_and_grad(one.program, one.wrt)(*point.values())
    assert np.allclose(found, value, rtol=1e-12, atol=0.0)
    for name, slope_of in zip(one.wrt, slopes, strict=True):
        assert np.shape(slope_of) == np.shape(point[name])
        assert np.allclose(slope_of, gradients[name], rtol=1e-11, atol=1e-14), name


def both(file: str, index: int = 0) -> tuple[float, dict[str, Any]]:
    """The value and the gradients that the engine finds, by name."""
    one: Example = example(file)
    value, slopes = cr.value_and_grad(one.program, one.wrt)(*one.points[index].values())
    return float(value), dict(zip(one.wrt, slopes, strict=True))


def test_the_numbers_that_the_table_gives() -> None:
    total, gradients = both("a1_shopping")
    assert total == pytest.approx(715)
    wanted = {"apple": 2.2, "apple_count": 110, "orange": 3.3, "orange_count": 165, "tax": 650}
    assert gradients == pytest.approx(wanted)
    assert both("a7_product_graph") == (4.0, {"x": 16.0, "y": 16.0, "z": -12.0})
    f, gradients = both("c2_norm_of_a_linear_map")
    assert f == pytest.approx(0.116)
    assert np.allclose(gradients["W"], [[0.088, 0.176], [0.104, 0.208]])
    assert np.allclose(gradients["x"], [-0.112, 0.636])


def names(file: str) -> dict[str, Any]:
    """The values of a program by the names that the graph gives them."""
    one = example(file)
    graph = cr.trace(one.program, *one.points[0].values())
    return {name: node.value for node, name in graph.names().items() if not name.startswith("%")}


@pytest.mark.parametrize(
    ("file", "wanted"),
    [
        ("a1_shopping", {"apples": 200, "oranges": 450, "fruit": 650, "total": 715}),
        ("a7_product_graph", {"q": 3, "f": -12}),
        ("a8_composition", {"mid": 4, "out": 0.25}),
        ("a9_branching", {"out1": 4, "out2": 6, "out": 10}),
        ("a10_memoisation", {"w": 4, "x": 16, "y": 12, "z": 192}),
        ("b1_slope_one_sample", {"z1": 1, "z2": 2, "L": 4}),
        ("b2_slope_two_samples", {"z1": [1, 2], "z2": [2, -1], "L": [4, 1], "J": 2.5}),
        ("b6_line_vectorised", {"z1": [1.5, 2, 3], "z2": [0.5, -1, 0], "L": [0.25, 1, 0]}),
        ("c1_sigmoid_network", dict.fromkeys(("z3", "z4", "h1", "h2", "o1", "o2", "E1", "E2", "E"), None)),
        ("c1_sigmoid_network", {"z1": 0.3 * 0.1 + 0.25 * 0.2, "z2": 0.4 * 0.1 + 0.35 * 0.2}),
        ("c2_norm_of_a_linear_map", {"q": [0.22, 0.26], "f": 0.116}),
    ],
)
def test_the_graph_has_the_names_of_the_table(file: str, wanted: dict[str, Any]) -> None:
    found = names(file)
    for name, value in wanted.items():
        assert value is None or np.allclose(found[name], value), name
        assert name in found


def test_the_hinge_is_shown_on_both_sides() -> None:
    one = example("a11_hinge_loss")
    assert [float(one.program(*point.values())) for point in one.points] == [1.5, 0.0]


def test_the_max_node_is_shown_with_each_winner_and_with_a_tie() -> None:
    signs = [np.sign(point["a"] - point["b"]) for point in example("a5_max_node").points]
    assert signs == [1, -1, 0]


def test_c1_with_matrices_is_the_network_in_scalars() -> None:
    scalars, matrices = both("c1_sigmoid_network"), both("c1_sigmoid_network_matrices")
    assert matrices[0] == pytest.approx(scalars[0])
    flat = [*np.ravel(matrices[1]["W1"]), *np.ravel(matrices[1]["W2"])]
    assert flat == pytest.approx(list(scalars[1].values()))


# -- training --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("run", trees.RUNS)
@pytest.mark.parametrize("model", ["LINE", "PLANE"])
def test_b11_reaches_least_squares(run: str, model: str) -> None:
    X = getattr(trees, model)
    best = np.linalg.lstsq(X, trees.VOLUME, rcond=None)[0]
    found = trees.descend(X, trees.VOLUME, **trees.RUNS[run])
    assert np.linalg.norm(found - best) <= 1e-3 * np.linalg.norm(best)


def test_b11_the_trees_are_those_of_the_handbook() -> None:
    # Volume = −57.99 + 4.708·girth + 0.339·height is the published regression of these data.
    X = np.stack([np.ones(31), trees.GIRTH, trees.HEIGHT], axis=1)
    assert np.allclose(np.linalg.lstsq(X, trees.VOLUME, rcond=None)[0], [-57.98766, 4.70816, 0.33925], atol=1e-5)


def test_c5_learns() -> None:
    untrained = [digits.POINT[name] for name in digits.WRT]
    assert digits.accuracy(untrained) < 0.3
    assert digits.accuracy(digits.train()) > 0.88


@pytest.mark.parametrize("file", ["a7_product_graph", "b11_gradient_descent"])
def test_a_file_can_be_imported_alone(file: str) -> None:
    program = f"import sys; sys.path.insert(0, {str(FOLDER)!r}); import {file}; print({file}.TITLE['en'])"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert result.stderr == ""
    assert result.stdout.strip() == example(file).title["en"]
