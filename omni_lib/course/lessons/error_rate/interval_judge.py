"""Lesson 04: how the learner's bootstrap interval is judged."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator, Sequence

import numpy as np

from omni_lib.course.exercises.expectations import require
from omni_lib.course.exercises.sandbox import Attempt, NotYet, described

RESAMPLES = 4000  # known to 0.05 standard deviations, whatever random numbers the answer draws
_Ends = tuple[float, float]
_Set = tuple[list[int], list[int]]  # errors and words of utterances


def _made_up(utterances: int, seed: int) -> tuple[list[int], list[int]]:
    """Made-up errors and words of utterances. Long ones have a higher rate: the mean of rates differs."""
    rng = random.Random(seed)
    words = [rng.choice((2, 4, 8, 16, 32)) for _ in range(utterances)]
    return [sum(rng.random() < 0.04 + 0.008 * number for _ in range(number)) for number in words], words


def _ends(rates: np.ndarray, level: float = 0.95) -> _Ends:
    low, high = np.quantile(rates, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _rates(errors: Sequence[float], words: Sequence[float], drawn: int = 0) -> np.ndarray:
    """The rates of a long bootstrap, with `drawn` utterances each time; 0: as many as there are."""
    places = np.random.default_rng(0).integers(0, len(errors), (20_000, drawn or len(errors)))
    rates: np.ndarray = np.asarray(errors)[places].sum(axis=1) / np.asarray(words)[places].sum(axis=1)
    return rates


def _pair(got: object) -> _Ends:
    try:
        ends = list(got)  # type: ignore[call-overload]  # reported below
        if isinstance(got, (str, dict)) or any(isinstance(end, str) for end in ends):
            raise TypeError
        low, high = (float(end) for end in ends)
    except (TypeError, ValueError, RuntimeError):
        raise NotYet(f"two numbers are wanted, (low, high); your function returns {described(got)}") from None
    require(
        low <= high,
        f"the lower end comes first; your function returns ({low:.4f}, {high:.4f}). Take the two ends from "
        "the sorted rates; a middle and a distance from it are not ends.",
    )
    return low, high


def bootstrap_interval(attempt: Attempt) -> None:
    _expect_one_rate(attempt)
    sets = [_made_up(utterances, number) for number, utterances in enumerate((130, 40))]
    for errors, words in sets:
        rates = _rates(errors, words)
        got, wanted, near = _pair(attempt(errors, words, RESAMPLES)), _ends(rates), 0.2 * float(rates.std())
        close = [abs(mine - right) <= near for mine, right in zip(got, wanted, strict=True)]
        if all(close):
            continue
        end = 1 if close[0] else 0
        raise NotYet(
            f"many made-up utterances: the {('lower', 'upper')[end]} end of your interval is {got[end]:.4f}, "
            f"and it should be near {wanted[end]:.4f}. {_cause(attempt, got, wanted, (errors, words), sets)}"
        )
    _expect_every_utterance(attempt)
    require(
        not _ignores_resamples(attempt, *sets[0]),
        f"the ends are right, but `resamples` is not used. {_RESAMPLES_IGNORED}",
    )


_RESAMPLES_IGNORED = (
    "From a single resample both ends are its rate, and yours differ: draw `resamples` times."
)


def _expect_one_rate(attempt: Attempt) -> None:
    """Utterances with the same rate, which every resample then has, too."""
    low, high = _pair(attempt([1] * 20, [10] * 20, 200))
    if abs(low - 0.1) <= 1e-6 and abs(high - 0.1) <= 1e-6:
        return
    slip = "divide the errors of a resample by its words"
    if max(abs(low), abs(high)) < 1e-9:
        slip = "return the ends themselves, and not how far they are from the rate"
    if abs(low - 10) < 1e-4 and abs(high - 10) < 1e-4:
        slip = "return fractions"
    elif low < 0.1 < high:
        slip = "draw utterances, not words, and use no formula"
    raise NotYet(
        "Utterances that all have one error in ten words: every resample has the same rate, so both ends "
        f"are 0.1; yours are ({low:.4g}, {high:.4g}): {slip}"
    )


def _cause(attempt: Attempt, got: _Ends, wanted: _Ends, given: _Set, sets: list[_Set]) -> str:
    """Why an interval of the set `given` is wrong."""
    if any(got == tuple(round(end, digits) for end in got) for digits in (1, 2)) and got[1] - got[0] < 0.5:
        return "Do you round the two ends? Return them as they are."
    if _ignores_resamples(attempt, *given):  # then chance alone may look like one of the slips
        return _RESAMPLES_IGNORED
    shares = _shares_of_slips(got, *given)
    with contextlib.suppress(NotYet):
        for other in sets:  # a slip must explain the other interval, too, with twice the room
            if other != given:
                for slip, share in _shares_of_slips(_pair(attempt(*other, RESAMPLES)), *other).items():
                    shares[slip] = max(shares[slip], share / 2)
    likeliest = min(shares, key=lambda slip: shares[slip])
    return likeliest if shares[likeliest] < 1 else _by_width(got, wanted)


def _expect_every_utterance(attempt: Attempt) -> None:
    """Six utterances of ten words, all errors in one of them: the rate depends on how often it is drawn."""
    for place in (2, 0, 5):
        errors = [5 * (number == place) for number in range(6)]
        low, high = _pair(attempt(errors, [10] * 6, RESAMPLES))
        begins = "a few utterances, with all errors in one of them"
        require(
            high > 1e-6,
            f"{begins}: at one of the places it is never drawn. Draw from every utterance, the first and the "
            "last included",
        )
        twelfths = 12 * high  # six utterances of ten words, five errors each time that the one is drawn
        slip = "A formula assumes a normal distribution: draw, and take percentiles of what was drawn"
        if low >= 0 and abs(high - 0.3) < 1e-6:
            slip = "Draw as many utterances as there are, all six, and from all six"
        elif low >= 0 and abs(twelfths - round(twelfths)) < 1e-6:
            slip = "Take the 2.5th and the 97.5th percentile of the rates that were drawn"
        require(
            abs(low) < 1e-6 and abs(high - 0.25) < 1e-6,
            f"{begins}: the lower end is 0 (it is not drawn at all), and the upper end 0.25; yours is "
            f"{high:.4f}. {slip}",
        )


# What the usual mistakes compute


def _shares_of_slips(got: _Ends, errors: list[int], words: list[int]) -> dict[str, float]:
    """How far `got` is from the interval of each slip, as a share of the room that chance needs."""
    rates, shares = _rates(errors, words), {}
    for ends, slip in _slips(errors, words, rates):
        room = max(0.3 * float(rates.std()), 0.06 * (ends[1] - ends[0]))
        shares[slip] = max(abs(got[0] - ends[0]), abs(got[1] - ends[1])) / room
    return shares


def _slips(errors: list[int], words: list[int], rates: np.ndarray) -> Iterator[tuple[_Ends, str]]:
    """The interval that each slip gives, and what to say about it."""
    means = [error / of for error, of in zip(errors, words, strict=True)]
    low, high = _ends(rates)
    middle = sum(errors) / sum(words)
    yield (
        _ends(_rates(means, [1] * len(means))),
        "That is an interval of the mean of the utterances' rates: in each resample divide all errors by all "
        "words.",
    )
    yield _ends(rates, 0.98), "That is a 98% interval: too little is left out at each end."
    yield (
        _ends(rates, 0.9),
        "That is a 90% interval: leave out half as much at each end.",
    )
    yield _ends(rates, 0.99), "That is a 99% interval: too little is left out at each end."
    narrow_low, narrow_high = _ends(rates, 0.9)
    yield (narrow_low, high), "Your lower end leaves out twice as much as it should."
    yield (low, narrow_high), "Your upper end leaves out twice as much as it should."
    yield (
        (2 * middle - high, 2 * middle - low),
        "You mirror the percentiles about the rate: the percentiles themselves are wanted.",
    )
    yield (
        _ends(_rates(errors, words, drawn=1)),
        "Those are rates of single utterances: draw as many as the test set has, and divide all their errors "
        "by all their words.",
    )
    fixed = [sum(words) / len(words)] * len(words)
    yield (
        _ends(_rates(errors, fixed)),
        "Divide by the words of the utterances that were drawn, not by those of the whole test set.",
    )
    yield (
        _ends(_sums(errors, 1) / _sums(words, 2)),
        "You draw errors and words independently: take an utterance's errors and its words together.",
    )
    yield (
        (float(np.quantile(rates, 0.00025)), float(np.quantile(rates, 0.00975))),
        "`np.percentile` takes percent, and `np.quantile` fractions.",
    )


def _ignores_resamples(attempt: Attempt, errors: list[int], words: list[int]) -> bool:
    """Whether the ends for one resample differ, as they do where another number of them is drawn."""
    with contextlib.suppress(NotYet):
        low, high = _pair(attempt(errors, words, 1))
        return high - low > 1e-6
    return False


def _sums(values: list[int], seed: int) -> np.ndarray:
    """The sums of as many values as there are, drawn at random."""
    places = np.random.default_rng(seed).integers(0, len(values), (20_000, len(values)))
    sums: np.ndarray = np.asarray(values)[places].sum(axis=1)
    return sums


def _by_width(got: _Ends, wanted: _Ends) -> str:
    """What an interval that no slip explains may have, by how wide it is."""
    share = (got[1] - got[0]) / (wanted[1] - wanted[0])
    if share == 0:
        return (
            "Both ends are the same: draw with replacement, and anew for each resample (a seed that is set "
            "inside the loop draws the same each time)."
        )
    if share < 0.5:
        return (
            "Yours is far too narrow: draw with replacement, and as many utterances as there are. The ends "
            "are percentiles of the rates; the standard error of their mean is another quantity."
        )
    if share > 1.6:
        return (
            "Yours is far too wide: are those the smallest and the largest of the rates, or do you draw far "
            "fewer utterances than the test set has?"
        )
    if share > 1.3:
        return (
            "Yours is too wide: do you draw fewer utterances than the test set has, or leave out too little "
            "at an end?"
        )
    return (
        "Are they the two percentiles of the sorted rates, from `resamples` resamples as large as the test "
        "set?"
    )
