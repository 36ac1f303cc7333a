"""`scan.py`: loops with a state, what they return, and what they say when something does not fit."""

from __future__ import annotations

import doctest
import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import ArgumentError, OutputError, TracedValueError
from chainrule.graph import INPUT
from chainrule.scan_rules import SCAN


def scan_nodes(f: Any, *args: Any) -> int:
    return sum(node.primitive is SCAN for node in cr.trace(f, *args))


# -- plain values ------------------------------------------------------------------------------------------------------


def test_a_plain_loop() -> None:
    total, partial = cr.scan(lambda total, x: (total + x, total), 0.0, np.array([1.0, 2.0, 3.0]))
    assert total == 6.0
    assert type(total) is np.float64
    assert np.array_equal(partial, [0.0, 1.0, 3.0])


def test_the_results_of_a_plain_loop_are_those_of_a_traced_one() -> None:
    def run(start: Any) -> Any:
        return cr.scan(lambda h, x: (np.tanh(h + x), {"h": h, "big": h > 0.5}), start, np.linspace(-1, 1, 7))

    plain, rows = run(np.zeros(2))
    (traced, traced_rows), _ = cr.vjp(run, np.zeros(2))
    assert np.array_equal(plain, traced)
    assert rows.keys() == traced_rows.keys()
    for key, column in rows.items():
        assert np.array_equal(column, traced_rows[key])
        assert column.dtype == traced_rows[key].dtype


class Pair(NamedTuple):
    position: Any
    speed: Any


def test_containers_come_back_as_the_step_returned_them() -> None:
    def step(state: Any, x: Any) -> Any:
        p, extra = state["pair"], state["extra"]
        return {"pair": Pair(p.position + x["a"][0], p.speed), "extra": extra}, [x["a"][1], (p.speed,)]

    xs = {"a": (np.arange(4.0), np.arange(8.0).reshape(4, 2))}

    def run(speed: Any) -> Any:
        return cr.scan(step, {"pair": Pair(0.0, speed), "extra": None}, xs)

    for state, rows in (run(2.0), cr.vjp(run, 2.0)[0]):
        assert isinstance(state["pair"], Pair)
        assert state["extra"] is None
        assert state["pair"].position == 6.0
        assert isinstance(rows, list)
        assert rows[0].shape == (4, 2)
        assert rows[1][0].tolist() == [2.0] * 4


def test_there_may_be_no_result_and_no_items() -> None:
    state, rows = cr.scan(lambda s, x: (s + (1.0 if x is None else 0.0), None), 0.0, length=5)
    assert state == 5.0
    assert rows is None


def test_the_step_may_overwrite_what_it_gets() -> None:
    start, xs = np.zeros(3), np.ones((4, 3))

    def step(state: Any, x: Any) -> Any:
        state += x
        x *= 2.0
        return state, x

    def run(start: Any, xs: Any) -> Any:
        return cr.scan(step, start, xs)

    state, rows = run(start, xs)
    traced, _ = cr.vjp(run, start, xs)
    for found, doubled in ((state, rows), traced):
        assert np.array_equal(found, [4.0, 4.0, 4.0])
        assert np.array_equal(doubled, 2.0 * np.ones((4, 3)))
    assert np.array_equal(start, np.zeros(3))
    assert np.array_equal(xs, np.ones((4, 3)))
    assert np.array_equal(cr.grad(lambda s: np.sum(run(s, xs)[0]))(start), np.ones(3))


def test_dtypes_are_kept() -> None:
    def step(state: Any, x: Any) -> Any:
        count, single = state
        return (count + 1, single * x), (count, single > 1)

    state, rows = cr.scan(step, (0, np.float32(1.0)), np.full(3, 2.0, np.float32))
    assert [leaf.dtype.name for leaf in state] == ["int64", "float32"]
    assert [column.dtype.name for column in rows] == ["int64", "bool"]
    gradient = cr.grad(lambda x: cr.scan(step, (0, x), np.full(3, 2.0, np.float32))[0][1])(np.float32(1.0))
    assert gradient == 8.0
    assert gradient.dtype == np.float32


