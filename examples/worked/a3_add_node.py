"""An add node passes the gradient on as it is.

덧셈 노드는 기울기를 그대로 흘려보낸다.
"""

import chainrule as cr

TITLE = {
    "en": "The add node",
    "ko": "덧셈 노드",
}
POINT = {"x": 2.0, "y": 3.0}
WRT = ("x", "y")
OPTIONS = {"above": 1.5}  # g, the gradient that arrives at the node


def add_node(x, y):
    z = x + y
    return z


if __name__ == "__main__":
    print(cr.derive(add_node, *POINT.values(), wrt=WRT, **OPTIONS).text())
