"""Decoding log-probabilities to text without a language model (`inference/beam_search.py` uses one)."""

from __future__ import annotations

import math
from collections import defaultdict

from torch import Tensor

from omni_lib.ctc import collapse
from omni_lib.text import BLANK, SPACE, Vocabulary

LEAST = math.log(1e-3)  # a symbol that is less probable in a frame does not extend any prefix there


def greedy(log_probs: Tensor, lengths: Tensor, vocabulary: Vocabulary) -> list[str]:
    """Collapse the most probable symbol of every frame: log_probs (B, T, symbols), lengths (B,) → B texts.

    Surplus spaces (repeated, leading or trailing) are removed.
    """
    paths = log_probs.argmax(dim=-1).tolist()
    texts = (
        vocabulary.decode(collapse(path[:length]))
        for path, length in zip(paths, lengths.tolist(), strict=True)
    )
    return [" ".join(text.split()) for text in texts]


def prefix_search(log_probs: Tensor, lengths: Tensor, vocabulary: Vocabulary, beam: int = 16) -> list[str]:
    """The most probable text that is found, summed over its paths: log_probs (B, T, symbols), lengths (B,).

    A path is one alignment of a text, and CTC is trained on the sum over all paths. Greedy decoding returns
    the text of the best path. If the alignment is uncertain, the many paths of another text can together be
    more probable (Graves et al. 2006, section 3.2). The search is algorithm 1 of Graves & Jaitly (2014),
    without a language model. Its beam may lose the most probable text.

    Args:
        beam: the number of prefixes kept after each frame.
    """
    return [
        _likeliest_text(row[:length], vocabulary, beam)
        for row, length in zip(log_probs, lengths.tolist(), strict=True)
    ]


def _likeliest_text(log_probs: Tensor, vocabulary: Vocabulary, beam: int) -> str:
    """The text of one utterance, log_probs (T, symbols); surplus spaces are not added to a prefix."""
    letters = range(SPACE, len(vocabulary) - 1)  # without the blank and <eos>, which no target contains
    index = {vocabulary.symbols[letter]: letter for letter in letters}
    # prefix → log-probability of its paths that end in a blank, and of those that end in its last symbol
    beams: dict[str, list[float]] = {"": [0.0, -math.inf]}
    for frame in log_probs.tolist():
        likely = [letter for letter in letters if frame[letter] > LEAST]
        following: dict[str, list[float]] = defaultdict(lambda: [-math.inf, -math.inf])
        for prefix, (blank, repeated) in beams.items():
            total = log_add(blank, repeated)
            last = index[prefix[-1]] if prefix else SPACE
            stays = following[prefix]
            stays[0] = log_add(stays[0], total + frame[BLANK])
            stays[1] = log_add(stays[1], (total if last == SPACE else repeated) + frame[last])
            for letter in likely:
                if letter == last == SPACE:
                    continue
                longer = following[prefix + vocabulary.symbols[letter]]
                through = blank if letter == last else total  # "ll" needs a blank between its letters
                longer[1] = log_add(longer[1], through + frame[letter])
        ranked = sorted(following.items(), key=lambda item: log_add(*item[1]), reverse=True)
        beams = dict(ranked[:beam])
    texts: dict[str, float] = defaultdict(lambda: -math.inf)
    for prefix, ends in beams.items():
        texts[prefix.rstrip()] = log_add(texts[prefix.rstrip()], log_add(*ends))
    return max(texts, key=texts.__getitem__)


def log_add(left: float, right: float) -> float:
    """log(exp(left) + exp(right))"""
    if left < right:
        left, right = right, left
    return left if right == -math.inf else left + math.log1p(math.exp(right - left))
