"""Results of the user's own helper functions carry the names that the caller gives them."""

import contextlib
import cProfile
import functools
import gc
import operator
import sys
import threading

import numpy as np
import pytest

import chainrule as cr
from chainrule.graph import Node
from chainrule.naming import Recording


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def layer(W, x):
    return sigmoid(W @ x)


class Model:
    def __init__(self):
        self.hidden = None

    def forward(self, W, x):
        self.hidden = layer(W, x)
        return self.hidden


def names(f, *arguments):
    return [node.name for node in cr.trace(f, *arguments) if node.inputs and node.name]


W, X = np.array([[0.5, -1.0], [2.0, 0.3]]), np.array([0.4, 0.2])


def test_a_helper_and_a_helper_of_a_helper():
    def f(W, x):
        h = layer(W, x)
        o = sigmoid(np.sum(h))
        return o * o

    assert names(f, W, X) == ["h", "o"]


def test_a_method_an_attribute_and_a_lambda():
    def f(W, x):
        model = Model()
        out = model.forward(W, x)
        square = (lambda t: t * t)(out)
        return np.sum(square)

    assert names(f, W, X) == ["hidden", "square"]


def test_a_name_inside_the_helper_is_kept():
    def helper(x):
        inner = x * x
        return inner

    def f(x):
        outer = helper(x)
        return outer + 1.0

    assert names(f, 2.0) == ["inner"]


def test_the_forward_nodes_of_a_recorded_gradient_are_named_too():
    def f(x):
        h = sigmoid(x)
        return h * h

    assert "h" in names(cr.grad(f), 0.3)


def test_nobody_assigns_it():
    assert names(lambda x: sigmoid(x) * 2.0, 0.3) == []


def test_a_profiler_of_the_user_is_put_back_also_after_an_error():
    def profiler(*_):
        return None

    def broken(x):
        raise KeyError("mine")

    sys.setprofile(profiler)
    try:
        cr.trace(lambda x: x * x, 1.0)
        assert sys.getprofile() is profiler
        with pytest.raises(KeyError, match="mine"):
            cr.trace(broken, 1.0)
        assert sys.getprofile() is profiler
    finally:
        sys.setprofile(None)


# -- a recording ---------------------------------------------------------------------------------------------------------


def record(f, *arguments):
    with Recording() as seen:
        graph = cr.trace(f, *arguments)
    return seen, graph


def named(f, *arguments):
    """The names of all results in order, without those that have none."""
    return [name for name in record(f, *arguments)[0].results.values() if name]


def test_results_come_in_order_and_are_in_the_graph():
    def f(x):
        y = x * 2.0
        return np.exp(y) + y

    seen, graph = record(f, 1.0)
    assert list(seen.results.values()) == ["y", None, None]
    assert list(seen.results) == [node for node in graph if node.inputs]
    assert [node.order for node in seen.results] == sorted(node.order for node in seen.results)
    assert [seen.functions.get(node) for node in seen.results] == [None, "exp", None]


def test_a_composed_function_names_only_its_last_node():
    def f(x):
        n = np.linalg.norm(x, axis=0, keepdims=True)
        m = np.mean(x)
        v = np.ptp(x)
        s = cr.softmax(x * m)
        d = np.dot(x, s)
        return d + v + np.sum(n)

    seen, graph = record(f, np.array([1.0, 2.0, 4.0]))
    assert [name for name in seen.results.values() if name] == ["n", "m", "v", "s", "d"]
    last = {name: node for node, name in seen.results.items() if name}
    assert [seen.functions[last[name]] for name in "nmvsd"] == ["norm", "mean", "ptp", "softmax", "dot"]
    inside = [node for node in graph if node.inputs and node not in seen.results]
    assert inside, "np.ptp records several operations at one place"
    assert all(node.place.name is not None and node.name is None for node in inside)
    left = [line.split(":")[0] for line in str(graph).splitlines()[1:-1]]
    assert [name for name in left if name[0] != "%"] == ["n", "m", "v", "s", "d"]


