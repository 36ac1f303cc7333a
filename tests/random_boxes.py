"""Random boxes for the tests of the printers: every kind, nested in every way, sensible or not."""

from __future__ import annotations

from hypothesis import strategies as st

from chainrule.boxes import (
    Accent,
    Box,
    Fence,
    Fraction,
    Grid,
    Letter,
    Limits,
    Mark,
    Numeral,
    Prose,
    Root,
    Row,
    Scripts,
    Sign,
    Word,
)
from chainrule.explain.printing.characters import DELIMITERS_LATEX, GREEK_LATEX, LARGE_LATEX, SIGN_LATEX

LETTERS = st.sampled_from(
    [*"abdxyzWJL", *GREEK_LATEX, "loss", "total_loss", "dθ", "손실", "layers[0]", "params['a b']", "é"]
)
LEAVES: st.SearchStrategy[Box] = st.one_of(
    st.builds(Letter, LETTERS),
    st.builds(Word, st.sampled_from(["tanh", "max", "diag", "i", "in", "arg max", "log_softmax", "T"])),
    st.builds(Numeral, st.sampled_from(["0", "1", "2", "0.5", "-12", "1.2e-5", "-1e6", "∞", "-∞", "NaN", "6"])),
    st.builds(Sign, st.sampled_from(sorted(SIGN_LATEX)), st.sampled_from(["infix", "prefix", "atom"])),
    st.builds(Sign, st.sampled_from(sorted(LARGE_LATEX)), st.just("large")),
    st.builds(Prose, st.sampled_from(["if", "for every", "일 때", "50% of {x_1} & $y$ ^ \\ ~ #", "2×3 → θ²", ""])),
)


def _nested(inner: st.SearchStrategy[Box]) -> st.SearchStrategy[Box]:
    maybe = st.none() | inner
    delimiters = st.sampled_from(sorted(DELIMITERS_LATEX))
    rows = st.integers(1, 3).flatmap(
        lambda columns: st.lists(st.tuples(*[inner] * columns), min_size=0, max_size=3).map(tuple)
    )
    return st.one_of(
        st.builds(Row, st.lists(inner, max_size=4).map(tuple)),
        st.builds(Scripts, inner, maybe, maybe),
        st.builds(Limits, inner, maybe, maybe),
        st.builds(Fraction, inner, inner),
        st.builds(Root, inner, maybe),
        st.builds(Fence, inner, delimiters, delimiters),
        st.builds(Accent, inner, st.sampled_from(["hat", "bar", "tilde", "dot", "vec"])),
        st.builds(Grid, rows),
        st.builds(Mark, inner, st.text(max_size=3)),
    )


BOXES: st.SearchStrategy[Box] = st.recursive(LEAVES, _nested, max_leaves=12)
