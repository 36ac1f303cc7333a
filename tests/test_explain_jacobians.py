"""Local Jacobians: the structure read from the rules is the true Jacobian, reads as a person would write it, and is checked."""

import importlib
import warnings
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from primitive_cases import cases, numbers, restricted
from random_programs import programs

import chainrule as cr
from chainrule.boxes import Letter, Row, Sign
from chainrule.explain.algebra import number
from chainrule.explain.checks import check_document
from chainrule.explain.combine import added, chain, diagonal, kron, places, scaled, vector
from chainrule.explain.document import Display, Document, Paragraph
from chainrule.explain.expression import Symbol
from chainrule.explain.jacobian_section import jacobian_section
from chainrule.explain.jacobians import (
    MOST,
    check_jacobian,
    check_path,
    jacobian_checks,
    jacobian_of,
    jacobians_of,
)
from chainrule.explain.printing.document_html import print_html
from chainrule.explain.printing.document_latex import print_latex
from chainrule.explain.printing.document_text import print_text
from chainrule.explain.printing.text import text_of
from chainrule.explain.program import Request, prepare
from chainrule.explain.steps import passes_of
from chainrule.explain.structures import Identity, Names, Ones, Places, Zero
from chainrule.primitive import primitives
from chainrule.trees import leaves

RNG = np.random.default_rng(7)


def made(f, *args, wrt=None, **options):
    graph = cr.trace(f, *args)
    wanted = tuple(node for node in graph.inputs if wrt is None or node.name in wrt)
    program = prepare(Request(graph, wanted, title=f.__name__, **options))
    return program, passes_of(program)


def section(program, passes, level="result"):
    return Document("f", jacobian_section(program, passes, level, "en"), "en")


def lines_of(document):
    """The lines of a section, each as its left side and the formulas after it."""
    found = {}
    for block in document.blocks:
        if isinstance(block, Display):
            for line in block.lines:
                found[text_of(line.left)] = [text_of(box) for _, box in line.steps]
    return found


def edges(program, passes):
    texts = program.naming.texts
    return {(texts[one.use.block.node], texts[one.source]): one for one in jacobians_of(program, passes).edges}


def all_hold(program, passes):
    checks = jacobian_checks(program, passes) + check_document(section(program, passes))
    return bool(checks) and all(check.holds for check in checks)


def formula(one):
    return text_of(one.structure.operand(Names())[0])


def worked(name):
    module = importlib.import_module(f"examples.worked.{name}")
    (f,) = (v for v in vars(module).values() if callable(v) and getattr(v, "__module__", "") == module.__name__)
    return made(f, *module.POINT.values(), wrt=module.WRT)


# -- the worked examples ------------------------------------------------------------------------------------------------
def test_b3_each_node_has_its_matrix_and_shape_and_their_product_is_the_gradient():
    program, passes = worked("b3_slope_vectorised")
    found = edges(program, passes)
    x, z2 = np.array([1.0, 2.0, 4.0]), np.array([2.0, 1.0, 3.0]) - 0.5 * np.array([1.0, 2.0, 4.0])
    expected = {
        ("z1", "theta"): ((3, 1), "", x[:, None], "x"),
        ("z2", "z1"): ((3, 3), "identity", -np.eye(3), "−I"),
        ("L", "z2"): ((3, 3), "diagonal", np.diag(2 * z2), "diag(2z₂)"),
        ("J", "L"): ((1, 3), "ones", np.full((1, 3), 1 / 3), "(1/3) 𝟏ᵀ"),
    }
    assert list(found) == list(expected)
    for key, (shape, kind, matrix, written) in expected.items():
        one = found[key]
        assert (one.shape, one.kind, formula(one)) == (shape, kind, written)
        np.testing.assert_allclose(one.value, matrix, rtol=1e-15)
    (path,) = jacobians_of(program, passes).paths
    np.testing.assert_allclose(path.product.matrix().T.ravel(), [np.mean(-2 * x * z2)], rtol=1e-14)
    lines = lines_of(section(program, passes))
    product = lines["∂J/∂θ"]
    assert product[0] == "∂J/∂L · ∂L/∂z₂ · ∂z₂/∂z₁ · ∂z₁/∂θ"
    assert product[2] == "−(2/3) z₂ᵀ x"
    assert all_hold(program, passes)


