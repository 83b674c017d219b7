"""The sentences of the embedded corpus: a small grammar that generates everyday English.

A rule is a name and its alternatives, separated by `|`; a `<name>` inside an alternative is replaced by a
random alternative of that rule. `Writer.expand("drink")` may give "a cup of tea". The rules respect meaning
as well as syntax: only food is cooked, and only a dog barks. `write_lines` joins sentences of one kind into
an utterance. No sentence of dev or test occurs twice, or in another split.

The first utterances of each split, `DEFAULT_COUNTS` of them, are frozen: they come from `GRAMMAR` alone. All
others come from a larger grammar, to which `MORE_GRAMMAR` adds words and sentences. A frozen training
utterance holds as many sentences as fit, and any other utterance one to four. With longer utterances, an
encoder makes fewer errors after the same time of training.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from omni_lib.corpora.word_lists import (
    DATE_FORMS,
    GRAMMAR,
    MONTHS,
    MORE_GRAMMAR,
    NAMES_TO_SPELL,
    ORDINALS,
    SURNAMES_TO_SPELL,
    UNITS,
    YEARS,
)
from omni_lib.errors import UserError

DEFAULT_COUNTS = {"train": 1000, "dev": 100, "test": 200}  # the frozen utterances of each split

CHAPTER_SAMPLES = ("hello world", "how are you", "the cat sat on the mat")

SAMPLES_EVERY = 50  # one of this many additional training utterances is one of the chapter's samples

# The share of each kind in the utterances of a split. All others are of the kind free.
KIND_SHARES = {"digits": 0.10, "spelling": 0.08, "date": 0.09, "command": 0.09}

Rules = Mapping[str, Sequence[str]]  # the alternatives of each rule


def _alternatives(options: str) -> list[str]:
    return [option.strip() for option in options.split("|") if option.strip()]


RULES: Rules = {name: _alternatives(options) for name, options in GRAMMAR.items()}
MORE_RULES: Rules = {
    name: _alternatives(GRAMMAR.get(name, "") + "|" + MORE_GRAMMAR.get(name, ""))
    for name in {**GRAMMAR, **MORE_GRAMMAR}
}

# An utterance has at most this number of letters and spaces, so that the slowest voice stays within ten
# seconds. Digits and spelled names come alone.
LONGEST_TEXT = 140
_SENTENCES_PER_UTTERANCE = {"free": (1, 2, 3, 3, 4), "date": (1, 2, 3), "command": (1, 2, 3, 3, 4)}
_AS_MANY_AS_FIT = {"free": (9,), "date": (9,), "command": (9,)}  # nine would be longer than `LONGEST_TEXT`
_MAX_ATTEMPTS = 2000  # repeated sentences in a row after which the grammar counts as exhausted


@dataclass(frozen=True)
class Line:
    """One utterance of the corpus: its split, its kind, and its sentences."""

    split: str  # train, dev or test
    kind: str  # free, digits, spelling, date or command
    sentences: tuple[str, ...]  # normalised: a-z and single spaces

    @property
    def text(self) -> str:
        """All its words, as in the manifest: the end of a sentence is not marked."""
        return " ".join(self.sentences)


class Writer:
    """Draws sentences from the grammar.

    The alternatives of a rule are used in random order, each once before any is repeated. So rare words occur
    in the train split, and a test sentence is a new combination of known words.
    """

    def __init__(self, rng: random.Random, rules: Rules = RULES) -> None:
        self._rng = rng
        self._rules = rules
        self._decks: dict[str, list[str]] = {}
        self.kinds: dict[str, Callable[[], str]] = {
            "free": lambda: self.expand("free"),
            "digits": self.digits,
            "spelling": self.spelling,
            "date": self.date,
            "command": lambda: self.expand("command"),
        }

    def expand(self, rule: str) -> str:
        """A random sentence of a grammar rule, with "a" turned into "an" before a vowel."""
        return re.sub(r"\ba (?=[aeio])", "an ", self._fill(f"<{rule}>"))

    def digits(self) -> str:
        """Four to ten digits said one by one, like a code or a telephone number."""
        return " ".join(self._rng.choice(UNITS) for _ in range(self._rng.randint(4, 10)))

    def spelling(self) -> str:
        """A name, or a name and a surname, said letter by letter: "m a r y f o x"."""
        names = [self._deal("name to spell", NAMES_TO_SPELL)]
        if self._rng.random() < 0.7:
            names.append(self._deal("surname to spell", SURNAMES_TO_SPELL))
        return " ".join("".join(names))

    def date(self) -> str:
        """A day, with its year, weekday or time of day, in one of the ways that people say it."""
        month, days = self._rng.choice(MONTHS)
        return self._deal("date", DATE_FORMS).format(
            weekday=self.expand("weekday"),
            clock=self.expand("clock"),
            month=month,
            ordinal=ORDINALS[self._rng.randrange(days)],
            year=self._rng.choice(YEARS),
        )

    def _fill(self, template: str) -> str:
        return re.sub(
            "<([a-z_]+)>", lambda match: self._fill(self._deal(match[1], self._rules[match[1]])), template
        )

    def _deal(self, name: str, cards: Sequence[str]) -> str:
        deck = self._decks.setdefault(name, [])
        if not deck:
            deck += cards
            self._rng.shuffle(deck)
        return deck.pop()


def write_lines(counts: Mapping[str, int], seed: int, texts: int | None = None) -> list[Line]:
    """The corpus' utterances, `counts[split]` of each split.

    The first of each split are the frozen ones, up to `DEFAULT_COUNTS[split]` of them. After them, train has
    utterances of the larger grammar, and at its end the chapter's samples again. No sentence is in two
    different texts, except that an additional training utterance may repeat one of a frozen one.

    Args:
        counts: number of utterances in each split.
        seed: of all random draws.
        texts: number of different texts in the training utterances after the frozen ones; they are used in
            turn. Default: every utterance has its own.

    Raises:
        UserError: `counts` needs more sentences of a kind than the grammar can generate.
    """
    _refuse_too_many(counts, texts)
    first_version = first_version_lines(seed)
    held_out = [line for line in first_version if line.split != "train"]
    frozen = _training_lines(seed, _sentences_of(held_out)) + held_out
    # Dev and test come first, so that their sentences do not depend on the size of train. The additional
    # training utterances are those of version 1, so they may repeat sentences of the frozen ones.
    said = _sentences_of(first_version + frozen)
    more = {
        split: _more_lines(split, counts.get(split, 0) - DEFAULT_COUNTS[split], seed, said, texts)
        for split in ("dev", "test")
    }
    said = _sentences_of([*first_version, *more["dev"], *more["test"]])
    more["train"] = _more_lines("train", counts.get("train", 0) - DEFAULT_COUNTS["train"], seed, said, texts)
    lines: list[Line] = []
    for split, count in counts.items():
        lines += [line for line in frozen if line.split == split][:count] + more[split]
    return lines


def _refuse_too_many(counts: Mapping[str, int], texts: int | None) -> None:
    """Refuse at once what the grammar cannot write; else its last sentences would be looked for in vain.

    Raises:
        UserError: more names would be spelled than there are.
    """
    more = {split: max(0, count - DEFAULT_COUNTS[split]) for split, count in counts.items()}
    if texts is not None and "train" in more:
        more["train"] = min(more["train"], texts)
    names = len(NAMES_TO_SPELL) * (1 + len(SURNAMES_TO_SPELL))
    if sum(more.values()) * KIND_SHARES["spelling"] > names:
        raise UserError(
            "the grammar has no more new sentences of the kind 'spelling': ask for fewer utterances, or give"
            " the number of different texts with --texts"
        )


def first_version_lines(seed: int) -> list[Line]:
    """The utterances of version 1, in the order of `DEFAULT_COUNTS`; later versions keep dev and test."""
    rng = random.Random(seed)
    writer = Writer(rng)
    said = set(CHAPTER_SAMPLES)
    lines: list[Line] = []
    for split in DEFAULT_COUNTS:
        lines += _lines_of_all_kinds(split, writer, said, rng, _SENTENCES_PER_UTTERANCE)
    return lines


def _training_lines(seed: int, said: set[str]) -> list[Line]:
    """The frozen training utterances, without the sentences in `said`, which grows."""
    rng = random.Random(f"train v3 {seed}")
    said.update(CHAPTER_SAMPLES)
    return _lines_of_all_kinds("train", Writer(rng), said, rng, _AS_MANY_AS_FIT)


def _sentences_of(lines: Iterable[Line]) -> set[str]:
    return {sentence for line in lines for sentence in line.sentences}


def _lines_of_all_kinds(
    split: str, writer: Writer, said: set[str], rng: random.Random, numbers: Mapping[str, Sequence[int]]
) -> list[Line]:
    """`DEFAULT_COUNTS[split]` utterances. Their kinds are shuffled, so that any slice holds them all.

    Train starts with the chapter's samples.
    """
    opening = CHAPTER_SAMPLES if split == "train" else ()
    lines = [Line(split, "free", (text,)) for text in opening]
    for kind in _kinds(DEFAULT_COUNTS[split] - len(opening), rng):
        lines.append(Line(split, kind, _sentences(writer, kind, said, rng, numbers)))
    return lines


def _more_lines(split: str, count: int, seed: int, said: set[str], texts: int | None) -> list[Line]:
    """`count` utterances by the larger grammar, without the sentences in `said`, which grows.

    The last of train are the chapter's samples again, for other voices: their words are rare.
    """
    samples = max(count, 0) // SAMPLES_EVERY if split == "train" else 0
    rng = random.Random(f"more {split} {seed}")
    writer = Writer(rng, MORE_RULES)
    kinds, shares = ["free", *KIND_SHARES], [1 - sum(KIND_SHARES.values()), *KIND_SHARES.values()]
    lines: list[Line] = []
    for index in range(count - samples):
        if split == "train" and texts is not None and index >= texts:
            lines.append(lines[index % texts])
        else:
            kind = rng.choices(kinds, shares)[0]
            sentences = _sentences(writer, kind, said, rng, _SENTENCES_PER_UTTERANCE)
            lines.append(Line(split, kind, sentences))
    lines += [
        Line(split, "free", (CHAPTER_SAMPLES[index % len(CHAPTER_SAMPLES)],)) for index in range(samples)
    ]
    return lines


def _sentences(
    writer: Writer, kind: str, said: set[str], rng: random.Random, numbers: Mapping[str, Sequence[int]]
) -> tuple[str, ...]:
    """The sentences of one utterance, added to `said`. Their number is drawn from `numbers[kind]`."""
    sentences: list[str] = []
    for _ in range(rng.choice(numbers.get(kind, (1,)))):
        text = _unsaid(writer.kinds[kind], kind, said)
        if sentences and len(" ".join([*sentences, text])) > LONGEST_TEXT:
            break
        said.add(text)
        sentences.append(text)
    return tuple(sentences)


def _kinds(count: int, rng: random.Random) -> list[str]:
    """A shuffled list of `count` kinds in the proportions of `KIND_SHARES`."""
    kinds = [kind for kind, share in KIND_SHARES.items() for _ in range(round(share * count))]
    kinds += ["free"] * (count - len(kinds))
    rng.shuffle(kinds)
    return kinds


def _unsaid(write: Callable[[], str], kind: str, said: set[str]) -> str:
    for _ in range(_MAX_ATTEMPTS):
        text = write()
        if text not in said:
            return text
    raise UserError(f"the grammar has no more new sentences of the kind '{kind}': ask for fewer utterances")
