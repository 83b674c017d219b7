"""For any texts, the counts of jiwer and of the solution are optimal, and optimal counts have one sum."""

from hypothesis import given
from hypothesis import strategies as st

from omni_lib.course.lessons.error_rate.judges import optimal_counts
from omni_lib.course.lessons.error_rate.solutions import character_error_rate, edit_counts
from omni_lib.metrics import character_errors, word_errors

texts = st.lists(st.sampled_from(["a", "b", "c", "dd"]), max_size=7)


@given(texts, texts)
def test_the_counts_of_jiwer_and_of_the_solution_are_optimal(reference, hypothesis):
    best = optimal_counts(reference, hypothesis)
    count = word_errors(" ".join(reference), " ".join(hypothesis))
    assert {sum(way) for way in best} == {count.errors}
    assert (count.substitutions, count.deletions, count.insertions) in best
    assert edit_counts(reference, hypothesis) in best
    assert all(
        insertions - deletions == len(hypothesis) - len(reference) for _, deletions, insertions in best
    )


@given(texts, texts)
def test_exchanging_the_texts_exchanges_deletions_and_insertions(reference, hypothesis):
    assert {(s, i, d) for s, d, i in optimal_counts(reference, hypothesis)} == optimal_counts(
        hypothesis, reference
    )


@given(texts.filter(bool), texts)
def test_the_character_error_rate_of_normalised_texts_is_jiwers(reference, hypothesis):
    said, heard = " ".join(reference), " ".join(hypothesis)
    assert abs(character_error_rate(said, heard) - character_errors(said, heard).rate) < 1e-12
