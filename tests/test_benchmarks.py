"""The benchmarks' own logic: wrong numbers are caught, ratios are paired, tables are right. No timing is asserted."""

from __future__ import annotations

import io
import json
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from rich.console import Console

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # `benchmarks` is run from the project's root and is no installed package

from benchmarks import agreement, contest, goals, imports, page, peers, report, timing  # noqa: E402
from benchmarks.__main__ import main  # noqa: E402
from benchmarks.contest import Entry  # noqa: E402
from benchmarks.peers import by_hand, scalars_by_hand  # noqa: E402
from benchmarks.report import Results  # noqa: E402
from benchmarks.scalar_graph import random_graph  # noqa: E402
from benchmarks.worker import Worker  # noqa: E402
from benchmarks.works import WORKS  # noqa: E402

LIGHT_WORKS = [work for work in WORKS.values() if not work.heavy]
MACHINE = {
    "date": "2026-11-21 06:00 UTC",
    "processor": "A processor",
    "cores": 2,
    "system": "Linux x86_64",
    "python": "3.11.7",
    "packages": {"numpy": "2.4.6"},
    "blas": "openblas 0.3",
    "threads": 1,
    "load": 0.1,
    "whole": True,
}


class Altered:
    """The hand-written step with one of its answers changed."""

    def __init__(self, work, gradients=None, loss=None, update=None):
        self.step = by_hand.build(work)
        self.alter_gradients = gradients or (lambda arrays: arrays)
        self.alter_loss = loss or (lambda value: value)
        self.alter_update = update

    def loss_and_gradients(self):
        value, gradients = self.step.loss_and_gradients()
        return self.alter_loss(value), self.alter_gradients(gradients)

    def run(self):
        self.step.run()
        if self.alter_update:
            self.alter_update(self.step.values)

    def parameters(self):
        return self.step.parameters()


WRONG = {
    "off by a little": lambda arrays: [*arrays[:-1], arrays[-1] + 1e-7],
    "one missing": lambda arrays: arrays[:-1],
    "another shape": lambda arrays: [arrays[0].T, *arrays[1:]],
    "single precision": lambda arrays: [array.astype(np.float32) for array in arrays],
    "a NaN": lambda arrays: [np.full_like(arrays[0], np.nan), *arrays[1:]],
    "another sign": lambda arrays: [-array for array in arrays],
}


def drift(arrays):
    arrays[0] += 1e-7


# -- agreement --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("work", LIGHT_WORKS, ids=lambda work: work.name)
def test_a_step_agrees_with_itself(work):
    assert agreement.compare(Altered(work), by_hand.build(work)).worst == 0.0


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
@pytest.mark.parametrize("name", ["tiny", "moons"])
def test_a_wrong_gradient_is_caught(name, wrong):
    with pytest.raises(agreement.DisagreementError, match="gradients"):
        agreement.compare(Altered(WORKS[name], gradients=wrong), by_hand.build(WORKS[name]))


def test_a_wrong_loss_is_caught():
    with pytest.raises(agreement.DisagreementError, match="loss"):
        agreement.compare(Altered(WORKS["tiny"], loss=lambda value: value * (1 + 1e-7)), by_hand.build(WORKS["tiny"]))


def test_a_wrong_update_is_caught():
    with pytest.raises(agreement.DisagreementError, match="parameters"):
        agreement.compare(Altered(WORKS["tiny"], update=drift), by_hand.build(WORKS["tiny"]))


def test_a_reference_that_never_moves_is_refused():
    still = Altered(WORKS["tiny"])
    still.run = lambda: None
    with pytest.raises(agreement.DisagreementError, match="did not move"):
        agreement.compare(by_hand.build(WORKS["tiny"]), still)


@pytest.mark.parametrize("work", LIGHT_WORKS, ids=lambda work: work.name)
def test_the_reference_has_the_gradients_of_the_loss(work):
    reference = by_hand.build(work)
    assert reference.loss(reference.parameters()) == pytest.approx(reference.loss_and_gradients()[0], rel=1e-14)
    agreement.trust(reference, reference.loss)
    with pytest.raises(agreement.DisagreementError, match="central differences"):
        agreement.trust(Altered(work, gradients=lambda arrays: [1.00001 * array for array in arrays]), reference.loss)


