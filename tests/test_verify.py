"""`verify.py`: each rule of a well-formed graph finds the graph that breaks it, and says which node and why."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import GraphError
from chainrule.graph import COMPONENT, INPUT, Graph, Node, sorted_nodes
from chainrule.primitive import primitives
from chainrule.verify import declared_type, verify


def given(value: Any) -> Node:
    return Node.of(INPUT, (), (), {"name": "x"}, np.asarray(value, float))


def complaint(node: Node, *inputs: Node) -> str:
    with pytest.raises(GraphError) as caught:
        Graph.of(inputs, (node,))
    return str(caught.value)


def test_well_formed_graphs_pass() -> None:
    cr.trace(lambda x, y: np.sum(x @ y, axis=0), np.ones((2, 3)), np.ones((3, 4))).verify()
    cr.trace(lambda x: np.modf(x)[0] * x[1:2], np.ones(3)).verify()
    cr.trace(cr.grad(lambda x: np.sum(x * x)), np.ones(3)).verify()


def test_a_missing_argument() -> None:
    x = given([1.0, 2.0])
    node = Node.of(primitives["negative"], (x,), (), {}, -x.value)
    assert (
        complaint(node, x)
        == f"The graph is not well-formed: node #{node.order} (negative, unknown place) has 1 inputs but 0 arguments."
    )


def test_a_node_that_reads_a_later_one() -> None:
    x = given([1.0, 2.0])
    early = Node.of(primitives["negative"], (x,), (x.value,), {}, -x.value)
    late = Node.of(primitives["negative"], (x,), (x.value,), {}, -x.value)
    early.inputs = (late,)
    with pytest.raises(GraphError) as caught:
        verify((x,), (early,), (x, early, late), INPUT)
    assert str(caught.value) == (
        f"The graph is not well-formed: node #{early.order} (negative, unknown place) reads node #{late.order}, which comes after it."
    )


def test_an_argument_of_another_type_than_was_made() -> None:
    x = given([1.0, 2.0])
    node = Node.of(primitives["negative"], (x,), (np.ones(3),), {}, -np.ones(3))
    assert "reads float64[3] as argument 0, where float64[2] was made" in complaint(node, x)
    node = Node.of(primitives["negative"], (x,), (np.ones(2, np.float32),), {}, -np.ones(2, np.float32))
    assert "reads float32[2] as argument 0, where float64[2] was made" in complaint(node, x)


def test_a_result_of_another_type_than_the_shape_rule_gives() -> None:
    x = given([1.0, 2.0])
    node = Node.of(primitives["negative"], (x,), (x.value,), {}, np.ones(3))
    assert "has the type float64[3], where its shape rule gives float64[2]" in complaint(node, x)
    node = Node.of(primitives["sum"], (x,), (x.value,), {"axis": (0,), "keepdims": False}, np.ones(1))
    assert "has the type float64[1], where its shape rule gives float64[]" in complaint(node, x)


def test_an_output_that_is_not_there() -> None:
    x = given([1.0])
    node = Node.of(primitives["negative"], (x,), (x.value,), {}, -x.value)
    with pytest.raises(GraphError) as caught:
        verify((x,), (node,), (x,), INPUT)
    assert str(caught.value) == (
        f"The graph is not well-formed: <node #{node.order} = negative float64[1]> is an input or output but not among its nodes."
    )


def test_an_input_that_is_not_declared() -> None:
    x, y = given([1.0]), given([2.0])
    node = Node.of(primitives["add"], (x, y), (x.value, y.value), {}, x.value + y.value)
    with pytest.raises(GraphError) as caught:
        verify((x,), (node,), sorted_nodes(node), INPUT)
    assert (
        str(caught.value)
        == "The graph is not well-formed: <node x = input float64[1]> is read but is no input of the graph."
    )


def test_declared_types() -> None:
    x = given(np.ones((2, 3)))
    assert declared_type(x) is None
    node = Node.of(primitives["sum"], (x,), (x.value,), {"axis": (0,), "keepdims": True}, np.ones((1, 3)))
    assert str(declared_type(node)) == "float64[1,3]"
    pair = (np.ones(2), np.ones(3, np.float32))
    component = Node.of(COMPONENT, (None,), (pair,), {"index": 1}, pair[1])
    assert str(declared_type(component)) == "float32[3]"


def test_a_step_function_with_a_derivative_rule() -> None:
    x = given(np.array([1.5]))
    node = Node.of(primitives["astype"], (x,), (x.value,), {"dtype": np.dtype(int)}, x.value.astype(int))
    with pytest.raises(
        GraphError, match=r"makes int64\[1\] of floating numbers, a step function, and has a derivative rule"
    ):
        verify((x,), (node,), (x, node), INPUT)
