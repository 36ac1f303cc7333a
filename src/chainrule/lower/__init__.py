"""Graph in, program out: loops, matrix products and places in memory, as data that any back end can run."""

from __future__ import annotations

from chainrule.lower.finish import lower

__all__ = ["lower"]
