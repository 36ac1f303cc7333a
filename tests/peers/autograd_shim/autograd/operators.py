"""grad and its family, by autograd's names and calling conventions."""

import warnings
from builtins import tuple

import numpy

from . import core, engine
from .vspace import vspace
from .wrap_util import unary_to_nary

make_vjp = unary_to_nary(core.make_vjp)
make_jvp = unary_to_nary(core.make_jvp)


def _scalar_pullback(fun, x):
    pullback, value = core.make_vjp(fun, x)
    if vspace(value).size != 1:
        raise TypeError(
            "grad applies to functions with a real scalar result. Try jacobian, elementwise_grad or holomorphic_grad."
        )
    return pullback, value


@unary_to_nary
def grad(fun, x):
    """
    Returns a function which computes the gradient of `fun` at its argument number `argnum`."""
    pullback, value = _scalar_pullback(fun, x)
    return pullback(vspace(value).ones())


@unary_to_nary
def value_and_grad(fun, x):
    """
    Returns a function which computes the value and the gradient."""
    pullback, value = _scalar_pullback(fun, x)
    return value, pullback(vspace(value).ones())


@unary_to_nary
def elementwise_grad(fun, x):
    """
    Returns a function which computes the sum of each column of the Jacobian."""
    pullback, value = core.make_vjp(fun, x)
    if vspace(value).iscomplex:
        raise TypeError("elementwise_grad applies to functions with a real result")
    return pullback(vspace(value).ones())


@unary_to_nary
def deriv(fun, x):
    """
    Returns a function which computes the derivative by forward mode."""
    return core.make_jvp(fun, x)(vspace(x).ones())[1]


@unary_to_nary
def jacobian(fun, x):
    """
    Returns a function which computes the Jacobian, of shape (*result's, *argument's)."""
    pullback, value = core.make_vjp(fun, x)
    rows = [pullback(basis) for basis in vspace(value).standard_basis()]
    return numpy.reshape(numpy.stack(rows), vspace(value).shape + vspace(x).shape)


@unary_to_nary
def holomorphic_grad(fun, x):
    """
    Returns a function which computes the derivative of a holomorphic function."""
    if not vspace(x).iscomplex:
        warnings.warn("the argument of holomorphic_grad is not complex", stacklevel=2)
    return grad(lambda value: numpy.real(fun(value)))(x)


@unary_to_nary
def hessian(fun, x):
    """
    Returns a function which computes the Hessian."""
    return jacobian(jacobian(fun))(x)


@unary_to_nary
def make_hvp(fun, x):
    """
    Returns a function which computes the Hessian-vector product, and the gradient."""
    return core.make_vjp(grad(fun), x)


@unary_to_nary
def grad_and_aux(fun, x):
    """
    Returns a function which computes the gradient of the first result, and the second result."""
    pullback, (value, aux) = core.make_vjp(lambda x: tuple(fun(x)), x)
    return pullback((vspace(value).ones(), vspace(aux).zeros())), aux


def hessian_tensor_product(fun, argnum=0):
    """The function (*args, tensor) -> Hessian of `fun` times tensor."""

    def along(*args, **kwargs):
        *args, tensor = args
        return numpy.tensordot(grad(fun, argnum)(*args, **kwargs), tensor, numpy.ndim(tensor))

    return grad(along, argnum)


def tensor_jacobian_product(fun, argnum=0):
    """The function (*args, tensor) -> tensor times Jacobian of `fun`."""

    def along(*args, **kwargs):
        *args, tensor = args
        return numpy.tensordot(tensor, fun(*args, **kwargs), axes=numpy.ndim(tensor))

    return jacobian(along, argnum)


def make_ggnvp(f, g=lambda x: 0.5 * numpy.sum(x**2, axis=-1), f_argnum=0):
    """The generalised Gauss-Newton-vector product Jᵀ H J v: J is the Jacobian of f, H the Hessian of g at f(x)."""

    @unary_to_nary
    def ggnvp_maker(f, x):
        pullback, value = core.make_vjp(f, x)
        hessian_product, _ = core.make_vjp(grad(g), value)
        push = core.make_jvp(f, x)
        return lambda v: pullback(hessian_product(push(v)[1]))

    return ggnvp_maker(f, f_argnum)


def checkpoint(fun):
    """`fun`, recomputed in the backward pass instead of remembered."""
    return engine.checkpoint(fun)
