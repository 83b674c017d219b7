"""An n-gram language model over words, estimated from transcripts: `omni lm build`.

Probabilities are smoothed by the method of Witten & Bell (1991): a part of the probability after each history
is given to the next shorter history. The more different words were seen after the history, the larger is this
part. `arpa.py` reads and writes such models as files.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence

from omni_lib.errors import UserError

START, END, UNKNOWN = "<s>", "</s>", "<unk>"
NEVER = -99.0  # ARPA's logarithm of zero
ORDERS = range(1, 7)  # of the models built here; KenLM, which other decoders use, reads n-grams of up to 6


class LanguageModel:
    """A back-off n-gram model: `probability` and `backoff` in log10, by n-gram (a tuple of words)."""

    def __init__(
        self, order: int, probability: dict[tuple[str, ...], float], backoff: dict[tuple[str, ...], float]
    ) -> None:
        self.order, self.probability, self.backoff = order, probability, backoff
        self.words = sorted(
            gram[0] for gram in probability if len(gram) == 1 and gram[0] not in (START, END, UNKNOWN)
        )

    def score(self, history: tuple[str, ...], word: str) -> float:
        """log10 of the probability of `word` after `history` (the words before it, `<s>` first)."""
        if (word,) not in self.probability:
            word = UNKNOWN
        history = history[len(history) - self.order + 1 :] if len(history) >= self.order else history
        penalty = 0.0
        while (*history, word) not in self.probability:
            penalty += self.backoff.get(history, 0.0)
            history = history[1:]
        return penalty + self.probability[(*history, word)]

    def score_sentence(self, words: Sequence[str]) -> float:
        """log10 of the probability of a whole sentence, its end included."""
        history: tuple[str, ...] = (START,)
        result = 0.0
        for word in (*words, END):
            result += self.score(history, word)
            history += (word,)
        return result


def estimate(sentences: Iterable[str], order: int = 3) -> LanguageModel:
    """Count and smooth: P(w | h) = (c(h w) + n(h) P(w | h')) / (c(h) + n(h)).

    Here c(·) is a count, n(h) is the number of different words seen after h, and h' is h without its first
    word. Single words back off to the uniform distribution over the vocabulary with `</s>` and `<unk>`.

    Raises:
        UserError: there is no sentence, or the order is not in `ORDERS`.
    """
    if order not in ORDERS:
        raise UserError(f"order is {order}: it must be from {ORDERS[0]} to {ORDERS[-1]}")
    # history → word → count
    counts: dict[tuple[str, ...], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for sentence in sentences:
        words = (START, *sentence.split(), END)
        for end in range(1, len(words)):
            for start in range(max(0, end - order + 1), end + 1):
                counts[words[start:end]][words[end]] += 1
    if not counts:
        raise UserError("there is no sentence to build a language model from")
    vocabulary = {*counts[()], UNKNOWN}
    probability: dict[tuple[str, ...], float] = {(START,): NEVER}
    backoff: dict[tuple[str, ...], float] = {}

    def smoothed(history: tuple[str, ...], word: str, shorter: float) -> float:
        following = counts[history]
        return (following.get(word, 0) + len(following) * shorter) / (
            sum(following.values()) + len(following)
        )

    for word in vocabulary:
        probability[(word,)] = math.log10(smoothed((), word, 1 / len(vocabulary)))
    for history in sorted(counts, key=len):  # shorter histories first, because the longer ones build on them
        if not history:
            continue
        following = counts[history]
        for word in following:
            probability[(*history, word)] = math.log10(
                smoothed(history, word, 10 ** probability[(*history[1:], word)])
            )
        backoff[history] = math.log10(len(following) / (sum(following.values()) + len(following)))
    return LanguageModel(order, probability, backoff)