def test_tuple_assignment_walrus_and_conditional_expression():
    def f(x, y):
        a, b = x * y, x + y
        h1, h2 = sigmoid(a), sigmoid(b)
        c = (q := h1 + h2) * a
        p = sigmoid(q) if x > 0.0 else sigmoid(c)
        r = c - p if x < 0.0 else c + p
        return r

    assert named(f, 1.0, 2.0) == ["a", "b", "h1", "h2", "q", "c", "p", "r"]


def test_loops_give_the_same_name_each_time():
    def f(x):
        h = x
        for _ in range(3):
            h = sigmoid(h)
        return h

    assert named(f, 1.0) == ["h", "h", "h"]


def test_recursion_several_returns_and_closures():
    def power(x, n):
        if n == 1:
            return x * 1.0
        return x * power(x, n - 1)

    def f(x):
        scale = x * 3.0

        def scaled(t):
            if t > 100.0:
                return t - scale
            return t + scale

        cube = power(x, 3)
        end = scaled(cube)
        return end

    assert named(f, 2.0) == ["scale", "cube", "end"]


def test_wrapped_functions_and_partials():
    def twice(function):
        @functools.wraps(function)
        def wrapper(x):
            return function(function(x))

        return wrapper

    @twice
    def soft(x):
        return sigmoid(x)

    def f(x):
        a = soft(x)
        g = functools.partial(np.multiply, 2.0)
        b = g(a)
        k = functools.partial(layer, 2.0 * np.eye(2))
        c = k(np.ones(2) * b)
        return np.sum(c)

    seen, _ = record(f, 0.3)
    assert [name for name in seen.results.values() if name] == ["a", "b", "c"]
    assert "sigmoid" in seen.functions.values()


def test_generators_stay_harmless():
    def steps(x):
        for k in range(3):
            value = x * float(k)
            yield value * 2.0

    def f(x):
        total = sum(steps(x))
        first = next(steps(x))
        a, b, c = (t * 7.0 for t in steps(x))
        items = list(steps(x))
        end = total + first + a + b + c + items[0]
        return end

    found = named(f, 2.0)
    assert found.count("total") == 1
    assert found.count("first") == 1
    assert [name for name in found if name in "abc"] == ["a", "b", "c"]
    assert found[-1] == "end"
    assert not {"items"} & set(found)


def test_containers_name_their_items():
    def pair(x):
        return [x * 2.0, x * 3.0]

    def table(x):
        return {"a": x * 5.0, "b": [x * 6.0]}

    def f(x):
        hs = pair(x)
        d = table(x)
        ys = [x * float(k) for k in range(2)]
        zs = list(map(sigmoid, ys))
        u, v = pair(x)
        kept = []
        kept.append(x * 9.0)
        return hs[0] + d["a"] + zs[0] + u + v + kept[0]

    expected = ["hs[0]", "hs[1]", "d['a']", "d['b'][0]", "ys[0]", "ys[1]", "zs[0]", "zs[1]", "u", "v", "kept[0]"]
    assert named(f, 2.0) == expected


def test_what_a_function_in_c_compares_or_keys_is_not_its_result():
    def f(x, y):
        m = max(x * 2.0, y * 2.0)
        low = min([x, y, x * y])
        order = sorted([x, y], key=lambda t: t * 3.0)
        return m + low + order[0]

    seen, graph = record(f, 1.0, 2.0)
    assert not {"m", "low", "order"} & set(seen.results.values())
    assert all(node.name not in ("m", "low", "order") for node in graph)


def test_results_of_functions_in_c():
    def f(xs):
        total = sum(xs)
        product = functools.reduce(lambda a, b: a * b, xs)
        size = abs(total)
        power = operator.pow(size, 2.0)
        added = np.add.reduce(xs)
        return product + power + added

    assert named(f, np.array([1.0, 2.0])) == ["total", "product", "size", "power", "added"]
    assert record(f, np.array([1.0, 2.0]))[0].functions


def test_unpacking_and_looping_over_a_traced_array():
    def f(x, y):
        x1, x2 = x
        for row in x:
            t = row * x1
        for _, item in enumerate(y):
            t = item * x2
        for p, q in zip(x, y, strict=False):
            t = p * q
        return t

    found = named(f, np.array([1.0, 2.0]), np.array([3.0, 4.0]))
    assert found == ["x1", "x2", "row", "t", "row", "t", "item", "t", "item", "t", "p", "q", "t", "p", "q", "t"]


