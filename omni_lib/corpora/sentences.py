"""The sentences of the embedded corpus: a small grammar that generates everyday English.

A rule is a name and its alternatives, separated by `|`; a `<name>` inside an alternative is replaced by a
random alternative of that rule. `Writer.expand("drink")` may give "a cup of tea". The rules respect meaning
as well as syntax: only food is cooked, and only a dog barks. `write_lines` joins one to four sentences of one
kind into an utterance. No sentence occurs twice, within a split or across splits.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from omni_lib.corpora.word_lists import (
    DATE_FORMS,
    GRAMMAR,
    MONTHS,
    NAMES_TO_SPELL,
    ORDINALS,
    SURNAMES_TO_SPELL,
    UNITS,
    YEARS,
)
from omni_lib.errors import UserError

CHAPTER_SAMPLES = ("hello world", "how are you", "the cat sat on the mat")

# The share of each kind in the utterances of a split. All others are of the kind free.
KIND_SHARES = {"digits": 0.10, "spelling": 0.08, "date": 0.09, "command": 0.09}

_RULES = {name: [option.strip() for option in options.split("|")] for name, options in GRAMMAR.items()}

# An utterance has one to four free sentences, dates or commands, but at most this number of letters and
# spaces, so that the slowest voice stays within ten seconds. Digits and spelled names come alone.
LONGEST_TEXT = 140
_SENTENCES_PER_UTTERANCE = {"free": (1, 2, 3, 3, 4), "date": (1, 2, 3), "command": (1, 2, 3, 3, 4)}
_MAX_ATTEMPTS = 2000  # repeated sentences in a row after which the grammar counts as exhausted


@dataclass(frozen=True)
class Line:
    """One utterance of the corpus: its split, its kind, and its one to four sentences."""

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
    in the train split, which is written first, and a test sentence is a new combination of known words.
    """

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
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
            "<([a-z_]+)>", lambda match: self._fill(self._deal(match[1], _RULES[match[1]])), template
        )

    def _deal(self, name: str, cards: Sequence[str]) -> str:
        deck = self._decks.setdefault(name, [])
        if not deck:
            deck += cards
            self._rng.shuffle(deck)
        return deck.pop()


def write_lines(counts: Mapping[str, int], seed: int) -> list[Line]:
    """The corpus' utterances, `counts[split]` of each split; no sentence occurs twice.

    The train split starts with the chapter's samples; after them the kinds are shuffled, so that any slice
    holds them all.

    Raises:
        UserError: `counts` needs more sentences of a kind than the grammar can generate.
    """
    rng = random.Random(seed)
    writer = Writer(rng)
    said = set(CHAPTER_SAMPLES)
    lines: list[Line] = []
    for split, count in counts.items():
        opening = CHAPTER_SAMPLES[:count] if split == "train" else ()
        lines += [Line(split, "free", (text,)) for text in opening]
        lines += [
            Line(split, kind, _sentences(writer, kind, said, rng))
            for kind in _kinds(count - len(opening), rng)
        ]
    return lines


def _sentences(writer: Writer, kind: str, said: set[str], rng: random.Random) -> tuple[str, ...]:
    """The sentences of one utterance, added to `said`."""
    sentences: list[str] = []
    for _ in range(rng.choice(_SENTENCES_PER_UTTERANCE.get(kind, (1,)))):
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
