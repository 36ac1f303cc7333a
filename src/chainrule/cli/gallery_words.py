"""The words of the gallery's pages around the derivations, in both languages."""

from __future__ import annotations

LANGUAGES = {"en": "English", "ko": "한국어"}

GROUPS = ("A", "B", "C")

WORDS: dict[str, dict[str, str]] = {
    "en": {
        "site": "Worked examples of the chain rule",
        "intro": "Programs of ten lines or fewer in plain NumPy, and for each its derivation by the chain rule: written by "
        "chainrule from the program itself, in the program's own names, with every equality evaluated.",
        "group.A": "Scalar graphs",
        "group.B": "Linear regression",
        "group.C": "Networks",
        "all": "All examples",
        "previous": "Previous",
        "next": "Next",
        "program": "Program",
        "source": "Lines {first}–{last} of examples/worked/{file}.",
        "call": "The derivation below comes from",
        "at": "At ",
        "point": "Point {number} of {count}: {values}",
        "plot": "Value and derivative",
        "plot.description": "Curves over {x} from {left} to {right}: the value {value} and the derivative {derivative}.",
        "plot.caption": "Both curves are computed by the engine. Dots mark the points that are derived below.",
        "shape": "{name} of shape {shape}",
        "total": "All pages together: {held} of {total} equalities hold.",
        "missing": "{title}: left out, because {package} is not installed.",
    },
    "ko": {
        "site": "연쇄법칙 예제 모음",
        "intro": "순수한 NumPy로 쓴 열 줄 이하의 프로그램과, 연쇄법칙에 따른 그 유도이다. 유도는 chainrule이 프로그램에서 바로, "
        "프로그램의 이름을 그대로 써서 적었으며, 모든 등식을 계산해 확인했다.",
        "group.A": "스칼라 그래프",
        "group.B": "선형 회귀",
        "group.C": "신경망",
        "all": "전체 예제",
        "previous": "이전",
        "next": "다음",
        "program": "프로그램",
        "source": "examples/worked/{file}, {first}–{last}행.",
        "call": "아래의 유도는 다음 호출로 얻는다.",
        "at": "입력: ",
        "point": "{count}개 지점 중 {number}번째: {values}",
        "plot": "값과 미분",
        "plot.description": "{x}: {left}부터 {right}까지. 곡선은 함숫값 {value}, 미분 {derivative}.",
        "plot.caption": "두 곡선 모두 엔진이 계산했다. 점은 아래에서 유도하는 지점이다.",
        "shape": "{name} (모양 {shape})",
        "total": "모든 쪽을 통틀어 등식 {total}개 가운데 {held}개가 성립한다.",
        "missing": "{title}: {package} 패키지가 설치되어 있지 않아 뺐다.",
    },
}


def word(language: str, key: str, **gaps: object) -> str:
    """A word or sentence of a language, its gaps filled.

    >>> word("en", "point", number=1, count=3, values="a = 3")
    'Point 1 of 3: a = 3'
    """
    return WORDS[language][key].format(**gaps)
