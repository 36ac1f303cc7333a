"""The worked examples are found in a checkout, keep their names in the graph, and are missed with a message."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import chainrule as cr
import worked
from chainrule.cli.functions import CallError
from chainrule.cli.worked import PACKAGE, worked_examples


def test_a_checkout_has_the_examples_and_their_names() -> None:
    found = worked_examples()
    assert found.FILES == worked.FILES
    one = found.example("a7_product_graph")
    assert one.program.__module__ == f"{PACKAGE}.a7_product_graph"
    names = [node.name for node in cr.trace(one.program, *one.points[0].values()) if node.inputs]
    assert names == ["q", "f", None, "L"]
    assert worked_examples() is found


def test_examples_that_are_not_there_are_missed_with_a_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, PACKAGE, None)  # as where it cannot be imported
    with pytest.raises(CallError, match=r"The worked examples are not installed. Install chainrule from its wheel"):
        worked_examples(tmp_path)