def test_no_turns_leave_the_state_and_give_empty_results() -> None:
    state, rows = cr.scan(lambda s, x: (s + x.sum(), (s, x[:2])), 1.5, np.zeros((0, 3)))
    assert state == 1.5
    assert [column.shape for column in rows] == [(0,), (0, 2)]
    assert cr.grad(lambda s: cr.scan(lambda s, x: (s * 2.0, s), s, length=0)[0])(3.0) == 1.0
    assert cr.grad(lambda s: np.sum(cr.scan(lambda s, x: (s * 2.0, s), s, length=0)[1]))(3.0) == 0.0


def test_progress_shows_plain_numbers_now_and_then() -> None:
    def record(rate: Any, start: Any) -> list[Any]:
        seen: list[Any] = []
        cr.scan(
            lambda s, _: ({"v": s["v"] * rate}, None), {"v": start}, length=5, every=2,
            progress=lambda turns, state: seen.append((turns, state["v"])),
        )  # fmt: skip
        return seen

    plain = record(2.0, 1.0)
    assert plain == [(2, 4.0), (4, 16.0), (5, 32.0)]
    traced: list[Any] = []
    cr.grad(lambda rate: [traced.extend(record(rate, 1.0)), rate][1])(2.0)
    assert traced == plain
    assert all(type(value) is np.float64 for _, value in traced)


def test_progress_keeps_its_rhythm_in_blocks_and_after_turns_in_python() -> None:
    def shown(every: int, checkpoint: str, begin: Any) -> list[int]:
        seen: list[int] = []

        def run(rate: Any) -> Any:
            step = lambda s, x: (s * begin(rate, x), None)  # noqa: E731
            show = lambda turns, state: seen.append(turns)  # noqa: E731
            return cr.scan(step, 1.0, np.arange(11.0), checkpoint=checkpoint, progress=show, every=every)[0]

        cr.grad(run)(1.1)
        return seen

    always, later = (lambda rate, x: rate), (lambda rate, x: rate if x > 4 else 1.0)
    assert shown(4, "each", always) == [4, 8, 11]
    assert shown(4, "root", always) == [6, 9, 11]
    assert shown(4, "each", later) == [4, 8, 11]


def test_writes_into_a_traced_state_do_not_reach_the_users_own() -> None:
    def run(a: Any, turns: int) -> Any:
        def step(state: Any, x: Any) -> Any:
            state[0] = state[0] * 2.0 if x > 0.5 else state[0] + 1.0
            return state, None

        state, _ = cr.scan(step, a, np.array([0.0, 1.0, 0.0])[:turns])
        state[1] = 0.0
        return np.sum(state) + 10.0 * np.sum(a)

    assert np.array_equal(cr.grad(lambda a: run(a, 1))(np.ones(2)), [11.0, 10.0])
    assert np.array_equal(cr.grad(lambda a: run(a, 3))(np.ones(2)), [12.0, 10.0])
    fixed = lambda a: (lambda s: [s.__setitem__(0, 0.0), np.sum(s) + np.sum(a)][1])(  # noqa: E731
        cr.scan(lambda s, x: (s, None), a, length=3)[0]
    )
    assert np.array_equal(cr.grad(fixed)(np.ones(2)), [1.0, 2.0])


def test_progress_of_a_loop_in_blocks_counts_turns() -> None:
    seen: list[int] = []

    def run(rate: Any) -> Any:
        show = lambda turns, state: seen.append(turns)  # noqa: E731
        return cr.scan(lambda s, _: (s * rate, None), 1.0, length=11, checkpoint="root", progress=show)[0]

    assert np.isclose(cr.grad(run)(1.1), 11 * 1.1**10)
    assert seen == [3, 6, 9, 10, 11]


def test_without_recording_it_is_a_plain_loop() -> None:
    v = cr.variable(2.0)
    with cr.no_grad():
        state, rows = cr.scan(lambda s, x: (s * v, s), v, length=3)
    assert type(state) is np.float64
    assert np.array_equal(rows, [2.0, 4.0, 8.0])


def test_random_numbers_are_drawn_in_every_turn() -> None:
    def walk(scale: Any, rng: np.random.Generator) -> Any:
        return cr.scan(lambda s, _: (s + scale * rng.normal(), None), 0.0, length=6)[0]

    expected = np.random.default_rng(5).normal(size=6).sum()
    assert np.isclose(walk(1.0, np.random.default_rng(5)), expected)
    assert np.isclose(cr.grad(lambda s: walk(s, np.random.default_rng(5)))(1.0), expected)


# -- one node ----------------------------------------------------------------------------------------------------------