def test_results_with_several_parts():
    def f(a):
        w, v = np.linalg.eigh(a)
        both = np.linalg.qr(a)
        whole, rest = divmod(w, 2.0)
        left = pairs(w)[0]
        return np.sum(w) + np.sum(v) + np.sum(both[0]) + np.sum(rest) + np.sum(whole) + np.sum(left)

    def pairs(t):
        return t * 2.0, t * 3.0

    found = named(f, np.array([[2.0, 1.0], [1.0, 3.0]]))
    assert found == ["w", "v", "both[0]", "both[1]", "whole", "rest", "left"]


def test_writes_in_place():
    def f(x):
        a = x * 1.0
        a[0] = x[1]
        a += x
        v = a[1:]
        v[0] = x[0]
        a[1] *= 3.0
        np.multiply(x, 2.0, out=a)
        a.sort()
        return np.sum(a)

    seen, graph = record(f, np.array([1.0, 2.0]))
    holders = [name for node, name in seen.results.items() if node.type.shape == (2,)]
    assert holders == ["a"] * 7
    assert graph.outputs[0].inputs[0].name == "a"


def test_an_array_that_is_filled():
    def f(x):
        out = np.zeros_like(x)
        out[0] = x[1]
        out[1] = x[0]
        y = out * 2.0
        return np.sum(y)

    seen, graph = record(f, np.array([1.0, 2.0]))
    assert {node.primitive.name: name for node, name in seen.results.items() if name} == {
        "full_like": "out",
        "write_rows": "out",
        "multiply": "y",
    }
    assert "out" in [node.name for node in graph if node.primitive.name == "write_rows"]


def test_branches():
    def f(x, y):
        if x > 0.0 and y < 0.0:
            return x
        assert x != y
        while y > 1.0:
            y = y - 1.0
        return x * y

    seen, _ = record(f, 1.0, 2.5)
    assert [(b.condition.primitive.name, b.taken) for b in seen.branches] == [
        ("greater", True),
        ("less", False),
        ("not_equal", True),
        ("greater", True),
        ("greater", True),
        ("greater", False),
    ]
    assert seen.branches[0].place.text == "if x > 0.0 and y < 0.0:"


def test_a_program_that_raises_half_way():
    def inner(y):
        z = y * 3.0  # noqa: F841 the subject
        raise KeyError("mine")

    def f(x):
        y = x * 2.0
        return inner(y)

    before = sys.getprofile()
    with pytest.raises(KeyError, match="mine") as caught, Recording() as seen:
        cr.trace(f, 1.0)
    assert sys.getprofile() is before
    assert seen.failure is caught.value
    assert list(seen.results.values()) == ["y", "z"]
    assert seen.place.text == 'raise KeyError("mine")'
    assert seen.place.function == "inner"


def test_an_error_of_chainrule_is_placed_in_the_users_line():
    def f(x):
        y = x * 2.0
        return y @ np.ones(3)

    with pytest.raises(ValueError, match="shape"), Recording() as seen:
        cr.trace(f, np.ones(2))
    assert seen.place.text == "return y @ np.ones(3)"
    assert list(seen.results.values()) == ["y"]


def test_nothing_failed():
    seen, _ = record(lambda x: x * x, 1.0)
    assert seen.failure is None
    assert seen.place is None


def test_cells_and_the_console():
    for name in ("<ipython-input-1-abc>", "<stdin>"):
        space = {"np": np, "cr": cr, "sigmoid": sigmoid}
        exec(
            compile("def f(x):\n    h = sigmoid(x)\n    a, b = h * 2.0, h * 3.0\n    return a * b\n", name, "exec"),
            space,
        )
        assert named(space["f"], 0.5) == ["h", "a", "b"]
        exec(compile("x = cr.variable(2.0)", name, "single"), space)
        with Recording() as seen:
            exec(compile("h = sigmoid(x)\ny = h * 2.0\nz1, z2 = y + h, np.linalg.norm(y)", name, "exec"), space)
        assert [name for name in seen.results.values() if name] == ["h", "y", "z1", "z2"]


