"""*micrograd's one contestant: the step of its demo.*"""

from __future__ import annotations

from benchmarks import works as training
from benchmarks.native.contestant import Contestant, of_step
from benchmarks.peers import with_micrograd


def build(work: str, _: str) -> Contestant:
    return of_step(with_micrograd.build(training.WORKS[work]))
