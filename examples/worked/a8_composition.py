"""A composition: the derivatives along the path are multiplied.

합성: 경로를 따라 미분을 곱한다.
"""

import chainrule as cr

TITLE = {
    "en": "Composition of two functions",
    "ko": "두 함수의 합성",
}
POINT = {"x": 2.0}
WRT = ("x",)


def f(x):
    return x**2


def g(x):
    return 1 / x


def composition(x):
    mid = f(x)
    out = g(mid)
    return out


if __name__ == "__main__":
    print(cr.derive(composition, *POINT.values(), wrt=WRT).text())
