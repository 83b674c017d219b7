"""Lesson 03: searches that compute what the usual mistakes in a prefix search compute, each with a reply."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from omni_lib.decoding import log_add

Found = tuple[list[int], float]  # a text, and ln of its probability
Search = Callable[[Tensor, int], Found]
UNPRUNED = 10**6  # a beam that keeps every prefix


@dataclass(frozen=True)
class Rules:
    """A prefix search with a mistake in it; as it stands, without one.

    A word says from which ending the paths come: "blank", "letter", or "both"; None for no paths.
    """

    blank: str | None = "both"  # with a blank
    run: str | None = "letter"  # with the last letter of the prefix again, which goes on
    again: str | None = "blank"  # with the last letter of the prefix, which begins a new run
    other: str | None = "both"  # with another letter
    first: tuple[float, float] = (0.0, -math.inf)  # the two endings before the first frame
    merge: Callable[[float, float], float] = log_add
    total: Callable[[float, float], float] = log_add
    rank: Callable[[float, float], float] = log_add

    def search(self, log_probs: Tensor, beam: int) -> Found:
        """What such a function returns for log_probs (T, symbols)."""
        beams: dict[tuple[int, ...], list[float]] = {(): list(self.first)}
        for frame in log_probs.tolist():
            following: dict[tuple[int, ...], list[float]] = defaultdict(lambda: [-math.inf, -math.inf])
            for prefix, (blank, letter) in beams.items():
                ways = {"blank": blank, "letter": letter, "both": self.total(blank, letter), None: -math.inf}
                stays = following[prefix]
                stays[0] = self.merge(stays[0], ways[self.blank] + frame[0])
                if prefix:
                    stays[1] = self.merge(stays[1], ways[self.run] + frame[prefix[-1]])
                for symbol in range(1, len(frame)):
                    begins = self.again if prefix[-1:] == (symbol,) else self.other
                    longer = following[(*prefix, symbol)]
                    longer[1] = self.merge(longer[1], ways[begins] + frame[symbol])
            ranked = sorted(following.items(), key=lambda entry: self.rank(*entry[1]), reverse=True)
            beams = dict(ranked[:beam])
        text, ends = next(iter(beams.items()))
        return list(text), self.total(*ends)


def without_merging(log_probs: Tensor, beam: int) -> Found:
    """A search that keeps equal prefixes as several entries of a list."""
    beams: list[tuple[tuple[int, ...], float, float]] = [((), 0.0, -math.inf)]
    for frame in log_probs.tolist():
        following = []
        for prefix, blank, letter in beams:
            both = log_add(blank, letter)
            following.append((prefix, both + frame[0], letter + frame[prefix[-1]] if prefix else -math.inf))
            for symbol in range(1, len(frame)):
                begins = blank if prefix[-1:] == (symbol,) else both
                following.append(((*prefix, symbol), -math.inf, begins + frame[symbol]))
        beams = sorted(following, key=lambda entry: log_add(*entry[1:]), reverse=True)[:beam]
    text, *ends = beams[0]
    return list(text), log_add(*ends)


_RUN = (
    "Where a path ends in the last letter of its prefix, the same letter goes on with the run: no new letter."
)
_NEW_RUN = (
    "Where a path ends in a blank, the last letter of its prefix begins a new run: the prefix becomes longer."
)
SLIPS: tuple[tuple[Search, str], ...] = (
    (
        Rules(again="both").search,
        f"You begin a doubled letter from both endings. {_RUN} Only a blank between them makes two.",
    ),
    (
        Rules(again="letter").search,
        f"You begin a doubled letter from the wrong ending. {_RUN} {_NEW_RUN}",
    ),
    (Rules(again=None).search, f"Your search writes no doubled letter. {_NEW_RUN}"),
    (
        Rules(run="both").search,
        f"Your prefix also stays where a path ends in a blank and its last letter follows. {_NEW_RUN}",
    ),
    (
        Rules(run="both", again=None).search,
        f"Your search treats the last letter alike behind both endings. {_NEW_RUN}",
    ),
    (
        Rules(run=None, again="both").search,
        f"Your search treats the last letter alike behind both endings. {_RUN}",
    ),
    (Rules(run="blank", again="letter").search, f"You have exchanged the two endings. {_RUN} {_NEW_RUN}"),
    (Rules(run="blank").search, f"Your runs go on from the wrong ending. {_RUN}"),
    (Rules(run=None).search, f"In your search a run lasts one frame only. {_RUN}"),
    (
        Rules(blank="blank").search,
        "A blank may follow both endings. You let it follow a blank only, so that no blank ends a run.",
    ),
    (
        Rules(blank="letter").search,
        "A blank may follow both endings. You let it follow a letter only, so that no second blank comes.",
    ),
    (Rules(blank=None).search, "Your paths never go on with a blank: the prefix stays, and ends in a blank."),
    (
        Rules(other="letter").search,
        "Your search never leaves the empty text. Another letter may follow both endings, a blank too; and "
        "after each frame the prefixes must be sorted, the likeliest first.",
    ),
    (
        Rules(other="blank").search,
        "Another letter may follow both endings. You let it follow a blank only: from a to b none is needed.",
    ),
    (
        Rules(merge=max, total=max, rank=max).search,
        "You take the largest probability where paths meet, as for the likeliest path: add them (`log_add`).",
    ),
    (
        Rules(merge=max).search,
        "Where two ways lead to one prefix, you take the likelier one: add them (`log_add`).",
    ),
    (
        Rules(total=max, rank=max).search,
        "You take the larger of the two endings where both are wanted: add them (`log_add`).",
    ),
    (
        Rules(merge=lambda _, new: new).search,
        "Some prefixes are reached in two ways, such as ab from a and from ab. Your second way replaces the "
        "first: add it (`log_add`).",
    ),
    (
        without_merging,
        "Some prefixes are reached in two ways, such as ab from a and from ab. You keep them apart: one "
        "entry must hold both (a dict of prefixes).",
    ),
    (
        Rules(first=(0.0, 0.0)).search,
        "Before the first frame there is one path, the empty one, which counts as ending in a blank. You "
        "begin with both endings at a probability of one: the other must have -inf.",
    ),
    (
        Rules(rank=lambda blank, letter: letter).search,
        "You rank the prefixes by their paths that end in a letter: add both endings before you compare.",
    ),
    (
        Rules(rank=lambda blank, letter: blank).search,
        "You rank the prefixes by their paths that end in a blank: add both endings before you compare.",
    ),
    (
        Rules(rank=max).search,
        "You rank the prefixes by the likelier of their endings: add both endings before you compare.",
    ),
    (
        lambda log_probs, beam: Rules().search(log_probs, 1),
        "You keep one prefix after each frame, whatever `beam` says.",
    ),
    (
        lambda log_probs, beam: Rules().search(log_probs, UNPRUNED),
        "You keep more than `beam` prefixes after a frame.",
    ),
    (
        lambda log_probs, beam: Rules().search(log_probs, beam + 1),
        "You keep one more than `beam` prefixes after a frame.",
    ),
)
