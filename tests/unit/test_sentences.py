"""The sentences of the embedded corpus: proportions of the kinds, vocabulary, no repetition."""

import random
import re
from collections import Counter

import pytest

from omni_lib.corpora import sentences
from omni_lib.corpora.sentences import (
    CHAPTER_SAMPLES,
    DEFAULT_COUNTS,
    KIND_SHARES,
    LONGEST_TEXT,
    MORE_RULES,
    Line,
    Writer,
    write_lines,
)
from omni_lib.corpora.word_lists import GRAMMAR, MONTHS, MORE_GRAMMAR, NAMES_TO_SPELL, ORDINALS, UNITS
from omni_lib.errors import UserError
from omni_lib.text import normalise


@pytest.fixture(scope="module")
def lines() -> list[Line]:
    return write_lines(DEFAULT_COUNTS, seed=0)


@pytest.fixture(scope="module")
def many() -> list[Line]:
    """Three times as many training utterances as are frozen, and more of dev and test."""
    return write_lines({"train": 3000, "dev": 130, "test": 230}, seed=0)


def additional(lines: list[Line]) -> list[Line]:
    """What comes after the frozen utterances of each split."""
    return [
        line
        for split, frozen in DEFAULT_COUNTS.items()
        for line in [line for line in lines if line.split == split][frozen:]
    ]


def without_samples(lines: list[Line]) -> list[Line]:
    """The utterances but for the chapter's samples, which further voices repeat."""
    return [line for line in lines if line.text not in CHAPTER_SAMPLES]


def kind_of(sentence: str) -> str:
    """The kind of a single sentence, by its words alone."""
    words = sentence.split()
    if set(words) <= set(UNITS):
        return "digits"
    if all(len(word) == 1 for word in words):
        return "spelling"
    if {month for month, _ in MONTHS} & set(words):
        return "date"
    openings = {command.split()[0] for command in MORE_RULES["command"]}
    return "command" if words[0] in openings else "free"


def test_every_split_has_the_number_of_lines_asked_for(lines):
    assert Counter(line.split for line in lines) == DEFAULT_COUNTS


@pytest.mark.parametrize("written", ["lines", "many"])
def test_no_sentence_is_said_twice_in_the_frozen_training_utterances_or_in_all_others(written, request):
    lines = without_samples(request.getfixturevalue(written))
    parts = [lines[: DEFAULT_COUNTS["train"] - 3], lines[DEFAULT_COUNTS["train"] - 3 :]]
    for part in parts:
        sentences = [sentence for line in part for sentence in line.sentences]
        assert len(set(sentences)) == len(sentences)
        assert len({line.text for line in part}) == len(part)


@pytest.mark.parametrize("written", ["lines", "many"])
def test_no_sentence_of_dev_or_test_is_said_in_another_split(written, request):
    lines = request.getfixturevalue(written)
    said = {
        split: {sentence for line in lines if line.split == split for sentence in line.sentences}
        for split in DEFAULT_COUNTS
    }
    assert not said["train"] & (said["dev"] | said["test"]) and not said["dev"] & said["test"]


@pytest.mark.parametrize("written", ["lines", "many"])
def test_texts_are_normalised_and_hold_all_the_sentences(written, request):
    for line in request.getfixturevalue(written):
        assert all(sentence and sentence == normalise(sentence) for sentence in line.sentences)
        assert line.text == " ".join(line.sentences)


@pytest.mark.parametrize("written", ["lines", "many"])
def test_an_utterance_holds_sentences_of_its_own_kind_only(written, request):
    lines = request.getfixturevalue(written)
    assert not [line for line in lines if {kind_of(sentence) for sentence in line.sentences} != {line.kind}]


@pytest.mark.parametrize("split", ["dev", "test"])
def test_an_utterance_of_dev_and_test_holds_one_to_four_sentences(lines, split):
    several = numbers_of_sentences(lines, split)
    assert several["free"] == several["command"] == {1, 2, 3, 4} and several["date"] == {1, 2, 3}
    assert several["digits"] == several["spelling"] == {1}


def test_an_utterance_of_train_holds_as_many_sentences_as_fit_but_digits_and_names_come_alone(lines):
    train = [line for line in lines if line.split == "train"][len(CHAPTER_SAMPLES) :]
    several = numbers_of_sentences(train, "train")
    assert several["digits"] == several["spelling"] == {1}
    long = [line for line in train if line.kind not in ("digits", "spelling")]
    assert min(len(line.text) for line in long) > 0.5 * LONGEST_TEXT  # the next sentence did not fit
    assert min(len(line.sentences) for line in long) > 1


def numbers_of_sentences(lines: list[Line], split: str) -> dict[str, set[int]]:
    """For each kind, the numbers of sentences that an utterance of the split holds."""
    return {
        kind: {len(line.sentences) for line in lines if (line.split, line.kind) == (split, kind)}
        for kind in ("free", *KIND_SHARES)
    }


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


