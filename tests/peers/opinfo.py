"""PyTorch's test samples whose reference is a NumPy or SciPy function, as functions and arrays for chainrule."""

import random
import warnings

import numpy as np

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # PyTorch's test package warns about what else could be installed
    import torch
    from torch.testing._internal.common_methods_invocations import op_db

TOLERANCE = 1e-10


def full_name(op):
    return f"{op.name}.{op.variant_test_name}" if op.variant_test_name else op.name


def reference_is_numpy(op):
    """Whether the reference is a function of NumPy's or a ufunc (NumPy's or SciPy's)."""
    reference = getattr(op, "ref", None)
    module = getattr(reference, "__module__", None) or ""
    return isinstance(reference, np.ufunc) or module.split(".")[0] == "numpy"


USABLE = [
    op
    for op in op_db
    if reference_is_numpy(op) and op.supports_autograd and torch.float64 in op.supported_dtypes("cpu")
]


def samples_of(op, dtype=torch.float64):
    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002 PyTorch's samples draw from it
    random.seed(0)
    return list(op.sample_inputs("cpu", dtype, requires_grad=True))


# -- from PyTorch's arguments to NumPy's -------------------------------------------------------------------------------


def keywords_for_numpy(op, keywords, ndim):
    """dim → axis, keepdim → keepdims, unbiased and correction → ddof, mask → where."""
    name, given = op.name, dict(keywords)
    given.pop("memory_format", None)
    translated = {}
    if "dim" in given:
        dim = given.pop("dim")
        several = name.endswith(("fft2", "fftn"))
        translated["axes" if several else "axis"] = (dim,) if several and isinstance(dim, int) else dim
        if not ndim and name.removeprefix("masked.") in ("mean", "std", "var"):
            translated["axis"] = ()  # PyTorch reduces a number along dim 0; NumPy's sum does, its mean does not
    if "keepdim" in given:
        translated["keepdims"] = given.pop("keepdim")
    if name in ("std", "var"):
        unbiased, correction = given.pop("unbiased", True), given.pop("correction", None)
        translated["ddof"] = int(unbiased) if correction is None else correction
    mask = given.pop("mask", None)
    if mask is not None:
        translated["where"] = mask.numpy()
        if name in ("masked.amax", "masked.amin"):
            translated["initial"] = -np.inf if name == "masked.amax" else np.inf
    return {**given, **translated}


def reference_call(op, sample):
    """The reference as a function of the differentiable inputs alone, these inputs as arrays, and as tensors."""
    values = [sample.input, *sample.args]
    tensors = [value for value in values if isinstance(value, torch.Tensor) and value.requires_grad]
    others = [
        value.numpy() if isinstance(value, torch.Tensor) and not value.requires_grad else value for value in values
    ]
    others = [int(value) if isinstance(value, np.ndarray) and value.ndim == 0 else value for value in others]
    keywords = keywords_for_numpy(op, sample.kwargs, sample.input.ndim)

    def function(*arrays):
        remaining = iter(arrays)
        arguments = [next(remaining) if isinstance(value, torch.Tensor) else value for value in others]
        if op.name == "logit" and len(arguments) == 2:  # PyTorch's eps clamps the argument
            eps = arguments.pop()
            arguments[0] = np.clip(arguments[0], eps, 1 - eps)
        if op.name == "frexp":
            return op.ref(*arguments)[0]  # the exponent is an integer
        return op.ref(*arguments, **keywords)

    return function, [tensor.detach().numpy() for tensor in tensors], tensors


def listed(value):
    return list(value) if isinstance(value, (list, tuple)) else [value]


def close(ours, theirs):
    """Relative to each element; elements that cancel, relative to the largest one."""
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    if ours.shape != theirs.shape or ours.dtype != theirs.dtype:
        return False
    if not ours.size:
        return True
    finite = np.abs(theirs[np.isfinite(theirs)])
    absolute = 1e-14 * finite.max(initial=0.0)
    return np.allclose(ours, theirs, rtol=TOLERANCE, atol=absolute, equal_nan=True)


def numpy_of(tensor):
    return (
        (tensor.detach() + 0).resolve_conj().resolve_neg().numpy()
    )  # the sum turns PyTorch's symbolic zeros into numbers


def drawn_like(tensor, rng):
    """A random cotangent."""
    draw = rng.normal(size=tuple(tensor.shape))
    if tensor.is_complex():
        draw = draw + 1j * rng.normal(size=tuple(tensor.shape))
    return np.asarray(draw)
