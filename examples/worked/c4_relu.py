"""The rectified linear unit, on both sides of its kink and on it.

정류 선형 유닛: 꺾이는 점의 양쪽과 그 점에서.
"""

import chainrule as cr

TITLE = {
    "en": "Activation: ReLU",
    "ko": "활성화 함수: ReLU",
}
POINTS = (
    {"a": 1.5},
    {"a": -0.5},
    {"a": 0.0},
)
WRT = ("a",)


def relu(a):
    h = cr.relu(a)
    return h


if __name__ == "__main__":
    for point in POINTS:
        print(cr.derive(relu, *point.values(), wrt=WRT).text())
