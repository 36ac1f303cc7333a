"""The native benchmark's own logic: all contestants compute the same numbers, bounds are judged right, the page keeps. No timing."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # `benchmarks` is run from the project's root and is no installed package

from benchmarks import __main__ as command  # noqa: E402
from benchmarks import agreement, contest, timing  # noqa: E402
from benchmarks.native import fresh, judge, plot, problems, section, tables, with_numpy, worker  # noqa: E402
from benchmarks.native.contestant import Contestant  # noqa: E402
from benchmarks.native.works import FRESH, LIBRARIES, TITLES, WORKS  # noqa: E402
from benchmarks.worker import answer as answer_of  # noqa: E402

LIGHT = ("tiny", "digits", "sum6", "gmm3", "lstm", "transformer", "overhead", "moons")


def contestants(library, works=LIGHT):
    return [
        (work, name.partition(":")[2])
        for work in works
        for name in WORKS[work].contestants
        if name.partition(":")[0] == library
    ]


# -- the same numbers -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("work", sorted(with_numpy.DIFFERENTIATED))
def test_gradients_by_hand_are_those_of_the_formulas(work):
    assert with_numpy.directional_error(work) <= agreement.DIFFERENCE_TOLERANCE


@pytest.mark.parametrize(("work", "form"), contestants("ours"))
def test_chainrule_s_contestants_compute_the_reference_s_numbers(work, form):
    answer = answer_of(worker.Worker("ours"), {"do": "prepare", "work": work, "form": form, "warm_seconds": 0.0})
    assert answer.get("reason") is None
    assert answer["distance"] <= agreement.TOLERANCE
    assert answer["steps"] == (problems.TURNS[work] if form == "scan" else 1)


@pytest.mark.parametrize(("work", "form"), contestants("numpy"))
def test_numpy_s_contestants_run(work, form):
    contestant = with_numpy.build(work, form)
    assert worker.check(contestant, work, form) in (None, 0.0)
    contestant.run()


def test_a_contestant_with_other_numbers_is_not_timed():
    wrong = Contestant(lambda: None, lambda: [1.001 * array for array in with_numpy.reference("lstm", "")])
    with pytest.raises(agreement.DisagreementError, match="not timed"):
        worker.check(wrong, "lstm", "")
    missing = Contestant(lambda: None, lambda: with_numpy.reference("lstm", "")[:-1])
    with pytest.raises(agreement.DisagreementError, match="inf"):
        worker.check(missing, "lstm", "")


def test_an_epoch_begins_with_the_batch_of_the_single_step():
    inputs, targets = problems.mini_batches("digits")
    assert len(inputs) == len(targets) == problems.TURNS["digits"]
    first, answers = command.WORKS["digits"].data()
    assert np.array_equal(inputs[0], first)
    assert np.array_equal(targets[0], answers)
    assert not np.array_equal(inputs[1], inputs[0])


def test_first_calls_and_chains_are_compared_with_the_reference():
    assert fresh.first("ours", 0.0)["distance"] <= agreement.TOLERANCE
    assert fresh.first("numpy", 0.0)["distance"] == 0.0
    found = fresh.batches("ours", 0.0)
    assert len(found["seconds"]) == 20
    assert found["distance"] <= agreement.TOLERANCE


# -- bounds -----------------------------------------------------------------------------------------------------------
def entry(*samples):
    return {"samples": list(samples), "distance": 0.0, "ready": 1.0}


def works_of(contestants, others=0.0):
    return {name: {"others": others, "contestants": entries} for name, entries in contestants.items()}


def measured():
    return {
        "timed": {
            "default": works_of(
                {
                    "tiny": {
                        "ours": entry(1.0, 1.0, 1.0),
                        "ours:scan": entry(0.5, 0.5, 0.5),
                        "numpy": entry(4.0, 5.0, 6.0),
                        "torch": entry(90.0, 99.0, 98.0),
                        "torch:modules": entry(200.0, 201.0, 202.0),
                        "jax": entry(9.0, 10.0, 11.0),
                        "jax:awaited": entry(8.0, 8.0, 8.0),
                        "jax:scan": entry(2.0, 2.0, 2.2),
                    },
                    "sum6": {
                        "ours": entry(6.0, 6.0, 6.0),
                        "numpy:copy": entry(2.0, 2.0, 2.0),
                        "torch:copy": entry(1.0, 1.0, 1.0),
                        "numpy:floor": entry(5.0, 5.0, 5.0),
                        "jax": {"samples": [], "failed": "ValueError: no"},
                    },
                    "overhead": {"ours": entry(2e-6, 4e-6, 3.1e-6)},
                }
            ),
            "1": works_of({"tiny": {"ours": entry(1.0, 1.0, 1.0), "jax": entry(4.0, 4.0, 4.0)}}, others=1.0),
        },
        "fresh": {
            "first": {
                "answers": {
                    "ours": [{"call": 0.09, "process": 0.3, "second": 1e-4, "distance": 0.0}] * 2,
                    "ours, cached": [{"call": 0.03, "process": 0.2, "second": 1e-4, "distance": 0.0}],
                    "jax": [{"call": 0.3, "process": 1.0, "second": 1e-3, "distance": 0.0}],
                },
                "failed": {"torch": "ImportError: no"},
            },
            "chain": {"answers": {"ours": [{"call": 2.0, "second": 0.1, "distance": 0.0}]}, "failed": {}},
            "memory": {
                "answers": {
                    "ours digits": [{"growth": 10**6, "steady": 10**6, "reported": 10**5}],
                    "jax digits": [{"growth": 2 * 10**6, "steady": 2 * 10**6, "reported": 10**5}],
                },
                "failed": {},
            },
        },
        "absent": {"micrograd": "not installed"},
        "load": [0.1, 0.2],
    }


def test_bounds_are_judged_against_the_fastest_form_of_a_peer_and_the_slowest_floor():
    verdicts = {goal.claim: goal for goal in judge.judge(measured())}
    jax = verdicts["tiny: one call per step, over JAX jit"]
    assert (jax.figure.median, jax.verdict) == (1 / 8, "reached")
    torch = verdicts["tiny: one call per step, over PyTorch"]
    assert (torch.figure.median, torch.verdict) == (1 / 98, "not reached")
    assert verdicts["tiny: inside `scan`, over JAX scan"].verdict == "reached"
    floor = verdicts["sum6: over a copy of the same bytes, or over the arithmetic, whichever takes longer"]
    assert floor.figure.median == 6.0 / 5.0
    assert verdicts["sum6: over JAX"].verdict == "not measured"
    assert verdicts["overhead: a call with eight arrays"].verdict == "not reached"
    one_thread = {goal.claim: goal for goal in judge.judge(measured(), "1")}
    assert one_thread["tiny: one call per step, over JAX jit, machine busy"].figure.median == 1 / 4


def test_fresh_processes_are_judged():
    verdicts = {goal.claim: goal.verdict for goal in judge.fresh_goals(measured()["fresh"])}
    assert verdicts["first call of the digits step, over JAX's"] == "reached"
    assert verdicts["first call of the digits step"] == "reached"
    assert verdicts["first call of the digits step in a second process"] == "not reached"
    assert verdicts["first gradient of a chain of 9,000 operations, over JAX's"] == "not measured"
    assert verdicts["first gradient of a chain of 9,000 operations"] == "reached"
    assert verdicts["digits: peak memory, first call included, over JAX's"] == "reached"
    assert verdicts["digits: peak memory of the steps after the first, over PyTorch's"] == "not measured"


def test_every_bound_names_contestants_that_there_are():
    for bound in judge.bounds():
        known = WORKS[bound.work].contestants
        assert bound.above in known
        for names in (bound.below, *bound.floors):
            assert not names or set(names) & set(known)
    for work in WORKS.values():
        for name in work.contestants:
            assert name.partition(":")[0] in LIBRARIES
            assert name in TITLES


def test_tables_are_rectangular_and_small_ratios_are_written_as_parts():
    found = tables.grids(measured())
    for table in found:
        assert {len(row) for row in table.rows} == {len(table.columns)}
    bounds = {row[0]: row for row in found[0].rows}
    assert bounds["tiny: one call per step, over JAX jit"][1:] == ("≤ 1/8", "0.12 (0.12–0.12)", "reached")
    assert bounds["tiny: one call per step, over PyTorch"][1:3] == ("≤ 1/100", "1/98 (1/94–1/98)")
    told = " ".join(tables.remarks(measured()))
    assert "JAX jit on sum6 (threads: default) was not timed: ValueError: no." in told
    assert "micrograd was left out: not installed." in told
    assert tables.failed(measured())


# -- the page ---------------------------------------------------------------------------------------------------------
MACHINE = {"date": "2026-11-21", "system": "Linux", "processor": "A processor", "cores": 2}


def test_the_part_about_native_code_is_replaced_and_the_rest_kept():
    first = section.section(measured(), MACHINE, picture=True)
    page = section.put_into("# Benchmarks\n\nbefore\n", first)
    assert page.startswith("# Benchmarks\n\nbefore\n")
    again = section.put_into(page + "after\n", section.section(measured(), {**MACHINE, "cores": 64}, picture=False))
    assert again.count(section.BEGIN) == again.count(section.END) == 1
    assert "64 cores" in again
    assert "2 cores" not in again
    assert again.endswith("after\n")
    assert "| tiny: one call per step, over JAX jit | ≤ 1/8 |" in again


def test_the_picture_is_the_same_for_the_same_numbers(tmp_path):
    assert plot.draw(measured(), tmp_path / "one.svg")
    assert plot.draw(measured(), tmp_path / "two.svg")
    text = (tmp_path / "one.svg").read_text(encoding="utf-8")
    assert text == (tmp_path / "two.svg").read_text(encoding="utf-8")
    assert "in a scan" in text
    assert not plot.draw({"timed": {}, "fresh": {}}, tmp_path / "three.svg")
    assert not (tmp_path / "three.svg").exists()


def test_rows_of_the_picture_are_ratios_over_ours():
    rows = {row.label: row.ratios for row in plot.rows(measured())}
    assert rows[WORKS["tiny"].title]["JAX"] == 8.0
    assert rows[f"{WORKS['tiny'].title}, in a scan"] == {"JAX": 4.0}
    assert rows["peak memory, digits"] == {"JAX": 2.0}


# -- the command ------------------------------------------------------------------------------------------------------
def test_a_quick_run_of_one_work_writes_samples_and_no_page(tmp_path, capsys):
    samples, page = tmp_path / "samples.json", tmp_path / "page.md"
    choice = ["--measures", "native", "--works", "tiny,overhead", "--libraries", "numpy"]
    assert command.main(["--quick", *choice, "--json", str(samples), "--page", str(page)]) == 0, capsys.readouterr().out
    record = json.loads(samples.read_text(encoding="utf-8"))
    timed = record["measures"]["native"]["timed"]["default"]
    assert set(timed) == {"tiny", "overhead"}
    contestants = timed["tiny"]["contestants"]
    assert set(contestants) == {"numpy", "numpy:products"}
    assert len(contestants["numpy"]["samples"]) == contest.QUICK.rounds
    assert record["entries"] == []
    assert not page.exists()


def test_a_page_is_written_from_the_samples_of_a_whole_run(tmp_path):
    samples, page = tmp_path / "samples.json", tmp_path / "page.md"
    machine = {
        **MACHINE,
        "whole": False,
        "native_whole": True,
        "load": 0.1,
        "packages": {},
        "python": "3",
        "threads": 1,
    }
    samples.write_text(
        json.dumps({"machine": machine, "entries": [], "measures": {"native": measured()}}), encoding="utf-8"
    )
    page.write_text("# Benchmarks\n\nkept\n", encoding="utf-8")
    assert command.main(["--from", str(samples), "--page", str(page)]) == 1  # a contestant failed
    text = page.read_text(encoding="utf-8")
    assert "kept" in text
    assert section.HEAD in text
    assert (tmp_path / section.PICTURE).exists()


def test_names_are_taken_with_commas_and_without(capsys):
    chosen = command.arguments(["--works", "tiny,digits", "medium", "--measures", "native"])
    assert chosen.works == ["tiny", "digits", "medium"]
    for wrong in (["--works", "tiny,huge"], ["--libraries", "nobody"]):
        with pytest.raises(SystemExit) as ended:
            command.arguments(wrong)
        assert ended.value.code == 2
    assert "huge" in capsys.readouterr().err
    assert set(FRESH) <= set(command.ALL_WORKS)


def test_ratios_of_fresh_processes_need_both_sides():
    assert judge.of_medians([1.0, 3.0], [2.0]) == timing.Spread(1.0, 0.75, 1.25)
    assert judge.of_medians([], [2.0]) is None