@pytest.mark.parametrize(("name", "columns"), [("b6_line_vectorised", 1), ("b9_plane_vectorised", 3)])
def test_the_other_vectorised_regressions(name, columns):
    program, passes = worked(name)
    found = edges(program, passes)
    assert formula(found["z2", "z1"]) == "−I"
    assert formula(found["L", "z2"]) == "diag(2z₂)"
    paths = jacobians_of(program, passes).paths
    assert len(paths) == len(program.request.wanted)
    for path in paths:
        assert path.product.columns == columns
        gradient = program.gradients[path.source]
        np.testing.assert_allclose(path.product.matrix().reshape(np.shape(gradient)), gradient, rtol=1e-13)
    assert all_hold(program, passes)


def test_c2_a_matrix_has_a_kronecker_product():
    program, passes = worked("c2_norm_of_a_linear_map")
    found = edges(program, passes)
    assert formula(found["q", "W"]) == "I₂ ⊗ xᵀ"
    assert found["q", "W"].kind == "kronecker"
    assert formula(found["q", "x"]) == "W"
    assert formula(found["f", "q"]) == "2qᵀ"
    product = next(path.product for path in jacobians_of(program, passes).paths if path.product.columns == 4)
    np.testing.assert_allclose(product.matrix(), [[0.088, 0.176, 0.104, 0.208]], rtol=1e-12)
    assert all_hold(program, passes)


def test_c3_has_a_jacobian_for_each_edge_and_no_product_where_paths_branch():
    program, passes = worked("c3_network_with_l2")
    found = edges(program, passes)
    assert formula(found["a", "W"]) == "I₃ ⊗ xᵀ"
    assert found["h", "a"].kind == "diagonal"
    assert jacobians_of(program, passes).paths == ()
    assert all_hold(program, passes)


# -- structures of arrays -----------------------------------------------------------------------------------------------
def batch_network(X, W, b, Y):
    S = X @ W + b
    P = cr.softmax(S, axis=1)
    J = -np.mean(np.sum(Y * np.log(P), axis=1))
    return J


def test_a_batch_network():
    args = (RNG.normal(size=(4, 2)), RNG.normal(size=(2, 3)), RNG.normal(size=3), np.abs(RNG.normal(size=(4, 3))))
    program, passes = made(batch_network, *args, wrt=("W", "b"))
    found = edges(program, passes)
    assert formula(found["S", "W"]) == "X ⊗ I₃"
    assert formula(found["S", "b"]) == "𝟏₄ ⊗ I₃"
    assert formula(found["P", "S"]) == "diag(vec(P)) − diag(vec(P))·(I₄ ⊗ (𝟏₃ 𝟏₃ᵀ)) · diag(vec(P))"
    p = program.symbols[found["P", "S"].use.block.node].value
    blocks = np.zeros((12, 12))
    for i, row in enumerate(p):
        blocks[3 * i : 3 * i + 3, 3 * i : 3 * i + 3] = np.diag(row) - np.outer(row, row)
    np.testing.assert_allclose(found["P", "S"].value, blocks, atol=1e-15)
    assert all_hold(program, passes)


def moving(x):
    a = x[1:4]
    b = x[np.array([0, 0, 2])]
    c = np.concatenate([a, b])
    d = np.flip(c)
    s = np.sum(d**2)
    return s


def test_slices_gathers_and_joins_are_selections_and_a_flip_a_permutation():
    program, passes = made(moving, RNG.normal(size=5))
    found = edges(program, passes)
    assert [found[key].kind for key in [("a", "x"), ("b", "x"), ("c", "a"), ("d", "c")]] == [
        "selection", "selection", "selection", "permutation",
    ]  # fmt: skip
    np.testing.assert_array_equal(found["b", "x"].value, np.eye(5)[[0, 0, 2]])
    np.testing.assert_array_equal(found["c", "a"].value, np.eye(6, 3))
    np.testing.assert_array_equal(found["d", "c"].value, np.eye(6)[::-1])
    assert all_hold(program, passes)


def rearranged(A):
    B = A.T
    C = B.reshape(2, 3)
    m = np.max(C, axis=1)
    s = np.sum(m**2)
    return s


