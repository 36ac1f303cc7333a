"""What went wrong in, a letter to the user out.

Every message says what happened, where in the user's code (variable, shape, line), and what to write instead.
The classes derive from the built-in exception that a NumPy user would expect, so `except TypeError` keeps working.
"""


class ChainruleError(Exception):
    """Base of every error that chainrule raises on purpose.

    >>> import chainrule as cr
    >>> issubclass(cr.errors.ArgumentError, cr.errors.ChainruleError)
    True
    """


class ArgumentError(ChainruleError, TypeError):
    """An argument cannot be differentiated or addressed: wrong type, wrong `wrt`, wrong structure.

    >>> import chainrule as cr
    >>> cr.grad(lambda x: x * x)(3)
    Traceback (most recent call last):
    ...
    chainrule.errors.ArgumentError: grad cannot differentiate with respect to x: it is an integer (int64, shape ()), and
    \
integers have no derivative. Write 3.0 instead of 3, or x.astype(float) for an array.
    """


class ForeignOperandError(ArgumentError):
    """An operand of a type that chainrule does not know; its own reflected operator may still know a traced value.

    >>> import chainrule as cr
    >>> try:
    ...     cr.grad(lambda x: x * {1: 2})(3.0)
    ... except cr.errors.ForeignOperandError as error:
    ...     print(str(error).split(" (")[0])
    A builtins.dict cannot take part in a traced computation
    """


class OutputError(ChainruleError, TypeError):
    """The function returned something that has no gradient of the kind asked for.

    >>> import numpy as np, chainrule as cr
    >>> cr.grad(lambda x: 2 * x)(np.ones(3))
    Traceback (most recent call last):
    ...
    chainrule.errors.OutputError: grad needs a function with one number as result, and <lambda> returned an array of \
shape (3,). Reduce it (for example with .sum() or .mean()), or use jacobian (all derivatives) or elementwise_grad.
    """


class TracedValueError(ChainruleError, TypeError):
    """A traced value was forced into a plain number or array, which would silently lose its gradient.

    >>> import chainrule as cr
    >>> try:
    ...     cr.grad(lambda x: float(x) * x)(2.0)
    ... except cr.errors.TracedValueError as error:
    ...     print(str(error).split(" (")[0])
    float() would cut x out of the graph and lose its gradient
    """


class UnsupportedError(ChainruleError, NotImplementedError, TypeError):
    """A NumPy function, method or keyword that has no derivative rule here; the message names what to write instead.

    >>> import numpy as np, chainrule as cr
    >>> try:
    ...     cr.grad(lambda x: np.roots(x).real.sum())(np.array([1.0, -3.0, 2.0]))
    ... except cr.errors.UnsupportedError as error:
    ...     print(str(error)[:46])
    numpy.roots is not supported on traced values
    """


class ShapeError(ChainruleError, ValueError):
    """Shapes that do not fit together, with the variables, the shapes and the line.

    >>> import numpy as np, chainrule as cr
    >>> try:
    ...     cr.grad(lambda x: (x + np.ones(4)).sum())(np.ones(3))
    ... except cr.errors.ShapeError as error:
    ...     print(str(error).split(",")[0])
    add cannot combine shapes (3
    """


class GraphError(ChainruleError, RuntimeError):
    """A graph is used in a way that its state does not allow: freed, escaped, not well-formed.

    >>> import chainrule as cr
    >>> issubclass(cr.errors.GraphError, RuntimeError)
    True
    """
