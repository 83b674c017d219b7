"""The n-gram model is a probability distribution, survives its ARPA file, and prefers what it has seen."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omni_lib.errors import UserError
from omni_lib.inference.language_model import END, START, UNKNOWN, estimate, read_arpa, write_arpa

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
    # After "a" only "dog" was seen, once: (1 + 1 · P(dog)) / (1 + 1), and P(dog) = (2 + 9 / 10) / (19 + 9): of 19 words
    # and ends 2 are "dog", 9 different ones were seen, and <unk> is the tenth of the vocabulary.
    model = estimate(SENTENCES, order=2)
    single = (2 + 9 / 10) / (19 + 9)
    assert 10 ** model.score((START, "a"), "dog") == pytest.approx((1 + single) / 2)


def test_an_arpa_file_holds_the_same_model(tmp_path):
    model = estimate(SENTENCES)
    write_arpa(model, tmp_path / "lm.arpa")
    again = read_arpa(tmp_path / "lm.arpa")
    assert again.order == 3 and again.words == model.words
    for text in ("the cat sat on the mat", "a cat never ran", "mat"):
        assert again.score_sentence(text.split()) == pytest.approx(
            model.score_sentence(text.split()), abs=1e-4
        )


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "lacks <s>"),
        ("\\1-grams:\n-1.0\n", "line 2"),
        ("\\1-grams:\nmany\tword\n", "no number"),
        ("\\1-grams:\n-1\tword\n", "lacks <s>"),
    ],
)
def test_a_file_that_is_no_arpa_is_refused_in_one_line(tmp_path, text, complaint):
    (tmp_path / "lm.arpa").write_text(text)
    with pytest.raises(UserError, match=complaint) as refusal:
        read_arpa(tmp_path / "lm.arpa")
    assert "\n" not in str(refusal.value)


def test_a_missing_file_names_the_remedy(tmp_path):
    with pytest.raises(UserError, match="omni lm build"):
        read_arpa(tmp_path / "none.arpa")


def test_nothing_to_build_from_is_refused():
    with pytest.raises(UserError):
        estimate([])
    with pytest.raises(UserError):
        estimate(["a"], order=0)
    assert math.isfinite(estimate(["a"]).score_sentence(["a"]))
