"""The hyperbolic tangent: its derivative is 1 - h².

쌍곡 탄젠트: 미분은 1 - h²이다.
"""

import numpy as np

import chainrule as cr

TITLE = {
    "en": "Activation: hyperbolic tangent",
    "ko": "활성화 함수: 쌍곡탄젠트",
}
POINTS = (
    {"a": 1.5},
    {"a": -0.5},
)
WRT = ("a",)


def tanh(a):
    h = np.tanh(a)
    return h


if __name__ == "__main__":
    for point in POINTS:
        print(cr.derive(tanh, *point.values(), wrt=WRT).text())
