"""WER and CER against jiwer over whole corpora, and what an interval around a rate must satisfy."""

import jiwer
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omni_lib.metrics import ErrorCount, bootstrap_interval, character_errors, total, word_errors

WORDS = st.sampled_from(["a", "b", "ab", "cat", "dog"])
REFERENCES = st.lists(WORDS, min_size=1, max_size=8).map(" ".join)
HYPOTHESES = st.lists(WORDS, max_size=10).map(" ".join)
COUNTS = st.builds(ErrorCount, st.integers(0, 9), st.integers(0, 9), st.integers(0, 9), st.integers(1, 20))


@given(st.lists(st.tuples(REFERENCES, HYPOTHESES), min_size=1, max_size=6))
def test_corpus_rates_are_jiwers(pairs):
    references, hypotheses = [reference for reference, _ in pairs], [hypothesis for _, hypothesis in pairs]
    words = total([word_errors(reference, hypothesis) for reference, hypothesis in pairs])
    characters = total([character_errors(reference, hypothesis) for reference, hypothesis in pairs])
    assert words.rate == pytest.approx(jiwer.wer(references, hypotheses))
    assert characters.rate == pytest.approx(jiwer.cer(references, hypotheses))


def edit_distance(left: list[str], right: list[str]) -> int:
    """Levenshtein's recurrence, independent of jiwer."""
    row = list(range(len(right) + 1))
    for i, symbol in enumerate(left, 1):
        previous, row[0] = row[0], i
        for j, other in enumerate(right, 1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (symbol != other))
    return row[-1]


@given(REFERENCES, HYPOTHESES)
def test_errors_are_the_fewest_edits(reference, hypothesis):
    count = word_errors(reference, hypothesis)
    assert count.errors == edit_distance(reference.split(), hypothesis.split())
    assert count.reference == len(reference.split())
    assert len(hypothesis.split()) == count.reference - count.deletions + count.insertions
    assert character_errors(reference, hypothesis).errors == edit_distance(list(reference), list(hypothesis))


@given(st.lists(st.tuples(COUNTS, st.sampled_from("abcdefgh")), min_size=1, max_size=20), st.integers(0, 5))
def test_interval_holds_the_estimate(rows, seed):
    counts, groups = [count for count, _ in rows], [group for _, group in rows]
    low, high = bootstrap_interval(counts, groups, resamples=400, seed=seed)
    assert 0 <= low <= total(counts).rate <= high
