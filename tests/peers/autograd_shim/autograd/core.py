"""Pullbacks and pushforwards of functions of one (possibly nested) argument, and user-defined primitives."""

import warnings
from itertools import count

import numpy

from . import engine, pytrees
from .engine import is_traced, plain
from .vspace import vspace

__all__ = ["make_jvp", "make_vjp", "primitive", "primitive_jvps", "primitive_vjps", "vspace"]


class _OnLeaves:
    """`fun` as a function from leaves to leaves; remembers the containers of the result and its constant leaves."""

    def __init__(self, fun, x):
        self.fun, self.x = fun, x

    def __call__(self, *leaves):
        self.result = self.fun(pytrees.rebuild(self.x, leaves))
        leaves_out = pytrees.leaves(self.result)
        self.traced = [is_traced(leaf) for leaf in leaves_out]
        return [leaf for leaf in leaves_out if is_traced(leaf)]

    def whole(self, traced_values, constants):
        traced_values, constants = iter(traced_values), iter(constants)
        return pytrees.rebuild(
            self.result, [next(traced_values) if traced else next(constants) for traced in self.traced]
        )

    @property
    def constants(self):
        return [leaf for leaf in pytrees.leaves(self.result) if not is_traced(leaf)]


def _conj(value):
    return numpy.conj(value) if numpy.iscomplexobj(plain(value)) else value


def make_vjp(fun, x):
    """The pullback of `fun` at `x`, and the value there.

    autograd's cotangents are the conjugates of chainrule's (which, like PyTorch's, point in the direction of descent).
    """
    leaves = pytrees.leaves(x)
    on_leaves = _OnLeaves(fun, x)
    if not leaves:
        return lambda g: x, fun(x)
    values, pullback = engine.vjp(on_leaves, leaves)
    value = on_leaves.whole(values, on_leaves.constants)
    traced = on_leaves.traced

    def vjp(g):
        if not any(traced):
            return vspace(x).zeros()
        cotangents = [_conj(leaf) for leaf, wanted in zip(pytrees.leaves(g), traced, strict=True) if wanted]
        return pytrees.rebuild(x, [_conj(gradient) for gradient in pullback(cotangents)])

    return vjp, value


def make_jvp(fun, x):
    """The pushforward of `fun` at `x`: tangent -> (value, tangent of the value)."""

    def jvp(tangent):
        leaves = pytrees.leaves(x)
        if not leaves:
            value = fun(x)
            return value, vspace(value).zeros()
        on_leaves = _OnLeaves(fun, x)
        values, tangents = engine.jvp(on_leaves, leaves, pytrees.leaves(tangent))
        zeros = [vspace(leaf).zeros() for leaf in on_leaves.constants]
        return on_leaves.whole(values, on_leaves.constants), on_leaves.whole(tangents, zeros)

    return jvp


# -- user-defined primitives ------------------------------------------------------------------------------------------

primitive_vjps = {}
primitive_jvps = {}


def primitive(raw):
    """A function whose derivative is given by `defvjp`; the engine does not look inside it."""

    def wrapped(*args, **kwargs):
        positions = [position for position, arg in enumerate(args) if any(map(is_traced, pytrees.leaves(arg)))]
        if not positions:
            return raw(*args, **kwargs)
        inputs = [args[position] for position in positions]
        counts = [len(pytrees.leaves(value)) for value in inputs]

        def restore(flat):
            flat, replaced = iter(flat), list(args)
            for position, value, number in zip(positions, inputs, counts):
                replaced[position] = pytrees.rebuild(value, [next(flat) for _ in range(number)])
            return replaced

        def function(*flat):
            return raw(*restore(flat), **kwargs)

        def rule(g, answer, *flat):
            if wrapped not in primitive_vjps:
                raise NotImplementedError(
                    f"no derivative of {wrapped.__name__} with respect to arguments {positions} is defined"
                )
            gradients = primitive_vjps[wrapped](positions, answer, restore(flat), kwargs)(g)
            return tuple(leaf for gradient in gradients for leaf in pytrees.leaves(gradient))

        return engine.custom_vjp(function, rule, [leaf for value in inputs for leaf in pytrees.leaves(value)])

    wrapped.__name__ = getattr(raw, "__name__", "[unknown name]")
    wrapped.defvjp = _deprecated_defvjp(wrapped)
    wrapped.defgrad = _deprecated_defgrad(wrapped)
    wrapped.defvjp_is_zero = _deprecated_zero(wrapped)
    return wrapped


def defvjp_argnums(fun, maker):
    """`maker(argnums, answer, args, kwargs)` returns g -> gradients for these arguments."""
    primitive_vjps[fun] = maker


def defvjp_argnum(fun, maker):
    def for_argnums(argnums, *context):
        rules = [maker(argnum, *context) for argnum in argnums]
        return lambda g: [rule(g) for rule in rules]

    defvjp_argnums(fun, for_argnums)


def defvjp(fun, *makers, argnums=None):
    """`maker(answer, *args, **kwargs)` returns g -> gradient, one for each argument; None stands for zero."""
    table = dict(zip(argnums if argnums is not None else count(), makers))

    def for_argnums(wanted, answer, args, kwargs):
        missing = [argnum for argnum in wanted if argnum not in table]
        if missing:
            raise NotImplementedError(f"no derivative of {fun.__name__} with respect to arguments {missing} is defined")
        rules = [
            (lambda g, argnum=argnum: vspace(args[argnum]).zeros())
            if table[argnum] is None
            else table[argnum](answer, *args, **kwargs)
            for argnum in wanted
        ]
        return lambda g: [rule(g) for rule in rules]

    defvjp_argnums(fun, for_argnums)


# -- the spellings that autograd deprecated ----------------------------------------------------------------------------


def _register(fun, table):
    warnings.warn("deprecated: use defvjp", stacklevel=3)
    defvjp(fun, *table.values(), argnums=tuple(table))


def _deprecated_defvjp(fun):
    table = {}

    def register(rule, argnum=0):
        def maker(answer, *args, **kwargs):
            return lambda g: rule(g, answer, vspace(args[argnum]), vspace(g), *args, **kwargs)

        table[argnum] = maker
        _register(fun, table)

    return register


def _deprecated_defgrad(fun):
    table = {}

    def register(maker, argnum=0):
        table[argnum] = maker
        _register(fun, table)

    return register


def _deprecated_zero(fun):
    return lambda argnums=(0,): _register(fun, dict.fromkeys(argnums))
