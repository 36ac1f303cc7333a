"""The user's functions: a callable in, its derivatives out.

Thin: arguments are traced, the function runs, the driver pulls back (or pushes forward), and the results take the
user's containers. Complex numbers: a gradient is the direction of steepest ascent of the real result, ∂L/∂a + i ∂L/∂b
for z = a + ib, which is what gradient descent subtracts (PyTorch's convention). The rules themselves are written
without conjugation; the ends conjugate.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule import allocator
from chainrule.arguments import Run, Wrt, function_name, hand_over, introduce, locate, parameter_names
from chainrule.boundary import lower
from chainrule.differentiate import pull_back
from chainrule.errors import ArgumentError, OutputError
from chainrule.graph import Graph, Node
from chainrule.naming import Recording
from chainrule.primitive import operations
from chainrule.pushforward import push_forward
from chainrule.traced import Traced, prototype, require_open
from chainrule.trees import leaves, rebuild, require_same_structure, transform

allocator.settle()


def _conjugate(value: Any) -> Any:
    if value is None or value.dtype.kind != "c":
        return value
    return operations["conjugate"](value)


def value_and_grad(f: Callable[..., Any], wrt: Wrt = 0) -> Callable[..., Any]:
    """The function that returns f's value and its gradient with respect to `wrt`.

    `wrt` is a position, a name, or a tuple of them (then a tuple of gradients); a gradient has the containers, shapes
    and dtypes of its argument. f must return one real number.

    >>> import numpy as np, chainrule as cr
    >>> value, gradient = cr.value_and_grad(lambda w: np.sum(w**2))(np.array([1.0, 2.0]))
    >>> float(value), gradient
    (5.0, array([2., 4.]))
    """
    return _differentiator("value_and_grad", f, wrt, with_value=True)


def grad(f: Callable[..., Any], wrt: Wrt = 0) -> Callable[..., Any]:
    """The function that returns the gradient of f with respect to `wrt`.

    For complex arguments it is the direction of steepest ascent (PyTorch's convention): subtract it to descend. An
    argument on which the result does not depend has gradient 0.

    >>> import numpy as np, chainrule as cr
    >>> cr.grad(lambda x, y: np.sum(x * y), wrt="y")(np.array([1.0, 2.0]), np.array([3.0, 4.0]))
    array([1., 2.])
    """
    return _differentiator("grad", f, wrt, with_value=False)


def _differentiator(verb: str, f: Callable[..., Any], wrt: Wrt, with_value: bool) -> Callable[..., Any]:
    if not callable(f):
        raise ArgumentError(f"{verb} takes a function and got {f!r}. Write {verb}(f)(x), not {verb}(f(x)).")
    names = parameter_names(f)
    single = not isinstance(wrt, tuple | list)

    def derivative(*args: Any, **kwargs: Any) -> Any:
        with Run(verb, f, locate(verb, f, wrt, names, args, kwargs), names, args, kwargs) as run:
            value, node = _scalar(verb, f, run)
            if node is None:
                found: list[Any] = [None] * len(run.nodes)
            else:
                plain = prototype(value)
                one = plain.dtype.type(1)
                found = pull_back([(node, np.full(plain.shape, one) if plain.ndim else one)], run.nodes)
            gradients = run.arrange([_conjugate(g) for g in hand_over(found, run.nodes)])
            answer = gradients[0] if single else tuple(gradients)
            return (_own(value), answer) if with_value else answer

    about = f"The {'value and ' if with_value else ''}gradient of {function_name(f)} with respect to {wrt!r}."
    return introduce(derivative, f, f"{verb}_{function_name(f)}", about)


def _scalar(verb: str, f: Any, run: Run) -> tuple[Any, Node | None]:
    """The result of f as one real number, with its node; an error that says what it was instead."""
    value, node = lower(run.result, run.level)
    require_open(value)
    called = function_name(f)
    if value is None:
        raise OutputError(
            f"{verb} needs a function with one number as result, and {called} returned None. Is a `return` missing?"
        )
    plain = prototype(value)
    if type(plain) is np.float64:
        return value, node
    if not isinstance(plain, np.ndarray | np.generic | float | int | complex) or isinstance(plain, bool | str):
        raise OutputError(
            f"{verb} needs a function with one number as result, and {called} returned a {type(plain).__name__}. "
            f"Return the loss alone, or use vjp, which takes results of any structure."
        )
    shape, kind = np.shape(plain), np.asarray(plain).dtype.kind
    if np.size(plain) != 1:
        raise OutputError(
            f"{verb} needs a function with one number as result, and {called} returned an array of shape {shape}. "
            "Reduce it (for example with .sum() or .mean()), or use jacobian (all derivatives) or elementwise_grad."
        )
    if kind == "c":
        raise OutputError(
            f"{verb} needs a real result, and {called} returned a complex number. Take np.real(...) or np.abs(...) of it, "
            "or use vjp with the cotangent that you mean."
        )
    if node is not None and kind not in "f":
        raise OutputError(
            f"{verb} needs a floating result, and {called} returned {np.asarray(plain).dtype}, a step function of its "
            "arguments, whose derivative is 0 or undefined everywhere. Return the quantity before it was rounded or compared."
        )
    return value, node


def vjp(f: Callable[..., Any], *args: Any) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
    """f's value, and the pullback that takes a cotangent of it to a tuple with one gradient for each argument.

    The result of f may be nested; the cotangent is nested like it. Arguments are copied, so overwriting them later
    changes nothing.

    >>> import numpy as np, chainrule as cr
    >>> value, pullback = cr.vjp(lambda x, y: x * y, np.array([1.0, 2.0]), np.array([3.0, 4.0]))
    >>> pullback(np.array([1.0, 10.0]))
    (array([ 3., 40.]), array([ 1., 20.]))
    """
    run = Run("vjp", f, list(range(len(args))), parameter_names(f), args, {}, own=True)
    values, nodes = run.outputs()
    result = rebuild(run.result, [_own(value) for value in values])

    def pullback(cotangent: Any) -> tuple[Any, ...]:
        require_same_structure(run.result, cotangent, "cotangents")
        given = leaves(cotangent)
        seeds = [
            (node, _conjugate(_as_cotangent(seed, value, "cotangent")))
            for node, value, seed in zip(nodes, values, given, strict=True)
            if node is not None and prototype(value).dtype.kind in "fc"
        ]
        found = pull_back(seeds, run.nodes)
        own = hand_over(found, run.nodes, [seed for _, seed in seeds])
        return tuple(run.arrange([_conjugate(g) for g in own]))

    return result, pullback


def _own(value: Any) -> Any:
    """A result that may be given away: not the array that the graph keeps."""
    return value.copy() if type(value) is np.ndarray else value


def _as_cotangent(given: Any, value: Any, what: str) -> Any:
    """A cotangent or tangent in the dtype of its value; its shape must be the value's."""
    if not isinstance(given, Traced):
        given = np.asarray(given)
    if np.shape(prototype(given)) != np.shape(prototype(value)):
        raise ArgumentError(
            f"The {what} has shape {np.shape(prototype(given))}, and its value has shape {np.shape(prototype(value))}. "
            "They must be equal."
        )
    dtype = prototype(value).dtype
    if given.dtype != dtype:
        if given.dtype.kind == "c" and dtype.kind != "c":
            raise ArgumentError(f"The {what} is complex and its value is real ({dtype}). Take its real part.")
        given = operations["astype"](given, dtype=dtype)
    return given if isinstance(given, Traced) or given.ndim else given[()]


def jvp(f: Callable[..., Any], args: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """f's value and its directional derivative along the tangents, which are nested like the arguments.

    >>> import chainrule as cr
    >>> value, tangent = cr.jvp(lambda x, y: x * y, (2.0, 3.0), (1.0, 0.0))
    >>> float(value), float(tangent)
    (6.0, 3.0)
    """
    with Run("jvp", f, list(range(len(args))), parameter_names(f), tuple(args), {}) as run:
        require_same_structure(tuple(args), tuple(tangents), "tangents")
        flat = zip(leaves(tuple(tangents)), run.nodes, strict=True)
        given = [_as_cotangent(tangent, node.value, "tangent") for tangent, node in flat]
        values, nodes = run.outputs()
        roots = [node for node in nodes if node is not None]
        pushed = dict(zip(roots, push_forward(roots, dict(zip(run.nodes, given, strict=True))), strict=True))
        results = []
        for value, node in zip(values, nodes, strict=True):
            tangent = pushed.get(node) if node is not None else None
            plain = prototype(value)
            results.append(np.zeros(np.shape(plain), np.result_type(plain))[()] if tangent is None else _own(tangent))
        return rebuild(run.result, [_own(value) for value in values]), rebuild(run.result, results)


def jacobian(f: Callable[..., Any], wrt: Wrt = 0) -> Callable[..., Any]:
    """The function that returns all derivatives of f's result by its argument: shape (*result, *argument).

    Nested results and arguments give nested Jacobians. Complex arguments: f must be holomorphic; entries are its
    complex derivative.

    >>> import numpy as np, chainrule as cr
    >>> cr.jacobian(lambda x: x**2)(np.array([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    """
    names = parameter_names(f)
    single = not isinstance(wrt, tuple | list)

    def derivative(*args: Any, **kwargs: Any) -> Any:
        with Run("jacobian", f, locate("jacobian", f, wrt, names, args, kwargs), names, args, kwargs) as run:
            values, nodes = run.outputs()
            blocks = [_jacobian_rows(value, node, run) for value, node in zip(values, nodes, strict=True)]
            arranged = [run.arrange(block) for block in blocks]
            nested = [rows[0] if single else tuple(rows) for rows in arranged]
            return rebuild(run.result, nested)

    about = f"All derivatives of {function_name(f)} with respect to {wrt!r}."
    return introduce(derivative, f, f"jacobian_{function_name(f)}", about)


def _jacobian_rows(value: Any, node: Node | None, run: Run) -> list[Any]:
    """For one output: its Jacobian with respect to each leaf, one pullback for each element."""
    plain = np.asarray(prototype(value))
    if plain.dtype.kind not in "fc":
        raise OutputError(
            f"jacobian needs floating results, and got {plain.dtype}: its derivative is 0 or undefined everywhere."
        )
    rows: list[list[Any]] = []
    for position in range(plain.size):
        seed = np.zeros(plain.size, plain.dtype)
        seed[position] = 1
        found = (
            pull_back([(node, seed.reshape(plain.shape)[()])], run.nodes)
            if node is not None
            else [None] * len(run.nodes)
        )
        rows.append(hand_over(found, run.nodes))
    blocks = []
    for index, leaf in enumerate(run.nodes):
        shape = (*plain.shape, *np.shape(prototype(leaf.value)))
        if rows:
            stacked = operations["array"]([row[index] for row in rows])
            blocks.append(stacked.reshape(shape))
        else:
            blocks.append(np.zeros(shape, plain.dtype))
    return blocks


def hessian(f: Callable[..., Any], wrt: Wrt = 0) -> Callable[..., Any]:
    """The function that returns all second derivatives of f: shape (*argument, *argument).

    >>> import numpy as np, chainrule as cr
    >>> cr.hessian(lambda x: x[0] ** 2 * x[1])(np.array([3.0, 5.0]))
    array([[10.,  6.],
           [ 6.,  0.]])
    """
    about = f"All second derivatives of {function_name(f)} with respect to {wrt!r}."
    return introduce(jacobian(grad(f, wrt), wrt), f, f"hessian_{function_name(f)}", about)


def hvp(f: Callable[..., Any], args: Any, vector: Any) -> Any:
    """The Hessian of f at `args` times `vector`, without forming the Hessian; nested like `args`.

    `args` is the tuple of f's arguments and `vector` a tuple like it; for a function of one argument both may be given
    bare.

    >>> import numpy as np, chainrule as cr
    >>> cr.hvp(lambda x: x[0] ** 2 * x[1], np.array([3.0, 5.0]), np.array([1.0, 0.0]))
    array([10.,  6.])
    """
    bare = not isinstance(args, tuple)
    arguments, direction = ((args,), (vector,)) if bare else (args, tuple(vector))
    require_same_structure(arguments, direction, "vector")
    gradients = grad(f, tuple(range(len(arguments))))
    _, pullback = vjp(lambda *inputs: gradients(*inputs), *arguments)
    product = pullback(direction)
    return product[0] if bare else product


def elementwise_grad(f: Callable[..., Any], wrt: Wrt = 0) -> Callable[..., Any]:
    """The function that returns the gradient of the sum of f's elements: for elementwise f, its derivative at each
    element.

    >>> import numpy as np, chainrule as cr
    >>> cr.elementwise_grad(lambda x: x**3)(np.array([1.0, 2.0]))
    array([ 3., 12.])
    """
    names = parameter_names(f)
    single = not isinstance(wrt, tuple | list)

    def derivative(*args: Any, **kwargs: Any) -> Any:
        places = locate("elementwise_grad", f, wrt, names, args, kwargs)
        with Run("elementwise_grad", f, places, names, args, kwargs) as run:
            values, nodes = run.outputs()
            seeds = [
                (node, np.ones(np.shape(prototype(value)), prototype(value).dtype)[()])
                for value, node in zip(values, nodes, strict=True)
                if node is not None
            ]
            found = pull_back(seeds, run.nodes)
            gradients = run.arrange([_conjugate(g) for g in hand_over(found, run.nodes, [seed for _, seed in seeds])])
            return gradients[0] if single else tuple(gradients)

    about = f"The gradient of the sum of {function_name(f)} with respect to {wrt!r}."
    return introduce(derivative, f, f"elementwise_grad_{function_name(f)}", about)


def trace(f: Callable[..., Any], *args: Any, **kwargs: Any) -> Graph:
    """What f does with these arguments, as a graph; every floating argument becomes an input.

    >>> import chainrule as cr
    >>> print(cr.trace(lambda x, y: (x + y) * y, 2.0, 3.0))
    inputs  x: float64[], y: float64[]
    %1: float64[] = x + y
    %2: float64[] = %1 * y
    outputs %2
    """
    names = parameter_names(f)
    places: list[int | str] = [*range(len(args)), *kwargs]
    wanted = [place for place in places if _has_numbers(kwargs[place] if isinstance(place, str) else args[place])]
    with Recording():
        run = Run("trace", f, wanted, names, args, kwargs, own=True)
    values, nodes = run.outputs()
    ends = [
        node if node is not None else operations["constant_node"](value)
        for value, node in zip(values, nodes, strict=True)
    ]
    return Graph.of(tuple(run.nodes), tuple(ends))


def _has_numbers(tree: Any) -> bool:
    """Whether every leaf is floating or complex, so that it can be an input."""
    flat = leaves(tree)
    return bool(flat) and all(
        isinstance(leaf, float | complex)
        or (getattr(getattr(leaf, "dtype", None), "kind", "") in "fc" and hasattr(leaf, "dtype"))
        for leaf in flat
    )


def stop_gradient(x: Any) -> Any:
    """The same value, through which no gradient flows.

    >>> import chainrule as cr
    >>> float(cr.grad(lambda x: x * cr.stop_gradient(x))(3.0))
    3.0
    """
    return transform(lambda leaf: operations["stop_gradient"](leaf) if isinstance(leaf, Traced) else leaf, x)
