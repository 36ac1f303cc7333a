"""HIPS/autograd's own test suite, run on chainrule.

The tests come from autograd's source archive, fetched when this runs; nothing of it is kept in this repository.
`autograd_shim` holds a package named `autograd`: our own code, which gives autograd's public names on top of chainrule.
The suite runs in a process of its own, where that package stands in autograd's place.
"""

import hashlib
import os
import subprocess
import sys
import tarfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from autograd_exceptions import EXCEPTIONS, SKIPPED

import chainrule

VERSION = "1.9.1"
SHA256 = "7818c5c69ddf9efb7da74097bd741a4c7920133f41966f68537223a15ef798bc"
COLLECTED = 631
GOAL = 600

SHIM = Path(__file__).parent / "autograd_shim"
SOURCES = Path(chainrule.__file__).parents[1]


def fetch(folder):
    """autograd's tests, from its source archive on the package index; kept in pytest's cache."""
    archive = folder / f"autograd-{VERSION}.tar.gz"
    if not archive.exists():
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:"]
        finished = subprocess.run(
            [*command, "--dest", str(folder), f"autograd=={VERSION}"], capture_output=True, text=True
        )
        if finished.returncode:
            pytest.fail(f"autograd's source archive could not be fetched from the package index:\n{finished.stderr}")
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    assert digest == SHA256, f"{archive} is not the archive we know: sha256 {digest}"
    tests = folder / f"autograd-{VERSION}" / "tests"
    if not tests.exists():
        with tarfile.open(archive) as opened:
            wanted = [member for member in opened.getmembers() if "/tests/" in member.name]
            opened.extractall(folder, wanted, filter="data")
    return tests


def run_on_shim(tests, *options):
    """pytest on a file or folder, in a process in which the shim stands in autograd's place."""
    settings = ["-q", "-p", "no:cacheprovider", "-c", os.devnull, f"--rootdir={SHIM.parent}"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(SHIM), str(SOURCES)]), "PYTEST_ADDOPTS": ""}
    command = [sys.executable, "-P", "-m", "pytest", *settings, *options, str(tests)]
    return subprocess.run(command, env=environment, capture_output=True, text=True)


@pytest.fixture(scope="module")
def outcomes(request, tmp_path_factory):
    """The outcome of each of their tests: 'passed', 'skipped', or the message of the failure."""
    tests = fetch(request.config.cache.mkdir("autograd"))
    report = tmp_path_factory.mktemp("autograd") / "report.xml"
    finished = run_on_shim(tests, f"--junitxml={report}")
    assert finished.returncode in (0, 1), finished.stdout + finished.stderr  # 1: some tests failed
    found = {}
    for case in ElementTree.parse(report).getroot().iter("testcase"):
        name = f"{case.get('classname').split('.')[-1]}::{case.get('name')}"
        problem = next((part for part in case if part.tag in ("failure", "error")), None)
        skipped = case.find("skipped") is not None
        found[name] = problem.get("message") if problem is not None else "skipped" if skipped else "passed"
    return found


def test_what_the_shim_writes_itself_has_scipy_s_values():
    finished = run_on_shim(SHIM / "test_values.py")
    assert finished.returncode == 0, finished.stdout


def test_the_whole_suite_ran(outcomes):
    assert len(outcomes) == COLLECTED


def test_as_many_pass_as_we_set_out_for(outcomes):
    passed = [name for name, outcome in outcomes.items() if outcome == "passed"]
    print(f"autograd {VERSION}: {len(passed)} of {len(outcomes)} pass")
    assert len(passed) >= GOAL


def test_every_failure_is_a_named_exception(outcomes):
    failed = {name: outcome for name, outcome in outcomes.items() if outcome not in ("passed", "skipped")}
    assert not {name: outcome for name, outcome in failed.items() if name not in EXCEPTIONS}


def test_every_named_exception_still_fails(outcomes):
    assert not [name for name in EXCEPTIONS if outcomes.get(name, "not there") in ("passed", "skipped", "not there")]


def test_only_the_tests_without_their_package_are_skipped(outcomes):
    assert {name for name, outcome in outcomes.items() if outcome == "skipped"} == set(SKIPPED)
