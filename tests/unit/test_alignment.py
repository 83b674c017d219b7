"""Forced alignment and the times of words."""

import pytest
import torch

from omni_lib.alignment import Word, best_path, word_times
from omni_lib.ctc import collapse
from omni_lib.errors import UserError
from omni_lib.text import BLANK, Vocabulary

VOCABULARY = Vocabulary()


def path_of(symbols: str) -> list[int]:
    return [BLANK if symbol == "_" else VOCABULARY.encode(symbol)[0] for symbol in symbols]


def sure_of(path: str) -> torch.Tensor:
    """log_probs (T, 29) in which one path has nearly all the probability."""
    logits = torch.zeros(len(path), 29)
    logits[torch.arange(len(path)), torch.tensor(path_of(path))] = 8.0
    return logits.log_softmax(-1)


@pytest.mark.parametrize("path", ["hhe_l_lo", "h_e_l_l_o_", "_hel_lo", "hel_lo", "__heeel_looo__"])
def test_the_best_path_is_the_most_probable_one(path):
    assert best_path(sure_of(path), VOCABULARY.encode("hello")) == path_of(path)


def test_the_path_spells_the_target_even_if_another_text_is_more_probable():
    """Here the second l, which the log-probabilities do not have."""
    aligned = best_path(sure_of("hheelloo"), VOCABULARY.encode("hello"))
    assert VOCABULARY.decode(collapse(aligned)) == "hello"


def test_an_empty_text_is_all_blank():
    assert best_path(sure_of("abc"), []) == [BLANK] * 3
    assert best_path(torch.zeros(0, 29), []) == []


def test_too_few_frames_are_refused():
    with pytest.raises(UserError, match="5 CTC frames are too few.*needs 6"):
        best_path(sure_of("hello"), VOCABULARY.encode("hello"))


def test_word_times_run_from_first_letter_to_last():
    assert word_times(path_of("_hhi__ _yo_o_"), VOCABULARY, 0.04) == [
        Word("hi", 0.04, 0.16),
        Word("yoo", 0.32, 0.48),
    ]


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("", []),
        ("____", []),
        ("  __ ", []),
        ("a", ["a"]),
        (" a_ _ b ", ["a", "b"]),
        ("aa_a", ["aa"]),
        ("a a", ["a", "a"]),
    ],
)
def test_words_of_a_path(path, words):
    assert [word.word for word in word_times(path_of(path), VOCABULARY, 0.08)] == words


@pytest.mark.parametrize(
    ("blanks", "words"), [(0, ["cathe"]), (12, ["cathe"]), (13, ["cat", "he"]), (400, ["cat", "he"])]
)
def test_a_pause_of_a_second_ends_a_word_without_a_space(blanks, words):
    found = word_times(path_of("cat" + "_" * blanks + "he"), VOCABULARY, 0.08)
    assert [word.word for word in found] == words


def test_eos_is_not_a_letter():
    eos = len(VOCABULARY) - 1
    path = [*path_of("a"), eos, *path_of("b"), eos]
    assert word_times(path, VOCABULARY, 1.0) == [Word("ab", 0.0, 3.0)]
