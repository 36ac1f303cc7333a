"""A diamond: each derivative is worked out once, kept, and used again by what lies below it.

마름모 그래프: 미분은 저마다 한 번만 구해 두고, 그 아래에서 다시 쓴다.
"""

import chainrule as cr

TITLE = {
    "en": "Memoisation: each derivative once",
    "ko": "메모이제이션: 각 미분을 한 번씩",
}
POINT = {"v": 2.0}
WRT = ("v",)


def f(v):
    return v**2


def g(w):
    return 3 * w


def memoisation(v):
    w = f(v)
    x = w**2
    y = g(w)
    z = x * y
    return z


if __name__ == "__main__":
    print(cr.derive(memoisation, *POINT.values(), wrt=WRT).text())