def test_a_traced_loop_is_one_node_whatever_its_length() -> None:
    def run(rate: Any, length: int) -> Any:
        return cr.scan(lambda s, _: (s * rate, s), 1.0, length=length)[0]

    sizes = [len(cr.trace(lambda rate, n=n: run(rate, n), 1.01)) for n in (3, 300)]
    assert sizes[0] == sizes[1]
    assert scan_nodes(lambda rate: run(rate, 300), 1.01) == 1


def test_the_step_runs_once_in_python_when_its_arguments_are_traced() -> None:
    calls: list[int] = []

    def step(state: Any, x: Any) -> Any:
        calls.append(1)
        return state * x, None

    cr.grad(lambda s: cr.scan(step, s, np.ones(50))[0])(2.0)
    assert len(calls) == 1


def test_what_the_step_closes_over_and_does_not_change_is_computed_once() -> None:
    def run(a: Any) -> Any:
        return cr.scan(lambda s, x: (s + np.exp(a) * x, None), 0.0, np.ones(4))[0]

    graph = cr.trace(run, 0.5)
    assert [node.primitive.name for node in graph if node.primitive is not INPUT][:2] == ["exp", "scan"]
    assert np.isclose(cr.grad(run)(0.5), 4 * np.exp(0.5))


def test_a_branch_that_changes_from_turn_to_turn_is_followed() -> None:
    def step(s: Any, x: Any, a: Any) -> Any:
        s = s * 0.5 * a if s > 2.0 else s * a + x
        return s, s

    def looped(a: Any) -> Any:
        s, rows = cr.scan(lambda s, x: step(s, x, a), 1.0, np.linspace(0, 1, 9))
        return s + np.sum(rows)

    def unrolled(a: Any) -> Any:
        s, total = 1.0, 0.0
        for x in np.linspace(0, 1, 9):
            s, _ = step(s, x, a)
            total = total + s
        return s + total

    assert np.isclose(cr.grad(looped)(1.3), cr.grad(unrolled)(1.3), rtol=1e-12)
    assert np.isclose(cr.grad(cr.grad(looped))(1.3), cr.grad(cr.grad(unrolled))(1.3), rtol=1e-12)
    assert np.isclose(cr.jvp(looped, (1.3,), (1.0,))[1], cr.grad(unrolled)(1.3), rtol=1e-12)


def test_a_while_loop_of_changing_length_inside_the_step() -> None:
    def step(s: Any, a: Any) -> Any:
        while s < 3.0:
            s = s * a
        return s - 1.7, s

    def unrolled(a: Any) -> Any:
        s = 1.0
        for _ in range(6):
            s, _ = step(s, a)
        return s

    looped = lambda a: cr.scan(lambda s, _: step(s, a), 1.0, length=6)[0]  # noqa: E731
    assert np.isclose(cr.grad(looped)(1.3), cr.grad(unrolled)(1.3), rtol=1e-12)


def test_indices_that_go_through_the_items() -> None:
    table = np.array([1.0, 2.0, 3.0])

    def run(w: Any) -> Any:
        def step(state: Any, item: Any) -> Any:
            i, x = item
            count, total = state
            return (count + 1, total + w[i] * x * count), (w[i], i)

        (count, total), (values, indices) = cr.scan(step, (0, 0.0), (np.array([0, 2, 1, 1]), np.arange(1.0, 5.0)))
        assert int(count) == 4
        assert indices.tolist() == [0, 2, 1, 1]
        return total + np.sum(values**2)

    assert np.array_equal(cr.grad(run)(table), [2.0, 26.0, 8.0])


def test_numbers_taken_by_python_where_no_gradient_is_lost() -> None:
    run = lambda a: cr.scan(lambda s, x: (s + a * math.exp(float(x)), None), 0.0, np.arange(3.0))[0]  # noqa: E731
    assert np.isclose(cr.grad(run)(1.0), np.exp(np.arange(3.0)).sum())


def test_numbers_taken_by_python_where_a_gradient_is_lost() -> None:
    with pytest.raises(TracedValueError, match=r"float\(\) would cut"):
        cr.grad(lambda a: cr.scan(lambda s, x: (s + math.exp(s), None), a, length=1)[0])(1.0)


def test_a_variable_in_the_closure() -> None:
    v = cr.variable(2.0)
    state, _ = cr.scan(lambda s, _: (s * v, None), 1.0, length=5)
    state.backward()
    assert v.grad == 80.0


# -- letters -----------------------------------------------------------------------------------------------------------


