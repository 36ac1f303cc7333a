"""Numerical checks of pullbacks and pushforwards, by autograd's rule: absolute or relative error below 1e-6."""

from itertools import product

from .core import make_jvp, make_vjp
from .vspace import vspace
from .wrap_util import get_name, unary_to_nary

__test__ = False
STEP = 1e-6
TOLERANCE = 1e-6


def scalar_close(a, b):
    return abs(a - b) < TOLERANCE or abs(a - b) / abs(a + b) < TOLERANCE


def check_equivalent(x, y):
    space = vspace(x)
    assert space == vspace(y), f"VSpace mismatch:\nx: {space}\ny: {vspace(y)}"
    direction = space.randn()
    assert scalar_close(space.inner_prod(x, direction), space.inner_prod(y, direction)), (
        f"Value mismatch:\nx: {x}\ny: {y}"
    )


def numerical_jvp(f, x):
    """Central difference along a tangent."""
    x_space, y_space = vspace(x), vspace(f(x))

    def jvp(tangent):
        above = f(x_space.add(x, x_space.scalar_mul(tangent, STEP / 2)))
        below = f(x_space.add(x, x_space.scalar_mul(tangent, -STEP / 2)))
        return y_space.scalar_mul(y_space.add(above, y_space.scalar_mul(below, -1.0)), 1.0 / STEP)

    return jvp


def check_vjp(f, x):
    pullback, y = make_vjp(f, x)
    x_space, y_space = vspace(x), vspace(y)
    tangent, cotangent = x_space.randn(), y_space.randn()
    gradient = x_space.covector(pullback(y_space.covector(cotangent)))
    assert vspace(gradient) == x_space, (
        f"the gradient of {get_name(f)} lives in {vspace(gradient)}, its argument in {x_space}"
    )
    exact = x_space.inner_prod(tangent, gradient)
    numeric = y_space.inner_prod(cotangent, numerical_jvp(f, x)(tangent))
    assert scalar_close(numeric, exact), (
        f"Derivative (VJP) check of {get_name(f)} failed with arg {x}:\nanalytic: {exact}\nnumeric:  {numeric}"
    )


def check_jvp(f, x):
    tangent = vspace(x).randn()
    check_equivalent(make_jvp(f, x)(tangent)[1], numerical_jvp(f, x)(tangent))


@unary_to_nary
def check_grads(f, x, modes=("fwd", "rev"), order=2):
    """Check `f` in the modes given; beyond order 1, check the pushforward and the pullback as functions, too."""
    assert set(modes) <= {"fwd", "rev"}
    for mode in [mode for mode in ("fwd", "rev") if mode in modes]:
        (check_jvp if mode == "fwd" else check_vjp)(f, x)
        if order == 1:
            continue
        if mode == "fwd":
            v = vspace(x).randn()

            def derivative(x, v):
                return make_jvp(f, x)(v)[1]
        else:
            v = vspace(f(x)).randn()

            def derivative(x, v):
                return make_vjp(f, x)[0](v)

        derivative.__name__ = f"{'jvp' if mode == 'fwd' else 'vjp'}_{get_name(f)}"
        check_grads(derivative, (0, 1), modes=modes, order=order - 1)(x, v)


def combo_check(fun, *args, **kwargs):
    """check_grads for each combination of positional and keyword arguments."""

    def check(*choices, **keyword_choices):
        for values in product(*choices):
            for keywords in product(*keyword_choices.values()):
                check_grads(fun, *args, **kwargs)(*values, **dict(zip(keyword_choices, keywords)))

    return check
