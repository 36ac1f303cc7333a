"""The formulas that each worked example has to come out with, as text: file and point → lines of its derivation.

A line is written as it stands on paper, `left = a = b`. The derivation must have a line with that left side on which these sides
stand in this order; it may have more sides between them. Spaces do not count. The table of worked examples is the source, not the
program's output.
"""

from __future__ import annotations

Point = tuple[str, int]  # file, number of the point

A: dict[Point, tuple[str, ...]] = {
    ("a1_shopping", 0): (
        "apples ← apple·apple_count = 100·2 = 200",
        "oranges ← orange·orange_count = 150·3 = 450",
        "fruit ← apples + oranges = 200 + 450 = 650",
        "total ← fruit·tax = 650·1.1 ≈ 715",
        "∂total/∂tax = fruit = 650",
        "∂total/∂fruit = tax = 1.1",
        "∂total/∂apple = ∂total/∂apples · ∂apples/∂apple = ∂total/∂apples · apple_count = 1.1·2 = 2.2",
        "∂total/∂apple_count = ∂total/∂apples · apple = 1.1·100 ≈ 110",
        "∂total/∂orange = ∂total/∂oranges · orange_count = 1.1·3 ≈ 3.3",
        "∂total/∂orange_count = ∂total/∂oranges · orange = 1.1·150 = 165",
        "∂total/∂apple = tax·apple_count",
        "∂total/∂orange_count = tax·orange",
    ),
    ("a2_square_of_a_sum", 0): (
        "w ← x + y",
        "z ← w²",
        "∂z/∂w = 2w",
        "∂z/∂x = ∂z/∂w · ∂w/∂x = ∂z/∂w · 1",
        "∂z/∂x = ∂z/∂w · ∂w/∂x = 2w·1 = 2·2·1 = 4",
        "∂z/∂y = ∂z/∂w · ∂w/∂y = 2w·1 = 2·2·1 = 4",
        "∂z/∂x = 2w = 2(x + y)",
        "∂z/∂y = 2w = 2(x + y)",
    ),
    ("a3_add_node", 0): ("∂L/∂x = g · ∂z/∂x = g·1 = 1.5·1 = 1.5", "∂L/∂y = g · ∂z/∂y = g·1 = 1.5·1 = 1.5"),
    ("a4_multiply_node", 0): (
        "z ← x y = 2·(−3) = −6",
        "∂L/∂x = g · ∂z/∂x = g·y = 1.5·(−3) = −4.5",
        "∂L/∂y = g · ∂z/∂y = g·x = 1.5·2 = 3",
    ),
    ("a5_max_node", 0): (
        "∂L/∂a = g · ∂z/∂a = g·1[a > b] = 1.5·1[3 > 1] = 1.5",
        "∂L/∂b = g · ∂z/∂b = g·1[b > a] = 1.5·1[1 > 3] = 0",
    ),
    ("a5_max_node", 1): (
        "∂L/∂a = g · ∂z/∂a = g·1[a > b] = 1.5·1[−2 > 0.5] = 0",
        "∂L/∂b = g · ∂z/∂b = g·1[b > a] = 1.5·1[0.5 > −2] = 1.5",
    ),
    ("a5_max_node", 2): (
        "∂L/∂a = g · ∂z/∂a = g·(1[a > b] + 1/2 · 1[a = b]) = 1.5·(1[1.5 > 1.5] + 1/2 · 1[1.5 = 1.5]) = 0.75",
        "∂L/∂b = g · ∂z/∂b = g·(1[b > a] + 1/2 · 1[b = a]) = 1.5·(1[1.5 > 1.5] + 1/2 · 1[1.5 = 1.5]) = 0.75",
    ),
    ("a6_sigmoid_node", 0): (
        "s ← σ(a) = σ(0.5) ≈ 0.622459",
        "∂L/∂a = g · ∂s/∂a = g·s(1 − s) ≈ 1.5·0.622459(1 − 0.622459) ≈ 0.352506",
    ),
    ("a7_product_graph", 0): (
        "q ← x + y = −2 + 5 = 3",
        "f ← q z = 3·(−4) = −12",
        "L ← (target − f)² = (−10 − (−12))² = 4",
        "∂L/∂L = 1",
        "∂L/∂f = −2(target − f) = −2(−10 − (−12)) = −4",
        "∂L/∂q = ∂L/∂f · ∂f/∂q = ∂L/∂f · z = (−4)·(−4) = 16",
        "∂L/∂z = ∂L/∂f · ∂f/∂z = ∂L/∂f · q = (−4)·3 = −12",
        "∂L/∂x = ∂L/∂q · ∂q/∂x = ∂L/∂q · 1 = 16·1 = 16",
        "∂L/∂y = ∂L/∂q · ∂q/∂y = ∂L/∂q · 1 = 16·1 = 16",
        "∂L/∂x = ∂L/∂f · ∂f/∂q · ∂q/∂x",
        "x ← x − lr · ∂L/∂x = −2 − 0.01·16 = −2.16",
        "y ← y − lr · ∂L/∂y = 5 − 0.01·16 = 4.84",
        "z ← z − lr · ∂L/∂z = −4 − 0.01·(−12) = −3.88",
    ),
    ("a8_composition", 0): (
        "mid ← x² = 2² = 4",
        "out ← 1/mid = 1/4 = 0.25",
        "∂out/∂x = ∂out/∂mid · ∂mid/∂x = −0.25",
        "∂out/∂x = −2/x³",
    ),
    ("a9_branching", 0): (
        "∂out/∂out₁ = 1",
        "∂out/∂out₂ = 1",
        "∂out/∂mid = ∂out/∂out₁ · ∂out₁/∂mid + ∂out/∂out₂ · ∂out₂/∂mid = 7",
        "∂out/∂mid = 2 mid + 3",
        "∂out/∂mid = 4 + 3 = 7",
    ),
    ("a10_memoisation", 0): (
        "∂z/∂w = ∂z/∂x · ∂x/∂w + ∂z/∂y · ∂y/∂w = 144",
        "∂z/∂v = ∂z/∂w · ∂w/∂v = 576",
        "∂z/∂v = 18v⁵",
    ),
    ("a11_hinge_loss", 0): (
        "margin ← (wᵀ x²)·y = −0.5",
        "loss ← max(0, 1 − margin) = max(0, 1 − (−0.5)) = 1.5",
        "g ← ∇_margin loss = −1[1 − margin > 0] = −1[1 − (−0.5) > 0] = −1",
        "∇_w loss = (∂margin/∂w)ᵀ g = g·y·x² = [−1, −4]ᵀ",
        "∇_w loss = −1[1 − margin > 0]·y·x²",
    ),
    ("a11_hinge_loss", 1): (
        "margin ← (wᵀ x²)·y = 3",
        "loss ← max(0, 1 − margin) = max(0, 1 − 3) = 0",
        "g ← ∇_margin loss = −1[1 − margin > 0] = −1[1 − 3 > 0] = 0",
        "∇_w loss = (∂margin/∂w)ᵀ g = g·y·x² = [0, 0]ᵀ",
    ),
}