def test_the_scalar_reference_has_the_gradients_of_the_graph():
    reference = scalars_by_hand.build(None)
    agreement.trust(reference, reference.loss)


def test_a_disagreeing_peer_is_reported_and_not_timed(monkeypatch):
    planted = SimpleNamespace(build=lambda work: Altered(work, gradients=WRONG["another sign"]))
    monkeypatch.setitem(sys.modules, "benchmarks.peers.planted", planted)
    monkeypatch.setitem(peers.PEERS, "planted", replace(peers.PEERS["by_hand"], name="planted"))
    worker = Worker("planted")
    answer = worker.answer({"do": "prepare", "work": "tiny", "warm_seconds": 0.0})
    assert (answer["ok"], answer["kind"]) == (False, "disagrees")
    assert not worker.answer({"do": "batch", "count": 1, "unmeasured": 0})["ok"]


def test_a_peer_that_raises_is_a_row_and_not_the_end(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "benchmarks.peers.planted", SimpleNamespace(build=lambda work: 1 / 0))
    monkeypatch.setitem(peers.PEERS, "planted", replace(peers.PEERS["by_hand"], name="planted"))
    answer = Worker("planted").answer({"do": "prepare", "work": "tiny", "warm_seconds": 0.0})
    assert answer == {"ok": False, "kind": "failed", "reason": "ZeroDivisionError: division by zero"}
    assert "ZeroDivisionError" in capsys.readouterr().err


# -- works ------------------------------------------------------------------------------------------------------------
def test_works_are_the_same_every_time_and_never_shared():
    for work in LIGHT_WORKS:
        first, second = work.parameters(), work.parameters()
        assert all(np.array_equal(one, other) for one, other in zip(first, second, strict=True))
        assert not any(np.shares_memory(one, other) for one, other in zip(first, second, strict=True))
        assert all(array.dtype == np.float64 for array in (*first, *work.data()))
        assert work.data()[0].shape == (work.batch, work.sizes[0])
    assert set(WORKS["moons"].data()[1].ravel()) == {-1.0, 1.0}


def test_the_scalar_graph_is_what_it_says():
    graph = random_graph(500, leaves=20)
    assert len(graph) == 500
    depth, read = [0] * len(graph.leaves), set()
    for operation, left, right in graph.instructions:
        assert operation in ("add", "multiply", "square", "relu")
        depth.append(1 + max(depth[left], depth[right]))
        read |= {left, right}
    assert read == set(range(len(depth) - 1)), "every value but the last is read, so every operation has a gradient"
    assert max(depth) < 100, "micrograd recurses once per level"
    assert random_graph(500, leaves=20) == graph


# -- timing -----------------------------------------------------------------------------------------------------------
def test_ratios_are_taken_within_a_round():
    noisy = timing.ratio([2.0, 4.0, 600.0], [1.0, 2.0, 300.0])
    assert (noisy.median, noisy.lower, noisy.upper) == (2.0, 2.0, 2.0)
    assert timing.ratio([1.0, 9.0, 2.0], [2.0, 3.0, 2.0]).median == 1.0
    with pytest.raises(ValueError, match="2 rounds against 1"):
        timing.ratio([1.0, 2.0], [1.0])


def test_spread_is_median_and_quartiles():
    assert timing.spread([5.0, 1.0, 2.0, 4.0, 3.0]) == timing.Spread(3.0, 2.0, 4.0)
    with pytest.raises(ValueError, match="no samples"):
        timing.spread([])


def test_a_batch_is_the_mean_of_its_calls_and_counts_right():
    calls = []
    assert timing.time_batch(lambda: calls.append(1), count=4, unmeasured=2) > 0.0
    assert len(calls) == 6
    assert timing.batch_size(0.01, 0.05) == 5
    assert timing.batch_size(3.0, 0.05) == 1


