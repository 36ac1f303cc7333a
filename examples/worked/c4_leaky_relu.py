"""The leaky rectified linear unit: a small slope on the left side.

누수 정류 선형 유닛: 왼쪽에서도 작은 기울기가 남는다.
"""

import numpy as np

import chainrule as cr

TITLE = {
    "en": "Activation: leaky ReLU",
    "ko": "활성화 함수: 누수 ReLU",
}
POINTS = (
    {"a": 1.5},
    {"a": -0.5},
    {"a": 0.0},
)
WRT = ("a",)


def leaky_relu(a):
    h = np.where(a > 0, a, 0.1 * a)
    return h


if __name__ == "__main__":
    for point in POINTS:
        print(cr.derive(leaky_relu, *point.values(), wrt=WRT).text())
