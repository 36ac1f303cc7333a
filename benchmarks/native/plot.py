"""*What was measured in, one picture out: how many times chainrule's time each peer takes.*"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter

from benchmarks import timing
from benchmarks.native import judge
from benchmarks.native.works import WORKS

# Colours that are told apart also by those who do not see red and green (Okabe and Ito), and a marker each.
PEERS = {
    "NumPy by hand": ("#000000", "s", ("numpy",)),
    "PyTorch": ("#D55E00", "^", judge.TORCH),
    "JAX": ("#0072B2", "o", judge.JAX),
    "micrograd": ("#CC79A7", "D", ("micrograd",)),
    "floor (products, copy or arithmetic alone)": ("#009E73", "|", ("numpy:products", "numpy:copy", "numpy:floor")),
}
SCAN = {"JAX": ("jax:scan",)}


@dataclass(frozen=True)
class Row:
    """A line of the picture: medians over ours, by peer."""

    label: str
    ratios: Mapping[str, float]


def timed_row(label: str, results: Mapping[str, Any], ours: str, peers: Mapping[str, tuple[str, ...]]) -> Row | None:
    samples = judge.samples_of(results, ours)
    if not samples:
        return None
    ratios = {}
    for title, contestants in peers.items():
        best = judge.fastest(results, contestants)
        if title.startswith("floor"):
            present = [name for name in contestants if judge.samples_of(results, name)]
            best = max(present, key=lambda name: timing.spread(judge.samples_of(results, name)).median, default=None)
        if best is not None:
            ratios[title] = timing.ratio(judge.samples_of(results, best), samples).median
    return Row(label, ratios)


def fresh_row(label: str, fresh: Mapping[str, Any], task: str, suffix: str, key: str) -> Row | None:
    ours = judge.column(fresh, task, f"ours{suffix}", key)
    if not ours:
        return None
    theirs = {
        title: judge.column(fresh, task, f"{library}{suffix}", key)
        for title, library in (("PyTorch", "torch"), ("JAX", "jax"))
    }
    own = timing.spread(ours).median
    return Row(
        label, {title: timing.spread(samples).median / own for title, samples in theirs.items() if samples and own}
    )


def rows(measured: Mapping[str, Any]) -> list[Row]:
    """All works that chainrule was timed on, one call per step, in an epoch, and in fresh processes."""
    everybody = {title: contestants for title, (_, _, contestants) in PEERS.items()}
    found: list[Row | None] = []
    works = measured["timed"].get("default", {})
    for name in works:
        results = judge.contestants_of(works, name)
        label = WORKS[name].title
        if "ours:scan" in results:
            found.append(timed_row(label, results, "ours", everybody))
            found.append(timed_row(f"{label}, in a scan", results, "ours:scan", SCAN))
        else:
            found.append(timed_row(label, results, "ours", {**everybody, "JAX": (*judge.JAX, "jax:scan")}))
    fresh = measured["fresh"]
    found.append(fresh_row("first call of the digits step", fresh, "first", "", "call"))
    found.append(fresh_row("first gradient of 9,000 operations", fresh, "chain", "", "call"))
    found += [
        fresh_row(f"peak memory, {work}", fresh, "memory", f" {work}", "steady")
        for work in ("digits", "medium", "large")
    ]
    return [row for row in found if row is not None and row.ratios]


def look(marker: str) -> dict[str, Any]:
    """Floors are strokes; the others have a white edge, so that two on one spot are seen as two."""
    if marker == "|":
        return {"marker": marker, "markersize": 11, "markeredgewidth": 2.2}
    return {"marker": marker, "markersize": 7, "markeredgecolor": "white", "markeredgewidth": 0.7}


def draw(measured: Mapping[str, Any], path: Path) -> bool:
    """Writes the picture as SVG; False where chainrule itself was not timed."""
    lines = rows(measured)
    if not lines:
        return False
    # Text stays text, and the same numbers give the same file.
    with mpl.rc_context(
        {"svg.fonttype": "none", "svg.hashsalt": "chainrule", "font.size": 9, "font.family": "sans-serif"}
    ):
        figure = Figure(figsize=(9.5, 1.6 + 0.3 * len(lines)), facecolor="white", layout="constrained")
        axes = figure.add_subplot(facecolor="white")
        for height, row in enumerate(reversed(lines)):
            axes.axhline(height, color="#E6E6E6", linewidth=0.8, zorder=0)
            for title, ratio in row.ratios.items():
                colour, marker, _ = PEERS[title]
                axes.plot(ratio, height, color=colour, **look(marker))
        axes.axvline(1.0, color="#444444", linewidth=1.2)
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
        axes.set_yticks(range(len(lines)), [row.label for row in reversed(lines)])
        axes.set_ylim(-0.7, len(lines) - 0.3)
        axes.set_xlabel("time (or memory) of the peer over chainrule's; right of the line chainrule needs less")
        axes.grid(axis="x", which="major", color="#D0D0D0", linewidth=0.6)
        axes.tick_params(length=0)
        for side in ("top", "right", "left"):
            axes.spines[side].set_visible(False)
        present = [title for title in PEERS if any(title in row.ratios for row in lines)]
        handles = [
            Line2D([], [], linestyle="", color=PEERS[title][0], label=title, **look(PEERS[title][1]))
            for title in present
        ]
        figure.legend(handles=handles, loc="outside upper center", ncols=len(handles), frameon=False)
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, format="svg", metadata={"Date": None})
    return True
