"""Names of programs as boxes: what is lowered, accented or Greek, and that no two names look the same."""

# The letters of mathematics are meant here, not the Latin ones that look like them.
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.boxes import Accent, Letter, Numeral, Row, Scripts, Sign, Word
from chainrule.explain.printing.latex import latex_of
from chainrule.explain.printing.mathml import mathml_of
from chainrule.explain.printing.text import text_of
from chainrule.symbols import GREEK, symbol_of, symbols_of

READ = {
    "x": "x", "x0": "x₀", "x_0": "x₀", "theta1": "θ₁", "theta_1": "θ₁", "W1": "W₁", "W_1": "W₁", "w12": "w₁₂",
    "w_1_2": "w_{1,2}", "y_hat": "ŷ", "yhat": "ŷ", "y_hat_1": "ŷ₁", "yhat1": "ŷ₁", "x_bar": "x̄", "xbar": "x̄",
    "x_tilde": "x̃", "theta_hat": "θ̂", "thetahat": "θ̂", "x_dot": "ẋ", "W_hh": "Wₕₕ", "W_xh": "Wₓₕ", "lam": "λ",
    "lambda_": "λ", "lmbda": "λ", "lambda_1": "λ₁", "eps": "ε", "epsilon": "ε", "Sigma": "Σ", "mu": "μ",
    "mu_x": "μₓ", "alpha": "α", "beta1": "β₁", "phi": "φ", "ell": "ℓ", "dW": "dW", "dW1": "dW₁", "dtheta": "dθ",
    "d_loss": "dₗₒₛₛ", "learning_rate": "learning_rate", "lr": "lr", "loss": "loss", "total_loss": "total_loss",
    "total_loss_2": "total_loss₂", "loss_1": "loss₁", "loss_i": "lossᵢ", "loss1": "loss₁", "h1": "h₁", "x_i": "xᵢ",
    "x_in": "xᵢₙ", "h_next": "hₙₑₓₜ", "y_true": "yₜᵣᵤₑ", "y_pred": "y_pred", "n_samples": "nₛₐₘₚₗₑₛ", "x_new_2": "x_{new,2}",
    "x_T": "x_T", "x_prime": "x′", "w_star": "w*", "w_star_1": "w₁*", "_x": "x", "__x": "x", "x_": "x", "_": "_", "__": "__",
    "_1": "_1", "conv1d": "conv1d", "x2y": "x2y", "layers[0]": "layers₀", "w[0]": "w₀", "W[0][1]": "W_{0,1}",
    "self.w": "w", "self.W1": "W₁", "params['my key']": "params['my key']", "x_alpha": "x_α", "alpha_s": "αₛ",
    "what": "what", "that": "that", "x_hat_bar": "x_hat_bar", "손실": "손실", "손실1": "손실₁", "가중치_2": "가중치₂",
    "θ": "θ", "θ1": "θ₁", "ŷ": "ŷ", "é": "é", "sigma2": "σ₂", "relu1": "relu₁", "x_normalisation": "x_normalisation",
    "hidden_layer_size": "hidden_layer_size", "W1_hidden": "W_{1,hidden}", "hbar": "ℏ", "Alpha": "Alpha", "i": "i",
}  # fmt: skip


@pytest.mark.parametrize("name", READ)
def test_a_name_reads_as_a_person_writes_it(name: str) -> None:
    assert text_of(symbol_of(name)) == READ[name]


def test_the_boxes_are_the_ones_that_a_formula_is_made_of() -> None:
    assert symbol_of("theta1") == Scripts(Letter("θ"), below=Numeral("1"))
    assert symbol_of("y_hat") == Accent(Letter("y"), "hat")
    assert symbol_of("x_in") == Scripts(Letter("x"), below=Word("in"))
    assert symbol_of("W_hh") == Scripts(Letter("W"), below=Letter("hh"))
    assert symbol_of("x_new_2") == Scripts(Letter("x"), below=Row((Word("new"), Sign(","), Numeral("2"))))
    assert symbol_of("ŷ") == Accent(Letter("y"), "hat")


@pytest.mark.parametrize(
    "names",
    [
        ("theta1", "theta_1", "θ1", "θ_1"),
        ("x", "_x", "x_", "_x_", "self.x"),
        ("lam", "lambda_", "lmbda", "λ"),
        ("phi", "varphi", "φ"),
        ("x_T_", "x_T", "_x_T"),
        ("layers[0]", "layers0", "layers_0"),
        ("yhat", "y_hat", "ŷ"),
        ("y_hat1", "yhat_1", "y1_hat"),
        ("w12", "w_12", "w_1_2", "w1_2"),
        ("W_hh", "W_h_h"),
    ],
)
def test_colliding_names_are_told_apart_in_every_printer(names: tuple[str, ...]) -> None:
    boxes = symbols_of(names)
    assert list(boxes) == list(dict.fromkeys(names))
    for printer in (text_of, latex_of, mathml_of):
        printed = [printer(box) for box in boxes.values()]
        assert len(set(printed)) == len(printed), printed


def test_the_first_name_keeps_the_symbol_and_the_later_one_its_spelling() -> None:
    assert [text_of(box) for box in symbols_of(["theta1", "theta_1"]).values()] == ["θ₁", "theta_1"]


def test_a_name_asked_for_twice_has_one_box() -> None:
    assert len(symbols_of(["x", "x"])) == 1


PARTS = st.sampled_from(
    [*GREEK, "x", "W", "y", "loss", "hat", "bar", "prime", "star", "1", "12", "in", "hh", "T", "θ", "손실", "_"]
)
NAMES = st.lists(PARTS, min_size=1, max_size=4).flatmap(
    lambda parts: st.sampled_from(["_".join(parts), "".join(parts), "_".join(parts) + "_"])
)


@given(st.lists(NAMES, min_size=1, max_size=12, unique=True))
def test_no_two_names_of_a_program_print_the_same(names: list[str]) -> None:
    printed = [text_of(box) for box in symbols_of(names).values()]
    assert len(set(printed)) == len(names), dict(zip(names, printed, strict=True))


@given(st.text(max_size=8))
def test_any_name_has_a_symbol_in_every_printer(name: str) -> None:
    box = symbol_of(name)
    assert isinstance(text_of(box) + latex_of(box) + mathml_of(box), str)
