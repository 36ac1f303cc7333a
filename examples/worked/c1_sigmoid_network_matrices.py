"""The same sigmoid network with matrices; expanded, it gives the lines of the scalar version.

같은 시그모이드 신경망을 행렬로: 원소별로 펼치면 스칼라로 쓴 줄이 그대로 나온다.
"""

import numpy as np

import chainrule as cr

TITLE = {
    "en": "Sigmoid network 2-2-2 with matrices",
    "ko": "시그모이드 신경망 2-2-2: 행렬로",
}
POINT = {
    "W1": np.array([[0.3, 0.25], [0.4, 0.35]]),
    "W2": np.array([[0.45, 0.4], [0.7, 0.6]]),
    "x": np.array([0.1, 0.2]),
    "t": np.array([0.4, 0.6]),
}
WRT = ("W1", "W2")
OPTIONS = {"expand": True, "lr": 0.5}


def sigmoid_network_matrices(W1, W2, x, t):
    z = W1 @ x
    h = cr.sigmoid(z)
    o = cr.sigmoid(W2 @ h)
    E = np.sum((t - o) ** 2) / 2
    return E


if __name__ == "__main__":
    print(cr.derive(sigmoid_network_matrices, *POINT.values(), wrt=WRT, **OPTIONS).text())
