"""The sentences of the embedded corpus: proportions of the kinds, vocabulary, no repetition."""

import random
import re
from collections import Counter

import pytest

from omni_lib.corpora.sentences import CHAPTER_SAMPLES, KIND_SHARES, LONGEST_TEXT, Line, Writer, write_lines
from omni_lib.corpora.synth import DEFAULT_COUNTS
from omni_lib.corpora.word_lists import GRAMMAR, MONTHS, NAMES_TO_SPELL, ORDINALS, UNITS
from omni_lib.errors import UserError
from omni_lib.text import normalise


@pytest.fixture(scope="module")
def lines() -> list[Line]:
    return write_lines(DEFAULT_COUNTS, seed=0)


def kind_of(sentence: str) -> str:
    """The kind of a single sentence, by its words alone."""
    words = sentence.split()
    if set(words) <= set(UNITS):
        return "digits"
    if all(len(word) == 1 for word in words):
        return "spelling"
    if {month for month, _ in MONTHS} & set(words):
        return "date"
    openings = {command.split()[0] for command in GRAMMAR["command"].split("|")}
    return "command" if words[0] in openings else "free"


def test_every_split_has_the_number_of_lines_asked_for(lines):
    assert Counter(line.split for line in lines) == DEFAULT_COUNTS


def test_no_sentence_is_said_twice_in_an_utterance_in_a_split_or_across_splits(lines):
    sentences = [sentence for line in lines for sentence in line.sentences]
    assert len(set(sentences)) == len(sentences)
    assert len({line.text for line in lines}) == len(lines)


def test_texts_are_normalised_and_hold_all_the_sentences(lines):
    for line in lines:
        assert all(sentence and sentence == normalise(sentence) for sentence in line.sentences)
        assert line.text == " ".join(line.sentences)


def test_an_utterance_holds_sentences_of_its_own_kind_only(lines):
    assert not [line for line in lines if {kind_of(sentence) for sentence in line.sentences} != {line.kind}]


def test_an_utterance_holds_one_to_four_sentences_and_digits_and_names_come_alone(lines):
    several = {
        kind: {len(line.sentences) for line in lines if line.kind == kind} for kind in ("free", *KIND_SHARES)
    }
    assert several["free"] == several["command"] == {1, 2, 3, 4} and several["date"] == {1, 2, 3}
    assert several["digits"] == several["spelling"] == {1}


@pytest.mark.parametrize("split", DEFAULT_COUNTS)
def test_texts_spread_from_short_to_the_longest_that_fits(lines, split):
    lengths = sorted(len(line.text) for line in lines if line.split == split)
    assert 0.9 * LONGEST_TEXT < lengths[-1] <= LONGEST_TEXT
    assert lengths[len(lengths) // 10] < 30 and lengths[-len(lengths) // 4] > 70


def test_the_chapter_samples_come_first(lines):
    assert tuple(line.text for line in lines[:3]) == CHAPTER_SAMPLES
    assert {line.split for line in lines[:3]} == {"train"}


@pytest.mark.parametrize("split", DEFAULT_COUNTS)
def test_kinds_are_mixed_in_their_proportions(lines, split):
    kinds = Counter(line.kind for line in lines if line.split == split)
    total = sum(kinds.values())
    assert kinds["free"] >= 0.6 * total
    for kind, share in KIND_SHARES.items():
        assert kinds[kind] == pytest.approx(share * total, abs=1)


def test_free_sentences_average_about_seven_words(lines):
    words = {
        split: [
            len(s.split())
            for line in lines
            if (line.split, line.kind) == (split, "free")
            for s in line.sentences
        ]
        for split in DEFAULT_COUNTS
    }
    everywhere = sum(words.values(), [])
    assert sum(everywhere) / len(everywhere) == pytest.approx(7, abs=0.5)
    for counts in words.values():  # dev and test are small
        assert sum(counts) / len(counts) == pytest.approx(7, abs=0.7)


def test_the_vocabulary_is_rich_and_held_out_words_are_mostly_in_train(lines):
    words = {
        split: [word for line in lines if line.split == split for word in line.text.split()]
        for split in DEFAULT_COUNTS
    }
    train = set(words["train"])
    assert len([word for word in train if len(word) > 1]) >= 400  # the letters of spelled names do not count
    for split in ("dev", "test"):
        assert sum(word not in train for word in words[split]) / len(words[split]) < 0.01


def test_the_same_seed_writes_the_same_lines_and_another_does_not():
    counts = {"train": 50, "dev": 5, "test": 5}
    assert write_lines(counts, seed=3) == write_lines(counts, seed=3)
    assert write_lines(counts, seed=3) != write_lines(counts, seed=4)


def test_every_rule_that_is_named_exists_and_is_used():
    named = set(re.findall("<([a-z_]+)>", " ".join(GRAMMAR.values())))
    assert named <= GRAMMAR.keys()
    assert GRAMMAR.keys() - named == {"free", "command"}  # the two that nothing else contains


def test_articles_agree_with_the_next_word():
    writer = Writer(random.Random(0))
    texts = [writer.expand("free") for _ in range(3000)]
    assert not [text for text in texts if re.search(r"\ba [aeio]|\ban [^aeio]", text)]


def test_a_rule_deals_all_its_alternatives_before_any_again():
    writer = Writer(random.Random(0))
    weekdays = [writer.expand("weekday") for _ in range(14)]
    assert set(weekdays[:7]) == set(weekdays[7:]) and len(set(weekdays[:7])) == 7


def test_dates_exist():
    assert len(ORDINALS) == len(set(ORDINALS)) == 31
    assert len(MONTHS) == 12 and dict(MONTHS)["february"] == 28


def test_digits_are_four_to_ten():
    writer = Writer(random.Random(0))
    said = [writer.digits().split() for _ in range(300)]
    assert {len(digits) for digits in said} == set(range(4, 11))
    assert {digit for digits in said for digit in digits} == set(UNITS)


def test_names_are_spelled_letter_by_letter_with_and_without_a_surname():
    writer = Writer(random.Random(0))
    spelled = [writer.spelling() for _ in range(100)]
    assert all(re.fullmatch("[a-z]( [a-z])*", text) for text in spelled)
    alone = {" ".join(name) for name in NAMES_TO_SPELL}
    assert 15 < sum(text in alone for text in spelled) < 45


def test_a_used_up_grammar_is_said_in_one_line():
    with pytest.raises(UserError, match="no more new sentences of the kind '[a-z]+': ask for fewer"):
        write_lines({"train": 5000}, seed=0)  # commands give out first
