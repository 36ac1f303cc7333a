"""PyTorch as an oracle: where its reference for an operation is a NumPy or SciPy function, chainrule's gradient of that
function is PyTorch's gradient of the operation, at every one of PyTorch's own test samples.
"""

import mpmath
import numpy as np
import pytest
from opinfo import USABLE, close, drawn_like, full_name, listed, numpy_of, reference_call, samples_of, torch

import chainrule as cr

OPERATIONS, SAMPLES, COMPLEX_SAMPLES = 98, 893, 495
COMPLEX = [op for op in USABLE if torch.complex128 in op.supported_backward_dtypes("cpu")]

# Samples at which the two gradients differ, with the reason and the exact derivative that decides who is right;
# the tests fail if one of them starts to agree.
EXCEPTIONS = {
    ("digamma", 0): ("PyTorch's trigamma has a relative error up to 4e-10", lambda x: mpmath.psi(1, x)),
}

pytestmark = pytest.mark.filterwarnings("ignore")  # samples include empty slices and points outside of domains


class Comparison:
    """One sample, run by PyTorch and by chainrule on the same inputs and cotangents."""

    def __init__(self, op, sample, rng):
        self.function, self.arrays, self.tensors = reference_call(op, sample)
        results = listed(op(sample.input, *sample.args, **sample.kwargs))
        self.outputs = [output for output in results if output.requires_grad]
        self.cotangents = [drawn_like(output, rng) for output in self.outputs]
        self.directions = [drawn_like(tensor, rng) for tensor in self.tensors]

    def gradients(self, *arrays):
        """chainrule's value, and its gradients for the cotangents."""
        value, pullback = cr.vjp(lambda *inputs: listed(self.function(*inputs)), *arrays)
        return value, list(pullback(self.cotangents))

    def their_gradients(self, **options):
        cotangents = [torch.from_numpy(cotangent) for cotangent in self.cotangents]
        return torch.autograd.grad(self.outputs, self.tensors, cotangents, **options)

    def first_order(self):
        """What differs in value or gradient; None where all agrees."""
        value, gradients = self.gradients(*self.arrays)
        return _difference(value, self.outputs) or _difference(gradients, self.their_gradients())

    def second_order(self):
        """What differs in the gradient of the gradient along a direction; None where all agrees."""
        _, pullback = cr.vjp(lambda *arrays: self.gradients(*arrays)[1], *self.arrays)
        ends = list(zip(self.their_gradients(create_graph=True), self.directions, strict=True))
        ends = [(gradient, direction) for gradient, direction in ends if gradient.requires_grad]
        theirs = [None] * len(self.tensors)
        if ends:
            starts, directions = zip(*ends, strict=True)
            theirs = torch.autograd.grad(
                starts, self.tensors, list(map(torch.from_numpy, directions)), allow_unused=True
            )
        whole = [
            torch.zeros_like(x) if gradient is None else gradient
            for gradient, x in zip(theirs, self.tensors, strict=True)
        ]
        return _difference(pullback(self.directions), whole)


def _difference(ours, theirs):
    for mine, other in zip(ours, map(numpy_of, theirs), strict=True):
        if not close(mine, other):
            return f"{mine} against {other}"
    return None


def test_pytorch_offers_the_samples_that_we_know_of():
    assert len(USABLE) == OPERATIONS
    assert sum(len(samples_of(op)) for op in USABLE) == SAMPLES
    assert sum(len(samples_of(op, torch.complex128)) for op in COMPLEX) == COMPLEX_SAMPLES


@pytest.mark.parametrize("op", USABLE, ids=full_name)
def test_gradient_is_pytorch_s(op):
    rng = np.random.default_rng(0)
    differences = {}
    for index, sample in enumerate(samples_of(op)):
        difference = Comparison(op, sample, rng).first_order()
        if difference is not None:
            differences[full_name(op), index] = difference
    expected = {key for key in EXCEPTIONS if key[0] == full_name(op)}
    assert not {key: text for key, text in differences.items() if key not in expected}
    assert set(differences) == expected, "an exception of the table agrees now: take it out"


@pytest.mark.parametrize(("name", "index"), EXCEPTIONS)
def test_where_they_differ_chainrule_is_right(name, index):
    _, derivative = EXCEPTIONS[name, index]
    (op,) = [op for op in USABLE if full_name(op) == name]
    x = samples_of(op)[index].input.detach().numpy()
    with mpmath.workdps(40):
        exact = [float(derivative(mpmath.mpf(value))) for value in x.ravel().tolist()]
    np.testing.assert_allclose(cr.elementwise_grad(op.ref)(x).ravel(), exact, rtol=1e-13)


@pytest.mark.parametrize("op", COMPLEX, ids=full_name)
def test_complex_gradient_is_pytorch_s(op):
    rng = np.random.default_rng(0)
    differences = [Comparison(op, sample, rng).first_order() for sample in samples_of(op, torch.complex128)]
    assert not any(differences), differences


@pytest.mark.parametrize("op", [op for op in USABLE if op.supports_gradgrad], ids=full_name)
def test_second_derivative_is_pytorch_s(op):
    rng = np.random.default_rng(0)
    differences = [Comparison(op, sample, rng).second_order() for sample in samples_of(op)]
    assert not any(differences), differences
