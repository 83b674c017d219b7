"""Word and character error rates, and their confidence intervals."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

import jiwer


@dataclass(frozen=True)
class ErrorCount:
    """Errors in one or more hypotheses compared with their references, in words or in characters."""

    substitutions: int
    deletions: int
    insertions: int
    reference: int  # words or characters in the references

    @property
    def errors(self) -> int:
        """All three kinds together."""
        return self.substitutions + self.deletions + self.insertions

    @property
    def rate(self) -> float:
        """Errors / reference length: above 1 if there are many insertions, NaN if the reference is empty."""
        return self.errors / self.reference if self.reference else math.nan

    def __add__(self, other: ErrorCount) -> ErrorCount:
        return ErrorCount(
            self.substitutions + other.substitutions,
            self.deletions + other.deletions,
            self.insertions + other.insertions,
            self.reference + other.reference,
        )


NO_ERRORS = ErrorCount(0, 0, 0, 0)


def word_errors(reference: str, hypothesis: str) -> ErrorCount:
    """The fewest word edits that turn `reference` into `hypothesis` (jiwer's alignment)."""
    if not reference.split():
        return ErrorCount(0, 0, len(hypothesis.split()), 0)
    return _count(jiwer.process_words(reference, hypothesis))


def character_errors(reference: str, hypothesis: str) -> ErrorCount:
    """The fewest character edits that turn `reference` into `hypothesis`; spaces count as characters."""
    if not reference:
        return ErrorCount(0, 0, len(hypothesis), 0)
    return _count(jiwer.process_characters(reference, hypothesis))


def _count(output: jiwer.WordOutput | jiwer.CharacterOutput) -> ErrorCount:
    return ErrorCount(
        output.substitutions,
        output.deletions,
        output.insertions,
        output.hits + output.substitutions + output.deletions,
    )


def total(counts: Sequence[ErrorCount]) -> ErrorCount:
    """The sum of all counts. Its `rate` is the corpus rate, not the mean of the utterances' rates."""
    return sum(counts, start=NO_ERRORS)


def bootstrap_interval(
    counts: Sequence[ErrorCount],
    groups: Sequence[str],
    confidence: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> tuple[float, float]:
    """Percentile bootstrap interval of the corpus error rate (Bisani & Ney 2004, "Bootstrap estimates").

    Whole groups are drawn with replacement. Since the errors in one speaker's utterances are correlated,
    drawing single utterances would give an interval that is too narrow.

    Args:
        counts: one per utterance.
        groups: the speaker of each utterance.

    Returns:
        (low, high), fractions; NaN if no group has a reference. A draw of groups without any is left out.
    """
    pooled: dict[str, ErrorCount] = {}
    for count, group in zip(counts, groups, strict=True):
        pooled[group] = pooled.get(group, NO_ERRORS) + count
    units = list(pooled.values())
    rng = random.Random(seed)
    draws = (rng.choices(units, k=len(units)) for _ in range(resamples if units else 0))
    sums = ((sum(unit.errors for unit in drawn), sum(unit.reference for unit in drawn)) for drawn in draws)
    rates = sorted(errors / reference for errors, reference in sums if reference)
    if not rates:
        return math.nan, math.nan
    tail = (1 - confidence) / 2
    return rates[int(tail * len(rates))], rates[min(int((1 - tail) * len(rates)), len(rates) - 1)]
