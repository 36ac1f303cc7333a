"""Linear regression, model θ₂·x₂ + θ₁·x₁ + θ₀ as X @ theta, three samples at once: a Jacobian for each node.

선형 회귀, 모형 θ₂·x₂ + θ₁·x₁ + θ₀ (X @ theta), 표본 셋을 한꺼번에: 노드마다 야코비 행렬이 있다.
"""

import numpy as np

import chainrule as cr

TITLE = {
    "en": "Linear regression θ₂·x₂ + θ₁·x₁ + θ₀: vectorised for three samples",
    "ko": "선형 회귀 θ₂·x₂ + θ₁·x₁ + θ₀: 표본 셋을 벡터로",
}
POINT = {
    "theta": np.array([1.0, 0.5, -1.0]),
    "X": np.array([[1.0, 1.0, 2.0], [1.0, 2.0, 0.5], [1.0, 4.0, 1.0]]),
    "y": np.array([2.0, 1.0, 3.0]),
}
WRT = ("theta",)


def plane_vectorised(theta, X, y):
    z1 = X @ theta
    z2 = y - z1
    L = z2**2
    J = np.mean(L)
    return J


if __name__ == "__main__":
    print(cr.derive(plane_vectorised, *POINT.values(), wrt=WRT).text())