B: dict[Point, tuple[str, ...]] = {
    ("b1_slope_one_sample", 0): (
        "z₁ ← θ x = 0.5·2 = 1",
        "z₂ ← y − z₁ = 3 − 1 = 2",
        "L ← z₂² = 2² = 4",
        "∂L/∂z₂ = 2z₂ = 2·2 = 4",
        "∂L/∂z₁ = ∂L/∂z₂ · ∂z₂/∂z₁ = ∂L/∂z₂ · (−1) = 4·(−1) = −4",
        "∂L/∂z₁ = −2z₂",
        "∂L/∂θ = ∂L/∂z₁ · ∂z₁/∂θ = ∂L/∂z₁ · x = (−4)·2 = −8",
        "∂L/∂θ = ∂L/∂z₂ · ∂z₂/∂z₁ · ∂z₁/∂θ = 2z₂·(−1)·x = 2·2·(−1)·2 = −8",
        "∂L/∂θ = −2z₂·x = −2(y − θ x)·x",
        "θ ← θ − lr · ∂L/∂θ = θ + 2 lr·(y − θ x)·x = 0.5 − 0.1·(−8) = 1.3",
    ),
    ("b2_slope_two_samples", 0): (
        "z₁⁽¹⁾ ← θ·x⁽¹⁾ = 0.5·2 = 1",
        "z₁⁽²⁾ ← θ·x⁽²⁾ = 0.5·4 = 2",
        "J ← (1/2)(L⁽¹⁾ + L⁽²⁾) = (1/2)(4 + 1) = 2.5",
        "∂J/∂z₂⁽¹⁾ = ∂J/∂L⁽¹⁾ · ∂L⁽¹⁾/∂z₂⁽¹⁾ = ∂J/∂L⁽¹⁾ · 2z₂⁽¹⁾ = 0.5·2·2 = 2",
        "∂J/∂z₂⁽²⁾ = ∂J/∂L⁽²⁾ · ∂L⁽²⁾/∂z₂⁽²⁾ = ∂J/∂L⁽²⁾ · 2z₂⁽²⁾ = 0.5·2·(−1) = −1",
        "∂J/∂θ = ∂J/∂z₁⁽¹⁾ · ∂z₁⁽¹⁾/∂θ + ∂J/∂z₁⁽²⁾ · ∂z₁⁽²⁾/∂θ = ∂J/∂z₁⁽¹⁾ · x⁽¹⁾ + ∂J/∂z₁⁽²⁾ · x⁽²⁾ = (−2)·2 + 1·4 = 0",
        "∂J/∂θ = 1/2 · 2z₂⁽¹⁾·(−1)·x⁽¹⁾ + 1/2 · 2z₂⁽²⁾·(−1)·x⁽²⁾",
        "∂J/∂θ = −(y⁽¹⁾ − θ·x⁽¹⁾)·x⁽¹⁾ − (y⁽²⁾ − θ·x⁽²⁾)·x⁽²⁾",
        "θ ← θ − lr · ∂J/∂θ = 0.5 − 0.1·0 = 0.5",
    ),
    ("b3_slope_vectorised", 0): (
        "z₁ ← θ x = [0.5, 1, 2]ᵀ",
        "J ← (1/n) Σᵢ Lᵢ ≈ 1.08333",
        "g ← ∇_L J = (1/n) 𝟏 = (1/3) 𝟏",
        "g ← ∇_z₂ J = (∂L/∂z₂)ᵀ g = 2g ⊙ z₂",
        "g ← ∇_z₁ J = (∂z₂/∂z₁)ᵀ g = −g",
        "∂J/∂θ = −(2/n) Σᵢ(yᵢ − θ xᵢ)·xᵢ",
    ),
    ("b4_line_one_sample", 0): (
        "z₁ ← θ₁·x + θ₀ = 0.5·2 + 1 = 2",
        "∂L/∂θ₁ = ∂L/∂z₁ · ∂z₁/∂θ₁ = ∂L/∂z₁ · x = (−2)·2 = −4",
        "∂L/∂θ₀ = ∂L/∂z₁ · ∂z₁/∂θ₀ = ∂L/∂z₁ · 1 = (−2)·1 = −2",
        "∂L/∂θ₀ = −2z₂ = −2(y − θ₀ − θ₁·x)",
        "∂L/∂θ₁ = −2z₂·x = −2x(y − θ₀ − θ₁·x)",
        "θ₁ ← θ₁ − lr · ∂L/∂θ₁ = 0.5 − 0.1·(−4) = 0.9",
        "θ₀ ← θ₀ − lr · ∂L/∂θ₀ = 1 − 0.1·(−2) = 1.2",
    ),
    ("b5_line_two_samples", 0): (
        "∂J/∂θ₁ = ∂J/∂z₁⁽¹⁾ · x⁽¹⁾ + ∂J/∂z₁⁽²⁾ · x⁽²⁾ = (−1)·2 + 2·4 = 6",
        "∂J/∂θ₀ = ∂J/∂z₁⁽¹⁾ · 1 + ∂J/∂z₁⁽²⁾ · 1 = (−1)·1 + 2·1 = 1",
        "∂J/∂θ₁ = 1/2 · 2z₂⁽¹⁾·(−1)·x⁽¹⁾ + 1/2 · 2z₂⁽²⁾·(−1)·x⁽²⁾ = 6",
        "∂J/∂θ₁ = −z₂⁽¹⁾·x⁽¹⁾ − z₂⁽²⁾·x⁽²⁾",
    ),
    ("b6_line_vectorised", 0): (
        "z₁ ← θ₁·x + θ₀",
        "g ← ∇_z₂ J = (∂L/∂z₂)ᵀ g = 2g ⊙ z₂",
        "∂J/∂θ₁ = −(2/n) Σᵢ(yᵢ − (θ₁ xᵢ + θ₀))·xᵢ",
        "∂J/∂θ₀ = −(2/n) Σᵢ(yᵢ − (θ₁ xᵢ + θ₀))",
    ),
    ("b7_plane_one_sample", 0): (
        "z₁ ← θ₂·x₂ + θ₁·x₁ + θ₀ = (−1)·1 + 0.5·2 + 1 = 1",
        "∂L/∂θ₂ = ∂L/∂z₁ · x₂ = (−4)·1 = −4",
        "∂L/∂θ₁ = ∂L/∂z₁ · x₁ = (−4)·2 = −8",
        "∂L/∂θ₀ = ∂L/∂z₁ · 1 = (−4)·1 = −4",
        "∂L/∂θ₂ = −2z₂·x₂ = −2x₂(y − θ₀ − θ₂·x₂ − θ₁·x₁)",
    ),
    ("b8_plane_two_samples", 0): (
        "∂J/∂θ₂ = ∂J/∂z₁⁽¹⁾ · x₂⁽¹⁾ + ∂J/∂z₁⁽²⁾ · x₂⁽²⁾ = (−2)·1 + 1.5·0.5 = −1.25",
        "∂J/∂θ₁ = ∂J/∂z₁⁽¹⁾ · x₁⁽¹⁾ + ∂J/∂z₁⁽²⁾ · x₁⁽²⁾ = (−2)·2 + 1.5·4 = 2",
        "∂J/∂θ₂ = −z₂⁽¹⁾·x₂⁽¹⁾ − z₂⁽²⁾·x₂⁽²⁾",
    ),
    ("b9_plane_vectorised", 0): (
        "z₁ ← X θ = [−0.5, 1.5, 2]ᵀ",
        "∇_θ J = (∂z₁/∂θ)ᵀ g = Xᵀ g ≈ [−2, −3.66667, −3.83333]ᵀ",
        "∇_θ J = −(2/n) Xᵀ z₂ = −(2/n) Xᵀ(y − X θ)",
    ),
    ("b10_mean_squared_error", 0): (
        "ŷ ← a x + b",
        "L ← (1/n) ‖y − ŷ‖²",
        "g ← ∇_{ŷ} L = −(2/n)(y − ŷ)",
        "∂L/∂a = −(2/n) Σᵢ(yᵢ − ŷᵢ)·xᵢ",
        "∂L/∂b = −(2/n) Σᵢ(yᵢ − ŷᵢ)",
    ),
    ("b11_gradient_descent", 0): (
        "g ← ∇_{ŷ} J = −(2/n)(y − ŷ)",
        "∇_θ J = (∂ŷ/∂θ)ᵀ g = Xᵀ g",
        "θ ← θ − lr·∇_θ J",
    ),
}

