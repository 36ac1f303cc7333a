"""An expression in, the same expression in tidy form out: after a substitution the identities are applied anew."""

from __future__ import annotations

from chainrule.explain import algebra, arrays
from chainrule.explain.expression import Apply, Expression, Number, Power, Product, Sum


def rebuild(expression: Expression, collect: bool = True) -> Expression:
    """The expression built again from its parts, with ones and zeros gone and, with `collect`, like terms added.

    >>> from fractions import Fraction
    >>> rebuild(Product(Fraction(2), (Number(Fraction(3)),)))
    6
    """
    operands = expression.operands
    if not operands:
        return expression
    parts = tuple(rebuild(operand, collect) for operand in operands)
    if isinstance(expression, Sum):
        return algebra.total(*parts, collect=collect)
    if isinstance(expression, Product):
        return algebra.product(Number(expression.coefficient), *parts)
    if isinstance(expression, Power):
        return algebra.power(*parts)
    if isinstance(expression, Apply):
        return _apply(expression, parts)
    return expression.rebuilt(parts)


def _apply(expression: Apply, parts: tuple[Expression, ...]) -> Expression:
    name = expression.name
    if name == "matmul":
        return arrays.matmul(*parts)
    if name == "broadcast_to":
        return arrays.broadcast(parts[0], expression.parameters["shape"])
    if name == "reshape":
        return arrays.reshaped(parts[0], expression.parameters["shape"])
    if name == "outer":
        return algebra.outer_product(*parts)
    if name == "transposed":
        return arrays.transpose(parts[0])
    if name == "sum":
        return arrays.summed(parts[0], expression.function, expression.parameters)
    if name == "where":
        return arrays.chosen(parts[0], parts[1], parts[2], expression.function)
    return expression.rebuilt(parts)
