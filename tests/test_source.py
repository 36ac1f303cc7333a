"""`source.py`: the variable and the line of each node, in whatever form the user's code comes."""

from __future__ import annotations

import dis
import inspect
import sys
import textwrap
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.bytecode import Target, called_path, target, written_path
from chainrule.graph import INPUT, Node
from chainrule.naming import Recording
from chainrule.source import Place, is_ours, user_frame


def computed(program: cr.Graph) -> list[Node]:
    return [node for node in program if node.primitive is not INPUT]


def names(f: Any, *args: Any) -> list[str | None]:
    """The names of what f computes, in order."""
    return [node.name for node in computed(cr.trace(f, *args))]


def lines(f: Any, *args: Any) -> list[int]:
    """The lines of what f computes, counted from the line of its `def`."""
    start = inspect.getsourcelines(f)[1]
    return [(node.line or 0) - start for node in computed(cr.trace(f, *args))]


# -- names -----------------------------------------------------------------------------------------------------------------


def test_assigned_variables() -> None:
    def f(x: Any, y: Any) -> Any:
        q = x + y
        product = q * x
        return product - y

    assert names(f, 2.0, 3.0) == ["q", "product", None]
    assert lines(f, 2.0, 3.0) == [1, 2, 3]
    assert [node.name for node in cr.trace(f, 2.0, 3.0).inputs] == ["x", "y"]


def test_only_the_last_operation_of_a_line_has_its_name() -> None:
    def f(x: Any) -> Any:
        y = (x + 1.0) * (x - 2.0) / x
        return -y

    assert names(f, 2.0) == [None, None, None, "y", None]
    assert lines(f, 2.0) == [1, 1, 1, 1, 2]


def test_functions_of_numpy_and_methods() -> None:
    def f(x: Any) -> Any:
        total = np.sum(x * x)
        second = x.sum()
        third = x.reshape(-1)[0]
        return total + second + third

    found = names(f, np.ones((2, 2)))
    assert found[1] == "total"
    assert found[2] == "second"
    assert found[4] == "third"
    assert lines(f, np.ones((2, 2)))[:3] == [1, 1, 2]


def test_an_expression_over_several_lines_keeps_the_line_of_each_part() -> None:
    space: dict[str, Any] = {"np": np}
    exec("def f(x):\n    return (\n        x * 2.0\n        + np.sum(\n            x * x,\n        )\n    )", space)
    found = [(node.primitive.name, node.line) for node in computed(cr.trace(space["f"], 3.0))]
    assert found == [("multiply", 3), ("multiply", 5), ("sum", 4), ("add", 3)]


def test_lambdas_have_lines_and_no_names() -> None:
    f = lambda x: x * 2.0 + 1.0  # noqa: E731 the subject
    assert names(f, 1.0) == [None, None]
    assert all(node.line == f.__code__.co_firstlineno for node in computed(cr.trace(f, 1.0)))


def test_loops_repeat_the_name_and_the_graph_keeps_them_apart() -> None:
    def f(x: Any) -> Any:
        state = x
        for _ in range(3):
            state = state * 2.0
        return state

    assert names(f, 1.0) == ["state", "state", "state"]
    assert [line.split(":")[0] for line in str(cr.trace(f, 1.0)).splitlines()[1:-1]] == ["state", "state'", "state'2"]


def test_calls_that_python_has_specialised() -> None:
    def f(x: Any) -> Any:
        for _ in range(100):
            size = abs(x)
            rounded = round(x, 3)
            total = np.sum(size)
        return size + rounded + total

    found = {node.primitive.name: node.name for node in computed(cr.trace(f, -2.0))}
    assert found == {"absolute": "size", "round": "rounded", "sum": "total", "add": None}


def test_comprehensions() -> None:
    def f(x: Any) -> Any:
        parts = [x * float(i) for i in range(2)]
        total = sum(part * part for part in parts)
        return total

    program = cr.trace(f, 1.0)
    # the generator and the additions of `sum` take turns, and the additions are what `total` is made by
    assert [node.name for node in computed(program)] == [None, None, None, "total", None, "total"]
    start = inspect.getsourcelines(f)[1]
    assert [(node.line or 0) - start for node in computed(program)] == [1, 1, 2, 2, 2, 2]


