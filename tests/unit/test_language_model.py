"""The n-gram model is a probability distribution, and prefers what it has seen."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omni_lib.errors import UserError
from omni_lib.inference.language_model import END, ORDERS, START, UNKNOWN, estimate

SENTENCES = ["the cat sat", "the cat ran", "a dog ran", "the dog sat on the mat"]
sentences = st.lists(
    st.lists(st.sampled_from("abcd"), min_size=1, max_size=6).map(" ".join), min_size=1, max_size=12
)


@given(sentences, st.integers(1, 4), st.lists(st.sampled_from("abcdz"), max_size=4))
def test_after_any_history_the_probabilities_sum_to_one(texts, order, history):
    model = estimate(texts, order)
    words = [*model.words, END, UNKNOWN]
    assert sum(10 ** model.score((START, *history), word) for word in words) == pytest.approx(1, abs=1e-9)


def test_what_was_seen_is_likelier_than_what_was_not():
    model = estimate(SENTENCES)
    assert model.score((START, "the"), "cat") > model.score((START, "the"), "ran")
    assert model.score_sentence("the cat sat".split()) > model.score_sentence("sat cat the".split())


def test_a_bigram_by_hand():
    # After "a" only "dog" was seen, once: (1 + 1 · P(dog)) / (1 + 1). P(dog) = (2 + 9 / 10) / (19 + 9): 2
    # of 19 words and ends are "dog", 9 different ones were seen, and <unk> is the tenth of the
    # vocabulary.
    model = estimate(SENTENCES, order=2)
    single = (2 + 9 / 10) / (19 + 9)
    assert 10 ** model.score((START, "a"), "dog") == pytest.approx((1 + single) / 2)


def test_nothing_to_build_from_is_refused():
    with pytest.raises(UserError):
        estimate([])
    for order in (0, 7, -1):
        assert order not in ORDERS
        with pytest.raises(UserError, match=f"order is {order}: it must be from 1 to 6"):
            estimate(["a"], order)
    assert math.isfinite(estimate(["a"]).score_sentence(["a"]))
