"""NumPy's calls in, chainrule's operations out: what `__array_ufunc__` and `__array_function__` do.

A NumPy callable on traced values is in one of four states: it has a stand-in (our operation of the same meaning), it is
gradient-free (it runs on the plain values), it is refused by name with advice, or nobody has classified it yet, which
is an error too. Nothing is ever passed on silently. The methods of ufuncs (`reduce`, `accumulate`, `outer`, `reduceat`,
`at`) and their keywords are translated here for all ufuncs at once.
"""

from __future__ import annotations

import dis
import inspect
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError, ChainruleError, ShapeError, TracedValueError, UnsupportedError
from chainrule.guards import recorders
from chainrule.primitive import functions, operations, refused, ufuncs, zero_by_nature
from chainrule.source import Place, here, user_frame
from chainrule.unwrap import is_traced, only_recorded, outline, plain, recorded

REDUCTIONS: dict[Any, Any] = {
    np.add: np.sum,
    np.multiply: np.prod,
    np.maximum: np.max,
    np.minimum: np.min,
    np.logical_and: np.all,
    np.logical_or: np.any,
}
ACCUMULATIONS: dict[Any, Any] = {np.add: np.cumsum, np.multiply: np.cumprod}

# Functions of SciPy that convert their argument to a plain array, and what has a gradient instead.
CONVERTING = {
    "softmax": "cr.softmax(...)",
    "log_softmax": "cr.log_softmax(...)",
    "logsumexp": "cr.logsumexp(...)",
    "polygamma": "cr.polygamma(...)",
    "multigammaln": "the sum of scipy.special.gammaln(...) that it stands for",
}

# What to run when a ufunc is met that nobody knows: the rules for another package's ufuncs are entered then.
ufunc_loaders: list[Callable[[], None]] = []


# What is asked about shapes, dtypes and memory, and not about numbers.
TYPE_QUERIES = {
    np.shape, np.ndim, np.size, np.result_type, np.can_cast, np.may_share_memory, np.shares_memory, np.einsum_path,
    np.iscomplexobj, np.isrealobj, np.common_type, np._core.umath._ones_like,  # pyright: ignore[reportAttributeAccessIssue]
}  # fmt: skip


def full_name(function: Any) -> str:
    """The name under which a user knows a NumPy callable.

    >>> full_name(np.linalg.inv), full_name(np.exp)
    ('numpy.linalg.inv', 'numpy.exp')
    """
    module = getattr(function, "__module__", None) or "numpy"
    if isinstance(function, np.ufunc):
        name = function.__name__
        inner = getattr(np._core.umath, name, None) is function  # pyright: ignore[reportAttributeAccessIssue] where ufuncs live
        module = "numpy" if getattr(np, name, None) is function else "numpy._core.umath" if inner else "scipy.special"
    return f"{module}.{function.__name__}"


