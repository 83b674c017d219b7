"""Texts and recordings of a table that hardly belong together: longer texts have longer recordings."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import mean, median, pstdev

_FEWEST = 6  # rows from which the lengths of texts and recordings are compared
# Fisher's z of a correlation, in its standard errors: beyond 4 it is not chance (one in 30,000)
_SURE, _UNSURE = 4.0, 1.6
_LOOSE = 30  # different texts from which a missing correlation is noted
_SENTENCE = 12  # characters, in the mean, of texts whose lengths show in those of their recordings
_TOO_FAST = 25.0  # characters a second, in the median of all rows: readers say 12 to 18


def lengths_note(texts: Sequence[str], seconds: Sequence[float]) -> str:
    """A note on texts and seconds of the rows, in order, that hardly belong together; "" if they may."""
    letters = [len(text) for text in texts]
    if len(letters) < _FEWEST:
        return ""
    if shift := shifted(texts, seconds):
        return (
            f"the lengths of the recordings fit the texts one row {'below' if shift > 0 else 'above'} theirs:"
            " check that texts and files belong together"
        )
    speed = median(count / max(each, 1e-3) for count, each in zip(letters, seconds, strict=True))
    if speed > _TOO_FAST:
        return (
            f"half of the texts have {speed:.0f} characters a second or more, faster than people speak: check"
            " the sample rate of the files, and that texts and files belong together"
        )
    varied = all(pstdev(values) > 0.2 * mean(values) for values in (letters, seconds))
    # pauses hide the lengths of single words
    many = len(set(texts)) >= _LOOSE and mean(letters) >= _SENTENCE
    if many and varied and _certainty(letters, seconds, len(letters)) < _UNSURE:
        return "longer texts do not have longer recordings: check that texts and files belong together"
    return ""


def shifted(texts: Sequence[str], seconds: Sequence[float]) -> int:
    """Whether the texts of a table were shifted by a row: 1 or -1 if each recording fits the next or the
    previous text and not its own; 0 otherwise.

    The longer a text, the longer it takes to say it. So the lengths of a table correlate; those of a shifted
    one correlate only when the shift is undone. The same texts again in the same order prove nothing more:
    only different texts count.
    """
    letters, different = [len(text) for text in texts], len(set(texts))
    if different < _FEWEST or _certainty(letters, seconds, len(letters)) > _UNSURE:
        return 0
    if _certainty(letters[1:], seconds[:-1], different - 1) > _SURE:
        return 1
    return -1 if _certainty(letters[:-1], seconds[1:], different - 1) > _SURE else 0


def _certainty(first: Sequence[float], second: Sequence[float], count: int) -> float:
    """Fisher's z of the correlation of two sequences, divided by its standard error for `count` values."""
    deviations = pstdev(first) * pstdev(second)
    if count < 4 or deviations == 0:
        return 0.0
    middle, other = mean(first), mean(second)
    covariance = mean((a - middle) * (b - other) for a, b in zip(first, second, strict=True))
    return math.atanh(max(-0.9999, min(0.9999, covariance / deviations))) * math.sqrt(count - 3)