FIRST = "(−(t₁ − o₁)·o₁(1 − o₁)·{a} − (t₂ − o₂)·o₂(1 − o₂)·{b})·{h}(1 − {h})·{x}"
C1 = {
    "w₁": FIRST.format(a="w₅", b="w₇", h="h₁", x="x₁"),
    "w₂": FIRST.format(a="w₅", b="w₇", h="h₁", x="x₂"),
    "w₃": FIRST.format(a="w₆", b="w₈", h="h₂", x="x₁"),
    "w₄": FIRST.format(a="w₆", b="w₈", h="h₂", x="x₂"),
    "w₅": "−(t₁ − o₁)·o₁(1 − o₁)·h₁",
    "w₆": "−(t₁ − o₁)·o₁(1 − o₁)·h₂",
    "w₇": "−(t₂ − o₂)·o₂(1 − o₂)·h₁",
    "w₈": "−(t₂ − o₂)·o₂(1 − o₂)·h₂",
}
MATRICES = {
    "w₁": "w_{1,11}", "w₂": "w_{1,12}", "w₃": "w_{1,21}", "w₄": "w_{1,22}",
    "w₅": "w_{2,11}", "w₆": "w_{2,12}", "w₇": "w_{2,21}", "w₈": "w_{2,22}",
}  # fmt: skip