class Layer:
    def __init__(self, weight: Any) -> None:
        self.weight = weight
        self.output: Any = None

    def __call__(self, x: Any) -> Any:
        self.output = self.weight * x
        return self.output

    def scaled(self, x: Any) -> Any:
        hidden = self.weight + x
        return hidden

    @staticmethod
    def twice(x: Any) -> Any:
        doubled = x * 2.0
        return doubled


def test_methods_and_attribute_targets() -> None:
    def f(w: Any) -> Any:
        layer = Layer(w)
        second = SimpleNamespace()
        second.bias = w - 1.0
        return layer(w) + layer.scaled(w) + second.bias + Layer.twice(w)

    found = names(f, 2.0)
    assert found[:3] == ["bias", "output", "hidden"]
    assert "doubled" in found
    places = {node.name: node.place for node in computed(cr.trace(f, 2.0))}
    assert places["output"].function == "__call__"
    assert places["output"].text == "self.output = self.weight * x"
    assert places["hidden"].function == "scaled"


def test_nested_calls_and_closures() -> None:
    def inner(a: Any) -> Any:
        b = a * a
        return b

    def f(x: Any) -> Any:
        y = inner(inner(x))
        return y + x

    program = cr.trace(f, 2.0)
    assert [node.name for node in computed(program)] == ["b", "b", None]
    assert [node.place.function for node in computed(program)] == ["inner", "inner", "f"]


def test_global_and_nonlocal_targets() -> None:
    space: dict[str, Any] = {}
    exec(compile("def f(x):\n    global kept\n    kept = x * x\n    return kept + x\n", "<cell 3>", "exec"), space)
    assert names(space["f"], 2.0) == ["kept", None]

    outer = None

    def g(x: Any) -> Any:
        nonlocal outer
        outer = x * 3.0
        return outer + x

    assert names(g, 2.0) == ["outer", None]
    assert outer is not None


def test_a_target_in_brackets_is_named_by_its_key() -> None:
    def f(x: Any) -> Any:
        table: dict[Any, Any] = {}
        key = "c"
        table["a"] = x * 2.0
        table["not a name"] = table["a"] * 2.0
        table[0] = table["a"] * 3.0
        table[key] = table["a"] * 4.0
        return table["a"] + x

    assert names(f, 1.0) == ["a", None]
    assert names(lambda x: f(x), 1.0) == ["a", None]


def test_what_is_not_stored_has_no_name() -> None:
    def f(x: Any) -> Any:
        pair = (x * 2.0, x)
        text = f"{x * 7.0}"
        return pair[0] if text else x * 9.0

    assert names(f, 1.0) == [None]

    def g(x: Any) -> Any:
        other = x
        both = (x * 8.0) + (inner := other)
        return both + inner

    assert names(g, 1.0) == [None, "both", None]


def test_several_targets_take_the_first() -> None:
    def f(x: Any) -> Any:
        first = second = x * x
        return first + second

    assert names(f, 2.0) == ["first", None]


def test_results_that_are_unpacked() -> None:
    def f(x: Any) -> Any:
        left, right = np.split(x * 2.0, 2)
        return np.sum(left * right)

    program = cr.trace(f, np.ones(4))
    assert program.outputs[0].value == 8.0


def test_augmented_assignments() -> None:
    def f(x: Any) -> Any:
        y = x * 1.0
        y += x
        y *= 3.0
        return y

    assert names(f, 2.0) == ["y", "y", "y"]


def test_walrus_and_conditional_expression() -> None:
    def f(x: Any) -> Any:
        if (square := x * x) > 1.0:
            return square + 1.0
        return square

    program = cr.trace(f, 2.0)
    assert [node.primitive.name for node in computed(program)][-1] == "add"
    assert [(node.line or 0) - inspect.getsourcelines(f)[1] for node in computed(program)][-1] == 2


# -- code without a file ---------------------------------------------------------------------------------------------------


def test_code_that_was_executed_like_in_a_console() -> None:
    space: dict[str, Any] = {"np": np, "cr": cr}
    exec(compile("x = cr.variable(np.array([1.0, 2.0]))", "<stdin>", "single"), space)
    exec(compile("y = np.sum(x * x)", "<stdin>", "single"), space)
    assert space["x"].name == "x"
    assert space["y"].name == "y"
    place = space["y"].node.place
    assert (place.file, place.line, place.text) == ("<stdin>", 1, "")
    assert str(place) == "<stdin>, line 1"


