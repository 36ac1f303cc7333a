"""What autograd's tests import from autograd.util."""

import warnings

from .test_util import check_grads


def quick_grad_check(fun, arg0, extra_args=(), kwargs=None):
    warnings.warn("deprecated: use check_grads", stacklevel=2)
    check_grads(lambda arg: fun(arg, *extra_args, **(kwargs or {})), modes=["rev"], order=1)(arg0)
