"""One block of a program, run and pulled back by the engine on its own: what it sends to each of its sources."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.boundary import lift, next_level
from chainrule.differentiate import backpropagate
from chainrule.explain.blocks import Block
from chainrule.graph import COMPONENT, Node
from chainrule.trace import bind
from chainrule.traced import Traced, concrete, open_levels


def pull_block(block: Block, above: Any) -> dict[Node, Any]:
    """The engine's contribution to each source, for a gradient that arrives at the block's result; zeros where none flows."""
    level = next_level()
    open_levels.add(level)
    try:
        lifted = {source: lift(concrete(source.value), None, level) for source in block.sources}
        values: dict[Node, Any] = dict(lifted)
        for node in block.inside:
            if node.primitive is COMPONENT:
                origin = node.inputs[0]
                values[node] = values[origin][node.parameters["index"]] if origin is not None else node.value
                continue
            arguments = [
                concrete(argument) if origin is None else values[origin]
                for origin, argument in zip(node.inputs, node.arguments, strict=True)
            ]
            values[node] = bind(node.primitive, *arguments, **node.parameters)
        result = values[block.node]
        sent: dict[Node, Any] = {}
        if isinstance(result, Traced) and result.level == level:
            with np.errstate(all="ignore"):
                sent = backpropagate([(result.node, np.asarray(above)[()])])
    finally:
        open_levels.discard(level)
    return {
        source: np.zeros(np.shape(concrete(source.value)))
        if (found := sent.get(handle.node)) is None
        else concrete(found)
        for source, handle in lifted.items()
    }
