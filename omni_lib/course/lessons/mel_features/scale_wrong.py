"""Lesson 01, the mel scale: wrong answers, each with words of its reply, and other right ones."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
import torchaudio


def filters_of(n_fft: int, n_mels: int, mel_scale: str = "htk", highest: float = 8000.0) -> Any:
    return torchaudio.functional.melscale_fbanks(
        n_fft // 2 + 1, 0.0, highest, n_mels, 16_000, mel_scale=mel_scale
    )


def _empty(n_fft: int, n_mels: int) -> Any:
    return (filters_of(n_fft, n_mels).sum(dim=0) == 0).nonzero().flatten().tolist()


def _by_hand(n_fft: int, n_mels: int, *, edges: bool = False, steps: int | None = None) -> list[int]:
    """From the corners of the triangles; with `edges` a bin on a corner counts, too."""
    highest, steps = math.log10(1 + 8000 / 700), steps or n_mels + 1
    corners = [700 * (10 ** (highest * corner / steps) - 1) for corner in range(n_mels + 2)]
    bins = [16_000 / n_fft * number for number in range(n_fft // 2 + 1)]
    return [
        number
        for number in range(n_mels)
        if not any(
            corners[number] < each < corners[number + 2] or (edges and each == corners[number])
            for each in bins
        )
    ]


WRONG: dict[str, list[tuple[Any, str]]] = {
    "hertz_to_mel": [
        (lambda hertz: 2595 * math.log10(1 + hertz / 1000), "your brackets with the formula"),
        (lambda hertz: 2595 + math.log10(1 + hertz / 700), "The factor is added"),
        (lambda hertz: 2595 * math.log10((1 + hertz) / 700), "only the frequency is divided"),
        (lambda hertz: 2595 * math.log(1 + hertz / 700), "natural logarithm"),
        (lambda hertz: 1127 * math.log10(1 + hertz / 700), "belongs to the natural logarithm"),
        (lambda hertz: 2595 * math.log2(1 + hertz / 700), "base two"),
        (lambda hertz: 2595 * math.log10(hertz / 700), "raises ValueError"),
        (
            lambda hertz: (
                hertz * 3 / 200 if hertz < 1000 else 15 + 27 * math.log(hertz / 1000) / math.log(6.4)
            ),
            "Slaney",
        ),
        (lambda hertz: hertz, "still hertz"),
        (lambda hertz: 2595 * math.log10((1 + hertz) / 700), "only the frequency"),
        (lambda hertz: 700 * (10 ** (hertz / 2595) - 1), "the way back"),
        (lambda hertz: math.log10(1 + hertz / 700), "The factor of the formula is missing"),
        (lambda hertz: round(2595 * math.log10(1 + hertz / 700)), "rounded"),
        (lambda hertz: 2595 * math.log10(1 + hertz // 700), "`//`"),
        (lambda hertz: 2595 * math.log10(1 + hertz / 1000), "it should be"),
        (lambda hertz: 2595 * math.log10(1 + hertz / 701), "Compare your factor, your logarithm and your"),
        (
            lambda hertz: 2595 * math.log10(hertz / 700) if hertz else 0.0,
            "The one in the brackets is missing",
        ),
        (lambda hertz: 2595 * math.log10(1 + 700 / hertz) if hertz else 0.0, "upside down"),
        (lambda hertz: 2595 * math.log10(700 + hertz), "Divide the frequency"),
        (lambda hertz: 2595 * math.log10(1 + hertz * 700), "In the brackets you multiply"),
        (lambda hertz: 2595 * math.log10(1 + hertz / 700_000), "in kilohertz"),
        (lambda hertz: 2959 * math.log10(1 + hertz / 700), "differ by one factor"),
    ],
    "empty_filters": [
        (
            lambda n_fft, n_mels: filters_of(n_fft, n_mels).sum(dim=0).nonzero().flatten().tolist(),
            "the filters that do contain a bin",
        ),
        (
            lambda n_fft, n_mels: np.where(filters_of(n_fft, n_mels).sum(dim=0).numpy() == 0),
            "a tuple with one array",
        ),
        (
            lambda n_fft, n_mels: len((filters_of(n_fft, n_mels).sum(dim=0) == 0).nonzero()),
            "a list is wanted",
        ),
        (
            lambda n_fft, n_mels: (filters_of(n_fft, n_mels).sum(dim=1) == 0).nonzero().flatten().tolist(),
            "sum over the bins (axis 0)",
        ),
        (
            lambda n_fft, n_mels: (filters_of(n_fft, n_mels).sum(dim=0) != 0).nonzero().flatten().tolist(),
            "it should have length 4",
        ),
        (
            lambda n_fft, n_mels: (
                (filters_of(n_fft, n_mels, mel_scale="slaney").sum(dim=0) == 0).nonzero().flatten().tolist()
            ),
            "empty filters of the Slaney scale",
        ),
        (lambda n_fft, n_mels: [0, 3, 6, 13], "it should have length 1"),
        (lambda n_fft, n_mels: str(_empty(n_fft, n_mels)), "returns a text of length 13"),
        (lambda n_fft, n_mels: [str(each) for each in _empty(n_fft, n_mels)], "a list of texts"),
        (
            lambda n_fft, n_mels: (
                (filters_of(n_fft, n_mels, highest=16_000.0).sum(dim=0) == 0).nonzero().flatten().tolist()
            ),
            "at half of it",
        ),
        (
            lambda n_fft, n_mels: (filters_of(n_fft, n_mels).sum(dim=0) == 0).nonzero(),
            "a plain list of filter numbers",
        ),
        (lambda n_fft, n_mels: filters_of(n_fft, n_mels).sum(dim=0) == 0, "true or false for each filter"),
        (
            lambda n_fft, n_mels: [each + 1 for each in _empty(n_fft, n_mels)],
            "start at zero",
        ),
        (lambda n_fft, n_mels: _empty(n_fft, n_mels)[::-1], "ascending"),
        (lambda n_fft, n_mels: torch.where(filters_of(n_fft, n_mels).sum(dim=0) == 0), "`[0]`"),
        (
            lambda n_fft, n_mels: _empty(n_fft, n_mels) if n_fft != 512 else 0,
            "The next power of two: your function returns the number 0",
        ),
        (lambda n_fft, n_mels: _empty(2 * n_fft - 2, n_mels), "half as many bins as points"),
        (lambda n_fft, n_mels: _empty(n_fft - 2, n_mels), "half as many bins as points"),
        (lambda n_fft, n_mels: _by_hand(n_fft, n_mels, edges=True), "The first filter is missing."),
        (
            lambda n_fft, n_mels: _by_hand(n_fft, n_mels, steps=n_mels + 2),
            "17, and it should be 19. An empty filter is a triangle without any bin",
        ),
    ],
}

OTHER_RIGHT: dict[str, list[Any]] = {
    "hertz_to_mel": [
        lambda hertz: 1127 * math.log1p(hertz / 700),
        lambda hertz: torch.tensor(2595.0) * torch.log10(torch.tensor(1 + hertz / 700)),
        lambda hertz: 2595 * np.log10(1 + np.float32(hertz) / 700),
    ],
    "empty_filters": [
        _by_hand,
        lambda n_fft, n_mels: [
            index for index in range(n_mels) if not filters_of(n_fft, n_mels)[:, index].any()
        ],
        lambda n_fft, n_mels: (filters_of(n_fft, n_mels).amax(dim=0) == 0).nonzero().flatten(),
        lambda n_fft, n_mels: tuple(np.flatnonzero(~filters_of(n_fft, n_mels).numpy().any(axis=0))),
    ],
}