def test_letters_about_the_number_of_turns() -> None:
    same = lambda s, x: (s, None)  # noqa: E731
    with pytest.raises(ArgumentError, match=r"needs xs.*or length.*length=10"):
        cr.scan(same, 0.0)
    with pytest.raises(ArgumentError, match=r"xs\['a'\] has 3, xs\['b'\] has 4"):
        cr.scan(same, 0.0, {"a": np.ones(3), "b": np.ones(4)})
    with pytest.raises(ArgumentError, match=r"length is 2, and xs has 3 elements"):
        cr.scan(same, 0.0, np.ones(3), length=2)
    with pytest.raises(ArgumentError, match=r"xs\[0\] is a number \(1.0\).*np.array"):
        cr.scan(same, 0.0, [1.0, 2.0])
    for wrong in (-1, 2.0, True):
        with pytest.raises(ArgumentError, match="length must be a number of turns"):
            cr.scan(same, 0.0, length=wrong)  # pyright: ignore[reportArgumentType]
    with pytest.raises(ArgumentError, match="every must be a number of turns"):
        cr.scan(same, 0.0, length=2, every=0)
    with pytest.raises(ArgumentError, match="checkpoint must be"):
        cr.scan(same, 0.0, length=2, checkpoint="all")
    with pytest.raises(ArgumentError, match="takes a function step"):
        cr.scan(0.0, same, length=2)  # pyright: ignore[reportArgumentType]


def both(step: Any, start: Any, xs: Any) -> list[Any]:
    """The same loop on plain values, and traced through a captured value."""
    return [
        lambda: cr.scan(step, start, xs),
        lambda: cr.grad(lambda a: cr.scan(lambda s, x: step(s, x * a), start, xs)[1].sum())(1.0),
    ]


@pytest.mark.parametrize("traced", [0, 1])
def test_letters_about_the_state(traced: int) -> None:
    xs = np.ones(3)

    def fails(step: Any, start: Any, error: type[Exception], match: str) -> None:
        with pytest.raises(error, match=match):
            both(step, start, xs)[traced]()

    fails(lambda state, x: state + x, 0.0, OutputError, r"a pair \(state, result\).*returned a float64|returned")
    fails(lambda state, x: (state, x, x), 0.0, OutputError, "returned a tuple of 3")
    fails(lambda state, x: None, 0.0, OutputError, "returned None.*return state, None")
    fails(lambda state, x: (state + x, x), 0, ArgumentError, r"s(tate)? is int64\[\] before turn 0.*0.0 instead of 0")
    fails(lambda state, x: (state * np.ones(2), x), 0.0, ArgumentError, r"float64\[2\] after it.*shape \(2,\)")
    fails(lambda state, x: ((state, state), x), 0.0, ArgumentError, r"keeps its containers")
    fails(lambda state, x: ("text", x), 0.0, ArgumentError, r"is a str")
    fails(lambda state, x: (state * x, x), np.ones(2, np.float32), ArgumentError, r"\.astype\(np\.float32\)")


def test_a_letter_about_results_that_change() -> None:
    with pytest.raises(ArgumentError, match=r"result of <lambda> is float64\[1\] in turn 0 and float64\[2\] in turn 1"):
        cr.scan(lambda s, x: (s + 1, np.ones(int(s))), 1, length=3)
    with pytest.raises(ArgumentError, match=r"returned result\[0\] in turn 0 and result\[0\], result\[1\] in turn 1"):
        cr.scan(lambda s, x: (s + 1, [0.0] * int(s)), 1, length=3)


def test_an_error_in_a_turn_says_which() -> None:
    def step(s: Any, x: Any) -> Any:
        return s, np.linalg.inv(x)

    matrices = np.stack([np.eye(2), np.zeros((2, 2))])
    with pytest.raises(np.linalg.LinAlgError) as caught:
        cr.grad(lambda a: np.sum(cr.scan(step, 0.0, a)[1]))(matrices)
    assert "turn 1 of cr.scan" in caught.value.__notes__[0]


# -- documentation -----------------------------------------------------------------------------------------------------


def test_the_examples_of_the_page_run() -> None:
    page = Path(__file__).resolve().parent.parent / "docs" / "scan.md"
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    result = doctest.testfile(str(page), module_relative=False, optionflags=flags, encoding="utf-8")
    assert result.attempted > 10
    assert result.failed == 0
