"""The hinge loss of a linear classifier: a gradient where the margin is below 1, none where it is above.

선형 분류기의 힌지 손실: 마진이 1보다 작으면 기울기가 흐르고, 1보다 크면 흐르지 않는다.
"""

import numpy as np

import chainrule as cr

TITLE = {
    "en": "Hinge loss: margin below 1 and above 1",
    "ko": "힌지 손실: 마진이 1보다 작을 때와 클 때",
}
POINTS = (
    {"w": np.array([0.5, -0.25]), "x": np.array([1.0, 2.0]), "y": 1.0},
    {"w": np.array([1.0, 0.5]), "x": np.array([1.0, 2.0]), "y": 1.0},
)
WRT = ("w",)


def phi(x):
    return x**2


def hinge_loss(w, x, y):
    margin = np.dot(w, phi(x)) * y
    loss = np.maximum(0, 1 - margin)
    return loss


if __name__ == "__main__":
    for point in POINTS:
        print(cr.derive(hinge_loss, *point.values(), wrt=WRT).text())
