"""Writing in place: views, augmented assignment and `setitem` mean on traced arrays what they mean in NumPy, or are refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import chainrule as cr
from chainrule.errors import ChainruleError, GraphError, TracedValueError

TINY = 1e-30
X = np.array([[0.7, -1.3, 2.1], [1.9, 0.4, -0.6]])
WEIGHTS = np.array([[1.0, -2.0, 3.0], [0.5, 4.0, -1.5]])


def weigh(y: Any) -> Any:
    return np.sum(y * np.linspace(1.0, 2.0, y.size).reshape(y.shape))


def complex_step(f: Callable[[Any], Any], x: np.ndarray) -> np.ndarray:
    """The gradient of an analytic program by complex step, exact to rounding."""
    result = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        moved = x.astype(complex)
        moved[index] += TINY * 1j
        result[index] = np.imag(f(moved)) / TINY
    return result


def assert_like_numpy(f: Callable[[Any], Any], x: np.ndarray) -> None:
    """f, which writes into its own arrays, has NumPy's value on traced input, and the gradient of the complex step."""
    value, gradient = cr.value_and_grad(f)(x.copy())
    assert np.allclose(value, f(x.copy()), rtol=1e-13)
    assert np.allclose(gradient, complex_step(f, x), rtol=1e-11, atol=1e-13)
    assert np.allclose(cr.vjp(f, x.copy())[1](1.0)[0], gradient)
    direction = np.cos(np.arange(x.size)).reshape(x.shape)
    assert np.isclose(cr.jvp(f, (x.copy(),), (direction,))[1], np.sum(direction * gradient))


# -- programs --------------------------------------------------------------------------------------------------------------


