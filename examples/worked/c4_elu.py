"""The exponential linear unit: exp(a) - 1 on the left side.

지수 선형 유닛: 왼쪽에서는 exp(a) - 1이다.
"""

import numpy as np

import chainrule as cr

TITLE = {
    "en": "Activation: ELU",
    "ko": "활성화 함수: ELU",
}
POINTS = (
    {"a": 1.5},
    {"a": -0.5},
    {"a": 0.0},
)
WRT = ("a",)


def elu(a):
    h = np.where(a > 0, a, np.exp(a) - 1)
    return h


if __name__ == "__main__":
    for point in POINTS:
        print(cr.derive(elu, *point.values(), wrt=WRT).text())