def test_a_function_of_executed_code() -> None:
    source = textwrap.dedent("""
        def f(x):
            a = x * x

            b = a + 1.0
            return b
        """)
    space: dict[str, Any] = {}
    exec(compile(source, "<cell 1>", "exec"), space)
    program = cr.trace(space["f"], 2.0)
    assert [(node.name, node.line) for node in computed(program)] == [("a", 3), ("b", 5)]


# -- the backward pass -------------------------------------------------------------------------------------------------------


def test_nodes_of_a_backward_pass_point_to_the_line_they_are_derived_from() -> None:
    def loss(x: Any) -> Any:
        y = x * x
        z = y * x
        return z

    start = inspect.getsourcelines(loss)[1]
    program = cr.trace(cr.grad(loss), 3.0)
    derived = [node for node in computed(program) if node.place.derived]
    forward = [node for node in computed(program) if not node.place.derived]
    assert [node.name for node in forward] == ["y", "z"] or [node.name for node in forward] == ["y"]
    assert derived
    assert all(node.name is None for node in derived)
    assert all(1 <= (node.line or 0) - start <= 2 for node in derived)
    assert all(node.place.function == "loss" for node in derived)


def test_second_derivatives_point_there_too() -> None:
    def loss(x: Any) -> Any:
        return x * x * x

    program = cr.trace(cr.grad(cr.grad(loss)), 3.0)
    assert {node.place.function for node in computed(program)} == {"loss"}


# -- places --------------------------------------------------------------------------------------------------------------------


def test_a_place_in_full() -> None:
    def f(x: Any) -> Any:
        y = x + 1
        return y

    offset = next(i.offset for i in dis.get_instructions(f) if i.opname == "BINARY_OP")
    place = Place(f.__code__, offset)
    line = f.__code__.co_firstlineno + 1
    assert (place.file, place.line, place.function, place.name, place.text) == (__file__, line, "f", "y", "y = x + 1")
    assert not place.derived
    assert str(place) == f"{__file__}, line {line}: y = x + 1"
    mirrored = Place(f.__code__, ~offset)
    assert mirrored.derived
    assert (mirrored.line, mirrored.name) == (line, None)


def test_nowhere() -> None:
    nowhere = Place(None, 0)
    assert (nowhere.file, nowhere.line, nowhere.function, nowhere.name, nowhere.text) == (None, None, None, None, "")
    assert str(nowhere) == "unknown place"


def test_whose_files_are_whose() -> None:
    assert is_ours(cr.__file__)
    assert is_ours(np.__file__)
    assert not is_ours(__file__)
    assert not is_ours("<stdin>")
    assert user_frame(1).f_code.co_filename == __file__


@pytest.mark.parametrize("verb", ["np.add", "operator", "method", "reduce"])
def test_every_way_of_calling_finds_the_users_line(verb: str) -> None:
    def f(x: Any) -> Any:
        if verb == "np.add":
            y = np.add(x, x)
        elif verb == "operator":
            y = x + x
        elif verb == "method":
            y = x.sum()
        else:
            y = np.add.reduce(x)
        return np.sum(y * 1.0)

    first = computed(cr.trace(f, np.ones(3)))[0]
    assert first.name == "y"
    assert first.place.file == __file__
    assert first.place.text.startswith("y = ")


def test_a_callback_of_numpy_finds_the_users_line() -> None:
    def inner(row: Any) -> Any:
        squared = row * row
        return squared

    def f(x: Any) -> Any:
        return sum(map(inner, x))

    found = computed(cr.trace(f, np.ones((2, 3))))
    assert [node.name for node in found if node.primitive.name == "multiply"] == ["squared", "squared"]
    assert sys.version_info >= (3, 11)


# -- where the bytecode says a value goes ---------------------------------------------------------------------------------


def test_tuple_assignments_follow_each_value_to_its_target() -> None:
    def f(x: Any, w: Any) -> Any:
        a, b = x * w, x + w
        p, q, r, s = a * b, a + b, a - b, a / b
        (m, n), k = (p * q, p + q), r - s
        u, v = m * n, (k if a else b)
        return u + v

    expected = ["a", "b", "p", "q", "r", "s", "m", "n", "k", "u", None]
    assert names(f, 1.0, 2.0) == expected


