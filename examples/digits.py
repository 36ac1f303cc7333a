"""Handwritten digits, learned by a network in plain NumPy: the loss is a function, chainrule differentiates it.

Mini-batch gradient descent on scikit-learn's 1,797 images of 8 × 8 pixels, a quarter of them held out. Writes the
loss and the accuracy of each epoch as a picture, `digits.png`.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, PercentFormatter, StrMethodFormatter
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import chainrule as cr
from output import parse_arguments, whole_file

Parameters = dict[str, np.ndarray]

WANTED_ACCURACY = 0.97


def initial_parameters(generator: np.random.Generator, sizes: tuple[int, ...] = (64, 64, 10)) -> Parameters:
    """Weights of variance 1 / (number of inputs), biases of zero."""
    parameters: Parameters = {}
    for layer, (inputs, outputs) in enumerate(pairwise(sizes), start=1):
        parameters[f"W{layer}"] = generator.normal(scale=inputs**-0.5, size=(inputs, outputs))
        parameters[f"b{layer}"] = np.zeros(outputs)
    return parameters


def scores(parameters: Parameters, images: np.ndarray) -> np.ndarray:
    """One score for each image and each of the ten digits."""
    hidden = np.tanh(images @ parameters["W1"] + parameters["b1"])
    return hidden @ parameters["W2"] + parameters["b2"]


def loss(parameters: Parameters, images: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The mean cross-entropy between the softmax of the scores and the labels."""
    z = scores(parameters, images)
    z = z - np.max(z, axis=1, keepdims=True)
    log_probabilities = z - np.log(np.sum(np.exp(z), axis=1, keepdims=True))
    return -np.mean(log_probabilities[np.arange(len(labels)), labels])


def accuracy(parameters: Parameters, images: np.ndarray, labels: np.ndarray) -> float:
    """The share of images whose highest score stands at their label."""
    return float(np.mean(np.argmax(scores(parameters, images), axis=1) == labels))


@dataclass
class History:
    """What was measured after each epoch, on the images trained on and on those held out."""

    training_loss: list[float] = field(default_factory=list)
    held_out_loss: list[float] = field(default_factory=list)
    training_accuracy: list[float] = field(default_factory=list)
    held_out_accuracy: list[float] = field(default_factory=list)


def load() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Images scaled to 0 … 1 and their labels: those to train on, then the quarter held out."""
    digits = load_digits()
    training_images, held_out_images, training_labels, held_out_labels = train_test_split(
        digits.data / 16, digits.target, test_size=0.25, stratify=digits.target, random_state=0
    )
    return training_images, training_labels, held_out_images, held_out_labels


def train(epochs: int, batch_size: int = 16, learning_rate: float = 0.1, console: Console | None = None) -> History:
    """Mini-batch gradient descent from a fixed seed, with a progress bar."""
    training_images, training_labels, held_out_images, held_out_labels = load()
    generator = np.random.default_rng(0)
    parameters = initial_parameters(generator)
    loss_and_gradient = cr.value_and_grad(loss)
    history = History()
    columns = (
        TextColumn("training"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("epochs   loss {task.fields[loss]:.4f}   held-out accuracy {task.fields[accuracy]:.3f}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("training", total=epochs, loss=float("nan"), accuracy=float("nan"))
        for _ in range(epochs):
            order = generator.permutation(len(training_images))
            for start in range(0, len(order), batch_size):
                batch = order[start : start + batch_size]
                _, gradient = loss_and_gradient(parameters, training_images[batch], training_labels[batch])
                parameters = {name: value - learning_rate * gradient[name] for name, value in parameters.items()}
            history.training_loss.append(float(loss(parameters, training_images, training_labels)))
            history.held_out_loss.append(float(loss(parameters, held_out_images, held_out_labels)))
            history.training_accuracy.append(accuracy(parameters, training_images, training_labels))
            history.held_out_accuracy.append(accuracy(parameters, held_out_images, held_out_labels))
            progress.update(task, advance=1, loss=history.training_loss[-1], accuracy=history.held_out_accuracy[-1])
    return history


def draw(history: History, path: Path) -> None:
    """The loss and the accuracy of each epoch, side by side."""
    epochs = np.arange(1, len(history.training_loss) + 1)
    panels = (
        ("Cross-entropy loss", history.training_loss, history.held_out_loss, "{:.3f}"),
        ("Accuracy", history.training_accuracy, history.held_out_accuracy, "{:.1%}"),
    )
    style = {
        "font.size": 10.5,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "grid.color": "#e6e6e6",
        "axes.edgecolor": "#888888",
        "axes.axisbelow": True,
        "xtick.color": "#444444",
        "ytick.color": "#444444",
    }
    with mpl.rc_context(style):
        figure = Figure(figsize=(10, 4.2), layout="constrained")
        for axes, (title, training, held_out, form) in zip(figure.subplots(1, 2), panels, strict=True):
            for values, colour, name in ((training, "#8a8a8a", "trained on"), (held_out, "#0b6fa4", "held out")):
                axes.plot(
                    epochs, values, color=colour, linewidth=2, label=f"{name}, at the end {form.format(values[-1])}"
                )
            axes.set_title(title, loc="left", fontweight="bold")
            axes.set_xlabel("epoch")
            axes.set_xlim(1, max(epochs[-1], 2))
            axes.legend(frameon=False, loc="best")
        loss_axes, accuracy_axes = figure.axes
        loss_axes.set_yscale("log")
        loss_axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        loss_axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        loss_axes.yaxis.set_minor_formatter(NullFormatter())
        lowest = min(history.training_accuracy + history.held_out_accuracy)
        accuracy_axes.set_ylim(min(0.9, np.floor(20 * lowest) / 20), 1.002)
        accuracy_axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        accuracy_axes.axhline(WANTED_ACCURACY, color="#c0504d", linewidth=1, linestyle=(0, (4, 3)))
        accuracy_axes.annotate(
            f"wanted: {WANTED_ACCURACY:.0%}", (epochs[-1], WANTED_ACCURACY), xytext=(0, -4), textcoords="offset points",
            ha="right", va="top", color="#c0504d",
        )  # fmt: skip
        with whole_file(path) as unfinished:
            figure.savefig(unfinished, format="png", dpi=144)


def main(arguments: list[str] | None = None) -> int:
    """Train, say what was reached and where the picture is; 1 when the accuracy wanted was not reached."""
    options = parse_arguments(__doc__ or "", arguments)
    console = Console()
    started = time.perf_counter()
    history = train(epochs=40 if options.quick else 50, console=console)
    seconds = time.perf_counter() - started
    picture = options.output / "digits.png"
    draw(history, picture)
    reached = history.held_out_accuracy[-1]
    console.print(
        f"Held-out accuracy [bold]{reached:.4f}[/bold] (wanted: {WANTED_ACCURACY}) and loss "
        f"{history.held_out_loss[-1]:.4f} after {len(history.held_out_loss)} epochs in {seconds:.1f} s.",
        highlight=False, soft_wrap=True,
    )  # fmt: skip
    console.print(f"Loss and accuracy curves: {picture}", highlight=False, soft_wrap=True)
    return 0 if reached >= WANTED_ACCURACY else 1


if __name__ == "__main__":
    sys.exit(main())
