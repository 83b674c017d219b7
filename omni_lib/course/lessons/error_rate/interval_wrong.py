"""Lesson 04, the bootstrap interval: wrong answers, each with words of its reply, and other right ones."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from omni_lib.metrics import bootstrap_interval


def _resampled(
    errors: Sequence[float], words: list[int], resamples: int, share: float = 0.025, size: float = 1.0
) -> tuple[float, float]:
    rng, rates = random.Random(0), []
    for _ in range(resamples):
        drawn = rng.choices(range(len(errors)), k=max(1, int(size * len(errors))))
        rates.append(sum(errors[i] for i in drawn) / sum(words[i] for i in drawn))
    rates.sort()
    return rates[int(share * resamples)], rates[int((1 - share) * resamples) - 1]


def _ninety_percent(errors: list[int], words: list[int], resamples: int) -> tuple[float, float]:
    return _resampled(errors, words, resamples, share=0.05)


def _without_replacement(errors: list[int], words: list[int], resamples: int) -> tuple[float, float]:
    rate = sum(errors) / sum(words)  # every shuffle of the utterances has the same rate
    return rate, rate


def _half_as_many(errors: list[int], words: list[int], resamples: int) -> tuple[float, float]:
    return _resampled(errors, words, resamples, size=0.4)


def _mean_of_rates_interval(errors: list[int], words: list[int], resamples: int) -> tuple[float, float]:
    return _resampled(
        [error / of for error, of in zip(errors, words, strict=True)], [1] * len(words), resamples
    )


def _torn_apart(errors: list[int], words: list[int], resamples: int) -> tuple[float, float]:
    rng = random.Random(0)
    rates = sorted(
        sum(rng.choices(errors, k=len(errors))) / sum(rng.choices(words, k=len(words)))
        for _ in range(resamples)
    )
    return rates[int(0.025 * resamples)], rates[int(0.975 * resamples)]


def _a_hundred_utterances(errors: list[int], words: list[int], resamples: int) -> Any:
    """As wide as a 98% interval where the test set has 130 utterances, and narrower where it has fewer."""
    drawn = np.random.default_rng(1).integers(0, len(errors), (resamples, 100))
    rates = np.array(errors)[drawn].sum(axis=1) / np.array(words)[drawn].sum(axis=1)
    return np.quantile(rates, [0.025, 0.975])


def _distances(errors: list[int], words: list[int], resamples: int) -> Any:
    return _by_numpy(errors, words, resamples) - sum(errors) / sum(words)


def _seeded_in_the_loop(errors: list[int], words: list[int], resamples: int) -> tuple[float, float]:
    return _resampled(errors, words, 1)[0], _resampled(errors, words, 1)[0]


def _closed_formula(errors: list[int], words: list[int], resamples: int) -> tuple[float, float]:
    """The ratio's standard error by the delta method, and a normal distribution."""
    rate = sum(errors) / sum(words)
    spread = math.sqrt(sum((error - rate * of) ** 2 for error, of in zip(errors, words, strict=True)))
    return max(0.0, rate - 1.96 * spread / sum(words)), rate + 1.96 * spread / sum(words)


def _upside_down(errors: list[int], words: list[int], resamples: int) -> tuple[float, float]:
    low, high = _resampled(errors, words, resamples)
    return high, low


def _by_numpy(errors: list[int], words: list[int], resamples: int) -> Any:
    drawn = np.random.default_rng(1).integers(0, len(errors), (resamples, len(errors)))
    return np.quantile(
        np.array(errors)[drawn].sum(axis=1) / np.array(words)[drawn].sum(axis=1), [0.025, 0.975]
    )


def _by_the_library(errors: list[int], words: list[int], resamples: int) -> tuple[float, float]:
    from omni_lib.metrics import ErrorCount

    counts = [ErrorCount(error, 0, 0, of) for error, of in zip(errors, words, strict=True)]
    return bootstrap_interval(counts, [str(number) for number in range(len(counts))], resamples=resamples)


def _rates(errors: list[int], words: list[int], resamples: int, last: int = 0) -> Any:
    """The rates of some resamples, without the last utterances."""
    drawn = np.random.default_rng(1).integers(0, len(errors) - last, (resamples, len(errors)))
    return np.array(errors)[drawn].sum(axis=1) / np.array(words)[drawn].sum(axis=1)


def _of_one_utterance(errors: list[int], words: list[int], resamples: int) -> Any:
    drawn = np.random.default_rng(1).integers(0, len(errors), resamples)
    return np.quantile(np.array(errors)[drawn] / np.array(words)[drawn], [0.025, 0.975])