def test_conditional_expressions_walrus_and_annotations() -> None:
    def f(x: Any, flag: bool) -> Any:
        a = x * 2.0 if flag else x * 3.0
        b = (t := x + a) * a
        c: Any = t * b
        either = x * c or a
        return either + c

    assert names(f, 1.0, True) == ["a", "t", "b", "c", None, None]
    assert names(f, 1.0, False) == ["a", "t", "b", "c", None, None]


def test_augmented_targets_with_an_owner() -> None:
    def f(x: Any) -> Any:
        d = {"W1": x * 1.0}
        space = SimpleNamespace(h=x * 1.0)
        d["W1"] -= x
        space.h += x
        inner = SimpleNamespace(space=space)
        inner.space.g = x * 4.0
        return d["W1"] + space.h + space.g

    assert names(f, 1.0)[2:5] == ["W1", "h", "g"]


def test_what_becomes_part_of_something_has_no_name() -> None:
    def f(x: Any) -> Any:
        pair = (x * 2.0, x * 3.0)
        items = [x * 4.0]
        table = {"a": x * 5.0}
        text = f"{x * 6.0}"
        inside = x in [x * 8.0]
        first, *rest = x * 9.0, x, x
        return pair[0] + items[0] + table["a"] + first + rest[0] + len(text) * inside

    found = [node.name for node in Recorder.all_nodes(f, 1.0)]
    assert not {"pair", "items", "table", "text", "inside", "rest"} & set(found)


class Recorder:
    """Every node that a program makes, also those that its result does not need."""

    @staticmethod
    def all_nodes(f: Any, *args: Any) -> list[Node]:
        with Recording() as seen:
            cr.trace(f, *args)
        return list(seen.results)


@pytest.mark.parametrize(
    ("line", "path"),
    [("a[0] = 1", ("a",)), ("self.b.c[i] = 1", ("self", "b", "c")), ("a[i:2] = 1", ("a",)), ("f(a)[0] = 1", None)],
)
def test_into_what_an_item_assignment_writes(line: str, path: Any) -> None:
    code = compile(f"def f(a, self, i, f):\n    {line}\n", "<cell>", "exec").co_consts[0]
    stores = [i for i in dis.get_instructions(code) if i.opname in ("STORE_SUBSCR", "STORE_SLICE")]
    assert [written_path(code, i.offset) for i in stores] == [path]


@pytest.mark.parametrize(
    ("line", "path"),
    [
        ("np.exp(x)", ("np", "exp")),
        ("x.sort(axis=0)", ("x", "sort")),
        ("g(x, x + 1, k=x)", ("g",)),
        ("(g or x)(1)", None),
        ("g(*x)", None),
    ],
)
def test_what_a_call_calls(line: str, path: Any) -> None:
    code = compile(f"def f(x, g):\n    return {line}\n", "<cell>", "exec").co_consts[0]
    calls = [i for i in dis.get_instructions(code) if i.opname in ("CALL", "CALL_KW", "CALL_FUNCTION_EX")]
    assert called_path(code, calls[-1].offset) == path


def test_the_parts_of_a_result() -> None:
    source = "def f(g):\n    a, *b, c = g()\n    d = g()[1]\n    e = g()\n"
    code = compile(source, "<cell>", "exec").co_consts[0]
    calls = [i.offset for i in dis.get_instructions(code) if i.opname == "CALL"]
    found = [[target(code, offset, item, 3) for item in range(3)] for offset in calls]
    assert found == [
        [Target("a"), None, Target("c")],
        [None, Target("d"), None],
        [Target("e", whole=True)] * 3,
    ]


def test_long_code_is_read_in_time_linear_in_its_length() -> None:
    rows = "\n".join(f"    y = ({', '.join(['x * 2.0'] * 50)})" for _ in range(40))
    space: dict[str, Any] = {}
    exec(compile(f"def f(x):\n{rows}\n    return x * 1.0\n", "<cell>", "exec"), space)
    nodes = Recorder.all_nodes(space["f"], 1.0)
    assert len(nodes) == 2001
    assert all(node.name is None for node in nodes)
