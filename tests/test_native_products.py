"""Matrix products as native functions, our own loops and NumPy's BLAS, against NumPy in extended precision."""

from __future__ import annotations

import ctypes
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from chainrule.run.native import engine, products, small_products
from chainrule.run.native.blas import find_blas
from chainrule.run.native.modules import Part, load_functions, module_text
from chainrule.run.native.products import CopyFirst, ProductPlan, plan_product

CALL = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_int64)
TYPES = {"float64": "f64", "float32": "f32"}
HOST = engine.target()
BASELINE = engine.target("x86-64")
HASWELL = engine.Target(HOST.triple, "haswell", "+avx,+avx2,+fma")
TARGETS = [
    pytest.param(HOST, id="host"),
    pytest.param(
        HASWELL, id="avx2", marks=pytest.mark.skipif("+avx2" not in HOST.features, reason="no such processor")
    ),
    pytest.param(BASELINE, id="x86-64", marks=pytest.mark.skipif(BASELINE.foreign, reason="no such processor")),
]


class Case:
    """One product: operands as arrays, and what it should give."""

    def __init__(self, a: np.ndarray, b: np.ndarray, c: np.ndarray, factor: float, scale: Any, keep: float) -> None:
        self.a, self.b, self.c = a, b, c
        self.factor, self.scale, self.keep = factor, scale, keep

    def plan(self, target: engine.Target) -> ProductPlan | CopyFirst | None:
        """The plan for these operands where they lie."""
        return plan_product(
            TYPES[self.c.dtype.name],
            (self.c.shape[-2], self.c.shape[-1], self.a.shape[-1]),
            self.a.strides,
            self.b.strides,
            self.c.strides,
            batch=self.c.shape[:-2],
            factor=self.factor,
            scaled=self.scale is not None,
            keep=self.keep,
            for_target=target,
        )

    def expected(self) -> tuple[np.ndarray, np.ndarray]:
        """The exact result, as nearly as a long double has it, and a bound on the error of each element."""
        a, b, old = (value.astype(np.longdouble) for value in (self.a, self.b, self.c))
        scale = np.longdouble(self.factor) * (1 if self.scale is None else np.longdouble(self.scale))
        exact, size = scale * (a @ b), abs(scale) * (abs(a) @ abs(b))
        if self.keep:
            exact, size = exact + self.keep * old, size + abs(self.keep * old)
        return exact, (a.shape[-1] + 4) * np.finfo(self.c.dtype).eps * size + np.finfo(self.c.dtype).smallest_subnormal


def loaded(plans: Sequence[ProductPlan], target: engine.Target) -> dict[str, int]:
    """The addresses of the plans' functions; ValueError where one name stands for two texts."""
    return load_functions([plan.part for plan in plans if plan.part is not None], target)


