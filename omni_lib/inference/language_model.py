"""An n-gram language model over words, from transcripts: `omni lm build`.

Probabilities are smoothed after Witten & Bell 1991: what was seen after a history shares its mass with the next shorter
history, in proportion to how many different words have followed. The result is an ARPA file, which every decoder reads.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from omni_lib.errors import UserError
from omni_lib.machine.files import write_atomically

START, END, UNKNOWN = "<s>", "</s>", "<unk>"
_NEVER = -99.0  # ARPA's logarithm of zero


class LanguageModel:
    """A back-off n-gram model: `probability` and `backoff` in log10, by n-gram (a tuple of words), as ARPA has them."""

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

    n(h) is the number of different words seen after h, and h' is h without its first word; below the single words lies
    the uniform distribution over the vocabulary, `</s>` and `<unk>` included.

    Raises:
        UserError: there is no sentence, or an order below 1.
    """
    if order < 1:
        raise UserError(f"order is {order}: it must be 1 or more")
    counts: dict[tuple[str, ...], dict[str, int]] = defaultdict(
        lambda: defaultdict(int)
    )  # history → word → count
    for sentence in sentences:
        words = (START, *sentence.split(), END)
        for end in range(1, len(words)):
            for start in range(max(0, end - order + 1), end + 1):
                counts[words[start:end]][words[end]] += 1
    if not counts:
        raise UserError("there is no sentence to build a language model from")
    vocabulary = {*counts[()], UNKNOWN}
    probability: dict[tuple[str, ...], float] = {(START,): _NEVER}
    backoff: dict[tuple[str, ...], float] = {}

    def smoothed(history: tuple[str, ...], word: str, shorter: float) -> float:
        following = counts[history]
        return (following.get(word, 0) + len(following) * shorter) / (
            sum(following.values()) + len(following)
        )

    for word in vocabulary:
        probability[(word,)] = math.log10(smoothed((), word, 1 / len(vocabulary)))
    for history in sorted(counts, key=len):  # shorter histories first: the longer lean on them
        if not history:
            continue
        following = counts[history]
        for word in following:
            probability[(*history, word)] = math.log10(
                smoothed(history, word, 10 ** probability[(*history[1:], word)])
            )
        backoff[history] = math.log10(len(following) / (sum(following.values()) + len(following)))
    return LanguageModel(order, probability, backoff)


def write_arpa(model: LanguageModel, path: str | Path) -> None:
    """Write the model in the ARPA format.

    Raises:
        UserError: the file cannot be written.
    """
    grams = [
        sorted(gram for gram in model.probability if len(gram) == length)
        for length in range(1, model.order + 1)
    ]
    lines = ["\\data\\", *(f"ngram {length}={len(chosen)}" for length, chosen in enumerate(grams, 1))]
    for length, chosen in enumerate(grams, 1):
        lines += ["", f"\\{length}-grams:"]
        for gram in chosen:
            weight = f"\t{model.backoff[gram]:.6f}" if gram in model.backoff else ""
            lines.append(f"{model.probability[gram]:.6f}\t{' '.join(gram)}{weight}")
    lines += ["", "\\end\\", ""]
    write_atomically(Path(path), "\n".join(lines).encode())


def read_arpa(path: str | Path) -> LanguageModel:
    """Read an ARPA file of words.

    Raises:
        UserError: it is missing or no ARPA file, by line.
    """
    probability: dict[tuple[str, ...], float] = {}
    backoff: dict[tuple[str, ...], float] = {}
    length = 0
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            f"{path} cannot be read as an ARPA language model ({error}): build one with 'omni lm build'"
        ) from None
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if line.startswith("\\") and line.endswith("-grams:"):
            length += 1
        elif length and line and not line.startswith("\\"):
            fields = line.split()
            if len(fields) not in (length + 1, length + 2):
                raise UserError(
                    f"{path} line {number} is no {length}-gram of an ARPA file: build it anew with 'omni lm build'"
                )
            gram = tuple(fields[1 : length + 1])
            try:
                probability[gram] = float(fields[0])
                if len(fields) == length + 2:
                    backoff[gram] = float(fields[-1])
            except ValueError:
                raise UserError(f"{path} line {number} has no number where an ARPA file has one") from None
    if not {(START,), (END,), (UNKNOWN,)} <= set(probability):
        raise UserError(
            f"{path} lacks <s>, </s> or <unk> among its words: build it anew with 'omni lm build'"
        )
    return LanguageModel(length, probability, backoff)
