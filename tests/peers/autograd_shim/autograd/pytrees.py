"""Nested containers as flat lists of leaves."""

from builtins import dict as plain_dict
from builtins import list as plain_list
from builtins import tuple as plain_tuple


def _parts(tree):
    if isinstance(tree, plain_dict):
        return plain_list(tree.values())
    return plain_list(tree) if isinstance(tree, (plain_list, plain_tuple)) else None


def _like(tree, parts):
    if isinstance(tree, plain_dict):
        return plain_dict(zip(tree, parts))
    return type(tree)(*parts) if hasattr(tree, "_fields") else type(tree)(parts)


def leaves(tree):
    """
    >>> leaves({"a": 1, "b": [2, (3,)]})
    [1, 2, 3]
    """
    parts = _parts(tree)
    return [tree] if parts is None else [leaf for part in parts for leaf in leaves(part)]


def rebuild(tree, values):
    """The containers of `tree` around other leaves.

    >>> rebuild({"a": 1, "b": [2, (3,)]}, [4, 5, 6])
    {'a': 4, 'b': [5, (6,)]}
    """
    remaining = iter(values)

    def build(part):
        parts = _parts(part)
        return next(remaining) if parts is None else _like(part, [build(child) for child in parts])

    return build(tree)


def transform(function, tree, *others):
    """`function` on each leaf of one or several trees of the same containers."""
    parts = _parts(tree)
    if parts is None:
        return function(tree, *others)
    return _like(tree, [transform(function, *group) for group in zip(parts, *map(_parts, others))])