def run(plan: ProductPlan, case: Case, addresses: dict[str, int], chunk: int | None = None) -> None:
    """Runs a plan chunk by chunk, the last one first; all at once where `chunk` is its extent."""
    if plan.part is None:
        return
    scale = 0 if case.scale is None else case.scale.ctypes.data
    roles = {"first": case.a, "second": case.b, "result": case.c}
    places = {name: array.ctypes.data for name, array in roles.items()} | {"scale": scale}
    block = np.array([places[word] if isinstance(word, str) else word for word in plan.words], np.int64)
    call, step = CALL(addresses[plan.part.name]), chunk or plan.chunk
    for begin in reversed(range(0, plan.extent, step)):
        assert call(block.ctypes.data, begin, min(begin + step, plan.extent), begin // step) == 0


def matrix(random: np.random.Generator, shape: tuple[int, ...], dtype: str, kind: int) -> np.ndarray:
    """Random numbers in C order, transposed, in longer rows, or transposed out of longer rows at an odd address."""
    *batch, rows, columns = shape
    if kind == 0:
        return random.standard_normal(shape).astype(dtype)
    if kind == 1:
        return np.swapaxes(random.standard_normal((*batch, columns, rows)).astype(dtype), -1, -2)
    if kind == 2:
        return random.standard_normal((*batch, rows + 1, columns + 3)).astype(dtype)[..., :rows, 2 : columns + 2]
    whole = (*batch, columns, rows + 1)
    memory = np.zeros(int(np.prod(whole)) * np.dtype(dtype).itemsize + 1, np.uint8)[1:]
    odd = memory.view(dtype).reshape(whole)
    odd[...] = random.standard_normal(whole)
    return np.swapaxes(odd[..., :rows], -1, -2)


def random_case(
    random: np.random.Generator, sizes: tuple[int, int, int], dtype: str, batch: tuple[int, ...] = ()
) -> Case:
    """A product of these sizes (m, n, k) with operands that lie anyhow."""
    m, n, k = sizes
    kinds = random.integers(0, 4, 3)
    factor, keep = random.choice([1.0, -0.75]), random.choice([0.0, 1.0, 0.5])
    scale = np.array(random.choice([1.5, 0.0]), dtype) if random.random() < 0.4 else None
    a = matrix(random, (*batch, m, k), dtype, kinds[0])
    b = matrix(random, (*batch, k, n) if random.random() < 0.6 else (k, n), dtype, kinds[1])
    c = matrix(random, (*batch, m, n), dtype, kinds[2] % 3)
    if not keep:
        c[...] = np.nan  # the old result must not be read
    return Case(a, b, c, float(factor), scale, float(keep))


def check(cases: list[Case], target: engine.Target) -> None:
    """Each case within its bound."""
    plans = []
    for case in cases:
        plan = case.plan(target)
        assert isinstance(plan, ProductPlan), (plan, case.a.strides, case.b.strides, case.c.strides)
        plans.append(plan)
    addresses = loaded(plans, target)
    for case, plan in zip(cases, plans, strict=True):
        exact, bound = case.expected()
        run(plan, case, addresses)
        wrong = ~(abs(case.c - exact) <= bound)
        name = plan.part.name if plan.part else "nothing"
        assert not wrong.any(), f"{name}: {case.a.shape} @ {case.b.shape}, {case.factor=} {case.keep=}"


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_small_shapes_however_they_lie(dtype, target):
    random = np.random.default_rng(4)
    sizes = random.integers(1, 18, (40, 3)).tolist()
    check([random_case(random, size, dtype) for size in sizes], target)


@pytest.mark.parametrize("target", TARGETS)
def test_shapes_of_training_steps(target):
    random = np.random.default_rng(5)
    sizes = [(32, 16, 2), (32, 1, 16), (2, 16, 32), (128, 128, 64), (128, 10, 128), (128, 128, 10), (100, 130, 7)]
    sizes += [(16, 256, 64), (1, 300, 40), (300, 1, 41), (1, 1, 1000), (5, 70, 500), (70, 5, 500), (33, 200, 420)]
    check([random_case(random, size, "float64") for size in sizes], target)


@pytest.mark.parametrize("batch", [(3,), (2, 3), (2, 1, 4), (4, 1)])
def test_batches(batch):
    random = np.random.default_rng(6)
    sizes = [(10, 10, 16), (1, 5, 3), (5, 1, 9), (4, 40, 6), (2, 2, 0)]
    check([random_case(random, size, "float64", batch) for size in sizes], HOST)


def test_a_batch_walked_in_another_order_than_it_lies():
    random = np.random.default_rng(7)
    heads = random.standard_normal((2, 6, 3, 4)).transpose(
        0, 2, 1, 3
    )  # batch, heads, sequence, width of three heads side by side
    out = np.zeros((2, 6, 3, 6)).transpose(0, 2, 1, 3)
    case = Case(heads, np.swapaxes(heads, -1, -2), out, 1.0, None, 0.0)
    check([case], HOST)
    np.testing.assert_allclose(out, heads @ np.swapaxes(heads, -1, -2))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_blas(monkeypatch, dtype):
    if find_blas() is None:
        pytest.skip("NumPy has no BLAS here that can be called")
    monkeypatch.setattr(products, "small_product", lambda *_: None)
    random = np.random.default_rng(8)
    sizes = random.integers(0, 9, (150, 3)).tolist()
    batches = [(), (3,), (2, 3)]
    cases = [random_case(random, size, dtype, batches[number % 3]) for number, size in enumerate(sizes)]
    for case in cases:
        plan = case.plan(HOST)
        assert isinstance(plan, ProductPlan)
        assert plan.part is None or plan.part.name.startswith("product_blas")
    check(cases, HOST)


@pytest.mark.parametrize("own", [True, False])
def test_nan_and_infinity_are_numpys(monkeypatch, own):
    if not own:
        if find_blas() is None:
            pytest.skip("NumPy has no BLAS here that can be called")
        monkeypatch.setattr(products, "small_product", lambda *_: None)
    a = np.ones((5, 9))
    a[1, 2], a[3, 0], a[4, 8] = np.inf, np.nan, -np.inf
    b = np.linspace(-1, 1, 9 * 11).reshape(9, 11)
    b[2, 1] = 0.0
    cases = [Case(a, b, np.ones((5, 11)), factor, None, keep) for factor in (1.0, 0.0, -2.0) for keep in (0.0, 1.0)]
    cases.append(Case(a, b[:, :1].copy(), np.ones((5, 1)), 0.0, None, 1.0))
    for case in cases:
        plan = case.plan(HOST)
        assert isinstance(plan, ProductPlan)
        with np.errstate(invalid="ignore"):
            expected = case.factor * (case.a @ case.b) + (case.keep * case.c if case.keep else 0.0)
        run(plan, case, loaded([plan], HOST))
        np.testing.assert_allclose(case.c, expected, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize(("m", "n", "k"), [(130, 128, 70), (300, 20, 300), (67, 1, 90), (1, 400, 80), (90, 300, 260)])
def test_chunks_give_the_same_bits_as_the_whole(monkeypatch, m, n, k):
    monkeypatch.setattr(small_products, "CHUNK_WORK", 1 << 10)
    monkeypatch.setattr(small_products, "PACKED_CHUNK", 1)
    random = np.random.default_rng(9)
    for transposed in (0, 1):
        a, b = matrix(random, (m, k), "float64", 0), matrix(random, (k, n), "float64", transposed)
        whole, parts = (Case(a, b, np.zeros((m, n)), -0.5, None, 1.0) for _ in range(2))
        plan = whole.plan(HOST)
        assert isinstance(plan, ProductPlan)
        assert plan.part is not None
        if plan.part.name.startswith("product_blas"):
            continue
        assert plan.chunk < plan.extent
        addresses = loaded([plan], HOST)
        run(plan, whole, addresses, plan.extent)
        run(plan, parts, addresses)
        assert whole.c.tobytes() == parts.c.tobytes()


def test_rows_past_the_end_are_left_alone():
    random = np.random.default_rng(10)
    a, b = random.standard_normal((7, 5)), random.standard_normal((5, 11))
    memory = np.full((9, 14), 7.0)
    case = Case(a, b, memory[1:8, 1:12], 1.0, None, 0.0)
    check([case], HOST)
    memory[1:8, 1:12] = 7.0
    assert (memory == 7.0).all()


def test_operands_that_must_be_copied_are_named():
    plan = plan_product("f64", (4, 5, 6), (48, 8), (80, 16), (40, 8))
    assert plan == CopyFirst(("second",))
    assert isinstance(
        plan_product("f64", (4, 5, 6), (96, 16), (40, 8), (40, 8)), ProductPlan
    )  # any first operand will do
    assert plan_product("f64", (4, 5, 6), (48, 8), (40, 8), (80, 16)) == CopyFirst(("result",))


def test_nothing_to_do():
    for sizes in itertools.product((0, 2), (0, 3), (4,)):
        plan = plan_product("f64", sizes, (32, 8), (24, 8), (24, 8))
        assert isinstance(plan, ProductPlan)
        assert (plan.part is None) == (0 in sizes)
    assert plan_product("f64", (2, 3, 4), (64, 32, 8), (24, 8), (48, 24, 8), batch=(0,)) == ProductPlan(None, (), 0, 1)


def test_another_batch_size_needs_no_new_code():
    names = set()
    for m in (64, 128, 200, 1000):
        plan = plan_product("f64", (m, 10, 128), (1024, 8), (80, 8), (80, 8), for_target=HOST)
        assert isinstance(plan, ProductPlan)
        assert plan.part is not None
        names.add(plan.part.name)
    assert len(names) == 1


def test_other_processors_take_the_text():
    target = engine.target(engine.AARCH64)
    random = np.random.default_rng(11)
    for sizes in [(8, 10, 5), (9, 1, 30), (20, 70, 50)]:
        plan = random_case(random, sizes, "float64").plan(target)
        assert isinstance(plan, ProductPlan)
        assert plan.part is not None
        try:
            written = engine.assembly(
                module_text([plan.part if isinstance(plan.part, Part) else plan.part.make()]), target
            )
        except engine.NativeCodeError:
            pytest.skip("this llvmlite has no back end for aarch64")
        assert "ret" in written
