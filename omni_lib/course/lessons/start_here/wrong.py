"""Lesson 00: plausible wrong answers, each with words of the reply that it must get; and other right ones."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import torch

WRONG: dict[str, list[tuple[Any, str]]] = {
    "seconds": [
        (lambda samples: samples * 16_000, "You multiply"),
        (lambda samples: samples, "Those are still samples"),
        (lambda samples: samples // 16_000, "cuts off"),
        (lambda samples: int(samples / 16_000), "or `int`"),
        (lambda samples: torch.tensor(samples) // 16_000, "cuts off"),
        (lambda samples: round(samples / 16_000), "rounded"),
        (lambda samples: round(samples / 16_000, 2), "rounded"),
        (lambda samples: samples / 16, "milliseconds"),
        (lambda samples: 16_000 / samples, "the wrong way round"),
        (lambda samples: [samples / 16_000], "a list of length 1; a single number"),
        (lambda samples: math.nan, "NaN (0 / 0"),
        (lambda samples: samples / 160, "frames of 10 ms"),
        (lambda samples: samples / 44_100, "it should be 1"),
        (lambda samples: print(samples / 16_000), "is the `return` missing?"),
        (
            lambda samples: samples / 16_000 if samples > 8_000 else 0.0,
            "returns 0, and it should be 6.25e-05.",
        ),
        (lambda samples: max(1, samples) / 16_000, "No samples: your function returns 6.25e-05"),
        (lambda samples: math.ceil(samples / 16_000), "That is rounded"),
        (lambda samples: f"{samples / 16_000} s", "returns '1.0 s'; a number is wanted"),
    ],
    "pipeline_order": [
        ("a", "the log-mel comes first"),
        ("c", "computed from it"),
        ("d", "not of filters"),
        ("yes", "one of the letters"),
    ],
    "numbers_left": [
        (12_800, "the log-mel"),
        (2400, "the average"),
        (204, "do not add"),
        (12, "the number of embeddings"),
        (16_000, "before"),
        (6.94, "how many times"),
        (19_200, "every frame"),
        (1, "too low"),
        ("0.144", "0.144 is too low"),
    ],
}

OTHER_RIGHT: dict[str, list[Any]] = {
    "seconds": [
        lambda samples: samples * 1 / 16e3,
        lambda samples: np.float64(samples) / 16_000,
        lambda samples: torch.tensor(samples / 16_000),
        lambda samples: Fraction(samples, 16_000),
        lambda samples: sum(divmod(samples, 16_000)[part] * (1, 1 / 16_000)[part] for part in (0, 1)),
        lambda samples: np.float32(samples) / np.float32(16_000),
    ],
    "pipeline_order": ["B", "b)", "(b)", "b.", "option b", "b: waveform"],
    "numbers_left": [
        12 * 192,
        "2304",
        "2,304",
        "2 304",
        "2.304",
        "2304 numbers",
        "12 × 192",
        "there are 2304",
    ],
}
