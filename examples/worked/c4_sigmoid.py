"""The sigmoid function, written with exp.

exp로 쓴 시그모이드 함수.
"""

import numpy as np

import chainrule as cr

TITLE = {
    "en": "Activation: sigmoid",
    "ko": "활성화 함수: 시그모이드",
}
POINTS = (
    {"a": 1.5},
    {"a": -0.5},
)
WRT = ("a",)


def sigmoid(a):
    s = 1 / (1 + np.exp(-a))
    return s


if __name__ == "__main__":
    for point in POINTS:
        print(cr.derive(sigmoid, *point.values(), wrt=WRT).text())
