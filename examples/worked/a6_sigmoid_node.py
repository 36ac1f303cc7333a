"""A sigmoid node uses the value of the forward pass again: its derivative is s (1 - s).

시그모이드 노드는 순전파의 값을 다시 쓴다: 미분은 s(1 − s)이다.
"""

import chainrule as cr

TITLE = {
    "en": "The sigmoid node",
    "ko": "시그모이드 노드",
}
POINT = {"a": 0.5}
WRT = ("a",)
OPTIONS = {"above": 1.5}  # g, the gradient that arrives at the node


def sigmoid_node(a):
    s = cr.sigmoid(a)
    return s


if __name__ == "__main__":
    print(cr.derive(sigmoid_node, *POINT.values(), wrt=WRT, **OPTIONS).text())
