"""Words of a language model are spelt as the corpora spell them, or counted as left out."""

import math

import pytest

from omni_lib.errors import UserError
from omni_lib.inference.language_model import END, START, UNKNOWN, LanguageModel
from omni_lib.inference.lexicon import MOST_ALIKE, note_foreign_words, note_odd_probabilities, spellings


def model_of(*words: str) -> LanguageModel:
    probability = {(word,): -1.0 - place / 100 for place, word in enumerate([START, END, UNKNOWN, *words])}
    return LanguageModel(1, probability, {})


def spelt(*words: str) -> tuple[dict[str, str], list[str]]:
    lines: list[str] = []
    return spellings(model_of(*words), "lm.arpa", lines.append), lines


def test_words_in_a_to_z_stay_and_nothing_is_reported():
    assert spelt("hello", "world") == ({"hello": "hello", "world": "world"}, [])


def test_abbreviations_are_spelt_as_in_transcripts():
    assert spelt("mr", "vs")[0] == {"mr": "mister", "vs": "versus"}


def test_other_words_follow_the_rule_of_the_corpora_and_are_counted():
    lexicon, lines = spelt("HELLO", "don't", "café", "U.S.", "world", "7th", "ночь")
    assert lexicon == {
        "HELLO": "hello",
        "don't": "dont",
        "café": "cafe",
        "U.S.": "u s",
        "7th": "seventh",
        "world": "world",
    }
    (line,) = lines
    assert line.startswith("lm.arpa: of 7 words, 5 spelled by the rule for transcripts (")
    assert line.endswith("; 1 left out, because a-z cannot spell them (ночь)")


def test_a_word_without_letters_is_left_out():
    lexicon, lines = spelt("hello", "--", "<eps>", "#0")
    assert set(lexicon) == {"hello"}
    assert lines == ["lm.arpa: of 4 words, 3 left out, because a-z cannot spell them (#0, --, <eps>)"]


def test_of_many_words_with_one_spelling_the_likeliest_stay():
    alike = ["dont", "don't", "DONT", "Dont", "DON'T", "Don't", "don’t", "doNt"]
    lexicon, lines = spelt(*alike)
    assert list(lexicon) == alike[:MOST_ALIKE] and set(lexicon.values()) == {"dont"}
    assert "2 left out" in lines[0]


def test_a_model_of_another_alphabet_is_refused():
    with pytest.raises(
        UserError, match=r"lm\.arpa has no word that the letters a-z can spell \(день, ночь\)"
    ):
        spelt("день", "ночь")
    with pytest.raises(UserError, match="has no word"):
        spelt()


def test_a_model_of_other_words_is_noted_once():
    lines: list[str] = []
    note_foreign_words({"Bon": "bon", "U.S.": "u s"}, "lm.arpa", ["hello world", "hello"], lines.append)
    assert len(lines) == 1
    assert "lm.arpa: none of its words occurs in the 2 different words of the references" in lines[0]
    note_foreign_words({"bon": "bon", "Hello": "hello"}, "lm.arpa", ["hello world"], lines.append)
    note_foreign_words({"U.S.": "u s"}, "lm.arpa", ["the u s"], lines.append)
    note_foreign_words({"bon": "bon"}, "lm.arpa", [], lines.append)
    assert len(lines) == 1


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        (["▁hel", "lo", "▁world"], "word pieces, such as '▁hel'"),
        (["hel@@", "lo", "wor@@", "ld"], "word pieces, such as 'hel@@'"),
        (["hel", "##lo", "world"], "word pieces, such as '##lo'"),
        (["hel", "lo</w>", "wor", "ld</w>"], "word pieces, such as 'ld</w>'"),
        (["HH", "AH0", "L", "OW1", "ER1"], "phones, such as 'AH0'"),
        (["hh", "ah0", "l", "ow1", "er1"], "phones, such as 'ah0'"),
        ([*"helowrd", "|"], "letters"),
        ([*"helowrd", "<space>"], "letters"),
    ],
)
def test_a_model_of_pieces_or_letters_is_refused(words, kind):
    with pytest.raises(UserError, match=f"is a model of {kind}, and the decoder needs one of whole words"):
        spelt(*words)


def test_single_letters_and_one_odd_piece_are_words():
    assert set(spelt(*"philt")[0]) == set("philt")
    assert "▁x" not in spelt("▁x", *(letter * 2 for letter in "abcdefghij"))[0]


def test_a_model_of_letters_without_a_sign_for_the_space_is_noted():
    lexicon, lines = spelt(*"abcdefghij")
    assert len(lexicon) == 10
    assert lines == ["lm.arpa: all its words are single letters; unless people spell, take one of words"]


def test_a_few_words_like_phones_are_words():
    assert set(spelt("hh", "ah", "hello", "world", "oh")[0]) == {"hh", "ah", "hello", "world", "oh"}


def test_words_with_their_parts_of_speech_are_left_out():
    lexicon, lines = spelt("hello", "world/NN", "read/VB")
    assert set(lexicon) == {"hello"} and "2 left out" in lines[0]


@pytest.mark.parametrize(("factor", "noted"), [(1, False), (2.302585, True), (0.1, True), (0, True)])
def test_probabilities_that_do_not_add_up_are_reported(factor, noted):
    words = [UNKNOWN, END, *(f"{letter}{other}" for letter in "abcd" for other in "efgh")]
    probability = {(START,): -99.0} | {(word,): factor * math.log10(1 / len(words)) for word in words}
    lines: list[str] = []
    note_odd_probabilities(LanguageModel(1, probability, {}), "lm.arpa", lines.append)
    assert bool(lines) == noted and all("may not be logarithms of base 10" in line for line in lines)
    natural = any("but natural ones: multiply them by 0.43429" in line for line in lines)
    assert natural == (factor == 2.302585)


def test_a_model_without_back_off_weights_is_reported():
    grams = {(START,): -99.0, (UNKNOWN,): -1.0, (END,): -0.5, ("cab",): -0.24, (START, "cab"): -0.3}
    for backoff, noted in (({}, True), ({("cab",): -0.2}, False)):
        lines: list[str] = []
        note_odd_probabilities(LanguageModel(2, grams, backoff), "lm.arpa", lines.append)
        assert any("no back-off weights" in line for line in lines) == noted
