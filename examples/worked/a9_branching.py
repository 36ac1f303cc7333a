"""A branching: a value that two boxes use gets the sum of what they send back.

갈래: 두 곳에 쓰인 값은 두 곳에서 돌아온 기울기의 합을 받는다.
"""

import chainrule as cr

TITLE = {
    "en": "Branching: one value, two uses",
    "ko": "분기: 하나의 값을 두 곳에서 사용",
}
POINT = {"mid": 2.0}
WRT = ("mid",)


def f(mid):
    return mid**2


def g(mid):
    return 3 * mid


def branching(mid):
    out1 = f(mid)
    out2 = g(mid)
    out = out1 + out2
    return out


if __name__ == "__main__":
    print(cr.derive(branching, *POINT.values(), wrt=WRT).text())