def test_nested_recordings_and_a_profiler_of_the_user_see_everything():
    events = []

    def profiler(frame, event, _):
        events.append((event, frame.f_code.co_name))

    def f(x):
        h = sigmoid(x)
        return h * h

    sys.setprofile(profiler)
    try:
        with Recording() as outer, Recording() as inner:
            cr.trace(f, 1.0)
        assert sys.getprofile() is profiler
    finally:
        sys.setprofile(None)
    assert list(inner.results.values()) == list(outer.results.values())
    assert "h" in inner.results.values()
    assert ("return", "sigmoid") in events


def test_a_profiler_in_c_goes_on_afterwards():
    profiler = cProfile.Profile()
    profiler.enable()
    try:
        with Recording() as seen:
            cr.trace(lambda x: x * x, 1.0)
        sigmoid(1.0)
    finally:
        profiler.disable()
    assert len(seen.results) == 1
    assert "sigmoid" in {getattr(entry.code, "co_name", "") for entry in profiler.getstats()}


def test_other_threads_are_not_looked_at():
    def work():
        h = cr.variable(3.0) * 2.0
        found.append(sys.getprofile())
        return h

    found = []
    with Recording() as seen:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert found == [None]
    assert not seen.results


def test_nodes_go_when_the_recording_goes():
    gc.collect()
    gc.disable()
    try:
        seen, graph = record(lambda x: sigmoid(x) * 2.0, 1.0)
        count = sum(isinstance(thing, Node) for thing in gc.get_objects())
        size = len(graph)
        del seen, graph
        assert sum(isinstance(thing, Node) for thing in gc.get_objects()) == count - size
    finally:
        gc.enable()


def test_levels_of_differentiation():
    def f(x):
        h = sigmoid(x)
        g = cr.grad(lambda t: np.exp(t) * h)(x)
        return g * h

    found = named(f, 0.3)
    assert "h" in found
    assert "g" in found
    assert np.isfinite(cr.grad(f)(0.3))


def test_a_long_program_is_recorded_whole():
    def f(x):
        h = x
        hs = []
        for _ in range(2500):
            h = sigmoid(h)
            hs.append(h * 2.0)
        return h

    seen, _ = record(f, 0.5)
    assert len(seen.results) == 2500 * 5


def test_values_inside_numpy_dispatch_are_not_results():
    def f(x):
        y = np.stack([x * 2.0, x * 3.0])
        z = np.concatenate((x * 4.0, x * 5.0))
        w = np.vstack([y, y])
        return np.sum(y) + np.sum(z) + np.sum(w)

    assert named(f, np.ones(2)) == ["y", "z", "w"]


def test_objects_with_special_methods_and_context_managers():
    class Scaled:
        def __init__(self, w):
            self.w = w * 2.0

        def __call__(self, x):
            return self.w * x

        @property
        def tripled(self):
            return self.w * 3.0

        def __getitem__(self, k):
            return self.w * k

        def __add__(self, other):
            return self.w + other

    @contextlib.contextmanager
    def lent(x):
        yield x * 4.0

    def f(x):
        m = Scaled(x * 5.0)
        c = m(x)
        p = m.tripled
        g = m[4.0]
        s = m + x
        with lent(x) as q:
            r = q * c
        return r * p * g * s

    assert named(f, 2.0) == ["w", "c", "p", "g", "s", "q", "r"]


def test_a_loop_over_a_conditional_expression():
    def f(x, y):
        for v in x if y > 0.0 else list(y):
            t = v * 2.0
        return t

    assert named(f, np.array([1.0, 2.0]), 3.0) == ["v", "t", "v", "t"]


def test_items_that_are_not_traced_keep_their_place():
    def double(t):
        return t * 2.0

    def f(x):
        a, b = map(double, [1.0, x])
        return b * a

    assert named(f, 3.0) == ["b"]


def test_writes_that_a_later_line_carries_out_belong_to_the_array():
    def f(x):
        out = np.zeros_like(x)
        out[1] = x[0]
        out += x
        return np.sum(out)

    _, graph = record(f, np.array([1.0, 2.0]))
    assert [node.name for node in graph if node.inputs and node.type.shape == (2,)] == ["out", "out", "out"]
