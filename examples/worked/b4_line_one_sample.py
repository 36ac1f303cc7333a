"""Linear regression, model θ₁·x + θ₀, one sample: the error of one line, and the update.

선형 회귀, 모형 θ₁·x + θ₀, 표본 하나: 오차 하나와 갱신.
"""

import chainrule as cr

TITLE = {
    "en": "Linear regression θ₁·x + θ₀: one sample",
    "ko": "선형 회귀 θ₁·x + θ₀: 표본 하나",
}
POINT = {"theta0": 1.0, "theta1": 0.5, "x": 2.0, "y": 3.0}
WRT = ("theta0", "theta1")
OPTIONS = {"lr": 0.1}


def line_one_sample(theta0, theta1, x, y):
    z1 = theta1 * x + theta0
    z2 = y - z1
    L = z2**2
    return L


if __name__ == "__main__":
    print(cr.derive(line_one_sample, *POINT.values(), wrt=WRT, **OPTIONS).text())
