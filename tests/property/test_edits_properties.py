"""The alignment that is shown is the one that is counted."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from omni_lib.course.edits import character_edits, word_edits
from omni_lib.metrics import character_errors, word_errors

WORDS = st.lists(st.sampled_from(["a", "b", "see", "the", "cat"]), max_size=12).map(" ".join)


@given(WORDS, WORDS)
def test_the_edits_are_those_that_are_counted(reference, hypothesis):
    for edits, count in (
        (word_edits(reference, hypothesis), word_errors(reference, hypothesis)),
        (character_edits(reference, hypothesis), character_errors(reference, hypothesis)),
    ):
        signs = Counter(edit.sign for edit in edits)
        assert (signs["S"], signs["D"], signs["I"]) == (
            count.substitutions,
            count.deletions,
            count.insertions,
        )
        assert signs["="] + signs["S"] + signs["D"] == count.reference


@given(WORDS, WORDS)
def test_the_edits_hold_both_texts(reference, hypothesis):
    words = word_edits(reference, hypothesis)
    assert " ".join(edit.reference for edit in words if edit.reference) == reference
    assert " ".join(edit.hypothesis for edit in words if edit.hypothesis) == hypothesis
    assert "".join(edit.reference for edit in character_edits(reference, hypothesis)) == reference
    for edit in words:
        assert (edit.sign == "=") == (edit.reference == edit.hypothesis)
        assert (edit.sign == "D") == (not edit.hypothesis) and (edit.sign == "I") == (not edit.reference)