def program(name: str) -> Callable[[Callable[[Any], Any]], Callable[[Any], Any]]:
    def enter(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
        PROGRAMS[name] = f
        return f

    return enter


PROGRAMS: dict[str, Callable[[Any], Any]] = {}


@program("one element")
def _(x: Any) -> Any:
    y = x * 2.0
    y[0, 1] = x[1, 1] * x[0, 0]
    return weigh(y)


@program("a row, broadcast from a number")
def _(x: Any) -> Any:
    y = x * x
    y[1] = x[0, 0] * 3.0
    return weigh(y)


@program("a column, from a list")
def _(x: Any) -> Any:
    y = x * x
    y[:, 2] = [4.0, 5.0]
    return weigh(y)


@program("everything")
def _(x: Any) -> Any:
    y = x * x
    y[...] = x[0]
    y[:] += x
    return weigh(y * y)


@program("indices, the last one wins")
def _(x: Any) -> Any:
    y = x * 1.0
    y[[0, 0], [1, 1]] = x[1, :2] * x[0, :2]
    return weigh(y)


@program("a mask")
def _(x: Any) -> Any:
    y = x * x
    mask = np.array([[True, False, True], [False, True, False]])
    y[mask] = x[0] * 2.0
    y[~mask] *= x[1]
    return weigh(y)


@program("a mask made of the values")
def _(x: Any) -> Any:
    y = x * 1.0
    y[y.real < 0] = 0.0
    return weigh(y * y)


@program("augmented, and the old value is used again")
def _(x: Any) -> Any:
    y = x * 2.0
    z = y * y
    y += x * x
    y *= y
    y -= z
    y /= x
    y **= 2
    return weigh(y * z)


@program("a view is written")
def _(x: Any) -> Any:
    y = x * 2.0
    row = y[1]
    row *= x[0]
    row[0] = x[0, 2]
    return weigh(y)


@program("a view of a view is written")
def _(x: Any) -> Any:
    y = x * 2.0
    part = y[:, 1:].T[::-1]
    part[0, 1] = x[0, 0] * x[0, 1]
    part += x[:, 0]
    return weigh(y)


@program("the base is written, the view follows")
def _(x: Any) -> Any:
    y = x * 2.0
    part = y[:, ::2]
    flat = y.reshape(-1)
    y[0] = x[1] * x[1]
    y *= 3.0
    return weigh(part * part) + weigh(flat)


@program("two views of one base")
def _(x: Any) -> Any:
    y = x * 1.0
    left, right = y[:, :2], y[:, 1:]
    left *= x[:, 1:]
    right += left
    return weigh(left * right) + weigh(y)


@program("overlapping")
def _(x: Any) -> Any:
    y = x.reshape(-1) * 1.0
    y[1:] = y[:-1]
    y[1:] += y[:-1] * y[1:]
    y[::-1] += y
    return weigh(y)


@program("split")
def _(x: Any) -> Any:
    y = x * 1.0
    first, second = np.split(y, 2, axis=0)
    first *= second
    second += 1.0
    return weigh(y)


@program("rows of a loop")
def _(x: Any) -> Any:
    y = x * 1.0
    for row in y:
        row *= np.sum(row)
    return weigh(y)


@program("newaxis, swapaxes, moveaxis, squeeze, expand_dims")
def _(x: Any) -> Any:
    y = x * 1.0
    y[:, None, :][1, 0] += x[0]
    y.swapaxes(0, 1)[2] *= x[:, 0]
    np.moveaxis(y, 0, 1)[0] += 1.0
    np.squeeze(y[:1]).T[1:] *= 2.0
    np.expand_dims(y, 2)[0, 0] = x[1, 1] * x[1, 1]
    return weigh(y)


@program("flip, rot90, ravel, atleast")
def _(x: Any) -> Any:
    y = x * 1.0
    np.flip(y, 1)[0] += x[1]
    np.rot90(y)[1] *= x[:, 0]
    y.ravel()[2:4] *= 3.0
    np.atleast_3d(y)[1, 2] += x[0, 0] * x[0, 0]
    return weigh(y)


@program("a copy is not a view")
def _(x: Any) -> Any:
    y = x * 1.0
    z = y.copy()
    flat = y.flatten()
    taken = y[[0, 1]]
    z *= x
    flat += 5.0
    taken[:] = 0.0
    return weigh(y) + weigh(z * z)


@program("ravel of a transposed array is a copy")
def _(x: Any) -> Any:
    y = x * 1.0
    flat = y.T.ravel()
    flat *= x.reshape(-1)
    return weigh(y) + weigh(flat)


@program("ravel of a transposed product is a copy")
def _(x: Any) -> Any:
    y = x.T * 1.0
    y[0] *= 2.0
    flat = y.reshape(-1)
    flat *= x.reshape(-1)
    return weigh(y) + weigh(flat)


@program("a write keeps the memory order, which decides what is a view")
def _(x: Any) -> Any:
    y = x.T * 1.0
    np.add.at(y, [0], x[:, 1] * x[:, 2])
    y += np.ones((3, 2))
    y[1] = 0.5
    y.put([3], x[0, 0] * x[0, 1])
    flat, across = y.reshape(-1), y.T.reshape(-1)
    flat *= x.reshape(-1)
    across += x.reshape(-1)
    return weigh(y * y) + weigh(flat) + weigh(across)


@program("a memory order that is neither NumPy's nor Fortran's")
def _(x: Any) -> Any:
    y = np.stack([x, 2.0 * x, x * x, x]).swapaxes(0, 1) * 1.0
    flat = y.swapaxes(0, 1).reshape(-1)
    y.put([1, 5], x[0, :2])
    np.add.at(y, [0, 0], x[:, None])
    flat[3] = x[0, 0] * x[1, 1]
    return weigh(y * y) + weigh(flat) + weigh(y.reshape(-1))


@program("fill, put, copyto, fill_diagonal")
def _(x: Any) -> Any:
    y = x * 1.0
    y[0].fill(x[1, 1] * x[1, 2])
    np.fill_diagonal(y, 3.0)
    np.copyto(y[1:], x[:1] * x[1:])
    np.put(y, [0, 4], x[0, :2])
    return weigh(y * y)


@program("out= into a traced array and its view")
def _(x: Any) -> Any:
    y = x * 1.0
    np.multiply(y, x, out=y)
    np.add(y[0], y[1], out=y[0])
    np.sin(y[:, 1], out=y[:, 1])
    return weigh(y)


@program("unbuffered addition")
def _(x: Any) -> Any:
    y = x * 1.0
    np.add.at(y, ([0, 0, 1], [1, 1, 2]), x[1] * x[0])
    np.subtract.at(y[1], [0, 0], x[0, 1])
    return weigh(y * y)


@program("the argument itself")
def _(x: Any) -> Any:
    z = x * x
    x += 1.0
    x[0] *= x[1]
    part = x[:, 1]
    part -= z[:, 0]
    return weigh(x * z)


@program("a plain array by augmented assignment")
def _(x: Any) -> Any:
    total = np.zeros((2, 3), x.dtype)
    for factor in (1.0, 2.0, -0.5):
        total += x * factor * x
    total[0] = 7.0 * x[1]
    return weigh(total)


@program("zeros_like and a loop")
def _(x: Any) -> Any:
    y = np.zeros_like(x)
    for i in range(2):
        for j in range(3):
            y[i, j] = x[i, j] * x[1 - i, j] + (y[i, j - 1] if j else 0.0)
    return weigh(y)


@program("swap")
def _(x: Any) -> Any:
    y = x * 1.0
    y[[0, 1]] = y[[1, 0]]
    y[0, 0], y[1, 1] = y[1, 1] * 2.0, y[0, 0]
    return weigh(y)


@program("repeated over one name")
def _(x: Any) -> Any:
    y = z = x * 1.0
    y += x
    z *= y
    return weigh(z) + weigh(y)


@program("a number rebinds its name")
def _(x: Any) -> Any:
    a = b = x[0, 0]
    a += x[0, 1]
    a *= x[1, 0]
    total = np.sum(x)
    total += a
    return total + b


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_that_write(name: str) -> None:
    assert_like_numpy(PROGRAMS[name], X)


@pytest.mark.parametrize("name", [name for name in PROGRAMS if name != "a mask made of the values"])
def test_second_derivatives_of_programs_that_write(name: str) -> None:
    f = PROGRAMS[name]
    direction = np.sin(np.arange(6.0)).reshape(2, 3)
    product = cr.hvp(f, X.copy(), direction)
    step = 1e-5
    up, down = (cr.grad(f)(X + sign * step * direction) for sign in (1, -1))
    assert np.allclose(product, (up - down) / (2 * step), rtol=1e-6, atol=1e-5)


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_that_write_on_variables(name: str) -> None:
    x = cr.variable(X)
    start = cr.variable(0.0)
    start.node = x.node  # a second handle: the program may write into the first one
    result = PROGRAMS[name](x)
    result.backward()
    assert np.allclose(start.grad, complex_step(PROGRAMS[name], X), rtol=1e-11, atol=1e-13)


def test_the_callers_array_is_never_written() -> None:
    x = X.copy()
    cr.grad(PROGRAMS["the argument itself"])(x)
    assert np.array_equal(x, X)
    assert x.flags.writeable


def test_dtypes_stay() -> None:
    def f(x: Any) -> Any:
        y = x * 1.0
        y += np.ones((2, 3))  # float64 into float32: cast, as NumPy does
        y[0] = np.float64(2.0)
        assert y.dtype == np.float32
        return np.sum(y * y)

    value, gradient = cr.value_and_grad(f)(X.astype(np.float32))
    assert (value.dtype, gradient.dtype) == (np.float32, np.float32)
    assert np.allclose(gradient[0], 0.0)
    assert np.allclose(gradient[1], 2 * (X[1] + 1), rtol=1e-6)


# -- what is refused -------------------------------------------------------------------------------------------------------


REFUSED: dict[str, Callable[[Any], Any]] = {}


def refused(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    REFUSED[f.__name__] = f
    return f


@refused
def traced_value_into_a_plain_array(x: Any) -> Any:
    y = np.zeros(3)
    y[0] = x[0, 0]
    return np.sum(y)


@refused
def traced_row_into_a_plain_array(x: Any) -> Any:
    y = np.zeros((2, 3))
    y[0] = x[0]
    return np.sum(y)


@refused
def augmented_assignment_of_a_plain_array_with_two_names(x: Any) -> Any:
    y = np.zeros((2, 3))
    other = y
    y += x
    return np.sum(y) + np.sum(other)


@refused
def augmented_assignment_of_a_plain_array_in_a_list(x: Any) -> Any:
    kept = [np.zeros((2, 3))]
    y = kept[0]
    y += x
    return np.sum(y)


@refused
def augmented_assignment_of_an_item_of_a_list(x: Any) -> Any:
    kept = [np.zeros((2, 3))]
    shown = kept[0]
    kept[0] += x
    return np.sum(kept[0]) + np.sum(shown)


@refused
def augmented_assignment_of_a_view_of_a_plain_array(x: Any) -> Any:
    base = np.zeros((4, 3))
    part = base[:2]
    part += x
    return np.sum(base)


@refused
def augmented_assignment_of_a_part_of_a_plain_array(x: Any) -> Any:
    base = np.zeros((4, 3))
    base[:2] += x
    return np.sum(base)


@refused
def a_plain_attribute_with_another_name(x: Any) -> Any:
    class Holder:
        def __init__(self, total: Any) -> None:
            self.total = total

    total = np.zeros((2, 3))
    holder = Holder(total)
    holder.total += x
    return np.sum(total) + np.sum(holder.total)


@refused
def copyto_a_plain_array(x: Any) -> Any:
    y = np.zeros((2, 3))
    np.copyto(y, x)
    return np.sum(y)


@refused
def put_into_a_plain_array(x: Any) -> Any:
    y = np.zeros((2, 3))
    np.put(y, [0, 1], x[0, :2])
    return np.sum(y)


@refused
def writing_into_a_broadcast(x: Any) -> Any:
    y = np.broadcast_to(x[0], (2, 3))
    y[0] = 1.0
    return np.sum(y)


@refused
def writing_into_a_diagonal(x: Any) -> Any:
    y = x * 1.0
    d = np.diagonal(y)
    d[0] = 5.0
    return np.sum(y)


@refused
def a_shape_that_does_not_fit(x: Any) -> Any:
    y = x[0] * 1.0
    y += x
    return np.sum(y)


@refused
def an_item_of_a_shape_that_does_not_fit(x: Any) -> Any:
    y = x * 1.0
    y[0] = np.ones(4)
    return np.sum(y)


@refused
def a_complex_value_into_a_real_array(x: Any) -> Any:
    y = x * 1.0
    y += 1j * x
    return np.sum(y)


@refused
def an_item_of_a_number(x: Any) -> Any:
    y = x[0, 0] * 1.0
    y[...] = 2.0
    return y


@pytest.mark.parametrize("name", REFUSED)
def test_what_could_go_wrong_is_refused(name: str) -> None:
    with pytest.raises((TypeError, ValueError, GraphError)):
        cr.grad(REFUSED[name])(X)


def test_a_private_plain_array_may_be_part_of_something_bigger_only_while_nobody_sees_it() -> None:
    def f(x: Any) -> Any:
        parts = {"total": np.zeros((2, 3))}
        total = parts.pop("total")
        total += x
        return weigh(total)

    assert np.allclose(cr.grad(f)(X), complex_step(weigh, X))


def test_traced_values_into_an_array_of_integers() -> None:
    def f(x: Any) -> Any:
        y = np.zeros(2, int)
        y += x
        return np.sum(y)

    with pytest.raises((TypeError, ChainruleError)):
        cr.grad(f)(np.ones(2))


def test_an_inner_value_does_not_get_into_an_outer_array() -> None:
    def outer(x: Any) -> Any:
        kept = x * 1.0

        def inner(z: Any) -> Any:
            kept[0] = z
            return z * z

        return cr.grad(inner)(x[0]) + kept[0]

    with pytest.raises(GraphError):
        cr.grad(outer)(np.ones(2))


def test_an_outer_value_may_go_into_an_inner_array() -> None:
    def outer(x: Any) -> Any:
        def inner(z: Any) -> Any:
            work = z * z
            work[0] = work[0] * x
            return np.sum(work)

        return np.sum(cr.grad(inner)(np.array([2.0, 3.0])))

    assert np.isclose(cr.grad(outer)(5.0), 4.0)


def test_a_failed_write_changes_nothing() -> None:
    x = cr.variable(X)
    y = x * 1.0
    for wrong in (
        lambda: y.__setitem__((0, 5), 1.0),
        lambda: y.__setitem__(0, np.ones(7)),
        lambda: y.__iadd__(np.ones(7)),
    ):
        with pytest.raises((IndexError, ValueError)):
            wrong()
    assert np.array_equal(y.value, X)
    weigh(y).backward()
    assert np.allclose(x.grad, complex_step(weigh, X))


def test_a_plain_array_is_not_changed_by_a_refused_augmented_assignment() -> None:
    kept = np.zeros(2)
    other = kept
    x = cr.variable(np.ones(2))
    with pytest.raises(TracedValueError):
        kept += x
    assert kept is other
    assert np.array_equal(kept, np.zeros(2))


# -- random programs: right or refused, never wrong ------------------------------------------------------------------------


SLICES = st.sampled_from(
    [slice(None), slice(1, None), slice(None, -1), slice(None, None, -1), slice(None, None, 2), slice(0, 2)]
)
SEEDS = st.integers(0, 10_000)


class Writing(RuleBasedStateMachine):
    """Three worlds step by step: traced arrays, plain arrays, and plain complex arrays that carry the derivative along."""

    def __init__(self) -> None:
        super().__init__()
        self.traced: list[Any] = []
        self.plain: list[Any] = []
        self.moved: list[Any] = []

    @initialize(seed=SEEDS, shape=st.sampled_from([(4,), (2, 3), (3, 2, 2), (1, 4)]), transposed=st.booleans())
    def start(self, seed: int, shape: tuple[int, ...], transposed: bool) -> None:
        rng = np.random.default_rng(seed)
        x = rng.uniform(0.5, 1.5, shape)
        x = np.asfortranarray(x) if transposed else x
        self.direction = rng.uniform(-1.0, 1.0, shape)
        variable = cr.variable(x)
        self.input = cr.variable(0.0)
        self.input.node = variable.node  # a second handle: the first one may be written into
        moved = np.empty_like(x, dtype=complex)  # in the same memory order: it decides what is a view
        moved[...] = x + 1j * TINY * self.direction
        self.add(variable, x.copy(order="K"), moved)

    def add(self, traced: Any, plain: Any, moved: Any) -> None:
        self.traced.append(traced)
        self.plain.append(plain)
        self.moved.append(moved)

    def pick(self, seed: int) -> int:
        return seed % len(self.traced)

    def make(self, step: Callable[[Any], Any], *positions: int) -> None:
        """A new array in each world, if tracing allows it."""
        try:
            traced = step(*(self.traced[p] for p in positions))
        except ChainruleError:
            return
        self.add(traced, step(*(self.plain[p] for p in positions)), step(*(self.moved[p] for p in positions)))

    def write(self, step: Callable[..., None], *positions: int) -> None:
        """A write in each world, if tracing allows it."""
        try:
            step(*(self.traced[p] for p in positions))
        except ChainruleError:
            return
        step(*(self.plain[p] for p in positions))
        step(*(self.moved[p] for p in positions))

    # -- views and copies
    @precondition(lambda self: len(self.traced) < 8)
    @rule(which=SEEDS, items=st.lists(SLICES, min_size=1, max_size=2))
    def slice(self, which: int, items: list[slice]) -> None:
        position = self.pick(which)
        index = tuple(items[: np.ndim(self.plain[position])])
        self.make(lambda a: a[index], position)

    @precondition(lambda self: len(self.traced) < 8)
    @rule(
        which=SEEDS,
        how=st.sampled_from(
            ["T", "flat", "reshape F", "newaxis", "ravel", "swap", "squeeze", "flip", "first", "copy", "same"]
        ),
    )
    def arrange(self, which: int, how: str) -> None:
        steps: dict[str, Callable[[Any], Any]] = {
            "T": lambda a: a.T,
            "flat": lambda a: a.reshape(-1),
            "reshape F": lambda a: np.reshape(a, -1, order="F"),
            "newaxis": lambda a: a[..., None],
            "ravel": lambda a: np.ravel(a),
            "swap": lambda a: a.swapaxes(0, -1),
            "squeeze": lambda a: np.squeeze(a) if a.size > 1 else a,
            "flip": lambda a: np.flip(a, 0),
            "first": lambda a: a[:1],
            "copy": lambda a: a.copy(),
            "same": lambda a: a,
        }
        position = self.pick(which)
        if self.plain[position].ndim and self.plain[position].size:
            self.make(steps[how], position)

    @precondition(lambda self: len(self.traced) < 8)
    @rule(which=SEEDS, other=SEEDS, how=st.sampled_from(["add", "multiply", "sin", "scale"]))
    def compute(self, which: int, other: int, how: str) -> None:
        first, second = self.pick(which), self.pick(other)
        if how == "sin":
            self.make(lambda a: np.sin(a), first)
        elif how == "scale":
            self.make(lambda a: 0.5 * a, first)
        elif self.fits(second, first) or self.fits(first, second):
            self.make((lambda a, b: a + b) if how == "add" else (lambda a, b: 0.5 * (a * b)), first, second)

    def fits(self, source: int, target: int) -> bool:
        """Whether one array can be broadcast into another."""
        try:
            return np.broadcast_shapes(self.plain[source].shape, self.plain[target].shape) == self.plain[target].shape
        except ValueError:
            return False

    # -- writes
    @rule(which=SEEDS, other=SEEDS, how=st.sampled_from(["add", "subtract", "multiply", "out", "assign", "copyto"]))
    def write_all(self, which: int, other: int, how: str) -> None:
        target, source = self.pick(which), self.pick(other)
        if not self.fits(source, target) or not self.plain[target].ndim:
            return

        def step(a: Any, b: Any) -> None:
            if how == "add":
                a += b
            elif how == "subtract":
                a -= b
            elif how == "multiply":
                a *= b
            elif how == "out":
                np.multiply(a, b, out=a)
            elif how == "copyto":
                np.copyto(a, b)
            else:
                a[...] = b

        self.write(step, target, source)

    @rule(
        which=SEEDS,
        other=SEEDS,
        item=SLICES,
        how=st.sampled_from(
            [
                "set",
                "add",
                "multiply",
                "number",
                "row",
                "indices",
                "mask",
                "at",
                "sort",
                "fill",
                "put",
                "diagonal",
                "ellipsis",
            ]
        ),
    )
    def write_part(self, which: int, other: int, item: slice, how: str) -> None:
        target, source = self.pick(which), self.pick(other)
        size = self.plain[target].size
        if not self.plain[target].ndim or not size or not self.plain[source].size:
            return
        rows = np.arange(self.plain[target].shape[0])[::-1].copy()
        mask = np.arange(rows.size) % 2 == 0
        last = (0,) * self.plain[source].ndim

        def step(a: Any, b: Any) -> None:
            number = b[last]
            if how == "set":
                a[item] = number
            elif how == "add":
                a[item] += number
            elif how == "multiply":
                a[item] *= number
            elif how == "number":
                a[item] = 0.25
            elif how == "row":
                a[0] = number * 0.5
            elif how == "indices":
                a[rows] = a[rows[::-1]] * 0.5
            elif how == "mask":
                a[mask] -= number
            elif how == "sort":
                a.sort()
            elif how == "fill":
                a[item].fill(number)
            elif how == "put":
                np.put(a, [0, -1], number)
            elif how == "diagonal":
                np.fill_diagonal(a if a.ndim == 2 else a.reshape(-1)[None], number)
            elif how == "ellipsis":
                a[..., 0] *= number
            else:
                np.add.at(a, [0, 0], number)

        self.write(step, target, source)

    # -- what must hold
    @invariant()
    def values_are_numpys(self) -> None:
        for traced, plain in zip(self.traced, self.plain, strict=True):
            assert traced.shape == plain.shape
            assert np.allclose(traced.value, plain, rtol=1e-12, atol=1e-12, equal_nan=True)

    def teardown(self) -> None:
        if not self.traced or not all(np.all(np.abs(plain) < 1e6) for plain in self.plain):
            return
        losses = [
            sum([np.sum(a * (1.0 + position)) for position, a in enumerate(world)])
            for world in (self.traced, self.plain, self.moved)
        ]
        assert np.isclose(losses[0].value, losses[1])
        losses[0].backward()
        gradient = self.input.grad
        found = 0.0 if gradient is None else np.sum(gradient * self.direction)
        assert np.isclose(found, np.imag(losses[2]) / TINY, rtol=1e-9, atol=1e-9)


Writing.TestCase.settings = settings(
    max_examples=60,
    stateful_step_count=20,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
test_random_programs_that_write = pytest.mark.filterwarnings("ignore::RuntimeWarning")(Writing.TestCase)
