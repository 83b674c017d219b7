"""Lesson 03, prefix search: wrong answers, each with words of its reply, and other right ones."""

from __future__ import annotations

import math
from collections import defaultdict
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from omni_lib.course.lessons.ctc_alignment import solutions
from omni_lib.course.lessons.ctc_alignment.decoding_slips import Found, Rules, without_merging
from omni_lib.ctc import collapse
from omni_lib.decoding import log_add

Beams = dict[
    tuple[int, ...], tuple[float, float]
]  # prefix → what its paths have that end in a blank, a letter


def _greedy(log_probs: Tensor, beam: int) -> Found:
    return collapse(log_probs.argmax(dim=1).tolist()), float(log_probs.amax(dim=1).sum())


def _one_ending(log_probs: Tensor, beam: int) -> Found:
    """Keeps one number for each prefix: a letter behind the same letter always goes on with the run."""
    beams: dict[tuple[int, ...], float] = {(): 0.0}
    for frame in log_probs.tolist():
        following: dict[tuple[int, ...], float] = defaultdict(lambda: -math.inf)
        for prefix, score in beams.items():
            following[prefix] = log_add(following[prefix], score + frame[0])
            for symbol in range(1, len(frame)):
                longer = prefix if prefix[-1:] == (symbol,) else (*prefix, symbol)
                following[longer] = log_add(following[longer], score + frame[symbol])
        beams = dict(sorted(following.items(), key=lambda entry: entry[1], reverse=True)[:beam])
    text, score = max(beams.items(), key=lambda entry: entry[1])
    return list(text), score


def _keeps_the_blank(log_probs: Tensor, beam: int) -> Found:
    beams: dict[tuple[int, ...], float] = {(): 0.0}
    for frame in log_probs.tolist():
        following: dict[tuple[int, ...], float] = defaultdict(lambda: -math.inf)
        for prefix, score in beams.items():
            for symbol, share in enumerate(frame):
                longer = prefix if prefix[-1:] == (symbol,) else (*prefix, symbol)
                following[longer] = log_add(following[longer], score + share)
        beams = dict(sorted(following.items(), key=lambda entry: entry[1], reverse=True)[:beam])
    text, score = max(beams.items(), key=lambda entry: entry[1])
    return list(text), score


def _multiplies(log_probs: Tensor, beam: int) -> Found:
    beams: Beams = {(): (1.0, 0.0)}
    for frame in log_probs.exp().tolist():
        following: dict[tuple[int, ...], list[float]] = defaultdict(lambda: [0.0, 0.0])
        for prefix, (blank, letter) in beams.items():
            following[prefix][0] += (blank + letter) * frame[0]
            if prefix:
                following[prefix][1] += letter * frame[prefix[-1]]
            for symbol in range(1, len(frame)):
                begins = blank if prefix[-1:] == (symbol,) else blank + letter
                following[(*prefix, symbol)][1] += begins * frame[symbol]
        ranked = sorted(following.items(), key=lambda entry: sum(entry[1]), reverse=True)
        beams = {prefix: (blank, letter) for prefix, (blank, letter) in ranked[:beam]}
    text, ends = max(beams.items(), key=lambda entry: sum(entry[1]))
    return list(text), sum(ends)


def _multiplies_and_takes_the_log(log_probs: Tensor, beam: int) -> Found:
    text, probability = _multiplies(log_probs, beam)
    return text, math.log(probability)


def _multiplies_and_is_careful(log_probs: Tensor, beam: int) -> Found:
    text, probability = _multiplies(log_probs, beam)
    return text, math.log(probability) if probability else -math.inf


def _adds_with_exp(log_probs: Tensor, beam: int) -> Found:
    def add(left: float, right: float) -> float:
        return math.log(math.exp(left) + math.exp(right))

    return Rules(merge=add, total=add, rank=add).search(log_probs, beam)


def _subtracts_infinities(log_probs: Tensor, beam: int) -> Found:
    def add(left: float, right: float) -> float:
        larger = max(left, right)
        return larger + math.log(math.exp(left - larger) + math.exp(right - larger))

    return Rules(merge=add, total=add, rank=add).search(log_probs, beam)


