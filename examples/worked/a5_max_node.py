"""A max node sends the gradient to the winner; where both are equal, half to each, and it says so.

최댓값 노드는 이긴 쪽으로 기울기를 보낸다. 두 값이 같으면 절반씩 보내고, 그렇다고 밝힌다.
"""

import numpy as np

import chainrule as cr

TITLE = {
    "en": "The max node, with either winner and with a tie",
    "ko": "최댓값 노드: 각 입력이 이길 때와 동점일 때",
}
POINTS = (
    {"a": 3.0, "b": 1.0},
    {"a": -2.0, "b": 0.5},
    {"a": 1.5, "b": 1.5},
)
WRT = ("a", "b")
OPTIONS = {"above": 1.5}  # g, the gradient that arrives at the node


def max_node(a, b):
    z = np.maximum(a, b)
    return z


if __name__ == "__main__":
    for point in POINTS:
        print(cr.derive(max_node, *point.values(), wrt=WRT, **OPTIONS).text())
