"""A program that runs, in; out, what its results are called, who returned them, and which branches it took.

The bytecode alone names what one instruction computes. More shows only while the program runs: that `h = sigmoid(a)`
names the last operation inside `sigmoid`, that a function of chainrule or NumPy recorded several operations of which
the last is the result, which item of a list a value became, which variable an in-place write belongs to. A `Recording`
is open while a graph is recorded to be read, and looks at what returns into the user's code. Gradients alone do not pay
for this.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from types import CodeType, FrameType, TracebackType
from typing import Any

from chainrule.bytecode import called_path, operation_at, target, written_path
from chainrule.graph import INPUT, Node
from chainrule.handles import handles_of, inner_nodes, is_container, is_handle, node_of, order_of
from chainrule.sites import SUSPENDING, Site, hands_on, library_name, only_looks, study
from chainrule.source import PACKAGE_DIRECTORY, Place, is_ours, known_files
from chainrule.traced import TracedView
from chainrule.trees import leaves_with_paths

_BUDGET = 200_000  # items of the user's containers that are looked at, in all


@dataclass(frozen=True, slots=True)
class Branch:
    """A decision of the user's code that a traced value made: where, the condition, and what it was.

    >>> import chainrule as cr
    >>> def f(x):
    ...     return x if x > 0.0 else -x
    >>> with Recording() as seen:
    ...     graph = cr.trace(f, 3.0)
    >>> [(branch.condition.primitive.name, branch.taken) for branch in seen.branches]
    [('greater', True)]
    """

    place: Place
    condition: Node
    taken: bool


class Recording:
    """While it is open, what the user's code computes is noted down; afterwards it is complete.

    `results` has every node that is the result of an instruction of the user's code, in order of creation, with the
    user's name for it or None; nodes that a function of chainrule or NumPy makes on the way to its result are not among
    them. `functions` has the name of the function that returned a node: the user's innermost one, else the library's.
    `branches` has the decisions that traced values made. After an exception, `failure` is it and `place` the line of
    the user's code. Only the thread that opened it is looked at.

    >>> import chainrule as cr
    >>> def square(x):
    ...     return x * x
    >>> def f(x):
    ...     area = square(x)
    ...     return area + 1.0
    >>> with Recording() as seen:
    ...     graph = cr.trace(f, 3.0)
    >>> [(node.primitive.name, name, seen.functions.get(node)) for node, name in seen.results.items()]
    [('multiply', 'area', 'square'), ('add', None, None)]
    """

    def __init__(self) -> None:
        self.results: dict[Node, str | None] = {}
        self.functions: dict[Node, str] = {}
        self.branches: list[Branch] = []
        self.failure: BaseException | None = None
        self.place: Place | None = None
        self._before: Any = None
        self._forward: Callable[..., Any] | None = None
        self._reset()

    def _reset(self) -> None:
        """Forget what only helps while it is open: frames and handles of the program."""
        self._sites: dict[tuple[int, int], Site] = {}  # by the identity of the code object, which takes no time to hash
        self._codes: dict[int, CodeType] = {}  # and the code objects, so that their identities stay their own
        self._from_user: set[Node] = set()
        self._known: dict[int, tuple[Any, str]] = {}  # handles by their id, and the variable that holds each
        self._running: dict[FrameType, list[tuple[Any, str | None, bool]]] = {}  # inside a function in C: what arrived
        self._steps: list[tuple[Node, list[Node]]] = []  # results of functions in C, and what came before each
        self._counts: dict[tuple[FrameType, int], int] = {}  # how many items an unpacking has got
        self._pairs: dict[tuple[FrameType, int], dict[FrameType, list[Node]]] = {}
        self._nameless: dict[FrameType, list[Any]] = {}
        self._in_containers: dict[Node, str] = {}  # names such as hs[0], from where a container was assigned
        self._in_variables: dict[Node, str] = {}  # the same, from the variables of a function that ended
        self._budget = _BUDGET

    def __enter__(self) -> Recording:
        self._before = sys.getprofile()
        if callable(self._before):
            self._forward = self._before
        elif self._before is not None:
            self._before.disable()  # a profiler in C, such as cProfile's, which is switched on again afterwards
        sys.setprofile(self._look)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, failure: BaseException | None, traceback: TracebackType | None
    ) -> None:
        sys.setprofile(None)
        if self._before is None or self._forward is not None:
            sys.setprofile(self._before)
        else:
            self._before.enable()
        self._before = self._forward = None
        self.failure = failure
        while traceback is not None:
            code = traceback.tb_frame.f_code
            if not is_ours(code.co_filename):
                self.place = Place(code, traceback.tb_lasti)
            traceback = traceback.tb_next
        self._complete()
        self._reset()

    # -- while it is open ---------------------------------------------------------------------------------------------

    def _look(self, frame: FrameType, event: str, value: Any) -> None:
        """What Python calls at each call and return."""
        if self._forward is not None:
            self._forward(frame, event, value)
        if event == "call":
            return
        filename = frame.f_code.co_filename
        ours = known_files.get(filename)
        if ours is None:
            ours = is_ours(filename)
        if event != "return":
            if not ours:
                self._look_at_builtin(frame, event, value)
            return
        caller = frame.f_back
        inwards = caller is not None and not is_ours(caller.f_code.co_filename)
        if ours:
            if inwards and caller is not None:
                self._leave_library(frame, caller, value)
        else:
            self._leave_user(frame, caller if inwards else None, value)

    def _look_at_builtin(self, frame: FrameType, event: str, function: Any) -> None:
        """A function in C begins or ends in the user's code: the last of the values that arrived in between is its
        result."""
        if event == "c_call":
            self._running[frame] = []
            return
        arrived = self._running.pop(frame, None)
        if not arrived:
            return
        last, name, by_user = arrived[-1]
        nodes = [node_of(value) for value, _, _ in arrived if is_handle(value)]
        nodes = [node for node in nodes if node is not None]
        if nodes and is_handle(last):
            self._steps.append((nodes[-1], [node for node in nodes[:-1] if node not in self.results]))
        if event == "c_return" and hands_on(function):
            self._arrive(frame, last, name or library_name(function), by_user)
        elif nodes:
            self._enter(nodes[-1], None)

    def _leave_library(self, frame: FrameType, caller: FrameType, value: Any) -> None:
        """A function of chainrule, NumPy or SciPy returns into the user's code."""
        name, filename = frame.f_code.co_name, frame.f_code.co_filename
        if not filename.startswith(PACKAGE_DIRECTORY) and only_looks(frame):
            return
        if is_handle(value):
            self._arrive(caller, value, self._library_name(frame, caller), False, frame)
        elif value is None:
            if name != "<genexpr>":
                for handle in handles_of(frame):
                    self._write(caller, handle)
        elif type(value) is bool:
            if name == "__bool__":
                condition = node_of(frame.f_locals["self"])
                if condition is not None:
                    self.branches.append(Branch(Place(caller.f_code, caller.f_lasti), condition, value))
        elif is_container(value) and value:
            self._arrive(caller, value, self._library_name(frame, caller), False)

    def _library_name(self, frame: FrameType, caller: FrameType) -> str | None:
        """What the user called: the NumPy function, or the function or method of chainrule as the user writes it."""
        name = frame.f_code.co_name
        if not self._site(caller).calls:
            return None
        if name == "__array_ufunc__":
            return frame.f_locals["ufunc"].__name__
        if name == "__array_function__":
            return frame.f_locals["function"].__name__
        running = self._running.get(caller)
        path = None if running is not None else called_path(caller.f_code, caller.f_lasti)
        return path[-1] if path else None

    def _leave_user(self, frame: FrameType, caller: FrameType | None, value: Any) -> None:
        """A function of the user returns; into the user's code if there is a caller."""
        code = frame.f_code
        yields = code.co_flags & SUSPENDING and operation_at(code, frame.f_lasti) not in (
            "RETURN_VALUE",
            "RETURN_CONST",
        )
        if not yields:
            self._search_containers(frame)
        if caller is None:
            return
        if code.co_flags & SUSPENDING:
            site = self._site(caller)
            if not yields or not (caller in self._running or site.count or site.loops or site.consumes):
                return
            self._arrive(caller, value, None, False, frame)
        elif is_handle(value) or is_container(value):
            self._arrive(caller, value, None if code.co_name.startswith(("<", "__")) else code.co_name, True)
        elif self._site(caller).count:
            self._next_item(caller, self._site(caller))

    # -- values that arrive -------------------------------------------------------------------------------------------

    def _arrive(
        self, frame: FrameType, value: Any, function: str | None, by_user: bool, giver: FrameType | None = None
    ) -> None:
        """A value comes back to the instruction that the user's frame is running."""
        running = self._running.get(frame)
        if running is not None:
            running.append((value, function, by_user))
            return
        if is_container(value):
            self._arrive_in_container(frame, value, function, by_user)
        if not is_handle(value):
            return
        site = self._site(frame)
        node = node_of(value)
        if node is None:
            return
        goal = site.target
        if site.count:
            position = self._next_item(frame, site)
            goal = target(frame.f_code, frame.f_lasti, position, site.count)
            goal = goal if goal is None or not goal.whole else None
        name = None if goal is None or goal.whole else goal.name
        if name is None and node not in self.results and id(value) in self._known:
            name = self._known[id(value)][1]  # written in place, by out= for example
        self._enter(node, name)
        if name is not None:
            self._known[id(value)] = value, name
        elif self.results.get(node) is None:
            self._nameless.setdefault(frame, []).append(value)
        if function is not None and site.calls:
            self._returned(node, function, by_user)
        if site.pairs and giver is not None:
            self._pairs.setdefault((frame, frame.f_lasti), {}).setdefault(giver, []).append(node)
        if type(value) is TracedView:
            self._write(frame, value._base)

    def _arrive_in_container(self, frame: FrameType, value: Any, function: str | None, by_user: bool) -> None:
        """Several values come back in one list, tuple or dict: each gets the variable that it is unpacked into, or the
        name of the whole with its index or key."""
        self._budget -= len(value)
        if self._budget < 0:
            return
        site = self._site(frame)
        parts = list(value.items()) if isinstance(value, dict) else list(enumerate(value))
        for key, part in parts:
            if not is_handle(part) and not is_container(part):
                continue
            if isinstance(value, dict) or site.consumes:
                goal, whole = site.target, True
            else:
                goal = target(frame.f_code, frame.f_lasti, key, len(value))
                whole = goal is not None and goal.whole
            prefix = None if goal is None else f"{goal.name}[{key!r}]" if whole else goal.name
            for path, leaf in leaves_with_paths(part):
                if not is_handle(leaf):
                    continue
                node = node_of(leaf)
                if node is None:
                    continue
                name = None if prefix is None else prefix + path
                if name is not None and not name.isidentifier():
                    self._in_containers.setdefault(node, name)
                    name = None
                self._enter(node, name)
                if function is not None:
                    self._returned(node, function, by_user)
                if self.results.get(node) is None:
                    self._nameless.setdefault(frame, []).append(leaf)

    def _enter(self, node: Node, name: str | None) -> None:
        """Note a node as a result, at each level of differentiation."""
        while node is not None:
            if node.primitive is not INPUT:
                known = self.results.get(node)
                if known is None:
                    self.results[node] = name or getattr(node, "label", None) or None
            value = node.value
            if not is_handle(value):
                return
            node = node_of(value)

    def _returned(self, node: Node, function: str, by_user: bool) -> None:
        if node.primitive is INPUT or node in self._from_user:
            return
        self.functions[node] = function
        if by_user:
            self._from_user.add(node)

    def _next_item(self, frame: FrameType, site: Site) -> int:
        """The position of the item that an unpacking is getting."""
        key = frame, frame.f_lasti
        count = self._counts.get(key, 0)
        self._counts[key] = count + 1
        return count % site.count

    def _write(self, frame: FrameType, handle: Any) -> None:
        """An in-place write gave a handle another node, and if it is a view, its base too."""
        path = written_path(frame.f_code, frame.f_lasti)
        while True:
            node = node_of(handle)
            made_here = node is not None and node.code is frame.f_code and node.offset == frame.f_lasti
            if node is not None and made_here and node.primitive is not INPUT and node not in self.results:
                name = path[-1] if path else None
                if name is None and id(handle) in self._known:
                    name = self._known[id(handle)][1]
                before = node.inputs[0]
                if name is None and before is not None and node.primitive.name == "write":
                    name = before.name if before.primitive is INPUT else self.results.get(before)
                self._enter(node, name)
                if name is not None:
                    self._known[id(handle)] = handle, name
            if type(handle) is not TracedView:
                return
            handle, path = handle._base, None

    def _site(self, frame: FrameType) -> Site:
        code, offset = frame.f_code, frame.f_lasti
        site = self._sites.get((id(code), offset))
        if site is None:
            self._codes[id(code)] = code
            site = self._sites[id(code), offset] = study(frame, code, offset)
        return site

    def _search_containers(self, frame: FrameType) -> None:
        """A function of the user ends: values without a name that lie in a list, tuple or dict of its variables."""
        handles = self._nameless.pop(frame, None)
        if not handles:
            return
        sought = {id(handle): handle for handle in handles}
        for name, value in frame.f_locals.items():
            if is_container(value) and name.isidentifier():
                self._budget -= len(value)
                if self._budget < 0:
                    return
                for path, leaf in leaves_with_paths(value):
                    if is_handle(leaf) and sought.get(id(leaf)) is leaf:
                        self._in_variables.setdefault(node_of(leaf), name + path)

    # -- afterwards ---------------------------------------------------------------------------------------------------

    def _complete(self) -> None:
        """Put the results in order, and let the nodes know which of them have no name of their own."""
        for (frame, offset), givers in self._pairs.items():
            if len(givers) == self._sites[id(frame.f_code), offset].pairs:
                for position, nodes in enumerate(givers.values()):
                    goal = target(frame.f_code, offset, position, len(givers))
                    if goal is not None and not goal.whole:
                        for node in nodes:
                            self._enter(node, goal.name)
        steps: set[Node] = set()
        for last, before in self._steps:
            if self.results.get(last) is not None and self.results[last] == last.place.name:
                steps.update(before)  # partial sums may be called what the sum is called
            else:
                for node in before:
                    node.label = ""
        for handle, name in self._known.values():
            self._enter(node_of(handle), name)  # an array that was filled and read since
        seen: set[Node] = steps
        seen.update(self.results)
        for node in sorted(self.results, key=order_of):
            for inner in sorted(inner_nodes(node, seen), key=order_of):
                inner.label = ""
                filled = inner.inputs[0] if inner.primitive.name == "write_rows" else None
                if filled is not None and self.results.get(filled) is not None:  # writes that the reading carried out
                    self._enter(inner, self.results[filled])
        results = sorted(self.results.items(), key=lambda pair: pair[0].order)
        self.results.clear()
        for node, name in results:
            if node.place.name != name or getattr(node, "label", None) is not None:
                node.label = name or ""
            self.results[node] = name or self._in_containers.get(node) or self._in_variables.get(node)
