"""What a kernel means, in plain NumPy, and the native function called on the same arrays.

An operand is an array with one axis for each loop dimension (of length 1 where it is `FIXED`) and one more for each axis that is
indexed by values; one with `partial` has the chunk as an axis in front.
"""

import ctypes

import numpy as np

from chainrule.lower.kernel import FIXED, NUMPY_NAMES
from chainrule.run.native import engine
from chainrule.run.native.kernel_folds import neutral
from chainrule.run.native.kernels import kernel_text

FOLDS = {
    "add": np.add,
    "multiply": np.multiply,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "and": np.bitwise_and,
    "or": np.bitwise_or,
}
FUNCTIONS = {"cast": lambda x: x, "where": np.where}


def _grid(kernel, begin, shape, steps):
    return tuple(
        np.zeros((1,) * kernel.rank, int)
        if step == FIXED
        else (np.arange(shape[d]) + (begin if d == 0 else 0)).reshape([-1 if e == d else 1 for e in range(kernel.rank)])
        for d, step in enumerate(steps)
    )


def _indices(array, kernel, indices):
    found = []
    for axis, index in enumerate(indices):
        extent = array.shape[kernel.rank + axis]
        if ((index < -extent) | (index >= extent)).any():
            return None
        found.append(np.where(index < 0, index + extent, index))
    return tuple(found)


def evaluate(kernel, extents, arrays, begin, end, chunk):
    """Do what the kernel says on `arrays`, in place; returns its code."""
    shape = (end - begin, *extents[1:])
    arrays = [
        array[chunk] if operand.partial else array for array, operand in zip(arrays, kernel.operands, strict=True)
    ]
    values, effects, code = [], [], 0
    for each in kernel.instructions:
        arguments = [values[argument] for argument in each.arguments]
        operand = kernel.operands[each.operand] if each.operand >= 0 else None
        value = None
        if each.operation == "load":
            value = arrays[each.operand][_grid(kernel, begin, shape, operand.steps)]
        elif each.operation == "gather":
            indices = _indices(arrays[each.operand], kernel, arguments)
            if indices is None:
                return 1
            value = arrays[each.operand][(*_grid(kernel, begin, shape, operand.steps), *indices)]
        elif each.operation == "literal":
            value = np.full((1,) * kernel.rank, each.detail, NUMPY_NAMES[each.type])
        elif each.operation == "index":
            d = each.detail
            value = (np.arange(shape[d]) + (begin if d == 0 else 0)).reshape(
                [-1 if e == d else 1 for e in range(kernel.rank)]
            )
        elif each.operation == "reduce":
            (x,) = arguments
            x = np.broadcast_to(x, (*x.shape[:-1], shape[-1]))
            first = np.full((*x.shape[:-1], 1), neutral(each.detail, each.type), x.dtype)
            value = FOLDS[each.detail].reduce(np.concatenate([first, x], -1), axis=-1, keepdims=True, dtype=x.dtype)
        elif each.operation in ("store", "accumulate", "scatter", "require"):
            effects.append((each, arguments))
        else:
            function = FUNCTIONS.get(each.operation) or getattr(np, each.operation)
            value = np.asarray(function(*arguments)).astype(NUMPY_NAMES[each.type])
        values.append(value)
    for each, arguments in effects:
        if each.operation == "require":
            code = code if arguments[0].all() else 2
            continue
        array, operand = arrays[each.operand], kernel.operands[each.operand]
        inner = any(argument.shape[-1] != 1 for argument in arguments) or operand.steps[-1] != FIXED
        full = (*shape[:-1], shape[-1] if inner else 1)
        place = _grid(kernel, begin, shape, operand.steps)
        if each.operation == "store":
            array[place] = arguments[0]
        elif each.operation == "accumulate":
            axes = tuple(d for d, step in enumerate(operand.steps) if step == FIXED)
            x = np.broadcast_to(arguments[0], full)
            fold = FOLDS[each.detail]
            array[place] = fold.reduce(
                x, axis=axes, keepdims=True, dtype=x.dtype, initial=neutral(each.detail, operand.type)
            )
        else:
            indices = _indices(array, kernel, arguments[1:])
            if indices is None:
                return 1
            places = np.broadcast_arrays(*place, *indices, np.empty(full))[:-1]
            if each.detail == "set":
                for one in np.ndindex(*full):  # in this order, so that the last one stays
                    array[tuple(place[one] for place in places)] = np.broadcast_to(arguments[0], full)[one]
            else:
                np.add.at(array, tuple(places), np.broadcast_to(arguments[0], full))
    return code


def compiled(kernel, target):
    """The native function as a callable of (args, begin, end, chunk)."""
    part = kernel_text(kernel, "kernel", target)
    text = "\n".join([*sorted(part.declarations), *part.functions.values(), part.text])
    library = engine.load(engine.object_code(text, target), ("kernel",))
    call = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p, *[ctypes.c_int64] * 3)(library.addresses["kernel"])
    call.library = library
    return call


def words(kernel, extents, arrays):
    """The argument block for these arrays."""
    block = np.zeros(max(len(kernel.words), 1), np.int64)
    for place, (kind, number, *more) in enumerate(kernel.words):
        array = None if kind == "extent" else arrays[number]
        front = kind != "extent" and kernel.operands[number].partial
        if kind == "pointer":
            block[place] = array.ctypes.data
        elif kind == "stride":
            block[place] = array.strides[front + more[0]]
        elif kind == "axis_stride":
            block[place] = array.strides[front + kernel.rank + more[0]]
        elif kind == "axis_extent":
            block[place] = array.shape[front + kernel.rank + more[0]]
        elif kind == "partial":
            block[place] = array.strides[0]
        else:
            block[place] = extents[number]
    return block


def run(kernel, extents, arrays, begin, end, chunk, target, call=None):
    """The native function on `arrays`, in place; returns its code."""
    block = words(kernel, extents, arrays)
    return (call or compiled(kernel, target))(block.ctypes.data, begin, end, chunk)
