"""The maxout unit: the greatest of two lines.

맥스아웃 유닛: 두 직선 가운데 큰 쪽.
"""

import numpy as np

import chainrule as cr

TITLE = {
    "en": "Activation: maxout",
    "ko": "활성화 함수: 맥스아웃",
}
POINTS = (
    {"w1": 0.5, "b1": 1.0, "w2": -1.0, "b2": 0.25, "x": 2.0},
    {"w1": 0.5, "b1": 1.0, "w2": -1.0, "b2": 0.25, "x": -2.0},
)
WRT = ("w1", "b1", "w2", "b2", "x")


def maxout(w1, b1, w2, b2, x):
    z1 = w1 * x + b1
    z2 = w2 * x + b2
    h = np.maximum(z1, z2)
    return h


if __name__ == "__main__":
    for point in POINTS:
        print(cr.derive(maxout, *point.values(), wrt=WRT).text())
