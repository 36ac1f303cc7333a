"""A request for a program with arrays in, the request for the same program with its arrays unrolled out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from chainrule.boxes import Box, Fence, Numeral, Scripts, Sign, listed, row
from chainrule.explain.elements import ElementName
from chainrule.explain.expand import expand
from chainrule.explain.program import Request
from chainrule.graph import Node
from chainrule.symbols import symbol_of


def scalar_request(request: Request) -> Request:
    """The request with `expand=True`: every element of every array is a number with a name of its own."""
    graph = request.graph
    constants = dict(request.constants)
    expanded = expand(
        graph, names=dict(request.names) if request.names else None, wrt=request.wanted, constants=constants
    )
    wanted = [item for node in request.wanted for item in expanded.elements(node) if isinstance(item, Node)]
    above = request.above
    if above is not None and np.size(above) > 1:
        above = None
    names = {node: str(name) for node, name in expanded.names.items()}
    boxes = {node: element_box(name) for node, name in expanded.names.items()}
    return replace(
        request, graph=expanded.graph, wanted=tuple(wanted), above=above, names=names, boxes=boxes, constants={}
    )


def element_box(name: ElementName) -> Box:
    """The name of an element as it is written: components below, samples above in parentheses.

    >>> from chainrule.boxes import Letter
    >>> element_box(ElementName("w", (1, 2))) == Scripts(Letter("w"), below=Numeral("12"))
    True
    """
    base: Any = symbol_of(name.base) if isinstance(name.base, str) else name.base
    below: Box | None = None
    if name.subscripts and name.commas:
        below = listed(Numeral(str(index)) for index in name.subscripts)
    elif name.subscripts:
        below = Numeral("".join(map(str, name.subscripts)))
    above: Box | None = None
    if name.superscripts:
        above = Fence(listed(Numeral(str(index)) for index in name.superscripts))
    if below is not None and (name.brackets or (isinstance(base, Scripts) and base.below is not None)):
        if name.brackets:
            below = row(Sign("[", "atom"), below, Sign("]", "atom"))
        if isinstance(base, Scripts):
            below = below if base.below is None else row(base.below, ",", below)
            return Scripts(base.base, below=below, above=above or base.above)
    if below is None and above is None:
        return base
    if isinstance(base, Scripts):
        return Scripts(base.base, below=below or base.below, above=above or base.above)
    return Scripts(base, below=below, above=above)