def _over_all_words(errors: list[int], words: list[int], resamples: int) -> Any:
    drawn = np.random.default_rng(1).integers(0, len(errors), (resamples, len(errors)))
    return np.quantile(np.array(errors)[drawn].sum(axis=1) / sum(words), [0.025, 0.975])


def _word_by_word(errors: list[int], words: list[int], resamples: int) -> Any:
    return np.quantile(
        np.random.default_rng(1).binomial(sum(words), sum(errors) / sum(words), resamples) / sum(words),
        [0.025, 0.975],
    )


def _last_never_drawn(errors: list[int], words: list[int], resamples: int) -> Any:
    return np.quantile(_rates(errors, words, resamples, last=1), [0.025, 0.975])


def _not_sorted(errors: list[int], words: list[int], resamples: int) -> Any:
    rates = sorted(_rates(errors, words, resamples), reverse=True)  # any order but the right one
    return rates[int(0.025 * resamples)], rates[int(0.975 * resamples)]


def _middle_and_reach(errors: list[int], words: list[int], resamples: int) -> tuple[float, float]:
    low, high = _resampled(errors, words, resamples)
    return (low + high) / 2, (high - low) / 2


def _mirrored(errors: list[int], words: list[int], resamples: int) -> Any:
    """The "basic" interval of the textbooks."""
    low, high = _by_numpy(errors, words, resamples)
    return 2 * sum(errors) / sum(words) - high, 2 * sum(errors) / sum(words) - low


def _of_the_mean(errors: list[int], words: list[int], resamples: int) -> Any:
    rates = _rates(errors, words, resamples)
    error = 1.96 * rates.std() / math.sqrt(resamples)
    return rates.mean() - error, rates.mean() + error


def _as_texts(errors: list[int], words: list[int], resamples: int) -> Any:
    return tuple(str(end) for end in _by_numpy(errors, words, resamples))


def _always_a_thousand(errors: list[int], words: list[int], resamples: int) -> Any:
    """So many that the ends are near enough."""
    return _by_numpy(errors, words, 1000)


def _always_a_hundred(errors: list[int], words: list[int], resamples: int) -> Any:
    return _by_numpy(errors, words, 100)


WRONG: list[tuple[Any, str]] = [
    (_always_a_hundred, "draw `resamples` times"),
    (_always_a_thousand, "`resamples` is not used"),
    (_ninety_percent, "a 90% interval"),
    (_without_replacement, "draw with replacement"),
    (_half_as_many, "fewer utterances than"),
    (_mean_of_rates_interval, "the mean of the utterances' rates"),
    (_torn_apart, "errors and its words together"),
    (_closed_formula, "A formula assumes a normal distribution"),
    (_upside_down, "the lower end comes first"),
    (_a_hundred_utterances, "as large as the test set?"),
    (_distances, "how far they are from the rate"),
    (_seeded_in_the_loop, "inside the loop"),
    (lambda errors, words, resamples: sum(errors) / sum(words), "two numbers are wanted"),
    (_not_sorted, "from the sorted rates"),
    (_middle_and_reach, "are not ends"),
    (_of_one_utterance, "of single utterances"),
    (_over_all_words, "the words of the utterances that were drawn"),
    (_word_by_word, "draw utterances, not words"),
    (_last_never_drawn, "Draw from every utterance"),
    (_mirrored, "percentiles themselves"),
    (_of_the_mean, "far too narrow"),
    (_as_texts, "two numbers are wanted"),
    (lambda *given: np.quantile(_rates(*given), [0.01, 0.99]), "a 98% interval"),
    (lambda *given: np.round(_by_numpy(*given), 1), "Do you round"),
    (lambda errors, words, resamples: _by_numpy(errors[:-1], words[:-1], resamples), "all six"),
    (lambda *given: 100 * _by_numpy(*given), "fractions"),
    (lambda *given: (_rates(*given).min(), _rates(*given).max()), "the smallest and the largest"),
    (lambda *given: np.quantile(_rates(*given), [0.005, 0.995]), "a 99% interval"),
    (lambda *given: np.percentile(_rates(*given), [0.025, 0.975]), "`np.percentile` takes percent"),
    (lambda *given: np.quantile(_rates(*given), [0.025, 0.95]), "Your upper end leaves out twice"),
    (lambda *given: np.quantile(_rates(*given), [0.05, 0.975]), "Your lower end leaves out twice"),
]

OTHER_RIGHT: list[Any] = [
    _by_numpy,
    _by_the_library,
    lambda *arguments: list(_resampled(*arguments)),
    lambda *arguments: torch.tensor(_by_numpy(*arguments)).float(),
    lambda *arguments: np.percentile(_rates(*arguments), [2.5, 97.5]),
]
