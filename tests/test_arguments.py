"""`arguments.py`: which arguments are differentiated, what they are called, and whose memory gradients are."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.arguments import argument_name, differentiable, function_name, hand_over, locate, parameter_names
from chainrule.boundary import lift, next_level
from chainrule.errors import ArgumentError, GraphError
from chainrule.traced import Traced


def f(x: Any, y: Any = 1.0, *rest: Any, scale: Any = 1.0, **others: Any) -> Any:
    return x


def test_names_of_parameters() -> None:
    assert parameter_names(f) == ("x", "y")
    assert parameter_names(lambda a, /, b: a) == ("a", "b")
    assert parameter_names(functools.partial(f, 1.0)) == ("y",)
    assert parameter_names(np.sin)[:1] in ((), ("x",))  # since NumPy 2.4 ufuncs have a signature
    assert parameter_names(max) == ()


def test_names_of_functions() -> None:
    assert function_name(f) == "f"
    assert function_name(functools.partial(f)) == "partial"
    assert function_name(np.sin) == "sin"


@pytest.mark.parametrize(
    ("wrt", "args", "kwargs", "places"),
    [
        (0, (1.0,), {}, [0]),
        (-1, (1.0, 2.0), {}, [1]),
        ("y", (1.0, 2.0), {}, [1]),
        ("y", (1.0,), {"y": 2.0}, ["y"]),
        (1, (1.0,), {"y": 2.0}, ["y"]),
        ("scale", (1.0,), {"scale": 2.0}, ["scale"]),
        ((0, "scale"), (1.0,), {"scale": 2.0}, [0, "scale"]),
        (3, (1.0, 2.0, 3.0, 4.0), {}, [3]),
        (np.int64(1), (1.0, 2.0), {}, [1]),
    ],
)
def test_places(wrt: Any, args: tuple[Any, ...], kwargs: dict[str, Any], places: list[Any]) -> None:
    assert locate("grad", f, wrt, parameter_names(f), args, kwargs) == places


@pytest.mark.parametrize("wrt", [2, -3, "z", "scale", True, 1.0, None, (0, 5), ("y", None)])
def test_places_that_do_not_exist(wrt: Any) -> None:
    with pytest.raises(ArgumentError, match=r"grad: wrt"):
        locate("grad", f, wrt, parameter_names(f), (1.0, 2.0), {})


def test_names_of_arguments() -> None:
    assert argument_name(("x", "y"), 1) == "y"
    assert argument_name(("x",), 3) == "argument 3"
    assert argument_name(("x",), "scale") == "scale"


@pytest.mark.parametrize(
    "value",
    [
        2.0,
        1j,
        np.float32(1.0),
        np.float16(1.0),
        np.ones(3),
        np.ones((0, 2)),
        np.ones(2, complex),
        np.array(1.0),
        np.longdouble(1.0),
    ],
    ids=repr,
)
def test_what_can_be_differentiated(value: Any) -> None:
    found = differentiable("grad", "x", value)
    assert found.dtype == np.asarray(value).dtype
    assert np.array_equal(found, value)


@pytest.mark.parametrize(
    "value",
    [
        1,
        True,
        np.int8(1),
        np.arange(3),
        np.array([True]),
        "a",
        b"a",
        None,
        object,
        np.array(["a"]),
        np.array([None]),
        {1.0, 2.0},
    ],
    ids=repr,
)
def test_what_cannot(value: Any) -> None:
    with pytest.raises(ArgumentError, match="grad cannot differentiate with respect to p"):
        differentiable("grad", "p", value)


def test_subclasses_of_arrays() -> None:
    class Labelled(np.ndarray):
        pass

    labelled = np.ones(3).view(Labelled)
    assert type(differentiable("grad", "x", labelled)) is np.ndarray
    gradient = cr.grad(lambda x: np.sum(x * x))(labelled)
    assert np.array_equal(gradient, [2.0, 2.0, 2.0])
    for refused in (np.ma.array([1.0]), np.ones((1, 1)).view(np.matrix)):
        with pytest.raises(ArgumentError):
            differentiable("grad", "x", refused)


def test_memory_mapped_and_read_only_and_foreign_byte_order(tmp_path: Any) -> None:
    mapped = np.memmap(tmp_path / "a.bin", dtype=np.float64, mode="w+", shape=(3,))
    mapped[:] = [1.0, 2.0, 3.0]
    assert np.array_equal(cr.grad(lambda x: np.sum(x * x))(mapped), [2.0, 4.0, 6.0])
    fixed = np.array([1.0, 2.0])
    fixed.flags.writeable = False
    gradient = cr.grad(lambda x: np.sum(x * x))(fixed)
    assert gradient.flags.writeable
    swapped = np.array([1.0, 2.0]).astype(">f8")
    assert np.array_equal(cr.grad(lambda x: np.sum(x * x))(swapped), [2.0, 4.0])


def test_leaves_are_named_by_their_path() -> None:
    graph = cr.trace(lambda p, q: p["layers"][0]["W"] * p["b"] * q[1], {"layers": [{"W": 1.0}], "b": 2.0}, (3.0, 4.0))
    assert [node.name for node in graph.inputs] == ["p['layers'][0]['W']", "p['b']", "q[0]", "q[1]"] or [
        node.name for node in graph.inputs
    ] == ["W", "b", "q[0]", "q[1]"]


# -- arrays are locked while their numbers are needed ----------------------------------------------------------------------


def test_the_callers_arrays_are_writeable_again_afterwards() -> None:
    a, b = np.ones(2), np.ones(2)
    cr.grad(lambda p: np.sum(p["a"] * p["b"]))({"a": a, "b": b})
    cr.jacobian(lambda x: x * x)(a)
    cr.hessian(lambda x: np.sum(x * x))(a)
    cr.jvp(lambda x: x * x, (a,), (b,))
    cr.trace(lambda x: x * x, a)
    cr.elementwise_grad(lambda x: x * x)(a)
    for failing in (lambda x: 1 / 0, lambda x: x, lambda x: None):
        with pytest.raises((ZeroDivisionError, TypeError)):
            cr.grad(failing)(a)
    assert a.flags.writeable
    assert b.flags.writeable
    a[0] = 5.0


def test_a_write_into_the_callers_array_is_refused_by_name() -> None:
    a = np.ones(2)

    def overwrites(x: Any) -> Any:
        a[0] = 7.0
        return np.sum(x)

    for verb in (cr.grad, cr.value_and_grad, cr.jacobian, cr.elementwise_grad):
        with pytest.raises(GraphError, match="overwrites writes into an array that"):
            verb(overwrites)(a)
    assert np.array_equal(a, [1.0, 1.0])


def test_errors_of_the_user_about_read_only_arrays_of_their_own_say_what_they_said() -> None:
    fixed = np.ones(2)
    fixed.flags.writeable = False

    def f(x: Any) -> Any:
        fixed[0] = 1.0
        return x

    with pytest.raises(ValueError, match=r"^assignment destination is read-only$"):
        cr.grad(f)(2.0)


# -- whose memory gradients are --------------------------------------------------------------------------------------------


def handed(value: Any, original: Any, *taken: Any) -> Any:
    return hand_over([value], [lift(original, "x", next_level()).node], taken)[0]


def test_gradients_are_handed_over() -> None:
    x = np.ones((2, 3))
    assert np.array_equal(handed(None, x), np.zeros((2, 3)))
    assert type(handed(None, np.float64(1.0))) is np.float64
    own = np.ones((2, 3))
    assert handed(own, x) is own
    assert handed(own, x, own) is not own
    view = np.ones((3, 2)).T
    assert handed(view, x).base is None
    assert handed(np.broadcast_to(1.0, (2, 3)), x).flags.writeable
    assert isinstance(handed(np.float64(2.0), np.array(1.0)), np.ndarray)
    assert not isinstance(handed(np.array(2.0), np.float64(1.0)), np.ndarray)
    shared = np.ones((2, 3))
    nodes = [lift(x, name, next_level()).node for name in "ab"]
    first, second = hand_over([shared, shared], nodes)
    assert not np.shares_memory(first, second)


def test_traced_gradients_stay_traced() -> None:
    value = cr.variable(1.0)
    assert handed(value, np.float64(2.0)) is value
    assert isinstance(value, Traced)
