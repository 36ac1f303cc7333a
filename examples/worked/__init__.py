"""The worked examples of teaching posts on backpropagation, in order; each file runs by itself and prints its derivation.

A file holds one program of ten lines or fewer, named like the file without its number, and what to derive: `TITLE` by
language, `POINT` (or several, `POINTS`) with a value for each argument, `WRT`, and where needed `OPTIONS` of `cr.derive`.
Its docstring says what it shows, in English and then in Korean.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILES = (
    "a1_shopping",
    "a2_square_of_a_sum",
    "a3_add_node",
    "a4_multiply_node",
    "a5_max_node",
    "a6_sigmoid_node",
    "a7_product_graph",
    "a8_composition",
    "a9_branching",
    "a10_memoisation",
    "a11_hinge_loss",
    "b1_slope_one_sample",
    "b2_slope_two_samples",
    "b3_slope_vectorised",
    "b4_line_one_sample",
    "b5_line_two_samples",
    "b6_line_vectorised",
    "b7_plane_one_sample",
    "b8_plane_two_samples",
    "b9_plane_vectorised",
    "b10_mean_squared_error",
    "b11_gradient_descent",
    "c1_sigmoid_network",
    "c1_sigmoid_network_matrices",
    "c2_norm_of_a_linear_map",
    "c3_network_with_l2",
    "c4_sigmoid",
    "c4_tanh",
    "c4_relu",
    "c4_leaky_relu",
    "c4_elu",
    "c4_maxout",
    "c5_three_layers",
)


@dataclass(frozen=True)
class Example:
    """One worked example: `cr.derive(program, *point.values(), wrt=wrt, **options)` for each of its points."""

    file: str
    number: str  # "A7", as in the table of worked examples
    title: Mapping[str, str]  # by language, "en" and "ko"
    about: Mapping[str, str]  # what it shows, by language
    program: Callable[..., Any]
    points: tuple[Mapping[str, Any], ...]
    wrt: tuple[str, ...]
    options: Mapping[str, Any]
    path: Path


def example(file: str) -> Example:
    """The example in a file of this folder, by the file's name without its ending.

    Raises `ModuleNotFoundError` where it needs a package that is not installed (c5 reads scikit-learn's digits).
    """
    module = importlib.import_module(f"{__name__}.{file}")
    number, _, name = file.partition("_")
    return Example(
        file=file,
        number=number.upper(),
        title=module.TITLE,
        about=dict(zip(("en", "ko"), (module.__doc__ or "").strip().split("\n\n"), strict=True)),
        program=getattr(module, name),
        points=tuple(module.POINTS) if hasattr(module, "POINTS") else (module.POINT,),
        wrt=module.WRT,
        options=getattr(module, "OPTIONS", {}),
        path=Path(module.__file__ or ""),
    )


def examples() -> Iterator[Example]:
    """All examples, in the order of the table."""
    return map(example, FILES)
