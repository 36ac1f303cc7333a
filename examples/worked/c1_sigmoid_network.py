"""A sigmoid network 2-2-2 without biases, in scalars: all eight weights, each path written out.

편향 없는 시그모이드 신경망 2-2-2를 스칼라로: 가중치는 여덟 개이고, 경로를 하나하나 적는다.
"""

import chainrule as cr

TITLE = {
    "en": "Sigmoid network 2-2-2 in scalars",
    "ko": "시그모이드 신경망 2-2-2: 스칼라로",
}
POINT = {
    "w1": 0.3,
    "w2": 0.25,
    "w3": 0.4,
    "w4": 0.35,
    "w5": 0.45,
    "w6": 0.4,
    "w7": 0.7,
    "w8": 0.6,
    "x1": 0.1,
    "x2": 0.2,
    "t1": 0.4,
    "t2": 0.6,
}
WRT = ("w1", "w2", "w3", "w4", "w5", "w6", "w7", "w8")
OPTIONS = {"lr": 0.5}


def sigmoid_network(w1, w2, w3, w4, w5, w6, w7, w8, x1, x2, t1, t2):
    z1, z2 = w1 * x1 + w2 * x2, w3 * x1 + w4 * x2
    h1, h2 = cr.sigmoid(z1), cr.sigmoid(z2)
    z3, z4 = w5 * h1 + w6 * h2, w7 * h1 + w8 * h2
    o1, o2 = cr.sigmoid(z3), cr.sigmoid(z4)
    E1, E2 = (t1 - o1) ** 2 / 2, (t2 - o2) ** 2 / 2
    E = E1 + E2
    return E


if __name__ == "__main__":
    print(cr.derive(sigmoid_network, *POINT.values(), wrt=WRT, **OPTIONS).text())
