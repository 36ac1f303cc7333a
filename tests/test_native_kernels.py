"""Kernels as native code against their meaning in plain NumPy: random ones, and by hand what random ones hardly reach."""

import re

import numpy as np
import pytest
from kernel_reference import compiled, evaluate, run, words
from kernel_samples import Sample

from chainrule.lower.kernel import FIXED, NEXT, NUMPY_NAMES, STRIDED, Instruction, Kernel, Operand
from chainrule.run.native import engine
from chainrule.run.native.kernel_plan import conflicts, plan
from chainrule.run.native.kernels import kernel_text

KINDS = ("host", "x86-64")
AVX2 = engine.Target(
    engine.target().triple, "haswell", "+avx,+avx2,+fma,+sse4.2"
)  # what most laptops have, and 256-bit vectors without masks


def target_of(kind):
    return AVX2 if kind == "avx2" else engine.target(kind)


def runs_here(kind):
    return kind != "avx2" or "+avx2" in engine.target("host").features.split(",")


def check(sample, target):
    """The native function does what the reference does, on each chunk."""
    first = sample.extents[0]
    chunks = [(0, first // 3), (first // 3, first // 2), (first // 2, first)] if sample.chunked else [(0, first)]
    expected, found = sample.copies(), sample.copies()
    call = compiled(sample.kernel, target)
    for chunk, (begin, end) in enumerate(chunks):
        with np.errstate(all="ignore"):
            code = evaluate(sample.kernel, sample.extents, expected, begin, end, chunk)
        assert run(sample.kernel, sample.extents, found, begin, end, chunk, target, call) == code
    for number, (a, b) in enumerate(zip(found, expected, strict=True)):
        np.testing.assert_array_equal(a, b, err_msg=f"operand {number} of {sample.kernel}")


@pytest.mark.parametrize("kind", [*KINDS, "avx2"])
@pytest.mark.parametrize("start", [0, 1])
def test_random_kernels_do_what_they_mean(kind, start):
    if not runs_here(kind):
        pytest.skip("this processor has no AVX2")
    for seed in range(start * 10**6, start * 10**6 + 60):
        check(Sample(seed, sums=seed % 3 > 0), target_of(kind))


@pytest.mark.nightly
@pytest.mark.parametrize("kind", [*KINDS, "avx2"])
def test_many_random_kernels_do_what_they_mean(kind):
    for seed in range(10**7, 10**7 + 3000):
        check(Sample(seed, sums=seed % 3 > 0), target_of(kind))


def test_random_kernels_are_of_every_sort():
    """Masks, straight-line rows, several sweeps, shared memory, chunks: the random kernels reach them all."""
    samples = [Sample(seed) for seed in range(90)]
    plans = [plan(sample.kernel, AVX2) for sample in samples]
    assert sum(bool(each.pieces) for each in plans) > 5
    assert sum(each.sweeps > 1 for each in plans) > 5
    assert sum(sample.chunked for sample in samples) > 20
    operations = {each.operation for sample in samples for each in sample.kernel.instructions}
    assert {"gather", "scatter", "reduce", "accumulate", "store", "index"} <= operations
    shared = [len({array.ctypes.data for array in sample.arrays if array.size}) for sample in samples]
    assert any(
        count < sum(array.size > 0 for array in each.arrays) for count, each in zip(shared, samples, strict=True)
    )


def folding(fold, type_, extents=(None,), steps=(NEXT,)):
    """A fold over the inner dimension."""
    return Kernel(
        extents,
        (Operand(type_, steps), Operand(type_, (*steps[:-1], FIXED))),
        (
            Instruction("load", type_, operand=0),
            Instruction("reduce", type_, (0,), detail=fold),
            Instruction("store", "", (1,), operand=1),
        ),
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("type_", ["f64", "f32"])
def test_long_sums_stay_within_the_stated_bound(kind, type_):
    """(64 + unroll + log2(width · unroll) + 4) · ε · Σ|x|, whatever the length; NumPy's own is of that size too."""
    random, target = np.random.default_rng(3), engine.target(kind)
    kernel = folding("add", type_)
    chosen = plan(kernel, target)
    call = compiled(kernel, target)
    steps = 64 + chosen.unroll + np.log2(chosen.width * chosen.unroll) + 4
    for size in (0, 1, 5, 63, 64, 2047, 2048, 2049, 100_003, 1_000_000):
        large_first = np.ones(size)  # every block after the first is lost on it, unless rounding errors are collected
        large_first[: size > 0] = 2.0 ** (60 if type_ == "f64" else 31)
        for x in (random.normal(size=size), 1e3 + random.random(size), random.lognormal(0, 4, size), large_first):
            x = x.astype(NUMPY_NAMES[type_])
            out = np.full(1, np.nan, x.dtype)
            assert run(kernel, (size,), [x, out], 0, size, 0, target, call) == 0
            exact = np.sum(x, dtype=np.longdouble)
            assert abs(out[0] - exact) <= steps * np.finfo(x.dtype).eps / 2 * np.abs(x).sum(dtype=np.longdouble)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("columns", [10, None])
def test_sums_over_many_short_rows_do_not_lose_small_numbers(kind, columns):
    kernel = Kernel(
        (None, columns),
        (Operand("f64", (STRIDED, NEXT)), Operand("f64", (FIXED, FIXED))),
        (Instruction("load", "f64", operand=0), Instruction("accumulate", "", (0,), 1, "add")),
    )
    x, out = np.ones((50_000, 10)), np.zeros((1, 1))
    x[0] = 2.0**60
    assert run(kernel, x.shape, [x, out], 0, len(x), 0, engine.target(kind)) == 0
    assert abs(out[0, 0] - (10 * 2.0**60 + 499_990)) <= 80 * 2.0**-53 * 10 * 2.0**60


@pytest.mark.parametrize("kind", KINDS)
def test_sums_of_infinities_are_infinite_and_of_nan_nan(kind):
    target = engine.target(kind)
    kernel = folding("add", "f64")
    for where in (0, 5, 3000, 9999):
        for values, expected in (
            ((np.inf,), np.inf),
            ((-np.inf,), -np.inf),
            ((np.inf, -np.inf), np.nan),
            ((np.nan,), np.nan),
        ):
            x, out = np.ones(10_000), np.zeros(1)
            for place, value in enumerate(values):
                x[(where + 77 * place) % x.size] = value
            run(kernel, x.shape, [x, out], 0, x.size, 0, target)
            np.testing.assert_array_equal(out, [expected])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fold", ["maximum", "minimum"])
@pytest.mark.parametrize("type_", ["f64", "f32", "i64", "i32"])
def test_extremes_hand_on_nan_from_every_place(kind, fold, type_):
    target = engine.target(kind)
    kernel = folding(fold, type_)
    call = compiled(kernel, target)
    for size in (1, 7, 8, 9, 31, 64, 70):
        for place in range(size):
            x = np.arange(size)[::-1].astype(NUMPY_NAMES[type_]) - 5
            x[place] = np.nan if type_[0] == "f" else (1000 if fold == "maximum" else -1000)
            out = np.zeros(1, x.dtype)
            run(kernel, x.shape, [x, out], 0, size, 0, target, call)
            np.testing.assert_array_equal(out[0], getattr(np, fold).reduce(x))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [1, 9, 33])
def test_an_index_outside_stops_with_code_1(kind, size):
    """In any lane, also in the rest of a row; an axis without elements is never read."""
    target = engine.target(kind)
    kernel = Kernel(
        (None,),
        (Operand("i64", (NEXT,)), Operand("f64", (FIXED,), 1), Operand("f64", (NEXT,)), Operand("f64", (FIXED,), 1)),
        (
            Instruction("load", "i64", operand=0),
            Instruction("gather", "f64", (0,), operand=1),
            Instruction("store", "", (1,), operand=2),
            Instruction("scatter", "", (1, 0), operand=3),
        ),
    )
    call = compiled(kernel, target)
    table = np.arange(4.0).reshape(1, 4)
    for place in range(size):
        for index, code in ((3, 0), (4, 1), (-4, 0), (-5, 1), (2**62, 1), (-(2**63), 1)):
            indices, out, added = np.zeros(size, np.int64), np.zeros(size), np.zeros((1, 4))
            indices[place] = index
            assert run(kernel, (size,), [indices, table, out, added], 0, size, 0, target, call) == code
            if not code:
                np.testing.assert_array_equal(out, table[0][indices])
    empty = [np.zeros(size, np.int64), np.zeros((1, 0)), np.zeros(size), np.zeros((1, 4))]
    assert run(kernel, (size,), empty, 0, size, 0, target, call) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_an_index_of_a_row_outside_stops_with_code_1(kind):
    """The rows of a table by number, as embeddings are looked up: the address once per row, then vectors."""
    target = engine.target(kind)
    kernel = Kernel(
        (None, None),
        (Operand("i64", (STRIDED, FIXED)), Operand("f64", (FIXED, NEXT), 1), Operand("f64", (STRIDED, NEXT))),
        (
            Instruction("load", "i64", operand=0),
            Instruction("gather", "f64", (0,), operand=1),
            Instruction("store", "", (1,), operand=2),
        ),
    )
    table = np.arange(60.0).reshape(5, 12)
    for bad, code in ((0, 0), (5, 1), (-6, 1)):
        rows, out = np.array([[3], [bad], [-1]]), np.zeros((3, 12))
        assert run(kernel, (3, 12), [rows, table.T.reshape(1, 12, 5), out], 0, 3, 0, target) == code
        if not code:
            np.testing.assert_array_equal(out, table[rows[:, 0]])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("level", ["inner", "row", "call"])
def test_what_is_required_and_false_stops_with_code_2(kind, level):
    target = engine.target(kind)
    steps = {"inner": (STRIDED, NEXT), "row": (STRIDED, FIXED), "call": (FIXED, FIXED)}[level]
    kernel = Kernel(
        (None, None),
        (Operand("b1", steps),),
        (Instruction("load", "b1", operand=0), Instruction("require", "", (0,))),
    )
    call = compiled(kernel, target)
    shape = tuple(1 if step == FIXED else extent for step, extent in zip(steps, (3, 21), strict=True))
    held = np.ones(shape, bool)
    assert run(kernel, (3, 21), [held], 0, 3, 0, target, call) == 0
    for place in np.ndindex(shape):
        held[place] = False
        assert run(kernel, (3, 21), [held], 0, 3, 0, target, call) == 2
        held[place] = True


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("extent", [3, 11, None])
def test_lanes_outside_a_row_are_not_required(kind, extent):
    kernel = Kernel(
        (None, extent),
        (Operand("f64", (STRIDED, NEXT)),),
        (
            Instruction("load", "f64", operand=0),
            Instruction("literal", "f64", detail=0.5),
            Instruction("less", "b1", (0, 1)),
            Instruction("require", "", (2,)),
        ),
    )
    shape = (2, extent or 11)
    assert run(kernel, shape, [np.zeros(shape)], 0, 2, 0, engine.target(kind)) == 0
    assert run(kernel, shape, [np.eye(*shape)], 0, 2, 0, engine.target(kind)) == 2


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("compiled_in", [True, False])
def test_softmax_in_place_reads_what_it_stored(kind, compiled_in):
    """Three sweeps, the exponentials in the result's own memory in between."""
    target = engine.target(kind)
    for columns in (1, 3, 10, 16, 100):
        memory = Operand("f64", (STRIDED, NEXT))
        kernel = Kernel(
            (None, columns if compiled_in else None),
            (memory, memory, memory),
            (
                Instruction("load", "f64", operand=0),
                Instruction("reduce", "f64", (0,), detail="maximum"),
                Instruction("subtract", "f64", (0, 1)),
                Instruction("exp", "f64", (2,)),
                Instruction("store", "", (3,), operand=1),
                Instruction("reduce", "f64", (3,), detail="add"),
                Instruction("divide", "f64", (3, 5)),
                Instruction("store", "", (6,), operand=2),
            ),
        )
        assert conflicts(kernel) == frozenset()
        x = np.random.default_rng(columns).normal(size=(5, columns)) * 20
        expected = np.exp(x - x.max(1, keepdims=True))
        expected /= expected.sum(1, keepdims=True)
        assert run(kernel, x.shape, [x, x, x], 0, 5, 0, target) == 0
        np.testing.assert_allclose(x, expected, rtol=1e-14)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("columns", [4, None])
def test_what_is_overwritten_is_computed_again(kind, columns):
    """−x is stored, then −x − Σ −x at the same place, and then −x is needed once more."""
    memory = Operand("f64", (STRIDED, NEXT))
    instructions = (
        Instruction("load", "f64", operand=0),
        Instruction("negative", "f64", (0,)),
        Instruction("store", "", (1,), operand=1),
        Instruction("reduce", "f64", (1,), detail="add"),
        Instruction("subtract", "f64", (1, 3)),
        Instruction("store", "", (4,), operand=1),
        Instruction("reduce", "f64", (4,), detail="maximum"),
        Instruction("multiply", "f64", (1, 6)),
        Instruction("store", "", (7,), operand=2),
    )
    kernel = Kernel((None, columns), (memory, memory, memory), instructions)
    target = engine.target(kind)
    loops = plan(Kernel((None, None), kernel.operands, instructions), target)
    assert (loops.reloads(1), loops.reloads(2)) == ({1: 1}, {4: 1})
    x = np.random.default_rng(0).integers(-9, 9, (3, 4)).astype(float)
    arrays = [x, np.zeros_like(x), np.zeros_like(x)]
    assert run(kernel, x.shape, arrays, 0, 3, 0, target) == 0
    moved = -x - (-x).sum(1, keepdims=True)
    np.testing.assert_array_equal(arrays[1], moved)
    np.testing.assert_array_equal(arrays[2], -x * moved.max(1, keepdims=True))


def test_conflicts_are_what_is_read_after_it_was_overwritten():
    """x − max(x) is stored in the second sweep, where x is read: fine; x + Σ (x − max x) reads x in the third."""
    memory = Operand("f64", (STRIDED, NEXT))
    instructions = (
        Instruction("load", "f64", operand=0),
        Instruction("reduce", "f64", (0,), detail="maximum"),
        Instruction("subtract", "f64", (0, 1)),
        Instruction("store", "", (2,), operand=1),
        Instruction("reduce", "f64", (2,), detail="add"),
        Instruction("add", "f64", (0, 4)),
        Instruction("store", "", (5,), operand=2),
    )
    assert conflicts(Kernel((None, None), (memory, memory, memory), instructions)) == {(1, 0)}
    assert conflicts(Kernel((None, None), (memory, memory), instructions[:4])) == frozenset()


@pytest.mark.parametrize("kind", KINDS)
def test_an_element_is_the_same_in_every_place(kind):
    """The main loop, the rest, straight-line code and single elements give the same bits."""
    target = engine.target(kind)
    memory = (Operand("f64", (NEXT,)), Operand("f64", (NEXT,)))
    names = ("tanh", "exp", "log", "sin", "sqrt", "sigmoid")
    for name in names:
        loaded = (Instruction("load", "f64", operand=0), Instruction(name, "f64", (0,)))
        kernel = Kernel((None,), memory, (*loaded, Instruction("store", "", (1,), operand=1)))
        call = compiled(kernel, target)
        x = np.random.default_rng(1).lognormal(0, 2, 203)
        whole = np.zeros_like(x)
        run(kernel, x.shape, [x, whole], 0, x.size, 0, target, call)
        for begin in range(0, 40, 3):
            part = np.zeros_like(x)
            run(kernel, x.shape, [x, part], begin, x.size, 0, target, call)
            np.testing.assert_array_equal(part[begin:], whole[begin:])
            assert not part[:begin].any()
        for extent in (1, 2, 3, 7, 10, 29):
            block = (Operand("f64", (STRIDED, NEXT)), Operand("f64", (STRIDED, NEXT)))
            short = Kernel((None, extent), block, kernel.instructions)
            rows = 203 // extent
            out = np.zeros((rows, extent))
            run(short, out.shape, [x[: rows * extent].reshape(rows, extent), out], 0, rows, 0, target)
            np.testing.assert_array_equal(out.ravel(), whole[: rows * extent])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("type_", NUMPY_NAMES)
def test_literals_are_the_numbers_they_name(kind, type_):
    numbers = {"f": (0.1, -0.0, np.nan, np.inf, 1e300, 5e-324), "i": (0, -1, 2**31 - 1, -(2**31)), "b": (True, False)}[
        type_[0]
    ]
    for number in numbers:
        kernel = Kernel(
            (None,),
            (Operand(type_, (NEXT,)), Operand(type_, (FIXED,))),
            (
                Instruction("literal", type_, detail=number),
                Instruction("store", "", (0,), operand=0),
                Instruction("store", "", (0,), operand=1),
            ),
        )
        out, one = np.zeros(21, NUMPY_NAMES[type_]), np.zeros(1, NUMPY_NAMES[type_])
        assert run(kernel, (21,), [out, one], 0, 21, 0, engine.target(kind)) == 0
        with np.errstate(over="ignore"):
            expected = np.array([number]).astype(NUMPY_NAMES[type_])
        np.testing.assert_array_equal(out, np.broadcast_to(expected, 21))
        np.testing.assert_array_equal(one, expected)


def test_words_follow_the_layout():
    kernel = folding("add", "f64", (None, 7), (STRIDED, NEXT))
    x, out = np.zeros((3, 7)), np.zeros((3, 1))
    assert words(kernel, (3, 7), [x, out]).tolist() == [x.ctypes.data, 56, out.ctypes.data, 8, 3]


def test_a_varying_value_has_no_place_in_a_fixed_operand():
    kernel = Kernel(
        (None,),
        (Operand("f64", (NEXT,)), Operand("f64", (FIXED,))),
        (Instruction("load", "f64", operand=0), Instruction("store", "", (0,), operand=1)),
    )
    with pytest.raises(ValueError, match="stores a value that varies .* reduce the value first"):
        kernel_text(kernel, "kernel", engine.target("x86-64"))


@pytest.mark.parametrize("triple", ["aarch64-unknown-linux-gnu"])
def test_other_processors_get_code_too(triple):
    target = engine.target(triple)
    for seed in range(40):
        part = kernel_text(Sample(seed).kernel, f"kernel{seed}", target)
        text = "\n".join([*sorted(part.declarations), *part.functions.values(), part.text])
        assert re.search(rf"^kernel{seed}:", engine.assembly(text, target), re.MULTILINE)
