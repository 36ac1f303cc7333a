"""The plot of an activation: its value and its derivative, both from the engine, as one SVG."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from typing import Any

import numpy as np

import chainrule as cr

LEFT, RIGHT = -4.0, 4.0
SAMPLES = 800  # an even number: no sample falls on 0, where the kinks are
WIDTH, HEIGHT = 640, 320
MARGIN_LEFT, MARGIN_RIGHT, MARGIN_TOP, MARGIN_BOTTOM = 44, 20, 42, 34

STYLE = """\
.activation-plot { --ink: #1d1f24; --quiet: #666c78; --grid: #e4e4de; --value: #2b5c9e; --slope: #b3541e; }
.activation-plot text { font: 13px ui-sans-serif, system-ui, "Helvetica Neue", Arial, sans-serif; fill: var(--quiet); }
.activation-plot .legend { font-size: 15px; font-style: italic; fill: var(--ink); }
.activation-plot .grid { stroke: var(--grid); stroke-width: 1; }
.activation-plot .axis { stroke: var(--quiet); stroke-width: 1.2; }
.activation-plot path { fill: none; stroke-width: 2.4; stroke-linejoin: round; stroke-linecap: round; }
.activation-plot .value { stroke: var(--value); }
.activation-plot .slope { stroke: var(--slope); }
.activation-plot path.slope { stroke-dasharray: 7 5; }
.activation-plot circle.value { fill: var(--value); stroke: none; }
.activation-plot circle.slope { fill: var(--slope); stroke: none; }
@media (prefers-color-scheme: dark) {
  .activation-plot { --ink: #e4e4df; --quiet: #9aa0ac; --grid: #2b2e35; --value: #8ab4f0; --slope: #f0a070; }
}
@media print { .activation-plot { --ink: #000; --quiet: #444; --grid: #ddd; } }
"""


@dataclass(frozen=True, eq=False)
class Curves:
    """A function of one number, sampled: its name and its variable, values and derivatives, and the marked points."""

    name: str
    variable: str
    x: np.ndarray
    value: np.ndarray
    slope: np.ndarray
    points: tuple[tuple[float, float, float], ...]  # x, value, derivative

    @property
    def value_label(self) -> str:
        """`h(a)`."""
        return f"{self.name}({self.variable})"

    @property
    def slope_label(self) -> str:
        """`∂h/∂a`."""
        return f"∂{self.name}/∂{self.variable}"


def curves(
    program: Callable[..., Any], points: Sequence[Mapping[str, float]], variable: str, name: str = "h"
) -> Curves:
    """Value and derivative of a program by one of its arguments, the others as they are in the first point.

    The derivative is the engine's (`elementwise_grad`), at each sample and at each of the points.

    >>> sampled = curves(lambda a: a * a, [{"a": 1.5}], "a")
    >>> sampled.points
    ((1.5, 2.25, 3.0),)
    """
    slope = cr.elementwise_grad(program, variable)

    def at(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        arguments = [x if one == variable else value for one, value in points[0].items()]
        return np.asarray(program(*arguments)), np.asarray(slope(*arguments))

    x = np.linspace(LEFT, RIGHT, SAMPLES)
    marks = np.array([point[variable] for point in points])
    marked = zip(marks.tolist(), *(part.tolist() for part in at(marks)), strict=True)
    return Curves(name, variable, x, *at(x), tuple(marked))


def svg_of(curves: Curves, description: str = "") -> str:
    """The plot as an SVG that stands by itself or in a page, light and dark.

    >>> svg_of(curves(lambda a: a * a, [{"a": 1.5}], "a")).startswith('<svg xmlns="http://www.w3.org/2000/svg"')
    True
    """
    low = min(0.0, float(np.min(curves.value)), float(np.min(curves.slope)))
    high = max(float(np.max(curves.value)), float(np.max(curves.slope)))
    step = _step(high - low)
    low, high = math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step

    def across(x: float) -> float:
        return MARGIN_LEFT + (x - LEFT) / (RIGHT - LEFT) * (WIDTH - MARGIN_LEFT - MARGIN_RIGHT)

    def down(y: float) -> float:
        return MARGIN_TOP + (high - y) / (high - low) * (HEIGHT - MARGIN_TOP - MARGIN_BOTTOM)

    def path(part: str, values: np.ndarray) -> str:
        pieces = []
        for run in _unbroken(curves.x, values):
            corners = " L".join(f"{across(x):.2f} {down(y):.2f}" for x, y in run)
            pieces.append(f"M{corners}")
        return f'<path class="{part}" d="{" ".join(pieces)}"/>'

    lines = []
    for tick in _ticks(LEFT, RIGHT, 1.0):
        lines.append(
            f'<line class="grid" x1="{across(tick):.1f}" y1="{down(low):.1f}" x2="{across(tick):.1f}" y2="{down(high):.1f}"/>'
        )
        lines.append(f'<text x="{across(tick):.1f}" y="{HEIGHT - 12}" text-anchor="middle">{_said(tick)}</text>')
    for tick in _ticks(low, high, step):
        lines.append(
            f'<line class="grid" x1="{across(LEFT):.1f}" y1="{down(tick):.1f}" x2="{across(RIGHT):.1f}" y2="{down(tick):.1f}"/>'
        )
        lines.append(f'<text x="{MARGIN_LEFT - 8}" y="{down(tick) + 4.5:.1f}" text-anchor="end">{_said(tick)}</text>')
    lines.append(
        f'<line class="axis" x1="{across(LEFT):.1f}" y1="{down(0):.1f}" x2="{across(RIGHT):.1f}" y2="{down(0):.1f}"/>'
    )
    lines.append(
        f'<line class="axis" x1="{across(0):.1f}" y1="{down(low):.1f}" x2="{across(0):.1f}" y2="{down(high):.1f}"/>'
    )
    lines += [path("value", curves.value), path("slope", curves.slope)]
    for x, value, slope in curves.points:
        lines.append(f'<circle class="value" cx="{across(x):.2f}" cy="{down(value):.2f}" r="4.5"/>')
        lines.append(f'<circle class="slope" cx="{across(x):.2f}" cy="{down(slope):.2f}" r="4.5"/>')
    lines += _legend(curves)
    label = escape(f"{curves.value_label}, {curves.slope_label}", quote=True)
    inside = "\n".join(lines)
    said = f"<desc>{escape(description, quote=False)}</desc>\n" if description else ""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="activation-plot" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'width="{WIDTH}" height="{HEIGHT}" role="img" aria-label="{label}">\n{said}<style>\n{STYLE}</style>\n{inside}\n</svg>\n'
    )


def _legend(curves: Curves) -> list[str]:
    second = MARGIN_LEFT + 130
    return [
        f'<path class="value" d="M{MARGIN_LEFT} 20 L{MARGIN_LEFT + 30} 20"/>',
        f'<text class="legend" x="{MARGIN_LEFT + 38}" y="25">{escape(curves.value_label)}</text>',
        f'<path class="slope" d="M{second} 20 L{second + 31} 20"/>',
        f'<text class="legend" x="{second + 39}" y="25">{escape(curves.slope_label)}</text>',
    ]


def _step(span: float) -> float:
    """A round distance between ticks, four to eight of them in the span.

    >>> _step(1.0), _step(5.0), _step(2.0)
    (0.2, 1.0, 0.5)
    """
    rough = span / 5
    power = 10.0 ** math.floor(math.log10(rough))
    return next(power * factor for factor in (1.0, 2.0, 2.5, 5.0, 10.0) if power * factor >= rough * 0.999)


def _ticks(low: float, high: float, step: float) -> Iterable[float]:
    return (low + index * step for index in range(round((high - low) / step) + 1))


def _said(tick: float) -> str:
    return f"{0.0 if abs(tick) < 1e-9 else tick:.6g}".replace("-", "−")


def _unbroken(x: np.ndarray, y: np.ndarray) -> list[list[tuple[float, float]]]:
    """The samples in runs that end where the curve jumps, so that no line is drawn up a step.

    >>> [len(run) for run in _unbroken(np.arange(6.0), np.array([0, 0, 0, 1, 1, 1.0]))]
    [3, 3]
    """
    rises = np.abs(np.diff(y))
    around = np.maximum(np.append(rises[1:], 0.0), np.insert(rises[:-1], 0, 0.0))  # a slope has neighbours like itself
    jumps = np.flatnonzero((rises > 0.02 * np.ptp(y)) & (rises > 5 * around)) + 1
    pairs = list(zip(x.tolist(), y.tolist(), strict=True))
    edges = [0, *jumps.tolist(), len(pairs)]
    return [pairs[start:end] for start, end in pairwise(edges)]
