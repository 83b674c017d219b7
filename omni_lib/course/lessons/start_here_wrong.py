"""Lesson 00: plausible wrong answers, each with words of the reply that it must get; and other right ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

WRONG: dict[str, list[tuple[Any, str]]] = {
    "seconds": [
        (lambda samples: samples * 16_000, "That multiplies"),
        (lambda samples: samples, "Those are samples still"),
        (lambda samples: samples // 16_000, "cuts off"),
        (lambda samples: samples / 160, "frames of 10 ms"),
        (lambda samples: samples / 44_100, "it should be 1"),
        (lambda samples: print(samples / 16_000), "is the `return` missing?"),
    ],
    "purpose_of_stage_b": [
        ("to understand speech", "which part of the model"),
        ("it trains the audio encoder", "by which task"),
        ("it trains the audio encoder to recognise speech", "what for"),
        ("it trains the Thinker", "another stage"),
        (42, "a sentence in quotes"),
    ],
    "pipeline_order": [
        ("a", "must be there before"),
        ("c", "computed from it"),
        ("d", "a step is missing"),
        ("yes", "one of the letters"),
    ],
    "numbers_left": [
        (12_800, "the log-mel"),
        (2400, "the average"),
        (204, "do not add"),
        (12, "so many embeddings"),
        (1, "too low"),
    ],
}

OTHER_RIGHT: dict[str, list[Any]] = {
    "seconds": [
        lambda samples: samples * 1 / 16e3,
        lambda samples: np.float64(samples) / 16_000,
        lambda samples: torch.tensor(samples / 16_000),
    ],
    "purpose_of_stage_b": [
        "The audio encoder learns, by transcribing speech, embeddings which the Thinker can use.",
        "ASR teaches the encoder representations of speech for stage E",
    ],
    "pipeline_order": ["B"],
    "numbers_left": [12 * 192, "2304"],
}