def in_matrices(formula: str) -> str:
    """A formula of the scalar network with the names of the elements of the matrices."""
    for old, new in MATRICES.items():
        formula = formula.replace(old, new)
    return formula


C: dict[Point, tuple[str, ...]] = {
    ("c1_sigmoid_network", 0): (
        "z₁ ← w₁·x₁ + w₂·x₂ = 0.3·0.1 + 0.25·0.2 = 0.08",
        "h₁ ← σ(z₁) = σ(0.08) ≈ 0.519989",
        "E₁ ← (1/2) (t₁ − o₁)²",
        "∂E/∂o₁ = ∂E/∂E₁ · ∂E₁/∂o₁ = ∂E/∂E₁ · (−(t₁ − o₁))",
        "∂E/∂z₃ = ∂E/∂o₁ · ∂o₁/∂z₃ = ∂E/∂o₁ · o₁(1 − o₁)",
        "∂E/∂h₁ = ∂E/∂z₃ · ∂z₃/∂h₁ + ∂E/∂z₄ · ∂z₄/∂h₁ = ∂E/∂z₃ · w₅ + ∂E/∂z₄ · w₇",
        "∂E/∂w₅ = ∂E/∂E₁ · ∂E₁/∂o₁ · ∂o₁/∂z₃ · ∂z₃/∂w₅ = 1·(−(t₁ − o₁))·o₁(1 − o₁)·h₁",
        "∂E/∂w₁ = 1·(−(t₁ − o₁))·o₁(1 − o₁)·w₅·h₁(1 − h₁)·x₁ + 1·(−(t₂ − o₂))·o₂(1 − o₂)·w₇·h₁(1 − h₁)·x₁",
        "w₅ ← w₅ − lr · ∂E/∂w₅ ≈ 0.45 − 0.5·0.0259229 ≈ 0.437039",
        *(f"∂E/∂{weight} = {formula}" for weight, formula in C1.items()),
        *(f"{weight} ← {weight} − lr · ∂E/∂{weight}" for weight in C1),
    ),
    ("c1_sigmoid_network_matrices", 0): (
        "z₁ ← w_{1,11}·x₁ + w_{1,12}·x₂",
        "h₁ ← σ(z₁)",
        *(f"∂E/∂{MATRICES[weight]} = {in_matrices(formula)}" for weight, formula in C1.items()),
        *(f"{MATRICES[weight]} ← {MATRICES[weight]} − lr · ∂E/∂{MATRICES[weight]}" for weight in C1),
    ),
    ("c2_norm_of_a_linear_map", 0): (
        "q ← W x ≈ [0.22, 0.26]ᵀ",
        "f ← ‖q‖² ≈ 0.116",
        "g ← ∇_q f = 2q ≈ [0.44, 0.52]ᵀ",
        "∇_W f = (∂q/∂W)ᵀ g = g xᵀ ≈ [[0.088, 0.176], [0.104, 0.208]]",
        "∇ₓ f = (∂q/∂x)ᵀ g = Wᵀ g ≈ [−0.112, 0.636]ᵀ",
        "∇_W f = 2q xᵀ",
        "∇ₓ f = 2Wᵀ q",
    ),
    ("c3_network_with_l2", 0): (
        "a ← W x",
        "h ← σ(a)",
        "ŷ ← vᵀ h",
        "J ← (ŷ − y)² + λ(‖W‖_F² + ‖v‖²)",
        "g ← ∇_{ŷ} J = 2(ŷ − y)",
        "∇ᵥ J = g·h + 2λ v",
        "g ← ∇ₕ J = g·v",
        "g ← ∇ₐ J = g ⊙ σ′(a)",
        "∇_W J = g xᵀ + 2λ W",
    ),
    ("c4_sigmoid", 0): ("s ← σ(a)", "∂s/∂a = s(1 − s)"),
    ("c4_tanh", 0): ("h ← tanh(a)", "∂h/∂a = 1 − h²"),
    ("c4_relu", 0): ("h ← relu(a)", "∂h/∂a = 1[a > 0] = 1[1.5 > 0] = 1"),
    ("c4_relu", 1): ("∂h/∂a = 1[a > 0] = 1[−0.5 > 0] = 0",),
    ("c4_relu", 2): ("∂h/∂a = 1[a > 0] = 1[0 > 0] = 0",),
    ("c4_leaky_relu", 0): ("h ← where(a > 0, a, 0.1a)", "∂h/∂a = 1[a > 0] + 0.1·1[a ≤ 0] = 1"),
    ("c4_leaky_relu", 1): ("∂h/∂a = 1[a > 0] + 0.1·1[a ≤ 0] = 0.1",),
    ("c4_elu", 0): ("h ← where(a > 0, a, eᵃ − 1)", "∂h/∂a = 1[a > 0] + 1[a ≤ 0]·eᵃ = 1"),
    ("c4_elu", 1): ("∂h/∂a = 1[a > 0] + 1[a ≤ 0]·eᵃ ≈ 0.606531",),
    ("c4_maxout", 0): (
        "h ← max(z₁, z₂) = max(2, −1.75) = 2",
        "∂h/∂z₁ = 1[z₁ > z₂] = 1[2 > −1.75] = 1",
        "∂h/∂z₂ = 1[z₂ > z₁] = 1[−1.75 > 2] = 0",
        "∂h/∂x = ∂h/∂z₁ · w₁ + ∂h/∂z₂ · w₂ = 1·0.5 + 0·(−1) = 0.5",
    ),
    ("c5_three_layers", 0): (
        "h₁ ← tanh(X W₁ + b₁)",
        "h₂ ← relu(h₁ W₂ + b₂)",
        "z ← h₂ W₃ + b₃",
        "∇_W₃ L = h₂ᵀ g",
        "∇_b₃ L = Σᵢ g_{i:}",
        "g ← ∇_h₂ L = g W₃ᵀ",
        "∇_W₁ L = Xᵀ(g ⊙ (1 − h₁²))",
    ),
}

