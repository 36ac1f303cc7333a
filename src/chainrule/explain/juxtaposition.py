"""The sign between two factors: a dot, or none where the eye needs none."""

from __future__ import annotations

from chainrule.boxes import Accent, Box, Fence, Fraction, Letter, Limits, Numeral, Row, Scripts, Sign


def sign_between(left: Box, right: Box, index: bool) -> str:
    """The sign between two factors: none where the eye needs none; `index` says that elements are meant.

    >>> sign_between(Numeral("2"), Letter("x"), False), sign_between(Letter("x"), Numeral("2"), False)
    ('', '·')
    """
    last = left.items[-1] if isinstance(left, Row) else left
    first = right.items[0] if isinstance(right, Row) else right
    if isinstance(first, Numeral) or _starts_with_number(first):
        return "·"
    if _is_derivative(last) or _is_derivative(first) or _is_gradient(left):
        return "·"
    if isinstance(last, Numeral | Fraction):
        return "" if not isinstance(first, Fraction) else "·"
    if isinstance(first, Limits):
        return ""
    if _short(last, index) and (
        _short(first, index) or (isinstance(first, Fence | Scripts) and not isinstance(right, Scripts))
    ):
        return ""
    if isinstance(last, Fence) and isinstance(first, Fence):
        return ""
    if _short(last, index) and isinstance(right, Fence):
        return ""
    if isinstance(last, Scripts) and isinstance(right, Fence):
        return ""
    return "·"


def _is_derivative(box: Box) -> bool:
    """∂L/∂x."""
    return isinstance(box, Fraction) and isinstance(box.top, Row) and box.top.items[0] == Sign("∂", "atom")


def _is_gradient(box: Box) -> bool:
    """∇_x L: what follows in parentheses would look like the argument of L."""
    return isinstance(box, Row) and isinstance(box.items[0], Scripts) and box.items[0].base == Sign("∇", "atom")


def _starts_with_number(box: Box) -> bool:
    return isinstance(box, Scripts) and isinstance(box.base, Numeral)


def _short(box: Box, index: bool) -> bool:
    """A single letter other than g, with an accent or not; with an index where elements are meant."""
    if isinstance(box, Accent):
        return _short(box.base, index)
    if isinstance(box, Scripts) and index:
        return _short(box.base, index)
    return isinstance(box, Letter) and len(box.text) == 1 and box.text != "g"