def _adds_logarithms(log_probs: Tensor, beam: int) -> Found:
    """The endings, added as if they were probabilities, with zero for a prefix that is new."""
    beams: Beams = {(): (0.0, 0.0)}
    for frame in log_probs.tolist():
        following: dict[tuple[int, ...], list[float]] = defaultdict(lambda: [0.0, 0.0])
        for prefix, (blank, letter) in beams.items():
            following[prefix][0] += blank + letter + frame[0]
            for symbol in range(1, len(frame)):
                following[(*prefix, symbol)][1] += blank + letter + frame[symbol]
        ranked = sorted(following.items(), key=lambda entry: sum(entry[1]), reverse=True)
        beams = {prefix: (blank, letter) for prefix, (blank, letter) in ranked[:beam]}
    text, ends = max(beams.items(), key=lambda entry: sum(entry[1]))
    return list(text), sum(ends)


def _no_last_letter(log_probs: Tensor, beam: int) -> Found:
    beams: dict[tuple[int, ...], float] = {(): 0.0}
    for frame in log_probs.tolist():
        beams = {prefix: score + frame[prefix[-1]] for prefix, score in beams.items()}
    return max((list(prefix), score) for prefix, score in beams.items())


def _never_prunes(log_probs: Tensor, beam: int) -> Found:
    return Rules().search(log_probs, 10**9)


def _prunes_before_the_end_of_a_frame(log_probs: Tensor, beam: int) -> Found:
    """Each prefix may lead to `beam` others, so that there are more of them after every frame."""
    beams: Beams = {(): (0.0, -math.inf)}
    for frame in log_probs.tolist():
        likely = sorted(range(1, len(frame)), key=lambda symbol: frame[symbol], reverse=True)[:beam]
        following: dict[tuple[int, ...], list[float]] = defaultdict(lambda: [-math.inf, -math.inf])
        for prefix, (blank, letter) in beams.items():
            both = log_add(blank, letter)
            stays = following[prefix]
            stays[0] = log_add(stays[0], both + frame[0])
            if prefix:
                stays[1] = log_add(stays[1], letter + frame[prefix[-1]])
            for symbol in likely:
                longer = following[(*prefix, symbol)]
                begins = blank if prefix[-1:] == (symbol,) else both
                longer[1] = log_add(longer[1], begins + frame[symbol])
        beams = {prefix: (blank, letter) for prefix, (blank, letter) in following.items()}
    text, ends = max(beams.items(), key=lambda entry: log_add(*entry[1]))
    return list(text), log_add(*ends)


def _two_dicts(log_probs: Tensor, beam: int) -> Any:
    """One dict for each ending, in NumPy, with the two cases of a letter in an if and an else."""
    in_blank: dict[Any, Any] = {(): 0.0}
    in_letter: dict[Any, Any] = {(): -math.inf}
    for frame in log_probs.double().numpy():
        blanks: dict[Any, Any] = {}
        letters: dict[Any, Any] = {}
        for prefix in in_blank:
            blank, letter = in_blank[prefix], in_letter[prefix]
            both = np.logaddexp(blank, letter)
            blanks[prefix] = np.logaddexp(blanks.get(prefix, -np.inf), both + frame[0])
            for symbol, share in enumerate(frame[1:], start=1):
                longer = (*prefix, symbol)
                if prefix and symbol == prefix[-1]:
                    letters[prefix] = np.logaddexp(letters.get(prefix, -np.inf), letter + share)
                    letters[longer] = np.logaddexp(letters.get(longer, -np.inf), blank + share)
                else:
                    letters[longer] = np.logaddexp(letters.get(longer, -np.inf), both + share)
        sums = {
            prefix: np.logaddexp(blanks.get(prefix, -np.inf), letters.get(prefix, -np.inf))
            for prefix in blanks.keys() | letters.keys()
        }
        kept = sorted(sums, key=lambda prefix: -sums[prefix])[:beam]
        in_blank = {prefix: blanks.get(prefix, -math.inf) for prefix in kept}
        in_letter = {prefix: letters.get(prefix, -math.inf) for prefix in kept}
    return np.array(kept[0], dtype=int), sums[kept[0]]