FORMULAS = A | B | C

# The sentences (English) that a reader must find; `{}` stands for anything.
SENTENCES: dict[Point, tuple[str, ...]] = {
    ("a3_add_node", 0): ("An add node passes the gradient on as it is.",),
    ("a4_multiply_node", 0): ("A multiply node multiplies the gradient by the other input.",),
    ("a5_max_node", 0): ("a > b: the maximum took a, which receives the whole gradient; b receives 0.",),
    ("a5_max_node", 1): ("b > a: the maximum took b, which receives the whole gradient; a receives 0.",),
    ("a5_max_node", 2): ("A tie: a = b. By convention each side receives half of the gradient.",),
    ("a6_sigmoid_node", 0): (
        "The derivative of sigmoid needs only its result s, which the forward pass has computed already.",
    ),
    ("a8_composition", 0): ("This holds for mid ≠ 0.",),
    ("a9_branching", 0): ("mid is used in 2 places, so 2 contributions are added.",),
    ("a10_memoisation", 0): ("w is used in 2 places, so 2 contributions are added.",),
    ("a11_hinge_loss", 0): (
        "1 − margin > 0: the maximum took 1 − margin, which receives the whole gradient; 0 receives 0.",
    ),
    ("a11_hinge_loss", 1): (
        "0 > 1 − margin: the maximum took 0, which receives the whole gradient; 1 − margin receives 0.",
    ),
    ("b10_mean_squared_error", 0): ("n = 3 is the number of elements that are averaged.",),
    ("c2_norm_of_a_linear_map", 0): ("A gradient always has the shape of its variable.",),
    ("c4_relu", 2): ("A kink: a = 0, where left and right have different slopes.",),
    ("c4_elu", 1): ("The condition a > 0 does not hold: the second branch was taken, the first receives exactly 0.",),
}