def test_a_transpose_is_a_permutation_a_reshape_the_identity_a_maximum_a_selection():
    A = np.array([[1.0, 5.0, 2.0], [4.0, 0.0, 7.0]])
    program, passes = made(rearranged, A)
    found = edges(program, passes)
    order = np.arange(6).reshape(2, 3).T.ravel()
    np.testing.assert_array_equal(found["B", "A"].value, np.eye(6)[order])
    assert found["B", "A"].kind == "permutation"
    assert isinstance(found["C", "B"].structure, Identity)
    assert found["m", "C"].kind == "selection" or formula(found["m", "C"]).startswith("(I₂ ⊗ 𝟏₃ᵀ)")
    np.testing.assert_array_equal(found["m", "C"].value.sum(axis=1), [1, 1])
    assert all_hold(program, passes)


def embedded(E, W):
    h = E[np.array([3, 1, 1, 0])]
    r = cr.relu(h @ W)
    s = np.sum(r)
    return s


def test_rows_of_a_table_move_as_a_whole_and_relu_is_diagonal():
    program, passes = made(embedded, RNG.normal(size=(5, 4)), RNG.normal(size=(4, 2)))
    found = edges(program, passes)
    assert formula(found["h", "E"]) == "S ⊗ I₄"
    assert found["h", "E"].kind == "selection"
    assert formula(found["r", "W"]).startswith("diag(vec(")
    assert all_hold(program, passes)


def others(a, b):
    M = np.outer(a, b)
    d = np.diag(M)
    n = np.linalg.norm(a)
    c = np.cumsum(b)
    p = np.pad(d, 1)
    w = np.where(c > 0, c, 3 * c)
    i = np.linalg.inv(M + 3 * np.eye(3))
    s = np.sum(p) * n + np.sum(w) + np.sum(i)
    return s


def test_other_operations_have_their_structure_or_their_numbers():
    program, passes = made(others, RNG.normal(size=3), RNG.normal(size=3))
    found = edges(program, passes)
    np.testing.assert_array_equal(found["c", "b"].value, np.tril(np.ones((3, 3))))
    assert found["d", "M"].kind == "selection"
    assert formula(found["M", "a"]).startswith("I₃ ⊗")
    assert formula(found["i", "M"]) == "−(i ⊗ iᵀ)"
    assert formula(found["n", "a"]) == "(1/n) aᵀ"
    assert all_hold(program, passes)


def test_a_vector_of_results_with_a_gradient_from_above():
    def f(x):
        y = 3 * x
        z = np.tanh(y)
        return z

    program, passes = made(f, RNG.normal(size=3), above=np.array([1.0, 2.0, 3.0]))
    (path,) = jacobians_of(program, passes).paths
    assert (path.product.rows, path.product.columns) == (3, 3)
    assert all_hold(program, passes)


def test_single_precision_and_stopped_gradients():
    def f(x, W):
        y = x @ W
        z = cr.stop_gradient(y) * y
        s = np.sum(z)
        return s

    program, passes = made(f, RNG.normal(size=3).astype(np.float32), RNG.normal(size=(3, 2)).astype(np.float32))
    found = edges(program, passes)
    assert found["z", "y"].kind == "diagonal"
    assert all_hold(program, passes)


# -- every operation ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", sorted(primitives))
def test_the_jacobian_of_every_operation_is_read_printed_and_holds(name):
    """On the samples of its declaration; what is claimed is compared with the engine and with differences."""
    for case in cases(primitives[name]):
        moving = numbers(case)
        if not moving or any(np.asarray(case.inputs[index]).dtype.kind != "f" for index in moving):
            continue
        run = restricted(case, moving)

        def first(*args, run=run):
            return leaves(run(*args))[0]

        with np.errstate(all="ignore"):
            graph = cr.trace(first, *(case.inputs[index] for index in moving))
            result = graph.outputs[0].value
            if np.asarray(result).dtype.kind != "f":
                continue
            above = np.random.default_rng(0).normal(size=np.shape(result))
            program = prepare(Request(graph, graph.inputs, title="f", above=above))
            passes = passes_of(program)
            document = section(program, passes)
            checks = jacobian_checks(program, passes) + check_document(document)
        assert all(check.holds for check in checks), str(case)
        assert print_text(document, 100, False)


