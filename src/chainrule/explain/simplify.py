"""A scalar expression in, a shorter equal one out, where SymPy is installed and finds one (the `symbolic` extra)."""

from __future__ import annotations

import importlib
import importlib.util
from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np

from chainrule.explain.algebra import number, power, product, total
from chainrule.explain.expression import Apply, Expression, Number, Power, Product, Sum, Symbol, size, symbols_in
from chainrule.primitive import primitives

# Functions that SymPy knows under another or the same name.
FUNCTIONS = {
    "exp": "exp", "log": "log", "sin": "sin", "cos": "cos", "tan": "tan", "tanh": "tanh", "sinh": "sinh", "cosh": "cosh",
    "sqrt": "sqrt", "arctan": "atan", "arcsin": "asin", "arccos": "acos",
}  # fmt: skip


LONGEST = 28  # signs and names of an expression on which every way is tried


@cache
def _sympy() -> Any:
    return importlib.import_module("sympy") if importlib.util.find_spec("sympy") else None


def simplest(expression: Expression) -> Expression:
    """The shortest form that is found: the expression itself, or what SymPy factors or simplifies it to.

    >>> simplest(number(2))
    2
    """
    sympy = _sympy()
    if sympy is None or size(expression) < 4 or any(symbol.shape != () for symbol in symbols_in(expression)):
        return expression
    if not all(np.isfinite(symbol.value) for symbol in symbols_in(expression)) or not _finite(expression):
        return expression
    symbols = {symbol.key: sympy.Symbol(f"x{i}", real=True) for i, symbol in enumerate(symbols_in(expression))}
    try:
        given = _to_sympy(sympy, expression, symbols)
    except KeyError:
        return expression
    names = {symbols[symbol.key]: symbol for symbol in symbols_in(expression)}
    functions = _functions(expression)  # as the program's own terms are written
    best = expression
    # `simplify` tries every identity of the functions in an expression, which takes seconds for two or three of them.
    ways = (
        (sympy.factor, sympy.simplify)
        if size(expression) <= LONGEST and not _has_functions(expression)
        else (sympy.factor,)
    )
    for way in ways:
        form = way(given)
        try:
            found = _from_sympy(sympy, form, names, functions)
        except KeyError:
            continue
        if size(found) < size(best) and _terms(found) <= _terms(expression):  # not what is multiplied out
            best = found
    return best


def _has_functions(expression: Expression) -> bool:
    return not _functions(expression).keys() <= {"exp", "log", "sqrt"}


def _functions(expression: Expression) -> dict[str, Any]:
    found: dict[str, Any] = {}
    stack = [expression]
    while stack:
        term = stack.pop()
        if isinstance(term, Apply):
            found[term.name] = term.function
        stack.extend(term.operands)
    return found


def _terms(expression: Expression) -> int:
    return len(expression.terms) if isinstance(expression, Sum) else 1


def _finite(expression: Expression) -> bool:
    """Whether every number in it is finite."""
    stack = [expression]
    while stack:
        term = stack.pop()
        if isinstance(term, Number | Product):
            value = term.number if isinstance(term, Number) else term.coefficient
            if not isinstance(value, Fraction) and not np.isfinite(value):
                return False
        stack.extend(term.operands)
    return True


def _to_sympy(sympy: Any, term: Expression, symbols: dict[Any, Any]) -> Any:
    if isinstance(term, Symbol):
        return symbols[term.key]
    if isinstance(term, Number):
        return _rational(sympy, term.number)
    parts = [_to_sympy(sympy, operand, symbols) for operand in term.operands]
    if isinstance(term, Sum):
        return sympy.Add(*parts)
    if isinstance(term, Product):
        return sympy.Mul(_rational(sympy, term.coefficient), *parts)
    if isinstance(term, Power):
        return sympy.Pow(*parts)
    assert isinstance(term, Apply)
    return getattr(sympy, FUNCTIONS[term.name])(*parts)


def _rational(sympy: Any, value: Any) -> Any:
    if isinstance(value, int | Fraction):
        return sympy.Rational(value.numerator, value.denominator)
    if isinstance(value, float):
        return sympy.Rational(str(value))
    raise KeyError(value)


def _from_sympy(sympy: Any, form: Any, names: dict[Any, Symbol], functions: dict[str, Any]) -> Expression:
    if form in names:
        return names[form]
    if form.is_Rational:
        return number(Fraction(int(form.p), int(form.q)))
    parts = [_from_sympy(sympy, argument, names, functions) for argument in form.args]
    if form.is_Add:
        return total(*parts)
    if form.is_Mul:
        return product(*parts)
    if form.is_Pow:
        return power(*parts)
    for ours, theirs in FUNCTIONS.items():
        if form.func is getattr(sympy, theirs):
            return Apply(functions.get(ours, primitives[ours]), tuple(parts))
    raise KeyError(form.func)
