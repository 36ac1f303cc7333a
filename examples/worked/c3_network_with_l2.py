"""A feed-forward network with an L2 penalty, in matrices.

L2 벌점이 있는 순방향 신경망을 행렬로.
"""

import numpy as np

import chainrule as cr

TITLE = {
    "en": "Feed-forward network with L2 regularisation",
    "ko": "L2 정규화가 있는 순방향 신경망",
}
POINT = {
    "W": np.array([[0.1, 0.5], [-0.3, 0.8], [0.6, -0.2]]),
    "v": np.array([0.5, -1.0, 0.25]),
    "x": np.array([0.2, 0.4]),
    "y": 1.0,
    "lam": 0.1,
}
WRT = ("W", "v")


def network_with_l2(W, v, x, y, lam):
    a = W @ x
    h = cr.sigmoid(a)
    yhat = v @ h
    J = (yhat - y) ** 2 + lam * (np.sum(W**2) + np.sum(v**2))
    return J


if __name__ == "__main__":
    print(cr.derive(network_with_l2, *POINT.values(), wrt=WRT).text())
