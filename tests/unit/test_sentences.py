"""What the embedded corpus says: proportions, vocabulary, freshness."""

import random
import re
from collections import Counter

import pytest

from omni_lib.corpora.sentences import CHAPTER_SAMPLES, KIND_SHARES, Line, Writer, write_lines
from omni_lib.corpora.synth import DEFAULT_COUNTS
from omni_lib.corpora.word_lists import GRAMMAR, MONTHS, ORDINALS, UNITS
from omni_lib.errors import UserError
from omni_lib.text import normalise


@pytest.fixture(scope="module")
def lines() -> list[Line]:
    return write_lines(DEFAULT_COUNTS, seed=0)


def test_every_split_has_the_number_of_lines_asked_for(lines):
    assert Counter(line.split for line in lines) == DEFAULT_COUNTS


def test_no_sentence_is_said_twice_in_or_across_splits(lines):
    assert len({line.text for line in lines}) == len(lines)


def test_texts_are_normalised(lines):
    assert [line.text for line in lines] == [normalise(line.text) for line in lines]


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


@pytest.mark.parametrize(("split", "tolerance"), [("train", 0.5), ("test", 0.5), ("dev", 0.7)])  # dev has only 64 free sentences
def test_free_sentences_average_seven_words(lines, split, tolerance):
    words = [len(line.text.split()) for line in lines if line.split == split and line.kind == "free"]
    assert sum(words) / len(words) == pytest.approx(7, abs=tolerance)


def test_the_vocabulary_is_rich_and_held_out_words_are_mostly_in_train(lines):
    words = {split: [word for line in lines if line.split == split for word in line.text.split()] for split in DEFAULT_COUNTS}
    train = set(words["train"])
    assert len([word for word in train if len(word) > 1]) >= 400  # the letters of spelled names do not count
    for split in ("dev", "test"):
        assert sum(word not in train for word in words[split]) / len(words[split]) < 0.02


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


def test_digits_are_four_to_eight():
    writer = Writer(random.Random(0))
    for _ in range(100):
        said = writer.digits().split()
        assert 4 <= len(said) <= 8 and set(said) <= set(UNITS)


def test_a_used_up_grammar_is_said_in_one_line():
    with pytest.raises(UserError, match="spelling.*fewer"):
        write_lines({"train": 5000}, seed=0)