def test_turns_give_each_call_one_sample_a_round():
    seen = []
    samples = timing.in_turns([lambda: seen.append("a"), lambda: seen.append("b")], rounds=3, batch_seconds=0.0)
    assert [len(column) for column in samples] == [3, 3]
    # One call each to warm up, then batches of one call with one unmeasured call before: a b, b a, a b.
    assert "".join(seen) == "ab" + "aabb" + "bbaa" + "aabb"


def test_another_peer_begins_each_round():
    assert [contest.order(["a", "b", "c"], turn) for turn in range(3)] == [list("abc"), list("bca"), list("cab")]
    assert contest.order([], 4) == []


def test_threads_are_set_for_every_library_alike():
    environment = contest.worker_environment({"PYTHONPATH": "elsewhere", "OMP_NUM_THREADS": "7"}, threads=1)
    assert {environment[name] for name in contest.THREAD_VARIABLES} == {"1"}
    assert "intra_op_parallelism_threads=1" in environment["XLA_FLAGS"]
    assert environment["PYTHONPATH"].split(":")[0] == "elsewhere"
    assert "XLA_FLAGS" not in contest.worker_environment({}, threads=2)


# -- goals and tables -------------------------------------------------------------------------------------------------
def results(**changes):
    entries = [
        Entry("tiny", "ours", [3e-5, 1e-5, 2e-5], first=1e-3, distance=1e-16),
        Entry("tiny", "torch_eager", [6e-5, 2e-5, 8e-5]),
        Entry("tiny", "with_autograd", [6e-5, 2e-5, 4e-5]),
        Entry("tiny", "with_mygrad", status="skipped", reason="the package mygrad is not installed"),
        Entry("tiny", "jax_jit", status="disagrees", reason="gradients: 0.1 away"),
        Entry("scalars", "ours_scalars", [3e-2, 3e-2, 3e-2]),
        Entry("scalars", "with_micrograd", [2e-2, 2e-2, 2e-2]),
    ]
    measures = {
        "passes": {
            "tiny": {"forward": [1e-5] * 3, "recording": [2e-5] * 3, "backward": [2.5e-5] * 3, "whole": [4e-5] * 3}
        },
        "dispatch": {
            "exp": {"numpy": [3.0, 2.0, 4.0], "own": [2.0, 2.0, 2.0]},
            "sum": {"numpy": [1.0, 2.0, 2.0], "own": [2.0, 2.0, 2.0]},
        },
        "imports": {"numpy": [0.05] * 3, "import": [0.07, 0.08, 0.06]},
        "reading": {
            "capture": {
                "tiny": {
                    "operations": 8,
                    "recorded": [2.08e-5, 2.04e-5, 4.16e-5],
                    "without": [2e-5, 2e-5, 4e-5],
                    "again": [2.08e-5, 2.04e-5, 4.16e-5],
                }
            },
            "summary": {
                "loop": [
                    {"operations": 1000, "seconds": [0.1, 0.3, 0.2], "bytes": 500, "checked": 90},
                    {"operations": 10000, "seconds": [1.0, 1.6, 1.5], "bytes": 600, "checked": 900},
                ],
                "sines": [{"operations": 10000, "seconds": [2.5] * 3, "bytes": 600, "checked": 900}],
                "statements": [{"operations": 1000, "seconds": [0.1] * 3, "bytes": 600, "checked": 900}],
            },
            "trace": {"loop": {"recorded": [1e-3] * 3, "traced": [5e-3, 4e-3, 6e-3]}},
        },
    }
    return Results({**MACHINE, **changes}, entries, measures)


def verdicts():
    return {goal.claim: goal.verdict for goal in results().goals}


