"""`graph.py`: nodes and graphs as data."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import GraphError
from chainrule.graph import FREED, INPUT, Graph, Node, sorted_nodes
from chainrule.primitive import primitives
from chainrule.shapes import ArrayType


def f(x: Any, y: Any) -> Any:
    q = x + y
    product = q * x
    return product - q


@pytest.fixture
def program() -> Graph:
    return cr.trace(f, 2.0, np.array([3.0, 4.0]))


def test_nodes_are_in_the_order_of_the_program(program: Graph) -> None:
    assert [node.primitive.name for node in program] == ["input", "input", "add", "multiply", "subtract"]
    assert len(program) == 5
    assert list(program) == list(program.nodes)
    orders = [node.order for node in program]
    assert orders == sorted(orders)


def test_a_node_knows_what_it_read_and_made(program: Graph) -> None:
    x, y, q, product, last = program
    assert q.inputs == (x, y)
    assert product.inputs == (q, x)
    assert last.inputs == (product, q)
    assert [np.array_equal(a, b) for a, b in zip(product.arguments, (q.value, x.value), strict=True)] == [True, True]
    assert np.array_equal(last.value, [2 * 5 - 5, 2 * 6 - 6])
    assert q.type == ArrayType((2,), np.dtype(float))
    assert (q.name, product.name, last.name) == ("q", "product", None)
    assert q.parameters == {}


def test_constants_have_no_node() -> None:
    program = cr.trace(lambda x: x * 2.0 + np.ones(3), 1.0)
    _, product, total = program
    assert product.inputs == (program.inputs[0], None)
    assert product.arguments[1] == 2.0
    assert np.array_equal(total.arguments[1], np.ones(3))


def test_several_results_have_several_types() -> None:
    program = cr.trace(lambda x: np.modf(x)[0], np.ones(2))
    whole = next(node for node in program if node.primitive.outputs > 1)
    assert whole.type == (ArrayType((2,), np.dtype(float)),) * 2
    assert "(float64[2], float64[2])" in str(program)


def test_users(program: Graph) -> None:
    x, y, q, product, last = program
    assert program.users() == {
        x: [(q, 0), (product, 1)],
        y: [(q, 1)],
        q: [(product, 0), (last, 1)],
        product: [(last, 0)],
        last: [],
    }


def test_only_what_the_outputs_need_is_in_the_graph() -> None:
    def g(x: Any) -> Any:
        unused = x * 7.0
        assert unused is not None
        return x + 1.0

    assert [node.primitive.name for node in cr.trace(g, 1.0)] == ["input", "add"]


def test_inputs_that_are_not_used_stay_inputs() -> None:
    program = cr.trace(lambda x, y: y * 2.0, 1.0, 2.0)
    assert [node.name for node in program.inputs] == ["x", "y"]
    assert program.users()[program.inputs[0]] == []


def test_names_are_distinct() -> None:
    def g(x: Any) -> Any:
        for _ in range(3):
            x = x * x
        return x + x + x

    program = cr.trace(g, 1.0)
    assert list(program.names().values()) == ["x", "x'", "x'2", "x'3", "%1", "%2"]
    assert len(set(program.names().values())) == len(program)


def test_text(program: Graph) -> None:
    assert (
        str(program)
        == program.text()
        == (
            "inputs  x: float64[], y: float64[2]\n"
            "q: float64[2] = x + y\n"
            "product: float64[2] = q * x\n"
            "%1: float64[2] = product - q\n"
            "outputs %1"
        )
    )


def test_graphs_of_constants_and_of_inputs() -> None:
    assert [node.primitive.name for node in cr.trace(lambda x: x, 1.0)] == ["input"]
    constant = cr.trace(lambda x: 3.0, 1.0)
    assert constant.outputs[0].value == 3.0
    assert cr.trace(lambda x: (x, {"a": x * x}), 2.0).outputs[1].value == 4.0


def test_graphs_do_not_change(program: Graph) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        program.nodes = ()  # pyright: ignore[reportAttributeAccessIssue] the subject
    with pytest.raises(AttributeError):
        program.nodes[0].colour = "red"  # pyright: ignore[reportAttributeAccessIssue] the subject


def test_sorting_needs_no_recursion() -> None:
    node = Node.of(INPUT, (), (), {"name": "x"}, np.float64(1.0))
    first = node
    for _ in range(50_000):
        node = Node.of(primitives["negative"], (node,), (np.float64(1.0),), {}, np.float64(-1.0))
    found = sorted_nodes(node)
    assert len(found) == 50_001
    assert (found[0], found[-1]) == (first, node)


def test_sorting_several_roots_visits_each_node_once(program: Graph) -> None:
    assert sorted_nodes(*program.nodes, program.nodes[-1]) == list(program.nodes)
    assert sorted_nodes() == []


def test_freed_nodes_let_go_and_inputs_stay(program: Graph) -> None:
    x, _, q, _, _ = program
    q.free()
    x.free()
    assert (q.primitive, q.inputs, q.arguments, q.parameters) == (FREED, (), (), {})
    assert q.name == "q"
    assert x.primitive is INPUT


def test_nodes_cannot_be_pickled_or_copied(program: Graph) -> None:
    for action in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError) as caught:
            action(program.nodes[2])
        assert (
            str(caught.value)
            == "A node of a graph cannot be pickled or copied: it belongs to the program that was traced."
        )


def test_nodes_show_themselves(program: Graph) -> None:
    assert repr(program.nodes[2]) == "<node q = add float64[2]>"
    assert repr(program.nodes[4]) == f"<node #{program.nodes[4].order} = subtract float64[2]>"


def test_inputs_and_freed_nodes_do_not_run() -> None:
    for primitive in (INPUT, FREED):
        with pytest.raises(TypeError, match="the driver handles input"):
            primitive.execute()


def test_a_graph_is_checked_when_it_is_made(program: Graph) -> None:
    x, _, q, _, _ = program
    with pytest.raises(GraphError, match="is read but is no input of the graph"):
        Graph((x,), (q,), tuple(sorted_nodes(q)))
