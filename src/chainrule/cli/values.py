"""Values for the arguments of a target: `name=value` on the command line, and data files, which are data and nothing else.

Numbers are floats, lists are arrays of floats, nested as the matrix is: `W=[[0.1, 0.5], [-0.3, 0.8]]`. A value may be
calculated from numbers (`x=1/3`). Files are .json (an object with a value for each name; its objects become dicts) and
.npz (arrays, with the dtypes that they have; pickles are refused).
"""

from __future__ import annotations

import json
import math
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from chainrule.cli.expression import Expression
from chainrule.cli.functions import CallError

DEEPEST = 64  # as many axes as an array can have


def values_of(words: Sequence[str]) -> dict[str, Any]:
    """The values of words such as `x=-2` and `W=[[1, 2], [3, 4]]`, by name.

    >>> values_of(["x=-2", "y=1/4"])
    {'x': -2.0, 'y': 0.25}
    """
    values: dict[str, Any] = {}
    for word in words:
        name, equals, text = word.partition("=")
        name = name.strip()
        if not equals or not name.isidentifier():
            raise CallError(f"{word!r} gives no variable a value. Write NAME=VALUE, such as x=-2 or W=[[1,2],[3,4]].")
        if name in values:
            raise CallError(f"{name} has two values. Write {name}=... once.")
        values[name] = _value(name, text)
    return values


def _value(name: str, text: str) -> Any:
    if not text.strip():
        raise CallError(f"{name}= has no value. Write a number, such as {name}=1.5, without a space before it.")
    try:
        expression = Expression.of(text)
    except CallError as error:
        raise CallError(f"{name}={_short(text)}: {error}") from None
    if expression.parameters:
        word = expression.parameters[0]
        if word.lower() in ("nan", "inf", "infinity"):
            raise CallError(f"{name}={_short(text)}: values are finite numbers. For NaN or infinity use an .npz file.")
        raise CallError(f"{name}={_short(text)}: a value is made of numbers, and {word} is a name. Write {name}=1.5.")
    try:
        with np.errstate(all="ignore"):
            value = expression.function()()
    except CallError as error:
        raise CallError(f"{name}={_short(text)}: {error}") from None
    except (ValueError, TypeError, ArithmeticError, IndexError) as error:
        raise CallError(f"{name}={_short(text)} cannot be calculated: {error}.") from None
    return _number_or_array(f"{name}={_short(text)}", value)


def _number_or_array(where: str, value: Any) -> Any:
    if not np.all(np.isfinite(value)):
        raise CallError(f"{where} is not finite. Give a finite number; for NaN or infinity use an .npz file.")
    return np.asarray(value, dtype=float) if np.ndim(value) else float(value)


def _short(text: str) -> str:
    return text if len(text) <= 40 else text[:37] + "..."


def inputs_of(path: Path) -> dict[str, Any]:
    """The values in a .json or .npz file, by name. Raises `CallError` for anything that is not plain numbers."""
    if path.suffix.lower() not in (".json", ".npz"):
        raise CallError(f"{path} is neither a .json nor an .npz file. Save the inputs as one of the two (numpy.savez).")
    try:
        return _from_json(path) if path.suffix.lower() == ".json" else _from_npz(path)
    except FileNotFoundError:
        raise CallError(f"There is no file {path}. Check the folder and the spelling.") from None
    except OSError as error:
        raise CallError(f"{path} cannot be read: {error.strerror or error}.") from None


# -- npz ---------------------------------------------------------------------------------------------------------------


def _from_npz(path: Path) -> dict[str, Any]:
    with path.open("rb"):
        pass  # so that a missing file is not taken for a damaged one
    if not zipfile.is_zipfile(path):
        raise CallError(
            f"{path} is no .npz file (it is not a zip archive). Write it with numpy.savez({str(path)!r}, x=x)."
        )
    values: dict[str, Any] = {}
    try:
        with np.load(path, allow_pickle=False) as archive:
            for name in archive.files:
                values[name] = _array(path, name, archive)
    except (zipfile.BadZipFile, EOFError, zipfile.error) as error:
        raise CallError(f"{path} is damaged: {error}. Write it again with numpy.savez.") from None
    return values