def test_goals_are_judged_by_the_median_and_honestly():
    judged = verdicts()
    assert judged["tiny: time over PyTorch eager's (leanest form)"] == "reached"
    assert judged["tiny: autograd's time over ours"] == "not reached"  # twice as fast where three times is the goal
    assert judged["scalar define-by-run, random graph: time per operation over micrograd's"] == "not reached"
    assert judged["tiny: backward pass over the recorded forward pass"] == "reached"
    assert judged["tiny: backward pass over plain NumPy's forward pass"] == "reached"
    assert judged["plain NumPy functions: time over our own functions'"] == "reached"
    assert judged["`import chainrule` over NumPy"] == "not reached"
    assert judged["tiny: names and lines over the recorded forward pass without them"] == "not reached"  # 4 per cent
    assert judged["loop: derivation of 10000 operations at summary level"] == "reached"
    assert judged["sines: derivation of 10000 operations at summary level"] == "not reached"
    assert judged["statements: derivation of 10000 operations at summary level"] == "not measured"
    assert judged["digits: autograd's time over ours"] == "not measured"
    assert judged["tiny: time over PyTorch eager's (modules and optimiser)"] == "not measured"


def test_a_bound_itself_reaches_the_goal_and_a_little_more_does_not():
    at = timing.Spread(1.0, 0.5, 2.0)
    assert goals.Goal("", at, 1.0).verdict == "reached"
    assert goals.Goal("", at, 1.0, at_most=False).verdict == "reached"
    assert goals.Goal("", timing.Spread(1.001, 0.5, 2.0), 1.0).verdict == "not reached"
    assert goals.Goal("", timing.Spread(0.999, 0.5, 2.0), 1.0, at_most=False).verdict == "not reached"


def test_dispatch_ratio_is_of_totals_and_not_of_means():
    figure = goals.dispatch_ratio(results().measures["dispatch"])
    assert (figure.lower, figure.median, figure.upper) == (1.0, 1.0, 1.25)  # (3+1)/4, (2+2)/4, (4+2)/4


def test_the_page_says_what_was_measured_and_what_was_not():
    text = page.page(results())
    assert "| tiny: autograd's time over ours | ≥ 3 | 2.00 (2.00–2.00) | not reached |" in text
    assert "| chainrule | 20.0 |" in text
    assert "| PyTorch eager | 2.00 (2.00–3.00) |" in text
    assert "| tiny | 10.0 | 20.0 | 25.0 | 40.0 | 2.50 (2.50–2.50) | 4.00 (4.00–4.00) |" in text
    assert "| chainrule, scalars | 3000 | 1.50 (1.50–1.50) |" in text
    assert "| then import chainrule | 70.00 ms (65.00–75.00) |" in text
    assert "| tiny | 8 | 20.8 | 20.0 | 4.00 % (3.00–4.00) | 0.00 % (0.00–0.00) | 100 |" in text
    assert "| loop | 10000 | 1.500 | 150 | 0.75 | 600 | 900 |" in text
    assert "| loop | 1 000 | 5 000 | 5.00 (4.50–5.50) |" in text.replace("\u202f", " ")
    assert "- MyGrad was left out: the package mygrad is not installed." in text
    assert "- JAX jit on tiny disagrees: gradients: 0.1 away." in text
    assert "| MyGrad | skipped |" in text
    assert "Other work was running" not in text
    assert "Other work was running" in page.page(results(load=1.7))
    for row in text.splitlines():
        if row.startswith("|"):
            assert row.endswith("|")


def test_a_part_of_the_works_is_judged_by_what_was_measured():
    text = page.page(results(whole=False))
    assert "not measured" not in text
    assert "not reached" in text


def test_every_table_is_rectangular():
    tables = report.grids(results())
    assert tables[0].title == "Goals"
    for table in tables:
        assert {len(row) for row in table.rows} == {len(table.columns)}


def test_the_same_samples_give_the_same_page():
    written = json.loads(json.dumps(results().as_dictionary()))
    assert page.page(Results.from_dictionary(written)) == page.page(results())


def test_the_terminal_shows_the_same_tables():
    console = Console(record=True, width=160, file=io.StringIO())
    report.print_tables(results(), console)
    shown = console.export_text()
    for table in report.grids(results()):
        assert table.title in shown
    assert "not reached" in shown
    assert "the package mygrad is not installed" in shown


