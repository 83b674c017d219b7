"""Word and character error rates, and the interval around them."""

import math

import pytest

from omni_lib.metrics import NO_ERRORS, ErrorCount, bootstrap_interval, character_errors, total, word_errors


def test_the_chapters_example_is_two_errors_in_six_words():
    count = word_errors("the cat sat on the mat", "the cat on the hat")
    assert (count.substitutions, count.deletions, count.insertions, count.reference) == (1, 1, 0, 6)
    assert count.rate == pytest.approx(2 / 6)


@pytest.mark.parametrize(
    ("reference", "hypothesis", "expected"),
    [
        ("a b c", "a b c", (0, 0, 0, 3)),
        ("a b c", "", (0, 3, 0, 3)),
        ("a b c", "a x c", (1, 0, 0, 3)),
        ("a b", "a b c d", (0, 0, 2, 2)),
        ("", "a b", (0, 0, 2, 0)),
        ("", "", (0, 0, 0, 0)),
    ],
)
def test_word_errors(reference, hypothesis, expected):
    count = word_errors(reference, hypothesis)
    assert (count.substitutions, count.deletions, count.insertions, count.reference) == expected


def test_insertions_take_the_rate_past_one():
    assert word_errors("hello", "well hello to you").rate == 3.0


def test_no_reference_has_no_rate():
    assert math.isnan(word_errors("", "a").rate)
    assert math.isnan(NO_ERRORS.rate)


def test_character_errors_count_spaces():
    assert character_errors("ab cd", "abcd") == ErrorCount(0, 1, 0, 5)
    assert character_errors("", "ab") == ErrorCount(0, 0, 2, 0)


def test_the_corpus_rate_is_not_the_mean_of_the_rates():
    counts = [word_errors("a", "b"), word_errors("a b c d e f g h i", "a b c d e f g h i")]
    assert total(counts).rate == pytest.approx(0.1)
    assert total([]) == NO_ERRORS


def test_interval_is_the_same_at_every_call():
    counts = [ErrorCount(i % 3, 0, 0, 5) for i in range(20)]
    groups = [str(i % 6) for i in range(20)]
    assert bootstrap_interval(counts, groups) == bootstrap_interval(counts, groups)


def test_interval_draws_whole_groups():
    """Of two speakers, one is always right and one always wrong.

    Drawn by speaker, the interval is 0 to 1; drawn one by one, it would be narrow around one half.
    """
    counts = [ErrorCount(index % 2, 0, 0, 1) for index in range(100)]
    assert bootstrap_interval(counts, [str(index % 2) for index in range(100)]) == (0.0, 1.0)
    low, high = bootstrap_interval(counts, [str(index) for index in range(100)])
    assert 0.35 < low < 0.5 < high < 0.65


def test_one_group_has_no_spread():
    assert bootstrap_interval([ErrorCount(1, 0, 0, 4), ErrorCount(0, 0, 1, 4)], ["one", "one"]) == (
        0.25,
        0.25,
    )


def test_a_draw_of_speakers_without_a_word_has_no_rate_and_is_left_out():
    counts = [ErrorCount(0, 0, 1, 0), ErrorCount(0, 1, 0, 4)]
    low, high = bootstrap_interval(counts, ["silent", "speaking"])
    assert (low, high) == (0.25, 0.5)


@pytest.mark.parametrize("counts", [[], [ErrorCount(0, 0, 1, 0)]])
def test_without_a_reference_there_is_no_interval(counts):
    assert all(map(math.isnan, bootstrap_interval(counts, ["a"] * len(counts))))


def test_more_confidence_is_a_wider_interval():
    counts = [ErrorCount(index % 4, 0, 0, 5) for index in range(30)]
    groups = [str(index) for index in range(30)]
    narrow, wide = (
        bootstrap_interval(counts, groups, confidence=0.5),
        bootstrap_interval(counts, groups, confidence=0.99),
    )
    assert wide[0] < narrow[0] < narrow[1] < wide[1]


def test_counts_and_groups_belong_together():
    with pytest.raises(ValueError):
        bootstrap_interval([NO_ERRORS], ["a", "b"])
