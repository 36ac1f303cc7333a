"""The squared norm of a linear map: a gradient has the shape of its variable.

선형 사상의 제곱 노름: 기울기의 모양은 그 변수의 모양과 같다.
"""

import numpy as np

import chainrule as cr

TITLE = {
    "en": "The squared norm of W x",
    "ko": "W x의 제곱 노름",
}
POINT = {"W": np.array([[0.1, 0.5], [-0.3, 0.8]]), "x": np.array([0.2, 0.4])}
WRT = ("W", "x")


def norm_of_a_linear_map(W, x):
    q = W @ x
    f = np.sum(q**2)
    return f


if __name__ == "__main__":
    print(cr.derive(norm_of_a_linear_map, *POINT.values(), wrt=WRT).text())
