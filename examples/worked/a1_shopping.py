"""A bill: two kinds of fruit, their numbers and a tax, and what each of them does to the total.

장보기 계산서: 두 과일의 값과 개수, 세금이 저마다 합계를 얼마나 바꾸는지 구한다.
"""

import chainrule as cr

TITLE = {
    "en": "Shopping: two kinds of fruit and a tax",
    "ko": "장보기: 과일 두 종류와 소비세",
}
POINT = {"apple": 100.0, "apple_count": 2.0, "orange": 150.0, "orange_count": 3.0, "tax": 1.1}
WRT = ("apple", "apple_count", "orange", "orange_count", "tax")


def shopping(apple, apple_count, orange, orange_count, tax):
    apples = apple * apple_count
    oranges = orange * orange_count
    fruit = apples + oranges
    total = fruit * tax
    return total


if __name__ == "__main__":
    print(cr.derive(shopping, *POINT.values(), wrt=WRT).text())