def _without_rule(function: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """What a function says whose answer has no gradient; a recorder keeps it as one operation."""
    if function in TYPE_QUERIES:
        return function(*outline(args), **outline(kwargs))
    found = recorded((args, kwargs)) if recorders else None
    if found is not None:
        return operations["whole_function"](function, *found)
    return function(*plain(args), **plain(kwargs))


def memory_order(array: Any) -> tuple[int, ...]:
    """The axes from the widest stride to the narrowest; an axis of length 1 has no place of its own and comes first."""
    return tuple(
        sorted(range(array.ndim), key=lambda axis: -abs(array.strides[axis]) if array.shape[axis] > 1 else -np.inf)
    )


def call_function(function: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """Answer a NumPy function that met a traced value."""
    stand_in = functions.get(function)
    if stand_in is not None:
        try:
            return stand_in(*args, **kwargs)
        except ChainruleError:
            raise
        except TypeError as error:
            _explain_signature(function, stand_in, kwargs, error)
            raise
    if function in zero_by_nature or only_recorded((args, kwargs)):
        return _without_rule(function, tuple(args), kwargs)
    return _refuse(function)


def _refuse(function: Any) -> Any:
    if isinstance(function, np.ufunc):
        advice = refused.get(
            function, "Write it with operations that have a rule, or give it one with cr.custom_derivative."
        )
    else:
        unknown = "It is not classified yet. Give it a rule with cr.custom_derivative."
        advice = refused.get(function) or refused.get(
            function.__module__, unknown
        )  # some modules are refused as a whole
    raise UnsupportedError(
        f"{full_name(function)} is not supported on traced values (in {here()}). {advice} "
        "If no gradient is wanted there, write cr.stop_gradient(t).value."
    )


def _explain_signature(function: Any, stand_in: Any, kwargs: dict[str, Any], error: TypeError) -> None:
    """Name the keyword that a stand-in does not take."""
    try:
        signature = inspect.signature(stand_in)
    except (ValueError, TypeError):
        return
    if any(p.kind is inspect.Parameter.VAR_KEYWORD for p in signature.parameters.values()):
        return
    unknown = [name for name in kwargs if name not in signature.parameters]
    if unknown:
        raise UnsupportedError(
            f"{full_name(function)} does not support the keyword {unknown[0]}={kwargs[unknown[0]]!r} on traced values (in {here()}). "
            "Leave it out, or write its effect with other operations."
        ) from error


def call_ufunc(ufunc: Any, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Answer a ufunc, or one of its methods, that met a traced value."""
    out = kwargs.pop("out", None)
    out = out if isinstance(out, tuple) else (out,)
    if method == "__call__":
        result = _call(ufunc, inputs, kwargs, out)
    elif method == "at":
        return _at(ufunc, *inputs)
    else:
        result = _METHODS[method](ufunc, *inputs, **kwargs)
    if all(target is None for target in out):
        return result
    if isinstance(result, tuple):
        return tuple(write_out(ufunc, part, target, inputs) for part, target in zip(result, out, strict=True))
    return write_out(ufunc, result, out[0], inputs)


def _stand_in(ufunc: Any) -> Callable[..., Any]:
    found = ufuncs.get(ufunc)
    if found is None:
        for load in ufunc_loaders:
            load()
        found = ufuncs.get(ufunc)
    if found is None:
        return lambda *inputs: _call_unknown(ufunc, inputs)
    return found


def _call_unknown(ufunc: Any, inputs: tuple[Any, ...]) -> Any:
    if ufunc in zero_by_nature or only_recorded(inputs):
        return _without_rule(ufunc, inputs, {})
    return _refuse(ufunc)


def _call(ufunc: Any, inputs: tuple[Any, ...], kwargs: dict[str, Any], out: tuple[Any, ...]) -> Any:
    where, dtype = kwargs.pop("where", True), kwargs.pop("dtype", None)
    casting, order, subok = kwargs.pop("casting", "same_kind"), kwargs.pop("order", "K"), kwargs.pop("subok", True)
    del subok  # there are no subclasses here
    core = (
        {name: kwargs.pop(name) for name in ("axes", "axis", "keepdims") if name in kwargs}
        if ufunc in functions
        else {}
    )
    if kwargs:
        name, value = next(iter(kwargs.items()))
        raise UnsupportedError(
            f"{full_name(ufunc)} does not support the keyword {name}={value!r} on traced values (in {here()}). "
            "Leave it out, or convert with astype."
        )
    if dtype is not None:
        source = np.result_type(*(outline(value) for value in inputs))
        if not np.can_cast(source, np.dtype(dtype), casting=casting):
            raise ArgumentError(
                f"{full_name(ufunc)}: cannot cast from {source} to {np.dtype(dtype)} with casting={casting!r}, "
                f"in {here()}. Convert with astype first."
            )
        inputs = tuple(operations["astype"](value, dtype=np.dtype(dtype)) for value in inputs)
    result = functions[ufunc](*inputs, **core) if core else _stand_in(ufunc)(*inputs)
    if order in ("C", "F") and not isinstance(result, tuple):
        result = operations["laid_out"](result, order)
    if where is True:
        return result
    if out[0] is None:
        raise UnsupportedError(
            f"{full_name(ufunc)} with where= leaves the other elements undefined unless out= is given (in {here()}). "
            "Write np.where(condition, new, old), which says what they are."
        )
    return operations["where"](where, result, out[0])


def _reduce(
    ufunc: Any,
    array: Any,
    axis: Any = 0,
    dtype: Any = None,
    keepdims: bool = False,
    initial: Any = np._NoValue,
    where: Any = True,
) -> Any:
    if ufunc in REDUCTIONS:
        extra: dict[str, Any] = {} if initial is np._NoValue else {"initial": initial}
        if where is not True:
            extra["where"] = where
        if dtype is not None:
            array = operations["astype"](array, dtype=np.dtype(dtype))
        return functions[REDUCTIONS[ufunc]](array, axis=axis, keepdims=keepdims, **extra)
    if where is not True:
        raise UnsupportedError(
            f"{full_name(ufunc)}.reduce does not support where= on traced values (in {here()}). "
            "Select the elements first."
        )
    steps, axis = _steps(ufunc, array, axis, dtype)
    total = initial if initial is not np._NoValue and initial is not None else None
    for step in steps:
        total = operations["copy"](step) if total is None else _stand_in(ufunc)(total, step)
    if total is None:
        raise ValueError(f"zero-size array to reduction operation {ufunc.__name__} which has no identity")
    return functions[np.expand_dims](total, axis) if keepdims else total


def _steps(ufunc: Any, array: Any, axis: Any, dtype: Any) -> tuple[list[Any], int]:
    """The slices of an array along one axis, for ufuncs that are folded one by one."""
    if dtype is not None:
        array = operations["astype"](array, dtype=np.dtype(dtype))
    ndim = np.ndim(outline(array))
    if isinstance(axis, tuple) and len(axis) == 1:
        axis = axis[0]
    if axis is None and ndim == 1:
        axis = 0
    if not isinstance(axis, int | np.integer):
        raise UnsupportedError(
            f"{full_name(ufunc)}.reduce over several axes is not supported on traced values (in {here()}). "
            "Reduce one axis after the other."
        )
    axis = int(axis) % ndim
    first = functions[np.moveaxis](array, axis, 0)
    return [first[index] for index in range(len(outline(first)))], axis


def _accumulate(ufunc: Any, array: Any, axis: int = 0, dtype: Any = None) -> Any:
    if ufunc in ACCUMULATIONS:
        return functions[ACCUMULATIONS[ufunc]](array, axis=axis, dtype=dtype)
    steps, axis = _steps(ufunc, array, axis, dtype)
    totals: list[Any] = []
    for step in steps:
        totals.append(_stand_in(ufunc)(totals[-1], step) if totals else step)
    if not totals:
        return operations["copy"](array)
    return functions[np.stack](totals, axis=axis)


def _outer(ufunc: Any, first: Any, second: Any, dtype: Any = None) -> Any:
    if dtype is not None:
        first, second = (operations["astype"](value, dtype=np.dtype(dtype)) for value in (first, second))
    shape = (*np.shape(outline(first)), *(1,) * np.ndim(outline(second)))
    return _stand_in(ufunc)(functions[np.reshape](first, shape), second)


def _reduceat(ufunc: Any, array: Any, indices: Any, axis: int = 0, dtype: Any = None) -> Any:
    indices = [int(index) for index in np.asarray(plain(indices))]
    first = functions[np.moveaxis](array, axis, 0)
    length = len(outline(first))
    parts = []
    for position, start in enumerate(indices):
        stop = indices[position + 1] if position + 1 < len(indices) else length
        parts.append(_reduce(ufunc, first[start:stop], 0, dtype) if start < stop else first[start])
    return functions[np.moveaxis](functions[np.stack](parts), 0, axis)


def _at(ufunc: Any, target: Any, indices: Any, values: Any = None) -> None:
    """`ufunc.at(target, indices, values)`: in place, unbuffered."""
    if not is_traced(target):
        raise TracedValueError(
            f"{full_name(ufunc)}.at would write traced values into a plain array and lose their gradient (in {here()}). "
            "Make the target with np.zeros_like(t), or add with cr.scatter_add."
        )
    if ufunc not in (np.add, np.subtract):
        raise UnsupportedError(
            f"{full_name(ufunc)}.at is not supported on traced values (in {here()}). "
            "Only np.add.at and np.subtract.at are; write the loop with indices otherwise."
        )
    signed = values if ufunc is np.add else operations["negative"](values)
    target.assign(operations["cast_in_place"](operations["add_at"](target, indices, signed), target))


_METHODS: dict[str, Callable[..., Any]] = {
    "reduce": _reduce,
    "accumulate": _accumulate,
    "outer": _outer,
    "reduceat": _reduceat,
}


# -- out= and augmented assignment on plain arrays ---------------------------------------------------------------------


def write_out(function: Any, result: Any, target: Any, inputs: tuple[Any, ...] = ()) -> Any:
    """Put a result where `out=` says: into a traced array, or in the place of a plain one that nobody else can see."""
    if target is None:
        return result
    if is_traced(target):
        shape, wanted = np.shape(outline(result)), np.shape(outline(target))
        if shape != wanted:
            result = functions[np.broadcast_to](result, wanted)
        target.assign(operations["cast_in_place"](result, target))
        return target
    frame = user_frame(2)
    if _augmented(frame) and any(value is target for value in inputs):
        if sys.getrefcount(target) <= _own_references() and _base_is_private(target):
            if np.shape(outline(result)) != target.shape:
                raise ShapeError(
                    f"An augmented assignment cannot put a result of shape {np.shape(outline(result))} into an array of shape "
                    f"{target.shape}, in {Place(frame.f_code, frame.f_lasti)}. Compare the shapes of the variables on that line."
                )
            return operations["cast_in_place"](result, target)
        raise TracedValueError(
            f"An augmented assignment would put traced values into a plain array that other names still see "
            f"(shape {target.shape}, in {Place(frame.f_code, frame.f_lasti)}): they would keep the old numbers. "
            "Write a = a + t instead of a += t."
        )
    raise TracedValueError(
        f"{full_name(function)} with out= would write traced values into a plain array and lose their gradient "
        f"(in {Place(frame.f_code, frame.f_lasti)}). Use the result that it returns, without out=."
    )


def _augmented(frame: Any) -> bool:
    """Whether the user's running instruction is an augmented assignment such as `a += t`."""
    code = frame.f_code.co_code
    return dis.opname[code[frame.f_lasti]].startswith("BINARY_OP") and code[frame.f_lasti + 1] >= _FIRST_IN_PLACE


_FIRST_IN_PLACE = 13  # NB_INPLACE_ADD in CPython's opcode table, unchanged since 3.11


def _base_is_private(array: np.ndarray[Any, Any]) -> bool:
    return array.base is None or (isinstance(array.base, np.ndarray) and sys.getrefcount(array.base) <= 2)


class _Probe:
    """Counts the references to an array that is the target of an augmented assignment and known by one name only."""

    count = 0

    def __array_ufunc__(self, _ufunc: Any, _method: str, *inputs: Any, **kwargs: Any) -> Any:
        return _count_references(inputs, kwargs)


def _count_references(inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Holds the array as `call_ufunc` and `write_out` do: in the inputs, in `out`, and by one name."""
    out = kwargs.pop("out", None)
    out = out if isinstance(out, tuple) else (out,)
    target = out[0]
    _Probe.count = sys.getrefcount(target)
    return inputs[1]


def _own_references() -> int:
    """How many references this interpreter itself holds in `a += t` when the user holds one."""
    if not _Probe.count:
        array = np.zeros(1)
        array += _Probe()  # pyright: ignore[reportOperatorIssue] the probe answers through __array_ufunc__
    return _Probe.count
