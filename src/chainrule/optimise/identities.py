"""The table of identities: what a simplification looks for, what it puts in the place, and an example on which it is tested.

Only identities that hold bit for bit for all numbers have a line: with NaN, infinities, both zeros and subnormal numbers, in every
precision. So x - 0 is x, and x + 0 is not, because -0 + 0 is 0; x + (-0) is. A quotient by a power of two is a product with its
inverse; a quotient by 3 is not. The one thing that is not kept is the sign of a NaN, which IEEE 754 leaves open in arithmetic.
Sums keep their order. A sum over no axes has no line: NumPy adds 0 to it, which makes 0 of -0.

To add an identity, add a line. The tests read the table: each example must lose or change the operations as its line says, and
give the same bits on special values.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.graph import Node
from chainrule.optimise.fold import LARGEST_GROWTH, stored_bytes
from chainrule.optimise.patterns import (
    Fixed,
    Found,
    Operation,
    in_dtype_of,
    is_doubling,
    is_number,
    is_power_of_two,
    on,
    uniform,
)
from chainrule.optimise.replacing import elementwise_like, moved_like
from chainrule.optimise.rewriting import Constant, Operand, operands
from chainrule.primitive import operations

Replacement = str | Operation | Callable[[Node, Found], Operand | None]
ANY_RANK = ((), (9,), (3, 9))
ARRAYS = ((9,), (3, 9))


@dataclass(frozen=True, slots=True)
class Identity:
    """One line of the table.

    `patterns`: any of them. `becomes`: a letter (that operand stands in the node's place), an operation on letters, or a
    function of the node and the operands found that gives the replacement or None. `kinds`: the dtype kinds of results
    and operands for which it holds. `example` is a function of arrays to which the line applies, tried at `shapes`; the
    operations `left` are what remains of it.

    >>> IDENTITIES[0].name, IDENTITIES[0].left
    ('x * 1 is x', ())
    """

    name: str
    patterns: tuple[Operation, ...]
    becomes: Replacement
    example: Callable[..., Any]
    left: tuple[str, ...]
    kinds: str = "f"
    shapes: tuple[tuple[int, ...], ...] = ANY_RANK


# -- constants in products and quotients -------------------------------------------------------------------------------


def _times_inverse(node: Node, found: Found) -> Operand | None:
    number = in_dtype_of(node, _constant(found["c"]))
    return elementwise_like("multiply", (found["x"], Constant(number.dtype.type(1) / number)), node)


def _doubled_once(node: Node, found: Found) -> Operand | None:
    inner = next(operand for operand in operands(node) if isinstance(operand, Node))
    if inner.value.dtype != node.value.dtype:
        return None
    with np.errstate(over="ignore"):
        number = in_dtype_of(node, _constant(found["c"])) * in_dtype_of(node, _constant(found["d"]))
    return elementwise_like("multiply", (found["x"], Constant(number)), node) if np.isfinite(number) else None


def _with_negated_constant(name: str, first: bool = True) -> Callable[[Node, Found], Operand | None]:
    def build(node: Node, found: Found) -> Operand | None:
        value = _constant(found["c"])
        if type(value) in (int, float):
            negated: Any = -float(value)
        else:
            negated = (-np.asarray(value).astype(node.value.dtype if value.dtype.kind != "f" else value.dtype))[()]
        pair = (found["x"], Constant(negated))
        return elementwise_like(name, pair if first else pair[::-1], node)

    return build


def _constant(operand: Operand) -> Any:
    assert isinstance(operand, Constant)
    return operand.value


def _small(value: Any, _: Node) -> bool:
    """A constant of real numbers whose negative costs nothing to keep."""
    return type(value) in (int, float) or (value.dtype.kind in "fiu" and stored_bytes(value) <= LARGEST_GROWTH)


# -- powers ------------------------------------------------------------------------------------------------------------


def _plain_exponent(number: float) -> Callable[[Any, Node], bool]:
    return lambda value, _: type(value) in (int, float) and value == number


def _power_of_array(name: str, *letters: str) -> Callable[[Node, Found], Operand | None]:
    """NumPy computes x ** 2 as x * x and x ** 0.5 as sqrt(x) for arrays; for single numbers it calls pow."""

    def build(node: Node, found: Found) -> Operand | None:
        if not np.ndim(node.value) or not np.ndim(_value(found["x"])):
            return None
        return elementwise_like(name, tuple(found[letter] for letter in letters), node)

    return build


def _value(operand: Operand) -> Any:
    return operand.value


# -- views and copies --------------------------------------------------------------------------------------------------


def _unmoved(node: Node, found: Found) -> Operand | None:
    shape = np.shape(_value(found["x"]))
    long = [axis for axis in node.parameters["axes"] if shape[axis] != 1]
    return found["x"] if long == sorted(long) else None


def _composed_axes(node: Node, found: Found) -> Operand | None:
    inner = node.inputs[0]
    assert inner is not None
    axes = tuple(inner.parameters["axes"][axis] for axis in node.parameters["axes"])
    return moved_like("transpose", found["x"], {"axes": axes}, node)


def _directly(name: str) -> Callable[[Node, Found], Operand | None]:
    return lambda node, found: moved_like(name, found["x"], node.parameters, node)


def _whole(node: Node, found: Found) -> Operand | None:
    shape = np.shape(_value(found["x"]))
    index = [item for item in node.parameters["index"] if item is not Ellipsis]
    if len(index) < len(node.parameters["index"]) and index and len(index) < len(shape):
        return None  # an ellipsis among slices: which axes they mean is not worth working out
    for item, length in zip(index, shape, strict=False):
        if type(item) is not slice or item.indices(length) != (0, length, 1):
            return None
    return found["x"] if len(index) <= len(shape) else None


def _there_and_back(node: Node, found: Found) -> Operand | None:
    inner = node.inputs[0]
    assert inner is not None
    start, middle = _value(found["x"]).dtype, inner.value.dtype
    floating = start.kind == middle.kind and start.kind in "fc"
    return found["x"] if floating and np.can_cast(start, middle, casting="safe") else None


def _its_operand(node: Node, _: Found) -> Operand | None:
    return operands(node)[0]


def _known_result(node: Node, _: Found) -> Operand | None:
    return Constant(node.value) if stored_bytes(node.value) <= LARGEST_GROWTH else None


def _all(truth: bool) -> Callable[[Any, Node], bool]:
    def test(value: Any, _: Node) -> bool:
        array = np.asarray(value)
        return array.size > 0 and bool(np.all((array != 0) == truth))

    return test


# -- broadcasting that the operation does itself -----------------------------------------------------------------------

# Operations that give the same bits for a number as for an array of that number.
EXACT = (
    *("add", "subtract", "multiply", "divide", "maximum", "minimum"),
    *("less", "less_equal", "greater", "greater_equal", "equal", "not_equal"),
)


def _number_for_array(node: Node, found: Found) -> Operand | None:
    for index, letter in enumerate("xy"):
        operand, partner = found[letter], found["yx"[index]]
        if isinstance(operand, Constant) and np.ndim(operand.value) and _fills(partner, node):
            number = uniform(operand.value)
            if number is not None:
                pair = [found["x"], found["y"]]
                pair[index] = Constant(number)
                return elementwise_like(node.primitive.name, tuple(pair), node)
    return None


def _source_for_spread(node: Node, found: Found) -> Operand | None:
    for index, letter in enumerate("xy"):
        operand, partner = found[letter], found["yx"[index]]
        if isinstance(operand, Node) and operand.primitive.name == "broadcast_to" and _fills(partner, node):
            pair = [found["x"], found["y"]]
            pair[index] = operands(operand)[0]
            return elementwise_like(node.primitive.name, tuple(pair), node)
    return None


def _fills(operand: Operand, node: Node) -> bool:
    return np.shape(operand.value) == node.value.shape


def _repeated(x: Any, shape: tuple[int, ...]) -> Any:
    return operations["broadcast_to"](x, shape=shape)


def _kept_twice(x: Any, y: Any) -> Any:
    mask = x > y
    return operations["keep"](operations["keep"](x, mask), mask)


_ONE, _ZERO, _MINUS_ZERO = Fixed("c", is_number(1)), Fixed("c", is_number(0.0)), Fixed("c", is_number(-0.0))
_C = Fixed("c", _small)
_TRUE, _FALSE = Fixed("m", _all(True)), Fixed("m", _all(False))

IDENTITIES: tuple[Identity, ...] = (
    Identity("x * 1 is x", (on("multiply", "x", _ONE),), "x", lambda x: 1.0 * x * 1, (), "fiu"),
    Identity("x / 1 is x", (on("divide", "x", _ONE),), "x", lambda x: x / 1, ()),
    Identity("x - 0 is x", (on("subtract", "x", _ZERO),), "x", lambda x: x - 0, (), "fiu"),
    Identity("x + (-0) is x", (on("add", "x", _MINUS_ZERO),), "x", lambda x: -0.0 + x, ()),
    Identity("i + 0 is i", (on("add", "x", _ZERO),), "x", lambda x: operations["astype"](x > 0, dtype=np.dtype(int)) + 0,
             ("greater", "astype_of_counts"), "iu"),
    Identity("-(-x) is x", (on("negative", on("negative", "x")),), "x", lambda x: np.negative(-x), (), "fciu"),
    Identity("+x is x", (on("positive", "x"),), "x", lambda x: +x, (), "fciu"),
    Identity("x * (-1) is -x", (on("multiply", "x", Fixed("c", is_number(-1))), on("divide", "x", Fixed("c", is_number(-1)))),
             on("negative", "x"), lambda x: x * -1.0, ("negative",)),
    Identity("-0 - x is -x", (on("subtract", _MINUS_ZERO, "x"),), on("negative", "x"), lambda x: -0.0 - x, ("negative",)),
    Identity("a + (-b) is a - b", (on("add", "a", on("negative", "b")),), on("subtract", "a", "b"),
             lambda a, b: a + (-b), ("subtract",)),
    Identity("a - (-b) is a + b", (on("subtract", "a", on("negative", "b")),), on("add", "a", "b"),
             lambda a, b: a - (-b), ("add",)),
    Identity("(-a)(-b) is ab", (on("multiply", on("negative", "a"), on("negative", "b")),), on("multiply", "a", "b"),
             lambda a, b: (-a) * (-b), ("multiply",)),
    Identity("(-a) / (-b) is a / b", (on("divide", on("negative", "a"), on("negative", "b")),), on("divide", "a", "b"),
             lambda a, b: (-a) / (-b), ("divide",)),
    Identity("-(x c) is x (-c)", (on("negative", on("multiply", "x", _C)), on("multiply", on("negative", "x"), _C)),
             _with_negated_constant("multiply"), lambda x: -(x * 0.3), ("multiply",)),
    Identity("-(x / c) is x / (-c)", (on("negative", on("divide", "x", _C)), on("divide", on("negative", "x"), _C)),
             _with_negated_constant("divide"), lambda x: -(x / 0.3), ("divide",)),
    Identity("-(c / x) is (-c) / x", (on("negative", on("divide", _C, "x")), on("divide", _C, on("negative", "x"))),
             _with_negated_constant("divide", first=False), lambda x: -(0.3 / x), ("divide",)),
    Identity("x / 2^k is x * 2^-k", (on("divide", "x", Fixed("c", is_power_of_two)),), _times_inverse,
             lambda x: x / 8.0, ("multiply",)),
    Identity("x 2^j 2^k is x 2^(j+k)",
             (on("multiply", on("multiply", "x", Fixed("c", is_doubling)), Fixed("d", is_doubling)),),
             _doubled_once, lambda x: (x * 2.0) * 4, ("multiply",)),
    Identity("x ** 1 is x", (on("power", "x", Fixed("n", _plain_exponent(1))),), "x", lambda x: x**1, ()),
    Identity("x ** 2 is x * x", (on("power", "x", Fixed("n", _plain_exponent(2))),), _power_of_array("multiply", "x", "x"),
             lambda x: x**2, ("multiply",), shapes=ARRAYS),
    Identity("x ** 0.5 is sqrt(x)", (on("power", "x", Fixed("n", _plain_exponent(0.5))),), _power_of_array("sqrt", "x"),
             lambda x: x**0.5, ("sqrt",), shapes=ARRAYS),
    Identity("square(x) is x * x", (on("square", "x"),), on("multiply", "x", "x"), lambda x: np.square(x), ("multiply",)),
    Identity("|-x| is |x|", (on("absolute", on("negative", "x")),), on("absolute", "x"), lambda x: np.abs(-x), ("absolute",)),
    Identity("||x|| is |x|", (on("absolute", on("absolute", "x")),), _its_operand, lambda x: np.abs(np.abs(x)), ("absolute",)),
    Identity("max(x, x) is x", (on("maximum", "x", "x"), on("minimum", "x", "x")), "x", lambda x: np.maximum(x, x), ()),
    Identity("the conjugate of a real number is the number", (on("conjugate", "x"), on("real", "x")), "x",
             lambda x: np.conjugate(x), ()),
    Identity("the conjugate of the conjugate of z is z", (on("conjugate", on("conjugate", "x")),), "x",
             lambda x: np.conjugate(np.conjugate(x + 1j)), ("add",), "c"),
    Identity("not (a equals b) is a differs from b", (on("logical_not", on("equal", "a", "b")),), on("not_equal", "a", "b"),
             lambda a, b: np.logical_not(a == b), ("not_equal",), "fbiu"),
    Identity("not (a differs from b) is a equals b", (on("logical_not", on("not_equal", "a", "b")),), on("equal", "a", "b"),
             lambda a, b: np.logical_not(a != b), ("equal",), "fbiu"),
    Identity("not not p is p", (on("logical_not", on("logical_not", "x")),), "x",
             lambda x: np.logical_not(np.logical_not(x > 0)), ("greater",), "b"),
    Identity("axes in their own order", (on("transpose", "x"),), _unmoved,
             lambda x: operations["transpose"](x, axes=tuple(range(x.ndim))), (), "fciub"),
    Identity("axes moved twice", (on("transpose", on("transpose", "x")),), _composed_axes,
             lambda x: np.transpose(np.transpose(x, (1, 2, 0)), (1, 2, 0)), ("transpose",), "fciub", ((2, 3, 4),)),
    Identity("reshaped to its own shape", (on("reshape", "x"),), "x",
             lambda x: operations["reshape"](x, shape=x.shape), (), "fciub"),
    Identity("reshaped twice", (on("reshape", on("reshape", "x")),), _directly("reshape"),
             lambda x: x.reshape(-1).reshape(x.size, 1), ("reshape",), "fciub", ARRAYS),
    Identity("broadcast to its own shape", (on("broadcast_to", "x"),), "x",
             lambda x: operations["broadcast_to"](x, shape=x.shape), (), "fciub", ARRAYS),
    Identity("broadcast twice", (on("broadcast_to", on("broadcast_to", "x")),), _directly("broadcast_to"),
             lambda x: np.broadcast_to(np.broadcast_to(x, (3, 9)), (4, 3, 9)), ("broadcast_to",), "fciub", ARRAYS),
    Identity("all of x is x", (on("slice", "x"),), _whole, lambda x: x[:], (), "fciub", ARRAYS),
    Identity("a copy of x is x", (on("copy", "x"),), "x", lambda x: np.copy(x), (), "fciub", ARRAYS),
    Identity("cast to its own dtype", (on("astype", "x"), on("astype_of_counts", "x")), "x",
             lambda x: operations["astype"](x, dtype=x.dtype), (), "fciub"),
    Identity("cast to a wider dtype and back", (on("astype", on("astype", "x")),), _there_and_back,
             lambda x: x.astype(np.longdouble).astype(x.dtype), (), "fc"),
    Identity("concatenation of one array", (on("concatenate", "x"),), "x",
             lambda x: np.concatenate([x]), (), "fciub", ARRAYS),
    Identity("kept twice by one mask", (on("keep", on("keep", "x", "m"), "m"),), _its_operand,
             _kept_twice, ("greater", "keep"), "fb"),
    Identity("kept everywhere", (on("keep", "x", _TRUE),), "x", lambda x: operations["keep"](x, np.True_), (), "fci"),
    Identity("kept nowhere", (on("keep", "x", _FALSE),), _known_result,
             lambda x: operations["keep"](x, np.False_), ("stop_gradient",), "fci"),
    Identity("where(true, x, y) is x", (on("where", _TRUE, "x", "y"),), "x",
             lambda x, y: operations["where"](np.True_, x, y), (), "fciub", ARRAYS),
    Identity("where(false, x, y) is y", (on("where", _FALSE, "x", "y"),), "y",
             lambda x, y: operations["where"](np.False_, x, y), (), "fciub", ARRAYS),
    Identity("where(c, x, x) is x", (on("where", "c", "x", "x"),), "x", lambda x: np.where(x > 0, x, x), (), "fciub", ARRAYS),
    Identity("an array like x full of a number", (on("full_like", "x"),), _known_result,
             lambda x: np.full_like(x, 0.3), ("stop_gradient",), "fciub"),
    Identity("an array of one number is the number", tuple(on(name, "x", "y") for name in EXACT), _number_for_array,
             lambda x: x + np.full(x.shape, 0.3), ("add",), "fbiu", ARRAYS),
    Identity("a spread operand is its source", tuple(on(name, "x", "y") for name in (*EXACT, "keep")), _source_for_spread,
             lambda x: x * _repeated(x[..., :1], x.shape), ("slice", "multiply"), "fbiu", ARRAYS),
)  # fmt: skip
