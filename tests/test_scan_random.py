"""Loops over random programs: the derivatives of `cr.scan` against those of the unrolled loop, on steps that nobody thought of."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from random_programs import MOSTLY_WRITES, Program, programs

import chainrule as cr
from chainrule.trees import leaves

TURNS = 4


def loops(program: Program, checkpoint: str) -> tuple[Any, Any]:
    """A loop around a program as `scan`, and in Python: functions of the program's arguments, the items and the start."""
    function, names = program.function(), list(program.arguments)

    def step(state: Any, x: Any, arguments: Any) -> Any:
        # Small changes keep the arguments inside the domains and away from the kinks that the program was drawn for.
        near = [value * (1.0 + 1e-3 * state["s"] * x) for value in arguments]
        total = sum(np.sum(np.sin(part)) for part in leaves(function(*near)))
        return {"s": np.tanh(state["s"] * 0.5 + 0.3 * total), "count": state["count"] + 1}, total * state["s"]

    def start(s: Any) -> Any:
        return {"s": s, "count": 0}

    def scanned(arguments: Any, xs: Any, s: Any) -> Any:
        state, rows = cr.scan(lambda state, x: step(state, x, arguments), start(s), xs, checkpoint=checkpoint)
        return state["s"] + np.sum(rows)

    def unrolled(arguments: Any, xs: Any, s: Any) -> Any:
        state, total = start(s), 0.0
        for turn in range(TURNS):
            state, row = step(state, xs[turn], arguments)
            total = total + row
        return state["s"] + total

    assert names
    return scanned, unrolled


def close(a: Any, b: Any, tolerance: float) -> bool:
    scale = max(float(np.max(np.abs(leaf), initial=1.0)) for leaf in leaves(b))
    return all(
        np.allclose(x, y, rtol=tolerance, atol=tolerance * scale, equal_nan=True)
        for x, y in zip(leaves(a), leaves(b), strict=True)
    )


def assert_same_derivatives(program: Program, checkpoint: str) -> None:
    floating = all(np.asarray(value).dtype == np.float64 for value in program.arguments.values())
    assume(floating)
    scanned, unrolled = loops(program, checkpoint)
    arguments = list(program.arguments.values())
    point = arguments, np.linspace(0.5, 1.5, TURNS), 0.3
    with np.errstate(all="ignore"):
        first, second = (cr.value_and_grad(f, (0, 1, 2))(*point) for f in (scanned, unrolled))
        assert close(first, second, 1e-9), f"{program}\n{first}\n{second}"
        direction = (arguments, np.ones(TURNS), 1.0)
        forward, truth = (cr.jvp(f, point, direction)[1] for f in (scanned, unrolled))
        assert close(forward, truth, 1e-9), f"{program}\nforward: {forward} {truth}"
        twice = [cr.jvp(cr.grad(f, (0, 1, 2)), point, direction)[1] for f in (scanned, unrolled)]
        assert close(twice[0], twice[1], 1e-7), f"{program}\nsecond order: {twice}"


@settings(max_examples=60)
@given(programs(statements=5), st.sampled_from(["each", "root"]))
def test_loops_over_random_programs(program: Program, checkpoint: str) -> None:
    assert_same_derivatives(program, checkpoint)


@settings(max_examples=20)
@given(programs(statements=6, kinds=MOSTLY_WRITES), st.just("each"))
def test_loops_over_random_programs_that_write_into_arrays(program: Program, checkpoint: str) -> None:
    assert_same_derivatives(program, checkpoint)
