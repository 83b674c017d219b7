"""What the judges of lesson 03 try the learner's functions on: texts as indices, and made-up posteriors."""

from __future__ import annotations

import torch
from torch import Tensor

from omni_lib.text import Vocabulary

VOCABULARY = Vocabulary()


def indices(text: str) -> list[int]:
    """Class indices of a text."""
    return VOCABULARY.encode(text)


def posteriors(frames: int, seed: int, sharpness: float = 2.0) -> Tensor:
    """Made-up log-probabilities (frames, 29) in float64."""
    logits = torch.randn(
        frames, len(VOCABULARY), generator=torch.Generator().manual_seed(seed), dtype=torch.float64
    )
    return (sharpness * logits).log_softmax(dim=-1)
