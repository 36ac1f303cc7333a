"""Linear regression, model θx, two samples: each sample sends its share to the parameters.

선형 회귀, 모형 θx, 표본 둘: 표본마다 제 몫의 기울기를 매개변수로 보낸다.
"""

import numpy as np

import chainrule as cr

TITLE = {
    "en": "Linear regression θx: two samples and their average",
    "ko": "선형 회귀 θx: 표본 둘과 그 평균",
}
POINT = {"theta": 0.5, "x": np.array([2.0, 4.0]), "y": np.array([3.0, 1.0])}
WRT = ("theta",)
OPTIONS = {"expand": True, "lr": 0.1}


def slope_two_samples(theta, x, y):
    z1 = theta * x
    z2 = y - z1
    L = z2**2
    J = np.mean(L)
    return J


if __name__ == "__main__":
    print(cr.derive(slope_two_samples, *POINT.values(), wrt=WRT, **OPTIONS).text())
