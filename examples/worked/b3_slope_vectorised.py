"""Linear regression, model θx, three samples at once: a Jacobian for each node.

선형 회귀, 모형 θx, 표본 셋을 한꺼번에: 노드마다 야코비 행렬이 있다.
"""

import numpy as np

import chainrule as cr

TITLE = {
    "en": "Linear regression θx: vectorised for three samples",
    "ko": "선형 회귀 θx: 표본 셋을 벡터로",
}
POINT = {"theta": 0.5, "x": np.array([1.0, 2.0, 4.0]), "y": np.array([2.0, 1.0, 3.0])}
WRT = ("theta",)


def slope_vectorised(theta, x, y):
    z1 = theta * x
    z2 = y - z1
    L = z2**2
    J = np.mean(L)
    return J


if __name__ == "__main__":
    print(cr.derive(slope_vectorised, *POINT.values(), wrt=WRT).text())
