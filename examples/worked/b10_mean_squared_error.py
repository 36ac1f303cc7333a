"""The mean squared error of a line as one formula: its two derivatives are sums over the samples.

직선의 평균 제곱 오차를 식 하나로: 두 미분은 표본에 대한 합이다.
"""

import numpy as np

import chainrule as cr

TITLE = {
    "en": "Mean squared error by formula",
    "ko": "평균 제곱 오차의 공식",
}
POINT = {"a": 0.5, "b": 1.0, "x": np.array([1.0, 2.0, 4.0]), "y": np.array([2.0, 1.0, 3.0])}
WRT = ("a", "b")


def mean_squared_error(a, b, x, y):
    yhat = a * x + b
    L = np.mean((y - yhat) ** 2)
    return L


if __name__ == "__main__":
    print(cr.derive(mean_squared_error, *POINT.values(), wrt=WRT).text())