@settings(deadline=None, max_examples=40, suppress_health_check=list(HealthCheck))
@given(programs())
def test_the_jacobians_of_random_programs_hold(written):
    """Checked twice over: the engine's own gradients of each line, and differences of each line."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        program, passes = made(written.function(), *written.arguments.values())
        document = section(program, passes)
        checks = jacobian_checks(program, passes) + check_document(document)
    assert [check for check in checks if not check.holds] == []
    assert print_text(document, 100, False)


# -- large ones ---------------------------------------------------------------------------------------------------------
def test_a_large_jacobian_is_a_structure_and_is_compared_along_random_directions():
    def f(X, w):
        z = X @ w
        h = np.log1p(np.exp(-z))
        J = np.mean(h)
        return J

    program, passes = made(f, RNG.normal(size=(500, 40)), RNG.normal(size=40), wrt=("w",))
    found = edges(program, passes)
    assert (found["z", "w"].shape, formula(found["z", "w"])) == ((500, 40), "X")
    assert (found["h", "z"].shape, found["h", "z"].kind, found["h", "z"].value) == ((500, 500), "diagonal", None)
    assert all_hold(program, passes)
    wrong = replace(found["h", "z"], structure=scaled(number(1.001), found["h", "z"].structure))
    assert not check_jacobian(program, wrong).holds


def test_what_has_no_structure_and_is_large_is_told_by_its_shape():
    def f(x):
        c = np.cumsum(x)
        s = np.sum(c**2)
        return s

    program, passes = made(f, RNG.normal(size=40))
    document = section(program, passes)
    assert "∂c/∂x ∈ ℝ^(40×40)" in print_text(document, 100, False)
    assert all_hold(program, passes)


def test_no_more_than_a_page_or_two_of_them_and_the_rest_is_counted():
    def f(x):
        for _ in range(50):
            x = x * 0.5 + 1
        return np.sum(x)

    program, passes = made(f, np.ones(3))
    found = jacobians_of(program, passes)
    assert len(found.edges) == MOST
    assert found.left_out == 51 - MOST
    text = print_text(section(program, passes), 100, False)
    assert f"{51 - MOST} more Jacobians are not printed." in text


# -- where there is none ------------------------------------------------------------------------------------------------
def test_programs_of_numbers_and_short_levels_have_no_section():
    def square(x, y):
        w = x + y
        z = w**2
        return z

    program, passes = made(square, 1.0, 2.0)
    assert jacobian_section(program, passes, "result", "en") == ()
    assert jacobian_checks(program, passes) == []
    program, passes = worked("b3_slope_vectorised")
    assert jacobian_section(program, passes, "summary", "en") == ()
    assert jacobian_section(program, passes, "rule", "en") == ()


def test_complex_values_have_no_real_jacobian():
    def f(z):
        w = z * 2
        s = np.sum(np.abs(w) ** 2)
        return s

    program, passes = made(f, np.array([1 + 2j, 3 - 1j]))
    assert jacobians_of(program, passes).edges == ()
    assert jacobian_section(program, passes, "result", "en") == ()


def test_complex_numbers_inside_a_line_leave_a_real_jacobian():
    def f(x):
        y = np.real((x * 1j) * 2j)
        w = np.abs(np.fft.rfft(x)) ** 2
        s = np.sum(y) + np.sum(w)
        return s

    program, passes = made(f, RNG.normal(size=4))
    found = edges(program, passes)
    np.testing.assert_allclose(found["y", "x"].value, -2 * np.eye(4))
    assert found["w", "x"].value.dtype.kind == "f"
    assert all_hold(program, passes)


@pytest.mark.filterwarnings("ignore:divide by zero")
def test_where_the_slope_is_infinite_nothing_is_claimed_to_be_wrong():
    def f(x):
        y = np.sqrt(x)
        s = np.sum(y)
        return s

    program, passes = made(f, np.array([0.0, 1.0]))
    assert all(check.holds for check in jacobian_checks(program, passes) + check_document(section(program, passes)))


# -- wrong ones are found -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "wrong",
    [
        lambda s: scaled(number(-1), s),
        lambda s: scaled(number(1.0001), s),
        lambda s: Zero(s.rows, s.columns),
        lambda s: added(s, Ones(s.rows, s.columns)),
    ],
)
def test_a_planted_wrong_structure_fails_its_check(wrong):
    program, passes = worked("c3_network_with_l2")
    for one in jacobians_of(program, passes).edges:
        assert check_jacobian(program, one).holds
        check = check_jacobian(program, replace(one, structure=wrong(one.structure)))
        assert not check.holds
        assert check.kind == "jacobian"
        assert check.line.startswith("∂")


def test_a_planted_wrong_product_fails_its_check_and_its_line():
    program, passes = worked("b3_slope_vectorised")
    found = jacobians_of(program, passes)
    bad = replace(found.paths[0], product=scaled(number(2), found.paths[0].product))
    assert not check_path(program, bad).holds
    document = Document("f", jacobian_section(program, passes, "result", "en", replace(found, paths=(bad,))), "en")
    assert not all(check.holds for check in check_document(document))


def test_a_wrong_rule_is_found_by_differences(monkeypatch):
    """Engine and formula agree, since both are the same wrong rule; how the block changes does not."""
    primitive = primitives["tanh"]
    right = primitive.vjp
    monkeypatch.setattr(type(primitive), "__setattr__", object.__setattr__)
    monkeypatch.setattr(primitive, "vjp", tuple(lambda g, y, *x, rule=rule: rule(g, y, *x) * 2.0 for rule in right))

    def f(x):
        y = np.tanh(x)
        s = np.sum(y)
        return s

    program, passes = made(f, np.array([0.1, 0.2]))
    checks = jacobian_checks(program, passes)
    assert [check.line for check in checks if not check.holds] == ["∂y/∂x"]


# -- properties ---------------------------------------------------------------------------------------------------------
sizes = st.integers(1, 4)


def jacobian_from_engine(f, args, position, shape):
    """One gradient for each element of the result: no structure takes part."""
    result = np.asarray(f(*args))
    rows = []
    for index in np.ndindex(result.shape):
        gradient = cr.grad(lambda *values, index=index: f(*values)[index] * 1.0, wrt=position)(*args)
        rows.append(np.asarray(gradient).ravel())
    return np.array(rows).reshape(result.size, int(np.prod(shape, dtype=int)))


@settings(deadline=None, max_examples=60)
@given(sizes, sizes, sizes, st.sampled_from(["mm", "mv", "vm", "vv", "bm", "tm"]), st.integers(0, 2**31))
def test_products_of_matrices_and_vectors_of_any_shape(m, k, n, form, seed):
    rng = np.random.default_rng(seed)
    shapes = {
        "mm": ((m, k), (k, n)), "mv": ((m, k), (k,)), "vm": ((k,), (k, n)), "vv": ((k,), (k,)),
        "bm": ((2, m, k), (k, n)), "tm": ((k, m), (k, n)),
    }  # fmt: skip
    A, B = (rng.normal(size=shape) for shape in shapes[form])

    def f(A, B):
        C = 2 * (A.T @ B) if form == "tm" else A @ B
        return np.atleast_1d(C)

    def program_of(A, B):
        C = f(A, B)
        L = np.sum(C**2)
        return L

    program, passes = made(program_of, A, B)
    uses = {step.symbol.shape: step for step in passes.forward if len(step.block.sources) == 2}
    (use,) = uses.values()
    for position, source in enumerate(program.request.graph.inputs):
        one = jacobian_of(program, use, source)
        expected = jacobian_from_engine(f, (A, B), position, (A, B)[position].shape)
        np.testing.assert_allclose(one.structure.matrix(), expected, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(one.structure.forward(np.eye(one.shape[1])), expected, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(one.structure.back(np.eye(one.shape[0])), expected.T, rtol=1e-12, atol=1e-12)
    assert all(check.holds for check in jacobian_checks(program, passes))


@settings(deadline=None, max_examples=60)
@given(st.lists(sizes, min_size=1, max_size=3), st.data())
def test_sums_means_and_spreading_over_any_axes(shape, data):
    axes = tuple(sorted(data.draw(st.sets(st.integers(0, len(shape) - 1), min_size=1))))
    keepdims = data.draw(st.booleans())
    x = np.random.default_rng(len(shape)).normal(size=shape)

    def f(x):
        m = np.mean(x, axis=axes, keepdims=True)
        y = (x - m) * np.exp(m)
        s = np.sum(y**2, axis=axes, keepdims=keepdims)
        total = np.sum(s * s)
        return total

    program, passes = made(f, x)
    assert all_hold(program, passes)


@settings(deadline=None, max_examples=100)
@given(st.data())
def test_structures_put_together_are_the_matrices_put_together(data):
    rng = np.random.default_rng(data.draw(st.integers(0, 2**31)))

    def one(rows, columns):
        choices = [Ones(rows, columns), Zero(rows, columns), places(rng.integers(-1, columns, rows), columns)]
        if rows == columns:
            entries = program_symbol(rng.normal(size=rows))
            choices += [Identity(rows), diagonal(entries, (rows,)), scaled(number(3), Identity(rows))]
        if columns == 1:
            choices.append(vector(program_symbol(rng.normal(size=rows)), (rows,), False))
        if rows == 1:
            choices.append(vector(program_symbol(rng.normal(size=columns)), (columns,), True))
        return data.draw(st.sampled_from(choices))

    a, b, c, d = (data.draw(sizes) for _ in range(4))
    left, middle, right, beside = one(a, b), one(b, c), one(c, d), one(a, b)
    close = {"rtol": 1e-12, "atol": 1e-12}
    np.testing.assert_allclose(
        chain(left, middle, right).matrix(), left.matrix() @ middle.matrix() @ right.matrix(), **close
    )
    np.testing.assert_allclose(kron(left, middle).matrix(), np.kron(left.matrix(), middle.matrix()), **close)
    np.testing.assert_allclose(added(left, beside).matrix(), left.matrix() + beside.matrix(), **close)
    first, second = kron(left, right), kron(middle, one(d, a))
    np.testing.assert_allclose(chain(first, second).matrix(), first.matrix() @ second.matrix(), **close)
    assert chain(first, second).forward(np.eye(second.columns)).shape == (first.rows, second.columns)


def program_symbol(value):
    return Symbol(("test", id(value)), Letter("x"), value)


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 4), st.integers(1, 4), st.integers(0, 2**31))
def test_places_that_move_together_leave_an_identity(count, width, seed):
    rng = np.random.default_rng(seed)
    outer = rng.integers(-1, count, 3)
    place = np.where(outer[:, None] >= 0, outer[:, None] * width + np.arange(width), -1).ravel()
    np.testing.assert_array_equal(
        places(place, count * width, (width,)).matrix(), Places(place, count * width).matrix()
    )
    inner = rng.integers(0, width, 2)
    place = (inner + np.arange(count)[:, None] * width).ravel()
    np.testing.assert_array_equal(
        places(place, count * width, (width,)).matrix(), Places(place, count * width).matrix()
    )


# -- on paper -----------------------------------------------------------------------------------------------------------
def test_every_printer_writes_the_section():
    program, passes = worked("c2_norm_of_a_linear_map")
    document = section(program, passes)
    latex, html = print_latex(document, False), print_html(document, False)
    assert r"I_{2} \otimes x^{\top}" in latex
    assert "⊗" in html
    text = print_text(document, 100, False)
    assert "2 × 4 · a Kronecker product" in text
    assert "A ⊗ B is the Kronecker product" in text


def test_the_names_level_has_formulas_and_no_numbers():
    program, passes = worked("b3_slope_vectorised")
    lines = lines_of(section(program, passes, "names"))
    assert lines["∂z₂/∂z₁"] == ["−I"]
    assert lines["∂L/∂z₂"] == ["diag(2z₂)"]


def test_names_of_the_program_are_not_taken_for_matrices():
    def f(x, I, P):  # noqa: E741 the name is what is tested
        y = np.flip(x) * P
        z = y - x
        s = np.sum(z * I)
        return s

    program, passes = made(f, np.ones(3), np.ones(3) * 2, np.ones(3), wrt=("x",))
    text = print_text(section(program, passes), 100, False)
    assert "Id is the identity matrix" in text
    assert "Π: a single 1" in text
    assert all_hold(program, passes)


def test_paragraphs_explain_only_what_stands_there():
    program, passes = worked("b3_slope_vectorised")
    notes = [
        block for block in section(program, passes).blocks if isinstance(block, Paragraph) and block.role == "note"
    ]
    said = "".join(part if isinstance(part, str) else text_of(part) for note in notes for part in note.parts)
    assert "identity" in said
    assert "Kronecker" not in said
    assert "vec" not in said


def test_a_structure_draws_itself_in_boxes():
    box, level = kron(Identity(2), Ones(1, 3)).operand(Names())
    assert level == 18
    assert isinstance(box, Row)
    assert Sign("⊗") in box.items
