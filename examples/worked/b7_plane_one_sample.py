"""Linear regression, model θ₂·x₂ + θ₁·x₁ + θ₀, one sample: the error of one line, and the update.

선형 회귀, 모형 θ₂·x₂ + θ₁·x₁ + θ₀, 표본 하나: 오차 하나와 갱신.
"""

import chainrule as cr

TITLE = {
    "en": "Linear regression θ₂·x₂ + θ₁·x₁ + θ₀: one sample",
    "ko": "선형 회귀 θ₂·x₂ + θ₁·x₁ + θ₀: 표본 하나",
}
POINT = {"theta0": 1.0, "theta1": 0.5, "theta2": -1.0, "x1": 2.0, "x2": 1.0, "y": 3.0}
WRT = ("theta0", "theta1", "theta2")
OPTIONS = {"lr": 0.1}


def plane_one_sample(theta0, theta1, theta2, x1, x2, y):
    z1 = theta2 * x2 + theta1 * x1 + theta0
    z2 = y - z1
    L = z2**2
    return L


if __name__ == "__main__":
    print(cr.derive(plane_one_sample, *POINT.values(), wrt=WRT, **OPTIONS).text())
