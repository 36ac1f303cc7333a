"""Linear regression, model θ₁·x + θ₀, three samples at once: a Jacobian for each node.

선형 회귀, 모형 θ₁·x + θ₀, 표본 셋을 한꺼번에: 노드마다 야코비 행렬이 있다.
"""

import numpy as np

import chainrule as cr

TITLE = {
    "en": "Linear regression θ₁·x + θ₀: vectorised for three samples",
    "ko": "선형 회귀 θ₁·x + θ₀: 표본 셋을 벡터로",
}
POINT = {"theta0": 1.0, "theta1": 0.5, "x": np.array([1.0, 2.0, 4.0]), "y": np.array([2.0, 1.0, 3.0])}
WRT = ("theta0", "theta1")


def line_vectorised(theta0, theta1, x, y):
    z1 = theta1 * x + theta0
    z2 = y - z1
    L = z2**2
    J = np.mean(L)
    return J


if __name__ == "__main__":
    print(cr.derive(line_vectorised, *POINT.values(), wrt=WRT).text())
