"""Zeros that stay zeros: contributions where no cotangent arrives, although the local derivative is not finite there."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.primitive import operations
from chainrule.traced import Traced, undifferentiated


def _none(mask: Any) -> bool:
    """Whether a mask is known to be empty: one that is recorded may have other numbers when the program runs again."""
    return not isinstance(mask, Traced) and not np.any(mask)


def silence_untaken(contribution: Any, g: Any) -> Any:
    """An elementwise contribution that is 0 where `g` is 0 and the contribution is not finite.

    >>> silence_untaken(np.array([np.nan, np.nan, 2.0]), np.array([0.0, 1.0, 1.0]))
    array([ 0., nan,  2.])
    """
    lost = (undifferentiated(g) == 0) & ~np.isfinite(undifferentiated(contribution))
    return contribution if _none(lost) else operations["where"](lost, 0.0, contribution)


def silence_multilinear(
    contribution: Any, rule: Any, g: Any, y: Any, arguments: tuple[Any, ...], index: int, parameters: dict[str, Any]
) -> Any:
    """A contribution of a product of arrays, without the terms that are 0 times an infinity or NaN of another factor.

    A product's rule is a sum of terms g times elements of the other factors. With those elements that are not finite replaced by 0 the
    rule gives the sum of the other terms; the rule on magnitudes shows whether any non-zero g met one of those elements.
    """
    if _none(~np.isfinite(undifferentiated(contribution))):
        return contribution
    bad = [~np.isfinite(undifferentiated(argument)) for argument in arguments]
    marks = [mark.astype(float) if position != index else np.ones(mark.shape) for position, mark in enumerate(bad)]
    cleaned = [
        operations["where"](mark, 0.0, argument) if position != index and not _none(mark) else argument
        for position, (argument, mark) in enumerate(zip(arguments, bad, strict=True))
    ]
    above = undifferentiated(g)
    magnitude = np.abs(above) + ~np.isfinite(above)
    met = rule(magnitude, undifferentiated(y), *marks, **parameters)
    met = met if isinstance(met, Traced) else np.asarray(met)
    return operations["where"](met != 0, contribution, rule(g, y, *cleaned, **parameters))
