"""Linear regression, model θ₂·x₂ + θ₁·x₁ + θ₀, two samples: each sample sends its share to the parameters.

선형 회귀, 모형 θ₂·x₂ + θ₁·x₁ + θ₀, 표본 둘: 표본마다 제 몫의 기울기를 매개변수로 보낸다.
"""

import numpy as np

import chainrule as cr

TITLE = {
    "en": "Linear regression θ₂·x₂ + θ₁·x₁ + θ₀: two samples and their average",
    "ko": "선형 회귀 θ₂·x₂ + θ₁·x₁ + θ₀: 표본 둘과 그 평균",
}
POINT = {
    "theta0": 1.0,
    "theta1": 0.5,
    "theta2": -1.0,
    "x1": np.array([2.0, 4.0]),
    "x2": np.array([1.0, 0.5]),
    "y": np.array([3.0, 1.0]),
}
WRT = ("theta0", "theta1", "theta2")
OPTIONS = {"expand": True, "lr": 0.1}


def plane_two_samples(theta0, theta1, theta2, x1, x2, y):
    z1 = theta2 * x2 + theta1 * x1 + theta0
    z2 = y - z1
    L = z2**2
    J = np.mean(L)
    return J


if __name__ == "__main__":
    print(cr.derive(plane_two_samples, *POINT.values(), wrt=WRT, **OPTIONS).text())