def test_free_sentences_average_seven_to_eight_words(lines):
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
    assert sum(everywhere) / len(everywhere) == pytest.approx(7.5, abs=0.1)
    for counts in words.values():  # dev and test are small
        assert sum(counts) / len(counts) == pytest.approx(7.5, abs=0.3)


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
    for rules in (GRAMMAR, {name: " ".join(options) for name, options in MORE_RULES.items()}):
        named = set(re.findall("<([a-z_]+)>", " ".join(rules.values())))
        assert named <= rules.keys()
        assert rules.keys() - named == {"free", "command"}  # the two that nothing else contains


def test_the_larger_grammar_adds_alternatives_and_repeats_none():
    for name, options in MORE_RULES.items():
        new = set(options) - {option.strip() for option in GRAMMAR.get(name, "").split("|")}
        assert new if name in MORE_GRAMMAR else not new
        if name in MORE_GRAMMAR and name != "person":  # a name is dealt more often than other persons
            added = [option.strip() for option in MORE_GRAMMAR[name].split("|")]
            assert sorted(added) == sorted(new)


@pytest.mark.parametrize("rules", [sentences.RULES, MORE_RULES], ids=["frozen", "larger"])
def test_articles_agree_with_the_next_word(rules):
    writer = Writer(random.Random(0), rules)
    texts = [writer.expand("free") for _ in range(3000)]
    assert not [text for text in texts if re.search(r"\ba [aeio]|\ban (?!hour)[^aeio]", text)]


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


def test_a_used_up_grammar_is_said_in_one_line(monkeypatch):
    few = {**MORE_RULES, "free": ["it rains"], "command": ["stop the music"]}
    monkeypatch.setattr(sentences, "MORE_RULES", few)
    with pytest.raises(UserError, match="no more new sentences of the kind '[a-z]+': ask for fewer"):
        write_lines({"train": 1100}, seed=0)


# --- more and fewer utterances than the frozen ones ---


@pytest.mark.parametrize(
    "counts", [{"train": 7, "dev": 2, "test": 3}, {"test": 5}, {"train": 1200, "dev": 100}]
)
def test_every_corpus_starts_with_the_frozen_utterances(lines, counts):
    written = write_lines(counts, seed=0)
    for split, count in counts.items():
        of_split = [line for line in written if line.split == split]
        frozen = [line for line in lines if line.split == split]
        assert len(of_split) == count and of_split[: len(frozen)] == frozen[:count]


def test_fewer_training_utterances_are_the_first_of_more(many):
    counts = {"train": 1500, "dev": 130, "test": 230}
    fewer = write_lines(counts, seed=0)
    assert fewer[:1490] == many[:1490] and fewer[1500:] == many[3000:]


def test_the_last_fiftieth_of_the_additional_training_utterances_repeats_the_samples(many):
    assert [line.text for line in many[2960:3000]] == [CHAPTER_SAMPLES[index % 3] for index in range(40)]
    assert not {line.text for line in many[3:2960]} & set(CHAPTER_SAMPLES)
    assert {line.split for line in many[2960:3000]} == {"train"}


def test_additional_utterances_have_the_same_kinds_and_more_words(lines, many):
    more = additional(many)
    assert len(more) == 2060
    kinds = Counter(line.kind for line in more)
    for kind, share in KIND_SHARES.items():
        assert kinds[kind] / len(more) == pytest.approx(share, abs=0.03)
    words = {word for line in lines for word in line.text.split()}
    new = {word for line in more for word in line.text.split()} - words
    assert len(new) > 200 and "grandmother" in new
    assert max(len(line.text) for line in more) <= LONGEST_TEXT


def test_texts_are_used_in_turn_in_the_additional_training_utterances(lines, many):
    written = write_lines({"train": 1500, "dev": 130, "test": 230}, seed=0, texts=200)
    assert written[:1000] == lines[:1000]
    assert written[1000:1200] == many[1000:1200]
    assert written[1200:1400] == written[1000:1200] and written[1400:1490] == written[1000:1090]
    assert written[1500:] == many[3000:]  # dev and test have their own


@pytest.mark.slow
def test_20000_utterances_do_not_use_the_grammar_up():
    written = write_lines({"train": 20000, "dev": 100, "test": 200}, seed=0)
    texts = [line.text for line in without_samples(written[DEFAULT_COUNTS["train"] :])]
    assert len(set(texts)) == len(texts) == 19300 - 380


def test_more_names_than_there_are_to_spell_are_refused_at_once(monkeypatch):
    monkeypatch.setattr(sentences, "_more_lines", None)  # nothing is drawn
    with pytest.raises(UserError, match="no more new sentences of the kind 'spelling': ask for fewer"):
        write_lines({"train": 1_000_000}, 0)
    monkeypatch.setattr(sentences, "_more_lines", lambda *arguments: [])
    assert write_lines({"train": 1_000_000}, 0, texts=1000)
