"""Lesson 01, the number of frames: wrong answers, each with words of its reply, and other right ones."""

from __future__ import annotations

import math
from typing import Any

import numpy as np


def _counted(samples: int, window: int, hop: int, centred: bool) -> int:
    return len(range(0, samples + 1, hop)) if centred else len(range(0, samples - window + 1, hop))


def _by_padding(samples: int, window: int, hop: int, centred: bool) -> int:
    """Half a window of zeros at each end, in whole samples: right for even windows only."""
    return max(0, 1 + (samples + 2 * (window // 2) * centred - window) // hop)


WRONG: list[tuple[Any, str]] = [
    (lambda samples, window, hop, centred: samples // hop, "it should be 98"),
    (lambda samples, window, hop, centred: (samples - window) / hop, "not a whole number"),
    (lambda samples, window, hop, centred: str(samples // hop), "'100'; a number is wanted"),
    (
        lambda samples, window, hop, centred: 1 + (samples - window) // hop,
        "Centred, the first frame is on sample 0",
    ),
    (
        lambda samples, window, hop, centred: samples // hop + 1 if centred else (samples - window) // hop,
        "it should be 98",
    ),
    (
        lambda samples, window, hop, centred: (
            samples // hop + 1 if centred else 1 + (samples - window) // hop
        ),
        "no negative frames",
    ),
    (
        lambda samples, window, hop, centred: samples / hop + 1 if centred else 1 + (samples - window) / hop,
        "it should be 98",
    ),
    (lambda samples, window, hop, centred: print(samples), "is the `return` missing?"),
    (
        lambda samples, window, hop, centred: max(0, round((samples - window * (not centred)) / hop) + 1),
        "`round` or `ceil`",
    ),
    (
        lambda samples, window, hop, centred: (
            1 + math.ceil(samples / hop) if centred else max(0, 1 + math.ceil((samples - window) / hop))
        ),
        "`round` or `ceil`",
    ),
    (
        lambda samples, window, hop, centred: 1 + samples / hop if centred else 1 + (samples - window) / hop,
        "not a whole number",
    ),
    (
        lambda samples, window, hop, centred: (
            samples // hop if centred else max(0, 1 + (samples - window) // hop)
        ),
        "as `LogMel` does",
    ),
    (
        lambda samples, window, hop, centred: (
            max(0, 1 + (samples - window) // hop) if centred else 1 + samples // hop
        ),
        "exchanged",
    ),
    (98, "itself, without brackets"),
    (lambda samples, window, hop, centred: 1 + samples // hop, "is that of centred windows"),
    (
        lambda samples, window, hop, centred: (
            1 + samples // hop if centred else max(0, samples // hop - window // hop + 1)
        ),
        "divide once",
    ),
    (_by_padding, "An odd window"),
    (lambda samples, window, hop, centred: samples // hop - 1, "The first window needs `window` samples"),
    (
        lambda samples, window, hop, centred: (
            1 + samples // hop if centred else max(0, (samples - window) // hop)
        ),
        "the first window, before any hop",
    ),
    (lambda samples, window, hop, centred: np.arange(0, samples + 1, hop), "an array with 1 axis; a number"),
]

OTHER_RIGHT: list[Any] = [
    _counted,
    lambda samples, window, hop, centred: np.int64(_counted(samples, window, hop, centred)),
    lambda samples, window, hop, centred: float(_counted(samples, window, hop, centred)),
]