def _by_recursion(log_probs: Tensor, beam: int) -> Any:
    """From the last frame backwards, with the endings of each frame's prefixes in a dict of tuples."""
    frames = log_probs.tolist()

    @cache
    def after(number: int) -> dict[tuple[int, ...], tuple[float, float]]:
        if number == 0:
            return {(): (0.0, -math.inf)}
        frame, before = frames[number - 1], after(number - 1)
        reached = set(before) | {(*prefix, symbol) for prefix in before for symbol in range(1, len(frame))}
        found = {prefix: ends(prefix, before, frame) for prefix in reached}
        kept = sorted(found, key=lambda prefix: log_add(*found[prefix]), reverse=True)[:beam]
        return {prefix: found[prefix] for prefix in kept}

    def ends(prefix: tuple[int, ...], before: Any, frame: list[float]) -> tuple[float, float]:
        blank, letter = before.get(prefix, (-math.inf, -math.inf))
        if not prefix:
            return log_add(blank, letter) + frame[0], -math.inf
        shorter = before.get(prefix[:-1], (-math.inf, -math.inf))
        begins = shorter[0] if prefix[-2:-1] == prefix[-1:] else log_add(*shorter)
        return log_add(blank, letter) + frame[0], log_add(letter, begins) + frame[prefix[-1]]

    for number in range(len(frames)):  # so that no recursion is deep
        after(number)
    text, both = next(iter(after(len(frames)).items()))
    return text, torch.tensor(both).logsumexp(dim=0)


def _in_single_precision(log_probs: Tensor, beam: int) -> Any:
    text, score = solutions.prefix_search(log_probs.float(), beam)
    return torch.tensor(text), np.float32(score)


WRONG: dict[str, list[tuple[Any, str]]] = {
    "prefix_search": [
        (_greedy, "as for the likeliest path"),
        (_one_ending, "treats the last letter alike behind both endings"),
        (_keeps_the_blank, "your text contains the blank"),
        (Rules(again="both").search, "You begin a doubled letter from both endings"),
        (Rules(again="letter").search, "You begin a doubled letter from the wrong ending"),
        (Rules(again=None).search, "Your search writes no doubled letter"),
        (Rules(run="both").search, "also stays where a path ends in a blank"),
        (Rules(run=None).search, "a run lasts one frame only"),
        (Rules(run=None, again="both").search, "treats the last letter alike"),
        (Rules(run="blank", again="letter").search, "You have exchanged the two endings"),
        (Rules(blank="blank").search, "You let it follow a blank only"),
        (Rules(blank="letter").search, "no second blank comes"),
        (Rules(other="letter").search, "Your search never leaves the empty text"),
        (Rules(other="blank").search, "from a to b none is needed"),
        (Rules(merge=max, total=max, rank=max).search, "as for the likeliest path: add them"),
        (Rules(merge=max).search, "you take the likelier one"),
        (Rules(total=max, rank=max).search, "the larger of the two endings"),
        (Rules(merge=lambda _, new: new).search, "Your second way replaces the first"),
        (without_merging, "You keep them apart"),
        (Rules(first=(0.0, 0.0)).search, "both endings at a probability of one"),
        (Rules(rank=lambda blank, letter: letter).search, "by their paths that end in a letter"),
        (Rules(rank=lambda blank, letter: blank).search, "by their paths that end in a blank"),
        (Rules(rank=max).search, "by the likelier of their endings"),
        (_never_prunes, "and keep only `beam` of them"),
        (_prunes_before_the_end_of_a_frame, "keep the prefixes that are likeliest"),
        (lambda log_probs, beam: Rules().search(log_probs, beam + 1), "one more than `beam`"),
        (_multiplies, "its logarithm is wanted"),
        (_multiplies_and_takes_the_log, "add with `log_add`"),
        (_multiplies_and_is_careful, "add their logarithms"),
        (_adds_with_exp, "add with `log_add`"),
        (_subtracts_infinities, "take -inf from -inf"),
        (_adds_logarithms, "add their probabilities"),
        (_no_last_letter, "The empty prefix has no last letter"),
        (lambda log_probs, beam: solutions.prefix_search(log_probs, beam)[0], "are wanted; your function"),
        (lambda log_probs, beam: solutions.prefix_search(log_probs, beam)[::-1], "class indices is wanted"),
        (
            lambda *given: (
                [symbol + 0.5 for symbol in solutions.prefix_search(*given)[0]],
                solutions.prefix_search(*given)[1],
            ),
            "class indices is wanted",
        ),
        (lambda log_probs, beam: solutions.prefix_search(log_probs, 1), "You keep one prefix"),
        (
            lambda *given: ("".join("_ ab"[k] for k in solutions.prefix_search(*given)[0]), 0.0),
            "class indices is wanted",
        ),
        (
            lambda *given: (solutions.prefix_search(*given)[0], -solutions.prefix_search(*given)[1]),
            "returns minus the logarithm",
        ),
    ],
}

OTHER_RIGHT: dict[str, list[Any]] = {
    "prefix_search": [
        _two_dicts,
        _by_recursion,
        _in_single_precision,
        Rules(first=(-math.inf, 0.0)).search,  # the empty prefix has no last letter: either ending will do
    ],
}
