"""Linear regression, model θx, one sample: the error of one line, and the update.

선형 회귀, 모형 θx, 표본 하나: 오차 하나와 갱신.
"""

import chainrule as cr

TITLE = {
    "en": "Linear regression θx: one sample",
    "ko": "선형 회귀 θx: 표본 하나",
}
POINT = {"theta": 0.5, "x": 2.0, "y": 3.0}
WRT = ("theta",)
OPTIONS = {"lr": 0.1}


def slope_one_sample(theta, x, y):
    z1 = theta * x
    z2 = y - z1
    L = z2**2
    return L


if __name__ == "__main__":
    print(cr.derive(slope_one_sample, *POINT.values(), wrt=WRT, **OPTIONS).text())
