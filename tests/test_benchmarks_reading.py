"""What reading costs is measured with engines that differ in what is measured alone, on programs that are what they say."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # `benchmarks` is run from the project's root and is no installed package

from benchmarks import reading, variants  # noqa: E402
from benchmarks.__main__ import main  # noqa: E402
from benchmarks.losses import loss_of  # noqa: E402
from benchmarks.works import WORKS  # noqa: E402

LIGHT_WORKS = [work for work in WORKS.values() if not work.heavy]


def test_a_variant_is_another_engine_and_leaves_the_one_that_is_there_alone():
    before = {name: module for name, module in sys.modules.items() if variants.is_ours(name)}
    same, off = variants.load(), variants.load(variants.WITHOUT_NAMES_AND_LINES)
    assert {name: module for name, module in sys.modules.items() if variants.is_ours(name)} == before
    assert not any(isinstance(finder, variants.EditingFinder) for finder in sys.meta_path)
    assert same["chainrule.trace"] is not off["chainrule.trace"] is not before["chainrule.trace"]
    kept, dropped = (
        reading.recording(engine, lambda x: np.tanh(x) * x + x, np.ones(3))().node for engine in (same, off)
    )
    while kept.primitive.name != "input":
        assert kept.primitive.name == dropped.primitive.name
        assert np.array_equal(kept.value, dropped.value)
        assert (kept.code.co_filename, hasattr(dropped, "code")) == (__file__, False)
        kept, dropped = kept.inputs[0], dropped.inputs[0]
    assert dropped.primitive.name == "input"


def test_without_names_and_lines_gradients_are_the_same():
    engines = [variants.load(), variants.load(variants.WITHOUT_NAMES_AND_LINES)]
    for work in LIGHT_WORKS:
        loss, (inputs, targets) = loss_of(work, np), work.data()
        (value, gradients), (other_value, other_gradients) = (
            engine["chainrule"].value_and_grad(loss)(work.parameters(), inputs, targets) for engine in engines
        )
        assert value == other_value
        assert all(np.array_equal(one, other) for one, other in zip(gradients, other_gradients, strict=True))


def test_an_edit_that_does_not_fit_the_source_is_refused():
    edit = variants.Edit("chainrule.trace", "gone", "", 1)
    with pytest.raises(RuntimeError, match="'gone' 0 times instead of 1"):
        variants.edited("chainrule.trace", "here", [edit])
    assert variants.edited("chainrule.graph", "here", [edit]) == "here"
    with pytest.raises(RuntimeError, match=r"chainrule\.nowhere was not loaded"):
        variants.load([variants.Edit("chainrule.nowhere", "a", "b", 1)])
    assert "chainrule" in sys.modules, "what was there is back after an error"


def test_an_engine_that_keeps_its_places_is_no_variant():
    same = variants.load()
    with pytest.raises(RuntimeError, match="still keeps them"):
        reading.require_switched(same, same, np.sum, np.ones(3))


def test_the_programs_have_the_operations_they_claim(tmp_path):
    programs = reading.programs_of(120, tmp_path)
    for program in programs.values():
        assert np.isfinite(program(reading.START))
    text = reading.statements_text(120)
    assert text == reading.statements_text(120)
    assert len({line.split(" = ")[0] for line in text.splitlines() if " = " in line}) == 120
    with pytest.raises(RuntimeError, match="loop has 8 operations instead of 9"):
        reading.programs_of(9, tmp_path)


def test_reading_is_measured(tmp_path):
    samples = tmp_path / "samples.json"
    choice = ["--works", "tiny", "--peers", "--measures", "reading"]
    assert main(["--quick", *choice, "--json", str(samples)]) == 0
    found = json.loads(samples.read_text(encoding="utf-8"))["measures"]["reading"]
    assert set(found["capture"]["tiny"]) == {"operations", "recorded", "without", "again"}
    assert found["capture"]["tiny"]["operations"] == 8
    for program in ("loop", "sines", "statements"):
        assert [entry["operations"] for entry in found["summary"][program]] == [100, 200]
        assert all(entry["checked"] > 0 and min(entry["seconds"]) > 0.0 for entry in found["summary"][program])
        assert set(found["trace"][program]) == {"traced", "recorded"}
