"""Solutions of lesson 04. Each is one way among several; its source stands in the notebook's blank when the tests run it."""

from __future__ import annotations

import random

from omni_lib.metrics import word_errors


def edit_counts(reference: list[str], hypothesis: list[str]) -> tuple[int, int, int]:
    """(substitutions, deletions, insertions) of the fewest edits from `reference` to `hypothesis`."""
    row = [
        (inserted, 0, 0, inserted) for inserted in range(len(hypothesis) + 1)
    ]  # (errors, S, D, I) for each beginning of the hypothesis
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
    """Errors of all utterances over words of all references."""
    counts = [
        word_errors(reference, hypothesis)
        for reference, hypothesis in zip(references, hypotheses, strict=True)
    ]
    return sum(count.errors for count in counts) / sum(count.reference for count in counts)


def character_error_rate(reference: str, hypothesis: str) -> float:
    """Fewest character edits, spaces included, over the characters of the reference."""
    row = list(range(len(hypothesis) + 1))
    for deleted, kept in enumerate(reference, start=1):
        after = [deleted]
        for place, said in enumerate(hypothesis):
            after.append(min(row[place] + (kept != said), row[place + 1] + 1, after[place] + 1))
        row = after
    return row[-1] / len(reference)


def bootstrap_interval(errors: list[int], words: list[int], resamples: int) -> tuple[float, float]:
    """The 95% percentile interval of the corpus WER, utterances drawn with replacement."""
    rng = random.Random(0)
    rates = []
    for _ in range(resamples):
        drawn = rng.choices(range(len(errors)), k=len(errors))
        rates.append(sum(errors[i] for i in drawn) / sum(words[i] for i in drawn))
    rates.sort()
    return rates[int(0.025 * resamples)], rates[int(0.975 * resamples)]