def test_numbers_are_written_with_three_digits():
    assert [report.microseconds(value) for value in (1.234e-6, 12.34e-6, 123.4e-6, 1.2345)] == [
        "1.23", "12.3", "123", "1\u202f234\u202f500",
    ]  # fmt: skip
    assert report.number(0.996) == "1.00"
    assert report.number(150.4) == "150"


# -- the command ------------------------------------------------------------------------------------------------------
def test_a_quick_run_writes_samples_and_no_page(tmp_path, capsys):
    samples, written = tmp_path / "samples.json", tmp_path / "page.md"
    choice = ["--works", "tiny", "moons", "--peers", "by_hand", "ours"]
    code = main(["--quick", *choice, "--json", str(samples), "--page", str(written)])
    assert code == 0, capsys.readouterr().out
    record = json.loads(samples.read_text(encoding="utf-8"))
    timed = {(entry["work"], entry["peer"]): entry for entry in record["entries"]}
    assert set(timed) == {(work, peer) for work in ("tiny", "moons") for peer in ("by_hand", "ours")}
    for entry in timed.values():
        assert len(entry["samples"]) == contest.QUICK.rounds
        assert all(sample > 0.0 for sample in entry["samples"])
        assert entry["distance"] <= agreement.TOLERANCE
    assert not written.exists()
    assert main(["--from", str(samples), "--page", str(written)]) == 0
    assert not written.exists(), "samples of a part make no page either"
    record["machine"]["whole"] = True
    samples.write_text(json.dumps(record), encoding="utf-8")
    assert main(["--from", str(samples), "--page", str(written)]) == 0
    assert "NumPy by hand" in written.read_text(encoding="utf-8")


def test_the_scalar_engines_agree_with_plain_floats(tmp_path):
    samples = tmp_path / "samples.json"
    code = main(["--quick", "--works", "scalars", "moons", "--peers", "ours_scalars", "--json", str(samples)])
    entries = json.loads(samples.read_text(encoding="utf-8"))["entries"]
    assert code == 0
    assert [(entry["work"], entry["status"]) for entry in entries] == [("scalars", "timed"), ("moons", "timed")]


def test_the_measurements_of_chainrule_alone_run(tmp_path):
    samples = tmp_path / "samples.json"
    assert (
        main(["--quick", "--works", "tiny", "--peers", "--measures", "passes", "dispatch", "--json", str(samples)]) == 0
    )
    measures = json.loads(samples.read_text(encoding="utf-8"))["measures"]
    assert set(measures["passes"]["tiny"]) == {"forward", "recording", "backward", "whole"}
    assert len(measures["dispatch"]) == 30


def test_imports_are_measured_in_fresh_processes():
    samples = imports.measure(processes=2, module="colorsys")
    assert len(samples["import"]) == 2
    assert all(sample > 0.0 for sample in samples["import"] + samples["numpy"])
    with pytest.raises(RuntimeError, match="ModuleNotFoundError"):
        imports.measure(processes=1, module="no_such_module_anywhere")


def test_a_missing_peer_is_skipped_with_its_reason(monkeypatch):
    absent = replace(peers.PEERS["by_hand"], name="absent", package="no_such_package", distribution="no-such-package")
    monkeypatch.setitem(peers.PEERS, "absent", absent)
    entries = contest.run_works(["tiny"], ["absent"], contest.QUICK, threads=1)
    assert [(entry.status, entry.reason) for entry in entries] == [
        ("skipped", "the package no-such-package is not installed")
    ]
    assert not entries[0].bad


def test_a_worker_that_dies_is_reported():
    with contest.WorkerProcess("by_hand", threads=1) as worker:
        worker.process.kill()
        answer = worker.ask("release")
        assert (answer["ok"], answer["kind"]) == (False, "failed")
        assert "exit code" in answer["reason"]


@pytest.mark.parametrize(
    "wrong", [["--works", "huge"], ["--peers", "nobody"], ["--threads", "0"], ["--from", "no.json"]]
)
def test_a_wrong_call_ends_with_code_2(wrong, capsys):
    with pytest.raises(SystemExit) as ended:
        main(wrong)
    assert ended.value.code == 2
    assert "error" in capsys.readouterr().err
