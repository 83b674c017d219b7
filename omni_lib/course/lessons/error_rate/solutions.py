"""Lesson 04: one way to write each exercise. The docstrings are also those of the blanks in the notebook."""

from __future__ import annotations

import random

from omni_lib.metrics import word_errors


def edit_counts(reference: list[str], hypothesis: list[str]) -> tuple[int, int, int]:
    """(substitutions, deletions, insertions) of the fewest edits that turn `reference` into `hypothesis`.

    Each of the three edits counts as one. A deletion is a word of the reference that is missing from the
    hypothesis. Where several ways have equally few edits, the counts of any one of them will do. Either
    list may be empty.
    """
    row = [(inserted, 0, 0, inserted) for inserted in range(len(hypothesis) + 1)]  # (errors, S, D, I)
    for kept in reference:
        errors, s, d, i = row[0]
        after = [(errors + 1, s, d + 1, i)]
        for place, said in enumerate(hypothesis):
            errors, s, d, i = row[place]
            match = (errors, s, d, i) if kept == said else (errors + 1, s + 1, d, i)
            errors, s, d, i = row[place + 1]
            delete = (errors + 1, s, d + 1, i)
            errors, s, d, i = after[place]
            insert = (errors + 1, s, d, i + 1)
            after.append(min(match, delete, insert, key=lambda way: way[0]))
        row = after
    return row[-1][1:]


def corpus_wer(references: list[str], hypotheses: list[str]) -> float:
    """The word error rate of a test set: the errors of all utterances over the words of all references.

    A fraction. Each utterance is compared with its own reference. `word_errors(reference, hypothesis)` has
    the fields `errors` and `reference` (the number of its words). Compared with an absolute tolerance of
    1e-6.
    """
    counts = [
        word_errors(reference, hypothesis)
        for reference, hypothesis in zip(references, hypotheses, strict=True)
    ]
    return sum(count.errors for count in counts) / sum(count.reference for count in counts)


def character_error_rate(reference: str, hypothesis: str) -> float:
    """The fewest character edits, spaces included, over the characters of the reference (at least one).

    A fraction; nothing limits it to 1. Compared with an absolute tolerance of 1e-6.
    """
    row = list(range(len(hypothesis) + 1))
    for deleted, kept in enumerate(reference, start=1):
        after = [deleted]
        for place, said in enumerate(hypothesis):
            after.append(min(row[place] + (kept != said), row[place + 1] + 1, after[place] + 1))
        row = after
    return row[-1] / len(reference)


def bootstrap_interval(errors: list[int], words: list[int], resamples: int) -> tuple[float, float]:
    """The 95% percentile interval of the corpus WER, as fractions (low, high).

    In each of `resamples` resamples, as many utterances are drawn as the test set has, with replacement.
    The interval goes from the 2.5th to the 97.5th percentile of their error rates; no normal distribution
    is assumed. Compared with a long bootstrap: each end may differ by a fifth of the standard deviation of
    its rates.

    Args:
        errors: of each utterance.
        words: in the reference of each utterance, in the same order.
        resamples: how many times a whole test set is drawn.
    """
    rng = random.Random(0)
    rates = []
    for _ in range(resamples):
        drawn = rng.choices(range(len(errors)), k=len(errors))
        rates.append(sum(errors[i] for i in drawn) / sum(words[i] for i in drawn))
    rates.sort()
    return rates[int(0.025 * resamples)], rates[int(0.975 * resamples)]
