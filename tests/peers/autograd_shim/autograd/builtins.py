"""Containers and isinstance: chainrule needs no special containers, so these are Python's own."""

import builtins

from . import pytrees
from .engine import plain

dict = builtins.dict
list = builtins.list
tuple = builtins.tuple


def isinstance(value, kinds):
    """Python's isinstance, to which a traced array is the array that it stands for."""
    return builtins.isinstance(pytrees.transform(plain, value), kinds)


def type(value):
    return builtins.type(pytrees.transform(plain, value))
