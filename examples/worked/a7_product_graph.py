"""The product graph of teaching posts with a squared error on top, and one step of gradient descent.

교재에 자주 나오는 곱셈 그래프에 제곱 오차를 얹고, 경사 하강 한 걸음을 내딛는다.
"""

import chainrule as cr

TITLE = {
    "en": "The product graph and one update",
    "ko": "곱셈 그래프와 한 번의 갱신",
}
POINT = {"x": -2.0, "y": 5.0, "z": -4.0, "target": -10.0}
WRT = ("x", "y", "z")
OPTIONS = {"lr": 0.01}


def product_graph(x, y, z, target):
    q = x + y
    f = q * z
    L = (target - f) ** 2
    return L


if __name__ == "__main__":
    print(cr.derive(product_graph, *POINT.values(), wrt=WRT, **OPTIONS).text())
