"""Linear regression on real data by gradient descent: full-batch, mini-batch and stochastic, down to least squares.

Two models of scikit-learn's bundled diabetes data (442 patients), as teaching posts write them: a line θ1·x + θ0 in the
body-mass index, and a plane θ2·x2 + θ1·x1 + θ0 in the body-mass index and a blood serum. What each run reaches is
compared with the solution that `np.linalg.lstsq` computes directly. Writes the
distances of all runs as a picture, `regression.png`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from rich import box
from rich.console import Console
from rich.progress import track
from rich.table import Table
from sklearn.datasets import load_diabetes

import chainrule as cr
from output import parse_arguments, whole_file

Theta = tuple[float, ...]
Columns = tuple[np.ndarray, ...]


def line_loss(theta: Theta, columns: Columns, target: np.ndarray) -> np.ndarray:
    """The mean squared error of θ1·x + θ0."""
    theta0, theta1 = theta
    (x,) = columns
    return np.mean((target - (theta1 * x + theta0)) ** 2)


def plane_loss(theta: Theta, columns: Columns, target: np.ndarray) -> np.ndarray:
    """The mean squared error of θ2·x2 + θ1·x1 + θ0."""
    theta0, theta1, theta2 = theta
    x1, x2 = columns
    return np.mean((target - (theta2 * x2 + theta1 * x1 + theta0)) ** 2)


@dataclass(frozen=True)
class Model:
    """A loss, and the columns of the data that it reads."""

    formula: str
    loss: Callable[[Theta, Columns, np.ndarray], np.ndarray]
    features: tuple[str, ...]


@dataclass(frozen=True)
class Method:
    """How many samples a step sees, how its step size shrinks, and how near least squares it must come.

    The step size in epoch e (from 0) is `first_step / (1 + decay · e)`. A full batch has an exact gradient and keeps
    its step; the others see noise, which only a shrinking step averages away.
    """

    name: str
    batch_size: int | None
    epochs: int
    first_step: float
    decay: float
    tolerance: float


MODELS = (
    Model("θ1·x + θ0", line_loss, ("bmi",)),
    Model("θ2·x2 + θ1·x1 + θ0", plane_loss, ("bmi", "s5")),
)
METHODS = (
    Method("full-batch", batch_size=None, epochs=60, first_step=0.35, decay=0.0, tolerance=1e-6),
    Method("mini-batch of 32", batch_size=32, epochs=60, first_step=0.05, decay=0.25, tolerance=1e-3),
    Method("stochastic", batch_size=1, epochs=40, first_step=0.005, decay=1.0, tolerance=1e-3),
)
QUICK_METHODS = (
    METHODS[0],
    Method("mini-batch of 32", batch_size=32, epochs=30, first_step=0.05, decay=0.25, tolerance=2e-3),
    Method("stochastic", batch_size=1, epochs=8, first_step=0.005, decay=1.0, tolerance=5e-3),
)


@dataclass(frozen=True)
class Run:
    """What gradient descent reached: θ, the number of steps, and the relative distance to least squares by epoch."""

    model: Model
    method: Method
    theta: Theta
    steps: int
    distances: tuple[float, ...]

    @property
    def reached(self) -> bool:
        """Whether the last distance is within the tolerance of the method."""
        return self.distances[-1] <= self.method.tolerance


def load(features: tuple[str, ...]) -> tuple[Columns, np.ndarray]:
    """The columns named, each with mean 0 and standard deviation 1, and the progression of the disease after a year."""
    diabetes = load_diabetes()
    columns = [diabetes.data[:, diabetes.feature_names.index(name)] for name in features]
    return tuple((column - column.mean()) / column.std() for column in columns), diabetes.target


def least_squares(columns: Columns, target: np.ndarray) -> np.ndarray:
    """θ0, θ1, … of the smallest squared error, without any descent."""
    return np.linalg.lstsq(np.column_stack([np.ones(len(target)), *columns]), target, rcond=None)[0]


def descend(model: Model, method: Method) -> Run:
    """Gradient descent from θ = 0; each epoch visits every sample once, in a new order."""
    columns, target = load(model.features)
    solution = least_squares(columns, target)
    gradient = cr.grad(model.loss)
    generator = np.random.default_rng(0)
    batch_size = method.batch_size or len(target)
    theta: Theta = (0.0,) * len(solution)
    steps = 0
    distances = []
    for epoch in range(method.epochs):
        step = method.first_step / (1 + method.decay * epoch)
        order = generator.permutation(len(target))
        for start in range(0, len(target), batch_size):
            batch = order[start : start + batch_size]
            slopes = gradient(theta, tuple(column[batch] for column in columns), target[batch])
            theta = tuple(value - step * slope for value, slope in zip(theta, slopes, strict=True))
            steps += 1
        distances.append(float(np.linalg.norm(np.array(theta) - solution) / np.linalg.norm(solution)))
    return Run(model, method, tuple(float(value) for value in theta), steps, tuple(distances))


def table(runs: list[Run]) -> Table:
    """One row for each run: where it ended, how far from least squares that is, and how far it may be."""
    result = Table(
        title="Gradient descent on the diabetes data", title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1)
    )
    result.add_column("model and method", no_wrap=True)
    for heading in ("steps", "θ0", "θ1", "θ2", "distance", "allowed"):
        result.add_column(heading, justify="right", no_wrap=True)
    result.add_column("", no_wrap=True)
    width = max(len(run.theta) for run in runs)
    for model in dict.fromkeys(run.model for run in runs):
        result.add_row(f"[bold]{model.formula}[/bold]")
        result.add_row("  least squares", "", *coefficients(least_squares(*load(model.features)), width))
        for run in (run for run in runs if run.model is model):
            mark = "[green]✓[/green]" if run.reached else "[red]✗[/red]"
            result.add_row(
                f"  {run.method.name}",
                str(run.steps),
                *coefficients(run.theta, width),
                f"{run.distances[-1]:.1e}",
                f"{run.method.tolerance:.0e}",
                mark,
            )
        result.add_section()
    return result


def coefficients(theta: Theta | np.ndarray, width: int) -> list[str]:
    """θ0, θ1, … as cells of the table, with empty ones for those that the model lacks."""
    return [f"{value:.2f}" for value in theta] + [""] * (width - len(theta))


def draw(runs: list[Run], path: Path) -> None:
    """The relative distance to least squares after each epoch, one panel for each model."""
    colours = ("#0b6fa4", "#c97b12", "#5b8c3a")
    style = {
        "font.size": 10.5,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "grid.color": "#e6e6e6",
        "axes.edgecolor": "#888888",
        "axes.axisbelow": True,
    }
    models = list(dict.fromkeys(run.model for run in runs))
    with mpl.rc_context(style):
        figure = Figure(figsize=(10, 4.2), layout="constrained")
        for axes, model in zip(figure.subplots(1, len(models), sharey=True), models, strict=True):
            for run, colour in zip((run for run in runs if run.model is model), colours, strict=True):
                epochs = np.arange(1, len(run.distances) + 1)
                axes.semilogy(
                    epochs, run.distances, color=colour, linewidth=2, label=f"{run.method.name}: {run.steps} steps"
                )
            axes.set_title(model.formula, loc="left", fontweight="bold")
            axes.set_xlabel("epoch")
        figure.axes[0].set_ylabel("distance to least squares, relative")
        figure.axes[-1].legend(frameon=False, loc="best")
        with whole_file(path) as unfinished:
            figure.savefig(unfinished, format="png", dpi=144)


def main(arguments: list[str] | None = None) -> int:
    """Run every method on every model and print the distances; 1 when one of them misses its tolerance."""
    options = parse_arguments(__doc__ or "", arguments)
    console = Console()
    pairs = [(model, method) for model in MODELS for method in (QUICK_METHODS if options.quick else METHODS)]
    runs = [descend(*pair) for pair in track(pairs, description="descending", console=console)]
    console.print(table(runs))
    picture = options.output / "regression.png"
    draw(runs, picture)
    console.print("The distance is ‖θ − θ of least squares‖ / ‖θ of least squares‖.", highlight=False)
    console.print(f"Distance by epoch: {picture}", highlight=False, soft_wrap=True)
    return 0 if all(run.reached for run in runs) else 1


if __name__ == "__main__":
    sys.exit(main())
