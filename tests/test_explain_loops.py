"""Loops of equal turns are printed once with an index, whatever the number of turns, and nothing is left out."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chainrule as cr
from chainrule.boxes import Letter, Numeral, Scripts, row
from chainrule.explain.derivation import Derivation, Options
from chainrule.explain.folds import Fold
from chainrule.explain.lines import LineWriter
from chainrule.explain.loops import Loops
from chainrule.explain.patterns import Index, Pattern, linear
from chainrule.explain.printing.text import text_of
from chainrule.explain.program import Request
from chainrule.explain.runs import Run, find_runs

RNG = np.random.default_rng(7)


def derive(f: Callable[..., Any], *args: Any, level: str = "summary", wrt: tuple[str, ...] | None = None) -> Derivation:
    graph = cr.trace(f, *args)
    wanted = tuple(node for node in graph.inputs if wrt is None or node.name in wrt)
    return Derivation(Request(graph, wanted, title="f"), Options(level=level))


def lines_of(derivation: Derivation) -> list[str]:
    """The lines of the text without the room between its columns."""
    return [" ".join(line.split()) for line in derivation.text(200).splitlines()]


def normal(*shape: int) -> Any:
    return 0.5 * RNG.normal(size=shape)


def recurrent(W: Any, U: Any, h: Any, xs: Any) -> Any:
    for x in xs:
        h = np.tanh(W @ h + U @ x)
    return np.sum(h)


def with_losses(W: Any, h: Any, xs: Any, y: Any) -> Any:
    J = 0.0
    for t in range(len(xs)):
        a = W @ h + xs[t]
        h = np.tanh(a)
        J = J + np.sum((h - y[t]) ** 2)
    return J


def layered(layers: Any, x: Any) -> Any:
    for W, b in layers:
        x = np.tanh(W @ x + b)
    return np.sum(x**2)


def dot(a: Any, b: Any) -> Any:
    s = 0.0
    for i in range(len(a)):
        s = s + a[i] * b[i]
    return s


def descended(x: Any, lr: Any) -> Any:
    for _ in range(5):
        g = 2 * x
        x = x - lr * g
    return x


def chained(turns: int) -> Callable[[Any], Any]:
    def f(x: Any) -> Any:
        for _ in range(turns):
            x = np.sin(x)
        return x

    return f


def cases(turns: int) -> dict[str, tuple[Callable[..., Any], tuple[Any, ...]]]:
    return {
        "recurrent": (recurrent, (normal(2, 2), normal(2, 3), np.zeros(2), normal(turns, 3))),
        "with_losses": (with_losses, (normal(2, 2), normal(2), normal(turns, 2), normal(turns, 2))),
        "layered": (layered, ([(normal(3, 3), normal(3)) for _ in range(turns)], normal(3))),
        "dot": (dot, (normal(turns), normal(turns))),
        "chain": (chained(turns), (1.0,)),
    }


def test_a_recurrent_network_is_one_line_each_way():
    f, args = cases(5)["recurrent"]
    lines = lines_of(derive(f, *args, wrt=("W", "U")))
    assert "xₜ ← xsₜ₋₁ shape 3 · t = 1, …, 5" in lines
    assert "hₜ ← tanh(W hₜ₋₁ + U xₜ) shape 2 · t = 1, …, 5 · h₀ = h" in lines
    assert "(2–5) g ← ∇_hₜ f = Wᵀ(∇_{hₜ₊₁} f ⊙ (1 − hₜ₊₁²)) shape 2 · t = 4, …, 1" in lines
    weights = next(line for line in lines if line.startswith("(6)"))
    assert weights.replace(" ", "") == "(6)∇_Wf=Σ_{t=1}^{5}(∇_hₜf⊙(1−hₜ²))hₜ₋₁ᵀshape2×2·h₀=h"


def test_a_chain():
    lines = lines_of(derive(chained(500), 1.0))
    assert "xₜ ← sin(xₜ₋₁) t = 1, …, 500 · x₀ = x" in lines
    assert "(3–500) ∂x₅₀₀/∂xₜ = ∂x₅₀₀/∂xₜ₊₁ · cos(xₜ) t = 498, …, 1" in lines
    assert "(501) ∂x₅₀₀/∂x = ∂x₅₀₀/∂x₁ · cos(x)" in lines


def test_several_statements_in_a_turn():
    lines = lines_of(derive(descended, 1.0, 0.1))
    assert "gₜ ← 2xₜ₋₁ t = 1, …, 5 · x₀ = x" in lines
    assert "xₜ ← xₜ₋₁ − lr·gₜ t = 1, …, 5" in lines
    assert "(4–9) ∂x₅/∂gₜ = −∂x₅/∂xₜ · lr t = 4, 3, 2" in lines
    assert "∂x₅/∂xₜ₋₁ = 2 · ∂x₅/∂gₜ + ∂x₅/∂xₜ t = 4, 3, 2" in lines
    assert "(10) ∂x₅/∂lr = −Σ_{t=1}^{4} ∂x₅/∂xₜ · gₜ − g₅" in lines


def test_layers_with_names_that_are_numbered():
    def f(params: Any, x: Any) -> Any:
        for i in range(1, 6):
            x = np.tanh(params[f"W{i}"] @ x + params[f"b{i}"])
        return np.sum(x**2)

    params = {f"{kind}{i}": normal(3, 3) if kind == "W" else normal(3) for i in range(1, 6) for kind in "Wb"}
    lines = lines_of(derive(f, params, normal(3)))
    assert "xₜ ← tanh(Wₜ xₜ₋₁ + bₜ) shape 3 · t = 1, …, 5 · x₀ = x" in lines
    assert any(" ∇_bₜ f = ∇_xₜ f ⊙ (1 − xₜ²) " in f" {line}" for line in lines)
    assert "(15) ∇ₓ f = W₁ᵀ(g ⊙ (1 − x₁²)) shape 3" in lines  # the gradients of arguments keep their names


def test_a_turn_with_other_shapes_is_a_line_of_its_own():
    def f(layers: Any, x: Any) -> Any:
        for W in layers:
            x = np.tanh(W @ x)
        return np.sum(x)

    lines = lines_of(derive(f, [normal(3, 2), normal(2, 3), *(normal(2, 2) for _ in range(4))], normal(2)))
    assert "x₁ ← tanh(layers₀ x) shape 3" in lines
    assert "x₂ ← tanh(layers₁ x₁) shape 2" in lines
    assert "xₜ ← tanh(layersₜ₋₁ xₜ₋₁) shape 2 · t = 3, …, 6" in lines


def test_first_value_of_another_name_and_places_that_run_backwards():
    def f(W: Any, h0: Any, a: Any) -> Any:
        h = h0
        for i in range(4):
            h = np.tanh(W @ h + a[2 * i] * a[12 - i])
        return np.sum(h)

    lines = lines_of(derive(f, normal(2, 2), normal(2), normal(13)))
    assert "hₜ ← tanh(W hₜ₋₁ + a₂ₜ₋₂·a₁₃₋ₜ) shape 2 · t = 1, …, 4" in lines


def test_a_condition_in_the_body_folds_the_turns_between():
    def f(x: Any) -> Any:
        for i in range(12):
            x = np.exp(-x) if i > 6 else np.sin(x)
        return x

    lines = lines_of(derive(f, 0.4))
    assert "xₜ ← sin(xₜ₋₁) t = 1, …, 7 · x₀ = x" in lines
    assert "xₜ ← e^(−xₜ₋₁) t = 8, …, 12" in lines


def test_loops_in_loops():
    def f(x: Any, w: Any) -> Any:
        for _ in range(3):
            for _ in range(4):
                x = np.tanh(w * x)
            x = x + w
        return x

    lines = lines_of(derive(f, 0.4, 0.9))
    assert "x_{5t+τ−5} ← tanh(w·x_{5t+τ−6}) t = 1, 2, 3 · τ = 1, …, 4 · x₀ = x" in lines
    assert "x₅ₜ ← x₅ₜ₋₁ + w t = 1, 2, 3" in lines


def test_the_index_is_not_a_name_of_the_program():
    def f(x: Any, t: Any) -> Any:
        for _ in range(4):
            x = np.sin(x * t)
        return x

    assert "x_τ ← sin(x_{τ−1}·t) τ = 1, …, 4 · x₀ = x" in lines_of(derive(f, 0.4, 0.7))


def test_notes_are_folded_where_all_turns_say_the_same():
    def f(x: Any, w: Any) -> Any:
        for _ in range(30):
            x = np.maximum(w * x, 0.1)
        return x

    text = derive(f, 0.4, 1.2, level="result").text(200)
    assert 1 <= text.count("the maximum took") <= 3  # the turns that are written singly, and all the others at once
    assert "w·xₜ > 0.1: the maximum took w·xₜ" in text


def test_notes_differ_where_turns_differ():
    def f(x: Any) -> Any:
        for _ in range(20):
            x = np.maximum(x - 0.1, 0.2)
        return x

    text = derive(f, 1.05, level="names").text(200)
    assert 2 <= text.count("the maximum took") <= 4
    assert "x − 0.1 > 0.2: the maximum took x − 0.1" in text
    assert "the maximum took 0.2" in text


@pytest.mark.parametrize("name", list(cases(3)))
@pytest.mark.parametrize("level", ["summary", "rule", "names", "result"])
def test_the_document_does_not_grow_with_the_turns(name: str, level: str):
    texts = [derive(f, *args, level=level).text(400) for f, args in (cases(60)[name], cases(200)[name])]
    assert abs(texts[0].count("\n") - texts[1].count("\n")) <= 4  # a line more where a longer number does not fit
    assert len(texts[1]) < 1.2 * len(texts[0])


@pytest.mark.parametrize("name", list(cases(3)))
def test_five_turns_take_as_many_lines_as_five_hundred(name: str):
    sizes = [derive(f, *args).text(400).count("\n") for f, args in (cases(6)[name], cases(500)[name])]
    assert abs(sizes[0] - sizes[1]) <= 1


@pytest.mark.parametrize("name", list(cases(3)))
def test_every_turn_is_verified_and_gradients_are_the_engines(name: str):
    f, args = cases(7)[name]
    derivation = derive(f, *args)
    held, total = derivation.verified
    assert held == total
    checked = {check.kind for check in derivation.checks}
    assert {"value", "gradient", "flow"} <= checked
    assert sum(check.kind == "value" for check in derivation.checks) == len(derivation.passes.forward)
    gradient = cr.grad(f, tuple(range(len(args))))(*args)
    leaves = [leaf for part in gradient for leaf in _leaves(part)]
    for found, expected in zip(derivation.gradients.values(), leaves, strict=True):
        assert np.array_equal(found, expected)


def _leaves(part: Any) -> list[Any]:
    return [leaf for one in part for leaf in _leaves(one)] if isinstance(part, list | tuple) else [part]


def random_program(seed: int) -> Callable[..., Any]:
    """A loop whose body depends on the turn in an irregular way."""
    chosen = random.Random(seed)
    plan = [chosen.choice("aaabc") for _ in range(chosen.randint(3, 30))]
    shift = chosen.randint(0, 2)

    def f(x: Any, w: Any, data: Any) -> Any:
        y = 0.0
        for turn, kind in enumerate(plan):
            u = np.sin(x * w) if kind != "b" else x + data[turn + shift]
            if kind == "c":
                y = y + u * data[turn]
            x = u - 0.5 * x
        return x + y

    return f


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(["summary", "names"]))
def test_each_step_is_printed_once_and_every_turn_has_its_line(seed: int, level: str):
    f = random_program(seed)
    args = (0.3, 0.8, np.linspace(0.1, 1.0, 40))
    derivation = derive(f, *args, level=level)
    assert derivation.verified[0] == derivation.verified[1]
    program, passes = derivation.program, derivation.passes
    loops = Loops(program)
    writer = LineWriter(program, level, "en", {}, loops)
    items = list(loops.forward(passes.forward, writer.forward, level))
    places = [place for item in items for place in ([item] if isinstance(item, int) else _places(item))]
    assert sorted(places) == list(range(len(passes.forward)))
    back = list(loops.backward(passes.backward, lambda step: writer.backward(step, ()), level))
    places = [place for item in back for place in ([item] if isinstance(item, int) else _places(item))]
    assert sorted(places) == list(range(len(passes.backward)))


def _places(fold: Fold) -> list[int]:
    return [place for places in fold.places for place in places]


def test_a_turn_that_looks_otherwise_is_not_folded():
    def f(h: Any, a: Any) -> Any:
        for i in range(5):
            h = np.tanh(h + a[i] * a[8 - i])
        return h

    lines = lines_of(derive(f, 0.1, normal(9)))
    assert "hₜ ← tanh(hₜ₋₁ + aₜ₋₁·a₉₋ₜ) t = 1, …, 4 · h₀ = h" in lines
    assert "h₅ ← tanh(h₄ + a₄²)" in lines


def test_elements_of_an_array_share_one_derivation():
    a, b = normal(50), normal(50)
    graph = cr.trace(dot, a, b)
    derivation = Derivation(Request(graph, graph.inputs, title="f"), Options(level="summary"))
    assert sum(check.kind == "rule" for check in derivation.checks) < 100
    assert derivation.verified[0] == derivation.verified[1]
    assert np.array_equal(derivation.gradients["a"], b)


def test_runs_with_turns_that_break_off():
    keys = list("xabababab" + "zz" + "ababab" + "y")
    runs = find_runs(keys, [()] * len(keys))
    assert runs == [0, Run(1, 2, 4, (1, 2)), 9, 10, Run(11, 2, 3, (11, 12)), 17]


def test_runs_need_equal_steps():
    assert find_runs("aaaa", [(1,), (2,), (4,), (8,)]) == [0, 1, 2, 3]
    assert find_runs("aaaaa", [(9,), (1,), (2,), (3,), (5,)]) == [0, Run(1, 1, 3, (1,)), 4]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 3)), max_size=40))
def test_runs_cover_everything_and_are_equal(items: list[tuple[str, int]]):
    keys, numbers = [key for key, _ in items], [(number,) for _, number in items]
    places: list[int] = []
    for item in find_runs(keys, numbers):
        if isinstance(item, int):
            places.append(item)
            continue
        for turn in range(item.turns):
            for offset in range(item.stride):
                place = item.start + turn * item.stride + offset
                places.append(place)
                assert keys[place] == keys[item.start + offset]
                first, second = (numbers[item.start + offset + item.stride * k][0] for k in (0, 1))
                assert numbers[place][0] == first + turn * (second - first)
    assert places == list(range(len(items)))


def test_runs_in_linear_time():
    keys = [place % 7 if place % 50 else -place for place in range(60_000)]
    assert len(find_runs(keys, [()] * len(keys))) < 30_000


def test_patterns_refuse_what_does_not_move_evenly():
    def x(number: int) -> Scripts:
        return Scripts(Letter("x"), below=Numeral(str(number)))

    assert Pattern.of(lambda turn: x(turn[0] ** 2), (4,)) is None
    pattern = Pattern.of(lambda turn: row(x(turn[0] + 1), "+", x(3 - turn[0])), (4,))
    assert pattern is not None
    assert text_of(pattern.box([Index(Letter("t"), 1, 1, 4)])) == "xₜ + x₄₋ₜ"
    assert Pattern.of(lambda turn: x(2 - turn[0]), (4,)) is None  # a place before the first


@pytest.mark.parametrize(
    ("constant", "terms", "written"),
    [
        (0, [(1, "t")], "t"),
        (-1, [(1, "t")], "t − 1"),
        (5, [(-1, "t")], "5 − t"),
        (-2, [(3, "t"), (1, "s")], "3t + s − 2"),
    ],
)
def test_indices_as_one_writes_them(constant: int, terms: list[tuple[int, str]], written: str):
    assert text_of(linear(constant, [(factor, Letter(letter)) for factor, letter in terms])) == written


def test_a_product_with_a_moving_number_has_parentheses():
    pattern = Pattern.of(lambda turn: row(Numeral(str(turn[0] + 2)), Letter("x")), (3,))
    assert pattern is not None
    assert text_of(pattern.box([Index(Letter("t"), 1, 1, 3)])) == "(t + 1) x"
