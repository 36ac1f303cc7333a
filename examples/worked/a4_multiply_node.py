"""A multiply node multiplies the gradient by the other input.

곱셈 노드는 기울기에 다른 쪽 입력을 곱한다.
"""

import chainrule as cr

TITLE = {
    "en": "The multiply node",
    "ko": "곱셈 노드",
}
POINT = {"x": 2.0, "y": -3.0}
WRT = ("x", "y")
OPTIONS = {"above": 1.5}  # g, the gradient that arrives at the node


def multiply_node(x, y):
    z = x * y
    return z


if __name__ == "__main__":
    print(cr.derive(multiply_node, *POINT.values(), wrt=WRT, **OPTIONS).text())
