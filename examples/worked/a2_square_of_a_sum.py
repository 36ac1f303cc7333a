"""The chain rule with one link: the square of a sum.

고리가 하나인 연쇄법칙: 합의 제곱.
"""

import chainrule as cr

TITLE = {
    "en": "The square of a sum",
    "ko": "합의 제곱",
}
POINT = {"x": 1.5, "y": 0.5}
WRT = ("x", "y")


def square_of_a_sum(x, y):
    w = x + y
    z = w**2
    return z


if __name__ == "__main__":
    print(cr.derive(square_of_a_sum, *POINT.values(), wrt=WRT).text())
