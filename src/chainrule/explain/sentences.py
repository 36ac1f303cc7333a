"""The words of a derivation, in every language that it can be read in; each language has all of them.

A gap `{x}` takes a formula or a word. Korean sentences keep particles away from gaps, because their form depends on the sound
before them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from chainrule.errors import ArgumentError

LANGUAGES = ("en", "ko")

TEMPLATES: dict[str, dict[str, str]] = {
    "en": {
        "title": "Derivation of {name}",
        "heading.program": "Program",
        "heading.forward": "Forward pass",
        "heading.backward": "Backward pass",
        "heading.jacobians": "Local derivatives",
        "heading.gradients": "Gradients in closed form",
        "heading.paths": "Path by path",
        "heading.updates": "Gradient descent step",
        "heading.failure": "Where the program stopped",
        "intro.chain": "Gradients flow from {loss} back to the arguments: multiply along a path, add where paths meet.",
        "intro.g": "{g} stands for the gradient that the last line with {g} ← has left.",
        "intro.above": "{g} arrives from above: it is {gradient} for whatever {loss} is computed from {output}.",
        "intro.immediate": "∂⁺u/∂x is the derivative along this one use of x alone: x reaches u in other ways too, and those stand in "
        "other terms.",
        "start": "The pass starts with {gradient} = 1.",
        "count": "{letter} = {value} is the number of elements that are averaged.",
        "label.line": "line {line}",
        "label.shape": "shape {shape}",
        "label.uses": "uses {numbers}",
        "reason.add": "An add node passes the gradient on as it is.",
        "reason.subtract": "A difference passes the gradient on to what is subtracted from, and with the other sign to what is "
        "subtracted.",
        "reason.negative": "A minus turns the sign of the gradient.",
        "reason.multiply": "A multiply node multiplies the gradient by the other input.",
        "reason.divide": "A quotient a/b changes with a by 1/b and with b by −a/b².",
        "reason.power": "A power xᵏ changes with x by k xᵏ⁻¹.",
        "reason.square": "A square x² changes with x by 2x.",
        "reason.log": "A logarithm changes with x by 1/x.",
        "reason.reuse": "The derivative of {name} needs only its result {y}, which the forward pass has computed already.",
        "reason.sum": "Every element enters the sum once, so each receives the gradient of the sum unchanged.",
        "reason.mean": "Every element enters the mean with the same weight, so each receives an equal share of the gradient.",
        "reason.dot": "In a product of two vectors each element is multiplied by the element of the other one: so is the gradient.",
        "reason.outer_left": "Element (i, j) of the matrix {x} joins output i with input j alone, so its gradient is gᵢ times that "
        "input: a column times a row, in the shape of {x}.",
        "reason.outer_right": "Element (i, j) of the matrix {x} joins input i with output j alone, so its gradient is that input "
        "times gⱼ: a column times a row, in the shape of {x}.",
        "reason.matmul_left": "The factor on the right is transposed, so that the sum runs over the axis that both results share "
        "and the product has the shape of {x}.",
        "reason.matmul_right": "The factor on the left is transposed: every output feels {x} through the matrix, and back "
        "through the matrix its gradient is collected, in the shape of {x}.",
        "reason.spread": "{x} (shape {own}) was spread along axis {axes} of an array of shape {full}; each copy sends its gradient "
        "back, hence the sum over axis {axes}.",
        "reason.spread_number": "The number {x} was used for every element of an array of shape {full}, hence the sum over all of "
        "them.",
        "reason.transpose": "What was transposed is transposed back.",
        "reason.reshape": "What was reshaped takes its first shape again.",
        "reason.slice": "A part was read: its gradient goes back to the places it was read from, the others receive 0.",
        "reason.gather": "Elements were picked: each gradient goes back to the place that its element was picked from, the others "
        "receive 0.",
        "reason.broadcast_to": "The copies of a value send their gradients back to it: a sum.",
        "reason.write": "What was overwritten receives 0; what was written receives the gradient of its place.",
        "reason.concatenate": "Parts were joined: each takes back its part of the gradient.",
        "reason.stack": "Parts were joined: each takes back its part of the gradient.",
        "reason.branches": "{x} is used in {count} places, so {count} contributions are added.",
        "reason.sigmoid": "1/(1 + e⁻ˣ) is the sigmoid function σ(x), with σ′ = σ(1 − σ).",
        "reason.shape": "A gradient always has the shape of its variable.",
        "corner.max": "{won} > {lost}: the maximum took {won}, which receives the whole gradient; {lost} receives 0.",
        "corner.min": "{won} < {lost}: the minimum took {won}, which receives the whole gradient; {lost} receives 0.",
        "corner.tie": "A tie: {a} = {b}. By convention each side receives half of the gradient.",
        "corner.max_elements": "{a} is greater than {b} in {count} of {size} elements; each gradient goes to the greater side.",
        "corner.min_elements": "{a} is less than {b} in {count} of {size} elements; each gradient goes to the smaller side.",
        "corner.tie_elements": "A tie in {count} of {size} elements: by convention each side receives half there.",
        "corner.tie_over": "{count} of the extremes of {x} are attained more than once: by convention they share the gradient evenly.",
        "corner.relu_on": "{x} > 0: the gradient passes.",
        "corner.relu_off": "{x} < 0: no gradient passes.",
        "corner.relu_other": "{x} < 0: the slope of the left side passes.",
        "corner.relu_elements": "{x} is positive in {count} of {size} elements.",
        "corner.kink": "A kink: {x} = 0, where left and right have different slopes. By convention the slope of {name} is {slope} there.",
        "corner.kink_elements": "A kink: {x} is 0 in {count} elements, where left and right have different slopes. By convention the "
        "slope of {name} is {slope} there.",
        "corner.where_true": "The condition {condition} holds: the first branch was taken, the other receives exactly 0.",
        "corner.where_false": "The condition {condition} does not hold: the second branch was taken, the first receives exactly 0.",
        "corner.where_elements": "The condition {condition} holds in {count} of {size} elements; the branch that was not taken "
        "receives exactly 0.",
        "corner.clip": "{count} of {size} elements of {x} lie inside the bounds; outside, the gradient is 0.",
        "corner.clip_inside": "{x} lies inside the bounds: the gradient passes.",
        "corner.clip_outside": "{x} lies outside the bounds: no gradient passes.",
        "corner.clip_bound": "{x} lies on a bound, where by convention the derivative is 1.",
        "corner.step": "{name} is a step function: its derivative is 0 wherever it has one, so no gradient passes.",
        "corner.outside": "{x} has negative elements here, where {name} has no real value: what follows is not a number.",
        "corner.boundary": "{x} is 0 here, where the derivative of {name} is infinite.",
        "reason.given": "The derivative of {name} is given by the program itself: it is used as it stands and is not compared with "
        "differences.",
        "corner.stopped": "stop_gradient: no gradient passes back to {x} here.",
        "corner.branch_true": "Line {line}: the condition was true, so this branch was taken and is what is derived; the other one "
        "takes no part.",
        "corner.branch_false": "Line {line}: the condition was false, so its branch was not taken and takes no part.",
        "domain.positive": "for {x} > 0",
        "domain.nonzero": "for {x} ≠ 0",
        "domain.unit": "for |{x}| < 1",
        "domain": "This holds {conditions}.",
        "zero.independent": "0 because {loss} does not depend on {x}.",
        "zero.blocked": "0 because every path from {x} to {loss} passes an operation that lets no gradient through.",
        "updates": "One step against the gradient, with learning rate {lr}:",
        "updates.effect": "{loss} goes from {before} to {after}.",
        "held": "{x} is an integer: it is held fixed. Write it as a float to differentiate by it.",
        "failure.nowhere": "The program raised {error}: {message}",
        "failure": "The program raised {error} in line {line}: {message}",
        "jacobian.intro": "The Jacobian of each line: row i, column j says how element i of the result changes with element j of what "
        "it is computed from.",
        "jacobian.flat": "Arrays of two or more axes count as one column of their elements, row by row.",
        "jacobian.vec": "vec(A) is that column for an array A.",
        "jacobian.ones": "𝟏 is a column of ones, of the length that fits.",
        "jacobian.identity": "{I} is the identity matrix.",
        "jacobian.kronecker": "A ⊗ B is the Kronecker product: every element of A times the whole of B.",
        "jacobian.permutation": "{matrices}: a single 1 in each row and each column, because the elements only change places.",
        "jacobian.selection": "{matrices}: at most a single 1 in each row, at the element that is read there.",
        "jacobian.more": "{count} more Jacobians are not printed.",
        "jacobian.product": "Multiplied along the path from the result back to an argument:",
        "jacobian.transpose": "The gradient is the transpose of such a product, in the shape of its variable.",
        "structure.identity": "a multiple of the identity",
        "structure.diagonal": "diagonal",
        "structure.ones": "a row of equal numbers",
        "structure.kronecker": "a Kronecker product",
        "structure.permutation": "a permutation",
        "structure.selection": "a selection",
        "verified": "Verified: {held} of {total} equalities hold.",
        "verified.rounding": "Every number is rounded to {digits} significant digits; ≈ stands where a line is no longer exactly "
        "equal for that reason, and all checks are made with the full numbers.",
        "wrong": "Line {line} does NOT hold: {what}.",
        "wrong.value": "the formula gives {found}, the engine computed {expected}",
        "wrong.rule": "the derivative rule of {detail} is not how the value really changes",
    },
    "ko": {
        "title": "{name} 유도",
        "heading.program": "프로그램",
        "heading.forward": "순전파",
        "heading.backward": "역전파",
        "heading.jacobians": "국소 미분",
        "heading.gradients": "기울기의 닫힌 꼴",
        "heading.paths": "경로별 정리",
        "heading.updates": "경사 하강 한 걸음",
        "heading.failure": "프로그램이 멈춘 곳",
        "intro.chain": "연쇄법칙에 따라 {loss}에서 인자 쪽으로 기울기를 흘려보낸다. 한 경로에서는 곱하고, 경로가 만나는 곳에서는 더한다.",
        "intro.g": "{g}: ‘{g} ←’가 있는 바로 앞 줄에서 구한 기울기.",
        "intro.above": "{g}: 위에서 내려온 기울기, 곧 {gradient}. {loss}: {output} 위에서 계산되는 손실.",
        "intro.immediate": "∂⁺u/∂x는 x의 이 쓰임 하나만을 따른 미분이다. x에서 u로 가는 다른 길은 다른 항에 적혀 있다.",
        "start": "역전파는 {gradient} = 1에서 시작한다.",
        "count": "{letter} = {value}: 평균을 내는 원소의 수.",
        "label.line": "{line}행",
        "label.shape": "모양 {shape}",
        "label.uses": "{numbers} 이용",
        "reason.add": "덧셈 노드는 기울기를 그대로 흘려보낸다.",
        "reason.subtract": "뺄셈 노드는 빼어지는 쪽에는 기울기를 그대로, 빼는 쪽에는 부호를 바꾸어 흘려보낸다.",
        "reason.negative": "음의 부호는 기울기의 부호를 바꾼다.",
        "reason.multiply": "곱셈 노드는 기울기에 다른 쪽 입력을 곱한다.",
        "reason.divide": "몫 a/b의 국소 미분은 a에 대해 1/b, b에 대해 −a/b²이다.",
        "reason.power": "거듭제곱 xᵏ의 국소 미분은 k xᵏ⁻¹이다.",
        "reason.square": "제곱 x²의 국소 미분은 2x이다.",
        "reason.log": "로그의 국소 미분은 1/x이다.",
        "reason.reuse": "{name}: 국소 미분은 순전파에서 이미 구한 출력 {y}만으로 쓸 수 있다.",
        "reason.sum": "합에는 모든 원소가 한 번씩 들어가므로, 합의 기울기가 각 원소에 그대로 전해진다.",
        "reason.mean": "평균에는 모든 원소가 같은 가중치로 들어가므로, 각 원소는 기울기를 고르게 나누어 받는다.",
        "reason.dot": "두 벡터의 내적에서는 원소마다 상대 벡터의 원소가 곱해지므로, 기울기에도 그 원소가 곱해진다.",
        "reason.outer_left": "행렬 {x}: (i, j) 원소는 j번째 입력을 i번째 출력에만 이어 주므로, 그 기울기는 gᵢ와 그 입력의 곱이다. "
        "곧 열벡터와 행벡터의 곱이며, 모양은 행렬과 같다.",
        "reason.outer_right": "행렬 {x}: (i, j) 원소는 i번째 입력을 j번째 출력에만 이어 주므로, 그 기울기는 그 입력과 gⱼ의 곱이다. "
        "곧 열벡터와 행벡터의 곱이며, 모양은 행렬과 같다.",
        "reason.matmul_left": "오른쪽 인수를 전치한다. 그래야 두 결과가 함께 가진 축을 따라 더해지고, 결과의 모양이 변수와 같아진다: {x}.",
        "reason.matmul_right": "왼쪽 인수를 전치한다. 모든 출력은 그 행렬을 거쳐 영향을 받으므로, 기울기도 같은 행렬을 거꾸로 거쳐 모이고 "
        "모양은 변수와 같다: {x}.",
        "reason.spread": "{x}: 모양 {own}인 배열이 축 {axes} 방향으로 펼쳐져 모양 {full}인 배열에 쓰였다. 복사본마다 기울기가 돌아오므로 "
        "축 {axes} 방향으로 더한다.",
        "reason.spread_number": "{x}: 하나의 수가 모양 {full}인 배열의 모든 원소에 쓰였으므로, 돌아오는 기울기를 모두 더한다.",
        "reason.transpose": "전치한 것은 다시 전치하여 되돌린다.",
        "reason.reshape": "모양을 바꾼 것은 처음 모양으로 되돌린다.",
        "reason.slice": "일부만 읽었다: 기울기는 읽은 자리로 돌아가고, 나머지는 0을 받는다.",
        "reason.gather": "원소를 골라 읽었다: 기울기는 고른 자리로 돌아가고, 나머지는 0을 받는다.",
        "reason.broadcast_to": "하나의 값을 복사한 것들의 기울기는 그 값으로 모여 더해진다.",
        "reason.write": "덮어쓰인 값은 0을, 써넣은 값은 그 자리의 기울기를 받는다.",
        "reason.concatenate": "이어 붙인 조각은 저마다 제 몫의 기울기를 돌려받는다.",
        "reason.stack": "이어 붙인 조각은 저마다 제 몫의 기울기를 돌려받는다.",
        "reason.branches": "{x}: {count}곳에 쓰였으므로 {count}개의 기여를 더한다.",
        "reason.sigmoid": "1/(1 + e⁻ˣ)은 시그모이드 함수 σ(x)이며, σ′ = σ(1 − σ)이다.",
        "reason.shape": "기울기의 모양은 언제나 변수의 모양과 같다.",
        "corner.max": "{won} > {lost}: 최댓값은 {won}. 이쪽이 기울기를 모두 받고, {lost} 쪽은 0을 받는다.",
        "corner.min": "{won} < {lost}: 최솟값은 {won}. 이쪽이 기울기를 모두 받고, {lost} 쪽은 0을 받는다.",
        "corner.tie": "동점: {a} = {b}. 규약에 따라 양쪽이 기울기를 절반씩 받는다.",
        "corner.max_elements": "{a} > {b}: 원소 {size}개 가운데 {count}개에서 성립한다. 기울기는 저마다 큰 쪽으로 간다.",
        "corner.min_elements": "{a} < {b}: 원소 {size}개 가운데 {count}개에서 성립한다. 기울기는 저마다 작은 쪽으로 간다.",
        "corner.tie_elements": "원소 {size}개 가운데 {count}개가 동점이다. 그곳에서는 규약에 따라 양쪽이 절반씩 받는다.",
        "corner.tie_over": "{x}: 최댓값(최솟값) 가운데 {count}개가 여러 원소에서 나타난다. 규약에 따라 기울기를 고르게 나눈다.",
        "corner.relu_on": "{x} > 0: 기울기가 그대로 지나간다.",
        "corner.relu_off": "{x} < 0: 기울기가 지나가지 않는다.",
        "corner.relu_other": "{x} < 0: 왼쪽 경사만큼 지나간다.",
        "corner.relu_elements": "{x} > 0: 원소 {size}개 가운데 {count}개에서 성립한다.",
        "corner.kink": "꺾인 점: {x} = 0. 왼쪽과 오른쪽의 경사가 다르다. 규약에 따른 {name}의 경사: {slope}.",
        "corner.kink_elements": "꺾인 점: {x} = 0인 원소가 {count}개 있다. 왼쪽과 오른쪽의 경사가 다르다. "
        "규약에 따른 {name}의 경사: {slope}.",
        "corner.where_true": "조건 {condition}: 참. 첫째 갈래를 택했고, 다른 갈래는 정확히 0을 받는다.",
        "corner.where_false": "조건 {condition}: 거짓. 둘째 갈래를 택했고, 첫째 갈래는 정확히 0을 받는다.",
        "corner.where_elements": "조건 {condition}: 원소 {size}개 가운데 {count}개에서 참. 택하지 않은 갈래는 정확히 0을 받는다.",
        "corner.clip": "{x}: 원소 {size}개 가운데 {count}개가 경계 안에 있다. 경계 밖에서는 기울기가 0이다.",
        "corner.clip_inside": "{x}: 경계 안에 있으므로 기울기가 그대로 지나간다.",
        "corner.clip_outside": "{x}: 경계 밖에 있으므로 기울기가 지나가지 않는다.",
        "corner.clip_bound": "{x}: 경계 위에 있는 값이 있다. 규약에 따라 그곳의 미분은 1이다.",
        "corner.step": "{name}: 계단 함수이므로 미분은 (있는 곳에서는) 0이고, 기울기가 지나가지 않는다.",
        "corner.outside": "{x}: 음수인 원소가 있다. 그곳에서 {name}의 실숫값이 없으므로 다음 값들은 수가 아니다(NaN).",
        "corner.boundary": "{x}: 값이 0이다. 그곳에서 {name}의 미분은 무한하다.",
        "reason.given": "{name}: 미분이 프로그램에 주어져 있다. 주어진 대로 쓰며, 차분과는 비교하지 않는다.",
        "corner.stopped": "stop_gradient: 여기서는 {x} 쪽으로 기울기가 지나가지 않는다.",
        "corner.branch_true": "{line}행: 조건이 참이어서 이 갈래를 택했다. 유도는 이 갈래에 대한 것이며, 다른 갈래는 관여하지 않는다.",
        "corner.branch_false": "{line}행: 조건이 거짓이어서 그 갈래는 택하지 않았고, 유도에 관여하지 않는다.",
        "domain.positive": "{x} > 0",
        "domain.nonzero": "{x} ≠ 0",
        "domain.unit": "|{x}| < 1",
        "domain": "성립 조건: {conditions}.",
        "zero.independent": "0인 까닭: {loss}의 값이 {x}의 값과 무관하다.",
        "zero.blocked": "0인 까닭: {x}에서 {loss}까지의 모든 경로가 기울기를 막는 연산을 지난다.",
        "updates": "기울기의 반대 방향으로 한 걸음, 학습률 {lr}:",
        "updates.effect": "{loss}: {before}에서 {after}로 바뀐다.",
        "held": "{x}: 정수이므로 고정된 값으로 둔다. 미분하려면 실수로 적는다.",
        "failure.nowhere": "프로그램에서 오류 {error}: {message}",
        "failure": "프로그램의 {line}행에서 오류 {error}: {message}",
        "structure.identity": "단위행렬의 배수",
        "structure.diagonal": "대각행렬",
        "structure.ones": "같은 수로 된 행",
        "structure.kronecker": "크로네커 곱",
        "structure.permutation": "치환행렬",
        "structure.selection": "선택행렬",
        "jacobian.intro": "줄마다 야코비 행렬을 적는다. i행 j열은 입력의 j번째 원소에 따라 결과의 i번째 원소가 어떻게 변하는지를 나타낸다.",
        "jacobian.flat": "축이 둘 이상인 배열은 원소를 행 순서로 늘어놓은 한 열로 본다.",
        "jacobian.vec": "vec(A)는 배열 A를 그렇게 늘어놓은 열이다.",
        "jacobian.ones": "𝟏: 모든 원소가 1인 열벡터. 길이는 자리에 맞춘다.",
        "jacobian.identity": "{I}: 단위행렬.",
        "jacobian.kronecker": "A ⊗ B는 크로네커 곱으로, A의 원소마다 B 전체를 곱한 것이다.",
        "jacobian.permutation": "{matrices}: 원소의 자리만 바뀌므로 각 행과 각 열에 1이 하나씩 있다.",
        "jacobian.selection": "{matrices}: 각 행에 1이 많아야 하나 있으며, 그 자리에서 읽는 원소를 가리킨다.",
        "jacobian.more": "야코비 행렬 {count}개는 적지 않았다.",
        "jacobian.product": "결과에서 인자까지 경로를 따라 곱하면:",
        "jacobian.transpose": "기울기는 이 곱을 전치하여 변수의 모양으로 놓은 것이다.",
        "verified": "검증: 등식 {total}개 가운데 {held}개가 성립한다.",
        "verified.rounding": "수는 유효숫자 {digits}자리로 반올림하여 적었다. 그 때문에 정확히 같지 않은 곳에는 ≈를 썼으며, 모든 검증은 "
        "반올림하지 않은 수로 하였다.",
        "wrong": "{line} 줄은 성립하지 않는다: {what}.",
        "wrong.value": "식의 값은 {found}, 엔진의 값은 {expected}",
        "wrong.rule": "{detail}의 미분 규칙이 값의 실제 변화와 다르다",
    },
}


def sentence(language: str, key: str, values: Mapping[str, Any]) -> tuple[Any, ...]:
    """A sentence as parts: strings and what was put into its gaps.

    >>> sentence("en", "label.line", {"line": "3"})
    ('line ', '3')
    """
    if language not in TEMPLATES:
        raise ArgumentError(
            f"derive has no language {language!r}. There are: {', '.join(repr(one) for one in LANGUAGES)}."
        )
    parts: list[Any] = []
    for position, piece in enumerate(re.split(r"\{(\w+)\}", TEMPLATES[language][key])):
        if position % 2:
            parts.append(values[piece])
        elif piece:
            parts.append(piece)
    return tuple(parts)


def text(language: str, key: str, **values: Any) -> str:
    """A sentence of strings as one string.

    >>> text("en", "label.line", line=3)
    'line 3'
    """
    return "".join(map(str, sentence(language, key, values)))