def _array(path: Path, name: str, archive: Any) -> Any:
    try:
        value = archive[name]
    except ValueError as error:
        if "allow_pickle" in str(error) or "pickled" in str(error):
            raise CallError(
                f"{name} in {path} is an array of Python objects, which is not read: such files can run code. "
                "Save arrays of numbers."
            ) from None
        raise CallError(f"{name} in {path} is damaged: {error}. Write the file again with numpy.savez.") from None
    if not isinstance(value, np.ndarray):
        raise CallError(f"{name} in {path} is no NumPy array. Write the file with numpy.savez.")
    if value.dtype.kind not in "fciub":
        raise CallError(f"{name} in {path} has dtype {value.dtype}, which is no number. Save arrays of numbers.")
    return value if value.ndim else value[()]


# -- JSON --------------------------------------------------------------------------------------------------------------


def _from_json(path: Path) -> dict[str, Any]:
    def refuse(constant: str) -> NoReturn:
        raise CallError(f"{path} contains {constant}, which is no number in JSON. Use an .npz file for such values.")

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for name in names if names.count(name) > 1)
            raise CallError(f"{path} gives {twice} two values. Keep one.")
        return found

    try:
        data = json.loads(path.read_text(encoding="utf-8-sig"), parse_constant=refuse, object_pairs_hook=unique)
    except UnicodeDecodeError:
        raise CallError(f"{path} is not text in UTF-8. Save it as UTF-8.") from None
    except json.JSONDecodeError as error:
        raise CallError(f"{path}, line {error.lineno}: this is not JSON ({error.msg}). Correct the line.") from None
    except RecursionError:
        raise CallError(f"{path} is nested too deeply. Lists nest as deep as the array has axes.") from None
    except ValueError:  # a whole number of thousands of digits
        raise CallError(f"{path} contains a number with too many digits. Write it with an exponent.") from None
    if not isinstance(data, dict):
        raise CallError(f'{path} is no JSON object. Write {{"x": -2, "W": [[1, 2], [3, 4]]}}: a value for each name.')
    return {name: _from_data(f"{name} in {path}", value, 0) for name, value in data.items()}


def _from_data(where: str, value: Any, depth: int) -> Any:
    if depth > DEEPEST:
        raise CallError(f"{where} is nested too deeply. Lists nest as deep as the array has axes.")
    if isinstance(value, bool):
        return value
    if isinstance(value, dict):
        return {key: _from_data(f"{key} of {where}", part, depth + 1) for key, part in value.items()}
    if isinstance(value, list):
        return _from_list(where, value)
    if isinstance(value, int | float):
        return _finite(where, value)
    kind = "null" if value is None else "text"
    raise CallError(f"{where} is {kind}. Values are numbers, lists of numbers, and objects of these.")


def _from_list(where: str, value: list[Any]) -> np.ndarray:
    shape = []
    level: list[Any] = [value]
    while level and isinstance(level[0], list):  # one axis at a time
        lengths = {len(part) if isinstance(part, list) else -1 for part in level}
        if len(lengths) > 1:
            raise CallError(f"{where} is ragged: its rows differ in length. Give each row the same length.")
        shape.append(lengths.pop())
        level = [item for part in level for item in part]
        if len(shape) > DEEPEST:
            raise CallError(f"{where} is nested too deeply. Lists nest as deep as the array has axes.")
    return np.array(list(_numbers(where, level)), dtype=float).reshape(shape)


def _numbers(where: str, items: Iterable[Any]) -> Iterable[float]:
    for item in items:
        if isinstance(item, list):
            raise CallError(f"{where} is ragged: its rows differ in length. Give each row the same length.")
        if isinstance(item, bool) or not isinstance(item, int | float):
            raise CallError(
                f"{where} contains {json.dumps(item)[:40]}, which is no number. Lists are lists of numbers."
            )
        yield _finite(where, item)


def _finite(where: str, value: float) -> float:
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise CallError(f"{where} is too large for a float. The largest is 1.8e308.")
    return number
